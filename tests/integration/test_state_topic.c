/* SPDX-License-Identifier: Apache-2.0
 *
 * test_state_topic.c -- `crossrec state` over the changelog topic, on the embedded broker: the
 * newest of each key, tombstones, damaged records by partition and offset.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "commands.h"
#include "hash.h"
#include "kafka.h"
#include "state_record.h"
#include "task_record.h"
#include "user_record.h"

enum { ARGS_MAX = 16, TEXT_MAX = 65536, PARTITIONS = 2, FLUSH_MS = 10000 };

struct fixture {
    struct kafka_embedded *broker;
    struct kafka_producer *producer;
    char brokers[128]; /* kafka.bootstrap.servers=... */
};

static int setup(void **state) {
    static const char *const topics[] = {"crossrec-state", "course-views"};
    static struct config cfg; /* large */
    struct fixture *f = calloc(1, sizeof *f);
    char err[CONFIG_ERROR_MAX];
    *state = f;
    assert_int_equal(kafka_embedded_start(topics, 2, PARTITIONS, &f->broker, err), ST_OK);
    snprintf(f->brokers, sizeof f->brokers, "kafka.bootstrap.servers=%s",
             kafka_embedded_brokers(f->broker));
    const char *const sets[] = {f->brokers};
    assert_int_equal(config_load(&cfg, NULL, NULL, sets, 1, err), ST_OK);
    assert_int_equal(kafka_producer_new(&cfg, &f->producer, err), ST_OK);
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    kafka_producer_free(f->producer);
    kafka_embedded_stop(f->broker);
    free(f);
    return 0;
}

/* Runs `crossrec state` with these words, the last one NULL; what it printed is *text. */
static int run(struct fixture *f, const char **text, const char *const *words) {
    static char captured[TEXT_MAX];
    char *argv[ARGS_MAX] = {NULL};
    char *environment[] = {NULL};
    int argc = 0;
    argv[argc++] = (char *)(uintptr_t) "crossrec"; /* nobody writes to them */
    argv[argc++] = (char *)(uintptr_t) "state";
    for (; *words && argc < ARGS_MAX - 3; words++) {
        argv[argc++] = (char *)(uintptr_t)*words;
    }
    argv[argc++] = (char *)(uintptr_t) "--set";
    argv[argc++] = f->brokers;
    FILE *file = tmpfile();
    assert_non_null(file);
    fflush(stdout);
    const int saved = dup(STDOUT_FILENO);
    assert_true(saved >= 0 && dup2(fileno(file), STDOUT_FILENO) >= 0);
    const int rc = cli_main(&command_state, 1, argc, argv, environment);
    fflush(stdout);
    assert_true(dup2(saved, STDOUT_FILENO) >= 0);
    close(saved);
    rewind(file);
    captured[fread(captured, 1, sizeof captured - 1, file)] = '\0';
    fclose(file);
    *text = captured;
    return rc;
}

#define RUN(f, text, ...) run(f, text, (const char *const[]){__VA_ARGS__, NULL})

static void produce(struct fixture *f, int32_t partition, const void *key, size_t key_len,
                    const void *value, size_t len) {
    assert_int_equal(kafka_produce_to(f->producer, "crossrec-state", partition, key, key_len, value,
                                      len, 0, NULL, 0),
                     ST_OK);
}

static void produce_sealed(struct fixture *f, int32_t partition, const void *key, size_t key_len,
                           enum state_kind kind, const struct pack *body) {
    struct pack p = {0};
    state_record_seal(&p, kind, body->bytes, body->len);
    produce(f, partition, key, key_len, p.bytes, p.len);
    free(p.bytes);
}

static void user_key(uint8_t key[STATE_KEY_USER_LEN], const char *id) {
    state_key_user(key, hash_id(id, strlen(id)));
}

/* A user without events, in a segment. */
static void produce_user(struct fixture *f, int32_t partition, const char *id, int segment) {
    struct user_words words = {NULL, NULL};
    struct user *u = NULL;
    struct pack p = {0};
    uint8_t key[STATE_KEY_USER_LEN];
    assert_int_equal(items_new(2, &words.items), ST_OK);
    assert_int_equal(content_new(&words.content), ST_OK);
    assert_int_equal(user_new(2, id, strlen(id), &u), ST_OK);
    user_set_segment(u, segment, -1);
    user_record_write(u, 0, &words, &p);
    user_key(key, id);
    produce_sealed(f, partition, key, sizeof key, STATE_USER, &p);
    free(p.bytes);
    user_free(u);
    items_free(words.items);
    content_free(words.content);
}

