/* SPDX-License-Identifier: Apache-2.0
 *
 * test_spread.c -- contract tests of models/spread.h.
 *
 * Truth of calibration: every candidate in every slot, the whole sum of KL from its definition,
 * in double with log(). Truth of exploration: frequencies over many seeds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "content.h"
#include "mix.h"
#include "spread.h"

enum { CATEGORIES = 80, SEED = 20270 };

/* ---- users and candidates at random ------------------------------------------ */

struct problem {
    struct spread_candidate candidates[SPREAD_DEPTH];
    struct spread_interest interests[SPREAD_INTERESTS];
    uint32_t n_candidates, n_interests, n;
    float dial;
};

static int by_score(const void *a, const void *b) {
    const struct spread_candidate *x = a;
    const struct spread_candidate *y = b;
    return (x->score < y->score) - (x->score > y->score);
}

/* Dense as content.h gives them, or anything. */
static uint32_t name_of(uint32_t k, bool dense) {
    if (dense) {
        return k;
    }
    return k == 0 ? CATEGORY_NONE : (uint32_t)mix64(k);
}

static void draw(struct rng *rng, struct problem *p) {
    const uint32_t n_categories = 1 + rng_below(rng, CATEGORIES);
    const double spread = 0.1 + 4.0 * rng_unit(rng);
    const bool dense = rng_below(rng, 2) == 0;
    p->n_candidates = rng_below(rng, SPREAD_DEPTH + 1);
    for (uint32_t i = 0; i < p->n_candidates; i++) {
        const double skew = rng_unit(rng);
        p->candidates[i].score = (float)(20.0 * rng_unit(rng) / (1.0 + spread) - 3.0);
        p->candidates[i].category = name_of((uint32_t)(skew * skew * (double)n_categories), dense);
    }
    qsort(p->candidates, p->n_candidates, sizeof *p->candidates, by_score);
    p->n_interests =
        rng_below(rng, n_categories < SPREAD_INTERESTS ? n_categories + 1 : SPREAD_INTERESTS + 1);
    const uint32_t first = rng_below(rng, n_categories);
    for (uint32_t k = 0; k < p->n_interests; k++) {
        p->interests[k].category = name_of((first + k) % CATEGORIES, dense);
        p->interests[k].weight = (float)(1 + rng_below(rng, 1000));
    }
    p->n = rng_below(rng, LIST_MAX + 1);
    p->dial = (float)rng_unit(rng);
    if (rng_below(rng, 8) == 0) {
        p->dial = 1.0F;
    }
}

static uint32_t solve(const struct problem *p, float dial, uint32_t *out) {
    return spread_calibrate(p->candidates, p->n_candidates, p->interests, p->n_interests, dial,
                            p->n, out);
}

/* ---- the truth ----------------------------------------------------------------- */

/* KL(q || p~) of some candidates, from the definition. */
static double kl(const struct problem *p, const uint32_t *chosen, uint32_t m) {
    double total = 0.0;
    double sum = 0.0;
    for (uint32_t k = 0; k < p->n_interests; k++) {
        total += (double)p->interests[k].weight;
    }
    for (uint32_t k = 0; k < p->n_interests; k++) {
        uint32_t count = 0;
        for (uint32_t i = 0; i < m; i++) {
            count += p->candidates[chosen[i]].category == p->interests[k].category;
        }
        const double q = (double)p->interests[k].weight / total;
        const double mixed = 0.99 * (double)count / (double)m + 0.01 * q;
        sum += q * log(q / mixed);
    }
    return sum;
}

static double objective(const struct problem *p, double dial, const uint32_t *chosen, uint32_t m) {
    const double s =
        exp((double)p->candidates[chosen[m - 1]].score - (double)p->candidates[0].score);
    return (1.0 - dial) * s - dial * kl(p, chosen, m);
}

