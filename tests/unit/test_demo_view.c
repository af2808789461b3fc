/* SPDX-License-Identifier: Apache-2.0
 * test_demo_view.c -- tests the contract in demo_view.h: what is there at every size, and that
 * nothing is where it should not be. No golden pictures: those would have to be drawn by the code
 * under test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "demo_view.h"
#include "screen.h"

static struct view v;
static char row[CANVAS_W_MAX * 4 + 1];

static void fill_series(struct view_series *s, double low, double step, int n) {
    for (int k = 0; k < n; k++) {
        view_series_add(s, low + step * k);
    }
}

static void fill_lists(void) {
    for (int l = 0; l < 2; l++) {
        struct view_list *list = &v.lists[l];
        snprintf(list->domain, sizeof list->domain, "%s", l ? "food" : "course");
        for (list->n = 0; list->n < VIEW_ITEMS; list->n++) {
            struct view_item *item = &list->items[list->n];
            snprintf(item->name, sizeof item->name, "%s %d", l ? "Dish" : "Course", list->n + 1);
            snprintf(item->reason, sizeof item->reason, "together");
            item->fresh = list->n == 2;
        }
    }
    v.n_lists = 2;
}

static void fill_quality(void) {
    static const char *const names[] = {"course", "food", "all"};
    for (int k = 0; k < 3; k++) {
        snprintf(v.quality[k].name, sizeof v.quality[k].name, "%s", names[k]);
        fill_series(&v.quality[k].model, 0.3, 0.001 * (k + 1), 100);
        fill_series(&v.quality[k].popular, 0.1, 0.0001, 100);
    }
    v.n_quality = 3;
}

static void fill_segments(void) {
    for (int k = 0; k < 8; k++) {
        struct view_segment *s = &v.segments[v.n_segments++];
        s->id = 7 - k;
        s->share = 0.25 / (k + 1);
        snprintf(s->title, sizeof s->title, "persona %d", s->id);
        snprintf(s->detail, sizeof s->detail, "detail %d", s->id);
    }
}

/* Something of everything. */
static int setup(void **state) {
    (void)state;
    memset(&v, 0, sizeof v);
    v.phase = VIEW_PLAYING;
    snprintf(v.what, sizeof v.what, "course + food");
    v.elapsed_ms = 83000;
    v.seconds = 600;
    v.stream_ms = INT64_C(1773750600000); /* 2026-03-17 12:30 */
    v.events = 19990;
    v.users = 1000;
    v.items = 1118;
    fill_series(&v.rate, 2000.0, 3.0, 171);
    fill_series(&v.p50_s, 0.045, 0.0, 171);
    fill_series(&v.p99_s, 0.126, 0.0, 171);
    fill_quality();
    fill_segments();
    fill_lists();
    v.n_triggers = 2;
    snprintf(v.triggers[0].user, VIEW_TEXT, "u690");
    snprintf(v.triggers[0].name, CONFIG_NAME_MAX, "crossed-over");
    snprintf(v.triggers[0].what, VIEW_TEXT, "noodles");
    v.triggers[0].relayed = true;
    snprintf(v.triggers[1].user, VIEW_TEXT, "u17");
    snprintf(v.triggers[1].name, CONFIG_NAME_MAX, "win-back");
    v.n_fired = 4242;
    snprintf(v.user, sizeof v.user, "u690");
    v.segment = 5;
    v.n_happened = 3;
    for (int k = 0; k < 3; k++) {
        v.happened[k].ts_ms = v.stream_ms - k * 3600000;
        snprintf(v.happened[k].text, VIEW_TEXT, "ordered Thing %d", k);
    }
    return 0;
}

static struct demo_canvas *drawn(int w, int h, bool utf8) {
    struct demo_canvas *c = NULL;
    assert_int_equal(demo_canvas_new(w, h, utf8, true, &c), ST_OK);
    demo_view_draw(&v, c);
    return c;
}

static bool has(const struct demo_canvas *c, const char *text) {
    for (int y = 0; y < c->h; y++) {
        demo_canvas_row(c, y, row);
        if (strstr(row, text)) {
            return true;
        }
    }
    return false;
}

static void has_all(const struct demo_canvas *c, const char *const *texts) {
    for (; *texts; texts++) {
        if (!has(c, *texts)) {
            for (int y = 0; y < c->h; y++) {
                demo_canvas_row(c, y, row);
                print_message("%s|\n", row);
            }
            fail_msg("%d x %d has no \"%s\"", c->w, c->h, *texts);
        }
    }
}

