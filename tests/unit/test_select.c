/* SPDX-License-Identifier: Apache-2.0
 * test_select.c -- the k largest, beside sorting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "mix.h"
#include "select.h"

enum { N = 400, ROUNDS = 3000 };

static int falling(const void *a, const void *b) {
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;
    return x > y ? -1 : x < y;
}

/* Both parts of a, sorted, are what sorting all of it makes of them. */
static void assert_selected(uint64_t *a, const uint64_t *sorted, uint32_t n, uint32_t k) {
    qsort(a, k, sizeof *a, falling);
    qsort(a + k, n - k, sizeof *a, falling);
    assert_memory_equal(a, sorted, n * sizeof *a);
}

static void the_largest_come_first_whatever_is_equal(void **state) {
    (void)state;
    struct rng rng = {20261127};
    for (int round = 0; round < ROUNDS; round++) {
        const uint32_t n = 1 + rng_below(&rng, N);
        const uint32_t k = rng_below(&rng, n + 1);
        const uint32_t distinct = round % 3 == 0 ? UINT32_MAX : 1 + rng_below(&rng, 12);
        uint64_t a[N];
        uint64_t sorted[N];
        for (uint32_t x = 0; x < n; x++) {
            a[x] = (uint64_t)rng_below(&rng, distinct) << (round % 2 ? 32 : 0);
        }
        memcpy(sorted, a, sizeof *a * n);
        qsort(sorted, n, sizeof *sorted, falling);
        select_largest(a, n, k);
        assert_selected(a, sorted, n, k);
    }
}

static void none_and_all_are_selected_too(void **state) {
    (void)state;
    uint64_t a[] = {3, UINT64_MAX, 0, 7};
    select_largest(a, 4, 4);
    qsort(a, 4, sizeof *a, falling);
    assert_true(a[0] == UINT64_MAX && a[1] == 7 && a[2] == 3 && a[3] == 0);
    select_largest(a, 0, 0);
    select_largest(a, 4, 0);
    select_largest(a, 4, 1);
    assert_true(a[0] == UINT64_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_largest_come_first_whatever_is_equal),
        cmocka_unit_test(none_and_all_are_selected_too),
    };
    return cmocka_run_group_tests_name("select", tests, NULL, NULL);
}
