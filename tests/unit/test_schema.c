/* SPDX-License-Identifier: Apache-2.0
 *
 * test_schema.c -- the contract of schema.h and schema_json.h, against the Avro
 * specification and texts read by eye.
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

#include "schema.h"
#include "schema_json.h"
#include "schemas.h"

/* avro-c never frees a recursive schema, nor all of one that it refuses (avro.c). */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:libavro\n";
}

/* Parses a copy that ends exactly where the text does, so that ASan sees a read beyond. */
static enum status parse(const char *json, struct schema **out, char *err, size_t err_len) {
    const size_t len = strlen(json);
    char *exact = malloc(len ? len : 1);
    assert_non_null(exact);
    memcpy(exact, json, len);
    enum status st = schema_parse(exact, len, out, err, err_len);
    free(exact);
    return st;
}

static struct schema *parsed(const char *json) {
    struct schema *s = NULL;
    char err[256] = "";
    if (parse(json, &s, err, sizeof err) != ST_OK) {
        fail_msg("%s: %s", json, err);
    }
    return s;
}

static const struct schema_node *type_of_field(const struct schema *s, const char *name) {
    const struct schema_field *f = schema_field(s, 0, name);
    assert_non_null(f);
    return &s->nodes[f->node];
}

static void a_record_has_its_fields_in_order(void **state) {
    (void)state;
    struct schema *s = parsed(schemas_shipped_json(READER_COURSE_VIEW));
    static const char *const names[] = {"event_id", "user_id", "ts",    "course_id",
                                        "action",   "price",   "source"};
    assert_int_equal(s->nodes[0].type, SCHEMA_RECORD);
    assert_string_equal(s->nodes[0].name, "crossrec.CourseView");
    assert_int_equal(s->nodes[0].n, 7);
    for (size_t i = 0; i < 7; i++) {
        assert_string_equal(s->nodes[0].fields[i].name, names[i]);
    }
    assert_string_equal(s->json, schemas_shipped_json(READER_COURSE_VIEW));
    assert_string_equal(type_of_field(s, "ts")->logical, "timestamp-millis");
    assert_null(type_of_field(s, "user_id")->logical);
    assert_null(schema_field(s, 0, "nobody"));
    assert_null(schema_field(s, schema_field(s, 0, "ts")->node, "ts")); /* no record */
    schema_free(s);
}

static void the_shipped_actions_are_enum_action_in_its_order(void **state) {
    (void)state;
    static const char *const names[ACTIONS] = {"VIEW", "ENROLL", "PURCHASE", "ORDER",   "COMPLETE",
                                               "RATE", "LIKE",   "SHARE",    "COMMENT", "REPORT"};
    struct schema *s = parsed(schemas_shipped_json(READER_COURSE_VIEW));
    const struct schema_node *action = type_of_field(s, "action");
    assert_int_equal(action->type, SCHEMA_ENUM);
    assert_string_equal(action->name, "crossrec.Action");
    assert_int_equal(action->n, ACTIONS);
    for (size_t i = 0; i < ACTIONS; i++) {
        assert_string_equal(action->fields[i].name, names[i]);
    }
    schema_free(s);
}

static void every_type_becomes_its_node(void **state) {
    (void)state;
    static const char *const primitives[] = {"null",  "boolean", "int",   "long",
                                             "float", "double",  "bytes", "string"};
    for (size_t i = 0; i < 8; i++) {
        char json[32];
        snprintf(json, sizeof json, " \"%s\"\n", primitives[i]);
        struct schema *s = parsed(json);
        assert_int_equal(s->nodes[0].type, SCHEMA_NULL + i);
        assert_int_equal(s->n_nodes, 1);
        assert_null(s->nodes[0].name);
        schema_free(s);
    }
    struct schema *s = parsed("[{\"type\":\"fixed\",\"name\":\"F\",\"size\":12},"
                              "{\"type\":\"array\",\"items\":\"int\"},"
                              "{\"type\":\"map\",\"values\":{\"type\":\"float\"}}]");
    const struct schema_node *root = &s->nodes[0];
    assert_int_equal(root->type, SCHEMA_UNION);
    assert_int_equal(root->n, 3);
    assert_null(root->fields[0].name);
    const struct schema_node *fixed = &s->nodes[root->fields[0].node];
    const struct schema_node *array = &s->nodes[root->fields[1].node];
    const struct schema_node *map = &s->nodes[root->fields[2].node];
    assert_int_equal(fixed->type, SCHEMA_FIXED);
    assert_int_equal(fixed->n, 12);
    assert_string_equal(fixed->name, "F");
    assert_int_equal(array->type, SCHEMA_ARRAY);
    assert_int_equal(s->nodes[array->fields[0].node].type, SCHEMA_INT);
    assert_int_equal(map->type, SCHEMA_MAP);
    assert_int_equal(s->nodes[map->fields[0].node].type, SCHEMA_FLOAT);
    schema_free(s);
}

