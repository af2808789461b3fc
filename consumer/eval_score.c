/* SPDX-License-Identifier: Apache-2.0
 * eval_score.c -- see eval_score.h. */
#include "eval_score.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    SHOWN_MIN = 4096,
    RARE_BELOW = 5, /* events of an item   */
    NEW_BELOW = 5,  /* lines of a user     */
    REGULAR_FROM = 20,
    BEYOND_10 = 10,
    BEYOND_20 = 20,
    SHOWN_BYTES = 2,
};

_Static_assert(TRIAL_MODELS <= 8 * SHOWN_BYTES, "a bit a model");

/* ---- slices ------------------------------------------------------------------------------ */

bool eval_slice_has(enum eval_slice slice, const struct trial *t, const struct trial_line *line) {
    switch (slice) {
    case EVAL_ALL: return true;
    case EVAL_COLD: return t->cold;
    case EVAL_WARM: return !t->cold;
    case EVAL_RARE: return line->item_events > 0 && line->item_events < RARE_BELOW;
    case EVAL_NEVER_SEEN: return line->item_events == 0;
    case EVAL_NEWCOMERS: return t->user_events < NEW_BELOW;
    case EVAL_REGULARS: return t->user_events >= REGULAR_FROM;
    case EVAL_REPEATS: return line->repeated;
    case EVAL_FIRSTS: return !line->repeated;
    case EVAL_SLICES: break;
    }
    return false;
}

const char *eval_slice_str(enum eval_slice slice) {
    switch (slice) {
    case EVAL_ALL: return "all";
    case EVAL_COLD: return "cold target";
    case EVAL_WARM: return "warm";
    case EVAL_RARE: return "items < 5 events";
    case EVAL_NEVER_SEEN: return "items never seen";
    case EVAL_NEWCOMERS: return "users < 5 lines";
    case EVAL_REGULARS: return "users >= 20 lines";
    case EVAL_REPEATS: return "repeat orders";
    case EVAL_FIRSTS: return "new pairs";
    case EVAL_SLICES: break;
    }
    return "unknown";
}

/* ---- lines ------------------------------------------------------------------------------- */

static void count(struct eval_count *c, uint32_t rank, uint32_t ranker) {
    const bool hit = rank < BEYOND_10;
    const bool hit_of_ranker = ranker < BEYOND_10;
    c->n++;
    c->hits += hit;
    c->hits_20 += rank < BEYOND_20;
    c->ndcg += hit ? 1.0 / log2((double)rank + 2.0) : 0.0;
    c->mrr += rank < TRIAL_RANKS ? 1.0 / ((double)rank + 1.0) : 0.0;
    c->only_ranker += hit_of_ranker && !hit;
    c->only_model += hit && !hit_of_ranker;
}

static void add_line(struct eval_score *s, uint8_t domain, const struct trial *t,
                     const struct trial_line *line) {
    for (unsigned slice = 0; slice < EVAL_SLICES; slice++) {
        if (!eval_slice_has((enum eval_slice)slice, t, line)) {
            continue;
        }
        for (unsigned m = 0; m < TRIAL_MODELS; m++) {
            if (t->ran[m]) {
                count(&s->counts[domain][slice][m], line->rank[m], line->rank[TRIAL_RANKER]);
                count(&s->counts[EVAL_DOMAINS][slice][m], line->rank[m], line->rank[TRIAL_RANKER]);
            }
        }
    }
}

/* ---- coverage ----------------------------------------------------------------------------- */

/* Room for every item that the trial's top tens show. */
static enum status reserve(struct eval_score *s, const struct trial *t) {
    uint32_t largest = 0;
    for (unsigned m = 0; m < TRIAL_MODELS; m++) {
        for (uint32_t k = 0; t->ran[m] && k < t->n_top[m]; k++) {
            largest = t->top[m][k] > largest ? t->top[m][k] : largest;
        }
    }
    if (largest < s->n_shown) {
        return ST_OK;
    }
    size_t n = s->n_shown ? s->n_shown : SHOWN_MIN;
    while (n <= largest) {
        n *= 2;
    }
    uint8_t *shown = realloc(s->shown, n * SHOWN_BYTES);
    if (!shown) {
        return ST_NOMEM;
    }
    memset(shown + s->n_shown * SHOWN_BYTES, 0, (n - s->n_shown) * SHOWN_BYTES);
    s->shown = shown;
    s->n_shown = n;
    return ST_OK;
}

