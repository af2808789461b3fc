/* SPDX-License-Identifier: Apache-2.0
 *
 * test_segments_auto.c -- contract tests of models/segments_auto.h: the measures counted in
 * the plainest way, and numbers of groups that are known.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>

#include "failing_alloc.h"
#include "points.h"
#include "segments.h"
#include "segments_auto.h"

enum { N = 1200, DIMS = 5 };

static const struct segments_range RANGE = {SEGMENTS_AUTO_MIN, SEGMENTS_AUTO_MAX};

static float points[N * DIMS];
static uint8_t labels[2][N];
static double scale[DIMS];

static struct segments_points draw(const struct points_world *w, struct rng *r, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        labels[0][i] = (uint8_t)points_draw(w, r, 0.0, points + (size_t)i * DIMS);
    }
    const struct points p = points_of(points, n, DIMS);
    for (uint32_t d = 0; d < DIMS; d++) {
        scale[d] = 1.0 / p.sigma[d];
    }
    return (struct segments_points){points, n, DIMS, scale};
}

/* Groups of one size in corners of a cube of which no two are neighbours: 14 widths apart. */
static struct points_world corners(struct rng *r, uint32_t groups) {
    struct points_world w = points_world(r, groups, DIMS, 0.0, 0.0);
    for (uint32_t g = 0; g < groups; g++) {
        uint32_t bits = g | (g ^ g >> 1 ^ g >> 2 ^ g >> 3) << 4;
        for (uint32_t d = 0; d < DIMS; d++, bits >>= 1) {
            w.from[g][d] = bits & 1U ? 5.0 : -5.0;
        }
        w.size_from[g] = 1.0;
    }
    return w;
}

static void close_to(double got, double want, double tolerance) {
    if (!(fabs(got - want) <= tolerance)) {
        fail_msg("got %.12g, want %.12g", got, want);
    }
}

/* The mean distance of point i to the others of a cluster; NaN if there are none. */
static double mean_distance(const struct points *p, uint32_t i, uint8_t cluster) {
    double sum = 0.0;
    double n = 0.0;
    for (uint32_t j = 0; j < p->n; j++) {
        double c[DIMS];
        for (uint32_t d = 0; d < DIMS; d++) {
            c[d] = (double)p->x[(size_t)j * DIMS + d];
        }
        if (j != i && labels[0][j] == cluster) {
            sum += sqrt(points_distance(p, i, c));
            n += 1.0;
        }
    }
    return sum / n;
}

static void the_silhouette_is_rousseeuw_s(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct rng r = {seed};
        const struct points_world w = points_world(&r, 6, DIMS, 0.5 * (double)seed, 0.0);
        const struct segments_points p = draw(&w, &r, 150);
        const struct points q = points_of(points, 150, DIMS);
        labels[0][7] = 9; /* alone */
        double want = 0.0;
        for (uint32_t i = 0; i < 150; i++) {
            const double a = mean_distance(&q, i, labels[0][i]);
            double b = HUGE_VAL;
            for (uint8_t c = 0; c < 10; c++) {
                const double d = c == labels[0][i] ? (double)NAN : mean_distance(&q, i, c);
                b = d < b ? d : b;
            }
            want += i == 7 ? 0.0 : (b - a) / fmax(a, b) / 150.0;
        }
        close_to(segments_auto_silhouette(&p, labels[0], 10), want, 1e-9);
    }
}

static void one_cluster_has_no_silhouette(void **state) {
    (void)state;
    struct rng r = {1};
    const struct points_world w = points_world(&r, 1, DIMS, 1.0, 0.0);
    const struct segments_points p = draw(&w, &r, 20);
    close_to(segments_auto_silhouette(&p, labels[0], 4), 0.0, 0.0);
    for (uint32_t i = 0; i < 20 * DIMS; i++) {
        points[i] = 1.0F; /* two clusters in one place */
    }
    labels[0][3] = labels[0][4] = 1;
    close_to(segments_auto_silhouette(&p, labels[0], 4), 0.0, 0.0);
}

/* Over all pairs of points: both together, both apart. */
static void the_agreement_is_that_of_pairs(void **state) {
    (void)state;
    enum { M = 60 };
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct rng r = {seed};
        const uint32_t k = 1 + rng_below(&r, AUTO_K_MAX);
        double together = 0.0;
        double p = 0.0;
        double q = 0.0;
        for (uint32_t i = 0; i < M; i++) {
            labels[0][i] = (uint8_t)rng_below(&r, k);
            labels[1][i] = rng_below(&r, 3) ? labels[0][i] : (uint8_t)rng_below(&r, AUTO_K_MAX);
        }
        for (uint32_t i = 0; i < M; i++) {
            for (uint32_t j = 0; j < i; j++) {
                const bool a = labels[0][i] == labels[0][j];
                const bool b = labels[1][i] == labels[1][j];
                together += a && b;
                p += a;
                q += b;
            }
        }
        const double expected = p * q / (M * (M - 1) / 2.0);
        const double want = (together - expected) / ((p + q) / 2.0 - expected);
        close_to(segments_auto_agreement(labels[0], labels[1], M), want, 1e-12);
        close_to(segments_auto_agreement(labels[0], labels[0], M), 1.0, 0.0);
    }
    /* by hand: 2 pairs together, p = 6, q = 3, 15 pairs */
    const uint8_t a[6] = {0, 0, 0, 1, 1, 1};
    const uint8_t b[6] = {0, 0, 1, 1, 2, 2};
    close_to(segments_auto_agreement(a, b, 6), 0.24242424242424243, 1e-15);
    const uint8_t same[3] = {4, 4, 4};
    close_to(segments_auto_agreement(same, a, 3), 1.0, 0.0);
    close_to(segments_auto_agreement(a, b, 0), 1.0, 0.0);
}

