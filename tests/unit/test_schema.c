/* SPDX-License-Identifier: Apache-2.0
 *
 * test_schema.c -- the contract of schema.h: nodes, names, limits. Names against the examples
 * of the Avro 1.11 specification, and as they are worked out while a random schema is written.
 * (What is a schema and what is none: test_schema_rules.c. Logical types:
 * test_schema_logical.c.)
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

#include "failing_alloc.h"
#include "schema.h"
#include "schema_text.h"

/* ---- nodes ------------------------------------------------------------------------------- */

static void every_primitive_is_a_node_with_or_without_quotes(void **state) {
    (void)state;
    static const char *const forms[] = {"'%s'", "%s", " \t%s\r\n", "{'type':'%s'}"};
    static const char *const names[] = {"null",  "boolean", "int",   "long",
                                        "float", "double",  "bytes", "string"};
    for (size_t i = 0; i < 32; i++) {
        char text[32];
        char *p = strcpy(text, forms[i % 4]);
        char *at = strstr(p, "%s");
        snprintf(at, sizeof text - (size_t)(at - text), "%s%s", names[i / 4],
                 strstr(forms[i % 4], "%s") + 2);
        struct schema *s = parsed(text);
        assert_int_equal(s->nodes[0].type, SCHEMA_NULL + i / 4);
        assert_string_equal(schema_type_str(s->nodes[0].type), names[i / 4]);
        assert_int_equal(s->n_nodes, 1);
        assert_null(s->nodes[0].name);
        assert_int_equal(strlen(s->json), strlen(text));
        schema_free(s);
    }
    assert_string_equal(schema_type_str(SCHEMA_UNION), "union");
    assert_string_equal(schema_type_str((enum schema_type)99), "unknown type");
}

static void every_complex_type_has_its_children(void **state) {
    (void)state;
    struct schema *s = parsed(
        "[" FIXED("F", "12") ",{'type':'array','items':'int'},"
                             "{'type':'map','values':{'type':'float'}}," ENUM("E", "'X','Y'") "]");
    const struct schema_node *root = &s->nodes[0];
    assert_int_equal(root->type, SCHEMA_UNION);
    assert_int_equal(root->n, 4);
    assert_null(root->fields[0].name);
    const struct schema_node *fixed = &s->nodes[root->fields[0].node];
    const struct schema_node *array = &s->nodes[root->fields[1].node];
    const struct schema_node *map = &s->nodes[root->fields[2].node];
    const struct schema_node *symbols = &s->nodes[root->fields[3].node];
    assert_int_equal(fixed->type, SCHEMA_FIXED);
    assert_int_equal(fixed->n, 12);
    assert_null(fixed->fields);
    assert_string_equal(fixed->name, "F");
    assert_int_equal(array->type, SCHEMA_ARRAY);
    assert_int_equal(array->n, 1);
    assert_int_equal(s->nodes[array->fields[0].node].type, SCHEMA_INT);
    assert_int_equal(map->type, SCHEMA_MAP);
    assert_int_equal(map->n, 1);
    assert_int_equal(s->nodes[map->fields[0].node].type, SCHEMA_FLOAT);
    assert_int_equal(symbols->n, 2);
    assert_string_equal(symbols->fields[1].name, "Y");
    assert_int_equal(symbols->symbol, -1);
    schema_free(s);
}

static void a_record_has_its_fields_in_order_with_defaults_and_aliases(void **state) {
    (void)state;
    const char *text =
        "{'type':'record','name':'R','namespace':'n','aliases':['Q','m.P'],'fields':["
        "{'name':'z','type':'int'},{'name':'a','type':'string','default':'x',"
        "'aliases':['b','c']},{'name':'m','type':'null','default':null}]}";
    struct schema *s = parsed(text);
    const struct schema_node *r = &s->nodes[0];
    assert_int_equal(r->type, SCHEMA_RECORD);
    assert_string_equal(r->name, "n.R");
    assert_int_equal(r->n_aliases, 2);
    assert_string_equal(r->aliases[0], "n.Q");
    assert_string_equal(r->aliases[1], "m.P");
    assert_int_equal(r->n, 3);
    assert_string_equal(r->fields[0].name, "z");
    assert_null(r->fields[0].fallback);
    assert_int_equal(r->fields[0].n_aliases, 0);
    assert_string_equal(json_text(r->fields[1].fallback, NULL), "x");
    assert_int_equal(r->fields[1].n_aliases, 2);
    assert_string_equal(r->fields[1].aliases[0], "b"); /* of a field: as it is written */
    assert_string_equal(r->fields[1].aliases[1], "c");
    assert_int_equal(json_kind(r->fields[2].fallback), JSON_NULL_VALUE);
    assert_ptr_equal(schema_field(s, 0, "m"), &r->fields[2]);
    assert_null(schema_field(s, 0, "b"));                 /* aliases are not looked at */
    assert_null(schema_field(s, r->fields[0].node, "z")); /* no record */
    for (size_t i = 0; i <= strlen(text); i++) {
        assert_int_equal(s->json[i], text[i] == '\'' ? '"' : text[i]);
    }
    schema_free(s);
}

