/* SPDX-License-Identifier: Apache-2.0
 *
 * state_table.h -- the newest record of each key of a changelog: what compaction would leave.
 *
 * A tombstone takes the key's record away. Values are copied.
 *
 * Ownership: owns them; zero-initialised is empty. Threads: one.
 */
#ifndef STATE_TABLE_H
#define STATE_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "state_record.h"
#include "status.h"

struct state_entry {
    struct state_key key;
    int32_t task;
    int64_t offset; /* of the record in the changelog */
    uint8_t *value; /* (len,); NULL: gone */
    size_t len;
};

struct state_table {
    struct state_entry *entries; /* (n,), those that are gone too */
    size_t n, cap;
    uint32_t *slots; /* (n_slots,), a power of two; place in entries + 1, 0: free */
    size_t n_slots;
};

/** The record that now stands for the key; value NULL: a tombstone.
 *  @return ST_OK; ST_NOMEM, ST_RANGE (2^31 keys): nothing changed */
MUST_CHECK enum status state_table_put(struct state_table *t, int32_t task,
                                       const struct state_key *key, int64_t offset,
                                       const void *value, size_t len);
/** Sorts what is there by task, its own record first, and user hash, and drops what is gone.
 *  Nothing may be put afterwards. */
void state_table_sort(struct state_table *t);
void state_table_free(struct state_table *t);

#endif
