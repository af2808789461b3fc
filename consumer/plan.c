/* SPDX-License-Identifier: Apache-2.0
 *
 * plan.c -- see plan.h.
 */
#include "plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NESTING_MAX = 256 };

/* An empty branch, until plan_end_union() knows the end. */
#define NO_PLACE UINT32_MAX

/* ---- failures -------------------------------------------------------------------------- */

void plan_fail(struct plan *p, enum status st, const char *format, ...) {
    if (p->status) {
        return;
    }
    p->status = st;
    va_list args;
    va_start(args, format);
    vsnprintf(p->err, sizeof p->err, format, args);
    va_end(args);
}

static void fail_for_good(struct plan *p, enum status st, const char *why) {
    p->hopeless = true;
    plan_fail(p, st, "%s", why);
}

void plan_work(struct plan *p, uint32_t steps) {
    p->work += steps < PLAN_WORK_MAX ? steps : PLAN_WORK_MAX;
    if (p->work > PLAN_WORK_MAX) {
        p->work = PLAN_WORK_MAX;
        fail_for_good(p, ST_INVALID, "these two schemas together are too large");
    }
}

struct plan_mark plan_mark(const struct plan *p) {
    return (struct plan_mark){p->n_ops, p->n_jumps, p->n_constants};
}

bool plan_undo(struct plan *p, struct plan_mark mark) {
    if (p->hopeless) {
        return false;
    }
    p->n_ops = mark.n_ops;
    p->n_jumps = mark.n_jumps;
    p->n_constants = mark.n_constants;
    p->status = ST_OK;
    return true;
}

/* ---- arrays that grow ------------------------------------------------------------------ */

/* Room for n more elements: the array, perhaps moved, or NULL with the failure noted (or one
 * noted before). */
static void *grow(struct plan *p, void *array, uint32_t used, uint32_t *cap, uint32_t n,
                  size_t size) {
    plan_work(p, n);
    if (n > PLAN_SIZE_MAX || used > PLAN_SIZE_MAX - n) {
        fail_for_good(p, ST_INVALID, "these two schemas together are too large");
    }
    if (p->status) {
        return NULL;
    }
    if (n <= *cap - used) {
        return array;
    }
    const size_t want = ((size_t)used + n) * 2;
    void *larger = realloc(array, want * size);
    if (!larger) {
        fail_for_good(p, ST_NOMEM, "out of memory");
        return NULL;
    }
    *cap = (uint32_t)want;
    return larger;
}

uint32_t plan_emit(struct plan *p, struct op op) {
    struct op *ops = grow(p, p->d->ops, p->n_ops, &p->ops_cap, 1, sizeof *ops);
    if (!ops) {
        return 0;
    }
    p->d->ops = ops;
    ops[p->n_ops] = op;
    return p->n_ops++;
}

uint32_t plan_constant(struct plan *p, struct value v) {
    struct value *constants =
        grow(p, p->d->constants, p->n_constants, &p->constants_cap, 1, sizeof *constants);
    if (!constants) {
        return 0;
    }
    p->d->constants = constants;
    constants[p->n_constants] = v;
    return p->n_constants++;
}

char *plan_text(struct plan *p, const char *bytes, size_t len) {
    char **texts = grow(p, p->d->texts, p->d->n_texts, &p->texts_cap, 1, sizeof *texts);
    if (!texts) {
        return NULL;
    }
    p->d->texts = texts;
    char *copy = malloc(len ? len : 1);
    if (!copy) {
        fail_for_good(p, ST_NOMEM, "out of memory");
        return NULL;
    }
    memcpy(copy, bytes, len);
    texts[p->d->n_texts++] = copy;
    return copy;
}

uint32_t plan_jumps(struct plan *p, uint32_t n) {
    uint32_t *jumps = grow(p, p->d->jumps, p->n_jumps, &p->jumps_cap, n, sizeof *jumps);
    if (!jumps) {
        return 0;
    }
    p->d->jumps = jumps;
    p->n_jumps += n;
    return p->n_jumps - n;
}

const struct schema_node *plan_node(const struct plan *p, uint32_t node) {
    return &p->writer->nodes[node];
}

bool plan_enter(struct plan *p) {
    if (p->nesting == NESTING_MAX) {
        plan_fail(p, ST_INVALID, "types nested too deeply");
    }
    if (p->status) {
        return false;
    }
    p->nesting++;
    return true;
}

void plan_leave(struct plan *p) {
    p->nesting--;
}

/* ---- types that take no bytes -------------------------------------------------------- */

static bool looks_empty(const struct plan *p, const struct schema_node *n) {
    if (n->type == SCHEMA_NULL || (n->type == SCHEMA_FIXED && n->n == 0)) {
        return true;
    }
    bool all = n->type == SCHEMA_RECORD;
    for (uint32_t i = 0; all && i < n->n; i++) {
        all = p->empty[n->fields[i].node];
    }
    return all;
}

/* The least fixpoint: a record that contains itself is not found empty. */
void plan_find_empty(struct plan *p) {
    bool changed = true;
    while (changed) {
        changed = false;
        for (uint32_t i = p->writer->n_nodes; i-- > 0;) { /* children mostly come later */
            if (!p->empty[i] && looks_empty(p, plan_node(p, i))) {
                p->empty[i] = true;
                changed = true;
            }
        }
    }
}

