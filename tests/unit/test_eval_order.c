/* SPDX-License-Identifier: Apache-2.0
 *
 * test_eval_order.c -- the contract of eval_order.h, on small streams by hand and on random ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "eval_order.h"
#include "mix.h"

enum { N = 2000, USERS = 40, RUNS = 20 };

#define DAY_MS INT64_C(86400000)

/* The stream's names have no texts: nothing here looks at them. */
static struct eval_stream stream_of(struct eval_line *lines, size_t n, uint32_t users) {
    return (struct eval_stream){
        .lines = lines, .n = n, .users = {.n = users}, .items = {.n = N}, .n_domains = 3};
}

static void fill(struct eval_line *lines, uint64_t seed) {
    struct rng rng = {.state = seed};
    int64_t ts_ms = 0;
    for (uint32_t i = 0; i < N; i++) {
        ts_ms += rng_below(&rng, 4) == 0 ? (int64_t)rng_below(&rng, 6) * DAY_MS / 4 : 0;
        lines[i] = (struct eval_line){.ts_ms = ts_ms,
                                      .id = mix64(i),
                                      .user = rng_below(&rng, 8) * rng_below(&rng, USERS / 8),
                                      .item = i,
                                      .domain = (uint8_t)rng_below(&rng, 3),
                                      .action = (uint8_t)rng_below(&rng, 2)};
    }
}

static bool same_line(const struct eval_line *a, const struct eval_line *b) {
    return a->ts_ms == b->ts_ms && a->id == b->id && a->user == b->user && a->item == b->item &&
           a->domain == b->domain && a->action == b->action;
}

/* Item i was line i: every line must be there once, as it was. */
static void assert_multiset(const struct eval_stream *s, const struct eval_line *before) {
    bool seen[N] = {false};
    for (size_t i = 0; i < s->n; i++) {
        const uint32_t k = s->lines[i].item;
        assert_false(seen[k]);
        seen[k] = true;
        assert_true(same_line(&s->lines[i], &before[k]));
    }
}

/* ---- shuffle --------------------------------------------------------------------------- */

static void shuffling_moves_lines_only_among_those_of_their_user_and_moment(void **state) {
    (void)state;
    static struct eval_line before[N];
    static struct eval_line lines[N];
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        fill(before, seed);
        memcpy(lines, before, sizeof lines);
        struct eval_stream s = stream_of(lines, N, USERS);
        assert_int_equal(eval_order_shuffle(&s, seed), ST_OK);
        assert_multiset(&s, before);
        size_t moved = 0;
        for (size_t i = 0; i < N; i++) {
            assert_int_equal(lines[i].user, before[i].user);
            assert_int_equal(lines[i].ts_ms, before[i].ts_ms);
            moved += lines[i].item != before[i].item;
        }
        assert_true(moved > N / 8);
    }
}

static void every_order_of_three_lines_comes_up_equally_often(void **state) {
    (void)state;
    unsigned counts[27] = {0};
    for (uint64_t seed = 0; seed < 6000; seed++) {
        struct eval_line lines[3] = {{.item = 0}, {.item = 1}, {.item = 2}};
        struct eval_stream s = stream_of(lines, 3, 1);
        assert_int_equal(eval_order_shuffle(&s, seed), ST_OK);
        counts[lines[0].item * 9 + lines[1].item * 3 + lines[2].item]++;
    }
    static const unsigned orders[] = {5, 7, 11, 15, 19, 21}; /* 012 021 102 120 201 210 */
    for (size_t k = 0; k < 6; k++) {
        assert_in_range(counts[orders[k]], 850, 1150); /* 1000 +- 5 sd */
    }
}

static void the_same_seed_shuffles_alike_and_another_does_not(void **state) {
    (void)state;
    static struct eval_line a[N];
    static struct eval_line b[N];
    fill(a, 1);
    fill(b, 1);
    struct eval_stream s = stream_of(a, N, USERS);
    struct eval_stream t = stream_of(b, N, USERS);
    assert_int_equal(eval_order_shuffle(&s, 7), ST_OK);
    assert_int_equal(eval_order_shuffle(&t, 7), ST_OK);
    assert_memory_equal(a, b, sizeof a);
    fill(b, 1);
    assert_int_equal(eval_order_shuffle(&t, 8), ST_OK);
    assert_memory_not_equal(a, b, sizeof a);
}

/* ---- links ----------------------------------------------------------------------------- */

static void links_are_permuted_within_each_domain_but_the_first(void **state) {
    (void)state;
    static struct eval_line before[N];
    static struct eval_line lines[N];
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        fill(before, seed);
        memcpy(lines, before, sizeof lines);
        struct eval_stream s = stream_of(lines, N, USERS);
        assert_int_equal(eval_order_permute_links(&s, seed), ST_OK);
        uint32_t to[3][USERS];
        bool hit[3][USERS] = {{false}};
        size_t moved = 0;
        memset(to, 0xff, sizeof to);
        for (size_t i = 0; i < N; i++) {
            const uint8_t d = lines[i].domain;
            uint32_t *name = &to[d][before[i].user];
            if (*name == UINT32_MAX) { /* one to one */
                *name = lines[i].user;
                assert_false(hit[d][*name]);
                hit[d][*name] = true;
                moved += *name != before[i].user;
            }
            assert_int_equal(lines[i].user, *name);
            assert_true(d > 0 || *name == before[i].user);
            lines[i].user = before[i].user;
        }
        for (int d = 0; d < 3; d++) { /* the same users as before */
            for (uint32_t u = 0; u < USERS; u++) {
                assert_int_equal(to[d][u] != UINT32_MAX, hit[d][u]);
            }
        }
        assert_true(moved > USERS / 2);
        assert_multiset(&s, before);
    }
}

