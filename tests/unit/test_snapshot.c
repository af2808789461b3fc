/* SPDX-License-Identifier: Apache-2.0
 *
 * test_snapshot.c -- contract tests of models/snapshot.h.
 *
 * The truth is a model that lived through everything itself. Models are compared by what hashes
 * name, as their indices differ: see look_at().
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "factors.h"
#include "fixed.h"
#include "mix.h"
#include "snapshot.h"
#include "snapshot_v1.h"
#include "snapshot_v2.h"
#include "snapshot_v3.h"

enum { ITEMS = 40, CATEGORIES = 7, PIECES = ITEMS + CATEGORIES + 1, STEPS = 300 };

static const int64_t DAY = 86400000;
static const int64_t START = INT64_C(1767225600000);
static const char OPTIONS[] = "domains = course, food\n";

/* ---- a world ------------------------------------------------------------------ */

static uint64_t item_hash(uint32_t i) {
    return mix64(1000 + i);
}

static uint64_t category_hash(uint32_t k) {
    return mix64(2000 + k);
}

static uint8_t domain_of(uint32_t i) {
    return (uint8_t)(i % 2);
}

static struct shared *new_model(void) {
    const struct shared_params params = {
        .n_domains = 2,
        .seed = 5,
        .segments = {.k = 3, .seed_points = 12, .half_life = 5000.0, .seed = 6}};
    struct shared *s = NULL;
    assert_int_equal(shared_new(&params, &s), ST_OK);
    return s;
}

static uint32_t item_in(struct shared *s, uint32_t i) {
    char id[16];
    uint32_t out = 0;
    const int len = snprintf(id, sizeof id, "item %u", (unsigned)i);
    assert_int_equal(shared_intern(s, item_hash(i), domain_of(i), id, (size_t)len, &out), ST_OK);
    return out;
}

static uint32_t category_in(struct shared *s, uint32_t k) {
    uint32_t out = 0;
    assert_int_equal(content_category_intern(s->content, category_hash(k), &out), ST_OK);
    assert_int_equal(shared_reserve(s), ST_OK);
    return out;
}

static void take(struct shared *s, struct rng *rng, uint32_t i, int64_t ts_ms) {
    const uint32_t item = item_in(s, i);
    const int64_t weight = FIXED_ONE / 4 * (1 + rng_below(rng, 8));
    struct popularity_sum sum = {.weight = weight, .first_ms = ts_ms, .last_ms = ts_ms, .count = 1};
    assert_int_equal(popularity_weigh(s->popularity, ts_ms, sum.w), ST_OK);
    popularity_weigh_times(sum.w, weight);
    const int64_t obs = rng_below(rng, 99999);
    const int64_t expected = rng_below(rng, 99999);
    if (!shared_awaits_item(s, item)) {
        popularity_add(s->popularity, item, domain_of(i), &sum);
        popularity_obs_add(s->popularity, item, obs, expected);
    }
    if (!s->awaiting_globals) {
        popularity_remind(s->popularity, item, domain_of(i));
    }
}

static void pair(struct shared *s, struct rng *rng, uint32_t i) {
    const uint32_t j = (i + 1 + rng_below(rng, ITEMS - 1)) % ITEMS;
    const struct pair_sum sum = {.a = 1 + rng_below(rng, 900000),
                                 .f = rng_below(rng, 900000),
                                 .s = rng_below(rng, 900000),
                                 .from = item_in(s, j),
                                 .to = item_in(s, i)};
    const unsigned sides = (shared_awaits_item(s, sum.from) ? 0 : PAIR_FROM) |
                           (shared_awaits_item(s, sum.to) ? 0 : PAIR_TO);
    assert_int_equal(shared_add_pair_sum(s, &sum, sides), ST_OK);
}

static void context(struct shared *s, struct rng *rng, uint32_t i, struct factors_sum *all) {
    float p[FACTORS];
    int32_t rounded[FACTORS];
    int64_t b[FACTORS];
    double norm = 0.0;
    for (size_t k = 0; k < FACTORS; k++) {
        p[k] = (float)(rng_unit(rng) - .5);
        norm += (double)p[k] * (double)p[k];
    }
    for (size_t k = 0; k < FACTORS; k++) {
        p[k] = (float)((double)p[k] / sqrt(norm));
    }
    factors_round(p, rounded);
    for (size_t k = 0; k < FACTORS; k++) {
        b[k] = rounded[k];
    }
    const uint32_t item = item_in(s, i);
    if (!shared_awaits_item(s, item)) {
        factors_item_sum(s->factors, item, b, FIXED_ONE);
    }
    factors_sum_add(all, rounded, FIXED_ONE, rng_below(rng, 4) == 0);
}

static void category(struct shared *s, struct rng *rng, uint32_t i, int64_t ts_ms) {
    const uint32_t k = i % CATEGORIES;
    const uint32_t other = (k + 1 + rng_below(rng, CATEGORIES - 1)) % CATEGORIES;
    const bool repeated = rng_below(rng, 3) == 0;
    struct category_take_sum sum = {.weight = FIXED_ONE,
                                    .repeated = repeated ? FIXED_ONE : 0,
                                    .category = category_in(s, k),
                                    .item = item_in(s, i)};
    const struct pair_sum goes = {
        .a = 1 + rng_below(rng, 900000), .from = category_in(s, other), .to = sum.category};
    assert_int_equal(categories_weigh(s->categories, ts_ms, &sum.g), ST_OK);
    const bool item_there = !shared_awaits_item(s, sum.item);
    const unsigned to_there = !shared_awaits_category(s, goes.to);
    const unsigned from_there = !shared_awaits_category(s, goes.from);
    categories_add(s->categories, &sum,
                   (item_there ? CATEGORIES_ITEM : 0) | to_there * CATEGORIES_CATEGORY);
    if (item_there && rng_below(rng, 4) == 0) {
        categories_deal(s->categories, sum.item, 0.25F, ts_ms);
    }
    assert_int_equal(
        categories_add_pairs(s->categories, &goes, from_there * PAIR_FROM | to_there * PAIR_TO),
        ST_OK);
}

/* `n` events from ts_ms on, and the mini-batch that they are. Draws what happens from the seed
 * alone; what a model awaits is left out. */
