/* SPDX-License-Identifier: Apache-2.0
 *
 * hash.h -- durable 64-bit names of users, items, events and attributes: SipHash-2-4 (libsodium);
 * and, with a secret key, HMAC-SHA-256.
 *
 * Aumasson, Bernstein: SipHash: a fast short-input PRF, INDOCRYPT 2012. The key is a public
 * constant: these are names, not secrets (pseudonyms are made otherwise), and they must be
 * the same on every instance and after every restart. At 10^9 ids the chance that any
 * two collide is about 3 %.
 *
 * Names of domains are shorter than CONFIG_NAME_MAX. Threads: any.
 */
#ifndef HASH_H
#define HASH_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

/** Hash of a user id or an event id. */
uint64_t hash_id(const char *id, size_t len);

/** Hash of an item: of `domain`, a zero byte, and the id (len <= ID_LEN_MAX). */
uint64_t hash_item(const char *domain, const char *id, size_t len);

/** Hash of what a catalogue says of an item: of `domain`, a zero byte, the key, a zero byte and the
 *  value; of key and value the first ID_LEN_MAX bytes count. A category has the empty key. */
uint64_t hash_attribute(const char *domain, const char *key, size_t key_len, const char *value,
                        size_t value_len);
uint64_t hash_category(const char *domain, const char *text, size_t len);

enum { HASH_KEYED_BYTES = 32 };

struct hash_key; /* opaque */

/** A key of HMAC-SHA-256 (RFC 2104, FIPS 180-4), of any length. It is wiped when it is freed.
 *  @return ST_OK, ST_NOMEM */
MUST_CHECK enum status hash_key_new(const void *key, size_t len, struct hash_key **out);
void hash_key_free(struct hash_key *k); /* NULL is allowed */
/** What was a secret is one no more: overwritten, whatever the compiler thinks of it. */
void hash_wipe(void *secret, size_t len);
void hash_keyed(const struct hash_key *k, const void *bytes, size_t len,
                uint8_t out[HASH_KEYED_BYTES]);

#endif
