/* SPDX-License-Identifier: Apache-2.0
 *
 * test_instance.c -- the pipeline on a fake Kafka and a fake Redis: tasks come and go, commits
 * are refused, servers are away; nothing is counted twice, nothing is lost, nothing waits for
 * ever. What it does with Redis is in test_instance_publish.c.
 *
 * The truth about what was learned is what was appended: the shared model counts each event
 * that was not taken back once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "instance_state.h"
#include "metrics.h"
#include "running.h"

enum { TASKS = 4 };

static int teardown(void **state) {
    running_free(*state);
    *state = NULL;
    return 0;
}

static struct running *make(void **state, int32_t n_parts) {
    *state = running_new(n_parts);
    return *state;
}

static uint64_t learned(const struct running *r) {
    return learner_shared(r->instance->learner)->n_events;
}

static void assert_nothing_wrong(struct running *r) {
    if (r->kafka.wrongs) {
        fail_msg("%d wrongs, the last: %s", r->kafka.wrongs, r->kafka.wrong);
    }
}

/* Ends it and compares what it knows with what was appended. */
static void stop_and_check(struct running *r) {
    assert_int_equal(running_stop(r), ST_OK);
    assert_int_equal(learned(r), r->n_events);
    assert_true(fake_all_committed(&r->kafka));
    assert_nothing_wrong(r);
}

/* ---- the way of an event --------------------------------------------------------------- */

static void every_user_gets_his_lists_and_published_reaches_the_end(void **state) {
    struct running *r = make(state, TASKS);
    running_fill(r, TASKS, 40);
    running_start(r);
    assert_true(fake_assign(&r->kafka, TASKS, TASKS));
    AWAIT(running_published(r, TASKS));
    for (int32_t task = 0; task < TASKS; task++) {
        for (int user = 0; user < 8; user++) {
            assert_true(running_list(r, COURSE, task, user).writes > 0);
            assert_true(running_list(r, FOOD, task, user).writes > 0);
        }
    }
    assert_true(fake_get(&r->store, "crossrec:food:fallback").writes > 0);
    assert_true(fake_get(&r->store, "crossrec:course:info").writes > 0);
    AWAIT(instance_settled(r->instance));
    char why[WHY_MAX];
    assert_true(instance_ready(r->instance, why, sizeof why));
    stop_and_check(r);
}

static void info_tells_all_partitions_of_a_topic_not_only_those_held_here(void **state) {
    struct running *r = make(state, TASKS);
    running_fill(r, 1, 10);
    running_start(r);
    assert_true(fake_assign(&r->kafka, 1, 1));
    AWAIT(fake_get(&r->store, "crossrec:course:info").writes > 0);
    char told[32];
    snprintf(told, sizeof told, "\"partitions\":%d,", (int)TASKS);
    const struct fake_key info = fake_get(&r->store, "crossrec:course:info");
    assert_non_null(strstr(info.value, told));
    stop_and_check(r);
}

static void topics_with_different_partition_counts_end_it_with_a_text(void **state) {
    struct running *r = make(state, TASKS);
    running_start(r);
    assert_true(fake_assign(&r->kafka, TASKS, 2));
    assert_int_equal(running_join(r), ST_INVALID);
    assert_non_null(strstr(r->err, "task 2 is not whole"));
    assert_non_null(strstr(r->err, "food-orders has none"));
    assert_non_null(strstr(r->err, "must exist with the same partition count"));
}

static void a_stop_drains_what_was_learned(void **state) {
    struct running *r = make(state, TASKS);
    r->cfg.publish_interval_ms = 10000; /* neither is due before the stop */
    r->cfg.commit_interval_ms = 60000;
    running_fill(r, TASKS, 40);
    running_start(r);
    assert_true(fake_assign(&r->kafka, TASKS, TASKS));
    AWAIT((int)metric_sum(M_EVENTS) == r->n_events);
    stop_and_check(r);
    assert_true(running_published(r, TASKS));
}

