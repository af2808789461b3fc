/* SPDX-License-Identifier: Apache-2.0
 * test_learner_examples.c -- contract tests of models/learner.h: what a task's ranker passes over
 * (params.ranker_rate), and that nothing else does. The truth is a twin without a limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "examples.h"
#include "learner_run.h"

enum { DOMAINS = 2, RATE = 1, BURST = RATE * EXAMPLES_BURST_S, EVENTS = 4000 };

static struct stream stream_of(uint64_t seed) {
    return (struct stream){.rng = {seed},
                           .now_ms = START,
                           .step_ms = 200, /* ten a second */
                           .users = 50,
                           .items = 60,
                           .n_domains = DOMAINS,
                           .max_lines = 3};
}

static struct learner *new_learner(uint32_t rate) {
    struct learner_params p = params_of(DOMAINS);
    p.repeats[1] = true;
    p.ranker_rate = rate;
    return learner_of(p, 1);
}

static void obs_and_exp(const struct learner *l, double *obs, double *exp) {
    *obs = *exp = 0.0;
    for (uint32_t i = 0; i < learner_shared(l)->n_items; i++) {
        int64_t o = 0;
        int64_t e = 0;
        popularity_obs_item(learner_shared(l)->popularity, i, &o, &e);
        *obs += (double)o;
        *exp += (double)e;
    }
}

static void the_ranker_passes_over_events_beyond_its_rate_and_all_else_learns_them(void **state) {
    (void)state;
    print_message("seeds 1..3\n");
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct learner *a = new_learner(0);
        struct learner *b = new_learner(RATE);
        struct stream s = stream_of(seed);
        uint32_t passed = 0;
        uint32_t teaching = 0;
        for (uint32_t k = 0; k < EVENTS; k++) {
            struct made m;
            next_event(&s, &m);
            const bool teaches = m.e.action != ACTION_REPORT;
            assert_false(learn(a, &m).passed);
            passed += learn(b, &m).passed;
            teaching += teaches;
        }
        const double seconds = (double)(s.now_ms - START) / 1e3;
        assert_in_range(EVENTS - passed, (uint32_t)seconds * RATE,
                        (uint32_t)seconds * RATE + BURST + EVENTS / EXAMPLES_LEAST + 1);
        assert_true(passed > teaching / 2);
        assert_same_counts(a, b);
        assert_same_users(a, b, 1, user_facts);
        assert_memory_equal(factors_q(learner_shared(a)->factors),
                            factors_q(learner_shared(b)->factors),
                            learner_shared(a)->n_items * FACTORS * sizeof(float));
        assert_true(learner_ranker(b, 0)->steps < learner_ranker(a, 0)->steps / 2);
        assert_true(learner_ranker(b, 0)->steps > 0);
        const struct prequential_counts x = prequential_total(learner_prequential(a), DOMAINS_MAX);
        const struct prequential_counts y = prequential_total(learner_prequential(b), DOMAINS_MAX);
        assert_true(y.n > 0 && y.n < x.n / 2);
        double obs[2];
        double exp[2];
        obs_and_exp(a, &obs[0], &exp[0]);
        obs_and_exp(b, &obs[1], &exp[1]);
        assert_true(obs[0] == obs[1]); /* all that is taken is observed */
        assert_true(exp[1] > 0.8 * exp[0] && exp[1] < 1.2 * exp[0]);
        learner_free(a);
        learner_free(b);
    }
}

/* What was taken back comes again, and takes the same examples. */
static void examples_are_undone_with_their_events(void **state) {
    (void)state;
    struct learner *a = new_learner(RATE);
    struct learner *b = new_learner(RATE);
    struct stream s = stream_of(4);
    for (uint32_t k = 0; k < 600; k++) {
        struct made m;
        next_event(&s, &m);
        (void)learn(a, &m);
        (void)learn(b, &m);
    }
    assert_int_equal(learner_seal(b, 0), ST_OK);
    learner_committed(b, 0);
    const struct stream here = s;
    for (uint32_t k = 0; k < 100; k++) {
        struct made m;
        next_event(&s, &m);
        (void)learn(b, &m);
    }
    learner_undo(b, 0);
    s = here;
    for (uint32_t k = 0; k < 300; k++) {
        struct made m;
        next_event(&s, &m);
        assert_int_equal(learn(a, &m).passed, learn(b, &m).passed);
    }
    assert_same_counts(a, b);
    learner_free(a);
    learner_free(b);
}

/* One event of the future, and all that follow are late: the ranker learns on. */
static void an_event_of_the_future_does_not_end_the_rankers_learning(void **state) {
    (void)state;
    struct learner *l = new_learner(RATE);
    struct stream s = stream_of(5);
    struct made m;
    for (uint32_t k = 0; k < 500; k++) {
        next_event(&s, &m);
        (void)learn(l, &m);
    }
    make_one(&m, 1000000, 1, 0, ACTION_VIEW, s.now_ms + HOUR_MS, 3);
    (void)learn(l, &m);
    uint32_t taken = 0;
    for (uint32_t k = 0; k < 3000; k++) {
        next_event(&s, &m);
        taken += !learn(l, &m).passed;
    }
    assert_in_range(taken, 3000 / EXAMPLES_LEAST - 1, BURST + 3000 / EXAMPLES_LEAST + 1);
    learner_free(l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ranker_passes_over_events_beyond_its_rate_and_all_else_learns_them),
        cmocka_unit_test(examples_are_undone_with_their_events),
        cmocka_unit_test(an_event_of_the_future_does_not_end_the_rankers_learning),
    };
    return cmocka_run_group_tests_name("examples of the ranker", tests, NULL, NULL);
}
