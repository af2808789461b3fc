/* SPDX-License-Identifier: Apache-2.0
 *
 * test_user_features.c -- contract tests of models/user_features.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "mix.h"
#include "user_features.h"

#define DAY_MS  INT64_C(86400000)
#define HOUR_MS INT64_C(3600000)
#define START   (INT64_C(20000) * DAY_MS) /* a midnight, UTC */

enum { EVENTS_MAX = 400, DOMAINS = 3 };

struct past_event {
    int64_t ts_ms;
    float amount;
    uint8_t domain;
};

static struct past_event past[EVENTS_MAX];
static uint32_t n_past;

static struct user *new_user(void) {
    struct user *u = NULL;
    assert_int_equal(user_new(DOMAINS, "u", 1, &u), ST_OK);
    n_past = 0;
    return u;
}

static void take(struct user **u, uint8_t domain, int64_t ts, float amount) {
    struct user_line line = {.item = 1, .ts_ms = ts, .amount = amount, .domain = domain};
    assert_int_equal(user_take(u, &line), ST_OK);
    past[n_past++] = (struct past_event){.ts_ms = ts, .amount = amount, .domain = domain};
}

/* Days active, of any domain (-1) or one, among those that are `from`..`to` days back. */
static uint32_t naive_days(int domain, int64_t now, int from, int to) {
    uint32_t n = 0;
    for (int back = from; back <= to; back++) {
        bool found = false;
        for (uint32_t i = 0; i < n_past; i++) {
            bool mine = domain < 0 || past[i].domain == domain;
            found |= mine && past[i].ts_ms / DAY_MS == now / DAY_MS - back; /* after 1970 */
        }
        n += found;
    }
    return n;
}

static enum lifecycle naive_lifecycle(int64_t now) {
    int64_t first = INT64_MAX;
    for (uint32_t i = 0; i < n_past; i++) {
        first = past[i].ts_ms < first ? past[i].ts_ms : first;
    }
    if (n_past == 0 || now / DAY_MS - first / DAY_MS < 7) {
        return LIFECYCLE_NEW;
    }
    if (naive_days(-1, now, 0, 27) == 0) {
        return LIFECYCLE_DORMANT;
    }
    bool recent = naive_days(-1, now, 0, 6) > 0;
    bool before = naive_days(-1, now, 7, 27) > 0;
    return recent && !before ? LIFECYCLE_RESURRECTED : LIFECYCLE_RETURNING;
}

static void naive_features(int domain, int64_t now, double *x) {
    double rate = 0.0;
    double money = 0.0;
    int64_t last = INT64_MIN;
    for (uint32_t i = 0; i < n_past; i++) {
        if (past[i].domain == domain) {
            double w = exp2(-(double)(now - past[i].ts_ms) / (30.0 * (double)DAY_MS));
            rate += w;
            money += w * (double)past[i].amount;
            last = past[i].ts_ms > last ? past[i].ts_ms : last;
        }
    }
    x[0] = last == INT64_MIN ? 16.0 : log2(1.0 + (double)(now - last) / (double)HOUR_MS);
    x[1] = log(1.0 + rate);
    x[2] = log(1.0 + money);
    x[3] = naive_days(domain, now, 0, 6) / 7.0;
    x[4] = naive_days(domain, now, 0, 27) / 28.0;
}

static void check(const struct user *u, int64_t now) {
    float x[FEATURES_PER_DOMAIN * DOMAINS];
    features_of(u, DOMAINS, now, x);
    for (int d = 0; d < DOMAINS; d++) {
        double want[FEATURES_PER_DOMAIN];
        naive_features(d, now, want);
        for (int j = 0; j < FEATURES_PER_DOMAIN; j++) {
            assert_true(fabs((double)x[d * FEATURES_PER_DOMAIN + j] - want[j]) <
                        1e-5 * (1.0 + fabs(want[j])));
        }
    }
    assert_int_equal(features_lifecycle(u, DOMAINS, now), naive_lifecycle(now));
}

