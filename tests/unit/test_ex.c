/* SPDX-License-Identifier: Apache-2.0
 * test_ex.c -- contract tests of models/ex.h against libm's exp in double. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <string.h>

#include "ex.h"

static float of_bits(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint32_t bits_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static void assert_ex(float x) {
    const double expected = exp((double)x);
    if (!(fabs((double)ex(x) - expected) < 2e-7 * expected)) {
        fail_msg("ex(%.9g) is %.9g, expected %.9g", (double)x, (double)ex(x), expected);
    }
}

static void floats_up_to_87_are_within_the_bound(void **state) {
    (void)state;
    for (uint32_t bits = 0; bits <= bits_of(87.0F); bits += 509) { /* a prime: every exponent */
        assert_ex(of_bits(bits));
        assert_ex(-of_bits(bits));
    }
    assert_ex(87.0F);
    assert_ex(-87.0F);
}

/* Where n changes the two parts of ln 2 are farthest from each other. */
static void multiples_of_half_a_logarithm_of_two_are_within_the_bound(void **state) {
    (void)state;
    for (int n = -251; n <= 251; n++) {
        uint32_t bits = bits_of((float)(n * 0.34657359027997264));
        for (uint32_t near = bits > 200 ? bits - 200 : 0; near < bits + 200; near++) {
            if (fabsf(of_bits(near)) <= 87.0F) {
                assert_ex(of_bits(near));
            }
        }
    }
}

static void beyond_87_the_value_is_that_of_the_bound(void **state) {
    (void)state;
    static const float beyond[] = {87.00001F, 88.0F, 1e3F, 1e30F, FLT_MAX, INFINITY};
    for (size_t k = 0; k < sizeof beyond / sizeof *beyond; k++) {
        assert_true(ex(beyond[k]) == ex(87.0F));
        assert_true(ex(-beyond[k]) == ex(-87.0F));
    }
    assert_true(isfinite(ex(87.0F)) && ex(-87.0F) >= FLT_MIN);
}

static void zero_gives_one_and_nan_gives_nan(void **state) {
    (void)state;
    assert_true(ex(0.0F) == 1.0F && ex(-0.0F) == 1.0F);
    assert_true(ex(of_bits(1)) == 1.0F && ex(-of_bits(1)) == 1.0F);
    assert_true(isnan(ex(NAN)) && isnan(ex(-NAN)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floats_up_to_87_are_within_the_bound),
        cmocka_unit_test(multiples_of_half_a_logarithm_of_two_are_within_the_bound),
        cmocka_unit_test(beyond_87_the_value_is_that_of_the_bound),
        cmocka_unit_test(zero_gives_one_and_nan_gives_nan),
    };
    return cmocka_run_group_tests_name("ex", tests, NULL, NULL);
}
