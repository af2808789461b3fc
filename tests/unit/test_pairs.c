/* SPDX-License-Identifier: Apache-2.0
 *
 * test_pairs.c -- contract tests of models/pairs.h.
 *
 * Two truths: a full matrix of integer sums for adding, taking back and pruning,
 * and, for the queries, the formulas of the header in double over a log of events.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "failing_alloc.h"
#include "fixed.h"
#include "mix.h"
#include "pairs.h"

enum { ITEMS = 500 }; /* more than PAIRS_NEIGHBOURS: a list can become too long */

static const int64_t DAY = 86400000;

/* Of three domains, one much larger than the others. */
static const uint8_t *domains(void) {
    static uint8_t of[100 * ITEMS * 2];
    for (uint32_t i = 0; of[1] == 0 && i < sizeof of; i++) {
        of[i] = i == 1 ? 1 : (uint8_t)(mix64(i) % 5 < 3 ? 0 : mix64(i) % 5 - 2);
    }
    return of;
}

static int setup(void **state) {
    struct pairs *p = NULL;
    assert_int_equal(pairs_new(PAIRS_NEIGHBOURS, PAIRS_KEEP, &p), ST_OK);
    assert_int_equal(pairs_reserve(p, ITEMS, domains()), ST_OK);
    *state = p;
    return 0;
}

static int teardown(void **state) {
    pairs_free(*state);
    return 0;
}

static void assert_near(double got, double want, double tolerance) {
    if (!(fabs(got - want) <= tolerance)) {
        fail_msg("%.9g is not within %.3g of %.9g", got, tolerance, want);
    }
}

/* ---- the truth: a matrix ---------------------------------------------------- */

struct cell {
    int64_t a, f, s;
    bool there;
    bool kept; /* by the last pruning, and has not gone since */
};

struct truth {
    struct cell of[ITEMS][ITEMS]; /* [i][j]: neighbour j in the list of i */
    int64_t s_sum[ITEMS];
};

static struct truth *truth_new(void) {
    struct truth *t = calloc(1, sizeof *t);
    assert_non_null(t);
    return t;
}

static void cell_add(struct cell *c, int64_t a, int64_t f, int64_t s) {
    c->a += a;
    c->f += f;
    c->s += s;
    c->there = true;
}

static void truth_add(struct truth *t, const struct pair_add *x) {
    cell_add(&t->of[x->from][x->to], x->a, x->f, x->s);
    cell_add(&t->of[x->to][x->from], x->a, 0, x->s);
    t->s_sum[x->from] += x->s;
    t->s_sum[x->to] += x->s;
}

static int64_t at_least_0(int64_t v) {
    return v < 0 ? 0 : v;
}

static void cell_take_back(struct cell *c, int64_t a, int64_t f, int64_t s) {
    if (c->there) {
        c->a = at_least_0(c->a - a);
        c->f = at_least_0(c->f - f);
        c->s = at_least_0(c->s - s);
        c->there = c->a != 0 || c->f != 0 || c->s != 0;
        c->kept = c->kept && c->there;
    }
}

static void truth_take_back(struct truth *t, const struct pair_add *x) {
    cell_take_back(&t->of[x->from][x->to], x->a, x->f, x->s);
    cell_take_back(&t->of[x->to][x->from], x->a, 0, x->s);
    t->s_sum[x->from] -= x->s;
    t->s_sum[x->to] -= x->s;
}

static uint32_t truth_n(const struct truth *t, uint32_t i) {
    uint32_t n = 0;
    for (uint32_t j = 0; j < ITEMS; j++) {
        n += t->of[i][j].there;
    }
    return n;
}

/* Neighbour j stays if fewer than PAIRS_KEEP are larger by a, or equal and smaller. */
static void truth_prune(struct truth *t, uint32_t i) {
    bool goes[ITEMS] = {false};
    if (truth_n(t, i) <= PAIRS_KEEP) {
        return;
    }
    for (uint32_t j = 0; j < ITEMS; j++) {
        const struct cell *c = &t->of[i][j];
        uint32_t better = 0;
        for (uint32_t k = 0; k < ITEMS; k++) {
            const struct cell *d = &t->of[i][k];
            better += d->there && (d->a > c->a || (d->a == c->a && k < j));
        }
        goes[j] = c->there && better >= PAIRS_KEEP;
    }
    for (uint32_t j = 0; j < ITEMS; j++) {
        t->of[i][j].kept = t->of[i][j].there;
        if (goes[j]) {
            t->of[i][j] = (struct cell){0};
        }
    }
}

static uint32_t truth_kept(const struct truth *t, uint32_t i) {
    uint32_t n = 0;
    for (uint32_t j = 0; j < ITEMS; j++) {
        n += t->of[i][j].kept;
    }
    return n;
}

/* All of them; of a list that is due those who were kept, if anybody was. Returns whether some are
 * passed over. */
static bool assert_walked(const struct truth *t, const struct pairs *p, uint32_t i) {
    const struct pair_list all = pairs_list(p, i);
    const struct pair_list l = pairs_walked(p, i);
    const bool some = all.n > PAIRS_NEIGHBOURS && truth_kept(t, i) > 0;
    bool seen[ITEMS] = {false};
    assert_int_equal(l.n, some ? truth_kept(t, i) : truth_n(t, i));
    assert_int_equal(l.n, l.near.n + l.far.n);
    assert_true(l.s_sum == all.s_sum);
    for (uint32_t x = 0; x < l.n; x++) {
        const uint32_t j = pair_list_item(&l, x);
        assert_true(j < ITEMS && !seen[j]);
        seen[j] = true;
        assert_true(some ? t->of[i][j].kept : t->of[i][j].there);
        assert_int_equal(x < l.near.n, domains()[i] == domains()[j]);
        assert_true(pair_list_entry(&l, x).a == (float)fixed_to(t->of[i][j].a));
    }
    return some;
}

