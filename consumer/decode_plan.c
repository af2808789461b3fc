/* SPDX-License-Identifier: Apache-2.0
 *
 * decode_plan.c -- compiles a writer schema into a plan: see decode.h and decode_plan.h.
 *
 * Here is what the readers want and how it is read; plan.h writes the instructions and
 * skips the rest.
 */
#include "decode_plan.h"

#include <stdlib.h>
#include <string.h>

#include "plan.h"

/* ---- what a reader wants ------------------------------------------------------------- */

enum target {
    TARGET_EVENT_ID,
    TARGET_USER_ID,
    TARGET_TS,
    TARGET_ITEM,
    TARGET_ACTION,
    TARGET_QUANTITY,
    TARGET_AMOUNT,
    TARGET_LINES,
    TARGET_LINE, /* one of them */
};

struct want {
    const char *name; /* NULL ends a table */
    enum target target;
    bool required;
};

/* Two names for one target: the first that the writer has is read, the other skipped. */
static const struct want course_view[] = {
    {"event_id", TARGET_EVENT_ID, true},
    {"user_id", TARGET_USER_ID, true},
    {"ts", TARGET_TS, true},
    {"course_id", TARGET_ITEM, true},
    {"action", TARGET_ACTION, false},
    {"quantity", TARGET_QUANTITY, false},
    {"amount", TARGET_AMOUNT, false},
    {"price", TARGET_AMOUNT, false},
    {.name = NULL},
};

static const struct want food_order[] = {
    {"event_id", TARGET_EVENT_ID, true},
    {"user_id", TARGET_USER_ID, true},
    {"ts", TARGET_TS, true},
    {"lines", TARGET_LINES, true},
    {.name = NULL},
};

static const struct want order_line[] = {
    {"dish_id", TARGET_ITEM, true},
    {"quantity", TARGET_QUANTITY, false},
    {"amount", TARGET_AMOUNT, false},
    {.name = NULL},
};

static const struct {
    const char *name;
    const struct want *wants;
    enum action action;
} readers[READERS] = {
    [READER_COURSE_VIEW] = {"CourseView", course_view, ACTION_ENROLL},
    [READER_FOOD_ORDER] = {"FoodOrder", food_order, ACTION_ORDER},
};

static const char *const action_names[ACTIONS] = {
    [ACTION_VIEW] = "VIEW",     [ACTION_ENROLL] = "ENROLL",     [ACTION_PURCHASE] = "PURCHASE",
    [ACTION_ORDER] = "ORDER",   [ACTION_COMPLETE] = "COMPLETE", [ACTION_RATE] = "RATE",
    [ACTION_LIKE] = "LIKE",     [ACTION_SHARE] = "SHARE",       [ACTION_COMMENT] = "COMMENT",
    [ACTION_REPORT] = "REPORT",
};

static const char *const type_names[] = {
    [SCHEMA_NULL] = "null",   [SCHEMA_BOOLEAN] = "boolean", [SCHEMA_INT] = "int",
    [SCHEMA_LONG] = "long",   [SCHEMA_FLOAT] = "float",     [SCHEMA_DOUBLE] = "double",
    [SCHEMA_BYTES] = "bytes", [SCHEMA_STRING] = "string",   [SCHEMA_RECORD] = "record",
    [SCHEMA_ENUM] = "enum",   [SCHEMA_ARRAY] = "array",     [SCHEMA_MAP] = "map",
    [SCHEMA_UNION] = "union", [SCHEMA_FIXED] = "fixed",
};

static const char *const target_types[] = {
    [TARGET_EVENT_ID] = "string", [TARGET_USER_ID] = "string", [TARGET_TS] = "long",
    [TARGET_ITEM] = "string",     [TARGET_ACTION] = "enum",    [TARGET_QUANTITY] = "a number",
    [TARGET_AMOUNT] = "a number", [TARGET_LINES] = "array",    [TARGET_LINE] = "record",
};

/* ---- reading ------------------------------------------------------------------------- */

static void read_record(struct plan *p, uint32_t node, const struct want *wants);
static void read_value(struct plan *p, uint32_t node, const struct want *w);

static char lower(char x) {
    return (char)(x >= 'A' && x <= 'Z' ? x - 'A' + 'a' : x); /* in every locale */
}

static bool same_name(const char *a, const char *b) {
    while (*a && lower(*a) == lower(*b)) {
        a++;
        b++;
    }
    return lower(*a) == lower(*b);
}

static uint8_t action_of(const char *symbol) {
    for (size_t i = 0; i < ACTIONS; i++) {
        if (same_name(symbol, action_names[i])) {
            return (uint8_t)i;
        }
    }
    return ACTION_UNKNOWN;
}

