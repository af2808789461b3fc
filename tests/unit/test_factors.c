/* SPDX-License-Identifier: Apache-2.0
 *
 * test_factors.c -- contract tests of models/factors.h, in the order of that header. The truth is
 * dense normal equations in double, solved by Gauss elimination here.
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
#include <sys/resource.h>
#include <unistd.h>

#include "factors.h"
#include "fixed.h"
#include "mix.h"

enum { D = FACTORS, ITEMS = 600, GROUPS = 4 };

/* The sanitizers' allocators abort where the C library's returns NULL. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { ALLOCATION_CAN_FAIL = 0 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
enum { ALLOCATION_CAN_FAIL = 0 };
#else
enum { ALLOCATION_CAN_FAIL = 1 };
#endif
#else
enum { ALLOCATION_CAN_FAIL = 1 };
#endif

static uint64_t hashes[ITEMS];

/* ---- truth and helpers ---------------------------------------------------- */

/* a x = x, a destroyed. */
static void gauss(double a[D][D], double x[D]) {
    for (size_t k = 0; k < D; k++) {
        size_t best = k;
        for (size_t r = k + 1; r < D; r++) {
            best = fabs(a[r][k]) > fabs(a[best][k]) ? r : best;
        }
        for (size_t c = 0; c < D; c++) {
            const double t = a[k][c];
            a[k][c] = a[best][c];
            a[best][c] = t;
        }
        const double t = x[k];
        x[k] = x[best];
        x[best] = t;
        for (size_t r = k + 1; r < D; r++) {
            const double m = a[r][k] / a[k][k];
            for (size_t c = k; c < D; c++) {
                a[r][c] -= m * a[k][c];
            }
            x[r] -= m * x[k];
        }
    }
    for (size_t k = D; k-- > 0;) {
        for (size_t c = k + 1; c < D; c++) {
            x[k] -= a[k][c] * x[c];
        }
        x[k] /= a[k][k];
    }
}

static void add_outer(double a[D][D], double w, const float *q) {
    for (size_t r = 0; r < D; r++) {
        for (size_t c = 0; c < D; c++) {
            a[r][c] += w * (double)q[r] * (double)q[c];
        }
    }
}

static const float *q_of(const struct factors *f, uint32_t i) {
    return factors_q(f) + (size_t)i * D;
}

/* p of the header's first equation; the Gram matrix anew from all rows. */
static void dense_fold_in(const struct factors *f, uint32_t n_items, const uint32_t *items,
                          uint32_t n, double p[D]) {
    double a[D][D] = {{0}};
    for (uint32_t i = 0; i < n_items; i++) {
        add_outer(a, .05, q_of(f, i));
    }
    memset(p, 0, D * sizeof *p);
    for (uint32_t r = 0; r < n; r++) {
        const double w = pow(.85, r);
        add_outer(a, w, q_of(f, items[r]));
        for (size_t k = 0; k < D; k++) {
            p[k] += w * (double)q_of(f, items[r])[k];
        }
    }
    for (size_t k = 0; k < D; k++) {
        a[k][k] += 2.0;
    }
    gauss(a, p);
    double norm = 0.0;
    for (size_t k = 0; k < D; k++) {
        norm += p[k] * p[k];
    }
    for (size_t k = 0; k < D; k++) {
        p[k] /= sqrt(norm);
    }
}

/* q_i of the header's second equation, from public statistics. */
static void dense_item(const struct factors *f, uint32_t i, double n_users, double q[D]) {
    double a[D][D];
    const double c = .05 * n_users + fixed_to(factors_count(f, i));
    for (size_t r = 0; r < D; r++) {
        for (size_t k = 0; k < D; k++) {
            a[r][k] = c * (double)factors_s(f)[r * D + k] + (r == k ? 10.0 : 0.0);
        }
        q[r] = (double)factors_b(f, i)[r] / 1048576.0;
    }
    gauss(a, q);
}

static double distance(const float *x, const double *y) {
    double sum = 0.0;
    for (size_t k = 0; k < D; k++) {
        sum += ((double)x[k] - y[k]) * ((double)x[k] - y[k]);
    }
    return sqrt(sum);
}

static double norm_of(const double *x) {
    double sum = 0.0;
    for (size_t k = 0; k < D; k++) {
        sum += x[k] * x[k];
    }
    return sqrt(sum);
}

static double dot(const float *x, const float *y) {
    double sum = 0.0;
    for (size_t k = 0; k < D; k++) {
        sum += (double)x[k] * (double)y[k];
    }
    return sum;
}

static double cosine(const float *x, const float *y) {
    return dot(x, y) / sqrt(dot(x, x) * dot(y, y));
}

/* A random unit vector, rounded; its first coordinates are the larger, so that S has a shape. */
static void random_context(struct rng *rng, int32_t p[D]) {
    float x[D];
    double sum = 0.0;
    for (size_t k = 0; k < D; k++) {
        x[k] = (float)((rng_unit(rng) - .4) / (1.0 + .3 * (double)k));
        sum += (double)x[k] * (double)x[k];
    }
    for (size_t k = 0; k < D; k++) {
        x[k] = (float)((double)x[k] / sqrt(sum));
    }
    factors_round(x, p);
}

/* `n_events` random events in mini-batches of 100; users are new with each third event. */
static double learn_random(struct factors *f, uint32_t n_items, uint32_t n_events, uint64_t seed) {
    struct rng rng = {seed};
    struct factors_sum sum = {.n = 0};
    double n_users = 0.0;
    for (uint32_t e = 0; e < n_events; e++) {
        int32_t p[D];
        random_context(&rng, p);
        factors_item_add(f, rng_below(&rng, n_items), p, FIXED_ONE);
        factors_sum_add(&sum, p, FIXED_ONE, e % 3 == 0);
        n_users += e % 3 == 0;
        if (sum.n == 100 * FIXED_ONE || e + 1 == n_events) {
            factors_apply(f, &sum);
            memset(&sum, 0, sizeof sum);
        }
    }
    return n_users;
}

