/* SPDX-License-Identifier: Apache-2.0
 *
 * seeds.c -- see seeds.h.
 */
#include "seeds.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mix.h"

enum { WIDTH = 4, POINTS = 4 * WIDTH /* looked at together */ };

/* An array of doubles that the compiler keeps in a register (GCC and Clang). */
typedef double lanes __attribute__((vector_size(WIDTH * sizeof(double))));
typedef int64_t masks __attribute__((vector_size(WIDTH * sizeof(int64_t))));

struct search {
    const float *points;
    double *blocks; /* the same, POINTS at a time: (n/POINTS up, dims, POINTS); 0 beyond n */
    const double *scale;
    uint32_t n, dims, k;
    double *nearest; /* (n up,) squared distance to the nearest centre so far         */
    double *trial;   /* (n up,) the same, were a candidate a centre too               */
    double *best;    /* (n up,) the trial with the least inertia                      */
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

static lanes load(const double *x) {
    lanes v;
    memcpy(&v, x, sizeof v);
    return v;
}

static void store(double *x, lanes v) {
    memcpy(x, &v, sizeof v);
}

/* yes where a < b, else no */
static lanes where_less(lanes a, lanes b, lanes yes, lanes no) {
    const masks m = a < b;
    return (lanes)((m & (masks)yes) | (~m & (masks)no));
}

/* seeds_distance() of POINTS points, each in its order, a lane a point. */
static inline void distances(const double *block, const double *c, const double *scale,
                             uint32_t dims, lanes sum[POINTS / WIDTH]) {
    for (int v = 0; v < POINTS / WIDTH; v++) {
        sum[v] = (lanes){0};
    }
    for (uint32_t d = 0; d < dims; d++) {
        for (int v = 0; v < POINTS / WIDTH; v++) {
            const lanes t =
                (load(block + (size_t)d * POINTS + (size_t)v * WIDTH) - c[d]) * scale[d];
            sum[v] += t * t;
        }
    }
}

/* Fills trial for centre j; returns its inertia. */
static double try_out(struct search *s, uint32_t j) {
    double inertia = 0.0;
    for (uint32_t i = 0; i < s->n; i += POINTS) {
        lanes d[POINTS / WIDTH];
        distances(s->blocks + (size_t)i * s->dims, centre(s, j), s->scale, s->dims, d);
        for (uint32_t v = 0; v < POINTS / WIDTH; v++) {
            const lanes nearest = load(s->nearest + i + (size_t)v * WIDTH);
            store(s->trial + i + (size_t)v * WIDTH, where_less(d[v], nearest, d[v], nearest));
        }
    }
    for (uint32_t i = 0; i < s->n; i++) {
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

/* seeds_nearest() of POINTS points: centres as numbers, and squared distances. */
static void nearest_centres(const struct search *s, uint32_t i, double *best, double *d2) {
    lanes least[POINTS / WIDTH];
    lanes which[POINTS / WIDTH];
    for (int v = 0; v < POINTS / WIDTH; v++) {
        least[v] = HUGE_VAL - (lanes){0};
        which[v] = (lanes){0};
    }
    for (uint32_t j = 0; j < s->k; j++) {
        lanes d[POINTS / WIDTH];
        distances(s->blocks + (size_t)i * s->dims, centre(s, j), s->scale, s->dims, d);
        for (int v = 0; v < POINTS / WIDTH; v++) {
            which[v] = where_less(d[v], least[v], (double)j - (lanes){0}, which[v]);
            least[v] = where_less(d[v], least[v], d[v], least[v]);
        }
    }
    for (uint32_t v = 0; v < POINTS / WIDTH; v++) {
        store(best + (size_t)v * WIDTH, which[v]);
        store(d2 + (size_t)v * WIDTH, least[v]);
    }
}

static void add_point(struct search *s, uint32_t i, uint32_t j) {
    const float *x = point(s, i);
    double *sums = s->sums + (size_t)j * s->dims;
    for (uint32_t d = 0; d < s->dims; d++) {
        sums[d] += (double)x[d];
    }
    s->counts[j] += 1.0;
}

/* Moves every centre to the mean of its points; returns the inertia before the move. */
static double move_centres(struct search *s) {
    double inertia = 0.0;
    memset(s->sums, 0, (size_t)s->k * s->dims * sizeof *s->sums);
    memset(s->counts, 0, s->k * sizeof *s->counts);
    for (uint32_t i = 0; i < s->n; i += POINTS) {
        double best[POINTS];
        double d2[POINTS];
        nearest_centres(s, i, best, d2);
        for (uint32_t z = 0; z < POINTS && i + z < s->n; z++) {
            inertia += d2[z];
            add_point(s, i + z, (uint32_t)best[z]);
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
        const double now = move_centres(s);
        const double before = inertia;
        inertia = now < before ? now : before;
        if (!(now < before * (1.0 - SEEDS_TOLERANCE))) {
            break;
        }
    }
    return inertia;
}

static void fill_blocks(struct search *s, size_t up) {
    for (size_t i = 0; i < up; i++) {
        double *to = s->blocks + i / POINTS * POINTS * s->dims + i % POINTS;
        for (uint32_t d = 0; d < s->dims; d++) {
            to[(size_t)d * POINTS] = i < s->n ? (double)point(s, (uint32_t)i)[d] : 0.0;
        }
        s->nearest[i] = s->trial[i] = s->best[i] = HUGE_VAL;
    }
}

enum status seeds_find(const float *points, uint32_t n, uint32_t dims, const double *scale,
                       uint32_t k, uint32_t starts, uint64_t seed, double *centres) {
    if (k < 1 || n < k || starts < 1) {
        return ST_INVALID;
    }
    const size_t size = (size_t)k * dims;
    const size_t up = ((size_t)n + POINTS - 1) / POINTS * POINTS;
    double *room = malloc((up * dims + 3 * up + 2 * size + k) * sizeof *room);
    if (!room) {
        return ST_NOMEM;
    }
    double *columns = room + up * dims;
    struct search s = {.points = points,
                       .blocks = room,
                       .scale = scale,
                       .n = n,
                       .dims = dims,
                       .k = k,
                       .nearest = columns,
                       .trial = columns + up,
                       .best = columns + 2 * up,
                       .centres = columns + 3 * up,
                       .sums = columns + 3 * up + size,
                       .counts = columns + 3 * up + 2 * size,
                       .rng = {seed}};
    fill_blocks(&s, up);
    double least = HUGE_VAL;
    for (uint32_t i = 0; i < starts; i++) {
        double inertia = start(&s);
        if (inertia < least) {
            least = inertia;
            memcpy(centres, s.centres, size * sizeof *centres);
        }
    }
    free(room);
    return ST_OK;
}
