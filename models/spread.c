/* SPDX-License-Identifier: Apache-2.0
 *
 * spread.c -- see spread.h.
 *
 * Within a category the candidate with the best rank left always wins, and all categories
 * without interest gain nothing from the mix: they are one group. So each slot is decided among
 * the heads of at most SPREAD_INTERESTS + 1 queues.
 */
#include "spread.h"

#include <float.h>
#include <string.h>

#include "ex.h"
#include "lg.h"
#include "mix.h"

#define SMOOTH 0.01F /* a */
#define LN2    0.693147181F

enum {
    GROUPS = SPREAD_INTERESTS + 1,
    OTHERS = 0, /* the group without interest */
    TABLE_BITS = 8,
    NO_CANDIDATE = SPREAD_DEPTH,
    BLANK = SPREAD_POOL,
};
_Static_assert((int)SPREAD_POOL >= (int)LIST_MAX, "an urn has room for a blank a slot");
_Static_assert(GROUPS < 1 << TABLE_BITS, "the table always has a free cell");

/* ---- calibration ----------------------------------------------------------- */

struct groups {
    uint32_t n;
    float q[GROUPS];
    float taken[GROUPS];   /* n_c                                                      */
    float worth[GROUPS];   /* (1 - dial) s~ of the head                                */
    float value[GROUPS];   /* of the head in the slot under way                        */
    uint32_t head[GROUPS]; /* best candidate left, or NO_CANDIDATE                     */
    uint32_t category[GROUPS];
    uint8_t table[1U << TABLE_BITS]; /* group of a category, by hash; OTHERS: free      */
    uint32_t next[SPREAD_DEPTH];     /* after this candidate in its group               */
    float s[SPREAD_DEPTH];           /* (1 - dial) s~                                   */
};

/* The table's cell of a category: where it is, or where it would be. */
static uint32_t cell_of(const struct groups *g, uint32_t category) {
    uint32_t at = category * 0x9e3779b1U >> (32 - TABLE_BITS);
    while (g->table[at] != OTHERS && g->category[g->table[at]] != category) {
        at = (at + 1) & ((1U << TABLE_BITS) - 1);
    }
    return at;
}

/* One group for each interest, with its share; none if nobody is interested in anything. */
static void groups_of_interests(struct groups *g, const struct spread_interest *interests,
                                uint32_t n) {
    g->n = 1;
    g->q[OTHERS] = 0.0F;
    g->head[OTHERS] = NO_CANDIDATE;
    memset(g->table, OTHERS, sizeof g->table);
    double weights[GROUPS] = {0.0};
    double sum = 0.0;
    for (uint32_t k = 0; k < n; k++) {
        const float w = interests[k].weight;
        if (!(w > 0.0F && w <= FLT_MAX)) {
            continue;
        }
        const uint32_t at = cell_of(g, interests[k].category);
        if (g->table[at] == OTHERS) {
            g->category[g->n] = interests[k].category;
            g->head[g->n] = NO_CANDIDATE;
            g->table[at] = (uint8_t)g->n++;
        }
        weights[g->table[at]] += (double)w;
        sum += (double)w;
    }
    for (uint32_t k = 1; k < g->n; k++) {
        g->q[k] = (float)(weights[k] / sum);
    }
}

/* Queues the candidates, from the last one so that the best ends at the head. */
static void queue_candidates(struct groups *g, const struct spread_candidate *candidates,
                             uint32_t n, float dial) {
    const float share = 1.0F - dial;
    const float best = candidates[0].score;
    for (uint32_t i = 0; i < n; i++) {
        g->s[i] = share * ex(candidates[i].score - best);
    }
    for (uint32_t i = n; i-- > 0;) {
        const uint32_t k = g->table[cell_of(g, candidates[i].category)];
        g->next[i] = g->head[k];
        g->head[k] = i;
    }
}

/* Groups without candidates only count in the sum of the weights. */
static void drop_empty(struct groups *g) {
    uint32_t n = 0;
    for (uint32_t k = 0; k < g->n; k++) {
        if (g->head[k] != NO_CANDIDATE) {
            g->q[n] = g->q[k];
            g->head[n] = g->head[k];
            g->worth[n] = g->s[g->head[k]];
            g->taken[n] = 0.0F;
            n++;
        }
    }
    g->n = n;
}

