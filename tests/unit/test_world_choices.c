/* SPDX-License-Identifier: Apache-2.0
 *
 * test_world_choices.c -- contract tests of models/world.h: what is chosen, when, and
 * how, against the published distributions. Figures called "reference" come from six
 * runs of another implementation of the same process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "world_run.h"

/* ---- choices --------------------------------------------------------------- */

/*
 * The probability integral transform: order the items by some key; the mass before
 * the chosen one plus a random share of its own is uniform, event by event, if and
 * only if the probabilities are right. Each key has power against another fault.
 */
enum { KEY_SCORE, KEY_TASTE, KEY_AGE, KEY_DAILY, KEY_ITEM, KEYS, BINS = 20 };

/* And of these sets of items as many are chosen as the probabilities say. */
enum { SET_NEW, SET_TAKEN, SETS }; /* born in the last two days; had before */

struct pit {
    double bins[2][KEYS][BINS];
    double chosen[2][SETS], expected[2][SETS], variance[2][SETS];
    uint32_t n_items;
    uint64_t noise;
    uint16_t *taken; /* (users, 2, items) */
};

static double noise(struct pit *t) { /* Knuth's MMIX generator: not the code's own */
    t->noise = t->noise * 6364136223846793005U + 1442695040888963407U;
    return (double)(t->noise >> 11) * 0x1p-53;
}

static uint16_t *taken_by(const struct pit *t, const struct world_event *e) {
    return t->taken + ((size_t)e->user * 2 + e->domain) * t->n_items;
}

/* p[i] from the formulas of world.h, and the keys. `once`: taken items are out. */
static void probabilities(const struct run *r, const struct pit *t, const struct world_event *e,
                          bool once, double *p, double (*key)[KEYS]) {
    const double *z = world_user_taste(r->world, e->domain, e->user);
    const uint16_t *taken = taken_by(t, e);
    int64_t day = (e->ts_ms - START) / DAY_MS * DAY_MS + START;
    int64_t opposite = day + (e->ts_ms - day + 12 * HOUR_MS) % DAY_MS;
    double total = 0.0;
    for (uint32_t i = 0; i < t->n_items; i++) {
        const double *y = world_item_direction(r->world, e->domain, i);
        double a = world_attraction(r->world, e->domain, i, e->ts_ms);
        double fit = 0.0;
        for (int k = 0; k < K; k++) {
            fit += z[k] * y[k];
        }
        int64_t birth = world_item_birth_ms(r->world, e->domain, i);
        bool possible = birth <= e->ts_ms && !(once && taken[i]);
        p[i] = possible ? exp(a + 2.0 * fit) : 0.0;
        total += p[i];
        key[i][KEY_SCORE] = a + 2.0 * fit;
        key[i][KEY_TASTE] = fit;
        key[i][KEY_AGE] = (double)birth;
        key[i][KEY_DAILY] = a - world_attraction(r->world, e->domain, i, opposite);
        key[i][KEY_ITEM] = (double)i;
    }
    for (uint32_t i = 0; i < t->n_items; i++) {
        p[i] /= total;
    }
}

/* Plain and courses: the softmax. Lively food: .35 goes to the user's earlier lines. */
static void mix_repeats(const struct pit *t, const struct world_event *e, double *p) {
    const uint16_t *taken = taken_by(t, e);
    double n = 0.0;
    for (uint32_t i = 0; i < t->n_items; i++) {
        n += taken[i];
    }
    for (uint32_t i = 0; n > 0.0 && i < t->n_items; i++) {
        p[i] = 0.65 * p[i] + 0.35 * taken[i] / n;
    }
}

static void sets_add(const struct run *r, struct pit *t, const struct world_event *e,
                     const double *p) {
    const uint8_t g = e->domain;
    double mass[SETS] = {0.0};
    for (uint32_t i = 0; i < t->n_items; i++) {
        int64_t birth = world_item_birth_ms(r->world, g, i);
        bool in[SETS] = {birth > START && birth > e->ts_ms - 2 * DAY_MS, taken_by(t, e)[i] > 0};
        for (int s = 0; s < SETS; s++) {
            mass[s] += in[s] ? p[i] : 0.0;
            t->chosen[g][s] += in[s] && i == e->item[0];
        }
    }
    for (int s = 0; s < SETS; s++) {
        t->expected[g][s] += mass[s];
        t->variance[g][s] += mass[s] * (1.0 - mass[s]);
    }
}