static void the_default_of_an_enum_is_an_index(void **state) {
    (void)state;
    struct schema *s = parsed("{'type':'enum','name':'E','symbols':['A','B','C'],'default':'C'}");
    assert_int_equal(s->nodes[0].symbol, 2);
    schema_free(s);
}

static void a_recursive_type_is_a_cycle_of_indices(void **state) {
    (void)state;
    struct schema *s = parsed("{'type':'record','name':'x.T','fields':[{'name':'v','type':'int'},"
                              "{'name':'next','type':['null','T']},"
                              "{'name':'kids','type':{'type':'array','items':'x.T'}}]}");
    assert_int_equal(field_type(s, "next")->fields[1].node, 0);
    assert_int_equal(field_type(s, "kids")->fields[0].node, 0);
    assert_int_equal(s->n_nodes, 5);
    schema_free(s);
}

/* ---- names ------------------------------------------------------------------------------- */

/* The cases of "Names" in the specification: no namespace, one inherited, one given, a full
 * name that overrules it, and the namespace that a full name leaves to what is inside. */
static void names_resolve_as_in_the_examples_of_the_specification(void **state) {
    (void)state;
    struct schema *s =
        parsed("{'type':'record','name':'Example','fields':["
               "{'name':'f0','type':" ENUM(
                   "Simple", "'a','b'") "},"
                                        "{'name':'f1','type':{'type':'fixed','name':'Simple','"
                                        "namespace':'explicit','size':12}},"
                                        "{'name':'f2','type':{'type':'record','name':'a.full.Name',"
                                        "'namespace':'ignored','aliases':"
                                        "['c','x.y'],'fields':[{'name':'inside','type':" ENUM(
                                            "Understanding",
                                            "'d','e'") "},"
                                                       "{'name':'null_space','type':{'type':'fixed'"
                                                       ",'name':'N','namespace':'','size':1}},"
                                                       "{'name':'near','type':'Understanding'},{'"
                                                       "name':'far','type':'explicit.Simple'},"
                                                       "{'name':'java','type':'Simple'}]}},"
                                                       "{'name':'f3','type':'a.full.Understanding'}"
                                                       ",{'name':'f4','type':'N'}]}");
    static const char *const names[] = {
        "Example", "Simple", "explicit.Simple", "a.full.Name", "a.full.Understanding", "N"};
    assert_int_equal(s->n_nodes, 6);
    for (size_t i = 0; i < 6; i++) {
        assert_string_equal(s->nodes[i].name, names[i]);
    }
    assert_string_equal(s->nodes[3].aliases[0], "a.full.c");
    assert_string_equal(s->nodes[3].aliases[1], "x.y");
    assert_int_equal(schema_field(s, 3, "near")->node, 4);
    assert_int_equal(schema_field(s, 3, "far")->node, 2);
    assert_int_equal(schema_field(s, 3, "java")->node, 1); /* no a.full.Simple: then Simple */
    assert_int_equal(schema_field(s, 0, "f3")->node, 4);
    assert_int_equal(schema_field(s, 0, "f4")->node, 5);
    schema_free(s);
    refused("[{'type':'fixed','name':'a.F','size':1},{'type':'array','items':'F'}]",
            "\"F\" is no type known"); /* the namespace ends with its type */
    refused("{'type':'record','name':'a.R','fields':[{'name':'f','type':'b.R'}]}",
            "\"b.R\" is no type known");
    refused("{'type':'record','name':'aa.R','fields':[{'name':'f','type':'a.R'}]}",
            "\"a.R\" is no type known");
    refused("[" FIXED("ab_F", "1") ",{'type':'record','name':'ab.R','fields':[{'name':'f','type':"
                                   "'F'}]}]",
            "field \"f\" of ab.R: \"F\" is no type known");
}

