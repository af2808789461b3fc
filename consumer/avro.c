/* SPDX-License-Identifier: Apache-2.0
 *
 * avro.c -- everything that avro-c does here: see schema.h and encode.h.
 *
 * Schemas. avro-c recurses over the text, copies an inherited namespace into every named
 * type and leaks what it built when it refuses a schema, so the text is measured first
 * (limits below). Its tree is then copied into flat nodes: the same walk twice, once to
 * count, once to fill one block. Known and accepted: a recursive schema is a cycle of
 * references that avro-c never frees, once for each such schema that is loaded.
 *
 * Events are encoded through avro-c's generic values, which are filled in place.
 */
#include <avro.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "encode.h"
#include "schema.h"
#include "schema_json.h"
#include "schemas.h"
#include "wire.h"

enum {
    NESTING_MAX = 128,                  /* of the text: avro-c and walk() recurse     */
    OBJECTS_MAX = 4 * SCHEMA_NODES_MAX, /* each may become a record with its tables   */
    STRING_MAX = 8192,                  /* a namespace is copied OBJECTS_MAX times    */
    FIXED_MAX = INT32_MAX,              /* bytes of a fixed; no Kafka record has more */
};

/* ---- from avro-c's tree to nodes ----------------------------------------------------- */

struct build {
    bool counting; /* nothing below is written while counting */
    struct schema_node *nodes;
    struct schema_field *fields;
    char *text;
    avro_schema_t *origin; /* of each node: what a link points to */
    size_t n_nodes;
    size_t n_fields;
    size_t n_text;
    const char *error; /* first one, or NULL */
};

static const char *keep(struct build *b, const char *text, size_t len) {
    const size_t at = b->n_text;
    b->n_text += len + 1;
    if (b->counting) {
        return NULL;
    }
    memcpy(b->text + at, text, len);
    b->text[at + len] = '\0';
    return b->text + at;
}

static const char *keep_name(struct build *b, avro_schema_t s) {
    const char *space = avro_schema_namespace(s);
    const char *name = avro_schema_name(s);
    if (!space || !space[0]) {
        return keep(b, name, strlen(name));
    }
    const char *full = keep(b, space, strlen(space));
    if (full) {
        b->text[b->n_text - 1] = '.'; /* in the place of the terminator */
    }
    (void)keep(b, name, strlen(name));
    return full;
}

static enum schema_type type_of(avro_schema_t s) {
    switch (avro_typeof(s)) {
    case AVRO_BOOLEAN: return SCHEMA_BOOLEAN;
    case AVRO_INT32: return SCHEMA_INT;
    case AVRO_INT64: return SCHEMA_LONG;
    case AVRO_FLOAT: return SCHEMA_FLOAT;
    case AVRO_DOUBLE: return SCHEMA_DOUBLE;
    case AVRO_BYTES: return SCHEMA_BYTES;
    case AVRO_STRING: return SCHEMA_STRING;
    case AVRO_RECORD: return SCHEMA_RECORD;
    case AVRO_ENUM: return SCHEMA_ENUM;
    case AVRO_ARRAY: return SCHEMA_ARRAY;
    case AVRO_MAP: return SCHEMA_MAP;
    case AVRO_UNION: return SCHEMA_UNION;
    case AVRO_FIXED: return SCHEMA_FIXED;
    default: return SCHEMA_NULL;
    }
}

/* Fields, branches, symbols, the one child of an array or a map. */
static size_t count_of(avro_schema_t s) {
    switch (type_of(s)) {
    case SCHEMA_RECORD: return avro_schema_record_size(s);
    case SCHEMA_ENUM: return (size_t)avro_schema_enum_number_of_symbols(s);
    case SCHEMA_UNION: return avro_schema_union_size(s);
    case SCHEMA_ARRAY:
    case SCHEMA_MAP: return 1;
    default: return 0;
    }
}

static avro_schema_t child_of(avro_schema_t s, int i) {
    switch (type_of(s)) {
    case SCHEMA_RECORD: return avro_schema_record_field_get_by_index(s, i);
    case SCHEMA_UNION: return avro_schema_union_branch(s, i);
    case SCHEMA_ARRAY: return avro_schema_array_items(s);
    default: return avro_schema_map_values(s);
    }
}

