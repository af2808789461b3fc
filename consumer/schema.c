/* SPDX-License-Identifier: Apache-2.0
 *
 * schema.c -- see schema.h.
 *
 * One walk over the JSON, depth first and left to right as the specification defines
 * "before"; its recursion is no deeper than the text, which is JSON_DEPTH_MAX at most.
 * Names of fields and symbols are borrowed from the document; full names are built. Defaults
 * are checked afterwards (schema_defaults.c), when all types are known.
 */
#include "schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema_build.h"
#include "schema_defaults.h"
#include "schema_logical.h"

/* ---- names ----------------------------------------------------------------------------- */

static const char *const type_names[] = {"null",   "boolean", "int",    "long",   "float",
                                         "double", "bytes",   "string", "record", "enum",
                                         "array",  "map",     "union",  "fixed"};

const char *schema_type_str(enum schema_type t) {
    return (size_t)t < sizeof type_names / sizeof type_names[0] ? type_names[t] : "unknown type";
}

static bool is_primitive(const char *name, size_t len, enum schema_type *type) {
    for (int t = SCHEMA_NULL; t <= SCHEMA_STRING; t++) {
        if (strlen(type_names[t]) == len && memcmp(type_names[t], name, len) == 0) {
            *type = (enum schema_type)t;
            return true;
        }
    }
    return false;
}

/* The member, or NULL also where it is null: several writers of schemas print that. */
static const struct json *attribute(const struct json *table, const char *key) {
    const struct json *v = json_get(table, key);
    return json_kind(v) == JSON_NULL_VALUE ? NULL : v;
}

/* Each text of the list becomes an alias; `full` names for a type, as they are for a field. */
static enum status parse_aliases(struct build *b, const struct json *table,
                                 const struct build_place *at, bool full, const char *const **out,
                                 uint32_t *n_out) {
    const struct json *list = attribute(table, "aliases");
    if (!list) {
        return ST_OK;
    }
    if (json_kind(list) != JSON_LIST) {
        return build_refuse(b, at, "\"aliases\" is no list; write [\"NAME\", ...]");
    }
    const size_t n = json_n(list);
    const char **aliases = NULL;
    enum status st = build_aliases(b, at, n, &aliases);
    for (size_t i = 0; i < n && !st; i++) {
        const char *alias = json_text(json_at(list, i), NULL);
        if (!alias || !(full ? build_is_dotted(alias) : build_is_name(alias))) {
            st = build_refuse(b, at, "the alias \"%.128s\" is no name; write letters, digits and _",
                              alias ? alias : "");
        } else if (full) {
            st = build_full_name(b, at, at->type, at->space_len, alias, &aliases[i]);
        } else {
            aliases[i] = alias;
        }
    }
    if (st) {
        return st;
    }
    *out = aliases;
    *n_out = (uint32_t)n;
    return ST_OK;
}

/* The namespace of a type of this name: its own attribute, unless the name has a dot, else that
 * of the enclosing type. */
static enum status parse_space(struct build *b, const struct json *table,
                               const struct build_place *at, const char *name, const char **space,
                               size_t *len) {
    const struct json *own = attribute(table, "namespace");
    if (!own || strchr(name, '.')) {
        *space = at->type;
        *len = at->space_len;
        return ST_OK;
    }
    const char *text = json_text(own, NULL);
    if (!text || (text[0] && !build_is_dotted(text))) {
        return build_refuse(
            b, at, "the namespace of \"%.128s\" is none; write names with dots between them", name);
    }
    *space = text;
    *len = strlen(text);
    return ST_OK;
}

static enum status parse_full_name(struct build *b, const struct json *table,
                                   const struct build_place *at, enum schema_type type,
                                   const char **full) {
    const char *name = json_text(json_get(table, "name"), NULL);
    if (!name) {
        return build_refuse(b, at, "a type \"%s\" without a name; write \"name\": \"NAME\"",
                            schema_type_str(type));
    }
    const char *last = strrchr(name, '.');
    last = last ? last + 1 : name;
    enum schema_type primitive;
    if (!build_is_dotted(name) || is_primitive(last, strlen(last), &primitive)) {
        return build_refuse(b, at,
                            "\"%.128s\" cannot be the name of a type; write letters, digits and _, "
                            "not the name of a primitive type",
                            name);
    }
    const char *space = NULL;
    size_t len = 0;
    enum status st = parse_space(b, table, at, name, &space, &len);
    return st ? st : build_full_name(b, at, space, len, name, full);
}

