/* SPDX-License-Identifier: Apache-2.0
 *
 * intake.c -- reads preloaded topics to their end, and says what that cost. One side a process;
 * intake.py runs them in turns.
 *
 *     bench_intake bare|ours BROKERS EVENTS
 *
 *     bare   librdkafka as it comes: rd_kafka_consumer_poll(), rd_kafka_message_destroy()
 *     ours   the daemon's own: consumer, intake (schema, decoder, mapping, checks), merge (one
 * order of all topics), event id looked up and remembered at its user; nothing is learned
 *
 * Prints nanoseconds of CPU of the whole process, librdkafka's threads included, and events.
 */
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "daemon.h"
#include "intake.h"
#include "kafka.h"
#include "merge.h"
#include "sample.h"
#include "users.h"

enum { POLL = 512, POLL_MS = 20, PARTITIONS_MAX = 64, IDLE_S = 60 };

static _Noreturn void die(const char *what) {
    fprintf(stderr, "bench_intake: %s\n", what);
    exit(1);
}

/* ---- bare ---------------------------------------------------------------------------------- */

static void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
    char err[256];
    if (rd_kafka_conf_set(conf, name, value, err, sizeof err)) {
        die(err);
    }
}

static rd_kafka_t *bare_open(const char *brokers) {
    char err[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", brokers);
    set(conf, "group.id", "bare");
    set(conf, "enable.auto.commit", "false");
    set(conf, "auto.offset.reset", "earliest");
    set(conf, "partition.assignment.strategy", "range");
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, err, sizeof err);
    if (!rk) {
        die(err);
    }
    rd_kafka_poll_set_consumer(rk);
    return rk;
}

/* Bytes that were seen, so that nothing is left out. */
static uint64_t run_bare(const char *brokers, const struct config *cfg, uint64_t events) {
    rd_kafka_t *rk = bare_open(brokers);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new((int)cfg->n_topics);
    uint64_t n = 0;
    uint64_t bytes = 0;
    for (uint32_t t = 0; t < cfg->n_topics; t++) {
        rd_kafka_topic_partition_list_add(topics, cfg->topics[t].name, RD_KAFKA_PARTITION_UA);
    }
    if (rd_kafka_subscribe(rk, topics)) {
        die("no topics");
    }
    const double until = sample_now_ns() + IDLE_S * 1e9;
    while (n < events) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, POLL_MS);
        if (m) {
            n += !m->err;
            bytes += m->err ? 0 : m->len;
            rd_kafka_message_destroy(m);
        } else if (sample_now_ns() > until) {
            die("the events do not come");
        }
    }
    rd_kafka_topic_partition_list_destroy(topics);
    if (bytes == 0) {
        die("empty records");
    }
    return n; /* the client is not closed: neither side pays for leaving */
}

/* ---- ours ---------------------------------------------------------------------------------- */

struct ours {
    const struct config *cfg;
    struct source source;
    struct intake *intake;
    struct merge *merge;
    struct users *users[PARTITIONS_MAX];
    bool paused[CONFIG_TOPICS_MAX][PARTITIONS_MAX];
    uint64_t events, duplicates, refused;
};

static void must(enum status st, const char *what) {
    if (st) {
        fprintf(stderr, "bench_intake: %s: %s\n", what, status_str(st));
        exit(1);
    }
}

static void on_assigned(void *ctx, struct position *parts, size_t n, int generation) {
    struct ours *o = ctx;
    (void)generation;
    for (size_t k = 0; k < n; k++) {
        const uint32_t p = (uint32_t)parts[k].partition;
        if (p >= PARTITIONS_MAX) {
            die("too many partitions");
        }
        if (!o->users[p]) {
            must(users_new(o->cfg->n_domains, &o->users[p]), "users");
            must(merge_add_task(o->merge, p), "merge");
            merge_run_task(o->merge, p);
        }
        parts[k].offset = POSITION_EARLIEST;
    }
}

static void on_revoked(void *ctx, const struct position *parts, size_t n, bool lost) {
    (void)ctx;
    (void)parts;
    (void)n;
    (void)lost;
}

static int64_t end_of(void *ctx, uint16_t topic, int32_t partition) {
    const struct ours *o = ctx;
    return o->source.end(o->source.ctx, topic, partition);
}

/* As instance_input.c: paused when the merge's buffer is full, until half of it has gone. */
static void update_pause(struct ours *o, uint16_t topic, uint32_t p) {
    const size_t buffer = (size_t)o->cfg->merge_buffer;
    const bool was = o->paused[topic][p];
    const bool full = merge_buffered(o->merge, p, topic) > (was ? buffer / 2 : buffer - 1);
    if (full != was) {
        o->paused[topic][p] = full;
        (full ? o->source.pause : o->source.resume)(o->source.ctx, topic, (int32_t)p);
    }
}

