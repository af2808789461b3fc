/* SPDX-License-Identifier: Apache-2.0
 *
 * test_pace.c -- the contract of pace.h; the clock is the test's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pace.h"

enum { START = 5000 };

static void without_speed_and_rate_nothing_waits(void **state) {
    (void)state;
    struct pace p = {.speed = 0.0};
    for (int64_t i = 0; i < 10; i++) {
        assert_int_equal(pace_wait_ms(&p, START, i * 1000000), 0);
    }
}

static void speed_is_event_time_over_wall_time(void **state) {
    (void)state;
    struct pace p = {.speed = 60.0};
    assert_int_equal(pace_wait_ms(&p, START, 1000000), 0);
    assert_int_equal(pace_wait_ms(&p, START, 1060000), 1000);        /* a minute is a second */
    assert_int_equal(pace_wait_ms(&p, START + 400, 1060000), 600);   /* some of it is over   */
    assert_int_equal(pace_wait_ms(&p, START + 1000, 1060000), 0);    /* it is due            */
    assert_int_equal(pace_wait_ms(&p, START + 1000, 900000), 0);     /* before the first one */
    assert_int_equal(pace_wait_ms(&p, START + 9000, 1120000), 0);    /* late                 */
    assert_int_equal(pace_wait_ms(&p, START + 9000, 1600000), 1000); /* caught up           */
}

static void no_event_is_early_by_a_part_of_a_millisecond(void **state) {
    (void)state;
    struct pace p = {.speed = 1000.0};
    assert_int_equal(pace_wait_ms(&p, START, 0), 0);
    assert_int_equal(pace_wait_ms(&p, START, 1), 1);
    assert_int_equal(pace_wait_ms(&p, START, 1001), 2);
}

static void rate_is_events_a_second_and_who_was_held_up_catches_up(void **state) {
    (void)state;
    struct pace p = {.rate = 10.0};
    assert_int_equal(pace_wait_ms(&p, START, 7), 0);
    assert_int_equal(pace_wait_ms(&p, START, 7), 100);
    assert_int_equal(pace_wait_ms(&p, START + 100, 7), 100);
    assert_int_equal(pace_wait_ms(&p, START + 1000, 7), 0); /* the fourth, due at 300 */
    assert_int_equal(pace_wait_ms(&p, START + 1000, 7), 0);
    for (int i = 5; i <= 10; i++) {
        assert_int_equal(pace_wait_ms(&p, START + 1000, 7), 0);
    }
    assert_int_equal(pace_wait_ms(&p, START + 1000, 7), 100);
}

static void a_high_rate_is_kept_though_the_clock_has_milliseconds_only(void **state) {
    (void)state;
    struct pace p = {.rate = 150000.0};
    int64_t now = START;
    for (int i = 0; i < 300000; i++) {
        now += pace_wait_ms(&p, now, 0);
    }
    assert_in_range(now - START, 1995, 2005);
}

static void of_speed_and_rate_the_later_one_counts(void **state) {
    (void)state;
    struct pace p = {.speed = 1.0, .rate = 10.0};
    assert_int_equal(pace_wait_ms(&p, START, 0), 0);
    assert_int_equal(pace_wait_ms(&p, START, 50), 100);
    assert_int_equal(pace_wait_ms(&p, START, 500), 500);
}

static void an_absurd_gap_is_a_long_wait_and_no_overflow(void **state) {
    (void)state;
    struct pace p = {.speed = 1e-300};
    assert_int_equal(pace_wait_ms(&p, START, INT64_MIN), 0);
    assert_int_equal(pace_wait_ms(&p, START, INT64_MAX), INT64_C(365) * 86400000);
}

static void a_speed_is_a_number_above_zero_with_or_without_an_x(void **state) {
    (void)state;
    const struct {
        const char *text;
        double speed; /* 0: refused */
    } cases[] = {{"3600x", 3600}, {"1.5x", 1.5}, {"3600", 3600}, {"0.5X", 0.5}, {".5", 0.5},
                 {"0", 0},        {"0x", 0},     {"-1", 0},      {"", 0},       {"x", 0},
                 {"3x0", 0},      {"3600xx", 0}, {"1e3", 0},     {"0x10", 0},   {"inf", 0},
                 {"nan", 0},      {" 1", 0},     {"1 ", 0},      {"1.2.3", 0},  {".", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double speed = -7.0;
        const enum status st = pace_parse_speed(cases[i].text, &speed);
        const double expected = cases[i].speed > 0.0 ? cases[i].speed : -7.0;
        assert_int_equal(st, cases[i].speed > 0.0 ? ST_OK : ST_INVALID);
        assert_memory_equal(&speed, &expected, sizeof speed);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_speed_and_rate_nothing_waits),
        cmocka_unit_test(speed_is_event_time_over_wall_time),
        cmocka_unit_test(no_event_is_early_by_a_part_of_a_millisecond),
        cmocka_unit_test(rate_is_events_a_second_and_who_was_held_up_catches_up),
        cmocka_unit_test(a_high_rate_is_kept_though_the_clock_has_milliseconds_only),
        cmocka_unit_test(of_speed_and_rate_the_later_one_counts),
        cmocka_unit_test(an_absurd_gap_is_a_long_wait_and_no_overflow),
        cmocka_unit_test(a_speed_is_a_number_above_zero_with_or_without_an_x),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
