/* SPDX-License-Identifier: Apache-2.0
 * daemon.c -- see daemon.h. */
#include "daemon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "http.h"
#include "intake.h"
#include "kafka.h"
#include "log.h"
#include "metrics.h"
#include "redis.h"
#include "registry.h"
#include "relay.h"
#include "storage.h"
#include "task.h"
#include "token.h"
#include "version.h"

struct daemon {
    const struct config *cfg;
    struct registry *registry; /* NULL: writer schemas come from a folder */
    struct lookup lookup;
    struct kafka_reader *reader; /* of global topics; NULL if there are none */
    struct redis *redis;
    struct kafka_producer *producer;
    struct kafka_consumer *consumer;
    struct storage *storage; /* NULL: state = memory */
    struct relay *relay;     /* NULL: no topic is repartitioned */
    struct instance *instance;
    struct http *http;
};

/* ---- metrics' labels ---------------------------------------------------------------------- */

static const char *domain_name(const struct config *cfg, size_t k) {
    return cfg->domains[k].name;
}

static const char *topic_name(const struct config *cfg, size_t k) {
    return cfg->topics[k].name;
}

/* Any topic: those of the tasks, then the raw ones, then the global ones. */
static const char *any_name(const struct config *cfg, size_t k) {
    const size_t raw = k - cfg->n_topics;
    if (k < cfg->n_topics) {
        return cfg->topics[k].name;
    }
    return raw < cfg->n_raws ? cfg->raws[raw].name : cfg->globals[raw - cfg->n_raws].name;
}

static const char *global_name(const struct config *cfg, size_t k) {
    return cfg->globals[k].name;
}

static const char *raw_name(const struct config *cfg, size_t k) {
    return cfg->raws[k].name;
}

static const char *feedback_name(const struct config *cfg, size_t k) {
    static const char *const names[] = {"impression", "click", "conversion"};
    (void)cfg;
    return names[k];
}

static const char *reason_name(const struct config *cfg, size_t k) {
    (void)cfg;
    return intake_reason_code((enum intake_reason)k);
}

static const char *state_name(const struct config *cfg, size_t k) {
    (void)cfg;
    return task_state_str((enum task_state)k);
}

static const char *commit_name(const struct config *cfg, size_t k) {
    static const char *const names[] = {"ok", "lost", "retried"};
    (void)cfg;
    return names[k];
}

static const char *trigger_name(const struct config *cfg, size_t k) {
    return cfg->triggers[k].name;
}

static const char *card_name(const struct config *cfg, size_t k) {
    (void)cfg;
    return k == 0 ? "segment" : k == 1 ? "similar" : "user";
}

static const char *version_name(const struct config *cfg, size_t k) {
    (void)cfg;
    (void)k;
    return CROSSREC_VERSION;
}

static const char *rule_name(const struct config *cfg, size_t k) {
    (void)cfg;
    return rule_kind_str((enum rule_kind)k);
}

/* Of each domain: users who are new to it, users whom it knows. */
static enum status label_guard(const struct config *cfg) {
    static const char *const slices[] = {"cold", "known"};
    char texts[2 * DOMAINS_MAX][CONFIG_NAME_MAX + 8];
    const char *names[2 * DOMAINS_MAX];
    const size_t n = 2 * (size_t)cfg->n_domains;
    for (size_t k = 0; k < n; k++) {
        snprintf(texts[k], sizeof texts[k], "%s,%s", cfg->domains[k / 2].name, slices[k % 2]);
        names[k] = texts[k];
    }
    enum status st = metrics_label(M_GUARD_LEAD, names, n);
    return st ? st : metrics_label(M_GUARD_TWIN, names, n);
}

