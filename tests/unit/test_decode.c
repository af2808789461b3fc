/* SPDX-License-Identifier: Apache-2.0
 *
 * test_decode.c -- the contract of decode.h, against bytes written by hand from the Avro
 * specification. test_decode_oracle.c compares with avro-c.
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
#include <time.h>

#include "decode.h"
#include "schema.h"

/* avro-c never frees a recursive schema (avro.c). */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:libavro\n";
}

static struct decoded_line lines[EVENT_LINES_MAX];
static struct decoded got = {.lines = lines};

static enum status compile(const char *json, enum reader reader, struct decoder **d, char *err,
                           size_t err_len) {
    struct schema *s = NULL;
    if (schema_parse(json, strlen(json), &s, err, err_len) != ST_OK) {
        fail_msg("%s: %s", json, err);
    }
    enum status st = decoder_new(s, reader, d, err, err_len);
    schema_free(s); /* the plan needs it no longer */
    return st;
}

static struct decoder *compiled(const char *json, enum reader reader) {
    struct decoder *d = NULL;
    char err[256] = "";
    if (compile(json, reader, &d, err, sizeof err) != ST_OK) {
        fail_msg("%s: %s", json, err);
    }
    return d;
}

/* Decodes a copy that is exactly as long as the bytes, so that ASan sees a read beyond. */
static enum decode_error run(const struct decoder *d, const void *body, size_t len) {
    uint8_t *exact = malloc(len ? len : 1);
    assert_non_null(exact);
    memcpy(exact, body, len);
    enum decode_error e = decode(d, exact, len, &got);
    free(exact);
    assert_ptr_equal(got.lines, lines);
    return e;
}

/* ---- course views and orders by hand -------------------------------------------------- */

#define STR(s) s, sizeof(s) - 1

/* A writer of CourseViews: the required fields, one byte each, and what a test adds. */
#define HEAD                                                                                       \
    "{\"name\":\"event_id\",\"type\":\"string\"},{\"name\":\"user_id\",\"type\":\"string\"},"      \
    "{\"name\":\"ts\",\"type\":\"long\"}"
#define COURSE(more)                                                                               \
    "{\"type\":\"record\",\"name\":\"W\",\"fields\":[" HEAD                                        \
    ",{\"name\":\"course_id\",\"type\":\"string\"}" more "]}"
#define ORDER(items)                                                                               \
    "{\"type\":\"record\",\"name\":\"W\",\"fields\":[" HEAD                                        \
    ",{\"name\":\"lines\",\"type\":{\"type\":\"array\",\"items\":" items "}}]}"
#define FIELD(name, type) ",{\"name\":\"" name "\",\"type\":" type "}"
#define COURSE_BYTES      "\2e\2u\2\2c" /* e, u, 1, c */
#define ORDER_BYTES       "\2e\2u\2"

/* Decodes the four fields of COURSE and then `more`. */
static enum decode_error run_course(const struct decoder *d, const char *more, size_t len) {
    char body[4096] = COURSE_BYTES;
    assert_true(len <= sizeof body - 7);
    memcpy(body + 7, more, len);
    return run(d, body, 7 + len);
}

static void check_course(const char *writer, const char *more, size_t len, enum decode_error e) {
    struct decoder *d = compiled(writer, READER_COURSE_VIEW);
    enum decode_error was = run_course(d, more, len);
    decoder_free(d);
    if (was != e) {
        fail_msg("%s: %s, not %s", writer, decode_error_str(was), decode_error_str(e));
    }
}

static void check_order(const char *writer, const char *more, size_t len, enum decode_error e) {
    struct decoder *d = compiled(writer, READER_FOOD_ORDER);
    char body[8192] = ORDER_BYTES;
    assert_true(len <= sizeof body - 5);
    memcpy(body + 5, more, len);
    enum decode_error was = run(d, body, 5 + len);
    decoder_free(d);
    if (was != e) {
        fail_msg("%s: %s, not %s", writer, decode_error_str(was), decode_error_str(e));
    }
}

