/* SPDX-License-Identifier: Apache-2.0
 *
 * restart.c -- how long a restart takes with many users, against a real Kafka and Redis.
 *
 *     bench_restart [USERS [COLD]]        1,000,000
 *
 * Fills crossrec's own topics (restart_fill.h), then starts `crossrec run` again and again and
 * waits each time for the first event that it learns: an event of each task lies in the input
 * topics before. The clock starts with the process.
 *
 *     nothing      own topics are made, no state
 *     cold         no state.dir: the changelog is read
 *     cold + dir   the changelog is read, and the checkpoint is written
 *     warm         after SIGTERM, with the checkpoint
 *     warm, -9     after kill -9, as a static member: nobody waits for the session
 *     join         a second instance takes half of the tasks, from the changelog
 *     leave        the first one is ended by SIGTERM: the second takes its tasks
 *     killed       the first one is killed with -9: session (6 s), then the same
 *
 * COLD: so many cold restarts and nothing else.
 * Prints a table; exits 1 if anything did not come, or (from 1,000,000 users on) none of three warm
 * restarts took less than 2 s.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon_fixture.h"
#include "encode.h"
#include "kafka.h"
#include "kafka_fixture.h"
#include "process.h"
#include "redis_fixture.h"
#include "restart_fill.h"
#include "sample.h"
#include "scrape.h"

enum {
    TASKS = 4,
    SETS = 24,
    SET = 160,
    OWN = 4,
    DEADLINE_S = 600,
    TERM_MS = 30000,
    SESSION_MS = 6000,
    MILLION = 1000000,
};

static const double WARM_MAX_S = 2.0;

struct bench {
    struct kafka_fixture *kafka;
    struct redis_fixture *redis;
    struct config cfg;
    char sets[SETS][SET];
    size_t n_sets;
    char dir[64];
    uint32_t users, cold;
    uint64_t events; /* produced */
    bool members;    /* static ones */
    bool failed;
};

struct instance_of { /* a process */
    struct daemon_fixture *daemon;
    char http[32];
    char own[OWN][SET];
    double started;
};

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void nap(int ms) {
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000L};
    nanosleep(&t, NULL);
}

static void set(struct bench *b, const char *key, const char *value) {
    snprintf(b->sets[b->n_sets++], SET, "%s=%s", key, value);
}

static bool configure(struct bench *b) {
    set(b, "crossrec.group", "restart");
    set(b, "crossrec.state", "kafka");
    set(b, "kafka.bootstrap.servers", kafka_fixture_brokers(b->kafka));
    set(b, "redis.address", redis_fixture_address(b->redis));
    set(b, "state.checkpoint.interval", "2s");
    set(b, "kafka.session.timeout.ms", "6000");
    set(b, "kafka.heartbeat.interval.ms", "500");
    const char *sets[SETS];
    for (size_t k = 0; k < b->n_sets; k++) {
        sets[k] = b->sets[k];
    }
    char err[CONFIG_ERROR_MAX] = "";
    if (config_load(&b->cfg, NULL, NULL, sets, b->n_sets, err)) {
        fprintf(stderr, "restart: %s\n", err);
        return false;
    }
    const char *topics[] = {b->cfg.topics[0].name, b->cfg.topics[1].name};
    const char *dead[] = {b->cfg.dead_letters};
    return kafka_topics_create(&b->cfg, topics, 2, TASKS, 1, err) == ST_OK &&
           kafka_topics_create(&b->cfg, dead, 1, 1, 1, err) == ST_OK;
}

/* ---- events --------------------------------------------------------------------------------- */

