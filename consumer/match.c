/* SPDX-License-Identifier: Apache-2.0
 *
 * match.c -- see match.h.
 */
#include "match.h"

#include <stdio.h>
#include <string.h>

#include "path.h"

/* ---- types ----------------------------------------------------------------------------- */

static bool promotes(enum schema_type from, enum schema_type to) {
    switch (from) {
    case SCHEMA_INT: return to == SCHEMA_LONG || to == SCHEMA_FLOAT || to == SCHEMA_DOUBLE;
    case SCHEMA_LONG: return to == SCHEMA_FLOAT || to == SCHEMA_DOUBLE;
    case SCHEMA_FLOAT: return to == SCHEMA_DOUBLE;
    case SCHEMA_STRING: return to == SCHEMA_BYTES;
    case SCHEMA_BYTES: return to == SCHEMA_STRING;
    default: return false;
    }
}

static bool match_names(const struct schema_node *w, const struct schema_node *r) {
    bool match = strcmp(path_short_name(w->name), path_short_name(r->name)) == 0;
    for (uint32_t i = 0; i < r->n_aliases && !match; i++) {
        match = strcmp(w->name, r->aliases[i]) == 0;
    }
    return match;
}

bool match_types(const struct match_schemas *s, uint32_t w, uint32_t r) {
    const struct schema_node *wn = &s->writer->nodes[w];
    const struct schema_node *rn = &s->reader->nodes[r];
    if (wn->type == SCHEMA_UNION || rn->type == SCHEMA_UNION) {
        return true;
    }
    if (wn->type != rn->type) {
        return promotes(wn->type, rn->type);
    }
    switch (wn->type) {
    case SCHEMA_RECORD: return (s->any_root && w == 0 && r == 0) || match_names(wn, rn);
    case SCHEMA_FIXED: return wn->n == rn->n && match_names(wn, rn);
    case SCHEMA_ENUM: return match_names(wn, rn);
    case SCHEMA_ARRAY:
    case SCHEMA_MAP: /* no deeper than the text of the schema: cycles have records */
        return match_types(s, wn->fields[0].node, rn->fields[0].node);
    default: return true;
    }
}

uint32_t match_branch(const struct match_schemas *s, uint32_t w, uint32_t r) {
    const struct schema_node *u = &s->reader->nodes[r];
    for (uint32_t i = 0; i < u->n; i++) {
        if (match_types(s, w, u->fields[i].node)) {
            return i;
        }
    }
    return MATCH_NOTHING;
}

/* ---- fields ---------------------------------------------------------------------------- */

static uint32_t field_named(const struct schema *s, uint32_t record, const char *name) {
    const struct schema_field *f = schema_field(s, record, name);
    return f ? (uint32_t)(f - s->nodes[record].fields) : MATCH_NOTHING;
}

static bool has_alias(const struct schema_field *f, const char *name) {
    for (uint32_t i = 0; i < f->n_aliases; i++) {
        if (strcmp(f->aliases[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* Is it the name of another field of the reader, or an alias of an earlier one that looks for
 * one too? */
static bool claimed(const struct match_schemas *s, uint32_t w, uint32_t r, uint32_t i,
                    const char *name) {
    const struct schema_node *rn = &s->reader->nodes[r];
    if (schema_field(s->reader, r, name)) {
        return true;
    }
    for (uint32_t k = 0; k < i; k++) {
        if (has_alias(&rn->fields[k], name) && !schema_field(s->writer, w, rn->fields[k].name)) {
            return true;
        }
    }
    return false;
}

uint32_t match_field(const struct match_schemas *s, uint32_t w, uint32_t r, uint32_t i) {
    const struct schema_field *f = &s->reader->nodes[r].fields[i];
    uint32_t found = field_named(s->writer, w, f->name);
    for (uint32_t k = 0; k < f->n_aliases && found == MATCH_NOTHING; k++) {
        const uint32_t aliased = field_named(s->writer, w, f->aliases[k]);
        if (aliased != MATCH_NOTHING && !claimed(s, w, r, i, f->aliases[k])) {
            found = aliased;
        }
    }
    return found;
}

/* ---- texts ----------------------------------------------------------------------------- */

void match_type_text(const struct schema *s, uint32_t node, char *buf, size_t len) {
    const struct schema_node *n = &s->nodes[node];
    const char *type = schema_type_str(n->type);
    if (n->type == SCHEMA_FIXED) {
        snprintf(buf, len, "%s %s of %u bytes", type, n->name, (unsigned)n->n);
    } else if (n->name) {
        snprintf(buf, len, "%s %s", type, n->name);
    } else if (n->type != SCHEMA_UNION && n->type != SCHEMA_ARRAY && n->type != SCHEMA_MAP) {
        snprintf(buf, len, "%s", type);
    } else {
        size_t used = (size_t)snprintf(buf, len, "%s of ", type);
        for (uint32_t i = 0; i < n->n && used < len; i++) {
            const struct schema_node *c = &s->nodes[n->fields[i].node];
            const char *name = c->name ? c->name : schema_type_str(c->type);
            const int wrote = snprintf(buf + used, len - used, "%s%s", i ? ", " : "", name);
            used += wrote > 0 ? (size_t)wrote : 0;
        }
    }
}