static void agrees_with_the_formulas_on_random_users(void **state) {
    (void)state;
    bool seen[4] = {false};
    for (uint64_t seed = 1; seed <= 60; seed++) {
        print_message("seed %u\n", (unsigned)seed);
        struct rng r = {seed};
        struct user *u = new_user();
        int64_t clock = START;
        uint32_t n = 1 + rng_below(&r, 60);
        for (uint32_t i = 0; i < n; i++) {
            double gap = rng_unit(&r) * (rng_below(&r, 6) == 0 ? 40.0 : 3.0);
            clock += (int64_t)(gap * (double)DAY_MS);
            int64_t late = rng_below(&r, 4) == 0 ? rng_below(&r, 5) * DAY_MS : 0;
            take(&u, (uint8_t)rng_below(&r, DOMAINS), clock - late, (float)rng_below(&r, 500));
            check(u, user_last_ms(u) + rng_below(&r, 40) * DAY_MS / 3);
            seen[features_lifecycle(u, DOMAINS, user_last_ms(u))] = true;
            seen[features_lifecycle(u, DOMAINS, user_last_ms(u) + 29 * DAY_MS)] = true;
        }
        user_free(u);
    }
    assert_true(seen[0] && seen[1] && seen[2] && seen[3]);
}

static void a_user_without_events_is_new_and_has_no_recency(void **state) {
    (void)state;
    struct user *u = new_user();
    float x[FEATURES_PER_DOMAIN * DOMAINS];
    features_of(u, DOMAINS, START, x);
    for (int i = 0; i < FEATURES_PER_DOMAIN * DOMAINS; i++) {
        assert_true(x[i] == (i % FEATURES_PER_DOMAIN == 0 ? 16.0F : 0.0F));
    }
    assert_int_equal(features_lifecycle(u, DOMAINS, START), LIFECYCLE_NEW);
    user_free(u);
}

static void the_lifecycle_turns_at_midnight(void **state) {
    (void)state;
    struct user *u = new_user();
    take(&u, 0, START - 1, 0.0F); /* the last millisecond of a day, day 0 */
    int64_t day0 = START - DAY_MS;
    assert_int_equal(features_lifecycle(u, DOMAINS, day0 + 7 * DAY_MS - 1), LIFECYCLE_NEW);
    assert_int_equal(features_lifecycle(u, DOMAINS, day0 + 7 * DAY_MS), LIFECYCLE_RETURNING);
    assert_int_equal(features_lifecycle(u, DOMAINS, day0 + 28 * DAY_MS - 1), LIFECYCLE_RETURNING);
    assert_int_equal(features_lifecycle(u, DOMAINS, day0 + 28 * DAY_MS), LIFECYCLE_DORMANT);
    take(&u, 1, day0 + 28 * DAY_MS, 0.0F); /* in another domain: 27 days before still count not */
    assert_int_equal(features_lifecycle(u, DOMAINS, day0 + 28 * DAY_MS), LIFECYCLE_RESURRECTED);
    assert_int_equal(features_lifecycle(u, DOMAINS, day0 + 35 * DAY_MS - 1), LIFECYCLE_RESURRECTED);
    assert_int_equal(features_lifecycle(u, DOMAINS, day0 + 35 * DAY_MS), LIFECYCLE_RETURNING);
    user_free(u);
}

static void every_value_is_finite_at_every_time(void **state) {
    (void)state;
    struct user *u = new_user();
    for (int i = 0; i < 300; i++) {
        take(&u, (uint8_t)(i % 2), START + i, 3e38F);
    }
    const int64_t times[] = {INT64_MIN, 0, START - DAY_MS, START, START + 500, INT64_MAX};
    for (size_t t = 0; t < sizeof times / sizeof *times; t++) {
        float x[FEATURES_PER_DOMAIN * DOMAINS];
        features_of(u, DOMAINS, times[t], x);
        for (int i = 0; i < FEATURES_PER_DOMAIN * DOMAINS; i++) {
            assert_true(isfinite(x[i]) && x[i] >= 0.0F);
        }
        (void)features_lifecycle(u, DOMAINS, times[t]);
    }
    user_free(u);
}

