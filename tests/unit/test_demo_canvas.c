/* SPDX-License-Identifier: Apache-2.0
 * test_demo_canvas.c -- tests the contract in demo_canvas.h, frames against a terminal of its own
 * (screen.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "demo_canvas.h"
#include "screen.h"

static char row[CANVAS_W_MAX * 4 + 1];

static struct demo_canvas *canvas(int w, int h, bool utf8) {
    struct demo_canvas *c = NULL;
    assert_int_equal(demo_canvas_new(w, h, utf8, true, &c), ST_OK);
    return c;
}

static const char *row_of(const struct demo_canvas *c, int y) {
    demo_canvas_row(c, y, row);
    return row;
}

static void sides_below_one_or_too_large_are_refused(void **state) {
    (void)state;
    struct demo_canvas *c = NULL;
    assert_int_equal(demo_canvas_new(0, 5, true, true, &c), ST_RANGE);
    assert_int_equal(demo_canvas_new(5, -1, true, true, &c), ST_RANGE);
    assert_int_equal(demo_canvas_new(CANVAS_W_MAX + 1, 5, true, true, &c), ST_RANGE);
    assert_int_equal(demo_canvas_new(5, CANVAS_H_MAX + 1, true, true, &c), ST_RANGE);
    assert_null(c);
    demo_canvas_free(NULL);
}

static void a_text_that_fits_stands_and_a_longer_one_ends_in_an_ellipsis(void **state) {
    (void)state;
    struct demo_canvas *c = canvas(10, 1, true);
    assert_int_equal(demo_canvas_put(c, 0, 0, 5, LOOK_PLAIN, "12345"), 5);
    assert_string_equal(row_of(c, 0), "12345     ");
    demo_canvas_clear(c);
    assert_int_equal(demo_canvas_put(c, 1, 0, 5, LOOK_PLAIN, "123456"), 5);
    assert_string_equal(row_of(c, 0), " 1234\xe2\x80\xa6    ");
    assert_int_equal(demo_canvas_put(c, 0, 0, 0, LOOK_PLAIN, "x"), 0);
    assert_int_equal(demo_canvas_put(c, 0, 0, -3, LOOK_PLAIN, "x"), 0);
    demo_canvas_clear(c);
    demo_canvas_put_right(c, 2, 0, 6, LOOK_PLAIN, "abc");
    assert_string_equal(row_of(c, 0), "     abc  ");
    demo_canvas_free(c);
}

static void outside_of_the_picture_nothing_is_drawn(void **state) {
    (void)state;
    struct demo_canvas *c = canvas(4, 2, true);
    (void)demo_canvas_put(c, -2, 0, 10, LOOK_PLAIN, "abcdefgh");
    (void)demo_canvas_put(c, 0, -1, 10, LOOK_PLAIN, "xxxx");
    (void)demo_canvas_put(c, 0, 2, 10, LOOK_PLAIN, "xxxx");
    demo_canvas_hline(c, -5, 5, 20);
    demo_canvas_vline(c, 9, -5, 20);
    demo_canvas_bar(c, 3, 1, 9, 1.0, LOOK_PLAIN);
    assert_string_equal(row_of(c, 0), "cdef");
    assert_string_equal(row_of(c, 1), "   \xe2\x96\x88");
    demo_canvas_free(c);
}

static void control_characters_are_spaces_and_what_is_no_utf8_is_a_question_mark(void **state) {
    (void)state;
    struct demo_canvas *c = canvas(8, 1, true);
    (void)demo_canvas_put(c, 0, 0, 8, LOOK_PLAIN, "a\033[\t\x7f\xc2\x9b");
    assert_string_equal(row_of(c, 0), "a [     ");
    demo_canvas_clear(c); /* a lone byte, an overlong one, half of one, a surrogate */
    (void)demo_canvas_put(c, 0, 0, 8, LOOK_PLAIN, "\xff\xc0\xaf\xe2\x82");
    assert_string_equal(row_of(c, 0), "?????   ");
    demo_canvas_clear(c);
    (void)demo_canvas_put(c, 0, 0, 8, LOOK_PLAIN, "\xed\xa0\x80z");
    assert_int_equal(row_of(c, 0)[0], '?');
    demo_canvas_free(c);
}

