/* SPDX-License-Identifier: Apache-2.0
 *
 * test_popularity.c -- contract tests of models/popularity.h.
 *
 * The truth is `struct truth`: the same integer sums in plain arrays, moved by
 * long double division, with top lists found by sorting everything.
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

#include "failing_alloc.h"
#include "fixed.h"
#include "mix.h"
#include "popularity.h"

enum { N_DOMAINS = 2, ITEMS = 320 };

static const int64_t HOUR = 3600000;
static const int64_t DAY = 86400000;
static const int64_t YEAR = INT64_C(86400000) * 365;
static const int64_t START = INT64_C(1767225600000); /* a landmark, like any other */
static const double HALF_LIFE_DAYS[POP_CLOCKS] = {1, 7, 30, 180};

static struct popularity *new_popularity(uint32_t n_items) {
    struct popularity *p = NULL;
    assert_int_equal(popularity_new(N_DOMAINS, START, &p), ST_OK);
    assert_int_equal(popularity_reserve(p, n_items, NULL), ST_OK);
    return p;
}

static int setup(void **state) {
    *state = new_popularity(ITEMS);
    return 0;
}

static int teardown(void **state) {
    popularity_free(*state);
    return 0;
}

static void assert_near(double got, double want, double tolerance) {
    if (!(fabs(got - want) <= tolerance)) {
        fail_msg("%.9g is not within %.3g of %.9g", got, tolerance, want);
    }
}

/* ---- the truth -------------------------------------------------------------- */

struct truth {
    int64_t c[ITEMS][POP_CLOCKS];
    int64_t first_ms[ITEMS], last_ms[ITEMS];
    uint32_t count[ITEMS];
    uint64_t events[N_DOMAINS];
};

static uint8_t domain_of(uint32_t i) {
    return (uint8_t)(i % N_DOMAINS);
}

static void truth_take(struct truth *t, uint32_t i, int64_t ts_ms, const int64_t *w) {
    for (int k = 0; k < POP_CLOCKS; k++) {
        t->c[i][k] += w[k];
    }
    if (t->count[i]++ == 0) {
        t->first_ms[i] = t->last_ms[i] = ts_ms;
    }
    t->first_ms[i] = ts_ms < t->first_ms[i] ? ts_ms : t->first_ms[i];
    t->last_ms[i] = ts_ms > t->last_ms[i] ? ts_ms : t->last_ms[i];
    t->events[domain_of(i)]++;
}

static void truth_untake(struct truth *t, uint32_t i, const int64_t *w) {
    for (int k = 0; k < POP_CLOCKS; k++) {
        t->c[i][k] -= w[k];
    }
    if (--t->count[i] == 0) {
        t->first_ms[i] = t->last_ms[i] = 0;
    }
    t->events[domain_of(i)]--;
}

/* long double holds every int64 and its halves exactly. */
static int64_t truth_shifted(int64_t c, int half_lives) {
    return (int64_t)roundl(ldexpl((long double)c, -half_lives));
}

static void truth_move(struct truth *t, int clock, int half_lives) {
    for (uint32_t i = 0; i < ITEMS; i++) {
        t->c[i][clock] = truth_shifted(t->c[i][clock], half_lives);
    }
}

static const int BITS[POP_CLOCKS] = {27, 24, 22, 20};

static double lg_units(int64_t c, int clock) {
    return c > 0 ? log2((double)c) - BITS[clock] : -1e9;
}

struct ranked {
    int64_t c;
    uint32_t i;
};

static int by_count_then_index(const void *a, const void *b) {
    const struct ranked *x = a;
    const struct ranked *y = b;
    if (x->c != y->c) {
        return x->c > y->c ? -1 : 1;
    }
    return x->i < y->i ? -1 : 1;
}

static void assert_top_exact(const struct truth *t, const struct popularity *p, uint8_t domain,
                             int clock) {
    struct ranked all[ITEMS];
    size_t n = 0;
    for (uint32_t i = 0; i < ITEMS; i++) {
        if (domain_of(i) == domain && t->c[i][clock] > 0) {
            all[n++] = (struct ranked){t->c[i][clock], i};
        }
    }
    qsort(all, n, sizeof *all, by_count_then_index);
    n = n < POP_TOP ? n : POP_TOP;

    const uint32_t *items = NULL;
    assert_int_equal(popularity_top(p, domain, clock, &items), n);
    bool in_list[ITEMS] = {false};
    for (size_t x = 0; x < n; x++) {
        assert_true(items[x] < ITEMS && !in_list[items[x]]);
        in_list[items[x]] = true;
    }
    for (size_t x = 0; x < n; x++) {
        assert_true(in_list[all[x].i]);
    }
    for (uint32_t i = 0; i < ITEMS; i++) {
        if (domain_of(i) == domain) {
            assert_int_equal(popularity_hot(p)[i].listed >> clock & 1U, in_list[i]);
        }
    }
}

/* All of a domain's lists together: in their order, each item once. */
static void assert_together_exact(const struct popularity *p, uint8_t domain) {
    uint32_t want[POP_LISTS * POP_TOP];
    bool seen[ITEMS] = {false};
    uint32_t n = 0;
    const uint32_t *items = NULL;
    for (int k = 0; k < POP_LISTS; k++) {
        const uint32_t n_top = popularity_top(p, domain, k, &items);
        for (uint32_t x = 0; x < n_top; x++) {
            want[n] = items[x];
            n += !seen[items[x]];
            seen[items[x]] = true;
        }
    }
    assert_int_equal(popularity_tops(p, domain, &items), n);
    assert_true(n == 0 || memcmp(items, want, n * sizeof *want) == 0);
}

static void assert_tops_exact(const struct truth *t, const struct popularity *p) {
    for (uint8_t d = 0; d < N_DOMAINS; d++) {
        assert_together_exact(p, d);
        for (int k = 0; k < POP_LISTS; k++) {
            assert_top_exact(t, p, d, k);
        }
    }
}

static void assert_hot(const struct truth *t, struct popularity *p, uint32_t i) {
    const struct pop_hot *h = &popularity_hot(p)[i];
    const double n = t->count[i];
    for (int k = 0; k < POP_CLOCKS; k++) {
        assert_true(popularity_count(p, i, k) == t->c[i][k]);
        assert_near((double)h->lg[k], lg_units(t->c[i][k], k), 1e-5);
    }
    assert_int_equal(h->count, t->count[i]);
    assert_near((double)h->cnt, .25 * log2(1 + n) - 1, 1e-6);
    assert_near((double)h->inv4, pow(n + 5, -.4), 1e-6);
    assert_true(popularity_met(p)[i].inv4 == h->inv4);
    assert_near((double)h->inv6, pow(n + 5, -.6), 1e-6);
    assert_near((double)h->inv2, 1 / (n + 2), 1e-6);
    assert_true(h->first_ms == t->first_ms[i]);
    assert_true(h->last_ms == t->last_ms[i]);
}

