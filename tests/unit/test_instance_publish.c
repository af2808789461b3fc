/* SPDX-License-Identifier: Apache-2.0
 *
 * test_instance_publish.c -- what the pipeline makes stand in a fake Redis that goes away,
 * loses everything, belongs to others, and what `published` says meanwhile.
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

enum { TASKS = 3, USERS = 8 };

static int teardown(void **state) {
    running_free(*state);
    *state = NULL;
    return 0;
}

static struct running *make(void **state, int32_t n_parts) {
    *state = running_new(n_parts);
    return *state;
}

static void set_away(struct running *r, bool away) {
    pthread_mutex_lock(&r->store.lock);
    r->store.connect_status = away ? ST_AGAIN : ST_OK;
    r->store.connected = r->store.connected && !away;
    pthread_mutex_unlock(&r->store.lock);
}

/* Killed, and started again empty. */
static void lose_everything(struct running *r) {
    pthread_mutex_lock(&r->store.lock);
    r->store.n_keys = 0;
    r->store.connected = false;
    r->store.fresh = true;
    pthread_mutex_unlock(&r->store.lock);
}

static bool all_lists_stand(struct running *r, int32_t n_tasks, uint64_t epoch_above) {
    for (int32_t task = 0; task < n_tasks; task++) {
        for (int user = 0; user < USERS; user++) {
            if (running_list(r, COURSE, task, user).epoch <= epoch_above ||
                running_list(r, FOOD, task, user).epoch <= epoch_above) {
                return false;
            }
        }
    }
    return true;
}

static struct fake_key published(struct running *r, int32_t task) {
    char key[FAKE_KEY_MAX];
    snprintf(key, sizeof key, "crossrec:published:%d", task);
    return fake_get(&r->store, key);
}

/* Another instance wrote everything of a task. */
static void write_as_another(struct running *r, int32_t task, uint64_t epoch, bool lists) {
    char key[FAKE_KEY_MAX];
    char value[64];
    snprintf(value, sizeof value, "{\"version\":[%llu,7],\"by\":\"another\"}",
             (unsigned long long)epoch);
    snprintf(key, sizeof key, "crossrec:published:%d", task);
    fake_set(&r->store, key, value, epoch, 7);
    for (int user = 0; user < USERS && lists; user++) {
        snprintf(key, sizeof key, "crossrec:course:rec:u%d-%d", task, user);
        fake_set(&r->store, key, value, epoch, 7);
        snprintf(key, sizeof key, "crossrec:food:rec:u%d-%d", task, user);
        fake_set(&r->store, key, value, epoch, 7);
    }
}

static void start_with_lists(struct running *r, int32_t n_tasks) {
    running_fill(r, n_tasks, 40);
    running_start(r);
    assert_true(fake_assign(&r->kafka, n_tasks, n_tasks));
    AWAIT(running_published(r, n_tasks));
    assert_true(all_lists_stand(r, n_tasks, 0));
}

/* ---- away and lost ----------------------------------------------------------------------- */

static void without_redis_it_learns_and_publishes_later(void **state) {
    struct running *r = make(state, TASKS);
    char why[256];
    start_with_lists(r, TASKS);
    AWAIT(instance_ready(r->instance, why, sizeof why));
    set_away(r, true);
    running_fill(r, TASKS, 40);
    AWAIT((int)metric_sum(M_EVENTS) == r->n_events);
    AWAIT(fake_all_committed(&r->kafka));
    AWAIT(!instance_ready(r->instance, why, sizeof why));
    assert_non_null(strstr(why, "Redis: "));
    assert_false(running_published(r, TASKS));
    set_away(r, false);
    AWAIT(running_published(r, TASKS));
    assert_true(all_lists_stand(r, TASKS, 0));
    AWAIT(instance_ready(r->instance, why, sizeof why));
    assert_int_equal(running_stop(r), ST_OK);
}

static void published_comes_back_after_the_lists_and_not_before(void **state) {
    struct running *r = make(state, TASKS);
    r->cfg.publish_rate = 200; /* 48 lists: a quarter of a second */
    start_with_lists(r, TASKS);
    AWAIT(instance_settled(r->instance));
    lose_everything(r);
    AWAIT(running_published(r, TASKS));
    assert_true(all_lists_stand(r, TASKS, 0));
    for (int32_t task = 0; task < TASKS; task++) {
        for (int user = 0; user < USERS; user++) {
            assert_true(running_list(r, FOOD, task, user).order < published(r, task).order);
        }
    }
    AWAIT(instance_settled(r->instance));
    assert_int_equal(running_stop(r), ST_OK);
}

