/* SPDX-License-Identifier: Apache-2.0
 *
 * world_items.c -- see world_items.h and, for the formulas, world.h.
 */
#include "world_items.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "world_draw.h"

enum { K = WORLD_TASTES };

#define SHARE_NEW    0.35
#define FRESH        1.5
#define FRESH_DAYS   4.0
#define DRIFT_SD     0.7
#define DRIFT_DAYS   7.0
#define DAILY        0.4 /* amplitude of the hour of day, food only */
#define TASTE_WEIGHT 2.0

/* ---- drawing ------------------------------------------------------------- */

static uint8_t category_of(const double y[K]) {
    uint32_t best = 0;
    for (uint32_t k = 1; k < K; k++) {
        if (fabs(y[k]) > fabs(y[best])) {
            best = k;
        }
    }
    return (uint8_t)(2U * best + (y[best] < 0.0));
}

static float price_of(uint8_t domain, struct rng *rng) {
    double z = rng_normal(rng);
    if (domain == WORLD_COURSE) { /* a median of about 50 */
        return (float)(floor(50.0 * exp(0.6 * z)) + 0.99);
    }
    return (float)(floor(22.0 * exp(0.35 * z)) * 0.5 + 0.9); /* of about 12 */
}

static void direction_init(double y[K], struct rng *rng) {
    double norm = 0.0;
    for (int k = 0; k < K; k++) {
        y[k] = rng_normal(rng);
        norm += y[k] * y[k];
    }
    norm = sqrt(norm);
    for (int k = 0; k < K; k++) {
        y[k] /= norm;
    }
}

static void item_init(struct world_item *it, uint8_t domain, uint32_t i, int64_t end,
                      struct rng *rng) {
    direction_init(it->taste, rng);
    it->bias = rng_normal(rng);
    bool is_new = rng_unit(rng) < SHARE_NEW;
    int64_t birth = (int64_t)(rng_unit(rng) * (double)end);
    it->birth = is_new ? birth : 0;
    it->theta = 24.0 * rng_unit(rng);
    it->price = price_of(domain, rng);
    it->category = category_of(it->taste);
    snprintf(it->id, sizeof it->id, "%c%lu", domain == WORLD_COURSE ? 'c' : 'f', (unsigned long)i);
}

static void drift_init(float *drift, size_t n_days, size_t n, struct rng *rng) {
    const double phi = exp2(-1.0 / DRIFT_DAYS);
    const double sd = sqrt(1.0 - phi * phi) * DRIFT_SD;
    double x = DRIFT_SD * rng_normal(rng);
    drift[0] = (float)x;
    for (size_t day = 1; day < n_days; day++) {
        x = phi * x + sd * rng_normal(rng);
        drift[day * n] = (float)x;
    }
}

static void columns_init(struct world_items *s) {
    const float daily = s->domain == WORLD_FOOD ? (float)DAILY : 0.0F;
    for (uint32_t i = 0; i < s->n; i++) {
        double phase = DRAW_TWO_PI * s->items[i].theta / 24.0;
        s->base[i] = -INFINITY;
        s->even[i] = daily * (float)cos(phase);
        s->odd[i] = daily * (float)sin(phase);
        for (size_t k = 0; k < K; k++) {
            s->taste[k * s->n + i] = (float)s->items[i].taste[k];
        }
    }
    s->day = -1;
}

/* ---- births -------------------------------------------------------------- */

struct birth {
    int64_t at;
    uint32_t item;
};

static int birth_order(const void *left, const void *right) {
    const struct birth *a = left;
    const struct birth *b = right;
    if (a->at != b->at) {
        return a->at < b->at ? -1 : 1;
    }
    return a->item < b->item ? -1 : a->item > b->item;
}

static enum status births_init(struct world_items *s) {
    struct birth *order = malloc(s->n * sizeof *order);
    if (!order) {
        return ST_NOMEM;
    }
    for (uint32_t i = 0; i < s->n; i++) {
        order[i] = (struct birth){.at = s->items[i].birth, .item = i};
    }
    qsort(order, s->n, sizeof *order, birth_order);
    for (uint32_t i = 0; i < s->n; i++) {
        s->births[i] = order[i].at;
        s->by_birth[i] = order[i].item;
    }
    free(order);
    return ST_OK;
}

