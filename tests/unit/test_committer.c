/* SPDX-License-Identifier: Apache-2.0
 *
 * test_committer.c -- contract tests of consumer/committer.h: a source and a letterbox that
 * write down every call in one journal and answer from a script. Meant to run under
 * -fsanitize=thread too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "committer.h"
#include "log.h"
#include "metrics.h"

enum { CALLS_MAX = 8192, DEADLINE_MS = 10000, BATCHES = 1024 };

/* ---- the world ------------------------------------------------------------------------- */

enum call { SEND, FLUSH, COMMIT };

struct entry { /* one call */
    enum call call;
    int64_t offset; /* SEND: of the letter; COMMIT: of the first position */
    int generation;
    uint32_t n_positions;
    double at_s;
};

/* Everything below is under the lock: cmocka's assertions are for the test's thread only. */
struct world {
    struct committer *c;
    pthread_mutex_t lock;
    pthread_cond_t moved;
    struct entry calls[CALLS_MAX];
    size_t n;
    enum status script[3][64]; /* answers by kind of call, ST_OK after them */
    size_t n_script[3], answered[3];
    bool shut; /* commit does not return before it is opened */
    struct position last[CONFIG_TOPICS_MAX];
};

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static enum status note(struct world *w, struct entry e) {
    e.at_s = seconds();
    if (w->n < CALLS_MAX) {
        w->calls[w->n++] = e;
    }
    pthread_cond_broadcast(&w->moved);
    const size_t k = w->answered[e.call]++;
    return k < w->n_script[e.call] ? w->script[e.call][k] : ST_OK;
}

static enum status fake_send(void *ctx, const char *topic, const void *key, size_t key_len,
                             const void *value, size_t value_len, int64_t timestamp_ms,
                             const struct header *headers, size_t n_headers) {
    (void)topic, (void)key, (void)key_len, (void)value, (void)value_len, (void)timestamp_ms;
    struct world *w = ctx;
    struct entry e = {.call = SEND, .offset = -1};
    for (size_t k = 0; k < n_headers; k++) {
        if (strcmp(headers[k].name, "offset") == 0) {
            e.offset = strtoll(headers[k].value, NULL, 10);
        }
    }
    pthread_mutex_lock(&w->lock);
    const enum status st = note(w, e);
    pthread_mutex_unlock(&w->lock);
    return st;
}

static enum status fake_flush(void *ctx, int timeout_ms) {
    (void)timeout_ms;
    struct world *w = ctx;
    pthread_mutex_lock(&w->lock);
    const enum status st = note(w, (struct entry){.call = FLUSH});
    pthread_mutex_unlock(&w->lock);
    return st;
}

static enum status fake_commit(void *ctx, const struct position *parts, size_t n, int generation) {
    struct world *w = ctx;
    pthread_mutex_lock(&w->lock);
    memcpy(w->last, parts, n * sizeof *parts);
    const enum status st = note(w, (struct entry){.call = COMMIT,
                                                  .offset = n ? parts[0].offset : -1,
                                                  .generation = generation,
                                                  .n_positions = (uint32_t)n});
    while (w->shut) {
        pthread_cond_wait(&w->moved, &w->lock);
    }
    pthread_mutex_unlock(&w->lock);
    return st;
}

static void set_shut(struct world *w, bool shut) {
    pthread_mutex_lock(&w->lock);
    w->shut = shut;
    pthread_cond_broadcast(&w->moved);
    pthread_mutex_unlock(&w->lock);
}

/* Waits until the journal has n calls. */
static void await_calls(struct world *w, size_t n) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += DEADLINE_MS / 1000;
    int late = 0;
    pthread_mutex_lock(&w->lock);
    while (w->n < n && !late) {
        late = pthread_cond_timedwait(&w->moved, &w->lock, &until);
    }
    const size_t seen = w->n;
    pthread_mutex_unlock(&w->lock);
    assert_true(seen >= n);
}

static struct world world;
static struct source source;
static struct letterbox letterbox;

static int setup(void **state) {
    static struct config cfg;
    snprintf(cfg.dead_letters, CONFIG_NAME_MAX, "dead");
    snprintf(cfg.topics[0].name, CONFIG_NAME_MAX, "t");
    cfg.n_topics = 1;
    memset(&world, 0, sizeof world);
    pthread_mutex_init(&world.lock, NULL);
    pthread_cond_init(&world.moved, NULL);
    source = (struct source){.commit = fake_commit, .ctx = &world};
    letterbox = (struct letterbox){.send = fake_send, .flush = fake_flush, .ctx = &world};
    metrics_reset();
    const struct committer_ports ports = {.source = &source, .letterbox = &letterbox};
    assert_int_equal(committer_start(&cfg, &ports, &world.c), ST_OK);
    *state = &world;
    return 0;
}

