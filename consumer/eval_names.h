/* SPDX-License-Identifier: Apache-2.0
 *
 * eval_names.h -- the ids of a stream, each kept once: hash -> 0, 1, 2, ... in order of first
 * sight.
 *
 * As in the learner an id is its 64-bit hash: two ids that collide are one.
 *
 * Ownership: owns its memory; texts move when names are added. Plain, all zero to begin with.
 * Threads: one.
 */
#ifndef EVAL_NAMES_H
#define EVAL_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct eval_name {
    uint64_t hash;
    size_t at; /* of its bytes in the arena */
    uint16_t len;
};

struct eval_names {
    struct eval_name *entries; /* (n,) */
    uint32_t n, cap;
    uint32_t *slots; /* (n_slots,), a power of two: index + 1, 0 is free */
    size_t n_slots;
    char *arena;
    size_t used, room;
};

/** Index of the name, made if it is new. @return ST_OK; ST_RANGE (2^31 names), ST_NOMEM: nothing
 *  changed */
MUST_CHECK enum status eval_names_add(struct eval_names *t, uint64_t hash, const char *id,
                                      size_t len, uint32_t *out);
void eval_names_free(struct eval_names *t);

/** Bytes of name i, (entries[i].len,), not terminated. */
static inline const char *eval_names_text(const struct eval_names *t, uint32_t i) {
    return t->arena + t->entries[i].at;
}

#endif
