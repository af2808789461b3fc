/* SPDX-License-Identifier: Apache-2.0
 *
 * candidates_state.h -- the workspace of a search, for candidates*.c only.
 *
 * One cell for each item that a search comes to, in the order in which it does: they lie together,
 * however large the catalogue is. An item's mark (popularity.h) says which is its cell, if the
 * search has come to it: nothing is cleared in between.
 */
#ifndef CANDIDATES_STATE_H
#define CANDIDATES_STATE_H

#include "affinity.h"
#include "candidates.h"

enum {
    CELL_LISTED = 1,   /* among the candidates, at `position`       */
    CELL_CONSUMED = 2, /* by the user; all that he consumed if `knows_consumed` */
    CELL_ORDERED = 4,  /* in his order under way                    */
    CELL_OWN = 8,      /* in his repeat table: all_own[own]         */
    CELL_LEFT = 16,    /* not consumed: his filter was asked        */
};

/* One vector: the walk adds up all of it at once. */
struct cell {
    _Alignas(32) float k[4]; /* k1, k3, k4, kx: what pairs say of an item                   */
    uint32_t most;           /* the largest part of k1 as a float's bits, and whose: PLACES */
    uint16_t position;       /* among the candidates                                        */
    uint8_t flags;
    uint8_t own;
    float inv4; /* of a neighbour, popularity.h */
    uint32_t unused;
};
_Static_assert(USER_REPEATS <= UINT8_MAX + 1, "place of an own item");
_Static_assert(sizeof(struct cell) == 32, "two a cache line");

typedef int32_t cell_bits __attribute__((vector_size(sizeof(struct cell))));

enum {
    CELLS = POP_MARKS,
    /* What a search comes to that is no neighbour: consumed, own, and ordered ones, popular,
     * recent, fresh ones, those of categories, those that fill up. */
    CELLS_OTHERS = 2048,
    CELLS_WALKED = CELLS - CELLS_OTHERS, /* neighbours beyond are not looked at */
};
_Static_assert((int)USER_EXACT + (int)USER_REPEATS + (int)USER_HISTORY +
                       (int)POP_LISTS * (int)POP_TOP + (int)POP_RECENT + (int)CANDIDATES_FRESH +
                       (int)CANDIDATES_CATEGORIES * (int)CATEGORY_TOP + (int)LIST_MAX <=
                   (int)CELLS_OTHERS,
               "room for all others");

/* The last bits of `most`: what is missing to PLACES is a place of the history. So of two parts the
 * larger one is larger as an integer, too, and of parts equal to 19 bits the newer place's. */
enum { PLACES = 15 };
_Static_assert((int)PAIRS_WINDOW <= (int)PLACES, "a place fits");

/* The last vector that was folded in. */
struct folded {
    const struct factors *factors; /* ... by these, ... */
    uint64_t version;              /* ... at this version */
    uint32_t n;
    uint32_t items[USER_HISTORY]; /* (n,) */
    struct factors_solved solved;
};

struct candidates {
    uint32_t *items;      /* (CELLS,) whose cells these are */
    struct cell *cells;   /* (CELLS,) those of this search  */
    uint64_t *neighbours; /* (2 CELLS,) candidates_keys.h; then room for some of them again */
    struct popularity *popularity; /* borrowed: where this search's marks are; NULL: none was */
    uint32_t n_items;              /* those that can have a cell                              */
    uint32_t first;                /* mark of the search's first cell                         */
    uint32_t n_cells;
    uint32_t n_walked;        /* the first ones have k sums */
    bool knows_consumed;      /* cells say all that the user consumed                  */
    uint32_t n_withdrawn;     /* flags of this search; 0 while everything is available */
    const uint8_t *withdrawn; /* (n_withdrawn,) borrowed                               */
    float max_k1;
    struct affinity *affinity;
    struct user_repeat all_own[USER_REPEATS]; /* the user's repeat table, see candidates_own() */
    uint32_t n_own, n_all_own;
    struct folded folded;
    struct features_block block;
    uint32_t item[RANKER_LIST_MAX];
    _Alignas(64) float x[RANKER_X * (RANKER_LIST_MAX + 16)];
};

/* The cell of an item; NULL: this search has not come to it. */
static inline struct cell *candidates_cell(const struct candidates *c, uint32_t item) {
    if (item >= c->n_items) {
        return NULL;
    }
    const uint32_t cell = popularity_met(c->popularity)[item].mark - c->first;
    return cell < CELLS ? &c->cells[cell] : NULL;
}

/** Makes a cell of every neighbour of the view's last PAIRS_WINDOW items, in the domain: k, most.
 * The first thing that a search does. */
void candidates_walk(struct candidates *c, const struct shared *s, const struct candidates_view *v);
/** The user's repeat table (*n_all,), those first that he takes again most; returns how many bring
 *  candidates, at most CANDIDATES_OWN. */
uint32_t candidates_own(const struct candidates_view *v, struct user_repeat own[USER_REPEATS],
                        uint32_t *n_all);
/** His strongest categories, at most CANDIDATES_CATEGORIES; returns how many. */
uint32_t candidates_interests(const struct shared *s, const struct candidates_view *v,
                              struct user_interest all[USER_INTERESTS]);

#endif