static void an_instance_without_tasks_is_ready_to_take_some_over(void **state) {
    struct running *r = make(state, TASKS);
    char why[WHY_MAX];
    running_start(r);
    running_nap_ms(300); /* longer than readiness takes to be judged */
    assert_false(instance_ready(r->instance, why, sizeof why));
    assert_non_null(strstr(why, "no tasks assigned yet"));
    assert_true(fake_assign(&r->kafka, 0, 0)); /* more instances than tasks */
    AWAIT(instance_ready(r->instance, why, sizeof why));
    assert_int_equal(running_stop(r), ST_OK);
}

static void small_buffers_pause_and_go_on(void **state) {
    for (int64_t buffer = 1; buffer <= 10; buffer += 3) {
        struct running *r = make(state, TASKS);
        r->cfg.merge_buffer = buffer;
        running_fill(r, TASKS, 100);
        running_start(r);
        assert_true(fake_assign(&r->kafka, TASKS, TASKS));
        AWAIT(running_published(r, TASKS));
        assert_true(fake_part(&r->kafka, 0, 0).pauses > 0);
        for (int t = 0; t < FAKE_TOPICS; t++) {
            for (int32_t p = 0; p < TASKS; p++) {
                assert_false(fake_part(&r->kafka, t, p).paused);
            }
        }
        stop_and_check(r);
        (void)teardown(state);
    }
}

static void set_silent(struct running *r, int topic, bool silent) {
    pthread_mutex_lock(&r->kafka.lock);
    r->kafka.parts[topic].silent = silent;
    r->kafka.parts[topic].known_end = silent ? FAKE_UNKNOWN : -1;
    pthread_mutex_unlock(&r->kafka.lock);
}

/* A broker under load: it has not said yet what it has, for much longer than max.wait. */
static void
just_after_an_assignment_nothing_is_merged_past_a_topic_whose_end_is_unknown(void **state) {
    struct running *r = make(state, 1);
    r->cfg.merge_max_wait_ms = 50;
    set_silent(r, FOOD, true);
    running_fill(r, 1, 20);
    running_start(r);
    assert_true(fake_assign(&r->kafka, 1, 1));
    AWAIT(metric_value(M_RECORDS, COURSE) >= 20);
    running_nap_ms(300);
    assert_true(metric_value(M_EVENTS, COURSE) <= 1); /* the first is a course's */
    assert_true(metric_sum(M_GIVEN_UP) == 0);
    set_silent(r, FOOD, false);
    AWAIT(running_published(r, 1));
    stop_and_check(r);
    assert_true(metric_sum(M_LATE) == 0); /* all of them in their order */
}

static void a_topic_that_never_says_its_end_is_given_up_and_counted(void **state) {
    struct running *r = make(state, 1);
    r->cfg.merge_max_wait_ms = 50;
    r->cfg.merge_max_start_ms = 200;
    set_silent(r, FOOD, true);
    running_fill(r, 1, 20);
    running_start(r);
    assert_true(fake_assign(&r->kafka, 1, 1));
    AWAIT(metric_value(M_EVENTS, COURSE) >= 20);
    assert_true(metric_value(M_GIVEN_UP, FOOD) == 1);
    set_silent(r, FOOD, false);
    AWAIT(running_published(r, 1));
    stop_and_check(r);
    assert_true(metric_sum(M_LATE) > 0);
}

static void a_silent_topic_holds_the_others_up_no_longer_than_it_may(void **state) {
    struct running *r = make(state, 1);
    r->cfg.merge_max_wait_ms = r->cfg.merge_max_start_ms = 100;
    r->kafka.parts[FOOD].silent = true; /* of task 0: has records, does not send them */
    running_fill(r, 1, 20);
    running_start(r);
    assert_true(fake_assign(&r->kafka, 1, 1));
    AWAIT(metric_value(M_EVENTS, COURSE) >= 20);
    assert_true(metric_value(M_EVENTS, FOOD) == 0);
    pthread_mutex_lock(&r->kafka.lock);
    r->kafka.parts[FOOD].silent = false;
    pthread_mutex_unlock(&r->kafka.lock);
    AWAIT(running_published(r, 1));
    stop_and_check(r);
}

