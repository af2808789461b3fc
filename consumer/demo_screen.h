/* SPDX-License-Identifier: Apache-2.0
 *
 * demo_screen.h -- what the demo prints before it plays and after it: where things are, the result.
 *
 * 100 columns. Colour only on a terminal and without NO_COLOR. Everything goes to stdout. What it
 * shows meanwhile: demo_live.h, or demo_plain.h.
 *
 * Threads: main.
 */
#ifndef DEMO_SCREEN_H
#define DEMO_SCREEN_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "demo_events.h"
#include "demo_gauge.h"

/* Zero-initialised, then demo_screen_init(). */
struct demo_screen {
    bool colour;
};

/* Where things are, for the lines at the start. */
struct demo_places {
    const char *redis, *prefix, *brokers, *log;
    bool own_redis, own_broker, exactly_once, triggers;
    uint16_t http_port; /* 0: off */
    int64_t seconds;
    double rate;
};

/* Counts over the whole run. */
struct demo_result {
    int64_t elapsed_ms;
    uint64_t events, lists, users, items, dead_letters, bad_lines;
    uint64_t triggers, commits; /* committed; 0 where there are none */
    double p50_s, p99_s;
    struct demo_recall recall[DOMAINS_MAX];
};

void demo_screen_init(struct demo_screen *s);
void demo_screen_start(struct demo_screen *s, const struct demo_events *e,
                       const struct demo_places *p);
/** A line that tells what is waited for. */
void demo_screen_say(struct demo_screen *s, const char *text);
void demo_screen_result(struct demo_screen *s, const struct demo_events *e,
                        const struct demo_result *r);
/** How to call redis-cli for an address: "-p 6380", "-h HOST -p 6380", "-s PATH". */
void demo_screen_redis_cli(const char *address, char *buf, size_t len);

#endif
