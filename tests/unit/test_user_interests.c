/* SPDX-License-Identifier: Apache-2.0
 * test_user_interests.c -- contract tests of what models/user.h says of interests and of decayed
 * repeats. The truth is an array of all takings, from which each sum is computed anew; where
 * interests give way to others, a list that is searched from end to end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "failing_alloc.h"
#include "mix.h"
#include "user.h"

#define DAY_MS INT64_C(86400000)
#define HALF   (60.0 * 86400000.0)
#define START  (INT64_C(20000) * DAY_MS)

/* ---- the truth -------------------------------------------------------------------------- */

struct taking {
    int64_t ts_ms;
    uint32_t category;
};

enum { TAKINGS_MAX = 20000 };

static struct taking takings[TAKINGS_MAX];
static uint32_t n_takings;

/* Sum and newest time of a category's takings (CATEGORY_NONE: of all categories'); false: none. A
 * time before the newest one counts as that. */
static bool truth_of(uint32_t category, int64_t now_ms, double *v, int64_t *last_ms) {
    int64_t last = INT64_MIN;
    for (uint32_t k = 0; k < n_takings; k++) {
        const bool counts = takings[k].category == category;
        last = counts && takings[k].ts_ms > last ? takings[k].ts_ms : last;
    }
    const int64_t at = now_ms > last ? now_ms : last;
    double sum = 0.0;
    for (uint32_t k = 0; k < n_takings; k++) {
        if (takings[k].category == category) {
            sum += exp2(-((double)at - (double)takings[k].ts_ms) / HALF);
        }
    }
    *v = sum;
    *last_ms = last;
    return last != INT64_MIN;
}

/* newest_ms: of all the user's lines, also those without a category. */
static double truth_sum(int64_t now_ms, int64_t newest_ms) {
    const int64_t at = now_ms > newest_ms ? now_ms : newest_ms;
    double sum = 0.0;
    for (uint32_t k = 0; k < n_takings; k++) {
        if (takings[k].category != CATEGORY_NONE) {
            sum += exp2(-((double)at - (double)takings[k].ts_ms) / HALF);
        }
    }
    return sum;
}

/* ---- helpers ------------------------------------------------------------------------------ */

static struct user *new_user(void) {
    struct user *u = NULL;
    assert_int_equal(user_new(2, "user-17", 7, &u), ST_OK);
    n_takings = 0;
    return u;
}

static struct user_line line_of(uint32_t category, int64_t ts_ms) {
    return (struct user_line){.category = category, .ts_ms = ts_ms};
}

static void take(struct user **u, uint32_t category, int64_t ts_ms) {
    const struct user_line line = line_of(category, ts_ms);
    assert_int_equal(user_take(u, &line), ST_OK);
    assert_true(user_bytes(*u) <= USER_BYTES_MAX);
    assert_true(n_takings < TAKINGS_MAX);
    takings[n_takings++] = (struct taking){ts_ms, category};
}

static void close_to(double got, double want, double relative) {
    if (!(fabs(got - want) <= relative * fabs(want))) {
        fail_msg("got %.17g, want %.17g", got, want);
    }
}

static void check_sorted(const struct user *u, int64_t now_ms) {
    struct user_interest by[USER_INTERESTS];
    struct user_interest best[USER_INTERESTS];
    const uint32_t n = user_interests_by_category(u, now_ms, by, USER_INTERESTS);
    assert_int_equal(user_interests(u, now_ms, best, USER_INTERESTS), n);
    for (uint32_t k = 0; k < n; k++) {
        float v = 0.0F;
        int64_t last = 0;
        assert_true(user_interest(u, by[k].category, now_ms, &v, &last));
        assert_true(v == by[k].v && last == by[k].last_ms);
        assert_true(user_interest(u, best[k].category, now_ms, &v, &last));
        assert_true(v == best[k].v && last == best[k].last_ms);
        assert_true(k == 0 || by[k - 1].category < by[k].category);
        assert_true(k == 0 || best[k - 1].v > best[k].v ||
                    (!(best[k - 1].v < best[k].v) && best[k - 1].category < best[k].category));
    }
    struct user_interest few[5];
    const uint32_t n_few = n < 5 ? n : 5;
    assert_int_equal(user_interests(u, now_ms, few, 5), n_few);
    assert_memory_equal(few, best, n_few * sizeof *few);
    assert_int_equal(user_interests_by_category(u, now_ms, few, 5), n_few);
    assert_memory_equal(few, by, n_few * sizeof *few);
    assert_int_equal(user_interests(u, now_ms, NULL, 0), 0);
    assert_int_equal(user_interests_by_category(u, now_ms, NULL, 0), 0);
}

