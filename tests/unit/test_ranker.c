/* SPDX-License-Identifier: Apache-2.0
 *
 * test_ranker.c -- contract tests of models/ranker.h, in the order of that header. The truth is
 * the header's equations in double (ranker_naive.h), and differences of log p_0 for its gradient.
 * What a task does with its rankers is in test_ranker_gate.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <string.h>

#include "normal.h"
#include "ranker_naive.h"
#include "ranker_sample.h"

/* ---- ranker_init ---------------------------------------------------------- */

static void the_start_has_the_documented_weights(void **state) {
    (void)state;
    struct ranker r;
    memset(&r, 0x5a, sizeof r);
    ranker_init(&r, 7);
    for (size_t k = 0; k < X; k++) {
        const float pop = k == X_POP_1D || k == X_POP_7D ? .5F : 0.0F;
        const float full = k == X_K1_REL ? 2.0F : k == X_DOT ? .3F : pop;
        assert_true(r.net[RANKER_FULL].v[k] == full);
        assert_true(r.net[RANKER_TWIN].v[k] == pop);
    }
    const struct ranker_net zero = {.weights = {0}};
    for (size_t kind = 0; kind < RANKER_NETS; kind++) {
        assert_memory_equal(r.net[kind].b, zero.b, sizeof zero.b);
        assert_memory_equal(&r.m[kind], &zero, sizeof zero);
        assert_memory_equal(&r.s[kind], &zero, sizeof zero);
    }
    for (uint8_t d = 0; d < DOMAINS_MAX; d++) {
        assert_true(r.gate[d][false] == 0.0 && r.gate[d][true] == 0.0);
        assert_int_equal(ranker_served(&r, d, true), RANKER_FULL);
    }
    assert_true(r.pace == 1.0F);
    assert_int_equal(r.steps, 0);
}

/* Over many seeds: mean 0, variance 1/inputs of W and .01 of o, kurtosis 3, per weight. */
static void the_start_is_drawn_from_a_normal_distribution(void **state) {
    (void)state;
    enum { SEEDS = 400 };
    double mean[RANKER_NETS][2] = {{0}};
    double square[RANKER_NETS][2] = {{0}};
    double fourth[RANKER_NETS][2] = {{0}};
    double n[RANKER_NETS][2] = {{0}};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct ranker r;
        ranker_init(&r, seed);
        for (size_t kind = 0; kind < RANKER_NETS; kind++) {
            for (size_t k = 0; k <= X + C; k++) {
                const bool is_o = k == X + C;
                for (size_t h = 0; h < HIDDEN; h++) {
                    const float x = is_o ? r.net[kind].o[h] : r.net[kind].w[k][h];
                    if (!is_o && kind == RANKER_TWIN && naive_personal(k)) {
                        assert_true(x == 0.0F);
                        continue;
                    }
                    const double z = (double)x * (is_o ? 10.0 : sqrt(X + C));
                    mean[kind][is_o] += z;
                    square[kind][is_o] += z * z;
                    fourth[kind][is_o] += z * z * z * z;
                    n[kind][is_o] += 1.0;
                }
            }
        }
    }
    for (size_t kind = 0; kind < RANKER_NETS; kind++) {
        for (int is_o = 0; is_o < 2; is_o++) {
            const double many = n[kind][is_o];
            assert_true(fabs(mean[kind][is_o] / many) < 4.0 / sqrt(many));
            assert_true(fabs(square[kind][is_o] / many - 1.0) < 4.0 * sqrt(2.0 / many));
            assert_true(fabs(fourth[kind][is_o] / many - 3.0) < 4.0 * sqrt(96.0 / many));
        }
    }
}

static void the_same_seed_gives_the_same_start_and_another_another(void **state) {
    (void)state;
    struct ranker a;
    struct ranker b;
    memset(&a, 0x11, sizeof a);
    memset(&b, 0x22, sizeof b);
    ranker_init(&a, 3);
    ranker_init(&b, 3);
    assert_memory_equal(&a, &b, sizeof a);
    ranker_init(&b, 4);
    for (size_t kind = 0; kind < RANKER_NETS; kind++) {
        for (size_t h = 0; h < HIDDEN; h++) {
            assert_true(a.net[kind].w[0][h] != b.net[kind].w[0][h]);
            assert_true(a.net[kind].o[h] != b.net[kind].o[h]);
        }
    }
    assert_true(a.net[RANKER_FULL].w[0][0] != a.net[RANKER_TWIN].w[0][0]);
}

/* ---- ranker_scores, ranker_parts ------------------------------------------------ */

