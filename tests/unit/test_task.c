/* SPDX-License-Identifier: Apache-2.0
 *
 * test_task.c -- the contract of task.h: moves against the diagram in the header, positions
 * against a list of everything that was passed.
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
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "task.h"

/* ---- states ---------------------------------------------------------------------------- */

/* The arrows of the diagram. */
static bool in_diagram(enum task_state from, enum task_state to) {
    return (from == TASK_CREATED && to == TASK_RESTORING) ||
           (from == TASK_RESTORING && to == TASK_RUNNING) ||
           (from == TASK_RUNNING && to == TASK_PARKED) ||
           (from == TASK_RESTORING && to == TASK_PARKED) ||
           (from == TASK_PARKED && to == TASK_RESTORING) ||
           (to == TASK_CLOSED && from != TASK_CLOSED);
}

/* Tries a move in a child; 0 if it was made, else the signal that ended it. `said` receives
 * what went to stderr. */
static int try_move(enum task_state from, enum task_state to, char *said, size_t len) {
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        const struct rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGABRT, SIG_DFL);
        dup2(fds[1], STDERR_FILENO);
        static struct task t;
        task_init(&t, 3);
        t.state = from;
        task_move(&t, to);
        _exit(t.state == to ? 0 : 1);
    }
    close(fds[1]);
    const ssize_t n = read(fds[0], said, len - 1);
    said[n > 0 ? n : 0] = '\0';
    close(fds[0]);
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

static void only_the_moves_of_the_diagram_are_possible_and_others_abort(void **state) {
    (void)state;
    for (int from = 0; from < TASK_STATES; from++) {
        for (int to = 0; to < TASK_STATES; to++) {
            char said[256];
            const enum task_state a = (enum task_state)from;
            const enum task_state b = (enum task_state)to;
            const int ended = try_move(a, b, said, sizeof said);
            assert_int_equal(ended, in_diagram(a, b) ? 0 : SIGABRT);
            if (ended) { /* with both names, and which task */
                assert_non_null(strstr(said, task_state_str(a)));
                assert_non_null(strstr(said, task_state_str(b)));
                assert_non_null(strstr(said, "task 3"));
            }
        }
    }
}

static void every_state_has_a_name_of_its_own(void **state) {
    (void)state;
    for (int a = 0; a < TASK_STATES; a++) {
        assert_true(strlen(task_state_str((enum task_state)a)) > 0);
        for (int b = 0; b < a; b++) {
            assert_string_not_equal(task_state_str((enum task_state)a),
                                    task_state_str((enum task_state)b));
        }
    }
}

static void a_new_task_is_created_with_every_position_at_earliest(void **state) {
    (void)state;
    struct task t;
    memset(&t, 0x5a, sizeof t);
    task_init(&t, 7);
    assert_int_equal(t.p, 7);
    assert_int_equal(t.state, TASK_CREATED);
    assert_int_equal(t.epoch, 0);
    assert_int_equal(t.record_ms, -1);
    assert_int_equal(t.letters.n, 0);
    assert_false(t.dirty || t.catching_up || t.floor_known || t.epoch_known);
    for (int i = 0; i < CONFIG_TOPICS_MAX; i++) {
        assert_int_equal(t.next[i], -1);
        assert_int_equal(t.floor[i], -1);
        assert_false(t.paused[i]);
    }
    task_undo(&t); /* nothing to take back: the positions stay */
    assert_int_equal(t.next[0], -1);
    task_close(&t);
    assert_int_equal(t.state, TASK_CLOSED);
}

/* ---- positions ------------------------------------------------------------------------- */

static void what_was_passed_is_behind_the_position(void **state) {
    (void)state;
    struct task t;
    task_init(&t, 0);
    task_pass(&t, 1, 41);
    assert_int_equal(t.next[1], 42);
    assert_int_equal(t.next[0], -1);
    assert_true(t.dirty);
    task_seal(&t);
    assert_false(t.dirty);
    assert_int_equal(t.next[1], 42);
    assert_int_equal(t.n_sealed, 1);
    task_close(&t);
}

static void undo_goes_back_to_where_the_oldest_unsettled_batch_began(void **state) {
    (void)state;
    struct task t;
    task_init(&t, 0);
    task_pass(&t, 0, 9);
    task_seal(&t); /* A: up to 10 */
    task_pass(&t, 0, 19);
    task_seal(&t); /* B: up to 20 */
    task_pass(&t, 0, 29);
    task_committed(&t); /* A is final */
    task_undo(&t);
    assert_int_equal(t.next[0], 10);
    assert_int_equal(t.n_sealed, 0);
    assert_false(t.dirty);
    task_pass(&t, 0, 14);
    task_undo(&t);
    assert_int_equal(t.next[0], 10);
    task_close(&t);
}

