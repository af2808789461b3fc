/* SPDX-License-Identifier: Apache-2.0
 *
 * snapshot_parts.h -- what snapshot*.c share. Internal to them.
 *
 * A piece is read twice: once to see that all of it makes sense, and then into the model.
 */
#ifndef SNAPSHOT_PARTS_H
#define SNAPSHOT_PARTS_H

#include <stdbool.h>
#include <stdint.h>

#include "snapshot.h"

/* Beyond these no sum and no time of a model is; differences and further sums do not overflow. */
#define SNAPSHOT_SUM_MAX (INT64_C(1) << 61)
#define SNAPSHOT_MS_MAX  (INT64_C(1) << 61)

struct snapshot_landmarks {
    int64_t ms[POP_CLOCKS];
    uint64_t obs;
    int64_t category_ms;
};

enum status snapshot_read_head(struct unpack *u, struct snapshot_head *out);

void snapshot_write_landmarks(struct pack *p, const struct shared *s);
void snapshot_read_landmarks(struct unpack *u, struct snapshot_landmarks *out);
/** True if the model's landmarks can be moved to these: forward, by whole half-lives. */
bool snapshot_landmarks_fit(const struct shared *s, const struct snapshot_landmarks *to);
/** Moves them there, where they fit. */
MUST_CHECK enum status snapshot_move_landmarks(struct shared *s,
                                               const struct snapshot_landmarks *to);

/** A signed number of at most `most` in magnitude; a sum from 0 on; a double from least to most. */
int64_t snapshot_read_within(struct unpack *u, int64_t most);
int64_t snapshot_read_count(struct unpack *u);
double snapshot_read_number(struct unpack *u, double least, double most);

/** True unless the item is known in another domain. */
bool snapshot_item_fits(const struct shared *s, uint64_t hash, uint8_t domain);

/** Index of an item or category, made known without a name if it is new, with room in every part.
 *  @return ST_OK, ST_INVALID (domain; hash 0 of a category), ST_RANGE, ST_NOMEM */
MUST_CHECK enum status snapshot_item_of(struct shared *s, uint64_t hash, uint8_t domain,
                                        uint32_t *out);
MUST_CHECK enum status snapshot_category_of(struct shared *s, uint64_t hash, uint32_t *out);

/** Loads what follows the head. @return as snapshot_load() */
MUST_CHECK enum status snapshot_load_item(struct shared *s, const struct snapshot_head *head,
                                          struct unpack *u);
MUST_CHECK enum status snapshot_load_category(struct shared *s, const struct snapshot_head *head,
                                              struct unpack *u);
MUST_CHECK enum status snapshot_load_globals(struct shared *s, struct unpack *u);
MUST_CHECK enum status snapshot_read_options(struct unpack *u, const char **text, size_t *text_len);

#endif