/* Columns from n to the next multiple of 16 are read, and scores written: no further. */
static void scores_equal_the_naive_net_for_every_length(void **state) {
    (void)state;
    static const uint32_t lengths[] = {0, 1, 7, 8, 9, 15, 16, 17, 64, 320, 767, 768};
    static float x[X][RANKER_LIST_MAX + 16];
    struct rng rng = {11};
    for (size_t t = 0; t < sizeof lengths / sizeof *lengths; t++) {
        const uint32_t n = lengths[t];
        const uint32_t room = (n + 15) / 16 * 16;
        const struct ranker r = random_ranker(&rng);
        float c[C];
        float scores[RANKER_LIST_MAX + 1];
        for (size_t k = 0; k < X; k++) {
            for (uint32_t at = 0; at < RANKER_LIST_MAX + 16; at++) {
                x[k][at] = at < room ? (float)rng_normal(&rng) : NAN;
            }
        }
        for (size_t k = 0; k < C; k++) {
            c[k] = (float)rng_normal(&rng);
        }
        const struct ranker_rows rows = {.x = x[0], .stride = RANKER_LIST_MAX + 16, .n = n, .c = c};
        for (int kind = 0; kind < RANKER_NETS; kind++) {
            const struct naive_net net = naive_of(&r.net[kind]);
            scores[room] = 7.0F;
            ranker_scores(&r, (enum ranker_kind)kind, &rows, scores);
            assert_true(scores[room] == 7.0F);
            for (uint32_t at = 0; at < n; at++) {
                assert_true(fabs((double)scores[at] - naive_score(&net, &rows, at)) < 2e-5);
            }
        }
    }
}

/* One by one, at any place in a block, in memory of any shape: the same bits. */
static void the_bits_of_a_score_do_not_depend_on_its_place(void **state) {
    (void)state;
    enum { N = 61 };
    static float wide[X][RANKER_LIST_MAX];
    static float tight[X][64 + 16];
    struct rng rng = {12};
    const struct ranker r = random_ranker(&rng);
    float c[C];
    float a[64];
    float b[64];
    for (size_t k = 0; k < X; k++) {
        for (size_t at = 0; at < 64; at++) {
            wide[k][at] = tight[k][at] = (float)rng_normal(&rng);
        }
        c[k % C] = (float)rng_normal(&rng);
    }
    for (int kind = 0; kind < RANKER_NETS; kind++) {
        const struct ranker_rows rows = {.x = wide[0], .stride = RANKER_LIST_MAX, .n = N, .c = c};
        ranker_scores(&r, (enum ranker_kind)kind, &rows, a);
        for (uint32_t at = 0; at < N; at++) {
            for (uint32_t n = 1; n <= 4 && at + n <= N; n++) {
                const struct ranker_rows some = {.x = tight[0] + at, .stride = 80, .n = n, .c = c};
                ranker_scores(&r, (enum ranker_kind)kind, &some, b);
                assert_memory_equal(a + at, b, n * sizeof *a);
            }
        }
    }
}

/* Every personal input of the list and of the rows may be anything: the twin does not look. */
static void the_twin_does_not_see_who_the_user_is(void **state) {
    (void)state;
    static struct sample s;
    static struct sample other;
    struct rng rng = {13};
    const struct ranker r = random_ranker(&rng);
    float a[SAMPLE];
    float b[SAMPLE];
    random_sample(&rng, 40, &s);
    random_sample(&rng, 40, &other);
    for (size_t k = 0; k < X + C; k++) {
        if (naive_personal(k)) {
            memcpy(k < X ? s.x[k] : &s.c[k - X], k < X ? other.x[k] : &other.c[k - X],
                   k < X ? sizeof s.x[k] : sizeof s.c[0]);
            continue;
        }
        struct sample changed = s; /* everything else it does see */
        struct ranker_rows rows = rows_of(&s);
        ranker_scores(&r, RANKER_TWIN, &rows, a);
        *(k < X ? &changed.x[k][0] : &changed.c[k - X]) += 1.0F;
        rows = rows_of(&changed);
        ranker_scores(&r, RANKER_TWIN, &rows, b);
        assert_true(a[0] != b[0]);
    }
    random_sample(&rng, 40, &s);
    other = s;
    for (size_t k = 0; k < X + C; k++) {
        for (size_t at = 0; naive_personal(k) && at < (k < X ? SAMPLE : 1); at++) {
            *(k < X ? &other.x[k][at] : &other.c[k - X]) = (float)(9.0 * rng_normal(&rng));
        }
    }
    const struct ranker_rows one = rows_of(&s);
    const struct ranker_rows two = rows_of(&other);
    ranker_scores(&r, RANKER_TWIN, &one, a);
    ranker_scores(&r, RANKER_TWIN, &two, b);
    assert_memory_equal(a, b, 40 * sizeof *a);
    ranker_scores(&r, RANKER_FULL, &one, a);
    ranker_scores(&r, RANKER_FULL, &two, b);
    assert_true(memcmp(a, b, 40 * sizeof *a) != 0);
}

