/* SPDX-License-Identifier: Apache-2.0
 *
 * fault_input.h -- events that are sent while servers and instances are hurt, and what was sent.
 *
 * A stream that its seed decides: unique ids, event times that only grow, users by Zipf's law,
 * courses and orders in turn, and, if asked, records in between that must become dead letters. How
 * much of the stream is sent depends on how long the faults take.
 *
 * Every sixteenth event is of somebody whom triggers are about, and who only knows courses: w<n>
 * comes 28 days before the first event of the stream (so he has gone silent since) and again later,
 * s<n> is the same and never comes again, x<n> enrolled three days before.
 *
 * Each record carries its number in the header `seq`, and sent.tsv has a line for each number:
 *
 *     seq, topic index, event id, user, ts, action, items by commas, reason, value
 *
 * reason: "-" of an event, else the code that its letter must carry; value: hex of a bad record's
 * bytes, "-" of none and of events.
 *
 * The producer is idempotent: nothing is lost or doubled on the way to Kafka. Threads: start,
 * evolve and finish from one; it sends from a thread of its own.
 */
#ifndef FAULT_INPUT_H
#define FAULT_INPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"

enum { INPUT_TOPICS = 2, INPUT_USERS = 2000, INPUT_COURSES = 300, INPUT_DISHES = 200 };

struct input_plan {
    uint64_t seed;
    uint64_t events; /* at least so many are sent                       */
    int rate;        /* events a second while faults happen             */
    bool poison;     /* one record in ten is bad                        */
    int32_t partitions;
    uint32_t schema_id[INPUT_TOPICS];
};

struct input; /* opaque */

/** Begins to send; sent.tsv is written in `dir`. NULL, with the reason on stderr, if it cannot. */
struct input *input_start(const struct config *cfg, const struct input_plan *plan, const char *dir);

/** From now on records of a topic carry this schema id; its schema has one more field behind the
 *  others, a union whose first branch is null. */
void input_evolve(struct input *in, uint32_t topic, uint32_t schema_id);

/** Nothing is sent until input_resume(); what was sent is in Kafka, a minute is waited at most.
 *  False, with the reason on stderr, if it is not. */
bool input_pause(struct input *in);
void input_resume(struct input *in);

/** Events sent so far, and bad records: some may not be in Kafka. */
uint64_t input_events(const struct input *in);
uint64_t input_bad(const struct input *in);

/** Sends, faster, what is missing of plan.events, waits until all is in Kafka, and frees.
 *  @return false, with the reason on stderr, if not everything is there */
bool input_finish(struct input *in, uint64_t *events, uint64_t *bad);

#endif
