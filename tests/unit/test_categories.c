/* SPDX-License-Identifier: Apache-2.0
 * test_categories.c -- contract tests of models/categories.h. The truth is a list of everything
 * taken, from which all sums are computed anew, and a plain matrix of pairs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "categories.h"
#include "failing_alloc.h"
#include "fixed.h"
#include "mix.h"

#define DAY_MS   INT64_C(86400000)
#define HALF     CATEGORIES_HALF_LIFE_MS
#define LANDMARK (INT64_C(20000) * DAY_MS)

enum { ITEMS = 40, CATEGORIES = 12, MANY = 600, LIVES = 400 };

static struct categories *new_categories(uint32_t n_items, uint32_t n_categories) {
    struct categories *c = NULL;
    assert_int_equal(categories_new(LANDMARK, &c), ST_OK);
    assert_int_equal(categories_reserve(c, n_items, n_categories), ST_OK);
    return c;
}

static void close_to(double got, double want, double relative) {
    if (!(fabs(got - want) <= relative * fabs(want) + 1e-12)) {
        fail_msg("got %.17g, want %.17g", got, want);
    }
}

static struct category_take line(const struct categories *c, uint32_t item, uint32_t category,
                                 int64_t ts_ms, double weight) {
    int64_t g = 0;
    assert_int_equal(categories_weigh(c, ts_ms, &g), ST_OK);
    return (struct category_take){.g = fixed_times(g, fixed_of(weight)),
                                  .weight = (int32_t)fixed_of(weight),
                                  .category = category,
                                  .item = item};
}

static struct category_take random_line(const struct categories *c, struct rng *rng,
                                        int64_t ts_ms) {
    const uint32_t category = rng_below(rng, CATEGORIES + 1);
    struct category_take take =
        line(c, rng_below(rng, ITEMS), category < CATEGORIES ? category : CATEGORY_NONE, ts_ms,
             0.25 * (1 + rng_below(rng, 8)));
    take.repeated = rng_below(rng, 3) == 0;
    return take;
}

/* Everything that can be read, as bits. */
static uint64_t digest(const struct categories *c, int64_t now_ms) {
    uint64_t h = 0;
    float all = categories_all_events(c);
    for (uint32_t k = 0; k <= CATEGORIES; k++) {
        const float v[3] = {categories_share(c, k, now_ms), categories_events(c, k), all};
        uint32_t bits[3];
        memcpy(bits, v, sizeof bits);
        h = mix64(mix64(h ^ bits[0]) ^ ((uint64_t)bits[1] << 32 | bits[2]));
        const struct pair_list l = categories_neighbours(c, k);
        uint64_t sum = l.n; /* in no particular order */
        for (uint32_t x = 0; x < l.n; x++) {
            memcpy(bits, &l.near.of[x].a, sizeof *bits);
            sum += mix64((uint64_t)l.near.item[x] << 32 | bits[0]);
        }
        h = mix64(h ^ sum);
        for (uint32_t i = 0; i <= ITEMS; i++) {
            const float r[2] = {categories_repeat_rate(c, i, categories_repeat_prior(c, k)),
                                categories_deal_now(c, i, now_ms)};
            memcpy(bits, r, sizeof r);
            h = mix64(h ^ ((uint64_t)bits[0] << 32 | bits[1]));
        }
    }
    return h;
}

/* ---- nothing ----------------------------------------------------------------------------- */

static void who_knows_nothing_says_so(void **state) {
    (void)state;
    for (uint32_t reserved = 0; reserved < 2; reserved++) {
        struct categories *c = new_categories(reserved * ITEMS, reserved * CATEGORIES);
        static const uint32_t asked[] = {0, CATEGORIES - 1, CATEGORIES + 100, CATEGORY_NONE};
        for (size_t k = 0; k < sizeof asked / sizeof *asked; k++) {
            assert_true(categories_share(c, asked[k], LANDMARK) == 1.0F);
            assert_true(categories_events(c, asked[k]) == 0.0F);
            assert_int_equal(categories_neighbours(c, asked[k]).n, 0);
            assert_true(categories_repeat_rate(c, 3, categories_repeat_prior(c, asked[k])) == 0.5F);
            assert_true(categories_repeat_rate(c, asked[k], categories_repeat_prior(c, 3)) == 0.5F);
            assert_true(categories_deal_now(c, asked[k], LANDMARK) == 0.0F);
        }
        assert_true(categories_all_events(c) == 0.0F);
        assert_int_equal(categories_prune(c), 0);
        categories_free(c);
    }
    categories_free(NULL);
}

/* ---- shares -------------------------------------------------------------------------------- */

struct taken {
    int64_t ts_ms;
    double weight;
    uint32_t category;
};

enum { TAKEN_MAX = 6000 };

static struct taken taken[TAKEN_MAX];

static double naive_share(uint32_t n, uint32_t category, int64_t now_ms) {
    double of = 0.001;
    double all = 0.0;
    for (uint32_t k = 0; k < n; k++) {
        const double g = taken[k].weight * exp2(-(double)(now_ms - taken[k].ts_ms) / (double)HALF);
        all += g;
        of += taken[k].category == category ? g : 0.0;
    }
    return fmin(1.0, fmax(1e-9, of / all));
}

