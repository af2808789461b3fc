/* SPDX-License-Identifier: Apache-2.0
 *
 * segments_auto.c -- see segments_auto.h.
 */
#include "segments_auto.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mix.h"
#include "seeds.h"

/* ---- silhouette ------------------------------------------------------------------ */

static double distance(const struct segments_points *p, uint32_t i, uint32_t j) {
    const float *x = p->x + (size_t)i * p->dims;
    const float *y = p->x + (size_t)j * p->dims;
    double sum = 0.0;
    for (uint32_t d = 0; d < p->dims; d++) {
        const double t = ((double)x[d] - (double)y[d]) * p->scale[d];
        sum += t * t;
    }
    return sqrt(sum);
}

static double silhouette_of(const struct segments_points *p, const uint8_t *labels, uint32_t k,
                            const double *count, uint32_t i) {
    double sum[AUTO_K_MAX] = {0.0};
    for (uint32_t j = 0; j < p->n; j++) {
        sum[labels[j]] += distance(p, i, j);
    }
    const uint32_t mine = labels[i];
    double b = HUGE_VAL;
    for (uint32_t c = 0; c < k; c++) {
        if (c != mine && count[c] > 0.0 && sum[c] / count[c] < b) {
            b = sum[c] / count[c];
        }
    }
    if (!(count[mine] > 1.0) || !isfinite(b)) {
        return 0.0;
    }
    const double a = sum[mine] / (count[mine] - 1.0);
    const double larger = a > b ? a : b;
    return larger > 0.0 ? (b - a) / larger : 0.0;
}

double segments_auto_silhouette(const struct segments_points *p, const uint8_t *labels,
                                uint32_t k) {
    double count[AUTO_K_MAX] = {0.0};
    double sum = 0.0;
    for (uint32_t i = 0; i < p->n; i++) {
        count[labels[i]] += 1.0;
    }
    for (uint32_t i = 0; i < p->n; i++) {
        sum += silhouette_of(p, labels, k, count, i);
    }
    return p->n > 0 ? sum / p->n : 0.0;
}

/* ---- agreement ------------------------------------------------------------------- */

static double pairs(double n) {
    return n * (n - 1.0) / 2.0;
}

double segments_auto_agreement(const uint8_t *a, const uint8_t *b, uint32_t n) {
    double both[AUTO_K_MAX][AUTO_K_MAX] = {{0.0}};
    for (uint32_t i = 0; i < n; i++) {
        both[a[i]][b[i]] += 1.0;
    }
    double together = 0.0;
    double p = 0.0;
    double q = 0.0;
    for (uint32_t i = 0; i < AUTO_K_MAX; i++) {
        double row = 0.0;
        double column = 0.0;
        for (uint32_t j = 0; j < AUTO_K_MAX; j++) {
            together += pairs(both[i][j]);
            row += both[i][j];
            column += both[j][i];
        }
        p += pairs(row);
        q += pairs(column);
    }
    const double expected = n > 1 ? p * q / pairs(n) : 0.0;
    const double most = (p + q) / 2.0;
    return most > expected ? (together - expected) / (most - expected) : 1.0;
}

/* ---- choice ---------------------------------------------------------------------- */

struct room {                 /* for what one choice needs */
    struct segments_points p; /* the sample, shuffled */
    float *x;
    uint8_t *labels[2]; /* (n,) each */
    double *centres;    /* (AUTO_K_MAX, dims) */
};

static void label(const struct room *r, uint32_t k, uint8_t *labels) {
    const uint32_t dims = r->p.dims;
    for (uint32_t i = 0; i < r->p.n; i++) {
        double d2 = 0.0;
        labels[i] = (uint8_t)seeds_nearest(r->p.x + (size_t)i * dims, r->centres, k, dims,
                                           r->p.scale, dims, &d2);
    }
}

/* Labels all points by what is found in rows from..from+n-1. */
static enum status find(const struct room *r, uint32_t from, uint32_t n, uint32_t k, uint64_t seed,
                        uint8_t *labels) {
    const uint32_t dims = r->p.dims;
    enum status st = seeds_find(r->p.x + (size_t)from * dims, n, dims, r->p.scale, k, SEEDS_STARTS,
                                seed, r->centres);
    if (!st) {
        label(r, k, labels);
    }
    return st;
}

