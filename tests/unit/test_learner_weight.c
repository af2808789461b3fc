/* SPDX-License-Identifier: Apache-2.0
 * test_learner_weight.c -- contract tests of models/learner.h: how much an event teaches, and
 * how many events of one user do. The truth is a twin learner that had other events, or sums of
 * the weights by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixed.h"
#include "learner_run.h"

enum { DOMAINS = 2, USERS = 40, ITEMS = 60, EVENTS = 600, MINUTE_MS = 60000 };

static struct stream stream_of(uint64_t seed) {
    return (struct stream){.rng = {seed},
                           .now_ms = START,
                           .step_ms = HOUR_MS / 4, /* EVENTS of them: no landmark moves */
                           .users = USERS,
                           .items = ITEMS,
                           .n_domains = DOMAINS,
                           .max_lines = 3};
}

static struct learner *new_learner(uint32_t user_rate) {
    struct learner_params p = params_of(DOMAINS);
    p.repeats[1] = true;
    p.user_rate = user_rate;
    return learner_of(p, 1);
}

static const struct user *user_of(const struct learner *l, uint32_t user) {
    const uint32_t slot = users_find(learner_users(l, 0), user_hash(user));
    assert_true(slot != USER_NONE);
    return users_get(learner_users(l, 0), slot);
}

/* Everything of two learners is the same, bit for bit; of users, all but those from `but` on. */
static void assert_same_but(struct learner *a, struct learner *b, uint32_t but) {
    const struct shared *s = learner_shared(a);
    const struct shared *t = learner_shared(b);
    assert_same_counts(a, b);
    assert_near_factors(a, b, 0, 0.0F);
    assert_int_equal(s->n_items, t->n_items);
    assert_memory_equal(factors_q(s->factors), factors_q(t->factors),
                        s->n_items * FACTORS * sizeof(float));
    assert_memory_equal(factors_s(s->factors), factors_s(t->factors),
                        FACTORS * FACTORS * sizeof(float));
    assert_memory_equal(popularity_hot(s->popularity), popularity_hot(t->popularity),
                        s->n_items * sizeof(struct pop_hot));
    assert_memory_equal(learner_ranker(a, 0), learner_ranker(b, 0), sizeof(struct ranker));
    assert_int_equal(learner_n_mini_batches(a), learner_n_mini_batches(b));
    assert_int_equal(segments_ready(s->segments), segments_ready(t->segments));
    for (uint32_t k = 0; segments_ready(s->segments) && k < 3; k++) {
        assert_true(segments_weight(s->segments, k) == segments_weight(t->segments, k));
    }
    const struct prequential_counts x = prequential_total(learner_prequential(a), DOMAINS_MAX);
    const struct prequential_counts y = prequential_total(learner_prequential(b), DOMAINS_MAX);
    assert_memory_equal(&x, &y, sizeof x);
    for (uint32_t user = 0; user < but; user++) {
        const uint32_t i = users_find(learner_users(a, 0), user_hash(user));
        const uint32_t j = users_find(learner_users(b, 0), user_hash(user));
        assert_int_equal(i == USER_NONE, j == USER_NONE);
        for (uint8_t d = 0; i != USER_NONE && d < DOMAINS; d++) {
            struct list p;
            struct list q;
            const int64_t now_ms = learner_stream_ms(a);
            assert_true(user_digest(a, user_of(a, user)) == user_digest(b, user_of(b, user)));
            assert_int_equal(learner_rank(a, 0, i, d, now_ms, 20, &p), ST_OK);
            assert_int_equal(learner_rank(b, 0, j, d, now_ms, 20, &q), ST_OK);
            assert_same_list(a, &p, b, &q);
        }
    }
}

/* ---- weights -------------------------------------------------------------------------------- */

/* Popularity, pairs, n_i, obs, and all exp together, of a learner whose events all weigh 4 are four
 * times those of one whose events weigh 1: the order of events and what others saw has no part in
 * them. */
