/* SPDX-License-Identifier: Apache-2.0
 *
 * test_similar.c -- contract tests of models/similar.h.
 *
 * Truth: the cosine of every user in double, of the vectors as they were given. A coordinate is
 * rounded by at most half of 1/127, so that a cosine is off by at most ROUNDING; by the law of
 * large numbers it is off by far less, CLOSE, for vectors of no special direction.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "failing_alloc.h"
#include "normal.h"
#include "similar.h"

enum { USERS = 700, SEED = 20260 };

static const double ROUNDING = .0224; /* sqrt(32) / 254, and what asking rounds */
static const double CLOSE = .012;

/* Who is there, as the test remembers it. */
struct crowd {
    struct similar *s;
    bool is_set[USERS];
    float p[USERS][FACTORS];
};

static struct crowd crowd;

static void start(void) {
    memset(&crowd, 0, sizeof crowd);
    assert_int_equal(similar_new(&crowd.s), ST_OK);
}

static void stop(void) {
    similar_free(crowd.s);
}

static double cosine(const float *a, const float *b) {
    double ab = 0.0;
    double aa = 0.0;
    double bb = 0.0;
    for (int k = 0; k < FACTORS; k++) {
        ab += (double)a[k] * (double)b[k];
        aa += (double)a[k] * (double)a[k];
        bb += (double)b[k] * (double)b[k];
    }
    return ab / sqrt(aa * bb);
}

static void scale_to_unit(float *p) {
    double sum = 0.0;
    for (int k = 0; k < FACTORS; k++) {
        sum += (double)p[k] * (double)p[k];
    }
    for (int k = 0; k < FACTORS; k++) {
        p[k] = (float)((double)p[k] / sqrt(sum));
    }
}

/* Any direction, or (sparse) along few axes, where rounding is at its worst or exact. */
static void draw(struct rng *rng, bool sparse, float *p) {
    for (int k = 0; k < FACTORS; k++) {
        p[k] = sparse && rng_below(rng, 10) > 0 ? 0.0F : (float)rng_normal(rng);
    }
    p[rng_below(rng, FACTORS)] += .5F;
    scale_to_unit(p);
}

static void set(uint32_t slot, const float *p) {
    assert_int_equal(similar_set(crowd.s, slot, p), ST_OK);
    memcpy(crowd.p[slot], p, sizeof crowd.p[slot]);
    crowd.is_set[slot] = true;
}

static void unset(uint32_t slot) {
    similar_unset(crowd.s, slot);
    crowd.is_set[slot] = false;
}

static void axis(float *p, int k, float x) {
    memset(p, 0, FACTORS * sizeof *p);
    p[k] = x;
}

/* On axes 0 and 1, with cosine x to axis 0. */
static void towards(float *p, float x) {
    axis(p, 0, x);
    p[1] = sqrtf(1.0F - x * x);
}

/* What is returned is in order, somebody who is set, not `except`, once, and near the truth. */
static void assert_good(const float *p, uint32_t except, const struct similar_user *found,
                        uint32_t n, double tolerance) {
    bool seen[USERS] = {false};
    for (uint32_t k = 0; k < n; k++) {
        const uint32_t slot = found[k].slot;
        assert_true(slot < USERS && crowd.is_set[slot] && slot != except && !seen[slot]);
        seen[slot] = true;
        assert_true(found[k].cosine > 0.0F && found[k].cosine <= 1.0F);
        assert_true(fabs((double)found[k].cosine - cosine(p, crowd.p[slot])) <= tolerance);
        if (k > 0) {
            assert_true(found[k - 1].cosine >= found[k].cosine);
            assert_true(found[k - 1].cosine > found[k].cosine || found[k - 1].slot < slot);
        }
    }
}

/* Nobody who is clearly nearer than the last one is missing; with room left, nobody clearly > 0. */
static void assert_complete(const float *p, uint32_t except, const struct similar_user *found,
                            uint32_t n, uint32_t asked, double tolerance) {
    const double last = n == asked ? (double)found[n - 1].cosine : 0.0;
    for (uint32_t slot = 0; slot < USERS; slot++) {
        bool in = false;
        for (uint32_t k = 0; k < n; k++) {
            in = in || found[k].slot == slot;
        }
        if (crowd.is_set[slot] && slot != except && !in) {
            assert_true(cosine(p, crowd.p[slot]) <= last + tolerance);
        }
    }
}

