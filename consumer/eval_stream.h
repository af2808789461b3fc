/* SPDX-License-Identifier: Apache-2.0
 *
 * eval_stream.h -- the event files of `crossrec eval`, whole in memory: one array of lines.
 *
 * Files are merged by the time of the line that each is at (equal times: in the order of the
 * files); a file keeps its own order, also where its times go backwards. Lines are counted over
 * the files as they are taken, from 1; comments, empty and bad lines are not counted. A line of
 * a domain that is not wanted is counted, and left out.
 *
 * The hashes are the live daemon's (hash.h). Of the second and every further file the event ids
 * are told apart, so that a file that is given twice is taken twice. A line without action is a
 * purchase.
 *
 * About 40 bytes a line, and the ids once. Ownership: plain, all zero to begin with, freed by
 * eval_stream_free(). Threads: one.
 */
#ifndef EVAL_STREAM_H
#define EVAL_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "eval_names.h"
#include "event.h"
#include "status.h"
#include "tsv.h"

struct eval_line {
    int64_t ts_ms;
    uint64_t id;         /* hash of the event id that tsv.h makes of the line */
    uint32_t user, item; /* indices of the names */
    float quantity, amount, discount;
    uint8_t domain, action;
};

struct eval_stream {
    struct eval_line *lines; /* (n,) */
    size_t n, cap;
    size_t from; /* the first line that is scored; n: none */
    struct eval_names users, items;
    char domains[DOMAINS_MAX][TSV_DOMAIN_MAX]; /* as wanted, else in order of appearance */
    uint32_t n_domains;
    uint64_t bad;      /* lines */
    uint64_t left_out; /* lines of other domains */
};

/* Where scoring begins, or reading ends. */
enum eval_mark_kind { EVAL_MARK_NONE, EVAL_MARK_LINES, EVAL_MARK_TIME };

struct eval_mark {
    enum eval_mark_kind kind;
    int64_t value; /* after so many lines; at the first line of this time (ms) or later */
};

struct eval_stream_spec {
    const char *const *paths; /* (n_paths,); "-" is standard input */
    size_t n_paths;
    const char (*domains)[TSV_DOMAIN_MAX]; /* wanted, (n_domains,); 0: all */
    uint32_t n_domains;
    struct eval_mark from, to; /* NONE: at once, at the end */
    uint64_t bad_max;          /* lines */
};

/** "160000" (lines, below 10^8), "1377099401", "1377099401000" (a time as in the files) or
 *  "2013-08-21" (its midnight, UTC). @return ST_OK, ST_INVALID */
MUST_CHECK enum status eval_mark_parse(const char *text, struct eval_mark *out);

/** Reads the files; what is wrong goes to stderr, with what to type.
 *  @return ST_OK; ST_IO; ST_INVALID (too many bad lines; a wanted domain that has no lines; no
 *  lines; none to score); ST_RANGE (more than DOMAINS_MAX domains); ST_NOMEM */
MUST_CHECK enum status eval_stream_read(struct eval_stream *s, const struct eval_stream_spec *spec);
void eval_stream_free(struct eval_stream *s);

/** Index of a domain, n_domains if there is none. */
uint32_t eval_stream_domain(const struct eval_stream *s, const char *name);

#endif
