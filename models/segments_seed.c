/* SPDX-License-Identifier: Apache-2.0
 *
 * segments_seed.c -- segments_seed() and segments_adopt() of segments.h.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "matching.h"
#include "mix.h"
#include "seeds.h"
#include "segments_auto.h"
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
static void weigh(const struct segments *s, struct cluster *c, uint32_t n_clusters,
                  const double *centres, const float *points, uint32_t n) {
    uint32_t dims = s->params.dims;
    for (uint32_t i = 0; i < n; i++) {
        const float *x = points + (size_t)i * dims;
        double d2 = 0.0;
        struct cluster *mine = &c[seeds_nearest(x, centres, n_clusters, dims, s->scale, dims, &d2)];
        mine->w += 1.0;
        mine->sse += d2;
        for (uint32_t d = 0; d < dims; d++) {
            double t = (double)x[d] - mine->centre[d];
            mine->spread[d] += t * t;
        }
    }
    for (uint32_t k = 0; k < n_clusters; k++) {
        for (uint32_t d = 0; d < dims && c[k].w > 0.0; d++) {
            c[k].spread[d] /= c[k].w;
        }
    }
}

double segments_between(const struct segments *s, const double *a, const double *b) {
    double sum = 0.0;
    for (uint32_t d = 0; d < s->params.dims; d++) {
        double t = (a[d] - b[d]) * s->scale[d];
        sum += t * t;
    }
    return sum;
}

uint64_t segments_draw(const struct segments *s) {
    return s->seeds == 0 ? s->params.seed : mix64(s->params.seed ^ mix64(s->seeds));
}

/* Costs of giving old id i to new cluster j: the overlap lost; all distances together weigh
 * less than one vote. */
static void costs(const struct segments *s, const struct cluster *fresh, const double *centres,
                  const float *points, uint32_t n, double *cost) {
    const uint32_t k = s->k;
    const uint32_t dims = s->params.dims;
    double total = 0.0;
    for (uint32_t pair = 0; pair < k * k; pair++) {
        cost[pair] = segments_between(s, s->clusters[pair / k].centre, fresh[pair % k].centre);
        total += cost[pair];
    }
    for (uint32_t pair = 0; pair < k * k; pair++) {
        cost[pair] = total > 0.0 ? 0.5 * cost[pair] / total : 0.0;
    }
    for (uint32_t i = 0; i < n; i++) {
        const float *x = points + (size_t)i * dims;
        double d2 = 0.0;
        const int old = segments_nearest(s, x, NULL);
        cost[(uint32_t)old * k + seeds_nearest(x, centres, k, dims, s->scale, dims, &d2)] -= 1.0;
    }
}

/* Gives each new cluster the id of an old one. */
static enum status match(const struct segments *s, const struct cluster *fresh,
                         const double *centres, const float *points, uint32_t n, uint32_t *to) {
    double cost[SEGMENTS_MAX * SEGMENTS_MAX];
    costs(s, fresh, centres, points, n, cost);
    return matching_find(cost, s->k, to);
}

static bool points_ok(const float *points, uint32_t n, uint32_t dims) {
    for (uint32_t i = 0; i < n; i++) {
        if (!segments_vote_ok(points + (size_t)i * dims, dims)) {
            return false;
        }
    }
    return true;
}

/* How many segments there will be. */
static enum status choose(const struct segments *s, const float *points, uint32_t n, uint32_t *k) {
    *k = s->k ? s->k : s->params.k;
    if (*k) {
        return n < *k ? ST_INVALID : ST_OK;
    }
    if (n < 4 * SEGMENTS_AUTO_MAX) {
        return ST_INVALID;
    }
    const struct segments_range range = {SEGMENTS_AUTO_MIN, SEGMENTS_AUTO_MAX};
    return segments_auto_choose(&(struct segments_points){points, n, s->params.dims, s->scale},
                                range, segments_draw(s), k, NULL);
}

/* What others are to know of k clusters, the one with id i being fresh[to[i]]. */
static void describe(const struct segments *s, const struct cluster *fresh, uint32_t k,
                     const uint32_t *to, struct segments_seeds *out) {
    const size_t row = s->params.dims * sizeof(double);
    memset(out, 0, sizeof *out);
    out->generation = s->generation + 1;
    out->k = k;
    out->w = s->w;
    memcpy(out->mean, s->mean, row);
    memcpy(out->square, s->square, row);
    for (uint32_t i = 0; i < k; i++) {
        const struct cluster *c = &fresh[to[i]];
        out->clusters[i].w = c->w;
        out->clusters[i].sse = c->sse;
        memcpy(out->clusters[i].centre, c->centre, row);
        memcpy(out->clusters[i].spread, c->spread, row);
    }
}

