/* SPDX-License-Identifier: Apache-2.0
 *
 * factors_user.c -- see factors.h: a user's vector, solved for from his history whenever somebody
 * asks. Nobody else is told of it but in fixed point, so products and sums may be contracted here.
 */
#include <math.h>

#include "factors_cholesky.h"
#include "factors_parts.h"
#include "factors_state.h"
#include "fetch.h"
#include "wide.h"

static const float USER_RIDGE = 2.0F;
static const float HISTORY_DECAY = .85F;

/* U x = y, in place. */
static void solve_triangle(float a[FACTORS][FACTORS], const float inverse[FACTORS],
                           float x[FACTORS]) {
    float y[FACTORS] = {0}; /* 0 what is not solved yet: so whole vectors can be added up */
    for (size_t j = FACTORS; j-- > 0;) {
        lanes sum = {0};
        for (size_t v = j / LANES; v < VECTORS; v++) {
            sum += lanes_load(a[j] + v * LANES) * lanes_load(y + v * LANES);
        }
        y[j] = (x[j] - lanes_sum(sum)) * inverse[j];
    }
    memcpy(x, y, sizeof y);
}

/* p <- x/|x|; the norm in double, where no float can overflow or underflow it. */
static bool normalise(const float x[FACTORS], float *p) {
    double sum = 0.0;
    for (size_t k = 0; k < FACTORS; k++) {
        sum += (double)x[k] * (double)x[k];
    }
    if (!(sum > 0.0 && sum <= 1e300)) { /* zero, or not a number */
        return false;
    }
    const double scale = 1.0 / sqrt(sum);
    for (size_t k = 0; k < FACTORS; k++) {
        p[k] = (float)((double)x[k] * scale);
    }
    return true;
}

/* A = U'U of a history; see factors_cholesky.h. */
static bool user_matrix(const struct factors *f, const uint32_t *items, uint32_t n,
                        float a[FACTORS][FACTORS], float x[FACTORS], float inverse[FACTORS]) {
    _Alignas(ROW_ALIGN) float h[FACTORS_HISTORY][FACTORS];
    float w = 1.0F;
    for (uint32_t i = 0; i < n; i++) {
        const float *q = row(f, items[i]);
        const float root = sqrtf(w);
        for (size_t k = 0; k < FACTORS; k++) {
            h[i][k] = root * q[k];
        }
        w *= HISTORY_DECAY;
    }
    factors_cholesky *const make = wide_here() ? factors_cholesky_wide : factors_cholesky_usual;
    return make(f->gv, USER_RIDGE, h, n, a, x, inverse);
}

uint64_t factors_version(const struct factors *f) {
    return f->version;
}

void factors_fetch(const struct factors *f, const uint32_t *items, uint32_t n) {
    FETCH_KEPT();
    for (uint32_t i = 0; i < n && i < FACTORS_HISTORY; i++) {
        for (size_t k = 0; k < FACTORS; k += ROW_ALIGN / sizeof(float)) { /* its lines */
            __builtin_prefetch(row(f, items[i]) + k);
        }
    }
}

bool factors_solve(const struct factors *f, const uint32_t *items, uint32_t n,
                   struct factors_solved *out) {
    out->has_u = out->has_p = false;
    memset(out->p, 0, sizeof out->p);
    if (n == 0) {
        return false;
    }
    n = n < FACTORS_HISTORY ? n : FACTORS_HISTORY;
    factors_fetch(f, items, n); /* all at once: they may be far away */
    float x[FACTORS] = {0};
    float w = 1.0F;
    for (uint32_t i = 0; i < n; i++) {
        const float *q = row(f, items[i]);
        for (size_t k = 0; k < FACTORS; k++) {
            x[k] += w * q[k];
        }
        w *= HISTORY_DECAY;
    }
    out->has_u = user_matrix(f, items, n, out->u, x, out->inverse);
    if (out->has_u) {
        solve_triangle(out->u, out->inverse, x);
        out->has_p = normalise(x, out->p);
    }
    return out->has_p;
}

bool factors_fold_in(const struct factors *f, const uint32_t *items, uint32_t n, float *p) {
    struct factors_solved solved;
    if (!factors_solve(f, items, n, &solved)) {
        return false;
    }
    memcpy(p, solved.p, sizeof solved.p);
    return true;
}

/* ---- parts ------------------------------------------------------------------------------ */

bool factors_parts(const struct factors *f, const struct factors_solved *solved,
                   const uint32_t *items, uint32_t n, const uint32_t *targets, uint32_t n_targets,
                   float *out) {
    if (!solved->has_u) {
        return false;
    }
    const uint32_t known = n < FACTORS_HISTORY ? n : FACTORS_HISTORY;
    float weights[FACTORS_HISTORY];
    float w = 1.0F;
    for (uint32_t i = 0; i < known; i++) {
        weights[i] = w;
        w *= HISTORY_DECAY;
    }
    memset(out, 0, (size_t)n_targets * n * sizeof *out);
    const struct factors_asked asked = {f->q, items, weights, known, targets, n_targets, n};
    factors_parts_of *const parts = wide_here() ? factors_parts_wide : factors_parts_usual;
    parts(solved, &asked, out);
    return true;
}
