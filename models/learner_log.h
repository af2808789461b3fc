/* SPDX-License-Identifier: Apache-2.0
 *
 * learner_log.h -- one model that several learners share through a log.
 *
 * learner_params.log = true. What a batch teaches enters the local view at once, as ever; others
 * hear of it when the batch is committed: learner_seal() names it and learner_log_write() makes its
 * record (log_record.h), which whoever commits puts into the log. Every learner then reads the
 * whole log in order, with learner_log_apply():
 *
 *     view = what the log says + pending deltas         pending: own, not seen in the log yet
 *
 *     another's record    its increments enter the view
 *     one's own (by name) its delta stops to be pending: the view has it
 *     then, for all alike, author included, what is not a sum: S, centroids, landmarks, pruning,
 *     seeds, the task's published nets and their mean: from the log's state alone. Where a step
 *     looks at sums (a landmark's move, the choice of neighbours to prune), what is pending is
 *     taken out of the sums concerned first and put back after. A record prunes one list in four
 *     of those that are too long: which ones follows from its offset and their items' hashes.
 *
 * So learners at the same log end with nothing pending hold the same bits of all sums, centroids
 * and published nets; factors after learner_solve_all(), lists after learner_derive().
 *
 * Differences to the loop-back (params.log = false):
 *   - a full mini-batch is not applied but added to the sums of the batch under way;
 *   - a batch carries its task's nets if those of its last record with nets were seen in the log
 *     and the task has learned 256 events since (MODELS.md section 6). When a record with nets of
 *     a task is applied, mean = the mean of all tasks' latest nets, weighted by the steps since
 *     the ones before (quiet since the task's last: 0). The task's ranker moves by mean - nets of
 *     that record: what it learned meanwhile stays. Whoever takes the task over with a record
 *     (task_record.h) from before that move makes the same move: learner_restore_task().
 *   - time landmarks move by LOG_LANDMARK only. One is due after POP_MOVE half-lives; learning
 *     answers ST_AGAIN, nothing changed, when an event cannot be weighed before one more is applied
 *     (POP_LIMIT half-lives ahead): write a landmark record at learner_landmark_wanted() and go on
 *     when it was applied. Applying one twice changes nothing. The landmark of obs moves by itself.
 *   - seeds come by LOG_SEEDS; one author: whoever has task 0 asks learner_seeds_due().
 *
 * A record is applied once, in the order of the log; `offset` grows. A record that cannot be read
 * changes nothing and is an error of the operator's (a later version wrote it).
 *
 * Threads: the learner's.
 */
#ifndef LEARNER_LOG_H
#define LEARNER_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "learner.h"
#include "log_record.h"
#include "pack.h"
#include "snapshot.h"

/** Names the batch that learner_seal() closes next, until it is named otherwise: {task, epoch,
 *  number}; number grows by 1 with each seal. Of an open task. */
void learner_name_batches(struct learner *l, uint32_t task, uint64_t epoch, uint64_t next_batch);

/** Appends the record of the newest sealed batch of a task. p->len unchanged: it teaches nothing
 *  and needs no record (then nothing of it is pending). p->failed: out of memory. */
void learner_log_write(struct learner *l, uint32_t task, struct pack *p);

/** A record of the log. @return ST_OK; ST_INVALID, ST_RANGE (cannot be read); ST_NOMEM (applied in
 *  part: begin anew) */
MUST_CHECK enum status learner_log_apply(struct learner *l, const void *bytes, size_t len,
                                         uint64_t offset);
/** Offset of the last applied record + 1; 0: none. */
uint64_t learner_log_position(const struct learner *l);
/** Deltas that are committed and were not seen in the log yet, and their bytes. */
size_t learner_log_pending(const struct learner *l, size_t *bytes);

/** The time that a landmark record is to name, if one is due (or was needed by the last
 *  learner_learn()); false: none. */
bool learner_landmark_wanted(const struct learner *l, int64_t *at_ms);

/** Seeds or a review are due: appends a LOG_SEEDS record to p if there are to be other segments.
 *  Asked by the owner of task 0 once a commit; a review that changes nothing is remembered.
 *  @return ST_OK (p->len may be unchanged), ST_NOMEM */
MUST_CHECK enum status learner_log_seeds(struct learner *l, struct pack *p);

/** Every item's factors anew, in the order of the hashes: the same bits on every learner at the
 *  same log end with nothing pending. */
void learner_solve_all(struct learner *l);
/** The same, and whatever else follows from sums and rows but depends on the way while events come:
 *  recent items, tops of categories, which items are the newest of a domain. So learners that have
 *  read the same log, with nothing pending, the same rows and rules, and the same durable user and
 *  task, rank the same list at the same time. (Items never taken, of which no row says when they
 *  came, stay in the order in which they did.) What there is no memory for stays as it is. */
void learner_derive(struct learner *l);

/* ---- state of tasks -------------------------------------------------------------------- */

/** Appends the durable form of a user of the newest sealed batch, k of learner_sealed_users(), as
 *  he is now; *user: the hash. False: he is not there any more (a tombstone is due). */
size_t learner_sealed_users(const struct learner *l, uint32_t task);
bool learner_sealed_user(struct learner *l, uint32_t task, size_t k, uint64_t *user,
                         struct pack *p);
