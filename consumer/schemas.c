/* SPDX-License-Identifier: Apache-2.0
 *
 * schemas.c -- see schemas.h.
 *
 * A table sorted by id, with a slot a topic; looked at once an event, so the last one found is
 * tried first.
 */
#include "schemas.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema.h"
#include "schema_file.h"
#include "shipped.h"

enum { WHY_LEN = 512, ID_FILE_PATH_MAX = 4096 };

struct slot { /* of a topic */
    struct decoder *decoder;
    char *why; /* it cannot be read so; both NULL: not tried yet */
};

struct entry {
    uint32_t id;
    struct schema *schema; /* NULL: what has this id is no schema */
    char *why;             /* ... because */
    struct slot *slots;    /* (n_mappings,) */
};

struct schemas {
    const struct mapping *const *mappings;
    size_t n_mappings;
    struct lookup lookup;
    bool has_lookup;
    struct entry *entries; /* (cap,), n of them, sorted by id */
    size_t n, cap, last;   /* last: found last */
};

/* ---- the table ----------------------------------------------------------------------------- */

static void entry_free(const struct schemas *s, struct entry *e) {
    for (size_t t = 0; e->slots && t < s->n_mappings; t++) {
        decoder_free(e->slots[t].decoder);
        free(e->slots[t].why);
    }
    free(e->slots);
    free(e->why);
    schema_free(e->schema);
}

