/* SPDX-License-Identifier: Apache-2.0
 *
 * test_ranker_life.c -- contract tests of models/ranker.h: what becomes of a ranker in the
 * course of many events: planted problems, the gate, averages.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "ranker_sample.h"

/* ---- planted problems ------------------------------------------------------------------ */

/* What a candidate is worth to whoever chooses. */
typedef double worth_fn(const struct sample *s, uint32_t c);

static double linear_worth(const struct sample *s, uint32_t c) {
    return 1.5 * (double)s->x[X_K1][c] - (double)s->x[X_RECENT][c] + .7 * (double)s->x[X_LIFT][c];
}

/* Two features of which neither alone says anything: their product does. */
static double exclusive_worth(const struct sample *s, uint32_t c) {
    return 2.0 * tanh((double)s->x[X_POP_7D][c] * (double)s->x[X_COS][c]);
}

/* Some users want what others avoid: only the list's features tell which. */
static double divided_worth(const struct sample *s, uint32_t c) {
    return (s->c[C_GAP] > 0.0F ? 2.0 : -2.0) * (double)s->x[X_AGE][c];
}

/* Draws the target from the softmax of what rows are worth, and puts it first. Returns the log of
 * its probability: what one who knows the worth gets. */
static double choose(struct rng *rng, worth_fn *worth, struct sample *s) {
    double p[SAMPLE];
    double z = 0.0;
    for (uint32_t c = 0; c < s->n; c++) {
        p[c] = exp(worth(s, c));
        z += p[c];
    }
    double u = z * rng_unit(rng);
    uint32_t target = 0;
    while (target + 1 < s->n && (u -= p[target]) > 0.0) {
        target++;
    }
    for (size_t k = 0; k < X; k++) {
        const float x = s->x[k][0];
        s->x[k][0] = s->x[k][target];
        s->x[k][target] = x;
    }
    return log(p[target] / z);
}

/* Mean log p_0 over the last events of `n`, and what can be reached at best. */
static double life(struct ranker *r, worth_fn *worth, int n, double *best) {
    enum { ROWS = 17, LAST = 2000 };
    static struct sample s;
    struct rng rng = {51};
    double last = 0.0;
    *best = 0.0;
    for (int t = 0; t < n; t++) {
        float e[SAMPLE];
        random_sample(&rng, ROWS, &s);
        const double possible = choose(&rng, worth, &s);
        const struct ranker_rows rows = rows_of(&s);
        const float log_p = ranker_learn(r, &rows, 1.0F, 1.0F, 0, true, e);
        if (t >= n - LAST) {
            last += (double)log_p / LAST;
            *best += possible / LAST;
        }
    }
    return last;
}

static void a_planted_linear_preference_is_learned(void **state) {
    (void)state;
    struct ranker r;
    double best = 0.0;
    ranker_init(&r, 1);
    const double reached = life(&r, linear_worth, 8000, &best);
    print_message("reached %.3f nats, best %.3f, by chance %.3f\n", reached, best, -log(17.0));
    assert_true(best > -log(17.0) + .8);
    assert_true(reached > best - .15);
}

/* By symmetry no linear ranker is better than chance at these two. */
static void interactions_that_no_linear_ranker_can_tell_are_learned(void **state) {
    (void)state;
    static worth_fn *const worths[] = {exclusive_worth, divided_worth};
    for (size_t k = 0; k < 2; k++) {
        struct ranker r;
        double best = 0.0;
        ranker_init(&r, 2);
        const double reached = life(&r, worths[k], 20000, &best);
        const double chance = -log(17.0);
        print_message("reached %.3f nats, best %.3f, by chance %.3f\n", reached, best, chance);
        assert_true(best > chance + .4);
        assert_true(reached > chance + .6 * (best - chance));
    }
}

/* ---- the gate -------------------------------------------------------------------------- */

static void the_gate_sums_the_lead_of_the_full_net_and_forgets(void **state) {
    (void)state;
    static struct sample s;
    struct rng rng = {61};
    struct ranker r;
    double gate[DOMAINS_MAX][2] = {{0}};
    ranker_init(&r, 61);
    for (int t = 0; t < 3000; t++) {
        const uint8_t domain = (uint8_t)rng_below(&rng, DOMAINS_MAX);
        const bool known = rng_below(&rng, 2);
        float e[SAMPLE];
        double unused[SAMPLE];
        random_sample(&rng, 2 + rng_below(&rng, 20), &s);
        const struct ranker_rows rows = rows_of(&s);
        const struct naive_net full = naive_of(&r.net[RANKER_FULL]);
        const struct naive_net twin = naive_of(&r.net[RANKER_TWIN]);
        double *g = &gate[domain][known];
        *g = *g * exp2(-1.0 / 1000.0) + naive_softmax(&full, &rows, 5.0, unused) -
             naive_softmax(&twin, &rows, 5.0, unused);
        (void)ranker_learn(&r, &rows, 5.0F, 1.0F, domain, known, e);
        for (size_t d = 0; d < DOMAINS_MAX; d++) {
            assert_true(fabs(r.gate[d][false] - gate[d][false]) < 1e-3);
            assert_true(fabs(r.gate[d][true] - gate[d][true]) < 1e-3);
        }
    }
}

