/* SPDX-License-Identifier: Apache-2.0
 *
 * test_embedded.c -- the embedded broker of consumer/kafka.h, and what the consumer and the
 * producer make of a broker's errors (librdkafka's mock cluster gives them on demand).
 *
 * With librdkafka before 2.6 the first member of a group waits for 3 s.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kafka.h"
#include "log.h"

enum { PARTITIONS = 3, BATCH = 512, DEADLINE_MS = 20000, RECORDS = 100 };

/* Numbers of the Kafka protocol, "API keys". */
enum {
    API_PRODUCE = 0,
    API_OFFSET_COMMIT = 8,
    API_OFFSET_FETCH = 9,
    API_INIT_PRODUCER_ID = 22,
    API_ADD_PARTITIONS_TO_TXN = 24,
    API_ADD_OFFSETS_TO_TXN = 25,
    API_END_TXN = 26,
    API_TXN_OFFSET_COMMIT = 28,
};

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

#define UNTIL(condition, ...)                                                                      \
    do {                                                                                           \
        const int64_t until_ = now_ms() + DEADLINE_MS;                                             \
        while (!(condition)) {                                                                     \
            if (now_ms() > until_) {                                                               \
                fail_msg("not within %d ms: %s", DEADLINE_MS, #condition);                         \
            }                                                                                      \
            __VA_ARGS__;                                                                           \
        }                                                                                          \
    } while (0)

static struct config *config_for(const char *brokers) {
    struct config *c = calloc(1, sizeof *c);
    assert_non_null(c);
    snprintf(c->group, sizeof c->group, "group");
    snprintf(c->partitioner, sizeof c->partitioner, "murmur2");
    snprintf(c->topics[0].name, sizeof c->topics[0].name, "course-views");
    snprintf(c->topics[1].name, sizeof c->topics[1].name, "food-orders");
    c->n_topics = 2;
    snprintf(c->kafka[0].key, sizeof c->kafka[0].key, "bootstrap.servers");
    snprintf(c->kafka[0].value, sizeof c->kafka[0].value, "%s", brokers);
    c->n_kafka = 1;
    return c;
}

struct member {
    struct kafka_consumer *kafka;
    struct source source;
    int generation;
    size_t n_mine, n_read, n_ended;
    int64_t next[2][PARTITIONS];
    bool lost;
};

static void assigned(void *ctx, struct position *parts, size_t n, int generation) {
    struct member *m = ctx;
    (void)parts; /* from the earliest on */
    m->n_mine = n;
    m->generation = generation;
}

static void revoked(void *ctx, const struct position *parts, size_t n, bool lost) {
    struct member *m = ctx;
    (void)parts;
    m->n_mine -= n;
    m->lost = lost;
}

static struct member *join(const struct config *cfg) {
    struct member *m = calloc(1, sizeof *m);
    assert_non_null(m);
    const struct rebalance_ops ops = {.assigned = assigned, .revoked = revoked, .ctx = m};
    char err[CONFIG_ERROR_MAX] = "";
    if (kafka_consumer_new(cfg, KAFKA_TASKS, &ops, &m->kafka, err)) {
        fail_msg("%s", err);
    }
    m->source = kafka_source(m->kafka);
    return m;
}

static void leave(struct member *m) {
    kafka_consumer_free(m->kafka);
    free(m);
}

static void step(struct member *m, int timeout_ms) {
    struct record r[BATCH];
    size_t n = m->source.poll(m->source.ctx, r, BATCH, timeout_ms);
    for (size_t i = 0; i < n; i++) {
        int64_t *next = &m->next[r[i].topic][r[i].partition];
        assert_int_equal(r[i].offset, *next);
        if (r[i].end) {
            m->n_ended++;
        } else {
            ++*next;
            m->n_read++;
        }
    }
}

/* ---- the embedded broker ----------------------------------------------------------------- */

static void the_whole_consumer_works_on_the_embedded_broker(void **state) {
    (void)state;
    static const char *const TOPICS[] = {"course-views", "food-orders"};
    struct kafka_embedded *e = NULL;
    char err[CONFIG_ERROR_MAX] = "";
    assert_int_equal(kafka_embedded_start(TOPICS, 2, PARTITIONS, &e, err), ST_OK);
    struct config *cfg = config_for(kafka_embedded_brokers(e));

    struct kafka_topic_info info[2];
    int brokers = 0;
    assert_int_equal(kafka_topics_describe(cfg, TOPICS, 2, 5000, info, &brokers, err), ST_OK);
    assert_int_equal(brokers, 1);
    assert_int_equal(info[0].partitions, PARTITIONS);
    assert_int_equal(info[1].partitions, PARTITIONS);

    struct kafka_producer *p = NULL;
    assert_int_equal(kafka_producer_new(cfg, &p, err), ST_OK);
    const int64_t start = now_ms();
    for (int i = 0; i < RECORDS; i++) {
        char key[16];
        int len = snprintf(key, sizeof key, "u%d", i);
        assert_int_equal(kafka_produce(p, TOPICS[i % 2], key, (size_t)len, "v", 1, 0), ST_OK);
    }
    assert_int_equal(kafka_producer_flush(p, DEADLINE_MS, err, sizeof err), ST_OK);
    assert_int_equal(kafka_producer_acked(p), RECORDS);
    assert_true(now_ms() - start < 3000); /* idempotent producing works */

    struct member *m = join(cfg);
    UNTIL(m->n_mine == 2 * PARTITIONS, step(m, 20));
    UNTIL(m->n_read == RECORDS && m->n_ended >= 2 * PARTITIONS, step(m, 20));
    int64_t sum = 0;
    for (int32_t i = 0; i < PARTITIONS; i++) {
        sum += m->source.end(m->source.ctx, 0, i) + m->source.end(m->source.ctx, 1, i);
    }
    assert_int_equal(sum, RECORDS); /* it came with the records */

    m->source.pause(m->source.ctx, 0, 0);
    assert_int_equal(kafka_produce_to(p, TOPICS[0], 0, "k", 1, "v", 1, 0, NULL, 0), ST_OK);
    assert_int_equal(kafka_produce_to(p, TOPICS[0], 1, "k", 1, "v", 1, 0, NULL, 0), ST_OK);
    assert_int_equal(kafka_producer_flush(p, DEADLINE_MS, err, sizeof err), ST_OK);
    const int64_t paused_at = m->next[0][0];
    UNTIL(m->n_read == RECORDS + 1, step(m, 20));
    assert_int_equal(m->next[0][0], paused_at);
    m->source.resume(m->source.ctx, 0, 0);
    UNTIL(m->n_read == RECORDS + 2, step(m, 20));

    struct position part = {.offset = 5, .partition = 1, .topic = 1};
    assert_int_equal(m->source.commit(m->source.ctx, &part, 1, m->generation), ST_OK);
    assert_int_equal(m->source.commit(m->source.ctx, &part, 1, m->generation + 1), ST_LOST);
    part.offset = 0;
    struct position back[] = {part, {.partition = 0, .topic = 0}};
    assert_int_equal(m->source.committed(m->source.ctx, back, 2), ST_OK);
    assert_int_equal(back[0].offset, 5);
    assert_int_equal(back[1].offset, -1);
    leave(m);

    size_t n = 0;
    size_t murmur2 = 0;
    size_t consistent = 0;
    assert_int_equal(kafka_sample_partitioner(cfg, TOPICS[1], 1, PARTITIONS, 1000, 5000, &n,
                                              &murmur2, &consistent, err),
                     ST_OK);
    assert_true(n > 0 && murmur2 == n && consistent < n);
    kafka_producer_free(p);
    kafka_embedded_stop(e);
    kafka_embedded_stop(NULL);
    free(cfg);
}

/* ---- errors on demand ----------------------------------------------------------------------- */

struct mock {
    rd_kafka_t *rk;
    rd_kafka_mock_cluster_t *cluster;
    struct config *cfg;
};

static int mock_start(void **state) {
    struct mock *k = calloc(1, sizeof *k);
    char err[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "log_level", "0", err, sizeof err);
    k->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, err, sizeof err);
    k->cluster = rd_kafka_mock_cluster_new(k->rk, 2);
    rd_kafka_mock_coordinator_set(k->cluster, "group", "group", 1);
    rd_kafka_mock_coordinator_set(k->cluster, "transaction", "id", 1);
    rd_kafka_mock_topic_create(k->cluster, "course-views", PARTITIONS, 1);
    rd_kafka_mock_topic_create(k->cluster, "food-orders", PARTITIONS, 1);
    for (int32_t i = 0; i < PARTITIONS; i++) {
        rd_kafka_mock_partition_set_leader(k->cluster, "course-views", i, 1);
        rd_kafka_mock_partition_set_leader(k->cluster, "food-orders", i, 1);
    }
    k->cfg = config_for(rd_kafka_mock_cluster_bootstraps(k->cluster));
    *state = k;
    return 0;
}

