/* SPDX-License-Identifier: Apache-2.0
 *
 * test_kafka_log.c -- the log and the topics of consumer/kafka.h against a real Apache Kafka.
 *
 * One broker for all tests; each test has topics, a group and transactional ids of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kafka_actors.h"
#include "log.h"

enum { PARTITIONS = 4, LARGE = 10 << 20 };

static const char *const LIMITS[] = {"max.message.bytes", "16777216", NULL};

/* What came of each partition: records in order, and the last end. */
struct book {
    struct kafka_log *log;
    struct log_port port;
    int64_t n[PARTITIONS], first[PARTITIONS], next[PARTITIONS];
    int64_t end[PARTITIONS]; /* -1: none since it was added */
    size_t ends;
};

static struct book open_log(const struct config *cfg, const char *topic) {
    struct book b = {.ends = 0};
    char err[CONFIG_ERROR_MAX] = "";
    if (kafka_log_new(cfg, topic, &b.log, err)) {
        fail_msg("%s", err);
    }
    b.port = kafka_log_port(b.log);
    return b;
}

static enum status add(struct book *b, int32_t p, int64_t from) {
    b->n[p] = 0;
    b->first[p] = b->next[p] = b->end[p] = -1;
    return b->port.add(b->port.ctx, p, from);
}

static void turn(struct book *b) {
    struct record r[ACTORS_BATCH];
    size_t n = b->port.poll(b->port.ctx, r, ACTORS_BATCH, 20);
    for (size_t i = 0; i < n; i++) {
        const int32_t p = r[i].partition;
        assert_in_range(p, 0, PARTITIONS - 1);
        assert_int_equal(r[i].topic, 0);
        if (r[i].end) {
            assert_null(r[i].value);
            assert_true(r[i].offset >= b->next[p]);
            b->end[p] = r[i].offset;
            b->ends++;
            continue;
        }
        assert_true(r[i].offset >= b->next[p]);
        b->first[p] = b->n[p]++ == 0 ? r[i].offset : b->first[p];
        b->next[p] = r[i].offset + 1;
    }
}

static int64_t position(const struct book *b, int32_t p) {
    return b->port.position(b->port.ctx, p);
}

static struct log_bounds bounds(const struct book *b, int32_t p) {
    struct log_bounds out = {.low = -9};
    UNTIL(b->port.bounds(b->port.ctx, p, &out) == ST_OK, actors_sleep(10));
    assert_true(out.low <= out.stable && out.stable <= out.high);
    return out;
}

/* Reads until the position is at the end that is asked for now. */
static void read_up(struct book *b, int32_t p) {
    const int64_t high = bounds(b, p).high;
    UNTIL(position(b, p) >= high, turn(b));
}

/* n records "0", "1", ... */
static void fill(const struct config *cfg, const char *topic, int32_t p, int n) {
    struct kafka_producer *producer = NULL;
    char text[CONFIG_ERROR_MAX] = "";
    if (kafka_producer_new(cfg, &producer, text)) {
        fail_msg("%s", text);
    }
    for (int i = 0; i < n; i++) {
        int len = snprintf(text, sizeof text, "%d", i);
        assert_int_equal(
            kafka_produce_to(producer, topic, p, text, (size_t)len, text, (size_t)len, 0, NULL, 0),
            ST_OK);
    }
    assert_int_equal(kafka_producer_flush(producer, ACTORS_DEADLINE_MS, text, sizeof text), ST_OK);
    kafka_producer_free(producer);
}

/* A transaction of n records, with offsets of a group of one. */
static void transact(struct actor *a, struct kafka_tx *tx, const char *topic, int32_t p, int n) {
    assert_int_equal(kafka_tx_begin(tx), ST_OK);
    for (int i = 0; i < n; i++) {
        assert_int_equal(actor_send(tx, topic, p, "t"), ST_OK);
    }
    assert_int_equal(actor_commit(a, tx, 1, "", ACTORS_TX_MS), ST_OK);
}

