/* SPDX-License-Identifier: Apache-2.0
 *
 * registry_cache.h -- schemas that were read once, in files, for a start without the registry.
 *
 *     registry.cache/<first url, what is no letter, digit, dot or dash as _>/<id>.avsc
 *
 * That folder can be given as crossrec.schemas, too. A file is written whole and to the disk before
 * it gets its name; one that is no JSON any more counts as none. There may be several writers: for
 * one id all write the same.
 *
 * Ownership: owns a path. Threads: immutable.
 */
#ifndef REGISTRY_CACHE_H
#define REGISTRY_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct registry_cache; /* opaque */

/** Makes the folders. @return ST_OK, ST_IO (err: which and why), ST_NOMEM */
MUST_CHECK enum status registry_cache_new(const char *dir, const char *url,
                                          struct registry_cache **out, char *err, size_t err_len);
/** NULL is allowed. */
void registry_cache_free(struct registry_cache *c);

/** @param json out, malloc'ed, terminated
 *  @return ST_OK, ST_NOT_FOUND (no such file, or a damaged one) */
MUST_CHECK enum status registry_cache_read(const struct registry_cache *c, uint32_t id,
                                           char **json);
/** @return ST_OK, ST_INVALID (the text is no JSON: not written), ST_IO (err) */
MUST_CHECK enum status registry_cache_write(const struct registry_cache *c, uint32_t id,
                                            const char *json, char *err, size_t err_len);

#endif