static void readers_have_names(void **state) {
    (void)state;
    enum reader r = READERS;
    assert_int_equal(reader_of("FoodOrder", &r), ST_OK);
    assert_int_equal(r, READER_FOOD_ORDER);
    assert_int_equal(reader_of("CourseView", &r), ST_OK);
    assert_int_equal(r, READER_COURSE_VIEW);
    assert_int_equal(reader_of("courseview", &r), ST_NOT_FOUND);
    assert_int_equal(r, READER_COURSE_VIEW);
    assert_string_equal(reader_name(READER_FOOD_ORDER), "FoodOrder");
}

static void strings_are_views_into_the_body(void **state) {
    (void)state;
    struct decoder *d = compiled(COURSE(""), READER_COURSE_VIEW);
    const char body[] = "\4ab\0\x7f\6xyz";
    assert_int_equal(decode(d, (const uint8_t *)body, sizeof body - 1, &got), DECODE_OK);
    assert_ptr_equal(got.event_id, body + 1);
    assert_int_equal(got.event_id_len, 2);
    assert_int_equal(got.user_id_len, 0);
    assert_true(got.user_id >= body && got.user_id <= body + sizeof body);
    assert_true(got.ts_ms == -64);
    assert_int_equal(got.n_lines, 1);
    assert_ptr_equal(got.lines[0].item, body + 6);
    assert_int_equal(got.lines[0].item_len, 3);
    decoder_free(d);
    decoder_free(NULL);
}

static void what_the_writer_leaves_out_has_the_readers_default(void **state) {
    (void)state;
    lines[0] = (struct decoded_line){.quantity = 9, .amount = 9};
    check_course(COURSE(""), "", 0, DECODE_OK);
    assert_int_equal(got.action, ACTION_ENROLL);
    assert_true(lines[0].quantity == 1 && lines[0].amount == 0);
    lines[0] = (struct decoded_line){.quantity = 9, .amount = 9};
    check_order(ORDER("{\"type\":\"record\",\"name\":\"L\",\"fields\":[{\"name\":\"dish_id\","
                      "\"type\":\"string\"}]}"),
                STR("\2\2d\0"), DECODE_OK);
    assert_int_equal(got.action, ACTION_ORDER);
    assert_int_equal(got.n_lines, 1);
    assert_true(lines[0].quantity == 1 && lines[0].amount == 0);
}

static void a_null_in_an_optional_field_is_its_default(void **state) {
    (void)state;
    const char *w = COURSE(FIELD("quantity", "[\"null\",\"int\"]") FIELD("amount", "[\"long\","
                                                                                   "\"null\"]"));
    check_course(w, STR("\0\2"), DECODE_OK);
    assert_true(lines[0].quantity == 1 && lines[0].amount == 0);
    check_course(w, STR("\2\6\0\7"), DECODE_OK);
    assert_true(lines[0].quantity == 3 && lines[0].amount == -4);
    check_course(COURSE(FIELD("action", "[\"null\",{\"type\":\"enum\",\"name\":\"A\",\"symbols\":"
                                        "[\"LIKE\"]}]")),
                 STR("\0"), DECODE_OK);
    assert_int_equal(got.action, ACTION_ENROLL);
}

static void a_null_in_a_required_field_is_refused(void **state) {
    (void)state;
    const char *w = "{\"type\":\"record\",\"name\":\"W\",\"fields\":[" HEAD
                    ",{\"name\":\"course_id\",\"type\":[\"null\",\"string\"]}]}";
    struct decoder *d = compiled(w, READER_COURSE_VIEW);
    assert_int_equal(run(d, STR("\2e\2u\2\0")), DECODE_NULL);
    assert_int_equal(run(d, STR("\2e\2u\2\2\2c")), DECODE_OK);
    decoder_free(d);
    check_order("{\"type\":\"record\",\"name\":\"W\",\"fields\":[" HEAD
                ",{\"name\":\"lines\",\"type\":[{\"type\":\"array\",\"items\":{\"type\":\"record\","
                "\"name\":\"L\",\"fields\":[{\"name\":\"dish_id\",\"type\":\"string\"}]}},"
                "\"null\"]}]}",
                STR("\2"), DECODE_NULL);
}

