/* SPDX-License-Identifier: Apache-2.0
 *
 * test_resolve.c -- a writer's schema read as a reader's: each rule of the specification
 * ("Schema Resolution", "Aliases", "Schema Declaration") once, and what a writer that cannot be
 * read is told. All pairs of types, by three other implementations: tests/avro.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "decoding.h"

#define NAMED(name, fields) "{'type':'record','name':'" name "','fields':[" fields "]}"
#define R(fields)           NAMED("R", fields)
#define ENUM(name, symbols) "{'type':'enum','name':'" name "','symbols':[" symbols "]}"
#define FIXED(name, size)   "{'type':'fixed','name':'" name "','size':" size "}"

/* ---- types ----------------------------------------------------------------------------- */

static void numbers_are_promoted_to_the_right(void **state) {
    (void)state;
    static const char *const types[] = {"'int'", "'long'", "'float'", "'double'"};
    static const char *const values[] = {"1:-3", "1:-3", "1:-3d", "1:-3d"};
    static const char *const bytes[] = {"\5", "\5", "\0\0\x40\xc0", "\0\0\0\0\0\0\x08\xc0"};
    static const size_t lengths[] = {1, 1, 4, 8};
    for (int w = 0; w < 4; w++) {
        for (int r = 0; r < 4; r++) {
            char why[128];
            snprintf(why, sizeof why, "refused: %.*s, needs %.*s", (int)strlen(types[w]) - 2,
                     types[w] + 1, (int)strlen(types[r]) - 2, types[r] + 1);
            assert_string_equal(decoding(types[w], types[r], ".", bytes[w], lengths[w]),
                                w <= r ? values[r] : why);
        }
    }
}

static void what_is_read_as_a_float_is_rounded_to_one(void **state) {
    (void)state;
    const char *bytes = "\x82\x80\x80\x10"; /* 2^24 + 1 */
    assert_string_equal(decoding("'int'", "'float'", ".", bytes, 4), "1:16777216d");
    assert_string_equal(decoding("'long'", "'float'", ".", bytes, 4), "1:16777216d");
    assert_string_equal(decoding("'int'", "'double'", ".", bytes, 4), "1:16777217d");
    assert_string_equal(decoding("'long'", "'double'", ".", bytes, 4), "1:16777217d");
    assert_string_equal(decoding("'float'", "'double'", ".", BYTES("\xcd\xcc\xcc\x3d")),
                        "1:0.10000000149011612d");
    /* an int stays in its range whatever it is read as */
    assert_string_equal(decoding("'int'", "'double'", ".", BYTES("\x80\x80\x80\x80\x10")),
                        "error: number longer than its type");
    assert_string_equal(decoding("'long'", "'double'", ".", BYTES("\x80\x80\x80\x80\x10")),
                        "1:2147483648d");
}

static void strings_and_bytes_are_each_other(void **state) {
    (void)state;
    assert_string_equal(decoding("'string'", "'bytes'", ".", BYTES("\2x")), "1:\"x\"");
    assert_string_equal(decoding("'bytes'", "'string'", ".", BYTES("\2\xff")), "1:\"\\xff\"");
    assert_string_equal(decoding(FIXED("F", "1"), "'bytes'", ".", BYTES("x")),
                        "refused: fixed F of 1 bytes, needs bytes");
}

static void other_types_do_not_match(void **state) {
    (void)state;
    assert_string_equal(decoding("'boolean'", "'int'", ".", BYTES("\1")),
                        "refused: boolean, needs int");
    assert_string_equal(decoding("'null'", "'string'", ".", BYTES("")),
                        "refused: null, needs string");
    assert_string_equal(decoding(ENUM("E", "'A'"), "'string'", ".", BYTES("\0")),
                        "refused: enum E, needs string");
    assert_string_equal(decoding("{'type':'array','items':'int'}", "{'type':'map','values':'int'}",
                                 "{}", BYTES("\0")),
                        "refused: array of int, needs map of int");
    assert_string_equal(decoding(R("{'name':'ts','type':'string'}"),
                                 R("{'name':'ts','type':'long'}"), "ts", BYTES("\0")),
                        "refused: ts: string, needs long");
    assert_string_equal(decoding("{'type':'array','items':'string'}",
                                 "{'type':'array','items':'int'}", "[]", BYTES("\0")),
                        "refused: []: string, needs int");
}

