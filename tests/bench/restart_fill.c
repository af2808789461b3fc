/* SPDX-License-Identifier: Apache-2.0
 * restart_fill.c -- see restart_fill.h. */
#include "restart_fill.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "factors.h"
#include "hash.h"
#include "instance.h"
#include "kafka.h"
#include "learner.h"
#include "learner_log.h"
#include "state_record.h"
#include "world.h"

enum {
    PROTOTYPES = 20000,
    ITEMS = 2000, /* a domain */
    BATCH_USERS = 4000,
    SIZES = 1 << 16,
    NAME = 16,
    FLUSH_MS = 60000,
};

struct fill {
    const struct config *cfg;
    struct learner *learner;
    struct kafka_producer *producer;
    struct world *world;
    struct world_event *events; /* by user, then by time          */
    size_t *first;              /* (PROTOTYPES + 1,) into events  */
    struct pack body, value;
    uint64_t log_offset, batch;
    uint32_t *sizes; /* (SIZES,) how many records of so many bytes */
    struct filled *out;
};

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- the world ------------------------------------------------------------------------------ */

static int by_user(const void *a, const void *b) {
    const struct world_event *x = a;
    const struct world_event *y = b;
    if (x->user != y->user) {
        return x->user < y->user ? -1 : 1;
    }
    return x->ts_ms < y->ts_ms ? -1 : x->ts_ms > y->ts_ms;
}

static bool make_world(struct fill *f) {
    const struct world_params params = {.users = PROTOTYPES,
                                        .items = ITEMS,
                                        .rho = 0.6,
                                        .days = 180.0,
                                        .start_ms = INT64_C(1700000000000),
                                        .lively = true,
                                        .seed = 12};
    if (world_new(&params, &f->world)) {
        return false;
    }
    const size_t n = (size_t)world_n_events(f->world);
    f->events = calloc(n + 1, sizeof *f->events);
    f->first = calloc(PROTOTYPES + 1, sizeof *f->first);
    size_t k = 0;
    while (f->events && k < n && world_next(f->world, &f->events[k])) {
        k++;
    }
    if (!f->events || !f->first) {
        return false;
    }
    qsort(f->events, k, sizeof *f->events, by_user);
    for (size_t i = 0; i < k; i++) {
        f->first[f->events[i].user + 1] = i + 1;
    }
    for (uint32_t u = 0; u < PROTOTYPES; u++) { /* whoever never came */
        f->first[u + 1] = f->first[u + 1] > f->first[u] ? f->first[u + 1] : f->first[u];
    }
    return true;
}

/* ---- records -------------------------------------------------------------------------------- */

static bool send(struct fill *f, const char *topic, int32_t partition, const void *key,
                 size_t key_len, enum state_kind kind) {
    f->value.len = 0;
    state_record_seal(&f->value, kind, f->body.bytes, f->body.len);
    f->body.len = 0;
    enum status st = f->value.failed ? ST_NOMEM : ST_AGAIN;
    while (st == ST_AGAIN) {
        st = kafka_produce_to(f->producer, topic, partition, key, key_len, f->value.bytes,
                              f->value.len, 0, NULL, 0);
        kafka_producer_poll(f->producer, st == ST_AGAIN ? 50 : 0);
    }
    return st == ST_OK;
}

/* What is in `body` goes into the log of the model, and comes back. */
static bool log_body(struct fill *f, enum state_kind kind) {
    return f->body.len == 0 ||
           (learner_log_apply(f->learner, f->body.bytes, f->body.len, f->log_offset++) == ST_OK &&
            send(f, f->cfg->model_topic, 0, NULL, 0, kind));
}

static bool send_user(struct fill *f, uint32_t task, size_t k) {
    uint64_t user = 0;
    uint8_t key[STATE_KEY_USER_LEN];
    if (!learner_sealed_user(f->learner, task, k, &user, &f->body)) {
        return false;
    }
    state_key_user(key, user);
    const size_t len = f->body.len + STATE_RECORD_HEAD;
    f->sizes[len < SIZES ? len : SIZES - 1]++;
    f->out->bytes += len + sizeof key;
    f->out->users++;
    return send(f, f->cfg->state_topic, (int32_t)task, key, sizeof key, STATE_USER);
}

static bool send_task(struct fill *f, uint32_t task) {
    struct pack learner = {0};
    uint8_t key[STATE_KEY_TASK_LEN];
    learner_sealed_task(f->learner, task, &learner);
    struct state_task t = {.epoch = 1,
                           .batch = f->batch,
                           .uuid = {1, 2, 3, (uint8_t)task},
                           .n_topics = f->cfg->n_topics,
                           .learner = learner.bytes,
                           .learner_len = learner.len};
    for (uint32_t k = 0; k < t.n_topics; k++) {
        snprintf(t.topics[k].topic, sizeof t.topics[k].topic, "%s", f->cfg->topics[k].name);
    }
    state_task_write(&f->body, &t);
    state_key_task(key);
    const bool ok =
        !learner.failed && send(f, f->cfg->state_topic, (int32_t)task, key, sizeof key, STATE_TASK);
    free(learner.bytes);
    return ok;
}

