/* SPDX-License-Identifier: Apache-2.0
 *
 * schema_build.c -- see schema_build.h; and the end of a schema, schema_free().
 */
#include "schema_build.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A namespace is copied into every type below it: without a limit, 4096 times 1 MiB. */
enum { NAMES_BYTES_MAX = SCHEMA_JSON_MAX };

struct schema_block {
    struct schema_block *next;
    max_align_t data[];
};

/* ---- what a person reads --------------------------------------------------------------- */

enum status build_refuse(const struct build *b, const struct build_place *at, const char *format,
                         ...) {
    char why[512];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    if (at->field) {
        snprintf(b->err, b->err_len, "field \"%.128s\" of %.256s: %s", at->field, at->type, why);
    } else if (at->type) {
        snprintf(b->err, b->err_len, "%.256s: %s", at->type, why);
    } else {
        snprintf(b->err, b->err_len, "%s", why);
    }
    json_printable(b->err, b->err_len);
    return ST_INVALID;
}

enum status build_no_memory(const struct build *b) {
    snprintf(b->err, b->err_len, "out of memory");
    return ST_NOMEM;
}

/* ---- memory ---------------------------------------------------------------------------- */

void *build_keep(struct build *b, size_t n, size_t size) {
    struct schema_block *block = calloc(1, sizeof *block + n * size);
    if (!block) {
        return NULL;
    }
    block->next = b->owned->blocks;
    b->owned->blocks = block;
    return block->data;
}

enum status build_node(struct build *b, const struct build_place *at, enum schema_type type,
                       uint32_t *node) {
    struct schema *s = &b->owned->schema;
    if (s->n_nodes == SCHEMA_NODES_MAX) {
        return build_refuse(b, at, "more than %d types in one schema", (int)SCHEMA_NODES_MAX);
    }
    if (s->n_nodes == b->room) {
        const uint32_t room = b->room ? 2 * b->room : 16;
        struct schema_node *nodes = realloc(b->owned->nodes, room * sizeof *nodes);
        if (!nodes) {
            return build_no_memory(b);
        }
        b->owned->nodes = nodes;
        s->nodes = nodes;
        b->room = room;
    }
    *node = s->n_nodes++;
    b->owned->nodes[*node] = (struct schema_node){.type = type, .symbol = -1};
    return ST_OK;
}

static enum status count(struct build *b, const struct build_place *at, size_t n) {
    if (n > SCHEMA_FIELDS_MAX - b->n_fields) {
        return build_refuse(b, at, "more than %d fields, branches, symbols and aliases",
                            (int)SCHEMA_FIELDS_MAX);
    }
    b->n_fields += (uint32_t)n;
    return ST_OK;
}

enum status build_fields(struct build *b, const struct build_place *at, uint32_t node, size_t n,
                         struct schema_field **fields) {
    enum status st = count(b, at, n);
    struct schema_field *table = st ? NULL : build_keep(b, n, sizeof *table);
    if (!table) {
        return st ? st : build_no_memory(b);
    }
    b->owned->nodes[node].fields = table;
    b->owned->nodes[node].n = (uint32_t)n;
    *fields = table;
    return ST_OK;
}

enum status build_aliases(struct build *b, const struct build_place *at, size_t n,
                          const char ***aliases) {
    enum status st = count(b, at, n);
    const char **table = st ? NULL : build_keep(b, n, sizeof *table);
    if (!table) {
        return st ? st : build_no_memory(b);
    }
    *aliases = table;
    return ST_OK;
}

void schema_free(struct schema *s) {
    struct schema_owned *owned = (struct schema_owned *)s;
    if (!owned) {
        return;
    }
    for (struct schema_block *next = NULL, *p = owned->blocks; p; p = next) {
        next = p->next;
        free(p);
    }
    free(owned->nodes);
    json_free(owned->document);
    free(owned);
}

/* ---- names ----------------------------------------------------------------------------- */

/* [A-Za-z_][A-Za-z0-9_]*, whatever the locale takes for letters. */
static bool is_name(const char *p, size_t len) {
    for (size_t i = 0; i < len; i++) {
        const bool letter = (p[i] >= 'A' && p[i] <= 'Z') || (p[i] >= 'a' && p[i] <= 'z');
        if (!letter && p[i] != '_' && (i == 0 || p[i] < '0' || p[i] > '9')) {
            return false;
        }
    }
    return len > 0;
}

bool build_is_name(const char *text) {
    return is_name(text, strlen(text));
}

bool build_is_dotted(const char *text) {
    for (const char *dot = strchr(text, '.'); dot; dot = strchr(text, '.')) {
        if (!is_name(text, (size_t)(dot - text))) {
            return false;
        }
        text = dot + 1;
    }
    return is_name(text, strlen(text));
}

enum status build_full_name(struct build *b, const struct build_place *at, const char *space,
                            size_t space_len, const char *name, const char **full) {
    const size_t len = strlen(name);
    const size_t before = space_len == 0 || strchr(name, '.') ? 0 : space_len + 1;
    if (before + len > NAMES_BYTES_MAX - b->names_bytes) {
        return build_refuse(b, at, "full names of over %d bytes together; shorten the namespace",
                            (int)NAMES_BYTES_MAX);
    }
    char *text = build_keep(b, before + len + 1, 1);
    if (!text) {
        return build_no_memory(b);
    }
    if (before) {
        memcpy(text, space, space_len);
        text[space_len] = '.';
    }
    memcpy(text + before, name, len + 1);
    b->names_bytes += before + len;
    *full = text;
    return ST_OK;
}

bool build_find(const struct build *b, const char *space, size_t space_len, const char *name,
                uint32_t *node) {
    for (uint32_t i = 0; i < b->owned->schema.n_nodes; i++) {
        const char *full = b->owned->nodes[i].name;
        if (full && space_len > 0) {
            const bool in_space = strncmp(full, space, space_len) == 0 && full[space_len] == '.';
            full = in_space ? full + space_len + 1 : NULL;
        }
        if (full && strcmp(full, name) == 0) {
            *node = i;
            return true;
        }
    }
    return false;
}
