/* SPDX-License-Identifier: Apache-2.0
 *
 * spread.h -- from a ranked list to the list that is shown: a category mix that fits the user,
 * and a few slots for finding out.
 *
 * Calibration (Steck: Calibrated Recommendations, RecSys 2018). q_c is the user's own share of
 * category c: his weight divided by the sum of all his weights. Of m items, n_c of category c:
 *
 *     p~_c = (1 - a) n_c/m + a q_c                      a = .01: p~ > 0 wherever q > 0
 *     KL   = sum over c with q_c > 0 of  q_c ln(q_c / p~_c)
 *     s~_i = exp(s_i - s_0)                             softmax divided by its largest
 *
 * Slot m = 1, 2, ..., n takes the candidate left with the largest
 *
 *     (1 - dial) s~_i - dial KL(the m - 1 items so far, and i)
 *
 * ties: the better rank. dial 0: the order of the scores; dial 1: only the mix counts, and scores
 * decide within a category and among those the user has no interest in. "No category" is one
 * like any other.
 *
 * With i = of category c, -KL is what all candidates of the slot have in common, plus
 *     q_c ln( ((1 - a)(n_c + 1) + a q_c m) / ((1 - a) n_c + a q_c m) )
 * so that a slot costs one term for each category, of which the best candidate left stands for
 * all. Float, in a fixed order of operations, with lg.h and ex.h in place of libm: what is chosen
 * is within 1e-5 of the largest.
 *
 * Exploration. Each slot but the first SPREAD_KEPT is drawn with probability `explore`,
 * independently of the others, and then shows an item of a pool of a few hundred that are worth
 * knowing more about, each of those not on the list with the same probability, none twice. Hence
 * each of them stands in each such slot with the same probability, its propensity:
 *
 *     explore / max(M, K)     M pool items not on the list, K = n - SPREAD_KEPT slots
 *
 * which is written with the list, for off-policy learning. (M < K: K - M blanks join the draw, and
 * the slot that draws one stays as it was.) Slots that show what was ranked carry 0: none stated.
 *
 * Pure functions of their arguments; no allocation. Threads: any.
 */
#ifndef SPREAD_H
#define SPREAD_H

#include <stdint.h>

#include "list.h"

enum {
    SPREAD_DEPTH = 200,    /* candidates looked at, best first; at least LIST_MAX */
    SPREAD_KEPT = 3,       /* slots at the top that are never explored            */
    SPREAD_INTERESTS = 64, /* categories of a user's mix                          */
    SPREAD_POOL = 300,     /* items of an exploration pool                        */
};

struct spread_candidate {
    float score;       /* finite: a logit of the ranker           */
    uint32_t category; /* dense; CATEGORY_NONE (content.h) is one */
};

struct spread_interest {
    uint32_t category; /* one that comes twice adds up                */
    float weight;      /* need not sum to 1; one that is not finite or
                          not > 0 is no interest                      */
};

/**
 * Chooses n of the candidates, in the order to be shown.
 *
 * @param candidates   (n_candidates,) best first; those beyond SPREAD_DEPTH are not looked at
 * @param interests    (n_interests,), the first SPREAD_INTERESTS are used; none: order of scores
 * @param dial         0..1, clamped; NaN is 0
 * @param n            <= LIST_MAX
 * @param out          out, distinct positions among the candidates, (min(n, n_candidates),)
 * @return how many: min(n, n_candidates)
 */
uint32_t spread_calibrate(const struct spread_candidate *candidates, uint32_t n_candidates,
                          const struct spread_interest *interests, uint32_t n_interests, float dial,
                          uint32_t n, uint32_t *out);

struct spread_slot {
    uint32_t at;      /* position in the list, >= SPREAD_KEPT */
    uint32_t item;    /* dense index                          */
    float propensity; /* 0 < p <= 1, see above                */
};

/**
 * Draws the exploration slots of a list. The same arguments give the same slots; which slots are
 * drawn depends on seed and explore only.
 *
 * @param items    (n,) what is on the list, n <= LIST_MAX
 * @param pool     (n_pool,) items that may be explored, distinct; beyond SPREAD_POOL: ignored
 * @param explore  share of slots, 0..1, clamped; NaN is 0
 * @param seed     another one for each list shown
 * @param out      out, room for n; ascending `at`, distinct items, none of them on the list
 * @return how many
 */
uint32_t spread_explore(const uint32_t *items, uint32_t n, const uint32_t *pool, uint32_t n_pool,
                        float explore, uint64_t seed, struct spread_slot *out);

#endif
