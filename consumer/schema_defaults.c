/* SPDX-License-Identifier: Apache-2.0
 *
 * schema_defaults.c -- see schema_defaults.h.
 */
#include "schema_defaults.h"

#include <float.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct check {
    const struct schema *s;
    uint32_t values;     /* checked so far, expanded ones too */
    const char *missing; /* the misfit: a member that is needed, or NULL */
    uint32_t misfit;     /* node that a value did not fit */
    bool endless;        /* the misfit: too many or too deep */
};

static bool fits(struct check *c, uint32_t node, const struct json *v, int depth);

/* Bytes stand in JSON as characters up to \u00ff. */
static bool is_bytes(const struct json *v, size_t *n) {
    size_t len = 0;
    const char *text = json_text(v, &len);
    size_t count = 0;
    for (size_t i = 0; text && i < len; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c > 0xc3) {
            return false; /* begins a character above \u00ff */
        }
        count += (c & 0xc0) != 0x80; /* all but a character's second byte */
    }
    *n = count;
    return text != NULL;
}

static bool fits_record(struct check *c, const struct schema_node *n, const struct json *v,
                        int depth) {
    for (uint32_t i = 0; i < n->n; i++) {
        const struct schema_field *f = &n->fields[i];
        const struct json *member = json_get(v, f->name);
        member = member ? member : f->fallback;
        if (!member) {
            c->missing = f->name;
            return false;
        }
        if (!fits(c, f->node, member, depth)) {
            return false;
        }
    }
    return true;
}

static bool fits_all(struct check *c, uint32_t node, const struct json *v, int depth) {
    if (json_kind(v) == JSON_LIST) {
        for (size_t i = 0; i < json_n(v); i++) {
            if (!fits(c, node, json_at(v, i), depth)) {
                return false;
            }
        }
        return true;
    }
    void *iter = NULL;
    const char *key = NULL;
    for (const struct json *m = json_next(v, &iter, &key); m; m = json_next(v, &iter, &key)) {
        if (!fits(c, node, m, depth)) {
            return false;
        }
    }
    return true;
}

static bool is_symbol(const struct schema_node *n, const struct json *v) {
    const char *text = json_text(v, NULL);
    for (uint32_t i = 0; text && i < n->n; i++) {
        if (strcmp(n->fields[i].name, text) == 0) {
            return true;
        }
    }
    return false;
}

static bool fits_primitive(const struct schema_node *n, const struct json *v) {
    int64_t whole = 0;
    double x = 0.0;
    size_t len = 0;
    switch (n->type) {
    case SCHEMA_NULL: return json_kind(v) == JSON_NULL_VALUE;
    case SCHEMA_BOOLEAN: return json_kind(v) == JSON_BOOLEAN;
    case SCHEMA_INT: return json_whole(v, &whole) && whole >= INT32_MIN && whole <= INT32_MAX;
    case SCHEMA_LONG: return json_whole(v, &whole);
    case SCHEMA_FLOAT: return json_number(v, &x) && x >= -(double)FLT_MAX && x <= (double)FLT_MAX;
    case SCHEMA_DOUBLE: return json_number(v, &x);
    case SCHEMA_STRING: return json_kind(v) == JSON_TEXT;
    case SCHEMA_BYTES: return is_bytes(v, &len);
    case SCHEMA_FIXED: return is_bytes(v, &len) && len == n->n;
    case SCHEMA_ENUM: return is_symbol(n, v);
    default: return false;
    }
}

/* `depth` is of the value as it is expanded; a schema's cycle ends at JSON_DEPTH_MAX. */
static bool fits(struct check *c, uint32_t node, const struct json *v, int depth) {
    const struct schema_node *n = &c->s->nodes[node];
    c->misfit = node;
    if (depth == JSON_DEPTH_MAX || c->values == DEFAULT_VALUES_MAX) {
        c->endless = true;
        return false;
    }
    c->values++;
    switch (n->type) {
    case SCHEMA_UNION: return fits(c, n->fields[0].node, v, depth);
    case SCHEMA_RECORD: return json_kind(v) == JSON_TABLE && fits_record(c, n, v, depth + 1);
    case SCHEMA_ARRAY:
        return json_kind(v) == JSON_LIST && fits_all(c, n->fields[0].node, v, depth + 1);
    case SCHEMA_MAP:
        return json_kind(v) == JSON_TABLE && fits_all(c, n->fields[0].node, v, depth + 1);
    default: return fits_primitive(n, v);
    }
}

static const char *const to_write[] = {
    [SCHEMA_NULL] = "null",
    [SCHEMA_BOOLEAN] = "true or false",
    [SCHEMA_INT] = "a whole number from -2147483648 to 2147483647",
    [SCHEMA_LONG] = "a whole number of 64 bits",
    [SCHEMA_FLOAT] = "a number up to 3.4e38",
    [SCHEMA_DOUBLE] = "a number",
    [SCHEMA_BYTES] = "a text of characters up to \\u00ff",
    [SCHEMA_STRING] = "a text",
    [SCHEMA_RECORD] = "{...} with each field that has no default",
    [SCHEMA_ENUM] = "one of its symbols",
    [SCHEMA_ARRAY] = "[...]",
    [SCHEMA_MAP] = "{...}",
    [SCHEMA_UNION] = "",
    [SCHEMA_FIXED] = "a text of as many characters up to \\u00ff as its size",
};

static void explain(const struct check *c, const struct schema_node *record,
                    const struct schema_field *f, char *err, size_t err_len) {
    const struct schema_node *n = &c->s->nodes[c->misfit];
    const char *type = n->name ? n->name : schema_type_str(n->type);
    const struct schema_node *own = &c->s->nodes[f->node];
    const bool first = own->type == SCHEMA_UNION && own->fields[0].node == c->misfit;
    if (c->endless) {
        snprintf(
            err, err_len,
            "field \"%.128s\" of %.256s: its default expands to over %d levels, or the defaults "
            "of this schema to over %d values; write one that is complete and short",
            f->name, record->name, (int)JSON_DEPTH_MAX, (int)DEFAULT_VALUES_MAX);
    } else if (c->missing) {
        snprintf(err, err_len,
                 "field \"%.128s\" of %.256s: its default lacks \"%.128s\"; write that field's "
                 "value too",
                 f->name, record->name, c->missing);
    } else {
        snprintf(err, err_len,
                 "field \"%.128s\" of %.256s: its default does not fit %.256s%s; write %s", f->name,
                 record->name, type, first ? ", the first branch of the union" : "",
                 to_write[n->type]);
    }
}

enum status schema_defaults_check(const struct schema *s, char *err, size_t err_len) {
    struct check c = {.s = s};
    for (uint32_t i = 0; i < s->n_nodes; i++) {
        const struct schema_node *n = &s->nodes[i];
        for (uint32_t j = 0; n->type == SCHEMA_RECORD && j < n->n; j++) {
            const struct schema_field *f = &n->fields[j];
            if (f->fallback && !fits(&c, f->node, f->fallback, 0)) {
                explain(&c, n, f, err, err_len);
                return ST_INVALID;
            }
        }
    }
    return ST_OK;
}