static void a_time_beyond_what_can_be_kept_is_a_dead_letter_and_no_end(void **state) {
    struct running *r = make(state, 1);
    running_fill(r, 1, 3);
    (void)running_event_of(r, COURSE, 0, INT64_C(1) << 47);
    (void)running_event_of(r, FOOD, 0, INT64_MAX);
    running_fill(r, 1, 3);
    running_start(r);
    assert_true(fake_assign(&r->kafka, 1, 1));
    AWAIT(fake_all_committed(&r->kafka));
    assert_int_equal(fake_letters_acked(&r->kafka), 2);
    stop_and_check(r);
}

/* ---- tasks come and go ------------------------------------------------------------------- */

static void an_orderly_revocation_commits_what_was_learned(void **state) {
    struct running *r = make(state, TASKS);
    r->cfg.commit_interval_ms = 60000; /* only the revocation commits */
    running_fill(r, TASKS, 30);
    running_start(r);
    assert_true(fake_assign(&r->kafka, TASKS, TASKS));
    AWAIT((int)metric_sum(M_EVENTS) == r->n_events);
    assert_int_equal(r->kafka.commits, 0);
    assert_true(fake_revoke(&r->kafka, false));
    assert_true(fake_all_committed(&r->kafka));
    assert_true(metric_value(M_UNDONE, 0) == 0.0);

    running_fill(r, TASKS, 30); /* parked tasks go on where they stood */
    assert_true(fake_assign(&r->kafka, TASKS, TASKS));
    AWAIT(running_published(r, TASKS));
    assert_int_equal((int)metric_sum(M_EVENTS), r->n_events);
    stop_and_check(r);
}

static void a_slow_commit_is_waited_for_by_a_revocation(void **state) {
    struct running *r = make(state, 1);
    r->cfg.commit_interval_ms = 10;
    r->kafka.commit_ms = 300;
    running_fill(r, 1, 30);
    running_start(r);
    assert_true(fake_assign(&r->kafka, 1, 1));
    AWAIT((int)metric_sum(M_EVENTS) == r->n_events);
    assert_true(fake_revoke(&r->kafka, false));
    assert_true(fake_all_committed(&r->kafka));
    assert_true(metric_value(M_UNDONE, 0) == 0.0);
    stop_and_check(r);
}

static void a_lost_assignment_undoes_and_what_is_read_again_counts_once(void **state) {
    struct running *r = make(state, TASKS);
    running_fill(r, TASKS, 30);
    running_start(r);
    assert_true(fake_assign(&r->kafka, TASKS, TASKS));
    AWAIT(fake_all_committed(&r->kafka));
    for (int round = 0; round < 3; round++) {
        pthread_mutex_lock(&r->kafka.lock);
        r->kafka.commit_status = ST_AGAIN; /* the broker is away, then the group without us */
        r->kafka.commit_refusals = -1;
        pthread_mutex_unlock(&r->kafka.lock);
        const double before = metric_sum(M_EVENTS);
        running_fill(r, TASKS, 20);
        AWAIT(metric_sum(M_EVENTS) >= before + 20.0 * TASKS * FAKE_TOPICS);
        assert_true(fake_revoke(&r->kafka, true));
        pthread_mutex_lock(&r->kafka.lock);
        r->kafka.commit_refusals = 0;
        pthread_mutex_unlock(&r->kafka.lock);
        assert_true(fake_assign(&r->kafka, TASKS, TASKS));
        AWAIT(running_published(r, TASKS) && fake_all_committed(&r->kafka));
    }
    assert_true(metric_value(M_UNDONE, 0) >= 3.0 * TASKS);
    assert_true(metric_sum(M_EVENTS) > r->n_events); /* they were read again */
    stop_and_check(r);
}

static void a_refused_commit_parks_until_the_tasks_come_back(void **state) {
    struct running *r = make(state, TASKS);
    r->kafka.commit_status = ST_LOST;
    r->kafka.commit_refusals = -1;
    running_fill(r, TASKS, 30);
    running_start(r);
    assert_true(fake_assign(&r->kafka, TASKS, TASKS));
    AWAIT(metric_value(M_UNDONE, 0) >= TASKS);
    AWAIT(metric_value(M_TASKS, TASK_PARKED) >= TASKS);
    pthread_mutex_lock(&r->kafka.lock);
    r->kafka.commit_refusals = 0;
    pthread_mutex_unlock(&r->kafka.lock);
    running_fill(r, TASKS, 10); /* the assignment is over: none of these is learned */
    running_nap_ms(50);
    assert_false(fake_all_committed(&r->kafka));
    assert_true(fake_revoke(&r->kafka, true));
    assert_true(fake_assign(&r->kafka, TASKS, TASKS));
    AWAIT(running_published(r, TASKS) && fake_all_committed(&r->kafka));
    stop_and_check(r);
}

