/* SPDX-License-Identifier: Apache-2.0
 *
 * learner_run.h -- random streams for a learner, and what two learners must agree on.
 * Included after <cmocka.h> by one file of each test program.
 *
 * Item k of domain d and user u have hashes and ids that follow from the numbers, so that
 * two learners can be compared although their dense indices and slots differ.
 */
#ifndef LEARNER_RUN_H
#define LEARNER_RUN_H

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "learner.h"
#include "mix.h"

enum { MADE_LINES = 200 };

#define HOUR_MS INT64_C(3600000)
#define DAY_MS  (24 * HOUR_MS)
#define START   INT64_C(1767225600000) /* 2026 */

/* An event with its bytes. */
struct made {
    struct event e;
    uint32_t task;
    char user_id[16];
    struct event_line lines[MADE_LINES];
    char ids[MADE_LINES][16];
};

static inline uint64_t user_hash(uint32_t user) {
    return mix64(user + UINT64_C(0x75736572));
}

static inline uint64_t item_hash(uint8_t domain, uint32_t item) {
    return mix64(((uint64_t)domain << 40) + item + 1);
}

static inline void add_line(struct made *m, uint32_t item, float amount) {
    const uint16_t n = m->e.n_lines++;
    const int len = snprintf(m->ids[n], sizeof m->ids[n], "%u", item);
    m->lines[n] = (struct event_line){.item = item_hash(m->e.domain, item),
                                      .id = m->ids[n],
                                      .id_len = (uint16_t)len,
                                      .quantity = 1.0F,
                                      .amount = amount};
}

/* An event without lines; `number` makes its id and offset. */
static inline void make(struct made *m, uint64_t number, uint32_t user, uint8_t domain,
                        enum action action, int64_t ts_ms) {
    const int len = snprintf(m->user_id, sizeof m->user_id, "u%u", user);
    m->task = 0;
    m->e = (struct event){.id = mix64(number),
                          .user = user_hash(user),
                          .ts_ms = ts_ms,
                          .offset = (int64_t)number,
                          .user_id = m->user_id,
                          .user_id_len = (uint16_t)len,
                          .domain = domain,
                          .action = (uint8_t)action,
                          .weight = 1.0F,
                          .lines = m->lines};
}

static inline void make_one(struct made *m, uint64_t number, uint32_t user, uint8_t domain,
                            enum action action, int64_t ts_ms, uint32_t item) {
    make(m, number, user, domain, action, ts_ms);
    add_line(m, item, 1.5F);
}

/* Learns a copy: lines are sorted in place. */
static inline struct learner_effect learn_in(struct learner *l, uint32_t task,
                                             const struct made *m) {
    struct event e = m->e;
    struct event_line lines[MADE_LINES];
    struct learner_effect effect = {0};
    memcpy(lines, m->lines, e.n_lines * sizeof *lines);
    e.lines = lines;
    assert_int_equal(learner_learn(l, task, &e, &effect), ST_OK);
    return effect;
}

static inline struct learner_effect learn(struct learner *l, const struct made *m) {
    return learn_in(l, m->task, m);
}

/* Did the user use the item up in his order under way: the newest events, joined by gaps of at
 * most two hours, the newest of them at most two hours ago? It is not recommended beside itself
 * unless there is nothing else. */
static inline bool in_order(const struct user *u, int64_t now_ms, uint32_t item) {
    struct user_entry past[USER_HISTORY];
    const uint32_t n = user_history(u, now_ms, past, USER_HISTORY);
    int64_t next_ms = now_ms;
    bool in = false;
    for (uint32_t r = 0; r < n && next_ms - past[r].ts_ms <= 2 * HOUR_MS; r++) {
        next_ms = past[r].ts_ms;
        in = in || (past[r].item == item && action_consumes(past[r].action));
    }
    return in;
}

/* ---- random streams ------------------------------------------------------------------------ */

struct stream {
    struct rng rng;
    uint64_t number;
    int64_t now_ms, step_ms; /* mean gap is half a step */
    uint32_t users, items, n_domains, n_tasks;
    uint32_t max_lines;   /* of one event */
    uint32_t late_one_in; /* 0: never */
    bool weighted;        /* events weigh this and that */
};

