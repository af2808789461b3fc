/* SPDX-License-Identifier: Apache-2.0
 * learner.c -- see learner.h: tasks, events, the catalogue. What one line teaches is in
 * learner_line.c, lists are in learner_list.c, batches in learner_batch.c. */
#include "learner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "learner_state.h"
#include "mix.h"
#include "user_features.h"

#define TS_LIMIT (INT64_C(1) << 47) /* of user.h */

/* ---- life cycle ---------------------------------------------------------------------- */

static bool share_ok(float x) {
    return x >= 0.0F && x <= 1.0F;
}

static bool params_ok(const struct learner_params *p) {
    return p->n_domains >= 1 && p->n_domains <= DOMAINS_MAX && p->mini_batch >= 1 &&
           p->late_max_ms >= 0 && p->prequential_window >= 1 && share_ok(p->diversity) &&
           share_ok(p->explore);
}

enum status learner_new(const struct learner_params *params, struct learner **out) {
    if (!params_ok(params)) {
        return ST_INVALID;
    }
    struct learner *l = aligned_alloc(64, sizeof *l); /* rows of floats in it */
    if (!l) {
        return ST_NOMEM;
    }
    memset(l, 0, sizeof *l);
    l->params = *params;
    l->mini_batch = params->mini_batch;
    l->stream_ms = l->taken_ms = l->closed_ms = l->log.wanted_ms = INT64_MIN;
    const struct shared_params shared = {
        .n_domains = params->n_domains, .seed = params->seed, .segments = params->segments};
    enum status st = shared_new(&shared, &l->shared);
    if (!st) {
        st = candidates_new(&l->candidates);
    }
    if (!st) {
        st = prequential_new(params->n_domains, params->prequential_window, &l->prequential);
    }
    if (!st) {
        st = rules_new(params->n_domains, &l->rules);
    }
    if (st) {
        learner_free(l);
        return st;
    }
    l->sample = (struct features_block){
        .stride = RANKER_SAMPLE_MAX, .item = l->sample_item, .x = l->sample_x};
    *out = l;
    return ST_OK;
}

static void task_free(struct learner_task *t) {
    if (!t) {
        return;
    }
    users_free(t->users);
    similar_free(t->similar);
    for (int b = 0; b < LEARNER_BATCHES; b++) {
        batch_free(&t->batches[b]);
    }
    free(t->touched_in);
    free(t->voted_in);
    free(t);
}

void learner_free(struct learner *l) {
    if (!l) {
        return;
    }
    for (uint32_t p = 0; p < LEARNER_TASKS_MAX; p++) {
        task_free(l->tasks[p]);
    }
    learner_log_free(&l->log);
    rules_free(l->rules);
    shared_free(l->shared);
    candidates_free(l->candidates);
    prequential_free(l->prequential);
    free(l);
}

/* ---- tasks --------------------------------------------------------------------------- */

void learner_set_n_tasks(struct learner *l, uint32_t n) {
    const uint32_t all = l->params.mini_batch;
    const uint32_t least = all < LEARNER_MINI_BATCH_MIN ? all : LEARNER_MINI_BATCH_MIN;
    l->mini_batch = n > 0 && all / n > least ? all / n : least;
}

enum status learner_task_open(struct learner *l, uint32_t task) {
    if (task >= LEARNER_TASKS_MAX) {
        return ST_RANGE;
    }
    if (l->tasks[task]) {
        return ST_OK;
    }
    struct learner_task *t = calloc(1, sizeof *t);
    if (!t) {
        return ST_NOMEM;
    }
    t->task = task;
    t->batch_number = 1; /* 0 in touched_in means: in no batch */
    t->record.mini_number = 1;
    t->record.taken_ms = INT64_MIN;
    t->record.nets_moved = true;
    ranker_init(&t->record.ranker, l->params.seed); /* of one seed: means of them make sense */
    enum status st = users_new(l->params.n_domains, &t->users);
    if (!st) {
        st = similar_new(&t->similar);
    }
    for (int b = 0; b < LEARNER_BATCHES && !st; b++) {
        st = batch_init(&t->batches[b]);
    }
    if (st) {
        task_free(t);
        return st;
    }
    batch_open(learner_open_batch(t), &t->record);
    l->tasks[task] = t;
    return ST_OK;
}

