/* SPDX-License-Identifier: Apache-2.0
 *
 * scale_ceiling.c -- see scale.h. The log that a real run left is what all instances write. One
 * learner stands for one of N: of N events one is learned by it, into a task, sealed every
 * commit, and everything else comes as records of the log. CPU of both parts is measured apart.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "instance.h"
#include "learner.h"
#include "learner_log.h"
#include "mix.h"
#include "process.h"
#include "scale.h"
#include "world.h"

enum { USERS = 3000, ITEMS = 1000, OWN = 6000, NAMED = 9999 /* a task that the log has not */ };

struct share_of {
    struct learner *learner;
    struct world *world;
    struct pack body;
    const struct scale_log *log;
    size_t next; /* record of the log, round and round */
    uint64_t offset, events_applied;
    double learn_s, apply_s;
    double control_s; /* of landmarks and seeds: they come with time, not with events */
    uint64_t controls;
};

static bool apply(struct share_of *s, const void *bytes, size_t len, uint64_t *events) {
    static struct log_record r; /* only to know what it is, and of how many events */
    const bool delta = log_record_read(bytes, len, &r) == ST_OK && r.kind == LOG_DELTA;
    const double start = scale_cpu_s();
    const enum status st = learner_log_apply(s->learner, bytes, len, s->offset++);
    const double took = scale_cpu_s() - start;
    if (delta) {
        s->apply_s += took;
    } else {
        s->control_s += took;
        s->controls++;
    }
    if (delta && events) {
        *events += r.n_events;
    }
    return st == ST_OK;
}

static bool apply_others(struct share_of *s, uint64_t wanted) {
    bool ok = true;
    while (ok && s->events_applied < wanted) {
        const size_t k = s->next++ % s->log->n;
        ok = apply(s, s->log->bytes[k], s->log->lens[k], &s->events_applied);
    }
    return ok;
}

static enum status learn(struct share_of *s, const struct world_event *w, uint64_t n) {
    struct event_line lines[WORLD_LINES_MAX];
    struct learner_effect effect;
    char name[16];
    snprintf(name, sizeof name, "w%u", w->user);
    struct event e = {.id = mix64(n),
                      .user = hash_id(name, strlen(name)),
                      .ts_ms = w->ts_ms,
                      .offset = (int64_t)n,
                      .user_id = name,
                      .user_id_len = (uint16_t)strlen(name),
                      .domain = w->domain,
                      .action = w->action,
                      .weight = 1.0F,
                      .n_lines = w->n_lines,
                      .lines = lines};
    for (uint32_t k = 0; k < w->n_lines; k++) {
        const char *id = world_item_id(s->world, w->domain, w->item[k]);
        lines[k] = (struct event_line){
            .item = hash_item(w->domain ? "world-b" : "world-a", id, strlen(id)),
            .id = id,
            .id_len = (uint16_t)strlen(id),
            .quantity = 1.0F};
    }
    const double start = scale_cpu_s();
    const enum status st = learner_learn(s->learner, 0, &e, &effect);
    s->learn_s += scale_cpu_s() - start;
    return st;
}

static bool seal(struct share_of *s) {
    const double start = scale_cpu_s();
    bool ok = learner_seal(s->learner, 0) == ST_OK;
    s->body.len = 0;
    learner_log_write(s->learner, 0, &s->body);
    learner_committed(s->learner, 0);
    s->learn_s += scale_cpu_s() - start;
    return ok && (s->body.len == 0 || apply(s, s->body.bytes, s->body.len, NULL));
}

/* A landmark is due where the time of the events says so. */
static bool learn_one(struct share_of *s, const struct world_event *w, uint64_t n) {
    int64_t at_ms = 0;
    enum status st = learn(s, w, n);
    if (st == ST_AGAIN && learner_landmark_wanted(s->learner, &at_ms)) {
        s->body.len = 0;
        log_record_write_landmark(&s->body, at_ms);
        st = apply(s, s->body.bytes, s->body.len, NULL) ? learn(s, w, n) : ST_IO;
    }
    return st == ST_OK;
}

