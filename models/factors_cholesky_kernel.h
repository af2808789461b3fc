/* SPDX-License-Identifier: Apache-2.0
 *
 * factors_cholesky_kernel.h -- see factors_cholesky.h: the code of both kernels. Whoever includes
 * it says KERNEL (its name), TARGET (before each function), and what is computed with at a time:
 * `part`, a vector of PART floats.
 */
#include <math.h>
#include <string.h>

TARGET static inline part part_load(const float *x) {
    part v;
    memcpy(&v, x, sizeof v);
    return v;
}

TARGET static inline void part_store(float *x, part v) {
    memcpy(x, &v, sizeof v);
}

enum {
    PIVOTS = 4,
    ROWS = 4,
    COLUMNS = 2,
    PARTS = FACTORS / PART
}; /* divide FACTORS twice, PARTS */

/* ROWS rows of A by COLUMNS vectors of it, from (r, v): what stays in registers while the history
 * goes by. */
TARGET static inline void normal_tile(const double prior[FACTORS][FACTORS], float h[][FACTORS],
                                      uint32_t n, size_t r, size_t v, float a[FACTORS][FACTORS]) {
    part sum[ROWS][COLUMNS] = {{{0}}};
    for (uint32_t i = 0; i < n; i++) {
        for (size_t z = 0; z < ROWS; z++) {
            for (size_t c = 0; c < COLUMNS; c++) {
                sum[z][c] += h[i][r + z] * part_load(h[i] + (v + c) * PART);
            }
        }
    }
    for (size_t z = 0; z < ROWS; z++) {
        float *to = a[r + z] + v * PART;
        for (size_t c = 0; c < (size_t)COLUMNS * PART; c++) {
            to[c] = (float)(FACTORS_PRIOR * prior[r + z][v * PART + c]);
        }
        for (size_t c = 0; c < COLUMNS; c++) {
            part_store(to + c * PART, part_load(to + c * PART) + sum[z][c]);
        }
    }
}

/* Upper triangle of A = a0 prior + sum h h' + ridge I, h (n, FACTORS) being sqrt(w) q. What stands
 * below the diagonal means nothing. */
TARGET static inline void normal_matrix(const double prior[FACTORS][FACTORS], float ridge,
                                        float h[][FACTORS], uint32_t n, float a[FACTORS][FACTORS]) {
    for (size_t r = 0; r < FACTORS; r += ROWS) {
        for (size_t v = r / ((size_t)COLUMNS * PART) * COLUMNS; v < PARTS; v += COLUMNS) {
            normal_tile(prior, h, n, r, v, a);
        }
        for (size_t z = r; z < r + ROWS; z++) {
            a[z][z] += ridge;
        }
    }
}

/* Row j of U from what is left of it, and y_j of U'y = x. */
TARGET static inline void pivot_row(float a[FACTORS][FACTORS], size_t j, float inv,
                                    float x[FACTORS], float *y) {
    *y = x[j] * inv;
    for (size_t v = j / PART; v < PARTS; v++) {
        const part row_j = part_load(a[j] + v * PART) * inv;
        part_store(a[j] + v * PART, row_j);
        part_store(x + v * PART, part_load(x + v * PART) - *y * row_j);
    }
}

/* What rows j..j+PIVOTS-1 of U take from rows r and r + 1: whole vectors, from r's on. */
TARGET static inline void take_from_two(float a[FACTORS][FACTORS], size_t j, size_t r) {
    float by[2][PIVOTS];
    for (size_t i = 0; i < PIVOTS; i++) {
        by[0][i] = a[j + i][r];
        by[1][i] = a[j + i][r + 1];
    }
    for (size_t v = r / PART; v < PARTS; v++) {
        part x = part_load(a[r] + v * PART);
        part y = part_load(a[r + 1] + v * PART);
        for (size_t i = 0; i < PIVOTS; i++) {
            const part pivot = part_load(a[j + i] + v * PART);
            x -= by[0][i] * pivot;
            y -= by[1][i] * pivot;
        }
        part_store(a[r] + v * PART, x);
        part_store(a[r + 1] + v * PART, y);
    }
}

/* A = U'U in place of the upper triangle: PIVOTS rows of U at a time, then what all of them take
 * from each row below, which is read and written once, in the order of one after the other.
 * x becomes y of U'y = x on the way; inverse, those of U's diagonal.
 * @return false: not positive definite, or not numbers */
TARGET static inline bool cholesky(float a[FACTORS][FACTORS], float x[FACTORS],
                                   float inverse[FACTORS]) {
    float y[FACTORS];
    for (size_t j = 0; j < FACTORS; j += PIVOTS) {
        for (size_t z = j; z < j + PIVOTS; z++) {
            for (size_t i = j; i < z; i++) {
                const float by = a[i][z];
                for (size_t v = z / PART; v < PARTS; v++) {
                    part_store(a[z] + v * PART,
                               part_load(a[z] + v * PART) - by * part_load(a[i] + v * PART));
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

TARGET bool KERNEL(const double prior[FACTORS][FACTORS], float ridge, float h[][FACTORS],
                   uint32_t n, float a[FACTORS][FACTORS], float x[FACTORS],
                   float inverse[FACTORS]) {
    normal_matrix(prior, ridge, h, n, a);
    return cholesky(a, x, inverse);
}
