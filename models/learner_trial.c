/* SPDX-License-Identifier: Apache-2.0
 * learner_trial.c -- see learner.h and trial.h: events tested before they are learned, by what is
 * served and by the baselines. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ex.h"
#include "learner_state.h"
#include "lg.h"
#include "mix.h"

static const float BLEND_RATE = .3F;
static const float BLEND_LEAST = 1e-8F; /* below AdaGrad's root */

enum { ONE_DAY = 0, SEVEN_DAYS = 1, LIVE_TOP = 10, SURE_RANKS = 20, SIMILAR_USERS = 30 };

/* ---- what may be tested -------------------------------------------------------------------- */

/* The user as the event finds him; false if there is nothing to rank by or among. */
static bool view_of(const struct learner *l, const struct learner_task *t, const struct event *e,
                    uint32_t slot, struct candidates_view *view) {
    if (popularity_events(l->shared->popularity, e->domain) == 0 || e->action == ACTION_REPORT) {
        return false;
    }
    candidates_view(l->candidates, l->shared, users_get(t->users, slot), e->domain,
                    l->params.repeats[e->domain], e->ts_ms, view);
    return view->n_history > 0;
}

/* ITEM_NONE if the item was never counted; *allowed: may it be recommended to this user? */
static uint32_t target_of(const struct learner *l, const struct candidates_view *v,
                          const struct event_line *line, bool *allowed) {
    const uint32_t item = items_find(l->shared->items, line->item);
    const bool exists = item < l->shared->n_items; /* ITEM_NONE is not */
    *allowed = !exists || (!user_consumed(v->user, v->domain, item, v->hashes) &&
                           content_available(l->shared->content, item));
    return exists && popularity_hot(l->shared->popularity)[item].count > 0 ? item : ITEM_NONE;
}

/* ---- popularity ---------------------------------------------------------------------------- */

/* A clock of popularity.h, or POP_CLOCKS: cumulative. */
static int64_t count_of(const struct shared *s, uint32_t item, int clock) {
    return clock < POP_CLOCKS ? popularity_count(s->popularity, item, clock)
                              : (int64_t)popularity_hot(s->popularity)[item].count;
}

static bool shown(const struct shared *s, const struct candidates_view *v, uint32_t item) {
    return content_available(s->content, item) &&
           !user_consumed(v->user, v->domain, item, v->hashes);
}

/* Does item j stand before item i, by (count, hash)? */
static bool more_popular(const struct shared *s, const struct candidates_view *v, uint32_t j,
                         uint32_t i, int clock) {
    const int64_t c = count_of(s, j, clock);
    const int64_t d = count_of(s, i, clock);
    return c > d || (c == d && v->hashes[j] < v->hashes[i]);
}

/* A top list that holds every item of the domain that stands before its last one. */
struct popular {
    const uint32_t *items; /* (n,) unordered */
    uint32_t n;
    bool all; /* every item of the domain is on it */
    int clock;
};

/* The item's rank by popularity: exact below `sure`; TRIAL_MISS if it is further behind than the
 * list can tell. */
static uint32_t popular_rank(const struct shared *s, const struct candidates_view *v,
                             const struct popular *p, uint32_t item, uint32_t sure) {
    uint32_t before = 0;
    bool decides = p->all;
    if (count_of(s, item, p->clock) <= 0) {
        return TRIAL_MISS;
    }
    for (uint32_t k = 0; k < p->n; k++) {
        const uint32_t j = p->items[k];
        const bool ahead = more_popular(s, v, j, item, p->clock);
        before += ahead && shown(s, v, j);
        decides = decides || !ahead; /* whatever is not on the list is behind it, hence behind us */
    }
    if (decides) {
        return before < TRIAL_RANKS ? before : TRIAL_MISS;
    }
    if (before >= sure) {
        return TRIAL_MISS;
    }
    before = 0; /* rare: somebody who consumed most of the list */
    for (uint32_t k = 0; k < items_n_of(s->items, v->domain) && before < TRIAL_RANKS; k++) {
        const uint32_t j = items_of(s->items, v->domain, k);
        before += j < s->n_items && more_popular(s, v, j, item, p->clock) && shown(s, v, j);
    }
    return before < TRIAL_RANKS ? before : TRIAL_MISS;
}

