/* SPDX-License-Identifier: Apache-2.0
 *
 * factors_cholesky_kernel.h -- see factors_cholesky.h: the code of both kernels. Whoever includes
 * it says KERNEL (its name), TARGET (before each function), what is computed with at a time
 * (`part`, a vector of PART floats), and part_splat(v, k), which is lane k of v in every lane.
 *
 * A is made tile by tile, PART rows by PART columns that stay in registers until they are rows of
 * U: loops over a tile are unrolled for that. PART is at most 16.
 */
#include <string.h>

TARGET static inline part part_load(const float *x) {
    part v;
    memcpy(&v, x, sizeof v);
    return v;
}

TARGET static inline void part_store(float *x, part v) {
    memcpy(x, &v, sizeof v);
}

/* What is made, and the rows of DU: what is taken off the rows below them. */
struct made {
    float (*u)[FACTORS];
    float *inverse, *y;
    float du[FACTORS][FACTORS];
};

/* The tile of A at (row, column). @return sum w q of its columns */
TARGET static inline part tile_of(const struct factors_history *h,
                                  const float prior[FACTORS][FACTORS], size_t row, size_t column,
                                  part t[PART]) {
    part x = {0};
#pragma GCC unroll 16
    for (size_t r = 0; r < PART; r++) {
        t[r] = (part){0};
    }
    for (uint32_t i = 0; i < h->n; i++) {
        const float *q = h->q[i];
        const part wq = h->w[i] * part_load(q + column);
        x += wq;
#pragma GCC unroll 16
        for (size_t r = 0; r < PART; r++) {
            t[r] += q[row + r] * wq;
        }
    }
#pragma GCC unroll 16
    for (size_t r = 0; r < PART; r++) {
        t[r] += part_load(prior[row + r] + column);
    }
    return x;
}

/* Takes off a tile what the rows of U above it make of it. */
TARGET static inline void take_off(const struct made *m, size_t row, size_t column, part t[PART]) {
    for (size_t k = 0; k < row; k++) {
        const part du = part_load(m->du[k] + column);
#pragma GCC unroll 16
        for (size_t r = 0; r < PART; r++) {
            t[r] -= m->u[k][row + r] * du;
        }
    }
}

/* A tile of the diagonal becomes rows of U; x, its part of y. */
TARGET static inline void diagonal_tile(struct made *m, size_t row, part t[PART], part x) {
    for (size_t k = 0; k < row; k++) {
        x -= m->y[k] * part_load(m->u[k] + row);
    }
#pragma GCC unroll 16
    for (size_t k = 0; k < PART; k++) {
        const part inverse = 1.0F / part_splat(t[k], k);
        const part u = t[k] * inverse;
        const part y = part_splat(x, k);
        part_store(m->du[row + k] + row, t[k]);
        part_store(m->u[row + k] + row, u);
        m->inverse[row + k] = inverse[0];
        m->y[row + k] = y[0];
        x -= y * u;
#pragma GCC unroll 16
        for (size_t r = k + 1; r < PART; r++) {
            t[r] -= part_splat(u, r) * t[k];
        }
    }
}

/* A tile to the right of it. */
TARGET static inline void tile_beside(struct made *m, size_t row, size_t column, part t[PART]) {
#pragma GCC unroll 16
    for (size_t k = 0; k < PART; k++) {
        part_store(m->du[row + k] + column, t[k]);
        part_store(m->u[row + k] + column, m->inverse[row + k] * t[k]);
#pragma GCC unroll 16
        for (size_t r = k + 1; r < PART; r++) {
            t[r] -= m->u[row + k][row + r] * t[k];
        }
    }
}

TARGET bool KERNEL(const struct factors_history *h, const float prior[FACTORS][FACTORS],
                   float u[FACTORS][FACTORS], float inverse[FACTORS], float y[FACTORS]) {
    _Alignas(64) struct made m;
    m.u = u;
    m.inverse = inverse;
    m.y = y;
    for (size_t row = 0; row < FACTORS; row += PART) {
        part t[PART];
        const part x = tile_of(h, prior, row, row, t);
        take_off(&m, row, row, t);
        diagonal_tile(&m, row, t, x);
        for (size_t column = row + PART; column < FACTORS; column += PART) {
            (void)tile_of(h, prior, row, column, t);
            take_off(&m, row, column, t);
            tile_beside(&m, row, column, t);
        }
    }
    bool ok = true;
    for (size_t k = 0; k < FACTORS; k++) {
        ok = ok && inverse[k] > 0.0F;
    }
    return ok;
}