static int mock_stop(void **state) {
    struct mock *k = *state;
    rd_kafka_mock_cluster_destroy(k->cluster);
    rd_kafka_destroy(k->rk);
    free(k->cfg);
    free(k);
    return 0;
}

static void errors_of_a_commit_mean_lost_or_try_again(void **state) {
    struct mock *k = *state;
    static const struct {
        rd_kafka_resp_err_t err;
        enum status status;
        bool may_succeed; /* some versions of librdkafka try again by themselves: 2.0 does, 2.8 not
                           */
    } CASES[] = {
        {RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, ST_AGAIN, false},
        {RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, ST_AGAIN, true},
        {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, ST_AGAIN, false},
        {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, ST_AGAIN, false},
        {RD_KAFKA_RESP_ERR_INVALID_COMMIT_OFFSET_SIZE, ST_AGAIN, false},
        {RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, ST_LOST, false},
    };
    struct member *m = join(k->cfg);
    UNTIL(m->n_mine == 2 * PARTITIONS, step(m, 20));
    const struct position part = {.offset = 1, .partition = 0};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        rd_kafka_mock_push_request_errors(k->cluster, API_OFFSET_COMMIT, 1, CASES[i].err);
        enum status st = m->source.commit(m->source.ctx, &part, 1, m->generation);
        if (st != CASES[i].status && !(st == ST_OK && CASES[i].may_succeed)) {
            fail_msg("%s: %s", rd_kafka_err2name(CASES[i].err), status_str(st));
        }
    }
    char text[CONFIG_ERROR_MAX] = "";
    assert_true(kafka_consumer_problem(m->kafka, text, sizeof text));
    assert_true(strstr(text, "kafka-acls.sh") != NULL);
    leave(m);
}

