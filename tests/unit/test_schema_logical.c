/* SPDX-License-Identifier: Apache-2.0
 *
 * test_schema_logical.c -- logical types, by the validity rules of the Avro 1.11
 * specification.
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

#define LOGICAL(type, name) "{'type':'" type "','logicalType':'" name "'}"
#define DECIMAL(attributes) "{'type':'bytes','logicalType':'decimal'" attributes "}"
#define FIXED_DECIMAL(size, precision)                                                             \
    "{'type':'fixed','name':'F','size':" size ",'logicalType':'decimal','precision':" precision "}"

static const struct logical_row {
    const char *text;
    enum schema_logical logical;
    uint32_t precision;
    uint32_t scale;
} logical_rows[] = {
    {LOGICAL("int", "date"), LOGICAL_DATE, 0, 0},
    {LOGICAL("int", "time-millis"), LOGICAL_TIME_MILLIS, 0, 0},
    {LOGICAL("long", "time-micros"), LOGICAL_TIME_MICROS, 0, 0},
    {LOGICAL("long", "timestamp-millis"), LOGICAL_TIMESTAMP_MILLIS, 0, 0},
    {LOGICAL("long", "timestamp-micros"), LOGICAL_TIMESTAMP_MICROS, 0, 0},
    {LOGICAL("long", "local-timestamp-millis"), LOGICAL_TIMESTAMP_MILLIS, 0, 0},
    {LOGICAL("long", "local-timestamp-micros"), LOGICAL_TIMESTAMP_MICROS, 0, 0},
    {LOGICAL("string", "uuid"), LOGICAL_UUID, 0, 0},
    {"{'type':" LOGICAL("int", "date") "}", LOGICAL_DATE, 0, 0},
    /* of the wrong type, unknown, or nonsense */
    {LOGICAL("long", "date"), LOGICAL_NONE, 0, 0},
    {LOGICAL("long", "time-millis"), LOGICAL_NONE, 0, 0},
    {LOGICAL("int", "time-micros"), LOGICAL_NONE, 0, 0},
    {LOGICAL("int", "timestamp-millis"), LOGICAL_NONE, 0, 0},
    {LOGICAL("string", "timestamp-micros"), LOGICAL_NONE, 0, 0},
    {LOGICAL("bytes", "uuid"), LOGICAL_NONE, 0, 0},
    {LOGICAL("long", "timestamp-nanos"), LOGICAL_NONE, 0, 0},
    {LOGICAL("int", "DATE"), LOGICAL_NONE, 0, 0},
    {"{'type':'int','logicalType':7}", LOGICAL_NONE, 0, 0},
    {"{'type':'int','logicalType':'date\\u0000'}", LOGICAL_NONE, 0, 0},
    {"{'type':{'type':'int'},'logicalType':'date'}", LOGICAL_NONE, 0, 0},
    {"{'type':'fixed','name':'D','size':12,'logicalType':'duration'}", LOGICAL_NONE, 0, 0},
    /* decimals of bytes */
    {DECIMAL(",'precision':4,'scale':2"), LOGICAL_DECIMAL, 4, 2},
    {DECIMAL(",'precision':4"), LOGICAL_DECIMAL, 4, 0},
    {DECIMAL(",'precision':4,'scale':4"), LOGICAL_DECIMAL, 4, 4},
    {DECIMAL(",'precision':1000"), LOGICAL_DECIMAL, 1000, 0},
    {DECIMAL(""), LOGICAL_NONE, 0, 0},
    {DECIMAL(",'precision':0"), LOGICAL_NONE, 0, 0},
    {DECIMAL(",'precision':-1"), LOGICAL_NONE, 0, 0},
    {DECIMAL(",'precision':'4'"), LOGICAL_NONE, 0, 0},
    {DECIMAL(",'precision':4.0"), LOGICAL_NONE, 0, 0},
    {DECIMAL(",'precision':4,'scale':5"), LOGICAL_NONE, 0, 0},
    {DECIMAL(",'precision':4,'scale':-1"), LOGICAL_NONE, 0, 0},
    {DECIMAL(",'precision':4,'scale':'2'"), LOGICAL_NONE, 0, 0},
    {DECIMAL(",'precision':4294967300"), LOGICAL_NONE, 0, 0},
    {"{'type':'long','logicalType':'decimal','precision':4}", LOGICAL_NONE, 0, 0},
    {"{'type':'string','logicalType':'decimal','precision':4}", LOGICAL_NONE, 0, 0},
    /* decimals of fixed: as many digits as always fit; 127, 32767, 2^63 - 1, 2^95 - 1, 2^127 - 1 */
    {FIXED_DECIMAL("1", "2"), LOGICAL_DECIMAL, 2, 0},
    {FIXED_DECIMAL("1", "3"), LOGICAL_NONE, 0, 0},
    {FIXED_DECIMAL("2", "4"), LOGICAL_DECIMAL, 4, 0},
    {FIXED_DECIMAL("2", "5"), LOGICAL_NONE, 0, 0},
    {FIXED_DECIMAL("8", "18"), LOGICAL_DECIMAL, 18, 0},
    {FIXED_DECIMAL("8", "19"), LOGICAL_NONE, 0, 0},
    {FIXED_DECIMAL("12", "28"), LOGICAL_DECIMAL, 28, 0},
    {FIXED_DECIMAL("12", "29"), LOGICAL_NONE, 0, 0},
    {FIXED_DECIMAL("16", "38"), LOGICAL_DECIMAL, 38, 0},
    {FIXED_DECIMAL("16", "39"), LOGICAL_NONE, 0, 0},
    {FIXED_DECIMAL("0", "1"), LOGICAL_NONE, 0, 0},
};

static void a_logical_type_counts_only_where_it_fits(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof logical_rows / sizeof logical_rows[0]; i++) {
        const struct logical_row *row = &logical_rows[i];
        struct schema *s = parsed(row->text);
        const struct schema_node *n = &s->nodes[0];
        if (n->logical != row->logical || n->precision != row->precision ||
            n->scale != row->scale) {
            fail_msg("%s: %d, %u, %u", row->text, (int)n->logical, n->precision, n->scale);
        }
        schema_free(s);
    }
}

static void a_logical_type_belongs_to_its_own_node(void **state) {
    (void)state;
    struct schema *s = parsed(RECORD("{'name':'a','type':" LOGICAL(
        "int", "date") ",'logicalType':'uuid'},"
                       "{'name':'b','type':'long','logicalType':'timestamp-millis'},"
                       "{'name':'c','type':['null'," LOGICAL("long", "time-micros") "]}"));
    assert_int_equal(field_type(s, "a")->logical, LOGICAL_DATE);
    assert_int_equal(field_type(s, "b")->logical, LOGICAL_NONE);
    assert_int_equal(field_type(s, "c")->logical, LOGICAL_NONE);
    assert_int_equal(s->nodes[field_type(s, "c")->fields[1].node].logical, LOGICAL_TIME_MICROS);
    schema_free(s);
    s = parsed(
        RECORD("{'name':'a','type':" FIXED("F", "8") "},{'name':'b','type':{'type':'F',"
                                                     "'logicalType':'decimal','precision':4}}"));
    assert_int_equal(field_type(s, "b")->logical, LOGICAL_NONE); /* a name brings no attributes */
    schema_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_logical_type_counts_only_where_it_fits),
        cmocka_unit_test(a_logical_type_belongs_to_its_own_node),
    };
    return cmocka_run_group_tests_name("schema_logical", tests, NULL, NULL);
}