void learner_task_close(struct learner *l, uint32_t task) {
    if (task >= LEARNER_TASKS_MAX || !l->tasks[task]) {
        return;
    }
    l->closed_ms = later_ms(l->closed_ms, l->tasks[task]->record.taken_ms);
    learner_log_close(l, l->tasks[task]);
    task_free(l->tasks[task]);
    l->tasks[task] = NULL;
}

const struct users *learner_users(const struct learner *l, uint32_t task) {
    return task < LEARNER_TASKS_MAX && l->tasks[task] ? l->tasks[task]->users : NULL;
}

const struct ranker *learner_ranker(const struct learner *l, uint32_t task) {
    return task < LEARNER_TASKS_MAX && l->tasks[task] ? &l->tasks[task]->record.ranker : NULL;
}

enum status learner_reserve_slots(struct learner_task *t, uint32_t n) {
    if (n <= t->cap_slots) {
        return ST_OK;
    }
    uint32_t cap = t->cap_slots ? t->cap_slots : 1024;
    while (cap < n) {
        cap *= 2;
    }
    uint64_t *touched = realloc(t->touched_in, cap * sizeof *touched);
    if (!touched) {
        return ST_NOMEM;
    }
    t->touched_in = touched;
    uint64_t *voted = realloc(t->voted_in, cap * sizeof *voted);
    if (!voted) {
        return ST_NOMEM;
    }
    t->voted_in = voted;
    memset(touched + t->cap_slots, 0, (cap - t->cap_slots) * sizeof *touched);
    memset(voted + t->cap_slots, 0, (cap - t->cap_slots) * sizeof *voted);
    t->cap_slots = cap;
    return ST_OK;
}

/* Puts a user's pre-image into the open batch, once. */
static enum status remember_user(struct learner_task *t, uint32_t slot, bool exists) {
    enum status st = learner_reserve_slots(t, slot + 1);
    if (st || t->touched_in[slot] == t->batch_number) {
        return st;
    }
    struct batch *b = learner_open_batch(t);
    const uint64_t voted_in = t->voted_in[slot];
    st = exists ? batch_remember(b, t->users, slot, voted_in)
                : batch_remember_new(b, slot, voted_in);
    if (!st) {
        t->touched_in[slot] = t->batch_number;
    }
    return st;
}

/* The user's slot, with his pre-image in the open batch. */
static enum status touch_user(struct learner_task *t, const struct event *e, uint32_t *out) {
    uint32_t slot = users_find(t->users, e->user);
    const bool exists = slot != USER_NONE;
    enum status st = ST_OK;
    if (!exists) {
        st = users_intern(t->users, e->user, e->user_id, e->user_id_len, &slot);
    }
    if (st) {
        return st;
    }
    st = remember_user(t, slot, exists);
    if (st && !exists) {
        users_replace(t->users, slot, NULL); /* no undo would know of him */
    }
    if (!st) {
        *out = slot;
    }
    return st;
}

/* ---- mini-batches: what happens at a log offset ---------------------------------------- */

static void average_rankers(struct learner *l, struct learner_task *t) {
    const struct ranker_net *nets[LEARNER_TASKS_MAX];
    uint32_t events[LEARNER_TASKS_MAX];
    uint32_t n = 0;
    for (uint32_t p = 0; p < LEARNER_TASKS_MAX; p++) {
        const struct learner_task *other = l->tasks[p];
        if (!other || other->shared_at <= t->averaged_at) {
            continue; /* never shared, or quiet since this task moved last */
        }
        nets[n] = other->shared_nets;
        events[n] = other->shared_trained;
        n++;
    }
    if (n > 1) {
        ranker_mean(&t->record.ranker, nets, events, n);
    }
}

