/* SPDX-License-Identifier: Apache-2.0
 *
 * user_events.c -- see user_events.h.
 */
#include "user_events.h"

#include <string.h>

enum { STEP_LEAST = 2, STEP = 8, ID_BYTES = sizeof(uint64_t) };

bool user_knows_event(const struct user *u, uint64_t event_id) {
    const uint64_t *ids = user_block_entries(u, AREA_EVENTS);
    const uint32_t n = user_block_area(u, AREA_EVENTS)->n;
    uint64_t found = 0;
    for (uint32_t i = 0; i < n; i++) { /* to the end: without a branch it vectorises */
        found |= (uint64_t)(ids[i] == event_id);
    }
    return found != 0;
}

/* The room to grow to; the present one if there is nothing to be had. */
static uint32_t next_cap(const struct user *u, uint32_t cap) {
    if (cap < USER_EVENT_IDS_LEAST) {
        return cap + STEP_LEAST;
    }
    const bool fits = user_block_counted(u) + STEP * ID_BYTES <= USER_BYTES_LIMIT;
    const uint32_t next = cap + STEP < USER_EVENT_IDS ? cap + STEP : USER_EVENT_IDS;
    return fits ? next : cap;
}

static void drop_oldest(struct user *u, uint32_t n) {
    struct user_area *a = user_block_area(u, AREA_EVENTS);
    uint64_t *ids = user_block_entries(u, AREA_EVENTS);
    a->n = (uint16_t)(a->n - n);
    memmove(ids, ids + n, a->n * sizeof *ids);
}

enum status user_remember_event(struct user **u, uint64_t event_id) {
    const struct user_area *a = user_block_area(*u, AREA_EVENTS);
    const uint32_t cap = a->n < a->cap ? a->cap : next_cap(*u, a->cap);
    if (cap > a->cap) {
        enum status st = user_block_grow(u, AREA_EVENTS, cap);
        if (st) {
            return st;
        }
    } else if (a->n == cap) {
        drop_oldest(*u, 1);
    }
    struct user_area *grown = user_block_area(*u, AREA_EVENTS);
    uint64_t *ids = user_block_entries(*u, AREA_EVENTS);
    ids[grown->n++] = event_id;
    return ST_OK;
}

void user_events_squeeze(struct user *u, uint32_t bytes) {
    const struct user_area *a = user_block_area(u, AREA_EVENTS);
    const uint32_t spare = a->cap > USER_EVENT_IDS_LEAST ? a->cap - USER_EVENT_IDS_LEAST : 0;
    const uint32_t wanted = (bytes + ID_BYTES - 1) / ID_BYTES;
    const uint32_t cap = a->cap - (wanted < spare ? wanted : spare);
    if (a->n > cap) {
        drop_oldest(u, a->n - cap);
    }
    user_block_shrink(u, AREA_EVENTS, cap);
}