static void wide_characters_take_two_columns_and_accents_none(void **state) {
    (void)state;
    struct demo_canvas *c = canvas(6, 1, true);
    assert_int_equal(demo_canvas_columns(c, "\xe6\x97\xa5\xe6\x9c\xac"), 4);
    assert_int_equal(demo_canvas_columns(c, "e\xcc\x81"), 1);
    assert_int_equal(demo_canvas_put(c, 0, 0, 4, LOOK_PLAIN, "\xe6\x97\xa5\xe6\x9c\xac"), 4);
    assert_string_equal(row_of(c, 0), "\xe6\x97\xa5\xe6\x9c\xac  ");
    demo_canvas_clear(c); /* the second does not fit beside the ellipsis */
    assert_int_equal(demo_canvas_put(c, 0, 0, 3, LOOK_PLAIN, "\xe6\x97\xa5\xe6\x9c\xac"), 3);
    assert_string_equal(row_of(c, 0), "\xe6\x97\xa5\xe2\x80\xa6   ");
    demo_canvas_clear(c); /* half of one stands nowhere */
    (void)demo_canvas_put(c, 5, 0, 4, LOOK_PLAIN, "\xe6\x97\xa5");
    assert_string_equal(row_of(c, 0), "      ");
    demo_canvas_free(c);
}

static void without_utf8_all_is_ascii(void **state) {
    (void)state;
    static const double v[] = {0.0, 0.5, 1.0};
    struct demo_canvas *c = canvas(12, 4, false);
    (void)demo_canvas_put(c, 0, 0, 12, LOOK_PLAIN, "na\xc3\xafve \xe6\x97\xa5");
    demo_canvas_hline(c, 0, 1, 12);
    demo_canvas_vline(c, 3, 2, 2);
    demo_canvas_bar(c, 4, 2, 4, 0.6, LOOK_PLAIN);
    demo_canvas_chart(c, 8, 2, 3, 2, v, 3, 1.0, LOOK_PLAIN);
    for (int y = 0; y < 4; y++) {
        for (const char *p = row_of(c, y); *p; p++) {
            assert_true(*p >= ' ' && *p < 127);
        }
    }
    assert_string_equal(row_of(c, 0), "na?ve ?     ");
    assert_string_equal(row_of(c, 1), "---+--------");
    demo_canvas_free(c);
}

static void lines_join_where_they_meet(void **state) {
    (void)state;
    struct demo_canvas *c = canvas(5, 5, true);
    demo_canvas_hline(c, 0, 0, 5);
    demo_canvas_hline(c, 0, 2, 5);
    demo_canvas_vline(c, 2, 1, 1);
    demo_canvas_vline(c, 1, 3, 2);
    assert_string_equal(row_of(c, 0),
                        "\xe2\x94\x80\xe2\x94\x80\xe2\x94\xac\xe2\x94\x80\xe2\x94\x80");
    assert_string_equal(row_of(c, 1), "  \xe2\x94\x82  ");
    assert_string_equal(row_of(c, 2),
                        "\xe2\x94\x80\xe2\x94\xac\xe2\x94\xb4\xe2\x94\x80\xe2\x94\x80");
    demo_canvas_vline(c, 2, 3, 1);
    assert_string_equal(row_of(c, 2),
                        "\xe2\x94\x80\xe2\x94\xac\xe2\x94\xbc\xe2\x94\x80\xe2\x94\x80");
    demo_canvas_free(c);
}

static void a_bar_is_as_long_as_its_share_and_never_nothing_for_something(void **state) {
    (void)state;
    struct demo_canvas *c = canvas(4, 5, true);
    demo_canvas_bar(c, 0, 0, 4, 0.0, LOOK_PLAIN);
    demo_canvas_bar(c, 0, 1, 4, 1e-9, LOOK_PLAIN);
    demo_canvas_bar(c, 0, 2, 4, 0.625, LOOK_PLAIN); /* two and a half */
    demo_canvas_bar(c, 0, 3, 4, 7.0, LOOK_PLAIN);
    demo_canvas_bar(c, 0, 4, 4, (double)NAN, LOOK_PLAIN);
    assert_string_equal(row_of(c, 0), "    ");
    assert_string_equal(row_of(c, 1), "\xe2\x96\x8f   ");
    assert_string_equal(row_of(c, 2), "\xe2\x96\x88\xe2\x96\x88\xe2\x96\x8c ");
    assert_string_equal(row_of(c, 3), "\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88");
    assert_string_equal(row_of(c, 4), "    ");
    demo_canvas_free(c);
}

static void a_chart_shows_the_last_values_with_gaps_where_there_are_none(void **state) {
    (void)state;
    static const double v[] = {9.0, 0.0, 1.0, -1.0, 2.0, (double)NAN, 4.0, 100.0};
    struct demo_canvas *c = canvas(7, 2, true);
    demo_canvas_chart(c, 0, 0, 7, 2, v, 8, 4.0, LOOK_RATE);
    /* 0: the least; 1 of 4: half a cell; 2: one cell; 4 and what is above: both */
    assert_string_equal(row_of(c, 0), "     \xe2\x96\x88\xe2\x96\x88");
    assert_string_equal(row_of(c, 1),
                        "\xe2\x96\x81\xe2\x96\x84 \xe2\x96\x88 \xe2\x96\x88\xe2\x96\x88");
    demo_canvas_clear(c);
    demo_canvas_chart(c, 0, 0, 7, 2, v, 2, 0.0, LOOK_RATE); /* no scale: all at the bottom */
    assert_string_equal(row_of(c, 1), "\xe2\x96\x81\xe2\x96\x81     ");
    demo_canvas_free(c);
}

