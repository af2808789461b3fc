/* SPDX-License-Identifier: Apache-2.0
 *
 * segments_state.h -- what struct segments holds. Internal to segments*.c.
 *
 * What the log says is all but `recent`, `seeds`, `doubted` and `since`: those are the memory of
 * whoever writes the seeds.
 */
#ifndef SEGMENTS_STATE_H
#define SEGMENTS_STATE_H

#include "segments.h"

enum { NO_SPLIT = -1 };

struct cluster {
    double w, sse;
    double centre[FEATURES_MAX];
    double spread[FEATURES_MAX];
    float centroid[FEATURES_MAX]; /* centre, rounded: what others see           */
    int parent;                   /* split off this one and not settled, or NO_SPLIT */
    uint32_t settling;            /* votes that both had since                  */
};

struct segments {
    struct segments_params params;
    bool ready;
    uint32_t k;          /* segments; 0 before seeding                               */
    uint32_t generation; /* seedings so far                                     */
    uint32_t seeds;      /* seedings and reviews so far: no two draw alike           */
    bool doubted;        /* the last review would rather have had others             */
    uint64_t since;      /* votes applied since the last one                         */
    double w;            /* of all votes, decayed                                          */
    double mean[FEATURES_MAX];
    double square[FEATURES_MAX];
    double scale[FEATURES_MAX]; /* 1/sigma; 0 where all votes are equal         */
    struct cluster clusters[SEGMENTS_MAX];
    float *recent;     /* (room, dims): votes remembered                        */
    uint32_t room;     /* seed_points before seeding, then SEGMENTS_RECENT; allocated: the larger */
    uint32_t n_recent; /* rows filled                                           */
    uint32_t next;     /* row that the next vote takes                          */
};

/** True if x (dims,) may be a vote: no NaN, nothing beyond +-1e5. */
bool segments_vote_ok(const float *x, uint32_t dims);

/** 1/sigma from the mean and the mean square; 0 if all values are equal. */
double segments_scale_of(double mean, double square);

/** Distance of two centres. */
double segments_between(const struct segments *s, const double *a, const double *b);

/** The seed of the next draw. */
uint64_t segments_draw(const struct segments *s);

/** The seeds that points (n, dims) give to `s`, which stays as it is: what segments_seed() adopts.
 *  @return as segments_seed() */
MUST_CHECK enum status segments_find(const struct segments *s, const float *points, uint32_t n,
                                     struct segments_seeds *out);

/** True if seeds can be: k, and every number finite and not below what it may be. */
bool segments_seeds_ok(const struct segments_seeds *seeds, uint32_t dims);

/** The segments are these; nothing else changes. */
void segments_set(struct segments *s, const struct segments_seeds *seeds);

/** The mean of all votes, of their squares, and with that the scale. */
void segments_scale_by(struct segments *s, double w, const double *mean, const double *square);

/** Segments are ready: from now on the newest SEGMENTS_RECENT votes are remembered. */
void segments_begin_ring(struct segments *s);

/** Rounds the centres to the centroids that others see. */
void segments_publish(struct segments *s);

#endif
