/* SPDX-License-Identifier: Apache-2.0
 *
 * checkpoint.h -- a copy on disk of what a task has in the changelog, so that taking the task over
 * reads the end of the changelog only (LMDB; checkpoint.c).
 *
 *     <dir>/<task>/data.mdb   key -> record, both as in the changelog (state_record.h), and a mark:
 *                             up to where of which changelog, and when
 *     <dir>/<task>/lock       held, with the process id in it, as long as it is open
 *
 * It is a copy: whatever is wrong with it, checkpoint_wipe() it and restore from the changelog. So
 * it need not have the last commit after a power failure, but never half of one, nor a mark that
 * is ahead of its records: MDB_NOMETASYNC syncs the pages of a commit before the meta page that
 * names them is written, and leaves that to the next commit. (MDB_NOSYNC would let the disk write
 * the meta page first.)
 *
 * A file that was cut or damaged is found before LMDB maps it (checkpoint_file.h), which reads it
 * once: about as long as a restore reads it, and then it is in memory. Whoever cuts it while it is
 * open is noticed with the next begin or walk. LMDB's own lock file is not used: it is mapped, and
 * writing to it ends the process where the disk is full. One process is ensured by flock(2).
 *
 * The map grows by itself: a commit that does not fit is done again in a larger one, which is why
 * what was put since begin is kept in memory, too. The file never shrinks.
 *
 * Ownership: owns environment, lock and memory. Threads: one at a time. The learner's reads while a
 * task is restored and hands it over; from then on the committer's writes. Folders and files are
 * for their owner only (0700, 0600).
 */
#ifndef CHECKPOINT_H
#define CHECKPOINT_H

#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "status.h"

enum {
    CHECKPOINT_FORMAT = 1,
    CHECKPOINT_KEY_MAX = 511, /* bytes of a key; 1 at least */
};

#define CHECKPOINT_MAP_DEFAULT (UINT64_C(64) << 30)

struct checkpoint; /* opaque */

struct checkpoint_mark {
    uint8_t uuid[16]; /* of the changelog: another one is another story */
    int64_t offset;   /* of the changelog's partition, to be read next   */
    int64_t wall_ms;  /* when it was made                               */
    uint32_t format;  /* CHECKPOINT_FORMAT                              */
};

/**
 * Opens that of a task, or makes an empty one, folders included.
 *
 * @param map_size_max  bytes that the file may grow to; 0: CHECKPOINT_MAP_DEFAULT
 * @param err           out, CONFIG_ERROR_MAX bytes: which path, what is wrong, what to do
 * @return ST_OK; ST_INVALID (damaged or cut: wipe it); ST_RANGE (a later version made it: wipe it,
 *         unless that version is to go on with it); ST_AGAIN (another process has it, err says
 *         which); ST_IO (no right, no room, a disk that does not read); ST_NOMEM
 */
MUST_CHECK enum status checkpoint_open(const char *dir, uint32_t task, uint64_t map_size_max,
                                       struct checkpoint **out, char *err);
/** What was not committed is gone. NULL is allowed. */
void checkpoint_close(struct checkpoint *c);
/** Closes it and deletes the folder. @return ST_OK, ST_IO (err; it is closed all the same) */
MUST_CHECK enum status checkpoint_drop(struct checkpoint *c, char *err);
/** Deletes the folder of one that is not open, whatever is in it. @return ST_OK (also if there was
 *  none), ST_AGAIN, ST_IO (err) */
MUST_CHECK enum status checkpoint_wipe(const char *dir, uint32_t task, char *err);

/* ---- writing ----------------------------------------------------------------------------- */

/* A commit is begun, gets any number of puts and deletions, best in the order of their keys, and is
 * committed, or given up by whatever fails: then nothing of it is there, the rest of it answers
 * with the same status, and checkpoint_problem() has the text.
 *
 * All return ST_OK; ST_IO (no room on the disk, or it does not write); ST_RANGE (it has grown to
 * map_size_max); ST_INVALID (none was begun, or one was; a key that may not be; the file was cut);
 * ST_NOMEM. */

MUST_CHECK enum status checkpoint_begin(struct checkpoint *c);
MUST_CHECK enum status checkpoint_put(struct checkpoint *c, const void *key, size_t key_len,
                                      const void *value, size_t value_len);
/** No such key is ST_OK. */
MUST_CHECK enum status checkpoint_del(struct checkpoint *c, const void *key, size_t key_len);
/** mark->format must be CHECKPOINT_FORMAT (ST_RANGE). */
MUST_CHECK enum status checkpoint_commit(struct checkpoint *c, const struct checkpoint_mark *mark);
/** The same, but not to the disk before the next checkpoint_commit(): after a power failure all of
 *  it may be damaged. For one that says to have nothing, while it is made. */
MUST_CHECK enum status checkpoint_commit_soon(struct checkpoint *c,
                                              const struct checkpoint_mark *mark);
/** Gives up what was begun, if anything was. */
void checkpoint_abort(struct checkpoint *c);

/* ---- reading: not between begin and commit ----------------------------------------------- */

/** @return ST_OK, ST_NOT_FOUND (nothing was ever committed) */
MUST_CHECK enum status checkpoint_mark(const struct checkpoint *c, struct checkpoint_mark *out);

/** Hands over every record in the order of the keys (bytes), until `each` returns another status
 *  than ST_OK, which is returned then. Views until the next call with c, which `each` must not
 *  make.
 *  @return ST_OK, ST_INVALID, ST_IO, ST_NOMEM, or what `each` returned */
MUST_CHECK enum status checkpoint_each(struct checkpoint *c,
                                       enum status (*each)(void *ctx, const uint8_t *key,
                                                           size_t key_len, const uint8_t *value,
                                                           size_t value_len),
                                       void *ctx);

struct checkpoint_verdict {
    uint64_t records, bytes;         /* bytes: of keys and values */
    uint64_t bad, later;             /* damaged; of a later format or kind */
    uint8_t key[CHECKPOINT_KEY_MAX]; /* (key_len,) of the first of these; key_len 0: none */
    size_t key_len;
};

/** Looks at the envelope of every record. @return ST_OK (whatever it found), else as
 *  checkpoint_each() */
MUST_CHECK enum status checkpoint_verify(struct checkpoint *c, struct checkpoint_verdict *out);

/** How many records there are. */
uint64_t checkpoint_records(const struct checkpoint *c);
/** Bytes of the file. */
uint64_t checkpoint_bytes(const struct checkpoint *c);
/** Text of the last failure, with the path and what to do; "" if nothing failed. Valid until the
 *  next call. */
const char *checkpoint_problem(const struct checkpoint *c);

#endif