static void shares_hold_over_years_with_late_events_and_landmark_moves(void **state) {
    (void)state;
    print_message("seeds 1..4\n");
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct rng rng = {seed};
        struct categories *c = new_categories(1, CATEGORIES);
        int64_t now = LANDMARK;
        int moves = 0;
        for (uint32_t n = 0; n < TAKEN_MAX; n++) {
            now += (int64_t)(rng_unit(&rng) * 1.6 * (double)DAY_MS); /* 13 years */
            if (categories_due(c, now)) {
                assert_true(categories_move(c, now) >= 8);
                moves++;
            }
            const int64_t late = rng_below(&rng, 4) ? 0 : (int64_t)rng_below(&rng, 200) * DAY_MS;
            const struct category_take t =
                line(c, 0, rng_below(&rng, 1 + rng_below(&rng, CATEGORIES)), now - late,
                     0.5 * (1 + rng_below(&rng, 4)));
            taken[n] = (struct taken){now - late, fixed_to(t.weight), t.category};
            categories_take(c, &t);
            if (n % 150 == 149) {
                for (uint32_t k = 0; k <= CATEGORIES; k++) {
                    close_to((double)categories_share(c, k, now), naive_share(n + 1, k, now), 2e-3);
                    close_to((double)categories_share(c, k, now + 90 * DAY_MS),
                             naive_share(n + 1, k, now + 90 * DAY_MS), 2e-3);
                }
            }
        }
        assert_true(moves > 12);
        categories_free(c);
    }
}

static void what_nobody_took_has_a_thousandth_of_an_event_of_today(void **state) {
    (void)state;
    struct categories *c = new_categories(1, 2);
    const struct category_take t = line(c, 0, 0, LANDMARK, 4.0);
    categories_take(c, &t);
    close_to((double)categories_share(c, 1, LANDMARK), 0.00025, 1e-6);
    close_to((double)categories_share(c, CATEGORY_NONE, LANDMARK), 0.00025, 1e-6);
    close_to((double)categories_share(c, 7, LANDMARK), 0.00025, 1e-6);
    close_to((double)categories_share(c, 0, LANDMARK), 1.0, 1e-6); /* never more than all */
    close_to((double)categories_share(c, 1, LANDMARK + 2 * HALF), 0.001, 1e-6);
    close_to((double)categories_share(c, 1, LANDMARK - 3 * HALF), 0.00025 / 8.0, 1e-6);
    assert_true(categories_share(c, 1, INT64_MAX) == 1.0F);
    assert_true(categories_share(c, 1, INT64_MIN) == 1e-9F);
    categories_untake(c, &t);
    assert_true(categories_share(c, 1, LANDMARK) == 1.0F);
    categories_free(c);
}

/* ---- landmark ------------------------------------------------------------------------------- */

static void a_landmark_is_due_after_eight_half_lives_and_expresses_sixteen(void **state) {
    (void)state;
    struct categories *c = new_categories(1, 1);
    int64_t g = 77;
    assert_false(categories_due(c, LANDMARK + 8 * HALF - 1));
    assert_true(categories_due(c, LANDMARK + 8 * HALF));
    assert_false(categories_due(c, INT64_MIN));
    assert_true(categories_due(c, INT64_MAX));
    assert_int_equal(categories_weigh(c, LANDMARK + 16 * HALF + 1, &g), ST_RANGE);
    assert_int_equal(categories_weigh(c, INT64_MAX, &g), ST_RANGE);
    assert_int_equal(g, 77);
    assert_int_equal(categories_weigh(c, LANDMARK + 16 * HALF, &g), ST_OK);
    assert_true(g == FIXED_ONE << 16);
    assert_int_equal(categories_weigh(c, LANDMARK - 20 * HALF, &g), ST_OK);
    assert_true(g == 1);
    assert_int_equal(categories_weigh(c, INT64_MIN, &g), ST_OK);
    assert_true(g == 0);
    assert_int_equal(categories_weigh(c, LANDMARK + HALF / 2, &g), ST_OK);
    assert_true(g == fixed_of(sqrt(2.0)));
    categories_free(c);
}

static void it_moves_by_whole_half_lives_and_never_back(void **state) {
    (void)state;
    struct categories *c = new_categories(1, 1);
    assert_int_equal(categories_move(c, LANDMARK - 1), 0);
    assert_int_equal(categories_move(c, INT64_MIN), 0);
    assert_int_equal(categories_move(c, LANDMARK + HALF - 1), 0);
    int64_t g = 0;
    assert_int_equal(categories_weigh(c, LANDMARK, &g), ST_OK);
    assert_true(g == FIXED_ONE);
    assert_int_equal(categories_move(c, LANDMARK + 9 * HALF + HALF / 3), 9);
    assert_int_equal(categories_weigh(c, LANDMARK + 9 * HALF, &g), ST_OK);
    assert_true(g == FIXED_ONE);
    assert_int_equal(categories_move(c, LANDMARK + 10 * HALF), 1);
    assert_int_equal(categories_move(c, LANDMARK + 5000 * HALF), 4990);
    categories_free(c);
}

/* Read where what nobody took counts for nothing: long before the landmark. */
static double raw_share(const struct categories *c, uint32_t category, int64_t landmark_ms) {
    return (double)categories_share(c, category, landmark_ms - 60 * HALF);
}

static void a_move_rounds_each_g_to_nearest_and_sums_them_anew(void **state) {
    (void)state;
    struct categories *c = new_categories(1, 3);
    static const int64_t g[] = {3, 5, 1000};
    for (uint32_t k = 0; k < 3; k++) {
        const struct category_take t = {.g = g[k], .weight = 1, .category = k};
        categories_take(c, &t);
    }
    close_to(raw_share(c, 0, LANDMARK), 3.0 / 1008.0, 1e-6);
    assert_int_equal(categories_move(c, LANDMARK + HALF), 1);
    close_to(raw_share(c, 0, LANDMARK + HALF), 2.0 / 505.0, 1e-6); /* 1.5 -> 2 */
    close_to(raw_share(c, 1, LANDMARK + HALF), 3.0 / 505.0, 1e-6); /* 2.5 -> 3 */
    assert_int_equal(categories_move(c, LANDMARK + 4 * HALF), 3);
    close_to(raw_share(c, 2, LANDMARK + 4 * HALF), 1.0, 1e-6); /* 62.5 -> 63, the others 0 */
    assert_true(raw_share(c, 1, LANDMARK + 4 * HALF) < 1e-8);
    assert_int_equal(categories_move(c, LANDMARK + 100 * HALF), 96);
    assert_true(categories_share(c, 2, LANDMARK) == 1.0F); /* nothing is left */
    assert_true(categories_events(c, 2) > 0.0F);           /* counts do not decay */
    categories_free(c);
}

