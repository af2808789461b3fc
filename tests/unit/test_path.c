/* SPDX-License-Identifier: Apache-2.0
 *
 * test_path.c -- where paths lead in a schema, and what a wrong one is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "decode.h"
#include "decoding.h"

static const char schema_json[] =
    "{\"type\":\"record\",\"name\":\"shop.Event\",\"fields\":["
    "{\"name\":\"id\",\"type\":\"string\"},"
    "{\"name\":\"price\",\"type\":[\"null\",\"double\"]},"
    "{\"name\":\"lines\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\","
    "\"name\":\"OrderLine\",\"fields\":[{\"name\":\"dish_id\",\"type\":\"string\"},"
    "{\"name\":\"quantity\",\"type\":\"int\"},{\"name\":\"amount\",\"type\":\"double\"}]}}},"
    "{\"name\":\"tags\",\"type\":[\"null\",{\"type\":\"array\",\"items\":\"string\"}]},"
    "{\"name\":\"attributes\",\"type\":{\"type\":\"map\",\"values\":\"string\"}},"
    "{\"name\":\"grid\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"array\","
    "\"items\":\"long\"}}},"
    "{\"name\":\"payload\",\"type\":[\"null\",{\"type\":\"record\",\"name\":\"shop.Order\","
    "\"fields\":[{\"name\":\"id\",\"type\":\"long\"},{\"name\":\"Order\",\"type\":\"long\"}]},"
    "{\"type\":\"record\",\"name\":\"shop.Refund\",\"fields\":[{\"name\":\"id\","
    "\"type\":\"int\"}]}]},"
    "{\"name\":\"customer\",\"type\":[\"null\",{\"type\":\"record\",\"name\":\"Customer\","
    "\"fields\":[{\"name\":\"address\",\"type\":[\"null\",{\"type\":\"record\","
    "\"name\":\"Address\",\"fields\":[{\"name\":\"city\",\"type\":\"string\"}]}]}]}]},"
    "{\"name\":\"twins\",\"type\":[{\"type\":\"record\",\"name\":\"a.T\",\"fields\":["
    "{\"name\":\"x\",\"type\":\"int\"}]},{\"type\":\"record\",\"name\":\"b.T\",\"fields\":["
    "{\"name\":\"x\",\"type\":\"bytes\"}]}]},"
    "{\"name\":\"by_name\",\"type\":[\"string\",{\"type\":\"map\",\"values\":"
    "{\"type\":\"map\",\"values\":\"float\"}}]},"
    "{\"name\":\"either\",\"type\":[{\"type\":\"map\",\"values\":\"int\"},{\"type\":\"record\","
    "\"name\":\"Either\",\"fields\":[{\"name\":\"x\",\"type\":\"string\"}]}]},"
    "{\"name\":\"nothing\",\"type\":{\"type\":\"record\",\"name\":\"Nothing\",\"fields\":[]}},"
    "{\"name\":\"parent\",\"type\":[\"null\",\"shop.Event\"]}]}";

static struct schema *s;

static int setup(void **state) {
    (void)state;
    char err[256] = "";
    if (schema_parse(schema_json, strlen(schema_json), &s, err, sizeof err) != ST_OK) {
        fprintf(stderr, "%s\n", err);
        return -1;
    }
    return 0;
}

static int teardown(void **state) {
    (void)state;
    schema_free(s);
    return 0;
}

static void a_path_leads_to_a_value_or_to_the_last_array_or_map(void **state) {
    (void)state;
    static const struct {
        const char *path;
        enum schema_type type;
        uint32_t items;
    } good[] = {
        {"id", SCHEMA_STRING, 0},
        {"price", SCHEMA_UNION, 0},
        {"lines[]", SCHEMA_ARRAY, 1},
        {"lines[].dish_id", SCHEMA_STRING, 1},
        {"tags[]", SCHEMA_ARRAY, 1},
        {"attributes{}", SCHEMA_MAP, 1},
        {"attributes.colour", SCHEMA_STRING, 0},
        {"grid[]", SCHEMA_ARRAY, 1},
        {"grid[][]", SCHEMA_ARRAY, 2},
        {"payload.Order.id", SCHEMA_LONG, 0},
        {"payload.Order.Order", SCHEMA_LONG, 0},
        {"payload.shop.Order.id", SCHEMA_LONG, 0},
        {"payload.Refund.id", SCHEMA_INT, 0},
        {"customer.address.city", SCHEMA_STRING, 0},
        {"customer.Customer.address.Address.city", SCHEMA_STRING, 0},
        {"twins.a.T.x", SCHEMA_INT, 0},
        {"twins.b.T.x", SCHEMA_BYTES, 0},
        {"by_name{}", SCHEMA_MAP, 1},
        {"by_name{}{}", SCHEMA_MAP, 2},
        {"by_name{}.k", SCHEMA_FLOAT, 1},
        {"by_name.a.b", SCHEMA_FLOAT, 0},
        {"by_name.a{}", SCHEMA_MAP, 1},
        {"either.x", SCHEMA_STRING, 0}, /* a union's record before its map */
        {"either{}", SCHEMA_MAP, 1},
        {"parent.parent.lines[].amount", SCHEMA_DOUBLE, 1},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        uint32_t node = 0;
        uint32_t items = 99;
        char err[256] = "";
        if (schema_path(s, good[i].path, &node, &items, err, sizeof err) != ST_OK) {
            fail_msg("%s: %s", good[i].path, err);
        }
        assert_string_equal(schema_type_str(s->nodes[node].type), schema_type_str(good[i].type));
        assert_int_equal(items, good[i].items);
    }
}

