/* SPDX-License-Identifier: Apache-2.0
 *
 * catalogue.c -- see catalogue.h. Open addressing over hash_item(); texts lie one behind the
 * other in an arena that grows, hence offsets.
 */
#include "catalogue.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event.h"
#include "hash.h"
#include "lines.h"

enum { SLOTS_MIN = 1024, ARENA_MIN = 1 << 16, FIELDS = 3, DOMAIN_LEN_MAX = 127 };

struct entry {
    uint64_t item; /* hash_item(): two items that collide would share a name */
    size_t name;   /* offset + 1 in the arena; 0: free */
};

struct catalogue {
    struct entry *entries; /* (n_slots,), a power of two */
    size_t n_slots, n;
    char *arena;
    size_t used, room;
};

static struct entry *find(const struct catalogue *c, uint64_t item) {
    size_t i = (size_t)item & (c->n_slots - 1);
    while (c->entries[i].name && c->entries[i].item != item) {
        i = (i + 1) & (c->n_slots - 1);
    }
    return &c->entries[i];
}

/* Keeps the table at most half full. */
static enum status reserve_entry(struct catalogue *c) {
    if (c->n < c->n_slots / 2) {
        return ST_OK;
    }
    struct catalogue larger = *c;
    larger.n_slots = c->n_slots ? 2 * c->n_slots : SLOTS_MIN;
    larger.entries = calloc(larger.n_slots, sizeof *larger.entries);
    if (!larger.entries) {
        return ST_NOMEM;
    }
    for (size_t i = 0; i < c->n_slots; i++) {
        if (c->entries[i].name) {
            *find(&larger, c->entries[i].item) = c->entries[i];
        }
    }
    free(c->entries);
    *c = larger;
    return ST_OK;
}

static enum status reserve_text(struct catalogue *c, size_t len) {
    if (c->arena && len <= c->room - c->used) {
        return ST_OK;
    }
    size_t room = c->room ? 2 * c->room : ARENA_MIN;
    while (room - c->used < len) {
        room *= 2;
    }
    char *arena = realloc(c->arena, room);
    if (!arena) {
        return ST_NOMEM;
    }
    c->arena = arena;
    c->room = room;
    return ST_OK;
}

static enum status add(struct catalogue *c, uint64_t item, struct field name) {
    enum status st = reserve_entry(c);
    st = st ? st : reserve_text(c, name.len + 1);
    if (st) {
        return st;
    }
    struct entry *e = find(c, item);
    c->n += e->name == 0;
    *e = (struct entry){item, c->used + 1};
    memcpy(c->arena + c->used, name.p, name.len);
    c->arena[c->used + name.len] = '\0';
    c->used += name.len + 1;
    return ST_OK;
}

static enum status add_line(struct catalogue *c, const struct line *line) {
    struct field f[FIELDS];
    if (line->len == 0 || line->text[0] == '#' || lines_split(line, f, FIELDS) < FIELDS) {
        return ST_OK;
    }
    if (f[0].len < 1 || f[0].len > DOMAIN_LEN_MAX || f[1].len < 1 || f[1].len > ID_LEN_MAX ||
        f[2].len < 1 || memchr(line->text, '\0', line->len)) {
        return ST_OK;
    }
    char domain[DOMAIN_LEN_MAX + 1];
    memcpy(domain, f[0].p, f[0].len);
    domain[f[0].len] = '\0';
    return add(c, hash_item(domain, f[1].p, f[1].len), f[2]);
}

static enum status read_all(struct catalogue *c, struct lines *lines) {
    struct line line;
    enum status st = ST_OK;
    while (!st && lines_next(lines, &line)) {
        st = add_line(c, &line);
    }
    return st ? st : lines_status(lines);
}

enum status catalogue_open(const char *path, struct catalogue **out, char *err, size_t err_len) {
    struct lines *lines = NULL;
    enum status st = lines_open(path, &lines, err, err_len);
    if (st) {
        return st;
    }
    struct catalogue *c = calloc(1, sizeof *c);
    st = c ? reserve_entry(c) : ST_NOMEM;
    st = st ? st : read_all(c, lines);
    lines_close(lines);
    if (st) {
        snprintf(err, err_len, "%s: %s", path, status_str(st));
        catalogue_free(c);
        return st;
    }
    *out = c;
    return ST_OK;
}

void catalogue_free(struct catalogue *c) {
    if (!c) {
        return;
    }
    free(c->entries);
    free(c->arena);
    free(c);
}

const char *catalogue_name(const struct catalogue *c, const char *domain, const char *item) {
    const size_t len = strlen(item);
    if (len < 1 || len > ID_LEN_MAX || strlen(domain) > DOMAIN_LEN_MAX) {
        return NULL;
    }
    const struct entry *e = find(c, hash_item(domain, item, len));
    return e->name ? c->arena + e->name - 1 : NULL;
}

size_t catalogue_items(const struct catalogue *c) {
    return c->n;
}
