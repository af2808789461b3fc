/* SPDX-License-Identifier: Apache-2.0
 *
 * test_segments_labels.c -- labels of users whose habits do not change, and of users whose do:
 * simulated years of events through user blocks, features, typical vectors and segments, as
 * segments.h and user_features.h say that they go together.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "points.h"
#include "segments.h"
#include "user.h"
#include "user_features.h"

#define DAY_MS INT64_C(86400000)
#define START  (INT64_C(20000) * DAY_MS) /* a midnight, UTC */

enum {
    USERS = 800,
    DOMAINS = 2,
    DIMS = DOMAINS * FEATURES_PER_DOMAIN,
    SETTLED = 100, /* from this day on changes are counted: half-lives of features are 30 days */
    DAYS = 140,
    MINI_BATCH = 256,
    EVENTS_MAX = 1000000,
};

struct member {
    double rate[DOMAINS]; /* visits a day, each of one event or more */
    double amount[DOMAINS];
    struct user *user;
    int16_t typical[DIMS]; /* as a user block would keep it */
    uint32_t n_days, day;
    uint32_t voted_in;
    int segment, pending, at_dawn;
};

struct made {
    int64_t ts_ms;
    uint16_t user;
    uint8_t domain;
};

struct sim {
    struct rng r;
    struct segments *s;
    struct segments_sum sum;
    uint32_t in_batch, n_batches;
    uint32_t again; /* seeded since the labels are watched */
    uint32_t n_events;
    struct member users[USERS];
    struct made events[EVENTS_MAX];
};

static struct sim sim;

/* ---- habits ------------------------------------------------------------------------ */

/* Everybody different: rates log-normal, a third of the users in one domain only. */
static void mixed(struct member *m, double visits, uint32_t i) {
    for (uint32_t d = 0; d < DOMAINS; d++) {
        const bool there = i % 3 == 0 || i % DOMAINS == d;
        m->rate[d] = there ? visits * exp(points_normal(&sim.r)) : 0.0;
        m->amount[d] = exp(3.0 + 0.7 * points_normal(&sim.r));
    }
}

/* Five kinds of users. */
static void kinds(struct member *m, double visits, uint32_t kind) {
    static const double RATES[5][DOMAINS] = {{1, 0}, {0, 1}, {.15, .15}, {1, 1}, {.1, 0}};
    for (uint32_t d = 0; d < DOMAINS; d++) {
        m->rate[d] = 2.0 * visits * RATES[kind][d] * exp(0.3 * points_normal(&sim.r));
        m->amount[d] = exp(2.0 + kind % 3 + 0.3 * points_normal(&sim.r));
    }
}

static int by_time(const void *a, const void *b) {
    const struct made *x = a;
    const struct made *y = b;
    if (x->ts_ms != y->ts_ms) {
        return x->ts_ms < y->ts_ms ? -1 : 1;
    }
    return x->user < y->user ? -1 : x->user > y->user;
}

/* Visits at random times, of a few events within a quarter of an hour each, days from..to. */
static void visits_of(uint32_t user, uint32_t domain, double rate, double from, double to) {
    double day = from;
    while (rate > 0.0) {
        day -= log(1.0 - rng_unit(&sim.r)) / rate;
        if (day >= to) {
            return;
        }
        double at = day;
        do {
            assert_true(sim.n_events < EVENTS_MAX);
            sim.events[sim.n_events++] = (struct made){START + (int64_t)(at * (double)DAY_MS),
                                                       (uint16_t)user, (uint8_t)domain};
            at += 0.01 * rng_unit(&sim.r);
        } while (rng_below(&sim.r, 2));
    }
}

static void all_visits(double from, double to) {
    for (uint32_t i = 0; i < USERS; i++) {
        for (uint32_t d = 0; d < DOMAINS; d++) {
            visits_of(i, d, sim.users[i].rate[d], from, to);
        }
    }
}

/* ---- the pipeline ------------------------------------------------------------------ */

/* The first event of a day moves the typical vector and may move the label. */
static void new_day(struct member *m, uint32_t day, int64_t ts_ms, float *typical) {
    float x[DIMS];
    features_of(m->user, DOMAINS, ts_ms, x);
    m->n_days = features_typical(typical, x, DIMS, m->n_days);
    m->day = day;
    for (uint32_t d = 0; d < DIMS; d++) {
        m->typical[d] = features_pack(typical[d]);
    }
    segments_label(sim.s, typical, &m->segment, &m->pending);
}

static void close_batch(void) {
    segments_apply(sim.s, &sim.sum);
    sim.sum = (struct segments_sum){.n_all = 0};
    sim.in_batch = 0;
    sim.n_batches++;
    bool seeded = false;
    if (segments_due(sim.s)) {
        assert_int_equal(segments_renew(sim.s, &seeded), ST_OK);
        sim.again += seeded;
    }
}

static void learn(const struct made *e) {
    struct member *m = &sim.users[e->user];
    const uint32_t day = (uint32_t)((e->ts_ms - START) / DAY_MS) + 1;
    struct user_line line = {.item = 1,
                             .ts_ms = e->ts_ms,
                             .domain = e->domain,
                             .amount =
                                 (float)(m->amount[e->domain] * exp(0.4 * points_normal(&sim.r)))};
    assert_int_equal(user_take(&m->user, &line), ST_OK);
    float typical[DIMS];
    for (uint32_t d = 0; d < DIMS; d++) {
        typical[d] = features_unpack(m->typical[d]);
    }
    if (day > m->day) {
        new_day(m, day, e->ts_ms, typical);
    }
    if (m->voted_in != sim.n_batches + 1) {
        m->voted_in = sim.n_batches + 1;
        segments_vote(sim.s, typical, &sim.sum);
        segments_remember(sim.s, typical);
    }
    if (++sim.in_batch == MINI_BATCH) {
        close_batch();
    }
}

