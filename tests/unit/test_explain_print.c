/* SPDX-License-Identifier: Apache-2.0
 *
 * test_explain_print.c -- what people see of an answer of /explain.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "explain_print.h"

static const char ANSWER[] =
    "{\"user\":\"u17\",\"target\":\"food\",\"task\":2,\"ts\":1769212800000,\"segment\":3,"
    "\"lifecycle\":\"returning\",\"social\":1.3,\"events\":{\"course\":12,\"food\":3},"
    "\"personalised\":true,"
    "\"served\":\"full\",\"lead\":1.25,\"candidates\":412,\"items\":["
    "{\"id\":\"f203\",\"score\":4.6143,\"reason\":\"together\",\"category\":\"pasta\","
    "\"because\":{\"item\":\"c17\",\"domain\":\"course\",\"category\":\"cooking\"},"
    "\"parts\":{\"popular\":0.5,\"trending\":-1,\"together\":3,\"taste\":0.25,\"again\":0.125,"
    "\"new\":0,\"explore\":0}},"
    "{\"id\":\"f\\u00e9\\u001b[31m\",\"score\":null,\"reason\":\"popular\","
    "\"parts\":{\"popular\":null,\"trending\":-1}}],"
    "\"similar\":[{\"user\":\"u9\",\"cosine\":0.93},{\"user\":\"u12\",\"cosine\":0.875}]}\n";

static char text[4096];

static enum status print(const char *json) {
    memset(text, 0, sizeof text);
    FILE *out = fmemopen(text, sizeof text, "w");
    assert_non_null(out);
    const enum status st = explain_print(json, strlen(json), out);
    fclose(out);
    return st;
}

static void an_answer_becomes_a_table(void **state) {
    (void)state;
    assert_int_equal(print(ANSWER), ST_OK);
    assert_string_equal(
        text,
        "u17, target food: task 2, segment 3, returning; took course 12, food 3; social 1.30\n"
        "personal: personalising leads by 1.250 nats; 412 candidates\n"
        "     item                        score  reason     because                           what "
        "adds most\n"
        "  1  f203                       4.6143  together   c17 (course, cooking)             "
        "together +3.00, popular +0.50, taste +0.25\n"
        "  2  f???[31m                        -  popular                                      \n"
        "similar users: u9 0.93, u12 0.88\n");
}

static void a_user_of_whom_little_is_known_is_shown_too(void **state) {
    (void)state;
    assert_int_equal(print("{\"user\":\"u\",\"segment\":null,\"personalised\":false,\"items\":[],"
                           "\"similar\":[]}"),
                     ST_OK);
    assert_non_null(strstr(text, "no segment yet"));
    assert_non_null(strstr(text, "\nnot personal: "));
    assert_null(strstr(text, "similar users"));
    assert_null(strstr(text, "social"));
}

static void what_is_no_answer_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"", "{", "[]", "{}", "{\"items\":1}", "why not\n"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        assert_int_equal(print(bad[k]), ST_INVALID);
        assert_string_equal(text, "");
    }
}

static void long_words_are_cut(void **state) {
    (void)state;
    char json[2048];
    char id[301];
    memset(id, 'x', 300);
    id[300] = '\0';
    snprintf(json, sizeof json,
             "{\"items\":[{\"id\":\"%s\",\"because\":{\"item\":\"%s\",\"domain\":\"%s\","
             "\"category\":\"%s\"}}]}",
             id, id, id, id);
    assert_int_equal(print(json), ST_OK);
    assert_non_null(strstr(text, "  1  xxxx"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_becomes_a_table),
        cmocka_unit_test(a_user_of_whom_little_is_known_is_shown_too),
        cmocka_unit_test(what_is_no_answer_is_refused),
        cmocka_unit_test(long_words_are_cut),
    };
    return cmocka_run_group_tests_name("explain_print", tests, NULL, NULL);
}
