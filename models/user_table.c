/* SPDX-License-Identifier: Apache-2.0
 *
 * user_table.c -- see user_table.h.
 */
#include "user_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FEW = 32 /* to sort */ };

static uint32_t lower_bound(const struct taken *t, uint32_t n, uint32_t item) {
    uint32_t at = 0;
    while (n > 0) {
        uint32_t half = n / 2;
        if (t[at + half].item < item) {
            at += half + 1;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    return at;
}

static int64_t last_of(const struct taken *t) {
    return ts_join(t->last_high, t->last_low);
}

static int64_t first_of(const struct taken *t) {
    return ts_join(t->first_high, t->first_low);
}

static struct user_repeat unpack(const struct taken *t) {
    return (struct user_repeat){
        .item = t->item, .count = t->count, .first_ms = first_of(t), .last_ms = last_of(t)};
}

static void set_first(struct taken *t, int64_t ts_ms) {
    t->first_low = ts_low(ts_ms);
    t->first_high = ts_high(ts_ms);
}

static void set_last(struct taken *t, int64_t ts_ms) {
    t->last_low = ts_low(ts_ms);
    t->last_high = ts_high(ts_ms);
}

bool user_table_get(const struct user *u, uint8_t domain, uint32_t item, struct user_repeat *out) {
    const struct user_area *a = user_block_area(u, area_of_table(domain));
    const struct taken *t = user_block_entries(u, area_of_table(domain));
    uint32_t at = lower_bound(t, a->n, item);
    if (at == a->n || t[at].item != item) {
        return false;
    }
    if (out) {
        *out = unpack(&t[at]);
    }
    return true;
}

static int newest_first(const void *x, const void *y) {
    const struct user_repeat *a = x;
    const struct user_repeat *b = y;
    if (a->last_ms != b->last_ms) {
        return a->last_ms > b->last_ms ? -1 : 1;
    }
    return a->item < b->item ? -1 : 1;
}

uint32_t user_table_list(const struct user *u, uint8_t domain, struct user_repeat *out,
                         uint32_t max) {
    const struct user_area *a = user_block_area(u, area_of_table(domain));
    const struct taken *t = user_block_entries(u, area_of_table(domain));
    struct user_repeat all[USER_REPEATS];
    for (uint32_t i = 0; i < a->n; i++) {
        all[i] = unpack(&t[i]);
    }
    qsort(all, a->n, sizeof *all, newest_first);
    uint32_t n = a->n < max ? a->n : max;
    if (n > 0) {
        memcpy(out, all, n * sizeof *out);
    }
    return n;
}

/* A geometric series. Where its ratio is so near 1 that 1 - q has no digits left, it is the count.
 */
float user_repeat_decayed(const struct user_repeat *r, int64_t now_ms) {
    const double half_life = (double)USER_INTEREST_HALF_LIFE_MS;
    const double age = now_ms > r->last_ms ? (double)now_ms - (double)r->last_ms : 0.0;
    const double last = exp2(-age / half_life);
    if (r->count == 1) {
        return (float)last;
    }
    const double span = ((double)r->last_ms - (double)r->first_ms) / half_life;
    const double count = (double)r->count;
    const double gap = span / (count - 1.0);
    if (gap * count < 1e-6) {
        return (float)(last * count);
    }
    return (float)(last * (1.0 - exp2(-gap * count)) / (1.0 - exp2(-gap)));
}

/* The bits of floats that are not negative are in their order. */
static uint32_t bits_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* No two are equal. */
static void sort_few(uint64_t *key, uint32_t n) {
    for (uint32_t i = 1; i < n; i++) {
        const uint64_t x = key[i];
        uint32_t k = i;
        while (k > 0 && key[k - 1] > x) {
            key[k] = key[k - 1];
            k--;
        }
        key[k] = x;
    }
}

/* Sorts by the upper half, byte by byte from the lowest; equal ones stay in their order. A byte
 * that is the same in all is passed over. */
static void sort_by_upper(uint64_t key[USER_REPEATS], uint32_t n) {
    uint64_t other[USER_REPEATS];
    uint16_t at[4][256] = {{0}};
    uint64_t *from = key;
    uint64_t *to = other;
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t byte = 0; byte < 4; byte++) {
            at[byte][key[i] >> (32 + 8 * byte) & 255]++;
        }
    }
    for (uint32_t byte = 0; byte < 4; byte++) {
        const uint32_t shift = 32 + 8 * byte;
        if (at[byte][from[0] >> shift & 255] == n) {
            continue;
        }
        for (uint32_t b = 0, sum = 0; b < 256; b++) {
            const uint32_t count = at[byte][b];
            at[byte][b] = (uint16_t)sum;
            sum += count;
        }
        for (uint32_t i = 0; i < n; i++) {
            to[at[byte][from[i] >> shift & 255]++] = from[i];
        }
        uint64_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != key) {
        memcpy(key, from, n * sizeof *key);
    }
}

