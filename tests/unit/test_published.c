/* SPDX-License-Identifier: Apache-2.0
 *
 * test_published.c -- contract tests of consumer/published.h and consumer/uncovered.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "published.h"
#include "uncovered.h"

static struct config config;

static int setup(void **state) {
    (void)state;
    config_defaults(&config);
    return 0;
}

static struct published read_text(const char *text) {
    struct published p;
    published_read(&config, text, text ? strlen(text) : 0, &p);
    return p;
}

static void what_was_written_is_read(void **state) {
    (void)state;
    const struct published p =
        read_text("{\"version\":[176,42],\"offsets\":{\"food-orders\":7,\"gone\":1,"
                  "\"course-views\":123},\"ts\":5,\"refreshed\":1764000000123}");
    assert_true(p.known);
    assert_int_equal(p.epoch, 176);
    assert_true(p.refreshed_ms == 1764000000123);
    for (uint32_t t = 0; t < config.n_topics; t++) {
        const char *name = config.topics[t].name;
        assert_int_equal(p.offsets[t], strcmp(name, "course-views") == 0  ? 123
                                       : strcmp(name, "food-orders") == 0 ? 7
                                                                          : -1);
    }
}

static void whatever_else_stands_there_covers_nothing(void **state) {
    (void)state;
    static const char *const texts[] = {
        NULL,
        "",
        "rubbish",
        "{\"version\":[1,2],",
        "{\"version\":[1,2],\"ts\":3}",
        "{\"version\":[1,2],\"offsets\":[1]}",
        "{\"version\":[1,2],\"offsets\":{\"course-views\":1,\"course-views\":2}}",
    };
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        assert_false(read_text(texts[k]).known);
    }
    const struct published p =
        read_text("{\"version\":[1,2],\"offsets\":{\"course-views\":-5,\"food-orders\":\"9\"}}");
    assert_true(p.known); /* these two say nothing */
    for (uint32_t t = 0; t < config.n_topics; t++) {
        assert_int_equal(p.offsets[t], -1);
    }
}

static struct state_task record(uint64_t epoch, int64_t views, int64_t orders) {
    struct state_task t = {.epoch = epoch, .n_topics = 2};
    snprintf(t.topics[0].topic, sizeof t.topics[0].topic, "course-views");
    snprintf(t.topics[1].topic, sizeof t.topics[1].topic, "food-orders");
    t.topics[0].next = views;
    t.topics[1].next = orders;
    return t;
}

static void a_batch_is_covered_if_each_topic_was_published_to_its_end(void **state) {
    (void)state;
    const struct published p =
        read_text("{\"version\":[5,1],\"offsets\":{\"course-views\":100,\"food-orders\":40}}");
    static const struct {
        uint64_t epoch;
        int64_t views, orders;
        bool covered;
    } cases[] = {
        {5, 100, 40, true}, {5, 99, 40, true},   {5, 101, 40, false}, {5, 100, 41, false},
        {4, 100, 40, true}, {6, 100, 40, false}, {6, -1, -1, false},  {5, -1, -1, true},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const struct state_task t = record(cases[k].epoch, cases[k].views, cases[k].orders);
        assert_int_equal(published_covers(&p, &config, &t), cases[k].covered);
    }
    const struct published none = read_text(NULL);
    const struct state_task empty = record(0, -1, -1);
    assert_false(published_covers(&none, &config, &empty));
    const struct published half = read_text("{\"version\":[5,1],\"offsets\":{\"food-orders\":40}}");
    const struct state_task begun = record(5, 1, 0);
    const struct state_task not_begun = record(5, 0, 40);
    assert_false(published_covers(&half, &config, &begun));
    assert_true(published_covers(&half, &config, &not_begun));
}

static void a_topic_that_is_not_read_any_more_keeps_nobody_uncovered(void **state) {
    (void)state;
    const struct published p = read_text("{\"version\":[5,1],\"offsets\":{\"food-orders\":40}}");
    struct state_task t = record(5, 1000, 40);
    snprintf(t.topics[0].topic, sizeof t.topics[0].topic, "was-once-an-input");
    assert_true(published_covers(&p, &config, &t));
}

static void users_are_kept_until_a_record_covers_them(void **state) {
    (void)state;
    struct uncovered u = {.users = NULL};
    uncovered_begin(&u, false);
    for (uint64_t k = 0; k < 3000; k++) {
        uncovered_user(&u, k / 3); /* the same one three times in a row is one */
    }
    assert_int_equal(u.n, 1000);
    for (uint64_t k = 0; k < 1000; k++) {
        assert_true(u.users[k] == k);
    }
    uncovered_clear(&u);
    assert_int_equal(u.n, 0);
    uncovered_begin(&u, true);
    uncovered_user(&u, 7);
    assert_true(u.all);
    uncovered_clear(&u);
    uncovered_user(&u, 8);
    assert_true(!u.all && u.n == 1 && u.users[0] == 8);
    uncovered_free(&u);
    assert_true(u.n == 0 && !u.users);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(whatever_else_stands_there_covers_nothing),
        cmocka_unit_test(a_batch_is_covered_if_each_topic_was_published_to_its_end),
        cmocka_unit_test(a_topic_that_is_not_read_any_more_keeps_nobody_uncovered),
        cmocka_unit_test(users_are_kept_until_a_record_covers_them),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