static struct popular popular_of(const struct shared *s, uint8_t domain, int clock) {
    struct popular p = {.clock = clock};
    p.n = popularity_top(s->popularity, domain, clock, &p.items);
    p.all = p.n < POP_TOP;
    return p;
}

/* ---- live: a sample, two models -------------------------------------------------------------- */

static bool on_top(const struct ranked *top, uint32_t n, const struct features_block *b,
                   uint32_t item) {
    for (uint32_t k = 0; k < n; k++) {
        if (b->item[top[k].at] == item) {
            return true;
        }
    }
    return false;
}

static void test_lines(struct learner *l, const struct event *e, const struct candidates_view *v,
                       const struct ranked *top, uint32_t n, const struct features_block *b) {
    const struct popular popular = popular_of(l->shared, e->domain, SEVEN_DAYS);
    for (uint32_t k = 0; k < e->n_lines; k++) {
        bool allowed = false;
        const uint32_t item = target_of(l, v, &e->lines[k], &allowed);
        if (allowed) {
            prequential_add(l->prequential, e->domain, item != ITEM_NONE && on_top(top, n, b, item),
                            item != ITEM_NONE &&
                                popular_rank(l->shared, v, &popular, item, LIVE_TOP) < LIVE_TOP);
        }
    }
}

enum status learner_test(struct learner *l, struct learner_task *t, const struct event *e,
                         uint32_t slot) {
    const uint32_t every = l->params.prequential_sample;
    struct candidates_view view;
    if (every == 0 || mix64(e->id ^ l->params.seed) % every != 0 ||
        !view_of(l, t, e, slot, &view)) {
        return ST_OK;
    }
    enum status st = candidates_find(l->candidates, l->shared, &view, LIVE_TOP);
    if (st) {
        return st;
    }
    const struct features_block *b = candidates_features(l->candidates, l->shared, &view);
    const struct ranker_rows rows = candidates_rows(b);
    float scores[RANKER_LIST_MAX];
    ranker_scores(&t->record.ranker, learner_kind(t, &view), &rows, scores);
    struct ranked top[LIVE_TOP];
    test_lines(l, e, &view, top, ranked_best(scores, b->n, b->item, view.hashes, LIVE_TOP, top), b);
    return ST_OK;
}

/* ---- the linear blend ----------------------------------------------------------------------- */

static float max_of(const float *x, uint32_t n) {
    float max = n > 0 ? x[0] : 0.0F;
    for (uint32_t c = 1; c < n; c++) {
        max = x[c] > max ? x[c] : max;
    }
    return max;
}

/* Its inputs of all candidates, (BLEND_X, RANKER_LIST_MAX). */
static void blend_inputs(const struct features_block *b, float *x) {
    static const enum ranker_feature pop[] = {X_POP_1D, X_POP_7D};
    const float *dot = b->x + (size_t)X_DOT * b->stride;
    const float max_dot = fmaxf(max_of(dot, b->n), 1e-9F);
    for (uint32_t c = 0; c < b->n; c++) {
        x[c] = b->x[(size_t)X_K1_REL * b->stride + c];
        x[RANKER_LIST_MAX + c] = sqrtf(fmaxf(dot[c], 0.0F) / max_dot);
    }
    for (size_t z = 0; z < 2; z++) {
        const float *p = b->x + (size_t)pop[z] * b->stride; /* (l + 9)/4 */
        const float max = max_of(p, b->n);
        float *out = x + (2 + z) * RANKER_LIST_MAX;
        for (uint32_t c = 0; c < b->n; c++) {
            out[c] = 1.0F + lg(exp2f((p[c] - max) * 4.0F) + 1e-4F) / 13.3F;
        }
    }
}

