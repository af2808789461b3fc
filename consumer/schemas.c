/* SPDX-License-Identifier: Apache-2.0
 *
 * schemas.c -- see schemas.h.
 *
 * A table sorted by id; an id is looked up once an event, by bisection.
 */
#include "schemas.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schemas_builtin.h"

struct entry {
    uint32_t id;
    struct schema *schema;
    struct decoder *decoders[READERS]; /* NULL: cannot be read so */
};

struct schemas {
    struct entry *entries; /* (n,) by id once loaded */
    size_t n;
    size_t cap;
};

static const struct {
    uint32_t id;
    const char *json;
} shipped[READERS] = {
    [READER_COURSE_VIEW] = {1, builtin_course_view},
    [READER_FOOD_ORDER] = {2, builtin_food_order},
};

/* ---- the table ----------------------------------------------------------------------- */

static void entry_free(struct entry *e) {
    for (size_t r = 0; r < READERS; r++) {
        decoder_free(e->decoders[r]);
    }
    schema_free(e->schema);
}

static enum status compile(struct entry *e) {
    char why[128]; /* not asked for: a schema that only one reader can read is the rule */
    for (size_t r = 0; r < READERS; r++) {
        enum status st = decoder_new(e->schema, (enum reader)r, &e->decoders[r], why, sizeof why);
        if (st == ST_NOMEM) {
            return st;
        }
    }
    return ST_OK;
}

static enum status add(struct schemas *s, uint32_t id, const char *json, size_t len, char *err,
                       size_t err_len) {
    if (s->n == s->cap) {
        const size_t cap = s->cap ? 2 * s->cap : 8;
        struct entry *entries = realloc(s->entries, cap * sizeof *entries);
        if (!entries) {
            snprintf(err, err_len, "out of memory");
            return ST_NOMEM;
        }
        s->entries = entries;
        s->cap = cap;
    }
    struct entry e = {.id = id};
    enum status st = schema_parse(json, len, &e.schema, err, err_len);
    if (st) {
        return st;
    }
    st = compile(&e);
    if (st) {
        snprintf(err, err_len, "out of memory");
        entry_free(&e);
        return st;
    }
    s->entries[s->n++] = e;
    return ST_OK;
}

static int by_id(const void *a, const void *b) {
    const uint32_t x = ((const struct entry *)a)->id;
    const uint32_t y = ((const struct entry *)b)->id;
    return (x > y) - (x < y);
}

/* ---- the directory ------------------------------------------------------------------- */

/* "17.avsc" -> 17. One spelling an id: no sign, no leading zero. */
static bool id_of(const char *name, uint32_t *id) {
    uint64_t x = 0;
    const char *p = name;
    for (; *p >= '0' && *p <= '9' && x <= UINT32_MAX; p++) {
        x = 10 * x + (uint64_t)(*p - '0');
    }
    if (p == name || (*name == '0' && p - name > 1) || x > UINT32_MAX || strcmp(p, ".avsc") != 0) {
        return false;
    }
    *id = (uint32_t)x;
    return true;
}

static bool is_schema_file(const char *name) {
    const size_t len = strlen(name);
    return name[0] != '.' && len > 5 && strcmp(name + len - 5, ".avsc") == 0;
}

/* Reads at most one byte more than a schema may have, so that schema_parse() can refuse. */
static enum status read_file(const char *path, char **text, size_t *len) {
    FILE *f = fopen(path, "rb");
    if (!f) {
        return ST_IO;
    }
    enum status st = ST_OK;
    char *buf = malloc(SCHEMA_JSON_MAX + 1);
    if (!buf) {
        st = ST_NOMEM;
    } else {
        *len = fread(buf, 1, SCHEMA_JSON_MAX + 1, f);
        st = ferror(f) ? ST_IO : ST_OK; /* a directory opens, but does not read */
    }
    const int saved = errno;
    fclose(f);
    errno = saved;
    if (st) {
        free(buf);
        return st;
    }
    *text = buf;
    return ST_OK;
}

static enum status add_file(struct schemas *s, const char *dir, const char *name, char *err,
                            size_t err_len) {
    uint32_t id = 0;
    if (!id_of(name, &id)) {
        snprintf(err, err_len, "%s/%s: the name is not <schema id>.avsc, as in 17.avsc", dir, name);
        return ST_INVALID;
    }
    char path[4096];
    const int path_len = snprintf(path, sizeof path, "%s/%s", dir, name);
    if (path_len < 0 || (size_t)path_len >= sizeof path) {
        snprintf(err, err_len, "%s: the path is too long", name);
        return ST_INVALID;
    }
    char *text = NULL;
    size_t len = 0;
    enum status st = read_file(path, &text, &len);
    if (st) {
        snprintf(err, err_len, "%s: %s", path, st == ST_IO ? strerror(errno) : status_str(st));
        return st;
    }
    char why[256] = "";
    st = add(s, id, text, len, why, sizeof why);
    free(text);
    if (st) {
        snprintf(err, err_len, "%s: %s", path, why);
    }
    return st;
}

static enum status add_directory(struct schemas *s, const char *dir, char *err, size_t err_len) {
    DIR *d = opendir(dir);
    if (!d) {
        snprintf(err, err_len, "%s: %s", dir, strerror(errno));
        return ST_IO;
    }
    enum status st = ST_OK;
    while (!st) {
        errno = 0;
        const struct dirent *file = readdir(d);
        if (!file && errno) {
            snprintf(err, err_len, "%s: %s", dir, strerror(errno));
            st = ST_IO;
        }
        if (!file) {
            break;
        }
        if (is_schema_file(file->d_name)) {
            st = add_file(s, dir, file->d_name, err, err_len);
        }
    }
    closedir(d);
    if (!st && s->n == 0) {
        snprintf(err, err_len, "%s: no file <schema id>.avsc in it", dir);
        st = ST_INVALID;
    }
    return st;
}

static enum status add_shipped(struct schemas *s, char *err, size_t err_len) {
    enum status st = ST_OK;
    for (size_t r = 0; r < READERS && !st; r++) {
        st = add(s, shipped[r].id, shipped[r].json, strlen(shipped[r].json), err, err_len);
    }
    return st;
}

/* ---- schemas.h ----------------------------------------------------------------------- */

enum status schemas_load(const char *dir, struct schemas **out, char *err, size_t err_len) {
    struct schemas *s = calloc(1, sizeof *s);
    if (!s) {
        snprintf(err, err_len, "out of memory");
        return ST_NOMEM;
    }
    enum status st = dir[0] ? add_directory(s, dir, err, err_len) : add_shipped(s, err, err_len);
    if (st) {
        schemas_free(s);
        return st;
    }
    qsort(s->entries, s->n, sizeof *s->entries, by_id);
    *out = s;
    return ST_OK;
}

void schemas_free(struct schemas *s) {
    if (!s) {
        return;
    }
    for (size_t i = 0; i < s->n; i++) {
        entry_free(&s->entries[i]);
    }
    free(s->entries);
    free(s);
}

const struct decoder *schemas_decoder(const struct schemas *s, uint32_t id, enum reader reader,
                                      int *known) {
    const struct entry key = {.id = id};
    const struct entry *e = bsearch(&key, s->entries, s->n, sizeof *s->entries, by_id);
    *known = e != NULL;
    return e && reader < READERS ? e->decoders[reader] : NULL;
}

uint32_t schemas_shipped_id(enum reader reader) {
    return reader < READERS ? shipped[reader].id : 0;
}

const char *schemas_shipped_json(enum reader reader) {
    return reader < READERS ? shipped[reader].json : NULL;
}
