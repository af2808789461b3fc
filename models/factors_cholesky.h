/* SPDX-License-Identifier: Apache-2.0
 *
 * factors_cholesky.h -- the matrix of a user's history, and what it is the product of; for
 * factors*.c and their test only.
 *
 * Elements are worked on one by one in one order, many at a time, so that both kernels say the same
 * bits. What stands below a diagonal means nothing.
 *
 * Pure. Threads: any.
 */
#ifndef FACTORS_CHOLESKY_H
#define FACTORS_CHOLESKY_H

#include "factors.h"

/**
 * A = prior + sum h h' + ridge I = U'U, and y of U'y = x on the way.
 * @param prior    upper triangle, multiplied by FACTORS_PRIOR
 * @param h        (n, FACTORS), aligned to a cache line
 * @param a        receives U
 * @param x        becomes y
 * @param inverse  (FACTORS,) receives those of U's diagonal
 * @return false: not positive definite, or not numbers
 */
typedef bool factors_cholesky(const double prior[FACTORS][FACTORS], float ridge, float h[][FACTORS],
                              uint32_t n, float a[FACTORS][FACTORS], float x[FACTORS],
                              float inverse[FACTORS]);

factors_cholesky factors_cholesky_usual;
factors_cholesky factors_cholesky_wide; /* AVX-512; without it, the other one */

#endif
