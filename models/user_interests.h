/* SPDX-License-Identifier: Apache-2.0
 *
 * user_interests.h -- the interests inside a user's block: categories with what the user took of
 * each, and their sum. Internal to user*.c; user.h says what they promise. Sorted by category;
 * binary search.
 */
#ifndef USER_INTERESTS_H
#define USER_INTERESTS_H

#include "user_block.h"

/** Makes room for a category (CATEGORY_NONE needs none). @return ST_OK, or ST_NOMEM (nothing
 *  changed) */
MUST_CHECK enum status user_interests_reserve(struct user **u, uint32_t category);

/** Counts one line of a category, or of none; there is room. To be called before the block's n and
 *  last_ms know of the line: the sum's landmark is last_ms and moves with it. */
void user_interests_take(struct user *u, uint32_t category, int64_t ts_ms);

/** Gives bytes up: the weakest quarter. */
void user_interests_squeeze(struct user *u);

#endif
