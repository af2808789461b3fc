/* SPDX-License-Identifier: Apache-2.0
 *
 * eval_windows.h -- recall over time: sliding windows of the last EVAL_WINDOW tested lines, of each
 * domain and of all, one every EVAL_STEP lines.
 *
 * The last window of a domain ends with its last tested line; its newest step may be short, so that
 * it has fewer lines than the others.
 *
 * Ownership: owns its memory, all zero to begin with, freed by eval_windows_free(). Threads: one.
 */
#ifndef EVAL_WINDOWS_H
#define EVAL_WINDOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event.h"
#include "status.h"
#include "trial.h"

enum { EVAL_WINDOW = 5000, EVAL_STEP = 1000, EVAL_STEPS = EVAL_WINDOW / EVAL_STEP };

struct eval_hits {
    uint32_t n[TRIAL_MODELS], hits[TRIAL_MODELS]; /* lines tested, and with a rank below 10 */
};

struct eval_window { /* up to a line */
    uint64_t line;   /* its number in the stream, from 1 */
    int64_t ts_ms;
    uint32_t domain; /* DOMAINS_MAX: all */
    struct eval_hits hits;
};

struct eval_windows {
    struct eval_window *windows; /* (n,), in the order of their ends */
    size_t n, cap;
    struct eval_sliding {
        struct eval_hits steps[EVAL_STEPS]; /* a ring; steps[at] is open */
        uint32_t at, n_open;                /* lines in the open step    */
        uint64_t n_steps;                   /* full ones so far          */
        uint64_t line;
        int64_t ts_ms;
    } sliding[DOMAINS_MAX + 1];
};

/** A tested line of a domain. @return ST_OK, ST_NOMEM (it may be counted in part) */
MUST_CHECK enum status eval_windows_add(struct eval_windows *w, uint8_t domain, uint64_t line,
                                        int64_t ts_ms, const struct trial_line *l,
                                        const bool ran[TRIAL_MODELS]);
/** The stream ends: the last windows. Once. @return ST_OK, ST_NOMEM */
MUST_CHECK enum status eval_windows_end(struct eval_windows *w);
void eval_windows_free(struct eval_windows *w);

#endif
