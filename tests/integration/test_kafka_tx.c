/* SPDX-License-Identifier: Apache-2.0
 *
 * test_kafka_tx.c -- the transactions of consumer/kafka.h against a real Apache Kafka.
 *
 * One broker for all tests; each test has topics, a group and transactional ids of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kafka.h"
#include "kafka_fixture.h"
#include "log.h"

enum { PARTITIONS = 3, BATCH = 512, DEADLINE_MS = 30000, TX_MS = 5000 };

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void ms_sleep(int ms) {
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    nanosleep(&t, NULL);
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

/* ---- what the tests need ------------------------------------------------------------ */

static void set_kafka(struct config *c, const char *key, const char *value) {
    struct config_pair *p = &c->kafka[c->n_kafka++];
    snprintf(p->key, sizeof p->key, "%s", key);
    snprintf(p->value, sizeof p->value, "%s", value);
}

/* Topics NAME-in (PARTITIONS) and NAME-out (1); the intake's group is NAME-intake. */
static struct config *create(struct kafka_fixture *f, const char *name) {
    struct config *c = calloc(1, sizeof *c);
    assert_non_null(c);
    snprintf(c->group, sizeof c->group, "%s", name);
    snprintf(c->partitioner, sizeof c->partitioner, "murmur2");
    snprintf(c->raws[0].name, sizeof c->raws[0].name, "%s-in", name);
    c->n_raws = 1;
    snprintf(c->events, sizeof c->events, "%s-out", name);
    set_kafka(c, "bootstrap.servers", kafka_fixture_brokers(f));
    const char *in = c->raws[0].name;
    const char *out = c->events;
    char err[CONFIG_ERROR_MAX] = "";
    if (kafka_topics_create(c, &in, 1, PARTITIONS, 1, err) ||
        kafka_topics_create(c, &out, 1, 1, 1, err)) {
        fail_msg("%s", err);
    }
    return c;
}

/* An intake as small as can be: it reads from the earliest on and keeps nothing. */
struct member {
    struct kafka_consumer *kafka;
    struct source source;
    size_t n_mine;
    int generation, assigned;
};

static void assigned(void *ctx, struct position *parts, size_t n, int generation) {
    struct member *m = ctx;
    m->n_mine = n;
    m->generation = generation;
    m->assigned++;
    (void)parts;
}

static void revoked(void *ctx, const struct position *parts, size_t n, bool lost) {
    struct member *m = ctx;
    (void)parts;
    (void)lost;
    m->n_mine -= n;
}

static struct member *join(const struct config *cfg) {
    struct member *m = calloc(1, sizeof *m);
    assert_non_null(m);
    const struct rebalance_ops ops = {.assigned = assigned, .revoked = revoked, .ctx = m};
    char err[CONFIG_ERROR_MAX] = "";
    if (kafka_consumer_new(cfg, KAFKA_INTAKE, &ops, &m->kafka, err)) {
        fail_msg("%s", err);
    }
    m->source = kafka_source(m->kafka);
    return m;
}

static void leave(struct member *m) {
    kafka_consumer_free(m->kafka);
    free(m);
}

static void step(struct member *m) {
    struct record r[BATCH];
    (void)m->source.poll(m->source.ctx, r, BATCH, 20);
}

static struct member *join_all(const struct config *cfg) {
    struct member *m = join(cfg);
    UNTIL(m->n_mine == PARTITIONS, step(m));
    return m;
}

static struct kafka_tx *tx_new(const struct config *cfg, const char *id) {
    struct kafka_tx *tx = NULL;
    char err[CONFIG_ERROR_MAX] = "";
    if (kafka_tx_new(cfg, id, &tx, err)) {
        fail_msg("%s", err);
    }
    return tx;
}

static enum status send_text(struct kafka_tx *tx, const struct config *cfg, const char *text) {
    return kafka_tx_send(tx, cfg->events, -1, text, strlen(text), text, strlen(text), 0, NULL, 0);
}

static void begin_with(struct kafka_tx *tx, const struct config *cfg, const char *text) {
    assert_int_equal(kafka_tx_begin(tx), ST_OK);
    assert_int_equal(send_text(tx, cfg, text), ST_OK);
}

