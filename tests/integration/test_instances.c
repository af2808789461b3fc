/* SPDX-License-Identifier: Apache-2.0
 *
 * test_instances.c -- several instances, and servers that are killed, frozen and restarted
 * while events flow: real Kafka, real Redis, daemons as processes.
 *
 * What must hold at the end of each test: `published` of every task says the end of both topics,
 * every user has his lists, every bad record is one dead letter, and each instance has counted
 * each event of its tasks once. What the lists say is test_end_to_end.c's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <hiredis/hiredis.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "daemon_fixture.h"
#include "feeder.h"
#include "kafka.h"
#include "kafka_fixture.h"
#include "redis_fixture.h"
#include "scrape.h"

enum {
    PARTITIONS = 4,
    PROCESSES = 2,
    SETS = 24,
    WAIT_MS = 30000,
    RATE = 1500,
    BAD_EVERY = 100,
    TERM_MS = 15000,
    SESSION_MS = 6000,
    RECORDS_MAX = 1 << 20, /* of a partition */
};

struct process {
    struct daemon_fixture *daemon;
    char http[32];
};

struct fixture {
    struct kafka_fixture *kafka;
    struct redis_fixture *redis;
    redisContext *client;
    struct config cfg;
    char sets[SETS][CONFIG_VALUE_MAX];
    size_t n_sets;
    struct process processes[PROCESSES];
    struct feeder *feeder;
    uint64_t events, bad; /* of feeders that have ended */
};

static void nap_ms(int ms) {
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000L};
    nanosleep(&t, NULL);
}

static int64_t mono_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void show_logs(const struct fixture *f) {
    for (int k = 0; k < PROCESSES; k++) {
        if (f->processes[k].daemon) {
            fprintf(stderr, "---- log of process %d\n", k);
            daemon_fixture_show_log(f->processes[k].daemon);
        }
    }
}

#define EXPECT(f, what)                                                                            \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            show_logs(f);                                                                          \
            fail_msg("not so: %s", #what);                                                         \
        }                                                                                          \
    } while (0)