static struct config *create(const struct kafka_fixture *f, const char *name,
                             const char *const *settings) {
    struct config *c = actors_config(f, name);
    actors_topic(c, name, PARTITIONS, settings);
    return c;
}

static struct actor *actor(const struct config *cfg) {
    actors_topic(cfg, cfg->topics[0].name, 1, NULL);
    return actor_join_all(cfg, 1);
}

/* ---- topics ---------------------------------------------------------------------------- */

static void a_topic_is_created_once_with_its_settings(void **state) {
    struct config *cfg = actors_config(*state, "made");
    const struct kafka_topic_setting settings[] = {{"cleanup.policy", "compact"},
                                                   {"retention.ms", "-1"},
                                                   {"max.message.bytes", "16777216"},
                                                   {"segment.ms", "60000"},
                                                   {"min.cleanable.dirty.ratio", "0.1"}};
    struct kafka_topic_spec spec = {.name = "made",
                                    .partitions = 5,
                                    .replication = -1,
                                    .settings = settings,
                                    .n_settings = sizeof settings / sizeof *settings};
    char err[CONFIG_ERROR_MAX] = "";
    char value[32] = "";
    bool created = false;
    int32_t n = 0;
    assert_int_equal(kafka_topic_partitions(cfg, "made", 5000, &n, err), ST_NOT_FOUND);
    assert_int_equal(kafka_topic_config(cfg, "made", "retention.ms", value, sizeof value, err),
                     ST_NOT_FOUND);
    /* three replicas are the default of the one broker, which is too many for it */
    assert_int_equal(kafka_topic_create(cfg, &spec, &created, err), ST_OK);
    assert_true(created);
    spec.partitions = 7;
    assert_int_equal(kafka_topic_create(cfg, &spec, &created, err), ST_OK);
    assert_false(created);
    assert_int_equal(kafka_topic_partitions(cfg, "made", 5000, &n, err), ST_OK);
    assert_int_equal(n, 5);
    for (size_t i = 0; i < spec.n_settings; i++) {
        assert_int_equal(
            kafka_topic_config(cfg, "made", settings[i].name, value, sizeof value, err), ST_OK);
        assert_string_equal(value, settings[i].value);
    }
    assert_int_equal(kafka_topic_config(cfg, "made", "flush.ms", value, sizeof value, err), ST_OK);
    assert_int_equal(kafka_topic_config(cfg, "made", "no.such", value, sizeof value, err),
                     ST_NOT_FOUND);
    assert_non_null(strstr(err, "no.such"));
    assert_int_equal(kafka_topic_config(cfg, "made", "cleanup.policy", value, 7, err), ST_RANGE);
    free(cfg);
}

static void a_topic_that_cannot_be_is_refused_with_the_reason(void **state) {
    struct config *cfg = actors_config(*state, "refused");
    struct kafka_topic_setting s = {"cleanup.policy", "hoard"};
    struct kafka_topic_spec spec = {
        .name = "refused", .partitions = 1, .replication = -1, .settings = &s, .n_settings = 1};
    char err[CONFIG_ERROR_MAX] = "";
    assert_int_equal(kafka_topic_create(cfg, &spec, NULL, err), ST_IO);
    assert_non_null(strstr(err, "refused"));
    assert_non_null(strstr(err, "cleanup.policy"));
    s = (struct kafka_topic_setting){"retention.ms", "1000"};
    spec.replication = 3; /* there is one broker, and that was not left to it */
    assert_int_equal(kafka_topic_create(cfg, &spec, NULL, err), ST_IO);
    assert_non_null(strstr(err, "eplication"));
    free(cfg);
}