/* Every slot took a candidate that is as good as any left, the first of equals. */
static void assert_greedy(const struct problem *p, double dial, const uint32_t *out, uint32_t n) {
    bool used[SPREAD_DEPTH] = {false};
    uint32_t list[LIST_MAX];
    for (uint32_t m = 0; m < n; m++) {
        assert_true(out[m] < p->n_candidates);
        assert_false(used[out[m]]);
        list[m] = out[m];
        const double got = objective(p, dial, list, m + 1);
        for (uint32_t i = 0; i < p->n_candidates; i++) {
            list[m] = i;
            const double other = used[i] ? got - 1.0 : objective(p, dial, list, m + 1);
            if (other > got + 1e-5) {
                fail_msg("slot %u took %u (%.9g), but %u is better (%.9g)", m, out[m], got, i,
                         other);
            }
            const bool same = p->candidates[i].category == p->candidates[out[m]].category;
            if (!used[i] && same && i < out[m]) {
                fail_msg("slot %u took %u before %u of its category", m, out[m], i);
            }
        }
        list[m] = out[m];
        used[out[m]] = true;
    }
}

static void assert_in_order(const uint32_t *out, uint32_t n, uint32_t expected) {
    assert_int_equal(n, expected);
    for (uint32_t m = 0; m < n; m++) {
        assert_int_equal(out[m], m);
    }
}

/* ---- calibration ---------------------------------------------------------------- */

static void each_slot_takes_what_the_naive_greedy_takes(void **state) {
    (void)state;
    print_message("seed %d\n", SEED);
    struct rng rng = {SEED};
    for (int round = 0; round < 300; round++) {
        struct problem p;
        draw(&rng, &p);
        p.n = round % 4 ? p.n % 15 : p.n; /* long lists are slow to check */
        uint32_t out[LIST_MAX];
        const uint32_t n = solve(&p, p.dial, out);
        assert_int_equal(n, p.n < p.n_candidates ? p.n : p.n_candidates);
        if (p.n_interests > 0) {
            assert_greedy(&p, (double)p.dial, out, n);
        }
    }
}

static void seventy_percent_romance_and_thirty_percent_action_are_shown_so(void **state) {
    (void)state; /* the example of Steck 2018, section 2: scores alone show nothing but romance */
    enum { ROMANCE = 7, ACTION = 3 };
    struct problem p = {.n_candidates = 100, .n_interests = 2, .n = 10};
    for (uint32_t i = 0; i < 100; i++) {
        p.candidates[i].category = i < 60 ? ROMANCE : ACTION;
        p.candidates[i].score = -0.001F * (float)i; /* all nearly as good */
    }
    p.interests[0] = (struct spread_interest){ACTION, 0.3F};
    p.interests[1] = (struct spread_interest){ROMANCE, 0.7F};
    uint32_t out[LIST_MAX];
    assert_int_equal(solve(&p, 0.9F, out), 10);
    uint32_t romance = 0;
    for (uint32_t m = 0; m < 10; m++) {
        romance += p.candidates[out[m]].category == ROMANCE;
    }
    assert_int_equal(romance, 7);
    assert_int_equal(out[0], 0);
    assert_greedy(&p, 0.9, out, 10);
}

static void a_slot_changes_hands_at_the_dial_where_both_are_worth_the_same(void **state) {
    (void)state;
    print_message("seed %d\n", SEED + 8);
    struct rng rng = {SEED + 8};
    for (int round = 0; round < 2000; round++) {
        const double q = 0.01 + 0.99 * rng_unit(&rng);
        struct problem p = {.n_candidates = 2, .n_interests = 2, .n = 1};
        p.candidates[0] = (struct spread_candidate){1.0F, 1}; /* no interest */
        p.candidates[1] = (struct spread_candidate){1.0F - (float)(8.0 * rng_unit(&rng)), 2};
        p.interests[0] = (struct spread_interest){2, (float)q};
        p.interests[1] = (struct spread_interest){3, (float)(1.0 - q)}; /* not to be had */
        const uint32_t first = 0;
        const uint32_t second = 1;
        const double loss = 1.0 - exp((double)p.candidates[1].score - 1.0);
        const double gain = kl(&p, &first, 1) - kl(&p, &second, 1);
        const double even = loss / (loss + gain);
        const double step = 2e-6 / (loss + gain); /* far less than the 1e-5 promised */
        uint32_t out[LIST_MAX];
        assert_int_equal(solve(&p, (float)(even - step), out), 1);
        assert_int_equal(out[0], 0);
        assert_int_equal(solve(&p, (float)(even + step), out), 1);
        assert_int_equal(out[0], 1);
    }
}