static void the_own_namespace_goes_before_none(void **state) {
    (void)state;
    struct schema *s = parsed("{'type':'record','name':'R','fields':[{'name':'a','type':" FIXED(
        "F",
        "1") "},"
             "{'name':'b','type':{'type':'record','name':'n.S','fields':[{'name':'c','type':'F'},"
             "{'name':'d','type':" FIXED("F", "2") "},{'name':'e','type':'F'}]}}]}");
    const uint32_t inner = schema_field(s, 0, "b")->node;
    assert_string_equal(s->nodes[schema_field(s, inner, "c")->node].name, "F");
    assert_string_equal(s->nodes[schema_field(s, inner, "e")->node].name, "n.F");
    schema_free(s);
}

struct written {
    char text[16384];
    size_t len;
    char names[64][128]; /* full names in the order of the text */
    size_t n;
    uint64_t random;
};

static uint64_t next_random(uint64_t *seed) {
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

static void put(struct written *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct written *w, const char *format, ...) {
    va_list args;
    va_start(args, format);
    w->len += (size_t)vsnprintf(w->text + w->len, sizeof w->text - w->len, format, args);
    va_end(args);
    assert_in_range(w->len, 1, sizeof w->text - 1);
}

/* Writes a named type inside namespace `space`; it is known beforehand what its name will be. */
static void write_type(struct written *w, const char *space, int depth) {
    static const char *const spaces[] = {"", "p", "p.q", "r.s.t"};
    const char *own = spaces[next_random(&w->random) % 4];
    const char *other = spaces[next_random(&w->random) % 4];
    const uint64_t form = next_random(&w->random) % 4;
    const size_t id = w->n++;
    const char *inside = form == 0 ? space : own;
    snprintf(w->names[id], sizeof w->names[id], "%s%sT%zu", inside, inside[0] ? "." : "", id);
    put(w, "{");
    if (form == 0) { /* inherited */
        put(w, "'name':'T%zu',", id);
    } else if (form == 1 || !own[0]) { /* given; a full name cannot say "none" */
        put(w, "'namespace':'%s','name':'T%zu',", own, id);
    } else if (form == 2) { /* a full name */
        put(w, "'name':'%s',", w->names[id]);
    } else { /* a full name, and a namespace of no meaning */
        put(w, "'name':'%s','namespace':'%s',", w->names[id], other);
    }
    put(w, "'type':'record','fields':[");
    const uint64_t fields = depth < 4 ? next_random(&w->random) % 4 : 0;
    for (uint64_t i = 0; i < fields && w->n < 60; i++) {
        put(w, "%s{'name':'f%u','type':", i ? "," : "", (unsigned)i);
        write_type(w, inside, depth + 1);
        put(w, "}");
    }
    put(w, "]}");
}

static void random_schemas_have_the_names_they_were_written_with(void **state) {
    (void)state;
    static struct written w;
    size_t most = 0;
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        w = (struct written){.random = seed};
        write_type(&w, "", 0);
        struct schema *s = parsed(w.text);
        assert_int_equal(s->n_nodes, w.n);
        for (size_t i = 0; i < w.n; i++) {
            if (strcmp(s->nodes[i].name, w.names[i]) != 0) {
                fail_msg("seed %u: %s, not %s: %s", (unsigned)seed, s->nodes[i].name, w.names[i],
                         w.text);
            }
        }
        most = w.n > most ? w.n : most;
        schema_free(s);
    }
    assert_in_range(most, 20, 64);
}

/* ---- limits ------------------------------------------------------------------------------ */

/* `before`, n times `unit` with a number in the place of its #, `after`. */
static char *repeated(const char *before, const char *unit, size_t n, const char *after) {
    char *text = malloc(strlen(before) + n * (strlen(unit) + 8) + strlen(after) + 1);
    assert_non_null(text);
    char *p = text + sprintf(text, "%s", before);
    for (size_t i = 0; i < n; i++) {
        for (const char *u = unit; *u; u++) {
            p += *u == '#' ? sprintf(p, "%zu", i) : sprintf(p, "%c", *u);
        }
    }
    strcpy(p, after);
    return text;
}