static void assert_agrees(const struct truth *t, struct popularity *p) {
    int64_t sum[N_DOMAINS][POP_CLOCKS] = {{0}};
    for (uint32_t i = 0; i < ITEMS; i++) {
        assert_hot(t, p, i);
        for (int k = 0; k < POP_CLOCKS; k++) {
            sum[domain_of(i)][k] += t->c[i][k];
        }
    }
    for (uint8_t d = 0; d < N_DOMAINS; d++) {
        assert_true(popularity_events(p, d) == t->events[d]);
        for (int k = 0; k < POP_CLOCKS; k++) {
            assert_near((double)popularity_lg_sum(p, d, k), lg_units(sum[d][k], k), 1e-5);
        }
    }
    assert_tops_exact(t, p);
}

static void take(struct popularity *p, uint32_t i, int64_t ts_ms) {
    int64_t w[POP_CLOCKS];
    assert_int_equal(popularity_weigh(p, ts_ms, w), ST_OK);
    popularity_take(p, i, domain_of(i), ts_ms, w, FIXED_ONE);
}

static void untake(struct popularity *p, uint32_t i, int64_t ts_ms) {
    int64_t w[POP_CLOCKS];
    assert_int_equal(popularity_weigh(p, ts_ms, w), ST_OK);
    popularity_untake(p, i, domain_of(i), w, FIXED_ONE);
}

/* n_i is the sum of what the events weigh; `count` counts events. */
static void what_events_weigh_adds_up_and_is_taken_back(void **state) {
    struct popularity *p = *state;
    struct rng rng = {61};
    int64_t weight[60];
    int64_t w[60][POP_CLOCKS];
    double n = 0.0;
    for (uint32_t e = 0; e < 60; e++) {
        weight[e] = 1 + (int64_t)rng_below(&rng, 100 * (uint32_t)FIXED_ONE);
        n += (double)weight[e] / 1048576.0;
        assert_int_equal(popularity_weigh(p, START + e * HOUR, w[e]), ST_OK);
        popularity_weigh_times(w[e], weight[e]);
        popularity_take(p, 4, domain_of(4), START + e * HOUR, w[e], weight[e]);
        const struct pop_hot *h = &popularity_hot(p)[4];
        assert_int_equal(h->count, e + 1);
        assert_true(fabs((double)h->inv2 * (n + 2.0) - 1.0) < 1e-6);
        assert_true(fabs((double)h->inv4 * pow(n + 5.0, .4) - 1.0) < 1e-5);
        assert_true(fabs((double)h->inv6 * pow(n + 5.0, .6) - 1.0) < 1e-5);
        assert_true(fabs((double)h->cnt - (.25 * log2(1.0 + n) - 1.0)) < 1e-5);
    }
    struct pop_hot never = popularity_hot(p)[5];
    for (uint32_t e = 0; e < 60; e++) { /* in another order */
        popularity_untake(p, 4, domain_of(4), w[e], weight[e]);
    }
    for (int k = 0; k < POP_LISTS; k++) { /* `listed` is of lists that were read */
        const uint32_t *items = NULL;
        assert_int_equal(popularity_top(p, domain_of(4), k, &items), 0);
    }
    assert_memory_equal(&popularity_hot(p)[4], &never, sizeof never);
    assert_int_equal(popularity_count(p, 4, 2), 0);
}

/* ---- popularity_new, _free, _reserve ------------------------------------------ */

static void it_has_1_to_16_domains(void **state) {
    (void)state;
    struct popularity *p = NULL;
    assert_int_equal(popularity_new(0, 0, &p), ST_INVALID);
    assert_int_equal(popularity_new(DOMAINS_MAX + 1, 0, &p), ST_INVALID);
    assert_null(p);
    assert_int_equal(popularity_new(DOMAINS_MAX, 0, &p), ST_OK);
    popularity_free(p);
    popularity_free(NULL);
}

static void a_candidate_is_one_cache_line(void **state) {
    struct popularity *p = *state;
    assert_int_equal(sizeof(struct pop_hot), 64);
    for (uint32_t n = ITEMS; n < 5000; n += 613) {
        assert_int_equal(popularity_reserve(p, n, NULL), ST_OK);
        assert_int_equal((uintptr_t)popularity_hot(p) % 64, 0);
    }
}

static void what_was_never_taken_is_empty(void **state) {
    static const struct truth nothing;
    assert_agrees(&nothing, *state);
    const uint32_t *items = NULL;
    assert_int_equal(popularity_recent(*state, 0, &items), 0);
    assert_true(popularity_hot(*state)[5].obs == 0.0F && popularity_hot(*state)[5].exp == 0.0F);
}

static void growing_keeps_what_was_counted(void **state) {
    struct popularity *p = *state;
    static struct truth t;
    int64_t w[POP_CLOCKS];
    memset(&t, 0, sizeof t);
    for (uint32_t e = 0; e < 1000; e++) {
        const uint32_t i = e * 7 % ITEMS;
        assert_int_equal(popularity_weigh(p, START + e * HOUR / 10, w), ST_OK);
        popularity_take(p, i, domain_of(i), START + e * HOUR / 10, w, FIXED_ONE);
        truth_take(&t, i, START + e * HOUR / 10, w);
    }
    popularity_obs_add(p, 3, 2 * FIXED_ONE, FIXED_ONE);
    const size_t bytes = popularity_bytes(p);
    assert_int_equal(popularity_reserve(p, 10000, NULL), ST_OK);
    assert_true(popularity_bytes(p) >= bytes + (10000 - 2 * ITEMS) * 64);
    assert_int_equal(popularity_reserve(p, 1, NULL), ST_OK); /* never shrinks */
    assert_agrees(&t, p);
    assert_true(popularity_hot(p)[3].obs == 2.0F && popularity_hot(p)[3].exp == 1.0F);
    assert_int_equal(popularity_hot(p)[9999].count, 0);
}

/* Also when the numbers of searches begin anew, and of items that came later. */
static void no_item_has_a_mark_of_a_search_that_begins(void **state) {
    (void)state;
    enum { SEARCHES = 3 * POP_MARKS };
    struct popularity *p = NULL;
    uint32_t n = 3;
    assert_int_equal(popularity_new(1, 0, &p), ST_OK);
    for (uint32_t s = 0; s < SEARCHES; s++) {
        if (s % 10000 == 0) {
            n++;
            assert_int_equal(popularity_reserve(p, n, NULL), ST_OK);
        }
        const uint32_t first = popularity_search(p);
        struct pop_met *met = popularity_met(p);
        for (uint32_t i = 0; i < n; i++) {
            assert_true(met[i].mark - first >= POP_MARKS);
        }
        met[s % n].mark = first; /* the others keep older ones */
        met[(s + 1) % n].mark = first + POP_MARKS - 1;
    }
    popularity_free(p);
}

