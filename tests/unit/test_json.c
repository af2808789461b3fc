/* SPDX-License-Identifier: Apache-2.0
 *
 * test_json.c -- the contract of json.h, against RFC 8259 and texts read by eye.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failing_alloc.h"
#include "json.h"

/* Parses a copy that ends exactly where the text does, so that ASan sees a read beyond. */
static enum status parse_n(const char *text, size_t len, struct json **out, char *err,
                           size_t err_len) {
    char *exact = malloc(len ? len : 1);
    assert_non_null(exact);
    memcpy(exact, text, len);
    enum status st = json_parse(exact, len, out, err, err_len);
    free(exact);
    return st;
}

static struct json *parsed(const char *text) {
    struct json *root = NULL;
    char err[128] = "";
    if (parse_n(text, strlen(text), &root, err, sizeof err) != ST_OK) {
        fail_msg("%s: %s", text, err);
    }
    return root;
}

/* Refused, with `why` in the reason and nothing written to the root. */
static void refused_n(const char *text, size_t len, const char *why) {
    struct json *root = (struct json *)(uintptr_t)16;
    char err[256] = "";
    enum status st = parse_n(text, len, &root, err, sizeof err);
    if (st != ST_INVALID || !strstr(err, why) || err[0] == '\0') {
        fail_msg("%.80s: status %d, \"%s\"", text, (int)st, err);
    }
    assert_int_equal((uintptr_t)root, 16);
}

static void refused(const char *text, const char *why) {
    refused_n(text, strlen(text), why);
}

static void every_value_has_its_kind(void **state) {
    (void)state;
    struct json *root = parsed(" [null,true,false,7,-7,7.0,7e0,\"7\",[1],{\"a\":1}] ");
    static const enum json_kind kinds[] = {JSON_NULL_VALUE, JSON_BOOLEAN, JSON_BOOLEAN, JSON_WHOLE,
                                           JSON_WHOLE,      JSON_NUMBER,  JSON_NUMBER,  JSON_TEXT,
                                           JSON_LIST,       JSON_TABLE};
    assert_int_equal(json_kind(root), JSON_LIST);
    assert_int_equal(json_n(root), 10);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(json_kind(json_at(root, i)), kinds[i]);
    }
    assert_null(json_at(root, 10));
    assert_int_equal(json_n(json_at(root, 7)), 0);
    assert_int_equal(json_n(json_at(root, 8)), 1);
    assert_int_equal(json_n(json_at(root, 9)), 1);
    json_free(root);
}

static void a_value_of_another_kind_leaves_the_output_untouched(void **state) {
    (void)state;
    struct json *root = parsed("[null,true,7,7.5,\"7\",[],{}]");
    for (size_t i = 0; i < json_n(root); i++) {
        const struct json *v = json_at(root, i);
        int64_t whole = 99;
        double number = 99.0;
        bool flag = true;
        assert_int_equal(json_whole(v, &whole), i == 2);
        assert_int_equal(whole, i == 2 ? 7 : 99);
        assert_int_equal(json_number(v, &number), i == 2 || i == 3);
        assert_true(number == (i == 2 ? 7.0 : i == 3 ? 7.5 : 99.0));
        assert_int_equal(json_flag(v, &flag), i == 1);
        assert_true(flag);
        assert_int_equal(json_text(v, NULL) != NULL, i == 4);
    }
    json_free(root);
}

static void no_value_is_none_to_every_function(void **state) {
    (void)state;
    int64_t whole = 1;
    double number = 1.0;
    bool flag = true;
    size_t len = 9;
    void *iter = NULL;
    const char *key = "kept";
    assert_int_equal(json_kind(NULL), JSON_NONE);
    assert_int_equal(json_n(NULL), 0);
    assert_null(json_at(NULL, 0));
    assert_null(json_get(NULL, "a"));
    assert_null(json_next(NULL, &iter, &key));
    assert_string_equal(key, "kept");
    assert_null(json_text(NULL, &len));
    assert_int_equal(len, 0);
    assert_null(json_text(NULL, NULL));
    assert_false(json_whole(NULL, &whole) || json_number(NULL, &number) || json_flag(NULL, &flag));
    assert_null(json_print(NULL));
    json_free(NULL);
}

static void whole_numbers_are_int64_and_others_finite_doubles(void **state) {
    (void)state;
    struct json *root = parsed("[9223372036854775807,-9223372036854775808,0,-0,1.5e308,-2.5E-3,"
                               "1e-400,0.1]");
    static const int64_t whole[] = {INT64_MAX, INT64_MIN, 0, 0};
    static const double numbers[] = {1.5e308, -0.0025, 0.0, 0.1};
    int64_t w = 1;
    double x = 1.0;
    for (size_t i = 0; i < 4; i++) {
        assert_true(json_whole(json_at(root, i), &w));
        assert_int_equal(w, whole[i]);
        assert_false(json_whole(json_at(root, 4 + i), &w));
        assert_true(json_number(json_at(root, 4 + i), &x));
        assert_true(x == numbers[i]);
    }
    json_free(root);
    refused("9223372036854775808", "line 1");
    refused("-9223372036854775809", "line 1");
    refused("1e400", "line 1");
    refused("-1e400", "line 1");
}

