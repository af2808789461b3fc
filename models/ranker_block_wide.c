/* SPDX-License-Identifier: Apache-2.0
 * ranker_block_wide.c -- see ranker_block.h: sixteen rows in a register, and all hidden units in
 * registers at a time. */
#include "ranker_block.h"
#include "ranker_leak.h"
#include "wide.h"

#ifdef WIDE_KERNELS
typedef int32_t wide_masks __attribute__((vector_size(WIDE * sizeof(int32_t))));

WIDE_TARGET void ranker_block_wide(const struct ranker_net *net, size_t n_x, const float *x,
                                   size_t stride, const float base[RANKER_HIDDEN], float *scores,
                                   float *hidden) {
    wide s = {0};
    wide a[RANKER_HIDDEN];
    for (size_t h = 0; h < RANKER_HIDDEN; h++) {
        a[h] = base[h] - (wide){0};
    }
    for (size_t k = 0; k < n_x; k++) {
        wide row;
        memcpy(&row, x + k * stride, sizeof row);
        s += row * net->v[k];
        for (size_t h = 0; h < RANKER_HIDDEN; h++) {
            a[h] += row * net->w[k][h];
        }
    }
    for (size_t h = 0; h < RANKER_HIDDEN; h++) {
        if (hidden) {
            memcpy(hidden + h * RANKER_SAMPLE_MAX, &a[h], sizeof a[h]);
        }
        const wide_masks m = a[h] > 0.0F;
        const wide less = a[h] * RANKER_LEAK;
        s += (wide)((m & (wide_masks)a[h]) | (~m & (wide_masks)less)) * net->o[h];
    }
    memcpy(scores, &s, sizeof s);
}
#else
void ranker_block_wide(const struct ranker_net *net, size_t n_x, const float *x, size_t stride,
                       const float base[RANKER_HIDDEN], float *scores, float *hidden) {
    ranker_block_usual(net, n_x, x, stride, base, scores, hidden);
}
#endif
