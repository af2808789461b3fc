/* SPDX-License-Identifier: Apache-2.0
 *
 * segments.h -- segments of users: online mini-batch k-means with decay.
 *
 *     distance^2(x, c) = sum_d ((x_d - c_d) / sigma_d)^2       sigma: decayed sd of all votes
 *     at a log offset, for a mini-batch with n_k votes and sum_k per cluster:
 *         w_k <- w_k 2^(-n/h) + n_k ;  c_k <- c_k + (sum_k - n_k c_k)/v_k     n = sum n_k
 *         v_k = max(n_k, min(w_k, 512)), and w_k where h has no end
 *     sse_k decays alike; mean and variance of all votes like a centre, with 4096 for 512
 *     a cluster with w_k < .01 max w is re-seeded by splitting the one with the
 *     largest SSE along its widest dimension (the larger child keeps the id: once
 *     the two had 64 votes, they swap ids if the new one is heavier)
 *
 * v_k: a centre needs no more than 512 votes, which cost .1 % of inertia; the weight's own
 * memory, h/ln 2 votes of all segments together, lags behind centres that drift.
 *
 * Sculley: Web-Scale K-Means Clustering, WWW 2010; seeds by greedy k-means++
 * (Arthur, Vassilvitskii, SODA 2007; Grunau et al., SODA 2023) and a few Lloyd steps,
 * the best of several starts (seeds.h), on the first `seed_points` votes. k = 0: as many segments
 * as segments_auto.h finds in them. Centroids live in raw feature space; sigma only scales the
 * distance (a feature all votes agree on does not count). A mini-batch has one vote a user. Sums
 * are int64 fixed point, 2^-20: additive and exact.
 *
 * No overflow in 2^20 votes a mini-batch, |value| <= 1e5 < 2^16.7: sum of x < 2^56.7;
 * a square < 2^53.3 units, carried over at 2^32: low sum < 2^52, high sum < 2^41.3;
 * a vote adds at most 1e6 (a thousand sigma, squared) to an SSE: < 2^60.
 *
 * Centroids move in segments_apply() only, at a log offset, in scalar code with a
 * fixed order, without libm functions that round by CPU: the same log gives the same
 * bits.
 *
 * Review: mini-batches only follow what is there; which segments exist may be a choice of the
 * past. After every SEGMENTS_REVIEW votes seeds are found in either half of the newest
 * SEGMENTS_RECENT votes and compared with the centroids on the other: d = what they save of a
 * vote's squared distance. Segments are seeded again from all of these votes where mean(d) is
 * more than 2 % of the seeds' inertia and 3 standard errors, or in two reviews in a row more
 * than 1 % and 2 of them.
 *
 * Ids outlive that: overlap_ij = votes nearest to old centroid i and to new one j; the old ids
 * go to the new segments so that the sum of the overlaps is largest (matching.h; among equals,
 * the sum of squared distances least).
 *
 * Stable labels: a user changes segment only if d_new^2 < .9 d_old^2, or if the same
 * new one was nearest twice in a row. Few users change where x is a user's typical vector
 * (user_features.h), asked once a day.
 *
 * Ownership: owns its memory. Threads: one.
 */
#ifndef SEGMENTS_H
#define SEGMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pack.h"
#include "status.h"
#include "user_features.h"

enum {
    SEGMENTS_MAX = 16,
    SEGMENTS_AUTO_MIN = 6, /* what k = 0 chooses from                            */
    SEGMENTS_AUTO_MAX = 12,
    SEGMENTS_RECENT = 4096, /* votes remembered for a review                     */
    SEGMENTS_REVIEW = 4096, /* votes from one to the next                        */
};
#define SEGMENTS_CARRY (INT64_C(1) << 32)

struct segments_params {
    uint32_t k;           /* clusters, 2..SEGMENTS_MAX; 0: chosen at seeding   */
    uint32_t dims;        /* 1..FEATURES_MAX                                   */
    uint32_t seed_points; /* votes that seeding waits for, >= 4 k; of k = 0: 4 SEGMENTS_AUTO_MAX */
    double half_life;     /* of weights, in votes, > 0; HUGE_VAL: no decay     */
    uint64_t seed;
};

/* What one mini-batch adds. Plain value. */
struct segments_sum {
    int64_t x[SEGMENTS_MAX][FEATURES_MAX]; /* sum of votes per cluster, 2^-20  */
    int64_t sse[SEGMENTS_MAX];             /* scaled squared distances, 2^-20  */
    int64_t all_x[FEATURES_MAX];           /* of all votes, also before seeding */
    int64_t all_xx[FEATURES_MAX];          /* their squares, modulo SEGMENTS_CARRY */
    int64_t all_xx_high[FEATURES_MAX];     /* what was carried; 0 below |x| = 64 */
    uint32_t n[SEGMENTS_MAX];
    uint32_t n_all;
    uint32_t generation; /* of the segments that x, sse and n are of: segments_vote() sets it */
};

/* New segments: all that whoever adopts them must know. Ids are matched already. Plain value; what
 * lies beyond k and dims is 0. */
struct segments_seeds {
    uint32_t generation; /* 1 for the first ones                      */
    uint32_t k;          /* 2..SEGMENTS_MAX                           */
    /* of the votes they were found in: for whoever has applied no vote before */
    double w, mean[FEATURES_MAX], square[FEATURES_MAX];
    struct segments_seed {
        double w, sse, centre[FEATURES_MAX], spread[FEATURES_MAX];
    } clusters[SEGMENTS_MAX];
};