static void a_commit_that_has_to_wait_is_tried_until_it_works(void **state) {
    struct running *r = make(state, TASKS);
    r->kafka.commit_status = ST_AGAIN;
    r->kafka.commit_refusals = 3;
    running_fill(r, TASKS, 30);
    running_start(r);
    assert_true(fake_assign(&r->kafka, TASKS, TASKS));
    AWAIT(fake_all_committed(&r->kafka));
    assert_true(metric_value(M_UNDONE, 0) == 0.0);
    AWAIT(running_published(r, TASKS)); /* lists do not wait for it */
    stop_and_check(r);
}

/* The commit of a former assignment takes longer than its revocation waited: what becomes of it
 * says nothing about the batches of this one. */
static void a_late_answer_of_a_former_assignment_changes_nothing(void **state) {
    struct running *r = make(state, 1);
    running_start(r);
    assert_true(fake_assign(&r->kafka, 1, 1));
    pthread_mutex_lock(&r->kafka.lock);
    r->kafka.commit_ms = 5500;
    pthread_mutex_unlock(&r->kafka.lock);
    running_fill(r, 1, 10);
    AWAIT((int)metric_sum(M_EVENTS) == r->n_events);
    running_nap_ms(100);
    assert_true(fake_assign(&r->kafka, 1, 1)); /* revokes, in vain, for five seconds */
    assert_true(metric_value(M_UNDONE, 0) == 1.0);
    pthread_mutex_lock(&r->kafka.lock);
    r->kafka.commit_ms = 0;
    pthread_mutex_unlock(&r->kafka.lock);
    AWAIT(fake_all_committed(&r->kafka));
    assert_true(metric_value(M_UNDONE, 0) == 1.0);
    stop_and_check(r);
}

/* Random takings and givings away, refusals in between. */
static void whatever_happens_every_event_counts_once(void **state) {
    struct running *r = make(state, TASKS);
    const unsigned seed = (unsigned)running_wall_ms();
    print_message("seed %u\n", seed);
    srand(seed);
    r->cfg.commit_interval_ms = 10;
    running_start(r);
    for (int step = 0; step < 60; step++) {
        const int what = rand() % 6;
        running_fill(r, TASKS, 1 + rand() % 6);
        (void)running_bad(r, rand() % FAKE_TOPICS, rand() % TASKS);
        const int32_t n = rand() % (TASKS + 1);
        if (what == 0) {
            pthread_mutex_lock(&r->kafka.lock);
            r->kafka.commit_status = rand() % 2 ? ST_AGAIN : ST_LOST;
            r->kafka.commit_refusals = rand() % 3;
            pthread_mutex_unlock(&r->kafka.lock);
        } else if (what == 1) {
            assert_true(fake_revoke(&r->kafka, true));
        } else {
            assert_true(fake_assign(&r->kafka, n, n));
        }
        running_nap_ms(rand() % 20);
    }
    assert_true(fake_revoke(&r->kafka, false));
    pthread_mutex_lock(&r->kafka.lock);
    r->kafka.commit_refusals = 0;
    pthread_mutex_unlock(&r->kafka.lock);
    assert_true(fake_assign(&r->kafka, TASKS, TASKS));
    AWAIT(running_published(r, TASKS) && fake_all_committed(&r->kafka));
    stop_and_check(r);
}

