/* SPDX-License-Identifier: Apache-2.0
 *
 * path.h -- a wanted path (decode.h) as steps through a schema.
 *
 * Unions have steps of their own: into the branch that the path goes through. A path that ends
 * in [] or {} ends at the array or map, but its last step leads to the items.
 *
 * Ownership: plain values; keys are views into the text of the path. Threads: pure functions.
 */
#ifndef PATH_H
#define PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema.h"
#include "status.h"

enum { PATH_STEPS_MAX = 64 };

enum step_kind {
    STEP_FIELD,   /* of a record: index                    */
    STEP_BRANCH,  /* of a union: index                     */
    STEP_KEY,     /* the one value of a map with this key  */
    STEP_ITEMS,   /* [] */
    STEP_ENTRIES, /* {} */
};

struct step {
    enum step_kind kind;
    uint32_t index;
    uint32_t node;   /* where it leads */
    uint32_t so_far; /* bytes of the path, with this step */
    const char *key; /* not terminated */
    uint32_t key_len;
};

struct path {
    uint32_t n;
    uint32_t end;   /* node; see above                  */
    uint32_t items; /* steps that are ITEMS or ENTRIES  */
    struct step steps[PATH_STEPS_MAX];
};

/** Finds the way. `err` and results as schema_path(). */
MUST_CHECK enum status path_find(const struct schema *s, const char *text, struct path *out,
                                 char *err, size_t err_len);

/** Neither record, array, map, nor a union that has one. */
bool path_scalar(const struct schema *s, uint32_t node);

/** The part of a full name behind the last dot. */
const char *path_short_name(const char *full);

#endif
