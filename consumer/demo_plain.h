/* SPDX-License-Identifier: Apache-2.0
 *
 * demo_plain.h -- what the demo prints where there is no terminal: logfmt, a line a second, and
 * one when the followed user's lists change or a trigger fires (some of them).
 *
 *     at=3.0 events=7517 events_per_s=2506 lag=0 p50_ms=48 p99_ms=128 users=485 items=818
 *         recall10=0.437 popular10=0.161 triggers=12 day=2026-03-17        (one line)
 *     at=3.4 user=u988 did="ordered Fiery Cheddar Panini" course="Opera Step by Step" food="..."
 *     at=3.6 trigger=crossed-over user=u12 what="noodles"
 *
 * p50, p99: of the last two seconds, from the Kafka record to the reply of Redis. recall10: of the
 * lines of the last 15 s, tested before they were learned. A list shows its new items. What is not
 * known yet is left out. Threads: main.
 */
#ifndef DEMO_PLAIN_H
#define DEMO_PLAIN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "demo_fires.h"
#include "demo_follow.h"
#include "demo_gauge.h"
#include "demo_stage.h"

/* Zero-initialised but for stage and start_ms. Large: not for the stack. */
struct demo_plain {
    struct demo_stage *stage;
    int64_t start_ms;                  /* events began to be fed */
    int64_t row_ms, lists_ms, fire_ms; /* of the last line       */
    bool news;                         /* of the lists, not shown yet */
    struct entry_id fire;              /* shown last             */
    struct demo_gauge gauge;
    struct demo_follow follow;
};

void demo_plain_init(struct demo_plain *p, struct demo_stage *stage, int64_t now_ms);
/** Prints what is due; to be called some times a second. last: a row in any case. */
void demo_plain_tick(struct demo_plain *p, int64_t now_ms, bool last);

void demo_plain_row(FILE *out, int64_t elapsed_ms, const struct demo_reading *r, uint64_t n_fired);

#endif