static void a_fixed_needs_its_name_and_its_size(void **state) {
    (void)state;
    assert_string_equal(decoding(FIXED("a.F", "2"), FIXED("b.F", "2"), ".", BYTES("xy")),
                        "1:\"xy\"");
    assert_string_equal(decoding(FIXED("F", "2"), FIXED("F", "3"), ".", BYTES("xy")),
                        "refused: fixed F of 2 bytes, needs fixed F of 3 bytes");
    assert_string_equal(decoding(FIXED("F", "2"), FIXED("G", "2"), ".", BYTES("xy")),
                        "refused: fixed F of 2 bytes, needs fixed G of 2 bytes");
    assert_string_equal(decoding(FIXED("F", "2"),
                                 "{'type':'fixed','name':'G','size':2,'aliases':['F']}", ".",
                                 BYTES("xy")),
                        "1:\"xy\"");
}

static void enums_are_read_by_symbol(void **state) {
    (void)state;
    const char *w = ENUM("E", "'A','B','C'");
    assert_string_equal(decoding(w, ENUM("E", "'C','A'"), ".", BYTES("\0")), "1:A");
    assert_string_equal(decoding(w, ENUM("E", "'C','A'"), ".", BYTES("\4")), "1:C");
    assert_string_equal(decoding(w, ENUM("E", "'C','A'"), ".", BYTES("\2")),
                        "error: enum symbol that the reader does not know");
    const char *with_default =
        "{'type':'enum','name':'x.E','symbols':['A','OTHER'],'default':'OTHER'}";
    assert_string_equal(decoding(w, with_default, ".", BYTES("\2")), "1:OTHER");
    assert_string_equal(decoding(w, with_default, ".", BYTES("\0")), "1:A");
    assert_string_equal(decoding(w, with_default, ".", BYTES("\6")),
                        "error: union branch or enum symbol that does not exist");
    /* the writer's default is nothing to the reader */
    assert_string_equal(decoding("{'type':'enum','name':'E','symbols':['A','B'],'default':'B'}",
                                 ENUM("E", "'B'"), ".", BYTES("\0")),
                        "error: enum symbol that the reader does not know");
    assert_string_equal(decoding(w, ENUM("F", "'A'"), ".", BYTES("\0")),
                        "refused: enum E, needs enum F");
    assert_string_equal(
        decoding(w, "{'type':'enum','name':'F','symbols':['A'],'aliases':['E']}", ".", BYTES("\0")),
        "1:A");
}

static void arrays_and_maps_are_resolved_item_by_item(void **state) {
    (void)state;
    assert_string_equal(decoding("{'type':'array','items':'int'}",
                                 "{'type':'array','items':'double'}", "[]", BYTES("\2\2\0")),
                        "1:[ 1:1d 1:]");
    assert_string_equal(decoding("{'type':'map','values':['null','int']}",
                                 "{'type':'map','values':['double','null']}", "{}",
                                 BYTES("\4\2a\2\2\2b\0\0")),
                        "1:{a 1:1d 1:{b 1:null 1:]");
}

/* ---- records --------------------------------------------------------------------------- */

static void fields_are_found_by_name_wherever_they_stand(void **state) {
    (void)state;
    assert_string_equal(
        decoding(R("{'name':'x','type':'string'},{'name':'b','type':'int'},"
                   "{'name':'y','type':['null','double']},{'name':'a','type':'string'}"),
                 R("{'name':'a','type':'string'},{'name':'b','type':'long'}"), "a b",
                 BYTES("\2x\2\0\2a")),
        "2:1 1:\"a\"");
}

