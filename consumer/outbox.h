/* SPDX-License-Identifier: Apache-2.0
 *
 * outbox.h -- the triggers of one task that are not final yet, in the order of their ids, and the
 * ids.
 *
 *     open batch ── outbox_seal() ──► sealed batches ── outbox_committed() ──► handed over
 *         └───────────── outbox_undo() ─────────┘      (with the task's: as often as learner's)
 *
 * Ids grow, whatever the clock does: ms = max(wall clock, the last id's ms); within a millisecond
 * seq counts. What is undone leaves a gap. outbox_pass() says which ids exist already.
 *
 * Ownership: owns the entries until they are handed over. Threads: one. Zero-initialised is empty.
 */
#ifndef OUTBOX_H
#define OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "learner.h"
#include "status.h"
#include "trigger.h"

struct outbox_entry {
    struct entry_id id;
    uint64_t user; /* hash of his id                       */
    int64_t expires_ms;
    uint8_t *bytes; /* trigger.h, then the user's id: owned */
    uint32_t len, key_len;
    uint16_t trigger; /* which of the configured              */
    uint8_t target;   /* index of a domain                    */
};

struct outbox {
    struct entry_id last;
    struct outbox_entry *entries; /* (n,) sealed ones, oldest first, then the open batch's */
    size_t n, cap;
    size_t bytes;                       /* of all of them           */
    size_t sealed[LEARNER_BATCHES - 1]; /* entries of each          */
    uint32_t n_sealed;
};

/** The next id. */
struct entry_id outbox_mint(struct outbox *o, int64_t wall_ms);
/** Ids up to this one are taken. */
void outbox_pass(struct outbox *o, struct entry_id id);

/** Adds one to the open batch: the record of `t` and its key are copied. @return ST_OK, ST_NOMEM */
MUST_CHECK enum status outbox_add(struct outbox *o, const struct trigger *t, uint64_t user,
                                  const char *key, size_t key_len, uint16_t trigger,
                                  uint8_t target);
/** Entries of the open batch, and where they begin. */
const struct outbox_entry *outbox_open(const struct outbox *o, size_t *n);
/** The open batch becomes a sealed one. At most LEARNER_BATCHES - 1 wait. */
void outbox_seal(struct outbox *o);
/** The oldest sealed batch is final: each of its entries goes to `each`, which takes its `bytes`
 *  (by setting it to NULL) or leaves them to be freed. */
void outbox_committed(struct outbox *o, void (*each)(void *arg, struct outbox_entry *e), void *arg);
void outbox_undo(struct outbox *o);
/** A user is gone: so is what the open batch has of him. */
void outbox_forget(struct outbox *o, uint64_t user);
/** Drops the entries; the ids stay passed. */
void outbox_free(struct outbox *o);

#endif
