/* SPDX-License-Identifier: Apache-2.0
 *
 * demo_series.h -- a number over the last minutes, and its chart: all of it in however many columns
 * there are.
 *
 * Plain value; pure. Threads: any.
 */
#ifndef DEMO_SERIES_H
#define DEMO_SERIES_H

#include <stdint.h>

#include "demo_canvas.h"

enum { VIEW_SERIES = 480 }; /* values kept: at two a second four minutes */

/* The newest values, oldest first; below 0: none at that time. Zero-initialised is empty. */
struct view_series {
    double v[VIEW_SERIES];
    int n;
    uint64_t total; /* ever added */
};

/* Cells of a canvas. */
struct area {
    int x, y, w, h;
};

void view_series_add(struct view_series *s, double v);
/** The newest value; below 0 if there is none. */
double view_series_last(const struct view_series *s);
/** The largest, at least 0. */
double view_series_max(const struct view_series *s);
/** Its chart; `max` fills the height. More values than columns are averaged. */
void view_series_draw(const struct view_series *s, struct demo_canvas *c, const struct area *a,
                      double max, enum demo_look look);

#endif
