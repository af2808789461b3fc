/* SPDX-License-Identifier: Apache-2.0
 *
 * categories.h -- what is known of categories of items: how often they are taken, which go
 * together, how often they are taken again. Same sums for every user; a user's own affinities
 * stand in his block (user.h).
 *
 * An event of weight w (usually 1) at time t, with an item i of category c, adds:
 *
 *     g_c  += w 2^((t - L)/H), H = 30 d  forward decay, landmark L (popularity.h says how and why)
 *     n_c  += w ;  N += w                events of the category, and of all categories
 *     n_i  += w ;  M += w                events of the item, and of all, also without a category
 *     rep_i, rep_c, rep += w             beside n_i, n_c and M, if the user had the item before
 *     T_bc, T_cb += w .8^r               for those of the user's last CATEGORIES_WINDOW history
 *                                        items whose category b is another one, r = 0 the newest
 *     deal_i = d, time t                 discount share d in [0, 1] of the item's newest sale
 *
 * Read by the ranker (candidates.h has the formulas):
 *
 *     share        gs_c = (g_c + .001 e)/G, at most 1 ; G = sum of all g ; e = 2^((now - L)/H),
 * what an event of now would add: .001 is a thousandth of an event of today association  T_bc/(n_b
 * + 5), with N and n_c for its lift repeat rate  (rep_i + 10 rho_c)/(n_i + 10) ; rho_c = (rep_c +
 * 20 rho)/(n_c + 20), which is rho without a category ; rho = rep/M, 1/2 while M is 0 deal d
 * 2^(-age/7 d)
 *
 * All sums are int64 fixed point (fixed.h): exact in any order, and can be taken back. The deal
 * alone keeps its last value. T is a struct pairs of its own, of which only `a` is used: a list may
 * grow past CATEGORIES_NEIGHBOURS; categories_prune(), at a log offset, keeps the CATEGORIES_KEEP
 * largest.
 *
 * Ownership: owns its memory. Threads: one. Replay: a function of the calls.
 */
#ifndef CATEGORIES_H
#define CATEGORIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event.h"
#include "pairs.h"
#include "status.h"

#define CATEGORIES_HALF_LIFE_MS      (INT64_C(30) * 86400000)
#define CATEGORIES_DEAL_HALF_LIFE_MS (INT64_C(7) * 86400000)

enum {
    CATEGORIES_WINDOW = 10,
    CATEGORIES_NEIGHBOURS = 400,
    CATEGORIES_KEEP = 300,
    CATEGORY_TOP = 3
};

/* What one line adds. Plain value, noted in a delta so that it can be taken back. */
struct category_take {
    int64_t g;         /* forward-decayed weight at the landmark, units of 2^-20, >= 0 */
    int32_t weight;    /* what the event weighs, units of 2^-20, > 0                   */
    uint32_t category; /* dense (content.h); CATEGORY_NONE: only item and M count      */
    uint32_t item;
    bool repeated; /* the user had the item before */
};

/* Several of them of one item and one category, added up. */
struct category_take_sum {
    int64_t g;
    int64_t weight;
    int64_t repeated;  /* weight of those that were repeats */
    uint32_t category; /* or CATEGORY_NONE                  */
    uint32_t item;
};

/* Which part of a sum is meant. Every total is a sum of its parts and goes with them: M and rep
 * with the item's, G and N with the category's. */
enum {
    CATEGORIES_ITEM = 1,     /* g_i, n_i, rep_i; M, rep    */
    CATEGORIES_CATEGORY = 2, /* g_c, n_c, rep_c; G, N; with CATEGORIES_ITEM: categories_top() */
};

struct categories; /* opaque */

/** Landmark of g at landmark_ms. @return ST_OK, ST_NOMEM */
MUST_CHECK enum status categories_new(int64_t landmark_ms, struct categories **out);
void categories_free(struct categories *c);
/** Makes room for items and categories 0..n-1 (below UINT32_MAX); never shrinks.
 *  @return ST_OK, ST_NOMEM (one of the two may have grown) */
MUST_CHECK enum status categories_reserve(struct categories *c, uint32_t n_items,
                                          uint32_t n_categories);

/** True when ts_ms is POP_MOVE half-lives or more after the landmark (one or more, should G come
 *  near what an int64 holds). */
bool categories_due(const struct categories *c, int64_t ts_ms);
/** Moves the landmark to the last whole number of half-lives <= ts_ms; every g is multiplied and
 *  rounded to nearest, G is their sum again. Returns the half-lives moved (0: none). */
int64_t categories_move(struct categories *c, int64_t ts_ms);
int64_t categories_landmark(const struct categories *c);
/** Fixed-point weight of an event of weight 1 at ts_ms. @return ST_OK, ST_RANGE when it is more
 *  than POP_LIMIT half-lives after the landmark: move first. */
MUST_CHECK enum status categories_weigh(const struct categories *c, int64_t ts_ms, int64_t *g);

