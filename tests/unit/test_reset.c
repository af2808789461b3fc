/* SPDX-License-Identifier: Apache-2.0
 *
 * test_reset.c -- `crossrec topic reset` and `crossrec model reset`: what cannot be meant is said
 * before anything is touched. What they do needs Kafka: tests/integration/test_reset.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "cli.h"
#include "commands.h"
#include "scratch.h"

enum { ARGS_MAX = 16 };

/* Runs it with these words, the last one NULL; brokers are nowhere. Returns the exit status. */
static int run(const char **said, const char *const *words) {
    char *argv[ARGS_MAX] = {NULL};
    char *environment[] = {NULL};
    int argc = 0;
    const struct command commands[] = {command_topic, command_model};
    argv[argc++] = (char *)(uintptr_t) "crossrec"; /* nobody writes to them */
    for (; *words && argc < ARGS_MAX - 3; words++) {
        argv[argc++] = (char *)(uintptr_t)*words;
    }
    argv[argc++] = (char *)(uintptr_t) "--set";
    argv[argc++] = (char *)(uintptr_t) "kafka.bootstrap.servers=127.0.0.1:1";
    scratch_capture(2);
    const int rc = cli_main(commands, 2, argc, argv, environment);
    *said = scratch_captured();
    return rc;
}

#define RUN(said, ...) run(said, (const char *const[]){__VA_ARGS__, NULL})

static void expect(int rc, const char *said, const char *text) {
    assert_int_equal(rc, CLI_USAGE);
    if (!strstr(said, text)) {
        fail_msg("%s", said);
    }
}

static void it_is_said_which_of_the_two_is_meant(void **state) {
    const char *said = NULL;
    (void)state;
    int rc = RUN(&said, "topic", "reset", "course-views");
    expect(rc, said, "one of --continue (keep what was learned");
    rc = RUN(&said, "topic", "reset", "course-views", "--continue", "--rebuild");
    expect(rc, said, "one of --continue");
}

static void only_topics_of_the_configuration_are_reset(void **state) {
    const char *said = NULL;
    (void)state;
    const int rc = RUN(&said, "topic", "reset", "course-vews", "--rebuild");
    expect(rc, said, "course-vews is neither an input topic of this configuration nor");
}

static void without_state_there_is_nothing_to_go_on_from(void **state) {
    const char *said = NULL;
    (void)state;
    const int rc = RUN(&said, "topic", "reset", "crossrec-state", "--continue");
    expect(rc, said, "there is nothing to go on from: type --rebuild");
}

static void other_words_are_told_what_there_is(void **state) {
    const char *said = NULL;
    (void)state;
    int rc = RUN(&said, "topic", "rest", "course-views", "--rebuild");
    expect(rc, said, "topic has no `rest`; it has reset");
    rc = RUN(&said, "model", "rest");
    expect(rc, said, "model has no `rest`; it has reset");
    rc = RUN(&said, "topic", "reset");
    assert_int_equal(rc, CLI_USAGE);
    rc = RUN(&said, "model");
    assert_int_equal(rc, CLI_USAGE);
    rc = RUN(&said, "model", "reset", "crossrec-model");
    assert_int_equal(rc, CLI_USAGE);
}

static void state_in_memory_has_nothing_to_reset(void **state) {
    const char *said = NULL;
    (void)state;
    int rc = RUN(&said, "topic", "reset", "course-views", "--continue", "--set",
                 "crossrec.state=memory");
    assert_int_equal(rc, CLI_FAILED);
    assert_non_null(strstr(said, "crossrec.state = memory keeps nothing in Kafka"));
    rc = RUN(&said, "model", "reset", "--set", "crossrec.state=memory");
    assert_int_equal(rc, CLI_FAILED);
    assert_non_null(strstr(said, "nothing to reset"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_said_which_of_the_two_is_meant),
        cmocka_unit_test(only_topics_of_the_configuration_are_reset),
        cmocka_unit_test(without_state_there_is_nothing_to_go_on_from),
        cmocka_unit_test(other_words_are_told_what_there_is),
        cmocka_unit_test(state_in_memory_has_nothing_to_reset),
    };
    return cmocka_run_group_tests_name("reset", tests, NULL, NULL);
}
