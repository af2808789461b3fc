/* SPDX-License-Identifier: Apache-2.0
 * fault_producer.c -- see fault_producer.h. */
#include "fault_producer.h"

#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FULL_MS = 10 };

struct once {
    rd_kafka_t *rk;
    uint64_t failed;
};

static const char *const SETTINGS[][2] = {
    {"acks", "all"},
    {"retries", "0"}, /* a second sending could be a second record */
    {"max.in.flight.requests.per.connection", "1"},
    {"linger.ms", "5"},
    {"message.timeout.ms", "60000"},
    {"reconnect.backoff.max.ms", "500"},
    {"topic.metadata.refresh.fast.interval.ms", "100"},
    {"log_level", "0"},
};

static void delivered(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque) {
    struct once *p = opaque;
    (void)rk;
    p->failed += m->err != 0;
}

struct once *once_new(const char *brokers) {
    char err[256] = "out of memory";
    struct once *p = calloc(1, sizeof *p);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bool good = p && !rd_kafka_conf_set(conf, "bootstrap.servers", brokers, err, sizeof err);
    for (size_t k = 0; good && k < sizeof SETTINGS / sizeof *SETTINGS; k++) {
        good = !rd_kafka_conf_set(conf, SETTINGS[k][0], SETTINGS[k][1], err, sizeof err);
    }
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    rd_kafka_conf_set_opaque(conf, p);
    if (good) {
        p->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, err, sizeof err);
    }
    if (!good || !p->rk) {
        fprintf(stderr, "fault_producer: %s\n", err);
        rd_kafka_conf_destroy(conf);
        free(p);
        return NULL;
    }
    return p;
}

void once_free(struct once *p) {
    if (p) {
        rd_kafka_destroy(p->rk);
        free(p);
    }
}

void once_poll(struct once *p) {
    rd_kafka_poll(p->rk, 0);
}

/* Takes the headers over, unless the queue is full. */
static rd_kafka_resp_err_t produce(struct once *p, const char *topic, int32_t partition,
                                   const char *key, const void *value, size_t len,
                                   rd_kafka_headers_t *headers) {
    /* librdkafka copies both and changes neither */
    const rd_kafka_vu_t args[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = partition},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)(uintptr_t)key, strlen(key)}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)(uintptr_t)value, len}},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    rd_kafka_error_t *error = rd_kafka_produceva(p->rk, args, sizeof args / sizeof *args);
    const rd_kafka_resp_err_t err = error ? rd_kafka_error_code(error) : RD_KAFKA_RESP_ERR_NO_ERROR;
    if (error) {
        rd_kafka_error_destroy(error);
    }
    return err;
}

void once_send(struct once *p, const char *topic, int32_t partition, const char *key,
               const void *value, size_t len, uint64_t seq) {
    char text[24];
    const int n = snprintf(text, sizeof text, "%" PRIu64, seq);
    rd_kafka_headers_t *headers = rd_kafka_headers_new(1);
    rd_kafka_header_add(headers, "seq", -1, text, n);
    rd_kafka_resp_err_t err;
    while ((err = produce(p, topic, partition, key, value, len, headers)) ==
           RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        rd_kafka_poll(p->rk, FULL_MS);
    }
    if (err) {
        rd_kafka_headers_destroy(headers);
        p->failed++;
    }
}

bool once_flush(struct once *p, int timeout_ms) {
    return rd_kafka_flush(p->rk, timeout_ms) == 0;
}

uint64_t once_failed(const struct once *p) {
    return p->failed;
}