static void a_field_that_the_writer_lacks_takes_the_readers_default(void **state) {
    (void)state;
    const char *r = R("{'name':'a','type':'int','default':7},{'name':'b','type':'string'},"
                      "{'name':'c','type':'string','default':'cc'},{'name':'d','type':'int'}");
    const char *w = R("{'name':'b','type':'string'}");
    assert_string_equal(decoding(w, r, "c a b", BYTES("\2x")), "3:\"x\" 2:7 1:\"cc\"");
    assert_string_equal(decoding(w, r, "b", BYTES("\2x")), "1:\"x\""); /* d is not wanted */
    assert_string_equal(decoding(w, r, "b d", BYTES("\2x")),
                        "refused: d: not in the writer's schema, and the reader's has no default");
}

static void fields_are_found_by_the_readers_aliases(void **state) {
    (void)state;
    const char *r = R("{'name':'id','type':'int','aliases':['old','older']},"
                      "{'name':'n','type':'int','default':0,'aliases':['m']},"
                      "{'name':'m','type':'int','default':1}");
    assert_string_equal(decoding(R("{'name':'older','type':'int'}"), r, "id", BYTES("\2")), "1:1");
    assert_string_equal(decoding(R("{'name':'older','type':'int'},{'name':'old','type':'int'}"), r,
                                 "id", BYTES("\2\4")),
                        "1:2"); /* the first alias */
    assert_string_equal(decoding(R("{'name':'old','type':'int'},{'name':'id','type':'int'}"), r,
                                 "id", BYTES("\2\4")),
                        "1:2"); /* the name itself */
    assert_string_equal(decoding(R("{'name':'id','type':'int'},{'name':'m','type':'int'}"), r,
                                 "n m", BYTES("\2\4")),
                        "2:2 1:0"); /* m is the reader's m, not its n */
    assert_string_equal(decoding("{'type':'record','name':'R','fields':[{'name':'new','type':"
                                 "'int','aliases':['id']}]}",
                                 R("{'name':'id','type':'int','default':9}"), "id", BYTES("\2")),
                        "1:9"); /* a writer's alias is nothing */
    assert_string_equal(decoding(R("{'name':'x','type':'int'}"),
                                 R("{'name':'a','type':'int','default':1,'aliases':['x']},"
                                   "{'name':'b','type':'int','default':2,'aliases':['x']}"),
                                 "b a", BYTES("\x0e")),
                        "2:7 1:2"); /* two claim it: the first has it */
}

static void records_match_by_unqualified_name_or_alias(void **state) {
    (void)state;
    const char *w = NAMED("a.Old", "{'name':'x','type':'int'}");
    assert_string_equal(decoding(w, NAMED("b.Old", "{'name':'x','type':'int'}"), "x", BYTES("\2")),
                        "1:1");
    assert_string_equal(decoding(w, NAMED("a.New", "{'name':'x','type':'int'}"), "x", BYTES("\2")),
                        "refused: record a.Old, needs record a.New");
    const char *aliased = "{'type':'record','name':'a.New','aliases':['Old'],'fields':["
                          "{'name':'x','type':'int'}]}"; /* in the namespace a */
    assert_string_equal(decoding(w, aliased, "x", BYTES("\2")), "1:1");
    assert_string_equal(
        decoding(NAMED("b.Old", "{'name':'x','type':'int'}"), aliased, "x", BYTES("\2")),
        "refused: record b.Old, needs record a.New");
    assert_string_equal(
        decoding(R("{'name':'p','type':" NAMED("A", "{'name':'x','type':'int'}") "}"),
                 R("{'name':'p','type':" NAMED("B", "{'name':'x','type':'int'}") "}"), "p.x",
                 BYTES("\2")),
        "refused: p: record A, needs record B");
}