static void an_event_during_a_republication_does_not_announce_it_early(void **state) {
    struct running *r = make(state, 1);
    r->cfg.publish_rate = 100;
    start_with_lists(r, 1);
    lose_everything(r);
    AWAIT(metric_value(M_REPUBLISH, 0) >= 1.0);
    (void)running_event(r, FOOD, 0, 3, 1);
    AWAIT(running_published(r, 1));
    assert_true(all_lists_stand(r, 1, 0));
    assert_int_equal(running_stop(r), ST_OK);
}

static void what_is_lost_while_a_task_catches_up_is_written_afterwards(void **state) {
    struct running *r = make(state, TASKS);
    r->cfg.merge_max_wait_ms = 10;
    start_with_lists(r, TASKS);
    pthread_mutex_lock(&r->kafka.lock);
    r->kafka.parts[1].known_end = r->kafka.parts[1].n + 5; /* task 1 has a long way to go */
    pthread_mutex_unlock(&r->kafka.lock);
    (void)running_event_at(r, COURSE, 1, 0, 1, running_wall_ms() - 3600000);
    AWAIT(metric_value(M_CATCH_UP, 0) == 1.0);
    const uint64_t sweeps = instance_sweeps(r->instance);
    lose_everything(r);
    AWAIT(instance_sweeps(r->instance) > sweeps);
    running_nap_ms(50);
    assert_int_equal(running_list(r, FOOD, 1, 5).writes, 0); /* it only learns */
    assert_int_equal(published(r, 1).writes, 0);
    pthread_mutex_lock(&r->kafka.lock);
    r->kafka.parts[1].known_end = -1;
    pthread_mutex_unlock(&r->kafka.lock);
    AWAIT(all_lists_stand(r, TASKS, 0));
    AWAIT(running_published(r, TASKS));
    AWAIT(instance_settled(r->instance));
    assert_int_equal(running_stop(r), ST_OK);
}

static void a_stop_does_not_wait_for_a_republication(void **state) {
    struct running *r = make(state, TASKS);
    r->cfg.publish_rate = 1;
    start_with_lists(r, TASKS);
    lose_everything(r);
    AWAIT(metric_value(M_REPUBLISH, 0) >= 1.0);
    const int64_t start_ms = running_wall_ms();
    assert_int_equal(running_stop(r), ST_OK);
    assert_true(running_wall_ms() - start_ms < 5000);
    assert_int_equal(published(r, 2).writes, 0);
}

/* ---- owners --------------------------------------------------------------------------------- */

static void a_newer_epoch_in_redis_is_answered_by_a_newer_one(void **state) {
    struct running *r = make(state, TASKS);
    start_with_lists(r, TASKS);
    const uint64_t ahead = (uint64_t)running_wall_ms() / 1000 + 1000000;
    write_as_another(r, 1, ahead, true);
    (void)running_event(r, FOOD, 1, 2, 3);
    AWAIT(running_list(r, FOOD, 1, 2).epoch > ahead);
    AWAIT(published(r, 1).epoch > ahead && running_published(r, TASKS));
    for (int user = 0; user < USERS; user++) {
        assert_true(running_list(r, FOOD, 1, user).epoch > ahead);
        assert_true(running_list(r, FOOD, 1, user).order < published(r, 1).order);
    }
    AWAIT(running_published(r, TASKS));
    assert_int_equal(running_stop(r), ST_OK);
}

static void set_commits(struct running *r, int takes_ms, bool refused) {
    pthread_mutex_lock(&r->kafka.lock);
    r->kafka.commit_ms = takes_ms;
    r->kafka.commit_status = ST_AGAIN;
    r->kafka.commit_refusals = refused ? -1 : 0;
    pthread_mutex_unlock(&r->kafka.lock);
}

static int commits(struct running *r, const int *count) {
    pthread_mutex_lock(&r->kafka.lock);
    const int n = *count;
    pthread_mutex_unlock(&r->kafka.lock);
    return n;
}

