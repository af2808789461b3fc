/* SPDX-License-Identifier: Apache-2.0
 *
 * test_instance_guard.c -- the guard on a fake Kafka and a fake Redis: where people choose at
 * random, whatever they took before, nobody's list is personal; where what they took says
 * what they take next, lists are personal. Each change of side is told once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "instance_state.h"
#include "log.h"
#include "metrics.h"
#include "mix.h"
#include "running.h"

enum {
    USERS = 60,
    ITEMS = 120,
    EVENTS = 5000, /* of a phase */
    KNOWN = 2 * FOOD + 1,
    LOG_MAX = 1 << 20,
};

static const char HURTS[] = "personalising does not pay here";
static const char PAYS[] = "personalising pays again";

struct fixture {
    struct running *r;
    FILE *log;
    uint64_t seed;
    char text[LOG_MAX];
};

static int setup(void **state) {
    static struct fixture f;
    memset(&f, 0, sizeof f);
    f.seed = 20261125;
    f.log = tmpfile();
    assert_non_null(f.log);
    log_set_fd(fileno(f.log));
    *state = &f;
    return 0;
}

static void start(struct fixture *f, int tasks) {
    f->r = running_new(tasks);
    log_set_level(LOG_LEVEL_INFO);
    f->r->cfg.domains[FOOD].repeats = true;
    f->r->cfg.user_rate = 0;
    running_start(f->r);
    assert_true(fake_assign(&f->r->kafka, tasks, tasks));
}

static int teardown(void **state) {
    struct fixture *f = *state;
    running_free(f->r);
    log_set_fd(STDERR_FILENO);
    fclose(f->log);
    return 0;
}

static double random_of(struct fixture *f) {
    f->seed = mix64(f->seed + 1);
    return (double)(f->seed >> 11) * 0x1p-53;
}

/* Popular items far more often than others, whoever it is. */
static void choose_at_random(struct fixture *f, int n) {
    for (int k = 0; k < n; k++) {
        const int item = (int)(ITEMS * pow(random_of(f), 3));
        (void)running_event(f->r, FOOD, 0, (int)(USERS * random_of(f)), item);
    }
}

/* Everybody has two dishes of his own. */
static void choose_by_habit(struct fixture *f, int n) {
    f->r->step_ms = INT64_C(600000); /* nobody is shown what he took within the hour */
    for (int k = 0; k < n; k++) {
        const int user = (int)(USERS * random_of(f));
        (void)running_event(f->r, FOOD, 0, user, 2 * user + (random_of(f) < 0.5));
    }
}

static bool learned_all(const struct fixture *f) {
    return (int)metric_sum(M_EVENTS) == f->r->n_events && running_published(f->r, 1) &&
           instance_settled(f->r->instance);
}

/* Lines with the text about users who are known. */
static int count(struct fixture *f, const char *text) {
    const ssize_t n = pread(fileno(f->log), f->text, LOG_MAX - 1, 0);
    int found = 0;
    assert_true(n >= 0);
    f->text[n] = '\0';
    for (const char *p = f->text; (p = strstr(p, text)); p++) {
        const char *slice = strstr(p, "slice=");
        found += slice && strncmp(slice, "slice=known", 11) == 0;
    }
    return found;
}

/* The list of somebody who has just done something. */
static bool is_personal(struct fixture *f, int user) {
    (void)running_event(f->r, FOOD, 0, user, 2 * user);
    AWAIT(learned_all(f));
    const struct fake_key list = running_list(f->r, FOOD, 0, user);
    const bool personal = strstr(list.value, "\"personalised\":true") != NULL;
    assert_true(personal || strstr(list.value, "\"personalised\":false"));
    return personal;
}

static void lists_are_personal_where_that_pays_and_only_there(void **state) {
    struct fixture *f = *state;
    start(f, 1);
    choose_at_random(f, EVENTS);
    AWAIT(learned_all(f));
    AWAIT(metric_value(M_GUARD_TWIN, KNOWN) == 1);
    assert_true(metric_value(M_GUARD_LEAD, KNOWN) < 0);
    assert_false(is_personal(f, 3));
    const int hurt = count(f, HURTS);
    assert_true(hurt >= 1);
    assert_int_equal(count(f, PAYS), hurt - 1);
    assert_non_null(strstr(f->text, "level=warn"));
    assert_non_null(strstr(f->text, "task=0 domain=food slice=known lead=-"));

    choose_by_habit(f, EVENTS);
    AWAIT(learned_all(f));
    AWAIT(metric_value(M_GUARD_TWIN, KNOWN) == 0);
    assert_true(metric_value(M_GUARD_LEAD, KNOWN) > 0);
    assert_true(is_personal(f, 3));
    AWAIT(count(f, PAYS) == count(f, HURTS));

    assert_true(metric_value(M_GUARD_TWIN, 2 * COURSE) == 0); /* nobody took any */
    assert_true(metric_value(M_GUARD_LEAD, 2 * COURSE + 1) == 0);
    assert_null(strstr(f->text, "domain=course"));
    assert_int_equal(running_stop(f->r), ST_OK);
}

/* The gate of a task is its own; `lead` is their mean. */
static void gauges_are_of_all_running_tasks(void **state) {
    struct fixture *f = *state;
    start(f, 2); /* nothing happens in the second */
    choose_at_random(f, EVENTS);
    AWAIT(learned_all(f));
    AWAIT(metric_value(M_GUARD_TWIN, KNOWN) == 1);
    assert_int_equal(running_stop(f->r), ST_OK);
    const double lead = learner_lead(f->r->instance->learner, 0, FOOD, true);
    assert_true(lead < 0 && metric_value(M_GUARD_LEAD, KNOWN) == lead / 2);
    struct instance *in = f->r->instance;
    assert_int_equal(in->places[0].task.state, TASK_PARKED); /* nobody's any more */
    instance_guard(in);
    assert_true(metric_value(M_GUARD_TWIN, KNOWN) == 0);
    assert_true(metric_value(M_GUARD_LEAD, KNOWN) == 0);
}

static void a_task_that_catches_up_tells_its_side_when_it_has(void **state) {
    struct fixture *f = *state;
    start(f, 1);
    choose_at_random(f, EVENTS);
    AWAIT(learned_all(f));
    AWAIT(metric_value(M_GUARD_TWIN, KNOWN) == 1);
    assert_int_equal(running_stop(f->r), ST_OK);
    struct instance *in = f->r->instance;
    in->places[0].task.state = TASK_RUNNING;
    in->places[0].task.catching_up = true;
    memset(in->places[0].twin, 0, sizeof in->places[0].twin);
    const int before = count(f, HURTS);
    instance_guard(in);
    instance_guard(in);
    assert_int_equal(count(f, HURTS), before);
    assert_true(metric_value(M_GUARD_TWIN, KNOWN) == 1);
    in->places[0].task.catching_up = false;
    instance_guard(in);
    instance_guard(in);
    assert_int_equal(count(f, HURTS), before + 1);
    in->places[0].task.state = TASK_PARKED;
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(lists_are_personal_where_that_pays_and_only_there),
        TEST(gauges_are_of_all_running_tasks),
        TEST(a_task_that_catches_up_tells_its_side_when_it_has),
#undef TEST
    };
    return cmocka_run_group_tests_name("instance_guard", tests, NULL, NULL);
}
