/* SPDX-License-Identifier: Apache-2.0
 *
 * candidates_features.c -- see candidates.h: what is known of each candidate. Raw values are
 * gathered a candidate at a time, then transformed a feature at a time.
 */
#include <math.h>
#include <string.h>

#include "candidates_state.h"
#include "lanes.h"
#include "lg.h"

enum { ROW = 16 /* what rows are a multiple of */, FOUR = 4 /* candidates at once */, AHEAD = 16 };

typedef float four __attribute__((vector_size(FOUR * sizeof(float))));
_Static_assert((int)POP_CLOCKS == (int)FOUR && sizeof((struct cell *)0)->k == sizeof(four),
               "a vector each");

#define HOURS_PER_MS (1.0F / 3600000.0F)

static const float K_FLOOR = 1e-4F;
static const float PART_FLOOR = 1e-4F;
static const float LG_SHARE_LEAST = -16.0F;
static const float LG_SUM_LEAST = -20.0F; /* one unit of fixed.h */

/* What every candidate of a list shares. */
struct list_terms {
    const struct pop_hot *hot; /* borrowed columns of all items */
    const float *q, *qq;
    float lg_sum[POP_CLOCKS];
    float obs_scale;
    float inv_max_k1;
    float mpop, mage;
    int64_t now_ms;
    bool content; /* categories, deals or repeats say something of items */
};

static float hours_since(int64_t now_ms, int64_t then_ms) {
    const int64_t ms = now_ms - then_ms;
    return ms > 0 ? (float)ms * HOURS_PER_MS : 0.0F;
}

/* p.q of items (FOUR,): one tree of sums for all, each in the order of one alone: lanes 16 apart,
 * then 8, 4, 2 and 1. */
static void dots(const lanes *p, const float *q, const uint32_t *items, float *out) {
    lanes eight[FOUR];
    for (int z = 0; z < FOUR; z++) {
        const float *row = q + (size_t)items[z] * FACTORS;
        lanes x[FACTORS / LANES];
        for (int k = 0; k < FACTORS / LANES; k++) {
            x[k] = p[k] * lanes_load(row + (size_t)k * LANES);
        }
        eight[z] = (x[0] + x[2]) + (x[1] + x[3]);
    }
    const lanes ab = __builtin_shufflevector(eight[0], eight[1], 0, 1, 2, 3, 8, 9, 10, 11) +
                     __builtin_shufflevector(eight[0], eight[1], 4, 5, 6, 7, 12, 13, 14, 15);
    const lanes cd = __builtin_shufflevector(eight[2], eight[3], 0, 1, 2, 3, 8, 9, 10, 11) +
                     __builtin_shufflevector(eight[2], eight[3], 4, 5, 6, 7, 12, 13, 14, 15);
    const lanes two = __builtin_shufflevector(ab, cd, 0, 1, 8, 9, 4, 5, 12, 13) +
                      __builtin_shufflevector(ab, cd, 2, 3, 10, 11, 6, 7, 14, 15);
    out[0] = two[0] + two[1]; /* a c | b d */
    out[2] = two[2] + two[3];
    out[1] = two[4] + two[5];
    out[3] = two[6] + two[7];
}

/* Items at..at+3; behind the last, the first of them again: rows have room for a multiple of 16. */
static inline void items_from(const struct features_block *b, uint32_t at, uint32_t items[FOUR]) {
    for (uint32_t z = 0; z < FOUR; z++) {
        items[z] = b->item[at + z < b->n ? at + z : at];
    }
}

/* Row X_DOT. */
static void gather_dots(const struct candidates_view *v, const struct list_terms *t,
                        struct features_block *b) {
    lanes p[FACTORS / LANES];
    float *x = b->x + (size_t)X_DOT * b->stride;
    for (int k = 0; k < FACTORS / LANES; k++) {
        p[k] = lanes_load(v->p + (size_t)k * LANES);
    }
    for (uint32_t at = 0; at < b->n; at += FOUR) {
        uint32_t items[FOUR];
        items_from(b, at, items);
        dots(p, t->q, items, x + at);
    }
}

