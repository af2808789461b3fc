/* SPDX-License-Identifier: Apache-2.0
 * learner_items.c -- see learner.h: what goes with an item, and what is going on in a domain. */
#include <math.h>
#include <string.h>

#include "fixed.h"
#include "item_similar.h"
#include "learner_state.h"

enum { ONE_DAY = 0, SEVEN_DAYS = 1 };

static const double DAY_MS = 86400000.0;

/* ---- what goes with an item ---------------------------------------------------------------- */

static float cosine_of(const struct shared *s, uint32_t i, uint32_t j) {
    const float *q = factors_q(s->factors);
    const float *qq = factors_qq(s->factors);
    const float length = sqrtf(qq[i]) * sqrtf(qq[j]);
    float dot = 0.0F;
    for (size_t k = 0; k < FACTORS; k++) {
        dot += q[(size_t)i * FACTORS + k] * q[(size_t)j * FACTORS + k];
    }
    return length > 0.0F ? dot / length : 0.0F;
}

uint32_t learner_alike(const struct learner *l, uint32_t item, uint8_t target, uint32_t n,
                       struct alike_item out[LIST_MAX]) {
    const struct shared *s = l->shared;
    struct item_similar found[ITEM_SIMILAR_MAX];
    n = n < LIST_MAX ? n : LIST_MAX;
    const uint32_t n_found =
        n > 0 && item < s->n_items ? item_similar_find(s, NULL, item, target, n, found) : 0;
    for (uint32_t k = 0; k < n_found; k++) {
        int64_t a = 0;
        int64_t f = 0;
        int64_t d = 0;
        const bool met = pairs_get(s->pairs, item, found[k].item, &a, &f, &d);
        out[k] = (struct alike_item){.item = found[k].item,
                                     .score = found[k].score,
                                     .together = met ? (float)fixed_to(a) : 0.0F,
                                     .follows = met ? (float)fixed_to(f) : 0.0F,
                                     .cosine = cosine_of(s, item, found[k].item)};
    }
    return n_found;
}

/* Of boosted items, some of those that would not be on the list compete. */
static uint32_t shift(const struct learner *l, uint8_t target, uint32_t n, uint32_t n_found,
                      struct item_similar *out) {
    struct list list = {.segment = -1, .n = n_found};
    for (uint32_t k = 0; k < n_found; k++) {
        list.items[k] =
            (struct list_item){.item = out[k].item, .score = out[k].score, .because = ITEM_NONE};
    }
    learner_rules_filter(l, target, -1, n, &list);
    for (uint32_t k = 0; k < list.n; k++) {
        out[k] = (struct item_similar){list.items[k].item, list.items[k].score};
    }
    return list.n;
}

uint32_t learner_similar(const struct learner *l, uint32_t item, uint8_t target, uint32_t n,
                         struct item_similar *out) {
    struct rules_lens lens;
    if (learner_rules_now(l)) {
        return 0; /* rather nothing than what is blocked */
    }
    const bool ruled = rules_lens(l->rules, target, -1, &lens);
    n = n < ITEM_SIMILAR_MAX ? n : ITEM_SIMILAR_MAX;
    if (!ruled || !lens.boosts) {
        return item_similar_find(l->shared, ruled ? &lens : NULL, item, target, n, out);
    }
    return shift(l, target, n, item_similar_find(l->shared, &lens, item, target, 2 * n, out), out);
}

/* ---- what is going on in a domain ------------------------------------------------------------ */

static float share_of(const struct shared *s, uint8_t domain, uint32_t item, int clock) {
    const float lg = popularity_hot(s->popularity)[item].lg[clock];
    const float sum = popularity_lg_sum(s->popularity, domain, clock);
    return lg > -1e8F && sum > -1e8F ? exp2f(lg - sum) : 0.0F;
}

/* A steady r a day is a decayed count of r h/ln 2. */
static struct board_item item_by(const struct shared *s, uint8_t domain, uint32_t item, int clock,
                                 int64_t now_ms) {
    const double half_life = (double)popularity_half_life_ms[clock];
    const double since = (double)(now_ms - popularity_landmark(s->popularity, clock));
    const double count = popularity_count_to(popularity_count(s->popularity, item, clock), clock) *
                         exp2(-since / half_life);
    const float seven = share_of(s, domain, item, SEVEN_DAYS);
    return (struct board_item){.item = item,
                               .share = share_of(s, domain, item, clock),
                               .per_day = (float)(count * log(2.0) * DAY_MS / half_life),
                               .lift = seven > 0.0F ? share_of(s, domain, item, ONE_DAY) / seven
                                                    : 0.0F};
}

static uint32_t fill_top(const struct shared *s, uint8_t domain, int clock, int64_t now_ms,
                         uint32_t n, struct board_item *out) {
    const uint32_t *items = NULL;
    struct ranked top[LIST_MAX];
    uint32_t kept = 0;
    const uint32_t n_items = popularity_top(s->popularity, domain, clock, &items);
    for (uint32_t k = 0; k < n_items; k++) {
        const float lg = popularity_hot(s->popularity)[items[k]].lg[clock];
        kept = ranked_insert(top, kept, n,
                             (struct ranked){lg, items[k], items_hash(s->items, items[k])});
    }
    for (uint32_t k = 0; k < kept; k++) {
        out[k] = item_by(s, domain, top[k].at, clock, now_ms);
    }
    return kept;
}

static uint32_t fill_trending(const struct shared *s, uint8_t domain, int64_t now_ms, uint32_t n,
                              struct board_item *out) {
    const uint32_t *items = NULL;
    struct ranked top[LIST_MAX];
    uint32_t kept = 0;
    const uint32_t n_items = popularity_top(s->popularity, domain, ONE_DAY, &items);
    for (uint32_t k = 0; k < n_items; k++) {
        const struct board_item b = item_by(s, domain, items[k], ONE_DAY, now_ms);
        if (b.lift > 1.0F && b.per_day >= LEARNER_TRENDING_RATE &&
            content_available(s->content, b.item)) {
            kept = ranked_insert(top, kept, n,
                                 (struct ranked){b.lift, b.item, items_hash(s->items, b.item)});
        }
    }
    for (uint32_t k = 0; k < kept; k++) {
        out[k] = item_by(s, domain, top[k].at, ONE_DAY, now_ms);
    }
    return kept;
}

void learner_board(const struct learner *l, uint8_t domain, int64_t now_ms, uint32_t n,
                   struct item_board *out) {
    const struct shared *s = l->shared;
    memset(out, 0, sizeof *out);
    if (domain >= l->params.n_domains || n == 0) {
        return;
    }
    n = n < LIST_MAX ? n : LIST_MAX;
    out->events = popularity_events(s->popularity, domain);
    out->items = items_n_of(s->items, domain);
    for (uint32_t k = 0; k < out->items; k++) {
        out->withdrawn += !content_available(s->content, items_of(s->items, domain, k));
    }
    for (int clock = 0; clock < POP_LISTS; clock++) {
        out->n_top[clock] = fill_top(s, domain, clock, now_ms, n, out->top[clock]);
    }
    out->n_trending = fill_trending(s, domain, now_ms, n, out->trending);
    for (uint32_t k = 0; k < out->items && out->n_newest < n; k++) {
        const uint32_t i = items_of(s->items, domain, out->items - 1 - k);
        if (i < s->n_items) {
            out->newest[out->n_newest++] = item_by(s, domain, i, SEVEN_DAYS, now_ms);
        }
    }
}
