/* SPDX-License-Identifier: Apache-2.0
 *
 * test_board_show.c -- what people see of answers of /similar, /top and /segments, on 80 columns.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "board_show.h"

static char text[16384];

static enum status print(const char *json,
                         enum status (*shown)(const struct json *v, const struct show *s)) {
    char err[128];
    struct json *v = NULL;
    memset(text, 0, sizeof text);
    FILE *out = fmemopen(text, sizeof text, "w");
    assert_non_null(out);
    const struct show s = {.out = out};
    if (json_parse(json, strlen(json), &v, err, sizeof err)) {
        fail_msg("%s in %s", err, json);
    }
    const enum status st = shown(v, &s);
    json_free(v);
    fclose(out);
    return st;
}

static size_t widest(void) {
    size_t most = 0;
    for (const char *p = text; *p;) {
        const size_t len = strcspn(p, "\n");
        most = len > most ? len : most;
        p += len + (p[len] == '\n');
    }
    return most;
}

static void similar_items_are_told_with_why(void **state) {
    (void)state;
    assert_int_equal(
        print("{\"item\":\"c17\",\"domain\":\"course\",\"category\":\"cooking\","
              "\"ts\":1769212800000,\"available\":false,\"takes\":8120,\"last_ms\":1769202000000,"
              "\"lists\":[{\"target\":\"food\",\"items\":[{\"id\":\"f203\",\"category\":\"pasta\","
              "\"reason\":\"together\",\"score\":0.8,\"together\":31.2,\"follows\":18,"
              "\"cosine\":0.71},{\"id\":\"f9\",\"reason\":\"taste\",\"score\":0.4,\"together\":0,"
              "\"follows\":0,\"cosine\":0.5}]},{\"target\":\"course\",\"items\":[]}]}",
              board_show_similar),
        ST_OK);
    assert_string_equal(
        text, "c17: course, cooking; taken 8,120 times, last 3 h ago\n"
              "withdrawn: on no list\n"
              "\nIn food\n"
              "    goes with it                      together   after   near  category\n"
              "  1 f203                 ##########      31.2      18   0.71  pasta\n"
              "  2 f9                   #####          never       -   0.50\n"
              "\nIn course: nothing is known to go with it\n"
              "\ntogether: taken by the same users, the nearer in time the more; after: in that\n"
              "order; near: the cosine of what the model knows of both\n");
    assert_true(widest() <= SHOW_WIDTH);
}

#define ITEM(id, per_day, there)                                                                   \
    "{\"id\":\"" id "\",\"category\":\"pasta\",\"share\":0.03,\"per_day\":" per_day                \
    ",\"lift\":1.4,\"takes\":9120,\"available\":" there "}"

static void a_domain_is_told_at_a_glance(void **state) {
    (void)state;
    assert_int_equal(
        print("{\"domain\":\"food\",\"ts\":1,\"events\":81234,\"items\":620,\"withdrawn\":14,"
              "\"top\":{\"1d\":[" ITEM("f1", "410.2", "true") "," ITEM(
                  "f2", "3.25",
                  "true") "],\"7d\":[" ITEM("a-name-that-is-long", "97.5",
                                            "true") "],\"30d\":[]},"
                                                    "\"trending\":[" ITEM(
                                                        "f1", "410.2",
                                                        "true") "],"
                                                                "\"newest\":[" ITEM("f3", "0",
                                                                                    "false") "]}",
              board_show_top),
        ST_OK);
    assert_string_equal(text,
                        "food: 81,234 taken; 620 items, 14 of them withdrawn\n"
                        "\nMost taken, and how often a day\n"
                        "    1 day                    7 days                   30 days\n"
                        "  1 f1                 410   a-name-that-i~    97.5\n"
                        "  2 f2                3.25\n"
                        "\nTrending: share of today's taking against the week's\n"
                        "  1 f1                            410 a day  x 1.40         pasta\n"
                        "\nNewest\n"
                        "  1 f3                              0 a day  9,120 in all   withdrawn\n");
    assert_true(widest() <= SHOW_WIDTH);
}

static void segments_are_told_with_what_marks_them(void **state) {
    (void)state;
    assert_int_equal(
        print("{\"ts\":1,\"users\":81234,\"counted\":40617,\"segments\":[{\"segment\":0,"
              "\"users\":9412,\"share\":0.23,\"title\":\"frequent diners\",\"detail\":\"\","
              "\"domains\":{\"food\":{\"habit\":\"frequent\",\"z\":{\"recency\":-0.7,"
              "\"frequency\":1.61,\"money\":0.9,\"l7\":0.2,\"l28\":1.2},\"categories\":"
              "[{\"category\":\"ramen\",\"share\":0.31},{\"category\":\"sushi\",\"share\":0.12}]},"
              "\"course\":{\"habit\":\"none\",\"z\":{\"recency\":0.1,\"frequency\":0,\"money\":0,"
              "\"l7\":0,\"l28\":0},\"categories\":[{\"category\":\"x\",\"share\":1}]}}},"
              "{\"segment\":1,\"users\":4706,\"share\":0.12,\"title\":\"quiet users\","
              "\"domains\":{}}],"
              "\"engagement\":{\"dau\":1210,\"mau\":20044,\"stickiness\":0.06,"
              "\"domains\":{\"food\":{\"dau\":902,\"mau\":15100,\"stickiness\":0.06}},"
              "\"overlaps\":[{\"domains\":[\"course\",\"food\"],\"dau\":31,\"mau\":2800,"
              "\"stickiness\":0.01}]}}",
              board_show_segments),
        ST_OK);
    assert_string_equal(
        text, "81,234 users, of whom 40,617 were counted\n"
              "\nWho is active\n"
              "                                 today  in 28 days  stickiness\n"
              "  anywhere                       1,210        20,044         6 % #\n"
              "  food                             902        15,100         6 % #\n"
              "  course and food                   31         2,800         1 % #\n"
              "\n 0  frequent diners                                        9,412  23 % ########\n"
              "    food            ramen 31 %, sushi 12 %\n"
              "    does far more in food than most                                       +1.6\n"
              "    is in food on more days of the month than most                        +1.2\n"
              "    spends more in food than most                                         +0.9\n"
              "\n 1  quiet users                                            4,706  12 % ####\n");
    assert_true(widest() <= SHOW_WIDTH);
}

static void before_there_are_segments_it_says_so(void **state) {
    (void)state;
    assert_int_equal(
        print("{\"users\":3,\"counted\":3,\"segments\":[],\"engagement\":{}}", board_show_segments),
        ST_OK);
    assert_int_equal(
        strncmp(text, "3 users; there are no segments yet: they need more users\n", 57), 0);
}

static void what_is_no_answer_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "[]", "{}", "{\"lists\":1}", "{\"top\":[]}", "{\"segments\":{}}", "{\"item\":\"i\"}"};
    enum status (*const shown[])(const struct json *v, const struct show *s) = {
        board_show_similar, board_show_top, board_show_segments};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        for (size_t of = 0; of < 3; of++) {
            assert_int_equal(print(bad[k], shown[of]), ST_INVALID);
            assert_string_equal(text, "");
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(similar_items_are_told_with_why),
        cmocka_unit_test(a_domain_is_told_at_a_glance),
        cmocka_unit_test(segments_are_told_with_what_marks_them),
        cmocka_unit_test(before_there_are_segments_it_says_so),
        cmocka_unit_test(what_is_no_answer_is_refused),
    };
    return cmocka_run_group_tests_name("board_show", tests, NULL, NULL);
}
