/* SPDX-License-Identifier: Apache-2.0
 *
 * demo_follow.h -- the followed user: his events, and his lists as a partner reads them from Redis,
 * with what is new in them.
 *
 * Ownership: the store, the events and the configuration are borrowed. Threads: main.
 */
#ifndef DEMO_FOLLOW_H
#define DEMO_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "demo_events.h"
#include "demo_feeder.h"
#include "demo_list.h"
#include "ports.h"

enum { DEMO_LISTS = 2 };

/* One of his lists. */
struct demo_followed {
    uint32_t domain;
    struct demo_list now;
    int64_t fresh_ms[CONFIG_LIST_MAX]; /* since when an item of `now` is in it; 0: always was */
};

struct demo_follow {
    struct store store;
    const struct demo_events *events;
    const char *prefix;
    /* zero at the start */
    struct demo_sight sight;
    uint64_t sample; /* whose lists these are */
    uint32_t n;      /* 1 or 2; 0: nobody yet */
    struct demo_followed lists[DEMO_LISTS];
};

/** Takes the newest sight and reads the lists; to be called some times a second.
 *  @return true if something is in a list that was not in it before */
bool demo_follow_look(struct demo_follow *f, struct demo_feeder *feeder, int64_t now_ms);
/** Is item k of the list new, at this time? */
bool demo_follow_fresh(const struct demo_followed *l, uint32_t k, int64_t now_ms);
/** "ordered Fiery Cheddar Panini, Crispy Egg Panini and 2 more". */
void demo_follow_words(const struct demo_events *events, const struct demo_happening *h, char *buf,
                       size_t len);

#endif
