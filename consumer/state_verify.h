/* SPDX-License-Identifier: Apache-2.0
 *
 * state_verify.h -- is the durable state whole? The changelog, or checkpoints of it.
 *
 * Lines are those of report.h. Of the topic: every record's envelope; the newest of each key is
 * opened whole; each task's positions beside the group's offsets and what the topics still have.
 * A group that has moved on while this looked is no problem. Of checkpoints: every record is opened
 * whole; how far it goes is said.
 *
 * Threads: one.
 */
#ifndef STATE_VERIFY_H
#define STATE_VERIFY_H

#include <stdint.h>
#include <stdio.h>

#include "config.h"
#include "state_source.h"

enum { STATE_PLACE_MAX = 2 * CONFIG_NAME_MAX };

/** Where a record is: "crossrec-state/3/123", or of a checkpoint "task 3, key 55..." in hex. */
const char *state_place(const struct state_row *r, const char *topic, char buf[STATE_PLACE_MAX]);

/** What a task's position in a topic, its next record, is beside what Kafka says. */
struct state_offsets {
    int64_t committed; /* by the group; -1: nothing */
    int64_t low, high; /* of the topic's partition  */
};
enum state_agreement {
    STATE_AGREES,
    STATE_UNCOMMITTED, /* the group has committed nothing (or its offsets have expired) */
    STATE_BEHIND,      /* the group has committed more than the task record has */
    STATE_AHEAD,       /* it has committed less */
    STATE_RETAINED,    /* the topic begins behind the position */
    STATE_BEYOND,      /* the topic ends before it: it was made anew */
};
enum state_agreement state_agreement(int64_t next, const struct state_offsets *o);

/** @param dir  of checkpoints, NULL: the topic. @return how many problems there are */
int state_verify(const struct config *cfg, const char *dir, int32_t task, FILE *out);

#endif
