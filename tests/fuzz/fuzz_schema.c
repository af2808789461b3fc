/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_schema.c -- what holds for every text that claims to be a schema: a refusal has a
 * reason, nodes keep the promises of schema.h, and a schema written out again from its nodes
 * parses to the same nodes.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "schema.h"

enum { TEXT_MAX = 4 << 20 };

struct text {
    char *p; /* TEXT_MAX bytes */
    size_t len;
    bool full;
};

static void put(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct text *t, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(t->p + t->len, TEXT_MAX - t->len, format, args);
    va_end(args);
    t->full = t->full || n < 0 || (size_t)n >= TEXT_MAX - t->len;
    t->len = t->full ? 0 : t->len + (size_t)n;
}

static void put_json(struct text *t, const char *key, const struct json *v) {
    char *printed = json_print(v);
    require(printed != NULL);
    put(t, ",\"%s\":%s", key, printed);
    free(printed);
}

static void put_aliases(struct text *t, const char *const *aliases, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        put(t, "%s\"%s\"", i ? "," : ",\"aliases\":[", aliases[i]);
    }
    put(t, n ? "]" : " ");
}

/* ---- a schema from its nodes ----------------------------------------------------------- */

static const char *logical_name(const struct schema_node *n) {
    switch (n->logical) {
    case LOGICAL_DATE: return "date";
    case LOGICAL_TIME_MILLIS: return "time-millis";
    case LOGICAL_TIME_MICROS: return "time-micros";
    case LOGICAL_TIMESTAMP_MILLIS: return "timestamp-millis";
    case LOGICAL_TIMESTAMP_MICROS: return "timestamp-micros";
    case LOGICAL_DECIMAL: return "decimal";
    case LOGICAL_UUID: return "uuid";
    case LOGICAL_NONE: break;
    }
    return "none";
}

static void put_type(struct text *t, const struct schema *s, uint32_t node, bool *seen);

static void put_children(struct text *t, const struct schema *s, const struct schema_node *n,
                         bool *seen) {
    for (uint32_t i = 0; i < n->n && !t->full; i++) {
        const struct schema_field *f = &n->fields[i];
        put(t, "%s", i ? "," : "");
        if (n->type == SCHEMA_ENUM) {
            put(t, "\"%s\"", f->name);
        } else if (n->type == SCHEMA_RECORD) {
            put(t, "{\"name\":\"%s\",\"type\":", f->name);
            put_type(t, s, f->node, seen);
            put_aliases(t, f->aliases, f->n_aliases);
            if (f->fallback) {
                put_json(t, "default", f->fallback);
            }
            put(t, "}");
        } else {
            put_type(t, s, f->node, seen);
        }
    }
}

static void put_named(struct text *t, const struct schema_node *n) {
    const char *dot = strrchr(n->name, '.');
    put(t, ",\"name\":\"%s\",\"namespace\":\"%.*s\"", dot ? dot + 1 : n->name,
        dot ? (int)(dot - n->name) : 0, n->name);
    put_aliases(t, n->aliases, n->n_aliases);
}

static void put_type(struct text *t, const struct schema *s, uint32_t node, bool *seen) {
    const struct schema_node *n = &s->nodes[node];
    if (seen[node]) {
        require(n->name != NULL); /* nothing else is met twice */
        put(t, "\"%s\"", n->name);
        return;
    }
    seen[node] = true;
    if (n->type == SCHEMA_UNION) {
        put(t, "[");
        put_children(t, s, n, seen);
        put(t, "]");
        return;
    }
    put(t, "{\"type\":\"%s\",\"logicalType\":\"%s\"", schema_type_str(n->type), logical_name(n));
    if (n->logical == LOGICAL_DECIMAL) {
        put(t, ",\"precision\":%u,\"scale\":%u", n->precision, n->scale);
    }
    if (n->name) {
        put_named(t, n);
    }
    if (n->type == SCHEMA_FIXED) {
        put(t, ",\"size\":%u", n->n);
    } else if (n->type == SCHEMA_ENUM || n->type == SCHEMA_RECORD) {
        put(t, n->type == SCHEMA_ENUM ? ",\"symbols\":[" : ",\"fields\":[");
        put_children(t, s, n, seen);
        put(t, "]");
    } else if (n->type == SCHEMA_ARRAY || n->type == SCHEMA_MAP) {
        put(t, n->type == SCHEMA_ARRAY ? ",\"items\":" : ",\"values\":");
        put_children(t, s, n, seen);
    }
    if (n->type == SCHEMA_ENUM && n->symbol >= 0) {
        put(t, ",\"default\":\"%s\"", n->fields[n->symbol].name);
    }
    put(t, "}");
}

