/* SPDX-License-Identifier: Apache-2.0
 * recent.c -- see recent.h. */
#include "recent.h"

#include <stdlib.h>

struct recent {
    bool zero; /* the id 0 was seen: an empty place looks like it */
    uint64_t ids[RECENT_IDS];
};

enum status recent_new(struct recent **out) {
    *out = calloc(1, sizeof **out);
    return *out ? ST_OK : ST_NOMEM;
}

void recent_free(struct recent *r) {
    free(r);
}

bool recent_seen(struct recent *r, uint64_t id) {
    if (id == 0) {
        const bool seen = r->zero;
        r->zero = true;
        return seen;
    }
    uint64_t *place = &r->ids[id % RECENT_IDS]; /* ids are hashes: any bits will do */
    const bool seen = *place == id;
    *place = id;
    return seen;
}
