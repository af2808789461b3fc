/* SPDX-License-Identifier: Apache-2.0
 *
 * test_kafka.c -- consumer/kafka.h against a real Apache Kafka.
 *
 * One broker for all tests; each test has topics and a group of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kafka.h"
#include "kafka_fixture.h"
#include "log.h"

enum { PARTITIONS = 4, TOPICS = 2, BATCH = 512, DEADLINE_MS = 20000, OFFSETS_MAX = 20000 };

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void ms_sleep(int ms) { /* between two looks at a condition */
    const struct timespec t = {.tv_nsec = ms * 1000000L};
    nanosleep(&t, NULL);
}

/* ---- what the tests need ------------------------------------------------------------ */

/* A configuration for the fixture's broker with these topics; group = the first topic. */
static struct config *config_for(const char *brokers, const char *a, const char *b) {
    struct config *c = calloc(1, sizeof *c);
    assert_non_null(c);
    snprintf(c->group, sizeof c->group, "%s", a);
    snprintf(c->partitioner, sizeof c->partitioner, "murmur2");
    snprintf(c->topics[0].name, sizeof c->topics[0].name, "%s", a);
    snprintf(c->topics[1].name, sizeof c->topics[1].name, "%s", b ? b : "");
    c->n_topics = b ? 2 : 1;
    snprintf(c->kafka[0].key, sizeof c->kafka[0].key, "bootstrap.servers");
    snprintf(c->kafka[0].value, sizeof c->kafka[0].value, "%s", brokers);
    c->n_kafka = 1;
    return c;
}

static void set_kafka(struct config *c, const char *key, const char *value) {
    struct config_pair *p = &c->kafka[c->n_kafka++];
    snprintf(p->key, sizeof p->key, "%s", key);
    snprintf(p->value, sizeof p->value, "%s", value);
}

static struct config *create(struct kafka_fixture *f, const char *a, const char *b) {
    struct config *c = config_for(kafka_fixture_brokers(f), a, b);
    const char *names[] = {a, b};
    char err[CONFIG_ERROR_MAX] = "";
    if (kafka_topics_create(c, names, b ? 2 : 1, PARTITIONS, 1, err)) {
        fail_msg("%s", err);
    }
    return c;
}

/* A pipeline that only keeps book. */
struct member {
    struct kafka_consumer *kafka;
    struct source source;
    int64_t from; /* where every assigned partition starts */
    int generation, assigned, revoked;
    bool lost;
    bool mine[TOPICS][PARTITIONS];
    size_t n_mine;
    enum status commit_in_revoke; /* of position 7 of topic 0, if `commits` */
    bool commits;
    /* what was read */
    uint8_t seen[TOPICS][PARTITIONS][OFFSETS_MAX];
    int64_t next[TOPICS][PARTITIONS];
    bool ended[TOPICS][PARTITIONS];
    size_t n_read, n_disorder;
};

static void assigned(void *ctx, struct position *parts, size_t n, int generation) {
    struct member *m = ctx;
    m->assigned++;
    m->generation = generation;
    m->n_mine = n;
    memset(m->ended, 0, sizeof m->ended);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(parts[i].offset, -1);
        parts[i].offset = m->from;
        m->mine[parts[i].topic][parts[i].partition] = true;
        m->next[parts[i].topic][parts[i].partition] = m->from < 0 ? 0 : m->from;
    }
}

static void revoked(void *ctx, const struct position *parts, size_t n, bool lost) {
    struct member *m = ctx;
    m->revoked++;
    m->lost = lost;
    for (size_t i = 0; i < n; i++) {
        m->mine[parts[i].topic][parts[i].partition] = false;
        m->n_mine--;
    }
    if (m->commits && n > 0) {
        const struct position p = {.offset = 7, .partition = parts[0].partition, .topic = 0};
        m->commit_in_revoke = m->source.commit(m->source.ctx, &p, 1, m->generation);
    }
}

