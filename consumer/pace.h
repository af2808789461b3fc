/* SPDX-License-Identifier: Apache-2.0
 *
 * pace.h -- when the next event is due: as fast as possible, `speed` times as fast as the
 * events happened, or `rate` events a second (both: whichever is later).
 *
 * The schedule is absolute: whoever was held up catches up.
 *
 * Plain value, zero-initialised but for speed and rate. Threads: one.
 */
#ifndef PACE_H
#define PACE_H

#include <stdint.h>

#include "status.h"

struct pace {
    double speed;           /* > 0: event time runs this many times as fast as the wall clock */
    double rate;            /* > 0: events a second                                            */
    int64_t start_ms;       /* monotonic; set at the first event */
    int64_t first_event_ms; /* event time of the first event     */
    uint64_t n;             /* events asked about                */
};

/** Milliseconds to wait before the next event, whose time is ts_ms; 0: now. To be called
 *  once for each event. */
int64_t pace_wait_ms(struct pace *p, int64_t now_mono_ms, int64_t ts_ms);

/** "3600x", "1.5x", "3600" -> speed, > 0. @return ST_OK or ST_INVALID */
MUST_CHECK enum status pace_parse_speed(const char *text, double *out);

#endif
