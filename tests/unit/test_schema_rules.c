/* SPDX-License-Identifier: Apache-2.0
 *
 * test_schema_rules.c -- what is a schema and what is none, by the Avro 1.11
 * specification: a rule a row. A reason says where, what, and what to write.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "schema.h"
#include "schema_text.h"

static const struct row {
    const char *text;
    const char *why; /* part of the reason; NULL: it is a schema */
} rows[] = {
    /* JSON, and what may stand where a schema may */
    {"'int'", NULL},
    {" string\n", NULL},
    {"{'type':'int'}", NULL},
    {"{'type':{'type':'int'}}", NULL},
    {"{'type':{'type':{'type':['null','int']}}}", NULL},
    {"{'type':'int','unknown':[{}],'doc':7}", NULL},
    {"", "line 1"},
    {"{", "line 1"},
    {"nonsense", "line 1"},
    {"strings", "line 1"},
    {"string int", "line 1"},
    {"'strin'", "\"strin\" is no type known here; write a primitive type or"},
    {"''", "\"\" is no type"},
    {"'a\\u0000b'", "\"\" is no type"},
    {"'int\\u0000'", "is no type"},
    {"17", "is no type"},
    {"null", NULL}, /* the name of a primitive */
    {"[null]", "is no type"},
    {"true", "is no type"},
    {"{}", "no type; write \"type\": TYPE"},
    {"{'type':null}", "is no type"},
    {"{'type':'int','type':'int'}", "duplicate"},
    {"'record'", "no type known"},
    {"'error'", "no type known"},
    {"{'type':'error','name':'E','fields':[]}", "\"error\" is no type known"},
    {"{'type':'request','fields':[]}", "no type known"},
    {"{'type':'union'}", "no type known"},
    /* names */
    {"{'type':'record','fields':[]}", "a type \"record\" without a name"},
    {"{'type':'record','name':null,'fields':[]}", "without a name"},
    {"{'type':'record','name':7,'fields':[]}", "without a name"},
    {"{'type':'record','name':'_r9','fields':[]}", NULL},
    {"{'type':'record','name':'a.b.C','fields':[]}", NULL},
    {"{'type':'record','name':'','fields':[]}", "cannot be the name of a type"},
    {"{'type':'record','name':'9r','fields':[]}", "\"9r\" cannot be the name of a type"},
    {"{'type':'record','name':'a-b','fields':[]}", "cannot be the name of a type"},
    {"{'type':'record','name':'\xc3\xa9','fields':[]}", "\"??\" cannot be the name of a type"},
    {"{'type':'record','name':'.C','fields':[]}", "cannot be the name of a type"},
    {"{'type':'record','name':'a.','fields':[]}", "cannot be the name of a type"},
    {"{'type':'record','name':'a..C','fields':[]}", "cannot be the name of a type"},
    {"{'type':'record','name':'a.9.C','fields':[]}", "cannot be the name of a type"},
    {"{'type':'record','name':'int','fields':[]}", "not the name of a primitive type"},
    {"{'type':'record','name':'a.string','fields':[]}", "not the name of a primitive type"},
    {"{'type':'record','name':'record','fields':[]}", NULL},
    {"{'type':'record','name':'C','namespace':'','fields':[]}", NULL},
    {"{'type':'record','name':'C','namespace':null,'fields':[]}", NULL},
    {"{'type':'record','name':'C','namespace':'a.b_2','fields':[]}", NULL},
    {"{'type':'record','name':'C','namespace':'a-b','fields':[]}", "the namespace of \"C\""},
    {"{'type':'record','name':'C','namespace':'a.','fields':[]}", "the namespace of \"C\""},
    {"{'type':'record','name':'C','namespace':7,'fields':[]}", "the namespace of \"C\""},
    {"{'type':'record','name':'a.C','namespace':'not-looked-at','fields':[]}", NULL},
    {"{'type':'record','name':'C','aliases':['D','a.b.E'],'fields':[]}", NULL},
    {"{'type':'record','name':'C','aliases':null,'fields':[]}", NULL},
    {"{'type':'record','name':'C','aliases':'D','fields':[]}", "C: \"aliases\" is no list"},
    {"{'type':'record','name':'C','aliases':[7],'fields':[]}", "C: the alias \"\" is no name"},
    {"{'type':'record','name':'C','aliases':['a..b'],'fields':[]}", "the alias \"a..b\""},
    /* records */
    {RECORD(""), NULL},
    {RECORD("{'name':'a','type':'int'},{'name':'A','type':'int'}"), NULL},
    {"{'type':'record','name':'R'}", "R: a record without fields; write \"fields\": [...]"},
    {"{'type':'record','name':'R','fields':{}}", "R: a record without fields"},
    {RECORD("7"), "R: \"\" cannot be the name of a field"},
    {RECORD("{'type':'int'}"), "R: \"\" cannot be the name of a field"},
    {RECORD("{'name':'a.b','type':'int'}"), "R: \"a.b\" cannot be the name of a field"},
    {RECORD("{'name':'1','type':'int'}"), "R: \"1\" cannot be the name of a field"},
    {RECORD("{'name':'x'}"), "field \"x\" of R: no type; write \"type\": TYPE"},
    {RECORD("{'name':'x','type':'itn'}"), "field \"x\" of R: \"itn\" is no type known here"},
    {RECORD("{'name':'x','type':'int','aliases':['y','z']}"), NULL},
    {RECORD("{'name':'x','type':'int','aliases':['y.z']}"), "field \"x\" of R: the alias \"y.z\""},
    {RECORD("{'name':'x','type':'int','aliases':{}}"), "field \"x\" of R: \"aliases\" is no"},
    {RECORD("{'name':'b','type':'int'},{'name':'a','type':'int'},{'name':'b','type':'long'}"),
     "R: \"b\" stands twice in it"},
    /* defined once, before it is used */
    {RECORD("{'name':'a','type':" FIXED("F", "1") "},{'name':'b','type':'F'}"), NULL},
    {RECORD("{'name':'b','type':'F'},{'name':'a','type':" FIXED("F", "1") "}"),
     "field \"b\" of R: \"F\" is no type known here; write a primitive type or the full name of a "
     "type defined before"},
    {RECORD("{'name':'a','type':" FIXED("F", "1") "},{'name':'b','type':" FIXED("F", "1") "}"),
     "field \"b\" of R: the type F is defined twice; write its name the second time"},
    {RECORD("{'name':'a','type':" ENUM("R", "'A'") "}"), "the type R is defined twice"},
    {RECORD("{'name':'a','type':" FIXED("s.R", "1") "}"), NULL},
    {RECORD("{'name':'a','type':['null','R']}"), NULL},
    {RECORD("{'name':'a','type':{'type':'R'}}"), NULL},
    {"[" FIXED("F", "1") "," ENUM("F", "'A'") "]", "the type F is defined twice"},
    /* enums */
    {ENUM("E", "'A','b','_3'"), NULL},
    {ENUM("E", "'a','A'"), NULL},
    {ENUM("E", ""), "E: an enum without symbols; write \"symbols\": [\"NAME\", ...]"},
    {"{'type':'enum','name':'E'}", "E: an enum without symbols"},
    {"{'type':'enum','name':'E','symbols':'A'}", "E: an enum without symbols"},
    {ENUM("E", "'A',7"), "E: \"\" cannot be a symbol"},
    {ENUM("E", "'A-B'"), "E: \"A-B\" cannot be a symbol"},
    {ENUM("E", "'1A'"), "E: \"1A\" cannot be a symbol"},
    {ENUM("E", "'A','B','A'"), "E: \"A\" stands twice in it"},
    {"{'type':'enum','name':'E','symbols':['A','B'],'default':'B'}", NULL},
    {"{'type':'enum','name':'E','symbols':['A'],'default':'B'}",
     "E: its default \"B\" is no symbol of it"},
    {"{'type':'enum','name':'E','symbols':['A'],'default':0}", "E: its default \"\" is no symbol"},
    /* arrays and maps */
    {"{'type':'array','items':{'type':'array','items':'int'}}", NULL},
    {"{'type':'map','values':['null','int']}", NULL},
    {"{'type':'array'}", "an array without items; write \"items\": TYPE"},
    {"{'type':'map'}", "a map without values; write \"values\": TYPE"},
    {"{'type':'map','items':'int'}", "a map without values"},
    {"{'type':'array','items':7}", "is no type"},
    /* fixed */
    {FIXED("F", "0"), NULL},
    {FIXED("F", "2147483647"), NULL},
    {FIXED("F", "2147483648"), "F: a fixed type of no possible size; write \"size\": BYTES"},
    {FIXED("F", "-1"), "F: a fixed type of no possible size"},
    {FIXED("F", "1.0"), "F: a fixed type of no possible size"},
    {FIXED("F", "'1'"), "F: a fixed type of no possible size"},
    {"{'type':'fixed','name':'F'}", "F: a fixed type of no possible size"},
    /* unions */
    {"['null','int','long',{'type':'array','items':'int'},{'type':'map','values':'int'}]", NULL},
    {"[" FIXED("F", "1") "," FIXED("G", "1") "," ENUM("E", "'A'") "," ENUM("H", "'A'") "]", NULL},
    {"['int']", NULL},
    {"[]", "a union without branches; write [TYPE, ...]"},
    {"['int','int']", "a union with two branches int; write each once"},
    {"['int',{'type':'int','logicalType':'date'}]", "a union with two branches int"},
    {"[{'type':'array','items':'int'},{'type':'array','items':'long'}]", "two branches array"},
    {"[{'type':'map','values':'int'},{'type':'map','values':'long'}]", "two branches map"},
    {"[" FIXED("F", "1") ",'null','F']", "a union with two branches F"},
    {"['null',['int']]", "a union directly in a union"},
    {"['null',{'type':['int']}]", "a union directly in a union"},
    {"['null',{'type':'array','items':['null','int']}]", NULL},
    /* defaults */
    {FIELD("'null'", "null"), NULL},
    {FIELD("'null'", "0"), "field \"f\" of R: its default does not fit null; write null"},
    {FIELD("'boolean'", "false"), NULL},
    {FIELD("'boolean'", "0"), "does not fit boolean; write true or false"},
    {FIELD("'int'", "-2147483648"), NULL},
    {FIELD("'int'", "2147483648"), "does not fit int; write a whole number from -2147483648"},
    {FIELD("'int'", "1.0"), "does not fit int"},
    {FIELD("'int'", "null"), "does not fit int"},
    {FIELD("'long'", "9223372036854775807"), NULL},
    {FIELD("'long'", "1e3"), "does not fit long"},
    {FIELD("'float'", "1"), NULL},
    {FIELD("'float'", "-3.4e38"), NULL},
    {FIELD("'float'", "3.5e38"), "does not fit float"},
    {FIELD("'double'", "3.5e38"), NULL},
    {FIELD("'double'", "7"), NULL},
    {FIELD("'double'", "'7'"), "does not fit double; write a number"},
    {FIELD("'string'", "'\xe2\x82\xac'"), NULL},
    {FIELD("'string'", "7"), "does not fit string; write a text"},
    {FIELD("'bytes'", "'\\u0000\\u00ff'"), NULL},
    {FIELD("'bytes'", "'\\u0100'"), "does not fit bytes; write a text of characters up to"},
    {FIELD("'bytes'", "7"), "does not fit bytes"},
    {FIELD(FIXED("F", "2"), "'\\u00ffa'"), NULL},
    {FIELD(FIXED("F", "2"), "'a'"), "does not fit F; write a text of as many characters"},
    {FIELD(FIXED("F", "2"), "'abc'"), "does not fit F"},
    {FIELD(FIXED("F", "2"), "'\\u0100a'"), "does not fit F"},
    {FIELD(ENUM("E", "'A','B'"), "'B'"), NULL},
    {FIELD(ENUM("E", "'A','B'"), "'C'"), "does not fit E; write one of its symbols"},
    {FIELD(ENUM("E", "'A','B'"), "1"), "does not fit E"},
    {FIELD("{'type':'array','items':'int'}", "[]"), NULL},
    {FIELD("{'type':'array','items':'int'}", "[1,2]"), NULL},
    {FIELD("{'type':'array','items':'int'}", "[1,'2']"), "does not fit int"},
    {FIELD("{'type':'array','items':'int'}", "{}"), "does not fit array; write [...]"},
    {FIELD("{'type':'map','values':'int'}", "{'a':1}"), NULL},
    {FIELD("{'type':'map','values':'int'}", "{'a':1,'b':null}"), "does not fit int"},
    {FIELD("{'type':'map','values':'int'}", "[]"), "does not fit map; write {...}"},
    {FIELD("['null','int']", "null"), NULL},
    {FIELD("['int','null']", "7"), NULL},
    {FIELD("['null','int']", "7"), "does not fit null, the first branch of the union; write null"},
    {FIELD("['int','null']", "null"), "does not fit int, the first branch of the union"},
    {FIELD("{'type':'record','name':'S','fields':[{'name':'a','type':'int'}]}", "{'a':1}"), NULL},
    {FIELD("{'type':'record','name':'S','fields':[{'name':'a','type':'int'}]}", "{'a':1,'b':2}"),
     NULL},
    {FIELD("{'type':'record','name':'S','fields':[{'name':'a','type':'int'}]}", "{}"),
     "field \"f\" of R: its default lacks \"a\"; write that field's value too"},
    {FIELD("{'type':'record','name':'S','fields':[{'name':'a','type':'int'}]}", "{'a':null}"),
     "does not fit int"},
    {FIELD("{'type':'record','name':'S','fields':[{'name':'a','type':'int','default':2}]}", "{}"),
     NULL},
    {FIELD("{'type':'record','name':'S','fields':[{'name':'a','type':'int'}]}", "7"),
     "does not fit S; write {...} with each field"},
    {RECORD("{'name':'kids','type':{'type':'array','items':'R'},'default':[]}"), NULL},
    {RECORD("{'name':'next','type':['null','R'],'default':null}"), NULL},
    {RECORD("{'name':'kids','type':{'type':'array','items':'R'},'default':[{},{'kids':[]}]}"),
     "expands to over 128 levels"},
    {RECORD("{'name':'next','type':'R','default':{}}"), "field \"next\" of R: its default expands"},
};

static void the_rules_of_the_specification_hold_row_by_row(void **state) {
    (void)state;
    const size_t n = sizeof rows / sizeof rows[0];
    assert_in_range(n, 60, 1000);
    for (size_t i = 0; i < n; i++) {
        if (rows[i].why) {
            refused(rows[i].text, rows[i].why);
        } else {
            schema_free(parsed(rows[i].text));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rules_of_the_specification_hold_row_by_row),
    };
    return cmocka_run_group_tests_name("schema_rules", tests, NULL, NULL);
}
