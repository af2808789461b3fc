/* SPDX-License-Identifier: Apache-2.0
 *
 * factors_state.h -- what factors are made of, for factors*.c only.
 */
#ifndef FACTORS_STATE_H
#define FACTORS_STATE_H

#include "factors.h"
#include "lanes.h"

#define FACTORS_PRIOR .05 /* a0, of G_V and of n_U S */

enum { VECTORS = FACTORS / LANES, ROW_ALIGN = 64 };

struct factors {
    uint64_t seed;
    size_t n;       /* rows that exist                              */
    size_t cap;     /* rows that every array has room for           */
    float *q;       /* (cap, FACTORS), aligned to a cache line      */
    float *qq;      /* (cap,) |q|^2                                 */
    int64_t *b;     /* (cap, FACTORS), units of 2^-20               */
    int64_t *count; /* (cap,) n_i, signed, units of 2^-20           */
    uint64_t *hash; /* (cap,) names of the rows                     */

    uint64_t version;                                  /* of q and gv              */
    double gv[FACTORS][FACTORS];                       /* sum q q', upper triangle */
    _Alignas(ROW_ALIGN) float prior[FACTORS][FACTORS]; /* a0 gv + 2 I */
    float weight_of[FACTORS_HISTORY];                  /* .85^r       */

    double s[FACTORS][FACTORS];
    double weight; /* W of S                                       */
    uint64_t n_users;
    float s_out[FACTORS][FACTORS]; /* S as shown to others               */
    float x[FACTORS][FACTORS];     /* X, column k the k-th eigenvector   */
    float xt[FACTORS][FACTORS];    /* X', row k the k-th eigenvector     */
    float l[FACTORS];              /* eigenvalues, >= 0                  */
};

static inline float *row(const struct factors *f, size_t i) {
    return f->q + i * FACTORS;
}

#endif
