/* SPDX-License-Identifier: Apache-2.0
 *
 * avro_tool_crossrec.c -- the reader's value, put together from a tape.
 *
 * A shape is a place in the reader's value: what can be wanted there (matrix.py has the same rule
 * in spec.py, wants()). Scalars, arrays and maps have a path, and the tag of a path is the index
 * of its shape. The values of one record or item lie in the slots of a frame, a slot for each
 * shape; a frame is opened by the first item of an array or map and closed by its end.
 */
#include "decode.h" /* before jansson, which makes json_boolean a macro */
#include "schema.h"

#include "avro_tool.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHAPES_MAX = 2048, PATH_MAX_LEN = 512, FRAMES_MAX = 64, NO_SHAPE = 0 };

struct shape {
    uint32_t node;
    uint32_t child, next; /* first of its children, next of its siblings; NO_SHAPE: none */
    const char *name;     /* of the field */
    bool leaf;            /* a scalar or a union of scalars */
    char path[PATH_MAX_LEN];
};

struct frame {
    uint32_t shape; /* array or map; NO_SHAPE: the root */
    json_t *out;    /* the items so far */
    json_t *key;    /* of the entry that is being read */
    json_t *slot[SHAPES_MAX];
};

static struct shape shapes[SHAPES_MAX];
static uint32_t n_shapes;
static struct frame frames[FRAMES_MAX];
static struct tape tape;

/* ---- shapes ------------------------------------------------------------------------------ */

static bool is_scalar(const struct schema *s, uint32_t node) {
    const struct schema_node *n = &s->nodes[node];
    bool scalar = n->type != SCHEMA_RECORD && n->type != SCHEMA_ARRAY && n->type != SCHEMA_MAP;
    for (uint32_t i = 0; n->type == SCHEMA_UNION && i < n->n; i++) {
        scalar = scalar && is_scalar(s, n->fields[i].node);
    }
    return scalar;
}

/* Records that lie around a place. */
struct inside {
    const struct inside *outer;
    uint32_t node;
};

static bool is_inside(const struct inside *in, uint32_t node) {
    for (; in; in = in->outer) {
        if (in->node == node) {
            return true;
        }
    }
    return false;
}

static const char *last_name(const char *full) {
    const char *dot = strrchr(full, '.');
    return dot ? dot + 1 : full;
}

/* How a union's record is named in a path: not at all where it is the only one. */
static const char *step_name(const struct schema *s, const struct schema_node *n, uint32_t branch) {
    const struct schema_node *self = &s->nodes[n->fields[branch].node];
    uint32_t records = 0;
    uint32_t alike = 0;
    for (uint32_t i = 0; i < n->n && self->type == SCHEMA_RECORD; i++) {
        const struct schema_node *other = &s->nodes[n->fields[i].node];
        if (other->type == SCHEMA_RECORD) {
            records++;
            alike += strcmp(last_name(self->name), last_name(other->name)) == 0;
        }
    }
    return records < 2 ? "" : alike < 2 ? last_name(self->name) : self->name;
}

static uint32_t shape_new(const struct schema *s, uint32_t node, const char *path,
                          const struct inside *in);

static void join(char out[PATH_MAX_LEN], const char *path, const char *name) {
    const char *dot = path[0] && name[0] ? "." : "";
    snprintf(out, PATH_MAX_LEN, "%.*s%s%.200s", PATH_MAX_LEN - 210, path, dot, name);
}

static uint32_t children_new(const struct schema *s, uint32_t self, const struct inside *in) {
    const struct schema_node *n = &s->nodes[shapes[self].node];
    uint32_t *link = &shapes[self].child;
    for (uint32_t i = 0; i < n->n; i++) {
        const bool in_union = n->type == SCHEMA_UNION;
        if (in_union && is_scalar(s, n->fields[i].node)) {
            continue;
        }
        char path[PATH_MAX_LEN];
        join(path, shapes[self].path, in_union ? step_name(s, n, i) : n->fields[i].name);
        const uint32_t child = shape_new(s, n->fields[i].node, path, in);
        if (child != NO_SHAPE) {
            shapes[child].name = n->fields[i].name;
            *link = child;
            link = &shapes[child].next;
        }
    }
    return shapes[self].child == NO_SHAPE ? NO_SHAPE : self;
}