/* ---- unions, for skipping and for reading --------------------------------------------- */

struct branches plan_begin_union(struct plan *p, uint32_t n) {
    const struct branches branches = {.first = plan_jumps(p, n + 1), .n = n};
    plan_emit(p, (struct op){.code = OP_UNION, .n = n, .arg = branches.first});
    return branches;
}

void plan_begin_branch(struct plan *p, struct branches branches, uint32_t i) {
    if (!p->status) {
        p->d->jumps[branches.first + i] = p->n_ops;
    }
}

/* A branch without instructions goes straight to the end. */
void plan_end_branch(struct plan *p, struct branches branches, uint32_t i) {
    if (!p->status && p->d->jumps[branches.first + i] == p->n_ops) {
        p->d->jumps[branches.first + i] = NO_PLACE;
    } else if (i + 1 < branches.n) {
        plan_emit(p, (struct op){.code = OP_JUMP, .arg = branches.first + branches.n});
    }
}

void plan_end_union(struct plan *p, struct branches branches) {
    for (uint32_t i = 0; !p->status && i <= branches.n; i++) {
        uint32_t *place = &p->d->jumps[branches.first + i];
        *place = i == branches.n || *place == NO_PLACE ? p->n_ops : *place;
    }
}

/* ---- skipping ------------------------------------------------------------------------ */

static void skip_union(struct plan *p, const struct schema_node *n) {
    const struct branches branches = plan_begin_union(p, n->n);
    for (uint32_t i = 0; i < n->n && !p->status; i++) {
        plan_begin_branch(p, branches, i);
        plan_skip(p, n->fields[i].node);
        plan_end_branch(p, branches, i);
    }
    plan_end_union(p, branches);
}

void plan_end_blocks(struct plan *p, uint32_t blocks) {
    plan_emit(p, (struct op){.code = OP_NEXT, .arg = blocks});
    if (!p->status) {
        p->d->ops[blocks].arg = p->n_ops;
    }
}

static void skip_blocks(struct plan *p, const struct schema_node *n) {
    const uint32_t item = n->fields[0].node;
    const bool map = n->type == SCHEMA_MAP;
    const uint32_t blocks =
        plan_emit(p, (struct op){.code = OP_BLOCKS, .empty = !map && p->empty[item]});
    if (map) {
        plan_emit(p, (struct op){.code = OP_SKIP_TEXT});
    }
    plan_skip(p, item);
    plan_end_blocks(p, blocks);
}

static void call_subroutine(struct plan *p, uint32_t node) {
    if (p->subroutine[node] == 0) {
        p->subroutine[node] = SUBROUTINE_PENDING;
        p->called[p->n_called++] = node;
    }
    plan_emit(p, (struct op){.code = OP_CALL, .arg = node}); /* plan_finish() puts the place */
}

void plan_skip(struct plan *p, uint32_t node) {
    if (p->empty[node] || !plan_enter(p)) {
        return;
    }
    const struct schema_node *n = plan_node(p, node);
    switch (n->type) {
    case SCHEMA_NULL: break; /* empty: never here */
    case SCHEMA_BOOLEAN: plan_emit(p, (struct op){.code = OP_SKIP_BYTES, .n = 1}); break;
    case SCHEMA_FLOAT: plan_emit(p, (struct op){.code = OP_SKIP_BYTES, .n = 4}); break;
    case SCHEMA_DOUBLE: plan_emit(p, (struct op){.code = OP_SKIP_BYTES, .n = 8}); break;
    case SCHEMA_FIXED: plan_emit(p, (struct op){.code = OP_SKIP_BYTES, .n = n->n}); break;
    case SCHEMA_INT: plan_emit(p, (struct op){.code = OP_SKIP_INT}); break;
    case SCHEMA_LONG: plan_emit(p, (struct op){.code = OP_SKIP_LONG}); break;
    case SCHEMA_ENUM: plan_emit(p, (struct op){.code = OP_SKIP_ENUM, .n = n->n}); break;
    case SCHEMA_BYTES:
    case SCHEMA_STRING: plan_emit(p, (struct op){.code = OP_SKIP_TEXT}); break;
    case SCHEMA_RECORD: call_subroutine(p, node); break;
    case SCHEMA_ARRAY:
    case SCHEMA_MAP: skip_blocks(p, n); break;
    case SCHEMA_UNION: skip_union(p, n); break;
    }
    plan_leave(p);
}

/* ---- subroutines ---------------------------------------------------------------------- */

static void compile_subroutines(struct plan *p) {
    for (uint32_t k = 0; k < p->n_called && !p->status; k++) { /* n_called grows meanwhile */
        const struct schema_node *n = plan_node(p, p->called[k]);
        p->subroutine[p->called[k]] = p->n_ops;
        for (uint32_t i = 0; i < n->n; i++) {
            plan_skip(p, n->fields[i].node);
        }
        plan_emit(p, (struct op){.code = OP_RETURN});
    }
}

static void link_places(struct plan *p) {
    for (uint32_t i = 0; i < p->n_ops && !p->status; i++) {
        struct op *op = &p->d->ops[i];
        if (op->code == OP_CALL) {
            op->arg = p->subroutine[op->arg];
        } else if (op->code == OP_JUMP) {
            op->arg = p->d->jumps[op->arg];
        }
    }
}

void plan_finish(struct plan *p) {
    compile_subroutines(p);
    link_places(p);
}