static void accepted_up_to(size_t n, const char *before, const char *unit, const char *after,
                           const char *why) {
    char *most = repeated(before, unit, n, after);
    schema_free(parsed(most));
    free(most);
    char *more = repeated(before, unit, n + 1, after);
    refused(more, why);
    free(more);
}

static void limits_are_kept(void **state) {
    (void)state;
    accepted_up_to(SCHEMA_NODES_MAX - 2, "[", FIXED("F#", "1") ",", "'int']",
                   "more than 4096 types in one schema");
    accepted_up_to(SCHEMA_FIELDS_MAX - 1, "{'type':'enum','name':'E','symbols':['A'", ",'A#'", "]}",
                   "E: more than 16384 fields, branches, symbols and aliases");
    accepted_up_to(SCHEMA_FIELDS_MAX - 1, "{'type':'fixed','name':'F','size':1,'aliases':['A'",
                   ",'A#'", "]}", "F: more than 16384 fields");
    accepted_up_to(SCHEMA_FIELDS_MAX - 1,
                   "{'type':'record','name':'R','fields':[{'name':'f','type':'R'}",
                   ",{'name':'f#','type':'R'}", "]}", "R: more than 16384 fields");
    accepted_up_to(SCHEMA_JSON_MAX - 5, "'int'", " ", "", "longer than 1048576 bytes");
    accepted_up_to(SCHEMA_JSON_MAX - 3, "int", " ", "", "longer than 1048576 bytes");
    char *text = repeated("", "{'type':", 129, "");
    refused(text, "nested too deeply");
    free(text);
}

static void a_namespace_is_not_multiplied_without_limit(void **state) {
    (void)state;
    char *open = repeated("{'type':'record','namespace':'n", "n", 2000, "','name':'R','fields':[");
    char *text = repeated(open, "{'name':'f#','type':" FIXED("F#", "1") "},", 600,
                          "{'name':'f','type':'int'}]}");
    refused(text, "full names of over 1048576 bytes together; shorten the namespace");
    free(text);
    text = repeated(open, "{'name':'f#','type':" FIXED("F#", "1") "},", 500,
                    "{'name':'f','type':'int'}]}");
    schema_free(parsed(text));
    free(text);
    free(open);
}

static void defaults_that_grow_without_limit_are_refused(void **state) {
    (void)state;
    /* Each record holds the one before twice, by default: 2^30 values. */
    char *text =
        repeated("[{'type':'record','name':'R','fields':[]},{'type':'record','name':'R0','fields':["
                 "{'name':'a','type':'R','default':{}},{'name':'b','type':'R','default':{}}]}",
                 "", 0, "");
    for (unsigned i = 1; i <= 30; i++) {
        char unit[192];
        snprintf(unit, sizeof unit,
                 ",{'type':'record','name':'R%u','fields':[{'name':'a','type':'R%u','default':{}},"
                 "{'name':'b','type':'R%u','default':{}}]}",
                 i, i - 1, i - 1);
        char *more = repeated(text, unit, 1, i == 5 || i == 30 ? "]" : "");
        if (i == 5) {
            schema_free(parsed(more));
            more[strlen(more) - 1] = '\0';
        }
        free(text);
        text = more;
    }
    refused(text, "or the defaults of this schema to over 16384 values");
    free(text);
}

/* R0 by default holds an R1, that an R2, and so on: a chain that ends, but later than it may. */
static void a_default_expands_to_as_many_levels_as_json_may_have(void **state) {
    (void)state;
    static const char before[] =
        "[{'type':'record','name':'R','fields':[]},{'type':'record','name':"
        "'S0','fields':[{'name':'f','type':'R','default':{}}]}";
    char *text = repeated(before, "", 0, "");
    for (unsigned i = 1; i <= JSON_DEPTH_MAX; i++) {
        char unit[128];
        snprintf(
            unit, sizeof unit,
            ",{'type':'record','name':'S%u','fields':[{'name':'f','type':'S%u','default':{}}]}", i,
            i - 1);
        char *more = repeated(text, unit, 1, "]");
        if (i < JSON_DEPTH_MAX) {
            schema_free(parsed(more));
        } else {
            refused(more, "field \"f\" of S128: its default expands to over 128 levels");
        }
        more[strlen(more) - 1] = '\0';
        free(text);
        text = more;
    }
    free(text);
}

