/* SPDX-License-Identifier: Apache-2.0
 *
 * items.c -- see items.h.
 *
 * The table's slots carry the hash and the domain, so that a known item costs one
 * cache line. What another thread may read through an index (the ids) lies in
 * segments and chunks that are never moved: growing adds a segment twice as large.
 */
#include "items.h"

#include <stdlib.h>
#include <string.h>

#include "event.h"
#include "fetch.h"
#include "room.h"

enum {
    SLOTS_MIN = 64,     /* a power of two                                      */
    SEGMENT_BITS = 10,  /* segment k holds 2^(SEGMENT_BITS + k) ids            */
    SEGMENTS = 22,      /* enough for ITEMS_LIMIT                              */
    CHUNK_BYTES = 65536 /* of the arena                                        */
};
#define ITEMS_LIMIT (UINT32_C(1) << 31)

struct slot {
    uint64_t hash;
    uint32_t index; /* ITEM_NONE: the slot is free */
    uint32_t domain;
};

struct chunk {
    struct chunk *next;
    char bytes[CHUNK_BYTES];
};

struct domain_items {
    uint32_t n, cap;
    uint32_t *index; /* (n,) in the order of items_of() */
};

static const char nameless[2]; /* what stands for the id of an item without one */

struct items {
    uint32_t n_domains;
    uint32_t n, cap;
    uint32_t slot_bits;
    struct slot *slots;         /* (2^slot_bits,), at most half of them taken */
    uint64_t *hashes;           /* (n,) */
    uint8_t *domains;           /* (n,) */
    const char **ids[SEGMENTS]; /* each: one byte of length, the id, a 0 byte; or nameless */
    struct chunk *chunks;       /* the newest first */
    size_t chunk_used;
    size_t n_chunks;
    struct domain_items of[DOMAINS_MAX];
};

/* ---- table --------------------------------------------------------------- */

/* Fibonacci hashing (Knuth, TAOCP 3, 6.4): the caller's hash need not be good in
 * its low bits. */
static size_t home_of(uint64_t hash, uint32_t slot_bits) {
    return (size_t)((hash * 0x9e3779b97f4a7c15U) >> (64 - slot_bits));
}

/* The slot of this hash, or the free one where it belongs. */
static struct slot *slot_of(struct slot *slots, uint32_t slot_bits, uint64_t hash) {
    const size_t mask = ((size_t)1 << slot_bits) - 1;
    size_t at = home_of(hash, slot_bits);
    while (slots[at].index != ITEM_NONE && slots[at].hash != hash) {
        at = (at + 1) & mask;
    }
    return &slots[at];
}

static struct slot *slots_new(uint32_t slot_bits) {
    const size_t n = (size_t)1 << slot_bits;
    struct slot *slots = malloc(n * sizeof *slots);
    for (size_t at = 0; slots && at < n; at++) {
        slots[at] = (struct slot){.index = ITEM_NONE};
    }
    return slots;
}

static enum status slots_grow(struct items *it) {
    const size_t n = (size_t)1 << it->slot_bits;
    if (it->n < n / 2) {
        return ST_OK;
    }
    struct slot *slots = slots_new(it->slot_bits + 1);
    if (!slots) {
        return ST_NOMEM;
    }
    it->slot_bits++;
    for (size_t at = 0; at < n; at++) {
        if (it->slots[at].index != ITEM_NONE) {
            *slot_of(slots, it->slot_bits, it->slots[at].hash) = it->slots[at];
        }
    }
    free(it->slots);
    it->slots = slots;
    return ST_OK;
}

/* ---- dense arrays -------------------------------------------------------- */

static enum status arrays_grow(struct items *it) {
    if (it->n < it->cap) {
        return ST_OK;
    }
    const size_t cap = room_for(it->cap, (size_t)it->n + 1, SLOTS_MIN, ITEMS_LIMIT);
    uint64_t *hashes = realloc(it->hashes, cap * sizeof *hashes);
    if (!hashes) {
        return ST_NOMEM;
    }
    room_huge_pages(hashes, cap * sizeof *hashes);
    it->hashes = hashes; /* larger than cap says: harmless if the next one fails */
    uint8_t *domains = realloc(it->domains, cap * sizeof *domains);
    if (!domains) {
        return ST_NOMEM;
    }
    it->domains = domains;
    it->cap = (uint32_t)cap;
    return ST_OK;
}

