/* SPDX-License-Identifier: Apache-2.0
 * learner_reasons.c -- see learner.h: why an item is on a list, and what explains it. */
#include <math.h>
#include <string.h>

#include "learner_state.h"

#define UNIT  1024.0F
#define LARGE 1000.0F

/* Which reason a feature speaks for. */
static const enum reason reason_of[RANKER_X] = {
    [X_POP_1D] = REASON_TRENDING,  [X_POP_7D] = REASON_POPULAR,  [X_POP_30D] = REASON_POPULAR,
    [X_POP_180D] = REASON_POPULAR, [X_RECENT] = REASON_TRENDING, [X_AGE] = REASON_NEW,
    [X_COUNT] = REASON_POPULAR,    [X_OBS_EXP] = REASON_NEW,     [X_REPEATED] = REASON_POPULAR,
    [X_DEAL] = REASON_TRENDING,    [X_K1_REL] = REASON_TOGETHER, [X_K1] = REASON_TOGETHER,
    [X_K3] = REASON_TOGETHER,      [X_K4] = REASON_TOGETHER,     [X_KX] = REASON_TOGETHER,
    [X_DOT] = REASON_TASTE,        [X_COS] = REASON_TASTE,       [X_MPOP] = REASON_POPULAR,
    [X_MAGE] = REASON_NEW,         [X_TIMES] = REASON_AGAIN,     [X_SINCE] = REASON_AGAIN,
    [X_INTERVAL] = REASON_AGAIN,   [X_LIFT] = REASON_TASTE,      [X_GAP] = REASON_TASTE,
    [X_GOES] = REASON_TOGETHER,    [X_IN] = REASON_TOGETHER,     [X_LIKE] = REASON_TASTE,
    [X_PART] = REASON_POPULAR,     [X_AGAIN] = REASON_TASTE,
};

/* ---- the part ------------------------------------------------------------------------------- */

/* In units of 2^-10: whole numbers add up to the same in whatever order the candidates came, and
 * those of a list to less than 2^31. */
static int32_t sum_of(const float *x, uint32_t n) {
    int32_t sum = 0;
    for (uint32_t c = 0; c < n; c++) {
        const float least = x[c] > -LARGE ? x[c] : -LARGE;
        const float value = least < LARGE ? least : LARGE;
        sum += (int32_t)(value * UNIT);
    }
    return sum;
}
_Static_assert(RANKER_LIST_MAX *(int64_t)LARGE *(int64_t)UNIT <= INT32_MAX, "sums of a list");

enum reason explain_input_reason(int k) {
    return reason_of[k];
}

void learner_mean_features(const struct features_block *b, float mean[RANKER_X]) {
    const float unit = b->n > 0 ? 1.0F / (UNIT * (float)b->n) : 0.0F;
    memset(mean, 0, RANKER_X * sizeof *mean);
    for (size_t k = 0; k < b->n_x; k++) {
        mean[k] = (float)sum_of(b->x + k * b->stride, b->n) * unit;
    }
}

/* A reason must be true: nobody takes again what he never took, and nothing goes with what was
 * never taken beside it, though the group may stand nearest to the mean. */
static bool is_true(const struct features_block *b, uint32_t at, enum reason reason) {
    switch (reason) {
    case REASON_AGAIN: return features_at(b, X_TIMES, at) > 0.0F;
    case REASON_TOGETHER: return features_at(b, X_K1_REL, at) > 0.0F;
    default: return true;
    }
}

static enum reason best_of(const struct features_block *b, uint32_t at, const float parts[RANKER_X],
                           float groups[REASONS]) {
    memset(groups, 0, REASONS * sizeof *groups);
    for (int k = 0; k < RANKER_X; k++) {
        groups[reason_of[k]] += parts[k];
    }
    enum reason best = REASON_POPULAR;
    for (int g = 0; g < REASONS; g++) {
        if (groups[g] > groups[best] && is_true(b, at, (enum reason)g)) {
            best = (enum reason)g;
        }
    }
    return best;
}

void learner_reasons(const struct ranker *ranker, enum ranker_kind kind,
                     const struct features_block *b, const uint32_t *at, uint32_t n,
                     const float mean[RANKER_X], enum reason *out) {
    const struct ranker_rows rows = candidates_rows(b);
    float parts[LIST_MAX][RANKER_X];
    ranker_parts_of(ranker, kind, &rows, at, n, mean, parts);
    for (uint32_t k = 0; k < n; k++) {
        float groups[REASONS];
        out[k] = best_of(b, at[k], parts[k], groups);
    }
}

enum reason learner_reason_parts(const struct ranker *ranker, enum ranker_kind kind,
                                 const struct features_block *b, uint32_t at,
                                 const float mean[RANKER_X], float parts[RANKER_X],
                                 float groups[REASONS]) {
    const struct ranker_rows rows = candidates_rows(b);
    ranker_parts(ranker, kind, &rows, at, mean, parts);
    return best_of(b, at, parts, groups);
}

/* ---- the item of the history ---------------------------------------------------------------- */

