/* SPDX-License-Identifier: Apache-2.0
 *
 * identity.c -- see identity.h.
 *
 * A link is a row in an arena: {older, newer, domain, length of id, length of user, 0, id, user},
 * padded to four bytes. Two tables of open addressing find it, by {domain, id} and by {domain,
 * user}; a slot is 8 bytes: 32 bits of the hash, and the row's place. Rows of one {domain, user}
 * are a list, newest first, whose first is in the table: however many accounts are merged, a link
 * costs the same. Links taken away leave dead rows. When they are a quarter of the arena, a sweep
 * slides the others together, a few rows with each link: the learner never waits for all of them.
 */
#include "identity.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"

enum {
    SLOTS_MIN = 64,
    ARENA_MIN = 4096,
    SWEEP_PACE = 4, /* bytes looked at for each byte that is added */
    ROW_OLDER = 0,  /* bytes of a row: places of others of its user, 0: none */
    ROW_NEWER = 4,
    ROW_DOMAIN = 8,
    ROW_ID_LEN = 9,
    ROW_USER_LEN = 10,
    ROW_HEAD = 12,
    ROW_ALIGN = 4,
    ROW_MAX = ROW_HEAD + 2 * ID_LEN_MAX + ROW_ALIGN,
    DEAD = 0xff, /* ROW_DOMAIN of a link that was taken away */
};

_Static_assert((int)DOMAINS_MAX < (int)DEAD && (int)ID_LEN_MAX <= UINT8_MAX,
               "a row has a byte for each");

#define ROWS_BYTES_MAX ((size_t)UINT32_MAX * ROW_ALIGN)

enum side { BY_ID, BY_USER, SIDES };

struct slot {
    uint32_t tag; /* of the hash; its low bits are where the slot should be */
    uint32_t row; /* place / ROW_ALIGN + 1; 0: free                       */
};

struct index {
    struct slot *slots; /* (n_slots,), a power of two */
    size_t n_slots;
};

struct identity {
    const char *domains[DOMAINS_MAX]; /* borrowed texts */
    uint32_t n_domains;
    struct index by[SIDES];
    size_t n;
    uint8_t *arena;
    size_t used, room, dead; /* bytes */
    size_t from, to;         /* of a sweep */
    bool sweeping;
};

struct text {
    const uint8_t *p;
    size_t len;
};

/* ---- rows -------------------------------------------------------------------------------- */

static uint8_t *row_at(const struct identity *t, uint32_t row) {
    return t->arena + (size_t)(row - 1) * ROW_ALIGN;
}

static size_t row_size(const uint8_t *row) {
    const size_t n = ROW_HEAD + (size_t)row[ROW_ID_LEN] + row[ROW_USER_LEN];
    return (n + ROW_ALIGN - 1) / ROW_ALIGN * ROW_ALIGN;
}

static struct text row_text(const uint8_t *row, enum side side) {
    return side == BY_ID ? (struct text){row + ROW_HEAD, row[ROW_ID_LEN]}
                         : (struct text){row + ROW_HEAD + row[ROW_ID_LEN], row[ROW_USER_LEN]};
}

static uint32_t get_place(const uint8_t *row, int which) {
    uint32_t place;
    memcpy(&place, row + which, sizeof place);
    return place;
}

static void put_place(uint8_t *row, int which, uint32_t place) {
    memcpy(row + which, &place, sizeof place);
}

static uint32_t tag_of(uint8_t domain, struct text text) {
    char key[1 + ID_LEN_MAX];
    key[0] = (char)domain;
    memcpy(key + 1, text.p, text.len);
    return (uint32_t)hash_id(key, 1 + text.len);
}

static uint32_t row_tag(const uint8_t *row, enum side side) {
    return tag_of(row[ROW_DOMAIN], row_text(row, side));
}

/* ---- an index ---------------------------------------------------------------------------- */

static size_t next(const struct index *x, size_t i) {
    return (i + 1) & (x->n_slots - 1);
}