/* Index of the first entry with at least this id. */
static size_t place_of(const struct schemas *s, uint32_t id) {
    size_t lo = 0;
    size_t hi = s->n;
    while (lo < hi) {
        const size_t mid = lo + (hi - lo) / 2;
        if (s->entries[mid].id < id) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

static struct entry *find(struct schemas *s, uint32_t id) {
    if (s->last < s->n && s->entries[s->last].id == id) {
        return &s->entries[s->last];
    }
    const size_t i = place_of(s, id);
    if (!s->entries || i == s->n || s->entries[i].id != id) {
        return NULL;
    }
    s->last = i;
    return &s->entries[i];
}

static bool grow(struct schemas *s) {
    const size_t cap = s->cap ? 2 * s->cap : 8;
    struct entry *entries = realloc(s->entries, cap * sizeof *entries);
    if (!entries) {
        return false;
    }
    s->entries = entries;
    s->cap = cap;
    return true;
}

/* Adds an id that is not there yet; what is no schema too, with the reason. ST_NOMEM */
static enum status add(struct schemas *s, uint32_t id, const char *json, size_t len) {
    char why[WHY_LEN] = "";
    struct entry e = {.id = id};
    if (s->n == s->cap && !grow(s)) {
        return ST_NOMEM;
    }
    enum status st = schema_parse_writer(json, len, &e.schema, why, sizeof why);
    e.slots = st == ST_NOMEM ? NULL : calloc(s->n_mappings ? s->n_mappings : 1, sizeof *e.slots);
    e.why = st == ST_INVALID ? strdup(why) : NULL;
    if (!e.slots || (st && !e.why)) {
        entry_free(s, &e);
        return ST_NOMEM;
    }
    const size_t i = place_of(s, id);
    memmove(&s->entries[i + 1], &s->entries[i], (s->n - i) * sizeof e);
    s->entries[i] = e;
    s->n++;
    return ST_OK;
}

/* The same, where what is no schema is an error. */
static enum status add_strictly(struct schemas *s, uint32_t id, const char *json, size_t len,
                                char *err, size_t err_len) {
    enum status st = add(s, id, json, len);
    if (st) {
        snprintf(err, err_len, "%s", status_str(st));
        return st;
    }
    const struct entry *e = &s->entries[place_of(s, id)];
    if (e->why) {
        snprintf(err, err_len, "%s", e->why);
        return ST_INVALID;
    }
    return ST_OK;
}

/* ---- the folder ---------------------------------------------------------------------------- */

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

static enum status add_file(struct schemas *s, const char *dir, const char *name, char *err,
                            size_t err_len) {
    uint32_t id = 0;
    if (!id_of(name, &id)) {
        snprintf(err, err_len, "%s/%s: the name is not <schema id>.avsc, as in 17.avsc", dir, name);
        return ST_INVALID;
    }
    char path[ID_FILE_PATH_MAX];
    const int path_len = snprintf(path, sizeof path, "%s/%s", dir, name);
    if (path_len < 0 || (size_t)path_len >= sizeof path) {
        snprintf(err, err_len, "%s: the path is too long", name);
        return ST_INVALID;
    }
    char *text = NULL;
    size_t len = 0;
    enum status st = schema_file_read(path, &text, &len);
    if (st) {
        snprintf(err, err_len, "%s: %s", path, st == ST_IO ? strerror(errno) : status_str(st));
        return st;
    }
    char why[WHY_LEN] = "";
    st = add_strictly(s, id, text, len, why, sizeof why);
    free(text);
    if (st) {
        snprintf(err, err_len, "%s: %s", path, why);
    }
    return st;
}

static enum status add_folder(struct schemas *s, const char *dir, char *err, size_t err_len) {
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

/* Adds a shipped one, if its id is not there yet. */
static enum status add_text(struct schemas *s, uint32_t id, const char *json, char *err,
                            size_t err_len) {
    return find(s, id) ? ST_OK : add_strictly(s, id, json, strlen(json), err, err_len);
}

static enum status add_shipped(struct schemas *s, char *err, size_t err_len) {
    const struct shipped_earlier *e = NULL;
    enum status st = ST_OK;
    for (int r = 0; r < READERS && !st; r++) {
        const enum reader reader = (enum reader)r;
        st = add_text(s, shipped_id(reader), shipped_json(reader), err, err_len);
    }
    for (size_t i = 0; !st && (e = shipped_earlier(i)); i++) {
        st = add_text(s, e->id, e->json, err, err_len);
    }
    return st ? st : add_text(s, SHIPPED_TRIGGER_ID, shipped_trigger(), err, err_len);
}

/* Those that crossrec itself writes and wrote: also beside a registry or a folder. */
static enum status add_own(struct schemas *s, char *err, size_t err_len) {
    const struct shipped_earlier *e = NULL;
    enum status st = add_text(s, SHIPPED_EVENT_ID, shipped_json(READER_EVENT), err, err_len);
    for (size_t i = 0; !st && (e = shipped_earlier(i)); i++) {
        st = e->reader == READER_EVENT ? add_text(s, e->id, e->json, err, err_len) : ST_OK;
    }
    return st;
}

/* ---- life ---------------------------------------------------------------------------------- */

enum status schemas_new(const char *dir, const struct mapping *const *mappings, size_t n_mappings,
                        const struct lookup *lookup, struct schemas **out, char *err,
                        size_t err_len) {
    struct schemas *s = calloc(1, sizeof *s);
    if (!s) {
        snprintf(err, err_len, "%s", status_str(ST_NOMEM));
        return ST_NOMEM;
    }
    s->mappings = mappings;
    s->n_mappings = n_mappings;
    enum status st = ST_OK;
    if (lookup) {
        s->lookup = *lookup;
        s->has_lookup = true;
    } else if (dir[0]) {
        st = add_folder(s, dir, err, err_len);
    } else {
        st = add_shipped(s, err, err_len);
    }
    st = st ? st : add_own(s, err, err_len);
    if (st) {
        schemas_free(s);
        return st;
    }
    *out = s;
    return ST_OK;
}

void schemas_free(struct schemas *s) {
    if (!s) {
        return;
    }
    for (size_t i = 0; i < s->n; i++) {
        entry_free(s, &s->entries[i]);
    }
    free(s->entries);
    free(s);
}

/* ---- asking -------------------------------------------------------------------------------- */

/* Asks the registry for an id that is not in the table. */
static enum schemas_state look_up(struct schemas *s, uint32_t id) {
    const char *json = NULL;
    size_t len = 0;
    if (!s->has_lookup) {
        return SCHEMAS_UNKNOWN;
    }
    const enum lookup_state state = s->lookup.get(s->lookup.ctx, id, &json, &len);
    if (state == LOOKUP_READY && add(s, id, json, len) == ST_OK) {
        return SCHEMAS_READY;
    }
    return state == LOOKUP_UNKNOWN ? SCHEMAS_UNKNOWN : SCHEMAS_WAITING;
}

/* False: no memory, try again. */
static bool compile(const struct schemas *s, const struct entry *e, size_t topic) {
    struct slot *slot = &e->slots[topic];
    char why[WHY_LEN] = "";
    if (slot->decoder || slot->why) {
        return true;
    }
    const enum status st =
        mapping_decoder(s->mappings[topic], e->schema, &slot->decoder, why, sizeof why);
    if (st == ST_INVALID) {
        slot->why = strdup(why);
    }
    return slot->decoder || slot->why;
}

enum schemas_state schemas_decoder(struct schemas *s, uint32_t id, size_t topic,
                                   const struct decoder **decoder, const char **why) {
    const char *unasked;
    const char **reason = why ? why : &unasked;
    *reason = "";
    const struct entry *e = find(s, id);
    if (!e) {
        const enum schemas_state state = look_up(s, id);
        e = state == SCHEMAS_READY ? find(s, id) : NULL;
        if (!e) {
            return state;
        }
    }
    if (e->why || topic >= s->n_mappings) {
        *reason = e->why ? e->why : "no such topic";
        return SCHEMAS_MISMATCH;
    }
    if (!compile(s, e, topic)) {
        return SCHEMAS_WAITING;
    }
    const struct slot *slot = &e->slots[topic];
    if (slot->why) {
        *reason = slot->why;
        return SCHEMAS_MISMATCH;
    }
    *decoder = slot->decoder;
    return SCHEMAS_READY;
}
