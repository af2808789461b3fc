/* SPDX-License-Identifier: Apache-2.0
 * test_shared.c -- contract tests of models/shared.h, in the order of that header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "failing_alloc.h"
#include "fixed.h"
#include "mix.h"
#include "shared.h"
#include "snapshot.h"

enum { DAY_MS = 86400000, ITEMS = 30, CATEGORIES = 5, SEEDS = 16, DOMAINS = 2 };
enum { DIMS = FEATURES_PER_DOMAIN * DOMAINS };

static const struct shared_params PARAMS = {
    .n_domains = DOMAINS,
    .seed = 3,
    .segments = {.k = 3, .seed_points = SEEDS, .half_life = 500.0}};

struct bench {
    struct shared *s;
    struct delta *d;
    struct mini_batch m;
};

static uint32_t intern(struct shared *s, uint32_t number, uint8_t domain) {
    char id[16];
    const int len = snprintf(id, sizeof id, "i%u", number);
    uint32_t out = ITEM_NONE;
    assert_int_equal(shared_intern(s, mix64(number + 1), domain, id, (size_t)len, &out), ST_OK);
    return out;
}

/* ITEMS items, each with a category for which the interning makes room. */
static void fill(struct shared *s) {
    for (uint32_t k = 0; k < ITEMS; k++) {
        assert_int_equal(intern(s, k, (uint8_t)(k % 2)), k);
        const struct content_row row = {.available = true, .category = 1 + k % CATEGORIES};
        struct content_change change;
        assert_int_equal(content_set(s->content, k, &row, &change), ST_OK);
    }
    assert_int_equal(intern(s, 0, 0), 0);
}

static int setup(void **state) {
    struct bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    assert_int_equal(shared_new(&PARAMS, &b->s), ST_OK);
    assert_int_equal(delta_new(&b->d), ST_OK);
    fill(b->s);
    *state = b;
    return 0;
}

static int teardown(void **state) {
    struct bench *b = *state;
    shared_free(b->s);
    delta_free(b->d);
    free(b);
    return 0;
}

static void unit_vector(struct rng *rng, float p[FACTORS]) {
    double sum = 0.0;
    for (int k = 0; k < FACTORS; k++) {
        p[k] = (float)(rng_unit(rng) - 0.5);
        sum += (double)p[k] * (double)p[k];
    }
    for (int k = 0; k < FACTORS; k++) {
        p[k] = (float)((double)p[k] / sqrt(sum));
    }
}

static void take(struct bench *b, uint32_t item, int64_t ts_ms) {
    int64_t w[POP_CLOCKS];
    assert_int_equal(delta_reserve_line(b->d), ST_OK);
    assert_int_equal(popularity_weigh(b->s->popularity, ts_ms, w), ST_OK);
    shared_add_take(b->s, b->d, item, items_domain(b->s->items, item), ts_ms, w, FIXED_ONE);
}

static void pair(struct bench *b, uint32_t from, uint32_t to, int r) {
    const struct pair_add add = pairs_weigh(from, to, r, 1000);
    assert_int_equal(delta_reserve_line(b->d), ST_OK);
    assert_int_equal(shared_add_pair(b->s, b->d, &add), ST_OK);
}

static void take_category(struct bench *b, uint32_t item, int64_t ts_ms) {
    struct category_take add = {.weight = FIXED_ONE, .item = item, .repeated = item % 3 == 0};
    add.category = content_category(b->s->content, item);
    assert_int_equal(delta_reserve_line(b->d), ST_OK);
    assert_int_equal(categories_weigh(b->s->categories, ts_ms, &add.g), ST_OK);
    shared_add_category_take(b->s, b->d, &add);
}

static void pair_categories(struct bench *b, uint32_t from, uint32_t to, int r) {
    const struct pair_add add = pairs_weigh(from, to, r, 1000);
    assert_int_equal(delta_reserve_line(b->d), ST_OK);
    assert_int_equal(shared_add_category_pair(b->s, b->d, &add), ST_OK);
}

/* One of everything, drawn. */
static void add_line(struct bench *b, struct rng *rng, int64_t ts_ms) {
    const uint32_t item = rng_below(rng, ITEMS);
    float p[FACTORS];
    unit_vector(rng, p);
    take(b, item, ts_ms);
    for (int r = 0; r < PAIRS_WINDOW; r++) {
        const uint32_t from = rng_below(rng, ITEMS);
        if (from != item) {
            pair(b, from, item, r);
        }
    }
    take_category(b, item, ts_ms);
    for (uint32_t r = 1; r < CATEGORIES; r++) {
        pair_categories(b, (item + r) % CATEGORIES, item % CATEGORIES, (int)r);
    }
    shared_add_context(b->s, b->d, &b->m, item, p, FIXED_ONE, rng_below(rng, 2));
    shared_add_obs(b->s, b->d, rng_below(rng, ITEMS), (int64_t)rng_below(rng, 1000),
                   (int64_t)rng_below(rng, 9));
    shared_add_event(b->s, b->d);
}