static void what_events_add_is_multiplied_by_what_they_weigh(void **state) {
    (void)state;
    struct learner *one = new_learner(0);
    struct learner *four = new_learner(0);
    struct stream s = stream_of(1);
    for (uint32_t k = 0; k < EVENTS; k++) {
        struct made m;
        next_event(&s, &m);
        (void)learn(one, &m);
        m.e.weight = 4.0F;
        (void)learn(four, &m);
    }
    const struct shared *x = learner_shared(one);
    const struct shared *y = learner_shared(four);
    uint32_t n_pairs = 0;
    double exp[2] = {0.0, 0.0};
    for (uint32_t i = 0; i < x->n_items; i++) {
        const struct pop_hot *h = &popularity_hot(x->popularity)[i];
        const struct pop_hot *g = &popularity_hot(y->popularity)[i];
        assert_true(g->obs == 4.0F * h->obs);
        exp[0] += (double)h->exp;
        exp[1] += (double)g->exp;
        for (int c = 0; c < POP_CLOCKS; c++) {
            assert_true(popularity_count(y->popularity, i, c) ==
                        4 * popularity_count(x->popularity, i, c));
        }
        assert_int_equal(g->count, h->count);
        assert_true(factors_count(y->factors, i) == 4 * factors_count(x->factors, i));
        assert_true(factors_count(x->factors, i) % FIXED_ONE == 0);
        const struct pair_list list = pairs_list(x->pairs, i);
        assert_int_equal(list.n, pairs_list(y->pairs, i).n);
        for (uint32_t z = 0; z < list.n; z++, n_pairs++) {
            int64_t v[3];
            int64_t w[3];
            assert_true(pairs_get(x->pairs, i, pair_list_item(&list, z), &v[0], &v[1], &v[2]));
            assert_true(pairs_get(y->pairs, i, pair_list_item(&list, z), &w[0], &w[1], &w[2]));
            assert_true(w[0] == 4 * v[0] && w[1] == 4 * v[1] && w[2] == 4 * v[2]);
        }
    }
    assert_true(n_pairs > 1000);
    assert_true(exp[0] > 100.0 && fabs(exp[1] - 4.0 * exp[0]) < 0.05);
    assert_int_equal(learner_ranker(one, 0)->steps, learner_ranker(four, 0)->steps);
    learner_free(one);
    learner_free(four);
}

/* Adam's first moment shows the gradient of one event. */
static void the_rankers_step_is_multiplied_by_what_the_event_weighs(void **state) {
    (void)state;
    static const float weights[] = {1.0F, 3.0F, 0.25F};
    struct ranker before = {.steps = 0};
    struct ranker after[3];
    for (size_t z = 0; z < 3; z++) {
        struct learner *l = new_learner(0);
        struct stream s = stream_of(2);
        struct made m;
        for (uint32_t k = 0; k < 200; k++) {
            next_event(&s, &m);
            (void)learn(l, &m);
        }
        before = *learner_ranker(l, 0);
        make_one(&m, 9999, 1, 1, ACTION_ORDER, s.now_ms, 0); /* popular, repeats are allowed */
        m.e.weight = weights[z];
        (void)learn(l, &m);
        after[z] = *learner_ranker(l, 0);
        assert_int_equal(after[z].steps, before.steps + 1);
        learner_free(l);
    }
    double most = 0.0;
    for (size_t z = 1; z < 3; z++) {
        for (size_t i = 0; i < RANKER_NETS * RANKER_WEIGHTS; i++) {
            const size_t kind = i / RANKER_WEIGHTS;
            const size_t k = i % RANKER_WEIGHTS;
            const double kept = .9 * (double)before.m[kind].weights[k];
            const double g = (double)after[0].m[kind].weights[k] - kept;
            const double m = (double)after[z].m[kind].weights[k];
            assert_true(fabs(m - kept - (double)weights[z] * g) < 1e-6);
            most = fmax(fabs(g), most);
        }
    }
    assert_true(most > 1e-3);
}

/* Of any weights, n_i and the 180-day count (nearly undecayed) are the sums. */
static void an_items_count_is_the_sum_of_the_weights_of_its_events(void **state) {
    (void)state;
    print_message("seeds 1..5\n");
    for (uint64_t seed = 1; seed <= 5; seed++) {
        static double sum[DOMAINS][ITEMS];
        static double decayed[DOMAINS][ITEMS];
        memset(sum, 0, sizeof sum);
        memset(decayed, 0, sizeof decayed);
        struct learner *l = new_learner(0);
        struct stream s = stream_of(seed);
        s.weighted = true;
        for (uint32_t k = 0; k < EVENTS; k++) {
            struct made m;
            next_event(&s, &m);
            (void)learn(l, &m);
            for (uint32_t z = 0; z < m.e.n_lines && m.e.action != ACTION_REPORT; z++) {
                const uint32_t item = (uint32_t)strtoul(m.ids[z], NULL, 10);
                const double w = (double)m.e.weight < 0x1p-21 ? 0.0 : (double)m.e.weight;
                sum[m.e.domain][item] += w;
                decayed[m.e.domain][item] +=
                    w * exp2((double)(m.e.ts_ms - START) / (180.0 * (double)DAY_MS));
            }
        }
        const struct popularity *p = learner_shared(l)->popularity;
        const double unit =
            exp2((double)(START - popularity_landmark(p, 3)) / (180.0 * (double)DAY_MS));
        for (uint8_t d = 0; d < DOMAINS; d++) {
            for (uint32_t item = 0; item < ITEMS; item++) {
                const uint32_t i = items_find(learner_shared(l)->items, item_hash(d, item));
                if (i == ITEM_NONE) {
                    continue;
                }
                const double n = 1.0 / (double)popularity_hot(p)[i].inv2 - 2.0;
                assert_true(fabs(n - sum[d][item]) < 1e-3 + 1e-5 * sum[d][item]);
                const double c = fixed_to(popularity_count(p, i, 3));
                assert_true(fabs(c - unit * decayed[d][item]) < 1e-3 + 1e-5 * c);
            }
        }
        learner_free(l);
    }
}

