/* SPDX-License-Identifier: Apache-2.0
 * test_user_pool.c -- models/user_pool.h: copies into blocks that others gave back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "mix.h"
#include "user_pool.h"

enum { USERS = 40 };

/* Somebody of n purchases. */
static struct user *made(uint32_t number, uint32_t n) {
    static const uint64_t hashes[1000];
    struct user *u = NULL;
    assert_int_equal(user_new(2, (const char[]){'u', (char)('0' + number)}, 2, &u), ST_OK);
    for (uint32_t k = 0; k < n; k++) {
        const struct user_line line = {.item = number * 7 + k,
                                       .ts_ms = 1000 + k,
                                       .hashes = hashes,
                                       .category = k % 5,
                                       .domain = (uint8_t)(k % 2),
                                       .action = ACTION_PURCHASE,
                                       .consumes = true,
                                       .history = true};
        assert_int_equal(user_take(&u, &line), ST_OK);
    }
    return u;
}

static void assert_copy(const struct user *copy, const struct user *of) {
    assert_ptr_not_equal(copy, of);
    assert_int_equal(user_bytes(copy), user_bytes(of));
    assert_memory_equal(copy, of, user_bytes(of));
}

static void a_copy_is_taken_from_what_was_given_back(void **state) {
    (void)state;
    struct user_pool p = {{NULL}};
    struct user *u = made(1, 9);
    struct user *first = NULL;
    struct user *again = NULL;
    struct user *other = NULL;
    assert_int_equal(user_pool_copy(&p, u, &first), ST_OK);
    assert_copy(first, u);
    user_pool_give(&p, first);
    assert_int_equal(user_pool_copy(&p, u, &again), ST_OK);
    assert_ptr_equal(again, first);
    assert_copy(again, u);
    assert_int_equal(user_pool_copy(&p, u, &other), ST_OK); /* nothing is left */
    assert_copy(other, u);
    assert_copy(again, u);
    user_pool_give(&p, NULL);
    user_free(u);
    user_free(again);
    user_free(other);
    user_pool_clear(&p);
}

/* Users who grow: a block that is too small for one is never his, and one that was taken may grow
 * as any other. */
static void blocks_have_room_for_whom_they_are_given_to(void **state) {
    (void)state;
    struct user_pool p = {{NULL}};
    struct user *users[USERS];
    struct user *copies[USERS] = {NULL};
    struct rng rng = {71};
    print_message("seed 71\n");
    for (uint32_t k = 0; k < USERS; k++) {
        users[k] = made(k, k);
        assert_in_range(user_room(users[k]), user_bytes(users[k]),
                        user_bytes(users[k]) + USER_BLOCK_UNIT - 1);
    }
    for (uint32_t round = 0; round < 3000; round++) {
        const uint32_t k = rng_below(&rng, USERS);
        if (copies[k]) {
            assert_copy(copies[k], users[k]);
            user_pool_give(&p, copies[k]);
            copies[k] = NULL;
            const struct user_line line = {.item = 5000 + round,
                                           .ts_ms = 2000 + round,
                                           .category = CATEGORY_NONE,
                                           .domain = 1,
                                           .consumes = true,
                                           .history = true};
            assert_int_equal(user_take(&users[k], &line), ST_OK);
        } else {
            assert_int_equal(user_pool_copy(&p, users[k], &copies[k]), ST_OK);
        }
        if (round % 500 == 499) {
            user_pool_clear(&p);
        }
    }
    for (uint32_t k = 0; k < USERS; k++) {
        user_free(users[k]);
        user_pool_give(&p, copies[k]);
    }
    user_pool_clear(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_is_taken_from_what_was_given_back),
        cmocka_unit_test(blocks_have_room_for_whom_they_are_given_to),
    };
    return cmocka_run_group_tests_name("user pool", tests, NULL, NULL);
}
