/* SPDX-License-Identifier: Apache-2.0
 *
 * test_decode.c -- bytes to a tape: every type, every limit, every error, byte by byte from
 * the specification. Resolution: test_resolve.c. Random ones: test_decode_oracle.c, tests/avro.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "avro_bytes.h"
#include "decode.h"
#include "decoding.h"
#include "failing_alloc.h"

/* A record R with these fields. */
#define RECORD(fields)    "{'type':'record','name':'R','fields':[" fields "]}"
#define FIELD(name, type) "{'name':'" name "','type':" type "}"
#define ARRAY(items)      "{'type':'array','items':" items "}"
#define MAP(values)       "{'type':'map','values':" values "}"

static const char *scalar(const char *type, const char *bytes, size_t len) {
    return decoding_same(type, ".", bytes, len);
}

/* ---- each type ------------------------------------------------------------------------- */

static void each_type_is_read_as_the_specification_writes_it(void **state) {
    (void)state;
    assert_string_equal(scalar("'null'", BYTES("")), "1:null");
    assert_string_equal(scalar("'boolean'", BYTES("\1")), "1:true");
    assert_string_equal(scalar("'boolean'", BYTES("\0")), "1:false");
    assert_string_equal(scalar("'float'", BYTES("\0\0\x20\xc0")), "1:-2.5d");
    assert_string_equal(scalar("'double'", BYTES("\0\0\0\0\0\0\xf8\x3f")), "1:1.5d");
    assert_string_equal(scalar("'string'", BYTES("\x06"
                                                 "foo")),
                        "1:\"foo\"");
    assert_string_equal(scalar("'string'", BYTES("\0")), "1:\"\"");
    assert_string_equal(scalar("'bytes'", BYTES("\4\0\xff")), "1:\"\\x00\\xff\"");
    assert_string_equal(scalar("{'type':'fixed','name':'F','size':3}", BYTES("abc")), "1:\"abc\"");
    assert_string_equal(scalar("{'type':'fixed','name':'F','size':0}", BYTES("")), "1:\"\"");
    assert_string_equal(scalar("{'type':'enum','name':'E','symbols':['A','B']}", BYTES("\2")),
                        "1:B");
    assert_string_equal(scalar("['string','null']", BYTES("\2")), "1:null");
    assert_string_equal(scalar("['string','null']", BYTES("\0\2x")), "1:\"x\"");
}

static void numbers_are_zigzag_varints(void **state) {
    (void)state;
    static const struct {
        const char *bytes, *expected;
        size_t len;
    } examples[] = {
        {"\x00", "1:0", 1},
        {"\x01", "1:-1", 1},
        {"\x02", "1:1", 1},
        {"\x7f", "1:-64", 1},
        {"\x80\x01", "1:64", 2},
        {"\x80\x80\x01", "1:8192", 3},
        {"\xff\xff\xff\xff\x0f", "1:-2147483648", 5},
        {"\x80\x00", "1:0", 2}, /* longer than needed, but a number */
        {"\xfe\xff\xff\xff\xff\xff\xff\x7f", "1:36028797018963967", 8},
        {"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f", "1:4611686018427387903", 9},
        {"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", "1:9223372036854775807", 10},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "1:-9223372036854775808", 10},
    };
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        assert_string_equal(scalar("'long'", examples[i].bytes, examples[i].len),
                            examples[i].expected);
    }
}

/* With bytes before the end and without: short ones are read eight at a time. */
static void a_number_of_every_length_is_read_the_same_anywhere(void **state) {
    (void)state;
    const char *schema = RECORD(FIELD("a", "'long'") "," FIELD("b", "'string'"));
    static struct avro_bytes b;
    for (int bit = 0; bit < 64; bit++) {
        for (int sign = 0; sign < 2; sign++) {
            for (size_t after = 0; after < 12; after++) {
                const int64_t x = (int64_t)((UINT64_C(1) << bit) - 1) ^ -(int64_t)sign;
                char expected[64];
                b.n = 0;
                avro_long(&b, x);
                avro_text(&b, &"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"[12 - after]);
                snprintf(expected, sizeof expected, "1:%lld", (long long)x);
                assert_string_equal(decoding_same(schema, "a", b.bytes, b.n), expected);
            }
        }
    }
}