uint32_t user_table_best(const struct user *u, uint8_t domain, int64_t now_ms,
                         struct user_repeat *out, uint32_t max) {
    const struct user_area *a = user_block_area(u, area_of_table(domain));
    const struct taken *t = user_block_entries(u, area_of_table(domain));
    uint64_t key[USER_REPEATS]; /* the larger the count the smaller; then the place, by item */
    for (uint32_t i = 0; i < a->n; i++) {
        const struct user_repeat r = unpack(&t[i]);
        key[i] = (uint64_t)~bits_of(user_repeat_decayed(&r, now_ms)) << 32 | i;
    }
    if (a->n < FEW) {
        sort_few(key, a->n);
    } else {
        sort_by_upper(key, a->n);
    }
    const uint32_t n = a->n < max ? a->n : max;
    for (uint32_t i = 0; i < n; i++) {
        out[i] = unpack(&t[key[i] & UINT32_MAX]);
    }
    return n;
}

enum status user_table_reserve(struct user **u, uint8_t domain, uint32_t item) {
    uint32_t area = area_of_table(domain);
    const struct user_area *a = user_block_area(*u, area);
    uint32_t cap = a->cap;
    if (a->n < cap || cap == USER_REPEATS || user_table_get(*u, domain, item, NULL)) {
        return ST_OK;
    }
    uint32_t step = (2 + cap / 16) & ~1U; /* USER_GROWTH_MAX knows the largest one */
    return user_block_grow(u, area, cap + step < USER_REPEATS ? cap + step : USER_REPEATS);
}

/* The least recently taken entry; ties: the smaller item, which comes first. */
static uint32_t oldest(const struct taken *t, uint32_t n) {
    uint32_t best = 0;
    for (uint32_t i = 1; i < n; i++) {
        best = last_of(&t[i]) < last_of(&t[best]) ? i : best;
    }
    return best;
}

static void drop(struct taken *t, struct user_area *a, uint32_t at) {
    a->n--;
    memmove(t + at, t + at + 1, (a->n - at) * sizeof *t);
}

/* Makes a full table ready for a new item; false if the new one is the one to go. */
static bool evict_for(struct taken *t, struct user_area *a, uint32_t item, int64_t ts_ms) {
    uint32_t old = oldest(t, a->n);
    int64_t last = last_of(&t[old]);
    if (ts_ms < last || (ts_ms == last && item < t[old].item)) {
        return false;
    }
    drop(t, a, old);
    return true;
}

void user_table_take(struct user *u, uint8_t domain, uint32_t item, int64_t ts_ms) {
    struct user_area *a = user_block_area(u, area_of_table(domain));
    struct taken *t = user_block_entries(u, area_of_table(domain));
    uint32_t at = lower_bound(t, a->n, item);
    if (at < a->n && t[at].item == item) {
        t[at].count += t[at].count < UINT32_MAX ? 1 : 0;
        if (ts_ms < first_of(&t[at])) {
            set_first(&t[at], ts_ms);
        }
        if (ts_ms > last_of(&t[at])) {
            set_last(&t[at], ts_ms);
        }
        return;
    }
    if (a->n == USER_REPEATS) {
        if (!evict_for(t, a, item, ts_ms)) {
            return;
        }
        at = lower_bound(t, a->n, item);
    }
    memmove(t + at + 1, t + at, (a->n - at) * sizeof *t);
    t[at] = (struct taken){.item = item, .count = 1};
    set_first(&t[at], ts_ms);
    set_last(&t[at], ts_ms);
    a->n++;
}

void user_table_squeeze(struct user *u, uint8_t domain) {
    struct user_area *a = user_block_area(u, area_of_table(domain));
    struct taken *t = user_block_entries(u, area_of_table(domain));
    for (uint32_t n_drop = a->n / 8U + 1U; n_drop > 0 && a->n > 0; n_drop--) {
        drop(t, a, oldest(t, a->n));
    }
    user_block_shrink(u, area_of_table(domain), (a->n + 1U) & ~1U);
}
