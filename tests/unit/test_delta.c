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
    d->category_takes[d->n_category_takes++] =
        (struct category_take){.g = number, .weight = 1, .item = number};
    for (uint32_t k = 0; k < CATEGORIES_WINDOW; k++) {
        d->category_pairs[d->n_category_pairs++] = (struct pair_add){.from = k, .to = number};
    }
}

static void assert_lines(const struct delta *d, uint32_t n) {
    assert_int_equal(d->n_takes, n);
    assert_int_equal(d->n_contexts, n);
    assert_int_equal(d->n_pairs, n * PAIRS_WINDOW);
    assert_int_equal(d->n_obs, n * RANKER_SAMPLE_MAX);
    assert_int_equal(d->n_category_takes, n);
    assert_int_equal(d->n_category_pairs, n * CATEGORIES_WINDOW);
    for (uint32_t k = 0; k < n; k++) {
        assert_int_equal(d->takes[k].w[0], k);
        assert_int_equal(d->contexts[k].p[0], k);
        assert_int_equal(d->pairs[k * PAIRS_WINDOW + PAIRS_WINDOW - 1].from, k);
        assert_int_equal(d->obs[k * RANKER_SAMPLE_MAX + RANKER_SAMPLE_MAX - 1].obs, k);
        assert_int_equal(d->category_takes[k].g, k);
        assert_int_equal(d->category_pairs[k * CATEGORIES_WINDOW + CATEGORIES_WINDOW - 1].to, k);
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
        assert_true(d->n_category_takes <= d->cap_category_takes);
        assert_true(d->n_category_pairs <= d->cap_category_pairs);
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
    const size_t a_line = sizeof *d->takes + sizeof *d->contexts + sizeof *d->category_takes +
                          RANKER_SAMPLE_MAX * sizeof *d->obs + PAIRS_WINDOW * sizeof *d->pairs +
                          CATEGORIES_WINDOW * sizeof *d->category_pairs;
    assert_int_equal(delta_bytes(d), empty + 300 * a_line);
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
    for (int n = 0; CAN_FAIL && n < 6; n++) { /* each of the six arrays refuses in turn */
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

enum { VALUES = 64 };

/* Values of every size and sign, among them those half-way between two results. */
static void draw_values(struct rng *rng, int64_t h, int64_t v[VALUES]) {
    for (int k = 0; k < VALUES; k++) {
        v[k] = (int64_t)(rng_next(rng) >> (1 + rng_below(rng, 62)));
        v[k] = k < 8 ? k - 4 : k < 16 && h > 0 && h < 62 ? INT64_C(1) << (h - 1) : v[k];
        v[k] = k % 2 ? -v[k] : v[k];
        v[k] = v[k] > INT64_MAX / 2 ? INT64_MAX / 2 : v[k];
        v[k] = v[k] < -INT64_MAX / 2 ? -INT64_MAX / 2 : v[k];
    }
}

static void note_values(struct delta *d, const int64_t v[VALUES]) {
    for (int k = 0; k < VALUES; k++) {
        assert_int_equal(delta_reserve_line(d), ST_OK);
        d->takes[d->n_takes++] = (struct delta_take){.w = {v[k], v[k], v[k], v[k]}};
        d->obs[d->n_obs++] = (struct delta_obs){.obs = v[k], .exp = -v[k]};
        d->category_takes[d->n_category_takes++] = (struct category_take){.g = v[k]};
    }
}

/* What each clock was moved by, in half-lives. */
static void assert_moved(const struct delta *d, const int64_t v[VALUES], int64_t clock_2,
                         int64_t obs, int64_t categories) {
    for (int k = 0; k < VALUES; k++) {
        assert_int_equal(d->takes[k].w[0], v[k]);
        assert_int_equal(d->takes[k].w[1], v[k]);
        assert_int_equal(d->takes[k].w[2], halved(v[k], clock_2));
        assert_int_equal(d->takes[k].w[3], v[k]);
        assert_int_equal(d->obs[k].obs, halved(v[k], obs));
        assert_int_equal(d->obs[k].exp, halved(-v[k], obs));
        assert_int_equal(d->category_takes[k].g, halved(v[k], categories));
    }
}

static void moving_a_clock_rounds_its_increments_to_nearest_and_no_others(void **state) {
    struct delta *d = *state;
    struct rng rng = {7};
    for (int64_t h = 0; h <= 70; h++) {
        int64_t v[VALUES];
        delta_clear(d);
        draw_values(&rng, h, v);
        note_values(d, v);
        delta_move_clock(d, 2, h);
        assert_moved(d, v, h, 0, 0);
        delta_move_obs(d, h);
        assert_moved(d, v, h, h, 0);
        delta_move_categories(d, h);
        assert_moved(d, v, h, h, h);
    }
}

/* ---- what travels through a log ------------------------------------------------------------ */

static void draw_mini(struct rng *rng, struct mini_batch *m) {
    *m = (struct mini_batch){.n_events = rng_below(rng, 99), .n_trained = rng_below(rng, 99)};
    m->factors.n = rng_below(rng, 1 << 20);
    m->factors.n_users = rng_below(rng, 99);
    for (int k = 0; k < FACTORS_SYM; k++) {
        m->factors.pp[k] = (int64_t)rng_below(rng, UINT32_MAX) - INT32_MAX;
    }
    m->segments.generation = 2;
    m->segments.n_all = rng_below(rng, 99);
    for (int d = 0; d < FEATURES_MAX; d++) {
        m->segments.all_x[d] = rng_below(rng, 99);
        m->segments.x[3][d] = rng_below(rng, 99);
    }
    m->segments.n[3] = rng_below(rng, 99);
    m->segments.sse[3] = rng_below(rng, 99);
}

static void closed_mini_batches_are_added_up(void **state) {
    struct delta *d = *state;
    struct rng rng = {12};
    static struct mini_batch m[3];
    assert_true(delta_is_empty(d));
    for (int k = 0; k < 3; k++) {
        draw_mini(&rng, &m[k]);
        delta_close(d, &m[k]);
        assert_false(delta_is_empty(d));
    }
    const struct mini_batch *sum = &d->closed;
    assert_int_equal(sum->n_events, m[0].n_events + m[1].n_events + m[2].n_events);
    assert_int_equal(sum->n_trained, m[0].n_trained + m[1].n_trained + m[2].n_trained);
    assert_int_equal(sum->factors.n, m[0].factors.n + m[1].factors.n + m[2].factors.n);
    assert_int_equal(sum->factors.n_users,
                     m[0].factors.n_users + m[1].factors.n_users + m[2].factors.n_users);
    for (int k = 0; k < FACTORS_SYM; k++) {
        assert_int_equal(sum->factors.pp[k],
                         m[0].factors.pp[k] + m[1].factors.pp[k] + m[2].factors.pp[k]);
    }
    for (int k = 0; k < FEATURES_MAX; k++) {
        assert_int_equal(sum->segments.x[3][k],
                         m[0].segments.x[3][k] + m[1].segments.x[3][k] + m[2].segments.x[3][k]);
    }
    assert_int_equal(sum->segments.n_all,
                     m[0].segments.n_all + m[1].segments.n_all + m[2].segments.n_all);
    delta_clear(d);
    assert_true(delta_is_empty(d));
    delta_close(d, &m[1]); /* nothing of before is left */
    assert_memory_equal(&d->closed, &m[1], sizeof m[1]);
}

static void anything_at_all_makes_it_not_empty(void **state) {
    struct delta *d = *state;
    for (int k = 0; k < 11; k++) {
        delta_clear(d);
        assert_true(delta_is_empty(d));
        assert_int_equal(delta_reserve_line(d), ST_OK);
        assert_true(delta_is_empty(d));
        switch (k) {
        case 0: d->n_takes++; break;
        case 1: d->n_pairs++; break;
        case 2: d->n_contexts++; break;
        case 3: d->n_obs++; break;
        case 4: d->n_category_takes++; break;
        case 5: d->n_category_pairs++; break;
        case 6: d->n_deals++; break;
        case 7: d->n_events++; break;
        case 8: d->has_nets = true; break;
        case 9: d->has_closed = true; break;
        default: assert_int_equal(delta_name_item(d, 3), ST_OK); break;
        }
        assert_false(delta_is_empty(d));
    }
}

static void items_to_be_named_are_kept_in_order(void **state) {
    struct delta *d = *state;
    const size_t empty = delta_bytes(d);
    for (uint32_t k = 0; k < 1000; k++) {
        assert_int_equal(delta_name_item(d, 7 * k), ST_OK);
    }
    assert_int_equal(d->n_items, 1000);
    for (uint32_t k = 0; k < 1000; k++) {
        assert_int_equal(d->items[k], 7 * k);
    }
    assert_int_equal(delta_bytes(d), empty + 1000 * sizeof *d->items);
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
        cmocka_unit_test_setup_teardown(closed_mini_batches_are_added_up, setup, teardown),
        cmocka_unit_test_setup_teardown(anything_at_all_makes_it_not_empty, setup, teardown),
        cmocka_unit_test_setup_teardown(items_to_be_named_are_kept_in_order, setup, teardown),
    };
    return cmocka_run_group_tests_name("delta", tests, NULL, NULL);
}