static void produce_task(struct fixture *f, int32_t partition, uint64_t batch, int64_t next) {
    struct task_record *r = calloc(1, sizeof *r);
    struct state_task *t = calloc(1, sizeof *t);
    struct pack learner = {0};
    struct pack body = {0};
    ranker_init(&r->ranker, 1);
    r->taken_ms = INT64_MIN;
    r->mini_number = 1;
    r->nets_moved = true;
    task_record_write(r, &learner);
    t->epoch = 5;
    t->batch = batch;
    t->n_topics = 1;
    t->topics[0] = (struct task_position){"course-views", 0, next};
    t->learner = learner.bytes;
    t->learner_len = learner.len;
    state_task_write(&body, t);
    produce_sealed(f, partition, "T", 1, STATE_TASK, &body);
    free(body.bytes);
    free(learner.bytes);
    free(t);
    free(r);
}

static void flush(struct fixture *f) {
    char why[CONFIG_ERROR_MAX];
    assert_int_equal(kafka_producer_flush(f->producer, FLUSH_MS, why, sizeof why), ST_OK);
}

static void line_of(char *buf, size_t len, int task, const char *id, int segment) {
    snprintf(buf, len,
             "{\"task\":%d,\"user\":\"%s\",\"n\":0,\"segment\":%d,\"domains\":{"
             "\"course\":{\"n\":0,\"last_ms\":0,\"consumed\":0},"
             "\"food\":{\"n\":0,\"last_ms\":0,\"consumed\":0}},\"history\":[],\"events\":[]}\n",
             task, id, segment);
}

static void dump_prints_the_newest_record_of_each_key_without_those_that_are_gone(void **state) {
    struct fixture *f = *state;
    uint8_t key[STATE_KEY_USER_LEN];
    char ana[512];
    char bob[512];
    char expected[2048];
    const char *text = NULL;
    produce_user(f, 1, "ana", 1);
    produce_task(f, 1, 1, 0);
    produce_user(f, 1, "eve", 2);
    produce_user(f, 1, "ana", 3);
    produce_user(f, 0, "bob", 4);
    user_key(key, "eve");
    produce(f, 1, key, sizeof key, NULL, 0);
    produce_task(f, 1, 2, 0);
    flush(f);
    line_of(ana, sizeof ana, 1, "ana", 3);
    line_of(bob, sizeof bob, 0, "bob", 4);
    snprintf(expected, sizeof expected,
             "%s{\"task\":1,\"epoch\":5,\"batch\":2,\"positions\":{\"course-views\":"
             "{\"incarnation\":0,\"next\":0}},\"taken_ms\":null}\n%s",
             bob, ana);
    assert_int_equal(RUN(f, &text, "dump"), CLI_OK);
    assert_string_equal(text, expected);
    assert_int_equal(RUN(f, &text, "dump", "--task", "0"), CLI_OK);
    assert_string_equal(text, bob);
    assert_int_equal(RUN(f, &text, "dump", "--user", "ana"), CLI_OK);
    assert_string_equal(text, ana);
    assert_int_equal(RUN(f, &text, "dump", "--user", "eve"), CLI_FAILED);
    assert_string_equal(text, "");
}

static void verify_names_partition_and_offset_and_positions_that_are_not_there(void **state) {
    struct fixture *f = *state;
    uint8_t key[STATE_KEY_USER_LEN];
    const char *text = NULL;
    produce_user(f, 1, "ana", 1); /* offset 0 */
    user_key(key, "bob");
    produce(f, 1, key, sizeof key, "damaged", 7); /* 1; replaced, and said all the same */
    produce_user(f, 1, "bob", 1);                 /* 2 */
    produce_task(f, 1, 1, 0);                     /* 3 */
    flush(f);
    assert_int_equal(RUN(f, &text, "verify", "--task", "0"), CLI_OK);
    assert_int_equal(RUN(f, &text, "verify"), CLI_FAILED);
    assert_non_null(strstr(text, "problem: crossrec-state/1/1: damaged\n"));
    assert_non_null(strstr(text, "note: task 1: group crossrec has committed nothing"));
    assert_non_null(strstr(text, "ok: 4 records, 0 of them tombstones; now 1 tasks and 2 users"));
    assert_non_null(strstr(text, "\n1 problem\n"));
    produce_task(f, 0, 1, 70); /* of an empty topic */
    flush(f);
    assert_int_equal(RUN(f, &text, "verify", "--task", "0"), CLI_FAILED);
    assert_non_null(strstr(text, "task 0: course-views: the record says 70, the topic has 0 to 0"));
    assert_non_null(strstr(text, "crossrec topic reset course-views --continue"));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(dump_prints_the_newest_record_of_each_key_without_those_that_are_gone),
        CASE(verify_names_partition_and_offset_and_positions_that_are_not_there),
    };
    return cmocka_run_group_tests_name("state_topic", tests, NULL, NULL);
}
