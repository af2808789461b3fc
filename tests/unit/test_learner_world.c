/* SPDX-License-Identifier: Apache-2.0
 * test_learner_world.c -- does the learner learn? Prequential recall@10 in the synthetic world
 * (world.h: plain, tastes correlated by rho) against 7-day popularity in the same pass.
 *
 * The bounds are regressions: a little below what was measured (in the comments), at several
 * seeds. The skill is in knowing the user, not in the order of the file: with the users of
 * the food domain exchanged, what crosses from the course domain is gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "learner_run.h"
#include "world.h"

/* Under a sanitizer only: that it runs, and without a leak. */
#define SANITIZED 0
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#undef SANITIZED
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#undef SANITIZED
#define SANITIZED 1
#endif
#endif

enum { USERS = 1500, ITEMS = 200, COURSE = 0, FOOD = 1 };

/* What was recalled: all lines, and the first of each user in a domain (cold target) by what is
 * served and by what knows nothing of the user. */
struct outcome {
    struct prequential_counts of[WORLD_DOMAINS];
    uint64_t cold, served, twin, popular; /* in both domains */
};

static void try_cold(struct learner *l, const struct made *m, struct outcome *out) {
    static struct trial_baselines unused;
    static struct trial trial;
    assert_int_equal(learner_try(l, 0, &m->e, false, &unused, &trial), ST_OK);
    if (trial.tested && trial.cold) {
        out->cold++;
        out->served += trial.lines[0].rank[TRIAL_RANKER] < 10;
        out->twin += trial.lines[0].rank[TRIAL_TWIN] < 10;
        out->popular += trial.lines[0].rank[TRIAL_POPULAR_1D] < 10;
    }
}

static void take(struct learner *l, const struct made *m, bool *known, struct outcome *out) {
    const uint32_t user = (uint32_t)strtoul(m->user_id + 1, NULL, 10);
    bool *here = &known[user * WORLD_DOMAINS + m->e.domain];
    if (!*here) {
        try_cold(l, m, out);
    }
    *here = true;
    (void)learn(l, m);
}

static double share(uint64_t hits, uint64_t n) {
    return (double)hits / (double)n;
}

/* `exchanged`: in the food domain user u is called u + 1. */
static struct outcome live(uint64_t seed, double rho, uint32_t users, double days, bool exchanged,
                           uint32_t n_tasks) {
    const struct world_params params = {
        .users = users, .items = ITEMS, .rho = rho, .days = days, .start_ms = START, .seed = seed};
    struct outcome out = {.cold = 0};
    struct world *w = NULL;
    struct world_event e;
    struct learner_params p = params_of(WORLD_DOMAINS);
    bool *known = calloc(users, WORLD_DOMAINS * sizeof *known);
    assert_non_null(known);
    p.mini_batch = 256;
    p.segments = (struct segments_params){.k = 6, .seed_points = 500, .half_life = 20000.0};
    struct learner *l = learner_of(p, n_tasks);
    assert_int_equal(world_new(&params, &w), ST_OK);
    for (uint64_t number = 1; world_next(w, &e); number++) {
        struct made m;
        const uint32_t user = exchanged && e.domain == FOOD ? (e.user + 1) % users : e.user;
        make_one(&m, number, user, e.domain, (enum action)e.action, e.ts_ms, e.item[0]);
        m.task = user % n_tasks;
        if (n_tasks > 1) {
            (void)learn(l, &m);
        } else {
            take(l, &m, known, &out);
        }
        if (number % 1000 == 0) {
            assert_int_equal(learner_seal(l, m.task), ST_OK);
            learner_committed(l, m.task);
        }
    }
    for (uint32_t d = 0; d < WORLD_DOMAINS; d++) {
        out.of[d] = prequential_total(learner_prequential(l), d);
        print_message("seed %u rho %.1f %s: n %u model %.4f popularity %.4f chi2 %.1f\n",
                      (unsigned)seed, rho, d ? "food" : "course", (unsigned)out.of[d].n,
                      (double)out.of[d].model / (double)out.of[d].n,
                      (double)out.of[d].baseline / (double)out.of[d].n,
                      prequential_mcnemar(&out.of[d]));
    }
    if (out.cold > 0) {
        print_message("cold %u served %.4f twin %.4f popularity %.4f\n", (unsigned)out.cold,
                      share(out.served, out.cold), share(out.twin, out.cold),
                      share(out.popular, out.cold));
    }
    world_free(w);
    learner_free(l);
    free(known);
    return out;
}

static double gain(const struct prequential_counts *c) {
    return ((double)c->model - (double)c->baseline) / (double)c->n;
}

/* Measured at seeds 1 and 2: course .343 and .332 against .229 and .191 (chi2 601, 837),
 * food .322 and .351 against .203 and .245 (chi2 511, 450). */
static void the_model_beats_seven_day_popularity_in_both_domains(void **state) {
    (void)state;
    if (SANITIZED) {
        const struct outcome few = live(1, 0.8, 100, 40.0, false, 1);
        assert_true(few.of[COURSE].n > 0 && few.of[FOOD].n > 0);
        return;
    }
    for (uint64_t seed = 1; seed <= 2; seed++) {
        const struct outcome out = live(seed, 0.8, USERS, 120.0, false, 1);
        for (uint32_t d = 0; d < WORLD_DOMAINS; d++) {
            const struct prequential_counts *c = &out.of[d];
            assert_true(c->n > 8000);
            assert_true(prequential_mcnemar(c) > 300.0); /* 10.83 is p < .001 */
            assert_true(gain(c) > 0.095);
            assert_true((double)c->model / (double)c->n > 0.31);
        }
    }
}

/* Cold target: served .300, the twin, who does not know the user, .269, 1-day popularity .249. With
 * the users of one domain exchanged, what is served is no better than the twin: .270 and .273. */
static void what_crosses_between_domains_is_the_user(void **state) {
    (void)state;
    if (SANITIZED) {
        return;
    }
    const struct outcome true_users = live(1, 0.8, USERS, 120.0, false, 1);
    const struct outcome exchanged = live(1, 0.8, USERS, 120.0, true, 1);
    assert_true(true_users.cold > 1000 && exchanged.cold > 1000);
    const double twin = share(true_users.twin, true_users.cold);
    assert_true(share(true_users.served, true_users.cold) > 0.285);
    assert_true(share(true_users.served, true_users.cold) > twin + 0.02);
    assert_true(share(true_users.served, true_users.cold) >
                share(true_users.popular, true_users.cold) + 0.04);
    assert_true(fabs(share(exchanged.served, exchanged.cold) -
                     share(exchanged.twin, exchanged.cold)) < 0.01);
}

/* Four rankers, averaged: course .333, food .316 where one has .343 and .322. */
static void four_tasks_learn_nearly_as_well_as_one(void **state) {
    (void)state;
    const struct outcome out =
        SANITIZED ? live(1, 0.8, 100, 40.0, false, 4) : live(1, 0.8, USERS, 120.0, false, 4);
    assert_true(SANITIZED || (gain(&out.of[COURSE]) > 0.09 && gain(&out.of[FOOD]) > 0.09));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_model_beats_seven_day_popularity_in_both_domains),
        cmocka_unit_test(what_crosses_between_domains_is_the_user),
        cmocka_unit_test(four_tasks_learn_nearly_as_well_as_one),
    };
    return cmocka_run_group_tests_name("learner world", tests, NULL, NULL);
}
