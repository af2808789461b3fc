/* SPDX-License-Identifier: Apache-2.0
 *
 * trial_naive.h -- where each item stands for each model of models/trial.h, by brute force over
 * the whole catalogue, from a log that the test keeps and from what can be read of the models.
 * Included after <cmocka.h>.
 *
 * Two items whose values are closer than roundings are in either order: a place is an interval.
 */
#ifndef TRIAL_NAIVE_H
#define TRIAL_NAIVE_H

#include "candidates.h"
#include "learner_run.h"
#include "ranker_naive.h"
#include "similar.h"

enum { LOG_USERS = 64, LOG_DOMAINS = 2, LOG_ITEMS = 900, LOG_ALL = LOG_DOMAINS * LOG_ITEMS };

/* What was learned so far. Items by number, not by index. */
struct log_item {
    double c[2];   /* 1 and 7 days, as of START */
    double weight; /* sum of weights            */
    uint32_t count;
    bool withdrawn;
};

struct log {
    bool repeats[LOG_DOMAINS];
    struct log_item item[LOG_DOMAINS][LOG_ITEMS];
    bool took[LOG_USERS][LOG_DOMAINS][LOG_ITEMS];
    bool hidden[LOG_USERS][LOG_DOMAINS][LOG_ITEMS]; /* may not be recommended */
};

/* Number of what is learned as dense index i. */
static inline uint32_t number_of(const struct shared *s, uint32_t i) {
    size_t len = 0;
    return (uint32_t)strtoul(items_id(s->items, i, &len), NULL, 10);
}

static inline uint32_t user_number(const struct made *m) {
    return (uint32_t)strtoul(m->user_id + 1, NULL, 10);
}

static inline void log_event(struct log *log, const struct made *m, bool too_late) {
    static const double days[2] = {1.0, 7.0};
    const uint8_t d = m->e.domain;
    const double weight = (double)m->e.weight < 0x1p-21 ? 0.0 : (double)m->e.weight;
    const bool report = m->e.action == ACTION_REPORT;
    for (uint32_t k = 0; k < m->e.n_lines; k++) {
        const uint32_t number = (uint32_t)strtoul(m->ids[k], NULL, 10);
        struct log_item *item = &log->item[d][number];
        if (action_consumes(m->e.action)) {
            log->took[user_number(m)][d][number] |= !report || !log->repeats[d];
            log->hidden[user_number(m)][d][number] |= report || !log->repeats[d];
        }
        if (!too_late && !report && weight > 0.0) {
            for (int c = 0; c < 2; c++) {
                const double age = (double)(m->e.ts_ms - START) / (double)DAY_MS;
                item->c[c] += weight * exp2(age / days[c]);
            }
            item->weight += weight;
            item->count++;
        }
    }
}

#define UNRANKED ((double)NAN)

/* What each model says of each item of a domain. */
struct standing {
    double value[TRIAL_MODELS][LOG_ITEMS];
    double near[TRIAL_MODELS]; /* closer than this (and this part of the value): a tie */
    double blend[BLEND_X][LOG_ITEMS];
    bool candidate[LOG_ITEMS];
    uint64_t hash[LOG_ITEMS];
};

static inline void stand_popular(struct standing *x, const struct log *log, const struct made *m) {
    for (uint32_t i = 0; i < LOG_ITEMS; i++) {
        const struct log_item *item = &log->item[m->e.domain][i];
        const double age = (double)(m->e.ts_ms - START) / (double)DAY_MS;
        const bool shown = !item->withdrawn && !log->hidden[user_number(m)][m->e.domain][i];
        x->value[TRIAL_POPULAR_1D][i] = shown ? item->c[0] * exp2(-age) : UNRANKED;
        x->value[TRIAL_POPULAR_7D][i] = shown ? item->c[1] * exp2(-age / 7.0) : UNRANKED;
        x->value[TRIAL_POPULAR][i] = shown && item->count > 0 ? (double)item->count : UNRANKED;
    }
    x->near[TRIAL_POPULAR_1D] = x->near[TRIAL_POPULAR_7D] = 1e-5;
}

/* k1(i) = (n_i + 5)^-.4 sum over the last 8 of .85^r a_ji (n_j + 5)^-.6; what fills up from the
 * order under way counts as the best of the others at most */