/* (x_k - mean_k) ds/dx_k; and as the net is linear around the row, for a mean in the same piece
 * they add up to the difference of the scores. */
static void parts_are_slopes_times_distances_and_add_up(void **state) {
    (void)state;
    static struct sample s;
    struct rng rng = {14};
    for (int t = 0; t < 60; t++) {
        const struct ranker r = random_ranker(&rng);
        const uint32_t at = rng_below(&rng, 20);
        clear_sample(&rng, &r, 20, &s);
        struct ranker_rows rows = rows_of(&s);
        for (int kind = 0; kind < RANKER_NETS; kind++) {
            const struct naive_net net = naive_of(&r.net[kind]);
            const double score = naive_score(&net, &rows, at);
            float mean[X];
            float near[X];
            float far[X];
            float parts[X];
            double sum = 0.0;
            for (size_t k = 0; k < X; k++) {
                mean[k] = (float)rng_normal(&rng);
                near[k] = s.x[k][at] + (float)(1e-5 * rng_normal(&rng));
            }
            ranker_parts(&r, (enum ranker_kind)kind, &rows, at, mean, far);
            ranker_parts(&r, (enum ranker_kind)kind, &rows, at, near, parts);
            for (size_t k = 0; k < X; k++) {
                const float x = s.x[k][at];
                s.x[k][at] = x + 0x1p-13F;
                const double step = (double)s.x[k][at] - (double)x;
                const double slope = (naive_score(&net, &rows, at) - score) / step;
                s.x[k][at] = x;
                assert_true(fabs((double)far[k] - slope * ((double)x - (double)mean[k])) < 1e-5);
                sum += (double)parts[k];
            }
            for (size_t k = 0; k < X; k++) {
                const float x = s.x[k][at];
                s.x[k][at] = near[k];
                near[k] = x;
            }
            assert_true(fabs(sum - (score - naive_score(&net, &rows, at))) < 1e-9);
            for (size_t k = 0; k < X; k++) {
                s.x[k][at] = near[k];
            }
        }
    }
}

/* ---- ranker_learn: expectations, gradient, Adam ------------------------------------ */

static void expectations_and_likelihood_equal_the_naive_ones_and_sum_to_one(void **state) {
    (void)state;
    static struct sample s;
    struct rng rng = {21};
    for (uint32_t n = 2; n <= SAMPLE; n++) {
        struct ranker r = random_ranker(&rng);
        const float w = (float)(.2 + 20.0 * rng_unit(&rng));
        float e[SAMPLE + 1];
        double truth[SAMPLE];
        random_sample(&rng, n, &s);
        const struct ranker_rows rows = rows_of(&s);
        const struct naive_net net = naive_of(&r.net[RANKER_FULL]);
        e[n] = 7.0F;
        const double log_p = naive_softmax(&net, &rows, (double)w, truth);
        assert_true(fabs((double)ranker_learn(&r, &rows, w, 1.0F, 0, true, e) - log_p) <
                    1e-5 * (1.0 - log_p));
        assert_true(e[n] == 7.0F);
        double sum = 0.0;
        for (uint32_t c = 0; c < n; c++) {
            assert_true(fabs((double)e[c] - truth[c]) <= 2e-5 * truth[c] + 1e-30);
            sum += (double)e[c];
        }
        assert_true(fabs(sum - 1.0) < 1e-6);
        assert_int_equal(r.steps, 1);
    }
}

/* After the first step Adam's first moment is a tenth of the gradient: that shows it. Of every
 * weight: v, W of candidate and of list inputs, b, o. Scores that are far apart make rows likely
 * and rows that are not: those teach as well. */