static void members_come_in_the_order_of_the_text(void **state) {
    (void)state;
    struct json *root = parsed("{\"z\":1,\"a\":{\"z\":5},\"\":3,\"m\":null}");
    static const char *const keys[] = {"z", "a", "", "m"};
    void *iter = NULL;
    const char *key = NULL;
    for (size_t i = 0; i < 4; i++) {
        const struct json *v = json_next(root, &iter, &key);
        assert_string_equal(key, keys[i]);
        assert_ptr_equal(v, json_get(root, keys[i]));
        assert_non_null(v);
    }
    assert_null(json_next(root, &iter, &key));
    assert_int_equal(json_kind(json_get(root, "m")), JSON_NULL_VALUE);
    assert_int_equal(json_kind(json_get(root, "n")), JSON_NONE);
    assert_null(json_get(json_get(root, "z"), "z")); /* no table */
    assert_null(json_at(root, 0));                   /* no list */
    json_free(root);
}

static void duplicate_keys_are_refused(void **state) {
    (void)state;
    refused("{\"a\":1,\"a\":1}", "duplicate");
    refused("[{\"b\":{\"a\":1,\"\\u0061\":2}}]", "duplicate");
    json_free(parsed("{\"a\":{\"a\":1},\"b\":{\"a\":1},\"A\":2}"));
}

static void what_is_no_json_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {"",
                                        " ",
                                        "[",
                                        "]",
                                        "{",
                                        "}",
                                        "[1,]",
                                        "[,1]",
                                        "{\"a\":1,}",
                                        "{\"a\"}",
                                        "{a:1}",
                                        "{'a':1}",
                                        "[1 2]",
                                        "1 2",
                                        "{} {}",
                                        "tru",
                                        "True",
                                        "nul",
                                        "NaN",
                                        "Infinity",
                                        "-Infinity",
                                        "01",
                                        "+1",
                                        ".5",
                                        "1.",
                                        "1e",
                                        "0x10",
                                        "\"",
                                        "\"a",
                                        "\"\\x\"",
                                        "\"\\u12\"",
                                        "\"a\nb\"",
                                        "\"\t\"",
                                        "\"\\ud800\"",
                                        "\"\\udc00\"",
                                        "\"\xff\"",
                                        "\"\xc0\x80\"",
                                        "\"\xed\xa0\x80\"",
                                        "\"\xf4\x90\x80\x80\"",
                                        "// c\n1",
                                        "/**/1",
                                        "[1]x",
                                        "\xef\xbb\xbf[]",
                                        "\xff\xfe[",
                                        "{1:2}",
                                        "{\"a\":}",
                                        "[\"a\":1]",
                                        "{\"a\",1}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        refused(texts[i], "line ");
    }
}

static void the_reason_has_line_and_column(void **state) {
    (void)state;
    refused("[1,\n 2,\n x]", "line 3, column 2");
    refused_n("[1,\n\0", 5, "line 2, column 1: a zero byte");
}

static void short_error_buffers_are_terminated(void **state) {
    (void)state;
    struct json *root = NULL;
    char err[5] = {'x', 'x', 'x', 'x', 'x'};
    assert_int_equal(json_parse("[", 1, &root, err, 4), ST_INVALID);
    assert_int_equal(strlen(err), 3);
    assert_int_equal(json_parse("\0", 1, &root, err, 4), ST_INVALID);
    assert_int_equal(strlen(err), 3);
    assert_int_equal(err[4], 'x');
    assert_int_equal(json_parse("[", 1, &root, NULL, 0), ST_INVALID);
}

/* `before`, n times `unit`, `after`. */
static char *repeated(const char *before, const char *unit, size_t n, const char *after) {
    char *text = malloc(strlen(before) + n * strlen(unit) + strlen(after) + 1);
    assert_non_null(text);
    char *p = text + sprintf(text, "%s", before);
    for (size_t i = 0; i < n; i++) {
        p += sprintf(p, "%s", unit);
    }
    strcpy(p, after);
    return text;
}

static void accepted_up_to(size_t n, const char *before, const char *unit, const char *after,
                           const char *why) {
    char *most = repeated(before, unit, n, after);
    json_free(parsed(most));
    free(most);
    char *more = repeated(before, unit, n + 1, after);
    refused(more, why);
    free(more);
}

