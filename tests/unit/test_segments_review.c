/* SPDX-License-Identifier: Apache-2.0
 *
 * test_segments_review.c -- contract tests of models/segments.h: reviews, ids that outlive
 * them, and inertia against Lloyd's algorithm where the world moves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "failing_alloc.h"
#include "points.h"
#include "segments.h"

enum { POINTS = 60000, DIMS = 5, BATCH = 200, SEEDS = 1000, WINDOW = 4000 };

static float points[POINTS * DIMS];
static struct segments_sum sum; /* 12 KiB: not on the stack */

static struct segments *new_segments(uint32_t k, uint32_t dims, double half_life, uint64_t seed) {
    struct segments_params p = {
        .k = k, .dims = dims, .seed_points = SEEDS, .half_life = half_life, .seed = seed};
    struct segments *s = NULL;
    assert_int_equal(segments_new(&p, &s), ST_OK);
    return s;
}

/* Votes of points from..to-1 in mini-batches; returns how often segments were seeded. */
static int stream(struct segments *s, const float *x, uint32_t from, uint32_t to, uint32_t dims) {
    int n = 0;
    for (uint32_t i = from; i < to;) {
        sum = (struct segments_sum){.n_all = 0};
        for (uint32_t b = 0; b < BATCH && i < to; b++, i++) {
            segments_vote(s, x + (size_t)i * dims, &sum);
            segments_remember(s, x + (size_t)i * dims);
        }
        segments_apply(s, &sum);
        if (segments_due(s)) {
            bool seeded = false;
            assert_int_equal(segments_renew(s, &seeded), ST_OK);
            assert_false(segments_due(s));
            n += seeded;
        }
    }
    return n;
}

/* Inertia of the newest WINDOW points before `end` by the best of ten Lloyd runs. */
static double ratio(const struct segments *s, uint32_t end, uint32_t dims, struct rng *r) {
    static uint8_t label[WINDOW];
    const struct points p = points_of(points + (size_t)(end - WINDOW) * dims, WINDOW, dims);
    double c[POINTS_K_MAX][POINTS_DIMS_MAX];
    for (uint32_t k = 0; k < segments_k(s); k++) {
        for (uint32_t d = 0; d < dims; d++) {
            c[k][d] = (double)segments_centroid(s, k)[d];
        }
    }
    return points_inertia(&p, c, segments_k(s), label) / points_lloyd(&p, segments_k(s), r);
}

/* The world is at its end after `until` of the points. */
static void draw(const struct points_world *w, struct rng *r, double until) {
    for (uint32_t i = 0; i < POINTS; i++) {
        const double t = (double)i / (POINTS * until);
        (void)points_draw(w, r, t < 1.0 ? t : 1.0, points + (size_t)i * w->dims);
    }
}

/* The worst ratio of four looks. */
static double worst_ratio(struct segments *s, uint32_t dims, struct rng *r) {
    double worst = 0.0;
    for (uint32_t part = 0; part < 4; part++) {
        const uint32_t end = (part + 1) * (POINTS / 4);
        (void)stream(s, points, part * (POINTS / 4), end, dims);
        const double now = ratio(s, end, dims, r);
        worst = now > worst ? now : worst;
    }
    return worst;
}

/* ---- inertia ----------------------------------------------------------------------- */

static void inertia_is_within_5_percent_of_ten_lloyd_runs_under_drift(void **state) {
    (void)state;
    const double half_lives[] = {20000.0, 10000.0, 5000.0};
    for (uint32_t run = 0; run < 4; run++) {
        const uint32_t k = run % 2 ? 8 : 6;
        struct rng r = {100 + run};
        /* centres move by half of what they lie apart: 4 widths */
        const struct points_world w = points_world(&r, k, DIMS, 2.5, 0.5);
        draw(&w, &r, 1.0);
        struct segments *s = new_segments(k, DIMS, half_lives[run % 3], run);
        const double got = worst_ratio(s, DIMS, &r);
        print_message("drift, seed %u, k %u, half-life %.0f: %.4f\n", (unsigned)(100 + run),
                      (unsigned)k, half_lives[run % 3], got);
        assert_true(got <= 1.05);
        segments_free(s);
    }
}

