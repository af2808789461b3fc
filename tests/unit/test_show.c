/* SPDX-License-Identifier: Apache-2.0
 *
 * test_show.c -- what show.h writes, byte by byte; widths against a terminal's columns, by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "show.h"

static char text[4096];
static struct show plain, utf8, colour;

static void begin(void) {
    memset(text, 0, sizeof text);
    FILE *out = fmemopen(text, sizeof text, "w");
    assert_non_null(out);
    plain = (struct show){.out = out};
    utf8 = (struct show){.out = out, .utf8 = true};
    colour = (struct show){.out = out, .colour = true};
}

static const char *end(void) {
    fclose(plain.out);
    return text;
}

static void a_cell_is_as_wide_as_it_was_asked_to_be(void **state) {
    (void)state;
    begin();
    show_cell(&plain, SHOW_PLAIN, "abc", 5);
    show(&plain, "|");
    show_cell(&plain, SHOW_PLAIN, "abcdef", 5);
    show(&plain, "|");
    show_cell(&utf8, SHOW_PLAIN, "abcdef", 5);
    show(&plain, "|");
    show_cell(&utf8, SHOW_PLAIN, "abcde", 5);
    show(&plain, "|");
    show_right(&plain, SHOW_PLAIN, "abc", 5);
    show(&plain, "|");
    show_right(&plain, SHOW_PLAIN, "abcdef", 5);
    assert_string_equal(end(), "abc  |abcd~|abcd\u2026|abcde|  abc|abcd~");
}

static void wide_letters_have_two_columns_and_combining_ones_none(void **state) {
    (void)state;
    begin();
    assert_int_equal(show_columns(&utf8, "caf\u00e9"), 4);
    assert_int_equal(show_columns(&utf8, "cafe\u0301"), 4);
    assert_int_equal(show_columns(&utf8, "\u62c9\u9762"), 4); /* ramen */
    assert_int_equal(show_columns(&utf8, "\U0001F35C"), 2);
    show_cell(&utf8, SHOW_PLAIN, "\u62c9\u9762", 3); /* two do not fit beside the mark */
    show(&utf8, "|");
    show_cell(&utf8, SHOW_PLAIN, "\u62c9\u9762", 5);
    show(&utf8, "|");
    show_cell(&plain, SHOW_PLAIN, "\u62c9\u9762", 3);
    assert_string_equal(end(), "\u62c9\u2026|\u62c9\u9762 |?? ");
}

/* Names come from outside: no control character reaches a terminal, in whatever form. */
static void what_could_drive_a_terminal_is_shown_as_a_question(void **state) {
    (void)state;
    static const char *const bad[] = {"\033",     "\a",           "\x7f",     "\r",
                                      "\n",       "\xc2\x9b",     "\x9b",     "\u202e",
                                      "\u200b",   "\u2066",       "\ufeff",   "\xed\xa0\x80",
                                      "\xc0\x9b", "\xe0\x80\x9b", "\xf5\x80", "\xff"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        for (int wide = 0; wide < 2; wide++) {
            begin();
            show_text(wide ? &utf8 : &plain, SHOW_PLAIN, bad[k], 10);
            const char *shown = end();
            assert_true(strlen(shown) > 0);
            assert_int_equal(strspn(shown, "?"), strlen(shown));
        }
    }
    begin();
    show_text(&utf8, SHOW_PLAIN, "a\xe2\x82", 10); /* cut in a letter */
    assert_string_equal(end(), "a??");
}

static void a_bar_is_as_long_as_its_share(void **state) {
    (void)state;
    begin();
    static const double shares[] = {0, -1, .001, .0625, .5, .55, 1, 7};
    for (size_t k = 0; k < sizeof shares / sizeof *shares; k++) {
        show_bar(&utf8, shares[k], 4);
        show(&utf8, "|");
    }
    const double zero = 0;
    show_bar_cell(&utf8, zero / zero, 4);
    show(&utf8, "|");
    show_bar_cell(&utf8, .5, 4);
    show(&utf8, "|");
    show_bar_cell(&plain, .5, 4);
    show(&plain, "|");
    show_bar_cell(&plain, .01, 4);
    show(&plain, "|");
    assert_string_equal(end(), "||\u258f|\u258e|\u2588\u2588|\u2588\u2588\u258e|"
                               "\u2588\u2588\u2588\u2588|\u2588\u2588\u2588\u2588|    |"
                               "\u2588\u2588  |##  |#   |");
}

