/* SPDX-License-Identifier: Apache-2.0
 *
 * test_check.c -- `crossrec check` and `crossrec replay` against a real Kafka and a real Redis:
 * what an operator sees and may rely on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kafka_fixture.h"
#include "redis_fixture.h"

enum { ROOM = 65536, EVENTS = 2000 };

static struct kafka_fixture *kafka;
static struct redis_fixture *redis;
static char output[ROOM]; /* of the last run, stdout and stderr */

/* Runs the program with these words and the servers of the test. Returns its exit status. */
static int crossrec(const char *words) {
    char command[1024];
    snprintf(command, sizeof command,
             CROSSREC " %s --set kafka.bootstrap.servers=%s --set redis.address=%s "
                      "--set http.address=127.0.0.1:0 2>&1",
             words, kafka_fixture_brokers(kafka), redis_fixture_address(redis));
    FILE *f = popen(command, "r");
    assert_non_null(f);
    const size_t n = fread(output, 1, sizeof output - 1, f);
    output[n] = '\0';
    const int status = pclose(f);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void assert_says(const char *part) {
    if (!strstr(output, part)) {
        fail_msg("does not say `%s`:\n%s", part, output);
    }
}

static void assert_no_problem(void) {
    if (strstr(output, "problem")) {
        fail_msg("%s", output);
    }
}

static void on_an_empty_cluster_check_says_which_topics_to_create(void **state) {
    (void)state;
    assert_int_equal(crossrec("check"), 1);
    assert_says("ok: configuration: ");
    assert_says("ok: kafka: ");
    assert_says("problem: topic course-views does not exist; type kafka-topics.sh ");
    assert_says("--create --topic food-orders --partitions 4\n");
    assert_says("problem: dead-letter topic crossrec-dead-letters does not exist; type ");
    assert_says("ok: redis: EVALSHA\n");
    assert_says("3 problems\n");
}

static void write_events(char path[64]) {
    snprintf(path, 64, "/tmp/crossrec-test-XXXXXX");
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *f = fdopen(fd, "w");
    assert_non_null(f);
    for (int i = 0; i < EVENTS; i++) {
        fprintf(f, "%d\t%s\tuser-%d\titem\n", i, i % 2 ? "food" : "course", i);
    }
    fclose(f);
}

static void replay_creates_topics_if_asked_and_check_then_finds_no_problem(void **state) {
    (void)state;
    char path[64];
    char words[128];
    write_events(path);
    snprintf(words, sizeof words, "replay %s", path);
    assert_int_equal(crossrec(words), 1);
    assert_says("topic course-views: does not exist; add --create PARTITIONS");
    snprintf(words, sizeof words, "replay %s --create 3", path);
    assert_int_equal(crossrec(words), 0);
    assert_says("created topic food-orders with 3 partitions");
    assert_says("2,000 records written");
    assert_int_equal(crossrec("check"), 0);
    assert_no_problem();
    assert_says("ok: topic food-orders: 3 partitions\n");
    assert_says("ok: partition counts of the input topics are equal\n");
    assert_says("keys of course-views lie where murmur2 puts them\n");
    assert_says("ok: group crossrec: food-orders: nothing committed yet, 1000 records\n");
    snprintf(words, sizeof words, "replay %s --create 4", path);
    assert_int_equal(crossrec(words), 1);
    assert_says("type --create 3");
    unlink(path);
}

static void check_tells_which_partitioner_the_producers_use(void **state) {
    (void)state;
    assert_int_equal(crossrec("check --set partitioner=consistent"), 1);
    assert_says("lie where murmur2 puts them, not consistent; ");
    assert_says("type --set partitioner=murmur2\n");
}

static void unequal_partition_counts_are_a_problem(void **state) {
    (void)state;
    assert_int_equal(crossrec("check --set topic.crossrec-dead-letters.domain=food "
                              "--set topic.crossrec-dead-letters.schema=FoodOrder "
                              "--set dead.letters=course-views-dead"),
                     1);
    assert_says("problem: input topics have different partition counts (course-views 3, "
                "food-orders 3, crossrec-dead-letters 1)");
}

static void check_comes_to_its_end_when_servers_are_silent_or_gone(void **state) {
    (void)state;
    struct timespec start;
    struct timespec end;
    redis_fixture_freeze(redis);
    kafka_fixture_kill(kafka);
    clock_gettime(CLOCK_MONOTONIC, &start);
    assert_int_equal(crossrec("check"), 1);
    clock_gettime(CLOCK_MONOTONIC, &end);
    redis_fixture_thaw(redis);
    assert_says("problem: kafka does not answer: ");
    assert_says("problem: redis ");
    assert_says("2 problems\n");
    assert_true(end.tv_sec - start.tv_sec < 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_an_empty_cluster_check_says_which_topics_to_create),
        cmocka_unit_test(replay_creates_topics_if_asked_and_check_then_finds_no_problem),
        cmocka_unit_test(check_tells_which_partitioner_the_producers_use),
        cmocka_unit_test(unequal_partition_counts_are_a_problem),
        cmocka_unit_test(check_comes_to_its_end_when_servers_are_silent_or_gone),
    };
    redis_fixture_require();
    const int missing = kafka_fixture_missing();
    if (missing) {
        return missing;
    }
    kafka = kafka_fixture_start();
    redis = redis_fixture_start(REDIS_NO_PORT, NULL);
    const int failed = kafka && redis ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
    redis_fixture_stop(redis);
    kafka_fixture_stop(kafka);
    return failed;
}