enum status daemon_label_metrics(const struct config *cfg) {
    static const enum metric by_domain[] = {M_LINES,        M_ITEMS,     M_RANKED,     M_PUBLISHED,
                                            M_UNCHANGED,    M_TESTED,    M_HITS_MODEL, M_HITS_POP,
                                            M_RECALL_MODEL, M_RECALL_POP};
    static const enum metric by_topic[] = {M_EVENTS, M_RECORDS, M_DUPLICATES,  M_LATE,
                                           M_LAG,    M_FLOODED, M_NOT_ALLOWED, M_GIVEN_UP};
    const size_t n_any = cfg->n_topics + cfg->n_raws + cfg->n_globals;
    const struct {
        const enum metric *metrics;
        size_t n_metrics, n;
        const char *(*name)(const struct config *cfg, size_t k);
    } groups[] = {
        {by_domain, sizeof by_domain / sizeof *by_domain, cfg->n_domains, domain_name},
        {by_topic, sizeof by_topic / sizeof *by_topic, cfg->n_topics, topic_name},
        {(const enum metric[]){M_IGNORED}, 1, n_any, any_name},
        {(const enum metric[]){M_REPARTITIONED, M_UNLINKED}, 2, cfg->n_raws, raw_name},
        {(const enum metric[]){M_ROWS}, 1, cfg->n_globals, global_name},
        {(const enum metric[]){M_DEAD_LETTERS, M_BAD_ROWS}, 2, INTAKE_REASONS, reason_name},
        {(const enum metric[]){M_FEEDBACK}, 1, ACTIONS - ACTIONS_OF_EVENTS, feedback_name},
        {(const enum metric[]){M_TASKS}, 1, TASK_STATES, state_name},
        {(const enum metric[]){M_COMMITS}, 1, 3, commit_name},
        {(const enum metric[]){M_TRIGGERS}, 1, cfg->n_triggers, trigger_name},
        {(const enum metric[]){M_CARDS}, 1, 3, card_name},
        {(const enum metric[]){M_RULES}, 1, RULE_KINDS, rule_name},
        {(const enum metric[]){M_BUILD}, 1, 1, version_name},
    };
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
        const char *names[METRIC_LABELS_MAX];
        for (size_t k = 0; k < groups[g].n; k++) {
            names[k] = groups[g].name(cfg, k);
        }
        for (size_t m = 0; m < groups[g].n_metrics; m++) {
            enum status st = metrics_label(groups[g].metrics[m], names, groups[g].n);
            if (st) {
                return st;
            }
        }
    }
    metric_set(M_BUILD, 0, 1.0);
    return label_guard(cfg);
}

/* ---- admin ---------------------------------------------------------------------------------- */

static bool is_ready(void *ctx, char *why, size_t len) {
    struct daemon *d = ctx;
    if (kafka_consumer_problem(d->consumer, why, len)) {
        return false;
    }
    if (d->storage && storage_problem(d->storage, why, len)) {
        return false;
    }
    if (d->relay && !relay_ready(d->relay, why, len)) {
        return false;
    }
    return instance_ready(d->instance, why, len);
}

static bool is_live(void *ctx, char *why, size_t len) {
    struct daemon *d = ctx;
    return instance_live(d->instance, why, len);
}

static enum status get(void *ctx, const struct query *q, char **text) {
    struct daemon *d = ctx;
    return instance_get(d->instance, q, text);
}

static enum status explain(void *ctx, const struct query *q, char **text) {
    struct daemon *d = ctx;
    return instance_explain(d->instance, q, text);
}

static enum status similar(void *ctx, const struct query *q, char **text) {
    struct daemon *d = ctx;
    return instance_similar(d->instance, q, text);
}

static enum status top(void *ctx, const struct query *q, char **text) {
    struct daemon *d = ctx;
    return instance_top(d->instance, q, text);
}

static enum status tell_segments(void *ctx, char **text) {
    struct daemon *d = ctx;
    return instance_segments(d->instance, text);
}

static enum status tell_model(void *ctx, const char *items, char **text) {
    struct daemon *d = ctx;
    return instance_model(d->instance, items, text);
}

static int32_t partition_of(const struct config *cfg, const char *id, size_t len, int32_t n) {
    return strcmp(cfg->partitioner, "any") == 0 ? -1
                                                : kafka_partition_of(cfg->partitioner, id, len, n);
}

/* ---- life cycle ---------------------------------------------------------------------- */

static enum status open_http(struct daemon *d, char *err) {
    char token[TOKEN_MAX + 1];
    enum status st = token_read(d->cfg->http_token_file, token, err, CONFIG_ERROR_MAX);
    const struct http_ops ops = {.ready = is_ready,
                                 .live = is_live,
                                 .get = get,
                                 .explain = explain,
                                 .similar = similar,
                                 .top = top,
                                 .segments = tell_segments,
                                 .model = tell_model,
                                 .token = token[0] ? token : NULL,
                                 .ctx = d};
    if (!st) {
        st = http_start(d->cfg->http_address, &ops, &d->http, err, CONFIG_ERROR_MAX);
    }
    hash_wipe(token, sizeof token);
    return st;
}

static enum status open_registry(struct daemon *d, char *err) {
    if (!d->cfg->registry_url[0]) {
        return ST_OK;
    }
    enum status st = registry_start(d->cfg, &d->registry, err);
    if (!st) {
        d->lookup = registry_lookup(d->registry);
    }
    return st;
}

static void stop_daemon(void *ctx) {
    daemon_stop(ctx);
}

static enum status open_globals(struct daemon *d, char *err) {
    const char *names[CONFIG_TOPICS_MAX];
    for (uint32_t t = 0; t < d->cfg->n_globals; t++) {
        names[t] = d->cfg->globals[t].name;
    }
    return d->cfg->n_globals == 0
               ? ST_OK
               : kafka_reader_new(d->cfg, names, d->cfg->n_globals, &d->reader, err);
}

/* What will never work (wrong password, missing rights, an evicting policy) stops the start; a
 * server that is merely away does not. */
