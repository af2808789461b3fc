/* SPDX-License-Identifier: Apache-2.0
 *
 * test_dead_letters.c -- the contracts of dead_letters_filter.h, dead_letters_places.h and
 * dead_letters_print.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dead_letters_filter.h"
#include "dead_letters_places.h"
#include "dead_letters_print.h"
#include "failing_alloc.h"
#include "intake.h"
#include "mix.h"

enum { HEADERS = 8 };

static struct header text_header(const char *name, const char *value) {
    return (struct header){.name = name, .value = value, .len = strlen(value)};
}

/* As letter.c writes them, of a record whose schema id is known and whose value was cut. */
static void letter_headers(struct header h[HEADERS]) {
    h[0] = text_header("topic", "food-orders");
    h[1] = text_header("partition", "3");
    h[2] = text_header("offset", "9223372036854775807");
    h[3] = text_header("timestamp", "1767225600123");
    h[4] = text_header("reason", "decode");
    h[5] = text_header("detail", "a string is longer than what remains");
    h[6] = text_header("schema-id", "2");
    h[7] = text_header("truncated-from", "2000000");
}

/* ---- headers ----------------------------------------------------------------------------- */

static void a_letter_says_where_its_record_came_from_and_why(void **state) {
    (void)state;
    struct header h[HEADERS];
    struct dead_letter l;
    letter_headers(h);
    assert_int_equal(dead_letter_read(h, HEADERS, &l), DEAD_LETTER);
    assert_string_equal(l.topic, "food-orders");
    assert_int_equal(l.partition, 3);
    assert_true(l.offset == INT64_MAX);
    assert_true(l.timestamp_ms == INT64_C(1767225600123));
    assert_int_equal(l.reason_len, 6);
    assert_memory_equal(l.reason, "decode", 6);
    assert_int_equal(l.detail_len, strlen("a string is longer than what remains"));
    assert_true(l.truncated);
    assert_int_equal(dead_letter_read(h, 7, &l), DEAD_LETTER);
    assert_false(l.truncated);
    assert_int_equal(dead_letter_read(h, 5, &l), DEAD_LETTER);
    assert_int_equal(l.detail_len, 0);
    assert_non_null(l.detail);
}

static void without_a_needed_header_it_is_foreign(void **state) {
    (void)state;
    for (size_t k = 0; k < 5; k++) {
        struct header h[HEADERS];
        struct dead_letter l;
        letter_headers(h);
        h[k].name = "something-else";
        assert_int_equal(dead_letter_read(h, HEADERS, &l), DEAD_FOREIGN);
        letter_headers(h);
        h[k] = (struct header){.name = h[k].name, .value = NULL, .len = 0};
        assert_int_equal(dead_letter_read(h, HEADERS, &l), DEAD_FOREIGN);
        letter_headers(h);
        h[k].len = 0;
        assert_int_equal(dead_letter_read(h, HEADERS, &l), DEAD_FOREIGN);
    }
    assert_int_equal(dead_letter_read(NULL, 0, &(struct dead_letter){.offset = 0}), DEAD_FOREIGN);
}

static void numbers_and_names_that_cannot_be_are_foreign(void **state) {
    (void)state;
    static const struct {
        size_t header;
        const char *value;
        enum dead_kind kind;
    } rows[] = {
        {1, "0", DEAD_LETTER},
        {1, "2147483647", DEAD_LETTER},
        {1, "2147483648", DEAD_FOREIGN},
        {1, "-1", DEAD_FOREIGN},
        {1, "3x", DEAD_FOREIGN},
        {1, " 3", DEAD_FOREIGN},
        {2, "0", DEAD_LETTER},
        {2, "9223372036854775808", DEAD_FOREIGN},
        {2, "99999999999999999999999", DEAD_FOREIGN},
        {2, "-5", DEAD_FOREIGN},
        {2, "+5", DEAD_FOREIGN},
        {3, "-1", DEAD_LETTER}, /* unknown */
        {3, "-", DEAD_FOREIGN},
        {3, "--1", DEAD_FOREIGN},
        {3, "1.5", DEAD_FOREIGN},
    };
    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
        struct header h[HEADERS];
        struct dead_letter l;
        letter_headers(h);
        h[rows[k].header].value = rows[k].value;
        h[rows[k].header].len = strlen(rows[k].value);
        if (dead_letter_read(h, HEADERS, &l) != rows[k].kind) {
            fail_msg("header %zu `%s`", rows[k].header, rows[k].value);
        }
    }
    struct header h[HEADERS];
    struct dead_letter l;
    char name[CONFIG_NAME_MAX];
    letter_headers(h);
    memset(name, 'x', sizeof name);
    h[0].value = name;
    h[0].len = sizeof name - 1;
    assert_int_equal(dead_letter_read(h, HEADERS, &l), DEAD_LETTER);
    assert_int_equal(strlen(l.topic), sizeof name - 1);
    h[0].len = sizeof name;
    assert_int_equal(dead_letter_read(h, HEADERS, &l), DEAD_FOREIGN);
    h[0] = (struct header){.name = "topic", .value = "a\0b", .len = 3};
    assert_int_equal(dead_letter_read(h, HEADERS, &l), DEAD_FOREIGN);
}

