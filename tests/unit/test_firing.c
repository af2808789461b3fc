/* SPDX-License-Identifier: Apache-2.0
 *
 * test_firing.c -- what makes a trigger fire.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "firing.h"
#include "user_features.h"

enum { COURSE, FOOD, DOMAINS };

#define DAY_MS   INT64_C(86400000)
#define START_MS (INT64_C(20000) * DAY_MS)

static struct user *u;

static int setup(void **state) {
    (void)state;
    u = NULL;
    return 0;
}

static int teardown(void **state) {
    (void)state;
    user_free(u);
    return 0;
}

static struct config_trigger a(enum trigger_kind kind) {
    return (struct config_trigger){.kind = (int)kind,
                                   .domain = TRIGGER_ANY,
                                   .from = TRIGGER_ANY,
                                   .to = TRIGGER_ANY,
                                   .events_min = 1};
}

/* An event on a day: what fires. */
static bool fires(const struct config_trigger *t, uint8_t domain, enum action action, int day,
                  struct firing *out) {
    const struct event e = {
        .ts_ms = START_MS + day * DAY_MS + 1, .domain = domain, .action = (uint8_t)action};
    const struct firing_look before = firing_look(u, DOMAINS, domain, e.ts_ms);
    if (!u) {
        assert_int_equal(user_new(DOMAINS, "u", 1, &u), ST_OK);
    }
    const struct user_line line = {.item = (uint32_t)day,
                                   .category = CATEGORY_NONE,
                                   .ts_ms = e.ts_ms,
                                   .domain = domain,
                                   .action = e.action,
                                   .consumes = action_consumes(e.action),
                                   .history = true};
    assert_int_equal(user_take(&u, &line), ST_OK);
    const struct firing_look after = firing_look(u, DOMAINS, domain, e.ts_ms);
    const bool fired = firing_of_event(t, &e, &before, &after, out);
    if (fired) {
        assert_int_equal(out->ts_ms, e.ts_ms);
    }
    return fired;
}

static void
only_the_first_purchase_in_a_domain_counts_and_only_of_who_came_from_another(void **state) {
    (void)state;
    struct firing f;
    struct config_trigger t = a(TRIGGER_FIRST_PURCHASE);
    t.domain = FOOD;
    assert_false(fires(&t, COURSE, ACTION_ENROLL, 0, &f)); /* another domain */
    assert_false(fires(&t, FOOD, ACTION_VIEW, 1, &f));
    assert_true(fires(&t, FOOD, ACTION_ORDER, 2, &f));
    assert_int_equal(f.from, FIRING_NOTHING);
    assert_false(fires(&t, FOOD, ACTION_ORDER, 3, &f));
    assert_false(fires(&t, FOOD, ACTION_PURCHASE, 4, &f));
}

static void a_purchase_of_a_stranger_is_not_one_of_the_other_domain_nor_is_his_next(void **state) {
    (void)state;
    struct firing f;
    const struct config_trigger t = a(TRIGGER_FIRST_PURCHASE);
    assert_false(fires(&t, FOOD, ACTION_ORDER, 0, &f));
    assert_false(fires(&t, COURSE, ACTION_VIEW, 1, &f));
    assert_false(fires(&t, FOOD, ACTION_ORDER, 2, &f)); /* it is not the first */
    assert_true(fires(&t, COURSE, ACTION_ENROLL, 3, &f));
}

static void as_much_must_have_been_done_elsewhere_as_is_asked_for(void **state) {
    (void)state;
    struct firing f;
    struct config_trigger t = a(TRIGGER_FIRST_PURCHASE);
    t.events_min = 3;
    assert_false(fires(&t, COURSE, ACTION_VIEW, 0, &f));
    assert_false(fires(&t, COURSE, ACTION_VIEW, 1, &f));
    assert_false(fires(&t, FOOD, ACTION_ORDER, 2, &f));
}

static void rating_and_reporting_are_no_purchases(void **state) {
    (void)state;
    struct firing f;
    const struct config_trigger t = a(TRIGGER_FIRST_PURCHASE);
    assert_false(fires(&t, COURSE, ACTION_VIEW, 0, &f));
    assert_false(fires(&t, FOOD, ACTION_REPORT, 1, &f));
    assert_false(fires(&t, FOOD, ACTION_RATE, 1, &f));
    assert_true(fires(&t, FOOD, ACTION_PURCHASE, 2, &f));
}

