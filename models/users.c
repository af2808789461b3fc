/* SPDX-License-Identifier: Apache-2.0
 *
 * users.c -- see users.h.
 *
 * The table holds slots, open addressing with linear probing, at most half full. A
 * user that is taken away keeps its slot and its hash: entries are never removed.
 */
#include "users.h"

#include <stdlib.h>

#include "fetch.h"
#include "mix.h"

enum { ROOM_FIRST = 64, LINE = 64, FETCHED = 16 * LINE };

#define SLOTS_MAX (UINT32_C(1) << 31)

struct users {
    uint32_t n_domains;
    uint32_t n, n_alive;
    uint32_t room;       /* slots allocated, a power of two                    */
    uint32_t *table;     /* (2 room,): a slot, or USER_NONE                    */
    uint64_t *hashes;    /* (room,)                                            */
    struct user **users; /* (room,): NULL if taken away                        */
};

enum status users_new(uint32_t n_domains, struct users **out) {
    if (n_domains < 1 || n_domains > DOMAINS_MAX) {
        return ST_INVALID;
    }
    struct users *t = calloc(1, sizeof *t);
    if (!t) {
        return ST_NOMEM;
    }
    t->n_domains = n_domains;
    *out = t;
    return ST_OK;
}

void users_free(struct users *t) {
    if (!t) {
        return;
    }
    for (uint32_t i = 0; i < t->n; i++) {
        user_free(t->users[i]);
    }
    free(t->users);
    free(t->hashes);
    free(t->table);
    free(t);
}

/* The place in the table where the hash is, or would be. */
static size_t probe(const uint32_t *table, size_t size, const uint64_t *hashes, uint64_t hash) {
    size_t at = (size_t)mix64(hash) & (size - 1);
    while (table[at] != USER_NONE && hashes[table[at]] != hash) {
        at = (at + 1) & (size - 1);
    }
    return at;
}

/* The slot of the hash, alive or not. */
static uint32_t slot_of(const struct users *t, uint64_t hash) {
    return t->room ? t->table[probe(t->table, 2 * (size_t)t->room, t->hashes, hash)] : USER_NONE;
}

static enum status grow_to(struct users *t, uint32_t room) {
    size_t size = 2 * (size_t)room;

    uint64_t *hashes = realloc(t->hashes, room * sizeof *hashes);
    if (!hashes) {
        return ST_NOMEM;
    }
    t->hashes = hashes; /* larger than room says: harmless if the next one fails */

    struct user **users = realloc(t->users, room * sizeof(struct user *));
    if (!users) {
        return ST_NOMEM;
    }
    t->users = users;

    uint32_t *table = malloc(size * sizeof *table);
    if (!table) {
        return ST_NOMEM;
    }
    for (size_t i = 0; i < size; i++) {
        table[i] = USER_NONE;
    }
    for (uint32_t i = 0; i < t->n; i++) {
        table[probe(table, size, hashes, hashes[i])] = i;
    }
    free(t->table);
    t->table = table;
    t->room = room;
    return ST_OK;
}

static enum status grow(struct users *t) {
    if (t->room >= SLOTS_MAX) {
        return ST_RANGE;
    }
    return grow_to(t, t->room ? 2 * t->room : ROOM_FIRST);
}

enum status users_reserve(struct users *t, uint32_t n) {
    uint32_t room = t->room ? t->room : ROOM_FIRST;
    if (n > SLOTS_MAX) {
        return ST_RANGE;
    }
    while (room < n) {
        room *= 2;
    }
    return room > t->room ? grow_to(t, room) : ST_OK;
}

void users_expect(const struct users *t, uint64_t hash) {
    if (t->room) {
        __builtin_prefetch(&t->table[(size_t)mix64(hash) & (2 * (size_t)t->room - 1)]);
    }
}

uint32_t users_find(const struct users *t, uint64_t hash) {
    uint32_t slot = slot_of(t, hash);
    return slot != USER_NONE && t->users[slot] ? slot : USER_NONE;
}

/* The slot of a hash: the one it has, else the next, which is empty. */
static enum status reserve(struct users *t, uint64_t hash, uint32_t *out) {
    uint32_t slot = slot_of(t, hash);
    if (slot == USER_NONE && t->n == t->room) {
        enum status st = grow(t);
        if (st) {
            return st;
        }
    }
    *out = slot == USER_NONE ? t->n : slot;
    return ST_OK;
}

/* A reserved slot is taken. */
static void take(struct users *t, uint64_t hash, uint32_t slot, struct user *u) {
    if (slot == t->n) {
        t->n++;
        t->table[probe(t->table, 2 * (size_t)t->room, t->hashes, hash)] = slot;
        t->hashes[slot] = hash;
        t->users[slot] = NULL;
    }
    users_replace(t, slot, u);
}

enum status users_intern(struct users *t, uint64_t hash, const char *id, size_t id_len,
                         uint32_t *out) {
    uint32_t slot = users_find(t, hash);
    if (slot != USER_NONE) {
        *out = slot;
        return ST_OK;
    }
    enum status st = reserve(t, hash, &slot);
    struct user *u = NULL;
    if (!st) {
        st = user_new(t->n_domains, id, id_len, &u);
    }
    if (st) {
        return st;
    }
    take(t, hash, slot, u);
    *out = slot;
    return ST_OK;
}

enum status users_put(struct users *t, uint64_t hash, struct user *u, uint32_t *out) {
    uint32_t slot = USER_NONE;
    enum status st = reserve(t, hash, &slot);
    if (!st) {
        take(t, hash, slot, u);
        *out = slot;
    }
    return st;
}

uint32_t users_n(const struct users *t) {
    return t->n;
}

uint32_t users_n_alive(const struct users *t) {
    return t->n_alive;
}

struct user *users_get(const struct users *t, uint32_t slot) {
    return slot < t->n ? t->users[slot] : NULL;
}

struct user **users_place(struct users *t, uint32_t slot) {
    return &t->users[slot];
}

void users_fetch(const struct users *t, uint32_t slot) {
    FETCH_KEPT();
    const char *block = slot < t->n ? (const char *)t->users[slot] : NULL;
    for (size_t at = 0; block && at < FETCHED; at += LINE) {
        __builtin_prefetch(block + at);
    }
}

uint64_t users_hash(const struct users *t, uint32_t slot) {
    return t->hashes[slot];
}

void users_replace(struct users *t, uint32_t slot, struct user *u) {
    struct user *old = t->users[slot];
    t->n_alive = t->n_alive - (old ? 1U : 0U) + (u ? 1U : 0U);
    t->users[slot] = u;
    if (old != u) {
        user_free(old);
    }
}

size_t users_bytes(const struct users *t) {
    size_t bytes =
        sizeof *t + t->room * (2 * sizeof *t->table + sizeof *t->hashes + sizeof(struct user *));
    for (uint32_t i = 0; i < t->n; i++) {
        bytes += t->users[i] ? user_room(t->users[i]) : 0;
    }
    return bytes;
}
