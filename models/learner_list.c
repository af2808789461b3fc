/* SPDX-License-Identifier: Apache-2.0
 * learner_list.c -- see learner.h: ranked lists. Why an item is on one is in learner_reasons.c. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "learner_state.h"
#include "mix.h"
#include "spread.h"

static const float LG_SHARE_LEAST = -16.0F;
static const int64_t DAY_MS = 86400000;

enum {
    SEVEN_DAYS = 1,        /* the clock of the fallback */
    CALIBRATED_DEPTH = 60, /* candidates that a category mix is chosen from, at least */
    UNPROVEN = 20,         /* events: an item with fewer is worth finding out about   */
};

enum ranker_kind learner_kind(const struct learner_task *t, const struct candidates_view *v) {
    if (v->n_history == 0) {
        return RANKER_TWIN; /* of whom nothing is known */
    }
    return ranker_served(&t->record.ranker, v->domain, user_n_of(v->user, v->domain) > 0);
}

/* ---- from ranks to what is shown ------------------------------------------------------------ */

enum status learner_rank_user(struct learner *l, struct learner_task *t, uint32_t user,
                              uint8_t target, int64_t now_ms, uint32_t n, struct ranking *out) {
    const struct user *u = users_get(t->users, user);
    candidates_view(l->candidates, l->shared, u, target, l->params.repeats[target], now_ms,
                    &out->view);
    if (out->view.has_p) {
        enum status known = similar_set(t->similar, user, out->view.p);
        if (known) {
            return known;
        }
    }
    enum status st = learner_rules_look(l, out);
    st = st ? st : candidates_find(l->candidates, l->shared, &out->view, n);
    if (st) {
        return st;
    }
    out->block = candidates_features(l->candidates, l->shared, &out->view);
    out->kind = learner_kind(t, &out->view);
    const struct ranker_rows rows = candidates_rows(out->block);
    ranker_scores(&t->record.ranker, out->kind, &rows, out->scores);
    learner_rules_score(l, n, out);
    uint32_t depth = n;
    if (l->params.diversity > 0.0F) {
        depth = 2 * n > CALIBRATED_DEPTH ? 2 * n : CALIBRATED_DEPTH;
    }
    out->n_top = ranked_best(out->scores, out->block->n, out->block->item, out->view.hashes, depth,
                             out->top);
    while (out->n_top > 0 && isinf(out->top[out->n_top - 1].score)) {
        out->n_top--; /* pinned ones */
    }
    return ST_OK;
}

/* Of two equally strong ones: by their hashes, which all instances share. */
static bool goes_first(const struct learner *l, const struct spread_interest *a,
                       const struct spread_interest *b) {
    const struct content *content = l->shared->content;
    return !(a->weight < b->weight) && !(a->weight > b->weight) &&
           content_category_hash(content, a->category) <
               content_category_hash(content, b->category);
}

/* The user's mix of categories in the target domain, at most SPREAD_INTERESTS. */
static uint32_t interests_of(const struct learner *l, const struct ranking *r,
                             struct spread_interest out[USER_INTERESTS]) {
    struct user_interest all[USER_INTERESTS];
    const uint32_t n_all = user_interests(r->view.user, r->view.now_ms, all, USER_INTERESTS);
    uint32_t n = 0;
    for (uint32_t k = 0; k < n_all; k++) {
        if (content_category_domain(l->shared->content, all[k].category) == r->view.domain) {
            out[n++] = (struct spread_interest){all[k].category, all[k].v};
        }
        for (uint32_t i = n; i-- > 1 && goes_first(l, &out[i], &out[i - 1]);) {
            const struct spread_interest t = out[i];
            out[i] = out[i - 1];
            out[i - 1] = t;
        }
    }
    return n < SPREAD_INTERESTS ? n : SPREAD_INTERESTS;
}

