/* SPDX-License-Identifier: Apache-2.0
 *
 * waiting.h -- records of one topic partition that are kept until their schema is known.
 *
 * A copy of each record, in order, in one block of bytes. The partition is paused meanwhile, so
 * what is kept is what one poll had brought.
 *
 * Ownership: owns its bytes; zero is empty. Threads: learner.
 */
#ifndef WAITING_H
#define WAITING_H

#include <stddef.h>

#include "ports.h"
#include "status.h"

struct waiting {
    char *bytes;
    size_t len, cap;
    size_t at; /* of the first */
    size_t n;
};

/** Keeps a copy of a record, or of an end. @return ST_OK, ST_NOMEM */
MUST_CHECK enum status waiting_push(struct waiting *w, const struct record *r);
/** The first one, borrowed until the next push or pop. False if there is none. */
bool waiting_first(const struct waiting *w, struct record *out);
void waiting_pop(struct waiting *w);
/** Forgets all of them and frees. */
void waiting_free(struct waiting *w);

#endif