static void the_twin_is_served_while_the_full_net_is_behind(void **state) {
    (void)state;
    struct ranker r;
    ranker_init(&r, 62);
    r.gate[3][true] = -1e-9;
    r.gate[4][false] = 1e-9;
    r.gate[5][false] = -7.0;
    for (uint8_t d = 0; d < DOMAINS_MAX; d++) {
        assert_int_equal(ranker_served(&r, d, true), d == 3 ? RANKER_TWIN : RANKER_FULL);
        assert_int_equal(ranker_served(&r, d, false), d == 5 ? RANKER_TWIN : RANKER_FULL);
    }
}

/* What is personal tells what is taken, then the one or the other at random (whoever trusts it is
 * wrong as often as right), then what is taken again. */
static void the_gate_closes_where_personalising_does_not_pay_and_opens_again(void **state) {
    (void)state;
    enum { PAYS = 300, MISLEADS = 9000, ALL = 10000 };
    static struct sample s;
    struct rng rng = {63};
    struct ranker r;
    enum ranker_kind served[3] = {RANKER_FULL, RANKER_FULL, RANKER_FULL};
    ranker_init(&r, 63);
    for (int t = 0; t < ALL; t++) {
        const bool misleads = t >= PAYS && t < MISLEADS;
        float e[SAMPLE];
        random_sample(&rng, 17, &s);
        const float sign = misleads && rng_below(&rng, 2) ? -1.0F : 1.0F;
        for (uint32_t c = 0; c < s.n; c++) {
            s.x[X_K1][c] = sign * (c == 0 ? 1.0F : -1.0F) + .5F * (float)rng_normal(&rng);
        }
        const struct ranker_rows rows = rows_of(&s);
        (void)ranker_learn(&r, &rows, 3.0F, 1.0F, 1, true, e);
        served[t < PAYS ? 0 : t < MISLEADS ? 1 : 2] = ranker_served(&r, 1, true);
    }
    assert_int_equal(served[0], RANKER_FULL);
    assert_int_equal(served[1], RANKER_TWIN);
    assert_int_equal(served[2], RANKER_FULL);
    assert_int_equal(ranker_served(&r, 1, false), RANKER_FULL); /* others do not know of it */
}

/* ---- averages ---------------------------------------------------------------------------- */

static void the_mean_is_weighted_by_events(void **state) {
    (void)state;
    struct rng rng = {71};
    struct ranker r = random_ranker(&rng);
    r.steps = 99;
    r.m[0].weights[3] = .25F;
    r.s[1].weights[3] = .5F;
    r.gate[2][1] = -3.0;
    const struct ranker before = r;
    struct ranker other[3];
    struct ranker_net poison[RANKER_NETS];
    const struct ranker_net *nets[4];
    const uint32_t events[4] = {100, 0, 4000000000U, 256};
    for (size_t k = 0; k < 2 * WEIGHTS; k++) {
        poison[k / WEIGHTS].weights[k % WEIGHTS] = NAN;
    }
    for (size_t t = 0; t < 3; t++) {
        other[t] = random_ranker(&rng);
    }
    nets[0] = other[0].net;
    nets[1] = poison; /* a quiet task's weights are not looked at */
    nets[2] = other[1].net;
    nets[3] = other[2].net;
    ranker_mean(&r, nets, events, 4);
    for (size_t k = 0; k < 2 * WEIGHTS; k++) {
        double sum = 0.0;
        for (size_t t = 0; t < 4; t++) {
            sum += t == 1 ? 0.0
                          : (double)events[t] * (double)nets[t][k / WEIGHTS].weights[k % WEIGHTS];
        }
        const double want = sum / 4000000356.0;
        assert_true(fabs((double)r.net[k / WEIGHTS].weights[k % WEIGHTS] - want) <=
                    6e-8 * fabs(want));
    }
    assert_memory_equal(r.m, before.m, sizeof r.m);
    assert_memory_equal(r.s, before.s, sizeof r.s);
    assert_memory_equal(r.gate, before.gate, sizeof r.gate);
    assert_int_equal(r.steps, 99);
}

static void the_mean_of_equal_nets_is_that_net_to_the_bit(void **state) {
    (void)state;
    struct rng rng = {72};
    struct ranker r = random_ranker(&rng);
    const struct ranker one = random_ranker(&rng);
    const struct ranker_net *nets[2] = {one.net, one.net};
    const uint32_t events[2] = {3, 7};
    ranker_mean(&r, nets, events, 2);
    assert_memory_equal(r.net, one.net, sizeof r.net);
}