static void vote(struct bench *b, struct rng *rng) {
    float x[FEATURES_MAX];
    for (uint32_t k = 0; k < DIMS; k++) {
        x[k] = (float)rng_unit(rng) + (float)rng_below(rng, 3) * 4.0F;
    }
    shared_add_vote(b->s, &b->m, x);
}

static uint64_t categories_digest(const struct categories *c) {
    uint64_t h = 0;
    for (uint32_t k = 0; k < CATEGORIES; k++) {
        float v[2] = {categories_share(c, k, 0), categories_events(c, k)};
        uint32_t bits[2];
        memcpy(bits, v, sizeof bits);
        h = mix64(h ^ bits[0] ^ (uint64_t)bits[1] << 32);
        const struct pair_list l = categories_neighbours(c, k);
        for (uint32_t x = 0; x < l.n; x++) {
            memcpy(bits, &l.near.of[x].a, sizeof *bits);
            h += mix64(l.near.item[x] ^ (uint64_t)bits[0] << 32);
        }
        for (uint32_t i = 0; i < ITEMS; i++) {
            v[0] = categories_repeat_rate(c, i, categories_repeat_prior(c, k));
            memcpy(bits, v, sizeof *bits);
            h = mix64(h ^ bits[0]);
        }
    }
    return h;
}

/* Digest of all counts and sums of categories and of items 0..n-1. */
static uint64_t counts_digest(const struct shared *s, uint32_t n) {
    uint64_t h = s->n_events ^ categories_digest(s->categories);
    for (uint32_t i = 0; i < n; i++) {
        const struct pop_hot *hot = &popularity_hot(s->popularity)[i];
        for (int c = 0; c < POP_CLOCKS; c++) {
            h = mix64(h ^ (uint64_t)popularity_count(s->popularity, i, c));
        }
        uint32_t bits[2];
        memcpy(bits, &hot->obs, sizeof bits); /* obs and exp */
        h = mix64(h ^ hot->count ^ (uint64_t)bits[0] << 32) ^ bits[1];
        h = mix64(h ^ (uint64_t)factors_count(s->factors, i));
        for (int k = 0; k < FACTORS; k++) {
            h = mix64(h ^ (uint64_t)factors_b(s->factors, i)[k]);
        }
        for (uint32_t j = 0; j < n; j++) {
            int64_t v[3] = {-1, -1, -1};
            (void)pairs_get(s->pairs, i, j, &v[0], &v[1], &v[2]);
            h = mix64(h ^ (uint64_t)v[0]) + mix64((uint64_t)v[1] ^ (uint64_t)v[2] << 20);
        }
        const float sum = pairs_list(s->pairs, i).s_sum;
        memcpy(bits, &sum, sizeof sum);
        h = mix64(h ^ bits[0]);
    }
    return h;
}

/* ---- life cycle, items ----------------------------------------------------------------- */

static void rejects_each_bad_parameter(void **state) {
    (void)state;
    struct shared_params bad[] = {PARAMS, PARAMS, PARAMS, PARAMS, PARAMS};
    bad[0].n_domains = 0;
    bad[1].n_domains = DOMAINS_MAX + 1;
    bad[2].segments.k = 1;
    bad[3].segments.seed_points = 4;
    bad[4].segments.half_life = (double)NAN;
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        struct shared *s = NULL;
        assert_int_equal(shared_new(&bad[k], &s), ST_INVALID);
        assert_null(s);
    }
    shared_free(NULL);
}

static void an_allocation_that_fails_leaves_nothing_behind(void **state) {
    (void)state;
    for (int n = 0; CAN_FAIL && n < 100; n++) {
        struct shared *s = NULL;
        fail_after(n);
        const enum status st = shared_new(&PARAMS, &s);
        fail_after(-1);
        if (!st) {
            shared_free(s);
            return;
        }
        assert_int_equal(st, ST_NOMEM);
        assert_null(s);
    }
    assert_false(CAN_FAIL);
}

static void an_item_has_one_index_and_one_domain(void **state) {
    struct bench *b = *state;
    uint32_t out = 77;
    assert_int_equal(intern(b->s, 5, 1), 5);
    assert_int_equal(shared_intern(b->s, mix64(6), 0, "i5", 2, &out), ST_INVALID);
    assert_int_equal(shared_intern(b->s, 1, 2, "x", 1, &out), ST_INVALID);
    assert_int_equal(shared_intern(b->s, 1, 0, "", 0, &out), ST_INVALID);
    assert_int_equal(out, 77);
    assert_int_equal(items_n(b->s->items), ITEMS);
}

