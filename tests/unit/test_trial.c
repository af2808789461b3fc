/* SPDX-License-Identifier: Apache-2.0
 *
 * test_trial.c -- contract tests of models/trial.h and of learner_try(): every model's ranks
 * against a brute-force ranking of the whole catalogue (trial_naive.h), over random streams with
 * orders, repeats, late events, reports, weights and withdrawn items.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "failing_alloc.h"
#include "trial_naive.h"

/* A learner under test with the log of what it learned. */
struct bench {
    struct learner *l;
    struct candidates *c;
    struct similar *similar; /* users tested */
    struct log log;
    struct trial_baselines b;
    struct stream s;
    struct standing x;
    struct trial out;
};

static void bench_free(struct bench *w) {
    candidates_free(w->c);
    similar_free(w->similar);
    learner_free(w->l);
    free(w);
}

/* Domain 1 allows repeats. */
static struct bench *bench_with(struct learner_params p, uint64_t seed, uint32_t items) {
    struct bench *w = calloc(1, sizeof *w);
    assert_non_null(w);
    p.repeats[1] = w->log.repeats[1] = true;
    w->l = learner_of(p, 1);
    assert_int_equal(candidates_new(&w->c), ST_OK);
    assert_int_equal(similar_new(&w->similar), ST_OK);
    trial_baselines_init(&w->b);
    w->s = (struct stream){.rng = {seed},
                           .now_ms = START,
                           .step_ms = HOUR_MS,
                           .users = 40,
                           .items = items,
                           .n_domains = LOG_DOMAINS,
                           .n_tasks = 1,
                           .max_lines = 4,
                           .late_one_in = 15,
                           .weighted = seed % 2 == 0};
    return w;
}

static struct bench *bench_of(uint64_t seed, uint32_t items) {
    return bench_with(params_of(LOG_DOMAINS), seed, items);
}

static void catalogue(struct bench *w, uint8_t domain, uint32_t number, bool available,
                      uint64_t category) {
    struct content_change change;
    char id[16];
    const int len = snprintf(id, sizeof id, "%u", number);
    const struct content_row row = {.item = item_hash(domain, number),
                                    .id = id,
                                    .id_len = (uint16_t)len,
                                    .domain = domain,
                                    .available = available,
                                    .price = NAN,
                                    .category = category};
    assert_int_equal(learner_item(w->l, &row, &change), ST_OK);
}

static void withdraw(struct bench *w, uint8_t domain, uint32_t number, bool available) {
    catalogue(w, domain, number, available, 0);
    w->log.item[domain][number].withdrawn = !available;
}

static void try_event(struct bench *w, const struct made *m) {
    assert_int_equal(learner_try(w->l, m->task, &m->e, true, &w->b, &w->out), ST_OK);
}

static void learn_event(struct bench *w, const struct made *m) {
    const struct learner_effect effect = learn(w->l, m);
    log_event(&w->log, m, effect.too_late);
}

static const struct user *user_at(const struct bench *w, const struct made *m) {
    const struct users *us = learner_users(w->l, m->task);
    const uint32_t slot = users_find(us, m->e.user);
    return slot == USER_NONE ? NULL : users_get(us, slot);
}

static bool is_testable(const struct bench *w, const struct made *m) {
    struct user_entry past[1];
    const struct user *u = user_at(w, m);
    return u && m->e.action != ACTION_REPORT && user_history(u, m->e.ts_ms, past, 1) > 0 &&
           popularity_events(learner_shared(w->l)->popularity, m->e.domain) > 0;
}

static uint32_t line_number(const struct made *m, uint32_t k) {
    return (uint32_t)strtoul(m->ids[k], NULL, 10);
}

/* ---- ranks ----------------------------------------------------------------------------- */

/* What was looked at, of each model. */
struct tally {
    uint32_t ranked, sure, missed;
};

static bool by_popularity(enum trial_model m) {
    return m == TRIAL_POPULAR_1D || m == TRIAL_POPULAR_7D || m == TRIAL_POPULAR;
}

