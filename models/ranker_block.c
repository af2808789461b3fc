/* SPDX-License-Identifier: Apache-2.0
 * ranker_block.c -- see ranker_block.h: eight rows in a register, four units at a time, which
 * leaves the accumulators in the registers of x86-64-v3 beside their operands. */
#include "ranker_block.h"

#include "ranker_leak.h"

enum { UNITS = 4 };

void ranker_block_usual(const struct ranker_net *net, size_t n_x, const float *x, size_t stride,
                        const float base[RANKER_HIDDEN], float *scores, float *hidden) {
    lanes s = {0};
    lanes t = {0};
    for (size_t k = 0; k < n_x; k++) {
        s += lanes_load(x + k * stride) * net->v[k];
        t += lanes_load(x + k * stride + LANES) * net->v[k];
    }
    for (size_t h = 0; h < RANKER_HIDDEN; h += UNITS) {
        lanes a[UNITS];
        lanes b[UNITS];
        for (size_t z = 0; z < UNITS; z++) {
            a[z] = b[z] = base[h + z] - (lanes){0};
        }
        for (size_t k = 0; k < n_x; k++) {
            const lanes xa = lanes_load(x + k * stride);
            const lanes xb = lanes_load(x + k * stride + LANES);
            for (size_t z = 0; z < UNITS; z++) {
                a[z] += xa * net->w[k][h + z];
                b[z] += xb * net->w[k][h + z];
            }
        }
        for (size_t z = 0; z < UNITS; z++) {
            if (hidden) {
                lanes_store(hidden + (h + z) * RANKER_SAMPLE_MAX, a[z]);
                lanes_store(hidden + (h + z) * RANKER_SAMPLE_MAX + LANES, b[z]);
            }
            s += leaky(a[z]) * net->o[h + z];
            t += leaky(b[z]) * net->o[h + z];
        }
    }
    lanes_store(scores, s);
    lanes_store(scores + LANES, t);
}
