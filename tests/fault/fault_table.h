/* SPDX-License-Identifier: Apache-2.0
 *
 * fault_table.h -- the table that a run prints and docs/operations.md shows.
 *
 *     fault | kills | events | lost | doubled | triggers | lost | doubled | recovery s | p99 ms
 *
 * recovery: longest time from a fault until all is steady again; p99: from Kafka to Redis, of what
 * was published between the first fault and the end. Pure but for stdout.
 */
#ifndef FAULT_TABLE_H
#define FAULT_TABLE_H

#include "fault_round.h"

void table_head(void);
/** One line; of what failed or was skipped, why. */
void table_row(const struct round *r);

#endif