/* The text of child i, which follows the text of child i - 1 in `list`. */
static struct json_view child_text(enum schema_type type, struct json_view text,
                                   struct json_view *at) {
    switch (type) {
    case SCHEMA_RECORD:
        *at = json_element(json_member(text, "fields"), *at);
        return json_member(*at, "type");
    case SCHEMA_UNION: *at = json_element(text, *at); return *at;
    case SCHEMA_ARRAY: return json_member(text, "items");
    default: return json_member(text, "values");
    }
}

static uint32_t linked_node(struct build *b, avro_schema_t target) {
    for (size_t i = 0; !b->counting && i < b->n_nodes; i++) {
        if (b->origin[i] == target) {
            return (uint32_t)i;
        }
    }
    return 0;
}

static uint32_t walk(struct build *b, avro_schema_t s, struct json_view text);

/* `fields` (n,) receives the children; NULL while counting. */
static void walk_children(struct build *b, avro_schema_t s, struct json_view text,
                          struct schema_field *fields, size_t n) {
    const enum schema_type type = type_of(s);
    struct json_view at = {NULL, NULL};
    for (size_t i = 0; i < n && !b->error; i++) {
        struct schema_field f = {0};
        if (type == SCHEMA_ENUM) {
            const char *symbol = avro_schema_enum_get(s, (int)i);
            f.name = keep(b, symbol, strlen(symbol));
        } else {
            if (type == SCHEMA_RECORD) {
                const char *name = avro_schema_record_field_name(s, (int)i);
                f.name = keep(b, name, strlen(name));
            }
            f.node = walk(b, child_of(s, (int)i), child_text(type, text, &at));
        }
        if (fields) {
            fields[i] = f;
        }
    }
}

/* Appends the node of `s` and all below it; returns its index. `text` is the JSON of it,
 * or nothing where the two could not be read side by side. */
static uint32_t walk(struct build *b, avro_schema_t s, struct json_view text) {
    if (is_avro_link(s)) {
        return linked_node(b, avro_schema_link_target(s));
    }
    struct schema_node node = {.type = type_of(s)};
    const size_t index = b->n_nodes++;
    const size_t n = count_of(s);
    const bool named = is_avro_record(s) || is_avro_enum(s) || is_avro_fixed(s);
    const int64_t size = is_avro_fixed(s) ? avro_schema_fixed_size(s) : 0;
    if (b->n_nodes > SCHEMA_NODES_MAX || size < 0 || size > FIXED_MAX) {
        b->error = size ? "a fixed type of an impossible size" : "too many types";
        return 0;
    }
    node.name = named ? keep_name(b, s) : NULL;
    node.n = node.type == SCHEMA_FIXED ? (uint32_t)size : (uint32_t)n;
    struct json_view logical;
    if (json_string(json_member(text, "logicalType"), &logical)) {
        node.logical = keep(b, logical.p, (size_t)(logical.end - logical.p));
    }
    struct schema_field *fields = b->counting ? NULL : b->fields + b->n_fields;
    b->n_fields += n;
    if (!b->counting) {
        node.fields = n ? fields : NULL;
        b->nodes[index] = node;
        b->origin[index] = s; /* NOLINT(clang-analyzer-unix.Malloc): has room for one at least */
    }
    walk_children(b, s, text, fields, n);
    return (uint32_t)index;
}

/* ---- schema.h ------------------------------------------------------------------------ */

