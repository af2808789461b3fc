/* SPDX-License-Identifier: Apache-2.0
 *
 * test_user_record.c -- contract tests of models/user_record.h. Items and categories are numbers
 * here; each process has other indices for them. Two users are the same if everything that user.h
 * says of them is, by number. Values that are refused: test_user_record_refused.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engagement.h"
#include "failing_alloc.h"
#include "mix.h"
#include "user.h"
#include "user_features.h"
#include "user_record.h"
#include "user_record_v1.h"

#define DAY_MS  INT64_C(86400000)
#define HOUR_MS INT64_C(3600000)
#define START   (INT64_C(20000) * DAY_MS)

#ifndef FLIPS
#define FLIPS 20000 /* by hand, under sanitizers: 200000 */
#endif

enum { ITEMS = 4000, CATEGORIES = 400 };

/* ---- a process and its indices ------------------------------------------------------- */

struct process {
    struct user_words words;
    uint32_t n_domains;
};

static uint64_t item_hash(uint32_t x) {
    return mix64(x + 1000);
}

static uint64_t category_hash(uint32_t c) {
    return mix64(c + 5000000);
}

static uint8_t domain_of(uint32_t x, uint32_t n_domains) {
    return (uint8_t)(x % n_domains);
}

/* Knows of the items and categories some share, in an order of its own. */
static struct process process_new(uint32_t n_domains, struct rng *r, uint32_t percent) {
    struct process p = {.n_domains = n_domains};
    assert_int_equal(items_new(n_domains, &p.words.items), ST_OK);
    assert_int_equal(content_new(&p.words.content), ST_OK);
    static uint32_t order[ITEMS];
    for (uint32_t i = 0; i < ITEMS; i++) {
        const uint32_t at = rng_below(r, i + 1);
        order[i] = order[at];
        order[at] = i;
    }
    uint32_t index = 0;
    for (uint32_t i = 0; i < ITEMS; i++) {
        const uint32_t x = order[i];
        if (rng_below(r, 100) < percent) {
            assert_int_equal(
                items_intern(p.words.items, item_hash(x), domain_of(x, n_domains), "id", 2, &index),
                ST_OK);
        }
        if (x < CATEGORIES && rng_below(r, 100) < percent) {
            assert_int_equal(content_category_intern(p.words.content, category_hash(x), &index),
                             ST_OK);
        }
    }
    return p;
}

static void process_free(struct process *p) {
    items_free(p->words.items);
    content_free(p->words.content);
}

static uint32_t item_index(const struct process *p, uint32_t x) {
    uint32_t i = 0;
    assert_int_equal(
        items_intern_nameless(p->words.items, item_hash(x), domain_of(x, p->n_domains), &i), ST_OK);
    return i;
}

static uint32_t category_index(const struct process *p, uint32_t c) {
    uint32_t i = CATEGORY_NONE;
    if (c < CATEGORIES) {
        assert_int_equal(content_category_intern(p->words.content, category_hash(c), &i), ST_OK);
    }
    return i;
}

/* ---- writing and reading ------------------------------------------------------------- */

static struct pack write_user(const struct process *p, const struct user *u, uint64_t voted_in) {
    struct pack bytes = {0};
    user_record_write(u, voted_in, &p->words, &bytes);
    assert_false(bytes.failed);
    return bytes;
}

static struct user *read_user(const struct process *p, const struct pack *bytes,
                              uint64_t voted_in) {
    uint8_t *exactly = malloc(bytes->len); /* a sanitizer sees a byte too many */
    assert_non_null(exactly);
    memcpy(exactly, bytes->bytes, bytes->len);
    struct user *u = NULL;
    uint64_t voted = ~voted_in;
    assert_int_equal(user_record_read(exactly, bytes->len, p->n_domains, &p->words, &u, &voted),
                     ST_OK);
    assert_true(voted == voted_in);
    free(exactly);
    return u;
}

static void assert_refused(const struct process *p, const void *bytes, size_t len,
                           uint32_t n_domains, enum status why) {
    struct user *u = NULL;
    uint64_t voted = 77;
    assert_int_equal(user_record_read(bytes, len, n_domains, &p->words, &u, &voted), why);
    assert_null(u);
    assert_true(voted == 77);
}

/* ---- are two users the same? --------------------------------------------------------- */

static void same_bits(const void *a, const void *b, size_t n) {
    assert_memory_equal(a, b, n);
}

static void same_double(double a, double b) {
    same_bits(&a, &b, sizeof a);
}

static void same_float(float a, float b) {
    same_bits(&a, &b, sizeof a);
}

