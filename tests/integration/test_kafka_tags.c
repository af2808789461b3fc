/* SPDX-License-Identifier: Apache-2.0
 *
 * test_kafka_tags.c -- transactions to named partitions and the tags of committed offsets, against
 * a real Apache Kafka; and members whose place in the group outlives them.
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

#include "kafka_actors.h"
#include "log.h"

enum { PARTITIONS = 2 };

static struct config *create(const struct kafka_fixture *f, const char *name) {
    struct config *c = actors_config(f, name);
    actors_topic(c, c->topics[0].name, PARTITIONS, NULL);
    actors_topic(c, c->events, PARTITIONS, NULL);
    return c;
}

/* Committed records of a partition. */
static int64_t count(const struct config *cfg, int32_t partition) {
    struct kafka_reader *r = NULL;
    struct record rec[ACTORS_BATCH];
    const char *name = cfg->events;
    char err[CONFIG_ERROR_MAX] = "";
    int64_t of = 0;
    if (kafka_reader_new(cfg, &name, 1, &r, err)) {
        fail_msg("%s", err);
    }
    UNTIL(kafka_reader_complete(r), {
        size_t n = kafka_reader_poll(r, rec, ACTORS_BATCH, 20);
        for (size_t i = 0; i < n; i++) {
            of += rec[i].partition == partition;
        }
    });
    kafka_reader_free(r);
    return of;
}

/* ---- partitions ------------------------------------------------------------------------ */

static void a_record_goes_to_the_partition_that_is_named_whatever_its_key(void **state) {
    struct config *cfg = create(*state, "named");
    struct actor *a = actor_join_all(cfg, PARTITIONS);
    struct kafka_tx *tx = actor_tx(cfg, "named");
    assert_int_equal(kafka_tx_begin(tx), ST_OK);
    for (int i = 0; i < 20; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        assert_int_equal(actor_send(tx, cfg->events, 1, key), ST_OK);
    }
    assert_int_equal(actor_send(tx, cfg->events, 0, "k0"), ST_OK);
    assert_int_equal(actor_commit(a, tx, 1, "", ACTORS_TX_MS), ST_OK);
    assert_int_equal(count(cfg, 0), 1);
    assert_int_equal(count(cfg, 1), 20);
    kafka_tx_free(tx);
    actor_leave(a);
    free(cfg);
}

static void a_partition_that_does_not_exist_ends_the_transaction_and_no_other(void **state) {
    struct config *cfg = create(*state, "nowhere");
    struct actor *a = actor_join_all(cfg, PARTITIONS);
    struct kafka_tx *tx = actor_tx(cfg, "nowhere");
    assert_int_equal(kafka_tx_begin(tx), ST_OK);
    enum status st = actor_send(tx, cfg->events, PARTITIONS, "x");
    if (st) {
        assert_int_equal(st, ST_IO);
        assert_int_equal(kafka_tx_abort(tx, ACTORS_TX_MS), ST_OK);
    } else {
        assert_int_equal(actor_commit(a, tx, 1, "never", ACTORS_TX_MS), ST_LOST);
    }
    assert_string_equal(actor_committed(a, 0).tag, "");
    assert_int_equal(kafka_tx_begin(tx), ST_OK);
    assert_int_equal(actor_send(tx, cfg->events, 1, "x"), ST_OK);
    assert_int_equal(actor_commit(a, tx, 2, "then", ACTORS_TX_MS), ST_OK);
    assert_string_equal(actor_committed(a, 0).tag, "then");
    assert_int_equal(count(cfg, 1), 1);
    kafka_tx_free(tx);
    actor_leave(a);
    free(cfg);
}

/* ---- tags ------------------------------------------------------------------------------ */