static enum status commit(struct kafka_tx *tx, struct member *m, int64_t offset) {
    const struct position part = {.offset = offset, .partition = 1};
    return kafka_tx_commit(tx, m->kafka, &part, 1, m->generation, TX_MS);
}

/* The committed offset of partition 1, waiting for transactions that are open. */
static int64_t committed(struct member *m) {
    struct position part = {.partition = 1};
    UNTIL(m->source.committed(m->source.ctx, &part, 1) == ST_OK, step(m));
    return part.offset;
}

/* Records that a reader of committed ones sees in the output, by their text if `first`. */
static size_t count_out(const struct config *cfg, char *first, size_t len) {
    const char *name = cfg->events;
    struct kafka_reader *r = NULL;
    char err[CONFIG_ERROR_MAX] = "";
    if (kafka_reader_new(cfg, &name, 1, &r, err)) {
        fail_msg("%s", err);
    }
    size_t n = 0;
    struct record rec[BATCH];
    UNTIL(kafka_reader_complete(r), {
        size_t k = kafka_reader_poll(r, rec, BATCH, 20);
        for (size_t i = 0; i < k; i++) {
            if (n++ == 0 && first) {
                snprintf(first, len, "%.*s", (int)rec[i].value_len, (const char *)rec[i].value);
            }
        }
    });
    kafka_reader_free(r);
    return n;
}

/* ---- one transaction -------------------------------------------------------------------- */

static void a_commit_makes_records_and_offsets_visible_together(void **state) {
    struct config *cfg = create(*state, "commit");
    struct member *m = join_all(cfg);
    const int64_t start = now_ms();
    struct kafka_tx *tx = tx_new(cfg, "commit-id");
    begin_with(tx, cfg, "one");
    for (int i = 0; i < 10; i++) {
        assert_int_equal(send_text(tx, cfg, "more"), ST_OK);
    }
    assert_int_equal(commit(tx, m, 19), ST_OK);
    print_message("first transaction within %d ms\n", (int)(now_ms() - start));
    assert_true(now_ms() - start < 5000);
    char first[16];
    assert_int_equal(count_out(cfg, first, sizeof first), 11);
    assert_string_equal(first, "one");
    assert_int_equal(committed(m), 19);

    assert_int_equal(kafka_tx_begin(tx), ST_OK); /* offsets alone */
    assert_int_equal(commit(tx, m, 23), ST_OK);
    assert_int_equal(committed(m), 23);
    assert_int_equal(count_out(cfg, NULL, 0), 11);
    kafka_tx_free(tx);
    kafka_tx_free(NULL);
    leave(m);
    free(cfg);
}

static void an_abort_shows_neither_records_nor_offsets(void **state) {
    struct config *cfg = create(*state, "abort");
    struct member *m = join_all(cfg);
    struct kafka_tx *tx = tx_new(cfg, "abort-id");
    assert_int_equal(kafka_tx_abort(tx, TX_MS), ST_OK); /* nothing was begun */
    begin_with(tx, cfg, "never");
    assert_int_equal(kafka_tx_abort(tx, TX_MS), ST_OK);
    assert_int_equal(kafka_tx_abort(tx, TX_MS), ST_OK); /* twice is once */
    assert_int_equal(count_out(cfg, NULL, 0), 0);
    assert_int_equal(committed(m), -1);

    begin_with(tx, cfg, "good"); /* and the next one is as any other */
    assert_int_equal(commit(tx, m, 5), ST_OK);
    begin_with(tx, cfg, "freed"); /* open when its producer goes: given up at once */
    ms_sleep(200);                /* time to reach the broker, so that readers would wait for it */
    kafka_tx_free(tx);
    char first[16];
    const int64_t start = now_ms();
    assert_int_equal(count_out(cfg, first, sizeof first), 1);
    assert_true(now_ms() - start < 3000);
    assert_string_equal(first, "good");
    assert_int_equal(committed(m), 5);
    leave(m);
    free(cfg);
}