/* ---- properties ------------------------------------------------------------------------ */

static bool same_text(const char *a, const char *b) {
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static void require_same_aliases(const char *const *a, const char *const *b, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        require(same_text(a[i], b[i]));
    }
}

static void require_same_fallback(const struct json *a, const struct json *b) {
    char *x = json_print(a);
    char *y = json_print(b);
    require(same_text(x, y));
    free(x);
    free(y);
}

static void require_same(const struct schema_node *a, const struct schema_node *b) {
    require(a->type == b->type && a->logical == b->logical && same_text(a->name, b->name));
    require(a->n_aliases == b->n_aliases && a->n == b->n && a->symbol == b->symbol);
    require(a->precision == b->precision && a->scale == b->scale);
    require_same_aliases(a->aliases, b->aliases, a->n_aliases);
    for (uint32_t i = 0; a->type != SCHEMA_FIXED && i < a->n; i++) {
        const struct schema_field *f = &a->fields[i];
        const struct schema_field *g = &b->fields[i];
        require(same_text(f->name, g->name) && f->node == g->node && f->n_aliases == g->n_aliases);
        require_same_aliases(f->aliases, g->aliases, f->n_aliases);
        require_same_fallback(f->fallback, g->fallback);
    }
}

static void check_written_again(const struct schema *s) {
    static char buffer[TEXT_MAX];
    static bool seen[SCHEMA_NODES_MAX];
    struct text t = {.p = buffer};
    memset(seen, 0, sizeof seen);
    put_type(&t, s, 0, seen);
    struct schema *again = NULL;
    char err[1024] = "";
    /* Longer than it was: all names are full, and each type is an object. */
    if (t.full || schema_parse(buffer, t.len, &again, err, sizeof err) != ST_OK) {
        require(t.full || t.len > SCHEMA_JSON_MAX || strstr(err, "nested too deeply") ||
                strstr(err, "too many lists"));
        return;
    }
    require(again->n_nodes == s->n_nodes);
    for (uint32_t i = 0; i < s->n_nodes; i++) {
        require_same(&s->nodes[i], &again->nodes[i]);
    }
    schema_free(again);
}

static void check_node(const struct schema *s, const struct schema_node *n) {
    const bool named =
        n->type == SCHEMA_RECORD || n->type == SCHEMA_ENUM || n->type == SCHEMA_FIXED;
    require(n->type <= SCHEMA_FIXED && n->logical <= LOGICAL_UUID);
    require(named == (n->name != NULL) && (named || n->n_aliases == 0));
    require((n->type != SCHEMA_ARRAY && n->type != SCHEMA_MAP) || n->n == 1);
    require(n->type > SCHEMA_STRING || n->n == 0);
    require((n->type != SCHEMA_UNION && n->type != SCHEMA_ENUM) || n->n > 0);
    require(n->symbol >= -1 && (n->symbol < 0 || n->type == SCHEMA_ENUM));
    require(n->symbol < (int64_t)n->n);
    require((n->logical == LOGICAL_DECIMAL) == (n->precision > 0) && n->scale <= n->precision);
    for (uint32_t i = 0; n->type != SCHEMA_FIXED && i < n->n; i++) {
        const struct schema_field *f = &n->fields[i];
        require((n->type == SCHEMA_RECORD || n->type == SCHEMA_ENUM) == (f->name != NULL));
        require(n->type == SCHEMA_RECORD || (!f->fallback && f->n_aliases == 0));
        require(f->node < s->n_nodes);
        require(n->type != SCHEMA_UNION || s->nodes[f->node].type != SCHEMA_UNION);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct schema *s = NULL;
    char err[64] = "";
    if (schema_parse((const char *)data, size, &s, err, sizeof err) != ST_OK) {
        require(s == NULL && err[0] != '\0' && memchr(err, '\0', sizeof err));
        for (const char *p = err; *p; p++) {
            require(*p >= ' ' && *p <= '~');
        }
        return 0;
    }
    require(s->n_nodes >= 1 && s->n_nodes <= SCHEMA_NODES_MAX);
    require(strlen(s->json) == size && memcmp(s->json, data, size) == 0);
    for (uint32_t i = 0; i < s->n_nodes; i++) {
        check_node(s, &s->nodes[i]);
    }
    check_written_again(s);
    schema_free(s);
    return 0;
}
