/* SPDX-License-Identifier: Apache-2.0
 *
 * world_items.h -- the items of one domain of the synthetic world, and how much
 * each is wanted at a time. The formulas are in world.h; this is a part of it.
 *
 * An exact softmax without a cosine and a power for each item: with `day` the
 * start of the day and t in days since then,
 *
 *     a_i = base_i + 2^(-t/4) fresh_i + cos(2 pi t) even_i + sin(2 pi t) odd_i
 *
 * where base_i = b_i + D_i and fresh_i change once a day. Columns are
 * feature-major, so that every loop runs along them.
 *
 * Times are ms since day 0. Ownership: owns its memory. Threads: one.
 */
#ifndef WORLD_ITEMS_H
#define WORLD_ITEMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"
#include "world.h"
#include "world_names.h"

enum { WORLD_COURSE = 0, WORLD_FOOD = 1 };

#define WORLD_DAY_MS  INT64_C(86400000)
#define WORLD_HOUR_MS 3600000.0

struct world_item {
    double taste[WORLD_TASTES]; /* y_i, |y_i| = 1 */
    double bias;                /* b_i */
    double theta;               /* hours */
    int64_t birth;
    float price;
    uint8_t category; /* 0..WORLD_CATEGORIES-1 */
    char id[16];
    char name[WORLD_NAME_MAX];
};

struct world_items {
    uint32_t n;
    uint8_t domain;
    struct world_item *items; /* (n,) */
    float *drift;             /* (days, n) */
    uint32_t *by_birth;       /* (n,) rows in order of birth */
    int64_t *births;          /* (n,) times in that order */

    int64_t day;                      /* of the columns; -1 before the first */
    uint32_t n_born;                  /* of by_birth; the base of the others is -inf */
    float *base, *fresh, *even, *odd; /* (n,) */
    float *taste;                     /* (WORLD_TASTES, n) */
};

/** Makes n items for [0, end]. `s` is zeroed; after a failure free it all the same.
 *  @return ST_OK or ST_NOMEM */
MUST_CHECK enum status world_items_init(struct world_items *s, uint8_t domain, uint32_t n,
                                        int64_t end, uint64_t seed);

/** Frees what `s` owns, which may be half-built, not `s`. */
void world_items_clear(struct world_items *s);

/** The number of items born by `at`. */
uint32_t world_items_born(const struct world_items *s, int64_t at);

/** a_i(at), from the formula, in double. */
double world_items_attraction(const struct world_items *s, uint32_t item, int64_t at);

/**
 * weight[i] = exp(a_i(at) + 2 z . y_i), 0 if not born. Moves the columns to `at`.
 *
 * @param at      in [0, end], and not before that of the last call
 * @param z       (WORLD_TASTES,)
 * @param weight  out, (n,)
 */
void world_items_weigh(struct world_items *s, int64_t at, const double *z, float *weight);

#endif
