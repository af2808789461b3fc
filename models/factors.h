/* SPDX-License-Identifier: Apache-2.0
 *
 * factors.h -- online matrix factorisation: streaming iALS with shared context
 * covariance and unit contexts (iALS-S), d = FACTORS.
 *
 * User side, exact ridge fold-in of the last items over ALL domains (r = 0 the
 * newest of at most FACTORS_HISTORY); this is what crosses between domains:
 *
 *     A = a0 G_V + sum .85^r q q' + 2 I ;  p = A^-1 sum .85^r q ;  p <- p/|p|      a0 = .05
 *
 * Item side, additive statistics; the context p is the user's at event time and
 * does NOT contain the item itself:
 *
 *     n_i += w ;  b_i += w p ;  q_i = ((a0 n_U + n_i) S + 10 I)^-1 b_i
 *     S = decayed mean of p p', each w times, over about 20 k events
 *     n_U = users seen with a context ;  w: what the event weighs, usually 1
 *
 * (a0 G_U of the textbook is replaced by a0 n_U S: same recall within .0006 on
 * coco, grocery and food-kitchen, and no old p is needed.) With S = X L X' the
 * solve for any item is X diag(1/(c L + 10)) X' b: one symmetric eigenproblem a
 * mini-batch instead of a Cholesky an event.
 * G_V = sum q q' over items.
 *
 * Hu, Koren, Volinsky: Collaborative Filtering for Implicit Feedback Datasets,
 * ICDM 2008; Rendle et al.: iALS++ / Revisiting iALS, RecSys 2022.
 *
 * (n_i, b_i), sum p p', weights and user counts are sums: int64 fixed point, |p| = 1
 * bounds every increment. S moves only in factors_apply(), at a log offset.
 *
 * Ownership: owns its memory. Threads: one (BLAS single-threaded: see
 * factors_blas_threads). Replay: same calls, same build, same CPU: same bits.
 */
#ifndef FACTORS_H
#define FACTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

enum {
    FACTORS = 32,
    FACTORS_HISTORY = 24,
    FACTORS_TARGETS = 16,                      /* of factors_parts() at once */
    FACTORS_SYM = FACTORS * (FACTORS + 1) / 2, /* packed lower triangle, row by row */
};

/* What one mini-batch adds to S. Plain value. */
struct factors_sum {
    int64_t pp[FACTORS_SYM]; /* sum w p p', units of 2^-20         */
    int64_t n;               /* sum w of contexts added, the same  */
    uint32_t n_users;        /* users with their first context     */
};

/* What is no sum over items: S, and what it is a mean of. Plain value. */
struct factors_state {
    double s[FACTORS_SYM]; /* as pp above                      */
    double weight;         /* W, 0 before the first mini-batch */
    uint64_t n_users;      /* n_U                              */
};

struct factors; /* opaque */

MUST_CHECK enum status factors_new(uint64_t seed, struct factors **out);
void factors_free(struct factors *f);

/** Makes room for items; the initial q_i is .1 N(0, I) drawn from (seed, hash),
 *  so it does not depend on the order of arrival. `hashes` (n_items,) names the
 *  items; rows that exist keep their values. @return ST_OK, ST_NOMEM */
MUST_CHECK enum status factors_reserve(struct factors *f, uint32_t n_items, const uint64_t *hashes);

/** Grows whenever anything does that a fold-in depends on: of equal ones the same items give the
 *  same vector. */
uint64_t factors_version(const struct factors *f);

/**
 * The user's unit vector from the newest items first.
 * @param items  (n,) indices < reserved, n in 1..FACTORS_HISTORY
 * @param p      out, (FACTORS,), |p| = 1
 * @return true; false (p untouched) when n is 0 or the vector is zero
 */
bool factors_fold_in(const struct factors *f, const uint32_t *items, uint32_t n, float *p);

/* A history, solved: for who asks more of it than the vector. */
struct factors_solved {
    _Alignas(64) float u[FACTORS][FACTORS]; /* A = U'DU; ones on U's diagonal, which, and
                                             * what is below it, is not written        */
    float inverse[FACTORS];                 /* of D                                    */
    float p[FACTORS];                       /* the unit vector; 0 if there is none      */
    bool has_u, has_p;                      /* A could be solved; x is not zero either */
};