static void an_illegal_generation_means_lost(void **state) {
    struct mock *k = *state;
    struct member *m = join(k->cfg);
    UNTIL(m->n_mine == 2 * PARTITIONS, step(m, 20));
    const struct position part = {.offset = 1, .partition = 0};
    rd_kafka_mock_push_request_errors(k->cluster, API_OFFSET_COMMIT, 1,
                                      RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION);
    assert_int_equal(m->source.commit(m->source.ctx, &part, 1, m->generation), ST_LOST);

    struct position back = {.offset = 77, .partition = 0};
    rd_kafka_mock_push_request_errors(k->cluster, API_OFFSET_FETCH, 1,
                                      RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
    assert_int_equal(m->source.committed(m->source.ctx, &back, 1), ST_AGAIN);
    assert_int_equal(back.offset, 77); /* untouched */
    leave(m);
}

static void refused_records_fail_the_flush_once_and_do_not_count_as_written(void **state) {
    struct mock *k = *state;
    char why[CONFIG_ERROR_MAX] = "";
    struct kafka_producer *p = NULL;
    assert_int_equal(kafka_producer_new(k->cfg, &p, why), ST_OK);
    rd_kafka_mock_push_request_errors(k->cluster, API_PRODUCE, 1,
                                      RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    assert_int_equal(kafka_produce_to(p, "food-orders", 1, "k", 1, "v", 1, 0, NULL, 0), ST_OK);
    assert_int_equal(kafka_producer_flush(p, DEADLINE_MS, why, sizeof why), ST_IO);
    assert_true(strstr(why, "food-orders") != NULL);
    assert_true(strstr(why, "max.message.bytes") != NULL);
    assert_int_equal(kafka_producer_acked(p), 0);
    assert_int_equal(kafka_producer_flush(p, DEADLINE_MS, why, sizeof why), ST_OK);
    assert_int_equal(kafka_produce_to(p, "food-orders", 1, "k", 1, "v", 1, 0, NULL, 0), ST_OK);
    assert_int_equal(kafka_producer_flush(p, DEADLINE_MS, why, sizeof why), ST_OK);
    assert_int_equal(kafka_producer_acked(p), 1);
    kafka_producer_free(p);
}

static void a_producer_comes_back_from_a_fatal_error(void **state) {
    struct mock *k = *state;
    char why[CONFIG_ERROR_MAX] = "";
    struct kafka_producer *p = NULL;
    rd_kafka_mock_push_request_errors(k->cluster, API_INIT_PRODUCER_ID, 1,
                                      RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED);
    assert_int_equal(kafka_producer_new(k->cfg, &p, why), ST_OK);
    size_t failures = 0;
    size_t refused = 0; /* when the fatal error is there before the first record */
    size_t sent = 0;
    UNTIL(kafka_producer_acked(p) > 0, {
        enum status st = kafka_produce(p, "course-views", "k", 1, "v", 1, 0);
        assert_true(st == ST_OK || st == ST_AGAIN);
        sent += st == ST_OK;
        refused += st == ST_AGAIN;
        st = kafka_producer_flush(p, 2000, why, sizeof why);
        failures += st == ST_IO;
    });
    assert_int_equal(kafka_producer_flush(p, DEADLINE_MS, why, sizeof why), ST_OK);
    assert_int_equal(kafka_producer_acked(p) + failures, sent); /* each one failed, or written */
    assert_true(failures + refused > 0);
    kafka_producer_free(p);
}

static void a_full_queue_says_so_and_loses_nothing(void **state) {
    struct mock *k = *state;
    struct config_pair *pair = &k->cfg->kafka[k->cfg->n_kafka++];
    snprintf(pair->key, sizeof pair->key, "queue.buffering.max.messages");
    snprintf(pair->value, sizeof pair->value, "10");
    char why[CONFIG_ERROR_MAX] = "";
    struct kafka_producer *p = NULL;
    assert_int_equal(kafka_producer_new(k->cfg, &p, why), ST_OK);
    size_t n = 0;
    size_t full = 0;
    UNTIL(n == RECORDS, {
        enum status st = kafka_produce(p, "course-views", "k", 1, "v", 1, 0);
        if (st == ST_AGAIN) {
            full++;
            kafka_producer_poll(p, 10);
        } else {
            assert_int_equal(st, ST_OK);
            n++;
        }
    });
    assert_true(full > 0);
    assert_int_equal(kafka_producer_flush(p, DEADLINE_MS, why, sizeof why), ST_OK);
    assert_int_equal(kafka_producer_acked(p), RECORDS);
    kafka_producer_free(p);
}

/* ---- errors of transactions ------------------------------------------------------------------ */

static struct kafka_tx *tx_new(const struct config *cfg) {
    struct kafka_tx *tx = NULL;
    char err[CONFIG_ERROR_MAX] = "";
    if (kafka_tx_new(cfg, "id", &tx, err)) {
        fail_msg("%s", err);
    }
    return tx;
}

static enum status transaction(struct kafka_tx *tx, struct member *m, int timeout_ms) {
    const struct position part = {.offset = 1, .partition = 0};
    assert_int_equal(kafka_tx_begin(tx), ST_OK);
    assert_int_equal(kafka_tx_send(tx, "course-views", -1, "k", 1, "v", 1, 0, NULL, 0), ST_OK);
    return kafka_tx_commit(tx, m->kafka, &part, 1, m->generation, timeout_ms);
}

static void errors_of_a_transaction_mean_lost_or_unknown_or_fenced(void **state) {
    struct mock *k = *state;
    static const struct {
        int api;
        rd_kafka_resp_err_t err;
        enum status status;
    } CASES[] = {
        {API_TXN_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, ST_LOST},
        {API_TXN_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, ST_LOST},
        {API_TXN_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, ST_LOST},
        {API_TXN_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, ST_LOST},
        {API_TXN_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, ST_OK},
        {API_TXN_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, ST_FENCED},
        {API_ADD_OFFSETS_TO_TXN, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, ST_OK},
        {API_ADD_OFFSETS_TO_TXN, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, ST_FENCED},
        {API_ADD_OFFSETS_TO_TXN, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, ST_AGAIN},
        {API_ADD_PARTITIONS_TO_TXN, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, ST_LOST},
        {API_END_TXN, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, ST_OK},
        {API_END_TXN, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, ST_FENCED},
        {API_END_TXN, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, ST_AGAIN},
        {API_PRODUCE, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, ST_LOST},
    };
    struct member *m = join(k->cfg);
    UNTIL(m->n_mine == 2 * PARTITIONS, step(m, 20));
    struct kafka_tx *tx = tx_new(k->cfg);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        rd_kafka_mock_push_request_errors(k->cluster, (int16_t)CASES[i].api, 1, CASES[i].err);
        enum status st = transaction(tx, m, 5000);
        if (st != CASES[i].status) {
            fail_msg("%s: %s", rd_kafka_err2name(CASES[i].err), status_str(st));
        }
        if (st == ST_AGAIN || st == ST_FENCED) { /* no good any more, as the contract says */
            kafka_tx_free(tx);
            tx = tx_new(k->cfg);
        }
    }
    /* Of the numbers of a refused record librdkafka 2.0 loses the next transaction too. */
    enum status st = transaction(tx, m, 5000);
    assert_int_equal(st == ST_LOST ? transaction(tx, m, 5000) : st, ST_OK);
    kafka_tx_free(tx);
    leave(m);
}

static void a_producer_without_the_right_to_its_id_is_told_what_to_type(void **state) {
    struct mock *k = *state;
    rd_kafka_mock_push_request_errors(k->cluster, API_INIT_PRODUCER_ID, 1,
                                      RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    struct kafka_tx *tx = NULL;
    char err[CONFIG_ERROR_MAX] = "";
    assert_int_equal(kafka_tx_new(k->cfg, "id", &tx, err), ST_INVALID);
    assert_null(tx);
    assert_non_null(strstr(err, "--transactional-id"));
}

static void a_commit_that_is_not_answered_in_time_is_unknown(void **state) {
    struct mock *k = *state;
    struct member *m = join(k->cfg);
    UNTIL(m->n_mine == 2 * PARTITIONS, step(m, 20));
    struct kafka_tx *tx = tx_new(k->cfg);
    rd_kafka_mock_broker_push_request_error_rtts(k->cluster, 1, API_END_TXN, 1,
                                                 RD_KAFKA_RESP_ERR_NO_ERROR, 3000);
    int64_t start = now_ms();
    assert_int_equal(transaction(tx, m, 500), ST_AGAIN);
    assert_in_range(now_ms() - start, 400, 2000);
    kafka_tx_free(tx);

    /* Whatever librdkafka does while the group has no coordinator. */
    tx = tx_new(k->cfg);
    assert_int_equal(transaction(tx, m, 5000), ST_OK);
    rd_kafka_mock_coordinator_set(k->cluster, "group", "group", 2);
    rd_kafka_mock_broker_set_down(k->cluster, 2);
    rd_kafka_mock_push_request_errors(k->cluster, API_TXN_OFFSET_COMMIT, 1,
                                      RD_KAFKA_RESP_ERR_NOT_COORDINATOR);
    start = now_ms();
    assert_int_equal(transaction(tx, m, 1000), ST_AGAIN);
    assert_in_range(now_ms() - start, 900, 4000);
    start = now_ms();
    kafka_tx_free(tx);
    assert_true(now_ms() - start < 1000);
    rd_kafka_mock_broker_set_up(k->cluster, 2);
    leave(m);
}

/* ---- no broker at all ---------------------------------------------------------------- */

struct answer {
    const struct config *cfg;
    enum status reader, tx;
    int64_t reader_ms, tx_ms;
    char reader_err[CONFIG_ERROR_MAX], tx_err[CONFIG_ERROR_MAX];
};

static void *ask_reader(void *arg) {
    struct answer *a = arg;
    struct kafka_reader *r = NULL;
    const char *name = "x";
    const int64_t start = now_ms();
    a->reader = kafka_reader_new(a->cfg, &name, 1, &r, a->reader_err);
    a->reader_ms = now_ms() - start;
    return NULL;
}

static void *ask_tx(void *arg) {
    struct answer *a = arg;
    struct kafka_tx *tx = NULL;
    const int64_t start = now_ms();
    a->tx = kafka_tx_new(a->cfg, "id", &tx, a->tx_err);
    a->tx_ms = now_ms() - start;
    return NULL;
}

static void without_a_broker_readers_and_transactions_say_so_in_time(void **state) {
    (void)state;
    struct config *away = config_for("127.0.0.1:1");
    struct answer a = {.cfg = away};
    pthread_t threads[2];
    assert_int_equal(pthread_create(&threads[0], NULL, ask_reader, &a), 0);
    assert_int_equal(pthread_create(&threads[1], NULL, ask_tx, &a), 0);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    assert_int_equal(a.reader, ST_IO);
    assert_int_equal(a.tx, ST_AGAIN);
    assert_in_range(a.reader_ms, 1, 12000);
    assert_in_range(a.tx_ms, 1, 12000);
    assert_non_null(strstr(a.reader_err, "kafka.bootstrap.servers"));
    assert_non_null(strstr(a.tx_err, "kafka.bootstrap.servers"));
    free(away);
    struct config *cfg = config_for("");
    struct kafka_tx *tx = NULL;
    cfg->n_kafka = 0;
    assert_int_equal(kafka_tx_new(cfg, "id", &tx, a.tx_err), ST_INVALID);
    assert_non_null(strstr(a.tx_err, "kafka.bootstrap.servers"));
    free(cfg);
}

/* ---- options ------------------------------------------------------------------------- */

static void an_unknown_option_is_named_beside_the_nearest(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"bootstrap.server", "kafka.bootstrap.servers"}, /* another name of an option  */
        {"linger.m", "kafka.linger.ms"},
        {"sasl.usrname", "kafka.sasl.username"}, /* one that nobody has set    */
        {"fetch.wait.max", "kafka.fetch.wait.max.ms"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        char err[CONFIG_ERROR_MAX] = "";
        char wanted[128];
        struct config *cfg = config_for("127.0.0.1:1");
        struct kafka_producer *p = NULL;
        snprintf(cfg->kafka[0].key, sizeof cfg->kafka[0].key, "%s", cases[k][0]);
        assert_int_equal(kafka_producer_new(cfg, &p, err), ST_INVALID);
        snprintf(wanted, sizeof wanted, "has no such option; did you mean %s?", cases[k][1]);
        if (!strstr(err, wanted)) {
            fail_msg("%s", err);
        }
        free(cfg);
    }
    struct config *cfg = config_for("127.0.0.1:1");
    char err[CONFIG_ERROR_MAX] = "";
    struct kafka_producer *p = NULL;
    snprintf(cfg->kafka[0].key, sizeof cfg->kafka[0].key, "zzzzzzzz");
    assert_int_equal(kafka_producer_new(cfg, &p, err), ST_INVALID);
    assert_non_null(strstr(err, "kafka.zzzzzzzz: "));
    assert_null(strstr(err, "did you mean"));
    free(cfg);
}

static int quiet(void **state) {
    (void)state;
    log_set_level(LOG_LEVEL_ERROR);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_whole_consumer_works_on_the_embedded_broker),
        cmocka_unit_test_setup_teardown(errors_of_a_commit_mean_lost_or_try_again, mock_start,
                                        mock_stop),
        cmocka_unit_test_setup_teardown(an_illegal_generation_means_lost, mock_start, mock_stop),
        cmocka_unit_test_setup_teardown(
            refused_records_fail_the_flush_once_and_do_not_count_as_written, mock_start, mock_stop),
        cmocka_unit_test_setup_teardown(a_producer_comes_back_from_a_fatal_error, mock_start,
                                        mock_stop),
        cmocka_unit_test_setup_teardown(a_full_queue_says_so_and_loses_nothing, mock_start,
                                        mock_stop),
        cmocka_unit_test_setup_teardown(errors_of_a_transaction_mean_lost_or_unknown_or_fenced,
                                        mock_start, mock_stop),
        cmocka_unit_test_setup_teardown(a_producer_without_the_right_to_its_id_is_told_what_to_type,
                                        mock_start, mock_stop),
        cmocka_unit_test_setup_teardown(a_commit_that_is_not_answered_in_time_is_unknown,
                                        mock_start, mock_stop),
        cmocka_unit_test(without_a_broker_readers_and_transactions_say_so_in_time),
        cmocka_unit_test(an_unknown_option_is_named_beside_the_nearest),
    };
    return cmocka_run_group_tests_name("embedded", tests, quiet, NULL);
}
