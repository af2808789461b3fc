/* SPDX-License-Identifier: Apache-2.0
 *
 * publish.h -- which users wait to be ranked, and what stands in Redis of each, for one task.
 *
 * A user is dirty from his event until his lists were ranked after it. He is due at once where
 * hardly anybody like him does more within an interval (bursts.h); else an interval after his first
 * news, so that what he does in a burst makes one list. Two FIFOs, each user in at most one, so
 * memory is bounded by the number of users, however long Redis is away.
 *
 * Per user and target the digest of what was written last *in this epoch* is kept: an unchanged
 * list is not written again.
 *
 * Cards of users have digests of their own, and a pace: one is due at once when the user is in
 * another state, else an interval after it was shown last, and whoever had an event before that
 * waits for it, in the order of the times at which it is over. Nothing is kept for cards before the
 * first is asked for.
 *
 * Slots are those of learner_users(). Ownership: owns its arrays. Threads: learner.
 */
#ifndef PUBLISH_H
#define PUBLISH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct publish; /* opaque */

/** What was written last for a user and target. */
struct publish_written {
    uint64_t digest; /* 0: nothing in this epoch        */
    uint32_t at_s;   /* wall clock, seconds; 0: never   */
    uint32_t top;    /* dense index + 1 of the first item of the list ranked last; 0: unknown */
};

MUST_CHECK enum status publish_new(uint32_t n_targets, int64_t interval_ms, struct publish **out);
void publish_free(struct publish *p);

/** The user in `slot` has an event of a record with this timestamp, at now_ms of a monotonic clock
 *  (of all calls the same). @return ST_OK, ST_NOMEM */
MUST_CHECK enum status publish_touch(struct publish *p, uint32_t slot, int64_t record_ms,
                                     int64_t now_ms);

/** The user who is to be ranked next, and still waits; false: nobody is due. at_once: whoever waits
 *  is due. record_ms receives the timestamp of the newest record behind him (0: none). */
bool publish_due(struct publish *p, int64_t now_ms, bool at_once, uint32_t *slot,
                 int64_t *record_ms);
/** Who may be due after the one that publish_due() named; UINT32_MAX: nobody is known. */
uint32_t publish_ahead(const struct publish *p);
/** The one that publish_due() named last was ranked: he is clean. Nothing was touched since. */
void publish_pop(struct publish *p);
/** In how many milliseconds somebody is due, 0: now; INT64_MAX: nobody waits. */
int64_t publish_due_in_ms(const struct publish *p, int64_t now_ms);
/** For how long the one who waits longest has, up to 49 days; -1: nobody waits. */
int64_t publish_waited_ms(const struct publish *p, int64_t now_ms);
size_t publish_dirty(const struct publish *p);

/** Place of what was written for a slot (the slot was touched once) and target. */
struct publish_written *publish_written(struct publish *p, uint32_t slot, uint32_t target);
/** The users below `n` may have a list that lives, whatever it says: written at wall clock at_s, as
 *  far as is known. @return ST_OK, ST_NOMEM */
MUST_CHECK enum status publish_assume(struct publish *p, uint32_t n, uint32_t at_s);
/* What was written last of a user's card for a target. */
struct publish_card {
    uint32_t digest; /* 0: nothing in this epoch */
    uint32_t at_s;   /* as above                 */
};

/** Place of it for a slot (the slot was touched once) and target; NULL: out of memory. */
struct publish_card *publish_card(struct publish *p, uint32_t slot, uint32_t target);
/** May the card of the user in `slot` be shown at now_ms (of any clock that does not go back)? If
 *  not, he waits until it may. `state` > 0. False also when out of memory. */
bool publish_card_due(struct publish *p, uint32_t slot, uint32_t state, int64_t now_ms);
/** It was shown, or looked at and found unchanged: the next one at next_ms at the earliest. */
void publish_card_shown(struct publish *p, uint32_t slot, uint32_t state, int64_t next_ms);
/** Somebody who waited and need not any more; false: nobody. */
bool publish_card_next(struct publish *p, int64_t now_ms, uint32_t *slot);

/** Slots known here: 0..n-1. */
uint32_t publish_slots(const struct publish *p);

/** Forgets every digest: the epoch changed, or Redis lost what was written. */
void publish_forget(struct publish *p);

#endif
