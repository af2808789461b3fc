/* SPDX-License-Identifier: Apache-2.0
 *
 * test_segments.c -- contract tests of models/segments.h: the equations written again in
 * double, and the quality against Lloyd's algorithm on all points.
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
#include "fixed.h"
#include "mix.h"
#include "segments.h"

enum { POINTS = 20000, BATCH = 256, DIMS_MAX = 5, SEED_POINTS = 1000 };

static float points[POINTS * DIMS_MAX];
static struct segments_sum sum; /* 12 KiB: not on the stack */

static const struct segments_params PARAMS = {
    .k = 3, .dims = 2, .seed_points = 12, .half_life = 1000.0, .seed = 42};

/* ---- data -------------------------------------------------------------------- */

static double normal(struct rng *r) {
    double u = 1.0 - rng_unit(r);
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * rng_unit(r));
}

/* Five balls with centres, and radii that are standard deviations of the distance. */
static uint32_t make_balls(struct rng *r, float *x, uint32_t n) {
    static const double BALL[5][4] = {
        {1.2, .7, .4, .5}, {.8, .5, .2, .3}, {.6, .8, .9, .4}, {.3, .6, .5, .2}, {.4, .1, .3, .2}};
    for (uint32_t i = 0; i < n; i++) {
        const double *b = BALL[rng_below(r, 5)];
        for (uint32_t d = 0; d < 3; d++) {
            *x++ = (float)(b[d] + b[3] / sqrt(3.0) * normal(r));
        }
    }
    return 3;
}

static uint32_t make_uniform(struct rng *r, float *x, uint32_t n) {
    for (uint32_t i = 0; i < n * 4; i++) {
        x[i] = (float)rng_unit(r);
    }
    return 4;
}

/* Long, correlated, skewed, of very different scales. */
static uint32_t make_anisotropic(struct rng *r, float *x, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        double a = normal(r);
        double b = normal(r);
        uint32_t c = rng_below(r, 6);
        *x++ = (float)(500.0 * a + 300.0 * c);
        *x++ = (float)(.9 * a + .3 * b);
        *x++ = (float)(.1 * normal(r) + (c % 2));
        *x++ = (float)(.01 * b * b);
    }
    return 4;
}

/* ---- the naive truth --------------------------------------------------------- */

static double distance(const float *x, const double *c, const double *sigma, uint32_t dims) {
    double d2 = 0.0;
    for (uint32_t d = 0; d < dims; d++) {
        d2 += pow(((double)x[d] - c[d]) / sigma[d], 2.0);
    }
    return d2;
}

static uint32_t nearest(const float *x, double c[][DIMS_MAX], uint32_t k, const double *sigma,
                        uint32_t dims, double *d2) {
    uint32_t best = 0;
    *d2 = HUGE_VAL;
    for (uint32_t j = 0; j < k; j++) {
        double d = distance(x, c[j], sigma, dims);
        best = d < *d2 ? j : best;
        *d2 = d < *d2 ? d : *d2;
    }
    return best;
}

static void sigma_of(const float *x, uint32_t n, uint32_t dims, double *sigma) {
    for (uint32_t d = 0; d < dims; d++) {
        double mean = 0.0;
        double square = 0.0;
        for (uint32_t i = 0; i < n; i++) {
            mean += (double)x[i * dims + d] / n;
        }
        for (uint32_t i = 0; i < n; i++) {
            square += pow((double)x[i * dims + d] - mean, 2.0) / n;
        }
        sigma[d] = sqrt(square);
    }
}

static double inertia(const float *x, uint32_t n, double c[][DIMS_MAX], uint32_t k,
                      const double *sigma, uint32_t dims) {
    double all = 0.0;
    for (uint32_t i = 0; i < n; i++) {
        double d2 = 0.0;
        nearest(x + i * dims, c, k, sigma, dims, &d2);
        all += d2;
    }
    return all;
}

static void lloyd_step(const float *x, uint32_t n, double c[][DIMS_MAX], uint32_t k,
                       const double *sigma, uint32_t dims) {
    double s[SEGMENTS_MAX][DIMS_MAX] = {{0.0}};
    double count[SEGMENTS_MAX] = {0.0};
    for (uint32_t i = 0; i < n; i++) {
        double d2 = 0.0;
        uint32_t j = nearest(x + i * dims, c, k, sigma, dims, &d2);
        count[j] += 1.0;
        for (uint32_t d = 0; d < dims; d++) {
            s[j][d] += (double)x[i * dims + d];
        }
    }
    for (uint32_t j = 0; j < k; j++) {
        for (uint32_t d = 0; d < dims && count[j] > 0.0; d++) {
            c[j][d] = s[j][d] / count[j];
        }
    }
}

