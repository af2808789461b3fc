/* SPDX-License-Identifier: Apache-2.0
 *
 * dead_letters_read.h -- the dead-letter topic, read whole: once for the marks, then once more for
 * the letters.
 *
 * The end is that of the first reading: what is written meanwhile (marks, and letters that come
 * back) is not read. Kept in memory: the marks' places, and an offset a partition.
 *
 * Ownership: owns its reader and what it remembers. Threads: one.
 */
#ifndef DEAD_LETTERS_READ_H
#define DEAD_LETTERS_READ_H

#include "config.h"
#include "dead_letters_filter.h"
#include "dead_letters_places.h"
#include "kafka.h"

enum { DEAD_HEADERS_MAX = 32 };

struct dead_letters {
    const struct config *cfg;
    struct kafka_reader *reader;
    struct places redriven;
    int64_t *ends; /* (n_ends,) by partition: after the last record of the first reading */
    size_t n_ends;
    uint64_t letters, marks, foreign; /* of the first reading */
    uint64_t taken;                   /* letters that the filter takes, likewise */
};

/** A record of the second reading: a letter, or one that is none. Views until it returns. */
struct dead_record {
    const struct record *record;
    const struct header *headers; /* (n_headers,) */
    size_t n_headers;
    enum dead_kind kind; /* DEAD_LETTER or DEAD_FOREIGN */
    struct dead_letter letter;
    struct place place;
    bool redriven;
};

/** Reads the marks. @param err  out, CONFIG_ERROR_MAX bytes
 *  @return ST_OK, ST_INVALID, ST_IO (both said in err), ST_NOMEM; dead_letters_close() it anyhow */
MUST_CHECK enum status dead_letters_open(struct dead_letters *d, const struct config *cfg,
                                         const struct dead_filter *filter, char *err);
void dead_letters_close(struct dead_letters *d);

/** Hands each letter and each foreign record to `each`, in the order of their partitions, until it
 *  returns false.
 *  @return ST_OK, ST_IO (nothing came for a minute; err) */
MUST_CHECK enum status dead_letters_each(struct dead_letters *d,
                                         bool (*each)(void *ctx, const struct dead_record *r),
                                         void *ctx, char *err);

#endif