static struct factors *make(uint64_t seed, uint32_t n_items) {
    struct factors *f = NULL;
    assert_int_equal(factors_new(seed, &f), ST_OK);
    assert_int_equal(factors_reserve(f, n_items, hashes), ST_OK);
    return f;
}

static void assert_finite(const float *x, size_t n) {
    for (size_t k = 0; k < n; k++) {
        assert_true(isfinite(x[k]));
    }
}

static void assert_fold_in_is_dense(const struct factors *f, uint32_t n_items, uint64_t seed) {
    struct rng rng = {seed};
    for (uint32_t n = 1; n <= FACTORS_HISTORY; n++) {
        uint32_t items[FACTORS_HISTORY];
        for (uint32_t r = 0; r < n; r++) {
            items[r] = rng_below(&rng, n_items); /* an item may come twice */
        }
        float p[D];
        double truth[D];
        assert_true(factors_fold_in(f, items, n, p));
        dense_fold_in(f, n_items, items, n, truth);
        assert_true(distance(p, truth) < 1e-5);
        assert_true(fabs(dot(p, p) - 1.0) < 1e-6);
    }
}

/* ---- factors_new, factors_free -------------------------------------------- */

static void a_new_model_has_no_rows_and_free_accepts_null(void **state) {
    (void)state;
    struct factors *f = NULL;
    assert_int_equal(factors_new(1, &f), ST_OK);
    float p[D] = {7.0F};
    assert_false(factors_fold_in(f, NULL, 0, p));
    factors_solve_all(f, NULL, 0); /* of nothing */
    factors_free(f);
    factors_free(NULL);
}

/* ---- factors_reserve ------------------------------------------------------ */

/* Moments of .1 N(0,1) over 19,200 draws, each within 5 standard errors. */
static void initial_rows_are_normal_with_sd_a_tenth(void **state) {
    (void)state;
    struct factors *f = make(42, ITEMS);
    const size_t n = (size_t)ITEMS * D;
    double m[5] = {0};
    double neighbours = 0.0;
    for (size_t j = 0; j < n; j++) {
        const double z = 10.0 * (double)factors_q(f)[j];
        for (int k = 1; k <= 4; k++) {
            m[k] += pow(z, k) / (double)n;
        }
        neighbours += z * 10.0 * (double)factors_q(f)[j ^ 1U] / (double)n;
    }
    const double se = 5.0 / sqrt((double)n);
    assert_true(fabs(m[1]) < se);
    assert_true(fabs(m[2] - 1.0) < se * sqrt(2.0));
    assert_true(fabs(m[3]) < se * sqrt(15.0));
    assert_true(fabs(m[4] - 3.0) < se * sqrt(96.0));
    assert_true(fabs(neighbours) < se * sqrt(2.0)); /* sine and cosine: uncorrelated */
    factors_free(f);
}

static void initial_rows_do_not_depend_on_the_order_of_arrival(void **state) {
    (void)state;
    struct factors *at_once = make(42, ITEMS);
    struct factors *other_seed = make(43, ITEMS);
    struct factors *backwards = NULL;
    uint64_t reversed[ITEMS];
    assert_int_equal(factors_new(42, &backwards), ST_OK);
    for (uint32_t i = 0; i < ITEMS; i++) {
        reversed[i] = hashes[ITEMS - 1 - i];
        assert_int_equal(factors_reserve(backwards, i + 1, reversed), ST_OK);
    }
    for (uint32_t i = 0; i < ITEMS; i++) {
        const float *q = q_of(at_once, i);
        assert_memory_equal(q, q_of(backwards, ITEMS - 1 - i), D * sizeof *q);
        assert_memory_not_equal(q, q_of(other_seed, i), D * sizeof *q);
        assert_memory_not_equal(q, q_of(at_once, (i + 1) % ITEMS), D * sizeof *q);
    }
    factors_free(at_once);
    factors_free(other_seed);
    factors_free(backwards);
}

static void growing_keeps_rows_that_exist(void **state) {
    (void)state;
    struct factors *f = make(1, 60);
    learn_random(f, 60, 500, 9);
    float q[60 * D];
    int64_t b[60 * D];
    memcpy(q, factors_q(f), sizeof q);
    memcpy(b, factors_b(f, 0), sizeof b);
    const int64_t n = factors_count(f, 7);
    const size_t bytes = factors_bytes(f);
    for (uint32_t i = 61; i <= ITEMS; i++) {
        assert_int_equal(factors_reserve(f, i, hashes), ST_OK);
    }
    assert_int_equal(factors_reserve(f, 3, hashes), ST_OK); /* never shrinks */
    assert_memory_equal(q, factors_q(f), sizeof q);
    assert_memory_equal(b, factors_b(f, 0), sizeof b);
    assert_int_equal(factors_count(f, 7), n);
    assert_int_equal(factors_count(f, ITEMS - 1), 0);
    assert_true((uintptr_t)factors_q(f) % 64 == 0);
    assert_true(factors_bytes(f) >= bytes + (size_t)(ITEMS - 64) * D * 12);
    assert_fold_in_is_dense(f, ITEMS, 3); /* the new rows count in G_V too */
    factors_free(f);
}

/* Bytes of address space in use. */
static rlim_t address_space(void) {
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    unsigned long pages = 0;
    const int n = fscanf(f, "%lu", &pages);
    fclose(f);
    assert_int_equal(n, 1);
    return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

static enum status reserve_within(struct factors *f, rlim_t bytes, uint32_t n,
                                  const uint64_t *names) {
    struct rlimit old;
    assert_int_equal(getrlimit(RLIMIT_AS, &old), 0);
    const struct rlimit tight = {.rlim_cur = address_space() + bytes, .rlim_max = old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_AS, &tight), 0);
    const enum status st = factors_reserve(f, n, names);
    assert_int_equal(setrlimit(RLIMIT_AS, &old), 0);
    return st;
}

