/* SPDX-License-Identifier: Apache-2.0
 *
 * committer.h -- the thread that makes a sealed batch final: first its dead letters are
 * acknowledged, then its offsets are committed.
 *
 * Offset after effect: a batch's offsets are committed only when its letters are safe. The
 * learner hands over sealed batches and goes on; answers come back in the order of the
 * batches. A broker that is away is waited for (backoff 100 ms to 2 s); an assignment that is
 * over (ST_LOST) ends the batch: the learner takes it back.
 *
 * The durability issue makes the commit a Kafka transaction with state, deltas, letters,
 * triggers and offsets; who calls what stays.
 *
 * Threads: committer_start() makes its thread; the rest is called by the learner.
 */
#ifndef COMMITTER_H
#define COMMITTER_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "letter.h"
#include "ports.h"
#include "status.h"

struct sealed { /* one sealed batch of one task */
    uint32_t task;
    int generation; /* of the assignment it was read under */
    struct position positions[CONFIG_TOPICS_MAX];
    uint32_t n_positions;
    struct letters letters; /* owned by the batch until answered */
};

struct sealed_answer {
    uint32_t task;
    int generation;     /* of the batch */
    enum status status; /* ST_OK: final; ST_LOST: it is not, and cannot become so */
};

struct committer; /* opaque */

/** `source` and `letterbox` must outlive it. @return ST_OK, ST_NOMEM, ST_IO (no thread) */
MUST_CHECK enum status committer_start(const struct config *cfg, const struct source *source,
                                       const struct letterbox *box, struct committer **out);

/** Hands a batch over; `letters` is taken and left empty. @return ST_OK, ST_AGAIN (full) */
MUST_CHECK enum status committer_submit(struct committer *c, struct sealed *batch);

/** The next answer; false if there is none yet. */
bool committer_answer(struct committer *c, struct sealed_answer *out);

/** Waits at most timeout_ms for the next answer. */
bool committer_wait(struct committer *c, int timeout_ms, struct sealed_answer *out);

/** Batches submitted and not yet taken by committer_answer(). */
size_t committer_pending(const struct committer *c);

/** Stops the thread and frees. What is not committed yet is given up, without an answer; a
 *  call in progress is waited for, brokers that are away are not. NULL is allowed. */
void committer_stop(struct committer *c);

#endif
