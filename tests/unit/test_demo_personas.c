/* SPDX-License-Identifier: Apache-2.0
 * test_demo_personas.c -- tests the contract in demo_personas.h with what segments_text.h writes
 * down as its form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "demo_personas.h"

static const char TEXT[] =
    "{\"ts\":1,\"users\":81234,\"counted\":40617,\"segments\":["
    "{\"segment\":4,\"users\":12,\"share\":0.1,\"title\":\"quiet users\",\"detail\":\"10 % of "
    "users\","
    "\"domains\":{}},"
    "{\"segment\":0,\"users\":9412,\"share\":0.23,\"title\":\"frequent evening diners\","
    "\"detail\":\"23.2 % of users; food: ramen 31 %, sushi 12 %\",\"domains\":{}}],"
    "\"engagement\":{}}";

static struct view v;

static void segments_are_read_largest_first(void **state) {
    (void)state;
    assert_int_equal(demo_personas_read(TEXT, &v), 2);
    assert_int_equal(v.n_segments, 2);
    assert_int_equal(v.segments[0].id, 0);
    assert_true(fabs(v.segments[0].share - 0.23) < 1e-9);
    assert_string_equal(v.segments[0].title, "frequent evening diners");
    assert_string_equal(v.segments[0].detail, "food: ramen 31 %, sushi 12 %");
    assert_int_equal(v.segments[1].id, 4);
    assert_string_equal(v.segments[1].detail, "10 % of users");
}

static void before_there_are_segments_there_are_none(void **state) {
    (void)state;
    assert_int_equal(demo_personas_read("{\"segments\":[]}", &v), 0);
    assert_int_equal(v.n_segments, 0);
}

static void other_texts_change_nothing(void **state) {
    (void)state;
    static const char *const texts[] = {
        "", "no", "{}", "[]", "{\"segments\":7}", "{\"segments\":[", NULL};
    v.n_segments = 3;
    for (const char *const *t = texts; *t; t++) {
        assert_int_equal(demo_personas_read(*t, &v), -1);
        assert_int_equal(v.n_segments, 3);
    }
    assert_int_equal(demo_personas_read("{\"segments\":[1,{},{\"segment\":1}]}", &v), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_are_read_largest_first),
        cmocka_unit_test(before_there_are_segments_there_are_none),
        cmocka_unit_test(other_texts_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