/* The loop-back log. */
static enum status apply_mini_batch(struct learner *l, struct learner_task *t) {
    const struct mini_batch *m = &t->record.mini;
    enum status st = shared_apply(l->shared, m);
    if (st) {
        return st;
    }
    memcpy(t->shared_nets, t->record.ranker.net, sizeof t->shared_nets);
    t->shared_trained = m->n_trained;
    t->shared_at = l->shared->log_end;
    average_rankers(l, t);
    t->averaged_at = l->shared->log_end;
    return ST_OK;
}

static void move_landmarks(struct learner *l, int64_t ts_ms) {
    const struct shared_move move = shared_move_landmarks(l->shared, ts_ms);
    learner_move_pending(l, &move);
}

static enum status close_mini_batch(struct learner *l, struct learner_task *t) {
    struct mini_batch *m = &t->record.mini;
    if (l->params.log) {
        delta_close(learner_open_batch(t)->delta, m);
    } else {
        enum status st = apply_mini_batch(l, t);
        if (st) {
            return st;
        }
    }
    memset(m, 0, sizeof *m);
    t->record.mini_number++;
    l->n_mini_batches++;
    return ST_OK;
}

/* ---- one event ----------------------------------------------------------------------- */

/* The order inside an event must not depend on the file or the sender. */
static int by_mixed_hash(const void *a, const void *b) {
    const struct event_line *p = a;
    const struct event_line *q = b;
    const uint64_t x = mix64(p->item);
    const uint64_t y = mix64(q->item);
    if (x != y) {
        return x < y ? -1 : 1;
    }
    if (p->amount < q->amount || p->amount > q->amount) {
        return p->amount < q->amount ? -1 : 1; /* sums of money round by order */
    }
    if (p->discount < q->discount || p->discount > q->discount) {
        return p->discount < q->discount ? -1 : 1;
    }
    return p->quantity < q->quantity ? -1 : p->quantity > q->quantity;
}

/* On the first event of a day, and while there is no label: labels the user by his typical vector.
 * He votes once a mini-batch, if at all. */
static void update_segment(struct learner *l, struct learner_task *t, uint32_t slot, bool votes) {
    struct user *u = users_get(t->users, slot);
    const bool is_new_day = features_keep_typical(u, l->params.n_domains);
    int segment = user_segment(u);
    if (!is_new_day && segment >= 0) {
        return;
    }
    float x[FEATURES_MAX];
    features_typical_of(u, l->params.n_domains, x);
    int pending = user_segment_pending(u);
    segments_label(l->shared->segments, x, &segment, &pending);
    user_set_segment(u, segment, pending);
    if (votes && t->voted_in[slot] != t->record.mini_number) {
        t->voted_in[slot] = t->record.mini_number;
        shared_add_vote(l->shared, &t->record.mini, x);
    }
}

static bool amount_ok(float x) {
    return x >= 0.0F && isfinite(x);
}

static bool line_ok(const struct learner *l, uint8_t domain, const struct event_line *line) {
    const uint32_t i = items_find(l->shared->items, line->item);
    return line->id_len >= 1 && line->id_len <= ID_LEN_MAX && amount_ok(line->quantity) &&
           amount_ok(line->amount) && amount_ok(line->discount) &&
           (i == ITEM_NONE || items_domain(l->shared->items, i) == domain);
}

