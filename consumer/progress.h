/* SPDX-License-Identifier: Apache-2.0
 *
 * progress.h -- how far a long work is, on stderr: a line that is drawn again and again on a
 * terminal, sparse lines elsewhere.
 *
 *     [#########...........]  45 %  634,000 of 1,410,000 events  212,000/s  4 s left
 *     634,000 events  212,000/s
 *
 * The second form is that of a total that is unknown. Plain value. Threads: one.
 */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PROGRESS_LINE_MAX = 160, PROGRESS_NUMBER_MAX = 28 };

struct progress {
    int64_t start_ms, shown_ms; /* monotonic; shown_ms -1: never */
    uint64_t total;             /* 0: unknown                    */
    bool terminal;              /* redraw one line with \r       */
};

/** Starts; a terminal gets a bar at most ten times a second, anything else a line every ten
 *  seconds. */
void progress_start(struct progress *p, uint64_t total);

/** Shows if due; `what` is the unit ("events"). last: ends the bar of a terminal; elsewhere
 *  it shows the end if anything was shown before. */
void progress_show(struct progress *p, uint64_t done, const char *what, bool last);

/** The line after elapsed_ms; len bytes, cut if it is longer. */
void progress_line(const struct progress *p, int64_t elapsed_ms, uint64_t done, const char *what,
                   char *buf, size_t len);

/** 1,410,000 in buf, PROGRESS_NUMBER_MAX bytes. Returns buf. */
const char *progress_number(uint64_t n, char *buf);

#endif