static void check_against_truth(const struct user *u, uint32_t n_categories, int64_t now_ms) {
    uint32_t known = 0;
    for (uint32_t c = 0; c <= n_categories; c++) {
        double want = 0.0;
        int64_t want_last = 0;
        float v = -1.0F;
        int64_t last = -1;
        const bool any = truth_of(c, now_ms, &want, &want_last);
        assert_int_equal(user_interest(u, c, now_ms, &v, &last), any);
        if (any) {
            close_to((double)v, want, 1e-5);
            assert_true(last == want_last);
            assert_true(user_interest(u, c, now_ms, NULL, NULL));
            known++;
        } else {
            assert_true(v == -1.0F && last == -1);
        }
    }
    assert_false(user_interest(u, CATEGORY_NONE, now_ms, NULL, NULL));
    struct user_interest all[USER_INTERESTS];
    assert_int_equal(user_interests(u, now_ms, all, USER_INTERESTS), known);
    close_to((double)user_interests_sum(u, now_ms), truth_sum(now_ms, user_last_ms(u)), 1e-6);
    check_sorted(u, now_ms);
}

/* ---- interests ------------------------------------------------------------------------------ */

static void a_new_user_is_interested_in_nothing(void **state) {
    (void)state;
    struct user *u = new_user();
    check_against_truth(u, 5, START);
    assert_true(user_interests_sum(u, INT64_MIN) == 0.0F);
    assert_true(user_interests_sum(u, INT64_MAX) == 0.0F);
    take(&u, CATEGORY_NONE, START);
    check_against_truth(u, 5, START);
    assert_true(user_interests_sum(u, START) == 0.0F);
    user_free(u);
}

static void interests_are_decayed_sums_whatever_the_order_of_arrival(void **state) {
    (void)state;
    print_message("seeds 1..30\n");
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct rng rng = {seed};
        struct user *u = new_user();
        int64_t clock = seed % 5 == 0 ? -20 * DAY_MS : START; /* also before 1970 */
        const uint32_t n_categories = 1 + rng_below(&rng, USER_INTERESTS);
        for (int k = 0; k < 600; k++) {
            clock += (int64_t)(rng_unit(&rng) * rng_unit(&rng) * 4.0 * (double)DAY_MS);
            const int64_t late = rng_below(&rng, 3) ? 0 : (int64_t)rng_below(&rng, 300) * DAY_MS;
            const uint32_t category = rng_below(&rng, n_categories + 1 + n_categories / 4);
            take(&u, category < n_categories ? category : CATEGORY_NONE, clock - late);
            if (k % 60 == 59) {
                check_against_truth(u, n_categories, clock);
                check_against_truth(u, n_categories, clock + 77 * DAY_MS + 3);
                check_against_truth(u, n_categories, clock - 100 * DAY_MS);
            }
        }
        user_free(u);
    }
}

static void they_hold_over_years(void **state) {
    (void)state;
    print_message("seeds 1..3\n");
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct rng rng = {seed};
        struct user *u = new_user();
        for (int k = 0; k < 8000; k++) {
            take(&u, rng_below(&rng, 6),
                 START + (int64_t)(rng_unit(&rng) * 5000.0 * (double)DAY_MS));
        }
        check_against_truth(u, 6, user_last_ms(u));
        check_against_truth(u, 6, user_last_ms(u) + 900 * DAY_MS);
        user_free(u);
    }
}