static void records_keep_key_time_and_headers_and_their_keys_partition(void **state) {
    struct config *cfg = create(*state, "kept");
    struct member *m = join_all(cfg);
    struct kafka_tx *tx = tx_new(cfg, "kept-id");
    const struct header header = {.name = "from", .value = "a\0b", .len = 3};
    assert_int_equal(kafka_tx_begin(tx), ST_OK);
    for (int i = 0; i < 50; i++) {
        char key[8];
        int len = snprintf(key, sizeof key, "u%d", i);
        assert_int_equal(kafka_tx_send(tx, cfg->raws[0].name, -1, key, (size_t)len, NULL, 0,
                                       1700000000000 + i, &header, 1),
                         ST_OK);
    }
    assert_int_equal(commit(tx, m, 1), ST_OK);
    const char *name = cfg->raws[0].name;
    struct kafka_reader *r = NULL;
    char err[CONFIG_ERROR_MAX] = "";
    assert_int_equal(kafka_reader_new(cfg, &name, 1, &r, err), ST_OK);
    int got = 0;
    UNTIL(kafka_reader_complete(r), {
        struct record rec[BATCH];
        struct header h;
        size_t n = kafka_reader_poll(r, rec, BATCH, 20);
        for (size_t i = 0; i < n; i++, got++) {
            char key[16];
            snprintf(key, sizeof key, "%.*s", (int)rec[i].key_len, (const char *)rec[i].key);
            assert_int_equal(rec[i].timestamp_ms, 1700000000000 + strtol(key + 1, NULL, 10));
            assert_int_equal(rec[i].partition,
                             kafka_partition_of("murmur2", rec[i].key, rec[i].key_len, PARTITIONS));
            assert_null(rec[i].value);
            assert_int_equal(kafka_reader_headers(r, i, &h, 1), 1);
            assert_int_equal(h.len, 3);
            assert_memory_equal(h.value, "a\0b", 3);
        }
    });
    assert_int_equal(got, 50);
    kafka_reader_free(r);
    kafka_tx_free(tx);
    leave(m);
    free(cfg);
}

/* ---- whose partitions ---------------------------------------------------------------------- */

static void offsets_of_another_generation_are_refused_and_undo_the_records(void **state) {
    struct config *cfg = create(*state, "stale");
    struct member *m = join_all(cfg);
    struct kafka_tx *tx = tx_new(cfg, "stale-id");
    const struct position part = {.offset = 7, .partition = 1};
    const int generations[] = {0, m->generation - 1, m->generation + 1};
    for (size_t i = 0; i < sizeof generations / sizeof generations[0]; i++) {
        begin_with(tx, cfg, "stale");
        assert_int_equal(kafka_tx_commit(tx, m->kafka, &part, 1, generations[i], TX_MS), ST_LOST);
    }
    const int old = m->generation;
    struct member *other = join(cfg);
    UNTIL(m->n_mine + other->n_mine == PARTITIONS && other->n_mine > 0, {
        step(m);
        step(other);
    });
    begin_with(tx, cfg, "stale");
    assert_int_equal(kafka_tx_commit(tx, m->kafka, &part, 1, old, TX_MS), ST_LOST);
    assert_int_equal(count_out(cfg, NULL, 0), 0);
    assert_int_equal(committed(m), -1);
    begin_with(tx, cfg, "fresh"); /* aborted each time: the producer is as new */
    assert_int_equal(commit(tx, m, 8), ST_OK);
    assert_int_equal(count_out(cfg, NULL, 0), 1);
    assert_int_equal(committed(m), 8);
    leave(other);
    kafka_tx_free(tx);
    leave(m);
    free(cfg);
}

/* Whoever stands still for too long is no member any more, and does not know it yet. */
static void a_member_that_lost_its_partitions_commits_nothing(void **state) {
    struct config *cfg = create(*state, "lost");
    set_kafka(cfg, "session.timeout.ms", "1500");
    set_kafka(cfg, "heartbeat.interval.ms", "100");
    set_kafka(cfg, "max.poll.interval.ms", "1500");
    struct member *m = join_all(cfg);
    struct kafka_tx *tx = tx_new(cfg, "lost-id");
    UNTIL(m->source.commit(m->source.ctx, NULL, 0, m->generation) == ST_LOST, ms_sleep(20));
    begin_with(tx, cfg, "lost");
    assert_int_equal(commit(tx, m, 7), ST_LOST);
    assert_int_equal(count_out(cfg, NULL, 0), 0);
    assert_int_equal(committed(m), -1);
    const int before = m->assigned;
    UNTIL(m->assigned > before, step(m)); /* the next poll comes back */
    begin_with(tx, cfg, "found");
    assert_int_equal(commit(tx, m, 8), ST_OK);
    assert_int_equal(count_out(cfg, NULL, 0), 1);
    kafka_tx_free(tx);
    leave(m);
    free(cfg);
}

