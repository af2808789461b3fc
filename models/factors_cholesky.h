/* SPDX-License-Identifier: Apache-2.0
 *
 * factors_cholesky.h -- the matrix of a user's history, and what it is the product of; for
 * factors*.c and their test only.
 *
 * Elements are worked on one by one in one order, many at a time, so that both kernels say the same
 * bits. What stands on a diagonal or below it means nothing.
 *
 * Pure. Threads: any.
 */
#ifndef FACTORS_CHOLESKY_H
#define FACTORS_CHOLESKY_H

#include "factors.h"

struct factors_history {
    const float *q[FACTORS_HISTORY]; /* (n,) rows, FACTORS each, aligned to a cache line */
    const float *w;                  /* (n,) what each weighs                            */
    uint32_t n;
};

/**
 * A = prior + sum w q q' = U'DU with ones on U's diagonal (no roots: Golub and Van Loan, Matrix
 * Computations, 4.1), and y of U'y = sum w q on the way.
 * @param prior    upper triangle
 * @param u        receives U
 * @param inverse  (FACTORS,) receives 1/d
 * @param y        (FACTORS,)
 * @return false: not positive definite, or not numbers
 */
typedef bool factors_cholesky(const struct factors_history *h, const float prior[FACTORS][FACTORS],
                              float u[FACTORS][FACTORS], float inverse[FACTORS], float y[FACTORS]);

factors_cholesky factors_cholesky_usual;
factors_cholesky factors_cholesky_wide; /* AVX-512; without it, the other one */

#endif
