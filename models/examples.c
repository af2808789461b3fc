/* SPDX-License-Identifier: Apache-2.0
 * examples.c -- see examples.h. */
#include "examples.h"

static const double MS_PER_S = 1e3;
static const double DRAINED_LEAST = 1.0 / EXAMPLES_LEAST;

uint32_t examples_take(struct examples *x, uint32_t rate, int64_t gone_ms) {
    if (rate > 0) {
        const double by_time = (double)gone_ms * (double)rate / MS_PER_S;
        const double drained = by_time > DRAINED_LEAST ? by_time : DRAINED_LEAST;
        x->used = x->used > drained ? x->used - drained : 0.0;
        if (x->used + 1.0 > (double)rate * EXAMPLES_BURST_S) {
            x->passed += x->passed < UINT32_MAX - 1;
            return 0;
        }
        x->used += 1.0;
    }
    const uint32_t stands_for = x->passed + 1;
    x->passed = 0;
    return stands_for;
}