/* The ghosts, users from USERS on, touch known items at times that have come. */
static void an_event_of_weight_0_teaches_nobody_else(void **state) {
    (void)state;
    static const float nothing[] = {0.0F, -0.0F, 1e-20F, 4.7e-7F /* below 2^-21 */};
    print_message("seeds 1..6\n");
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct learner *a = new_learner(0);
        struct learner *b = new_learner(0);
        struct stream s = stream_of(seed);
        struct rng rng = {seed + 100};
        for (uint32_t k = 0; k < EVENTS; k++) {
            struct made m;
            next_event(&s, &m);
            (void)learn(a, &m);
            (void)learn(b, &m);
            for (uint32_t z = 0; z < rng_below(&rng, 4); z++) {
                struct made ghost;
                const uint32_t user = USERS + rng_below(&rng, 9);
                const int64_t ago = rng_below(&rng, 5) ? 0 : (int64_t)rng_below(&rng, 1U << 30);
                make_one(&ghost, 1000000 + k * 4 + z, user, m.e.domain, any_action(&rng),
                         m.e.ts_ms - ago, (uint32_t)strtoul(m.ids[0], NULL, 10));
                ghost.e.weight = nothing[rng_below(&rng, 4)];
                assert_false(learn(a, &ghost).duplicate);
            }
        }
        assert_true(learner_n_users(a) == learner_n_users(b) + 9);
        assert_same_but(a, b, USERS);
        learner_free(a);
        learner_free(b);
    }
}

static void an_event_of_weight_0_is_taken(void **state) {
    (void)state;
    struct learner *l = new_learner(0);
    struct made m;
    struct list list;
    for (uint32_t k = 0; k < 30; k++) {
        make_one(&m, k + 1, k % 5, 0, ACTION_ORDER, START + k, k % 10);
        (void)learn(l, &m);
    }
    const struct learner_effect first = learn_in(l, 0, &m);
    assert_true(first.duplicate);
    make_one(&m, 100, 77, 0, ACTION_ORDER, START + DAY_MS, 3);
    m.e.weight = 0.0F;
    const struct learner_effect effect = learn(l, &m);
    assert_false(effect.duplicate || effect.late || effect.flooded);
    assert_int_equal(learner_stream_ms(l), START + DAY_MS);
    const struct user *u = user_of(l, 77);
    struct user_entry past[2];
    assert_int_equal(user_history(u, INT64_MAX, past, 2), 1);
    assert_true(past[0].item == items_find(learner_shared(l)->items, item_hash(0, 3)));
    assert_true(user_consumed(u, 0, past[0].item, items_hashes(learner_shared(l)->items)));
    assert_int_equal(user_n_of(u, 0), 1);
    assert_true(user_money(u, 0, START + DAY_MS) > 1.0);
    assert_true(user_mage(u) > 0.0F); /* of an item known for a day */
    assert_false(user_has_context(u));
    assert_int_equal(learner_rank(l, 0, effect.user, 0, START + DAY_MS, 20, &list), ST_OK);
    assert_true(list.personalised);
    assert_int_equal(list.n, 9);
    assert_true(learn(l, &m).duplicate);
    make_one(&m, 101, 77, 0, ACTION_ORDER, START + DAY_MS, 999); /* an item nobody knew */
    m.e.weight = 0.0F;
    (void)learn(l, &m);
    const uint32_t i = items_find(learner_shared(l)->items, item_hash(0, 999));
    assert_true(i != ITEM_NONE);
    assert_int_equal(popularity_hot(learner_shared(l)->popularity)[i].count, 0);
    learner_free(l);
}