static inline enum action any_action(struct rng *rng) {
    static const enum action often[] = {
        ACTION_PURCHASE, ACTION_PURCHASE, ACTION_PURCHASE, ACTION_ORDER, ACTION_ENROLL,
        ACTION_VIEW,     ACTION_VIEW,     ACTION_LIKE,     ACTION_RATE,  ACTION_REPORT};
    return often[rng_below(rng, sizeof often / sizeof *often)];
}

/* Popular items are popular, and users keep to a taste: items equal to theirs modulo 4. A
 * user belongs to task user % n_tasks. */
static inline void next_event(struct stream *s, struct made *m) {
    struct rng *rng = &s->rng;
    s->now_ms += (int64_t)(rng_unit(rng) * (double)s->step_ms);
    int64_t ts = s->now_ms;
    if (s->late_one_in && rng_below(rng, s->late_one_in) == 0) {
        ts -= (int64_t)rng_below(rng, 1U << 20) * (rng_below(rng, 3) ? 60 : 600);
    }
    const uint32_t user = rng_below(rng, s->users);
    make(m, ++s->number, user, (uint8_t)rng_below(rng, s->n_domains), any_action(rng), ts);
    m->task = s->n_tasks ? user % s->n_tasks : 0;
    if (s->weighted) {
        static const float weights[] = {0.0F, 1e-7F, 1e-5F, .003F, .3F, 1.0F, 2.7F, 100.0F};
        m->e.weight = weights[rng_below(rng, 8)];
    }
    const uint32_t n = 1 + (s->max_lines > 1 ? rng_below(rng, s->max_lines) : 0);
    for (uint32_t k = 0; k < n; k++) {
        const double x = rng_unit(rng);
        const uint32_t item = (uint32_t)(x * x * (double)s->items);
        const uint32_t own = item - item % 4 + user % 4;
        add_line(m, rng_below(rng, 4) && own < s->items ? own : item,
                 (float)rng_below(rng, 1000) / 7.0F);
    }
}

static inline struct learner_params params_of(uint32_t n_domains) {
    return (struct learner_params){
        .n_domains = n_domains,
        .mini_batch = 50,
        .late_max_ms = DAY_MS,
        .prequential_sample = 1,
        .prequential_window = 100,
        .seed = 11,
        .segments = {.k = 3, .seed_points = 40, .half_life = 2000.0, .seed = 5}};
}

static inline struct learner *learner_of(struct learner_params params, uint32_t n_tasks) {
    struct learner *l = NULL;
    assert_int_equal(learner_new(&params, &l), ST_OK);
    for (uint32_t p = 0; p < n_tasks; p++) {
        assert_int_equal(learner_task_open(l, p), ST_OK);
    }
    return l;
}

/* ---- comparing ----------------------------------------------------------------------- */

static inline uint64_t mixed(uint64_t h, const void *bytes, size_t len) {
    const unsigned char *p = bytes;
    for (size_t k = 0; k < len; k++) {
        h = (h ^ p[k]) * UINT64_C(1099511628211);
    }
    return mix64(h);
}

#define MIX(h, value) ((h) = mixed((h), &(value), sizeof(value)))

