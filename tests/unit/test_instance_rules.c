/* SPDX-License-Identifier: Apache-2.0
 *
 * test_instance_rules.c -- rules of a global topic in a running instance, on a fake Kafka and a
 * fake Redis, by the clock of the stream.
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
#include "rule_bytes.h"
#include "running.h"

enum { TASKS = 2, ROWS_MAX = 16, USERS = 8 };

static struct {
    pthread_mutex_t lock;
    struct avro_bytes rows[ROWS_MAX];
    char keys[ROWS_MAX][32];
    size_t n, at;
} rules = {.lock = PTHREAD_MUTEX_INITIALIZER};

static size_t poll_rows(void *ctx, struct record *out, size_t max) {
    (void)ctx;
    size_t n = 0;
    pthread_mutex_lock(&rules.lock);
    for (; n < max && rules.at < rules.n; n++, rules.at++) {
        const struct avro_bytes *b = &rules.rows[rules.at];
        out[n] = (struct record){.offset = (int64_t)rules.at,
                                 .key = rules.keys[rules.at],
                                 .key_len = strlen(rules.keys[rules.at]),
                                 .value = b->n ? b->bytes : NULL,
                                 .value_len = b->n};
    }
    pthread_mutex_unlock(&rules.lock);
    return n;
}

static bool complete(void *ctx) {
    (void)ctx;
    pthread_mutex_lock(&rules.lock);
    const bool yes = rules.at == rules.n;
    pthread_mutex_unlock(&rules.lock);
    return yes;
}

static void restart(void *ctx) {
    (void)ctx;
    pthread_mutex_lock(&rules.lock);
    rules.at = 0;
    pthread_mutex_unlock(&rules.lock);
}

static void publish_row(const char *key, const struct avro_bytes *row) {
    pthread_mutex_lock(&rules.lock);
    assert_true(rules.n < ROWS_MAX);
    rules.rows[rules.n] = *row;
    snprintf(rules.keys[rules.n], sizeof rules.keys[0], "%s", key);
    rules.n++;
    pthread_mutex_unlock(&rules.lock);
}

static void publish_rule(const struct rule_record *r) {
    static struct avro_bytes b;
    rule_bytes(&b, r);
    publish_row(r->id, &b);
}

static void take_back(const char *id) {
    static const struct avro_bytes tombstone;
    publish_row(id, &tombstone);
}

static struct running *make(void **state) {
    struct running *r = running_new(TASKS);
    static const char *const sets[] = {"topic.rules.schema=Rule"};
    char err[CONFIG_ERROR_MAX] = "";
    struct config cfg;
    *state = r;
    rules.n = rules.at = 0;
    if (config_load(&cfg, NULL, NULL, (const char *const *)sets, 1, err)) {
        fail_msg("%s", err);
    }
    memcpy(r->cfg.globals, cfg.globals, sizeof cfg.globals);
    r->cfg.n_globals = cfg.n_globals;
    r->globals = (struct globals){.poll = poll_rows, .complete = complete, .restart = restart};
    r->step_ms = INT64_C(3600000);
    return r;
}

static int teardown(void **state) {
    running_free(*state);
    *state = NULL;
    return 0;
}

/* ---- lists --------------------------------------------------------------------------------------
 */

static bool has(const char *value, const char *item) {
    char quoted[32];
    snprintf(quoted, sizeof quoted, "\"id\":\"%s\"", item);
    return strstr(value, quoted) != NULL;
}

/* On how many of the lists of a target it is, the fallback among them. */
static int lists_with(struct running *r, int target, const char *item) {
    int n = 0;
    for (int32_t task = 0; task < TASKS; task++) {
        for (int user = 0; user < USERS; user++) {
            const struct fake_key k = running_list(r, target, task, user);
            n += has(k.value, item);
        }
    }
    const struct fake_key k = fake_get(&r->store, target == COURSE ? "crossrec:course:fallback"
                                                                   : "crossrec:food:fallback");
    return n + has(k.value, item);
}

static bool first_of_fallback(struct running *r, const char *item) {
    char first[64];
    const struct fake_key k = fake_get(&r->store, "crossrec:course:fallback");
    snprintf(first, sizeof first, "\"items\":[{\"id\":\"%s\"", item);
    return strstr(k.value, first) && strstr(k.value, "\"reason\":\"pinned\"");
}

/* ---- tests
 * ---------------------------------------------------------------------------------------- */

static void rules_that_are_there_before_the_first_list_hold_for_it(void **state) {
    struct running *r = make(state);
    publish_rule(&(struct rule_record){.id = "b", .kind = RULE_BLOCK, .item = "f3"});
    running_fill(r, TASKS, 60);
    running_start(r);
    assert_true(fake_assign(&r->kafka, TASKS, TASKS));
    AWAIT(running_published(r, TASKS));
    AWAIT(lists_with(r, FOOD, "f4") > 0);
    assert_int_equal(lists_with(r, FOOD, "f3"), 0);
    assert_true(metric_value(M_RULES, RULE_BLOCK) == 1.0);
    assert_int_equal(running_stop(r), ST_OK);
}

