/* SPDX-License-Identifier: Apache-2.0
 *
 * restore_tail.h -- what a restore reads of the changelog beyond a checkpoint, gathered to be
 * written into it in the order of the keys, in one commit.
 *
 * Ownership: owns copies of the records. Threads: one at a time.
 */
#ifndef RESTORE_TAIL_H
#define RESTORE_TAIL_H

#include <stddef.h>
#include <stdint.h>

#include "checkpoint.h"
#include "status.h"

enum { TAIL_MAX = 32 << 20 }; /* bytes: a longer one is not worth it, see restore_dump.h */

struct tail; /* opaque */

/** @return ST_OK, ST_NOMEM */
MUST_CHECK enum status tail_new(struct tail **out);
void tail_free(struct tail *t);
/** The newest record of its key. @param value  NULL: a tombstone
 *  @return ST_OK, ST_RANGE (TAIL_MAX), ST_NOMEM */
MUST_CHECK enum status tail_put(struct tail *t, const void *key, size_t key_len, const void *value,
                                size_t value_len);
/** Of each key the newest. @return as checkpoint_commit(), ST_NOMEM */
MUST_CHECK enum status tail_write(const struct tail *t, struct checkpoint *k,
                                  const struct checkpoint_mark *mark);

#endif
