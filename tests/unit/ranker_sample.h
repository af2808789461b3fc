/* SPDX-License-Identifier: Apache-2.0
 *
 * ranker_sample.h -- random nets and samples for the tests of models/ranker.h.
 * Included after <cmocka.h>.
 */
#ifndef RANKER_SAMPLE_H
#define RANKER_SAMPLE_H

#include <math.h>
#include <string.h>

#include "normal.h"
#include "ranker_naive.h"

enum { SAMPLE = RANKER_SAMPLE_MAX };

struct sample {
    float x[X][SAMPLE];
    float c[C];
    uint32_t n;
};

static inline struct ranker_rows rows_of(const struct sample *s) {
    return (struct ranker_rows){.x = s->x[0], .stride = SAMPLE, .n = s->n, .c = s->c};
}

/* Columns that nobody may read hold NaN; those up to the next multiple of 16, any number. */
static inline void random_sample(struct rng *rng, uint32_t n, struct sample *s) {
    s->n = n;
    for (size_t k = 0; k < X; k++) {
        for (uint32_t c = 0; c < SAMPLE; c++) {
            s->x[k][c] = c < (n + 15) / 16 * 16 ? (float)rng_normal(rng) : NAN;
        }
    }
    for (size_t k = 0; k < C; k++) {
        s->c[k] = (float)rng_normal(rng);
    }
}

/* Weight k of a net: is it 0 for ever in the twin? */
static inline bool is_masked(size_t k) {
    return k < X ? naive_personal(k)
                 : k < X + (size_t)(X + C) * HIDDEN && naive_personal((k - X) / HIDDEN);
}

/* A task's ranker in the middle of its life, its moments at the start. */
static inline struct ranker random_ranker(struct rng *rng) {
    struct ranker r = {.pace = 1.0F};
    for (size_t k = 0; k < WEIGHTS; k++) {
        r.net[RANKER_FULL].weights[k] = (float)(.2 * rng_normal(rng));
        r.net[RANKER_TWIN].weights[k] = is_masked(k) ? 0.0F : (float)(.3 * rng_normal(rng));
    }
    return r;
}

/* A sample in which no unit of either net stands at its kink: gradients are what they are. */
static inline void clear_sample(struct rng *rng, const struct ranker *r, uint32_t n,
                                struct sample *s) {
    double least = 0.0;
    while (!(least > 1e-4)) {
        random_sample(rng, n, s);
        const struct ranker_rows rows = rows_of(s);
        least = HUGE_VAL;
        for (int kind = 0; kind < RANKER_NETS; kind++) {
            const struct naive_net net = naive_of(&r->net[kind]);
            for (size_t z = 0; z < (size_t)n * HIDDEN; z++) {
                const uint32_t at = (uint32_t)(z / HIDDEN);
                least = fmin(least, fabs(naive_activation(&net, &rows, at, z % HIDDEN)));
            }
        }
    }
}

/* Any finite float, all magnitudes alike. */
static inline float any_finite(struct rng *rng) {
    const float f = ldexpf((float)(2.0 * rng_unit(rng) - 1.0), (int)rng_below(rng, 277) - 148);
    return isfinite(f) ? f : 3e38F;
}

static inline void assert_ranker_finite(const struct ranker *r) {
    for (size_t k = 0; k < 2 * WEIGHTS; k++) {
        assert_true(isfinite(r->net[k / WEIGHTS].weights[k % WEIGHTS]));
        assert_true(isfinite(r->m[k / WEIGHTS].weights[k % WEIGHTS]));
        assert_true(isfinite(r->s[k / WEIGHTS].weights[k % WEIGHTS]));
    }
    for (int d = 0; d < DOMAINS_MAX; d++) {
        assert_true(isfinite(r->gate[d][0]) && isfinite(r->gate[d][1]));
    }
}

/* Expectations; nothing is expected of scores that cannot be told. */
static inline void assert_sums_to_one_or_nothing(const float *e, uint32_t n) {
    double sum = 0.0;
    for (uint32_t c = 0; c < n; c++) {
        assert_true(e[c] >= 0.0F);
        sum += (double)e[c];
    }
    assert_true(sum == 0.0 || fabs(sum - 1.0) < 1e-6);
}

#endif