/* Two million rows are 808 MB: room for none, some, or all but one of the arrays. */
static void a_failed_growth_changes_nothing(void **state) {
    (void)state;
    if (!ALLOCATION_CAN_FAIL) {
        skip();
    }
    enum { MANY = 2000000 };
    static const rlim_t room[] = {0, 100000000, 400000000, 600000000};
    uint64_t *many = calloc(MANY, sizeof *many);
    assert_non_null(many);
    for (size_t t = 0; t < sizeof room / sizeof *room; t++) {
        struct factors *f = make(1, 64);
        learn_random(f, 64, 500, 9);
        float q[64 * D];
        memcpy(q, factors_q(f), sizeof q);
        assert_int_equal(reserve_within(f, room[t], MANY, many), ST_NOMEM);
        assert_memory_equal(q, factors_q(f), sizeof q);
        assert_fold_in_is_dense(f, 64, 3);
        assert_int_equal(factors_reserve(f, ITEMS, hashes), ST_OK);
        assert_memory_equal(q, factors_q(f), sizeof q);
        factors_free(f);
    }
    free(many);
}

/* ---- factors_fold_in ------------------------------------------------------ */

static void fold_in_solves_the_dense_normal_equations(void **state) {
    (void)state;
    struct factors *f = make(5, ITEMS);
    assert_fold_in_is_dense(f, ITEMS, 21); /* initial rows only */
    learn_random(f, ITEMS, 5000, 22);
    assert_fold_in_is_dense(f, ITEMS, 23);
    learn_random(f, 20, 5000, 24); /* some long rows: A far from diagonal */
    assert_fold_in_is_dense(f, ITEMS, 25);
    factors_free(f);
}

static void fold_in_takes_at_most_the_newest_of_history(void **state) {
    (void)state;
    struct factors *f = make(5, ITEMS);
    uint32_t items[FACTORS_HISTORY + 6];
    for (uint32_t r = 0; r < FACTORS_HISTORY + 6; r++) {
        items[r] = 11 * r;
    }
    float p[D];
    float more[D];
    assert_true(factors_fold_in(f, items, FACTORS_HISTORY, p));
    assert_true(factors_fold_in(f, items, FACTORS_HISTORY + 6, more));
    assert_memory_equal(p, more, sizeof p);
    factors_free(f);
}

/* p.q is their sum over |x|, the same for all targets; each counts what its item alone brings. */
static void parts_of_targets_add_up_to_their_products(void **state) {
    (void)state;
    struct factors *f = make(25, ITEMS);
    struct rng rng = {26};
    learn_random(f, ITEMS, 3000, 27);
    for (int round = 0; round < 50; round++) {
        uint32_t items[FACTORS_HISTORY + 5];
        uint32_t targets[10];
        float parts[FACTORS_HISTORY + 5][FACTORS_TARGETS];
        float one[FACTORS_HISTORY + 5][FACTORS_TARGETS];
        float p[D];
        const uint32_t n = 1 + rng_below(&rng, FACTORS_HISTORY + 5);
        double norm = 0.0;
        for (uint32_t i = 0; i < n; i++) {
            items[i] = rng_below(&rng, ITEMS);
        }
        for (uint32_t t = 0; t < 10; t++) {
            targets[t] = t == 0 ? items[0] : rng_below(&rng, ITEMS);
        }
        struct factors_solved solved;
        assert_true(factors_solve(f, items, n, &solved));
        assert_true(factors_fold_in(f, items, n, p));
        assert_memory_equal(p, solved.p, sizeof p);
        assert_true(factors_parts(f, &solved, items, n, targets, 10, parts));
        for (uint32_t t = 0; t < 10; t++) {
            double sum = 0.0;
            assert_true(factors_parts(f, &solved, items, n, &targets[t], 1, one));
            for (uint32_t i = 0; i < n; i++) {
                sum += (double)parts[i][t];
                assert_memory_equal(&one[i][0], &parts[i][t], sizeof one[i][0]);
                assert_true(i < FACTORS_HISTORY || !(parts[i][t] > 0.0F || parts[i][t] < 0.0F));
            }
            const double product = dot(p, q_of(f, targets[t]));
            norm = t == 0 ? sum / product : norm; /* of what lies in the history: not near 0 */
            assert_true(fabs(sum - norm * product) < 1e-4 * norm * (1.0 + fabs(product)));
        }
    }
    factors_free(f);
}

static void fold_in_of_nothing_or_of_zero_leaves_p_untouched(void **state) {
    (void)state;
    struct factors *f = make(5, 3);
    const int32_t zero[D] = {0};
    factors_item_add(f, 1, zero, FIXED_ONE); /* n_i = 1, b_i = 0: q_i = 0 */
    const uint32_t items[3] = {1, 1, 1};
    float p[D];
    for (size_t k = 0; k < D; k++) {
        p[k] = 7.0F;
    }
    assert_false(factors_fold_in(f, items, 0, p));
    assert_false(factors_fold_in(f, items, 3, p));
    for (size_t k = 0; k < D; k++) {
        assert_true(p[k] == 7.0F);
    }
    factors_free(f);
}

/* ---- factors_round -------------------------------------------------------- */

static void rounding_is_to_the_nearest_unit_and_bounded_by_one(void **state) {
    (void)state;
    struct rng rng = {77};
    for (int t = 0; t < 1000; t++) {
        float p[D];
        int32_t v[D];
        for (size_t k = 0; k < D; k++) {
            p[k] = (float)(2.0 * rng_unit(&rng) - 1.0);
        }
        p[0] = 1.0000002F;
        p[1] = -1.0000002F;
        p[2] = 3e38F;
        p[3] = -3e38F;
        factors_round(p, v);
        assert_int_equal(v[0], 1048576);
        assert_int_equal(v[1], -1048576);
        assert_int_equal(v[2], 1048576);
        assert_int_equal(v[3], -1048576);
        for (size_t k = 4; k < D; k++) {
            assert_true(fabs((double)v[k] - 1048576.0 * (double)p[k]) <= .5);
        }
    }
}

/* ---- factors_item_add ----------------------------------------------------- */