static void live(struct shared *s, uint64_t seed, int n, int64_t ts_ms) {
    static struct segments_sum votes; /* large */
    struct factors_sum contexts = {.n = 0};
    votes = (struct segments_sum){.n_all = 0};
    for (int e = 0; e < n; e++) {
        struct rng rng = {mix64(seed ^ mix64((uint64_t)e))};
        const uint32_t i = rng_below(&rng, ITEMS);
        float x[FEATURES_PER_DOMAIN * 2];
        for (size_t d = 0; d < FEATURES_PER_DOMAIN * 2; d++) {
            x[d] = (float)(i % 3) + (float)rng_unit(&rng);
        }
        take(s, &rng, i, ts_ms + e * DAY / 50);
        pair(s, &rng, i);
        context(s, &rng, i, &contexts);
        category(s, &rng, i, ts_ms + e * DAY / 50);
        segments_vote(s->segments, x, &votes);
        segments_remember(s->segments, x);
        s->n_events += s->awaiting_globals ? 0 : 1;
    }
    if (!s->awaiting_globals) {
        factors_apply(s->factors, &contexts);
        segments_apply(s->segments, &votes);
    }
}

/* A model that knows items and categories in an order of its own, and has lived a while. */
static struct shared *grown(uint64_t seed) {
    struct shared *s = new_model();
    for (uint32_t i = 0; i < ITEMS; i++) {
        (void)item_in(s, (uint32_t)((i * 7 + seed) % ITEMS));
        (void)category_in(s, (uint32_t)((i + seed) % CATEGORIES));
    }
    (void)shared_move_landmarks(s, START);
    live(s, seed, STEPS, START);
    bool seeded = false;
    assert_int_equal(segments_renew(s->segments, &seeded), ST_OK);
    assert_true(seeded);
    live(s, seed + 1, STEPS, START + 5 * DAY);
    return s;
}

/* ---- what two models have in common ------------------------------------------- */

static uint64_t bits(uint64_t h, const void *x, size_t len) {
    const uint8_t *b = x;
    for (size_t k = 0; k < len; k++) {
        h = mix64(h ^ b[k]);
    }
    return h;
}

#define BITS(h, x) bits(h, &(x), sizeof(x))

struct look {
    uint64_t items[ITEMS], categories[CATEGORIES];
    uint64_t totals, landmarks, factors, segments, recent;
};

static uint64_t look_at_item(const struct shared *s, uint32_t i) {
    struct popularity_sum sum;
    int64_t obs[2];
    popularity_item(s->popularity, i, &sum);
    popularity_obs_item(s->popularity, i, &obs[0], &obs[1]);
    const struct categories_item c = categories_item(s->categories, i);
    const int64_t all[] = {sum.weight,
                           sum.first_ms,
                           sum.last_ms,
                           sum.count,
                           c.g,
                           c.n,
                           c.repeats,
                           c.sold,
                           c.deal_ms,
                           pairs_s(s->pairs, i),
                           factors_count(s->factors, i)};
    uint64_t h = BITS(BITS(BITS(items_domain(s->items, i), all), sum.w), obs);
    h = bits(BITS(h, c.deal), factors_b(s->factors, i), FACTORS * sizeof(int64_t));
    struct pop_hot hot = popularity_hot(s->popularity)[i];
    hot.listed = 0;
    h = BITS(h, hot);
    const struct pair_list list = pairs_list(s->pairs, i);
    uint64_t neighbours = list.n;
    for (uint32_t k = 0; k < list.n; k++) { /* in any order */
        const struct pair_sum p = pairs_at(s->pairs, i, k);
        const uint64_t one[] = {items_hash(s->items, p.to), (uint64_t)p.a, (uint64_t)p.f,
                                (uint64_t)p.s};
        neighbours += BITS(1, one);
    }
    return h ^ neighbours;
}

static uint64_t look_at_category(const struct shared *s, uint32_t k) {
    const struct categories_category c = categories_category(s->categories, k);
    const struct pair_list list = categories_neighbours(s->categories, k);
    const int64_t all[] = {c.g, c.n, c.repeats, c.n_top, list.n};
    uint64_t h = BITS(1, all);
    for (uint32_t i = 0; i < list.n; i++) {
        const struct pair_sum p = categories_pair_at(s->categories, k, i);
        const uint64_t one[] = {content_category_hash(s->content, p.to), (uint64_t)p.a};
        h += BITS(2, one);
    }
    return h;
}

static void look_at_totals(const struct shared *s, struct look *l) {
    for (uint8_t d = 0; d < 2; d++) {
        const uint64_t events = popularity_events(s->popularity, d);
        l->totals = BITS(l->totals, events);
        const uint32_t *items = NULL;
        for (int k = 0; k < POP_CLOCKS; k++) {
            const float lg_sum = popularity_lg_sum(s->popularity, d, k);
            l->totals = BITS(l->totals, lg_sum);
        }
        for (int k = 0; k < POP_LISTS; k++) {
            const uint32_t n = popularity_top(s->popularity, d, k, &items);
            for (uint32_t i = 0; i < n; i++) {
                l->totals += mix64(items_hash(s->items, items[i]));
            }
        }
        const uint32_t n = popularity_recent(s->popularity, d, &items);
        for (uint32_t i = 0; i < n; i++) {
            const uint64_t hash = items_hash(s->items, items[i]);
            l->recent = BITS(l->recent, hash);
        }
    }
    const float of_all[] = {
        categories_all_events(s->categories),
        categories_repeat_rate(s->categories, ITEM_NONE,
                               categories_repeat_prior(s->categories, CATEGORY_NONE)),
        categories_share(s->categories, CATEGORY_NONE, START)};
    l->totals = BITS(l->totals, of_all);
    l->totals = BITS(l->totals, s->n_events);
}

static struct look look_at(struct shared *s) {
    struct look l = {.totals = 0};
    for (uint32_t i = 0; i < ITEMS; i++) {
        const uint32_t at = items_find(s->items, item_hash(i));
        l.items[i] = at == ITEM_NONE ? 0 : look_at_item(s, at);
    }
    for (uint32_t at = 0; at < content_n_categories(s->content); at++) {
        for (uint32_t k = 0; k < CATEGORIES; k++) {
            const bool this = content_category_hash(s->content, at) == category_hash(k);
            l.categories[k] = this ? look_at_category(s, at) : l.categories[k];
        }
    }
    look_at_totals(s, &l);
    for (int k = 0; k < POP_CLOCKS; k++) {
        const int64_t at = popularity_landmark(s->popularity, k);
        l.landmarks = BITS(l.landmarks, at);
    }
    const uint64_t obs = popularity_obs_landmark(s->popularity);
    const int64_t at = categories_landmark(s->categories);
    l.landmarks = BITS(BITS(l.landmarks, obs), at);
    struct factors_state state;
    factors_state(s->factors, &state);
    l.factors = BITS(1, state);
    struct pack p = {0};
    segments_write(s->segments, &p);
    assert_false(p.failed);
    l.segments = bits(1, p.bytes, p.len);
    free(p.bytes);
    return l;
}