static void inertia_is_within_5_percent_once_groups_have_come_and_gone(void **state) {
    (void)state;
    for (uint32_t run = 0; run < 3; run++) {
        struct rng r = {200 + run};
        struct points_world w = points_world(&r, 8, DIMS, 2.5, 0.0);
        for (uint32_t g = 0; g < 8; g++) {
            *(g < 4 ? &w.size_to[g] : &w.size_from[g]) = 0.01;
        }
        draw(&w, &r, 0.8);
        struct segments *s = new_segments(6, DIMS, run % 2 ? 5000.0 : 20000.0, run);
        const int again = stream(s, points, 0, POINTS, DIMS);
        const double got = ratio(s, POINTS, DIMS, &r);
        print_message("come and go, seed %u, seeded %d times: %.4f\n", (unsigned)(200 + run), again,
                      got);
        assert_true(got <= 1.05);
        assert_true(again > 1);
        segments_free(s);
    }
}

/* ---- reviews ------------------------------------------------------------------------ */

static void a_steady_world_keeps_its_segments(void **state) {
    (void)state;
    for (uint32_t run = 0; run < 3; run++) {
        struct rng r = {300 + run};
        const struct points_world w = points_world(&r, 8, DIMS, 2.5, 0.0);
        draw(&w, &r, 1.0);
        struct segments *s = new_segments(8, DIMS, 20000.0, run);
        (void)stream(s, points, 0, 20000, DIMS); /* the first seeds saw 1,000 votes only */
        assert_int_equal(stream(s, points, 20000, POINTS, DIMS), 0);
        segments_free(s);
    }
}

/* Votes of the same three places until a review is due; returns how many. */
static uint32_t votes_until_due(struct segments *s) {
    uint32_t votes = 0;
    for (; !segments_due(s); votes++) {
        const float x = (float)(votes % 3 * 10) + 0.01F * (float)(votes % 7);
        sum = (struct segments_sum){.n_all = 0};
        segments_vote(s, &x, &sum);
        segments_remember(s, &x);
        segments_apply(s, &sum);
    }
    return votes;
}

static void a_review_is_due_after_4096_votes_when_as_many_are_remembered(void **state) {
    (void)state;
    struct segments *s = new_segments(3, 1, HUGE_VAL, 1);
    bool seeded = true;
    for (uint32_t i = 0; i < SEEDS; i++) {
        const float x = (float)(i % 3 * 10) + 0.01F * (float)(i % 7);
        assert_false(segments_due(s));
        assert_int_equal(segments_renew(s, &seeded), ST_INVALID);
        segments_remember(s, &x);
    }
    assert_true(segments_due(s));
    seeded = false;
    assert_int_equal(segments_renew(s, &seeded), ST_OK);
    assert_true(seeded);
    assert_int_equal(votes_until_due(s), SEGMENTS_REVIEW);
    for (int i = 0; i < 3; i++) { /* three segments have no better place */
        seeded = true;
        assert_int_equal(segments_renew(s, &seeded), ST_OK);
        assert_false(seeded);
        assert_int_equal(votes_until_due(s), SEGMENTS_REVIEW);
    }
    segments_free(s);
}

/* Two near groups share a segment, and a third has two of them: no mini-batch gets out of
 * that. */
static void a_review_leaves_a_bad_division(void **state) {
    (void)state;
    struct segments *s = new_segments(3, 1, 20000.0, 1);
    const float centre[] = {0.0F, 10.0F, 40.0F};
    struct rng r = {9};
    float seeds[300];
    for (uint32_t i = 0; i < 300; i++) { /* two of the seeds in one place */
        seeds[i] = (i % 3 == 2 ? 5.0F : 38.0F + 4.0F * (float)(i % 3)) + (float)rng_unit(&r);
    }
    assert_int_equal(segments_seed(s, seeds, 300), ST_OK);
    for (uint32_t i = 0; i < 12000; i++) {
        points[i] = centre[i % 3] + (float)points_normal(&r);
    }
    const int again = stream(s, points, 0, 12000, 1);
    const double got = ratio(s, 12000, 1, &r);
    print_message("seeded again %d times: %.4f\n", again, got);
    assert_true(got <= 1.05);
    segments_free(s);
}

