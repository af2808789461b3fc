/* SPDX-License-Identifier: Apache-2.0
 * test_lg.c -- contract tests of models/lg.h against libm's log2 in double. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <string.h>

#include "lg.h"
#include "mix.h"

static float of_bits(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static void assert_lg(float x) {
    const double expected = log2((double)x);
    const double bound = 1e-6 * fmax(1.0, fabs(expected));
    if (!(fabs((double)lg(x) - expected) <= bound)) {
        fail_msg("lg(%.9g) is %.9g, expected %.9g", (double)x, (double)lg(x), expected);
    }
}

static void every_float_around_one_is_within_the_bound(void **state) {
    (void)state;
    for (uint32_t bits = 0x3f000000U; bits <= 0x40000000U; bits += 3) { /* [1/2, 2] */
        assert_lg(of_bits(bits));
    }
}

static void normal_floats_of_every_size_are_within_the_bound(void **state) {
    (void)state;
    struct rng rng = {1};
    assert_lg(FLT_MIN);
    assert_lg(FLT_MAX);
    for (uint32_t exponent = 1; exponent < 255; exponent++) {
        for (int n = 0; n < 2000; n++) {
            assert_lg(of_bits(exponent << 23 | rng_below(&rng, 1U << 23)));
        }
        assert_lg(of_bits(exponent << 23));
        assert_lg(of_bits(exponent << 23 | 0x7fffffU));
        assert_lg(of_bits(exponent << 23 | 0x3504f3U)); /* where the polynomial is cut */
        assert_lg(of_bits(exponent << 23 | 0x3504f2U));
    }
}

static void powers_of_two_are_exact(void **state) {
    (void)state;
    for (int e = -126; e <= 127; e++) {
        assert_true(lg(ldexpf(1.0F, e)) == (float)e);
    }
}

static void zero_and_denormals_give_about_minus_127(void **state) {
    (void)state;
    assert_true(lg(0.0F) >= -128.0F && lg(0.0F) <= -126.0F);
    for (uint32_t bits = 1; bits < 0x800000U; bits += 997) {
        const float y = lg(of_bits(bits));
        assert_true(y >= -128.0F && y <= -125.9F);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_float_around_one_is_within_the_bound),
        cmocka_unit_test(normal_floats_of_every_size_are_within_the_bound),
        cmocka_unit_test(powers_of_two_are_exact),
        cmocka_unit_test(zero_and_denormals_give_about_minus_127),
    };
    return cmocka_run_group_tests_name("lg", tests, NULL, NULL);
}
