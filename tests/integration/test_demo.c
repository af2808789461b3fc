/* SPDX-License-Identifier: Apache-2.0
 *
 * test_demo.c -- `crossrec demo` as a newcomer runs it: the whole path on the embedded broker and a
 * Redis; without a terminal lines and a summary whose figures are there and make sense, on a
 * terminal the live view, its keys, and the terminal as it was before, however it ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "redis_fixture.h"
#include "terminal.h"

enum { ROOM = 65536, START_MS = 30000, SOON_MS = 10000, END_MS = 30000 };

static char output[ROOM];

/* The number in front of a text, thousands by commas; -1 if the text is not there. */
static long number_before(const char *text) {
    const char *at = strstr(output, text);
    long n = 0;
    long unit = 1;
    if (!at) {
        return -1;
    }
    for (; at > output && ((at[-1] >= '0' && at[-1] <= '9') || at[-1] == ','); at--) {
        if (at[-1] != ',') {
            n += (at[-1] - '0') * unit;
            unit *= 10;
        }
    }
    return n;
}

static int run(const char *command) {
    FILE *f = popen(command, "r");
    assert_non_null(f);
    output[fread(output, 1, sizeof output - 1, f)] = '\0';
    const int status = pclose(f);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ---- lines ------------------------------------------------------------------------------ */

/* Words of the form name=value, a value with spaces in quotes. */
static bool is_logfmt(const char *line) {
    const char *p = line;
    while (*p && *p != '\n') {
        const size_t name = strspn(p, "abcdefghijklmnopqrstuvwxyz0123456789_");
        if (name == 0 || p[name] != '=') {
            return false;
        }
        p += name + 1;
        if (*p == '"') {
            for (p++; *p && *p != '"' && *p != '\n'; p++) {
                p += *p == '\\';
            }
            if (*p++ != '"') {
                return false;
            }
        } else {
            p += strcspn(p, " \n");
        }
        p += *p == ' ';
    }
    return true;
}

static void without_a_terminal_it_prints_a_line_of_logfmt_a_second_and_the_result(void **state) {
    const struct redis_fixture *redis = *state;
    char command[512];
    int rows = 0;
    snprintf(command, sizeof command,
             CROSSREC " demo --seconds 4 --rate 2000 --users 200 --seed 3 --redis %s 2>&1",
             redis_fixture_tcp_address(redis));
    const int code = run(command);
    if (code != 0 || number_before(" events learned") < 2000 ||
        number_before(" lists written to Redis") < 200 || number_before(" dead letters") != 0 ||
        number_before(" triggers in ") < 20 || !strstr(output, "recall@10") ||
        strstr(output, "nothing was tested") || strchr(output, '\033')) {
        fail_msg("exit status %d:\n%s", code, output);
    }
    for (const char *p = output; (p = strstr(p, "\nat=")) != NULL; p++) {
        if (!is_logfmt(p + 1)) {
            fail_msg("no logfmt: %.200s", p + 1);
        }
        rows += strncmp(strchr(p + 1, ' '), " events=", 8) == 0;
    }
    if (rows < 3 || rows > 7 || !strstr(output, " trigger=") || !strstr(output, " recall10=")) {
        fail_msg("%d rows:\n%s", rows, output);
    }
}

static void on_state_memory_there_are_no_triggers_and_all_else_works(void **state) {
    const struct redis_fixture *redis = *state;
    char command[512];
    snprintf(command, sizeof command,
             CROSSREC " demo --seconds 2 --rate 1000 --users 100 --plain --set state=memory "
                      "--redis %s 2>&1",
             redis_fixture_tcp_address(redis));
    const int code = run(command);
    if (code != 0 || number_before(" events learned") < 500 || strstr(output, " trigger=") ||
        strstr(output, " triggers in ")) {
        fail_msg("exit status %d:\n%s", code, output);
    }
}

static void kafka_is_the_scripts_to_start(void **state) {
    (void)state;
    assert_int_equal(run(CROSSREC " demo --kafka 2>&1"), 2);
    assert_non_null(strstr(output, "deploy/demo.sh --kafka"));
}

/* ---- the live view ---------------------------------------------------------------------- */

/* @param more  one more flag, or NULL
 * @param redis  NULL: its own */
static struct terminal *view(const struct redis_fixture *redis, const char *more) {
    const char *argv[12] = {CROSSREC, "demo", "--seconds", "120",
                            "--rate", "1500", "--users",   "400"};
    size_t n = 8;
    if (redis) {
        argv[n++] = "--redis";
        argv[n++] = redis_fixture_tcp_address(redis);
    }
    argv[n++] = more;
    struct terminal *t = terminal_start(argv, 80, 24);
    assert_non_null(t);
    return t;
}

static void await(struct terminal *t, const char *text, int timeout_ms) {
    char row[SCREEN_W * SCREEN_CHAR];
    if (terminal_await(t, text, timeout_ms)) {
        return;
    }
    for (int y = 0; y < terminal_screen(t)->h; y++) {
        screen_row(terminal_screen(t), y, row);
        print_message("%s\n", row);
    }
    terminal_stop(t);
    fail_msg("no \"%s\" on the screen", text);
}

/* The terminal is as it was: its own screen, the cursor, wrapping, echo. */
static void is_given_back(const struct terminal *t) {
    const struct screen *s = terminal_screen(t);
    assert_false(s->other);
    assert_false(s->hidden);
    assert_true(s->wraps);
    assert_true(terminal_is_cooked(t));
}

static void await_playing(struct terminal *t) {
    await(t, "playing", START_MS);
    await(t, "course list", START_MS);
    await(t, " 1 ", SOON_MS);
    const struct screen *s = terminal_screen(t);
    assert_true(s->other);
    assert_true(s->hidden);
    assert_false(terminal_is_cooked(t));
}

/* "12,345 events" of the view; -1: not there. */
static long events_shown(const struct terminal *t) {
    for (int y = 0; y < terminal_screen(t)->h; y++) {
        screen_row(terminal_screen(t), y, output);
        if (number_before(" events ") >= 0) {
            return number_before(" events ");
        }
    }
    return -1;
}

/* What was sent before the pause is learned: the number stands still for a second. */
static long events_at_rest(struct terminal *t) {
    long before = -2;
    for (int k = 0; k < 20 && before != events_shown(t); k++) {
        before = events_shown(t);
        (void)terminal_await(t, "never on the screen", 1000);
    }
    return before;
}

/* The only event while all other feeding is paused. */
static void an_order_is_one_real_event(struct terminal *t) {
    terminal_type(t, "p");
    await(t, "PAUSED", SOON_MS);
    const long before = events_at_rest(t);
    terminal_type(t, "o");
    await(t, " takes ", SOON_MS);
    await(t, " ordered ", SOON_MS);
    assert_true(before > 0);
    assert_int_equal(events_at_rest(t), before + 1);
}

static void all_keys_and_sizes_work_and_q_ends_it_with_the_result(void **state) {
    struct terminal *t = view(*state, NULL);
    await_playing(t);
    an_order_is_one_real_event(t);
    terminal_type(t, "f");
    await(t, "follow whom?", SOON_MS);
    terminal_type(t, "nobodx\177y\r");
    await(t, "nobody (held)", SOON_MS);
    await(t, "no list yet", SOON_MS);
    terminal_type(t, "f\r"); /* the next lively one */
    await(t, "  1 ", SOON_MS);
    terminal_type(t, "?");
    await(t, "a real event, through Kafka", SOON_MS);
    terminal_type(t, "x\033[A"); /* an arrow is nothing */
    await(t, "course list", SOON_MS);
    terminal_resize(t, 50, 12);
    await(t, "needs 60 x 18", SOON_MS);
    terminal_resize(t, 160, 50);
    await(t, "99 % under", SOON_MS);
    terminal_type(t, " ");
    await(t, "playing", SOON_MS);
    assert_int_equal(terminal_screen(t)->outside, 0);
    terminal_type(t, "q");
    const int how = terminal_end(t, END_MS);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
    assert_non_null(strstr(terminal_output(t), " events learned"));
    is_given_back(t);
    terminal_stop(t);
}

static void a_signal_ends_it_in_order_and_gives_the_terminal_back(void **state) {
    struct terminal *t = view(*state, NULL);
    await_playing(t);
    kill(terminal_pid(t), SIGTERM);
    const int how = terminal_end(t, END_MS);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
    assert_non_null(strstr(terminal_output(t), " events learned"));
    is_given_back(t);
    terminal_stop(t);
}

/* Nobody cleans up but the handler. */
static void the_second_signal_ends_it_at_once_and_gives_the_terminal_back(void **state) {
    struct terminal *t = view(*state, NULL);
    await_playing(t);
    kill(terminal_pid(t), SIGINT);
    await(t, "finishing", SOON_MS);
    kill(terminal_pid(t), SIGINT);
    const int how = terminal_end(t, END_MS);
    assert_true(WIFEXITED(how) && (WEXITSTATUS(how) == 130 || WEXITSTATUS(how) == 0));
    is_given_back(t);
    terminal_stop(t);
}

static void a_crash_gives_the_terminal_back(void **state) {
    struct terminal *t = view(*state, NULL);
    await_playing(t);
    kill(terminal_pid(t), SIGABRT);
    const int how = terminal_end(t, END_MS);
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGABRT);
    is_given_back(t);
    terminal_stop(t);
}

