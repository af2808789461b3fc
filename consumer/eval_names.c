/* SPDX-License-Identifier: Apache-2.0
 * eval_names.c -- see eval_names.h. Open addressing, at most half full. */
#include "eval_names.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS_MIN = 1024, ENTRIES_MIN = 512, ARENA_MIN = 1 << 14 };

static uint32_t *find(uint32_t *slots, size_t n_slots, const struct eval_name *entries,
                      uint64_t hash) {
    size_t i = (size_t)hash & (n_slots - 1);
    while (slots[i] && entries[slots[i] - 1].hash != hash) {
        i = (i + 1) & (n_slots - 1);
    }
    return &slots[i];
}

static enum status reserve_slot(struct eval_names *t) {
    if (t->n < t->n_slots / 2) {
        return ST_OK;
    }
    const size_t n_slots = t->n_slots ? 2 * t->n_slots : SLOTS_MIN;
    uint32_t *slots = calloc(n_slots, sizeof *slots);
    if (!slots) {
        return ST_NOMEM;
    }
    for (uint32_t k = 0; k < t->n; k++) {
        *find(slots, n_slots, t->entries, t->entries[k].hash) = k + 1;
    }
    free(t->slots);
    t->slots = slots;
    t->n_slots = n_slots;
    return ST_OK;
}

static enum status reserve_entry(struct eval_names *t) {
    if (t->n < t->cap) {
        return ST_OK;
    }
    if (t->n >= INT32_MAX) {
        return ST_RANGE;
    }
    const uint32_t cap = t->cap ? 2 * t->cap : ENTRIES_MIN;
    struct eval_name *entries = realloc(t->entries, cap * sizeof *entries);
    if (!entries) {
        return ST_NOMEM;
    }
    t->entries = entries;
    t->cap = cap;
    return ST_OK;
}

static enum status reserve_text(struct eval_names *t, size_t len) {
    if (t->arena && len <= t->room - t->used) {
        return ST_OK;
    }
    size_t room = t->room ? 2 * t->room : ARENA_MIN;
    while (room - t->used < len) {
        room *= 2;
    }
    char *arena = realloc(t->arena, room);
    if (!arena) {
        return ST_NOMEM;
    }
    t->arena = arena;
    t->room = room;
    return ST_OK;
}

enum status eval_names_add(struct eval_names *t, uint64_t hash, const char *id, size_t len,
                           uint32_t *out) {
    enum status st = reserve_slot(t);
    if (st) {
        return st;
    }
    uint32_t *slot = find(t->slots, t->n_slots, t->entries, hash);
    if (*slot) {
        *out = *slot - 1;
        return ST_OK;
    }
    st = reserve_entry(t);
    st = st ? st : reserve_text(t, len);
    if (st) {
        return st;
    }
    memcpy(t->arena + t->used, id, len);
    t->entries[t->n] = (struct eval_name){.hash = hash, .at = t->used, .len = (uint16_t)len};
    t->used += len;
    *out = t->n++;
    *slot = t->n;
    return ST_OK;
}

void eval_names_free(struct eval_names *t) {
    free(t->entries);
    free(t->slots);
    free(t->arena);
    *t = (struct eval_names){0};
}
