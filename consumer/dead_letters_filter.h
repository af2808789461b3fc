/* SPDX-License-Identifier: Apache-2.0
 *
 * dead_letters_filter.h -- what a record of the dead-letter topic says, and which of them somebody
 * asks for. Pure.
 *
 * The topic holds letters, as letter.c writes them (headers topic, partition, offset, timestamp,
 * reason, detail; schema-id, truncated-from), and marks: records without a value whose header
 * `redriven` = PARTITION:OFFSET names a letter that was put back into its topic.
 *
 * Plain values; texts are views of the headers. Of a header that stands twice the last counts.
 */
#ifndef DEAD_LETTERS_FILTER_H
#define DEAD_LETTERS_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "ports.h"
#include "status.h"

struct place { /* of a record in the dead-letter topic */
    int32_t partition;
    int64_t offset;
};

enum dead_kind {
    DEAD_FOREIGN, /* neither: a header of a letter is missing or cannot be read */
    DEAD_LETTER,
    DEAD_MARK,
};

struct dead_letter {
    char topic[CONFIG_NAME_MAX]; /* where the record came from */
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms; /* the record's; -1 unknown */
    const char *reason;   /* code, not terminated     */
    const char *detail;   /* not terminated; may be "" */
    size_t reason_len, detail_len;
    bool truncated;        /* only the beginning of its value was kept */
    struct place redriven; /* DEAD_MARK: the letter                    */
};

/** Reads headers. `out` is set as far as the kind says. */
enum dead_kind dead_letter_read(const struct header *headers, size_t n, struct dead_letter *out);

/** PARTITION:OFFSET in decimal, both of them at least 0; not terminated.
 *  @return ST_OK, ST_INVALID */
MUST_CHECK enum status dead_place_parse(const char *text, size_t len, struct place *out);

/* ---- which ones ---------------------------------------------------------------------------- */

struct dead_filter {   /* dead_filter_all() takes every letter */
    uint64_t reasons;  /* bit k: enum intake_reason k; 0: any  */
    const char *topic; /* NULL: any                            */
    int64_t since_ms;  /* INT64_MIN: from the first on         */
    int64_t until_ms;  /* before it; INT64_MAX: to the last    */
};

struct dead_filter dead_filter_all(void);

/** Adds reasons, by code; several stand between commas.
 *  @param err  out: which one there is not, and the nearest that there is
 *  @return ST_OK, ST_INVALID with err set and *f untouched */
MUST_CHECK enum status dead_filter_reasons(struct dead_filter *f, const char *codes, char *err,
                                           size_t err_len);

/** @param when_ms  when it became a dead letter: the letter's own timestamp */
bool dead_filter_takes(const struct dead_filter *f, const struct dead_letter *letter,
                       int64_t when_ms);

/* ---- times --------------------------------------------------------------------------------- */

enum { DEAD_TIME_MAX = 32 };

/** RFC 3339 (2026-05-01T12:00:00Z; a date alone is its first moment, no zone is UTC), or so long
 *  ago: 30s, 15m, 2h, 7d.
 *  @return ST_OK, ST_INVALID */
MUST_CHECK enum status dead_time_parse(const char *text, int64_t now_ms, int64_t *out);

/** 2026-05-01T12:00:00.123Z in buf, DEAD_TIME_MAX bytes; "unknown" below 0 and after 9999. */
const char *dead_time_text(int64_t ms, char *buf);

#endif