/* One of each task, now, by users that are there. */
static bool produce(struct bench *b) {
    struct encoder *encoder = NULL;
    struct kafka_producer *producer = NULL;
    char err[CONFIG_ERROR_MAX] = "";
    bool ok = encoder_new(READER_FOOD_ORDER, shipped_id(READER_FOOD_ORDER), &encoder) == ST_OK &&
              kafka_producer_new(&b->cfg, &producer, err) == ST_OK;
    for (uint32_t u = 0, sent = 0; ok && sent < TASKS; u++) {
        char user[16];
        char event[32];
        uint8_t value[512];
        size_t len = 0;
        snprintf(user, sizeof user, "u%u", u);
        if (kafka_partition_of("murmur2", user, strlen(user), TASKS) != (int32_t)sent) {
            continue;
        }
        snprintf(event, sizeof event, "e%llu", (unsigned long long)b->events++);
        struct decoded_line line = {.item = "f1", .item_len = 2, .quantity = 1, .amount = 3};
        const struct decoded d = {.event_id = event,
                                  .event_id_len = strlen(event),
                                  .user_id = user,
                                  .user_id_len = strlen(user),
                                  .ts_ms = (int64_t)time(NULL) * 1000,
                                  .action = ACTION_ORDER,
                                  .n_lines = 1,
                                  .lines = &line};
        ok = encode(encoder, &d, value, sizeof value, &len) == ST_OK &&
             kafka_produce(producer, b->cfg.topics[1].name, user, strlen(user), value, len, 0) ==
                 ST_OK;
        sent++;
    }
    ok = ok && kafka_producer_flush(producer, 10000, err, sizeof err) == ST_OK;
    kafka_producer_free(producer);
    encoder_free(encoder);
    return ok;
}

/* ---- processes ------------------------------------------------------------------------------ */

static void start(struct bench *b, struct instance_of *in, int number, bool checkpoint) {
    daemon_fixture_http(number, in->http, sizeof in->http);
    snprintf(in->own[0], SET, "http.address=%s", in->http);
    snprintf(in->own[1], SET, "instance.id=i%d", number);
    snprintf(in->own[2], SET, "state.dir=%s", b->dir);
    snprintf(in->own[3], SET, "static.members=%s", b->members ? "yes" : "no");
    if (!checkpoint) {
        snprintf(in->own[2], SET, "state.dir=");
    } else if (number > 1) {
        snprintf(in->own[2], SET, "state.dir=%s/other", b->dir);
    }
    const char *sets[SETS + OWN];
    for (size_t k = 0; k < b->n_sets; k++) {
        sets[k] = b->sets[k];
    }
    for (size_t k = 0; k < OWN; k++) {
        sets[b->n_sets + k] = in->own[k];
    }
    in->started = now_s();
    in->daemon = daemon_fixture_start(sets, b->n_sets + OWN);
}

static double metric(const struct instance_of *in, const char *name, const char *label) {
    const double v = scrape(in->http, name, label);
    return v > 0.0 ? v : 0.0;
}

static void end(struct bench *b, struct instance_of *in, int signal_number) {
    if (getenv("RESTART_LOGS")) {
        daemon_fixture_show_log(in->daemon);
    }
    if (signal_number == SIGKILL) {
        daemon_fixture_kill(in->daemon);
    } else if (daemon_fixture_term(in->daemon, TERM_MS) != 0) {
        b->failed = true;
        daemon_fixture_show_log(in->daemon);
    }
    daemon_fixture_free(in->daemon);
    in->daemon = NULL;
}

/* Until `name` is at least `value`; seconds since `since`, negative: it never came. */
static double await(struct bench *b, struct instance_of *in, const char *name, const char *label,
                    double value, double since) {
    while (now_s() - since < DEADLINE_S && daemon_fixture_runs(in->daemon)) {
        if (metric(in, name, label) >= value) {
            return now_s() - since;
        }
        nap(10);
    }
    fprintf(stderr, "restart: %s never was %.0f; the log:\n", name, value);
    daemon_fixture_show_log(in->daemon);
    b->failed = true;
    return -1.0;
}

/* ---- measurements --------------------------------------------------------------------------- */

static void row(const char *what, double seconds, const struct instance_of *in) {
    const double records = metric(in, "crossrec_restored_records_total", NULL);
    const double takeover = metric(in, "crossrec_takeover_seconds_sum", NULL) /
                            (metric(in, "crossrec_takeover_seconds_count", NULL) + 1e-9);
    printf("%-12s %9.2f %8.2f %12.0f %12.0f %10.2f %10.0f\n", what, seconds,
           process_cpu_s(daemon_fixture_pid(in->daemon)), records,
           seconds > 0 ? records / seconds : 0.0, takeover,
           process_rss_kib(daemon_fixture_pid(in->daemon)) / 1024.0);
    fflush(stdout);
    sample(what, "s", seconds, SAMPLE_NONE, SAMPLE_NONE);
    if (strncmp(what, "cold", 4) == 0 && seconds > 0) {
        char rate[32];
        snprintf(rate, sizeof rate, "restore, %s", what);
        sample(rate, "records/s", records / seconds, SAMPLE_NONE, SAMPLE_NONE);
    }
}

