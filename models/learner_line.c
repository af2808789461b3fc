/* SPDX-License-Identifier: Apache-2.0
 * learner_line.c -- see learner.h: one line on its way through the models. */
#include <string.h>

#include "engagement.h"
#include "fixed.h"
#include "learner_state.h"
#include "lg.h"
#include "mix.h"

static const float NO_POPULARITY = -16.0F;
static const float LG_SUM_LEAST = -20.0F; /* one unit of fixed.h */
static const float MS_PER_HOUR = 3600000.0F;
static const float FIRST_WORTH = 1.15F;
static const float RARE_WORTH = 1.15F;

enum { RARE = 5 /* events */ };

/* An event on its way through the models, and which of its lines is the present one. */
struct passage {
    struct learner_task *task;
    struct delta *delta;
    const struct event *event;
    struct candidates_view view; /* as the event finds the user */
    int64_t weight;              /* what the event weighs: learner_weight() */
    int64_t ts_ms;
    uint32_t slot;
    uint32_t stands_for; /* events whose example it is; 0: the ranker passes over it */
    uint32_t item;       /* of the present line */
    uint8_t domain;
    bool known;  /* the item was counted before */
    bool trains; /* there is something to rank the lines among */
};

/* Seeds what is random about a line. */
static uint64_t draw_of(const struct learner *l, const struct passage *p, uint64_t hash) {
    const struct event *e = p->event;
    return mix64(mix64(l->params.seed ^ p->task->task) ^
                 mix64((uint64_t)e->offset ^ ((uint64_t)e->topic << 48)) ^ hash);
}

/* The target first, then candidates drawn with replacement; what else the event has is left out:
 * taken too, it is nobody's negative. */
static bool draw_sample(struct learner *l, const struct passage *p, uint64_t draw, float *weight) {
    const uint32_t n = candidates_n(l->candidates);
    const uint32_t *items = candidates_items(l->candidates);
    const bool in = p->known && candidates_position(l->candidates, p->item) != UINT32_MAX;
    struct rng rng = {draw};
    uint32_t k = 0;
    l->sample_item[k++] = p->item;
    for (int z = 0; z < LEARNER_NEGATIVES && n > 0; z++) {
        const uint32_t at = rng_below(&rng, n);
        if (!l->is_target[at]) {
            l->sample_item[k++] = items[at];
            popularity_obs_fetch(l->shared->popularity, items[at]);
        }
    }
    l->sample.n = k;
    *weight = k > 1 ? (float)(n - l->n_targets) / (float)(k - 1) : 0.0F;
    return in;
}

/* Marks the candidates that the event has. */
static void mark_targets(struct learner *l, uint32_t n_lines) {
    memset(l->is_target, 0, sizeof l->is_target);
    l->n_targets = 0;
    for (uint32_t k = 0; k < n_lines; k++) {
        const uint32_t at = candidates_position(l->candidates, l->line_item[k]);
        if (at != UINT32_MAX && !l->is_target[at]) {
            l->is_target[at] = true;
            l->n_targets++;
        }
    }
}

/* What the line is worth to the ranker's step. Where things are taken again, a list could live on
 * that alone; what somebody takes for the first time, and what hardly anybody has taken, is worth a
 * little more. The sample's first row is the target. */
static float worth_of(const struct learner *l, const struct passage *line) {
    float worth = (float)fixed_to(line->weight);
    if (!line->view.repeats) {
        return worth;
    }
    if (!(l->sample.x[(size_t)X_TIMES * l->sample.stride] > 0.0F)) {
        worth *= FIRST_WORTH;
    }
    if (popularity_hot(l->shared->popularity)[line->item].count < RARE) {
        worth *= RARE_WORTH;
    }
    return worth;
}

/* What the line counts by the obs clock. */
static int64_t unit_of(const struct learner *l, const struct passage *line) {
    int64_t unit = 0;
    if (popularity_obs_weigh(l->shared->popularity, l->shared->n_events, &unit) != ST_OK) {
        return 0; /* cannot be: landmarks were moved before the event */
    }
    return fixed_times(unit, line->weight);
}