static void read_action(struct plan *p, const struct schema_node *n) {
    uint8_t *actions =
        plan_grow(p, p->d->actions, p->n_actions, &p->actions_cap, n->n, sizeof *actions);
    if (!actions) {
        return;
    }
    p->d->actions = actions;
    bool any = false;
    for (uint32_t i = 0; i < n->n; i++) {
        const uint8_t action = action_of(n->fields[i].name);
        actions[p->n_actions + i] = action;
        any = any || action != ACTION_UNKNOWN;
    }
    if (!any) {
        plan_fail(p, ST_INVALID, "%saction: no symbol of the enum is a known action", p->path);
    }
    plan_emit(p, (struct op){.code = OP_ACTION, .n = n->n, .arg = p->n_actions});
    p->n_actions += n->n;
}

static void read_lines(struct plan *p, const struct schema_node *n) {
    static const struct want line = {"lines[]", TARGET_LINE, true};
    const uint32_t blocks = plan_emit(p, (struct op){.code = OP_BLOCKS, .walk = true});
    plan_emit(p, (struct op){.code = OP_LINE});
    read_value(p, n->fields[0].node, &line);
    plan_end_blocks(p, blocks);
}

static enum opcode number_op(enum schema_type type) {
    switch (type) {
    case SCHEMA_INT: return OP_INT;
    case SCHEMA_LONG: return OP_LONG;
    case SCHEMA_FLOAT: return OP_FLOAT;
    default: return OP_DOUBLE;
    }
}

/* NULL, or what of this type stands in the way. */
static const char *mismatch(const struct want *w, const struct schema_node *n) {
    const enum schema_type t = n->type;
    bool fits = false;
    switch (w->target) {
    case TARGET_EVENT_ID:
    case TARGET_USER_ID:
    case TARGET_ITEM: fits = t == SCHEMA_STRING; break;
    case TARGET_TS:
        fits = t == SCHEMA_INT || t == SCHEMA_LONG;
        if (fits && n->logical && strcmp(n->logical, "timestamp-millis") != 0) {
            return n->logical; /* microseconds read as milliseconds would be accepted */
        }
        break;
    case TARGET_ACTION: fits = t == SCHEMA_ENUM; break;
    case TARGET_QUANTITY:
    case TARGET_AMOUNT:
        fits = t == SCHEMA_INT || t == SCHEMA_LONG || t == SCHEMA_FLOAT || t == SCHEMA_DOUBLE;
        break;
    case TARGET_LINES: fits = t == SCHEMA_ARRAY; break;
    case TARGET_LINE: fits = t == SCHEMA_RECORD; break;
    }
    return fits ? NULL : type_names[t];
}

static void read_plain(struct plan *p, uint32_t node, const struct want *w) {
    const struct schema_node *n = plan_node(p, node);
    switch (w->target) {
    case TARGET_EVENT_ID: plan_emit(p, (struct op){.code = OP_EVENT_ID}); break;
    case TARGET_USER_ID: plan_emit(p, (struct op){.code = OP_USER_ID}); break;
    case TARGET_ITEM: plan_emit(p, (struct op){.code = OP_ITEM}); break;
    case TARGET_TS:
        plan_emit(p, (struct op){.code = n->type == SCHEMA_INT ? OP_TS_INT : OP_TS});
        break;
    case TARGET_ACTION: read_action(p, n); break;
    case TARGET_QUANTITY:
    case TARGET_AMOUNT:
        plan_emit(p, (struct op){.code = (uint8_t)number_op(n->type),
                                 .amount = w->target == TARGET_AMOUNT});
        break;
    case TARGET_LINES: read_lines(p, n); break;
    case TARGET_LINE:
        p->path = "lines[].";
        read_record(p, node, order_line);
        p->path = "";
        break;
    }
}

/* As the specification has it, a branch that cannot be read is an error of the event that
 * uses it; a union without any that can be read is an error of the schema. */
static void read_union(struct plan *p, const struct schema_node *n, const struct want *w) {
    const struct branches branches = plan_begin_union(p, n);
    const char *why = "empty union";
    bool any = false;
    for (uint32_t i = 0; i < n->n && !p->status; i++) {
        const uint32_t branch = n->fields[i].node;
        const char *wrong = mismatch(w, plan_node(p, branch));
        const bool null = plan_node(p, branch)->type == SCHEMA_NULL;
        plan_begin_branch(p, branches, i);
        if (!wrong) {
            read_plain(p, branch, w);
            any = true;
        } else if (!null) {
            why = wrong;
            plan_emit(p, (struct op){.code = OP_FAIL, .n = DECODE_BRANCH});
        } else if (w->required) {
            plan_emit(p, (struct op){.code = OP_FAIL, .n = DECODE_NULL});
        } /* else the default, which is there already */
        plan_end_branch(p, branches, i);
    }
    plan_end_union(p, branches);
    if (!any) {
        plan_fail(p, ST_INVALID, "%s%s: union with %s, needs %s", p->path, w->name, why,
                  target_types[w->target]);
    }
}