static void assert_list(const struct truth *t, const struct pairs *p, uint32_t i) {
    const struct pair_list l = pairs_list(p, i);
    assert_int_equal(l.n, truth_n(t, i));
    assert_int_equal(pairs_due(p, i), l.n > PAIRS_NEIGHBOURS);
    assert_true(l.s_sum == (float)fixed_to(t->s_sum[i]));
    bool seen[ITEMS] = {false};
    for (uint32_t x = 0; x < l.n; x++) {
        const uint32_t j = pair_list_item(&l, x);
        assert_true(j < ITEMS && !seen[j]);
        seen[j] = true;
        const struct cell *c = &t->of[i][j];
        assert_true(c->there);
        assert_int_equal(x < l.near.n, domains()[i] == domains()[j]);
        assert_true(pair_list_entry(&l, x).a == (float)fixed_to(c->a));
        assert_true(pair_list_entry(&l, x).f == (float)fixed_to(c->f));
        assert_true(pair_list_entry(&l, x).s == (float)fixed_to(c->s));
    }
    (void)assert_walked(t, p, i);
    for (uint32_t j = 0; j < ITEMS; j++) {
        const struct cell *c = &t->of[i][j];
        int64_t a = -7;
        int64_t f = -7;
        int64_t s = -7;
        assert_int_equal(pairs_get(p, i, j, &a, &f, &s), c->there);
        assert_true(a == (c->there ? c->a : -7));
        assert_true(f == (c->there ? c->f : -7));
        assert_true(s == (c->there ? c->s : -7));
    }
}

static void assert_agrees(const struct truth *t, const struct pairs *p) {
    for (uint32_t i = 0; i < ITEMS; i++) {
        assert_list(t, p, i);
    }
}

static struct pair_add random_add(struct rng *rng, uint32_t n_items) {
    const uint32_t from = rng_below(rng, 1 + rng_below(rng, n_items - 1));
    uint32_t to = rng_below(rng, n_items - 1);
    to += to >= from;
    const int64_t dt = (int64_t)(rng_unit(rng) * 20 * (double)DAY);
    return pairs_weigh(from, to, (int)rng_below(rng, PAIRS_WINDOW), dt);
}

/* ---- pairs_new, _free, _reserve ----------------------------------------------- */

static void what_was_never_added_is_empty(void **state) {
    struct truth *t = truth_new();
    assert_agrees(t, *state);
    free(t);
    pairs_free(NULL);
}

static void refuses_limits_that_leave_nothing_or_more_than_there_was(void **state) {
    (void)state;
    struct pairs *p = NULL;
    assert_int_equal(pairs_new(10, 0, &p), ST_INVALID);
    assert_int_equal(pairs_new(10, 11, &p), ST_INVALID);
    assert_null(p);
}

static void lists_are_due_and_pruned_by_the_limits_they_were_made_with(void **state) {
    (void)state;
    static const uint32_t limits[][2] = {{1, 1}, {7, 5}, {400, 300}};
    for (size_t k = 0; k < sizeof limits / sizeof *limits; k++) {
        struct pairs *p = NULL;
        assert_int_equal(pairs_new(limits[k][0], limits[k][1], &p), ST_OK);
        assert_int_equal(pairs_reserve(p, ITEMS, domains()), ST_OK);
        for (uint32_t j = 1; j <= limits[k][0] + 1; j++) {
            assert_false(pairs_due(p, 0));
            const struct pair_add add = pairs_weigh(j, 0, 0, 0);
            assert_int_equal(pairs_add(p, &add), ST_OK);
        }
        assert_true(pairs_due(p, 0));
        pairs_prune(p, 0);
        const struct pair_list l = pairs_list(p, 0);
        assert_int_equal(l.n, limits[k][1]);
        for (uint32_t x = 0; x < l.n; x++) {
            assert_true(pair_list_item(&l, x) <= limits[k][1]); /* all equal: the smaller indices */
        }
        pairs_free(p);
    }
}

static void growing_keeps_every_list(void **state) {
    struct pairs *p = *state;
    struct truth *t = truth_new();
    struct rng rng = {.state = 1};
    for (int e = 0; e < 3000; e++) {
        const struct pair_add x = random_add(&rng, 40);
        assert_int_equal(pairs_add(p, &x), ST_OK);
        truth_add(t, &x);
    }
    const size_t bytes = pairs_bytes(p);
    assert_int_equal(pairs_reserve(p, 100000, domains()), ST_OK);
    assert_true(pairs_bytes(p) > bytes);
    assert_int_equal(pairs_reserve(p, 0, domains()), ST_OK); /* never shrinks */
    assert_agrees(t, p);
    const struct pair_add far = pairs_weigh(99999, 99998, 0, 0);
    assert_int_equal(pairs_add(p, &far), ST_OK);
    assert_int_equal(pairs_list(p, 99998).n, 1);
    free(t);
}

/* ---- pairs_weigh ----------------------------------------------------------------- */

static void a_pair_weighs_by_its_place_and_its_age(void **state) {
    (void)state;
    struct rng rng = {.state = 2};
    for (int e = 0; e < 3000; e++) {
        const int r = e % PAIRS_WINDOW;
        const int64_t dt = (int64_t)(rng_unit(&rng) * 15 * (double)DAY);
        const struct pair_add x = pairs_weigh(3, 4, r, dt);
        const double s = exp2(-(double)dt / (double)DAY);
        assert_int_equal(x.from, 3);
        assert_int_equal(x.to, 4);
        assert_near(x.a, ldexp(pow(.8, r), 20), .5);
        assert_near(x.f, ldexp(pow(.5, r), 20), 0);
        assert_near(x.s, s < 1e-4 ? 0 : ldexp(s, 20), .5000001);
    }
}

static void a_session_weight_below_1e_4_is_none(void **state) {
    (void)state;
    const double edge = -log2(1e-4) * (double)DAY; /* 13.3 days */
    assert_int_equal(pairs_weigh(0, 1, 0, (int64_t)edge - 1).s, 105);
    assert_int_equal(pairs_weigh(0, 1, 0, (int64_t)edge + 1).s, 0);
    assert_int_equal(pairs_weigh(0, 1, 0, INT64_MAX).s, 0);
}

static void a_negative_age_counts_as_none(void **state) {
    (void)state;
    assert_int_equal(pairs_weigh(0, 1, 0, 0).s, FIXED_ONE);
    assert_int_equal(pairs_weigh(0, 1, 0, -5 * DAY).s, FIXED_ONE);
    assert_int_equal(pairs_weigh(0, 1, 0, INT64_MIN).s, FIXED_ONE);
}

/* ---- pairs_add, _take_back, _prune ------------------------------------------------ */