/* The group whose head takes slot m. */
static uint32_t best_group(struct groups *g, float m, float dial) {
    const float unit = dial * LN2;
    for (uint32_t k = 0; k < g->n; k++) {
        const float prior = SMOOTH * g->q[k] * m;
        const float with = (1.0F - SMOOTH) * (g->taken[k] + 1.0F) + prior;
        const float without = (1.0F - SMOOTH) * g->taken[k] + prior + FLT_MIN; /* q may be 0 */
        g->value[k] = g->worth[k] + unit * g->q[k] * lg(with / without);
    }
    uint32_t best = 0;
    for (uint32_t k = 1; k < g->n; k++) {
        if (g->value[k] > g->value[best] ||
            (g->value[k] == g->value[best] && g->head[k] < g->head[best])) {
            best = k;
        }
    }
    return best;
}

/* The head of group k has been taken; a group that is empty now makes room for the last one. */
static void advance(struct groups *g, uint32_t k) {
    const uint32_t next = g->next[g->head[k]];
    g->taken[k] += 1.0F;
    if (next != NO_CANDIDATE) {
        g->head[k] = next;
        g->worth[k] = g->s[next];
        return;
    }
    g->n--;
    g->q[k] = g->q[g->n];
    g->taken[k] = g->taken[g->n];
    g->worth[k] = g->worth[g->n];
    g->head[k] = g->head[g->n];
}

static uint32_t in_order(uint32_t n, uint32_t *out) {
    for (uint32_t i = 0; i < n; i++) {
        out[i] = i;
    }
    return n;
}

uint32_t spread_calibrate(const struct spread_candidate *candidates, uint32_t n_candidates,
                          const struct spread_interest *interests, uint32_t n_interests, float dial,
                          uint32_t n, uint32_t *out) {
    n_candidates = n_candidates < SPREAD_DEPTH ? n_candidates : SPREAD_DEPTH;
    n_interests = n_interests < SPREAD_INTERESTS ? n_interests : SPREAD_INTERESTS;
    n = n < n_candidates ? n : n_candidates;
    if (!(dial > 0.0F) || n == 0) {
        return in_order(n, out);
    }
    dial = dial < 1.0F ? dial : 1.0F;

    struct groups g;
    groups_of_interests(&g, interests, n_interests);
    if (g.n == 1) {
        return in_order(n, out);
    }
    queue_candidates(&g, candidates, n_candidates, dial);
    drop_empty(&g);
    for (uint32_t m = 0; m < n; m++) {
        const uint32_t k = best_group(&g, (float)(m + 1), dial);
        out[m] = g.head[k];
        advance(&g, k);
    }
    return n;
}

/* ---- exploration ----------------------------------------------------------- */

/* Which slots are drawn; `at` of out is filled in. */
static uint32_t draw_slots(uint32_t n, float explore, uint64_t seed, struct spread_slot *out) {
    uint32_t drawn = 0;
    for (uint32_t at = SPREAD_KEPT; at < n; at++) {
        const uint64_t coin = mix64(mix64(seed) ^ at);
        if ((double)(coin >> 11) * 0x1p-53 < (double)explore) {
            out[drawn++].at = at;
        }
    }
    return drawn;
}

/* The urn starts with what is not on the list, as positions in the pool. */
static uint32_t off_list(const uint32_t *items, uint32_t n, const uint32_t *pool, uint32_t n_pool,
                         uint32_t *urn) {
    uint32_t m = 0;
    for (uint32_t k = 0; k < n_pool; k++) {
        uint32_t listed = 0; /* no early exit: it vectorises */
        for (uint32_t i = 0; i < n; i++) {
            listed |= items[i] == pool[k];
        }
        urn[m] = k;
        m += listed ^ 1U;
    }
    return m;
}

uint32_t spread_explore(const uint32_t *items, uint32_t n, const uint32_t *pool, uint32_t n_pool,
                        float explore, uint64_t seed, struct spread_slot *out) {
    n = n < LIST_MAX ? n : LIST_MAX;
    n_pool = n_pool < SPREAD_POOL ? n_pool : SPREAD_POOL;
    explore = explore > 0.0F ? explore : 0.0F;
    explore = explore < 1.0F ? explore : 1.0F;
    const uint32_t drawn = draw_slots(n, explore, seed, out);
    if (drawn == 0) {
        return 0; /* most short lists */
    }

    uint32_t urn[SPREAD_POOL];
    uint32_t size = off_list(items, n, pool, n_pool, urn);
    while (size < n - SPREAD_KEPT) {
        urn[size++] = BLANK;
    }
    const float propensity = explore / (float)size;
    struct rng rng = {mix64(seed ^ 0x73707265616421U)}; /* not the coins' stream */
    uint32_t filled = 0;
    for (uint32_t d = 0; d < drawn; d++) {
        const uint32_t pick = d + rng_below(&rng, size - d);
        const uint32_t k = urn[pick];
        urn[pick] = urn[d];
        if (k != BLANK) {
            out[filled++] = (struct spread_slot){out[d].at, pool[k], propensity};
        }
    }
    return filled;
}
