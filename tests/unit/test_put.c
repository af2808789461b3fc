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
#include <stdlib.h>
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

/* ---- rounded numbers ------------------------------------------------------------------------ */

static uint64_t next_random(uint64_t *seed) {
    *seed = *seed * 6364136223846793005U + 1442695040888963407U; /* Knuth's MMIX */
    return *seed >> 32;
}

static float float_of(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* The sentence of the header, by the C library. */
static void naive_rounded(char *buf, size_t len, float x, int n_digits) {
    const double d = (double)x;
    double rounded = d;
    if (isfinite(d) && (d > 0.0 || d < 0.0)) {
        const double scale = pow(10.0, (double)(n_digits - 1) - floor(log10(fabs(d))));
        rounded = round(d * scale) / scale;
    }
    snprintf(buf, len, isfinite(d) ? "%.6g" : "null", rounded);
}

static void assert_rounded(float x, int n_digits) {
    char got[PUT_NUMBER_MAX];
    char want[ROOM];
    *put_rounded(got, x, n_digits) = '\0';
    naive_rounded(want, sizeof want, x, n_digits);
    if (strcmp(got, want) != 0) {
        fail_msg("%a in %d digits: %s is not %s", (double)x, n_digits, got, want);
    }
}

/* And its neighbours, and below 0. */
static void assert_rounded_around(float x, int n_digits) {
    const float near[] = {nextafterf(x, 0.0F), x, nextafterf(x, INFINITY)};
    for (size_t k = 0; k < 3; k++) {
        assert_rounded(near[k], n_digits);
        assert_rounded(-near[k], n_digits);
    }
}

static void rounded_numbers_have_so_many_digits(void **state) {
    (void)state;
    static const struct {
        float x;
        int n_digits;
        const char *text;
    } TABLE[] = {{0.0F, 4, "0"},
                 {-0.0F, 4, "-0"},
                 {1.0F, 4, "1"},
                 {-20.5F, 4, "-20.5"},
                 {1.0F / 3.0F, 4, "0.3333"},
                 {2.0F / 3.0F, 1, "0.7"},
                 {0.00012345678F, 5, "0.00012346"},
                 {0.0001F, 4, "0.0001"},
                 {9.9995F, 3, "10"},
                 {-9999.5F, 4, "-10000"},
                 {9999.4995F, 4, "9999"},
                 {1234.5F, 4, "1235"}, /* halves: away from 0 */
                 {1233.5F, 4, "1234"},
                 {-0.15625F, 4, "-0.1563"},
                 {0.125F, 2, "0.13"},
                 {123456.7F, 4, "123500"},
                 {-1.5e-7F, 4, "-1.5e-07"},
                 {3e38F, 4, "3e+38"},
                 {1e-40F, 4, "1e-40"},
                 {NAN, 4, "null"},
                 {-INFINITY, 4, "null"}};
    char got[ROOM];
    for (size_t k = 0; k < sizeof TABLE / sizeof *TABLE; k++) {
        assert_put(got, put_rounded(got, TABLE[k].x, TABLE[k].n_digits), TABLE[k].text);
        assert_true(strlen(got) < PUT_NUMBER_MAX);
    }
}

static void powers_of_ten_carries_and_halves_are_rounded_as_printf_does(void **state) {
    (void)state;
    for (int n_digits = 1; n_digits <= 5; n_digits++) {
        for (int e = -45; e <= 38; e++) {
            assert_rounded_around((float)pow(10.0, e), n_digits);
        }
        const uint32_t from = (uint32_t)pow(10.0, n_digits - 1);
        const uint32_t step = n_digits < 5 ? 1 : 7;
        for (uint32_t v = from; v < 10 * from; v += step) {
            for (int e = -4 - n_digits; e <= 2; e++) {
                assert_rounded_around((float)(((double)v + 0.5) * pow(10.0, e)), n_digits);
            }
        }
    }
}

static void random_numbers_are_rounded_as_printf_does(void **state) {
    (void)state;
    uint64_t seed = 20261126;
    print_message("seed %" PRIu64 "\n", seed);
    for (int round = 0; round < 500000; round++) {
        const int n_digits = 1 + (int)(next_random(&seed) % 5);
        assert_rounded(float_of((uint32_t)next_random(&seed)), n_digits); /* of any exponent */
        const double e = (double)next_random(&seed) / 4294967296.0 * 11.0 - 5.0;
        assert_rounded((float)pow(10.0, e), 4); /* 1e-5 to 1e6 */
        assert_rounded((float)-pow(10.0, e), n_digits);
    }
}

/* ---- strings -------------------------------------------------------------------------------- */

/* What a byte becomes between letters. */
static const char *naive_byte(unsigned char c, char buf[PUT_ESCAPE_MAX + 1]) {
    if (c >= 0x80) {
        return "\xEF\xBF\xBD";
    }
    if (c == '"' || c == '\\') {
        snprintf(buf, PUT_ESCAPE_MAX + 1, "\\%c", c);
    } else {
        snprintf(buf, PUT_ESCAPE_MAX + 1, c < 0x20 ? "\\u00%02x" : "%c", c);
    }
    return buf;
}

static void each_byte_is_put_alike_wherever_it_is(void **state) {
    (void)state;
    enum { LONGEST = 20 };
    char got[PUT_ESCAPE_MAX * LONGEST + 3];
    char want[PUT_ESCAPE_MAX * LONGEST + 3];
    char one[PUT_ESCAPE_MAX + 1];
    for (size_t n = 1; n <= LONGEST; n++) {
        char *text = malloc(n); /* so that a sanitizer sees who reads on */
        assert_non_null(text);
        for (size_t k = 0; k < 256 * n; k++) {
            const size_t at = k / 256;
            memcpy(text, "abcdefghijklmnopqrst", n);
            text[at] = (char)(k % 256);
            const char *byte = naive_byte((unsigned char)(k % 256), one);
            snprintf(want, sizeof want, "\"%.*s%s%.*s\"", (int)at, "abcdefghijklmnopqrst", byte,
                     (int)(n - at - 1), &"abcdefghijklmnopqrst"[at + 1]);
            assert_put(got, put_string(got, text, n), want);
        }
        free(text);
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
        cmocka_unit_test(rounded_numbers_have_so_many_digits),
        cmocka_unit_test(powers_of_ten_carries_and_halves_are_rounded_as_printf_does),
        cmocka_unit_test(random_numbers_are_rounded_as_printf_does),
        cmocka_unit_test(each_byte_is_put_alike_wherever_it_is),
        cmocka_unit_test(strings_are_quoted_and_no_longer_than_said),
        cmocka_unit_test(texts_follow_each_other),
    };
    return cmocka_run_group_tests_name("put", tests, NULL, NULL);
}
