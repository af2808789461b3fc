/* SPDX-License-Identifier: Apache-2.0
 * stand.c -- see stand.h. */
#include "stand.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon_fixture.h"
#include "kafka_fixture.h"
#include "redis_fixture.h"
#include "scrape.h"

enum { TERM_MS = 20000, FLUSH_MS = 20000, ASK_MS = 10000 };

int64_t stand_now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void stand_nap_ms(int ms) {
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000L};
    nanosleep(&t, NULL);
}

void stand_show_log(struct stand *s) {
    if (s->daemon) {
        daemon_fixture_show_log(s->daemon);
    }
}

/* ---- servers ------------------------------------------------------------------------------ */

int stand_missing(void) {
    const int missing = kafka_fixture_missing();
    if (!missing) {
        redis_fixture_require();
    }
    return missing;
}

int stand_open(struct stand *s) {
    s->kafka = kafka_fixture_start();
    s->redis = redis_fixture_start(REDIS_NO_PORT, NULL);
    s->client = s->redis ? redisConnectUnix(redis_fixture_socket(s->redis)) : NULL;
    return s->kafka && s->client && !s->client->err ? 0 : 1;
}

static void end_daemon(struct stand *s) {
    daemon_fixture_free(s->daemon);
    s->daemon = NULL;
    kafka_producer_free(s->producer);
    s->producer = NULL;
}

void stand_close(struct stand *s) {
    end_daemon(s);
    if (s->client) {
        redisFree(s->client);
    }
    redis_fixture_stop(s->redis);
    kafka_fixture_stop(s->kafka);
}

int stand_setup(void **state) {
    static struct stand s;
    *state = &s;
    return stand_open(&s);
}

int stand_teardown(void **state) {
    stand_close(*state);
    return 0;
}

/* ---- configuration ------------------------------------------------------------------------- */

void stand_set(struct stand *s, const char *key, const char *value) {
    assert_true(s->n_sets < STAND_SETS);
    snprintf(s->sets[s->n_sets++], CONFIG_VALUE_MAX, "%s=%s", key, value);
}

void stand_begin(struct stand *s, const char *name, const char *ini) {
    char text[96];
    end_daemon(s);
    s->n_sets = 0;
    s->ini = ini;
    daemon_fixture_http(9, s->http, sizeof s->http);
    stand_set(s, "crossrec.group", name);
    stand_set(s, "state", "memory");
    snprintf(text, sizeof text, "dead-%s", name);
    stand_set(s, "crossrec.dead.letters", text);
    stand_set(s, "kafka.bootstrap.servers", kafka_fixture_brokers(s->kafka));
    stand_set(s, "redis.address", redis_fixture_address(s->redis));
    stand_set(s, "http.address", s->http);
    stand_set(s, "publish.interval", "20ms");
    stand_set(s, "commit.interval", "200ms");
    stand_set(s, "instance.id", name);
    stand_set(s, "kafka.session.timeout.ms", "6000");
    stand_set(s, "kafka.heartbeat.interval.ms", "300");
    redisReply *r = redisCommand(s->client, "FLUSHALL");
    assert_non_null(r);
    freeReplyObject(r);
}

static void sets_of(const struct stand *s, const char *out[STAND_SETS]) {
    for (size_t k = 0; k < s->n_sets; k++) {
        out[k] = s->sets[k];
    }
}

void stand_load(struct stand *s) {
    const char *sets[STAND_SETS];
    char err[CONFIG_ERROR_MAX] = "";
    sets_of(s, sets);
    if (config_load(&s->cfg, s->ini, NULL, sets, s->n_sets, err) ||
        kafka_producer_new(&s->cfg, &s->producer, err)) {
        fail_msg("%s", err);
    }
}

/* ---- topics and records -------------------------------------------------------------- */

void stand_create(struct stand *s, const char *topic, int32_t partitions) {
    char err[CONFIG_ERROR_MAX] = "";
    if (kafka_topics_create(&s->cfg, &topic, 1, partitions, 1, err)) {
        fail_msg("%s", err);
    }
}

