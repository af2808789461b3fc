/* SPDX-License-Identifier: Apache-2.0
 *
 * segments_state.h -- what struct segments holds. Internal to segments*.c; no pointers.
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
    double w; /* of all votes, decayed                                          */
    double mean[FEATURES_MAX];
    double square[FEATURES_MAX];
    double scale[FEATURES_MAX]; /* 1/sigma; 0 where all votes are equal         */
    struct cluster clusters[SEGMENTS_MAX];
};

/** True if x (dims,) may be a vote: no NaN, nothing beyond +-1e5. */
bool segments_vote_ok(const float *x, uint32_t dims);

/** 1/sigma from the mean and the mean square; 0 if all values are equal. */
double segments_scale_of(double mean, double square);

/** Rounds the centres to the centroids that others see. */
void segments_publish(struct segments *s);

#endif
