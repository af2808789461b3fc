/* SPDX-License-Identifier: Apache-2.0
 * content.c -- see content.h.
 *
 * What can fail is made first (arrays, the list of attributes, the category's place and name), what
 * changes comes after it: a refused row leaves larger arrays, and nothing else. */
#include "content.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mix.h"

enum { ROOM_FIRST = 64 /* a power of two */ };
#define CATEGORIES_LIMIT (UINT32_C(1) << 31)

struct kept { /* the newest row of an item; all zero: there was none */
    int64_t ts_ms;
    uint64_t *attributes; /* (n_attributes,) sorted; NULL if none */
    float price;
    uint32_t category;
    uint32_t n_attributes;
    bool exists;
};

struct name { /* of a category; bytes NULL: unknown */
    char *bytes;
    uint16_t len;
    uint8_t domain; /* of the row that brought the category; DOMAINS_MAX: none yet */
};

/* What a row brings in memory of its own, made before anything changes. */
struct brought {
    uint64_t *attributes;
    uint32_t n_attributes;
    struct name name; /* bytes NULL: none, or the category has one */
};

struct content {
    struct kept *rows;  /* (cap,) */
    uint8_t *withdrawn; /* (cap,) beside them, for hot loops */
    uint32_t n, n_withdrawn;
    size_t cap;
    size_t n_attributes; /* of all rows */

    uint64_t *categories; /* (n_categories,) hashes in order of first sight          */
    struct name *names;   /* (n_categories,) beside them                             */
    uint32_t *table;      /* (2 room,) index of a category, or CATEGORY_NONE: a hash */
    uint32_t n_categories, room;
    size_t name_bytes; /* of all names */
};

/* ---- life cycle ---------------------------------------------------------------------- */

enum status content_new(struct content **out) {
    struct content *c = calloc(1, sizeof *c);
    if (!c) {
        return ST_NOMEM;
    }
    *out = c;
    return ST_OK;
}

void content_free(struct content *c) {
    if (!c) {
        return;
    }
    for (uint32_t i = 0; i < c->n; i++) {
        free(c->rows[i].attributes);
    }
    free(c->rows);
    free(c->withdrawn);
    for (uint32_t k = 0; k < c->n_categories; k++) {
        free(c->names[k].bytes);
    }
    free(c->categories);
    free(c->names);
    free(c->table);
    free(c);
}

/* ---- categories ------------------------------------------------------------------------ */

/* Where the hash is in the table, or would be; at most half of it is taken. */
static size_t place_of(const uint32_t *table, uint32_t room, const uint64_t *hashes,
                       uint64_t hash) {
    const size_t mask = 2 * (size_t)room - 1;
    size_t at = (size_t)mix64(hash) & mask;
    while (table[at] != CATEGORY_NONE && hashes[table[at]] != hash) {
        at = (at + 1) & mask;
    }
    return at;
}

static enum status categories_grow(struct content *c) {
    if (c->n_categories < c->room) {
        return ST_OK;
    }
    const uint32_t room = c->room ? 2 * c->room : ROOM_FIRST;
    uint64_t *hashes = realloc(c->categories, room * sizeof *hashes);
    if (!hashes) {
        return ST_NOMEM;
    }
    c->categories = hashes; /* larger than room says: harmless if the next one fails */
    struct name *names = realloc(c->names, room * sizeof *names);
    if (!names) {
        return ST_NOMEM;
    }
    c->names = names;
    uint32_t *table = malloc(2 * (size_t)room * sizeof *table);
    if (!table) {
        return ST_NOMEM;
    }
    for (size_t at = 0; at < 2 * (size_t)room; at++) {
        table[at] = CATEGORY_NONE;
    }
    for (uint32_t k = 0; k < c->n_categories; k++) {
        table[place_of(table, room, hashes, hashes[k])] = k;
    }
    free(c->table);
    c->table = table;
    c->room = room;
    return ST_OK;
}