static void same_numbers(const struct user *a, const struct user *b, int64_t now) {
    size_t len_a = 0;
    size_t len_b = 0;
    const char *id_a = user_id(a, &len_a);
    const char *id_b = user_id(b, &len_b);
    assert_int_equal(len_a, len_b);
    assert_memory_equal(id_a, id_b, len_a);
    assert_int_equal(user_n(a), user_n(b));
    assert_true(user_first_ms(a) == user_first_ms(b));
    assert_true(user_last_ms(a) == user_last_ms(b));
    same_float(user_mpop(a), user_mpop(b));
    same_float(user_mage(a), user_mage(b));
    assert_int_equal(user_has_context(a), user_has_context(b));
    assert_int_equal(user_segment(a), user_segment(b));
    assert_int_equal(user_segment_pending(a), user_segment_pending(b));
    for (int64_t days = -400; days <= 400; days += 50) {
        same_float(user_social(a, now + days * DAY_MS), user_social(b, now + days * DAY_MS));
        same_float(user_interests_sum(a, now + days * DAY_MS),
                   user_interests_sum(b, now + days * DAY_MS));
    }
    int32_t day_a = 0;
    int32_t day_b = 0;
    assert_int_equal(user_typical_days(a, &day_a), user_typical_days(b, &day_b));
    assert_int_equal(day_a, day_b);
}

static void same_domain(const struct user *a, const struct user *b, uint8_t d, int64_t now) {
    assert_int_equal(user_n_of(a, d), user_n_of(b, d));
    assert_true(user_last_ms_of(a, d) == user_last_ms_of(b, d));
    for (int64_t days = -40; days <= 40; days += 8) {
        same_double(user_rate(a, d, now + days * DAY_MS), user_rate(b, d, now + days * DAY_MS));
        same_double(user_money(a, d, now + days * DAY_MS), user_money(b, d, now + days * DAY_MS));
    }
    for (uint32_t n = 1; n <= 32; n++) {
        assert_int_equal(user_active_days(a, d, now, n), user_active_days(b, d, now, n));
        assert_int_equal(user_active_days(a, d, user_last_ms_of(a, d), n),
                         user_active_days(b, d, user_last_ms_of(b, d), n));
    }
    float parts_a[USER_PARTS];
    float parts_b[USER_PARTS];
    user_parts(a, d, parts_a);
    user_parts(b, d, parts_b);
    same_bits(parts_a, parts_b, sizeof parts_a);
    same_bits(user_typical(a, d), user_typical(b, d), FEATURES_PER_DOMAIN * sizeof(int16_t));
}

static void same_history(const struct process *p, const struct user *a, const struct process *q,
                         const struct user *b) {
    struct user_entry e[USER_HISTORY];
    struct user_entry f[USER_HISTORY];
    const uint32_t n = user_history(a, INT64_MAX, e, USER_HISTORY);
    assert_int_equal(user_history(b, INT64_MAX, f, USER_HISTORY), n);
    for (uint32_t i = 0; i < n; i++) {
        assert_true(e[i].ts_ms == f[i].ts_ms);
        assert_int_equal(e[i].domain, f[i].domain);
        assert_int_equal(e[i].action, f[i].action);
        assert_true(items_hash(p->words.items, e[i].item) == items_hash(q->words.items, f[i].item));
    }
    assert_true(user_history_floor(a) == user_history_floor(b));
}

static void same_items(const struct process *p, const struct user *a, const struct process *q,
                       const struct user *b, uint32_t n_items) {
    const uint64_t *hashes_p = NULL;
    const uint64_t *hashes_q = NULL;
    for (uint32_t x = 0; x < n_items; x++) {
        const uint32_t i = item_index(p, x);
        const uint32_t j = item_index(q, x);
        hashes_p = items_hashes(p->words.items);
        hashes_q = items_hashes(q->words.items);
        for (uint8_t d = 0; d < p->n_domains; d++) {
            struct user_repeat r = {0};
            struct user_repeat s = {0};
            assert_int_equal(user_consumed(a, d, i, hashes_p), user_consumed(b, d, j, hashes_q));
            assert_int_equal(user_repeat(a, d, i, &r), user_repeat(b, d, j, &s));
            assert_int_equal(r.count, s.count);
            assert_true(r.first_ms == s.first_ms && r.last_ms == s.last_ms);
        }
    }
    for (uint8_t d = 0; d < p->n_domains; d++) {
        struct user_repeat all[USER_REPEATS];
        assert_int_equal(user_repeats(a, d, all, USER_REPEATS),
                         user_repeats(b, d, all, USER_REPEATS));
    }
}

static void same_interests(const struct process *p, const struct user *a, const struct process *q,
                           const struct user *b, int64_t now) {
    struct user_interest all[USER_INTERESTS];
    assert_int_equal(user_interests(a, now, all, USER_INTERESTS),
                     user_interests(b, now, all, USER_INTERESTS));
    for (uint32_t c = 0; c < CATEGORIES; c++) {
        float v = 0.0F;
        float w = 0.0F;
        int64_t last_a = 0;
        int64_t last_b = 0;
        assert_int_equal(user_interest(a, category_index(p, c), now, &v, &last_a),
                         user_interest(b, category_index(q, c), now, &w, &last_b));
        same_float(v, w);
        assert_true(last_a == last_b);
    }
}

