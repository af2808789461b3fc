/* SPDX-License-Identifier: Apache-2.0
 *
 * match.h -- what of a writer's schema stands for what of a reader's (Avro 1.11, "Schema
 * Resolution"), by names and types alone.
 *
 * Threads: pure functions.
 */
#ifndef MATCH_H
#define MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema.h"

struct match_schemas {
    const struct schema *writer, *reader;
    bool any_root; /* the names of the two roots need not match */
};

/** One type, of named ones also the name without namespace or an alias of the reader's, of fixed
 *  ones the size; or a promotion: int as long, string as bytes. Items of arrays and maps are looked
 *  at, fields and symbols are not. A union matches everything: its branches are matched one by one.
 */
bool match_types(const struct match_schemas *s, uint32_t w, uint32_t r);

#define MATCH_NOTHING UINT32_MAX

/** The first branch of the reader's union `r` that the writer's `w`, itself no union, matches at
 *  all, or MATCH_NOTHING. */
uint32_t match_branch(const struct match_schemas *s, uint32_t w, uint32_t r);

/** The field of the writer's record `w` for field `i` of the reader's record `r`: by name, else
 *  by the first of its aliases that the writer has and no other field of the reader claims; or
 *  MATCH_NOTHING. */
uint32_t match_field(const struct match_schemas *s, uint32_t w, uint32_t r, uint32_t i);

/** Writes "record Order", "fixed Hash of 16 bytes", "a union of null, long" to buf. */
void match_type_text(const struct schema *s, uint32_t node, char *buf, size_t len);

#endif
