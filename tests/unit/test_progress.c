/* SPDX-License-Identifier: Apache-2.0
 *
 * test_progress.c -- the contract of progress.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "progress.h"
#include "scratch.h"

static void numbers_have_commas(void **state) {
    (void)state;
    char buf[PROGRESS_NUMBER_MAX];
    assert_string_equal(progress_number(0, buf), "0");
    assert_string_equal(progress_number(999, buf), "999");
    assert_string_equal(progress_number(1000, buf), "1,000");
    assert_string_equal(progress_number(1410000, buf), "1,410,000");
    assert_string_equal(progress_number(UINT64_MAX, buf), "18,446,744,073,709,551,615");
}

static void assert_shows(uint64_t total, int64_t elapsed_ms, uint64_t done, const char *expected) {
    const struct progress p = {.total = total};
    char line[PROGRESS_LINE_MAX];
    progress_line(&p, elapsed_ms, done, "events", line, sizeof line);
    assert_string_equal(line, expected);
}

static void a_line_tells_share_rate_and_time_left(void **state) {
    (void)state;
    assert_shows(1000, 0, 0, "[....................]   0 %  0 of 1,000 events  0/s");
    assert_shows(1000, 1000, 250,
                 "[#####...............]  25 %  250 of 1,000 events  250/s  3 s left");
    assert_shows(1000, 1000, 999,
                 "[###################.]  99 %  999 of 1,000 events  999/s  0 s left");
    assert_shows(1000, 1000, 1000, "[####################] 100 %  1,000 of 1,000 events  1,000/s");
    assert_shows(1000, 1000, 2000, "[####################] 100 %  2,000 of 1,000 events  2,000/s");
    assert_shows(10000, 1000, 1, "[....................]   0 %  1 of 10,000 events  1/s  3 h left");
    assert_shows(1000, 1000, 1,
                 "[....................]   0 %  1 of 1,000 events  1/s  17 min left");
    assert_shows(0, 2000, 5000, "5,000 events  2,500/s");
}

static void a_line_that_does_not_fit_is_cut(void **state) {
    (void)state;
    const struct progress p = {.total = 0};
    char line[8] = "xxxxxxx";
    progress_line(&p, 1000, 123456, "events", line, sizeof line);
    assert_string_equal(line, "123,456");
}

static void elsewhere_than_on_a_terminal_a_short_work_shows_nothing(void **state) {
    (void)state;
    struct progress p;
    scratch_capture(2);
    progress_start(&p, 10);
    for (uint64_t i = 0; i <= 10; i++) {
        progress_show(&p, i, "events", i == 10);
    }
    const char *said = scratch_captured();
    assert_false(p.terminal);
    assert_string_equal(said, "");
}

static void elsewhere_a_line_comes_every_ten_seconds_and_then_the_end(void **state) {
    (void)state;
    struct progress p;
    scratch_capture(2);
    progress_start(&p, 10);
    p.start_ms -= 10001; /* so long ago */
    progress_show(&p, 5, "events", false);
    progress_show(&p, 6, "events", false);
    progress_show(&p, 10, "events", true);
    const char *said = scratch_captured();
    assert_non_null(strstr(said, "5 of 10 events"));
    assert_null(strstr(said, "6 of 10 events"));
    assert_non_null(strstr(said, "10 of 10 events"));
    assert_null(strchr(said, '\r'));
}

static void on_a_terminal_one_line_is_drawn_again_and_ended_once(void **state) {
    (void)state;
    struct progress p;
    scratch_capture(2);
    progress_start(&p, 10);
    p.terminal = true;
    progress_show(&p, 1, "events", false); /* not yet due */
    p.start_ms -= 101;
    progress_show(&p, 2, "events", false);
    progress_show(&p, 3, "events", false); /* 100 ms are not over */
    p.shown_ms -= 101;
    progress_show(&p, 4, "events", false);
    progress_show(&p, 5, "events", true);
    const char *said = scratch_captured();
    assert_true(said[0] == '\r');
    assert_null(strstr(said, " 1 of"));
    assert_non_null(strstr(said, " 2 of"));
    assert_null(strstr(said, " 3 of"));
    assert_non_null(strstr(said, " 4 of"));
    assert_non_null(strstr(said, " 5 of"));
    assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_have_commas),
        cmocka_unit_test(a_line_tells_share_rate_and_time_left),
        cmocka_unit_test(a_line_that_does_not_fit_is_cut),
        cmocka_unit_test(elsewhere_than_on_a_terminal_a_short_work_shows_nothing),
        cmocka_unit_test(elsewhere_a_line_comes_every_ten_seconds_and_then_the_end),
        cmocka_unit_test(on_a_terminal_one_line_is_drawn_again_and_ended_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
