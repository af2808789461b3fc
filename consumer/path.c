/* SPDX-License-Identifier: Apache-2.0
 *
 * path.c -- see path.h, and schema_path() of decode.h.
 */
#include "path.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "decode.h"

#define NO_INDEX UINT32_MAX

struct walk {
    const struct schema *s;
    const char *text; /* the whole path                 */
    const char *at;   /* what is left of it             */
    uint32_t node;    /* where the walk stands          */
    struct path *out;
    char *err;
    size_t err_len;
    size_t err_n; /* bytes of the message; more than err_len if it is cut off */
};

static const struct schema_node *node_at(const struct walk *w, uint32_t node) {
    return &w->s->nodes[node];
}

const char *path_short_name(const char *full) {
    const char *dot = strrchr(full, '.');
    return dot ? dot + 1 : full;
}

static bool scalar_type(enum schema_type t) {
    return t != SCHEMA_RECORD && t != SCHEMA_ARRAY && t != SCHEMA_MAP && t != SCHEMA_UNION;
}

bool path_scalar(const struct schema *s, uint32_t node) {
    const struct schema_node *n = &s->nodes[node];
    if (n->type != SCHEMA_UNION) {
        return scalar_type(n->type);
    }
    for (uint32_t i = 0; i < n->n; i++) {
        if (!scalar_type(s->nodes[n->fields[i].node].type)) {
            return false;
        }
    }
    return true;
}

/* ---- messages -------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void say(struct walk *w, const char *format, ...) {
    if (w->err_n >= w->err_len) {
        return;
    }
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(w->err + w->err_n, w->err_len - w->err_n, format, args);
    va_end(args);
    w->err_n += n > 0 ? (size_t)n : 0;
}

/* "; it has dish_id, quantity, amount" */
static void say_fields(struct walk *w, const struct schema_node *record) {
    say(w, "%s", record->n ? "; it has " : "; it has none");
    for (uint32_t i = 0; i < record->n; i++) {
        say(w, "%s%s", i ? ", " : "", record->fields[i].name);
    }
}

static const char *type_or_name(const struct schema_node *n) {
    return n->name ? path_short_name(n->name) : schema_type_str(n->type);
}

/* "a union of null, Order, Refund" */
static void say_union(struct walk *w, const struct schema_node *u) {
    say(w, "a union of ");
    for (uint32_t i = 0; i < u->n; i++) {
        say(w, "%s%s", i ? ", " : "", type_or_name(node_at(w, u->fields[i].node)));
    }
}

/* ---- steps ----------------------------------------------------------------------------- */

static enum status put_step(struct walk *w, struct step step) {
    if (w->out->n == PATH_STEPS_MAX) {
        say(w, "more than %d steps", PATH_STEPS_MAX);
        return ST_INVALID;
    }
    step.so_far = (uint32_t)(w->at - w->text);
    w->out->steps[w->out->n++] = step;
    w->node = step.node;
    return ST_OK;
}

static enum status into_branch(struct walk *w, uint32_t i) {
    const uint32_t node = node_at(w, w->node)->fields[i].node;
    return put_step(w, (struct step){.kind = STEP_BRANCH, .index = i, .node = node});
}

/* The first branch of this type; *n: how many there are. */
static uint32_t branch_of_type(const struct walk *w, enum schema_type type, uint32_t *n) {
    const struct schema_node *u = node_at(w, w->node);
    uint32_t found = NO_INDEX;
    *n = 0;
    for (uint32_t i = 0; i < u->n; i++) {
        if (node_at(w, u->fields[i].node)->type == type) {
            found = found == NO_INDEX ? i : found;
            (*n)++;
        }
    }
    return found;
}

/* Does the path go on with this name? */
static bool goes_on_with(const char *at, const char *name) {
    const size_t len = strlen(name);
    return strncmp(at, name, len) == 0 && (at[len] == '\0' || strchr(".[{", at[len]));
}

/* A record that the path names: its full name before a name without namespace. *len: bytes
 * of the name; 0: none is named. */
static enum status named_branch(struct walk *w, uint32_t *branch, size_t *len) {
    const struct schema_node *u = node_at(w, w->node);
    *len = 0;
    bool full = false;
    uint32_t n_short = 0;
    for (uint32_t i = 0; i < u->n && !full; i++) {
        const struct schema_node *b = node_at(w, u->fields[i].node);
        if (b->type != SCHEMA_RECORD) {
            continue;
        }
        full = goes_on_with(w->at, b->name);
        const char *name = full ? b->name : path_short_name(b->name);
        if (full || goes_on_with(w->at, name)) {
            n_short++;
            *branch = i;
            *len = strlen(name);
        }
    }
    if (!full && n_short > 1) {
        say(w, "%.*s is ambiguous: write its full name", (int)*len, w->at);
        return ST_INVALID;
    }
    return ST_OK;
}

static enum status name_step(struct walk *w);