static void the_roots_names_need_not_match_if_so_asked(void **state) {
    (void)state;
    const char *w = "{'type':'record','name':'A','fields':[{'name':'x','type':'int'},"
                    "{'name':'next','type':['null','A']}]}";
    const char *r = "{'type':'record','name':'B','fields':[{'name':'x','type':'int'},"
                    "{'name':'next','type':['null','B']}]}";
    assert_string_equal(decoding(w, r, "x", BYTES("\2\0")), "refused: record A, needs record B");
    assert_string_equal(decoding_any_root(w, r, "x next.x", BYTES("\2\2\4\0")), "1:1 2:2");
    assert_string_equal(
        decoding_any_root(NAMED("A", "{'name':'p','type':" NAMED("C", "") "}"),
                          NAMED("B", "{'name':'p','type':" NAMED(
                                         "D", "{'name':'x','type':'int','default':1}") "}"),
                          "p.x", BYTES("")),
        "refused: p: record C, needs record D"); /* roots alone */
    assert_string_equal(decoding_any_root("'int'", "'string'", ".", BYTES("\2")),
                        "refused: int, needs string");
}

/* ---- unions ---------------------------------------------------------------------------- */

static void unions_are_widened_narrowed_and_made_plain(void **state) {
    (void)state;
    assert_string_equal(decoding("'int'", "['null','int']", ".", BYTES("\2")), "1:1");
    assert_string_equal(decoding("['null','int']", "'long'", ".", BYTES("\2\2")), "1:1");
    assert_string_equal(decoding("['null','int']", "'long'", ".", BYTES("\0")),
                        "error: union branch that the reader cannot read");
    assert_string_equal(decoding("['null','int']", "['string','int','null']", ".", BYTES("\0")),
                        "1:null");
    assert_string_equal(decoding("['null','int','string']", "['null','int']", ".", BYTES("\2\2")),
                        "1:1");
    assert_string_equal(decoding("['null','int','string']", "['null','int']", ".", BYTES("\4\0")),
                        "error: union branch that the reader cannot read");
    assert_string_equal(decoding("'string'", "['null','int']", ".", BYTES("\0")),
                        "refused: string, needs union of null, int");
}

static void the_first_branch_that_matches_is_taken(void **state) {
    (void)state;
    assert_string_equal(decoding("'int'", "['double','long']", ".", BYTES("\2")), "1:1d");
    assert_string_equal(decoding("'int'", "['long','double']", ".", BYTES("\2")), "1:1");
    assert_string_equal(decoding("'int'", "['double','int']", ".", BYTES("\2")), "1:1d");
    assert_string_equal(decoding("['null','int']", "['string','double','int']", ".", BYTES("\2\2")),
                        "1:1d");
    assert_string_equal(decoding_same("['double','int']", ".", BYTES("\2\2")), "1:1d");
    const char *two = "[" NAMED("a.T", "{'name':'x','type':'int','default':0}") "," NAMED(
        "b.T", "{'name':'x','type':'int'}") "]";
    assert_string_equal(
        decoding(NAMED("b.T", "{'name':'x','type':'int'}"), two, "a.T.x b.T.x", BYTES("\2")),
        "1:1"); /* the full name is no better */
    assert_string_equal(
        decoding(NAMED("c.T", "{'name':'x','type':'int'}"), two, "a.T.x b.T.x", BYTES("\2")),
        "1:1");
}

static void each_branch_of_the_writers_is_resolved_by_itself(void **state) {
    (void)state;
    const char *w = "{'type':'record','name':'R','fields':[{'name':'p','type':['null',"
                    "{'type':'record','name':'A','fields':[{'name':'x','type':'int'}]},"
                    "{'type':'record','name':'B','fields':[{'name':'x','type':'string'}]},"
                    "{'type':'record','name':'C','fields':[{'name':'y','type':'string'}]}]}]}";
    const char *r = "{'type':'record','name':'R','fields':[{'name':'p','type':['null',"
                    "{'type':'record','name':'A','fields':[{'name':'x','type':'double'}]},"
                    "{'type':'record','name':'B','fields':[{'name':'x','type':'int'}]}]}]}";
    assert_string_equal(decoding(w, r, "p.A.x", BYTES("\0")), "");
    assert_string_equal(decoding(w, r, "p.A.x", BYTES("\2\2")), "1:1d");
    assert_string_equal(decoding(w, r, "p.A.x", BYTES("\4\2s")), ""); /* not wanted: skipped */
    assert_string_equal(decoding(w, r, "p.A.x p.B.x", BYTES("\4\2s")),
                        "error: union branch that the reader cannot read");
    assert_string_equal(decoding(w, r, "p.A.x", BYTES("\6\2s")),
                        "error: union branch that the reader cannot read");
}