static void of_candidates_that_are_worth_the_same_the_better_rank_wins(void **state) {
    (void)state;
    struct problem p = {.n_candidates = 40, .n_interests = 2, .n = 40};
    for (uint32_t i = 0; i < 40; i++) {
        p.candidates[i] = (struct spread_candidate){-0.1F * (float)i, 1 + (i / 2 + i) % 2};
    }
    for (uint32_t k = 0; k < 2; k++) {
        p.interests[k] = (struct spread_interest){1 + k, 1.0F}; /* B A A B B A A B ... */
    }
    uint32_t out[LIST_MAX];
    assert_in_order(out, solve(&p, 1.0F, out), 40);
    for (uint32_t k = 0; k < 2; k++) {
        p.interests[k].category = 2 - k;
    }
    assert_in_order(out, solve(&p, 1.0F, out), 40);
}

static void dial_0_is_the_order_of_the_scores(void **state) {
    (void)state;
    struct rng rng = {SEED + 1};
    for (int round = 0; round < 200; round++) {
        struct problem p;
        draw(&rng, &p);
        const uint32_t expected = p.n < p.n_candidates ? p.n : p.n_candidates;
        uint32_t out[LIST_MAX];
        assert_in_order(out, solve(&p, 0.0F, out), expected);
        assert_in_order(out, solve(&p, -1.0F, out), expected);
        assert_in_order(out, solve(&p, NAN, out), expected);
        p.n_interests = 0;
        assert_in_order(out, solve(&p, 0.5F, out), expected);
    }
}

static void a_dial_beyond_1_is_1(void **state) {
    (void)state;
    struct rng rng = {SEED + 2};
    for (int round = 0; round < 50; round++) {
        struct problem p;
        draw(&rng, &p);
        uint32_t out[LIST_MAX];
        uint32_t beyond[LIST_MAX];
        const uint32_t n = solve(&p, 1.0F, out);
        assert_int_equal(solve(&p, 7.0F, beyond), n);
        assert_memory_equal(out, beyond, n * sizeof *out);
    }
}

static void at_dial_1_the_mix_of_the_list_approaches_the_users(void **state) {
    (void)state;
    print_message("seed %d\n", SEED + 3);
    struct rng rng = {SEED + 3};
    for (int round = 0; round < 200; round++) {
        struct problem p = {.n_candidates = SPREAD_DEPTH, .n_interests = 4, .n = 40};
        double total = 0.0;
        for (uint32_t k = 0; k < 4; k++) {
            p.interests[k] = (struct spread_interest){k, (float)(1 + rng_below(&rng, 10))};
            total += (double)p.interests[k].weight;
        }
        for (uint32_t i = 0; i < SPREAD_DEPTH; i++) {
            p.candidates[i] = (struct spread_candidate){-0.02F * (float)i, i % 5}; /* 40 of each */
        }
        uint32_t out[LIST_MAX];
        uint32_t count[5] = {0};
        assert_int_equal(solve(&p, 1.0F, out), 40);
        for (uint32_t m = 0; m < 40; m++) {
            count[p.candidates[out[m]].category]++;
        }
        assert_int_equal(count[4], 0); /* nobody asked for it */
        for (uint32_t k = 0; k < 4; k++) {
            const double q = (double)p.interests[k].weight / total;
            assert_true(fabs((double)count[k] - 40.0 * q) < 1.5);
        }
    }
}

static void the_higher_the_dial_the_nearer_the_mix_and_the_lower_the_scores(void **state) {
    (void)state;
    print_message("seed %d\n", SEED + 4);
    static const float dials[] = {0.0F, 0.1F, 0.2F, 0.5F, 0.9F, 1.0F};
    enum { DIALS = sizeof dials / sizeof *dials };
    double distance[DIALS] = {0.0};
    double scores[DIALS] = {0.0};
    struct rng rng = {SEED + 4};
    for (int round = 0; round < 500; round++) {
        struct problem p;
        draw(&rng, &p);
        p.n = 10;
        if (p.n_candidates < 60 || p.n_interests == 0) {
            continue;
        }
        for (uint32_t d = 0; d < DIALS; d++) {
            uint32_t out[LIST_MAX];
            assert_int_equal(solve(&p, dials[d], out), 10);
            distance[d] += kl(&p, out, 10);
            for (uint32_t m = 0; m < 10; m++) {
                const float lead = p.candidates[out[m]].score - p.candidates[0].score;
                scores[d] += exp((double)lead);
            }
        }
    }
    for (uint32_t d = 1; d < DIALS; d++) {
        assert_true(distance[d] < distance[d - 1]);
        assert_true(scores[d] < scores[d - 1]);
    }
}

