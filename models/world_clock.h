/* SPDX-License-Identifier: Apache-2.0
 *
 * world_clock.h -- when one user of the synthetic world acts, where, and with
 * how many lines. The process is in world.h; this is a part of it.
 *
 * None of it depends on what is chosen, so the same clock can be run twice: once
 * to count, once with choices.
 *
 * Times are ms since day 0. Threads: values, no state but the clock's.
 */
#ifndef WORLD_CLOCK_H
#define WORLD_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "mix.h"
#include "world.h"
#include "world_items.h"

/* What holds for all clocks of a world. */
struct world_rules {
    uint64_t seed;
    int64_t end; /* T */
    bool lively;
    const struct world_items *items; /* (WORLD_DOMAINS,) */
};

struct world_clock {
    struct rng rng;
    int64_t now;
    double mean_gap_ms;
    uint32_t n;                      /* arrivals so far */
    uint32_t n_max, join;            /* events in all; before the other domain */
    uint32_t n_taken[WORLD_DOMAINS]; /* lines so far, views not counted */
    uint8_t first;                   /* domain */
};

struct world_arrival {
    int64_t at;
    int64_t choice_at; /* of the view if there is one, else `at` */
    uint8_t domain;
    uint8_t n_lines; /* 1..WORLD_LINES_MAX; so many can be chosen */
    bool viewed;
};

struct world_clock world_clock_start(const struct world_rules *rules, uint32_t user);

/** The user's next arrival. @return false at the end, `out` untouched. */
bool world_clock_next(const struct world_rules *rules, struct world_clock *c,
                      struct world_arrival *out);

/** Whether a user takes an item of `domain` only once. */
bool world_takes_once(const struct world_rules *rules, uint8_t domain);

#endif
