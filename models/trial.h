/* SPDX-License-Identifier: Apache-2.0
 *
 * trial.h -- several models on the same lines, before anyone has learned them: the prequential
 * comparison (docs/models.md) that `crossrec eval` shows.
 *
 * The rank of a line's item is its place (0 the best) among all items of its domain minus what
 * the user consumed (where repeats are allowed: minus nothing; what ranks candidates leaves out the
 * order under way, candidates.h) and minus what is not available.
 * Ties go to the smaller item hash. Ranks from TRIAL_RANKS on, items never seen before and items
 * that a model does not know are TRIAL_MISS.
 *
 *     ranker    what is served: the full net, or its twin where the gate says so
 *     shown     the list as it is shown: the ranker's after the dials of diversity and exploration
 *               (spread.h), to rank 20; only where one of them is set
 *     full      the full net, whatever the gate says
 *     twin      the net without personal inputs
 *     linear    the linear blend: sqrt(k1/max k1), sqrt(p.q/max p.q), 1 + lg(c/max c + 1e-4)/13.3
 *               of the popularity of 1 d and of 7 d (shares as the ranker has them: 2^-16 at
 *               least); multinomial logit over the ranker's candidates, weights >= 0, AdaGrad .3,
 *               start .5 (struct trial_baselines)
 *     together  item co-occurrence: k1 (pairs.h)
 *     factors   p.q of all items: a scan of the catalogue, only when asked for
 *     similar   what the 30 most similar users (similar.h) took, by the sum of their cosines: a
 *               scan of the users that were tried before, only when asked for
 *     popular   decayed (1 d, 7 d) and cumulative counts: exact to rank 20, beyond it a rank that
 *               the running top list cannot tell is a TRIAL_MISS
 *
 * Plain values. Threads: none assumed.
 */
#ifndef TRIAL_H
#define TRIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "event.h"
#include "ranker.h"

enum trial_model {
    TRIAL_RANKER,
    TRIAL_SHOWN,
    TRIAL_FULL,
    TRIAL_TWIN,
    TRIAL_LINEAR,
    TRIAL_TOGETHER,
    TRIAL_FACTORS,
    TRIAL_SIMILAR,
    TRIAL_POPULAR_1D,
    TRIAL_POPULAR_7D,
    TRIAL_POPULAR, /* cumulative */
    TRIAL_MODELS
};

#define TRIAL_MISS UINT32_MAX
enum {
    TRIAL_RANKS = 100,
    TRIAL_TOP = 10, /* what coverage looks at */
    TRIAL_POPULAR_TOP = 200,
    BLEND_X = 4,
};

struct trial_line {       /* in the order of the event's lines */
    bool tested;          /* false: what may not be recommended to this user is no test */
    bool repeated;        /* the user took it before (repeat domains)                    */
    uint32_t item_events; /* events with the item so far; 0: never seen               */
    uint32_t rank[TRIAL_MODELS];
};

struct trial {
    bool tested; /* false: the user has no history, or nothing is known of the domain: no lines */
    bool cold;   /* his history lies in other domains only */
    uint32_t user_events; /* lines of his so far, all domains */
    uint32_t n_lines;
    struct trial_line lines[EVENT_LINES_MAX];
    bool ran[TRIAL_MODELS];                /* false: not asked for */
    uint32_t n_top[TRIAL_MODELS];          /* 0..TRIAL_TOP */
    uint32_t top[TRIAL_MODELS][TRIAL_TOP]; /* dense item indices */
};

/* What the baselines remember that the live models do not. All zero plus trial_baselines_init(). */
struct trial_baselines {
    float weights[BLEND_X], squares[BLEND_X]; /* the blend, and AdaGrad's sums */
    uint32_t n_popular[DOMAINS_MAX];          /* cumulative: items and counts, unordered */
    uint32_t popular[DOMAINS_MAX][TRIAL_POPULAR_TOP];
    uint32_t n_taken; /* items of the last event tried: counted by the next */
    uint64_t taken[EVENT_LINES_MAX];
};

void trial_baselines_init(struct trial_baselines *b);

/** "ranker", "shown", "full", "twin", "linear", "together", "factors", "similar", "popular-1d",
 * "popular-7d", "popular". */
const char *trial_model_str(enum trial_model m);

#endif
