/* SPDX-License-Identifier: Apache-2.0
 *
 * test_instance_takeover.c -- tasks that arrive in pieces, and epochs, on a fake Kafka and a fake
 * Redis.
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

enum { TASKS = 4, EVENTS = 60, USERS = 8 };

static int teardown(void **state) {
    running_free(*state);
    *state = NULL;
    return 0;
}

/* Ids and reasons in their order. Scores and `because` may be older than the order
 * (docs/redis.md). */
static void note_list(const struct fake_key *k, char *out, size_t len) {
    const char *at = strstr(k->value, "\"items\":");
    snprintf(out, len, "%s", at ? "" : "missing");
    while (at && (at = strstr(at, "{\"id\":")) != NULL) {
        const char *score = strstr(at, ",\"score\":");
        const char *reason = strstr(at, "\"reason\":");
        const size_t used = strlen(out);
        snprintf(out + used, len - used, "%.*s %.*s ", (int)(score - at), at,
                 (int)(strlen("\"reason\":") + strcspn(reason + strlen("\"reason\":"), ",}")),
                 reason);
        at = reason;
    }
}

struct lists {
    char text[TASKS][USERS][FAKE_TOPICS][FAKE_VALUE_MAX];
};

static void note_lists(struct running *r, struct lists *out) {
    for (int32_t task = 0; task < TASKS; task++) {
        for (int user = 0; user < USERS; user++) {
            for (int target = 0; target < FAKE_TOPICS; target++) {
                const struct fake_key k = running_list(r, target, task, user);
                note_list(&k, out->text[task][user][target], FAKE_VALUE_MAX);
            }
        }
    }
}

/* Settled, and swept once more: tasks that ended early have seen the whole model. */
static void await_end(struct running *r) {
    AWAIT(running_published(r, TASKS) && instance_settled(r->instance));
    const uint64_t sweeps = instance_sweeps(r->instance);
    instance_refresh(r->instance);
    AWAIT(instance_sweeps(r->instance) > sweeps + 1);
    AWAIT(instance_settled(r->instance));
}

static struct running *start(void **state) {
    struct running *r = running_new(TASKS);
    *state = r;
    r->cfg.publish_refresh_ms = 100;
    running_fill(r, TASKS, EVENTS);
    running_start(r);
    return r;
}

static void tasks_that_arrive_in_pieces_end_in_the_lists_of_those_that_came_at_once(void **state) {
    static struct lists at_once;
    static struct lists in_pieces;
    struct running *r = start(state);
    assert_true(fake_assign(&r->kafka, TASKS, TASKS));
    await_end(r);
    note_lists(r, &at_once);
    assert_int_equal(running_stop(r), ST_OK);
    running_free(r);

    r = start(state);
    assert_true(fake_assign(&r->kafka, 2, 2)); /* the group still waits for a dead member */
    AWAIT(running_published(r, 2));
    assert_true(fake_assign(&r->kafka, TASKS, TASKS));
    await_end(r);
    note_lists(r, &in_pieces);
    assert_int_equal(running_stop(r), ST_OK);
    for (int32_t task = 0; task < TASKS; task++) {
        for (int user = 0; user < USERS; user++) {
            for (int target = 0; target < FAKE_TOPICS; target++) {
                assert_string_equal(in_pieces.text[task][user][target],
                                    at_once.text[task][user][target]);
            }
        }
    }
    assert_int_equal(learner_shared(r->instance->learner)->n_events, r->n_events);
}

static void tasks_that_were_held_before_go_on_where_they_stood(void **state) {
    struct running *r = start(state);
    assert_true(fake_assign(&r->kafka, TASKS, TASKS));
    AWAIT(running_published(r, TASKS) && instance_settled(r->instance));
    assert_true(fake_assign(&r->kafka, 1, 1));
    assert_true(fake_assign(&r->kafka, TASKS, TASKS));
    running_fill(r, TASKS, EVENTS);
    AWAIT(running_published(r, TASKS) && instance_settled(r->instance));
    assert_int_equal(running_stop(r), ST_OK);
    assert_int_equal(metric_sum(M_EVENTS), r->n_events); /* nothing was read twice */
}

/* The predecessor died within the same second, with lists but without a word of how far. */
static void an_epoch_is_named_before_the_first_list_of_it(void **state) {
    struct running *r = start(state);
    r->store.error = "OOM command not allowed"; /* nothing is written but `published` */
    r->store.error_key = ":rec:";
    assert_true(fake_assign(&r->kafka, TASKS, TASKS));
    struct fake_key k;
    AWAIT((k = fake_get(&r->store, "crossrec:published:0"), k.writes > 0));
    assert_true(k.epoch > 0);
    assert_non_null(strstr(k.value, "\"offsets\":{}")); /* and covers nothing yet */
    pthread_mutex_lock(&r->store.lock);
    r->store.error = NULL;
    r->store.error_key = NULL;
    pthread_mutex_unlock(&r->store.lock);
    AWAIT(running_published(r, TASKS));
    assert_int_equal(running_stop(r), ST_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(
            tasks_that_arrive_in_pieces_end_in_the_lists_of_those_that_came_at_once, teardown),
        cmocka_unit_test_teardown(tasks_that_were_held_before_go_on_where_they_stood, teardown),
        cmocka_unit_test_teardown(an_epoch_is_named_before_the_first_list_of_it, teardown),
    };
    return cmocka_run_group_tests_name("instance_takeover", tests, NULL, NULL);
}
