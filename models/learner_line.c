/* SPDX-License-Identifier: Apache-2.0
 * learner_line.c -- see learner.h: one line on its way through the models. */
#include <string.h>

#include "fixed.h"
#include "learner_state.h"
#include "lg.h"
#include "mix.h"

static const float NO_POPULARITY = -16.0F;
static const float LG_SUM_LEAST = -20.0F; /* one unit of fixed.h */
static const float MS_PER_HOUR = 3600000.0F;

static bool consumes(uint8_t action) {
    switch ((enum action)action) {
    case ACTION_ENROLL:
    case ACTION_PURCHASE:
    case ACTION_ORDER:
    case ACTION_COMPLETE:
    case ACTION_RATE:
    case ACTION_REPORT: return true; /* not to be shown again: enters the set everywhere */
    default: return false;
    }
}

/* One line on its way through the models. */
struct line {
    struct learner_task *task;
    struct delta *delta;
    struct candidates_view view;
    uint64_t draw;  /* seeds what is random about this line */
    int64_t weight; /* what the event weighs: learner_weight() */
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
    unit = fixed_times(unit, line->weight);
    const double w = fixed_to(unit);
    float e[RANKER_SAMPLE_MAX];
    struct ranker *ranker = &line->task->record.ranker;
    if (l->sample.n > 1) {
        candidates_features_of(l->candidates, l->shared, &line->view, &l->sample);
        uint32_t first = 0; /* rows whose expectation counts */
        if (in) {
            ranker_learn(ranker, l->sample_x, RANKER_SAMPLE_MAX, l->sample.n, weight,
                         fixed_to(line->weight), e);
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
    /* nobody expects what nobody is shown: withdrawn, it would only seem to exceed itself */
    if (line->known && content_available(l->shared->content, line->item)) {
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
        struct pair_add add =
            pairs_weigh(v->history[r].item, line->item, (int)r, line->ts_ms - v->history[r].ts_ms);
        add.a = (int32_t)fixed_times(add.a, line->weight);
        add.f = (int32_t)fixed_times(add.f, line->weight);
        add.s = (int32_t)fixed_times(add.s, line->weight);
        if (add.a == 0 && add.f == 0 && add.s == 0) {
            continue; /* no neighbour for nothing */
        }
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
        const float lg_sum = popularity_lg_sum(l->shared->popularity, line->domain, 2);
        popularity = hot->lg[2] - (lg_sum > LG_SUM_LEAST ? lg_sum : LG_SUM_LEAST);
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
    line->repeated = user_took(u, line->domain, line->item, items_hashes(l->shared->items));
    line->trains = line->view.n_history > 0 && popularity_events(p, line->domain) > 0 &&
                   (!line->repeated || repeats);
}

/* The user's vector without the item itself, which he may have viewed or taken before. */
static bool context_of(const struct learner *l, const struct line *line, float p[FACTORS]) {
    const struct candidates_view *v = &line->view;
    uint32_t items[USER_HISTORY];
    uint32_t n = 0;
    for (uint32_t r = 0; r < v->n_history; r++) {
        if (v->history[r].item != line->item) {
            items[n++] = v->history[r].item;
        }
    }
    if (n == v->n_history) {
        memcpy(p, v->p, FACTORS * sizeof *p);
        return v->has_p;
    }
    return factors_fold_in(l->shared->factors, items, n, p);
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
    float p[FACTORS];
    if (line->trains && context_of(l, line, p)) {
        shared_add_context(l->shared, line->delta, &line->task->record.mini, line->item, p,
                           line->weight, !user_has_context(u));
        user_set_context(u);
    }
    update_traits(l, line);
    int64_t w[POP_CLOCKS];
    st = popularity_weigh(l->shared->popularity, line->ts_ms, w);
    if (st) {
        return st;
    }
    for (int clock = 0; clock < POP_CLOCKS; clock++) {
        w[clock] = fixed_times(w[clock], line->weight);
    }
    shared_add_take(l->shared, line->delta, line->item, line->domain, line->ts_ms, w, line->weight);
    return ST_OK;
}

/* A line on its way through the models; one that weighs nothing tells of its user only. */
static enum status pass_through(struct learner *l, struct line *line) {
    line->known = popularity_hot(l->shared->popularity)[line->item].count > 0;
    if (line->weight > 0) {
        return teach(l, line);
    }
    update_traits(l, line);
    return ST_OK;
}

int64_t learner_weight(const struct event *e) {
    return fixed_of((double)e->weight);
}

enum status learner_take_line(struct learner *l, struct learner_task *t, const struct event *e,
                              const struct event_line *el, uint32_t slot, bool too_late) {
    const bool reported = e->action == ACTION_REPORT;
    struct line line = {.task = t,
                        .delta = learner_open_batch(t)->delta,
                        .draw = mix64(mix64(l->params.seed ^ t->task) ^
                                      mix64((uint64_t)e->offset ^ ((uint64_t)e->topic << 48)) ^
                                      el->item),
                        .weight = learner_weight(e),
                        .ts_ms = e->ts_ms,
                        .slot = slot,
                        .domain = e->domain};
    enum status st = shared_intern(l->shared, el->item, e->domain, el->id, el->id_len, &line.item);
    if (!st && !too_late && !reported) {
        st = pass_through(l, &line);
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
                                    .repeats = l->params.repeats[e->domain] && !reported,
                                    .history = !too_late && !reported};
    return user_take(users_place(t->users, slot), &taken);
}