/* What speaks most for an item by k1: .85^r a_ji (n_j + 5)^-.6 of each of the last. */
static uint32_t because_together(const struct learner *l, const struct user_entry *history,
                                 uint32_t n_history, uint32_t item) {
    const struct shared *s = l->shared;
    const struct pop_hot *hot = popularity_hot(s->popularity);
    const uint32_t n_last = n_history < PAIRS_WINDOW ? n_history : PAIRS_WINDOW;
    uint32_t because = ITEM_NONE;
    float most = 0.0F;
    float w = 1.0F;
    for (uint32_t r = 0; r < n_last; r++) {
        const uint32_t j = history[r].item;
        int64_t a = 0;
        int64_t f = 0;
        int64_t together = 0;
        (void)pairs_get(s->pairs, j, item, &a, &f, &together);
        const float part = w * hot[j].inv6 * (float)a;
        because = part > most ? j : because;
        most = part > most ? part : most;
        w *= .85F;
    }
    return because;
}

/* Where each item of a history stands first in it: it may stand there more than once. */
static void first_places(const uint32_t *items, uint32_t n, uint32_t *first) {
    for (uint32_t r = 0; r < n; r++) {
        uint32_t at = r;
        for (uint32_t x = 0; x < r; x++) { /* all of them: without a branch, in vectors */
            const uint32_t here = items[x] == items[r] ? x : r;
            at = here < at ? here : at;
        }
        first[r] = at;
    }
}

/* What speaks most for each of at most FACTORS_TARGETS items by taste; all of ITEM_NONE if nothing
 * is known. Items are lanes of vectors. */
static void because_taste(const struct learner *l, const struct user_entry *history,
                          uint32_t n_history, const uint32_t *targets, uint32_t n, uint32_t *out) {
    const struct factors *f = l->shared->factors;
    uint32_t items[USER_HISTORY] = {0};
    uint32_t first[USER_HISTORY];
    float parts[USER_HISTORY][FACTORS_TARGETS];
    /* at places that are the first of their item */
    float sums[USER_HISTORY][FACTORS_TARGETS] = {{0}};
    float most[FACTORS_TARGETS] = {0};
    uint32_t asked[FACTORS_TARGETS] = {0};
    uint32_t because[FACTORS_TARGETS];
    for (uint32_t r = 0; r < n_history; r++) {
        items[r] = history[r].item;
    }
    memcpy(asked, targets, n * sizeof *targets);
    memset(because, 0xff, sizeof because); /* ITEM_NONE */
    first_places(items, n_history, first);
    const bool known = factors_parts(f, candidates_solved(l->candidates, f, items, n_history),
                                     items, n_history, targets, n, parts);
    for (uint32_t r = 0; known && r < n_history; r++) {
        for (uint32_t t = 0; t < FACTORS_TARGETS; t++) {
            sums[first[r]][t] += parts[r][t];
        }
    }
    for (uint32_t r = 0; r < n_history; r++) {
        for (uint32_t t = 0; t < FACTORS_TARGETS; t++) {
            const bool larger = sums[r][t] > most[t] && items[r] != asked[t];
            because[t] = larger ? items[r] : because[t];
            most[t] = larger ? sums[r][t] : most[t];
        }
    }
    memcpy(out, because, n * sizeof *out);
}

/* The items of a list that are on it by taste, and where. */
struct told {
    uint32_t item[LIST_MAX], at[LIST_MAX], because[LIST_MAX];
    uint32_t n;
};

void learner_because_of(const struct learner *l, const struct user_entry *history,
                        uint32_t n_history, struct list_item *items, uint32_t n) {
    struct told t = {.n = 0};
    for (uint32_t k = 0; k < n; k++) {
        struct list_item *item = &items[k];
        if (item->reason == REASON_TASTE) {
            t.item[t.n] = item->item;
            t.at[t.n++] = k;
        } else if (item->reason != REASON_TOGETHER) {
            item->because = item->reason == REASON_AGAIN ? item->item : ITEM_NONE;
        } else if (item->because == ITEM_NONE) { /* a list that no search of his has made */
            item->because = because_together(l, history, n_history, item->item);
        }
    }
    for (uint32_t from = 0; from < t.n; from += FACTORS_TARGETS) {
        const uint32_t some = t.n - from < FACTORS_TARGETS ? t.n - from : FACTORS_TARGETS;
        because_taste(l, history, n_history, t.item + from, some, t.because + from);
    }
    for (uint32_t k = 0; k < t.n; k++) {
        items[t.at[k]].because = t.because[k];
    }
}

enum status learner_because(const struct learner *l, uint32_t task, uint32_t user, uint8_t target,
                            int64_t now_ms, struct list *list) {
    struct learner_task *t = learner_task_of(l, task, user, target, 1);
    if (!t) {
        return ST_NOT_FOUND;
    }
    struct user_entry history[USER_HISTORY];
    const uint32_t n = user_history(users_get(t->users, user), now_ms, history, USER_HISTORY);
    learner_because_of(l, history, n, list->items, list->n);
    return ST_OK;
}
