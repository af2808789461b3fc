/* SPDX-License-Identifier: Apache-2.0
 *
 * test_engagement.c -- contract tests of models/engagement.h: everything counted again from
 * lists of events, over simulated years.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "engagement.h"
#include "mix.h"

#define DAY_MS INT64_C(86400000)
#define START  (INT64_C(20000) * DAY_MS) /* a midnight, UTC */

enum { DOMAINS = 3, EVENTS = 400, USERS = 400 };

struct past_event {
    int64_t ts_ms;
    uint32_t who;
    float weight;
    uint8_t domain;
};

static struct past_event past[EVENTS];

static void close_to(double got, double want, double tolerance) {
    if (!(fabs(got - want) <= tolerance)) {
        fail_msg("got %.12g, want %.12g", got, want);
    }
}

/* Was there an event of the domain `back` days before the day of now? */
static bool active(uint32_t n, uint32_t domain, int64_t now, int back) {
    for (uint32_t i = 0; i < n; i++) {
        if (past[i].domain == domain && past[i].ts_ms / DAY_MS == now / DAY_MS - back) {
            return true;
        }
    }
    return false;
}

static struct user *user_with(struct rng *r, uint32_t n) {
    struct user *u = NULL;
    int64_t clock = START;
    assert_int_equal(user_new(DOMAINS, "u", 1, &u), ST_OK);
    const double step = 8.0 * rng_unit(r);
    for (uint32_t i = 0; i < n; i++) {
        clock += (int64_t)(rng_unit(r) * step * (double)DAY_MS);
        past[i] = (struct past_event){
            .ts_ms = clock - (rng_below(r, 5) == 0 ? rng_below(r, 4) * DAY_MS : 0),
            .domain = (uint8_t)rng_below(r, 1 + i % DOMAINS)};
        struct user_line line = {.item = 1, .ts_ms = past[i].ts_ms, .domain = past[i].domain};
        assert_int_equal(user_take(&u, &line), ST_OK);
    }
    return u;
}

static void days_overlap_and_stickiness_are_those_of_the_events(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct rng r = {seed};
        const uint32_t n = rng_below(&r, 60);
        struct user *u = user_with(&r, n);
        const int64_t now = (n ? user_last_ms(u) : START) + rng_below(&r, 40) * DAY_MS / 2;
        uint32_t any = 0;
        uint32_t both[DOMAINS][DOMAINS] = {{0}};
        for (int back = 0; back < 28; back++) {
            bool day[DOMAINS];
            for (uint32_t d = 0; d < DOMAINS; d++) {
                day[d] = active(n, d, now, back);
                assert_int_equal(engagement_days(u, (uint8_t)d, now) >> back & 1U, day[d]);
            }
            any += day[0] || day[1] || day[2];
            for (uint32_t pair = 0; pair < DOMAINS * DOMAINS; pair++) {
                both[pair / DOMAINS][pair % DOMAINS] += day[pair / DOMAINS] && day[pair % DOMAINS];
            }
        }
        close_to((double)engagement_stickiness(engagement_days_any(u, DOMAINS, now)), any / 28.0,
                 1e-7);
        for (uint8_t a = 0; a < DOMAINS; a++) {
            for (uint8_t b = 0; b < DOMAINS; b++) {
                assert_int_equal(
                    engagement_overlap(engagement_days(u, a, now), engagement_days(u, b, now)),
                    both[a][b]);
            }
        }
        user_free(u);
    }
}

static void days_before_the_last_28_do_not_count(void **state) {
    (void)state;
    assert_true(engagement_stickiness(0xF0000000U) == 0.0F);
    assert_true(engagement_stickiness(UINT32_MAX) == 1.0F);
    assert_int_equal(engagement_overlap(UINT32_MAX, 0xF8000001U), 2);
    struct engagement_board b = {.users = 0};
    const uint32_t days[2] = {0xF0000000U, 0};
    engagement_count(&b, days, 2);
    assert_int_equal(b.users, 1);
    assert_int_equal(b.mau_any, 0);
    assert_int_equal(b.mau[0][0], 0);
}

