/* SPDX-License-Identifier: Apache-2.0
 * learner_explain.c -- see learner.h: a list with all that stands behind it. */
#include <string.h>

#include "learner_state.h"

static const char *const INPUTS[RANKER_X] = {
    [X_POP_1D] = "popular-1d",
    [X_POP_7D] = "popular-7d",
    [X_POP_30D] = "popular-30d",
    [X_POP_180D] = "popular-180d",
    [X_RECENT] = "taken-lately",
    [X_AGE] = "age",
    [X_COUNT] = "times-taken",
    [X_OBS_EXP] = "above-expected",
    [X_REPEATED] = "bought-again",
    [X_DEAL] = "discount",
    [X_K1_REL] = "together-most",
    [X_K1] = "together",
    [X_K3] = "follows",
    [X_K4] = "same-day",
    [X_KX] = "across-domains",
    [X_DOT] = "taste",
    [X_COS] = "taste-angle",
    [X_MPOP] = "his-popularity",
    [X_MAGE] = "his-novelty",
    [X_TIMES] = "own-times",
    [X_SINCE] = "own-since",
    [X_INTERVAL] = "own-interval",
    [X_LIFT] = "category-liked",
    [X_GAP] = "category-since",
    [X_GOES] = "goes-with-order",
    [X_IN] = "category-in-order",
    [X_LIKE] = "attributes-alike",
    [X_PART] = "category-share",
    [X_AGAIN] = "category-again",
};

const char *explain_input_str(int k) {
    return k >= 0 && k < RANKER_X && INPUTS[k] ? INPUTS[k] : "other";
}

const char *explain_rank_str(enum explain_rank r) {
    switch (r) {
    case EXPLAIN_FULL: return "full";
    case EXPLAIN_TWIN: return "twin";
    case EXPLAIN_LINEAR: return "linear";
    case EXPLAIN_TOGETHER: return "together";
    case EXPLAIN_POPULAR: return "popular";
    case EXPLAIN_RANKS: break;
    }
    return "unknown";
}

/* ---- users who are near ------------------------------------------------------------------ */

/* Puts a near user among the nearest, which stay in order; false if he is farther than all. */
static bool insert_similar(struct explanation *out, uint32_t task,
                           const struct similar_user *near) {
    uint32_t at = out->n_similar;
    if (at == EXPLAIN_SIMILAR) {
        at--;
        if (near->cosine <= out->similar[at].cosine) {
            return false;
        }
    } else {
        out->n_similar++;
    }
    for (; at > 0 && near->cosine > out->similar[at - 1].cosine; at--) {
        out->similar[at] = out->similar[at - 1];
    }
    out->similar[at].task = task;
    out->similar[at].user = near->slot;
    out->similar[at].cosine = near->cosine;
    return true;
}

/* Near users of all open tasks. */
static void find_similar(const struct learner *l, uint32_t task, uint32_t user,
                         const struct candidates_view *v, struct explanation *out) {
    out->n_similar = 0;
    for (uint32_t p = 0; v->has_p && p < LEARNER_TASKS_MAX; p++) {
        struct similar_user near[EXPLAIN_SIMILAR];
        const uint32_t except = p == task ? user : UINT32_MAX;
        const uint32_t n =
            l->tasks[p] ? similar_find(l->tasks[p]->similar, v->p, except, EXPLAIN_SIMILAR, near)
                        : 0;
        for (uint32_t k = 0; k < n && insert_similar(out, p, &near[k]); k++) {
        }
    }
}

/* ---- ranks ------------------------------------------------------------------------------- */