static void one_pair_lies_in_both_lists_and_f_only_in_the_earlier_ones(void **state) {
    struct pairs *p = *state;
    const struct pair_add x = {.from = 5, .to = 9, .a = 100, .f = 30, .s = 7};
    assert_int_equal(pairs_add(p, &x), ST_OK);
    int64_t a = 0;
    int64_t f = 0;
    int64_t s = 0;
    assert_true(pairs_get(p, 5, 9, &a, &f, &s));
    assert_true(a == 100 && f == 30 && s == 7);
    assert_true(pairs_get(p, 9, 5, &a, &f, &s));
    assert_true(a == 100 && f == 0 && s == 7);
    assert_true(pairs_list(p, 5).s_sum == 0x7p-20F && pairs_list(p, 9).s_sum == 0x7p-20F);
}

static void taking_everything_back_leaves_nothing(void **state) {
    struct pairs *p = *state;
    struct truth *t = truth_new();
    enum { N = 6000 };
    static struct pair_add x[N];
    struct rng rng = {.state = 3};
    print_message("seed %llu\n", (unsigned long long)rng.state);
    for (int e = 0; e < N; e++) {
        x[e] = random_add(&rng, ITEMS);
        assert_int_equal(pairs_add(p, &x[e]), ST_OK);
        truth_add(t, &x[e]);
    }
    assert_agrees(t, p);
    for (int e = N - 1; e > 0; e--) { /* in a random order */
        const uint32_t k = rng_below(&rng, (uint32_t)e + 1);
        const struct pair_add y = x[e];
        x[e] = x[k];
        x[k] = y;
    }
    for (int e = 0; e < N; e++) {
        pairs_take_back(p, &x[e]);
        truth_take_back(t, &x[e]);
        if (e % 1000 == 0) {
            assert_agrees(t, p);
        }
    }
    memset(t, 0, sizeof *t);
    assert_agrees(t, p);
    free(t);
}

static void pruning_keeps_the_120_largest_and_ties_by_index(void **state) {
    struct pairs *p = *state;
    struct truth *t = truth_new();
    struct rng rng = {.state = 4};
    print_message("seed %llu\n", (unsigned long long)rng.state);
    for (uint32_t i = 0; i < 40; i++) { /* list i has 100 + 10 i neighbours */
        for (uint32_t x = 0; x < 100 + 10 * i; x++) {
            const uint32_t j = (i + 1 + (x * 7) % (ITEMS - 1)) % ITEMS;
            const struct pair_add add = {
                .from = j,
                .to = i,
                .a = 1 + (int32_t)rng_below(&rng, i % 4 == 0 ? 1 : 5 * i),
                .s = 1,
            };
            assert_int_equal(pairs_add(p, &add), ST_OK);
            truth_add(t, &add);
        }
    }
    for (uint32_t i = 0; i < 40; i++) {
        assert_int_equal(pairs_due(p, i), truth_n(t, i) > 160);
        pairs_prune(p, i);
        truth_prune(t, i);
        assert_true(pairs_list(p, i).n <= PAIRS_KEEP);
        assert_false(pairs_due(p, i));
        assert_list(t, p, i);
        pairs_prune(p, i); /* again: nothing */
        assert_list(t, p, i);
    }
    pairs_prune(p, ITEMS - 1);
    assert_agrees(t, p); /* each prune touched one list only */
    free(t);
}

static void a_list_is_due_beyond_160_neighbours(void **state) {
    struct pairs *p = *state;
    for (uint32_t j = 1; j <= 161; j++) {
        assert_false(pairs_due(p, 0));
        const struct pair_add x = pairs_weigh(0, j, 0, 0);
        assert_int_equal(pairs_add(p, &x), ST_OK);
    }
    assert_true(pairs_due(p, 0));
    assert_int_equal(pairs_list(p, 0).n, 161); /* it grows until it is pruned */
}

/* A list of both domains is pruned, and neighbours come, and those who were kept go. */
static void of_a_list_that_is_due_those_are_walked_whom_pruning_kept(void **state) {
    struct pairs *p = *state;
    struct truth *t = truth_new();
    for (uint32_t j = 1; j <= PAIRS_NEIGHBOURS + 20; j++) {
        const struct pair_add x = {.from = 0, .to = j, .a = (int32_t)(1 + j % 7), .s = 1};
        assert_int_equal(pairs_add(p, &x), ST_OK);
        truth_add(t, &x);
    }
    assert_false(assert_walked(t, p, 0)); /* nobody was kept yet */
    pairs_prune(p, 0);
    truth_prune(t, 0);
    assert_false(assert_walked(t, p, 0)); /* not due */
    for (uint32_t j = PAIRS_NEIGHBOURS + 21; j < ITEMS; j++) {
        const struct pair_add x = {.from = 0, .to = j, .a = 100};
        assert_int_equal(pairs_add(p, &x), ST_OK);
        truth_add(t, &x);
    }
    assert_true(assert_walked(t, p, 0));
    for (uint32_t j = 1; j < ITEMS; j += 3) { /* of either kind, near and far */
        const struct pair_add x = {.from = 0, .to = j, .a = 100, .s = 1};
        pairs_take_back(p, &x);
        truth_take_back(t, &x);
        assert_list(t, p, 0);
    }
    assert_true(assert_walked(t, p, 0));
    pairs_prune(p, 0);
    truth_prune(t, 0);
    assert_list(t, p, 0);
    assert_int_equal(truth_kept(t, 0), PAIRS_KEEP);
    free(t);
}

static void what_was_pruned_is_skipped_when_taken_back(void **state) {
    struct pairs *p = *state;
    const struct pair_add weak = {.from = 0, .to = 499, .a = 5, .f = 3, .s = 2};
    assert_int_equal(pairs_add(p, &weak), ST_OK);
    for (uint32_t j = 1; j <= PAIRS_KEEP; j++) {
        const struct pair_add x = {.from = 0, .to = j, .a = 10, .f = 10, .s = 10};
        assert_int_equal(pairs_add(p, &x), ST_OK);
    }
    pairs_prune(p, 0);
    int64_t a = 0;
    int64_t f = 0;
    int64_t s = 0;
    assert_false(pairs_get(p, 0, 499, &a, &f, &s));
    assert_true(pairs_get(p, 499, 0, &a, &f, &s)); /* the other side's list was not pruned */
    pairs_take_back(p, &weak);
    assert_false(pairs_get(p, 0, 499, &a, &f, &s));
    assert_false(pairs_get(p, 499, 0, &a, &f, &s));
    assert_int_equal(pairs_list(p, 0).n, PAIRS_KEEP);
    assert_true(pairs_list(p, 0).s_sum == (float)fixed_to(10 * PAIRS_KEEP));
    assert_true(pairs_list(p, 499).s_sum == 0.0F);
}

