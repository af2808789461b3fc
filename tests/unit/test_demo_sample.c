/* SPDX-License-Identifier: Apache-2.0
 * test_demo_sample.c -- tests the contract in demo_sample.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "demo_sample.h"

static struct demo_sample *sample_of(uint32_t min_domains) {
    struct demo_sample *s = NULL;
    assert_int_equal(demo_sample_new(min_domains, 1000, &s), ST_OK);
    return s;
}

static enum demo_sample_sight see(struct demo_sample *s, const char *user, uint32_t domain,
                                  int64_t now_ms) {
    return demo_sample_see(s, user, strlen(user), domain, now_ms);
}

static void the_sample_is_the_first_user_active_in_two_domains(void **state) {
    (void)state;
    struct demo_sample *s = sample_of(2);
    for (int k = 0; k < 10; k++) {
        assert_int_equal(see(s, "one-sided", 0, k), SAMPLE_OTHER);
    }
    assert_int_equal(see(s, "new", 0, 11), SAMPLE_OTHER);
    assert_int_equal(see(s, "new", 1, 12), SAMPLE_OTHER); /* too little is known of him */
    assert_int_equal(see(s, "one-sided", 1, 13), SAMPLE_CHOSEN);
    assert_int_equal(see(s, "one-sided", 0, 14), SAMPLE_EVENT);
    assert_int_equal(demo_sample_other(s, 0), 1);
    assert_int_equal(demo_sample_other(s, 1), 0);
    demo_sample_free(s);
}

static void in_a_single_domain_anybody_with_a_few_events_will_do(void **state) {
    (void)state;
    struct demo_sample *s = sample_of(1);
    int n = 0;
    while (see(s, "u", 0, n) == SAMPLE_OTHER) {
        n++;
        assert_true(n < 20);
    }
    assert_true(n >= 1);
    assert_int_equal(demo_sample_other(s, 0), 0);
    demo_sample_free(s);
}

static void he_stays_the_sample_until_he_has_been_quiet(void **state) {
    (void)state;
    struct demo_sample *s = sample_of(2);
    for (uint32_t k = 0; k < 5; k++) {
        (void)see(s, "a", k % 2, 0);
    }
    assert_int_equal(see(s, "a", 0, 100), SAMPLE_EVENT);
    for (uint32_t k = 0; k < 9; k++) {
        assert_int_equal(see(s, "b", k % 2, 1100), SAMPLE_OTHER);
    }
    assert_int_equal(see(s, "b", 0, 1101), SAMPLE_CHOSEN);
    assert_int_equal(see(s, "a", 0, 1102), SAMPLE_OTHER);
    assert_int_equal(see(s, "b", 1, 1103), SAMPLE_EVENT);
    demo_sample_free(s);
}

static void whoever_is_chosen_is_the_sample_and_stays_if_he_is_held(void **state) {
    (void)state;
    struct demo_sample *s = sample_of(2);
    for (uint32_t k = 0; k < 9; k++) {
        (void)see(s, "a", k % 2, 0);
    }
    demo_sample_choose(s, "nobody-yet", 10, true, 100);
    assert_int_equal(see(s, "a", 0, 5000), SAMPLE_OTHER); /* quiet, but held */
    assert_int_equal(see(s, "nobody-yet", 1, 5001), SAMPLE_EVENT);
    assert_int_equal(demo_sample_other(s, 1), 1);
    demo_sample_choose(s, "a", 1, false, 6000);
    assert_int_equal(see(s, "a", 0, 6001), SAMPLE_EVENT);
    assert_int_equal(demo_sample_other(s, 0), 1); /* known from before */
    for (uint32_t k = 0; k < 9; k++) {
        (void)see(s, "b", k % 2, 6500);
    }
    assert_int_equal(see(s, "b", 0, 7002), SAMPLE_CHOSEN); /* not held, and quiet */
    demo_sample_free(s);
}

static void who_is_lively_has_some_events_in_enough_domains(void **state) {
    (void)state;
    struct demo_sample *s = sample_of(2);
    assert_false(demo_sample_lively(s, "a", 1));
    for (uint32_t k = 0; k < 9; k++) {
        (void)see(s, "a", 0, 0);
    }
    assert_false(demo_sample_lively(s, "a", 1));
    (void)see(s, "a", 1, 0);
    assert_true(demo_sample_lively(s, "a", 1));
    assert_false(demo_sample_lively(s, "ab", 2));
    demo_sample_free(s);
}

static void any_number_of_users_is_seen_without_a_wrong_sample(void **state) {
    (void)state;
    struct demo_sample *s = sample_of(2);
    char user[32];
    for (int round = 0; round < 10; round++) { /* many more users than places */
        for (int k = 0; k < 100000; k++) {
            snprintf(user, sizeof user, "user-%d", k);
            assert_int_equal(see(s, user, (uint32_t)k % 2, 0), SAMPLE_OTHER);
        }
    }
    demo_sample_free(s);
}

static void freeing_nothing_is_allowed(void **state) {
    (void)state;
    demo_sample_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sample_is_the_first_user_active_in_two_domains),
        cmocka_unit_test(in_a_single_domain_anybody_with_a_few_events_will_do),
        cmocka_unit_test(he_stays_the_sample_until_he_has_been_quiet),
        cmocka_unit_test(whoever_is_chosen_is_the_sample_and_stays_if_he_is_held),
        cmocka_unit_test(who_is_lively_has_some_events_in_enough_domains),
        cmocka_unit_test(any_number_of_users_is_seen_without_a_wrong_sample),
        cmocka_unit_test(freeing_nothing_is_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
