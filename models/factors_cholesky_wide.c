/* SPDX-License-Identifier: Apache-2.0
 * factors_cholesky_wide.c -- see factors_cholesky.h: sixteen floats at a time. */
#include "factors_cholesky.h"

#include "wide.h"

#ifdef WIDE_KERNELS
#define KERNEL factors_cholesky_wide
#define TARGET WIDE_TARGET
enum { PART = WIDE };
typedef wide part;

#ifdef __clang__
TARGET static inline part part_splat(part v, size_t k) {
    return v[k] + (part){0};
}
#else
/* One instruction; the other way GCC takes three. */
TARGET static inline part part_splat(part v, size_t k) {
    typedef int32_t places __attribute__((vector_size(sizeof(part))));
    return __builtin_shuffle(v, (int32_t)k + (places){0});
}
#endif

#include "factors_cholesky_kernel.h"
#else
bool factors_cholesky_wide(const struct factors_history *h, const float prior[FACTORS][FACTORS],
                           float u[FACTORS][FACTORS], float inverse[FACTORS], float y[FACTORS]) {
    return factors_cholesky_usual(h, prior, u, inverse, y);
}
#endif