/* Ids 0..n-1 were remembered in this order. To see their order too, more are remembered. */
static void same_events(const struct user *a, const struct user *b, uint64_t n) {
    struct user *x = NULL;
    struct user *y = NULL;
    assert_int_equal(user_copy(a, &x), ST_OK);
    assert_int_equal(user_copy(b, &y), ST_OK);
    for (uint64_t more = 0; more < 6; more++) {
        for (uint64_t i = n < 140 ? 0 : n - 140; i < n; i++) {
            assert_int_equal(user_knows_event(x, mix64(i)), user_knows_event(y, mix64(i)));
        }
        for (uint32_t k = 0; k < 29; k++) {
            assert_int_equal(user_remember_event(&x, more * 100 + k), ST_OK);
            assert_int_equal(user_remember_event(&y, more * 100 + k), ST_OK);
        }
    }
    for (int64_t minute = -3; minute < 2; minute++) {
        const int64_t ts = user_last_ms(a) + minute * 60000;
        assert_int_equal(user_count_minute(x, ts), user_count_minute(y, ts));
    }
    user_free(x);
    user_free(y);
}

static void assert_same(const struct process *p, const struct user *a, const struct process *q,
                        const struct user *b, uint32_t n_items, uint64_t n_ids) {
    const int64_t now = user_last_ms(a) + 5 * HOUR_MS;
    same_numbers(a, b, now);
    for (uint8_t d = 0; d < p->n_domains; d++) {
        same_domain(a, b, d, now);
    }
    same_history(p, a, q, b);
    same_items(p, a, q, b, n_items);
    same_interests(p, a, q, b, now);
    same_events(a, b, n_ids);
    assert_int_equal(user_bytes(a), user_bytes(b));
}

/* ---- what users do ------------------------------------------------------------------- */

struct deed { /* of one event, in numbers */
    struct user_line line;
    uint32_t x, category;
    uint64_t id;
    uint32_t who;
    float w;
    uint8_t segment, pending;
};

static struct deed random_deed(struct rng *r, uint32_t n_domains, uint32_t n_items, uint64_t k,
                               int64_t *clock) {
    *clock += 1 + (int64_t)(rng_unit(r) * rng_unit(r) * 20.0 * (double)HOUR_MS);
    const bool late = rng_below(r, 4) == 0;
    const int64_t back = late ? (int64_t)(rng_unit(r) * rng_unit(r) * 40.0 * (double)DAY_MS) : 0;
    const uint32_t x = rng_below(r, n_items);
    const uint8_t domain = domain_of(x, n_domains);
    return (struct deed){
        .line = {.ts_ms = *clock - back,
                 .amount = rng_below(r, 3) ? 0.0F : (float)rng_below(r, 1000) * 0.25F,
                 .domain = domain,
                 .action = (uint8_t)rng_below(r, ACTIONS_OF_EVENTS),
                 .consumes = rng_below(r, 8) > 0,
                 .repeats = domain % 2 == 1,
                 .history = rng_below(r, 10) > 0},
        .x = x,
        .category = rng_below(r, 3) ? rng_below(r, CATEGORIES) : CATEGORIES,
        .id = k,
        .who = rng_below(r, 30),
        .w = rng_below(r, 6) ? 0.0F : 0.25F,
        .segment = (uint8_t)rng_below(r, 16),
        .pending = (uint8_t)rng_below(r, 16)};
}

static void do_it(const struct process *p, struct user **u, const struct deed *deed) {
    struct user_line line = deed->line;
    line.item = item_index(p, deed->x);
    line.category = category_index(p, deed->category);
    line.hashes = items_hashes(p->words.items);
    assert_int_equal(user_take(u, &line), ST_OK);
    assert_int_equal(user_remember_event(u, mix64(deed->id)), ST_OK);
    (void)user_count_minute(*u, line.ts_ms);
    assert_int_equal(user_social_take(u, deed->who, deed->w, line.ts_ms), ST_OK);
    (void)features_keep_typical(*u, p->n_domains);
    if (deed->id % 7 == 3) {
        user_set_traits(*u, -(float)deed->x, (float)deed->category * 0.3F);
        user_set_segment(*u, deed->segment - 1, deed->pending - 1);
        user_set_context(*u);
    }
}

static struct user *user_named(uint32_t n_domains, const char *id, size_t len) {
    struct user *u = NULL;
    assert_int_equal(user_new(n_domains, id, len, &u), ST_OK);
    return u;
}

/* A user of n events. */
static struct user *user_of(const struct process *p, struct rng *r, uint32_t n_items, uint64_t n) {
    struct user *u = user_named(p->n_domains, "user-17", 7);
    int64_t clock = START;
    for (uint64_t k = 0; k < n; k++) {
        const struct deed deed = random_deed(r, p->n_domains, n_items, k, &clock);
        do_it(p, &u, &deed);
    }
    return u;
}

/* ---- the round trip ------------------------------------------------------------------ */

/* Writes u, reads it where the indices are others, writes that and reads it back. */
static struct user *check_round_trip(const struct process *p, const struct user *u,
                                     const struct process *q, uint32_t n_items, uint64_t n_ids) {
    struct pack bytes = write_user(p, u, n_ids);
    struct user *there = read_user(q, &bytes, n_ids);
    assert_same(p, u, q, there, n_items, n_ids);
    struct pack again = write_user(q, there, n_ids + 1);
    struct user *back = read_user(p, &again, n_ids + 1);
    assert_same(p, u, p, back, n_items, n_ids);
    struct pack third = write_user(p, back, n_ids); /* the same indices: the same bytes */
    assert_int_equal(third.len, bytes.len);
    assert_memory_equal(third.bytes, bytes.bytes, bytes.len);
    user_free(back);
    free(bytes.bytes);
    free(again.bytes);
    free(third.bytes);
    return there;
}