static void any_time_can_be_taken_and_asked_for(void **state) {
    (void)state;
    struct user *u = new_user();
    take(&u, 1, -(INT64_C(1) << 47));
    take(&u, 2, (INT64_C(1) << 47) - 1);
    take(&u, 1, -(INT64_C(1) << 47));
    float v = 0.0F;
    int64_t last = 0;
    assert_true(user_interest(u, 1, INT64_MIN, &v, &last));
    assert_true(v == 2.0F && last == -(INT64_C(1) << 47));
    assert_true(user_interest(u, 2, INT64_MAX, &v, &last));
    assert_true(v == 0.0F && last == (INT64_C(1) << 47) - 1);
    assert_true(user_interests_sum(u, INT64_MIN) == 1.0F);
    assert_true(user_interests_sum(u, INT64_MAX) == 0.0F);
    user_free(u);
}

static void what_is_in_no_history_and_no_set_counts_too(void **state) {
    (void)state;
    struct user *u = new_user();
    for (uint32_t k = 0; k < 16; k++) {
        struct user_line line = line_of(7, START);
        line.history = k & 1;
        line.consumes = k & 2;
        line.repeats = k & 4;
        line.domain = k & 8 ? 1 : 0; /* domains share interests */
        assert_int_equal(user_take(&u, &line), ST_OK);
    }
    float v = 0.0F;
    assert_true(user_interest(u, 7, START, &v, NULL));
    assert_true(v == 16.0F);
    user_free(u);
}

/* ---- more categories than there is room for ------------------------------------------------- */

struct kept {
    uint32_t category;
    double v;
    int64_t last_ms;
};

static struct kept kept[USER_INTERESTS + 1];
static uint32_t n_kept;

static double at_time(const struct kept *k, int64_t ms) {
    return k->v * exp2(-((double)ms - (double)k->last_ms) / HALF);
}

static void drop_weakest(int64_t now_ms) {
    uint32_t at = 0;
    for (uint32_t k = 1; k < n_kept; k++) {
        const double a = at_time(&kept[k], now_ms);
        const double b = at_time(&kept[at], now_ms);
        at = a < b || (!(a > b) && kept[k].category > kept[at].category) ? k : at;
    }
    kept[at] = kept[--n_kept];
}

static void kept_take(uint32_t category, int64_t ts_ms) {
    uint32_t at = 0;
    while (at < n_kept && kept[at].category != category) {
        at++;
    }
    if (at == n_kept) {
        if (n_kept == USER_INTERESTS) {
            drop_weakest(ts_ms);
        }
        kept[n_kept++] = (struct kept){category, 1.0, ts_ms};
        return;
    }
    struct kept *k = &kept[at];
    if (ts_ms >= k->last_ms) {
        k->v = at_time(k, ts_ms) + 1.0;
        k->last_ms = ts_ms;
    } else {
        k->v += exp2(-((double)k->last_ms - (double)ts_ms) / HALF);
    }
}

static void a_new_category_takes_the_place_of_the_weakest(void **state) {
    (void)state;
    print_message("seeds 1..8\n");
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct rng rng = {seed};
        struct user *u = new_user();
        n_kept = 0;
        int64_t clock = START;
        for (int k = 0; k < 3000; k++) {
            clock += (int64_t)rng_below(&rng, 50000000);
            const int64_t late = rng_below(&rng, 4) ? 0 : (int64_t)rng_below(&rng, 90) * DAY_MS;
            const uint32_t category = rng_below(&rng, 1 + rng_below(&rng, 700));
            take(&u, category, clock - late);
            kept_take(category, clock - late);
            assert_true(user_interest(u, category, clock, NULL, NULL)); /* the newest is known */
            if (k % 50 == 0 || k == 2999) {
                for (uint32_t x = 0; x < n_kept; x++) {
                    float v = 0.0F;
                    int64_t last = 0;
                    assert_true(user_interest(u, kept[x].category, clock, &v, &last));
                    close_to((double)v, at_time(&kept[x], clock), 1e-5);
                    assert_true(last == kept[x].last_ms);
                }
                check_sorted(u, clock);
            }
        }
        assert_int_equal(n_kept, USER_INTERESTS);
        struct user_interest all[USER_INTERESTS + 1];
        assert_int_equal(user_interests(u, clock, all, USER_INTERESTS + 1), USER_INTERESTS);
        /* the sum forgets nobody */
        close_to((double)user_interests_sum(u, clock), truth_sum(clock, user_last_ms(u)), 1e-6);
        user_free(u);
    }
}