/* Days of events, and the changes that each makes. */
static void a_lifecycle_goes_from_new_to_returning_and_from_dormant_to_resurrected(void **state) {
    (void)state;
    struct firing f;
    const struct config_trigger t = a(TRIGGER_LIFECYCLE);
    static const struct {
        int day, from, to; /* from -2: no change */
    } steps[] = {
        {0, FIRING_NOTHING, LIFECYCLE_NEW},
        {1, -2, 0},
        {6, -2, 0},
        {7, LIFECYCLE_NEW, LIFECYCLE_RETURNING},
        {8, -2, 0},
        {30, -2, 0},                                    /* three quiet weeks are no change */
        {60, LIFECYCLE_DORMANT, LIFECYCLE_RESURRECTED}, /* becoming dormant is the sweep's */
        {63, -2, 0},
        {67, LIFECYCLE_RESURRECTED, LIFECYCLE_RETURNING},
        {68, -2, 0},
    };
    for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
        const bool fired = fires(&t, k % DOMAINS, ACTION_VIEW, steps[k].day, &f);
        assert_int_equal(fired, steps[k].from != -2);
        if (fired) {
            assert_int_equal(f.from, steps[k].from);
            assert_int_equal(f.to, steps[k].to);
        }
    }
    assert_false(fires(&t, COURSE, ACTION_VIEW, 20, &f)); /* late */
}

static void a_lifecycle_trigger_wants_its_own_change_only(void **state) {
    (void)state;
    struct firing f;
    struct config_trigger t = a(TRIGGER_LIFECYCLE);
    t.from = LIFECYCLE_DORMANT;
    t.to = LIFECYCLE_RESURRECTED;
    assert_false(fires(&t, COURSE, ACTION_VIEW, 0, &f));
    assert_false(fires(&t, COURSE, ACTION_VIEW, 9, &f));
    assert_true(fires(&t, COURSE, ACTION_VIEW, 60, &f));
    t.to = LIFECYCLE_RETURNING;
    assert_false(fires(&t, COURSE, ACTION_VIEW, 120, &f));
}

static void dormant_begins_28_days_after_the_day_of_the_last_event(void **state) {
    (void)state;
    struct firing f;
    struct config_trigger t = a(TRIGGER_LIFECYCLE);
    (void)fires(&t, COURSE, ACTION_VIEW, 0, &f);
    (void)fires(&t, COURSE, ACTION_VIEW, 10, &f);
    const int64_t at_ms = firing_dormant_ms(u);
    assert_int_equal(at_ms, START_MS + 38 * DAY_MS);
    assert_int_equal(features_lifecycle(u, DOMAINS, at_ms - 1), LIFECYCLE_RETURNING);
    assert_int_equal(features_lifecycle(u, DOMAINS, at_ms), LIFECYCLE_DORMANT);
    assert_false(firing_of_dormant(&t, u, DOMAINS, at_ms - 1, &f));
    assert_true(firing_of_dormant(&t, u, DOMAINS, at_ms, &f));
    assert_int_equal(f.ts_ms, at_ms);
    assert_int_equal(f.from, LIFECYCLE_RETURNING);
    assert_int_equal(f.to, LIFECYCLE_DORMANT);
    t.from = LIFECYCLE_NEW;
    assert_false(firing_of_dormant(&t, u, DOMAINS, at_ms, &f));
    t.from = TRIGGER_ANY;
    t.to = LIFECYCLE_NEW;
    assert_false(firing_of_dormant(&t, u, DOMAINS, at_ms, &f));
    t = a(TRIGGER_SEGMENT);
    assert_false(firing_of_dormant(&t, u, DOMAINS, at_ms, &f));
}

static void another_segment_is_a_change_and_the_first_one_is_not(void **state) {
    (void)state;
    struct firing f;
    struct config_trigger t = a(TRIGGER_SEGMENT);
    const struct event e = {.ts_ms = 5};
    struct firing_look before = {.exists = true, .segment = FIRING_NOTHING};
    struct firing_look after = {.exists = true, .segment = 3};
    assert_false(firing_of_event(&t, &e, &before, &after, &f));
    before.segment = 3;
    assert_false(firing_of_event(&t, &e, &before, &after, &f));
    after.segment = 0;
    assert_true(firing_of_event(&t, &e, &before, &after, &f));
    assert_int_equal(f.from, 3);
    assert_int_equal(f.to, 0);
    t.to = 1;
    assert_false(firing_of_event(&t, &e, &before, &after, &f));
    t.to = 0;
    t.from = 2;
    assert_false(firing_of_event(&t, &e, &before, &after, &f));
    t.from = 3;
    assert_true(firing_of_event(&t, &e, &before, &after, &f));
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH(only_the_first_purchase_in_a_domain_counts_and_only_of_who_came_from_another),
        WITH(a_purchase_of_a_stranger_is_not_one_of_the_other_domain_nor_is_his_next),
        WITH(as_much_must_have_been_done_elsewhere_as_is_asked_for),
        WITH(rating_and_reporting_are_no_purchases),
        WITH(a_lifecycle_goes_from_new_to_returning_and_from_dormant_to_resurrected),
        WITH(a_lifecycle_trigger_wants_its_own_change_only),
        WITH(dormant_begins_28_days_after_the_day_of_the_last_event),
        WITH(another_segment_is_a_change_and_the_first_one_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
