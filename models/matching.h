/* SPDX-License-Identifier: Apache-2.0
 *
 * matching.h -- the assignment problem: each row gets a column of its own so that the sum of
 * the costs is least.
 *
 * The Hungarian method by shortest augmenting paths, O(n^3): Kuhn, Naval Research Logistics
 * Quarterly 2, 1955; in this form Jonker, Volgenant, Computing 38, 1987.
 *
 * Pure function, in scalar code with a fixed order. Threads: any.
 */
#ifndef MATCHING_H
#define MATCHING_H

#include <stdint.h>

#include "status.h"

enum { MATCHING_MAX = 16 };

/**
 * Finds an assignment of least cost.
 *
 * @param cost    (n, n) row-major, finite, of any sign
 * @param n       0..MATCHING_MAX
 * @param column  out, (n,): the column of each row, a permutation. Where several assignments
 *                cost the same, which one is a function of the arguments alone
 * @return ST_OK, ST_INVALID (n too large, or a cost that is not finite)
 */
MUST_CHECK enum status matching_find(const double *cost, uint32_t n, uint32_t *column);

#endif