static void before_the_first_s_an_item_is_a_tenth_of_its_sum(void **state) {
    (void)state;
    struct factors *f = make(5, 10);
    struct rng rng = {3};
    double truth[D] = {0};
    for (int e = 0; e < 5; e++) {
        int32_t p[D];
        random_context(&rng, p);
        factors_item_add(f, 4, p, FIXED_ONE);
        for (size_t k = 0; k < D; k++) {
            truth[k] += (double)p[k] / 1048576.0 / 10.0;
        }
    }
    assert_int_equal(factors_count(f, 4), 5 * FIXED_ONE);
    assert_true(distance(q_of(f, 4), truth) < 1e-6);
    factors_free(f);
}

static void an_event_solves_the_dense_equations_of_its_item(void **state) {
    (void)state;
    struct factors *f = make(5, ITEMS);
    const double n_users = learn_random(f, 40, 8000, 31);
    struct rng rng = {32};
    for (int e = 0; e < 200; e++) {
        const uint32_t i = rng_below(&rng, ITEMS);
        int32_t p[D];
        double truth[D];
        random_context(&rng, p);
        factors_item_add(f, i, p, FIXED_ONE);
        dense_item(f, i, n_users, truth);
        assert_true(distance(q_of(f, i), truth) < 2e-5 * norm_of(truth));
        assert_true(fabs((double)factors_qq(f)[i] / dot(q_of(f, i), q_of(f, i)) - 1.0) < 1e-6);
    }
    factors_free(f);
}

static void taking_back_restores_statistics_exactly_and_rows(void **state) {
    (void)state;
    enum { N = 50, EVENTS = 400 };
    struct factors *f = make(5, N);
    learn_random(f, N / 2, 1000, 41); /* the other half never had an event */
    float q[N * D];
    float qq[N];
    int64_t b[N * D];
    int64_t n[N];
    memcpy(b, factors_b(f, 0), sizeof b);
    for (uint32_t i = 0; i < N; i++) {
        n[i] = factors_count(f, i);
    }
    factors_solve_all(f, NULL, 0); /* q under the current S: what taking back computes again */
    memcpy(q, factors_q(f), sizeof q);
    memcpy(qq, factors_qq(f), sizeof qq);

    for (int first = 1; first >= -1; first -= 2) { /* -1: taken back before it is added */
        for (int sign = first, pass = 0; pass < 2; sign = -sign, pass++) {
            struct rng rng = {42};
            for (int e = 0; e < EVENTS; e++) {
                int32_t p[D];
                random_context(&rng, p);
                factors_item_add(f, rng_below(&rng, N), p, sign * FIXED_ONE);
            }
        }
        assert_memory_equal(b, factors_b(f, 0), sizeof b);
        for (uint32_t i = 0; i < N; i++) {
            assert_int_equal(factors_count(f, i), n[i]);
            double before[D];
            for (size_t k = 0; k < D; k++) {
                before[k] = (double)q[i * D + k];
            }
            assert_true(distance(q_of(f, i), before) <= 1e-5 * norm_of(before));
        }
        /* rows without events: the initial ones, to the bit */
        assert_memory_equal(q + N / 2 * D, q_of(f, N / 2), sizeof q / 2);
        assert_memory_equal(qq + N / 2, factors_qq(f) + N / 2, sizeof qq / 2);
        assert_fold_in_is_dense(f, N, 43);
    }
    factors_free(f);
}

/* What an event weighs multiplies its sums, and is taken back to the last unit. */
static void an_event_that_weighs_three_is_three_events(void **state) {
    (void)state;
    struct factors *one = make(5, 2);
    struct factors *three = make(5, 2);
    struct factors_sum sums[2] = {{.n = 0}};
    struct rng rng = {44};
    for (int e = 0; e < 300; e++) {
        int32_t p[D];
        random_context(&rng, p);
        for (int k = 0; k < 3; k++) {
            factors_item_add(one, 0, p, FIXED_ONE);
        }
        factors_item_add(three, 0, p, 3 * FIXED_ONE);
        factors_sum_add(&sums[0], p, FIXED_ONE, e % 4 == 0);
        factors_sum_add(&sums[1], p, 3 * FIXED_ONE, e % 4 == 0);
    }
    assert_int_equal(factors_count(three, 0), 900 * FIXED_ONE);
    assert_int_equal(factors_count(one, 0), 900 * FIXED_ONE);
    assert_memory_equal(factors_b(one, 0), factors_b(three, 0), D * sizeof(int64_t));
    assert_memory_equal(q_of(one, 0), q_of(three, 0), D * sizeof(float));
    assert_int_equal(sums[1].n, 3 * sums[0].n);
    assert_int_equal(sums[1].n_users, sums[0].n_users);
    for (size_t k = 0; k < FACTORS_SYM; k++) {
        assert_true(llabs(sums[1].pp[k] - 3 * sums[0].pp[k]) <= 2 * 300);
    }
    factors_free(one);
    factors_free(three);
}

static void events_of_any_weight_are_taken_back_exactly(void **state) {
    (void)state;
    struct factors *f = make(5, 4);
    const float *initial = q_of(f, 2);
    float q[D];
    memcpy(q, initial, sizeof q);
    const int64_t zero[D] = {0};
    for (int sign = 1; sign >= -1; sign -= 2) {
        struct rng rng = {45};
        for (int e = 0; e < 500; e++) {
            int32_t p[D];
            random_context(&rng, p);
            const int64_t weight = 1 + (int64_t)rng_below(&rng, 100 * (uint32_t)FIXED_ONE);
            factors_item_add(f, 2, p, sign * weight);
        }
        assert_int_equal(factors_count(f, 2) > 0, sign > 0);
    }
    assert_int_equal(factors_count(f, 2), 0);
    assert_memory_equal(factors_b(f, 2), zero, sizeof zero);
    assert_memory_equal(q_of(f, 2), q, sizeof q);
    factors_free(f);
}

