/* SPDX-License-Identifier: Apache-2.0
 *
 * task_record.h -- the durable form of what a task is besides its users: ranker, mini-batch under
 * way, its number, newest event time (struct task_record, batch.h). About 16 KiB.
 *
 * First byte: the format. Weights and moments are floats bit for bit; sums are varints.
 *
 * Pure. Threads: one.
 */
#ifndef TASK_RECORD_H
#define TASK_RECORD_H

#include "batch.h"
#include "pack.h"
#include "status.h"

/* Format 1 knew no examples. */
enum { TASK_RECORD_FORMAT = 2 };

void task_record_write(const struct task_record *r, struct pack *p);

/** @return ST_OK; ST_INVALID (damaged: too short or long, a number that is not finite where it must
 *  be, counts that no mini-batch has); ST_RANGE (a later format; another shape of net) */
MUST_CHECK enum status task_record_read(struct unpack *u, struct task_record *out);

#endif