static void the_gradient_is_that_of_log_p(void **state) {
    (void)state;
    static struct sample s;
    static const uint32_t lengths[] = {2, 3, 8, 9, 33, 65, 80};
    struct rng rng = {22};
    for (size_t t = 0; t < sizeof lengths / sizeof *lengths; t++) {
        struct ranker r = random_ranker(&rng);
        const struct ranker start = r;
        const double w = (double)(float)(.2 + 20.0 * rng_unit(&rng));
        float e[SAMPLE];
        double p[SAMPLE];
        clear_sample(&rng, &r, lengths[t], &s);
        const struct ranker_rows rows = rows_of(&s);
        (void)ranker_learn(&r, &rows, (float)w, 1.0F, 0, true, e);
        for (int kind = 0; kind < RANKER_NETS; kind++) {
            struct naive_net net = naive_of(&start.net[kind]);
            struct naive_net exact;
            (void)naive_gradient(&net, &rows, w, kind == RANKER_TWIN, &exact);
            for (size_t k = 0; k < WEIGHTS; k++) {
                const double at = net.weights[k];
                const double g = 10.0 * (double)r.m[kind].weights[k];
                const double h = 1e-6;
                net.weights[k] = at + h;
                const double up = naive_softmax(&net, &rows, w, p);
                net.weights[k] = at - h;
                const double down = naive_softmax(&net, &rows, w, p);
                net.weights[k] = at;
                const bool masked = kind == RANKER_TWIN && is_masked(k);
                assert_true(fabs(g - (masked ? 0.0 : (up - down) / (2.0 * h))) < 2e-5);
                assert_true(fabs(g - exact.weights[k]) < 1e-5);
            }
        }
    }
}

/* Rows with less than a thousandth of the probability, but many: their gradient is a fifth of
 * all. A truncated one would be far from it. */
static void candidates_that_are_unlikely_teach_too(void **state) {
    (void)state;
    static struct sample s;
    struct rng rng = {23};
    struct ranker r;
    ranker_init(&r, 1);
    memset(&s, 0, sizeof s);
    s.n = SAMPLE;
    s.x[X_K1_REL][1] = 4.0F; /* likely, and the rest is not: 8 nats */
    for (uint32_t c = 2; c < SAMPLE; c++) {
        s.x[X_AGE][c] = 1.0F;
        s.x[X_KX][c] = (float)(.01 * rng_normal(&rng));
    }
    const struct ranker_rows rows = rows_of(&s);
    struct naive_net net = naive_of(&r.net[RANKER_FULL]);
    double p[SAMPLE];
    float e[SAMPLE];
    (void)naive_softmax(&net, &rows, 10.0, p);
    double unlikely = 0.0;
    for (uint32_t c = 2; c < SAMPLE; c++) {
        assert_true(p[c] < 1e-3);
        unlikely += p[c];
    }
    (void)ranker_learn(&r, &rows, 10.0F, 1.0F, 0, true, e);
    assert_true(unlikely > .02);
    assert_true(fabs(10.0 * (double)r.m[RANKER_FULL].v[X_AGE] + unlikely) < 1e-4 * unlikely);
}

/* Adam in double, from the paper, epsilon beside the uncorrected root (end of its section 2);
 * from the state that the ranker is in, so that roundings do not add up. */
static void steps_are_adams(void **state) {
    (void)state;
    static struct sample s;
    struct rng rng = {24};
    struct ranker r;
    ranker_init(&r, 24);
    for (int t = 1; t <= 200; t++) {
        const struct ranker was = r;
        const double weight = t % 3 ? 1.0 : .25;
        float e[SAMPLE];
        clear_sample(&rng, &r, 2 + rng_below(&rng, SAMPLE - 1), &s);
        for (uint32_t c = 0; t > 100 && c < s.n; c++) {
            s.x[3][c] *= 1e-4F; /* small gradients: epsilon matters */
        }
        const struct ranker_rows rows = rows_of(&s);
        (void)ranker_learn(&r, &rows, 5.0F, (float)weight, 0, true, e);
        const double rate = .002 * fmax(.5, 1.0 / (1.0 + t / 200000.0)) * sqrt(1.0 - pow(.999, t)) /
                            (1.0 - pow(.9, t));
        for (int kind = 0; kind < RANKER_NETS; kind++) {
            const struct naive_net net = naive_of(&was.net[kind]);
            struct naive_net g;
            (void)naive_gradient(&net, &rows, 5.0, kind == RANKER_TWIN, &g);
            for (size_t k = 0; k < WEIGHTS; k++) {
                const double m = .9 * (double)was.m[kind].weights[k] + .1 * weight * g.weights[k];
                const double u =
                    .999 * (double)was.s[kind].weights[k] + .001 * g.weights[k] * g.weights[k];
                const double v = net.weights[k] + rate * m / (sqrt(u) + 1e-5);
                assert_true(fabs((double)r.m[kind].weights[k] - m) < 3e-6);
                assert_true(fabs((double)r.s[kind].weights[k] - u) < 1e-4 * u + 1e-9);
                assert_true(fabs((double)r.net[kind].weights[k] - v) < 2e-5);
            }
        }
        assert_int_equal(r.steps, t);
    }
}

/* From the same state, the first moment and with it the step are linear in what the event
 * weighs, and the second moment does not know it. */
