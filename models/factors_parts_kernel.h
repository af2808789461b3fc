/* SPDX-License-Identifier: Apache-2.0
 *
 * factors_parts_kernel.h -- see factors_parts.h: the code of both kernels. Whoever includes it says
 * KERNEL (its name), TARGET (before each function), and what is computed with at a time: `part`, a
 * vector of PART floats.
 */
#include <string.h>

enum { PIVOTS = 4 }; /* divide FACTORS */

/* Rows of up to PART items side by side: z[k][t] is the k-th factor of the t-th; 0 beyond them. */
TARGET static inline void rows_of(const float *q, const uint32_t *items, uint32_t n,
                                  part z[FACTORS]) {
    float side[FACTORS][PART] = {{0}};
    for (uint32_t t = 0; t < n; t++) {
        const float *row = q + (size_t)items[t] * FACTORS;
        for (size_t k = 0; k < FACTORS; k++) {
            side[k][t] = row[k];
        }
    }
    for (size_t k = 0; k < FACTORS; k++) {
        memcpy(&z[k], side[k], sizeof z[k]);
    }
}

/* U'y = z in place: PIVOTS rows are solved, then taken off all others at once. */
TARGET static inline void solve_down(const struct factors_solved *s, part z[FACTORS]) {
    for (size_t j = 0; j < FACTORS; j += PIVOTS) {
        part y[PIVOTS];
        for (size_t a = 0; a < PIVOTS; a++) {
            y[a] = z[j + a];
            for (size_t b = 0; b < a; b++) {
                y[a] -= s->u[j + b][j + a] * y[b];
            }
            y[a] *= s->inverse[j + a];
            z[j + a] = y[a];
        }
        for (size_t k = j + PIVOTS; k < FACTORS; k++) {
            part left = z[k];
            for (size_t a = 0; a < PIVOTS; a++) {
                left -= s->u[j + a][k] * y[a];
            }
            z[k] = left;
        }
    }
}

/* U x = z in place, likewise from the last row on. */
TARGET static inline void solve_up(const struct factors_solved *s, part z[FACTORS]) {
    for (size_t end = FACTORS; end > 0; end -= PIVOTS) {
        const size_t j = end - PIVOTS;
        part x[PIVOTS];
        for (size_t a = PIVOTS; a-- > 0;) {
            x[a] = z[j + a];
            for (size_t b = PIVOTS; b-- > a + 1;) {
                x[a] -= s->u[j + a][j + b] * x[b];
            }
            x[a] *= s->inverse[j + a];
            z[j + a] = x[a];
        }
        for (size_t k = 0; k < j; k++) {
            part left = z[k];
            for (size_t a = PIVOTS; a-- > 0;) {
                left -= s->u[k][j + a] * x[a];
            }
            z[k] = left;
        }
    }
}

/* q.z of each lane. */
TARGET static inline part product(const float *q, const part z[FACTORS]) {
    part sum[4] = {{0}};
    for (size_t k = 0; k < FACTORS; k++) {
        sum[k % 4] += q[k] * z[k];
    }
    return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

TARGET void KERNEL(const struct factors_solved *solved, const struct factors_asked *asked,
                   float *out) {
    for (uint32_t from = 0; from < asked->n_targets; from += PART) {
        const uint32_t left = asked->n_targets - from;
        const uint32_t here = left < PART ? left : PART;
        part z[FACTORS];
        rows_of(asked->q, asked->targets + from, here, z);
        solve_down(solved, z);
        solve_up(solved, z);
        for (uint32_t i = 0; i < asked->n; i++) {
            const float *q = asked->q + (size_t)asked->items[i] * FACTORS;
            const part parts = asked->weights[i] * product(q, z);
            for (uint32_t t = 0; t < here; t++) {
                out[(from + t) * asked->stride + i] = parts[t];
            }
        }
    }
}
