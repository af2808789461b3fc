/* SPDX-License-Identifier: Apache-2.0
 *
 * demo_gauge.h -- the daemon's metrics, read now and then: what came meanwhile, and rolling shares.
 *
 * Plain value, zero-initialised but for every_ms. Reads atomics only. Threads: one.
 */
#ifndef DEMO_GAUGE_H
#define DEMO_GAUGE_H

#include <stdint.h>

#include "config.h"
#include "metrics.h"

enum {
    GAUGE_MOMENTS = 32,     /* kept; demo_gauge_read() twice a second keeps the window */
    GAUGE_WINDOW_MS = 15000 /* of the recall */
};

/* Hits and lines of a domain, since the start. */
struct demo_recall {
    uint64_t tested, model, popular;
};

struct demo_moment {
    int64_t at_ms;
    uint64_t events;
    struct demo_recall recall[DOMAINS_MAX];
    uint64_t to_redis[METRIC_BUCKETS];
};

struct demo_gauge {
    struct demo_moment moments[GAUGE_MOMENTS];
    uint64_t n; /* ever taken */
};

struct demo_reading {
    uint64_t events, lag, users, items, lists, dead_letters;
    int64_t stream_ms;   /* event time; 0: none */
    double rate;         /* events a second since the last reading; < 0: this is the first */
    double p50_s, p99_s; /* of the last two seconds; < 0: none */
    double model[DOMAINS_MAX], popular[DOMAINS_MAX]; /* recall@10 of the window; < 0: none */
    double model_all, popular_all;
    struct demo_recall recall[DOMAINS_MAX]; /* since the start */
};

void demo_gauge_read(struct demo_gauge *g, const struct config *cfg, int64_t now_ms,
                     struct demo_reading *out);

#endif