static void without_events_the_mean_changes_nothing(void **state) {
    (void)state;
    struct rng rng = {73};
    struct ranker r = random_ranker(&rng);
    r.pace = 2.5F;
    const struct ranker before = r;
    const struct ranker other = random_ranker(&rng);
    const struct ranker_net *nets[2] = {other.net, NULL};
    const uint32_t events[2] = {0, 0};
    ranker_mean(&r, nets, events, 2);
    assert_memory_equal(&r, &before, sizeof r);
    ranker_mean(&r, NULL, NULL, 0);
    assert_memory_equal(&r, &before, sizeof r);
}

static void the_pace_is_the_effective_number_of_nets(void **state) {
    (void)state;
    static const struct {
        uint32_t events[8];
        double pace;
    } cases[] = {{{100}, 1.0},
                 {{5, 5}, 2.0},
                 {{0, 7, 7, 7}, 3.0},
                 {{100, 1}, 101.0 * 101.0 / 10001.0},
                 {{10, 20, 30, 40}, 100.0 * 100.0 / 3000.0},
                 {{9, 9, 9, 9, 9, 9, 9, 9}, 4.0}, /* at most */
                 {{4000000000U, 4000000000U}, 2.0}};
    struct rng rng = {74};
    const struct ranker other = random_ranker(&rng);
    const struct ranker_net *nets[8];
    for (size_t t = 0; t < 8; t++) {
        nets[t] = other.net;
    }
    struct ranker r = other;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        ranker_mean(&r, nets, cases[k].events, 8);
        assert_true(fabs((double)r.pace - cases[k].pace) < 1e-6);
    }
}

/* From the same state: moments alike, the way times the pace. */
static void a_step_is_pace_times_wider(void **state) {
    (void)state;
    static struct sample s;
    struct rng rng = {75};
    struct ranker one;
    float e[SAMPLE];
    ranker_init(&one, 75);
    for (int t = 0; t < 30; t++) {
        random_sample(&rng, 30, &s);
        const struct ranker_rows rows = rows_of(&s);
        struct ranker wide = one;
        const struct ranker before = one;
        wide.pace = 1.0F + 3.0F * (float)rng_unit(&rng);
        (void)ranker_learn(&one, &rows, 3.0F, 1.0F, 0, true, e);
        (void)ranker_learn(&wide, &rows, 3.0F, 1.0F, 0, true, e);
        assert_memory_equal(wide.m, one.m, sizeof one.m);
        assert_memory_equal(wide.s, one.s, sizeof one.s);
        for (size_t k = 0; k < 2 * WEIGHTS; k++) {
            const double was = (double)before.net[k / WEIGHTS].weights[k % WEIGHTS];
            const double step = (double)one.net[k / WEIGHTS].weights[k % WEIGHTS] - was;
            const double way = (double)wide.net[k / WEIGHTS].weights[k % WEIGHTS] - was;
            assert_true(fabs(way - (double)wide.pace * step) < 1e-6);
        }
    }
}

/* ---- moving to the mean later ------------------------------------------------- */

static void randomise(struct ranker_net net[RANKER_NETS], struct rng *rng) {
    for (int kind = 0; kind < RANKER_NETS; kind++) {
        for (int k = 0; k < RANKER_WEIGHTS; k++) {
            net[kind].weights[k] = (float)rng_normal(rng);
        }
    }
}

static void a_net_that_did_not_learn_meanwhile_becomes_the_mean(void **state) {
    (void)state;
    struct rng rng = {41};
    static struct ranker_net nets[3][RANKER_NETS];
    static struct ranker a;
    static struct ranker b;
    static struct ranker_net mean[RANKER_NETS];
    const struct ranker_net *all[3];
    const uint32_t events[3] = {256, 300, 0};
    float pace = 0.0F;
    for (int n = 0; n < 3; n++) {
        randomise(nets[n], &rng);
        all[n] = nets[n];
    }
    ranker_init(&a, 1);
    memcpy(a.net, nets[1], sizeof a.net);
    b = a;
    ranker_mean(&a, all, events, 3);
    assert_true(ranker_mean_of(all, events, 3, mean, &pace));
    ranker_move(&b, mean, nets[1], pace);
    assert_memory_equal(&a, &b, sizeof a);
    assert_memory_equal(a.net, mean, sizeof mean);
}