static void blend_scores(const struct trial_baselines *b, const float *x, uint32_t n,
                         float *scores) {
    for (uint32_t c = 0; c < n; c++) {
        scores[c] = 0.0F;
        for (size_t k = 0; k < BLEND_X; k++) {
            scores[c] += b->weights[k] * x[k * RANKER_LIST_MAX + c];
        }
    }
}

/* A step of AdaGrad up the gradient of log p(target), weights >= 0. */
static void blend_learn(struct trial_baselines *b, const float *x, uint32_t n, uint32_t target) {
    float e[RANKER_LIST_MAX];
    blend_scores(b, x, n, e);
    const float max = max_of(e, n);
    float z = 0.0F;
    for (uint32_t c = 0; c < n; c++) {
        e[c] = ex(e[c] - max);
        z += e[c];
    }
    for (size_t k = 0; k < BLEND_X; k++) {
        const float *xk = x + k * RANKER_LIST_MAX;
        float g = xk[target];
        for (uint32_t c = 0; c < n; c++) {
            g -= e[c] / z * xk[c];
        }
        b->squares[k] += g * g;
        b->weights[k] += BLEND_RATE * g / sqrtf(b->squares[k] + BLEND_LEAST);
        b->weights[k] = fmaxf(b->weights[k], 0.0F);
    }
}

/* ---- all models ----------------------------------------------------------------------------- */

/* What a trial has at hand. */
struct bench {
    struct learner *l;
    const struct candidates_view *view;
    const struct features_block *block;
    struct trial *out;
    float scores[RANKER_LIST_MAX];
    float blend[BLEND_X * RANKER_LIST_MAX];
};

/* Ranks of all lines, and the top, of a model that scores the candidates. `least`: a candidate
 * with no more is unknown to the model. */
static void judge_candidates(struct bench *w, enum trial_model m, const uint32_t *targets,
                             float least) {
    const struct features_block *b = w->block;
    const uint64_t *hashes = w->view->hashes;
    struct ranked top[TRIAL_TOP];
    struct trial *out = w->out;
    out->ran[m] = true;
    const uint32_t n = ranked_best(w->scores, b->n, b->item, hashes, TRIAL_TOP, top);
    out->n_top[m] = 0;
    for (uint32_t k = 0; k < n && top[k].score > least; k++) {
        out->top[m][out->n_top[m]++] = b->item[top[k].at];
    }
    for (uint32_t k = 0; k < out->n_lines; k++) {
        const uint32_t at = targets[k] == ITEM_NONE
                                ? UINT32_MAX
                                : candidates_position(w->l->candidates, targets[k]);
        if (at == UINT32_MAX || !(w->scores[at] > least)) {
            continue;
        }
        const struct ranked target = {w->scores[at], at, hashes[targets[k]]};
        uint32_t rank = 0;
        for (uint32_t c = 0; c < b->n; c++) {
            const struct ranked other = {w->scores[c], c, hashes[b->item[c]]};
            rank += ranked_before(&other, &target);
        }
        out->lines[k].rank[m] = rank < TRIAL_RANKS ? rank : TRIAL_MISS;
    }
}

static void judge_popular(struct bench *w, enum trial_model m, const uint32_t *targets,
                          const struct popular *p) {
    const struct shared *s = w->l->shared;
    struct ranked top[TRIAL_TOP];
    uint32_t n = 0;
    for (uint32_t k = 0; k < p->n; k++) {
        const uint32_t j = p->items[k];
        if (shown(s, w->view, j)) {
            const float count = (float)count_of(s, j, p->clock);
            n = ranked_insert(top, n, TRIAL_TOP, (struct ranked){count, j, w->view->hashes[j]});
        }
    }
    w->out->ran[m] = true;
    w->out->n_top[m] = n;
    for (uint32_t k = 0; k < n; k++) {
        w->out->top[m][k] = top[k].at;
    }
    for (uint32_t k = 0; k < w->out->n_lines; k++) {
        if (targets[k] != ITEM_NONE) {
            w->out->lines[k].rank[m] = popular_rank(s, w->view, p, targets[k], SURE_RANKS);
        }
    }
}