static void sums_near_the_end_of_an_int64_make_a_move_due_early(void **state) {
    (void)state;
    struct categories *c = new_categories(1, 1);
    struct category_take t = {.g = (INT64_C(1) << 62) - 1, .weight = 1};
    categories_take(c, &t);
    assert_false(categories_due(c, LANDMARK + HALF));
    t.g = 1;
    categories_take(c, &t);
    assert_false(categories_due(c, LANDMARK + HALF - 1));
    assert_true(categories_due(c, LANDMARK + HALF));
    assert_int_equal(categories_move(c, LANDMARK + HALF), 1);
    assert_false(categories_due(c, LANDMARK + 2 * HALF));
    categories_free(c);
}

/* ---- counts and repeats --------------------------------------------------------------------- */

static void the_repeat_rate_is_the_items_pulled_towards_its_categorys(void **state) {
    (void)state;
    struct categories *c = new_categories(4, 2);
    struct category_take t = line(c, 0, 0, LANDMARK, 1.0);
    for (int k = 0; k < 30; k++) { /* category 0: 30 of item 0, 10 of them again */
        t.repeated = k < 10;
        categories_take(c, &t);
    }
    t = line(c, 1, 1, LANDMARK, 2.0);
    categories_take(c, &t); /* category 1: item 1, weight 2, new */
    t = line(c, 2, CATEGORY_NONE, LANDMARK, 4.0);
    t.repeated = true;
    categories_take(c, &t); /* none: item 2, weight 4, again */
    const double rho = 14.0 / 36.0;
    const double rho_0 = (10.0 + 20.0 * rho) / 50.0;
    const double rho_1 = 20.0 * rho / 22.0;
    close_to((double)categories_repeat_rate(c, 0, categories_repeat_prior(c, 0)),
             (10.0 + 10.0 * rho_0) / 40.0, 1e-6);
    close_to((double)categories_repeat_rate(c, 1, categories_repeat_prior(c, 1)),
             10.0 * rho_1 / 12.0, 1e-6);
    close_to((double)categories_repeat_rate(c, 2, categories_repeat_prior(c, CATEGORY_NONE)),
             (4.0 + 10.0 * rho) / 14.0, 1e-6);
    close_to((double)categories_repeat_rate(c, 3, categories_repeat_prior(c, 1)), rho_1, 1e-6);
    close_to((double)categories_repeat_rate(c, 3, categories_repeat_prior(c, CATEGORY_NONE)), rho,
             1e-6);
    close_to((double)categories_repeat_rate(c, 3, categories_repeat_prior(c, 99)), rho, 1e-6);
    assert_true(categories_events(c, 0) == 30.0F);
    assert_true(categories_events(c, 1) == 2.0F);
    assert_true(categories_all_events(c) == 32.0F); /* without those of no category */
    categories_free(c);
}

static void the_order_of_arrival_leaves_no_trace(void **state) {
    (void)state;
    print_message("seeds 1..10\n");
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct rng rng = {seed};
        struct categories *both[] = {new_categories(ITEMS, CATEGORIES),
                                     new_categories(ITEMS, CATEGORIES)};
        static struct category_take t[LIVES];
        static struct pair_add p[LIVES];
        for (int k = 0; k < LIVES; k++) {
            t[k] = random_line(both[0], &rng, LANDMARK + (int64_t)rng_below(&rng, 400) * DAY_MS);
            const uint32_t from = rng_below(&rng, CATEGORIES);
            p[k] = pairs_weigh(from, (from + 1 + rng_below(&rng, CATEGORIES - 1)) % CATEGORIES,
                               (int)rng_below(&rng, CATEGORIES_WINDOW), 0);
        }
        for (int k = 0; k < LIVES; k++) {
            categories_take(both[0], &t[k]);
            categories_take(both[1], &t[LIVES - 1 - k]);
            assert_int_equal(categories_pair(both[0], &p[k]), ST_OK);
            assert_int_equal(categories_pair(both[1], &p[(k + LIVES / 2) % LIVES]), ST_OK);
        }
        const int64_t now = LANDMARK + 300 * DAY_MS;
        assert_true(digest(both[0], now) == digest(both[1], now));
        categories_free(both[0]);
        categories_free(both[1]);
    }
}

static void what_was_added_is_taken_back_exactly_in_any_order(void **state) {
    (void)state;
    print_message("seeds 1..10\n");
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct rng rng = {seed};
        struct categories *c = new_categories(ITEMS, CATEGORIES);
        struct category_take t[50];
        struct pair_add p[50];
        for (int round = 0; round < 2; round++) { /* the first one stays */
            const int64_t now = LANDMARK + 100 * DAY_MS;
            const uint64_t before = digest(c, now);
            for (int k = 0; k < 50; k++) {
                t[k] = random_line(c, &rng, LANDMARK + (int64_t)rng_below(&rng, 100) * DAY_MS);
                categories_take(c, &t[k]);
                const uint32_t to = 1 + rng_below(&rng, CATEGORIES - 1);
                p[k] = pairs_weigh(rng_below(&rng, to), to, (int)rng_below(&rng, 10), 0);
                assert_int_equal(categories_pair(c, &p[k]), ST_OK);
            }
            assert_true(digest(c, now) != before);
            for (uint32_t k = 0; round == 1 && k < 50; k++) {
                categories_untake(c, &t[k * 7 % 50]);
                categories_unpair(c, &p[k * 3 % 50]);
            }
            assert_int_equal(digest(c, now) == before, round == 1);
        }
        categories_free(c);
    }
}