/* `every` deeds a round; after each the user that was read goes on beside the one who never was
 * written, and has to end up the same. */
static void check_life(uint64_t seed, uint32_t n_domains, uint32_t n_items, uint32_t rounds,
                       uint32_t every) {
    struct rng r = {seed};
    struct process p = process_new(n_domains, &r, 100);
    struct process q = process_new(n_domains, &r, 100);
    struct user *u = user_named(n_domains, "user-17", 7);
    struct user *there = check_round_trip(&p, u, &q, n_items, 0);
    int64_t clock = seed % 5 == 0 ? -20 * DAY_MS : START;
    uint64_t k = 0;
    for (uint32_t round = 0; round < rounds; round++) {
        for (uint32_t i = 0; i < every; i++) {
            const struct deed deed = random_deed(&r, n_domains, n_items, k++, &clock);
            do_it(&p, &u, &deed);
            do_it(&q, &there, &deed);
        }
        assert_same(&p, u, &q, there, n_items, k);
        user_free(there);
        process_free(&q);
        q = process_new(n_domains, &r, rng_below(&r, 101)); /* may have to learn of items */
        there = check_round_trip(&p, u, &q, n_items, k);
    }
    user_free(u);
    user_free(there);
    process_free(&p);
    process_free(&q);
}

static void a_user_is_the_same_under_other_indices_and_goes_on_the_same(void **state) {
    (void)state;
    print_message("seeds 1..40\n");
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct rng r = {seed * 77};
        check_life(seed, 1 + rng_below(&r, 5), 5 + rng_below(&r, 80), 12, 20);
    }
}

static void a_user_at_the_cap_is_the_same_too(void **state) {
    (void)state;
    print_message("seeds 101..106\n");
    for (uint64_t seed = 101; seed <= 106; seed++) {
        check_life(seed, seed % 2 ? 3 : 1 + (uint32_t)(seed - 100), ITEMS, 8, 500);
    }
}

/* 512 exact, then one half of a filter, then two. */
static void sets_of_every_kind_are_the_same(void **state) {
    (void)state;
    struct rng r = {9};
    struct process p = process_new(1, &r, 100);
    struct process q = process_new(1, &r, 60);
    struct user *u = user_named(1, "u", 1);
    for (uint32_t x = 0; x < 3500; x++) {
        struct deed deed = {
            .line = {.ts_ms = START, .consumes = true}, .x = x, .category = CATEGORIES, .id = x};
        do_it(&p, &u, &deed);
        const bool look = x == 0 || x == 511 || x == 512 || x == 1637 || x == 1638 || x == 3400;
        if (look) {
            user_free(check_round_trip(&p, u, &q, ITEMS, x + 1));
        }
    }
    user_free(u);
    process_free(&p);
    process_free(&q);
}

static void extremes_survive(void **state) {
    (void)state;
    char id[ID_LEN_MAX];
    memset(id, 0xfe, sizeof id);
    struct rng r = {10};
    struct process p = process_new(DOMAINS_MAX, &r, 100);
    struct process q = process_new(DOMAINS_MAX, &r, 50);
    struct user *u = user_named(DOMAINS_MAX, id, sizeof id);
    user_free(check_round_trip(&p, u, &q, 100, 0)); /* nothing yet */
    assert_int_equal(user_count_minute(u, INT64_MIN), 1);
    user_free(check_round_trip(&p, u, &q, 100, 0));
    static const int64_t times[] = {(INT64_C(1) << 47) - 1, -(INT64_C(1) << 47), 0, -1, 1};
    for (uint32_t k = 0; k < 5; k++) {
        for (uint32_t x = 0; x < 32; x++) {
            struct deed deed = {.line = {.ts_ms = times[k],
                                         .amount = 3e38F,
                                         .action = (uint8_t)(k + 8),
                                         .domain = domain_of(x, DOMAINS_MAX),
                                         .consumes = true,
                                         .repeats = x % 3 == 0,
                                         .history = true},
                                .x = x,
                                .category = x,
                                .id = k,
                                .who = UINT32_MAX - x,
                                .w = EVENT_WEIGHT_MAX};
            do_it(&p, &u, &deed);
        }
        user_set_traits(u, -3e38F, 1e-40F);
        user_set_segment(u, 15, -1);
        int16_t *typical = user_typical(u, (uint8_t)k);
        typical[0] = INT16_MIN;
        typical[1] = -1;
        typical[2] = INT16_MAX;
        user_set_typical_days(u, 255, k % 2 ? INT32_MIN : INT32_MAX);
        user_free(check_round_trip(&p, u, &q, 100, k + 1));
    }
    for (uint32_t k = 0; k < 70000; k++) {
        (void)user_count_minute(u, INT64_MAX);
    }
    user_free(check_round_trip(&p, u, &q, 100, 5));
    struct pack bytes = write_user(&p, u, UINT64_MAX);
    user_free(read_user(&q, &bytes, UINT64_MAX));
    free(bytes.bytes);
    user_free(u);
    process_free(&p);
    process_free(&q);
}