static void of_a_header_that_stands_twice_the_last_counts(void **state) {
    (void)state;
    struct header h[HEADERS];
    struct dead_letter l;
    letter_headers(h);
    h[7] = text_header("topic", "course-views");
    assert_int_equal(dead_letter_read(h, HEADERS, &l), DEAD_LETTER);
    assert_string_equal(l.topic, "course-views");
}

static void a_mark_names_its_letter(void **state) {
    (void)state;
    struct header h = text_header("redriven", "7:123456789012");
    struct dead_letter l;
    assert_int_equal(dead_letter_read(&h, 1, &l), DEAD_MARK);
    assert_int_equal(l.redriven.partition, 7);
    assert_true(l.redriven.offset == INT64_C(123456789012));
    h = text_header("redriven", "7");
    assert_int_equal(dead_letter_read(&h, 1, &l), DEAD_FOREIGN);
}

static void places_are_two_numbers_around_a_colon(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      ":",
                                      "1",
                                      "1:",
                                      ":1",
                                      "1:2:3",
                                      "-1:2",
                                      "1:-2",
                                      "a:1",
                                      "1:1 ",
                                      "2147483648:0",
                                      "1: 1",
                                      "1;2",
                                      "0x1:0x2",
                                      "1:9223372036854775808"};
    struct place p = {-7, -7};
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
        if (dead_place_parse(bad[k], strlen(bad[k]), &p) != ST_INVALID) {
            fail_msg("`%s`", bad[k]);
        }
        assert_true(p.partition == -7 && p.offset == -7);
    }
    assert_int_equal(dead_place_parse("12:345x", 6, &p), ST_OK);
    assert_true(p.partition == 12 && p.offset == 345);
    assert_int_equal(dead_place_parse("2147483647:9223372036854775807", 30, &p), ST_OK);
    assert_true(p.partition == INT32_MAX && p.offset == INT64_MAX);
}

/* ---- filter ------------------------------------------------------------------------------ */

static bool takes(const struct dead_filter *f, const char *topic, const char *reason, int64_t ms) {
    struct dead_letter l = {.reason = reason, .reason_len = strlen(reason), .detail = ""};
    snprintf(l.topic, sizeof l.topic, "%s", topic);
    return dead_filter_takes(f, &l, ms);
}

static void a_filter_of_nothing_takes_everything(void **state) {
    (void)state;
    const struct dead_filter f = dead_filter_all();
    assert_true(takes(&f, "any", "decode", -1));
    assert_true(takes(&f, "any", "of-a-later-version", INT64_MAX - 1));
}

static void reasons_are_taken_by_their_codes(void **state) {
    (void)state;
    for (int k = INTAKE_OK + 1; k < INTAKE_REASONS; k++) {
        char err[256];
        struct dead_filter f = dead_filter_all();
        const char *code = intake_reason_code((enum intake_reason)k);
        assert_int_equal(dead_filter_reasons(&f, code, err, sizeof err), ST_OK);
        for (int j = INTAKE_OK + 1; j < INTAKE_REASONS; j++) {
            assert_int_equal(takes(&f, "t", intake_reason_code((enum intake_reason)j), 0), j == k);
        }
        assert_false(takes(&f, "t", "of-a-later-version", 0));
        assert_false(takes(&f, "t", "ok", 0));
    }
    char err[256];
    struct dead_filter f = dead_filter_all();
    assert_int_equal(dead_filter_reasons(&f, "decode,number", err, sizeof err), ST_OK);
    assert_int_equal(dead_filter_reasons(&f, "empty", err, sizeof err), ST_OK);
    assert_true(takes(&f, "t", "decode", 0) && takes(&f, "t", "number", 0));
    assert_true(takes(&f, "t", "empty", 0));
    assert_false(takes(&f, "t", "item-id", 0) || takes(&f, "t", "decod", 0));
}