static void topics_and_groups_are_deleted_and_members_counted(void **state) {
    struct config *cfg = create(*state, "deleted", NULL);
    char err[CONFIG_ERROR_MAX] = "";
    int members = -1;
    int32_t n = 0;
    assert_int_equal(kafka_group_members(cfg, &members, err), ST_OK);
    assert_int_equal(members, 0);
    assert_int_equal(kafka_group_delete(cfg, err), ST_NOT_FOUND);
    struct actor *a = actor(cfg);
    assert_int_equal(kafka_group_members(cfg, &members, err), ST_OK);
    assert_int_equal(members, 1);
    assert_int_equal(kafka_group_delete(cfg, err), ST_IO); /* it has one */
    const struct position part = {.offset = 3};
    UNTIL(a->source.commit(a->source.ctx, &part, 1, a->generation) == ST_OK, actor_step(a));
    actor_leave(a);
    UNTIL(members == 0, assert_int_equal(kafka_group_members(cfg, &members, err), ST_OK));
    int64_t committed = 0;
    int64_t low = 0;
    int64_t high = 0;
    assert_int_equal(kafka_group_delete(cfg, err), ST_OK);
    assert_int_equal(
        kafka_positions(cfg, cfg->topics[0].name, 0, 5000, &committed, &low, &high, err), ST_OK);
    assert_int_equal(committed, -1);

    assert_int_equal(kafka_topic_delete(cfg, "deleted", err), ST_OK);
    UNTIL(kafka_topic_partitions(cfg, "deleted", 5000, &n, err) == ST_NOT_FOUND, actors_sleep(20));
    assert_int_equal(kafka_topic_delete(cfg, "deleted", err), ST_NOT_FOUND);
    free(cfg);
}

/* ---- reading --------------------------------------------------------------------------- */

static void a_log_of_a_missing_topic_says_what_to_type(void **state) {
    struct config *cfg = actors_config(*state, "missing");
    struct kafka_log *log = NULL;
    char err[CONFIG_ERROR_MAX] = "";
    assert_int_equal(kafka_log_new(cfg, "missing", &log, err), ST_IO);
    assert_non_null(strstr(err, "missing"));
    assert_non_null(strstr(err, "create the topic"));
    assert_null(log);
    kafka_log_free(NULL);
    free(cfg);
}

static void partitions_are_read_from_their_positions_and_change_while_others_go_on(void **state) {
    struct config *cfg = create(*state, "change", NULL);
    for (int32_t p = 0; p < PARTITIONS; p++) {
        fill(cfg, "change", p, 100 * (p + 1));
    }
    struct book b = open_log(cfg, "change");
    assert_int_equal(kafka_log_partitions(b.log), PARTITIONS);
    turn(&b); /* of nothing comes nothing */
    assert_int_equal(position(&b, 0), -1);
    assert_int_equal(b.port.look(b.port.ctx, 0), ST_NOT_FOUND);

    const int64_t start = actors_now_ms();
    assert_int_equal(add(&b, 1, -1), ST_OK);
    assert_int_equal(add(&b, 2, 250), ST_OK);
    assert_int_equal(position(&b, 2), 250);
    read_up(&b, 1);
    read_up(&b, 2);
    print_message("two partitions read within %d ms\n", (int)(actors_now_ms() - start));
    assert_true(actors_now_ms() - start < 3000);
    assert_int_equal(b.n[1], 200);
    assert_int_equal(b.n[2], 50);
    assert_int_equal(b.first[2], 250);
    assert_int_equal(b.n[0] + b.n[3], 0);

    b.port.remove(b.port.ctx, 2);
    assert_int_equal(position(&b, 2), -1);
    assert_int_equal(add(&b, 3, 399), ST_OK);
    fill(cfg, "change", 1, 10);
    fill(cfg, "change", 2, 10);
    read_up(&b, 1);
    read_up(&b, 3);
    assert_int_equal(b.n[1], 210);
    assert_int_equal(b.n[2], 50); /* it is not read any more */
    assert_int_equal(b.n[3], 1);

    assert_int_equal(add(&b, 2, 250), ST_OK); /* again, from where it was told */
    assert_int_equal(add(&b, 1, 0), ST_OK);   /* one that is being read */
    read_up(&b, 2);
    read_up(&b, 1);
    assert_int_equal(b.n[2], 60);
    assert_int_equal(b.n[1], 210);
    UNTIL(b.end[1] == 210 && b.end[2] == 310 && b.end[3] >= 400, turn(&b));
    b.port.remove(b.port.ctx, 0); /* never added */
    b.port.remove(b.port.ctx, 99);
    kafka_log_free(b.log);
    free(cfg);
}