static void tags_come_back_with_their_offsets_and_survive_the_coordinator(void **state) {
    struct config *cfg = create(*state, "tags");
    struct actor *a = actor_join_all(cfg, PARTITIONS);
    struct kafka_tx *tx = actor_tx(cfg, "tags");
    struct position parts[] = {{.offset = 7, .partition = 0, .tag = "12:34567"},
                               {.offset = 9, .partition = 1}};
    struct position back[] = {{.partition = 1, .tag = "?"}, {.partition = 0, .tag = "?"}};
    assert_int_equal(a->source.committed(a->source.ctx, back, 2), ST_OK);
    assert_string_equal(back[0].tag, "");
    assert_int_equal(back[0].offset, -1);

    memset(parts[1].tag, 'x', POSITION_TAG_MAX - 1); /* as long as can be */
    assert_int_equal(kafka_tx_begin(tx), ST_OK);
    assert_int_equal(kafka_tx_commit(tx, a->kafka, parts, 2, a->generation, ACTORS_TX_MS), ST_OK);
    for (int i = 0; i < 2; i++) {
        UNTIL(a->source.committed(a->source.ctx, back, 2) == ST_OK, actors_sleep(10));
        assert_int_equal(back[0].offset, 9);
        assert_string_equal(back[0].tag, parts[1].tag);
        assert_int_equal(back[1].offset, 7);
        assert_string_equal(back[1].tag, "12:34567");
        if (i == 0) {
            kafka_fixture_kill(*state);
            assert_true(kafka_fixture_restart(*state));
        }
    }
    kafka_tx_free(tx);
    actor_leave(a);
    free(cfg);
}

static void a_commit_outside_of_transactions_has_no_tag(void **state) {
    struct config *cfg = create(*state, "plain");
    struct actor *a = actor_join_all(cfg, PARTITIONS);
    struct kafka_tx *tx = actor_tx(cfg, "plain");
    const struct position part = {.offset = 5, .tag = "not this"};
    assert_int_equal(kafka_tx_begin(tx), ST_OK);
    assert_int_equal(actor_commit(a, tx, 4, "this", ACTORS_TX_MS), ST_OK);
    UNTIL(a->source.commit(a->source.ctx, &part, 1, a->generation) == ST_OK, actor_step(a));
    assert_int_equal(actor_committed(a, 0).offset, 5);
    assert_string_equal(actor_committed(a, 0).tag, "");
    kafka_tx_free(tx);
    actor_leave(a);
    free(cfg);
}

static void a_transaction_that_is_aborted_keeps_the_old_tag(void **state) {
    struct config *cfg = create(*state, "kept");
    struct actor *a = actor_join_all(cfg, PARTITIONS);
    struct kafka_tx *tx = actor_tx(cfg, "kept");
    assert_int_equal(kafka_tx_begin(tx), ST_OK);
    assert_int_equal(actor_commit(a, tx, 4, "old", ACTORS_TX_MS), ST_OK);

    const struct position part = {.offset = 6, .tag = "new"};
    assert_int_equal(kafka_tx_begin(tx), ST_OK);
    assert_int_equal(actor_send(tx, cfg->events, 0, "x"), ST_OK);
    actor_abort(cfg, "kept", &tx);
    assert_string_equal(actor_committed(a, 0).tag, "old");
    char *large = calloc(1, 2000000); /* the offsets are in it by the time that is refused */
    assert_non_null(large);
    assert_int_equal(kafka_tx_begin(tx), ST_OK);
    assert_int_equal(kafka_tx_send(tx, cfg->events, 0, "k", 1, large, 2000000, 0, NULL, 0), ST_OK);
    free(large);
    assert_int_equal(kafka_tx_commit(tx, a->kafka, &part, 1, a->generation, ACTORS_TX_MS), ST_LOST);
    assert_string_equal(actor_committed(a, 0).tag, "old");
    assert_int_equal(actor_committed(a, 0).offset, 4);
    assert_int_equal(count(cfg, 0), 0);
    kafka_tx_free(tx);
    actor_leave(a);
    free(cfg);
}

struct killer {
    struct kafka_fixture *f;
    int after_ms;
};

static void *kill_soon(void *arg) {
    const struct killer *k = arg;
    actors_sleep(k->after_ms);
    kafka_fixture_kill(k->f);
    return NULL;
}

static void what_became_of_a_commit_that_nobody_answered_is_told_by_the_tag(void **state) {
    struct kafka_fixture *f = *state;
    struct config *cfg = create(f, "unknown");
    struct bookkeeper b = {.a = actor_join_all(cfg, PARTITIONS),
                           .tx = actor_tx(cfg, cfg->group),
                           .topic = cfg->events,
                           .n = PARTITIONS};
    unsigned seed = (unsigned)actors_now_ms();
    print_message("seed %u\n", seed);
    for (int kill = 0; kill < 2; kill++) {
        bookkeeper_until(&b, b.done + 5);
        seed = seed * 1103515245U + 12345U;
        struct killer k = {.f = f, .after_ms = 1 + (int)(seed >> 16) % 40};
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, kill_soon, &k), 0);
        enum status st = ST_OK;
        UNTIL(st != ST_OK, {
            st = bookkeeper_try(&b, 700);
            b.done += st == ST_OK;
        });
        pthread_join(thread, NULL);
        assert_true(kafka_fixture_restart(f));
        bookkeeper_settle(&b, st);
    }
    bookkeeper_until(&b, b.done + 5);
    bookkeeper_check(&b);
    kafka_tx_free(b.tx);
    actor_leave(b.a);
    free(cfg);
}

