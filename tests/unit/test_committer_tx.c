/* SPDX-License-Identifier: Apache-2.0
 *
 * test_committer_tx.c -- contract tests of consumer/committer.h with state = kafka: a broker in
 * memory that aborts, loses answers in both ways, fences, and keeps what was committed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "committer.h"
#include "log.h"
#include "metrics.h"
#include "mix.h"

enum { RECORDS_MAX = 65536, TASKS = 4, DEADLINE_MS = 20000 };

enum outcome { COMMITS, ABORTS, ANSWER_LOST, ANSWER_LOST_ABORTED, FENCES, OUTCOMES };

struct broker {
    pthread_mutex_t lock;
    uint32_t open[RECORDS_MAX], committed[RECORDS_MAX]; /* numbers that stand in the records */
    size_t n_open, n_committed, n_transactions;
    struct position positions[TASKS], open_positions[TASKS];
    enum outcome script[256];
    size_t n_script, at;
    int send_fails; /* so many sends are refused from now on */
    int generation; /* that stands */
    int away;       /* so many looks at committed offsets find nobody */
    bool is_open, must_renew;
};

static struct broker broker;

static enum status on_begin(void *ctx) {
    struct broker *b = ctx;
    assert_false(b->is_open);
    if (b->must_renew) {
        return ST_AGAIN;
    }
    b->is_open = true;
    b->n_open = 0;
    return ST_OK;
}

static enum status on_send(void *ctx, const char *topic, int32_t partition, const void *key,
                           size_t key_len, const void *value, size_t value_len,
                           int64_t timestamp_ms, const struct header *headers, size_t n_headers) {
    struct broker *b = ctx;
    (void)topic, (void)partition, (void)key, (void)key_len, (void)timestamp_ms, (void)headers,
        (void)n_headers;
    if (!b->is_open) {
        return ST_IO;
    }
    if (b->send_fails > 0) {
        b->send_fails--;
        return ST_IO;
    }
    uint32_t number = 0;
    if (value_len == sizeof number) {
        memcpy(&number, value, sizeof number);
        b->open[b->n_open++] = number;
    }
    return ST_OK;
}

static void settle(struct broker *b, bool commit) {
    pthread_mutex_lock(&b->lock);
    for (size_t k = 0; commit && k < b->n_open; k++) {
        b->committed[b->n_committed++] = b->open[k];
    }
    if (commit) {
        memcpy(b->positions, b->open_positions, sizeof b->positions);
    }
    b->n_open = 0;
    b->is_open = false;
    pthread_mutex_unlock(&b->lock);
}

static enum status on_commit(void *ctx, const struct position *parts, size_t n, int generation) {
    struct broker *b = ctx;
    b->n_transactions++;
    if (generation != b->generation) {
        settle(b, false);
        return ST_LOST;
    }
    memcpy(b->open_positions, b->positions, sizeof b->positions);
    for (size_t k = 0; k < n; k++) {
        b->open_positions[parts[k].partition] = parts[k];
    }
    const enum outcome o = b->at < b->n_script ? b->script[b->at++] : COMMITS;
    settle(b, o == COMMITS || o == ANSWER_LOST);
    b->must_renew = o == ANSWER_LOST || o == ANSWER_LOST_ABORTED;
    return o == COMMITS ? ST_OK : o == ABORTS ? ST_LOST : o == FENCES ? ST_FENCED : ST_AGAIN;
}

static enum status on_abort(void *ctx) {
    settle(ctx, false);
    return ST_OK;
}

static enum status on_renew(void *ctx) {
    struct broker *b = ctx;
    settle(b, false);
    b->must_renew = false;
    return ST_OK;
}

static bool on_stands(void *ctx, int generation) {
    const struct broker *b = ctx;
    return generation == b->generation;
}

static enum status on_committed(void *ctx, struct position *parts, size_t n) {
    struct broker *b = ctx;
    if (b->away > 0) {
        b->away--;
        return ST_AGAIN;
    }
    for (size_t k = 0; k < n; k++) {
        const struct position *stands = &b->positions[parts[k].partition];
        parts[k].offset = stands->offset;
        memcpy(parts[k].tag, stands->tag, sizeof parts[k].tag);
    }
    return ST_OK;
}