/* Fisher and Yates, over rows. */
static void shuffle(struct room *r, struct rng *rng) {
    const size_t bytes = r->p.dims * sizeof *r->x;
    for (uint32_t i = r->p.n; i > 1; i--) {
        float *a = r->x + (size_t)(i - 1) * r->p.dims;
        float *b = r->x + (size_t)rng_below(rng, i) * r->p.dims;
        for (size_t d = 0; d < bytes / sizeof *a; d++) {
            const float t = a[d];
            a[d] = b[d];
            b[d] = t;
        }
    }
}

/* Adds to the scores of every k what one division into halves says. */
static enum status one_round(struct room *r, struct segments_range range, uint64_t seed,
                             struct segments_score *scores) {
    struct rng rng = {seed};
    shuffle(r, &rng);
    const uint32_t half = r->p.n / 2;
    enum status st = ST_OK;
    for (uint32_t k = range.least; k <= range.most && !st; k++) {
        st = find(r, 0, half, k, rng_next(&rng), r->labels[0]);
        st = st ? st : find(r, half, r->p.n - half, k, rng_next(&rng), r->labels[1]);
        if (!st) {
            scores[k - range.least].agreement +=
                segments_auto_agreement(r->labels[0], r->labels[1], r->p.n) / AUTO_ROUNDS;
        }
    }
    return st;
}

static enum status score(struct room *r, struct segments_range range, uint64_t seed,
                         struct segments_score *scores) {
    enum status st = ST_OK;
    for (uint32_t k = range.least; k <= range.most && !st; k++) {
        struct segments_score *s = &scores[k - range.least];
        *s = (struct segments_score){.score = 0.0};
        st = find(r, 0, r->p.n, k, seed, r->labels[0]);
        s->silhouette = st ? 0.0 : segments_auto_silhouette(&r->p, r->labels[0], k);
    }
    for (uint64_t round = 1; round <= AUTO_ROUNDS && !st; round++) {
        st = one_round(r, range, mix64(seed ^ mix64(round)), scores);
    }
    for (uint32_t i = 0; i <= range.most - range.least; i++) {
        struct segments_score *s = &scores[i];
        s->score = s->silhouette * (s->agreement > 0.0 ? s->agreement : 0.0);
    }
    return st;
}

static enum status room_make(const struct segments_points *points, struct room *r) {
    const uint32_t n = points->n < AUTO_POINTS ? points->n : AUTO_POINTS;
    r->p = (struct segments_points){NULL, n, points->dims, points->scale};
    r->x = malloc((size_t)n * points->dims * sizeof *r->x);
    r->labels[0] = malloc(2 * (size_t)n);
    r->centres = malloc((size_t)AUTO_K_MAX * points->dims * sizeof *r->centres);
    if (!r->x || !r->labels[0] || !r->centres) {
        return ST_NOMEM;
    }
    r->p.x = r->x;
    r->labels[1] = r->labels[0] + n;
    for (uint32_t i = 0; i < n; i++) {
        const size_t row = (size_t)((uint64_t)i * points->n / n);
        memcpy(r->x + (size_t)i * points->dims, points->x + row * points->dims,
               points->dims * sizeof *r->x);
    }
    return ST_OK;
}

enum status segments_auto_choose(const struct segments_points *points, struct segments_range range,
                                 uint64_t seed, uint32_t *k, struct segments_score *scores) {
    if (range.least < 2 || range.most < range.least || range.most > AUTO_K_MAX ||
        points->n < 2 * range.most) {
        return ST_INVALID;
    }
    struct segments_score mine[AUTO_K_MAX];
    struct room r = {.x = NULL};
    enum status st = room_make(points, &r);
    st = st ? st : score(&r, range, seed, mine);
    free(r.x);
    free(r.labels[0]);
    free(r.centres);
    if (st) {
        return st;
    }
    uint32_t best = 0;
    for (uint32_t i = 0; i <= range.most - range.least; i++) {
        best = mine[i].score > mine[best].score ? i : best;
        if (scores) {
            scores[i] = mine[i];
        }
    }
    *k = range.least + best;
    return ST_OK;
}