static void numbers_widen(void **state) {
    (void)state;
    check_course(COURSE(FIELD("quantity", "\"float\"") FIELD("price", "\"int\"")),
                 STR("\0\0\x20\xc0\x03"), DECODE_OK);
    assert_true(lines[0].quantity == -2.5 && lines[0].amount == -2);
    check_course(COURSE(FIELD("price", "\"double\"") FIELD("quantity", "\"long\"")),
                 STR("\0\0\0\0\0\0\xf8\x3f\x80\x80\x80\x80\x20"), DECODE_OK);
    assert_true(lines[0].quantity == 4294967296.0 && lines[0].amount == 1.5);
    struct decoder *d = compiled("{\"type\":\"record\",\"name\":\"W\",\"fields\":[{\"name\":\"ts\","
                                 "\"type\":\"int\"},{\"name\":\"event_id\",\"type\":\"string\"},"
                                 "{\"name\":\"course_id\",\"type\":\"string\"},{\"name\":"
                                 "\"user_id\",\"type\":\"string\"}]}",
                                 READER_COURSE_VIEW);
    assert_int_equal(run(d, STR("\xff\xff\xff\xff\x0f\0\0\0")), DECODE_OK);
    assert_true(got.ts_ms == INT32_MIN);
    assert_int_equal(run(d, STR("\x80\x80\x80\x80\x10\0\0\0")), DECODE_VARINT);
    decoder_free(d);
}

static void amount_is_preferred_to_price_and_the_other_skipped(void **state) {
    (void)state;
    check_course(COURSE(FIELD("price", "\"int\"") FIELD("amount", "\"int\"")), STR("\2\4"),
                 DECODE_OK);
    assert_true(lines[0].amount == 2);
    check_course(COURSE(FIELD("amount", "\"int\"") FIELD("price", "\"int\"")), STR("\2\4"),
                 DECODE_OK);
    assert_true(lines[0].amount == 1);
}

static void of_two_fields_of_one_name_the_first_is_read(void **state) {
    (void)state;
    check_course(COURSE(FIELD("amount", "\"int\"") FIELD("amount", "\"int\"")), STR("\2\4"),
                 DECODE_OK);
    assert_true(lines[0].amount == 1);
}

static void actions_are_mapped_by_name_in_any_case(void **state) {
    (void)state;
    const char *w = COURSE(FIELD("action", "{\"type\":\"enum\",\"name\":\"A\",\"symbols\":"
                                           "[\"report\",\"Buy\",\"View\",\"PURCHASE\",\"VIE\","
                                           "\"VIEWS\"]}"));
    check_course(w, STR("\0"), DECODE_OK);
    assert_int_equal(got.action, ACTION_REPORT);
    check_course(w, STR("\4"), DECODE_OK);
    assert_int_equal(got.action, ACTION_VIEW);
    check_course(w, STR("\6"), DECODE_OK);
    assert_int_equal(got.action, ACTION_PURCHASE);
    check_course(w, STR("\2"), DECODE_BRANCH);
    check_course(w, STR("\x8"), DECODE_BRANCH);
    check_course(w, STR("\xa"), DECODE_BRANCH);
    check_course(w, STR("\xc"), DECODE_BRANCH); /* no such symbol */
    check_course(w, STR("\1"), DECODE_BRANCH);
}

static void broken_varints_are_refused(void **state) {
    (void)state;
    const char *w = COURSE(FIELD("x", "\"long\""));
    check_course(w, STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), DECODE_OK);
    check_course(w, STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), DECODE_VARINT);
    check_course(w, STR("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"), DECODE_VARINT);
    check_course(w, STR("\x80\x80"), DECODE_SHORT);
    w = COURSE(FIELD("x", "\"int\""));
    check_course(w, STR("\xfe\xff\xff\xff\x0f"), DECODE_OK);
    check_course(w, STR("\x80\x80\x80\x80\x10"), DECODE_VARINT);
}

