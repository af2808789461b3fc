/* SPDX-License-Identifier: Apache-2.0
 * test_delta.c -- contract tests of models/delta.h, in the order of that header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "delta.h"
#include "failing_alloc.h"
#include "mix.h"

static int setup(void **state) {
    struct delta *d = NULL;
    assert_int_equal(delta_new(&d), ST_OK);
    *state = d;
    return 0;
}

static int teardown(void **state) {
    delta_free(*state);
    return 0;
}

/* What one line can add, each value recognisable. */
static void append_line(struct delta *d, uint32_t number) {
    assert_int_equal(delta_reserve_line(d), ST_OK);
    d->takes[d->n_takes++] = (struct delta_take){.w = {number, 1, 2, 3}, .item = number};
    d->contexts[d->n_contexts++] = (struct delta_context){.item = number, .p = {(int32_t)number}};
    for (uint32_t k = 0; k < PAIRS_WINDOW; k++) {
        d->pairs[d->n_pairs++] = (struct pair_add){.from = number, .to = k};
    }
    for (uint32_t k = 0; k < RANKER_SAMPLE_MAX; k++) {
        d->obs[d->n_obs++] = (struct delta_obs){.obs = number, .exp = k, .item = number};
    }
}

static void assert_lines(const struct delta *d, uint32_t n) {
    assert_int_equal(d->n_takes, n);
    assert_int_equal(d->n_contexts, n);
    assert_int_equal(d->n_pairs, n * PAIRS_WINDOW);
    assert_int_equal(d->n_obs, n * RANKER_SAMPLE_MAX);
    for (uint32_t k = 0; k < n; k++) {
        assert_int_equal(d->takes[k].w[0], k);
        assert_int_equal(d->contexts[k].p[0], k);
        assert_int_equal(d->pairs[k * PAIRS_WINDOW + PAIRS_WINDOW - 1].from, k);
        assert_int_equal(d->obs[k * RANKER_SAMPLE_MAX + RANKER_SAMPLE_MAX - 1].obs, k);
    }
}

static void free_accepts_null(void **state) {
    (void)state;
    delta_free(NULL);
}

static void a_reserved_line_can_be_appended_and_growing_keeps_what_is_there(void **state) {
    struct delta *d = *state;
    for (uint32_t k = 0; k < 700; k++) {
        append_line(d, k);
        assert_true(d->n_pairs <= d->cap_pairs && d->n_obs <= d->cap_obs);
        assert_true(d->n_takes <= d->cap_takes && d->n_contexts <= d->cap_contexts);
    }
    assert_lines(d, 700);
}

static void clearing_empties_and_keeps_the_room(void **state) {
    struct delta *d = *state;
    const size_t empty = delta_bytes(d);
    for (uint32_t k = 0; k < 300; k++) {
        append_line(d, k);
    }
    d->n_events = 7;
    const size_t room = d->cap_obs;
    const struct delta_obs *place = d->obs;
    assert_true(delta_bytes(d) > empty + 300 * RANKER_SAMPLE_MAX * sizeof *d->obs);
    delta_clear(d);
    assert_lines(d, 0);
    assert_int_equal(d->n_events, 0);
    assert_int_equal(delta_bytes(d), empty); /* or every later batch would seem large */
    for (int round = 0; round < 50; round++) {
        delta_clear(d);
        for (uint32_t k = 0; k < 300; k++) {
            append_line(d, k);
        }
        assert_int_equal(d->cap_obs, room);
        assert_ptr_equal(d->obs, place);
    }
}

static void a_failed_reserve_changes_nothing(void **state) {
    struct delta *d = *state;
    uint32_t lines = 0;
    for (int n = 0; CAN_FAIL && n < 4; n++) { /* each of the four arrays refuses in turn */
        for (; d->n_takes < d->cap_takes || d->n_takes == 0; lines++) {
            append_line(d, lines);
        }
        fail_after(n);
        enum status st = delta_reserve_line(d);
        fail_after(-1);
        if (st) {
            assert_int_equal(st, ST_NOMEM);
        }
        assert_lines(d, lines);
        append_line(d, lines++);
        assert_lines(d, lines);
    }
    if (CAN_FAIL) {
        struct delta *none = NULL;
        fail_after(0);
        enum status st = delta_new(&none);
        fail_after(-1);
        assert_int_equal(st, ST_NOMEM);
        assert_null(none);
    }
}

/* round(v / 2^h), ties away from zero, in a way that has nothing to do with shifts. */
static int64_t halved(int64_t v, int64_t h) {
    return h > 62 ? 0 : (int64_t)llroundl(ldexpl((long double)v, -(int)h));
}

static void moving_a_clock_rounds_its_increments_to_nearest_and_no_others(void **state) {
    struct delta *d = *state;
    struct rng rng = {7};
    for (int64_t h = 0; h <= 70; h++) {
        delta_clear(d);
        int64_t v[64];
        for (int k = 0; k < 64; k++) {
            v[k] = (int64_t)(rng_next(&rng) >> (1 + rng_below(&rng, 62)));
            v[k] = k < 8 ? k - 4 : k < 16 && h > 0 && h < 62 ? INT64_C(1) << (h - 1) : v[k];
            v[k] = k % 2 ? -v[k] : v[k];
            v[k] = v[k] > INT64_MAX / 2 ? INT64_MAX / 2 : v[k];
            v[k] = v[k] < -INT64_MAX / 2 ? -INT64_MAX / 2 : v[k];
            assert_int_equal(delta_reserve_line(d), ST_OK);
            d->takes[d->n_takes++] = (struct delta_take){.w = {v[k], v[k], v[k], v[k]}};
            d->obs[d->n_obs++] = (struct delta_obs){.obs = v[k], .exp = -v[k]};
        }
        delta_move_clock(d, 2, h);
        for (int k = 0; k < 64; k++) {
            assert_int_equal(d->takes[k].w[0], v[k]);
            assert_int_equal(d->takes[k].w[1], v[k]);
            assert_int_equal(d->takes[k].w[2], halved(v[k], h));
            assert_int_equal(d->takes[k].w[3], v[k]);
            assert_int_equal(d->obs[k].obs, v[k]);
        }
        delta_move_obs(d, h);
        for (int k = 0; k < 64; k++) {
            assert_int_equal(d->obs[k].obs, halved(v[k], h));
            assert_int_equal(d->obs[k].exp, halved(-v[k], h));
            assert_int_equal(d->takes[k].w[1], v[k]);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(free_accepts_null),
        cmocka_unit_test_setup_teardown(
            a_reserved_line_can_be_appended_and_growing_keeps_what_is_there, setup, teardown),
        cmocka_unit_test_setup_teardown(clearing_empties_and_keeps_the_room, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failed_reserve_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(
            moving_a_clock_rounds_its_increments_to_nearest_and_no_others, setup, teardown),
    };
    return cmocka_run_group_tests_name("delta", tests, NULL, NULL);
}
