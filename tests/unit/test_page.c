/* SPDX-License-Identifier: Apache-2.0
 *
 * test_page.c -- pages read back with jansson.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "page.h"

static void commas_come_by_themselves(void **state) {
    (void)state;
    struct page p = {0};
    page_open(&p, NULL, '{');
    page_open(&p, "none", '[');
    page_close(&p, ']');
    page_open(&p, "many", '[');
    page_u64(&p, NULL, UINT64_MAX);
    page_i64(&p, NULL, INT64_MIN);
    page_open(&p, NULL, '{');
    page_close(&p, '}');
    page_null(&p, NULL);
    page_close(&p, ']');
    page_text(&p, "text", "a\"b");
    page_text(&p, "no text", NULL);
    page_string(&p, "cut", "abc", 2);
    page_number(&p, "x", .5);
    page_number(&p, "nan", (double)NAN);
    page_flag(&p, "yes", true);
    page_flag(&p, "no", false);
    page_close(&p, '}');
    char *text = page_take(&p);
    assert_string_equal(text, "{\"none\":[],\"many\":[18446744073709551615,-9223372036854775808,{},"
                              "null],\"text\":\"a\\\"b\",\"no text\":null,\"cut\":\"ab\",\"x\":0.5,"
                              "\"nan\":null,\"yes\":true,\"no\":false}\n");
    free(text);
    assert_null(p.text); /* to be used again */
    page_text(&p, NULL, "x");
    text = page_take(&p);
    assert_string_equal(text, "\"x\"\n");
    free(text);
}

/* Far beyond what it begins with; keys and texts of bytes that become six. */
static void a_page_grows_as_it_is_written(void **state) {
    (void)state;
    struct page p = {0};
    char key[256];
    char value[2001];
    memset(key, 1, sizeof key - 1);
    key[sizeof key - 1] = '\0';
    memset(value, 2, sizeof value - 1);
    value[sizeof value - 1] = '\0';
    page_open(&p, NULL, '[');
    for (int k = 0; k < 1000; k++) {
        page_open(&p, NULL, '{');
        page_text(&p, key, value + k);
        page_i64(&p, "k", -k);
        page_close(&p, '}');
    }
    page_close(&p, ']');
    char *text = page_take(&p);
    assert_non_null(text);
    json_t *v = json_loads(text, 0, NULL);
    assert_non_null(v);
    assert_int_equal(json_array_size(v), 1000);
    for (size_t k = 0; k < 1000; k++) {
        const json_t *e = json_array_get(v, k);
        assert_int_equal(json_string_length(json_object_get(e, key)), 2000 - k);
        assert_int_equal(json_integer_value(json_object_get(e, "k")), -(json_int_t)k);
    }
    json_decref(v);
    free(text);
}

static void a_page_may_be_thrown_away(void **state) {
    (void)state;
    struct page p = {0};
    page_free(&p);
    page_text(&p, NULL, "x");
    page_free(&p);
    assert_null(p.text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_come_by_themselves),
        cmocka_unit_test(a_page_grows_as_it_is_written),
        cmocka_unit_test(a_page_may_be_thrown_away),
    };
    return cmocka_run_group_tests_name("page", tests, NULL, NULL);
}
