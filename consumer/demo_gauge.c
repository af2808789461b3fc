/* SPDX-License-Identifier: Apache-2.0
 * demo_gauge.c -- see demo_gauge.h. */
#include "demo_gauge.h"

#include <stdbool.h>

enum { LATENCY_WINDOW_MS = 2000 };

/* Of a gauge, over its labels. */
static double sum_of(enum metric m, uint32_t n) {
    double sum = 0.0;
    for (uint32_t k = 0; k < n; k++) {
        sum += metric_value(m, k);
    }
    return sum;
}

static void take(const struct config *cfg, int64_t now_ms, struct demo_moment *out) {
    *out = (struct demo_moment){.at_ms = now_ms, .events = (uint64_t)metric_sum(M_EVENTS)};
    for (uint32_t d = 0; d < cfg->n_domains; d++) {
        out->recall[d] = (struct demo_recall){.tested = (uint64_t)metric_value(M_TESTED, d),
                                              .model = (uint64_t)metric_value(M_HITS_MODEL, d),
                                              .popular = (uint64_t)metric_value(M_HITS_POP, d)};
    }
    metric_buckets(M_EVENT_TO_REDIS, 0, out->to_redis);
}

/* The oldest that is kept and no older than that, but another than the newest; NULL: none. */
static const struct demo_moment *since(const struct demo_gauge *g, int64_t from_ms) {
    const struct demo_moment *best = NULL;
    for (uint64_t k = 1; k < g->n && k < GAUGE_MOMENTS; k++) {
        const struct demo_moment *m = &g->moments[(g->n - 1 - k) % GAUGE_MOMENTS];
        if (best && m->at_ms < from_ms) {
            break;
        }
        best = m;
    }
    return best;
}

static void read_latency(const struct demo_moment *now, const struct demo_moment *before,
                         struct demo_reading *out) {
    uint64_t counts[METRIC_BUCKETS];
    uint64_t all = 0;
    for (uint32_t k = 0; k < METRIC_BUCKETS; k++) {
        counts[k] = now->to_redis[k] - (before ? before->to_redis[k] : 0);
        all += counts[k];
    }
    out->p50_s = all > 0 ? metric_quantile_of(counts, 0.5) : -1.0;
    out->p99_s = all > 0 ? metric_quantile_of(counts, 0.99) : -1.0;
}

static double share(uint64_t hits, uint64_t before, uint64_t n, uint64_t n_before) {
    return n > n_before ? (double)(hits - before) / (double)(n - n_before) : -1.0;
}

static void read_recall(const struct config *cfg, const struct demo_moment *now,
                        const struct demo_moment *before, struct demo_reading *out) {
    struct demo_recall all = {0};
    struct demo_recall all_before = {0};
    for (uint32_t d = 0; d < cfg->n_domains; d++) {
        const struct demo_recall *r = &now->recall[d];
        const struct demo_recall b = before ? before->recall[d] : (struct demo_recall){0};
        out->recall[d] = *r;
        out->model[d] = share(r->model, b.model, r->tested, b.tested);
        out->popular[d] = share(r->popular, b.popular, r->tested, b.tested);
        all.tested += r->tested;
        all.model += r->model;
        all.popular += r->popular;
        all_before.tested += b.tested;
        all_before.model += b.model;
        all_before.popular += b.popular;
    }
    out->model_all = share(all.model, all_before.model, all.tested, all_before.tested);
    out->popular_all = share(all.popular, all_before.popular, all.tested, all_before.tested);
}

void demo_gauge_read(struct demo_gauge *g, const struct config *cfg, int64_t now_ms,
                     struct demo_reading *out) {
    struct demo_moment *now = &g->moments[g->n++ % GAUGE_MOMENTS];
    take(cfg, now_ms, now);
    const struct demo_moment *last = since(g, now_ms);
    *out = (struct demo_reading){
        .events = now->events,
        .lag = (uint64_t)sum_of(M_LAG, cfg->n_topics),
        .users = (uint64_t)metric_value(M_USERS, 0),
        .items = (uint64_t)sum_of(M_ITEMS, cfg->n_domains),
        .lists = (uint64_t)metric_sum(M_PUBLISHED),
        .dead_letters = (uint64_t)metric_sum(M_DEAD_LETTERS),
        .stream_ms = (int64_t)(metric_value(M_STREAM_TIME, 0) * 1e3),
        .rate = last && now_ms > last->at_ms
                    ? (double)(now->events - last->events) * 1e3 / (double)(now_ms - last->at_ms)
                    : -1.0,
    };
    read_latency(now, since(g, now_ms - LATENCY_WINDOW_MS), out);
    read_recall(cfg, now, since(g, now_ms - GAUGE_WINDOW_MS), out);
}
