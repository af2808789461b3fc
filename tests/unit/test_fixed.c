/* SPDX-License-Identifier: Apache-2.0
 * test_fixed.c -- contract tests of models/fixed.h. The truth is long division of magnitudes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixed.h"
#include "mix.h"

static void times_one_changes_no_bit(void **state) {
    (void)state;
    struct rng rng = {1};
    for (int k = 0; k < 100000; k++) {
        const int64_t v = (int64_t)(rng_next(&rng) >> 22) - (INT64_C(1) << 41);
        assert_true(fixed_times(v, FIXED_ONE) == v);
        assert_true(fixed_times(v, 0) == 0);
        assert_true(fixed_times(0, v) == 0);
    }
}

/* |v weight| / 2^20 by quotient and remainder; a half goes away from zero. */
static int64_t naive_times(int64_t v, int64_t weight) {
    const uint64_t y = (uint64_t)(v < 0 ? -v : v) * (uint64_t)(weight < 0 ? -weight : weight);
    const uint64_t one = UINT64_C(1048576);
    const int64_t up = y % one >= one / 2 ? 1 : 0;
    const int64_t magnitude = (int64_t)(y / one) + up;
    return (v < 0) == (weight < 0) ? magnitude : -magnitude;
}

static void times_is_rounded_to_nearest_and_odd_in_both(void **state) {
    (void)state;
    struct rng rng = {2};
    for (int k = 0; k < 200000; k++) {
        const int64_t v = (int64_t)(rng_next(&rng) >> (28 + rng_below(&rng, 36)));
        const int64_t weight = (int64_t)rng_below(&rng, 100 * (uint32_t)FIXED_ONE + 1);
        const int64_t x = fixed_times(v, weight);
        assert_true(x == naive_times(v, weight));
        assert_true(fixed_times(-v, weight) == -x);
        assert_true(fixed_times(v, -weight) == -x);
        assert_true(fixed_times(weight, v) == x);
    }
    assert_true(fixed_times(1, FIXED_ONE / 2) == 1);
    assert_true(fixed_times(-1, FIXED_ONE / 2) == -1);
    assert_true(fixed_times(1, FIXED_ONE / 2 - 1) == 0);
}

/* A popularity weight 16 half-lives ahead, times the most that an event can weigh. */
static void the_largest_weights_fit(void **state) {
    (void)state;
    assert_true(fixed_times(INT64_C(1) << 36, 100 * FIXED_ONE) == INT64_C(100) << 36);
    assert_true(fixed_times(-(INT64_C(1) << 36), 100 * FIXED_ONE) == -(INT64_C(100) << 36));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_one_changes_no_bit),
        cmocka_unit_test(times_is_rounded_to_nearest_and_odd_in_both),
        cmocka_unit_test(the_largest_weights_fit),
    };
    return cmocka_run_group_tests_name("fixed", tests, NULL, NULL);
}
