/* SPDX-License-Identifier: Apache-2.0
 *
 * demo_live.h -- the live view on a terminal: collects what demo_view.h draws, and serves the keys.
 *
 * Metrics are read twice a second, lists and triggers five times, segments asked for every two
 * seconds (a question to the learner's thread, as GET /segments puts it): all by the main thread.
 * Ownership: owns its canvases; the stage is borrowed. Threads: main.
 */
#ifndef DEMO_LIVE_H
#define DEMO_LIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "demo_stage.h"
#include "demo_view.h"
#include "status.h"

struct demo_live; /* opaque */

/** Takes the terminal. @return ST_OK, ST_IO, ST_NOMEM */
MUST_CHECK enum status demo_live_open(struct demo_stage *stage, struct demo_live **out);
/** Gives it back. NULL is allowed. */
void demo_live_close(struct demo_live *l);

/**
 * Collects and draws what is due, and serves keys for so long.
 * @return true when q was typed, or the terminal is gone
 */
bool demo_live_serve(struct demo_live *l, enum view_phase phase, int64_t timeout_ms);
/** Milliseconds since events began to be fed, without pauses. */
int64_t demo_live_elapsed(const struct demo_live *l);

#endif
