/* SPDX-License-Identifier: Apache-2.0
 *
 * test_matching.c -- contract tests of models/matching.h against all permutations.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>

#include "matching.h"
#include "mix.h"

static double cost_of(const double *cost, uint32_t n, const uint32_t *column) {
    double sum = 0.0;
    for (uint32_t i = 0; i < n; i++) {
        sum += cost[i * n + column[i]];
    }
    return sum;
}

/* The least cost of rows `row`.. when the columns in `taken` are gone. */
static double brute(const double *cost, uint32_t n, uint32_t row, uint32_t taken) {
    double least = row == n ? 0.0 : HUGE_VAL;
    for (uint32_t j = 0; j < n && row < n; j++) {
        if (!(taken & 1U << j)) {
            const double c = cost[row * n + j] + brute(cost, n, row + 1, taken | 1U << j);
            least = c < least ? c : least;
        }
    }
    return least;
}

static void is_a_permutation(const uint32_t *column, uint32_t n) {
    uint32_t seen = 0;
    for (uint32_t i = 0; i < n; i++) {
        assert_true(column[i] < n);
        seen |= 1U << column[i];
    }
    assert_int_equal(seen, (1U << n) - 1U);
}

static void no_permutation_costs_less(void **state) {
    (void)state;
    double cost[49];
    uint32_t column[7];
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct rng r = {seed};
        const uint32_t n = 1 + rng_below(&r, 7);
        const bool whole = seed % 2 == 0; /* many ties */
        for (uint32_t i = 0; i < n * n; i++) {
            cost[i] = whole ? (double)rng_below(&r, 4) - 2.0 : 1e3 * (rng_unit(&r) - 0.5);
        }
        assert_int_equal(matching_find(cost, n, column), ST_OK);
        is_a_permutation(column, n);
        const double want = brute(cost, n, 0, 0);
        if (!(fabs(cost_of(cost, n, column) - want) <= 1e-9)) {
            fail_msg("seed %u: %.12g, not %.12g", (unsigned)seed, cost_of(cost, n, column), want);
        }
    }
}

/* Greedy by the cheapest pair takes (0, 0) for 1 and must then pay 10. */
static void the_sum_counts_and_not_the_cheapest_pair(void **state) {
    (void)state;
    const double cost[4] = {1.0, 2.0, 2.0, 10.0};
    uint32_t column[2];
    assert_int_equal(matching_find(cost, 2, column), ST_OK);
    assert_int_equal(column[0], 1);
    assert_int_equal(column[1], 0);
}

static void a_hidden_permutation_of_full_size_is_found(void **state) {
    (void)state;
    double cost[MATCHING_MAX * MATCHING_MAX];
    uint32_t column[MATCHING_MAX];
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct rng r = {seed};
        uint32_t hidden[MATCHING_MAX];
        for (uint32_t i = 0; i < MATCHING_MAX; i++) {
            hidden[i] = i;
        }
        for (uint32_t i = MATCHING_MAX; i > 1; i--) {
            const uint32_t j = rng_below(&r, i);
            const uint32_t t = hidden[i - 1];
            hidden[i - 1] = hidden[j];
            hidden[j] = t;
        }
        double prices[2][MATCHING_MAX]; /* a price of a row or column favours nobody */
        for (uint32_t i = 0; i < MATCHING_MAX; i++) {
            prices[0][i] = 100.0 * rng_unit(&r);
            prices[1][i] = 100.0 * rng_unit(&r);
        }
        for (uint32_t i = 0; i < MATCHING_MAX; i++) {
            for (uint32_t j = 0; j < MATCHING_MAX; j++) {
                const double extra = hidden[i] == j ? 0.0 : 0.01 + rng_unit(&r);
                cost[i * MATCHING_MAX + j] = prices[0][i] + prices[1][j] + extra;
            }
        }
        assert_int_equal(matching_find(cost, MATCHING_MAX, column), ST_OK);
        assert_memory_equal(column, hidden, sizeof hidden);
    }
}

static void what_cannot_be_matched_is_refused_and_nothing_is_written(void **state) {
    (void)state;
    double cost[17 * 17] = {0.0};
    uint32_t column[17];
    for (uint32_t i = 0; i < 17; i++) {
        column[i] = 99;
    }
    assert_int_equal(matching_find(cost, 17, column), ST_INVALID);
    const double bad[] = {(double)NAN, (double)INFINITY, -(double)INFINITY};
    for (int i = 0; i < 3; i++) {
        cost[8] = bad[i];
        assert_int_equal(matching_find(cost, 3, column), ST_INVALID);
    }
    assert_int_equal(matching_find(cost, 0, column), ST_OK);
    assert_int_equal(column[0], 99);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_permutation_costs_less),
        cmocka_unit_test(the_sum_counts_and_not_the_cheapest_pair),
        cmocka_unit_test(a_hidden_permutation_of_full_size_is_found),
        cmocka_unit_test(what_cannot_be_matched_is_refused_and_nothing_is_written),
    };
    return cmocka_run_group_tests_name("matching", tests, NULL, NULL);
}
