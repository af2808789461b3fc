/* SPDX-License-Identifier: Apache-2.0
 *
 * restore_window.h -- some records of the changelog, or of a checkpoint, that are opened together:
 * envelopes are checked and users decoded by a crew, in any order; what came of them is looked at
 * in the order in which they were added.
 *
 *     while ((o = window_add(w))) { o->key = ...; }       NULL: full
 *     window_open(w);                                     the crew begins
 *     hands_finish(crew);
 *     for (k = 0; k < window_n(w); k++) window_at(w, k)->status ...
 *     window_clear(w);
 *
 * Between window_open() and hands_finish() nobody changes the learner. A user who has items or
 * categories that the learner does not know is ST_NOT_FOUND: learner_restore_user() must take him,
 * in his turn, so that they get the indices that they would have got one by one.
 *
 * Ownership: owns what it decoded or copied until window_clear(); borrows learner and crew, and the
 * records that are not copied as long as somebody looks at what came of them. Threads: the owner of
 * the crew.
 */
#ifndef RESTORE_WINDOW_H
#define RESTORE_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hands.h"
#include "learner.h"
#include "state_record.h"
#include "status.h"

enum { WINDOW_RECORDS = 2048 };

struct record;

struct opened {
    /* the record */
    const void *key, *value; /* value NULL: a tombstone */
    size_t key_len, value_len;
    int64_t offset;         /* whatever the owner wants to know it by */
    int32_t partition;      /* likewise */
    bool copied, tombstone; /* of window_add_copy() */
    /* what came of it */
    enum status status; /* ST_OK; ST_INVALID, ST_RANGE (state_record.h, user_record.h); ST_NOT_FOUND
                         * (see above); ST_NOMEM */
    struct state_key what;
    const uint8_t *body; /* (body_len,) NULL: a tombstone */
    size_t body_len;
    const struct user *user; /* NULL: not one, a tombstone, or ST_NOT_FOUND */
    uint64_t voted_in;
};

struct window; /* opaque */

MUST_CHECK enum status window_new(const struct learner *learner, struct hands *crew,
                                  struct window **out);
void window_free(struct window *w);

struct opened *window_add(struct window *w);
/** The same with a copy of the record, which window_clear() ends: key and value are there after
 *  window_open(). NULL: full, or no memory. */
struct opened *window_add_copy(struct window *w, const struct record *rec);
void window_open(struct window *w);
size_t window_n(const struct window *w);
const struct opened *window_at(const struct window *w, size_t k);
void window_clear(struct window *w);

#endif
