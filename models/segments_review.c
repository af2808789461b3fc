/* SPDX-License-Identifier: Apache-2.0
 *
 * segments_review.c -- see segments.h: remembered votes, and what is done with them.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mix.h"
#include "seeds.h"
#include "segments_state.h"

/* What new segments must save: a share of the inertia, and so many standard errors. */
static const struct bar { double share, errors; } AT_ONCE = {0.02, 3.0}, TWICE = {0.01, 2.0};

/* A review only asks whether other segments would do better: each start takes milliseconds. */
enum { REVIEW_STARTS = 2 };

/* In which half a vote is: drawn, as votes may come in a rhythm. */
static uint32_t half_of(uint32_t row) {
    return (uint32_t)(mix64(row) & 1U);
}

void segments_remember(struct segments *s, const float *x) {
    const bool full = !s->ready && s->n_recent == s->room;
    if (full || !segments_vote_ok(x, s->params.dims)) {
        return;
    }
    memcpy(s->recent + (size_t)s->next * s->params.dims, x, s->params.dims * sizeof *x);
    s->n_recent += s->n_recent < s->room ? 1U : 0U;
    s->next = (s->next + 1) % s->room;
}

bool segments_due(const struct segments *s) {
    if (!s->ready) {
        return s->n_recent == s->room;
    }
    return s->since >= SEGMENTS_REVIEW && s->n_recent == s->room;
}

void segments_begin_ring(struct segments *s) {
    const size_t row = s->params.dims;
    const uint32_t keep = s->n_recent < SEGMENTS_RECENT ? s->n_recent : SEGMENTS_RECENT;
    memmove(s->recent, s->recent + (s->n_recent - keep) * row, keep * row * sizeof *s->recent);
    float *smaller = realloc(s->recent, SEGMENTS_RECENT * row * sizeof *s->recent);
    s->recent = smaller ? smaller : s->recent;
    s->room = SEGMENTS_RECENT;
    s->n_recent = keep;
    s->next = keep % SEGMENTS_RECENT;
}

struct saving { /* of all votes */
    double n, sum, square, inertia;
};

static bool above(const struct saving *v, struct bar bar) {
    const double variance =
        v->square - v->sum * v->sum / v->n; /* of the sum, n times that of one */
    const double error = sqrt(variance > 0.0 ? variance : 0.0);
    return v->sum > bar.share * v->inertia && v->sum > bar.errors * error;
}

/* Adds what the centres found in one half of the votes save of the other. */
static void judge(const struct segments *s, const double *centres, uint32_t half,
                  struct saving *v) {
    const uint32_t dims = s->params.dims;
    for (uint32_t i = 0; i < s->n_recent; i++) {
        if (half_of(i) == half) {
            continue;
        }
        const float *x = s->recent + (size_t)i * dims;
        double now = 0.0;
        double then = 0.0;
        (void)segments_nearest(s, x, &now);
        (void)seeds_nearest(x, centres, s->k, dims, s->scale, dims, &then);
        v->n += 1.0;
        v->sum += now - then;
        v->square += (now - then) * (now - then);
        v->inertia += then;
    }
}

/* Finds centres in one half and judges them by the other. */
static enum status review_half(const struct segments *s, uint32_t half, float *fit, double *centres,
                               struct saving *v) {
    const uint32_t dims = s->params.dims;
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n_recent; i++) {
        if (half_of(i) == half) {
            memcpy(fit + (size_t)n * dims, s->recent + (size_t)i * dims, dims * sizeof *fit);
            n++;
        }
    }
    enum status st =
        seeds_find(fit, n, dims, s->scale, s->k, REVIEW_STARTS, segments_draw(s) + half, centres);
    if (!st) {
        judge(s, centres, half, v);
    }
    return st;
}

static enum status review(const struct segments *s, struct saving *v) {
    const uint32_t dims = s->params.dims;
    float *fit = malloc((size_t)s->n_recent * dims * sizeof *fit);
    double *centres = malloc((size_t)s->k * dims * sizeof *centres);
    enum status st = fit && centres ? ST_OK : ST_NOMEM;
    for (uint32_t half = 0; half < 2 && !st; half++) {
        st = review_half(s, half, fit, centres, v);
    }
    free(fit);
    free(centres);
    return st;
}

enum status segments_propose(struct segments *s, bool *wanted, struct segments_seeds *out) {
    if (!segments_due(s)) {
        return ST_INVALID;
    }
    struct saving v = {.n = 0.0};
    enum status st = s->ready ? review(s, &v) : ST_OK;
    const bool doubted = s->ready && above(&v, TWICE);
    const bool seeds = !s->ready || above(&v, AT_ONCE) || (doubted && s->doubted);
    if (!st && seeds) {
        st = segments_find(s, s->recent, s->n_recent, out);
    }
    if (st) {
        return st;
    }
    *wanted = seeds;
    if (!seeds) { /* the review is over */
        s->doubted = doubted;
        s->seeds++;
        s->since = 0;
    }
    return ST_OK;
}

enum status segments_renew(struct segments *s, bool *seeded) {
    struct segments_seeds *seeds = malloc(sizeof *seeds);
    bool wanted = false;
    enum status st = seeds ? segments_propose(s, &wanted, seeds) : ST_NOMEM;
    if (!st && wanted) {
        st = segments_adopt(s, seeds);
    }
    free(seeds);
    *seeded = st ? *seeded : wanted;
    return st;
}