static void assert_alike(struct shared *a, struct shared *b) {
    const struct look x = look_at(a);
    const struct look y = look_at(b);
    assert_memory_equal(x.items, y.items, sizeof x.items);
    assert_memory_equal(x.categories, y.categories, sizeof x.categories);
    assert_true(x.totals == y.totals);
    assert_true(x.landmarks == y.landmarks);
    assert_true(x.factors == y.factors);
    assert_true(x.segments == y.segments);
    assert_true(x.recent == y.recent);
}

/* The same vectors, once both are solved in the order of the world. */
static void assert_solved_alike(struct shared *a, struct shared *b) {
    struct shared *both[] = {a, b};
    for (int m = 0; m < 2; m++) {
        uint32_t order[ITEMS];
        for (uint32_t i = 0; i < ITEMS; i++) {
            order[i] = items_find(both[m]->items, item_hash(i));
        }
        factors_solve_all(both[m]->factors, order, ITEMS);
    }
    for (uint32_t i = 0; i < ITEMS; i++) {
        const uint32_t x = items_find(a->items, item_hash(i));
        const uint32_t y = items_find(b->items, item_hash(i));
        assert_memory_equal(factors_q(a->factors) + (size_t)x * FACTORS,
                            factors_q(b->factors) + (size_t)y * FACTORS, FACTORS * sizeof(float));
    }
}

/* ---- pieces -------------------------------------------------------------------- */

/* Piece n of a model: items, then categories, then the globals. */
static struct pack piece_of(struct shared *s, uint32_t n, uint64_t position) {
    struct pack p = {0};
    if (n < ITEMS) {
        snapshot_write_item(&p, s, item_in(s, n), position);
    } else if (n < ITEMS + CATEGORIES) {
        snapshot_write_category(&p, s, category_in(s, n - ITEMS), position);
    } else {
        snapshot_write_globals(&p, s, position, OPTIONS, sizeof OPTIONS - 1);
    }
    assert_false(p.failed);
    return p;
}

static void await(struct shared *s, const struct pack *p) {
    struct snapshot_head head;
    assert_int_equal(snapshot_head(p->bytes, p->len, &head), ST_OK);
    assert_int_equal(shared_await(s, &head), ST_OK);
}

static void shuffle(uint32_t *order, uint32_t n, struct rng *rng) {
    for (uint32_t k = 0; k < n; k++) {
        order[k] = k;
    }
    for (uint32_t k = n; k > 1; k--) {
        const uint32_t j = rng_below(rng, k);
        const uint32_t t = order[k - 1];
        order[k - 1] = order[j];
        order[j] = t;
    }
}

/* Pieces in a random order into an empty model. */
static struct shared *loaded(struct pack pieces[PIECES], struct rng *rng) {
    struct shared *s = new_model();
    uint32_t order[PIECES];
    shuffle(order, PIECES, rng);
    for (uint32_t k = 0; k < PIECES; k++) {
        const struct pack *p = &pieces[order[k]];
        assert_int_equal(snapshot_load(s, p->bytes, p->len), ST_OK);
    }
    return s;
}

static void free_pieces(struct pack *pieces, uint32_t n) {
    for (uint32_t k = 0; k < n; k++) {
        free(pieces[k].bytes);
    }
}

static void a_model_comes_back_from_its_pieces_in_any_order_and_lives_on_alike(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct rng rng = {seed};
        struct shared *a = grown(seed);
        struct pack pieces[PIECES];
        for (uint32_t n = 0; n < PIECES; n++) {
            pieces[n] = piece_of(a, n, 77);
        }
        for (int round = 0; round < 2; round++) {
            struct shared *b = loaded(pieces, &rng);
            assert_alike(a, b);
            assert_solved_alike(a, b);
            shared_free(b);
        }
        struct shared *b = loaded(pieces, &rng);
        for (int step = 0; step < 3; step++) {
            const int64_t ts_ms = START + (20 + 40 * step) * DAY;
            (void)shared_move_landmarks(a, ts_ms);
            (void)shared_move_landmarks(b, ts_ms);
            live(a, seed + 100, STEPS, ts_ms);
            live(b, seed + 100, STEPS, ts_ms);
            assert_alike(a, b);
            assert_solved_alike(a, b);
        }
        shared_free(a);
        shared_free(b);
        free_pieces(pieces, PIECES);
    }
}

/* The log goes on while pieces are written: each is loaded before the record of its position is
 * applied, and increments of what is awaited are left out. */
static void pieces_of_different_positions_and_the_log_between_them_make_the_model(void **state) {
    (void)state;
    enum { TIMES = 5 };
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct rng rng = {seed};
        struct shared *a = grown(seed);
        struct shared *b = new_model();
        struct pack pieces[PIECES];
        uint32_t order[PIECES];
        shuffle(order, PIECES, &rng);
        for (int t = 0; t < TIMES; t++) { /* a sweep: a fifth of the pieces, then a record */
            for (uint32_t k = 0; k < PIECES; k++) {
                if (k % TIMES == (uint32_t)t) {
                    pieces[order[k]] = piece_of(a, order[k], (uint64_t)t);
                }
            }
            (void)shared_move_landmarks(a, START + (20 + 5 * t) * DAY);
            live(a, seed + 200 + (uint64_t)t, 60, START + (20 + 5 * t) * DAY);
        }
        for (uint32_t n = 0; n < PIECES; n++) {
            await(b, &pieces[n]);
        }
        assert_true(shared_awaits(b));
        for (int t = 0; t < TIMES; t++) {
            for (uint32_t k = 0; k < PIECES; k++) {
                if (k % TIMES == (uint32_t)t) {
                    const struct pack *p = &pieces[order[k]];
                    assert_int_equal(snapshot_load(b, p->bytes, p->len), ST_OK);
                }
            }
            (void)shared_move_landmarks(b, START + (20 + 5 * t) * DAY);
            live(b, seed + 200 + (uint64_t)t, 60, START + (20 + 5 * t) * DAY);
        }
        assert_false(shared_awaits(b));
        assert_alike(a, b);
        assert_solved_alike(a, b);
        shared_free(a);
        shared_free(b);
        free_pieces(pieces, PIECES);
    }
}

