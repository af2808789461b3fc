/* SPDX-License-Identifier: Apache-2.0
 *
 * user_pool.h -- blocks that nobody has any more, by their size, for copies of users: what the
 * pre-images of one batch took, those of the next one take again.
 *
 * Ownership: owns the spare blocks; what it hands out is the caller's, for user_free() or to be
 * given back. Threads: one.
 */
#ifndef USER_POOL_H
#define USER_POOL_H

#include "user.h"

struct user_pool {
    void *spare[USER_BYTES_MAX / USER_BLOCK_UNIT + 2]; /* by units: a block, which holds the next */
};

/** user_copy(), into a spare block if there is one. @return ST_OK, ST_NOMEM */
MUST_CHECK enum status user_pool_copy(struct user_pool *p, const struct user *u, struct user **out);
/** Takes a block that nobody needs; NULL is none. */
void user_pool_give(struct user_pool *p, struct user *u);
/** Frees the spare blocks. */
void user_pool_clear(struct user_pool *p);

#endif