static void names_are_full_and_links_lead_to_the_type_they_name(void **state) {
    (void)state;
    struct schema *s = parsed(
        "{\"type\":\"record\",\"name\":\"A\",\"namespace\":\"x.y\",\"fields\":["
        "{\"name\":\"own\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}},"
        "{\"name\":\"other\",\"type\":{\"type\":\"enum\",\"name\":\"z.E\",\"symbols\":[\"P\"]}},"
        "{\"name\":\"again\",\"type\":\"F\"},{\"name\":\"far\",\"type\":[\"null\",\"z.E\"]}]}");
    assert_string_equal(s->nodes[0].name, "x.y.A");
    assert_string_equal(type_of_field(s, "own")->name, "x.y.F");
    assert_string_equal(type_of_field(s, "other")->name, "z.E");
    assert_int_equal(schema_field(s, 0, "again")->node, schema_field(s, 0, "own")->node);
    assert_int_equal(type_of_field(s, "far")->fields[1].node, schema_field(s, 0, "other")->node);
    assert_int_equal(s->n_nodes, 5); /* record, fixed, enum, union, null */
    schema_free(s);
}

static void a_recursive_type_is_a_cycle_of_indices(void **state) {
    (void)state;
    struct schema *s = parsed("{\"type\":\"record\",\"name\":\"T\",\"fields\":["
                              "{\"name\":\"v\",\"type\":\"int\"},"
                              "{\"name\":\"next\",\"type\":[\"null\",\"T\"]}]}");
    assert_int_equal(type_of_field(s, "next")->fields[1].node, 0);
    assert_int_equal(s->n_nodes, 4);
    schema_free(s);
}

static void the_logical_type_is_found_wherever_it_is_written(void **state) {
    (void)state;
    struct schema *s = parsed(
        "{\"doc\":\"\\\"logicalType\\\":\\\"no\\\" ] } {\",\"fields\":[{\"default\":{\"type\":"
        "{\"logicalType\":\"wrong\"}},\"type\":[\"null\",{\"logicalType\":\"yes\",\"type\":"
        "\"long\"}],\"name\":\"a\"}, {\"name\":\"b\",\"type\":{\"type\":\"array\",\"items\":"
        "{\"type\":\"int\", \"logicalType\" :\"date\"}}},{\"name\":\"c\",\"type\":{\"type\":\"map\""
        ",\"values\":{\"type\":\"bytes\",\"logicalType\":\"decimal\"}}}],\"name\":\"R\","
        "\"type\":\"record\"}");
    assert_null(s->nodes[0].logical);
    const struct schema_node *a = type_of_field(s, "a");
    assert_null(a->logical);
    assert_null(s->nodes[a->fields[0].node].logical);
    assert_string_equal(s->nodes[a->fields[1].node].logical, "yes");
    assert_string_equal(s->nodes[type_of_field(s, "b")->fields[0].node].logical, "date");
    assert_string_equal(s->nodes[type_of_field(s, "c")->fields[0].node].logical, "decimal");
    schema_free(s);
}

static void what_is_no_schema_is_refused_with_a_reason(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "{",
        "nonsense",
        "17",
        "[]",
        "\"strin\"",
        "{\"type\":\"record\",\"name\":\"A\"}",
        "{\"type\":\"record\",\"name\":\"A\",\"fields\":[{\"name\":\"x\"}]}",
        "{\"type\":\"record\",\"name\":\"A\",\"fields\":[{\"name\":7,\"type\":\"int\"}]}",
        "{\"type\":\"fixed\",\"name\":\"no spaces\",\"size\":1}",
        "{\"type\":\"record\",\"fields\":[{\"name\":\"x\",\"type\":\"int\"}]}",
        "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[]}",
        "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[1]}",
        "{\"type\":\"array\"}",
        "{\"type\":\"map\"}",
        "{\"type\":\"fixed\",\"name\":\"F\",\"size\":-1}",
        "{\"type\":\"fixed\",\"name\":\"F\",\"size\":99999999999}",
        "{\"type\":\"fixed\",\"name\":\"F\"}",
        "[\"int\",\"Nobody\"]",
    };
    struct schema *out = (struct schema *)(uintptr_t)16;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char err[128] = "";
        if (parse(texts[i], &out, err, sizeof err) != ST_INVALID || err[0] == '\0') {
            fail_msg("accepted, or without a reason: %s", texts[i]);
        }
        assert_int_equal((uintptr_t)out, 16);
    }
}

/* Text that repeats `unit` n times between two others. */
static char *repeated(const char *before, const char *unit, size_t n, const char *after) {
    char *text = malloc(strlen(before) + n * strlen(unit) + strlen(after) + 1);
    assert_non_null(text);
    char *p = text + sprintf(text, "%s", before);
    for (size_t i = 0; i < n; i++) {
        p += sprintf(p, "%s", unit);
    }
    strcpy(p, after);
    return text;
}