static void totals_are_sums_of_the_pieces_that_are_loaded(void **state) {
    (void)state;
    struct shared *a = grown(3);
    struct shared *b = new_model();
    uint64_t events[2] = {0, 0};
    int64_t n = 0;
    for (uint32_t k = 0; k < ITEMS + CATEGORIES; k++) {
        struct pack p = piece_of(a, k, 1);
        assert_int_equal(snapshot_load(b, p.bytes, p.len), ST_OK);
        free(p.bytes);
        if (k < ITEMS) {
            struct popularity_sum sum;
            popularity_item(a->popularity, item_in(a, k), &sum);
            events[domain_of(k)] += sum.count;
        } else {
            n += categories_category(a->categories, category_in(a, k - ITEMS)).n;
        }
        assert_true(popularity_events(b->popularity, 0) == events[0]);
        assert_true(popularity_events(b->popularity, 1) == events[1]);
        assert_true(categories_all_events(b->categories) == (float)fixed_to(n));
    }
    assert_true(events[0] > 100 && n > 0);
    shared_free(a);
    shared_free(b);
}

/* Longer than its limit, the list waits for the next pruning as it did where it was written. */
static void a_long_list_is_due_for_pruning_where_it_is_loaded(void **state) {
    (void)state;
    struct shared *a = new_model();
    struct shared *b = new_model();
    for (uint32_t i = 1; i <= PAIRS_NEIGHBOURS + 1; i++) {
        const struct pair_sum sum = {
            .a = 7, .f = 1, .s = 3, .from = item_in(a, 0), .to = item_in(a, i)};
        assert_int_equal(shared_add_pair_sum(a, &sum, PAIR_FROM | PAIR_TO), ST_OK);
    }
    struct pack p = piece_of(a, 0, 1);
    assert_int_equal(snapshot_load(b, p.bytes, p.len), ST_OK);
    assert_int_equal(b->n_due, 1);
    assert_int_equal(b->due[0], items_find(b->items, item_hash(0)));
    assert_true(pairs_due(b->pairs, b->due[0]));
    /* the neighbours' own lists are in their own pieces */
    assert_int_equal(pairs_list(b->pairs, items_find(b->items, item_hash(9))).n, 0);
    free(p.bytes);
    /* S is that of all neighbours there ever were */
    struct shared *c = new_model();
    pairs_prune(a->pairs, item_in(a, 0));
    p = piece_of(a, 0, 1);
    assert_int_equal(snapshot_load(c, p.bytes, p.len), ST_OK);
    assert_int_equal(pairs_list(c->pairs, item_in(c, 0)).n, PAIRS_KEEP);
    assert_true(pairs_s(c->pairs, item_in(c, 0)) == 3 * (PAIRS_NEIGHBOURS + 1));
    assert_int_equal(c->n_due, 0);
    free(p.bytes);
    shared_free(c);
    shared_free(a);
    shared_free(b);
}

/* Whoever loads a list that is too long walks those whom pruning kept, too. */
static void who_was_kept_by_pruning_is_told(void **state) {
    (void)state;
    enum { LATE = PAIRS_NEIGHBOURS - PAIRS_KEEP + 1 };
    struct shared *a = new_model();
    struct shared *b = new_model();
    for (uint32_t i = 1; i <= PAIRS_NEIGHBOURS + 1 + LATE; i++) {
        const struct pair_sum sum = {.a = 7 + i % 50, .from = item_in(a, 0), .to = item_in(a, i)};
        assert_int_equal(shared_add_pair_sum(a, &sum, PAIR_FROM), ST_OK);
        if (i == PAIRS_NEIGHBOURS + 1) {
            pairs_prune(a->pairs, item_in(a, 0));
        }
    }
    struct pack p = piece_of(a, 0, 1);
    assert_int_equal(snapshot_load(b, p.bytes, p.len), ST_OK);
    const struct pair_list x = pairs_walked(a->pairs, item_in(a, 0));
    const struct pair_list y = pairs_walked(b->pairs, item_in(b, 0));
    assert_int_equal(x.n, PAIRS_KEEP);
    assert_int_equal(y.n, PAIRS_KEEP);
    assert_true(x.near.n > 0 && x.far.n > 0);
    assert_int_equal(y.near.n, x.near.n);
    assert_int_equal(pairs_list(b->pairs, item_in(b, 0)).n, PAIRS_NEIGHBOURS + 1);
    uint64_t sums[2] = {0, 0};
    for (uint32_t k = 0; k < PAIRS_KEEP; k++) { /* in any order */
        sums[0] += mix64(items_hash(a->items, pair_list_item(&x, k)));
        sums[1] += mix64(items_hash(b->items, pair_list_item(&y, k)));
    }
    assert_true(sums[0] == sums[1]);
    free(p.bytes);
    shared_free(a);
    shared_free(b);
}

static void an_item_without_a_name_stays_without(void **state) {
    (void)state;
    struct shared *a = new_model();
    struct shared *b = new_model();
    uint32_t i = 0;
    assert_int_equal(items_intern_nameless(a->items, 99, 1, &i), ST_OK);
    assert_int_equal(shared_reserve(a), ST_OK);
    struct pack p = {0};
    snapshot_write_item(&p, a, i, 3);
    assert_int_equal(snapshot_load(b, p.bytes, p.len), ST_OK);
    i = items_find(b->items, 99);
    assert_true(i != ITEM_NONE);
    assert_false(items_named(b->items, i));
    assert_int_equal(items_domain(b->items, i), 1);
    free(p.bytes);
    /* one that was awaited gets the name that its piece has */
    p = piece_of(a, 4, 3);
    await(b, &p);
    i = items_find(b->items, item_hash(4));
    assert_false(items_named(b->items, i));
    assert_int_equal(snapshot_load(b, p.bytes, p.len), ST_OK);
    size_t len = 0;
    assert_string_equal(items_id(b->items, i, &len), "item 4");
    free(p.bytes);
    shared_free(a);
    shared_free(b);
}

/* ---- heads --------------------------------------------------------------------- */

