/* SPDX-License-Identifier: Apache-2.0
 *
 * ranker_leak.h -- what a hidden unit hands on; for ranker*.c only.
 */
#ifndef RANKER_LEAK_H
#define RANKER_LEAK_H

#include "lanes.h"

#define RANKER_LEAK .1F /* slope below 0 */

/* yes where a > 0, else no */
static inline lanes where_positive(lanes a, lanes yes, lanes no) {
    return lanes_where(a > 0.0F, yes, no);
}

static inline lanes leaky(lanes a) {
    return where_positive(a, a, a * RANKER_LEAK);
}

#endif