struct segments; /* opaque */

/** @return ST_OK, ST_INVALID (a parameter), ST_NOMEM */
MUST_CHECK enum status segments_new(const struct segments_params *params, struct segments **out);
void segments_free(struct segments *s);

/** True once seeds were applied: from then on there are segments 0..k-1. */
bool segments_ready(const struct segments *s);

/** Number of segments: 0 before seeding, then what the parameter says, or what was chosen. */
uint32_t segments_k(const struct segments *s);

/** The nearest segment of x (dims,), ties to the smaller id; -1 before seeding or if x
 *  has a NaN. d2 (may be NULL) receives the scaled squared distance, unless -1. */
int segments_nearest(const struct segments *s, const float *x, double *d2);

/** The segment the user has after seeing x, by the stable-label rule; updates
 *  *segment and *pending (both -1 at first). Where segments_nearest() says -1 they
 *  stay as they are. */
void segments_label(const struct segments *s, const float *x, int *segment, int *pending);

/** How often segments were seeded: 0 before, then 1, 2, ... */
uint32_t segments_generation(const struct segments *s);

/** A vote: adds x to a mini-batch's sum under the current centroids. A value
 *  beyond +-1e5 or NaN refuses the vote (nothing added). What the sum says of segments of an
 *  earlier generation is dropped first: only all_x, all_xx and n_all stay. */
void segments_vote(const struct segments *s, const float *x, struct segments_sum *sum);

/** sum <- sum + other; of segments of different generations only the later ones are kept. */
void segments_sum_add(struct segments_sum *sum, const struct segments_sum *other);

/** Takes back a vote's contribution: sum <- sum - other, exactly; where their generations differ,
 *  of all_x, all_xx and n_all alone. */
void segments_sum_subtract(struct segments_sum *sum, const struct segments_sum *other);

/** A mini-batch arrives at its log offset: scale, centroids, re-seeding. A sum of another
 *  generation of segments adds to the scale only (all_x, all_xx, n_all). */
void segments_apply(struct segments *s, const struct segments_sum *sum);

/** Control record: seeds. Chooses k if that is due, runs seeds_find() on points (n, dims)
 *  row-major and makes the result the centroids with weight n_k each; ids of an earlier
 *  generation are kept by overlap. Sigma is that of the votes applied so far, of the points if
 *  there were none. @return ST_OK, ST_INVALID (n < k, of k = 0: n < 4 SEGMENTS_AUTO_MAX; or a
 *  value that a vote may not have), ST_NOMEM; on failure nothing changed */
MUST_CHECK enum status segments_seed(struct segments *s, const float *points, uint32_t n);

/* ---- whoever writes the control records: task 0 ---------------------------------------- */

/** Keeps a copy of a vote: the first seed_points until seeded, then the newest
 *  SEGMENTS_RECENT. No part of what the log says; refuses what segments_vote() refuses. */
void segments_remember(struct segments *s, const float *x);

/** True when segments_renew() is due: seed_points votes are there and segments are not, or
 *  SEGMENTS_REVIEW votes were applied since the last seeding or review and SEGMENTS_RECENT are
 *  remembered. */
bool segments_due(const struct segments *s);

/** Seeds by the remembered votes, or reviews the segments; *seeded: were they (again)?
 *  @return ST_OK, ST_INVALID (not due), ST_NOMEM (nothing changed: still due) */
MUST_CHECK enum status segments_renew(struct segments *s, bool *seeded);

/** What segments_renew() would do, without doing it: *wanted: there are to be other segments, those
 *  of `out`. A review that finds nothing to change (*wanted = false, `out` untouched) is over and
 *  remembered; one that does is due until something is adopted.
 *  @return ST_OK, ST_INVALID (not due), ST_NOMEM (nothing changed: still due) */
MUST_CHECK enum status segments_propose(struct segments *s, bool *wanted,
                                        struct segments_seeds *out);

/** Control record: segments are these from now on; segments_renew() is segments_propose() and, if
 *  wanted, this. If they are not of the next generation nothing happens: somebody's were adopted
 *  before. @return ST_OK, ST_INVALID (values that no seeds have: nothing changed) */
MUST_CHECK enum status segments_adopt(struct segments *s, const struct segments_seeds *seeds);

/* ---- to bytes and back ------------------------------------------------------------------ */

/** Appends all that the log says of segments (not the remembered votes). */
void segments_write(const struct segments *s, struct pack *p);

/** Makes `s` what was written, up to the end of `u`; features that were not there then have no
 * spread and count for nothing until votes bring some. @return ST_OK; on failure, nothing changed:
 * ST_INVALID (damaged), ST_RANGE (more features than now), ST_NOMEM */
MUST_CHECK enum status segments_read(struct segments *s, struct unpack *u);

/* ---- reading ---------------------------------------------------------------------------- */

/** Centroid of segment k (dims,), borrowed; its decayed weight and SSE. */
const float *segments_centroid(const struct segments *s, uint32_t k);
double segments_weight(const struct segments *s, uint32_t k);
double segments_sse(const struct segments *s, uint32_t k);

/** z-scores of the centroid of segment k, (dims,): (c_d - mean_d)/sigma_d over all votes; 0
 *  where all votes are equal. */
void segments_z(const struct segments *s, uint32_t k, float *z);
/** The same of any point x (dims,). */
void segments_z_of(const struct segments *s, const float *x, float *z);

#endif
