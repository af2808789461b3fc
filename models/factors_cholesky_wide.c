/* SPDX-License-Identifier: Apache-2.0
 * factors_cholesky_wide.c -- see factors_cholesky.h: sixteen floats at a time. */
#include "factors_cholesky.h"

#include "wide.h"

#ifdef WIDE_KERNELS
#include <immintrin.h>

#define KERNEL factors_cholesky_wide
#define TARGET WIDE_TARGET
enum { PART = WIDE };
typedef wide part;

TARGET static inline part part_splat(part v, size_t k) {
    return (part)_mm512_permutexvar_ps(_mm512_set1_epi32((int)k), (__m512)v);
}

#include "factors_cholesky_kernel.h"
#else
bool factors_cholesky_wide(const struct factors_history *h, const float prior[FACTORS][FACTORS],
                           float u[FACTORS][FACTORS], float inverse[FACTORS], float y[FACTORS]) {
    return factors_cholesky_usual(h, prior, u, inverse, y);
}
#endif