/* S moves as far towards a heavy context as towards as many light ones. */
static void the_mean_of_contexts_is_weighted(void **state) {
    (void)state;
    struct factors *one = make(5, 2);
    struct factors *two = make(5, 2);
    struct rng rng = {46};
    for (int round = 0; round < 20; round++) {
        struct factors_sum sums[2] = {{.n = 0}};
        for (int e = 0; e < 50; e++) {
            int32_t p[D];
            const uint32_t times = 1 + rng_below(&rng, 5);
            random_context(&rng, p);
            for (uint32_t k = 0; k < times; k++) {
                factors_sum_add(&sums[0], p, FIXED_ONE, false);
            }
            factors_sum_add(&sums[1], p, times * FIXED_ONE, false);
        }
        factors_apply(one, &sums[0]);
        factors_apply(two, &sums[1]);
    }
    for (size_t k = 0; k < (size_t)D * D; k++) {
        assert_true(fabs((double)factors_s(one)[k] - (double)factors_s(two)[k]) < 5e-6);
    }
    factors_free(one);
    factors_free(two);
}

static void the_gram_matrix_does_not_drift(void **state) {
    (void)state;
    struct factors *f = make(5, 100);
    struct rng rng = {51};
    int32_t p[64][D];
    for (size_t j = 0; j < 64; j++) {
        random_context(&rng, p[j]);
    }
    for (int e = 0; e < 200000; e++) { /* rows grow to |q| of about 100, then return */
        factors_item_add(f, rng_below(&rng, 100), p[rng_below(&rng, 64)],
                         e < 100000 ? FIXED_ONE : -FIXED_ONE);
    }
    learn_random(f, 100, 3000, 52);
    factors_solve_all(f, NULL, 0);
    learn_random(f, 100, 100000, 53);
    assert_fold_in_is_dense(f, 100, 54);
    factors_free(f);
}

/* ---- factors_sum_add, factors_apply --------------------------------------- */

static void sums_are_additive_in_any_order(void **state) {
    (void)state;
    enum { N = 999 };
    static int32_t p[N][D];
    struct rng rng = {61};
    struct factors_sum whole = {.n = 0};
    struct factors_sum part[3] = {{.n = 0}};
    double truth[D][D] = {{0}};
    for (size_t e = 0; e < N; e++) {
        random_context(&rng, p[e]);
        factors_sum_add(&whole, p[e], FIXED_ONE, e % 5 == 0);
        for (size_t r = 0; r < D; r++) {
            for (size_t c = 0; c < D; c++) {
                truth[r][c] += (double)p[e][r] * (double)p[e][c] / 1048576.0;
            }
        }
    }
    for (size_t e = N; e-- > 0;) {
        factors_sum_add(&part[e % 3], p[e], FIXED_ONE, e % 5 == 0);
    }
    size_t j = 0;
    for (size_t r = 0; r < D; r++) {
        for (size_t c = 0; c <= r; c++, j++) {
            assert_true(whole.pp[j] == part[2].pp[j] + part[0].pp[j] + part[1].pp[j]);
            assert_true(fabs((double)whole.pp[j] - truth[r][c]) <= .5 * N);
            assert_true(fabs((double)whole.pp[j] - truth[r][c]) <= 60.0); /* 6.6 sd: unbiased */
        }
    }
    assert_int_equal(j, FACTORS_SYM);
    assert_int_equal(whole.n, N * FIXED_ONE);
    assert_int_equal(whole.n_users, 200);
    assert_int_equal(part[0].n + part[1].n + part[2].n, N * FIXED_ONE);
}

/* Batches of very different sizes, one larger than the window, against the mean in double. */
static void apply_follows_the_decayed_mean(void **state) {
    (void)state;
    const uint32_t sizes[] = {1, 500, 1, 7000, 25000, 20000, 300, 5000};
    struct factors *f = make(5, 1);
    struct rng rng = {71};
    double s[D][D] = {{0}};
    double w = 0.0;
    for (size_t t = 0; t < sizeof sizes / sizeof *sizes; t++) {
        struct factors_sum sum = {.n = 0};
        double pp[D][D] = {{0}};
        for (uint32_t e = 0; e < sizes[t]; e++) {
            int32_t p[D];
            random_context(&rng, p);
            p[t] = 1000000; /* each batch with its own direction */
            factors_sum_add(&sum, p, FIXED_ONE, false);
            for (size_t r = 0; r < D; r++) {
                for (size_t c = 0; c < D; c++) {
                    pp[r][c] += (double)p[r] / 1048576.0 * ((double)p[c] / 1048576.0);
                }
            }
        }
        factors_apply(f, &sum);
        const double g = sizes[t] < 20000 ? 1.0 - (double)sizes[t] / 20000.0 : 0.0;
        for (size_t r = 0; r < D; r++) {
            for (size_t c = 0; c < D; c++) {
                s[r][c] = (s[r][c] * w * g + pp[r][c]) / (w * g + (double)sizes[t]);
                assert_true(fabs((double)factors_s(f)[r * D + c] - s[r][c]) < 1e-6);
            }
        }
        w = w * g + (double)sizes[t];
    }
    factors_free(f);
}

static void an_empty_batch_moves_only_the_number_of_users(void **state) {
    (void)state;
    struct factors *f = make(5, 10);
    const struct factors_sum nothing = {.n = 0};
    factors_apply(f, &nothing); /* before anything: no division by zero */
    for (size_t j = 0; j < (size_t)D * D; j++) {
        assert_true(factors_s(f)[j] == 0.0F);
    }
    const double n_users = learn_random(f, 10, 1000, 81);
    float s[D * D];
    memcpy(s, factors_s(f), sizeof s);
    const struct factors_sum users = {.n = 0, .n_users = 5000};
    factors_apply(f, &users);
    assert_memory_equal(s, factors_s(f), sizeof s);
    factors_solve_all(f, NULL, 0);
    double truth[D];
    dense_item(f, 3, n_users + 5000.0, truth);
    assert_true(distance(q_of(f, 3), truth) < 2e-5 * norm_of(truth));
    factors_free(f);
}

/* ---- factors_solve_all ---------------------------------------------------- */

