/* SPDX-License-Identifier: Apache-2.0
 *
 * test_users.c -- contract tests of models/users.h, against an array of hashes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failing_alloc.h"
#include "mix.h"
#include "users.h"

static struct users *new_users(void) {
    struct users *t = NULL;
    assert_int_equal(users_new(2, &t), ST_OK);
    return t;
}

static uint32_t intern(struct users *t, uint64_t hash) {
    char id[32];
    int len = snprintf(id, sizeof id, "u%llu", (unsigned long long)hash);
    uint32_t slot = USER_NONE;
    assert_int_equal(users_intern(t, hash, id, (size_t)len, &slot), ST_OK);
    return slot;
}

static void new_refuses_a_bad_number_of_domains(void **state) {
    (void)state;
    struct users *t = NULL;
    assert_int_equal(users_new(0, &t), ST_INVALID);
    assert_int_equal(users_new(DOMAINS_MAX + 1, &t), ST_INVALID);
    assert_null(t);
    users_free(NULL);
}

static void an_empty_table_finds_nobody(void **state) {
    (void)state;
    struct users *t = new_users();
    assert_int_equal(users_find(t, 0), USER_NONE);
    assert_int_equal(users_n(t), 0);
    assert_int_equal(users_n_alive(t), 0);
    assert_null(users_get(t, 0));
    users_free(t);
}

/* Hashes of three kinds: random, consecutive, equal in their low bits. */
static uint64_t hash_of(uint32_t i) {
    return i % 3 == 0 ? mix64(i) : i % 3 == 1 ? i : (uint64_t)i << 40;
}

static void slots_are_dense_in_order_of_first_sight_and_stable(void **state) {
    (void)state;
    struct users *t = new_users();
    for (uint32_t i = 0; i < 20000; i++) {
        assert_int_equal(users_find(t, hash_of(i)), USER_NONE);
        assert_int_equal(intern(t, hash_of(i)), i);
        assert_int_equal(intern(t, hash_of(i / 2)), i / 2);
    }
    for (uint32_t i = 0; i < 20000; i++) {
        assert_int_equal(users_find(t, hash_of(i)), i);
        assert_true(users_hash(t, i) == hash_of(i));
        assert_ptr_equal(users_get(t, i), *users_place(t, i));
        size_t len = 0;
        char want[32];
        int n = snprintf(want, sizeof want, "u%llu", (unsigned long long)hash_of(i));
        const char *id = user_id(users_get(t, i), &len);
        assert_int_equal(len, n);
        assert_memory_equal(id, want, len);
    }
    assert_int_equal(users_n(t), 20000);
    assert_int_equal(users_n_alive(t), 20000);
    assert_int_equal(users_find(t, 777777777), USER_NONE);
    users_free(t);
}

static void a_user_taken_away_is_not_found_and_comes_back_empty_in_its_slot(void **state) {
    (void)state;
    struct users *t = new_users();
    for (uint32_t i = 0; i < 100; i++) {
        intern(t, hash_of(i));
    }
    struct user_line line = {.item = 4, .ts_ms = 5, .consumes = true, .history = true};
    assert_int_equal(user_take(users_place(t, 40), &line), ST_OK);
    users_replace(t, 40, NULL);
    users_replace(t, 40, NULL);
    assert_int_equal(users_find(t, hash_of(40)), USER_NONE);
    assert_null(users_get(t, 40));
    assert_true(users_hash(t, 40) == hash_of(40));
    assert_int_equal(users_n(t), 100);
    assert_int_equal(users_n_alive(t), 99);
    for (uint32_t i = 100; i < 400; i++) {
        intern(t, hash_of(i)); /* the table grows over the gap */
    }
    assert_int_equal(users_find(t, hash_of(40)), USER_NONE);
    assert_int_equal(intern(t, hash_of(40)), 40);
    assert_int_equal(users_find(t, hash_of(40)), 40);
    assert_int_equal(user_n(users_get(t, 40)), 0);
    assert_int_equal(users_n(t), 400);
    assert_int_equal(users_n_alive(t), 400);
    users_free(t);
}

