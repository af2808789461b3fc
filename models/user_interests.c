/* SPDX-License-Identifier: Apache-2.0
 *
 * user_interests.c -- see user_interests.h.
 */
#include "user_interests.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* 2^(-(to - from)/H); from <= to. Any int64 is a time that may be asked for. */
static double decay(int64_t from_ms, int64_t to_ms) {
    return exp2(((double)from_ms - (double)to_ms) / (double)USER_INTEREST_HALF_LIFE_MS);
}

static int64_t last_of(const struct interest *e) {
    return ts_join(e->last_high, e->last_low);
}

static void set_last(struct interest *e, int64_t ts_ms) {
    e->last_low = ts_low(ts_ms);
    e->last_high = ts_high(ts_ms);
}

/* The first position whose category is not below `category`; no branch to mispredict. */
static uint32_t lower_bound(const struct interest *e, uint32_t n, uint32_t category) {
    uint32_t at = 0;
    while (n > 1) {
        const uint32_t half = n / 2;
        at += half * (e[at + half - 1].category < category);
        n -= half;
    }
    return at + (n == 1 && e[at].category < category ? 1U : 0U);
}

/* ---- taking ---------------------------------------------------------------- */

enum status user_interests_reserve(struct user **u, uint32_t category) {
    const struct user_area *a = user_block_area(*u, AREA_INTERESTS);
    const uint32_t cap = a->cap;
    if (category == CATEGORY_NONE || a->n < cap || cap == USER_INTERESTS) {
        return ST_OK;
    }
    const struct interest *e = user_block_entries(*u, AREA_INTERESTS);
    const uint32_t at = lower_bound(e, a->n, category);
    if (at < a->n && e[at].category == category) {
        return ST_OK;
    }
    const uint32_t step = (2 + cap / 16) & ~1U; /* USER_GROWTH_MAX knows the largest one */
    return user_block_grow(u, AREA_INTERESTS,
                           cap + step < USER_INTERESTS ? cap + step : USER_INTERESTS);
}

/* How strong an entry is at any one time, as a logarithm: an old one cannot underflow. */
static double strength(const struct interest *e) {
    return log2((double)e->v) + (double)last_of(e) / (double)USER_INTEREST_HALF_LIFE_MS;
}

/* Of equal ones the larger category, which comes last. */
static uint32_t weakest(const double *strengths, uint32_t n) {
    uint32_t at = 0;
    for (uint32_t i = 1; i < n; i++) {
        at = strengths[i] <= strengths[at] ? i : at;
    }
    return at;
}

static void drop_weakest(struct interest *e, struct user_area *a, uint32_t n_drop) {
    double strengths[USER_INTERESTS];
    for (uint32_t i = 0; i < a->n; i++) {
        strengths[i] = strength(&e[i]);
    }
    for (; n_drop > 0 && a->n > 0; n_drop--) {
        const uint32_t at = weakest(strengths, a->n);
        a->n--;
        memmove(e + at, e + at + 1, (a->n - at) * sizeof *e);
        memmove(strengths + at, strengths + at + 1, (a->n - at) * sizeof *strengths);
    }
}

static void take_again(struct interest *e, int64_t ts_ms) {
    const int64_t last = last_of(e);
    if (ts_ms >= last) {
        e->v = (float)((double)e->v * decay(last, ts_ms) + 1.0);
        set_last(e, ts_ms);
    } else {
        e->v = (float)((double)e->v + decay(ts_ms, last));
    }
}

static void take_entry(struct user *u, uint32_t category, int64_t ts_ms) {
    struct user_area *a = user_block_area(u, AREA_INTERESTS);
    struct interest *e = user_block_entries(u, AREA_INTERESTS);
    uint32_t at = lower_bound(e, a->n, category);
    if (at < a->n && e[at].category == category) {
        take_again(&e[at], ts_ms);
        return;
    }
    if (a->n == USER_INTERESTS) {
        drop_weakest(e, a, 1);
        at = lower_bound(e, a->n, category);
    }
    memmove(e + at + 1, e + at, (a->n - at) * sizeof *e);
    e[at] = (struct interest){.category = category, .v = 1.0F};
    set_last(&e[at], ts_ms);
    a->n++;
}

void user_interests_take(struct user *u, uint32_t category, int64_t ts_ms) {
    const double x = category == CATEGORY_NONE ? 0.0 : 1.0;
    if (u->n == 0) {
        u->interests = x;
    } else if (ts_ms >= u->last_ms) {
        u->interests = u->interests * decay(u->last_ms, ts_ms) + x;
    } else {
        u->interests += x * decay(ts_ms, u->last_ms);
    }
    if (category != CATEGORY_NONE) {
        take_entry(u, category, ts_ms);
    }
}

void user_interests_squeeze(struct user *u) {
    struct user_area *a = user_block_area(u, AREA_INTERESTS);
    drop_weakest(user_block_entries(u, AREA_INTERESTS), a, a->n / 4U + 1U);
    user_block_shrink(u, AREA_INTERESTS, (a->n + 1U) & ~1U);
}

/* ---- reading (user.h) -------------------------------------------------------- */

static float at_time(const struct interest *e, int64_t now_ms) {
    const int64_t last = last_of(e);
    return now_ms > last ? (float)((double)e->v * decay(last, now_ms)) : e->v;
}

bool user_interest(const struct user *u, uint32_t category, int64_t now_ms, float *v,
                   int64_t *last_ms) {
    const uint32_t n = user_block_area(u, AREA_INTERESTS)->n;
    const struct interest *e = user_block_entries(u, AREA_INTERESTS);
    const uint32_t at = lower_bound(e, n, category);
    if (at == n || e[at].category != category) {
        return false;
    }
    if (v) {
        *v = at_time(&e[at], now_ms);
    }
    if (last_ms) {
        *last_ms = last_of(&e[at]);
    }
    return true;
}

float user_interests_sum(const struct user *u, int64_t now_ms) {
    const bool later = u->n > 0 && now_ms > u->last_ms;
    return (float)(later ? u->interests * decay(u->last_ms, now_ms) : u->interests);
}

uint32_t user_interests_by_category(const struct user *u, int64_t now_ms, struct user_interest *out,
                                    uint32_t max) {
    const uint32_t n_all = user_block_area(u, AREA_INTERESTS)->n;
    const struct interest *e = user_block_entries(u, AREA_INTERESTS);
    const uint32_t n = n_all < max ? n_all : max;
    for (uint32_t i = 0; i < n; i++) {
        out[i] = (struct user_interest){
            .last_ms = last_of(&e[i]), .category = e[i].category, .v = at_time(&e[i], now_ms)};
    }
    return n;
}

static int strongest_first(const void *x, const void *y) {
    const struct user_interest *a = x;
    const struct user_interest *b = y;
    if (a->v < b->v || a->v > b->v) {
        return a->v > b->v ? -1 : 1;
    }
    return a->category < b->category ? -1 : 1;
}

uint32_t user_interests(const struct user *u, int64_t now_ms, struct user_interest *out,
                        uint32_t max) {
    struct user_interest all[USER_INTERESTS];
    const uint32_t n_all = user_interests_by_category(u, now_ms, all, USER_INTERESTS);
    qsort(all, n_all, sizeof *all, strongest_first);
    const uint32_t n = n_all < max ? n_all : max;
    if (n > 0) {
        memcpy(out, all, n * sizeof *out);
    }
    return n;
}
