/* SPDX-License-Identifier: Apache-2.0
 *
 * fixed.h -- shared sums are int64 in units of 2^-20.
 *
 * Integer addition is associative and exact, so a sum of what many tasks add
 * does not depend on the order in which their deltas arrive, and what was added
 * can be taken back without a trace (undo). Floats are derived from the sums.
 */
#ifndef FIXED_H
#define FIXED_H

#include <stdint.h>

#define FIXED_ONE (INT64_C(1) << 20)

/** x in units of 2^-20, rounded to nearest, ties away from zero. |x| < 2^42. */
static inline int64_t fixed_of(double x) {
    double y = x * (double)FIXED_ONE;
    return (int64_t)(y < 0 ? y - 0.5 : y + 0.5);
}

/** v (of any unit) times `weight` units of 2^-20, rounded to nearest, ties away from zero: exact
 *  v for FIXED_ONE, and -x for -weight, so that what was added can be taken back.
 *  |v weight| < 2^63 - 2^19. */
static inline int64_t fixed_times(int64_t v, int64_t weight) {
    const int64_t y = v * weight;
    return y < 0 ? -((-y + FIXED_ONE / 2) >> 20) : (y + FIXED_ONE / 2) >> 20;
}

/** The number that `v` units stand for. */
static inline double fixed_to(int64_t v) {
    return (double)v * 0x1p-20;
}

#endif