static void a_wrong_path_is_told_where_it_breaks_off_and_what_is_there(void **state) {
    (void)state;
    static const struct {
        const char *path, *err;
    } bad[] = {
        {"lines[].dish", "OrderLine has no such field; it has dish_id, quantity, amount"},
        {"customer.name", "Customer has no such field; it has address"},
        {"nothing.x", "Nothing has no such field; it has none"},
        {"id.x", "string has no fields"},
        {"lines", "an array: write [] for its items"},
        {"lines.dish_id", "an array: write [] for its items"},
        {"attributes", "a map: write {} for its entries"},
        {"lines[", "\"[\": write [] for items, {} for entries"},
        {"lines[0]", "\"[0]\": write [] for items, {} for entries"},
        {"lines{}", "array is not a map"},
        {"attributes[]", "map is not an array"},
        {"price[]", "union is not an array"},
        {"id[]", "string is not an array"},
        {"customer[]", "union is not an array"},
        {"customer", "a union of null, Customer: not a value"},
        {"payload.id", "a union of null, Order, Refund: name one of its records"},
        {"payload.Order", "Order is a record; it has id, Order"},
        {"payload.Ord", "a union of null, Order, Refund: name one of its records"},
        {"either.y", "Either has no such field; it has x"},
        {"price.x", "a union of null, double, none of which has fields"},
        {"twins.T.x", "T is ambiguous: write its full name"},
        {"nothing", "Nothing is a record; it has none"},
        {"", "Event is a record; it has id, price, lines, tags, attributes, grid, payload, "
             "customer, twins, by_name, either, nothing, parent"},
        {"customer..address", "a name is missing at \".address\""},
        {".id", "a name is missing at \".id\""},
        {"id.", "a name is missing at \"\""},
        {"lines[]dish_id", "a dot is missing before \"dish_id\""},
        {"grid[].[]", "a name is missing at \"[]\""},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint32_t node = 77;
        uint32_t items = 78;
        char err[256] = "";
        assert_int_equal(schema_path(s, bad[i].path, &node, &items, err, sizeof err), ST_INVALID);
        assert_string_equal(err, bad[i].err);
        assert_int_equal(node, 77);
        assert_int_equal(items, 78);
    }
}

