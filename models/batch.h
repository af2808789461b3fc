/* SPDX-License-Identifier: Apache-2.0
 *
 * batch.h -- what must be remembered until a Kafka commit is known: the undo of one batch.
 *
 * Pre-images of the users a batch touched (NULL: the user did not exist, or must not have), of
 * when they voted last, and of the task record, and the increments of the shared counts.
 *
 * Ownership: owns pre-images and the delta's arrays; their room is kept. Threads: one.
 */
#ifndef BATCH_H
#define BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "delta.h"
#include "examples.h"
#include "ranker.h"
#include "shared.h"
#include "status.h"
#include "user_pool.h"
#include "users.h"

struct batch_image {
    struct user *before; /* NULL: the slot was empty, or its user was forgotten */
    uint64_t voted_in;   /* mini-batch of the user's last vote */
    uint32_t slot;
};

/* What a task is besides its users. Plain value. */
struct task_record {
    struct ranker ranker;
    struct mini_batch mini; /* the mini-batch under way */
    uint64_t mini_number;   /* its number: who voted in it does not vote again */
    int64_t taken_ms;       /* largest event time taken; INT64_MIN: none       */
    struct examples examples;

    /* Where a log is shared: the nets that it published last, by epoch and batch of their record
     * (0, 0: none yet), and what it has learned since. */
    uint64_t nets_epoch, nets_batch;
    uint32_t n_events;  /* learned since    */
    uint32_t n_trained; /* of these, ranker steps */
    bool nets_moved;    /* the ranker has made their move to the mean, or there are none */
};

struct batch {
    struct batch_image *images;
    size_t n_images, cap_images;
    size_t image_bytes;
    struct user_pool pool; /* of pre-images of the batch before */
    struct task_record before;
    struct delta *delta; /* NULL: it was handed on (batch_take_delta) */

    /* Where a log is shared. */
    uint64_t epoch, number; /* its name, with the task */
    bool seen; /* its record was seen in the log: it is committed, and in the log's state */
};

/** Makes an empty batch usable. @return ST_OK, ST_NOMEM */
MUST_CHECK enum status batch_init(struct batch *b);
/** Opens it: empties it and remembers the task record. */
void batch_open(struct batch *b, const struct task_record *now);
/** Remembers a user's block as it is now. @return ST_OK, ST_NOMEM (nothing changed) */
MUST_CHECK enum status batch_remember(struct batch *b, const struct users *users, uint32_t slot,
                                      uint64_t voted_in);
/** Remembers that the slot was empty before the batch. @return ST_OK, ST_NOMEM */
MUST_CHECK enum status batch_remember_new(struct batch *b, uint32_t slot, uint64_t voted_in);
/** Forgets a user's block: undo will find the slot empty. The counts stay to be taken back. */
void batch_forget(struct batch *b, uint32_t slot);
/** Bytes of what it remembers: the smallest when it has just been opened. */
size_t batch_bytes(const struct batch *b);
/** Puts every user and vote and the task record back and takes the counts out of the shared
 *  model; the batch is empty afterwards. @param voted_in  (slots,) */
void batch_undo(struct batch *b, struct users *users, uint64_t *voted_in,
                struct task_record *record, struct shared *s);
/** Forgets what undo would need. */
void batch_drop(struct batch *b);
/** Hands the delta on; the batch cannot be opened before it has another one (batch.delta). */
struct delta *batch_take_delta(struct batch *b);
/** Frees everything. */
void batch_free(struct batch *b);

#endif
