/* SPDX-License-Identifier: Apache-2.0
 *
 * pairs.h -- item co-occurrence: what the same users take, in which order, how soon.
 *
 *     event (u, i) at t, for u's last PAIRS_WINDOW items j != i, r = 0 the newest:
 *         a_ij, a_ji += .8^r            co-occurrence
 *         f_ji       += .5^r            directed: i follows j
 *         s_ij, s_ji += 2^(-dt/1 d)     session;  S_i, S_j += the same (0 below 1e-4)
 *
 * f is kept in one direction a list: in j's list under i it is f_ji, "i follows j"; in i's list
 * under j it is f_ij. a and s are the same in both lists (until one of them is pruned). Each is
 * times what the event weighs. Sums are int64 fixed point (fixed.h) so that
 * they are exact in any order and can be taken back; they are kept as the floats that a
 * query reads and what those lack, 16 to 22 bytes a neighbour (40 from 2^39 units on). Neighbours
 * of the item's own domain (near) lie apart from the others (far): a query is about one domain, and
 * walks that part of the neighbour lists of the user's last items:
 *
 *     k1(i) = sum_r .85^r a_ji n6_j      n6_j = (n_j+5)^-.6  (times (n_i+5)^-.4 by the caller)
 *     kx(i) = the same over j of OTHER domains
 *     k3(i) = sum_r .5^r f_ji / (n_j+2)
 *     k4(i) = sum_r 2^(-(t-t_j)/1 d) s_ji / (S_j+2)
 *
 * A list may grow past its limit inside a mini-batch; pairs_prune(), at a log offset
 * (control record), keeps the largest by a, ties by index. A query walks those it kept while the
 * list is too long. Items have the limits below;
 * categories (categories.h) have their own.
 *
 * Ownership: owns its memory. Threads: one. Replay: a function of the calls.
 */
#ifndef PAIRS_H
#define PAIRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

enum {
    PAIRS_WINDOW = 8,       /* history items an event pairs with, and a query reads      */
    PAIRS_PLACES = 10,      /* ... that pairs_weigh() knows: categories, older logs      */
    PAIRS_NEIGHBOURS = 160, /* longer lists of items are due for pruning                */
    PAIRS_KEEP = 120,
};

/* One pair as a delta carries it. Values in units of 2^-20, each <= FIXED_ONE times what the
 * event weighs. */
struct pair_add {
    uint32_t from; /* j, taken before */
    uint32_t to;   /* i, taken now    */
    int32_t a, f, s;
};

/* Increments of one pair added up, units of 2^-20, all >= 0. a and s belong to both lists; f is
 * directed: it stands in the list of `from` alone, whose neighbour `to` follows it. What is taken
 * in the other order is another pair_sum, with from and to exchanged. */
struct pair_sum {
    int64_t a, f, s;
    uint32_t from, to;
};

/* Whose list and S an operation is about: from's entry (to: a, f, s) and S_from; to's entry
 * (from: a, 0, s) and S_to. */
enum { PAIR_FROM = 1, PAIR_TO = 2 };

/* A neighbour's sums, as a query reads them. */
struct pair_entry {
    float a, f, s;
};

/* A part of a list as a query reads it; arrays (n,), borrowed. Behind the last entry lies another
 * float that can be read. */
struct pair_part {
    uint32_t n;
    const uint32_t *item;
    const struct pair_entry *of;
};

/* A neighbour list. Neighbour k is one of near, or k - near.n of far. */
struct pair_list {
    struct pair_part near; /* of the item's own domain; where there are no domains, all */
    struct pair_part far;  /* of other domains                                           */
    uint32_t n;            /* of both                                                    */
    float s_sum;           /* S_j                                                        */
};

static inline uint32_t pair_list_item(const struct pair_list *l, uint32_t k) {
    return k < l->near.n ? l->near.item[k] : l->far.item[k - l->near.n];
}
static inline struct pair_entry pair_list_entry(const struct pair_list *l, uint32_t k) {
    return k < l->near.n ? l->near.of[k] : l->far.of[k - l->near.n];
}

struct pairs; /* opaque */

/** Lists longer than `neighbours` are due for pruning, which leaves `keep` (at most 4,095).
 *  @return ST_OK, ST_INVALID (keep > neighbours, 0, or more than that), ST_NOMEM */
