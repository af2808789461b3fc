/* SPDX-License-Identifier: Apache-2.0
 *
 * redis.c -- recs of ten items to one Redis on loopback, through the real publisher.
 *
 *     redis.sh [RECS [USERS [key=value...]]]
 *
 * Prints recs/s, round trips (the publisher's pipelines and reads, counted at the store; and, of
 * small pipelines through a relay, how often the stream turns round), and MEMORY USAGE of the keys.
 * Exits 1 below 50,000 recs/s, at more than one round trip a pipeline, or above 1.25 KiB a rec.
 */
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "metrics.h"
#include "process.h"
#include "proxy.h"
#include "publisher.h"
#include "redis.h"
#include "redis_fixture.h"
#include "sample.h"

enum {
    RECS = 1000000,
    USERS = 50000,
    ITEMS = 400,
    TASKS = 4,
    EPOCH = 1764000000,
    SAMPLED = 2000, /* keys whose memory is asked for */
    SMALL = 16,     /* recs of a pipeline that fits into a socket's buffer */
    SMALL_PIPELINES = 100,
    SETS_MAX = 16,
    TARGET_PER_S = 50000,
    TARGET_BYTES = 1280,
};

/* A store that counts what it passes on. */
struct counter {
    struct store inner;
    uint64_t flushes, reads, writes;
};

static enum status count_connect(void *ctx, bool *fresh, char *why, size_t len) {
    struct counter *c = ctx;
    return c->inner.connect(c->inner.ctx, fresh, why, len);
}

static enum status count_put(void *ctx, const struct store_write *w) {
    struct counter *c = ctx;
    c->writes++;
    return c->inner.put(c->inner.ctx, w);
}

static enum status
count_flush(void *ctx, void (*each)(void *arg, size_t i, const struct store_reply *r), void *arg) {
    struct counter *c = ctx;
    c->flushes++;
    return c->inner.flush(c->inner.ctx, each, arg);
}

static enum status count_get(void *ctx, const char *key, const char **value, size_t *len) {
    struct counter *c = ctx;
    c->reads++;
    return c->inner.get(c->inner.ctx, key, value, len);
}

static struct store counted(struct counter *c) {
    return (struct store){.connect = count_connect,
                          .put = count_put,
                          .flush = count_flush,
                          .get = count_get,
                          .ctx = c};
}

/* ---- recs ------------------------------------------------------------------------------ */

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void nap_ms(int ms) {
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
}

static char ids[ITEMS][16]; /* "dish-00042": as long as partners' ids are */

/* Five of ten items tell what they are recommended for. */
static bool push(struct publisher *p, uint32_t user, uint64_t seq) {
    struct rec *r = publisher_reserve(p);
    if (!r) {
        return false;
    }
    r->kind = REC_LIST;
    r->epoch = EPOCH;
    r->seq = seq;
    r->task = (int32_t)(user % TASKS);
    r->ts_ms = INT64_C(1764000000123) + (int64_t)seq;
    r->record_ms = 0;
    r->segment = 3;
    r->target = 1;
    r->personalised = true;
    r->user_id_len = (uint16_t)snprintf(r->user_id, sizeof r->user_id, "user-%08u", user);
    for (r->n = 0; r->n < 10; r->n++) {
        const uint32_t item = (user * 7 + r->n * 31 + (uint32_t)seq) % ITEMS;
        const char *because = ids[(item + 1) % ITEMS];
        r->items[r->n] = (struct rec_item){
            .id = ids[item],
            .id_len = (uint16_t)strlen(ids[item]),
            .score = 0.98765F / (float)(r->n + 1 + user % 13),
            .reason = (uint8_t)(r->n % 2 ? REASON_TOGETHER : REASON_POPULAR),
            .because = r->n % 2 ? (struct because){.text = because,
                                                   .len = (uint16_t)strlen(because),
                                                   .kind = BECAUSE_ITEM}
                                : (struct because){0}};
    }
    publisher_push(p);
    return true;
}

/* ---- memory ---------------------------------------------------------------------------- */

static long ask(redisContext *c, const char *format, uint32_t user) {
    redisReply *r = redisCommand(c, format, user);
    const long v = r && r->type == REDIS_REPLY_INTEGER ? (long)r->integer : -1;
    freeReplyObject(r);
    return v;
}

/* Largest MEMORY USAGE of a key. */
static long show_memory(redisContext *c, uint32_t users) {
    double memory = 0.0;
    double value = 0.0;
    long most = 0;
    for (uint32_t k = 0; k < SAMPLED; k++) {
        const uint32_t user = (uint32_t)((uint64_t)k * users / SAMPLED);
        const long bytes = ask(c, "MEMORY USAGE crossrec:food:rec:user-%08u SAMPLES 0", user);
        memory += (double)bytes;
        value += (double)ask(c, "STRLEN crossrec:food:rec:user-%08u", user);
        most = bytes > most ? bytes : most;
    }
    printf("a rec of 10 items: value %.0f bytes, MEMORY USAGE %.0f bytes on average, %ld at most "
           "(target %d)\n",
           value / SAMPLED, memory / SAMPLED, most, (int)TARGET_BYTES);
    sample("bytes a list", "bytes", memory / SAMPLED, SAMPLE_NONE, SAMPLE_NONE);
    sample("bytes a list, largest", "bytes", (double)most, SAMPLE_NONE, SAMPLE_NONE);
    return most;
}

