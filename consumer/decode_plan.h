/* SPDX-License-Identifier: Apache-2.0
 *
 * decode_plan.h -- the instructions of a decoder: what plan.c and resolve.c write and decode.c
 * runs.
 *
 * One instruction reads one value of the writer, in the order of the bytes, and puts it on the
 * tape; what is not wanted is read by a SKIP. An array or a map is
 *
 *     at:  BLOCKS end      reads the block headers; 0 goes to `end`, else the items follow
 *          ...             one item
 *          NEXT at         once more, or back to the next header
 *     end:
 *
 * A record that is skipped is a subroutine (CALL .. RETURN), compiled once each, so that a
 * recursive type costs no more than another. What is wanted lies in the plan as often as a path
 * leads there.
 *
 * Why running one costs O(bytes): values of zero size (null, empty fixed, records of those)
 * have no instructions where they are skipped, and arrays of them no items, so that every item,
 * every subroutine and every round of a loop takes at least one byte, or fails, within
 * DECODE_DEPTH_MAX. An item of a wanted array may be without bytes, but each puts an ITEM on the
 * tape, which holds TAPE_VALUES_MAX.
 *
 * Ownership: a decoder owns its arrays and texts; constants may be views into the reader
 * schema. Threads: immutable once compiled.
 */
#ifndef DECODE_PLAN_H
#define DECODE_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "decode.h"

enum opcode {
    OP_END, /* the record ends here */

    /* read a value, put it with .tag, .type */
    OP_TEXT,    /* string, bytes                                             */
    OP_LONG,    /*                                                           */
    OP_INT,     /*                                                           */
    OP_DOUBLE,  /*                                                           */
    OP_FLOAT,   /* as a double                                               */
    OP_WIDENED, /* int (.n = 1) or long as a double; .round: to float        */
    OP_SYMBOL,  /* enum of n symbols; constants[arg + index], or no text: none */
    OP_BOOLEAN, /*                                                           */
    OP_FIXED,   /* n bytes                                                   */

    /* read nothing */
    OP_PUT,       /* .tag, .type: null, ITEM, END                            */
    OP_CONSTANTS, /* n constants from arg on                                 */
    OP_AGAIN,     /* the last value again, with .tag                         */

    OP_SKIP_INT,   /* int                                                    */
    OP_SKIP_LONG,  /* long                                                   */
    OP_SKIP_ENUM,  /* enum of n symbols                                      */
    OP_SKIP_BYTES, /* exactly n bytes                                        */
    OP_SKIP_TEXT,  /* string or bytes                                        */

    OP_UNION,  /* of n branches; branch i goes on at jumps[arg + i]          */
    OP_JUMP,   /* go on at arg                                               */
    OP_BLOCKS, /* see above; arg = end                                       */
    OP_NEXT,   /* see above; arg = BLOCKS                                    */
    OP_KEY,    /* of a map; puts it with .tag                                */
    OP_CASES,  /* of a map; key i of the n constants[jumps[arg] + i] is put and goes on at
                  jumps[arg + 2 + i], others, put if .others, at jumps[arg + 1] */
    OP_CALL,   /* arg = subroutine                                           */
    OP_RETURN, /*                                                            */
    OP_FAIL,   /* a branch that cannot be read; n = enum decode_error        */
};

struct op {
    uint8_t code;
    uint8_t type; /* enum value_type                                         */
    uint16_t tag;
    bool round;  /* WIDENED: to float                                        */
    bool others; /* CASES: put the keys that are not among the n             */
    bool walk;   /* BLOCKS: go through blocks that could be jumped over      */
    bool empty;  /* BLOCKS: the items take no bytes                          */
    uint32_t n;
    uint32_t arg;
};

struct decoder {
    struct op *ops; /* starts at 0 */
    uint32_t *jumps;
    struct value *constants;
    char **texts; /* (n_texts,) of constants that lie nowhere else */
    uint32_t n_texts;
    const char *unreadable; /* decoder_unreadable(): one of texts, terminated, or NULL */
};

#endif