static void a_child_that_dies_ends_it_with_the_reason_and_gives_the_terminal_back(void **state) {
    (void)state;
    char path[64];
    int child = 0;
    struct terminal *t = view(NULL, NULL);
    await_playing(t);
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)terminal_pid(t),
             (int)terminal_pid(t));
    FILE *f = fopen(path, "r");
    if (f && fscanf(f, "%d", &child) == 1) {
        kill(child, SIGKILL);
        const int how = terminal_end(t, END_MS);
        assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 1);
        assert_non_null(strstr(terminal_output(t), "redis-server ended by itself"));
        is_given_back(t);
    }
    if (f) {
        fclose(f);
    }
    terminal_stop(t);
    assert_true(child > 0);
}

static void with_plain_a_terminal_gets_lines(void **state) {
    struct terminal *t = view(*state, "--plain");
    await(t, " events_per_s=", START_MS);
    assert_false(terminal_screen(t)->other);
    kill(terminal_pid(t), SIGTERM);
    const int how = terminal_end(t, END_MS);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
    terminal_stop(t);
}

/* A crash leaves its log behind: in here. */
static char folder[] = "/tmp/crossrec-test-demo-XXXXXX";

static int start(void **state) {
    if (!mkdtemp(folder) || setenv("TMPDIR", folder, 1)) {
        return 1;
    }
    *state = redis_fixture_start(REDIS_PORT, NULL);
    return *state ? 0 : 1;
}

static int stop(void **state) {
    char command[64];
    redis_fixture_stop(*state);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

int main(void) {
    redis_fixture_require();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_terminal_it_prints_a_line_of_logfmt_a_second_and_the_result),
        cmocka_unit_test(on_state_memory_there_are_no_triggers_and_all_else_works),
        cmocka_unit_test(kafka_is_the_scripts_to_start),
        cmocka_unit_test(all_keys_and_sizes_work_and_q_ends_it_with_the_result),
        cmocka_unit_test(a_signal_ends_it_in_order_and_gives_the_terminal_back),
        cmocka_unit_test(the_second_signal_ends_it_at_once_and_gives_the_terminal_back),
        cmocka_unit_test(a_crash_gives_the_terminal_back),
        cmocka_unit_test(a_child_that_dies_ends_it_with_the_reason_and_gives_the_terminal_back),
        cmocka_unit_test(with_plain_a_terminal_gets_lines),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