/* ---- finding --------------------------------------------------------------------------- */

static void the_nearest_are_found_with_their_cosines(void **state) {
    (void)state;
    print_message("seeds %d to %d\n", SEED, SEED + 59);
    for (uint64_t seed = SEED; seed < SEED + 60; seed++) {
        struct rng rng = {seed};
        const bool sparse = seed % 3 == 0;
        const double tolerance = sparse ? ROUNDING : CLOSE;
        const uint32_t users = rng_below(&rng, USERS + 1);
        start();
        for (uint32_t k = 0; k < users; k++) {
            float p[FACTORS];
            draw(&rng, sparse, p);
            set(k, p);
        }
        for (uint32_t k = 0; k < 10; k++) {
            struct similar_user found[SIMILAR_MAX];
            float p[FACTORS];
            draw(&rng, sparse, p);
            const uint32_t asked = 1 + rng_below(&rng, SIMILAR_MAX);
            const uint32_t except = k % 2 ? rng_below(&rng, USERS) : UINT32_MAX;
            const uint32_t n = similar_find(crowd.s, p, except, asked, found);
            assert_true(n <= asked);
            assert_good(p, except, found, n, tolerance);
            assert_complete(p, except, found, n, asked, tolerance);
        }
        stop();
    }
}

/* Groups of ten around a centre, as users with one taste are: one of a group finds the others. */
static void users_of_one_taste_find_each_other(void **state) {
    (void)state;
    struct rng rng = {SEED};
    start();
    for (uint32_t group = 0; group < USERS / 10; group++) {
        float centre[FACTORS];
        draw(&rng, false, centre);
        for (uint32_t k = 0; k < 10; k++) {
            float p[FACTORS];
            for (int d = 0; d < FACTORS; d++) {
                p[d] = centre[d] + .05F * (float)rng_normal(&rng);
            }
            scale_to_unit(p);
            set(10 * group + k, p);
        }
    }
    for (uint32_t slot = 0; slot < USERS; slot++) {
        struct similar_user found[9];
        assert_int_equal(similar_find(crowd.s, crowd.p[slot], slot, 9, found), 9);
        for (int k = 0; k < 9; k++) {
            assert_int_equal(found[k].slot / 10, slot / 10);
        }
    }
    stop();
}

static void axes_are_exact(void **state) {
    (void)state;
    float p[FACTORS];
    struct similar_user found[SIMILAR_MAX];
    start();
    for (int k = 0; k < FACTORS; k++) {
        axis(p, k, 1.0F);
        set((uint32_t)k, p);
        axis(p, k, -1.0F);
        set((uint32_t)(FACTORS + k), p);
    }
    for (int k = 0; k < FACTORS; k++) {
        axis(p, k, 1.0F);
        assert_int_equal(similar_find(crowd.s, p, UINT32_MAX, SIMILAR_MAX, found), 1);
        assert_int_equal(found[0].slot, k);
        assert_true(found[0].cosine == 1.0F);
        axis(p, k, -1.0F);
        assert_int_equal(similar_find(crowd.s, p, UINT32_MAX, SIMILAR_MAX, found), 1);
        assert_int_equal(found[0].slot, FACTORS + k);
        assert_true(found[0].cosine == 1.0F);
    }
    stop();
}

static void whoever_is_not_above_zero_is_left_out(void **state) {
    (void)state;
    float p[FACTORS];
    struct similar_user found[SIMILAR_MAX];
    start();
    for (uint32_t k = 0; k < 40; k++) {
        towards(p, k % 2 ? -.3F : 0.0F);
        set(k, p);
    }
    axis(p, 0, 1.0F);
    assert_int_equal(similar_find(crowd.s, p, UINT32_MAX, SIMILAR_MAX, found), 0);
    towards(p, .3F);
    set(40, p);
    axis(p, 0, 1.0F);
    assert_int_equal(similar_find(crowd.s, p, UINT32_MAX, SIMILAR_MAX, found), 1);
    assert_int_equal(found[0].slot, 40);
    stop();
}