static void a_failed_allocation_changes_nothing(void **state) {
    if (!CAN_FAIL) {
        skip();
    }
    struct popularity *p = NULL;
    for (int k = 0; k < 2; k++) {
        fail_after(k);
        assert_int_equal(popularity_new(1, 0, &p), ST_NOMEM);
        fail_after(-1);
        assert_null(p);
    }
    p = *state;
    take(p, 1, START);
    const struct pop_hot *hot = popularity_hot(p);
    const size_t bytes = popularity_bytes(p);
    for (int k = 0; k < 2; k++) {
        fail_after(k);
        assert_int_equal(popularity_reserve(p, 100 * ITEMS, NULL), ST_NOMEM);
        fail_after(-1);
        assert_ptr_equal(popularity_hot(p), hot);
        assert_int_equal(popularity_hot(p)[1].count, 1);
        assert_int_equal(popularity_bytes(p), bytes);
    }
    assert_int_equal(popularity_reserve(p, 100 * ITEMS, NULL), ST_OK);
    assert_int_equal(popularity_hot(p)[1].count, 1);
}

/* ---- landmarks and weights ----------------------------------------------------- */

static void an_event_weighs_two_to_its_age_in_half_lives(void **state) {
    struct popularity *p = *state;
    struct rng rng = {.state = 1};
    print_message("seed %llu\n", (unsigned long long)rng.state);
    for (int e = 0; e < 2000; e++) {
        const double days = rng_unit(&rng) * 112 - 100; /* late ones, too; at most 12 */
        const int64_t ts = START + (int64_t)(days * (double)DAY);
        int64_t w[POP_CLOCKS];
        assert_int_equal(popularity_weigh(p, ts, w), ST_OK);
        for (int k = 0; k < POP_CLOCKS; k++) {
            const double z = (double)(ts - START) / (double)DAY / HALF_LIFE_DAYS[k];
            const double want = ldexp(exp2(z), BITS[k]);
            assert_near((double)w[k], want, .5 + want * 0x1p-17);
        }
    }
}

/* Also where the product has more than 63 bits. */
static void weights_times_what_an_event_weighs_are_exact(void **state) {
    (void)state;
    struct rng rng = {.state = 6};
    const int64_t top = INT64_C(1) << 39;
    for (int n = 0; n < 5000; n++) {
        const int64_t w = n == 0 ? top : (int64_t)(rng_next(&rng) >> (25 + rng_below(&rng, 39)));
        const int64_t most = EVENT_WEIGHT_MAX * FIXED_ONE;
        const int64_t weight = n < 2 ? most : 1 + (int64_t)(rng_unit(&rng) * (double)(most - 1));
        int64_t got[POP_CLOCKS] = {w, 0, 1, w};
        popularity_weigh_times(got, weight);
        const long double want = floorl((long double)w * (long double)weight / 0x1p20L + 0.5L);
        assert_true(got[0] == got[3] && got[1] == 0 && got[2] == fixed_times(1, weight));
        assert_true(fabsl((long double)got[0] - want) <= ldexpl(want, -62)); /* 64 bits */
        popularity_weigh_times(got, FIXED_ONE);
        assert_true(got[2] == fixed_times(1, weight));
    }
}

static void the_half_lives_are_1_7_30_and_180_days(void **state) {
    (void)state;
    for (int k = 0; k < POP_CLOCKS; k++) {
        assert_true((double)popularity_half_life_ms[k] == HALF_LIFE_DAYS[k] * 86400000.0);
    }
}

static void a_late_event_weighs_less_down_to_nothing(void **state) {
    struct popularity *p = *state;
    const int64_t late[] = {START - DAY, START - 22 * DAY, START - 4000 * YEAR, INT64_MIN};
    const int64_t first_clock[] = {INT64_C(1) << 26, 1 << 5, 0, 0};
    int64_t w[POP_CLOCKS];
    for (int e = 0; e < 4; e++) {
        assert_int_equal(popularity_weigh(p, late[e], w), ST_OK);
        assert_true(w[0] == first_clock[e]);
        for (int k = 1; k < POP_CLOCKS; k++) {
            assert_true(popularity_count_to(w[k - 1], k - 1) <= popularity_count_to(w[k], k));
        }
        assert_true(popularity_count_to(w[3], 3) < 1.0);
    }
    popularity_take(p, 4, 0, INT64_MIN, w, FIXED_ONE); /* weighs nothing, but was taken */
    assert_int_equal(popularity_hot(p)[4].count, 1);
    assert_true(popularity_hot(p)[4].lg[0] == -1e9F);
    const uint32_t *items = NULL;
    assert_int_equal(popularity_top(p, 0, 0, &items), 0);
}

static void no_weight_is_above_2_to_39_units_or_of_16_half_lives_ahead(void **state) {
    struct popularity *p = *state;
    int64_t w[POP_CLOCKS] = {-7, -7, -7, -7};
    assert_int_equal(popularity_weigh(p, START + 12 * DAY + 1, w), ST_RANGE);
    assert_int_equal(popularity_weigh(p, START + 50 * YEAR, w), ST_RANGE);
    assert_int_equal(popularity_weigh(p, INT64_MAX, w), ST_RANGE);
    for (int k = 0; k < POP_CLOCKS; k++) {
        assert_true(w[k] == -7);
    }
    /* each clock has a limit of its own */
    static const int64_t days[POP_CLOCKS] = {12, 15 * 7, 16 * 30, 16 * 180};
    for (int k = 0; k < POP_CLOCKS; k++) {
        const int64_t at = START + days[k] * DAY;
        assert_int_equal(popularity_weigh(p, at + 1, w), ST_RANGE);
        assert_int_equal(popularity_weigh(p, at, w), ST_OK);
        assert_true(w[k] == INT64_C(1) << (k < 2 ? 39 : BITS[k] + 16));
        assert_int_equal(popularity_move(p, k, START + 8000 * popularity_half_life_ms[k]), ST_OK);
    }
}

static void a_move_is_due_after_8_half_lives(void **state) {
    struct popularity *p = *state;
    for (int k = 0; k < POP_CLOCKS; k++) {
        const int64_t h = popularity_half_life_ms[k];
        assert_true(popularity_landmark(p, k) == START);
        assert_false(popularity_due(p, k, INT64_MIN));
        assert_false(popularity_due(p, k, START));
        assert_false(popularity_due(p, k, START + 8 * h - 1));
        assert_true(popularity_due(p, k, START + 8 * h));
        assert_true(popularity_due(p, k, INT64_MAX));
        assert_true(popularity_next_landmark(p, k, START - 5) == START);
        assert_true(popularity_next_landmark(p, k, START + h - 1) == START);
        assert_true(popularity_next_landmark(p, k, START + 9 * h + 5) == START + 9 * h);
    }
}

