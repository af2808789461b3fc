/* SPDX-License-Identifier: Apache-2.0
 *
 * test_mailbox.c -- the sentences of mailbox.h, with askers in threads of their own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "mailbox.h"

enum { LONG_MS = 10000, ASKERS = 4, ROUNDS = 300 };

struct asker {
    struct mailbox *mailbox;
    pthread_t thread;
    int question, timeout_ms;
    enum status status;
    int answer; /* 0: none, or NULL */
    atomic_bool done;
};

static void *ask(void *arg) {
    struct asker *a = arg;
    void *answer = NULL;
    a->status = mailbox_ask(a->mailbox, &a->question, a->timeout_ms, &answer);
    a->answer = answer ? *(int *)answer : 0;
    free(answer);
    a->done = true;
    return NULL;
}

static void start(struct asker *a, struct mailbox *m, int question, int timeout_ms) {
    *a = (struct asker){.mailbox = m, .question = question, .timeout_ms = timeout_ms};
    assert_int_equal(pthread_create(&a->thread, NULL, ask, a), 0);
}

static const int *await_question(struct mailbox *m) {
    for (int ms = 0; ms < LONG_MS; ms++) {
        const int *q = mailbox_look(m);
        if (q) {
            return q;
        }
        poll(NULL, 0, 1);
    }
    fail_msg("no question came");
    return NULL;
}

static void *made(int x) {
    int *p = malloc(sizeof *p);
    assert_non_null(p);
    *p = x;
    return p;
}

static int setup(void **state) {
    struct mailbox *m = NULL;
    *state = NULL;
    if (mailbox_new(sizeof(int), &m)) {
        return -1;
    }
    *state = m;
    return 0;
}

static int teardown(void **state) {
    mailbox_free(*state);
    return 0;
}

static void a_question_is_answered(void **state) {
    struct mailbox *m = *state;
    struct asker a;
    assert_null(mailbox_look(m));
    start(&a, m, 17, LONG_MS);
    assert_int_equal(*await_question(m), 17);
    assert_null(mailbox_look(m)); /* it is in hand */
    assert_false(a.done);
    mailbox_answer(m, made(34));
    pthread_join(a.thread, NULL);
    assert_int_equal(a.status, ST_OK);
    assert_int_equal(a.answer, 34);
    assert_null(mailbox_look(m));
}

static void nothing_may_be_the_answer(void **state) {
    struct mailbox *m = *state;
    struct asker a;
    start(&a, m, 1, LONG_MS);
    (void)await_question(m);
    mailbox_answer(m, NULL);
    pthread_join(a.thread, NULL);
    assert_int_equal(a.status, ST_OK);
    assert_int_equal(a.answer, 0);
}

static void a_second_asker_is_sent_away_at_once(void **state) {
    struct mailbox *m = *state;
    struct asker a;
    int other = 2;
    void *answer = &other;
    start(&a, m, 1, LONG_MS);
    (void)await_question(m);
    assert_int_equal(mailbox_ask(m, &other, LONG_MS, &answer), ST_AGAIN);
    assert_ptr_equal(answer, &other); /* untouched */
    mailbox_answer(m, made(3));
    pthread_join(a.thread, NULL);
    assert_int_equal(a.answer, 3);
}

static void who_is_not_answered_in_time_goes_and_the_next_one_may_ask(void **state) {
    struct mailbox *m = *state;
    int question = 1;
    void *answer = NULL;
    assert_int_equal(mailbox_ask(m, &question, 20, &answer), ST_LOST);
    assert_null(answer);
    assert_null(mailbox_look(m)); /* gone with him */
    struct asker a;
    start(&a, m, 5, LONG_MS);
    assert_int_equal(*await_question(m), 5);
    mailbox_answer(m, made(6));
    pthread_join(a.thread, NULL);
    assert_int_equal(a.answer, 6);
}

/* A sanitizer sees that the late answer is freed. */
static void a_late_answer_is_for_nobody(void **state) {
    struct mailbox *m = *state;
    struct asker late;
    struct asker next;
    int question = 9;
    void *answer = NULL;
    start(&late, m, 1, 50);
    const int *q = await_question(m);
    pthread_join(late.thread, NULL);
    assert_int_equal(late.status, ST_LOST);
    assert_int_equal(mailbox_ask(m, &question, 20, &answer), ST_AGAIN); /* still in hand */
    assert_int_equal(*q, 1);                                            /* and not written over */
    mailbox_answer(m, made(7));
    start(&next, m, 2, LONG_MS);
    assert_int_equal(*await_question(m), 2);
    mailbox_answer(m, made(8));
    pthread_join(next.thread, NULL);
    assert_int_equal(next.answer, 8);
}

static void closing_sends_everybody_away(void **state) {
    struct mailbox *m = *state;
    struct asker a;
    int question = 2;
    void *answer = NULL;
    start(&a, m, 1, LONG_MS);
    (void)await_question(m);
    mailbox_close(m);
    pthread_join(a.thread, NULL);
    assert_int_equal(a.status, ST_LOST);
    assert_int_equal(mailbox_ask(m, &question, LONG_MS, &answer), ST_LOST);
    mailbox_answer(m, made(1));
    assert_int_equal(mailbox_ask(m, &question, LONG_MS, &answer), ST_LOST);
}

/* ---- many askers ----------------------------------------------------------------------- */

struct crowd {
    struct mailbox *mailbox;
    atomic_int left, answered, wrong;
};

static void *ask_often(void *arg) {
    struct crowd *c = arg;
    for (int k = 0; k < ROUNDS; k++) {
        void *answer = NULL;
        enum status st = ST_AGAIN;
        while (st == ST_AGAIN) {
            st = mailbox_ask(c->mailbox, &k, k % 4, &answer);
            sched_yield();
        }
        if (st == ST_OK) {
            c->answered++;
            c->wrong += *(int *)answer != 2 * k;
        }
        free(answer);
    }
    c->left--;
    return NULL;
}

static void each_gets_the_answer_to_his_own_question(void **state) {
    struct crowd c = {.mailbox = *state, .left = ASKERS};
    pthread_t threads[ASKERS];
    int answers = 0;
    for (int k = 0; k < ASKERS; k++) {
        assert_int_equal(pthread_create(&threads[k], NULL, ask_often, &c), 0);
    }
    while (c.left > 0) {
        const int *q = mailbox_look(c.mailbox);
        if (q) {
            if (answers++ % 50 == 0) {
                poll(NULL, 0, 2); /* later than some wait */
            }
            mailbox_answer(c.mailbox, made(2 * *q));
        }
    }
    for (int k = 0; k < ASKERS; k++) {
        pthread_join(threads[k], NULL);
    }
    assert_int_equal(c.wrong, 0);
    assert_true(c.answered > 100);
}

static void a_question_has_a_size(void **state) {
    struct mailbox *m = NULL;
    (void)state;
    assert_int_equal(mailbox_new(0, &m), ST_INVALID);
    assert_null(m);
    mailbox_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(a_question_is_answered),
        TEST(nothing_may_be_the_answer),
        TEST(a_second_asker_is_sent_away_at_once),
        TEST(who_is_not_answered_in_time_goes_and_the_next_one_may_ask),
        TEST(a_late_answer_is_for_nobody),
        TEST(closing_sends_everybody_away),
        TEST(each_gets_the_answer_to_his_own_question),
        cmocka_unit_test(a_question_has_a_size),
#undef TEST
    };
    return cmocka_run_group_tests_name("mailbox", tests, NULL, NULL);
}