static inline void stand_together(struct standing *x, const struct log *log, const struct shared *s,
                                  const struct candidates_view *v) {
    double *k1 = x->value[TRIAL_TOGETHER];
    memset(k1, 0, sizeof x->value[TRIAL_TOGETHER]);
    for (uint32_t r = 0; r < v->n_history && r < 8; r++) {
        const struct user_entry *e = &v->history[r];
        const struct pair_list list = pairs_walked(s->pairs, e->item);
        const double n = log->item[e->domain][number_of(s, e->item)].weight;
        for (uint32_t y = 0; y < list.n; y++) {
            if (items_domain(s->items, pair_list_item(&list, y)) == v->domain) {
                k1[number_of(s, pair_list_item(&list, y))] +=
                    pow(.85, r) * (double)pair_list_entry(&list, y).a * pow(n + 5.0, -.6);
            }
        }
    }
    double max = 1e-9;
    for (uint32_t i = 0; i < LOG_ITEMS; i++) {
        const uint32_t at = items_find(s->items, x->hash[i]);
        k1[i] *= pow(log->item[v->domain][i].weight + 5.0, -.4);
        max = x->candidate[i] && !in_order(v->user, v->now_ms, at) ? fmax(max, k1[i]) : max;
    }
    for (uint32_t i = 0; i < LOG_ITEMS; i++) {
        k1[i] = x->candidate[i] && k1[i] > 0.0 ? fmin(k1[i], max) : UNRANKED;
    }
    x->near[TRIAL_TOGETHER] = 2e-6;
}

static inline void stand_factors(struct standing *x, const struct shared *s,
                                 const struct candidates_view *v) {
    for (uint32_t k = 0; k < items_n_of(s->items, v->domain); k++) {
        const uint32_t i = items_of(s->items, v->domain, k);
        const uint32_t number = number_of(s, i);
        double dot = 0.0;
        for (size_t f = 0; f < FACTORS; f++) {
            dot += (double)v->p[f] * (double)factors_q(s->factors)[i * FACTORS + f];
        }
        const bool ranked = !isnan(x->value[TRIAL_POPULAR][number]) && v->has_p;
        x->value[TRIAL_FACTORS][number] = ranked ? dot : UNRANKED;
        x->blend[1][number] = dot;
    }
    x->near[TRIAL_FACTORS] = 1e-6;
}

/* The sum of the cosines of those of the 30 nearest users who took an item, as often as they did.
 * `similar` knows the users that were tested before. */
static inline void stand_similar(struct standing *x, const struct learner *l,
                                 struct similar *similar, uint32_t slot,
                                 const struct candidates_view *v) {
    struct similar_user near[30];
    double *sum = x->value[TRIAL_SIMILAR];
    assert_int_equal(v->has_p ? similar_set(similar, slot, v->p) : ST_OK, ST_OK);
    const uint32_t n = v->has_p ? similar_find(similar, v->p, slot, 30, near) : 0;
    for (uint32_t k = 0; k < n; k++) {
        struct user_entry past[USER_HISTORY];
        const struct user *u = users_get(learner_users(l, 0), near[k].slot);
        const uint32_t n_past = user_history(u, v->now_ms, past, USER_HISTORY);
        for (uint32_t r = 0; r < n_past; r++) {
            const uint32_t i = number_of(learner_shared(l), past[r].item);
            if (past[r].domain == v->domain && !isnan(x->value[TRIAL_POPULAR_1D][i])) {
                sum[i] = (isnan(sum[i]) ? 0.0 : sum[i]) + (double)near[k].cosine;
            }
        }
    }
    x->near[TRIAL_SIMILAR] = 1e-6;
}

/* The blend's inputs over the candidates: sqrt(k1/max k1), sqrt(p.q/max p.q), and 1 + lg(c/max c +
 * 1e-4)/13.3 of two clocks, where a share below 2^-16 counts as that (candidates.h). */