static enum status domain_grow(struct domain_items *d) {
    if (d->n < d->cap) {
        return ST_OK;
    }
    const size_t cap = room_for(d->cap, (size_t)d->n + 1, SLOTS_MIN, ITEMS_LIMIT);
    uint32_t *index = realloc(d->index, cap * sizeof *index);
    if (!index) {
        return ST_NOMEM;
    }
    d->index = index;
    d->cap = (uint32_t)cap;
    return ST_OK;
}

/* ---- ids ----------------------------------------------------------------- */

/* Segment k holds the indices from 2^SEGMENT_BITS (2^k - 1) on. */
static uint32_t segment_of(uint32_t i, uint32_t *place) {
    const uint32_t block = (i >> SEGMENT_BITS) + 1;
    const uint32_t k = 31U - (uint32_t)__builtin_clz(block);
    *place = i - (((UINT32_C(1) << k) - 1) << SEGMENT_BITS);
    return k;
}

static size_t segment_size(uint32_t k) {
    return (size_t)1 << (SEGMENT_BITS + k);
}

static enum status ids_grow(struct items *it) {
    uint32_t place = 0;
    const uint32_t k = segment_of(it->n, &place);
    if (!it->ids[k]) {
        it->ids[k] = malloc(segment_size(k) * sizeof *it->ids[k]);
    }
    return it->ids[k] ? ST_OK : ST_NOMEM;
}

static enum status arena_grow(struct items *it, size_t bytes) {
    if (it->chunks && bytes <= CHUNK_BYTES - it->chunk_used) {
        return ST_OK;
    }
    struct chunk *c = malloc(sizeof *c);
    if (!c) {
        return ST_NOMEM;
    }
    c->next = it->chunks;
    it->chunks = c;
    it->chunk_used = 0;
    it->n_chunks++;
    return ST_OK;
}

static const char **id_place(const struct items *it, uint32_t i) {
    uint32_t place = 0;
    const uint32_t k = segment_of(i, &place);
    return &it->ids[k][place];
}

static void id_put(struct items *it, uint32_t i, const char *id, size_t id_len) {
    char *to = it->chunks->bytes + it->chunk_used;
    to[0] = (char)(unsigned char)id_len;
    memcpy(to + 1, id, id_len);
    to[1 + id_len] = '\0';
    it->chunk_used += id_len + 2;
    *id_place(it, i) = to;
}

const char *items_id(const struct items *it, uint32_t i, size_t *len) {
    const char *id = *id_place(it, i);
    *len = (unsigned char)id[0];
    return id + 1;
}

void items_fetch_id(const struct items *it, uint32_t i) {
    FETCH_KEPT();
    __builtin_prefetch(*id_place(it, i));
}

bool items_named(const struct items *it, uint32_t i) {
    return *id_place(it, i) != nameless;
}

/* ---- life cycle ---------------------------------------------------------- */

enum status items_new(uint32_t n_domains, struct items **out) {
    if (n_domains < 1 || n_domains > DOMAINS_MAX) {
        return ST_INVALID;
    }
    struct items *it = calloc(1, sizeof *it);
    if (!it) {
        return ST_NOMEM;
    }
    it->n_domains = n_domains;
    while (((size_t)1 << it->slot_bits) < SLOTS_MIN) {
        it->slot_bits++;
    }
    it->slots = slots_new(it->slot_bits);
    if (!it->slots) {
        items_free(it);
        return ST_NOMEM;
    }
    *out = it;
    return ST_OK;
}

void items_free(struct items *it) {
    if (!it) {
        return;
    }
    while (it->chunks) {
        struct chunk *next = it->chunks->next;
        free(it->chunks);
        it->chunks = next;
    }
    for (uint32_t k = 0; k < SEGMENTS; k++) {
        free(it->ids[k]);
    }
    for (uint32_t d = 0; d < DOMAINS_MAX; d++) {
        free(it->of[d].index);
    }
    free(it->domains);
    free(it->hashes);
    free(it->slots);
    free(it);
}

/* ---- finding and making -------------------------------------------------- */

uint32_t items_find(const struct items *it, uint64_t hash) {
    return slot_of(it->slots, it->slot_bits, hash)->index;
}