/* Other names: times 0x9e3779b1 they are k again, so that they share a cell of a table that
 * hashes with it, as most do, and looks at the high bits. */
static uint32_t colliding(uint32_t k) {
    return k * 0x0e8b2f51U;
}

static void only_shares_count_and_neither_names_nor_order_of_the_categories(void **state) {
    (void)state;
    print_message("seed %d\n", SEED + 5);
    struct rng rng = {SEED + 5};
    for (int round = 0; round < 200; round++) {
        struct problem p;
        draw(&rng, &p);
        for (uint32_t i = 0; i < p.n_candidates; i++) {
            p.candidates[i].category %= CATEGORIES;
        }
        for (uint32_t k = 0; k < p.n_interests; k++) {
            p.interests[k].category = k; /* each once */
        }
        struct problem other = p;
        for (uint32_t i = 0; i < p.n_candidates; i++) {
            other.candidates[i].category = colliding(p.candidates[i].category);
        }
        for (uint32_t k = 0; k < p.n_interests; k++) {
            struct spread_interest *to = &other.interests[p.n_interests - 1 - k];
            to->category = colliding(p.interests[k].category);
            to->weight = 4.0F * p.interests[k].weight;
        }
        uint32_t out[LIST_MAX];
        uint32_t renamed[LIST_MAX];
        const uint32_t n = solve(&p, p.dial, out);
        assert_int_equal(solve(&other, p.dial, renamed), n);
        assert_memory_equal(out, renamed, n * sizeof *out);
    }
}

static void an_interest_that_comes_twice_adds_up(void **state) {
    (void)state;
    struct rng rng = {SEED + 6};
    for (int round = 0; round < 100; round++) {
        struct problem p;
        draw(&rng, &p);
        p.n_interests = p.n_interests < 30 ? p.n_interests : 30;
        struct problem halves = p;
        for (uint32_t k = 0; k < p.n_interests; k++) {
            halves.interests[k].weight = 0.25F * p.interests[k].weight;
            halves.interests[p.n_interests + k] =
                (struct spread_interest){p.interests[k].category, 0.75F * p.interests[k].weight};
        }
        halves.n_interests = 2 * p.n_interests;
        uint32_t out[LIST_MAX];
        uint32_t added[LIST_MAX];
        const uint32_t n = solve(&p, p.dial, out);
        assert_int_equal(solve(&halves, p.dial, added), n);
        assert_memory_equal(out, added, n * sizeof *out);
    }
}

static void a_weight_that_is_no_positive_number_is_no_interest(void **state) {
    (void)state;
    static const float bad[] = {0.0F, -1.0F, NAN, INFINITY, -INFINITY};
    struct problem p = {.n_candidates = 100, .n_interests = 5, .n = 10};
    for (uint32_t i = 0; i < 100; i++) {
        p.candidates[i] = (struct spread_candidate){-0.05F * (float)i, i % 7};
    }
    for (uint32_t k = 0; k < 5; k++) {
        p.interests[k] = (struct spread_interest){k + 1, bad[k]};
    }
    uint32_t out[LIST_MAX];
    assert_in_order(out, solve(&p, 0.7F, out), 10);

    p.interests[5] = (struct spread_interest){6, 2.0F};
    p.n_interests = 6;
    uint32_t alone[LIST_MAX];
    assert_int_equal(solve(&p, 0.7F, out), 10);
    p.interests[0] = p.interests[5];
    p.n_interests = 1;
    assert_int_equal(solve(&p, 0.7F, alone), 10);
    assert_memory_equal(out, alone, sizeof *out * 10);
    assert_greedy(&p, 0.7, out, 10);
    assert_int_not_equal(out[0], 0);
}