static void an_item_nobody_has_named_is_made_nameless(void **state) {
    (void)state;
    struct rng r = {12};
    struct process p = process_new(2, &r, 100);
    struct process q = process_new(2, &r, 0);
    struct user *u = user_of(&p, &r, 40, 30);
    struct pack bytes = write_user(&p, u, 3);
    struct user *there = read_user(&q, &bytes, 3);
    assert_true(items_n(q.words.items) > 10 && items_n(q.words.items) <= 40);
    assert_true(content_n_categories(q.words.content) > 5);
    for (uint32_t i = 0; i < items_n(q.words.items); i++) {
        const uint64_t hash = items_hash(q.words.items, i);
        assert_false(items_named(q.words.items, i));
        assert_int_equal(items_domain(q.words.items, i),
                         items_domain(p.words.items, items_find(p.words.items, hash)));
    }
    free(bytes.bytes);
    user_free(there);
    user_free(u);
    process_free(&p);
    process_free(&q);
}

/* ---- more and fewer domains ---------------------------------------------------------- */

static void a_domain_that_was_added_is_empty(void **state) {
    (void)state;
    struct rng r = {13};
    struct process p = process_new(2, &r, 100);
    struct process q = process_new(2, &r, 100);
    struct user *u = user_of(&p, &r, 60, 80);
    struct pack bytes = write_user(&p, u, 3);
    struct process wide = {.n_domains = 5, .words = q.words};
    items_free(wide.words.items);
    assert_int_equal(items_new(5, &wide.words.items), ST_OK);
    struct user *there = read_user(&wide, &bytes, 3);
    wide.n_domains = 2; /* whose items are where they were */
    same_numbers(u, there, user_last_ms(u));
    same_domain(u, there, 0, user_last_ms(u));
    same_domain(u, there, 1, user_last_ms(u));
    same_history(&p, u, &wide, there);
    same_items(&p, u, &wide, there, 60);
    same_interests(&p, u, &wide, there, user_last_ms(u));
    same_events(u, there, 80);
    for (uint8_t d = 2; d < 5; d++) {
        assert_int_equal(user_n_of(there, d), 0);
    }
    uint32_t i = 0;
    assert_int_equal(items_intern_nameless(wide.words.items, 5, 4, &i), ST_OK);
    const struct user_line line = {.item = i,
                                   .category = CATEGORY_NONE,
                                   .ts_ms = user_last_ms(u),
                                   .hashes = items_hashes(wide.words.items),
                                   .domain = 4,
                                   .consumes = true};
    assert_int_equal(user_take(&there, &line), ST_OK);
    assert_int_equal(user_n_of(there, 4), 1);
    free(bytes.bytes);
    user_free(u);
    user_free(there);
    process_free(&p);
    process_free(&wide);
}

static void at_the_cap_domains_that_were_added_take_room_of_what_is_largest(void **state) {
    (void)state;
    struct rng r = {14};
    struct process p = process_new(3, &r, 100);
    struct process wide = process_new(3, &r, 0);
    items_free(wide.words.items);
    assert_int_equal(items_new(DOMAINS_MAX, &wide.words.items), ST_OK);
    wide.n_domains = DOMAINS_MAX;
    struct user *u = user_named(3, "u", 1);
    int64_t clock = START;
    size_t most = 0;
    for (uint64_t k = 0; k < 3000; k++) {
        const struct deed deed = random_deed(&r, 3, ITEMS, k, &clock);
        do_it(&p, &u, &deed);
        if (k % 50 == 49) {
            struct pack bytes = write_user(&p, u, 3);
            struct user *there = read_user(&wide, &bytes, 3);
            assert_true(user_bytes(there) <= USER_BYTES_MAX);
            most = user_bytes(there) > most ? user_bytes(there) : most;
            user_free(there);
            free(bytes.bytes);
        }
    }
    assert_true(most > USER_BYTES_MAX - 1200);
    user_free(u);
    process_free(&p);
    process_free(&wide);
}

static void a_record_of_more_domains_or_of_a_later_format_is_out_of_range(void **state) {
    (void)state;
    struct rng r = {15};
    struct process p = process_new(3, &r, 100);
    struct user *u = user_of(&p, &r, 60, 20);
    struct pack bytes = write_user(&p, u, 3);
    assert_refused(&p, bytes.bytes, bytes.len, 2, ST_RANGE);
    assert_refused(&p, bytes.bytes, bytes.len, 0, ST_INVALID);
    assert_refused(&p, bytes.bytes, bytes.len, DOMAINS_MAX + 1, ST_INVALID);
    assert_int_equal(bytes.bytes[0], USER_RECORD_FORMAT);
    bytes.bytes[0]++;
    assert_refused(&p, bytes.bytes, bytes.len, 3, ST_RANGE);
    assert_refused(&p, bytes.bytes, 1, 3, ST_RANGE); /* whatever follows */
    bytes.bytes[0] = 0;
    assert_refused(&p, bytes.bytes, bytes.len, 3, ST_INVALID);
    assert_refused(&p, bytes.bytes, 0, 3, ST_INVALID);
    free(bytes.bytes);
    user_free(u);
    process_free(&p);
}