/* Header, nodes, fields, text of names, JSON: one block. Sizes come from a counting walk. */
static enum status flatten(avro_schema_t tree, const char *json, size_t len, struct schema **out,
                           const char **why) {
    const struct json_view text = json_root(json, len);
    struct build b = {.counting = true};
    (void)walk(&b, tree, text);
    if (b.error) {
        *why = b.error;
        return ST_INVALID;
    }
    const size_t nodes_size = b.n_nodes * sizeof *b.nodes;
    const size_t fields_size = b.n_fields * sizeof *b.fields;
    struct schema *s = calloc(1, sizeof *s + nodes_size + fields_size + b.n_text + len + 1);
    avro_schema_t *origin = calloc(b.n_nodes, sizeof(avro_schema_t));
    if (!s || !origin) {
        *why = "out of memory";
        free(s);
        free(origin);
        return ST_NOMEM;
    }
    struct schema_node *nodes = (struct schema_node *)(s + 1);
    struct schema_field *fields = (struct schema_field *)(nodes + b.n_nodes);
    char *copy = (char *)(fields + b.n_fields);
    memcpy(copy, json, len); /* calloc has terminated it */
    s->n_nodes = (uint32_t)b.n_nodes;
    s->nodes = nodes;
    s->json = copy;
    b = (struct build){.nodes = nodes, .fields = fields, .text = copy + len + 1, .origin = origin};
    (void)walk(&b, tree, text);
    free(origin);
    *out = s;
    return ST_OK;
}

/* NULL, or why avro-c shall not see this text. */
static const char *unsafe(const char *json, size_t len) {
    if (len > SCHEMA_JSON_MAX) {
        return "longer than 1 MiB";
    }
    if (memchr(json, '\0', len)) {
        return "a zero byte in the text"; /* jansson 2.14 takes it for the end of a number */
    }
    const struct json_size size = json_measure(json, len);
    if (size.depth > NESTING_MAX) {
        return "nested too deeply";
    }
    if (size.objects > OBJECTS_MAX) {
        return "too many types";
    }
    return size.string > STRING_MAX ? "a string longer than 8 KiB" : NULL;
}

enum status schema_parse(const char *json, size_t len, struct schema **out, char *err,
                         size_t err_len) {
    const char *why = unsafe(json, len);
    enum status st = ST_INVALID;
    avro_schema_t tree = NULL;
    if (!why && avro_schema_from_json_length(json, len, &tree)) {
        why = avro_strerror();
        tree = NULL; /* avro-c may leave a freed pointer */
    }
    if (tree) {
        st = flatten(tree, json, len, out, &why);
        avro_schema_decref(tree);
    }
    if (st) {
        snprintf(err, err_len, "%s", why);
    }
    return st;
}