/* What of a user does not depend on the models: history, sets, counts, times, sums. */
static inline uint64_t user_facts(const struct learner *l, const struct user *u) {
    const struct items *items = learner_shared(l)->items;
    struct user_entry past[USER_HISTORY];
    size_t len = 0;
    const char *id = user_id(u, &len);
    uint64_t h = mixed(1, id, len);
    const uint32_t n = user_history(u, INT64_MAX, past, USER_HISTORY);
    for (uint32_t k = 0; k < n; k++) {
        const uint64_t hash = items_hash(items, past[k].item);
        MIX(h, hash);
        MIX(h, past[k].ts_ms);
        MIX(h, past[k].domain);
        MIX(h, past[k].action);
    }
    uint64_t sets = 0; /* a sum: items may have other indices */
    for (uint32_t i = 0; i < items_n(items); i++) {
        struct user_repeat r = {0};
        const uint8_t d = items_domain(items, i);
        uint64_t one = items_hash(items, i);
        const bool in = user_consumed(u, d, i, items_hashes(items));
        if (user_repeat(u, d, i, &r) || in) {
            MIX(one, in);
            MIX(one, r.count);
            MIX(one, r.first_ms);
            MIX(one, r.last_ms);
            sets += one;
        }
    }
    MIX(h, sets);
    const uint32_t lines = user_n(u);
    const int64_t times[] = {user_first_ms(u), user_last_ms(u)};
    MIX(h, lines);
    MIX(h, times);
    for (uint8_t d = 0; d < DOMAINS_MAX; d++) {
        const double sums[] = {user_rate(u, d, times[1]), user_money(u, d, times[1])};
        const uint32_t counts[] = {user_n_of(u, d), user_active_days(u, d, times[1], 32)};
        const int64_t last = user_last_ms_of(u, d);
        MIX(h, sums);
        MIX(h, counts);
        MIX(h, last);
    }
    return h;
}

/* Everything that can be read of a user. */
static inline uint64_t user_digest(const struct learner *l, const struct user *u) {
    uint64_t h = user_facts(l, u);
    const float traits[] = {user_mpop(u), user_mage(u)};
    const int labels[] = {user_segment(u), user_segment_pending(u), user_has_context(u)};
    MIX(h, traits);
    MIX(h, labels);
    struct user *copy = NULL; /* counting shows the count */
    assert_int_equal(user_copy(u, &copy), ST_OK);
    const uint32_t in_minute = user_count_minute(copy, user_last_ms(u));
    user_free(copy);
    MIX(h, in_minute);
    return h;
}

typedef uint64_t user_fn(const struct learner *l, const struct user *u);

/* The same users in both, by `of`. */
static inline void assert_same_users(const struct learner *a, const struct learner *b,
                                     uint32_t n_tasks, user_fn *of) {
    assert_int_equal(learner_n_users(a), learner_n_users(b));
    for (uint32_t p = 0; p < n_tasks; p++) {
        const struct users *us = learner_users(a, p);
        const struct users *vs = learner_users(b, p);
        assert_int_equal(users_n_alive(us), users_n_alive(vs));
        for (uint32_t slot = 0; slot < users_n(us); slot++) {
            if (!users_get(us, slot)) {
                continue;
            }
            const uint32_t other = users_find(vs, users_hash(us, slot));
            assert_true(other != USER_NONE);
            assert_true(of(a, users_get(us, slot)) == of(b, users_get(vs, other)));
        }
    }
}

/* Index in b of item i of a, or ITEM_NONE. */
static inline uint32_t item_in(const struct learner *a, uint32_t i, const struct learner *b) {
    return items_find(learner_shared(b)->items, items_hash(learner_shared(a)->items, i));
}

/* Item i of a that b does not know must count nothing. */
static inline void assert_no_counts(const struct shared *s, uint32_t i) {
    for (int c = 0; c < POP_CLOCKS; c++) {
        assert_int_equal(popularity_count(s->popularity, i, c), 0);
    }
    assert_int_equal(popularity_hot(s->popularity)[i].count, 0);
    assert_int_equal(factors_count(s->factors, i), 0);
    assert_int_equal(pairs_list(s->pairs, i).n, 0);
}

static inline void assert_same_pairs(const struct learner *a, uint32_t i, const struct learner *b,
                                     uint32_t j) {
    const struct pairs *p = learner_shared(a)->pairs;
    const struct pairs *q = learner_shared(b)->pairs;
    const struct pair_list list = pairs_list(p, i);
    assert_int_equal(list.n, pairs_list(q, j).n);
    assert_true(list.s_sum == pairs_list(q, j).s_sum);
    for (uint32_t k = 0; k < list.n; k++) {
        int64_t v[3];
        int64_t w[3];
        const uint32_t other = item_in(a, pair_list_item(&list, k), b);
        assert_true(other != ITEM_NONE);
        assert_true(pairs_get(p, i, pair_list_item(&list, k), &v[0], &v[1], &v[2]));
        assert_true(pairs_get(q, j, other, &w[0], &w[1], &w[2]));
        assert_memory_equal(v, w, sizeof v);
    }
}

