/* SPDX-License-Identifier: Apache-2.0
 *
 * ranker_naive.h -- the equations of models/ranker.h in double, one row after the other.
 * Included after <cmocka.h>.
 */
#ifndef RANKER_NAIVE_H
#define RANKER_NAIVE_H

#include <math.h>
#include <stdbool.h>

#include "ranker.h"

enum { X = RANKER_X, C = RANKER_C, HIDDEN = RANKER_HIDDEN, WEIGHTS = RANKER_WEIGHTS };

struct naive_net {
    union {
        struct {
            double v[X];
            double w[X + C][HIDDEN];
            double b[HIDDEN];
            double o[HIDDEN];
        };
        double weights[WEIGHTS]; /* in the order of struct ranker_net */
    };
};

/* What says nothing of the user, from MODELS.md: popularity, recency, age, count, observed and
 * expected, repeat rate and deal of the item; domain and events of the list. */
static inline bool naive_personal(size_t input) {
    switch (input) {
    case X_POP_1D:
    case X_POP_7D:
    case X_POP_30D:
    case X_POP_180D:
    case X_RECENT:
    case X_AGE:
    case X_COUNT:
    case X_OBS_EXP:
    case X_REPEATED:
    case X_DEAL:
    case X + C_DOMAIN:
    case X + C_EVENTS: return false;
    default: return true;
    }
}

static inline struct naive_net naive_of(const struct ranker_net *net) {
    struct naive_net d;
    for (size_t k = 0; k < WEIGHTS; k++) {
        d.weights[k] = (double)net->weights[k];
    }
    return d;
}

/* Feature k of row c: 0 from n_x on, whatever stands there. */
static inline double naive_x(const struct ranker_rows *rows, size_t k, uint32_t c) {
    return rows->n_x == 0 || k < rows->n_x ? (double)rows->x[k * rows->stride + c] : 0.0;
}

/* W [x; c] + b of a hidden unit for row `at`. */
static inline double naive_activation(const struct naive_net *net, const struct ranker_rows *rows,
                                      uint32_t at, size_t h) {
    double a = net->b[h];
    for (size_t k = 0; k < X; k++) {
        a += net->w[k][h] * naive_x(rows, k, at);
    }
    for (size_t k = 0; k < C; k++) {
        a += net->w[X + k][h] * (double)rows->c[k];
    }
    return a;
}

static inline double naive_score(const struct naive_net *net, const struct ranker_rows *rows,
                                 uint32_t at) {
    double s = 0.0;
    for (size_t k = 0; k < X; k++) {
        s += net->v[k] * naive_x(rows, k, at);
    }
    for (size_t h = 0; h < HIDDEN; h++) {
        const double a = naive_activation(net, rows, at, h);
        s += net->o[h] * (a > 0.0 ? a : .1 * a);
    }
    return s;
}

/* log p_0, and e (n,) where each of rows 1..n-1 stands for w. */
static inline double naive_softmax(const struct naive_net *net, const struct ranker_rows *rows,
                                   double w, double *e) {
    double max = -HUGE_VAL;
    double z = 0.0;
    for (uint32_t c = 0; c < rows->n; c++) {
        e[c] = naive_score(net, rows, c);
        max = fmax(max, e[c]);
    }
    const double own = e[0] - max;
    for (uint32_t c = 0; c < rows->n; c++) {
        e[c] = (c ? w : 1.0) * exp(e[c] - max);
        z += e[c];
    }
    for (uint32_t c = 0; c < rows->n; c++) {
        e[c] /= z;
    }
    return own - log(z);
}

/* The gradient of log p_0 by the chain rule; returns log p_0. What is 0 for ever has none. */
static inline double naive_gradient(const struct naive_net *net, const struct ranker_rows *rows,
                                    double w, bool twin, struct naive_net *g) {
    double e[RANKER_SAMPLE_MAX];
    const double log_p = naive_softmax(net, rows, w, e);
    *g = (struct naive_net){.weights = {0}};
    for (uint32_t c = 0; c < rows->n; c++) {
        const double d = (c == 0 ? 1.0 : 0.0) - e[c]; /* of the score */
        for (size_t h = 0; h < HIDDEN; h++) {
            const double a = naive_activation(net, rows, c, h);
            const double back = d * net->o[h] * (a > 0.0 ? 1.0 : .1);
            g->o[h] += d * (a > 0.0 ? a : .1 * a);
            g->b[h] += back;
            for (size_t k = 0; k < X + C; k++) {
                g->w[k][h] += back * (k < X ? naive_x(rows, k, c) : (double)rows->c[k - X]);
            }
        }
        for (size_t k = 0; k < X; k++) {
            g->v[k] += d * naive_x(rows, k, c);
        }
    }
    for (size_t k = 0; twin && k < X + C; k++) {
        for (size_t h = 0; naive_personal(k) && h < HIDDEN; h++) {
            g->w[k][h] = 0.0;
        }
        if (k < X && naive_personal(k)) {
            g->v[k] = 0.0;
        }
    }
    return log_p;
}

#endif
