/* SPDX-License-Identifier: Apache-2.0
 *
 * test_eval_score.c -- the contracts of eval_score.h and eval_windows.h: figures of random trials
 * beside those that a naive second pass over all lines gives.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval_score.h"
#include "eval_windows.h"
#include "mix.h"

enum { EVENTS = 4000, DOMAINS = 2, ITEMS = 20000 };

/* A tested line with what it was tested under. */
struct record {
    struct trial_line line;
    uint8_t domain;
    bool cold;
    uint32_t user_events;
    bool ran[TRIAL_MODELS];
};

static struct {
    struct record records[3 * EVENTS];
    size_t n, events, untested;
    bool shown[DOMAINS][TRIAL_MODELS][ITEMS];
} all;

static struct eval_score *new_score(void) {
    struct eval_score *s = calloc(1, sizeof *s);
    assert_non_null(s);
    return s;
}

static void free_score(struct eval_score *s) {
    eval_score_free(s);
    free(s);
}

static uint32_t random_rank(struct rng *rng) {
    const uint32_t r = rng_below(rng, 140);
    return r < TRIAL_RANKS ? r * r / TRIAL_RANKS : TRIAL_MISS;
}

static void random_trial(struct rng *rng, struct trial *t, uint8_t domain) {
    *t = (struct trial){.tested = rng_below(rng, 8) > 0,
                        .cold = rng_below(rng, 4) == 0,
                        .user_events = rng_below(rng, 30),
                        .n_lines = 1 + rng_below(rng, 3)};
    for (unsigned m = 0; m < TRIAL_MODELS; m++) {
        t->ran[m] = m != TRIAL_FACTORS || rng_below(rng, 5) == 0;
        t->n_top[m] = rng_below(rng, TRIAL_TOP + 1);
        for (uint32_t k = 0; k < t->n_top[m]; k++) {
            t->top[m][k] = rng_below(rng, ITEMS / DOMAINS) * DOMAINS + domain;
        }
    }
    for (uint32_t k = 0; k < t->n_lines; k++) {
        struct trial_line *line = &t->lines[k];
        line->tested = rng_below(rng, 8) > 0;
        line->repeated = rng_below(rng, 3) == 0;
        line->item_events = rng_below(rng, 12);
        for (unsigned m = 0; m < TRIAL_MODELS; m++) {
            line->rank[m] = line->item_events ? random_rank(rng) : TRIAL_MISS;
        }
    }
}

/* Keeps what there is to count. */
static void keep(const struct trial *t, uint8_t domain) {
    size_t tested = 0;
    for (uint32_t k = 0; k < t->n_lines; k++) {
        if (t->tested && t->lines[k].tested) {
            struct record *r = &all.records[all.n++];
            *r = (struct record){.line = t->lines[k],
                                 .domain = domain,
                                 .cold = t->cold,
                                 .user_events = t->user_events};
            memcpy(r->ran, t->ran, sizeof r->ran);
            tested++;
        } else {
            all.untested++;
        }
    }
    all.events += tested > 0;
    for (unsigned m = 0; tested && m < TRIAL_MODELS; m++) {
        for (uint32_t k = 0; t->ran[m] && k < t->n_top[m]; k++) {
            all.shown[domain][m][t->top[m][k]] = true;
        }
    }
}

/* The slices, said once more. */
static bool is_in(const struct record *r, int slice) {
    const uint32_t e = r->line.item_events;
    switch (slice) {
    case EVAL_ALL: return true;
    case EVAL_COLD: return r->cold;
    case EVAL_WARM: return !r->cold;
    case EVAL_RARE: return e >= 1 && e <= 4;
    case EVAL_NEVER_SEEN: return e == 0;
    case EVAL_NEWCOMERS: return r->user_events <= 4;
    case EVAL_REGULARS: return r->user_events >= 20;
    case EVAL_REPEATS: return r->line.repeated;
    case EVAL_FIRSTS: return !r->line.repeated;
    default: return false;
    }
}

/* Programs read them: a new slice may come, a name must not go. */
static void the_names_of_slices_never_change(void **state) {
    (void)state;
    static const char *const names[] = {
        [EVAL_ALL] = "all",
        [EVAL_COLD] = "cold target",
        [EVAL_WARM] = "warm",
        [EVAL_RARE] = "items < 5 events",
        [EVAL_NEVER_SEEN] = "items never seen",
        [EVAL_NEWCOMERS] = "users < 5 lines",
        [EVAL_REGULARS] = "users >= 20 lines",
        [EVAL_REPEATS] = "repeat orders",
        [EVAL_FIRSTS] = "new pairs",
    };
    for (unsigned slice = 0; slice < sizeof names / sizeof *names; slice++) {
        assert_string_equal(eval_slice_str((enum eval_slice)slice), names[slice]);
    }
}

static void assert_close(double x, double expected) {
    if (!(fabs(x - expected) <= 1e-9 * (1.0 + fabs(expected)))) {
        fail_msg("%.12f, expected %.12f", x, expected);
    }
}