static inline void stand_linear(struct standing *x, const struct log *log, uint8_t domain,
                                const struct trial_baselines *b) {
    double max[BLEND_X] = {1e-9, 1e-9, 0.0, 0.0};
    double sum[2] = {0.0};
    for (uint32_t i = 0; i < LOG_ITEMS; i++) {
        sum[0] += log->item[domain][i].c[0];
        sum[1] += log->item[domain][i].c[1];
    }
    for (uint32_t i = 0; i < LOG_ITEMS; i++) {
        x->blend[0][i] = isnan(x->value[TRIAL_TOGETHER][i]) ? 0.0 : x->value[TRIAL_TOGETHER][i];
        for (size_t c = 0; c < 2; c++) {
            x->blend[2 + c][i] = fmax(log->item[domain][i].c[c] / sum[c], 0x1p-16);
        }
        for (size_t k = 0; x->candidate[i] && k < BLEND_X; k++) {
            max[k] = fmax(max[k], x->blend[k][i]);
        }
    }
    for (uint32_t i = 0; i < LOG_ITEMS; i++) {
        double score = 0.0;
        for (size_t k = 0; k < BLEND_X; k++) {
            const double part = fmax(x->blend[k][i], 0.0) / max[k];
            x->blend[k][i] = k < 2 ? sqrt(part) : 1.0 + log2(part + 1e-4) / 13.3;
            score += (double)b->weights[k] * x->blend[k][i];
        }
        x->value[TRIAL_LINEAR][i] = x->candidate[i] ? score : UNRANKED;
    }
    x->near[TRIAL_LINEAR] = 2e-5;
}

/* Everything that the models know of the user and domain of an event that comes now. */
static inline void stand(struct standing *x, const struct log *log, const struct learner *l,
                         struct candidates *c, struct similar *similar,
                         const struct trial_baselines *b, const struct made *m) {
    const struct shared *s = learner_shared(l);
    const uint8_t d = m->e.domain;
    const uint32_t slot = users_find(learner_users(l, m->task), m->e.user);
    struct candidates_view v;
    memset(x, 0, sizeof *x);
    for (uint32_t k = 0; k < TRIAL_MODELS * LOG_ITEMS; k++) {
        x->value[k / LOG_ITEMS][k % LOG_ITEMS] = UNRANKED;
    }
    for (uint32_t i = 0; i < LOG_ITEMS; i++) {
        x->hash[i] = item_hash(d, i);
    }
    candidates_view(c, s, users_get(learner_users(l, m->task), slot), d, log->repeats[d],
                    m->e.ts_ms, &v);
    assert_int_equal(candidates_find(c, s, &v, TRIAL_RANKS), ST_OK);
    const struct features_block *block = candidates_features(c, s, &v);
    const struct ranker_rows rows = candidates_rows(block);
    const struct ranker *r = learner_ranker(l, m->task);
    const struct naive_net full = naive_of(&r->net[RANKER_FULL]);
    const struct naive_net twin = naive_of(&r->net[RANKER_TWIN]);
    const bool known = user_n_of(v.user, d) > 0;
    for (uint32_t at = 0; at < block->n; at++) {
        const uint32_t i = number_of(s, block->item[at]);
        x->candidate[i] = true;
        x->value[TRIAL_FULL][i] = naive_score(&full, &rows, at);
        x->value[TRIAL_TWIN][i] = naive_score(&twin, &rows, at);
        x->value[TRIAL_RANKER][i] = x->value[r->gate[d][known] < 0.0 ? TRIAL_TWIN : TRIAL_FULL][i];
    }
    x->near[TRIAL_FULL] = x->near[TRIAL_TWIN] = x->near[TRIAL_RANKER] = 3e-6;
    stand_popular(x, log, m);
    stand_together(x, log, s, &v);
    stand_factors(x, s, &v);
    stand_similar(x, l, similar, slot, &v);
    stand_linear(x, log, d, b);
}

/* Between which places an item is: so many are certainly before it, and so many not certainly
 * behind it. Where values are whole numbers, hashes decide ties. */
static inline void place(const struct standing *x, enum trial_model m, uint32_t item,
                         uint32_t *least, uint32_t *most) {
    const double v = x->value[m][item];
    const double near = x->near[m] * (1.0 + fabs(v));
    *least = *most = 0;
    for (uint32_t i = 0; i < LOG_ITEMS; i++) {
        const double w = x->value[m][i];
        const bool tie = fabs(w - v) <= near;
        const bool by_hash = near == 0.0 && x->hash[i] < x->hash[item];
        *least += i != item && (w > v + near || (tie && by_hash));
        *most += i != item && (w > v + near || (tie && (by_hash || near > 0.0)));
    }
}

#endif
