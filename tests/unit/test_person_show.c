/* SPDX-License-Identifier: Apache-2.0
 *
 * test_person_show.c -- what people see of answers of /get and /explain, on 80 columns.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "list_show.h"
#include "person_show.h"

/* What /get and /explain have in common. */
#define PERSON                                                                                     \
    "\"user\":\"u17\",\"task\":2,\"partitions\":4,\"ts\":1769212800000,"                           \
    "\"ids\":{\"course\":\"u17\",\"food\":null},"                                                  \
    "\"consent\":\"given\",\"stopped\":false,\"erased_ms\":null,\"lifecycle\":\"returning\","      \
    "\"social\":1.3,\"engagement\":{\"days_7\":3,\"days_28\":12,\"stickiness\":0.43,"              \
    "\"overlaps\":[{\"domains\":[\"course\",\"food\"],\"days\":2}]},"                              \
    "\"events\":{\"course\":1240,\"food\":0},"                                                     \
    "\"domains\":{\"course\":{\"events\":1240,\"last_ms\":1769202000000,\"days_7\":3,"             \
    "\"days_28\":12,\"rate\":7.1,\"money\":120.5,"                                                 \
    "\"categories\":[{\"category\":\"python\",\"share\":0.4}]},"                                   \
    "\"food\":{\"events\":0,\"last_ms\":null,\"days_7\":0,\"days_28\":0,\"rate\":0,\"money\":0,"   \
    "\"categories\":[]}},"
#define PLACE                                                                                      \
    "\"segment\":3,\"place\":{\"nearest\":3,\"title\":\"frequent learners\",\"share\":0.23,"       \
    "\"other\":5,\"other_title\":\"quiet users\",\"features\":["                                   \
    "{\"domain\":\"course\",\"feature\":\"frequency\",\"z\":1.84,\"segment_z\":1.6,\"pull\":2,"    \
    "\"words\":\"does far more in course than most\"},"                                            \
    "{\"domain\":\"food\",\"feature\":\"money\",\"z\":-0.2,\"segment_z\":0,\"pull\":-1,"           \
    "\"words\":\"spends about as much in food as others\"}]},"
#define HISTORY                                                                                    \
    "\"history\":[{\"ts\":1769202000000,\"action\":\"enroll\",\"item\":\"c17\","                   \
    "\"domain\":\"course\",\"category\":\"cooking\"}],"
#define ITEM                                                                                       \
    "\"id\":\"f203\",\"category\":\"pasta\",\"score\":4.6143,\"reason\":\"together\","             \
    "\"because\":{\"item\":\"c17\",\"domain\":\"course\",\"category\":\"cooking\"}"

static const char GET[] =
    "{" PERSON PLACE HISTORY "\"lists\":[{\"target\":\"food\",\"key\":\"crossrec:food:rec:u17\","
    "\"personalised\":true,\"of\":\"user\",\"items\":[{" ITEM "},"
    "{\"id\":\"f\\u00e9\\u001b[31m\",\"score\":3.9212,\"reason\":\"popular\"},"
    "{\"id\":\"f9\",\"score\":null,\"reason\":\"explore\",\"propensity\":0.1}]},"
    "{\"target\":\"course\",\"key\":null,\"personalised\":false,\"of\":\"user\",\"items\":[]}]}\n";

static const char EXPLAIN[] =
    "{" PERSON "\"segment\":null," HISTORY
    "\"lists\":[{\"target\":\"food\",\"key\":\"k\",\"personalised\":false,\"of\":\"user\","
    "\"served\":\"twin\",\"lead\":-1.25,\"candidates\":412,\"items\":[{" ITEM
    ",\"parts\":{\"popular\":0.5,\"trending\":-1,\"together\":3,\"taste\":0.25,\"again\":0.125,"
    "\"new\":0,\"explore\":0},\"ranks\":{\"full\":1,\"twin\":40,\"linear\":3},"
    "\"inputs\":{\"together\":{\"value\":1.5,\"mean\":0.2,\"adds\":2.5},"
    "\"age\":{\"value\":1,\"mean\":1,\"adds\":-0.25}}}]}],"
    "\"similar\":[{\"user\":\"u9\",\"cosine\":0.93},{\"user\":\"u12\",\"cosine\":0.875}]}\n";

static char text[16384];

static enum status print(const char *json, bool utf8) {
    char err[128];
    struct json *v = NULL;
    memset(text, 0, sizeof text);
    FILE *out = fmemopen(text, sizeof text, "w");
    assert_non_null(out);
    const struct show s = {.out = out, .utf8 = utf8};
    if (json_parse(json, strlen(json), &v, err, sizeof err)) {
        fail_msg("%s in %s", err, json);
    }
    const enum status st = person_show(v, &s);
    json_free(v);
    fclose(out);
    return st;
}

