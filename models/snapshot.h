/* SPDX-License-Identifier: Apache-2.0
 *
 * snapshot.h -- the shared model at a point of the log, in pieces: a record an item, one for the
 * globals, one for each category, one for each task's published nets. Whoever joins reads these and
 * then the log from the oldest of them on.
 *
 * Each piece says the log offset up to which it holds everything (position: offset + 1 of the last
 * record applied). Pieces differ in it. Restoring is therefore a merge: before the log's record at
 * offset x is applied, all pieces with position <= x are loaded; increments of an item whose piece
 * is not loaded yet are left out, because they are in it (shared_awaits_item()).
 *
 *     item       head | id (empty: nameless) | landmarks | counts, n, takes, first and last time |
 *                obs, exp | n_i, b_i | g, n, repeats, deal | S, pairs: n, how many
 *                were kept by a pruning: those first, (hash, domain, a, f, s)
 *     category   head | landmark | g, n, repeats | top: n, (hash, domain) | pairs: n, (hash, a)
 *     globals    head | landmarks | events | n_U, W, S | recent lists: domains, (n, hash ...) |
 *                options text | segments
 *     nets       head | learner_log.c writes the rest: nets, steps, the move to the mean they had
 *     head       format u8 | kind u8 | key u64 | domain u8 | position
 *
 * Every total of the model is a sum of pieces and in none of them: a domain's sums and events, M
 * and rep of the items'; G and N of the categories'. So are the sums of any set of pieces those of
 * that part of the model, in whatever order they are loaded.
 *
 * Landmarks: decayed counts are relative to those in front of them. A piece that is ahead of the
 * model moves it first. One that is behind is refused: the log's records between its position and
 * here, which moved the model, ought to have moved it too.
 *
 * What is written is the log's state: pending increments of the pieces' items are left out. First
 * and last times, deals and lists of recent and top items may know of them.
 *
 * Pure. Threads: one.
 */
#ifndef SNAPSHOT_H
#define SNAPSHOT_H

#include <stdint.h>

#include "pack.h"
#include "shared.h"
#include "status.h"

/* 1: an item's counts in units of 2^-20, read as what they are in those of popularity_bits. 2: it
 * is not told which neighbours were kept, so all of a list are walked until it is pruned. */
enum { SNAPSHOT_FORMAT = 3 };

enum snapshot_kind { SNAPSHOT_ITEM = 1, SNAPSHOT_CATEGORY, SNAPSHOT_GLOBALS, SNAPSHOT_NETS };

/* Which piece a record is, and from when: read without loading it. */
struct snapshot_head {
    enum snapshot_kind kind;
    uint64_t key;      /* hash of item or category; task; 0 */
    uint64_t position; /* log offset + 1 of the last record in it */
    uint8_t domain;    /* of an item */
    uint8_t format;    /* that it was read in; what is written has the newest */
};

/** The head that every piece begins with: format u8 | kind u8 | key u64 | domain u8 | position. */
void snapshot_write_head(struct pack *p, const struct snapshot_head *head);

/** @return ST_OK, ST_INVALID (damaged), ST_RANGE (a later format) */
MUST_CHECK enum status snapshot_head(const void *bytes, size_t len, struct snapshot_head *out);

/** Appends a piece as `s` is now: whoever has pending increments takes those of the item, or of
 *  the category, out before and puts them back after. */
void snapshot_write_item(struct pack *p, const struct shared *s, uint32_t item, uint64_t position);
void snapshot_write_category(struct pack *p, const struct shared *s, uint32_t category,
                             uint64_t position);
void snapshot_write_globals(struct pack *p, const struct shared *s, uint64_t position,
                            const char *options, size_t options_len);

/** Loads a piece of the first three kinds into a model that is being restored, and nothing of which
 *  is in it: where the model awaits pieces (shared_await()) this one must be awaited, and is not
 * any more. Items and categories that it names become known.
 *  @return ST_OK; nothing changed but what is known: ST_INVALID (damaged, not awaited, another
 * kind, landmarks behind the model's), ST_RANGE (a later format, a domain or a feature that is not
 *  configured); ST_NOMEM (loaded in part: begin anew) */
MUST_CHECK enum status snapshot_load(struct shared *s, const void *bytes, size_t len);

/** The options text of the globals' piece, borrowed. @return as snapshot_head(); ST_INVALID: also
 *  another kind */
MUST_CHECK enum status snapshot_options(const void *bytes, size_t len, const char **text,
                                        size_t *text_len);

#endif
