/* SPDX-License-Identifier: Apache-2.0
 *
 * test_ranker.c -- contract tests of models/ranker.h, in the order of that header. The truth is
 * the header's equations in double, and differences of log p_0 for its gradient.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "mix.h"
#include "ranker.h"

enum { X = RANKER_X, LIST = RANKER_LIST_MAX, SAMPLE = RANKER_SAMPLE_MAX };

struct sample {
    float x[X][SAMPLE];
};

/* ---- truth and helpers ---------------------------------------------------- */

static double normal(struct rng *rng) {
    double sum = -6.0;
    for (int j = 0; j < 12; j++) {
        sum += rng_unit(rng);
    }
    return sum;
}

/* Columns from n on hold NaN: nobody may use them. */
static void random_sample(struct rng *rng, uint32_t n, struct sample *s) {
    for (size_t k = 0; k < X; k++) {
        for (uint32_t c = 0; c < SAMPLE; c++) {
            s->x[k][c] = c < n ? (float)normal(rng) : NAN;
        }
    }
}

static struct ranker random_ranker(struct rng *rng) {
    struct ranker r = {.steps = 0};
    for (size_t k = 0; k < X; k++) {
        r.v[k] = (float)(.5 * normal(rng));
    }
    return r;
}

/* log p_0 and the expectations, straight from the header. */
static double naive(const double v[X], const struct sample *s, uint32_t n, double w,
                    double e[SAMPLE]) {
    double z = 0.0;
    for (uint32_t c = 0; c < n; c++) {
        double score = 0.0;
        for (size_t k = 0; k < X; k++) {
            score += v[k] * (double)s->x[k][c];
        }
        e[c] = (c ? w : 1.0) * exp(score);
        z += e[c];
    }
    for (uint32_t c = 0; c < n; c++) {
        e[c] /= z;
    }
    return log(e[0]);
}

static void widen(const struct ranker *r, double v[X]) {
    for (size_t k = 0; k < X; k++) {
        v[k] = (double)r->v[k];
    }
}

/* Any finite float, all magnitudes alike. */
static float any_finite(struct rng *rng) {
    const float f = ldexpf((float)(2.0 * rng_unit(rng) - 1.0), (int)rng_below(rng, 277) - 148);
    return isfinite(f) ? f : 3e38F;
}

static void assert_weights_finite(const struct ranker *r) {
    for (size_t k = 0; k < X; k++) {
        assert_true(isfinite(r->v[k]) && isfinite(r->m[k]) && isfinite(r->s[k]));
    }
}

/* ---- ranker_init ---------------------------------------------------------- */

static void initial_weights_are_the_documented_ones(void **state) {
    (void)state;
    struct ranker r;
    memset(&r, 0x5a, sizeof r);
    ranker_init(&r);
    for (size_t k = 0; k < X; k++) {
        const float want = k == X_K1_REL                    ? 2.0F
                           : k == X_DOT                     ? .3F
                           : k == X_POP_1D || k == X_POP_7D ? .5F
                                                            : 0.0F;
        assert_true(r.v[k] == want);
        assert_true(r.m[k] == 0.0F && r.s[k] == 0.0F);
    }
    assert_int_equal(r.steps, 0);
}

/* ---- ranker_scores, ranker_score_one, ranker_parts ------------------------ */

static void scores_equal_the_naive_product_for_every_length(void **state) {
    (void)state;
    static float x[X][LIST];
    static const uint32_t lengths[] = {0, 1, 15, 16, 17, 31, 64, 320, 767, 768};
    struct rng rng = {11};
    for (size_t t = 0; t < sizeof lengths / sizeof *lengths; t++) {
        const uint32_t n = lengths[t];
        const struct ranker r = random_ranker(&rng);
        for (size_t k = 0; k < X; k++) {
            for (uint32_t c = 0; c < LIST; c++) {
                x[k][c] = c < n ? (float)normal(&rng) : NAN;
            }
        }
        float scores[LIST + 1];
        scores[n] = 7.0F;
        ranker_scores(&r, x[0], LIST, n, scores);
        assert_true(scores[n] == 7.0F);
        for (uint32_t c = 0; c < n; c++) {
            double s = 0.0;
            double magnitude = 0.0;
            float parts[X];
            float sum = 0.0F;
            ranker_parts(&r, x[0], LIST, c, parts);
            for (size_t k = 0; k < X; k++) {
                s += (double)r.v[k] * (double)x[k][c];
                magnitude += fabs((double)r.v[k] * (double)x[k][c]);
                assert_true(parts[k] == r.v[k] * x[k][c]);
                sum += parts[k];
            }
            assert_true(fabs((double)scores[c] - s) <= 2e-6 * magnitude);
            assert_true(fabs((double)sum - s) <= 2e-6 * magnitude);
            assert_true(fabs((double)ranker_score_one(&r, x[0], LIST, c) - s) <= 6e-8 * fabs(s));
        }
    }
}