/* The index of a category, made if it is new; there is room. Domain DOMAINS_MAX: not known. */
static uint32_t category_intern(struct content *c, uint64_t hash, uint8_t domain) {
    if (hash == 0) {
        return CATEGORY_NONE;
    }
    const size_t at = place_of(c->table, c->room, c->categories, hash);
    if (c->table[at] == CATEGORY_NONE) {
        c->table[at] = c->n_categories;
        c->names[c->n_categories] = (struct name){.domain = domain};
        c->categories[c->n_categories++] = hash;
    }
    const uint32_t k = c->table[at];
    if (c->names[k].domain == DOMAINS_MAX) {
        c->names[k].domain = domain;
    }
    return k;
}

/* The row's name for its category in memory of its own, if that has none yet; there is room. */
static enum status name_copy(const struct content *c, const struct content_row *row,
                             struct name *out) {
    if (row->category == 0 || row->category_name_len == 0) {
        return ST_OK;
    }
    const uint32_t k = c->table[place_of(c->table, c->room, c->categories, row->category)];
    if (k != CATEGORY_NONE && c->names[k].bytes) {
        return ST_OK;
    }
    char *bytes = malloc(row->category_name_len);
    if (!bytes) {
        return ST_NOMEM;
    }
    memcpy(bytes, row->category_name, row->category_name_len);
    *out = (struct name){.bytes = bytes, .len = row->category_name_len};
    return ST_OK;
}

/* ---- attributes ------------------------------------------------------------------------ */

