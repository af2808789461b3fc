/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_user_record.c -- what holds for every value that may stand in the state topic as a user: it
 * is refused, or it is a user whose whole interface may be called, and who is written and read
 * again as the same.
 *
 * The first byte chooses how many domains are configured and how the indices of this process
 * differ from the writer's; the rest is the record.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "mix.h"
#include "user_features.h"
#include "user_record.h"

enum { LINES = 24, KNOWN = 8 };

static struct user_words words_new(uint32_t n_domains, uint32_t known) {
    struct user_words w = {0};
    require(items_new(n_domains, &w.items) == ST_OK && content_new(&w.content) == ST_OK);
    uint32_t i = 0;
    for (uint32_t x = 0; x < known; x++) {
        require(items_intern(w.items, mix64(x), 0, "known", 5, &i) == ST_OK);
        require(content_category_intern(w.content, mix64(x), &i) == ST_OK);
    }
    return w;
}

static void words_free(struct user_words *w) {
    items_free(w->items);
    content_free(w->content);
}

static void look(const struct user *u, uint32_t n_domains, const struct user_words *w) {
    struct user_entry e[USER_HISTORY];
    struct user_repeat repeats[USER_REPEATS];
    struct user_interest interests[USER_INTERESTS];
    const int64_t now = user_last_ms(u) + 1000000;
    const uint32_t n_items = items_n(w->items);
    uint32_t n = user_history(u, INT64_MAX, e, USER_HISTORY);
    for (uint32_t i = 0; i < n; i++) {
        require(e[i].item < n_items && e[i].domain < n_domains && e[i].action < ACTIONS);
        require(i == 0 || e[i].ts_ms <= e[i - 1].ts_ms);
    }
    for (uint32_t k = 0; k < n_domains; k++) {
        const uint8_t d = (uint8_t)k;
        n = user_repeats_best(u, d, now, repeats, USER_REPEATS);
        for (uint32_t i = 0; i < n; i++) {
            require(repeats[i].item < n_items && repeats[i].count > 0);
            require(user_took(u, d, repeats[i].item, items_hashes(w->items)));
        }
        (void)user_consumed(u, d, n_items - 1, items_hashes(w->items));
        require(user_rate(u, d, now) >= 0.0 && user_money(u, d, now) >= 0.0);
    }
    n = user_interests(u, now, interests, USER_INTERESTS);
    for (uint32_t i = 0; i < n; i++) {
        require(interests[i].category < content_n_categories(w->content));
        require(user_interest(u, interests[i].category, now, NULL, NULL));
    }
    float x[FEATURES_MAX];
    features_of(u, n_domains, now, x);
    features_typical_of(u, n_domains, x);
    require(features_lifecycle(u, n_domains, now) <= LIFECYCLE_DORMANT);
    require(user_social(u, now) >= 0.0F);
}

static void go_on(struct user **u, uint32_t n_domains, const struct user_words *w, struct rng *r) {
    uint32_t item = 0;
    uint32_t category = 0;
    for (uint32_t k = 0; k < LINES; k++) {
        const uint8_t domain = (uint8_t)rng_below(r, n_domains);
        const uint64_t hash = mix64(100 + domain + 16 * rng_below(r, 20));
        if (items_intern(w->items, hash, domain, "new", 3, &item)) {
            continue; /* the record says that it is of another domain */
        }
        require(content_category_intern(w->content, 1 + rng_below(r, 20), &category) == ST_OK);
        const struct user_line line = {.item = item,
                                       .category = category,
                                       .ts_ms = (int64_t)(rng_next(r) >> 20),
                                       .hashes = items_hashes(w->items),
                                       .amount = 1.0F,
                                       .domain = domain,
                                       .consumes = true,
                                       .repeats = rng_below(r, 2) == 0,
                                       .history = true};
        require(user_take(u, &line) == ST_OK);
        require(user_bytes(*u) <= USER_BYTES_MAX);
        require(user_remember_event(u, rng_next(r)) == ST_OK);
        require(user_social_take(u, k, 0.5F, line.ts_ms) == ST_OK);
        (void)features_keep_typical(*u, n_domains);
    }
}

/* Written and read again: no byte of the record differs, so neither does any answer. */
static void write_again(const struct user *u, uint64_t voted_in, uint32_t n_domains,
                        const struct user_words *w) {
    struct pack first = {0};
    struct pack second = {0};
    struct user *twin = NULL;
    uint64_t voted = 0;
    user_record_write(u, voted_in, w, &first);
    require(!first.failed);
    require(user_record_read(first.bytes, first.len, n_domains, w, &twin, &voted) == ST_OK);
    require(voted == voted_in && user_bytes(twin) == user_bytes(u));
    user_record_write(twin, voted, w, &second);
    require(!second.failed && second.len == first.len);
    require(memcmp(first.bytes, second.bytes, first.len) == 0);
    user_free(twin);
    free(first.bytes);
    free(second.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    const uint32_t n_domains = 1 + data[0] % DOMAINS_MAX;
    struct user_words w = words_new(n_domains, data[0] / DOMAINS_MAX % KNOWN);
    struct rng r = {size};
    struct user *u = NULL;
    uint64_t voted = 77;
    const enum status st = user_record_read(data + 1, size - 1, n_domains, &w, &u, &voted);
    require(st == ST_OK || ((st == ST_INVALID || st == ST_RANGE) && !u && voted == 77));
    if (u) {
        write_again(u, voted, n_domains, &w);
        look(u, n_domains, &w);
        go_on(&u, n_domains, &w, &r);
        write_again(u, voted, n_domains, &w);
        look(u, n_domains, &w);
        user_free(u);
    }
    words_free(&w);
    return 0;
}