static void stop(struct world *w) {
    committer_stop(w->c);
    w->c = NULL;
}

static int teardown(void **state) {
    struct world *w = *state;
    set_shut(w, false);
    stop(w);
    pthread_cond_destroy(&w->moved);
    pthread_mutex_destroy(&w->lock);
    return 0;
}

static void answers(struct world *w, enum call call, size_t n, const enum status *statuses) {
    pthread_mutex_lock(&w->lock);
    memcpy(w->script[call], statuses, n * sizeof *statuses);
    w->n_script[call] = n;
    pthread_mutex_unlock(&w->lock);
}

/* ---- batches --------------------------------------------------------------------------- */

/* Letters with offsets `first`, `first` + 1, ...; position 10 * task. */
static struct sealed batch_of(uint32_t task, int n_letters, int64_t first) {
    struct sealed b = {.task = task, .generation = 5, .n_positions = 2};
    b.positions[0] = (struct position){.offset = 10 * (int64_t)task, .partition = (int32_t)task};
    b.positions[1] = (struct position){.offset = 7, .partition = (int32_t)task, .topic = 1};
    for (int k = 0; k < n_letters; k++) {
        char block[512];
        const struct record r = {.offset = first + k, .value = "bad", .value_len = 3};
        assert_true(letter_size(&r) <= sizeof block);
        letter_write(block, "topic", &r, INTAKE_WIRE, "");
        assert_int_equal(letters_append(&b.letters, block, letter_size(&r)), ST_OK);
    }
    return b;
}

static void submit(struct world *w, uint32_t task, int n_letters, int64_t first) {
    struct sealed b = batch_of(task, n_letters, first);
    assert_int_equal(committer_submit(w->c, &b), ST_OK);
    assert_null(b.letters.bytes); /* taken */
    assert_int_equal(b.letters.n, 0);
}

static void assert_answer(struct world *w, uint32_t task, enum status status) {
    struct sealed_answer a;
    assert_true(committer_wait(w->c, DEADLINE_MS, &a));
    assert_int_equal(a.task, task);
    assert_int_equal(a.status, status);
}

/* "s1 s2 f c10": letters by offset, flushes, commits by position. */
static void assert_journal(struct world *w, const char *expected) {
    char text[1024] = "";
    size_t n = 0;
    pthread_mutex_lock(&w->lock);
    for (size_t k = 0; k < w->n && n < sizeof text; k++) {
        const struct entry *e = &w->calls[k];
        const char *gap = k ? " " : "";
        if (e->call == FLUSH) {
            n += (size_t)snprintf(text + n, sizeof text - n, "%sf", gap);
        } else {
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%c%lld", gap,
                                  e->call == SEND ? 's' : 'c', (long long)e->offset);
        }
    }
    pthread_mutex_unlock(&w->lock);
    assert_string_equal(text, expected);
}

/* ---- tests ----------------------------------------------------------------------------- */

static void letters_are_acknowledged_before_offsets_are_committed(void **state) {
    struct world *w = *state;
    submit(w, 3, 2, 100);
    assert_answer(w, 3, ST_OK);
    assert_journal(w, "s100 s101 f c30");
}

static void a_batch_without_letters_is_only_committed(void **state) {
    struct world *w = *state;
    submit(w, 4, 0, 0);
    assert_answer(w, 4, ST_OK);
    assert_journal(w, "c40");
}

static void the_positions_and_the_generation_are_those_of_the_batch(void **state) {
    struct world *w = *state;
    struct sealed b = batch_of(0, 0, 0);
    b.n_positions = CONFIG_TOPICS_MAX;
    b.generation = 123456;
    for (uint16_t k = 0; k < CONFIG_TOPICS_MAX; k++) {
        b.positions[k] = (struct position){.offset = INT64_MAX - k, .partition = 9, .topic = k};
    }
    assert_int_equal(committer_submit(w->c, &b), ST_OK);
    assert_answer(w, 0, ST_OK);
    pthread_mutex_lock(&w->lock);
    const struct entry e = w->calls[0];
    const int same = memcmp(w->last, b.positions, sizeof b.positions);
    pthread_mutex_unlock(&w->lock);
    assert_int_equal(e.n_positions, CONFIG_TOPICS_MAX);
    assert_int_equal(e.generation, 123456);
    assert_int_equal(same, 0);
}