static void check_count(const struct eval_score *s, uint32_t domain, int slice, unsigned m) {
    double n = 0;
    double hits = 0;
    double hits_20 = 0;
    double ndcg = 0;
    double mrr = 0;
    double b = 0;
    double c = 0;
    for (size_t i = 0; i < all.n; i++) {
        const struct record *r = &all.records[i];
        if (!r->ran[m] || (domain < DOMAINS && r->domain != domain) || !is_in(r, slice)) {
            continue;
        }
        const double place =
            r->line.rank[m] == TRIAL_MISS ? (double)INFINITY : r->line.rank[m] + 1.0;
        const bool ranker = r->line.rank[TRIAL_RANKER] <= 9;
        n++;
        hits += place <= 10;
        hits_20 += place <= 20;
        ndcg += place <= 10 ? log(2.0) / log(place + 1.0) : 0.0;
        mrr += 1.0 / place;
        b += ranker && place > 10;
        c += !ranker && place <= 10;
    }
    const struct eval_count *count = &s->counts[domain < DOMAINS ? domain : EVAL_DOMAINS][slice][m];
    assert_true(n > 0 && count->n == (uint64_t)n);
    assert_close(eval_recall(count), hits / n);
    assert_close(eval_recall_20(count), hits_20 / n);
    assert_close(eval_ndcg(count), ndcg / n);
    assert_close(eval_mrr(count), mrr / n);
    assert_close(eval_error(count), sqrt(hits / n * (1 - hits / n) / n));
    assert_close(eval_mcnemar(count), b + c > 0 ? pow(fabs(b - c) - 1, 2) / (b + c) : 0.0);
}

static void metrics_are_those_of_a_naive_second_pass(void **state) {
    (void)state;
    struct rng rng = {.state = 5};
    struct eval_score *s = new_score();
    for (size_t i = 0; i < EVENTS; i++) {
        static struct trial t;
        const uint8_t domain = (uint8_t)rng_below(&rng, DOMAINS);
        random_trial(&rng, &t, domain);
        keep(&t, domain);
        assert_int_equal(eval_score_add(s, domain, t.n_lines, &t), ST_OK);
    }
    assert_int_equal(s->events, all.events);
    assert_int_equal(s->lines, all.n);
    assert_int_equal(s->untested, all.untested);
    for (uint32_t d = 0; d <= DOMAINS; d++) {
        for (int slice = 0; slice < EVAL_SLICES; slice++) {
            for (unsigned m = 0; m < TRIAL_MODELS; m++) {
                check_count(s, d, slice, m);
            }
        }
    }
    free_score(s);
}

static void coverage_counts_each_item_once(void **state) {
    (void)state;
    struct rng rng = {.state = 5}; /* the same trials */
    struct eval_score *s = new_score();
    for (size_t i = 0; i < EVENTS; i++) {
        static struct trial t;
        const uint8_t domain = (uint8_t)rng_below(&rng, DOMAINS);
        random_trial(&rng, &t, domain);
        assert_int_equal(eval_score_add(s, domain, t.n_lines, &t), ST_OK);
    }
    for (unsigned m = 0; m < TRIAL_MODELS; m++) {
        uint64_t sum = 0;
        for (uint32_t d = 0; d < DOMAINS; d++) {
            uint64_t n = 0;
            for (size_t i = 0; i < ITEMS; i++) {
                n += all.shown[d][m][i];
            }
            assert_int_equal(eval_score_covered(s, d, (enum trial_model)m), n);
            sum += n;
        }
        assert_true(sum > 0);
        assert_int_equal(eval_score_covered(s, EVAL_DOMAINS, (enum trial_model)m), sum);
    }
    free_score(s);
}

static void figures_of_nothing_are_no_numbers(void **state) {
    (void)state;
    const struct eval_count none = {0};
    assert_true(isnan(eval_recall(&none)) && isnan(eval_recall_20(&none)));
    assert_true(isnan(eval_error(&none)) && isnan(eval_ndcg(&none)) && isnan(eval_mrr(&none)));
    assert_true(eval_mcnemar(&none) == 0.0);
}

/* Figures by hand: 30 and 10 discordant lines give (20 - 1)^2/40. */
static void mcnemar_has_the_continuity_correction(void **state) {
    (void)state;
    const struct eval_count c = {.n = 100, .only_ranker = 30, .only_model = 10};
    assert_close(eval_mcnemar(&c), 361.0 / 40.0);
}

static void the_best_baseline_ran_on_every_line_and_is_none_of_the_nets(void **state) {
    (void)state;
    struct eval_score *s = new_score();
    struct eval_count *c = s->counts[0][EVAL_ALL];
    for (unsigned m = 0; m < TRIAL_MODELS; m++) {
        c[m] = (struct eval_count){.n = 100, .hits = 10};
    }
    assert_int_equal(eval_score_best(s, 0), TRIAL_LINEAR);
    c[TRIAL_RANKER].hits = c[TRIAL_FULL].hits = c[TRIAL_TWIN].hits = 50;
    c[TRIAL_FACTORS] = (struct eval_count){.n = 90, .hits = 40};
    c[TRIAL_POPULAR_7D].hits = 20;
    assert_int_equal(eval_score_best(s, 0), TRIAL_POPULAR_7D);
    c[TRIAL_FACTORS] = (struct eval_count){.n = 100, .hits = 90};
    assert_int_equal(eval_score_best(s, 0), TRIAL_FACTORS);
    free_score(s);
}

