/* SPDX-License-Identifier: Apache-2.0
 *
 * ini_file.h -- an ini file, line by line, with the line numbers (inih).
 *
 *     # comment            ; comment
 *     [section]
 *     name = value         ; a semicolon after a space starts a comment
 *
 * inih truncates what does not fit (sections at 49 bytes, lines at 200, depending on how
 * it was built) and joins indented lines to the one before. Nothing of that happens here:
 * indentation means nothing, sections may have INI_SECTION_MAX bytes, and a line that
 * does not fit is an error with its number.
 */
#ifndef INI_FILE_H
#define INI_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "status.h"

enum { INI_SECTION_MAX = 160 };

struct ini_line {
    int number;          /* 1 is the first                                      */
    const char *section; /* "" before the first section                         */
    const char *key;     /* NULL where a section opens                          */
    const char *value;   /* "" if nothing stands behind the =; NULL with key    */
};

/** Called for each opened section and each name; false stops the reading. */
typedef bool (*ini_visit)(void *arg, const struct ini_line *line);

/**
 * Reads a file.
 *
 * @param err  out, `err_len` bytes: "PATH:LINE: what is wrong", or "" if visit stopped it
 * @return ST_OK; ST_INVALID (not such a file, or visit said stop); ST_IO (cannot be read)
 */
MUST_CHECK enum status ini_read(const char *path, ini_visit visit, void *arg, char *err,
                                size_t err_len);

#endif
