/* SPDX-License-Identifier: Apache-2.0
 * test_demo_gauge.c -- tests the contract in demo_gauge.h with metrics of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "demo_gauge.h"

static struct config cfg;
static struct demo_gauge g;
static struct demo_reading r;

static int setup(void **state) {
    (void)state;
    config_defaults(&cfg);
    metrics_reset();
    g = (struct demo_gauge){.n = 0};
    return 0;
}

/* n lines of each domain: of the first all are hits of the model, of the second none. */
static void learn(uint64_t n) {
    metric_add(M_EVENTS, 0, n);
    metric_add(M_TESTED, 0, n);
    metric_add(M_TESTED, 1, n);
    metric_add(M_HITS_MODEL, 0, n);
    metric_add(M_HITS_POP, 1, n);
}

static bool near(double a, double b) {
    return fabs(a - b) < 1e-9;
}

static void what_is_not_known_yet_is_below_zero(void **state) {
    (void)state;
    demo_gauge_read(&g, &cfg, 1000, &r);
    assert_true(r.rate < 0.0 && r.p50_s < 0.0 && r.p99_s < 0.0 && r.model_all < 0.0);
    assert_true(r.model[0] < 0.0 && r.popular[1] < 0.0);
    assert_int_equal(r.events, 0);
}

static void the_rate_is_that_since_the_reading_before(void **state) {
    (void)state;
    demo_gauge_read(&g, &cfg, 1000, &r);
    learn(300);
    demo_gauge_read(&g, &cfg, 1500, &r);
    assert_true(near(r.rate, 600.0));
    learn(100);
    demo_gauge_read(&g, &cfg, 3500, &r);
    assert_true(near(r.rate, 50.0));
    assert_int_equal(r.events, 400);
}

static void recall_is_that_of_the_window(void **state) {
    (void)state;
    learn(100);
    for (int k = 0; k <= 60; k++) { /* half a minute with hits, ... */
        learn(10);
        demo_gauge_read(&g, &cfg, k * 500, &r);
    }
    assert_true(near(r.model[0], 1.0) && near(r.popular[0], 0.0));
    assert_true(near(r.model[1], 0.0) && near(r.popular[1], 1.0));
    assert_true(near(r.model_all, 0.5));
    for (int k = 61; k <= 75; k++) { /* ... 7.5 s without: half of the window */
        metric_add(M_TESTED, 0, 10);
        demo_gauge_read(&g, &cfg, k * 500, &r);
    }
    assert_true(near(r.model[0], 0.5));
    for (int k = 76; k <= 95; k++) {
        metric_add(M_TESTED, 0, 10);
        demo_gauge_read(&g, &cfg, k * 500, &r);
    }
    assert_true(near(r.model[0], 0.0));
    assert_true(r.model[1] < 0.0); /* nothing of it was tested in the window */
    assert_int_equal(r.recall[0].tested, 100 + 610 + 350);
    assert_int_equal(r.recall[0].model, 710);
}

static void latency_is_that_of_the_last_two_seconds(void **state) {
    (void)state;
    for (int k = 0; k < 1000; k++) {
        metric_observe(M_EVENT_TO_REDIS, 0, 0.003);
    }
    demo_gauge_read(&g, &cfg, 0, &r);
    demo_gauge_read(&g, &cfg, 500, &r);
    for (int k = 0; k < 100; k++) {
        metric_observe(M_EVENT_TO_REDIS, 0, k < 90 ? 0.1 : 3.0);
    }
    demo_gauge_read(&g, &cfg, 2600, &r);
    assert_true(r.p50_s > 0.096 && r.p50_s < 0.128); /* the bucket of .1 s */
    assert_true(r.p99_s > 2.0 && r.p99_s < 4.1);
    for (int k = 0; k < 5; k++) {
        demo_gauge_read(&g, &cfg, 3000 + 500 * k, &r);
    }
    assert_true(r.p50_s < 0.0); /* nothing came */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_is_not_known_yet_is_below_zero, setup),
        cmocka_unit_test_setup(the_rate_is_that_since_the_reading_before, setup),
        cmocka_unit_test_setup(recall_is_that_of_the_window, setup),
        cmocka_unit_test_setup(latency_is_that_of_the_last_two_seconds, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