static void pit_add(const struct run *r, struct pit *t, const struct world_event *e) {
    double p[128] = {0.0};
    double key[128][KEYS] = {{0.0}};
    bool repeats = r->params.lively && e->domain == FOOD;
    uint32_t chosen = e->item[0];
    probabilities(r, t, e, !repeats, p, key);
    if (repeats) {
        mix_repeats(t, e, p);
    }
    assert_true(p[chosen] > 0.0); /* born, and not taken */
    sets_add(r, t, e, p);
    for (int k = 0; k < KEYS; k++) {
        double before = 0.0;
        double own = 0.0;
        for (uint32_t i = 0; i < t->n_items; i++) {
            before += key[i][k] > key[chosen][k] ? p[i] : 0.0;
            own += key[i][k] == key[chosen][k] ? p[i] : 0.0;
        }
        int bin = (int)((before + noise(t) * own) * BINS);
        t->bins[e->domain][k][bin < BINS ? bin : BINS - 1] += 1.0;
    }
}

/* Chi-squared of BINS equal bins: above 50.8 with probability .0001. */
static void assert_uniform(const struct pit *t) {
    for (int g = 0; g < 2; g++) {
        for (int k = 0; k < KEYS; k++) {
            double n = 0.0;
            double chi2 = 0.0;
            for (int b = 0; b < BINS; b++) {
                n += t->bins[g][k][b];
            }
            for (int b = 0; b < BINS; b++) {
                chi2 += pow(t->bins[g][k][b] - n / BINS, 2.0) / (n / BINS);
            }
            if (!(n > 5000.0 && chi2 < 50.8)) {
                fail_msg("domain %d, key %d: chi-squared %.1f of %.0f choices", g, k, chi2, n);
            }
        }
    }
}

static void assert_sets_as_expected(const struct pit *t) {
    for (int g = 0; g < 2; g++) {
        for (int s = 0; s < SETS; s++) {
            double sigma = sqrt(t->variance[g][s]);
            assert_near(s == SET_NEW ? "choices of new items" : "choices of earlier items",
                        t->chosen[g][s], t->expected[g][s], 3.5 * sigma);
        }
    }
}

/* The first line of each choice; the item of a view is enrolled in without another. */
static void choices_follow_the_exact_probabilities(void **state) {
    const struct run *r = *state;
    struct pit t = {.n_items = r->params.items, .noise = 1};
    t.taken = calloc((size_t)r->params.users * 2 * t.n_items, sizeof *t.taken);
    bool *viewing = calloc(r->params.users, sizeof *viewing);
    assert_non_null(t.taken);
    assert_non_null(viewing);
    for (size_t i = 0; i < r->n; i++) {
        const struct world_event *e = &r->events[i];
        if (!viewing[e->user]) {
            pit_add(r, &t, e);
        }
        viewing[e->user] = e->action == ACTION_VIEW;
        for (int l = 0; e->action != ACTION_VIEW && l < e->n_lines; l++) {
            taken_by(&t, e)[e->item[l]]++;
        }
    }
    assert_uniform(&t);
    assert_sets_as_expected(&t);
    free(viewing);
    free(t.taken);
}

/* ---- arrivals -------------------------------------------------------------- */

/* First harmonic of the hour of day of a domain's events, and the weekend's share. */
static void hours_of(const struct run *r, uint8_t domain, double *amplitude, double *peak,
                     double *weekend) {
    double n = 0.0;
    double even = 0.0;
    double odd = 0.0;
    *weekend = 0.0;
    for (size_t i = 0; i < r->n; i++) {
        if (r->events[i].domain == domain) {
            int64_t at = r->events[i].ts_ms - START;
            double angle = (double)(at % DAY_MS) / (double)DAY_MS * 2.0 * PI;
            n += 1.0;
            even += cos(angle);
            odd += sin(angle);
            *weekend += at / DAY_MS % 7 >= 5;
        }
    }
    *amplitude = 2.0 * hypot(even, odd) / n;
    *peak = fmod(atan2(odd, even) / PI * 12.0 + 24.0, 24.0);
    *weekend /= n;
}

