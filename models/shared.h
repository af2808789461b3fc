/* SPDX-License-Identifier: Apache-2.0
 *
 * shared.h -- the shared model: what all tasks learn together, numbered by a log.
 *
 * Local view = log state + pending deltas. Counts (popularity, pairs, categories, item
 * factors, obs/exp) enter the view at once, through the shared_add_* calls, which note the same
 * increments in the batch's struct delta. Everything that is not a sum happens at a log offset, in
 * shared_apply() or shared_move_landmarks(): S and its eigenvectors, centroids, pruning,
 * seeds, landmarks; the same log therefore gives the same bits on whoever applies it.
 *
 * The log may be an in-process loop-back: a mini-batch is applied the moment it is full, and
 * numbered log_end. Control records (landmark, seeds, prune) are numbered too. Where several
 * instances share a log (learner_log.h), its records come in by shared_log.h, and pending deltas
 * are taken out of the view and put back around every step that looks at sums.
 *
 * Being restored from a snapshot: what is announced by shared_await() is *awaited* until its piece
 * is loaded; increments of it are left out meanwhile, because they are in the piece.
 *
 * Taking back (undo of a batch that was not committed): counts are exact again; S, centroids
 * and the ranker average keep what they saw, because they are means, not counts; so do minima
 * and maxima (first and last seen), discounts, and the list of recent items.
 *
 * Ownership: owns all parts. Threads: one. Replay: a function of the calls.
 */
#ifndef SHARED_H
#define SHARED_H

#include <stdbool.h>
#include <stdint.h>

#include "categories.h"
#include "content.h"
#include "delta.h"
#include "event.h"
#include "factors.h"
#include "items.h"
#include "pairs.h"
#include "popularity.h"
#include "segments.h"
#include "status.h"

struct shared_params {
    uint32_t n_domains;
    uint64_t seed;
    struct segments_params segments; /* dims is set by shared_new() */
};

struct shared {
    struct items *items;
    struct popularity *popularity;
    struct pairs *pairs;
    struct factors *factors;
    struct segments *segments;
    struct categories *categories;
    struct content *content; /* what the catalogues say; no part of any log or delta */
    uint32_t n_domains;
    uint32_t n_items;  /* items 0..n-1 have room in every part; the newest may lack it */
    uint64_t log_end;  /* records in the loop-back log: deltas and controls */
    uint64_t n_events; /* events learned by all tasks, for the obs clock    */
    uint32_t *due;     /* items whose neighbour lists wait for pruning, (n_due,) */
    size_t n_due, cap_due;

    /* 1: a snapshot piece of it is still to be loaded; (room for all items, categories) or NULL:
     * none is, nor was since the last shared_await_nothing(). Whoever loads it sets 0. */
    uint8_t *awaited_items, *awaited_categories;
    uint32_t cap_awaited_items, cap_awaited_categories;
    bool awaiting_globals;
};

struct snapshot_head; /* snapshot.h */

/** @return ST_OK, ST_INVALID (a parameter), ST_NOMEM */
MUST_CHECK enum status shared_new(const struct shared_params *params, struct shared **out);
void shared_free(struct shared *s);

/** Index of an item, made if new, with room in every part. After ST_NOMEM the item may exist
 *  without (see n_items) until it is asked for again. @return ST_OK, ST_INVALID, ST_RANGE, ST_NOMEM
 */
MUST_CHECK enum status shared_intern(struct shared *s, uint64_t hash, uint8_t domain,
                                     const char *id, size_t id_len, uint32_t *out);

/** Room in every part for what was interned in `items` and `content` by others. @return ST_OK,
 *  ST_NOMEM */
MUST_CHECK enum status shared_reserve(struct shared *s);

/** A snapshot piece will be loaded: its item (nameless, if new) or category becomes known and is
 *  awaited. @return ST_OK, ST_INVALID (kind; domain), ST_RANGE, ST_NOMEM */
MUST_CHECK enum status shared_await(struct shared *s, const struct snapshot_head *head);
/** True while something is awaited. */
bool shared_awaits(const struct shared *s);
/** All is there: the lists of awaited things go. */
void shared_await_nothing(struct shared *s);

static inline bool shared_awaits_item(const struct shared *s, uint32_t item) {
    return s->awaited_items && s->awaited_items[item];
}
static inline bool shared_awaits_category(const struct shared *s, uint32_t category) {
    return s->awaited_categories && s->awaited_categories[category];
}

/* ---- into the view and the open delta; delta_reserve_line() came first ------------ */

/** Counts one line. `w` and `weight` as popularity_take() has them. */
void shared_add_take(struct shared *s, struct delta *d, uint32_t item, uint8_t domain,
                     int64_t ts_ms, const int64_t w[POP_CLOCKS], int64_t weight);
