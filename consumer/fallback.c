/* SPDX-License-Identifier: Apache-2.0
 *
 * fallback.c -- see fallback.h.
 *
 * schema_parse() has checked that defaults fit their types. The recursion follows what is
 * wanted and is as deep as its paths.
 */
#include "fallback.h"

#include <string.h>

static void add(struct plan *p, uint32_t at, const struct json *v);

static const struct schema_node *reader_node(const struct plan *p, uint32_t node) {
    return &p->reader->nodes[node];
}

/* ---- scalars --------------------------------------------------------------------------- */

/* Bytes stand in JSON as characters up to \u00ff: one byte each, in UTF-8 one or two. */
static void put_bytes(struct plan *p, struct value *v, const char *text, size_t len) {
    char *copy = plan_text(p, text, len);
    uint32_t n = 0;
    for (size_t i = 0; copy && i < len; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c < 0x80 || i + 1 == len) {
            copy[n++] = text[i];
        } else {
            i++;
            copy[n++] = (char)((c & 0x03) << 6 | ((unsigned char)text[i] & 0x3f));
        }
    }
    v->text = copy;
    v->len = n;
}

static void put_symbol(struct value *v, const struct schema_node *n, const char *text) {
    for (uint32_t i = 0; i < n->n; i++) {
        if (strcmp(n->fields[i].name, text) == 0) {
            v->text = n->fields[i].name;
            v->len = (uint32_t)strlen(v->text);
        }
    }
}

static struct value scalar(struct plan *p, const struct schema_node *n, const struct json *json) {
    struct value v = {.type = VALUE_NULL};
    bool yes = false;
    double x = 0.0;
    size_t len = 0;
    const char *text = json_text(json, &len);
    switch (n->type) {
    case SCHEMA_BOOLEAN:
        v.type = json_flag(json, &yes) ? VALUE_BOOLEAN : VALUE_NULL;
        v.i = yes;
        break;
    case SCHEMA_INT:
    case SCHEMA_LONG: v.type = json_whole(json, &v.i) ? VALUE_LONG : VALUE_NULL; break;
    case SCHEMA_FLOAT:
    case SCHEMA_DOUBLE:
        v.type = json_number(json, &x) ? VALUE_DOUBLE : VALUE_NULL;
        v.d = n->type == SCHEMA_FLOAT ? (double)(float)x : x;
        break;
    case SCHEMA_STRING:
        v.type = VALUE_TEXT;
        v.text = text;
        v.len = (uint32_t)len;
        break;
    case SCHEMA_BYTES:
    case SCHEMA_FIXED:
        v.type = VALUE_TEXT;
        put_bytes(p, &v, text ? text : "", len);
        break;
    case SCHEMA_ENUM:
        v.type = VALUE_SYMBOL;
        put_symbol(&v, n, text ? text : "");
        break;
    default: break; /* null */
    }
    return v;
}

/* ---- the rest -------------------------------------------------------------------------- */

static void announce(struct plan *p, uint32_t at, enum value_type type, const char *key) {
    plan_constant(p, (struct value){.tag = p->wanted.all[at].tag,
                                    .type = (uint8_t)type,
                                    .text = key,
                                    .len = key ? (uint32_t)strlen(key) : 0});
}

static void add_record(struct plan *p, uint32_t at, const struct json *v) {
    const struct schema_node *n = reader_node(p, p->wanted.all[at].node);
    for (uint32_t c = p->wanted.all[at].child; c; c = p->wanted.all[c].next) {
        const struct schema_field *f = &n->fields[p->wanted.all[c].index];
        const struct json *member = json_get(v, f->name);
        add(p, c, member ? member : f->fallback);
    }
}

static void add_items(struct plan *p, uint32_t at, const struct json *v) {
    const uint32_t item = wanted_child(&p->wanted, at, 0);
    for (size_t i = 0; i < json_n(v) && !p->status; i++) {
        announce(p, at, VALUE_ITEM, NULL);
        if (item) {
            add(p, item, json_at(v, i));
        }
    }
    announce(p, at, VALUE_END, NULL);
}

static void add_entries(struct plan *p, uint32_t at, const struct json *v) {
    const bool all = p->wanted.all[at].tag || wanted_child(&p->wanted, at, 0);
    void *iter = NULL;
    const char *key = NULL;
    for (const struct json *m = json_next(v, &iter, &key); m && !p->status;
         m = json_next(v, &iter, &key)) {
        const uint32_t entry = wanted_entry(&p->wanted, at, key, strlen(key));
        if (entry || all) {
            announce(p, at, VALUE_KEY, key);
        }
        if (entry) {
            add(p, entry, m);
        }
    }
    announce(p, at, VALUE_END, NULL);
}

static void add_scalar(struct plan *p, uint32_t at, const struct schema_node *n,
                       const struct json *v) {
    struct value value = scalar(p, n, v);
    for (; at; at = p->wanted.all[at].again) {
        value.tag = p->wanted.all[at].tag;
        plan_constant(p, value);
    }
}

/* The default of a union is of its first branch. */
static void add(struct plan *p, uint32_t at, const struct json *v) {
    const struct schema_node *n = reader_node(p, p->wanted.all[at].node);
    const uint32_t first = n->type == SCHEMA_UNION ? wanted_child(&p->wanted, at, 0) : 0;
    if (first) {
        add(p, first, v);
    } else if (n->type == SCHEMA_RECORD) {
        add_record(p, at, v);
    } else if (n->type == SCHEMA_ARRAY) {
        add_items(p, at, v);
    } else if (n->type == SCHEMA_MAP) {
        add_entries(p, at, v);
    } else if (p->wanted.all[at].tag) { /* a scalar or a union of scalars */
        add_scalar(p, at, n->type == SCHEMA_UNION ? reader_node(p, n->fields[0].node) : n, v);
    }
}

void fallback_field(struct plan *p, uint32_t at, const struct schema_field *f) {
    add(p, at, f->fallback);
}
