/* SPDX-License-Identifier: Apache-2.0
 *
 * log_record_state.h -- what writing and reading of log records share. Internal to log_record*.c
 * and task_record.c.
 */
#ifndef LOG_RECORD_STATE_H
#define LOG_RECORD_STATE_H

#include "delta.h"
#include "log_record.h"
#include "pack.h"

/* A pair begins with the step from the `from` before and the place in the history that its sums are
 * of, or that they follow in numbers. */
enum { PLACE_BITS = 4, PLACE_NONE = 15 };
_Static_assert((int)PAIRS_PLACES <= (int)PLACE_NONE, "a place needs no more bits");
_Static_assert((int)PAIRS_WINDOW <= (int)PAIRS_PLACES &&
                   (int)CATEGORIES_WINDOW <= (int)PAIRS_PLACES,
               "every place of a pair has a number");

/** What one event of weight 1 adds at each place of the history; s is 0. */
static inline void places_of_history(struct pair_add ones[PAIRS_PLACES]) {
    for (int r = 0; r < PAIRS_PLACES; r++) {
        ones[r] = pairs_weigh(0, 1, r, INT64_MAX);
    }
}

/** Of log_record_of.c; NULL is none. */
void log_places_free(struct log_places *p);

enum { HAS_SUMS = 1, HAS_NETS = 2 }; /* flags of a delta */

#define LOG_SUM_MAX  (INT64_C(1) << 60) /* of any sum that one record adds */
#define LOG_TIME_MAX (INT64_C(1) << 47) /* of any time, as events have it   */

/** The sums of a mini-batch, without what is 0 at their ends. */
void mini_batch_write(struct pack *p, const struct mini_batch *m);
/** u->failed: damaged. */
void mini_batch_read(struct unpack *u, struct mini_batch *m);

/** A signed sum, |v| <= LOG_SUM_MAX; one that is not negative; a time. */
static inline int64_t unpack_sum(struct unpack *u) {
    const int64_t v = unpack_int(u);
    if (v > LOG_SUM_MAX || v < -LOG_SUM_MAX) {
        unpack_fail(u);
        return 0;
    }
    return v;
}
static inline int64_t unpack_positive(struct unpack *u) {
    return (int64_t)unpack_at_most(u, (uint64_t)LOG_SUM_MAX);
}
static inline int64_t unpack_time(struct unpack *u) {
    const int64_t v = unpack_int(u);
    if (v >= LOG_TIME_MAX || v <= -LOG_TIME_MAX) {
        unpack_fail(u);
        return 0;
    }
    return v;
}

#endif