static void a_message_that_does_not_fit_is_cut_off(void **state) {
    (void)state;
    uint32_t node = 0;
    uint32_t items = 0;
    char err[40];
    for (size_t len = 1; len <= sizeof err; len++) {
        memset(err, 'x', sizeof err);
        assert_int_equal(schema_path(s, "nope", &node, &items, err, len), ST_INVALID);
        assert_int_equal(strlen(err), len - 1);
        assert_memory_equal(err, "Event has no such field; it has id, pric", len - 1);
        assert_true(len == sizeof err || err[len] == 'x');
    }
}

static void a_path_has_64_steps_at_most(void **state) {
    (void)state;
    char path[1024] = "";
    uint32_t node = 0;
    uint32_t items = 0;
    char err[256] = "";
    for (int i = 0; i < 31; i++) { /* two steps each: the branch, the field */
        strcat(path, i ? ".parent" : "parent");
    }
    strcat(path, ".id"); /* 1 + 30 * 2 + 2 */
    assert_int_equal(schema_path(s, path, &node, &items, err, sizeof err), ST_OK);
    memmove(path + 7, path, strlen(path) + 1);
    memcpy(path, "parent.", 7);
    assert_int_equal(schema_path(s, path, &node, &items, err, sizeof err), ST_INVALID);
    assert_string_equal(err, "more than 64 steps");
}

/* ---- what is wanted of one record together ----------------------------------------------- */

#define R(fields) "{'type':'record','name':'R','fields':[" fields "]}"

static void the_empty_path_is_a_root_that_is_a_scalar(void **state) {
    (void)state;
    assert_string_equal(decoding_same("'long'", ".", BYTES("\2")), "1:1");
    assert_string_equal(decoding_same("{'type':'array','items':'long'}", "[]", BYTES("\2\2\0")),
                        "1:[ 1:1 1:]");
}

static void nothing_may_be_wanted(void **state) {
    (void)state;
    assert_string_equal(decoding_same("'long'", "", BYTES("\2")), "");
    assert_string_equal(decoding_same("['null','long']", "", BYTES("\2\2")), "");
    assert_string_equal(decoding_same("{'type':'array','items':'int'}", "", BYTES("\2\2\0")), "");
    assert_string_equal(decoding_same(R("{'name':'a','type':'int'}"), "", BYTES("\2")), "");
}

static void one_value_may_be_wanted_twice_but_not_one_array(void **state) {
    (void)state;
    const char *schema = R("{'name':'a','type':['null','string'],'default':null},"
                           "{'name':'l','type':{'type':'array','items':'int'}}");
    assert_string_equal(decoding_same(schema, "a a a", BYTES("\2\2x\0")),
                        "1:\"x\" 2:\"x\" 3:\"x\"");
    assert_string_equal(decoding_same(schema, "a a", BYTES("\0\0")), "1:null 2:null");
    assert_string_equal(
        decoding(R(""), R("{'name':'a','type':'int','default':5}"), "a a", BYTES("")), "1:5 2:5");
    assert_string_equal(decoding_same(schema, "l[] a l[]", BYTES("")),
                        "refused: l[]: wanted twice");
}

static void arrays_on_the_way_are_announced_without_a_tag(void **state) {
    (void)state;
    const char *schema = R("{'name':'l','type':{'type':'array','items':" R(
        "{'name':'id','type':'int'},{'name':'tags','type':{'type':'array','items':'int'}}") "}}");
    const char body[] = "\4\2\2\6\0\4\0\0";
    char inner[1024];
    snprintf(inner, sizeof inner, "%s", schema);
    char *name = strstr(inner + 30, "'R'");
    name[1] = 'L';
    assert_string_equal(decoding_same(inner, "l[].id", body, sizeof body - 1),
                        "0:[ 1:1 0:[ 1:2 0:]");
    assert_string_equal(decoding_same(inner, "l[]", body, sizeof body - 1), "1:[ 1:[ 1:]");
    assert_string_equal(decoding_same(inner, "l[].tags[] l[]", body, sizeof body - 1),
                        "2:[ 1:[ 1:3 1:] 2:[ 1:] 2:]");
}