static void limits_hold_before_jansson_sees_the_text(void **state) {
    (void)state;
    accepted_up_to(JSON_BYTES_MAX - 1, "1", " ", "", "longer than 1048576 bytes");
    accepted_up_to(JSON_NESTS_MAX - 2, "[[]", ",{}", "]", "too many lists and objects");
    char *open = repeated("", "[", JSON_DEPTH_MAX, "");
    char *most = repeated(open, "]", JSON_DEPTH_MAX, "");
    json_free(parsed(most));
    free(most);
    free(open);
    open = repeated("", "[{\"a\":", JSON_DEPTH_MAX / 2, "{");
    refused(open, "column 385: nested too deeply");
    free(open);
    open = repeated("", "[", JSON_BYTES_MAX, "");
    refused(open, "nested too deeply");
    free(open);
}

static void what_is_quoted_does_not_nest(void **state) {
    (void)state;
    char *text = repeated("[\"\\\"", "[{\\\\", 1000, "\",\"\\\\\",\"]\"]");
    struct json *root = parsed(text);
    assert_int_equal(json_n(root), 3);
    assert_string_equal(json_text(json_at(root, 1), NULL), "\\");
    json_free(root);
    free(text);
    /* After an escaped backslash the text ends: what follows counts again. */
    text = repeated("[\"\\\\\",", "[", JSON_DEPTH_MAX, "");
    refused(text, "nested too deeply");
    free(text);
}

static void a_zero_byte_is_refused_wherever_it_stands(void **state) {
    (void)state;
    static const char text[] = "{\"a\\n\":[1,\"b\"]} ";
    for (size_t i = 0; i < sizeof text; i++) {
        char with[sizeof text];
        memcpy(with, text, sizeof text);
        with[i] = '\0';
        refused_n(with, sizeof text, "a zero byte");
    }
    refused_n("4\0", 2, "a zero byte");
    refused_n("\"\\\0\"", 4, "a zero byte");
}

static void an_escaped_zero_byte_is_part_of_the_text(void **state) {
    (void)state;
    struct json *root = parsed("[\"a\\u0000b\",\"ab\"]");
    size_t len = 0;
    const char *text = json_text(json_at(root, 0), &len);
    assert_int_equal(len, 3);
    assert_memory_equal(text, "a\0b", 4);
    assert_null(json_text(json_at(root, 0), NULL)); /* no C string */
    assert_string_equal(json_text(json_at(root, 1), NULL), "ab");
    char *printed = json_print(root);
    assert_string_equal(printed, "[\"a\\u0000b\",\"ab\"]");
    free(printed);
    json_free(root);
    refused("{\"a\\u0000b\":1}", "line 1");
}

static void texts_are_utf8(void **state) {
    (void)state;
    struct json *root = parsed("\"\\u00e9 \\ud83d\\ude00 \xc3\xa9\\/\\b\\f\\n\\r\\t\\\"\\\\\"");
    size_t len = 0;
    const char *text = json_text(root, &len);
    assert_string_equal(text, "\xc3\xa9 \xf0\x9f\x98\x80 \xc3\xa9/\b\f\n\r\t\"\\");
    assert_int_equal(len, strlen(text));
    json_free(root);
}

static void a_value_prints_compactly_in_its_order(void **state) {
    (void)state;
    struct json *root = parsed("{ \"z\" : [ 1 , 2.5, true,null ],\n\"a\":{\"c\":\"\\u00e9\\n\"}, "
                               "\"e\":[], \"b\":{} }");
    char *printed = json_print(root);
    assert_string_equal(printed, "{\"z\":[1,2.5,true,null],\"a\":{\"c\":\"\xc3\xa9\\n\"},"
                                 "\"e\":[],\"b\":{}}");
    struct json *again = parsed(printed);
    char *twice = json_print(again);
    assert_string_equal(twice, printed);
    free(twice);
    json_free(again);
    free(printed);
    printed = json_print(json_at(json_get(root, "z"), 1));
    assert_string_equal(printed, "2.5");
    free(printed);
    json_free(root);
}

static void quotes(const char *text, size_t len, const char *expected) {
    char *quoted = json_quote(text, len);
    if (!expected) {
        assert_null(quoted);
        return;
    }
    assert_non_null(quoted);
    assert_string_equal(quoted, expected);
    free(quoted);
}

static void a_text_is_quoted_and_what_is_not_utf8_is_not(void **state) {
    (void)state;
    quotes("", 0, "\"\"");
    quotes("abcd", 2, "\"ab\"");
    quotes("a\"b\\c\n\x01", 7, "\"a\\\"b\\\\c\\n\\u0001\"");
    quotes("a\0b", 3, "\"a\\u0000b\"");
    quotes("\xc3\xa9", 2, "\"\xc3\xa9\"");
    quotes("\xc3\xa9", 1, NULL);
    quotes("\xff", 1, NULL);
    quotes("\xed\xa0\x80", 3, NULL);
}