/* What the candidates are ranked by, (n,). */
static void scores_by(enum explain_rank by, const struct ranker *ranker, const struct ranking *r,
                      float scores[RANKER_LIST_MAX]) {
    const struct features_block *b = r->block;
    const struct ranker_rows rows = candidates_rows(b);
    const float *v = ranker->net[r->kind].v;
    switch (by) {
    case EXPLAIN_FULL: ranker_scores(ranker, RANKER_FULL, &rows, scores); return;
    case EXPLAIN_TWIN: ranker_scores(ranker, RANKER_TWIN, &rows, scores); return;
    case EXPLAIN_LINEAR:
        memset(scores, 0, b->n * sizeof *scores);
        for (size_t k = 0; k < RANKER_X; k++) {
            const bool seen = r->kind == RANKER_FULL || k < RANKER_TWIN_X;
            for (uint32_t c = 0; seen && c < b->n; c++) {
                scores[c] += v[k] * features_at(b, k, c);
            }
        }
        return;
    case EXPLAIN_TOGETHER:
        memcpy(scores, b->x + (size_t)X_K1_REL * b->stride, b->n * sizeof *scores);
        return;
    case EXPLAIN_POPULAR:
    case EXPLAIN_RANKS:
        memcpy(scores, b->x + (size_t)X_POP_7D * b->stride, b->n * sizeof *scores);
        return;
    }
}

static uint32_t rank_of(const struct shared *s, const struct features_block *b, const float *scores,
                        uint32_t at) {
    const uint64_t *hashes = items_hashes(s->items);
    const struct ranked own = {scores[at], at, hashes[b->item[at]]};
    uint32_t rank = 0;
    for (uint32_t c = 0; c < b->n; c++) {
        const struct ranked other = {scores[c], c, hashes[b->item[c]]};
        rank += ranked_before(&other, &own);
    }
    return rank;
}

/* ---- the whole --------------------------------------------------------------------------- */

static void explain_parts(const struct ranker *ranker, const struct ranking *r, uint32_t at,
                          const float mean[RANKER_X], struct explained_item *out) {
    (void)learner_reason_parts(ranker, r->kind, r->block, at, mean, out->adds, out->parts);
    for (size_t k = 0; k < RANKER_X; k++) {
        out->value[k] = features_at(r->block, k, at);
    }
}

static void explain_items(const struct learner *l, const struct ranker *ranker,
                          const struct ranking *r, struct explanation *out) {
    _Alignas(64) float scores[RANKER_LIST_MAX];
    uint32_t at[LIST_MAX] = {0};
    learner_mean_features(r->block, out->mean);
    for (uint32_t k = 0; k < out->list.n; k++) {
        struct list_item *item = &out->list.items[k];
        at[k] = candidates_position(l->candidates, item->item);
        memset(&out->items[k], 0, sizeof out->items[k]);
        memset(out->items[k].rank, 0xff, sizeof out->items[k].rank);
        if (at[k] != UINT32_MAX) {
            explain_parts(ranker, r, at[k], out->mean, &out->items[k]);
            if (r->scale > 0.0F && item->reason < REASON_EXPLORE) {
                out->items[k].shift = r->scale * rules_effect(&r->lens, item->item);
            }
        }
    }
    learner_because_of(l, r->view.history, r->view.n_history, out->list.items, out->list.n);
    for (int by = 0; by < EXPLAIN_RANKS; by++) {
        scores_by((enum explain_rank)by, ranker, r, scores);
        for (uint32_t k = 0; k < out->list.n; k++) {
            if (at[k] != UINT32_MAX) {
                out->items[k].rank[by] = rank_of(l->shared, r->block, scores, at[k]);
            }
        }
    }
}

enum status learner_explain(struct learner *l, uint32_t task, uint32_t user, uint8_t target,
                            int64_t now_ms, uint32_t n, struct explanation *out) {
    struct learner_task *t = learner_task_of(l, task, user, target, n);
    if (!t) {
        return ST_NOT_FOUND;
    }
    struct ranking r;
    enum status st = learner_rank_user(l, t, user, target, now_ms, n, &r);
    if (st) {
        return st;
    }
    learner_show(l, t, user, &r, n, &out->list);
    explain_items(l, &t->record.ranker, &r, out);
    out->served = r.kind;
    out->lead = (float)learner_lead(l, task, target, user_n_of(r.view.user, target) > 0);
    out->n_candidates = r.block->n;
    find_similar(l, task, user, &r.view, out);
    return ST_OK;
}