static float dot_of(const float *p, const float *q) {
    float sum = 0.0F;
    for (int k = 0; k < FACTORS; k++) {
        sum += p[k] * q[k];
    }
    return sum;
}

/* Notes a model's ranks from its best items; `at` of those is the item. */
static void note_ranks(struct trial *out, enum trial_model m, const struct ranked *top, uint32_t n,
                       const uint32_t *targets) {
    out->ran[m] = true;
    out->n_top[m] = n < TRIAL_TOP ? n : TRIAL_TOP;
    for (uint32_t r = 0; r < n; r++) {
        if (r < TRIAL_TOP) {
            out->top[m][r] = top[r].at;
        }
        for (uint32_t k = 0; k < out->n_lines; k++) {
            if (targets[k] == top[r].at) {
                out->lines[k].rank[m] = r;
            }
        }
    }
}

/* Every item of the domain competes. */
static void judge_factors(struct bench *w, const uint32_t *targets) {
    const struct shared *s = w->l->shared;
    const struct candidates_view *v = w->view;
    const float *q = factors_q(s->factors);
    struct ranked top[TRIAL_RANKS];
    uint32_t n = 0;
    for (uint32_t k = 0; v->has_p && k < items_n_of(s->items, v->domain); k++) {
        const uint32_t i = items_of(s->items, v->domain, k);
        if (i >= s->n_items || popularity_hot(s->popularity)[i].count == 0) {
            continue;
        }
        const struct ranked r = {dot_of(v->p, q + (size_t)i * FACTORS), i, v->hashes[i]};
        if ((n < TRIAL_RANKS || ranked_before(&r, &top[n - 1])) && shown(s, v, i)) {
            n = ranked_insert(top, n, TRIAL_RANKS, r);
        }
    }
    note_ranks(w->out, TRIAL_FACTORS, top, n, targets);
}

/* What somebody took whom the tested user resembles. */
struct vote {
    uint32_t item;
    float weight;
};

static int by_item(const void *a, const void *b) {
    const struct vote *x = a;
    const struct vote *y = b;
    return x->item < y->item ? -1 : x->item > y->item;
}

/* Votes of the users of one task that are nearest to v. */
static uint32_t gather_votes(const struct learner_task *t, const struct candidates_view *v,
                             uint32_t except, struct vote *votes) {
    struct similar_user near[SIMILAR_USERS];
    const uint32_t n_near = similar_find(t->similar, v->p, except, SIMILAR_USERS, near);
    uint32_t n = 0;
    for (uint32_t k = 0; k < n_near; k++) {
        struct user_entry history[USER_HISTORY];
        const struct user *u = users_get(t->users, near[k].slot);
        const uint32_t taken = u ? user_history(u, v->now_ms, history, USER_HISTORY) : 0;
        for (uint32_t r = 0; r < taken; r++) {
            if (history[r].domain == v->domain) {
                votes[n++] = (struct vote){history[r].item, near[k].cosine};
            }
        }
    }
    return n;
}

static void judge_similar(struct bench *w, const struct learner_task *t, uint32_t slot,
                          const uint32_t *targets) {
    struct vote votes[SIMILAR_USERS * USER_HISTORY];
    struct trial *out = w->out;
    struct ranked top[TRIAL_RANKS];
    uint32_t n_top = 0;
    const uint32_t n = w->view->has_p ? gather_votes(t, w->view, slot, votes) : 0;
    qsort(votes, n, sizeof *votes, by_item);
    for (uint32_t k = 0; k < n;) {
        const uint32_t item = votes[k].item;
        float sum = 0.0F;
        for (; k < n && votes[k].item == item; k++) {
            sum += votes[k].weight;
        }
        if (shown(w->l->shared, w->view, item)) {
            n_top = ranked_insert(top, n_top, TRIAL_RANKS,
                                  (struct ranked){sum, item, w->view->hashes[item]});
        }
    }
    note_ranks(out, TRIAL_SIMILAR, top, n_top, targets);
}

