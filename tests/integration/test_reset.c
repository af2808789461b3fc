/* SPDX-License-Identifier: Apache-2.0
 *
 * test_reset.c -- what an operator types when a topic was recreated, or the model is to begin anew:
 * on a real Kafka, with a daemon that stops and says it, and goes on after.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "avro_bytes.h"
#include "cli.h"
#include "commands.h"
#include "daemon_fixture.h"
#include "shipped.h"
#include "stand.h"

enum { ARGS_MAX = 2 * STAND_SETS + 8, USERS = 12 };

static const int64_t START_MS = INT64_C(1700000000000);
static struct avro_bytes bytes;
static int n_sent;

static void send_view(struct stand *s, const char *topic) {
    char text[32];
    const int n = n_sent++;
    bytes.n = 0;
    avro_wire(&bytes, shipped_id(READER_COURSE_VIEW));
    snprintf(text, sizeof text, "event-%d", n);
    avro_text(&bytes, text);
    snprintf(text, sizeof text, "user-%d", n % USERS);
    avro_text(&bytes, text);
    avro_long(&bytes, START_MS + n * INT64_C(1000));
    char item[32];
    snprintf(item, sizeof item, "course-%d", n * 7 % 9);
    avro_text(&bytes, item);
    avro_long(&bytes, 0);   /* VIEW */
    avro_branch(&bytes, 0); /* price */
    avro_branch(&bytes, 0); /* source */
    stand_produce(s, topic, text, bytes.bytes, bytes.n);
}

static void send_views(struct stand *s, const char *topic, int n) {
    for (int k = 0; k < n; k++) {
        send_view(s, topic);
    }
    stand_flush(s);
}

/* Runs `crossrec` with these words, the last one NULL, and the stand's settings. */
static int run(const struct stand *s, const char *const *words) {
    static char sets[STAND_SETS][CONFIG_VALUE_MAX];
    char *argv[ARGS_MAX] = {NULL};
    char *environment[] = {NULL};
    int argc = 0;
    const struct command commands[] = {command_topic, command_model};
    argv[argc++] = (char *)(uintptr_t) "crossrec"; /* nobody writes to them */
    for (; *words; words++) {
        argv[argc++] = (char *)(uintptr_t)*words;
    }
    for (size_t k = 0; k < s->n_sets; k++) {
        snprintf(sets[k], sizeof sets[k], "%s", s->sets[k]);
        argv[argc++] = (char *)(uintptr_t) "--set";
        argv[argc++] = sets[k];
    }
    return cli_main(commands, 2, argc, argv, environment);
}

#define RUN(s, ...) run(s, (const char *const[]){__VA_ARGS__, NULL})

static void learn(struct stand *s, int n) {
    stand_start(s);
    STAND_AWAIT(s, stand_metric(s, "crossrec_events_total", NULL) >= n);
    STAND_AWAIT(s, stand_ready(s));
    STAND_EXPECT(s, (int)stand_metric(s, "crossrec_events_total", NULL) == n);
}

static void begin(struct stand *s, const char *name) {
    char text[64];
    static const char *const topics[] = {"state", "model", "model.items", "outbox"};
    stand_begin(s, name, NULL);
    stand_set(s, "state", "kafka");
    stand_set(s, "state.dir", "");
    stand_set(s, "crossrec.clock", "stream");
    for (size_t k = 0; k < sizeof topics / sizeof *topics; k++) {
        char key[32];
        snprintf(key, sizeof key, "%s.topic", topics[k]);
        snprintf(text, sizeof text, "%s-%s", name, topics[k]);
        stand_set(s, key, text);
    }
    stand_load(s);
    n_sent = 0;
}

static void delete_topic(struct stand *s, const char *topic) {
    char err[CONFIG_ERROR_MAX] = "";
    if (kafka_topic_delete(&s->cfg, topic, err)) {
        fail_msg("%s", err);
    }
    stand_nap_ms(500);
}

/* The daemon ends by itself, and names what to type. */
static void ends_with(struct stand *s, const char *text) {
    stand_start(s);
    STAND_AWAIT(s, !daemon_fixture_runs(s->daemon));
    STAND_EXPECT(s, stand_logged(s, text));
}

