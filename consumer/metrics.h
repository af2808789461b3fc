/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics.h -- counters, gauges and histograms, in Prometheus' conventions.
 *
 * metrics.def is the one table: id, kind, name, label, help. From it come the
 * enum below, /metrics (text format 0.0.4 of the Prometheus documentation), and
 * docs/metrics.md. Names carry their base unit (_seconds, _bytes, _total). A
 * metric has at most two labels, whose values are a small set given at start (domains,
 * topics, reasons); a user or item id is never a label. Two are one in the table, with a comma,
 * "domain,slice", and so are their values, "food,cold".
 *
 * Threads: any may add and read; values are relaxed atomics, so a reader sees each number
 * whole but not all of them at one instant.
 */
#ifndef METRICS_H
#define METRICS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "status.h"

enum { METRIC_LABELS_MAX = 64 };

enum metric {
#define METRIC(id, kind, name, label, help) id,
#include "metrics.def"
#undef METRIC
    METRICS
};

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

/* Histograms: seconds, buckets of 1 ms and 1.5 ms, times 2^k, up to 2^20 ms (about 17 minutes), and
 * +Inf. */
enum { METRIC_BUCKETS = 42 };

/** Names the label values of a metric (copied): values[i] is label index i. Call before
 *  threads start. Metrics without a label always use index 0.
 *  @return ST_OK, ST_RANGE (more than METRIC_LABELS_MAX, a value over 143 bytes), ST_INVALID
 *  (no such metric, it has no label, or it has two and the value no comma) */
MUST_CHECK enum status metrics_label(enum metric m, const char *const *values, size_t n);

void metric_add(enum metric m, uint32_t label, uint64_t v);   /* counter   */
void metric_set(enum metric m, uint32_t label, double v);     /* gauge     */
void metric_observe(enum metric m, uint32_t label, double s); /* histogram, seconds */

/** Current value: counter as a number, gauge, or histogram count. */
double metric_value(enum metric m, uint32_t label);
/** Sum of a counter over its labels. */
double metric_sum(enum metric m);
/** Quantile q in (0,1) of a histogram, interpolated inside its bucket; 0 if empty. */
double metric_quantile(enum metric m, uint32_t label, double q);
/** What each bucket of a histogram counted; zeros if there is no such one. The difference of two
 *  looks is what came between them. */
void metric_buckets(enum metric m, uint32_t label, uint64_t out[METRIC_BUCKETS]);
/** The quantile of such counts, as metric_quantile(). */
double metric_quantile_of(const uint64_t counts[METRIC_BUCKETS], double q);

/** Sets everything to zero (tests, demo). Labels stay. */
void metrics_reset(void);

/**
 * Writes the exposition text. Returns the length it needs (without the terminating 0),
 * like snprintf: output is complete only if the result is < len.
 */
size_t metrics_text(char *buf, size_t len);

/** Prints docs/metrics.md: the table for people. */
void metrics_print_doc(FILE *out);

#endif
