/* SPDX-License-Identifier: Apache-2.0
 *
 * eval_run.h -- a stream through the live learner: every event is tested, then learned.
 *
 * Batch by batch (eval_order.h): learner_try() of all its events, scored from the stream's `from`
 * on, then learner_learn() of all. The baselines inside learner_try() learn at once, before the
 * rest of their batch is tested: with whole days as batches that is a small favour to them. An
 * event's offset is the number of its first line, its topic the domain, its task the hash of its
 * user modulo the number of tasks; weights are 1. Batches of the learner are sealed and committed
 * as they are live, for their memory.
 *
 * Ownership: the learner, the score and the windows are the caller's. Threads: one.
 */
#ifndef EVAL_RUN_H
#define EVAL_RUN_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "eval_score.h"
#include "eval_stream.h"
#include "eval_windows.h"
#include "learner.h"
#include "progress.h"
#include "status.h"

struct eval_run_params {
    bool orders, days;
    uint32_t tasks;         /* 1..LEARNER_TASKS_MAX */
    uint32_t factors_every; /* 1 tested event in N also scans the catalogue; 0: none */
};

struct eval_run {
    struct eval_run_params params;
    const struct eval_stream *stream;
    struct learner *learner;
    struct eval_score *score;
    struct eval_windows *windows;
    const volatile sig_atomic_t *stop; /* not 0: end after this batch; NULL: none */
    bool progress;                     /* on stderr */

    /* out: */
    uint64_t events, lines;             /* learned */
    uint64_t late, too_late, flooded;   /* events  */
    uint64_t learn_ns, rank_ns, n_rank; /* sums; lists of ten that were ranked */
    bool stopped;
};

/** Tells the learner how many tasks there are, opens them and runs to the end, or until *stop.
 *  @return ST_OK, ST_INVALID (parameters; an event the learner refuses), ST_RANGE, ST_NOMEM */
MUST_CHECK enum status eval_run(struct eval_run *r);

#endif
