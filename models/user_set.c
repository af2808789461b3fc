/* SPDX-License-Identifier: Apache-2.0
 *
 * user_set.c -- see user_set.h.
 */
#include "user_set.h"

#include <string.h>

#include "mix.h"

enum { FILTER_BITS = 7, BITS_AN_ITEM = 10, WORD_BITS = 32 };

/* ---- exact ----------------------------------------------------------------- */

/* The first position whose item is not below `item`; no branch to mispredict. */
static uint32_t lower_bound(const uint32_t *items, uint32_t n, uint32_t item) {
    uint32_t at = 0;
    while (n > 1) {
        uint32_t half = n / 2;
        at += half * (items[at + half - 1] < item);
        n -= half;
    }
    return at + (n == 1 && items[at] < item ? 1U : 0U);
}

static bool exact_has(const uint32_t *items, uint32_t n, uint32_t item) {
    uint32_t at = lower_bound(items, n, item);
    return at < n && items[at] == item;
}

static void exact_add(uint32_t *items, struct user_area *a, uint32_t item) {
    uint32_t at = lower_bound(items, a->n, item);
    if (at < a->n && items[at] == item) {
        return;
    }
    memmove(items + at + 1, items + at, (a->n - at) * sizeof *items);
    items[at] = item;
    a->n++;
}

/* ---- filter ---------------------------------------------------------------- */

static uint64_t key_of(uint32_t item, const uint64_t *hashes) {
    return mix64(hashes ? hashes[item] : item);
}

static uint32_t half_words(const struct user_area *a) {
    return (uint32_t)a->cap / a->halves;
}

/* Items that a half of so many words takes. */
static uint32_t half_items(uint32_t words) {
    return words * WORD_BITS / BITS_AN_ITEM;
}

static uint32_t bit_of(uint64_t key, uint32_t i, uint32_t words) {
    uint32_t h = (uint32_t)key + i * ((uint32_t)(key >> 32) | 1U);
    const uint64_t bits = (uint64_t)words * WORD_BITS;
    return (uint32_t)(h * bits >> 32);
}

static bool half_has(const uint32_t *half, uint32_t words, uint64_t key) {
    for (uint32_t i = 0; i < FILTER_BITS; i++) {
        uint32_t bit = bit_of(key, i, words);
        if (!(half[bit / WORD_BITS] >> (bit % WORD_BITS) & 1U)) {
            return false;
        }
    }
    return true;
}

static void half_add(uint32_t *half, uint32_t words, uint64_t key) {
    for (uint32_t i = 0; i < FILTER_BITS; i++) {
        uint32_t bit = bit_of(key, i, words);
        half[bit / WORD_BITS] |= 1U << (bit % WORD_BITS);
    }
}

static bool filter_has(const uint32_t *words, const struct user_area *a, uint64_t key) {
    uint32_t n = half_words(a);
    return half_has(words, n, key) || (a->halves == 2 && half_has(words + n, n, key));
}

static bool filter_full(const struct user_area *a) {
    return a->n >= half_items(half_words(a));
}

/* The newer half is the first one. What only the older one has, or claims, is added
 * again: it was taken just now. */
static void filter_add(uint32_t *words, struct user_area *a, uint64_t key) {
    uint32_t n = half_words(a);
    if (half_has(words, n, key)) {
        return;
    }
    if (filter_full(a)) {
        if (a->halves == 2) {
            memcpy(words + n, words, n * sizeof *words);
        }
        memset(words, 0, n * sizeof *words);
        a->n = 0;
    }
    half_add(words, n, key);
    a->n++;
}

/* Turns an exact set into a filter of one half in its first `words` words. */
static void filter_of_exact(uint32_t *entries, struct user_area *a, uint32_t words,
                            const uint64_t *hashes) {
    uint32_t items[USER_EXACT];
    memcpy(items, entries, a->n * sizeof *items);
    memset(entries, 0, words * sizeof *entries);
    for (uint32_t i = 0; i < a->n; i++) {
        half_add(entries, words, key_of(items[i], hashes));
    }
    a->halves = 1;
}

/* ---- the set --------------------------------------------------------------- */

bool user_set_has(const struct user *u, uint8_t domain, uint32_t item, const uint64_t *hashes) {
    const struct user_area *a = user_block_area(u, area_of_set(domain));
    const uint32_t *entries = user_block_entries(u, area_of_set(domain));
    if (a->halves) {
        return filter_has(entries, a, key_of(item, hashes));
    }
    return exact_has(entries, a->n, item);
}

enum status user_set_reserve(struct user **u, uint8_t domain, uint32_t item,
                             const uint64_t *hashes) {
    uint32_t area = area_of_set(domain);
    const struct user_area *a = user_block_area(*u, area);
    uint32_t cap = a->cap;
    if (user_set_has(*u, domain, item, hashes)) {
        return ST_OK;
    }
    if (a->halves == 0) {
        uint32_t step = (4 + cap / 8) & ~1U;
        uint32_t wanted = cap + step < USER_EXACT ? cap + step : USER_EXACT;
        return a->n < cap || cap == USER_EXACT ? ST_OK : user_block_grow(u, area, wanted);
    }
    bool fits = user_block_pressing(*u) + cap * sizeof(uint32_t) <= USER_BYTES_LIMIT;
    if (a->halves == 2 || !filter_full(a) || !fits) {
        return ST_OK;
    }
    enum status st = user_block_grow(u, area, 2 * cap);
    if (!st) {
        user_block_area(*u, area)->halves = 2;
    }
    return st;
}

void user_set_add(struct user *u, uint8_t domain, uint32_t item, const uint64_t *hashes) {
    struct user_area *a = user_block_area(u, area_of_set(domain));
    uint32_t *entries = user_block_entries(u, area_of_set(domain));
    if (a->halves == 0 && a->n == USER_EXACT && !exact_has(entries, a->n, item)) {
        filter_of_exact(entries, a, a->cap, hashes);
    }
    if (a->halves) {
        filter_add(entries, a, key_of(item, hashes));
    } else {
        exact_add(entries, a, item);
    }
}

void user_set_squeeze(struct user *u, uint8_t domain, const uint64_t *hashes) {
    uint32_t area = area_of_set(domain);
    struct user_area *a = user_block_area(u, area);
    uint32_t *entries = user_block_entries(u, area);
    uint32_t words = 0;
    if (a->halves == 0) {
        words = ((uint32_t)a->n * BITS_AN_ITEM + 2 * WORD_BITS - 1) / (2 * WORD_BITS) * 2;
        filter_of_exact(entries, a, words, hashes);
    } else if (a->halves == 2) {
        words = half_words(a);
        a->halves = 1;
    } else {
        words = (a->cap / 2U + 1U) & ~1U;
        memset(entries, 0, words * sizeof *entries);
        a->n = 0;
    }
    user_block_shrink(u, area, words);
}
