/* SPDX-License-Identifier: Apache-2.0
 *
 * world_run.h -- a plain and a lively synthetic world with all their events, which
 * the tests of one program look at. Included after <cmocka.h> by one file of each.
 */
#ifndef WORLD_RUN_H
#define WORLD_RUN_H

#include <math.h>
#include <stdlib.h>

#include "world.h"

enum { COURSE = 0, FOOD = 1, K = WORLD_TASTES };

#define HOUR_MS INT64_C(3600000)
#define DAY_MS  (24 * HOUR_MS)
#define START   INT64_C(1700000000000)
#define PI      3.141592653589793

static const struct world_params PLAIN = {
    .users = 3000, .items = 100, .rho = 0.6, .days = 180.0, .start_ms = START, .seed = 11};
static const struct world_params LIVELY = {.users = 3000,
                                           .items = 100,
                                           .rho = 0.6,
                                           .days = 180.0,
                                           .start_ms = START,
                                           .lively = true,
                                           .seed = 12};

/* A world and all its events. */
struct run {
    struct world_params params;
    struct world *world;
    struct world_event *events;
    size_t n;
};

static struct run run_of(struct world_params params) {
    struct run r = {.params = params};
    assert_int_equal(world_new(&params, &r.world), ST_OK);
    size_t room = (size_t)world_n_events(r.world) + 1; /* one more shows too many */
    r.events = calloc(room, sizeof *r.events);
    assert_non_null(r.events);
    while (r.n < room && world_next(r.world, &r.events[r.n])) {
        r.n++;
    }
    return r;
}

static void run_free(struct run *r) {
    world_free(r->world);
    free(r->events);
}

static void assert_near(const char *what, double x, double expected, double tolerance) {
    if (!(fabs(x - expected) <= tolerance)) {
        fail_msg("%s is %.5f, expected %.5f +- %.5f", what, x, expected, tolerance);
    }
}

static struct run plain_run;
static struct run lively_run;

static int setup_plain(void **state) {
    *state = &plain_run;
    return 0;
}

static int setup_lively(void **state) {
    *state = &lively_run;
    return 0;
}

static int make_runs(void **state) {
    (void)state;
    plain_run = run_of(PLAIN);
    lively_run = run_of(LIVELY);
    return 0;
}

static int free_runs(void **state) {
    (void)state;
    run_free(&plain_run);
    run_free(&lively_run);
    return 0;
}

#define ON_PLAIN(f)                                                                                \
    { "plain: " #f, f, setup_plain, NULL, NULL }
#define ON_LIVELY(f)                                                                               \
    { "lively: " #f, f, setup_lively, NULL, NULL }

#endif