static void a_transaction_without_offsets_is_refused(void **state) {
    struct config *cfg = create(*state, "bare");
    struct member *m = join_all(cfg);
    struct kafka_tx *tx = tx_new(cfg, "bare-id");
    const struct position bad[] = {{.offset = -1, .partition = 1},
                                   {.offset = 3, .partition = 1, .topic = 9}};
    begin_with(tx, cfg, "bare");
    assert_int_equal(kafka_tx_commit(tx, m->kafka, NULL, 0, m->generation, TX_MS), ST_LOST);
    for (size_t i = 0; i < 2; i++) {
        begin_with(tx, cfg, "bare");
        assert_int_equal(kafka_tx_commit(tx, m->kafka, &bad[i], 1, m->generation, TX_MS), ST_LOST);
    }
    assert_int_equal(count_out(cfg, NULL, 0), 0);
    kafka_tx_free(tx);
    leave(m);
    free(cfg);
}

/* ---- whose id ------------------------------------------------------------------------ */

static void the_second_owner_of_an_id_fences_the_first(void **state) {
    struct config *cfg = create(*state, "fence");
    struct member *m = join_all(cfg);
    struct kafka_tx *first = tx_new(cfg, "fence-id");
    begin_with(first, cfg, "first");
    struct kafka_tx *second = tx_new(cfg, "fence-id");
    begin_with(second, cfg, "second");
    assert_int_equal(commit(second, m, 11), ST_OK);
    assert_int_equal(commit(first, m, 99), ST_FENCED);
    assert_int_equal(kafka_tx_begin(first), ST_FENCED); /* for good */
    kafka_tx_free(first);
    begin_with(second, cfg, "again");
    assert_int_equal(commit(second, m, 12), ST_OK);
    char text[16];
    assert_int_equal(count_out(cfg, text, sizeof text), 2);
    assert_string_equal(text, "second");
    assert_int_equal(committed(m), 12);
    kafka_tx_free(second);
    leave(m);
    free(cfg);
}

static void what_a_former_owner_left_open_is_ended_by_the_next(void **state) {
    struct config *cfg = create(*state, "heir");
    struct member *m = join_all(cfg);
    struct kafka_tx *dead = tx_new(cfg, "heir-id");
    begin_with(dead, cfg, "dead");
    ms_sleep(200); /* as above */
    const int64_t start = now_ms();
    struct kafka_tx *heir = tx_new(cfg, "heir-id");
    assert_int_equal(count_out(cfg, NULL, 0), 0); /* nobody waits for transaction.timeout.ms */
    assert_true(now_ms() - start < 6000);
    begin_with(heir, cfg, "heir");
    assert_int_equal(commit(heir, m, 1), ST_OK);
    assert_int_equal(count_out(cfg, NULL, 0), 1);
    assert_int_equal(kafka_tx_abort(dead, TX_MS), ST_FENCED);
    kafka_tx_free(dead);
    kafka_tx_free(heir);
    leave(m);
    free(cfg);
}

/* ---- errors -------------------------------------------------------------------------- */

static void a_wrong_option_is_refused_and_named(void **state) {
    struct config *cfg = create(*state, "option");
    struct kafka_tx *tx = NULL;
    char err[CONFIG_ERROR_MAX] = "";
    set_kafka(cfg, "transaction.timeout.ms", "soon");
    assert_int_equal(kafka_tx_new(cfg, "option-id", &tx, err), ST_INVALID);
    assert_non_null(strstr(err, "kafka.transaction.timeout.ms"));
    cfg->n_kafka--;
    set_kafka(cfg, "transaction.timeout.ms", "2000000"); /* brokers allow 900000 */
    err[0] = '\0';
    assert_int_equal(kafka_tx_new(cfg, "option-id", &tx, err), ST_INVALID);
    assert_non_null(strstr(err, "option-id"));
    assert_non_null(strstr(err, "transaction.max.timeout.ms"));
    assert_null(tx);
    free(cfg);
}

