/* SPDX-License-Identifier: Apache-2.0
 *
 * affinity.h -- per ranked list: what a user's interests, and the order under way, say of each
 * category of items.
 *
 *     lift  .25 lg(((v_uc + 10 gs)/(V_u + 10) + 1e-6)/gs)      v, V: user.h ; gs: share,
 * categories.h gap   3 - .25 lg(1 + hours since the user last took of c) ; 0 if never B     the
 * order under way: the user's newest events, joined by gaps of at most 2 h and ending at most 2 h
 * ago; b over its newest 16 distinct categories, m of them goes  .25 lg(sum_b T_bc/(n_b + 5) (N +
 * 1)/(m (n_c + 1)) + .03) ; 0 if B is empty in    .7 lg(1 + lines of c in B)
 *     again 2 (n - m)/(n + 1) for the m items of c that affinity_own() told of, taken n times in
 * all ; 0 if none
 *
 * All are 0 of an item without a category. Evaluated where asked for, once a list and category.
 *
 * And of an item i, how alike it is to what he took of its category: of its attributes A_i
 * (content.h: brand, size, diet, whatever the catalogue says beside the category) the part that
 * the history items r of the same category share, w_r = .96^r, r = 0 the newest of all:
 *
 *     like  sum_r w_r |A_i and A_r| / (|A_i| (sum_r w_r + .5)) ; 0 without attributes
 *
 * Ownership: owns its workspace, sized by the categories. Threads: one.
 */
#ifndef AFFINITY_H
#define AFFINITY_H

#include <stddef.h>
#include <stdint.h>

#include "shared.h"
#include "status.h"
#include "user.h"

enum { AFFINITY_BASKET = 16 }; /* categories of B that are looked at */

struct affinity_terms {
    float lift, gap, goes, in, again;
};

struct affinity; /* opaque */

MUST_CHECK enum status affinity_new(struct affinity **out);
void affinity_free(struct affinity *a);

/** How many of the history's entries (newest first) are the order under way at now_ms. */
uint32_t affinity_order(const struct user_entry *history, uint32_t n_history, int64_t now_ms);

/** Turns to a user at a time. `s` and the user stay as they are until the last affinity_of().
 *  @param history  newest first, (n_history,)
 *  @return ST_OK, ST_NOMEM (the workspace grows with the categories) */
MUST_CHECK enum status affinity_look(struct affinity *a, const struct shared *s,
                                     const struct user *u, const struct user_entry *history,
                                     uint32_t n_history, int64_t now_ms);

/** Of the user's own items in a domain with repeats: one of the category, taken `times` times. To
 * be told after affinity_look() and before anything is asked of the category. */
void affinity_own(struct affinity *a, uint32_t category, uint32_t times);

/** What is said of a category; zeros of CATEGORY_NONE. */
struct affinity_terms affinity_of(struct affinity *a, uint32_t category);

/** like of an item, in [0, 1). */
float affinity_like(const struct affinity *a, uint32_t item);

#endif
