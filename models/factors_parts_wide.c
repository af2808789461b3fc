/* SPDX-License-Identifier: Apache-2.0
 * factors_parts_wide.c -- see factors_parts.h: sixteen targets at a time. */
#include "factors_parts.h"

#include "wide.h"

#ifdef WIDE_KERNELS
#define KERNEL factors_parts_wide
#define TARGET WIDE_TARGET
enum { PART = WIDE };
typedef wide part;

#include "factors_parts_kernel.h"
#else
void factors_parts_wide(const struct factors_solved *solved, const struct factors_asked *asked,
                        float (*out)[FACTORS_TARGETS]) {
    factors_parts_usual(solved, asked, out);
}
#endif
