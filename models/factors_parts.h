/* SPDX-License-Identifier: Apache-2.0
 *
 * factors_parts.h -- what each item of a history contributes to the scores of others,
 * w_i q_i' A^-1 q_t with A = U'U of the fold-in; for factors*.c and their test only.
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
    const uint32_t *targets; /* (n_targets,)                               */
    uint32_t n_targets;
    size_t stride; /* >= n: from a target's parts to the next's  */
};

/** @param solved  has U
 *  @param out     (n_targets, stride) receives n parts each; what is behind them stays */
typedef void factors_parts_of(const struct factors_solved *solved,
                              const struct factors_asked *asked, float *out);

factors_parts_of factors_parts_usual;
factors_parts_of factors_parts_wide; /* AVX-512; without it, the other one */

#endif
