/* SPDX-License-Identifier: Apache-2.0
 * relay.c -- see relay.h. */
#include "relay.h"

#include <stdio.h>
#include <stdlib.h>

#include "kafka.h"
#include "registry.h"
#include "repartition.h"
#include "transactor.h"

struct relay {
    const struct config *cfg;
    struct registry *registry; /* of its own: a lookup serves one thread */
    struct lookup lookup;
    struct kafka_reader *reader;
    struct kafka_consumer *consumer;
    struct transactor *transactor;
    void (*failed)(void *ctx);
    void *failed_ctx;
    struct repartition *repartition;
};

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
                                            .transactions = transactor_port(r->transactor),
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
    char id[2 * CONFIG_NAME_MAX + 16];
    snprintf(id, sizeof id, "%s-intake-%s", cfg->group, cfg->instance_id);
    enum status st = open_registry(r, err);
    st = st ? st : repartition_new(cfg, r->registry ? &r->lookup : NULL, &r->repartition, err);
    st = st ? st : open_reader(r, err);
    st = st ? st : transactor_new(cfg, id, &r->transactor, err);
    if (!st) {
        const struct rebalance_ops ops = repartition_rebalance(r->repartition);
        st = kafka_consumer_new(cfg, KAFKA_INTAKE, &ops, &r->consumer, err);
    }
    if (!st) {
        transactor_join(r->transactor, r->consumer);
        st = start(r);
    }
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
    transactor_free(r->transactor);
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