static void what_was_learned_meanwhile_stays(void **state) {
    (void)state;
    struct rng rng = {42};
    static struct ranker r;
    static struct ranker_net published[RANKER_NETS];
    static struct ranker_net mean[RANKER_NETS];
    static struct ranker before;
    ranker_init(&r, 1);
    randomise(r.net, &rng);
    randomise(published, &rng);
    randomise(mean, &rng);
    before = r;
    ranker_move(&r, mean, published, 2.5F);
    for (int kind = 0; kind < RANKER_NETS; kind++) {
        for (int k = 0; k < RANKER_WEIGHTS; k++) {
            const double want = (double)before.net[kind].weights[k] +
                                (double)mean[kind].weights[k] - (double)published[kind].weights[k];
            assert_true(fabs((double)r.net[kind].weights[k] - want) < 1e-6);
        }
    }
    assert_true(r.pace == 2.5F);
    assert_memory_equal(r.m, before.m, sizeof r.m);
    assert_memory_equal(r.gate, before.gate, sizeof r.gate);
    assert_true(r.steps == before.steps);
}

static void a_move_that_is_not_finite_is_not_made(void **state) {
    (void)state;
    struct rng rng = {43};
    static struct ranker r;
    static struct ranker before;
    static struct ranker_net mean[RANKER_NETS];
    ranker_init(&r, 1);
    before = r;
    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (int k = 0; k < 3; k++) {
        randomise(mean, &rng);
        mean[RANKER_TWIN].weights[RANKER_WEIGHTS - 1] = bad[k];
        ranker_move(&r, mean, before.net, 1.5F);
        assert_memory_equal(&r, &before, sizeof r);
    }
    randomise(mean, &rng);
    ranker_move(&r, mean, before.net, NAN);
    assert_memory_equal(&r, &before, sizeof r);
}

static void without_events_there_is_no_mean(void **state) {
    (void)state;
    static struct ranker_net nets[RANKER_NETS];
    static struct ranker_net mean[RANKER_NETS];
    static struct ranker_net before[RANKER_NETS];
    const struct ranker_net *const all[] = {nets, nets};
    const uint32_t events[2] = {0, 0};
    float pace = 7.0F;
    assert_false(ranker_mean_of(all, events, 2, mean, &pace));
    assert_false(ranker_mean_of(NULL, NULL, 0, mean, &pace));
    assert_memory_equal(mean, before, sizeof mean);
    assert_true(pace == 7.0F);
}

/* The bias of Adam's moments after t steps, seen in the first step of a net whose moments are 0:
 * v += rate pace sqrt(1 - .999^t)/(1 - .9^t) m/(sqrt(s) + eps). */
static void the_bias_is_that_of_any_number_of_steps(void **state) {
    (void)state;
    const uint64_t after[] = {0, 1, 2, 3, 9, 100, 1023, 5000, 99998, 99999, 1000000};
    for (size_t k = 0; k < sizeof after / sizeof *after; k++) {
        struct ranker r;
        struct ranker first;
        float e[SAMPLE];
        struct rng rng = {5};
        static struct sample s;
        random_sample(&rng, 30, &s);
        const struct ranker_rows rows = rows_of(&s);
        ranker_init(&r, 1);
        first = r;
        r.steps = after[k];
        (void)ranker_learn(&r, &rows, 1.0F, 1.0F, 0, true, e);
        const double t = (double)(after[k] + 1);
        const double by = (double)r.net[0].v[X_DOT] - (double)first.net[0].v[X_DOT];
        const double m = (double)r.m[0].v[X_DOT];
        const double want = .002 * fmax(.5, 1.0 / (1.0 + t / 200000.0)) * sqrt(1 - pow(.999, t)) /
                            (1 - pow(.9, t)) * m / (sqrt((double)r.s[0].v[X_DOT]) + 1e-5);
        assert_true(fabs(by - want) < 1e-4 * fabs(want) + 1e-7);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_planted_linear_preference_is_learned),
        cmocka_unit_test(interactions_that_no_linear_ranker_can_tell_are_learned),
        cmocka_unit_test(the_gate_sums_the_lead_of_the_full_net_and_forgets),
        cmocka_unit_test(the_twin_is_served_while_the_full_net_is_behind),
        cmocka_unit_test(the_gate_closes_where_personalising_does_not_pay_and_opens_again),
        cmocka_unit_test(the_mean_is_weighted_by_events),
        cmocka_unit_test(the_mean_of_equal_nets_is_that_net_to_the_bit),
        cmocka_unit_test(without_events_the_mean_changes_nothing),
        cmocka_unit_test(the_pace_is_the_effective_number_of_nets),
        cmocka_unit_test(a_step_is_pace_times_wider),
        cmocka_unit_test(a_net_that_did_not_learn_meanwhile_becomes_the_mean),
        cmocka_unit_test(what_was_learned_meanwhile_stays),
        cmocka_unit_test(a_move_that_is_not_finite_is_not_made),
        cmocka_unit_test(without_events_there_is_no_mean),
        cmocka_unit_test(the_bias_is_that_of_any_number_of_steps),
    };
    return cmocka_run_group_tests_name("ranker life", tests, NULL, NULL);
}
