/* SPDX-License-Identifier: Apache-2.0
 *
 * ranker_leak.h -- what a hidden unit hands on; for ranker*.c only.
 */
#ifndef RANKER_LEAK_H
#define RANKER_LEAK_H

#include <stdint.h>

#include "lanes.h"

#define RANKER_LEAK .1F /* slope below 0 */

typedef int32_t masks __attribute__((vector_size(LANES * sizeof(int32_t))));

/* yes where a > 0, else no */
static inline lanes where_positive(lanes a, lanes yes, lanes no) {
    const masks m = a > 0.0F;
    return (lanes)((m & (masks)yes) | (~m & (masks)no));
}

static inline lanes leaky(lanes a) {
    return where_positive(a, a, a * RANKER_LEAK);
}

#endif