static void everybodys_lists_follow_a_rule_and_its_tombstone(void **state) {
    struct running *r = make(state);
    running_fill(r, TASKS, 60);
    running_start(r);
    assert_true(fake_assign(&r->kafka, TASKS, TASKS));
    AWAIT(running_published(r, TASKS));
    AWAIT(lists_with(r, FOOD, "f3") > 3);
    publish_rule(&(struct rule_record){.id = "b", .kind = RULE_BLOCK, .item = "f3"});
    AWAIT(lists_with(r, FOOD, "f3") == 0);
    publish_rule(
        &(struct rule_record){.id = "p", .kind = RULE_PIN, .target = "course", .item = "c5"});
    AWAIT(first_of_fallback(r, "c5"));
    take_back("b");
    AWAIT(lists_with(r, FOOD, "f3") > 3);
    take_back("p");
    AWAIT(!first_of_fallback(r, "c5"));
    take_back("nobody"); /* says nothing */
    AWAIT(metric_value(M_RULES, RULE_BLOCK) == 0.0 && metric_value(M_RULES, RULE_PIN) == 0.0);
    assert_int_equal(running_stop(r), ST_OK);
}

static void a_bad_record_takes_the_rule_of_its_key_back(void **state) {
    struct running *r = make(state);
    static const struct avro_bytes bad = {.n = 3, .bytes = "abc"};
    publish_rule(&(struct rule_record){.id = "b", .kind = RULE_BLOCK, .item = "f3"});
    running_fill(r, TASKS, 60);
    running_start(r);
    assert_true(fake_assign(&r->kafka, TASKS, TASKS));
    AWAIT(running_published(r, TASKS));
    assert_int_equal(lists_with(r, FOOD, "f3"), 0);
    publish_row("b", &bad);
    AWAIT(lists_with(r, FOOD, "f3") > 3);
    assert_true(metric_value(M_BAD_ROWS, INTAKE_WIRE) == 1.0);
    assert_true(metric_value(M_RULES, RULE_BLOCK) == 0.0);
    assert_int_equal(running_stop(r), ST_OK);
}

/* The time of the newest list, as it says. */
static int64_t shown_ms(struct running *r) {
    const struct fake_key k = fake_get(&r->store, "crossrec:published:0");
    const char *ts = strstr(k.value, "\"ts\":");
    return ts ? strtoll(ts + 5, NULL, 10) : 0;
}

/* By the stream's clock: an event that comes later opens the window for everybody. */
static void a_window_opens_and_closes_with_the_time_of_the_stream(void **state) {
    struct running *r = make(state);
    running_fill(r, TASKS, 40);
    running_start(r);
    assert_true(fake_assign(&r->kafka, TASKS, TASKS));
    AWAIT(running_published(r, TASKS));
    AWAIT(lists_with(r, FOOD, "f3") > 3);
    const int64_t now_ms = shown_ms(r);
    assert_true(now_ms > 0);
    const int64_t from_ms = now_ms + 2 * r->step_ms;
    const int64_t until_ms = now_ms + 4 * r->step_ms;
    publish_rule(&(struct rule_record){
        .id = "w", .kind = RULE_BLOCK, .item = "f3", .from_ms = &from_ms, .until_ms = &until_ms});
    AWAIT(metric_value(M_RULES, RULE_BLOCK) == 1.0);
    (void)running_event(r, COURSE, 0, 1, 1);
    AWAIT(running_published(r, TASKS));
    running_nap_ms(100);
    assert_true(lists_with(r, FOOD, "f3") > 3);
    (void)running_event(r, COURSE, 0, 1, 2); /* from_ms */
    AWAIT(lists_with(r, FOOD, "f3") == 0);
    (void)running_event(r, COURSE, 0, 1, 3);
    AWAIT(running_published(r, TASKS));
    running_nap_ms(100);
    assert_int_equal(lists_with(r, FOOD, "f3"), 0);
    (void)running_event(r, COURSE, 0, 1, 4); /* until_ms */
    AWAIT(lists_with(r, FOOD, "f3") > 3);
    assert_int_equal(running_stop(r), ST_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(rules_that_are_there_before_the_first_list_hold_for_it, teardown),
        cmocka_unit_test_teardown(everybodys_lists_follow_a_rule_and_its_tombstone, teardown),
        cmocka_unit_test_teardown(a_bad_record_takes_the_rule_of_its_key_back, teardown),
        cmocka_unit_test_teardown(a_window_opens_and_closes_with_the_time_of_the_stream, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
