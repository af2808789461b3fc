/* SPDX-License-Identifier: Apache-2.0
 *
 * checkpoint_folder.h -- the folder of a task's checkpoint, and that one process has it.
 *
 *     <dir>/<task>/data.mdb
 *     <dir>/<task>/lock      locked with flock(2); says the process id
 *
 * Internal to checkpoint.c. A struct that was released, or is all zero with fd -1, owns nothing.
 * Threads: one.
 */
#ifndef CHECKPOINT_FOLDER_H
#define CHECKPOINT_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "checkpoint_file.h"
#include "config.h"
#include "status.h"

enum { CHECKPOINT_PATH_MAX = CONFIG_VALUE_MAX + 32 };

struct checkpoint_folder {
    char path[CHECKPOINT_PATH_MAX]; /* <dir>/<task> */
    char data[CHECKPOINT_PATH_MAX]; /* data.mdb in it */
    char lock[CHECKPOINT_PATH_MAX];
    int fd; /* of the lock; taken: >= 0 */
    bool taken;
};

bool checkpoint_folder_exists(const char *dir, uint32_t task);

/** Makes it, and those above, and locks it. @param err  out, CONFIG_ERROR_MAX bytes
 *  @return ST_OK; ST_AGAIN (another has it, err says who); ST_IO; ST_RANGE (dir is too long) */
MUST_CHECK enum status checkpoint_folder_take(const char *dir, uint32_t task,
                                              struct checkpoint_folder *out, char *err);
/** Unlocks it. */
void checkpoint_folder_release(struct checkpoint_folder *f);
/** Deletes what was taken; it stays locked until it is released. @return ST_OK, ST_IO (err) */
MUST_CHECK enum status checkpoint_folder_delete(struct checkpoint_folder *f, char *err);

/** checkpoint_file_look() at data.mdb; there is none: as an empty one. */
MUST_CHECK enum status checkpoint_folder_look(const struct checkpoint_folder *f,
                                              struct checkpoint_file *out, char *why,
                                              size_t why_len);

#endif