static void judge_rankers(struct bench *w, const struct learner_task *t, const uint32_t *targets) {
    const struct ranker_rows rows = candidates_rows(w->block);
    const enum ranker_kind served = learner_kind(t, w->view);
    for (int kind = 0; kind < RANKER_NETS; kind++) {
        ranker_scores(&t->record.ranker, (enum ranker_kind)kind, &rows, w->scores);
        judge_candidates(w, kind == RANKER_FULL ? TRIAL_FULL : TRIAL_TWIN, targets, -HUGE_VALF);
        if (kind == (int)served) {
            judge_candidates(w, TRIAL_RANKER, targets, -HUGE_VALF);
        }
    }
}

/* The list that learner_rank() would give. */
static enum status judge_shown(struct bench *w, struct learner_task *t, uint32_t slot,
                               const uint32_t *targets) {
    struct ranking r;
    struct list list;
    struct ranked top[SURE_RANKS];
    enum status st =
        learner_rank_user(w->l, t, slot, w->view->domain, w->view->now_ms, SURE_RANKS, &r);
    if (st) {
        return st;
    }
    learner_show(w->l, t, slot, &r, SURE_RANKS, &list);
    for (uint32_t k = 0; k < list.n; k++) {
        top[k] = (struct ranked){list.items[k].score, list.items[k].item, 0};
    }
    note_ranks(w->out, TRIAL_SHOWN, top, list.n, targets);
    return ST_OK;
}

static void judge_others(struct bench *w, struct trial_baselines *b, const uint32_t *targets) {
    const struct shared *s = w->l->shared;
    const uint8_t domain = w->view->domain;
    memcpy(w->scores, w->block->x + (size_t)X_K1_REL * w->block->stride,
           w->block->n * sizeof *w->scores);
    judge_candidates(w, TRIAL_TOGETHER, targets, 0.0F);
    blend_inputs(w->block, w->blend);
    blend_scores(b, w->blend, w->block->n, w->scores);
    judge_candidates(w, TRIAL_LINEAR, targets, -HUGE_VALF);
    const struct popular one = popular_of(s, domain, ONE_DAY);
    judge_popular(w, TRIAL_POPULAR_1D, targets, &one);
    const struct popular seven = popular_of(s, domain, SEVEN_DAYS);
    judge_popular(w, TRIAL_POPULAR_7D, targets, &seven);
    const struct popular ever = {.items = b->popular[domain],
                                 .n = b->n_popular[domain],
                                 .all = b->n_popular[domain] < TRIAL_POPULAR_TOP,
                                 .clock = POP_CLOCKS};
    judge_popular(w, TRIAL_POPULAR, targets, &ever);
}

/* Puts an item whose count has grown where it belongs: the list is the top by (count, hash). */
static void note_popular(const struct shared *s, struct trial_baselines *b, uint8_t domain,
                         uint32_t item) {
    uint32_t *list = b->popular[domain];
    const struct pop_hot *hot = popularity_hot(s->popularity);
    const uint64_t *hashes = items_hashes(s->items);
    uint32_t last = 0;
    for (uint32_t k = 0; k < b->n_popular[domain]; k++) {
        if (list[k] == item) {
            return;
        }
        const uint32_t c = hot[list[k]].count;
        const uint32_t d = hot[list[last]].count;
        last = c < d || (c == d && hashes[list[k]] > hashes[list[last]]) ? k : last;
    }
    if (b->n_popular[domain] < TRIAL_POPULAR_TOP) {
        list[b->n_popular[domain]++] = item;
    } else if (hot[item].count > hot[list[last]].count ||
               (hot[item].count == hot[list[last]].count && hashes[item] < hashes[list[last]])) {
        list[last] = item;
    }
}