static void impossible_lengths_are_refused(void **state) {
    (void)state;
    const char *w = COURSE(FIELD("x", "\"bytes\""));
    check_course(w, STR("\4ab"), DECODE_OK);
    check_course(w, STR("\1"), DECODE_LENGTH);
    check_course(w, STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), DECODE_LENGTH);
    check_course(w, STR("\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01zz"), DECODE_SHORT);
    check_course(w, STR("\4a"), DECODE_SHORT);
    struct decoder *d = compiled(COURSE(""), READER_COURSE_VIEW);
    assert_int_equal(run(d, STR("\1")), DECODE_LENGTH);
    assert_int_equal(run(d, STR("\2e\2u\2\4c")), DECODE_SHORT);
    assert_int_equal(run(d, STR("")), DECODE_SHORT);
    decoder_free(d);
}

static void branches_and_symbols_that_do_not_exist_are_refused(void **state) {
    (void)state;
    const char *w = COURSE(FIELD("x", "[\"null\",\"int\"]"));
    check_course(w, STR("\0"), DECODE_OK);
    check_course(w, STR("\2\x7f"), DECODE_OK);
    check_course(w, STR("\4"), DECODE_BRANCH);
    check_course(w, STR("\1"), DECODE_BRANCH);
    w = COURSE(FIELD("x", "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"P\",\"Q\"]}"));
    check_course(w, STR("\2"), DECODE_OK);
    check_course(w, STR("\4"), DECODE_BRANCH);
    check_course(w, STR("\1"), DECODE_BRANCH);
}

static void a_branch_that_cannot_be_read_fails_the_event_only(void **state) {
    (void)state;
    const char *w = COURSE(FIELD("price", "[\"string\",\"double\",\"null\"]"));
    check_course(w, STR("\4"), DECODE_OK);
    check_course(w, STR("\2\0\0\0\0\0\0\xf8\x3f"), DECODE_OK);
    assert_true(lines[0].amount == 1.5);
    check_course(w, STR("\0\2x"), DECODE_BRANCH);
}

static void bytes_after_the_record_are_refused(void **state) {
    (void)state;
    check_course(COURSE(""), STR("\0"), DECODE_TRAILING);
}

static void every_error_has_its_text(void **state) {
    (void)state;
    for (int i = 0; i < DECODE_ERRORS; i++) {
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(decode_error_str((enum decode_error)i),
                                    decode_error_str((enum decode_error)j));
        }
    }
    assert_string_equal(decode_error_str(DECODE_SHORT), "bytes end inside a value");
    assert_non_null(decode_error_str(DECODE_ERRORS));
}

struct text {
    char buf[16384];
    size_t n;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->buf + t->n, sizeof t->buf - t->n, format, args);
    va_end(args);
    assert_true(n >= 0 && (size_t)n < sizeof t->buf - t->n);
    t->n += (size_t)n;
}

/* ---- blocks, depth, and bytes that want to burn time ------------------------------------ */

#define LINE                                                                                       \
    "{\"type\":\"record\",\"name\":\"L\",\"fields\":[{\"name\":\"dish_id\",\"type\":\"string\"},"  \
    "{\"name\":\"amount\",\"type\":\"int\"}]}"

static void lines_may_come_in_blocks_of_both_kinds(void **state) {
    (void)state;
    /* two lines, then a block of one line with its size (-1, 3 bytes), then one more */
    check_order(ORDER(LINE), STR("\4\2a\2\2b\4\1\6\2c\6\2\2d\x8\0"), DECODE_OK);
    assert_int_equal(got.n_lines, 4);
    for (int i = 0; i < 4; i++) {
        assert_true(lines[i].amount == i + 1 && lines[i].item_len == 1);
    }
    check_order(ORDER(LINE), STR("\0"), DECODE_OK);
    assert_int_equal(got.n_lines, 0);
}

