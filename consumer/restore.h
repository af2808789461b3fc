/* SPDX-License-Identifier: Apache-2.0
 *
 * restore.h -- a task's state back into memory: from its checkpoint, then from the changelog.
 *
 *     (nothing) ──► begin ──► [checkpoint] ──► changelog up to its end ──► done
 *
 * The end is the one that stood when the restore began, open transactions included: what the
 * predecessor committed lies below it. Judged by position (commit markers occupy offsets).
 *
 * A task that this process held before goes on where its own part of the changelog ended: when
 * nobody wrote since, it has nothing to read.
 *
 * The checkpoint is used if it is of the same changelog (the uuid in the task's record), of a
 * position that is still there, and younger than half of what tombstones live
 * (delete.retention.ms), lest a deleted user come back; else it is dropped, with a log line.
 *
 * What is read of the changelog goes into the checkpoint, too, so that it has no holes when whoever
 * keeps it up (checkpointer.h) gets it: restore_checkpoint(). At the end, in the order of the keys:
 * the tail of the changelog into one that was there (restore_tail.h), and all users into a new one
 * (restore_dump.h). A checkpoint that cannot be opened or written is a log line, and the task gets
 * none.
 *
 * Several cores open checkpoints, decode users (restore_window.h) and write: a crew that is there
 * while something is restored. What is restored does not depend on how many there are.
 *
 * Ownership: borrows learner and port; owns what it read of a task until restore_drop(). Threads:
 * the learner's, which waits for the crew: nothing of the learner changes meanwhile.
 */
#ifndef RESTORE_H
#define RESTORE_H

#include <stdbool.h>
#include <stdint.h>

#include "checkpoint.h"
#include "config.h"
#include "learner.h"
#include "ports.h"
#include "published.h"
#include "state_record.h"
#include "status.h"

/* Half of what tombstones live (delete.retention.ms as storage.c makes the topic): state that is
 * older, on disk or in memory, may have users whose tombstones are gone. */
enum { RESTORE_TOMBSTONES_MS = 43200000 };

struct restore; /* opaque */

/* What the task's own record said. */
struct restored {
    bool exists;            /* a task record was read                                    */
    bool resumed;           /* it began with what is in memory; without a record: that stands */
    struct state_task task; /* valid until restore_drop()      */
    int64_t next;           /* of the changelog: what comes from here on is not in memory */
    uint64_t users;         /* user records read, tombstones too */
    /* Whose lists `published` does not cover: everybody's; else those of (n_uncovered,) users, some
     * more than once. Resumed: of what was read since. Valid until restore_drop(). */
    bool all_uncovered;
    const uint64_t *uncovered;
    size_t n_uncovered;
};

/** @param log  of crossrec-state. @return ST_OK, ST_NOMEM */
MUST_CHECK enum status restore_new(const struct config *cfg, struct learner *learner,
                                   const struct log_port *log, struct restore **out);
void restore_free(struct restore *r);

/** Begins with an open task of the learner. @param from  where its state in memory ends, -1: there
 *  is none, or none that counts (the task is emptied). @param uuid  of the changelog that it is of;
 *  when the task's record says another, everything is read again. @param published  copied: what
 *  stands in Redis, see struct restored. @return ST_OK, ST_NOMEM */
MUST_CHECK enum status restore_begin(struct restore *r, uint32_t task, int64_t from,
                                     const uint8_t uuid[16], const struct published *published);
/** Gives up, or ends: what is known of the task is forgotten here. */
void restore_drop(struct restore *r, uint32_t task);

/** Reads on for about slice_ms. @param err  out, CONFIG_ERROR_MAX bytes. @return ST_OK, ST_INVALID
 *  (damaged, of a later version, positions that are gone: err says what to type), ST_NOMEM */
MUST_CHECK enum status restore_take(struct restore *r, int slice_ms, char *err);

/** Is it done? */
bool restore_done(struct restore *r, uint32_t task, struct restored *out);
/** The task's checkpoint, which holds everything up to restored.next and is the caller's from now
 *  on; NULL: it has none. */
struct checkpoint *restore_checkpoint(struct restore *r, uint32_t task);
/** Whether records of a changelog are waited for or taken. */
bool restore_reads(const struct restore *r);
/** Share of what restoring tasks have to read that was read; 1: nothing. */
double restore_progress(const struct restore *r);

#endif
