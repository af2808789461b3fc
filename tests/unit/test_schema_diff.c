/* SPDX-License-Identifier: Apache-2.0
 *
 * test_schema_diff.c -- the contract of schema_diff.h: pairs of schemas and what is said of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema_diff.h"
#include "shipped.h"

#define RECORD(fields)      "{\"type\":\"record\",\"name\":\"n.R\",\"fields\":[" fields "]}"
#define FIELD(name, type)   "{\"name\":\"" name "\",\"type\":" type "}"
#define ENUM(symbols, more) "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[" symbols "]" more "}"
#define NESTED(fields)                                                                             \
    RECORD(FIELD("a", "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"L\","         \
                      "\"fields\":[" fields "]}}"))

struct said {
    char text[65536];
    size_t lines;
};

static void collect(void *arg, const char *line) {
    struct said *s = arg;
    const size_t n = strlen(s->text);
    snprintf(s->text + n, sizeof s->text - n, "%s\n", line);
    s->lines++;
}

static struct schema *parse(const char *json) {
    struct schema *s = NULL;
    char err[256];
    if (schema_parse(json, strlen(json), &s, err, sizeof err)) {
        fail_msg("%s: %s", json, err);
    }
    return s;
}

static const char *diff(const char *reader, const char *writer) {
    static struct said said;
    struct schema *r = parse(reader);
    struct schema *w = parse(writer);
    const struct schema_diff d = {r, w, "there", collect, &said};
    said = (struct said){.lines = 0};
    const size_t n = schema_diff(&d);
    assert_int_equal(n, said.lines);
    schema_free(r);
    schema_free(w);
    return said.text;
}

static const struct row {
    const char *reader, *writer, *said;
} ROWS[] = {
    {"\"int\"", "\"int\"", ""},
    {"\"long\"", "\"int\"", "the record itself: int there, long here; can be read\n"},
    {"\"int\"", "\"long\"", "the record itself: long there, int here; cannot be read so\n"},
    {"\"double\"", "\"float\"", "the record itself: float there, double here; can be read\n"},
    {"\"float\"", "\"double\"", "the record itself: double there, float here; cannot be read so\n"},
    {"\"bytes\"", "\"string\"", "the record itself: string there, bytes here; can be read\n"},
    {"\"boolean\"", "\"int\"", "the record itself: int there, boolean here; cannot be read so\n"},

    {RECORD(FIELD("a", "\"int\"") "," FIELD("b", "\"int\"")),
     RECORD(FIELD("b", "\"int\"") "," FIELD("a", "\"int\"")), ""}, /* the order does not matter */
    {RECORD(FIELD("a", "\"int\"")), RECORD(FIELD("a", "\"int\"") "," FIELD("b", "\"int\"")),
     "b: only there; it is skipped\n"},
    {RECORD(FIELD("a", "\"int\"")), RECORD(""),
     "a: missing there, and it has no default here; cannot be read where it is needed\n"},
    {RECORD("{\"name\":\"a\",\"type\":[\"null\",\"int\"],\"default\":null}"), RECORD(""),
     "a: missing there; read as null\n"},
    {RECORD("{\"name\":\"a\",\"type\":\"string\",\"default\":\"x\"}"), RECORD(""),
     "a: missing there; read as \"x\"\n"},
    {RECORD("{\"name\":\"a\",\"aliases\":[\"z\",\"old\"],\"type\":\"int\"}"),
     RECORD(FIELD("old", "\"int\"")), "a: is named old there; read by its alias\n"},
    {RECORD("{\"name\":\"a\",\"aliases\":[\"old\"],\"type\":\"int\"}"),
     RECORD(FIELD("a", "\"int\"") "," FIELD("old", "\"int\"")), "old: only there; it is skipped\n"},

    {RECORD(FIELD("a", "\"string\"")), RECORD(FIELD("a", "[\"null\",\"string\"]")),
     "a: may be null there, and not here; a record that has null is a dead letter\n"},
    {RECORD(FIELD("a", "[\"null\",\"string\"]")), RECORD(FIELD("a", "\"string\"")),
     "a: is never null there\n"},
    {RECORD(FIELD("a", "[\"null\",\"string\"]")), RECORD(FIELD("a", "[\"string\",\"null\"]")), ""},
    {RECORD(FIELD("a", "[\"null\",\"long\"]")), RECORD(FIELD("a", "[\"null\",\"int\"]")),
     "a: int there, long here; can be read\n"},
    {RECORD(FIELD("a", "[\"int\",\"string\"]")), RECORD(FIELD("a", "[\"int\",\"boolean\"]")),
     "a: int or boolean there, int or string here; read branch by branch\n"},
    {RECORD(FIELD("a", "\"string\"")), RECORD(FIELD("a", "[\"int\",\"bytes\"]")),
     "a: int or bytes there, string here; read branch by branch\n"},
    {RECORD(FIELD("a", "[\"null\",\"string\",\"bytes\"]")),
     RECORD(FIELD("a", "[\"int\",\"boolean\"]")),
     "a: int or boolean there, null or string or bytes here; cannot be read so\n"},
    {RECORD(FIELD("a", "\"string\"")), RECORD(FIELD("a", "[\"int\",\"boolean\"]")),
     "a: int or boolean there, string here; cannot be read so\n"},
    {RECORD(FIELD("a", "[\"null\",\"string\",\"bytes\"]")), RECORD(FIELD("a", "\"int\"")),
     "a: int there, null or string or bytes here; cannot be read so\n"},

    {ENUM("\"A\",\"B\"", ""), ENUM("\"B\",\"A\"", ""), ""},
    {ENUM("\"A\"", ""), ENUM("\"A\",\"C\"", ""),
     "the record itself: symbol C only there; a record that has it is a dead letter\n"},
    {ENUM("\"A\",\"B\"", ",\"default\":\"B\""), ENUM("\"A\",\"C\"", ""),
     "the record itself: symbol C only there; read as B\n"
     "the record itself: symbol B only here; it does not come\n"},

    {NESTED(FIELD("x", "\"double\"")), NESTED(FIELD("x", "\"int\"") "," FIELD("y", "\"int\"")),
     "a[].x: int there, double here; can be read\na[].y: only there; it is skipped\n"},
    {RECORD(FIELD("m", "{\"type\":\"map\",\"values\":\"string\"}")),
     RECORD(FIELD("m", "{\"type\":\"map\",\"values\":\"int\"}")),
     "m{}: int there, string here; cannot be read so\n"},
    {RECORD(FIELD("m", "{\"type\":\"map\",\"values\":\"string\"}")),
     RECORD(FIELD("m", "{\"type\":\"array\",\"items\":\"string\"}")),
     "m: array of string there, map of string here; cannot be read so\n"},
    {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":4}",
     "{\"type\":\"fixed\",\"name\":\"F\",\"size\":8}",
     "the record itself: 8 bytes there, 4 here; cannot be read so\n"},
    {RECORD(FIELD("t", "{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}")),
     RECORD(FIELD("t", "{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}")),
     "t: long (timestamp-micros) there, long (timestamp-millis) here; the number or text is taken "
     "as it is: see unit and scale of the topic\n"},
    {RECORD(FIELD("t", "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,"
                       "\"scale\":2}")),
     RECORD(FIELD("t", "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,"
                       "\"scale\":3}")),
     "t: bytes (decimal, scale 3) there, bytes (decimal, scale 2) here; the number or text is "
     "taken as it is: see unit and scale of the topic\n"},
};