/* The inertia of the best of three runs of Lloyd's algorithm from random points. */
static double lloyd(const float *x, uint32_t n, uint32_t k, const double *sigma, uint32_t dims,
                    struct rng *r) {
    double best = HUGE_VAL;
    for (int run = 0; run < 3; run++) {
        double c[SEGMENTS_MAX][DIMS_MAX];
        for (uint32_t j = 0; j < k; j++) {
            uint32_t i = rng_below(r, n);
            for (uint32_t d = 0; d < dims; d++) {
                c[j][d] = (double)x[i * dims + d];
            }
        }
        for (int step = 0; step < 40; step++) {
            lloyd_step(x, n, c, k, sigma, dims);
        }
        double got = inertia(x, n, c, k, sigma, dims);
        best = got < best ? got : best;
    }
    return best;
}

/* ---- helpers ----------------------------------------------------------------- */

static struct segments *new_segments(const struct segments_params *p) {
    struct segments *s = NULL;
    assert_int_equal(segments_new(p, &s), ST_OK);
    return s;
}

static void centroids(const struct segments *s, uint32_t k, uint32_t dims, double c[][DIMS_MAX]) {
    for (uint32_t j = 0; j < k; j++) {
        for (uint32_t d = 0; d < dims; d++) {
            c[j][d] = (double)segments_centroid(s, j)[d];
        }
    }
}

static void stream(struct segments *s, const float *x, uint32_t n, uint32_t dims) {
    for (uint32_t i = 0; i < n;) {
        sum = (struct segments_sum){.n_all = 0};
        for (uint32_t b = 0; b < BATCH && i < n; b++, i++) {
            segments_vote(s, x + i * dims, &sum);
        }
        segments_apply(s, &sum);
        if (!segments_ready(s) && i >= SEED_POINTS) {
            assert_int_equal(segments_seed(s, x, i), ST_OK);
        }
    }
}

/* Seeds three tight groups around (0, 0), (10, 0), (0, 10). */
static struct segments *three_groups(void) {
    struct segments *s = new_segments(&PARAMS);
    float x[12][2];
    for (int i = 0; i < 12; i++) {
        x[i][0] = (i % 3 == 1 ? 10.0F : 0.0F) + 0.1F * (float)(i / 6);
        x[i][1] = (i % 3 == 2 ? 10.0F : 0.0F) + 0.1F * (float)(i / 3 % 2);
    }
    assert_int_equal(segments_seed(s, &x[0][0], 12), ST_OK);
    return s;
}

static void close_to(double got, double want, double tolerance) {
    if (!(fabs(got - want) <= tolerance)) {
        fail_msg("got %.12g, want %.12g", got, want);
    }
}

/* ---- life cycle --------------------------------------------------------------- */

static void new_refuses_each_bad_parameter(void **state) {
    (void)state;
    struct segments_params bad[] = {PARAMS, PARAMS, PARAMS, PARAMS, PARAMS, PARAMS, PARAMS, PARAMS};
    bad[0].k = 1;
    bad[1].k = SEGMENTS_MAX + 1;
    bad[1].seed_points = 1000;
    bad[2].dims = 0;
    bad[3].dims = FEATURES_MAX + 1;
    bad[4].seed_points = 4 * PARAMS.k - 1;
    bad[5].half_life = 0.0;
    bad[6].half_life = (double)NAN;
    bad[7].k = 0; /* chosen: up to 12 */
    bad[7].seed_points = 4 * SEGMENTS_AUTO_MAX - 1;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct segments *s = NULL;
        assert_int_equal(segments_new(&bad[i], &s), ST_INVALID);
        assert_null(s);
    }
    segments_free(NULL);
}