/* Learns the days from..to-1; returns the share of all users with another label at the end of
 * a day than at its begin, the mean of the days from SETTLED on. */
static double run(uint32_t from, uint32_t to) {
    uint32_t changed = 0;
    uint32_t i = 0;
    qsort(sim.events, sim.n_events, sizeof *sim.events, by_time);
    for (uint32_t day = from; day < to; day++) {
        sim.again = day == SETTLED ? 0 : sim.again;
        for (uint32_t u = 0; u < USERS; u++) {
            sim.users[u].at_dawn = sim.users[u].segment;
        }
        for (; i < sim.n_events && sim.events[i].ts_ms < START + (day + 1) * DAY_MS; i++) {
            learn(&sim.events[i]);
        }
        for (uint32_t u = 0; u < USERS && day >= SETTLED; u++) {
            changed += sim.users[u].segment != sim.users[u].at_dawn;
        }
    }
    sim.n_events = 0;
    return (double)changed / USERS / (to - SETTLED);
}

static void begin(uint32_t k, double half_life, uint64_t seed) {
    memset(&sim, 0, sizeof sim);
    sim.r = (struct rng){seed};
    struct segments_params p = {
        .k = k, .dims = DIMS, .seed_points = 1000, .half_life = half_life, .seed = seed};
    assert_int_equal(segments_new(&p, &sim.s), ST_OK);
    for (uint32_t i = 0; i < USERS; i++) {
        sim.users[i] = (struct member){.segment = -1, .pending = -1};
        assert_int_equal(user_new(DOMAINS, "u", 1, &sim.users[i].user), ST_OK);
    }
}

static void end(void) {
    for (uint32_t i = 0; i < USERS; i++) {
        user_free(sim.users[i].user);
    }
    segments_free(sim.s);
}

/* ---- tests -------------------------------------------------------------------------- */

static void fewer_than_1_percent_of_users_change_label_a_day(void **state) {
    (void)state;
    const struct {
        double visits, half_life;
        uint32_t k;
        bool kinds;
    } rows[] = {
        {0.05, 20000.0, 8, false}, {0.5, 20000.0, 8, false}, {0.2, 5000.0, 12, false},
        {0.05, 20000.0, 6, true},  {0.3, 10000.0, 0, true},
    };
    for (uint32_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        begin(rows[i].k, rows[i].half_life, 100 + i);
        for (uint32_t u = 0; u < USERS; u++) {
            if (rows[i].kinds) {
                kinds(&sim.users[u], rows[i].visits, u % 5);
            } else {
                mixed(&sim.users[u], rows[i].visits, u);
            }
        }
        all_visits(0.0, DAYS);
        const double changed = run(0, DAYS);
        print_message("seed %u, %s, %.2f visits a day, k %u: %.2f %% of users a day, seeded again "
                      "%u times\n",
                      100 + i, rows[i].kinds ? "five kinds" : "mixed", rows[i].visits,
                      (unsigned)segments_k(sim.s), 100.0 * changed, (unsigned)sim.again);
        assert_true(segments_ready(sim.s));
        assert_true(changed < 0.01);
        end();
    }
}

/* A tenth of the users change from one kind to another; the others do not. */
static void who_changes_his_habits_changes_label_within_a_month(void **state) {
    (void)state;
    begin(5, 20000.0, 60);
    for (uint32_t u = 0; u < USERS; u++) {
        kinds(&sim.users[u], 0.4, u % 2);
    }
    all_visits(0.0, SETTLED);
    (void)run(0, SETTLED);
    int before[USERS];
    for (uint32_t u = 0; u < USERS; u++) {
        before[u] = sim.users[u].segment;
        if (u % 10 == 0) {
            kinds(&sim.users[u], 0.4, 1); /* was 0 */
        }
    }
    all_visits(SETTLED, SETTLED + 30);
    (void)run(SETTLED, SETTLED + 30);
    uint32_t moved[2] = {0, 0};
    uint32_t stayed[SEGMENTS_MAX] = {0}; /* of kind 0 */
    for (uint32_t u = 0; u < USERS; u++) {
        moved[u % 10 == 0] += sim.users[u].segment != before[u];
        stayed[sim.users[u].segment] += u % 2 == 0 && u % 10 != 0;
    }
    uint32_t left = 0;
    for (uint32_t u = 0; u < USERS; u += 10) { /* into segments with a twentieth of these or less */
        left += stayed[sim.users[u].segment] < 320 / 20;
    }
    print_message("of 80 who changed %u have another label, %u left those of their old kind; of "
                  "720 others %u have another\n",
                  (unsigned)moved[1], (unsigned)left, (unsigned)moved[0]);
    assert_true(left > 70);
    end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fewer_than_1_percent_of_users_change_label_a_day),
        cmocka_unit_test(who_changes_his_habits_changes_label_within_a_month),
    };
    return cmocka_run_group_tests_name("segments_labels", tests, NULL, NULL);
}
