/* SPDX-License-Identifier: Apache-2.0
 *
 * ranker.h -- the online-learned model that orders a user's candidates for one
 * target: a small neural net over candidate and list features, learned by sampled softmax.
 *
 *     score(x, c) = v . x + o . leaky(W [x; c] + b)       x in R^RANKER_X, of the candidate;
 *                                                          c in R^RANKER_C, of the list
 *     leaky(a) = a if a > 0, else .1 a ;  RANKER_HIDDEN hidden units
 *     start: W ~ N(0, 1/inputs), o ~ .1 N(0,1), b = 0, v: see ranker_init()
 *     learn, before the event is added: target (row 0) + n-1 sampled candidates,
 *     each of which stands for w of them:
 *         Z = exp(s_0) + w sum_j exp(s_j) ;  e_0 = exp(s_0)/Z ;  e_j = w exp(s_j)/Z
 *         gradient of log p_0 = (1 - e_0) ds_0 - sum_j e_j ds_j
 *     Adam (Kingma, Ba: ICLR 2015): rate .002 max(1/2, 1/(1 + steps/200000)), .9, .999, eps 1e-5,
 *     one step an event;
 *     what an event weighs multiplies its gradient in the first moment, hence all that it ever
 *     moves the weights by; the second moment measures features, not events
 *
 * The gradient is never truncated to likely candidates: it is sampled, with weights.
 *
 * The guard. A twin, the same net with every personal input masked (ranker_personal()), learns
 * from the same samples. Per (domain, cold | known) the gate sums how much better the full net
 * has told what was taken:
 *     g <- g 2^(-1/1000) + log p_0(full) - log p_0(twin)        (clamped at +-20)
 * and while g < 0 the twin is served: where personalising does not pay, nobody pays for it.
 *
 * Features are feature-major, X[k][c], so that every loop runs over candidates: the bits of a
 * score do not depend on the width of the vectors. Everything is float in a fixed order of
 * operations, products and sums contracted where the CPU can (compilers may differ in last bits:
 * a task's ranker is trained in one place, others get its weights); sums over candidates in 8
 * lanes. A task owns one ranker (it is
 * part of the task record) and shares both nets through the model log; ranker_mean() is applied
 * at the task's own log offset.
 *
 * Plain values: the caller owns them; no allocation. Threads: none assumed.
 */
#ifndef RANKER_H
#define RANKER_H

#include <stdbool.h>
#include <stdint.h>

#include "event.h"
#include "status.h"

/* Features of a candidate; formulas in candidates.h. New ones come last: ranker_pack.h. */
enum ranker_feature {
    X_POP_1D,
    X_POP_7D,
    X_POP_30D,
    X_POP_180D,
    X_RECENT, /* since anyone took it            */
    X_AGE,    /* since it was first seen         */
    X_COUNT,
    X_OBS_EXP,
    X_REPEATED, /* how often buyers had it before; repeat domains only, else 0 */
    X_DEAL,     /* discount at its last sale       */
    X_K1_REL,   /* sqrt(k1 / max k1)               */
    X_K1,
    X_K3,
    X_K4,
    X_KX,
    X_DOT,   /* 3 p.q                           */
    X_COS,   /* 2 p.q / |q|                     */
    X_MPOP,  /* distance from the user's usual popularity */
    X_MAGE,  /* ... and usual age               */
    X_TIMES, /* repeat domains only, else 0     */
    X_SINCE,
    X_INTERVAL,
    X_LIFT,  /* the user's affinity to the item's category */
    X_GAP,   /* ... since he last took of it    */
    X_GOES,  /* category goes with the order under way */
    X_IN,    /* ... is in it already            */
    X_LIKE,  /* its attributes are those of what he took of the category */
    X_PART,  /* of what is taken of its category, this is it             */
    X_AGAIN, /* what he takes of the category he takes again             */
    RANKER_X
};
enum { RANKER_TWIN_X = X_K1_REL }; /* features below are not personal: all that the twin sees */

/* Features of the list, for the hidden layer only; formulas in candidates.h. */
enum ranker_context {
    C_DOMAIN,
    C_EVENTS, /* of the domain                   */
    C_N,
    C_N_DOMAIN,
    C_GAP,
    C_GAP_DOMAIN,
    C_MPOP,
    C_MAGE,
    C_MAX_K1,
    RANKER_C
};
enum { RANKER_TWIN_C = C_N }; /* ... of the list */

enum {
    RANKER_HIDDEN = 16,
    RANKER_INPUTS = (int)RANKER_X + (int)RANKER_C,
    RANKER_WEIGHTS = (int)RANKER_X + (RANKER_INPUTS + 2) * RANKER_HIDDEN, /* of one net */
    RANKER_LIST_MAX = 768,  /* candidates of one list; a multiple of 16        */
    RANKER_SAMPLE_MAX = 80, /* rows of a training sample; a multiple of 16     */
};

enum ranker_kind { RANKER_FULL, RANKER_TWIN, RANKER_NETS };

