/* SPDX-License-Identifier: Apache-2.0
 * test_log_record.c -- contract tests of models/log_record.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failing_alloc.h"
#include "fixed.h"
#include "log_record.h"
#include "log_record_v1.h"
#include "mix.h"

enum { ITEMS = 30, CATEGORIES = 6 };

static const struct log_name NAME = {.task = 7, .epoch = 1795000000, .batch = 12345678901};

/* A model with items and categories, and what a random batch adds to it. */
struct bench {
    struct shared *s;
    struct delta *d;
    uint8_t named[ITEMS];
    struct rng rng;
};

static int setup(void **state) {
    struct bench *b = calloc(1, sizeof *b);
    const struct shared_params params = {
        .n_domains = 3, .seed = 3, .segments = {.k = 2, .seed_points = 8, .half_life = 100.0}};
    assert_non_null(b);
    assert_int_equal(shared_new(&params, &b->s), ST_OK);
    assert_int_equal(delta_new(&b->d), ST_OK);
    for (uint32_t i = 0; i < ITEMS; i++) {
        char id[16];
        uint32_t at = 0;
        const int len = snprintf(id, sizeof id, "item%u", i);
        assert_int_equal(shared_intern(b->s, mix64(i + 1), (uint8_t)(i % 3), id, (size_t)len, &at),
                         ST_OK);
        assert_int_equal(at, i);
    }
    for (uint32_t c = 0; c < CATEGORIES; c++) {
        uint32_t at = 0;
        assert_int_equal(content_category_intern(b->s->content, mix64(c + 1000), &at), ST_OK);
        assert_int_equal(at, c);
    }
    assert_int_equal(shared_reserve(b->s), ST_OK);
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

/* ---- random deltas --------------------------------------------------------------------- */

static int64_t any_sum(struct rng *rng) {
    return (int64_t)(rng_next(rng) >> (24 + rng_below(rng, 40)));
}

static void draw_line(struct bench *b) {
    struct rng *rng = &b->rng;
    struct delta *d = b->d;
    const uint32_t item = rng_below(rng, ITEMS);
    assert_int_equal(delta_reserve_line(d), ST_OK);
    struct delta_take *t = &d->takes[d->n_takes++];
    *t = (struct delta_take){.item = item,
                             .domain = (uint8_t)(item % 3),
                             .weight = 1 + (int32_t)rng_below(rng, 1U << 24),
                             .ts_ms = INT64_C(1795000000000) - rng_below(rng, 1U << 30)};
    for (int c = 0; c < POP_CLOCKS; c++) {
        t->w[c] = any_sum(rng);
    }
    for (uint32_t r = 0; r < rng_below(rng, PAIRS_WINDOW + 1); r++) {
        struct pair_add add = pairs_weigh((item + 1 + rng_below(rng, ITEMS - 1)) % ITEMS, item,
                                          (int)r, rng_below(rng, 1U << 30));
        add.a = rng_below(rng, 3) ? add.a : add.a / 3 + 1;
        d->pairs[d->n_pairs++] = add;
        if (rng_below(rng, 2)) {
            const uint32_t c = rng_below(rng, CATEGORIES);
            d->category_pairs[d->n_category_pairs++] = (struct pair_add){
                .from = (c + 1 + rng_below(rng, CATEGORIES - 1)) % CATEGORIES, .to = c, .a = add.a};
        }
    }
    if (rng_below(rng, 2)) {
        struct delta_context *c = &d->contexts[d->n_contexts++];
        c->item = item;
        c->weight = t->weight;
        for (int k = 0; k < FACTORS; k++) {
            c->p[k] = (int32_t)rng_below(rng, 1U << 21) - (1 << 20);
        }
    }
    for (uint32_t k = 0; k < rng_below(rng, RANKER_SAMPLE_MAX); k++) {
        d->obs[d->n_obs++] = (struct delta_obs){
            .obs = any_sum(rng), .exp = any_sum(rng), .item = rng_below(rng, ITEMS)};
    }
    d->category_takes[d->n_category_takes++] = (struct category_take){
        .g = any_sum(rng),
        .weight = t->weight,
        .category = rng_below(rng, 3) ? rng_below(rng, CATEGORIES) : CATEGORY_NONE,
        .item = item,
        .repeated = rng_below(rng, 2)};
    if (rng_below(rng, 2)) {
        d->deals[d->n_deals++] =
            (struct delta_deal){.item = item, .share = (float)rng_unit(rng), .ts_ms = t->ts_ms};
    }
    if (rng_below(rng, 4) == 0) {
        assert_int_equal(delta_name_item(d, rng_below(rng, ITEMS)), ST_OK);
    }
    d->n_events++;
}

static void draw_mini(struct rng *rng, struct mini_batch *m) {
    *m = (struct mini_batch){.n_events = rng_below(rng, 1000), .n_trained = rng_below(rng, 1000)};
    m->factors.n = 1 + any_sum(rng);
    m->factors.n_users = rng_below(rng, 100);
    for (int k = 0; k < FACTORS_SYM; k++) {
        m->factors.pp[k] = any_sum(rng) - any_sum(rng);
    }
    struct segments_sum *s = &m->segments;
    const uint32_t dims = rng_below(rng, 3) ? rng_below(rng, FEATURES_MAX + 1) : 0;
    const uint32_t k = rng_below(rng, SEGMENTS_MAX + 1);
    s->n_all = rng_below(rng, 100);
    s->generation = rng_below(rng, 5);
    for (uint32_t d = 0; d < dims; d++) {
        s->all_x[d] = any_sum(rng) - any_sum(rng);
        s->all_xx[d] = any_sum(rng);
        s->all_xx_high[d] = rng_below(rng, 2);
    }
    for (uint32_t c = 0; c < k; c++) {
        s->n[c] = rng_below(rng, 50);
        s->sse[c] = any_sum(rng);
        for (uint32_t d = 0; d < dims; d++) {
            s->x[c][d] = any_sum(rng) - any_sum(rng);
        }
    }
}

static void draw(struct bench *b, uint32_t lines) {
    delta_clear(b->d);
    for (uint32_t k = 0; k < lines; k++) {
        draw_line(b);
    }
    for (uint32_t i = 0; i < ITEMS; i++) {
        b->named[i] = (uint8_t)rng_below(&b->rng, 2);
    }
    if (rng_below(&b->rng, 2)) {
        static struct mini_batch m;
        draw_mini(&b->rng, &m);
        delta_close(b->d, &m);
    }
    if (rng_below(&b->rng, 2)) {
        b->d->has_nets = true;
        b->d->n_trained = rng_below(&b->rng, 1000);
        for (int kind = 0; kind < RANKER_NETS; kind++) {
            for (int k = 0; k < RANKER_WEIGHTS; k++) {
                b->d->nets[kind].weights[k] = (float)rng_unit(&b->rng) - 0.5F;
            }
        }
    }
}

static struct pack written(const struct bench *b) {
    struct pack p = {0};
    log_record_write_delta(&p, &NAME, b->s, b->d, b->named);
    assert_false(p.failed);
    return p;
}

/* Reads from a copy that ends where it ends. */
static enum status read_exactly(const uint8_t *bytes, size_t len, struct log_record *r) {
    uint8_t *copy = malloc(len + !len);
    assert_non_null(copy);
    memcpy(copy, bytes, len);
    const enum status st = log_record_read(copy, len, r);
    free(copy);
    return st;
}

/* ---- the naive sums -------------------------------------------------------------------- */

static uint32_t index_of(const struct log_record *r, uint32_t place) {
    for (uint32_t i = 0; i < ITEMS; i++) {
        if (mix64(i + 1) == r->items[place].hash) {
            return i;
        }
    }
    fail_msg("an item that nobody knows");
    return 0;
}

static uint32_t category_of(const struct log_record *r, uint32_t place) {
    for (uint32_t c = 0; c < CATEGORIES && place != CATEGORY_NONE; c++) {
        if (mix64(c + 1000) == r->categories[place]) {
            return c;
        }
    }
    return CATEGORY_NONE;
}

static void check_takes(const struct delta *d, const struct log_record *r) {
    int64_t sum[ITEMS][POP_CLOCKS + 4] = {{0}};
    int64_t got[ITEMS][POP_CLOCKS + 4] = {{0}};
    uint32_t last = 0;
    for (size_t k = 0; k < d->n_takes; k++) {
        const struct delta_take *t = &d->takes[k];
        int64_t *s = sum[t->item];
        for (int c = 0; c < POP_CLOCKS; c++) {
            s[c] += t->w[c];
        }
        s[4] += t->weight;
        s[6] = s[5] == 0 || t->ts_ms < s[6] ? t->ts_ms : s[6];
        s[7] = s[5] == 0 || t->ts_ms > s[7] ? t->ts_ms : s[7];
        s[5]++;
        last = t->item;
    }
    for (size_t k = 0; k < r->n_takes; k++) {
        const struct log_take *t = &r->takes[k];
        int64_t *s = got[index_of(r, t->item)];
        assert_int_equal(s[5], 0); /* each item once */
        memcpy(s, t->w, sizeof t->w);
        s[4] = t->weight;
        s[5] = t->count;
        s[6] = t->first_ms;
        s[7] = t->last_ms;
    }
    assert_memory_equal(sum, got, sizeof sum);
    if (r->n_takes > 0) { /* in the order in which they were taken last */
        assert_int_equal(index_of(r, r->takes[r->n_takes - 1].item), last);
    }
}

static void check_pairs(const struct delta *d, const struct log_record *r) {
    int64_t sum[ITEMS][ITEMS][3] = {{{0}}};
    for (size_t k = 0; k < d->n_pairs; k++) {
        int64_t *s = sum[d->pairs[k].from][d->pairs[k].to];
        s[0] += d->pairs[k].a;
        s[1] += d->pairs[k].f;
        s[2] += d->pairs[k].s;
    }
    for (size_t k = 0; k < r->n_pairs; k++) {
        const struct pair_sum *p = &r->pairs[k];
        int64_t *s = sum[index_of(r, p->from)][index_of(r, p->to)];
        assert_true(s[0] == p->a && s[1] == p->f && s[2] == p->s);
        memset(s, 0, 3 * sizeof *s);
    }
    for (int x = 0; x < ITEMS * ITEMS * 3; x++) {
        assert_int_equal((&sum[0][0][0])[x], 0); /* none was left out */
    }
}

static void check_contexts_and_obs(const struct delta *d, const struct log_record *r) {
    static int64_t sum[ITEMS][FACTORS + 3];
    memset(sum, 0, sizeof sum);
    for (size_t k = 0; k < d->n_contexts; k++) {
        const struct delta_context *c = &d->contexts[k];
        for (int z = 0; z < FACTORS; z++) {
            sum[c->item][z] += fixed_times(c->p[z], c->weight);
        }
        sum[c->item][FACTORS] += c->weight;
    }
    for (size_t k = 0; k < d->n_obs; k++) {
        sum[d->obs[k].item][FACTORS + 1] += d->obs[k].obs;
        sum[d->obs[k].item][FACTORS + 2] += d->obs[k].exp;
    }
    for (size_t k = 0; k < r->n_contexts; k++) {
        int64_t *s = sum[index_of(r, r->contexts[k].item)];
        assert_memory_equal(s, r->contexts[k].b, sizeof r->contexts[k].b);
        assert_int_equal(s[FACTORS], r->contexts[k].weight);
        memset(s, 0, (FACTORS + 1) * sizeof *s);
    }
    for (size_t k = 0; k < r->n_obs; k++) {
        int64_t *s = sum[index_of(r, r->obs[k].item)];
        assert_true(s[FACTORS + 1] == r->obs[k].obs && s[FACTORS + 2] == r->obs[k].exp);
        s[FACTORS + 1] = s[FACTORS + 2] = 0;
    }
    for (int x = 0; x < ITEMS * (FACTORS + 3); x++) {
        assert_int_equal((&sum[0][0])[x], 0);
    }
}

static void check_categories(const struct delta *d, const struct log_record *r) {
    int64_t sum[ITEMS][CATEGORIES + 1][3] = {{{0}}};
    int64_t pair[CATEGORIES][CATEGORIES] = {{0}};
    const struct delta_deal *deal[ITEMS] = {NULL};
    for (size_t k = 0; k < d->n_category_takes; k++) {
        const struct category_take *t = &d->category_takes[k];
        const uint32_t c = t->category == CATEGORY_NONE ? CATEGORIES : t->category;
        sum[t->item][c][0] += t->g;
        sum[t->item][c][1] += t->weight;
        sum[t->item][c][2] += t->repeated ? t->weight : 0;
    }
    for (size_t k = 0; k < r->n_category_takes; k++) {
        const struct category_take_sum *t = &r->category_takes[k];
        const uint32_t c = category_of(r, t->category);
        int64_t *s = sum[index_of(r, t->item)][c == CATEGORY_NONE ? CATEGORIES : c];
        assert_true(s[0] == t->g && s[1] == t->weight && s[2] == t->repeated);
        memset(s, 0, 3 * sizeof *s);
    }
    for (int x = 0; x < ITEMS * (CATEGORIES + 1) * 3; x++) {
        assert_int_equal((&sum[0][0][0])[x], 0);
    }
    for (size_t k = 0; k < d->n_category_pairs; k++) {
        pair[d->category_pairs[k].from][d->category_pairs[k].to] += d->category_pairs[k].a;
    }
    for (size_t k = 0; k < r->n_category_pairs; k++) {
        const struct pair_sum *p = &r->category_pairs[k];
        int64_t *s = &pair[category_of(r, p->from)][category_of(r, p->to)];
        assert_true(*s == p->a && p->f == 0 && p->s == 0);
        *s = 0;
    }
    for (int x = 0; x < CATEGORIES * CATEGORIES; x++) {
        assert_int_equal((&pair[0][0])[x], 0);
    }
    for (size_t k = 0; k < d->n_deals; k++) {
        const struct delta_deal **newest = &deal[d->deals[k].item];
        *newest = !*newest || d->deals[k].ts_ms >= (*newest)->ts_ms ? &d->deals[k] : *newest;
    }
    for (size_t k = 0; k < r->n_deals; k++) {
        const uint32_t i = index_of(r, r->deals[k].item);
        assert_non_null(deal[i]);
        assert_true(deal[i]->share == r->deals[k].share && deal[i]->ts_ms == r->deals[k].ts_ms);
        deal[i] = NULL;
    }
    for (int i = 0; i < ITEMS; i++) {
        assert_null(deal[i]);
    }
}

static void check_items(const struct bench *b, const struct log_record *r) {
    bool in[ITEMS] = {false};
    for (size_t k = 0; k < r->n_items; k++) {
        const uint32_t i = index_of(r, (uint32_t)k);
        char id[16];
        const int len = snprintf(id, sizeof id, "item%u", i);
        assert_false(in[i]); /* each once */
        in[i] = true;
        assert_int_equal(r->items[k].domain, i % 3);
        assert_int_equal(r->items[k].id_len, b->named[i] ? 0 : len);
    }
    for (size_t k = 0; k < b->d->n_items; k++) {
        assert_true(in[b->d->items[k]] || b->named[b->d->items[k]]);
    }
}

/* ---- tests ----------------------------------------------------------------------------- */

static void what_is_read_is_what_a_delta_adds_up_to(void **state) {
    struct bench *b = *state;
    struct log_record r = {.kind = LOG_DELTA};
    for (uint64_t seed = 1; seed <= 200; seed++) {
        b->rng = (struct rng){seed};
        draw(b, rng_below(&b->rng, 60));
        struct pack p = written(b);
        assert_int_equal(read_exactly(p.bytes, p.len, &r), ST_OK);
        assert_int_equal(r.kind, LOG_DELTA);
        assert_true(log_name_equal(&r.name, &NAME));
        assert_int_equal(r.n_events, b->d->n_events);
        check_items(b, &r);
        check_takes(b->d, &r);
        check_pairs(b->d, &r);
        check_contexts_and_obs(b->d, &r);
        check_categories(b->d, &r);
        assert_int_equal(r.has_sums, b->d->has_closed);
        assert_int_equal(r.has_nets, b->d->has_nets);
        if (r.has_sums) {
            assert_memory_equal(&r.sums, &b->d->closed, sizeof r.sums);
        }
        if (r.has_nets) {
            assert_memory_equal(r.nets, b->d->nets, sizeof r.nets);
            assert_int_equal(r.n_trained, b->d->n_trained);
        }
        struct pack again = {0};
        assert_int_equal(log_record_read(p.bytes, p.len, &r), ST_OK);
        log_record_write(&again, &r);
        assert_int_equal(again.len, p.len);
        assert_memory_equal(again.bytes, p.bytes, p.len);
        free(again.bytes);
        free(p.bytes);
    }
    log_record_free(&r);
}

static void the_landmarks_are_those_of_the_model(void **state) {
    struct bench *b = *state;
    struct log_record r = {.kind = LOG_DELTA};
    (void)shared_move_time(b->s, INT64_C(1795000000000));
    (void)shared_move_obs(b->s, 345678);
    draw(b, 3);
    struct pack p = written(b);
    assert_int_equal(log_record_read(p.bytes, p.len, &r), ST_OK);
    for (int c = 0; c < POP_CLOCKS; c++) {
        assert_true(r.landmarks[c] > INT64_C(1770000000000));
        assert_int_equal(r.landmarks[c], popularity_landmark(b->s->popularity, c));
    }
    assert_int_equal(r.category_landmark, categories_landmark(b->s->categories));
    assert_int_equal(r.obs_landmark, 340000);
    free(p.bytes);
    log_record_free(&r);
}

static void a_pair_of_one_event_of_weight_1_takes_few_bytes(void **state) {
    struct bench *b = *state;
    delta_clear(b->d);
    memset(b->named, 1, sizeof b->named);
    struct pack before = written(b);
    assert_int_equal(delta_reserve_line(b->d), ST_OK);
    for (uint32_t r = 0; r < PAIRS_WINDOW; r++) {
        b->d->pairs[b->d->n_pairs++] = pairs_weigh(r + 1, 0, (int)r, INT64_MAX);
    }
    struct pack p = written(b);
    assert_int_equal(p.len - before.len, (PAIRS_WINDOW + 1) * 9 + PAIRS_WINDOW * 3);
    free(p.bytes);
    free(before.bytes);
}

static void controls_come_back(void **state) {
    (void)state;
    struct log_record r = {.kind = LOG_DELTA};
    struct pack p = {0};
    log_record_write_landmark(&p, INT64_C(-1234567890123));
    assert_int_equal(read_exactly(p.bytes, p.len, &r), ST_OK);
    assert_true(r.kind == LOG_LANDMARK && r.at_ms == INT64_C(-1234567890123));
    p.len = 0;
    log_record_write_options(&p, "a = 1\nb = 2\n", 12);
    assert_int_equal(log_record_read(p.bytes, p.len, &r), ST_OK);
    assert_true(r.kind == LOG_OPTIONS && r.options_len == 12);
    assert_memory_equal(r.options, "a = 1\nb = 2\n", 12);
    static struct segments_seeds seeds;
    struct rng rng = {5};
    seeds = (struct segments_seeds){.generation = 3, .k = 7, .w = 1e9};
    for (int d = 0; d < 40; d++) {
        seeds.mean[d] = rng_unit(&rng) - 0.5;
        seeds.square[d] = rng_unit(&rng);
        for (uint32_t k = 0; k < seeds.k; k++) {
            seeds.clusters[k].w = rng_unit(&rng);
            seeds.clusters[k].sse = rng_unit(&rng) * 1e12;
            seeds.clusters[k].centre[d] = rng_unit(&rng) - 0.5;
            seeds.clusters[k].spread[d] = rng_unit(&rng);
        }
    }
    p.len = 0;
    log_record_write_seeds(&p, &seeds);
    assert_int_equal(read_exactly(p.bytes, p.len, &r), ST_OK);
    assert_int_equal(r.kind, LOG_SEEDS);
    assert_memory_equal(&r.seeds, &seeds, sizeof seeds);
    seeds.clusters[2].spread[1] = (double)NAN;
    p.len = 0;
    log_record_write_seeds(&p, &seeds);
    assert_int_equal(log_record_read(p.bytes, p.len, &r), ST_INVALID);
    free(p.bytes);
    log_record_free(&r);
}

/* As of the checked-in record: format 1 has counts of all clocks in units of 2^-20. */
static void assert_takes_of_v1(const struct log_record *r) {
    static const int64_t units[2][POP_CLOCKS] = {{3, 300, 70000, 9000000},
                                                 {0, 1, FIXED_ONE, (INT64_C(1) << 36) + 1}};
    static const int64_t finer[POP_CLOCKS] = {128, 16, 4, 1};
    const int64_t landmark = INT64_C(108864000000);
    assert_int_equal(r->n_takes, 2);
    for (size_t k = 0; k < 2; k++) {
        for (int c = 0; c < POP_CLOCKS; c++) {
            assert_true(r->takes[k].w[c] == units[k][c] * finer[c]);
        }
        assert_int_equal(r->takes[k].item, k);
        assert_int_equal(r->takes[k].count, 2 - k);
        assert_true(r->takes[k].weight == (int64_t)(2 - k) * FIXED_ONE);
    }
    assert_true(r->takes[0].first_ms == landmark - 5 && r->takes[0].last_ms == landmark + 7);
    assert_true(r->obs[0].obs == -11 && r->obs[0].exp == 12 && r->landmarks[3] == landmark);
}

static void records_of_format_1_are_read_for_ever(void **state) {
    (void)state;
    struct log_record r = {.kind = LOG_DELTA};
    assert_int_equal(read_exactly(log_record_v1, sizeof log_record_v1, &r), ST_OK);
    assert_int_equal(r.n_items, 2);
    assert_true(r.items[0].hash == UINT64_C(0x1122334455667788) && r.items[0].id_len == 6);
    assert_true(r.name.task == 3 && r.name.epoch == 40 && r.name.batch == 500 && r.n_events == 3);
    assert_takes_of_v1(&r);
    assert_int_equal(log_record_read(log_record_v1, sizeof log_record_v1, &r), ST_OK);
    struct pack p = {0};
    log_record_write(&p, &r); /* as format 2, which those who know format 1 alone refuse */
    assert_false(p.failed);
    assert_int_equal(p.bytes[0], 2);
    assert_int_equal(read_exactly(p.bytes, p.len, &r), ST_OK);
    assert_takes_of_v1(&r);
    free(p.bytes);
    log_record_free(&r);
}

static void a_sum_of_format_1_that_no_record_has_is_refused(void **state) {
    (void)state;
    const size_t at = 69; /* of the first take's count of a day, one byte */
    assert_int_equal(log_record_v1[at], 3);
    for (uint64_t over = 0; over < 2; over++) {
        struct log_record r = {.kind = LOG_DELTA};
        struct pack p = {0};
        pack_raw(&p, log_record_v1, at);
        pack_uint(&p, (UINT64_C(1) << 53) + over); /* 2^60 in units of 2^-27 */
        pack_raw(&p, log_record_v1 + at + 1, sizeof log_record_v1 - at - 1);
        assert_false(p.failed);
        assert_int_equal(read_exactly(p.bytes, p.len, &r), over ? ST_INVALID : ST_OK);
        assert_true(over || r.takes[0].w[0] == INT64_C(1) << 60);
        free(p.bytes);
        log_record_free(&r);
    }
}

static void later_formats_and_kinds_are_refused_as_such(void **state) {
    struct bench *b = *state;
    struct log_record r = {.kind = LOG_DELTA};
    draw(b, 5);
    struct pack p = written(b);
    p.bytes[0] = LOG_RECORD_FORMAT + 1;
    assert_int_equal(log_record_read(p.bytes, p.len, &r), ST_RANGE);
    p.bytes[0] = 0;
    assert_int_equal(log_record_read(p.bytes, p.len, &r), ST_INVALID);
    p.bytes[0] = LOG_RECORD_FORMAT;
    p.bytes[1] = LOG_OPTIONS + 1;
    assert_int_equal(log_record_read(p.bytes, p.len, &r), ST_RANGE);
    p.bytes[1] = 0;
    assert_int_equal(log_record_read(p.bytes, p.len, &r), ST_INVALID);
    assert_int_equal(log_record_read(p.bytes, 0, &r), ST_INVALID);
    free(p.bytes);
    log_record_free(&r);
}

static void what_is_cut_off_or_too_long_is_refused(void **state) {
    struct bench *b = *state;
    struct log_record r = {.kind = LOG_DELTA};
    for (uint64_t seed = 1; seed <= 10; seed++) {
        b->rng = (struct rng){seed};
        draw(b, 10);
        struct pack p = written(b);
        for (size_t len = 0; len < p.len; len += len < 400 ? 1 : 97) {
            assert_int_equal(read_exactly(p.bytes, len, &r), ST_INVALID);
        }
        pack_u8(&p, 0);
        assert_int_equal(read_exactly(p.bytes, p.len, &r), ST_INVALID);
        assert_int_equal(read_exactly(p.bytes, p.len - 1, &r), ST_OK);
        free(p.bytes);
    }
    log_record_free(&r);
}

/* Whatever a reader accepts lies within what its tables and the model can take. */
static void assert_sane(const struct log_record *r) {
    for (size_t k = 0; k < r->n_takes; k++) {
        assert_true(r->takes[k].item < r->n_items && r->takes[k].count > 0);
        assert_true(r->takes[k].weight >= 0 && r->takes[k].first_ms <= r->takes[k].last_ms);
    }
    for (size_t k = 0; k < r->n_pairs; k++) {
        assert_true(r->pairs[k].from < r->n_items && r->pairs[k].to < r->n_items);
        assert_true(r->pairs[k].from != r->pairs[k].to && r->pairs[k].a >= 0);
    }
    for (size_t k = 0; k < r->n_category_pairs; k++) {
        assert_true(r->category_pairs[k].from < r->n_categories);
        assert_true(r->category_pairs[k].to < r->n_categories);
    }
    for (size_t k = 0; k < r->n_contexts; k++) {
        assert_true(r->contexts[k].item < r->n_items);
    }
    for (size_t k = 0; k < r->n_obs; k++) {
        assert_true(r->obs[k].item < r->n_items);
    }
    for (size_t k = 0; k < r->n_category_takes; k++) {
        assert_true(r->category_takes[k].item < r->n_items);
        assert_true(r->category_takes[k].category < r->n_categories ||
                    r->category_takes[k].category == CATEGORY_NONE);
    }
    for (size_t k = 0; k < r->n_deals; k++) {
        assert_true(r->deals[k].item < r->n_items && r->deals[k].share <= 1.0F);
    }
    for (int kind = 0; r->has_nets && kind < RANKER_NETS; kind++) {
        for (int k = 0; k < RANKER_WEIGHTS; k++) {
            assert_true(isfinite(r->nets[kind].weights[k]));
        }
    }
}

static void damage_is_refused_or_read_as_something_sane(void **state) {
    struct bench *b = *state;
    struct log_record r = {.kind = LOG_DELTA};
    uint32_t refused = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        b->rng = (struct rng){seed};
        draw(b, 8);
        struct pack p = written(b);
        for (int k = 0; k < 200; k++) {
            uint8_t *copy = malloc(p.len);
            assert_non_null(copy);
            memcpy(copy, p.bytes, p.len);
            for (uint32_t flips = 1 + rng_below(&b->rng, 3); flips > 0; flips--) {
                const uint32_t in = (uint32_t)(rng_below(&b->rng, 2) && p.len > 300 ? 300 : p.len);
                copy[rng_below(&b->rng, in)] ^= (uint8_t)(1 + rng_below(&b->rng, 255));
            }
            if (log_record_read(copy, p.len, &r) == ST_OK) {
                if (r.kind == LOG_DELTA) {
                    assert_sane(&r);
                }
            } else {
                refused++;
            }
            free(copy);
        }
        free(p.bytes);
    }
    assert_true(refused > 1000);
    log_record_free(&r);
}