/* Is the rank what it has to be? Says whether no tie could make it another. */
static bool check_rank(const struct bench *w, enum trial_model m, uint32_t number, uint32_t rank,
                       struct tally *tally) {
    uint32_t least = 0;
    uint32_t most = 0;
    if (isnan(w->x.value[m][number])) {
        assert_int_equal(rank, TRIAL_MISS);
        tally->missed++;
        return true;
    }
    place(&w->x, m, number, &least, &most);
    const bool ranked = rank != TRIAL_MISS;
    tally->ranked += ranked;
    tally->sure += ranked && least == most;
    tally->missed += !ranked;
    /* popularity: what is behind the 20 best may be too far behind to tell, and a count that has
     * decayed to nothing is none */
    const bool may_miss = most >= TRIAL_RANKS || (by_popularity(m) && most >= 20) ||
                          (by_popularity(m) && w->x.value[m][number] < 1e-5);
    if (ranked ? rank < least || rank > most || rank >= TRIAL_RANKS : !may_miss) {
        fail_msg("%s: rank %u of item %u, whose place is %u to %u", trial_model_str(m),
                 (unsigned)rank, (unsigned)number, (unsigned)least, (unsigned)most);
    }
    return least == most;
}

/* The best ten in order: none that is not ranked, none twice, and the lines that are among them. */
static void check_top(const struct bench *w, enum trial_model m) {
    const struct shared *s = learner_shared(w->l);
    uint32_t ranked = 0;
    for (uint32_t i = 0; i < LOG_ITEMS; i++) {
        ranked += w->x.value[m][i] > (by_popularity(m) ? 1e-5 : -HUGE_VAL);
    }
    assert_true(w->out.n_top[m] <= TRIAL_TOP);
    assert_true(w->out.n_top[m] >= TRIAL_TOP || w->out.n_top[m] >= ranked || by_popularity(m));
    for (uint32_t k = 0; k < w->out.n_top[m]; k++) {
        const uint32_t number = number_of(s, w->out.top[m][k]);
        uint32_t least = 0;
        uint32_t most = 0;
        assert_int_equal(items_hash(s->items, w->out.top[m][k]), w->x.hash[number]);
        assert_true(!isnan(w->x.value[m][number]));
        place(&w->x, m, number, &least, &most);
        if (k < least || k > most) {
            fail_msg("%s: item %u is number %u of the top, its place is %u to %u",
                     trial_model_str(m), (unsigned)number, (unsigned)k, (unsigned)least,
                     (unsigned)most);
        }
        for (uint32_t z = 0; z < k; z++) {
            assert_true(w->out.top[m][z] != w->out.top[m][k]);
        }
    }
}

static void check_lines(struct bench *w, const struct made *m, struct tally *tally) {
    const struct shared *s = learner_shared(w->l);
    const struct trial *out = &w->out;
    const uint32_t user = user_number(m);
    const uint8_t d = m->e.domain;
    assert_int_equal(out->n_lines, m->e.n_lines);
    for (uint32_t k = 0; k < out->n_lines; k++) {
        const uint32_t number = line_number(m, k);
        const struct log_item *item = &w->log.item[d][number];
        const struct trial_line *line = &out->lines[k];
        assert_int_equal(line->tested, !w->log.hidden[user][d][number] && !item->withdrawn);
        assert_int_equal(line->item_events, item->count);
        assert_true(!line->tested ||
                    line->repeated == (item->count > 0 && w->log.took[user][d][number]));
        for (int model = 0; line->tested && model < TRIAL_MODELS; model++) {
            const uint32_t rank = line->rank[model];
            if (item->count == 0 || model == TRIAL_SHOWN) {
                assert_int_equal(rank, TRIAL_MISS);
                continue;
            }
            const bool sure = check_rank(w, (enum trial_model)model, number, rank, &tally[model]);
            if (sure && rank < out->n_top[model]) {
                assert_int_equal(number_of(s, out->top[model][rank]), number);
            }
        }
    }
}

