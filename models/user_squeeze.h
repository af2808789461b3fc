/* SPDX-License-Identifier: Apache-2.0
 *
 * user_squeeze.h -- what of a user's block gives way at the cap, and in which order (user.h says
 * it). Internal to user*.c.
 */
#ifndef USER_SQUEEZE_H
#define USER_SQUEEZE_H

#include <stdbool.h>
#include <stdint.h>

#include "user_block.h"

/** Brings the block down to USER_BYTES_LIMIT, in place; gives no memory back. `hashes` as in
 *  struct user_line. False: it was no larger. */
bool user_squeeze(struct user *u, const uint64_t *hashes);

#endif
