/* SPDX-License-Identifier: Apache-2.0
 *
 * test_instance_durable.c -- contract tests of consumer/instance.h with state = kafka: events go
 * through all of it, while transactions end in every way, tasks move, and instances come and go; in
 * the end the topics say of each event that it was learned exactly once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "durable.h"
#include "hash.h"
#include "instance_state.h"
#include "metrics.h"
#include "running.h"

static struct durable_world *make(void **state, bool checkpoints) {
    struct durable_world *w = durable_new(20261126, checkpoints);
    *state = w;
    return w;
}

static int teardown(void **state) {
    durable_free(*state);
    *state = NULL;
    return 0;
}

static struct rng rng_of(uint64_t seed) {
    return (struct rng){.state = seed};
}

/* Tasks 0 and 1 to the one, task 2 to the other. */
static void start_two(struct durable_world *w) {
    durable_start(w, 0);
    durable_start(w, 1);
    assert_true(group_assign(&w->group, 0, 3));
    assert_true(group_assign(&w->group, 1, 4));
}

/* ---- in peace -------------------------------------------------------------------------- */

static void what_was_learned_is_in_the_topics_exactly_once(void **state) {
    struct durable_world *w = make(state, false);
    struct rng rng = rng_of(1);
    durable_events(w, &rng, 300);
    durable_bad(w, COURSE, 1);
    durable_start(w, 0);
    assert_true(group_assign(&w->group, 0, ALL_TASKS));
    durable_await(w);
    durable_events(w, &rng, 100);
    durable_bad(w, FOOD, 1);
    durable_await(w);
    assert_int_equal(durable_stop(w, 0), ST_OK);
    durable_check(w);
}

static void an_instance_that_starts_goes_on_where_the_last_one_ended(void **state) {
    struct durable_world *w = make(state, false);
    struct rng rng = rng_of(2);
    for (int k = 0; k < 4; k++) {
        durable_events(w, &rng, 50);
        durable_start(w, k % 2);
        assert_true(group_assign(&w->group, k % 2, ALL_TASKS));
        durable_await(w);
        assert_int_equal(durable_stop(w, k % 2), ST_OK);
    }
    durable_check(w);
}

static void a_task_that_comes_back_reads_only_what_was_written_since(void **state) {
    struct durable_world *w = make(state, false);
    struct rng rng = rng_of(3);
    durable_events(w, &rng, 500);
    durable_start(w, 0);
    assert_true(group_assign(&w->group, 0, ALL_TASKS));
    durable_await(w);
    assert_true(group_revoke(&w->group, 0));
    const double before = metric_value(M_RESTORED, 0);
    assert_true(group_assign(&w->group, 0, ALL_TASKS));
    durable_events(w, &rng, 10);
    durable_await(w);
    assert_true(metric_value(M_RESTORED, 0) - before <= DURABLE_TASKS * (1 + 10));
    assert_int_equal(durable_stop(w, 0), ST_OK);
    durable_check(w);
}

static void tasks_move_between_two_instances(void **state) {
    struct durable_world *w = make(state, false);
    struct rng rng = rng_of(4);
    durable_start(w, 0);
    durable_start(w, 1);
    for (unsigned k = 0; k < 12; k++) {
        durable_events(w, &rng, 40);
        const unsigned mine = rng_below(&rng, ALL_TASKS + 1);
        assert_true(group_revoke(&w->group, 0));
        assert_true(group_revoke(&w->group, 1));
        assert_true(group_assign(&w->group, 0, mine));
        assert_true(group_assign(&w->group, 1, ALL_TASKS & ~mine));
        running_nap_ms((int)rng_below(&rng, 60));
    }
    durable_await(w);
    assert_int_equal(durable_stop(w, 0), ST_OK);
    assert_int_equal(durable_stop(w, 1), ST_OK);
    durable_check(w);
}

