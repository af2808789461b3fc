/* SPDX-License-Identifier: Apache-2.0
 *
 * seeds.h -- first centroids for k-means: the best of some starts, each greedy
 * k-means++ and then Lloyd's iteration.
 *
 * Arthur, Vassilvitskii: k-means++, SODA 2007; the greedy variant, which draws L =
 * 2 + floor(ln k) candidates a step and keeps the one that lowers the inertia most:
 * Grunau, Oezuedogru, Rozhon, Tetek, SODA 2023.
 *
 * Pure function. Scalar code with a fixed order: the same arguments give the same bits.
 */
#ifndef SEEDS_H
#define SEEDS_H

#include <stdint.h>

#include "status.h"

enum { SEEDS_STARTS = 5, SEEDS_STEPS = 20 }; /* starts as a rule; Lloyd steps each, at most */
#define SEEDS_TOLERANCE 5e-4 /* a step that saves a smaller share of the inertia is the last */

/** Squared distance of x and c (dims,), each difference times scale[d]. */
double seeds_distance(const float *x, const double *c, const double *scale, uint32_t dims);

/** The nearest of k centres (k rows, `stride` doubles apart), ties to the smaller row;
 *  d2 receives the distance. x is finite, k >= 1. */
uint32_t seeds_nearest(const float *x, const double *centres, uint32_t k, uint32_t stride,
                       const double *scale, uint32_t dims, double *d2);

/**
 * Finds k centres for n points.
 *
 * @param points   (n, dims) row-major, finite
 * @param scale    (dims,) of the distance
 * @param starts   of which the best counts, >= 1
 * @param centres  out, (k, dims) row-major
 * @return ST_OK, ST_INVALID (k < 1, n < k, no start), or ST_NOMEM
 */
MUST_CHECK enum status seeds_find(const float *points, uint32_t n, uint32_t dims,
                                  const double *scale, uint32_t k, uint32_t starts, uint64_t seed,
                                  double *centres);

#endif
