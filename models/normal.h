/* SPDX-License-Identifier: Apache-2.0
 *
 * normal.h -- draws from N(0, 1): Box, Muller: Annals of Mathematical Statistics 29, 1958.
 */
#ifndef NORMAL_H
#define NORMAL_H

#include <math.h>

#include "mix.h"

/** N(0, 1), one of the pair; takes two numbers of the generator. */
static inline double rng_normal(struct rng *r) {
    const double radius = sqrt(-2.0 * log(1.0 - rng_unit(r)));
    return radius * cos(6.283185307179586 * rng_unit(r));
}

#endif
