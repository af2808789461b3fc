/* SPDX-License-Identifier: Apache-2.0
 * test_batch.c -- contract tests of models/batch.h, in the order of that header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "batch.h"
#include "failing_alloc.h"
#include "fixed.h"

enum { USERS = 40 };

/* A batch beside the users, votes, record and shared model that it remembers. */
struct bench {
    struct batch batch;
    struct users *users;
    struct shared *shared;
    struct task_record record;
    uint64_t voted_in[2 * USERS];
};

static uint32_t add_user(struct bench *b, uint64_t hash) {
    uint32_t slot = USER_NONE;
    assert_int_equal(users_intern(b->users, hash, "someone", 7, &slot), ST_OK);
    return slot;
}

static void take(struct bench *b, uint32_t slot, uint32_t item, int64_t ts_ms) {
    const struct user_line line = {
        .item = item, .ts_ms = ts_ms, .amount = 2.5F, .consumes = true, .history = true};
    assert_int_equal(user_take(users_place(b->users, slot), &line), ST_OK);
}

static int setup(void **state) {
    struct bench *b = calloc(1, sizeof *b);
    const struct shared_params params = {
        .n_domains = 2, .seed = 3, .segments = {.k = 2, .seed_points = 8, .half_life = 100.0}};
    assert_non_null(b);
    assert_int_equal(batch_init(&b->batch), ST_OK);
    assert_int_equal(users_new(2, &b->users), ST_OK);
    assert_int_equal(shared_new(&params, &b->shared), ST_OK);
    for (uint32_t k = 0; k < USERS; k++) {
        take(b, add_user(b, 1000 + k), k, 5000 + k);
        b->voted_in[k] = k;
    }
    ranker_init(&b->record.ranker, 5);
    b->record.mini.n_events = 3;
    b->record.mini_number = 9;
    b->record.taken_ms = 77;
    batch_open(&b->batch, &b->record);
    *state = b;
    return 0;
}

static int teardown(void **state) {
    struct bench *b = *state;
    batch_free(&b->batch);
    users_free(b->users);
    shared_free(b->shared);
    free(b);
    return 0;
}

static void remember(struct bench *b, uint32_t slot) {
    assert_int_equal(batch_remember(&b->batch, b->users, slot, b->voted_in[slot]), ST_OK);
}

static void undo(struct bench *b) {
    batch_undo(&b->batch, b->users, b->voted_in, &b->record, b->shared);
}

/* ---- tests ------------------------------------------------------------------------------- */

static void free_accepts_a_batch_that_was_never_made_and_one_freed_before(void **state) {
    (void)state;
    struct batch b = {0};
    batch_free(&b);
    assert_int_equal(batch_init(&b), ST_OK);
    batch_free(&b);
    batch_free(&b);
}

static void undo_puts_every_byte_of_the_users_back(void **state) {
    struct bench *b = *state;
    struct user *before[USERS];
    for (uint32_t k = 0; k < USERS; k++) {
        assert_int_equal(user_copy(users_get(b->users, k), &before[k]), ST_OK);
        remember(b, k);
        for (uint32_t z = 0; z < 30; z++) { /* grows the block: it moves */
            take(b, k, 100 + z, 6000 + z);
        }
        b->voted_in[k] = 1234;
    }
    undo(b);
    for (uint32_t k = 0; k < USERS; k++) {
        const struct user *u = users_get(b->users, k);
        assert_int_equal(user_bytes(u), user_bytes(before[k]));
        assert_memory_equal(u, before[k], user_bytes(u));
        assert_int_equal(b->voted_in[k], k);
        user_free(before[k]);
    }
}

static void undo_puts_the_task_record_back(void **state) {
    struct bench *b = *state;
    const struct task_record before = b->record;
    b->record.ranker.net[RANKER_FULL].v[0] = 42.0F;
    b->record.ranker.m[RANKER_TWIN].o[3] = 42.0F;
    b->record.ranker.gate[1][true] = -42.0;
    b->record.ranker.pace = 2.0F;
    b->record.mini.n_events = 99;
    b->record.mini_number++;
    b->record.taken_ms = 88;
    undo(b);
    assert_memory_equal(&b->record, &before, sizeof before);
}

static void a_user_born_in_the_batch_is_gone_after_undo(void **state) {
    struct bench *b = *state;
    const uint32_t slot = add_user(b, 5);
    assert_int_equal(batch_remember_new(&b->batch, slot, 0), ST_OK);
    take(b, slot, 1, 1);
    undo(b);
    assert_int_equal(users_find(b->users, 5), USER_NONE);
    assert_null(users_get(b->users, slot));
    assert_int_equal(users_n_alive(b->users), USERS);
}

static void a_forgotten_user_is_gone_after_undo_and_the_others_are_not(void **state) {
    struct bench *b = *state;
    for (uint32_t k = 0; k < USERS; k++) {
        remember(b, k);
        take(b, k, 100, 6000);
    }
    const size_t bytes = batch_bytes(&b->batch);
    const size_t image = user_room(b->batch.images[1].before);
    users_replace(b->users, 1, NULL);
    batch_forget(&b->batch, 1);
    assert_int_equal(batch_bytes(&b->batch), bytes - image);
    batch_forget(&b->batch, 1);
    batch_forget(&b->batch, 99999); /* nobody */
    assert_int_equal(batch_bytes(&b->batch), bytes - image);
    undo(b);
    assert_null(users_get(b->users, 1));
    assert_int_equal(b->voted_in[1], 1);
    assert_int_equal(users_n_alive(b->users), USERS - 1);
    for (uint32_t k = 0; k < USERS; k++) {
        assert_int_equal(k == 1 ? 1 : user_n(users_get(b->users, k)), 1);
    }
}

