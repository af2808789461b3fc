/* SPDX-License-Identifier: Apache-2.0
 *
 * recent.h -- ids seen lately: whether one comes again, in constant memory.
 *
 * A table of RECENT_IDS places; an id has one place and takes it from whoever was there. So an id
 * that comes again is known, unless one of the ids since has the same place: after n others with a
 * chance of 1 - (1 - 1/RECENT_IDS)^n, which is 1.5 % after a thousand. A new id is never called
 * known (two of 64 bits that are equal apart).
 *
 * For what is counted and not learned (impressions, conversions): it is not undone with a batch,
 * and so counts once too what is read again after an undo.
 *
 * Ownership: owns its table. Threads: one.
 */
#ifndef RECENT_H
#define RECENT_H

#include <stdbool.h>
#include <stdint.h>

#include "status.h"

enum { RECENT_IDS = 1 << 16 };

struct recent; /* opaque, 512 KiB */

MUST_CHECK enum status recent_new(struct recent **out);
/** NULL is allowed. */
void recent_free(struct recent *r);
/** True if this id was seen lately; from now on it was. */
bool recent_seen(struct recent *r, uint64_t id);

#endif