/* NO_SHAPE: nothing can be wanted here. */
static uint32_t shape_new(const struct schema *s, uint32_t node, const char *path,
                          const struct inside *in) {
    const struct schema_node *n = &s->nodes[node];
    const struct inside here = {.outer = in, .node = node};
    if (n->type == SCHEMA_RECORD && is_inside(in, node)) {
        return NO_SHAPE;
    }
    if (n_shapes == SHAPES_MAX) {
        fprintf(stderr, "avro_tool: more than %d places in a schema\n", SHAPES_MAX);
        exit(2);
    }
    const uint32_t self = n_shapes++;
    shapes[self] = (struct shape){.node = node, .leaf = is_scalar(s, node)};
    snprintf(shapes[self].path, PATH_MAX_LEN, "%s", path);
    if (shapes[self].leaf) {
        return self;
    }
    if (n->type == SCHEMA_RECORD) {
        return children_new(s, self, &here);
    }
    if (n->type == SCHEMA_UNION) {
        return children_new(s, self, in);
    }
    snprintf(shapes[self].path, PATH_MAX_LEN, "%.*s%s", PATH_MAX_LEN - 4, path,
             n->type == SCHEMA_ARRAY ? "[]" : "{}");
    char item[PATH_MAX_LEN];
    snprintf(item, sizeof item, "%s", shapes[self].path);
    shapes[self].child = shape_new(s, n->fields[0].node, item, in);
    return self;
}

static bool is_items(const struct schema *s, uint32_t shape) {
    const enum schema_type type = s->nodes[shapes[shape].node].type;
    return type == SCHEMA_ARRAY || type == SCHEMA_MAP;
}

/* Leaves, arrays and maps; an array of scalars has one path with its items. */
static size_t wants_of(const struct schema *s, struct want *wants) {
    size_t n = 0;
    for (uint32_t i = 1; i < n_shapes; i++) {
        const bool alone =
            is_items(s, i) && shapes[i].child != NO_SHAPE && shapes[shapes[i].child].leaf;
        if (!alone && (shapes[i].leaf || is_items(s, i))) {
            wants[n++] = (struct want){.path = shapes[i].path, .tag = (uint16_t)i};
        }
    }
    return n;
}

/* ---- from the tape --------------------------------------------------------------------- */

/* New reference; NULL: nothing of it is there. */
static json_t *assemble(const struct schema *s, struct frame *f, uint32_t shape) {
    const enum schema_type type = s->nodes[shapes[shape].node].type;
    if (shapes[shape].leaf || is_items(s, shape)) {
        json_t *v = f->slot[shape];
        f->slot[shape] = NULL;
        return v;
    }
    json_t *out = NULL;
    for (uint32_t i = shapes[shape].child; i != NO_SHAPE; i = shapes[i].next) {
        json_t *part = assemble(s, f, i);
        if (part && type == SCHEMA_UNION) {
            json_decref(out); /* two branches at once: slots_left() would not see it */
            out = out ? json_string("two branches of one union") : part;
        } else if (part) {
            out = out ? out : json_object();
            json_object_set_new(out, shapes[i].name, part);
        }
    }
    return out;
}

static void finish_item(const struct schema *s, struct frame *f) {
    const uint32_t child = shapes[f->shape].child;
    json_t *item = child == NO_SHAPE ? NULL : assemble(s, f, child);
    item = item ? item : json_null();
    if (f->key) {
        json_object_setn_new(f->out, json_string_value(f->key), json_string_length(f->key), item);
        json_decref(f->key);
        f->key = NULL;
    } else {
        json_array_append_new(f->out, item);
    }
}

/* A text with the bytes as they are: keys are UTF-8, or they get a text that tells. */
static json_t *key_json(const struct value *v) {
    json_t *key = json_stringn(v->text, v->len);
    return key ? key : json_string("\xEF\xBF\xBD");
}

static json_t *scalar_json(const struct value *v) {
    switch ((enum value_type)v->type) {
    case VALUE_NULL: return json_null();
    case VALUE_BOOLEAN: return json_boolean(v->i != 0);
    case VALUE_LONG: return json_integer(v->i);
    case VALUE_DOUBLE: return number_json(v->d);
    case VALUE_TEXT:
    case VALUE_SYMBOL: return text_json(v->text, v->len);
    default: return NULL;
    }
}