static void check_event(struct bench *w, const struct made *m, struct tally *tally) {
    const struct trial_baselines before = w->b;
    try_event(w, m);
    assert_int_equal(w->out.tested, is_testable(w, m));
    if (!w->out.tested) {
        assert_int_equal(w->out.n_lines, 0);
        return;
    }
    const struct user *u = user_at(w, m);
    assert_int_equal(w->out.cold, user_n_of(u, m->e.domain) == 0);
    assert_int_equal(w->out.user_events, user_n(u));
    stand(&w->x, &w->log, w->l, w->c, w->similar, &before, m);
    check_lines(w, m, tally);
    for (int model = 0; model < TRIAL_MODELS; model++) {
        assert_int_equal(w->out.ran[model], model != TRIAL_SHOWN); /* no dial is set */
        if (w->out.ran[model]) {
            check_top(w, (enum trial_model)model);
        }
    }
}

static void follow(struct bench *w, uint32_t n, struct tally *tally) {
    for (uint32_t k = 0; k < n; k++) {
        struct made m;
        next_event(&w->s, &m);
        check_event(w, &m, tally);
        learn_event(w, &m);
        if (k % 50 == 49) {
            const uint8_t d = (uint8_t)rng_below(&w->s.rng, LOG_DOMAINS);
            withdraw(w, d, rng_below(&w->s.rng, w->s.items), rng_below(&w->s.rng, 3) == 0);
        }
    }
}

static void show(const struct tally *tally) {
    for (int m = 0; m < TRIAL_MODELS; m++) {
        print_message("%s: %u ranked, %u of them surely, %u missed\n",
                      trial_model_str((enum trial_model)m), tally[m].ranked, tally[m].sure,
                      tally[m].missed);
    }
}

static void ranks_are_places_in_the_catalogue(void **state) {
    (void)state;
    struct tally tally[TRIAL_MODELS] = {{0}};
    print_message("seeds 1..4\n");
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct bench *w = bench_of(seed, 60);
        follow(w, 700, tally);
        bench_free(w);
    }
    show(tally);
    for (int m = 0; m < TRIAL_MODELS; m++) {
        assert_true(tally[m].ranked > 2000 || m == TRIAL_SHOWN);
        assert_true(tally[m].sure >= tally[m].ranked / 10 * 9);
    }
}

/* More items than any list holds, and users who have had much of them. */
static void ranks_are_places_in_a_catalogue_that_no_list_holds(void **state) {
    (void)state;
    struct tally tally[TRIAL_MODELS] = {{0}};
    print_message("seeds 5..6\n");
    for (uint64_t seed = 5; seed <= 6; seed++) {
        struct bench *w = bench_of(seed, LOG_ITEMS);
        w->s.users = 12;
        w->s.max_lines = 9;
        follow(w, 900, tally);
        bench_free(w);
    }
    show(tally);
    for (int m = 0; m < TRIAL_MODELS; m++) {
        assert_true((tally[m].ranked > 300 && tally[m].missed > 100) || m == TRIAL_SHOWN);
    }
}

/* ---- the event as a whole --------------------------------------------------------------- */

/* Lines of an order are tested alike, whatever else is in the order. */
static void all_lines_of_an_event_are_tested_before_any_is_learned(void **state) {
    (void)state;
    struct bench *w = bench_of(11, 60);
    uint32_t tried = 0;
    for (uint32_t k = 0; k < 500; k++) {
        struct made m;
        next_event(&w->s, &m);
        const struct trial_baselines before = w->b;
        for (uint32_t z = 0; k > 200 && z < m.e.n_lines; z++) {
            struct made one = m;
            struct trial_baselines b = before;
            struct trial_baselines whole = before;
            struct trial out;
            one.e.lines = &one.lines[z];
            one.e.n_lines = 1;
            assert_int_equal(learner_try(w->l, 0, &one.e, true, &b, &out), ST_OK);
            m.e.lines = m.lines;
            assert_int_equal(learner_try(w->l, 0, &m.e, true, &whole, &w->out), ST_OK);
            assert_int_equal(out.tested, w->out.tested);
            if (out.tested) {
                assert_memory_equal(out.lines[0].rank, w->out.lines[z].rank,
                                    sizeof out.lines[0].rank);
                tried++;
            }
        }
        m.e.lines = m.lines;
        try_event(w, &m);
        learn_event(w, &m);
    }
    assert_true(tried > 300);
    bench_free(w);
}

