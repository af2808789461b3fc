/* SPDX-License-Identifier: Apache-2.0
 *
 * decode_plan.h -- the instructions of a decoder: what plan.c and decode_plan.c write and decode.c
 * runs.
 *
 * One instruction reads one value of the writer, in the order of the bytes; what is not
 * wanted is read by a SKIP. An array or a map is
 *
 *     at:  BLOCKS end      reads the block headers; 0 goes to `end`, else the items follow
 *          ...             one item
 *          NEXT at         once more, or back to the next header
 *     end:
 *
 * A record that is skipped is a subroutine (CALL .. RETURN), compiled once each, so that a
 * plan is never larger than its schema and a recursive type costs no more than another.
 *
 * Why running one costs O(bytes): values of zero size (null, empty fixed, records of those)
 * have no instructions and arrays of them no items, so that every item, every subroutine
 * and every round of a loop takes at least one byte, or fails, within DECODE_DEPTH_MAX.
 *
 * Ownership: a decoder owns its three arrays. Threads: immutable once compiled.
 */
#ifndef DECODE_PLAN_H
#define DECODE_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "decode.h"

enum opcode {
    OP_END,        /* the record ends here                                        */
    OP_LINE,       /* begins the next line, with its defaults                     */
    OP_EVENT_ID,   /* string                                                      */
    OP_USER_ID,    /* string                                                      */
    OP_ITEM,       /* string                                                      */
    OP_TS_INT,     /* int, milliseconds                                           */
    OP_TS,         /* long, milliseconds                                          */
    OP_ACTION,     /* enum of n symbols; actions[arg + index] or ACTION_UNKNOWN   */
    OP_INT,        /* int, long, float, double: quantity or (.amount) amount      */
    OP_LONG,       /*                                                             */
    OP_FLOAT,      /*                                                             */
    OP_DOUBLE,     /*                                                             */
    OP_SKIP_INT,   /* int                                                         */
    OP_SKIP_LONG,  /* long                                                        */
    OP_SKIP_ENUM,  /* enum of n symbols                                           */
    OP_SKIP_BYTES, /* exactly n bytes                                             */
    OP_SKIP_TEXT,  /* string or bytes                                             */
    OP_UNION,      /* of n branches; branch i goes on at jumps[arg + i]           */
    OP_JUMP,       /* a branch ends: go on at jumps[arg]                          */
    OP_BLOCKS,     /* see above; arg = end                                        */
    OP_NEXT,       /* see above; arg = BLOCKS                                     */
    OP_CALL,       /* arg = subroutine                                            */
    OP_RETURN,
    OP_FAIL, /* a branch that cannot be read; n = enum decode_error         */
};

enum { ACTION_UNKNOWN = 0xff };

struct op {
    uint8_t code;
    bool amount; /* numbers: amount rather than quantity                         */
    bool walk;   /* BLOCKS: go through blocks that could be jumped over          */
    bool empty;  /* BLOCKS: the items take no bytes                              */
    uint32_t n;
    uint32_t arg;
};

struct decoder {
    enum action action; /* where the writer has none */
    struct op *ops;     /* starts at 0               */
    uint32_t *jumps;
    uint8_t *actions;
};

#endif
