/* SPDX-License-Identifier: Apache-2.0
 * test_learner_line.c -- contract tests of models/learner.h: what each line teaches, to the
 * factors, the ranker, the counts and the segments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "candidates.h"
#include "learner_run.h"
#include "ranker_naive.h"

static struct stream stream_of(uint64_t seed) {
    return (struct stream){.rng = {seed},
                           .now_ms = START,
                           .step_ms = HOUR_MS,
                           .users = 40,
                           .items = 60,
                           .n_domains = 2,
                           .n_tasks = 1,
                           .max_lines = 3};
}

static void feed(struct learner *l, struct stream *s, uint32_t n) {
    struct made m;
    for (uint32_t k = 0; k < n; k++) {
        next_event(s, &m);
        (void)learn(l, &m);
    }
}

static const struct user *user_of(const struct learner *l, uint32_t user) {
    const uint32_t slot = users_find(learner_users(l, 0), user_hash(user));
    return slot == USER_NONE ? NULL : users_get(learner_users(l, 0), slot);
}

static uint32_t index_of(const struct learner *l, uint8_t domain, uint32_t item) {
    return items_find(learner_shared(l)->items, item_hash(domain, item));
}

/* ---- the context of the factors -------------------------------------------------------------- */

/* The unit vector of the items (newest first), from the definition, in double. */
static void naive_vector(const struct learner *l, const uint32_t *items, uint32_t n, double *p) {
    static double m[FACTORS][FACTORS + 1];
    const struct shared *s = learner_shared(l);
    const float *q = factors_q(s->factors);
    const uint32_t all = items_n(s->items);
    memset(m, 0, sizeof m);
    for (uint32_t i = 0; i < all + n; i++) {
        const float *v = q + (size_t)(i < all ? i : items[i - all]) * FACTORS;
        const double w = i < all ? .05 : pow(.85, i - all);
        for (int x = 0; x < FACTORS; x++) {
            for (int y = 0; y < FACTORS; y++) {
                m[x][y] += w * (double)v[x] * (double)v[y];
            }
            m[x][FACTORS] += i < all ? 0.0 : w * (double)v[x];
        }
    }
    for (int k = 0; k < FACTORS; k++) {
        m[k][k] += 2.0;
    }
    for (int k = 0; k < FACTORS; k++) {
        for (int x = 0; x < FACTORS; x++) {
            const double g = x == k ? 0.0 : m[x][k] / m[k][k];
            for (int y = k; y <= FACTORS; y++) {
                m[x][y] -= g * m[k][y];
            }
        }
    }
    double norm = 0.0;
    for (int k = 0; k < FACTORS; k++) {
        p[k] = m[k][FACTORS] / m[k][k];
        norm += p[k] * p[k];
    }
    for (int k = 0; k < FACTORS; k++) {
        p[k] /= sqrt(norm);
    }
}

/* b_i grows by the user's vector before the event; also where he had the item before. */
static void the_context_is_that_before_the_event_and_without_the_item(void **state) {
    (void)state;
    struct learner_params params = params_of(2);
    params.repeats[1] = true;
    params.mini_batch = 1000000; /* S stays */
    struct learner *l = learner_of(params, 1);
    struct stream s = stream_of(5);
    s.max_lines = 1;
    feed(l, &s, 400);
    uint32_t tried = 0;
    uint32_t with_item = 0;
    for (uint32_t k = 0; k < 200; k++) {
        struct made m;
        next_event(&s, &m);
        const uint32_t slot = users_find(learner_users(l, 0), m.e.user);
        const uint32_t i = items_find(learner_shared(l)->items, m.lines[0].item);
        const uint64_t *hashes = items_hashes(learner_shared(l)->items);
        if (slot == USER_NONE || i == ITEM_NONE || m.e.action == ACTION_REPORT) {
            (void)learn(l, &m);
            continue;
        }
        const struct user *u = users_get(learner_users(l, 0), slot);
        struct user_entry past[USER_HISTORY];
        uint32_t items[USER_HISTORY];
        uint32_t n = 0;
        const uint32_t n_past = user_history(u, m.e.ts_ms, past, USER_HISTORY);
        for (uint32_t r = 0; r < n_past; r++) {
            if (past[r].item != i) {
                items[n++] = past[r].item;
            }
        }
        const bool counted = m.e.domain == 1 || !user_took(u, m.e.domain, i, hashes);
        int64_t before[FACTORS];
        double p[FACTORS];
        memcpy(before, factors_b(learner_shared(l)->factors, i), sizeof before);
        if (n > 0) {
            naive_vector(l, items, n < FACTORS_HISTORY ? n : FACTORS_HISTORY, p);
        }
        (void)learn(l, &m);
        const int64_t *after = factors_b(learner_shared(l)->factors, i);
        for (int c = 0; c < FACTORS; c++) {
            const double got = (double)(after[c] - before[c]) * 0x1p-20;
            assert_true(fabs(got - (counted && n > 0 ? p[c] : 0.0)) < 2e-5);
        }
        tried += counted && n > 0;
        with_item += counted && n > 0 && n < n_past;
    }
    assert_true(tried > 50 && with_item > 3);
    learner_free(l);
}