/* The event before this one has been learned: its items are known and counted now. */
static void note_taken(const struct shared *s, struct trial_baselines *b) {
    for (uint32_t k = 0; k < b->n_taken; k++) {
        const uint32_t item = items_find(s->items, b->taken[k]);
        if (item < s->n_items && popularity_hot(s->popularity)[item].count > 0) {
            note_popular(s, b, items_domain(s->items, item), item);
        }
    }
    b->n_taken = 0;
}

static void describe(const struct learner *l, const struct event *e,
                     const struct candidates_view *v, struct trial *out, uint32_t *targets) {
    out->tested = true;
    out->cold = user_n_of(v->user, v->domain) == 0;
    out->user_events = user_n(v->user);
    out->n_lines = e->n_lines;
    for (uint32_t k = 0; k < e->n_lines; k++) {
        struct trial_line *line = &out->lines[k];
        *line = (struct trial_line){.item_events = 0};
        targets[k] = target_of(l, v, &e->lines[k], &line->tested);
        for (int m = 0; m < TRIAL_MODELS; m++) {
            line->rank[m] = TRIAL_MISS;
        }
        if (targets[k] != ITEM_NONE) {
            line->item_events = popularity_hot(l->shared->popularity)[targets[k]].count;
            line->repeated = user_took(v->user, v->domain, targets[k], v->hashes);
        }
    }
}

static enum status try_models(struct learner *l, struct learner_task *t, uint32_t slot,
                              const struct event *e, const struct candidates_view *view,
                              bool with_scans, struct trial_baselines *b, struct trial *out) {
    uint32_t targets[EVENT_LINES_MAX] = {0};
    enum status st = view->has_p ? similar_set(t->similar, slot, view->p) : ST_OK;
    if (st) {
        return st;
    }
    st = candidates_find(l->candidates, l->shared, view, TRIAL_RANKS);
    if (st) {
        return st;
    }
    describe(l, e, view, out, targets);
    struct bench w = {.l = l, .view = view, .out = out};
    w.block = candidates_features(l->candidates, l->shared, view);
    judge_rankers(&w, t, targets);
    judge_others(&w, b, targets);
    if (with_scans) {
        judge_factors(&w, targets);
        judge_similar(&w, t, slot, targets);
    }
    for (uint32_t k = 0; k < e->n_lines; k++) {
        const uint32_t at =
            targets[k] == ITEM_NONE ? UINT32_MAX : candidates_position(l->candidates, targets[k]);
        if (at != UINT32_MAX) {
            blend_learn(b, w.blend, w.block->n, at);
        }
    }
    const bool dials = l->params.diversity > 0.0F || l->params.explore > 0.0F;
    return dials ? judge_shown(&w, t, slot, targets) : ST_OK;
}

enum status learner_try(struct learner *l, uint32_t task, const struct event *e, bool with_scans,
                        struct trial_baselines *b, struct trial *out) {
    out->tested = false;
    out->n_lines = 0;
    memset(out->ran, 0, sizeof out->ran);
    if (task >= LEARNER_TASKS_MAX || !l->tasks[task] || !learner_event_ok(l, e)) {
        return ST_INVALID;
    }
    struct learner_task *t = l->tasks[task];
    const uint32_t slot = users_find(t->users, e->user);
    struct candidates_view view;
    enum status st = ST_OK;
    note_taken(l->shared, b);
    if (slot != USER_NONE && view_of(l, t, e, slot, &view)) {
        st = try_models(l, t, slot, e, &view, with_scans, b, out);
    }
    for (uint32_t k = 0; k < e->n_lines && !st; k++) {
        b->taken[b->n_taken++] = e->lines[k].item;
    }
    return st;
}