static void a_head_is_read_as_it_was_written(void **state) {
    (void)state;
    for (int kind = SNAPSHOT_ITEM; kind <= SNAPSHOT_NETS; kind++) {
        const struct snapshot_head head = {.kind = (enum snapshot_kind)kind,
                                           .key = UINT64_C(0x8182838485868788),
                                           .position = UINT64_MAX,
                                           .domain = DOMAINS_MAX - 1};
        struct snapshot_head got;
        struct pack p = {0};
        snapshot_write_head(&p, &head);
        assert_int_equal(snapshot_head(p.bytes, p.len, &got), ST_OK);
        assert_true(got.kind == head.kind && got.key == head.key && got.position == head.position &&
                    got.domain == head.domain);
        for (size_t len = 0; len < p.len; len++) {
            got.key = 5;
            assert_int_equal(snapshot_head(p.bytes, len, &got), ST_INVALID);
            assert_true(got.key == 5);
        }
        free(p.bytes);
    }
}

static void a_later_format_is_told_from_damage(void **state) {
    (void)state;
    uint8_t bytes[] = {SNAPSHOT_FORMAT, SNAPSHOT_ITEM, 1, 2, 3, 4, 5, 6, 7, 8, 0, 9};
    struct snapshot_head head;
    struct shared *s = new_model();
    assert_int_equal(snapshot_head(bytes, sizeof bytes, &head), ST_OK);
    assert_true(head.key == UINT64_C(0x0807060504030201) && head.position == 9);
    bytes[0] = SNAPSHOT_FORMAT + 1;
    assert_int_equal(snapshot_head(bytes, sizeof bytes, &head), ST_RANGE);
    assert_int_equal(snapshot_load(s, bytes, sizeof bytes), ST_RANGE);
    const struct {
        size_t at;
        uint8_t value;
    } damage[] = {{0, 0}, {1, 0}, {1, SNAPSHOT_NETS + 1}, {10, DOMAINS_MAX}};
    for (size_t k = 0; k < sizeof damage / sizeof *damage; k++) {
        bytes[0] = SNAPSHOT_FORMAT;
        bytes[1] = SNAPSHOT_ITEM;
        bytes[10] = 0;
        bytes[damage[k].at] = damage[k].value;
        assert_int_equal(snapshot_head(bytes, sizeof bytes, &head), ST_INVALID);
    }
    shared_free(s);
}

static void the_options_are_those_of_the_globals(void **state) {
    (void)state;
    struct shared *s = grown(1);
    const char *text = NULL;
    size_t len = 0;
    for (uint32_t n = 0; n < PIECES; n++) {
        struct pack p = piece_of(s, n, 1);
        const bool globals = n == PIECES - 1;
        assert_int_equal(snapshot_options(p.bytes, p.len, &text, &len),
                         globals ? ST_OK : ST_INVALID);
        if (globals) {
            assert_int_equal(len, sizeof OPTIONS - 1);
            assert_memory_equal(text, OPTIONS, len);
        }
        free(p.bytes);
    }
    shared_free(s);
}

/* ---- refusals ------------------------------------------------------------------ */

/* 1 of every kind. */
static const uint32_t EACH[] = {3, ITEMS + 2, PIECES - 1};

static void a_piece_cut_short_or_too_long_changes_nothing(void **state) {
    (void)state;
    struct shared *a = grown(2);
    struct shared *b = new_model();
    const struct look before = look_at(b);
    for (size_t k = 0; k < 3; k++) {
        struct pack p = piece_of(a, EACH[k], 5);
        for (size_t len = 0; len < p.len; len++) {
            uint8_t *exact = malloc(len + 1); /* so that a sanitizer sees a byte too many */
            assert_non_null(exact);
            memcpy(exact, p.bytes, len);
            assert_int_equal(snapshot_load(b, exact, len), ST_INVALID);
            free(exact);
        }
        pack_u8(&p, 0);
        assert_int_equal(snapshot_load(b, p.bytes, p.len), ST_INVALID);
        free(p.bytes);
    }
    const struct look after = look_at(b);
    assert_memory_equal(&before.totals, &after.totals, 5 * sizeof(uint64_t));
    shared_free(a);
    shared_free(b);
}

/* Whatever a flipped bit says, it is either refused or a piece like others. */
static void flipped_bits_do_no_harm(void **state) {
    (void)state;
    struct rng rng = {11};
    struct shared *a = grown(2);
    int refused = 0;
    for (size_t k = 0; k < 3; k++) {
        struct pack p = piece_of(a, EACH[k], 5);
        for (int round = 0; round < 400; round++) {
            struct shared *b = new_model();
            uint8_t *bytes = malloc(p.len);
            assert_non_null(bytes);
            memcpy(bytes, p.bytes, p.len);
            for (uint32_t flips = 1 + rng_below(&rng, 3); flips > 0; flips--) {
                const uint32_t early = rng_below(&rng, 2) ? 120 : (uint32_t)p.len;
                bytes[rng_below(&rng, early)] ^= (uint8_t)(1U << rng_below(&rng, 8));
            }
            const enum status st = snapshot_load(b, bytes, p.len);
            assert_true(st == ST_OK || st == ST_INVALID || st == ST_RANGE);
            refused += st != ST_OK;
            if (st == ST_OK) {
                (void)look_at(b);
            }
            free(bytes);
            shared_free(b);
        }
        free(p.bytes);
    }
    assert_true(refused > 100);
    shared_free(a);
}

static void noise_is_refused(void **state) {
    (void)state;
    struct rng rng = {12};
    struct shared *s = new_model();
    for (int round = 0; round < 20000; round++) {
        uint8_t bytes[600];
        const size_t len = rng_below(&rng, sizeof bytes);
        for (size_t k = 0; k < len; k++) {
            bytes[k] = (uint8_t)rng_next(&rng);
        }
        if (len > 11) {
            bytes[0] = SNAPSHOT_FORMAT;
            bytes[1] = (uint8_t)(1 + rng_below(&rng, 4));
            bytes[10] = 0;
        }
        assert_true(snapshot_load(s, bytes, len) != ST_OK);
    }
    shared_free(s);
}

