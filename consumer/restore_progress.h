/* SPDX-License-Identifier: Apache-2.0
 *
 * restore_progress.h -- how far a start is that reads state back: a bar on a terminal, a log line
 * every five seconds elsewhere.
 *
 *     [#########...........]  45 %  users and tasks: 450,000 records  212,000/s  3 s left
 *     level=info msg="reading state" what="users and tasks" percent=45 records=450000 ...
 *
 * A start of less than a second shows nothing. Records are those since the last start of a
 * restore; how many there are in all nobody knows (compaction), so the time left is judged by
 * the share of offsets that was passed.
 *
 * Plain value, all zero but for `terminal`. Threads: one.
 */
#ifndef RESTORE_PROGRESS_H
#define RESTORE_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RESTORE_LINE_MAX = 160 };

struct restore_meter {
    bool terminal;    /* redraw one line of stderr */
    bool active;      /* something is being read   */
    bool drawn;       /* a bar stands there        */
    const char *what; /* borrowed, a literal       */
    int64_t start_ms, shown_ms;
    uint64_t start_records;
};

/** For stderr as it is. */
void restore_progress_start(struct restore_meter *m);

/**
 * Shows it when it is due.
 * @param what     what is being read, NULL: nothing (any more)
 * @param share    that was read, 0..1
 * @param records  read since the process began
 */
void restore_progress_show(struct restore_meter *m, int64_t now_ms, const char *what, double share,
                           uint64_t records);

/** Seconds left at this pace; -1: nobody can say yet. */
int64_t restore_progress_left_s(double share, int64_t elapsed_ms);

/** The line of a terminal; cut if it is longer than len. */
void restore_progress_line(const char *what, double share, uint64_t records, int64_t elapsed_ms,
                           char *buf, size_t len);

#endif
