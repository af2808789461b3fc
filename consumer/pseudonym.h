/* SPDX-License-Identifier: Apache-2.0
 *
 * pseudonym.h -- the name under which a partner finds a user in Redis (docs/pseudonyms.md).
 *
 *     without a key   the user's id at that partner, as it is
 *     with one        hex of the first 16 bytes of HMAC-SHA-256(key, that id)
 *
 * So two partners with keys of their own cannot find out that two of their users are one, and who
 * reads Redis without the key does not learn ids. At 10^9 users the chance that any two of a target
 * share a pseudonym is below 10^-20.
 *
 * The key of a target is what stands in the file privacy.key.TARGET names, without the line end at
 * its end: 16 to 1024 bytes. Files are read once, at the start.
 *
 * Ownership: owns the keys, wipes them. Threads: one (pseudonym_of() writes into the set).
 */
#ifndef PSEUDONYM_H
#define PSEUDONYM_H

#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "status.h"

enum { PSEUDONYM_LEN = 32, PSEUDONYM_KEY_MIN = 16, PSEUDONYM_KEY_MAX = 1024 };

struct pseudonyms; /* opaque */

/** Reads the keys that cfg->keys names.
 *  @param err  out, CONFIG_ERROR_MAX bytes: which file, what is wrong, what to type
 *  @return ST_OK, ST_IO (cannot be read), ST_INVALID (too short, too long), ST_NOMEM */
MUST_CHECK enum status pseudonyms_open(const struct config *cfg, struct pseudonyms **out,
                                       char *err);
void pseudonyms_free(struct pseudonyms *p);

/** What the partner of a target calls the user whose id there is `id`: *len bytes, `id` itself
 *  without a key. Until the next call. */
const char *pseudonym_of(struct pseudonyms *p, uint32_t target, const char *id, size_t *len);

#endif
