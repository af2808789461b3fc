/* SPDX-License-Identifier: Apache-2.0
 * learner_log_apply.c -- see learner_log.h: a record of the log arrives. */
#include <stdlib.h>
#include <string.h>

#include "learner_log.h"
#include "learner_state.h"
#include "mix.h"
#include "shared_log.h"

enum {
    FORWARD_DECAYED = PART_TAKES | PART_OBS | PART_CATEGORY_ITEMS | PART_CATEGORIES,
    EVERYTHING = FORWARD_DECAYED | PART_PAIRS | PART_CONTEXTS | PART_CATEGORY_PAIRS,
    PRUNE_TURNS = 4, /* records, on average, that a list waits for */
};

/* ---- whose it is ------------------------------------------------------------------------- */

/* The pending delta of this name: its place in the list, or n_pending. */
static size_t find_pending(const struct learner_log *log, const struct log_name *name) {
    size_t k = 0;
    while (k < log->n_pending && !log_name_equal(&log->pending[k].name, name)) {
        k++;
    }
    return k;
}

/* The sealed batch of this name, of which it is not known yet that it was committed. */
static struct batch *find_sealed(const struct learner *l, const struct log_name *name) {
    struct learner_task *t = name->task < LEARNER_TASKS_MAX ? l->tasks[name->task] : NULL;
    for (uint32_t k = 0; t && k < t->n_sealed; k++) {
        struct batch *b = &t->batches[(t->first_batch + k) % LEARNER_BATCHES];
        if (!b->seen && b->epoch == name->epoch && b->number == name->batch) {
            return b;
        }
    }
    return NULL;
}

static struct delta *find_own(const struct learner *l, const struct log_name *name) {
    const size_t at = find_pending(&l->log, name);
    const struct batch *b = at < l->log.n_pending ? NULL : find_sealed(l, name);
    return b ? b->delta : at < l->log.n_pending ? l->log.pending[at].delta : NULL;
}

/* The log has it: it is pending no longer. */
static void settle_own(struct learner *l, const struct log_name *name) {
    struct learner_log *log = &l->log;
    const size_t at = find_pending(log, name);
    if (at == log->n_pending) {
        struct batch *b = find_sealed(l, name);
        delta_clear(b->delta);
        b->seen = true;
        return;
    }
    delta_clear(log->pending[at].delta);
    if (log->spare) {
        delta_free(log->pending[at].delta);
    } else {
        log->spare = log->pending[at].delta;
    }
    log->n_pending--;
    memmove(log->pending + at, log->pending + at + 1, (log->n_pending - at) * sizeof *log->pending);
}

/* ---- increments ---------------------------------------------------------------------------- */

static enum status reserve_map(struct learner_log *log, const struct log_record *r) {
    if (r->n_items > log->cap_item) {
        uint32_t *item = realloc(log->item, 2 * r->n_items * sizeof *item);
        log->item = item ? item : log->item;
        log->cap_item = item ? 2 * r->n_items : log->cap_item;
    }
    if (r->n_categories > log->cap_category) {
        uint32_t *category = realloc(log->category, 2 * r->n_categories * sizeof *category);
        log->category = category ? category : log->category;
        log->cap_category = category ? 2 * r->n_categories : log->cap_category;
    }
    return r->n_items <= log->cap_item && r->n_categories <= log->cap_category ? ST_OK : ST_NOMEM;
}

static enum status resolve(struct learner *l, const struct log_record *r) {
    struct learner_log *log = &l->log;
    enum status st = reserve_map(log, r);
    if (!st) {
        st = shared_log_resolve(l->shared, r, log->item, log->category);
    }
    if (!st) {
        st = learner_log_reserve(l);
    }
    for (size_t k = 0; k < r->n_items && !st; k++) {
        log->named[log->item[k]] |= r->items[k].id_len > 0;
    }
    return st;
}

/* One's own is in the view. But what it says was brought to later landmarks one by one, in the log
 * it is a sum: once a landmark moved the sum takes the place of the many. */
static enum status add_own(struct learner *l, const struct log_record *r, const struct delta *d) {
    static const struct shared_part decayed = {.parts = FORWARD_DECAYED};
    if (shared_log_is_present(l->shared, r)) {
        return ST_OK;
    }
    shared_take_out(l->shared, d, &decayed);
    return shared_log_add(l->shared, r, l->log.item, l->log.category, FORWARD_DECAYED, true);
}

static enum status add_increments(struct learner *l, const struct log_record *r) {
    const struct delta *own = find_own(l, &r->name);
    enum status st = ST_OK;
    if (own) {
        st = add_own(l, r, own);
        settle_own(l, &r->name);
#ifdef CROSSREC_SEED_ECHO_NOT_SKIPPED
        st = shared_log_add(l->shared, r, l->log.item, l->log.category, EVERYTHING, false);
#endif
    } else {
        st = shared_log_add(l->shared, r, l->log.item, l->log.category, EVERYTHING, false);
        l->shared->n_events += r->n_events;
    }
    l->log.n_events += r->n_events;
    return st;
}

/* ---- steps that look at sums --------------------------------------------------------------- */

static enum status move_obs(struct learner *l) {
    static const struct shared_part obs = {.parts = PART_OBS};
    if (!popularity_obs_due(l->shared->popularity, l->log.n_events)) {
        return ST_OK;
    }
    learner_take_out(l, &obs);
    const struct shared_move move = shared_move_obs(l->shared, l->log.n_events);
    learner_move_pending(l, &move);
    return learner_put_back(l, &obs);
}

