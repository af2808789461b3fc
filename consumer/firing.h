/* SPDX-License-Identifier: Apache-2.0
 *
 * firing.h -- does an event, or the lack of one, make a trigger fire? The conditions alone; age,
 * cooldown, consent and delivery are of whoever asks.
 *
 * first purchase   the user enrolled, purchased or ordered something of a domain (of
 *                  trigger.domain, or of any), never did before, and had at least events.min lines
 *                  in other domains
 * lifecycle        by event time (user_features.h). An event at t sees the user as his last event
 *                  left him, as he was at t without it, and as he is at t with it: a step between
 *                  two of them that are not the same is a change. `new` comes from nothing.
 * Becoming dormant is no event's: see firing_dormant(). Events that are late for their user make no
 * change segment          his segment before and after; the first one is no change top score see
 * instance_triggers.c
 *
 * Pure. Threads: any.
 */
#ifndef FIRING_H
#define FIRING_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "event.h"
#include "user.h"

enum { FIRING_NOTHING = -1 };

/* A user, before or after an event at t of a domain. */
struct firing_look {
    bool exists;     /* he had an event */
    uint32_t others; /* lines in other domains */
    bool bought;     /* in the event's */
    int64_t last_ms;
    int was, is; /* enum lifecycle at last_ms, and at t; FIRING_NOTHING: no event yet */
    int segment;
};

/* What changed. */
struct firing {
    int64_t ts_ms;
    int from, to; /* enum lifecycle, segments; FIRING_NOTHING: nothing, or not of this kind */
};

/** @param u  NULL: nobody */
struct firing_look firing_look(const struct user *u, uint32_t n_domains, uint8_t domain,
                               int64_t t_ms);
/** Does the event make this trigger fire? */
bool firing_of_event(const struct config_trigger *trigger, const struct event *e,
                     const struct firing_look *before, const struct firing_look *after,
                     struct firing *out);
/** When the user became dormant, if no event comes after his last: the time since which
 *  features_lifecycle() says so. */
int64_t firing_dormant_ms(const struct user *u);
/** Does a lifecycle trigger want to know that? `from` is what he was. */
bool firing_of_dormant(const struct config_trigger *trigger, const struct user *u,
                       uint32_t n_domains, int64_t now_ms, struct firing *out);

#endif
