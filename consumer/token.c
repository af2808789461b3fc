/* SPDX-License-Identifier: Apache-2.0
 * token.c -- see token.h. */
#include "token.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "hash.h"
#include "log.h"

static enum status complain(const char *path, enum status st, const char *what, char *err,
                            size_t err_len) {
    snprintf(err, err_len,
             "http.token.file = %.300s: %s; `openssl rand -hex 32 > FILE` makes a token, `chmod "
             "600 FILE` keeps it",
             path, what);
    return st;
}

static bool is_printable(const char *text, size_t len) {
    for (size_t k = 0; k < len; k++) {
        if (text[k] <= ' ' || text[k] > '~') {
            return false;
        }
    }
    return true;
}

enum status token_read(const char *path, char out[TOKEN_MAX + 1], char *err, size_t err_len) {
    char text[TOKEN_MAX + 3]; /* a line end, and one byte that is too many */
    struct stat s;
    out[0] = '\0';
    if (!path[0]) {
        return ST_OK;
    }
    FILE *f = fopen(path, "rb");
    if (!f) {
        return complain(path, ST_IO, strerror(errno), err, err_len);
    }
    if (fstat(fileno(f), &s) == 0 && (s.st_mode & (S_IRGRP | S_IROTH)) != 0) {
        LOG_WARN("others may read the token of the admin endpoint: chmod 600",
                 LOG_STR("file", path));
    }
    setvbuf(f, NULL, _IONBF, 0); /* no copy is left in a buffer */
    size_t n = fread(text, 1, sizeof text, f);
    const bool broken = ferror(f) != 0;
    fclose(f);
    n -= n > 0 && text[n - 1] == '\n';
    n -= n > 0 && text[n - 1] == '\r';
    enum status st = ST_OK;
    if (broken) {
        st = complain(path, ST_IO, "cannot be read", err, err_len);
    } else if (n < TOKEN_MIN || n > TOKEN_MAX || !is_printable(text, n)) {
        st = complain(path, ST_INVALID,
                      "a token has 16 to 256 letters, digits and signs, no spaces", err, err_len);
    } else {
        memcpy(out, text, n);
        out[n] = '\0';
    }
    hash_wipe(text, sizeof text);
    return st;
}