static void as_many_segments_are_chosen_as_there_are_groups(void **state) {
    (void)state;
    for (uint32_t k = SEGMENTS_AUTO_MIN; k <= SEGMENTS_AUTO_MAX; k++) {
        for (uint64_t seed = 1; seed <= 2; seed++) {
            struct rng r = {100 * seed + k};
            const struct points_world w = corners(&r, k);
            const struct segments_points p = draw(&w, &r, 600);
            struct segments_score scores[SEGMENTS_AUTO_MAX - SEGMENTS_AUTO_MIN + 1];
            uint32_t got = 0;
            assert_int_equal(segments_auto_choose(&p, RANGE, seed, &got, scores), ST_OK);
            const struct segments_score *s = &scores[got - RANGE.least];
            print_message("%u groups: %u, silhouette %.3f, agreement %.3f\n", (unsigned)k,
                          (unsigned)got, s->silhouette, s->agreement);
            assert_true(got >= SEGMENTS_AUTO_MIN && got <= SEGMENTS_AUTO_MAX);
            for (uint32_t i = 0; i <= RANGE.most - RANGE.least; i++) {
                assert_true(scores[i].score <= s->score);
                close_to(scores[i].score, scores[i].silhouette * scores[i].agreement, 1e-12);
            }
            assert_int_equal(got, k);
        }
    }
}

static void the_same_seed_chooses_the_same(void **state) {
    (void)state;
    struct rng r = {3};
    const struct points_world w = points_world(&r, 7, DIMS, 1.0, 0.0);
    const struct segments_points p = draw(&w, &r, N); /* more than are looked at */
    struct segments_score a[7];
    struct segments_score b[7];
    uint32_t k[2] = {0, 0};
    assert_int_equal(segments_auto_choose(&p, RANGE, 5, &k[0], a), ST_OK);
    assert_int_equal(segments_auto_choose(&p, RANGE, 5, &k[1], b), ST_OK);
    assert_int_equal(k[0], k[1]);
    assert_memory_equal(a, b, sizeof a);
}

static void what_cannot_be_chosen_from_is_refused(void **state) {
    (void)state;
    struct rng r = {3};
    const struct points_world w = points_world(&r, 3, DIMS, 1.0, 0.0);
    struct segments_points p = draw(&w, &r, 100);
    uint32_t k = 77;
    const struct segments_range bad[] = {{1, 4}, {5, 4}, {2, AUTO_K_MAX + 1}};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(segments_auto_choose(&p, bad[i], 1, &k, NULL), ST_INVALID);
    }
    p.n = 2 * SEGMENTS_AUTO_MAX - 1;
    assert_int_equal(segments_auto_choose(&p, RANGE, 1, &k, NULL), ST_INVALID);
    p.n++;
    enum status st = CAN_FAIL ? ST_NOMEM : ST_OK;
    for (int n = 0; CAN_FAIL && st; n++) {
        assert_int_equal(k, 77);
        fail_after(n);
        st = segments_auto_choose(&p, RANGE, 1, &k, NULL);
        fail_after(-1);
        assert_true(st == ST_NOMEM || (st == ST_OK && n > 3));
    }
    assert_int_equal(st, ST_OK);
}

/* ---- segments with k = 0 --------------------------------------------------------------- */

static void segments_choose_k_once(void **state) {
    (void)state;
    struct rng r = {8};
    struct points_world w = corners(&r, 9);
    struct segments_params params = {
        .k = 0, .dims = DIMS, .seed_points = 500, .half_life = HUGE_VAL, .seed = 1};
    struct segments *s = NULL;
    assert_int_equal(segments_new(&params, &s), ST_OK);
    assert_int_equal(segments_k(s), 0);
    (void)draw(&w, &r, 500);
    assert_int_equal(segments_seed(s, points, 4 * SEGMENTS_AUTO_MAX - 1), ST_INVALID);
    assert_false(segments_ready(s));
    assert_int_equal(segments_seed(s, points, 500), ST_OK);
    assert_int_equal(segments_k(s), 9);
    w = corners(&r, 6);
    (void)draw(&w, &r, 500);
    assert_int_equal(segments_seed(s, points, 500), ST_OK);
    assert_int_equal(segments_k(s), 9); /* ids stay */
    assert_int_equal(segments_seed(s, points, 8), ST_INVALID);
    for (uint32_t i = 0; i < 100; i++) {
        const int k = segments_nearest(s, points + (size_t)i * DIMS, NULL);
        assert_true(k >= 0 && k < 9);
    }
    segments_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_silhouette_is_rousseeuw_s),
        cmocka_unit_test(one_cluster_has_no_silhouette),
        cmocka_unit_test(the_agreement_is_that_of_pairs),
        cmocka_unit_test(as_many_segments_are_chosen_as_there_are_groups),
        cmocka_unit_test(the_same_seed_chooses_the_same),
        cmocka_unit_test(what_cannot_be_chosen_from_is_refused),
        cmocka_unit_test(segments_choose_k_once),
    };
    return cmocka_run_group_tests_name("segments_auto", tests, NULL, NULL);
}