static void cover(struct eval_score *s, uint8_t domain, const struct trial *t) {
    for (unsigned m = 0; m < TRIAL_MODELS; m++) {
        for (uint32_t k = 0; t->ran[m] && k < t->n_top[m]; k++) {
            uint8_t *byte = &s->shown[(size_t)t->top[m][k] * SHOWN_BYTES + m / 8];
            const uint8_t bit = (uint8_t)(1U << (m % 8));
            s->covered[domain][m] += !(*byte & bit);
            *byte |= bit;
        }
    }
}

enum status eval_score_add(struct eval_score *s, uint8_t domain, uint32_t n_lines,
                           const struct trial *t) {
    if (!t->tested) {
        s->untested += n_lines;
        return ST_OK;
    }
    enum status st = reserve(s, t);
    if (st) {
        return st;
    }
    uint32_t tested = 0;
    for (uint32_t k = 0; k < t->n_lines; k++) {
        if (t->lines[k].tested) {
            tested++;
            add_line(s, domain, t, &t->lines[k]);
        }
    }
    s->lines += tested;
    s->untested += n_lines - tested;
    s->events += tested > 0;
    if (tested > 0) {
        cover(s, domain, t);
    }
    return ST_OK;
}

void eval_score_free(struct eval_score *s) {
    free(s->shown);
    s->shown = NULL;
    s->n_shown = 0;
}

/* ---- figures ------------------------------------------------------------------------------ */

static double share(double x, uint64_t n) {
    return n > 0 ? x / (double)n : (double)NAN;
}

double eval_recall(const struct eval_count *c) {
    return share((double)c->hits, c->n);
}

double eval_recall_20(const struct eval_count *c) {
    return share((double)c->hits_20, c->n);
}

double eval_error(const struct eval_count *c) {
    const double p = eval_recall(c);
    return sqrt(share(p * (1.0 - p), c->n));
}

double eval_ndcg(const struct eval_count *c) {
    return share(c->ndcg, c->n);
}

double eval_mrr(const struct eval_count *c) {
    return share(c->mrr, c->n);
}

double eval_mcnemar(const struct eval_count *c) {
    const double b = (double)c->only_ranker;
    const double a = (double)c->only_model;
    const double x = fabs(b - a) - 1.0;
    return a + b > 0.0 ? x * x / (a + b) : 0.0;
}

enum trial_model eval_score_best(const struct eval_score *s, uint32_t domain) {
    static const enum trial_model BASELINES[] = {TRIAL_LINEAR,     TRIAL_TOGETHER, TRIAL_POPULAR_7D,
                                                 TRIAL_POPULAR_1D, TRIAL_POPULAR,  TRIAL_FACTORS,
                                                 TRIAL_SIMILAR};
    const struct eval_count *counts = s->counts[domain][EVAL_ALL];
    enum trial_model best = BASELINES[0];
    for (size_t k = 1; k < sizeof BASELINES / sizeof *BASELINES; k++) {
        const struct eval_count *c = &counts[BASELINES[k]];
        if (c->n == counts[TRIAL_RANKER].n && c->hits > counts[best].hits) {
            best = BASELINES[k];
        }
    }
    return best;
}

uint64_t eval_score_covered(const struct eval_score *s, uint32_t domain, enum trial_model m) {
    if (domain < DOMAINS_MAX) {
        return s->covered[domain][m];
    }
    uint64_t all = 0;
    for (uint32_t d = 0; d < DOMAINS_MAX; d++) {
        all += s->covered[d][m];
    }
    return all;
}