#define AWAIT(f, what)                                                                             \
    do {                                                                                           \
        for (const int64_t end_ = mono_ms() + WAIT_MS; !(what);) {                                 \
            if (mono_ms() > end_) {                                                                \
                show_logs(f);                                                                      \
                fail_msg("never: %s", #what);                                                      \
            }                                                                                      \
            nap_ms(20);                                                                            \
        }                                                                                          \
    } while (0)

/* ---- configuration and processes ---------------------------------------------------------- */

static void set(struct fixture *f, const char *key, const char *value) {
    assert_true(f->n_sets < SETS);
    snprintf(f->sets[f->n_sets++], CONFIG_VALUE_MAX, "%s=%s", key, value);
}

static void load(struct fixture *f) {
    const char *sets[SETS];
    for (size_t k = 0; k < f->n_sets; k++) {
        sets[k] = f->sets[k];
    }
    char err[CONFIG_ERROR_MAX] = "";
    if (config_load(&f->cfg, NULL, NULL, sets, f->n_sets, err)) {
        fail_msg("%s", err);
    }
}

/* A group and a dead-letter topic of its own for each test; what was produced stays. */
static void configure(struct fixture *f, const char *name) {
    char text[64];
    f->n_sets = 0;
    set(f, "crossrec.group", name);
    snprintf(text, sizeof text, "dead-%s", name);
    set(f, "crossrec.dead.letters", text);
    set(f, "kafka.bootstrap.servers", kafka_fixture_brokers(f->kafka));
    set(f, "state", "memory");
    set(f, "redis.address", redis_fixture_address(f->redis));
    set(f, "redis.timeout", "1s");
    set(f, "publish.max.lag", "2s");
    set(f, "publish.interval", "20ms");
    set(f, "commit.interval", "200ms");
    snprintf(text, sizeof text, "%d", SESSION_MS);
    set(f, "kafka.session.timeout.ms", text);
    set(f, "kafka.heartbeat.interval.ms", "300");
    load(f);
    redisReply *r = redisCommand(f->client, "FLUSHALL");
    assert_non_null(r);
    freeReplyObject(r);
    const char *topics[] = {f->cfg.topics[0].name, f->cfg.topics[1].name};
    const char *dead[] = {f->cfg.dead_letters};
    char err[CONFIG_ERROR_MAX] = "";
    assert_int_equal(kafka_topics_create(&f->cfg, topics, 2, PARTITIONS, 1, err), ST_OK);
    assert_int_equal(kafka_topics_create(&f->cfg, dead, 1, 1, 1, err), ST_OK);
}

static struct process *start(struct fixture *f, int k) {
    struct process *p = &f->processes[k];
    assert_null(p->daemon);
    char http[CONFIG_VALUE_MAX];
    daemon_fixture_http(k + 1, p->http, sizeof p->http);
    snprintf(http, sizeof http, "http.address=%s", p->http);
    const char *sets[SETS + 1];
    for (size_t i = 0; i < f->n_sets; i++) {
        sets[i] = f->sets[i];
    }
    sets[f->n_sets] = http;
    p->daemon = daemon_fixture_start(sets, f->n_sets + 1);
    assert_non_null(p->daemon);
    return p;
}

static void discard(struct process *p) {
    daemon_fixture_free(p->daemon);
    p->daemon = NULL;
}

static void terminate(struct fixture *f, struct process *p) {
    const int64_t start_ms = mono_ms();
    const int rc = daemon_fixture_term(p->daemon, TERM_MS);
    print_message("SIGTERM: ended after %d ms\n", (int)(mono_ms() - start_ms));
    EXPECT(f, rc == 0);
    discard(p);
}

static void feed(struct fixture *f, int bad_every) {
    f->feeder = feeder_start(&f->cfg, RATE, bad_every, f->events);
    assert_non_null(f->feeder);
}

static void end_feed(struct fixture *f) {
    if (f->feeder) {
        uint64_t events = 0;
        uint64_t bad = 0;
        feeder_stop(f->feeder, &events, &bad);
        f->feeder = NULL;
        f->events += events;
        f->bad += bad;
    }
}

static int end_all(void **state) {
    struct fixture *f = *state;
    for (int k = 0; k < PROCESSES; k++) {
        discard(&f->processes[k]);
    }
    end_feed(f);
    return 0;
}

/* ---- what is seen from outside --------------------------------------------------------------- */

static int running_tasks(const struct process *p) {
    return (int)scrape(p->http, "crossrec_tasks", "state=\"running\"");
}

static int64_t metric(const struct process *p, const char *name) {
    return (int64_t)scrape(p->http, name, NULL);
}

static int64_t learned(const struct process *p) {
    return metric(p, "crossrec_events_total");
}

static int64_t commits_of(const struct process *p) {
    return metric(p, "crossrec_commit_seconds_count");
}

static json_t *get_json(struct fixture *f, const char *key) {
    redisReply *r = redisCommand(f->client, "GET %s", key);
    json_t *v = r && r->type == REDIS_REPLY_STRING ? json_loadb(r->str, r->len, 0, NULL) : NULL;
    freeReplyObject(r);
    return v;
}

static bool exists(struct fixture *f, const char *target, int user) {
    redisReply *r = redisCommand(f->client, "EXISTS crossrec:%s:rec:u%d", target, user);
    const bool yes = r && r->integer == 1;
    freeReplyObject(r);
    return yes;
}

static int64_t high_of(struct fixture *f, const char *topic, int32_t partition) {
    int64_t committed = -1;
    int64_t low = -1;
    int64_t high = -1;
    char err[CONFIG_ERROR_MAX] = "";
    assert_int_equal(
        kafka_positions(&f->cfg, topic, partition, 10000, &committed, &low, &high, err), ST_OK);
    return high;
}

static int64_t dead_letters(struct fixture *f) {
    return high_of(f, f->cfg.dead_letters, 0);
}

/* `published` of a task says the end of both topics. */
static bool is_published(struct fixture *f, int32_t p, const int64_t ends[2]) {
    char key[64];
    snprintf(key, sizeof key, "crossrec:published:%d", p);
    json_t *v = get_json(f, key);
    bool reached = v != NULL;
    for (int t = 0; v && t < 2; t++) {
        const json_t *offset =
            json_object_get(json_object_get(v, "offsets"), f->cfg.topics[t].name);
        reached = reached && json_integer_value(offset) == ends[t];
    }
    json_decref(v);
    return reached;
}

/* Marks the letter of one record in seen, (2, PARTITIONS, RECORDS_MAX), by the place it came from.
 * False: it has one already. */
static bool mark_letter(struct fixture *f, uint8_t *seen, const struct header *headers, size_t n) {
    const char *names[] = {"topic", "partition", "offset"};
    char values[3][CONFIG_NAME_MAX] = {""};
    for (size_t h = 0; h < n; h++) {
        for (size_t k = 0; k < 3; k++) {
            if (strcmp(headers[h].name, names[k]) == 0) {
                snprintf(values[k], sizeof values[k], "%.*s", (int)headers[h].len,
                         (const char *)headers[h].value);
            }
        }
    }
    const int topic = strcmp(values[0], f->cfg.topics[0].name) == 0 ? 0 : 1;
    const int64_t partition = strtoll(values[1], NULL, 10);
    const int64_t offset = strtoll(values[2], NULL, 10);
    assert_string_equal(values[0], f->cfg.topics[topic].name);
    assert_in_range(partition, 0, PARTITIONS - 1);
    assert_in_range(offset, 0, RECORDS_MAX - 1);
    uint8_t *mark =
        &seen[((size_t)topic * PARTITIONS + (size_t)partition) * RECORDS_MAX + (size_t)offset];
    const bool first = !*mark;
    *mark = 1;
    return first;
}

/* How many records have letters. */
static int64_t records_with_letters(struct fixture *f) {
    struct kafka_reader *reader = NULL;
    const char *names[] = {f->cfg.dead_letters};
    char err[CONFIG_ERROR_MAX] = "";
    uint8_t *seen = calloc((size_t)2 * PARTITIONS * RECORDS_MAX, 1);
    int64_t n = 0;
    assert_non_null(seen);
    if (kafka_reader_new(&f->cfg, names, 1, &reader, err)) {
        fail_msg("%s", err);
    }
    while (!kafka_reader_complete(reader)) {
        struct record records[64];
        const size_t got = kafka_reader_poll(reader, records, 64, 100);
        for (size_t k = 0; k < got; k++) {
            struct header headers[16];
            const size_t n_headers = kafka_reader_headers(reader, k, headers, 16);
            n += mark_letter(f, seen, headers, n_headers);
        }
    }
    kafka_reader_free(reader);
    free(seen);
    return n;
}

/* Did a process that runs take back what it had not committed? */
static bool took_back(struct fixture *f) {
    bool any = false;
    for (int k = 0; k < PROCESSES; k++) {
        const struct process *p = &f->processes[k];
        any = any || (p->daemon && metric(p, "crossrec_batches_undone_total") > 0);
    }
    return any;
}

/* Everything that was sent is learned, published and committed; each bad record has a letter: one,
 * unless what was not committed was taken back and read again. The feeder has ended. */
static void await_all(struct fixture *f) {
    for (int32_t p = 0; p < PARTITIONS; p++) {
        const int64_t ends[2] = {high_of(f, f->cfg.topics[0].name, p),
                                 high_of(f, f->cfg.topics[1].name, p)};
        AWAIT(f, is_published(f, p, ends));
    }
    AWAIT(f, dead_letters(f) >= (int64_t)f->bad);
    AWAIT(f, records_with_letters(f) >= (int64_t)f->bad);
    print_message("%lld dead letters of %lld records, %llu are bad%s\n", (long long)dead_letters(f),
                  (long long)records_with_letters(f), (unsigned long long)f->bad,
                  took_back(f) ? "; some were read again" : "");
    EXPECT(f, records_with_letters(f) == (int64_t)f->bad);
    EXPECT(f, took_back(f) || dead_letters(f) == (int64_t)f->bad);
    int missing = 0;
    for (int user = 0; user < FEEDER_USERS; user++) {
        missing += !exists(f, f->cfg.domains[0].name, user);
        missing += !exists(f, f->cfg.domains[1].name, user);
    }
    EXPECT(f, missing == 0);
}

/* VmRSS of the one child that is a daemon, kB. */
static long daemon_rss_kb(void) {
    DIR *d = opendir("/proc");
    long rss = 0;
    for (struct dirent *e; d && (e = readdir(d)) != NULL;) {
        char path[300];
        char line[256];
        long parent = 0;
        long kb = 0;
        bool named = false;
        snprintf(path, sizeof path, "/proc/%s/status", e->d_name);
        FILE *in = e->d_name[0] >= '0' && e->d_name[0] <= '9' ? fopen(path, "r") : NULL;
        while (in && fgets(line, sizeof line, in)) {
            named = named || strcmp(line, "Name:\tcrossrec\n") == 0;
            (void)sscanf(line, "PPid: %ld", &parent);
            (void)sscanf(line, "VmRSS: %ld", &kb);
        }
        if (in) {
            fclose(in);
        }
        rss = named && parent == (long)getpid() ? kb : rss;
    }
    if (d) {
        closedir(d);
    }
    return rss;
}

/* ---- tests --------------------------------------------------------------------------- */

static void topics_with_different_partition_counts_end_it_with_a_message(void **state) {
    struct fixture *f = *state;
    struct kafka_fixture *whole = f->kafka;
    f->kafka = kafka_fixture_start();
    assert_non_null(f->kafka);
    configure(f, "counts"); /* makes both topics with 4 */
    char err[CONFIG_ERROR_MAX] = "";
    const char *more[] = {"orders-of-another"};
    assert_int_equal(kafka_topics_create(&f->cfg, more, 1, 2, 1, err), ST_OK);
    set(f, "topic.orders-of-another.schema", "FoodOrder");
    set(f, "topic.orders-of-another.domain", "food");
    struct process *p = start(f, 0);
    AWAIT(f, !daemon_fixture_runs(p->daemon));
    EXPECT(f, daemon_fixture_logged(p->daemon, "2 of 3 topics"));
    EXPECT(f, daemon_fixture_logged(p->daemon, "orders-of-another has none"));
    EXPECT(f, daemon_fixture_logged(p->daemon, "exist with the same partition count"));
    EXPECT(f, daemon_fixture_term(p->daemon, 1000) == 1);
    discard(p);
    kafka_fixture_stop(f->kafka);
    f->kafka = whole;
}

static void tasks_move_between_instances_and_every_event_counts_once(void **state) {
    struct fixture *f = *state;
    configure(f, "move");
    feed(f, 0);
    struct process *a = start(f, 0);
    AWAIT(f, running_tasks(a) == PARTITIONS && learned(a) > 1000);
    struct process *b = start(f, 1);
    AWAIT(f, running_tasks(a) == 2 && running_tasks(b) == 2 && scrape_ready(b->http));
    nap_ms(1500);
    terminate(f, b);
    AWAIT(f, running_tasks(a) == PARTITIONS);
    nap_ms(1000);

    b = start(f, 1);
    AWAIT(f, running_tasks(a) == 2 && running_tasks(b) == 2 && scrape_ready(b->http));
    feeder_set(f->feeder, RATE, BAD_EVERY);
    nap_ms(1000);
    feeder_set(f->feeder, RATE, 0);
    AWAIT(f, dead_letters(f) >= (int64_t)(f->bad + feeder_bad(f->feeder)));
    const int64_t commits = commits_of(b); /* of all tasks, or their letters are sent again */
    AWAIT(f, commits_of(b) > commits + 4 * PARTITIONS);
    daemon_fixture_kill(b->daemon);
    discard(b);
    AWAIT(f, running_tasks(a) == PARTITIONS);
    nap_ms(1000);

    end_feed(f);
    await_all(f);
    AWAIT(f, learned(a) >= (int64_t)f->events);
    EXPECT(f, metric(a, "crossrec_batches_undone_total") == 0);
    EXPECT(f, learned(a) == (int64_t)f->events);
    EXPECT(f, metric(a, "crossrec_duplicate_events_total") == 0);
    json_t *info = get_json(f, "crossrec:food:info");
    EXPECT(f, json_integer_value(json_object_get(info, "partitions")) == PARTITIONS);
    json_decref(info);

    b = start(f, 1); /* now the other one is killed: b takes tasks over that it never held */
    AWAIT(f, running_tasks(a) == 2 && running_tasks(b) == 2 && scrape_ready(b->http));
    feed(f, 0);
    nap_ms(500);
    daemon_fixture_kill(a->daemon);
    discard(a);
    AWAIT(f, running_tasks(b) == PARTITIONS);
    end_feed(f);
    await_all(f);
    EXPECT(f, learned(b) >= (int64_t)f->events);
    EXPECT(f, metric(b, "crossrec_duplicate_events_total") == 0);
    terminate(f, b);
}

/* One process that has all tasks and is ready, and a feeder. */
static struct process *begin(struct fixture *f, const char *name, int bad_every) {
    configure(f, name);
    feed(f, bad_every);
    struct process *p = start(f, 0);
    AWAIT(f, running_tasks(p) == PARTITIONS && scrape_ready(p->http));
    return p;
}

static void kill_broker(struct fixture *f, const struct process *p, int away_ms) {
    nap_ms(1000);
    kafka_fixture_kill(f->kafka);
    nap_ms(away_ms);
    assert_true(kafka_fixture_restart(f->kafka));
    const int64_t before = learned(p);
    AWAIT(f, learned(p) > before + RATE);
}

static void a_broker_that_is_killed_loses_nothing(void **state) {
    struct fixture *f = *state;
    struct process *a = begin(f, "broker", BAD_EVERY);
    for (int round = 0; round < 2; round++) {
        kill_broker(f, a, 1000);
    }
    end_feed(f);
    await_all(f);
    AWAIT(f, learned(a) >= (int64_t)f->events);
    EXPECT(f, took_back(f) || learned(a) == (int64_t)f->events);
    EXPECT(f, metric(a, "crossrec_duplicate_events_total") == 0);
    terminate(f, a);
}

/* The group has forgotten its member: what was not committed is read again, letters too. */
static void a_broker_away_for_longer_than_the_session_loses_nothing(void **state) {
    struct fixture *f = *state;
    struct process *a = begin(f, "forgotten", BAD_EVERY);
    kill_broker(f, a, SESSION_MS + 1000);
    end_feed(f);
    await_all(f);
    EXPECT(f, took_back(f));
    AWAIT(f, learned(a) >= (int64_t)f->events);
    EXPECT(f, metric(a, "crossrec_duplicate_events_total") == 0);
    terminate(f, a);
}

static void a_redis_that_is_frozen_costs_neither_memory_nor_lists(void **state) {
    struct fixture *f = *state;
    struct process *a = begin(f, "frozen", 0);
    nap_ms(500);
    const long before_kb = daemon_rss_kb();
    redis_fixture_freeze(f->redis);
    const int64_t learned_before = learned(a);
    nap_ms(5000);
    EXPECT(f, !scrape_ready(a->http));
    EXPECT(f, learned(a) > learned_before + 3 * RATE); /* learning goes on */
    redis_fixture_thaw(f->redis);
    AWAIT(f, scrape_ready(a->http));
    const long after_kb = daemon_rss_kb();
    print_message("VmRSS %ld kB, after 5 s without Redis %ld kB\n", before_kb, after_kb);
    EXPECT(f, before_kb > 0 && after_kb - before_kb < 64 * 1024);
    end_feed(f);
    await_all(f);
    EXPECT(f, learned(a) == (int64_t)f->events);
    terminate(f, a);
}

static void sigterm_under_load_ends_in_order_and_a_restart_goes_on(void **state) {
    struct fixture *f = *state;
    struct process *a = begin(f, "term", BAD_EVERY);
    nap_ms(500);
    terminate(f, a); /* within TERM_MS, with status 0 */
    a = start(f, 0);
    AWAIT(f, running_tasks(a) == PARTITIONS && learned(a) > 0); /* catching up */
    terminate(f, a);
    a = start(f, 0);
    AWAIT(f, running_tasks(a) == PARTITIONS && scrape_ready(a->http));
    end_feed(f);
    await_all(f);
    EXPECT(f, learned(a) == (int64_t)f->events);
    terminate(f, a);
}

static void a_stop_without_brokers_ends_in_time(void **state) {
    struct fixture *f = *state;
    struct process *a = begin(f, "nobody", 0);
    end_feed(f);
    const int64_t before = learned(a);
    feed(f, BAD_EVERY);
    AWAIT(f, learned(a) > before + 100);
    kafka_fixture_kill(f->kafka);
    nap_ms(500);
    const int64_t start_ms = mono_ms();
    const int rc = daemon_fixture_term(a->daemon, 2 * TERM_MS);
    print_message("SIGTERM without brokers: ended after %d ms\n", (int)(mono_ms() - start_ms));
    assert_true(kafka_fixture_restart(f->kafka));
    EXPECT(f, rc == 0);
    discard(a);
    end_feed(f);
}

static void events_of_a_foreign_partitioner_are_dead_letters_until_reading_stops(void **state) {
    struct fixture *f = *state;
    configure(f, "foreign");
    set(f, "crossrec.partitioner", "consistent"); /* the feeder's; the daemon expects murmur2 */
    load(f);
    f->n_sets--;
    struct process *a = start(f, 0);
    AWAIT(f, running_tasks(a) == PARTITIONS && scrape_ready(a->http)); /* all good ones are read */
    feed(f, 0);
    AWAIT(f, scrape(a->http, "crossrec_dead_letters_total", "wrong-partition") > 0);
    AWAIT(f, metric(a, "crossrec_breaker_open") == 1); /* three in four lie where they must not */
    EXPECT(f, !scrape_ready(a->http));
    EXPECT(f, daemon_fixture_logged(a->daemon, "reason=wrong-partition"));
    end_feed(f);
    terminate(f, a);
}

/* On the same records, when nobody looks. */
static void with_any_partitioner_every_event_counts(void **state) {
    struct fixture *f = *state;
    configure(f, "any");
    set(f, "crossrec.partitioner", "any");
    load(f);
    struct process *a = start(f, 0);
    AWAIT(f, learned(a) > 1500);
    EXPECT(f, scrape(a->http, "crossrec_dead_letters_total", "wrong-partition") == 0);
    terminate(f, a);
}

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->kafka = kafka_fixture_start_apart();
    f->redis = redis_fixture_start(REDIS_NO_PORT, NULL);
    assert_non_null(f->kafka);
    assert_non_null(f->redis);
    f->client = redisConnectUnix(redis_fixture_socket(f->redis));
    assert_non_null(f->client);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    redisFree(f->client);
    kafka_fixture_stop(f->kafka);
    redis_fixture_stop(f->redis);
    free(f);
    return 0;
}

int main(void) {
    const int missing = kafka_fixture_missing();
    if (missing) {
        return missing;
    }
    redis_fixture_require();
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_teardown(name, end_all)
        TEST(topics_with_different_partition_counts_end_it_with_a_message),
        TEST(tasks_move_between_instances_and_every_event_counts_once),
        TEST(a_broker_that_is_killed_loses_nothing),
        TEST(a_broker_away_for_longer_than_the_session_loses_nothing),
        TEST(a_redis_that_is_frozen_costs_neither_memory_nor_lists),
        TEST(sigterm_under_load_ends_in_order_and_a_restart_goes_on),
        TEST(a_stop_without_brokers_ends_in_time),
        TEST(events_of_a_foreign_partitioner_are_dead_letters_until_reading_stops),
        TEST(with_any_partitioner_every_event_counts),
#undef TEST
    };
    return cmocka_run_group_tests_name("instances", tests, setup, teardown);
}
