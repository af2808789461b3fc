/* SPDX-License-Identifier: Apache-2.0
 *
 * ranked.c -- see ranked.h.
 */
#include "ranked.h"

#include <math.h>
#include <stddef.h>

#include "lanes.h"
#include "ranker.h"

uint32_t ranked_insert(struct ranked *top, uint32_t n, uint32_t max, struct ranked r) {
    if (n == max && !ranked_before(&r, &top[n - 1])) {
        return n;
    }
    uint32_t k = n < max ? n : max - 1;
    while (k > 0 && ranked_before(&r, &top[k - 1])) {
        top[k] = top[k - 1];
        k--;
    }
    top[k] = r;
    return n < max ? n + 1 : n;
}

/* ---- of a block --------------------------------------------------------------------------- */

/* A score (n,) that at least `max` reach, not far below that of the last of the best: the largest
 * of each of COLUMNS is looked for, and of these the max-th. */
static float reached(const float *scores, uint32_t n, uint32_t max) {
    enum { COLUMNS = 2 * LANES };
    if (max > COLUMNS || n < COLUMNS) {
        return -INFINITY;
    }
    lanes top[2] = {lanes_load(scores), lanes_load(scores + LANES)};
    for (uint32_t c = COLUMNS; c + COLUMNS <= n; c += COLUMNS) {
        top[0] = lanes_max(lanes_load(scores + c), top[0]);
        top[1] = lanes_max(lanes_load(scores + c + LANES), top[1]);
    }
    lane_masks above[2] = {{0}}; /* -how many surpass it */
    for (int k = 0; k < COLUMNS; k++) {
        const lanes x = (lanes){0} + top[k / LANES][k % LANES];
        above[0] += x > top[0];
        above[1] += x > top[1];
    }
    float least = INFINITY; /* of those that fewer than `max` surpass */
    for (int k = 0; k < COLUMNS; k++) {
        const float x = top[k / LANES][k % LANES];
        const bool one = above[k / LANES][k % LANES] > -(int32_t)max;
        least = one && x < least ? x : least;
    }
    return least;
}

uint32_t ranked_best(const float *scores, uint32_t n, const uint32_t *items, const uint64_t *hashes,
                     uint32_t max, struct ranked *top) {
    const float least = reached(scores, n, max);
    uint32_t near[RANKER_LIST_MAX];
    uint32_t n_near = 0;
    for (uint32_t c = 0; c < n; c++) { /* nobody can guess which */
        near[n_near] = c;
        n_near += scores[c] >= least;
    }
    for (uint32_t x = 0; x < n_near; x++) {
        /* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.ArraySubscript): x < n_near */
        __builtin_prefetch(&hashes[items[near[x]]]); /* all at once: they may be far away */
    }
    uint32_t n_top = 0;
    for (uint32_t x = 0; x < n_near; x++) {
        const uint32_t c = near[x];
        n_top = ranked_insert(top, n_top, max, (struct ranked){scores[c], c, hashes[items[c]]});
    }
    return n_top;
}