static void of_equally_weak_ones_the_larger_category_gives_way(void **state) {
    (void)state;
    struct user *u = new_user();
    for (uint32_t k = 0; k < USER_INTERESTS; k++) {
        take(&u, 1000 + k * 2, START);
    }
    take(&u, 5, START);
    assert_false(user_interest(u, 1000 + 2 * (USER_INTERESTS - 1), START, NULL, NULL));
    take(&u, 9999, START - DAY_MS); /* the weakest of all: it enters, and is the next to go */
    assert_true(user_interest(u, 9999, START, NULL, NULL));
    assert_false(user_interest(u, 1000 + 2 * (USER_INTERESTS - 2), START, NULL, NULL));
    take(&u, 6, START);
    assert_false(user_interest(u, 9999, START, NULL, NULL));
    assert_true(user_interest(u, 1000 + 2 * (USER_INTERESTS - 3), START, NULL, NULL));
    user_free(u);
}

static void an_interest_of_long_ago_is_weaker_than_a_newer_one_however_old_both_are(void **state) {
    (void)state;
    struct user *u = new_user();
    const int64_t year = 365 * DAY_MS;
    for (uint32_t k = 0; k < USER_INTERESTS; k++) { /* 400 years: at the end all are 0 */
        take(&u, k, START + (int64_t)(k * 7 % USER_INTERESTS) * 2 * year);
    }
    take(&u, 500, START + 2000 * year);
    assert_false(user_interest(u, 0, START, NULL, NULL));
    for (uint32_t k = 1; k < USER_INTERESTS; k++) {
        assert_true(user_interest(u, k, START, NULL, NULL));
    }
    user_free(u);
}

/* ---- bytes ---------------------------------------------------------------------------------- */

static void interests_cost_sixteen_bytes_each_and_little_beside(void **state) {
    (void)state;
    struct user *u = new_user();
    struct user_line line = line_of(CATEGORY_NONE, START);
    assert_int_equal(user_take(&u, &line), ST_OK);
    const size_t none = user_bytes(u);
    for (uint32_t k = 0; k < USER_INTERESTS; k++) {
        take(&u, k, START);
        take(&u, k / 2, START);
        const size_t bytes = user_bytes(u) - none;
        assert_true(bytes >= 16 * (k + 1));
        assert_true(bytes <= 16 * (k + 1 + (k < 32 ? 1 : k / 16 + 1)));
    }
    assert_int_equal(user_bytes(u) - none, 16 * USER_INTERESTS);
    take(&u, 1000, START);
    assert_int_equal(user_bytes(u) - none, 16 * USER_INTERESTS);
    user_free(u);
}

static void the_sizes_of_ordinary_users_with_interests_are_small(void **state) {
    (void)state;
    struct user *u = new_user();
    struct user_line line = {.ts_ms = START, .consumes = true, .history = true};
    assert_int_equal(user_take(&u, &line), ST_OK);
    assert_int_equal(user_remember_event(&u, 1), ST_OK);
    const size_t one = user_bytes(u);
    for (uint32_t i = 0; i < 20; i++) {
        line.item = i;
        line.category = i % 13;
        assert_int_equal(user_take(&u, &line), ST_OK);
        assert_int_equal(user_remember_event(&u, i), ST_OK);
    }
    print_message("one event: %u bytes; 21 in the history, consumed, of 13 categories: %u bytes\n",
                  (unsigned)one, (unsigned)user_bytes(u));
    assert_true(one <= 312);
    assert_true(user_bytes(u) <= 1024);
    user_free(u);
}

/* Full interests and a full repeat table are more than a block holds: the largest gives way, its
 * weakest or least recently taken first. */
