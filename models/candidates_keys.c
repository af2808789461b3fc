/* SPDX-License-Identifier: Apache-2.0
 *
 * candidates_keys.c -- see candidates_keys.h.
 */
#include "candidates_keys.h"

#include "select.h"

/* Among the k best and the rest: of those that score what the last of the best does, the ones to
 * stay are chosen by their hashes, since indices are not the same on every instance. */
static void settle_ties(uint64_t *a, uint32_t n, uint32_t k, const uint64_t *hashes) {
    uint64_t least = UINT64_MAX;
    for (uint32_t x = 0; x < k; x++) {
        least = a[x] < least ? a[x] : least;
    }
    least >>= 32;
    uint32_t end = k; /* tied ones are brought together: from..k-1, k..end-1 */
    for (uint32_t x = k; x < n; x++) {
        if (a[x] >> 32 == least) {
            const uint64_t t = a[end];
            a[end++] = a[x];
            a[x] = t;
        }
    }
    if (end == k) {
        return; /* as nearly always */
    }
    uint32_t from = k;
    for (uint32_t x = k; x-- > 0;) {
        if (a[x] >> 32 == least) {
            const uint64_t t = a[--from];
            a[from] = a[x];
            a[x] = t;
        }
    }
    for (uint32_t x = from; x < end; x++) {
        a[x] = (hashes[candidates_key_item(a[x])] & ~(uint64_t)UINT32_MAX) | (a[x] & UINT32_MAX);
    }
    select_largest(a + from, end - from, k - from);
}

uint32_t candidates_keys_bucket(const uint64_t *a, uint32_t n, uint32_t k, uint32_t *n_above) {
    uint32_t count[CANDIDATES_BUCKETS] = {0};
    uint32_t high = 0;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t bucket = candidates_key_bucket(a[i]);
        count[bucket]++;
        high = bucket > high ? bucket : high;
    }
    uint32_t bucket = high;
    uint32_t above = 0; /* keys in the buckets above */
    while (above + count[bucket] < k) {
        above += count[bucket--];
    }
    *n_above = above;
    return bucket;
}

void candidates_keys_keep(uint64_t *a, uint32_t n, uint32_t k, uint64_t *last,
                          const uint64_t *hashes) {
    /* one count and one pass without a branch, where select_largest() would guess wrong at every
     * other comparison */
    uint32_t above = 0;
    const uint32_t bucket = candidates_keys_bucket(a, n, k, &above);
    uint32_t n_above = 0;
    uint32_t n_last = 0;
    for (uint32_t i = 0; i < n; i++) {
        const uint64_t key = a[i];
        a[n_above] = key;
        last[n_last] = key;
        n_above += candidates_key_bucket(key) > bucket;
        n_last += candidates_key_bucket(key) == bucket;
    }
    select_largest(last, n_last, k - above);
    settle_ties(last, n_last, k - above, hashes);
    memcpy(a + above, last, (k - above) * sizeof *a);
}
