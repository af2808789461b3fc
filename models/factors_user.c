/* SPDX-License-Identifier: Apache-2.0
 *
 * factors_user.c -- see factors.h: a user's vector, solved for from his history whenever somebody
 * asks. Nobody else is told of it but in fixed point, so products and sums may be contracted here.
 */
#include <math.h>

#include "factors_state.h"

static const float USER_RIDGE = 2.0F;
static const float HISTORY_DECAY = .85F;

enum { PIVOTS = 4, ROWS = 4, COLUMNS = 2 }; /* divide FACTORS, FACTORS, VECTORS */

/* ROWS rows of A by COLUMNS vectors of it, from (r, v): what stays in registers while the history
 * goes by. */
static inline void normal_tile(const struct factors *f, float h[][FACTORS], uint32_t n, size_t r,
                               size_t v, float a[FACTORS][FACTORS]) {
    lanes sum[ROWS][COLUMNS] = {{{0}}};
    for (uint32_t i = 0; i < n; i++) {
        for (size_t z = 0; z < ROWS; z++) {
            for (size_t c = 0; c < COLUMNS; c++) {
                sum[z][c] += h[i][r + z] * lanes_load(h[i] + (v + c) * LANES);
            }
        }
    }
    for (size_t z = 0; z < ROWS; z++) {
        float *to = a[r + z] + v * LANES;
        for (size_t c = 0; c < (size_t)COLUMNS * LANES; c++) {
            to[c] = (float)(FACTORS_PRIOR * f->gv[r + z][v * LANES + c]);
        }
        for (size_t c = 0; c < COLUMNS; c++) {
            lanes_store(to + c * LANES, lanes_load(to + c * LANES) + sum[z][c]);
        }
    }
}

/* Upper triangle of A = a0 G_V + sum h h' + 2 I, h (n, FACTORS) being sqrt(w) q. What stands below
 * the diagonal means nothing. */
static void normal_matrix(const struct factors *f, float h[][FACTORS], uint32_t n,
                          float a[FACTORS][FACTORS]) {
    for (size_t r = 0; r < FACTORS; r += ROWS) {
        for (size_t v = r / ((size_t)COLUMNS * LANES) * COLUMNS; v < VECTORS; v += COLUMNS) {
            normal_tile(f, h, n, r, v, a);
        }
        for (size_t z = r; z < r + ROWS; z++) {
            a[z][z] += USER_RIDGE;
        }
    }
}

/* Row j of U from what is left of it, and y_j of U'y = x. */
static void pivot_row(float a[FACTORS][FACTORS], size_t j, float inv, float x[FACTORS], float *y) {
    *y = x[j] * inv;
    for (size_t v = j / LANES; v < VECTORS; v++) {
        const lanes row_j = lanes_load(a[j] + v * LANES) * inv;
        lanes_store(a[j] + v * LANES, row_j);
        lanes_store(x + v * LANES, lanes_load(x + v * LANES) - *y * row_j);
    }
}

/* What rows j..j+PIVOTS-1 of U take from rows r and r + 1: whole vectors, from r's on. */
static inline void take_from_two(float a[FACTORS][FACTORS], size_t j, size_t r) {
    float by[2][PIVOTS];
    for (size_t i = 0; i < PIVOTS; i++) {
        by[0][i] = a[j + i][r];
        by[1][i] = a[j + i][r + 1];
    }
    for (size_t v = r / LANES; v < VECTORS; v++) {
        lanes x = lanes_load(a[r] + v * LANES);
        lanes y = lanes_load(a[r + 1] + v * LANES);
        for (size_t i = 0; i < PIVOTS; i++) {
            const lanes pivot = lanes_load(a[j + i] + v * LANES);
            x -= by[0][i] * pivot;
            y -= by[1][i] * pivot;
        }
        lanes_store(a[r] + v * LANES, x);
        lanes_store(a[r + 1] + v * LANES, y);
    }
}