static void refused_for(char *text, const char *reason) {
    struct schema *out = NULL;
    char err[128] = "";
    assert_int_equal(parse(text, &out, err, sizeof err), ST_INVALID);
    assert_string_equal(err, reason);
    free(text);
}

static void limits_are_kept_before_avro_c_sees_the_text(void **state) {
    (void)state;
    refused_for(repeated("\"int\"", " ", SCHEMA_JSON_MAX, ""), "longer than 1 MiB");
    refused_for(repeated("", "[", 100000, ""), "nested too deeply");
    refused_for(repeated("", "{\"type\":\"array\",\"items\":", 129, ""), "nested too deeply");
    refused_for(repeated("[\"int\"", ",\"int\"", SCHEMA_NODES_MAX, "]"), "too many types");
    refused_for(repeated("[", "{},", 40000, "\"int\"]"), "too many types");
    refused_for(repeated("{\"type\":\"int\",\"doc\":\"", "x", 9000, "\"}"),
                "a string longer than 8 KiB");
    char *most = repeated("[\"int\"", ",\"int\"", SCHEMA_NODES_MAX - 2, "]");
    struct schema *s = parsed(most);
    assert_int_equal(s->n_nodes, SCHEMA_NODES_MAX);
    schema_free(s);
    free(most);
}

static void a_zero_byte_in_the_text_is_refused(void **state) {
    (void)state;
    const char text[] = "{\"type\":\"fixed\",\"name\":\"F\",\"size\":4\0}"; /* jansson takes it */
    struct schema *out = NULL;
    char err[64] = "";
    assert_int_equal(schema_parse(text, sizeof text - 1, &out, err, sizeof err), ST_INVALID);
    assert_string_equal(err, "a zero byte in the text");
    assert_null(out);
}

static void short_error_buffers_are_terminated(void **state) {
    (void)state;
    struct schema *out = NULL;
    char err[5] = {'x', 'x', 'x', 'x', 'x'};
    assert_int_equal(parse("nonsense", &out, err, 4), ST_INVALID);
    assert_int_equal(strlen(err), 3);
    assert_int_equal(err[4], 'x');
    schema_free(NULL);
}

static void member_of(const char *text, const char *key, const char *expected) {
    struct json_view v = json_member(json_root(text, strlen(text)), key);
    if (!expected) {
        assert_null(v.p);
        return;
    }
    assert_non_null(v.p);
    assert_int_equal(v.end - v.p, strlen(expected));
    assert_memory_equal(v.p, expected, strlen(expected));
}

static void members_and_elements_are_found_in_the_text(void **state) {
    (void)state;
    member_of("{\"a\":1,\"b\":2}", "b", "2");
    member_of(" { \"a\" : [1,{\"b\":3}] , \"b\" : \"x\\\"}\" } ", "b", "\"x\\\"}\"");
    member_of("{\"a\":{\"b\":1}}", "b", NULL);
    member_of("{\"b\":1,\"b\":true}", "b", "true"); /* the last one, as jansson */
    member_of("[\"b\",1]", "b", NULL);
    member_of("{\"b", "b", NULL);
    member_of("{\"", "", NULL);
    const char *array = "[1, [2,3] ,\"]\",{}]";
    static const char *const elements[] = {"1", "[2,3]", "\"]\"", "{}"};
    struct json_view at = {NULL, NULL};
    for (size_t i = 0; i < 4; i++) {
        at = json_element(json_root(array, strlen(array)), at);
        assert_int_equal(at.end - at.p, strlen(elements[i]));
        assert_memory_equal(at.p, elements[i], strlen(elements[i]));
    }
    assert_null(json_element(json_root(array, strlen(array)), at).p);
    struct json_view text = {array, array};
    assert_false(json_string((struct json_view){array, array + 1}, &text));
    assert_ptr_equal(text.end, array);
    const struct json_size size = json_measure("[{},{\"[[[\":\"\\\"[\"}]", 17);
    assert_int_equal(size.depth, 2);
    assert_int_equal(size.objects, 2);
    assert_int_equal(size.string, 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_has_its_fields_in_order),
        cmocka_unit_test(the_shipped_actions_are_enum_action_in_its_order),
        cmocka_unit_test(every_type_becomes_its_node),
        cmocka_unit_test(names_are_full_and_links_lead_to_the_type_they_name),
        cmocka_unit_test(a_recursive_type_is_a_cycle_of_indices),
        cmocka_unit_test(the_logical_type_is_found_wherever_it_is_written),
        cmocka_unit_test(what_is_no_schema_is_refused_with_a_reason),
        cmocka_unit_test(limits_are_kept_before_avro_c_sees_the_text),
        cmocka_unit_test(a_zero_byte_in_the_text_is_refused),
        cmocka_unit_test(short_error_buffers_are_terminated),
        cmocka_unit_test(members_and_elements_are_found_in_the_text),
    };
    return cmocka_run_group_tests_name("schema", tests, NULL, NULL);
}