/** @return ST_OK, ST_NOMEM (nothing added) */
MUST_CHECK enum status shared_add_pair(struct shared *s, struct delta *d,
                                       const struct pair_add *add);
/** Counts one line in its item's category; after shared_intern() of the line's item, which makes
 *  room for every category that the content knows by then. */
void shared_add_category_take(struct shared *s, struct delta *d, const struct category_take *take);
/** Two different categories; only add->a counts. @return ST_OK, ST_NOMEM (nothing added) */
MUST_CHECK enum status shared_add_category_pair(struct shared *s, struct delta *d,
                                                const struct pair_add *add);
/** Context p (unit) of an event of `item`, which weighs `weight` units of 2^-20; `first`: the
 *  user's first context. */
void shared_add_context(struct shared *s, struct delta *d, struct mini_batch *m, uint32_t item,
                        const float *p, int64_t weight, bool first);
/** A sale of an item, share of discount: categories_deal(). */
void shared_add_deal(struct shared *s, struct delta *d, const struct delta_deal *deal);
void shared_add_obs(struct shared *s, struct delta *d, uint32_t item, int64_t obs, int64_t exp);
/** One event was learned: the obs clock moves on. */
void shared_add_event(struct shared *s, struct delta *d);
/** A vote for segmentation, x (dims,); also collected while seeds are awaited. */
void shared_add_vote(struct shared *s, struct mini_batch *m, const float *x);

/* ---- at a log offset ----------------------------------------------------------------- */

/** True when the time landmark of a clock must move before an event at ts_ms can be weighed. */
bool shared_landmark_needed(const struct shared *s, int64_t ts_ms);

/** What a landmark move did: half-lives per clock, of the obs clock and of the categories'. All
 *  zero: nothing. */
struct shared_move {
    int64_t halvings[POP_CLOCKS];
    int64_t obs_halvings;
    int64_t category_halvings;
};

/** Control record: moves every landmark that is due at ts_ms (popularity, obs, categories). Whoever
 *  keeps deltas brings them along by what it returns. */
struct shared_move shared_move_landmarks(struct shared *s, int64_t ts_ms);
/** Its halves: the time landmarks; and that of obs, if due at the n-th event of the model. */
struct shared_move shared_move_time(struct shared *s, int64_t ts_ms);
struct shared_move shared_move_obs(struct shared *s, uint64_t n_events);
/** Brings a delta along. */
void shared_move_delta(struct delta *d, const struct shared_move *move);

/** A full mini-batch arrives (its counts are in the view already). Then controls that became
 *  due: seeds, pruning. @return ST_OK, ST_NOMEM */
MUST_CHECK enum status shared_apply(struct shared *s, const struct mini_batch *m);

/** Takes a delta's counts back out of the view: exact; within 2^-20 an increment for each
 *  landmark move since. */
void shared_take_back(struct shared *s, const struct delta *d);

/* ---- pending deltas, apart ------------------------------------------------------------- */

enum {
    PART_TAKES = 1,
    PART_PAIRS = 2,
    PART_CONTEXTS = 4, /* statistics; vectors stay as they are solved */
    PART_OBS = 8,
    PART_CATEGORY_ITEMS = 16, /* the item's side of category takes           */
    PART_CATEGORIES = 32,     /* the category's                              */
    PART_CATEGORY_PAIRS = 64,
};

/* Parts of the model: of which items and categories. */
struct shared_part {
    unsigned parts;            /* PART_*                                              */
    const uint8_t *items;      /* (items,) 1: this one; NULL: all. Of a pair: its list */
    const uint8_t *categories; /* (categories,) likewise                              */
};

/** (shared_part.c) Takes what a delta has added to these parts out of the view: exact, whatever
 *  happened between (a move that the delta was brought along with, pruning). n_events stays. */
void shared_take_out(struct shared *s, const struct delta *d, const struct shared_part *part);
/** Puts it back. @return ST_OK, ST_NOMEM (some of it is missing) */
MUST_CHECK enum status shared_put_back(struct shared *s, const struct delta *d,
                                       const struct shared_part *part);

/** Adds a pair's sum to the lists of `sides` (pairs.h). Lists that outgrow the limit are noted in
 *  `due`. @return ST_OK, ST_NOMEM (nothing added) */
MUST_CHECK enum status shared_add_pair_sum(struct shared *s, const struct pair_sum *sum,
                                           unsigned sides);
/** Top lists that lowered counts have left open are filled, whoever reads them next. */
void shared_refresh_top_lists(struct shared *s);

size_t shared_bytes(const struct shared *s);

#endif