static bool is_still_of_another(struct running *r, uint64_t epoch) {
    return published(r, 1).epoch == epoch && running_list(r, FOOD, 1, 2).epoch == epoch &&
           running_list(r, COURSE, 1, 2).epoch == epoch;
}

/* An instance that has lost its task and does not know it yet: its commits do not go through. */
static void a_newer_epoch_stands_until_a_commit_says_whose_the_task_is(void **state) {
    struct running *r = make(state, TASKS);
    start_with_lists(r, TASKS);
    AWAIT(instance_settled(r->instance));
    set_commits(r, 0, true);
    const double refused = metric_value(M_REFUSED, 0);
    const uint64_t ahead = (uint64_t)running_wall_ms() / 1000 + 1000000;
    write_as_another(r, 1, ahead, true);
    (void)running_event(r, FOOD, 1, 2, 3);
    AWAIT(metric_value(M_REFUSED, 0) > refused);
    for (int k = 0; k < 50; k++) {
        assert_true(is_still_of_another(r, ahead));
        running_nap_ms(10);
    }
    set_commits(r, 0, false);
    AWAIT(published(r, 1).epoch > ahead && running_published(r, TASKS));
    assert_true(running_list(r, FOOD, 1, 2).epoch > ahead);
    assert_int_equal(running_stop(r), ST_OK);
}

static void a_commit_of_what_was_sealed_before_says_nothing(void **state) {
    struct running *r = make(state, TASKS);
    start_with_lists(r, TASKS);
    AWAIT(instance_settled(r->instance));
    set_commits(r, 2000, false);
    const int begun = commits(r, &r->kafka.begun);
    const int done = commits(r, &r->kafka.commits);
    (void)running_event(r, FOOD, 1, 2, 3);
    AWAIT(commits(r, &r->kafka.begun) > begun);
    const uint64_t ahead = (uint64_t)running_wall_ms() / 1000 + 1000000;
    write_as_another(r, 1, ahead, true);
    (void)running_event(r, FOOD, 1, 2, 4);
    AWAIT(commits(r, &r->kafka.commits) > done); /* the next one takes as long */
    for (int k = 0; k < 50; k++) {
        assert_true(is_still_of_another(r, ahead));
        running_nap_ms(10);
    }
    set_commits(r, 0, false);
    AWAIT(published(r, 1).epoch > ahead && running_published(r, TASKS));
    assert_int_equal(running_stop(r), ST_OK);
}

/* Nobody does anything any more: it is asked for by a commit without events. */
static void a_newer_epoch_is_answered_in_a_quiet_stream(void **state) {
    struct running *r = make(state, TASKS);
    start_with_lists(r, TASKS);
    AWAIT(instance_settled(r->instance));
    const uint64_t ahead = (uint64_t)running_wall_ms() / 1000 + 1000000;
    write_as_another(r, 1, ahead, true);
    pthread_mutex_lock(&r->store.lock);
    r->store.connected = false; /* of another run: everything is written again */
    r->store.fresh = true;
    pthread_mutex_unlock(&r->store.lock);
    AWAIT(published(r, 1).epoch > ahead);
    AWAIT(running_list(r, FOOD, 1, 2).epoch > ahead);
    assert_int_equal(running_stop(r), ST_OK);
}

/* Redis is away at the takeover: the epoch is a guess, and what was published under it is
 * refused once Redis answers. */
static void an_epoch_that_becomes_known_late_loses_no_list(void **state) {
    struct running *r = make(state, TASKS);
    const uint64_t ahead = (uint64_t)running_wall_ms() / 1000 + 1000000;
    set_away(r, true);
    for (int32_t task = 0; task < TASKS; task++) {
        write_as_another(r, task, ahead, true);
    }
    running_fill(r, TASKS, 40);
    running_start(r);
    assert_true(fake_assign(&r->kafka, TASKS, TASKS));
    AWAIT((int)metric_sum(M_EVENTS) == r->n_events);
    AWAIT(metric_value(M_DIRTY, 0) == 0.0); /* all handed to the publisher */
    set_away(r, false);
    AWAIT(running_published(r, TASKS));
    assert_true(all_lists_stand(r, TASKS, ahead));
    assert_int_equal(running_stop(r), ST_OK);
}