static void before_seeding_there_are_no_segments_but_all_votes_count(void **state) {
    (void)state;
    struct segments *s = new_segments(&PARAMS);
    const float x[2] = {1.5F, -2.0F};
    double d2 = -1.0;
    int segment = -1;
    int pending = -1;
    assert_false(segments_ready(s));
    assert_int_equal(segments_k(s), 0);
    assert_int_equal(segments_nearest(s, x, &d2), -1);
    assert_true(d2 == -1.0);
    segments_label(s, x, &segment, &pending);
    assert_int_equal(segment, -1);
    assert_int_equal(pending, -1);
    struct segments_sum want = {.n_all = 1};
    want.all_x[0] = fixed_of(1.5);
    want.all_x[1] = fixed_of(-2.0);
    want.all_xx[0] = fixed_of(2.25);
    want.all_xx[1] = fixed_of(4.0);
    sum = (struct segments_sum){.n_all = 0};
    segments_vote(s, x, &sum);
    assert_memory_equal(&sum, &want, sizeof sum);
    segments_apply(s, &sum);
    assert_false(segments_ready(s));
    segments_free(s);
}

/* ---- seeding ------------------------------------------------------------------ */

static void bad_seeds_change_nothing(void **state) {
    (void)state;
    struct segments *s = new_segments(&PARAMS);
    float x[12] = {0};
    assert_int_equal(segments_seed(s, x, 2), ST_INVALID);
    assert_int_equal(segments_seed(s, x, 0), ST_INVALID);
    x[7] = NAN;
    assert_int_equal(segments_seed(s, x, 6), ST_INVALID);
    x[7] = 2e5F;
    assert_int_equal(segments_seed(s, x, 6), ST_INVALID);
    assert_false(segments_ready(s));
    segments_free(s);
    if (CAN_FAIL) {
        s = NULL;
        enum status st = ST_NOMEM;
        for (int n = 0; n < 2; n++) {
            fail_after(n);
            st = segments_new(&PARAMS, &s);
            fail_after(-1);
            assert_int_equal(st, ST_NOMEM);
            assert_null(s);
        }
        s = new_segments(&PARAMS);
        for (int n = 0; n < 3; n++) {
            x[7] = 1.0F;
            fail_after(n);
            st = segments_seed(s, x, 6);
            fail_after(-1);
            assert_int_equal(st, ST_NOMEM);
            assert_false(segments_ready(s));
        }
        assert_int_equal(segments_seed(s, x, 6), ST_OK);
        segments_free(s);
    }
}

static void seeds_weigh_as_many_points_as_they_have(void **state) {
    (void)state;
    struct rng r = {3};
    uint32_t dims = make_balls(&r, points, 600);
    struct segments_params p = {
        .k = 5, .dims = dims, .seed_points = 600, .half_life = HUGE_VAL, .seed = 3};
    struct segments *s = new_segments(&p);
    assert_int_equal(segments_seed(s, points, 600), ST_OK);
    double c[SEGMENTS_MAX][DIMS_MAX];
    double sigma[DIMS_MAX];
    double w[SEGMENTS_MAX] = {0.0};
    double sse[SEGMENTS_MAX] = {0.0};
    centroids(s, 5, dims, c);
    sigma_of(points, 600, dims, sigma);
    for (uint32_t i = 0; i < 600; i++) {
        double d2 = 0.0;
        uint32_t j = nearest(points + i * dims, c, 5, sigma, dims, &d2);
        w[j] += 1.0;
        sse[j] += d2;
    }
    for (uint32_t j = 0; j < 5; j++) {
        assert_true(w[j] > 10.0);
        close_to(segments_weight(s, j), w[j], 1.5); /* a point on the border may differ */
        close_to(segments_sse(s, j), sse[j], 0.02 * sse[j]);
    }
    segments_free(s);
}

static void seeding_again_keeps_each_id_at_the_nearest_place(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct rng r = {seed};
        struct segments_params p = PARAMS;
        p.k = 6;
        p.seed_points = 24;
        p.seed = seed;
        struct segments *s = new_segments(&p);
        float old[6][2];
        for (int generation = 0; generation < 2; generation++) {
            for (uint32_t i = 0; i < 300; i++) { /* in another order each time */
                uint32_t g = rng_below(&r, 6);
                points[2 * i] = (float)(10.0 * (g % 3) + generation + 0.1 * normal(&r));
                points[2 * i + 1] = (float)(10.0 * (g / 3) + 0.1 * normal(&r));
            }
            assert_int_equal(segments_seed(s, points, 300), ST_OK);
            for (uint32_t j = 0; j < 6; j++) {
                const float *c = segments_centroid(s, j);
                if (generation == 1) {
                    close_to((double)c[0], (double)old[j][0] + 1.0, 0.2);
                    close_to((double)c[1], (double)old[j][1], 0.2);
                }
                memcpy(old[j], c, sizeof old[j]);
            }
        }
        segments_free(s);
    }
}

