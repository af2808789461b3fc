/* SPDX-License-Identifier: Apache-2.0
 * demo_series.c -- see demo_series.h. */
#include "demo_series.h"

#include <math.h>
#include <string.h>

void view_series_add(struct view_series *s, double v) {
    if (s->n == VIEW_SERIES) {
        memmove(s->v, s->v + 1, (VIEW_SERIES - 1) * sizeof *s->v);
        s->n--;
    }
    s->v[s->n++] = v;
    s->total++;
}

/* ---- series ----------------------------------------------------------------------------- */

double view_series_last(const struct view_series *s) {
    return s->n > 0 ? s->v[s->n - 1] : -1.0;
}

double view_series_max(const struct view_series *s) {
    double max = 0.0;
    for (int k = 0; k < s->n; k++) {
        max = fmax(max, s->v[k]);
    }
    return max;
}

/* The whole series in w columns: each is the mean of as many values as it takes. What they begin
 * with is counted from the first value ever, so that columns move and do not flicker. */
static int squeeze(const struct view_series *s, int w, double *out) {
    const int size = w > 1 ? (s->n + w - 2) / (w - 1) : 1;
    int n = 0;
    int k = 0;
    while (k < s->n && size > 0 && n <= w) {
        const uint64_t at = s->total - (uint64_t)s->n + (uint64_t)k;
        const int end = k + size - (int)(at % (uint64_t)size);
        double sum = 0.0;
        int known = 0;
        for (; k < end && k < s->n; k++) {
            sum += s->v[k] >= 0.0 ? s->v[k] : 0.0;
            known += s->v[k] >= 0.0;
        }
        out[n++] = known > 0 ? sum / known : -1.0;
    }
    return n;
}

void view_series_draw(const struct view_series *s, struct demo_canvas *c, const struct area *a,
                      double max, enum demo_look look) {
    double values[VIEW_SERIES + 2];
    const int w = a->w < VIEW_SERIES ? a->w : VIEW_SERIES;
    if (w > 1) {
        demo_canvas_chart(c, a->x, a->y, w, a->h, values, squeeze(s, w, values), max, look);
    }
}
