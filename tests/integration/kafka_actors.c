/* SPDX-License-Identifier: Apache-2.0
 * kafka_actors.c -- see kafka_actors.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kafka_actors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int64_t actors_now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void actors_sleep(int ms) {
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    nanosleep(&t, NULL);
}

void actors_set(struct config *c, const char *key, const char *value) {
    struct config_pair *p = &c->kafka[c->n_kafka++];
    snprintf(p->key, sizeof p->key, "%s", key);
    snprintf(p->value, sizeof p->value, "%s", value);
}

struct config *actors_config(const struct kafka_fixture *f, const char *name) {
    struct config *c = calloc(1, sizeof *c);
    assert_non_null(c);
    snprintf(c->group, sizeof c->group, "%s", name);
    snprintf(c->partitioner, sizeof c->partitioner, "murmur2");
    snprintf(c->topics[0].name, sizeof c->topics[0].name, "%s-in", name);
    c->n_topics = 1;
    snprintf(c->events, sizeof c->events, "%s-out", name);
    actors_set(c, "bootstrap.servers", kafka_fixture_brokers(f));
    return c;
}

void actors_topic(const struct config *c, const char *name, int32_t partitions,
                  const char *const *settings) {
    struct kafka_topic_setting s[16];
    struct kafka_topic_spec spec = {
        .name = name, .partitions = partitions, .replication = -1, .settings = s};
    char err[CONFIG_ERROR_MAX] = "";
    for (; settings && settings[0]; settings += 2) {
        s[spec.n_settings++] =
            (struct kafka_topic_setting){.name = settings[0], .value = settings[1]};
    }
    if (kafka_topic_create(c, &spec, NULL, err)) {
        fail_msg("%s", err);
    }
}

/* ---- a member -------------------------------------------------------------------------- */

static void assigned(void *ctx, struct position *parts, size_t n, int generation) {
    struct actor *a = ctx;
    a->n_mine = n;
    a->generation = generation;
    a->assigned++;
    (void)parts;
}

static void revoked(void *ctx, const struct position *parts, size_t n, bool lost) {
    struct actor *a = ctx;
    (void)parts;
    (void)lost;
    a->n_mine -= n;
    a->revoked++;
}

struct actor *actor_join(const struct config *cfg) {
    struct actor *a = calloc(1, sizeof *a);
    assert_non_null(a);
    a->cfg = cfg;
    const struct rebalance_ops ops = {.assigned = assigned, .revoked = revoked, .ctx = a};
    char err[CONFIG_ERROR_MAX] = "";
    if (kafka_consumer_new(cfg, KAFKA_TASKS, &ops, &a->kafka, err)) {
        fail_msg("%s", err);
    }
    a->source = kafka_source(a->kafka);
    return a;
}

struct actor *actor_join_all(const struct config *cfg, size_t n) {
    struct actor *a = actor_join(cfg);
    UNTIL(a->n_mine == n, actor_step(a));
    return a;
}

void actor_leave(struct actor *a) {
    kafka_consumer_free(a->kafka);
    free(a);
}

void actor_step(struct actor *a) {
    struct record r[ACTORS_BATCH];
    (void)a->source.poll(a->source.ctx, r, ACTORS_BATCH, 10);
}

struct position actor_committed(struct actor *a, int32_t partition) {
    struct position part = {.partition = partition, .tag = "not asked"};
    UNTIL(a->source.committed(a->source.ctx, &part, 1) == ST_OK, actors_sleep(10));
    return part;
}

/* ---- transactions ---------------------------------------------------------------------- */

struct kafka_tx *actor_tx(const struct config *cfg, const char *id) {
    struct kafka_tx *tx = NULL;
    char err[CONFIG_ERROR_MAX] = "";
    if (kafka_tx_new(cfg, id, &tx, err)) {
        fail_msg("%s", err);
    }
    return tx;
}

enum status actor_send(struct kafka_tx *tx, const char *topic, int32_t partition,
                       const char *text) {
    return kafka_tx_send(tx, topic, partition, text, strlen(text), text, strlen(text), 0, NULL, 0);
}