/* A board of many users against a count a domain, a pair and a day. */
static void a_board_counts_users_of_today_and_of_the_month(void **state) {
    (void)state;
    struct engagement_board halves[2] = {{.users = 0}, {.users = 0}};
    uint32_t dau[DOMAINS][DOMAINS] = {{0}};
    uint32_t mau[DOMAINS][DOMAINS] = {{0}};
    uint32_t dau_any = 0;
    uint32_t mau_any = 0;
    const int64_t now = START + 20 * DAY_MS + DAY_MS / 3;
    struct rng r = {7};
    for (uint32_t i = 0; i < USERS; i++) {
        const uint32_t n = rng_below(&r, 30);
        struct user *u = user_with(&r, n);
        uint32_t days[DOMAINS];
        bool today[DOMAINS];
        bool month[DOMAINS] = {false};
        for (uint8_t d = 0; d < DOMAINS; d++) {
            const bool remembered =
                n == 0 || user_last_ms_of(u, d) / DAY_MS - now / DAY_MS < 4; /* bitmap: 32 days */
            days[d] = remembered ? engagement_days(u, d, now) : 0;
            today[d] = remembered && active(n, d, now, 0);
            for (int back = 0; back < 28 && remembered; back++) {
                month[d] |= active(n, d, now, back);
            }
        }
        for (uint32_t pair = 0; pair < DOMAINS * DOMAINS; pair++) {
            const uint32_t a = pair / DOMAINS;
            const uint32_t b = pair % DOMAINS;
            dau[a][b] += today[a] && today[b];
            mau[a][b] += month[a] && month[b];
        }
        dau_any += today[0] || today[1] || today[2];
        mau_any += month[0] || month[1] || month[2];
        engagement_count(&halves[i % 2], days, DOMAINS);
        user_free(u);
    }
    engagement_merge(&halves[0], &halves[1]);
    assert_int_equal(halves[0].users, USERS);
    assert_int_equal(halves[0].dau_any, dau_any);
    assert_int_equal(halves[0].mau_any, mau_any);
    assert_true(dau_any > 0 && mau_any > dau_any && mau_any < USERS);
    for (uint32_t a = 0; a < DOMAINS; a++) {
        for (uint32_t b = 0; b < DOMAINS; b++) {
            assert_int_equal(halves[0].dau[a][b], dau[a][b]);
            assert_int_equal(halves[0].mau[a][b], mau[a][b]);
        }
    }
    close_to((double)engagement_ratio(dau_any, mau_any), (double)dau_any / mau_any, 1e-6);
    assert_true(engagement_ratio(0, 0) == 0.0F);
}

static void interests_of_a_domain_sum_to_one_and_begin_with_everybody_s(void **state) {
    (void)state;
    const float shares[4] = {0.5F, 0.3F, 0.15F, 0.05F};
    const float v[4] = {0.0F, 2.5F, 12.0F, 1.0F};
    double sum = 0.0;
    for (int c = 0; c < 4; c++) {
        sum += (double)engagement_interest(v[c], 15.5F, shares[c]);
        close_to((double)engagement_interest(0.0F, 0.0F, shares[c]), (double)shares[c], 1e-7);
    }
    close_to(sum, 1.0, 1e-6);
    close_to((double)engagement_interest(12.0F, 15.5F, 0.15F), 13.5 / 25.5, 1e-6);
}

/* ---- social ------------------------------------------------------------------------- */

static double naive_social(uint32_t n, int64_t now) {
    double sum = 0.0;
    for (uint32_t i = 0; i < n; i++) {
        bool first = true;
        for (uint32_t j = 0; j < i; j++) {
            first = first && past[j].who != past[i].who;
        }
        double s = 0.0;
        for (uint32_t j = i; j < n && first; j++) {
            const double age = (double)(now - past[j].ts_ms) / (double)DAY_MS;
            s += past[j].who == past[i].who ? (double)past[j].weight * exp2(-age / 30.0) : 0.0;
        }
        sum += s < 1.0 ? s : 1.0;
    }
    return sum;
}