static void admit(struct ours *o, const struct record *r, int64_t now_ms) {
    struct event e;
    const char *detail = "";
    if (r->end) {
        merge_reached(o->merge, (uint32_t)r->partition, r->topic, r->offset);
    } else if (intake_event(o->intake, r, now_ms, &e, &detail)) {
        o->refused++;
    } else {
        must(merge_push(o->merge, (uint32_t)r->partition, &e, r->timestamp_ms), "merge_push");
    }
    update_pause(o, r->topic, (uint32_t)r->partition);
}

static void take(struct ours *o, const struct merged *m) {
    struct users *users = o->users[m->task];
    uint32_t slot = 0;
    must(users_intern(users, m->event.user, m->event.user_id, m->event.user_id_len, &slot),
         "users_intern");
    struct user **u = users_place(users, slot);
    if (user_knows_event(*u, m->event.id)) {
        o->duplicates++;
    } else {
        must(user_remember_event(u, m->event.id), "user_remember_event");
    }
    o->events++;
}

/* As instance_input.c: who comes later is asked for. */
static void look_ahead(struct ours *o) {
    const struct merged *behind = merge_behind(o->merge);
    if (behind) {
        struct users *users = o->users[behind->task];
        users_fetch(users, users_find(users, behind->event.user));
    }
}

static int64_t mono_ms(void) {
    return (int64_t)(sample_now_ns() / 1e6);
}

static int64_t wall_ms(void) {
    return (int64_t)time(NULL) * 1000;
}

static void drain(struct ours *o) {
    const struct merge_ends ends = {.end = end_of, .ctx = o};
    const struct merged *m;
    const int64_t now_ms = mono_ms();
    while ((m = merge_next(o->merge, &ends, now_ms, NULL))) {
        const uint16_t topic = m->topic;
        const uint32_t task = m->task;
        look_ahead(o);
        take(o, m);
        merge_pop(o->merge);
        update_pause(o, topic, task);
    }
}

static uint64_t run_ours(const struct config *cfg, uint64_t events) {
    static struct ours o; /* large */
    static struct record records[POLL];
    char err[CONFIG_ERROR_MAX] = "";
    struct kafka_consumer *consumer = NULL;
    const struct intake_spec spec = {.cfg = cfg, .topics = cfg->topics, .n_topics = cfg->n_topics};
    const struct merge_waits waits = {.max_wait = cfg->merge_max_wait_ms,
                                      .max_idle = cfg->merge_max_idle_ms,
                                      .max_start = cfg->merge_max_start_ms};
    const struct rebalance_ops ops = {.assigned = on_assigned, .revoked = on_revoked, .ctx = &o};
    o.cfg = cfg;
    if (intake_new(&spec, &o.intake, err) || merge_new(cfg->n_topics, &waits, &o.merge) ||
        kafka_consumer_new(cfg, KAFKA_TASKS, &ops, &consumer, err)) {
        die(err);
    }
    o.source = kafka_source(consumer);
    const int64_t until = mono_ms() + IDLE_S * 1000;
    while (o.events < events) {
        const size_t n = o.source.poll(o.source.ctx, records, POLL, POLL_MS);
        const int64_t now_ms = wall_ms();
        for (size_t k = 0; k < n; k++) {
            admit(&o, &records[k], now_ms);
        }
        drain(&o);
        if (mono_ms() > until) {
            die("the events do not come");
        }
    }
    if (o.refused || o.duplicates > 1) { /* the one that made the topics is there twice */
        fprintf(stderr, "bench_intake: %llu refused, %llu known\n", (unsigned long long)o.refused,
                (unsigned long long)o.duplicates);
        exit(1);
    }
    return o.events;
}

int main(int argc, char **argv) {
    static struct config cfg; /* large */
    char brokers[CONFIG_VALUE_MAX];
    const char *const sets[] = {brokers, "crossrec.group=ours"};
    char err[CONFIG_ERROR_MAX] = "";
    if (argc != 4) {
        die("usage: bench_intake bare|ours BROKERS EVENTS");
    }
    snprintf(brokers, sizeof brokers, "kafka.bootstrap.servers=%s", argv[2]);
    if (config_load(&cfg, NULL, NULL, sets, sizeof sets / sizeof *sets, err) ||
        daemon_label_metrics(&cfg)) {
        die(err);
    }
    const uint64_t events = strtoull(argv[3], NULL, 10);
    const double start = sample_cpu_ns();
    const uint64_t n =
        strcmp(argv[1], "bare") == 0 ? run_bare(argv[2], &cfg, events) : run_ours(&cfg, events);
    printf("%.0f %llu\n", sample_cpu_ns() - start, (unsigned long long)n);
    fflush(stdout);
    _exit(0); /* at once: a client that is closed would leave the group, and take its time */
}
