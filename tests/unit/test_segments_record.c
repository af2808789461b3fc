/* SPDX-License-Identifier: Apache-2.0
 *
 * test_segments_record.c -- contract tests of models/segments.h: what is said of segments to other
 * instances. The truth is the one that lived through it alone.
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

#include "mix.h"
#include "points.h"
#include "segments.h"

enum { POINTS = 40000, DIMS = 5, BATCH = 200, SEEDS = 1000 };

static float points[POINTS * DIMS];
static struct segments_sum sum; /* 12 KiB: not on the stack */

static struct segments *new_segments(uint32_t k, uint32_t dims, double half_life, uint64_t seed) {
    struct segments_params p = {
        .k = k, .dims = dims, .seed_points = SEEDS, .half_life = half_life, .seed = seed};
    struct segments *s = NULL;
    assert_int_equal(segments_new(&p, &s), ST_OK);
    return s;
}

/* The first `n` of points of a world that ends where they do. */
static void draw(uint64_t seed, uint32_t n) {
    struct rng r = {seed};
    const struct points_world w = points_world(&r, 6, DIMS, 2.5, 3.0);
    for (uint32_t i = 0; i < n; i++) {
        (void)points_draw(&w, &r, (double)i / n, points + (size_t)i * DIMS);
    }
}

/* Votes of the points from..to-1 in mini-batches, with all reviews. */
static void stream(struct segments *s, uint32_t from, uint32_t to) {
    for (uint32_t i = from; i < to; i += BATCH) {
        sum = (struct segments_sum){.n_all = 0};
        for (uint32_t b = i; b < i + BATCH; b++) {
            segments_vote(s, points + (size_t)b * DIMS, &sum);
            segments_remember(s, points + (size_t)b * DIMS);
        }
        segments_apply(s, &sum);
        bool seeded = false;
        if (segments_due(s)) {
            assert_int_equal(segments_renew(s, &seeded), ST_OK);
        }
    }
}

/* ---- seeds as a record -------------------------------------------------------------- */

static uint64_t bits_of(const struct segments *s) {
    struct pack p = {0};
    segments_write(s, &p);
    assert_false(p.failed);
    uint64_t h = p.len;
    for (size_t k = 0; k < p.len; k++) {
        h = mix64(h ^ p.bytes[k]);
    }
    free(p.bytes);
    return h;
}

/* One renews; one proposes and adopts; one hears of the seeds alone. All apply the same votes. */
static void proposing_and_adopting_is_renewing_bit_for_bit(void **state) {
    (void)state;
    static struct segments_seeds seeds;
    draw(21, POINTS);
    for (uint32_t k = 0; k <= 6; k += 6) { /* chosen, and given */
        struct segments *author = new_segments(k, DIMS, 20000.0, 1);
        struct segments *proposes = new_segments(k, DIMS, 20000.0, 1);
        struct segments *hears = new_segments(k, DIMS, 20000.0, 2);
        int n_seeded = 0;
        int n_reviews = 0;
        for (uint32_t at = 0; at < 2 * POINTS; at += BATCH) {
            const uint32_t i = at / (2 * BATCH) * BATCH; /* each batch twice: it drifts slowly */
            sum = (struct segments_sum){.n_all = 0};
            for (uint32_t b = i; b < i + BATCH; b++) {
                segments_vote(author, points + (size_t)b * DIMS, &sum);
                segments_remember(author, points + (size_t)b * DIMS);
                segments_remember(proposes, points + (size_t)b * DIMS);
            }
            segments_apply(author, &sum);
            segments_apply(proposes, &sum);
            segments_apply(hears, &sum);
            if (segments_due(author)) {
                bool seeded = false;
                bool wanted = false;
                const uint64_t before = bits_of(proposes);
                assert_int_equal(segments_renew(author, &seeded), ST_OK);
                assert_int_equal(segments_propose(proposes, &wanted, &seeds), ST_OK);
                assert_true(seeded == wanted);
                assert_true(segments_due(proposes) == wanted);
                if (wanted) {
                    assert_true(bits_of(proposes) == before);
                    assert_int_equal(segments_adopt(proposes, &seeds), ST_OK);
                    assert_int_equal(segments_adopt(hears, &seeds), ST_OK);
                    assert_int_equal(segments_adopt(hears, &seeds), ST_OK); /* twice: once */
                }
                n_seeded += wanted;
                n_reviews += !wanted;
            }
            assert_true(bits_of(author) == bits_of(proposes));
            assert_int_equal(segments_generation(hears), segments_generation(author));
            for (uint32_t c = 0; c < segments_k(author); c++) {
                assert_memory_equal(segments_centroid(author, c), segments_centroid(hears, c),
                                    DIMS * sizeof(float));
                assert_true(segments_weight(author, c) == segments_weight(hears, c));
                assert_true(segments_sse(author, c) == segments_sse(hears, c));
                float z[2][DIMS];
                segments_z(author, c, z[0]);
                segments_z(hears, c, z[1]);
                assert_memory_equal(z[0], z[1], sizeof z[0]);
            }
        }
        print_message("k %u: seeded %d times, %d reviews\n", k, n_seeded, n_reviews);
        assert_true(n_seeded >= 2 && n_reviews >= 2);
        segments_free(author);
        segments_free(proposes);
        segments_free(hears);
    }
}

