/* SPDX-License-Identifier: Apache-2.0
 *
 * user_set.h -- the consumed set of one domain inside a user's block: exact, then a
 * Bloom filter. Internal to user*.c; user.h says what it promises.
 *
 *     exact   item indices, sorted; binary search
 *     filter  7 bits an item, 10 bits of room an item (Bloom, CACM 1970; two hashes:
 *             Kirsch, Mitzenmacher, ESA 2006), in one or two halves of equal size. Items
 *             enter the newer half; when it is full it becomes the older one.
 *
 * The filter is keyed by the items' durable hashes: its bits mean the same in every
 * process, unlike item indices.
 */
#ifndef USER_SET_H
#define USER_SET_H

#include "user_block.h"

/** True if the set has the item, or its filter says so. */
bool user_set_has(const struct user *u, uint8_t domain, uint32_t item, const uint64_t *hashes);

/** Makes room for one more item. @return ST_OK, or ST_NOMEM (nothing changed) */
MUST_CHECK enum status user_set_reserve(struct user **u, uint8_t domain, uint32_t item,
                                        const uint64_t *hashes);

/** Adds an item there is room for; no effect if it is there. */
void user_set_add(struct user *u, uint8_t domain, uint32_t item, const uint64_t *hashes);

/** Gives bytes up: an exact set becomes a filter, a filter loses its older half, a
 *  single half begins anew with half its size. */
void user_set_squeeze(struct user *u, uint8_t domain, const uint64_t *hashes);

#endif