/* A = U'U in place of the upper triangle: PIVOTS rows of U at a time, then what all of them take
 * from each row below, which is read and written once, in the order of one after the other.
 * x becomes y of U'y = x on the way; inverse, those of U's diagonal.
 * @return false: not positive definite, or not numbers */
static bool cholesky(float a[FACTORS][FACTORS], float x[FACTORS], float inverse[FACTORS]) {
    float y[FACTORS];
    for (size_t j = 0; j < FACTORS; j += PIVOTS) {
        for (size_t z = j; z < j + PIVOTS; z++) {
            for (size_t i = j; i < z; i++) {
                const float by = a[i][z];
                for (size_t v = z / LANES; v < VECTORS; v++) {
                    lanes_store(a[z] + v * LANES,
                                lanes_load(a[z] + v * LANES) - by * lanes_load(a[i] + v * LANES));
                }
            }
            if (!(a[z][z] > 0.0F)) {
                return false;
            }
            inverse[z] = 1.0F / sqrtf(a[z][z]);
            pivot_row(a, z, inverse[z], x, &y[z]);
        }
        for (size_t r = j + PIVOTS; r < FACTORS; r += 2) {
            take_from_two(a, j, r);
        }
    }
    memcpy(x, y, sizeof y);
    return true;
}

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

/* U'y = x, in place: as cholesky() does on its way. */
static void solve_lower(float a[FACTORS][FACTORS], const float inverse[FACTORS], float x[FACTORS]) {
    float y[FACTORS];
    for (size_t j = 0; j < FACTORS; j++) {
        y[j] = x[j] * inverse[j];
        for (size_t v = j / LANES; v < VECTORS; v++) {
            lanes_store(x + v * LANES,
                        lanes_load(x + v * LANES) - y[j] * lanes_load(a[j] + v * LANES));
        }
    }
    memcpy(x, y, sizeof y);
}

/* A of a history. */
static void user_matrix(const struct factors *f, const uint32_t *items, uint32_t n,
                        float a[FACTORS][FACTORS]) {
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
    normal_matrix(f, h, n, a);
}

uint64_t factors_version(const struct factors *f) {
    return f->version;
}

bool factors_fold_in(const struct factors *f, const uint32_t *items, uint32_t n, float *p) {
    if (n == 0) {
        return false;
    }
    n = n < FACTORS_HISTORY ? n : FACTORS_HISTORY;
    float x[FACTORS] = {0};
    float w = 1.0F;
    for (uint32_t i = 0; i < n; i++) {
        const float *q = row(f, items[i]);
        for (size_t k = 0; k < FACTORS; k++) {
            x[k] += w * q[k];
        }
        w *= HISTORY_DECAY;
    }
    _Alignas(ROW_ALIGN) float a[FACTORS][FACTORS];
    float inverse[FACTORS];
    user_matrix(f, items, n, a);
    if (!cholesky(a, x, inverse)) {
        return false;
    }
    solve_triangle(a, inverse, x);
    return normalise(x, p);
}

bool factors_parts(const struct factors *f, const uint32_t *items, uint32_t n,
                   const uint32_t *targets, uint32_t n_targets, float *out) {
    if (n == 0) {
        return false;
    }
    const uint32_t known = n < FACTORS_HISTORY ? n : FACTORS_HISTORY;
    _Alignas(ROW_ALIGN) float a[FACTORS][FACTORS];
    float z[FACTORS] = {0};
    float inverse[FACTORS];
    user_matrix(f, items, known, a);
    if (!cholesky(a, z, inverse)) {
        return false;
    }
    for (uint32_t t = 0; t < n_targets; t++) {
        memcpy(z, row(f, targets[t]), sizeof z);
        solve_lower(a, inverse, z);
        solve_triangle(a, inverse, z);
        float w = 1.0F;
        for (uint32_t i = 0; i < n; i++) {
            const float *q = row(f, items[i]);
            float sum = 0.0F;
            for (size_t k = 0; i < known && k < FACTORS; k++) {
                sum += q[k] * z[k];
            }
            out[(size_t)t * n + i] = w * sum;
            w *= HISTORY_DECAY;
        }
    }
    return true;
}