static void a_mistyped_reason_is_told_its_nearest(void **state) {
    (void)state;
    char err[1024] = "";
    struct dead_filter f = dead_filter_all();
    assert_int_equal(dead_filter_reasons(&f, "decode,numbr", err, sizeof err), ST_INVALID);
    assert_string_equal(err, "there is no reason `numbr`; did you mean `number`?");
    assert_true(f.reasons == 0);
    assert_int_equal(dead_filter_reasons(&f, "qqqqqqqqqqqqqqq", err, sizeof err), ST_INVALID);
    assert_non_null(strstr(err, "`qqqqqqqqqqqqqqq`; there are empty, "));
    assert_non_null(strstr(err, ", number"));
    assert_int_equal(dead_filter_reasons(&f, "", err, sizeof err), ST_INVALID);
    assert_int_equal(dead_filter_reasons(&f, "decode,", err, sizeof err), ST_INVALID);
    assert_int_equal(dead_filter_reasons(&f, "ok", err, sizeof err), ST_INVALID);
    char small[16];
    assert_int_equal(dead_filter_reasons(&f, "qqqqqqqqqqqqqqq", small, sizeof small), ST_INVALID);
    assert_true(f.reasons == 0);
}

static void topics_and_times_bound_a_filter(void **state) {
    (void)state;
    struct dead_filter f = dead_filter_all();
    f.topic = "food-orders";
    f.since_ms = 100;
    f.until_ms = 200;
    assert_true(takes(&f, "food-orders", "decode", 100) && takes(&f, "food-orders", "x", 199));
    assert_false(takes(&f, "food-orders", "decode", 99) || takes(&f, "food-orders", "x", 200));
    assert_false(takes(&f, "food-order", "decode", 150) || takes(&f, "food-orders2", "x", 150));
}

/* ---- times ------------------------------------------------------------------------------- */

static void assert_time(const char *text, int64_t expected_ms) {
    int64_t ms = 0;
    assert_int_equal(dead_time_parse(text, INT64_C(1767225600000), &ms), ST_OK);
    if (ms != expected_ms) {
        fail_msg("%s: %lld", text, (long long)ms);
    }
}

static void times_are_rfc_3339_or_so_long_ago(void **state) {
    (void)state;
    const int64_t now_ms = INT64_C(1767225600000); /* date -u -d 2026-01-01 +%s */
    assert_time("2026-01-01", now_ms);
    assert_time("2026-01-01T00:00:00Z", now_ms);
    assert_time("2026-01-01T02:00:00+02:00", now_ms);
    assert_time("2025-12-31T19:30:00.5-04:30", now_ms + 500);
    assert_time("30s", now_ms - 30000);
    assert_time("15m", now_ms - 900000);
    assert_time("2h", now_ms - 7200000);
    assert_time("7d", now_ms - 604800000);
    assert_time("0s", now_ms);
    static const char *const bad[] = {"",
                                      "7",
                                      "d",
                                      "-7d",
                                      "7D",
                                      "1.5h",
                                      "7 d",
                                      "7w",
                                      "7dd",
                                      "now",
                                      "1e3s",
                                      "99999999999999999999d",
                                      "2026-13-01",
                                      "2026-02-29",
                                      "26-1-1",
                                      "2026-01-01T",
                                      "2026-01-01T25:00:00Z",
                                      "999999999d"};
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
        int64_t ms = 42;
        if (dead_time_parse(bad[k], now_ms, &ms) != ST_INVALID || ms != 42) {
            fail_msg("`%s`", bad[k]);
        }
    }
}