static struct segments_seeds some_seeds(uint32_t generation) {
    struct segments_seeds seeds = {.generation = generation, .k = 3, .w = 100.0};
    seeds.mean[0] = 1.0;
    seeds.square[0] = 26.0;
    for (uint32_t k = 0; k < 3; k++) {
        seeds.clusters[k].w = 30.0;
        seeds.clusters[k].centre[0] = 10.0 * k;
    }
    return seeds;
}

static void seeds_of_any_but_the_next_generation_change_nothing(void **state) {
    (void)state;
    struct segments *s = new_segments(3, 1, 20000.0, 1);
    const uint32_t wrong[] = {0, 2, 3, UINT32_MAX};
    for (size_t k = 0; k < 4; k++) {
        const struct segments_seeds seeds = some_seeds(wrong[k]);
        assert_int_equal(segments_adopt(s, &seeds), ST_OK);
        assert_false(segments_ready(s));
    }
    struct segments_seeds seeds = some_seeds(1);
    assert_int_equal(segments_adopt(s, &seeds), ST_OK);
    assert_true(segments_ready(s) && segments_generation(s) == 1);
    seeds.clusters[0].centre[0] = 77.0;
    const uint64_t before = bits_of(s);
    assert_int_equal(segments_adopt(s, &seeds), ST_OK); /* a second author's */
    assert_true(bits_of(s) == before);
    segments_free(s);
}

static void seeds_that_cannot_be_are_refused(void **state) {
    (void)state;
    struct segments *s = new_segments(3, 1, 20000.0, 1);
    struct segments_seeds bad[9];
    for (size_t k = 0; k < 9; k++) {
        bad[k] = some_seeds(1);
    }
    bad[0].k = 1;
    bad[1].k = SEGMENTS_MAX + 1;
    bad[2].w = -1.0;
    bad[3].mean[0] = (double)NAN;
    bad[4].square[0] = HUGE_VAL;
    bad[5].clusters[2].w = (double)NAN;
    bad[6].clusters[1].sse = -0.5;
    bad[7].clusters[2].centre[0] = HUGE_VAL;
    bad[8].clusters[2].spread[0] = -1.0;
    const uint64_t before = bits_of(s);
    for (size_t k = 0; k < 9; k++) {
        assert_int_equal(segments_adopt(s, &bad[k]), ST_INVALID);
    }
    assert_true(bits_of(s) == before && !segments_ready(s));
    segments_free(s);
}