uint32_t world_items_born(const struct world_items *s, int64_t at) {
    uint32_t low = 0;
    uint32_t high = s->n;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (s->births[mid] <= at) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

/* ---- life cycle ---------------------------------------------------------- */

static enum status allocate(struct world_items *s, size_t n_days) {
    const size_t n = s->n;
    s->items = calloc(n, sizeof *s->items);
    s->drift = calloc(n_days, n * sizeof *s->drift);
    s->by_birth = calloc(n, sizeof *s->by_birth);
    s->births = calloc(n, sizeof *s->births);
    s->base = calloc(n, sizeof *s->base);
    s->fresh = calloc(n, sizeof *s->fresh);
    s->even = calloc(n, sizeof *s->even);
    s->odd = calloc(n, sizeof *s->odd);
    s->taste = calloc(n, K * sizeof *s->taste);
    bool all = s->items && s->drift && s->by_birth && s->births && s->base && s->fresh && s->even &&
               s->odd && s->taste;
    return all ? ST_OK : ST_NOMEM;
}

enum status world_items_init(struct world_items *s, uint8_t domain, uint32_t n, int64_t end,
                             uint64_t seed) {
    const size_t n_days = (size_t)(end / WORLD_DAY_MS) + 1;
    s->n = n;
    s->domain = domain;
    enum status st = allocate(s, n_days);
    if (st) {
        return st;
    }
    const uint64_t name_seed = draw_rng(seed, DRAW_NAME, domain, 0).state;
    uint32_t in_category[WORLD_CATEGORIES] = {0};
    for (uint32_t i = 0; i < n; i++) {
        struct world_item *it = &s->items[i];
        struct rng rng = draw_rng(seed, DRAW_ITEM, domain, i);
        item_init(it, domain, i, end, &rng);
        drift_init(s->drift + i, n_days, n, &rng);
        world_name(domain, it->category, in_category[it->category]++, name_seed, it->name);
    }
    columns_init(s);
    return births_init(s);
}

void world_items_clear(struct world_items *s) {
    free(s->items);
    free(s->drift);
    free(s->by_birth);
    free(s->births);
    free(s->base);
    free(s->fresh);
    free(s->even);
    free(s->odd);
    free(s->taste);
}

/* ---- attraction ---------------------------------------------------------- */

double world_items_attraction(const struct world_items *s, uint32_t item, int64_t at) {
    const struct world_item *it = &s->items[item];
    const double age_days = (double)(at - it->birth) / (double)WORLD_DAY_MS;
    const double hour = (double)(at % WORLD_DAY_MS) / WORLD_HOUR_MS;
    const float drift = s->drift[(size_t)(at / WORLD_DAY_MS) * s->n + item];
    double a = it->bias + (double)drift + FRESH * exp2(-age_days / FRESH_DAYS);
    if (s->domain == WORLD_FOOD) {
        a += DAILY * cos(DRAW_TWO_PI * (hour - it->theta) / 24.0);
    }
    return a;
}

/* The day's columns of an item that is born. */
static void refresh(struct world_items *s, uint32_t i) {
    const struct world_item *it = &s->items[i];
    double age_days = (double)(s->day * WORLD_DAY_MS - it->birth) / (double)WORLD_DAY_MS;
    float drift = s->drift[(size_t)s->day * s->n + i];
    s->base[i] = (float)(it->bias + (double)drift);
    s->fresh[i] = (float)(FRESH * exp2(-age_days / FRESH_DAYS));
}

static void advance(struct world_items *s, int64_t at) {
    if (s->day != at / WORLD_DAY_MS) {
        s->day = at / WORLD_DAY_MS;
        for (uint32_t r = 0; r < s->n_born; r++) {
            refresh(s, s->by_birth[r]);
        }
    }
    while (s->n_born < s->n && s->births[s->n_born] <= at) {
        refresh(s, s->by_birth[s->n_born++]);
    }
}

/* |score| < 60, so that a float holds its exp. */
void world_items_weigh(struct world_items *s, int64_t at, const double *z, float *weight) {
    advance(s, at);
    const size_t n = s->n;
    const double t = (double)(at % WORLD_DAY_MS) / (double)WORLD_DAY_MS;
    const float decay = (float)exp2(-t / FRESH_DAYS);
    const float even = (float)cos(DRAW_TWO_PI * t);
    const float odd = (float)sin(DRAW_TWO_PI * t);
    float *restrict x = weight;
    for (size_t i = 0; i < n; i++) {
        x[i] = s->base[i] + decay * s->fresh[i] + even * s->even[i] + odd * s->odd[i];
    }
    for (size_t k = 0; k < K; k++) {
        const float zk = (float)(TASTE_WEIGHT * z[k]);
        const float *restrict y = s->taste + k * n;
        for (size_t i = 0; i < n; i++) {
            x[i] += zk * y[i];
        }
    }
    for (size_t i = 0; i < n; i++) {
        x[i] = expf(x[i]);
    }
}