static void a_union_of_which_nothing_can_be_read_is_an_error_of_the_event(void **state) {
    (void)state;
    const char *error = "error: union branch that the reader cannot read";
    assert_string_equal(decoding("['null','string']", "'int'", ".", BYTES("\0")), error);
    assert_string_equal(decoding("['null','string']", "'int'", ".", BYTES("\2\2x")), error);
    assert_string_equal(decoding("['null','string']", "['int','double']", ".", BYTES("\0")), error);
    assert_string_equal(decoding("['null','string']", "'int'", ".", BYTES("\4")),
                        "error: union branch or enum symbol that does not exist");
    const char *w =
        R("{'name':'l','type':{'type':'array','items':['null','string']}},"
          "{'name':'p','type':['null'," NAMED("P", "{'name':'u','type':['string','bytes']}") "]}");
    const char *r = R("{'name':'l','type':{'type':'array','items':'int'}},"
                      "{'name':'p','type':['null'," NAMED("P", "{'name':'u','type':'int'}") "]}");
    assert_string_equal(decoding(w, r, "l[] p.u", BYTES("\0\0")), "1:]");
    assert_string_equal(decoding(w, r, "l[] p.u", BYTES("\2\0\0\0")), error);
    assert_string_equal(decoding(w, r, "l[] p.u", BYTES("\0\2\0\2x")), error);
}

#define STRINGS           "['null','string']"
#define FIELD(name, type) "{'name':'" name "','type':" type "}"
#define ARRAY(type)       "{'type':'array','items':" type "}"
#define MAP(type)         "{'type':'map','values':" type "}"

static void a_writer_none_of_whose_events_can_be_read_is_named(void **state) {
    (void)state;
    assert_string_equal(decoding_unreadable(STRINGS, "'int'", "."), "string, needs int");
    assert_string_equal(decoding_unreadable("['string','null']", "'int'", "."),
                        "string, needs int");
    assert_string_equal(decoding_unreadable("['null']", "'int'", "."), "null, needs int");
    assert_string_equal(decoding_unreadable("['boolean','string']", "['int','null']", "."),
                        "boolean, needs union of int, null");
    assert_string_equal(decoding_unreadable(R(FIELD("a", STRINGS) "," FIELD("b", "'int'")),
                                            R(FIELD("a", "'int'") "," FIELD("b", "'int'")), "a"),
                        "a: string, needs int");
    /* what is wrong lies in the only branch but null, and null will not do */
    assert_string_equal(
        decoding_unreadable(R(FIELD("p", "['null'," NAMED("A", FIELD("x", "'int'")) "]")),
                            R(FIELD("p", NAMED("A", FIELD("z", "'int'")))), "p.z"),
        "p.z: not in the writer's schema, and the reader's has no default");
    assert_string_equal(
        decoding_unreadable(R(FIELD("p", "['null'," NAMED("A", FIELD("x", STRINGS)) "]")),
                            R(FIELD("p", NAMED("A", FIELD("x", "'int'")))), "p.x"),
        "p.x: string, needs int");
}

static void a_writer_some_of_whose_events_can_be_read_is_not(void **state) {
    (void)state;
    assert_string_equal(decoding_unreadable(STRINGS, "'string'", "."), "");
    assert_string_equal(decoding_unreadable("['string','null']", "['null','int']", "."), "");
    assert_string_equal(decoding_unreadable("['string','int']", "'int'", "."), "");
    assert_string_equal(decoding_unreadable(R(FIELD("a", STRINGS) "," FIELD("b", "'int'")),
                                            R(FIELD("a", "'int'") "," FIELD("b", "'int'")), "b"),
                        ""); /* it is not wanted */
    assert_string_equal(decoding_unreadable(ARRAY(STRINGS), ARRAY("'int'"), "[]"), "");
    assert_string_equal(decoding_unreadable(MAP(STRINGS), MAP("'int'"), "{}"), "");
    assert_string_equal(decoding_unreadable(MAP(STRINGS), MAP("'int'"), "key"), "");
    assert_string_equal(
        decoding_unreadable(R(FIELD("p", "['null'," NAMED("A", FIELD("x", STRINGS)) "]")),
                            R(FIELD("p", "['null'," NAMED("A", FIELD("x", "'int'")) "]")), "p.x"),
        "");
}