static void a_smaller_stride_gives_the_same_scores(void **state) {
    (void)state;
    static float wide[X][LIST];
    static float tight[X][48];
    struct rng rng = {12};
    const struct ranker r = random_ranker(&rng);
    for (size_t k = 0; k < X; k++) {
        for (size_t c = 0; c < 48; c++) {
            wide[k][c] = tight[k][c] = (float)normal(&rng);
        }
    }
    float a[48];
    float b[48];
    ranker_scores(&r, wide[0], LIST, 45, a);
    ranker_scores(&r, tight[0], 48, 45, b);
    assert_memory_equal(a, b, 45 * sizeof *a);
    for (uint32_t c = 0; c < 45; c++) {
        assert_true(ranker_score_one(&r, wide[0], LIST, c) ==
                    ranker_score_one(&r, tight[0], 48, c));
    }
}

/* ---- ranker_learn --------------------------------------------------------- */

static void expectations_and_likelihood_equal_the_naive_ones_and_sum_to_one(void **state) {
    (void)state;
    static struct sample s;
    struct rng rng = {21};
    for (uint32_t n = 2; n <= SAMPLE; n++) {
        struct ranker r = random_ranker(&rng);
        const float w = (float)(.2 + 20.0 * rng_unit(&rng));
        float e[SAMPLE + 1];
        double truth[SAMPLE];
        double v[X];
        random_sample(&rng, n, &s);
        widen(&r, v);
        e[n] = 7.0F;
        const double log_p = naive(v, &s, n, (double)w, truth);
        assert_true(fabs((double)ranker_learn(&r, s.x[0], SAMPLE, n, w, 1.0, e) - log_p) <
                    1e-5 * (1.0 - log_p));
        assert_true(e[n] == 7.0F);
        double sum = 0.0;
        for (uint32_t c = 0; c < n; c++) {
            assert_true(fabs((double)e[c] - truth[c]) <= 1e-6 * truth[c] + 1e-30);
            sum += (double)e[c];
        }
        assert_true(fabs(sum - 1.0) < 1e-6);
    }
}

/* After the first step Adam's first moment is a tenth of the gradient: that shows it. */
static void the_gradient_is_that_of_log_p(void **state) {
    (void)state;
    static struct sample s;
    struct rng rng = {22};
    for (uint32_t n = 2; n <= SAMPLE; n += 3) {
        struct ranker r = random_ranker(&rng);
        const float w = (float)(.2 + 20.0 * rng_unit(&rng));
        double v[X];
        double unused[SAMPLE];
        float e[SAMPLE];
        random_sample(&rng, n, &s);
        widen(&r, v);
        (void)ranker_learn(&r, s.x[0], SAMPLE, n, w, 1.0, e);
        for (size_t k = 0; k < X; k++) {
            const double at = v[k];
            const double h = 1e-4;
            v[k] = at + h;
            const double up = naive(v, &s, n, (double)w, unused);
            v[k] = at - h;
            const double down = naive(v, &s, n, (double)w, unused);
            v[k] = at;
            assert_true(fabs(10.0 * (double)r.m[k] - (up - down) / (2.0 * h)) < 2e-6);
        }
    }
}