/* ---- pairs ---------------------------------------------------------------------------------- */

static void a_pair_stands_in_both_lists_with_its_co_occurrence_only(void **state) {
    (void)state;
    struct categories *c = new_categories(1, 5);
    const struct pair_add add = pairs_weigh(3, 1, 1, 0);
    assert_true(add.f > 0 && add.s > 0);
    assert_int_equal(categories_pair(c, &add), ST_OK);
    assert_int_equal(categories_pair(c, &add), ST_OK);
    for (uint32_t k = 0; k < 5; k++) {
        const struct pair_list l = categories_neighbours(c, k);
        assert_int_equal(l.n, k == 1 || k == 3);
        if (l.n > 0) {
            assert_int_equal(l.near.item[0], 4 - k);
            close_to((double)l.near.of[0].a, 1.6, 1e-6);
            assert_true(l.near.of[0].f == 0.0F && l.near.of[0].s == 0.0F && l.s_sum == 0.0F);
        }
    }
    categories_unpair(c, &add);
    close_to((double)categories_neighbours(c, 3).near.of[0].a, 0.8, 1e-6);
    categories_unpair(c, &add);
    assert_int_equal(categories_neighbours(c, 3).n, 0);
    assert_int_equal(categories_neighbours(c, 1).n, 0);
    categories_free(c);
}

/* Category 0 goes with category k by 1 + (7 k mod MANY) units. */
static void pair_with_many(struct categories *c, uint32_t n) {
    for (uint32_t k = 1; k <= n; k++) {
        const struct pair_add add = {.from = k, .to = 0, .a = 1 + (int32_t)(7 * k % MANY)};
        assert_int_equal(categories_pair(c, &add), ST_OK);
    }
}

static void long_lists_are_pruned_to_the_strongest_300(void **state) {
    (void)state;
    struct categories *c = new_categories(1, MANY + 1);
    pair_with_many(c, CATEGORIES_NEIGHBOURS);
    assert_int_equal(categories_prune(c), 0);
    assert_int_equal(categories_neighbours(c, 0).n, CATEGORIES_NEIGHBOURS);
    pair_with_many(c, MANY);
    assert_int_equal(categories_neighbours(c, 0).n, MANY);
    assert_int_equal(categories_prune(c), 1);
    assert_int_equal(categories_prune(c), 0);
    const struct pair_list l = categories_neighbours(c, 0);
    assert_int_equal(l.n, CATEGORIES_KEEP);
    bool kept[MANY + 1] = {false};
    for (uint32_t x = 0; x < l.n; x++) {
        kept[l.near.item[x]] = true;
    }
    double weakest_kept = 1e9;
    double strongest_gone = 0.0;
    for (uint32_t k = 1; k <= MANY; k++) {
        const double a = (k <= CATEGORIES_NEIGHBOURS ? 2.0 : 1.0) * (1 + 7 * k % MANY);
        weakest_kept = kept[k] && a < weakest_kept ? a : weakest_kept;
        strongest_gone = !kept[k] && a > strongest_gone ? a : strongest_gone;
        assert_int_equal(categories_neighbours(c, k).n, 1);
    }
    assert_true(weakest_kept >= strongest_gone);
    assert_true(CATEGORIES_KEEP >= 300);
    categories_free(c);
}

static void a_list_that_was_taken_back_is_not_pruned(void **state) {
    (void)state;
    struct categories *c = new_categories(1, MANY + 1);
    pair_with_many(c, MANY);
    for (uint32_t k = CATEGORIES_NEIGHBOURS; k < MANY; k++) {
        const struct pair_add add = {.from = k + 1, .a = 1 + (int32_t)(7 * (k + 1) % MANY)};
        categories_unpair(c, &add);
    }
    assert_int_equal(categories_prune(c), 0);
    assert_int_equal(categories_neighbours(c, 0).n, CATEGORIES_NEIGHBOURS);
    categories_free(c);
}

/* ---- deals ---------------------------------------------------------------------------------- */

static void the_newest_sale_says_what_the_discount_is(void **state) {
    (void)state;
    struct categories *c = new_categories(2, 0);
    categories_deal(c, 1, 0.25F, 1000);
    assert_true(categories_deal_now(c, 1, 1000) == 0.25F);
    assert_true(categories_deal_now(c, 1, -5) == 0.25F);
    assert_true(categories_deal_now(c, 0, 1000) == 0.0F);
    categories_deal(c, 1, 0.75F, 999);
    assert_true(categories_deal_now(c, 1, 1000) == 0.25F);
    categories_deal(c, 1, 0.5F, 1000);
    categories_deal(c, 1, 0.375F, 1000); /* of one moment the larger */
    assert_true(categories_deal_now(c, 1, 1000) == 0.5F);
    close_to((double)categories_deal_now(c, 1, 1000 + 7 * DAY_MS), 0.25, 1e-6);
    close_to((double)categories_deal_now(c, 1, 1000 + 10 * DAY_MS), 0.5 * exp2(-10.0 / 7.0), 1e-6);
    assert_true(categories_deal_now(c, 1, INT64_MAX) == 0.0F);
    categories_deal(c, 1, 0.0F, 1001);
    assert_true(categories_deal_now(c, 1, 1001) == 0.0F);
    categories_deal(c, 0, 0.125F, -10 * DAY_MS); /* before 1970 is a time, too */
    assert_true(categories_deal_now(c, 0, -10 * DAY_MS) == 0.125F);
    categories_free(c);
}

/* ---- any sequence of calls ------------------------------------------------------------------ */

struct life {
    struct categories *c;
    struct rng rng;
    int64_t landmark, now;
    uint32_t n_lines, n_pairs;
    struct category_take line[LIVES]; /* those not taken back; g at the landmark of today */
    struct pair_add pair[LIVES];
    int64_t g[CATEGORIES]; /* exact: rounded as the moves round */
    float deal[ITEMS];
    int64_t deal_ms[ITEMS];
    bool sold[ITEMS];
};