static struct committer *committer;
static const struct source source = {.committed = on_committed, .ctx = &broker};
static const struct transactions transactions = {.begin = on_begin,
                                                 .send = on_send,
                                                 .commit = on_commit,
                                                 .abort = on_abort,
                                                 .stands = on_stands,
                                                 .renew = on_renew,
                                                 .ctx = &broker};

static int setup(void **state) {
    static struct config cfg;
    (void)state;
    memset(&broker, 0, sizeof broker);
    pthread_mutex_init(&broker.lock, NULL);
    broker.generation = 1;
    snprintf(cfg.state_topic, sizeof cfg.state_topic, "state");
    snprintf(cfg.model_topic, sizeof cfg.model_topic, "model");
    const struct committer_ports ports = {.source = &source, .transactions = &transactions};
    metrics_reset();
    assert_int_equal(committer_start(&cfg, &ports, &committer), ST_OK);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    committer_stop(committer);
    pthread_mutex_destroy(&broker.lock);
    return 0;
}

/* Numbers first .. first + n - 1 as records of a task's batch. */
static void submit(uint32_t task, uint64_t batch, uint32_t first, uint32_t n, int generation) {
    struct sealed s = {
        .task = task, .generation = generation, .epoch = 7, .batch = batch, .n_positions = 1};
    s.positions[0] = (struct position){.offset = (int64_t)batch, .partition = (int32_t)task};
    for (uint32_t k = 0; k < n; k++) {
        const uint32_t number = first + k;
        const struct parcel p = {.kind = k % 2 ? PARCEL_STATE : PARCEL_MODEL,
                                 .value = &number,
                                 .value_len = sizeof number};
        assert_int_equal(parcels_add(&s.parcels, &p), ST_OK);
    }
    enum status st;
    do {
        st = committer_submit(committer, &s);
    } while (st == ST_AGAIN);
    assert_null(s.parcels.bytes); /* taken */
}

static enum status next_answer(uint32_t task) {
    struct sealed_answer a;
    assert_true(committer_wait(committer, DEADLINE_MS, &a));
    assert_int_equal(a.task, task);
    return a.status;
}

/* Is each of 0..n-1 committed exactly once, and nothing else? */
static void assert_once(uint32_t n) {
    uint8_t *seen = calloc(n + 1, 1);
    pthread_mutex_lock(&broker.lock);
    assert_int_equal(broker.n_committed, n);
    for (size_t k = 0; k < broker.n_committed; k++) {
        assert_true(broker.committed[k] < n);
        assert_int_equal(seen[broker.committed[k]]++, 0);
    }
    pthread_mutex_unlock(&broker.lock);
    free(seen);
}

static void script(const enum outcome *outcomes, size_t n) {
    memcpy(broker.script, outcomes, n * sizeof *outcomes);
    broker.n_script = n;
}

/* ---- tests ------------------------------------------------------------------------------------
 */

static void a_batch_is_one_transaction_with_its_tag(void **state) {
    (void)state;
    submit(2, 41, 0, 5, 1);
    assert_int_equal(next_answer(2), ST_OK);
    assert_once(5);
    assert_string_equal(broker.positions[2].tag, "7:41");
    assert_int_equal(broker.n_transactions, 1);
}

static void an_aborted_transaction_is_tried_again_while_the_assignment_stands(void **state) {
    (void)state;
    script((const enum outcome[]){ABORTS, ABORTS}, 2);
    submit(0, 1, 0, 3, 1);
    assert_int_equal(next_answer(0), ST_OK);
    assert_once(3);
}

static void a_refused_record_aborts_and_is_sent_again(void **state) {
    (void)state;
    broker.send_fails = 2;
    submit(0, 1, 0, 4, 1);
    assert_int_equal(next_answer(0), ST_OK);
    assert_once(4);
}

static void a_commit_that_happened_without_an_answer_is_not_done_again(void **state) {
    (void)state;
    broker.away = 2;
    script((const enum outcome[]){ANSWER_LOST}, 1);
    submit(1, 3, 0, 6, 1);
    assert_int_equal(next_answer(1), ST_OK);
    assert_once(6);
    assert_int_equal(broker.n_transactions, 1);
}

