/* SPDX-License-Identifier: Apache-2.0
 *
 * segments.c -- see segments.h.
 *
 * Where a cluster is widest is not in the mini-batches: they have no second moments a
 * cluster. But the mean of n_k votes strays from the centroid by var_d / n_k in square,
 * so n_k (mean_d - c_d)^2, summed over mini-batches with decay, grows like var_d: that
 * is `spread`. Only its shares are used; the size comes from the SSE.
 */
#include "segments.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fixed.h"
#include "seeds.h"
#include "segments_state.h"

#define VALUE_MAX    1e5F /* of a vote                                          */
#define DISTANCE_MAX 1e6  /* what a vote adds to an SSE at most                 */
#define DYING        0.01 /* weight below this share of the largest: re-seeded  */
#define CLOSER       0.9  /* a new segment this much closer is taken at once    */

/* Votes that a centre, and sigma, are means of where weights decay. */
#define CENTRE_VOTES 512.0
#define SCALE_VOTES  4096.0

/* The halves of a normal distribution have their means at +- .8 sd (sqrt(2/pi)), and
 * cutting there takes 2/pi of the variance away. */
#define HALF_MEAN 0.7978845608028654
#define HALF_CUT  0.6366197723675814

enum { SETTLE_VOTES = 64 };

/* ---- life cycle ------------------------------------------------------------ */

static bool params_ok(const struct segments_params *p) {
    const uint32_t most = p->k ? p->k : SEGMENTS_AUTO_MAX;
    return most >= 2 && most <= SEGMENTS_MAX && p->dims >= 1 && p->dims <= FEATURES_MAX &&
           p->seed_points >= 4 * most && p->half_life > 0.0;
}

enum status segments_new(const struct segments_params *params, struct segments **out) {
    if (!params_ok(params)) {
        return ST_INVALID;
    }
    struct segments *s = calloc(1, sizeof *s);
    if (!s) {
        return ST_NOMEM;
    }
    s->params = *params;
    s->room = params->seed_points;
    size_t rows = s->room > SEGMENTS_RECENT ? s->room : SEGMENTS_RECENT;
    s->recent = calloc(rows, params->dims * sizeof *s->recent);
    if (!s->recent) {
        segments_free(s);
        return ST_NOMEM;
    }
    *out = s;
    return ST_OK;
}

void segments_free(struct segments *s) {
    if (s) {
        free(s->recent);
        free(s);
    }
}

bool segments_ready(const struct segments *s) {
    return s->ready;
}

uint32_t segments_k(const struct segments *s) {
    return s->k;
}

uint32_t segments_generation(const struct segments *s) {
    return s->generation;
}

/* ---- nearest --------------------------------------------------------------- */

int segments_nearest(const struct segments *s, const float *x, double *d2) {
    int best = -1;
    double least = HUGE_VAL;
    for (uint32_t k = 0; s->ready && k < s->k; k++) {
        double d = seeds_distance(x, s->clusters[k].centre, s->scale, s->params.dims);
        if (d < least) {
            least = d;
            best = (int)k;
        }
    }
    if (d2 && best >= 0) {
        *d2 = least;
    }
    return best;
}

void segments_label(const struct segments *s, const float *x, int *segment, int *pending) {
    double d_new = 0.0;
    int nearest = segments_nearest(s, x, &d_new);
    if (nearest < 0) {
        return;
    }
    bool has_old = *segment >= 0 && *segment < (int)s->k;
    bool moves = !has_old || *pending == nearest;
    if (has_old && !moves) {
        const double *old = s->clusters[*segment].centre;
        moves = d_new < CLOSER * seeds_distance(x, old, s->scale, s->params.dims);
    }
    bool stays = has_old && nearest == *segment;
    *pending = stays || moves ? -1 : nearest;
    *segment = moves && !stays ? nearest : *segment;
}

/* ---- votes ----------------------------------------------------------------- */

/* Written so that a NaN fails it. */
bool segments_vote_ok(const float *x, uint32_t dims) {
    for (uint32_t d = 0; d < dims; d++) {
        if (!(x[d] >= -VALUE_MAX && x[d] <= VALUE_MAX)) {
            return false;
        }
    }
    return true;
}

/* What a sum says of its segments goes; it is of another generation now. */
static void begin_generation(struct segments_sum *sum, uint32_t generation) {
    memset(sum->x, 0, sizeof sum->x);
    memset(sum->sse, 0, sizeof sum->sse);
    memset(sum->n, 0, sizeof sum->n);
    sum->generation = generation;
}