static double first_event(struct bench *b, struct instance_of *in, const char *what,
                          bool checkpoint) {
    b->failed |= !produce(b);
    start(b, in, 1, checkpoint);
    const double s = await(b, in, "crossrec_events_total", NULL, 1.0, in->started);
    row(what, s, in);
    return s;
}

static void restarts(struct bench *b) {
    struct instance_of in = {0};
    double best = 1e9;
    b->members = true;
    (void)first_event(b, &in, "cold", false);
    end(b, &in, SIGTERM);
    (void)first_event(b, &in, "cold + dir", true);
    nap(5000);
    end(b, &in, SIGTERM);
    for (int k = 0; k < 3; k++) {
        const double s = first_event(b, &in, "warm", true);
        best = s < best ? s : best;
        nap(3000);
        end(b, &in, k < 2 ? SIGTERM : SIGKILL);
    }
    (void)first_event(b, &in, "warm, -9", true);
    nap(3000);
    end(b, &in, SIGTERM);
    b->members = false;
    if (b->users >= MILLION && best >= WARM_MAX_S) {
        printf("a warm restart takes %.2f s at best, and is to take less than %.0f s\n", best,
               WARM_MAX_S);
        b->failed = true;
    }
    nap(SESSION_MS + 1000); /* a static member that was stopped is still one */
}

static void cold_restarts(struct bench *b) {
    struct instance_of in = {0};
    b->members = true;
    for (uint32_t k = 0; k < b->cold && !b->failed; k++) {
        (void)first_event(b, &in, "cold", false);
        end(b, &in, SIGTERM);
    }
}

/* How long until `in` runs all tasks, the other one being ended so. */
static void takeover(struct bench *b, const char *what, int signal_number) {
    struct instance_of one = {0};
    struct instance_of two = {0};
    start(b, &one, 1, true);
    (void)await(b, &one, "crossrec_tasks", "state=\"running\"", TASKS, one.started);
    nap(3000);
    start(b, &two, 2, true);
    const double join =
        await(b, &two, "crossrec_tasks", "state=\"running\"", (double)(TASKS / 2), two.started);
    row("join", join, &two);
    nap(3000);
    const double since = now_s();
    end(b, &one, signal_number);
    row(what, await(b, &two, "crossrec_tasks", "state=\"running\"", TASKS, since), &two);
    end(b, &two, SIGTERM);
}

static bool measure(struct bench *b) {
    struct instance_of in = {0};
    struct filled filled;
    printf("%-12s %9s %8s %12s %12s %10s %10s\n", "", "seconds", "CPU, s", "records", "records/s",
           "a task, s", "RSS, MiB");
    start(b, &in, 1, false);
    row("nothing", await(b, &in, "crossrec_tasks", "state=\"running\"", TASKS, in.started), &in);
    end(b, &in, SIGTERM);
    if (b->failed || !restart_fill(&b->cfg, b->users, TASKS, &filled)) {
        return false;
    }
    printf("filled: %llu users, %llu events, %.0f MB of records (median %u bytes, p99 %u, largest "
           "%u), %.0f s\n",
           (unsigned long long)filled.users, (unsigned long long)filled.events,
           1e-6 * (double)filled.bytes, filled.median, filled.p99, filled.max, filled.seconds);
    fflush(stdout);
    if (b->cold > 0) {
        cold_restarts(b);
        return !b->failed;
    }
    restarts(b);
    takeover(b, "leave", SIGTERM);
    takeover(b, "killed", SIGKILL);
    return !b->failed;
}

static void remove_dir(const char *dir) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    if (system(command)) {
        fprintf(stderr, "restart: %s stays\n", dir);
    }
}

int main(int argc, char **argv) {
    static struct bench b;
    b.users = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1000000;
    b.cold = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0;
    snprintf(b.dir, sizeof b.dir, "/tmp/crossrec-restart-XXXXXX");
    const int missing = kafka_fixture_missing();
    if (missing) {
        return missing;
    }
    redis_fixture_require();
    if (b.users == 0 || !mkdtemp(b.dir)) {
        fprintf(stderr, "usage: bench_restart [USERS [COLD]]\n");
        return 2;
    }
    b.kafka = kafka_fixture_start();
    b.redis = redis_fixture_start(REDIS_NO_PORT, NULL);
    const bool ok = b.kafka && b.redis && configure(&b) && measure(&b);
    redis_fixture_stop(b.redis);
    kafka_fixture_stop(b.kafka);
    remove_dir(b.dir);
    return ok ? 0 : 1;
}
