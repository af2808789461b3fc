/* SPDX-License-Identifier: Apache-2.0
 *
 * test_user_fired.c -- what a user's block remembers of triggers, and its durable form.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "user_record.h"

enum { TRIGGERS = 40 };

static struct user *user(void) {
    struct user *u = NULL;
    assert_int_equal(user_new(2, "somebody", 8, &u), ST_OK);
    return u;
}

static void take(struct user **u, uint8_t domain, enum action action, int64_t ts_ms) {
    const struct user_line line = {.item = (uint32_t)(ts_ms % 50),
                                   .category = CATEGORY_NONE,
                                   .ts_ms = ts_ms,
                                   .domain = domain,
                                   .action = (uint8_t)action,
                                   .consumes = action_consumes((uint8_t)action),
                                   .repeats = domain == 1,
                                   .history = true};
    assert_int_equal(user_take(u, &line), ST_OK);
}

static void the_last_firing_of_each_trigger_is_remembered(void **state) {
    (void)state;
    struct user *u = user();
    struct user_firing f = {.at_ms = 5};
    assert_false(user_fired(u, 1, &f));
    assert_int_equal(f.at_ms, 5);
    assert_int_equal(user_fire(&u, 1, 10, 1000), ST_OK);
    assert_int_equal(user_fire(&u, 2, 20, -2000), ST_OK);
    assert_int_equal(user_fire(&u, 1, 11, 3000), ST_OK);
    assert_true(user_fired(u, 1, &f));
    assert_int_equal(f.at_ms, 3000);
    assert_int_equal(f.what, 11);
    assert_true(user_fired(u, 2, &f));
    assert_int_equal(f.at_ms, -2000);
    assert_int_equal(f.what, 20);
    assert_false(user_fired(u, 0, &f));
    assert_int_equal(user_fire(&u, 3, 0, INT64_C(1) << 47), ST_INVALID);
    user_free(u);
}

static void a_firing_costs_16_bytes_and_who_never_had_one_costs_nothing(void **state) {
    (void)state;
    struct user *u = user();
    const size_t before = user_bytes(u);
    for (uint32_t k = 0; k < 5; k++) {
        assert_int_equal(user_fire(&u, k, 0, k), ST_OK);
        assert_int_equal(user_fire(&u, k, 0, k), ST_OK);
    }
    assert_int_equal(user_bytes(u), before + 5 * (size_t)16);
    user_free(u);
}

static void of_more_triggers_than_there_is_room_for_the_oldest_firing_is_forgotten(void **state) {
    (void)state;
    struct user *u = user();
    struct user_firing f;
    for (uint32_t k = 0; k < TRIGGERS; k++) {
        assert_int_equal(user_fire(&u, k, k, (int64_t)1000 - k % 2 * 500 + k), ST_OK);
    }
    uint32_t n = 0;
    for (uint32_t k = 0; k < TRIGGERS; k++) {
        n += user_fired(u, k, &f);
    }
    assert_int_equal(n, USER_FIRED);
    assert_true(user_fired(u, TRIGGERS - 1, &f)); /* the newest is there, however old */
    assert_true(user_fired(u, TRIGGERS - 2, &f));
    user_free(u);
}

/* Everything else in the block moves aside. */
static void firings_disturb_nothing_and_are_disturbed_by_nothing(void **state) {
    (void)state;
    struct user *with = user();
    struct user *without = user();
    for (int k = 0; k < 400; k++) {
        const int64_t ts_ms = (int64_t)k * 60000;
        struct user **both[] = {&with, &without};
        for (int i = 0; i < 2; i++) {
            take(both[i], (uint8_t)(k % 2), k % 3 ? ACTION_ORDER : ACTION_VIEW, ts_ms);
            assert_int_equal(user_remember_event(both[i], (uint64_t)k), ST_OK);
            if (k % 90 == 0) {
                assert_int_equal(user_social_take(both[i], (uint32_t)k, 1.0F, ts_ms), ST_OK);
            }
        }
        if (k % 20 == 0) {
            assert_int_equal(user_fire(&with, (uint32_t)k / 20 % 7, (uint32_t)k, ts_ms), ST_OK);
        }
    }
    struct user_entry a[USER_HISTORY];
    struct user_entry b[USER_HISTORY];
    assert_int_equal(user_history(with, INT64_MAX, a, USER_HISTORY),
                     user_history(without, INT64_MAX, b, USER_HISTORY));
    for (int k = 0; k < USER_HISTORY; k++) {
        assert_int_equal(a[k].ts_ms, b[k].ts_ms);
        assert_int_equal(a[k].item, b[k].item);
    }
    assert_int_equal(user_n_of(with, 1), user_n_of(without, 1));
    assert_true(user_social(with, 0) == user_social(without, 0));
    assert_true(user_knows_event(with, 399));
    assert_int_equal(user_bytes(with), user_bytes(without) + 7 * (size_t)16);
    for (uint32_t k = 0; k < 7; k++) {
        struct user_firing f;
        assert_true(user_fired(with, k, &f));
        assert_int_equal(f.at_ms, (int64_t)f.what * 60000);
        assert_int_equal(f.what / 20 % 7, k);
    }
    user_free(with);
    user_free(without);
}