static void a_sum_near_the_limit_makes_a_move_due_early(void **state) {
    struct popularity *p = *state;
    const int64_t w[POP_CLOCKS] = {1, INT64_C(1) << 61, 1, 1};
    popularity_take(p, 0, 0, START, w, FIXED_ONE);
    assert_false(popularity_due(p, 1, START + 7 * DAY));
    popularity_take(p, 2, 0, START, w, FIXED_ONE);
    assert_true(popularity_due(p, 1, START + 7 * DAY));
    assert_false(popularity_due(p, 1, START + 7 * DAY - 1));
    assert_false(popularity_due(p, 0, START + 7 * DAY));
}

/* ---- taking and taking back ------------------------------------------------------ */

static void untake_restores_every_bit(void **state) {
    struct popularity *p = *state;
    struct rng rng = {.state = 3};
    print_message("seed %llu\n", (unsigned long long)rng.state);
    for (int e = 0; e < 3000; e++) {
        take(p, rng_below(&rng, ITEMS), START + (int64_t)(rng_unit(&rng) * 7e8));
    }
    const uint32_t *items = NULL;
    for (uint8_t d = 0; d < N_DOMAINS; d++) {
        for (int k = 0; k < POP_LISTS; k++) {
            (void)popularity_top(p, d, k, &items);
        }
    }
    struct pop_hot before[ITEMS];
    memcpy(before, popularity_hot(p), sizeof before);
    const float lg_sum = popularity_lg_sum(p, 1, 2);

    enum { N = 500 };
    uint32_t item[N];
    int64_t ts[N];
    for (int e = 0; e < N; e++) {
        item[e] = rng_below(&rng, ITEMS);
        ts[e] = START + (int64_t)(rng_unit(&rng) * 7e8);
        take(p, item[e], ts[e]);
    }
    for (int e = 0; e < N; e++) { /* in another order than taken */
        untake(p, item[e], ts[e]);
    }
    for (uint8_t d = 0; d < N_DOMAINS; d++) {
        for (int k = 0; k < POP_LISTS; k++) {
            (void)popularity_top(p, d, k, &items);
        }
    }
    for (uint32_t i = 0; i < ITEMS; i++) {
        struct pop_hot now = popularity_hot(p)[i];
        now.first_ms = before[i].first_ms; /* minima and maxima stay */
        now.last_ms = before[i].last_ms;
        assert_memory_equal(&now, &before[i], sizeof now);
    }
    assert_true(popularity_lg_sum(p, 1, 2) == lg_sum);
    assert_int_equal(popularity_events(p, 0) + popularity_events(p, 1), 3000);
}

static void the_order_of_events_does_not_matter(void **state) {
    struct popularity *p = *state;
    struct popularity *q = new_popularity(ITEMS);
    enum { N = 4000 };
    static struct truth t;
    memset(&t, 0, sizeof t);
    uint32_t item[N];
    int64_t ts[N];
    struct rng rng = {.state = 4};
    print_message("seed %llu\n", (unsigned long long)rng.state);
    for (int e = 0; e < N; e++) {
        item[e] = rng_below(&rng, 1 + rng_below(&rng, ITEMS));
        ts[e] = START + (int64_t)rng_below(&rng, 12) * DAY; /* many ties */
        int64_t w[POP_CLOCKS];
        assert_int_equal(popularity_weigh(p, ts[e], w), ST_OK);
        popularity_take(p, item[e], domain_of(item[e]), ts[e], w, FIXED_ONE);
        truth_take(&t, item[e], ts[e], w);
    }
    for (int e = N - 1; e >= 0; e--) {
        take(q, item[e], ts[e]);
    }
    assert_agrees(&t, p);
    assert_agrees(&t, q);
    popularity_free(q);
}

/* A random life: events in and out of order, taken back now and then, landmarks moved
 * when due, and read at random times. Half of the seeds have times of whole days, where
 * ties are the rule. */
enum { LIVE = 400 };

struct life {
    struct popularity *p;
    struct truth *t;
    struct rng rng;
    int64_t now_ms, grain_ms;
    uint32_t item[LIVE]; /* a sample of what was taken and can be taken back */
    int64_t ts[LIVE];
    uint32_t n_live;
};

static void life_move(struct life *l) {
    for (int k = 0; k < POP_CLOCKS; k++) {
        if (popularity_due(l->p, k, l->now_ms)) {
            const int64_t from = popularity_landmark(l->p, k);
            const int64_t to = popularity_next_landmark(l->p, k, l->now_ms);
            assert_int_equal(popularity_move(l->p, k, to), ST_OK);
            assert_true(popularity_landmark(l->p, k) == to);
            truth_move(l->t, k, (int)((to - from) / popularity_half_life_ms[k]));
        }
    }
}

static void life_take(struct life *l) {
    const uint32_t i = rng_below(&l->rng, 1 + rng_below(&l->rng, ITEMS));
    int64_t ts = l->now_ms;
    if (rng_below(&l->rng, 10) == 0) {
        ts -= (int64_t)(rng_unit(&l->rng) * 20 * (double)DAY);
    }
    ts -= ts % l->grain_ms;
    int64_t w[POP_CLOCKS];
    assert_int_equal(popularity_weigh(l->p, ts, w), ST_OK);
    popularity_take(l->p, i, domain_of(i), ts, w, FIXED_ONE);
    truth_take(l->t, i, ts, w);
    const uint32_t at = l->n_live < LIVE ? l->n_live++ : rng_below(&l->rng, LIVE);
    l->item[at] = i;
    l->ts[at] = ts;
}

static void life_untake(struct life *l) {
    if (l->n_live == 0) {
        return;
    }
    const uint32_t at = rng_below(&l->rng, l->n_live);
    int64_t w[POP_CLOCKS];
    assert_int_equal(popularity_weigh(l->p, l->ts[at], w), ST_OK);
    popularity_untake(l->p, l->item[at], domain_of(l->item[at]), w, FIXED_ONE);
    truth_untake(l->t, l->item[at], w);
    l->n_live--;
    l->item[at] = l->item[l->n_live];
    l->ts[at] = l->ts[l->n_live];
}

static void live(uint64_t seed) {
    static struct truth t;
    memset(&t, 0, sizeof t);
    struct life l = {.p = new_popularity(ITEMS),
                     .t = &t,
                     .rng = {.state = seed},
                     .now_ms = START,
                     .grain_ms = seed % 2 ? DAY : 1};
    for (int step = 0; step < 4000; step++) {
        const uint32_t op = rng_below(&l.rng, 100);
        if (op < 70) {
            l.now_ms += (int64_t)(rng_unit(&l.rng) * 2 * (double)HOUR);
            life_move(&l);
            life_take(&l);
        } else if (op < 90) {
            life_untake(&l);
        } else if (op == 90 && rng_below(&l.rng, 10) == 0) {
            l.now_ms += (int64_t)(rng_unit(&l.rng) * 60 * (double)DAY);
        } else if (op < 99) {
            const uint8_t d = (uint8_t)rng_below(&l.rng, N_DOMAINS);
            assert_top_exact(&t, l.p, d, (int)rng_below(&l.rng, POP_LISTS));
        } else {
            assert_agrees(&t, l.p);
        }
    }
    assert_agrees(&t, l.p);
    popularity_free(l.p);
}