static struct member *join(const struct config *cfg) {
    struct member *m = calloc(1, sizeof *m);
    assert_non_null(m);
    m->from = -1;
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

/* One poll; checks each record against the book. */
static size_t step(struct member *m, int timeout_ms) {
    struct record r[BATCH];
    size_t n = m->source.poll(m->source.ctx, r, BATCH, timeout_ms);
    for (size_t i = 0; i < n; i++) {
        assert_true(m->mine[r[i].topic][r[i].partition]);
        int64_t *next = &m->next[r[i].topic][r[i].partition];
        if (r[i].end) {
            assert_null(r[i].value);
            m->ended[r[i].topic][r[i].partition] = r[i].offset >= *next;
            continue;
        }
        assert_in_range(r[i].offset, 0, OFFSETS_MAX - 1);
        m->n_disorder += r[i].offset != *next;
        *next = r[i].offset + 1;
        m->seen[r[i].topic][r[i].partition][r[i].offset]++;
        m->n_read++;
    }
    return n;
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

static struct kafka_producer *producer(const struct config *cfg) {
    struct kafka_producer *p = NULL;
    char err[CONFIG_ERROR_MAX] = "";
    if (kafka_producer_new(cfg, &p, err)) {
        fail_msg("%s", err);
    }
    return p;
}

static void flush(struct kafka_producer *p) {
    char why[CONFIG_ERROR_MAX] = "";
    if (kafka_producer_flush(p, DEADLINE_MS, why, sizeof why)) {
        fail_msg("%s", why);
    }
}

/* n records a partition into one topic; key = "<partition>-<i>". */
static void fill(struct kafka_producer *p, const char *topic, size_t n) {
    for (int32_t part = 0; part < PARTITIONS; part++) {
        for (size_t i = 0; i < n; i++) {
            char key[32];
            int len = snprintf(key, sizeof key, "%d-%zu", part, i);
            assert_int_equal(
                kafka_produce_to(p, topic, part, key, (size_t)len, key, (size_t)len, 0, NULL, 0),
                ST_OK);
        }
    }
    flush(p);
}

static size_t count_ended(const struct member *m) {
    size_t n = 0;
    for (size_t t = 0; t < TOPICS; t++) {
        for (size_t p = 0; p < PARTITIONS; p++) {
            n += m->ended[t][p];
        }
    }
    return n;
}

/* Every offset below n of every partition of the topic was read exactly once. */
static void assert_read_once(const struct member *m, size_t topic, size_t n) {
    for (size_t p = 0; p < PARTITIONS; p++) {
        for (size_t o = 0; o < n; o++) {
            assert_int_equal(m->seen[topic][p][o], 1);
        }
        assert_int_equal(m->seen[topic][p][n], 0);
    }
}

/* What a reader showed: every offset, once, in order, and how many records there were. */
struct book {
    struct kafka_reader *reader;
    int64_t next[TOPICS][PARTITIONS];
    size_t n;
};

static struct book open_book(const struct config *cfg, const char *a, const char *b) {
    struct book book = {.n = 0};
    const char *names[] = {a, b};
    char err[CONFIG_ERROR_MAX] = "";
    if (kafka_reader_new(cfg, names, b ? 2 : 1, &book.reader, err)) {
        fail_msg("%s", err);
    }
    return book;
}

static void turn(struct book *b, size_t max) {
    struct record r[BATCH];
    size_t n = kafka_reader_poll(b->reader, r, max, 20);
    assert_in_range(n, 0, max);
    for (size_t i = 0; i < n; i++) {
        assert_false(r[i].end);
        int64_t *next = &b->next[r[i].topic][r[i].partition];
        assert_true(r[i].offset >= *next); /* compacted and aborted ones are left out */
        *next = r[i].offset + 1;
        b->n++;
    }
}

/* ---- consumer -------------------------------------------------------------------------- */

static void records_arrive_with_key_value_time_and_offset(void **state) {
    struct config *cfg = create(*state, "whole", NULL);
    struct kafka_producer *p = producer(cfg);
    enum { N = 200 };
    int64_t next[PARTITIONS] = {0};
    for (int i = 0; i < N; i++) {
        char key[16];
        char value[16];
        int k = snprintf(key, sizeof key, "user-%d", i);
        int v = snprintf(value, sizeof value, "value-%d", i);
        assert_int_equal(
            kafka_produce(p, "whole", key, (size_t)k, value, (size_t)v, 1700000000000 + i), ST_OK);
    }
    flush(p);
    assert_int_equal(kafka_producer_acked(p), N);
    assert_int_equal(kafka_producer_queued(p), 0);

    struct member *m = join(cfg);
    size_t got = 0;
    struct record r[BATCH];
    UNTIL(got == N, {
        size_t n = m->source.poll(m->source.ctx, r, BATCH, 100);
        for (size_t i = 0; i < n; i++) {
            if (r[i].end) {
                continue;
            }
            int id = atoi((const char *)r[i].key + 5);
            char value[16];
            int len = snprintf(value, sizeof value, "value-%d", id);
            assert_int_equal(r[i].value_len, len);
            assert_memory_equal(r[i].value, value, (size_t)len);
            assert_int_equal(r[i].timestamp_ms, 1700000000000 + id);
            assert_int_equal(r[i].topic, 0);
            assert_int_equal(r[i].offset, next[r[i].partition]++);
            assert_int_equal(r[i].partition,
                             kafka_partition_of("murmur2", r[i].key, r[i].key_len, PARTITIONS));
            got++;
        }
    });
    leave(m);
    kafka_producer_free(p);
    free(cfg);
}

static void a_null_value_and_a_missing_key_stay_what_they_are(void **state) {
    struct config *cfg = create(*state, "nulls", NULL);
    struct kafka_producer *p = producer(cfg);
    assert_int_equal(kafka_produce_to(p, "nulls", 1, "k", 1, NULL, 0, 0, NULL, 0), ST_OK);
    assert_int_equal(kafka_produce_to(p, "nulls", 1, NULL, 0, "", 0, 0, NULL, 0), ST_OK);
    flush(p);
    struct member *m = join(cfg);
    int got = 0;
    struct record r[BATCH];
    UNTIL(got == 2, {
        size_t n = m->source.poll(m->source.ctx, r, BATCH, 100);
        for (size_t i = 0; i < n; i++) {
            if (!r[i].end && got++ == 0) {
                assert_null(r[i].value);
                assert_int_equal(r[i].key_len, 1);
            } else if (!r[i].end) {
                assert_non_null(r[i].value);
                assert_int_equal(r[i].value_len, 0);
                assert_null(r[i].key);
            }
        }
    });
    leave(m);
    kafka_producer_free(p);
    free(cfg);
}

static void two_members_share_whole_tasks_and_hand_over_in_order(void **state) {
    struct config *cfg = create(*state, "share-a", "share-b");
    struct kafka_producer *p = producer(cfg);
    fill(p, "share-a", 20);
    struct member *a = join(cfg);
    a->commits = true;
    UNTIL(a->n_mine == TOPICS * PARTITIONS, step(a, 50));
    assert_int_equal(a->revoked, 0);
    const int old_generation = a->generation;

    struct member *b = join(cfg);
    UNTIL(a->n_mine == PARTITIONS && b->n_mine == PARTITIONS, {
        step(a, 20);
        step(b, 20);
    });
    /* whoever holds them */
    assert_int_equal(a->source.partitions(a->source.ctx, 0), PARTITIONS);
    assert_int_equal(b->source.partitions(b->source.ctx, 1), PARTITIONS);
    assert_int_equal(b->source.partitions(b->source.ctx, TOPICS), 0);
    for (size_t i = 0; i < PARTITIONS; i++) {
        assert_int_equal(a->mine[0][i], a->mine[1][i]); /* whole tasks */
        assert_int_equal(b->mine[0][i], b->mine[1][i]);
        assert_int_equal(a->mine[0][i] + b->mine[0][i], 1);
    }
    assert_false(a->lost);
    assert_int_equal(a->commit_in_revoke, ST_OK); /* orderly: still the owner */
    assert_true(a->generation > old_generation);

    const struct position late = {.offset = 13, .partition = 0, .topic = 0};
    assert_int_equal(a->source.commit(a->source.ctx, &late, 1, old_generation), ST_LOST);
    assert_int_equal(a->source.commit(a->source.ctx, &late, 1, 0), ST_LOST);
    assert_int_equal(a->source.commit(a->source.ctx, NULL, 0, old_generation), ST_LOST);
    struct position got[2] = {{.partition = 0, .topic = 0}, {.partition = 1, .topic = 1}};
    assert_int_equal(a->source.committed(a->source.ctx, got, 2), ST_OK);
    assert_int_equal(got[0].offset, 7);  /* from inside `revoked`; not 13 */
    assert_int_equal(got[1].offset, -1); /* nothing was committed */

    leave(b); /* leaves at once: no session timeout */
    const int64_t left = now_ms();
    UNTIL(a->n_mine == TOPICS * PARTITIONS, step(a, 20));
    assert_true(now_ms() - left < 10000);
    leave(a);
    kafka_producer_free(p);
    free(cfg);
}

static void begin(struct member *m, const struct position *parts, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (m->mine[parts[i].topic][parts[i].partition]) {
            m->next[parts[i].topic][parts[i].partition] = parts[i].offset < 0 ? 0 : parts[i].offset;
        }
    }
    m->source.start(m->source.ctx, parts, n);
}

static void assert_idle(struct member *m) {
    const size_t before = m->n_read;
    for (int i = 0; i < 30; i++) {
        (void)step(m, 10);
    }
    assert_int_equal(m->n_read, before);
}

static void partitions_that_wait_are_read_once_they_are_started_and_from_there(void **state) {
    struct config *cfg = create(*state, "later", NULL);
    struct kafka_producer *p = producer(cfg);
    fill(p, "later", 20);
    struct member *m = join(cfg);
    const struct source *s = &m->source;
    int64_t low = -1;
    int64_t high = -1;
    m->from = POSITION_LATER;
    UNTIL(m->n_mine == PARTITIONS, step(m, 20));
    assert_idle(m);
    assert_int_equal(count_ended(m), 0);
    assert_int_equal(s->end(s->ctx, 0, 2), -1); /* it comes with what is read */
    assert_int_equal(s->bounds(s->ctx, 0, 2, &low, &high), ST_OK);
    assert_int_equal(low, 0);
    assert_int_equal(high, 20);

    const struct position parts[] = {{.offset = POSITION_EARLIEST, .partition = 0},
                                     {.offset = 5, .partition = 1},
                                     {.offset = 20, .partition = 2},
                                     {.offset = 19, .partition = 3},
                                     {.offset = 0, .partition = 0, .topic = 1}}; /* not ours */
    s->pause(s->ctx, 0, 0);
    s->pause(s->ctx, 0, 1);
    s->resume(s->ctx, 0, 1);
    begin(m, parts, 5);
    UNTIL(s->end(s->ctx, 0, 2) == 20, step(m, 20));
    UNTIL(m->n_read == 16 && m->ended[0][2], step(m, 20));
    assert_idle(m); /* the first one begins as it was told to: paused */
    s->resume(s->ctx, 0, 0);
    UNTIL(m->n_read == 36, step(m, 20));
    begin(m, parts, 5); /* they are read already */
    UNTIL(count_ended(m) == PARTITIONS, step(m, 20));
    assert_idle(m);
    assert_int_equal(m->n_disorder, 0);

    const int old = m->generation;
    assert_true(kafka_consumer_stands(m->kafka, old));
    struct member *other = join(cfg); /* and one that waits hands over as any other */
    UNTIL(m->n_mine == 2 && other->n_mine == 2, {
        step(m, 20);
        step(other, 20);
    });
    assert_false(kafka_consumer_stands(m->kafka, old));
    assert_true(kafka_consumer_stands(m->kafka, m->generation));
    leave(other);
    UNTIL(m->n_mine == PARTITIONS, step(m, 20));
    const struct position ends[] = {{.offset = 20, .partition = 0},
                                    {.offset = 20, .partition = 1},
                                    {.offset = 20, .partition = 2},
                                    {.offset = 20, .partition = 3}};
    begin(m, ends, 4);
    UNTIL(count_ended(m) == PARTITIONS, step(m, 20));
    assert_int_equal(m->n_read, 36);
    fill(p, "later", 2);
    UNTIL(m->n_read == 44, step(m, 20));
    assert_int_equal(m->n_disorder, 0);
    leave(m);
    kafka_producer_free(p);
    free(cfg);
}

static void committed_offsets_are_those_of_the_last_commit(void **state) {
    struct config *cfg = create(*state, "commit", NULL);
    struct kafka_producer *p = producer(cfg);
    fill(p, "commit", 50);
    struct member *m = join(cfg);
    UNTIL(m->n_read == (size_t)PARTITIONS * 50, step(m, 50));
    for (int64_t offset = 10; offset <= 50; offset += 20) {
        const struct position parts[] = {{.offset = offset, .partition = 0},
                                         {.offset = offset + 1, .partition = 3}};
        assert_int_equal(m->source.commit(m->source.ctx, parts, 2, m->generation), ST_OK);
        struct position back[] = {{.partition = 3}, {.partition = 2}, {.partition = 0}};
        assert_int_equal(m->source.committed(m->source.ctx, back, 3), ST_OK);
        assert_int_equal(back[0].offset, offset + 1);
        assert_int_equal(back[1].offset, -1);
        assert_int_equal(back[2].offset, offset);
    }
    assert_int_equal(m->source.commit(m->source.ctx, NULL, 0, m->generation), ST_OK);
    leave(m);

    int64_t committed = 0;
    int64_t low = -9;
    int64_t high = -9;
    char err[CONFIG_ERROR_MAX] = "";
    assert_int_equal(kafka_positions(cfg, "commit", 0, 5000, &committed, &low, &high, err), ST_OK);
    assert_int_equal(committed, 50);
    assert_int_equal(low, 0);
    assert_int_equal(high, 50);
    assert_int_equal(kafka_positions(cfg, "commit", 1, 5000, &committed, &low, &high, err), ST_OK);
    assert_int_equal(committed, -1);
    assert_int_equal(kafka_positions(cfg, "commit", 99, 2000, &committed, &low, &high, err), ST_IO);
    assert_int_equal(committed, -1);
    assert_true(strstr(err, "commit") != NULL);

    m = join(cfg); /* and it starts where `assigned` says, not where it committed */
    m->from = 30;
    UNTIL(m->n_read == (size_t)PARTITIONS * 20, step(m, 50));
    assert_int_equal(m->n_disorder, 0);
    leave(m);
    kafka_producer_free(p);
    free(cfg);
}

/* A learner that stands still too long loses its tasks: what it committed then would be
 * taken, for the group is empty and asks nobody for a generation. */
static void an_assignment_that_was_lost_commits_nothing(void **state) {
    struct config *cfg = create(*state, "lost", NULL);
    set_kafka(cfg, "session.timeout.ms", "1500");
    set_kafka(cfg, "heartbeat.interval.ms", "100");
    set_kafka(cfg, "max.poll.interval.ms", "1500");
    struct member *m = join(cfg);
    UNTIL(m->n_mine == PARTITIONS, step(m, 50));
    const struct position part = {.offset = 7, .partition = 0};
    UNTIL(m->source.commit(m->source.ctx, NULL, 0, m->generation) == ST_LOST, ms_sleep(20));
    for (int i = 0; i < 20; i++) {
        assert_int_equal(m->source.commit(m->source.ctx, &part, 1, m->generation), ST_LOST);
    }
    struct position back = {.partition = 0};
    assert_int_equal(m->source.committed(m->source.ctx, &back, 1), ST_OK);
    assert_int_equal(back.offset, -1);

    const int generation = m->generation;
    UNTIL(m->assigned >= 2, step(m, 50)); /* the next poll comes back */
    assert_true(m->revoked >= 1);
    assert_true(m->lost);
    assert_int_equal(m->source.commit(m->source.ctx, &part, 1, generation), ST_LOST);
    UNTIL(m->source.commit(m->source.ctx, &part, 1, m->generation) == ST_OK, step(m, 20));
    leave(m);
    free(cfg);
}

static void the_known_end_is_right_for_empty_preloaded_and_growing_partitions(void **state) {
    struct config *cfg = create(*state, "ends-a", "ends-b");
    struct kafka_producer *p = producer(cfg);
    fill(p, "ends-a", 30);
    struct member *m = join(cfg);
    assert_int_equal(m->source.end(m->source.ctx, 0, 0), -1); /* not ours yet */
    UNTIL(m->assigned == 1, step(m, 20));
    /* Nobody is asked: it comes with the first record, or with the news that there is none. */
    assert_int_equal(m->source.end(m->source.ctx, 0, 0), m->n_read == 0 ? -1 : 30);
    for (int32_t i = 0; i < PARTITIONS; i++) {
        UNTIL(m->source.end(m->source.ctx, 0, i) != -1, step(m, 1));
        UNTIL(m->source.end(m->source.ctx, 1, i) != -1, step(m, 1));
        assert_int_equal(m->source.end(m->source.ctx, 0, i), 30);
        assert_int_equal(m->source.end(m->source.ctx, 1, i), 0);
    }
    assert_int_equal(m->source.end(m->source.ctx, 0, PARTITIONS), -1);
    assert_int_equal(m->source.end(m->source.ctx, 7, 0), -1);
    assert_int_equal(m->source.end(m->source.ctx, 0, -1), -1);

    UNTIL(count_ended(m) == TOPICS * PARTITIONS, step(m, 50));
    fill(p, "ends-b", 5);
    int64_t last = 0;
    UNTIL(m->source.end(m->source.ctx, 1, 2) == 5, {
        step(m, 20);
        assert_true(m->source.end(m->source.ctx, 1, 2) >= last);
        last = m->source.end(m->source.ctx, 1, 2);
    });
    assert_int_equal(m->source.end(m->source.ctx, 0, 2), 30);
    leave(m);
    kafka_producer_free(p);
    free(cfg);
}

static void pausing_and_resuming_loses_and_doubles_nothing(void **state) {
    struct config *cfg = create(*state, "pause", NULL);
    struct kafka_producer *p = producer(cfg);
    enum { N = 3000 };
    fill(p, "pause", N);
    struct member *m = join(cfg);
    unsigned seed = (unsigned)now_ms();
    print_message("seed %u\n", seed);
    bool is_paused[PARTITIONS] = {false};
    UNTIL(m->n_read == (size_t)PARTITIONS * N, {
        struct record r[16];
        size_t n = m->source.poll(m->source.ctx, r, 16, 20);
        for (size_t i = 0; i < n; i++) {
            assert_false(is_paused[r[i].partition]);
            if (!r[i].end) {
                assert_int_equal(r[i].offset, m->next[0][r[i].partition]++);
                m->seen[0][r[i].partition][r[i].offset]++;
                m->n_read++;
            }
        }
        seed = seed * 1103515245U + 12345U;
        int32_t part = (int32_t)(seed >> 16) % PARTITIONS;
        if ((seed >> 20) % 8 == 0) {
            m->source.pause(m->source.ctx, 0, part);
            m->source.pause(m->source.ctx, 0, part); /* twice is once */
            is_paused[part] = m->mine[0][part];
        } else if ((seed >> 20) % 8 < 5) {
            m->source.resume(m->source.ctx, 0, part); /* also when it is not paused */
            is_paused[part] = false;
        }
    });
    assert_read_once(m, 0, N);

    /* A pause does not outlive its assignment. */
    m->source.pause(m->source.ctx, 0, 1);
    struct member *b = join(cfg);
    UNTIL(m->n_mine + b->n_mine == PARTITIONS && b->n_mine > 0, {
        step(m, 20);
        step(b, 20);
    });
    leave(b);
    m->n_read = 0;
    UNTIL(m->n_mine == PARTITIONS && m->n_read >= (size_t)PARTITIONS * N, step(m, 50));
    leave(m);
    kafka_producer_free(p);
    free(cfg);
}

static void a_broker_that_is_killed_and_comes_back_costs_nothing_but_time(void **state) {
    struct kafka_fixture *f = *state;
    struct config *cfg = create(f, "crash-a", "crash-b");
    struct kafka_producer *p = producer(cfg);
    fill(p, "crash-a", 100);
    struct member *m = join(cfg);
    UNTIL(m->n_read == (size_t)PARTITIONS * 100, step(m, 50));
    struct book b = open_book(cfg, "crash-a", NULL);
    UNTIL(b.n > 100, turn(&b, 50));
    char text[CONFIG_ERROR_MAX] = "";
    assert_false(kafka_consumer_problem(m->kafka, text, sizeof text));
    assert_false(kafka_reader_problem(b.reader, text, sizeof text));

    kafka_fixture_kill(f);
    UNTIL(kafka_consumer_problem(m->kafka, text, sizeof text), step(m, 50));
    assert_true(strstr(text, "kafka.bootstrap.servers") != NULL); /* what to type */
    UNTIL(kafka_reader_problem(b.reader, text, sizeof text), turn(&b, 1));
    kafka_reader_restart(b.reader); /* nobody says where the ends are now */
    b = (struct book){.reader = b.reader};
    turn(&b, BATCH);
    assert_false(kafka_reader_complete(b.reader));
    const struct position part = {.offset = 100, .partition = 0};
    for (int i = 0; i < 10; i++) { /* produced while there is no broker */
        assert_int_equal(kafka_produce_to(p, "crash-b", 1, "k", 1, "v", 1, 0, NULL, 0), ST_OK);
    }
    char why[CONFIG_ERROR_MAX] = "";
    assert_int_equal(kafka_producer_flush(p, 50, why, sizeof why), ST_AGAIN);
    assert_true(why[0] != '\0');

    assert_true(kafka_fixture_restart(f));
    flush(p);
    UNTIL(m->n_read == (size_t)PARTITIONS * 100 + 10, step(m, 50));
    assert_read_once(m, 0, 100);
    assert_int_equal(m->n_disorder, 0);
    UNTIL(!kafka_consumer_problem(m->kafka, text, sizeof text), step(m, 50));
    UNTIL(kafka_reader_complete(b.reader), turn(&b, BATCH));
    assert_int_equal(b.n, PARTITIONS * 100);
    UNTIL(!kafka_reader_problem(b.reader, text, sizeof text), turn(&b, BATCH));
    kafka_reader_free(b.reader);
    enum status st = ST_AGAIN;
    UNTIL(st == ST_OK, {
        step(m, 20);
        st = m->source.commit(m->source.ctx, &part, 1, m->generation);
    });
    leave(m);
    kafka_producer_free(p);
    free(cfg);
}

static void an_idle_consumer_notices_that_the_broker_is_back(void **state) {
    struct kafka_fixture *f = *state;
    struct config *cfg = create(f, "idle", NULL);
    struct member *m = join(cfg);
    UNTIL(count_ended(m) == PARTITIONS, step(m, 50));
    char text[CONFIG_ERROR_MAX] = "";
    kafka_fixture_kill(f);
    UNTIL(kafka_consumer_problem(m->kafka, text, sizeof text), step(m, 50));
    assert_true(kafka_fixture_restart(f));
    UNTIL(!kafka_consumer_problem(m->kafka, text, sizeof text), step(m, 50));
    leave(m);
    free(cfg);
}

/* Before anybody knows that the broker is away: librdkafka's own call has no end then. */
static void a_commit_without_a_coordinator_is_answered_and_can_be_repeated(void **state) {
    struct kafka_fixture *f = *state;
    struct config *cfg = create(f, "orphan", NULL);
    struct member *m = join(cfg);
    UNTIL(m->n_mine == PARTITIONS, step(m, 50));
    kafka_fixture_kill(f);
    const int64_t start = now_ms();
    struct position part = {.offset = 1, .partition = 0};
    assert_int_equal(m->source.commit(m->source.ctx, &part, 1, m->generation), ST_AGAIN);
    assert_true(now_ms() - start < 7000);
    assert_true(kafka_fixture_restart(f));
    part.offset = 2;
    UNTIL(m->source.commit(m->source.ctx, &part, 1, m->generation) == ST_OK, step(m, 20));
    assert_int_equal(m->source.committed(m->source.ctx, &part, 1), ST_OK);
    assert_int_equal(part.offset, 2);
    leave(m);
    free(cfg);
}

static void nothing_blocks_for_long_while_the_broker_is_away(void **state) {
    struct kafka_fixture *f = *state;
    struct config *cfg = create(f, "away", NULL);
    struct member *m = join(cfg);
    UNTIL(m->n_mine == PARTITIONS, step(m, 50));
    char text[CONFIG_ERROR_MAX] = "";
    kafka_fixture_kill(f);
    UNTIL(kafka_consumer_problem(m->kafka, text, sizeof text), step(m, 20));

    int64_t start = now_ms();
    const struct position part = {.offset = 1, .partition = 0};
    assert_int_equal(m->source.commit(m->source.ctx, &part, 1, m->generation), ST_AGAIN);
    assert_true(now_ms() - start < 1500);
    start = now_ms();
    leave(m);
    assert_true(now_ms() - start < 3000);

    start = now_ms();
    snprintf(cfg->group, sizeof cfg->group, "away-2"); /* the dead member stays in the first */
    m = join(cfg); /* no broker at the start is no reason to fail */
    assert_true(now_ms() - start < 4000);
    assert_true(kafka_fixture_restart(f));
    UNTIL(m->n_mine == PARTITIONS, step(m, 50));
    leave(m);
    free(cfg);
}

static void a_position_outside_of_the_topic_is_a_problem_that_says_what_to_type(void **state) {
    struct config *cfg = create(*state, "outside", NULL);
    struct kafka_producer *p = producer(cfg);
    fill(p, "outside", 10);
    for (int i = 0; i < 5; i++) { /* partition 1 alone has position 12 */
        assert_int_equal(kafka_produce_to(p, "outside", 1, "k", 1, "v", 1, 0, NULL, 0), ST_OK);
    }
    flush(p);
    struct member *m = join(cfg);
    m->from = 12;
    char text[CONFIG_ERROR_MAX] = "";
    UNTIL(m->n_read == 3 && kafka_consumer_problem(m->kafka, text, sizeof text), step(m, 50));
    assert_true(strstr(text, "outside") != NULL);
    assert_true(strstr(text, "--reset-offsets") != NULL);
    /* Records of another partition do not make it good. */
    assert_int_equal(kafka_produce_to(p, "outside", 1, "k", 1, "v", 1, 0, NULL, 0), ST_OK);
    flush(p);
    UNTIL(m->n_read == 4, step(m, 50));
    assert_true(kafka_consumer_problem(m->kafka, text, sizeof text));
    assert_int_equal(m->n_disorder, 0); /* nothing was skipped */
    leave(m);
    kafka_producer_free(p);
    free(cfg);
}

static void a_missing_topic_is_a_problem_until_it_is_created(void **state) {
    struct config *cfg = create(*state, "early", NULL);
    snprintf(cfg->topics[1].name, sizeof cfg->topics[1].name, "late");
    cfg->n_topics = 2;
    set_kafka(cfg, "topic.metadata.refresh.interval.ms", "500");
    struct member *m = join(cfg);
    char text[CONFIG_ERROR_MAX] = "";
    UNTIL(kafka_consumer_problem(m->kafka, text, sizeof text), step(m, 50));
    assert_true(strstr(text, "late") != NULL);
    assert_true(strstr(text, "create the topic") != NULL);

    /* A crash of the broker hides it while it lasts, and does not end it. */
    kafka_fixture_kill(*state);
    UNTIL(kafka_consumer_problem(m->kafka, text, sizeof text) && !strstr(text, "late"),
          step(m, 50));
    assert_true(kafka_fixture_restart(*state));
    UNTIL(kafka_consumer_problem(m->kafka, text, sizeof text) && strstr(text, "late"), step(m, 50));

    const char *late = "late";
    char err[CONFIG_ERROR_MAX];
    assert_int_equal(kafka_topics_create(cfg, &late, 1, PARTITIONS, 1, err), ST_OK);
    UNTIL(m->n_mine == TOPICS * PARTITIONS, step(m, 50));
    UNTIL(!kafka_consumer_problem(m->kafka, text, sizeof text), step(m, 50));
    leave(m);
    free(cfg);
}

static void an_unknown_option_is_refused_and_the_nearest_is_named(void **state) {
    struct config *cfg = config_for(kafka_fixture_brokers(*state), "x", NULL);
    set_kafka(cfg, "sesion.timeout.ms", "9000");
    struct kafka_consumer *c = NULL;
    struct kafka_producer *p = NULL;
    const struct rebalance_ops ops = {.assigned = assigned, .revoked = revoked};
    char err[CONFIG_ERROR_MAX] = "";
    assert_int_equal(kafka_consumer_new(cfg, KAFKA_TASKS, &ops, &c, err), ST_INVALID);
    assert_true(strstr(err, "kafka.sesion.timeout.ms") != NULL);
    assert_true(strstr(err, "kafka.session.timeout.ms") != NULL);
    assert_null(c);
    assert_int_equal(kafka_producer_new(cfg, &p, err), ST_INVALID);
    assert_null(p);

    snprintf(cfg->kafka[1].key, sizeof cfg->kafka[1].key, "session.timeout.ms");
    snprintf(cfg->kafka[1].value, sizeof cfg->kafka[1].value, "soon");
    assert_int_equal(kafka_consumer_new(cfg, KAFKA_TASKS, &ops, &c, err), ST_INVALID);
    assert_true(strstr(err, "kafka.session.timeout.ms") != NULL);
    cfg->n_kafka = 0;
    assert_int_equal(kafka_consumer_new(cfg, KAFKA_TASKS, &ops, &c, err), ST_INVALID);
    assert_true(strstr(err, "kafka.bootstrap.servers") != NULL);
    kafka_consumer_free(NULL);
    kafka_producer_free(NULL);
    free(cfg);
}

static void an_option_of_producers_does_not_trouble_the_consumer_nor_the_reverse(void **state) {
    struct config *cfg = create(*state, "options", NULL);
    set_kafka(cfg, "compression.type", "lz4");
    set_kafka(cfg, "session.timeout.ms", "6000");
    struct kafka_producer *p = producer(cfg);
    fill(p, "options", 3);
    struct member *m = join(cfg);
    UNTIL(m->n_read == (size_t)PARTITIONS * 3, step(m, 50));
    leave(m);
    kafka_producer_free(p);
    free(cfg);
}

/* ---- where keys lie ------------------------------------------------------------------ */

/* librdkafka itself, for what crossrec never does to a cluster. */
static rd_kafka_t *admin(const struct kafka_fixture *f, const char *isolation) {
    char err[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", kafka_fixture_brokers(f), err, sizeof err);
    rd_kafka_conf_set(conf, "group.id", "admin", err, sizeof err);
    rd_kafka_conf_set(conf, "isolation.level", isolation, err, sizeof err);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, err, sizeof err);
    assert_non_null(rk);
    return rk;
}

static void await(rd_kafka_queue_t *answers) {
    rd_kafka_event_t *ev = rd_kafka_queue_poll(answers, DEADLINE_MS);
    assert_non_null(ev);
    assert_int_equal(rd_kafka_event_error(ev), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_event_destroy(ev);
    rd_kafka_queue_destroy(answers);
}

static void grow(const struct kafka_fixture *f, const char *topic, size_t partitions) {
    char err[256];
    rd_kafka_t *rk = admin(f, "read_committed");
    rd_kafka_queue_t *answers = rd_kafka_queue_new(rk);
    rd_kafka_NewPartitions_t *np = rd_kafka_NewPartitions_new(topic, partitions, err, sizeof err);
    rd_kafka_CreatePartitions(rk, &np, 1, NULL, answers);
    await(answers);
    rd_kafka_NewPartitions_destroy(np);
    rd_kafka_destroy(rk);
}

static void produce_keys(struct kafka_producer *p, const char *topic, int n) {
    for (int i = 0; i < n; i++) {
        char key[16];
        int len = snprintf(key, sizeof key, "user-%d", i);
        assert_int_equal(kafka_produce(p, topic, key, (size_t)len, "v", 1, 0), ST_OK);
    }
    flush(p);
}

/* Polls until n records came; counts those called misplaced. */
static size_t count_misplaced(struct member *m, size_t n) {
    size_t misplaced = 0;
    size_t got = 0;
    struct record r[BATCH];
    UNTIL(got >= n, {
        size_t k = m->source.poll(m->source.ctx, r, BATCH, 50);
        for (size_t i = 0; i < k; i++) {
            got += !r[i].end;
            misplaced += r[i].misplaced;
        }
    });
    assert_int_equal(got, n);
    return misplaced;
}

static void every_key_in_a_wrong_partition_is_called_misplaced_and_no_other(void **state) {
    struct config *cfg = create(*state, "placed", NULL);
    struct kafka_producer *p = producer(cfg);
    enum { N = 300 };
    produce_keys(p, "placed", N); /* right */
    size_t wrong = 0;
    for (int i = 0; i < N; i++) {
        char key[16];
        int len = snprintf(key, sizeof key, "user-%d", i);
        assert_int_equal(kafka_produce_to(p, "placed", 1, key, (size_t)len, "v", 1, 0, NULL, 0),
                         ST_OK);
        wrong += kafka_partition_of("murmur2", key, (size_t)len, PARTITIONS) != 1;
        assert_int_equal(kafka_produce_to(p, "placed", 2, NULL, 0, "v", 1, 0, NULL, 0), ST_OK);
    }
    flush(p);
    struct member *m = join(cfg);
    assert_int_equal(count_misplaced(m, 3 * N), wrong);
    leave(m);

    snprintf(cfg->partitioner, sizeof cfg->partitioner, "consistent"); /* nobody wrote so */
    m = join(cfg);
    assert_in_range(count_misplaced(m, 3 * N), N, 2 * N);
    leave(m);
    kafka_producer_free(p);
    free(cfg);
}

/* Producers know new partitions before the group does. */
static void no_key_is_misplaced_because_its_topic_got_more_partitions(void **state) {
    struct config *cfg = create(*state, "grows", NULL);
    struct member *m = join(cfg);
    UNTIL(m->n_mine == PARTITIONS, step(m, 20));
    assert_int_equal(m->source.partitions(m->source.ctx, 0), PARTITIONS);
    grow(*state, "grows", PARTITIONS + 3);
    struct kafka_topic_info info = {.partitions = 0};
    const char *name = "grows";
    char err[CONFIG_ERROR_MAX];
    UNTIL(info.partitions == PARTITIONS + 3,
          assert_int_equal(kafka_topics_describe(cfg, &name, 1, 5000, &info, NULL, err), ST_OK));
    struct kafka_producer *p = producer(cfg);
    enum { N = 400 };
    produce_keys(p, "grows", N);
    /* What lies in the old partitions; the new ones come with the next assignment. */
    size_t old = 0;
    for (int i = 0; i < N; i++) {
        char key[16];
        int len = snprintf(key, sizeof key, "user-%d", i);
        old += kafka_partition_of("murmur2", key, (size_t)len, PARTITIONS + 3) < PARTITIONS;
    }
    assert_int_equal(count_misplaced(m, old), 0);
    leave(m);
    kafka_producer_free(p);
    free(cfg);
}

/* ---- the consumer of raw topics ------------------------------------------------------ */

struct raw {
    struct source source;
    size_t n_mine, n_read[TOPICS], n_bad;
    int generation;
};

static void raw_assigned(void *ctx, struct position *parts, size_t n, int generation) {
    struct raw *w = ctx;
    (void)parts;
    w->n_mine = n;
    w->generation = generation;
}

static void raw_revoked(void *ctx, const struct position *parts, size_t n, bool lost) {
    struct raw *w = ctx;
    (void)parts;
    (void)lost;
    w->n_mine -= n;
}

static void raw_step(struct raw *w) {
    struct record r[BATCH];
    size_t n = w->source.poll(w->source.ctx, r, BATCH, 20);
    for (size_t i = 0; i < n; i++) {
        w->n_read[r[i].topic] += !r[i].end;
        w->n_bad += r[i].misplaced;
    }
}

static void
the_intake_reads_raw_topics_of_any_partition_counts_in_a_group_of_its_own(void **state) {
    struct config *cfg = create(*state, "tasks", NULL);
    static const char *const RAWS[] = {"raw-one", "raw-four"};
    char err[CONFIG_ERROR_MAX] = "";
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(kafka_topics_create(cfg, &RAWS[i], 1, i ? PARTITIONS : 1, 1, err), ST_OK);
        snprintf(cfg->raws[i].name, sizeof cfg->raws[i].name, "%s", RAWS[i]);
    }
    cfg->n_raws = 2;
    struct kafka_producer *p = producer(cfg);
    enum { N = 40 };
    for (int i = 0; i < N; i++) { /* keyed as the partner pleases */
        assert_int_equal(kafka_produce_to(p, RAWS[0], 0, "order", 5, "v", 1, 0, NULL, 0), ST_OK);
        assert_int_equal(kafka_produce_to(p, RAWS[1], i % PARTITIONS, "x", 1, "v", 1, 0, NULL, 0),
                         ST_OK);
    }
    flush(p);
    struct raw w = {.n_mine = 0};
    struct kafka_consumer *c = NULL;
    const struct rebalance_ops ops = {.assigned = raw_assigned, .revoked = raw_revoked, .ctx = &w};
    assert_int_equal(kafka_consumer_new(cfg, KAFKA_INTAKE, &ops, &c, err), ST_OK);
    w.source = kafka_source(c);
    UNTIL(w.n_read[0] == N && w.n_read[1] == N, raw_step(&w));
    assert_int_equal(w.n_mine, 1 + PARTITIONS);
    assert_int_equal(w.n_bad, 0);
    assert_int_equal(w.source.partitions(w.source.ctx, 0), 1);
    assert_int_equal(w.source.partitions(w.source.ctx, 1), PARTITIONS);
    const struct position part = {.offset = 17, .partition = 0, .topic = 0};
    assert_int_equal(w.source.commit(w.source.ctx, &part, 1, w.generation), ST_OK);

    int64_t committed = 0;
    int64_t low = 0;
    int64_t high = 0;
    assert_int_equal(kafka_positions(cfg, RAWS[0], 0, 5000, &committed, &low, &high, err), ST_OK);
    assert_int_equal(committed, -1); /* not the tasks' group */
    snprintf(cfg->group, sizeof cfg->group, "tasks-intake");
    assert_int_equal(kafka_positions(cfg, RAWS[0], 0, 5000, &committed, &low, &high, err), ST_OK);
    assert_int_equal(committed, 17);
    kafka_consumer_free(c);

    snprintf(cfg->group, sizeof cfg->group, "tasks"); /* it goes on where its group stands */
    w = (struct raw){.n_mine = 0};
    assert_int_equal(kafka_consumer_new(cfg, KAFKA_INTAKE, &ops, &c, err), ST_OK);
    w.source = kafka_source(c);
    UNTIL(w.n_read[0] >= N - 17 && w.n_read[1] >= N, raw_step(&w));
    raw_step(&w);
    assert_int_equal(w.n_read[0], N - 17);
    assert_int_equal(w.n_read[1], N); /* without a position: the earliest */
    kafka_consumer_free(c);
    kafka_producer_free(p);
    free(cfg);
}

/* ---- whole topics -------------------------------------------------------------------- */

static void a_reader_reads_all_partitions_of_all_topics_to_the_end_that_stood(void **state) {
    struct config *cfg = create(*state, "whole-a", "whole-b");
    struct kafka_producer *p = producer(cfg);
    enum { N = 1000 };
    fill(p, "whole-a", N);
    const int64_t start = now_ms();
    struct book b = open_book(cfg, "whole-b", "whole-a"); /* the index is the caller's */
    assert_false(kafka_reader_complete(b.reader));
    UNTIL(kafka_reader_complete(b.reader), {
        turn(&b, 64);
        assert_int_equal(kafka_reader_complete(b.reader), b.n == (size_t)PARTITIONS * N);
    });
    print_message("read whole within %d ms\n", (int)(now_ms() - start));
    assert_true(now_ms() - start < 3000);
    for (int i = 0; i < PARTITIONS; i++) {
        assert_int_equal(b.next[1][i], N);
        assert_int_equal(b.next[0][i], 0);
    }
    fill(p, "whole-b", 3); /* it goes on, and stays complete */
    UNTIL(b.n == (size_t)PARTITIONS * (N + 3), turn(&b, BATCH));
    assert_true(kafka_reader_complete(b.reader));
    char text[CONFIG_ERROR_MAX];
    assert_false(kafka_reader_problem(b.reader, text, sizeof text));
    kafka_reader_free(b.reader);

    int64_t committed = 0; /* and committed nothing */
    int64_t low = 0;
    int64_t high = 0;
    assert_int_equal(kafka_positions(cfg, "whole-a", 0, 5000, &committed, &low, &high, text),
                     ST_OK);
    assert_int_equal(committed, -1);
    kafka_producer_free(p);
    free(cfg);
}

static void an_empty_topic_is_complete_at_once(void **state) {
    struct config *cfg = create(*state, "empty", NULL);
    struct book b = open_book(cfg, "empty", NULL);
    assert_true(kafka_reader_complete(b.reader));
    struct globals g = kafka_globals(b.reader);
    struct record r[4];
    assert_true(g.complete(g.ctx));
    const int64_t start = now_ms();
    assert_int_equal(g.poll(g.ctx, r, 4), 0); /* without waiting */
    assert_true(now_ms() - start < 500);
    kafka_reader_free(b.reader);
    free(cfg);
}

static void what_was_aborted_at_the_end_is_not_seen_and_keeps_nobody_waiting(void **state) {
    struct config *cfg = create(*state, "aborted", NULL);
    struct kafka_tx *tx = NULL;
    char err[CONFIG_ERROR_MAX] = "";
    assert_int_equal(kafka_tx_new(cfg, "aborted", &tx, err), ST_OK);
    struct kafka_producer *p = producer(cfg);
    fill(p, "aborted", 5);
    assert_int_equal(kafka_tx_begin(tx), ST_OK);
    for (int i = 0; i < 100; i++) {
        char key[8];
        int len = snprintf(key, sizeof key, "k%d", i);
        assert_int_equal(kafka_tx_send(tx, "aborted", -1, key, (size_t)len, "gone", 4, 0, NULL, 0),
                         ST_OK);
    }
    rd_kafka_t *rk = admin(*state, "read_uncommitted");
    int64_t low = 0;
    int64_t high = 0;
    UNTIL(high > 5, rd_kafka_query_watermark_offsets(rk, "aborted", 0, &low, &high, 5000));
    rd_kafka_destroy(rk);

    struct book open = open_book(cfg, "aborted", NULL); /* while nobody knows how it ends */
    UNTIL(open.n == (size_t)PARTITIONS * 5, turn(&open, BATCH));
    for (int i = 0; i < 20; i++) {
        turn(&open, BATCH);
        assert_false(kafka_reader_complete(open.reader));
    }
    assert_int_equal(kafka_tx_abort(tx, DEADLINE_MS), ST_OK);
    UNTIL(kafka_reader_complete(open.reader), turn(&open, BATCH));
    struct book late = open_book(cfg, "aborted", NULL); /* now commit markers are the end */
    UNTIL(kafka_reader_complete(late.reader), turn(&late, BATCH));
    assert_int_equal(open.n, PARTITIONS * 5);
    assert_int_equal(late.n, PARTITIONS * 5);
    kafka_reader_free(open.reader);
    kafka_reader_free(late.reader);
    kafka_tx_free(tx);
    kafka_producer_free(p);
    free(cfg);
}

/* Records of a topic, however many offsets it has. */
static size_t count_whole(const struct config *cfg, const char *topic) {
    struct book b = open_book(cfg, topic, NULL);
    UNTIL(kafka_reader_complete(b.reader), turn(&b, BATCH));
    kafka_reader_free(b.reader);
    return b.n;
}

static void create_compacted(const struct kafka_fixture *f, const char *topic) {
    static const char *const SETTINGS[][2] = {{"cleanup.policy", "compact"},
                                              {"segment.ms", "100"},
                                              {"min.cleanable.dirty.ratio", "0.01"},
                                              {"max.compaction.lag.ms", "100"},
                                              {"delete.retention.ms", "100"}};
    char err[256];
    rd_kafka_t *rk = admin(f, "read_committed");
    rd_kafka_queue_t *answers = rd_kafka_queue_new(rk);
    rd_kafka_NewTopic_t *t = rd_kafka_NewTopic_new(topic, 1, 1, err, sizeof err);
    for (size_t i = 0; i < sizeof SETTINGS / sizeof SETTINGS[0]; i++) {
        rd_kafka_NewTopic_set_config(t, SETTINGS[i][0], SETTINGS[i][1]);
    }
    rd_kafka_CreateTopics(rk, &t, 1, NULL, answers);
    await(answers);
    rd_kafka_NewTopic_destroy(t);
    rd_kafka_destroy(rk);
}

static void a_compacted_topic_is_complete_though_offsets_are_missing(void **state) {
    struct config *cfg = config_for(kafka_fixture_brokers(*state), "compacted", NULL);
    create_compacted(*state, "compacted");
    const char *name = "compacted"; /* exists: only waits until it shows */
    char err[CONFIG_ERROR_MAX] = "";
    assert_int_equal(kafka_topics_create(cfg, &name, 1, 1, 1, err), ST_OK);
    struct kafka_producer *p = producer(cfg);
    enum { N = 1000, KEYS = 10 };
    for (int i = 0; i < N; i++) {
        char key[8];
        int len = snprintf(key, sizeof key, "k%d", i % KEYS);
        assert_int_equal(kafka_produce(p, name, key, (size_t)len, "v", 1, 0), ST_OK);
    }
    flush(p);
    size_t seen = N;
    UNTIL(seen < 2 * KEYS + 20, { /* the next record rolls the segment, which is compacted then */
                                  ms_sleep(150);
                                  assert_int_equal(kafka_produce(p, name, "roll", 4, "v", 1, 0),
                                                   ST_OK);
                                  flush(p);
                                  seen = count_whole(cfg, name);
    });
    assert_true(seen > KEYS);
    kafka_producer_free(p);
    free(cfg);
}

static void a_restart_reads_everything_again_and_nothing_of_before(void **state) {
    struct config *cfg = create(*state, "again-a", "again-b");
    struct kafka_producer *p = producer(cfg);
    enum { N = 2000 };
    fill(p, "again-a", N);
    fill(p, "again-b", N);
    struct book b = open_book(cfg, "again-a", "again-b");
    struct globals g = kafka_globals(b.reader);
    static const size_t STOPS[] = {1, 700, (size_t)2 * PARTITIONS * N};
    for (size_t i = 0; i < sizeof STOPS / sizeof STOPS[0]; i++) {
        UNTIL(b.n >= STOPS[i], turn(&b, 100)); /* much is fetched and not yet shown */
        g.restart(g.ctx);
        assert_false(g.complete(g.ctx));
        memset(b.next, 0, sizeof b.next);
        b.n = 0;
    }
    const int64_t start = now_ms();
    UNTIL(kafka_reader_complete(b.reader), {
        struct record r[BATCH];
        size_t n = kafka_reader_poll(b.reader, r, BATCH, 20);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(r[i].offset, b.next[r[i].topic][r[i].partition]++);
        }
        b.n += n;
    });
    print_message("read again within %d ms\n", (int)(now_ms() - start));
    assert_int_equal(b.n, 2 * PARTITIONS * N);
    fill(p, "again-b", 1); /* the end that stands when reading begins anew */
    kafka_reader_restart(b.reader);
    memset(b.next, 0, sizeof b.next);
    b.n = 0;
    UNTIL(kafka_reader_complete(b.reader), turn(&b, BATCH));
    assert_int_equal(b.n, 2 * PARTITIONS * N + PARTITIONS);
    kafka_reader_free(b.reader);
    kafka_producer_free(p);
    free(cfg);
}

