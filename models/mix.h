/* SPDX-License-Identifier: Apache-2.0
 *
 * mix.h -- 64-bit mixing: randomness as a function of its arguments.
 *
 * Nothing in models/ keeps a hidden random state that is shared: a draw is
 * mix64(seed ^ something named), or a struct rng that the caller owns. One step
 * of SplitMix64: Steele, Lea, Flood: Fast Splittable Pseudorandom Number
 * Generators, OOPSLA 2014.
 */
#ifndef MIX_H
#define MIX_H

#include <stdint.h>

/** A bijection of 64-bit words whose output bits all depend on all input bits. */
static inline uint64_t mix64(uint64_t x) {
    x += 0x9e3779b97f4a7c15U;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
}

/** A stream of draws; plain value, seeded by assigning `state`. */
struct rng {
    uint64_t state;
};

/** The next 64 random bits. */
static inline uint64_t rng_next(struct rng *r) {
    uint64_t z = r->state;
    r->state += 0x9e3779b97f4a7c15U;
    z += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

/** Uniform in [0, 1), 53 bits. */
static inline double rng_unit(struct rng *r) {
    return (double)(rng_next(r) >> 11) * 0x1p-53;
}

/** Uniform in [0, n), n > 0; the bias is below 2^-32 for n < 2^32 (Lemire 2019). */
static inline uint32_t rng_below(struct rng *r, uint32_t n) {
    return (uint32_t)(((rng_next(r) >> 32) * (uint64_t)n) >> 32);
}

#endif