static void what_was_pruned_and_came_back_stops_at_0(void **state) {
    struct pairs *p = *state;
    const struct pair_add old = {.from = 0, .to = 499, .a = 9, .f = 9, .s = 2};
    const struct pair_add new = {.from = 0, .to = 499, .a = 5, .f = 3, .s = 7};
    assert_int_equal(pairs_add(p, &old), ST_OK);
    for (uint32_t j = 1; j <= PAIRS_KEEP; j++) {
        const struct pair_add x = {.from = 0, .to = j, .a = 10};
        assert_int_equal(pairs_add(p, &x), ST_OK);
    }
    pairs_prune(p, 0);
    assert_int_equal(pairs_add(p, &new), ST_OK);
    pairs_take_back(p, &old);
    int64_t a = 0;
    int64_t f = 0;
    int64_t s = 0;
    assert_true(pairs_get(p, 0, 499, &a, &f, &s));
    assert_true(a == 0 && f == 0 && s == 5);
    assert_true(pairs_get(p, 499, 0, &a, &f, &s)); /* never pruned: exact */
    assert_true(a == 5 && f == 0 && s == 7);
    assert_true(pairs_list(p, 0).s_sum == 0x7p-20F);
}

static void an_entry_goes_when_all_three_sums_are_0(void **state) {
    struct pairs *p = *state;
    const struct pair_add x[3] = {
        {.from = 1, .to = 2, .a = 1}, {.from = 1, .to = 2, .f = 1}, {.from = 1, .to = 2, .s = 1}};
    for (int last = 0; last < 3; last++) { /* each kept for last */
        for (int k = 0; k < 3; k++) {
            assert_int_equal(pairs_add(p, &x[k]), ST_OK);
        }
        pairs_take_back(p, &x[(last + 1) % 3]);
        pairs_take_back(p, &x[(last + 2) % 3]);
        assert_int_equal(pairs_list(p, 1).n, 1);
        pairs_take_back(p, &x[last]);
        assert_int_equal(pairs_list(p, 1).n, 0);
        assert_int_equal(pairs_list(p, 2).n, 0);
    }
}

enum { LIVE = 3000 };

struct life {
    struct pairs *p;
    struct truth *t;
    struct rng rng;
    uint32_t n_items;
    struct pair_add live[LIVE]; /* a sample of what was added and can be taken back */
    uint32_t n_live;
};

static void life_step(struct life *l) {
    const uint32_t op = rng_below(&l->rng, 1000);
    if (op < 750) {
        const struct pair_add x = random_add(&l->rng, l->n_items);
        assert_int_equal(pairs_add(l->p, &x), ST_OK);
        truth_add(l->t, &x);
        l->live[l->n_live < LIVE ? l->n_live++ : rng_below(&l->rng, LIVE)] = x;
    } else if (op < 998 && l->n_live > 0) {
        const uint32_t k = rng_below(&l->rng, l->n_live);
        pairs_take_back(l->p, &l->live[k]);
        truth_take_back(l->t, &l->live[k]);
        l->live[k] = l->live[--l->n_live];
    } else if (op == 998) {
        const uint32_t i = rng_below(&l->rng, 8); /* where lists are long */
        pairs_prune(l->p, i);
        truth_prune(l->t, i);
    } else {
        assert_list(l->t, l->p, rng_below(&l->rng, l->n_items));
    }
}

static void any_sequence_of_add_take_back_and_prune_agrees_with_a_map(void **state) {
    (void)state;
    static struct life l;
    for (uint64_t seed = 10; seed < 16; seed++) {
        print_message("seed %llu\n", (unsigned long long)seed);
        l = (struct life){
            .t = truth_new(), .rng = {.state = seed}, .n_items = seed % 2 ? ITEMS : 30};
        assert_int_equal(pairs_new(PAIRS_NEIGHBOURS, PAIRS_KEEP, &l.p), ST_OK);
        assert_int_equal(pairs_reserve(l.p, ITEMS, domains()), ST_OK);
        for (int step = 0; step < 30000; step++) {
            life_step(&l);
        }
        assert_agrees(l.t, l.p);
        pairs_free(l.p);
        free(l.t);
    }
}

static void a_failed_allocation_changes_nothing(void **state) {
    if (!CAN_FAIL) {
        skip();
    }
    struct pairs *p = NULL;
    fail_after(0);
    assert_int_equal(pairs_new(PAIRS_NEIGHBOURS, PAIRS_KEEP, &p), ST_NOMEM);
    fail_after(-1);
    assert_null(p);
    p = *state;
    fail_after(0);
    assert_int_equal(pairs_reserve(p, 100 * ITEMS, domains()), ST_NOMEM);
    fail_after(-1);

    struct truth *t = truth_new();
    int failures = 0;
    for (uint32_t e = 0; e < 40; e++) { /* the lists of 0 and 1 grow together, or one of them */
        const struct pair_add x[3] = {pairs_weigh(0, 2 + e, 0, 0), pairs_weigh(2 + e, 1, 1, 0),
                                      pairs_weigh(e % 2, 1 - e % 2, 2, 0)};
        for (int k = 0; k < 3; k++) {
            enum status st = ST_NOMEM;
            for (int n = 0; st; n++) {
                fail_after(n);
                st = pairs_add(p, &x[k]);
                fail_after(-1);
                assert_true(st == ST_OK || st == ST_NOMEM);
                failures += st != ST_OK;
                if (st) {
                    assert_list(t, p, x[k].from);
                    assert_list(t, p, x[k].to);
                }
            }
            truth_add(t, &x[k]);
        }
    }
    assert_true(failures > 40);
    assert_agrees(t, p);
    free(t);
}

/* ---- queries, from a raw log -------------------------------------------------------- */

enum { USERS = 25, SHOP = 60, EVENTS = 1500 };