/* ---- the order of lines -------------------------------------------------------------- */

static void the_order_of_lines_does_not_matter(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct learner_params p = params_of(2);
        p.repeats[1] = true;
        struct learner *a = learner_of(p, 1);
        struct learner *b = learner_of(p, 1);
        struct stream s = stream_of(seed);
        s.max_lines = 12; /* often the same item twice, for other amounts */
        s.late_one_in = 10;
        struct rng rng = {seed};
        for (int k = 0; k < 250; k++) {
            struct made m;
            next_event(&s, &m);
            for (uint32_t z = 0; z < m.e.n_lines; z++) {
                m.lines[z].amount = k % 2 ? 1.5F : m.lines[z].amount; /* or other discounts */
                m.lines[z].discount = (float)rng_below(&rng, 3);
            }
            (void)learn(a, &m);
            for (uint32_t n = m.e.n_lines; n > 1; n--) {
                const uint32_t j = rng_below(&rng, n);
                const struct event_line t = m.lines[n - 1];
                m.lines[n - 1] = m.lines[j];
                m.lines[j] = t;
            }
            (void)learn(b, &m);
        }
        assert_same_users(a, b, 1, user_digest);
        assert_same_counts(a, b);
        assert_near_factors(a, b, 0, 0.0F);
        assert_same_lists(a, b, 1, s.now_ms);
        assert_memory_equal(learner_ranker(a, 0), learner_ranker(b, 0), sizeof(struct ranker));
        learner_free(a);
        learner_free(b);
    }
}

/* ---- traits, pairs ------------------------------------------------------------------- */

static double share_of(const struct shared *s, uint32_t i) {
    double sum = 0.0;
    for (uint32_t j = 0; j < s->n_items; j++) {
        sum += items_domain(s->items, j) == items_domain(s->items, i)
                   ? (double)popularity_count(s->popularity, j, 2)
                   : 0.0;
    }
    return fmax(-16.0, log2((double)popularity_count(s->popularity, i, 2)) - log2(sum));
}

/* mpop += g (l_30d - mpop), mage += g (lg(1 + age_h) - mage), g = 1/min(n, 10). */
static void traits_are_running_means_of_what_was_known_before_the_event(void **state) {
    (void)state;
    struct learner *l = learner_of(params_of(2), 1);
    struct stream s = stream_of(9);
    s.max_lines = 1;
    s.late_one_in = 5;
    uint32_t tried = 0;
    for (uint32_t k = 0; k < 600; k++) {
        struct made m;
        next_event(&s, &m);
        const uint32_t slot = users_find(learner_users(l, 0), m.e.user);
        const uint32_t i = items_find(learner_shared(l)->items, m.lines[0].item);
        if (slot == USER_NONE || i == ITEM_NONE || m.e.action == ACTION_REPORT ||
            popularity_hot(learner_shared(l)->popularity)[i].count == 0) {
            (void)learn(l, &m);
            continue;
        }
        const struct user *u = users_get(learner_users(l, 0), slot);
        const double g = 1.0 / fmin(user_n(u) + 1.0, 10.0);
        const int64_t first = popularity_hot(learner_shared(l)->popularity)[i].first_ms;
        const double hours = (double)(m.e.ts_ms - first) / (double)HOUR_MS;
        const double mpop = (double)user_mpop(u);
        const double mage = (double)user_mage(u);
        const double popular = mpop + g * (share_of(learner_shared(l), i) - mpop);
        const double age = mage + g * (log2(1.0 + fmax(hours, 0.0)) - mage);
        if (!learn(l, &m).too_late) {
            u = users_get(learner_users(l, 0), slot);
            assert_true(fabs((double)user_mpop(u) - popular) < 1e-4);
            assert_true(fabs((double)user_mage(u) - age) < 1e-4);
            tried++;
        }
    }
    assert_true(tried > 300);
    learner_free(l);
}

