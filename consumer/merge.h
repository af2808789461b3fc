/* SPDX-License-Identifier: Apache-2.0
 *
 * merge.h -- one order for all events of an instance: (ts, task, topic index, offset).
 *
 * Each task has a queue a topic. The smallest head is taken, unless a queue is empty that may
 * still have something smaller:
 *     - below its known end (records are on their way), or the end is not known: waited for,
 *       at most max_wait from when merge_next() finds it so;
 *     - at its known end: waited for max_idle from when merge_next() finds it empty (default 0).
 * So on preloaded topics the order is fixed, and on live ones nothing waits for the quiet.
 * Only the queues of running tasks take part.
 *
 * A queue whose task has just begun to run is starting: what was in its partition when its end was
 * first known is on its way, and slow brokers must not change the order of what is read again.
 * Until it has come to that end it is waited for max_start in place of max_wait; when that passes
 * in vain it is given up, and told of (struct merge_ends).
 *
 * A bad record keeps its place: it is an entry without an event, taken as soon as it is at the
 * head of its queue, so that its dead letter and its offset belong to the same batch.
 *
 * Entries are copied into a ring of bytes a queue, which grows and is reused: no allocation in
 * the steady state. Time is passed in (monotonic milliseconds).
 *
 * Ownership: owns the rings; a taken entry is borrowed until merge_pop(), or until something
 * is pushed to the same task and topic. Threads: one.
 */
#ifndef MERGE_H
#define MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event.h"
#include "status.h"

struct merge; /* opaque */

/* One entry at the head. */
struct merged {
    struct event event; /* n_lines 0: a bad record, see `letter`              */
    uint32_t task;
    uint16_t topic;
    int64_t offset;
    int64_t record_ms;  /* timestamp of the Kafka record, -1 unknown          */
    const void *letter; /* bad record: what merge_push_letter() was given     */
    size_t letter_len;
};

struct merge_waits { /* milliseconds, 0: none */
    int64_t max_wait, max_idle, max_start;
};

/** @param n_topics  1 or more */
MUST_CHECK enum status merge_new(uint32_t n_topics, const struct merge_waits *waits,
                                 struct merge **out);
void merge_free(struct merge *m);

/** Makes queues for a task, not yet running; existing ones are emptied.
 *  @return ST_OK, ST_NOMEM (nothing changed) */
MUST_CHECK enum status merge_add_task(struct merge *m, uint32_t task);
void merge_remove_task(struct merge *m, uint32_t task);
/** Lets a task's events take part. */
void merge_run_task(struct merge *m, uint32_t task);

/** Appends an event (event->offset, lines and strings are copied) of a task's topic, read at
 *  its offset. @return ST_OK, ST_NOT_FOUND (no such task), ST_NOMEM */
MUST_CHECK enum status merge_push(struct merge *m, uint32_t task, const struct event *event,
                                  int64_t record_ms);
/** Appends a bad record with bytes of the caller's layout. Same results. */
MUST_CHECK enum status merge_push_letter(struct merge *m, uint32_t task, uint16_t topic,
                                         int64_t offset, const void *bytes, size_t len);
/** A queue's reader begins at `offset`. */
void merge_begin(struct merge *m, uint32_t task, uint16_t topic, int64_t offset);
/** It reached `offset` without a record, at the end of the partition. */
void merge_reached(struct merge *m, uint32_t task, uint16_t topic, int64_t offset);

/** Entries buffered in one queue, and in all. */
size_t merge_buffered(const struct merge *m, uint32_t task, uint16_t topic);
size_t merge_buffered_all(const struct merge *m);
/** The position of a queue's reader: next offset to come from Kafka; -1 unknown yet. */
int64_t merge_position(const struct merge *m, uint32_t task, uint16_t topic);

/** Known ends: end(ctx, topic, task) as in ports.h. Asked for starting and empty queues of running
 *  tasks only, once a millisecond and when a queue becomes empty. */
struct merge_ends {
    int64_t (*end)(void *ctx, uint16_t topic, int32_t partition);
    /** A starting queue was waited for in vain: its position (-1 unknown), and its end (-1
     *  unknown). NULL is allowed. */
    void (*given_up)(void *ctx, uint16_t topic, int32_t partition, int64_t position, int64_t end);
    void *ctx;
};

/**
 * The next entry in order, or NULL if there is none or one must be waited for.
 * @param now_ms   monotonic
 * @param waiting  out, may be NULL: true if something is buffered but waited for
 */
const struct merged *merge_next(struct merge *m, const struct merge_ends *ends, int64_t now_ms,
                                bool *waiting);
/** What is likely to be next after what merge_next() has just returned, and what is behind that in
 * its own queue, which comes some time later: for whoever asks for their data early. NULL: not
 * known. Borrowed as above. */
const struct merged *merge_after(struct merge *m);
const struct merged *merge_behind(struct merge *m);
/** Removes what merge_next() returned last; nothing if that was NULL or is removed already. */
void merge_pop(struct merge *m);

#endif