/** Asks for the rows that folding in a history (n,) reads: well before it is. */
void factors_fetch(const struct factors *f, const uint32_t *items, uint32_t n);

/** factors_fold_in(), of which more is kept. @return has_p */
bool factors_solve(const struct factors *f, const uint32_t *items, uint32_t n,
                   struct factors_solved *out);

/**
 * What each item of a history adds to the raw p.q of targets (before p is normalised), exactly:
 * out[r][t] = .85^r q_r' A^-1 q_t, so that their sum over r is it.
 * @param solved   the history, by these factors as they are
 * @param items    (n,) newest first, as it was solved; from FACTORS_HISTORY on nobody adds: 0
 * @param targets  (n_targets,) items, at most FACTORS_TARGETS
 * @param out      (n,); 0 behind the last target
 * @return false (out untouched) when A could not be solved
 */
bool factors_parts(const struct factors *f, const struct factors_solved *solved,
                   const uint32_t *items, uint32_t n, const uint32_t *targets, uint32_t n_targets,
                   float (*out)[FACTORS_TARGETS]);

/** Rounds p to units of 2^-20 so that what is added can be added elsewhere. */
void factors_round(const float *p, int32_t out[FACTORS]);

/** One event of item i with context p (rounded): statistics and a new q_i under
 *  the current S (q_i = b_i/10 before the first S). `weight` is what the event weighs, units
 *  of 2^-20, at most EVENT_WEIGHT_MAX; the same below 0 takes it back exactly, in any order
 *  with the adding; an item with n_i = 0 has its initial row. */
void factors_item_add(struct factors *f, uint32_t i, const int32_t p[FACTORS], int64_t weight);

/** Statistics only: b_i += b, n_i += weight (units of 2^-20; below 0 takes out); q_i stays as it is
 *  until it is solved. */
void factors_item_sum(struct factors *f, uint32_t i, const int64_t b[FACTORS], int64_t weight);

/** q_i of its statistics under the current S; the initial row while n_i <= 0. */
void factors_item_solve(struct factors *f, uint32_t i);

/** Adds w p p' to a mini-batch's sum, weight > 0; `first` when it is the user's first context. */
void factors_sum_add(struct factors_sum *sum, const int32_t p[FACTORS], int64_t weight, bool first);

/** A mini-batch's sum arrives at its log offset: W <- W g + n, S <- (S W g + sum)/W
 *  with g = 1 - n/20000 (at least 0); n_U += n_users; X, L renewed (ssyev). */
void factors_apply(struct factors *f, const struct factors_sum *sum);

/** S, W and n_U; and to be them: X and L are renewed, q_i stay as they are until solved. */
void factors_state(const struct factors *f, struct factors_state *out);
void factors_set_state(struct factors *f, const struct factors_state *state);

/**
 * Every q_i anew from its statistics under the current S, as factors_item_solve() has it, and G_V
 * as the sum of q q' in the given order: equal S and statistics in the same order of items give
 * equal bits, whatever their indices are.
 * @param order  (n,) every row once; NULL: all rows by index (n is not looked at)
 */
void factors_solve_all(struct factors *f, const uint32_t *order, uint32_t n);

/** Borrowed, (reserved, FACTORS) row-major and (reserved,) squared norms; valid
 *  until the next reserve. */
const float *factors_q(const struct factors *f);
const float *factors_qq(const struct factors *f);
/** n_i, units of 2^-20; 0 while more was taken back than added. */
int64_t factors_count(const struct factors *f, uint32_t i);

/** Exact statistics for tests and for the model log. */
const int64_t *factors_b(const struct factors *f, uint32_t i);
const float *factors_s(const struct factors *f); /* S, (FACTORS, FACTORS) */

/** OpenBLAS starts threads of its own: this sets their number (main: 1). */
void factors_blas_threads(int n);

size_t factors_bytes(const struct factors *f);

#endif
