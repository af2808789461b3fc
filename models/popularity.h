/* SPDX-License-Identifier: Apache-2.0
 *
 * popularity.h -- how often each item is taken, under forward decay.
 *
 *     c_i(h) = sum over events (u, i, t) of w 2^((t - L_h) / h),  h in {1, 7, 30, 180} days
 *     n_i    = sum over events of w ;  w: what the event weighs, usually 1
 *     l_h(i) = max(-16, lg c_i(h) - lg sum_{j in domain(i)} c_j(h))      a log share
 *
 * Forward decay (Cormode, Shkapenyuk, Srivastava, Xu: Forward Decay, ICDE 2009):
 * counts are stored relative to a landmark L_h, so an event changes the order of
 * the touched item only, and the exact top list of a domain needs no sweep: it
 * compares the touched item with the list's minimum. The landmark moves every
 * POP_MOVE half-lives, by a control record of the model log; a move is a shift
 * of every count by a whole number of half-lives, rounded to its unit.
 *
 * Counts are int64 fixed point: exact under addition in any order and under subtraction (undo).
 * The unit of a clock is 2^-popularity_bits: as fine as leaves room for 2^17 events a second, whose
 * sum over a half-life / ln 2 is below 2^61.5 on every clock.
 *
 *     half-life           1 day     7 days    30 days   180 days
 *     unit                2^-27     2^-24     2^-22     2^-20
 *     weights agree for   11 days   8 weeks   6 months  2 years      before the landmark
 *
 * What an event weighs has 16 bits below its leading one (.001 %): to somebody who counts it at a
 * later landmark it weighs the same to the bit while it is not so late for that as to lose one of
 * them. So two who meet a move at different events (instances that read their parts of an input at
 * paces of their own) differ by the rounding of sums only, half a unit a move each; and by half a
 * unit an event that is later: 2^-28 on the clock of a day, where weeks may lie between two who
 * begin with an input that was there before them.
 *
 * Everything a candidate needs is in one 64-byte struct pop_hot, derived from the counts when they
 * change.
 *
 * obs and exp answer "is this item taken more often than the ranker expects":
 * forward-decayed by events of the model, half-life 20,000 events, same rule.
 *
 * Ownership: owns its memory. Threads: one. Replay: a function of the calls.
 */
#ifndef POPULARITY_H
#define POPULARITY_H

#include <stdint.h>

#include "event.h"
#include "status.h"

enum {
    POP_CLOCKS = 4,      /* 1, 7, 30, 180 days                                     */
    POP_LISTS = 3,       /* top lists are kept for the first three clocks          */
    POP_TOP = 60,        /* items in a top list                                    */
    POP_RECENT = 50,     /* most recently taken items of a domain                  */
    POP_MOVE = 8,        /* half-lives after which a landmark is due to move       */
    POP_LIMIT = 16,      /* half-lives ahead of its landmark that can be expressed, at most */
    POP_MARKS = 1 << 16, /* of a search                                         */
};
#define POP_OBS_EVENTS 20000.0 /* half-life of obs and exp, events of the model */

extern const int64_t popularity_half_life_ms[POP_CLOCKS];

/** Counts and weights of a clock are in units of 2^-bits, 20 or more. */
extern const int popularity_bits[POP_CLOCKS];

/* What a candidate needs, one cache line. Read-only outside popularity.c. */
struct pop_hot {
    float lg[POP_CLOCKS];      /* lg c_i(h), -1e9 where c is 0                    */
    float cnt;                 /* .25 lg(1 + n_i) - 1                             */
    float inv4;                /* (n_i + 5)^-.4                                   */
    float inv6;                /* (n_i + 5)^-.6                                   */
    float inv2;                /* 1 / (n_i + 2)                                   */
    float obs, exp;            /* in events, at the obs landmark                  */
    uint32_t count;            /* events with this item                           */
    uint32_t listed;           /* bit k: in top list k of its domain (see untake) */
    int64_t first_ms, last_ms; /* min and max event time; 0, 0 if count is 0 */
};

/* Several takes of one item, added up. A sum of no takes may still carry weights (what rounding
 * left of some): then its times mean nothing. */
