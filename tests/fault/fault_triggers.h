/* SPDX-License-Identifier: Apache-2.0
 *
 * fault_triggers.h -- the triggers that instances have while they are hurt, and what came of them.
 *
 * first_purchase, lifecycle   what fires does not depend on how the two topics of the input were
 *                             merged, so that triggers.py can work it out; where it does (crossed),
 *                             it knows for whom it is certain
 * segment, top_score          the model decides; triggers_learned.py has what must be true of them
 *
 *     outbox.tsv    partition, offset, key, value in hex: committed records of the outbox
 *     streams.tsv   key, id, field, value, field, value, ...: every entry of every stream
 *     relayed.tsv   partition, end of the outbox when the last instance that was hurt had ended
 *
 * Threads: the main thread.
 */
#ifndef FAULT_TRIGGERS_H
#define FAULT_TRIGGERS_H

#include <stdbool.h>
#include <stdint.h>

#include "fault_cluster.h"

struct round;

/** The sections [trigger.NAME]. */
bool triggers_configure(struct cluster *c);
/** Were they configured? Only a durable state has them. */
bool triggers_expected(const struct round *r);
/** Longer than a sweep for those who went silent takes to come round, in milliseconds. */
enum { TRIGGERS_SWEEP_MS = 11000 };

/** Entries of all streams of the readers but of those triggers that expire within the run or are
 * about the first item of a list; -1: Redis does not say. While nothing is sent it is always the
 * same, however often Redis is emptied and instances are killed. */
int64_t triggers_lasting(const struct round *r);
/** Appends the streams under a prefix to streams.tsv; those of a second opinion, which still runs,
 * when nothing more comes. */
bool triggers_read_streams(const struct round *r, const char *prefix);
bool triggers_write_ends(const struct round *r);

#endif