static void a_record_for_a_missing_topic_ends_its_transaction_and_no_other(void **state) {
    struct config *cfg = create(*state, "nowhere");
    set_kafka(cfg, "topic.metadata.propagation.max.ms", "100");
    struct member *m = join_all(cfg);
    struct kafka_tx *tx = tx_new(cfg, "nowhere-id");
    begin_with(tx, cfg, "with it");
    enum status st = kafka_tx_send(tx, "no-such-topic", -1, "k", 1, "v", 1, 0, NULL, 0);
    if (st) { /* refused at once, or when it is to be committed */
        assert_int_equal(st, ST_IO);
        assert_int_equal(kafka_tx_abort(tx, TX_MS), ST_OK);
    } else {
        assert_int_equal(commit(tx, m, 9), ST_LOST);
    }
    begin_with(tx, cfg, "without");
    assert_int_equal(commit(tx, m, 10), ST_OK);
    char text[16];
    assert_int_equal(count_out(cfg, text, sizeof text), 1);
    assert_string_equal(text, "without");
    assert_int_equal(committed(m), 10);
    kafka_tx_free(tx);
    leave(m);
    free(cfg);
}

static void a_record_that_is_too_large_is_not_committed_and_the_producer_recovers(void **state) {
    struct config *cfg = create(*state, "large");
    set_kafka(cfg, "message.max.bytes", "4000000");
    struct member *m = join_all(cfg);
    struct kafka_tx *tx = tx_new(cfg, "large-id");
    char *large = calloc(1, 2000000);
    assert_non_null(large);
    begin_with(tx, cfg, "with it");
    assert_int_equal(kafka_tx_send(tx, cfg->events, -1, "k", 1, large, 2000000, 0, NULL, 0), ST_OK);
    assert_int_equal(commit(tx, m, 9), ST_LOST);
    free(large);
    size_t lost = 0;
    enum status st = ST_LOST;
    UNTIL(st == ST_OK, {
        begin_with(tx, cfg, "without");
        st = commit(tx, m, 10);
        lost += st != ST_OK;
    });
    print_message("%zu more lost\n", lost);
    assert_in_range(lost, 0, 1);
    char text[16];
    assert_int_equal(count_out(cfg, text, sizeof text), 1);
    assert_string_equal(text, "without");
    assert_int_equal(committed(m), 10);
    kafka_tx_free(tx);
    leave(m);
    free(cfg);
}

static void a_full_queue_is_served_and_loses_nothing(void **state) {
    struct config *cfg = create(*state, "full");
    set_kafka(cfg, "queue.buffering.max.messages", "10");
    struct member *m = join_all(cfg);
    struct kafka_tx *tx = tx_new(cfg, "full-id");
    size_t again = 0;
    enum { N = 500 };
    assert_int_equal(kafka_tx_begin(tx), ST_OK);
    for (int i = 0; i < N;) {
        enum status st = send_text(tx, cfg, "v");
        assert_true(st == ST_OK || st == ST_AGAIN);
        i += st == ST_OK;
        again += st == ST_AGAIN;
    }
    assert_int_equal(commit(tx, m, 1), ST_OK);
    assert_true(again > 0);
    assert_int_equal(count_out(cfg, NULL, 0), N);
    kafka_tx_free(tx);
    leave(m);
    free(cfg);
}

/* As of a process that was stopped for longer than transaction.timeout.ms: the broker says that
 * it is fenced, and nobody else has the id. */
