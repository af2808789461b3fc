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

/* DU x = y, in place: LANES rows at a time, what they owe to those below them by one tree of sums.
 * The loops are unrolled so that all of it stays in registers. */
static void solve_up(const struct factors_solved *s, float y[FACTORS]) {
    lanes x[VECTORS];
#pragma GCC unroll 4
    for (size_t b = VECTORS; b-- > 0;) {
        const size_t at = b * LANES;
        lanes owed[LANES];
        float left[LANES];
#pragma GCC unroll 8
        for (size_t r = 0; r < LANES; r++) {
            owed[r] = (lanes){0};
#pragma GCC unroll 4
            for (size_t v = b + 1; v < VECTORS; v++) {
                owed[r] += lanes_load(s->u[at + r] + v * LANES) * x[v];
            }
        }
        lanes_store(left, lanes_load(y + at) * lanes_load(s->inverse + at) - lanes_sums(owed));
#pragma GCC unroll 8
        for (size_t k = LANES - 1; k > 0; k--) {
#pragma GCC unroll 8
            for (size_t r = 0; r < k; r++) {
                left[r] -= s->u[at + r][at + k] * left[k];
            }
        }
        x[b] = lanes_load(left);
    }
    memcpy(y, x, sizeof x);
}

/* p <- x/|x|; the norm in double, where no float can overflow or underflow it. */
static bool normalise(const float x[FACTORS], float *p) {
    double sums[LANES] = {0};
    for (size_t k = 0; k < FACTORS; k += LANES) {
        for (size_t z = 0; z < LANES; z++) {
            sums[z] += (double)x[k + z] * (double)x[k + z];
        }
    }
    double sum = 0.0;
    for (size_t z = 0; z < LANES; z++) {
        sum += sums[z];
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
    struct factors_history h = {.w = f->weight_of, .n = n};
    for (uint32_t i = 0; i < n; i++) {
        h.q[i] = row(f, items[i]);
    }
    float x[FACTORS];
    factors_cholesky *const make = wide_here() ? factors_cholesky_wide : factors_cholesky_usual;
    out->has_u = make(&h, f->prior, out->u, out->inverse, x);
    if (out->has_u) {
        solve_up(out, x);
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
                   float (*out)[FACTORS_TARGETS]) {
    if (!solved->has_u) {
        return false;
    }
    const uint32_t known = n < FACTORS_HISTORY ? n : FACTORS_HISTORY;
    if (n > known) {
        memset(out + known, 0, (n - known) * sizeof *out);
    }
    const struct factors_asked asked = {f->q, items, f->weight_of, known, targets, n_targets};
    factors_parts_of *const parts = wide_here() ? factors_parts_wide : factors_parts_usual;
    parts(solved, &asked, out);
    return true;
}