static bool simulate(struct share_of *s, uint32_t instances, uint32_t commit) {
    bool ok = learner_task_open(s->learner, 0) == ST_OK;
    learner_name_batches(s->learner, 0, NAMED, 1);
    struct world_event w;
    for (uint64_t n = 0; ok && n < OWN && world_next(s->world, &w); n++) {
        ok = learn_one(s, &w, n);
        if (ok && (n + 1) % commit == 0) {
            ok = seal(s) && apply_others(s, (n + 1) * (instances - 1));
        }
    }
    return ok;
}

static enum status begin(struct share_of *s, const struct scale_log *log) {
    /* Event time as in the log, or its landmarks would move with every event. */
    struct log_record r = {0};
    int64_t at_ms = INT64_C(1700000000000);
    for (size_t k = 0; k < log->n; k++) {
        if (log_record_read(log->bytes[k], log->lens[k], &r) == ST_OK && r.n_takes > 0) {
            at_ms = r.takes[0].last_ms;
        }
    }
    log_record_free(&r);
    const struct world_params world = {.users = USERS,
                                       .items = ITEMS,
                                       .rho = 0.6,
                                       .days = 30.0,
                                       .start_ms = at_ms,
                                       .lively = true,
                                       .seed = 5};
    static struct config cfg;
    char err[CONFIG_ERROR_MAX] = "";
    const char *sets[] = {"crossrec.state=kafka"};
    enum status st = config_load(&cfg, NULL, NULL, sets, 1, err);
    struct learner_params params = instance_learner_params(&cfg);
    params.n_domains = 4;
    *s = (struct share_of){.log = log};
    st = st ? st : learner_new(&params, &s->learner);
    return st ? st : world_new(&world, &s->world);
}

static void end(struct share_of *s) {
    learner_free(s->learner);
    world_free(s->world);
    free(s->body.bytes);
}

/* The whole log once, by a learner that has nothing of its own. */
static bool apply_all(const struct scale_log *log, struct scale_costs *costs) {
    struct share_of s;
    const bool begun = begin(&s, log) == ST_OK;
    const double rss = process_rss_kib(0);
    uint64_t events = 0;
    bool ok = begun;
    for (size_t k = 0; k < log->n && ok; k++) {
        ok = apply(&s, log->bytes[k], log->lens[k], &events);
    }
    if (ok && events > 0) {
        const uint32_t items = items_n(learner_shared(s.learner)->items);
        costs->apply_us = 1e6 * s.apply_s / (double)events;
        costs->item_bytes = 1024.0 * (process_rss_kib(0) - rss) / (double)items;
        printf("the log alone: %llu events in %zu records applied, %.2f us an event, and %llu "
               "landmarks and seeds, %.2f ms each; shared model %.1f KiB an item of %u\n",
               (unsigned long long)events, log->n, costs->apply_us, (unsigned long long)s.controls,
               s.controls ? 1e3 * s.control_s / (double)s.controls : 0.0,
               costs->item_bytes / 1024.0, items);
    }
    end(&s);
    return ok;
}

bool scale_ceiling(const struct scale_log *log, struct scale_costs *costs) {
    static const uint32_t INSTANCES[] = {1, 2, 4, 8, 16, 32, 64};
    if (log->n == 0 || !apply_all(log, costs)) {
        fprintf(stderr, "scale: the log cannot be applied\n");
        return false;
    }
    printf("\n%9s %12s %12s %14s %16s\n", "instances", "own, us", "log, us", "of own event",
           "limit, events/s");
    for (size_t k = 0; k < sizeof INSTANCES / sizeof *INSTANCES; k++) {
        struct share_of s;
        const uint32_t n = INSTANCES[k];
        bool ok = begin(&s, log) == ST_OK && simulate(&s, n, 250);
        if (ok) {
            const double own = 1e6 * s.learn_s / OWN;
            const double others = 1e6 * s.apply_s / OWN; /* for each own event, n of the log */
            costs->learn_us = k == 0 ? own : costs->learn_us;
            printf("%9u %12.1f %12.2f %14.1f %16.0f\n", n, own, others / n, own + others,
                   1e6 * n / (own + others));
        }
        end(&s);
        if (!ok) {
            fprintf(stderr, "scale: the simulation of %u instances failed\n", n);
            return false;
        }
    }
    return true;
}
