/* SPDX-License-Identifier: Apache-2.0
 *
 * ranked.h -- which few of many score best, in order.
 *
 * Equal scores are in the order of hashes, which all instances share, as they do not share indices.
 *
 * Ownership: the caller owns all arrays. Threads: any.
 */
#ifndef RANKED_H
#define RANKED_H

#include <stdbool.h>
#include <stdint.h>

/* Something on its way into the top n. */
struct ranked {
    float score;
    uint32_t at; /* where it is: its place among candidates, or its item */
    uint64_t hash;
};

/** Does a come before b? By score, ties by hash. */
static inline bool ranked_before(const struct ranked *a, const struct ranked *b) {
    return a->score > b->score || (a->score == b->score && a->hash < b->hash);
}

/** Keeps the `max` > 0 best of a stream in order: top (n,) and r; they are few. Returns how many
 *  there are then. */
uint32_t ranked_insert(struct ranked *top, uint32_t n, uint32_t max, struct ranked r);

/** The `max` > 0 best of n <= RANKER_LIST_MAX scores (none a NaN), in order, and where they are.
 *  Candidate c is items[c], of whom hashes has a hash by item, looked at of those only that may be
 *  among the best. Returns how many. */
uint32_t ranked_best(const float *scores, uint32_t n, const uint32_t *items, const uint64_t *hashes,
                     uint32_t max, struct ranked *top);

#endif