/* Full name and aliases of the record, enum or fixed `node`; *inside is its place. */
static enum status parse_name(struct build *b, const struct json *table,
                              const struct build_place *at, uint32_t node,
                              struct build_place *inside) {
    struct schema_node *n = &b->owned->nodes[node];
    const char *full = "";
    enum status st = parse_full_name(b, table, at, n->type, &full);
    uint32_t other = 0;
    if (!st && build_find(b, "", 0, full, &other)) {
        st = build_refuse(b, at, "the type %.256s is defined twice; write its name the second time",
                          full);
    }
    if (st) {
        return st;
    }
    const char *dot = strrchr(full, '.');
    n->name = full;
    *inside = (struct build_place){.type = full, .space_len = dot ? (size_t)(dot - full) : 0};
    return parse_aliases(b, table, inside, true, &n->aliases, &n->n_aliases);
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Fields of a record, symbols of an enum: sorted, because there may be thousands. */
static enum status all_differ(const struct build *b, const struct build_place *at,
                              const struct schema_field *fields, size_t n) {
    const char **names = malloc((n + 1) * sizeof *names);
    if (!names) {
        return build_no_memory(b);
    }
    for (size_t i = 0; i < n; i++) {
        names[i] = fields[i].name;
    }
    qsort(names, n, sizeof *names, by_text);
    enum status st = ST_OK;
    for (size_t i = 1; i < n && !st; i++) {
        if (strcmp(names[i - 1], names[i]) == 0) {
            st = build_refuse(b, at, "\"%.128s\" stands twice in it; write each name once",
                              names[i]);
        }
    }
    free(names);
    return st;
}

/* ---- types ----------------------------------------------------------------------------- */

static enum status parse_type(struct build *b, const struct json *v, const struct build_place *at,
                              uint32_t *node);

/* A primitive, or a named type that was defined before: in the namespace of the enclosing type,
 * or in none, which Java means as well when it writes no dot. */
static enum status parse_reference(struct build *b, const char *name, const struct build_place *at,
                                   uint32_t *node) {
    enum schema_type type;
    if (is_primitive(name, strlen(name), &type)) {
        return build_node(b, at, type, node);
    }
    const size_t space_len = strchr(name, '.') ? 0 : at->space_len;
    if (build_find(b, at->type, space_len, name, node) || build_find(b, "", 0, name, node)) {
        return ST_OK;
    }
    return build_refuse(
        b, at,
        "\"%.128s\" is no type known here; write a primitive type or the full name of a "
        "type defined before",
        name);
}

static enum status parse_field(struct build *b, const struct json *table,
                               const struct build_place *in, struct schema_field *field) {
    struct build_place at = *in;
    const char *name = json_text(json_get(table, "name"), NULL);
    if (!name || !build_is_name(name)) {
        return build_refuse(b, &at,
                            "\"%.128s\" cannot be the name of a field; write letters, digits and _",
                            name ? name : "");
    }
    at.field = name;
    field->name = name;
    field->fallback = json_get(table, "default");
    enum status st = parse_aliases(b, table, &at, false, &field->aliases, &field->n_aliases);
    return st ? st : parse_type(b, json_get(table, "type"), &at, &field->node);
}

static enum status parse_record(struct build *b, const struct json *table,
                                const struct build_place *at, uint32_t node) {
    struct build_place inside;
    enum status st = parse_name(b, table, at, node, &inside);
    if (st) {
        return st;
    }
    const struct json *list = json_get(table, "fields");
    if (json_kind(list) != JSON_LIST) {
        return build_refuse(b, &inside, "a record without fields; write \"fields\": [...]");
    }
    const size_t n = json_n(list);
    struct schema_field *fields = NULL;
    st = build_fields(b, &inside, node, n, &fields);
    for (size_t i = 0; i < n && !st; i++) {
        st = parse_field(b, json_at(list, i), &inside, &fields[i]);
    }
    return st ? st : all_differ(b, &inside, fields, n);
}

static enum status parse_symbols(struct build *b, const struct json *list,
                                 const struct build_place *at, uint32_t node) {
    const size_t n = json_kind(list) == JSON_LIST ? json_n(list) : 0;
    if (n == 0) {
        return build_refuse(b, at, "an enum without symbols; write \"symbols\": [\"NAME\", ...]");
    }
    struct schema_field *fields = NULL;
    enum status st = build_fields(b, at, node, n, &fields);
    for (size_t i = 0; i < n && !st; i++) {
        fields[i].name = json_text(json_at(list, i), NULL);
        if (!fields[i].name || !build_is_name(fields[i].name)) {
            st = build_refuse(b, at, "\"%.128s\" cannot be a symbol; write letters, digits and _",
                              fields[i].name ? fields[i].name : "");
        }
    }
    return st ? st : all_differ(b, at, fields, n);
}

static enum status parse_enum(struct build *b, const struct json *table,
                              const struct build_place *at, uint32_t node) {
    struct build_place inside;
    enum status st = parse_name(b, table, at, node, &inside);
    st = st ? st : parse_symbols(b, json_get(table, "symbols"), &inside, node);
    const struct json *v = attribute(table, "default");
    if (st || !v) {
        return st;
    }
    const char *symbol = json_text(v, NULL);
    const struct schema_node *n = &b->owned->nodes[node];
    for (uint32_t i = 0; symbol && i < n->n; i++) {
        if (strcmp(n->fields[i].name, symbol) == 0) {
            b->owned->nodes[node].symbol = (int32_t)i;
            return ST_OK;
        }
    }
    return build_refuse(b, &inside,
                        "its default \"%.128s\" is no symbol of it; write one of its symbols",
                        symbol ? symbol : "");
}

static enum status parse_fixed(struct build *b, const struct json *table,
                               const struct build_place *at, uint32_t node) {
    struct build_place inside;
    enum status st = parse_name(b, table, at, node, &inside);
    int64_t size = -1;
    if (!st && (!json_whole(json_get(table, "size"), &size) || size < 0 || size > INT32_MAX)) {
        st = build_refuse(b, &inside, "a fixed type of no possible size; write \"size\": BYTES");
    }
    if (!st) {
        b->owned->nodes[node].n = (uint32_t)size;
    }
    return st;
}

/* Array or map: one child. */
static enum status parse_items(struct build *b, const struct json *table,
                               const struct build_place *at, uint32_t node) {
    const bool array = b->owned->nodes[node].type == SCHEMA_ARRAY;
    const struct json *items = json_get(table, array ? "items" : "values");
    if (!items) {
        return build_refuse(b, at,
                            array ? "an array without items; write \"items\": TYPE"
                                  : "a map without values; write \"values\": TYPE");
    }
    struct schema_field *child = NULL;
    enum status st = build_fields(b, at, node, 1, &child);
    return st ? st : parse_type(b, items, at, &child->node);
}

/* Branch i against those before it. */
static enum status branch_fits(const struct build *b, const struct build_place *at,
                               const struct schema_field *branches, size_t i) {
    const struct schema_node *n = &b->owned->nodes[branches[i].node];
    if (n->type == SCHEMA_UNION) {
        return build_refuse(b, at,
                            "a union directly in a union; write the branches of both in one");
    }
    for (size_t j = 0; j < i; j++) {
        const struct schema_node *other = &b->owned->nodes[branches[j].node];
        if (n == other || (!n->name && n->type == other->type)) {
            return build_refuse(b, at, "a union with two branches %.256s; write each once",
                                n->name ? n->name : schema_type_str(n->type));
        }
    }
    return ST_OK;
}

static enum status parse_union(struct build *b, const struct json *list,
                               const struct build_place *at, uint32_t *node) {
    const size_t n = json_n(list);
    if (n == 0) {
        return build_refuse(b, at, "a union without branches; write [TYPE, ...]");
    }
    enum status st = build_node(b, at, SCHEMA_UNION, node);
    struct schema_field *branches = NULL;
    st = st ? st : build_fields(b, at, *node, n, &branches);
    for (size_t i = 0; i < n && !st; i++) {
        st = parse_type(b, json_at(list, i), at, &branches[i].node);
        st = st ? st : branch_fits(b, at, branches, i);
    }
    return st;
}

/* ---- the whole ------------------------------------------------------------------------- */

static const struct {
    enum schema_type type;
    enum status (*parse)(struct build *b, const struct json *table, const struct build_place *at,
                         uint32_t node);
} complex_types[] = {
    {SCHEMA_RECORD, parse_record}, {SCHEMA_ENUM, parse_enum},   {SCHEMA_ARRAY, parse_items},
    {SCHEMA_MAP, parse_items},     {SCHEMA_FIXED, parse_fixed},
};

static enum status parse_table(struct build *b, const struct json *table,
                               const struct build_place *at, uint32_t *node) {
    const struct json *type = json_get(table, "type");
    const char *name = json_text(type, NULL);
    if (!name) {
        return parse_type(b, type, at, node); /* {"type": {"type": ...}}, {"type": [...]} */
    }
    for (size_t i = 0; i < sizeof complex_types / sizeof complex_types[0]; i++) {
        if (strcmp(name, schema_type_str(complex_types[i].type)) == 0) {
            enum status st = build_node(b, at, complex_types[i].type, node);
            st = st ? st : complex_types[i].parse(b, table, at, *node);
            if (!st) {
                schema_logical_read(table, &b->owned->nodes[*node]);
            }
            return st;
        }
    }
    enum status st = parse_reference(b, name, at, node);
    if (!st && !b->owned->nodes[*node].name) {
        schema_logical_read(table, &b->owned->nodes[*node]);
    }
    return st;
}

static enum status parse_type(struct build *b, const struct json *v, const struct build_place *at,
                              uint32_t *node) {
    switch (json_kind(v)) {
    case JSON_TABLE: return parse_table(b, v, at, node);
    case JSON_LIST: return parse_union(b, v, at, node);
    case JSON_TEXT: {
        const char *name = json_text(v, NULL);
        return parse_reference(b, name ? name : "", at, node);
    }
    case JSON_NONE: return build_refuse(b, at, "no type; write \"type\": TYPE");
    default:
        return build_refuse(b, at,
                            "a number, true, false or null is no type; write \"NAME\", {...} or "
                            "[...]");
    }
}

/* string: a primitive by its name alone, with no quotes around it. */
static bool is_bare(const char *json, size_t len, enum schema_type *type) {
    static const char space[] = " \t\r\n";
    while (len > 0 && json[0] && strchr(space, json[0])) {
        json++;
        len--;
    }
    while (len > 0 && json[len - 1] && strchr(space, json[len - 1])) {
        len--;
    }
    return is_primitive(json, len, type);
}

static enum status parse_text(struct build *b, const char *json, size_t len) {
    const struct build_place top = {0};
    uint32_t root;
    enum schema_type bare;
    if (len <= SCHEMA_JSON_MAX && is_bare(json, len, &bare)) {
        return build_node(b, &top, bare, &root);
    }
    enum status st = json_parse(json, len, &b->owned->document, b->err, b->err_len);
    return st ? st : parse_type(b, b->owned->document, &top, &root);
}

static enum status parse(const char *json, size_t len, bool writer, struct schema **out, char *err,
                         size_t err_len) {
    struct build b = {.owned = calloc(1, sizeof *b.owned), .err = err, .err_len = err_len};
    if (!b.owned) {
        return build_no_memory(&b);
    }
    enum status st = parse_text(&b, json, len);
    struct schema *s = &b.owned->schema;
    if (!st && !writer) {
        st = schema_defaults_check(s, err, err_len);
    }
    if (!st) {
        char *text = build_keep(&b, len + 1, 1);
        st = text ? ST_OK : build_no_memory(&b);
        if (text) {
            memcpy(text, json, len);
            s->json = text;
        }
    }
    if (st) {
        schema_free(s);
        return st;
    }
    *out = s;
    return ST_OK;
}

enum status schema_parse(const char *json, size_t len, struct schema **out, char *err,
                         size_t err_len) {
    return parse(json, len, false, out, err, err_len);
}

enum status schema_parse_writer(const char *json, size_t len, struct schema **out, char *err,
                                size_t err_len) {
    return parse(json, len, true, out, err, err_len);
}

const struct schema_field *schema_field(const struct schema *s, uint32_t node, const char *name) {
    const struct schema_node *record = &s->nodes[node];
    for (uint32_t i = 0; record->type == SCHEMA_RECORD && i < record->n; i++) {
        if (strcmp(record->fields[i].name, name) == 0) {
            return &record->fields[i];
        }
    }
    return NULL;
}