struct popularity_sum {
    int64_t w[POP_CLOCKS];     /* sums of popularity_take()'s w, at the present landmarks, units
                                  of 2^-popularity_bits                                 */
    int64_t weight;            /* sum of what they weigh, units of 2^-20                  */
    int64_t first_ms, last_ms; /* least and largest event time                            */
    uint32_t count;            /* takes                                                   */
};

/* What a search touches of every neighbour that it meets: side by side, in one line. */
struct pop_met {
    float inv4;    /* (n_i + 5)^-.4, as in hot                                   */
    uint32_t mark; /* of a search (popularity_search()); neither counted nor saved */
};

struct popularity; /* opaque */

/** Creates it for n_domains domains with every time landmark at `landmark_ms`
 *  and the obs landmark at event 0.
 *  @return ST_OK, ST_INVALID (n_domains), ST_NOMEM */
MUST_CHECK enum status popularity_new(uint32_t n_domains, int64_t landmark_ms,
                                      struct popularity **out);
void popularity_free(struct popularity *p);

/** Makes room for items 0..n_items-1; never shrinks. Of equal ones the item with the smaller upper
 *  half of its hash, hashes (n_items,), is ahead, whatever the indices are; the smaller index if
 * that is equal too, or hashes NULL.
 *  @return ST_OK, ST_NOMEM */
MUST_CHECK enum status popularity_reserve(struct popularity *p, uint32_t n_items,
                                          const uint64_t *hashes);

/** True when a time ts_ms is POP_MOVE half-lives or more after the landmark of
 *  `clock`: a control record is due. One half-life is enough once a domain's sum
 *  has reached 2^62 units, so that no rate of events below about 2^17 a second
 *  (2^10 where each weighs EVENT_WEIGHT_MAX) overflows it. */
int popularity_due(const struct popularity *p, int clock, int64_t ts_ms);

/** The landmark of a clock, and the one that popularity_move() should be given
 *  at time ts_ms: the landmark plus a whole number of half-lives, <= ts_ms. */
int64_t popularity_landmark(const struct popularity *p, int clock);
int64_t popularity_next_landmark(const struct popularity *p, int clock, int64_t ts_ms);

/**
 * The fixed-point weights of an event at ts_ms under the current landmarks.
 * Late events weigh less, down to 0. ST_RANGE, with `w` untouched, when ts_ms is
 * too far ahead of a landmark: move it first. That is POP_LIMIT half-lives, but no weight is
 * above 2^39 units: 12 of 1 day, 15 of 7 days.
 */
MUST_CHECK enum status popularity_weigh(const struct popularity *p, int64_t ts_ms,
                                        int64_t w[POP_CLOCKS]);

/** What they are of an event that weighs `weight` > 0, units of 2^-20 (EVENT_WEIGHT_MAX at most):
 *  times it, rounded to nearest. */
void popularity_weigh_times(int64_t w[POP_CLOCKS], int64_t weight);

/**
 * Counts one event with item i of `domain`: adds `w`, counts, moves first and
 * last seen (min and max), enters the recent list, keeps the top lists exact.
 * i must be reserved; an item has one domain for ever.
 *
 * @param w       popularity_weigh() times what the event weighs (popularity_weigh_times())
 * @param weight  what it weighs, > 0, units of 2^-20: added to n_i
 */
void popularity_take(struct popularity *p, uint32_t i, uint8_t domain, int64_t ts_ms,
                     const int64_t w[POP_CLOCKS], int64_t weight);

/** Takes back what popularity_take() added, exactly: counts and sums. First, last
 *  and the recent list stay, but an item whose count is 0 again has no times (0, 0).
 *  `w` is what the event weighs under the present landmarks; if one has moved since
 *  it was taken, rounding leaves about a unit a move, of either sign.
 *  After this or a move, popularity_top() is exact at once, `listed` once that list
 *  has been read. */
void popularity_untake(struct popularity *p, uint32_t i, uint8_t domain,
                       const int64_t w[POP_CLOCKS], int64_t weight);

/** As so many takes of item i, but the recent list is left alone (popularity_remind()). */
void popularity_add(struct popularity *p, uint32_t i, uint8_t domain,
                    const struct popularity_sum *sum);

/** Takes back what popularity_add(), or so many takes, added: exact, as popularity_untake() is;
 *  first and last stay, as they do there. */
void popularity_subtract(struct popularity *p, uint32_t i, uint8_t domain,
                         const struct popularity_sum *sum);

