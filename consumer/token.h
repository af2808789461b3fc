/* SPDX-License-Identifier: Apache-2.0
 *
 * token.h -- the bearer token of the admin endpoint, from the file http.token.file names.
 *
 * It is what stands in the file without the line end at its end: TOKEN_MIN to TOKEN_MAX bytes, no
 * spaces. Both sides read it: who answers (http.h) at its start, who asks each time. It is part of
 * no message.
 *
 * Ownership: the caller's bytes. Threads: any.
 */
#ifndef TOKEN_H
#define TOKEN_H

#include <stddef.h>

#include "status.h"

enum { TOKEN_MIN = 16, TOKEN_MAX = 256 };

/** @param path  "": there is none, out becomes ""
 *  @param out   terminated
 *  @param err   out: which file, what is wrong, what to type
 *  @return ST_OK, ST_IO (cannot be read), ST_INVALID (length, a space); then out is "" */
MUST_CHECK enum status token_read(const char *path, char out[TOKEN_MAX + 1], char *err,
                                  size_t err_len);

#endif