/* The row with this text, 0 if there is none. */
static uint32_t find(const struct identity *t, enum side side, uint8_t domain, struct text text) {
    const struct index *x = &t->by[side];
    const uint32_t tag = tag_of(domain, text);
    for (size_t i = tag & (x->n_slots - 1); x->slots[i].row; i = next(x, i)) {
        if (x->slots[i].tag != tag) {
            continue;
        }
        const uint8_t *row = row_at(t, x->slots[i].row);
        const struct text found = row_text(row, side);
        if (row[ROW_DOMAIN] == domain && found.len == text.len &&
            memcmp(found.p, text.p, text.len) == 0) {
            return x->slots[i].row;
        }
    }
    return 0;
}

/* The slot that holds a row; of row 0: the free one where this tag goes. */
static size_t slot_of(const struct index *x, uint32_t tag, uint32_t row) {
    size_t i = tag & (x->n_slots - 1);
    while (x->slots[i].row != row) {
        i = next(x, i);
    }
    return i;
}

/* What lies behind moves up where it may, so that no mark has to stay in a free slot. */
static void erase(struct index *x, size_t i) {
    const size_t mask = x->n_slots - 1;
    for (size_t k = next(x, i); x->slots[k].row; k = next(x, k)) {
        const size_t home = x->slots[k].tag & mask;
        if (((k - home) & mask) >= ((k - i) & mask)) {
            x->slots[i] = x->slots[k];
            i = k;
        }
    }
    x->slots[i] = (struct slot){0, 0};
}

static enum status index_grow(struct index *x) {
    struct index larger = {.n_slots = x->n_slots ? 2 * x->n_slots : SLOTS_MIN};
    larger.slots = calloc(larger.n_slots, sizeof *larger.slots);
    if (!larger.slots) {
        return ST_NOMEM;
    }
    for (size_t i = 0; i < x->n_slots; i++) {
        if (x->slots[i].row) {
            larger.slots[slot_of(&larger, x->slots[i].tag, 0)] = x->slots[i];
        }
    }
    free(x->slots);
    *x = larger;
    return ST_OK;
}

/* ---- rows of a user --------------------------------------------------------------------- */

/* The slot of the list that a row is in, by the row that is its first. */
static struct slot *first_slot(const struct identity *t, const uint8_t *row, uint32_t first) {
    const struct index *x = &t->by[BY_USER];
    return &x->slots[slot_of(x, row_tag(row, BY_USER), first)];
}

/* Puts a row before `first`, which is 0 if it is the only one. */
static void list_add(struct identity *t, uint32_t place, uint32_t first) {
    uint8_t *row = row_at(t, place);
    *first_slot(t, row, first) = (struct slot){row_tag(row, BY_USER), place};
    put_place(row, ROW_OLDER, first);
    put_place(row, ROW_NEWER, 0);
    if (first) {
        put_place(row_at(t, first), ROW_NEWER, place);
    }
}

static void list_remove(struct identity *t, uint32_t place) {
    const uint8_t *row = row_at(t, place);
    const uint32_t older = get_place(row, ROW_OLDER);
    const uint32_t newer = get_place(row, ROW_NEWER);
    if (older) {
        put_place(row_at(t, older), ROW_NEWER, newer);
    }
    if (newer) {
        put_place(row_at(t, newer), ROW_OLDER, older);
    } else if (older) {
        first_slot(t, row, place)->row = older;
    } else {
        struct index *x = &t->by[BY_USER];
        erase(x, slot_of(x, row_tag(row, BY_USER), place));
    }
}

/* ---- the arena --------------------------------------------------------------------------- */

/* Moves the row at `from` down to `to`, and all that name its place with it. */
static void slide(struct identity *t, uint8_t *row, size_t size) {
    const uint32_t from = (uint32_t)(t->from / ROW_ALIGN) + 1;
    const uint32_t to = (uint32_t)(t->to / ROW_ALIGN) + 1;
    const uint32_t older = get_place(row, ROW_OLDER);
    const uint32_t newer = get_place(row, ROW_NEWER);
    struct index *x = &t->by[BY_ID];
    x->slots[slot_of(x, row_tag(row, BY_ID), from)].row = to;
    if (newer) {
        put_place(row_at(t, newer), ROW_OLDER, to);
    } else {
        first_slot(t, row, from)->row = to;
    }
    if (older) {
        put_place(row_at(t, older), ROW_NEWER, to);
    }
    memmove(t->arena + t->to, row, size);
    t->to += size;
}