/* Adam in double, from the paper, epsilon beside the uncorrected root (end of its section 2). */
static void the_first_steps_are_adams(void **state) {
    (void)state;
    static struct sample s;
    struct rng rng = {23};
    struct ranker r;
    ranker_init(&r);
    double v[X];
    double m[X] = {0};
    double u[X] = {0};
    widen(&r, v);
    for (int t = 1; t <= 200; t++) {
        const uint32_t n = 2 + rng_below(&rng, SAMPLE - 1);
        float e[SAMPLE];
        double p[SAMPLE];
        random_sample(&rng, n, &s);
        for (uint32_t c = 0; t > 100 && c < n; c++) {
            s.x[3][c] *= 1e-4F; /* small gradients: epsilon matters */
        }
        naive(v, &s, n, 5.0, p);
        const float log_p = ranker_learn(&r, s.x[0], SAMPLE, n, 5.0F, 1.0, e);
        assert_true(isfinite(log_p));
        for (size_t k = 0; k < X; k++) {
            double g = (double)s.x[k][0];
            for (uint32_t c = 0; c < n; c++) {
                g -= p[c] * (double)s.x[k][c];
            }
            m[k] = .9 * m[k] + .1 * g;
            u[k] = .999 * u[k] + .001 * g * g;
            v[k] +=
                .002 * sqrt(1.0 - pow(.999, t)) / (1.0 - pow(.9, t)) * m[k] / (sqrt(u[k]) + 1e-5);
            assert_true(fabs((double)r.v[k] - v[k]) < 1e-7 * t + 1e-6);
            assert_true(fabs((double)r.s[k] - u[k]) <= 1e-4 * u[k]);
        }
        assert_int_equal(r.steps, t);
    }
}

/* From the same state, the first moment and with it the step are linear in what the event
 * weighs, and the second moment does not know it. */
static void a_step_is_linear_in_what_the_event_weighs(void **state) {
    (void)state;
    static struct sample s;
    static const double weights[] = {.001, .5, 2.0, 100.0};
    struct rng rng = {24};
    struct ranker start;
    float e[SAMPLE];
    ranker_init(&start);
    for (int t = 0; t < 50; t++) {
        random_sample(&rng, 30, &s);
        (void)ranker_learn(&start, s.x[0], SAMPLE, 30, 3.0F, 1.0, e);
    }
    random_sample(&rng, 30, &s);
    struct ranker one = start;
    (void)ranker_learn(&one, s.x[0], SAMPLE, 30, 3.0F, 1.0, e);
    for (size_t z = 0; z < 4; z++) {
        struct ranker r = start;
        (void)ranker_learn(&r, s.x[0], SAMPLE, 30, 3.0F, weights[z], e);
        assert_memory_equal(r.s, one.s, sizeof r.s);
        for (size_t k = 0; k < X; k++) {
            const double kept = .9 * (double)start.m[k];
            const double g = (double)one.m[k] - kept;
            assert_true(fabs((double)r.m[k] - kept - weights[z] * g) <
                        1e-6 * (fabs(kept) + (1.0 + weights[z]) * fabs(g)) + 1e-12);
            /* v = a + b m with the same a and b for every weight */
            const double step = ((double)one.v[k] - (double)start.v[k]) / (double)one.m[k];
            const double moved = (double)r.v[k] - (double)start.v[k];
            assert_true(fabs(moved - step * (double)r.m[k]) < 1e-3 * fabs(moved) + 5e-6);
        }
    }
}

/* Each of rows 1..n-1 stands for w candidates: three copies of weight 1 are one of weight 3. */
static void a_weight_stands_for_that_many_copies(void **state) {
    (void)state;
    static struct sample one;
    static struct sample copies;
    struct rng rng = {24};
    enum { N = 21, W = 3, COPIES = 1 + W * (N - 1) };
    struct ranker a = random_ranker(&rng);
    struct ranker b = a;
    random_sample(&rng, N, &one);
    for (size_t k = 0; k < X; k++) {
        copies.x[k][0] = one.x[k][0];
        for (size_t c = 1; c < COPIES; c++) {
            copies.x[k][c] = one.x[k][1 + (c - 1) / W];
        }
    }
    float e[SAMPLE];
    float each[SAMPLE];
    const float p = ranker_learn(&a, one.x[0], SAMPLE, N, W, 1.0, e);
    const float q = ranker_learn(&b, copies.x[0], SAMPLE, COPIES, 1.0F, 1.0, each);
    assert_true(fabsf(p - q) < 1e-5F);
    assert_true(fabsf(e[0] - each[0]) < 1e-6F);
    for (size_t c = 1; c < COPIES; c++) {
        assert_true(fabsf(e[1 + (c - 1) / W] - W * each[c]) < 1e-6F);
    }
    for (size_t k = 0; k < X; k++) {
        assert_true(fabsf(a.m[k] - b.m[k]) < 1e-6F);
    }
}

/* 500 candidates of which 64 are drawn: the mean of many sampled gradients is the gradient over
 * all 500. One truncated to likely candidates would miss those that are many and unlikely. */