/* What is known of a candidate is in a few cache lines, some of which nobody has touched yet. */
static void fetch(const struct shared *s, const struct list_terms *t, uint32_t item) {
    factors_fetch(s->factors, &item, 1);
    __builtin_prefetch(t->qq + item);
    __builtin_prefetch(&t->hot[item]);
    if (t->content) {
        categories_fetch(s->categories, item);
    }
}

/* What the search knows of an item. */
static const struct cell *cell_of(const struct candidates *c, uint32_t item) {
    static const struct cell none = {0};
    const struct cell *cell = candidates_cell(c, item);
    return cell ? cell : &none;
}

/* Four values of each of four candidates, a candidate a vector, as a value a vector. */
static inline void turn(four v[FOUR]) {
    const four ab = __builtin_shufflevector(v[0], v[1], 0, 4, 1, 5);
    const four cd = __builtin_shufflevector(v[2], v[3], 0, 4, 1, 5);
    const four ef = __builtin_shufflevector(v[0], v[1], 2, 6, 3, 7);
    const four gh = __builtin_shufflevector(v[2], v[3], 2, 6, 3, 7);
    v[0] = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
    v[1] = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
    v[2] = __builtin_shufflevector(ef, gh, 0, 1, 4, 5);
    v[3] = __builtin_shufflevector(ef, gh, 2, 3, 6, 7);
}

static inline four four_of(const float *x) {
    four v;
    memcpy(&v, x, sizeof v);
    return v;
}

static inline void put(float *x, enum ranker_feature feature, size_t stride, four v) {
    memcpy(x + (size_t)feature * stride, &v, sizeof v);
}

static void gather_four(const struct candidates *c, const struct list_terms *t,
                        struct features_block *b, uint32_t at) {
    four pop[FOUR];
    four counted[FOUR]; /* cnt, inv4, .. */
    four seen[FOUR];    /* obs, exp, ..  */
    four pairs[FOUR];
    uint32_t items[FOUR];
    float *x = b->x + at;
    const size_t k = b->stride;
    items_from(b, at, items);
    for (uint32_t z = 0; z < FOUR; z++) {
        const uint32_t i = items[z];
        const struct pop_hot *hot = &t->hot[i];
        const bool known = hot->count > 0;
        pop[z] = four_of(hot->lg) - four_of(t->lg_sum);
        counted[z] = (four){hot->cnt, hot->inv4};
        seen[z] = (four){hot->obs, hot->exp};
        pairs[z] = four_of(cell_of(c, i)->k);
        x[X_RECENT * k + z] = known ? hours_since(t->now_ms, hot->last_ms) : 0.0F;
        x[X_AGE * k + z] = known ? hours_since(t->now_ms, hot->first_ms) : 0.0F;
        x[X_COS * k + z] = t->qq[i];
    }
    turn(pop);
    turn(counted);
    turn(seen);
    turn(pairs);
    for (size_t clock = 0; clock < POP_CLOCKS; clock++) {
        put(x, (enum ranker_feature)(X_POP_1D + clock), k, pop[clock]);
    }
    put(x, X_COUNT, k, counted[0]);
    put(x, X_K1, k, pairs[0] * counted[1]);
    put(x, X_K3, k, pairs[1]);
    put(x, X_K4, k, pairs[2]);
    put(x, X_KX, k, pairs[3]);
    put(x, X_OBS_EXP, k, (seen[0] * t->obs_scale + 2.0F) / (seen[1] * t->obs_scale + 2.0F));
}

/* ... of what the user took himself: the search has noted where it is in his table. */
static void repeat_one(const struct candidates *c, const struct candidates_view *v,
                       struct features_block *b, uint32_t at) {
    const struct cell *cell = cell_of(c, b->item[at]);
    if (!(cell->flags & CELL_OWN)) {
        return;
    }
    const struct user_repeat *r = &c->all_own[cell->own];
    float *x = b->x + at;
    const size_t k = b->stride;
    const float since = hours_since(v->now_ms, r->last_ms);
    x[X_TIMES * k] = 0.7F * lg(1.0F + (float)r->count);
    x[X_SINCE * k] = 3.0F - 0.25F * lg(1.0F + since);
    const float span = hours_since(r->last_ms, r->first_ms);
    if (r->count > 1 && span > 0.0F) {
        float interval = span / (float)(r->count - 1);
        float late = 0.5F * lg((since + 1.0F) / (interval + 1.0F));
        x[X_INTERVAL * k] = fminf(fmaxf(late, -2.0F), 2.0F) + 2.5F;
    }
}

