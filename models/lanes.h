/* SPDX-License-Identifier: Apache-2.0
 *
 * lanes.h -- floats that the compiler keeps in a vector register (GCC and Clang): eight, which is
 * what x86-64-v3 has. For .c files that compute; where there are no such vectors it is slower only.
 */
#ifndef LANES_H
#define LANES_H

#include <stdint.h>
#include <string.h>

enum { LANES = 8 };

typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));
typedef int32_t lane_masks __attribute__((vector_size(LANES * sizeof(int32_t)))); /* -1: yes */

/* From LANES floats anywhere. */
static inline lanes lanes_load(const float *x) {
    lanes v;
    memcpy(&v, x, sizeof v);
    return v;
}

static inline void lanes_store(float *x, lanes v) {
    memcpy(x, &v, sizeof v);
}

/* Of each lane `yes` where the mask says so, else `no`. */
static inline lanes lanes_where(lane_masks m, lanes yes, lanes no) {
    return (lanes)((m & (lane_masks)yes) | (~m & (lane_masks)no));
}

/* The larger of each two. */
static inline lanes lanes_max(lanes a, lanes b) {
    return lanes_where(a > b, a, b);
}

/* One sum, always in this order: halves, then pairs of what they are. */
static inline float lanes_sum(lanes v) {
    float four[LANES / 2];
    for (int z = 0; z < LANES / 2; z++) {
        four[z] = v[z] + v[z + LANES / 2];
    }
    return (four[0] + four[2]) + (four[1] + four[3]);
}

#endif