/* Too little time for an answer, more or less. */
static void what_a_hasty_commit_did_is_told_by_the_tag(void **state) {
    struct config *cfg = create(*state, "hasty");
    struct bookkeeper b = {.a = actor_join_all(cfg, PARTITIONS),
                           .tx = actor_tx(cfg, cfg->group),
                           .topic = cfg->events,
                           .n = PARTITIONS};
    bookkeeper_until(&b, 3);
    int i = 0;
    UNTIL(i >= 40 && b.unknown_done > 0, {
        bookkeeper_settle(&b, bookkeeper_try(&b, 1 + i % 12));
        i++;
    });
    bookkeeper_until(&b, b.done + 3);
    bookkeeper_check(&b);
    kafka_tx_free(b.tx);
    actor_leave(b.a);
    free(cfg);
}

/* ---- members with a name of their own -------------------------------------------------- */

static void
a_member_with_an_instance_id_comes_back_to_its_partitions_and_troubles_nobody(void **state) {
    struct config *first = create(*state, "static");
    struct config *second = calloc(1, sizeof *second);
    assert_non_null(second);
    *second = *first;
    actors_set(first, "group.instance.id", "one");
    actors_set(second, "group.instance.id", "two");
    struct actor *a = actor_join(first);
    struct actor *b = actor_join(second);
    UNTIL(a->n_mine == 1 && b->n_mine == 1, {
        actor_step(a);
        actor_step(b);
    });
    struct kafka_tx *tx = actor_tx(second, "static");
    const int before = a->assigned + a->revoked;
    actor_leave(b);
    b = actor_join(second);
    UNTIL(b->n_mine == 1, {
        actor_step(a);
        actor_step(b);
    });
    assert_int_equal(a->assigned + a->revoked, before);
    int32_t mine = 0; /* and it commits as any other */
    enum status st = ST_LOST;
    for (; st == ST_LOST && mine < PARTITIONS; mine++) {
        struct position part = {.offset = 1, .partition = mine, .tag = "t"};
        assert_int_equal(kafka_tx_begin(tx), ST_OK);
        st = kafka_tx_commit(tx, b->kafka, &part, 1, b->generation, ACTORS_TX_MS);
    }
    assert_int_equal(st, ST_OK);
    assert_false(kafka_consumer_fenced(b->kafka));

    struct actor *twin = actor_join(second);
    UNTIL(kafka_consumer_fenced(b->kafka), {
        actor_step(twin);
        actor_step(b);
    });
    assert_false(kafka_consumer_fenced(twin->kafka));
    assert_int_equal(kafka_tx_begin(tx), ST_OK);
    const struct position part = {.offset = 2, .partition = 0, .tag = "t"};
    assert_int_equal(kafka_tx_commit(tx, b->kafka, &part, 1, b->generation, ACTORS_TX_MS), ST_LOST);
    kafka_tx_free(tx);
    actor_leave(b);
    actor_leave(twin);
    actor_leave(a);
    free(first);
    free(second);
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
        cmocka_unit_test(a_record_goes_to_the_partition_that_is_named_whatever_its_key),
        cmocka_unit_test(a_partition_that_does_not_exist_ends_the_transaction_and_no_other),
        cmocka_unit_test(tags_come_back_with_their_offsets_and_survive_the_coordinator),
        cmocka_unit_test(a_commit_outside_of_transactions_has_no_tag),
        cmocka_unit_test(a_transaction_that_is_aborted_keeps_the_old_tag),
        cmocka_unit_test(what_became_of_a_commit_that_nobody_answered_is_told_by_the_tag),
        cmocka_unit_test(what_a_hasty_commit_did_is_told_by_the_tag),
        cmocka_unit_test(
            a_member_with_an_instance_id_comes_back_to_its_partitions_and_troubles_nobody),
    };
    return cmocka_run_group_tests_name("kafka tags", tests, start, stop);
}
