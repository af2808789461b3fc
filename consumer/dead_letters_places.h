/* SPDX-License-Identifier: Apache-2.0
 *
 * dead_letters_places.h -- a set of places in the dead-letter topic: the letters that were put
 * back. 16 bytes a place, at most three quarters full.
 *
 * Ownership: owns its slots; zero-initialised is empty. Threads: one.
 */
#ifndef DEAD_LETTERS_PLACES_H
#define DEAD_LETTERS_PLACES_H

#include "dead_letters_filter.h"

struct places {
    struct place *slots; /* (n_slots,), a power of two; offset -1: free */
    size_t n_slots, n;
};

/** @return ST_OK (also if it is there already), ST_NOMEM (nothing changed) */
MUST_CHECK enum status places_add(struct places *s, struct place place);
bool places_has(const struct places *s, struct place place);
void places_free(struct places *s);

#endif
