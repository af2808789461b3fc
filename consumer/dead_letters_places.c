/* SPDX-License-Identifier: Apache-2.0
 * dead_letters_places.c -- see dead_letters_places.h. */
#include "dead_letters_places.h"

#include <stdlib.h>

#include "mix.h"

enum { SLOTS_MIN = 64 };

static struct place *find(const struct places *s, struct place place) {
    const uint64_t hash = mix64((uint64_t)place.offset ^ mix64((uint64_t)place.partition));
    size_t i = (size_t)hash & (s->n_slots - 1);
    while (s->slots[i].offset >= 0 &&
           (s->slots[i].offset != place.offset || s->slots[i].partition != place.partition)) {
        i = (i + 1) & (s->n_slots - 1);
    }
    return &s->slots[i];
}

static enum status grow(struct places *s) {
    struct places larger = {.n_slots = s->n_slots ? 2 * s->n_slots : SLOTS_MIN, .n = s->n};
    larger.slots = malloc(larger.n_slots * sizeof *larger.slots);
    if (!larger.slots) {
        return ST_NOMEM;
    }
    for (size_t i = 0; i < larger.n_slots; i++) {
        larger.slots[i] = (struct place){0, -1};
    }
    for (size_t i = 0; i < s->n_slots; i++) {
        if (s->slots[i].offset >= 0) {
            *find(&larger, s->slots[i]) = s->slots[i];
        }
    }
    free(s->slots);
    *s = larger;
    return ST_OK;
}

enum status places_add(struct places *s, struct place place) {
    if (s->n >= s->n_slots / 4 * 3) {
        enum status st = grow(s);
        if (st) {
            return st;
        }
    }
    struct place *slot = find(s, place);
    s->n += slot->offset < 0;
    *slot = place;
    return ST_OK;
}

bool places_has(const struct places *s, struct place place) {
    return s->n > 0 && find(s, place)->offset >= 0;
}

void places_free(struct places *s) {
    free(s->slots);
    *s = (struct places){0};
}
