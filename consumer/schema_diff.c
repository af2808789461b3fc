/* SPDX-License-Identifier: Apache-2.0
 *
 * schema_diff.c -- see schema_diff.h.
 *
 * Both trees are walked together. A recursive type ends where the same two nodes stand on the way
 * already; a type that is used in many places is walked in each, up to VISITS_MAX in all.
 */
#include "schema_diff.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "match.h"

enum {
    DEPTH_MAX = 24,
    VISITS_MAX = 100000,
    PATH_LEN = 512,
    TYPE_LEN = 160,
    LINE_LEN = 1024,
    DESCRIBE_DEPTH = 4
};

struct walk {
    const struct schema_diff *d;
    size_t n; /* said */
    size_t visits;
    size_t depth;
    uint32_t nodes[DEPTH_MAX][2]; /* on the way: reader's, writer's */
    char path[PATH_LEN];
    size_t path_len;
};

/* ---- types in words ------------------------------------------------------------------------ */

static const char *const LOGICAL_NAMES[] = {
    [LOGICAL_NONE] = "",
    [LOGICAL_DATE] = "date",
    [LOGICAL_TIME_MILLIS] = "time-millis",
    [LOGICAL_TIME_MICROS] = "time-micros",
    [LOGICAL_TIMESTAMP_MILLIS] = "timestamp-millis",
    [LOGICAL_TIMESTAMP_MICROS] = "timestamp-micros",
    [LOGICAL_DECIMAL] = "decimal",
    [LOGICAL_UUID] = "uuid",
};

static const char *short_name(const char *name) {
    const char *dot = strrchr(name, '.');
    return dot ? dot + 1 : name;
}

struct text {
    char *buf;
    size_t len, n;
};

static void put(struct text *t, const char *a, const char *b) {
    const int n = t->n < t->len ? snprintf(t->buf + t->n, t->len - t->n, "%s%s", a, b) : 0;
    t->n += n > 0 ? (size_t)n : 0;
}

static void describe(const struct schema *s, uint32_t node, struct text *t, int depth) {
    const struct schema_node *n = &s->nodes[node];
    if (depth == DESCRIBE_DEPTH) {
        put(t, "...", "");
        return;
    }
    switch (n->type) {
    case SCHEMA_RECORD:
    case SCHEMA_FIXED:
    case SCHEMA_ENUM:
        put(t, schema_type_str(n->type), " ");
        put(t, short_name(n->name), "");
        break;
    case SCHEMA_ARRAY:
    case SCHEMA_MAP:
        put(t, schema_type_str(n->type), " of ");
        describe(s, n->fields[0].node, t, depth + 1);
        break;
    case SCHEMA_UNION:
        for (uint32_t i = 0; i < n->n; i++) {
            put(t, i ? " or " : "", "");
            describe(s, n->fields[i].node, t, depth + 1);
        }
        break;
    default: put(t, schema_type_str(n->type), "");
    }
    if (n->logical != LOGICAL_NONE) {
        put(t, " (", LOGICAL_NAMES[n->logical]);
        if (n->logical == LOGICAL_DECIMAL) {
            char scale[32];
            snprintf(scale, sizeof scale, ", scale %u", (unsigned)n->scale);
            put(t, scale, "");
        }
        put(t, ")", "");
    }
}

void schema_describe(const struct schema *s, uint32_t node, char *buf, size_t len) {
    struct text t = {buf, len, 0};
    if (len > 0) {
        buf[0] = '\0';
    }
    describe(s, node, &t, 0);
}

/* ---- saying -------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void say(struct walk *w, const char *format, ...) {
    char text[LINE_LEN];
    char line[LINE_LEN + PATH_LEN + 2];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    snprintf(line, sizeof line, "%s: %s", w->path_len ? w->path : "the record itself", text);
    w->d->say(w->d->arg, line);
    w->n++;
}

/* Appends to the path; returns the length to go back to. */
static size_t enter(struct walk *w, const char *step) {
    const size_t before = w->path_len;
    const bool dot = before > 0 && step[0] != '[' && step[0] != '{';
    const int n = snprintf(w->path + before, PATH_LEN - before, "%s%s", dot ? "." : "", step);
    const size_t fits = PATH_LEN - 1 - before;
    w->path_len += n > 0 && (size_t)n < fits ? (size_t)n : fits;
    return before;
}

static void leave(struct walk *w, size_t before) {
    w->path_len = before;
    w->path[before] = '\0';
}

