/* SPDX-License-Identifier: Apache-2.0
 *
 * eval_report.h -- what `crossrec eval` found: a table for people, JSON with everything, CSV with
 * the windows.
 *
 * Threads: one.
 */
#ifndef EVAL_REPORT_H
#define EVAL_REPORT_H

#include <stdio.h>

#include "eval_catalogue.h"
#include "eval_options.h"
#include "eval_run.h"

struct eval_report {
    const struct eval_options *options;
    const struct eval_stream *stream;
    const struct eval_run *run;             /* with its score and windows */
    const struct eval_catalogue *catalogue; /* NULL: there was none       */
    uint32_t items[DOMAINS_MAX + 1];        /* known of each domain, and of all */
};

/** The domains that a report goes through: all (EVAL_DOMAINS) first where there are several, then
 *  each. Writes at most DOMAINS_MAX + 1; returns how many. */
uint32_t eval_report_domains(const struct eval_report *r, uint32_t domains[DOMAINS_MAX + 1]);
/** Its name; "*" for all. */
const char *eval_report_domain(const struct eval_report *r, uint32_t domain);

/** About 80 columns wide; long names of domains are cut. */
void eval_report_table(const struct eval_report *r, FILE *out);
/** One JSON document; docs/models.md describes it. A ratio of nothing is null. */
void eval_report_json(const struct eval_report *r, FILE *out);
/** line,ts,domain,model,n,recall@10: a row per window, domain (`*`: all) and model that ran. */
void eval_report_csv(const struct eval_report *r, FILE *out);

#endif