/* The ranker's step, and what it expected of the candidates. */
static void train_ranker(struct learner *l, struct passage *line, uint64_t draw, int64_t unit) {
    float weight = 0.0F;
    const bool in = draw_sample(l, line, draw, &weight);
    const double w = fixed_to(unit) * (double)line->stands_for;
    float e[RANKER_SAMPLE_MAX];
    struct ranker *ranker = &line->task->record.ranker;
    if (l->sample.n > 1) {
        candidates_features_of(l->candidates, l->shared, &line->view, &l->sample);
        struct ranker_rows rows = candidates_rows(&l->sample);
        uint32_t first = 0; /* rows whose expectation counts */
        if (in) {
            ranker_learn(ranker, &rows, weight, worth_of(l, line), line->domain,
                         user_n_of(line->view.user, line->domain) > 0, e);
            line->task->record.mini.n_trained++;
        } else {
            /* no target among the candidates: only what they were expected to get */
            first = 1;
            rows.x++;
            rows.n--;
            ranker_expect(ranker, &rows, e + 1);
        }
        for (uint32_t k = first; k < l->sample.n; k++) {
            shared_add_obs(l->shared, line->delta, l->sample_item[k], 0,
                           fixed_of(w * (double)e[k]));
        }
    }
}

/* What is observed of the line, and, where it is an example, the ranker's step. */
static void observe(struct learner *l, struct passage *line, uint64_t draw) {
    const int64_t unit = unit_of(l, line);
    if (line->stands_for > 0) {
        train_ranker(l, line, draw, unit);
    }
    /* nobody expects what nobody is shown: withdrawn, it would only seem to exceed itself */
    if (line->known && content_available(l->shared->content, line->item)) {
        shared_add_obs(l->shared, line->delta, line->item, unit, 0);
    }
}