static void no_item_is_its_own_neighbour(void **state) {
    (void)state;
    struct learner_params p = params_of(2);
    p.repeats[1] = true;
    struct learner *l = learner_of(p, 1);
    struct stream s = stream_of(10);
    int64_t v[3];
    feed(l, &s, 500);
    for (uint32_t i = 0; i < learner_shared(l)->n_items; i++) {
        assert_false(pairs_get(learner_shared(l)->pairs, i, i, &v[0], &v[1], &v[2]));
    }
    learner_free(l);
}

/* ---- observed and expected ----------------------------------------------------------- */

/* In events at the obs landmark, summed over all items. */
static void obs_and_exp(const struct learner *l, double sums[2]) {
    const struct shared *s = learner_shared(l);
    sums[0] = sums[1] = 0.0;
    for (uint32_t i = 0; i < s->n_items; i++) {
        sums[0] += (double)popularity_hot(s->popularity)[i].obs;
        sums[1] += (double)popularity_hot(s->popularity)[i].exp;
    }
}

/* Is a line of this event ranked: does the user have a history, and not the item? */
static bool is_ranked(const struct learner *l, const struct made *m, uint32_t i) {
    const uint32_t slot = users_find(learner_users(l, 0), m->e.user);
    if (slot == USER_NONE || m->e.action == ACTION_REPORT) {
        return false;
    }
    const struct user *u = users_get(learner_users(l, 0), slot);
    struct user_entry past[1];
    return user_history(u, m->e.ts_ms, past, 1) > 0 &&
           (i == ITEM_NONE ||
            !user_took(u, m->e.domain, i, items_hashes(learner_shared(l)->items)));
}

/* Each line that is ranked is expected somewhere, once; it is observed if it was known. */
static void a_ranked_line_adds_one_event_to_what_is_expected_and_observed(void **state) {
    (void)state;
    struct learner *l = learner_of(params_of(2), 1);
    struct stream s = stream_of(11);
    s.max_lines = 1;
    s.users = 400;
    s.items = 120;
    feed(l, &s, 900);
    uint32_t n[2] = {0};
    for (uint32_t k = 0; k < 2000; k++) {
        struct made m;
        double before[2];
        double after[2];
        next_event(&s, &m);
        const uint32_t i = items_find(learner_shared(l)->items, m.lines[0].item);
        const bool known =
            i != ITEM_NONE && popularity_hot(learner_shared(l)->popularity)[i].count > 0;
        const bool ranked = is_ranked(l, &m, i);
        const double w = exp2((double)learner_shared(l)->n_events / 20000.0);
        obs_and_exp(l, before);
        (void)learn(l, &m);
        obs_and_exp(l, after);
        assert_true(fabs(after[0] - before[0] - (ranked && known ? w : 0.0)) < 2e-3);
        assert_true(fabs(after[1] - before[1] - (ranked ? w : 0.0)) < 2e-3);
        n[known] += ranked;
    }
    assert_true(n[0] > 5 && n[1] > 1000);
    learner_free(l);
}

/* With two candidates, however often the other one is drawn, the target's expectation is
 * the softmax of the two: the other one stands for all that was drawn, the target for none. */
