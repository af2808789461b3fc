/* SPDX-License-Identifier: Apache-2.0
 *
 * candidates_own.c -- see candidates.h: which of a user's own items and categories bring
 * candidates. A cut through equal ones goes by their hashes: indices are not the same on every
 * instance.
 */
#include <stdlib.h>

#include "candidates_state.h"

/* One of several equal ones: the smaller hash goes first. */
struct tied {
    uint64_t hash;
    uint32_t at;
};

static int by_tied_hash(const void *a, const void *b) {
    const uint64_t x = ((const struct tied *)a)->hash;
    const uint64_t y = ((const struct tied *)b)->hash;
    return x < y ? -1 : x > y;
}

uint32_t candidates_own(const struct candidates_view *v, struct user_repeat own[USER_REPEATS],
                        uint32_t *n_all) {
    const uint32_t max = CANDIDATES_OWN;
    const uint32_t n = user_repeats_best(v->user, v->domain, v->now_ms, own, USER_REPEATS);
    *n_all = n;
    if (n <= max) {
        return n;
    }
    const float least = user_repeat_decayed(&own[max - 1], v->now_ms);
    uint32_t end = max;
    while (end < n && !(user_repeat_decayed(&own[end], v->now_ms) < least)) {
        end++;
    }
    uint32_t from = max;
    while (end > max && from > 0 && !(user_repeat_decayed(&own[from - 1], v->now_ms) > least)) {
        from--;
    }
    struct user_repeat equal[USER_REPEATS];
    struct tied tied[USER_REPEATS];
    for (uint32_t x = from; x < end; x++) {
        equal[x - from] = own[x];
        tied[x - from] = (struct tied){v->hashes[own[x].item], x - from};
    }
    qsort(tied, end - from, sizeof *tied, by_tied_hash);
    for (uint32_t x = from; x < end; x++) {
        own[x] = equal[tied[x - from].at];
    }
    return max;
}

uint32_t candidates_interests(const struct shared *s, const struct candidates_view *v,
                              struct user_interest all[USER_INTERESTS]) {
    const uint32_t max = CANDIDATES_CATEGORIES;
    const uint32_t n = user_interests(v->user, v->now_ms, all, USER_INTERESTS);
    if (n <= max || all[max].v < all[max - 1].v) {
        return n < max ? n : max;
    }
    uint32_t from = max;
    uint32_t end = max;
    for (; end < n && !(all[end].v < all[max - 1].v); end++) {
    }
    for (; from > 0 && !(all[from - 1].v > all[max - 1].v); from--) {
    }
    struct user_interest equal[USER_INTERESTS];
    struct tied tied[USER_INTERESTS];
    for (uint32_t k = from; k < end; k++) {
        equal[k - from] = all[k];
        tied[k - from] =
            (struct tied){content_category_hash(s->content, all[k].category), k - from};
    }
    qsort(tied, end - from, sizeof *tied, by_tied_hash);
    for (uint32_t k = from; k < max; k++) {
        all[k] = equal[tied[k - from].at];
    }
    return max;
}
