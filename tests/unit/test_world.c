/* SPDX-License-Identifier: Apache-2.0
 *
 * test_world.c -- contract tests of models/world.h: its events as a sequence, its
 * users, items and names. What happens in it: test_world_choices.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "failing_alloc.h"
#include "world_run.h"

/* ---- world_new, world_free ------------------------------------------------ */

static void rejects_each_bad_parameter(void **state) {
    (void)state;
    struct world_params bad[11];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        bad[i] = PLAIN;
    }
    bad[0].users = 0;
    bad[1].items = 19;
    bad[2].rho = -0.01;
    bad[3].rho = 1.01;
    bad[4].rho = (double)NAN;
    bad[5].days = 0.0;
    bad[6].days = (double)NAN;
    bad[7].days = (double)INFINITY;
    bad[8].start_ms = INT64_MAX;
    bad[9].start_ms = INT64_MIN;
    bad[10].days = -1.0;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct world *w = NULL;
        assert_int_equal(world_new(&bad[i], &w), ST_INVALID);
        assert_null(w);
    }
}

static void free_accepts_null(void **state) {
    (void)state;
    world_free(NULL);
}

static void each_allocation_that_fails_is_reported(void **state) {
    (void)state;
    if (!CAN_FAIL) {
        skip();
    }
    const struct world_params small = {.users = 5, .items = 20, .rho = 0.5, .days = 10.0};
    struct world *w = NULL;
    int n = 0;
    for (enum status st = ST_NOMEM; st != ST_OK; n++) {
        fail_after(n);
        st = world_new(&small, &w);
        fail_after(-1);
        if (st) {
            assert_int_equal(st, ST_NOMEM);
            assert_null(w);
        }
    }
    assert_true(n > 20);
    world_free(w);
}

/* ---- world_next, world_n_events -------------------------------------------- */

static void the_number_of_events_is_exact(void **state) {
    (void)state;
    const double days[] = {0.001, 0.9, 1.0, 33.3, 180.0};
    for (uint32_t seed = 1; seed <= 40; seed++) {
        struct world_params p = {.users = 1U + seed * 7U % 90U,
                                 .items = 20U + seed % 4U * 40U,
                                 .rho = 0.5,
                                 .days = days[seed % 5],
                                 .start_ms = -5000,
                                 .lively = seed % 2 == 0,
                                 .seed = seed};
        struct run r = run_of(p);
        if (r.n != world_n_events(r.world)) {
            fail_msg("seed %u: %zu events", (unsigned)seed, r.n);
        }
        struct world_event e;
        assert_false(world_next(r.world, &e)); /* the end is for good */
        run_free(&r);
    }
}

static void events_come_in_order_of_time_then_user_and_inside_the_days(void **state) {
    const struct run *r = *state;
    for (size_t i = 0; i < r->n; i++) {
        const struct world_event *e = &r->events[i];
        assert_true(e->ts_ms >= START && e->ts_ms < START + 180 * DAY_MS);
        assert_true(e->user < r->params.users);
        if (i > 0) {
            assert_true(e[-1].ts_ms < e->ts_ms ||
                        (e[-1].ts_ms == e->ts_ms && e[-1].user < e->user));
        }
    }
}

static void the_same_parameters_give_the_same_bytes_and_another_seed_does_not(void **state) {
    const struct run *r = *state;
    struct run same = run_of(r->params);
    struct world_params p = r->params;
    p.seed++;
    struct run other = run_of(p);
    assert_int_equal(same.n, r->n);
    assert_memory_equal(same.events, r->events, r->n * sizeof *r->events);
    size_t shorter = other.n < r->n ? other.n : r->n;
    assert_memory_not_equal(other.events, r->events, shorter * sizeof *r->events);
    assert_string_equal(world_item_name(same.world, FOOD, 7), world_item_name(r->world, FOOD, 7));
    run_free(&same);
    run_free(&other);
}