static void extreme_weights_and_scores_still_give_the_naive_list(void **state) {
    (void)state;
    print_message("seed %d\n", SEED + 7);
    struct rng rng = {SEED + 7};
    static const float weights[] = {FLT_MAX, 1.0F, FLT_MIN, 1e-43F, 1e20F};
    static const float scores[] = {1e30F, 800.0F, 0.0F, -800.0F, -1e30F};
    for (int round = 0; round < 100; round++) {
        struct problem p = {.n_candidates = 60, .n_interests = 6, .n = 12};
        for (uint32_t i = 0; i < 60; i++) {
            const uint32_t from = round % 2 ? 1 : 0;
            p.candidates[i].score = scores[from + rng_below(&rng, 4)];
            p.candidates[i].category = rng_below(&rng, 8);
        }
        qsort(p.candidates, 60, sizeof *p.candidates, by_score);
        for (uint32_t k = 0; k < 6; k++) {
            p.interests[k] = (struct spread_interest){k, weights[rng_below(&rng, 5)]};
        }
        uint32_t out[LIST_MAX];
        const float dial = (float)rng_unit(&rng);
        assert_int_equal(solve(&p, dial, out), 12);
        assert_greedy(&p, (double)dial, out, 12);
    }
}

static void only_the_best_200_are_looked_at_and_64_interests_used(void **state) {
    (void)state;
    struct spread_candidate candidates[SPREAD_DEPTH + 50];
    struct spread_interest interests[SPREAD_INTERESTS + 1];
    for (uint32_t i = 0; i < SPREAD_DEPTH + 50; i++) {
        const uint32_t category = i < SPREAD_DEPTH ? i % 100 : 100;
        candidates[i] = (struct spread_candidate){-0.01F * (float)i, category};
    }
    interests[0] = (struct spread_interest){100, 1.0F}; /* only deeper down */
    uint32_t out[LIST_MAX + 1];
    out[LIST_MAX] = 4711;
    assert_in_order(
        out, spread_calibrate(candidates, SPREAD_DEPTH + 50, interests, 1, 0.9F, LIST_MAX, out),
        LIST_MAX);
    assert_int_equal(out[LIST_MAX], 4711);

    for (uint32_t k = 0; k <= SPREAD_INTERESTS; k++) { /* the first 64: of those not there */
        interests[k] = (struct spread_interest){1000 + k, 1.0F};
    }
    interests[SPREAD_INTERESTS].category = 99;
    assert_in_order(
        out,
        spread_calibrate(candidates, SPREAD_DEPTH, interests, SPREAD_INTERESTS + 1, 1.0F, 10, out),
        10);
    interests[SPREAD_INTERESTS - 1].category = 99;
    assert_int_equal(
        spread_calibrate(candidates, SPREAD_DEPTH, interests, SPREAD_INTERESTS + 1, 1.0F, 10, out),
        10);
    assert_int_equal(out[0], 99);
    assert_int_equal(out[1], 199);
    assert_int_equal(out[2], 0);
}

/* ---- exploration ------------------------------------------------------------------ */

enum { SLOTS = 10, POOL = 20, LISTED = 4, RUNS = 200000 };

/* A list of items 0..9 and a pool of which the first LISTED are on it. */
static void list_and_pool(uint32_t *items, uint32_t *pool, uint32_t n_pool) {
    for (uint32_t i = 0; i < SLOTS; i++) {
        items[i] = i;
    }
    for (uint32_t k = 0; k < n_pool; k++) {
        pool[k] = k < LISTED ? 2 * k + 1 : 1000 + k;
    }
}

/* The count of an event of probability p in RUNS draws; 5 sigma, the seeds are fixed. */
static void assert_frequency(uint32_t count, double p) {
    const double sigma = sqrt((double)RUNS * p * (1.0 - p));
    if (!(fabs((double)count - (double)RUNS * p) <= 5.0 * sigma)) {
        fail_msg("%u of %d, expected %.1f +- %.1f", count, RUNS, (double)RUNS * p, sigma);
    }
}

static void assert_slots(const uint32_t *items, const uint32_t *pool, uint32_t n_pool,
                         const struct spread_slot *slots, uint32_t n) {
    for (uint32_t s = 0; s < n; s++) {
        assert_true(slots[s].at >= SPREAD_KEPT && slots[s].at < SLOTS);
        assert_true(s == 0 || slots[s].at > slots[s - 1].at);
        assert_true(slots[s].propensity > 0.0F && slots[s].propensity <= 1.0F);
        bool in_pool = false;
        for (uint32_t k = 0; k < n_pool; k++) {
            in_pool = in_pool || pool[k] == slots[s].item;
        }
        assert_true(in_pool);
        for (uint32_t i = 0; i < SLOTS; i++) {
            assert_int_not_equal(items[i], slots[s].item);
        }
        for (uint32_t t = 0; t < s; t++) {
            assert_int_not_equal(slots[t].item, slots[s].item);
        }
    }
}