static void
a_transaction_that_was_open_for_too_long_is_given_up_and_not_called_fenced(void **state) {
    struct config *cfg = create(*state, "slow");
    set_kafka(cfg, "transaction.timeout.ms", "1000");
    set_kafka(cfg, "socket.timeout.ms", "1000");
    set_kafka(cfg, "request.timeout.ms", "1000");
    struct member *m = join_all(cfg);
    struct kafka_tx *tx = tx_new(cfg, "slow-id");
    begin_with(tx, cfg, "slow");
    ms_sleep(3000);
    assert_int_equal(commit(tx, m, 9), ST_AGAIN);
    kafka_tx_free(tx);
    tx = tx_new(cfg, "slow-id");
    assert_int_equal(committed(m), -1);
    begin_with(tx, cfg, "quick");
    assert_int_equal(commit(tx, m, 10), ST_OK);
    char text[16];
    assert_int_equal(count_out(cfg, text, sizeof text), 1);
    assert_string_equal(text, "quick");
    kafka_tx_free(tx);
    leave(m);
    free(cfg);
}

/* ---- a broker that is killed --------------------------------------------------------- */

/* Commits transactions of RECORDS records, offset by offset, as the contract says: after an
 * unknown outcome it asks what was committed. Returns the last committed offset. */
struct run {
    const struct config *cfg;
    struct member *m;
    struct kafka_tx *tx;
    int64_t done; /* transactions known to be committed = the committed offset */
    size_t unknown, lost;
};

enum { RECORDS = 10 };

static void renew(struct run *r) {
    kafka_tx_free(r->tx);
    r->tx = NULL;
    char err[CONFIG_ERROR_MAX] = "";
    enum status st = ST_AGAIN;
    UNTIL(st != ST_AGAIN, {
        st = kafka_tx_new(r->cfg, r->cfg->group, &r->tx, err);
        step(r->m);
    });
    if (st) {
        fail_msg("%s", err);
    }
    const int64_t is = committed(r->m);
    assert_in_range(is < 0 ? 0 : is, r->done, r->done + 1);
    r->done = is < 0 ? 0 : is;
}

/* One transaction; if it cannot be sent, it is given up. */
static enum status attempt(struct run *r, int timeout_ms) {
    const struct position part = {.offset = r->done + 1, .partition = 1};
    enum status st = kafka_tx_begin(r->tx);
    for (int i = 0; !st && i < RECORDS; i++) {
        st = send_text(r->tx, r->cfg, "v");
    }
    if (st == ST_IO) {
        st = kafka_tx_abort(r->tx, timeout_ms);
        return st ? st : ST_LOST;
    }
    return st ? st : kafka_tx_commit(r->tx, r->m->kafka, &part, 1, r->m->generation, timeout_ms);
}

static void settle(struct run *r, enum status st) {
    switch (st) {
    case ST_OK: r->done++; break;
    case ST_LOST: r->lost++; break;
    case ST_AGAIN:
        r->unknown++;
        renew(r);
        break;
    default: fail_msg("%s after %d transactions", status_str(st), (int)r->done);
    }
    step(r->m);
}

static void commit_until(struct run *r, int64_t done) {
    UNTIL(r->done >= done, settle(r, attempt(r, TX_MS)));
}

static void finish(struct run *r) {
    print_message("%d transactions, %zu lost, %zu unknown\n", (int)r->done, r->lost, r->unknown);
    assert_int_equal(committed(r->m), r->done);
    assert_int_equal(count_out(r->cfg, NULL, 0), r->done * RECORDS);
    kafka_tx_free(r->tx);
    leave(r->m);
}

struct killer {
    struct kafka_fixture *f;
    int after_ms;
};

static void *kill_soon(void *arg) {
    const struct killer *k = arg;
    ms_sleep(k->after_ms);
    kafka_fixture_kill(k->f);
    return NULL;
}

static void transactions_are_counted_once_wherever_the_broker_is_killed(void **state) {
    struct kafka_fixture *f = *state;
    struct config *cfg = create(f, "killed");
    struct run r = {.cfg = cfg, .m = join_all(cfg), .tx = tx_new(cfg, cfg->group)};
    unsigned seed = (unsigned)now_ms();
    print_message("seed %u\n", seed);
    for (int kill = 0; kill < 3; kill++) {
        commit_until(&r, r.done + 10);
        seed = seed * 1103515245U + 12345U;
        struct killer k = {.f = f, .after_ms = 1 + (int)(seed >> 16) % 40};
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, kill_soon, &k), 0);
        enum status st = ST_OK;
        UNTIL(st != ST_OK, {
            st = attempt(&r, 700);
            r.done += st == ST_OK;
        });
        pthread_join(thread, NULL);
        assert_true(kafka_fixture_restart(f));
        settle(&r, st);
    }
    commit_until(&r, r.done + 10);
    finish(&r);
    free(cfg);
}