static void votes_for_an_earlier_generation_count_for_the_scale_alone(void **state) {
    (void)state;
    struct segments *s = new_segments(3, 1, HUGE_VAL, 1);
    const struct segments_seeds first = some_seeds(1);
    struct segments_seeds second = some_seeds(2);
    second.clusters[1].centre[0] = 11.0;
    static struct segments_sum old;
    static struct segments_sum mixed;
    const float x[] = {9.0F, 19.0F};
    assert_int_equal(segments_adopt(s, &first), ST_OK);
    old = mixed = (struct segments_sum){.n_all = 0};
    segments_vote(s, &x[0], &old);
    segments_vote(s, &x[0], &mixed);
    assert_true(old.generation == 1 && old.n[1] == 1);
    assert_int_equal(segments_adopt(s, &second), ST_OK);
    const float was = segments_centroid(s, 1)[0];
    segments_apply(s, &old);
    assert_true(segments_centroid(s, 1)[0] == was && segments_weight(s, 1) == 30.0);
    float z = 0.0F;
    segments_z(s, 1, &z); /* mean (100 + 9)/101, mean square (2600 + 81)/101 */
    assert_true(fabs((double)z -
                     (11.0 - 109.0 / 101) / sqrt(2681.0 / 101 - 109.0 * 109.0 / 101 / 101)) < 1e-6);
    segments_vote(s, &x[1], &mixed); /* of a sum that spans both, the later ones count */
    assert_true(mixed.generation == 2 && mixed.n_all == 2 && mixed.n[1] == 0 && mixed.n[2] == 1);
    static struct segments_sum all;
    all = old;
    segments_sum_add(&all, &mixed);
    assert_true(all.generation == 2 && all.n_all == 3 && all.n[1] == 0 && all.n[2] == 1);
    all = mixed;
    segments_sum_add(&all, &old);
    assert_true(all.generation == 2 && all.n_all == 3 && all.n[1] == 0 && all.n[2] == 1);
    assert_true(all.all_x[0] == mixed.all_x[0] + old.all_x[0]);
    segments_sum_subtract(&all, &old);
    assert_memory_equal(&all, &mixed, sizeof all);
    segments_sum_add(&all, &mixed);
    assert_true(all.n[2] == 2 && all.x[2][0] == 2 * mixed.x[2][0]);
    assert_true(all.sse[2] == 2 * mixed.sse[2] && all.all_xx[0] == 2 * mixed.all_xx[0]);
    segments_apply(s, &mixed);
    assert_true(segments_weight(s, 2) == 31.0);
    segments_free(s);
}

/* ---- to bytes and back ----------------------------------------------------------------- */

static void what_was_read_goes_on_like_what_was_written(void **state) {
    (void)state;
    draw(31, 18000);
    for (uint32_t until = 0; until <= 9000; until += 3000) { /* before seeding, and later */
        struct segments *a = new_segments(6, DIMS, 3000.0, 1);
        struct segments *b = new_segments(6, DIMS, 3000.0, 1);
        stream(a, 0, until);
        struct pack p = {0};
        segments_write(a, &p);
        struct unpack u = {.at = p.bytes, .end = p.bytes + p.len};
        assert_int_equal(segments_read(b, &u), ST_OK);
        assert_true(bits_of(a) == bits_of(b));
        assert_true(segments_ready(b) == (until > 0));
        static struct segments_seeds seeds;
        seeds = some_seeds(1);
        if (until == 0) { /* the scale is that of votes, if there were some */
            assert_int_equal(segments_adopt(a, &seeds), ST_OK);
            assert_int_equal(segments_adopt(b, &seeds), ST_OK);
        }
        for (uint32_t i = until; i < until + 6000; i += BATCH) {
            sum = (struct segments_sum){.n_all = 0};
            for (uint32_t v = i; v < i + BATCH; v++) { /* a group dies: another one splits */
                segments_vote(a, points + (size_t)(v % 2 ? v : i) * DIMS, &sum);
            }
            segments_apply(a, &sum);
            segments_apply(b, &sum);
            assert_true(bits_of(a) == bits_of(b));
        }
        free(p.bytes);
        segments_free(a);
        segments_free(b);
    }
}