static void the_expectation_of_two_candidates_is_their_softmax(void **state) {
    (void)state;
    struct learner_params p = params_of(1);
    p.repeats[0] = true;
    struct learner *l = learner_of(p, 1);
    const struct shared *s = learner_shared(l);
    struct candidates *c = NULL;
    struct rng rng = {3};
    assert_int_equal(candidates_new(&c), ST_OK);
    for (uint32_t k = 0; k < 300; k++) {
        struct made m;
        const uint32_t user = rng_below(&rng, 10);
        const uint32_t item = rng_below(&rng, 3) > 0;
        make_one(&m, k + 1, user, 0, ACTION_ORDER, START + k * DAY_MS, item);
        const struct user *u = user_of(l, user);
        if (!u || s->n_items < 2) {
            (void)learn(l, &m);
            continue;
        }
        struct candidates_view v;
        candidates_view(c, s, u, 0, true, m.e.ts_ms, &v);
        assert_int_equal(candidates_find(c, s, &v, 0), ST_OK);
        assert_int_equal(candidates_n(c), 2);
        const struct features_block *b = candidates_features(c, s, &v);
        const uint32_t i = index_of(l, 0, item);
        const uint32_t at = candidates_position(c, i);
        const struct ranker_rows rows = candidates_rows(b);
        const struct naive_net net = naive_of(&learner_ranker(l, 0)->net[RANKER_FULL]);
        const double lead = naive_score(&net, &rows, at) - naive_score(&net, &rows, 1 - at);
        const double expected = exp2((double)s->n_events / 20000.0) / (1.0 + exp(-lead));
        const double before = (double)popularity_hot(s->popularity)[i].exp;
        (void)learn(l, &m);
        assert_true(fabs((double)popularity_hot(s->popularity)[i].exp - before - expected) < 1e-4);
    }
    candidates_free(c);
    learner_free(l);
}

/* ---- orders ----------------------------------------------------------------------------- */

/* What three items of domain 1 look like to a user, before anything of his order is learned. */
struct three {
    float x[RANKER_X][16]; /* in the order that lines are learned in */
    float c[RANKER_C];
    uint32_t item[3];
};

static void see_three(const struct learner *l, struct candidates *c, const struct made *m,
                      bool repeats, const uint32_t numbers[3], struct three *out) {
    struct candidates_view v;
    const struct shared *s = learner_shared(l);
    const uint32_t slot = users_find(learner_users(l, 0), m->e.user);
    candidates_view(c, s, users_get(learner_users(l, 0), slot), 1, repeats, m->e.ts_ms, &v);
    assert_int_equal(candidates_find(c, s, &v, 0), ST_OK);
    assert_int_equal(candidates_n(c), 3);
    const struct features_block *b = candidates_features(c, s, &v);
    memset(out, 0, sizeof *out);
    memcpy(out->c, b->c, sizeof b->c);
    for (size_t z = 0; z < 3; z++) {
        out->item[z] = index_of(l, 1, numbers[z]);
        const uint32_t at = candidates_position(c, out->item[z]);
        for (size_t k = 0; k < RANKER_X; k++) {
            out->x[k][z] = b->x[k * b->stride + at];
        }
    }
}

/* A step on line z, worth so much, against the third item alone; what is expected of both is added
 * to `e`. */
static void learn_against_the_third(struct ranker *r, const struct three *t, uint32_t z,
                                    float worth, bool known, double e[3]) {
    float x[RANKER_X][16] = {{0}};
    float two[2];
    for (size_t k = 0; k < RANKER_X; k++) {
        x[k][0] = t->x[k][z];
        x[k][1] = t->x[k][2];
    }
    const struct ranker_rows rows = {.x = x[0], .stride = 16, .n = 2, .c = t->c};
    (void)ranker_learn(r, &rows, 1.0F, worth, 1, known, two);
    e[z] += (double)two[0];
    e[2] += (double)two[1];
}

/* The two rankers took the same step, but for roundings. */
static bool same_step(const struct ranker *a, const struct ranker *b) {
    double apart = 0.0;
    double size = 0.0;
    for (size_t k = 0; k < RANKER_WEIGHTS; k++) {
        const double m = (double)a->m[RANKER_FULL].weights[k];
        apart = fmax(apart, fabs(m - (double)b->m[RANKER_FULL].weights[k]));
        size = fmax(size, fabs(m));
    }
    return apart < 1e-3 * size;
}