static void what_is_final_is_not_taken_back(void **state) {
    (void)state;
    struct task t;
    task_init(&t, 0);
    task_pass(&t, 0, 9);
    task_seal(&t);
    task_committed(&t);
    task_undo(&t);
    assert_int_equal(t.next[0], 10);
    task_committed(&t); /* nothing is sealed: nothing happens */
    assert_int_equal(t.n_sealed, 0);
    task_undo(&t);
    assert_int_equal(t.next[0], 10);
    task_close(&t);
}

static void undo_throws_away_the_letters_of_the_open_batch(void **state) {
    (void)state;
    struct task t;
    task_init(&t, 0);
    assert_int_equal(letters_append(&t.letters, "letter", 6), ST_OK);
    task_pass(&t, 0, 1);
    task_undo(&t);
    assert_int_equal(t.letters.n, 0);
    assert_int_equal(t.letters.len, 0);
    assert_int_equal(letters_append(&t.letters, "letter", 6), ST_OK);
    task_close(&t); /* under a sanitizer: and frees them */
}

/* A model of the truth: every position that was ever reached, and the index of where each
 * unsettled batch began. */
static void positions_are_those_of_a_naive_list_under_any_order_of_calls(void **state) {
    (void)state;
    enum { STEPS = 20000, TOPICS = 3 };
    const unsigned seed = 31;
    print_message("seed %u\n", seed);
    srand(seed);
    struct task t;
    task_init(&t, 0);
    int64_t begins[LEARNER_BATCHES][TOPICS];
    size_t n_begins = 1; /* of the sealed ones and the open one, oldest first */
    int64_t now[TOPICS] = {-1, -1, -1};
    memcpy(begins[0], now, sizeof now);
    for (int i = 0; i < STEPS; i++) {
        const int what = rand() % 10;
        if (what < 5) {
            const int topic = rand() % TOPICS;
            now[topic] += 1 + rand() % 3 + (now[topic] < 0);
            task_pass(&t, (uint16_t)topic, now[topic] - 1);
        } else if (what < 7 && n_begins < LEARNER_BATCHES) {
            task_seal(&t);
            memcpy(begins[n_begins++], now, sizeof now);
        } else if (what < 9 && n_begins > 1) {
            task_committed(&t);
            memmove(begins[0], begins[1], --n_begins * sizeof begins[0]);
        } else if (what == 9) {
            task_undo(&t);
            memcpy(now, begins[0], sizeof now);
            n_begins = 1;
        }
        assert_memory_equal(t.next, now, sizeof now);
        assert_int_equal(t.n_sealed, n_begins - 1);
    }
    task_close(&t);
}

/* ---- epochs ---------------------------------------------------------------------------- */

static void an_epoch_is_the_time_or_more_than_every_one_before(void **state) {
    (void)state;
    struct task t;
    task_init(&t, 0);
    t.seq = 99;
    task_take_over(&t, 0, 1700000000);
    assert_int_equal(t.epoch, 1700000000);
    assert_int_equal(t.seq, 0);
    task_take_over(&t, 0, 1700000000); /* the same second again */
    assert_int_equal(t.epoch, 1700000001);
    task_take_over(&t, 1700000900, 1700000100); /* the other's clock was ahead */
    assert_int_equal(t.epoch, 1700000901);
    task_take_over(&t, 5, 1600000000); /* our clock went back */
    assert_int_equal(t.epoch, 1700000902);
    task_take_over(&t, 0, -1);
    assert_int_equal(t.epoch, 1700000903);
    task_take_over(&t, 1700000903, 1800000000);
    assert_int_equal(t.epoch, 1800000000);
    task_close(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_moves_of_the_diagram_are_possible_and_others_abort),
        cmocka_unit_test(every_state_has_a_name_of_its_own),
        cmocka_unit_test(a_new_task_is_created_with_every_position_at_earliest),
        cmocka_unit_test(what_was_passed_is_behind_the_position),
        cmocka_unit_test(undo_goes_back_to_where_the_oldest_unsettled_batch_began),
        cmocka_unit_test(what_is_final_is_not_taken_back),
        cmocka_unit_test(undo_throws_away_the_letters_of_the_open_batch),
        cmocka_unit_test(positions_are_those_of_a_naive_list_under_any_order_of_calls),
        cmocka_unit_test(an_epoch_is_the_time_or_more_than_every_one_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