static void adding_and_removing_in_haste_shows_no_record_of_before(void **state) {
    struct config *cfg = create(*state, "haste", NULL);
    fill(cfg, "haste", 0, 2000);
    fill(cfg, "haste", 1, 2000);
    struct book b = open_log(cfg, "haste");
    assert_int_equal(add(&b, 1, -1), ST_OK);
    for (int i = 0; i < 15; i++) {
        assert_int_equal(add(&b, 0, 100 * i), ST_OK);
        for (int k = 0; k < i % 4; k++) {
            turn(&b);
        }
        assert_true(b.first[0] == -1 || b.first[0] == 100 * i);
    }
    read_up(&b, 0);
    read_up(&b, 1);
    assert_int_equal(b.first[0], 1400);
    assert_int_equal(b.n[0], 600);
    assert_int_equal(b.n[1], 2000); /* the other one did not notice */
    kafka_log_free(b.log);
    free(cfg);
}

static void what_was_aborted_is_not_seen_and_markers_are_passed(void **state) {
    struct config *cfg = create(*state, "marks", NULL);
    struct actor *a = actor(cfg);
    struct kafka_tx *tx = actor_tx(cfg, "marks");
    struct book b = open_log(cfg, "marks");
    transact(a, tx, "marks", 0, 3); /* 0 1 2, 3 is the marker */
    assert_int_equal(kafka_tx_begin(tx), ST_OK);
    assert_int_equal(actor_send(tx, "marks", 0, "never"), ST_OK); /* 4, 5 */
    UNTIL(bounds(&b, 0).high == 5, actors_sleep(5));
    assert_int_equal(kafka_tx_abort(tx, ACTORS_TX_MS), ST_OK);
    assert_int_equal(add(&b, 0, -1), ST_OK);
    read_up(&b, 0);
    UNTIL(position(&b, 0) == 6, turn(&b));
    assert_int_equal(b.n[0], 3);
    UNTIL(b.end[0] == 6, turn(&b));
    const int64_t start = actors_now_ms();
    transact(a, tx, "marks", 0, 1); /* 6, 7 */
    UNTIL(b.n[0] == 4, turn(&b));
    print_message("a committed record is seen within %d ms\n", (int)(actors_now_ms() - start));
    UNTIL(position(&b, 0) == 8, turn(&b));
    UNTIL(b.end[0] == 8, turn(&b));
    assert_int_equal(add(&b, 0, 3), ST_OK); /* at a marker is a position as any other */
    read_up(&b, 0);
    assert_int_equal(b.n[0], 1);
    assert_int_equal(b.first[0], 6);
    assert_int_equal(add(&b, 0, 8), ST_OK); /* the end too */
    UNTIL(b.end[0] == 8, turn(&b));
    assert_int_equal(b.n[0], 0);
    kafka_log_free(b.log);
    kafka_tx_free(tx);
    actor_leave(a);
    free(cfg);
}