static void lists_of_another_owner_are_replaced_when_a_parked_task_comes_back(void **state) {
    struct running *r = make(state, TASKS);
    start_with_lists(r, TASKS);
    AWAIT(instance_settled(r->instance));
    assert_true(fake_revoke(&r->kafka, false));
    const uint64_t ahead = published(r, 1).epoch + 5;
    write_as_another(r, 1, ahead, true);
    assert_true(fake_assign(&r->kafka, TASKS, TASKS));
    AWAIT(published(r, 1).epoch > ahead && running_published(r, TASKS));
    for (int user = 0; user < USERS; user++) {
        assert_true(running_list(r, FOOD, 1, user).epoch > ahead);
        assert_true(running_list(r, COURSE, 1, user).epoch > ahead);
    }
    AWAIT(running_published(r, TASKS));
    AWAIT(instance_settled(r->instance));
    assert_int_equal(running_stop(r), ST_OK);
}

/* The queue to Redis is full when the task is taken over: its predecessor's epoch cannot be
 * asked for at once. The old owner's last writes are refused meanwhile. */
static void a_full_queue_at_the_takeover_loses_no_list(void **state) {
    enum { CROWD = 4300 };
    struct running *r = make(state, 1);
    r->cfg.domains[COURSE].target = false;
    running_fill(r, 1, 40);
    running_start(r);
    assert_true(fake_assign(&r->kafka, 1, 1));
    AWAIT(running_published(r, 1));
    set_away(r, true);
    for (int user = 0; user < CROWD; user++) {
        (void)running_event(r, FOOD, 0, user, user % 10);
    }
    AWAIT((int)metric_sum(M_EVENTS) == r->n_events);
    AWAIT(metric_value(M_DIRTY, 0) > 0.0 && metric_value(M_DIRTY, 0) < CROWD);
    const uint64_t ahead = (uint64_t)running_wall_ms() / 1000 + 1000000;
    write_as_another(r, 0, ahead, true);
    assert_true(fake_revoke(&r->kafka, false));
    pthread_mutex_lock(&r->kafka.lock);
    r->kafka.committed_refusals = 200; /* it stays in state restoring for a while */
    pthread_mutex_unlock(&r->kafka.lock);
    assert_true(fake_assign(&r->kafka, 1, 1));
    set_away(r, false);
    AWAIT(running_published(r, 1) && published(r, 0).epoch > ahead);
    for (int user = 0; user < CROWD; user += 50) {
        assert_true(running_list(r, FOOD, 0, user).writes > 0);
    }
    for (int user = 0; user < USERS; user++) {
        assert_true(running_list(r, FOOD, 0, user).epoch > ahead);
    }
    assert_int_equal(running_stop(r), ST_OK);
}

/* ---- when lists are made ---------------------------------------------------------------- */

static void a_task_with_a_crowd_does_not_keep_the_others_waiting(void **state) {
    enum { CROWD = 5000 };
    struct running *r = make(state, 2);
    r->cfg.domains[COURSE].target = false;
    running_start(r);
    assert_true(fake_assign(&r->kafka, 2, 2));
    AWAIT(published(r, 1).writes > 0);
    set_away(r, true);
    for (int user = 0; user < CROWD; user++) {
        (void)running_event(r, FOOD, 0, user, user % 10);
    }
    AWAIT((int)metric_sum(M_EVENTS) == r->n_events);
    AWAIT(metric_value(M_DIRTY, 0) > 0.0 && metric_value(M_DIRTY, 0) < 1000.0);
    (void)running_event(r, FOOD, 1, 0, 1);
    AWAIT((int)metric_sum(M_EVENTS) == r->n_events);
    AWAIT(metric_value(M_CATCH_UP, 0) == 0.0); /* judged, although nobody is ranked */
    set_away(r, false);
    AWAIT(running_published(r, 2));
    const int order = running_list(r, FOOD, 1, 0).order;
    assert_true(order > 0);
    assert_true(order < CROWD);
    assert_int_equal(running_stop(r), ST_OK);
}

/* Of one task and one target. */
static struct running *start_with_interval(void **state, int64_t interval_ms) {
    struct running *r = make(state, 1);
    r->cfg.domains[COURSE].target = false;
    r->cfg.publish_interval_ms = interval_ms;
    running_start(r);
    assert_true(fake_assign(&r->kafka, 1, 1));
    AWAIT(published(r, 0).writes > 0);
    return r;
}

/* However long it takes: who has news meanwhile waits for an interval, if his last burst began less
 * than one ago; and whoever waited for one may be due at once after it. */
