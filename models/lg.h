/* SPDX-License-Identifier: Apache-2.0
 *
 * lg.h -- log2 of floats in loops that vectorise.
 *
 * |lg(x) - log2(x)| <= 1e-6 max(1, |log2(x)|) for normal x > 0; 0 and denormals give about
 * -127. A least-squares polynomial on [sqrt(1/2), sqrt(2)) after taking the exponent off.
 */
#ifndef LG_H
#define LG_H

#include <stdint.h>
#include <string.h>

static inline float lg(float x) {
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    int32_t exponent = (bits - 0x3f3504f3) >> 23; /* 0x3f3504f3 is sqrt(1/2) */
    bits -= (int32_t)((uint32_t)exponent << 23);
    float m;
    memcpy(&m, &bits, sizeof m);
    float t = m - 1.0F;
    float p = 0.165215407F;
    p = p * t - 0.270915296F;
    p = p * t + 0.298242032F;
    p = p * t - 0.359204999F;
    p = p * t + 0.480404215F;
    p = p * t - 0.721368371F;
    p = p * t + 1.44270096F;
    return (float)exponent + p * t;
}

#endif
