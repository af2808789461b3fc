/* SPDX-License-Identifier: Apache-2.0
 *
 * segments_seed.c -- segments_seed() of segments.h.
 */
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
static enum status match(struct segments *s, const struct cluster *fresh, const double *centres,
                         const float *points, uint32_t n) {
    double cost[SEGMENTS_MAX * SEGMENTS_MAX];
    uint32_t to[SEGMENTS_MAX];
    costs(s, fresh, centres, points, n, cost);
    enum status st = matching_find(cost, s->k, to);
    for (uint32_t i = 0; i < s->k && !st; i++) {
        s->clusters[i] = fresh[to[i]];
    }
    return st;
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

/* With room for SEGMENTS_MAX clusters in `fresh` and `centres`. */
static enum status seed(struct segments *s, const float *points, uint32_t n, struct cluster *fresh,
                        double *centres) {
    uint32_t k = 0;
    const uint32_t dims = s->params.dims;
    if (s->w <= 0.0) {
        scale_by_points(s, points, n); /* no one sees it if the rest fails */
    }
    enum status st = choose(s, points, n, &k);
    st = st ? st : seeds_find(points, n, dims, s->scale, k, segments_draw(s), centres);
    if (st) {
        return st;
    }
    for (uint32_t j = 0; j < k; j++) {
        memcpy(fresh[j].centre, centres + (size_t)j * dims, dims * sizeof *centres);
        fresh[j].parent = NO_SPLIT;
    }
    weigh(s, fresh, k, centres, points, n);
    if (s->ready) {
        st = match(s, fresh, centres, points, n);
    } else {
        memcpy(s->clusters, fresh, k * sizeof *fresh);
        segments_begin_ring(s); /* which frees `points`, where they are the remembered ones */
    }
    if (st) {
        return st;
    }
    s->w = s->w > 0.0 ? s->w : n;
    s->k = k;
    s->seeds++;
    s->since = 0;
    s->doubted = false;
    s->ready = true;
    segments_publish(s);
    return ST_OK;
}

enum status segments_seed(struct segments *s, const float *points, uint32_t n) {
    if (n < 1 || !points_ok(points, n, s->params.dims)) {
        return ST_INVALID;
    }
    struct cluster *fresh = calloc(SEGMENTS_MAX, sizeof *fresh);
    double *centres = calloc((size_t)SEGMENTS_MAX * s->params.dims, sizeof *centres);
    enum status st = fresh && centres ? seed(s, points, n, fresh, centres) : ST_NOMEM;
    free(centres);
    free(fresh);
    return st;
}