static enum status move_time(struct learner *l, int64_t at_ms) {
    static const struct shared_part timed = {.parts = PART_TAKES | PART_CATEGORY_ITEMS |
                                                      PART_CATEGORIES};
    learner_take_out(l, &timed);
    const struct shared_move move = shared_move_time(l->shared, at_ms);
    learner_move_pending(l, &move);
    const enum status st = learner_put_back(l, &timed);
    shared_refresh_top_lists(l->shared);
    return st;
}

#ifdef CROSSREC_SEED_CONTROL_EARLY
void learner_move_early(struct learner *l, int64_t at_ms) {
    (void)move_time(l, at_ms);
}
#endif

/* Which lists a record looks at: by chance, but the same ones on every learner, and whatever it has
 * read before. */
static bool in_turn(uint64_t hash, uint64_t offset) {
    return (mix64(offset) ^ hash) % PRUNE_TURNS == 0;
}

/* Lists that are too long by what the log says, of those whose turn it is: what is pending of a
 * list has to be taken out first, and put back, and popular items always are too long in the view.
 * The others stay noted. */
static enum status prune_items(struct learner *l, uint64_t offset) {
    struct shared *s = l->shared;
    const uint64_t *hashes = items_hashes(s->items);
    const struct shared_part lists = {.parts = PART_PAIRS, .items = l->log.flags};
    const size_t n = s->n_due;
    uint32_t *turn = n > 0 ? malloc(n * sizeof *turn) : NULL;
    size_t n_turn = 0;
    if (n > 0 && !turn) {
        return ST_NOMEM;
    }
    s->n_due = 0;
    for (size_t k = 0; k < n; k++) {
        const uint32_t i = s->due[k];
        if (pairs_due(s->pairs, i) && in_turn(hashes[i], offset)) {
            l->log.flags[i] = 1;
            turn[n_turn++] = i;
        } else if (pairs_due(s->pairs, i)) {
            s->due[s->n_due++] = i;
        }
    }
    enum status st = ST_OK;
    if (n_turn > 0) {
        learner_take_out(l, &lists);
        for (size_t k = 0; k < n_turn; k++) {
            if (pairs_due(s->pairs, turn[k])) {
                pairs_prune_hashed(s->pairs, turn[k], hashes);
            }
        }
        st = learner_put_back(l, &lists); /* notes what is too long again */
    }
    for (size_t k = 0; k < n_turn; k++) {
        l->log.flags[turn[k]] = 0;
    }
    free(turn);
    return st;
}

static enum status prune_categories(struct learner *l) {
    static const struct shared_part pairs = {.parts = PART_CATEGORY_PAIRS};
    const struct content *content = l->shared->content;
    const uint32_t n = content_n_categories(content);
    if (!categories_prune_due(l->shared->categories)) {
        return ST_OK;
    }
    uint64_t *hashes = malloc(n * sizeof *hashes);
    if (!hashes) {
        return ST_NOMEM;
    }
    for (uint32_t k = 0; k < n; k++) {
        hashes[k] = content_category_hash(content, k);
    }
    learner_take_out(l, &pairs);
    (void)categories_prune_hashed(l->shared->categories, hashes);
    free(hashes);
    return learner_put_back(l, &pairs);
}

/* ---- records --------------------------------------------------------------------------------- */

static enum status apply_steps(struct learner *l, const struct log_record *r, uint64_t offset) {
    struct shared *s = l->shared;
    if (r->has_sums && !s->awaiting_globals) {
        factors_apply(s->factors, &r->sums.factors);
        segments_apply(s->segments, &r->sums.segments);
    }
    enum status st = move_obs(l);
    if (!st) {
        st = prune_items(l, offset);
    }
    if (!st) {
        st = prune_categories(l);
    }
    if (!st && r->has_nets) {
        st = learner_apply_nets(l, r, offset);
    }
    shared_refresh_top_lists(s);
    s->log_end++;
    return st;
}

static enum status apply_delta(struct learner *l, const struct log_record *r, uint64_t offset) {
    enum status st = shared_log_check(l->shared, r);
    for (size_t k = 0; k < r->n_takes && !st; k++) {
        l->stream_ms = later_ms(l->stream_ms, r->takes[k].last_ms);
    }
    if (!st && r->name.task >= LEARNER_TASKS_MAX) {
        st = ST_RANGE;
    }
    if (!st) {
        st = resolve(l, r);
    }
    if (!st) {
        st = add_increments(l, r);
    }
    return st ? st : apply_steps(l, r, offset);
}

static enum status apply(struct learner *l, const struct log_record *r, uint64_t offset) {
    switch (r->kind) {
    case LOG_DELTA: return apply_delta(l, r, offset);
    case LOG_LANDMARK: return move_time(l, r->at_ms);
    case LOG_SEEDS:
        return l->shared->awaiting_globals ? ST_OK : segments_adopt(l->shared->segments, &r->seeds);
    case LOG_OPTIONS: break;
    }
    return ST_OK;
}

enum status learner_log_apply(struct learner *l, const void *bytes, size_t len, uint64_t offset) {
    if (offset < l->log.position) {
        return ST_OK; /* it is in the model already */
    }
    enum status st = log_record_read(bytes, len, &l->log.record);
    if (!st) {
        st = apply(l, &l->log.record, offset);
    }
    if (!st) {
        l->log.position = offset + 1;
    }
    return st;
}
