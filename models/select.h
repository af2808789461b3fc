/* SPDX-License-Identifier: Apache-2.0
 *
 * select.h -- the k largest of many numbers, in no order.
 *
 * Ownership: the caller owns the array. Threads: any.
 */
#ifndef SELECT_H
#define SELECT_H

#include <stdint.h>

/** Moves the k <= n largest of a (n,) to the front; the rest stays behind. Both in any order
 *  (quickselect: Hoare, "Algorithm 65: Find", CACM 1961). */
void select_largest(uint64_t *a, uint32_t n, uint32_t k);

#endif