static void solving_all_equals_solving_one_by_one(void **state) {
    (void)state;
    struct factors *all = make(5, ITEMS);
    struct factors *single = make(5, ITEMS);
    learn_random(all, ITEMS - 30, 2000, 91); /* some rows without events, also inside */
    const double n_users = learn_random(single, ITEMS - 30, 2000, 91);
    factors_solve_all(all, NULL, 0);
    struct rng rng = {92};
    for (uint32_t i = 0; i < ITEMS; i++) {
        int32_t p[D];
        random_context(&rng, p);
        factors_item_add(single, i, p, FIXED_ONE);
        factors_item_add(single, i, p, -FIXED_ONE);
        double one[D];
        for (size_t k = 0; k < D; k++) {
            one[k] = (double)q_of(single, i)[k];
        }
        assert_true(distance(q_of(all, i), one) <= 1e-5 * norm_of(one));
        assert_true(fabs((double)factors_qq(all)[i] / dot(q_of(all, i), q_of(all, i)) - 1.0) <
                    1e-6);
        if (factors_count(all, i) == 0) {
            assert_memory_equal(q_of(all, i), q_of(single, i), D * sizeof(float));
        } else {
            dense_item(all, i, n_users, one);
            assert_true(distance(q_of(all, i), one) < 2e-5 * norm_of(one));
        }
    }
    assert_fold_in_is_dense(all, ITEMS, 93);
    factors_free(all);
    factors_free(single);
}

/* ---- the whole ------------------------------------------------------------ */

/* S has no negative eigenvalue, so b'q >= 0 and |q| <= |b|/10 whatever n_U: also where rounding
 * makes one, which a large n_U would turn into a negative ridge. */
static void an_item_points_along_its_sum_and_is_at_most_a_tenth_of_it(void **state) {
    (void)state;
    print_message("seeds 1..20\n");
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct factors *f = make(seed, 40);
        struct rng rng = {seed};
        struct factors_sum sum = {.n = 0};
        int32_t p[3][D]; /* S of rank 3 */
        for (int e = 0; e < 300; e++) {
            if (e < 3) {
                random_context(&rng, p[e]);
            }
            factors_sum_add(&sum, p[e % 3], FIXED_ONE, false);
        }
        factors_apply(f, &sum);
        const struct factors_sum users = {.n = 0, .n_users = UINT32_MAX};
        for (int t = 0; t < 4; t++) {
            factors_apply(f, &users);
        }
        for (uint32_t i = 0; i < 40; i++) {
            int32_t other[D];
            float b[D];
            random_context(&rng, other);
            factors_item_add(f, i, other, FIXED_ONE);
            for (size_t k = 0; k < D; k++) {
                b[k] = (float)factors_b(f, i)[k] / 1048576.0F;
            }
            assert_true(dot(b, q_of(f, i)) >= 0.0);
            assert_true(dot(q_of(f, i), q_of(f, i)) <= dot(b, b) / 100.0 * 1.00001);
        }
        factors_free(f);
    }
}

static void extreme_finite_inputs_never_give_a_nan(void **state) {
    (void)state;
    static const int32_t extremes[] = {INT32_MIN, INT32_MAX, 1048576, -1048576, 1, -1, 0, 0};
    print_message("seeds 1..20\n");
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct rng rng = {seed};
        struct factors *f = make(seed, 30);
        for (int e = 0; e < 300; e++) {
            int32_t p[D];
            for (size_t k = 0; k < D; k++) {
                p[k] = extremes[rng_below(&rng, 8)];
            }
            factors_item_add(f, rng_below(&rng, 30), p,
                             rng_below(&rng, 3) ? FIXED_ONE : -FIXED_ONE);
            if (rng_below(&rng, 10) == 0) {
                struct factors_sum sum = {.n = rng_below(&rng, 2) ? UINT32_MAX : 0};
                factors_sum_add(&sum, p, FIXED_ONE, true);
                sum.n_users = rng_below(&rng, 2) ? UINT32_MAX : 0;
                factors_apply(f, &sum);
            }
            if (rng_below(&rng, 20) == 0) {
                factors_solve_all(f, NULL, 0);
            }
            uint32_t items[FACTORS_HISTORY];
            for (size_t r = 0; r < FACTORS_HISTORY; r++) {
                items[r] = rng_below(&rng, 30);
            }
            float u[D];
            if (factors_fold_in(f, items, FACTORS_HISTORY, u)) {
                assert_true(fabs(dot(u, u) - 1.0) < 1e-5); /* a NaN fails it */
            }
            assert_finite(factors_q(f), 30 * (size_t)D);
            assert_finite(factors_qq(f), 30);
            assert_finite(factors_s(f), (size_t)D * D);
        }
        factors_free(f);
    }
}

/* Learns as the engine does. Items of group g are those with i % GROUPS == g; domain A is the
 * first half of them. A user takes from the own group with probability .8. `linked`: the group is
 * the same in both domains. */
static void learn_planted(struct factors *f, uint32_t n_items, bool linked, uint64_t seed) {
    struct rng rng = {seed};
    struct factors_sum sum = {.n = 0};
    for (uint32_t u = 0; u < 1500; u++) {
        const uint32_t group[2] = {rng_below(&rng, GROUPS), rng_below(&rng, GROUPS)};
        uint32_t history[FACTORS_HISTORY];
        for (uint32_t e = 0; e < 12; e++) {
            const uint32_t domain = e % 2;
            const uint32_t own = group[linked ? 0 : domain];
            const uint32_t g = rng_unit(&rng) < .8 ? own : rng_below(&rng, GROUPS);
            const uint32_t half = n_items / 2;
            const uint32_t i = domain * half + rng_below(&rng, half / GROUPS) * GROUPS + g;
            float p[D];
            if (factors_fold_in(f, history, e, p)) {
                int32_t v[D];
                factors_round(p, v);
                factors_item_add(f, i, v, FIXED_ONE);
                factors_sum_add(&sum, v, FIXED_ONE, e == 1);
            }
            memmove(history + 1, history, e * sizeof *history);
            history[0] = i;
        }
        if (u % 20 == 19) {
            factors_apply(f, &sum);
            memset(&sum, 0, sizeof sum);
        }
    }
}