static void an_item_that_is_one_of_another_domain_here_is_out_of_range(void **state) {
    (void)state;
    struct rng r = {16};
    struct process p = process_new(3, &r, 100);
    struct process q = process_new(3, &r, 0);
    struct user *u = user_of(&p, &r, 1, 1);
    uint32_t i = 0;
    assert_int_equal(items_intern(q.words.items, item_hash(0), 1, "x", 1, &i), ST_OK);
    struct pack bytes = write_user(&p, u, 3);
    assert_refused(&q, bytes.bytes, bytes.len, 3, ST_RANGE);
    free(bytes.bytes);
    user_free(u);
    process_free(&p);
    process_free(&q);
}

/* ---- bytes that may be anything ------------------------------------------------------ */

/* Calls everything there is; the user may be nonsense, but none that does harm. */
static void live(const struct process *p, struct user **u, struct rng *r) {
    struct user_entry e[USER_HISTORY];
    const uint32_t n = user_history(*u, INT64_MAX, e, USER_HISTORY);
    for (uint32_t i = 0; i < n; i++) {
        assert_true(e[i].item < items_n(p->words.items));
        assert_true(e[i].domain < p->n_domains && e[i].action < ACTIONS);
    }
    const uint64_t *hashes = items_hashes(p->words.items);
    struct user_repeat repeats[USER_REPEATS];
    struct user_interest interests[USER_INTERESTS];
    const int64_t now = user_last_ms(*u) + DAY_MS;
    float x[FEATURES_MAX];
    for (uint8_t d = 0; d < p->n_domains; d++) {
        (void)user_took(*u, d, rng_below(r, items_n(p->words.items)), hashes);
        const uint32_t k = user_repeats_best(*u, d, now, repeats, USER_REPEATS);
        assert_int_equal(user_repeats(*u, d, repeats, USER_REPEATS), k);
        for (uint32_t i = 0; i < k; i++) {
            assert_true(repeats[i].item < items_n(p->words.items));
        }
        user_parts(*u, d, x);
        assert_true(user_rate(*u, d, now) >= 0.0 && user_money(*u, d, now) >= 0.0);
        (void)engagement_days(*u, d, now);
    }
    const uint32_t k = user_interests(*u, now, interests, USER_INTERESTS);
    for (uint32_t i = 0; i < k; i++) {
        assert_true(interests[i].category < content_n_categories(p->words.content));
        assert_true(interests[i].v >= 0.0F);
    }
    assert_true(user_interests_sum(*u, now) >= 0.0F && user_social(*u, now) >= 0.0F);
    (void)features_lifecycle(*u, p->n_domains, now);
    features_typical_of(*u, p->n_domains, x);
    assert_true(user_segment(*u) >= -1 && user_segment(*u) < 16);
    assert_true(isfinite(user_mpop(*u)) && isfinite(user_mage(*u)));
    int64_t clock = START;
    for (uint64_t id = 0; id < 40; id++) {
        const struct deed deed = random_deed(r, p->n_domains, 300, id, &clock);
        do_it(p, u, &deed);
    }
    assert_true(user_bytes(*u) <= USER_BYTES_MAX);
}

/* What is accepted is a user like any other: he is written and read again, too. */
static bool try_bytes(const struct process *p, const uint8_t *bytes, size_t len, struct rng *r) {
    uint8_t *exactly = malloc(len ? len : 1);
    assert_non_null(exactly);
    memcpy(exactly, bytes, len);
    struct user *u = NULL;
    uint64_t voted = 77;
    const enum status st = user_record_read(exactly, len, p->n_domains, &p->words, &u, &voted);
    free(exactly);
    if (st) {
        assert_true(st == ST_INVALID || st == ST_RANGE);
        assert_null(u);
        assert_true(voted == 77);
        return false;
    }
    struct pack again = write_user(p, u, voted);
    struct user *twin = read_user(p, &again, voted);
    assert_int_equal(user_bytes(twin), user_bytes(u));
    same_numbers(u, twin, START);
    user_free(twin);
    free(again.bytes);
    live(p, &u, r);
    again = write_user(p, u, voted);
    twin = read_user(p, &again, voted);
    free(again.bytes);
    user_free(twin);
    user_free(u);
    return true;
}

/* Users of several kinds, to be damaged. */
enum { SAMPLES = 6 };

static struct pack sample(const struct process *p, uint32_t k) {
    static const uint32_t events[SAMPLES] = {0, 1, 10, 60, 700, 4000};
    static const uint32_t items[SAMPLES] = {1, 1, 20, 40, 900, ITEMS};
    struct rng r = {300 + k};
    struct user *u = user_of(p, &r, items[k], events[k]);
    struct pack bytes = write_user(p, u, k);
    user_free(u);
    return bytes;
}

static void every_truncation_and_every_byte_too_many_is_refused(void **state) {
    (void)state;
    struct rng r = {17};
    struct process p = process_new(3, &r, 100);
    for (uint32_t k = 0; k < SAMPLES; k++) {
        struct pack bytes = sample(&p, k);
        for (size_t len = 0; len < bytes.len; len++) {
            assert_false(try_bytes(&p, bytes.bytes, len, &r));
        }
        assert_true(try_bytes(&p, bytes.bytes, bytes.len, &r));
        pack_u8(&bytes, 0);
        assert_false(try_bytes(&p, bytes.bytes, bytes.len, &r));
        free(bytes.bytes);
    }
    process_free(&p);
}