static void a_reader_shows_the_headers_of_each_record(void **state) {
    struct config *cfg = create(*state, "headed", NULL);
    struct kafka_producer *p = producer(cfg);
    static const char BINARY[] = {'a', '\0', 'b'};
    const struct header headers[] = {{.name = "reason", .value = "short", .len = 5},
                                     {.name = "binary", .value = BINARY, .len = sizeof BINARY},
                                     {.name = "empty", .value = "", .len = 0}};
    for (size_t n = 0; n <= 3; n++) {
        assert_int_equal(kafka_produce_to(p, "headed", 1, "k", 1, "v", 1, 0, headers, n), ST_OK);
    }
    flush(p);
    struct book b = open_book(cfg, "headed", NULL);
    struct record r[BATCH];
    struct header got[3];
    size_t at = 0; /* record at has that many headers */
    UNTIL(at == 4, {
        size_t n = kafka_reader_poll(b.reader, r, BATCH, 100);
        for (size_t k = 0; k < n; k++, at++) {
            assert_int_equal(kafka_reader_headers(b.reader, k, got, 3), at);
            for (size_t i = 0; i < at; i++) {
                assert_string_equal(got[i].name, headers[i].name);
                assert_int_equal(got[i].len, headers[i].len);
                assert_memory_equal(got[i].value, headers[i].value, headers[i].len);
            }
            assert_int_equal(kafka_reader_headers(b.reader, k, got, 1), at ? 1 : 0);
        }
        assert_int_equal(kafka_reader_headers(b.reader, n, got, 3), 0); /* no such record */
    });
    kafka_reader_free(b.reader);
    kafka_producer_free(p);
    free(cfg);
}

