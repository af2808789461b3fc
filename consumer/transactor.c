/* SPDX-License-Identifier: Apache-2.0
 * transactor.c -- see transactor.h. */
#include "transactor.h"

#include <stdio.h>
#include <stdlib.h>

/* Below kafka.transaction.timeout.ms, where that is at its default. */
enum { COMMIT_WAIT_MS = 10000, ABORT_WAIT_MS = 5000 };

struct transactor {
    const struct config *cfg;
    struct kafka_consumer *consumer;
    struct kafka_tx *tx; /* NULL: it could not be made anew */
    char id[2 * CONFIG_NAME_MAX + 16];
};

static enum status begin(void *ctx) {
    struct transactor *t = ctx;
    return t->tx ? kafka_tx_begin(t->tx) : ST_AGAIN;
}

static enum status put(void *ctx, const char *topic, int32_t partition, const void *key,
                       size_t key_len, const void *value, size_t value_len, int64_t timestamp_ms,
                       const struct header *headers, size_t n_headers) {
    const struct transactor *t = ctx;
    return kafka_tx_send(t->tx, topic, partition, key, key_len, value, value_len, timestamp_ms,
                         headers, n_headers);
}

static enum status commit(void *ctx, const struct position *parts, size_t n, int generation) {
    const struct transactor *t = ctx;
    const enum status st =
        kafka_tx_commit(t->tx, t->consumer, parts, n, generation, COMMIT_WAIT_MS);
    return st == ST_LOST && kafka_consumer_fenced(t->consumer) ? ST_FENCED : st;
}

static enum status give_up(void *ctx) {
    const struct transactor *t = ctx;
    return kafka_tx_abort(t->tx, ABORT_WAIT_MS);
}

static bool stands(void *ctx, int generation) {
    const struct transactor *t = ctx;
    return kafka_consumer_stands(t->consumer, generation);
}

static enum status renew(void *ctx) {
    struct transactor *t = ctx;
    return kafka_tx_renew(t->cfg, t->id, &t->tx);
}

enum status transactor_new(const struct config *cfg, const char *id, struct transactor **out,
                           char *err) {
    struct transactor *t = calloc(1, sizeof *t);
    if (!t) {
        return ST_NOMEM;
    }
    t->cfg = cfg;
    snprintf(t->id, sizeof t->id, "%s", id);
    enum status st = kafka_tx_new(cfg, t->id, &t->tx, err);
    if (st) {
        free(t);
        return st;
    }
    *out = t;
    return ST_OK;
}

void transactor_free(struct transactor *t) {
    if (t) {
        kafka_tx_free(t->tx);
        free(t);
    }
}

void transactor_join(struct transactor *t, struct kafka_consumer *consumer) {
    t->consumer = consumer;
}

struct transactions transactor_port(struct transactor *t) {
    return (struct transactions){.begin = begin,
                                 .send = put,
                                 .commit = commit,
                                 .abort = give_up,
                                 .stands = stands,
                                 .renew = renew,
                                 .ctx = t};
}
