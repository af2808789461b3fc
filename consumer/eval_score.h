/* SPDX-License-Identifier: Apache-2.0
 *
 * eval_score.h -- what the trials of a stream come to: metrics per model, domain and slice.
 *
 * Of the rank r of a tested line's item, 0 the best (trial.h):
 *
 *     recall@k   share of lines with r < k          error   sqrt(p (1 - p)/n) of p = recall@10
 *     nDCG@10    mean of 1/lg(r + 2), r < 10        MRR     mean of 1/(r + 1), r < TRIAL_RANKS
 *     coverage   distinct items that anyone's top ten had, of those of the domain
 *     McNemar    (|b - c| - 1)^2/(b + c), b lines with r < 10 by the ranker only, c by the other
 *                model only; > 10.83: p < .001, > 3.84: p < .05. McNemar, Psychometrika 12, 1947
 *
 * An item that was never seen is a miss and counts. A model that did not run on an event has an
 * n of its own, and is compared with the ranker on its own events.
 *
 * Ownership: owns its memory, freed by eval_score_free(). Threads: one.
 */
#ifndef EVAL_SCORE_H
#define EVAL_SCORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event.h"
#include "status.h"
#include "trial.h"

enum eval_slice {
    EVAL_ALL,
    EVAL_COLD,       /* the user's history lies in other domains only */
    EVAL_WARM,       /* it does not                                   */
    EVAL_RARE,       /* items with 1 to 4 events                      */
    EVAL_NEVER_SEEN, /* items with none: always a miss                */
    EVAL_NEWCOMERS,  /* users with fewer than 5 lines                 */
    EVAL_REGULARS,   /* users with 20 lines and more                  */
    EVAL_REPEATS,    /* what the user took before                     */
    EVAL_FIRSTS,     /* what he did not: new pairs                    */
    EVAL_SLICES
};

enum { EVAL_DOMAINS = DOMAINS_MAX }; /* as a domain: all of them */

struct eval_count {
    uint64_t n, hits, hits_20;        /* lines: tested, r < 10, r < 20 */
    double ndcg, mrr;                 /* sums */
    uint64_t only_ranker, only_model; /* r < 10 by one of the two */
};

struct eval_score {
    uint64_t events;   /* tested */
    uint64_t lines;    /* tested */
    uint64_t untested; /* lines of scored events that are no test */
    struct eval_count counts[DOMAINS_MAX + 1][EVAL_SLICES][TRIAL_MODELS];
    uint64_t covered[DOMAINS_MAX][TRIAL_MODELS]; /* items */
    uint8_t *shown; /* (n_shown, 2): bit m of item i: model m had it in a top ten */
    size_t n_shown;
};

/** Adds a trial of an event with n_lines lines. @return ST_OK, ST_NOMEM (nothing was added) */
MUST_CHECK enum status eval_score_add(struct eval_score *s, uint8_t domain, uint32_t n_lines,
                                      const struct trial *t);
void eval_score_free(struct eval_score *s);

/** Is the line in the slice? */
bool eval_slice_has(enum eval_slice slice, const struct trial *t, const struct trial_line *line);
/** Its name in the table and in the JSON, in the order of the enum: "all", "cold target", "warm",
 *  "items < 5 events", "items never seen", "users < 5 lines", "users >= 20 lines", "repeat orders",
 *  "new pairs". Names do not change: programs read them. */
const char *eval_slice_str(enum eval_slice slice);

/** Of a count; NaN where n is 0. */
double eval_recall(const struct eval_count *c);
double eval_recall_20(const struct eval_count *c);
double eval_error(const struct eval_count *c);
double eval_ndcg(const struct eval_count *c);
double eval_mrr(const struct eval_count *c);
/** McNemar's chi-squared of the ranker against this count's model; 0 if b + c = 0. */
double eval_mcnemar(const struct eval_count *c);

/** The baseline with the best recall@10 of a domain (EVAL_DOMAINS: of all), the first of equals;
 *  the scan of all factors competes only if it ran on every tested line. */
enum trial_model eval_score_best(const struct eval_score *s, uint32_t domain);

/** Items that model m had in a top ten; EVAL_DOMAINS: of all domains. */
uint64_t eval_score_covered(const struct eval_score *s, uint32_t domain, enum trial_model m);

#endif
