/* SPDX-License-Identifier: Apache-2.0
 * factors_cholesky_wide.c -- see factors_cholesky.h: sixteen floats at a time. */
#include "factors_cholesky.h"

#include "factors_state.h"
#include "wide.h"

#ifdef WIDE_KERNELS
#define KERNEL factors_cholesky_wide
#define TARGET WIDE_TARGET
enum { PART = WIDE };
typedef wide part;

#include "factors_cholesky_kernel.h"
#else
bool factors_cholesky_wide(const double prior[FACTORS][FACTORS], float ridge, float h[][FACTORS],
                           uint32_t n, float a[FACTORS][FACTORS], float x[FACTORS],
                           float inverse[FACTORS]) {
    return factors_cholesky_usual(prior, ridge, h, n, a, x, inverse);
}
#endif