/* History that is read faster than it happened is not learned by each for himself. */
static void a_day_of_the_stream_is_committed_at_once_beside_others_only(void **state) {
    struct durable_world *w = make(state, false);
    struct rng rng = rng_of(41);
    w->cfg.commit_interval_ms = 60000;
    start_two(w);
    for (int day = 0; day < 20; day++) {
        w->now_ms += INT64_C(2) * 86400000;
        durable_events(w, &rng, 6);
        durable_event(w, COURSE, 0, 1, day);
        durable_event(w, COURSE, 2, 1, day);
        running_nap_ms(30);
    }
    AWAIT(group_committed(&w->group) + 16 >= w->n_lines); /* but for the last day's */
    AWAIT((int)metric_sum(M_EVENTS) >= w->n_lines);
    assert_int_equal(durable_stop(w, 1), ST_OK);
    assert_true(group_assign(&w->group, 0, ALL_TASKS));
    durable_await(w);
    const int alone = group_committed(&w->group);
    w->now_ms += INT64_C(2) * 86400000;
    durable_events(w, &rng, 6);
    running_nap_ms(300);
    assert_int_equal(group_committed(&w->group), alone);
    assert_int_equal(durable_stop(w, 0), ST_OK);
    durable_check(w);
}

/* ---- transactions ---------------------------------------------------------------------- */

static void transactions_end_in_every_way_and_nothing_is_lost_or_doubled(void **state) {
    struct durable_world *w = make(state, false);
    struct rng rng = rng_of(5);
    durable_start(w, 0);
    assert_true(group_assign(&w->group, 0, ALL_TASKS));
    for (int fault = 1; fault < GROUP_FAULTS; fault++) {
        for (int times = 1; times <= 2; times++) {
            group_fail(&w->group, 0, (enum group_fault)fault, times);
            durable_events(w, &rng, 20);
            durable_bad(w, COURSE, fault % DURABLE_TASKS);
            durable_await(w);
        }
    }
    assert_int_equal(durable_stop(w, 0), ST_OK);
    durable_check(w);
}

static void an_assignment_that_is_lost_between_seal_and_commit_is_taken_back(void **state) {
    struct durable_world *w = make(state, false);
    struct rng rng = rng_of(6);
    durable_start(w, 0);
    assert_true(group_assign(&w->group, 0, ALL_TASKS));
    durable_events(w, &rng, 50);
    durable_await(w);
    w->group.members[0].slow_ms = 500;
    durable_events(w, &rng, 50);
    AWAIT(group_in_transaction(&w->group, 0));
    group_throw(&w->group, 0); /* the commit on its way is refused */
    assert_true(group_lose(&w->group, 0));
    w->group.members[0].slow_ms = 0;
    assert_true(group_assign(&w->group, 0, ALL_TASKS));
    durable_await(w);
    assert_true(metric_value(M_UNDONE, 0) > 0.0);
    assert_int_equal(durable_stop(w, 0), ST_OK);
    durable_check(w);
}

static void a_revocation_during_a_commit_waits_for_it(void **state) {
    struct durable_world *w = make(state, false);
    struct rng rng = rng_of(7);
    durable_start(w, 0);
    durable_start(w, 1);
    for (int fault = 0; fault < GROUP_FAULTS; fault++) {
        assert_true(group_assign(&w->group, 0, ALL_TASKS));
        durable_await(w);
        w->group.members[0].slow_ms = 150;
        group_fail(&w->group, 0, (enum group_fault)fault, fault > 0);
        durable_events(w, &rng, 30);
        running_nap_ms(80);
        assert_true(group_revoke(&w->group, 0));
        w->group.members[0].slow_ms = 0;
        assert_true(group_assign(&w->group, 1, ALL_TASKS));
        durable_await(w);
        assert_true(group_revoke(&w->group, 1));
    }
    assert_int_equal(durable_stop(w, 0), ST_OK);
    assert_int_equal(durable_stop(w, 1), ST_OK);
    durable_check(w);
}

static void an_answer_that_comes_after_the_revocation_changes_nothing(void **state) {
    struct durable_world *w = make(state, false);
    struct rng rng = rng_of(8);
    durable_start(w, 0);
    assert_true(group_assign(&w->group, 0, ALL_TASKS));
    durable_events(w, &rng, 60);
    durable_await(w);
    w->group.members[0].slow_ms = 6000; /* a revocation waits for 5 s */
    durable_events(w, &rng, 60);
    running_nap_ms(60);
    assert_true(group_revoke(&w->group, 0));
    w->group.members[0].slow_ms = 0;
    assert_true(group_assign(&w->group, 0, ALL_TASKS));
    durable_events(w, &rng, 60);
    durable_await(w);
    assert_int_equal(durable_stop(w, 0), ST_OK);
    durable_check(w);
}