static void the_first_reason_is_kept_whatever_comes_after_it(void **state) {
    (void)state;
    const char *w = R(FIELD("a", STRINGS) "," FIELD("l", ARRAY(STRINGS)) "," FIELD(
        "b", "['int','null']") "," FIELD("c", "['boolean']"));
    const char *r = R(FIELD("a", "'int'") "," FIELD("l", ARRAY("'int'")) "," FIELD(
        "b", "'int'") "," FIELD("c", "'int'"));
    const char *const paths[] = {"a", "l[]", "b", "c"};
    const char *const why[] = {"a: string, needs int", "", "", "c: boolean, needs int"};
    for (int i = 0; i < 4; i++) {
        assert_string_equal(decoding_unreadable(w, r, paths[i]), why[i]);
    }
    assert_string_equal(decoding_unreadable(w, r, "a l[] b c"), "a: string, needs int");
    assert_string_equal(decoding_unreadable(w, r, "l[] b c"), "c: boolean, needs int");
}

static void what_follows_a_branch_that_was_taken_back_is_read_right(void **state) {
    (void)state;
    /* the second branch fails only after a union, an array and an enum were written */
    const char *head = "{'name':'u','type':['null','int']},{'name':'e','type':" ENUM(
        "E", "'A','B'") "},{'name':'l','type':{'type':'array','items':['null','int']}},";
    char w[2048];
    char r[2048];
    snprintf(w, sizeof w,
             "{'type':'record','name':'R','fields':[{'name':'p','type':["
             "{'type':'record','name':'x.A','fields':[{'name':'u','type':'int'}]},"
             "{'type':'record','name':'y.A','fields':[%s{'name':'z','type':'string'}]},'null']},"
             "{'name':'q','type':['null','string']}]}",
             head);
    snprintf(r, sizeof r,
             "{'type':'record','name':'R','fields':[{'name':'p','type':['null',"
             "{'type':'record','name':'A','fields':[{'name':'u','type':['int','null']},"
             "{'name':'e','type':%s,'default':'B'},{'name':'l','default':[],'type':"
             "{'type':'array','items':['int','null']}},{'name':'z','type':'int','default':3}]}]},"
             "{'name':'q','type':['string','null']}]}",
             ENUM("E", "'B','A'"));
    const char *paths = "p.u p.e p.l[] p.z q";
    assert_string_equal(decoding(w, r, paths, BYTES("\0\2\2\2q")), "1:1 2:B 3:] 4:3 5:\"q\"");
    assert_string_equal(decoding(w, r, paths, BYTES("\2\0\0\0\0\0")),
                        "error: union branch that the reader cannot read");
    assert_string_equal(decoding(w, r, paths, BYTES("\4\2\2q")), "5:\"q\"");
}

/* ---- defaults -------------------------------------------------------------------------- */

static const char *fallback(const char *type, const char *json, const char *paths) {
    char reader[2048];
    snprintf(reader, sizeof reader, R("{'name':'a','type':%s,'default':%s}"), type, json);
    return decoding(R(""), reader, paths, BYTES(""));
}

