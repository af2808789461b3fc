/* SPDX-License-Identifier: Apache-2.0
 * factors_cholesky.c -- see factors_cholesky.h: eight floats at a time. */
#include "factors_cholesky.h"

#include "lanes.h"

#define KERNEL factors_cholesky_usual
#define TARGET
enum { PART = LANES };
typedef lanes part;

static inline part part_splat(part v, size_t k) {
    return v[k] + (part){0};
}

#include "factors_cholesky_kernel.h"
