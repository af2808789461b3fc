/* SPDX-License-Identifier: Apache-2.0
 *
 * ranker_block.h -- scores of RANKER_BLOCK rows by a net; for ranker*.c and their test only.
 *
 * Rows are worked on a lane a row, some hidden units at a time. A lane never meets another, so that
 * both kernels say the same bits.
 *
 * Pure. Threads: any.
 */
#ifndef RANKER_BLOCK_H
#define RANKER_BLOCK_H

#include "ranker.h"

enum { RANKER_BLOCK = 16 };

/**
 * @param n_x     inputs that are looked at, of the first ones
 * @param x       (n_x, stride): RANKER_BLOCK rows of each
 * @param base    W c + b of each hidden unit
 * @param scores  (RANKER_BLOCK,)
 * @param hidden  (RANKER_HIDDEN, RANKER_SAMPLE_MAX) receives W x + W c + b of the rows, or NULL
 */
typedef void ranker_block(const struct ranker_net *net, size_t n_x, const float *x, size_t stride,
                          const float base[RANKER_HIDDEN], float *scores, float *hidden);

ranker_block ranker_block_usual;
ranker_block ranker_block_wide; /* AVX-512; without it, the other one */

#endif