static void life_take(struct life *l) {
    const int64_t back = rng_below(&l->rng, 4) ? 0 : (int64_t)rng_below(&l->rng, 50) * DAY_MS;
    struct category_take t = random_line(l->c, &l->rng, l->now - back);
    if (l->n_lines < LIVES) {
        categories_take(l->c, &t);
        l->line[l->n_lines++] = t;
        if (t.category != CATEGORY_NONE) {
            l->g[t.category] += t.g;
        }
    }
}

static void life_untake(struct life *l) {
    if (l->n_lines == 0) {
        return;
    }
    const uint32_t x = rng_below(&l->rng, l->n_lines);
    categories_untake(l->c, &l->line[x]);
    if (l->line[x].category != CATEGORY_NONE) {
        l->g[l->line[x].category] -= l->line[x].g;
    }
    l->line[x] = l->line[--l->n_lines];
}

static void life_pair(struct life *l) {
    if (rng_below(&l->rng, 5) > 1 && l->n_pairs < LIVES) {
        const uint32_t to = 1 + rng_below(&l->rng, CATEGORIES - 1);
        struct pair_add p =
            pairs_weigh(rng_below(&l->rng, to), to, (int)rng_below(&l->rng, CATEGORIES_WINDOW), 0);
        assert_int_equal(categories_pair(l->c, &p), ST_OK);
        l->pair[l->n_pairs++] = p;
    } else if (l->n_pairs > 0) {
        const uint32_t x = rng_below(&l->rng, l->n_pairs);
        categories_unpair(l->c, &l->pair[x]);
        l->pair[x] = l->pair[--l->n_pairs];
    }
}

/* round(v / 2^h), ties away from zero, in a way that has nothing to do with shifts. */
static int64_t halved(int64_t v, int64_t h) {
    return (int64_t)llroundl(ldexpl((long double)v, -(int)(h < 1000 ? h : 1000)));
}

static void life_move(struct life *l) {
    const int64_t moved = categories_move(l->c, l->now);
    assert_true(moved == (l->now - l->landmark) / HALF);
    l->landmark += moved * HALF;
    for (uint32_t k = 0; k < CATEGORIES; k++) {
        l->g[k] = halved(l->g[k], moved);
    }
    for (uint32_t x = 0; x < l->n_lines; x++) {
        l->line[x].g = halved(l->line[x].g, moved);
    }
}

static void life_deal(struct life *l) {
    const uint32_t i = rng_below(&l->rng, ITEMS);
    const int64_t ts = l->now - (int64_t)rng_below(&l->rng, 3) * DAY_MS;
    const float d = (float)rng_below(&l->rng, 5) * 0.25F;
    categories_deal(l->c, i, d, ts);
    if (!l->sold[i] || ts > l->deal_ms[i] || (ts == l->deal_ms[i] && d > l->deal[i])) {
        l->sold[i] = true;
        l->deal[i] = d;
        l->deal_ms[i] = ts;
    }
}

static void assert_categories(const struct life *l) {
    double all = 0.0;
    double events = 0.0;
    for (uint32_t k = 0; k < CATEGORIES; k++) {
        all += fixed_to(l->g[k]);
    }
    const double e = 0.001 * exp2((double)(l->now - l->landmark) / (double)HALF);
    for (uint32_t k = 0; k < CATEGORIES; k++) {
        double n = 0.0;
        for (uint32_t x = 0; x < l->n_lines; x++) {
            n += l->line[x].category == k ? fixed_to(l->line[x].weight) : 0.0;
        }
        events += n;
        assert_true(categories_events(l->c, k) == (float)n);
        const double share = all > 0.0 ? (fixed_to(l->g[k]) + e) / all : 1.0;
        close_to((double)categories_share(l->c, k, l->now), fmin(1.0, fmax(1e-9, share)), 1e-6);
    }
    assert_true(categories_all_events(l->c) == (float)events);
}

static void assert_pairs(const struct life *l) {
    double t[CATEGORIES][CATEGORIES] = {{0.0}};
    for (uint32_t x = 0; x < l->n_pairs; x++) {
        t[l->pair[x].from][l->pair[x].to] += fixed_to(l->pair[x].a);
        t[l->pair[x].to][l->pair[x].from] += fixed_to(l->pair[x].a);
    }
    for (uint32_t k = 0; k < CATEGORIES; k++) {
        const struct pair_list list = categories_neighbours(l->c, k);
        uint32_t n = 0;
        for (uint32_t b = 0; b < CATEGORIES; b++) {
            n += t[k][b] > 0.0;
        }
        assert_int_equal(list.n, n);
        for (uint32_t x = 0; x < n; x++) {
            assert_true(list.near.of[x].a == (float)t[k][list.near.item[x]]);
        }
    }
}

/* rep and n of the lines that match; UINT32_MAX - 1 matches all. */
static void sums_of(const struct life *l, uint32_t item, uint32_t category, double *rep,
                    double *n) {
    const uint32_t any = UINT32_MAX - 1;
    *rep = *n = 0.0;
    for (uint32_t x = 0; x < l->n_lines; x++) {
        if ((item == any || l->line[x].item == item) &&
            (category == any || l->line[x].category == category)) {
            *n += fixed_to(l->line[x].weight);
            *rep += l->line[x].repeated ? fixed_to(l->line[x].weight) : 0.0;
        }
    }
}