/* The array or map that a tag means: its own, or that of a scalar that is its item. */
static uint32_t items_of(const struct schema *s, uint32_t tag) {
    for (uint32_t i = tag; i > 0; i--) {
        if (is_items(s, i) && (i == tag || shapes[i].child == tag)) {
            return i;
        }
    }
    return NO_SHAPE;
}

static bool put(struct frame *f, uint32_t shape, json_t *v) {
    if (f->slot[shape]) {
        json_decref(v);
        return false; /* twice */
    }
    f->slot[shape] = v;
    return true;
}

/* ITEM, KEY, END. */
static bool step_items(const struct schema *s, const struct value *v, uint32_t *depth) {
    const uint32_t shape = items_of(s, v->tag);
    struct frame *top = &frames[*depth];
    const bool open = top->shape == shape && *depth > 0;
    const bool map = shape != NO_SHAPE && s->nodes[shapes[shape].node].type == SCHEMA_MAP;
    if (shape == NO_SHAPE || (v->type != VALUE_END && map != (v->type == VALUE_KEY))) {
        return false;
    }
    if (open) {
        finish_item(s, top);
    }
    if (v->type == VALUE_END) {
        json_t *out = open ? top->out : map ? json_object() : json_array();
        *depth -= open;
        return put(&frames[*depth], shape, out);
    }
    if (!open) {
        if (++*depth == FRAMES_MAX) {
            return false;
        }
        top = &frames[*depth];
        memset(top, 0, sizeof *top);
        top->shape = shape;
        top->out = map ? json_object() : json_array();
    }
    top->key = map ? key_json(v) : NULL;
    return true;
}

static json_t *from_tape(const struct schema *s) {
    uint32_t depth = 0;
    memset(&frames[0], 0, sizeof frames[0]);
    for (uint32_t i = 0; i < tape.n; i++) {
        const struct value *v = &tape.values[i];
        const bool items = v->type == VALUE_ITEM || v->type == VALUE_KEY || v->type == VALUE_END;
        if (v->tag == 0 || v->tag >= n_shapes ||
            !(items ? step_items(s, v, &depth)
                    : shapes[v->tag].leaf && put(&frames[depth], v->tag, scalar_json(v)))) {
            return refusal("broken", "value %u of the tape: tag %u (%s), type %u: not its turn", i,
                           v->tag, v->tag < n_shapes ? shapes[v->tag].path : "", v->type);
        }
    }
    if (depth > 0) {
        return refusal("broken", "an array or map without an end");
    }
    json_t *value = n_shapes > 1 ? assemble(s, &frames[0], 1) : NULL;
    return json_pack("{s:o}", "value", value ? value : json_null());
}

/* ---- one request -------------------------------------------------------------------------- */

static json_t *decode_with(const struct schema *writer, const struct schema *reader,
                           const struct request *r) {
    static struct want wants[SHAPES_MAX];
    char err[256] = "";
    struct decoder *d = NULL;
    const struct decoder_spec spec = {
        .writer = writer, .reader = reader, .wants = wants, .n_wants = wants_of(reader, wants)};
    enum status st = decoder_new(&spec, &d, err, sizeof err);
    if (st != ST_OK) {
        return refusal(st == ST_INVALID ? "schema" : "broken", "%s", err);
    }
    const enum decode_error e = decode(d, r->bytes, r->n_bytes, &tape);
    json_t *said = e ? refusal("data", "%s", decode_error_str(e)) : from_tape(reader);
    decoder_free(d);
    return said;
}

json_t *crossrec_decode(const struct request *r) {
    char err[256] = "";
    struct schema *writer = NULL;
    struct schema *reader = NULL;
    json_t *said = NULL;
    if (schema_parse(r->writer, strlen(r->writer), &writer, err, sizeof err) != ST_OK) {
        said = refusal("schema", "writer: %s", err);
    } else if (schema_parse(r->reader, strlen(r->reader), &reader, err, sizeof err) != ST_OK) {
        said = refusal("schema", "reader: %s", err);
    } else {
        n_shapes = 1; /* NO_SHAPE */
        const uint32_t root = shape_new(reader, 0, "", NULL);
        n_shapes = root == NO_SHAPE ? 1 : n_shapes;
        said = decode_with(writer, reader, r);
        schema_free(writer); /* the plan needs it no longer */
        writer = NULL;
    }
    schema_free(writer);
    schema_free(reader);
    return said;
}
