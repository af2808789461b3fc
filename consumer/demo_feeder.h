/* SPDX-License-Identifier: Apache-2.0
 *
 * demo_feeder.h -- the thread that produces the demo's events, at a pace and never too far
 * ahead of the consumer.
 *
 * The embedded broker keeps at most 5 MiB a partition, and latency is shown: so at most
 * DEMO_AHEAD records are on their way at any moment: sent and not yet learned.
 * It also watches the sample user (demo_sample.h) and keeps his newest events, sends the rows of
 * the catalogue as the items are born, and does what is asked of it meanwhile: pause, follow
 * somebody else, send an order.
 *
 * Threads: makes one of its own; the functions here are the main thread's, and wait for nothing.
 */
#ifndef DEMO_FEEDER_H
#define DEMO_FEEDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "demo_events.h"
#include "demo_memory.h"
#include "event.h"
#include "status.h"

enum { DEMO_AHEAD = 2000, DEMO_HAPPENINGS = 24 };

struct demo_feeder; /* opaque */

struct demo_feeder_params {
    const struct config *cfg;   /* with the topics, one a domain        */
    struct demo_events *events; /* its own while it runs                */
    double rate;                /* events a second; 0: as fast as it goes */
    int64_t seconds;            /* then it stops; 0: at the last event; pauses do not count */
    int64_t quiet_ms;           /* of the sample user, see demo_sample.h */
    const char *run;            /* ids of injected events begin with it */
};

/* What the sample user did last. */
struct demo_sight {
    uint64_t number; /* counts the sample's events, over all samples; 0: none yet */
    uint64_t sample; /* counts samples                                            */
    bool held;       /* asked for                                                 */
    char user[ID_LEN_MAX + 1];
    uint32_t domain, other; /* of the event, and where else he is active */
    uint32_t n_events;
    struct demo_happening events[DEMO_HAPPENINGS]; /* newest first, also from before he was
                                                      the sample */
};

/** Everything in `params` must outlive it. `err` has CONFIG_ERROR_MAX bytes. */
MUST_CHECK enum status demo_feeder_start(const struct demo_feeder_params *params,
                                         struct demo_feeder **out, char *err);
/** Asks it to feed no more after the event at hand. */
void demo_feeder_stop(struct demo_feeder *f);
/** While it pauses no event is fed; orders are. */
void demo_feeder_pause(struct demo_feeder *f, bool pause);
/** Another sample: this user, held from now on, or, of "", the next lively one. */
void demo_feeder_follow(struct demo_feeder *f, const char *user);
/** One event of this user at the newest time of the stream: what an event of the domain does if it
 *  says nothing (ordered, enrolled). After the last event, too.
 *  @return ST_OK; ST_AGAIN: the one before has not gone yet; ST_NOT_FOUND: no event was fed yet */
MUST_CHECK enum status demo_feeder_order(struct demo_feeder *f, uint32_t domain, const char *user,
                                         const char *item);
/** True when no more events will be fed and all that was sent is acknowledged. */
bool demo_feeder_done(const struct demo_feeder *f);
/** Events and Kafka records sent so far. */
uint64_t demo_feeder_events(const struct demo_feeder *f);
uint64_t demo_feeder_records(const struct demo_feeder *f);
/** Records that the daemon of this process is done with: learned, dropped or dead letters. */
uint64_t demo_feeder_taken(void);
/** False, and *out untouched, if there is nothing newer than *out. */
bool demo_feeder_sight(struct demo_feeder *f, struct demo_sight *out);
/** Stops it, waits for its end, frees it. NULL is allowed.
 *  @return ST_OK, or what went wrong with why in `err` */
enum status demo_feeder_join(struct demo_feeder *f, char *err);

#endif