static void events_at_one_time_are_in_order_of_user(void **state) {
    (void)state;
    struct world_params p = {.users = 200000, .items = 20, .days = 1.0, .seed = 4};
    struct world *w = NULL;
    assert_int_equal(world_new(&p, &w), ST_OK);
    struct world_event before = {.ts_ms = -1};
    struct world_event e;
    int ties = 0;
    while (world_next(w, &e)) {
        assert_true(before.ts_ms <= e.ts_ms);
        if (before.ts_ms == e.ts_ms) {
            assert_true(before.user < e.user);
            ties++;
        }
        before = e;
    }
    assert_true(ties > 0); /* about ten are expected */
    world_free(w);
}

/* Few items: users run out of them, and the world goes on. */
static void eager_users_never_take_a_course_twice_even_if_items_run_out(void **state) {
    (void)state;
    struct world_params p = PLAIN;
    p.items = 20;
    struct run r = run_of(p);
    uint8_t *taken = calloc((size_t)p.users * 2 * p.items, 1);
    assert_non_null(taken);
    size_t most = 0;
    for (size_t i = 0; i < r.n; i++) {
        const struct world_event *e = &r.events[i];
        uint8_t *mine = taken + ((size_t)e->user * 2 + e->domain) * p.items;
        assert_int_equal(mine[e->item[0]]++, 0);
        size_t n = 0;
        for (uint32_t k = 0; k < p.items; k++) {
            n += mine[k];
        }
        most = n > most ? n : most;
    }
    assert_int_equal(most, p.items); /* the case was there */
    free(taken);
    run_free(&r);
}

/* ---- tastes and items ------------------------------------------------------ */

static void tastes_are_standard_normal_with_correlation_rho(void **state) {
    (void)state;
    const double rhos[] = {0.0, 0.4, 0.8, 1.0};
    for (size_t c = 0; c < 4; c++) {
        struct world_params p = {
            .users = 5000, .items = 20, .rho = rhos[c], .days = 0.01, .seed = 3};
        struct world *w = NULL;
        assert_int_equal(world_new(&p, &w), ST_OK);
        double aa = 0.0;
        double bb = 0.0;
        double ab = 0.0;
        double cross = 0.0;
        double sum = 0.0;
        double fourth = 0.0;
        for (uint32_t u = 0; u < p.users; u++) {
            const double *a = world_user_taste(w, COURSE, u);
            const double *b = world_user_taste(w, FOOD, u);
            for (int k = 0; k < K; k++) {
                sum += a[k] + b[k];
                aa += a[k] * a[k];
                bb += b[k] * b[k];
                ab += a[k] * b[k];
                fourth += pow(b[k], 4.0);
                cross += a[k] * a[(k + 1) % K];
            }
        }
        const double n = (double)p.users * K; /* 30,000: one sigma of a mean is .0058 */
        assert_near("mean", sum / n / 2.0, 0.0, 0.02);
        assert_near("variance of course tastes", aa / n, 1.0, 0.03);
        assert_near("variance of food tastes", bb / n, 1.0, 0.03);
        assert_near("fourth moment", fourth / n, 3.0, 0.25);
        assert_near("correlation", ab / sqrt(aa * bb), rhos[c], 0.02);
        assert_near("correlation of two tastes", cross / aa, 0.0, 0.025);
        world_free(w);
    }
}

static void directions_are_uniform_on_the_sphere_and_births_as_published(void **state) {
    (void)state;
    const uint32_t n = 4000;
    struct world_params p = {.users = 1, .items = n, .days = 100.0, .start_ms = START, .seed = 5};
    struct world *w = NULL;
    assert_int_equal(world_new(&p, &w), ST_OK);
    for (uint8_t g = 0; g < 2; g++) {
        double at_start = 0.0;
        double early = 0.0;
        double mean[K] = {0.0};
        double square[K] = {0.0};
        for (uint32_t i = 0; i < n; i++) {
            const double *y = world_item_direction(w, g, i);
            double norm = 0.0;
            for (int k = 0; k < K; k++) {
                norm += y[k] * y[k];
                mean[k] += y[k] / n;
                square[k] += y[k] * y[k] / n;
            }
            assert_near("norm", norm, 1.0, 1e-12);
            int64_t birth = world_item_birth_ms(w, g, i) - START;
            assert_true(birth >= 0 && birth < 100 * DAY_MS);
            at_start += birth == 0;
            early += birth > 0 && birth < 25 * DAY_MS;
        }
        assert_near("share born at the start", at_start / n, 0.65, 0.025);
        assert_near("share of the others born early", early / (n - at_start), 0.25, 0.04);
        for (int k = 0; k < K; k++) {
            assert_near("mean of a direction", mean[k], 0.0, 0.025);
            assert_near("square of a direction", square[k], 1.0 / K, 0.01);
        }
    }
    world_free(w);
}

