/* SPDX-License-Identifier: Apache-2.0
 * ranker_pack.c -- see ranker_pack.h. */
#include "ranker_pack.h"

#include <math.h>
#include <string.h>

enum {
    FIRST_X = 27,                                           /* features of the first nets written */
    OF_A_FEATURE = 1 + RANKER_HIDDEN,                       /* its v and its row of w             */
    OF_THE_REST = ((int)RANKER_C + 2) * (int)RANKER_HIDDEN, /* list features, b, o                */
};

void ranker_pack_shape(struct pack *p) {
    pack_uint(p, RANKER_WEIGHTS);
}

void ranker_pack_nets(struct pack *p, const struct ranker_net nets[RANKER_NETS]) {
    for (int kind = 0; kind < RANKER_NETS; kind++) {
        for (size_t k = 0; k < RANKER_WEIGHTS; k++) {
            pack_float(p, nets[kind].weights[k]);
        }
    }
}

uint32_t ranker_features_of(uint64_t weights) {
    for (uint32_t n_x = FIRST_X; n_x <= RANKER_X; n_x++) {
        if (weights == n_x * OF_A_FEATURE + OF_THE_REST) {
            return n_x;
        }
    }
    return 0;
}

static void read_weights(struct unpack *u, float *out, size_t n) {
    for (size_t k = 0; k < n; k++) {
        out[k] = unpack_float(u);
        if (!isfinite(out[k])) {
            unpack_fail(u);
        }
    }
}

void ranker_unpack_nets(struct unpack *u, uint32_t n_x, struct ranker_net nets[RANKER_NETS]) {
    memset(nets, 0, RANKER_NETS * sizeof *nets);
    for (int kind = 0; kind < RANKER_NETS; kind++) {
        read_weights(u, nets[kind].v, n_x);
        read_weights(u, nets[kind].w[0], n_x * (size_t)RANKER_HIDDEN);
        read_weights(u, nets[kind].w[RANKER_X], OF_THE_REST);
    }
}