static void bytes_that_nobody_wrote_are_refused(void **state) {
    struct bench *b = *state;
    struct log_record r = {.kind = LOG_DELTA};
    b->rng = (struct rng){99};
    for (int n = 0; n < 20000; n++) {
        uint8_t bytes[64];
        const size_t len = 2 + rng_below(&b->rng, 62);
        for (size_t k = 0; k < len; k++) {
            bytes[k] = (uint8_t)rng_below(&b->rng, rng_below(&b->rng, 2) ? 256 : 4);
        }
        bytes[0] = (uint8_t)(1 + rng_below(&b->rng, LOG_RECORD_FORMAT));
        bytes[1] = (uint8_t)(1 + rng_below(&b->rng, 4));
        (void)read_exactly(bytes, len, &r);
    }
    log_record_free(&r);
}

static void failed_allocations_are_told_and_nothing_is_written(void **state) {
    struct bench *b = *state;
    b->rng = (struct rng){4};
    draw(b, 30);
    int failed = 0;
    for (int n = 0; CAN_FAIL && n < 60; n++) {
        struct pack p = {0};
        fail_after(n);
        log_record_write_delta(&p, &NAME, b->s, b->d, b->named);
        fail_after(-1);
        failed += p.failed;
        if (!p.failed) {
            struct log_record r = {.kind = LOG_DELTA};
            fail_after(failed % 9);
            assert_int_equal(log_record_read(p.bytes, p.len, &r), ST_NOMEM);
            fail_after(-1);
            assert_int_equal(log_record_read(p.bytes, p.len, &r), ST_OK);
            log_record_free(&r);
        }
        free(p.bytes);
    }
    assert_true(!CAN_FAIL || (failed > 10 && failed < 60));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_read_is_what_a_delta_adds_up_to, setup, teardown),
        cmocka_unit_test_setup_teardown(the_landmarks_are_those_of_the_model, setup, teardown),
        cmocka_unit_test_setup_teardown(a_pair_of_one_event_of_weight_1_takes_few_bytes, setup,
                                        teardown),
        cmocka_unit_test(controls_come_back),
        cmocka_unit_test(records_of_format_1_are_read_for_ever),
        cmocka_unit_test(a_sum_of_format_1_that_no_record_has_is_refused),
        cmocka_unit_test_setup_teardown(later_formats_and_kinds_are_refused_as_such, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_cut_off_or_too_long_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(damage_is_refused_or_read_as_something_sane, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(bytes_that_nobody_wrote_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(failed_allocations_are_told_and_nothing_is_written, setup,
                                        teardown),
    };
    return cmocka_run_group_tests_name("log_record", tests, NULL, NULL);
}
