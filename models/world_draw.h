/* SPDX-License-Identifier: Apache-2.0
 *
 * world_draw.h -- what the synthetic world draws, from the generators of mix.h.
 */
#ifndef WORLD_DRAW_H
#define WORLD_DRAW_H

#include <math.h>
#include <stdint.h>

#include "normal.h"

#define DRAW_TWO_PI 6.283185307179586

/* Purposes of a generator, so that no two draw the same numbers. */
enum { DRAW_USER = 1, DRAW_CLOCK, DRAW_CHOICE, DRAW_ITEM, DRAW_NAME };

/** The generator of (seed, purpose, a, b). */
static inline struct rng draw_rng(uint64_t seed, uint64_t purpose, uint64_t a, uint64_t b) {
    return (struct rng){.state = mix64(mix64(mix64(mix64(seed) ^ purpose) ^ a) ^ b)};
}

/** Exponential with mean 1; finite. */
static inline double draw_exponential(struct rng *r) {
    return -log(1.0 - rng_unit(r));
}

/** The number of trials to the first success, 1, 2, ...; mean > 1. */
static inline uint32_t draw_geometric(struct rng *r, double mean) {
    return 1U + (uint32_t)(draw_exponential(r) / -log(1.0 - 1.0 / mean));
}

#endif
