/* SPDX-License-Identifier: Apache-2.0
 *
 * segments_review.c -- see segments.h: remembered votes, and what is done with them.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "seeds.h"
#include "segments_state.h"

/* What new segments must save: a share of the inertia, and so many standard errors. */
static const struct bar { double share, errors; } AT_ONCE = {0.02, 3.0}, TWICE = {0.01, 2.0};

enum { FIT_EVERY = 2 }; /* one vote in so many finds seeds, the others judge them */

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

struct saving { /* of all votes that judge */
    double sum, error, inertia;
};

static bool above(const struct saving *v, struct bar bar) {
    return v->sum > bar.share * v->inertia && v->sum > bar.errors * v->error;
}

/* What the centres found in some votes save of the others. */
static struct saving saved_by(const struct segments *s, const double *centres) {
    const uint32_t dims = s->params.dims;
    double n = 0.0;
    double square = 0.0;
    struct saving v = {.sum = 0.0};
    for (uint32_t i = 0; i < s->n_recent; i++) {
        if (i % FIT_EVERY == 0) {
            continue;
        }
        const float *x = s->recent + (size_t)i * dims;
        double now = 0.0;
        double then = 0.0;
        (void)segments_nearest(s, x, &now);
        (void)seeds_nearest(x, centres, s->k, dims, s->scale, dims, &then);
        n += 1.0;
        v.sum += now - then;
        square += (now - then) * (now - then);
        v.inertia += then;
    }
    const double variance = square - v.sum * v.sum / n; /* of the sum, n times that of one */
    v.error = sqrt(variance > 0.0 ? variance : 0.0);
    return v;
}

static enum status review(struct segments *s, struct saving *out) {
    const uint32_t dims = s->params.dims;
    const uint32_t n_fit = s->n_recent / FIT_EVERY;
    float *fit = malloc((size_t)n_fit * dims * sizeof *fit);
    double *centres = malloc((size_t)s->k * dims * sizeof *centres);
    enum status st = fit && centres ? ST_OK : ST_NOMEM;
    for (uint32_t i = 0; i < n_fit && !st; i++) {
        memcpy(fit + (size_t)i * dims, s->recent + (size_t)i * FIT_EVERY * dims,
               dims * sizeof *fit);
    }
    st = st ? st : seeds_find(fit, n_fit, dims, s->scale, s->k, segments_draw(s), centres);
    if (!st) {
        *out = saved_by(s, centres);
    }
    free(fit);
    free(centres);
    return st;
}

static enum status seed_by_recent(struct segments *s, bool *seeded) {
    enum status st = segments_seed(s, s->recent, s->n_recent);
    *seeded = st ? *seeded : true;
    return st;
}

enum status segments_renew(struct segments *s, bool *seeded) {
    if (!segments_due(s)) {
        return ST_INVALID;
    }
    if (!s->ready) {
        return seed_by_recent(s, seeded);
    }
    struct saving v;
    enum status st = review(s, &v);
    if (st) {
        return st;
    }
    const bool doubted = above(&v, TWICE);
    if (above(&v, AT_ONCE) || (doubted && s->doubted)) {
        return seed_by_recent(s, seeded);
    }
    s->doubted = doubted;
    s->seeds++;
    s->since = 0;
    *seeded = false;
    return ST_OK;
}