/* Puts the best n of a ranking in the order to be shown. */
static uint32_t choose(const struct learner *l, const struct ranking *r, uint32_t n,
                       uint32_t order[LIST_MAX]) {
    n = n < r->n_top ? n : r->n_top;
    if (!(l->params.diversity > 0.0F)) {
        for (uint32_t k = 0; k < n; k++) {
            order[k] = k;
        }
        return n;
    }
    struct spread_candidate candidates[SPREAD_DEPTH];
    const uint32_t depth = r->n_top < SPREAD_DEPTH ? r->n_top : SPREAD_DEPTH;
    for (uint32_t k = 0; k < depth; k++) {
        const uint32_t item = r->block->item[r->top[k].at];
        candidates[k] =
            (struct spread_candidate){r->top[k].score, content_category(l->shared->content, item)};
    }
    struct spread_interest interests[USER_INTERESTS];
    const uint32_t n_interests = interests_of(l, r, interests);
    return spread_calibrate(candidates, depth, interests, n_interests, l->params.diversity, n,
                            order);
}

/* Items of the domain that few have taken yet: the newest first. */
static uint32_t unproven(const struct learner *l, const struct ranking *r,
                         uint32_t pool[SPREAD_POOL]) {
    const struct shared *s = l->shared;
    const uint32_t n_items = items_n_of(s->items, r->view.domain);
    uint32_t n = 0;
    for (uint32_t k = 0; k < n_items && k < 2 * SPREAD_POOL && n < SPREAD_POOL; k++) {
        const uint32_t i = items_of(s->items, r->view.domain, n_items - 1 - k);
        if (i < s->n_items && popularity_hot(s->popularity)[i].count < UNPROVEN &&
            candidates_allowed(l->candidates, &r->view, i)) {
            pool[n++] = i;
        }
    }
    return n;
}

/* Shows unproven items in some slots: other ones for each user, the same for a day. */
static void explore(const struct learner *l, const struct ranking *r, uint64_t user_hash,
                    struct list *out) {
    uint32_t pool[SPREAD_POOL];
    const uint32_t n_pool = unproven(l, r, pool);
    uint32_t items[LIST_MAX];
    for (uint32_t k = 0; k < out->n; k++) {
        items[k] = out->items[k].item;
    }
    const int64_t day = r->view.now_ms / DAY_MS;
    const uint64_t seed = mix64(mix64(l->params.seed ^ user_hash) ^ (uint64_t)day) ^ r->view.domain;
    struct spread_slot slots[LIST_MAX];
    const uint32_t n = spread_explore(items, out->n, pool, n_pool, l->params.explore, seed, slots);
    for (uint32_t k = 0; k < n; k++) {
        struct list_item *shown = &out->items[slots[k].at]; /* the score stays: lists descend */
        if (shown->reason == REASON_PINNED) {
            continue;
        }
        shown->item = slots[k].item;
        shown->because = ITEM_NONE;
        shown->propensity = slots[k].propensity;
        shown->reason = REASON_EXPLORE;
    }
}

void learner_show(const struct learner *l, const struct learner_task *t, uint32_t user,
                  const struct ranking *r, uint32_t n, struct list *out) {
    uint32_t order[LIST_MAX];
    float mean[RANKER_X];
    out->n = choose(l, r, n - r->n_pins, order);
    out->personalised = r->kind == RANKER_FULL;
    out->segment = user_segment(r->view.user);
    learner_mean_features(r->block, mean);
    uint32_t at[LIST_MAX];
    enum reason reasons[LIST_MAX];
    for (uint32_t k = 0; k < out->n; k++) {
        at[k] = r->top[order[k]].at;
    }
    learner_reasons(&t->record.ranker, r->kind, r->block, at, out->n, mean, reasons);
    for (uint32_t k = 0; k < out->n; k++) {
        const uint32_t item = r->block->item[at[k]];
        const uint32_t place =
            reasons[k] == REASON_TOGETHER ? candidates_together(l->candidates, item) : UINT32_MAX;
        out->items[k] = (struct list_item){
            .item = item,
            .score = r->top[order[k]].score,
            .reason = reasons[k],
            .because = place == UINT32_MAX ? ITEM_NONE : r->view.history[place].item};
    }
    if (r->n_pins > 0) {
        rules_insert(r->pins, r->n_pins, n, out);
    }
    if (l->params.explore > 0.0F) {
        explore(l, r, users_hash(t->users, user), out);
    }
}