/* ---- orders ---------------------------------------------------------------------------- */

/* By definition: line k belongs to the event of line i. */
static bool belongs(const struct eval_line *i, const struct eval_line *k) {
    return i->ts_ms == k->ts_ms && i->user == k->user && i->domain == k->domain &&
           i->action == k->action;
}

static void joining_gives_whole_orders_at_the_place_of_their_first_line(void **state) {
    (void)state;
    static struct eval_line before[N];
    static struct eval_line lines[N];
    static struct eval_line wanted[N];
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        fill(before, seed);
        memcpy(lines, before, sizeof lines);
        struct eval_stream s = stream_of(lines, N, USERS);
        assert_int_equal(eval_order_join(&s), ST_OK);
        bool taken[N] = {false};
        size_t n = 0;
        for (size_t i = 0; i < N; i++) { /* naively, by three passes */
            for (size_t j = i; j < N && before[j].ts_ms == before[i].ts_ms; j++) {
                if (taken[j] || before[j].user != before[i].user) {
                    continue;
                }
                for (size_t k = j; k < N && before[k].ts_ms == before[i].ts_ms; k++) {
                    if (!taken[k] && belongs(&before[j], &before[k])) {
                        taken[k] = true;
                        wanted[n++] = before[k];
                    }
                }
            }
        }
        assert_int_equal(n, N);
        for (size_t i = 0; i < N; i++) {
            assert_true(same_line(&lines[i], &wanted[i]));
        }
    }
}

static void lines_are_events_of_their_own_without_orders(void **state) {
    (void)state;
    struct eval_line lines[] = {{.item = 0}, {.item = 1}, {.user = 1}};
    const struct eval_stream s = stream_of(lines, 3, 2);
    for (size_t at = 0; at < 3; at++) {
        assert_int_equal(eval_order_event(&s, at, false), at + 1);
        assert_int_equal(eval_order_batch(&s, at, false, false), at + 1);
    }
}

static void an_order_is_an_event_a_domain_and_one_batch(void **state) {
    (void)state;
    struct eval_line lines[] = {{.domain = 1}, {.domain = 1},
                                {.domain = 0}, {.domain = 0, .action = 1},
                                {.user = 1},   {.user = 1, .ts_ms = 1}};
    const struct eval_stream s = stream_of(lines, 6, 2);
    static const size_t events[] = {2, 3, 4, 5, 6};
    for (size_t k = 0, at = 0; k < 5; k++) {
        at = eval_order_event(&s, at, true);
        assert_int_equal(at, events[k]);
    }
    assert_int_equal(eval_order_batch(&s, 0, true, false), 4);
    assert_int_equal(eval_order_batch(&s, 4, true, false), 5);
    assert_int_equal(eval_order_batch(&s, 5, true, false), 6);
}

static void a_day_is_a_batch(void **state) {
    (void)state;
    struct eval_line lines[] = {{.ts_ms = DAY_MS - 1},
                                {.ts_ms = DAY_MS},
                                {.ts_ms = DAY_MS, .user = 1},
                                {.ts_ms = 2 * DAY_MS - 1},
                                {.ts_ms = 2 * DAY_MS}};
    const struct eval_stream s = stream_of(lines, 5, 2);
    assert_int_equal(eval_order_batch(&s, 0, false, true), 1);
    assert_int_equal(eval_order_batch(&s, 1, false, true), 4);
    assert_int_equal(eval_order_batch(&s, 4, true, true), 5);
    assert_int_equal(eval_order_event(&s, 1, false), 2);
}

static void an_order_longer_than_an_event_can_be_is_several_in_one_batch(void **state) {
    (void)state;
    enum { LONG = EVENT_LINES_MAX + 9 };
    static struct eval_line lines[LONG];
    const struct eval_stream s = stream_of(lines, LONG, 1);
    assert_int_equal(eval_order_event(&s, 0, true), EVENT_LINES_MAX);
    assert_int_equal(eval_order_event(&s, EVENT_LINES_MAX, true), LONG);
    assert_int_equal(eval_order_batch(&s, 0, true, false), LONG);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shuffling_moves_lines_only_among_those_of_their_user_and_moment),
        cmocka_unit_test(every_order_of_three_lines_comes_up_equally_often),
        cmocka_unit_test(the_same_seed_shuffles_alike_and_another_does_not),
        cmocka_unit_test(links_are_permuted_within_each_domain_but_the_first),
        cmocka_unit_test(joining_gives_whole_orders_at_the_place_of_their_first_line),
        cmocka_unit_test(lines_are_events_of_their_own_without_orders),
        cmocka_unit_test(an_order_is_an_event_a_domain_and_one_batch),
        cmocka_unit_test(a_day_is_a_batch),
        cmocka_unit_test(an_order_longer_than_an_event_can_be_is_several_in_one_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