static void a_zero_byte_in_the_text_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":4_}", "int_",
                                        "_int", "\"int\"_"};
    for (size_t i = 0; i < 4; i++) {
        char text[64];
        const size_t len = strlen(strcpy(text, texts[i]));
        *strchr(text, '_') = '\0';
        struct schema *out = NULL;
        char err[64] = "";
        assert_int_equal(schema_parse(text, len, &out, err, sizeof err), ST_INVALID);
        assert_non_null(strstr(err, "a zero byte"));
        assert_null(out);
    }
}

static void short_error_buffers_are_terminated(void **state) {
    (void)state;
    static const char *const texts[] = {"nonsense", "'nonsense'", FIELD("'int'", "null")};
    for (size_t i = 0; i < 3; i++) {
        struct schema *out = NULL;
        char err[5] = {'x', 'x', 'x', 'x', 'x'};
        assert_int_equal(parse(texts[i], &out, err, 4), ST_INVALID);
        assert_int_equal(strlen(err), 3);
        assert_int_equal(err[4], 'x');
    }
    schema_free(NULL);
}

/* (With errno unset by failing_alloc.h a text cut short can pass for a bad token: test_json.c.) */
static void without_memory_nothing_is_made(void **state) {
    (void)state;
    static const char text[] =
        "{\"type\":\"record\",\"name\":\"a.R\",\"aliases\":[\"Q\"],\"fields\":["
        "{\"name\":\"f\",\"aliases\":[\"g\"],\"type\":[\"null\",{\"type\":\"enum\",\"name\":"
        "\"E\",\"symbols\":[\"A\",\"B\"]}],\"default\":null},{\"name\":\"m\",\"type\":"
        "{\"type\":\"map\",\"values\":{\"type\":\"array\",\"items\":\"R\"}}}]}";
    enum status st = ST_NOMEM;
    size_t no_memory = 0;
    for (int n = 0; CAN_FAIL && st; n++) {
        struct schema *out = NULL;
        char err[256] = "";
        assert_in_range(n, 0, 1000);
        fail_after(n);
        st = schema_parse(text, sizeof text - 1, &out, err, sizeof err);
        fail_after(-1);
        assert_true(st == ST_OK ? out != NULL : out == NULL && err[0] != '\0');
        no_memory += st == ST_NOMEM;
        schema_free(out);
    }
    assert_true(no_memory > 20 || !CAN_FAIL);
}

static void a_writer_with_a_wrong_default_is_read_all_the_same(void **state) {
    (void)state;
    static const char text[] = "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\","
                               "\"type\":[\"null\",\"string\"],\"default\":\"\"}]}";
    struct schema *s = NULL;
    char err[256] = "";
    assert_int_equal(schema_parse(text, sizeof text - 1, &s, err, sizeof err), ST_INVALID);
    assert_null(s);
    assert_int_equal(schema_parse_writer(text, sizeof text - 1, &s, err, sizeof err), ST_OK);
    assert_int_equal(s->n_nodes, 4);
    schema_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_writer_with_a_wrong_default_is_read_all_the_same),
        cmocka_unit_test(every_primitive_is_a_node_with_or_without_quotes),
        cmocka_unit_test(every_complex_type_has_its_children),
        cmocka_unit_test(a_record_has_its_fields_in_order_with_defaults_and_aliases),
        cmocka_unit_test(the_default_of_an_enum_is_an_index),
        cmocka_unit_test(a_recursive_type_is_a_cycle_of_indices),
        cmocka_unit_test(names_resolve_as_in_the_examples_of_the_specification),
        cmocka_unit_test(the_own_namespace_goes_before_none),
        cmocka_unit_test(random_schemas_have_the_names_they_were_written_with),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(a_namespace_is_not_multiplied_without_limit),
        cmocka_unit_test(defaults_that_grow_without_limit_are_refused),
        cmocka_unit_test(a_default_expands_to_as_many_levels_as_json_may_have),
        cmocka_unit_test(a_zero_byte_in_the_text_is_refused),
        cmocka_unit_test(short_error_buffers_are_terminated),
        cmocka_unit_test(without_memory_nothing_is_made),
    };
    return cmocka_run_group_tests_name("schema", tests, NULL, NULL);
}