struct log {
    int n;
    uint32_t user[EVENTS], item[EVENTS];
    int64_t ts[EVENTS];
};

static uint32_t domain_of(uint32_t i) {
    return i % 2;
}

/* The last PAIRS_WINDOW events of a user before event `end`, newest first. */
static int window(const struct log *l, uint32_t user, int end, int out[PAIRS_WINDOW]) {
    int n = 0;
    for (int e = end - 1; e >= 0 && n < PAIRS_WINDOW; e--) {
        if (l->user[e] == user) {
            out[n++] = e;
        }
    }
    return n;
}

static void learn(struct pairs *p, const struct log *l, int e) {
    int last[PAIRS_WINDOW];
    const int n = window(l, l->user[e], e, last);
    for (int r = 0; r < n; r++) {
        const uint32_t j = l->item[last[r]];
        if (j != l->item[e]) {
            const struct pair_add x = pairs_weigh(j, l->item[e], r, l->ts[e] - l->ts[last[r]]);
            assert_int_equal(pairs_add(p, &x), ST_OK);
        }
    }
}

struct sums {
    double a[SHOP][SHOP]; /* symmetric */
    double f[SHOP][SHOP]; /* [j][i]: i follows j */
    double s[SHOP][SHOP];
    double s_sum[SHOP];
    double n[SHOP];
};

/* Straight from the header, in double. */
static void naive_sums(const struct log *l, struct sums *m) {
    memset(m, 0, sizeof *m);
    for (int e = 0; e < l->n; e++) {
        const uint32_t i = l->item[e];
        int last[PAIRS_WINDOW];
        const int n = window(l, l->user[e], e, last);
        for (int r = 0; r < n; r++) {
            const uint32_t j = l->item[last[r]];
            if (j == i) {
                continue;
            }
            double s = exp2(-(double)(l->ts[e] - l->ts[last[r]]) / 86400000.0);
            s = s < 1e-4 ? 0 : s;
            m->a[i][j] += pow(.8, r);
            m->a[j][i] += pow(.8, r);
            m->f[j][i] += pow(.5, r);
            m->s[i][j] += s;
            m->s[j][i] += s;
            m->s_sum[i] += s;
            m->s_sum[j] += s;
        }
        m->n[i]++;
    }
}

struct query {
    double k1[SHOP], kx[SHOP], k3[SHOP], k4[SHOP];
};

/* As candidates are found: by walking the lists of the user's last items. */
static void query_lists(const struct pairs *p, const struct log *l, uint32_t user, int64_t now,
                        uint32_t target, const double *count, struct query *q) {
    memset(q, 0, sizeof *q);
    int last[PAIRS_WINDOW];
    const int n = window(l, user, l->n, last);
    for (int r = 0; r < n; r++) {
        const uint32_t j = l->item[last[r]];
        const struct pair_list nb = pairs_list(p, j);
        for (uint32_t x = 0; x < nb.n; x++) {
            const struct pair_entry e = pair_list_entry(&nb, x);
            const double k1 = pow(.85, r) * (double)e.a * pow(count[j] + 5, -.6);
            const uint32_t i = pair_list_item(&nb, x);
            q->k1[i] += k1;
            q->kx[i] += domain_of(j) != target ? k1 : 0;
            q->k3[i] += pow(.5, r) * (double)e.f / (count[j] + 2);
            q->k4[i] += exp2(-(double)(now - l->ts[last[r]]) / 86400000.0) * (double)e.s /
                        ((double)nb.s_sum + 2);
        }
    }
}

static void query_naive(const struct sums *m, const struct log *l, uint32_t user, int64_t now,
                        uint32_t target, struct query *q) {
    memset(q, 0, sizeof *q);
    int last[PAIRS_WINDOW];
    const int n = window(l, user, l->n, last);
    for (uint32_t i = 0; i < SHOP; i++) {
        for (int r = 0; r < n; r++) {
            const uint32_t j = l->item[last[r]];
            const double k1 = pow(.85, r) * m->a[j][i] * pow(m->n[j] + 5, -.6);
            q->k1[i] += k1;
            q->kx[i] += domain_of(j) != target ? k1 : 0;
            q->k3[i] += pow(.5, r) * m->f[j][i] / (m->n[j] + 2);
            q->k4[i] +=
                exp2(-(double)(now - l->ts[last[r]]) / 86400000.0) * m->s[j][i] / (m->s_sum[j] + 2);
        }
    }
}

static void queries_equal_the_formulas_over_the_log(void **state) {
    struct pairs *p = *state;
    static struct log l;
    static struct sums m;
    struct rng rng = {.state = 7};
    print_message("seed %llu\n", (unsigned long long)rng.state);
    int64_t now = INT64_C(1767225600000);
    l.n = 0;
    for (int e = 0; e < EVENTS; e++) {
        now += (int64_t)(rng_unit(&rng) * (double)DAY / 10);
        l.user[e] = rng_below(&rng, USERS);
        l.item[e] = rng_below(&rng, 1 + rng_below(&rng, SHOP));
        l.ts[e] = now;
        learn(p, &l, e);
        l.n = e + 1;
    }
    naive_sums(&l, &m);
    double most = 0;
    for (uint32_t u = 0; u < USERS; u++) {
        static struct query got;
        static struct query want;
        query_lists(p, &l, u, now, u % 2, m.n, &got);
        query_naive(&m, &l, u, now, u % 2, &want);
        for (uint32_t i = 0; i < SHOP; i++) {
            assert_near(got.k1[i], want.k1[i], 1e-5 * (1 + want.k1[i]));
            assert_near(got.kx[i], want.kx[i], 1e-5 * (1 + want.kx[i]));
            assert_near(got.k3[i], want.k3[i], 1e-5 * (1 + want.k3[i]));
            assert_near(got.k4[i], want.k4[i], 1e-5 * (1 + want.k4[i]));
            most = fmax(most, want.k1[i] * want.kx[i] * want.k3[i] * want.k4[i]);
        }
    }
    assert_true(most > 1e-4); /* the comparison is not one of zeros */
}