static void a_transaction_that_is_open_is_waited_for_until_it_times_out(void **state) {
    struct config *cfg = create(*state, "open", NULL);
    struct config *dying = actors_config(*state, "open");
    actors_set(dying, "transaction.timeout.ms", "3000");
    actors_set(dying, "socket.timeout.ms", "1000");
    actors_set(dying, "request.timeout.ms", "1000");
    struct kafka_tx *tx = actor_tx(dying, "open");
    fill(cfg, "open", 0, 5);
    struct book b = open_log(cfg, "open");
    assert_int_equal(add(&b, 0, -1), ST_OK);
    assert_int_equal(kafka_tx_begin(tx), ST_OK);
    assert_int_equal(actor_send(tx, "open", 0, "never"), ST_OK);
    UNTIL(bounds(&b, 0).high == 6, actors_sleep(5));
    fill(cfg, "open", 0, 7); /* committed, behind it */

    const struct log_bounds at = bounds(&b, 0);
    assert_int_equal(at.low, 0);
    assert_int_equal(at.stable, 5);
    assert_int_equal(at.high, 13);
    UNTIL(b.end[0] == 5, turn(&b));
    assert_int_equal(b.n[0], 5);
    const int64_t start = actors_now_ms();
    UNTIL(position(&b, 0) >= at.high, turn(&b));
    print_message("waited for %d ms\n", (int)(actors_now_ms() - start));
    assert_int_equal(b.n[0], 12);
    assert_int_equal(bounds(&b, 0).stable, bounds(&b, 0).high);
    kafka_log_free(b.log);
    kafka_tx_free(tx);
    free(dying);
    free(cfg);
}

static void positions_that_deletion_has_passed_or_that_never_were_are_out_of_range(void **state) {
    struct config *cfg = create(*state, "gone", NULL);
    char err[CONFIG_ERROR_MAX] = "";
    fill(cfg, "gone", 1, 100);
    struct book b = open_log(cfg, "gone");
    assert_int_equal(kafka_topic_delete_records(cfg, "gone", 1, 40, err), ST_OK);
    assert_int_equal(kafka_topic_delete_records(cfg, "gone", 1, 101, err), ST_RANGE);
    const struct log_bounds at = bounds(&b, 1);
    assert_int_equal(at.low, 40);
    assert_int_equal(at.stable, 100);
    assert_int_equal(at.high, 100);
    assert_int_equal(add(&b, 1, 39), ST_RANGE);
    assert_int_equal(b.port.look(b.port.ctx, 1), ST_NOT_FOUND);
    assert_int_equal(add(&b, 1, 101), ST_RANGE);
    assert_int_equal(b.port.add(b.port.ctx, PARTITIONS, 0), ST_INVALID);
    assert_int_equal(add(&b, 1, 40), ST_OK);
    read_up(&b, 1);
    assert_int_equal(b.n[1], 60);
    assert_int_equal(add(&b, 1, -1), ST_OK);
    read_up(&b, 1);
    assert_int_equal(b.first[1], 40);
    assert_int_equal(kafka_topic_delete_records(cfg, "gone", 1, -1, err), ST_OK); /* all */
    assert_int_equal(bounds(&b, 1).low, 100);
    assert_int_equal(add(&b, 1, -1), ST_OK);
    UNTIL(b.end[1] == 100, turn(&b));
    kafka_log_free(b.log);
    free(cfg);
}

/* It waits at an open transaction, and all that is behind is deleted. */
static void a_reader_that_deletion_overtakes_is_told_and_others_go_on(void **state) {
    struct config *cfg = create(*state, "overtaken", NULL);
    char err[CONFIG_ERROR_MAX] = "";
    struct kafka_tx *tx = actor_tx(cfg, "overtaken");
    fill(cfg, "overtaken", 0, 5);
    assert_int_equal(kafka_tx_begin(tx), ST_OK);
    assert_int_equal(actor_send(tx, "overtaken", 0, "open"), ST_OK);
    struct book b = open_log(cfg, "overtaken");
    UNTIL(bounds(&b, 0).high == 6, actors_sleep(5));
    fill(cfg, "overtaken", 0, 5);
    assert_int_equal(add(&b, 0, -1), ST_OK);
    assert_int_equal(add(&b, 1, -1), ST_OK);
    UNTIL(b.end[0] == 5 && b.end[1] == 0, turn(&b));
    assert_int_equal(b.port.look(b.port.ctx, 0), ST_OK);
    assert_int_equal(kafka_topic_delete_records(cfg, "overtaken", 0, 10, err), ST_OK);
    UNTIL(b.port.look(b.port.ctx, 0) == ST_RANGE, turn(&b));
    assert_int_equal(position(&b, 0), 5);
    fill(cfg, "overtaken", 1, 3);
    read_up(&b, 1);
    assert_int_equal(b.n[1], 3);
    assert_false(kafka_log_problem(b.log, err, sizeof err)); /* it is the owner's affair */

    assert_int_equal(kafka_tx_abort(tx, ACTORS_TX_MS), ST_OK);
    assert_int_equal(add(&b, 0, -1), ST_OK);
    read_up(&b, 0);
    assert_int_equal(b.port.look(b.port.ctx, 0), ST_OK);
    assert_int_equal(b.first[0], 10);
    kafka_log_free(b.log);
    kafka_tx_free(tx);
    free(cfg);
}

