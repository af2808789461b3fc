/* SPDX-License-Identifier: Apache-2.0
 *
 * user_squeeze.c -- see user_squeeze.h.
 */
#include "user_squeeze.h"

#include "user_events.h"
#include "user_interests.h"
#include "user_set.h"
#include "user_table.h"

/* The set or table with the most bytes, or the interests. */
static uint32_t largest_area(const struct user *u) {
    uint32_t best = AREA_INTERESTS;
    uint32_t best_bytes = 0;
    for (uint32_t i = best; i < AREA_FIRST + AREAS_PER_DOMAIN * (uint32_t)u->n_domains; i++) {
        uint32_t bytes = user_block_area(u, i)->cap * user_block_entry_bytes(i);
        if (bytes > best_bytes) {
            best = i;
            best_bytes = bytes;
        }
    }
    return best;
}

/* Part of what is largest goes. */
static void squeeze_largest(struct user *u, const uint64_t *hashes) {
    const uint32_t area = largest_area(u);
    if (area == AREA_INTERESTS) {
        user_interests_squeeze(u);
        return;
    }
    const uint8_t domain = (uint8_t)((area - AREA_FIRST) / AREAS_PER_DOMAIN);
    if (area == area_of_set(domain)) {
        user_set_squeeze(u, domain, hashes);
    } else {
        user_table_squeeze(u, domain);
    }
}

bool user_squeeze(struct user *u, const uint64_t *hashes) {
    if (user_block_counted(u) <= USER_BYTES_LIMIT) {
        return false;
    }
    while (user_block_pressing(u) > USER_BYTES_LIMIT) {
        squeeze_largest(u, hashes);
    }
    if (user_block_counted(u) > USER_BYTES_LIMIT) {
        user_events_squeeze(u, user_block_counted(u) - USER_BYTES_LIMIT);
    }
    return true;
}
