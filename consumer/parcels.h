/* SPDX-License-Identifier: Apache-2.0
 *
 * parcels.h -- what a sealed batch puts into crossrec's own topics, as bytes that another thread
 * sends: records of the changelog, of the model log, of the model's snapshot, of the outbox.
 *
 * Values are sealed already (state_record.h). One block of memory; a parcel is a head, its key and
 * its value. Zero-initialised is empty.
 *
 * Ownership: owns its bytes. Threads: one at a time.
 */
#ifndef PARCELS_H
#define PARCELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

enum parcel_kind {
    PARCEL_STATE,  /* crossrec-state, partition = task              */
    PARCEL_MODEL,  /* crossrec-model                                */
    PARCEL_ITEMS,  /* crossrec-model-items                          */
    PARCEL_OUTBOX, /* crossrec-triggers, partition = task           */
    PARCEL_KINDS
};

struct parcel {
    const void *key;   /* NULL: none              */
    const void *value; /* NULL: a tombstone        */
    size_t key_len, value_len;
    int32_t partition;
    enum parcel_kind kind;
};

struct parcels {
    char *bytes;
    size_t len, cap;
    size_t n;
    size_t n_of[PARCEL_KINDS];
};

/** Copies one. @return ST_OK, ST_NOMEM (nothing added) */
MUST_CHECK enum status parcels_add(struct parcels *p, const struct parcel *parcel);
/** The parcel at *at (0 at first), borrowed, and moves on; false at the end. */
bool parcels_next(const struct parcels *p, size_t *at, struct parcel *out);
/** Empty again; its room is kept. */
void parcels_clear(struct parcels *p);
void parcels_free(struct parcels *p);

#endif
