/* SPDX-License-Identifier: Apache-2.0
 *
 * test_kafka_cluster.c -- transactions and logs while brokers of a cluster of three are killed or
 * stand still.
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

enum { NODES = 3, PARTITIONS = 2, KILLS = 3 };

static struct config *create(const struct kafka_fixture *f, const char *name) {
    struct config *c = actors_config(f, name);
    actors_set(c, "session.timeout.ms", "6000");
    actors_topic(c, c->topics[0].name, 1, NULL);
    actors_topic(c, c->events, PARTITIONS, NULL);
    return c;
}

static struct bookkeeper open_book(const struct config *cfg) {
    return (struct bookkeeper){.a = actor_join_all(cfg, 1),
                               .tx = actor_tx(cfg, cfg->group),
                               .topic = cfg->events,
                               .n = PARTITIONS};
}

static void close_book(struct bookkeeper *b) {
    bookkeeper_check(b);
    kafka_tx_free(b->tx);
    actor_leave(b->a);
}

/* Transactions for so long, and until one is committed; returns the longest time between two
 * commits. */
static int64_t go_on(struct bookkeeper *b, int ms) {
    const int64_t until = actors_now_ms() + ms;
    int64_t last = actors_now_ms();
    int64_t gap = 0;
    bool any = false;
    UNTIL(any && actors_now_ms() >= until, {
        const int64_t before = b->done;
        bookkeeper_settle(b, bookkeeper_try(b, ACTORS_TX_MS));
        if (b->done > before) {
            const int64_t now = actors_now_ms();
            gap = now - last > gap ? now - last : gap;
            last = now;
            any = true;
        }
    });
    return gap;
}

static int count_brokers(const struct config *cfg) {
    struct kafka_topic_info info;
    const char *name = cfg->events;
    char err[CONFIG_ERROR_MAX] = "";
    int brokers = -1;
    return kafka_topics_describe(cfg, &name, 1, 5000, &info, &brokers, err) ? -1 : brokers;
}

static void topics_are_replicated_as_the_brokers_say_also_while_one_is_away(void **state) {
    struct kafka_fixture *f = *state;
    struct config *cfg = create(f, "replicas");
    char value[16] = "";
    char err[CONFIG_ERROR_MAX] = "";
    enum status st = ST_NOT_FOUND; /* brokers hear of a new topic one after the other */
    UNTIL(st != ST_NOT_FOUND, st = kafka_topic_config(cfg, cfg->events, "min.insync.replicas",
                                                      value, sizeof value, err));
    assert_int_equal(st, ST_OK);
    assert_string_equal(value, "2");
    kafka_fixture_kill_node(f, 2);
    bool created = false;
    const struct kafka_topic_spec spec = {.name = "fewer", .partitions = 1, .replication = -1};
    UNTIL(count_brokers(cfg) == NODES - 1, actors_sleep(20)); /* the controller has noticed */
    if (kafka_topic_create(cfg, &spec, &created, err)) {
        fail_msg("%s", err);
    }
    assert_true(created);
    assert_in_range(kafka_fixture_leader(f, "fewer", 0), 0, 1);
    assert_true(kafka_fixture_restart_node(f, 2));
    free(cfg);
}

static void each_leader_is_killed_in_turn_and_every_transaction_counts_once(void **state) {
    struct kafka_fixture *f = *state;
    struct config *cfg = create(f, "killed");
    struct bookkeeper b = open_book(cfg);
    struct kafka_log *log = NULL;
    struct log_bounds at;
    char err[CONFIG_ERROR_MAX] = "";
    assert_int_equal(kafka_log_new(cfg, cfg->events, &log, err), ST_OK);
    assert_int_equal(kafka_log_add(log, 0, -1), ST_OK);
    bookkeeper_until(&b, 10);
    for (int kill = 0; kill < KILLS; kill++) {
        int leader = -1;
        UNTIL(leader >= 0, leader = kafka_fixture_leader(f, cfg->events, 0));
        kafka_fixture_kill_node(f, leader);
        const int64_t gap = go_on(&b, 3000);
        assert_int_not_equal(kafka_fixture_leader(f, cfg->events, 0), leader);
        assert_true(kafka_fixture_restart_node(f, leader));
        print_message("node %d killed: gap of %d ms\n", leader, (int)gap);
        bookkeeper_until(&b, b.done + 10);
    }
    struct record r[ACTORS_BATCH];
    int64_t seen = 0;
    /* a handle that read nothing meanwhile knows none of the leaders */
    assert_int_equal(kafka_log_bounds(log, 0, &at, 1500), ST_OK);
    UNTIL(kafka_log_position(log, 0) >= at.high, {
        size_t n = kafka_log_poll(log, r, ACTORS_BATCH, 20);
        for (size_t i = 0; i < n; i++) {
            seen += !r[i].end;
        }
    });
    assert_int_equal(kafka_log_look(log, 0), ST_OK);
    assert_int_equal(seen, b.done * ACTORS_RECORDS);
    kafka_log_free(log);
    close_book(&b);
    free(cfg);
}

static void
a_leader_that_stands_still_is_passed_by_and_every_transaction_counts_once(void **state) {
    struct kafka_fixture *f = *state;
    struct config *cfg = create(f, "frozen");
    actors_set(cfg, "socket.timeout.ms", "3000");
    actors_set(cfg, "request.timeout.ms", "3000");
    struct bookkeeper b = open_book(cfg);
    bookkeeper_until(&b, 10);
    const int leader = kafka_fixture_leader(f, cfg->events, 0);
    assert_in_range(leader, 0, NODES - 1);
    kafka_fixture_freeze_node(f, leader);
    const int64_t gap = go_on(&b, 5000);
    kafka_fixture_thaw_node(f, leader);
    print_message("node %d stood still: gap of %d ms\n", leader, (int)gap);
    bookkeeper_until(&b, b.done + 10);
    close_book(&b);
    free(cfg);
}

/* ---- the brokers ------------------------------------------------------------------------- */

static int start(void **state) {
    log_set_level(LOG_LEVEL_ERROR);
    const int64_t begun = actors_now_ms();
    *state = kafka_fixture_start_n(NODES);
    print_message("%d brokers in %d ms\n", NODES, (int)(actors_now_ms() - begun));
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
        cmocka_unit_test(topics_are_replicated_as_the_brokers_say_also_while_one_is_away),
        cmocka_unit_test(each_leader_is_killed_in_turn_and_every_transaction_counts_once),
        cmocka_unit_test(a_leader_that_stands_still_is_passed_by_and_every_transaction_counts_once),
    };
    return cmocka_run_group_tests_name("kafka cluster", tests, start, stop);
}