/* What the live metric counts are the lines that the trial finds among the first ten: once there
 * are more items than the longer list of the trial must be filled up with. */
static void the_live_metric_counts_what_is_among_the_first_ten(void **state) {
    (void)state;
    struct bench *w = bench_of(12, 250);
    struct prequential_counts mine[LOG_DOMAINS] = {{0}};
    struct prequential_counts start[LOG_DOMAINS] = {{0}};
    for (uint32_t k = 0; k < 600 + 1200; k++) {
        struct made m;
        next_event(&w->s, &m);
        m.e.weight = 1.0F;
        try_event(w, &m);
        const struct learner_effect effect = learn(w->l, &m);
        for (uint32_t d = 0; d < LOG_DOMAINS && k < 600; d++) {
            start[d] = prequential_total(learner_prequential(w->l), d);
        }
        for (uint32_t z = 0; k >= 600 && w->out.tested && !effect.too_late && z < w->out.n_lines;
             z++) {
            const struct trial_line *line = &w->out.lines[z];
            mine[m.e.domain].n += line->tested;
            mine[m.e.domain].model += line->tested && line->rank[TRIAL_RANKER] < 10;
            mine[m.e.domain].baseline += line->tested && line->rank[TRIAL_POPULAR_7D] < 10;
        }
    }
    for (uint32_t d = 0; d < LOG_DOMAINS; d++) {
        const struct prequential_counts live = prequential_total(learner_prequential(w->l), d);
        assert_int_equal(live.n - start[d].n, mine[d].n);
        assert_int_equal(live.model - start[d].model, mine[d].model);
        assert_int_equal(live.baseline - start[d].baseline, mine[d].baseline);
        assert_true(mine[d].model > 50 && mine[d].baseline > 30);
    }
    bench_free(w);
}

static void scans_of_the_catalogue_run_only_when_asked_for(void **state) {
    (void)state;
    struct bench *w = bench_of(13, 60);
    struct made m;
    do {
        next_event(&w->s, &m);
        assert_int_equal(learner_try(w->l, 0, &m.e, false, &w->b, &w->out), ST_OK);
        learn_event(w, &m);
    } while (!w->out.tested);
    for (int model = 0; model < TRIAL_MODELS; model++) {
        const bool scans = model == TRIAL_FACTORS || model == TRIAL_SIMILAR;
        assert_int_equal(w->out.ran[model], !scans && model != TRIAL_SHOWN);
    }
    for (uint32_t k = 0; k < w->out.n_lines; k++) {
        assert_int_equal(w->out.lines[k].rank[TRIAL_FACTORS], TRIAL_MISS);
        assert_int_equal(w->out.lines[k].rank[TRIAL_SIMILAR], TRIAL_MISS);
    }
    bench_free(w);
}

static void the_model_served_is_the_one_that_the_gate_says(void **state) {
    (void)state;
    struct bench *w = bench_of(14, 60);
    uint32_t differ = 0;
    for (uint32_t k = 0; k < 600; k++) {
        struct made m;
        next_event(&w->s, &m);
        try_event(w, &m);
        for (uint32_t z = 0; w->out.tested && z < w->out.n_lines; z++) {
            const enum ranker_kind kind =
                ranker_served(learner_ranker(w->l, 0), m.e.domain, !w->out.cold);
            const uint32_t *rank = w->out.lines[z].rank;
            assert_int_equal(rank[TRIAL_RANKER],
                             rank[kind == RANKER_FULL ? TRIAL_FULL : TRIAL_TWIN]);
            differ += rank[TRIAL_FULL] != rank[TRIAL_TWIN];
        }
        learn_event(w, &m);
    }
    assert_true(differ > 300);
    bench_free(w);
}