static void transform_popularity(struct features_block *b, const struct list_terms *t) {
    const size_t k = b->stride;
    for (int clock = 0; clock < POP_CLOCKS; clock++) {
        float *x = b->x + (size_t)(X_POP_1D + clock) * k;
        for (uint32_t c = 0; c < b->n; c++) {
            x[c] = ((x[c] > LG_SHARE_LEAST ? x[c] : LG_SHARE_LEAST) + 9.0F) * 0.25F;
        }
    }
    const float *pop30 = b->x + X_POP_30D * k;
    float *mpop = b->x + X_MPOP * k;
    float *recent = b->x + X_RECENT * k;
    float *age = b->x + X_AGE * k;
    float *mage = b->x + X_MAGE * k;
    for (uint32_t c = 0; c < b->n; c++) {
        mpop[c] = 0.25F * fabsf(pop30[c] * 4.0F - 9.0F - t->mpop);
        recent[c] = 0.2F * lg(1.0F + recent[c]) - 1.0F;
        float lg_age = lg(1.0F + age[c]);
        mage[c] = 0.2F * fabsf(lg_age - t->mage);
        age[c] = 0.25F * lg_age - 2.5F;
    }
}

static void transform_pairs(struct features_block *b, const struct list_terms *t) {
    const size_t k = b->stride;
    static const enum ranker_feature logs[] = {X_K1, X_K3, X_K4, X_KX};
    float *rel = b->x + X_K1_REL * k;
    const float *k1 = b->x + X_K1 * k;
    for (uint32_t c = 0; c < b->n; c++) {
        rel[c] = sqrtf(fminf(k1[c] * t->inv_max_k1, 1.0F)); /* the order under way may have more */
    }
    for (size_t l = 0; l < sizeof logs / sizeof *logs; l++) {
        float *x = b->x + (size_t)logs[l] * k;
        for (uint32_t c = 0; c < b->n; c++) {
            x[c] = 0.25F * lg(x[c] + K_FLOOR) + 2.0F;
        }
    }
}

static void transform_factors(struct features_block *b) {
    const size_t k = b->stride;
    float *obs = b->x + X_OBS_EXP * k;
    float *d = b->x + X_DOT * k;
    float *cosine = b->x + X_COS * k;
    for (uint32_t c = 0; c < b->n; c++) {
        obs[c] = 0.5F * lg(obs[c]);
        cosine[c] = 2.0F * d[c] / sqrtf(cosine[c] + 1e-6F);
        d[c] *= 3.0F;
    }
}

/* 1 where all that is taken of the category is this item. */
static void transform_parts(struct features_block *b) {
    float *part = b->x + (size_t)X_PART * b->stride;
    for (uint32_t c = 0; c < b->n; c++) {
        const float x = 1.0F + 0.25F * lg(fmaxf(part[c], 0.0F) + PART_FLOOR);
        part[c] = part[c] < 0.0F ? 0.0F : x;
    }
}

static void content_features(const struct candidates *c, const struct shared *s,
                             const struct candidates_view *v, const struct list_terms *t,
                             struct features_block *b) {
    const size_t k = b->stride;
    if (!t->content) {
        memset(b->x + X_REPEATED * k, 0, b->n * sizeof *b->x);
        memset(b->x + X_DEAL * k, 0, b->n * sizeof *b->x);
        return;
    }
    const bool deals = categories_any_deal(s->categories);
    uint32_t last = CATEGORY_NONE;
    double prior = categories_repeat_prior(s->categories, last);
    for (uint32_t at = 0; at < b->n; at++) {
        float *x = b->x + at;
        x[X_DEAL * k] =
            deals ? 3.0F * categories_deal_now(s->categories, b->item[at], v->now_ms) : 0.0F;
        const uint32_t category = content_category(s->content, b->item[at]);
        if (category != last) {
            prior = categories_repeat_prior(s->categories, category);
            last = category;
        }
        x[X_REPEATED * k] =
            v->repeats ? 3.0F * categories_repeat_rate(s->categories, b->item[at], prior) - 1.0F
                       : 0.0F;
        if (b->n_x == X_LIFT) {
            continue; /* nothing has a category */
        }
        const struct affinity_terms terms = affinity_of(c->affinity, category);
        x[X_LIFT * k] = terms.lift;
        x[X_GAP * k] = terms.gap;
        x[X_GOES * k] = terms.goes;
        x[X_IN * k] = terms.in;
        x[X_LIKE * k] = affinity_like(c->affinity, b->item[at]);
        x[X_PART * k] = categories_part(s->categories, b->item[at], category);
        x[X_AGAIN * k] = terms.again;
    }
    if (b->n_x > X_PART) {
        transform_parts(b);
    }
}