/* A segment died and another one was split: the two have not settled yet. */
static void a_split_under_way_is_written_too(void **state) {
    (void)state;
    struct segments *a = new_segments(3, 1, 50.0, 1);
    struct segments *b = new_segments(3, 1, 50.0, 1);
    const struct segments_seeds seeds = some_seeds(1);
    assert_int_equal(segments_adopt(a, &seeds), ST_OK);
    struct rng r = {33};
    int n = 0;
    float before = 20.0F;
    for (; n < 100 && fabsf(segments_centroid(a, 2)[0] - before) < 3.0F; n++) {
        before = segments_centroid(a, 2)[0];
        sum = (struct segments_sum){.n_all = 0};
        for (int v = 0; v < 20; v++) { /* none for the third */
            const float x = (float)(v % 2 * 10) + 3.0F * (float)rng_unit(&r);
            segments_vote(a, &x, &sum);
        }
        segments_apply(a, &sum);
    }
    assert_true(n < 100);
    sum = (struct segments_sum){.n_all = 0};
    for (int v = 0; v < 20; v++) {
        const float x = 1.5F + (float)(v % 2 * 10);
        segments_vote(a, &x, &sum);
    }
    segments_apply(a, &sum); /* 20 votes of the 64 that settle it, or fewer */
    struct pack p = {0};
    segments_write(a, &p);
    struct unpack u = {.at = p.bytes, .end = p.bytes + p.len};
    assert_int_equal(segments_read(b, &u), ST_OK);
    assert_true(bits_of(a) == bits_of(b));
    for (int m = 0; m < 20; m++) { /* the heavier part gets the older id */
        sum = (struct segments_sum){.n_all = 0};
        for (int v = 0; v < 20; v++) {
            const float x = segments_centroid(a, 2)[0] + (float)rng_unit(&r);
            segments_vote(a, &x, &sum);
        }
        segments_apply(a, &sum);
        segments_apply(b, &sum);
        assert_true(bits_of(a) == bits_of(b));
    }
    free(p.bytes);
    segments_free(a);
    segments_free(b);
}

static void damaged_segments_are_refused_and_change_nothing(void **state) {
    (void)state;
    struct rng r = {32};
    struct segments *a = new_segments(3, 2, 3000.0, 1);
    struct segments *wide = new_segments(3, 3, 3000.0, 1);
    struct segments *narrow = new_segments(3, 1, 3000.0, 1);
    const struct segments_seeds seeds = some_seeds(1);
    assert_int_equal(segments_adopt(a, &seeds), ST_OK);
    struct pack p = {0};
    segments_write(a, &p);
    const uint64_t before = bits_of(wide);
    for (size_t len = 0; len < p.len; len++) {
        struct unpack u = {.at = p.bytes, .end = p.bytes + len};
        assert_int_equal(segments_read(wide, &u), ST_INVALID);
    }
    assert_true(bits_of(wide) == before);
    struct unpack u = {.at = p.bytes, .end = p.bytes + p.len};
    assert_int_equal(segments_read(narrow, &u), ST_RANGE);
    u = (struct unpack){.at = p.bytes, .end = p.bytes + p.len};
    assert_int_equal(segments_read(wide, &u), ST_OK); /* a feature more: it has no spread yet */
    assert_int_equal(segments_k(wide), 3);
    const float x[] = {19.0F, 0.0F, 55.0F};
    assert_int_equal(segments_nearest(wide, x, NULL), 2);
    for (int round = 0; round < 3000; round++) {
        uint8_t bytes[1024];
        memcpy(bytes, p.bytes, p.len);
        bytes[rng_below(&r, (uint32_t)p.len)] ^= (uint8_t)(1U << rng_below(&r, 8));
        u = (struct unpack){.at = bytes, .end = bytes + p.len};
        struct segments *s = new_segments(3, 2, 3000.0, 1);
        const enum status st = segments_read(s, &u);
        assert_true(st == ST_OK || st == ST_INVALID || st == ST_RANGE);
        (void)segments_nearest(s, x, NULL);
        segments_free(s);
    }
    free(p.bytes);
    segments_free(a);
    segments_free(wide);
    segments_free(narrow);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(proposing_and_adopting_is_renewing_bit_for_bit),
        cmocka_unit_test(seeds_of_any_but_the_next_generation_change_nothing),
        cmocka_unit_test(seeds_that_cannot_be_are_refused),
        cmocka_unit_test(votes_for_an_earlier_generation_count_for_the_scale_alone),
        cmocka_unit_test(what_was_read_goes_on_like_what_was_written),
        cmocka_unit_test(a_split_under_way_is_written_too),
        cmocka_unit_test(damaged_segments_are_refused_and_change_nothing),
    };
    return cmocka_run_group_tests_name("segments record", tests, NULL, NULL);
}