static void any_sequence_of_take_untake_and_move_is_exact(void **state) {
    (void)state;
    for (uint64_t seed = 100; seed < 120; seed++) {
        print_message("seed %llu\n", (unsigned long long)seed);
        live(seed);
    }
}

static void ties_go_to_the_smaller_index(void **state) {
    struct popularity *p = *state;
    static struct truth t;
    memset(&t, 0, sizeof t);
    for (uint32_t i = ITEMS; i-- > 0;) { /* the larger ones come first */
        int64_t w[POP_CLOCKS];
        /* a little more for the larger index: a tie only after the move */
        for (int k = 0; k < POP_CLOCKS; k++) {
            w[k] = k == 1 ? FIXED_ONE + i : FIXED_ONE;
        }
        popularity_take(p, i, domain_of(i), START, w, FIXED_ONE);
        truth_take(&t, i, START, w);
    }
    assert_tops_exact(&t, p);
    assert_int_equal(popularity_hot(p)[0].listed, 5); /* lists 0 and 2 */
    assert_int_equal(popularity_hot(p)[ITEMS - 1].listed, 2);
    assert_int_equal(popularity_move(p, 1, START + 16 * 7 * DAY), ST_OK);
    truth_move(&t, 1, 16);
    assert_tops_exact(&t, p);
    assert_int_equal(popularity_hot(p)[0].listed, 7);
    assert_int_equal(popularity_hot(p)[ITEMS - 1].listed, 0);
}

static void the_recent_list_is_the_last_50_newest_last(void **state) {
    struct popularity *p = *state;
    const uint32_t *items = NULL;
    for (uint32_t n = 1; n <= 3 * POP_RECENT + 7; n++) {
        take(p, 2 * n % ITEMS, START); /* domain 0 */
        const uint32_t want = n < POP_RECENT ? n : POP_RECENT;
        assert_int_equal(popularity_recent(p, 0, &items), want);
        for (uint32_t x = 0; x < want; x++) {
            assert_int_equal(items[x], 2 * (n - want + 1 + x) % ITEMS);
        }
    }
    untake(p, items[POP_RECENT - 1], START); /* stays in the list */
    take(p, 8, START);
    assert_int_equal(popularity_recent(p, 0, &items), POP_RECENT);
    assert_int_equal(items[POP_RECENT - 1], 8);
    assert_int_equal(items[POP_RECENT - 2], 2 * (3 * POP_RECENT + 7) % ITEMS);
    assert_int_equal(popularity_recent(p, 1, &items), 0);
}

/* ---- popularity_move -------------------------------------------------------------- */

static void a_move_by_anything_but_whole_half_lives_is_refused(void **state) {
    struct popularity *p = *state;
    static struct truth t;
    memset(&t, 0, sizeof t);
    int64_t w[POP_CLOCKS];
    assert_int_equal(popularity_weigh(p, START + DAY, w), ST_OK);
    popularity_take(p, 1, 1, START + DAY, w, FIXED_ONE);
    truth_take(&t, 1, START + DAY, w);
    assert_int_equal(popularity_move(p, 1, START + 7 * DAY - 1), ST_INVALID);
    assert_int_equal(popularity_move(p, 1, START + 7 * DAY + 1), ST_INVALID);
    assert_int_equal(popularity_move(p, 1, START - 7 * DAY), ST_INVALID);
    assert_int_equal(popularity_move(p, 1, INT64_MIN), ST_INVALID);
    /* backwards, but a whole number of half-lives modulo 2^64 */
    const uint64_t half_life = 7 * (uint64_t)DAY;
    const int64_t wrapped = (int64_t)((0 - half_life) % half_life);
    assert_int_equal(popularity_move(p, 1, START - wrapped), ST_INVALID);
    assert_true(popularity_landmark(p, 1) == START);
    assert_agrees(&t, p);
    assert_int_equal(popularity_move(p, 1, START), ST_OK); /* by none: nothing moves */
    assert_agrees(&t, p);
}

/* Every count near a tie of rounding, for every shift, of both signs. */
static void a_move_rounds_to_nearest(void **state) {
    (void)state;
    static const int64_t base[] = {0, 1, 3, 255, 256, 1 << 20, INT64_C(1) << 40, INT64_C(1) << 61};
    enum { BASES = sizeof base / sizeof *base };
    for (int shift = 0; shift < 70; shift++) {
        struct popularity *p = new_popularity(ITEMS);
        static struct truth t;
        memset(&t, 0, sizeof t);
        for (uint32_t i = 0; i < BASES * 8; i++) {
            int64_t half = shift > 0 && shift < 40 ? INT64_C(1) << (shift - 1) : 0;
            int64_t c = base[i / 8] + (int64_t)(i % 4) - 1 + half;
            /* the sums of a domain must not overflow: large counts come in pairs */
            c = i % 8 < 4 ? c : -c;
            const int64_t w[POP_CLOCKS] = {c, 0, 0, 0};
            popularity_take(p, i, domain_of(i), START, w, FIXED_ONE);
            truth_take(&t, i, START, w);
        }
        assert_int_equal(popularity_move(p, 0, START + shift * DAY), ST_OK);
        truth_move(&t, 0, shift);
        assert_agrees(&t, p);
        popularity_free(p);
    }
}

static void a_move_by_hundreds_of_half_lives_leaves_nothing(void **state) {
    struct popularity *p = *state;
    static struct truth t;
    memset(&t, 0, sizeof t);
    int64_t w[POP_CLOCKS];
    assert_int_equal(popularity_weigh(p, START + 8 * DAY, w), ST_OK);
    for (uint32_t i = 0; i < ITEMS; i++) {
        popularity_take(p, i, domain_of(i), START + 8 * DAY, w, FIXED_ONE);
        truth_take(&t, i, START + 8 * DAY, w);
    }
    const int64_t shifts[POP_CLOCKS] = {64, 500, 128, 300};
    for (int k = 0; k < POP_CLOCKS; k++) {
        const int64_t to = START + shifts[k] * popularity_half_life_ms[k];
        assert_int_equal(popularity_move(p, k, to), ST_OK);
        truth_move(&t, k, (int)shifts[k]);
        assert_true(popularity_count(p, 7, k) == 0);
        assert_true(popularity_lg_sum(p, 0, k) == -1e9F);
    }
    assert_agrees(&t, p); /* the lists are empty, the numbers of events are not */
}

static void times_at_the_ends_of_int64_do_not_overflow(void **state) {
    struct popularity *p = *state;
    const int64_t far = popularity_next_landmark(p, 0, INT64_MAX);
    assert_true(far > INT64_MAX - DAY);
    take(p, 1, START);
    assert_int_equal(popularity_move(p, 0, far), ST_OK);
    assert_true(popularity_count(p, 1, 0) == 0);
    int64_t w[POP_CLOCKS];
    assert_int_equal(popularity_weigh(p, INT64_MIN, w), ST_OK);
    assert_true(w[0] == 0);
}

