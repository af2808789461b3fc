/* SPDX-License-Identifier: Apache-2.0
 *
 * registry_ids.h -- which schema ids are wanted, what is known of each, and which is asked for
 * next.
 *
 *     WAITING --known--> READY            WAITING, MISSING --nobody asks--> forgotten
 *        |                 ^
 *     missing            known
 *        v                 |
 *     MISSING --missing, after the grace--> UNKNOWN --nobody asks, and room is needed--> forgotten
 *
 * The clock is an argument: milliseconds that do not go back. Ids come out of records, so any
 * number of them may be garbage: REGISTRY_IDS_MAX are kept.
 *
 * Ownership: owns texts. Threads: none of its own; the caller locks.
 */
#ifndef REGISTRY_IDS_H
#define REGISTRY_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ports.h"
#include "registry.h"
#include "status.h"

enum { REGISTRY_IDS_MAX = 16384 };

struct registry_ids; /* opaque */

/** @param seed  of the random part of the backoff; any
 *  @return ST_OK, ST_NOMEM */
MUST_CHECK enum status registry_ids_new(const struct registry_periods *periods, int64_t grace_ms,
                                        uint64_t seed, struct registry_ids **out);
/** NULL is allowed. */
void registry_ids_free(struct registry_ids *ids);

/** Somebody wants an id. *work: there is something to ask for that there was not before.
 *  *json is borrowed until registry_ids_free(). Out of memory or of room: LOOKUP_WAITING. */
enum lookup_state registry_ids_get(struct registry_ids *ids, uint32_t id, int64_t now_ms,
                                   const char **json, size_t *len, bool *work);

/** The id that is to be asked for now: of those due the one that waits longest. *first: it was
 * never asked for. Forgets what nobody wants any more. @return false: none now */
bool registry_ids_next(struct registry_ids *ids, int64_t now_ms, uint32_t *id, bool *first);
/** When registry_ids_next() has one; INT64_MAX: when somebody asks. */
int64_t registry_ids_due(const struct registry_ids *ids, int64_t now_ms);

/* What became of it. */

/** Takes the text, terminated, over. */
void registry_ids_known(struct registry_ids *ids, uint32_t id, char *json);
/** @return true if it became UNKNOWN just now */
bool registry_ids_missing(struct registry_ids *ids, uint32_t id, int64_t now_ms);
/** UNKNOWN at once, whatever the grace. @return true if it became so just now */
bool registry_ids_unusable(struct registry_ids *ids, uint32_t id, int64_t now_ms);
/** Nobody answered. Asks for nothing until the backoff is over. */
void registry_ids_away(struct registry_ids *ids, uint32_t id, int64_t now_ms);

/** Ids that somebody waits for. */
size_t registry_ids_waiting(const struct registry_ids *ids, int64_t now_ms);
/** True if an id could not be kept. */
bool registry_ids_full(const struct registry_ids *ids);

#endif