static void damaged_records_do_no_harm(void **state) {
    (void)state;
    struct rng r = {20260303};
    print_message("seed %llu, %d flips\n", (unsigned long long)r.state, FLIPS);
    uint32_t accepted = 0;
    struct process p = process_new(3, &r, 100);
    for (uint32_t k = 0; k < SAMPLES; k++) {
        struct pack bytes = sample(&p, k);
        for (uint32_t f = 0; f < FLIPS / SAMPLES; f++) {
            if (f % 2000 == 1999) {
                process_free(&p); /* of the hashes that were damaged */
                p = process_new(3, &r, 100);
            }
            uint8_t was[3];
            size_t at[3];
            const uint32_t n = 1 + rng_below(&r, 3);
            for (uint32_t i = 0; i < n; i++) {
                /* mostly in front, where the counts are */
                const size_t among = rng_below(&r, 2) && bytes.len > 80 ? 80 : bytes.len;
                at[i] = rng_below(&r, (uint32_t)among);
                was[i] = bytes.bytes[at[i]];
                bytes.bytes[at[i]] = (uint8_t)(rng_below(&r, 2) ? was[i] ^ 1U << rng_below(&r, 8)
                                                                : rng_below(&r, 256));
            }
            accepted += try_bytes(&p, bytes.bytes, bytes.len, &r);
            for (uint32_t i = n; i > 0; i--) {
                bytes.bytes[at[i - 1]] = was[i - 1];
            }
        }
        free(bytes.bytes);
    }
    print_message("%u of them are users\n", accepted);
    assert_true(accepted > 20 && accepted < FLIPS);
    process_free(&p);
}

/* ---- memory -------------------------------------------------------------------------- */

static void without_memory_nothing_is_made(void **state) {
    (void)state;
    if (!CAN_FAIL) {
        skip();
    }
    struct rng r = {18};
    struct process p = process_new(2, &r, 100);
    struct user *u = user_of(&p, &r, 500, 300);
    struct pack bytes = write_user(&p, u, 3);
    enum status st = ST_NOMEM;
    int failures = 0;
    for (; st; failures++) {
        struct process q = process_new(2, &r, 0);
        struct user *there = NULL;
        uint64_t voted = 77;
        fail_after(failures);
        st = user_record_read(bytes.bytes, bytes.len, 2, &q.words, &there, &voted);
        fail_after(-1);
        assert_true(st == ST_OK || (st == ST_NOMEM && !there && voted == 77));
        user_free(there);
        process_free(&q);
    }
    assert_true(failures > 5);
    struct pack none = {0};
    fail_after(0);
    user_record_write(u, 3, &p.words, &none);
    fail_after(-1);
    assert_true(none.failed);
    free(none.bytes);
    free(bytes.bytes);
    user_free(u);
    process_free(&p);
}

/* ---- format 1 for ever --------------------------------------------------------------- */

static void v1_has_these_numbers(struct user *u) {
    assert_int_equal(user_n(u), 606);
    assert_int_equal(user_n_of(u, 0), 4);
    assert_int_equal(user_n_of(u, 1), 600);
    assert_int_equal(user_n_of(u, 2), 2);
    assert_true(user_first_ms(u) == START && user_last_ms(u) == START + 10 * DAY_MS);
    assert_true(user_last_ms_of(u, 0) == START + 3 * DAY_MS);
    assert_float_equal((float)user_rate(u, 2, START + 10 * DAY_MS), 1.7937005F, 1e-6F);
    assert_float_equal((float)user_money(u, 2, START + 10 * DAY_MS), 41.737005F, 1e-4F);
    assert_int_equal(user_active_days(u, 0, START + 3 * DAY_MS, 32), 4);
    assert_int_equal(user_active_days(u, 2, START + 10 * DAY_MS, 7), 1);
    float parts[USER_PARTS];
    user_parts(u, 0, parts);
    assert_true(parts[0] == 1.0F);
    assert_true(user_typical(u, 1)[0] == -5 && user_typical(u, 1)[4] == 1024);
    int32_t day = 0;
    assert_int_equal(user_typical_days(u, &day), 3);
    assert_int_equal(day, 20010);

    assert_true(user_mpop(u) == -7.5F && user_mage(u) == 3.25F);
    assert_int_equal(user_segment(u), 4);
    assert_int_equal(user_segment_pending(u), 7);
    assert_true(user_has_context(u));
    assert_float_equal(user_social(u, START + 31 * DAY_MS), 0.375F, 1e-6F);
    assert_int_equal(user_count_minute(u, START + 10 * DAY_MS), 3);
}

static void v1_has_these_items(const struct user *u, struct items *items) {
    const uint64_t *hashes = items_hashes(items);
    for (uint64_t x = 100; x < 104; x++) { /* an exact set */
        assert_true(user_consumed(u, 0, items_find(items, x), hashes));
    }
    uint32_t found = 0;
    uint32_t claimed = 0;
    for (uint64_t x = 1000; x < 1600; x++) { /* a filter, of which there is nobody in the table */
        uint32_t i = 0;
        assert_int_equal(items_intern_nameless(items, x, 1, &i), ST_OK);
        found += user_consumed(u, 1, i, items_hashes(items));
        assert_int_equal(items_intern_nameless(items, x + 5000, 1, &i), ST_OK);
        claimed += user_consumed(u, 1, i, items_hashes(items));
    }
    assert_int_equal(found, 600);
    assert_true(claimed < 12);
    struct user_repeat repeat;
    assert_true(user_repeat(u, 2, items_find(items, 2000), &repeat));
    assert_int_equal(repeat.count, 2);
    assert_true(repeat.first_ms == START && repeat.last_ms == START + 10 * DAY_MS);
}