static void what_the_daemon_says_is_what_helps(void **state) {
    struct stand *s = *state;
    begin(s, "reset");
    const char *views = s->cfg.topics[0].name;
    stand_create_all(s, 2);
    send_views(s, views, 40);
    learn(s, 40);
    assert_int_equal(RUN(s, "topic", "reset", views, "--continue"), CLI_FAILED); /* it runs */
    assert_int_equal(RUN(s, "model", "reset"), CLI_FAILED);
    stand_term(s);

    delete_topic(s, views);
    stand_create(s, views, 2);
    kafka_producer_free(s->producer); /* it remembers that there was none */
    stand_load(s);
    send_views(s, views, 4);
    char text[256];
    snprintf(text, sizeof text, "crossrec topic reset %s --continue", views);
    ends_with(s, text);
    assert_int_equal(RUN(s, "topic", "reset", views, "--continue"), CLI_OK);
    learn(s, 4);
    STAND_EXPECT(s, (int)stand_metric(s, "crossrec_users", NULL) == USERS); /* they stay */
    stand_term(s);

    assert_int_equal(RUN(s, "model", "reset"), CLI_OK);
    stand_nap_ms(500);
    send_views(s, views, 5);
    learn(s, 5);
    STAND_EXPECT(s, (int)stand_metric(s, "crossrec_users", NULL) == USERS);
    stand_term(s);

    delete_topic(s, s->cfg.state_topic); /* the daemon makes it again */
    snprintf(text, sizeof text, "crossrec topic reset %s --rebuild", s->cfg.state_topic);
    ends_with(s, text);
    assert_int_equal(RUN(s, "topic", "reset", s->cfg.state_topic, "--rebuild"), CLI_OK);
    stand_nap_ms(500);
    learn(s, 9); /* what the input has */
    stand_term(s);
}

/* ---- whoever is running, though the group does not say so ----------------------------------- */

static atomic_bool writes;

static void *write_to_model(void *arg) {
    struct stand *s = arg;
    struct kafka_producer *p = NULL;
    char err[CONFIG_ERROR_MAX];
    assert_int_equal(kafka_producer_new(&s->cfg, &p, err), ST_OK);
    while (atomic_load(&writes)) {
        assert_int_equal(kafka_produce(p, s->cfg.model_topic, NULL, 0, "x", 1, 0), ST_OK);
        assert_int_equal(kafka_producer_flush(p, 5000, err, sizeof err), ST_OK);
        stand_nap_ms(200);
    }
    kafka_producer_free(p);
    return NULL;
}

static void a_reset_beside_one_that_has_lost_its_session_is_refused(void **state) {
    struct stand *s = *state;
    pthread_t thread;
    begin(s, "beside");
    const char *views = s->cfg.topics[0].name;
    stand_create_all(s, 2);
    stand_start(s);
    STAND_AWAIT(s, stand_ready(s));
    stand_term(s);
    int32_t there = 0;
    char err[CONFIG_ERROR_MAX];

    stand_start(s); /* no member yet: it joins while it is looked for */
    assert_int_equal(RUN(s, "model", "reset"), CLI_FAILED);
    STAND_EXPECT(s, daemon_fixture_runs(s->daemon));
    stand_term(s);
    assert_int_equal(kafka_topic_partitions(&s->cfg, s->cfg.model_topic, 5000, &there, err), ST_OK);

    atomic_store(&writes, true); /* no member, but the model's log grows */
    assert_int_equal(pthread_create(&thread, NULL, write_to_model, s), 0);
    assert_int_equal(RUN(s, "model", "reset"), CLI_FAILED);
    assert_int_equal(RUN(s, "topic", "reset", views, "--continue"), CLI_FAILED);
    atomic_store(&writes, false);
    pthread_join(thread, NULL);
    assert_int_equal(kafka_topic_partitions(&s->cfg, s->cfg.model_topic, 5000, &there, err), ST_OK);
}

int main(void) {
    const int missing = stand_missing();
    if (missing) {
        return missing;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_daemon_says_is_what_helps),
        cmocka_unit_test(a_reset_beside_one_that_has_lost_its_session_is_refused),
    };
    return cmocka_run_group_tests(tests, stand_setup, stand_teardown);
}