static void another_process_with_its_name_ends_it_and_nothing_more_is_committed(void **state) {
    struct durable_world *w = make(state, true);
    struct rng rng = rng_of(9);
    durable_start(w, 0);
    assert_true(group_assign(&w->group, 0, ALL_TASKS));
    durable_events(w, &rng, 60);
    durable_await(w);
    group_fail(&w->group, 0, GROUP_FENCED, 1);
    durable_events(w, &rng, 60);
    assert_int_equal(durable_join(w, 0), ST_FENCED);
    assert_non_null(strstr(w->slots[0].err, "instance.id"));
    durable_start(w, 0);
    assert_true(group_assign(&w->group, 0, ALL_TASKS));
    durable_await(w);
    assert_int_equal(durable_stop(w, 0), ST_OK);
    durable_check(w);
}

/* ---- brokers that are away ----------------------------------------------------------------- */

static void brokers_that_are_away_while_tasks_are_restored_are_waited_for(void **state) {
    struct durable_world *w = make(state, false);
    struct rng rng = rng_of(10);
    char why[WHY_MAX];
    durable_events(w, &rng, 200);
    durable_start(w, 0);
    assert_true(group_assign(&w->group, 0, ALL_TASKS));
    durable_await(w);
    assert_int_equal(durable_stop(w, 0), ST_OK);
    durable_events(w, &rng, 20);
    durable_start(w, 1);
    AWAIT(group_joined(&w->group, 1)); /* not before the options of the others are known */
    w->logs.away = true;
    assert_true(group_assign(&w->group, 1, ALL_TASKS));
    running_nap_ms(300);
    AWAIT(!instance_ready(w->slots[1].instance, why, sizeof why) && strstr(why, "restoring 3"));
    w->logs.away = false;
    w->logs.chance = 3;
    durable_await(w);
    w->logs.chance = 0;
    assert_int_equal(durable_stop(w, 1), ST_OK);
    durable_check(w);
}

static void tasks_that_are_taken_away_while_they_are_restored_can_come_back(void **state) {
    struct durable_world *w = make(state, true);
    struct rng rng = rng_of(11);
    durable_events(w, &rng, 400);
    durable_start(w, 0);
    assert_true(group_assign(&w->group, 0, ALL_TASKS));
    durable_await(w);
    assert_int_equal(durable_stop(w, 0), ST_OK);
    w->logs.at_most = 3; /* a slow restore */
    durable_start(w, 1);
    for (int k = 0; k < 10; k++) {
        durable_events(w, &rng, 5);
        assert_true(group_assign(&w->group, 1, 1 + rng_below(&rng, ALL_TASKS)));
        running_nap_ms((int)rng_below(&rng, 40));
        assert_true(rng_below(&rng, 2) ? group_lose(&w->group, 1) : group_revoke(&w->group, 1));
    }
    w->logs.at_most = 0;
    assert_true(group_assign(&w->group, 1, ALL_TASKS));
    durable_await(w);
    assert_int_equal(durable_stop(w, 1), ST_OK);
    durable_check(w);
}

/* ---- topics that are not what they were ------------------------------------------------------ */

static void expect_end(struct durable_world *w, int slot, const char *a, const char *b) {
    assert_int_equal(durable_join(w, slot), ST_INVALID);
    if (!strstr(w->slots[slot].err, a) || !strstr(w->slots[slot].err, b)) {
        fail_msg("%s", w->slots[slot].err);
    }
}

static void an_emptied_changelog_ends_it_with_the_command_to_type(void **state) {
    struct durable_world *w = make(state, false);
    struct rng rng = rng_of(12);
    durable_events(w, &rng, 50);
    durable_start(w, 0);
    assert_true(group_assign(&w->group, 0, ALL_TASKS));
    durable_await(w);
    assert_int_equal(durable_stop(w, 0), ST_OK);
    fake_logs_make(&w->logs, w->cfg.state_topic, DURABLE_TASKS);
    durable_start(w, 0);
    assert_true(group_assign(&w->group, 0, ALL_TASKS));
    expect_end(w, 0, "was recreated or emptied", "crossrec topic reset crossrec-state --rebuild");
}