/* Of 6,000 votes that seeds are found in the newest 4,096 are kept, and the oldest of these go
 * first: after 2,048 more the early outliers are forgotten. */
static void the_newest_votes_are_remembered(void **state) {
    (void)state;
    struct segments_params p = {
        .k = 2, .dims = 1, .seed_points = 6000, .half_life = HUGE_VAL, .seed = 1};
    struct segments *s = NULL;
    assert_int_equal(segments_new(&p, &s), ST_OK);
    bool seeded = false;
    for (uint32_t i = 0; i < 6000 + SEGMENTS_REVIEW; i++) {
        const float x = (float)(i % 2) * (i < 3900 ? 1000.0F : 10.0F) + 0.01F * (float)(i % 7);
        sum = (struct segments_sum){.n_all = 0};
        segments_vote(s, &x, &sum);
        segments_remember(s, &x);
        segments_apply(s, &sum);
        if (i + 1 == 6000) {
            assert_int_equal(segments_renew(s, &seeded), ST_OK);
        }
    }
    assert_true(segments_due(s) && seeded);
    seeded = false;
    assert_int_equal(segments_renew(s, &seeded), ST_OK);
    assert_true(seeded);
    segments_free(s);
}

static void a_review_that_runs_out_of_memory_changes_nothing(void **state) {
    (void)state;
    if (!CAN_FAIL) {
        return;
    }
    struct rng r = {5};
    const struct points_world w = points_world(&r, 6, DIMS, 2.5, 0.0);
    draw(&w, &r, 1.0);
    struct segments *s = new_segments(6, DIMS, 20000.0, 1);
    for (uint32_t i = 0; !segments_ready(s) || !segments_due(s); i += BATCH) {
        sum = (struct segments_sum){.n_all = 0};
        for (uint32_t b = i; b < i + BATCH; b++) {
            segments_vote(s, points + (size_t)b * DIMS, &sum);
            segments_remember(s, points + (size_t)b * DIMS);
        }
        segments_apply(s, &sum);
        bool seeded = false;
        for (int n = 0; !segments_ready(s) && segments_due(s); n++) {
            fail_after(n);
            const enum status st = segments_renew(s, &seeded);
            fail_after(-1);
            assert_true((st == ST_OK && seeded && n > 0) || (st == ST_NOMEM && !seeded));
        }
    }
    const float before = segments_centroid(s, 2)[1];
    enum status st = ST_NOMEM;
    for (int n = 0; st; n++) {
        bool seeded = false;
        assert_true(segments_due(s));
        fail_after(n);
        st = segments_renew(s, &seeded);
        fail_after(-1);
        assert_true(st == ST_OK ? n > 0 : st == ST_NOMEM);
        assert_true(st == ST_OK || segments_centroid(s, 2)[1] == before);
    }
    assert_false(segments_due(s));
    segments_free(s);
}

static void a_vote_out_of_range_is_not_remembered(void **state) {
    (void)state;
    struct segments *s = new_segments(3, 1, HUGE_VAL, 1);
    const float bad[] = {NAN, INFINITY, 100001.0F};
    for (uint32_t i = 0; i < SEEDS; i++) {
        segments_remember(s, &bad[i % 3]);
    }
    assert_false(segments_due(s));
    segments_free(s);
}