static void each_pair_is_told_apart_in_words(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        assert_string_equal(diff(ROWS[i].reader, ROWS[i].writer), ROWS[i].said);
    }
}

static void other_names_of_records_are_told(void **state) {
    (void)state;
    const char *text = diff("{\"type\":\"record\",\"name\":\"a.R\",\"fields\":[]}",
                            "{\"type\":\"record\",\"name\":\"b.Q\",\"fields\":[]}");
    assert_non_null(strstr(text, "record Q there, record R here"));
    assert_string_equal(diff("{\"type\":\"record\",\"name\":\"a.R\",\"fields\":[]}",
                             "{\"type\":\"record\",\"name\":\"b.R\",\"fields\":[]}"),
                        "");
}

static void every_shipped_schema_is_as_itself(void **state) {
    (void)state;
    for (int r = 0; r < READERS; r++) {
        const char *json = shipped_json((enum reader)r);
        assert_string_equal(diff(json, json), "");
    }
    assert_non_null(strstr(diff(shipped_json(READER_COURSE_VIEW), shipped_json(READER_FOOD_ORDER)),
                           "course_id: missing there"));
}

static void recursive_types_end(void **state) {
    (void)state;
    static const char list[] = "{\"type\":\"record\",\"name\":\"R\",\"fields\":["
                               "{\"name\":\"v\",\"type\":\"%s\"},"
                               "{\"name\":\"next\",\"type\":[\"null\",\"R\"]}]}";
    char a[256];
    char b[256];
    snprintf(a, sizeof a, list, "long");
    snprintf(b, sizeof b, list, "int");
    assert_string_equal(diff(a, a), "");
    assert_string_equal(diff(a, b), "v: int there, long here; can be read\n");
}