static void seeds_find_small_groups_that_are_far_away(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct rng r = {seed};
        struct segments_params p = {
            .k = 8, .dims = 2, .seed_points = 1000, .half_life = HUGE_VAL, .seed = seed};
        struct segments *s = new_segments(&p);
        for (uint32_t i = 0; i < 1000; i++) {
            uint32_t g = i < 7 * 4 ? 1 + i % 7 : 0; /* 4 points each, 972 in the middle */
            points[2 * i] = (float)((g ? 100.0 * cos(0.9 * g) : 0.0) + normal(&r));
            points[2 * i + 1] = (float)((g ? 100.0 * sin(0.9 * g) : 0.0) + normal(&r));
        }
        assert_int_equal(segments_seed(s, points, 1000), ST_OK);
        for (uint32_t k = 0; k < 8; k++) {
            double w = segments_weight(s, k);
            assert_true(w == 4.0 || w == 972.0);
        }
        segments_free(s);
    }
}

static void fewer_different_points_than_segments_do_no_harm(void **state) {
    (void)state;
    struct segments *s = new_segments(&PARAMS);
    float x[24] = {0};
    assert_int_equal(segments_seed(s, x, 12), ST_OK);
    assert_int_equal(segments_nearest(s, x, NULL), 0);
    stream(s, x, 12, 2);
    for (uint32_t j = 0; j < 3; j++) {
        assert_true(segments_centroid(s, j)[0] == 0.0F);
        assert_true(isfinite(segments_weight(s, j)) && isfinite(segments_sse(s, j)));
    }
    segments_free(s);
}

/* ---- nearest and label --------------------------------------------------------- */

static void ties_go_to_the_smaller_id(void **state) {
    (void)state;
    struct segments_params p = {
        .k = 2, .dims = 1, .seed_points = 8, .half_life = HUGE_VAL, .seed = 1};
    struct segments *s = new_segments(&p);
    const float x[8] = {-1.0F, 1.0F, -1.0F, 1.0F, -1.0F, 1.0F, -1.0F, 1.0F};
    const float middle = 0.0F;
    const float none = NAN;
    double d2 = 0.0;
    assert_int_equal(segments_seed(s, x, 8), ST_OK);
    assert_int_equal(segments_nearest(s, &middle, &d2), 0);
    close_to(d2, 1.0, 1e-12);
    assert_int_equal(segments_nearest(s, &none, &d2), -1);
    segments_free(s);
}

/* On the line from A to B, d_new^2 < .9 d_old^2 from .5132 of the way on. */
static void labels_change_only_when_clearly_closer_or_twice_in_a_row(void **state) {
    (void)state;
    struct segments *s = three_groups();
    const float *a = segments_centroid(s, 0);
    const float *b = segments_centroid(s, 1);
    const float *c = segments_centroid(s, 2);
    float near_b[2]; /* just beyond the middle of A and B */
    float near_c[2];
    float at_b[2];
    float clear[2];
    for (int d = 0; d < 2; d++) {
        near_b[d] = a[d] + 0.51F * (b[d] - a[d]);
        clear[d] = a[d] + 0.515F * (b[d] - a[d]);
        near_c[d] = a[d] + 0.51F * (c[d] - a[d]);
        at_b[d] = b[d];
    }
    int segment = -1;
    int pending = -1;
    segments_label(s, a, &segment, &pending); /* first: at once */
    assert_int_equal(segment, 0);
    assert_int_equal(pending, -1);
    segments_label(s, near_b, &segment, &pending);
    assert_int_equal(segment, 0);
    assert_int_equal(pending, 1);
    segments_label(s, near_c, &segment, &pending); /* another one: count anew */
    assert_int_equal(segment, 0);
    assert_int_equal(pending, 2);
    segments_label(s, near_b, &segment, &pending);
    segments_label(s, a, &segment, &pending); /* back: count anew */
    assert_int_equal(segment, 0);
    assert_int_equal(pending, -1);
    segments_label(s, near_b, &segment, &pending);
    segments_label(s, near_b, &segment, &pending); /* twice */
    assert_int_equal(segment, 1);
    assert_int_equal(pending, -1);
    segment = 0;
    segments_label(s, clear, &segment, &pending); /* clearly */
    assert_int_equal(segment, 1);
    assert_int_equal(pending, -1);
    segment = 14; /* of a configuration with more segments */
    segments_label(s, at_b, &segment, &pending);
    assert_int_equal(segment, 1);
    segments_free(s);
}

