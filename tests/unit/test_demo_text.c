/* SPDX-License-Identifier: Apache-2.0
 * test_demo_text.c -- tests the contract in demo_text.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "demo_text.h"

static char buf[DEMO_TEXT_MAX];

static void times_have_the_unit_that_is_read_best(void **state) {
    (void)state;
    assert_string_equal(demo_text_time(-1.0, buf), "-");
    assert_string_equal(demo_text_time((double)NAN, buf), "-");
    assert_string_equal(demo_text_time(0.0, buf), "0.0 ms");
    assert_string_equal(demo_text_time(0.0083, buf), "8.3 ms");
    assert_string_equal(demo_text_time(0.0377, buf), "38 ms");
    assert_string_equal(demo_text_time(0.99949, buf), "999 ms");
    assert_string_equal(demo_text_time(0.9996, buf), "1.0 s");
    assert_string_equal(demo_text_time(99.94, buf), "99.9 s");
    assert_string_equal(demo_text_time(1234.0, buf), "1234 s");
}

static void numbers_have_at_most_six_characters_and_are_right_to_one_percent(void **state) {
    (void)state;
    assert_string_equal(demo_text_short(0.0, buf), "0");
    assert_string_equal(demo_text_short(999.4, buf), "999");
    assert_string_equal(demo_text_short(999.6, buf), "1,000");
    assert_string_equal(demo_text_short(2511.0, buf), "2,511");
    assert_string_equal(demo_text_short(99999.0, buf), "99,999");
    assert_string_equal(demo_text_short(204833.0, buf), "205k");
    assert_string_equal(demo_text_short(999499.0, buf), "999k");
    assert_string_equal(demo_text_short(999600.0, buf), "1.00M");
    assert_string_equal(demo_text_short(1411531.0, buf), "1.41M");
    assert_string_equal(demo_text_short(-1.0, buf), "-");
    for (double n = 1.0; n < 9e14; n *= 1.07) {
        double value = 0.0;
        double unit = 1.0;
        for (const char *p = demo_text_short(n, buf); *p; p++) {
            unit = *p == 'k' ? 1e3 : *p == 'M' ? 1e6 : *p == 'G' ? 1e9 : *p == 'T' ? 1e12 : unit;
        }
        assert_true(strlen(buf) <= 6);
        char *comma = strchr(buf, ',');
        if (comma) {
            memmove(comma, comma + 1, strlen(comma));
        }
        value = strtod(buf, NULL) * unit;
        assert_true(fabs(value - n) <= fmax(0.5, 0.01 * n));
    }
}

static void days_minutes_and_clocks(void **state) {
    (void)state;
    assert_string_equal(demo_text_day(0, buf), "-");
    assert_string_equal(demo_text_day(INT64_C(1773750600000), buf), "2026-03-17");
    assert_string_equal(demo_text_minute(INT64_C(1773750600000), buf), "03-17 12:30");
    assert_string_equal(demo_text_clock(-5, buf), "0:00");
    assert_string_equal(demo_text_clock(7999, buf), "0:07");
    assert_string_equal(demo_text_clock(750000, buf), "12:30");
    assert_string_equal(demo_text_clock(3723000, buf), "1:02:03");
    assert_string_equal(demo_text_share(0.4956, buf), "0.496");
    assert_string_equal(demo_text_share(-1.0, buf), "-");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_have_the_unit_that_is_read_best),
        cmocka_unit_test(numbers_have_at_most_six_characters_and_are_right_to_one_percent),
        cmocka_unit_test(days_minutes_and_clocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