static void what_is_written_as_a_time_is_read_as_that_time(void **state) {
    (void)state;
    const uint64_t seed = (uint64_t)time(NULL);
    char text[DEAD_TIME_MAX];
    print_message("seed %llu\n", (unsigned long long)seed);
    for (uint64_t k = 0; k < 20000; k++) {
        const int64_t ms = (int64_t)(mix64(seed + k) % 253402300800000U);
        assert_time(dead_time_text(ms, text), ms);
    }
    assert_string_equal(dead_time_text(INT64_C(1767225600123), text), "2026-01-01T00:00:00.123Z");
    assert_string_equal(dead_time_text(0, text), "1970-01-01T00:00:00.000Z");
    assert_string_equal(dead_time_text(-1, text), "unknown");
    assert_string_equal(dead_time_text(INT64_C(253402300800000), text), "unknown");
    assert_string_equal(dead_time_text(INT64_MAX, text), "unknown");
}

/* ---- places ------------------------------------------------------------------------------ */

static void a_set_has_the_places_that_were_added_and_no_others(void **state) {
    (void)state;
    struct places s = {0};
    assert_false(places_has(&s, (struct place){0, 0}));
    for (int64_t k = 0; k < 30000; k++) {
        assert_int_equal(places_add(&s, (struct place){(int32_t)(k % 7), k * k}), ST_OK);
        assert_int_equal(places_add(&s, (struct place){(int32_t)(k % 7), k * k}), ST_OK);
    }
    assert_int_equal(s.n, 30000);
    for (int64_t k = 0; k < 30000; k++) {
        for (int32_t p = 0; p < 7; p++) {
            assert_int_equal(places_has(&s, (struct place){p, k * k}), p == k % 7);
        }
        assert_false(k > 1 && places_has(&s, (struct place){(int32_t)(k % 7), k * k + 1}));
    }
    places_free(&s);
    assert_int_equal(s.n, 0);
    places_free(&s);
}

static void without_memory_no_place_is_lost(void **state) {
    (void)state;
    if (!CAN_FAIL) {
        skip();
    }
    struct places s = {0};
    int refused = 0;
    for (int64_t k = 0; k < 2000; k++) {
        fail_after(0);
        enum status st = places_add(&s, (struct place){1, k});
        fail_after(-1);
        refused += st == ST_NOMEM;
        st = st ? places_add(&s, (struct place){1, k}) : st;
        assert_int_equal(st, ST_OK);
    }
    assert_true(refused > 3);
    for (int64_t k = 0; k < 2000; k++) {
        assert_true(places_has(&s, (struct place){1, k}));
    }
    places_free(&s);
}

/* ---- print ------------------------------------------------------------------------------- */

static char printed[8192];

static FILE *open_print(void) {
    FILE *f = tmpfile();
    assert_non_null(f);
    return f;
}

static const char *close_print(FILE *f) {
    rewind(f);
    printed[fread(printed, 1, sizeof printed - 1, f)] = '\0';
    fclose(f);
    return printed;
}

static struct dead_record a_record(const struct record *r, struct header h[HEADERS]) {
    struct dead_record d = {.record = r, .headers = h, .n_headers = HEADERS, .place = {0, 17}};
    d.kind = dead_letter_read(h, HEADERS, &d.letter);
    return d;
}

static void a_line_has_six_fields(void **state) {
    (void)state;
    struct header h[HEADERS];
    const struct record r = {.timestamp_ms = INT64_C(1767225600123)};
    letter_headers(h);
    struct dead_record d = a_record(&r, h);
    FILE *f = open_print();
    dead_print_line(f, &d);
    d.redriven = true;
    dead_print_line(f, &d);
    d.redriven = d.letter.truncated = false;
    dead_print_line(f, &d);
#define LINE(state)                                                                                \
    "0:17\t2026-01-01T00:00:00.123Z\tfood-orders/3/9223372036854775807\tdecode\t" state            \
    "\ta string is longer than what remains\n"
    assert_string_equal(close_print(f), LINE("truncated") LINE("redriven") LINE("-"));
}

