/* SPDX-License-Identifier: Apache-2.0
 * learner.c -- see learner.h: tasks, events, batches. Lists are in learner_list.c. */
#include "learner.h"

#include <stdlib.h>
#include <string.h>

#include "fixed.h"
#include "learner_state.h"
#include "lg.h"
#include "mix.h"
#include "user_features.h"

static const float NO_POPULARITY = -16.0F;
static const float MS_PER_HOUR = 3600000.0F;

/* ---- life cycle ---------------------------------------------------------------------- */

static bool params_ok(const struct learner_params *p) {
    return p->n_domains >= 1 && p->n_domains <= DOMAINS_MAX && p->mini_batch >= 1 &&
           p->late_max_ms >= 0 && p->prequential_window >= 1;
}

enum status learner_new(const struct learner_params *params, struct learner **out) {
    if (!params_ok(params)) {
        return ST_INVALID;
    }
    struct learner *l = calloc(1, sizeof *l);
    if (!l) {
        return ST_NOMEM;
    }
    l->params = *params;
    l->stream_ms = INT64_MIN;
    const struct shared_params shared = {
        .n_domains = params->n_domains, .seed = params->seed, .segments = params->segments};
    enum status st = shared_new(&shared, &l->shared);
    if (!st) {
        st = candidates_new(&l->candidates);
    }
    if (!st) {
        st = prequential_new(params->n_domains, params->prequential_window, &l->prequential);
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
    shared_free(l->shared);
    candidates_free(l->candidates);
    prequential_free(l->prequential);
    free(l);
}

/* ---- tasks --------------------------------------------------------------------------- */

struct batch *learner_open_batch(struct learner_task *t) {
    return &t->batches[(t->first_batch + t->n_sealed) % LEARNER_BATCHES];
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
    t->mini_number = 1;
    ranker_init(&t->record.ranker);
    enum status st = users_new(l->params.n_domains, &t->users);
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
    if (task < LEARNER_TASKS_MAX) {
        task_free(l->tasks[task]);
        l->tasks[task] = NULL;
    }
}

const struct users *learner_users(const struct learner *l, uint32_t task) {
    return task < LEARNER_TASKS_MAX && l->tasks[task] ? l->tasks[task]->users : NULL;
}

const struct ranker *learner_ranker(const struct learner *l, uint32_t task) {
    return task < LEARNER_TASKS_MAX && l->tasks[task] ? &l->tasks[task]->record.ranker : NULL;
}

/* Arrays beside the slots grow with them. */
static enum status reserve_slots(struct learner_task *t, uint32_t n) {
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

/* The user's slot, with his pre-image in the open batch. */
static enum status touch_user(struct learner_task *t, const struct event *e, uint32_t *out) {
    uint32_t slot = users_find(t->users, e->user);
    const bool exists = slot != USER_NONE;
    enum status st = ST_OK;
    if (!exists) {
        st = users_intern(t->users, e->user, e->user_id, e->user_id_len, &slot);
    }
    if (!st) {
        st = reserve_slots(t, slot + 1);
    }
    if (st) {
        return st;
    }
    if (t->touched_in[slot] != t->batch_number) {
        struct batch *b = learner_open_batch(t);
        st = exists ? batch_remember(b, t->users, slot) : batch_remember_new(b, slot);
        if (st) {
            return st;
        }
        t->touched_in[slot] = t->batch_number;
    }
    *out = slot;
    return ST_OK;
}

/* ---- one line ------------------------------------------------------------------------ */

static bool consumes(uint8_t action) {
    switch ((enum action)action) {
    case ACTION_ENROLL:
    case ACTION_PURCHASE:
    case ACTION_ORDER:
    case ACTION_COMPLETE:
    case ACTION_RATE:
    case ACTION_REPORT: return true; /* reported: not to be shown again */
    default: return false;
    }
}

/* One line on its way through the models. */
struct line {
    struct learner_task *task;
    struct delta *delta;
    struct candidates_view view;
    uint64_t draw; /* seeds what is random about this line */
    int64_t ts_ms;
    uint32_t slot;
    uint32_t item;
    uint8_t domain;
    bool known;    /* the item was counted before          */
    bool repeated; /* the user consumed it before          */
    bool trains;   /* there is something to rank it among  */
};

/* The target first, then candidates drawn with replacement (the target left out). */
static bool draw_sample(struct learner *l, const struct line *line, float *weight) {
    const uint32_t n = candidates_n(l->candidates);
    const uint32_t *items = candidates_items(l->candidates);
    const bool in = line->known && candidates_position(l->candidates, line->item) != UINT32_MAX;
    const uint32_t others = n - (in ? 1U : 0U);
    struct rng rng = {line->draw};
    uint32_t k = 0;
    l->sample_item[k++] = line->item;
    for (int z = 0; z < LEARNER_NEGATIVES && others > 0; z++) {
        uint32_t j = items[rng_below(&rng, n)];
        if (j != line->item) {
            l->sample_item[k++] = j;
        }
    }
    l->sample.n = k;
    *weight = k > 1 ? (float)others / (float)(k - 1) : 0.0F;
    return in;
}

/* The ranker's step, and what was observed and expected. */
static void train_ranker(struct learner *l, struct line *line) {
    float weight = 0.0F;
    const bool in = draw_sample(l, line, &weight);
    int64_t unit = 0;
    if (popularity_obs_weigh(l->shared->popularity, l->shared->n_events, &unit) != ST_OK) {
        unit = 0; /* cannot be: landmarks were moved before the event */
    }
    const double w = fixed_to(unit);
    float e[RANKER_SAMPLE_MAX];
    struct ranker *ranker = &line->task->record.ranker;
    if (l->sample.n > 1) {
        candidates_features_of(l->candidates, l->shared, &line->view, &l->sample);
        uint32_t first = 0; /* rows whose expectation counts */
        if (in) {
            ranker_learn(ranker, l->sample_x, RANKER_SAMPLE_MAX, l->sample.n, weight, e);
            line->task->record.mini.n_trained++;
        } else {
            /* no target among the candidates: only what they were expected to get */
            ranker_expect(ranker, l->sample_x + 1, RANKER_SAMPLE_MAX, l->sample.n - 1, weight,
                          e + 1);
            first = 1;
        }
        for (uint32_t k = first; k < l->sample.n; k++) {
            shared_add_obs(l->shared, line->delta, l->sample_item[k], 0,
                           fixed_of(w * (double)e[k]));
        }
    }
    if (line->known) {
        shared_add_obs(l->shared, line->delta, line->item, unit, 0);
    }
}

static enum status add_pairs(struct learner *l, const struct line *line) {
    const struct candidates_view *v = &line->view;
    const uint32_t n = v->n_history < PAIRS_WINDOW ? v->n_history : PAIRS_WINDOW;
    for (uint32_t r = 0; r < n; r++) {
        if (v->history[r].item == line->item) {
            continue;
        }
        struct pair_add add = pairs_weigh(v->history[r].item, line->item, (int)r,
                                          line->ts_ms - v->history[r].ts_ms);
        enum status st = shared_add_pair(l->shared, line->delta, &add);
        if (st) {
            return st;
        }
    }
    return ST_OK;
}

static void update_traits(struct learner *l, const struct line *line) {
    const struct pop_hot *hot = &popularity_hot(l->shared->popularity)[line->item];
    struct user *u = users_get(line->task->users, line->slot);
    float popularity = NO_POPULARITY;
    float age = 0.0F;
    if (line->known) {
        popularity = hot->lg[2] - popularity_lg_sum(l->shared->popularity, line->domain, 2);
        popularity = popularity > NO_POPULARITY ? popularity : NO_POPULARITY;
        const int64_t ms = line->ts_ms - hot->first_ms;
        age = ms > 0 ? lg(1.0F + (float)ms / MS_PER_HOUR) : 0.0F;
    }
    const uint32_t n = user_n(u) + 1;
    const float g = 1.0F / (float)(n < 10 ? n : 10);
    user_set_traits(u, user_mpop(u) + g * (popularity - user_mpop(u)),
                    user_mage(u) + g * (age - user_mage(u)));
}

static void prepare_line(struct learner *l, struct line *line) {
    const bool repeats = l->params.repeats[line->domain];
    const struct user *u = users_get(line->task->users, line->slot);
    const struct popularity *p = l->shared->popularity;
    candidates_view(l->shared, u, line->domain, repeats, line->ts_ms, &line->view);
    line->known = popularity_hot(p)[line->item].count > 0;
    line->repeated = user_took(u, line->domain, line->item, items_hashes(l->shared->items));
    line->trains = line->view.n_history > 0 && popularity_events(p, line->domain) > 0 &&
                   (!line->repeated || repeats);
}

/* What the shared model learns of a line that is not too late. */
static enum status teach(struct learner *l, struct line *line) {
    enum status st = delta_reserve_line(line->delta);
    if (st) {
        return st;
    }
    prepare_line(l, line);
    if (line->trains) {
        st = candidates_find(l->candidates, l->shared, &line->view, 0);
        if (st) {
            return st;
        }
        train_ranker(l, line);
    }
    st = add_pairs(l, line);
    if (st) {
        return st;
    }
    struct user *u = users_get(line->task->users, line->slot);
    if (line->trains && line->view.has_p) {
        shared_add_context(l->shared, line->delta, &line->task->record.mini, line->item,
                           line->view.p, !user_has_context(u));
        user_set_context(u);
    }
    update_traits(l, line);
    int64_t w[POP_CLOCKS];
    st = popularity_weigh(l->shared->popularity, line->ts_ms, w);
    if (!st) {
        shared_add_take(l->shared, line->delta, line->item, line->domain, line->ts_ms, w);
    }
    return st;
}

static enum status learn_line(struct learner *l, struct learner_task *t, const struct event *e,
                              const struct event_line *el, uint32_t slot, bool too_late) {
    struct line line = {.task = t,
                        .delta = learner_open_batch(t)->delta,
                        .draw = mix64(mix64(l->params.seed ^ t->task) ^
                                      mix64((uint64_t)e->offset ^ ((uint64_t)e->topic << 48)) ^
                                      el->item),
                        .ts_ms = e->ts_ms,
                        .slot = slot,
                        .domain = e->domain};
    enum status st = shared_intern(l->shared, el->item, e->domain, el->id, el->id_len, &line.item);
    if (!st && !too_late && e->action != ACTION_REPORT) {
        st = teach(l, &line);
    }
    if (st) {
        return st;
    }
    const struct user_line taken = {.item = line.item,
                                    .ts_ms = e->ts_ms,
                                    .hashes = items_hashes(l->shared->items),
                                    .amount = el->amount,
                                    .domain = e->domain,
                                    .action = e->action,
                                    .consumes = consumes(e->action),
                                    .repeats = l->params.repeats[e->domain],
                                    .history = !too_late && e->action != ACTION_REPORT};
    return user_take(users_place(t->users, slot), &taken);
}

/* ---- mini-batches: what happens at a log offset ---------------------------------------- */

static void average_rankers(struct learner *l, struct learner_task *t) {
    const float *weights[LEARNER_TASKS_MAX];
    uint32_t events[LEARNER_TASKS_MAX];
    uint32_t n = 0;
    for (uint32_t p = 0; p < LEARNER_TASKS_MAX; p++) {
        const struct learner_task *other = l->tasks[p];
        if (!other || other->shared_at <= t->averaged_at) {
            continue; /* never shared, or quiet since this task moved last */
        }
        weights[n] = other->shared_weights;
        events[n] = other->shared_trained;
        n++;
    }
    if (n > 1) {
        ranker_mean(&t->record.ranker, weights, events, n);
    }
}

static enum status close_mini_batch(struct learner *l, struct learner_task *t) {
    struct mini_batch *m = &t->record.mini;
    enum status st = shared_apply(l->shared, m);
    if (st) {
        return st;
    }
    memcpy(t->shared_weights, t->record.ranker.v, sizeof t->shared_weights);
    t->shared_trained = m->n_trained;
    t->shared_at = l->shared->log_end;
    average_rankers(l, t);
    t->averaged_at = l->shared->log_end;
    memset(m, 0, sizeof *m);
    t->mini_number++;
    l->n_mini_batches++;
    return ST_OK;
}

static void move_deltas(struct learner_task *t, const struct shared_move *move) {
    for (int b = 0; b < LEARNER_BATCHES; b++) {
        for (int clock = 0; clock < POP_CLOCKS; clock++) {
            if (move->halvings[clock]) {
                delta_move_clock(t->batches[b].delta, clock, move->halvings[clock]);
            }
        }
        if (move->obs_halvings) {
            delta_move_obs(t->batches[b].delta, move->obs_halvings);
        }
    }
}

static void move_landmarks(struct learner *l, int64_t ts_ms) {
    const struct shared_move move = shared_move_landmarks(l->shared, ts_ms);
    for (uint32_t p = 0; p < LEARNER_TASKS_MAX; p++) {
        if (l->tasks[p]) {
            move_deltas(l->tasks[p], &move);
        }
    }
}

/* ---- one event ----------------------------------------------------------------------- */

/* The order inside an event must not depend on the file or the sender. */
static int by_mixed_hash(const void *a, const void *b) {
    const uint64_t x = mix64(((const struct event_line *)a)->item);
    const uint64_t y = mix64(((const struct event_line *)b)->item);
    return x < y ? -1 : x > y;
}

static void update_segment(struct learner *l, struct learner_task *t, uint32_t slot) {
    struct user *u = users_get(t->users, slot);
    float x[FEATURES_MAX];
    features_of(u, l->params.n_domains, user_last_ms(u), x);
    int segment = user_segment(u);
    int pending = user_segment_pending(u);
    segments_label(l->shared->segments, x, &segment, &pending);
    user_set_segment(u, segment, pending);
    if (t->voted_in[slot] != t->mini_number) {
        t->voted_in[slot] = t->mini_number;
        shared_add_vote(l->shared, &t->record.mini, x);
    }
}

static bool event_ok(const struct learner *l, const struct event *e) {
    return e->domain < l->params.n_domains && e->action < ACTIONS && e->n_lines >= 1 &&
           e->n_lines <= EVENT_LINES_MAX && e->user_id_len >= 1 && e->user_id_len <= ID_LEN_MAX;
}

static enum status learn_new_event(struct learner *l, struct learner_task *t, struct event *e,
                                   uint32_t slot, struct learner_effect *effect) {
    const struct user *u = users_get(t->users, slot);
    effect->late = e->ts_ms < l->stream_ms;
    effect->too_late = (effect->late && e->ts_ms < l->stream_ms - l->params.late_max_ms) ||
                       e->ts_ms < user_history_floor(u);
    if (!effect->late) {
        l->stream_ms = e->ts_ms;
    }
    if (shared_landmark_needed(l->shared, e->ts_ms)) {
        move_landmarks(l, e->ts_ms);
    }
    qsort(e->lines, e->n_lines, sizeof *e->lines, by_mixed_hash);
    enum status st = effect->too_late ? ST_OK : learner_test(l, t, e, slot);
    for (uint32_t k = 0; k < e->n_lines && !st; k++) {
        st = learn_line(l, t, e, &e->lines[k], slot, effect->too_late);
    }
    if (!st) {
        st = user_remember_event(users_place(t->users, slot), e->id);
    }
    if (st) {
        return st;
    }
    update_segment(l, t, slot);
    l->shared->n_events++;
    if (++t->record.mini.n_events >= l->params.mini_batch) {
        st = close_mini_batch(l, t);
        move_landmarks(l, l->stream_ms);
    }
    return st;
}

enum status learner_learn(struct learner *l, uint32_t task, struct event *e,
                          struct learner_effect *effect) {
    if (task >= LEARNER_TASKS_MAX || !l->tasks[task] || !event_ok(l, e)) {
        return ST_INVALID;
    }
    struct learner_task *t = l->tasks[task];
    *effect = (struct learner_effect){.user = USER_NONE};
    uint32_t known = users_find(t->users, e->user);
    if (known != USER_NONE && user_knows_event(users_get(t->users, known), e->id)) {
        effect->user = known;
        effect->duplicate = true;
        return ST_OK;
    }
    enum status st = touch_user(t, e, &effect->user);
    return st ? st : learn_new_event(l, t, e, effect->user, effect);
}

int64_t learner_stream_ms(const struct learner *l) {
    return l->stream_ms;
}

/* ---- batches --------------------------------------------------------------------------- */

enum status learner_seal(struct learner *l, uint32_t task) {
    struct learner_task *t = l->tasks[task];
    if (t->n_sealed == LEARNER_BATCHES - 1) {
        return ST_AGAIN;
    }
    t->n_sealed++;
    t->batch_number++;
    batch_open(learner_open_batch(t), &t->record);
    return ST_OK;
}

size_t learner_batch_users(const struct learner *l, uint32_t task) {
    return learner_open_batch(l->tasks[task])->n_images;
}

size_t learner_batch_bytes(const struct learner *l, uint32_t task) {
    return batch_bytes(learner_open_batch(l->tasks[task]));
}

void learner_committed(struct learner *l, uint32_t task) {
    struct learner_task *t = l->tasks[task];
    if (t->n_sealed > 0) {
        batch_drop(&t->batches[t->first_batch]);
        t->first_batch = (t->first_batch + 1) % LEARNER_BATCHES;
        t->n_sealed--;
    }
}

void learner_undo(struct learner *l, uint32_t task) {
    struct learner_task *t = l->tasks[task];
    for (uint32_t k = t->n_sealed + 1; k-- > 0;) {
        struct batch *b = &t->batches[(t->first_batch + k) % LEARNER_BATCHES];
        batch_undo(b, t->users, &t->record, l->shared);
    }
    t->n_sealed = 0;
    t->batch_number++;
    batch_open(learner_open_batch(t), &t->record);
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
