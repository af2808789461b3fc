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
_Static_assert(sizeof(struct taken) == 20, "the block is packed");
_Static_assert(USER_BYTES_MAX <= UINT16_MAX, "offsets are 16 bits");

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

enum status user_block_grow(struct user **u, uint32_t area, uint32_t cap) {
    uint32_t size = user_block_entry_bytes(area);
    uint32_t old_cap = user_block_area(*u, area)->cap;
    struct user *grown = realloc(*u, (*u)->bytes + (cap - old_cap) * size);
    if (!grown) {
        return ST_NOMEM;
    }
    *u = grown;
    resize(grown, area, cap);
    char *entries = user_block_entries(grown, area);
    memset(entries + (size_t)old_cap * size, 0, (size_t)(cap - old_cap) * size);
    return ST_OK;
}

void user_block_shrink(struct user *u, uint32_t area, uint32_t cap) {
    resize(u, area, cap);
}