static void a_user_is_ranked_twice_an_interval_at_most(void **state) {
    enum { CROWD = 1000, EVENTS = 60000, INTERVAL_MS = 200 };
    struct running *r = start_with_interval(state, INTERVAL_MS);
    const int64_t start_ms = running_wall_ms();
    for (int e = 0; e < EVENTS; e++) {
        (void)running_event(r, FOOD, 0, e % CROWD, e / CROWD % 10);
    }
    AWAIT(running_published(r, 1));
    const int64_t times = (running_wall_ms() - start_ms) / (INTERVAL_MS / 2) + 2;
    assert_true(metric_sum(M_RANKED) >= CROWD);
    assert_true(metric_sum(M_RANKED) <= (double)(CROWD * times));
    assert_int_equal(running_stop(r), ST_OK);
}

static void what_a_user_does_in_a_burst_makes_one_list(void **state) {
    enum { INTERVAL_MS = 1000, EVENTS = 8 };
    struct running *r = start_with_interval(state, INTERVAL_MS);
    const int64_t start_ms = running_wall_ms();
    for (int e = 0; e < EVENTS; e++) {
        (void)running_event(r, FOOD, 0, 0, e);
        AWAIT((int)metric_sum(M_EVENTS) == e + 1);
    }
    assert_true(running_wall_ms() - start_ms < INTERVAL_MS); /* else it was none */
    AWAIT(running_published(r, 1));
    assert_int_equal((int)metric_sum(M_RANKED), 1);
    assert_true(running_wall_ms() - start_ms >= INTERVAL_MS);
    assert_int_equal(running_stop(r), ST_OK);
}

static void nobody_waits_for_more_where_nobody_does_more(void **state) {
    enum { INTERVAL_MS = 10000, CROWD = 80, WAIT = 49 /* as bursts.h guesses */ };
    struct running *r = start_with_interval(state, INTERVAL_MS);
    const int64_t start_ms = running_wall_ms();
    for (int u = 0; u < CROWD; u++) {
        (void)running_event(r, FOOD, 0, u, u % 10);
    }
    AWAIT((int)metric_sum(M_EVENTS) == CROWD);
    AWAIT((int)metric_sum(M_RANKED) == CROWD - WAIT);
    AWAIT(running_list(r, FOOD, 0, CROWD - 1).order > 0);
    assert_true(running_list(r, FOOD, 0, 0).order <= 0);
    assert_true(running_wall_ms() - start_ms < INTERVAL_MS); /* before anybody has waited */
    assert_int_equal(running_stop(r), ST_OK);
    assert_int_equal((int)metric_sum(M_RANKED), CROWD);
}

static void an_unchanged_list_that_has_expired_is_written_again(void **state) {
    struct running *r = make(state, 1);
    r->cfg.publish_ttl_ms = 1000;
    r->cfg.publish_refresh_ms = 3600000;
    (void)running_event(r, FOOD, 0, 0, 0);
    running_start(r);
    assert_true(fake_assign(&r->kafka, 1, 1));
    AWAIT(running_published(r, 1));
    (void)running_event(r, FOOD, 0, 0, 0); /* now the list is what it will stay */
    AWAIT(running_published(r, 1));
    running_nap_ms(1100);
    const struct fake_key before = running_list(r, FOOD, 0, 0);
    (void)running_event(r, FOOD, 0, 0, 0);
    AWAIT(running_published(r, 1));
    const struct fake_key after = running_list(r, FOOD, 0, 0);
    assert_int_equal(after.writes, before.writes + 1);
    assert_int_equal(after.touches, before.touches);
    assert_int_equal(running_stop(r), ST_OK);
}

static void a_list_is_written_once_in_every_epoch_of_its_task(void **state) {
    struct running *r = make(state, 1);
    (void)running_event(r, FOOD, 0, 0, 0);
    (void)running_event(r, FOOD, 0, 0, 0); /* now the list is what it will stay */
    running_start(r);
    assert_true(fake_assign(&r->kafka, 1, 1));
    AWAIT(running_published(r, 1));
    struct fake_key before = running_list(r, FOOD, 0, 0);
    (void)running_event(r, FOOD, 0, 0, 0);
    AWAIT(running_published(r, 1));
    assert_int_equal(running_list(r, FOOD, 0, 0).writes, before.writes); /* it did not change */
    assert_true(fake_assign(&r->kafka, 1, 1));
    (void)running_event(r, FOOD, 0, 0, 0);
    AWAIT(running_published(r, 1));
    assert_int_equal(running_list(r, FOOD, 0, 0).writes, before.writes + 1);
    assert_true(running_list(r, FOOD, 0, 0).epoch > before.epoch);
    assert_int_equal(running_stop(r), ST_OK);
}