/* Truth: sum of 2^((t - now)/h) in double. Every rounding is at most half a unit, and
 * what was rounded before a move is divided by it. */
enum { CROWD = 24, CENTURY_EVENTS = 6000 };

struct century {
    struct popularity *p;
    double c[CROWD][POP_CLOCKS]; /* at the landmark */
    uint32_t taken[CROWD];       /* as many roundings, at most */
};

static void century_move(struct century *y, int64_t now_ms) {
    for (int k = 0; k < POP_CLOCKS; k++) {
        if (!popularity_due(y->p, k, now_ms)) {
            continue;
        }
        const int64_t from = popularity_landmark(y->p, k);
        const int64_t to = popularity_next_landmark(y->p, k, now_ms);
        assert_int_equal(popularity_move(y->p, k, to), ST_OK);
        for (uint32_t i = 0; i < CROWD; i++) {
            y->c[i][k] *= exp2(-(double)((to - from) / popularity_half_life_ms[k]));
        }
    }
}

static void assert_century(const struct century *y) {
    for (int k = 0; k < POP_CLOCKS; k++) {
        int64_t sum[N_DOMAINS] = {0};
        for (uint32_t i = 0; i < CROWD; i++) {
            const int64_t units = popularity_count(y->p, i, k);
            const double want = ldexp(y->c[i][k], BITS[k]);
            assert_true(units >= 0 && units < INT64_C(1) << 52);
            assert_near((double)units, want, .5 * y->taken[i] + 1 + want * 0x1p-17);
            sum[domain_of(i)] += units;
        }
        for (uint8_t d = 0; d < N_DOMAINS; d++) {
            assert_near((double)popularity_lg_sum(y->p, d, k), lg_units(sum[d], k), 1e-5);
        }
    }
}

static void live_for_centuries(uint64_t seed) {
    struct century y = {.p = new_popularity(CROWD)};
    struct rng rng = {.state = seed};
    int64_t now = START;
    int64_t w[POP_CLOCKS];
    int refused = 0;
    for (int e = 0; e < CENTURY_EVENTS; e++) {
        const double days = -log(1 - rng_unit(&rng)) * (rng_below(&rng, 50) ? 5 : 500);
        now += (int64_t)(days * (double)DAY);
        now += rng_below(&rng, 500) == 0 ? (int64_t)rng_below(&rng, 40) * YEAR : 0;
        refused += popularity_weigh(y.p, now, w) == ST_RANGE;
        century_move(&y, now);
        assert_int_equal(popularity_weigh(y.p, now, w), ST_OK);
        const uint32_t i = rng_below(&rng, CROWD);
        popularity_take(y.p, i, domain_of(i), now, w, FIXED_ONE);
        y.taken[i]++;
        for (int k = 0; k < POP_CLOCKS; k++) {
            const double ms = (double)(now - popularity_landmark(y.p, k));
            y.c[i][k] += exp2(ms / (double)DAY / HALF_LIFE_DAYS[k]);
        }
        assert_century(&y);
    }
    assert_true(now - START > 200 * YEAR);
    assert_true(refused > 10);
    popularity_free(y.p);
}

static void counts_stay_right_over_centuries(void **state) {
    (void)state;
    for (uint64_t seed = 200; seed < 204; seed++) {
        print_message("seed %llu\n", (unsigned long long)seed);
        live_for_centuries(seed);
    }
}

/* ---- obs and exp ------------------------------------------------------------------- */

static void obs_and_exp_weigh_by_events_of_the_model(void **state) {
    struct popularity *p = *state;
    int64_t w = -7;
    const uint64_t n[] = {0, 1, 20000, 33333, 320000};
    for (int e = 0; e < 5; e++) {
        assert_int_equal(popularity_obs_weigh(p, n[e], &w), ST_OK);
        const double want = exp2((double)n[e] / 20000);
        assert_near((double)w, ldexp(want, 20), .5 + ldexp(want, -20));
        assert_near((double)popularity_obs_scale(p, n[e]), want, want * 1e-6);
    }
    w = -7;
    assert_int_equal(popularity_obs_weigh(p, 320001, &w), ST_RANGE);
    assert_int_equal(popularity_obs_weigh(p, UINT64_MAX, &w), ST_RANGE);
    assert_true(w == -7);
    assert_false(popularity_obs_due(p, 8 * 20000 - 1));
    assert_true(popularity_obs_due(p, 8 * 20000));
}

static void obs_and_exp_add_up_and_can_be_taken_back(void **state) {
    struct popularity *p = *state;
    popularity_obs_add(p, 3, 5 * FIXED_ONE, FIXED_ONE / 4);
    popularity_obs_add(p, 3, FIXED_ONE, FIXED_ONE / 2);
    assert_true(popularity_hot(p)[3].obs == 6.0F && popularity_hot(p)[3].exp == 0.75F);
    assert_true(popularity_hot(p)[2].obs == 0.0F && popularity_hot(p)[4].exp == 0.0F);
    popularity_obs_add(p, 3, -5 * FIXED_ONE, -FIXED_ONE / 4);
    assert_true(popularity_hot(p)[3].obs == 1.0F && popularity_hot(p)[3].exp == 0.5F);
}

static void the_obs_landmark_moves_by_whole_half_lives(void **state) {
    struct popularity *p = *state;
    int64_t w = 0;
    popularity_obs_add(p, 3, 6 * FIXED_ONE + 3, 5);
    popularity_obs_move(p, 19999); /* less than a half-life: stays */
    assert_true(popularity_hot(p)[3].obs == (float)fixed_to(6 * FIXED_ONE + 3));
    popularity_obs_move(p, 59999);
    assert_true(popularity_hot(p)[3].obs == (float)fixed_to(truth_shifted(6 * FIXED_ONE + 3, 2)));
    assert_true(popularity_hot(p)[3].exp == (float)fixed_to(1));
    assert_int_equal(popularity_obs_weigh(p, 40000, &w), ST_OK);
    assert_true(w == FIXED_ONE);
    assert_int_equal(popularity_obs_weigh(p, 20000, &w), ST_OK); /* a late one */
    assert_true(w == FIXED_ONE / 2);
    assert_near((double)popularity_obs_scale(p, 60000), 2, 1e-6);
    popularity_obs_move(p, 20000); /* never backwards */
    assert_int_equal(popularity_obs_weigh(p, 40000, &w), ST_OK);
    assert_true(w == FIXED_ONE);
    popularity_obs_move(p, 100 * 20000);
    assert_true(popularity_hot(p)[3].obs == 0.0F && popularity_hot(p)[3].exp == 0.0F);
}