static void an_answer_is_told_in_words(void **state) {
    (void)state;
    assert_int_equal(print(GET, false), ST_OK);
    assert_string_equal(
        text, "u17: returning, consent given\n"
              "  is u17 at course, nobody at food, in partition 2 of 4\n"
              "Active on 12 of the last 28 days (43 %), in both course and food on 2\n"
              "Has to do with others: social 1.30\n"
              "  course        1,240 events   last 3 h ago      python 40 %\n"
              "  food          0 events\n"
              "\nSegment 3: frequent learners\n"
              "  23 % of users. What puts him there, in standard deviations from the mean:\n"
              "  does far more in course than most                           +1.8 ##########\n"
              "  Else he would be in 5: quiet users\n"
              "\nLast events\n"
              "  23 Jan 21:00  enroll    c17                  course, cooking\n"
              "\nfood: what he is offered\n"
              "  1 f203                   4.61 ###### goes with c17 (cooking)\n"
              "  2 f??[31m                3.92 ###    many take it\n"
              "  3 f9                        -        shown to find out\n"
              "  in Redis: crossrec:food:rec:u17\n"
              "\ncourse: there is nothing to offer\n"
              "  not in Redis: he has no id there\n");
}

static void an_explanation_has_what_stands_behind_it(void **state) {
    (void)state;
    assert_int_equal(print(EXPLAIN, false), ST_OK);
    assert_non_null(strstr(text, "\nNo segment yet\n"));
    assert_non_null(
        strstr(text, "\nfood: what he is offered, as everybody is\n"
                     "  the impersonal net is served; the personal one leads by -1.25 nats\n"
                     "  1 f203                   4.61 ###### goes with c17 (cooking)\n"
                     "    adds    together +3.00, popular +0.50, taste +0.25, trending -1.00\n"
                     "    inputs  together +2.50, age -0.25\n"
                     "    place   full 1, twin 40, linear 3 of 412\n"
                     "  in Redis: k\n"));
    assert_non_null(strstr(text, "\nUsers like him, by the cosine\n  u9 0.93, u12 0.88\n"));
}

static void what_must_not_be_shown_is_said(void **state) {
    (void)state;
    assert_int_equal(print("{\"user\":\"u\",\"ts\":1769212800000,\"consent\":\"withdrawn\","
                           "\"stopped\":true,\"erased_ms\":1769202000000,\"lifecycle\":\"new\","
                           "\"lists\":[]}",
                           false),
                     ST_OK);
    assert_int_equal(strncmp(text,
                             "u: new, consent withdrawn, asked to be left alone, erased up to 23 "
                             "Jan 21:00\n",
                             77),
                     0);
    assert_non_null(strstr(text, "\nNo events are kept\n"));
    assert_int_equal(print("{\"user\":\"u\",\"consent\":\"unknown\",\"lists\":[]}", false), ST_OK);
    assert_non_null(strstr(text, "said nothing of consent\n"));
}

static void rules_that_act_are_shown(void **state) {
    (void)state;
    assert_int_equal(print("{\"user\":\"u\",\"lists\":[{\"target\":\"food\",\"key\":\"k\","
                           "\"of\":\"user\",\"items\":[{\"id\":\"f\",\"score\":1,"
                           "\"reason\":\"pinned\",\"rules\":[{\"id\":\"sale\",\"kind\":"
                           "\"boost\",\"factor\":2.5},{\"id\":\"first\",\"kind\":\"pin\","
                           "\"place\":1},{\"id\":\"no\",\"kind\":\"block\"}]}]}]}",
                           false),
                     ST_OK);
    assert_non_null(strstr(text, " put there by a rule\n"
                                 "    rules   boost sale x 2.50, pin first at 1, block no\n"));
}

static void a_list_of_his_segment_is_called_so(void **state) {
    (void)state;
    assert_int_equal(print("{\"user\":\"u\",\"lists\":[{\"target\":\"food\",\"key\":\"k\","
                           "\"of\":\"segment\",\"items\":[{\"id\":\"f\",\"score\":1,"
                           "\"reason\":\"taste\"}]}]}",
                           false),
                     ST_OK);
    assert_non_null(strstr(text, "\nfood: what he is offered, as his segment is\n"));
}

