/* SPDX-License-Identifier: Apache-2.0
 *
 * ex.h -- e^x of floats in loops that vectorise, with bits that do not depend on the libm.
 *
 * For x in [-87, 87]: relative error below 2e-7 (beyond: that of the bound). x = n ln 2 + r,
 * |r| <= ln 2 / 2, a polynomial of degree 6 for e^r, n into the exponent. NaN gives NaN.
 */
#ifndef EX_H
#define EX_H

#include <stdint.h>
#include <string.h>

static inline float ex(float x) {
    x = x < -87.0F ? -87.0F : x;
    x = x > 87.0F ? 87.0F : x;
    /* adding 1.5 2^23 rounds to an integer, which then stands in the low bits */
    const float shifted = x * 1.44269504F + 12582912.0F;
    const float n = shifted - 12582912.0F;
    float r = x - n * 0.693359375F; /* ln 2 in two parts: the first has few bits */
    r -= n * -2.12194440e-4F;
    float p = 1.98756915e-4F; /* Cephes' expf, S. Moshier */
    p = p * r + 1.39819995e-3F;
    p = p * r + 8.33345205e-3F;
    p = p * r + 4.16657962e-2F;
    p = p * r + 1.66666657e-1F;
    p = p * r + 5.00000012e-1F;
    p = p * r * r + r + 1.0F;
    int32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (int32_t)((uint32_t)(bits - 0x4b400000 + 127) << 23);
    float scale;
    memcpy(&scale, &bits, sizeof scale);
    return p * scale;
}

#endif
