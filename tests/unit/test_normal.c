/* SPDX-License-Identifier: Apache-2.0
 * test_normal.c -- contract tests of models/normal.h against the normal distribution. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "normal.h"

enum { DRAWS = 200000 };

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Kolmogorov, Smirnov: the distance exceeds 1.95/sqrt(n) once in a thousand times. */
static void draws_are_distributed_as_the_error_function_says(void **state) {
    (void)state;
    static double x[DRAWS];
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct rng rng = {seed};
        double farthest = 0.0;
        for (int k = 0; k < DRAWS; k++) {
            x[k] = rng_normal(&rng);
            assert_true(isfinite(x[k]));
        }
        qsort(x, DRAWS, sizeof *x, ascending);
        for (int k = 0; k < DRAWS; k++) {
            const double below = .5 * erfc(-x[k] / sqrt(2.0));
            farthest = fmax(farthest, fabs(below - (k + .5) / DRAWS));
        }
        assert_true(farthest < 1.95 / sqrt(DRAWS));
    }
}

static void draws_do_not_tell_of_each_other(void **state) {
    (void)state;
    struct rng rng = {4};
    double before = rng_normal(&rng);
    double product = 0.0;
    double squares = 0.0;
    for (int k = 0; k < DRAWS; k++) {
        const double now = rng_normal(&rng);
        product += before * now;
        squares += (before * before - 1.0) * (now * now - 1.0);
        before = now;
    }
    assert_true(fabs(product / DRAWS) < 4.0 / sqrt(DRAWS));
    assert_true(fabs(squares / DRAWS) < 4.0 * 2.0 / sqrt(DRAWS));
}

static void a_draw_takes_two_numbers_of_the_generator(void **state) {
    (void)state;
    struct rng a = {5};
    struct rng b = {5};
    (void)rng_normal(&a);
    (void)rng_next(&b);
    (void)rng_next(&b);
    assert_true(a.state == b.state);
}

static void the_logarithm_is_libms(void **state) {
    (void)state;
    struct rng rng = {6};
    for (int k = 0; k < DRAWS; k++) {
        const double x = ldexp(1.0 - rng_unit(&rng), (int)rng_below(&rng, 200) - 100);
        const double want = (double)logl((long double)x);
        assert_true(fabs(normal_ln(x) - want) <= 1e-15 * fabs(want));
    }
    assert_true(normal_ln(1.0) == 0.0);
    assert_true(fabs(normal_ln(0x1p-53) + 53 * log(2.0)) < 1e-14);
}

static void turns_are_libms(void **state) {
    (void)state;
    struct rng rng = {7};
    const long double two_pi = 6.283185307179586476925286766559L;
    for (int k = 0; k < DRAWS; k++) { /* also at and around every eighth */
        const double u = k < 9 ? k / 8.0 : k < 80 ? k % 8 / 8.0 + 1e-16 * (k / 8) : rng_unit(&rng);
        double c = 0.0;
        double s = 0.0;
        normal_turn(u, &c, &s);
        assert_true(fabs(c - (double)cosl(two_pi * (long double)u)) < 1e-15);
        assert_true(fabs(s - (double)sinl(two_pi * (long double)u)) < 1e-15);
    }
}

/* Instances on different machines draw the same nets: these are the bits. */
static void the_same_seed_gives_these_bits(void **state) {
    (void)state;
    struct rng rng = {1};
    uint64_t all = 0;
    for (int k = 0; k < 1000; k++) {
        double pair[2];
        rng_normal_pair(&rng, pair);
        uint64_t bits[2];
        memcpy(bits, pair, sizeof bits);
        all = mix64(all ^ mix64(bits[0]) ^ (bits[1] << 1));
    }
    assert_true(all == UINT64_C(0xd20e23dbb3d396e1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_are_distributed_as_the_error_function_says),
        cmocka_unit_test(draws_do_not_tell_of_each_other),
        cmocka_unit_test(the_logarithm_is_libms),
        cmocka_unit_test(turns_are_libms),
        cmocka_unit_test(the_same_seed_gives_these_bits),
        cmocka_unit_test(a_draw_takes_two_numbers_of_the_generator),
    };
    return cmocka_run_group_tests_name("normal", tests, NULL, NULL);
}