static void every_type_has_defaults(void **state) {
    (void)state;
    assert_string_equal(fallback("'null'", "null", "a"), "1:null");
    assert_string_equal(fallback("'boolean'", "true", "a"), "1:true");
    assert_string_equal(fallback("'int'", "-5", "a"), "1:-5");
    assert_string_equal(fallback("'long'", "9223372036854775807", "a"), "1:9223372036854775807");
    assert_string_equal(fallback("'float'", "0.1", "a"), "1:0.10000000149011612d");
    assert_string_equal(fallback("'float'", "1", "a"), "1:1d");
    assert_string_equal(fallback("'double'", "0.1", "a"), "1:0.10000000000000001d");
    assert_string_equal(fallback("'double'", "2", "a"), "1:2d");
    assert_string_equal(fallback("'string'", "'a\\u00e9'", "a"), "1:\"a\\xc3\\xa9\"");
    assert_string_equal(fallback("'bytes'", "'a\\u00e9\\u0000\\u00ff\\u007f\\u0080'", "a"),
                        "1:\"a\\xe9\\x00\\xff\\x7f\\x80\"");
    assert_string_equal(fallback("'bytes'", "''", "a"), "1:\"\"");
    assert_string_equal(fallback(FIXED("F", "2"), "'\\u0001\\u00c0'", "a"), "1:\"\\x01\\xc0\"");
    assert_string_equal(fallback(ENUM("E", "'A','B'"), "'B'", "a"), "1:B");
    assert_string_equal(fallback("['null','int']", "null", "a"), "1:null");
    assert_string_equal(fallback("['int','null']", "4", "a"), "1:4");
    assert_string_equal(fallback("{'type':'array','items':'int'}", "[1,2]", "a[]"),
                        "1:[ 1:1 1:[ 1:2 1:]");
    assert_string_equal(fallback("{'type':'array','items':'int'}", "[]", "a[]"), "1:]");
    assert_string_equal(fallback("{'type':'map','values':'string'}", "{'x':'1','y':'2'}", "a{}"),
                        "1:{x 1:\"1\" 1:{y 1:\"2\" 1:]");
    assert_string_equal(
        fallback("{'type':'map','values':'string'}", "{'x':'1','y':'2'}", "a.y a.z"),
        "0:{y 1:\"2\" 0:]");
}

static void defaults_have_what_is_wanted_of_nested_records(void **state) {
    (void)state;
    const char *type = "{'type':'record','name':'P','fields':[{'name':'id','type':'int'},"
                       "{'name':'c','type':['null',{'type':'record','name':'C','fields':["
                       "{'name':'n','type':'string'}]}],'default':null},"
                       "{'name':'q','type':'double','default':1}]}";
    assert_string_equal(fallback(type, "{'id':5,'c':null}", "a.id a.q a.c.n"), "1:5 2:1d");
    assert_string_equal(fallback(type, "{'id':5,'q':2.5,'c':null}", "a.q"), "1:2.5d");
    const char *lines = "{'type':'array','items':" NAMED(
        "L", "{'name':'id','type':'string'},{'name':'tags','type':{'type':'map','values':'int'},"
             "'default':{'t':1}}") "}";
    assert_string_equal(
        fallback(lines, "[{'id':'x'},{'id':'y','tags':{}}]", "a[] a[].id a[].tags{}"),
        "1:[ 2:\"x\" 3:{t 3:1 3:] 1:[ 2:\"y\" 3:] 1:]");
    const char *union_of_records = "[" NAMED("A", "{'name':'x','type':'int'}") "," NAMED(
        "B", "{'name':'y','type':'int'}") ",'null']";
    assert_string_equal(fallback(union_of_records, "{'x':3}", "a.A.x a.B.y"), "1:3");
}

static void defaults_come_at_the_end_of_their_record(void **state) {
    (void)state;
    const char *w = "{'type':'record','name':'R','fields':[{'name':'l','type':{'type':'array',"
                    "'items':{'type':'record','name':'L','fields':[{'name':'x','type':'int'}]}}},"
                    "{'name':'z','type':'int'}]}";
    const char *r = "{'type':'record','name':'R','fields':[{'name':'b','type':'int','default':8},"
                    "{'name':'l','type':{'type':'array','items':{'type':'record','name':'L',"
                    "'fields':[{'name':'q','type':'int','default':9},{'name':'x','type':'int'}"
                    "]}}},{'name':'z','type':'int'}]}";
    assert_string_equal(decoding(w, r, "b l[].q l[].x z", BYTES("\4\2\4\0\6")),
                        "0:[ 3:1 2:9 0:[ 3:2 2:9 0:] 4:3 1:8");
}