static void undo_takes_the_counts_out_of_the_shared_model(void **state) {
    struct bench *b = *state;
    uint32_t item[2];
    int64_t w[POP_CLOCKS];
    int64_t got[3];
    assert_int_equal(shared_intern(b->shared, 1, 0, "a", 1, &item[0]), ST_OK);
    assert_int_equal(shared_intern(b->shared, 2, 0, "b", 1, &item[1]), ST_OK);
    assert_int_equal(delta_reserve_line(b->batch.delta), ST_OK);
    assert_int_equal(popularity_weigh(b->shared->popularity, 0, w), ST_OK);
    shared_add_take(b->shared, b->batch.delta, item[0], 0, 0, w, FIXED_ONE);
    const struct pair_add add = pairs_weigh(item[0], item[1], 0, 10);
    assert_int_equal(shared_add_pair(b->shared, b->batch.delta, &add), ST_OK);
    shared_add_event(b->shared, b->batch.delta);
    undo(b);
    assert_int_equal(popularity_count(b->shared->popularity, item[0], 0), 0);
    assert_int_equal(popularity_events(b->shared->popularity, 0), 0);
    assert_false(pairs_get(b->shared->pairs, item[0], item[1], &got[0], &got[1], &got[2]));
    assert_int_equal(b->shared->n_events, 0);
}

static void a_batch_is_empty_after_undo_drop_and_open(void **state) {
    struct bench *b = *state;
    const size_t empty = batch_bytes(&b->batch);
    for (int how = 0; how < 3; how++) {
        for (uint32_t k = 0; k < USERS; k++) {
            const size_t was = batch_bytes(&b->batch);
            remember(b, k);
            assert_true(batch_bytes(&b->batch) >= was + user_bytes(users_get(b->users, k)));
        }
        assert_int_equal(b->batch.n_images, USERS);
        assert_int_equal(delta_reserve_line(b->batch.delta), ST_OK);
        shared_add_event(b->shared, b->batch.delta);
        if (how == 0) {
            undo(b);
        } else if (how == 1) {
            batch_drop(&b->batch);
        } else {
            batch_open(&b->batch, &b->record);
        }
        assert_int_equal(b->batch.n_images, 0);
        assert_int_equal(b->batch.delta->n_events, 0);
        assert_int_equal(batch_bytes(&b->batch), empty);
    }
}

static void undo_after_drop_changes_no_user(void **state) {
    struct bench *b = *state;
    remember(b, 0);
    take(b, 0, 50, 9000);
    batch_open(&b->batch, &b->record); /* committed: the next batch */
    undo(b);
    assert_int_equal(user_n(users_get(b->users, 0)), 2);
}

static void a_refused_allocation_remembers_nothing(void **state) {
    struct bench *b = *state;
    for (int n = 0; CAN_FAIL && n < 2; n++) { /* the copy, then the array */
        const size_t bytes = batch_bytes(&b->batch);
        fail_after(n);
        enum status st = batch_remember(&b->batch, b->users, 0, 0);
        fail_after(-1);
        assert_int_equal(st, ST_NOMEM);
        assert_int_equal(b->batch.n_images, 0);
        assert_int_equal(batch_bytes(&b->batch), bytes);
    }
    if (CAN_FAIL) {
        fail_after(0);
        enum status st = batch_remember_new(&b->batch, 0, 0);
        fail_after(-1);
        assert_int_equal(st, ST_NOMEM);
        assert_int_equal(b->batch.n_images, 0);
        struct batch other;
        fail_after(0);
        st = batch_init(&other);
        fail_after(-1);
        assert_int_equal(st, ST_NOMEM);
        batch_free(&other);
    }
}

static void a_delta_can_be_handed_on_and_the_batch_gets_another(void **state) {
    struct bench *b = *state;
    remember(b, 3);
    struct delta *handed = batch_take_delta(&b->batch);
    assert_non_null(handed);
    assert_null(b->batch.delta);
    batch_drop(&b->batch); /* users are dropped all the same */
    assert_int_equal(b->batch.n_images, 0);
    b->batch.delta = handed;
    b->batch.seen = true;
    batch_open(&b->batch, &b->record);
    assert_false(b->batch.seen);
    handed = batch_take_delta(&b->batch);
    remember(b, 4);
    batch_free(&b->batch); /* without */
    delta_free(handed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(free_accepts_a_batch_that_was_never_made_and_one_freed_before),
        cmocka_unit_test_setup_teardown(undo_puts_every_byte_of_the_users_back, setup, teardown),
        cmocka_unit_test_setup_teardown(undo_puts_the_task_record_back, setup, teardown),
        cmocka_unit_test_setup_teardown(a_user_born_in_the_batch_is_gone_after_undo, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_forgotten_user_is_gone_after_undo_and_the_others_are_not,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(undo_takes_the_counts_out_of_the_shared_model, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_batch_is_empty_after_undo_drop_and_open, setup, teardown),
        cmocka_unit_test_setup_teardown(undo_after_drop_changes_no_user, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refused_allocation_remembers_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_delta_can_be_handed_on_and_the_batch_gets_another, setup,
                                        teardown),
    };
    return cmocka_run_group_tests_name("batch", tests, NULL, NULL);
}