static void an_event_after_a_quiet_hour_is_no_lag(void **state) {
    struct running *r = make(state, 1);
    r->cfg.merge_max_wait_ms = 600;
    (void)running_event_at(r, FOOD, 0, 0, 0, running_wall_ms() - 3600000);
    running_start(r);
    assert_true(fake_assign(&r->kafka, 1, 1));
    AWAIT(running_published(r, 1));
    AWAIT(instance_settled(r->instance));
    pthread_mutex_lock(&r->kafka.lock);
    r->kafka.parts[COURSE].known_end = 1; /* on its way: the merge waits for it */
    pthread_mutex_unlock(&r->kafka.lock);
    (void)running_event(r, FOOD, 0, 0, 1);
    for (int ms = 0; ms < 500; ms++) {
        assert_true(metric_value(M_CATCH_UP, 0) == 0.0);
        assert_true(metric_value(M_LAG_SECONDS, 0) < 60.0);
        running_nap_ms(1);
    }
    AWAIT(running_published(r, 1));
    assert_int_equal(running_stop(r), ST_OK);
}

static void before_the_first_event_no_time_is_negative(void **state) {
    struct running *r = make(state, 1);
    running_start(r);
    assert_true(fake_assign(&r->kafka, 1, 1));
    AWAIT(published(r, 0).writes > 0);
    AWAIT(fake_get(&r->store, "crossrec:food:fallback").writes > 0);
    assert_null(strstr(published(r, 0).value, "\"ts\":-"));
    assert_null(strstr(fake_get(&r->store, "crossrec:food:fallback").value, "\"ts\":-"));
    assert_int_equal(running_stop(r), ST_OK);
}

static void a_refresh_ranks_whoever_lives_and_is_counted(void **state) {
    struct running *r = make(state, TASKS);
    start_with_lists(r, TASKS);
    AWAIT(instance_settled(r->instance));
    const double ranked = metric_sum(M_RANKED);
    const uint64_t sweeps = instance_sweeps(r->instance);
    instance_refresh(r->instance);
    AWAIT(instance_sweeps(r->instance) == sweeps + 1);
    assert_true(metric_sum(M_RANKED) >= ranked + 2.0 * TASKS * USERS);
    assert_int_equal(running_stop(r), ST_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_teardown(name, teardown)
        TEST(without_redis_it_learns_and_publishes_later),
        TEST(published_comes_back_after_the_lists_and_not_before),
        TEST(an_event_during_a_republication_does_not_announce_it_early),
        TEST(what_is_lost_while_a_task_catches_up_is_written_afterwards),
        TEST(a_stop_does_not_wait_for_a_republication),
        TEST(a_newer_epoch_in_redis_is_answered_by_a_newer_one),
        TEST(a_newer_epoch_stands_until_a_commit_says_whose_the_task_is),
        TEST(a_commit_of_what_was_sealed_before_says_nothing),
        TEST(a_newer_epoch_is_answered_in_a_quiet_stream),
        TEST(an_epoch_that_becomes_known_late_loses_no_list),
        TEST(lists_of_another_owner_are_replaced_when_a_parked_task_comes_back),
        TEST(a_full_queue_at_the_takeover_loses_no_list),
        TEST(a_task_with_a_crowd_does_not_keep_the_others_waiting),
        TEST(a_user_is_ranked_twice_an_interval_at_most),
        TEST(what_a_user_does_in_a_burst_makes_one_list),
        TEST(nobody_waits_for_more_where_nobody_does_more),
        TEST(an_unchanged_list_that_has_expired_is_written_again),
        TEST(a_list_is_written_once_in_every_epoch_of_its_task),
        TEST(an_event_after_a_quiet_hour_is_no_lag),
        TEST(before_the_first_event_no_time_is_negative),
        TEST(a_refresh_ranks_whoever_lives_and_is_counted),
#undef TEST
    };
    return cmocka_run_group_tests_name("instance_publish", tests, NULL, NULL);
}
