/* SPDX-License-Identifier: Apache-2.0
 *
 * examples.h -- which events a task's ranker learns from.
 *
 * Nets of 500 weights learn no better from a thousand examples a second than from a hundred, and an
 * example costs as much as a list does. So a task takes at most `rate` of them a second of event
 * time, and those of a minute at once (a token bucket; what is used drains away). Below that, which
 * is any stream but a busy one, every event is an example. Above it one stands for itself and for
 * those passed over since the one before: sums of what the ranker expects stay unbiased.
 *
 * By event time, not by the clock: who learns the same events again takes the same examples, and
 * history that is read fast is not thinned. One in 64 is one even if time stands still (behind an
 * event of the future). What else an event teaches does not depend on it.
 *
 * Pure. Threads: one.
 */
#ifndef EXAMPLES_H
#define EXAMPLES_H

#include <stdint.h>

enum { EXAMPLES_BURST_S = 60, EXAMPLES_LEAST = 64 /* one in so many is taken */ };

struct examples {
    double used;     /* taken and not drained yet, 0..rate EXAMPLES_BURST_S */
    uint32_t passed; /* events passed over since the last one taken         */
};

/** The task's event time went on by gone_ms (>= 0; 0 for one that is late).
 *  @param rate  examples a second; 0: every event is one
 *  @return for how many events this one stands; 0: it is passed over */
uint32_t examples_take(struct examples *x, uint32_t rate, int64_t gone_ms);

#endif