static void a_piece_behind_the_model_is_refused_and_one_ahead_moves_it(void **state) {
    (void)state;
    struct shared *a = grown(1);
    struct pack old[3];
    for (size_t k = 0; k < 3; k++) {
        old[k] = piece_of(a, EACH[k], 5);
    }
    a->n_events = 20000 * POP_MOVE;
    (void)shared_move_landmarks(a, START + 8 * 30 * DAY);
    for (size_t k = 0; k < 3; k++) {
        struct shared *b = new_model();
        assert_int_equal(snapshot_load(b, old[0].bytes, old[0].len), ST_OK);
        struct pack next = piece_of(a, EACH[k == 0 ? 2 : k], 6);
        assert_int_equal(snapshot_load(b, next.bytes, next.len), ST_OK);
        assert_true(categories_landmark(b->categories) == categories_landmark(a->categories));
        /* who looks at the top lists next must not matter: they are filled already */
        const uint32_t first = items_find(b->items, item_hash(EACH[0]));
        assert_true(k == 1 || popularity_hot(b->popularity)[first].listed != 0);
        if (k != 1) { /* a category has no more than its own */
            for (int clock = 0; clock < POP_CLOCKS; clock++) {
                assert_true(popularity_landmark(b->popularity, clock) ==
                            popularity_landmark(a->popularity, clock));
            }
            assert_true(popularity_obs_landmark(b->popularity) == 20000 * POP_MOVE);
            assert_true(look_at(b).items[EACH[0]] == look_at(a).items[EACH[0]]);
        }
        assert_int_equal(snapshot_load(b, old[k].bytes, old[k].len), ST_INVALID);
        free(next.bytes);
        shared_free(b);
    }
    free_pieces(old, 3);
    shared_free(a);
}

static void landmarks_a_fraction_of_a_half_life_apart_are_refused(void **state) {
    (void)state;
    struct shared *a = grown(1);
    struct pack p = piece_of(a, 3, 5);
    struct shared *b = new_model();
    size_t at = 12 + 1 + strlen("item 3"); /* behind head (position 5: a byte) and id */
    p.bytes[at] ^= 2;                      /* zigzag: a millisecond more or less */
    assert_int_equal(snapshot_load(b, p.bytes, p.len), ST_INVALID);
    p.bytes[at] ^= 2;
    p.bytes[at + 3 * 6] ^= 2; /* of the fourth clock: the first three do not move either */
    assert_int_equal(snapshot_load(b, p.bytes, p.len), ST_INVALID);
    assert_true(popularity_landmark(b->popularity, 0) == 0);
    p.bytes[at + 3 * 6] ^= 2;
    assert_int_equal(snapshot_load(b, p.bytes, p.len), ST_OK);
    free(p.bytes);
    p = piece_of(a, EACH[1], 5);
    p.bytes[12] ^= 2;
    assert_int_equal(snapshot_load(b, p.bytes, p.len), ST_INVALID);
    p.bytes[12] ^= 2;
    assert_int_equal(snapshot_load(b, p.bytes, p.len), ST_OK);
    free(p.bytes);
    shared_free(a);
    shared_free(b);
}

/* The place of a hash in a piece, behind its head. */
static uint8_t *place_of(const struct pack *p, uint64_t hash) {
    struct pack wanted = {0};
    uint8_t *at = NULL;
    pack_u64(&wanted, hash);
    for (size_t k = 12; k + 8 < p->len && !at; k++) {
        at = memcmp(p->bytes + k, wanted.bytes, 8) == 0 ? p->bytes + k : NULL;
    }
    free(wanted.bytes);
    assert_non_null(at);
    return at;
}

static void neighbours_that_cannot_be_are_refused(void **state) {
    (void)state;
    struct shared *a = new_model();
    struct shared *b = new_model();
    const struct pair_sum sum = {
        .a = 5, .f = 6, .s = 7, .from = item_in(a, 3), .to = item_in(a, 4)};
    assert_int_equal(shared_add_pair_sum(a, &sum, PAIR_FROM), ST_OK);
    struct pack p = piece_of(a, 3, 5);
    uint8_t *at = place_of(&p, item_hash(4));
    at[8] = 2; /* a domain that there is not */
    assert_int_equal(snapshot_load(b, p.bytes, p.len), ST_RANGE);
    at[8] = domain_of(5); /* item 4 is known in another */
    (void)item_in(b, 4);
    assert_int_equal(snapshot_load(b, p.bytes, p.len), ST_INVALID);
    assert_int_equal(items_find(b->items, item_hash(3)), ITEM_NONE);
    assert_int_equal(pairs_list(b->pairs, item_in(b, 3)).n, 0);
    memcpy(at, p.bytes + 2, 8); /* its own neighbour */
    at[8] = domain_of(3);
    assert_int_equal(snapshot_load(b, p.bytes, p.len), ST_INVALID);
    free(p.bytes);
    const struct pair_sum goes = {.a = 5, .from = category_in(a, 1), .to = category_in(a, 2)};
    assert_int_equal(categories_add_pairs(a->categories, &goes, PAIR_FROM), ST_OK);
    p = piece_of(a, ITEMS + 1, 5);
    at = place_of(&p, category_hash(2));
    memset(at, 0, 8); /* no category */
    assert_int_equal(snapshot_load(b, p.bytes, p.len), ST_INVALID);
    memcpy(at, p.bytes + 2, 8);
    assert_int_equal(snapshot_load(b, p.bytes, p.len), ST_INVALID);
    free(p.bytes);
    shared_free(a);
    shared_free(b);
}

static void globals_that_are_behind_their_own_landmark_are_refused(void **state) {
    (void)state;
    struct shared *a = new_model();
    struct shared *b = new_model();
    popularity_obs_move(a->popularity, 20000);
    for (uint64_t n = 19999; n <= 20000; n++) {
        a->n_events = n;
        struct pack p = piece_of(a, PIECES - 1, 5);
        assert_int_equal(snapshot_load(b, p.bytes, p.len), n < 20000 ? ST_INVALID : ST_OK);
        free(p.bytes);
    }
    shared_free(a);
    shared_free(b);
}

static void where_pieces_are_awaited_one_that_is_not_is_refused(void **state) {
    (void)state;
    struct shared *a = grown(1);
    for (size_t k = 0; k < 2; k++) {
        struct shared *b = new_model();
        struct pack p = piece_of(a, EACH[k], 5);
        struct pack other = piece_of(a, EACH[k] + 1, 5);
        await(b, &p);
        assert_int_equal(snapshot_load(b, other.bytes, other.len), ST_INVALID);
        assert_int_equal(snapshot_load(b, p.bytes, p.len), ST_OK);
        assert_int_equal(snapshot_load(b, p.bytes, p.len), ST_INVALID); /* it would count twice */
        free(p.bytes);
        free(other.bytes);
        shared_free(b);
    }
    shared_free(a);
}

