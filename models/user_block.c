/* SPDX-License-Identifier: Apache-2.0
 *
 * user_block.c -- see user_block.h.
 */
#include "user_block.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct user) == 64, "the block is packed");
_Static_assert(sizeof(struct user_domain) == 48, "the block is packed");
_Static_assert(sizeof(struct user_area) == 8, "the block is packed");
_Static_assert(sizeof(struct past) == 12, "the block is packed");
_Static_assert(sizeof(struct interest) == 16, "the block is packed");
_Static_assert(sizeof(struct fired) == USER_FIRED_BYTES, "the block is packed");
_Static_assert(sizeof(struct taken) == 20, "the block is packed");
_Static_assert(sizeof(struct engagement_social) == 136, "USER_BYTES_MAX counts it");
_Static_assert(2 * USER_BYTES_MAX <= UINT16_MAX, "offsets are 16 bits");

static uint32_t n_areas(uint32_t n_domains) {
    return AREA_FIRST + AREAS_PER_DOMAIN * n_domains;
}

uint32_t user_block_entry_bytes(uint32_t area) {
    if (area == AREA_EVENTS) {
        return sizeof(uint64_t);
    }
    if (area == AREA_HISTORY) {
        return sizeof(struct past);
    }
    if (area == AREA_INTERESTS) {
        return sizeof(struct interest);
    }
    return (area - AREA_FIRST) % AREAS_PER_DOMAIN == 0 ? sizeof(uint32_t) : sizeof(struct taken);
}

static uint32_t id_offset(uint32_t n_domains) {
    return (uint32_t)(sizeof(struct user) + n_domains * sizeof(struct user_domain) +
                      n_areas(n_domains) * sizeof(struct user_area));
}

uint32_t user_block_fixed_bytes(uint32_t n_domains, size_t id_len) {
    return id_offset(n_domains) + (((uint32_t)id_len + 7U) & ~7U);
}

/* A place in the block. The cast through an integer takes the const off once, here. */
static void *place(const struct user *u, uint32_t offset) {
    return (void *)((uintptr_t)u + offset);
}

struct user_domain *user_block_domain(const struct user *u, uint8_t domain) {
    return place(u, (uint32_t)(sizeof *u + domain * sizeof(struct user_domain)));
}

struct user_area *user_block_area(const struct user *u, uint32_t area) {
    return place(u, (uint32_t)(sizeof *u + u->n_domains * sizeof(struct user_domain) +
                               area * sizeof(struct user_area)));
}

void *user_block_entries(const struct user *u, uint32_t area) {
    return place(u, user_block_area(u, area)->at);
}

char *user_block_id(const struct user *u) {
    return place(u, id_offset(u->n_domains));
}

void user_block_init(struct user *u, uint32_t n_domains, const char *id, size_t id_len) {
    const uint32_t bytes = user_block_fixed_bytes(n_domains, id_len);
    memset(u, 0, bytes);
    *u = (struct user){.bytes = bytes,
                       .segment = -1,
                       .pending = -1,
                       .n_domains = (uint8_t)n_domains,
                       .id_len = (uint8_t)id_len,
                       .minute = INT64_MIN};
    memcpy(user_block_id(u), id, id_len);
    for (uint32_t i = 0; i < n_areas(n_domains); i++) {
        user_block_area(u, i)->at = (uint16_t)bytes;
    }
}

/* Moves what lies behind the area so that it has `cap` entries. The block has room. */
static void resize(struct user *u, uint32_t area, uint32_t cap) {
    struct user_area *a = user_block_area(u, area);
    uint32_t size = user_block_entry_bytes(area);
    uint32_t old_end = a->at + a->cap * size;
    uint32_t new_end = a->at + cap * size;
    memmove(place(u, new_end), place(u, old_end), u->bytes - old_end);
    for (uint32_t i = area + 1; i < n_areas(u->n_domains); i++) {
        struct user_area *behind = user_block_area(u, i);
        behind->at = (uint16_t)(behind->at + new_end - old_end);
    }
    a->cap = (uint16_t)cap;
    u->bytes += new_end - old_end; /* modulo 2^32: also when it shrinks */
}