/* The tolerances are about four standard deviations of the reference's six runs. */
static void arrivals_agree_with_the_reference(void **state) {
    (void)state;
    struct world_params p = PLAIN;
    p.users = 9000;
    p.items = 600;
    struct run r = run_of(p);
    uint32_t *count = calloc((size_t)p.users * 2, sizeof *count);
    assert_non_null(count);
    int64_t *last = calloc(p.users, sizeof *last);
    assert_non_null(last);
    double time = 0.0;
    double courses = 0.0;
    double gaps = 0.0;
    for (size_t i = 0; i < r.n; i++) {
        int64_t before = last[r.events[i].user];
        last[r.events[i].user] = r.events[i].ts_ms;
        gaps += before ? (double)(r.events[i].ts_ms - before) / (double)DAY_MS : 0.0;
        count[r.events[i].user * 2 + r.events[i].domain]++;
        time += (double)(r.events[i].ts_ms - START) / (180.0 * (double)DAY_MS);
        courses += r.events[i].domain == COURSE;
    }
    double both = 0.0;
    double squares = 0.0;
    const double n = (double)r.n;
    for (uint32_t u = 0; u < p.users; u++) {
        both += count[2 * u] > 0 && count[2 * u + 1] > 0;
        squares += pow(count[2 * u] + count[2 * u + 1] - n / p.users, 2.0);
    }
    assert_near("events", n, 133200.0, 4000.0);
    assert_near("mean gap in days", gaps / (n - p.users), 2.234, 0.07);
    assert_near("share of courses", courses / n, 0.5656, 0.009);
    assert_near("users in both domains", both / p.users, 0.7784, 0.012);
    assert_near("mean time", time / n, 0.5124, 0.009);
    assert_near("variance of events a user", squares / p.users, 96.8, 7.0);
    double amplitude;
    double peak;
    double weekend;
    hours_of(&r, COURSE, &amplitude, &peak, &weekend);
    assert_near("daily amplitude of courses", amplitude, 0.811, 0.02);
    assert_near("peak hour of courses", peak, 19.76, 0.12);
    assert_near("weekend share of courses", weekend, 0.2256, 0.006);
    hours_of(&r, FOOD, &amplitude, &peak, &weekend);
    assert_near("daily amplitude of food", amplitude, 0.768, 0.02);
    assert_near("peak hour of food", peak, 12.80, 0.12);
    assert_near("weekend share of food", weekend, 0.3206, 0.008);
    free(count);
    free(last);
    run_free(&r);
}

/* A geometric number with mean 7: at each event but the first, 1 in 7 who have not
 * joined the other domain join it. Later events are in either with chance 1/2. */
static void users_join_the_other_domain_with_hazard_one_in_seven(void **state) {
    const struct run *r = *state;
    enum { FIRST, SECOND, JOINED };
    uint8_t *phase = calloc(r->params.users, 1);
    uint8_t *first = calloc(r->params.users, 1);
    uint32_t *seen = calloc(r->params.users, sizeof *seen);
    double at_risk[2] = {0.0}; /* of the first two chances, and of all later ones */
    double joined[2] = {0.0};
    double after = 0.0;
    double same = 0.0;
    double courses = 0.0;
    for (size_t i = 0; i < r->n; i++) {
        const struct world_event *e = &r->events[i];
        uint32_t u = e->user;
        if (phase[u] == FIRST) {
            first[u] = e->domain;
            courses += e->domain == COURSE;
            phase[u] = SECOND;
        } else if (phase[u] == SECOND) {
            int late = seen[u] > 2;
            at_risk[late] += 1.0;
            joined[late] += e->domain != first[u];
            phase[u] = e->domain != first[u] ? JOINED : SECOND;
        } else {
            after += 1.0;
            same += e->domain == first[u];
        }
        seen[u]++;
    }
    for (int late = 0; late < 2; late++) { /* sigma: .0065 and .0035 */
        assert_near("hazard", joined[late] / at_risk[late], 1.0 / 7.0, late ? 0.015 : 0.025);
    }
    assert_near("share in the first domain after", same / after, 0.5, 0.02);
    assert_near("users who start with courses", courses / r->params.users, 0.7, 0.04);
    free(phase);
    free(first);
    free(seen);
}

/* ---- plain and lively ------------------------------------------------------ */

static void a_plain_event_is_one_item_of_no_price_and_never_a_view(void **state) {
    const struct run *r = *state;
    for (size_t i = 0; i < r->n; i++) {
        const struct world_event *e = &r->events[i];
        assert_int_equal(e->n_lines, 1);
        assert_int_equal(e->action, e->domain == COURSE ? ACTION_ENROLL : ACTION_ORDER);
        assert_true(e->quantity[0] == 1.0F && e->amount[0] == 0.0F);
    }
}

static void a_plain_user_takes_nothing_twice_in_either_domain(void **state) {
    const struct run *r = *state;
    uint8_t *taken = calloc((size_t)r->params.users * 2 * r->params.items, 1);
    assert_non_null(taken);
    for (size_t i = 0; i < r->n; i++) {
        const struct world_event *e = &r->events[i];
        size_t user = (size_t)e->user * 2 + e->domain;
        assert_int_equal(taken[user * r->params.items + e->item[0]]++, 0);
    }
    free(taken);
}