/* Each part in turn refuses to grow: the item has room everywhere once it has an index. */
static void a_known_item_has_room_even_if_making_it_failed_half_way(void **state) {
    struct bench *b = *state;
    uint32_t made = ITEMS;
    for (int n = 0; CAN_FAIL && made < 3000; made++) {
        uint32_t i = ITEM_NONE;
        char id[16];
        const int len = snprintf(id, sizeof id, "i%u", made);
        fail_after(n++ % 9);
        const enum status st = shared_intern(b->s, mix64(made + 1), 0, id, (size_t)len, &i);
        fail_after(-1);
        assert_true(st == ST_OK || st == ST_NOMEM);
        if (st) {
            assert_int_equal(i, ITEM_NONE);
            i = intern(b->s, made, 0);
        }
        assert_int_equal(i, made);
        take(b, i, 0);
        take_category(b, i, 0);
        pair(b, i, 0, 0);
        assert_int_equal(factors_count(b->s->factors, i), 0);
    }
}

/* ---- into the view and the delta ------------------------------------------------------ */

static void what_enters_the_view_is_noted_and_can_be_taken_back_exactly(void **state) {
    struct bench *b = *state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct rng rng = {seed};
        for (int k = 0; k < 40; k++) {
            add_line(b, &rng, (int64_t)k * 1000);
        }
        const uint64_t before = counts_digest(b->s, ITEMS);
        float q[FACTORS];
        memcpy(q, factors_q(b->s->factors) + 3 * FACTORS, sizeof q);
        struct delta *committed = b->d;
        assert_int_equal(delta_new(&b->d), ST_OK);
        for (int k = 0; k < 40; k++) {
            add_line(b, &rng, (int64_t)rng_below(&rng, DAY_MS));
        }
        assert_true(counts_digest(b->s, ITEMS) != before);
        shared_take_back(b->s, b->d);
        if (counts_digest(b->s, ITEMS) != before) {
            fail_msg("seed %llu", (unsigned long long)seed);
        }
        assert_memory_equal(q, factors_q(b->s->factors) + 3 * FACTORS, sizeof q);
        delta_free(b->d);
        b->d = committed;
        delta_clear(b->d);
    }
}

/* Each kind alone: the digest of all of them together cannot say which one is missing. */
static void a_category_enters_the_view_and_its_delta(void **state) {
    struct bench *b = *state;
    const struct categories *c = b->s->categories;
    const uint64_t before = categories_digest(c);
    take_category(b, 3, 0);
    assert_true(categories_events(c, 3) == 1.0F);
    assert_int_equal(b->d->n_category_takes, 1);
    assert_int_equal(b->d->category_takes[0].item, 3);
    assert_true(b->d->category_takes[0].repeated);
    pair_categories(b, 1, 2, 0);
    assert_int_equal(categories_neighbours(c, 1).n, 1);
    assert_int_equal(b->d->n_category_pairs, 1);
    assert_int_equal(b->d->category_pairs[0].from, 1);
    assert_int_equal(b->d->category_pairs[0].to, 2);
    shared_take_back(b->s, b->d);
    assert_int_equal(categories_neighbours(c, 1).n, 0);
    assert_true(categories_digest(c) == before);
}

static void a_category_has_room_once_an_item_is_asked_for(void **state) {
    struct bench *b = *state;
    const struct content_row row = {.available = true, .category = 4711};
    struct content_change change;
    for (uint32_t k = 0; k < 300; k++) { /* far more than the first ones left room for */
        struct content_row next = row;
        next.category += k;
        assert_int_equal(content_set(b->s->content, 7, &next, &change), ST_OK);
    }
    assert_int_equal(intern(b->s, 7, 1), 7);
    take_category(b, 7, 0);
    pair_categories(b, CATEGORIES + 299, 0, 0);
    assert_true(categories_events(b->s->categories, CATEGORIES + 299) == 1.0F);
}

static void an_observation_of_nothing_is_not_noted(void **state) {
    struct bench *b = *state;
    assert_int_equal(delta_reserve_line(b->d), ST_OK);
    shared_add_obs(b->s, b->d, 1, 0, 0);
    assert_int_equal(b->d->n_obs, 0);
    shared_add_obs(b->s, b->d, 1, 0, 5);
    shared_add_obs(b->s, b->d, 1, 5, 0);
    assert_int_equal(b->d->n_obs, 2);
}