static void a_recreated_changelog_is_noticed_by_who_has_the_task_in_memory(void **state) {
    struct durable_world *w = make(state, false);
    struct rng rng = rng_of(13);
    durable_events(w, &rng, 50);
    durable_start(w, 0);
    assert_true(group_assign(&w->group, 0, ALL_TASKS));
    durable_await(w);
    assert_true(group_revoke(&w->group, 0));
    fake_logs_make(&w->logs, w->cfg.state_topic, DURABLE_TASKS);
    assert_true(group_assign(&w->group, 0, ALL_TASKS));
    expect_end(w, 0, "the topic was recreated", "crossrec topic reset crossrec-state --rebuild");
}

static void a_recreated_input_topic_ends_it_with_the_commands_to_type(void **state) {
    struct durable_world *w = make(state, false);
    struct rng rng = rng_of(14);
    durable_events(w, &rng, 50);
    durable_start(w, 0);
    assert_true(group_assign(&w->group, 0, ALL_TASKS));
    durable_await(w);
    assert_int_equal(durable_stop(w, 0), ST_OK);
    fake_logs_make(&w->logs, w->inputs[FOOD], DURABLE_TASKS);
    durable_start(w, 0);
    assert_true(group_assign(&w->group, 0, ALL_TASKS));
    expect_end(w, 0, "crossrec topic reset food-orders --continue", "--rebuild");
}

static void retention_that_passed_events_that_were_not_learned_ends_it(void **state) {
    struct durable_world *w = make(state, false);
    struct rng rng = rng_of(15);
    durable_events(w, &rng, 50);
    durable_start(w, 0);
    assert_true(group_assign(&w->group, 0, ALL_TASKS));
    durable_await(w);
    assert_int_equal(durable_stop(w, 0), ST_OK);
    durable_events(w, &rng, 50);
    fake_logs_trim(&w->logs, w->inputs[COURSE], 1, -1);
    durable_start(w, 0);
    assert_true(group_assign(&w->group, 0, ALL_TASKS));
    expect_end(w, 0, "retention has passed", "crossrec topic reset course-views --continue");
}

static void a_damaged_record_of_the_changelog_ends_it_and_says_where(void **state) {
    struct durable_world *w = make(state, false);
    struct rng rng = rng_of(16);
    durable_events(w, &rng, 50);
    durable_start(w, 0);
    assert_true(group_assign(&w->group, 0, ALL_TASKS));
    durable_await(w);
    assert_int_equal(durable_stop(w, 0), ST_OK);
    struct fake_log_part *p = fake_logs_part(&w->logs, w->cfg.state_topic, 2);
    int64_t k = 0;
    while (p->records[k].state != FAKE_COMMITTED || p->records[k].key_len != STATE_KEY_USER_LEN) {
        k++;
    }
    p->records[k].value[p->records[k].value_len / 2] ^= 4;
    char where[64];
    snprintf(where, sizeof where, "crossrec-state partition 2 offset %d is damaged", (int)k);
    durable_start(w, 0);
    assert_true(group_assign(&w->group, 0, ALL_TASKS));
    expect_end(w, 0, where, "--rebuild");
}

/* ---- people -------------------------------------------------------------------------- */

static void whoever_is_erased_is_gone_from_the_changelog(void **state) {
    struct durable_world *w = make(state, false);
    durable_start(w, 0);
    assert_true(group_assign(&w->group, 0, ALL_TASKS));
    for (int user = 0; user < 4; user++) {
        durable_event(w, COURSE, 1, user, user);
        durable_event(w, FOOD, 1, user, user);
    }
    durable_await(w);
    assert_true(durable_knows(w, 1, 2) && durable_knows(w, 1, 3));
    durable_erase(w, 1, 2);
    AWAIT(!durable_knows(w, 1, 2));
    durable_erase(w, 1, 3);
    durable_event(w, FOOD, 1, 3, 5); /* he begins anew */
    durable_await(w);
    AWAIT(durable_knows(w, 1, 3) && !durable_knows(w, 1, 2));
    assert_int_equal(durable_stop(w, 0), ST_OK);
    durable_check(w);
}