static void a_step_is_linear_in_what_the_event_weighs(void **state) {
    (void)state;
    static struct sample s;
    static const float weights[] = {.001F, .5F, 2.0F, 100.0F};
    struct rng rng = {25};
    struct ranker start;
    float e[SAMPLE];
    ranker_init(&start, 25);
    for (int t = 0; t < 50; t++) {
        random_sample(&rng, 30, &s);
        const struct ranker_rows rows = rows_of(&s);
        (void)ranker_learn(&start, &rows, 3.0F, 1.0F, 0, true, e);
    }
    random_sample(&rng, 30, &s);
    const struct ranker_rows rows = rows_of(&s);
    struct ranker one = start;
    (void)ranker_learn(&one, &rows, 3.0F, 1.0F, 0, true, e);
    for (size_t z = 0; z < 4; z++) {
        struct ranker r = start;
        (void)ranker_learn(&r, &rows, 3.0F, weights[z], 0, true, e);
        assert_memory_equal(r.s, one.s, sizeof r.s);
        for (size_t i = 0; i < 2 * WEIGHTS; i++) {
            const size_t kind = i / WEIGHTS;
            const size_t k = i % WEIGHTS;
            const double kept = .9 * (double)start.m[kind].weights[k];
            const double g = (double)one.m[kind].weights[k] - kept;
            const double weight = (double)weights[z];
            assert_true(fabs((double)r.m[kind].weights[k] - kept - weight * g) <
                        1e-6 * (1.0 + weight) * (fabs(kept) + fabs(g)) + 1e-12);
            /* v = a + b m with the same a and b for every weight */
            const double was = (double)start.net[kind].weights[k];
            const double step = (double)one.net[kind].weights[k] - was;
            const double moved = (double)r.net[kind].weights[k] - was;
            const double m = (double)one.m[kind].weights[k];
            const double n = (double)r.m[kind].weights[k];
            assert_true(fabs(moved * m - step * n) <= 1e-7 * (fabs(m) + fabs(n)));
        }
    }
}

/* Each of rows 1..n-1 stands for w candidates: three copies of weight 1 are one of weight 3. */
static void a_weight_stands_for_that_many_copies(void **state) {
    (void)state;
    static struct sample one;
    static struct sample copies;
    struct rng rng = {26};
    enum { N = 21, W = 3, COPIES = 1 + W * (N - 1) };
    struct ranker a = random_ranker(&rng);
    struct ranker b = a;
    random_sample(&rng, N, &one);
    random_sample(&rng, COPIES, &copies);
    memcpy(copies.c, one.c, sizeof one.c);
    for (size_t k = 0; k < X; k++) {
        for (size_t c = 0; c < COPIES; c++) {
            copies.x[k][c] = one.x[k][(c + W - 1) / W];
        }
    }
    float e[SAMPLE];
    float each[SAMPLE];
    const struct ranker_rows few = rows_of(&one);
    const struct ranker_rows many = rows_of(&copies);
    const float p = ranker_learn(&a, &few, W, 1.0F, 0, true, e);
    const float q = ranker_learn(&b, &many, 1.0F, 1.0F, 0, true, each);
    assert_true(fabsf(p - q) < 1e-5F);
    assert_true(fabsf(e[0] - each[0]) < 2e-6F);
    for (size_t c = 1; c < COPIES; c++) {
        assert_true(fabsf(e[1 + (c - 1) / W] - W * each[c]) < 2e-6F);
    }
    for (size_t k = 0; k < 2 * WEIGHTS; k++) {
        assert_true(fabsf(a.m[k / WEIGHTS].weights[k % WEIGHTS] -
                          b.m[k / WEIGHTS].weights[k % WEIGHTS]) < 1e-5F);
    }
}

static void the_order_of_the_sampled_candidates_does_not_matter(void **state) {
    (void)state;
    static struct sample s;
    struct rng rng = {27};
    for (int t = 0; t < 20; t++) {
        struct ranker a = random_ranker(&rng);
        struct ranker b = a;
        float e[SAMPLE];
        float f[SAMPLE];
        random_sample(&rng, 3 + rng_below(&rng, SAMPLE - 2), &s);
        const struct ranker_rows rows = rows_of(&s);
        const float p = ranker_learn(&a, &rows, 6.0F, 1.0F, 0, true, e);
        for (size_t k = 0; k < X; k++) {
            for (uint32_t c = 1; c < 1 + (s.n - 1) / 2; c++) { /* backwards */
                const float x = s.x[k][c];
                s.x[k][c] = s.x[k][s.n - c];
                s.x[k][s.n - c] = x;
            }
        }
        const float q = ranker_learn(&b, &rows, 6.0F, 1.0F, 0, true, f);
        assert_true(fabsf(p - q) < 1e-5F * (1.0F - p));
        for (uint32_t c = 1; c < s.n; c++) {
            assert_true(fabsf(e[c] - f[s.n - c]) < 1e-6F);
        }
        for (size_t k = 0; k < 2 * WEIGHTS; k++) {
            assert_true(fabsf(a.m[k / WEIGHTS].weights[k % WEIGHTS] -
                              b.m[k / WEIGHTS].weights[k % WEIGHTS]) < 2e-6F);
        }
    }
}