static void read_value(struct plan *p, uint32_t node, const struct want *w) {
    if (!plan_enter(p)) {
        return;
    }
    const struct schema_node *n = plan_node(p, node);
    const char *wrong = mismatch(w, n);
    if (n->type == SCHEMA_UNION) {
        read_union(p, n, w);
    } else if (wrong) {
        plan_fail(p, ST_INVALID, "%s%s: %s, needs %s", p->path, w->name, wrong,
                  target_types[w->target]);
    } else {
        read_plain(p, node, w);
    }
    plan_leave(p);
}

/* The want that field i serves, or NULL: unknown, a repeated name, or a second choice. */
static const struct want *wanted(const struct plan *p, uint32_t node, uint32_t i,
                                 const struct want *wants) {
    const struct schema_field *f = &plan_node(p, node)->fields[i];
    for (const struct want *w = wants; w->name; w++) {
        if (strcmp(w->name, f->name) != 0) {
            continue;
        }
        for (const struct want *first = wants; first < w; first++) {
            if (first->target == w->target && schema_field(p->schema, node, first->name)) {
                return NULL;
            }
        }
        return schema_field(p->schema, node, f->name) == f ? w : NULL;
    }
    return NULL;
}

static void read_record(struct plan *p, uint32_t node, const struct want *wants) {
    for (const struct want *w = wants; w->name; w++) {
        if (w->required && !schema_field(p->schema, node, w->name)) {
            plan_fail(p, ST_INVALID, "%s%s: missing", p->path, w->name);
        }
    }
    const struct schema_node *n = plan_node(p, node);
    for (uint32_t i = 0; i < n->n && !p->status; i++) {
        const struct want *w = wanted(p, node, i, wants);
        if (w) {
            read_value(p, n->fields[i].node, w);
        } else {
            plan_skip(p, n->fields[i].node);
        }
    }
}

/* ---- a whole plan -------------------------------------------------------------------- */

static void compile(struct plan *p, enum reader reader) {
    const struct schema_node *root = plan_node(p, 0);
    if (root->type != SCHEMA_RECORD) {
        plan_fail(p, ST_INVALID, "%s, needs record", type_names[root->type]);
        return;
    }
    plan_find_empty(p);
    p->d->action = readers[reader].action;
    if (readers[reader].wants != food_order) {
        plan_emit(p, (struct op){.code = OP_LINE}); /* the event is its only line */
    }
    read_record(p, 0, readers[reader].wants);
    plan_emit(p, (struct op){.code = OP_END});
    plan_finish(p);
}

enum status decoder_new(const struct schema *writer, enum reader reader, struct decoder **out,
                        char *err, size_t err_len) {
    const size_t n = writer->n_nodes;
    struct plan p = {
        .schema = writer,
        .d = calloc(1, sizeof *p.d),
        .empty = calloc(n, sizeof *p.empty),
        .subroutine = calloc(n, sizeof *p.subroutine),
        .called = calloc(n, sizeof *p.called),
        .path = "",
        .err_len = err_len,
    };
    p.err = err;
    if (!p.d || !p.empty || !p.subroutine || !p.called) {
        plan_fail(&p, ST_NOMEM, "out of memory");
    } else {
        compile(&p, reader);
    }
    free(p.empty);
    free(p.subroutine);
    free(p.called);
    if (p.status) {
        decoder_free(p.d);
        return p.status;
    }
    *out = p.d;
    return ST_OK;
}

void decoder_free(struct decoder *d) {
    if (!d) {
        return;
    }
    free(d->ops);
    free(d->jumps);
    free(d->actions);
    free(d);
}

/* ---- readers by name ----------------------------------------------------------------- */

enum status reader_of(const char *name, enum reader *out) {
    for (size_t i = 0; i < READERS; i++) {
        if (strcmp(name, readers[i].name) == 0) {
            *out = (enum reader)i;
            return ST_OK;
        }
    }
    return ST_NOT_FOUND;
}

const char *reader_name(enum reader r) {
    return r < READERS ? readers[r].name : "unknown reader";
}