static void v1_has_this_history(const struct user *u, const struct items *items) {
    struct user_entry e[USER_HISTORY];
    assert_int_equal(user_history(u, INT64_MAX, e, USER_HISTORY), 6);
    assert_true(items_hash(items, e[0].item) == 2000 && e[0].ts_ms == START + 10 * DAY_MS);
    assert_true(items_hash(items, e[1].item) == 103 && e[1].ts_ms == START + 3 * DAY_MS);
    assert_int_equal(e[0].domain, 2);
    assert_int_equal(e[0].action, ACTION_ORDER);
    assert_int_equal(e[1].action, ACTION_COMMENT);
}

static void v1_has_these_interests(const struct user *u, struct content *content) {
    uint32_t c = 0;
    float v = 0.0F;
    int64_t last = 0;
    assert_int_equal(content_category_intern(content, 71, &c), ST_OK);
    assert_true(user_interest(u, c, 0, &v, &last));
    assert_float_equal(v, 3.931607F, 1e-5F);
    assert_true(last == START + 3 * DAY_MS);
    assert_int_equal(content_category_intern(content, 72, &c), ST_OK);
    assert_true(user_interest(u, c, 0, &v, NULL));
}

static void format_1_is_read_as_it_was_written(void **state) {
    (void)state;
    struct items *items = NULL;
    struct content *content = NULL;
    assert_int_equal(items_new(3, &items), ST_OK);
    assert_int_equal(content_new(&content), ST_OK);
    const struct user_words words = {items, content};
    struct user *u = NULL;
    uint64_t voted = 0;
    assert_int_equal(user_record_read(user_record_v1, sizeof user_record_v1, 3, &words, &u, &voted),
                     ST_OK);
    assert_true(voted == 4321);
    size_t len = 0;
    assert_memory_equal(user_id(u, &len), "anna@example.org", 16);
    assert_int_equal(len, 16);

    v1_has_these_numbers(u);
    v1_has_these_items(u, items);
    v1_has_this_history(u, items);
    v1_has_these_interests(u, content);
    for (uint64_t id = 1; id <= 5; id++) {
        assert_true(user_knows_event(u, id << 60));
    }
    assert_false(user_knows_event(u, 1));
    user_free(u);
    items_free(items);
    content_free(content);
}

/* ---- sizes --------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b) {
    const size_t x = *(const size_t *)a;
    const size_t y = *(const size_t *)b;
    return x < y ? -1 : x > y;
}

static void a_record_is_about_as_large_as_the_block_or_smaller(void **state) {
    (void)state;
    enum { USERS = 101 };
    static const uint32_t events[] = {1, 10, 50, 300};
    struct rng r = {19};
    struct process p = process_new(2, &r, 100);
    for (size_t k = 0; k < sizeof events / sizeof *events; k++) {
        size_t record[USERS];
        size_t block[USERS];
        for (uint32_t i = 0; i < USERS; i++) {
            struct user *u = user_of(&p, &r, ITEMS, events[k]);
            struct pack bytes = write_user(&p, u, 900);
            record[i] = bytes.len;
            block[i] = user_bytes(u);
            assert_true(bytes.len < user_bytes(u) * 13 / 10);
            free(bytes.bytes);
            user_free(u);
        }
        qsort(record, USERS, sizeof *record, by_size);
        qsort(block, USERS, sizeof *block, by_size);
        print_message("%u events: median %u bytes, of the block %u\n", events[k],
                      (unsigned)record[USERS / 2], (unsigned)block[USERS / 2]);
    }
    process_free(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_user_is_the_same_under_other_indices_and_goes_on_the_same),
        cmocka_unit_test(a_user_at_the_cap_is_the_same_too),
        cmocka_unit_test(sets_of_every_kind_are_the_same),
        cmocka_unit_test(extremes_survive),
        cmocka_unit_test(an_item_nobody_has_named_is_made_nameless),
        cmocka_unit_test(a_domain_that_was_added_is_empty),
        cmocka_unit_test(at_the_cap_domains_that_were_added_take_room_of_what_is_largest),
        cmocka_unit_test(a_record_of_more_domains_or_of_a_later_format_is_out_of_range),
        cmocka_unit_test(an_item_that_is_one_of_another_domain_here_is_out_of_range),
        cmocka_unit_test(every_truncation_and_every_byte_too_many_is_refused),
        cmocka_unit_test(damaged_records_do_no_harm),
        cmocka_unit_test(without_memory_nothing_is_made),
        cmocka_unit_test(format_1_is_read_as_it_was_written),
        cmocka_unit_test(a_record_is_about_as_large_as_the_block_or_smaller),
    };
    return cmocka_run_group_tests_name("user_record", tests, NULL, NULL);
}
