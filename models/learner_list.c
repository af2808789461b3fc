/* SPDX-License-Identifier: Apache-2.0
 * learner_list.c -- see learner.h: ranked lists, their reasons, and the prequential test. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "learner_state.h"
#include "mix.h"

static const float LG_SHARE_LEAST = -16.0F;

enum {
    LANES = 16,
    TEST_TOP = 10,
    SEVEN_DAYS = 1 /* the clock of the fallback and of the baseline */
};

/* Which reason a feature speaks for. */
static const enum reason reason_of[RANKER_X] = {
    [X_POP_1D] = REASON_TRENDING,  [X_POP_7D] = REASON_POPULAR,  [X_POP_30D] = REASON_POPULAR,
    [X_POP_180D] = REASON_POPULAR, [X_RECENT] = REASON_TRENDING, [X_AGE] = REASON_NEW,
    [X_COUNT] = REASON_POPULAR,    [X_K1_REL] = REASON_TOGETHER, [X_K1] = REASON_TOGETHER,
    [X_K3] = REASON_TOGETHER,      [X_K4] = REASON_TOGETHER,     [X_KX] = REASON_TOGETHER,
    [X_DOT] = REASON_TASTE,        [X_COS] = REASON_TASTE,       [X_MPOP] = REASON_POPULAR,
    [X_MAGE] = REASON_NEW,         [X_OBS_EXP] = REASON_NEW,     [X_TIMES] = REASON_AGAIN,
    [X_SINCE] = REASON_AGAIN,      [X_INTERVAL] = REASON_AGAIN,
};

/* A candidate on its way into the top n. */
struct ranked {
    float score;
    uint32_t at; /* position in the block */
    uint64_t hash;
};

static bool ranks_before(const struct ranked *a, const struct ranked *b) {
    return a->score > b->score || (a->score == b->score && a->hash < b->hash);
}

/* Keeps the best of a stream in order; n is small. */
static uint32_t insert_ranked(struct ranked *top, uint32_t n, uint32_t max, struct ranked r) {
    if (n == max && !ranks_before(&r, &top[n - 1])) {
        return n;
    }
    uint32_t k = n < max ? n : max - 1;
    while (k > 0 && ranks_before(&r, &top[k - 1])) {
        top[k] = top[k - 1];
        k--;
    }
    top[k] = r;
    return n < max ? n + 1 : n;
}

/* ranker_score_one() of all candidates at once: its products, exact in double, in its order,
 * hence its bits, but in vectors. Scores in float would not do for choosing: more items than
 * any margin holds may lie closer together than they round. */
static void exact_scores(const struct ranker *ranker, const struct features_block *b,
                         float scores[RANKER_LIST_MAX]) {
    double sum[RANKER_LIST_MAX] = {0};
    for (size_t k = 0; k < RANKER_X; k++) {
        const double v = (double)ranker->v[k];
        const float *x = b->x + k * b->stride;
        for (uint32_t c = 0; c < b->n; c++) {
            sum[c] += v * (double)x[c];
        }
    }
    for (uint32_t c = 0; c < b->n; c++) {
        scores[c] = (float)sum[c];
    }
}

/* Ranks the candidates found last. */
static uint32_t rank_block(const struct shared *s, const struct ranker *ranker,
                           const struct features_block *b, uint32_t max, struct ranked *top) {
    const uint64_t *hashes = items_hashes(s->items);
    float scores[RANKER_LIST_MAX];
    uint32_t n = 0;
    exact_scores(ranker, b, scores);
    for (uint32_t c = 0; c < b->n; c++) {
        if (n < max || scores[c] >= top[n - 1].score) { /* most are not */
            n = insert_ranked(top, n, max, (struct ranked){scores[c], c, hashes[b->item[c]]});
        }
    }
    return n;
}

/* ---- reasons --------------------------------------------------------------------------- */

/* In LANES partial sums, so that it is a loop over lanes. */
static float sum_of(const float *x, uint32_t n) {
    float lane[LANES] = {0};
    uint32_t c = 0;
    for (; c + LANES <= n; c += LANES) {
        for (size_t z = 0; z < LANES; z++) {
            lane[z] += x[c + z];
        }
    }
    for (; c < n; c++) {
        lane[c % LANES] += x[c];
    }
    float sum = 0.0F;
    for (size_t z = 0; z < LANES; z++) {
        sum += lane[z];
    }
    return sum;
}

