/* SPDX-License-Identifier: Apache-2.0
 *
 * wide.h -- sixteen floats in a vector register, on processors that have such: kernels of them are
 * chosen at run time, and say bit for bit what those of lanes.h say (test_wide).
 */
#ifndef WIDE_H
#define WIDE_H

#include <stdbool.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)
#define WIDE_KERNELS 1
/* Before a function that computes with them. */
#define WIDE_TARGET __attribute__((target("avx512f")))

enum { WIDE = 16 };

typedef float wide __attribute__((vector_size(WIDE * sizeof(float))));

/* Does this machine have them? */
static inline bool wide_here(void) {
    return __builtin_cpu_supports("avx512f");
}
#else
static inline bool wide_here(void) {
    return false;
}
#endif

#endif