/* The weights written out: the mean of the first 30 days, then 1/30 for each new one. */
static void the_typical_vector_is_the_mean_of_days(void **state) {
    (void)state;
    enum { N = 200, DIMS = 4 };
    float x[N][DIMS];
    float m[DIMS] = {NAN, NAN, NAN, NAN}; /* nothing yet */
    struct rng r = {12};
    uint32_t days = 0;
    for (uint32_t i = 0; i < N; i++) {
        for (uint32_t d = 0; d < DIMS; d++) {
            x[i][d] = (float)(20.0 * rng_unit(&r) - 10.0);
        }
        days = features_typical(m, x[i], DIMS, days);
        assert_int_equal(days, i + 1 < 30 ? i + 1 : 30);
        for (uint32_t d = 0; d < DIMS; d++) {
            double want = 0.0;
            for (uint32_t j = 0; j <= i; j++) {
                double weight = j < 30 ? 1.0 / (i < 30 ? i + 1 : 30) : 1.0 / 30;
                weight *= pow(29.0 / 30.0, j < 30 ? (i < 30 ? 0 : i - 29) : i - j);
                want += weight * (double)x[j][d];
            }
            assert_true(fabs((double)m[d] - want) < 1e-4);
        }
    }
}

static void packed_features_are_within_half_a_unit_and_saturate(void **state) {
    (void)state;
    struct rng r = {13};
    for (int i = 0; i < 20000; i++) {
        const float x = (float)(63.9 * rng_unit(&r) - 31.95);
        assert_true(fabs((double)features_unpack(features_pack(x)) - (double)x) <=
                    0.5 / 1024 + 1e-6);
        assert_int_equal(features_pack(-x), -features_pack(x));
    }
    for (int v = -32767; v <= 32767; v++) {
        assert_int_equal(features_pack(features_unpack((int16_t)v)), v);
    }
    assert_int_equal(features_pack(32.0F), 32767);
    assert_int_equal(features_pack(3e38F), 32767);
    assert_int_equal(features_pack(-3e38F), -32767);
    assert_int_equal(features_pack(INFINITY), 32767);
}

/* ---- kept in the block ---- */

/* The mean of the days' first vectors, the weights written out. */
static double naive_typical(double x[][FEATURES_PER_DOMAIN * DOMAINS], uint32_t n, int d) {
    double m = 0.0;
    for (uint32_t j = 0; j < n; j++) {
        const uint32_t after = n - 1 - j;
        const double first = n < 30 ? 1.0 / n : pow(29.0 / 30.0, n - 30) / 30.0;
        m += x[j][d] * (j < 30 ? first : pow(29.0 / 30.0, after) / 30.0);
    }
    return m;
}

static void assert_typical(const struct user *u, double x[][FEATURES_PER_DOMAIN * DOMAINS],
                           uint32_t n, int64_t day) {
    float m[FEATURES_PER_DOMAIN * DOMAINS];
    int32_t last_day = -1;
    features_typical_of(u, DOMAINS, m);
    assert_int_equal(user_typical_days(u, &last_day), n < 30 ? n : 30);
    assert_int_equal(last_day, day);
    for (int d = 0; d < FEATURES_PER_DOMAIN * DOMAINS; d++) {
        /* half a unit is rounded off a day, of which much of 30 remain at most */
        assert_true(fabs((double)m[d] - naive_typical(x, n, d)) < 8.0 / 1024);
    }
}