static void say_types(struct walk *w, uint32_t r, uint32_t wr, const char *then) {
    char here[TYPE_LEN];
    char there[TYPE_LEN];
    schema_describe(w->d->reader, r, here, sizeof here);
    schema_describe(w->d->writer, wr, there, sizeof there);
    say(w, "%s %s, %s here; %s", there, w->d->there, here, then);
}

/* ---- walking ------------------------------------------------------------------------------- */

static void compare(struct walk *w, uint32_t r, uint32_t wr);

/* By names and types alone; a union by any of its branches. */
static bool matches(const struct walk *w, uint32_t r, uint32_t wr) {
    const struct match_schemas s = {w->d->writer, w->d->reader, true};
    const struct schema_node *n = &w->d->writer->nodes[wr];
    bool any = false;
    if (n->type == SCHEMA_UNION) {
        for (uint32_t i = 0; i < n->n && !any; i++) {
            any = matches(w, r, n->fields[i].node);
        }
    } else if (w->d->reader->nodes[r].type == SCHEMA_UNION) {
        any = match_branch(&s, wr, r) != MATCH_NOTHING;
    } else {
        any = match_types(&s, wr, r);
    }
    return any;
}

static const struct schema_field *named(const struct schema_node *n, const char *name) {
    for (uint32_t i = 0; i < n->n; i++) {
        if (strcmp(n->fields[i].name, name) == 0) {
            return &n->fields[i];
        }
    }
    return NULL;
}

/* The writer's field of a reader's: by name, then by the reader's aliases. */
static const struct schema_field *counterpart(const struct schema_node *writer,
                                              const struct schema_field *f) {
    const struct schema_field *found = named(writer, f->name);
    for (uint32_t i = 0; i < f->n_aliases && !found; i++) {
        found = named(writer, f->aliases[i]);
    }
    return found;
}

static void compare_field(struct walk *w, const struct schema_field *f,
                          const struct schema_field *other) {
    const size_t before = enter(w, f->name);
    if (other) {
        if (strcmp(f->name, other->name) != 0) {
            say(w, "is named %s %s; read by its alias", other->name, w->d->there);
        }
        compare(w, f->node, other->node);
    } else if (f->fallback) {
        char *text = json_print(f->fallback);
        say(w, "missing %s; read as %.200s", w->d->there, text ? text : "its default");
        free(text);
    } else {
        say(w, "missing %s, and it has no default here; cannot be read where it is needed",
            w->d->there);
    }
    leave(w, before);
}

/* Whether `f` of the writer's is the counterpart of some field of the reader's. */
static bool is_read(const struct schema_node *reader, const struct schema_node *writer,
                    const struct schema_field *f) {
    if (named(reader, f->name)) {
        return true;
    }
    for (uint32_t i = 0; i < reader->n; i++) {
        const struct schema_field *r = &reader->fields[i];
        for (uint32_t k = 0; k < r->n_aliases; k++) {
            if (strcmp(r->aliases[k], f->name) == 0 && counterpart(writer, r) == f) {
                return true;
            }
        }
    }
    return false;
}

static void compare_records(struct walk *w, const struct schema_node *r,
                            const struct schema_node *wr) {
    for (uint32_t i = 0; i < r->n; i++) {
        compare_field(w, &r->fields[i], counterpart(wr, &r->fields[i]));
    }
    for (uint32_t i = 0; i < wr->n; i++) {
        if (!is_read(r, wr, &wr->fields[i])) {
            const size_t before = enter(w, wr->fields[i].name);
            say(w, "only %s; it is skipped", w->d->there);
            leave(w, before);
        }
    }
}

static void compare_enums(struct walk *w, const struct schema_node *r,
                          const struct schema_node *wr) {
    for (uint32_t i = 0; i < wr->n; i++) {
        if (named(r, wr->fields[i].name)) {
            continue;
        }
        if (r->symbol >= 0) {
            say(w, "symbol %s only %s; read as %s", wr->fields[i].name, w->d->there,
                r->fields[r->symbol].name);
        } else {
            say(w, "symbol %s only %s; a record that has it is a dead letter", wr->fields[i].name,
                w->d->there);
        }
    }
    for (uint32_t i = 0; i < r->n; i++) {
        if (!named(wr, r->fields[i].name)) {
            say(w, "symbol %s only here; it does not come", r->fields[i].name);
        }
    }
}