/* 1 + Geometric(mean .8): P(n lines) = (1/1.8) (.8/1.8)^(n-1). */
static void a_lively_order_has_distinct_lines_as_published(void **state) {
    const struct run *r = *state;
    double orders = 0.0;
    double lines = 0.0;
    double single = 0.0;
    double two = 0.0;
    float price[128] = {0.0F};
    for (size_t i = 0; i < r->n; i++) {
        const struct world_event *e = &r->events[i];
        if (e->domain != FOOD) {
            assert_int_equal(e->n_lines, 1);
            continue;
        }
        assert_int_equal(e->action, ACTION_ORDER);
        assert_in_range(e->n_lines, 1, WORLD_LINES_MAX);
        orders += 1.0;
        single += e->n_lines == 1;
        lines += e->n_lines;
        for (int l = 0; l < e->n_lines; l++) {
            for (int m = 0; m < l; m++) {
                assert_int_not_equal(e->item[l], e->item[m]);
            }
            float *of_item = &price[e->item[l]]; /* one price an item */
            assert_true(*of_item == 0.0F || *of_item == e->amount[l] / e->quantity[l]);
            *of_item = e->amount[l] / e->quantity[l];
            assert_true(e->amount[l] > 0.0F && e->amount[l] < 500.0F);
            assert_true(e->quantity[l] == 1.0F || e->quantity[l] == 2.0F);
            two += e->quantity[l] > 1.0F;
        }
    }
    assert_near("lines an order", lines / orders, 1.8, 0.05);
    assert_near("orders of one line", single / orders, 1.0 / 1.8, 0.02);
    assert_true(two > 0.0 && two < 0.5 * lines);
}

static void lively_users_repeat_dishes_but_never_courses(void **state) {
    const struct run *r = *state;
    uint8_t *taken = calloc((size_t)r->params.users * 2 * r->params.items, 1);
    assert_non_null(taken);
    double lines = 0.0;
    double repeats = 0.0;
    for (size_t i = 0; i < r->n; i++) {
        const struct world_event *e = &r->events[i];
        uint8_t *mine = taken + ((size_t)e->user * 2 + e->domain) * r->params.items;
        for (int l = 0; e->action != ACTION_VIEW && l < e->n_lines; l++) {
            lines += e->domain == FOOD;
            repeats += e->domain == FOOD && mine[e->item[l]];
            if (e->domain == COURSE) {
                assert_int_equal(mine[e->item[l]], 0);
            }
            mine[e->item[l]] = 1;
        }
    }
    assert_true(repeats > 0.3 * lines && repeats < 0.7 * lines);
    free(taken);
}

/* A view is followed by the enrolment as the user's next event, minutes to hours later. */
static void lively_courses_are_viewed_before_with_probability_06(void **state) {
    const struct run *r = *state;
    const struct world_event **last = calloc(r->params.users, sizeof *last);
    assert_non_null(last);
    double enrolments = 0.0;
    double viewed = 0.0;
    double views = 0.0;
    double long_enough = 0.0;
    double above_median = 0.0;
    for (size_t i = 0; i < r->n; i++) {
        const struct world_event *e = &r->events[i];
        const struct world_event *before = last[e->user];
        bool follows = before && before->action == ACTION_VIEW;
        if (follows) {
            int64_t delay = e->ts_ms - before->ts_ms;
            assert_int_equal(e->action, ACTION_ENROLL);
            assert_int_equal(e->item[0], before->item[0]);
            assert_true(delay > 0 && delay <= 6 * HOUR_MS);
            long_enough += delay >= 3 * 60000;
            above_median += (double)delay > sqrt(3.0 * 360.0) * 60000.0;
            viewed += 1.0;
        }
        if (e->action == ACTION_VIEW) {
            assert_int_equal(e->domain, COURSE);
            assert_true(e->amount[0] == 0.0F);
            views += 1.0;
        }
        enrolments += e->action == ACTION_ENROLL;
        if (e->action == ACTION_ENROLL) {
            assert_true(e->amount[0] > 0.0F);
        }
        last[e->user] = e;
    }
    assert_true(views == viewed);
    assert_near("viewed before", viewed / enrolments, 0.6, 0.02);
    assert_true(long_enough > 0.97 * viewed);
    assert_near("longer than the median", above_median / viewed, 0.49, 0.025);
    free(last);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_PLAIN(choices_follow_the_exact_probabilities),
        ON_LIVELY(choices_follow_the_exact_probabilities),
        cmocka_unit_test(arrivals_agree_with_the_reference),
        ON_PLAIN(users_join_the_other_domain_with_hazard_one_in_seven),
        ON_PLAIN(a_plain_event_is_one_item_of_no_price_and_never_a_view),
        ON_PLAIN(a_plain_user_takes_nothing_twice_in_either_domain),
        ON_LIVELY(a_lively_order_has_distinct_lines_as_published),
        ON_LIVELY(lively_users_repeat_dishes_but_never_courses),
        ON_LIVELY(lively_courses_are_viewed_before_with_probability_06),
    };
    return cmocka_run_group_tests(tests, make_runs, free_runs);
}
