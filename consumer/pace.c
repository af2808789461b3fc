/* SPDX-License-Identifier: Apache-2.0
 *
 * pace.c -- see pace.h.
 */
#include "pace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double WAIT_MAX_MS = 365.0 * 86400e3; /* a gap in the data may be absurd */

int64_t pace_wait_ms(struct pace *p, int64_t now_mono_ms, int64_t ts_ms) {
    if (p->n == 0) {
        p->start_ms = now_mono_ms;
        p->first_event_ms = ts_ms;
    }
    double due = 0.0; /* since the start */
    if (p->rate > 0.0) {
        due = (double)p->n * 1000.0 / p->rate;
    }
    if (p->speed > 0.0) {
        due = fmax(due, ((double)ts_ms - (double)p->first_event_ms) / p->speed);
    }
    p->n++;
    const double wait = due - (double)(now_mono_ms - p->start_ms);
    return wait > 0.0 ? (int64_t)ceil(fmin(wait, WAIT_MAX_MS)) : 0;
}

enum status pace_parse_speed(const char *text, double *out) {
    const size_t n = strspn(text, "0123456789.");
    char *end = NULL;
    const double speed = strtod(text, &end); /* reads "1e3" and "0x10" too: n says no */
    const char *rest = text + n;
    if (n == 0 || end != rest || !(speed > 0.0 && isfinite(speed)) ||
        (strcmp(rest, "") != 0 && strcmp(rest, "x") != 0 && strcmp(rest, "X") != 0)) {
        return ST_INVALID;
    }
    *out = speed;
    return ST_OK;
}