static void a_pair_that_finds_no_memory_adds_nothing(void **state) {
    struct bench *b = *state;
    const uint64_t before = counts_digest(b->s, ITEMS);
    const struct pair_add add = pairs_weigh(0, 1, 0, 0);
    assert_int_equal(delta_reserve_line(b->d), ST_OK);
    for (int n = 0; CAN_FAIL && n < 2; n++) {
        fail_after(n);
        const enum status st = shared_add_pair(b->s, b->d, &add);
        fail_after(-1);
        assert_int_equal(st, ST_NOMEM);
        assert_int_equal(b->d->n_pairs, 0);
        assert_true(counts_digest(b->s, ITEMS) == before);
        fail_after(n);
        const enum status of_categories = shared_add_category_pair(b->s, b->d, &add);
        fail_after(-1);
        assert_int_equal(of_categories, ST_NOMEM);
        assert_int_equal(b->d->n_category_pairs, 0);
        assert_true(counts_digest(b->s, ITEMS) == before);
    }
}

/* ---- at a log offset ---------------------------------------------------------------------- */

static void long_neighbour_lists_are_pruned_when_a_mini_batch_arrives(void **state) {
    struct bench *b = *state;
    for (uint32_t k = ITEMS; k < 300; k++) {
        pair(b, intern(b->s, k, 0), 7, (int)(k % PAIRS_WINDOW));
        pair(b, k, 8, 0);
    }
    shared_take_back(b->s, b->d); /* shrinks below the limit and grows again: still due */
    delta_clear(b->d);
    for (uint32_t k = ITEMS; k < 300; k++) {
        pair(b, k, 7, (int)(k % PAIRS_WINDOW));
        if (k < 100) {
            pair(b, k, 8, 0);
        }
    }
    assert_int_equal(pairs_list(b->s->pairs, 7).n, 270);
    const uint64_t end = b->s->log_end;
    assert_int_equal(shared_apply(b->s, &b->m), ST_OK);
    assert_int_equal(pairs_list(b->s->pairs, 7).n, PAIRS_KEEP);
    assert_int_equal(pairs_list(b->s->pairs, 8).n, 70);
    assert_int_equal(b->s->log_end, end + 2); /* the mini-batch and one prune */
    for (uint32_t k = 0; k < 60; k++) {       /* once more, from 150 */
        pair(b, intern(b->s, 400 + k, 0), 7, 0);
    }
    assert_int_equal(shared_apply(b->s, &b->m), ST_OK);
    assert_int_equal(pairs_list(b->s->pairs, 7).n, PAIRS_KEEP);
}

static void long_lists_of_categories_are_pruned_likewise(void **state) {
    struct bench *b = *state;
    struct content_change change;
    for (uint32_t k = 0; k < CATEGORIES_NEIGHBOURS + 20; k++) {
        const struct content_row row = {.available = true, .category = 100 + k};
        assert_int_equal(content_set(b->s->content, 0, &row, &change), ST_OK);
    }
    assert_int_equal(intern(b->s, 0, 0), 0);
    for (uint32_t k = 1; k <= CATEGORIES_NEIGHBOURS + 1; k++) {
        pair_categories(b, k, 0, 0);
    }
    assert_int_equal(categories_neighbours(b->s->categories, 0).n, CATEGORIES_NEIGHBOURS + 1);
    const uint64_t end = b->s->log_end;
    assert_int_equal(shared_apply(b->s, &b->m), ST_OK);
    assert_int_equal(categories_neighbours(b->s->categories, 0).n, CATEGORIES_KEEP);
    assert_int_equal(b->s->log_end, end + 2);
    assert_int_equal(shared_apply(b->s, &b->m), ST_OK);
    assert_int_equal(b->s->log_end, end + 3);
}

static void segments_are_seeded_by_the_mini_batch_after_enough_votes(void **state) {
    struct bench *b = *state;
    struct rng rng = {5};
    for (int k = 0; k < SEEDS - 1; k++) {
        vote(b, &rng);
    }
    assert_int_equal(shared_apply(b->s, &b->m), ST_OK);
    assert_false(segments_ready(b->s->segments));
    memset(&b->m, 0, sizeof b->m);
    for (int k = 0; k < 40; k++) { /* more than there is room for points */
        vote(b, &rng);
    }
    assert_false(segments_ready(b->s->segments));
    uint64_t end = b->s->log_end;
    assert_int_equal(shared_apply(b->s, &b->m), ST_OK);
    assert_true(segments_ready(b->s->segments));
    assert_int_equal(b->s->log_end, end + 2); /* the delta, and the seeds */
    end += 2;
    memset(&b->m, 0, sizeof b->m);
    vote(b, &rng);
    assert_int_equal(shared_apply(b->s, &b->m), ST_OK);
    assert_int_equal(b->s->log_end, end + 1); /* once */
}

