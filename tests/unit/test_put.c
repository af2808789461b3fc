/* SPDX-License-Identifier: Apache-2.0
 *
 * test_put.c -- the sentences of put.h. Strings and numbers inside whole values, the locale, and
 * random bytes beside jansson are in test_rec.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "put.h"

enum { ROOM = 512 };

static void assert_put(const char *start, char *end, const char *expected) {
    *end = '\0';
    assert_string_equal(start, expected);
}

static void whole_numbers_have_all_their_digits(void **state) {
    (void)state;
    static const uint64_t U[] = {0, 1, 9, 10, 1764000000, INT64_MAX, UINT64_MAX};
    static const int64_t I[] = {0, -1, 7, -10, INT64_MAX, INT64_MIN};
    char got[ROOM];
    char want[ROOM];
    for (size_t k = 0; k < sizeof U / sizeof *U; k++) {
        snprintf(want, sizeof want, "%" PRIu64, U[k]);
        assert_put(got, put_u64(got, U[k]), want);
    }
    for (size_t k = 0; k < sizeof I / sizeof *I; k++) {
        snprintf(want, sizeof want, "%" PRId64, I[k]);
        assert_put(got, put_i64(got, I[k]), want);
        assert_true(strlen(want) < PUT_NUMBER_MAX);
    }
}

static void numbers_are_short_and_json(void **state) {
    (void)state;
    static const struct {
        double x;
        const char *text;
    } TABLE[] = {{0, "0"},
                 {-0.5, "-0.5"},
                 {1.0 / 3.0, "0.333333"},
                 {1234567, "1.23457e+06"},
                 {-DBL_MAX, "-1.79769e+308"},
                 {1e-300, "1e-300"},
                 {(double)NAN, "null"},
                 {(double)INFINITY, "null"},
                 {-(double)INFINITY, "null"}};
    char got[ROOM];
    for (size_t k = 0; k < sizeof TABLE / sizeof *TABLE; k++) {
        assert_put(got, put_number(got, TABLE[k].x), TABLE[k].text);
        assert_true(strlen(got) < PUT_NUMBER_MAX);
    }
}

static void strings_are_quoted_and_no_longer_than_said(void **state) {
    (void)state;
    char all[256];
    char got[PUT_ESCAPE_MAX * sizeof all + 2];
    for (size_t k = 0; k < sizeof all; k++) {
        memset(all, (int)k, sizeof all); /* each byte alone */
        const char *end = put_string(got, all, sizeof all);
        assert_true(end <= got + sizeof got);
        assert_true(got[0] == '"' && end[-1] == '"');
    }
    char small[ROOM];
    assert_put(small, put_string(small, "", 0), "\"\"");
    assert_put(small, put_string(small, "a\"b\\c\n\x01\xC3\xA9\xFFz", 11),
               "\"a\\\"b\\\\c\\u000a\\u0001\xC3\xA9\xEF\xBF\xBDz\"");
}

static void texts_follow_each_other(void **state) {
    (void)state;
    char got[ROOM];
    assert_put(got, put_bytes(put_text(put_text(got, "a"), ""), "bcd", 2), "abc");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_numbers_have_all_their_digits),
        cmocka_unit_test(numbers_are_short_and_json),
        cmocka_unit_test(strings_are_quoted_and_no_longer_than_said),
        cmocka_unit_test(texts_follow_each_other),
    };
    return cmocka_run_group_tests_name("put", tests, NULL, NULL);
}
