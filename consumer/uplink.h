/* SPDX-License-Identifier: Apache-2.0
 *
 * uplink.h -- how the publisher stands with Redis: seen by both threads, changed by one.
 *
 * uplink_set() is the one door of the state: it keeps the reason for people, sets
 * crossrec_redis_up and logs what is new. Waiting between attempts and stopping lie here
 * too, as a stop must cut a wait short.
 *
 * Threads: the publisher's calls uplink_set() and uplink_back_off(); any may call the rest.
 */
#ifndef UPLINK_H
#define UPLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

enum uplink_state {
    UPLINK_DOWN,    /* no connection; connecting, or waiting for the next attempt      */
    UPLINK_REFUSED, /* connected, but Redis refuses writes (OOM, READONLY): try again  */
    UPLINK_UP,      /* connected, and the last pipeline went through                   */
};

enum { UPLINK_BACKOFF_MIN_MS = 50, UPLINK_BACKOFF_MAX_MS = 2000 };

struct uplink; /* opaque */

/** @param address  of Redis, for the log; must outlive it. Starts as UPLINK_DOWN.
 *  @return ST_OK or ST_NOMEM */
MUST_CHECK enum status uplink_new(const char *address, struct uplink **out);
void uplink_free(struct uplink *u);

/** @param why  for people; "" with UPLINK_UP */
void uplink_set(struct uplink *u, enum uplink_state state, const char *why);

/** The state; `why` (len > 0, or NULL) receives the reason unless it is UPLINK_UP. */
enum uplink_state uplink_state(struct uplink *u, char *why, size_t len);

/** Waits 50 ms, twice as long each time up to 2 s; not beyond a stop and its deadline. */
void uplink_back_off(struct uplink *u);
/** The next wait is the shortest, or the longest (only a person can help), again. */
void uplink_calm(struct uplink *u);
void uplink_despair(struct uplink *u);

/** Asks the thread to stop: at once if there is nothing to do, after drain_ms anyway. */
void uplink_stop(struct uplink *u, int64_t drain_ms);
bool uplink_stopping(struct uplink *u);
bool uplink_too_late(struct uplink *u); /* stopping, and drain_ms are over */

#endif