static void keys_of_a_map_are_wanted_one_by_one_or_all(void **state) {
    (void)state;
    const char *schema = R("{'name':'m','type':{'type':'map','values':'int'}}");
    const char body[] = "\6\2a\2\2b\4\4ab\6\0";
    assert_string_equal(decoding_same(schema, "m{}", body, sizeof body - 1),
                        "1:{a 1:1 1:{b 1:2 1:{ab 1:3 1:]");
    assert_string_equal(decoding_same(schema, "m.b", body, sizeof body - 1), "0:{b 1:2 0:]");
    assert_string_equal(decoding_same(schema, "m.x", body, sizeof body - 1), "0:]");
    assert_string_equal(decoding_same(schema, "m.ab m.a", body, sizeof body - 1),
                        "0:{a 2:1 0:{ab 1:3 0:]");
    assert_string_equal(decoding_same(schema, "m.b m{}", body, sizeof body - 1),
                        "2:{a 2:1 2:{b 1:2 2:2 2:{ab 2:3 2:]");
    assert_string_equal(decoding_same(schema, "m{} m.b", body, sizeof body - 1),
                        "1:{a 1:1 1:{b 2:2 1:2 1:{ab 1:3 1:]");
    assert_string_equal(decoding_same(schema, "", body, sizeof body - 1), "");
}

static void what_is_wanted_of_every_entry_is_wanted_of_those_with_a_key_too(void **state) {
    (void)state;
    const char *schema = "{'type':'map','values':{'type':'map','values':'int'}}";
    const char body[] = "\4\2a\4\2x\2\2y\4\0\2b\2\2x\6\0\0"; /* a: {x: 1, y: 2}, b: {x: 3} */
    assert_string_equal(decoding_same(schema, "a.y {}.x", body, sizeof body - 1),
                        "0:{a 0:{x 2:1 0:{y 1:2 0:] 0:{b 0:{x 2:3 0:] 0:]");
    assert_string_equal(decoding_same(schema, "{}{} a{}", body, sizeof body - 1),
                        "refused: {}{}: wanted twice");
    assert_string_equal(decoding_same(schema, "{}.x {}{} b.x", body, sizeof body - 1),
                        "0:{a 2:{x 1:1 2:1 2:{y 2:2 2:] 0:{b 2:{x 3:3 1:3 2:3 2:] 0:]");
}

static void what_lies_in_another_branch_is_not_on_the_tape(void **state) {
    (void)state;
    const char *schema =
        R("{'name':'p','type':['null',{'type':'record','name':'A','fields':[{'name':'x','type':"
          "'int'}]},'string',{'type':'array','items':'int'}]}");
    assert_string_equal(decoding_same(schema, "p.x p[]", BYTES("\0")), "");
    assert_string_equal(decoding_same(schema, "p.x p[]", BYTES("\2\2")), "1:1");
    assert_string_equal(decoding_same(schema, "p.x p[]", BYTES("\4\2s")), "");
    assert_string_equal(decoding_same(schema, "p.x p[]", BYTES("\6\2\4\0")), "2:[ 2:2 2:]");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_leads_to_a_value_or_to_the_last_array_or_map),
        cmocka_unit_test(a_wrong_path_is_told_where_it_breaks_off_and_what_is_there),
        cmocka_unit_test(a_message_that_does_not_fit_is_cut_off),
        cmocka_unit_test(a_path_has_64_steps_at_most),
        cmocka_unit_test(the_empty_path_is_a_root_that_is_a_scalar),
        cmocka_unit_test(nothing_may_be_wanted),
        cmocka_unit_test(one_value_may_be_wanted_twice_but_not_one_array),
        cmocka_unit_test(arrays_on_the_way_are_announced_without_a_tag),
        cmocka_unit_test(keys_of_a_map_are_wanted_one_by_one_or_all),
        cmocka_unit_test(what_is_wanted_of_every_entry_is_wanted_of_those_with_a_key_too),
        cmocka_unit_test(what_lies_in_another_branch_is_not_on_the_tape),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
