/* SPDX-License-Identifier: Apache-2.0
 *
 * fault_gap.h -- for how long did the lists of a task stand still? Judged by what Redis says:
 * crossrec:published:<task>, whose offsets grow while a task is served and fed.
 *
 * Times are monotonic milliseconds that the caller passes. Threads: one at a time.
 */
#ifndef FAULT_GAP_H
#define FAULT_GAP_H

#include <stdint.h>

struct gap; /* opaque */

/** @param socket  of Redis, borrowed; it need not answer
 *  @return NULL: out of memory */
struct gap *gap_new(const char *socket, int tasks, int64_t now_ms);
void gap_free(struct gap *g);
/** Asks Redis, for at most 300 ms; what it does not answer has not moved. */
void gap_look(struct gap *g, int64_t now_ms);
/** From now on, whatever was before. */
void gap_mark(struct gap *g, int64_t now_ms);
/** The longest time, of any task, between two steps. */
int64_t gap_longest_ms(const struct gap *g);

#endif
