/* SPDX-License-Identifier: Apache-2.0
 *
 * catalogue.h -- names of items, from a file `domain item name category ...`, tab-separated.
 *
 * Empty lines, lines that begin with #, lines with a zero byte and lines without a domain, an
 * item and a name are skipped. Of equal items the last line counts. For people only (demo):
 * nothing is learned from it.
 *
 * Ownership: owns its texts. Threads: immutable once open.
 */
#ifndef CATALOGUE_H
#define CATALOGUE_H

#include <stddef.h>

#include "status.h"

struct catalogue; /* opaque: (domain, item) -> name */

/** @param err  out: why not. @return ST_OK, ST_IO, ST_NOMEM */
MUST_CHECK enum status catalogue_open(const char *path, struct catalogue **out, char *err,
                                      size_t err_len);
/** NULL is allowed. */
void catalogue_free(struct catalogue *c);
/** Name of an item, or NULL. Lives as long as the catalogue. */
const char *catalogue_name(const struct catalogue *c, const char *domain, const char *item);
/** Items it has names of. */
size_t catalogue_items(const struct catalogue *c);

#endif
