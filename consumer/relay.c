/* SPDX-License-Identifier: Apache-2.0
 * relay.c -- see relay.h. */
#include "relay.h"

#include <stdio.h>
#include <stdlib.h>

#include "kafka.h"
#include "log.h"
#include "registry.h"
#include "repartition.h"

enum { COMMIT_WAIT_MS = 15000, ABORT_WAIT_MS = 5000 };

struct relay {
    const struct config *cfg;
    struct registry *registry; /* of its own: a lookup serves one thread */
    struct lookup lookup;
    struct kafka_reader *reader;
    struct kafka_consumer *consumer;
    struct kafka_tx *tx;
    void (*failed)(void *ctx);
    void *failed_ctx;
    char tx_id[2 * CONFIG_NAME_MAX + 16];
    struct repartition *repartition;
};

/* ---- transactions ------------------------------------------------------------------------- */

static enum status tx_begin(void *ctx) {
    struct relay *r = ctx;
    return r->tx ? kafka_tx_begin(r->tx) : ST_AGAIN;
}

static enum status tx_send(void *ctx, const char *topic, const void *key, size_t key_len,
                           const void *value, size_t value_len, int64_t timestamp_ms,
                           const struct header *headers, size_t n_headers) {
    const struct relay *r = ctx;
    return kafka_tx_send(r->tx, topic, key, key_len, value, value_len, timestamp_ms, headers,
                         n_headers);
}

static enum status tx_commit(void *ctx, const struct position *parts, size_t n, int generation) {
    const struct relay *r = ctx;
    return kafka_tx_commit(r->tx, r->consumer, parts, n, generation, COMMIT_WAIT_MS);
}

static enum status tx_abort(void *ctx) {
    const struct relay *r = ctx;
    return kafka_tx_abort(r->tx, ABORT_WAIT_MS);
}

static enum status tx_renew(void *ctx) {
    struct relay *r = ctx;
    char err[CONFIG_ERROR_MAX] = "";
    kafka_tx_free(r->tx);
    r->tx = NULL;
    const enum status st = kafka_tx_new(r->cfg, r->tx_id, &r->tx, err);
    if (st) {
        LOG_WARN("transactions cannot begin anew", LOG_STR("id", r->tx_id), LOG_STR("error", err));
    }
    return st;
}

/* ---- life cycle --------------------------------------------------------------------------- */

static enum status open_registry(struct relay *r, char *err) {
    enum status st = r->cfg->registry_url[0] ? registry_start(r->cfg, &r->registry, err) : ST_OK;
    if (!st && r->registry) {
        r->lookup = registry_lookup(r->registry);
    }
    return st;
}

static enum status open_reader(struct relay *r, char *err) {
    const char *names[CONFIG_TOPICS_MAX];
    for (uint32_t t = 0; t < r->cfg->n_globals; t++) {
        names[t] = r->cfg->globals[t].name;
    }
    return r->cfg->n_globals == 0
               ? ST_OK
               : kafka_reader_new(r->cfg, names, r->cfg->n_globals, &r->reader, err);
}

static enum status start(struct relay *r) {
    const struct repartition_ports ports = {.source = kafka_source(r->consumer),
                                            .transactions = {.begin = tx_begin,
                                                             .send = tx_send,
                                                             .commit = tx_commit,
                                                             .abort = tx_abort,
                                                             .renew = tx_renew,
                                                             .ctx = r},
                                            .identities = r->reader ? kafka_globals(r->reader)
                                                                    : (struct globals){0},
                                            .failed = r->failed,
                                            .failed_ctx = r->failed_ctx};
    return repartition_start(r->repartition, &ports);
}

enum status relay_start(const struct config *cfg, void (*failed)(void *ctx), void *ctx,
                        struct relay **out, char *err) {
    struct relay *r = calloc(1, sizeof *r);
    if (!r) {
        return ST_NOMEM;
    }
    r->cfg = cfg;
    r->failed = failed;
    r->failed_ctx = ctx;
    snprintf(r->tx_id, sizeof r->tx_id, "%s-intake-%s", cfg->group, cfg->instance_id);
    enum status st = open_registry(r, err);
    st = st ? st : repartition_new(cfg, r->registry ? &r->lookup : NULL, &r->repartition, err);
    st = st ? st : open_reader(r, err);
    st = st ? st : kafka_tx_new(cfg, r->tx_id, &r->tx, err);
    if (!st) {
        const struct rebalance_ops ops = repartition_rebalance(r->repartition);
        st = kafka_consumer_new(cfg, KAFKA_INTAKE, &ops, &r->consumer, err);
    }
    st = st ? st : start(r);
    if (st) {
        relay_stop(r);
        return st;
    }
    *out = r;
    return ST_OK;
}

void relay_stop(struct relay *r) {
    if (!r) {
        return;
    }
    repartition_stop(r->repartition);
    kafka_consumer_free(r->consumer); /* revocation is served in here: commits what is under way */
    kafka_tx_free(r->tx);
    kafka_reader_free(r->reader);
    repartition_free(r->repartition);
    registry_stop(r->registry);
    free(r);
}

bool relay_ready(struct relay *r, char *why, size_t len) {
    return !kafka_consumer_problem(r->consumer, why, len) &&
           !(r->reader && kafka_reader_problem(r->reader, why, len)) &&
           repartition_ready(r->repartition, why, len);
}

bool relay_end(struct relay *r, char *why, size_t len) {
    repartition_stop(r->repartition);
    (void)repartition_ready(r->repartition, why, len);
    return repartition_failed(r->repartition);
}