static void bytes_follow_the_longest_lists(void **state) {
    struct pairs *p = *state;
    const size_t empty = pairs_bytes(p);
    const size_t pad = sizeof(float);
    for (uint32_t j = 1; j < ITEMS; j++) {
        const struct pair_add x = pairs_weigh(0, j, 0, 0);
        assert_int_equal(pairs_add(p, &x), ST_OK);
        const size_t more = j <= PAIRS_NEIGHBOURS + 1 ? j / 8 : j / 2; /* until it is pruned */
        assert_true(pairs_bytes(p) <= empty + (j + more + 8) * 16 + j * 8 * 16 + (j + 1) * pad);
    }
    /* 16 bytes a neighbour: one list of 499, 499 lists of 1 (room for 8) */
    assert_true(pairs_bytes(p) >= empty + 499 * 16 + 499 * 16 + 500 * pad);
    assert_true(pairs_bytes(p) <= empty + 736 * 16 + 499 * 8 * 16 + 500 * pad);
    pairs_prune(p, 0); /* and what was pruned is given back */
    assert_true(pairs_bytes(p) <= empty + 120 * 16 + 499 * 8 * 16 + 500 * pad);
}

/* The wider the sums, the more bytes a neighbour: 16, 19, 22, 40. */
static void large_sums_cost_more_in_their_own_list_only(void **state) {
    struct pairs *p = *state;
    const int64_t sums[] = {(1 << 24) - 1,          1 << 24,
                            (INT64_C(1) << 31) - 1, INT64_C(1) << 31,
                            (INT64_C(1) << 39) - 1, INT64_C(1) << 39};
    const size_t each[] = {16, 19, 19, 22, 22, 40};
    for (uint32_t k = 0; k < 6; k++) {
        const size_t before = pairs_bytes(p);
        const struct pair_sum x = {.a = 1, .f = 1, .s = sums[k], .from = k, .to = 100};
        assert_int_equal(pairs_add_sum(p, &x, PAIR_FROM), ST_OK);
        assert_int_equal(pairs_bytes(p) - before, 8 * each[k] + sizeof(float));
    }
}

/* ---- sums ------------------------------------------------------------------- */

static struct pair_sum random_sum(struct rng *rng) {
    const uint32_t from = rng_below(rng, 30);
    return (struct pair_sum){.a = rng_below(rng, 3) ? rng_below(rng, 1 << 20) : 0,
                             .f = rng_below(rng, 3) ? rng_below(rng, 1 << 20) : 0,
                             .s = rng_below(rng, 3) ? rng_below(rng, 1 << 20) : 0,
                             .from = from,
                             .to = (from + 1 + rng_below(rng, 29)) % 30};
}

static void truth_add_sum(struct truth *t, const struct pair_sum *x, unsigned sides, int sign) {
    if (sides & PAIR_FROM && (x->a || x->f || x->s)) {
        cell_add(&t->of[x->from][x->to], sign * x->a, sign * x->f, sign * x->s);
        t->s_sum[x->from] += sign * x->s;
    }
    if (sides & PAIR_TO && (x->a || x->s)) {
        cell_add(&t->of[x->to][x->from], sign * x->a, 0, sign * x->s);
        t->s_sum[x->to] += sign * x->s;
    }
}

static void assert_is(const struct pairs *p, const struct truth *t) {
    for (uint32_t i = 0; i < 30; i++) {
        uint32_t n = 0;
        for (uint32_t j = 0; j < 30; j++) {
            const struct cell *c = &t->of[i][j];
            int64_t a = 0;
            int64_t f = 0;
            int64_t s = 0;
            const bool there = c->a || c->f || c->s;
            assert_true(pairs_get(p, i, j, &a, &f, &s) == there);
            assert_true(a == c->a && f == c->f && s == c->s);
            n += there;
        }
        assert_int_equal(pairs_list(p, i).n, n);
        assert_true(pairs_s(p, i) == t->s_sum[i]);
        for (uint32_t k = 0; k < n; k++) {
            const struct pair_sum x = pairs_at(p, i, k);
            const struct cell *c = &t->of[i][x.to];
            assert_true(x.from == i && x.a == c->a && x.f == c->f && x.s == c->s);
        }
    }
}

/* Any two of the three: both sides, one, none. */
static void sums_enter_the_sides_asked_for_and_leave_no_trace(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct rng rng = {seed};
        struct truth *t = truth_new();
        struct pairs *p = NULL;
        struct pair_sum pending[200];
        unsigned sides[200];
        assert_int_equal(pairs_new(PAIRS_NEIGHBOURS, PAIRS_KEEP, &p), ST_OK);
        assert_int_equal(pairs_reserve(p, 30, domains()), ST_OK);
        for (int round = 0; round < 400; round++) {
            const int k = round % 200;
            if (round >= 200) {
                pairs_subtract_sum(p, &pending[k], sides[k]);
            } else {
                pending[k] = random_sum(&rng);
                sides[k] = rng_below(&rng, 4);
                assert_int_equal(pairs_add_sum(p, &pending[k], sides[k]), ST_OK);
                const struct pair_sum stays = random_sum(&rng);
                const unsigned where = rng_below(&rng, 4);
                assert_int_equal(pairs_add_sum(p, &stays, where), ST_OK);
                truth_add_sum(t, &stays, where, 1);
            }
            if (round == 199) {
                for (int j = 0; j < 200; j++) {
                    truth_add_sum(t, &pending[j], sides[j], 1);
                }
                assert_is(p, t);
                for (int j = 0; j < 200; j++) {
                    truth_add_sum(t, &pending[j], sides[j], -1);
                }
            }
        }
        assert_is(p, t);
        pairs_free(p);
        free(t);
    }
}

/* Of any magnitude to 2^50 units, in a and f and s each. */
static struct pair_sum random_large(struct rng *rng, unsigned bits) {
    struct pair_sum x = random_sum(rng);
    int64_t *const of[] = {&x.a, &x.f, &x.s};
    for (int k = 0; k < 3; k++) {
        const unsigned up = rng_below(rng, bits);
        *of[k] = (int64_t)((UINT64_C(1) << up) + (rng_next(rng) & ((UINT64_C(1) << up) - 1)));
    }
    return x;
}

/* Floats say each to the nearest; sums are exact however many bits a list has had to be widened
 * to, by values that came later, and wherever pruning has moved them. */