static void masked_weights_of_the_twin_are_zero_for_ever(void **state) {
    (void)state;
    static struct sample s;
    struct rng rng = {28};
    struct ranker r;
    ranker_init(&r, 28);
    for (int t = 0; t < 500; t++) {
        float e[SAMPLE];
        random_sample(&rng, 2 + rng_below(&rng, SAMPLE - 1), &s);
        const struct ranker_rows rows = rows_of(&s);
        (void)ranker_learn(&r, &rows, 4.0F, 1.0F + 90.0F * (float)rng_unit(&rng), 0, t % 2, e);
    }
    uint32_t masked = 0;
    for (size_t k = 0; k < WEIGHTS; k++) {
        const bool zero = r.net[RANKER_TWIN].weights[k] == 0.0F &&
                          r.m[RANKER_TWIN].weights[k] == 0.0F &&
                          r.s[RANKER_TWIN].weights[k] == 0.0F;
        assert_true(zero == is_masked(k));
        assert_true(r.m[RANKER_FULL].weights[k] != 0.0F);
        masked += zero;
    }
    assert_int_equal(masked, (19 + 19 * HIDDEN) + 7 * HIDDEN);
}

/* ---- ranker_learn: what must not happen ------------------------------------------------ */

/* Other strides, and other columns beyond n: the same bits. */
static void the_same_samples_give_the_same_bits(void **state) {
    (void)state;
    static struct sample s;
    static float wide[X][RANKER_LIST_MAX];
    struct rng rng = {31};
    struct ranker a;
    struct ranker b;
    ranker_init(&a, 31);
    ranker_init(&b, 31);
    for (int t = 0; t < 50; t++) {
        float e[SAMPLE];
        float f[SAMPLE];
        random_sample(&rng, 2 + rng_below(&rng, SAMPLE - 1), &s);
        for (size_t k = 0; k < X; k++) {
            memcpy(wide[k], s.x[k], s.n * sizeof(float));
            for (size_t c = s.n; c < SAMPLE; c++) {
                wide[k][c] = (float)(1e6 * rng_normal(&rng));
            }
        }
        const struct ranker_rows rows = rows_of(&s);
        const struct ranker_rows same = {
            .x = wide[0], .stride = RANKER_LIST_MAX, .n = s.n, .c = s.c};
        const float p = ranker_learn(&a, &rows, 3.0F, 1.0F, 2, false, e);
        const float q = ranker_learn(&b, &same, 3.0F, 1.0F, 2, false, f);
        assert_true(p == q);
        assert_memory_equal(e, f, s.n * sizeof *e);
        assert_memory_equal(&a, &b, sizeof a);
    }
}

/* Features from n_x on are 0, whatever stands there: as if 0 did. */
static void what_is_0_in_every_row_need_not_be_there(void **state) {
    (void)state;
    static struct sample s;
    static struct sample rest;
    struct rng rng = {33};
    for (uint32_t n_x = 1; n_x < X; n_x += 3) {
        struct ranker a = random_ranker(&rng);
        struct ranker b = a;
        float scores[2][SAMPLE];
        float e[2][SAMPLE];
        float parts[2][X];
        float mean[X] = {0};
        random_sample(&rng, 2 + rng_below(&rng, SAMPLE - 1), &s);
        random_sample(&rng, s.n, &rest);
        memset(s.x[n_x], 0, (X - n_x) * sizeof s.x[0]);
        memcpy(rest.x, s.x, n_x * sizeof s.x[0]);
        memcpy(rest.c, s.c, sizeof s.c);
        const struct ranker_rows whole = rows_of(&s);
        struct ranker_rows part = rows_of(&rest);
        part.n_x = n_x;
        for (int kind = 0; kind < RANKER_NETS; kind++) {
            ranker_scores(&a, (enum ranker_kind)kind, &whole, scores[0]);
            ranker_scores(&b, (enum ranker_kind)kind, &part, scores[1]);
            assert_memory_equal(scores[0], scores[1], s.n * sizeof scores[0][0]);
            ranker_parts(&a, (enum ranker_kind)kind, &whole, 1, mean, parts[0]);
            ranker_parts(&b, (enum ranker_kind)kind, &part, 1, mean, parts[1]);
            for (size_t k = 0; k < X; k++) {
                assert_true(parts[0][k] == parts[1][k]);
            }
        }
        const float p = ranker_learn(&a, &whole, 3.0F, 1.0F, 1, true, e[0]);
        assert_true(p == ranker_learn(&b, &part, 3.0F, 1.0F, 1, true, e[1]));
        assert_memory_equal(e[0], e[1], s.n * sizeof e[0][0]);
        for (int kind = 0; kind < RANKER_NETS; kind++) {
            for (size_t k = 0; k < RANKER_WEIGHTS; k++) {
                assert_true(a.net[kind].weights[k] == b.net[kind].weights[k]);
            }
        }
    }
}

