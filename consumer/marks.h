/* SPDX-License-Identifier: Apache-2.0
 *
 * marks.h -- what the publisher knows of each task: what `published` must hold at least, and
 * which newer owner the learner has been told of.
 *
 * Ownership: owns its table. Threads: one. No I/O.
 */
#ifndef MARKS_H
#define MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mark {
    int32_t task;
    bool known; /* (epoch, seq) of `published` as written or read last */
    uint64_t epoch, seq;
    uint64_t fenced_epoch; /* the newest that an ACK_FENCED told; 0: none */
};

/** Zero-initialised: empty. */
struct marks {
    struct mark *table; /* (n,) */
    size_t n, size;
};

/** The mark of a task, made if there is none; NULL without memory: nothing is known then.
 *  Valid until the next call for another task. */
struct mark *marks_of(struct marks *m, int32_t task);

/** Some task of which `published` is known, NULL if there is none. */
const struct mark *marks_any(const struct marks *m);

/** Forgets what `published` holds, of all tasks: so that one loss is counted once. */
void marks_forget(struct marks *m);

/**
 * True if `value`, which stands in `published` (NULL: nothing does), is older than the mark
 * says or no value of ours: what was written is gone. Newer is no loss: an answer that got
 * lost, or another owner.
 */
bool mark_is_lost(const struct mark *m, const char *value, size_t len);

void marks_free(struct marks *m);

#endif