static void a_block_that_lies_about_its_size_is_refused(void **state) {
    (void)state;
    check_order(ORDER(LINE), STR("\1\4\2c\6\0"), DECODE_LENGTH);
    check_order(ORDER(LINE), STR("\1\x8\2c\6\0"), DECODE_LENGTH);
    check_order(ORDER(LINE), STR("\1\1\2c\6\0"), DECODE_LENGTH); /* size -1 */
    check_order(ORDER(LINE), STR("\1\x20\2c\6\0"), DECODE_SHORT);
    check_order(ORDER(LINE), STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\6\2c\6\0"),
                DECODE_LENGTH); /* the count whose negative does not exist */
}

static void more_than_the_most_lines_are_refused(void **state) {
    (void)state;
    char body[4 * EVENT_LINES_MAX] = "\x80\x8"; /* 512 */
    size_t len = 2;
    for (int i = 0; i < EVENT_LINES_MAX; i++, len += 3) {
        memcpy(body + len, "\2d\2", 3);
    }
    body[len] = 0;
    check_order(ORDER(LINE), body, len + 1, DECODE_OK);
    assert_int_equal(got.n_lines, EVENT_LINES_MAX);
    memcpy(body + len, "\2\2d\2\0", 5); /* one more block of one line */
    check_order(ORDER(LINE), body, len + 5, DECODE_LINES);
}

static void skipped_arrays_and_maps_may_come_in_blocks_of_both_kinds(void **state) {
    (void)state;
    const char *w =
        COURSE(FIELD("x", "{\"type\":\"array\",\"items\":\"string\"}") FIELD("amount", "\"int\""));
    check_course(w, STR("\4\2a\0\3\xa\2b\2cx\2\2d\0\6"), DECODE_OK); /* jumps 5 bytes */
    assert_true(lines[0].amount == 3);
    w = COURSE(FIELD("x", "{\"type\":\"map\",\"values\":\"null\"}") FIELD("amount", "\"int\""));
    check_course(w, STR("\4\2a\2b\3\x8\2c\2d\0\6"), DECODE_OK);
    assert_true(lines[0].amount == 3);
    check_course(w, STR("\1\x40\2c\0\6"), DECODE_SHORT);
    check_course(w, STR("\1\3\2c\0\6"), DECODE_LENGTH);
}

static void giant_counts_cost_nothing(void **state) {
    (void)state;
    const clock_t began = clock();
    static const char *const empty[] = {
        "\"null\"",
        "{\"type\":\"record\",\"name\":\"N\",\"fields\":[{\"name\":\"a\",\"type\":\"null\"},"
        "{\"name\":\"b\",\"type\":{\"type\":\"fixed\",\"name\":\"Z\",\"size\":0}}]}",
    };
    for (size_t i = 0; i < 2; i++) {
        char w[1024];
        snprintf(w, sizeof w, COURSE(FIELD("x", "{\"type\":\"array\",\"items\":%s}")), empty[i]);
        check_course(w, STR("\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\0"), DECODE_OK);
        check_course(w, STR("\xfd\xff\xff\xff\xff\xff\xff\xff\xff\x01\0\0"), DECODE_OK);
    }
    const char *w = COURSE(FIELD("x", "{\"type\":\"array\",\"items\":\"boolean\"}"));
    check_course(w, STR("\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\0"), DECODE_SHORT);
    check_order(ORDER(LINE), STR("\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\0"), DECODE_SHORT);
    /* 2^30 null fields by way of nested records: none of them may be visited */
    static struct text nested;
    nested.n = 0;
    add(&nested, "{\"type\":\"record\",\"name\":\"W\",\"fields\":[" HEAD
                 ",{\"name\":\"course_id\",\"type\":\"string\"},{\"name\":\"x\",\"type\":");
    for (int i = 29; i >= 0; i--) {
        add(&nested,
            "{\"type\":\"record\",\"name\":\"R%d\",\"fields\":[{\"name\":\"a\",\"type\":", i);
    }
    add(&nested, "\"null\"},{\"name\":\"b\",\"type\":\"null\"}]}");
    for (int i = 0; i < 29; i++) {
        add(&nested, "},{\"name\":\"b\",\"type\":\"R%d\"}]}", i);
    }
    add(&nested, "}]}");
    check_course(nested.buf, "", 0, DECODE_OK);
    assert_true(clock() - began < CLOCKS_PER_SEC); /* it is a few milliseconds */
}

