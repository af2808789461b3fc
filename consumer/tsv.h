/* SPDX-License-Identifier: Apache-2.0
 *
 * tsv.h -- event files: `ts domain user item [action quantity amount discount]`, tab-separated.
 *
 *     ts        seconds since the epoch (fractions allowed), or milliseconds if >= 1e11;
 *               up to the year 9999
 *     domain    1 to TSV_DOMAIN_MAX - 1 bytes;   user, item   1 to ID_LEN_MAX bytes
 *     action    name of enum action in any case; "" or missing: the reader's default
 *     quantity  >= 0, missing: 1        amount, discount  >= 0, missing: 0
 *
 * Lines of equal user, ts, domain and action that follow one another are one event (an order),
 * at most EVENT_LINES_MAX lines; what is more begins another event. Empty lines and lines that
 * begin with # are skipped; a bad line is counted and named (file:line: why) up to a limit.
 * Gzip and xz are not read: decompress first.
 *
 * Ownership: the event returned is borrowed until the next call. Threads: one.
 */
#ifndef TSV_H
#define TSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalogue.h" /* of the items: for whoever reads event files */
#include "decoded.h"
#include "status.h"

enum { TSV_DOMAIN_MAX = 64, TSV_BAD_SHOWN = 10 };

struct tsv_event {
    /* event_id is made of the file position and the text of the event's first line: the same
     * file, the same ids, and other files others. action is ACTION_VIEW if has_action is false. */
    struct decoded event;
    char domain[TSV_DOMAIN_MAX];
    bool has_action;
};

struct tsv; /* opaque */

/** "-" is standard input. @param err  out: why not. @return ST_OK, ST_IO, ST_NOMEM */
MUST_CHECK enum status tsv_open(const char *path, struct tsv **out, char *err, size_t err_len);
void tsv_close(struct tsv *t);

/** The next event; false at the end. Bad lines go to stderr (the first TSV_BAD_SHOWN). */
bool tsv_next(struct tsv *t, struct tsv_event **out);

/** The next line, as an event of its own: lines are not joined. A reader calls this or tsv_next(),
 *  not both. */
bool tsv_next_line(struct tsv *t, struct tsv_event **out);
/** The line of the last tsv_next_line() is bad after all, for a reason that a reader has: it is
 *  named and counted as the others are. */
void tsv_refuse(struct tsv *t, const char *why);

/** ST_IO if the file could not be read to its end (the reason went to stderr), else ST_OK. */
enum status tsv_status(const struct tsv *t);

/** So far. */
uint64_t tsv_lines(const struct tsv *t);
uint64_t tsv_bad(const struct tsv *t);
/** Bytes read so far and of the whole file (0 for a pipe): progress. */
uint64_t tsv_bytes(const struct tsv *t);
uint64_t tsv_size(const struct tsv *t);

/** One pass over a file, silent about bad lines: its domains in order of appearance, events,
 *  lines. Standard input cannot be read twice: ST_IO.
 *  @return ST_OK, ST_IO, ST_NOMEM, ST_RANGE (more domains than `max`) */
MUST_CHECK enum status tsv_scan(const char *path, char (*domains)[TSV_DOMAIN_MAX], size_t max,
                                size_t *n_domains, uint64_t *n_events, uint64_t *n_lines, char *err,
                                size_t err_len);

#endif
