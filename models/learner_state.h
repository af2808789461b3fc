/* SPDX-License-Identifier: Apache-2.0
 *
 * learner_state.h -- the inside of a learner, for learner*.c only.
 */
#ifndef LEARNER_STATE_H
#define LEARNER_STATE_H

#include "batch.h"
#include "candidates.h"
#include "learner.h"

struct learner_task {
    uint32_t task;
    struct users *users;
    struct task_record record;
    struct batch batches[LEARNER_BATCHES]; /* ring: sealed ones, oldest first, then the open one */
    uint32_t first_batch, n_sealed;
    uint64_t batch_number; /* of the open batch */
    uint64_t *touched_in;  /* (cap_slots,) batch that holds the slot's pre-image */
    uint64_t *voted_in;    /* (cap_slots,) mini-batch that holds the slot's vote */
    uint32_t cap_slots;
    float shared_weights[RANKER_X]; /* what its last record in the log said */
    uint32_t shared_trained;        /* ranker steps behind them             */
    uint64_t shared_at;             /* log offset of that record            */
    uint64_t averaged_at;           /* where this task's ranker moved last  */
};

struct learner {
    struct learner_params params;
    struct shared *shared;
    struct candidates *candidates;
    struct prequential *prequential;
    struct learner_task *tasks[LEARNER_TASKS_MAX];
    int64_t stream_ms; /* largest event time ever taken; undo leaves it            */
    int64_t taken_ms;  /* largest taken and not undone: what landmarks move by     */
    int64_t closed_ms; /* the part of it that closed tasks took                    */
    uint64_t n_mini_batches;
    struct features_block sample; /* of the ranker's step */
    uint32_t sample_item[RANKER_SAMPLE_MAX];
    float sample_x[RANKER_X * RANKER_SAMPLE_MAX];
};

static inline int64_t later_ms(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/** What an event weighs, units of 2^-20: 0 below half of one. */
int64_t learner_weight(const struct event *e);

/** The batch that is open. */
struct batch *learner_open_batch(struct learner_task *t);

/** Learns one line. @return ST_OK, ST_INVALID, ST_RANGE, ST_NOMEM */
enum status learner_take_line(struct learner *l, struct learner_task *t, const struct event *e,
                              const struct event_line *el, uint32_t slot, bool too_late);

/** Tests the lines of a sampled event before any is learned (prequential). */
enum status learner_test(struct learner *l, struct learner_task *t, const struct event *e,
                         uint32_t slot);

#endif