static enum status try_redis(struct daemon *d, char *err) {
    const struct store store = redis_store(d->redis);
    bool fresh = false;
    char why[400];
    if (store.connect(store.ctx, &fresh, why, sizeof why) != ST_INVALID) {
        return ST_OK;
    }
    snprintf(err, CONFIG_ERROR_MAX, "redis %.300s: %s", d->cfg->redis_address, why);
    return ST_INVALID;
}

static enum status open_all(struct daemon *d, char *err) {
    const struct config *cfg = d->cfg;
    enum status st = daemon_label_metrics(cfg);
    if (!st) {
        st = open_registry(d, err);
    }
    if (!st) {
        const struct redis_params redis = {.address = cfg->redis_address,
                                           .user = cfg->redis_user,
                                           .password = cfg->redis_password,
                                           .timeout_ms = cfg->redis_timeout_ms};
        st = redis_new(&redis, &d->redis, err, CONFIG_ERROR_MAX);
    }
    if (!st) {
        st = try_redis(d, err);
    }
    if (!st) {
        st = instance_new(cfg, d->registry ? &d->lookup : NULL, &d->instance, err);
    }
    if (!st) {
        st = kafka_producer_new(cfg, &d->producer, err);
    }
    if (!st) {
        st = open_globals(d, err);
    }
    if (!st && cfg->state == STATE_KAFKA) {
        st = storage_open(cfg, &d->storage, err);
    }
    if (!st) {
        const struct rebalance_ops rebalance = instance_rebalance(d->instance);
        /* A rebalance disturbs the others: not before it is known that this one can work with them.
         */
        const enum kafka_role role = cfg->state == STATE_KAFKA ? KAFKA_TASKS_LATER : KAFKA_TASKS;
        st = kafka_consumer_new(cfg, role, &rebalance, &d->consumer, err);
    }
    if (!st && cfg->n_raws > 0) {
        st = relay_start(cfg, stop_daemon, d, &d->relay, err);
    }
    if (!st && strcmp(cfg->http_address, "off") != 0) {
        st = open_http(d, err);
    }
    return st;
}

enum status daemon_new(const struct config *cfg, struct daemon **out, char *err) {
    struct daemon *d = calloc(1, sizeof *d);
    if (!d) {
        snprintf(err, CONFIG_ERROR_MAX, "out of memory");
        return ST_NOMEM;
    }
    d->cfg = cfg;
    err[0] = '\0';
    enum status st = open_all(d, err);
    if (st) {
        if (err[0] == '\0') {
            snprintf(err, CONFIG_ERROR_MAX, "cannot start: %s", status_str(st));
        }
        daemon_free(d);
        return st;
    }
    *out = d;
    return ST_OK;
}

enum status daemon_run(struct daemon *d, char *err) {
    struct instance_ports ports = {.source = kafka_source(d->consumer),
                                   .letterbox = kafka_letterbox(d->producer),
                                   .store = redis_store(d->redis),
                                   .globals =
                                       d->reader ? kafka_globals(d->reader) : (struct globals){0},
                                   .partition_of = partition_of};
    if (d->storage) {
        storage_ports(d->storage, d->consumer, &ports);
    }
    LOG_INFO("started", LOG_STR("version", CROSSREC_VERSION), LOG_STR("group", d->cfg->group),
             LOG_STR("instance", d->cfg->instance_id), LOG_STR("redis", d->cfg->redis_address),
             LOG_INT("http_port", daemon_http_port(d)),
             LOG_STR("state", d->storage ? "kafka: in transactions"
                                         : "memory: read again from the earliest retained offset"));
    enum status st = instance_run(d->instance, &ports, err);
    http_stop(d->http);
    d->http = NULL;
    if (d->relay && relay_end(d->relay, err, CONFIG_ERROR_MAX) && !st) {
        st = ST_INVALID;
    }
    relay_stop(d->relay);
    d->relay = NULL;
    kafka_consumer_free(d->consumer); /* leaves the group; revocation is served in here */
    d->consumer = NULL;
    LOG_INFO("stopped", LOG_STR("how", st ? err : "in order"));
    return st;
}

void daemon_stop(struct daemon *d) {
    instance_stop(d->instance);
}

struct instance *daemon_instance(struct daemon *d) {
    return d->instance;
}

uint16_t daemon_http_port(const struct daemon *d) {
    return d->http ? http_port(d->http) : 0;
}

void daemon_free(struct daemon *d) {
    if (!d) {
        return;
    }
    http_stop(d->http);
    relay_stop(d->relay);
    kafka_consumer_free(d->consumer);
    instance_free(d->instance); /* its threads use what is freed below */
    kafka_producer_free(d->producer);
    kafka_reader_free(d->reader);
    storage_close(d->storage);
    redis_free(d->redis);
    registry_stop(d->registry);
    free(d);
}