static uint64_t next_random(uint64_t *seed) {
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

static void what_is_quoted_reads_as_the_same_text(void **state) {
    (void)state;
    static const char *const pieces[] = {"a",
                                         "\"",
                                         "\\",
                                         "\n",
                                         "\x7f",
                                         "/",
                                         "\x01",
                                         "\xc2\x80",
                                         "\xe2\x82\xac",
                                         "{",
                                         "]",
                                         " ",
                                         "\xf0\x9f\x98\x80"};
    for (uint64_t seed = 1; seed <= 500; seed++) {
        uint64_t random = seed;
        char text[128];
        size_t len = 0;
        for (size_t n = next_random(&random) % 24; n > 0; n--) {
            const size_t i = next_random(&random) % 14;
            const char *piece = i < 13 ? pieces[i] : ""; /* piece 13: a zero byte */
            const size_t piece_len = i < 13 ? strlen(piece) : 1;
            memcpy(text + len, piece, piece_len);
            len += piece_len;
        }
        char *quoted = json_quote(text, len);
        assert_non_null(quoted);
        struct json *root = parsed(quoted);
        size_t read_len = 0;
        const char *read = json_text(root, &read_len);
        if (read_len != len || memcmp(read, text, len) != 0) {
            fail_msg("seed %u: %s", (unsigned)seed, quoted);
        }
        json_free(root);
        free(quoted);
    }
}

static void messages_become_printable(void **state) {
    (void)state;
    char text[] = "a\x1b[2J\xc3\xa9~\x7f";
    json_printable(text, sizeof text);
    assert_string_equal(text, "a?[2J??~?");
    char bounded[] = {'\n', '\n', '\n'};
    json_printable(bounded, 2);
    assert_memory_equal(bounded, "??\n", 3);
    refused("[\x1b[2J]", "line 1");
    struct json *root = NULL;
    char err[128] = "";
    assert_int_equal(json_parse("\x1b", 1, &root, err, sizeof err), ST_INVALID);
    assert_null(strchr(err, '\x1b'));
}

/* The allocator of failing_alloc.h sets no errno, so a text cut short may look like a bad
 * token; malloc() itself says ENOMEM. */
static void without_memory_nothing_is_made(void **state) {
    (void)state;
    static const char text[] = "{\"a\":[1,2.5,\"text\"],\"b\":{\"c\":null}}";
    struct json *root = NULL;
    char err[128] = "";
    enum status st = ST_NOMEM;
    int n = 0;
    for (; CAN_FAIL && st; n++) {
        assert_in_range(n, 0, 200);
        fail_after(n);
        st = json_parse(text, sizeof text - 1, &root, err, sizeof err);
        fail_after(-1);
        assert_true(st == ST_OK || (root == NULL && err[0] != '\0'));
        assert_true(n > 0 || st == ST_NOMEM);
    }
    root = CAN_FAIL ? root : parsed(text);
    assert_true(n > 5 || !CAN_FAIL);
    for (n = 0; CAN_FAIL && n < 3; n++) {
        fail_after(n);
        char *printed = json_print(root);
        char *quoted = n == 0 ? json_quote("a", 1) : NULL;
        fail_after(-1);
        assert_null(printed);
        assert_null(quoted);
    }
    json_free(root);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_has_its_kind),
        cmocka_unit_test(a_value_of_another_kind_leaves_the_output_untouched),
        cmocka_unit_test(no_value_is_none_to_every_function),
        cmocka_unit_test(whole_numbers_are_int64_and_others_finite_doubles),
        cmocka_unit_test(members_come_in_the_order_of_the_text),
        cmocka_unit_test(duplicate_keys_are_refused),
        cmocka_unit_test(what_is_no_json_is_refused),
        cmocka_unit_test(the_reason_has_line_and_column),
        cmocka_unit_test(short_error_buffers_are_terminated),
        cmocka_unit_test(limits_hold_before_jansson_sees_the_text),
        cmocka_unit_test(what_is_quoted_does_not_nest),
        cmocka_unit_test(a_zero_byte_is_refused_wherever_it_stands),
        cmocka_unit_test(an_escaped_zero_byte_is_part_of_the_text),
        cmocka_unit_test(texts_are_utf8),
        cmocka_unit_test(a_value_prints_compactly_in_its_order),
        cmocka_unit_test(a_text_is_quoted_and_what_is_not_utf8_is_not),
        cmocka_unit_test(what_is_quoted_reads_as_the_same_text),
        cmocka_unit_test(messages_become_printable),
        cmocka_unit_test(without_memory_nothing_is_made),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
