/* SPDX-License-Identifier: Apache-2.0
 *
 * committer.h -- the thread that makes a sealed batch final.
 *
 * The learner hands over sealed batches and goes on; answers come back in the order of the
 * batches. A broker that is away is waited for (backoff 100 ms to 2 s); an assignment that is
 * over (ST_LOST) ends the batch: the learner takes it back.
 *
 * state = kafka: everything of a batch is one transaction: state, what the shared model learns,
 * dead letters, outbox, offsets. All batches that wait and were read under one assignment share
 * one. An aborted transaction is tried again while the assignment stands. When nobody knows
 * whether it was committed, the producer is made anew, which ends what was open, and the committed
 * offsets tell: each carries "epoch:batch" of its task. Another producer of our name (ST_FENCED)
 * ends everything.
 *
 * state = memory: offset after effect: a batch's offsets are committed when its letters are safe.
 *
 * Threads: committer_start() makes its thread; the rest is called by the learner.
 */
#ifndef COMMITTER_H
#define COMMITTER_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "letter.h"
#include "parcels.h"
#include "ports.h"
#include "status.h"

struct sealed { /* one sealed batch of one task */
    uint32_t task;
    int generation; /* of the assignment it was read under */
    struct position positions[CONFIG_TOPICS_MAX];
    uint32_t n_positions;
    struct letters letters; /* owned by the batch until answered */
    struct parcels parcels; /* likewise; state = kafka */
    uint64_t epoch, batch;  /* its name; state = kafka */
};

struct sealed_answer {
    uint32_t task;
    int generation;     /* of the batch */
    uint64_t batch;     /* likewise     */
    enum status status; /* ST_OK: final; ST_LOST: it is not, and cannot become so; ST_FENCED: nor
                           can any other: stop */
};

/* Told of every batch that is final, in order, on the committer's thread; may be NULL. */
struct commit_watch {
    void (*committed)(void *ctx, const struct sealed *batch);
    /* Called between transactions, often, unless somebody has our name; `last`: nothing comes any
     * more, and nothing is on its way whose outcome nobody knows. */
    void (*idle)(void *ctx, bool last);
    void *ctx;
};

struct committer; /* opaque */

/* What it needs; must outlive it. */
struct committer_ports {
    const struct source *source;
    const struct letterbox *letterbox;       /* state = memory */
    const struct transactions *transactions; /* state = kafka; else NULL */
    const struct commit_watch *watch;        /* NULL: nobody */
};

/** @return ST_OK, ST_NOMEM, ST_IO (no thread) */
MUST_CHECK enum status committer_start(const struct config *cfg,
                                       const struct committer_ports *ports, struct committer **out);

/** Hands a batch over; letters and parcels are taken and left empty. @return ST_OK, ST_AGAIN
 *  (full: committer_room() was 0) */
MUST_CHECK enum status committer_submit(struct committer *c, struct sealed *batch);
/** Empty parcels with the room of a batch that was answered, if there is one: the next batch of the
 *  same size then costs no page faults. */
struct parcels committer_spare(struct committer *c);
/** Batches that can be handed over now. */
size_t committer_room(const struct committer *c);

/** The next answer; false if there is none yet. */
bool committer_answer(struct committer *c, struct sealed_answer *out);

/** Waits at most timeout_ms for the next answer. */
bool committer_wait(struct committer *c, int timeout_ms, struct sealed_answer *out);

/** Batches submitted and not yet taken by committer_answer(). */
size_t committer_pending(const struct committer *c);

/** The text that is kept beside the offsets of a batch: "epoch:batch". */
void committer_tag(const struct sealed *batch, char tag[POSITION_TAG_MAX]);

/** Stops the thread and frees. What is not committed yet is given up, without an answer; a
 *  call in progress is waited for, brokers that are away are not. NULL is allowed. */
void committer_stop(struct committer *c);

#endif
