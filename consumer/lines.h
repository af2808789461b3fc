/* SPDX-License-Identifier: Apache-2.0
 *
 * lines.h -- a text file, line by line: tsv.c and catalogue.c read through it.
 *
 * Lines end in \n or \r\n; the last may end with the file. A byte order mark in front of the
 * first line is left out. Bytes mean nothing else here: a zero byte is a byte.
 *
 * Ownership: owns its buffer; a line is borrowed until the next call. Threads: one.
 */
#ifndef LINES_H
#define LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

enum { LINES_LEN_MAX = 65535 };

struct lines; /* opaque */

struct line {
    const char *text; /* (len,) bytes, not terminated                       */
    size_t len;
    uint64_t number; /* 1 is the first                                     */
    uint64_t offset; /* of its first byte in the file                      */
    bool cut;        /* longer than LINES_LEN_MAX: these are the first     */
};

/** "-" is standard input. Compressed files (gzip, xz, zstd) are refused with what to type,
 *  where it can be seen before reading: in regular files.
 *  @param err  out: "PATH: why not"  @return ST_OK, ST_IO, ST_NOMEM */
MUST_CHECK enum status lines_open(const char *path, struct lines **out, char *err, size_t err_len);
void lines_close(struct lines *l);

/** The next line; false at the end of the file and when it cannot be read on. */
bool lines_next(struct lines *l, struct line *out);

/** ST_IO if reading failed (the reason went to stderr), else ST_OK. */
enum status lines_status(const struct lines *l);

/** For messages: the path, or "standard input". */
const char *lines_name(const struct lines *l);
uint64_t lines_count(const struct lines *l); /* lines so far                       */
uint64_t lines_bytes(const struct lines *l); /* of them, with what ends them       */
uint64_t lines_size(const struct lines *l);  /* of a regular file when opened, or 0 */

/** The fields of a line, split at tabs. */
struct field {
    const char *p;
    size_t len;
};

/** Splits into at most `max` fields; returns how many there are, which may be more. */
size_t lines_split(const struct line *line, struct field *out, size_t max);

#endif