/* Behind `from` lie rows not looked at yet, new ones among them; from `to` to there is nothing. */
static void sweep(struct identity *t, size_t bytes) {
    const size_t until = t->from + bytes;
    while (t->from < t->used && t->from < until) {
        uint8_t *row = t->arena + t->from;
        const size_t size = row_size(row);
        if (row[ROW_DOMAIN] == DEAD) {
            t->dead -= size;
        } else {
            slide(t, row, size);
        }
        t->from += size;
    }
    if (t->from == t->used) {
        t->used = t->to;
        t->sweeping = false;
    }
}

/* A sweep gains on the rows that are added meanwhile: it ends before the arena is a half larger. */
static void tidy(struct identity *t, size_t size) {
    if (!t->sweeping && t->used > ARENA_MIN / 2 && t->dead > t->used / 4) {
        t->sweeping = true;
        t->from = t->to = 0;
    }
    if (t->sweeping) {
        sweep(t, SWEEP_PACE * size);
    }
}

static enum status reserve_row(struct identity *t, size_t size) {
    if (size <= t->room - t->used) {
        return ST_OK;
    }
    const size_t room = t->room ? 2 * t->room : ARENA_MIN; /* ARENA_MIN > ROW_MAX */
    uint8_t *arena = room <= ROWS_BYTES_MAX ? realloc(t->arena, room) : NULL;
    if (!arena) {
        return ST_NOMEM;
    }
    t->arena = arena;
    t->room = room;
    return ST_OK;
}

/* Room for one more row in both tables, at most three quarters full, and in the arena. */
static enum status reserve(struct identity *t, size_t size) {
    for (int k = 0; k < SIDES; k++) {
        if (t->n >= t->by[k].n_slots / 4 * 3) {
            enum status st = index_grow(&t->by[k]);
            if (st) {
                return st;
            }
        }
    }
    return reserve_row(t, size);
}

static void add(struct identity *t, const uint8_t *row) {
    const uint32_t place = (uint32_t)(t->used / ROW_ALIGN) + 1;
    const uint32_t first = find(t, BY_USER, row[ROW_DOMAIN], row_text(row, BY_USER));
    const uint32_t tag = row_tag(row, BY_ID);
    struct index *x = &t->by[BY_ID];
    memcpy(t->arena + t->used, row, row_size(row));
    t->used += row_size(row);
    x->slots[slot_of(x, tag, 0)] = (struct slot){tag, place};
    list_add(t, place, first);
    t->n++;
}

static void take_away(struct identity *t, uint32_t place) {
    if (place == 0) {
        return;
    }
    uint8_t *row = row_at(t, place);
    struct index *x = &t->by[BY_ID];
    erase(x, slot_of(x, row_tag(row, BY_ID), place));
    list_remove(t, place);
    row[ROW_DOMAIN] = DEAD;
    t->dead += row_size(row);
    t->n--;
}

/* ---- who is who -------------------------------------------------------------------------- */

enum status identity_new(const char *const *domains, uint32_t n_domains, struct identity **out) {
    if (n_domains > DOMAINS_MAX) {
        return ST_INVALID;
    }
    struct identity *t = calloc(1, sizeof *t);
    if (!t) {
        return ST_NOMEM;
    }
    memcpy(t->domains, domains, n_domains * sizeof *domains);
    t->n_domains = n_domains;
    enum status st = reserve(t, ROW_MAX);
    if (st) {
        identity_free(t);
        return st;
    }
    *out = t;
    return ST_OK;
}

void identity_free(struct identity *t) {
    if (!t) {
        return;
    }
    for (int k = 0; k < SIDES; k++) {
        free(t->by[k].slots);
    }
    free(t->arena);
    free(t);
}

static bool id_ok(const struct identity *t, uint8_t domain, size_t len) {
    return domain < t->n_domains && len >= 1 && len <= ID_LEN_MAX;
}