/* Counts slot by slot and item by item, and compares with the propensity that was stated. */
static void check_frequencies(uint32_t n_pool, float explore, double propensity) {
    uint32_t items[SLOTS];
    uint32_t pool[POOL];
    static uint32_t count[SLOTS][POOL];
    memset(count, 0, sizeof count);
    list_and_pool(items, pool, n_pool);
    for (uint64_t seed = 0; seed < RUNS; seed++) {
        struct spread_slot slots[SLOTS];
        const uint32_t n = spread_explore(items, SLOTS, pool, n_pool, explore, seed, slots);
        assert_slots(items, pool, n_pool, slots, n);
        for (uint32_t s = 0; s < n; s++) {
            assert_true(fabs((double)slots[s].propensity - propensity) < 1e-7);
            for (uint32_t k = 0; k < n_pool; k++) {
                count[slots[s].at][k] += pool[k] == slots[s].item;
            }
        }
    }
    for (uint32_t at = SPREAD_KEPT; at < SLOTS; at++) {
        for (uint32_t k = 0; k < n_pool; k++) {
            assert_frequency(count[at][k], k < LISTED ? 0.0 : propensity);
        }
    }
}

static void each_item_stands_in_each_slot_as_often_as_its_propensity_says(void **state) {
    (void)state;
    check_frequencies(POOL, 0.3F, 0.3 / (POOL - LISTED));
    check_frequencies(POOL, 1.0F, 1.0 / (POOL - LISTED));
}

static void a_pool_smaller_than_the_slots_leaves_some_as_they_were(void **state) {
    (void)state;
    check_frequencies(LISTED + 3, 0.5F, 0.5 / (SLOTS - SPREAD_KEPT));
    check_frequencies(LISTED + 3, 1.0F, 1.0 / (SLOTS - SPREAD_KEPT));
    check_frequencies(LISTED + 7, 0.5F, 0.5 / 7.0);
}

static void the_share_of_slots_is_explore_and_slots_are_independent(void **state) {
    (void)state;
    uint32_t items[SLOTS];
    uint32_t pool[POOL];
    list_and_pool(items, pool, POOL);
    static uint32_t both[SLOTS][SLOTS];
    memset(both, 0, sizeof both);
    for (uint64_t seed = 0; seed < RUNS; seed++) {
        struct spread_slot slots[SLOTS];
        const uint32_t n = spread_explore(items, SLOTS, pool, POOL, 0.05F, seed << 20, slots);
        for (uint32_t s = 0; s < n; s++) {
            for (uint32_t t = 0; t <= s; t++) {
                both[slots[s].at][slots[t].at]++;
            }
        }
    }
    for (uint32_t a = SPREAD_KEPT; a < SLOTS; a++) {
        assert_frequency(both[a][a], 0.05);
        for (uint32_t b = SPREAD_KEPT; b < a; b++) {
            assert_frequency(both[a][b], 0.05 * 0.05);
        }
    }
}

static void which_slots_are_drawn_depends_on_the_seed_only(void **state) {
    (void)state;
    uint32_t items[SLOTS];
    uint32_t pool[POOL];
    list_and_pool(items, pool, POOL);
    for (uint64_t seed = 0; seed < 2000; seed++) {
        struct spread_slot a[SLOTS];
        struct spread_slot b[SLOTS];
        const uint32_t n = spread_explore(items, SLOTS, pool, POOL, 0.4F, seed, a);
        assert_int_equal(spread_explore(items, SLOTS, pool, POOL, 0.4F, seed, b), n);
        for (uint32_t s = 0; s < n; s++) {
            assert_int_equal(a[s].at, b[s].at);
            assert_int_equal(a[s].item, b[s].item);
        }
        assert_int_equal(spread_explore(items, SLOTS, pool + 1, POOL - 1, 0.4F, seed, b), n);
        for (uint32_t s = 0; s < n; s++) {
            assert_int_equal(a[s].at, b[s].at);
        }
    }
}

