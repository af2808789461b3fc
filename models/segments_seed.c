/* SPDX-License-Identifier: Apache-2.0
 *
 * segments_seed.c -- segments_seed() of segments.h.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "seeds.h"
#include "segments_state.h"

/* Scale from the points, when no vote was applied before. */
static void scale_by_points(struct segments *s, const float *points, uint32_t n) {
    for (uint32_t d = 0; d < s->params.dims; d++) {
        double x = 0.0;
        double xx = 0.0;
        for (uint32_t i = 0; i < n; i++) {
            double v = (double)points[(size_t)i * s->params.dims + d];
            x += v;
            xx += v * v;
        }
        s->mean[d] = x / n;
        s->square[d] = xx / n;
        s->scale[d] = segments_scale_of(s->mean[d], s->square[d]);
    }
}

/* Counts the points of each seed; spread: the variance of its points. */
static void weigh(const struct segments *s, struct cluster *c, const double *centres,
                  const float *points, uint32_t n) {
    uint32_t dims = s->params.dims;
    for (uint32_t i = 0; i < n; i++) {
        const float *x = points + (size_t)i * dims;
        double d2 = 0.0;
        struct cluster *mine =
            &c[seeds_nearest(x, centres, s->params.k, dims, s->scale, dims, &d2)];
        mine->w += 1.0;
        mine->sse += d2;
        for (uint32_t d = 0; d < dims; d++) {
            double t = (double)x[d] - mine->centre[d];
            mine->spread[d] += t * t;
        }
    }
    for (uint32_t k = 0; k < s->params.k; k++) {
        for (uint32_t d = 0; d < dims && c[k].w > 0.0; d++) {
            c[k].spread[d] /= c[k].w;
        }
    }
}

static double distance_of(const struct segments *s, const double *a, const double *b) {
    double sum = 0.0;
    for (uint32_t d = 0; d < s->params.dims; d++) {
        double t = (a[d] - b[d]) * s->scale[d];
        sum += t * t;
    }
    return sum;
}

/* Gives each new cluster the id of an old one: closest pair first. */
static void match(struct segments *s, const struct cluster *fresh) {
    double old[SEGMENTS_MAX][FEATURES_MAX];
    bool given[SEGMENTS_MAX] = {false};
    bool taken[SEGMENTS_MAX] = {false};
    for (uint32_t k = 0; k < s->params.k; k++) {
        memcpy(old[k], s->clusters[k].centre, sizeof old[k]);
    }
    for (uint32_t round = 0; round < s->params.k; round++) {
        uint32_t from = 0;
        uint32_t to = 0;
        double least = HUGE_VAL;
        for (uint32_t pair = 0; pair < s->params.k * s->params.k; pair++) {
            uint32_t i = pair / s->params.k;
            uint32_t j = pair % s->params.k;
            double d = given[i] || taken[j] ? HUGE_VAL : distance_of(s, old[i], fresh[j].centre);
            if (d < least) {
                least = d;
                to = i;
                from = j;
            }
        }
        s->clusters[to] = fresh[from];
        given[to] = true;
        taken[from] = true;
    }
}

static bool points_ok(const float *points, uint32_t n, uint32_t dims) {
    for (uint32_t i = 0; i < n; i++) {
        if (!segments_vote_ok(points + (size_t)i * dims, dims)) {
            return false;
        }
    }
    return true;
}

enum status segments_seed(struct segments *s, const float *points, uint32_t n) {
    uint32_t k = s->params.k;
    uint32_t dims = s->params.dims;
    if (n < k || !points_ok(points, n, dims)) {
        return ST_INVALID;
    }
    struct cluster *fresh = calloc(k, sizeof *fresh);
    double *centres = calloc((size_t)k * dims, sizeof *centres);
    enum status st = ST_NOMEM;
    if (!fresh || !centres) {
        goto done;
    }
    if (s->w <= 0.0) {
        scale_by_points(s, points, n); /* no one sees it if the rest fails */
    }
    st = seeds_find(points, n, dims, s->scale, k, s->params.seed, centres);
    if (st) {
        goto done;
    }
    for (uint32_t j = 0; j < k; j++) {
        memcpy(fresh[j].centre, centres + (size_t)j * dims, dims * sizeof *centres);
        fresh[j].parent = NO_SPLIT;
    }
    weigh(s, fresh, centres, points, n);
    if (s->ready) {
        match(s, fresh);
    } else {
        memcpy(s->clusters, fresh, k * sizeof *fresh);
    }
    s->w = s->w > 0.0 ? s->w : n;
    s->ready = true;
    segments_publish(s);
done:
    free(centres);
    free(fresh);
    return st;
}