void user_block_extend(struct user *u, uint32_t area, uint32_t cap) {
    const size_t size = user_block_entry_bytes(area);
    const uint32_t old_cap = user_block_area(u, area)->cap;
    resize(u, area, cap);
    char *entries = user_block_entries(u, area);
    memset(entries + old_cap * size, 0, (cap - old_cap) * size);
}

size_t user_block_room(size_t bytes) {
    return (bytes + USER_BLOCK_UNIT - 1) / USER_BLOCK_UNIT * USER_BLOCK_UNIT;
}

/* Room for so many bytes more: as a rule there is some. */
static enum status make_room(struct user **u, uint32_t bytes) {
    const size_t room = user_block_room((*u)->bytes + bytes);
    if (room == user_block_room((*u)->bytes)) {
        return ST_OK;
    }
    struct user *grown = realloc(*u, room);
    if (!grown) {
        return ST_NOMEM;
    }
    *u = grown;
    return ST_OK;
}

enum status user_block_grow(struct user **u, uint32_t area, uint32_t cap) {
    const uint32_t old_cap = user_block_area(*u, area)->cap;
    const enum status st = make_room(u, (cap - old_cap) * user_block_entry_bytes(area));
    if (!st) {
        user_block_extend(*u, area, cap);
    }
    return st;
}

void user_block_shrink(struct user *u, uint32_t area, uint32_t cap) {
    resize(u, area, cap);
}

/* ---- in front of the areas: social interaction, firings ---------------------- */

/* Makes `bytes` more at an offset between the id and the areas, all zero. */
static void insert(struct user *u, uint32_t at, uint32_t bytes) {
    memmove(place(u, at + bytes), place(u, at), u->bytes - at);
    memset(place(u, at), 0, bytes);
    for (uint32_t i = 0; i < n_areas(u->n_domains); i++) {
        struct user_area *behind = user_block_area(u, i);
        behind->at = (uint16_t)(behind->at + bytes);
    }
    u->bytes += bytes;
}

struct engagement_social *user_block_social(const struct user *u) {
    return u->flags & USER_HAS_SOCIAL ? place(u, user_block_fixed_bytes(u->n_domains, u->id_len))
                                      : NULL;
}

void user_block_extend_social(struct user *u) {
    insert(u, user_block_fixed_bytes(u->n_domains, u->id_len), USER_SOCIAL_BYTES);
    u->flags |= USER_HAS_SOCIAL;
}

enum status user_block_add_social(struct user **u) {
    enum status st = make_room(u, USER_SOCIAL_BYTES);
    if (!st) {
        user_block_extend_social(*u);
    }
    return st;
}

static uint32_t social_bytes(const struct user *u) {
    return u->flags & USER_HAS_SOCIAL ? USER_SOCIAL_BYTES : 0U;
}

static uint32_t fired_offset(const struct user *u) {
    return user_block_fixed_bytes(u->n_domains, u->id_len) + social_bytes(u);
}

struct fired *user_block_fired(const struct user *u) {
    return place(u, fired_offset(u));
}

void user_block_extend_fired(struct user *u) {
    insert(u, fired_offset(u) + u->n_fired * (uint32_t)USER_FIRED_BYTES, USER_FIRED_BYTES);
    u->n_fired++;
}

enum status user_block_add_fired(struct user **u) {
    enum status st = make_room(u, USER_FIRED_BYTES);
    if (!st) {
        user_block_extend_fired(*u);
    }
    return st;
}

/* ---- the cap ------------------------------------------------------------------- */

uint32_t user_block_counted(const struct user *u) {
    return u->bytes - social_bytes(u) - u->n_fired * (uint32_t)USER_FIRED_BYTES;
}

uint32_t user_block_pressing(const struct user *u) {
    const uint32_t cap = user_block_area(u, AREA_EVENTS)->cap;
    const uint32_t spare = cap > USER_EVENT_IDS_LEAST ? cap - USER_EVENT_IDS_LEAST : 0;
    return user_block_counted(u) - spare * (uint32_t)sizeof(uint64_t);
}