static void list_features(const struct candidates *c, const struct shared *s,
                          const struct candidates_view *v, float out[RANKER_C]) {
    const struct user *u = v->user;
    const uint32_t n = user_n(u);
    const uint32_t n_domain = user_n_of(u, v->domain);
    const float since = n ? hours_since(v->now_ms, user_last_ms(u)) : 0.0F;
    const float since_domain = hours_since(v->now_ms, user_last_ms_of(u, v->domain));
    const uint64_t events = popularity_events(s->popularity, v->domain);
    out[C_DOMAIN] = (float)v->domain;
    out[C_EVENTS] = 0.1F * lg(1.0F + (float)events) - 1.0F;
    out[C_N] = 0.3F * lg(1.0F + (float)n) - 1.0F;
    out[C_N_DOMAIN] = 0.3F * lg(1.0F + (float)n_domain) - 0.5F;
    out[C_GAP] = 0.2F * lg(1.0F + since) - 1.0F;
    out[C_GAP_DOMAIN] = n_domain ? 0.2F * lg(1.0F + since_domain) - 1.0F : 2.0F;
    out[C_MPOP] = (user_mpop(u) + 9.0F) * 0.25F;
    out[C_MAGE] = user_mage(u) * 0.25F - 2.5F;
    out[C_MAX_K1] = 0.25F * lg(c->max_k1 + K_FLOOR) + 2.0F;
}

void candidates_features_of(const struct candidates *c, const struct shared *s,
                            const struct candidates_view *v, struct features_block *b) {
    struct list_terms t = {
        .hot = popularity_hot(s->popularity),
        .q = factors_q(s->factors),
        .qq = factors_qq(s->factors),
        .obs_scale = 1.0F / popularity_obs_scale(s->popularity, s->n_events),
        .inv_max_k1 = 1.0F / c->max_k1,
        .mpop = user_mpop(v->user),
        .mage = user_mage(v->user),
        .now_ms = v->now_ms,
    };
    const bool categories = content_n_categories(s->content) > 0;
    t.content = v->repeats || categories || categories_any_deal(s->categories);
    for (int clock = 0; clock < POP_CLOCKS; clock++) {
        t.lg_sum[clock] = fmaxf(popularity_lg_sum(s->popularity, v->domain, clock), LG_SUM_LEAST);
    }
    for (uint32_t at = 0; at < AHEAD && at < b->n; at++) {
        fetch(s, &t, b->item[at]);
    }
    for (uint32_t at = 0; at < b->n; at += FOUR) {
        for (uint32_t z = at + AHEAD; z < at + AHEAD + FOUR && z < b->n; z++) {
            fetch(s, &t, b->item[z]);
        }
        gather_four(c, &t, b, at);
    }
    gather_dots(v, &t, b);
    transform_popularity(b, &t);
    transform_pairs(b, &t);
    transform_factors(b);
    const size_t k = b->stride;
    b->n_x = categories ? RANKER_X : t.content ? X_LIFT : X_TIMES;
    for (size_t f = X_TIMES; f <= X_INTERVAL && f < b->n_x; f++) {
        memset(b->x + f * k, 0, b->n * sizeof *b->x);
    }
    content_features(c, s, v, &t, b);
    for (uint32_t at = 0; v->repeats && at < b->n; at++) {
        repeat_one(c, v, b, at);
    }
    list_features(c, s, v, b->c);
}

const struct features_block *candidates_features(struct candidates *c, const struct shared *s,
                                                 const struct candidates_view *v) {
    /* an odd number of cache lines from a feature to the next: they share no sets of the cache */
    c->block.stride = (c->block.n + ROW - 1) / ROW * ROW | ROW;
    candidates_features_of(c, s, v, &c->block);
    return &c->block;
}