struct ranker_net {
    union {
        struct {
            float v[RANKER_X];
            float w[RANKER_INPUTS][RANKER_HIDDEN]; /* candidate features, then list features */
            float b[RANKER_HIDDEN];
            float o[RANKER_HIDDEN];
        };
        float weights[RANKER_WEIGHTS]; /* all of them */
    };
};

struct ranker {
    struct ranker_net net[RANKER_NETS];
    struct ranker_net m[RANKER_NETS]; /* Adam: first and second moments                */
    struct ranker_net s[RANKER_NETS];
    double gate[DOMAINS_MAX][2]; /* [domain][known]: lead of the full net, nats           */
    float pace;                  /* times the rate: see ranker_mean()                    */
    uint64_t steps;              /* events learned                                       */
};

/* Rows to rank or to learn from. Borrowed. */
struct ranker_rows {
    const float *x;  /* (RANKER_X, stride) feature-major; 64-byte aligned is fastest       */
    uint32_t stride; /* floats from a feature to the next: a multiple of 16, >= n           */
    uint32_t n;      /* rows; columns from n to the next multiple of 16 may be read: they
                        must hold numbers, what they are does not matter                    */
    const float *c;  /* (RANKER_C,)                                                         */
    uint32_t n_x;    /* features from this one on are 0 in every row, and are not read; 0: all
                        are read                                                            */
};

/** Draws the start of both nets from the seed. v: 2 on X_K1_REL, .3 on X_DOT, .5 on X_POP_1D and
 *  X_POP_7D (the twin: the last two), else 0. Gates are 0. */
void ranker_init(struct ranker *r, uint64_t seed);

/** scores[c] of row c < n. `scores` has room for n rounded up to a multiple of 16. */
void ranker_scores(const struct ranker *r, enum ranker_kind kind, const struct ranker_rows *rows,
                   float *scores);

/** What each feature adds to the score of row `at`, compared with a candidate that has `mean`
 *  (RANKER_X,): out[k] = (x_k - mean_k) ds/dx_k, where the net is linear around the row. */
void ranker_parts(const struct ranker *r, enum ranker_kind kind, const struct ranker_rows *rows,
                  uint32_t at, const float mean[RANKER_X], float out[RANKER_X]);
/** The same of rows `at` (n,), bit for bit, in less time than one by one. */
void ranker_parts_of(const struct ranker *r, enum ranker_kind kind, const struct ranker_rows *rows,
                     const uint32_t *at, uint32_t n, const float mean[RANKER_X],
                     float (*out)[RANKER_X]);

/**
 * One learning step of both nets on a sample whose row 0 is the target, and of the gate.
 *
 * @param rows    n rows, 2..RANKER_SAMPLE_MAX
 * @param w       candidates that each of rows 1..n-1 stands for, > 0
 * @param weight  what the event weighs, > 0; 1 is an event's own
 * @param domain  < DOMAINS_MAX, and whether the user is known there: which gate
 * @param e       out, (n,): e_0, e_1, ... of the full net (the expectation for exp_j)
 * @return log p_0 of the full net before the step; weights stay finite for any finite input
 *         (a step whose result is not finite is not made)
 */
float ranker_learn(struct ranker *r, const struct ranker_rows *rows, float w, float weight,
                   uint8_t domain, bool known, float *e);

/** Only the expectations of a sample without target: e_j = w exp(s_j) / (w sum exp(s)) of the
 *  full net. Learns nothing. */
void ranker_expect(const struct ranker *r, const struct ranker_rows *rows, float *e);

/** Which net is served. */
enum ranker_kind ranker_served(const struct ranker *r, uint8_t domain, bool known);

/**
 * The step of averaging: r's nets become the mean of all tasks' latest published ones, weighted
 * by the events each trained since its previous ones. Scalar, in the order given; moments, gates
 * and steps stay. If all counts are 0 nothing changes.
 * The mean of N nets that each saw 1/N of the events moves N times slower than one net would, and
 * is N times less noisy: from then on r steps `pace` times wider, the effective number of nets
 * (sum events)^2 / sum events^2, at most 4.
 *
 * @param nets    (n,) pointers to (RANKER_NETS,) nets
 * @param events  (n,) events
 */
void ranker_mean(struct ranker *r, const struct ranker_net *const *nets, const uint32_t *events,
                 uint32_t n);

/** What ranker_mean() would set: the mean and the pace. @return false, nothing written, if all
 * counts are 0 */
bool ranker_mean_of(const struct ranker_net *const *nets, const uint32_t *events, uint32_t n,
                    struct ranker_net mean[RANKER_NETS], float *pace);

/** The same step for nets that have learned since they were published: they move by mean -
 *  published, so that what they learned meanwhile stays; those that have not become the mean, bit
 *  for bit. Moments, gates and steps stay. If a weight were not finite then, nothing changes. */
void ranker_move(struct ranker *r, const struct ranker_net mean[RANKER_NETS],
                 const struct ranker_net published[RANKER_NETS], float pace);

#endif
