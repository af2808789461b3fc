/* SPDX-License-Identifier: Apache-2.0
 *
 * eval_options.h -- the flags of `crossrec eval`, read and checked.
 *
 * Plain value; texts point into argv.
 */
#ifndef EVAL_OPTIONS_H
#define EVAL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli.h"
#include "eval_stream.h"

enum { EVAL_FLAGS = 17 };
extern const struct flag eval_flags[EVAL_FLAGS];

struct eval_options {
    const char *const *files; /* (n_files,) */
    size_t n_files;
    const char *json, *csv, *plot; /* where to; NULL: not asked for; json, csv "-": stdout */
    const char *catalogue, *category;
    char domains[DOMAINS_MAX][TSV_DOMAIN_MAX]; /* --domains */
    uint32_t n_domains;                        /* 0: all */
    bool repeats;                              /* in every domain */
    char repeats_in[DOMAINS_MAX][TSV_DOMAIN_MAX];
    uint32_t n_repeats_in;
    struct eval_mark from, to;
    const char *from_text, *to_text; /* as given, or NULL */
    bool orders, days;
    int64_t shuffle_seed, permute_seed; /* -1: not asked for */
    int64_t tasks, factors_every, bad_lines;
};

/** What is wrong goes to stderr, with what is allowed; false then. */
MUST_CHECK bool eval_options_read(const struct cli *cli, struct eval_options *out);

/** Policy of a domain of the stream. */
bool eval_options_repeats(const struct eval_options *o, const char *domain);

#endif