static void assert_items(const struct life *l) {
    const uint32_t any = UINT32_MAX - 1;
    double rep = 0.0;
    double n = 0.0;
    sums_of(l, any, any, &rep, &n);
    const double rho = n > 0.0 ? rep / n : 0.5;
    for (uint32_t i = 0; i < ITEMS; i++) {
        const uint32_t category = i < CATEGORIES ? i : CATEGORY_NONE;
        sums_of(l, any, category, &rep, &n);
        const double rho_c = category == CATEGORY_NONE ? rho : (rep + 20.0 * rho) / (n + 20.0);
        sums_of(l, i, any, &rep, &n);
        close_to((double)categories_repeat_rate(l->c, i, categories_repeat_prior(l->c, category)),
                 (rep + 10.0 * rho_c) / (n + 10.0), 1e-6);
        const double age = (double)(l->now - l->deal_ms[i]) / (7.0 * (double)DAY_MS);
        close_to((double)categories_deal_now(l->c, i, l->now),
                 l->sold[i] ? (double)l->deal[i] * exp2(-age) : 0.0, 1e-6);
    }
}

static void any_sequence_of_calls_agrees_with_lists_of_what_was_done(void **state) {
    (void)state;
    static struct life l;
    print_message("seeds 1..12\n");
    for (uint64_t seed = 1; seed <= 12; seed++) {
        l = (struct life){.rng = {seed}, .landmark = LANDMARK, .now = LANDMARK};
        l.c = new_categories(ITEMS, CATEGORIES);
        for (int step = 0; step < 3000; step++) {
            l.now += (int64_t)rng_below(&l.rng, 30) * DAY_MS / 10;
            if (categories_due(l.c, l.now) || rng_below(&l.rng, 60) == 0) {
                life_move(&l);
            }
            switch (rng_below(&l.rng, 6)) {
            case 0:
            case 1: life_take(&l); break;
            case 2: life_untake(&l); break;
            case 3: life_deal(&l); break;
            default: life_pair(&l); break;
            }
            if (step % 25 == 0) {
                assert_categories(&l);
                assert_pairs(&l);
                assert_items(&l);
            }
        }
        categories_free(l.c);
    }
}

/* ---- room ----------------------------------------------------------------------------------- */

static void growing_keeps_what_is_known(void **state) {
    (void)state;
    struct categories *c = new_categories(ITEMS, CATEGORIES);
    struct rng rng = {3};
    for (int k = 0; k < 200; k++) {
        const struct category_take t = random_line(c, &rng, LANDMARK);
        categories_take(c, &t);
        pair_with_many(c, 5);
        categories_deal(c, t.item, 0.5F, LANDMARK);
    }
    const uint64_t before = digest(c, LANDMARK);
    const size_t bytes = categories_bytes(c);
    assert_int_equal(categories_reserve(c, 5000, 3000), ST_OK);
    assert_int_equal(categories_reserve(c, 1, 1), ST_OK);
    assert_true(digest(c, LANDMARK) == before);
    assert_true(categories_bytes(c) >
                bytes + 4000 * sizeof(int64_t[3]) + 2000 * sizeof(int64_t[3]));
    const struct category_take t = line(c, 4999, 2999, LANDMARK, 1.0);
    categories_take(c, &t);
    const struct pair_add add = pairs_weigh(2999, 0, 0, 0);
    assert_int_equal(categories_pair(c, &add), ST_OK);
    assert_true(categories_events(c, 2999) == 1.0F);
    assert_int_equal(categories_neighbours(c, 2999).near.item[0], 0);
    categories_free(c);
}

static void without_memory_nothing_changes(void **state) {
    (void)state;
    if (!CAN_FAIL) {
        skip();
    }
    struct categories *c = NULL;
    for (int n = 0; n < 2; n++) {
        fail_after(n);
        const enum status st = categories_new(0, &c);
        fail_after(-1);
        assert_int_equal(st, ST_NOMEM);
        assert_null(c);
    }
    c = new_categories(ITEMS, CATEGORIES);
    const uint64_t before = digest(c, LANDMARK);
    for (int n = 0; n < 3; n++) { /* items, categories, their lists */
        const uint32_t more = 100000U << n;
        fail_after(n);
        const enum status st = categories_reserve(c, more, more);
        fail_after(-1);
        assert_int_equal(st, ST_NOMEM);
        assert_true(digest(c, LANDMARK) == before);
        assert_true(categories_events(c, 99999) == 0.0F);
        assert_int_equal(categories_neighbours(c, 99999).n, 0);
    }
    const struct pair_add add = pairs_weigh(0, 1, 0, 0);
    for (int n = 0; n < 3; n++) { /* the note; one list; with that one, the other */
        fail_after(n > 0);
        const enum status st = categories_pair(c, &add);
        fail_after(-1);
        assert_int_equal(st, ST_NOMEM);
        assert_true(digest(c, LANDMARK) == before);
    }
    assert_int_equal(categories_pair(c, &add), ST_OK);
    categories_free(c);
}

/* ---- sums and their sides ------------------------------------------------------------- */

static struct category_take_sum random_sum(struct rng *rng) {
    const uint32_t category = rng_below(rng, CATEGORIES + 1);
    const int64_t weight = FIXED_ONE / 4 * (1 + rng_below(rng, 9));
    return (struct category_take_sum){.g = rng_below(rng, 1U << 30),
                                      .weight = weight,
                                      .repeated = rng_below(rng, 2) ? weight / 2 : 0,
                                      .category = category < CATEGORIES ? category : CATEGORY_NONE,
                                      .item = rng_below(rng, ITEMS)};
}