/* "What they are does not matter": also where W x of them is more than a float can be. */
static void columns_beyond_n_may_hold_any_number(void **state) {
    (void)state;
    static struct sample s;
    struct rng rng = {32};
    struct ranker a = random_ranker(&rng);
    struct ranker b = a;
    float e[SAMPLE];
    random_sample(&rng, 50, &s);
    const struct ranker_rows rows = rows_of(&s);
    (void)ranker_learn(&a, &rows, 3.0F, 1.0F, 0, true, e);
    for (size_t k = 0; k < X; k++) {
        for (size_t c = 50; c < 64; c++) {
            s.x[k][c] = c % 2 ? FLT_MAX : -FLT_MAX;
        }
    }
    (void)ranker_learn(&b, &rows, 3.0F, 1.0F, 0, true, e);
    assert_memory_equal(&a, &b, sizeof a);
}

static void scores_a_thousand_apart_do_not_overflow(void **state) {
    (void)state;
    static struct sample s;
    for (int target_first = 0; target_first < 2; target_first++) {
        struct ranker r;
        float e[SAMPLE];
        ranker_init(&r, 33);
        memset(r.net[RANKER_FULL].o, 0, sizeof r.net[RANKER_FULL].o);
        memset(&s, 0, sizeof s);
        s.n = 3;
        s.x[X_K1_REL][0] = target_first ? 1000.0F : -1000.0F;
        s.x[X_K1_REL][1] = target_first ? -1000.0F : 1000.0F;
        const struct ranker_rows rows = rows_of(&s);
        const float log_p = ranker_learn(&r, &rows, 2.0F, 1.0F, 0, true, e);
        if (target_first) {
            assert_true(log_p == 0.0F);
            assert_true(e[0] == 1.0F && e[1] < 1e-37F && e[2] < 1e-37F);
        } else {
            assert_true(fabsf(log_p + 4000.0F + logf(2.0F)) < 1e-2F);
            assert_true(e[0] < 1e-37F && e[1] == 1.0F && e[2] < 1e-37F);
        }
        assert_ranker_finite(&r);
    }
}

/* Numbers of all sizes, also those with which a score cannot be told any more. */
static void any_finite_input_leaves_everything_finite(void **state) {
    (void)state;
    static struct sample s;
    print_message("seeds 1..300\n");
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct rng rng = {seed};
        struct ranker r = {.pace = 1.0F, .steps = seed % 2 ? 0 : UINT64_MAX / 2};
        for (size_t k = 0; k < 2 * WEIGHTS; k++) {
            r.net[k / WEIGHTS].weights[k % WEIGHTS] = any_finite(&rng);
            r.m[k / WEIGHTS].weights[k % WEIGHTS] = any_finite(&rng);
            r.s[k / WEIGHTS].weights[k % WEIGHTS] = fabsf(any_finite(&rng));
        }
        if (seed % 3) {
            ranker_init(&r, seed);
        }
        for (int t = 0; t < 10; t++) {
            float e[SAMPLE];
            float expect[SAMPLE];
            random_sample(&rng, 2 + rng_below(&rng, SAMPLE - 1), &s);
            for (size_t k = 0; k < X * SAMPLE; k++) {
                s.x[k / SAMPLE][k % SAMPLE] = any_finite(&rng);
                s.c[k % C] = any_finite(&rng);
            }
            const struct ranker_rows rows = rows_of(&s);
            const float w = ldexpf(1.0F, (int)rng_below(&rng, 41) - 20);
            ranker_expect(&r, &rows, expect);
            const float log_p = ranker_learn(&r, &rows, w, 1.0F, 3, true, e);
            assert_true(log_p >= -FLT_MAX && log_p <= 1e-6F);
            assert_ranker_finite(&r);
            assert_sums_to_one_or_nothing(e, s.n);
            assert_sums_to_one_or_nothing(expect, s.n);
        }
    }
}

