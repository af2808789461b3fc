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
            naive_vector(l, items, n, p);
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
        make_one(&m, k + 1, user, 0, ACTION_ORDER, START + k * HOUR_MS, item);
        const struct user *u = user_of(l, user);
        if (!u || s->n_items < 2) {
            (void)learn(l, &m);
            continue;
        }
        struct candidates_view v;
        candidates_view(s, u, 0, true, m.e.ts_ms, &v);
        assert_int_equal(candidates_find(c, s, &v, 0), ST_OK);
        assert_int_equal(candidates_n(c), 2);
        const struct features_block *b = candidates_features(c, s, &v);
        const uint32_t i = index_of(l, 0, item);
        const uint32_t at = candidates_position(c, i);
        const struct ranker *r = learner_ranker(l, 0);
        const double own = (double)ranker_score_one(r, b->x, b->stride, at);
        const double other = (double)ranker_score_one(r, b->x, b->stride, 1 - at);
        const double expected = exp2((double)s->n_events / 20000.0) / (1.0 + exp(other - own));
        const double before = (double)popularity_hot(s->popularity)[i].exp;
        (void)learn(l, &m);
        assert_true(fabs((double)popularity_hot(s->popularity)[i].exp - before - expected) < 1e-4);
    }
    candidates_free(c);
    learner_free(l);
}

/* ---- votes --------------------------------------------------------------------------- */

/* Without decay the weights of the segments count votes. */
static void a_user_votes_once_in_a_mini_batch(void **state) {
    (void)state;
    struct learner_params p = params_of(2);
    p.segments.half_life = HUGE_VAL;
    struct learner *l = learner_of(p, 1);
    struct stream s = stream_of(12);
    const struct segments *segments = learner_shared(l)->segments;
    double votes = -1.0; /* of all mini-batches so far; below 0: before the seeds */
    bool voted[40] = {0};
    for (uint32_t k = 1; k <= 2000; k++) {
        struct made m;
        next_event(&s, &m);
        bool *mine = &voted[strtoul(m.user_id + 1, NULL, 10)];
        votes += votes >= 0.0 && !*mine;
        *mine = true;
        (void)learn(l, &m);
        if (k % p.mini_batch) {
            continue;
        }
        memset(voted, 0, sizeof voted);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_context_is_that_before_the_event_and_without_the_item),
        cmocka_unit_test(the_order_of_lines_does_not_matter),
        cmocka_unit_test(traits_are_running_means_of_what_was_known_before_the_event),
        cmocka_unit_test(no_item_is_its_own_neighbour),
        cmocka_unit_test(a_ranked_line_adds_one_event_to_what_is_expected_and_observed),
        cmocka_unit_test(the_expectation_of_two_candidates_is_their_softmax),
        cmocka_unit_test(a_user_votes_once_in_a_mini_batch),
    };
    return cmocka_run_group_tests_name("learner line", tests, NULL, NULL);
}
