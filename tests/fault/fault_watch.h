/* SPDX-License-Identifier: Apache-2.0
 *
 * fault_watch.h -- looks at /metrics of all instances, again and again, while they are hurt.
 *
 * What the counters of an instance say is lost when it is killed; so the differences between two
 * looks are added up here. From the mark on:
 *
 *     p99        of crossrec_event_to_redis_seconds, ms: upper bound of the bucket it falls in
 *     gap        longest time in which a task's lists stood still (fault_gap.h), ms
 *     echoes     events dropped because their id was known: the input has no id twice, so each is
 *                one that was read after its effect was there (counted from the start)
 *
 * Steady means: every instance that should answer does and has Redis, all tasks run, nobody is
 * catching up, and
 * no more records wait than did before the mark. Threads: a watcher looks from its own.
 */
#ifndef FAULT_WATCH_H
#define FAULT_WATCH_H

#include <stdbool.h>
#include <stdint.h>

enum { WATCH_MAX = 4 };

struct watch; /* opaque */

struct watch_sums {
    double p99_ms; /* -1: nothing was published; INFINITY: above the last bucket */
    int64_t gap_ms;
    uint64_t published, echoes, fenced, undone;
};

/** @param socket  of Redis, borrowed
 *  @param tasks  partitions: so many tasks run when all is well
 *  @param slack  records that may wait when all is well */
struct watch *watch_start(const char *socket, int tasks, int64_t slack);
void watch_stop(struct watch *w);

/** Instance k is expected to answer at `http` ("host:port"), with counters from 0; NULL: it is not.
 */
void watch_expect(struct watch *w, int k, const char *http);
/** Looks now, so that what an instance has counted is not lost with it. */
void watch_look(struct watch *w);

/** Here the faults begin: p99 and gap are from now on. */
void watch_mark(struct watch *w);
/** Is it steady? As of a look that this call takes. */
bool watch_steady(struct watch *w);
struct watch_sums watch_read(struct watch *w);
/** Lines that instance k has learned in this life, as of the last look; -1: unknown. */
double watch_lines(struct watch *w, int k);
/** Says what the last look saw, to stderr. */
void watch_tell(struct watch *w);

#endif