static void nesting_is_limited(void **state) {
    (void)state;
    const char *w = COURSE(FIELD("x", "{\"type\":\"record\",\"name\":\"T\",\"fields\":[{\"name\":"
                                      "\"next\",\"type\":[\"null\",\"T\"]}]}"));
    char body[1000];
    memset(body, 2, sizeof body);
    for (size_t depth = 1; depth < sizeof body; depth++) {
        body[depth - 1] = 0;
        check_course(w, body, depth, depth <= DECODE_DEPTH_MAX ? DECODE_OK : DECODE_DEPTH);
        body[depth - 1] = 2;
    }
    check_course(COURSE(FIELD("x", "{\"type\":\"record\",\"name\":\"A\",\"fields\":["
                                   "{\"name\":\"a\",\"type\":\"A\"},{\"name\":\"b\","
                                   "\"type\":\"A\"}]}")),
                 "", 0, DECODE_DEPTH); /* a type of which no value exists */
    char json[1000] = "\"int\"";
    for (int i = 0; i < 33; i++) {
        char next[1000];
        snprintf(next, sizeof next, "{\"type\":\"array\",\"items\":%.960s}", json);
        strcpy(json, next);
    }
    char writer[1400];
    snprintf(writer, sizeof writer, COURSE(FIELD("x", "%s")), json);
    check_course(writer, STR("\0"), DECODE_OK); /* never that deep */
    check_course(writer, body, 100, DECODE_DEPTH);
}

/* ---- writers that cannot be read -------------------------------------------------------- */

