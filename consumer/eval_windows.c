/* SPDX-License-Identifier: Apache-2.0
 * eval_windows.c -- see eval_windows.h. */
#include "eval_windows.h"

#include <stdlib.h>

enum { WINDOWS_MIN = 256, HIT_BELOW = 10 };

/* The sum of all steps, which are at most EVAL_WINDOW lines, as a window. */
static enum status push(struct eval_windows *w, uint32_t domain) {
    const struct eval_sliding *s = &w->sliding[domain];
    if (w->n == w->cap) {
        const size_t cap = w->cap ? 2 * w->cap : WINDOWS_MIN;
        struct eval_window *windows = realloc(w->windows, cap * sizeof *windows);
        if (!windows) {
            return ST_NOMEM;
        }
        w->windows = windows;
        w->cap = cap;
    }
    struct eval_window *out = &w->windows[w->n++];
    *out = (struct eval_window){.line = s->line, .ts_ms = s->ts_ms, .domain = domain};
    for (unsigned k = 0; k < EVAL_STEPS; k++) {
        for (unsigned m = 0; m < TRIAL_MODELS; m++) {
            out->hits.n[m] += s->steps[k].n[m];
            out->hits.hits[m] += s->steps[k].hits[m];
        }
    }
    return ST_OK;
}

static enum status add(struct eval_windows *w, uint32_t domain, const struct trial_line *l,
                       const bool ran[TRIAL_MODELS]) {
    struct eval_sliding *s = &w->sliding[domain];
    if (s->n_open == EVAL_STEP) { /* the oldest step makes room */
        s->at = (s->at + 1) % EVAL_STEPS;
        s->steps[s->at] = (struct eval_hits){0};
        s->n_open = 0;
    }
    struct eval_hits *open = &s->steps[s->at];
    for (unsigned m = 0; m < TRIAL_MODELS; m++) {
        open->n[m] += ran[m];
        open->hits[m] += ran[m] && l->rank[m] < HIT_BELOW;
    }
    if (++s->n_open < EVAL_STEP) {
        return ST_OK;
    }
    s->n_steps++;
    return s->n_steps >= EVAL_STEPS ? push(w, domain) : ST_OK;
}

enum status eval_windows_add(struct eval_windows *w, uint8_t domain, uint64_t line, int64_t ts_ms,
                             const struct trial_line *l, const bool ran[TRIAL_MODELS]) {
    const uint32_t domains[] = {domain, DOMAINS_MAX};
    enum status st = ST_OK;
    for (unsigned k = 0; !st && k < sizeof domains / sizeof *domains; k++) {
        w->sliding[domains[k]].line = line;
        w->sliding[domains[k]].ts_ms = ts_ms;
        st = add(w, domains[k], l, ran);
    }
    return st;
}

enum status eval_windows_end(struct eval_windows *w) {
    enum status st = ST_OK;
    for (uint32_t d = 0; !st && d <= DOMAINS_MAX; d++) {
        const struct eval_sliding *s = &w->sliding[d];
        const bool ended = s->n_open == EVAL_STEP && s->n_steps >= EVAL_STEPS;
        if (s->n_open > 0 && !ended) {
            st = push(w, d);
        }
    }
    return st;
}

void eval_windows_free(struct eval_windows *w) {
    free(w->windows);
    *w = (struct eval_windows){0};
}