static void reasons_are_words(void **state) {
    (void)state;
    static const struct {
        const char *item, *words;
    } cases[] = {
        {"{\"reason\":\"popular\"}", "many take it"},
        {"{\"reason\":\"trending\"}", "many take it today"},
        {"{\"reason\":\"together\"}", "goes with what he took"},
        {"{\"reason\":\"taste\",\"because\":{\"item\":\"c\",\"domain\":\"d\"}}",
         "to his taste, as c (d)"},
        {"{\"reason\":\"again\",\"because\":{\"item\":\"c\",\"domain\":\"d\"}}",
         "he takes it again"},
        {"{\"reason\":\"new\"}", "new, and doing well"},
        {"{\"reason\":\"explore\"}", "shown to find out"},
        {"{\"reason\":\"pinned\"}", "put there by a rule"},
        {"{\"reason\":\"another\"}", "another"},
        {"{}", ""},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        char err[64];
        char words[128];
        struct json *v = NULL;
        assert_int_equal(json_parse(cases[k].item, strlen(cases[k].item), &v, err, sizeof err),
                         ST_OK);
        list_show_reason(v, words, sizeof words);
        assert_string_equal(words, cases[k].words);
        json_free(v);
    }
}

static void what_is_no_answer_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"[]",
                                      "{}",
                                      "{\"user\":\"u\"}",
                                      "{\"lists\":[]}",
                                      "{\"user\":1,\"lists\":[]}",
                                      "{\"user\":\"u\",\"lists\":1}"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        assert_int_equal(print(bad[k], false), ST_INVALID);
        assert_string_equal(text, "");
    }
}

/* Columns of UTF-8 without wide letters. */
static size_t widest(void) {
    size_t most = 0;
    size_t at = 0;
    for (const char *p = text; *p; p++) {
        at = *p == '\n' ? 0 : at + ((*p & 0xC0) != 0x80);
        most = at > most ? at : most;
    }
    return most;
}

static void no_line_is_wider_than_80(void **state) {
    (void)state;
    char json[16384];
    char id[256];
    memset(id, 'x', 255);
    id[255] = '\0';
    snprintf(
        json, sizeof json,
        "{\"user\":\"%s\",\"task\":1,\"partitions\":2,\"ts\":0,\"ids\":{\"course\":\"%s\","
        "\"food\":\"%s\"},\"consent\":\"given\",\"lifecycle\":\"returning\","
        "\"domains\":{\"%.100s\":{\"events\":1e14,\"last_ms\":1,\"categories\":[{\"category\":"
        "\"%s\",\"share\":1},{\"category\":\"%s\",\"share\":1}]}},\"segment\":1,"
        "\"place\":{\"nearest\":2,\"title\":\"%s\",\"share\":1,\"other\":2,\"other_title\":"
        "\"%s\",\"features\":[{\"z\":-10,\"pull\":9,\"words\":\"%s\"}]},"
        "\"history\":[{\"ts\":1,\"action\":\"conversion\",\"item\":\"%s\",\"domain\":\"%.100s\","
        "\"category\":\"%s\"}],\"lists\":[{\"target\":\"%.100s\",\"key\":\"%s\",\"of\":\"user\","
        "\"served\":\"full\",\"lead\":-20,\"items\":[{\"id\":\"%s\",\"score\":-12345.5,"
        "\"reason\":\"together\",\"because\":{\"item\":\"%s\",\"domain\":\"d\"}}]}],"
        "\"similar\":[{\"user\":\"%s\",\"cosine\":1},{\"user\":\"%s\",\"cosine\":1}]}",
        id, id, id, id, id, id, id, id, id, id, id, id, id, id, id, id, id, id);
    for (int utf8 = 0; utf8 < 2; utf8++) {
        assert_int_equal(print(json, utf8 == 1), ST_OK);
        if (widest() > SHOW_WIDTH) {
            fail_msg("%zu columns in\n%s", widest(), text);
        }
        assert_int_equal(print(GET, utf8 == 1), ST_OK);
        assert_true(widest() <= SHOW_WIDTH);
        assert_int_equal(print(EXPLAIN, utf8 == 1), ST_OK);
        assert_true(widest() <= SHOW_WIDTH);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_told_in_words),
        cmocka_unit_test(an_explanation_has_what_stands_behind_it),
        cmocka_unit_test(what_must_not_be_shown_is_said),
        cmocka_unit_test(rules_that_act_are_shown),
        cmocka_unit_test(a_list_of_his_segment_is_called_so),
        cmocka_unit_test(reasons_are_words),
        cmocka_unit_test(what_is_no_answer_is_refused),
        cmocka_unit_test(no_line_is_wider_than_80),
    };
    return cmocka_run_group_tests_name("person_show", tests, NULL, NULL);
}