static void batches_are_made_final_and_answered_in_their_order(void **state) {
    struct world *w = *state;
    set_shut(w, true);
    submit(w, 7, 1, 1);
    submit(w, 1, 0, 0);
    submit(w, 7, 0, 0);
    submit(w, 2, 1, 2);
    set_shut(w, false);
    assert_answer(w, 7, ST_OK);
    assert_answer(w, 1, ST_OK);
    assert_answer(w, 7, ST_OK);
    assert_answer(w, 2, ST_OK);
    assert_journal(w, "s1 f c70 c10 c70 s2 f c20");
}

static void the_learner_goes_on_while_a_commit_takes_its_time(void **state) {
    struct world *w = *state;
    struct sealed_answer a;
    set_shut(w, true);
    submit(w, 1, 0, 0);
    await_calls(w, 1);
    submit(w, 2, 0, 0);
    assert_false(committer_answer(w->c, &a));
    assert_false(committer_wait(w->c, 0, &a));
    assert_false(committer_wait(w->c, 20, &a));
    assert_int_equal(committer_pending(w->c), 2);
    assert_journal(w, "c10"); /* one after the other */
    set_shut(w, false);
    assert_answer(w, 1, ST_OK);
    assert_int_equal(committer_pending(w->c), 1);
    assert_answer(w, 2, ST_OK);
    assert_int_equal(committer_pending(w->c), 0);
    assert_false(committer_answer(w->c, &a));
}

static void brokers_that_are_away_are_waited_for_with_growing_pauses(void **state) {
    struct world *w = *state;
    answers(w, COMMIT, 3, (enum status[]){ST_AGAIN, ST_AGAIN, ST_AGAIN});
    submit(w, 1, 1, 9);
    assert_answer(w, 1, ST_OK);
    assert_journal(w, "s9 f c10 c10 c10 c10"); /* letters that are safe are not sent again */
    pthread_mutex_lock(&w->lock);
    const double first = w->calls[3].at_s - w->calls[2].at_s;
    const double second = w->calls[4].at_s - w->calls[3].at_s;
    const double third = w->calls[5].at_s - w->calls[4].at_s;
    pthread_mutex_unlock(&w->lock);
    assert_true(first >= 0.1 && second >= 0.2 && third >= 0.4); /* no upper limit: CI is slow */
    assert_true(metric_sum(M_COMMITS) == 4);
}

static void offsets_wait_until_letters_are_safe(void **state) {
    struct world *w = *state;
    answers(w, FLUSH, 2, (enum status[]){ST_AGAIN, ST_AGAIN});
    submit(w, 1, 2, 5);
    assert_answer(w, 1, ST_OK);
    assert_journal(w, "s5 s6 f f f c10");
}

static void a_refused_letter_is_sent_again_and_no_offset_passes_it(void **state) {
    struct world *w = *state;
    answers(w, SEND, 2, (enum status[]){ST_OK, ST_IO});
    answers(w, FLUSH, 1, (enum status[]){ST_IO});
    submit(w, 1, 2, 5);
    assert_answer(w, 1, ST_OK);
    assert_journal(w, "s5 s6 s6 f s5 s6 f c10");
}

static void a_lost_assignment_ends_the_batch_at_once_and_not_the_next(void **state) {
    struct world *w = *state;
    answers(w, COMMIT, 1, (enum status[]){ST_LOST});
    submit(w, 1, 1, 3);
    submit(w, 2, 0, 0);
    assert_answer(w, 1, ST_LOST);
    assert_answer(w, 2, ST_OK);
    assert_journal(w, "s3 f c10 c20");
}

static void an_assignment_that_ends_while_brokers_are_away_ends_the_batch(void **state) {
    struct world *w = *state;
    answers(w, COMMIT, 2, (enum status[]){ST_AGAIN, ST_LOST});
    submit(w, 1, 0, 0);
    assert_answer(w, 1, ST_LOST);
    assert_journal(w, "c10 c10");
    assert_true(metric_sum(M_COMMITS) == 2);
}

static void every_other_refusal_of_a_commit_is_lost_too(void **state) {
    struct world *w = *state;
    answers(w, COMMIT, 3, (enum status[]){ST_IO, ST_FENCED, ST_INVALID});
    for (uint32_t k = 1; k <= 3; k++) {
        submit(w, k, 0, 0);
        assert_answer(w, k, ST_LOST);
    }
    assert_journal(w, "c10 c20 c30"); /* never ST_OK, never again */
}

