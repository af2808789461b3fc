/* SPDX-License-Identifier: Apache-2.0
 * learner_log.c -- see learner_log.h: batches on their way into the log, and what is pending. */
#include "learner_log.h"

#include <stdlib.h>
#include <string.h>

#include "learner_state.h"

enum { NETS_EVENTS = 256 }; /* of the task, from one publication of its nets to the next */

void learner_log_free(struct learner_log *log) {
    for (size_t k = 0; k < log->n_pending; k++) {
        delta_free(log->pending[k].delta);
    }
    for (uint32_t p = 0; p < LEARNER_TASKS_MAX; p++) {
        free(log->published[p]);
    }
    delta_free(log->spare);
    free(log->pending);
    free(log->seeds.bytes);
    free(log->named);
    free(log->flags);
    free(log->category_flags);
    free(log->item);
    free(log->category);
    log_record_free(&log->record);
}

/* Room for n flags, 0 where new. */
static enum status grow_flags(uint8_t **flags, uint32_t cap, uint32_t n) {
    uint8_t *grown = realloc(*flags, n);
    if (!grown) {
        return ST_NOMEM;
    }
    memset(grown + cap, 0, n - cap);
    *flags = grown;
    return ST_OK;
}

enum status learner_log_reserve(struct learner *l) {
    struct learner_log *log = &l->log;
    const uint32_t items = items_n(l->shared->items);
    const uint32_t categories = content_n_categories(l->shared->content);
    enum status st = ST_OK;
    if (items > log->cap_items) {
        const uint32_t n = items + items / 2;
        st = grow_flags(&log->named, log->cap_items, n);
        if (!st) {
            st = grow_flags(&log->flags, log->cap_items, n);
        }
        log->cap_items = st ? log->cap_items : n;
    }
    if (!st && categories > log->cap_categories) {
        const uint32_t n = categories + categories / 2;
        st = grow_flags(&log->category_flags, log->cap_categories, n);
        log->cap_categories = st ? log->cap_categories : n;
    }
    return st;
}

/* ---- everything that is pending ------------------------------------------------------- */

/* Calls f for each delta that the view has beyond the log. */
static void each_pending(struct learner *l, void (*f)(struct learner *, struct delta *, void *),
                         void *arg) {
    for (size_t k = 0; k < l->log.n_pending; k++) {
        f(l, l->log.pending[k].delta, arg);
    }
    for (uint32_t p = 0; p < LEARNER_TASKS_MAX; p++) {
        struct learner_task *t = l->tasks[p];
        for (int b = 0; t && b < LEARNER_BATCHES; b++) {
            if (t->batches[b].delta && !t->batches[b].seen) {
                f(l, t->batches[b].delta, arg);
            }
        }
    }
}

struct putting {
    const struct shared_part *part;
    enum status st;
};

static void take_out(struct learner *l, struct delta *d, void *arg) {
    const struct putting *putting = arg;
    shared_take_out(l->shared, d, putting->part);
}

static void put_back(struct learner *l, struct delta *d, void *arg) {
    struct putting *putting = arg;
    const enum status st = shared_put_back(l->shared, d, putting->part);
    putting->st = st ? st : putting->st;
}

static void move_one(struct learner *l, struct delta *d, void *arg) {
    (void)l;
    shared_move_delta(d, arg);
}

void learner_take_out(struct learner *l, const struct shared_part *part) {
    struct putting putting = {.part = part};
    each_pending(l, take_out, &putting);
}

enum status learner_put_back(struct learner *l, const struct shared_part *part) {
    struct putting putting = {.part = part};
    each_pending(l, put_back, &putting);
    return putting.st;
}

void learner_move_pending(struct learner *l, const struct shared_move *move) {
    struct shared_move copy = *move;
    each_pending(l, move_one, &copy);
}

size_t learner_log_pending(const struct learner *l, size_t *bytes) {
    *bytes = 0;
    for (size_t k = 0; k < l->log.n_pending; k++) {
        *bytes += delta_bytes(l->log.pending[k].delta);
    }
    return l->log.n_pending;
}

/* ---- a batch's way --------------------------------------------------------------------- */

void learner_name_batches(struct learner *l, uint32_t task, uint64_t epoch, uint64_t next_batch) {
    l->tasks[task]->epoch = epoch;
    l->tasks[task]->next_batch = next_batch;
}

/* Room in the list of what is pending for every batch that may be committed next. */
static enum status reserve_pending(struct learner *l) {
    struct learner_log *log = &l->log;
    size_t n = log->n_pending + 1;
    for (uint32_t p = 0; p < LEARNER_TASKS_MAX; p++) {
        n += l->tasks[p] ? l->tasks[p]->n_sealed : 0;
    }
    if (n <= log->cap_pending) {
        return ST_OK;
    }
    struct learner_pending *pending = realloc(log->pending, 2 * n * sizeof *pending);
    if (!pending) {
        return ST_NOMEM;
    }
    log->pending = pending;
    log->cap_pending = 2 * n;
    return ST_OK;
}