static void hundreds_of_tasks_outlast_brokers_that_take_no_commits(void **state) {
    enum { MANY = 600 };
    struct running *r = make(state, MANY);
    r->kafka.commit_status = ST_AGAIN;
    r->kafka.commit_refusals = -1;
    running_start(r);
    assert_true(fake_assign(&r->kafka, MANY, MANY));
    for (int round = 0; round < 3; round++) { /* two sealed batches a task, and an open one */
        for (int32_t task = 0; task < MANY; task++) {
            (void)running_event(r, COURSE, task, round, round);
        }
        AWAIT((int)metric_sum(M_EVENTS) == r->n_events);
        running_nap_ms(50);
    }
    pthread_mutex_lock(&r->kafka.lock);
    r->kafka.commit_refusals = 0;
    pthread_mutex_unlock(&r->kafka.lock);
    AWAIT(fake_all_committed(&r->kafka));
    stop_and_check(r);
}

static void after_the_end_nothing_touches_the_source(void **state) {
    struct running *r = make(state, 1);
    r->cfg.commit_interval_ms = 10;
    running_fill(r, 1, 10);
    running_start(r);
    assert_true(fake_assign(&r->kafka, 1, 1));
    AWAIT(running_published(r, 1) && fake_all_committed(&r->kafka));
    pthread_mutex_lock(&r->kafka.lock);
    r->kafka.commit_status = ST_AGAIN; /* brokers go away, and do not come back */
    r->kafka.commit_refusals = -1;
    pthread_mutex_unlock(&r->kafka.lock);
    running_fill(r, 1, 10);
    AWAIT(fake_refused(&r->kafka) > 1);
    assert_true(fake_break(&r->kafka));            /* it ends with batches under way */
    assert_int_equal(running_join(r), ST_INVALID); /* and the source is closed */
    const int attempts = r->kafka.attempts;
    running_nap_ms(1000); /* longer than the backoff has grown to */
    assert_nothing_wrong(r);
    assert_int_equal(r->kafka.attempts, attempts);
}

/* ---- dead letters ------------------------------------------------------------------------- */

static void bad_records_become_letters_once_and_in_order(void **state) {
    struct running *r = make(state, TASKS);
    for (int k = 0; k < 10; k++) {
        running_fill(r, TASKS, 3);
        for (int32_t task = 0; task < TASKS; task++) {
            (void)running_bad(r, k % FAKE_TOPICS, task);
        }
    }
    r->kafka.flush_status = ST_AGAIN; /* the dead-letter topic is slow */
    r->kafka.flush_refusals = 3;
    running_start(r);
    assert_true(fake_assign(&r->kafka, TASKS, TASKS));
    AWAIT(fake_all_committed(&r->kafka));
    assert_int_equal(fake_letters_acked(&r->kafka), 10 * TASKS);
    int64_t last[FAKE_TOPICS][TASKS];
    memset(last, 0xff, sizeof last);
    for (size_t i = 0; i < r->kafka.n_letters; i++) {
        const struct fake_letter *l = &r->kafka.letters[i];
        assert_true(l->offset > last[l->topic][l->partition]);
        last[l->topic][l->partition] = l->offset;
    }
    stop_and_check(r);
}

/* Offsets are committed: a restart reads everything again and sends no letter twice. */
static void no_letter_is_sent_below_the_committed_offset(void **state) {
    for (int late = 0; late < 2; late++) {
        struct running *r = make(state, 1);
        for (int k = 0; k < 10; k++) {
            (void)running_bad(r, COURSE, 0);
            (void)running_event(r, COURSE, 0, k, k);
        }
        r->kafka.parts[0].committed = 10;            /* letters 0, 2, 4, 6, 8 were sent */
        r->kafka.committed_refusals = late ? 20 : 0; /* and it takes a while to be known */
        running_start(r);
        assert_true(fake_assign(&r->kafka, 1, 1));
        AWAIT(fake_all_committed(&r->kafka));
        for (int64_t offset = 0; offset < 20; offset++) {
            const int want = offset >= 10 && offset % 2 == 0;
            assert_int_equal(fake_letters_of(&r->kafka, COURSE, 0, offset), want);
        }
        assert_int_equal((int)metric_sum(M_DEAD_LETTERS), 5);
        stop_and_check(r);
        (void)teardown(state);
    }
}

/* A restart reads from the earliest offset; should it end on the way, the next one must not
 * find that letters were sent less far than they were. */