/* ---- the live learner is not changed ------------------------------------------------------ */

static void trying_leaves_no_trace_in_what_is_learned(void **state) {
    (void)state;
    for (uint64_t seed = 21; seed <= 23; seed++) {
        struct bench *w = bench_of(seed, 80);
        struct bench *other = bench_of(seed, 80);
        for (uint32_t k = 0; k < 700; k++) {
            struct made m;
            next_event(&w->s, &m);
            const struct ranker before = *learner_ranker(w->l, 0);
            const uint64_t n_events = learner_shared(w->l)->n_events;
            const uint64_t users = learner_n_users(w->l);
            const int64_t now_ms = learner_stream_ms(w->l);
            const uint64_t user = user_at(w, &m) ? user_digest(w->l, user_at(w, &m)) : 0;
            try_event(w, &m);
            assert_memory_equal(learner_ranker(w->l, 0), &before, sizeof before);
            assert_int_equal(learner_shared(w->l)->n_events, n_events);
            assert_int_equal(learner_n_users(w->l), users);
            assert_int_equal(learner_stream_ms(w->l), now_ms);
            assert_int_equal(user_at(w, &m) ? user_digest(w->l, user_at(w, &m)) : 0, user);
            learn_event(w, &m);
            learn_event(other, &m);
        }
        assert_same_users(w->l, other->l, 1, user_digest);
        assert_same_counts(w->l, other->l);
        assert_near_factors(w->l, other->l, 0, 0.0F);
        assert_same_lists(w->l, other->l, 1, w->s.now_ms);
        assert_memory_equal(learner_ranker(w->l, 0), learner_ranker(other->l, 0),
                            sizeof(struct ranker));
        for (uint32_t d = 0; d < LOG_DOMAINS; d++) {
            const struct prequential_counts x = prequential_total(learner_prequential(w->l), d);
            const struct prequential_counts y = prequential_total(learner_prequential(other->l), d);
            assert_memory_equal(&x, &y, sizeof x);
        }
        bench_free(w);
        bench_free(other);
    }
}

/* ---- the blend ------------------------------------------------------------------------------ */

/* A step of AdaGrad in double up the gradient of log p of one candidate. */
static void naive_blend(const struct standing *x, uint32_t target, double *weights,
                        double *squares) {
    double g[BLEND_X] = {0};
    double z = 0.0;
    for (uint32_t i = 0; i < LOG_ITEMS; i++) {
        double score = 0.0;
        for (size_t k = 0; k < BLEND_X; k++) {
            score += weights[k] * x->blend[k][i];
        }
        const double e = x->candidate[i] ? exp(score) : 0.0;
        z += e;
        for (size_t k = 0; x->candidate[i] && k < BLEND_X; k++) {
            g[k] -= e * x->blend[k][i];
        }
    }
    for (size_t k = 0; k < BLEND_X; k++) {
        g[k] = g[k] / z + x->blend[k][target];
        squares[k] += g[k] * g[k];
        weights[k] = fmax(0.0, weights[k] + .3 * g[k] / sqrt(squares[k] + 1e-8));
    }
}