static void social_interaction_is_the_formula_over_years_and_late_events(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct rng r = {seed};
        struct engagement_social s = {.last_ms = 0};
        int64_t clock = START;
        int64_t newest = INT64_MIN;
        const double step = 6.0 * rng_unit(&r);
        const uint32_t friends = 1 + rng_below(&r, SOCIAL_MAX);
        for (uint32_t i = 0; i < EVENTS; i++) {
            clock += (int64_t)(rng_unit(&r) * step * (double)DAY_MS);
            past[i] = (struct past_event){.ts_ms = clock - rng_below(&r, 3) * DAY_MS,
                                          .who = rng_below(&r, friends),
                                          .weight = 0.25F * (float)rng_below(&r, 3)};
            newest = past[i].weight > 0.0F && past[i].ts_ms > newest ? past[i].ts_ms : newest;
            engagement_social_take(&s, past[i].who, past[i].weight, past[i].ts_ms);
            if (i % 20 == 19 && newest > INT64_MIN) {
                const int64_t now = newest + rng_below(&r, 50) * DAY_MS;
                const double want = naive_social(i + 1, now);
                close_to((double)engagement_social(&s, now), want, 1e-4 * (1.0 + want));
            }
        }
    }
}

static void each_counterpart_counts_once_at_most_and_the_weakest_gives_way(void **state) {
    (void)state;
    struct engagement_social s = {.last_ms = 0};
    assert_true(engagement_social(&s, START) == 0.0F);
    for (int i = 0; i < 100; i++) {
        engagement_social_take(&s, 5, 0.5F, START);
    }
    close_to((double)engagement_social(&s, START), 1.0, 0.0);
    engagement_social_take(&s, 6, 0.5F, START);
    close_to((double)engagement_social(&s, START), 1.5, 1e-6);
    close_to((double)engagement_social(&s, START - DAY_MS), 1.5, 1e-6);
    close_to((double)engagement_social(&s, START + 30 * DAY_MS), 1.25, 1e-6);
    engagement_social_take(&s, 99, 0.25F, START);
    for (uint32_t who = 7; who < 7 + SOCIAL_MAX - 3; who++) {
        engagement_social_take(&s, who, 1.0F, START);
    }
    const double full = 1.75 + SOCIAL_MAX - 3;
    close_to((double)engagement_social(&s, START), full, 1e-5);
    engagement_social_take(&s, 1000, 1.0F, START); /* in the place of 99 */
    close_to((double)engagement_social(&s, START), full + 0.75, 1e-5);
    engagement_social_take(&s, 0, 0.0F, START + 400 * DAY_MS); /* nothing happened */
    close_to((double)engagement_social(&s, START), full + 0.75, 1e-5);
}

static void actions_between_people_have_weights(void **state) {
    (void)state;
    for (int a = 0; a < ACTIONS; a++) {
        const double want = a == ACTION_COMMENT || a == ACTION_SHARE ? 0.5
                            : a == ACTION_LIKE || a == ACTION_RATE   ? 0.25
                                                                     : 0.0;
        close_to((double)engagement_social_weight((enum action)a), want, 0.0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_overlap_and_stickiness_are_those_of_the_events),
        cmocka_unit_test(days_before_the_last_28_do_not_count),
        cmocka_unit_test(a_board_counts_users_of_today_and_of_the_month),
        cmocka_unit_test(interests_of_a_domain_sum_to_one_and_begin_with_everybody_s),
        cmocka_unit_test(social_interaction_is_the_formula_over_years_and_late_events),
        cmocka_unit_test(each_counterpart_counts_once_at_most_and_the_weakest_gives_way),
        cmocka_unit_test(actions_between_people_have_weights),
    };
    return cmocka_run_group_tests_name("engagement", tests, NULL, NULL);
}
