/* SPDX-License-Identifier: Apache-2.0
 *
 * factors_parts.h -- what each item of a history contributes to the scores of others,
 * w_i q_i' A^-1 q_t with A = U'DU of the fold-in; for factors*.c and their test only.
 *
 * Targets are lanes of vectors that do not meet, so that both kernels say the same bits.
 *
 * Pure. Threads: any.
 */
#ifndef FACTORS_PARTS_H
#define FACTORS_PARTS_H

#include "factors.h"

struct factors_asked {
    const float *q;        /* (all items, FACTORS)                       */
    const uint32_t *items; /* (n,) the history ...                       */
    const float *weights;  /* (n,) ... and the w of each                 */
    uint32_t n;
    const uint32_t *targets; /* (n_targets,), at most FACTORS_TARGETS      */
    uint32_t n_targets;
};

/** @param solved  has U
 *  @param out     (n,) receives what each brings to all targets; behind the last of these, 0 */
typedef void factors_parts_of(const struct factors_solved *solved,
                              const struct factors_asked *asked, float (*out)[FACTORS_TARGETS]);

factors_parts_of factors_parts_usual;
factors_parts_of factors_parts_wide; /* AVX-512; without it, the other one */

#endif
