/* SPDX-License-Identifier: Apache-2.0
 * test_examples.c -- contract tests of models/examples.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "examples.h"
#include "mix.h"

enum { RATE = 100, BURST = RATE * EXAMPLES_BURST_S };

static void every_event_is_an_example_without_a_rate_and_below_it(void **state) {
    (void)state;
    struct examples any = {0};
    struct examples slow = {0};
    for (int k = 0; k < 5 * BURST; k++) {
        assert_int_equal(examples_take(&any, 0, 0), 1);
        assert_int_equal(examples_take(&slow, RATE, 1000 / RATE), 1);
    }
}

static void a_day_that_has_one_time_is_taken_whole_up_to_a_minutes_examples(void **state) {
    (void)state;
    struct examples x = {0};
    for (int day = 0; day < 3; day++) {
        for (int k = 0; k < BURST; k++) {
            assert_int_equal(examples_take(&x, RATE, k == 0 ? 86400000 : 0), 1);
        }
    }
}

/* Events at eight times the rate: one in eight is taken, each for about eight. */
static void above_the_rate_it_is_kept_and_all_events_are_stood_for(void **state) {
    (void)state;
    struct rng rng = {11};
    struct examples x = {0};
    uint32_t events = 0;
    uint32_t taken = 0;
    uint64_t stood_for = 0;
    uint32_t most = 0;
    double gone_ms = 0.0;
    while (gone_ms < 600e3) {
        const int64_t ms = rng_below(&rng, 8) == 0 ? 10 : 0; /* 800 a second on average */
        gone_ms += (double)ms;
        const uint32_t n = examples_take(&x, RATE, ms);
        events++;
        taken += n > 0;
        stood_for += n;
        most = n > most ? n : most;
        assert_in_range((uint64_t)(x.used * 1000.0), 0, (uint64_t)BURST * 1000);
    }
    assert_int_equal(stood_for + x.passed, events);
    assert_in_range(taken, 600 * RATE, 600 * RATE + BURST + events / EXAMPLES_LEAST);
    assert_in_range(most, 8, EXAMPLES_LEAST);
}

static void one_in_64_is_taken_though_time_stands_still(void **state) {
    (void)state;
    struct examples x = {0};
    uint32_t taken = 0;
    for (int k = 0; k < BURST + 64 * 1000; k++) {
        taken += examples_take(&x, RATE, 0) > 0;
    }
    assert_in_range(taken, BURST + 1000, BURST + 1000 + BURST / 32);
}

static void a_long_silence_fills_the_bucket_and_no_more(void **state) {
    (void)state;
    struct examples x = {0};
    for (int k = 0; k < 2 * BURST; k++) {
        (void)examples_take(&x, RATE, 0);
    }
    uint32_t taken = examples_take(&x, RATE, INT64_MAX / 2) > 0;
    for (int k = 1; k < 2 * BURST; k++) {
        taken += examples_take(&x, RATE, 0) > 0;
    }
    assert_in_range(taken, BURST, BURST + 2 * BURST / EXAMPLES_LEAST);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_event_is_an_example_without_a_rate_and_below_it),
        cmocka_unit_test(a_day_that_has_one_time_is_taken_whole_up_to_a_minutes_examples),
        cmocka_unit_test(above_the_rate_it_is_kept_and_all_events_are_stood_for),
        cmocka_unit_test(one_in_64_is_taken_though_time_stands_still),
        cmocka_unit_test(a_long_silence_fills_the_bucket_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