static const char *const everything[] = {"crossrec: course + food",
                                         "2026-03-17",
                                         "1:23 of 10:00",
                                         "playing",
                                         "throughput",
                                         "events/s",
                                         "2,510",
                                         "45 ms",
                                         "126 ms",
                                         "19,990 events",
                                         "recall@10",
                                         "0.399",
                                         "0.110",
                                         "all",
                                         "segments",
                                         "persona 7",
                                         "12 %",
                                         "triggers",
                                         "crossed-over",
                                         "noodles",
                                         "win-back",
                                         "u690",
                                         "5: persona 5",
                                         "Thing 0",
                                         "Thing 1",
                                         "course list",
                                         "food list",
                                         "Dish 1",
                                         "Course 5",
                                         "+ Dish 3",
                                         "together",
                                         "q quit",
                                         NULL};

static void every_pane_is_there_at_80_by_24_and_at_160_by_50(void **state) {
    (void)state;
    struct demo_canvas *small = drawn(80, 24, true);
    struct demo_canvas *large = drawn(160, 50, true);
    has_all(small, everything);
    has_all(large, everything);
    static const char *const more[] = {"persona 0", "detail 0",    "Dish 10", "Course 10",
                                       "Thing 2",   "4,242 fired", NULL};
    has_all(large, more);
    demo_canvas_free(small);
    demo_canvas_free(large);
}

static void without_utf8_the_same_is_there_in_ascii(void **state) {
    (void)state;
    struct demo_canvas *c = drawn(80, 24, false);
    has_all(c, everything);
    for (int y = 0; y < c->h; y++) {
        demo_canvas_row(c, y, row);
        assert_int_equal(strlen(row), 80);
        for (const char *p = row; *p; p++) {
            assert_true(*p >= ' ' && *p < 127);
        }
    }
    demo_canvas_free(c);
}

/* A frame of it on a terminal of that size: what is outside of it would be counted there. */
static void nothing_exceeds_any_size(void **state) {
    (void)state;
    struct screen *s = calloc(1, sizeof *s);
    for (int w = 1; w <= 220; w += w < 70 ? 1 : 13) {
        for (int h = 1; h <= 70; h += h < 30 ? 1 : 7) {
            struct demo_canvas *c = drawn(w, h, true);
            size_t len = 0;
            char *bytes = demo_canvas_frame(c, NULL, &len);
            screen_init(s, w, h);
            s->wraps = false; /* as demo_term.h has it */
            screen_write(s, bytes, len);
            assert_int_equal(s->outside + s->unknown, 0);
            free(bytes);
            demo_canvas_free(c);
        }
    }
    free(s);
}

static void a_terminal_that_is_too_small_says_what_is_needed(void **state) {
    (void)state;
    struct demo_canvas *c = drawn(VIEW_W_MIN - 1, VIEW_H_MIN, true);
    assert_true(has(c, "needs 60 x 18"));
    assert_true(has(c, "q quits"));
    demo_canvas_free(c);
    c = drawn(VIEW_W_MIN, VIEW_H_MIN, true);
    assert_true(has(c, "segments"));
    assert_true(has(c, "Dish 1"));
    demo_canvas_free(c);
}

static void fill_text(char *buf, size_t len, char ch) {
    memset(buf, ch, len - 1);
    buf[len - 1] = '\0';
}

/* The neighbours of a cell that holds a too long text are as they were. */
static void texts_that_are_too_long_are_cut_in_their_pane(void **state) {
    (void)state;
    fill_text(v.segments[0].title, VIEW_TEXT, 'S');
    fill_text(v.triggers[0].what, VIEW_TEXT, 'T');
    fill_text(v.triggers[1].user, VIEW_TEXT, 'U');
    fill_text(v.happened[0].text, VIEW_TEXT, 'E');
    fill_text(v.lists[0].items[0].name, VIEW_TEXT, 'L');
    fill_text(v.lists[1].items[0].name, VIEW_TEXT, 'R');
    fill_text(v.what, VIEW_TEXT, 'W');
    for (int w = 80; w <= 160; w += 80) {
        struct demo_canvas *c = drawn(w, w == 80 ? 24 : 50, true);
        int with_both = 0;
        for (int y = 0; y < c->h; y++) {
            demo_canvas_row(c, y, row);
            const bool segment = strstr(row, "SSS") != NULL;
            if (segment) { /* the line between the panes stands, and what is right of it */
                const struct demo_cell *at = &c->cells[y * c->w + c->w / 2];
                assert_string_equal(at->text, "\xe2\x94\x82");
                assert_non_null(strstr(row, "\xe2\x94\x82 u690    crossed-over  TTT"));
                assert_non_null(strstr(row, "TT\xe2\x80\xa6 \xe2\x9c\x93 ")); /* and the tick */
            }
            if (strstr(row, "LLL") && strstr(row, "RRR")) {
                with_both++;
                assert_non_null(strstr(row, "\xe2\x80\xa6 together")); /* the reasons stand */
            }
        }
        assert_int_equal(with_both, 1);
        assert_true(has(c, "win-back"));
        assert_true(has(c, "1:23 of 10:00"));
        demo_canvas_free(c);
    }
}

