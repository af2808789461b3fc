/* SPDX-License-Identifier: Apache-2.0
 * schema_file.c -- see schema_file.h. */
#include "schema_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "schema.h"

enum status schema_file_read(const char *path, char **text, size_t *len) {
    FILE *f = fopen(path, "rb");
    if (!f) {
        return ST_IO;
    }
    enum status st = ST_OK;
    size_t n = 0;
    char *buf = malloc(SCHEMA_JSON_MAX + 1);
    if (!buf) {
        st = ST_NOMEM;
    } else {
        n = fread(buf, 1, SCHEMA_JSON_MAX + 1, f);
        st = ferror(f) ? ST_IO : ST_OK; /* a folder opens, but does not read */
    }
    const int saved = errno;
    fclose(f);
    errno = saved;
    if (st) {
        free(buf);
        return st;
    }
    *text = buf;
    *len = n;
    return ST_OK;
}