static void at_the_cap_the_weakest_interests_go(void **state) {
    (void)state;
    struct user *u = NULL;
    char id[ID_LEN_MAX] = {0};
    assert_int_equal(user_new(DOMAINS_MAX, id, sizeof id, &u), ST_OK);
    n_takings = 0;
    for (uint32_t k = 0; k < USER_INTERESTS; k++) {
        take(&u, k, START + (int64_t)k * DAY_MS);
    }
    struct user_line line = {.category = CATEGORY_NONE, .consumes = true, .history = true};
    uint32_t n = USER_INTERESTS;
    uint32_t least = USER_INTERESTS;
    struct user_interest all[USER_INTERESTS];
    for (uint32_t k = 0; k < 3000; k++) { /* many small sets: interests are the largest area */
        line.item = k / DOMAINS_MAX;
        line.domain = (uint8_t)(k % DOMAINS_MAX);
        line.ts_ms = START + 200 * DAY_MS;
        assert_int_equal(user_take(&u, &line), ST_OK);
        assert_true(user_bytes(u) <= USER_BYTES_MAX);
        const uint32_t now = user_interests_by_category(u, START, all, USER_INTERESTS);
        assert_true(now == n || now == n - (n / 4 + 1)); /* a quarter at a time */
        n = now;
        least = n < least ? n : least;
        for (uint32_t x = 0; x < n; x++) {
            assert_int_equal(all[x].category, USER_INTERESTS - n + x); /* the newest are left */
        }
    }
    assert_true(least < USER_INTERESTS);
    close_to((double)user_interests_sum(u, START), truth_sum(START, user_last_ms(u)), 1e-6);
    take(&u, 7777, START + 200 * DAY_MS); /* and may grow again */
    assert_true(user_interest(u, 7777, START, NULL, NULL));
    user_free(u);
}

static void a_heavy_repeat_buyer_keeps_most_of_both(void **state) {
    (void)state;
    struct rng rng = {4};
    struct user *u = new_user();
    uint32_t fewest_items = UINT32_MAX;
    uint32_t fewest_interests = UINT32_MAX;
    for (uint32_t k = 0; k < 20000; k++) {
        struct user_line line = {.item = rng_below(&rng, 3000),
                                 .ts_ms = START + (int64_t)k * DAY_MS / 20,
                                 .consumes = true,
                                 .repeats = true,
                                 .history = true};
        line.category = line.item / 4;
        assert_int_equal(user_take(&u, &line), ST_OK);
        assert_int_equal(user_remember_event(&u, k), ST_OK);
        assert_true(user_bytes(u) <= USER_BYTES_MAX);
        assert_true(user_repeat(u, 0, line.item, NULL));
        assert_true(user_interest(u, line.category, line.ts_ms, NULL, NULL));
        if (k >= 1000) {
            struct user_repeat r[USER_REPEATS];
            struct user_interest in[USER_INTERESTS];
            const uint32_t items = user_repeats(u, 0, r, USER_REPEATS);
            const uint32_t interests = user_interests_by_category(u, START, in, USER_INTERESTS);
            fewest_items = items < fewest_items ? items : fewest_items;
            fewest_interests = interests < fewest_interests ? interests : fewest_interests;
        }
    }
    print_message("at least %u items and %u interests\n", fewest_items, fewest_interests);
    assert_true(fewest_items >= 165);
    assert_true(fewest_interests >= 100);
    user_free(u);
}

/* ---- failures ------------------------------------------------------------------------------- */

static void without_memory_nothing_changes(void **state) {
    (void)state;
    if (!CAN_FAIL) {
        skip();
    }
    struct rng rng = {9};
    struct user *u = new_user();
    uint32_t refused = 0;
    for (int k = 0; k < 400; k++) {
        struct user_line line = line_of(rng_below(&rng, 100), START + (int64_t)k * DAY_MS);
        line.item = (uint32_t)k;
        line.consumes = k % 2;
        for (int n = 0;; n++) { /* interests refuse, then the set */
            fail_after(n);
            const enum status st = user_take(&u, &line);
            fail_after(-1);
            if (!st) {
                break;
            }
            assert_int_equal(st, ST_NOMEM);
            refused++;
            check_against_truth(u, 100, START + (int64_t)k * DAY_MS);
        }
        takings[n_takings++] = (struct taking){line.ts_ms, line.category};
    }
    assert_true(refused > 30);
    check_against_truth(u, 100, START);
    user_free(u);
}