static void large_numbers_stay_in_their_columns(void **state) {
    (void)state;
    v.events = UINT64_C(987654321987);
    v.users = 4000000000U;
    v.items = 123456789;
    v.lag = 5432109876;
    v.n_fired = UINT64_C(18446744073709551615);
    view_series_add(&v.rate, 1234567.8);
    view_series_add(&v.p50_s, 12345.6);
    view_series_add(&v.p99_s, 1e12);
    struct demo_canvas *c = drawn(80, 24, true);
    static const char *const texts[] = {"1.23M",       "12346 s",    "988G events",
                                        "4.00G users", "123M items", NULL};
    has_all(c, texts);
    for (int y = 2; y < 6; y++) { /* the line beside them is whole */
        assert_string_equal(c->cells[y * c->w + 40].text, "\xe2\x94\x82");
    }
    demo_canvas_free(c);
}

static void an_empty_view_says_what_is_waited_for(void **state) {
    (void)state;
    memset(&v, 0, sizeof v);
    v.segment = -1;
    v.seed_users = 400;
    v.no_triggers = "off: they need state = kafka";
    struct demo_canvas *c = drawn(80, 24, true);
    static const char *const texts[] = {"waiting for the consumer group", "400 users",
                                        "they need state = kafka", "nobody is followed yet", NULL};
    has_all(c, texts);
    demo_canvas_free(c);
}

static void the_last_row_has_keys_a_message_or_what_is_typed(void **state) {
    (void)state;
    struct demo_canvas *c = drawn(80, 24, true);
    assert_true(has(c, "space pauses"));
    v.phase = VIEW_PAUSED;
    demo_view_draw(&v, c);
    assert_true(has(c, "space goes on") && has(c, "PAUSED"));
    snprintf(v.message, sizeof v.message, "a message");
    demo_view_draw(&v, c);
    assert_true(has(c, "a message") && !has(c, "space"));
    snprintf(v.prompt, sizeof v.prompt, "follow whom? u1");
    demo_view_draw(&v, c);
    assert_true(has(c, "follow whom? u1") && !has(c, "a message"));
    v.help = true;
    demo_view_draw(&v, c);
    assert_true(has(c, "a real event, through Kafka"));
    demo_canvas_free(c);
}

static void a_series_keeps_its_newest_values_in_order(void **state) {
    (void)state;
    static struct view_series s;
    memset(&s, 0, sizeof s);
    for (int k = 0; k < VIEW_SERIES + 5; k++) {
        view_series_add(&s, k);
    }
    assert_int_equal(s.n, VIEW_SERIES);
    assert_true(s.v[0] == 5.0 && s.v[VIEW_SERIES - 1] == VIEW_SERIES + 4.0);
}

static void of_more_domains_than_rows_the_first_ones_and_all_of_them_show(void **state) {
    (void)state;
    for (int k = 0; k < DOMAINS_MAX; k++) {
        snprintf(v.quality[k].name, CONFIG_NAME_MAX, "dom%d", k);
    }
    v.quality[DOMAINS_MAX] = v.quality[0];
    snprintf(v.quality[DOMAINS_MAX].name, CONFIG_NAME_MAX, "all");
    v.n_quality = DOMAINS_MAX + 1;
    struct demo_canvas *c = drawn(80, 24, true);
    static const char *const texts[] = {"dom0", "dom1", "all ", NULL};
    has_all(c, texts);
    assert_false(has(c, "dom2"));
    demo_canvas_free(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_pane_is_there_at_80_by_24_and_at_160_by_50, setup),
        cmocka_unit_test_setup(without_utf8_the_same_is_there_in_ascii, setup),
        cmocka_unit_test_setup(nothing_exceeds_any_size, setup),
        cmocka_unit_test_setup(a_terminal_that_is_too_small_says_what_is_needed, setup),
        cmocka_unit_test_setup(texts_that_are_too_long_are_cut_in_their_pane, setup),
        cmocka_unit_test_setup(large_numbers_stay_in_their_columns, setup),
        cmocka_unit_test_setup(an_empty_view_says_what_is_waited_for, setup),
        cmocka_unit_test_setup(the_last_row_has_keys_a_message_or_what_is_typed, setup),
        cmocka_unit_test_setup(a_series_keeps_its_newest_values_in_order, setup),
        cmocka_unit_test_setup(of_more_domains_than_rows_the_first_ones_and_all_of_them_show,
                               setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
