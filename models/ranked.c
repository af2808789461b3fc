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

struct block {
    const float *scores;
    const uint32_t *items;
    const uint64_t *hashes;
};

/* Hashes are far away, and only scores that are equal need them. */
static bool before(const struct block *b, uint32_t x, uint32_t y) {
    const float *s = b->scores;
    return s[x] > s[y] || (s[x] == s[y] && b->hashes[b->items[x]] < b->hashes[b->items[y]]);
}

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
    const struct block b = {scores, items, hashes};
    const float least = reached(scores, n, max);
    uint32_t near[RANKER_LIST_MAX];
    uint32_t n_near = 0;
    for (uint32_t c = 0; c < n; c++) { /* nobody can guess which */
        near[n_near] = c;
        n_near += scores[c] >= least;
    }
    uint32_t best[RANKER_LIST_MAX];
    uint32_t n_best = 0;
    for (uint32_t x = 0; x < n_near; x++) {
        /* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign): x < n_near */
        const uint32_t c = near[x];
        /* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): best (max,) is full */
        if (n_best == max && !before(&b, c, best[max - 1])) {
            continue;
        }
        uint32_t k = n_best < max ? n_best++ : max - 1;
        for (; k > 0 && before(&b, c, best[k - 1]); k--) {
            best[k] = best[k - 1];
        }
        best[k] = c;
        __builtin_prefetch(&hashes[items[c]]);
    }
    for (uint32_t k = 0; k < n_best; k++) {
        top[k] = (struct ranked){scores[best[k]], best[k], hashes[items[best[k]]]};
    }
    return n_best;
}
