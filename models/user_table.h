/* SPDX-License-Identifier: Apache-2.0
 *
 * user_table.h -- the repeat table of one domain inside a user's block. Internal to
 * user*.c; user.h says what it promises. Sorted by item; binary search.
 */
#ifndef USER_TABLE_H
#define USER_TABLE_H

#include "user_block.h"

/** Looks an item up; `out` may be NULL. */
bool user_table_get(const struct user *u, uint8_t domain, uint32_t item, struct user_repeat *out);

/** Entries, most recently taken first (ties: smaller item), at most `max`. */
uint32_t user_table_list(const struct user *u, uint8_t domain, struct user_repeat *out,
                         uint32_t max);

/** Entries, largest decayed count at now_ms first (ties: smaller item), at most `max`. */
uint32_t user_table_best(const struct user *u, uint8_t domain, int64_t now_ms,
                         struct user_repeat *out, uint32_t max);

/** Makes room for an item. @return ST_OK, or ST_NOMEM (nothing changed) */
MUST_CHECK enum status user_table_reserve(struct user **u, uint8_t domain, uint32_t item);

/** Counts one taking; there is room. A full table loses its least recently taken item
 *  (ties: the smaller one), which may be this one. */
void user_table_take(struct user *u, uint8_t domain, uint32_t item, int64_t ts_ms);

/** Gives bytes up: the least recently taken eighth. */
void user_table_squeeze(struct user *u, uint8_t domain);

#endif