/* Many that are equal, before, among and behind better ones, over several blocks of any size. */
static void ties_go_to_the_smaller_slot(void **state) {
    (void)state;
    float p[FACTORS];
    struct similar_user found[SIMILAR_MAX];
    start();
    for (uint32_t k = 0; k < 300; k++) {
        towards(p, k % 100 == 50 ? .9F : .5F);
        set(299 - k, p);
    }
    axis(p, 0, 1.0F);
    assert_int_equal(similar_find(crowd.s, p, 3, 20, found), 20);
    static const uint32_t expected[20] = {49, 149, 249, 0,  1,  2,  4,  5,  6,  7,
                                          8,  9,   10,  11, 12, 13, 14, 15, 16, 17};
    for (int k = 0; k < 20; k++) {
        assert_int_equal(found[k].slot, expected[k]);
    }
    stop();
}

static void the_excepted_user_is_left_out(void **state) {
    (void)state;
    struct rng rng = {SEED};
    start();
    for (uint32_t k = 0; k < 130; k++) {
        float p[FACTORS];
        draw(&rng, false, p);
        set(k, p);
    }
    for (uint32_t slot = 0; slot < 130; slot++) {
        struct similar_user found[2];
        assert_int_equal(similar_find(crowd.s, crowd.p[slot], UINT32_MAX, 2, found), 2);
        assert_int_equal(found[0].slot, slot);
        assert_true((double)found[0].cosine > 1.0 - CLOSE);
        const uint32_t second = found[1].slot;
        assert_int_equal(similar_find(crowd.s, crowd.p[slot], slot, 1, found), 1);
        assert_int_equal(found[0].slot, second);
    }
    stop();
}

/* The other entries of `out` are the caller's. */
static void no_more_than_asked_are_written(void **state) {
    (void)state;
    struct rng rng = {SEED};
    float p[FACTORS];
    start();
    for (uint32_t k = 0; k < USERS; k++) {
        draw(&rng, false, p);
        set(k, p);
    }
    for (uint32_t asked = 0; asked <= SIMILAR_MAX; asked++) {
        struct similar_user found[SIMILAR_MAX + 1];
        for (uint32_t k = 0; k <= SIMILAR_MAX; k++) {
            found[k] = (struct similar_user){12345, -5.0F};
        }
        assert_int_equal(similar_find(crowd.s, p, UINT32_MAX, asked, found), asked);
        for (uint32_t k = asked; k <= SIMILAR_MAX; k++) {
            assert_int_equal(found[k].slot, 12345);
            assert_true(found[k].cosine == -5.0F);
        }
    }
    stop();
}

static void a_longer_list_begins_with_the_shorter(void **state) {
    (void)state;
    struct rng rng = {SEED};
    float p[FACTORS];
    struct similar_user all[SIMILAR_MAX];
    start();
    for (uint32_t k = 0; k < USERS; k++) {
        draw(&rng, k % 2, p);
        set(k, p);
    }
    assert_int_equal(similar_find(crowd.s, p, UINT32_MAX, SIMILAR_MAX, all), SIMILAR_MAX);
    for (uint32_t asked = 1; asked < SIMILAR_MAX; asked++) {
        struct similar_user found[SIMILAR_MAX];
        assert_int_equal(similar_find(crowd.s, p, UINT32_MAX, asked, found), asked);
        for (uint32_t k = 0; k < asked; k++) {
            assert_int_equal(found[k].slot, all[k].slot);
            assert_true(found[k].cosine == all[k].cosine);
        }
    }
    stop();
}

/* ---- setting --------------------------------------------------------------------------- */

static void an_empty_one_finds_nobody(void **state) {
    (void)state;
    float p[FACTORS];
    struct similar_user found[1];
    start();
    axis(p, 0, 1.0F);
    assert_int_equal(similar_find(crowd.s, p, UINT32_MAX, 1, found), 0);
    unset(0);
    similar_unset(crowd.s, UINT32_MAX);
    assert_int_equal(similar_find(crowd.s, p, UINT32_MAX, 1, found), 0);
    stop();
    similar_free(NULL);
}