/* Votes of another kind than those that gave the seeds: it is the mini-batch that looks. */
static void segments_are_reviewed_by_the_mini_batch_when_that_is_due(void **state) {
    struct bench *b = *state;
    struct rng rng = {6};
    uint32_t again = 0;
    for (uint32_t n = 0; n < 6 * SEGMENTS_REVIEW; n++) {
        float x[FEATURES_MAX];
        for (uint32_t k = 0; k < DIMS; k++) {
            const uint32_t kind = n < SEGMENTS_REVIEW ? rng_below(&rng, 50) / 49 : n % 3;
            x[k] = (float)rng_unit(&rng) + 8.0F * (float)(kind * (k + 1) % 3);
        }
        shared_add_vote(b->s, &b->m, x);
        if (n % 64 == 63) {
            const uint64_t end = b->s->log_end;
            const bool ready = segments_ready(b->s->segments);
            assert_int_equal(shared_apply(b->s, &b->m), ST_OK);
            assert_false(segments_due(b->s->segments));
            assert_true(b->s->log_end == end + 1 || b->s->log_end == end + 2);
            again += ready && b->s->log_end == end + 2;
            memset(&b->m, 0, sizeof b->m);
        }
    }
    assert_true(again >= 1 && again <= 4);
}

static void the_same_calls_give_the_same_bits(void **state) {
    struct bench *b = *state;
    struct bench c = {0};
    assert_int_equal(shared_new(&PARAMS, &c.s), ST_OK);
    assert_int_equal(delta_new(&c.d), ST_OK);
    fill(c.s);
    struct bench *both[] = {b, &c};
    for (int which = 0; which < 2; which++) {
        struct rng rng = {9};
        for (int64_t k = 0; k < 400; k++) {
            add_line(both[which], &rng, k * DAY_MS / 100);
            vote(both[which], &rng);
            if (k % 25 == 0) {
                assert_int_equal(shared_apply(both[which]->s, &both[which]->m), ST_OK);
                memset(&both[which]->m, 0, sizeof both[which]->m);
            }
        }
    }
    assert_true(counts_digest(b->s, ITEMS) == counts_digest(c.s, ITEMS));
    assert_int_equal(b->s->log_end, c.s->log_end);
    assert_memory_equal(factors_q(b->s->factors), factors_q(c.s->factors),
                        ITEMS * FACTORS * sizeof(float));
    assert_memory_equal(factors_s(b->s->factors), factors_s(c.s->factors),
                        FACTORS * FACTORS * sizeof(float));
    for (uint32_t k = 0; k < PARAMS.segments.k; k++) {
        assert_memory_equal(segments_centroid(b->s->segments, k),
                            segments_centroid(c.s->segments, k), DIMS * sizeof(float));
    }
    shared_free(c.s);
    delta_free(c.d);
}

/* ---- landmarks ------------------------------------------------------------------------------ */

static void a_landmark_is_needed_where_a_time_cannot_be_weighed(void **state) {
    struct bench *b = *state;
    assert_false(shared_landmark_needed(b->s, INT64_C(12) * DAY_MS));
    assert_true(shared_landmark_needed(b->s, INT64_C(12) * DAY_MS + 1));
    assert_false(shared_landmark_needed(b->s, -(INT64_C(1) << 46))); /* the past always can */
    b->s->n_events = 16 * 20000;
    assert_false(shared_landmark_needed(b->s, 0));
    b->s->n_events++;
    assert_true(shared_landmark_needed(b->s, 0));
}

static void the_categories_landmark_is_one_of_those_that_move(void **state) {
    struct bench *b = *state;
    const int64_t half = CATEGORIES_HALF_LIFE_MS;
    for (int c = 0; c < POP_CLOCKS; c++) { /* those of items are ahead */
        const int64_t to = popularity_next_landmark(b->s->popularity, c, 17 * half);
        assert_int_equal(popularity_move(b->s->popularity, c, to), ST_OK);
    }
    assert_false(shared_landmark_needed(b->s, 16 * half));
    assert_true(shared_landmark_needed(b->s, 16 * half + 1));
    assert_int_equal(shared_move_landmarks(b->s, 8 * half - 1).category_halvings, 0);
    assert_int_equal(b->s->log_end, 0);
    take_category(b, 1, 0);
    take_category(b, 1, 7 * half);
    const int64_t g[] = {b->d->category_takes[0].g, b->d->category_takes[1].g};
    const uint64_t before = categories_digest(b->s->categories);
    take_category(b, 2, 8 * half);
    const struct shared_move move = shared_move_landmarks(b->s, 8 * half + 5);
    assert_int_equal(move.category_halvings, 8);
    assert_int_equal(b->s->log_end, 1);
    assert_true(categories_digest(b->s->categories) != before);
    delta_move_categories(b->d, move.category_halvings);
    assert_int_equal(b->d->category_takes[0].g, g[0] >> 8);
    assert_int_equal(b->d->category_takes[1].g, g[1] >> 8);
    shared_take_back(b->s, b->d);
    assert_true(categories_share(b->s->categories, 1, 0) == 1.0F); /* nothing is left */
    int64_t one = 0;
    assert_int_equal(categories_weigh(b->s->categories, 8 * half, &one), ST_OK);
    assert_true(one == FIXED_ONE);
}

