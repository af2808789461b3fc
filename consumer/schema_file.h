/* SPDX-License-Identifier: Apache-2.0
 *
 * schema_file.h -- the text of an .avsc file, for schema_parse().
 */
#ifndef SCHEMA_FILE_H
#define SCHEMA_FILE_H

#include <stddef.h>

#include "status.h"

/** Reads at most one byte more than a schema may have, so that schema_parse() can refuse.
 *  @param text  out, malloc'ed, not terminated
 *  @return ST_OK; ST_IO (errno says why: no such file, a folder, ...), ST_NOMEM: nothing set */
MUST_CHECK enum status schema_file_read(const char *path, char **text, size_t *len);

#endif