/* More half-lives ahead than a landmark reaches: only what is counted needs it moved. */
static void an_event_of_weight_0_moves_no_landmark(void **state) {
    (void)state;
    struct learner *l = new_learner(0);
    const struct popularity *p = learner_shared(l)->popularity;
    struct made m;
    make_one(&m, 1, 1, 0, ACTION_ORDER, START, 1);
    (void)learn(l, &m);
    const int64_t landmark = popularity_landmark(p, 0);
    make_one(&m, 2, 2, 0, ACTION_ORDER, START + 100 * DAY_MS, 1);
    m.e.weight = 0.0F;
    (void)learn(l, &m);
    assert_true(popularity_landmark(p, 0) == landmark);
    m.e.id++;
    m.e.weight = 1.0F;
    (void)learn(l, &m);
    assert_true(popularity_landmark(p, 0) > landmark);
    learner_free(l);
}

/* A weight of a few units of 2^-20 rounds some pairs to nothing: those are no neighbours. */
static void a_weight_too_small_for_a_pair_makes_no_neighbour(void **state) {
    (void)state;
    struct learner *l = new_learner(0);
    struct made m;
    for (uint32_t k = 0; k <= PAIRS_WINDOW; k++) {
        make_one(&m, k + 1, 1, 0, ACTION_ORDER, START + k * DAY_MS * 2, k);
        m.e.weight = k == PAIRS_WINDOW ? 0x1p-20F : 0.0F;
        (void)learn(l, &m);
    }
    const struct shared *s = learner_shared(l);
    const uint32_t last = items_find(s->items, item_hash(0, PAIRS_WINDOW));
    const struct pair_list list = pairs_list(s->pairs, last);
    assert_int_equal(list.n, 4); /* .8^r is .5 or more for r = 0..3 */
    for (uint32_t r = 0; r < 4; r++) {
        int64_t v[3];
        const uint32_t from = items_find(s->items, item_hash(0, PAIRS_WINDOW - 1 - r));
        assert_true(pairs_get(s->pairs, from, last, &v[0], &v[1], &v[2]));
        assert_int_equal(v[0], 1);
    }
    learner_undo(l, 0);
    assert_int_equal(pairs_list(s->pairs, last).n, 0);
    learner_free(l);
}

/* ---- floods --------------------------------------------------------------------------------- */

/* User USERS sends a flood between the events of the others; the twin sees what is allowed. */
static void a_flood_of_one_user_teaches_no_more_than_user_rate_events_a_minute(void **state) {
    (void)state;
    enum { RATE = 5 };
    print_message("seeds 1..6\n");
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct learner *a = new_learner(RATE);
        struct learner *b = new_learner(RATE);
        struct stream s = stream_of(seed);
        struct rng rng = {seed + 200};
        s.step_ms = 4000;
        s.users = 400; /* nobody else floods */
        uint32_t in_minute = 0;
        uint32_t flooded = 0;
        int64_t minute = 0;
        for (uint32_t k = 0; k < EVENTS; k++) {
            struct made m;
            next_event(&s, &m);
            assert_false(learn(a, &m).flooded);
            assert_false(learn(b, &m).flooded);
            for (uint32_t z = 0; z < rng_below(&rng, 8); z++) {
                struct made flood;
                make_one(&flood, 1000000 + k * 8 + z, s.users, m.e.domain, any_action(&rng),
                         m.e.ts_ms, rng_below(&rng, 30));
                in_minute = m.e.ts_ms / MINUTE_MS == minute ? in_minute + 1 : 1;
                minute = m.e.ts_ms / MINUTE_MS;
                const struct learner_effect effect = learn(a, &flood);
                assert_int_equal(effect.flooded, in_minute > RATE);
                assert_int_equal(effect.user, users_find(learner_users(a, 0), user_hash(s.users)));
                assert_true(learn(a, &flood).duplicate); /* remembered by its id */
                flooded += effect.flooded;
                if (!effect.flooded) {
                    (void)learn(b, &flood);
                }
            }
        }
        assert_true(flooded > EVENTS);
        assert_same_but(a, b, s.users);
        assert_true(user_facts(a, user_of(a, s.users)) == user_facts(b, user_of(b, s.users)));
        learner_free(a);
        learner_free(b);
    }
}

static bool floods(struct learner *l, uint64_t number, uint32_t user, int64_t ts_ms) {
    struct made m;
    make_one(&m, number, user, 0, ACTION_VIEW, ts_ms, (uint32_t)number % 50);
    return learn(l, &m).flooded;
}

