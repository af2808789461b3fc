/* SPDX-License-Identifier: Apache-2.0
 * select.c -- see select.h. */
#include "select.h"

void select_largest(uint64_t *a, uint32_t n, uint32_t k) {
    int64_t lo = 0;
    int64_t hi = (int64_t)n - 1;
    const int64_t want = (int64_t)k - 1;
    while (lo < hi) {
        const uint64_t pivot = a[(lo + hi) / 2];
        int64_t i = lo;
        int64_t j = hi;
        while (i <= j) {
            while (a[i] > pivot) {
                i++;
            }
            while (a[j] < pivot) {
                j--;
            }
            if (i <= j) {
                const uint64_t t = a[i];
                a[i++] = a[j];
                a[j--] = t;
            }
        }
        if (want <= j) {
            hi = j;
        } else if (want >= i) {
            lo = i;
        } else {
            return;
        }
    }
}
