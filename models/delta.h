/* SPDX-License-Identifier: Apache-2.0
 *
 * delta.h -- what the events of one batch, and of one mini-batch, add to the shared model.
 *
 * Two scopes. A *batch* is what is committed at once, and ends when the clock says so; its
 * struct delta notes every increment of a count in the same breath as it enters the local
 * view (shared.h), so that undo can subtract it. A *mini-batch* is a fixed number of events
 * and may span batches; its struct mini_batch gathers the sums that the non-linear steps
 * (S, centroids) wait for, so that nothing that learns depends on when a batch was sealed.
 * All increments are fixed point (fixed.h): adding and taking back are exact, in any order.
 *
 * Ownership: struct delta owns its arrays; delta_clear() keeps their room. Threads: one.
 */
#ifndef DELTA_H
#define DELTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "categories.h"
#include "factors.h"
#include "pairs.h"
#include "popularity.h"
#include "ranker.h"
#include "segments.h"
#include "status.h"

struct delta_take { /* one line counted */
    int64_t w[POP_CLOCKS];
    int64_t ts_ms;
    int32_t weight; /* what its event weighs, units of 2^-20 */
    uint32_t item;
    uint8_t domain;
};

struct delta_context { /* one line's context for its item's factors */
    uint32_t item;
    int32_t weight; /* as above */
    int32_t p[FACTORS];
};

struct delta_obs { /* observed and expected, at the obs landmark */
    int64_t obs, exp;
    uint32_t item;
};

struct delta_deal { /* a sale; no undo takes it back */
    uint32_t item;
    float share; /* discount, of 1 */
    int64_t ts_ms;
};

/* Plain value, part of the task record. */
struct mini_batch {
    struct factors_sum factors;
    struct segments_sum segments;
    uint32_t n_events;  /* events learned            */
    uint32_t n_trained; /* ranker steps              */
};

struct delta {
    struct delta_take *takes;
    struct pair_add *pairs;
    struct delta_context *contexts;
    struct delta_obs *obs;
    struct category_take *category_takes;
    struct pair_add *category_pairs;
    struct delta_deal *deals;
    uint32_t *items; /* items of lines, for those that the log has not named: each may come again */
    size_t n_takes, n_pairs, n_contexts, n_obs, n_category_takes, n_category_pairs, n_deals;
    size_t n_items;
    size_t cap_takes, cap_pairs, cap_contexts, cap_obs, cap_category_takes, cap_category_pairs;
    size_t cap_deals, cap_items;
    uint64_t n_events; /* events learned: steps of the obs clock */

    /* What travels with it where a log is shared (learner_log.h). */
    bool has_closed;
    struct mini_batch closed; /* sums of the mini-batches that were closed in it */
    bool has_nets;
    uint32_t n_trained;                  /* ranker steps of the task since its last nets */
    struct ranker_net nets[RANKER_NETS]; /* the task's, as of the end of the batch       */
};

MUST_CHECK enum status delta_new(struct delta **out);
void delta_free(struct delta *d);

/** Empties it, keeping its room. */
void delta_clear(struct delta *d);

/** Makes room for what one more line can add (PAIRS_WINDOW pairs of items, CATEGORIES_WINDOW of
 *  categories, RANKER_SAMPLE_MAX obs, one take of each, one context, one deal), so that appending
 *  cannot fail. @return ST_OK, ST_NOMEM */
MUST_CHECK enum status delta_reserve_line(struct delta *d);
/** Notes an item to be named. @return ST_OK, ST_NOMEM */
MUST_CHECK enum status delta_name_item(struct delta *d, uint32_t item);
/** A mini-batch was closed: its sums travel with this batch. */
void delta_close(struct delta *d, const struct mini_batch *m);
/** True if it says nothing at all. */
bool delta_is_empty(const struct delta *d);

/** v 2^-halvings, rounded to nearest, ties away from zero; |v| < 2^63. */
int64_t delta_halved(int64_t v, int64_t halvings);

/** A landmark moved by `halvings` half-lives: the increments noted so far are brought to the
 *  new one, rounded to nearest as the counts were. */
void delta_move_clock(struct delta *d, int clock, int64_t halvings);
void delta_move_obs(struct delta *d, int64_t halvings);
void delta_move_categories(struct delta *d, int64_t halvings);

/** Bytes of what it notes: it may hold more, room that delta_clear() has kept. */
size_t delta_bytes(const struct delta *d);

#endif