/* Everything that could be refused half-way is refused here. */
bool learner_event_ok(const struct learner *l, const struct event *e) {
    bool ok = e->domain < l->params.n_domains && e->action < ACTIONS_OF_EVENTS &&
              e->weight >= 0.0F && e->weight <= (float)EVENT_WEIGHT_MAX && e->n_lines >= 1 &&
              e->n_lines <= EVENT_LINES_MAX && e->user_id_len >= 1 &&
              e->user_id_len <= ID_LEN_MAX && e->ts_ms > -TS_LIMIT && e->ts_ms < TS_LIMIT;
    for (uint32_t k = 0; ok && k < e->n_lines; k++) {
        ok = line_ok(l, e->domain, &e->lines[k]);
    }
    return ok;
}

/* Notes the time of an event; says whether it is late, or too late to be a part of history. */
static void judge_time(struct learner *l, struct learner_task *t, const struct event *e,
                       int64_t floor_ms, struct learner_effect *effect) {
    const int64_t taken_ms = t->record.taken_ms;
    effect->late = e->ts_ms < taken_ms;
    effect->too_late =
        (effect->late && taken_ms - e->ts_ms > l->params.late_max_ms) || e->ts_ms < floor_ms;
    t->record.taken_ms = later_ms(t->record.taken_ms, e->ts_ms);
    l->taken_ms = later_ms(l->taken_ms, e->ts_ms);
    l->stream_ms = later_ms(l->stream_ms, e->ts_ms);
}

static enum status learn_new_event(struct learner *l, struct learner_task *t, struct event *e,
                                   uint32_t slot, struct learner_effect *effect) {
    const int64_t before_ms = t->record.taken_ms;
    judge_time(l, t, e, user_history_floor(users_get(t->users, slot)), effect);
    const bool teaches = learner_weight(e) > 0;
    uint32_t stands_for = 0;
    if (teaches && !effect->too_late) {
        const int64_t gone_ms = before_ms == INT64_MIN ? 0 : t->record.taken_ms - before_ms;
        stands_for = examples_take(&t->record.examples, l->params.ranker_rate, gone_ms);
        effect->passed = stands_for == 0;
    }
    if (teaches && !l->params.log && shared_landmark_needed(l->shared, e->ts_ms)) {
        move_landmarks(l, e->ts_ms);
    }
    const uint32_t n_trained = t->record.mini.n_trained;
    qsort(e->lines, e->n_lines, sizeof *e->lines, by_mixed_hash);
    enum status st = stands_for == 0 ? ST_OK : learner_test(l, t, e, slot);
    if (!st) {
        st = learner_take_lines(l, t, e, slot, effect->too_late, stands_for);
    }
    if (!st) {
        st = user_remember_event(users_place(t->users, slot), e->id);
    }
    if (st) {
        return st;
    }
    update_segment(l, t, slot, teaches);
    if (!teaches) {
        return ST_OK;
    }
    shared_add_event(l->shared, learner_open_batch(t)->delta);
    t->record.n_events++;
    t->record.n_trained += t->record.mini.n_trained - n_trained;
    if (++t->record.mini.n_events < l->mini_batch) {
        return ST_OK;
    }
    st = close_mini_batch(l, t);
    if (!l->params.log) {
        move_landmarks(l, l->taken_ms);
    }
    return st;
}

/* Counts the event; is it more than a user may teach in a minute? */
static bool floods(const struct learner *l, struct user *u, const struct event *e) {
    const uint32_t rate = l->params.user_rate;
    return rate > 0 && user_count_minute(u, e->ts_ms) > rate;
}

/* A log moves landmarks by records: the event must wait for one. */
static bool needs_landmark(const struct learner *l, const struct event *e) {
    return l->params.log && learner_weight(e) > 0 && shared_landmark_needed(l->shared, e->ts_ms);
}