void segments_vote(const struct segments *s, const float *x, struct segments_sum *sum) {
    uint32_t dims = s->params.dims;
    if (!segments_vote_ok(x, dims)) {
        return;
    }
    if (sum->generation != s->generation) {
        begin_generation(sum, s->generation);
    }
    for (uint32_t d = 0; d < dims; d++) {
        int64_t square = fixed_of((double)x[d] * (double)x[d]);
        sum->all_x[d] += fixed_of((double)x[d]);
        sum->all_xx[d] += square % SEGMENTS_CARRY;
        sum->all_xx_high[d] += square / SEGMENTS_CARRY;
    }
    sum->n_all++;

    double d2 = 0.0;
    int k = segments_nearest(s, x, &d2);
    if (k < 0) {
        return;
    }
    for (uint32_t d = 0; d < dims; d++) {
        sum->x[k][d] += fixed_of((double)x[d]);
    }
    sum->sse[k] += fixed_of(d2 < DISTANCE_MAX ? d2 : DISTANCE_MAX);
    sum->n[k]++;
}

/* sum += sign other, of what belongs to no segment */
static void add_all(struct segments_sum *sum, const struct segments_sum *other, int64_t sign) {
    for (uint32_t d = 0; d < FEATURES_MAX; d++) {
        sum->all_x[d] += sign * other->all_x[d];
        sum->all_xx[d] += sign * other->all_xx[d];
        sum->all_xx_high[d] += sign * other->all_xx_high[d];
    }
    sum->n_all = (uint32_t)(sum->n_all + sign * other->n_all);
}

static void add_clusters(struct segments_sum *sum, const struct segments_sum *other, int64_t sign) {
    for (uint32_t k = 0; k < SEGMENTS_MAX; k++) {
        for (uint32_t d = 0; d < FEATURES_MAX; d++) {
            sum->x[k][d] += sign * other->x[k][d];
        }
        sum->sse[k] += sign * other->sse[k];
        sum->n[k] = (uint32_t)(sum->n[k] + sign * other->n[k]);
    }
}

void segments_sum_add(struct segments_sum *sum, const struct segments_sum *other) {
    add_all(sum, other, 1);
    if (other->generation > sum->generation) {
        begin_generation(sum, other->generation);
    }
    if (other->generation == sum->generation) {
        add_clusters(sum, other, 1);
    }
}

void segments_sum_subtract(struct segments_sum *sum, const struct segments_sum *other) {
    add_all(sum, other, -1);
    if (other->generation == sum->generation) {
        add_clusters(sum, other, -1);
    }
}

/* ---- applying a mini-batch ------------------------------------------------- */

/* 2^-x, x >= 0, by arithmetic alone: libm's exp2() rounds differently on CPUs with and
 * without FMA, and instances must agree in every bit. */
static double half_to(double x) {
    if (!(x < 1000.0)) {
        return 0.0;
    }
    double whole = floor(x + 0.5);
    double y = (whole - x) * 0.69314718055994530942; /* |y| <= .35 */
    double sum = 1.0;
    for (int i = 14; i >= 1; i--) {
        sum = 1.0 + sum * y / i;
    }
    return ldexp(sum, -(int)whole);
}

/* Values equal but for the rounding of fixed point have no spread: that rounding, 2^-21 a
 * value, is far below this floor. */
double segments_scale_of(double mean, double square) {
    double var = square - mean * mean;
    return var > 1e-5 * (1.0 + fabs(mean)) ? 1.0 / sqrt(var) : 0.0;
}

/* What a mean of `most` votes is divided by when n of them are new and w is their weight. */
static double memory(const struct segments *s, double w, double n, double most) {
    if (!isfinite(s->params.half_life) || w < most) {
        return w;
    }
    return n > most ? n : most;
}

static void apply_all(struct segments *s, const struct segments_sum *sum) {
    double n = sum->n_all;
    if (sum->n_all == 0) {
        return;
    }
    s->w = s->w * half_to(n / s->params.half_life) + n;
    const double v = memory(s, s->w, n, SCALE_VOTES);
    for (uint32_t d = 0; d < s->params.dims; d++) {
        double x = fixed_to(sum->all_x[d]);
        double xx =
            fixed_to(sum->all_xx[d]) + fixed_to(sum->all_xx_high[d]) * (double)SEGMENTS_CARRY;
        s->mean[d] += (x - n * s->mean[d]) / v;
        s->square[d] += (xx - n * s->square[d]) / v;
        s->scale[d] = segments_scale_of(s->mean[d], s->square[d]);
    }
}

static void apply_cluster(const struct segments *s, struct cluster *c, double decay,
                          const struct segments_sum *sum, uint32_t k) {
    const double n = sum->n[k];
    c->w = c->w * decay + n;
    const double v = memory(s, c->w, n, CENTRE_VOTES);
    c->sse = c->sse * decay + fixed_to(sum->sse[k]);
    for (uint32_t d = 0; d < s->params.dims; d++) {
        double stray = fixed_to(sum->x[k][d]) - n * c->centre[d]; /* n (mean - c) */
        c->spread[d] *= decay;
        if (sum->n[k] > 0) {
            c->spread[d] += stray * stray / n;
            c->centre[d] += stray / v;
        }
    }
}

