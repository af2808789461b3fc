/* SPDX-License-Identifier: Apache-2.0
 *
 * published.h -- what `<prefix>:published:<partition>` says of a task, read by whoever takes over.
 *
 *     {"version":[E,S],"offsets":{"course-views":123,...},"ts":..,"refreshed":..}
 *
 * Every list stands in Redis as all events below the offsets made it (rec.h writes the value). So a
 * batch that ended at or below them needs no list to be written again: its task record says where
 * it ended. One of a later epoch than the value's is not covered, whatever the offsets: they may be
 * of a topic that was recreated since (incarnation), and whoever held the task in that epoch never
 * came to write to Redis.
 *
 * Threads: none of its own; values.
 */
#ifndef PUBLISHED_H
#define PUBLISHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "state_record.h"
#include "status.h"

struct published {
    bool known; /* false: there is no such value, or nobody could ask: nothing is covered */
    uint64_t epoch;
    int64_t refreshed_ms;               /* wall clock: everyone has been ranked since; 0 unknown */
    int64_t offsets[CONFIG_TOPICS_MAX]; /* by index of the configured topic; -1: none */
};

/** Anything that cannot be read is not known. */
void published_read(const struct config *cfg, const char *value, size_t len, struct published *out);

/** Do all lists stand there that a batch with this task record, and all before it, changed? */
bool published_covers(const struct published *p, const struct config *cfg,
                      const struct state_task *t);

#endif