/** Appends the durable form of the task as of the newest seal. */
void learner_sealed_task(struct learner *l, uint32_t task, struct pack *p);

/** Puts a user into a task that runs not yet; a later record of him replaces it; bytes NULL: a
 *  tombstone. @return ST_OK; ST_INVALID, ST_RANGE (user_record.h; a user id that does not hash to
 *  `user`: see hash_of); ST_NOMEM */
MUST_CHECK enum status learner_restore_user(struct learner *l, uint32_t task, uint64_t user,
                                            const void *bytes, size_t len);
/** The same in two steps, of which the first changes nothing: any number of threads may take it at
 *  once while nobody else does anything with the learner.
 *  @param room      (user_record_room(),) out: his block. @param voted_in  out, goes with it
 *  @return as learner_restore_user(), never ST_NOMEM; ST_NOT_FOUND: he has what is not known yet,
 *          learner_restore_user() must take him */
MUST_CHECK enum status learner_read_user(const struct learner *l, uint64_t user, const void *bytes,
                                         size_t len, void *room, uint64_t *voted_in);
/** Puts a copy of `u`, as read by learner_read_user(), into the task. @return ST_OK, ST_NOMEM */
MUST_CHECK enum status learner_put_user(struct learner *l, uint32_t task, uint64_t user,
                                        const struct user *u, uint64_t voted_in);

/** Appends the durable form of the user of a slot, as he is; never one who was taken away. Any
 * number of threads may at once while nobody changes the learner. */
void learner_write_user(const struct learner *l, uint32_t task, uint32_t slot, struct pack *p);

/** So many users will be put at most, or this one soon: only speed. @return ST_OK, ST_NOMEM */
MUST_CHECK enum status learner_expect_users(struct learner *l, uint32_t task, uint64_t n);
void learner_expect_user(const struct learner *l, uint32_t task, uint64_t user);

/** Puts the task's own record in, and makes the move to the mean that its nets have had since, if
 *  that is in the log already (else it is made when the log has it).
 *  @return ST_OK; ST_INVALID, ST_RANGE (task_record.h) */
MUST_CHECK enum status learner_restore_task(struct learner *l, uint32_t task, const void *bytes,
                                            size_t len);

/* ---- snapshot -------------------------------------------------------------------------- */

/* Pieces of snapshot.h as of learner_log_position(), with the log's own clock behind them: where
 * the landmarks stand and how many events it has had, so that whoever begins with any piece goes on
 * as all others. The nets' is the learner's own:
 *
 *     head | epoch, batch, log offset + 1 of their record, steps | nets | 0, or 1, pace, mean
 *
 * Each function writes the log's state: what is pending is taken out first and put back. Nets of
 * all tasks and the globals are to be written at one position: a mean is of the latest of all. */

typedef void learner_piece_fn(void *arg, const struct snapshot_head *head, const void *bytes,
                              size_t len);

/** Writes items (categories) from..from+n-1, as far as they exist and the log knows of them, by
 *  one pass over what is pending. @return ST_OK, ST_NOMEM (begin anew) */
MUST_CHECK enum status learner_snapshot_items(struct learner *l, uint32_t from, uint32_t n,
                                              learner_piece_fn *f, void *arg);
MUST_CHECK enum status learner_snapshot_categories(struct learner *l, uint32_t from, uint32_t n,
                                                   learner_piece_fn *f, void *arg);
/** Appends one of them. @return ST_OK (p->len unchanged: the log does not know it); ST_NOMEM */
MUST_CHECK enum status learner_snapshot_item(struct learner *l, uint32_t item, struct pack *p);
MUST_CHECK enum status learner_snapshot_category(struct learner *l, uint32_t category,
                                                 struct pack *p);
MUST_CHECK enum status learner_snapshot_globals(struct learner *l, const char *options,
                                                size_t options_len, struct pack *p);
/** p->len unchanged: the task has published none. */
MUST_CHECK enum status learner_snapshot_nets(struct learner *l, uint32_t task, struct pack *p);

/** Appends the log's clock as of learner_log_position(). Whoever is to read the log from there on
 *  begins with it, since the pieces of that position may have been replaced by later ones. */
void learner_snapshot_clock(const struct learner *l, struct pack *p);
/** Of a learner that has read nothing. @return ST_OK, ST_INVALID (damaged) */
MUST_CHECK enum status learner_snapshot_begin(struct learner *l, const void *bytes, size_t len);

/** Announces a piece, of a learner without events: of what it holds nothing is taken from the log
 *  until it is loaded. Pieces are loaded in the order of their positions, those with position <= x
 *  before the record at offset x is applied.
 *  @return ST_OK, ST_INVALID (domain, task), ST_RANGE, ST_NOMEM */
MUST_CHECK enum status learner_snapshot_await(struct learner *l, const struct snapshot_head *head);
/** @return as snapshot_load() */
MUST_CHECK enum status learner_snapshot_load(struct learner *l, const void *bytes, size_t len);
/** All pieces are loaded: what follows from them is derived (learner_derive()). @return ST_OK,
 *  ST_INVALID (one that was announced was not loaded) */
MUST_CHECK enum status learner_snapshot_done(struct learner *l);

#endif
