/* SPDX-License-Identifier: Apache-2.0
 *
 * test_triggers_faults.c -- each trigger is exactly once in its stream, under its id and in order,
 * whatever dies: the daemon (kill -9, or stopped for longer than its session), Redis (killed,
 * restarted empty), what Redis holds (FLUSHALL, XDEL). Real Kafka, real Redis. SEED=n: other
 * moments.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon_fixture.h"
#include "input_records.h"
#include "redis_fixture.h"
#include "trigger_streams.h"

enum { ROUNDS = 10 };

/* ---- faults ------------------------------------------------------------------------------------
 */

static void reconnect(struct stand *s) {
    redisFree(s->client);
    s->client = redisConnectUnix(redis_fixture_socket(s->redis));
    assert_true(s->client && !s->client->err);
}

enum { SEEN_MAX = ROUNDS * STREAMS_CROSSING + 8 };

static char seen[SEEN_MAX][2][STREAMS_TEXT]; /* user, trigger_id: what a consumer was given, ever */
static int n_seen;

/* One user has one trigger, with one id, however often it is delivered. */
static void see(const struct streams_entry *e) {
    for (int k = 0; k < n_seen; k++) {
        if (strcmp(seen[k][0], e->user) == 0 || strcmp(seen[k][1], e->trigger_id) == 0) {
            assert_string_equal(seen[k][0], e->user);
            assert_string_equal(seen[k][1], e->trigger_id);
            return;
        }
    }
    assert_true(n_seen < SEEN_MAX);
    snprintf(seen[n_seen][0], STREAMS_TEXT, "%s", e->user);
    snprintf(seen[n_seen++][1], STREAMS_TEXT, "%s", e->trigger_id);
}

static void consume_one(struct stand *s, int p) {
    char key[64];
    snprintf(key, sizeof key, "crossrec:course:triggers:%d", p);
    redisReply *r = redisCommand(s->client, "XGROUP CREATE %s mail 0 MKSTREAM", key);
    if (!r) {
        return; /* Redis is away */
    }
    freeReplyObject(r); /* BUSYGROUP: there already */
    r = redisCommand(s->client, "XREADGROUP GROUP mail one COUNT 100 STREAMS %s >", key);
    const redisReply *list =
        r && r->type == REDIS_REPLY_ARRAY && r->elements == 1 ? r->element[0]->element[1] : NULL;
    for (size_t k = 0; list && k < list->elements; k++) {
        const struct streams_entry e = streams_entry_of(list->element[k], p);
        see(&e);
        redisReply *ack = redisCommand(s->client, "XACK %s mail %s", key, e.id);
        assert_true(ack && ack->type == REDIS_REPLY_INTEGER && ack->integer == 1);
        freeReplyObject(ack);
    }
    freeReplyObject(r);
}

/* MKSTREAM makes streams before anything is in them, as marketers do. */
static void consume(struct stand *s) {
    for (int p = 0; p < STREAMS_PARTITIONS; p++) {
        consume_one(s, p);
    }
}

static bool all_there(struct stand *s, int n) {
    return streams_count(s, "course", "crossed", NULL) >= n;
}

static void everybody_is_there_once(struct stand *s, int n) {
    STAND_AWAIT(s, all_there(s, n));
    stand_nap_ms(300);
    streams_read(s, "course");
    STAND_EXPECT(s, streams_found.n == n);
    for (int k = 0; k < streams_found.n; k++) {
        for (int i = 0; i < k; i++) {
            assert_string_not_equal(streams_found.all[k].user, streams_found.all[i].user);
        }
    }
    for (int k = 0; k < streams_found.n; k++) {
        see(&streams_found.all[k]);
    }
}

static void hurt(struct stand *s, int round) {
    switch (round % 5) {
    case 0: streams_command(s, "FLUSHALL"); break;
    case 1:
        stand_kill(s);
        stand_start(s);
        break;
    case 2:
        redis_fixture_kill(s->redis);
        stand_nap_ms(300);
        assert_true(redis_fixture_restart(s->redis));
        reconnect(s);
        break;
    case 3: /* for longer than the session: what it had not committed is taken back */
        daemon_fixture_signal(s->daemon, SIGSTOP);
        stand_nap_ms(4500);
        daemon_fixture_signal(s->daemon, SIGCONT);
        break;
    default: /* both */
        stand_kill(s);
        streams_command(s, "FLUSHALL");
        stand_start(s);
        break;
    }
}

static void every_trigger_is_exactly_once_in_its_stream_whatever_dies(void **state) {
    struct stand *s = *state;
    streams_begin(s, "kills");
    streams_create(s);
    stand_start(s);
    n_seen = 0;
    for (int round = 0; round < ROUNDS; round++) {
        streams_cross_over(s, round * STREAMS_CROSSING);
        stand_nap_ms(rand() % 700);
        hurt(s, round);
        consume(s);
        stand_nap_ms(rand() % 300);
        consume(s);
    }
    everybody_is_there_once(s, ROUNDS * STREAMS_CROSSING);
    streams_command(s, "FLUSHALL");
    everybody_is_there_once(s, ROUNDS * STREAMS_CROSSING);
    stand_term(s);
    streams_command(s, "FLUSHALL"); /* nobody saw it: the next one to take over does */
    stand_start(s);
    everybody_is_there_once(s, ROUNDS * STREAMS_CROSSING);
    consume(s);
    assert_int_equal(n_seen, ROUNDS * STREAMS_CROSSING);
    stand_term(s);
}

/* Lists and `published` are written, the batch is not final yet: then Redis is emptied. Nobody has
 * noticed when the triggers come, which must not stand before those of earlier. */