/* Once a split has had votes, the larger child takes the parent's id. */
static void settle(struct segments *s, uint32_t k, const struct segments_sum *sum) {
    struct cluster *child = &s->clusters[k];
    if (child->parent == NO_SPLIT) {
        return;
    }
    struct cluster *parent = &s->clusters[child->parent];
    child->settling += sum->n[k] + sum->n[child->parent];
    if (child->settling < SETTLE_VOTES) {
        return;
    }
    child->parent = NO_SPLIT;
    if (child->w > parent->w) {
        struct cluster t = *child;
        *child = *parent;
        *parent = t;
        child->parent = NO_SPLIT;
    }
}

/* ---- re-seeding ------------------------------------------------------------ */

static uint32_t largest_sse(const struct segments *s) {
    uint32_t best = 0;
    for (uint32_t k = 1; k < s->k; k++) {
        best = s->clusters[k].sse > s->clusters[best].sse ? k : best;
    }
    return best;
}

static double largest_w(const struct segments *s) {
    double w = 0.0;
    for (uint32_t k = 0; k < s->k; k++) {
        w = s->clusters[k].w > w ? s->clusters[k].w : w;
    }
    return w;
}

/* The dimension where a cluster is widest, and its share of the scaled variance; 0 if
 * nothing is known. */
static double widest(const struct segments *s, const struct cluster *c, uint32_t *dim) {
    double total = 0.0;
    double most = 0.0;
    for (uint32_t d = 0; d < s->params.dims; d++) {
        double v = c->spread[d] * s->scale[d] * s->scale[d];
        total += v;
        if (v > most) {
            most = v;
            *dim = d;
        }
    }
    return total > 0.0 ? most / total : 0.0;
}

/* Cluster `dead` becomes one half of the cluster with the largest SSE. */
static void reseed(struct segments *s, uint32_t dead) {
    uint32_t from = largest_sse(s);
    struct cluster *parent = &s->clusters[from];
    uint32_t dim = 0;
    double share = widest(s, parent, &dim);
    double var = parent->w > 0.0 ? parent->sse / parent->w * share : 0.0;
    if (from == dead || !(var > 0.0)) {
        return; /* nothing that could be split */
    }
    /* The variance of all votes bounds that of a part of them. The SSE can say more where
     * sigma has just grown. */
    var = var < s->w / parent->w ? var : s->w / parent->w;
    double step = HALF_MEAN * sqrt(var) / s->scale[dim];
    parent->w *= 0.5;
    parent->sse *= 0.5 * (1.0 - HALF_CUT * share);
    parent->spread[dim] *= 1.0 - HALF_CUT;
    for (uint32_t k = 0; k < s->k; k++) {
        if (s->clusters[k].parent == (int)dead) {
            s->clusters[k].parent = NO_SPLIT;
        }
    }
    struct cluster *child = &s->clusters[dead];
    *child = *parent;
    child->parent = (int)from;
    child->settling = 0;
    parent->centre[dim] -= step;
    child->centre[dim] += step;
}

void segments_publish(struct segments *s) {
    for (uint32_t k = 0; k < s->k; k++) {
        struct cluster *c = &s->clusters[k];
        for (uint32_t d = 0; d < s->params.dims; d++) {
            c->centroid[d] = (float)c->centre[d];
        }
    }
}

void segments_apply(struct segments *s, const struct segments_sum *sum) {
    apply_all(s, sum);
    s->since += sum->n_all;
    const bool others = sum->generation != s->generation && sum->n_all > 0;
    if (!s->ready || others) { /* ids of another generation mean others */
        return;
    }
    double n = 0.0;
    for (uint32_t k = 0; k < s->k; k++) {
        n += sum->n[k];
    }
    double decay = half_to(n / s->params.half_life);
    for (uint32_t k = 0; k < s->k; k++) {
        apply_cluster(s, &s->clusters[k], decay, sum, k);
    }
    for (uint32_t k = 0; k < s->k; k++) {
        settle(s, k, sum);
    }
    for (uint32_t k = 0; k < s->k; k++) {
        if (s->clusters[k].w < DYING * largest_w(s)) {
            reseed(s, k);
        }
    }
    segments_publish(s);
}

/* ---- reading --------------------------------------------------------------- */

const float *segments_centroid(const struct segments *s, uint32_t k) {
    return s->clusters[k].centroid;
}

double segments_weight(const struct segments *s, uint32_t k) {
    return s->clusters[k].w;
}

double segments_sse(const struct segments *s, uint32_t k) {
    return s->clusters[k].sse;
}

void segments_z(const struct segments *s, uint32_t k, float *z) {
    for (uint32_t d = 0; d < s->params.dims; d++) {
        z[d] = (float)((s->clusters[k].centre[d] - s->mean[d]) * s->scale[d]);
    }
}

void segments_z_of(const struct segments *s, const float *x, float *z) {
    for (uint32_t d = 0; d < s->params.dims; d++) {
        z[d] = (float)(((double)x[d] - s->mean[d]) * s->scale[d]);
    }
}
