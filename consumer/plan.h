/* SPDX-License-Identifier: Apache-2.0
 *
 * plan.h -- a plan while it is being written: instructions, unions, and skipping.
 *
 * What is skipped needs the writer schema only and is compiled here; what is read needs a
 * reader too: decode_plan.c. A failure sticks in the plan: what comes after it does
 * nothing, and decoder_new() looks at it once. Recursion follows the nesting of the schema
 * (arrays, maps and unions; records are subroutines) and is limited.
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

struct plan {
    const struct schema *schema;
    struct decoder *d;
    uint32_t n_ops, ops_cap;
    uint32_t n_jumps, jumps_cap;
    uint32_t n_actions, actions_cap;
    bool *empty;          /* (n_nodes,) values of the type take no bytes                 */
    uint32_t *subroutine; /* (n_nodes,) where it starts; 0: none; SUBROUTINE_PENDING     */
    uint32_t *called;     /* (n_called,) nodes that need a subroutine, in order of calls */
    uint32_t n_called;
    uint32_t nesting;
    const char *path; /* "" or "lines[].", for messages */
    enum status status;
    char *err;
    size_t err_len;
};

enum { SUBROUTINE_PENDING = 1 }; /* no place: OP_END alone lies there or before */

/** Where the branches of a union go on: jumps[first + i], and the end at jumps[first + n]. */
struct branches {
    uint32_t first;
    uint32_t n;
};

/** Notes the first failure and its text; later ones are ignored. */
__attribute__((format(printf, 3, 4))) void plan_fail(struct plan *p, enum status st,
                                                     const char *format, ...);

/** Room for n more elements in one of the arrays of `d`: the array, perhaps moved, or NULL
 *  with the failure noted (or one noted before). */
void *plan_grow(struct plan *p, void *array, uint32_t used, uint32_t *cap, uint32_t n, size_t size);

/** Appends an instruction; returns its place. */
uint32_t plan_emit(struct plan *p, struct op op);

const struct schema_node *plan_node(const struct plan *p, uint32_t node);

/** One level of recursion. False: not to be entered, because of this or an earlier failure. */
bool plan_enter(struct plan *p);
void plan_leave(struct plan *p);

/** Finds the types whose values take no bytes; before anything is skipped. */
void plan_find_empty(struct plan *p);

/** A union: begin, then begin and end each branch in order with its code between, then end. */
struct branches plan_begin_union(struct plan *p, const struct schema_node *n);
void plan_begin_branch(struct plan *p, struct branches branches, uint32_t i);
void plan_end_branch(struct plan *p, struct branches branches, uint32_t i);
void plan_end_union(struct plan *p, struct branches branches);

/** Ends the loop that the OP_BLOCKS at `blocks` begins. */
void plan_end_blocks(struct plan *p, uint32_t blocks);

/** Skips one value of this type. */
void plan_skip(struct plan *p, uint32_t node);

/** Compiles the subroutines that were called, and puts their places into the calls. */
void plan_finish(struct plan *p);

#endif
