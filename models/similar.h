/* SPDX-License-Identifier: Apache-2.0
 *
 * similar.h -- users near a user: by the cosine of their unit vectors (factors.h), approximately.
 *
 * A vector is kept as FACTORS signed bytes (127 times the value, rounded): 32 bytes a user, the
 * cosine within about .01. An exact scan of those: whoever needs exact cosines computes them of
 * the few that come back.
 *
 * Ownership: owns its memory. Threads: one. Replay: a function of the calls.
 */
#ifndef SIMILAR_H
#define SIMILAR_H

#include <stddef.h>
#include <stdint.h>

#include "factors.h"
#include "status.h"

enum { SIMILAR_MAX = 64 };

struct similar_user {
    uint32_t slot;
    float cosine;
};

struct similar; /* opaque: slot -> vector */

MUST_CHECK enum status similar_new(struct similar **out);
void similar_free(struct similar *s);

/** Remembers the unit vector p of a slot; grows to it. @return ST_OK, ST_NOMEM (nothing changed) */
MUST_CHECK enum status similar_set(struct similar *s, uint32_t slot, const float p[FACTORS]);
/** Forgets it. A slot that was never set: nothing. */
void similar_unset(struct similar *s, uint32_t slot);

/** The n (<= SIMILAR_MAX) nearest to p, nearest first, ties to the smaller slot, without `except`
 *  (UINT32_MAX: nobody); returns how many. Those with a cosine <= 0 are left out. */
uint32_t similar_find(const struct similar *s, const float p[FACTORS], uint32_t except, uint32_t n,
                      struct similar_user *out);

size_t similar_bytes(const struct similar *s);

#endif