static void a_move_says_by_how_much_each_clock_moved(void **state) {
    struct bench *b = *state;
    int64_t at[POP_CLOCKS];
    for (int c = 0; c < POP_CLOCKS; c++) {
        at[c] = popularity_landmark(b->s->popularity, c);
    }
    struct shared_move none = shared_move_landmarks(b->s, 7 * (int64_t)DAY_MS);
    assert_int_equal(none.halvings[0], 0);
    assert_int_equal(b->s->log_end, 0);

    b->s->n_events = 8 * 20000 + 5;
    struct shared_move move = shared_move_landmarks(b->s, 60 * (int64_t)DAY_MS + 5);
    assert_int_equal(b->s->log_end, 3);
    assert_int_equal(move.halvings[0], 60);
    assert_int_equal(move.halvings[1], 8);
    assert_int_equal(move.halvings[2], 0);
    assert_int_equal(move.halvings[3], 0);
    assert_int_equal(move.obs_halvings, 8);
    assert_int_equal(move.category_halvings, 0);
    for (int c = 0; c < POP_CLOCKS; c++) {
        assert_int_equal(popularity_landmark(b->s->popularity, c),
                         at[c] + move.halvings[c] * popularity_half_life_ms[c]);
    }
    b->s->n_events += 9 * 20000;
    assert_int_equal(shared_move_landmarks(b->s, 0).obs_halvings, 9);
}

/* Exact within 2^-20 an increment and move: the promise of shared_take_back(). */
static void taking_back_across_landmark_moves_leaves_rounding_only(void **state) {
    struct bench *b = *state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct rng rng = {seed};
        int64_t now = (int64_t)rng_below(&rng, DAY_MS);
        int64_t before[ITEMS][POP_CLOCKS];
        double moved[POP_CLOCKS] = {1.0, 1.0, 1.0, 1.0};
        uint32_t taken[ITEMS] = {0};
        int n_moves = 0;
        for (uint32_t i = 0; i < ITEMS; i++) {
            take(b, i, now);
        }
        delta_clear(b->d);
        for (uint32_t i = 0; i < ITEMS; i++) {
            for (int c = 0; c < POP_CLOCKS; c++) {
                before[i][c] = popularity_count(b->s->popularity, i, c);
            }
        }
        for (int k = 0; k < 200; k++) {
            now += (int64_t)rng_below(&rng, DAY_MS);
            const uint32_t item = rng_below(&rng, ITEMS);
            if (shared_landmark_needed(b->s, now) || rng_below(&rng, 20) == 0) {
                const struct shared_move move = shared_move_landmarks(b->s, now);
                for (int c = 0; c < POP_CLOCKS; c++) {
                    delta_move_clock(b->d, c, move.halvings[c]);
                    moved[c] *= exp2(-(double)move.halvings[c]);
                    n_moves += move.halvings[c] > 0;
                }
            }
            take(b, item, now);
            taken[item]++;
        }
        assert_true(n_moves > 5);
        shared_take_back(b->s, b->d);
        delta_clear(b->d);
        for (uint32_t i = 0; i < ITEMS; i++) {
            for (int c = 0; c < POP_CLOCKS; c++) {
                const double expected = (double)before[i][c] * moved[c];
                const double got = (double)popularity_count(b->s->popularity, i, c);
                const double bound = (double)(taken[i] + 1) * (double)n_moves;
                if (fabs(got - expected) > bound) {
                    fail_msg("seed %llu: %g instead of %g", (unsigned long long)seed, got,
                             expected);
                }
            }
        }
        shared_free(b->s); /* a new one, with its landmarks at the start */
        assert_int_equal(shared_new(&PARAMS, &b->s), ST_OK);
        fill(b->s);
    }
}

/* ---- pending deltas, apart ------------------------------------------------------------------ */

/* Sums of an item, and of a category, that a part is about. */
struct sums {
    struct popularity_sum takes;
    int64_t obs, exp, s, weight, b[FACTORS];
    uint32_t neighbours;
    struct categories_item item;
};

static struct sums sums_of(const struct shared *s, uint32_t i) {
    struct sums x;
    memset(&x, 0, sizeof x);
    popularity_item(s->popularity, i, &x.takes);
    x.takes.first_ms = x.takes.last_ms = 0;
    popularity_obs_item(s->popularity, i, &x.obs, &x.exp);
    x.s = pairs_s(s->pairs, i);
    x.neighbours = pairs_list(s->pairs, i).n;
    x.weight = factors_count(s->factors, i);
    memcpy(x.b, factors_b(s->factors, i), sizeof x.b);
    const struct categories_item c = categories_item(s->categories, i);
    x.item.g = c.g;
    x.item.n = c.n;
    x.item.repeats = c.repeats;
    return x;
}