/* ---- repeats -------------------------------------------------------------------------------- */

static double truth_decayed(const struct user_repeat *r, int64_t now_ms) {
    const double age = now_ms > r->last_ms ? (double)(now_ms - r->last_ms) : 0.0;
    const double gap =
        r->count > 1 ? (double)(r->last_ms - r->first_ms) / (double)(r->count - 1) : 0.0;
    double sum = 0.0;
    for (uint32_t k = 0; k < r->count; k++) {
        sum += exp2(-(age + (double)k * gap) / HALF);
    }
    return sum;
}

static void a_decayed_repeat_is_the_sum_over_evenly_spaced_takings(void **state) {
    (void)state;
    struct rng rng = {6};
    for (int k = 0; k < 3000; k++) {
        const int64_t spans[] = {0, 1, 50, 60000, DAY_MS, 60 * DAY_MS, 4000 * DAY_MS};
        struct user_repeat r = {.count = 1 + rng_below(&rng, 1 + rng_below(&rng, 500))};
        r.first_ms = START + (int64_t)rng_below(&rng, 1000) * DAY_MS;
        r.last_ms = r.first_ms;
        r.last_ms +=
            r.count > 1 ? spans[rng_below(&rng, 7)] * (1 + (int64_t)rng_below(&rng, 3)) : 0;
        const int64_t now = r.last_ms + ((int64_t)rng_below(&rng, 400) - 50) * DAY_MS;
        close_to((double)user_repeat_decayed(&r, now), truth_decayed(&r, now), 2e-6);
    }
    const struct user_repeat once = {.count = 1, .first_ms = START, .last_ms = START};
    assert_true(user_repeat_decayed(&once, START) == 1.0F);
    assert_true(user_repeat_decayed(&once, START + 60 * DAY_MS) == 0.5F);
    assert_true(user_repeat_decayed(&once, INT64_MIN) == 1.0F);
    assert_true(user_repeat_decayed(&once, INT64_MAX) == 0.0F);
    const struct user_repeat all = {
        .count = UINT32_MAX, .first_ms = -(INT64_C(1) << 47), .last_ms = (INT64_C(1) << 47) - 1};
    assert_true(user_repeat_decayed(&all, 0) > 1e4F && user_repeat_decayed(&all, 0) < 1e6F);
    const struct user_repeat at_once = {
        .count = UINT32_MAX, .first_ms = START, .last_ms = START + 1};
    close_to((double)user_repeat_decayed(&at_once, START), 4294967295.0, 1e-6);
}

static void the_best_repeats_come_strongest_first(void **state) {
    (void)state;
    print_message("seeds 1..10\n");
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct rng rng = {seed};
        struct user *u = new_user();
        int64_t clock = START;
        for (int k = 0; k < 1500; k++) {
            clock += rng_below(&rng, 3) ? (int64_t)rng_below(&rng, 30000000) : 0;
            const struct user_line line = {.item = rng_below(&rng, 1 + rng_below(&rng, 400)),
                                           .category = CATEGORY_NONE,
                                           .ts_ms = clock,
                                           .domain = 1,
                                           .consumes = true,
                                           .repeats = true};
            assert_int_equal(user_take(&u, &line), ST_OK);
        }
        struct user_repeat all[USER_REPEATS];
        struct user_repeat best[USER_REPEATS + 1];
        const int64_t now = clock + (int64_t)rng_below(&rng, 100) * DAY_MS - 20 * DAY_MS;
        const uint32_t n = user_repeats(u, 1, all, USER_REPEATS);
        assert_int_equal(user_repeats_best(u, 1, now, best, USER_REPEATS + 1), n);
        for (uint32_t k = 0; k < n; k++) {
            struct user_repeat one;
            assert_true(user_repeat(u, 1, best[k].item, &one));
            assert_memory_equal(&one, &best[k], sizeof one);
            uint32_t ahead = 0; /* of those that are stronger, or equal and smaller */
            const float v = user_repeat_decayed(&best[k], now);
            for (uint32_t x = 0; x < n; x++) {
                const float w = user_repeat_decayed(&all[x], now);
                ahead += w > v || (!(w < v) && all[x].item < best[k].item);
            }
            assert_int_equal(ahead, k);
        }
        struct user_repeat few[7];
        assert_int_equal(user_repeats_best(u, 1, now, few, 7), 7);
        assert_memory_equal(few, best, sizeof few);
        assert_int_equal(user_repeats_best(u, 0, now, few, 7), 0);
        assert_int_equal(user_repeats_best(u, 2, now, few, 7), 0); /* no such domain */
        assert_int_equal(user_repeats_best(u, 1, now, NULL, 0), 0);
        user_free(u);
    }
}