static void offsets_that_compaction_took_are_passed(void **state) {
    static const char *const COMPACT[] = {"cleanup.policy",
                                          "compact",
                                          "segment.ms",
                                          "100",
                                          "min.cleanable.dirty.ratio",
                                          "0.01",
                                          "max.compaction.lag.ms",
                                          "100",
                                          "delete.retention.ms",
                                          "100",
                                          NULL};
    struct config *cfg = create(*state, "holes", COMPACT);
    struct book b = open_log(cfg, "holes");
    for (int i = 0; i < 10; i++) {
        fill(cfg, "holes", 0, 20); /* the same keys each time */
    }
    UNTIL(b.first[0] > 100, {
        actors_sleep(150); /* the next record rolls the segment, which is compacted then */
        fill(cfg, "holes", 0, 1);
        assert_int_equal(add(&b, 0, 3), ST_OK); /* is not there any more, and within bounds */
        read_up(&b, 0);
    });
    assert_int_equal(bounds(&b, 0).low, 0);
    assert_int_equal(position(&b, 0), bounds(&b, 0).high);
    assert_true(b.n[0] < 100);
    kafka_log_free(b.log);
    free(cfg);
}

static void a_record_of_ten_mebibytes_passes_between_small_ones(void **state) {
    struct config *cfg = create(*state, "large", LIMITS);
    struct actor *a = actor(cfg);
    struct kafka_tx *tx = actor_tx(cfg, "large");
    unsigned char *bytes = malloc(LARGE);
    assert_non_null(bytes);
    for (size_t i = 0; i < LARGE; i++) {
        bytes[i] = (unsigned char)(i * 2654435761U >> 13); /* that no compression helps */
    }
    const int64_t start = actors_now_ms();
    assert_int_equal(kafka_tx_begin(tx), ST_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(actor_send(tx, "large", 0, "small"), ST_OK);
        assert_int_equal(kafka_tx_send(tx, "large", 0, "k", 1, bytes, LARGE, 0, NULL, 0), ST_OK);
    }
    assert_int_equal(actor_commit(a, tx, 1, "", ACTORS_DEADLINE_MS), ST_OK);
    print_message("3 x 10 MiB committed in %d ms\n", (int)(actors_now_ms() - start));
    struct book b = open_log(cfg, "large");
    assert_int_equal(add(&b, 0, -1), ST_OK);
    size_t seen = 0;
    struct record r[ACTORS_BATCH];
    UNTIL(position(&b, 0) >= 7, {
        size_t n = b.port.poll(b.port.ctx, r, ACTORS_BATCH, 20);
        for (size_t i = 0; i < n; i++) {
            seen += r[i].value_len == LARGE && memcmp(r[i].value, bytes, LARGE) == 0;
        }
    });
    assert_int_equal(seen, 3);
    kafka_log_free(b.log);
    kafka_tx_free(tx);
    actor_leave(a);
    free(bytes);
    free(cfg);
}

