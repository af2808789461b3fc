/* SPDX-License-Identifier: Apache-2.0
 *
 * fault_poison.h -- the ways in which a record can be bad, and the reason that its dead letter must
 * give.
 *
 * A kind changes the event before it is encoded, or the bytes afterwards, or sends them to a
 * partition that is not their key's. Pure. Threads: any.
 */
#ifndef FAULT_POISON_H
#define FAULT_POISON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoded.h"

struct poison {
    const char *reason;                          /* header `reason` of the letter         */
    void (*event)(struct decoded *e);            /* NULL: as it is                        */
    size_t (*bytes)(uint8_t *value, size_t len); /* NULL: as they are; returns the length */
    bool misplaced;                              /* goes to the partition after its own   */
    bool null;                                   /* has no value                          */
};

/** The kind of the n-th bad record: all kinds, in turn. */
const struct poison *poison_at(uint32_t n);
void poison_event(const struct poison *p, struct decoded *e);
/** Changes (len,) bytes in place and returns how many there are now, not more. */
size_t poison_bytes(const struct poison *p, uint8_t *value, size_t len);

#endif
