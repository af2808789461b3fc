/* SPDX-License-Identifier: Apache-2.0
 *
 * wanted.h -- all wanted paths (decode.h) as one tree over the reader's schema.
 *
 * A node stands for a place in the reader's values. Children are: fields of a record (by
 * index, in order), branches of a union, the items of an array; of a map, every entry without
 * a child of its own, and the entries with one. Whatever is wanted of every entry is wanted
 * of those as well, so that each entry is read once.
 *
 * Ownership: the tree owns its array and borrows the schema and the paths. Threads: one a tree.
 */
#ifndef WANTED_H
#define WANTED_H

#include <stddef.h>
#include <stdint.h>

#include "decode.h"
#include "schema.h"
#include "status.h"

struct wanted {
    uint32_t node;        /* of the reader's schema                                  */
    uint32_t index;       /* which field or branch of its parent                     */
    uint32_t child, next; /* first child, next one of its parent; 0: none            */
    uint32_t again;       /* the same value once more, for another tag; 0: none      */
    uint16_t tag;         /* of the path that ends here; 0: none does                */
    const char *key;      /* the entry of a map, not terminated; NULL: all, no entry */
    uint32_t key_len;
    uint32_t path_len;
    const char *path; /* what leads here, for messages                           */
};

enum { WANTED_MAX = 4096 };

struct wanted_tree {
    const struct schema *reader;
    struct wanted *all; /* (n,); 0 is the root */
    uint32_t n, cap;
};

/** @return ST_OK, ST_INVALID (err: "path: why"), ST_NOMEM */
MUST_CHECK enum status wanted_new(const struct schema *reader, const struct want *wants, size_t n,
                                  struct wanted_tree *out, char *err, size_t err_len);
void wanted_free(struct wanted_tree *t);

/** The child of that index (fields, branches, 0: items), or 0. */
uint32_t wanted_child(const struct wanted_tree *t, uint32_t at, uint32_t index);
/** The child for the entry of that key, else that for every entry, else 0. */
uint32_t wanted_entry(const struct wanted_tree *t, uint32_t at, const char *key, size_t len);

#endif