/* R0 has four fields of R1, which has four of R2, ...: 4^30 places. */
static void types_in_very_many_places_end(void **state) {
    (void)state;
    static char json[16384];
    size_t n = 0;
    for (int i = 0; i < 30; i++) {
        n += (size_t)snprintf(json + n, sizeof json - n,
                              "{\"type\":\"record\",\"name\":\"R%d\",\"fields\":[{\"name\":\"a\","
                              "\"type\":",
                              i);
    }
    n += (size_t)snprintf(json + n, sizeof json - n, "\"int\"");
    for (int i = 29; i >= 0; i--) {
        char other[16];
        snprintf(other, sizeof other, i == 29 ? "int" : "R%d", i + 1);
        for (char name = 'b'; name <= 'd'; name++) {
            n += (size_t)snprintf(json + n, sizeof json - n, "},{\"name\":\"%c\",\"type\":\"%s\"",
                                  name, other);
        }
        n += (size_t)snprintf(json + n, sizeof json - n, "}]}");
    }
    assert_string_equal(diff(json, json), "");
}

static void long_names_are_cut_and_do_not_harm(void **state) {
    (void)state;
    static char json[65536];
    char name[1000];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    snprintf(json, sizeof json,
             RECORD("{\"name\":\"%s\",\"type\":{\"type\":\"record\",\"name\":\"I%s\",\"fields\":["
                    "{\"name\":\"%s\",\"type\":\"%%s\"}]}}"),
             name, name, name);
    static char a[65536];
    static char b[65536];
    const char *at = strstr(json, "%s");
    snprintf(a, sizeof a, "%.*sint%s", (int)(at - json), json, at + 2);
    snprintf(b, sizeof b, "%.*sstring%s", (int)(at - json), json, at + 2);
    const char *text = diff(a, b);
    assert_non_null(strstr(text, "string there, int here; cannot be read so\n"));
    assert_true(strlen(text) < 1000);
}

static void types_are_described_in_words(void **state) {
    (void)state;
    char buf[128];
    char tiny[8];
    struct schema *s = parse("[\"null\",{\"type\":\"array\",\"items\":{\"type\":\"map\",\"values\":"
                             "{\"type\":\"enum\",\"name\":\"n.E\",\"symbols\":[\"A\"]}}}]");
    schema_describe(s, 0, buf, sizeof buf);
    assert_string_equal(buf, "null or array of map of enum E");
    schema_describe(s, 0, tiny, sizeof tiny);
    assert_string_equal(tiny, "null or");
    schema_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_pair_is_told_apart_in_words),
        cmocka_unit_test(other_names_of_records_are_told),
        cmocka_unit_test(every_shipped_schema_is_as_itself),
        cmocka_unit_test(recursive_types_end),
        cmocka_unit_test(types_in_very_many_places_end),
        cmocka_unit_test(long_names_are_cut_and_do_not_harm),
        cmocka_unit_test(types_are_described_in_words),
    };
    return cmocka_run_group_tests_name("schema_diff", tests, NULL, NULL);
}
