/* SPDX-License-Identifier: Apache-2.0
 *
 * demo_text.h -- numbers and times as people read them. Pure; each writes into `buf`
 * (DEMO_TEXT_MAX,) and returns it. Threads: any.
 */
#ifndef DEMO_TEXT_H
#define DEMO_TEXT_H

#include <stdint.h>

#include "event.h"

enum { DEMO_TEXT_MAX = 32 };

/** "8.3 ms", "38 ms", "1.2 s"; "-" for none (below 0, NaN). */
const char *demo_text_time(double s, char *buf);
/** "0.496"; "-" for none. */
const char *demo_text_share(double share, char *buf);
/** At most 6 characters: "2,511", "19,990", "204k", "1.41M", "71.2G". */
const char *demo_text_short(double n, char *buf);
/** Of event time: "2026-03-17", "03-17 12:30"; "-" for none (0). */
const char *demo_text_day(int64_t ms, char *buf);
const char *demo_text_minute(int64_t ms, char *buf);
/** "0:07", "12:30", "1:02:03". */
const char *demo_text_clock(int64_t ms, char *buf);
/** "ordered", "enrolled in"; static. */
const char *demo_text_verb(enum action a);

#endif