static void replace_owns_the_block_it_is_given(void **state) {
    (void)state;
    struct users *t = new_users();
    intern(t, 5);
    struct user_line line = {.item = 4, .ts_ms = 5, .history = true};
    struct user *before = NULL;
    assert_int_equal(user_copy(users_get(t, 0), &before), ST_OK);
    assert_int_equal(user_take(users_place(t, 0), &line), ST_OK);
    users_replace(t, 0, before); /* undo */
    assert_ptr_equal(users_get(t, 0), before);
    assert_int_equal(user_n(users_get(t, 0)), 0);
    users_replace(t, 0, before); /* itself: stays */
    assert_int_equal(user_n(users_get(t, 0)), 0);
    assert_int_equal(users_n_alive(t), 1);
    users_free(t);
}

static void put_makes_the_slot_and_replaces_who_was_there(void **state) {
    (void)state;
    struct users *t = new_users();
    intern(t, hash_of(0));
    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < 300; i++) {
            struct user *u = NULL;
            uint32_t slot = USER_NONE;
            assert_int_equal(user_copy(users_get(t, 0), &u), ST_OK);
            if (round == 2) {
                users_replace(t, i, NULL); /* taken away: he comes back to his slot */
            }
            assert_int_equal(users_put(t, hash_of(i), u, &slot), ST_OK);
            assert_int_equal(slot, i);
            assert_ptr_equal(users_get(t, i), u);
            assert_int_equal(users_find(t, hash_of(i)), i);
            if (i == 0 && round == 2) {
                assert_int_equal(users_n_alive(t), 300);
            }
        }
        assert_int_equal(users_n(t), 300);
        assert_int_equal(users_n_alive(t), 300);
    }
    users_free(t);
}

static void bytes_count_the_blocks(void **state) {
    (void)state;
    struct users *t = new_users();
    intern(t, 1);
    size_t before = users_bytes(t);
    intern(t, 2);
    size_t block = user_room(users_get(t, 1));
    assert_int_equal(users_bytes(t), before + block);
    users_replace(t, 1, NULL);
    assert_int_equal(users_bytes(t), before);
    assert_true(before > user_room(users_get(t, 0)));
    users_free(t);
}

static void a_bad_id_makes_no_user(void **state) {
    (void)state;
    struct users *t = new_users();
    char id[ID_LEN_MAX + 1] = {0};
    uint32_t slot = 77;
    assert_int_equal(users_intern(t, 1, id, 0, &slot), ST_INVALID);
    assert_int_equal(users_intern(t, 1, id, sizeof id, &slot), ST_INVALID);
    assert_int_equal(slot, 77);
    assert_int_equal(users_n(t), 0);
    assert_int_equal(users_find(t, 1), USER_NONE);
    users_free(t);
}

static void without_memory_nobody_is_made_and_everybody_stays(void **state) {
    (void)state;
    if (!CAN_FAIL) {
        skip();
    }
    struct users *t = new_users();
    uint32_t made = 0;
    for (uint32_t i = 0; i < 3000; i++) {
        uint32_t slot = USER_NONE;
        fail_after((int)(mix64(i) % 5));
        enum status st = users_intern(t, hash_of(made), "x", 1, &slot);
        fail_after(-1);
        if (st) {
            assert_int_equal(st, ST_NOMEM);
            assert_int_equal(slot, USER_NONE);
            assert_int_equal(users_find(t, hash_of(made)), USER_NONE);
        } else {
            assert_int_equal(slot, made++);
        }
        assert_int_equal(users_n(t), made);
        assert_int_equal(users_n_alive(t), made);
    }
    for (uint32_t i = 0; i < made; i++) {
        assert_int_equal(users_find(t, hash_of(i)), i);
    }
    users_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_refuses_a_bad_number_of_domains),
        cmocka_unit_test(an_empty_table_finds_nobody),
        cmocka_unit_test(slots_are_dense_in_order_of_first_sight_and_stable),
        cmocka_unit_test(a_user_taken_away_is_not_found_and_comes_back_empty_in_its_slot),
        cmocka_unit_test(replace_owns_the_block_it_is_given),
        cmocka_unit_test(put_makes_the_slot_and_replaces_who_was_there),
        cmocka_unit_test(bytes_count_the_blocks),
        cmocka_unit_test(a_bad_id_makes_no_user),
        cmocka_unit_test(without_memory_nobody_is_made_and_everybody_stays),
    };
    return cmocka_run_group_tests_name("users", tests, NULL, NULL);
}