/* Mean contribution of each feature over the list's candidates. */
static void mean_parts(const struct ranker *ranker, const struct features_block *b,
                       float mean[RANKER_X]) {
    for (size_t k = 0; k < RANKER_X; k++) {
        mean[k] = ranker->v[k] * sum_of(b->x + k * b->stride, b->n) / (float)b->n;
    }
}

/* A reason must be true: nobody takes again what he never took, and nothing goes with what was
 * never taken beside it, though the group may stand nearest to the mean. */
static bool is_true(const struct features_block *b, uint32_t at, enum reason reason) {
    const size_t stride = b->stride;
    switch (reason) {
    case REASON_AGAIN: return b->x[X_TIMES * stride + at] > 0.0F;
    case REASON_TOGETHER: return b->x[X_K1_REL * stride + at] > 0.0F;
    default: return true;
    }
}

static enum reason why(const struct ranker *ranker, const struct features_block *b, uint32_t at,
                       const float mean[RANKER_X]) {
    float parts[RANKER_X];
    float groups[REASONS] = {0};
    ranker_parts(ranker, b->x, b->stride, at, parts);
    for (int k = 0; k < RANKER_X; k++) {
        groups[reason_of[k]] += parts[k] - mean[k];
    }
    enum reason best = REASON_POPULAR;
    for (int g = 0; g < REASONS; g++) {
        if (groups[g] > groups[best] && is_true(b, at, (enum reason)g)) {
            best = (enum reason)g;
        }
    }
    return best;
}

/* ---- lists ------------------------------------------------------------------------------- */

enum status learner_rank(struct learner *l, uint32_t task, uint32_t user, uint8_t target,
                         int64_t now_ms, uint32_t n, struct list *out) {
    const struct learner_task *t = task < LEARNER_TASKS_MAX ? l->tasks[task] : NULL;
    if (!t || target >= l->params.n_domains || n < 1 || n > LIST_MAX || user >= users_n(t->users) ||
        !users_get(t->users, user)) {
        return ST_NOT_FOUND;
    }
    const struct user *u = users_get(t->users, user);
    struct candidates_view view;
    candidates_view(l->shared, u, target, l->params.repeats[target], now_ms, &view);
    enum status st = candidates_find(l->candidates, l->shared, &view, n);
    if (st) {
        return st;
    }
    const struct features_block *b = candidates_features(l->candidates, l->shared, &view);
    const struct ranker *ranker = &t->record.ranker;
    struct ranked top[LIST_MAX];
    out->n = rank_block(l->shared, ranker, b, n, top);
    out->personalised = view.n_history > 0;
    out->segment = user_segment(u);
    float mean[RANKER_X] = {0};
    if (b->n > 0) {
        mean_parts(ranker, b, mean);
    }
    for (uint32_t k = 0; k < out->n; k++) {
        out->items[k] = (struct list_item){.item = b->item[top[k].at],
                                           .score = top[k].score,
                                           .reason = why(ranker, b, top[k].at, mean)};
    }
    return ST_OK;
}

void learner_fallback(const struct learner *l, uint8_t target, uint32_t n, struct list *out) {
    const struct shared *s = l->shared;
    const uint32_t n_items = target < l->params.n_domains ? items_n_of(s->items, target) : 0;
    struct ranked top[LIST_MAX];
    uint32_t kept = 0;
    n = n < LIST_MAX ? n : LIST_MAX;
    for (uint32_t k = 0; n > 0 && k < n_items; k++) {
        const uint32_t i = items_of(s->items, target, k);
        if (i >= s->n_items) {
            break;
        }
        if (!content_available(s->content, i)) {
            continue;
        }
        const struct pop_hot *hot = &popularity_hot(s->popularity)[i];
        struct ranked r = {hot->lg[SEVEN_DAYS], i, items_hash(s->items, i)};
        kept = insert_ranked(top, kept, n, r);
    }
    out->n = kept;
    out->personalised = false;
    out->segment = -1;
    for (uint32_t k = 0; k < kept; k++) {
        const float share = top[k].score - popularity_lg_sum(s->popularity, target, SEVEN_DAYS);
        out->items[k] = (struct list_item){
            .item = top[k].at, .score = fmaxf(share, LG_SHARE_LEAST), .reason = REASON_POPULAR};
    }
}