/* A name that comes upon a union: of a record, of a field of its only record, or a key. */
static enum status name_into_union(struct walk *w) {
    uint32_t branch = NO_INDEX;
    size_t len = 0;
    enum status st = named_branch(w, &branch, &len);
    if (st || len > 0) {
        w->at += len;
        return st ? st : into_branch(w, branch);
    }
    uint32_t n_records = 0;
    uint32_t n_maps = 0;
    const uint32_t record = branch_of_type(w, SCHEMA_RECORD, &n_records);
    const uint32_t map = branch_of_type(w, SCHEMA_MAP, &n_maps);
    branch = n_records > 0 ? record : map;
    if (n_records > 1 || branch == NO_INDEX) {
        say_union(w, node_at(w, w->node));
        say(w, "%s", n_records ? ": name one of its records" : ", none of which has fields");
        return ST_INVALID;
    }
    st = into_branch(w, branch);
    return st ? st : name_step(w);
}

static enum status field_step(struct walk *w, size_t len) {
    const struct schema_node *n = node_at(w, w->node);
    for (uint32_t i = 0; i < n->n; i++) {
        const struct schema_field *f = &n->fields[i];
        if (strlen(f->name) == len && memcmp(f->name, w->at, len) == 0) {
            w->at += len;
            return put_step(w, (struct step){.kind = STEP_FIELD, .index = i, .node = f->node});
        }
    }
    say(w, "%s has no such field", path_short_name(n->name));
    say_fields(w, n);
    return ST_INVALID;
}

static enum status name_step(struct walk *w) {
    const struct schema_node *n = node_at(w, w->node);
    const size_t len = strcspn(w->at, ".[{");
    if (len == 0) {
        say(w, "a name is missing at \"%s\"", w->at);
        return ST_INVALID;
    }
    switch (n->type) {
    case SCHEMA_UNION: return name_into_union(w);
    case SCHEMA_RECORD: return field_step(w, len);
    case SCHEMA_MAP: {
        const struct step step = {
            .kind = STEP_KEY, .node = n->fields[0].node, .key = w->at, .key_len = (uint32_t)len};
        w->at += len;
        return put_step(w, step);
    }
    case SCHEMA_ARRAY: say(w, "an array: write [] for its items"); return ST_INVALID;
    default: say(w, "%s has no fields", schema_type_str(n->type)); return ST_INVALID;
    }
}

/* [] or {} */
static enum status items_step(struct walk *w) {
    const bool map = *w->at == '{';
    const enum schema_type type = map ? SCHEMA_MAP : SCHEMA_ARRAY;
    if (w->at[1] != (map ? '}' : ']')) {
        say(w, "\"%s\": write [] for items, {} for entries", w->at);
        return ST_INVALID;
    }
    enum status st = ST_OK;
    if (node_at(w, w->node)->type == SCHEMA_UNION) {
        uint32_t n = 0;
        const uint32_t branch = branch_of_type(w, type, &n);
        st = branch == NO_INDEX ? ST_OK : into_branch(w, branch);
    }
    const struct schema_node *n = node_at(w, w->node);
    if (st || n->type != type) {
        if (!st) {
            say(w, "%s is not %s", type_or_name(n), map ? "a map" : "an array");
        }
        return ST_INVALID;
    }
    w->at += 2;
    w->out->items++;
    w->out->end = w->node;
    return put_step(
        w, (struct step){.kind = map ? STEP_ENTRIES : STEP_ITEMS, .node = n->fields[0].node});
}

/* ---- whole paths ----------------------------------------------------------------------- */

/* A path may end at what its last [] or {} announces, or at a value. */
static enum status check_end(struct walk *w) {
    const struct path *p = w->out;
    if (p->n > 0 && p->steps[p->n - 1].kind >= STEP_ITEMS) {
        return ST_OK; /* end is set */
    }
    const struct schema_node *n = node_at(w, w->node);
    if (path_scalar(w->s, w->node)) {
        w->out->end = w->node;
        return ST_OK;
    }
    if (n->type == SCHEMA_RECORD) {
        say(w, "%s is a record", path_short_name(n->name));
        say_fields(w, n);
    } else if (n->type == SCHEMA_UNION) {
        say_union(w, n);
        say(w, ": not a value");
    } else {
        say(w, "%s",
            n->type == SCHEMA_ARRAY ? "an array: write [] for its items"
                                    : "a map: write {} for its entries");
    }
    return ST_INVALID;
}

enum status path_find(const struct schema *s, const char *text, struct path *out, char *err,
                      size_t err_len) {
    struct walk w = {.s = s, .text = text, .at = text, .out = out, .err_len = err_len};
    w.err = err;
    out->n = out->items = 0;
    enum status st = ST_OK;
    while (*w.at && !st) {
        if (*w.at == '[' || *w.at == '{') {
            st = items_step(&w);
            continue;
        }
        if (w.at > text && *w.at != '.') {
            say(&w, "a dot is missing before \"%s\"", w.at);
            return ST_INVALID;
        }
        w.at += w.at > text;
        st = name_step(&w);
    }
    return st ? st : check_end(&w);
}

enum status schema_path(const struct schema *s, const char *path, uint32_t *node, uint32_t *items,
                        char *err, size_t err_len) {
    struct path found;
    enum status st = path_find(s, path, &found, err, err_len);
    if (!st) {
        *node = found.end;
        *items = found.items;
    }
    return st;
}