static void the_typical_vector_is_kept_up_by_the_first_event_of_a_day(void **state) {
    (void)state;
    static double x[EVENTS_MAX][FEATURES_PER_DOMAIN * DOMAINS];
    uint32_t most = 0;
    print_message("seeds 1..12\n");
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct rng r = {seed};
        struct user *u = new_user();
        int64_t clock = START;
        int64_t day = INT64_MIN;
        uint32_t n = 0;
        for (uint32_t i = 0; i < 200; i++) {
            clock += (int64_t)(rng_unit(&r) * (double)DAY_MS * (i % 20 ? 1.0 : 25.0));
            const int64_t late = rng_below(&r, 4) == 0 ? rng_below(&r, 5) * DAY_MS / 2 : 0;
            take(&u, (uint8_t)rng_below(&r, DOMAINS), clock - late, (float)rng_below(&r, 500));
            const bool is_new = user_last_ms(u) / DAY_MS > day; /* after 1970 */
            if (is_new) {
                day = user_last_ms(u) / DAY_MS;
                for (int d = 0; d < DOMAINS; d++) {
                    naive_features(d, user_last_ms(u), x[n] + d * FEATURES_PER_DOMAIN);
                }
                n++;
            }
            assert_int_equal(features_keep_typical(u, DOMAINS), is_new);
            assert_typical(u, x, n, day);
            assert_false(features_keep_typical(u, DOMAINS));
        }
        most = n > most ? n : most;
        user_free(u);
    }
    assert_true(most > 90);
}

static void a_late_event_leaves_the_typical_vector(void **state) {
    (void)state;
    struct user *u = new_user();
    struct user *before = NULL;
    float m[FEATURES_PER_DOMAIN * DOMAINS];
    features_typical_of(u, DOMAINS, m);
    for (int d = 0; d < FEATURES_PER_DOMAIN * DOMAINS; d++) {
        assert_true(m[d] == 0.0F);
    }
    take(&u, 0, -START - 1, 5.0F); /* long before 1970: days are counted down there too */
    assert_true(features_keep_typical(u, DOMAINS));
    take(&u, 1, -START, 5.0F); /* a millisecond later it is another day */
    assert_true(features_keep_typical(u, DOMAINS));
    assert_int_equal(user_copy(u, &before), ST_OK);
    take(&u, 2, -START - 40 * DAY_MS, 5.0F);
    take(&u, 2, -START + DAY_MS - 1, 5.0F);
    assert_false(features_keep_typical(u, DOMAINS));
    for (uint8_t d = 0; d < DOMAINS; d++) {
        assert_memory_equal(user_typical(u, d), user_typical(before, d),
                            FEATURES_PER_DOMAIN * sizeof(int16_t));
    }
    take(&u, 2, -START + DAY_MS, 5.0F);
    assert_true(features_keep_typical(u, DOMAINS));
    user_free(before);
    user_free(u);
}

static void no_amount_is_too_large_for_the_typical_vector(void **state) {
    (void)state;
    struct user *u = new_user();
    float m[FEATURES_PER_DOMAIN * DOMAINS];
    for (int64_t k = 0; k < 70; k++) {
        take(&u, 1, START + k * DAY_MS, 3e38F);
        assert_true(features_keep_typical(u, DOMAINS));
        features_typical_of(u, DOMAINS, m);
        assert_true(m[FEATURES_PER_DOMAIN + 2] == 32767.0F / 1024.0F); /* ln of it is 88 */
        assert_true(m[0] == 16.0F && m[2] == 0.0F);
    }
    user_free(u);
}

static void lifecycles_have_names(void **state) {
    (void)state;
    assert_string_equal(lifecycle_str(LIFECYCLE_NEW), "new");
    assert_string_equal(lifecycle_str(LIFECYCLE_RETURNING), "returning");
    assert_string_equal(lifecycle_str(LIFECYCLE_RESURRECTED), "resurrected");
    assert_string_equal(lifecycle_str(LIFECYCLE_DORMANT), "dormant");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formulas_on_random_users),
        cmocka_unit_test(a_user_without_events_is_new_and_has_no_recency),
        cmocka_unit_test(the_lifecycle_turns_at_midnight),
        cmocka_unit_test(every_value_is_finite_at_every_time),
        cmocka_unit_test(the_typical_vector_is_the_mean_of_days),
        cmocka_unit_test(packed_features_are_within_half_a_unit_and_saturate),
        cmocka_unit_test(the_typical_vector_is_kept_up_by_the_first_event_of_a_day),
        cmocka_unit_test(a_late_event_leaves_the_typical_vector),
        cmocka_unit_test(no_amount_is_too_large_for_the_typical_vector),
        cmocka_unit_test(lifecycles_have_names),
    };
    return cmocka_run_group_tests_name("user_features", tests, NULL, NULL);
}