enum status learner_learn(struct learner *l, uint32_t task, struct event *e,
                          struct learner_effect *effect) {
    if (task >= LEARNER_TASKS_MAX || !l->tasks[task] || !learner_event_ok(l, e)) {
        return ST_INVALID;
    }
    struct learner_task *t = l->tasks[task];
    *effect = (struct learner_effect){.user = USER_NONE};
    const uint32_t known = users_find(t->users, e->user);
    if (known != USER_NONE && user_knows_event(users_get(t->users, known), e->id)) {
        effect->user = known;
        effect->duplicate = true;
        return ST_OK;
    }
    if (needs_landmark(l, e)) {
        l->log.wanted_ms = e->ts_ms;
        return ST_AGAIN;
    }
    enum status st = touch_user(t, e, &effect->user);
    if (st) {
        return st;
    }
    effect->flooded = floods(l, users_get(t->users, effect->user), e);
    return effect->flooded ? user_remember_event(users_place(t->users, effect->user), e->id)
                           : learn_new_event(l, t, e, effect->user, effect);
}

void learner_learn_soon_user(const struct learner *l, uint32_t task, uint64_t user) {
    const struct users *users = learner_users(l, task);
    if (users) {
        users_fetch(users, users_find(users, user));
    }
}

void learner_learn_soon(const struct learner *l, uint32_t task, const struct event *e) {
    const struct users *users = learner_users(l, task);
    const struct user *u = users ? users_get(users, users_find(users, e->user)) : NULL;
    if (!u || e->n_lines == 0) {
        return;
    }
    struct user_entry history[USER_HISTORY];
    uint32_t items[USER_HISTORY];
    const uint32_t n = user_history(u, INT64_MAX, history, USER_HISTORY);
    const uint32_t item = items_find(l->shared->items, e->lines[0].item);
    bool domains[DOMAINS_MAX] = {false};
    for (uint32_t r = 0; r < n; r++) {
        items[r] = history[r].item;
    }
    factors_fetch(l->shared->factors, items, n);
    for (uint32_t r = 0; r < n && r < PAIRS_WINDOW; r++) {
        const uint8_t domain = history[r].domain;
        pairs_fetch_items(l->shared->pairs, items[r], e->domain);
        if (item != ITEM_NONE && !domains[domain]) {
            domains[domain] = true;
            pairs_fetch_items(l->shared->pairs, item, domain);
        }
    }
}

enum status learner_fire(struct learner *l, uint32_t task, uint32_t user, uint32_t trigger,
                         uint32_t what, int64_t at_ms) {
    struct learner_task *t = task < LEARNER_TASKS_MAX ? l->tasks[task] : NULL;
    if (!t || user >= users_n(t->users) || !users_get(t->users, user)) {
        return ST_NOT_FOUND;
    }
    enum status st = remember_user(t, user, true);
    return st ? st : user_fire(users_place(t->users, user), trigger, what, at_ms);
}

int64_t learner_stream_ms(const struct learner *l) {
    return l->stream_ms;
}

/* ---- the catalogue ------------------------------------------------------------------------ */

enum status learner_item(struct learner *l, const struct content_row *row,
                         struct content_change *change) {
    const bool is_new = items_find(l->shared->items, row->item) == ITEM_NONE;
    uint32_t i = ITEM_NONE;
    enum status st = shared_intern(l->shared, row->item, row->domain, row->id, row->id_len, &i);
    if (!st) {
        st = content_set(l->shared->content, i, row, change);
    }
    if (!st) {
        change->is_new = is_new;
        rules_item_changed(l->rules, l->shared->items, l->shared->content, i);
    }
    return st;
}

const struct content *learner_content(const struct learner *l) {
    return l->shared->content;
}

/* ---- reading ----------------------------------------------------------------------------- */

const struct shared *learner_shared(const struct learner *l) {
    return l->shared;
}

const struct prequential *learner_prequential(const struct learner *l) {
    return l->prequential;
}

uint64_t learner_n_users(const struct learner *l) {
    uint64_t n = 0;
    for (uint32_t p = 0; p < LEARNER_TASKS_MAX; p++) {
        n += l->tasks[p] ? users_n_alive(l->tasks[p]->users) : 0;
    }
    return n;
}

uint64_t learner_n_mini_batches(const struct learner *l) {
    return l->n_mini_batches;
}