uint64_t learner_list_digest(const struct learner *l, const struct list *list) {
    uint64_t h = mix64((uint64_t)list->personalised << 32 | (uint32_t)list->segment);
    for (uint32_t k = 0; k < list->n; k++) {
        h = mix64(h ^ items_hash(l->shared->items, list->items[k].item)) + list->items[k].reason;
    }
    return mix64(h);
}

/* ---- prequential --------------------------------------------------------------------------- */

/* Does item j stand before item i for this user, by (7-day count, hash)? What he cannot be
 * shown does not. */
static bool more_popular(const struct shared *s, const struct candidates_view *v, uint32_t j,
                         uint32_t i) {
    const int64_t c = popularity_count(s->popularity, j, SEVEN_DAYS);
    const int64_t d = popularity_count(s->popularity, i, SEVEN_DAYS);
    const bool ahead = c > d || (c == d && v->hashes[j] < v->hashes[i]);
    return ahead && content_available(s->content, j) &&
           !user_consumed(v->user, v->domain, j, v->hashes);
}

/* Is every item that stands before this one on the top list, or may some be missing? */
static bool list_decides(const struct shared *s, const uint32_t *list, uint32_t n, uint32_t item) {
    const int64_t count = popularity_count(s->popularity, item, SEVEN_DAYS);
    bool decides = n < POP_TOP;
    for (uint32_t k = 0; k < n && !decides; k++) {
        decides = popularity_count(s->popularity, list[k], SEVEN_DAYS) < count;
    }
    return decides;
}

/* Is the item among the ten most popular of the last days that the user did not consume? */
static bool popular_hit(const struct learner *l, const struct candidates_view *v, uint32_t item) {
    const struct shared *s = l->shared;
    if (popularity_count(s->popularity, item, SEVEN_DAYS) <= 0) {
        return false;
    }
    const uint32_t *list = NULL;
    const uint32_t n = popularity_top(s->popularity, v->domain, SEVEN_DAYS, &list);
    uint32_t before = 0;
    for (uint32_t k = 0; k < n && before < TEST_TOP; k++) {
        before += more_popular(s, v, list[k], item);
    }
    if (before == TEST_TOP || list_decides(s, list, n, item)) {
        return before < TEST_TOP;
    }
    before = 0; /* rare: somebody who consumed most of the list */
    for (uint32_t k = 0; k < items_n_of(s->items, v->domain) && before < TEST_TOP; k++) {
        const uint32_t j = items_of(s->items, v->domain, k);
        before += j < s->n_items && more_popular(s, v, j, item);
    }
    return before < TEST_TOP;
}

static bool model_hit(const struct ranked *top, uint32_t n, const struct features_block *b,
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
    for (uint32_t k = 0; k < e->n_lines; k++) {
        const uint32_t item = items_find(l->shared->items, e->lines[k].item);
        const bool exists = item < l->shared->n_items; /* ITEM_NONE is not */
        const bool known = exists && popularity_hot(l->shared->popularity)[item].count > 0;
        if (exists && (user_consumed(v->user, v->domain, item, v->hashes) ||
                       !content_available(l->shared->content, item))) {
            continue; /* the protocol tests what may be recommended */
        }
        prequential_add(l->prequential, e->domain, known && model_hit(top, n, b, item),
                        known && popular_hit(l, v, item));
    }
}

enum status learner_test(struct learner *l, struct learner_task *t, const struct event *e,
                         uint32_t slot) {
    const uint32_t every = l->params.prequential_sample;
    if (every == 0 || mix64(e->id ^ l->params.seed) % every != 0 ||
        popularity_events(l->shared->popularity, e->domain) == 0 || e->action == ACTION_REPORT) {
        return ST_OK;
    }
    struct candidates_view view;
    candidates_view(l->shared, users_get(t->users, slot), e->domain, l->params.repeats[e->domain],
                    e->ts_ms, &view);
    if (view.n_history == 0) {
        return ST_OK;
    }
    enum status st = candidates_find(l->candidates, l->shared, &view, TEST_TOP);
    if (st) {
        return st;
    }
    const struct features_block *b = candidates_features(l->candidates, l->shared, &view);
    struct ranked top[TEST_TOP];
    const uint32_t n = rank_block(l->shared, &t->record.ranker, b, TEST_TOP, top);
    test_lines(l, e, &view, top, n, b);
    return ST_OK;
}
