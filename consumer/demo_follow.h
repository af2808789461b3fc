/* SPDX-License-Identifier: Apache-2.0
 *
 * demo_follow.h -- follows the sample user: after his events, his lists as a partner would read
 * them from Redis, shown when something new stands in what is shown of them.
 *
 * Ownership: the store, the events and the screen are borrowed. Threads: main.
 */
#ifndef DEMO_FOLLOW_H
#define DEMO_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "demo_events.h"
#include "demo_feeder.h"
#include "demo_list.h"
#include "demo_screen.h"
#include "ports.h"

struct demo_follow {
    struct store store;
    const struct demo_events *events;
    const char *prefix;
    int64_t every_ms; /* shown no more often than this */
    /* zero at the start */
    uint64_t sample, number; /* as of the sight that was seen last */
    struct demo_sight sight; /* of the event that is waited for    */
    int64_t waiting_ms;      /* since when; 0: for nothing         */
    int64_t changed_ms;      /* when a new list was first seen     */
    int64_t shown_ms;
    struct demo_lists lists;
    struct demo_list now[DEMO_LISTS], before[DEMO_LISTS];
};

/** To be called about ten times a second. */
void demo_follow_look(struct demo_follow *f, const struct demo_sight *sight, int64_t now_ms,
                      struct demo_screen *screen);

#endif
