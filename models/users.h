/* SPDX-License-Identifier: Apache-2.0
 *
 * users.h -- the users of one task: hash of the user id -> slot.
 *
 * Slots are dense, 0, 1, 2, ... in order of first sight, and stable until
 * users_free(), so that others may keep arrays beside them.
 *
 * Ownership: owns the user blocks in its slots. Threads: one.
 */
#ifndef USERS_H
#define USERS_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"
#include "user.h"

#define USER_NONE UINT32_MAX

struct users; /* opaque */

/** @return ST_OK, ST_INVALID (n_domains not in 1..DOMAINS_MAX), ST_NOMEM */
MUST_CHECK enum status users_new(uint32_t n_domains, struct users **out);
void users_free(struct users *t);

/** Slot of the user with this hash, or USER_NONE. A slot whose user was taken
 *  away (users_replace with NULL) is not found. */
uint32_t users_find(const struct users *t, uint64_t hash);

/** Slot of the user, made with an empty block if new (or if taken away).
 *  @return ST_OK, ST_INVALID (id length), ST_RANGE (2^31 slots), ST_NOMEM */
MUST_CHECK enum status users_intern(struct users *t, uint64_t hash, const char *id, size_t id_len,
                                    uint32_t *out);

/** Puts `u` (owned from now on, never NULL) in the slot of the hash, made if it is new, and frees
 *  what was there. @return ST_OK, ST_RANGE, ST_NOMEM: nothing changed, u is still the caller's */
MUST_CHECK enum status users_put(struct users *t, uint64_t hash, struct user *u, uint32_t *out);

/** Makes room for n slots at once. @return ST_OK, ST_RANGE, ST_NOMEM */
MUST_CHECK enum status users_reserve(struct users *t, uint32_t n);
/** One with this hash will be put soon: where he is looked for is fetched into the cache. */
void users_expect(const struct users *t, uint64_t hash);

uint32_t users_n(const struct users *t);       /* slots                            */
uint32_t users_n_alive(const struct users *t); /* slots with a user                */
/** The block of a slot, NULL if taken away. user_take() and friends may move it:
 *  pass the place, which is valid until the next users_intern(). */
struct user *users_get(const struct users *t, uint32_t slot);
struct user **users_place(struct users *t, uint32_t slot);
/** Asks for a user's block, which nobody has touched for a while; any slot. */
void users_fetch(const struct users *t, uint32_t slot);
uint64_t users_hash(const struct users *t, uint32_t slot);

/** Puts `u` (owned from now on, may be NULL) in the slot and frees what was there. */
void users_replace(struct users *t, uint32_t slot, struct user *u);

/** Bytes of table and blocks. Walks over all users. */
size_t users_bytes(const struct users *t);

#endif