/* Tables of all sizes, of things taken in an hour (their counts differ in the last bits only) or in
 * a year, once or often. */
static void repeats_of_any_number_come_strongest_first(void **state) {
    (void)state;
    struct rng rng = {12};
    for (uint32_t n = 0; n <= USER_REPEATS; n += 1 + n / 16) {
        for (uint32_t z = 0; z < 4; z++) {
            struct user *u = new_user();
            for (uint32_t k = 0; k < n * (z < 2 ? 1 : 3); k++) {
                const struct user_line line = {.item = k % (n ? n : 1),
                                               .category = CATEGORY_NONE,
                                               .ts_ms = START + (int64_t)rng_below(&rng, 3600000) *
                                                                    (z % 2 ? 8760 : 1),
                                               .domain = 1,
                                               .consumes = true,
                                               .repeats = true};
                assert_int_equal(user_take(&u, &line), ST_OK);
            }
            const int64_t now = START + 400 * DAY_MS;
            struct user_repeat best[USER_REPEATS];
            assert_int_equal(user_repeats_best(u, 1, now, best, USER_REPEATS), n);
            bool seen[USER_REPEATS] = {0};
            for (uint32_t k = 0; k < n; k++) {
                assert_false(seen[best[k].item]);
                seen[best[k].item] = true;
                const float v = user_repeat_decayed(&best[k], now);
                const float before = k ? user_repeat_decayed(&best[k - 1], now) : v;
                assert_true(before > v || k == 0 ||
                            (!(before < v) && best[k - 1].item < best[k].item));
            }
            user_free(u);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_user_is_interested_in_nothing),
        cmocka_unit_test(interests_are_decayed_sums_whatever_the_order_of_arrival),
        cmocka_unit_test(they_hold_over_years),
        cmocka_unit_test(any_time_can_be_taken_and_asked_for),
        cmocka_unit_test(what_is_in_no_history_and_no_set_counts_too),
        cmocka_unit_test(a_new_category_takes_the_place_of_the_weakest),
        cmocka_unit_test(of_equally_weak_ones_the_larger_category_gives_way),
        cmocka_unit_test(an_interest_of_long_ago_is_weaker_than_a_newer_one_however_old_both_are),
        cmocka_unit_test(interests_cost_sixteen_bytes_each_and_little_beside),
        cmocka_unit_test(the_sizes_of_ordinary_users_with_interests_are_small),
        cmocka_unit_test(at_the_cap_the_weakest_interests_go),
        cmocka_unit_test(a_heavy_repeat_buyer_keeps_most_of_both),
        cmocka_unit_test(without_memory_nothing_changes),
        cmocka_unit_test(a_decayed_repeat_is_the_sum_over_evenly_spaced_takings),
        cmocka_unit_test(the_best_repeats_come_strongest_first),
        cmocka_unit_test(repeats_of_any_number_come_strongest_first),
    };
    return cmocka_run_group_tests_name("user_interests", tests, NULL, NULL);
}