static void the_sampled_gradient_is_nearly_unbiased(void **state) {
    (void)state;
    enum { ALL = 500, NEG = 64, DRAWS = 4000 };
    static float x[X][ALL + 1];
    static struct sample s;
    struct rng rng = {25};
    const struct ranker r = random_ranker(&rng);
    double z = 0.0;
    double mean[X] = {0};
    for (uint32_t c = 0; c <= ALL; c++) {
        double score = 0.0;
        for (size_t k = 0; k < X; k++) {
            x[k][c] = (float)(.4 * normal(&rng)) + (k == X_AGE ? 1.0F : 0.0F);
            score += (double)r.v[k] * (double)x[k][c];
        }
        x[X_AGE][c] = c ? x[X_AGE][c] : -1.0F;
        z += exp(score);
        for (size_t k = 0; k < X; k++) {
            mean[k] += exp(score) * (double)x[k][c];
        }
    }
    double sampled[X] = {0};
    for (int t = 0; t < DRAWS; t++) {
        struct ranker fresh = r;
        float e[SAMPLE];
        for (uint32_t c = 0; c <= NEG; c++) {
            const uint32_t from = c ? 1 + rng_below(&rng, ALL) : 0;
            for (size_t k = 0; k < X; k++) {
                s.x[k][c] = x[k][from];
            }
        }
        (void)ranker_learn(&fresh, s.x[0], SAMPLE, NEG + 1, (float)ALL / NEG, 1.0, e);
        for (size_t k = 0; k < X; k++) {
            sampled[k] += 10.0 * (double)fresh.m[k] / DRAWS;
        }
    }
    for (size_t k = 0; k < X; k++) {
        const double full = (double)x[k][0] - mean[k] / z;
        assert_true(fabs(sampled[k] - full) < .05 * fmax(fabs(full), .4));
    }
}

/* Targets drawn from a softmax with hidden weights: learned, and the likelihood rises. */
static void a_planted_preference_is_learned(void **state) {
    (void)state;
    enum { N = 65, EVENTS = 8000, PART = 1000 };
    static struct sample s;
    struct rng rng = {26};
    const struct ranker hidden = random_ranker(&rng);
    struct ranker r;
    ranker_init(&r);
    double truth[X];
    double first = 0.0;
    double last = 0.0;
    double best = 0.0;
    widen(&hidden, truth);
    for (int t = 0; t < EVENTS; t++) {
        double p[SAMPLE];
        float e[SAMPLE];
        random_sample(&rng, N, &s);
        naive(truth, &s, N, 1.0, p);
        double u = rng_unit(&rng);
        uint32_t target = 0;
        while (target + 1 < N && (u -= p[target]) > 0.0) {
            target++;
        }
        for (size_t k = 0; k < X; k++) {
            const float old = s.x[k][0];
            s.x[k][0] = s.x[k][target];
            s.x[k][target] = old;
        }
        const double log_p = (double)ranker_learn(&r, s.x[0], SAMPLE, N, 1.0F, 1.0, e);
        first += t < PART ? log_p / PART : 0.0;
        last += t >= EVENTS - PART ? log_p / PART : 0.0;
        best += t >= EVENTS - PART ? log(p[target]) / PART : 0.0;
    }
    assert_true(last > first + .5);
    assert_true(last > best - .05); /* what the hidden weights themselves reach */
    for (size_t k = 0; k < X; k++) {
        assert_true(fabs((double)r.v[k] - truth[k]) < .2);
    }
}

static void scores_a_thousand_apart_do_not_overflow(void **state) {
    (void)state;
    static struct sample s;
    for (int target_first = 0; target_first < 2; target_first++) {
        struct ranker r;
        ranker_init(&r);
        float e[SAMPLE];
        memset(&s, 0, sizeof s);
        s.x[X_K1_REL][0] = target_first ? 1000.0F : -1000.0F;
        s.x[X_K1_REL][1] = target_first ? -1000.0F : 1000.0F;
        const float log_p = ranker_learn(&r, s.x[0], SAMPLE, 3, 2.0F, 1.0, e);
        if (target_first) {
            assert_true(log_p == 0.0F);
            assert_true(e[0] == 1.0F && e[1] == 0.0F && e[2] == 0.0F);
        } else {
            assert_true(fabsf(log_p + 4000.0F + logf(2.0F)) < 1e-3F);
            assert_true(e[0] == 0.0F && e[1] == 1.0F && e[2] == 0.0F);
        }
        assert_weights_finite(&r);
    }
}