static double expected_of(const struct learner *l, uint32_t item) {
    return (double)popularity_hot(learner_shared(l)->popularity)[item].exp;
}

/* An order of two of three items: each is ranked against the third only, never against the other,
 * nor against itself, and both from what was known before the order. */
static void
lines_of_an_order_are_nobodys_negatives_and_are_ranked_before_any_is_counted(void **state) {
    (void)state;
    for (int repeats = 0; repeats < 2; repeats++) {
        struct learner_params p = params_of(2);
        p.repeats[1] = repeats;
        p.prequential_sample = 0;
        struct learner *l = learner_of(p, 1);
        struct candidates *c = NULL;
        struct rng rng = {5};
        struct made m;
        uint32_t tried = 0;
        assert_int_equal(candidates_new(&c), ST_OK);
        for (uint32_t k = 0; k < 120; k++) {
            const int64_t now_ms = START + k * DAY_MS;
            make_one(&m, 10 * k + 1, k, 0, ACTION_ORDER, now_ms, rng_below(&rng, 5));
            (void)learn(l, &m);
            uint32_t numbers[3] = {rng_below(&rng, 3), 0, 0};
            numbers[1] = (numbers[0] + 1 + rng_below(&rng, 2)) % 3;
            numbers[2] = 3 - numbers[0] - numbers[1];
            if (mix64(item_hash(1, numbers[0])) > mix64(item_hash(1, numbers[1]))) {
                const uint32_t first = numbers[1];
                numbers[1] = numbers[0];
                numbers[0] = first;
            }
            make(&m, 10 * k + 2, k, 1, ACTION_ORDER, now_ms + DAY_MS / 2);
            add_line(&m, numbers[0], 1.0F);
            add_line(&m, numbers[1], 1.0F);
            if (k < 20) {
                (void)learn(l, &m);
                continue;
            }
            struct three t;
            double e[3] = {0.0};
            double was[3];
            struct ranker r = *learner_ranker(l, 0);
            const double w = exp2((double)learner_shared(l)->n_events / 20000.0);
            see_three(l, c, &m, repeats, numbers, &t);
            const float worth = repeats ? 1.15F : 1.0F; /* to him all of it is new */
            learn_against_the_third(&r, &t, 0, worth, false, e);
            const double first = e[0];
            learn_against_the_third(&r, &t, 1, worth, false, e);
            for (size_t z = 0; z < 3; z++) {
                was[z] = expected_of(l, t.item[z]);
            }
            (void)learn(l, &m);
            assert_true(fabs(expected_of(l, t.item[0]) - was[0] - w * first) < 1e-4);
            for (size_t z = 0; z < 3;
                 z++) { /* the first line moves what is expected of the third */
                assert_true(fabs(expected_of(l, t.item[z]) - was[z] - w * e[z]) < 2e-2);
            }
            assert_int_equal(learner_ranker(l, 0)->steps, r.steps);
            tried++;
        }
        assert_int_equal(tried, 100);
        candidates_free(c);
        learner_free(l);
    }
}

/* The learner's step on an event of one of two candidates, beside one of our own against the other.
 */
static void compare_a_step(struct learner *l, struct candidates *c, struct made *m, uint32_t item,
                           bool repeats, uint32_t n[2][2]) {
    const struct shared *s = learner_shared(l);
    const struct user *u =
        users_get(learner_users(l, 0), users_find(learner_users(l, 0), m->e.user));
    struct candidates_view v;
    candidates_view(c, s, u, 0, repeats, m->e.ts_ms, &v);
    assert_int_equal(candidates_find(c, s, &v, 0), ST_OK);
    assert_int_equal(candidates_n(c), 2);
    const struct features_block *b = candidates_features(c, s, &v);
    const uint32_t i = index_of(l, 0, item);
    const uint32_t at = candidates_position(c, i);
    const bool first = !user_took(u, 0, i, items_hashes(s->items));
    const bool rare = popularity_hot(s->popularity)[i].count < 5;
    float x[RANKER_X][16] = {{0}};
    float e[2];
    for (size_t k = 0; k < RANKER_X; k++) {
        x[k][0] = b->x[k * b->stride + at];
        x[k][1] = b->x[k * b->stride + 1 - at];
    }
    const struct ranker_rows rows = {.x = x[0], .stride = 16, .n = 2, .c = b->c};
    struct ranker r = *learner_ranker(l, 0);
    const float worth = (repeats && first ? 1.15F : 1.0F) * (repeats && rare ? 1.15F : 1.0F);
    (void)ranker_learn(&r, &rows, 1.0F, worth, 0, true, e);
    (void)learn(l, m);
    assert_true(same_step(learner_ranker(l, 0), &r));
    n[first][rare]++;
}