static void an_event_that_is_no_test_counts_as_untested_lines(void **state) {
    (void)state;
    static struct trial t; /* tested: false */
    struct eval_score *s = new_score();
    assert_int_equal(eval_score_add(s, 0, 7, &t), ST_OK);
    assert_int_equal(s->untested, 7);
    assert_int_equal(s->lines, 0);
    assert_int_equal(s->events, 0);
    free_score(s);
}

/* ---- windows --------------------------------------------------------------------------- */

/* Sums lines [begin, end) of those of a domain. */
static void check_window(const struct eval_window *w, size_t begin, size_t end) {
    uint64_t n[TRIAL_MODELS] = {0};
    uint64_t hits[TRIAL_MODELS] = {0};
    size_t of_domain = 0;
    size_t last = 0;
    for (size_t i = 0; i < all.n; i++) {
        const struct record *r = &all.records[i];
        if (w->domain < DOMAINS && r->domain != w->domain) {
            continue;
        }
        of_domain++;
        if (of_domain > begin && of_domain <= end) {
            for (unsigned m = 0; m < TRIAL_MODELS; m++) {
                n[m] += r->ran[m];
                hits[m] += r->ran[m] && r->line.rank[m] < 10;
            }
            last = i;
        }
    }
    assert_int_equal(w->line, last + 1);
    assert_int_equal(w->ts_ms, (int64_t)last * 1000);
    for (unsigned m = 0; m < TRIAL_MODELS; m++) {
        assert_int_equal(w->hits.n[m], n[m]);
        assert_int_equal(w->hits.hits[m], hits[m]);
    }
}

static void add_all(struct eval_windows *w, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const struct record *r = &all.records[i];
        assert_int_equal(eval_windows_add(w, r->domain, i + 1, (int64_t)i * 1000, &r->line, r->ran),
                         ST_OK);
    }
    assert_int_equal(eval_windows_end(w), ST_OK);
}

static size_t n_of(uint32_t domain, size_t n) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        count += domain >= DOMAINS || all.records[i].domain == domain;
    }
    return count;
}

static void windows_slide_over_the_last_five_thousand_lines(void **state) {
    (void)state;
    struct eval_windows *w = calloc(1, sizeof *w);
    assert_non_null(w);
    assert_true(all.n > 6000);
    add_all(w, all.n);
    size_t ends[DOMAINS_MAX + 1] = {0};
    for (size_t k = 0; k < w->n; k++) {
        const struct eval_window *window = &w->windows[k];
        const size_t n = n_of(window->domain, all.n);
        size_t *end = &ends[window->domain];
        *end += *end == 0 ? EVAL_WINDOW : EVAL_STEP;
        if (*end <= n) {
            check_window(window, *end - EVAL_WINDOW, *end);
        } else { /* the last: its newest step is short */
            assert_true(n < EVAL_WINDOW || *end - n < EVAL_STEP);
            check_window(window, *end - EVAL_WINDOW, n);
        }
    }
    assert_true(ends[DOMAINS_MAX] >= all.n);
    eval_windows_free(w);
    free(w);
}

static void a_short_stream_has_one_window_at_its_end(void **state) {
    (void)state;
    struct eval_windows *w = calloc(1, sizeof *w);
    assert_non_null(w);
    add_all(w, 700);
    assert_int_equal(w->n, DOMAINS + 1);
    for (size_t k = 0; k < w->n; k++) {
        check_window(&w->windows[k], 0, n_of(w->windows[k].domain, 700));
    }
    eval_windows_free(w);
    free(w);
}

static void a_stream_that_ends_with_a_window_has_no_second_one(void **state) {
    (void)state;
    struct eval_windows *w = calloc(1, sizeof *w);
    assert_non_null(w);
    add_all(w, EVAL_WINDOW);
    size_t of_all = 0;
    for (size_t k = 0; k < w->n; k++) {
        of_all += w->windows[k].domain == DOMAINS_MAX;
    }
    assert_int_equal(of_all, 1);
    eval_windows_free(w);
    free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metrics_are_those_of_a_naive_second_pass), /* makes `all` */
        cmocka_unit_test(coverage_counts_each_item_once),
        cmocka_unit_test(figures_of_nothing_are_no_numbers),
        cmocka_unit_test(the_names_of_slices_never_change),
        cmocka_unit_test(mcnemar_has_the_continuity_correction),
        cmocka_unit_test(the_best_baseline_ran_on_every_line_and_is_none_of_the_nets),
        cmocka_unit_test(an_event_that_is_no_test_counts_as_untested_lines),
        cmocka_unit_test(windows_slide_over_the_last_five_thousand_lines),
        cmocka_unit_test(a_short_stream_has_one_window_at_its_end),
        cmocka_unit_test(a_stream_that_ends_with_a_window_has_no_second_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