/* One with an item of domain 1 among its top items. */
static uint32_t odd_category(struct shared *s) {
    for (uint32_t k = 0; k < CATEGORIES; k++) {
        const struct categories_category c = categories_category(s->categories, category_in(s, k));
        for (uint32_t i = 0; i < c.n_top; i++) {
            if (items_domain(s->items, c.top[i]) == 1) {
                return k;
            }
        }
    }
    fail();
    return 0;
}

static void what_is_not_configured_is_refused(void **state) {
    (void)state;
    struct shared *a = grown(1);
    const struct shared_params params = {
        .n_domains = 1,
        .seed = 5,
        .segments = {.k = 3, .seed_points = 12, .half_life = 5000.0, .seed = 6}};
    struct shared *b = NULL;
    assert_int_equal(shared_new(&params, &b), ST_OK);
    for (size_t k = 0; k < 3; k++) { /* item 3 is of domain 1, as some that a category names are */
        struct pack p = piece_of(a, k == 1 ? ITEMS + odd_category(a) : EACH[k], 5);
        assert_int_equal(snapshot_load(b, p.bytes, p.len), ST_RANGE);
        free(p.bytes);
    }
    shared_free(a);
    shared_free(b);
}

/* ---- former formats ------------------------------------------------------------------ */

/* The model that the checked-in pieces are of: numbers that need no libm. */
static struct shared *fixture(void) {
    struct shared *s = new_model();
    const uint32_t i = item_in(s, 1);
    const uint32_t j = item_in(s, 2);
    const uint32_t k = category_in(s, 1);
    const int64_t landmark = 1260 * DAY; /* whole half-lives of every clock */
    for (int clock = 0; clock < POP_CLOCKS; clock++) {
        assert_int_equal(popularity_move(s->popularity, clock, landmark), ST_OK);
    }
    (void)categories_move(s->categories, landmark);
    popularity_obs_move(s->popularity, 40000);
    s->n_events = 40007;
    const struct popularity_sum sum = {.w = {-1 * 128, 300 * 16, 70000 * 4, 9000000},
                                       .weight = 2 * FIXED_ONE,
                                       .first_ms = landmark - 5,
                                       .last_ms = landmark + 7,
                                       .count = 2};
    popularity_add(s->popularity, i, domain_of(1), &sum);
    popularity_obs_add(s->popularity, i, 11, 12);
    popularity_remind(s->popularity, i, domain_of(1));
    int64_t b[FACTORS];
    int32_t p[FACTORS];
    for (int f = 0; f < FACTORS; f++) {
        b[f] = (f - 16) * 1000;
        p[f] = (16 - f) * 10000;
    }
    factors_item_sum(s->factors, i, b, FIXED_ONE);
    struct factors_sum contexts = {.n = 0};
    factors_sum_add(&contexts, p, FIXED_ONE, true);
    factors_apply(s->factors, &contexts);
    const struct pair_sum pairs = {.a = 5, .f = 300, .s = 70000, .from = i, .to = j};
    assert_int_equal(shared_add_pair_sum(s, &pairs, PAIR_FROM | PAIR_TO), ST_OK);
    const struct category_take_sum taken = {
        .g = 99, .weight = 3 * FIXED_ONE, .repeated = FIXED_ONE, .category = k, .item = i};
    categories_add(s->categories, &taken, CATEGORIES_ITEM | CATEGORIES_CATEGORY);
    categories_deal(s->categories, i, 0.25F, landmark + 7);
    const struct pair_sum goes = {.a = 123456, .from = k, .to = category_in(s, 2)};
    assert_int_equal(categories_add_pairs(s->categories, &goes, PAIR_FROM), ST_OK);
    struct segments_seeds seeds = {.generation = 1, .k = 2, .w = 10.0};
    for (uint32_t c = 0; c < 2; c++) {
        seeds.clusters[c].w = 4.0 + c;
        seeds.clusters[c].sse = 0.5;
        seeds.clusters[c].centre[c] = 1.5;
        seeds.clusters[c].spread[c] = 0.25;
        seeds.mean[c] = 0.75;
        seeds.square[c] = 2.0;
    }
    assert_int_equal(segments_adopt(s->segments, &seeds), ST_OK);
    return s;
}

static struct pack fixture_piece(struct shared *s, enum snapshot_kind kind) {
    struct pack p = {0};
    const struct snapshot_head nets = {.kind = SNAPSHOT_NETS, .key = 3, .position = 1003};
    switch (kind) {
    case SNAPSHOT_ITEM: snapshot_write_item(&p, s, item_in(s, 1), 1000); break;
    case SNAPSHOT_CATEGORY: snapshot_write_category(&p, s, category_in(s, 1), 1001); break;
    case SNAPSHOT_GLOBALS: snapshot_write_globals(&p, s, 1002, OPTIONS, sizeof OPTIONS - 1); break;
    case SNAPSHOT_NETS: snapshot_write_head(&p, &nets); break;
    }
    assert_false(p.failed);
    return p;
}

static const struct {
    enum snapshot_kind kind;
    const uint8_t *bytes;
    size_t len;
} V1[] = {
    {SNAPSHOT_ITEM, snapshot_v1_item, sizeof snapshot_v1_item},
    {SNAPSHOT_CATEGORY, snapshot_v1_category, sizeof snapshot_v1_category},
    {SNAPSHOT_GLOBALS, snapshot_v1_globals, sizeof snapshot_v1_globals},
    {SNAPSHOT_NETS, snapshot_v1_nets_head, sizeof snapshot_v1_nets_head},
};

/* Formats 2 and 3 are format 1 but for an item's piece. 2: counts not in 2^-20 but in units of
 * popularity_bits; 3: how many neighbours were kept. */
static struct pack checked_in(size_t k, uint8_t format) {
    struct pack p = {0};
    if (format == 2 && V1[k].kind == SNAPSHOT_ITEM) {
        pack_raw(&p, snapshot_v2_item, sizeof snapshot_v2_item);
    } else if (format == 3 && V1[k].kind == SNAPSHOT_ITEM) {
        pack_raw(&p, snapshot_v3_item, sizeof snapshot_v3_item);
    } else {
        pack_raw(&p, V1[k].bytes, V1[k].len);
    }
    assert_false(p.failed);
    p.bytes[0] = format;
    return p;
}