static void a_commit_that_did_not_happen_without_an_answer_is_done_again(void **state) {
    (void)state;
    script((const enum outcome[]){ANSWER_LOST_ABORTED, ANSWER_LOST_ABORTED, ANSWER_LOST}, 3);
    submit(1, 3, 0, 6, 1);
    assert_int_equal(next_answer(1), ST_OK);
    assert_once(6);
}

static void a_batch_of_an_assignment_that_is_over_is_lost(void **state) {
    (void)state;
    broker.generation = 2;
    submit(1, 3, 100, 6, 1);
    submit(1, 1, 0, 2, 2);
    assert_int_equal(next_answer(1), ST_LOST);
    assert_int_equal(next_answer(1), ST_OK);
    assert_once(2);
}

static void who_is_fenced_commits_nothing_any_more(void **state) {
    (void)state;
    script((const enum outcome[]){COMMITS, FENCES}, 2);
    submit(0, 1, 0, 2, 1);
    assert_int_equal(next_answer(0), ST_OK);
    submit(0, 2, 2, 2, 1);
    assert_int_equal(next_answer(0), ST_FENCED);
    submit(0, 3, 4, 2, 1);
    assert_int_equal(next_answer(0), ST_FENCED);
    assert_once(2);
}

/* Whatever happens, and in whichever pieces batches share transactions. */
static void every_record_of_every_batch_is_committed_once(void **state) {
    (void)state;
    const uint64_t seed = (uint64_t)time(NULL);
    struct rng rng = {seed};
    print_message("seed %llu\n", (unsigned long long)seed);
    for (size_t k = 0; k < 40; k++) { /* never so many failures that backoff takes DEADLINE_MS */
        broker.script[k] = k % 5 == 4 ? COMMITS : (enum outcome)(rng_next(&rng) % FENCES);
    }
    broker.n_script = 40;
    uint32_t n = 0;
    uint32_t answered = 0;
    uint32_t tasks[200];
    for (uint32_t k = 0; k < 200; k++) {
        const uint32_t more = (uint32_t)(rng_next(&rng) % 20);
        tasks[k] = (uint32_t)(rng_next(&rng) % TASKS);
        submit(tasks[k], k + 1, n, more, 1);
        n += more;
        if (rng_next(&rng) % 8 == 0) {
            assert_int_equal(next_answer(tasks[answered]), ST_OK);
            answered++;
        }
    }
    for (; answered < 200; answered++) {
        assert_int_equal(next_answer(tasks[answered]), ST_OK);
    }
    assert_once(n);
}

static void the_room_of_a_batch_that_was_answered_is_there_for_the_next(void **state) {
    (void)state;
    assert_null(committer_spare(committer).bytes); /* nothing was answered yet */
    submit(0, 1, 0, 100, 1);
    submit(1, 1, 100, 1, 1);
    assert_int_equal(next_answer(0), ST_OK);
    assert_int_equal(next_answer(1), ST_OK);
    struct parcels room = committer_spare(committer); /* of the later one */
    assert_non_null(room.bytes);
    assert_true(room.cap > 0);
    assert_int_equal(room.len + room.n + room.n_of[PARCEL_STATE] + room.n_of[PARCEL_MODEL], 0);
    assert_null(committer_spare(committer).bytes);
    parcels_free(&room);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_batch_is_one_transaction_with_its_tag, setup, teardown),
        cmocka_unit_test_setup_teardown(
            an_aborted_transaction_is_tried_again_while_the_assignment_stands, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refused_record_aborts_and_is_sent_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_commit_that_happened_without_an_answer_is_not_done_again,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_commit_that_did_not_happen_without_an_answer_is_done_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_batch_of_an_assignment_that_is_over_is_lost, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(who_is_fenced_commits_nothing_any_more, setup, teardown),
        cmocka_unit_test_setup_teardown(every_record_of_every_batch_is_committed_once, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_room_of_a_batch_that_was_answered_is_there_for_the_next,
                                        setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