static void what_is_new_to_the_user_or_rare_is_worth_more(void **state) {
    (void)state;
    struct candidates *c = NULL;
    uint32_t n[2][2] = {{0}};
    assert_int_equal(candidates_new(&c), ST_OK);
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct learner_params p = params_of(1);
        p.repeats[0] = true;
        p.prequential_sample = 0;
        struct learner *l = learner_of(p, 1);
        struct rng rng = {seed};
        struct made m;
        for (uint32_t k = 0; k < 30; k++) {
            const uint32_t user = rng_below(&rng, 6);
            const uint32_t item = rng_below(&rng, 2);
            make_one(&m, k + 1, user, 0, ACTION_ORDER, START + k * DAY_MS, item);
            if (!user_of(l, user) || learner_shared(l)->n_items < 2) {
                (void)learn(l, &m);
            } else {
                compare_a_step(l, c, &m, item, true, n);
            }
        }
        learner_free(l);
    }
    assert_true(n[0][0] > 50 && n[0][1] > 10 && n[1][0] > 10 && n[1][1] > 10);
    candidates_free(c);
}

/* Of three items a user has one, so that there are two to choose from. */
static void where_nothing_is_taken_again_all_is_worth_the_same(void **state) {
    (void)state;
    struct candidates *c = NULL;
    uint32_t n[2][2] = {{0}};
    assert_int_equal(candidates_new(&c), ST_OK);
    struct learner_params p = params_of(1);
    p.prequential_sample = 0;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct learner *l = learner_of(p, 1);
        struct rng rng = {seed};
        struct made m;
        for (uint32_t user = 0; user < 20; user++) {
            const int64_t now_ms = START + user * DAY_MS;
            const uint32_t had = user % 3;
            const uint32_t item = (had + 1 + rng_below(&rng, 2)) % 3;
            make_one(&m, 2 * user + 1, user, 0, ACTION_ORDER, now_ms, had);
            (void)learn(l, &m);
            make_one(&m, 2 * user + 2, user, 0, ACTION_ORDER, now_ms + DAY_MS / 2, item);
            if (user < 3) {
                (void)learn(l, &m);
            } else {
                compare_a_step(l, c, &m, item, false, n);
            }
        }
        learner_free(l);
    }
    assert_true(n[1][0] > 50 && n[1][1] > 10);
    candidates_free(c);
}

/* The same item twice in an order is one line to the ranker. */
static void an_item_is_ranked_once_in_an_order(void **state) {
    (void)state;
    struct learner_params p = params_of(2);
    p.repeats[1] = true;
    struct learner *l = learner_of(p, 1);
    struct stream s = stream_of(13);
    struct made m;
    feed(l, &s, 300);
    const uint64_t steps = learner_ranker(l, 0)->steps;
    make(&m, 9999, 1, 1, ACTION_ORDER, s.now_ms + DAY_MS);
    for (uint32_t k = 0; k < 6; k++) {
        add_line(&m, k % 2, (float)k);
    }
    (void)learn(l, &m);
    assert_int_equal(learner_ranker(l, 0)->steps, steps + 2);
    assert_int_equal(learner_ranker(l, 0)->gate[1][true] != 0.0, true);
    learner_free(l);
}

/* The gate of those who are new to a domain hears of their first order there, the other one of the
 * next. */