static void whoever_is_erased_while_nobody_runs_is_gone_soon_after(void **state) {
    struct durable_world *w = make(state, true);
    for (int round = 0; round < 2; round++) {
        durable_start(w, 0);
        assert_true(group_assign(&w->group, 0, ALL_TASKS));
        for (int user = 0; user < 3; user++) {
            durable_event(w, COURSE, 0, user, user);
        }
        durable_await(w);
        assert_int_equal(durable_stop(w, 0), ST_OK);
        assert_true(durable_knows(w, 0, 1));
        durable_erase(w, 0, 1);
        durable_start(w, 1);
        assert_true(group_assign(&w->group, 1, ALL_TASKS));
        AWAIT(!durable_knows(w, 0, 1));
        assert_int_equal(durable_stop(w, 1), ST_OK);
    }
    durable_check(w);
}

/* The request was read late: he had gone on. */
static void whoever_has_anything_from_before_his_erasure_is_gone(void **state) {
    struct durable_world *w = make(state, false);
    durable_event(w, COURSE, 0, 1, 1);
    const int64_t then_ms = w->now_ms;
    durable_event(w, COURSE, 0, 1, 2);
    durable_start(w, 0);
    assert_true(group_assign(&w->group, 0, ALL_TASKS));
    durable_await(w);
    assert_int_equal(durable_stop(w, 0), ST_OK);
    w->now_ms = then_ms;
    durable_erase(w, 0, 1);
    durable_start(w, 1);
    assert_true(group_assign(&w->group, 1, ALL_TASKS));
    AWAIT(!durable_knows(w, 0, 1));
    assert_int_equal(durable_stop(w, 1), ST_OK);
}

static void a_tombstone_whose_batch_is_taken_back_comes_again(void **state) {
    struct durable_world *w = make(state, false);
    durable_start(w, 0);
    assert_true(group_assign(&w->group, 0, ALL_TASKS));
    durable_event(w, COURSE, 0, 1, 1);
    durable_event(w, COURSE, 0, 2, 1);
    durable_await(w);
    assert_true(group_revoke(&w->group, 0)); /* what is in memory now is not read again */
    assert_true(group_assign(&w->group, 0, ALL_TASKS));
    durable_event(w, COURSE, 0, 2, 2);
    durable_await(w);
    w->group.members[0].slow_ms = 100;
    group_throw(&w->group, 0);
    durable_erase(w, 0, 1);
    running_nap_ms(250);
    assert_true(group_lose(&w->group, 0));
    w->group.members[0].slow_ms = 0;
    assert_true(durable_knows(w, 0, 1));
    assert_true(group_assign(&w->group, 0, ALL_TASKS));
    AWAIT(!durable_knows(w, 0, 1));
    assert_int_equal(durable_stop(w, 0), ST_OK);
    durable_check(w);
}

/* ---- the shared model -------------------------------------------------------------------- */

static void events_that_jump_by_years_wait_for_a_landmark_and_go_on(void **state) {
    struct durable_world *w = make(state, false);
    struct rng rng = rng_of(17);
    durable_start(w, 0);
    assert_true(group_assign(&w->group, 0, ALL_TASKS));
    for (int k = 0; k < 3; k++) {
        durable_events(w, &rng, 30);
        durable_await(w);
        w->now_ms += INT64_C(5) * 365 * 86400000;
    }
    durable_events(w, &rng, 30);
    durable_await(w);
    assert_int_equal(durable_stop(w, 0), ST_OK);
    durable_check(w);
}

static void other_options_than_the_models_end_it_and_name_the_option(void **state) {
    struct durable_world *w = make(state, false);
    struct rng rng = rng_of(18);
    durable_events(w, &rng, 30);
    durable_start(w, 0);
    assert_true(group_assign(&w->group, 0, ALL_TASKS));
    durable_await(w);
    assert_int_equal(durable_stop(w, 0), ST_OK);
    w->cfg.seed++;
    durable_start(w, 0);
    assert_int_equal(durable_join(w, 0), ST_INVALID);
    assert_non_null(strstr(w->slots[0].err, "learn.seed = "));
    assert_false(w->group.members[0].joined); /* nobody was disturbed */
    w->cfg.seed--;
}

/* ---- cut off ---------------------------------------------------------------------------- */

enum { SWEPT_AT = 1000 }; /* records of the model's log, until a snapshot is written */