struct learner_task *learner_task_of(const struct learner *l, uint32_t task, uint32_t user,
                                     uint8_t target, uint32_t n) {
    struct learner_task *t = task < LEARNER_TASKS_MAX ? l->tasks[task] : NULL;
    const bool found = t && target < l->params.n_domains && n >= 1 && n <= LIST_MAX &&
                       user < users_n(t->users) && users_get(t->users, user);
    return found ? t : NULL;
}

enum status learner_rank(struct learner *l, uint32_t task, uint32_t user, uint8_t target,
                         int64_t now_ms, uint32_t n, struct list *out) {
    struct learner_task *t = learner_task_of(l, task, user, target, n);
    if (!t) {
        return ST_NOT_FOUND;
    }
    struct ranking r;
    enum status st = learner_rank_user(l, t, user, target, now_ms, n, &r);
    if (!st) {
        learner_show(l, t, user, &r, n, out);
    }
    return st;
}

double learner_lead(const struct learner *l, uint32_t task, uint8_t domain, bool known) {
    const struct learner_task *t = task < LEARNER_TASKS_MAX ? l->tasks[task] : NULL;
    return t && domain < DOMAINS_MAX ? t->record.ranker.gate[domain][known] : 0.0;
}

/* lg of an item's share, as lists of nobody are ranked. */
static float fallback_score(const struct shared *s, uint32_t i) {
    return popularity_hot(s->popularity)[i].lg[SEVEN_DAYS];
}

/* How far boosts go: of the scores as they are shown. */
static float fallback_scale(const struct shared *s, uint8_t target) {
    const float lg_sum = popularity_lg_sum(s->popularity, target, SEVEN_DAYS);
    struct rules_spread spread = {0};
    for (uint32_t k = 0; k < items_n_of(s->items, target); k++) {
        const uint32_t i = items_of(s->items, target, k);
        if (i < s->n_items && content_available(s->content, i)) {
            rules_spread_add(&spread, fmaxf(fallback_score(s, i) - lg_sum, LG_SHARE_LEAST));
        }
    }
    return rules_spread_scale(&spread);
}

void learner_fallback(const struct learner *l, uint8_t target, uint32_t n, struct list *out) {
    const struct shared *s = l->shared;
    const uint32_t n_items = target < l->params.n_domains ? items_n_of(s->items, target) : 0;
    struct ranked top[LIST_MAX];
    struct rules_lens lens;
    uint32_t kept = 0;
    *out = (struct list){.segment = -1};
    n = n < LIST_MAX ? n : LIST_MAX;
    if (learner_rules_now(l)) {
        return; /* rather nothing than what is blocked */
    }
    const bool ruled = rules_lens(l->rules, target, -1, &lens);
    const float scale = ruled && lens.boosts ? fallback_scale(s, target) : 0.0F;
    for (uint32_t k = 0; n > 0 && k < n_items; k++) {
        const uint32_t i = items_of(s->items, target, k);
        if (i >= s->n_items) {
            break;
        }
        if (!content_available(s->content, i) || (ruled && rules_blocks(&lens, i))) {
            continue;
        }
        const float shift = scale > 0.0F ? scale * rules_effect(&lens, i) : 0.0F;
        struct ranked r = {fallback_score(s, i) + shift, i, items_hash(s->items, i)};
        kept = ranked_insert(top, kept, n, r);
    }
    out->n = kept;
    for (uint32_t k = 0; k < kept; k++) {
        const float share = top[k].score - popularity_lg_sum(s->popularity, target, SEVEN_DAYS);
        out->items[k] = (struct list_item){.item = top[k].at,
                                           .score = fmaxf(share, LG_SHARE_LEAST),
                                           .reason = REASON_POPULAR,
                                           .because = ITEM_NONE};
    }
    learner_rules_pin(l, target, -1, n, out);
}

uint64_t learner_list_digest(const struct learner *l, const struct list *list) {
    uint64_t h = mix64((uint64_t)list->personalised << 32 | (uint32_t)list->segment);
    for (uint32_t k = 0; k < list->n; k++) {
        h = mix64(h ^ items_hash(l->shared->items, list->items[k].item)) + list->items[k].reason;
    }
    return mix64(h);
}