static void the_blend_learns_by_adagrad_after_all_lines_were_tested(void **state) {
    (void)state;
    struct bench *w = bench_of(31, 60);
    uint32_t steps = 0;
    uint32_t at_zero = 0;
    for (size_t k = 0; k < BLEND_X; k++) {
        assert_true(w->b.weights[k] == .5F && w->b.squares[k] == 0.0F);
    }
    for (uint32_t n = 0; n < 900; n++) {
        struct made m;
        double weights[BLEND_X];
        double squares[BLEND_X];
        next_event(&w->s, &m);
        for (size_t k = 0; k < BLEND_X; k++) {
            weights[k] = (double)w->b.weights[k];
            squares[k] = (double)w->b.squares[k];
        }
        const struct trial_baselines before = w->b;
        try_event(w, &m);
        if (w->out.tested) {
            stand(&w->x, &w->log, w->l, w->c, w->similar, &before, &m);
        }
        for (uint32_t z = 0; z < w->out.n_lines; z++) {
            const uint32_t number = line_number(&m, z);
            if (w->x.candidate[number] && w->log.item[m.e.domain][number].count > 0) {
                naive_blend(&w->x, number, weights, squares);
                steps++;
            }
        }
        for (size_t k = 0; k < BLEND_X; k++) {
            assert_true(w->b.weights[k] >= 0.0F && isfinite(w->b.weights[k]));
            assert_true(fabs((double)w->b.weights[k] - weights[k]) < 1e-3);
            assert_true(fabs((double)w->b.squares[k] - squares[k]) < 1e-4 * (1.0 + squares[k]));
            at_zero += w->b.weights[k] == 0.0F;
        }
        learn_event(w, &m);
    }
    assert_true(steps > 1000);
    print_message("%u steps, %u weights held at 0\n", steps, at_zero);
    bench_free(w);
}

/* ---- what is shown -------------------------------------------------------------------------- */

static void check_shown(struct bench *w, const struct made *m, uint32_t slot, uint32_t *ranked) {
    struct list list;
    const uint8_t d = m->e.domain;
    assert_int_equal(learner_rank(w->l, 0, slot, d, m->e.ts_ms, 20, &list), ST_OK);
    assert_true(w->out.ran[TRIAL_SHOWN] && w->out.ran[TRIAL_RANKER]);
    assert_int_equal(w->out.n_top[TRIAL_SHOWN], list.n < TRIAL_TOP ? list.n : TRIAL_TOP);
    for (uint32_t k = 0; k < w->out.n_top[TRIAL_SHOWN]; k++) {
        assert_int_equal(w->out.top[TRIAL_SHOWN][k], list.items[k].item);
    }
    for (uint32_t z = 0; z < w->out.n_lines; z++) {
        uint32_t want = TRIAL_MISS;
        for (uint32_t k = 0; k < list.n && w->out.lines[z].item_events > 0; k++) {
            const uint32_t number = number_of(learner_shared(w->l), list.items[k].item);
            want = number == line_number(m, z) ? k : want;
        }
        assert_int_equal(w->out.lines[z].rank[TRIAL_SHOWN], want);
        *ranked += want != TRIAL_MISS;
    }
}

static void with_a_dial_the_list_that_is_shown_is_tested_too(void **state) {
    (void)state;
    for (int dial = 0; dial < 2; dial++) {
        struct learner_params p = params_of(LOG_DOMAINS);
        *(dial ? &p.diversity : &p.explore) = 0.3F;
        struct bench *w = bench_with(p, 41, 150);
        uint32_t ranked = 0;
        uint32_t others = 0;
        for (uint32_t k = 0; k < 700; k++) {
            struct made m;
            next_event(&w->s, &m);
            for (uint32_t z = 0; z < m.e.n_lines; z++) { /* something to be diverse in */
                const struct content_row row = {.item = m.lines[z].item,
                                                .id = m.ids[z],
                                                .id_len = m.lines[z].id_len,
                                                .domain = m.e.domain,
                                                .available = true,
                                                .price = NAN,
                                                .category = 1 + line_number(&m, z) % 5};
                struct content_change change;
                assert_int_equal(learner_item(w->l, &row, &change), ST_OK);
            }
            try_event(w, &m);
            if (w->out.tested) {
                check_shown(w, &m, users_find(learner_users(w->l, 0), m.e.user), &ranked);
                others += memcmp(w->out.top[TRIAL_SHOWN], w->out.top[TRIAL_RANKER],
                                 sizeof w->out.top[0]) != 0;
            }
            learn_event(w, &m);
        }
        assert_true(ranked > 100 && others > 100);
        bench_free(w);
    }
}

