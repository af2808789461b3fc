/* SPDX-License-Identifier: Apache-2.0
 *
 * feeder.h -- a producer of events in a thread of its own: load that goes on while a test kills
 * what consumes it.
 *
 * Events of a fixed number of users and items, each with an id of its own, now; now and then
 * bytes that are no event. Nothing is lost or doubled on the way: the producer is idempotent.
 */
#ifndef FEEDER_H
#define FEEDER_H

#include <stdint.h>

#include "config.h"

enum { FEEDER_USERS = 300, FEEDER_TOPICS = 2 };

struct feeder; /* opaque */

/** Starts to send `rate` events a second; one record in bad_every is bad, 0: none.
 *  @param first  number of the first event, so that ids go on where another feeder ended
 *  @return NULL, with the reason on stderr, if it cannot */
struct feeder *feeder_start(const struct config *cfg, int rate, int bad_every, uint64_t first);
void feeder_set(struct feeder *f, int rate, int bad_every);
/** Handed to the producer so far. */
uint64_t feeder_events(const struct feeder *f);
uint64_t feeder_bad(const struct feeder *f);
/** Stops, waits until everything is in Kafka, a minute at most, and frees. */
void feeder_stop(struct feeder *f, uint64_t *events, uint64_t *bad);

#endif
