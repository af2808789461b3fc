/* SPDX-License-Identifier: Apache-2.0
 *
 * mapping_time.h -- times as text, and years.
 *
 * Threads: pure functions.
 */
#ifndef MAPPING_TIME_H
#define MAPPING_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** RFC 3339: 2026-03-01T12:30:00.250+01:00. Without an offset it is UTC; also with a space for
 *  the T, without seconds, and the date alone. A second 60 is the next minute's first.
 *  @param ms  out, since 1970-01-01T00:00:00Z
 *  @return false: no time, *ms as it was */
bool mapping_time_parse(const char *text, size_t len, int64_t *ms);
/** The year of a time, UTC. */
int64_t mapping_time_year(int64_t ms);

#endif
