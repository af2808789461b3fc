/* SPDX-License-Identifier: Apache-2.0
 *
 * seeds.c -- see seeds.h.
 */
#include "seeds.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mix.h"

struct search {
    const float *points;
    const double *scale;
    uint32_t n, dims, k;
    double *nearest; /* (n,) squared distance to the nearest centre so far         */
    double *trial;   /* (n,) the same, were a candidate a centre too               */
    double *best;    /* (n,) the trial with the least inertia                      */
    double *centres; /* (k, dims)                                                  */
    double *sums;    /* (k, dims)                                                  */
    double *counts;  /* (k,)                                                       */
    struct rng rng;
};

double seeds_distance(const float *x, const double *c, const double *scale, uint32_t dims) {
    double sum = 0.0;
    for (uint32_t d = 0; d < dims; d++) {
        double t = ((double)x[d] - c[d]) * scale[d];
        sum += t * t;
    }
    return sum;
}

uint32_t seeds_nearest(const float *x, const double *centres, uint32_t k, uint32_t stride,
                       const double *scale, uint32_t dims, double *d2) {
    uint32_t best = 0;
    double least = HUGE_VAL;
    for (uint32_t j = 0; j < k; j++) {
        double d = seeds_distance(x, centres + (size_t)j * stride, scale, dims);
        if (d < least) {
            least = d;
            best = j;
        }
    }
    *d2 = least;
    return best;
}

static const float *point(const struct search *s, uint32_t i) {
    return s->points + (size_t)i * s->dims;
}

static double *centre(const struct search *s, uint32_t j) {
    return s->centres + (size_t)j * s->dims;
}

/* ---- greedy k-means++ ------------------------------------------------------ */

/* A row, drawn with probability nearest[row] / total. */
static uint32_t draw(struct search *s, double total) {
    double left = rng_unit(&s->rng) * total;
    for (uint32_t i = 0; i < s->n; i++) {
        left -= s->nearest[i];
        if (left < 0.0) {
            return i;
        }
    }
    return rng_below(&s->rng, s->n); /* rounding, or every point is a centre already */
}

static void put_centre(struct search *s, uint32_t j, uint32_t row) {
    for (uint32_t d = 0; d < s->dims; d++) {
        centre(s, j)[d] = (double)point(s, row)[d];
    }
}

/* Fills trial for centre j; returns its inertia. */
static double try_out(struct search *s, uint32_t j) {
    double inertia = 0.0;
    for (uint32_t i = 0; i < s->n; i++) {
        double d = seeds_distance(point(s, i), centre(s, j), s->scale, s->dims);
        s->trial[i] = d < s->nearest[i] ? d : s->nearest[i];
        inertia += s->trial[i];
    }
    return inertia;
}

static void swap(double **a, double **b) {
    double *t = *a;
    *a = *b;
    *b = t;
}

/* One greedy step: sets centre j; `inertia` is that of the centres before it. */
static void step(struct search *s, uint32_t j, uint32_t n_candidates, double *inertia) {
    double least = HUGE_VAL;
    uint32_t chosen = 0;
    for (uint32_t l = 0; l < n_candidates; l++) {
        uint32_t candidate = draw(s, *inertia);
        put_centre(s, j, candidate);
        double sum = try_out(s, j);
        if (sum < least) {
            least = sum;
            chosen = candidate;
            swap(&s->trial, &s->best);
        }
    }
    put_centre(s, j, chosen);
    swap(&s->nearest, &s->best);
    *inertia = least;
}

static void greedy(struct search *s) {
    uint32_t n_candidates = 2U + (s->k >= 3 ? 1U : 0U) + (s->k >= 8 ? 1U : 0U); /* k < e^3 */
    for (uint32_t i = 0; i < s->n; i++) {
        s->nearest[i] = HUGE_VAL;
    }
    put_centre(s, 0, rng_below(&s->rng, s->n));
    double inertia = try_out(s, 0);
    swap(&s->nearest, &s->trial);
    for (uint32_t j = 1; j < s->k; j++) {
        step(s, j, n_candidates, &inertia);
    }
}

/* ---- Lloyd ----------------------------------------------------------------- */

/* Moves every centre to the mean of its points; returns the inertia before the move. */
static double move_centres(struct search *s) {
    double inertia = 0.0;
    memset(s->sums, 0, (size_t)s->k * s->dims * sizeof *s->sums);
    memset(s->counts, 0, s->k * sizeof *s->counts);
    for (uint32_t i = 0; i < s->n; i++) {
        double d2 = 0.0;
        uint32_t j = seeds_nearest(point(s, i), s->centres, s->k, s->dims, s->scale, s->dims, &d2);
        inertia += d2;
        s->counts[j] += 1.0;
        for (uint32_t d = 0; d < s->dims; d++) {
            s->sums[(size_t)j * s->dims + d] += (double)point(s, i)[d];
        }
    }
    for (uint32_t j = 0; j < s->k; j++) {
        for (uint32_t d = 0; d < s->dims && s->counts[j] > 0.0; d++) {
            centre(s, j)[d] = s->sums[(size_t)j * s->dims + d] / s->counts[j];
        }
    }
    return inertia;
}

/* One start; returns its inertia, one step behind its centres. */
static double start(struct search *s) {
    greedy(s);
    double inertia = HUGE_VAL;
    for (int i = 0; i < SEEDS_STEPS; i++) {
        double now = move_centres(s);
        if (!(now < inertia)) {
            break;
        }
        inertia = now;
    }
    return inertia;
}

enum status seeds_find(const float *points, uint32_t n, uint32_t dims, const double *scale,
                       uint32_t k, uint64_t seed, double *centres) {
    if (k < 1 || n < k) {
        return ST_INVALID;
    }
    size_t size = (size_t)k * dims;
    double *room = malloc((3 * (size_t)n + 2 * size + k) * sizeof *room);
    if (!room) {
        return ST_NOMEM;
    }
    struct search s = {.points = points,
                       .scale = scale,
                       .n = n,
                       .dims = dims,
                       .k = k,
                       .nearest = room,
                       .trial = room + n,
                       .best = room + 2 * (size_t)n,
                       .centres = room + 3 * (size_t)n,
                       .sums = room + 3 * (size_t)n + size,
                       .counts = room + 3 * (size_t)n + 2 * size,
                       .rng = {seed}};
    double least = HUGE_VAL;
    for (int i = 0; i < SEEDS_STARTS; i++) {
        double inertia = start(&s);
        if (inertia < least) {
            least = inertia;
            memcpy(centres, s.centres, size * sizeof *centres);
        }
    }
    free(room);
    return ST_OK;
}