/* What cannot be stepped is not stepped, in part neither; the other net may. */
static void a_step_that_is_not_finite_is_not_made(void **state) {
    (void)state;
    static struct sample s;
    static const float bad[] = {INFINITY, -INFINITY, NAN, 3e38F};
    struct rng rng = {34};
    for (size_t z = 0; z < 8; z++) {
        struct ranker r = random_ranker(&rng);
        const bool personal = z % 2;
        const size_t at = personal ? X_K1 : X_AGE;
        for (int kind = 0; kind < RANKER_NETS; kind++) { /* no score is far from the others */
            r.net[kind].v[at] = 0.0F;
            memset(r.net[kind].w[at], 0, sizeof r.net[kind].w[at]);
        }
        const struct ranker before = r;
        float e[SAMPLE];
        random_sample(&rng, 40, &s);
        s.x[at][0] = bad[z / 2]; /* 3e38: its square is not finite */
        s.x[at][1] = -bad[z / 2];
        const struct ranker_rows rows = rows_of(&s);
        (void)ranker_learn(&r, &rows, 2.0F, 1.0F, 0, true, e);
        for (int kind = 0; kind < RANKER_NETS; kind++) {
            const bool stays = kind == RANKER_FULL || !personal;
            assert_true(stays ==
                        (memcmp(&r.net[kind], &before.net[kind], sizeof r.net[kind]) == 0));
            assert_true(stays == (memcmp(&r.m[kind], &before.m[kind], sizeof r.m[kind]) == 0));
            assert_true(stays == (memcmp(&r.s[kind], &before.s[kind], sizeof r.s[kind]) == 0));
        }
        assert_true(isfinite(r.gate[0][true]));
    }
}

/* ---- ranker_expect -------------------------------------------------------- */

static void expecting_equals_the_naive_softmax(void **state) {
    (void)state;
    static struct sample s;
    struct rng rng = {41};
    for (uint32_t n = 0; n <= SAMPLE; n++) {
        const struct ranker r = random_ranker(&rng);
        const struct naive_net net = naive_of(&r.net[RANKER_FULL]);
        float e[SAMPLE + 1];
        double truth[SAMPLE];
        random_sample(&rng, n, &s);
        const struct ranker_rows rows = rows_of(&s);
        (void)naive_softmax(&net, &rows, 1.0, truth);
        e[n] = 7.0F;
        ranker_expect(&r, &rows, e);
        assert_true(e[n] == 7.0F);
        for (uint32_t c = 0; c < n; c++) {
            assert_true(fabs((double)e[c] - truth[c]) <= 2e-5 * truth[c]);
        }
        if (n > 0) {
            assert_sums_to_one_or_nothing(e, n);
            assert_true(e[0] > 0.0F);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_start_has_the_documented_weights),
        cmocka_unit_test(the_start_is_drawn_from_a_normal_distribution),
        cmocka_unit_test(the_same_seed_gives_the_same_start_and_another_another),
        cmocka_unit_test(scores_equal_the_naive_net_for_every_length),
        cmocka_unit_test(the_bits_of_a_score_do_not_depend_on_its_place),
        cmocka_unit_test(the_twin_does_not_see_who_the_user_is),
        cmocka_unit_test(parts_are_slopes_times_distances_and_add_up),
        cmocka_unit_test(expectations_and_likelihood_equal_the_naive_ones_and_sum_to_one),
        cmocka_unit_test(the_gradient_is_that_of_log_p),
        cmocka_unit_test(candidates_that_are_unlikely_teach_too),
        cmocka_unit_test(steps_are_adams),
        cmocka_unit_test(a_step_is_linear_in_what_the_event_weighs),
        cmocka_unit_test(a_weight_stands_for_that_many_copies),
        cmocka_unit_test(the_order_of_the_sampled_candidates_does_not_matter),
        cmocka_unit_test(masked_weights_of_the_twin_are_zero_for_ever),
        cmocka_unit_test(the_same_samples_give_the_same_bits),
        cmocka_unit_test(what_is_0_in_every_row_need_not_be_there),
        cmocka_unit_test(columns_beyond_n_may_hold_any_number),
        cmocka_unit_test(scores_a_thousand_apart_do_not_overflow),
        cmocka_unit_test(any_finite_input_leaves_everything_finite),
        cmocka_unit_test(a_step_that_is_not_finite_is_not_made),
        cmocka_unit_test(expecting_equals_the_naive_softmax),
    };
    return cmocka_run_group_tests_name("ranker", tests, NULL, NULL);
}