static void a_planted_world_is_recovered(void **state) {
    (void)state;
    enum { N = 160 };
    struct factors *f = make(7, N);
    learn_planted(f, N, true, 101);
    factors_solve_all(f, NULL, 0);
    uint32_t right = 0;
    double same = 0.0;
    double other = 0.0;
    for (uint32_t i = 0; i < N; i++) {
        uint32_t best = i == 0;
        for (uint32_t j = 0; j < N; j++) {
            const double c = cosine(q_of(f, i), q_of(f, j));
            if (j != i) {
                same += j % GROUPS == i % GROUPS ? c / (N * (N / GROUPS - 1.0)) : 0.0;
                other += j % GROUPS != i % GROUPS ? c / (N * (N - N / GROUPS * 1.0)) : 0.0;
                best = c > cosine(q_of(f, i), q_of(f, best)) ? j : best;
            }
        }
        right += best % GROUPS == i % GROUPS;
    }
    assert_true(right >= N * 9 / 10); /* by chance N / 4 */
    assert_true(same > other + .3);
    factors_free(f);
}

/* P(an item of the own group of domain B scores above another), for users who have taken five
 * items of domain A and nothing of B. */
static double cold_auc(const struct factors *f, uint32_t n_items) {
    const uint32_t half = n_items / 2;
    struct rng rng = {111};
    uint32_t wins = 0;
    enum { TRIALS = 4000 };
    for (uint32_t t = 0; t < TRIALS; t++) {
        const uint32_t g = t % GROUPS;
        uint32_t history[5];
        for (size_t r = 0; r < 5; r++) {
            history[r] = rng_below(&rng, half / GROUPS) * GROUPS + g;
        }
        float p[D];
        assert_true(factors_fold_in(f, history, 5, p));
        const uint32_t own = half + rng_below(&rng, half / GROUPS) * GROUPS + g;
        const uint32_t not = half + rng_below(&rng, half / GROUPS) * GROUPS +
                             (g + 1 + rng_below(&rng, GROUPS - 1)) % GROUPS;
        wins += dot(p, q_of(f, own)) > dot(p, q_of(f, not ));
    }
    return (double)wins / TRIALS;
}

static void taste_crosses_between_domains_only_where_users_link_them(void **state) {
    (void)state;
    enum { N = 160 };
    struct factors *linked = make(7, N);
    struct factors *broken = make(7, N);
    learn_planted(linked, N, true, 121);
    learn_planted(broken, N, false, 121);
    assert_true(cold_auc(linked, N) > .9);
    assert_true(fabs(cold_auc(broken, N) - .5) < .12);
    factors_free(linked);
    factors_free(broken);
}

static void the_same_calls_give_the_same_bits(void **state) {
    (void)state;
    struct factors *a = make(7, 160);
    struct factors *b = make(7, 160);
    learn_planted(a, 160, true, 131);
    learn_planted(b, 160, true, 131);
    assert_memory_equal(factors_q(a), factors_q(b), 160 * D * sizeof(float));
    factors_solve_all(a, NULL, 0);
    factors_solve_all(b, NULL, 0);
    assert_memory_equal(factors_q(a), factors_q(b), 160 * D * sizeof(float));
    assert_memory_equal(factors_s(a), factors_s(b), (size_t)D * D * sizeof(float));
    factors_free(a);
    factors_free(b);
}

/* ---- sums, order and state ------------------------------------------------ */

static void statistics_are_summed_without_moving_the_row_until_it_is_solved(void **state) {
    (void)state;
    struct factors *one = make(8, 10);
    struct factors *sum = make(8, 10);
    struct rng rng = {4};
    int64_t b[D] = {0};
    int64_t weight = 0;
    learn_random(one, 10, 300, 7);
    learn_random(sum, 10, 300, 7);
    for (int e = 0; e < 5; e++) {
        int32_t p[D];
        random_context(&rng, p);
        factors_item_add(one, 3, p, (e + 1) * FIXED_ONE);
        for (size_t k = 0; k < D; k++) {
            b[k] += fixed_times(p[k], (e + 1) * FIXED_ONE);
        }
        weight += (e + 1) * FIXED_ONE;
    }
    float before[D];
    memcpy(before, q_of(sum, 3), sizeof before);
    factors_item_sum(sum, 3, b, weight);
    assert_memory_equal(q_of(sum, 3), before, sizeof before);
    assert_true(factors_count(sum, 3) == factors_count(one, 3));
    factors_item_solve(sum, 3);
    assert_memory_equal(q_of(sum, 3), q_of(one, 3), D * sizeof(float));
    assert_fold_in_is_dense(sum, 10, 5); /* G_V went along */
    for (size_t k = 0; k < D; k++) {
        b[k] = -factors_b(sum, 3)[k];
    }
    factors_item_sum(sum, 3, b, -factors_count(sum, 3)); /* nothing is left: the initial row */
    factors_item_solve(sum, 3);
    struct factors *fresh = make(8, 10);
    assert_memory_equal(q_of(sum, 3), q_of(fresh, 3), D * sizeof(float));
    factors_item_sum(sum, 5, b, 0);
    factors_item_sum(sum, 5, b, -factors_count(sum, 5)); /* not solved: by solving all */
    factors_solve_all(sum, NULL, 0);
    assert_memory_equal(q_of(sum, 5), q_of(fresh, 5), D * sizeof(float));
    factors_free(one);
    factors_free(sum);
    factors_free(fresh);
}

static uint32_t at_in(uint32_t i, uint32_t n, int model) {
    return model ? (i * 7 + 3) % n : i;
}

