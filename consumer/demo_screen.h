/* SPDX-License-Identifier: Apache-2.0
 *
 * demo_screen.h -- what the demo prints: a row a second, the sample user's lists, the end.
 *
 * 100 columns. Colour only on a terminal and without NO_COLOR. Everything goes to stdout; in a
 * terminal a progress bar may stand on stderr's last line: it is wiped before each print.
 *
 * Threads: main.
 */
#ifndef DEMO_SCREEN_H
#define DEMO_SCREEN_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "demo_events.h"
#include "demo_feeder.h"
#include "demo_list.h"
#include "progress.h"

enum { DEMO_LISTS = 2, DEMO_TOP = 5 };

/* Zero-initialised, then demo_screen_init(). */
struct demo_screen {
    bool colour;
    bool bar;            /* a progress bar is shown          */
    unsigned since_head; /* lines since the header; 0: none yet */
};

/* A second's worth. */
struct demo_row {
    int64_t elapsed_ms, stream_ms; /* stream_ms: event time, 0 none */
    uint64_t events, lag, users, items;
    double rate;           /* events a second                    */
    double p50_s, p99_s;   /* < 0: none yet                      */
    double model, popular; /* recall@10; < 0: nothing tested yet */
};

/* The sample user's lists in the two domains: now and as they were shown last. */
struct demo_lists {
    uint32_t n; /* 1 or 2 */
    uint32_t domains[DEMO_LISTS];
    const struct demo_list *now[DEMO_LISTS], *before[DEMO_LISTS];
};

/* Where things are, for the lines at the start. */
struct demo_places {
    const char *redis, *prefix, *brokers, *log;
    bool own_redis, own_broker;
    uint16_t http_port; /* 0: off */
    int64_t seconds;
    double rate;
};

/* Counts over the whole run. */
struct demo_result {
    int64_t elapsed_ms;
    uint64_t events, lists, users, items, dead_letters, bad_lines;
    double p50_s, p99_s;
    struct demo_recall {
        uint64_t tested, model, popular; /* lines and hits */
    } recall[DOMAINS_MAX];
};

void demo_screen_init(struct demo_screen *s, bool bar);
void demo_screen_start(struct demo_screen *s, const struct demo_events *e,
                       const struct demo_places *p);
/** A line that tells what is waited for. */
void demo_screen_say(struct demo_screen *s, const char *text);
void demo_screen_row(struct demo_screen *s, const struct demo_row *r);
void demo_screen_lists(struct demo_screen *s, const struct demo_events *e,
                       const struct demo_sight *sight, const struct demo_lists *l);
void demo_screen_result(struct demo_screen *s, const struct demo_events *e,
                        const struct demo_result *r);
/** How to call redis-cli for an address: "-p 6380", "-h HOST -p 6380", "-s PATH". */
void demo_screen_redis_cli(const char *address, char *buf, size_t len);

#endif