static void a_writer_that_cannot_be_read_is_refused_with_field_and_reason(void **state) {
    (void)state;
    static const struct {
        enum reader reader;
        const char *json;
        const char *err;
    } cases[] = {
        {READER_COURSE_VIEW, "\"string\"", "string, needs record"},
        {READER_COURSE_VIEW, "{\"type\":\"record\",\"name\":\"W\",\"fields\":[" HEAD "]}",
         "course_id: missing"},
        {READER_FOOD_ORDER, COURSE(""), "lines: missing"},
        {READER_COURSE_VIEW,
         "{\"type\":\"record\",\"name\":\"W\",\"fields\":[{\"name\":\"event_id\",\"type\":"
         "\"string\"},{\"name\":\"user_id\",\"type\":\"bytes\"},{\"name\":\"ts\",\"type\":"
         "\"string\"},{\"name\":\"course_id\",\"type\":\"string\"}]}",
         "user_id: bytes, needs string"},
        {READER_COURSE_VIEW, COURSE(FIELD("action", "\"string\"")), "action: string, needs enum"},
        {READER_COURSE_VIEW,
         COURSE(FIELD("action", "{\"type\":\"enum\",\"name\":\"A\",\"symbols\":[\"BUY\"]}")),
         "action: no symbol of the enum is a known action"},
        {READER_COURSE_VIEW, COURSE(FIELD("amount", "\"string\"")),
         "amount: string, needs a number"},
        {READER_COURSE_VIEW, COURSE(FIELD("price", "[\"null\",\"bytes\"]")),
         "price: union with bytes, needs a number"},
        {READER_FOOD_ORDER, ORDER("\"string\""), "lines[]: string, needs record"},
        {READER_FOOD_ORDER,
         ORDER("{\"type\":\"record\",\"name\":\"L\",\"fields\":[{\"name\":\"x\",\"type\":\"int\"}]"
               "}"),
         "lines[].dish_id: missing"},
        {READER_FOOD_ORDER,
         ORDER("{\"type\":\"record\",\"name\":\"L\",\"fields\":[{\"name\":\"dish_id\",\"type\":"
               "\"long\"}]}"),
         "lines[].dish_id: long, needs string"},
        {READER_FOOD_ORDER,
         "{\"type\":\"record\",\"name\":\"W\",\"fields\":[{\"name\":\"event_id\",\"type\":"
         "\"string\"},{\"name\":\"user_id\",\"type\":\"string\"},{\"name\":\"ts\",\"type\":"
         "{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}},{\"name\":\"lines\",\"type\":"
         "\"int\"}]}",
         "ts: timestamp-micros, needs long"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct decoder *d = (struct decoder *)(uintptr_t)16;
        char err[256] = "";
        assert_int_equal(compile(cases[i].json, cases[i].reader, &d, err, sizeof err), ST_INVALID);
        assert_string_equal(err, cases[i].err);
        assert_int_equal((uintptr_t)d, 16);
    }
}

static void a_type_that_contains_itself_without_a_name_is_refused(void **state) {
    (void)state;
    /* avro-c cannot make this one, but struct schema can say it */
    static const struct schema_field fields[] = {
        {"event_id", 1}, {"user_id", 1}, {"ts", 2}, {"course_id", 1}, {"loop", 3}};
    static const struct schema_field loop[] = {{NULL, 3}};
    static const struct schema_node nodes[] = {{SCHEMA_RECORD, "W", NULL, 5, fields},
                                               {SCHEMA_STRING, NULL, NULL, 0, NULL},
                                               {SCHEMA_LONG, NULL, NULL, 0, NULL},
                                               {SCHEMA_ARRAY, NULL, NULL, 1, loop}};
    const struct schema s = {.n_nodes = 4, .nodes = nodes, .json = ""};
    struct decoder *d = NULL;
    char err[64] = "";
    assert_int_equal(decoder_new(&s, READER_COURSE_VIEW, &d, err, sizeof err), ST_INVALID);
    assert_string_equal(err, "types nested too deeply");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_have_names),
        cmocka_unit_test(strings_are_views_into_the_body),
        cmocka_unit_test(what_the_writer_leaves_out_has_the_readers_default),
        cmocka_unit_test(a_null_in_an_optional_field_is_its_default),
        cmocka_unit_test(a_null_in_a_required_field_is_refused),
        cmocka_unit_test(numbers_widen),
        cmocka_unit_test(amount_is_preferred_to_price_and_the_other_skipped),
        cmocka_unit_test(of_two_fields_of_one_name_the_first_is_read),
        cmocka_unit_test(actions_are_mapped_by_name_in_any_case),
        cmocka_unit_test(broken_varints_are_refused),
        cmocka_unit_test(impossible_lengths_are_refused),
        cmocka_unit_test(branches_and_symbols_that_do_not_exist_are_refused),
        cmocka_unit_test(a_branch_that_cannot_be_read_fails_the_event_only),
        cmocka_unit_test(bytes_after_the_record_are_refused),
        cmocka_unit_test(every_error_has_its_text),
        cmocka_unit_test(lines_may_come_in_blocks_of_both_kinds),
        cmocka_unit_test(a_block_that_lies_about_its_size_is_refused),
        cmocka_unit_test(more_than_the_most_lines_are_refused),
        cmocka_unit_test(skipped_arrays_and_maps_may_come_in_blocks_of_both_kinds),
        cmocka_unit_test(giant_counts_cost_nothing),
        cmocka_unit_test(nesting_is_limited),
        cmocka_unit_test(a_writer_that_cannot_be_read_is_refused_with_field_and_reason),
        cmocka_unit_test(a_type_that_contains_itself_without_a_name_is_refused),
    };
    return cmocka_run_group_tests_name("decode", tests, NULL, NULL);
}