static void arrays_and_maps_are_blocks(void **state) {
    (void)state;
    const char *array = ARRAY("'long'");
    assert_string_equal(decoding_same(array, "[]", BYTES("\0")), "1:]");
    assert_string_equal(decoding_same(array, "[]", BYTES("\4\6\x36\0")), "1:[ 1:3 1:[ 1:27 1:]");
    assert_string_equal(decoding_same(array, "[]", BYTES("\2\6\2\x36\0")), "1:[ 1:3 1:[ 1:27 1:]");
    assert_string_equal(decoding_same(array, "[]", BYTES("\3\4\6\x36\2\2\0")),
                        "1:[ 1:3 1:[ 1:27 1:[ 1:1 1:]");
    const char *map = MAP("'boolean'");
    assert_string_equal(decoding_same(map, "{}", BYTES("\4\2a\1\2b\0\0")),
                        "1:{a 1:true 1:{b 1:false 1:]");
    assert_string_equal(decoding_same(map, "{}", BYTES("\1\6\2a\1\2\0\0\0")),
                        "1:{a 1:true 1:{ 1:false 1:]");
}

/* ---- errors ---------------------------------------------------------------------------- */

static void every_error_has_its_bytes(void **state) {
    (void)state;
    static const struct {
        const char *type, *bytes;
        size_t len;
        enum decode_error e;
    } cases[] = {
        {"'long'", "", 0, DECODE_SHORT},
        {"'long'", "\x80", 1, DECODE_SHORT},
        {"'long'", "\x80\x80\x80\x80\x80\x80\x80\x80\x80", 9, DECODE_SHORT},
        {"'long'", "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02", 10, DECODE_VARINT},
        {"'long'", "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\0", 11, DECODE_VARINT},
        {"'int'", "\x80\x80\x80\x80\x10", 5, DECODE_VARINT}, /* 2^31 */
        {"'int'", "\x81\x80\x80\x80\x10", 5, DECODE_VARINT}, /* -2^31 - 1 */
        {"'string'", "\1", 1, DECODE_LENGTH},                /* -1 */
        {"'bytes'", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, DECODE_LENGTH},
        {"'string'", "\4a", 2, DECODE_SHORT},
        {"'string'", "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, DECODE_SHORT},
        {"'boolean'", "\2", 1, DECODE_BOOLEAN},
        {"'boolean'", "", 0, DECODE_SHORT},
        {"'float'", "\0\0\0", 3, DECODE_SHORT},
        {"'double'", "\0\0\0\0\0\0\0", 7, DECODE_SHORT},
        {"{'type':'fixed','name':'F','size':3}", "ab", 2, DECODE_SHORT},
        {"{'type':'enum','name':'E','symbols':['A','B']}", "\4", 1, DECODE_BRANCH},
        {"{'type':'enum','name':'E','symbols':['A','B']}", "\1", 1, DECODE_BRANCH},
        {"['null','int']", "\4", 1, DECODE_BRANCH},
        {"['null','int']", "\3", 1, DECODE_BRANCH},
        {"['null','int']", "\x80\x80\x80\x80\x80\1", 6, DECODE_VARINT}, /* an index is an int */
        {"'null'", "\0", 1, DECODE_TRAILING},
        {"'int'", "\0\0", 2, DECODE_TRAILING},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char expected[128];
        snprintf(expected, sizeof expected, "error: %s", decode_error_str(cases[i].e));
        assert_string_equal(scalar(cases[i].type, cases[i].bytes, cases[i].len), expected);
        if (cases[i].e == DECODE_BOOLEAN || cases[i].e == DECODE_TRAILING) {
            continue; /* what is skipped is not looked into */
        }
        char record[256]; /* skipped */
        snprintf(record, sizeof record, RECORD(FIELD("a", "%s")), cases[i].type);
        assert_string_equal(decoding_same(record, "", cases[i].bytes, cases[i].len), expected);
    }
}

static void errors_have_texts(void **state) {
    (void)state;
    for (int e = 0; e < DECODE_ERRORS; e++) {
        for (int other = e; other <= DECODE_ERRORS; other++) {
            assert_true((e == other) == (strcmp(decode_error_str((enum decode_error)e),
                                                decode_error_str((enum decode_error)other)) == 0));
        }
    }
    assert_string_equal(decode_error_str(DECODE_SHORT), "bytes end inside a value");
}

#define SHORT  "error: bytes end inside a value"
#define LENGTH "error: impossible length or count"

static void counts_are_compared_with_the_bytes_that_remain(void **state) {
    (void)state;
    const char *array = ARRAY("'boolean'");
    const char *skipped = RECORD(FIELD("a", ARRAY("'boolean'")));
    static const struct {
        const char *bytes, *expected;
        size_t len;
    } cases[] = {
        {"\6\0\0", SHORT, 3},
        {"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\0", SHORT, 11},    /* 2^63 - 1 items */
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\0\0", LENGTH, 12}, /* -2^63: has no negative */
        {"\3\5\0\0\0", LENGTH, 5},                                    /* a size below 0 */
        {"\3\x0c\0\0\0", SHORT, 5},                                   /* a size beyond the end */
        {"\2", SHORT, 1},
        {"\3", SHORT, 1},
        {"\2\0", SHORT, 2}, /* no last block */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(decoding_same(array, "[]", cases[i].bytes, cases[i].len),
                            cases[i].expected);
        assert_string_equal(decoding_same(skipped, "", cases[i].bytes, cases[i].len),
                            cases[i].expected);
    }
}

static void a_block_whose_size_lies_is_refused_where_it_is_read(void **state) {
    (void)state;
    const char *array = ARRAY("'boolean'");
    assert_string_equal(decoding_same(array, "[]", BYTES("\3\2\0\0\0")), LENGTH); /* 2 take 2 */
    assert_string_equal(decoding_same(array, "[]", BYTES("\3\6\0\0\0\0")), LENGTH);
    assert_string_equal(decoding_same(array, "[]", BYTES("\3\4\0\0\0")),
                        "1:[ 1:false 1:[ 1:false 1:]");
    /* one that is skipped is jumped over by its size, right or wrong */
    const char *skipped = RECORD(FIELD("a", ARRAY("'long'")) "," FIELD("b", "'long'"));
    assert_string_equal(decoding_same(skipped, "b", BYTES("\3\6\xff\xff\xff\0\2")), "1:1");
}

static void items_without_bytes_are_skipped_at_once(void **state) {
    (void)state;
    const char *const null_fields = "{'type':'record','name':'E','fields':[{'name':'n','type':"
                                    "'null'},{'name':'f','type':{'type':'record','name':'G',"
                                    "'fields':[]}}]}";
    const char *const empties[] = {
        "'null'",
        "{'type':'fixed','name':'F','size':0}",
        "{'type':'record','name':'E','fields':[]}",
        null_fields,
    };
    for (size_t i = 0; i < sizeof empties / sizeof empties[0]; i++) {
        char schema[512]; /* 2^62 of them, then 1 */
        snprintf(schema, sizeof schema, RECORD(FIELD("a", ARRAY("%s")) "," FIELD("b", "'long'")),
                 empties[i]);
        assert_string_equal(
            decoding_same(schema, "b", BYTES("\x80\x80\x80\x80\x80\x80\x80\x80\x80\1\2\1\0\0\2")),
            "1:1");
    }
}

static void items_without_bytes_that_are_wanted_end_with_the_tape(void **state) {
    (void)state;
    const char *values = "error: too many values";
    const char *huge = "\x80\x80\x80\x80\x80\x80\x80\x80\x80\1\0";
    assert_string_equal(decoding_same(ARRAY("'null'"), "[]", huge, 11), values);
    assert_string_equal(
        decoding_same(ARRAY("{'type':'record','name':'E','fields':[]}"), "[]", huge, 11), values);
    assert_string_equal(decoding_same(ARRAY("'null'"), "[]", BYTES("\4\0")),
                        "1:[ 1:null 1:[ 1:null 1:]");
    assert_string_equal(decoding_same(ARRAY("'null'"), "[]", BYTES("\3\0\0")),
                        "1:[ 1:null 1:[ 1:null 1:]");
    assert_string_equal(decoding_same(ARRAY("'null'"), "[]", BYTES("\3\2\0\0")), LENGTH);
}

static void a_tape_holds_8192_values(void **state) {
    (void)state;
    static struct avro_bytes b;
    const char *schema = RECORD(FIELD("a", ARRAY("'boolean'")) "," FIELD("b", "['null','long']"));
    for (int n = TAPE_VALUES_MAX / 2 - 2; n <= TAPE_VALUES_MAX / 2; n++) {
        b.n = 0;
        avro_block(&b, n);
        for (int i = 0; i < n; i++) {
            avro_boolean(&b, true);
        }
        avro_end(&b);
        avro_branch(&b, 0);
        const char *text = decoding_same(schema, "a[] b", b.bytes, b.n);
        if (2 * n + 2 <= TAPE_VALUES_MAX) {
            assert_non_null(strstr(text, "1:] 2:null"));
        } else {
            assert_string_equal(text, "error: too many values");
        }
    }
}

/* n arrays, each in the next; the innermost has a long. */
static void nested(char *schema, size_t size, struct avro_bytes *b, int n) {
    size_t used = (size_t)snprintf(schema, size,
                                   "{'type':'record','name':'R','fields':["
                                   "{'name':'a','type':");
    for (int i = 0; i < n; i++) {
        used += (size_t)snprintf(schema + used, size - used, "{'type':'array','items':");
    }
    used += (size_t)snprintf(schema + used, size - used, "'long'");
    for (int i = 0; i < n; i++) {
        used += (size_t)snprintf(schema + used, size - used, "}");
    }
    snprintf(schema + used, size - used, "}]}");
    b->n = 0;
    for (int i = 0; i < n; i++) {
        avro_block(b, 1);
    }
    avro_long(b, 7);
    for (int i = 0; i < n; i++) {
        avro_end(b);
    }
}

static void arrays_nest_to_depth_32(void **state) {
    (void)state;
    static char schema[8192];
    static struct avro_bytes b;
    char path[128] = "a";
    for (int i = 0; i < DECODE_DEPTH_MAX; i++) {
        memcpy(path + 1 + 2 * (size_t)i, "[]", 3);
    }
    nested(schema, sizeof schema, &b, DECODE_DEPTH_MAX);
    assert_string_equal(decoding_same(schema, "", b.bytes, b.n), "");
    assert_non_null(strstr(decoding_same(schema, path, b.bytes, b.n), "1:[ 1:7 1:] 0:]"));
    nested(schema, sizeof schema, &b, DECODE_DEPTH_MAX + 1);
    memcpy(path + 1 + 2 * (size_t)DECODE_DEPTH_MAX, "[]", 3);
    assert_string_equal(decoding_same(schema, "", b.bytes, b.n), "error: nested too deeply");
    assert_string_equal(decoding_same(schema, path, b.bytes, b.n), "error: nested too deeply");
}

/* ---- skipping -------------------------------------------------------------------------- */

#define TREE                                                                                       \
    "{'type':'record','name':'Tree','fields':[{'name':'v','type':'int'},"                          \
    "{'name':'next','type':['null','Tree']},{'name':'kids','type':{'type':'array',"                \
    "'items':'Tree'}}]}"

static void recursive_types_are_skipped(void **state) {
    (void)state;
    const char *schema = RECORD(FIELD("tree", TREE) "," FIELD("b", "'long'"));
    assert_string_equal(decoding_same(schema, "b", BYTES("\2\0\0\x0e")), "1:7");
    assert_string_equal(decoding_same(schema, "b", BYTES("\2\2\4\0\0\2\2\0\0\0\x0e")), "1:7");
    static struct avro_bytes b;
    for (int depth = DECODE_DEPTH_MAX - 1; depth <= DECODE_DEPTH_MAX; depth++) {
        b.n = 0;
        for (int i = 0; i < depth; i++) {
            avro_long(&b, 1);
            avro_branch(&b, 1);
        }
        avro_long(&b, 1);
        avro_branch(&b, 0);
        for (int i = 0; i <= depth; i++) {
            avro_end(&b);
        }
        avro_long(&b, 7);
        assert_string_equal(decoding_same(schema, "b", b.bytes, b.n),
                            depth < DECODE_DEPTH_MAX ? "1:7" : "error: nested too deeply");
    }
}

static void a_recursive_type_is_read_as_deep_as_its_path(void **state) {
    (void)state;
    const char *schema = RECORD(FIELD("tree", TREE));
    assert_string_equal(decoding_same(schema, "tree.v tree.next.v tree.kids[].v tree.next.next.v",
                                      BYTES("\2\2\4\0\0\4\6\0\0\x08\0\0\0")),
                        "1:1 2:2 0:[ 3:3 0:[ 3:4 0:]");
    assert_string_equal(
        decoding_same(TREE, "next.next.next.v", BYTES("\2\2\2\2\2\2\x12\0\0\0\0\0")), "1:9");
}

static void every_type_is_skipped(void **state) {
    (void)state;
    const char *schema =
        "{'type':'record','name':'R','fields':["
        "{'name':'a','type':'null'},{'name':'b','type':'boolean'},{'name':'c','type':'int'},"
        "{'name':'d','type':'long'},{'name':'e','type':'float'},{'name':'f','type':'double'},"
        "{'name':'g','type':'bytes'},{'name':'h','type':'string'},"
        "{'name':'i','type':{'type':'fixed','name':'F','size':2}},"
        "{'name':'j','type':{'type':'enum','name':'E','symbols':['A']}},"
        "{'name':'k','type':{'type':'map','values':'int'}},"
        "{'name':'l','type':['null','string']},"
        "{'name':'m','type':{'type':'array','items':'string'}},"
        "{'name':'z','type':'long'}]}";
    static struct avro_bytes b;
    b.n = 0;
    avro_boolean(&b, true);
    avro_long(&b, 64);
    avro_long(&b, INT64_MIN);
    avro_float(&b, 1.5F);
    avro_double(&b, 2.5);
    avro_data(&b, "\0\0", 2);
    avro_text(&b, "s");
    avro_raw(&b, "FF", 2);
    avro_long(&b, 0);
    avro_block(&b, 1);
    avro_text(&b, "k");
    avro_long(&b, 64);
    avro_end(&b);
    avro_branch(&b, 1);
    avro_text(&b, "u");
    avro_block(&b, 1);
    avro_text(&b, "a");
    avro_sized_block(&b, 2, 4);
    avro_text(&b, "b");
    avro_text(&b, "c");
    avro_end(&b);
    avro_long(&b, 7);
    assert_string_equal(decoding_same(schema, "z", b.bytes, b.n), "1:7");
}

/* ---- the contract ---------------------------------------------------------------------- */

static struct schema *parsed(const char *json) {
    struct schema *s = NULL;
    char err[256] = "";
    assert_int_equal(schema_parse(json, strlen(json), &s, err, sizeof err), ST_OK);
    return s;
}

static void texts_are_views_into_the_body_or_the_readers_schema(void **state) {
    (void)state;
    struct schema *w = parsed("{\"type\":\"record\",\"name\":\"R\",\"fields\":["
                              "{\"name\":\"a\",\"type\":\"string\"}]}");
    struct schema *r = parsed("{\"type\":\"record\",\"name\":\"R\",\"fields\":["
                              "{\"name\":\"a\",\"type\":\"string\"},"
                              "{\"name\":\"b\",\"type\":\"string\",\"default\":\"xyz\"}]}");
    const struct want wants[] = {{"a", 7}, {"b", 65535}};
    const struct decoder_spec spec = {.writer = w, .reader = r, .wants = wants, .n_wants = 2};
    struct decoder *d = NULL;
    char err[256];
    static struct tape t;
    assert_int_equal(decoder_new(&spec, &d, err, sizeof err), ST_OK);
    schema_free(w); /* need not outlive it */
    const uint8_t body[] = {4, 'a', 'b'};
    assert_int_equal(decode(d, body, sizeof body, &t), DECODE_OK);
    assert_int_equal(t.n, 2);
    assert_ptr_equal(t.values[0].text, body + 1);
    assert_int_equal(t.values[0].len, 2);
    assert_int_equal(t.values[0].tag, 7);
    assert_ptr_equal(t.values[1].text, json_text(r->nodes[0].fields[1].fallback, NULL));
    assert_int_equal(t.values[1].tag, 65535);
    decoder_free(d);
    schema_free(r);
    decoder_free(NULL);
}

static void without_memory_there_is_no_decoder(void **state) {
    (void)state;
    if (!CAN_FAIL) {
        skip();
    }
    const char *json =
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":["
        "{\"name\":\"a\",\"type\":{\"type\":\"map\",\"values\":\"string\"}},"
        "{\"name\":\"c\",\"type\":{\"type\":\"record\",\"name\":\"S\",\"fields\":[]}},"
        "{\"name\":\"d\",\"type\":[\"null\",\"string\"]}]}";
    const char *with_default = "{\"type\":\"record\",\"name\":\"R\",\"fields\":["
                               "{\"name\":\"a\",\"type\":{\"type\":\"map\",\"values\":\"string\"}},"
                               "{\"name\":\"b\",\"type\":\"bytes\",\"default\":\"\\u00ff\"},"
                               "{\"name\":\"d\",\"type\":[\"null\",\"string\"]}]}";
    struct schema *w = parsed(json);
    struct schema *r = parsed(with_default);
    const struct want wants[] = {{"a.k", 1}, {"b", 2}, {"d", 3}};
    const struct decoder_spec spec = {.writer = w, .reader = r, .wants = wants, .n_wants = 3};
    static char nothing;
    struct decoder *const untouched = (struct decoder *)(void *)&nothing;
    struct decoder *d = untouched;
    enum status st = ST_NOMEM;
    int n = 0;
    for (; st == ST_NOMEM && n < 100; n++) {
        char err[256] = "";
        fail_after(n);
        st = decoder_new(&spec, &d, err, sizeof err);
        fail_after(-1);
        if (st == ST_NOMEM) {
            assert_string_equal(err, "out of memory");
            assert_ptr_equal(d, untouched);
        }
    }
    assert_int_equal(st, ST_OK);
    assert_in_range(n, 9, 99);
    decoder_free(d);
    schema_free(w);
    schema_free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_is_read_as_the_specification_writes_it),
        cmocka_unit_test(numbers_are_zigzag_varints),
        cmocka_unit_test(a_number_of_every_length_is_read_the_same_anywhere),
        cmocka_unit_test(arrays_and_maps_are_blocks),
        cmocka_unit_test(every_error_has_its_bytes),
        cmocka_unit_test(errors_have_texts),
        cmocka_unit_test(counts_are_compared_with_the_bytes_that_remain),
        cmocka_unit_test(a_block_whose_size_lies_is_refused_where_it_is_read),
        cmocka_unit_test(items_without_bytes_are_skipped_at_once),
        cmocka_unit_test(items_without_bytes_that_are_wanted_end_with_the_tape),
        cmocka_unit_test(a_tape_holds_8192_values),
        cmocka_unit_test(arrays_nest_to_depth_32),
        cmocka_unit_test(recursive_types_are_skipped),
        cmocka_unit_test(a_recursive_type_is_read_as_deep_as_its_path),
        cmocka_unit_test(every_type_is_skipped),
        cmocka_unit_test(texts_are_views_into_the_body_or_the_readers_schema),
        cmocka_unit_test(without_memory_there_is_no_decoder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
