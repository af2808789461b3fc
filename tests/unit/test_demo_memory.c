/* SPDX-License-Identifier: Apache-2.0
 * test_demo_memory.c -- tests the contract in demo_memory.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "demo_memory.h"

static struct demo_memory *memory(void) {
    struct demo_memory *m = NULL;
    assert_int_equal(demo_memory_new(&m), ST_OK);
    return m;
}

static void add(struct demo_memory *m, const char *user, int k) {
    struct demo_happening h = {.domain = (uint32_t)k % 3,
                               .ts_ms = k,
                               .action = ACTION_ORDER,
                               .injected = k % 2 == 1,
                               .n_lines = 2};
    snprintf(h.user, sizeof h.user, "%s", user);
    snprintf(h.items[0], sizeof h.items[0], "item-%d", k);
    snprintf(h.items[1], sizeof h.items[1], "other-%d", k);
    demo_memory_add(m, &h);
}

static void a_users_events_come_back_newest_first(void **state) {
    (void)state;
    struct demo_memory *m = memory();
    struct demo_happening out[3];
    for (int k = 0; k < 100; k++) {
        add(m, k % 10 == 7 ? "seven" : "others", k);
    }
    assert_int_equal(demo_memory_of(m, "seven", out, 3), 3);
    for (int k = 0; k < 3; k++) {
        const int at = 97 - 10 * k;
        char item[32];
        snprintf(item, sizeof item, "other-%d", at);
        assert_string_equal(out[k].user, "seven");
        assert_int_equal(out[k].ts_ms, at);
        assert_int_equal(out[k].domain, at % 3);
        assert_int_equal(out[k].action, ACTION_ORDER);
        assert_true(out[k].injected);
        assert_string_equal(out[k].items[1], item);
    }
    assert_int_equal(demo_memory_of(m, "nobody", out, 3), 0);
    assert_int_equal(demo_memory_of(m, "seve", out, 3), 0);
    demo_memory_free(m);
    demo_memory_free(NULL);
}

static void the_oldest_are_pushed_out(void **state) {
    (void)state;
    struct demo_memory *m = memory();
    struct demo_happening out[2];
    add(m, "first", 0);
    for (int k = 1; k < DEMO_MEMORY; k++) {
        add(m, "others", k);
    }
    assert_int_equal(demo_memory_of(m, "first", out, 2), 1);
    add(m, "others", 1);
    assert_int_equal(demo_memory_of(m, "first", out, 2), 0);
    add(m, "last", 1);
    assert_int_equal(demo_memory_of(m, "last", out, 2), 1); /* and nothing comes round again */
    demo_memory_free(m);
}

static void users_with_long_ids_are_not_kept_and_long_items_are_cut(void **state) {
    (void)state;
    struct demo_memory *m = memory();
    struct demo_happening h = {.n_lines = 1};
    struct demo_happening out;
    memset(h.user, 'u', DEMO_MEMORY_ID + 1);
    demo_memory_add(m, &h);
    assert_int_equal(demo_memory_of(m, h.user, &out, 1), 0);
    h.user[DEMO_MEMORY_ID] = '\0';
    memset(h.items[0], 'i', ID_LEN_MAX);
    demo_memory_add(m, &h);
    assert_int_equal(demo_memory_of(m, h.user, &out, 1), 1);
    assert_int_equal(strlen(out.items[0]), DEMO_MEMORY_ID);
    demo_memory_free(m);
}

static bool wanted(void *arg, const char *user) {
    return strcmp(user, arg) != 0;
}

static void the_newest_user_who_is_wanted_is_found(void **state) {
    (void)state;
    struct demo_memory *m = memory();
    char user[ID_LEN_MAX + 1] = "untouched";
    char b[] = "b";
    assert_false(demo_memory_find(m, wanted, b, user));
    assert_string_equal(user, "untouched");
    add(m, "a", 1);
    add(m, "c", 2);
    add(m, "b", 3);
    assert_true(demo_memory_find(m, wanted, b, user));
    assert_string_equal(user, "c");
    demo_memory_free(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_users_events_come_back_newest_first),
        cmocka_unit_test(the_oldest_are_pushed_out),
        cmocka_unit_test(users_with_long_ids_are_not_kept_and_long_items_are_cut),
        cmocka_unit_test(the_newest_user_who_is_wanted_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