/* ---- votes and sums ------------------------------------------------------------- */

static void a_vote_with_a_value_out_of_range_adds_nothing(void **state) {
    (void)state;
    struct segments *s = three_groups();
    const float bad[] = {NAN, INFINITY, -INFINITY, 100001.0F, -100001.0F};
    struct segments_sum zero = {.n_all = 0};
    sum = zero;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const float first[2] = {bad[i], 1.0F};
        const float second[2] = {1.0F, bad[i]};
        segments_vote(s, first, &sum);
        segments_vote(s, second, &sum);
    }
    assert_memory_equal(&sum, &zero, sizeof sum);
    const float good[2] = {1e5F, -1e5F};
    segments_vote(s, good, &sum);
    assert_int_equal(sum.n_all, 1);
    segments_free(s);
}

static void subtracting_takes_votes_back_exactly(void **state) {
    (void)state;
    static struct segments_sum taken_back;
    static struct segments_sum kept;
    struct segments *s = three_groups();
    struct rng r = {8};
    sum = (struct segments_sum){.n_all = 0};
    for (int i = 0; i < 3000; i++) {
        const float x[2] = {(float)(300.0 * normal(&r)), (float)(3.0 * normal(&r))};
        segments_vote(s, x, &sum);
        segments_vote(s, x, i % 3 == 0 ? &taken_back : &kept);
    }
    for (uint32_t k = 0; k < 3; k++) {
        assert_true(taken_back.n[k] > 0 && taken_back.sse[k] > 0); /* every field takes part */
    }
    assert_true(taken_back.all_xx_high[0] > 0);
    segments_sum_subtract(&sum, &taken_back);
    assert_memory_equal(&sum, &kept, sizeof sum);
    segments_sum_subtract(&sum, &kept);
    struct segments_sum zero = {.generation = segments_generation(s)};
    assert_memory_equal(&sum, &zero, sizeof sum);
    segments_free(s);
}

/* A million votes of 1e5, and far beyond every centroid: UBSan sees any overflow. */
static void the_largest_mini_batch_does_not_overflow(void **state) {
    (void)state;
    struct segments_params p = {
        .k = 2, .dims = 1, .seed_points = 8, .half_life = HUGE_VAL, .seed = 1};
    struct segments *s = new_segments(&p);
    const float x[8] = {-.1F, .1F, -.1F, .1F, -.1F, .1F, -.1F, .1F};
    const float far = 1e5F;
    const int64_t n = INT64_C(1) << 20;
    assert_int_equal(segments_seed(s, x, 8), ST_OK);
    sum = (struct segments_sum){.n_all = 0};
    for (int64_t i = 0; i < n; i++) {
        segments_vote(s, &far, &sum);
    }
    int k = segments_nearest(s, &far, NULL);
    const int64_t square = INT64_C(10000000000) * FIXED_ONE;
    assert_true(sum.x[k][0] == n * 100000 * FIXED_ONE);
    assert_true(sum.all_x[0] == sum.x[k][0]);
    assert_true(sum.all_xx[0] == n * (square % SEGMENTS_CARRY));
    assert_true(sum.all_xx_high[0] == n * (square / SEGMENTS_CARRY));
    assert_true(sum.sse[k] == n * 1000000 * FIXED_ONE);
    segments_apply(s, &sum);
    for (uint32_t j = 0; j < 2; j++) { /* the other one was re-seeded there */
        close_to((double)segments_centroid(s, j)[0], 1e5, 300.0);
    }
    segments_free(s);
}

/* ---- apply ---------------------------------------------------------------------- */

struct model { /* the equations of segments.h, on plain doubles */
    double w[SEGMENTS_MAX], sse[SEGMENTS_MAX], c[SEGMENTS_MAX][DIMS_MAX];
    double all_w, mean[DIMS_MAX], square[DIMS_MAX], sigma[DIMS_MAX];
};

/* Votes that a mean forgets by: v of segments.h. */
static double memory(double w, double n, double most, double half_life) {
    return half_life < HUGE_VAL && w > most ? (n > most ? n : most) : w;
}