/** Item i is the newest of its domain's recent list; nothing is counted. */
void popularity_remind(struct popularity *p, uint32_t i, uint8_t domain);

/** Makes the recent lists anew: the items with the largest last_ms, each once, whoever took them in
 *  whatever order. Looks at every item. */
void popularity_renew_recent(struct popularity *p);

/** Moves the landmark of a clock forward: every count and sum is multiplied by
 *  2^-((to - from)/half-life) and rounded to nearest. @return ST_OK, or
 *  ST_INVALID (backwards, or not a whole number of half-lives: nothing changed) */
MUST_CHECK enum status popularity_move(struct popularity *p, int clock, int64_t to_ms);

/* ---- obs and exp: the same idea on the clock "events of the model" ---------- */

/** Fixed-point weight of the n-th event of the model; ST_RANGE as above. */
MUST_CHECK enum status popularity_obs_weigh(const struct popularity *p, uint64_t n_events,
                                            int64_t *w);
int popularity_obs_due(const struct popularity *p, uint64_t n_events);
/** Adds to obs and to exp of item i; negative values take back. */
void popularity_obs_add(struct popularity *p, uint32_t i, int64_t obs, int64_t exp);
/** Counts of item i will be added to soon. */
void popularity_obs_fetch(const struct popularity *p, uint32_t i);
/** Moves the obs landmark to event n (rounded down to whole half-lives). */
void popularity_obs_move(struct popularity *p, uint64_t n_events);
/** The event number that obs and exp are relative to: a multiple of POP_OBS_EVENTS. */
uint64_t popularity_obs_landmark(const struct popularity *p);
/** What 1 event weighs now, for scaling obs and exp back to events: obs_i in
 *  events of today = hot.obs / popularity_obs_scale(). */
float popularity_obs_scale(const struct popularity *p, uint64_t n_events);

/* ---- reading ----------------------------------------------------------------- */

/** Borrowed, (n reserved,); valid until the next reserve. */
const struct pop_hot *popularity_hot(const struct popularity *p);

/** What a search touches of each, likewise. Of it marks alone may be written, and by nobody but the
 *  search that is under way. */
struct pop_met *popularity_met(struct popularity *p);
/** Begins a search, which ends when the next begins. Returns m: marks m..m + POP_MARKS - 1 are its
 *  own, and no item has one of them yet. */
uint32_t popularity_search(struct popularity *p);

/** lg of the domain's sum for a clock; -1e9 if nothing was counted. */
float popularity_lg_sum(const struct popularity *p, uint8_t domain, int clock);

/** Exact count at the landmark, in units of 2^-popularity_bits; and how many events that is. */
int64_t popularity_count(const struct popularity *p, uint32_t i, int clock);
double popularity_count_to(int64_t count, int clock);

/** All that is counted of item i; the times of an item without takes are 0. Adding it to an item
 *  that nothing was counted of makes that one equal; and its exact obs and exp. */
void popularity_item(const struct popularity *p, uint32_t i, struct popularity_sum *out);
void popularity_obs_item(const struct popularity *p, uint32_t i, int64_t *obs, int64_t *exp);

/** The exact top list (unordered, at most POP_TOP) of a domain by clock 0..2:
 *  the items with the largest c_i(h) > 0, ties by smaller index. Returns its
 *  length. The first call after an untake of a listed item or a move looks at
 *  every item once. Valid until the next take, untake, move or top. */
uint32_t popularity_top(const struct popularity *p, uint8_t domain, int clock,
                        const uint32_t **items);

/** All of them together (n <= POP_LISTS * POP_TOP), each item once: those of the first clock, what
 *  the second has besides, and so on. */
uint32_t popularity_tops(const struct popularity *p, uint8_t domain, const uint32_t **items);

/** The most recently counted distinct-or-not items of a domain, newest last in
 *  a ring of at most POP_RECENT; returns how many. */
uint32_t popularity_recent(const struct popularity *p, uint8_t domain, const uint32_t **items);

/** Replaces the recent list by items (n,), newest last; of more than POP_RECENT the newest. */
void popularity_set_recent(struct popularity *p, uint8_t domain, const uint32_t *items, uint32_t n);

/** Events counted in a domain. */
uint64_t popularity_events(const struct popularity *p, uint8_t domain);

size_t popularity_bytes(const struct popularity *p);

#endif