static void a_full_queue_says_again_and_leaves_the_batch_alone(void **state) {
    struct world *w = *state;
    set_shut(w, true);
    uint32_t n = 0;
    struct sealed b;
    enum status st = ST_OK;
    for (; !st && n <= 10 * BATCHES; n++) {
        b = batch_of(n, 1, n);
        st = committer_submit(w->c, &b);
    }
    assert_int_equal(st, ST_AGAIN);
    assert_int_equal(b.letters.n, 1); /* still the learner's */
    assert_int_equal(committer_pending(w->c), n - 1);
    set_shut(w, false);
    assert_answer(w, 0, ST_OK);
    while (committer_submit(w->c, &b) == ST_AGAIN) { /* until the first place is free */
    }
    for (uint32_t k = 1; k < n; k++) {
        assert_answer(w, k, ST_OK);
    }
    assert_int_equal(committer_pending(w->c), 0);
}

static void answers_that_nobody_reads_stop_nothing_and_are_all_there_later(void **state) {
    struct world *w = *state;
    uint32_t n = 0;
    const double start = seconds();
    while (n < 3 * BATCHES && seconds() - start < 5) { /* until nothing more is taken */
        struct sealed b = batch_of(n, 0, 0);
        if (committer_submit(w->c, &b)) {
            break;
        }
        n++;
        if (n % 512 == 0) {
            await_calls(w, n < 2 * BATCHES ? n : 2 * BATCHES);
        }
    }
    assert_true(n >= BATCHES);
    for (uint32_t k = 0; k < n; k++) {
        assert_answer(w, k, ST_OK);
    }
}

static void stop_gives_up_what_is_waiting_and_commits_none_of_it(void **state) {
    struct world *w = *state;
    set_shut(w, true);
    submit(w, 1, 1, 1);
    await_calls(w, 3); /* in the middle of its commit */
    submit(w, 2, 3, 2);
    submit(w, 3, 0, 0);
    set_shut(w, false);
    stop(w); /* the sanitizer looks for the letters of the batches */
    pthread_mutex_lock(&w->lock);
    const size_t n = w->n;
    pthread_mutex_unlock(&w->lock);
    assert_true(n >= 3);
}

static void stop_does_not_wait_for_brokers_that_are_away(void **state) {
    struct world *w = *state;
    enum status away[64];
    for (size_t k = 0; k < 64; k++) {
        away[k] = ST_AGAIN;
    }
    answers(w, COMMIT, 64, away);
    submit(w, 1, 0, 0);
    submit(w, 2, 5, 0);
    await_calls(w, 4); /* now it pauses for 800 ms */
    const double start = seconds();
    stop(w);
    assert_true(seconds() - start < 0.6);
    assert_journal(w, "c10 c10 c10 c10"); /* and nothing of the next batch was sent */
}

static void an_idle_committer_stops_and_null_is_allowed(void **state) {
    struct world *w = *state;
    const double start = seconds();
    stop(w);
    assert_true(seconds() - start < 5);
    committer_stop(NULL);
    assert_journal(w, "");
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(letters_are_acknowledged_before_offsets_are_committed),
        TEST(a_batch_without_letters_is_only_committed),
        TEST(the_positions_and_the_generation_are_those_of_the_batch),
        TEST(batches_are_made_final_and_answered_in_their_order),
        TEST(the_learner_goes_on_while_a_commit_takes_its_time),
        TEST(brokers_that_are_away_are_waited_for_with_growing_pauses),
        TEST(offsets_wait_until_letters_are_safe),
        TEST(a_refused_letter_is_sent_again_and_no_offset_passes_it),
        TEST(a_lost_assignment_ends_the_batch_at_once_and_not_the_next),
        TEST(an_assignment_that_ends_while_brokers_are_away_ends_the_batch),
        TEST(every_other_refusal_of_a_commit_is_lost_too),
        TEST(a_full_queue_says_again_and_leaves_the_batch_alone),
        TEST(answers_that_nobody_reads_stop_nothing_and_are_all_there_later),
        TEST(stop_gives_up_what_is_waiting_and_commits_none_of_it),
        TEST(stop_does_not_wait_for_brokers_that_are_away),
        TEST(an_idle_committer_stops_and_null_is_allowed),
    };
    log_set_level(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