/* With room for SEGMENTS_MAX clusters in `fresh` and `centres`; s has a scale. */
static enum status find(const struct segments *s, const float *points, uint32_t n,
                        struct cluster *fresh, double *centres, struct segments_seeds *out) {
    uint32_t k = 0;
    const uint32_t dims = s->params.dims;
    enum status st = choose(s, points, n, &k);
    st =
        st ? st : seeds_find(points, n, dims, s->scale, k, SEEDS_STARTS, segments_draw(s), centres);
    if (st) {
        return st;
    }
    for (uint32_t j = 0; j < k; j++) {
        memcpy(fresh[j].centre, centres + (size_t)j * dims, dims * sizeof *centres);
    }
    weigh(s, fresh, k, centres, points, n);
    uint32_t to[SEGMENTS_MAX];
    for (uint32_t j = 0; j < k; j++) {
        to[j] = j;
    }
    st = s->ready ? match(s, fresh, centres, points, n, to) : ST_OK;
    if (!st) {
        describe(s, fresh, k, to, out);
    }
    return st;
}

enum status segments_find(const struct segments *s, const float *points, uint32_t n,
                          struct segments_seeds *out) {
    if (n < 1 || !points_ok(points, n, s->params.dims)) {
        return ST_INVALID;
    }
    struct segments *view = malloc(sizeof *view); /* shares what `s` remembers; owns nothing */
    struct cluster *fresh = calloc(SEGMENTS_MAX, sizeof *fresh);
    double *centres = calloc((size_t)SEGMENTS_MAX * s->params.dims, sizeof *centres);
    enum status st = ST_NOMEM;
    if (view && fresh && centres) {
        *view = *s;
        if (s->w <= 0.0) {
            scale_by_points(view, points, n);
            view->w = n;
        }
        st = find(view, points, n, fresh, centres, out);
    }
    free(centres);
    free(fresh);
    free(view);
    return st;
}

enum status segments_seed(struct segments *s, const float *points, uint32_t n) {
    struct segments_seeds *seeds = malloc(sizeof *seeds);
    enum status st = seeds ? segments_find(s, points, n, seeds) : ST_NOMEM;
    st = st ? st : segments_adopt(s, seeds);
    free(seeds);
    return st;
}

/* ---- adopting ---------------------------------------------------------------------------- */

/* All from least to most; a NaN fails it. */
static bool all_within(const double *x, uint32_t n, double least, double most) {
    for (uint32_t d = 0; d < n; d++) {
        if (!(x[d] >= least && x[d] <= most)) {
            return false;
        }
    }
    return true;
}

bool segments_seeds_ok(const struct segments_seeds *seeds, uint32_t dims) {
    const double far = (double)FLT_MAX;
    bool ok = seeds->k >= 2 && seeds->k <= SEGMENTS_MAX && all_within(&seeds->w, 1, 0.0, DBL_MAX) &&
              all_within(seeds->mean, dims, -far, far) &&
              all_within(seeds->square, dims, -DBL_MAX, DBL_MAX);
    for (uint32_t k = 0; ok && k < seeds->k; k++) {
        const struct segments_seed *c = &seeds->clusters[k];
        ok = all_within(&c->w, 1, 0.0, DBL_MAX) && all_within(&c->sse, 1, 0.0, DBL_MAX) &&
             all_within(c->centre, dims, -far, far) && all_within(c->spread, dims, 0.0, DBL_MAX);
    }
    return ok;
}

void segments_scale_by(struct segments *s, double w, const double *mean, const double *square) {
    const size_t row = s->params.dims * sizeof(double);
    s->w = w;
    memcpy(s->mean, mean, row);
    memcpy(s->square, square, row);
    for (uint32_t d = 0; d < s->params.dims; d++) {
        s->scale[d] = segments_scale_of(s->mean[d], s->square[d]);
    }
}

void segments_set(struct segments *s, const struct segments_seeds *seeds) {
    const size_t row = s->params.dims * sizeof(double);
    for (uint32_t k = 0; k < seeds->k; k++) {
        struct cluster *c = &s->clusters[k];
        *c = (struct cluster){
            .w = seeds->clusters[k].w, .sse = seeds->clusters[k].sse, .parent = NO_SPLIT};
        memcpy(c->centre, seeds->clusters[k].centre, row);
        memcpy(c->spread, seeds->clusters[k].spread, row);
    }
    if (!s->ready) {
        segments_begin_ring(s);
    }
    s->k = seeds->k;
    s->generation = seeds->generation;
    s->ready = true;
    segments_publish(s);
}

enum status segments_adopt(struct segments *s, const struct segments_seeds *seeds) {
    if (!segments_seeds_ok(seeds, s->params.dims)) {
        return ST_INVALID;
    }
    if (seeds->generation != s->generation + 1) {
        return ST_OK;
    }
    if (s->w <= 0.0) {
        segments_scale_by(s, seeds->w, seeds->mean, seeds->square);
    }
    segments_set(s, seeds);
    s->seeds++;
    s->since = 0;
    s->doubted = false;
    return ST_OK;
}