static double fresh(const struct world *w, uint8_t g, uint32_t i, int64_t ts) {
    double age = (double)(ts - world_item_birth_ms(w, g, i)) / (double)DAY_MS;
    return 1.5 * exp2(-age / 4.0);
}

/* Within a day only freshness and, for food, the hour move the attraction. */
static void attraction_within_a_day_is_freshness_and_a_daily_cosine(void **state) {
    const struct run *r = *state;
    double angle[4] = {0.0};
    for (uint32_t i = 0; i < r->params.items; i++) {
        double x[2][3];
        for (uint8_t g = 0; g < 2; g++) {
            for (int h = 0; h < 3; h++) {
                int64_t ts = START + 179 * DAY_MS + h * 6 * HOUR_MS;
                x[g][h] = world_attraction(r->world, g, i, ts) - fresh(r->world, g, i, ts);
            }
        }
        assert_near("course at 6 h", x[COURSE][1], x[COURSE][0], 1e-9);
        assert_near("course at 12 h", x[COURSE][2], x[COURSE][0], 1e-9);
        double even = (x[FOOD][0] - x[FOOD][2]) / 2.0;
        double odd = x[FOOD][1] - (x[FOOD][0] + x[FOOD][2]) / 2.0;
        assert_near("amplitude of food", hypot(even, odd), 0.4, 1e-9);
        angle[(even > 0.0) + 2 * (odd > 0.0)] += 1.0;
    }
    for (int q = 0; q < 4; q++) { /* theta is uniform: 25 expected, sigma 4.3 */
        assert_near("items with theta in a quarter", angle[q], 25.0, 17.0);
    }
}

/* E (x(t+k) - x(t))^2 = 2 .49 (1 - 2^(-k/7)) for the AR(1) of world.h. */
static void drift_is_autoregressive_with_half_life_7_days_and_sd_07(void **state) {
    (void)state;
    struct world_params p = {
        .users = 1, .items = 2000, .days = 100.0, .start_ms = START, .seed = 6};
    struct world *w = NULL;
    assert_int_equal(world_new(&p, &w), ST_OK);
    const int lags[] = {1, 7, 28};
    for (uint8_t g = 0; g < 2; g++) {
        double sum = 0.0;
        double squares = 0.0;
        double diff[3] = {0.0};
        for (uint32_t i = 0; i < p.items; i++) {
            double x[100];
            for (int day = 0; day < 100; day++) {
                int64_t ts = START + day * DAY_MS + 3 * HOUR_MS;
                x[day] = world_attraction(w, g, i, ts) - fresh(w, g, i, ts);
            }
            sum += x[0];
            squares += x[0] * x[0];
            for (int l = 0; l < 3; l++) {
                for (int day = 0; day < 60; day++) {
                    diff[l] += pow(x[day + lags[l]] - x[day], 2.0) / 60.0 / p.items;
                }
            }
        }
        for (int l = 0; l < 3; l++) {
            double expected = 0.98 * (1.0 - exp2(-lags[l] / 7.0));
            assert_near("drift", diff[l], expected, 0.05 * expected);
        }
        assert_near("mean attraction", sum / p.items, 0.0, 0.12);
        assert_near("variance of b + D", squares / p.items, g == COURSE ? 1.49 : 1.57, 0.19);
    }
    world_free(w);
}

