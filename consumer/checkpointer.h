/* SPDX-License-Identifier: Apache-2.0
 *
 * checkpointer.h -- keeps the checkpoints of running tasks up: what was committed is gathered in
 * memory, newest record a key, and written every state.checkpoint.interval, or at 64 MiB, in the
 * order of the keys.
 *
 * A checkpoint says up to where of the changelog it goes: its end as asked between two
 * transactions, by the only process that may write there. Whether it is the only one the brokers
 * are asked after that, by a transaction that says once more which offsets the tasks have: when it
 * is refused, or nobody answers, nothing is written. (What the client library knows of the
 * assignment will not do: it is out of date in a process that was stopped for a while.)
 *
 * A checkpoint without holes is adopted from the restore of its task (restore.h), which has brought
 * it up to where the task was taken over; a task without one gets none.
 *
 * A checkpoint is a copy: what cannot be written (disk full, no right) is a log line and a metric,
 * and the task's next restore reads more of the changelog.
 *
 * Ownership: owns the checkpoints that are open. Threads: made and freed by the learner's thread;
 * what checkpointer_watch() gives is called by the committer's; the rest by the learner's.
 */
#ifndef CHECKPOINTER_H
#define CHECKPOINTER_H

#include <stdint.h>

#include "checkpoint.h"
#include "committer.h"
#include "config.h"
#include "ports.h"
#include "status.h"

struct checkpointer; /* opaque */

/** @param changelog     of its own: bounds are asked from the committer's thread
 *  @param transactions  those of the committer. Both borrowed. @return ST_OK, ST_NOMEM */
MUST_CHECK enum status checkpointer_new(const struct config *cfg, const struct log_port *changelog,
                                        const struct transactions *transactions,
                                        struct checkpointer **out);
/** After the committer has ended. */
void checkpointer_free(struct checkpointer *c);
struct commit_watch checkpointer_watch(struct checkpointer *c);
/** From the next batch of the task on `k`, which it owns from now on, is kept up; NULL: the task
 * has none. Batches of an earlier assignment than `generation` are in it already. */
void checkpointer_adopt(struct checkpointer *c, uint32_t task, int generation,
                        struct checkpoint *k);
/** The task is not ours any more: its checkpoint is closed soon, as it is. */
void checkpointer_release(struct checkpointer *c, uint32_t task);

#endif