/* From where on the log is needed, as the last complete sweep says; 0: there was none. */
static int64_t log_needed(struct durable_world *w) {
    const int64_t n = fake_logs_high(&w->logs, w->cfg.items_topic, 0);
    uint8_t low_key[MODEL_KEY_BYTES];
    uint8_t mark_key[MODEL_KEY_BYTES];
    int64_t low = 0;
    int64_t mark = 0;
    model_key_low(low_key);
    model_key_mark(mark_key);
    for (int64_t k = 0; k < n; k++) {
        struct fake_record r;
        int64_t first = 0;
        enum state_kind kind;
        const uint8_t *body = NULL;
        size_t len = 0;
        if (!fake_logs_at(&w->logs, w->cfg.items_topic, 0, k, &r, &first) ||
            r.state != FAKE_COMMITTED || r.key_len != sizeof low_key) {
            continue;
        }
        assert_int_equal(state_record_open(r.value, r.value_len, &kind, &body, &len), ST_OK);
        if (memcmp(r.key, low_key, sizeof low_key) == 0) {
            struct unpack u = {.at = body, .end = body + len};
            low = (int64_t)unpack_at_most(&u, INT64_MAX);
        } else if (memcmp(r.key, mark_key, sizeof mark_key) == 0) {
            mark = 0;
            for (int b = 0; b < 8; b++) {
                mark = mark << 8 | body[b];
            }
        }
    }
    return mark < low ? mark : low;
}

static void whoever_was_cut_off_until_the_models_log_was_trimmed_begins_anew(void **state) {
    struct durable_world *w = make(state, false);
    struct rng rng = rng_of(21);
    w->cfg.commit_interval_ms = 1;
    start_two(w);
    durable_events(w, &rng, 30);
    durable_await(w);
    atomic_store(&w->slots[1].model.silent, true);
    while (fake_logs_high(&w->logs, w->cfg.model_topic, 0) < SWEPT_AT || log_needed(w) == 0) {
        assert_true(w->n_lines < DURABLE_LINES - 200);
        durable_events(w, &rng, 2);
        running_nap_ms(2);
    }
    durable_await(w);
    fake_logs_trim(&w->logs, w->cfg.model_topic, 0, log_needed(w));
    atomic_store(&w->slots[1].model.silent, false);
    assert_int_equal(durable_join(w, 1), ST_LOST);
    assert_non_null(strstr(w->slots[1].err, "begins anew"));
    durable_start(w, 1); /* as run.c does */
    assert_true(group_assign(&w->group, 1, 4));
    durable_events(w, &rng, 60);
    durable_await(w);
    assert_int_equal(durable_stop(w, 0), ST_OK);
    assert_int_equal(durable_stop(w, 1), ST_OK);
    durable_check(w);
}

/* ---- at random ----------------------------------------------------------------------- */

struct drama {
    struct durable_world *w;
    struct rng rng;
    unsigned has[GROUP_MEMBERS];
};

static void ensure(struct drama *d, int slot) {
    if (!d->w->slots[slot].runs) {
        durable_start(d->w, slot);
        d->w->group.members[slot].chance = 6;
    }
}

/* Tasks of one go to the other, in whatever way. */
static void move(struct drama *d) {
    const unsigned first = rng_below(&d->rng, ALL_TASKS + 1);
    const unsigned share[GROUP_MEMBERS] = {first, ALL_TASKS & ~first};
    for (int k = 0; k < GROUP_MEMBERS; k++) {
        if (!d->w->slots[k].runs) {
            continue;
        }
        const uint32_t how = rng_below(&d->rng, 3);
        if (how == 0) {
            group_throw(&d->w->group, k);
            running_nap_ms((int)rng_below(&d->rng, 30));
        }
        assert_true(how < 2 ? group_lose(&d->w->group, k) : group_revoke(&d->w->group, k));
    }
    for (int k = 0; k < GROUP_MEMBERS; k++) {
        ensure(d, k);
        assert_true(group_assign(&d->w->group, k, share[k]));
        d->has[k] = share[k];
    }
}

