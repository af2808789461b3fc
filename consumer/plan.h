/* SPDX-License-Identifier: Apache-2.0
 *
 * plan.h -- a plan while it is being written: instructions, unions, and skipping.
 *
 * What is skipped needs the writer schema only and is compiled here; what is wanted needs the
 * reader's too: resolve.c. A failure sticks in the plan: what comes after it does nothing, and
 * decoder_new() looks at it once. Recursion follows the nesting of the schema and is limited,
 * as is the work: a plan that grows beyond all schemas is refused.
 *
 * Ownership: the caller's; the arrays of `d` grow here. Threads: one a plan.
 */
#ifndef PLAN_H
#define PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decode_plan.h"
#include "schema.h"
#include "status.h"
#include "wanted.h"

enum { PLAN_ERROR_MAX = 512, PLAN_SIZE_MAX = 1 << 18, PLAN_WORK_MAX = 1 << 23 };

struct plan {
    const struct schema *writer, *reader;
    struct wanted_tree wanted;
    bool any_root;
    struct decoder *d;
    uint32_t n_ops, ops_cap;
    uint32_t n_jumps, jumps_cap;
    uint32_t n_constants, constants_cap;
    uint32_t texts_cap;
    bool *empty;          /* (writer nodes,) values of the type take no bytes               */
    uint32_t *subroutine; /* (writer nodes,) where it starts; 0: none; SUBROUTINE_PENDING   */
    uint32_t *called;     /* (n_called,) nodes that need a subroutine, in order of calls    */
    uint32_t n_called;
    uint32_t *sources; /* (wanted.n,) of fields: the writer's field, NO_SOURCE           */
    uint32_t nesting;
    uint32_t work; /* instructions written and names compared, those undone too      */
    enum status status;
    bool hopeless; /* a failure that no other branch can mend */
    char err[PLAN_ERROR_MAX];
    char unreadable[PLAN_ERROR_MAX]; /* why every event fails in what is written so far, or "" */
};

enum { SUBROUTINE_PENDING = 1 }; /* no place: OP_END alone lies there or before */

/** Where the branches of a union go on: jumps[first + i], and the end at jumps[first + n]. */
struct branches {
    uint32_t first;
    uint32_t n;
};

/** A place to go back to. */
struct plan_mark {
    uint32_t n_ops, n_jumps, n_constants;
};

/** Notes the first failure and its text; later ones are ignored. */
__attribute__((format(printf, 3, 4))) void plan_fail(struct plan *p, enum status st,
                                                     const char *format, ...);
/** Counts steps of work; too many are a failure. */
void plan_work(struct plan *p, uint32_t steps);

struct plan_mark plan_mark(const struct plan *p);
/** Takes back what was written since, and a failure to resolve. False: the failure stays. */
bool plan_undo(struct plan *p, struct plan_mark mark);

/** Appends; returns the place. */
uint32_t plan_emit(struct plan *p, struct op op);
uint32_t plan_constant(struct plan *p, struct value v);
/** A copy that lives as long as the decoder, or NULL. Not terminated. */
char *plan_text(struct plan *p, const char *bytes, size_t len);
/** Room for n jumps; returns the first. */
uint32_t plan_jumps(struct plan *p, uint32_t n);

const struct schema_node *plan_node(const struct plan *p, uint32_t node);

/** One level of recursion. False: not to be entered, because of this or an earlier failure. */
bool plan_enter(struct plan *p);
void plan_leave(struct plan *p);

/** Finds the types whose values take no bytes; before anything is skipped. */
void plan_find_empty(struct plan *p);

/** A union: begin, then begin and end each branch in order with its code between, then end. */
struct branches plan_begin_union(struct plan *p, uint32_t n);
void plan_begin_branch(struct plan *p, struct branches branches, uint32_t i);
void plan_end_branch(struct plan *p, struct branches branches, uint32_t i);
void plan_end_union(struct plan *p, struct branches branches);

/** Ends the loop that the OP_BLOCKS at `blocks` begins. */
void plan_end_blocks(struct plan *p, uint32_t blocks);

/** Skips one value of this type. */
void plan_skip(struct plan *p, uint32_t node);

/** Compiles the subroutines that were called, and puts places into calls and jumps. */
void plan_finish(struct plan *p);

#endif