/* Event counts and pairs, exactly: what no order of learning changes. */
static inline void assert_same_counts(const struct learner *a, const struct learner *b) {
    const struct shared *s = learner_shared(a);
    const struct shared *t = learner_shared(b);
    assert_int_equal(s->n_events, t->n_events);
    for (uint8_t d = 0; d < s->n_domains; d++) {
        assert_int_equal(popularity_events(s->popularity, d), popularity_events(t->popularity, d));
    }
    for (uint32_t i = 0; i < s->n_items; i++) {
        const uint32_t j = item_in(a, i, b);
        if (j >= t->n_items) {
            assert_no_counts(s, i);
            continue;
        }
        for (int c = 0; c < POP_CLOCKS; c++) {
            assert_int_equal(popularity_count(s->popularity, i, c),
                             popularity_count(t->popularity, j, c));
        }
        assert_int_equal(popularity_hot(s->popularity)[i].count,
                         popularity_hot(t->popularity)[j].count);
        assert_true(popularity_hot(s->popularity)[i].inv2 ==
                    popularity_hot(t->popularity)[j].inv2); /* of the sum of weights */
        assert_int_equal(factors_count(s->factors, i), factors_count(t->factors, j));
        assert_same_pairs(a, i, b, j);
    }
    for (uint32_t j = 0; j < t->n_items; j++) {
        if (item_in(b, j, a) >= s->n_items) {
            assert_no_counts(t, j);
        }
    }
}

/* b_i within `units` of 2^-20, and obs and exp within `tolerance` events. */
static inline void assert_near_factors(const struct learner *a, const struct learner *b,
                                       int64_t units, float tolerance) {
    const struct shared *s = learner_shared(a);
    const struct shared *t = learner_shared(b);
    for (uint32_t i = 0; i < s->n_items; i++) {
        const uint32_t j = item_in(a, i, b);
        if (j >= t->n_items) {
            continue;
        }
        for (int k = 0; k < FACTORS; k++) {
            const int64_t d = factors_b(s->factors, i)[k] - factors_b(t->factors, j)[k];
            assert_true(d <= units && d >= -units);
        }
        const struct pop_hot *x = &popularity_hot(s->popularity)[i];
        const struct pop_hot *y = &popularity_hot(t->popularity)[j];
        assert_true(fabsf(x->obs - y->obs) <= tolerance);
        assert_true(fabsf(x->exp - y->exp) <= tolerance);
    }
}

/* The same list, bit for bit, by item hash. */
static inline void assert_same_list(const struct learner *a, const struct list *x,
                                    const struct learner *b, const struct list *y) {
    assert_int_equal(x->n, y->n);
    assert_int_equal(x->personalised, y->personalised);
    assert_int_equal(x->segment, y->segment);
    for (uint32_t k = 0; k < x->n; k++) {
        assert_true(items_hash(learner_shared(a)->items, x->items[k].item) ==
                    items_hash(learner_shared(b)->items, y->items[k].item));
        assert_memory_equal(&x->items[k].score, &y->items[k].score, sizeof(float));
        assert_int_equal(x->items[k].reason, y->items[k].reason);
    }
    assert_true(learner_list_digest(a, x) == learner_list_digest(b, y));
}

/* Every user's lists of both learners, bit for bit. */
static inline void assert_same_lists(struct learner *a, struct learner *b, uint32_t n_tasks,
                                     int64_t now_ms) {
    for (uint32_t p = 0; p < n_tasks; p++) {
        const struct users *us = learner_users(a, p);
        for (uint32_t slot = 0; slot < users_n(us); slot++) {
            for (uint8_t d = 0; users_get(us, slot) && d < learner_shared(a)->n_domains; d++) {
                static struct list x;
                static struct list y;
                const uint32_t other = users_find(learner_users(b, p), users_hash(us, slot));
                assert_int_equal(learner_rank(a, p, slot, d, now_ms, 20, &x), ST_OK);
                assert_int_equal(learner_rank(b, p, other, d, now_ms, 20, &y), ST_OK);
                assert_same_list(a, &x, b, &y);
            }
        }
    }
}

#endif