static void no_terminal_obeys_what_came_from_outside(void **state) {
    (void)state;
    struct header h[HEADERS];
    const struct record r = {
        .key = "k\033[2J\n", .key_len = 6, .value = "\x9b\t\x7f", .value_len = 3};
    letter_headers(h);
    h[0] = text_header("topic", "food\033[31m");
    h[4] = text_header("reason", "de\ncode\t\x9b");
    h[5] = text_header("detail", "\r\x01 x");
    h[6] = text_header("a\033name", "\007value");
    struct dead_record d = a_record(&r, h);
    struct tally *t = calloc(1, sizeof *t);
    assert_non_null(t);
    FILE *f = open_print();
    dead_print_line(f, &d);
    dead_print_letter(f, &d);
    tally_add(t, &d);
    tally_print(t, f);
    free(t);
    for (const char *p = close_print(f); *p; p++) {
        assert_true((*p >= 0x20 && *p < 0x7f) || *p == '\n' || *p == '\t');
    }
    assert_non_null(strstr(printed, "food?[31m/3/"));
    assert_non_null(strstr(printed, "header a?name: ?value\n"));
}

static void a_letter_is_shown_as_hex_and_text(void **state) {
    (void)state;
    struct header h[HEADERS];
    const struct record r = {.value = "\0\0\0\0\2ABCDEFGHIJKL\377", .value_len = 18};
    letter_headers(h);
    const struct dead_record d = a_record(&r, h);
    FILE *f = open_print();
    dead_print_letter(f, &d);
    close_print(f);
    assert_non_null(strstr(printed, "letter: 0:17\n"));
    assert_non_null(strstr(printed, "record of: 2026-01-01T00:00:00.123Z\n"));
    assert_non_null(strstr(printed, "header schema-id: 2\n"));
    assert_non_null(strstr(printed, "key: none\n"));
    assert_non_null(strstr(
        printed, "value: 18 bytes\n"
                 "  000000  00 00 00 00 02 41 42 43  44 45 46 47 48 49 4a 4b  .....ABCDEFGHIJK\n"
                 "  000010  4c ff                                             L.\n"));
}

static void a_tally_counts_by_topic_and_reason_most_first(void **state) {
    (void)state;
    static struct tally t;
    struct header h[HEADERS];
    const struct record r = {0};
    letter_headers(h);
    for (int k = 0; k < 5; k++) {
        struct dead_record d = a_record(&r, h);
        d.redriven = k == 1;
        tally_add(&t, &d);
        h[4] = text_header("reason", "number");
    }
    FILE *f = open_print();
    tally_print(&t, f);
    assert_string_equal(close_print(f),
                        "         4 letters           1 redriven  food-orders  number\n"
                        "         1 letters           0 redriven  food-orders  decode\n");
    for (int k = 0; k < 2 * TALLY_ROWS; k++) { /* more than it has rows for */
        char reason[TALLY_REASON_MAX + 8];
        snprintf(reason, sizeof reason, "r%d", k);
        h[4] = text_header("reason", reason);
        const struct dead_record d = a_record(&r, h);
        tally_add(&t, &d);
    }
    assert_int_equal(t.n, TALLY_ROWS);
    assert_int_equal(t.others, TALLY_ROWS + 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_letter_says_where_its_record_came_from_and_why),
        cmocka_unit_test(without_a_needed_header_it_is_foreign),
        cmocka_unit_test(numbers_and_names_that_cannot_be_are_foreign),
        cmocka_unit_test(of_a_header_that_stands_twice_the_last_counts),
        cmocka_unit_test(a_mark_names_its_letter),
        cmocka_unit_test(places_are_two_numbers_around_a_colon),
        cmocka_unit_test(a_filter_of_nothing_takes_everything),
        cmocka_unit_test(reasons_are_taken_by_their_codes),
        cmocka_unit_test(a_mistyped_reason_is_told_its_nearest),
        cmocka_unit_test(topics_and_times_bound_a_filter),
        cmocka_unit_test(times_are_rfc_3339_or_so_long_ago),
        cmocka_unit_test(what_is_written_as_a_time_is_read_as_that_time),
        cmocka_unit_test(a_set_has_the_places_that_were_added_and_no_others),
        cmocka_unit_test(without_memory_no_place_is_lost),
        cmocka_unit_test(a_line_has_six_fields),
        cmocka_unit_test(no_terminal_obeys_what_came_from_outside),
        cmocka_unit_test(a_letter_is_shown_as_hex_and_text),
        cmocka_unit_test(a_tally_counts_by_topic_and_reason_most_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