static bool is_nothing(const struct sums *x) {
    static const struct sums nothing;
    return memcmp(x, &nothing, sizeof nothing) == 0;
}

static void some_items_can_be_without_what_is_pending(void **state) {
    struct bench *b = *state;
    struct rng rng = {21};
    uint8_t items[ITEMS];
    struct sums before[ITEMS];
    const struct shared_part part = {.parts = PART_TAKES | PART_PAIRS | PART_CONTEXTS | PART_OBS |
                                              PART_CATEGORY_ITEMS,
                                     .items = items};
    for (int k = 0; k < 300; k++) {
        add_line(b, &rng, k * 1000);
    }
    for (uint32_t i = 0; i < ITEMS; i++) {
        items[i] = (uint8_t)rng_below(&rng, 2);
        before[i] = sums_of(b->s, i);
    }
    shared_take_out(b->s, b->d, &part);
    for (uint32_t i = 0; i < ITEMS; i++) {
        const struct sums now = sums_of(b->s, i);
        assert_true(items[i] ? is_nothing(&now) : memcmp(&now, &before[i], sizeof now) == 0);
    }
    for (uint32_t c = 0; c < CATEGORIES; c++) { /* the category's side is another part */
        assert_true(categories_category(b->s->categories, c).n > 0);
    }
    assert_int_equal(shared_put_back(b->s, b->d, &part), ST_OK);
    for (uint32_t i = 0; i < ITEMS; i++) {
        const struct sums now = sums_of(b->s, i);
        assert_memory_equal(&now, &before[i], sizeof now);
    }
}

static void each_part_goes_alone(void **state) {
    struct bench *b = *state;
    struct rng rng = {22};
    for (int k = 0; k < 100; k++) {
        add_line(b, &rng, k * 1000);
    }
    for (unsigned bit = PART_TAKES; bit <= PART_CATEGORY_PAIRS; bit *= 2) {
        const struct shared_part part = {.parts = bit};
        int64_t gone[7];
        struct sums all = {.s = 0};
        struct categories_category categories = {.g = 0};
        uint32_t pairs_of_categories = 0;
        shared_take_out(b->s, b->d, &part);
        for (uint32_t i = 0; i < ITEMS; i++) {
            const struct sums x = sums_of(b->s, i);
            all.takes.count += x.takes.count;
            all.neighbours += x.neighbours;
            all.weight += x.weight;
            all.exp += x.exp + x.obs;
            all.item.n += x.item.n;
        }
        for (uint32_t c = 0; c < CATEGORIES; c++) {
            categories.n += categories_category(b->s->categories, c).n;
            pairs_of_categories += categories_neighbours(b->s->categories, c).n;
        }
        gone[0] = all.takes.count;
        gone[1] = all.neighbours;
        gone[2] = all.weight;
        gone[3] = all.exp;
        gone[4] = all.item.n;
        gone[5] = categories.n;
        gone[6] = pairs_of_categories;
        for (int k = 0; k < 7; k++) {
            assert_int_equal(gone[k] == 0, bit == 1U << k);
        }
        assert_int_equal(shared_put_back(b->s, b->d, &part), ST_OK);
    }
    assert_int_equal(b->s->n_events, b->d->n_events);
}

static void lists_that_outgrow_the_limit_by_sums_are_noted(void **state) {
    struct bench *b = *state;
    for (uint32_t k = 0; k <= PAIRS_NEIGHBOURS; k++) {
        const struct pair_sum sum = {
            .a = 1 + k, .s = 5, .from = 3, .to = intern(b->s, 1000 + k, 1)};
        assert_int_equal(b->s->n_due, 0);
        assert_int_equal(shared_add_pair_sum(b->s, &sum, PAIR_FROM), ST_OK);
    }
    assert_int_equal(b->s->n_due, 1);
    assert_int_equal(b->s->due[0], 3);
}

static void time_and_obs_move_apart(void **state) {
    struct bench *b = *state;
    struct shared_move move = shared_move_time(b->s, 400 * (int64_t)DAY_MS);
    assert_int_equal(move.halvings[0], 400);
    assert_int_equal(move.halvings[3], 0); /* 180 days: not due */
    assert_int_equal(move.category_halvings, 13);
    assert_int_equal(move.obs_halvings, 0);
    b->s->n_events = 1000000; /* of the view: not asked */
    move = shared_move_obs(b->s, 159999);
    assert_int_equal(move.obs_halvings, 0);
    move = shared_move_obs(b->s, 160001);
    assert_int_equal(move.obs_halvings, 8);
    assert_int_equal(popularity_obs_landmark(b->s->popularity), 160000);
    assert_int_equal(move.halvings[0], 0);
    struct delta *d = b->d;
    assert_int_equal(delta_reserve_line(d), ST_OK);
    d->obs[d->n_obs++] = (struct delta_obs){.obs = 256 * 7, .exp = -256 * 5};
    shared_move_delta(d, &move);
    assert_int_equal(d->obs[0].obs, 7);
    assert_int_equal(d->obs[0].exp, -5);
}