/* ---- rounds ------------------------------------------------------------------------------- */

static struct redis *connect_to(const char *address) {
    const struct redis_params params = {address, "", "", 5000};
    char err[256] = "";
    struct redis *r = NULL;
    if (redis_new(&params, &r, err, sizeof err)) {
        fprintf(stderr, "redis: %s\n", err);
        exit(1);
    }
    return r;
}

static double run(const struct config *cfg, struct redis_fixture *server, uint32_t recs,
                  uint32_t users) {
    struct redis *redis = connect_to(redis_fixture_tcp_address(server));
    struct counter counter = {.inner = redis_store(redis)};
    const struct store store = counted(&counter);
    struct publisher *p = NULL;
    if (publisher_start(cfg, &store, &p)) {
        exit(1);
    }
    const double cpu = process_cpu_s(0);
    const double begin = now_s();
    for (uint32_t i = 0; i < recs;) {
        if (push(p, i % users, i + 1)) {
            i++;
        } else {
            nap_ms(1);
        }
    }
    while (!publisher_idle(p)) {
        nap_ms(1);
    }
    const double took = now_s() - begin;
    const double mine = process_cpu_s(0) - cpu;
    publisher_stop(p, 1000);
    redis_free(redis);
    printf("%u recs of 10 items in %.2f s: %.0f recs/s (target %d); CPU of this process %.1f us a "
           "rec\n",
           recs, took, recs / took, (int)TARGET_PER_S, mine / recs * 1e6);
    sample("lists published", "lists/s", recs / took, SAMPLE_NONE, SAMPLE_NONE);
    sample("CPU a list", "us CPU", mine / recs * 1e6, SAMPLE_NONE, SAMPLE_NONE);
    printf("%llu writes in %llu pipelines: %.0f a pipeline, one round trip each; %llu reads\n",
           (unsigned long long)counter.writes, (unsigned long long)counter.flushes,
           (double)counter.writes / (double)counter.flushes, (unsigned long long)counter.reads);
    return recs / took;
}

static void ignore(void *arg, size_t i, const struct store_reply *reply) {
    (void)i;
    *(bool *)arg &= reply->result == STORE_WRITTEN;
}

/* How often the stream turned round, a pipeline. */
static double count_turns(struct redis_fixture *server) {
    struct proxy *proxy = proxy_start(redis_fixture_socket(server));
    struct redis *redis = connect_to(proxy_address(proxy));
    const struct store store = redis_store(redis);
    char why[256];
    bool fresh = false;
    bool good = store.connect(store.ctx, &fresh, why, sizeof why) == ST_OK;
    const size_t before = proxy_turns(proxy);
    for (int k = 0; k < SMALL_PIPELINES; k++) {
        for (int i = 0; i < SMALL; i++) {
            char key[32];
            char value[64];
            snprintf(key, sizeof key, "crossrec:turn:%d", i);
            snprintf(value, sizeof value, "{\"version\":[1,%d],\"n\":1}", k);
            const struct store_write w = {.key = key,
                                          .key_len = strlen(key),
                                          .value = value,
                                          .value_len = strlen(value),
                                          .epoch = 1,
                                          .seq = (uint64_t)k};
            good = good && store.put(store.ctx, &w) == ST_OK;
        }
        good = good && store.flush(store.ctx, ignore, &good) == ST_OK;
    }
    const double turns = (double)(proxy_turns(proxy) - before) / SMALL_PIPELINES;
    redis_free(redis);
    proxy_stop(proxy);
    printf("through a relay: %.2f round trips a pipeline of %d writes\n", turns, (int)SMALL);
    return good ? turns : 99.0;
}

int main(int argc, char **argv) {
    const uint32_t recs = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : RECS;
    const uint32_t users = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : USERS;
    const char *sets[SETS_MAX];
    size_t n_sets = 0;
    static struct config cfg;
    char err[CONFIG_ERROR_MAX] = "";
    for (int k = 3; k < argc && n_sets < SETS_MAX; k++) {
        sets[n_sets++] = argv[k];
    }
    redis_fixture_require();
    (void)signal(SIGPIPE, SIG_IGN);
    if (recs == 0 || users == 0 || config_load(&cfg, NULL, NULL, sets, n_sets, err)) {
        fprintf(stderr, "redis [RECS [USERS [key=value...]]]: %s\n", err);
        return 2;
    }
    for (uint32_t k = 0; k < ITEMS; k++) {
        snprintf(ids[k], sizeof ids[k], "dish-%05u", k * 97 % 100000);
    }
    metrics_reset();
    log_set_level(LOG_LEVEL_WARN);
    static const char *const ARGS[] = {"--loglevel", "warning", "--logfile", "/dev/null", NULL};
    struct redis_fixture *server = redis_fixture_start(REDIS_PORT, ARGS);
    redisContext *c = server ? redisConnectUnix(redis_fixture_socket(server)) : NULL;
    if (!c || c->err) {
        return 1;
    }
    const double rate = run(&cfg, server, recs, users);
    const double turns = count_turns(server);
    const long most = show_memory(c, recs < users ? recs : users);
    redisFree(c);
    redis_fixture_stop(server);
    return rate >= TARGET_PER_S && turns <= 1.0 && most > 0 && most <= TARGET_BYTES ? 0 : 1;
}