static void who_bought_something_of_a_domain_is_known(void **state) {
    (void)state;
    struct user *u = user();
    static const enum action no[] = {ACTION_VIEW,  ACTION_COMPLETE, ACTION_RATE,  ACTION_LIKE,
                                     ACTION_SHARE, ACTION_COMMENT,  ACTION_REPORT};
    for (size_t k = 0; k < sizeof no / sizeof *no; k++) {
        take(&u, 0, no[k], (int64_t)k);
    }
    assert_false(user_bought(u, 0));
    take(&u, 1, ACTION_PURCHASE, 100);
    assert_false(user_bought(u, 0));
    assert_true(user_bought(u, 1));
    take(&u, 0, ACTION_ENROLL, 100);
    assert_true(user_bought(u, 0));
    user_free(u);
}

static void the_durable_form_has_both(void **state) {
    (void)state;
    struct items *items = NULL;
    struct content *content = NULL;
    assert_int_equal(items_new(2, &items), ST_OK);
    assert_int_equal(content_new(&content), ST_OK);
    const struct user_words words = {.items = items, .content = content};
    struct user *u = user();
    for (uint32_t k = 0; k < 50; k++) {
        uint32_t i = 0;
        assert_int_equal(items_intern_nameless(items, 1000 + k, 1, &i), ST_OK);
    }
    take(&u, 1, ACTION_ORDER, 7);
    assert_int_equal(user_social_take(&u, 9, 1.0F, 8), ST_OK);
    for (uint32_t k = 0; k < USER_FIRED; k++) {
        assert_int_equal(user_fire(&u, k * 77, k, -INT64_C(1000) + k), ST_OK);
    }
    struct pack p = {0};
    user_record_write(u, 3, &words, &p);
    assert_false(p.failed);
    struct user *back = NULL;
    uint64_t voted = 0;
    assert_int_equal(user_record_read(p.bytes, p.len, 2, &words, &back, &voted), ST_OK);
    assert_int_equal(user_bytes(back), user_bytes(u));
    assert_true(user_bought(back, 1));
    assert_false(user_bought(back, 0));
    for (uint32_t k = 0; k < USER_FIRED; k++) {
        struct user_firing f;
        assert_true(user_fired(back, k * 77, &f));
        assert_int_equal(f.at_ms, -INT64_C(1000) + k);
        assert_int_equal(f.what, k);
    }
    struct pack again = {0};
    user_record_write(back, 3, &words, &again);
    assert_int_equal(again.len, p.len);
    assert_memory_equal(again.bytes, p.bytes, p.len);
    for (size_t len = 0; len < p.len; len++) {
        struct user *none = NULL;
        assert_int_equal(user_record_read(p.bytes, len, 2, &words, &none, &voted), ST_INVALID);
    }
    free(again.bytes);
    free(p.bytes);
    user_free(u);
    user_free(back);
    items_free(items);
    content_free(content);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_firing_of_each_trigger_is_remembered),
        cmocka_unit_test(a_firing_costs_16_bytes_and_who_never_had_one_costs_nothing),
        cmocka_unit_test(of_more_triggers_than_there_is_room_for_the_oldest_firing_is_forgotten),
        cmocka_unit_test(firings_disturb_nothing_and_are_disturbed_by_nothing),
        cmocka_unit_test(who_bought_something_of_a_domain_is_known),
        cmocka_unit_test(the_durable_form_has_both),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