static void the_first_order_in_a_domain_counts_for_the_gate_of_the_cold(void **state) {
    (void)state;
    struct learner *l = learner_of(params_of(2), 1);
    struct stream s = stream_of(15);
    struct made m;
    feed(l, &s, 300);
    make_one(&m, 9990, 777, 0, ACTION_ORDER, s.now_ms, 0);
    (void)learn(l, &m);
    for (uint32_t k = 0; k < 2; k++) {
        const struct ranker before = *learner_ranker(l, 0);
        make_one(&m, 9991 + k, 777, 1, ACTION_ORDER, s.now_ms + (1 + k) * DAY_MS, k);
        (void)learn(l, &m);
        const struct ranker *after = learner_ranker(l, 0);
        assert_int_equal(after->steps, before.steps + 1);
        assert_true(after->gate[1][k > 0] != before.gate[1][k > 0]);
        assert_true(after->gate[1][k == 0] == before.gate[1][k == 0]);
        assert_memory_equal(after->gate[0], before.gate[0], sizeof before.gate[0]);
    }
    learner_free(l);
}

/* A no-repeat domain never shows again what was taken: it is no target there. */
static void what_is_never_shown_again_trains_no_ranker(void **state) {
    (void)state;
    for (int repeats = 0; repeats < 2; repeats++) {
        struct learner_params p = params_of(2);
        p.repeats[1] = repeats;
        struct learner *l = learner_of(p, 1);
        struct stream s = stream_of(14);
        struct made m;
        feed(l, &s, 300);
        make_one(&m, 9998, 1, 1, ACTION_ORDER, s.now_ms + DAY_MS, 0);
        (void)learn(l, &m);
        const uint64_t steps = learner_ranker(l, 0)->steps;
        make_one(&m, 9999, 1, 1, ACTION_ORDER, s.now_ms + 2 * DAY_MS, 0);
        (void)learn(l, &m);
        assert_int_equal(learner_ranker(l, 0)->steps, steps + (uint64_t)repeats);
        learner_free(l);
    }
}

/* ---- votes --------------------------------------------------------------------------- */

/* What a user does: his first event of a UTC day, or of all while there are no segments, votes, but
 * once a mini-batch. */
struct voter {
    int64_t day; /* of his newest event */
    bool known, labelled, voted;
};

static bool note_vote(struct voter *u, const struct made *m, bool ready) {
    const int64_t day = m->e.ts_ms / DAY_MS; /* after 1970 */
    const bool looks = !u->known || day > u->day || !u->labelled;
    const bool votes = looks && !u->voted;
    u->day = u->known && u->day > day ? u->day : day;
    u->known = true;
    u->labelled = u->labelled || ready;
    u->voted = u->voted || votes;
    return votes;
}

/* Without decay the weights of the segments count votes. */
static void a_user_votes_once_a_day_and_once_in_a_mini_batch(void **state) {
    (void)state;
    struct learner_params p = params_of(2);
    p.segments.half_life = HUGE_VAL;
    struct learner *l = learner_of(p, 1);
    struct stream s = stream_of(12);
    s.late_one_in = 10;
    const struct segments *segments = learner_shared(l)->segments;
    double votes = -1.0; /* of all mini-batches so far; below 0: before the seeds */
    struct voter voters[40] = {{0}};
    for (uint32_t k = 1; k <= 3000; k++) {
        struct made m;
        next_event(&s, &m);
        struct voter *u = &voters[strtoul(m.user_id + 1, NULL, 10)];
        const bool ready = segments_ready(segments);
        const bool vote = note_vote(u, &m, ready);
        votes += votes >= 0.0 && vote;
        (void)learn(l, &m);
        if (k % p.mini_batch) {
            continue;
        }
        for (uint32_t z = 0; z < 40; z++) {
            voters[z].voted = false;
        }
        double weight = 0.0;
        for (uint32_t z = 0; segments_ready(segments) && z < p.segments.k; z++) {
            weight += segments_weight(segments, z);
        }
        votes = votes < 0.0 && segments_ready(segments) ? weight : votes;
        assert_true(votes < 0.0 || fabs(votes - weight) < 1e-6);
    }
    assert_true(votes > 500.0);
    learner_free(l);
}

/* Labels look at the typical vector, on the first event of the user's day, or while there is none.
 */
