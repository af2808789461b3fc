/* SPDX-License-Identifier: Apache-2.0
 *
 * segments_auto.h -- how many segments points fall into: by silhouette and stability.
 *
 *     silhouette  s_i = (b_i - a_i)/max(a_i, b_i), a_i the mean distance of i to the others of
 *                 its cluster, b_i the least mean distance to those of another one; 0 alone in
 *                 its cluster; S = mean of s_i                  Rousseeuw, J. Comput. Appl. Math.
 * 20, 1987 agreement   adjusted Rand index of two labellings, n_ij points with labels i and j: A =
 * (sum C(n_ij,2) - e)/((p+q)/2 - e), e = p q/C(n,2), p = sum C(n_i.,2), q = sum C(n_.j,2) Hubert,
 * Arabie, J. Classif. 2, 1985 choice      score_k = S_k max(0, A_k), the largest wins, ties the
 * smaller k S_k of the clusters that seeds_find() finds in all points; A_k the mean over
 *                 AUTO_ROUNDS of the agreement, on all points, of what it finds in one random
 *                 half of them and in the other
 *
 * Distances are scaled as in segments.h. Of more than AUTO_POINTS points as many are looked at,
 * at equal steps.
 *
 * Pure functions. Scalar code with a fixed order: the same arguments give the same bits.
 */
#ifndef SEGMENTS_AUTO_H
#define SEGMENTS_AUTO_H

#include <stdint.h>

#include "status.h"

enum { AUTO_POINTS = 1000, AUTO_ROUNDS = 3, AUTO_K_MAX = 16 };

struct segments_points {
    const float *x; /* (n, dims) row-major, finite, borrowed */
    uint32_t n, dims;
    const double *scale; /* (dims,) of the distance */
};

struct segments_range { /* of k, both included; 2 <= least <= most <= AUTO_K_MAX */
    uint32_t least, most;
};

struct segments_score {
    double silhouette, agreement, score;
};

/** S of the labels (n,), each below k <= AUTO_K_MAX; 0 where fewer than two clusters have points.
 */
double segments_auto_silhouette(const struct segments_points *p, const uint8_t *labels, uint32_t k);

/** A of two labellings (n,) with labels below AUTO_K_MAX; 1 where both say the same, also where
 *  both say nothing. */
double segments_auto_agreement(const uint8_t *a, const uint8_t *b, uint32_t n);

/**
 * Chooses k.
 *
 * @param k       out
 * @param scores  out, (most - least + 1,), or NULL
 * @return ST_OK, ST_INVALID (the range, or fewer than 2 `most` points), ST_NOMEM
 */
MUST_CHECK enum status segments_auto_choose(const struct segments_points *points,
                                            struct segments_range range, uint64_t seed, uint32_t *k,
                                            struct segments_score *scores);

#endif