/** Adds, and takes back what was added (after a move: with its g moved likewise). Item and category
 *  are reserved, or the category is CATEGORY_NONE. */
void categories_take(struct categories *c, const struct category_take *take);
void categories_untake(struct categories *c, const struct category_take *take);
/** Pair of two reserved categories, from != to; only add->a counts. @return ST_OK, ST_NOMEM (then
 *  nothing changed) */
MUST_CHECK enum status categories_pair(struct categories *c, const struct pair_add *add);
/** Takes a pair back; what pruning means for it is in pairs.h. */
void categories_unpair(struct categories *c, const struct pair_add *add);
/** Adds a sum of takes, and takes it back: exact. `sides`: CATEGORIES_ITEM | CATEGORIES_CATEGORY,
 *  other bits mean nothing. */
void categories_add(struct categories *c, const struct category_take_sum *sum, unsigned sides);
void categories_subtract(struct categories *c, const struct category_take_sum *sum, unsigned sides);
/** The same for a sum of pairs of two reserved categories, of which only a counts; `sides` as in
 *  pairs.h. @return ST_OK, ST_NOMEM (then nothing changed) */
MUST_CHECK enum status categories_add_pairs(struct categories *c, const struct pair_sum *sum,
                                            unsigned sides);
void categories_subtract_pairs(struct categories *c, const struct pair_sum *sum, unsigned sides);
/** True when categories_prune() has a list to prune. */
bool categories_prune_due(const struct categories *c);
/** Prunes the lists that became too long since the last call, at a log offset. Returns how many. */
uint32_t categories_prune(struct categories *c);
/** The same with ties as in pairs_prune_hashed(): hashes of categories by index. */
uint32_t categories_prune_hashed(struct categories *c, const uint64_t *hashes);

/** Discount share of a sale of a reserved item, in [0, 1]; of the same time: the larger share
 * counts. An older sale than the one known changes nothing. */
void categories_deal(struct categories *c, uint32_t item, float share, int64_t ts_ms);

/* ---- reading; items and categories that are not reserved (CATEGORY_NONE too) have zeros ---- */

/** gs_c at time now_ms, in [1e-9, 1]; 1 while nothing was taken. */
float categories_share(const struct categories *c, uint32_t category, int64_t now_ms);
/** g_i/g_c of an item, in [0, 1]; below 0 while nothing was taken of the category. */
float categories_part(const struct categories *c, uint32_t item, uint32_t category);
/** Neighbours of a category (column a: T), in no particular order, borrowed. */
struct pair_list categories_neighbours(const struct categories *c, uint32_t category);
/** The items of a category that were taken most under the same decay, at most CATEGORY_TOP,
 *  unordered; after something was taken back one that is no longer among them may stay, until all
 *  are made anew. */
uint32_t categories_top(const struct categories *c, uint32_t category, const uint32_t **items);
/** Makes them anew: forgets all, then every item is offered to the category that it is of (or
 *  CATEGORY_NONE). Of equal ones those offered first stay. */
void categories_forget_tops(struct categories *c);
void categories_offer_top(struct categories *c, uint32_t category, uint32_t item);
float categories_events(const struct categories *c, uint32_t category); /* n_c */
float categories_all_events(const struct categories *c);                /* N   */
/** The repeat rate of a category, in [0, 1]: what is expected of its items. */
double categories_repeat_prior(const struct categories *c, uint32_t category);
/** That of an item, given its category's. */
float categories_repeat_rate(const struct categories *c, uint32_t item, double prior);
/** False: every deal is 0. */
bool categories_any_deal(const struct categories *c);
/** What is known of an item will be asked for soon. */
void categories_fetch(const struct categories *c, uint32_t item);
/** d 2^(-age/7 d), of now_ms before the sale: d; 0 if never sold at a discount. */
float categories_deal_now(const struct categories *c, uint32_t item, int64_t now_ms);

/* ---- exact, for snapshots ---- */

/* What is counted of an item whatever its category, and its newest sale. */
struct categories_item {
    int64_t g, n, repeats; /* units of 2^-20 */
    int64_t deal_ms;
    float deal;
    bool sold; /* else there is no sale */
};
struct categories_item categories_item(const struct categories *c, uint32_t item);
/** Adds it to a reserved item, M and rep; the sale counts as categories_deal() has it. */
void categories_item_add(struct categories *c, uint32_t item, const struct categories_item *by);

/* What is counted of a category. */
struct categories_category {
    int64_t g, n, repeats;
    uint32_t n_top;
    uint32_t top[CATEGORY_TOP]; /* (n_top,) */
};
struct categories_category categories_category(const struct categories *c, uint32_t category);
/** Adds it to a reserved category, G and N; its top items replace those of the category. */
void categories_category_add(struct categories *c, uint32_t category,
                             const struct categories_category *by);
/** Neighbour k of a reserved category, exactly: only a counts. */
struct pair_sum categories_pair_at(const struct categories *c, uint32_t category, uint32_t k);

size_t categories_bytes(const struct categories *c);

#endif