/* ---- names ----------------------------------------------------------------- */

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void names_are_unique_however_many_items(void **state) {
    (void)state;
    const uint32_t sizes[] = {20, 600, 10000, 60000};
    for (size_t s = 0; s < 4; s++) {
        struct world_params p = {.users = 1, .items = sizes[s], .days = 1.0, .seed = s};
        struct world *w = NULL;
        assert_int_equal(world_new(&p, &w), ST_OK);
        const size_t n = (size_t)2 * sizes[s]; /* of both domains */
        const char **names = calloc(n, sizeof *names);
        assert_non_null(names);
        for (size_t i = 0; i < n; i++) {
            names[i] = world_item_name(w, i % 2, (uint32_t)(i / 2));
            assert_in_range(strlen(names[i]), 3, 70);
            assert_null(strstr(names[i], "  "));
        }
        qsort(names, n, sizeof *names, by_text);
        for (size_t i = 1; i < n; i++) {
            assert_string_not_equal(names[i - 1], names[i]);
        }
        free(names);
        world_free(w);
    }
}

static void ids_are_a_letter_and_the_number(void **state) {
    const struct run *r = *state;
    assert_string_equal(world_item_id(r->world, COURSE, 17), "c17");
    assert_string_equal(world_item_id(r->world, FOOD, 0), "f0");
    assert_string_equal(world_item_id(r->world, FOOD, 99), "f99");
}

/* Twelve a domain: one for each taste and sign. */
static void a_category_is_the_largest_taste_and_its_sign(void **state) {
    (void)state;
    struct world_params p = {.users = 1, .items = 3000, .days = 1.0, .seed = 9};
    struct world *w = NULL;
    assert_int_equal(world_new(&p, &w), ST_OK);
    const char *seen[2][2 * K] = {{NULL}};
    for (uint32_t i = 0; i < 2 * p.items; i++) {
        uint8_t g = i % 2;
        const double *y = world_item_direction(w, g, i / 2);
        int best = 0;
        for (int k = 1; k < K; k++) {
            best = fabs(y[k]) > fabs(y[best]) ? k : best;
        }
        const char **expected = &seen[g][2 * best + (y[best] < 0.0)];
        const char *category = world_item_category(w, g, i / 2);
        *expected = *expected ? *expected : category;
        assert_string_equal(category, *expected);
    }
    for (int a = 0; a < 4 * K; a++) {
        for (int b = 0; b < a; b++) {
            assert_string_not_equal(seen[a / (2 * K)][a % (2 * K)], seen[b / (2 * K)][b % (2 * K)]);
        }
    }
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rejects_each_bad_parameter),
        cmocka_unit_test(free_accepts_null),
        cmocka_unit_test(each_allocation_that_fails_is_reported),
        cmocka_unit_test(the_number_of_events_is_exact),
        ON_PLAIN(events_come_in_order_of_time_then_user_and_inside_the_days),
        ON_LIVELY(events_come_in_order_of_time_then_user_and_inside_the_days),
        ON_PLAIN(the_same_parameters_give_the_same_bytes_and_another_seed_does_not),
        ON_LIVELY(the_same_parameters_give_the_same_bytes_and_another_seed_does_not),
        cmocka_unit_test(events_at_one_time_are_in_order_of_user),
        cmocka_unit_test(eager_users_never_take_a_course_twice_even_if_items_run_out),
        cmocka_unit_test(tastes_are_standard_normal_with_correlation_rho),
        cmocka_unit_test(directions_are_uniform_on_the_sphere_and_births_as_published),
        ON_PLAIN(attraction_within_a_day_is_freshness_and_a_daily_cosine),
        cmocka_unit_test(drift_is_autoregressive_with_half_life_7_days_and_sd_07),
        cmocka_unit_test(names_are_unique_however_many_items),
        ON_PLAIN(ids_are_a_letter_and_the_number),
        cmocka_unit_test(a_category_is_the_largest_taste_and_its_sign),
    };
    return cmocka_run_group_tests(tests, make_runs, free_runs);
}