static bool seal(struct fill *f, uint32_t task) {
    if (learner_seal(f->learner, task)) {
        return false;
    }
    f->batch++;
    const size_t n = learner_sealed_users(f->learner, task);
    bool ok = true;
    for (size_t k = 0; k < n && ok; k++) {
        ok = send_user(f, task, k);
    }
    ok = ok && send_task(f, task);
    learner_log_write(f->learner, task, &f->body);
    learner_committed(f->learner, task);
    return ok && log_body(f, STATE_DELTA);
}

/* ---- users ---------------------------------------------------------------------------------- */

static enum status learn(struct fill *f, uint32_t task, struct event *e) {
    struct learner_effect effect;
    enum status st = learner_learn(f->learner, task, e, &effect);
    int64_t at_ms = 0;
    if (st == ST_AGAIN && learner_landmark_wanted(f->learner, &at_ms)) {
        log_record_write_landmark(&f->body, at_ms);
        st = log_body(f, STATE_CONTROL) ? learner_learn(f->learner, task, e, &effect) : ST_IO;
    }
    return st;
}

static bool take_event(struct fill *f, uint32_t task, const char *name,
                       const struct world_event *w) {
    struct event_line lines[WORLD_LINES_MAX];
    const uint64_t user = hash_id(name, strlen(name));
    struct event e = {.id = ++f->out->events,
                      .user = user,
                      .ts_ms = w->ts_ms,
                      .offset = (int64_t)f->out->events,
                      .user_id = name,
                      .user_id_len = (uint16_t)strlen(name),
                      .domain = w->domain,
                      .topic = w->domain,
                      .action = w->action,
                      .n_lines = w->n_lines,
                      .lines = lines};
    for (uint32_t k = 0; k < w->n_lines; k++) {
        const char *id = world_item_id(f->world, w->domain, w->item[k]);
        const size_t len = strlen(id);
        lines[k] = (struct event_line){.item = hash_item(f->cfg->domains[w->domain].name, id, len),
                                       .id = id,
                                       .id_len = (uint16_t)len,
                                       .quantity = w->quantity[k],
                                       .amount = w->amount[k]};
    }
    return learn(f, task, &e) == ST_OK;
}

static bool fill_task(struct fill *f, uint32_t users, uint32_t task, int32_t tasks) {
    if (learner_task_open(f->learner, task)) {
        return false;
    }
    f->batch = 0;
    learner_name_batches(f->learner, task, 1, 1);
    bool ok = true;
    for (uint32_t u = 0; u < users && ok; u++) {
        char name[NAME];
        snprintf(name, sizeof name, "u%u", u);
        if (kafka_partition_of("murmur2", name, strlen(name), tasks) != (int32_t)task) {
            continue;
        }
        const uint32_t p = u % PROTOTYPES;
        for (size_t k = f->first[p]; k < f->first[p + 1] && ok; k++) {
            ok = take_event(f, task, name, &f->events[k]);
        }
        if (learner_batch_users(f->learner, task) >= BATCH_USERS) {
            ok = ok && seal(f, task);
        }
    }
    ok = ok && seal(f, task);
    learner_task_close(f->learner, task);
    return ok;
}

/* ---- all of it ------------------------------------------------------------------------------ */

static uint32_t quantile(const struct fill *f, double share) {
    const double wanted = share * (double)f->out->users;
    uint64_t seen = 0;
    uint32_t size = 0;
    while (size < SIZES - 1 && (double)(seen += f->sizes[size]) < wanted) {
        size++;
    }
    return size;
}

static void fill_free(struct fill *f) {
    kafka_producer_free(f->producer);
    learner_free(f->learner);
    world_free(f->world);
    free(f->events);
    free(f->first);
    free(f->sizes);
    free(f->body.bytes);
    free(f->value.bytes);
}

bool restart_fill(const struct config *cfg, uint32_t users, int32_t tasks, struct filled *out) {
    const double start = now_s();
    char err[CONFIG_ERROR_MAX] = "out of memory";
    struct fill f = {.cfg = cfg, .out = out, .sizes = calloc(SIZES, sizeof(uint32_t))};
    *out = (struct filled){0};
    factors_blas_threads(1);
    struct learner_params params = instance_learner_params(cfg);
    params.late_max_ms = INT64_C(1) << 42; /* users come one after another, not by time */
    bool ok = f.sizes && learner_new(&params, &f.learner) == ST_OK &&
              kafka_producer_new(cfg, &f.producer, err) == ST_OK && make_world(&f);
    for (int32_t task = 0; task < tasks && ok; task++) {
        ok = fill_task(&f, users, (uint32_t)task, tasks);
        fprintf(stderr, "filled %d of %d tasks, %.0f s\n", (int)task + 1, (int)tasks,
                now_s() - start);
    }
    ok = ok && kafka_producer_flush(f.producer, FLUSH_MS, err, sizeof err) == ST_OK;
    if (!ok) {
        fprintf(stderr, "restart_fill: not filled: %s\n", err);
    } else {
        out->median = quantile(&f, 0.5);
        out->p99 = quantile(&f, 0.99);
        out->max = quantile(&f, 1.0);
        out->seconds = now_s() - start;
    }
    fill_free(&f);
    return ok;
}