/* Room for one more item without a name. What can fail comes first; what has grown then is
 * harmless. */
static enum status make_room(struct items *it) {
    if (it->n >= ITEMS_LIMIT) {
        return ST_RANGE;
    }
    enum status st = slots_grow(it);
    if (!st) {
        st = arrays_grow(it);
    }
    return st ? st : ids_grow(it);
}

/* Room for a name. */
static enum status make_room_of_name(struct items *it, uint8_t domain, size_t id_len) {
    enum status st = domain_grow(&it->of[domain]);
    return st ? st : arena_grow(it, id_len + 2);
}

/* There is room. */
static uint32_t add(struct items *it, uint64_t hash, uint8_t domain) {
    const uint32_t i = it->n++;
    *slot_of(it->slots, it->slot_bits, hash) =
        (struct slot){.hash = hash, .index = i, .domain = domain};
    it->hashes[i] = hash;
    it->domains[i] = domain;
    *id_place(it, i) = nameless;
    return i;
}

static void name(struct items *it, uint32_t i, const char *id, size_t id_len) {
    struct domain_items *d = &it->of[it->domains[i]];
    d->index[d->n++] = i;
    id_put(it, i, id, id_len);
}

enum status items_intern(struct items *it, uint64_t hash, uint8_t domain, const char *id,
                         size_t id_len, uint32_t *out) {
    if (domain >= it->n_domains || id_len < 1 || id_len > ID_LEN_MAX) {
        return ST_INVALID;
    }
    const struct slot *slot = slot_of(it->slots, it->slot_bits, hash);
    const uint32_t known = slot->index;
    if (known != ITEM_NONE && slot->domain != domain) {
        return ST_INVALID;
    }
    if (known != ITEM_NONE && items_named(it, known)) {
        *out = known;
        return ST_OK;
    }
    enum status st = known == ITEM_NONE ? make_room(it) : ST_OK;
    if (!st) {
        st = make_room_of_name(it, domain, id_len);
    }
    if (st) {
        return st;
    }
    const uint32_t i = known == ITEM_NONE ? add(it, hash, domain) : known;
    name(it, i, id, id_len);
    *out = i;
    return ST_OK;
}

enum status items_intern_nameless(struct items *it, uint64_t hash, uint8_t domain, uint32_t *out) {
    if (domain >= it->n_domains) {
        return ST_INVALID;
    }
    const struct slot *known = slot_of(it->slots, it->slot_bits, hash);
    if (known->index != ITEM_NONE) {
        if (known->domain != domain) {
            return ST_INVALID;
        }
        *out = known->index;
        return ST_OK;
    }
    enum status st = make_room(it);
    if (st) {
        return st;
    }
    *out = add(it, hash, domain);
    return ST_OK;
}

/* ---- reading ------------------------------------------------------------- */

uint32_t items_n(const struct items *it) {
    return it->n;
}

uint32_t items_n_of(const struct items *it, uint8_t domain) {
    return it->of[domain].n;
}

uint32_t items_of(const struct items *it, uint8_t domain, uint32_t k) {
    return it->of[domain].index[k];
}

void items_reorder(struct items *it, uint8_t domain, const uint32_t *order) {
    struct domain_items *d = &it->of[domain];
    if (d->n > 0) {
        memcpy(d->index, order, d->n * sizeof *order);
    }
}

uint64_t items_hash(const struct items *it, uint32_t i) {
    return it->hashes[i];
}

uint8_t items_domain(const struct items *it, uint32_t i) {
    return it->domains[i];
}

const uint8_t *items_domains(const struct items *it) {
    return it->domains;
}

const uint64_t *items_hashes(const struct items *it) {
    return it->hashes;
}

size_t items_bytes(const struct items *it) {
    size_t bytes = sizeof *it + it->n_chunks * sizeof(struct chunk);
    bytes += ((size_t)1 << it->slot_bits) * sizeof *it->slots;
    bytes += it->cap * (sizeof *it->hashes + sizeof *it->domains);
    for (uint32_t k = 0; k < SEGMENTS; k++) {
        bytes += it->ids[k] ? segment_size(k) * sizeof *it->ids[k] : 0;
    }
    for (uint32_t d = 0; d < DOMAINS_MAX; d++) {
        bytes += it->of[d].cap * sizeof *it->of[d].index;
    }
    return bytes;
}