/* The nets as they are now, if they are due. */
static void publish_nets(struct learner_task *t, struct batch *b) {
    struct task_record *r = &t->record;
    if (!r->nets_moved || r->n_events < NETS_EVENTS) {
        return;
    }
    memcpy(b->delta->nets, r->ranker.net, sizeof b->delta->nets);
    b->delta->n_trained = r->n_trained;
    b->delta->has_nets = true;
    r->nets_epoch = b->epoch;
    r->nets_batch = b->number;
    r->nets_moved = false;
    r->n_events = r->n_trained = 0;
}

enum status learner_log_seal(struct learner *l, struct learner_task *t) {
    struct batch *next = &t->batches[(t->first_batch + t->n_sealed + 1) % LEARNER_BATCHES];
    enum status st = reserve_pending(l);
    if (!st && !next->delta && l->log.spare) {
        next->delta = l->log.spare;
        l->log.spare = NULL;
    } else if (!st && !next->delta) {
        st = delta_new(&next->delta);
    }
    if (st) {
        return st;
    }
    struct batch *b = learner_open_batch(t);
    b->epoch = t->epoch;
    b->number = t->next_batch++;
    publish_nets(t, b);
    return ST_OK;
}

void learner_log_committed(struct learner *l, struct learner_task *t) {
    struct batch *b = &t->batches[t->first_batch];
    if (b->seen || delta_is_empty(b->delta)) {
        return;
    }
    l->log.pending[l->log.n_pending++] =
        (struct learner_pending){.name = {.task = t->task, .epoch = b->epoch, .batch = b->number},
                                 .delta = batch_take_delta(b)};
}

void learner_log_forget_seen(struct learner_task *t) {
    while (t->n_sealed > 0 && t->batches[t->first_batch].seen) {
        batch_drop(&t->batches[t->first_batch]);
        t->first_batch = (t->first_batch + 1) % LEARNER_BATCHES;
        t->n_sealed--;
    }
}

void learner_log_close(struct learner *l, struct learner_task *t) {
    for (uint32_t k = l->params.log ? t->n_sealed + 1 : 0; k-- > 0;) {
        const struct batch *b = &t->batches[(t->first_batch + k) % LEARNER_BATCHES];
        if (!b->seen) {
            shared_take_back(l->shared, b->delta);
        }
    }
}

void learner_log_write(struct learner *l, uint32_t task, struct pack *p) {
    const struct learner_task *t = l->tasks[task];
    if (t->n_sealed == 0) {
        return;
    }
    const struct batch *b = &t->batches[(t->first_batch + t->n_sealed - 1) % LEARNER_BATCHES];
    const struct log_name name = {.task = task, .epoch = b->epoch, .batch = b->number};
    if (delta_is_empty(b->delta)) {
        return;
    }
    enum status st = learner_log_reserve(l);
    if (!st) {
        st = log_record_of(&name, l->shared, b->delta, l->log.named, &l->log.record);
    }
    if (st) {
        p->failed = true;
        return;
    }
    log_record_write(p, &l->log.record);
}

/* ---- what the log needs ------------------------------------------------------------------ */

/* Is a time landmark due at this time? */
static bool is_due(const struct shared *s, int64_t ts_ms) {
    bool due = categories_due(s->categories, ts_ms);
    for (int clock = 0; clock < POP_CLOCKS; clock++) {
        due = due || popularity_due(s->popularity, clock, ts_ms);
    }
    return due;
}

bool learner_landmark_wanted(const struct learner *l, int64_t *at_ms) {
    const int64_t needed = l->log.wanted_ms;
#ifdef CROSSREC_SEED_CONTROL_EARLY
    if (needed != INT64_MIN && is_due(l->shared, needed)) {
        *at_ms = needed;
        learner_move_early((struct learner *)(uintptr_t)l, needed);
        return true;
    }
#endif
    if (needed != INT64_MIN && is_due(l->shared, needed)) {
        *at_ms = needed;
        return true;
    }
    if (l->taken_ms != INT64_MIN && is_due(l->shared, l->taken_ms)) {
        *at_ms = l->taken_ms;
        return true;
    }
    return false;
}

enum status learner_log_seeds(struct learner *l, struct pack *p) {
    struct segments *segments = l->shared->segments;
    struct learner_log *log = &l->log;
    if (log->seeds_generation != segments_generation(segments) + 1) {
        log->seeds.len = 0;
        log->seeds_generation = 0;
        bool wanted = false;
        struct segments_seeds *seeds = segments_due(segments) ? malloc(sizeof *seeds) : NULL;
        if (!seeds) {
            return segments_due(segments) ? ST_NOMEM : ST_OK;
        }
        enum status st = segments_propose(segments, &wanted, seeds);
        if (!st && wanted) {
            log_record_write_seeds(&log->seeds, seeds);
            log->seeds_generation = seeds->generation;
        }
        free(seeds);
        if (st || log->seeds.failed) {
            log->seeds = (struct pack){.bytes = log->seeds.bytes, .cap = log->seeds.cap};
            log->seeds_generation = 0;
            return ST_NOMEM;
        }
    }
    pack_raw(p, log->seeds.bytes, log->seeds.len);
    return p->failed ? ST_NOMEM : ST_OK;
}

uint64_t learner_log_position(const struct learner *l) {
    return l->log.position;
}