/* Both sides at once are the one and the other; what was added goes without a trace. */
static void sides_add_up_and_are_taken_back_exactly(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct rng rng = {seed};
        struct categories *a = new_categories(ITEMS, CATEGORIES);
        struct categories *b = new_categories(ITEMS, CATEGORIES);
        struct category_take_sum pending[60];
        unsigned sides[60];
        for (int k = 0; k < 60; k++) {
            const struct category_take_sum stays = random_sum(&rng);
            const struct pair_sum goes = {.a = 1 + rng_below(&rng, 9999),
                                          .from = rng_below(&rng, 6),
                                          .to = 6 + rng_below(&rng, 6)};
            categories_add(a, &stays, CATEGORIES_ITEM | CATEGORIES_CATEGORY);
            categories_add(b, &stays, CATEGORIES_CATEGORY);
            categories_add(b, &stays, CATEGORIES_ITEM | 4); /* other bits mean nothing */
            categories_add(b, &stays, 0);
            assert_int_equal(categories_add_pairs(a, &goes, PAIR_FROM | PAIR_TO), ST_OK);
            assert_int_equal(categories_add_pairs(b, &goes, PAIR_TO), ST_OK);
            assert_int_equal(categories_add_pairs(b, &goes, PAIR_FROM), ST_OK);
            assert_int_equal(categories_add_pairs(b, &goes, PAIR_FROM), ST_OK);
            categories_subtract_pairs(b, &goes, PAIR_FROM);
            pending[k] = random_sum(&rng);
            sides[k] = rng_below(&rng, 4);
            categories_add(b, &pending[k], sides[k]);
        }
        assert_true(digest(a, LANDMARK) != digest(b, LANDMARK));
        for (int k = 0; k < 60; k++) {
            categories_subtract(b, &pending[k], sides[k]);
        }
        assert_true(digest(a, LANDMARK) == digest(b, LANDMARK));
        for (uint32_t i = 0; i < ITEMS; i++) {
            const struct categories_item x = categories_item(a, i);
            const struct categories_item y = categories_item(b, i);
            assert_true(x.g == y.g && x.n == y.n && x.repeats == y.repeats);
        }
        categories_free(a);
        categories_free(b);
    }
}

static void a_sum_of_takes_is_those_takes(void **state) {
    (void)state;
    struct rng rng = {31};
    struct categories *a = new_categories(ITEMS, CATEGORIES);
    struct categories *b = new_categories(ITEMS, CATEGORIES);
    for (int k = 0; k < 200; k++) {
        struct category_take_sum sum = {.g = 0};
        struct category_take take = random_line(a, &rng, LANDMARK + DAY_MS);
        for (int e = 0; e < 3; e++) {
            take.repeated = e == 1;
            categories_take(a, &take);
            sum.g += take.g;
            sum.weight += take.weight;
            sum.repeated += take.repeated ? take.weight : 0;
        }
        sum.item = take.item;
        sum.category = take.category;
        categories_add(b, &sum, CATEGORIES_ITEM | CATEGORIES_CATEGORY);
        const uint32_t *top[2];
        for (uint32_t c = 0; c < CATEGORIES; c++) {
            const uint32_t n = categories_top(a, c, &top[0]);
            assert_int_equal(n, categories_top(b, c, &top[1]));
            assert_memory_equal(top[0], top[1], n * sizeof *top[0]);
        }
    }
    assert_true(digest(a, LANDMARK) == digest(b, LANDMARK));
    categories_free(a);
    categories_free(b);
}

/* Each total from the parts alone. */
static void parts_make_up_the_whole(void **state) {
    (void)state;
    struct rng rng = {32};
    struct categories *a = new_categories(ITEMS, CATEGORIES);
    struct categories *b = new_categories(ITEMS, CATEGORIES);
    for (int k = 0; k < 500; k++) {
        const struct category_take_sum sum = random_sum(&rng);
        const struct pair_sum goes = {
            .a = 1 + rng_below(&rng, 9999), .from = rng_below(&rng, 6), .to = 6 + (uint32_t)k % 6};
        categories_add(a, &sum, CATEGORIES_ITEM | CATEGORIES_CATEGORY);
        assert_int_equal(categories_add_pairs(a, &goes, PAIR_FROM | PAIR_TO), ST_OK);
        categories_deal(a, sum.item, 0.5F, LANDMARK + k);
    }
    for (uint32_t i = 0; i < ITEMS; i++) {
        const struct categories_item item = categories_item(a, i);
        categories_item_add(b, i, &item);
    }
    for (uint32_t k = 0; k < CATEGORIES; k++) {
        const struct categories_category category = categories_category(a, k);
        categories_category_add(b, k, &category);
        for (uint32_t n = 0; n < categories_neighbours(a, k).n; n++) {
            const struct pair_sum goes = categories_pair_at(a, k, n);
            assert_true(goes.from == k && goes.a > 0);
            assert_int_equal(categories_add_pairs(b, &goes, PAIR_FROM), ST_OK);
        }
        const uint32_t *top[2];
        const uint32_t n = categories_top(a, k, &top[0]);
        assert_int_equal(n, categories_top(b, k, &top[1]));
        assert_memory_equal(top[0], top[1], n * sizeof *top[0]);
    }
    assert_true(digest(a, LANDMARK + DAY_MS) == digest(b, LANDMARK + DAY_MS));
    assert_true(categories_landmark(a) == LANDMARK);
    assert_true(categories_move(a, LANDMARK + 70 * DAY_MS) == 2);
    assert_true(categories_landmark(a) == LANDMARK + 2 * HALF);
    categories_free(a);
    categories_free(b);
}

/* The item's side alone is no news of the category. */
static void top_items_need_both_sides(void **state) {
    (void)state;
    struct categories *c = new_categories(ITEMS, CATEGORIES);
    const struct category_take_sum sum = {.g = 5, .weight = FIXED_ONE, .category = 1, .item = 2};
    const uint32_t *top = NULL;
    categories_add(c, &sum, CATEGORIES_ITEM);
    categories_add(c, &sum, CATEGORIES_CATEGORY);
    assert_int_equal(categories_top(c, 1, &top), 0);
    categories_add(c, &sum, CATEGORIES_ITEM | CATEGORIES_CATEGORY);
    assert_int_equal(categories_top(c, 1, &top), 1);
    assert_int_equal(top[0], 2);
    categories_free(c);
}

