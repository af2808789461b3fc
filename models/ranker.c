/* SPDX-License-Identifier: Apache-2.0
 *
 * ranker.c -- see ranker.h for the model and its source.
 *
 * Serving is in float, 16 candidates at a time. Learning is in double: a product of two floats is
 * exact there and 20 of them cannot overflow, so the softmax is finite for any finite input. The
 * lanes of a block are added in a fixed order; no loop depends on -ffast-math.
 */
#include "ranker.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { LANES = 16 };

static const double RATE = .002;
static const double DECAY_M = .9;
static const double DECAY_S = .999;
static const double EPSILON = 1e-5;

void ranker_init(struct ranker *r) {
    *r = (struct ranker){.steps = 0};
    r->v[X_K1_REL] = 2.0F;
    r->v[X_DOT] = .3F;
    r->v[X_POP_1D] = .5F;
    r->v[X_POP_7D] = .5F;
}

/* ---- scores -------------------------------------------------------------- */

void ranker_scores(const struct ranker *r, const float *x, uint32_t stride, uint32_t n,
                   float *scores) {
    for (uint32_t c = 0; c < n; c += LANES) {
        float s[LANES] = {0};
        for (size_t k = 0; k < RANKER_X; k++) {
            const float *xk = x + k * stride + c;
            for (size_t z = 0; z < LANES; z++) {
                s[z] += r->v[k] * xk[z];
            }
        }
        const size_t m = n - c < LANES ? n - c : LANES;
        memcpy(scores + c, s, m * sizeof *s);
    }
}

/* Exact products: whether the compiler fuses them into the additions makes no difference. */
float ranker_score_one(const struct ranker *r, const float *x, uint32_t stride, uint32_t c) {
    double s = 0.0;
    for (size_t k = 0; k < RANKER_X; k++) {
        s += (double)r->v[k] * (double)x[k * stride + c];
    }
    return (float)s;
}

void ranker_parts(const struct ranker *r, const float *x, uint32_t stride, uint32_t c,
                  float out[RANKER_X]) {
    for (size_t k = 0; k < RANKER_X; k++) {
        out[k] = r->v[k] * x[k * stride + c];
    }
}

/* ---- learning ------------------------------------------------------------ */

/* s[c] = v . X[.][c] in double */
static void sample_scores(const struct ranker *r, const float *x, uint32_t stride, uint32_t n,
                          double s[RANKER_SAMPLE_MAX]) {
    memset(s, 0, RANKER_SAMPLE_MAX * sizeof *s);
    for (size_t k = 0; k < RANKER_X; k++) {
        const double v = (double)r->v[k];
        const float *xk = x + k * stride;
        for (uint32_t c = 0; c < n; c++) {
            s[c] += v * (double)xk[c];
        }
    }
}

static double max_of(const double *s, uint32_t n) {
    double max = s[0];
    for (uint32_t c = 1; c < n; c++) {
        max = s[c] > max ? s[c] : max;
    }
    return max;
}

/* e_c = w_c exp(s_c - max)/Z with w_0 = w0 and w_c = w; returns log Z, relative to max. */
static double softmax(const double *s, uint32_t n, double max, double w0, double w, float *e) {
    double y[RANKER_SAMPLE_MAX];
    double z = 0.0;
    for (uint32_t c = 0; c < n; c++) {
        y[c] = (c == 0 ? w0 : w) * exp(s[c] - max);
        z += y[c];
    }
    for (uint32_t c = 0; c < n; c++) {
        e[c] = (float)(y[c] / z);
    }
    return log(z);
}

/* sum_c e_c x_c, in LANES partial sums. The columns from n on are not ours to multiply by 0: they
 * may hold anything. */
static double weighted_sum(const float *x, const double *e, uint32_t n) {
    double lane[LANES] = {0};
    uint32_t c = 0;
    for (; c + LANES <= n; c += LANES) {
        for (size_t z = 0; z < LANES; z++) {
            lane[z] += e[c + z] * (double)x[c + z];
        }
    }
    for (; c < n; c++) {
        lane[c % LANES] += e[c] * (double)x[c];
    }
    double sum = 0.0;
    for (size_t z = 0; z < LANES; z++) {
        sum += lane[z];
    }
    return sum;
}

/* One step of Adam up the gradient g, in the form of the paper's section 2 whose epsilon stands
 * beside the uncorrected root. All of it or, when a result is not finite, nothing. */
static void adam(struct ranker *r, const double g[RANKER_X], double weight) {
    struct ranker next = *r;
    next.steps++;
    const double t = (double)next.steps;
    const double rate = RATE * sqrt(1.0 - pow(DECAY_S, t)) / (1.0 - pow(DECAY_M, t));
    bool finite = true;
    for (size_t k = 0; k < RANKER_X; k++) {
        const double m = DECAY_M * (double)r->m[k] + (1.0 - DECAY_M) * (weight * g[k]);
        const double s = DECAY_S * (double)r->s[k] + (1.0 - DECAY_S) * g[k] * g[k];
        next.m[k] = (float)m;
        next.s[k] = (float)s;
        next.v[k] = (float)((double)r->v[k] + rate * m / (sqrt(s) + EPSILON));
        finite = finite && isfinite(next.m[k]) && isfinite(next.s[k]) && isfinite(next.v[k]);
    }
    if (finite) {
        *r = next;
    }
}

float ranker_learn(struct ranker *r, const float *x, uint32_t stride, uint32_t n, float w,
                   double weight, float *e) {
    assert(n >= 2 && n <= RANKER_SAMPLE_MAX);
    double s[RANKER_SAMPLE_MAX];
    sample_scores(r, x, stride, n, s);
    const double max = max_of(s, n);
    const double log_p = s[0] - max - softmax(s, n, max, 1.0, (double)w, e);

    double minus_e[RANKER_SAMPLE_MAX];
    for (uint32_t c = 0; c < n; c++) {
        minus_e[c] = (c == 0 ? 1.0 : 0.0) - (double)e[c];
    }
    double g[RANKER_X];
    for (size_t k = 0; k < RANKER_X; k++) {
        g[k] = weighted_sum(x + k * stride, minus_e, n);
    }
    adam(r, g, weight);
    return log_p > -(double)FLT_MAX ? (float)log_p : -FLT_MAX;
}

void ranker_expect(const struct ranker *r, const float *x, uint32_t stride, uint32_t n, float w,
                   float *e) {
    assert(n <= RANKER_SAMPLE_MAX);
    if (n == 0) {
        return;
    }
    double s[RANKER_SAMPLE_MAX];
    sample_scores(r, x, stride, n, s);
    (void)softmax(s, n, max_of(s, n), (double)w, (double)w, e);
}

/* ---- averaging ----------------------------------------------------------- */

void ranker_mean(struct ranker *r, const float *const *v, const uint32_t *events, uint32_t n) {
    double sum[RANKER_X] = {0};
    double total = 0.0;
    for (uint32_t i = 0; i < n; i++) {
        if (events[i] == 0) {
            continue; /* its weights are not even looked at */
        }
        total += (double)events[i];
        for (size_t k = 0; k < RANKER_X; k++) {
            sum[k] += (double)events[i] * (double)v[i][k];
        }
    }
    if (total > 0.0) {
        for (size_t k = 0; k < RANKER_X; k++) {
            r->v[k] = (float)(sum[k] / total);
        }
    }
}