static void a_restart_takes_no_committed_offset_back(void **state) {
    struct running *r = make(state, 1);
    r->cfg.commit_interval_ms = 1;
    for (int k = 0; k < 3000; k++) {
        (void)running_event(r, COURSE, 0, k % 8, k % 12);
    }
    r->kafka.parts[0].committed = 2990; /* a commit below is wrong */
    running_start(r);
    assert_true(fake_assign(&r->kafka, 1, 1));
    AWAIT(fake_all_committed(&r->kafka));
    assert_true(r->kafka.commits > 1);
    stop_and_check(r);
}

/* A dead-letter topic that takes nothing must not fill the memory with what waits for it. */
static void letters_that_cannot_be_sent_stop_the_intake(void **state) {
    enum { BIG = 1 << 20, RECORDS = 400 };
    struct running *r = make(state, 1);
    static uint8_t value[BIG];
    memset(value, 7, sizeof value);
    r->kafka.flush_status = ST_AGAIN;
    r->kafka.flush_refusals = -1;
    for (int k = 0; k < RECORDS; k++) {
        (void)fake_append(&r->kafka, COURSE, 0, "bad", value, sizeof value, false, true,
                          running_wall_ms());
    }
    running_start(r);
    assert_true(fake_assign(&r->kafka, 1, 1));
    int64_t at = -1;
    for (int quiet = 0; quiet < 10; quiet++) { /* until it reads no further */
        const int64_t now = fake_part(&r->kafka, COURSE, 0).position;
        quiet = now == at ? quiet : 0;
        at = now;
        running_nap_ms(30);
    }
    assert_true(at < 200); /* MiB: two sealed batches, the open one, the merge */
    pthread_mutex_lock(&r->kafka.lock);
    r->kafka.flush_refusals = 0;
    pthread_mutex_unlock(&r->kafka.lock);
    AWAIT(fake_all_committed(&r->kafka));
    assert_int_equal(fake_letters_acked(&r->kafka), RECORDS);
    stop_and_check(r);
}

/* Stopped (SIGSTOP, a virtual machine that was paused) in the middle of a slice: the rest that
 * follows is a multiple of it. */
static void a_stop_is_not_taken_for_work(void **state) {
    (void)state;
    assert_in_range(instance_slice_ms(instance_mono_ms() - 20), 20, SLICE_MOST_MS);
    assert_int_equal(instance_slice_ms(instance_mono_ms() - 3600 * 1000), SLICE_MOST_MS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_teardown(name, teardown)
        TEST(every_user_gets_his_lists_and_published_reaches_the_end),
        TEST(info_tells_all_partitions_of_a_topic_not_only_those_held_here),
        TEST(topics_with_different_partition_counts_end_it_with_a_text),
        TEST(a_stop_drains_what_was_learned),
        TEST(an_instance_without_tasks_is_ready_to_take_some_over),
        TEST(small_buffers_pause_and_go_on),
        TEST(just_after_an_assignment_nothing_is_merged_past_a_topic_whose_end_is_unknown),
        TEST(a_topic_that_never_says_its_end_is_given_up_and_counted),
        TEST(a_silent_topic_holds_the_others_up_no_longer_than_it_may),
        TEST(a_time_beyond_what_can_be_kept_is_a_dead_letter_and_no_end),
        TEST(an_orderly_revocation_commits_what_was_learned),
        TEST(a_slow_commit_is_waited_for_by_a_revocation),
        TEST(a_lost_assignment_undoes_and_what_is_read_again_counts_once),
        TEST(a_refused_commit_parks_until_the_tasks_come_back),
        TEST(a_commit_that_has_to_wait_is_tried_until_it_works),
        TEST(a_late_answer_of_a_former_assignment_changes_nothing),
        TEST(whatever_happens_every_event_counts_once),
        TEST(hundreds_of_tasks_outlast_brokers_that_take_no_commits),
        TEST(bad_records_become_letters_once_and_in_order),
        TEST(no_letter_is_sent_below_the_committed_offset),
        TEST(a_restart_takes_no_committed_offset_back),
        TEST(letters_that_cannot_be_sent_stop_the_intake),
        TEST(after_the_end_nothing_touches_the_source),
        TEST(a_stop_is_not_taken_for_work),
#undef TEST
    };
    return cmocka_run_group_tests_name("instance", tests, NULL, NULL);
}
