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

/* lanes_sum() of eight at once: each is the sum of the same pairs. */
static inline lanes lanes_sums(const lanes v[LANES]) {
    lanes four[LANES / 2]; /* halves of two added up: those of v[2i], then of v[2i + 1] */
    lanes two[LANES / 4];
    for (size_t i = 0; i < LANES / 2; i++) {
        four[i] = __builtin_shufflevector(v[2 * i], v[2 * i + 1], 0, 1, 2, 3, 8, 9, 10, 11) +
                  __builtin_shufflevector(v[2 * i], v[2 * i + 1], 4, 5, 6, 7, 12, 13, 14, 15);
    }
    for (size_t i = 0; i < LANES / 4; i++) { /* v[4i], v[4i + 2] | v[4i + 1], v[4i + 3] */
        two[i] = __builtin_shufflevector(four[2 * i], four[2 * i + 1], 0, 1, 8, 9, 4, 5, 12, 13) +
                 __builtin_shufflevector(four[2 * i], four[2 * i + 1], 2, 3, 10, 11, 6, 7, 14, 15);
    }
    /* v0 v2 v4 v6 | v1 v3 v5 v7 */
    const lanes one = __builtin_shufflevector(two[0], two[1], 0, 2, 8, 10, 4, 6, 12, 14) +
                      __builtin_shufflevector(two[0], two[1], 1, 3, 9, 11, 5, 7, 13, 15);
    return __builtin_shufflevector(one, one, 0, 4, 1, 5, 2, 6, 3, 7);
}

#endif