static void nothing_is_explored_without_share_pool_or_slots(void **state) {
    (void)state;
    uint32_t items[SLOTS];
    uint32_t pool[POOL];
    list_and_pool(items, pool, POOL);
    for (uint64_t seed = 0; seed < 1000; seed++) {
        struct spread_slot slots[SLOTS];
        assert_int_equal(spread_explore(items, SLOTS, pool, POOL, 0.0F, seed, slots), 0);
        assert_int_equal(spread_explore(items, SLOTS, pool, POOL, -1.0F, seed, slots), 0);
        assert_int_equal(spread_explore(items, SLOTS, pool, POOL, NAN, seed, slots), 0);
        assert_int_equal(spread_explore(items, SLOTS, pool, 0, 1.0F, seed, slots), 0);
        assert_int_equal(spread_explore(items, SLOTS, pool, LISTED, 1.0F, seed, slots), 0);
        for (uint32_t n = 0; n <= SPREAD_KEPT; n++) {
            assert_int_equal(spread_explore(items, n, pool + LISTED, 10, 1.0F, seed, slots), 0);
        }
        assert_int_equal(spread_explore(items, SPREAD_KEPT + 1, pool, POOL, 2.0F, seed, slots), 1);
        assert_int_equal(slots[0].at, SPREAD_KEPT);
    }
}

static void a_full_share_of_a_long_list_explores_every_slot_from_300_items(void **state) {
    (void)state;
    uint32_t items[LIST_MAX];
    uint32_t pool[SPREAD_POOL + 100];
    static uint32_t seen[SPREAD_POOL + 100];
    memset(seen, 0, sizeof seen);
    for (uint32_t i = 0; i < LIST_MAX; i++) {
        items[i] = i;
    }
    for (uint32_t k = 0; k < SPREAD_POOL + 100; k++) {
        pool[k] = 100000 + k;
    }
    for (uint64_t seed = 0; seed < 1000; seed++) {
        struct spread_slot slots[LIST_MAX];
        const uint32_t n =
            spread_explore(items, LIST_MAX, pool, SPREAD_POOL + 100, 1.0F, seed, slots);
        assert_int_equal(n, LIST_MAX - SPREAD_KEPT);
        for (uint32_t s = 0; s < n; s++) {
            assert_true(fabs((double)slots[s].propensity - 1.0 / SPREAD_POOL) < 1e-7);
            seen[slots[s].item - 100000]++;
        }
    }
    for (uint32_t k = 0; k < SPREAD_POOL + 100; k++) {
        assert_true((seen[k] > 0) == (k < SPREAD_POOL));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_slot_takes_what_the_naive_greedy_takes),
        cmocka_unit_test(seventy_percent_romance_and_thirty_percent_action_are_shown_so),
        cmocka_unit_test(a_slot_changes_hands_at_the_dial_where_both_are_worth_the_same),
        cmocka_unit_test(of_candidates_that_are_worth_the_same_the_better_rank_wins),
        cmocka_unit_test(dial_0_is_the_order_of_the_scores),
        cmocka_unit_test(a_dial_beyond_1_is_1),
        cmocka_unit_test(at_dial_1_the_mix_of_the_list_approaches_the_users),
        cmocka_unit_test(the_higher_the_dial_the_nearer_the_mix_and_the_lower_the_scores),
        cmocka_unit_test(only_shares_count_and_neither_names_nor_order_of_the_categories),
        cmocka_unit_test(an_interest_that_comes_twice_adds_up),
        cmocka_unit_test(a_weight_that_is_no_positive_number_is_no_interest),
        cmocka_unit_test(extreme_weights_and_scores_still_give_the_naive_list),
        cmocka_unit_test(only_the_best_200_are_looked_at_and_64_interests_used),
        cmocka_unit_test(each_item_stands_in_each_slot_as_often_as_its_propensity_says),
        cmocka_unit_test(a_pool_smaller_than_the_slots_leaves_some_as_they_were),
        cmocka_unit_test(the_share_of_slots_is_explore_and_slots_are_independent),
        cmocka_unit_test(which_slots_are_drawn_depends_on_the_seed_only),
        cmocka_unit_test(nothing_is_explored_without_share_pool_or_slots),
        cmocka_unit_test(a_full_share_of_a_long_list_explores_every_slot_from_300_items),
    };
    return cmocka_run_group_tests_name("spread", tests, NULL, NULL);
}