MUST_CHECK enum status pairs_new(uint32_t neighbours, uint32_t keep, struct pairs **out);
void pairs_free(struct pairs *p);

/** Makes room for items 0..n_items-1; never shrinks. domains: (n_items,) the domain of each, which
 *  never changes; NULL: all are of one. @return ST_OK, ST_NOMEM */
MUST_CHECK enum status pairs_reserve(struct pairs *p, uint32_t n_items, const uint8_t *domains);

/** The increments of an event with item `to` for the history item `from` taken
 *  `dt_ms` ago (clamped at 0) at position r (0 the newest, < PAIRS_PLACES). f is
 *  exact, a and s are rounded to 2^-20. */
struct pair_add pairs_weigh(uint32_t from, uint32_t to, int r, int64_t dt_ms);

/** Adds one pair to both items' lists (from != to). @return ST_OK or ST_NOMEM
 *  (then nothing changed). */
MUST_CHECK enum status pairs_add(struct pairs *p, const struct pair_add *add);

/** Takes back what pairs_add() added; an entry that reaches a = f = s = 0 goes,
 *  one that was pruned meanwhile is skipped, and one that was pruned and came back
 *  stops at 0. S_i and S_j know no pruning: they are always exact. */
void pairs_take_back(struct pairs *p, const struct pair_add *add);

/** Adds a sum of increments to the lists of `sides` (PAIR_FROM | PAIR_TO): as so many pairs_add(),
 *  of which the other side is left out. A sum of zeros makes no neighbour.
 *  @return ST_OK or ST_NOMEM (then nothing changed). */
MUST_CHECK enum status pairs_add_sum(struct pairs *p, const struct pair_sum *sum, unsigned sides);

/** Takes back what pairs_add_sum() added, exactly while the list was not pruned in between (else
 *  as pairs_take_back()). */
void pairs_subtract_sum(struct pairs *p, const struct pair_sum *sum, unsigned sides);

/** True when item i has more neighbours than its limit. */
bool pairs_due(const struct pairs *p, uint32_t i);

/** Keeps the `keep` neighbours with the largest a (ties: smaller index). */
void pairs_prune(struct pairs *p, uint32_t i);
/** The same with ties by smaller hash (NULL: by index), which is the same choice on every instance:
 * equal a are the rule, not the exception, and indices are not shared. hashes: (reserved,) by
 * index. */
void pairs_prune_hashed(struct pairs *p, uint32_t i, const uint64_t *hashes);

/** The list of item i, each part in no particular order. */
struct pair_list pairs_list(const struct pairs *p, uint32_t i);

/** ... as a query walks it: of a list that is due for pruning those whom the last pruning kept
 * (all, where there was none). Who came later has what the batches since then gave, and is compared
 * with the others by the next. */
struct pair_list pairs_walked(const struct pairs *p, uint32_t i);

/** Was neighbour k < n of item i's list kept by the last pruning? */
bool pairs_is_kept(const struct pairs *p, uint32_t i, uint32_t k);

/** As if a pruning had kept those whom item i's list has now: of one that is read from a snapshot.
 */
void pairs_keep(struct pairs *p, uint32_t i);

/** Asks for what adding or getting neighbour j of item i looks through: before several of them. */
void pairs_fetch(const struct pairs *p, uint32_t i, uint32_t j);

/** Asks for what adding neighbours of a domain to item i's list looks through: an event before it
 *  does, so the lines come no nearer than where many of them have room. */
void pairs_fetch_items(const struct pairs *p, uint32_t i, uint8_t domain);

/** Exact sums of the directed entry (from -> to); false if there is none.
 *  a and s are symmetric. */
bool pairs_get(const struct pairs *p, uint32_t from, uint32_t to, int64_t *a, int64_t *f,
               int64_t *s);

/** Neighbour k < n of item i's list: from = i, to = the neighbour, and i's exact a, f, s of it. */
struct pair_sum pairs_at(const struct pairs *p, uint32_t i, uint32_t k);

/** Exact S_i, units of 2^-20: also of neighbours that were pruned. It can be set. */
int64_t pairs_s(const struct pairs *p, uint32_t i);
void pairs_set_s(struct pairs *p, uint32_t i, int64_t s);

size_t pairs_bytes(const struct pairs *p);

#endif