static void a_default_longer_than_the_tape_is_an_error_of_the_event(void **state) {
    (void)state;
    static char json[40000] = "[1";
    for (size_t n = 2; n < 2 * 5000; n += 2) {
        memcpy(json + n, ",1", 3);
    }
    strcat(json, "]");
    static char reader[41000];
    snprintf(reader, sizeof reader,
             R("{'name':'a','type':{'type':'array','items':'int'},'default':%s}"), json);
    assert_string_equal(decoding(R(""), reader, "a[]", BYTES("")), "error: too many values");
}

/* ---- limits of a plan ------------------------------------------------------------------ */

/* Ten records of one name in ten namespaces, each with a union of all of them: every step of the
 * path would multiply the plan by ten. */
static void schemas_that_multiply_are_refused(void **state) {
    (void)state;
    char w[4096] = "{'type':'record','name':'n0.R','fields':[{'name':'f','type':['null','n0.R'";
    for (int i = 1; i < 10; i++) {
        char more[256];
        snprintf(more, sizeof more,
                 ",{'type':'record','name':'n%d.R','fields':[{'name':'f','type':['null','n0.R'"
                 "%s]}]}",
                 i, i > 1 ? ",'n1.R'" : ",'n1.R'");
        strcat(w, more);
    }
    strcat(w, "]}]}");
    const char *r = "{'type':'record','name':'R','fields':[{'name':'f','type':['null','R']},"
                    "{'name':'x','type':'int','default':1}]}";
    assert_string_equal(decoding(w, r, "f.f.x", BYTES("\2\0")), "");
    assert_string_equal(decoding(w, r, "f.f.x", BYTES("\2\2\0")), "1:1");
    char path[128] = "x";
    for (int i = 0; i < 30; i++) {
        memmove(path + 2, path, strlen(path) + 1);
        memcpy(path, "f.", 2);
    }
    assert_string_equal(decoding(w, r, path, BYTES("\0")),
                        "refused: these two schemas together are too large");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_promoted_to_the_right),
        cmocka_unit_test(what_is_read_as_a_float_is_rounded_to_one),
        cmocka_unit_test(strings_and_bytes_are_each_other),
        cmocka_unit_test(other_types_do_not_match),
        cmocka_unit_test(a_fixed_needs_its_name_and_its_size),
        cmocka_unit_test(enums_are_read_by_symbol),
        cmocka_unit_test(arrays_and_maps_are_resolved_item_by_item),
        cmocka_unit_test(fields_are_found_by_name_wherever_they_stand),
        cmocka_unit_test(a_field_that_the_writer_lacks_takes_the_readers_default),
        cmocka_unit_test(fields_are_found_by_the_readers_aliases),
        cmocka_unit_test(records_match_by_unqualified_name_or_alias),
        cmocka_unit_test(the_roots_names_need_not_match_if_so_asked),
        cmocka_unit_test(unions_are_widened_narrowed_and_made_plain),
        cmocka_unit_test(the_first_branch_that_matches_is_taken),
        cmocka_unit_test(each_branch_of_the_writers_is_resolved_by_itself),
        cmocka_unit_test(a_union_of_which_nothing_can_be_read_is_an_error_of_the_event),
        cmocka_unit_test(a_writer_none_of_whose_events_can_be_read_is_named),
        cmocka_unit_test(a_writer_some_of_whose_events_can_be_read_is_not),
        cmocka_unit_test(the_first_reason_is_kept_whatever_comes_after_it),
        cmocka_unit_test(what_follows_a_branch_that_was_taken_back_is_read_right),
        cmocka_unit_test(every_type_has_defaults),
        cmocka_unit_test(defaults_have_what_is_wanted_of_nested_records),
        cmocka_unit_test(defaults_come_at_the_end_of_their_record),
        cmocka_unit_test(a_default_longer_than_the_tape_is_an_error_of_the_event),
        cmocka_unit_test(schemas_that_multiply_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