/* ---- frames ----------------------------------------------------------------------------- */

static uint64_t seed = 20261126;

static uint32_t next(uint32_t n) {
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(seed >> 33) % n;
}

static void scribble(struct demo_canvas *c) {
    static const char *const texts[] = {"plain", "\xe6\x97\xa5\xe6\x9c\xac wide",
                                        "\xc3\xa9t\xc3\xa9", "x", "a longer text, cut somewhere"};
    for (uint32_t k = 0; k < 1 + next(8); k++) {
        const int x = (int)next(40) - 5;
        const int y = (int)next(12) - 1;
        (void)demo_canvas_put(c, x, y, (int)next(20), (enum demo_look)next(LOOKS),
                              texts[next(sizeof texts / sizeof *texts)]);
    }
    demo_canvas_hline(c, (int)next(30), (int)next(10), (int)next(30));
    demo_canvas_bar(c, (int)next(30), (int)next(10), (int)next(20), next(100) / 100.0,
                    (enum demo_look)next(LOOKS));
}

/* A wide character over half of another leaves a half: a terminal shows nothing there, and so must
 * we. */
static void check_same(const struct demo_canvas *c, const struct screen *s) {
    static char shown[SCREEN_W * SCREEN_CHAR];
    for (int y = 0; y < c->h; y++) {
        screen_row(s, y, shown);
        assert_string_equal(row_of(c, y), shown);
    }
    assert_int_equal(s->unknown, 0);
    assert_int_equal(s->outside, 0);
}

static void frames_make_a_terminal_show_the_canvas(void **state) {
    (void)state;
    struct screen *s = calloc(1, sizeof *s);
    struct demo_canvas *shown = NULL;
    print_message("seed %llu\n", (unsigned long long)seed);
    screen_init(s, 36, 10);
    s->wraps = false;
    for (int k = 0; k < 500; k++) {
        struct demo_canvas *c = canvas(36, 10, true);
        size_t len = 0;
        scribble(c);
        char *bytes = demo_canvas_frame(c, shown, &len);
        assert_non_null(bytes);
        screen_write(s, bytes, len);
        free(bytes);
        check_same(c, s);
        demo_canvas_free(shown);
        shown = c;
    }
    size_t len = 1;
    char *bytes = demo_canvas_frame(shown, shown, &len);
    assert_int_equal(len, 0); /* nothing changed */
    free(bytes);
    demo_canvas_free(shown);
    free(s);
}

static void without_colours_no_frame_has_one(void **state) {
    (void)state;
    struct demo_canvas *c = NULL;
    size_t len = 0;
    assert_int_equal(demo_canvas_new(LOOKS, 1, true, false, &c), ST_OK);
    for (int k = 0; k < LOOKS; k++) {
        (void)demo_canvas_put(c, k, 0, 1, (enum demo_look)k, "x");
    }
    char *bytes = demo_canvas_frame(c, NULL, &len);
    bytes[len - 1] = '\0';
    for (const char *p = bytes; (p = strstr(p, "\033[")) != NULL; p++) {
        int a = 0;
        int b = 0;
        if (sscanf(p, "\033[%d;%dm", &a, &b) == 2) {
            assert_true(b < 30); /* 30 and above are colours */
        }
    }
    free(bytes);
    demo_canvas_free(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sides_below_one_or_too_large_are_refused),
        cmocka_unit_test(a_text_that_fits_stands_and_a_longer_one_ends_in_an_ellipsis),
        cmocka_unit_test(outside_of_the_picture_nothing_is_drawn),
        cmocka_unit_test(control_characters_are_spaces_and_what_is_no_utf8_is_a_question_mark),
        cmocka_unit_test(wide_characters_take_two_columns_and_accents_none),
        cmocka_unit_test(without_utf8_all_is_ascii),
        cmocka_unit_test(lines_join_where_they_meet),
        cmocka_unit_test(a_bar_is_as_long_as_its_share_and_never_nothing_for_something),
        cmocka_unit_test(a_chart_shows_the_last_values_with_gaps_where_there_are_none),
        cmocka_unit_test(frames_make_a_terminal_show_the_canvas),
        cmocka_unit_test(without_colours_no_frame_has_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