static void a_log_outlives_its_broker(void **state) {
    struct config *cfg = create(*state, "outlives", NULL);
    fill(cfg, "outlives", 0, 50);
    struct book b = open_log(cfg, "outlives");
    struct log_bounds at;
    assert_int_equal(add(&b, 0, -1), ST_OK);
    read_up(&b, 0);
    kafka_fixture_kill(*state);
    const int64_t start = actors_now_ms();
    assert_int_equal(kafka_log_bounds(b.log, 0, &at, 500), ST_AGAIN);
    assert_int_equal(kafka_log_add(b.log, 1, 0), ST_AGAIN);
    assert_in_range(actors_now_ms() - start, 0, 5000);
    char text[CONFIG_ERROR_MAX];
    UNTIL(kafka_log_problem(b.log, text, sizeof text), turn(&b));
    assert_true(kafka_fixture_restart(*state));
    fill(cfg, "outlives", 0, 50);
    read_up(&b, 0);
    assert_int_equal(b.n[0], 100);
    assert_int_equal(position(&b, 0), 100);
    UNTIL(!kafka_log_problem(b.log, text, sizeof text), turn(&b));
    kafka_log_free(b.log);
    free(cfg);
}

/* As much as a restore reads. */
static void a_restore_reads_quickly(void **state) {
    enum { N = 60000 };
    static char value[1024];
    struct config *cfg = create(*state, "restore", NULL);
    struct kafka_producer *p = NULL;
    char err[CONFIG_ERROR_MAX] = "";
    assert_int_equal(kafka_producer_new(cfg, &p, err), ST_OK);
    for (int i = 0; i < N; i++) {
        enum status st = ST_AGAIN;
        UNTIL(st == ST_OK, {
            st = kafka_produce_to(p, "restore", i % 2, &i, sizeof i, value, sizeof value, 0, NULL,
                                  0);
            kafka_producer_poll(p, st ? 10 : 0);
        });
    }
    assert_int_equal(kafka_producer_flush(p, ACTORS_DEADLINE_MS, err, sizeof err), ST_OK);
    kafka_producer_free(p);
    struct book b = open_log(cfg, "restore");
    const int64_t start = actors_now_ms();
    assert_int_equal(add(&b, 0, -1), ST_OK);
    assert_int_equal(add(&b, 1, -1), ST_OK);
    read_up(&b, 0);
    read_up(&b, 1);
    print_message("%d records of 1 KiB in %d ms\n", N, (int)(actors_now_ms() - start));
    assert_int_equal(b.n[0] + b.n[1], N);
    kafka_log_free(b.log);
    free(cfg);
}

/* ---- the broker -------------------------------------------------------------------------- */

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
        cmocka_unit_test(a_topic_is_created_once_with_its_settings),
        cmocka_unit_test(a_topic_that_cannot_be_is_refused_with_the_reason),
        cmocka_unit_test(topics_and_groups_are_deleted_and_members_counted),
        cmocka_unit_test(a_log_of_a_missing_topic_says_what_to_type),
        cmocka_unit_test(partitions_are_read_from_their_positions_and_change_while_others_go_on),
        cmocka_unit_test(adding_and_removing_in_haste_shows_no_record_of_before),
        cmocka_unit_test(what_was_aborted_is_not_seen_and_markers_are_passed),
        cmocka_unit_test(a_transaction_that_is_open_is_waited_for_until_it_times_out),
        cmocka_unit_test(positions_that_deletion_has_passed_or_that_never_were_are_out_of_range),
        cmocka_unit_test(a_reader_that_deletion_overtakes_is_told_and_others_go_on),
        cmocka_unit_test(offsets_that_compaction_took_are_passed),
        cmocka_unit_test(a_record_of_ten_mebibytes_passes_between_small_ones),
        cmocka_unit_test(a_log_outlives_its_broker),
        cmocka_unit_test(a_restore_reads_quickly),
    };
    return cmocka_run_group_tests_name("kafka log", tests, start, stop);
}
