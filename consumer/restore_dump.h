/* SPDX-License-Identifier: Apache-2.0
 *
 * restore_dump.h -- a new checkpoint of a task that was restored from the changelog, written from
 * what is in memory: each user once, in the order of the keys, so that the file is as small as can
 * be and no page is written twice (records as they come cost several times as much).
 *
 *     dump_new ──► dump_write() ... true
 *
 * Until the last commit the mark says that nothing is in it: what there is of it is read again.
 *
 * Ownership: borrows everything. Threads: dumps of different tasks may be written at once, while
 * nobody changes the learner; the task must not run.
 */
#ifndef RESTORE_DUMP_H
#define RESTORE_DUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "checkpoint.h"
#include "learner.h"
#include "status.h"

struct dump; /* opaque */

struct dump_of {
    const struct learner *learner;
    uint32_t task;
    const uint8_t *body; /* (body_len,) of the task's own record */
    size_t body_len;
    int64_t begin;               /* position from which everything can be read again  */
    struct checkpoint_mark mark; /* what it will say; wall_ms is filled in            */
};

/** @param k  has nothing. @return ST_OK, ST_NOMEM */
MUST_CHECK enum status dump_new(const struct dump_of *of, struct checkpoint *k, struct dump **out);
void dump_free(struct dump *d);
/** Writes on until it is done or until_ms (clock_mono_ms()) has come. @param done  out
 *  @return ST_OK; as checkpoint_commit(): give the checkpoint up */
MUST_CHECK enum status dump_write(struct dump *d, int64_t until_ms, bool *done);

#endif