static void sums_of_any_size_are_exact(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct rng rng = {seed};
        print_message("seed %llu\n", (unsigned long long)seed);
        struct truth *t = truth_new();
        struct pairs *p = NULL;
        assert_int_equal(pairs_new(20, 12, &p), ST_OK);
        assert_int_equal(pairs_reserve(p, ITEMS, domains()), ST_OK);
        struct pair_sum later = {.from = 0, .to = 1}; /* to be taken back; now nothing */
        for (int round = 0; round < 300; round++) {
            const unsigned bits = 1 + (unsigned)round / 6; /* so every width is met, and left */
            const struct pair_sum x = random_large(&rng, bits);
            assert_int_equal(pairs_add_sum(p, &x, PAIR_FROM | PAIR_TO), ST_OK);
            truth_add_sum(t, &x, PAIR_FROM | PAIR_TO, 1);
            if (round % 3 == 0) {
                const struct pair_sum was = later;
                later = x;
                pairs_subtract_sum(p, &was, PAIR_FROM | PAIR_TO);
                truth_add_sum(t, &was, PAIR_FROM | PAIR_TO, -1);
            }
            if (round % 10 == 0) {
                assert_is(p, t);
            }
        }
        for (uint32_t i = 0; i < 30; i++) {
            struct cell before[ITEMS];
            memcpy(before, t->of[i], sizeof before);
            pairs_prune(p, i);
            const struct pair_list l = pairs_list(p, i);
            int64_t least = INT64_MAX;
            for (uint32_t k = 0; k < l.n; k++) {
                const struct pair_sum x = pairs_at(p, i, k);
                const struct cell *c = &before[x.to];
                assert_true(x.a == c->a && x.f == c->f && x.s == c->s);
                assert_true(pair_list_entry(&l, k).a == (float)fixed_to(c->a) &&
                            pair_list_entry(&l, k).f == (float)fixed_to(c->f) &&
                            pair_list_entry(&l, k).s == (float)fixed_to(c->s));
                least = c->a < least ? c->a : least;
                before[x.to].a = -1;
            }
            for (uint32_t j = 0; j < 30; j++) { /* who goes is not ahead of who stays */
                assert_true(before[j].a <= least);
            }
        }
        pairs_free(p);
        free(t);
    }
}

/* Those that a float cannot tell apart. */
static void pruning_goes_by_the_last_bit(void **state) {
    struct pairs *p = *state;
    for (uint32_t bits = 26; bits <= 44; bits += 6) {
        for (uint32_t k = 0; k < PAIRS_NEIGHBOURS + 1; k++) {
            const uint32_t place = k * 11 % (PAIRS_NEIGHBOURS + 1);
            const struct pair_sum x = {
                .a = (INT64_C(1) << bits) + place, .from = bits, .to = 100 + k};
            assert_int_equal(pairs_add_sum(p, &x, PAIR_FROM), ST_OK);
        }
        pairs_prune(p, bits);
        assert_int_equal(pairs_list(p, bits).n, PAIRS_KEEP);
        for (uint32_t k = 0; k < PAIRS_KEEP; k++) {
            const int64_t place = pairs_at(p, bits, k).a - (INT64_C(1) << bits);
            assert_true(place > PAIRS_NEIGHBOURS - PAIRS_KEEP && place <= PAIRS_NEIGHBOURS);
        }
    }
}

static void a_list_that_cannot_be_widened_stays_as_it_was(void **state) {
    (void)state;
    if (!CAN_FAIL) {
        return;
    }
    struct pairs *p = NULL;
    assert_int_equal(pairs_new(PAIRS_NEIGHBOURS, PAIRS_KEEP, &p), ST_OK);
    assert_int_equal(pairs_reserve(p, 4, domains()), ST_OK);
    struct pair_sum had = {.a = 5, .f = 6, .s = 7, .from = 1, .to = 2};
    assert_int_equal(pairs_add_sum(p, &had, PAIR_FROM | PAIR_TO), ST_OK);
    const int64_t large[] = {INT64_C(1) << 25, INT64_C(1) << 33, INT64_C(1) << 41};
    for (int k = 0; k < 3; k++) {
        const struct pair_sum sum = {.a = large[k] + 1, .f = 3, .s = 1, .from = 1, .to = 2};
        for (int n = 0; n < 2; n++) {
            fail_after(n); /* the first of both lists, or the second */
            const enum status st = pairs_add_sum(p, &sum, PAIR_FROM | PAIR_TO);
            fail_after(-1);
            const struct pair_sum x = pairs_at(p, 1, 0);
            const struct pair_sum y = pairs_at(p, 2, 0);
            assert_int_equal(st, ST_NOMEM);
            assert_true(x.a == had.a && x.f == had.f && x.s == had.s && y.a == had.a && y.f == 0);
            assert_true(pairs_s(p, 1) == had.s && pairs_s(p, 2) == had.s);
        }
        assert_int_equal(pairs_add_sum(p, &sum, PAIR_FROM | PAIR_TO), ST_OK);
        had.a += sum.a;
        had.f += sum.f;
        had.s += sum.s;
    }
    pairs_free(p);
}

static void pruning_needs_no_memory(void **state) {
    struct pairs *p = *state;
    struct truth *t = truth_new();
    for (uint32_t j = 1; j < ITEMS; j++) {
        const struct pair_add x = pairs_weigh(0, j, (int)j % PAIRS_WINDOW, 0);
        assert_int_equal(pairs_add(p, &x), ST_OK);
        truth_add(t, &x);
    }
    const size_t before = pairs_bytes(p);
    fail_after(0);
    pairs_prune(p, 0);
    fail_after(-1);
    truth_prune(t, 0);
    assert_agrees(t, p);
    assert_true(!CAN_FAIL || pairs_bytes(p) == before);
    free(t);
}

static void a_sum_is_so_many_pairs(void **state) {
    struct pairs *p = *state;
    struct pairs *q = NULL;
    assert_int_equal(pairs_new(PAIRS_NEIGHBOURS, PAIRS_KEEP, &q), ST_OK);
    assert_int_equal(pairs_reserve(q, ITEMS, domains()), ST_OK);
    struct pair_sum sum = {.from = 7, .to = 9};
    for (int r = 0; r < PAIRS_WINDOW; r++) {
        const struct pair_add add = pairs_weigh(7, 9, r, r * DAY / 5);
        assert_int_equal(pairs_add(p, &add), ST_OK);
        sum.a += add.a;
        sum.f += add.f;
        sum.s += add.s;
    }
    assert_int_equal(pairs_add_sum(q, &sum, PAIR_FROM | PAIR_TO), ST_OK);
    for (uint32_t i = 7; i <= 9; i += 2) {
        const struct pair_sum x = pairs_at(p, i, 0);
        const struct pair_sum y = pairs_at(q, i, 0);
        assert_true(x.a == y.a && x.f == y.f && x.s == y.s && x.to == y.to);
        assert_true(x.f == (i == 7 ? sum.f : 0)); /* directed: 9 follows 7 */
        assert_true(pairs_s(p, i) == pairs_s(q, i));
    }
    pairs_free(q);
}

