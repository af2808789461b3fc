/* SPDX-License-Identifier: Apache-2.0
 *
 * test_popularity_moves.c -- contract tests of models/popularity.h: what it is that two agree about
 * who meet a landmark's move at different events, and that counts have the room that is promised.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "fixed.h"
#include "mix.h"
#include "popularity.h"

enum { ITEMS = 4, DAYS = 60, EVENTS = DAYS * 1600 };

static const int64_t DAY = 86400000;
static const int64_t START = INT64_C(1767225600000);
static const int BITS[POP_CLOCKS] = {27, 24, 22, 20};

static struct popularity *new_popularity(void) {
    struct popularity *p = NULL;
    assert_int_equal(popularity_new(1, START, &p), ST_OK);
    assert_int_equal(popularity_reserve(p, ITEMS, NULL), ST_OK);
    return p;
}

/* ---- one event ------------------------------------------------------------------- */

/* Every clock but one is out of the way: an event is late for it. */
static struct popularity *only(int clock) {
    struct popularity *p = new_popularity();
    for (int k = 0; k < POP_CLOCKS; k++) {
        const int64_t to = START + 4000 * 180 / 7 * 7 * DAY;
        if (k != clock) {
            assert_int_equal(popularity_move(p, k, popularity_next_landmark(p, k, to)), ST_OK);
        }
    }
    return p;
}

/* Whether it is counted before the landmark moves or afterwards. */
static void an_event_weighs_the_same_on_both_sides_of_a_move_until_it_loses_a_bit(void **state) {
    (void)state;
    enum { N = 500, MOVE = 12 };
    struct rng rng = {.state = 5};
    print_message("seed %llu\n", (unsigned long long)rng.state);
    for (int k = 0; k < POP_CLOCKS; k++) {
        struct popularity *p = only(k);
        const int64_t half_life = popularity_half_life_ms[k];
        const int64_t to = START + MOVE * half_life;
        const int64_t late = (BITS[k] - 16) * half_life; /* 11 days, 8 weeks, 6 months, 2 years */
        int64_t ts[N], before[N], w[POP_CLOCKS];
        for (int e = 0; e < N; e++) {
            ts[e] = to - (e == 0 ? late : (int64_t)(rng_unit(&rng) * (double)late));
            assert_int_equal(popularity_weigh(p, ts[e], w), ST_OK);
            before[e] = w[k];
        }
        assert_int_equal(popularity_move(p, k, to), ST_OK);
        for (int e = 0; e < N; e++) {
            assert_int_equal(popularity_weigh(p, ts[e], w), ST_OK);
            assert_true(w[k] << MOVE == before[e]);
        }
        popularity_free(p);
    }
}

/* ---- two who read the same events ------------------------------------------------- */

struct told {
    int64_t ts_ms, at_ms; /* of the event; when it is read, in the time of the one who is ahead */
    uint32_t item;
};

static int by_reading(const void *a, const void *b) {
    const struct told *x = a;
    const struct told *y = b;
    if (x->at_ms != y->at_ms) {
        return x->at_ms < y->at_ms ? -1 : 1;
    }
    return x->ts_ms < y->ts_ms ? -1 : x->ts_ms > y->ts_ms;
}

struct count {
    struct popularity *p;
    uint32_t moves[POP_CLOCKS];
};

/* Every second event is read so many days after those that happened at its time. */
static struct count counted(uint64_t seed, int64_t behind_ms) {
    struct told *told = malloc(EVENTS * sizeof *told);
    struct count c = {.p = new_popularity()};
    struct rng rng = {seed};
    assert_non_null(told);
    for (int e = 0; e < EVENTS; e++) {
        told[e].ts_ms = START + (int64_t)(rng_unit(&rng) * (double)(DAYS * DAY));
        told[e].at_ms = told[e].ts_ms + (e % 2 ? behind_ms : 0);
        told[e].item = rng_below(&rng, ITEMS);
    }
    qsort(told, EVENTS, sizeof *told, by_reading);
    for (int e = 0; e < EVENTS; e++) {
        int64_t w[POP_CLOCKS];
        for (int k = 0; k < POP_CLOCKS; k++) {
            if (popularity_due(c.p, k, told[e].ts_ms)) {
                const int64_t to = popularity_next_landmark(c.p, k, told[e].ts_ms);
                assert_int_equal(popularity_move(c.p, k, to), ST_OK);
                c.moves[k]++;
            }
        }
        assert_int_equal(popularity_weigh(c.p, told[e].ts_ms, w), ST_OK);
        popularity_take(c.p, told[e].item, 0, told[e].ts_ms, w, FIXED_ONE);
    }
    free(told);
    return c;
}