/* The one branch that is not null, the node itself where it is no union; UINT32_MAX: several. */
static uint32_t single(const struct schema *s, uint32_t node, bool *nullable) {
    const struct schema_node *n = &s->nodes[node];
    uint32_t found = UINT32_MAX;
    *nullable = false;
    if (n->type != SCHEMA_UNION) {
        return node;
    }
    for (uint32_t i = 0; i < n->n; i++) {
        if (s->nodes[n->fields[i].node].type == SCHEMA_NULL) {
            *nullable = true;
        } else if (found != UINT32_MAX) {
            return UINT32_MAX;
        } else {
            found = n->fields[i].node;
        }
    }
    return found;
}

static void compare_unions(struct walk *w, uint32_t r, uint32_t wr) {
    bool null_here = false;
    bool null_there = false;
    const uint32_t one_here = single(w->d->reader, r, &null_here);
    const uint32_t one_there = single(w->d->writer, wr, &null_there);
    if (one_here == UINT32_MAX || one_there == UINT32_MAX) {
        char here[TYPE_LEN];
        char there[TYPE_LEN];
        schema_describe(w->d->reader, r, here, sizeof here);
        schema_describe(w->d->writer, wr, there, sizeof there);
        if (strcmp(here, there) != 0) {
            say_types(w, r, wr, matches(w, r, wr) ? "read branch by branch" : "cannot be read so");
        }
        return;
    }
    if (null_there && !null_here) {
        say(w, "may be null %s, and not here; a record that has null is a dead letter",
            w->d->there);
    } else if (null_here && !null_there) {
        say(w, "is never null %s", w->d->there);
    }
    compare(w, one_here, one_there);
}

static void compare_logical(struct walk *w, uint32_t r, uint32_t wr) {
    const struct schema_node *a = &w->d->reader->nodes[r];
    const struct schema_node *b = &w->d->writer->nodes[wr];
    if (a->logical != b->logical || a->precision != b->precision || a->scale != b->scale) {
        say_types(w, r, wr,
                  "the number or text is taken as it is: see unit and scale of the topic");
    }
}

static void compare_same_type(struct walk *w, uint32_t r, uint32_t wr) {
    const struct schema_node *a = &w->d->reader->nodes[r];
    const struct schema_node *b = &w->d->writer->nodes[wr];
    if (a->name && strcmp(short_name(a->name), short_name(b->name)) != 0) {
        say_types(w, r, wr,
                  "names must match, or be an alias here, unless it is the topic's own "
                  "mapping");
    }
    if (a->type == SCHEMA_RECORD) {
        compare_records(w, a, b);
    } else if (a->type == SCHEMA_ENUM) {
        compare_enums(w, a, b);
    } else if (a->type == SCHEMA_ARRAY || a->type == SCHEMA_MAP) {
        const size_t before = enter(w, a->type == SCHEMA_ARRAY ? "[]" : "{}");
        compare(w, a->fields[0].node, b->fields[0].node);
        leave(w, before);
    } else if (a->type == SCHEMA_FIXED && a->n != b->n) {
        say(w, "%u bytes %s, %u here; cannot be read so", (unsigned)b->n, w->d->there,
            (unsigned)a->n);
    } else {
        compare_logical(w, r, wr);
    }
}

static bool was_here(const struct walk *w, uint32_t r, uint32_t wr) {
    for (size_t i = 0; i < w->depth; i++) {
        if (w->nodes[i][0] == r && w->nodes[i][1] == wr) {
            return true;
        }
    }
    return false;
}

static void compare(struct walk *w, uint32_t r, uint32_t wr) {
    const struct schema_node *a = &w->d->reader->nodes[r];
    const struct schema_node *b = &w->d->writer->nodes[wr];
    if (w->depth == DEPTH_MAX || w->visits == VISITS_MAX || was_here(w, r, wr)) {
        return;
    }
    w->visits++;
    w->nodes[w->depth][0] = r;
    w->nodes[w->depth][1] = wr;
    w->depth++;
    if (a->type == SCHEMA_UNION || b->type == SCHEMA_UNION) {
        compare_unions(w, r, wr);
    } else if (a->type == b->type) {
        compare_same_type(w, r, wr);
    } else {
        say_types(w, r, wr, matches(w, r, wr) ? "can be read" : "cannot be read so");
    }
    w->depth--;
}

size_t schema_diff(const struct schema_diff *d) {
    struct walk w = {.d = d};
    compare(&w, 0, 0);
    return w.n;
}