void stand_create_all(struct stand *s, int32_t partitions) {
    const struct config *cfg = &s->cfg;
    for (uint32_t t = 0; t < cfg->n_topics; t++) {
        stand_create(s, cfg->topics[t].name, partitions);
    }
    for (uint32_t t = 0; t < cfg->n_globals; t++) {
        stand_create(s, cfg->globals[t].name, 2);
    }
    for (uint32_t t = 0; t < cfg->n_raws; t++) {
        stand_create(s, cfg->raws[t].name, partitions);
    }
    stand_create(s, cfg->dead_letters, 1);
}

void stand_produce(struct stand *s, const char *topic, const char *key, const void *value,
                   size_t len) {
    enum status st;
    while ((st = kafka_produce(s->producer, topic, key, key ? strlen(key) : 0, value, len, 0)) ==
           ST_AGAIN) {
        kafka_producer_poll(s->producer, 100);
    }
    assert_int_equal(st, ST_OK);
}

void stand_flush(struct stand *s) {
    char err[CONFIG_ERROR_MAX] = "";
    if (kafka_producer_flush(s->producer, FLUSH_MS, err, sizeof err)) {
        fail_msg("%s", err);
    }
}

int64_t stand_records(struct stand *s, const char *topic) {
    struct kafka_topic_info info;
    char err[CONFIG_ERROR_MAX] = "";
    int64_t n = 0;
    assert_int_equal(kafka_topics_describe(&s->cfg, &topic, 1, ASK_MS, &info, NULL, err), ST_OK);
    for (int32_t p = 0; p < info.partitions; p++) {
        int64_t committed = -1;
        int64_t low = 0;
        int64_t high = 0;
        assert_int_equal(kafka_positions(&s->cfg, topic, p, ASK_MS, &committed, &low, &high, err),
                         ST_OK);
        n += high;
    }
    return n;
}

/* ---- the daemon ---------------------------------------------------------------------- */

void stand_start(struct stand *s) {
    const char *sets[STAND_SETS];
    sets_of(s, sets);
    daemon_fixture_free(s->daemon);
    s->daemon = daemon_fixture_start_with(s->ini, sets, s->n_sets);
    assert_non_null(s->daemon);
}

void stand_term(struct stand *s) {
    STAND_EXPECT(s, daemon_fixture_term(s->daemon, TERM_MS) == 0);
    daemon_fixture_free(s->daemon);
    s->daemon = NULL;
}

void stand_kill(struct stand *s) {
    daemon_fixture_kill(s->daemon);
}

void stand_refresh(struct stand *s) {
    daemon_fixture_signal(s->daemon, SIGUSR1);
}

/* ---- what is seen from outside ------------------------------------------------------- */

const char *stand_get(struct stand *s, const char *format, ...) {
    char key[512];
    va_list args;
    va_start(args, format);
    vsnprintf(key, sizeof key, format, args);
    va_end(args);
    redisReply *r = redisCommand(s->client, "GET %s", key);
    const bool found = r && r->type == REDIS_REPLY_STRING && r->len < sizeof s->value;
    if (found) {
        memcpy(s->value, r->str, r->len + 1);
    }
    freeReplyObject(r);
    return found ? s->value : NULL;
}

double stand_metric(struct stand *s, const char *name, const char *label) {
    if (!daemon_fixture_runs(s->daemon)) {
        stand_show_log(s);
        fail_msg("the daemon has ended");
    }
    return scrape(s->http, name, label);
}

bool stand_ready(struct stand *s) {
    return scrape_ready(s->http);
}

const char *stand_find_in_log(struct stand *s,
                              const char *(*find)(const char *line, const char *arg)) {
    return daemon_fixture_find(s->daemon, find, NULL);
}

bool stand_logged(struct stand *s, const char *text) {
    return daemon_fixture_logged(s->daemon, text);
}