static int by_value(const void *a, const void *b) {
    const uint64_t *x = a;
    const uint64_t *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* The row's attributes sorted, each once, in memory of their own; NULL for none. */
static enum status attributes_copy(const struct content_row *row, uint64_t **out, uint32_t *n) {
    uint32_t left =
        row->n_attributes < CONTENT_ATTRIBUTES ? row->n_attributes : (uint32_t)CONTENT_ATTRIBUTES;
    uint64_t sorted[CONTENT_ATTRIBUTES];
    uint32_t kept = 0;
    if (left > 0) {
        memcpy(sorted, row->attributes, left * sizeof *sorted);
        qsort(sorted, left, sizeof *sorted, by_value);
    }
    for (uint32_t k = 0; k < left; k++) {
        if (k == 0 || sorted[k] != sorted[k - 1]) {
            sorted[kept++] = sorted[k];
        }
    }
    uint64_t *copy = NULL;
    if (kept > 0) {
        copy = malloc(kept * sizeof *copy);
        if (!copy) {
            return ST_NOMEM;
        }
        memcpy(copy, sorted, kept * sizeof *copy);
    }
    *out = copy;
    *n = kept;
    return ST_OK;
}

/* ---- rows -------------------------------------------------------------------------------- */

static enum status rows_grow(struct content *c, size_t n) {
    if (n <= c->cap) {
        return ST_OK;
    }
    size_t cap = c->cap ? 2 * c->cap : ROOM_FIRST;
    cap = cap < n ? n : cap;
    struct kept *rows = realloc(c->rows, cap * sizeof *rows);
    if (!rows) {
        return ST_NOMEM;
    }
    c->rows = rows;
    uint8_t *withdrawn = realloc(c->withdrawn, cap);
    if (!withdrawn) {
        return ST_NOMEM;
    }
    c->withdrawn = withdrawn;
    memset(rows + c->cap, 0, (cap - c->cap) * sizeof *rows);
    memset(withdrawn + c->cap, 0, cap - c->cap);
    c->cap = cap;
    return ST_OK;
}

static bool is_older(const struct content *c, uint32_t i, const struct content_row *row) {
    return i < c->n && c->rows[i].exists && c->rows[i].ts_ms != 0 && row->ts_ms != 0 &&
           row->ts_ms < c->rows[i].ts_ms;
}

/* Room for everything that the row brings. */
static enum status reserve(struct content *c, uint32_t i, const struct content_row *row,
                           struct brought *out) {
    struct brought b = {0};
    enum status st = rows_grow(c, (size_t)i + 1);
    if (!st && row->category != 0) {
        st = categories_grow(c);
    }
    if (!st) {
        st = name_copy(c, row, &b.name);
    }
    if (!st) {
        st = attributes_copy(row, &b.attributes, &b.n_attributes);
    }
    if (st) {
        free(b.name.bytes);
        return st;
    }
    *out = b;
    return ST_OK;
}

enum status content_set(struct content *c, uint32_t i, const struct content_row *row,
                        struct content_change *change) {
    if (is_older(c, i, row)) {
        *change = (struct content_change){.item = i, .older = true};
        return ST_OK;
    }
    struct brought b = {0};
    enum status st = reserve(c, i, row, &b);
    if (st) {
        return st;
    }
    struct kept *r = &c->rows[i];
    const bool was = !c->withdrawn[i];
    *change = (struct content_change){.item = i,
                                      .is_new = !r->exists,
                                      .withdrawn = was && !row->available,
                                      .returned = !was && row->available};
    c->n_attributes = c->n_attributes - r->n_attributes + b.n_attributes;
    free(r->attributes);
    *r = (struct kept){.ts_ms = row->ts_ms,
                       .attributes = b.attributes,
                       .price = row->price,
                       .category = category_intern(c, row->category, row->domain),
                       .n_attributes = b.n_attributes,
                       .exists = true};
    if (b.name.bytes) {
        c->names[r->category].bytes = b.name.bytes;
        c->names[r->category].len = b.name.len;
        c->name_bytes += b.name.len;
    }
    c->withdrawn[i] = !row->available;
    c->n_withdrawn = c->n_withdrawn + change->withdrawn - change->returned;
    c->n = i < c->n ? c->n : i + 1;
    return ST_OK;
}

/* ---- reading ----------------------------------------------------------------------------- */

static const struct kept *row_of(const struct content *c, uint32_t i) {
    static const struct kept none = {.price = NAN, .category = CATEGORY_NONE};
    return i < c->n && c->rows[i].exists ? &c->rows[i] : &none;
}

bool content_available(const struct content *c, uint32_t i) {
    return i >= c->n || !c->withdrawn[i];
}

const uint8_t *content_withdrawn(const struct content *c) {
    return c->withdrawn;
}

uint32_t content_n(const struct content *c) {
    return c->n;
}

uint32_t content_n_withdrawn(const struct content *c) {
    return c->n_withdrawn;
}

uint32_t content_category(const struct content *c, uint32_t i) {
    return row_of(c, i)->category;
}

uint32_t content_n_categories(const struct content *c) {
    return c->n_categories;
}

const char *content_category_name(const struct content *c, uint32_t category, uint16_t *len) {
    const struct name name = category < c->n_categories ? c->names[category] : (struct name){0};
    *len = name.len;
    return name.bytes;
}

uint64_t content_category_hash(const struct content *c, uint32_t category) {
    return category < c->n_categories ? c->categories[category] : 0;
}

uint32_t content_category_find(const struct content *c, uint64_t hash) {
    return hash && c->room ? c->table[place_of(c->table, c->room, c->categories, hash)]
                           : CATEGORY_NONE;
}

enum status content_category_intern(struct content *c, uint64_t hash, uint32_t *out) {
    if (hash == 0) {
        return ST_INVALID;
    }
    enum status st = c->n_categories < CATEGORIES_LIMIT ? categories_grow(c) : ST_RANGE;
    if (st) {
        return st;
    }
    *out = category_intern(c, hash, DOMAINS_MAX);
    return ST_OK;
}

uint8_t content_category_domain(const struct content *c, uint32_t category) {
    return category < c->n_categories ? c->names[category].domain : DOMAINS_MAX;
}

int64_t content_ts_ms(const struct content *c, uint32_t i) {
    return row_of(c, i)->ts_ms;
}

float content_price(const struct content *c, uint32_t i) {
    return row_of(c, i)->price;
}

const uint64_t *content_attributes(const struct content *c, uint32_t i, uint32_t *n) {
    const struct kept *r = row_of(c, i);
    *n = r->n_attributes;
    return r->attributes;
}

size_t content_bytes(const struct content *c) {
    return sizeof *c + c->cap * (sizeof *c->rows + sizeof *c->withdrawn) +
           c->n_attributes * sizeof(uint64_t) +
           c->room * (sizeof *c->categories + sizeof *c->names + 2 * sizeof *c->table) +
           c->name_bytes;
}