/* Two models know the same items under different indices. */
static void equal_statistics_in_the_same_order_give_equal_bits(void **state) {
    (void)state;
    enum { N = 193 }; /* coprime to 7, no multiple of anything */
    struct factors *f[2];
    uint32_t order[2][N];
    for (int m = 0; m < 2; m++) {
        uint64_t names[N];
        for (uint32_t i = 0; i < N; i++) {
            names[at_in(i, N, m)] = hashes[i];
            order[m][i] = at_in(i, N, m);
        }
        assert_int_equal(factors_new(3, &f[m]), ST_OK);
        assert_int_equal(factors_reserve(f[m], N, names), ST_OK);
        struct rng rng = {6};
        struct factors_sum sum = {.n = 0};
        for (int e = 0; e < 3000; e++) {
            int32_t p[D];
            random_context(&rng, p);
            factors_item_add(f[m], at_in(rng_below(&rng, N - 9), N, m), p, FIXED_ONE);
            factors_sum_add(&sum, p, FIXED_ONE, e % 5 == 0);
        }
        factors_apply(f[m], &sum);
        factors_solve_all(f[m], order[m], N);
    }
    uint32_t history[2][5];
    for (uint32_t i = 0; i < N; i++) {
        assert_memory_equal(q_of(f[0], order[0][i]), q_of(f[1], order[1][i]), D * sizeof(float));
        assert_true(factors_qq(f[0])[order[0][i]] == factors_qq(f[1])[order[1][i]]);
        history[0][i % 5] = order[0][i];
        history[1][i % 5] = order[1][i];
    }
    float p[2][D]; /* G_V has the same bits too */
    assert_true(factors_fold_in(f[0], history[0], 5, p[0]));
    assert_true(factors_fold_in(f[1], history[1], 5, p[1]));
    assert_memory_equal(p[0], p[1], sizeof p[0]);
    assert_fold_in_is_dense(f[1], N, 5);
    for (uint32_t i = 0; i < N; i++) { /* and each row those of solving it alone */
        float q[D];
        memcpy(q, q_of(f[0], i), sizeof q);
        factors_item_solve(f[0], i);
        assert_memory_equal(q, q_of(f[0], i), sizeof q);
    }
    factors_free(f[0]);
    factors_free(f[1]);
}

static void a_state_is_what_it_was_in_another_model(void **state) {
    (void)state;
    struct factors *a = make(9, 20);
    struct factors *b = make(9, 20);
    struct factors_state got;
    factors_state(b, &got);
    factors_set_state(b, &got); /* of nothing: q_i stay a tenth of the sum */
    learn_random(a, 20, 500, 3);
    factors_state(a, &got);
    assert_true(got.weight > 400.0 && got.n_users == 167);
    factors_set_state(b, &got);
    assert_memory_equal(factors_s(a), factors_s(b), D * D * sizeof(float));
    struct rng rng = {12};
    int32_t p[D];
    random_context(&rng, p);
    int64_t x[D];
    for (size_t k = 0; k < D; k++) {
        x[k] = factors_b(a, 4)[k];
    }
    factors_item_sum(b, 4, x, factors_count(a, 4));
    factors_item_solve(a, 4);
    factors_item_solve(b, 4);
    assert_memory_equal(q_of(a, 4), q_of(b, 4), D * sizeof(float));
    struct factors_sum sum = {.n = 0};
    factors_sum_add(&sum, p, FIXED_ONE, true);
    factors_apply(a, &sum);
    factors_apply(b, &sum);
    struct factors_state after[2];
    factors_state(a, &after[0]);
    factors_state(b, &after[1]);
    assert_memory_equal(&after[0], &after[1], sizeof after[0]);
    factors_free(a);
    factors_free(b);
}

int main(void) {
    factors_blas_threads(1);
    for (size_t i = 0; i < ITEMS; i++) {
        hashes[i] = mix64(i + 12345);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_model_has_no_rows_and_free_accepts_null),
        cmocka_unit_test(initial_rows_are_normal_with_sd_a_tenth),
        cmocka_unit_test(initial_rows_do_not_depend_on_the_order_of_arrival),
        cmocka_unit_test(growing_keeps_rows_that_exist),
        cmocka_unit_test(a_failed_growth_changes_nothing),
        cmocka_unit_test(fold_in_solves_the_dense_normal_equations),
        cmocka_unit_test(fold_in_takes_at_most_the_newest_of_history),
        cmocka_unit_test(parts_of_targets_add_up_to_their_products),
        cmocka_unit_test(fold_in_of_nothing_or_of_zero_leaves_p_untouched),
        cmocka_unit_test(rounding_is_to_the_nearest_unit_and_bounded_by_one),
        cmocka_unit_test(before_the_first_s_an_item_is_a_tenth_of_its_sum),
        cmocka_unit_test(an_event_solves_the_dense_equations_of_its_item),
        cmocka_unit_test(taking_back_restores_statistics_exactly_and_rows),
        cmocka_unit_test(an_event_that_weighs_three_is_three_events),
        cmocka_unit_test(events_of_any_weight_are_taken_back_exactly),
        cmocka_unit_test(the_mean_of_contexts_is_weighted),
        cmocka_unit_test(the_gram_matrix_does_not_drift),
        cmocka_unit_test(sums_are_additive_in_any_order),
        cmocka_unit_test(apply_follows_the_decayed_mean),
        cmocka_unit_test(an_empty_batch_moves_only_the_number_of_users),
        cmocka_unit_test(solving_all_equals_solving_one_by_one),
        cmocka_unit_test(an_item_points_along_its_sum_and_is_at_most_a_tenth_of_it),
        cmocka_unit_test(extreme_finite_inputs_never_give_a_nan),
        cmocka_unit_test(a_planted_world_is_recovered),
        cmocka_unit_test(taste_crosses_between_domains_only_where_users_link_them),
        cmocka_unit_test(the_same_calls_give_the_same_bits),
        cmocka_unit_test(statistics_are_summed_without_moving_the_row_until_it_is_solved),
        cmocka_unit_test(equal_statistics_in_the_same_order_give_equal_bits),
        cmocka_unit_test(a_state_is_what_it_was_in_another_model),
    };
    return cmocka_run_group_tests_name("factors", tests, NULL, NULL);
}