/* True if the link stands already: it becomes the last of its user. */
static bool renew(struct identity *t, const uint8_t *row) {
    const struct text user = row_text(row, BY_USER);
    const uint32_t place = find(t, BY_ID, row[ROW_DOMAIN], row_text(row, BY_ID));
    if (!place) {
        return false;
    }
    const struct text before = row_text(row_at(t, place), BY_USER);
    if (before.len != user.len || memcmp(before.p, user.p, user.len) != 0) {
        return false;
    }
    const uint32_t first = find(t, BY_USER, row[ROW_DOMAIN], user);
    if (first != place) {
        list_remove(t, place);
        list_add(t, place, first);
    }
    return true;
}

enum status identity_link(struct identity *t, uint8_t domain, const char *id, size_t id_len,
                          const char *user, size_t user_len) {
    if (!id_ok(t, domain, id_len) || user_len > ID_LEN_MAX) {
        return ST_INVALID;
    }
    /* a copy: the texts may lie in the arena, which moves */
    uint8_t row[ROW_MAX] = {
        [ROW_DOMAIN] = domain, [ROW_ID_LEN] = (uint8_t)id_len, [ROW_USER_LEN] = (uint8_t)user_len};
    memcpy(row + ROW_HEAD, id, id_len);
    if (user_len == 0) {
        take_away(t, find(t, BY_ID, domain, row_text(row, BY_ID)));
        return ST_OK;
    }
    memcpy(row + ROW_HEAD + id_len, user, user_len);
    if (renew(t, row)) {
        return ST_OK;
    }
    tidy(t, row_size(row));
    enum status st = reserve(t, row_size(row));
    if (st) {
        return st;
    }
    take_away(t, find(t, BY_ID, domain, row_text(row, BY_ID)));
    add(t, row);
    return ST_OK;
}

enum status identity_user(const struct identity *t, uint8_t domain, const char *id, size_t id_len,
                          char *buf, const char **user, size_t *user_len) {
    if (!id_ok(t, domain, id_len)) {
        return ST_RANGE;
    }
    const uint32_t place = find(t, BY_ID, domain, (struct text){(const uint8_t *)id, id_len});
    if (place) {
        const struct text found = row_text(row_at(t, place), BY_USER);
        *user = (const char *)found.p;
        *user_len = found.len;
        return ST_OK;
    }
    const size_t n = strlen(t->domains[domain]);
    if (n + 1 > ID_LEN_MAX - id_len) {
        return ST_RANGE;
    }
    memmove(buf + n + 1, id, id_len); /* may lie in buf */
    memcpy(buf, t->domains[domain], n);
    buf[n] = '/';
    *user = buf;
    *user_len = n + 1 + id_len;
    return ST_NOT_FOUND;
}

const char *identity_at(const struct identity *t, const char *user, size_t user_len, uint8_t domain,
                        size_t *id_len) {
    if (!id_ok(t, domain, user_len)) {
        return NULL;
    }
    const uint32_t place = find(t, BY_USER, domain, (struct text){(const uint8_t *)user, user_len});
    if (place) {
        const struct text found = row_text(row_at(t, place), BY_ID);
        *id_len = found.len;
        return (const char *)found.p;
    }
    const size_t n = strlen(t->domains[domain]); /* `domain/id`? */
    if (user_len < n + 2 || memcmp(user, t->domains[domain], n) != 0 || user[n] != '/') {
        return NULL;
    }
    const struct text rest = {(const uint8_t *)user + n + 1, user_len - n - 1};
    if (find(t, BY_ID, domain, rest)) {
        return NULL; /* a row gave the id to somebody else */
    }
    *id_len = rest.len;
    return (const char *)rest.p;
}

const char *identity_linked(const struct identity *t, const char *user, size_t user_len,
                            uint8_t domain, uint32_t k, size_t *id_len) {
    if (!id_ok(t, domain, user_len)) {
        return NULL;
    }
    uint32_t place = find(t, BY_USER, domain, (struct text){(const uint8_t *)user, user_len});
    for (; place && k > 0; k--) {
        place = get_place(row_at(t, place), ROW_OLDER);
    }
    if (!place) {
        return NULL;
    }
    const struct text found = row_text(row_at(t, place), BY_ID);
    *id_len = found.len;
    return (const char *)found.p;
}

size_t identity_n(const struct identity *t) {
    return t->n;
}
