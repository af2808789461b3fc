/* SPDX-License-Identifier: Apache-2.0
 *
 * test_bursts.c -- the contract of bursts.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bursts.h"

static void kinds_are_told_apart_by_powers_of_two_of_the_interval(void **state) {
    (void)state;
    assert_int_equal(bursts_kind(BURSTS_NONE, 5, 100), BURSTS_NEW);
    for (int kind = BURSTS_NEW; kind < BURSTS_KINDS; kind++) {
        const uint8_t before = (uint8_t)kind;
        assert_int_equal(bursts_kind(before, 0, 100), BURSTS_SOON);
        assert_int_equal(bursts_kind(before, 99, 100), BURSTS_SOON);
        assert_int_equal(bursts_kind(before, 100, 100), BURSTS_SOON + 1);
        assert_int_equal(bursts_kind(before, 199, 100), BURSTS_SOON + 1);
        assert_int_equal(bursts_kind(before, 200, 100), BURSTS_SOON + 2);
        assert_int_equal(bursts_kind(before, 3199, 100), BURSTS_SOON + 5);
        assert_int_equal(bursts_kind(before, UINT32_MAX, 1), BURSTS_KINDS - 1);
    }
}

/* n bursts, every `every`-th of which goes on (0: none). Returns how many were worth a wait. */
static int take(struct bursts *b, uint8_t kind, int n, int every) {
    int worth = 0;
    for (int k = 1; k <= n; k++) {
        worth += bursts_begin(b, kind);
        if (every > 0 && k % every == 0) {
            bursts_go_on(b, kind);
        }
    }
    return worth;
}

static void all_are_waited_for_until_a_few_dozen_did_not_go_on(void **state) {
    (void)state;
    struct bursts b;
    bursts_init(&b);
    assert_int_equal(take(&b, BURSTS_NEW, 49, 0), 49);
    assert_int_equal(take(&b, BURSTS_NEW, 100, 0), 0);
    assert_int_equal(take(&b, BURSTS_KINDS - 1, 1, 0), 1); /* of others nothing is known by that */
}

static void waiting_pays_where_one_in_eight_goes_on(void **state) {
    (void)state;
    struct bursts b;
    bursts_init(&b);
    (void)take(&b, BURSTS_NEW, 10000, 6);
    assert_int_equal(take(&b, BURSTS_NEW, 1000, 6), 1000);
    bursts_init(&b);
    (void)take(&b, BURSTS_NEW, 10000, 10);
    assert_int_equal(take(&b, BURSTS_NEW, 1000, 10), 0);
}

static void who_was_ranked_less_than_an_interval_ago_waits_always(void **state) {
    (void)state;
    struct bursts b;
    bursts_init(&b);
    assert_int_equal(take(&b, BURSTS_SOON, 100000, 0), 100000);
}

static void what_changes_is_noticed_within_two_hundred_bursts(void **state) {
    (void)state;
    struct bursts b;
    bursts_init(&b);
    (void)take(&b, BURSTS_NEW, 1000000, 0);
    (void)take(&b, BURSTS_NEW, 200, 1);
    assert_true(bursts_begin(&b, BURSTS_NEW));
    (void)take(&b, BURSTS_NEW, 1000000, 1);
    (void)take(&b, BURSTS_NEW, 4000, 0);
    assert_false(bursts_begin(&b, BURSTS_NEW));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_are_told_apart_by_powers_of_two_of_the_interval),
        cmocka_unit_test(all_are_waited_for_until_a_few_dozen_did_not_go_on),
        cmocka_unit_test(waiting_pays_where_one_in_eight_goes_on),
        cmocka_unit_test(who_was_ranked_less_than_an_interval_ago_waits_always),
        cmocka_unit_test(what_changes_is_noticed_within_two_hundred_bursts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
