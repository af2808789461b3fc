/* SPDX-License-Identifier: Apache-2.0
 *
 * demo_view.h -- the live view as a picture: what is known, laid out for any size of terminal.
 *
 *     title                                      what runs, how far, at which day of the events
 *     throughput and latency | quality           series over the last minutes
 *     segments               | triggers          personas with their sizes; as they fire
 *     the followed user                          his events, his two lists, what is new in them
 *     keys
 *
 * Plain values in, a canvas out; texts that do not fit are cut, rows that do not fit are left out,
 * and below VIEW_W_MIN x VIEW_H_MIN a sentence says so. Pure. Threads: any.
 */
#ifndef DEMO_VIEW_H
#define DEMO_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "demo_canvas.h"
#include "demo_series.h"

enum {
    VIEW_W_MIN = 60,
    VIEW_H_MIN = 18,
    VIEW_SEGMENTS = 64,
    VIEW_TRIGGERS = 32,
    VIEW_EVENTS = 24,
    VIEW_ITEMS = 10,
    VIEW_LISTS = 2,
    VIEW_TEXT = 200,
};

struct view_quality {
    char name[CONFIG_NAME_MAX];
    struct view_series model, popular; /* recall@10, rolling; the last one is shown as a number */
};

struct view_segment {
    int id;
    double share;
    char title[VIEW_TEXT], detail[VIEW_TEXT];
};

struct view_trigger {
    char user[VIEW_TEXT], name[CONFIG_NAME_MAX], what[VIEW_TEXT];
    bool relayed; /* its stream in Redis has it */
};

struct view_event {
    int64_t ts_ms;
    char text[VIEW_TEXT];
    bool injected; /* by the one who looks on */
};

struct view_item {
    char name[VIEW_TEXT], reason[32];
    bool fresh; /* was not in the list before */
};

struct view_list {
    char domain[CONFIG_NAME_MAX];
    struct view_item items[VIEW_ITEMS];
    int n;
};

enum view_phase { VIEW_WAITING, VIEW_PLAYING, VIEW_PAUSED, VIEW_FINISHING, VIEW_DONE };

/* Large: not for the stack. Zero-initialised is an empty view. */
struct view {
    enum view_phase phase;
    char what[VIEW_TEXT]; /* "course + food" */
    const char *kafka;    /* what the broker is: "embedded Kafka", ... */
    int64_t elapsed_ms, seconds;
    double done;       /* share of the events, in [0,1]; < 0: not known   */
    int64_t stream_ms; /* 0: none yet */
    uint64_t events, lag, users, items;
    struct view_series rate, p50_s, p99_s;

    struct view_quality quality[DOMAINS_MAX + 1]; /* the last one is of all, if there are several */
    int n_quality;

    struct view_segment segments[VIEW_SEGMENTS]; /* largest first */
    int n_segments;
    uint64_t seed_users; /* so many are needed first */

    struct view_trigger triggers[VIEW_TRIGGERS]; /* newest first */
    int n_triggers;
    uint64_t n_fired;
    const char *no_triggers; /* why there are none; NULL: there may be */

    char user[VIEW_TEXT];                    /* "" : nobody yet */
    int segment;                             /* his; -1: none   */
    bool held;                               /* he was chosen by a key, and stays */
    struct view_event happened[VIEW_EVENTS]; /* newest first */
    int n_happened;
    struct view_list lists[VIEW_LISTS];
    int n_lists;

    bool help;
    char prompt[VIEW_TEXT];  /* what is being typed, instead of the keys */
    char message[VIEW_TEXT]; /* instead of the keys */
};

void demo_view_draw(const struct view *v, struct demo_canvas *c);

#endif