static void colours_are_switched_off_again(void **state) {
    (void)state;
    begin();
    show_text(&colour, SHOW_BOLD, "a", 9);
    show_text(&colour, SHOW_PLAIN, "b", 9);
    show_cell(&colour, SHOW_BAD, "c", 2);
    show_text(&plain, SHOW_BOLD, "d", 9);
    assert_string_equal(end(), "\033[1ma\033[0mb\033[31mc\033[0m d");
}

static void pieces_flow_into_lines_of_80(void **state) {
    (void)state;
    begin();
    struct show_flow f = {.indent = 4, .at = 4};
    show(&plain, "    ");
    for (int k = 0; k < 40; k++) {
        show_piece(&plain, &f, SHOW_PLAIN, "elevenchars");
    }
    const char *shown = end();
    size_t lines = 0;
    for (const char *p = shown; *p; lines++) {
        const size_t len = strcspn(p, "\n");
        assert_true(len <= SHOW_WIDTH);
        assert_int_equal(strspn(p, " "), 4);
        p += len + (p[len] == '\n');
    }
    assert_int_equal(lines, 8); /* five a line */
}

static void numbers_have_the_digits_that_are_read(void **state) {
    (void)state;
    char out[32];
    static const struct {
        double x;
        const char *text;
    } cases[] = {{0, "0"},
                 {7, "7"},
                 {.4567, "0.46"},
                 {9.99, "9.99"},
                 {9.996, "10.0"},
                 {31.25, "31.2"},
                 {99.96, "100"},
                 {1240.4, "1,240"},
                 {81234, "81,234"},
                 {1234567, "1,234,567"},
                 {-81234, "-81,234"},
                 {1e20, "many"},
                 {-.5, "-0.50"}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        assert_string_equal(show_number(cases[k].x, out), cases[k].text);
    }
    assert_string_equal(show_percent(.314, out), "31 %");
    assert_string_equal(show_percent(.001, out), "<1 %");
    assert_string_equal(show_percent(0, out), "0 %");
    assert_string_equal(show_percent(-1, out), "-");
}

static void times_are_told_as_people_do(void **state) {
    (void)state;
    char out[32];
    const int64_t now = INT64_C(1769212800000); /* 2026-01-24 00:00 */
    static const struct {
        int64_t ago_s;
        const char *text;
    } cases[] = {{0, "0 s ago"},        {119, "119 s ago"}, {120, "2 min ago"},
                 {7199, "119 min ago"}, {7200, "2 h ago"},  {172799, "47 h ago"},
                 {172800, "2 d ago"},   {-7200, "in 2 h"}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        assert_string_equal(show_ago(now - 1000 * cases[k].ago_s, now, out), cases[k].text);
    }
    assert_string_equal(show_time(now - 60000, now, out), "23 Jan 23:59");
    assert_string_equal(show_time(now - INT64_C(86400000) * 30, now, out), "25 Dec  2025");
    assert_true(strlen(show_time(INT64_MAX, now, out)) < sizeof out);
}

static void the_environment_decides(void **state) {
    (void)state;
    static const struct {
        const char *all, *ctype, *lang;
        bool utf8;
    } cases[] = {{NULL, NULL, NULL, false},        {NULL, NULL, "C.UTF-8", true},
                 {NULL, NULL, "de_DE.utf8", true}, {NULL, NULL, "C", false},
                 {"C", NULL, "C.UTF-8", false},    {"", "en_US.UTF-8", "C", true},
                 {NULL, "C", "C.UTF-8", false}};
    begin();
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const char *values[] = {cases[k].all, cases[k].ctype, cases[k].lang};
        static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
        for (size_t n = 0; n < 3; n++) {
            assert_int_equal(values[n] ? setenv(names[n], values[n], 1) : unsetenv(names[n]), 0);
        }
        const struct show s = show_to(plain.out);
        assert_int_equal(s.utf8, cases[k].utf8);
        assert_false(s.colour); /* no terminal */
    }
    (void)end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cell_is_as_wide_as_it_was_asked_to_be),
        cmocka_unit_test(wide_letters_have_two_columns_and_combining_ones_none),
        cmocka_unit_test(what_could_drive_a_terminal_is_shown_as_a_question),
        cmocka_unit_test(a_bar_is_as_long_as_its_share),
        cmocka_unit_test(colours_are_switched_off_again),
        cmocka_unit_test(pieces_flow_into_lines_of_80),
        cmocka_unit_test(numbers_have_the_digits_that_are_read),
        cmocka_unit_test(times_are_told_as_people_do),
        cmocka_unit_test(the_environment_decides),
    };
    return cmocka_run_group_tests_name("show", tests, NULL, NULL);
}