static void who_is_forgotten_is_not_found_until_set_again(void **state) {
    (void)state;
    float p[FACTORS];
    struct similar_user found[3];
    start();
    for (uint32_t k = 0; k < 3; k++) {
        towards(p, .9F - .1F * (float)k);
        set(k, p);
    }
    axis(p, 0, 1.0F);
    unset(1);
    unset(1);
    unset(3); /* never set */
    assert_int_equal(similar_find(crowd.s, p, UINT32_MAX, 3, found), 2);
    assert_int_equal(found[0].slot, 0);
    assert_int_equal(found[1].slot, 2);
    set(1, p);
    assert_int_equal(similar_find(crowd.s, p, UINT32_MAX, 3, found), 3);
    assert_int_equal(found[0].slot, 1);
    stop();
}

static void who_is_set_again_moves(void **state) {
    (void)state;
    float p[FACTORS];
    float q[FACTORS];
    struct similar_user found[2];
    start();
    axis(p, 0, 1.0F);
    axis(q, 5, -1.0F);
    set(7, p);
    set(7, q);
    assert_int_equal(similar_find(crowd.s, p, UINT32_MAX, 2, found), 0);
    assert_int_equal(similar_find(crowd.s, q, UINT32_MAX, 2, found), 1);
    assert_true(found[0].cosine == 1.0F);
    stop();
}

/* From 0 to any number of users, one at a time, and with gaps: those in a gap are nobody. */
static void those_that_were_set_stay_while_it_grows(void **state) {
    (void)state;
    struct rng rng = {SEED};
    for (uint32_t step = 1; step <= 50; step += 7) {
        start();
        uint32_t there = 0;
        for (uint32_t slot = step - 1; slot < USERS; slot += step) {
            float p[FACTORS];
            struct similar_user found[SIMILAR_MAX];
            draw(&rng, false, p);
            set(slot, p);
            there++;
            const uint32_t n = similar_find(crowd.s, p, UINT32_MAX, SIMILAR_MAX, found);
            assert_good(p, UINT32_MAX, found, n, CLOSE);
            assert_complete(p, UINT32_MAX, found, n, SIMILAR_MAX, CLOSE);
            assert_int_equal(found[0].slot, slot);
        }
        assert_true(similar_bytes(crowd.s) >= (size_t)there * FACTORS);
        stop();
    }
}

static void a_user_costs_32_bytes_and_room_for_as_much(void **state) {
    (void)state;
    float p[FACTORS];
    start();
    const size_t empty = similar_bytes(crowd.s);
    axis(p, 0, 1.0F);
    for (uint32_t k = 0; k < USERS; k++) {
        set(k, p);
        assert_true(similar_bytes(crowd.s) >= empty + (k + 1) * 32U);
        assert_true(similar_bytes(crowd.s) <= empty + (k + 1) * 64U);
    }
    stop();
}

/* Any sequence of set and unset leaves what the last call for each slot says. */
static void only_the_last_call_of_a_slot_counts(void **state) {
    (void)state;
    print_message("seeds %d to %d\n", SEED, SEED + 19);
    for (uint64_t seed = SEED; seed < SEED + 20; seed++) {
        struct rng rng = {seed};
        struct similar *fresh = NULL;
        float p[FACTORS];
        start();
        for (uint32_t k = 0; k < 2000; k++) {
            const uint32_t slot = rng_below(&rng, USERS);
            draw(&rng, rng_below(&rng, 2), p);
            if (rng_below(&rng, 3) == 0) {
                unset(slot);
            } else {
                set(slot, p);
            }
        }
        assert_int_equal(similar_new(&fresh), ST_OK);
        for (uint32_t slot = USERS; slot-- > 0;) {
            if (crowd.is_set[slot]) {
                assert_int_equal(similar_set(fresh, slot, crowd.p[slot]), ST_OK);
            }
        }
        struct similar_user a[SIMILAR_MAX];
        struct similar_user b[SIMILAR_MAX];
        const uint32_t n = similar_find(crowd.s, p, UINT32_MAX, SIMILAR_MAX, a);
        assert_int_equal(similar_find(fresh, p, UINT32_MAX, SIMILAR_MAX, b), n);
        for (uint32_t k = 0; k < n; k++) {
            assert_int_equal(a[k].slot, b[k].slot);
            assert_true(a[k].cosine == b[k].cosine);
        }
        similar_free(fresh);
        stop();
    }
}

