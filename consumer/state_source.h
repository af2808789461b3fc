/* SPDX-License-Identifier: Apache-2.0
 *
 * state_source.h -- the records of the changelog, or of checkpoint folders, for crossrec state.
 *
 * Of the topic every record is handed over as it is read, newest last, tombstones too. Of
 * checkpoints, which have the newest only, in the order of tasks and keys, without offsets.
 *
 * Plain values. Threads: one.
 */
#ifndef STATE_SOURCE_H
#define STATE_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "checkpoint.h"
#include "config.h"
#include "status.h"

enum { STATE_TASK_ALL = -1 };

struct state_row {
    int32_t task;   /* the partition */
    int64_t offset; /* -1: of a checkpoint */
    const void *key, *value;
    size_t key_len, value_len; /* value NULL: a tombstone */
};

struct state_sink {
    /** ST_OK, or what ends the reading. */
    enum status (*record)(void *ctx, const struct state_row *r);
    /** A checkpoint was read; c is open. May be NULL. */
    void (*checkpoint)(void *ctx, int32_t task, struct checkpoint *c);
    void *ctx;
};

/** Reads topic cfg->state_topic to its end. @param task  of this one only, or STATE_TASK_ALL
 *  @return ST_OK, ST_IO, ST_INVALID (err, CONFIG_ERROR_MAX bytes), or what the sink returned */
MUST_CHECK enum status state_source_topic(const struct config *cfg, int32_t task,
                                          const struct state_sink *sink, char *err);

/** Reads dir/<task> for each task that is there, or dir itself if it is that of one task. Nobody
 *  may have them open. @return as above; ST_NOT_FOUND (no checkpoint there, err) */
MUST_CHECK enum status state_source_checkpoint(const char *dir, int32_t task,
                                               const struct state_sink *sink, char *err);

#endif
