/* SPDX-License-Identifier: Apache-2.0
 *
 * scale.c -- see scale.h.
 *
 *     bench_scale EVENTS.tsv [--rate N]... [--limit N]
 *
 * A run as fast as it goes, one more at each rate (events a second, with at most N events), the
 * ceiling, the projection. Needs java, redis-server and the jars of tests/integration.
 */
#include "scale.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "factors.h"
#include "kafka_fixture.h"
#include "redis_fixture.h"

enum { RATES = 4 };

double scale_cpu_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

bool scale_keep(struct scale_log *log, const void *bytes, size_t len) {
    if (log->n == log->cap) {
        const size_t cap = log->cap ? 2 * log->cap : 256;
        uint8_t **all = realloc(log->bytes, cap * sizeof *all);
        log->bytes = all ? all : log->bytes;
        size_t *lens = realloc(log->lens, cap * sizeof *lens);
        log->lens = lens ? lens : log->lens;
        if (!all || !lens) {
            return false;
        }
        log->cap = cap;
    }
    log->bytes[log->n] = malloc(len + 1);
    if (!log->bytes[log->n]) {
        return false;
    }
    memcpy(log->bytes[log->n], bytes, len);
    log->lens[log->n++] = len;
    return true;
}

void scale_log_free(struct scale_log *log) {
    for (size_t k = 0; k < log->n; k++) {
        free(log->bytes[k]);
    }
    free(log->bytes);
    free(log->lens);
    *log = (struct scale_log){0};
}

/* ---- projection ----------------------------------------------------------------------------- */

struct size_of {
    const char *name;
    double users, events_s; /* at the peak */
    double items;
};

/* Used of a core, at the peak: the rest is for catching up. */
static const double LOAD = 0.6;
static const double COPIES = 3.0;
static const double GIB = 1073741824.0;
/* Of a user with some 20 events, as bench_restart fills them: in the changelog, in memory. */
static const double USER_BYTES = 660.0;
static const double USER_MEMORY = 1000.0;
/* A changelog is cleaned when a fifth of it is old (min.cleanable.dirty.ratio), in segments. */
static const double DIRTY = 1.5;

void scale_project(const struct scale_costs *live, const struct scale_costs *busy) {
    static const struct size_of SIZES[] = {{"10 M users", 10e6, 7e3, 1e5},
                                           {"1 B users", 1e9, 7e5, 1e6},
                                           {"1 M events/s", 1e9, 1e6, 1e6}};
    const double own_us = 1e6 * live->cpu_s / (double)live->events;
    printf("\nan event of one's own %.0f us with its lists, one of the log %.2f us; a core at %.0f "
           "%%: the log ends at %.0f events/s\n",
           own_us, busy->apply_us, 100.0 * LOAD, LOAD * 1e6 / busy->apply_us);
    printf("%-13s %9s %9s %9s %12s %12s %12s %12s %12s\n", "", "events/s", "log, core", "cores",
           "memory each", "all users", "state, disk", "to brokers", "log, each");
    for (size_t k = 0; k < sizeof SIZES / sizeof *SIZES; k++) {
        const struct size_of *s = &SIZES[k];
        const double log_core = s->events_s * busy->apply_us * 1e-6;
        const double left = LOAD - log_core;
        char cores[32] = "beyond";
        char memory[32] = "-";
        if (left > 0.0) {
            const double n = ceil(s->events_s * own_us * 1e-6 / left);
            snprintf(cores, sizeof cores, "%.0f", n);
            snprintf(memory, sizeof memory, "%.1f GiB",
                     (s->users * USER_MEMORY / n + s->items * busy->item_bytes) / GIB);
        }
        printf("%-13s %9.0f %8.0f%% %9s %12s %8.0f GiB %8.0f GiB %7.0f MB/s %7.1f MB/s\n", s->name,
               s->events_s, 100.0 * log_core, cores, memory, s->users * USER_MEMORY / GIB,
               s->users * USER_BYTES * DIRTY * COPIES / GIB,
               s->events_s * (live->state + live->model) / 1e6, s->events_s * busy->model / 1e6);
    }
}

/* ---- all of it ------------------------------------------------------------------------------ */

static void print_run(const char *what, const struct scale_costs *c) {
    printf("%-10s %9llu %8llu %8llu %8.0f %9.0f %8.0f %8.0f %8.0f %8.2f %8.0f %8.0f %8.0f\n", what,
           (unsigned long long)c->events, (unsigned long long)c->users,
           (unsigned long long)c->items, (double)c->events / c->seconds,
           1e6 * c->cpu_s / (double)c->events, c->input, c->state, c->model, c->state_records,
           c->user_record, c->commit_events, c->rss_kib / 1024.0);
    fflush(stdout);
}

static bool measure(const char *file, const int *rates, size_t n_rates, int limit) {
    struct scale_costs busy = {0};
    struct scale_costs live = {0};
    struct scale_log log = {0};
    printf("%-10s %9s %8s %8s %8s %9s %8s %8s %8s %8s %8s %8s %8s\n", "", "events", "users",
           "items", "events/s", "CPU us", "input B", "state B", "model B", "records", "a user B",
           "a commit", "RSS MiB");
    bool ok = scale_run(file, 0, 0, &busy, &log);
    if (ok) {
        print_run("catch-up", &busy);
        live = busy;
    }
    for (size_t k = 0; k < n_rates && ok; k++) {
        char what[32];
        snprintf(what, sizeof what, "%d/s", rates[k]);
        ok = scale_run(file, rates[k], limit, &live, NULL);
        if (ok) {
            print_run(what, &live);
        }
    }
    ok = ok && scale_ceiling(&log, &busy);
    if (ok) {
        scale_project(&live, &busy);
    }
    scale_log_free(&log);
    return ok;
}

int main(int argc, char **argv) {
    int rates[RATES];
    size_t n_rates = 0;
    int limit = 0;
    bool usage = argc < 2;
    for (int k = 2; k < argc && !usage; k += 2) {
        usage = k + 1 == argc;
        if (!usage && strcmp(argv[k], "--rate") == 0 && n_rates < RATES) {
            rates[n_rates++] = (int)strtol(argv[k + 1], NULL, 10);
        } else if (!usage && strcmp(argv[k], "--limit") == 0) {
            limit = (int)strtol(argv[k + 1], NULL, 10);
        } else {
            usage = true;
        }
    }
    if (usage) {
        fprintf(stderr, "usage: bench_scale EVENTS.tsv [--rate N]... [--limit N]\n");
        return 2;
    }
    const int missing = kafka_fixture_missing();
    if (missing) {
        return missing;
    }
    redis_fixture_require();
    factors_blas_threads(1); /* as the daemon does */
    return measure(argv[1], rates, n_rates, limit) ? 0 : 1;
}