static void model_apply(struct model *m, const float *x, uint32_t n, uint32_t k, uint32_t dims,
                        double half_life) {
    double s[SEGMENTS_MAX][DIMS_MAX] = {{0.0}};
    double all[2][DIMS_MAX] = {{0.0}};
    double count[SEGMENTS_MAX] = {0.0};
    double g = pow(2.0, -(double)n / half_life);
    for (uint32_t j = 0; j < k; j++) {
        m->sse[j] *= g;
    }
    for (uint32_t i = 0; i < n; i++) {
        double d2 = 0.0;
        uint32_t j = nearest(x + i * dims, m->c, k, m->sigma, dims, &d2);
        m->sse[j] += d2;
        count[j] += 1.0;
        for (uint32_t d = 0; d < dims; d++) {
            double v = (double)x[i * dims + d];
            s[j][d] += v;
            all[0][d] += v;
            all[1][d] += v * v;
        }
    }
    m->all_w = m->all_w * g + n;
    const double share = n / memory(m->all_w, n, 4096.0, half_life);
    for (uint32_t j = 0; j < k; j++) {
        m->w[j] = m->w[j] * g + count[j];
        for (uint32_t d = 0; d < dims; d++) {
            m->c[j][d] +=
                (s[j][d] - count[j] * m->c[j][d]) / memory(m->w[j], count[j], 512.0, half_life);
        }
    }
    for (uint32_t d = 0; d < dims; d++) {
        m->mean[d] = (1.0 - share) * m->mean[d] + share * all[0][d] / n;
        m->square[d] = (1.0 - share) * m->square[d] + share * all[1][d] / n;
        m->sigma[d] = sqrt(m->square[d] - m->mean[d] * m->mean[d]);
    }
}

static void model_start(struct model *m, const struct segments *s, const float *x, uint32_t n,
                        uint32_t k, uint32_t dims) {
    *m = (struct model){.all_w = n};
    centroids(s, k, dims, m->c);
    sigma_of(x, n, dims, m->sigma);
    for (uint32_t j = 0; j < k; j++) {
        m->w[j] = segments_weight(s, j);
        m->sse[j] = segments_sse(s, j);
    }
    for (uint32_t d = 0; d < dims; d++) {
        for (uint32_t i = 0; i < n; i++) {
            m->mean[d] += (double)x[i * dims + d] / n;
        }
        m->square[d] = m->sigma[d] * m->sigma[d] + m->mean[d] * m->mean[d];
    }
}

static void mini_batches_follow_the_equations(void **state) {
    (void)state;
    const double half_lives[] = {900.0, 5000.0, HUGE_VAL};
    for (int h = 0; h < 3; h++) {
        struct rng r = {17};
        uint32_t dims = make_balls(&r, points, POINTS);
        for (uint32_t i = 2000 * dims; i < POINTS * dims; i++) {
            points[i] += (float)(i / dims) * 2e-5F; /* sigma moves as well */
        }
        struct segments_params p = {
            .k = 4, .dims = dims, .seed_points = 500, .half_life = half_lives[h], .seed = 5};
        struct segments *s = new_segments(&p);
        struct model m;
        assert_int_equal(segments_seed(s, points, 500), ST_OK);
        model_start(&m, s, points, 500, 4, dims);
        uint32_t n = 0;
        for (uint32_t i = 500; i < POINTS; i += n) {
            n = i % 7 == 3 ? 2600 : 101; /* now and then more than a centre remembers */
            n = n < POINTS - i ? n : POINTS - i;
            sum = (struct segments_sum){.n_all = 0};
            for (uint32_t b = i; b < i + n; b++) {
                segments_vote(s, points + b * dims, &sum);
            }
            segments_apply(s, &sum);
            model_apply(&m, points + i * dims, n, 4, dims, half_lives[h]);
            for (uint32_t j = 0; j < 4; j++) {
                close_to(segments_weight(s, j), m.w[j], 1e-9 * m.w[j]);
                close_to(segments_sse(s, j), m.sse[j], 1e-3 * m.sse[j]);
                for (uint32_t d = 0; d < dims; d++) {
                    close_to((double)segments_centroid(s, j)[d], m.c[j][d], 1e-5);
                }
            }
            double want = 0.0;
            double got = 0.0;
            uint32_t j = nearest(points, m.c, 4, m.sigma, dims, &want);
            assert_int_equal(segments_nearest(s, points, &got), j);
            close_to(got, want, 1e-4 * want);
        }
        segments_free(s);
    }
}

