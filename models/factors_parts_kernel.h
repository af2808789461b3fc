/* SPDX-License-Identifier: Apache-2.0
 *
 * factors_parts_kernel.h -- see factors_parts.h: the code of both kernels. Whoever includes it says
 * KERNEL (its name), TARGET (before each function), and what is computed with at a time: `part`, a
 * vector of PART floats, at most 16.
 */
#include <string.h>

enum { AT_ONCE = 4 /* items of the history */ };

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

/* U'y = z in place: PART rows at a time, which stay in registers. */
TARGET static inline void solve_down(const struct factors_solved *s, part z[FACTORS]) {
    for (size_t row = 0; row < FACTORS; row += PART) {
        part y[PART];
#pragma GCC unroll 16
        for (size_t r = 0; r < PART; r++) {
            y[r] = z[row + r];
        }
        for (size_t k = 0; k < row; k++) {
#pragma GCC unroll 16
            for (size_t r = 0; r < PART; r++) {
                y[r] -= s->u[k][row + r] * z[k];
            }
        }
#pragma GCC unroll 16
        for (size_t k = 0; k < PART; k++) {
            z[row + k] = y[k];
#pragma GCC unroll 16
            for (size_t r = k + 1; r < PART; r++) {
                y[r] -= s->u[row + k][row + r] * y[k];
            }
        }
    }
}

/* DU x = z in place, likewise from the last row on. */
TARGET static inline void solve_up(const struct factors_solved *s, part z[FACTORS]) {
    for (size_t end = FACTORS; end > 0; end -= PART) {
        const size_t row = end - PART;
        part x[PART];
#pragma GCC unroll 16
        for (size_t r = 0; r < PART; r++) {
            x[r] = z[row + r] * s->inverse[row + r];
        }
        for (size_t k = FACTORS; k-- > end;) {
#pragma GCC unroll 16
            for (size_t r = 0; r < PART; r++) {
                x[r] -= s->u[row + r][k] * z[k];
            }
        }
#pragma GCC unroll 16
        for (size_t k = PART; k-- > 0;) {
            z[row + k] = x[k];
#pragma GCC unroll 16
            for (size_t r = 0; r < k; r++) {
                x[r] -= s->u[row + r][row + k] * x[k];
            }
        }
    }
}

/* q.z of each lane for AT_ONCE items: sums that do not wait for each other. */
TARGET static inline void products(const float *const q[AT_ONCE], const part z[FACTORS],
                                   part out[AT_ONCE]) {
    part sum[AT_ONCE][2] = {{{0}}};
    for (size_t k = 0; k < FACTORS; k += 2) {
        for (size_t i = 0; i < AT_ONCE; i++) {
            sum[i][0] += q[i][k] * z[k];
            sum[i][1] += q[i][k + 1] * z[k + 1];
        }
    }
    for (size_t i = 0; i < AT_ONCE; i++) {
        out[i] = sum[i][0] + sum[i][1];
    }
}

/* What each item of the history brings to the targets from `from` on, at most PART of them. */
TARGET static inline void parts_of(const struct factors_solved *solved,
                                   const struct factors_asked *asked, uint32_t from,
                                   float (*out)[FACTORS_TARGETS]) {
    const uint32_t left = asked->n_targets > from ? asked->n_targets - from : 0;
    part z[FACTORS];
    rows_of(asked->q, asked->targets + from, left < PART ? left : PART, z);
    solve_down(solved, z);
    solve_up(solved, z);
    for (uint32_t i = 0; i < asked->n; i += AT_ONCE) {
        const float *q[AT_ONCE];
        part some[AT_ONCE];
        for (uint32_t a = 0; a < AT_ONCE; a++) { /* behind the last, the last again */
            const uint32_t at = i + a < asked->n ? i + a : asked->n - 1;
            q[a] = asked->q + (size_t)asked->items[at] * FACTORS;
        }
        products(q, z, some);
        for (uint32_t a = 0; a < AT_ONCE && i + a < asked->n; a++) {
            const part parts = asked->weights[i + a] * some[a];
            memcpy(out[i + a] + from, &parts, sizeof parts);
        }
    }
}

TARGET void KERNEL(const struct factors_solved *solved, const struct factors_asked *asked,
                   float (*out)[FACTORS_TARGETS]) {
    for (uint32_t from = 0; from < FACTORS_TARGETS; from += PART) {
        parts_of(solved, asked, from, out);
    }
}