static void a_reader_names_the_topic_that_is_missing_and_the_option_that_is_wrong(void **state) {
    struct config *cfg = create(*state, "present", NULL);
    const char *names[] = {"present", "absent"};
    struct kafka_reader *r = NULL;
    char err[CONFIG_ERROR_MAX] = "";
    const int64_t start = now_ms();
    assert_int_equal(kafka_reader_new(cfg, names, 2, &r, err), ST_IO);
    assert_true(now_ms() - start < 3000);
    assert_null(r);
    assert_non_null(strstr(err, "absent"));
    assert_non_null(strstr(err, "create the topic"));
    set_kafka(cfg, "sesion.timeout.ms", "9000");
    assert_int_equal(kafka_reader_new(cfg, names, 1, &r, err), ST_INVALID);
    assert_non_null(strstr(err, "kafka.session.timeout.ms"));
    kafka_reader_free(NULL);
    free(cfg);
}

/* ---- producer --------------------------------------------------------------------------- */

static void assert_header(const rd_kafka_message_t *m, size_t i, const char *name,
                          const void *value, size_t len) {
    rd_kafka_headers_t *headers = NULL;
    const char *got_name = NULL;
    const void *got = NULL;
    size_t got_len = 0;
    assert_int_equal(rd_kafka_message_headers(m, &headers), RD_KAFKA_RESP_ERR_NO_ERROR);
    assert_int_equal(rd_kafka_header_get_all(headers, i, &got_name, &got, &got_len),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    assert_string_equal(got_name, name);
    assert_int_equal(got_len, len);
    assert_memory_equal(got, value, len);
}

/* Read by librdkafka itself: our consumer shows no headers. */
static void dead_letters_keep_their_bytes_headers_and_time(void **state) {
    struct config *cfg = create(*state, "letters", NULL);
    struct kafka_producer *p = producer(cfg);
    struct letterbox box = kafka_letterbox(p);
    static const char BODY[] = "\0\xff bad \0 bytes";
    static const char BINARY[] = {'a', '\0', 'b'};
    const struct header headers[] = {
        {.name = "reason", .value = "short", .len = 5},
        {.name = "binary", .value = BINARY, .len = sizeof BINARY},
        {.name = "empty", .value = "", .len = 0},
    };
    assert_int_equal(
        box.send(box.ctx, "letters", "key", 3, BODY, sizeof BODY, 1700000000123, headers, 3),
        ST_OK);
    assert_int_equal(box.flush(box.ctx, DEADLINE_MS), ST_OK);
    assert_int_equal(box.flush(box.ctx, 0), ST_OK); /* nothing to wait for */

    char err[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", kafka_fixture_brokers(*state), err, sizeof err);
    rd_kafka_conf_set(conf, "group.id", "letters-reader", err, sizeof err);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, err, sizeof err);
    assert_non_null(rk);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(PARTITIONS);
    for (int32_t i = 0; i < PARTITIONS; i++) {
        rd_kafka_topic_partition_list_add(list, "letters", i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    }
    rd_kafka_assign(rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_message_t *m = NULL;
    UNTIL(m, m = rd_kafka_consumer_poll(rk, 100));
    assert_int_equal(m->err, RD_KAFKA_RESP_ERR_NO_ERROR);
    assert_int_equal(m->len, sizeof BODY);
    assert_memory_equal(m->payload, BODY, sizeof BODY);
    assert_memory_equal(m->key, "key", 3);
    assert_int_equal(rd_kafka_message_timestamp(m, NULL), 1700000000123);
    assert_header(m, 0, "reason", "short", 5);
    assert_header(m, 1, "binary", BINARY, sizeof BINARY);
    assert_header(m, 2, "empty", "", 0);
    rd_kafka_message_destroy(m);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    kafka_producer_free(p);
    free(cfg);
}

static void a_letter_to_a_missing_topic_fails_the_flush_and_says_why(void **state) {
    struct config *cfg = config_for(kafka_fixture_brokers(*state), "nowhere", NULL);
    set_kafka(cfg, "topic.metadata.propagation.max.ms", "100");
    struct kafka_producer *p = producer(cfg);
    struct letterbox box = kafka_letterbox(p);
    char why[CONFIG_ERROR_MAX] = "";
    /* refused at once or failed later, never acknowledged */
    enum status st = box.send(box.ctx, "nowhere", "k", 1, "v", 1, 0, NULL, 0);
    if (!st) {
        assert_int_equal(kafka_producer_flush(p, DEADLINE_MS, why, sizeof why), ST_IO);
        assert_true(strstr(why, "nowhere") != NULL);
        assert_true(strstr(why, "create the topic") != NULL);
    }
    assert_int_equal(kafka_producer_acked(p), 0);
    assert_int_equal(kafka_producer_flush(p, DEADLINE_MS, why, sizeof why), ST_OK); /* told once */
    kafka_producer_free(p);
    free(cfg);
}

/* ---- topics -------------------------------------------------------------------------------- */

static void topics_are_described_and_missing_ones_named(void **state) {
    struct config *cfg = create(*state, "there", NULL);
    const char *names[] = {"there", "not-there"};
    struct kafka_topic_info info[2];
    int brokers = 0;
    char err[CONFIG_ERROR_MAX] = "";
    assert_int_equal(kafka_topics_describe(cfg, names, 2, 5000, info, &brokers, err), ST_OK);
    assert_int_equal(brokers, 1);
    assert_string_equal(info[0].name, "there");
    assert_int_equal(info[0].partitions, PARTITIONS);
    assert_string_equal(info[0].error, "");
    assert_string_equal(info[1].name, "not-there");
    assert_int_equal(info[1].partitions, 0);
    assert_string_equal(info[1].error, "does not exist");
    /* asking did not make it, and existing topics are left alone */
    assert_int_equal(kafka_topics_create(cfg, names, 1, 2 * PARTITIONS, 1, err), ST_OK);
    assert_int_equal(kafka_topics_describe(cfg, names, 2, 5000, info, NULL, err), ST_OK);
    assert_int_equal(info[0].partitions, PARTITIONS);
    assert_int_equal(info[1].partitions, 0);
    const char *bad = "no such name!";
    assert_int_equal(kafka_topics_create(cfg, &bad, 1, 1, 1, err), ST_IO);
    assert_true(strstr(err, bad) != NULL);
    free(cfg);
}

static void a_wrong_address_is_told_in_time_and_says_which(void **state) {
    (void)state;
    struct config *cfg = config_for("127.0.0.1:1", "x", NULL);
    const char *name = "x";
    struct kafka_topic_info info = {.partitions = 77};
    char err[CONFIG_ERROR_MAX] = "";
    const int64_t start = now_ms();
    assert_int_equal(kafka_topics_describe(cfg, &name, 1, 1000, &info, NULL, err), ST_IO);
    assert_true(now_ms() - start < 2500);
    assert_int_equal(info.partitions, 77); /* untouched */
    assert_true(strstr(err, "127.0.0.1:1") != NULL);
    assert_true(strstr(err, "kafka.bootstrap.servers") != NULL);

    int64_t a = 5;
    size_t n = 5;
    assert_int_equal(kafka_positions(cfg, "x", 0, 500, &a, &a, &a, err), ST_IO);
    assert_int_equal(a, 5);
    assert_int_equal(kafka_sample_partitioner(cfg, "x", 0, 1, 10, 500, &n, &n, &n, err), ST_IO);
    assert_int_equal(n, 5);
    assert_true(now_ms() - start < 6000);
    free(cfg);
}

static void a_sample_tells_which_partitioner_the_producers_use(void **state) {
    static const char *const KINDS[] = {"murmur2", "consistent"};
    for (int kind = 0; kind < 2; kind++) {
        char topic[32];
        snprintf(topic, sizeof topic, "sample-%s", KINDS[kind]);
        struct config *cfg = create(*state, topic, NULL);
        snprintf(cfg->partitioner, sizeof cfg->partitioner, "%s", KINDS[kind]);
        struct kafka_producer *p = producer(cfg);
        for (int i = 0; i < 400; i++) {
            char key[16];
            int len = snprintf(key, sizeof key, "u%d", i);
            assert_int_equal(kafka_produce(p, topic, key, (size_t)len, "v", 1, 0), ST_OK);
        }
        flush(p);
        size_t n = 0;
        size_t murmur2 = 0;
        size_t consistent = 0;
        char err[CONFIG_ERROR_MAX] = "";
        assert_int_equal(kafka_sample_partitioner(cfg, topic, 2, PARTITIONS, 60, 5000, &n, &murmur2,
                                                  &consistent, err),
                         ST_OK);
        assert_int_equal(n, 60);
        assert_int_equal(kind == 0 ? murmur2 : consistent, 60);
        assert_in_range(kind == 0 ? consistent : murmur2, 2, 40); /* a quarter by chance */
        /* fewer than asked for: ends at the end, not at the timeout */
        const int64_t start = now_ms();
        assert_int_equal(kafka_sample_partitioner(cfg, topic, 1, PARTITIONS, 1000, 8000, &n,
                                                  &murmur2, &consistent, err),
                         ST_OK);
        assert_in_range(n, 50, 150);
        assert_true(now_ms() - start < 4000);
        assert_int_equal(kafka_sample_partitioner(cfg, topic, 9, PARTITIONS, 10, 2000, &n, &murmur2,
                                                  &consistent, err),
                         ST_IO);
        kafka_producer_free(p);
        free(cfg);
    }
}

/* murmur2: the published vectors of Kafka's own UtilsTest; CRC-32: the check value. */
static void keys_get_the_partitions_that_kafka_and_zlib_say(void **state) {
    (void)state;
    static const struct {
        const char *key;
        int32_t hash;
    } MURMUR2[] = {
        {"21", -973932308},
        {"foobar", -790332482},
        {"a-little-bit-long-string", -985981536},
        {"a-little-bit-longer-string", -1486304829},
        {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
        {"abc", 479470107},
    };
    const int32_t n = 1000003;
    for (size_t i = 0; i < sizeof MURMUR2 / sizeof MURMUR2[0]; i++) {
        const char *key = MURMUR2[i].key;
        assert_int_equal(kafka_partition_of("murmur2", key, strlen(key), n),
                         (MURMUR2[i].hash & 0x7fffffff) % n);
    }
    assert_int_equal(kafka_partition_of("consistent", "123456789", 9, n),
                     (int32_t)(0xCBF43926U % (uint32_t)n));
}

/* ---- the broker --------------------------------------------------------------------------- */

static int start(void **state) {
    log_set_level(LOG_LEVEL_ERROR);
    *state = kafka_fixture_start_apart();
    return *state ? 0 : -1;
}

static int stop(void **state) {
    kafka_fixture_stop(*state);
    return 0;
}

int main(void) {
    int missing = kafka_fixture_missing();
    if (missing) {
        return missing;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_get_the_partitions_that_kafka_and_zlib_say),
        cmocka_unit_test(records_arrive_with_key_value_time_and_offset),
        cmocka_unit_test(a_null_value_and_a_missing_key_stay_what_they_are),
        cmocka_unit_test(two_members_share_whole_tasks_and_hand_over_in_order),
        cmocka_unit_test(partitions_that_wait_are_read_once_they_are_started_and_from_there),
        cmocka_unit_test(committed_offsets_are_those_of_the_last_commit),
        cmocka_unit_test(an_assignment_that_was_lost_commits_nothing),
        cmocka_unit_test(the_known_end_is_right_for_empty_preloaded_and_growing_partitions),
        cmocka_unit_test(pausing_and_resuming_loses_and_doubles_nothing),
        cmocka_unit_test(a_broker_that_is_killed_and_comes_back_costs_nothing_but_time),
        cmocka_unit_test(an_idle_consumer_notices_that_the_broker_is_back),
        cmocka_unit_test(a_commit_without_a_coordinator_is_answered_and_can_be_repeated),
        cmocka_unit_test(nothing_blocks_for_long_while_the_broker_is_away),
        cmocka_unit_test(a_position_outside_of_the_topic_is_a_problem_that_says_what_to_type),
        cmocka_unit_test(a_missing_topic_is_a_problem_until_it_is_created),
        cmocka_unit_test(an_unknown_option_is_refused_and_the_nearest_is_named),
        cmocka_unit_test(an_option_of_producers_does_not_trouble_the_consumer_nor_the_reverse),
        cmocka_unit_test(every_key_in_a_wrong_partition_is_called_misplaced_and_no_other),
        cmocka_unit_test(no_key_is_misplaced_because_its_topic_got_more_partitions),
        cmocka_unit_test(the_intake_reads_raw_topics_of_any_partition_counts_in_a_group_of_its_own),
        cmocka_unit_test(a_reader_reads_all_partitions_of_all_topics_to_the_end_that_stood),
        cmocka_unit_test(an_empty_topic_is_complete_at_once),
        cmocka_unit_test(what_was_aborted_at_the_end_is_not_seen_and_keeps_nobody_waiting),
        cmocka_unit_test(a_compacted_topic_is_complete_though_offsets_are_missing),
        cmocka_unit_test(a_restart_reads_everything_again_and_nothing_of_before),
        cmocka_unit_test(a_reader_shows_the_headers_of_each_record),
        cmocka_unit_test(a_reader_names_the_topic_that_is_missing_and_the_option_that_is_wrong),
        cmocka_unit_test(dead_letters_keep_their_bytes_headers_and_time),
        cmocka_unit_test(a_letter_to_a_missing_topic_fails_the_flush_and_says_why),
        cmocka_unit_test(topics_are_described_and_missing_ones_named),
        cmocka_unit_test(a_wrong_address_is_told_in_time_and_says_which),
        cmocka_unit_test(a_sample_tells_which_partitioner_the_producers_use),
    };
    return cmocka_run_group_tests_name("kafka", tests, start, stop);
}