static void any_finite_input_gives_finite_weights_and_expectations(void **state) {
    (void)state;
    static struct sample s;
    print_message("seeds 1..300\n");
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct rng rng = {seed};
        struct ranker r = {.steps = seed % 2 ? 0 : UINT64_MAX - 1};
        for (size_t k = 0; k < X; k++) {
            r.v[k] = any_finite(&rng);
            r.m[k] = any_finite(&rng);
            r.s[k] = fabsf(any_finite(&rng));
        }
        for (int t = 0; t < 20; t++) {
            const uint32_t n = 2 + rng_below(&rng, SAMPLE - 1);
            float e[SAMPLE];
            float expect[SAMPLE];
            for (size_t k = 0; k < X; k++) {
                for (uint32_t c = 0; c < n; c++) {
                    s.x[k][c] = any_finite(&rng);
                }
            }
            const float w = fmaxf(fabsf(any_finite(&rng)), 1e-44F);
            ranker_expect(&r, s.x[0], SAMPLE, n, w, expect);
            const float log_p = ranker_learn(&r, s.x[0], SAMPLE, n, w, 1.0, e);
            assert_true(isfinite(log_p) && log_p <= 1e-6F);
            assert_weights_finite(&r);
            double sum = 0.0;
            double total = 0.0;
            for (uint32_t c = 0; c < n; c++) {
                assert_true(e[c] >= 0.0F && expect[c] >= 0.0F);
                sum += (double)e[c];
                total += (double)expect[c];
            }
            assert_true(fabs(sum - 1.0) < 1e-6 && fabs(total - 1.0) < 1e-6);
        }
    }
}

static void a_gradient_that_is_not_finite_changes_nothing(void **state) {
    (void)state;
    static struct sample s;
    static const float bad[] = {INFINITY, -INFINITY, NAN, 3e38F};
    struct rng rng = {27};
    for (size_t b = 0; b < sizeof bad / sizeof *bad; b++) {
        struct ranker r = random_ranker(&rng);
        r.steps = 5;
        const struct ranker before = r;
        float e[SAMPLE];
        random_sample(&rng, 40, &s);
        s.x[X_AGE][0] = bad[b]; /* 3e38: its square, the second moment, is not finite */
        s.x[X_AGE][1] = -bad[b];
        (void)ranker_learn(&r, s.x[0], SAMPLE, 40, 2.0F, 1.0, e);
        assert_memory_equal(&r, &before, sizeof r);
    }
}

static void the_same_samples_give_the_same_bits(void **state) {
    (void)state;
    static struct sample s;
    static float wide[X][LIST];
    struct rng rng = {28};
    struct ranker a;
    struct ranker b;
    ranker_init(&a);
    ranker_init(&b);
    for (int t = 0; t < 50; t++) {
        const uint32_t n = 2 + rng_below(&rng, SAMPLE - 1);
        float e[SAMPLE];
        float f[SAMPLE];
        random_sample(&rng, n, &s);
        for (size_t k = 0; k < X; k++) {
            memcpy(wide[k], s.x[k], n * sizeof(float)); /* other stride, other stray columns */
        }
        const float p = ranker_learn(&a, s.x[0], SAMPLE, n, 3.0F, 1.0, e);
        const float q = ranker_learn(&b, wide[0], LIST, n, 3.0F, 1.0, f);
        assert_true(p == q);
        assert_memory_equal(e, f, n * sizeof *e);
        assert_memory_equal(&a, &b, sizeof a);
    }
}

/* ---- ranker_expect -------------------------------------------------------- */

static void expecting_equals_the_naive_softmax_and_learns_nothing(void **state) {
    (void)state;
    static struct sample s;
    struct rng rng = {31};
    for (uint32_t n = 1; n <= SAMPLE; n++) {
        const struct ranker r = random_ranker(&rng);
        float e[SAMPLE + 1];
        float other[SAMPLE];
        double truth[SAMPLE];
        double v[X];
        double sum = 0.0;
        random_sample(&rng, n, &s);
        widen(&r, v);
        naive(v, &s, n, 1.0, truth);
        e[n] = 7.0F;
        ranker_expect(&r, s.x[0], SAMPLE, n, 4.5F, e);
        ranker_expect(&r, s.x[0], SAMPLE, n, 1.0F, other);
        assert_true(e[n] == 7.0F);
        for (uint32_t c = 0; c < n; c++) {
            assert_true(fabs((double)e[c] - truth[c]) <= 1e-6 * truth[c]);
            assert_true(fabsf(e[c] - other[c]) <= 1e-6F * e[c]); /* w in all rows: it cancels */
            sum += (double)e[c];
        }
        assert_true(fabs(sum - 1.0) < 1e-6);
    }
    const struct ranker r = random_ranker(&rng);
    float e = 7.0F;
    ranker_expect(&r, s.x[0], SAMPLE, 0, 1.0F, &e);
    assert_true(e == 7.0F);
}