/* What an item is owed is the same whenever the landmark moves. */
static void obs_in_events_of_today_does_not_depend_on_moves(void **state) {
    struct popularity *p = *state;
    double want = 0;
    for (uint64_t n = 0; n < 1000000; n += 997) {
        int64_t w = 0;
        if (popularity_obs_due(p, n)) {
            popularity_obs_move(p, n);
        }
        assert_int_equal(popularity_obs_weigh(p, n, &w), ST_OK);
        popularity_obs_add(p, 9, w, 0);
        want = want * exp2(-997 / 20000.0) + 1;
        const float today = popularity_hot(p)[9].obs / popularity_obs_scale(p, n);
        assert_near((double)today, want, want * 1e-5);
    }
}

static uint64_t landmark_of_obs(uint64_t n_events) {
    struct popularity *p = new_popularity(4);
    popularity_obs_move(p, n_events);
    const uint64_t at = popularity_obs_landmark(p);
    popularity_free(p);
    return at;
}

static void the_obs_landmark_is_a_multiple_of_20000(void **state) {
    (void)state;
    assert_true(landmark_of_obs(0) == 0 && landmark_of_obs(19999) == 0);
    assert_true(landmark_of_obs(20000) == 20000 && landmark_of_obs(59999) == 40000);
}

/* ---- sums ------------------------------------------------------------------- */

static struct popularity_sum sum_of(const struct popularity *p, const int64_t *ts_ms, uint32_t n) {
    struct popularity_sum sum = {.first_ms = ts_ms[0], .last_ms = ts_ms[0], .count = n};
    for (uint32_t e = 0; e < n; e++) {
        int64_t w[POP_CLOCKS];
        assert_int_equal(popularity_weigh(p, ts_ms[e], w), ST_OK);
        for (int k = 0; k < POP_CLOCKS; k++) {
            sum.w[k] += w[k];
        }
        sum.weight += FIXED_ONE;
        sum.first_ms = ts_ms[e] < sum.first_ms ? ts_ms[e] : sum.first_ms;
        sum.last_ms = ts_ms[e] > sum.last_ms ? ts_ms[e] : sum.last_ms;
    }
    return sum;
}

/* All but `listed` and the recent list. */
static void assert_same_counts(const struct popularity *a, const struct popularity *b) {
    for (uint32_t i = 0; i < ITEMS; i++) {
        struct pop_hot x = popularity_hot(a)[i];
        struct pop_hot y = popularity_hot(b)[i];
        x.listed = y.listed = 0;
        assert_memory_equal(&x, &y, sizeof x);
        for (int k = 0; k < POP_CLOCKS; k++) {
            assert_true(popularity_count(a, i, k) == popularity_count(b, i, k));
        }
    }
    for (uint8_t d = 0; d < N_DOMAINS; d++) {
        assert_true(popularity_events(a, d) == popularity_events(b, d));
        for (int k = 0; k < POP_CLOCKS; k++) {
            assert_true(popularity_lg_sum(a, d, k) == popularity_lg_sum(b, d, k));
        }
        for (int k = 0; k < POP_LISTS; k++) {
            const uint32_t *x = NULL;
            const uint32_t *y = NULL;
            uint64_t in_x = 0; /* which items, in any order */
            uint64_t in_y = 0;
            const uint32_t n = popularity_top(a, d, k, &x);
            assert_int_equal(n, popularity_top(b, d, k, &y));
            for (uint32_t i = 0; i < n; i++) {
                in_x += mix64(x[i]);
                in_y += mix64(y[i]);
            }
            assert_true(in_x == in_y);
        }
    }
}

static void a_sum_is_so_many_takes_and_is_taken_back_exactly(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct rng rng = {seed};
        struct popularity *a = new_popularity(ITEMS);
        struct popularity *b = new_popularity(ITEMS);
        struct popularity *c = new_popularity(ITEMS);
        for (int round = 0; round < 400; round++) {
            const uint32_t i = rng_below(&rng, ITEMS);
            const uint32_t n = 1 + rng_below(&rng, 4);
            int64_t ts_ms[4];
            for (uint32_t e = 0; e < n; e++) {
                ts_ms[e] = START + (int64_t)rng_below(&rng, 330) * HOUR - 50 * HOUR;
                take(a, i, ts_ms[e]);
            }
            const struct popularity_sum sum = sum_of(b, ts_ms, n);
            const uint32_t j = rng_below(&rng, ITEMS); /* comes and goes */
            popularity_add(b, j, domain_of(j), &sum);
            popularity_add(b, i, domain_of(i), &sum);
            popularity_add(c, i, domain_of(i), &sum);
            if (round % 3 == 0) {
                const uint32_t *items = NULL;
                (void)popularity_top(b, domain_of(j), 0, &items);
            }
            popularity_subtract(b, j, domain_of(j), &sum);
        }
        assert_same_counts(a, c);
        for (uint32_t i = 0; i < ITEMS; i++) { /* times stay: what came and went moved them */
            struct popularity_sum x;
            struct popularity_sum y;
            popularity_item(b, i, &x);
            popularity_item(c, i, &y);
            assert_true(x.first_ms <= y.first_ms && x.last_ms >= y.last_ms);
            x.first_ms = y.first_ms;
            x.last_ms = y.last_ms;
            assert_memory_equal(&x, &y, offsetof(struct popularity_sum, count));
            assert_int_equal(x.count, y.count);
        }
        popularity_free(a);
        popularity_free(b);
        popularity_free(c);
    }
}

static void an_items_sum_makes_another_item_equal(void **state) {
    struct popularity *p = *state;
    struct popularity *q = new_popularity(ITEMS);
    struct rng rng = {3};
    for (int e = 0; e < 3000; e++) {
        take(p, rng_below(&rng, ITEMS), START + (int64_t)rng_below(&rng, 280) * HOUR);
    }
    for (uint32_t i = ITEMS; i-- > 0;) {
        struct popularity_sum sum;
        popularity_item(p, i, &sum);
        popularity_add(q, i, domain_of(i), &sum);
    }
    assert_same_counts(p, q);
    popularity_free(q);
}

static void a_sum_of_no_takes_moves_no_times(void **state) {
    struct popularity *p = *state;
    const struct popularity_sum rest = {.w = {-1, 2, 0, 1}, .first_ms = 5, .last_ms = 6};
    popularity_add(p, 2, 0, &rest);
    struct popularity_sum sum;
    popularity_item(p, 2, &sum);
    assert_true(sum.first_ms == 0 && sum.last_ms == 0 && sum.w[0] == -1 && sum.count == 0);
    take(p, 2, START + DAY);
    popularity_add(p, 2, 0, &rest);
    popularity_item(p, 2, &sum);
    assert_true(sum.first_ms == START + DAY && sum.last_ms == START + DAY);
}

static void a_negative_sum_lowers_a_listed_item(void **state) {
    struct popularity *p = *state;
    const uint32_t *items = NULL;
    for (uint32_t i = 0; i < 2 * (POP_TOP + 1); i += 2) {
        const struct popularity_sum sum = {.w = {1000 + i, 1000, 1000, 1000}, .count = 1};
        popularity_add(p, i, 0, &sum);
    }
    assert_int_equal(popularity_top(p, 0, 0, &items), POP_TOP); /* all but item 0 */
    const struct popularity_sum lower = {.w = {-900, 0, 0, 0}};
    popularity_add(p, 100, 0, &lower);
    assert_int_equal(popularity_top(p, 0, 0, &items), POP_TOP);
    bool listed[2 * (POP_TOP + 1)] = {false};
    for (uint32_t k = 0; k < POP_TOP; k++) {
        listed[items[k]] = true;
    }
    assert_true(listed[0] && !listed[100]);
}

