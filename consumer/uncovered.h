/* SPDX-License-Identifier: Apache-2.0
 *
 * uncovered.h -- whose lists a takeover has to write: users of batches that `published` does not
 * cover (published.h).
 *
 * A restore tells what it reads of the changelog in its order: the users of a batch, then its task
 * record. A record that is covered covers everything before it. Compaction may have removed a
 * batch's own record; then the users wait for a later one, and at worst some are written twice.
 *
 * Ownership: owns its array. Threads: one.
 */
#ifndef UNCOVERED_H
#define UNCOVERED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "published.h"

struct uncovered {
    bool all;        /* everybody; users come besides */
    uint64_t *users; /* (n,) hashes, some more than once */
    size_t n, cap;
};

/** Begins with what is in memory already: `all` of it is uncovered, or nothing. */
void uncovered_begin(struct uncovered *u, bool all);
/** A user's record was read. Out of memory: all. */
void uncovered_user(struct uncovered *u, uint64_t user);
/** A task record was read that is covered. */
void uncovered_clear(struct uncovered *u);
void uncovered_free(struct uncovered *u);

#endif