/* ---- social interaction -----------------------------------------------------------------------
 */

static void what_goes_on_with_somebody_else_is_noted_of_the_user(void **state) {
    (void)state;
    struct learner *l = learner_of(params_of(2), 1);
    static const struct {
        enum action action;
        uint32_t counterpart;
        float social;                    /* after it */
    } steps[] = {{ACTION_VIEW, 5, 0.0F}, /* weighs nothing */
                 {ACTION_LIKE, 0, 0.0F}, /* with nobody    */
                 {ACTION_LIKE, 5, .25F},   {ACTION_COMMENT, 6, .75F},
                 {ACTION_SHARE, 5, 1.25F}, {ACTION_COMMENT, 5, 1.5F}}; /* at most 1 each */
    for (uint32_t k = 0; k < sizeof steps / sizeof *steps; k++) {
        struct made m;
        make_one(&m, k + 1, 3, 0, steps[k].action, START, 1 + k);
        m.e.counterpart = steps[k].counterpart;
        (void)learn(l, &m);
        (void)learn(l, &m); /* a duplicate */
        assert_true(fabsf(user_social(user_of(l, 3), START) - steps[k].social) < 1e-6F);
    }
    learner_free(l);
}

static void a_label_is_looked_at_once_a_day(void **state) {
    (void)state;
    struct learner *l = learner_of(params_of(2), 1);
    const struct segments *segments = learner_shared(l)->segments;
    struct stream s = stream_of(15);
    uint32_t looked = 0;
    uint32_t kept = 0;
    for (uint32_t k = 0; k < 4000; k++) {
        struct made m;
        next_event(&s, &m);
        const struct user *u = user_of(l, (uint32_t)strtoul(m.user_id + 1, NULL, 10));
        const int64_t day = u ? user_last_ms(u) / DAY_MS : INT64_MIN;
        int segment = u ? user_segment(u) : -1;
        int pending = u ? user_segment_pending(u) : -1;
        const bool looks = segment < 0 || m.e.ts_ms / DAY_MS > day;
        const uint64_t n_mini_batches = learner_n_mini_batches(l);
        const uint32_t slot = learn(l, &m).user;
        if (!segments_ready(segments) || learner_n_mini_batches(l) != n_mini_batches) {
            continue; /* these are not the segments that it looked at */
        }
        float x[FEATURES_MAX];
        u = users_get(learner_users(l, 0), slot);
        if (looks) {
            features_typical_of(u, 2, x);
            segments_label(segments, x, &segment, &pending);
        }
        looked += looks;
        kept += !looks;
        assert_int_equal(user_segment(u), segment);
        assert_int_equal(user_segment_pending(u), pending);
    }
    assert_true(looked > 1000 && kept > 300);
    learner_free(l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_context_is_that_before_the_event_and_without_the_item),
        cmocka_unit_test(the_order_of_lines_does_not_matter),
        cmocka_unit_test(traits_are_running_means_of_what_was_known_before_the_event),
        cmocka_unit_test(no_item_is_its_own_neighbour),
        cmocka_unit_test(a_ranked_line_adds_one_event_to_what_is_expected_and_observed),
        cmocka_unit_test(the_expectation_of_two_candidates_is_their_softmax),
        cmocka_unit_test(
            lines_of_an_order_are_nobodys_negatives_and_are_ranked_before_any_is_counted),
        cmocka_unit_test(what_is_new_to_the_user_or_rare_is_worth_more),
        cmocka_unit_test(where_nothing_is_taken_again_all_is_worth_the_same),
        cmocka_unit_test(an_item_is_ranked_once_in_an_order),
        cmocka_unit_test(the_first_order_in_a_domain_counts_for_the_gate_of_the_cold),
        cmocka_unit_test(what_is_never_shown_again_trains_no_ranker),
        cmocka_unit_test(a_user_votes_once_a_day_and_once_in_a_mini_batch),
        cmocka_unit_test(what_goes_on_with_somebody_else_is_noted_of_the_user),
        cmocka_unit_test(a_label_is_looked_at_once_a_day),
    };
    return cmocka_run_group_tests_name("learner line", tests, NULL, NULL);
}