static void the_same_votes_give_the_same_bits_through_reviews(void **state) {
    (void)state;
    struct rng r = {77};
    const struct points_world w = points_world(&r, 8, DIMS, 2.0, 1.0);
    draw(&w, &r, 1.0);
    struct segments *a = new_segments(0, DIMS, 5000.0, 3);
    struct segments *b = new_segments(0, DIMS, 5000.0, 3);
    int n = stream(a, points, 0, POINTS, DIMS);
    int m = 0;
    for (uint32_t i = 0; i < POINTS; i += 1000) {
        m += stream(b, points, i, i + 1000, DIMS);
        (void)segments_nearest(b, points, NULL);
    }
    assert_int_equal(n, m);
    assert_true(n > 1);
    assert_int_equal(segments_k(a), segments_k(b));
    for (uint32_t k = 0; k < segments_k(a); k++) {
        assert_memory_equal(segments_centroid(a, k), segments_centroid(b, k), DIMS * sizeof(float));
        assert_true(segments_weight(a, k) == segments_weight(b, k));
        assert_true(segments_sse(a, k) == segments_sse(b, k));
    }
    segments_free(a);
    segments_free(b);
}

/* ---- ids ------------------------------------------------------------------------------ */

/* The overlap of segments before and after is the largest that any renaming has: all 5! tried. */
static uint32_t overlap_of(const uint32_t *table, uint32_t n, const uint32_t *to) {
    uint32_t all = 0;
    for (uint32_t i = 0; i < n; i++) {
        all += table[i * n + to[i]];
    }
    return all;
}

static uint32_t best_overlap(const uint32_t *table, uint32_t n, uint32_t *to, uint32_t at) {
    uint32_t best = at == n ? overlap_of(table, n, to) : 0;
    for (uint32_t i = at; i < n; i++) {
        uint32_t t = to[at];
        to[at] = to[i];
        to[i] = t;
        const uint32_t got = best_overlap(table, n, to, at + 1);
        best = got > best ? got : best;
        t = to[at];
        to[at] = to[i];
        to[i] = t;
    }
    return best;
}

static void seeding_again_keeps_ids_where_most_points_are(void **state) {
    (void)state;
    enum { K = 5, N = 2000 };
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct rng r = {seed};
        struct points_world w = points_world(&r, 7, DIMS, 1.0, 0.0); /* they blend */
        struct segments *s = new_segments(K, DIMS, HUGE_VAL, seed);
        for (uint32_t i = 0; i < N; i++) {
            (void)points_draw(&w, &r, 0.0, points + (size_t)i * DIMS);
        }
        assert_int_equal(segments_seed(s, points, N), ST_OK);
        static int old[N];
        for (uint32_t g = 0; g < 7; g++) {
            w.size_from[g] = 0.05 + rng_unit(&r); /* other sizes: other segments */
        }
        for (uint32_t i = 0; i < N; i++) {
            (void)points_draw(&w, &r, 0.0, points + (size_t)i * DIMS);
            old[i] = segments_nearest(s, points + (size_t)i * DIMS, NULL);
        }
        assert_int_equal(segments_seed(s, points, N), ST_OK);
        uint32_t table[K * K] = {0};
        for (uint32_t i = 0; i < N; i++) {
            table[old[i] * K + segments_nearest(s, points + (size_t)i * DIMS, NULL)]++;
        }
        uint32_t to[K] = {0, 1, 2, 3, 4};
        const uint32_t got = overlap_of(table, K, to);
        const uint32_t best = best_overlap(table, K, to, 0);
        /* the sum is over the seeds' centres in double, this one over rounded centroids */
        if (got + 2 < best) {
            fail_msg("seed %u: %u of %u", (unsigned)seed, (unsigned)got, (unsigned)best);
        }
        segments_free(s);
    }
}

/* Old A at 0 and B at 10; most points go to 4, which is nearest to A, a few to -30. Distances
 * alone would give A's id to the few, and B's to the most. */
static void overlap_counts_and_not_distance(void **state) {
    (void)state;
    struct segments *s = new_segments(2, 1, HUGE_VAL, 1);
    for (uint32_t i = 0; i < 400; i++) {
        points[i] = (float)(i % 2) * 10.0F + 0.001F * (float)(i % 9);
    }
    assert_int_equal(segments_seed(s, points, 400), ST_OK);
    const float a = 0.0F;
    const int id = segments_nearest(s, &a, NULL);
    for (uint32_t i = 0; i < 400; i++) {
        points[i] = (i % 40 ? 4.0F : -30.0F) + 0.001F * (float)(i % 9);
    }
    assert_int_equal(segments_seed(s, points, 400), ST_OK);
    const float most = 4.0F;
    assert_int_equal(segments_nearest(s, &most, NULL), id);
    segments_free(s);
}