/* ---- ranker_mean ---------------------------------------------------------- */

static void the_mean_is_weighted_by_events(void **state) {
    (void)state;
    struct rng rng = {41};
    struct ranker r = random_ranker(&rng);
    r.steps = 99;
    r.m[3] = .25F;
    r.s[3] = .5F;
    const struct ranker before = r;
    struct ranker other[3];
    const float *v[4];
    const uint32_t events[4] = {100, 0, 4000000000U, 256};
    float poison[X];
    for (size_t k = 0; k < X; k++) {
        poison[k] = NAN;
    }
    for (size_t t = 0; t < 3; t++) {
        other[t] = random_ranker(&rng);
    }
    v[0] = other[0].v;
    v[1] = poison; /* a quiet task's weights are not looked at */
    v[2] = other[1].v;
    v[3] = other[2].v;
    ranker_mean(&r, v, events, 4);
    for (size_t k = 0; k < X; k++) {
        const double want =
            (100.0 * (double)v[0][k] + 4e9 * (double)v[2][k] + 256.0 * (double)v[3][k]) /
            4000000356.0;
        assert_true(fabs((double)r.v[k] - want) <= 6e-8 * fabs(want));
    }
    assert_memory_equal(r.m, before.m, sizeof r.m);
    assert_memory_equal(r.s, before.s, sizeof r.s);
    assert_int_equal(r.steps, 99);
}

static void the_mean_of_one_task_is_that_task_to_the_bit(void **state) {
    (void)state;
    struct rng rng = {42};
    struct ranker r = random_ranker(&rng);
    const struct ranker one = random_ranker(&rng);
    const float *v[2] = {one.v, one.v};
    const uint32_t events[2] = {3, 7};
    ranker_mean(&r, v, events, 2);
    assert_memory_equal(r.v, one.v, sizeof r.v);
}

static void without_events_the_mean_changes_nothing(void **state) {
    (void)state;
    struct rng rng = {43};
    struct ranker r = random_ranker(&rng);
    const struct ranker before = r;
    const struct ranker other = random_ranker(&rng);
    const float *v[2] = {other.v, NULL};
    const uint32_t events[2] = {0, 0};
    ranker_mean(&r, v, events, 2);
    assert_memory_equal(&r, &before, sizeof r);
    ranker_mean(&r, NULL, NULL, 0);
    assert_memory_equal(&r, &before, sizeof r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(initial_weights_are_the_documented_ones),
        cmocka_unit_test(scores_equal_the_naive_product_for_every_length),
        cmocka_unit_test(a_smaller_stride_gives_the_same_scores),
        cmocka_unit_test(expectations_and_likelihood_equal_the_naive_ones_and_sum_to_one),
        cmocka_unit_test(the_gradient_is_that_of_log_p),
        cmocka_unit_test(the_first_steps_are_adams),
        cmocka_unit_test(a_step_is_linear_in_what_the_event_weighs),
        cmocka_unit_test(a_weight_stands_for_that_many_copies),
        cmocka_unit_test(the_sampled_gradient_is_nearly_unbiased),
        cmocka_unit_test(a_planted_preference_is_learned),
        cmocka_unit_test(scores_a_thousand_apart_do_not_overflow),
        cmocka_unit_test(any_finite_input_gives_finite_weights_and_expectations),
        cmocka_unit_test(a_gradient_that_is_not_finite_changes_nothing),
        cmocka_unit_test(the_same_samples_give_the_same_bits),
        cmocka_unit_test(expecting_equals_the_naive_softmax_and_learns_nothing),
        cmocka_unit_test(the_mean_is_weighted_by_events),
        cmocka_unit_test(the_mean_of_one_task_is_that_task_to_the_bit),
        cmocka_unit_test(without_events_the_mean_changes_nothing),
    };
    return cmocka_run_group_tests_name("ranker", tests, NULL, NULL);
}