static void top_items_can_be_made_anew_and_the_first_of_equal_ones_stay(void **state) {
    (void)state;
    struct categories *c = new_categories(8, 2);
    const int64_t g[8] = {5, 9, 5, 0, 7, 5, 9, 3};
    const uint32_t order[8] = {5, 3, 0, 6, 7, 2, 4, 1};
    const uint32_t *top = NULL;
    for (uint32_t i = 0; i < 8; i++) {
        const struct category_take_sum sum = {
            .g = g[i], .weight = FIXED_ONE, .category = 1, .item = i};
        categories_add(c, &sum, CATEGORIES_ITEM | CATEGORIES_CATEGORY);
    }
    categories_forget_tops(c);
    assert_int_equal(categories_top(c, 1, &top), 0);
    for (uint32_t k = 0; k < 6; k++) { /* without the last two */
        categories_offer_top(c, 1, order[k]);
    }
    assert_int_equal(categories_top(c, 1, &top), CATEGORY_TOP);
    assert_true(top[0] == 6 && top[1] == 5 && top[2] == 0); /* 9, 5, 5: 2 came last */
    categories_offer_top(c, 1, 4);
    categories_offer_top(c, 1, 1);
    assert_true(categories_top(c, 1, &top) == 3 && top[0] == 6 && top[1] == 1 && top[2] == 4);
    categories_offer_top(c, CATEGORY_NONE, 1);
    categories_offer_top(c, 0, 3); /* of which nothing is counted */
    assert_int_equal(categories_top(c, 0, &top), 0);
    categories_free(c);
}

static void pruning_is_due_while_a_list_is_too_long_and_ties_go_by_hash(void **state) {
    (void)state;
    enum { N = CATEGORIES_NEIGHBOURS + 1 };
    struct categories *c = new_categories(1, N + 1);
    uint64_t hashes[N + 1];
    for (uint32_t k = 0; k <= N; k++) {
        hashes[k] = mix64(k);
    }
    for (uint32_t k = 1; k <= N; k++) {
        const struct pair_sum goes = {.a = 7, .from = 0, .to = k};
        assert_false(categories_prune_due(c));
        assert_int_equal(categories_add_pairs(c, &goes, PAIR_FROM), ST_OK);
    }
    const struct pair_sum last = {.a = 7, .from = 0, .to = N};
    assert_true(categories_prune_due(c));
    categories_subtract_pairs(c, &last, PAIR_FROM);
    assert_false(categories_prune_due(c));
    assert_int_equal(categories_add_pairs(c, &last, PAIR_FROM), ST_OK);
    assert_true(categories_prune_due(c));
    assert_true(categories_prune_hashed(c, hashes) > 0);
    assert_false(categories_prune_due(c));
    const struct pair_list l = categories_neighbours(c, 0);
    assert_int_equal(l.n, CATEGORIES_KEEP);
    for (uint32_t x = 0; x < l.n; x++) {
        uint32_t before = 0;
        for (uint32_t k = 1; k <= N; k++) {
            before += hashes[k] < hashes[l.near.item[x]];
        }
        assert_true(before < CATEGORIES_KEEP);
    }
    categories_free(c);
}

/* What was taken back after a move may leave less than nothing: it is halved like any other. */
static void a_negative_rest_is_halved_too(void **state) {
    (void)state;
    struct categories *c = new_categories(ITEMS, CATEGORIES);
    const struct category_take_sum rest = {.g = -1000, .category = 1, .item = 2};
    categories_add(c, &rest, CATEGORIES_ITEM | CATEGORIES_CATEGORY);
    (void)categories_move(c, LANDMARK + 3 * HALF);
    assert_true(categories_item(c, 2).g == -125 && categories_category(c, 1).g == -125);
    (void)categories_move(c, LANDMARK + 3 * HALF + 40 * HALF);
    assert_true(categories_item(c, 2).g == 0);
    categories_free(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_knows_nothing_says_so),
        cmocka_unit_test(shares_hold_over_years_with_late_events_and_landmark_moves),
        cmocka_unit_test(what_nobody_took_has_a_thousandth_of_an_event_of_today),
        cmocka_unit_test(a_landmark_is_due_after_eight_half_lives_and_expresses_sixteen),
        cmocka_unit_test(it_moves_by_whole_half_lives_and_never_back),
        cmocka_unit_test(a_move_rounds_each_g_to_nearest_and_sums_them_anew),
        cmocka_unit_test(sums_near_the_end_of_an_int64_make_a_move_due_early),
        cmocka_unit_test(the_repeat_rate_is_the_items_pulled_towards_its_categorys),
        cmocka_unit_test(the_order_of_arrival_leaves_no_trace),
        cmocka_unit_test(what_was_added_is_taken_back_exactly_in_any_order),
        cmocka_unit_test(a_pair_stands_in_both_lists_with_its_co_occurrence_only),
        cmocka_unit_test(long_lists_are_pruned_to_the_strongest_300),
        cmocka_unit_test(a_list_that_was_taken_back_is_not_pruned),
        cmocka_unit_test(the_newest_sale_says_what_the_discount_is),
        cmocka_unit_test(any_sequence_of_calls_agrees_with_lists_of_what_was_done),
        cmocka_unit_test(growing_keeps_what_is_known),
        cmocka_unit_test(without_memory_nothing_changes),
        cmocka_unit_test(sides_add_up_and_are_taken_back_exactly),
        cmocka_unit_test(a_sum_of_takes_is_those_takes),
        cmocka_unit_test(parts_make_up_the_whole),
        cmocka_unit_test(top_items_need_both_sides),
        cmocka_unit_test(top_items_can_be_made_anew_and_the_first_of_equal_ones_stay),
        cmocka_unit_test(pruning_is_due_while_a_list_is_too_long_and_ties_go_by_hash),
        cmocka_unit_test(a_negative_rest_is_halved_too),
    };
    return cmocka_run_group_tests_name("categories", tests, NULL, NULL);
}