static void a_transaction_outlives_a_broker_that_is_killed_and_comes_back_in_time(void **state) {
    struct kafka_fixture *f = *state;
    struct config *cfg = create(f, "outlived");
    struct run r = {.cfg = cfg, .m = join_all(cfg), .tx = tx_new(cfg, cfg->group)};
    commit_until(&r, 5);
    begin_with(r.tx, cfg, "v");
    for (int i = 1; i < RECORDS; i++) {
        assert_int_equal(send_text(r.tx, cfg, "v"), ST_OK);
    }
    kafka_fixture_kill(f);
    assert_true(kafka_fixture_restart(f));
    const struct position part = {.offset = 6, .partition = 1};
    enum status st = ST_LOST;
    if (r.m->n_mine > 0) {
        st = kafka_tx_commit(r.tx, r.m->kafka, &part, 1, r.m->generation, 9000);
    }
    settle(&r, st);
    assert_int_equal(r.unknown, 0); /* as measured: no error at all, or a new generation */
    commit_until(&r, 10);
    finish(&r);
    free(cfg);
}

/* Longer than a commit may take, so that nobody knows how it ended. */
static void an_outage_leaves_an_unknown_outcome_that_the_committed_offset_tells(void **state) {
    struct kafka_fixture *f = *state;
    struct config *cfg = create(f, "outage");
    struct run r = {.cfg = cfg, .m = join_all(cfg), .tx = tx_new(cfg, cfg->group)};
    commit_until(&r, 5);
    begin_with(r.tx, cfg, "v");
    kafka_fixture_kill(f);
    const int64_t start = now_ms();
    const struct position part = {.offset = 6, .partition = 1};
    assert_int_equal(kafka_tx_commit(r.tx, r.m->kafka, &part, 1, r.m->generation, 1000), ST_AGAIN);
    assert_in_range(now_ms() - start, 900, 5000);
    r.unknown++;
    assert_true(kafka_fixture_restart(f));
    renew(&r);
    assert_int_equal(r.done, 5);
    commit_until(&r, 10);
    finish(&r);
    free(cfg);
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
        cmocka_unit_test(a_commit_makes_records_and_offsets_visible_together),
        cmocka_unit_test(an_abort_shows_neither_records_nor_offsets),
        cmocka_unit_test(records_keep_key_time_and_headers_and_their_keys_partition),
        cmocka_unit_test(offsets_of_another_generation_are_refused_and_undo_the_records),
        cmocka_unit_test(a_member_that_lost_its_partitions_commits_nothing),
        cmocka_unit_test(a_transaction_without_offsets_is_refused),
        cmocka_unit_test(the_second_owner_of_an_id_fences_the_first),
        cmocka_unit_test(what_a_former_owner_left_open_is_ended_by_the_next),
        cmocka_unit_test(a_wrong_option_is_refused_and_named),
        cmocka_unit_test(a_record_for_a_missing_topic_ends_its_transaction_and_no_other),
        cmocka_unit_test(a_record_that_is_too_large_is_not_committed_and_the_producer_recovers),
        cmocka_unit_test(a_full_queue_is_served_and_loses_nothing),
        cmocka_unit_test(
            a_transaction_that_was_open_for_too_long_is_given_up_and_not_called_fenced),
        cmocka_unit_test(transactions_are_counted_once_wherever_the_broker_is_killed),
        cmocka_unit_test(a_transaction_outlives_a_broker_that_is_killed_and_comes_back_in_time),
        cmocka_unit_test(an_outage_leaves_an_unknown_outcome_that_the_committed_offset_tells),
    };
    return cmocka_run_group_tests_name("kafka transactions", tests, start, stop);
}