/* ---- awaited -------------------------------------------------------------------------------- */

static void what_is_announced_is_known_and_awaited(void **state) {
    struct bench *b = *state;
    struct shared *s = b->s;
    const struct snapshot_head heads[] = {{.kind = SNAPSHOT_ITEM, .key = 777, .domain = 1},
                                          {.kind = SNAPSHOT_ITEM, .key = mix64(5), .domain = 0},
                                          {.kind = SNAPSHOT_CATEGORY, .key = 888},
                                          {.kind = SNAPSHOT_GLOBALS}};
    assert_false(shared_awaits(s));
    assert_false(shared_awaits_item(s, 4));
    for (int k = 0; k < 4; k++) {
        assert_int_equal(shared_await(s, &heads[k]), ST_OK);
        assert_true(shared_awaits(s));
    }
    const uint32_t made = items_find(s->items, 777);
    const uint32_t category = content_n_categories(s->content) - 1;
    assert_true(made == ITEMS && !items_named(s->items, made) && s->n_items == ITEMS + 1);
    assert_true(shared_awaits_item(s, made) && shared_awaits_item(s, 4));
    assert_false(shared_awaits_item(s, 3));
    assert_int_equal(content_category_hash(s->content, category), 888);
    assert_true(shared_awaits_category(s, category) && !shared_awaits_category(s, 0));
    for (uint32_t k = 0; k < 2000; k++) { /* what comes later is not, and has room */
        assert_false(shared_awaits_item(s, intern(s, 5000 + k, 0)));
    }
    s->awaited_items[made] = s->awaited_items[4] = 0;
    s->awaited_categories[category] = 0;
    assert_true(shared_awaits(s));
    s->awaiting_globals = false;
    assert_false(shared_awaits(s));
    const struct snapshot_head bad[] = {
        {.kind = SNAPSHOT_NETS},
        {.kind = SNAPSHOT_ITEM, .key = 999, .domain = DOMAINS},
        {.kind = SNAPSHOT_ITEM, .key = mix64(5), .domain = 1},
        {.kind = SNAPSHOT_CATEGORY, .key = 0},
    };
    for (int k = 0; k < 4; k++) {
        assert_int_equal(shared_await(s, &bad[k]), ST_INVALID);
    }
    assert_false(shared_awaits(s));
    shared_await_nothing(s);
    assert_null(s->awaited_items);
}

#define ON_BENCH(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rejects_each_bad_parameter),
        cmocka_unit_test(an_allocation_that_fails_leaves_nothing_behind),
        ON_BENCH(an_item_has_one_index_and_one_domain),
        ON_BENCH(a_known_item_has_room_even_if_making_it_failed_half_way),
        ON_BENCH(what_enters_the_view_is_noted_and_can_be_taken_back_exactly),
        ON_BENCH(a_category_enters_the_view_and_its_delta),
        ON_BENCH(a_category_has_room_once_an_item_is_asked_for),
        ON_BENCH(an_observation_of_nothing_is_not_noted),
        ON_BENCH(a_pair_that_finds_no_memory_adds_nothing),
        ON_BENCH(long_neighbour_lists_are_pruned_when_a_mini_batch_arrives),
        ON_BENCH(long_lists_of_categories_are_pruned_likewise),
        ON_BENCH(segments_are_seeded_by_the_mini_batch_after_enough_votes),
        ON_BENCH(segments_are_reviewed_by_the_mini_batch_when_that_is_due),
        ON_BENCH(the_same_calls_give_the_same_bits),
        ON_BENCH(a_landmark_is_needed_where_a_time_cannot_be_weighed),
        ON_BENCH(the_categories_landmark_is_one_of_those_that_move),
        ON_BENCH(a_move_says_by_how_much_each_clock_moved),
        ON_BENCH(taking_back_across_landmark_moves_leaves_rounding_only),
        ON_BENCH(some_items_can_be_without_what_is_pending),
        ON_BENCH(each_part_goes_alone),
        ON_BENCH(lists_that_outgrow_the_limit_by_sums_are_noted),
        ON_BENCH(time_and_obs_move_apart),
        ON_BENCH(what_is_announced_is_known_and_awaited),
    };
    return cmocka_run_group_tests_name("shared", tests, NULL, NULL);
}