static void the_same_log_gives_the_same_bits(void **state) {
    (void)state;
    struct rng r = {6};
    uint32_t dims = make_balls(&r, points, POINTS);
    struct segments_params p = {
        .k = 8, .dims = dims, .seed_points = SEED_POINTS, .half_life = 3000.0, .seed = 9};
    struct segments *a = new_segments(&p);
    struct segments *b = new_segments(&p);
    stream(a, points, POINTS, dims);
    int segment = -1;
    int pending = -1;
    for (uint32_t i = 0; i < POINTS; i += 256) { /* reading in between changes nothing */
        stream(b, points + i * dims, i + 256 < POINTS ? 256 : POINTS - i, dims);
        if (i + 256 >= SEED_POINTS && !segments_ready(b)) {
            assert_int_equal(segments_seed(b, points, i + 256), ST_OK);
        }
        segments_label(b, points, &segment, &pending);
    }
    for (uint32_t k = 0; k < 8; k++) {
        const float *ca = segments_centroid(a, k);
        assert_memory_equal(ca, segments_centroid(b, k), dims * sizeof *ca);
        assert_true(segments_weight(a, k) == segments_weight(b, k));
        assert_true(segments_sse(a, k) == segments_sse(b, k));
    }
    segments_free(a);
    segments_free(b);
}

static void inertia_is_within_5_percent_of_the_best_of_three_lloyd_runs(void **state) {
    (void)state;
    uint32_t (*const make[])(struct rng *, float *, uint32_t) = {make_balls, make_uniform,
                                                                 make_anisotropic};
    for (int set = 0; set < 3; set++) {
        for (uint32_t k = 5; k <= 8; k += 3) {
            uint64_t seed = (uint64_t)set + 10 * k;
            struct rng r = {seed};
            uint32_t dims = make[set](&r, points, POINTS);
            struct segments_params p = {.k = k,
                                        .dims = dims,
                                        .seed_points = SEED_POINTS,
                                        .half_life = 20000.0,
                                        .seed = seed};
            struct segments *s = new_segments(&p);
            double sigma[DIMS_MAX];
            double c[SEGMENTS_MAX][DIMS_MAX];
            stream(s, points, POINTS, dims);
            centroids(s, k, dims, c);
            sigma_of(points, POINTS, dims, sigma);
            double ratio = inertia(points, POINTS, c, k, sigma, dims) /
                           lloyd(points, POINTS, k, sigma, dims, &r);
            print_message("set %d, k %u, seed %u: %.4f\n", set, k, (unsigned)seed, ratio);
            assert_true(ratio <= 1.05);
            segments_free(s);
        }
    }
}

/* Groups that wander: the share of the last 4,000 votes' best inertia. */
static double drift_ratio(double half_life) {
    struct rng r = {21};
    for (uint32_t i = 0; i < POINTS; i++) {
        uint32_t g = rng_below(&r, 5);
        double t = (double)i / POINTS;
        double from = 1.2566 * g;
        double to = 2.5 * g; /* they pass each other */
        points[2 * i] = (float)((1 - t) * cos(from) + 3 * t * cos(to) + 0.15 * normal(&r));
        points[2 * i + 1] = (float)((1 - t) * sin(from) + 3 * t * sin(to) + 0.15 * normal(&r));
    }
    struct segments_params p = {
        .k = 5, .dims = 2, .seed_points = SEED_POINTS, .half_life = half_life, .seed = 4};
    struct segments *s = new_segments(&p);
    double sigma[DIMS_MAX];
    double c[SEGMENTS_MAX][DIMS_MAX];
    stream(s, points, POINTS, 2);
    centroids(s, 5, 2, c);
    const float *last = points + 2 * (POINTS - 1000);
    sigma_of(last, 1000, 2, sigma);
    double ratio = inertia(last, 1000, c, 5, sigma, 2) / lloyd(last, 1000, 5, sigma, 2, &r);
    segments_free(s);
    return ratio;
}

static void with_a_half_life_segments_follow_a_drift(void **state) {
    (void)state;
    double with = drift_ratio(500.0);
    double without = drift_ratio(HUGE_VAL);
    print_message("under drift: %.3f with half-life, %.3f without\n", with, without);
    assert_true(with < 1.15);
    assert_true(without > 1.5);
}

/* ---- re-seeding ------------------------------------------------------------------ */

/* Two groups on a line; then the right one ends, and the left one turns out to be two
 * near groups, `share_high` of it the higher one. */