void schema_free(struct schema *s) {
    free(s);
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

/* ---- encode.h ------------------------------------------------------------------------ */

struct encoder {
    enum reader reader;
    uint32_t schema_id;
    avro_schema_t schema;
    avro_value_iface_t *class;
    avro_value_t value;
    avro_writer_t writer;
};

enum status encoder_new(enum reader reader, uint32_t schema_id, struct encoder **out) {
    const char *json = reader < READERS ? schemas_shipped_json(reader) : NULL;
    if (!json) {
        return ST_INVALID;
    }
    struct encoder *e = calloc(1, sizeof *e);
    if (!e) {
        return ST_NOMEM;
    }
    e->reader = reader;
    e->schema_id = schema_id;
    if (avro_schema_from_json_length(json, strlen(json), &e->schema)) {
        e->schema = NULL;
        goto fail;
    }
    e->class = avro_generic_class_from_schema(e->schema);
    e->writer = avro_writer_memory("", 0);
    if (!e->class || !e->writer || avro_generic_value_new(e->class, &e->value)) {
        goto fail;
    }
    *out = e;
    return ST_OK;
fail:
    encoder_free(e);
    return ST_NOMEM;
}

void encoder_free(struct encoder *e) {
    if (!e) {
        return;
    }
    if (e->value.self) {
        avro_value_decref(&e->value);
    }
    if (e->class) {
        avro_value_iface_decref(e->class);
    }
    if (e->writer) {
        avro_writer_free(e->writer);
    }
    avro_schema_decref(e->schema);
    free(e);
}

/* The field functions below return 0, or avro-c's error. */

/* Lends the bytes to the value: no copy, and unlike avro_value_set_string_len() no need of
 * a terminator, which avro-c counts but never reads when it writes. */
static int put_string(avro_value_t *record, const char *name, const char *text, size_t len) {
    avro_value_t field;
    avro_wrapped_buffer_t lent = {.buf = text, .size = len + 1};
    int rc = avro_value_get_by_name(record, name, &field, NULL);
    return rc ? rc : avro_value_give_string_len(&field, &lent);
}

static int put_double(avro_value_t *record, const char *name, double x) {
    avro_value_t field;
    int rc = avro_value_get_by_name(record, name, &field, NULL);
    return rc ? rc : avro_value_set_double(&field, x);
}

/* Branch 0 is null and 1 the value, in all unions of the shipped schemas. */
static int put_null(avro_value_t *record, const char *name) {
    avro_value_t field;
    avro_value_t branch;
    int rc = avro_value_get_by_name(record, name, &field, NULL);
    rc = rc ? rc : avro_value_set_branch(&field, 0, &branch);
    return rc ? rc : avro_value_set_null(&branch);
}

static int put_head(avro_value_t *record, const struct decoded *event) {
    avro_value_t ts;
    int rc = put_string(record, "event_id", event->event_id, event->event_id_len);
    rc = rc ? rc : put_string(record, "user_id", event->user_id, event->user_id_len);
    rc = rc ? rc : avro_value_get_by_name(record, "ts", &ts, NULL);
    return rc ? rc : avro_value_set_long(&ts, event->ts_ms);
}

static int put_course_view(avro_value_t *record, const struct decoded *event) {
    const struct decoded_line *line = &event->lines[0];
    avro_value_t field;
    avro_value_t branch;
    int rc = put_string(record, "course_id", line->item, line->item_len);
    rc = rc ? rc : avro_value_get_by_name(record, "action", &field, NULL);
    rc = rc ? rc : avro_value_set_enum(&field, (int)event->action);
    rc = rc ? rc : put_null(record, "source");
    if (rc || line->amount == 0.0) {
        return rc ? rc : put_null(record, "price");
    }
    rc = avro_value_get_by_name(record, "price", &field, NULL);
    rc = rc ? rc : avro_value_set_branch(&field, 1, &branch);
    return rc ? rc : avro_value_set_double(&branch, line->amount);
}

static int put_food_order(avro_value_t *record, const struct decoded *event) {
    avro_value_t lines;
    int rc = put_null(record, "restaurant_id");
    rc = rc ? rc : put_null(record, "currency");
    rc = rc ? rc : avro_value_get_by_name(record, "lines", &lines, NULL);
    for (uint32_t i = 0; !rc && i < event->n_lines; i++) {
        const struct decoded_line *line = &event->lines[i];
        avro_value_t item;
        rc = avro_value_append(&lines, &item, NULL);
        rc = rc ? rc : put_string(&item, "dish_id", line->item, line->item_len);
        rc = rc ? rc : put_double(&item, "quantity", line->quantity);
        rc = rc ? rc : put_double(&item, "amount", line->amount);
    }
    return rc;
}

enum status encode(struct encoder *e, const struct decoded *event, uint8_t *buf, size_t len,
                   size_t *used) {
    const uint32_t most = e->reader == READER_COURSE_VIEW ? 1 : EVENT_LINES_MAX;
    if (event->n_lines < 1 || event->n_lines > most || (unsigned)event->action >= ACTIONS) {
        return ST_INVALID;
    }
    if (len < WIRE_HEADER) {
        return ST_RANGE;
    }
    int rc = avro_value_reset(&e->value);
    rc = rc ? rc : put_head(&e->value, event);
    if (!rc) {
        rc = e->reader == READER_COURSE_VIEW ? put_course_view(&e->value, event)
                                             : put_food_order(&e->value, event);
    }
    enum status st = rc ? ST_NOMEM : ST_OK;
    if (!st) {
        avro_writer_memory_set_dest(e->writer, (const char *)buf + WIRE_HEADER,
                                    (int64_t)(len - WIRE_HEADER));
        st = avro_value_write(e->writer, &e->value) ? ST_RANGE : ST_OK;
    }
    (void)avro_value_reset(&e->value); /* the lent strings go back */
    if (!st) {
        wire_put(buf, e->schema_id);
        *used = WIRE_HEADER + (size_t)avro_writer_tell(e->writer);
    }
    return st;
}
