/* SPDX-License-Identifier: Apache-2.0
 *
 * task.h -- the place of one task in its life, and its positions.
 *
 * A task is partition p of every input topic. One function changes its state:
 *
 *     Created ──► Restoring ──► Running ──► Parked ──► Restoring ...
 *                     └────────────────────────┘ (revoked meanwhile)      any ──► Closed
 *
 * Positions are next-to-read offsets per topic; -1 stands for "earliest retained". They grow
 * with the effect: an offset is passed when its event was learned or its letter noted, and is
 * committed with the batch that holds the effect; with state = kafka the task's own record in the
 * changelog holds them, and is the truth. A batch remembers where it began, so that
 * undo knows where to read again.
 *
 * Ownership: plain memory inside; open letters are freed by task_close(). Threads: learner.
 */
#ifndef TASK_H
#define TASK_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "learner.h"
#include "letter.h"
#include "status.h"

enum task_state {
    TASK_CREATED,   /* made, nothing known yet                                         */
    TASK_RESTORING, /* assigned: committed offsets and the epoch are being found out    */
    TASK_RUNNING,   /* its events take part in the merge; its lists are published       */
    TASK_PARKED,    /* revoked, but kept: if it comes back it goes on where it stands   */
    TASK_CLOSED,    /* freed                                                            */
    TASK_STATES
};

struct task {
    uint32_t p;
    enum task_state state;
    int generation;                   /* of the assignment */
    uint64_t epoch;                   /* of the takeover; grows */
    uint64_t seq;                     /* last published value inside the epoch */
    int64_t next[CONFIG_TOPICS_MAX];  /* position */
    int64_t floor[CONFIG_TOPICS_MAX]; /* letters below it were sent before: committed at takeover */
    int64_t begin[LEARNER_BATCHES][CONFIG_TOPICS_MAX]; /* ring like the learner's: sealed, open */
    uint32_t first_batch, n_sealed;
    bool dirty;             /* something was passed since the last seal */
    struct letters letters; /* of the open batch */
    int64_t record_ms;      /* Kafka timestamp of what was learned last, -1 none */
    bool catching_up;
    bool paused[CONFIG_TOPICS_MAX];
    /* restoring */
    bool floor_known, epoch_known;
    bool tagged; /* the committed offsets are those of a transaction */
    /* state = kafka: its record with the new epoch is on its way; is final */
    bool claiming, claimed;
    int64_t restoring_since_ms;
};

/** A task in state Created with every position at earliest. */
void task_init(struct task *t, uint32_t p);
/** Frees the letters; the state is Closed. */
void task_close(struct task *t);

/** The one door. A move that is not allowed is a bug and aborts with both names. */
void task_move(struct task *t, enum task_state to);
const char *task_state_str(enum task_state s);

/** Passed: the record at `offset` of a topic has its effect. */
void task_pass(struct task *t, uint16_t topic, int64_t offset);

/** The open batch is sealed; the next begins here. */
void task_seal(struct task *t);
/** The oldest sealed batch is final. */
void task_committed(struct task *t);
/** Everything unsettled is taken back: positions are those where the oldest batch began. */
void task_undo(struct task *t);

/** epoch = max(previous + 1, now_s, own + 1), seq = 0. */
void task_take_over(struct task *t, uint64_t previous_epoch, int64_t now_s);

#endif