enum status actor_commit(struct actor *a, struct kafka_tx *tx, int64_t offset, const char *tag,
                         int timeout_ms) {
    struct position part = {.offset = offset};
    snprintf(part.tag, sizeof part.tag, "%s", tag);
    return kafka_tx_commit(tx, a->kafka, &part, 1, a->generation, timeout_ms);
}

void actor_abort(const struct config *cfg, const char *id, struct kafka_tx **tx) {
    enum status st = kafka_tx_abort(*tx, ACTORS_TX_MS);
    if (st == ST_AGAIN) {
        st = kafka_tx_renew(cfg, id, tx);
    }
    assert_int_equal(st, ST_OK);
}

static void tag_of(int64_t number, char tag[POSITION_TAG_MAX]) {
    snprintf(tag, POSITION_TAG_MAX, "1:%lld", (long long)number);
}

enum status bookkeeper_try(struct bookkeeper *b, int timeout_ms) {
    char tag[POSITION_TAG_MAX];
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)b->done + 1);
    tag_of(b->done + 1, tag);
    enum status st = kafka_tx_begin(b->tx);
    for (int i = 0; !st && i < ACTORS_RECORDS * b->n; i++) {
        st = actor_send(b->tx, b->topic, i % b->n, text);
    }
    if (st == ST_IO) {
        st = kafka_tx_abort(b->tx, timeout_ms);
        return st ? st : ST_LOST;
    }
    return st ? st : actor_commit(b->a, b->tx, 0, tag, timeout_ms);
}

static void resolve(struct bookkeeper *b) {
    char before[POSITION_TAG_MAX] = "";
    char after[POSITION_TAG_MAX];
    enum status st = ST_AGAIN;
    UNTIL(st != ST_AGAIN, {
        st = kafka_tx_renew(b->a->cfg, b->a->cfg->group, &b->tx);
        actor_step(b->a);
    });
    assert_int_equal(st, ST_OK);
    const struct position is = actor_committed(b->a, 0);
    if (b->done > 0) {
        tag_of(b->done, before);
    }
    tag_of(b->done + 1, after);
    if (strcmp(is.tag, after) == 0) {
        b->done++;
        b->unknown_done++;
    } else {
        assert_string_equal(is.tag, before);
    }
}

void bookkeeper_settle(struct bookkeeper *b, enum status st) {
    switch (st) {
    case ST_OK: b->done++; break;
    case ST_LOST: b->lost++; break;
    case ST_AGAIN:
        b->unknown++;
        resolve(b);
        break;
    default: fail_msg("%s after %d transactions", status_str(st), (int)b->done);
    }
    actor_step(b->a);
}

void bookkeeper_until(struct bookkeeper *b, int64_t done) {
    UNTIL(b->done >= done, bookkeeper_settle(b, bookkeeper_try(b, ACTORS_TX_MS)));
}

void bookkeeper_check(struct bookkeeper *b) {
    struct kafka_reader *r = NULL;
    struct record rec[ACTORS_BATCH];
    int64_t seen[16] = {0};
    char err[CONFIG_ERROR_MAX] = "";
    char tag[POSITION_TAG_MAX];
    if (kafka_reader_new(b->a->cfg, &b->topic, 1, &r, err)) {
        fail_msg("%s", err);
    }
    UNTIL(kafka_reader_complete(r), {
        size_t n = kafka_reader_poll(r, rec, ACTORS_BATCH, 20);
        for (size_t i = 0; i < n; i++) {
            char text[24];
            snprintf(text, sizeof text, "%.*s", (int)rec[i].value_len, (const char *)rec[i].value);
            assert_in_range(rec[i].partition, 0, b->n - 1);
            assert_int_equal(strtoll(text, NULL, 10),
                             1 + seen[rec[i].partition]++ / ACTORS_RECORDS);
        }
    });
    kafka_reader_free(r);
    for (int32_t p = 0; p < b->n; p++) {
        assert_int_equal(seen[p], b->done * ACTORS_RECORDS);
    }
    tag_of(b->done, tag);
    assert_string_equal(actor_committed(b->a, 0).tag, tag);
    print_message("%d transactions, %zu lost, %zu unknown of which %zu were committed\n",
                  (int)b->done, b->lost, b->unknown, b->unknown_done);
}
