/* SPDX-License-Identifier: Apache-2.0
 *
 * candidates.h -- from the whole catalogue to the few hundred items worth ranking, and
 * what is known of each.
 *
 * Candidates of a user for a domain, minus what is in his consumed set (in no-repeat domains
 * all he consumed, in repeat domains only what he reported):
 *     the 80 best by k1 among the neighbours of his last 8 items,
 *     popularity's top 60 at 1, 7 and 30 days, the 15 most recently taken items,
 *     the 3 most taken items of each of the user's 24 strongest categories; of the domain's 50
 *     newest items those that are at most 30 d old by the catalogue (content.h: ts), have fewer
 *     than 5 events, and a category that he knows;
 *     in repeat domains the 150 of his own items with the highest decayed count;
 * minus what the order under way already has (affinity.h), and minus what the catalogue says is not
 * available (content.h), here as in filling up.
 *
 * Features (order of enum ranker_feature; lg = log2, hours are clamped at 0):
 *     (l_h + 9)/4 for the four clocks, l_h = max(-16, lg c_i - lg sum); -16 if c_i is 0
 *     .2 lg(1 + hours since anyone took it) - 1 ;  .25 lg(1 + hours since first seen) - 2.5
 *     .25 lg(1 + n_i) - 1 ;  sqrt(k1/max k1)
 *     .25 lg(x + 1e-4) + 2  for x = k1, k3, k4, kx           (pairs.h)
 *     3 p.q ;  2 p.q/|q|                                      (factors.h)
 *     |l_30d - mpop|/4 ;  .2 |lg(1 + age_h) - mage|           (traits of the user)
 *     .5 lg((obs + 2)/(exp + 2))                              (popularity.h)
 *     repeat domains: .7 lg(1 + times) ;  3 - .25 lg(1 + hours since) ;
 *         clip(.5 lg((since + 1)/(mean interval + 1)), +-2) + 2.5, 0 if taken once
 *         3 (repeat rate) - 1                                 (categories.h)
 *     3 (deal now) (categories.h) ;  lift, gap, goes, in of the item's category, and the
 *         item's like (affinity.h)
 *     1 + .25 lg(g_i/g_c + 1e-4), 0 while nothing was taken of the category (categories.h) ;  again
 *         of the item's category, which hears of the 150 own items above (affinity.h)
 * and of the list (enum ranker_context; n: lines of the user):
 *     domain index ;  .1 lg(1 + events of the domain) - 1
 *     .3 lg(1 + n) - 1 ;  .3 lg(1 + n in the domain) - .5
 *     .2 lg(1 + hours since the last event) - 1 ;  the same in the domain, 2 if there is none
 *     (mpop + 9)/4 ;  mage/4 - 2.5 ;  .25 lg(max k1 + 1e-4) + 2
 *
 * Ownership: struct candidates owns its workspace; results are valid until the next call, and until
 * another searches the same shared model. Threads: one. Pure: nothing shared is changed but the
 * marks of the search (popularity.h), which nobody else reads.
 */
#ifndef CANDIDATES_H
#define CANDIDATES_H

#include <stdbool.h>
#include <stdint.h>

#include "factors.h"
#include "ranker.h"
#include "rules.h"
#include "shared.h"
#include "status.h"
#include "user.h"

enum {
    CANDIDATES_NEIGHBOURS = 80,
    CANDIDATES_RECENT = 15,
    CANDIDATES_OWN = 150,
    CANDIDATES_CATEGORIES = 24,
    CANDIDATES_FRESH = 50, /* newest items looked at */
};

/* The user as the ranking of one list sees him. Filled by candidates_view(). */
struct candidates_view {
    struct user_entry history[USER_HISTORY]; /* newest first */
    uint32_t n_history;
    const struct user *user;
    const uint64_t *hashes; /* durable hashes of all items */
    float p[FACTORS];       /* unit vector; zero if !has_p */
    bool has_p;
    bool repeats; /* policy of the target domain */
    uint8_t domain;
    int64_t now_ms; /* time of the ranking */
    /* Of a list that is shown: what they block is no candidate. NULL: nothing is blocked, as always
     * in what is learned. */
    const struct rules_lens *rules;
};

/* Some items with their features, feature-major. */
struct features_block {
    uint32_t n;
    uint32_t stride;   /* floats from a feature to the next: a multiple of 16 */
    uint32_t *item;    /* (n,)                  */
    float *x;          /* (RANKER_X, stride)    */
    float c[RANKER_C]; /* of the list           */
    uint32_t n_x;      /* features from this one on are 0 in every row; x is not filled there */
};

/** Feature k of the block's row c. */
static inline float features_at(const struct features_block *b, size_t k, uint32_t c) {
    return k < b->n_x ? b->x[k * b->stride + c] : 0.0F;
}

/** The rows of a block as the ranker takes them; borrowed. */
static inline struct ranker_rows candidates_rows(const struct features_block *b) {
    return (struct ranker_rows){
        .x = b->x, .stride = b->stride, .n = b->n, .c = b->c, .n_x = b->n_x};
}

struct candidates; /* opaque workspace */

MUST_CHECK enum status candidates_new(struct candidates **out);
void candidates_free(struct candidates *c);

/** The history up to `now_ms`, and the folded-in vector, which is kept: another list of the same
 *  user need not solve for it again. */
void candidates_view(struct candidates *c, const struct shared *s, const struct user *u,
                     uint8_t domain, bool repeats, int64_t now_ms, struct candidates_view *out);

/** A history (n,), n <= USER_HISTORY, newest first, as it was solved last if nothing that it
 * depends on has changed since; borrowed until the next one is. */
const struct factors_solved *candidates_solved(struct candidates *c, const struct factors *f,
                                               const uint32_t *items, uint32_t n);

/** Finds the candidates of a view; if they are fewer than `at_least` (<= LIST_MAX), the domain's
 *  items with the highest 30-day counts fill up, as far as there are any; those of the order under
 *  way last. Of more than 63,488 neighbours the search looks at no more.
 *  @return ST_OK or ST_NOMEM */
MUST_CHECK enum status candidates_find(struct candidates *c, const struct shared *s,
                                       const struct candidates_view *v, uint32_t at_least);

/** The candidates found last: indices (n,). */
uint32_t candidates_n(const struct candidates *c);
const uint32_t *candidates_items(const struct candidates *c);
/** Which place of the history (view.history) speaks most for an item by k1 (pairs.h), of the last
 *  search; of parts that are equal to 19 bits the newer place. UINT32_MAX: none does. */
uint32_t candidates_together(const struct candidates *c, uint32_t item);
/** Position of an item among them, or UINT32_MAX. */
uint32_t candidates_position(const struct candidates *c, uint32_t item);

/** May an item of the domain be shown, candidate or not? For the view of the last search. */
bool candidates_allowed(const struct candidates *c, const struct candidates_view *v, uint32_t item);

/** Features of all candidates found last, for the view they were found for; borrowed. */
const struct features_block *candidates_features(struct candidates *c, const struct shared *s,
                                                 const struct candidates_view *v);
/** Features of chosen items (they need not be candidates), into the caller's block:
 *  block->n and block->item are given, block->x and block->c are filled. What pairs and the user's
 *  repeat table say of an item is of the last search, which was for this view; nothing before it.
 */
void candidates_features_of(const struct candidates *c, const struct shared *s,
                            const struct candidates_view *v, struct features_block *block);

#endif