/* The largest difference of an item's counts, in 2^-20 at the later landmark, a move. */
static double difference(const struct count *a, const struct count *b, int clock) {
    const int64_t at = popularity_landmark(a->p, clock);
    double most = 0.0;
    if (popularity_landmark(b->p, clock) != at) {
        assert_true(popularity_landmark(b->p, clock) < at);
        assert_int_equal(popularity_move(b->p, clock, at), ST_OK);
    }
    for (uint32_t i = 0; i < ITEMS; i++) {
        const double x = popularity_count_to(popularity_count(a->p, i, clock), clock);
        const double y = popularity_count_to(popularity_count(b->p, i, clock), clock);
        most = fmax(most, fabs(x - y) * 0x1p20);
    }
    return most / fmax(1.0, a->moves[clock]);
}

/* As instances do that begin with an input that was there before them. Days apart: the first clock
 * loses bits from 11 days on, and of 60 days most. */
static void readers_weeks_apart_count_alike_within_2_to_the_minus_20_a_move(void **state) {
    (void)state;
    static const int64_t days[] = {1, 5, 11, 20, 60};
    for (uint64_t seed = 1; seed <= 2; seed++) {
        struct count a = counted(seed, 0);
        assert_true(a.moves[0] == DAYS / POP_MOVE && a.moves[1] == 1);
        for (size_t k = 0; k < sizeof days / sizeof *days; k++) {
            struct count b = counted(seed, days[k] * DAY);
            for (int clock = 0; clock < POP_CLOCKS; clock++) {
                const double off = popularity_landmark(a.p, clock) < popularity_landmark(b.p, clock)
                                       ? difference(&b, &a, clock)
                                       : difference(&a, &b, clock);
                print_message("seed %d, %d days apart, clock %d: %.3f 2^-20 a move\n", (int)seed,
                              (int)days[k], clock, off);
                assert_true(off <= 1.0);
            }
            popularity_free(b.p);
        }
        popularity_free(a.p);
    }
}

/* ---- room ------------------------------------------------------------------------ */

/* 2^17 events a second of one item, for forty half-lives; a sum that wraps shows in its lg. */
static void so_many_as_2_to_17_events_a_second_have_room(void **state) {
    (void)state;
    enum { STEPS = 64 }; /* of a half-life */
    for (int k = 0; k < POP_CLOCKS; k++) {
        struct popularity *p = only(k);
        const int64_t step_ms = popularity_half_life_ms[k] / STEPS;
        const double rate = 0x1p17 * (double)step_ms / 1000.0; /* events a step */
        double want = 0.0; /* events, at the time of the last one */
        for (int n = 1; n <= 40 * STEPS; n++) {
            const int64_t ts = START + n * step_ms;
            int64_t w[POP_CLOCKS];
            if (popularity_due(p, k, ts)) {
                const int64_t to = popularity_next_landmark(p, k, ts);
                assert_int_equal(popularity_move(p, k, to), ST_OK);
            }
            assert_int_equal(popularity_weigh(p, ts, w), ST_OK);
            struct popularity_sum sum = {.first_ms = ts, .last_ms = ts, .count = 1};
            sum.w[k] = w[k] * (int64_t)rate;
            popularity_add(p, 0, 0, &sum);
            want = want * exp2(-1.0 / STEPS) + rate;
            const double ahead =
                (double)(ts - popularity_landmark(p, k)) / (double)popularity_half_life_ms[k];
            const double got = (double)popularity_lg_sum(p, 0, k) - ahead;
            assert_true(popularity_count(p, 0, k) > 0 && fabs(got - log2(want)) < 1e-3);
        }
        popularity_free(p);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_weighs_the_same_on_both_sides_of_a_move_until_it_loses_a_bit),
        cmocka_unit_test(readers_weeks_apart_count_alike_within_2_to_the_minus_20_a_move),
        cmocka_unit_test(so_many_as_2_to_17_events_a_second_have_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