static void the_next_minute_teaches_again_and_an_earlier_one_is_not_counted(void **state) {
    (void)state;
    struct learner *l = new_learner(2);
    const int64_t t = START; /* begins a minute */
    assert_false(floods(l, 1, 1, t));
    assert_false(floods(l, 2, 1, t + 100));
    assert_true(floods(l, 3, 1, t + 59999));
    assert_false(floods(l, 4, 2, t + 59999)); /* somebody else */
    assert_false(floods(l, 5, 1, t + 60000));
    assert_false(floods(l, 6, 1, t + 59999));
    assert_false(floods(l, 7, 1, t));
    assert_false(floods(l, 8, 1, t + 60001));
    assert_true(floods(l, 9, 1, t + 60002));
    assert_int_equal(user_n(user_of(l, 1)), 6);
    learner_free(l);
}

static void without_a_rate_there_is_no_flood(void **state) {
    (void)state;
    struct learner *l = new_learner(0);
    for (uint32_t k = 0; k < 1000; k++) {
        assert_false(floods(l, k + 1, 1, START));
    }
    assert_int_equal(user_n(user_of(l, 1)), 1000);
    learner_free(l);
}

/* What weighs nothing counts; what is known does not; what is refused does not. */
static void every_new_event_counts_once(void **state) {
    (void)state;
    struct learner *l = new_learner(3);
    struct learner_effect effect;
    struct made m;
    make_one(&m, 1, 1, 0, ACTION_VIEW, START, 1);
    m.e.weight = 0.0F;
    assert_false(learn(l, &m).flooded);
    assert_true(learn(l, &m).duplicate);
    make_one(&m, 2, 1, 0, ACTION_VIEW, START, 2);
    m.e.weight = -1.0F;
    assert_int_equal(learner_learn(l, 0, &m.e, &effect), ST_INVALID);
    assert_false(floods(l, 3, 1, START));
    assert_false(floods(l, 4, 1, START));
    assert_true(floods(l, 5, 1, START));
    assert_int_equal(learner_shared(l)->n_events, 2); /* that teach */
    learner_free(l);
}

static void the_clock_does_not_follow_a_flood(void **state) {
    (void)state;
    struct learner *l = new_learner(1);
    assert_false(floods(l, 1, 1, START));
    assert_true(floods(l, 2, 1, START + 30000));
    assert_int_equal(learner_stream_ms(l), START);
    struct made m;
    make_one(&m, 3, 2, 0, ACTION_VIEW, START + 10, 2);
    assert_false(learn(l, &m).late);
    learner_free(l);
}

static void what_a_minute_had_is_undone_with_its_events(void **state) {
    (void)state;
    struct learner *l = new_learner(5);
    for (uint32_t k = 1; k <= 3; k++) {
        assert_false(floods(l, k, 1, START));
    }
    assert_int_equal(learner_seal(l, 0), ST_OK);
    learner_committed(l, 0);
    for (uint32_t k = 4; k <= 9; k++) {
        assert_int_equal(floods(l, k, 1, START), k > 5);
    }
    learner_undo(l, 0);
    for (uint32_t k = 4; k <= 9; k++) { /* they come again */
        assert_int_equal(floods(l, k, 1, START), k > 5);
    }
    assert_int_equal(user_n(user_of(l, 1)), 5);
    learner_free(l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_events_add_is_multiplied_by_what_they_weigh),
        cmocka_unit_test(the_rankers_step_is_multiplied_by_what_the_event_weighs),
        cmocka_unit_test(an_items_count_is_the_sum_of_the_weights_of_its_events),
        cmocka_unit_test(an_event_of_weight_0_teaches_nobody_else),
        cmocka_unit_test(an_event_of_weight_0_is_taken),
        cmocka_unit_test(an_event_of_weight_0_moves_no_landmark),
        cmocka_unit_test(a_weight_too_small_for_a_pair_makes_no_neighbour),
        cmocka_unit_test(a_flood_of_one_user_teaches_no_more_than_user_rate_events_a_minute),
        cmocka_unit_test(the_next_minute_teaches_again_and_an_earlier_one_is_not_counted),
        cmocka_unit_test(without_a_rate_there_is_no_flood),
        cmocka_unit_test(every_new_event_counts_once),
        cmocka_unit_test(the_clock_does_not_follow_a_flood),
        cmocka_unit_test(what_a_minute_had_is_undone_with_its_events),
    };
    return cmocka_run_group_tests_name("learner weights and floods", tests, NULL, NULL);
}
