/* SPDX-License-Identifier: Apache-2.0
 *
 * normal.h -- draws from N(0, 1): Box, Muller: Annals of Mathematical Statistics 29, 1958.
 *
 * Initial weights and factors are drawn, and instances on different machines must draw the same:
 * log, cos and sin are computed here, from additions, multiplications and divisions that IEEE 754
 * defines in every bit. libm's round by CPU. Errors are below 1e-15, relative for the logarithm.
 */
#ifndef NORMAL_H
#define NORMAL_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "mix.h"

/** ln x of a normal x > 0. x = m 2^e with m in [sqrt(1/2), sqrt(2)), t = (m-1)/(m+1), and
 *  ln m = 2 (t + t^3/3 + t^5/5 + ...), |t| < .172. */
static inline double normal_ln(double x) {
    static const double factor[] = {1.0 / 21, 1.0 / 19, 1.0 / 17, 1.0 / 15, 1.0 / 13, 1.0 / 11,
                                    1.0 / 9,  1.0 / 7,  1.0 / 5,  1.0 / 3,  1.0};
    const uint64_t root = UINT64_C(0x3fe6a09e667f3bcd); /* sqrt(1/2) */
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    const int e = (int)((bits - root + (UINT64_C(1024) << 52)) >> 52) - 1024;
    bits -= (uint64_t)e << 52;
    double m;
    memcpy(&m, &bits, sizeof m);
    const double t = (m - 1.0) / (m + 1.0);
    double sum = 0.0;
    for (size_t k = 0; k < sizeof factor / sizeof *factor; k++) {
        sum = sum * (t * t) + factor[k];
    }
    return e * 0.69314718055994530942 + 2.0 * t * sum;
}

/** cos and sin of 2 pi u, u in [0, 1]: what is left of u after the nearest quarter, exactly, and
 *  Taylor's series of it, at most pi/4, to its 18th power. */
static inline void normal_turn(double u, double *cosine, double *sine) {
    const int quarter = (int)(4.0 * u + 0.5);
    const double a = 6.28318530717958647693 * (u - 0.25 * quarter);
    double c = 1.0;
    double s = 1.0;
    for (int k = 18; k >= 2; k -= 2) { /* 1 - aa/(1 2) (1 - aa/(3 4) (...)), 1 - aa/(2 3) (...) */
        c = 1.0 - a * a * c / (k * (k - 1));
        s = 1.0 - a * a * s / (k * (k + 1));
    }
    s *= a;
    const double turned[] = {c, -s, -c, s};
    *cosine = turned[quarter % 4];
    *sine = turned[(quarter + 3) % 4];
}

/** Two independent ones; takes two numbers of the generator. */
static inline void rng_normal_pair(struct rng *r, double out[2]) {
    const double radius = sqrt(-2.0 * normal_ln(1.0 - rng_unit(r)));
    normal_turn(rng_unit(r), &out[0], &out[1]);
    out[0] *= radius;
    out[1] *= radius;
}

/** N(0, 1), one of the pair; takes two numbers of the generator. */
static inline double rng_normal(struct rng *r) {
    double pair[2];
    rng_normal_pair(r, pair);
    return pair[0];
}

#endif