static void pieces_of_formats_1_to_3_are_read_for_ever(void **state) {
    (void)state;
    for (uint8_t format = 1; format <= 3; format++) {
        struct shared *a = fixture();
        struct shared *b = new_model();
        for (size_t k = 0; k < 4; k++) {
            struct pack p = checked_in(k, format);
            struct snapshot_head head;
            assert_int_equal(snapshot_head(p.bytes, p.len, &head), ST_OK);
            assert_int_equal(head.kind, V1[k].kind);
            assert_int_equal(head.format, format);
            assert_true(head.position == 1000 + k);
            if (V1[k].kind != SNAPSHOT_NETS) {
                assert_int_equal(snapshot_load(b, p.bytes, p.len), ST_OK);
            } else {
                assert_true(head.key == 3);
                assert_int_equal(snapshot_load(b, p.bytes, p.len), ST_INVALID);
            }
            free(p.bytes);
        }
        const struct look x = look_at(a);
        const struct look y = look_at(b);
        assert_true(x.items[1] == y.items[1] && x.categories[1] == y.categories[1]);
        assert_true(x.totals == y.totals && x.landmarks == y.landmarks && x.factors == y.factors);
        assert_true(x.segments == y.segments && x.recent == y.recent);
        /* a few of the numbers, by hand */
        struct popularity_sum sum;
        popularity_item(b->popularity, items_find(b->items, item_hash(1)), &sum);
        assert_true(sum.w[0] == -128 && sum.w[1] == 4800 && sum.w[2] == 280000);
        assert_true(sum.w[3] == 9000000 && sum.weight == 2 * FIXED_ONE && sum.count == 2);
        assert_true(sum.last_ms == 1260 * DAY + 7 && b->n_events == 40007);
        assert_int_equal(segments_k(b->segments), 2);
        assert_true(segments_centroid(b->segments, 1)[1] == 1.5F);
        shared_free(a);
        shared_free(b);
    }
}

/* Nothing of format 1 that its own writer may have written overflows; beyond it is damage. */
static void counts_of_format_1_have_room_in_finer_units(void **state) {
    (void)state;
    static const uint64_t zigzag[] = {UINT64_C(1) << 55, (UINT64_C(1) << 55) - 1,
                                      (UINT64_C(1) << 55) + 2}; /* of 2^54, -2^54, 2^54 + 1 */
    static const int64_t want[] = {INT64_C(1) << 61, -(INT64_C(1) << 61), 0};
    const size_t at = 53; /* of the count of one day, one byte, in the item's piece */
    assert_int_equal(snapshot_v1_item[at], 1);
    for (int k = 0; k < 3; k++) {
        struct shared *s = new_model();
        struct pack p = {0};
        pack_raw(&p, snapshot_v1_item, at);
        pack_uint(&p, zigzag[k]);
        pack_raw(&p, snapshot_v1_item + at + 1, sizeof snapshot_v1_item - at - 1);
        assert_false(p.failed);
        assert_int_equal(snapshot_load(s, p.bytes, p.len), k < 2 ? ST_OK : ST_INVALID);
        if (k < 2) {
            const uint32_t i = items_find(s->items, item_hash(1));
            assert_true(popularity_count(s->popularity, i, 0) == want[k]);
        }
        free(p.bytes);
        shared_free(s);
    }
}

static void format_3_is_written_as_it_was(void **state) {
    (void)state;
    struct shared *s = fixture();
    for (size_t k = 0; k < 4; k++) {
        struct pack p = fixture_piece(s, V1[k].kind);
        struct pack want = checked_in(k, 3);
        assert_int_equal(p.len, want.len);
        assert_memory_equal(p.bytes, want.bytes, p.len);
        free(p.bytes);
        free(want.bytes);
    }
    shared_free(s);
}

/* test_snapshot --fixture made what is in snapshot_v3.h, and _v2.h, and all of snapshot_v1.h once;
 * a later format gets a file of its own. */
static void print_fixture(void) {
    struct shared *s = fixture();
    struct pack p = fixture_piece(s, SNAPSHOT_ITEM);
    printf("static const uint8_t snapshot_v%d_item[] = {", SNAPSHOT_FORMAT);
    for (size_t k = 0; k < p.len; k++) {
        printf("%s0x%02x,", k % 16 == 0 ? "\n    " : " ", p.bytes[k]);
    }
    puts("\n};");
    free(p.bytes);
    shared_free(s);
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--fixture") == 0) {
        print_fixture();
        return 0;
    }
    factors_blas_threads(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_comes_back_from_its_pieces_in_any_order_and_lives_on_alike),
        cmocka_unit_test(pieces_of_different_positions_and_the_log_between_them_make_the_model),
        cmocka_unit_test(totals_are_sums_of_the_pieces_that_are_loaded),
        cmocka_unit_test(a_long_list_is_due_for_pruning_where_it_is_loaded),
        cmocka_unit_test(who_was_kept_by_pruning_is_told),
        cmocka_unit_test(an_item_without_a_name_stays_without),
        cmocka_unit_test(a_head_is_read_as_it_was_written),
        cmocka_unit_test(a_later_format_is_told_from_damage),
        cmocka_unit_test(the_options_are_those_of_the_globals),
        cmocka_unit_test(a_piece_cut_short_or_too_long_changes_nothing),
        cmocka_unit_test(flipped_bits_do_no_harm),
        cmocka_unit_test(noise_is_refused),
        cmocka_unit_test(a_piece_behind_the_model_is_refused_and_one_ahead_moves_it),
        cmocka_unit_test(landmarks_a_fraction_of_a_half_life_apart_are_refused),
        cmocka_unit_test(neighbours_that_cannot_be_are_refused),
        cmocka_unit_test(globals_that_are_behind_their_own_landmark_are_refused),
        cmocka_unit_test(where_pieces_are_awaited_one_that_is_not_is_refused),
        cmocka_unit_test(what_is_not_configured_is_refused),
        cmocka_unit_test(pieces_of_formats_1_to_3_are_read_for_ever),
        cmocka_unit_test(counts_of_format_1_have_room_in_finer_units),
        cmocka_unit_test(format_3_is_written_as_it_was),
    };
    return cmocka_run_group_tests_name("snapshot", tests, NULL, NULL);
}