static void step(struct drama *d) {
    const uint32_t what = rng_below(&d->rng, 8);
    const int slot = (int)rng_below(&d->rng, GROUP_MEMBERS);
    durable_events(d->w, &d->rng, (int)rng_below(&d->rng, 25));
    if (rng_below(&d->rng, 3) == 0) {
        durable_bad(d->w, (int)rng_below(&d->rng, 2), (int32_t)rng_below(&d->rng, DURABLE_TASKS));
    }
    if (what == 0 && d->w->slots[slot].runs) {
        durable_kill(d->w, slot);
        move(d);
    } else if (what == 1 && d->w->slots[slot].runs) {
        d->w->group.members[slot].chance = 0;
        assert_int_equal(durable_stop(d->w, slot), ST_OK);
        move(d);
    } else if (what < 4) {
        move(d);
    } else if (what == 4 && d->w->n_rows < DURABLE_ROWS) {
        durable_erase(d->w, (int32_t)rng_below(&d->rng, DURABLE_TASKS),
                      (int)rng_below(&d->rng, DURABLE_USERS));
        for (int k = 0; k < GROUP_MEMBERS; k++) { /* what he does from now on stays */
            AWAIT(!d->w->slots[k].runs || durable_reads_rows(d->w, k));
        }
    }
    running_nap_ms((int)rng_below(&d->rng, 50));
}

static void whatever_happens_each_event_is_learned_once(void **state) {
    const char *given = getenv("DURABLE_SEED");
    const uint64_t seed = given ? strtoull(given, NULL, 10) : 20261126;
    for (uint64_t k = 0; k < 4; k++) {
        struct drama d = {.w = durable_new(seed + k, k % 2 > 0), .rng = {.state = seed + k}};
        *state = d.w;
        print_message("seed %llu\n", (unsigned long long)(seed + k));
        move(&d);
        for (int n = 0; n < 30; n++) {
            step(&d);
        }
        for (int m = 0; m < GROUP_MEMBERS; m++) {
            d.w->group.members[m].chance = 0;
        }
        durable_await(d.w);
        for (int m = 0; m < GROUP_MEMBERS; m++) {
            if (d.w->slots[m].runs) {
                assert_int_equal(durable_stop(d.w, m), ST_OK);
            }
        }
        durable_check(d.w);
        durable_free(d.w);
        *state = NULL;
    }
}

#define TEST(f) cmocka_unit_test_teardown(f, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_was_learned_is_in_the_topics_exactly_once),
        TEST(an_instance_that_starts_goes_on_where_the_last_one_ended),
        TEST(a_task_that_comes_back_reads_only_what_was_written_since),
        TEST(tasks_move_between_two_instances),
        TEST(a_day_of_the_stream_is_committed_at_once_beside_others_only),
        TEST(transactions_end_in_every_way_and_nothing_is_lost_or_doubled),
        TEST(an_assignment_that_is_lost_between_seal_and_commit_is_taken_back),
        TEST(a_revocation_during_a_commit_waits_for_it),
        TEST(an_answer_that_comes_after_the_revocation_changes_nothing),
        TEST(another_process_with_its_name_ends_it_and_nothing_more_is_committed),
        TEST(brokers_that_are_away_while_tasks_are_restored_are_waited_for),
        TEST(tasks_that_are_taken_away_while_they_are_restored_can_come_back),
        TEST(an_emptied_changelog_ends_it_with_the_command_to_type),
        TEST(a_recreated_changelog_is_noticed_by_who_has_the_task_in_memory),
        TEST(a_recreated_input_topic_ends_it_with_the_commands_to_type),
        TEST(retention_that_passed_events_that_were_not_learned_ends_it),
        TEST(a_damaged_record_of_the_changelog_ends_it_and_says_where),
        TEST(whoever_is_erased_is_gone_from_the_changelog),
        TEST(whoever_is_erased_while_nobody_runs_is_gone_soon_after),
        TEST(whoever_has_anything_from_before_his_erasure_is_gone),
        TEST(a_tombstone_whose_batch_is_taken_back_comes_again),
        TEST(events_that_jump_by_years_wait_for_a_landmark_and_go_on),
        TEST(whoever_was_cut_off_until_the_models_log_was_trimmed_begins_anew),
        TEST(other_options_than_the_models_end_it_and_name_the_option),
        TEST(whatever_happens_each_event_is_learned_once),
    };
    return cmocka_run_group_tests_name("instance, state = kafka", tests, NULL, NULL);
}
