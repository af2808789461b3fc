/* SPDX-License-Identifier: Apache-2.0
 * test_normal.c -- contract tests of models/normal.h against the normal distribution. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_are_distributed_as_the_error_function_says),
        cmocka_unit_test(draws_do_not_tell_of_each_other),
        cmocka_unit_test(a_draw_takes_two_numbers_of_the_generator),
    };
    return cmocka_run_group_tests_name("normal", tests, NULL, NULL);
}