static void split_keeps_the_id_of_the_larger_child(double share_high) {
    struct rng r = {31};
    struct segments_params p = {
        .k = 2, .dims = 2, .seed_points = SEED_POINTS, .half_life = 500.0, .seed = 4};
    struct segments *s = new_segments(&p);
    for (uint32_t i = 0; i < POINTS; i++) {
        bool right = i < 2000 && rng_below(&r, 2) == 0;
        bool high = rng_unit(&r) < share_high;
        points[2 * i] = (float)((right ? 50.0 : 0.0) + 0.2 * normal(&r));
        points[2 * i + 1] = (float)((high ? 2.0 : 0.0) + 0.2 * normal(&r));
    }
    stream(s, points, 2000, 2);
    const float left[2] = {0.0F, 1.0F};
    int id = segments_nearest(s, left, NULL);
    const float right[2] = {50.0F, 1.0F};
    assert_int_equal(segments_nearest(s, right, NULL), 1 - id);
    stream(s, points + 4000, POINTS - 2000, 2);
    const float *larger = segments_centroid(s, (uint32_t)id);
    const float *smaller = segments_centroid(s, (uint32_t)(1 - id));
    close_to((double)larger[0], 0.0, 0.1);
    close_to((double)smaller[0], 0.0, 0.1);
    close_to((double)larger[1], share_high > 0.5 ? 2.0 : 0.0, 0.1);
    close_to((double)smaller[1], share_high > 0.5 ? 0.0 : 2.0, 0.1);
    close_to(segments_weight(s, (uint32_t)id) / segments_weight(s, (uint32_t)(1 - id)), 3.0, 0.8);
    segments_free(s);
}

static void a_dying_segment_is_reseeded_where_it_helps_most(void **state) {
    (void)state;
    split_keeps_the_id_of_the_larger_child(0.75);
    split_keeps_the_id_of_the_larger_child(0.25);
}

static void after_a_world_has_changed_all_segments_are_in_use(void **state) {
    (void)state;
    struct rng r = {41};
    struct segments_params p = {
        .k = 6, .dims = 2, .seed_points = SEED_POINTS, .half_life = 400.0, .seed = 2};
    struct segments *s = new_segments(&p);
    for (uint32_t i = 0; i < POINTS; i++) {
        double far = i < 3000 ? 0.0 : 100.0;
        uint32_t g = rng_below(&r, 6);
        points[2 * i] = (float)(far + 10.0 * (g % 3) + normal(&r));
        points[2 * i + 1] = (float)(far + 10.0 * (g / 3) + normal(&r));
    }
    stream(s, points, POINTS, 2);
    double sigma[DIMS_MAX];
    double c[SEGMENTS_MAX][DIMS_MAX];
    const float *last = points + 2 * (POINTS - 4000);
    centroids(s, 6, 2, c);
    sigma_of(last, 4000, 2, sigma);
    double ratio = inertia(last, 4000, c, 6, sigma, 2) / lloyd(last, 4000, 6, sigma, 2, &r);
    print_message("after the change: %.3f\n", ratio);
    assert_true(ratio < 1.1);
    for (uint32_t k = 0; k < 6; k++) {
        assert_true(segments_weight(s, k) > 0.01 * 400.0);
    }
    segments_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_refuses_each_bad_parameter),
        cmocka_unit_test(before_seeding_there_are_no_segments_but_all_votes_count),
        cmocka_unit_test(bad_seeds_change_nothing),
        cmocka_unit_test(seeds_weigh_as_many_points_as_they_have),
        cmocka_unit_test(seeding_again_keeps_each_id_at_the_nearest_place),
        cmocka_unit_test(seeds_find_small_groups_that_are_far_away),
        cmocka_unit_test(fewer_different_points_than_segments_do_no_harm),
        cmocka_unit_test(ties_go_to_the_smaller_id),
        cmocka_unit_test(labels_change_only_when_clearly_closer_or_twice_in_a_row),
        cmocka_unit_test(a_vote_with_a_value_out_of_range_adds_nothing),
        cmocka_unit_test(subtracting_takes_votes_back_exactly),
        cmocka_unit_test(the_largest_mini_batch_does_not_overflow),
        cmocka_unit_test(mini_batches_follow_the_equations),
        cmocka_unit_test(the_same_log_gives_the_same_bits),
        cmocka_unit_test(inertia_is_within_5_percent_of_the_best_of_three_lloyd_runs),
        cmocka_unit_test(with_a_half_life_segments_follow_a_drift),
        cmocka_unit_test(a_dying_segment_is_reseeded_where_it_helps_most),
        cmocka_unit_test(after_a_world_has_changed_all_segments_are_in_use),
    };
    return cmocka_run_group_tests_name("segments", tests, NULL, NULL);
}