/* Pairs with what the user took before: earlier lines of the event too. */
static enum status add_pairs(struct learner *l, const struct passage *line) {
    struct user_entry history[PAIRS_WINDOW];
    const struct user *u = users_get(line->task->users, line->slot);
    const uint32_t n = user_history(u, line->ts_ms, history, PAIRS_WINDOW);
    for (uint32_t r = 0; r < n; r++) {
        pairs_fetch(l->shared->pairs, history[r].item, line->item);
    }
    for (uint32_t r = 0; r < n; r++) {
        if (history[r].item == line->item) {
            continue;
        }
        struct pair_add add =
            pairs_weigh(history[r].item, line->item, (int)r, line->ts_ms - history[r].ts_ms);
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

static void update_traits(struct learner *l, const struct passage *line) {
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

/* The user's vector without the item itself, which he may have viewed or taken before. */
static bool context_of(const struct learner *l, const struct passage *line, float p[FACTORS]) {
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

/* The ranker learns every line from what was known before the event. */
static enum status train(struct learner *l, struct passage *p) {
    const struct event *e = p->event;
    const struct user *u = users_get(p->task->users, p->slot);
    const bool repeats = l->params.repeats[e->domain];
    candidates_view(l->candidates, l->shared, u, e->domain, repeats, e->ts_ms, &p->view);
    p->trains = p->view.n_history > 0 && popularity_events(l->shared->popularity, e->domain) > 0;
    if (!p->trains) {
        return ST_OK;
    }
    enum status st = ST_OK;
    if (p->stands_for > 0) {
        st = candidates_find(l->candidates, l->shared, &p->view, 0);
        if (st) {
            return st;
        }
        mark_targets(l, e->n_lines);
    }
    for (uint32_t k = 0; k < e->n_lines && !st; k++) {
        p->item = l->line_item[k];
        p->known = popularity_hot(l->shared->popularity)[p->item].count > 0;
        if ((k > 0 && p->item == l->line_item[k - 1]) ||
            (!repeats && user_took(u, e->domain, p->item, items_hashes(l->shared->items)))) {
            continue; /* the same again, or never shown again */
        }
        st = delta_reserve_line(p->delta);
        if (!st) {
            observe(l, p, draw_of(l, p, e->lines[k].item));
        }
    }
    return st;
}

/* What goes with the category, how often it is taken, and taken again. */
static enum status add_category(struct learner *l, const struct passage *p,
                                const struct event_line *line) {
    const struct content *content = l->shared->content;
    const struct user *u = users_get(p->task->users, p->slot);
    const uint32_t category = content_category(content, p->item);
    struct user_entry history[CATEGORIES_WINDOW];
    const uint32_t n =
        category == CATEGORY_NONE ? 0 : user_history(u, p->ts_ms, history, CATEGORIES_WINDOW);
    for (uint32_t r = 0; r < n; r++) {
        const uint32_t other = content_category(content, history[r].item);
        if (other == CATEGORY_NONE || other == category) {
            continue;
        }
        struct pair_add add = pairs_weigh(other, category, (int)r, 0);
        add.a = (int32_t)fixed_times(add.a, p->weight);
        if (add.a == 0) {
            continue;
        }
        enum status st = shared_add_category_pair(l->shared, p->delta, &add);
        if (st) {
            return st;
        }
    }
    struct category_take take = {
        .weight = (int32_t)p->weight,
        .category = category,
        .item = p->item,
        .repeated = user_took(u, p->domain, p->item, items_hashes(l->shared->items))};
    enum status st = categories_weigh(l->shared->categories, p->ts_ms, &take.g);
    if (st) {
        return st;
    }
    take.g = fixed_times(take.g, p->weight);
    shared_add_category_take(l->shared, p->delta, &take);
    if (line->amount + line->discount > 0.0F) {
        const struct delta_deal deal = {.item = p->item,
                                        .share = line->discount / (line->amount + line->discount),
                                        .ts_ms = p->ts_ms};
        shared_add_deal(l->shared, p->delta, &deal);
    }
    return ST_OK;
}

/* What the shared model learns of the present line. */
static enum status teach(struct learner *l, struct passage *p, const struct event_line *line) {
    enum status st = delta_reserve_line(p->delta);
    if (!st) {
        st = add_pairs(l, p);
    }
    if (!st) {
        st = add_category(l, p, line);
    }
    if (st) {
        return st;
    }
    struct user *u = users_get(p->task->users, p->slot);
    float context[FACTORS];
    const bool again = !l->params.repeats[p->domain] &&
                       user_took(u, p->domain, p->item, items_hashes(l->shared->items));
    if (p->trains && !again && context_of(l, p, context)) {
        shared_add_context(l->shared, p->delta, &p->task->record.mini, p->item, context, p->weight,
                           !user_has_context(u));
        user_set_context(u);
    }
    update_traits(l, p);
    int64_t w[POP_CLOCKS];
    st = popularity_weigh(l->shared->popularity, p->ts_ms, w);
    if (st) {
        return st;
    }
    popularity_weigh_times(w, p->weight);
    shared_add_take(l->shared, p->delta, p->item, p->domain, p->ts_ms, w, p->weight);
    return ST_OK;
}

int64_t learner_weight(const struct event *e) {
    return fixed_of((double)e->weight);
}

/* The present line: what it teaches, and the user who took it. One that weighs nothing tells of
 * its user only. */
static enum status take_line(struct learner *l, struct passage *p, const struct event_line *line,
                             bool too_late) {
    const struct event *e = p->event;
    const bool reported = e->action == ACTION_REPORT;
    enum status st = ST_OK;
    if (!too_late && !reported) {
        p->known = popularity_hot(l->shared->popularity)[p->item].count > 0;
        if (p->weight > 0) {
            st = teach(l, p, line);
        } else {
            update_traits(l, p);
        }
    }
    if (st) {
        return st;
    }
    const struct user_line taken = {.item = p->item,
                                    .ts_ms = e->ts_ms,
                                    .hashes = items_hashes(l->shared->items),
                                    .amount = line->amount,
                                    .category = content_category(l->shared->content, p->item),
                                    .domain = e->domain,
                                    .action = e->action,
                                    .consumes = action_consumes(e->action),
                                    .repeats = l->params.repeats[e->domain] && !reported,
                                    .history = !too_late && !reported};
    return user_take(users_place(p->task->users, p->slot), &taken);
}

/* Something went on between the user and somebody else. */
static enum status take_social(const struct passage *p) {
    const struct event *e = p->event;
    const float w = engagement_social_weight((enum action)e->action);
    return e->counterpart && w > 0.0F
               ? user_social_take(users_place(p->task->users, p->slot), e->counterpart, w, e->ts_ms)
               : ST_OK;
}

/* The item of a line, noted for the log if it has no name there. */
static enum status intern_line(struct learner *l, struct delta *d, uint8_t domain,
                               const struct event_line *line, uint32_t *out) {
    enum status st = shared_intern(l->shared, line->item, domain, line->id, line->id_len, out);
    if (st || !l->params.log || (*out < l->log.cap_items && l->log.named[*out])) {
        return st;
    }
    return delta_name_item(d, *out);
}

enum status learner_take_lines(struct learner *l, struct learner_task *t, const struct event *e,
                               uint32_t slot, bool too_late, uint32_t stands_for) {
    struct passage p = {.task = t,
                        .delta = learner_open_batch(t)->delta,
                        .event = e,
                        .weight = learner_weight(e),
                        .ts_ms = e->ts_ms,
                        .slot = slot,
                        .stands_for = stands_for,
                        .domain = e->domain};
    enum status st = ST_OK;
    for (uint32_t k = 0; k < e->n_lines && !st; k++) {
        st = intern_line(l, p.delta, e->domain, &e->lines[k], &l->line_item[k]);
    }
    if (!st && !too_late && e->action != ACTION_REPORT && p.weight > 0) {
        st = train(l, &p);
    }
    for (uint32_t k = 0; k < e->n_lines && !st; k++) {
        p.item = l->line_item[k];
        st = take_line(l, &p, &e->lines[k], too_late);
    }
    return st ? st : take_social(&p);
}