/* ---- refusals and names --------------------------------------------------------------------- */

static void what_may_not_be_learned_may_not_be_tried(void **state) {
    (void)state;
    struct bench *w = bench_of(41, 60);
    struct made good;
    for (uint32_t k = 0; k < 50; k++) {
        next_event(&w->s, &good);
        learn_event(w, &good);
    }
    const struct trial_baselines before = w->b;
    for (int what = 0; what < 9; what++) {
        struct made m = good;
        uint32_t task = 0;
        m.e.lines = m.lines;
        switch (what) {
        case 0: task = 1; break;
        case 1: task = LEARNER_TASKS_MAX; break;
        case 2: m.e.domain = LOG_DOMAINS; break;
        case 3: m.e.action = ACTIONS_OF_EVENTS; break;
        case 4: m.e.weight = NAN; break;
        case 5: m.e.n_lines = 0; break;
        case 6: m.lines[0].id_len = 0; break;
        case 7: m.lines[0].amount = INFINITY; break;
        default: m.lines[0].item = item_hash(1U - m.e.domain, 0); break; /* of the other domain */
        }
        w->out.tested = true;
        assert_int_equal(learner_try(w->l, task, &m.e, true, &w->b, &w->out), ST_INVALID);
        assert_memory_equal(&w->b, &before, sizeof before);
        assert_false(w->out.tested);
    }
    bench_free(w);
}

static void a_refused_allocation_changes_nothing(void **state) {
    (void)state;
    struct bench *w = bench_of(42, 60);
    struct made m;
    make_one(&m, 1, 1, 0, ACTION_ORDER, START, 1);
    learn_event(w, &m);
    const struct trial_baselines before = w->b;
    make_one(&m, 2, 1, 0, ACTION_ORDER, START + DAY_MS, 1);
    catalogue(w, 1, 0, true, 77);
    if (CAN_FAIL) { /* the search's room for categories */
        fail_after(0);
        const enum status st = learner_try(w->l, 0, &m.e, true, &w->b, &w->out);
        fail_after(-1);
        assert_int_equal(st, ST_NOMEM);
        assert_memory_equal(&w->b, &before, sizeof before);
    }
    try_event(w, &m);
    assert_true(w->out.tested);
    bench_free(w);
}

static void every_model_has_its_name(void **state) {
    (void)state;
    static const char *const names[] = {"ranker",     "shown",      "full",    "twin",
                                        "linear",     "together",   "factors", "similar",
                                        "popular-1d", "popular-7d", "popular"};
    assert_int_equal(sizeof names / sizeof *names, TRIAL_MODELS);
    for (int m = 0; m < TRIAL_MODELS; m++) {
        assert_string_equal(trial_model_str((enum trial_model)m), names[m]);
    }
    assert_string_equal(trial_model_str(TRIAL_MODELS), "unknown");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_are_places_in_the_catalogue),
        cmocka_unit_test(ranks_are_places_in_a_catalogue_that_no_list_holds),
        cmocka_unit_test(all_lines_of_an_event_are_tested_before_any_is_learned),
        cmocka_unit_test(the_live_metric_counts_what_is_among_the_first_ten),
        cmocka_unit_test(scans_of_the_catalogue_run_only_when_asked_for),
        cmocka_unit_test(the_model_served_is_the_one_that_the_gate_says),
        cmocka_unit_test(trying_leaves_no_trace_in_what_is_learned),
        cmocka_unit_test(the_blend_learns_by_adagrad_after_all_lines_were_tested),
        cmocka_unit_test(with_a_dial_the_list_that_is_shown_is_tested_too),
        cmocka_unit_test(what_may_not_be_learned_may_not_be_tried),
        cmocka_unit_test(a_refused_allocation_changes_nothing),
        cmocka_unit_test(every_model_has_its_name),
    };
    return cmocka_run_group_tests_name("trial", tests, NULL, NULL);
}
