/* SPDX-License-Identifier: Apache-2.0
 *
 * candidates_keys.h -- scores >= 0 of items as 64-bit keys: which are the best of many. For
 * candidates*.c only.
 *
 * Ownership: the caller owns all arrays. Threads: any.
 */
#ifndef CANDIDATES_KEYS_H
#define CANDIDATES_KEYS_H

#include <stdint.h>
#include <string.h>

enum { CANDIDATES_BUCKETS = 2048 };

/* Larger is better: by score (>= 0, where the bits of floats are in their order), then by
 * the smaller index. One comparison, and no two are equal. */
static inline uint64_t candidates_key(float score, uint32_t item) {
    uint32_t bits;
    memcpy(&bits, &score, sizeof bits);
    return (uint64_t)bits << 32 | (uint32_t)~item;
}

static inline uint32_t candidates_key_item(uint64_t key) {
    return ~(uint32_t)(key & UINT32_MAX);
}

static inline float candidates_key_score(uint64_t key) {
    const uint32_t bits = (uint32_t)(key >> 32);
    float score;
    memcpy(&score, &bits, sizeof score);
    return score;
}

/* The bucket of a key: exponent and three bits of its score, which grow with it. */
static inline uint32_t candidates_key_bucket(uint64_t key) {
    return (uint32_t)(key >> 52) & (CANDIDATES_BUCKETS - 1); /* whatever the number is */
}

/** The highest bucket such that k of n >= k keys are in it and those above, of which there are
 *  *n_above. */
uint32_t candidates_keys_bucket(const uint64_t *a, uint32_t n, uint32_t k, uint32_t *n_above);

/** Moves the k largest of n >= k keys to the front, as they come but for those of the lowest of
 *  their buckets; of equal scores those with the larger upper half of their hashes, by item, go
 *  first. `last` (n,) is room. What lies below all of them changes nothing. */
void candidates_keys_keep(uint64_t *a, uint32_t n, uint32_t k, uint64_t *last,
                          const uint64_t *hashes);

#endif
