/* SPDX-License-Identifier: Apache-2.0
 *
 * points.h -- points for tests of clustering, and the truth they are compared with: the
 * best of ten runs of Lloyd's algorithm from k-means++ seeds, plainly written.
 *
 * Distances are scaled by the standard deviations of the points at hand.
 */
#ifndef POINTS_H
#define POINTS_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mix.h"

enum { POINTS_DIMS_MAX = 8, POINTS_K_MAX = 16, POINTS_RUNS = 10 };

static inline double points_normal(struct rng *r) {
    const double u = 1.0 - rng_unit(r);
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * rng_unit(r));
}

/* Groups of unit width, of unequal size, in `dims` dimensions, whose centres move from one random
 * place to another while t goes from 0 to 1. */
struct points_world {
    uint32_t groups, dims;
    double from[POINTS_K_MAX][POINTS_DIMS_MAX], to[POINTS_K_MAX][POINTS_DIMS_MAX];
    double size_from[POINTS_K_MAX], size_to[POINTS_K_MAX];
};

/* How far apart the centres lie: `apart` widths; how far they move: `way` of that. */
static inline struct points_world points_world(struct rng *r, uint32_t groups, uint32_t dims,
                                               double apart, double way) {
    struct points_world w = {.groups = groups, .dims = dims};
    for (uint32_t g = 0; g < groups; g++) {
        w.size_from[g] = w.size_to[g] = 0.3 + rng_unit(r);
        for (uint32_t d = 0; d < dims; d++) {
            w.from[g][d] = apart * points_normal(r);
            w.to[g][d] = w.from[g][d] + way * (apart * points_normal(r) - w.from[g][d]);
        }
    }
    return w;
}

/* A point; returns its group. */
static inline uint32_t points_draw(const struct points_world *w, struct rng *r, double t,
                                   float *x) {
    double total = 0.0;
    for (uint32_t g = 0; g < w->groups; g++) {
        total += w->size_from[g] * (1.0 - t) + w->size_to[g] * t;
    }
    double left = rng_unit(r) * total;
    uint32_t g = 0;
    for (; g + 1 < w->groups; g++) {
        left -= w->size_from[g] * (1.0 - t) + w->size_to[g] * t;
        if (left < 0.0) {
            break;
        }
    }
    for (uint32_t d = 0; d < w->dims; d++) {
        x[d] = (float)(w->from[g][d] * (1.0 - t) + w->to[g][d] * t + points_normal(r));
    }
    return g;
}

struct points {
    const float *x; /* (n, dims) row-major */
    uint32_t n, dims;
    double sigma[POINTS_DIMS_MAX];
};

static inline struct points points_of(const float *x, uint32_t n, uint32_t dims) {
    struct points p = {.x = x, .n = n, .dims = dims};
    for (uint32_t d = 0; d < dims; d++) {
        double mean = 0.0;
        double square = 0.0;
        for (uint32_t i = 0; i < n; i++) {
            mean += (double)x[(size_t)i * dims + d] / n;
        }
        for (uint32_t i = 0; i < n; i++) {
            const double t = (double)x[(size_t)i * dims + d] - mean;
            square += t * t / n;
        }
        p.sigma[d] = sqrt(square);
    }
    return p;
}

/* Squared distance of point i to centre c. */
static inline double points_distance(const struct points *p, uint32_t i, const double *c) {
    double sum = 0.0;
    for (uint32_t d = 0; d < p->dims; d++) {
        const double t = ((double)p->x[(size_t)i * p->dims + d] - c[d]) / p->sigma[d];
        sum += t * t;
    }
    return sum;
}

/* Sum of squared distances to the nearest of k centres; the nearest ones go to `label`. */
static inline double points_inertia(const struct points *p, double c[][POINTS_DIMS_MAX], uint32_t k,
                                    uint8_t *label) {
    double all = 0.0;
    for (uint32_t i = 0; i < p->n; i++) {
        double least = HUGE_VAL;
        for (uint32_t j = 0; j < k; j++) {
            const double d = points_distance(p, i, c[j]);
            if (d < least) {
                least = d;
                label[i] = (uint8_t)j;
            }
        }
        all += least;
    }
    return all;
}

static inline void points_means(const struct points *p, const uint8_t *label,
                                double c[][POINTS_DIMS_MAX], uint32_t k) {
    double sum[POINTS_K_MAX][POINTS_DIMS_MAX] = {{0.0}};
    double n[POINTS_K_MAX] = {0.0};
    for (uint32_t i = 0; i < p->n; i++) {
        n[label[i]] += 1.0;
        for (uint32_t d = 0; d < p->dims; d++) {
            sum[label[i]][d] += (double)p->x[(size_t)i * p->dims + d];
        }
    }
    for (uint32_t j = 0; j < k; j++) {
        for (uint32_t d = 0; d < p->dims && n[j] > 0.0; d++) {
            c[j][d] = sum[j][d] / n[j];
        }
    }
}

/* k-means++: each centre a point, drawn by its squared distance to those before. */
static inline void points_seeds(const struct points *p, double c[][POINTS_DIMS_MAX], uint32_t k,
                                struct rng *r, uint8_t *label) {
    for (uint32_t j = 0; j < k; j++) {
        double left = j ? rng_unit(r) * points_inertia(p, c, j, label) : 0.0;
        uint32_t i = j ? 0 : rng_below(r, p->n);
        while (j && i + 1 < p->n) {
            left -= points_distance(p, i, c[label[i]]);
            if (left < 0.0) {
                break;
            }
            i++;
        }
        for (uint32_t d = 0; d < p->dims; d++) {
            c[j][d] = (double)p->x[(size_t)i * p->dims + d];
        }
    }
}

/* The least inertia of POINTS_RUNS runs of at most 100 steps. */
static inline double points_lloyd(const struct points *p, uint32_t k, struct rng *r) {
    double best = HUGE_VAL;
    uint8_t *label = calloc(p->n, 1);
    for (int run = 0; run < POINTS_RUNS; run++) {
        double c[POINTS_K_MAX][POINTS_DIMS_MAX] = {{0.0}};
        points_seeds(p, c, k, r, label);
        double before = HUGE_VAL;
        for (int step = 0; step < 100; step++) {
            const double now = points_inertia(p, c, k, label);
            if (before - now < 1e-4 * now) {
                break;
            }
            before = now;
            points_means(p, label, c, k);
        }
        const double got = points_inertia(p, c, k, label);
        best = got < best ? got : best;
    }
    free(label);
    return best;
}

#endif