/* What a log took back of a list that had been pruned may be more than there was. */
static void who_has_less_than_nothing_goes_first(void **state) {
    struct pairs *p = *state;
    for (uint32_t j = 1; j <= PAIRS_KEEP + 2; j++) {
        const struct pair_sum sum = {.a = j == 5   ? -INT64_C(1)
                                          : j == 9 ? INT64_MIN / 2
                                                   : 1,
                                     .s = 1,
                                     .from = 0,
                                     .to = j};
        assert_int_equal(pairs_add_sum(p, &sum, PAIR_FROM), ST_OK);
    }
    pairs_prune(p, 0);
    int64_t a = 0;
    int64_t f = 0;
    int64_t s = 0;
    assert_int_equal(pairs_list(p, 0).n, PAIRS_KEEP);
    assert_false(pairs_get(p, 0, 5, &a, &f, &s));
    assert_false(pairs_get(p, 0, 9, &a, &f, &s));
}

/* The same pairs under other indices: by hash the same neighbours are kept. */
static void ties_by_hash_are_the_same_choice_whatever_the_indices(void **state) {
    struct pairs *p = *state;
    enum { N = PAIRS_NEIGHBOURS + 50 };
    uint64_t kept[2][N] = {{0}};
    for (int m = 0; m < 2; m++) {
        uint64_t hashes[ITEMS] = {0};
        const uint32_t me = (uint32_t)m * 300;
        for (uint32_t k = 0; k < N; k++) { /* the k-th of the world has another index in each */
            const uint32_t at = 1 + (m ? N - 1 - k : k);
            const struct pair_sum sum = {.a = 1 + k % 2, .from = me, .to = at};
            hashes[at] = mix64(k);
            assert_int_equal(pairs_add_sum(p, &sum, PAIR_FROM), ST_OK);
        }
        pairs_prune_hashed(p, me, hashes);
        const struct pair_list l = pairs_list(p, me);
        assert_int_equal(l.n, PAIRS_KEEP);
        for (uint32_t k = 0; k < l.n; k++) {
            for (uint32_t w = 0; w < N; w++) {
                kept[m][w] += hashes[pair_list_item(&l, k)] == mix64(w);
            }
        }
    }
    assert_memory_equal(kept[0], kept[1], sizeof kept[0]);
    for (uint32_t w = 0; w < N; w++) { /* the 125 stronger, and 25 of the rest by hash */
        uint32_t before = 0;
        for (uint32_t v = 0; v < N; v += 2) {
            before += mix64(v) < mix64(w);
        }
        assert_true(kept[0][w] == (w % 2 == 1 || before < PAIRS_KEEP - N / 2));
    }
}

static void a_sum_that_finds_no_memory_changes_nothing(void **state) {
    (void)state;
    if (!CAN_FAIL) {
        return;
    }
    struct pairs *p = NULL;
    assert_int_equal(pairs_new(PAIRS_NEIGHBOURS, PAIRS_KEEP, &p), ST_OK);
    assert_int_equal(pairs_reserve(p, 4, domains()), ST_OK);
    const struct pair_sum sum = {.a = 1, .f = 2, .s = 3, .from = 1, .to = 2};
    for (int n = 0; n < 2; n++) {
        fail_after(n);
        const enum status st = pairs_add_sum(p, &sum, PAIR_FROM | PAIR_TO);
        fail_after(-1);
        assert_int_equal(st, ST_NOMEM);
        assert_true(pairs_list(p, 1).n == 0 && pairs_list(p, 2).n == 0 && pairs_s(p, 1) == 0);
    }
    assert_int_equal(pairs_add_sum(p, &sum, PAIR_FROM | PAIR_TO), ST_OK);
    pairs_set_s(p, 2, 99);
    assert_true(pairs_s(p, 2) == 99 && pairs_s(p, 1) == 3);
    pairs_free(p);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(what_was_never_added_is_empty),
        T(refuses_limits_that_leave_nothing_or_more_than_there_was),
        T(lists_are_due_and_pruned_by_the_limits_they_were_made_with),
        T(growing_keeps_every_list),
        T(a_pair_weighs_by_its_place_and_its_age),
        T(a_session_weight_below_1e_4_is_none),
        T(a_negative_age_counts_as_none),
        T(one_pair_lies_in_both_lists_and_f_only_in_the_earlier_ones),
        T(taking_everything_back_leaves_nothing),
        T(pruning_keeps_the_120_largest_and_ties_by_index),
        T(a_list_is_due_beyond_160_neighbours),
        T(of_a_list_that_is_due_those_are_walked_whom_pruning_kept),
        T(what_was_pruned_is_skipped_when_taken_back),
        T(what_was_pruned_and_came_back_stops_at_0),
        T(an_entry_goes_when_all_three_sums_are_0),
        T(any_sequence_of_add_take_back_and_prune_agrees_with_a_map),
        T(a_failed_allocation_changes_nothing),
        T(queries_equal_the_formulas_over_the_log),
        T(bytes_follow_the_longest_lists),
        T(large_sums_cost_more_in_their_own_list_only),
        cmocka_unit_test(sums_of_any_size_are_exact),
        cmocka_unit_test(a_list_that_cannot_be_widened_stays_as_it_was),
        T(pruning_needs_no_memory),
        T(pruning_goes_by_the_last_bit),
        cmocka_unit_test(sums_enter_the_sides_asked_for_and_leave_no_trace),
        T(a_sum_is_so_many_pairs),
        T(who_has_less_than_nothing_goes_first),
        T(ties_by_hash_are_the_same_choice_whatever_the_indices),
        cmocka_unit_test(a_sum_that_finds_no_memory_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
