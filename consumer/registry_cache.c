/* SPDX-License-Identifier: Apache-2.0
 *
 * registry_cache.c -- see registry_cache.h.
 */
#include "registry_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "json.h"

enum { PATH_LEN = 1280, NAME_LEN = 600, FOLDER_MODE = 0755 };

struct registry_cache {
    char dir[PATH_LEN];
};

/* ---- folders --------------------------------------------------------------------------- */

static bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-';
}

static void name_of(const char *url, char *name, size_t len) {
    size_t n = 0;
    for (; url[n] && n + 1 < len; n++) {
        name[n] = url[n];
        if (!is_plain(url[n])) {
            name[n] = '_';
        }
    }
    name[n] = '\0';
}

/* With the folders above it. */
static enum status make_folder(char *path) {
    for (char *p = path + 1; *p; p++) {
        if (*p == '/') {
            *p = '\0';
            const bool ok = mkdir(path, FOLDER_MODE) == 0 || errno == EEXIST;
            *p = '/';
            if (!ok) {
                return ST_IO;
            }
        }
    }
    if (mkdir(path, FOLDER_MODE) == 0) {
        return ST_OK;
    }
    struct stat st;
    if (errno != EEXIST || stat(path, &st)) {
        return ST_IO;
    }
    if (!S_ISDIR(st.st_mode)) {
        errno = ENOTDIR;
        return ST_IO;
    }
    return access(path, W_OK | X_OK) ? ST_IO : ST_OK;
}

enum status registry_cache_new(const char *dir, const char *url, struct registry_cache **out,
                               char *err, size_t err_len) {
    struct registry_cache *c = calloc(1, sizeof *c);
    char name[NAME_LEN];
    if (!c) {
        snprintf(err, err_len, "%s", status_str(ST_NOMEM));
        return ST_NOMEM;
    }
    name_of(url, name, sizeof name);
    snprintf(c->dir, sizeof c->dir, "%s/%s", dir, name);
    if (make_folder(c->dir)) {
        snprintf(err, err_len, "registry.cache = %s: %s: %s", dir, c->dir, strerror(errno));
        registry_cache_free(c);
        return ST_IO;
    }
    *out = c;
    return ST_OK;
}

void registry_cache_free(struct registry_cache *c) {
    free(c);
}

/* ---- files ----------------------------------------------------------------------------- */

static bool is_json(const char *text, size_t len) {
    struct json *root = NULL;
    char why[8];
    const bool ok = json_parse(text, len, &root, why, sizeof why) == ST_OK;
    json_free(root);
    return ok;
}

static void path_of(const struct registry_cache *c, uint32_t id, char path[PATH_LEN + 32]) {
    snprintf(path, PATH_LEN + 32, "%s/%" PRIu32 ".avsc", c->dir, id);
}

enum status registry_cache_read(const struct registry_cache *c, uint32_t id, char **json) {
    char path[PATH_LEN + 32];
    path_of(c, id, path);
    FILE *f = fopen(path, "rb");
    char *text = f ? malloc(JSON_BYTES_MAX + 1) : NULL;
    const size_t len = text ? fread(text, 1, JSON_BYTES_MAX + 1, f) : 0;
    const bool ok = text && !ferror(f) && len <= JSON_BYTES_MAX && is_json(text, len);
    if (f) {
        fclose(f);
    }
    if (!ok) {
        free(text);
        return ST_NOT_FOUND;
    }
    text[len] = '\0';
    char *fitting = realloc(text, len + 1);
    *json = fitting ? fitting : text;
    return ST_OK;
}

static bool write_all(int fd, const char *text, size_t len) {
    while (len > 0) {
        const ssize_t n = write(fd, text, len);
        if (n < 0 && errno != EINTR) {
            return false;
        }
        text += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return true;
}

enum status registry_cache_write(const struct registry_cache *c, uint32_t id, const char *json,
                                 char *err, size_t err_len) {
    char path[PATH_LEN + 32];
    char part[PATH_LEN + 32];
    const size_t len = strlen(json);
    if (!is_json(json, len)) {
        snprintf(err, err_len, "schema %" PRIu32 " is no JSON", id);
        return ST_INVALID;
    }
    path_of(c, id, path);
    snprintf(part, sizeof part, "%s/.new-XXXXXX", c->dir);
    const int fd = mkstemp(part);
    bool ok = fd >= 0 && write_all(fd, json, len) && fchmod(fd, 0644) == 0 && fsync(fd) == 0;
    ok = ok && rename(part, path) == 0;
    if (!ok) {
        snprintf(err, err_len, "%s: %s", path, strerror(errno));
    }
    if (fd >= 0) {
        close(fd);
        if (!ok) {
            unlink(part);
        }
    }
    return ok ? ST_OK : ST_IO;
}