static void reminding_counts_nothing_and_sums_remind_of_nothing(void **state) {
    struct popularity *p = *state;
    const uint32_t *items = NULL;
    const struct popularity_sum sum = {.w = {1, 1, 1, 1}, .weight = 1, .count = 1};
    popularity_add(p, 4, 0, &sum);
    assert_int_equal(popularity_recent(p, 0, &items), 0);
    popularity_remind(p, 6, 0);
    take(p, 4, START);
    popularity_remind(p, 8, 0);
    assert_int_equal(popularity_recent(p, 0, &items), 3);
    assert_true(items[0] == 6 && items[1] == 4 && items[2] == 8);
    assert_int_equal(popularity_hot(p)[6].count, 0);
    assert_true(popularity_events(p, 0) == 2);
}

/* Item k of one order is item ITEMS-1-k of the other. */
static struct popularity *named_popularity(bool turned) {
    uint64_t hashes[ITEMS];
    struct popularity *p = NULL;
    for (uint64_t k = 0; k < ITEMS; k++) {
        hashes[turned ? ITEMS - 1 - k : k] = mix64(k + 1);
    }
    assert_int_equal(popularity_new(N_DOMAINS, START, &p), ST_OK);
    assert_int_equal(popularity_reserve(p, ITEMS, hashes), ST_OK);
    return p;
}

static void lists_do_not_depend_on_indices_or_on_the_order_of_what_came(void **state) {
    (void)state;
    struct popularity *two[] = {named_popularity(false), named_popularity(true)};
    const int64_t w[POP_CLOCKS] = {7, 7, 7, 7};
    for (uint32_t k = 0; k < ITEMS; k++) {      /* many of each count, and of each time */
        const uint32_t last = k * 7919 % ITEMS; /* comes in another order */
        for (uint32_t n = 0; n < 1 + k % 4; n++) {
            popularity_take(two[0], k, 0, START + (int64_t)(k / 9), w, FIXED_ONE);
        }
        for (uint32_t n = 0; n < 1 + last % 4; n++) {
            popularity_take(two[1], ITEMS - 1 - last, 0, START + (int64_t)(last / 9), w, FIXED_ONE);
        }
    }
    for (int clock = 0; clock < POP_LISTS; clock++) {
        bool in[ITEMS] = {false};
        const uint32_t *items = NULL;
        assert_int_equal(popularity_top(two[0], 0, clock, &items), POP_TOP);
        for (uint32_t x = 0; x < POP_TOP; x++) {
            in[items[x]] = true;
        }
        assert_int_equal(popularity_top(two[1], 0, clock, &items), POP_TOP);
        for (uint32_t x = 0; x < POP_TOP; x++) {
            assert_true(in[ITEMS - 1 - items[x]]);
        }
    }
    const uint32_t *a = NULL;
    const uint32_t *b = NULL;
    popularity_renew_recent(two[0]);
    popularity_renew_recent(two[1]);
    assert_int_equal(popularity_recent(two[0], 0, &a), POP_RECENT);
    assert_int_equal(popularity_recent(two[1], 0, &b), POP_RECENT);
    for (uint32_t x = 0; x < POP_RECENT; x++) {
        assert_int_equal(a[x], ITEMS - 1 - b[x]);
        assert_true(x == 0 || a[x] / 9 >= a[x - 1] / 9); /* newest last */
        assert_true(a[x] / 9 >= (ITEMS - POP_RECENT) / 9);
    }
    assert_int_equal(popularity_recent(two[0], 1, &a), 0);
    popularity_free(two[0]);
    popularity_free(two[1]);
}

static void the_recent_list_can_be_replaced(void **state) {
    struct popularity *p = *state;
    const uint32_t *items = NULL;
    uint32_t many[POP_RECENT + 7];
    for (uint32_t k = 0; k < POP_RECENT + 7; k++) {
        many[k] = 2 * k;
    }
    for (uint32_t n = 0; n <= POP_RECENT + 7; n += 19) {
        const uint32_t kept = n < POP_RECENT ? n : POP_RECENT;
        popularity_remind(p, 100, 0);
        popularity_set_recent(p, 0, many, n);
        assert_int_equal(popularity_recent(p, 0, &items), kept);
        for (uint32_t k = 0; k < kept; k++) {
            assert_int_equal(items[k], many[n - kept + k]);
        }
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(it_has_1_to_16_domains),
        T(a_candidate_is_one_cache_line),
        T(what_was_never_taken_is_empty),
        T(what_events_weigh_adds_up_and_is_taken_back),
        T(growing_keeps_what_was_counted),
        T(no_item_has_a_mark_of_a_search_that_begins),
        T(a_failed_allocation_changes_nothing),
        T(an_event_weighs_two_to_its_age_in_half_lives),
        T(weights_times_what_an_event_weighs_are_exact),
        T(the_half_lives_are_1_7_30_and_180_days),
        T(a_late_event_weighs_less_down_to_nothing),
        T(no_weight_is_above_2_to_39_units_or_of_16_half_lives_ahead),
        T(a_move_is_due_after_8_half_lives),
        T(a_sum_near_the_limit_makes_a_move_due_early),
        T(untake_restores_every_bit),
        T(the_order_of_events_does_not_matter),
        T(any_sequence_of_take_untake_and_move_is_exact),
        T(ties_go_to_the_smaller_index),
        T(the_recent_list_is_the_last_50_newest_last),
        T(a_move_by_anything_but_whole_half_lives_is_refused),
        T(a_move_rounds_to_nearest),
        T(a_move_by_hundreds_of_half_lives_leaves_nothing),
        T(times_at_the_ends_of_int64_do_not_overflow),
        T(counts_stay_right_over_centuries),
        T(obs_and_exp_weigh_by_events_of_the_model),
        T(obs_and_exp_add_up_and_can_be_taken_back),
        T(the_obs_landmark_moves_by_whole_half_lives),
        T(obs_in_events_of_today_does_not_depend_on_moves),
        cmocka_unit_test(the_obs_landmark_is_a_multiple_of_20000),
        cmocka_unit_test(a_sum_is_so_many_takes_and_is_taken_back_exactly),
        T(an_items_sum_makes_another_item_equal),
        T(a_sum_of_no_takes_moves_no_times),
        T(a_negative_sum_lowers_a_listed_item),
        T(reminding_counts_nothing_and_sums_remind_of_nothing),
        T(lists_do_not_depend_on_indices_or_on_the_order_of_what_came),
        T(the_recent_list_can_be_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