/* One group falls apart and two others become one: the larger part keeps the id. */
static void after_a_split_the_larger_part_keeps_the_id(void **state) {
    (void)state;
    for (int larger = 0; larger < 2; larger++) {
        struct segments *s = new_segments(3, 1, HUGE_VAL, 1);
        struct rng r = {11};
        for (uint32_t i = 0; i < 900; i++) {
            points[i] = (float)(i % 3) * 20.0F + (float)points_normal(&r);
        }
        assert_int_equal(segments_seed(s, points, 900), ST_OK);
        const float first = 0.0F;
        const float third = 40.0F;
        const int id = segments_nearest(s, &first, NULL);
        const int far = segments_nearest(s, &third, NULL);
        for (uint32_t i = 0; i < 900; i++) { /* the second moves to the third, the first parts */
            const bool up = i % 10 < 3 ? larger == 0 : larger == 1;
            points[i] = (i % 3 ? 40.0F : up ? 6.0F : -6.0F) + (float)points_normal(&r);
        }
        assert_int_equal(segments_seed(s, points, 900), ST_OK);
        const float part = larger ? 6.0F : -6.0F;
        const float other = -part;
        assert_int_equal(segments_nearest(s, &part, NULL), id);
        assert_int_equal(segments_nearest(s, &third, NULL), far);
        assert_int_equal(segments_nearest(s, &other, NULL), 3 - id - far);
        segments_free(s);
    }
}

static void z_scores_are_those_of_all_votes(void **state) {
    (void)state;
    struct rng r = {4};
    const struct points_world w = points_world(&r, 4, DIMS, 2.0, 0.0);
    struct segments *s = new_segments(4, DIMS, HUGE_VAL, 1);
    for (uint32_t i = 0; i < 3000; i++) {
        (void)points_draw(&w, &r, 0.0, points + (size_t)i * DIMS);
        points[(size_t)i * DIMS + 2] = 3.0F; /* all alike */
    }
    (void)stream(s, points, 0, 3000, DIMS);
    const struct points p = points_of(points, 3000, DIMS);
    for (uint32_t k = 0; k < 4; k++) {
        float z[DIMS];
        segments_z(s, k, z);
        for (uint32_t d = 0; d < DIMS; d++) {
            double mean = 0.0;
            for (uint32_t i = 0; i < 3000; i++) {
                mean += (double)points[(size_t)i * DIMS + d] / 3000;
            }
            const double want =
                d == 2 ? 0.0 : ((double)segments_centroid(s, k)[d] - mean) / p.sigma[d];
            assert_true(fabs((double)z[d] - want) < 1e-3);
        }
    }
    segments_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inertia_is_within_5_percent_of_ten_lloyd_runs_under_drift),
        cmocka_unit_test(inertia_is_within_5_percent_once_groups_have_come_and_gone),
        cmocka_unit_test(a_steady_world_keeps_its_segments),
        cmocka_unit_test(a_review_is_due_after_4096_votes_when_as_many_are_remembered),
        cmocka_unit_test(a_review_leaves_a_bad_division),
        cmocka_unit_test(the_newest_votes_are_remembered),
        cmocka_unit_test(a_review_that_runs_out_of_memory_changes_nothing),
        cmocka_unit_test(a_vote_out_of_range_is_not_remembered),
        cmocka_unit_test(the_same_votes_give_the_same_bits_through_reviews),
        cmocka_unit_test(seeding_again_keeps_ids_where_most_points_are),
        cmocka_unit_test(overlap_counts_and_not_distance),
        cmocka_unit_test(after_a_split_the_larger_part_keeps_the_id),
        cmocka_unit_test(z_scores_are_those_of_all_votes),
    };
    return cmocka_run_group_tests_name("segments_review", tests, NULL, NULL);
}