/* ---- what cannot be -------------------------------------------------------------------- */

static void a_refused_allocation_changes_nothing(void **state) {
    (void)state;
    if (!CAN_FAIL) {
        skip();
    }
    struct similar *none = NULL;
    fail_after(0);
    assert_int_equal(similar_new(&none), ST_NOMEM);
    fail_after(-1);
    assert_null(none);

    float p[FACTORS];
    struct similar_user found[3];
    axis(p, 0, 1.0F);
    start();
    fail_after(0);
    assert_int_equal(similar_set(crowd.s, 0, p), ST_NOMEM);
    fail_after(-1);
    assert_int_equal(similar_find(crowd.s, p, UINT32_MAX, 3, found), 0);
    set(0, p);
    set(1, p);
    const size_t bytes = similar_bytes(crowd.s);
    fail_after(0);
    assert_int_equal(similar_set(crowd.s, 5000, p), ST_NOMEM);
    fail_after(-1);
    assert_int_equal(similar_bytes(crowd.s), bytes);
    assert_int_equal(similar_find(crowd.s, p, UINT32_MAX, 3, found), 2);
    assert_int_equal(similar_set(crowd.s, 5000, p), ST_OK);
    assert_int_equal(similar_find(crowd.s, p, UINT32_MAX, 3, found), 3);
    assert_int_equal(found[2].slot, 5000);
    stop();
}

/* Slightly too long by rounding, or not a vector at all: no cosine is beyond 1, none is NaN. */
static void cosines_stay_in_range_whatever_is_set(void **state) {
    (void)state;
    static const float odd[] = {NAN, INFINITY, -INFINITY, 1e30F, -1e30F, 1.001F, 1e-30F, 0.0F};
    struct rng rng = {SEED};
    start();
    for (uint32_t slot = 0; slot < USERS; slot++) {
        float p[FACTORS];
        for (int k = 0; k < FACTORS; k++) {
            p[k] = odd[rng_below(&rng, sizeof odd / sizeof *odd)];
        }
        assert_int_equal(similar_set(crowd.s, slot, p), ST_OK);
        struct similar_user found[SIMILAR_MAX];
        const uint32_t n = similar_find(crowd.s, p, UINT32_MAX, SIMILAR_MAX, found);
        for (uint32_t k = 0; k < n; k++) {
            assert_true(found[k].cosine > 0.0F && found[k].cosine <= 1.0F);
            assert_true(
                k == 0 || found[k - 1].cosine > found[k].cosine ||
                (found[k - 1].cosine == found[k].cosine && found[k - 1].slot < found[k].slot));
        }
    }
    stop();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nearest_are_found_with_their_cosines),
        cmocka_unit_test(users_of_one_taste_find_each_other),
        cmocka_unit_test(axes_are_exact),
        cmocka_unit_test(whoever_is_not_above_zero_is_left_out),
        cmocka_unit_test(ties_go_to_the_smaller_slot),
        cmocka_unit_test(the_excepted_user_is_left_out),
        cmocka_unit_test(no_more_than_asked_are_written),
        cmocka_unit_test(a_longer_list_begins_with_the_shorter),
        cmocka_unit_test(an_empty_one_finds_nobody),
        cmocka_unit_test(who_is_forgotten_is_not_found_until_set_again),
        cmocka_unit_test(who_is_set_again_moves),
        cmocka_unit_test(those_that_were_set_stay_while_it_grows),
        cmocka_unit_test(a_user_costs_32_bytes_and_room_for_as_much),
        cmocka_unit_test(only_the_last_call_of_a_slot_counts),
        cmocka_unit_test(a_refused_allocation_changes_nothing),
        cmocka_unit_test(cosines_stay_in_range_whatever_is_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