static void what_comes_before_a_loss_is_noticed_does_not_overtake_what_was_lost(void **state) {
    struct stand *s = *state;
    enum { TIMES = 6 };
    streams_begin(s, "overtake");
    stand_set(s, "commit.interval", "600ms");
    streams_create(s);
    stand_start(s);
    n_seen = 0;
    for (int k = 0; k < TIMES; k++) {
        streams_cross_over(s, k * STREAMS_CROSSING);
        STAND_AWAIT(s, stand_metric(s, "crossrec_events_total", NULL) ==
                           3.0 * (k + 1) * STREAMS_CROSSING);
        stand_nap_ms(50);
        streams_command(s, "FLUSHALL");
    }
    everybody_is_there_once(s, TIMES * STREAMS_CROSSING);
    stand_term(s);
}

/* Stopped before the commit, for longer than the session: the batch is taken back. */
static void what_was_taken_back_is_decided_anew_and_delivered_once(void **state) {
    struct stand *s = *state;
    streams_begin(s, "undone");
    stand_set(s, "commit.interval", "5s");
    streams_create(s);
    stand_start(s);
    n_seen = 0;
    STAND_AWAIT(s, stand_ready(s));
    const double commits = stand_metric(s, "crossrec_commits_total", NULL);
    for (int k = 0; k < STREAMS_CROSSING; k++) {
        streams_view(s, input_name("u", k), "c1", input_now_ms() - 1000);
    }
    stand_flush(s);
    STAND_AWAIT(s, stand_metric(s, "crossrec_events_total", NULL) == STREAMS_CROSSING);
    STAND_AWAIT(s,
                stand_metric(s, "crossrec_commits_total", NULL) > commits + 1); /* 5 s from now */
    for (int k = 0; k < STREAMS_CROSSING; k++) {
        streams_order(s, input_name("u", k), "d1", input_now_ms());
    }
    stand_flush(s);
    STAND_AWAIT(s, stand_metric(s, "crossrec_events_total", NULL) == 2.0 * STREAMS_CROSSING);
    STAND_EXPECT(s, streams_count(s, "course", "crossed", NULL) == 0);
    daemon_fixture_signal(s->daemon, SIGSTOP);
    stand_nap_ms(5500);
    daemon_fixture_signal(s->daemon, SIGCONT);
    everybody_is_there_once(s, STREAMS_CROSSING);
    STAND_EXPECT(s, stand_metric(s, "crossrec_batches_undone_total", NULL) > 0);
    stand_term(s);
}

/* Consumers may delete what they have read; a stream that is deleted is a loss. */
static void deleted_entries_stay_away_and_expired_ones_too(void **state) {
    struct stand *s = *state;
    streams_begin(s, "expiry");
    stand_set(s, "trigger.brief.kind", "first_purchase");
    stand_set(s, "trigger.brief.target", "course");
    stand_set(s, "trigger.brief.expires", "10s");
    streams_create(s);
    stand_start(s);
    streams_cross_over(s, 0);
    STAND_AWAIT(s, streams_count(s, "course", "crossed", NULL) == STREAMS_CROSSING &&
                       streams_count(s, "course", "brief", NULL) == STREAMS_CROSSING);
    const struct streams_entry e = streams_found.all[0];
    redisReply *r =
        redisCommand(s->client, "XDEL crossrec:course:triggers:%d %s", e.partition, e.id);
    assert_true(r && r->type == REDIS_REPLY_INTEGER && r->integer == 1);
    freeReplyObject(r);
    stand_kill(s);
    stand_start(s);
    STAND_AWAIT(s, stand_ready(s));
    stand_nap_ms(500);
    streams_read(s, "course");
    assert_int_equal(streams_found.n, 2 * STREAMS_CROSSING - 1);
    stand_nap_ms(10000);
    streams_command(s, "FLUSHALL");
    STAND_AWAIT(s, streams_count(s, "course", "crossed", NULL) == STREAMS_CROSSING);
    stand_nap_ms(300);
    assert_int_equal(streams_count(s, "course", "brief", NULL), 0);
    STAND_EXPECT(s, stand_metric(s, "crossrec_triggers_expired_total", NULL) == STREAMS_CROSSING);
    stand_term(s);
}

static void of_an_erased_user_nothing_comes_back(void **state) {
    struct stand *s = *state;
    streams_begin(s, "erased");
    streams_create(s);
    stand_start(s);
    streams_cross_over(s, 0);
    STAND_AWAIT(s, streams_count(s, "course", "crossed", NULL) == STREAMS_CROSSING);
    input_request(s, streams_privacy(), "u3", input_now_ms() + 1000, PRIVACY_ERASE);
    stand_flush(s);
    STAND_AWAIT(s, strstr(stand_get(s, "crossrec:food:rec:u3") ? s->value : "", "\"items\":[]"));
    streams_command(s, "FLUSHALL");
    STAND_AWAIT(s, streams_count(s, "course", "crossed", NULL) == STREAMS_CROSSING - 1);
    stand_nap_ms(300);
    assert_int_equal(streams_count(s, "course", "crossed", "u3"), 0);
    stand_term(s);
}

int main(void) {
    const int missing = stand_missing();
    if (missing) {
        return missing;
    }
    const char *seed = getenv("SEED");
    srand(seed ? (unsigned)atoi(seed) : 7);
    input_ids_shipped();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_trigger_is_exactly_once_in_its_stream_whatever_dies),
        cmocka_unit_test(what_comes_before_a_loss_is_noticed_does_not_overtake_what_was_lost),
        cmocka_unit_test(what_was_taken_back_is_decided_anew_and_delivered_once),
        cmocka_unit_test(deleted_entries_stay_away_and_expired_ones_too),
        cmocka_unit_test(of_an_erased_user_nothing_comes_back),
    };
    return cmocka_run_group_tests(tests, stand_setup, stand_teardown);
}
