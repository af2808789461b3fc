/* SPDX-License-Identifier: Apache-2.0
 *
 * ranker.h -- the online-learned model that orders a user's candidates for one
 * target: a multinomial logit over candidate features, learned by sampled softmax.
 *
 *     score(x) = v . x                                          x in R^RANKER_X
 *     learn, before the event is added: target (row 0) + n-1 sampled candidates,
 *     each of which stands for w of them:
 *         Z = exp(s_0) + w sum_j exp(s_j) ;  e_0 = exp(s_0)/Z ;  e_j = w exp(s_j)/Z
 *         gradient of log p_0 = (1 - e_0) x_0 - sum_j e_j x_j
 *     Adam (Kingma, Ba: ICLR 2015): rate .002, .9, .999, eps 1e-5, one step an event;
 *     what an event weighs multiplies its gradient in the first moment, hence all that it ever
 *     moves the weights by; the second moment measures features, not events
 *
 * The gradient is never truncated to likely candidates: it is sampled, with weights.
 * Features are feature-major, X[k][c], so that every loop runs over candidates.
 * A task owns one ranker (it is part of the task record) and shares its weights
 * through the model log; ranker_mean() is applied at the task's own log offset.
 *
 * Plain values: the caller owns them; no allocation. Threads: none assumed.
 */
#ifndef RANKER_H
#define RANKER_H

#include <stdint.h>

#include "status.h"

/* Features of a candidate; formulas in candidates.h. */
enum ranker_feature {
    X_POP_1D,
    X_POP_7D,
    X_POP_30D,
    X_POP_180D,
    X_RECENT, /* since anyone took it            */
    X_AGE,    /* since it was first seen         */
    X_COUNT,
    X_K1_REL, /* sqrt(k1 / max k1)               */
    X_K1,
    X_K3,
    X_K4,
    X_KX,
    X_DOT,  /* 3 p.q                           */
    X_COS,  /* 2 p.q / |q|                     */
    X_MPOP, /* distance from the user's usual popularity */
    X_MAGE, /* ... and usual age               */
    X_OBS_EXP,
    X_TIMES, /* repeat domains only, else 0     */
    X_SINCE,
    X_INTERVAL,
    RANKER_X
};

enum {
    RANKER_LIST_MAX = 768,  /* candidates of one list; a multiple of 16        */
    RANKER_SAMPLE_MAX = 80, /* rows of a training sample; a multiple of 16     */
};

struct ranker {
    float v[RANKER_X]; /* weights                                              */
    float m[RANKER_X]; /* Adam: first and second moments                       */
    float s[RANKER_X];
    uint64_t steps; /* events learned                                       */
};

/** Initial weights: 2 on X_K1_REL, .3 on X_DOT, .5 on X_POP_1D and X_POP_7D, else 0. */
void ranker_init(struct ranker *r);

/** scores[c] = v . X[.][c] for c < n. `stride` floats from a feature to the next,
 *  >= n rounded up to 16; columns up to that multiple may be read and written. */
void ranker_scores(const struct ranker *r, const float *x, uint32_t stride, uint32_t n,
                   float *scores);

/** The score of candidate c in scalar code with a fixed order of additions, for
 *  what is published: comparable between builds and instances. */
float ranker_score_one(const struct ranker *r, const float *x, uint32_t stride, uint32_t c);

/** Contribution of each feature to candidate c's score: out[k] = v[k] x[k][c]. */
void ranker_parts(const struct ranker *r, const float *x, uint32_t stride, uint32_t c,
                  float out[RANKER_X]);

/**
 * One learning step on a sample whose row 0 is the target.
 *
 * @param x             sample features, feature-major, `stride` floats a feature
 * @param n             rows, 2..RANKER_SAMPLE_MAX
 * @param w             candidates that each of rows 1..n-1 stands for, > 0
 * @param weight        what the event weighs, > 0; 1 is an event's own
 * @param e             out, (n,): e_0, e_1, ... as above (the expectation for exp_j)
 * @return log p_0 before the step; weights stay finite for any finite input
 *         (a non-finite gradient changes nothing)
 */
float ranker_learn(struct ranker *r, const float *x, uint32_t stride, uint32_t n, float w,
                   double weight, float *e);

/** Only the expectations of a sample without target: e_j = exp(s_j)/sum exp(s),
 *  scaled by w as above. Learns nothing. */
void ranker_expect(const struct ranker *r, const float *x, uint32_t stride, uint32_t n, float w,
                   float *e);

/**
 * The step of averaging: r->v becomes the mean of all tasks' latest published
 * weights, weighted by the events each trained since its previous ones. Scalar,
 * in the order given; moments and steps stay. If all counts are 0 nothing changes.
 *
 * @param v       (n,) pointers to (RANKER_X,) weights
 * @param events  (n,) events
 */
void ranker_mean(struct ranker *r, const float *const *v, const uint32_t *events, uint32_t n);

#endif
