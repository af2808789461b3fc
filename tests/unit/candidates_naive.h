/* SPDX-License-Identifier: Apache-2.0
 *
 * candidates_naive.h -- a raw log of a small random stream beside the models that were fed with
 * it, and what models/candidates.h says of it, computed anew from the log in double.
 * Included after <cmocka.h> by one file.
 */
#ifndef CANDIDATES_NAIVE_H
#define CANDIDATES_NAIVE_H

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "candidates.h"
#include "fixed.h"
#include "mix.h"

enum { ITEMS = 640, USERS = 24, LINES = 5000, NO_REPEATS = 0, REPEATS = 1, CATEGORIES = 6 };

#define DAY_MS  INT64_C(86400000)
#define HOUR_MS 3600000.0
#define START   (INT64_C(20000) * DAY_MS)

/* ---- the raw log ------------------------------------------------------------------------- */

struct logged {
    int64_t ts;
    uint32_t user, item;
    bool consumes, history;
    bool repeated;    /* the user had the item before; add() finds out */
    float full_price; /* 0: not known. What was paid is 1              */
};

struct bench {
    bool content; /* items have categories */
    struct shared *s;
    struct delta *d;
    struct user *users[USERS];
    struct logged *log;
    uint32_t n;
    uint32_t of[USERS][2 * LINES]; /* lines of the log that are in a user's history */
    uint32_t n_of[USERS];
    double *a, *f, *sess; /* (ITEMS, ITEMS) [from][to], of all pairs in the log */
    double sess_sum[ITEMS];
    double together[CATEGORIES][CATEGORIES]; /* T */
};

/* Items of domain 0 are even; the last 40 are never taken. */
static uint8_t domain_of(uint32_t item) {
    return (uint8_t)(item % 2);
}

/* One in seven items has none. */
static uint32_t category_of(const struct bench *b, uint32_t item) {
    return b->content && item / 2 % 7 < CATEGORIES ? item / 2 % 7 : CATEGORY_NONE;
}

/* What the catalogue says of an item's time: nothing, old, or new some time after the start. */
static int64_t row_ts(uint32_t item) {
    return item % 4 == 0 ? 0 : START + ((int64_t)(item % 4) - 2) * 25 * DAY_MS;
}

/* Its attributes: of 5, those whose bits are set; one in four items has none. */
static uint32_t attributes_of(const struct bench *b, uint32_t item) {
    return b->content && item / 3 % 4 ? (uint32_t)(mix64(item) & 31) : 0;
}

static void intern(struct bench *b, uint32_t item) {
    char id[16];
    uint32_t out = ITEM_NONE;
    const int len = snprintf(id, sizeof id, "i%u", item);
    struct content_change change;
    uint64_t attributes[5];
    uint32_t n = 0;
    for (uint32_t bit = 0; bit < 5; bit++) {
        if (attributes_of(b, item) >> bit & 1) {
            attributes[n++] = 1000 + bit;
        }
    }
    const struct content_row row = {
        .available = true,
        .ts_ms = row_ts(item),
        .n_attributes = n,
        .attributes = attributes,
        .price = 1.0F,
        .category = category_of(b, item) == CATEGORY_NONE ? 0 : 77 + category_of(b, item)};
    if (b->content) { /* first: the catalogue is there before events are */
        assert_int_equal(content_set(b->s->content, item, &row, &change), ST_OK);
        assert_int_equal(content_category(b->s->content, item), category_of(b, item));
    }
    assert_int_equal(shared_intern(b->s, mix64(item + 100), domain_of(item), id, (size_t)len, &out),
                     ST_OK);
    assert_int_equal(out, item);
}

/* The user's entries with ts <= up_to, newest first (ties: later taken is newer): of the
 * newest USER_HISTORY, which is what is kept. */
static uint32_t naive_history(const struct bench *b, uint32_t user, int64_t up_to,
                              struct logged out[USER_HISTORY]) {
    struct logged newest[USER_HISTORY + 1];
    uint32_t n = 0;
    for (uint32_t k = 0; k < b->n_of[user]; k++) {
        const struct logged *e = &b->log[b->of[user][k]];
        uint32_t at = 0;
        while (at < n && newest[at].ts > e->ts) {
            at++;
        }
        memmove(newest + at + 1, newest + at, (n - at) * sizeof *newest);
        newest[at] = *e;
        n = n < USER_HISTORY ? n + 1 : n;
    }
    uint32_t kept = 0;
    for (uint32_t k = 0; k < n; k++) {
        if (newest[k].ts <= up_to) {
            out[kept++] = newest[k];
        }
    }
    return kept;
}

static void add_pairs(struct bench *b, const struct logged *e) {
    struct logged h[USER_HISTORY];
    const uint32_t n = naive_history(b, e->user, e->ts, h);
    for (uint32_t r = 0; r < n && r < PAIRS_WINDOW; r++) {
        if (h[r].item == e->item) {
            continue;
        }
        const struct pair_add add = pairs_weigh(h[r].item, e->item, (int)r, e->ts - h[r].ts);
        assert_int_equal(shared_add_pair(b->s, b->d, &add), ST_OK);
        double s = exp2(-(double)(e->ts - h[r].ts) / (double)DAY_MS);
        s = s < 1e-4 ? 0.0 : s;
        const size_t to = (size_t)h[r].item * ITEMS + e->item;
        const size_t back = (size_t)e->item * ITEMS + h[r].item;
        b->a[to] += pow(.8, r);
        b->a[back] += pow(.8, r);
        b->f[to] += pow(.5, r);
        b->sess[to] += s;
        b->sess[back] += s;
        b->sess_sum[h[r].item] += s;
        b->sess_sum[e->item] += s;
    }
}

static void add_context(struct bench *b, struct rng *rng, uint32_t item) {
    struct mini_batch m = {.n_events = 0};
    float p[FACTORS];
    double sum = 0.0;
    for (int k = 0; k < FACTORS; k++) {
        p[k] = (float)(rng_unit(rng) - 0.5 + (k % 4 == (int)(item % 4) ? 0.3 : 0.0));
        sum += (double)p[k] * (double)p[k];
    }
    for (int k = 0; k < FACTORS; k++) {
        p[k] = (float)((double)p[k] / sqrt(sum));
    }
    shared_add_context(b->s, b->d, &m, item, p, FIXED_ONE, false);
}

/* What its category and its price say, as learner_line.c has it. */
static void add_category(struct bench *b, const struct logged *e) {
    const uint32_t category = category_of(b, e->item);
    struct logged h[USER_HISTORY];
    const uint32_t n = category == CATEGORY_NONE ? 0 : naive_history(b, e->user, e->ts, h);
    for (uint32_t r = 0; r < n && r < PAIRS_WINDOW; r++) {
        const uint32_t other = category_of(b, h[r].item);
        if (other != category && other != CATEGORY_NONE) {
            const struct pair_add add = pairs_weigh(other, category, (int)r, 0);
            assert_int_equal(shared_add_category_pair(b->s, b->d, &add), ST_OK);
            b->together[other][category] += pow(.8, r);
            b->together[category][other] += pow(.8, r);
        }
    }
    struct category_take take = {.weight = (int32_t)FIXED_ONE,
                                 .category = category,
                                 .item = e->item,
                                 .repeated = e->repeated};
    assert_int_equal(categories_weigh(b->s->categories, e->ts, &take.g), ST_OK);
    shared_add_category_take(b->s, b->d, &take);
    if (e->full_price > 0.0F) {
        categories_deal(b->s->categories, e->item, 1.0F - 1.0F / e->full_price, e->ts);
    }
}

static void add(struct bench *b, struct rng *rng, struct logged e) {
    int64_t w[POP_CLOCKS];
    assert_int_equal(delta_reserve_line(b->d), ST_OK);
    for (uint32_t k = 0; k < b->n; k++) {
        const struct logged *past = &b->log[k];
        e.repeated = e.repeated || (past->user == e.user && past->item == e.item && past->consumes);
    }
    if (e.history) {
        add_pairs(b, &e);
        add_context(b, rng, e.item);
        if (shared_landmark_needed(b->s, e.ts)) {
            (void)shared_move_landmarks(b->s, e.ts);
        }
        add_category(b, &e);
        assert_int_equal(popularity_weigh(b->s->popularity, e.ts, w), ST_OK);
        shared_add_take(b->s, b->d, e.item, domain_of(e.item), e.ts, w, FIXED_ONE);
        shared_add_obs(b->s, b->d, e.item, rng_below(rng, 1 << 21), rng_below(rng, 1 << 21));
        b->s->n_events++;
    }
    const struct user_line line = {.item = e.item,
                                   .ts_ms = e.ts,
                                   .hashes = items_hashes(b->s->items),
                                   .category = category_of(b, e.item),
                                   .action = e.consumes ? ACTION_ORDER : ACTION_VIEW,
                                   .domain = domain_of(e.item),
                                   .consumes = e.consumes,
                                   .repeats = domain_of(e.item) == REPEATS && e.history,
                                   .history = e.history};
    assert_int_equal(user_take(&b->users[e.user], &line), ST_OK);
    if (e.history) {
        b->of[e.user][b->n_of[e.user]++] = b->n;
    }
    b->log[b->n++] = e;
}

/* User 0 has nothing, 1..7 a few lines each (all in their history), the others many; some
 * lines are views, some only enter the set (reports). */
static void fill(struct bench *b, uint64_t seed) {
    struct rng rng = {seed};
    int64_t now = START;
    for (uint32_t k = 0; k < LINES; k++) {
        now += rng_below(&rng, 4) ? (int64_t)rng_below(&rng, 1200000) : 0;
        const uint32_t user =
            rng_below(&rng, 60) == 0 ? 1 + rng_below(&rng, 7) : 8 + rng_below(&rng, USERS - 8);
        const double u = rng_unit(&rng);
        const struct logged e = {.ts = now,
                                 .user = user,
                                 .item = (uint32_t)(u * sqrt(u) * (ITEMS - 40)),
                                 .consumes = rng_below(&rng, 10) > 0,
                                 .history = true,
                                 .full_price = k % 3 ? 1.0F + (float)(k % 5) / 4.0F : 0.0F};
        add(b, &rng, e);
        if (rng_below(&rng, 200) == 0) {
            add(b, &rng,
                (struct logged){
                    .ts = now, .user = user, .item = rng_below(&rng, ITEMS), .consumes = true});
        }
    }
    for (uint32_t u = 0; u < USERS; u++) {
        user_set_traits(b->users[u], -(float)rng_below(&rng, 16), (float)rng_below(&rng, 10));
    }
}

static struct bench *bench_new(uint32_t n_items, bool content) {
    struct bench *b = calloc(1, sizeof *b);
    const struct shared_params params = {
        .n_domains = 2, .seed = 5, .segments = {.k = 2, .seed_points = 8, .half_life = 100.0}};
    assert_non_null(b);
    b->content = content;
    assert_int_equal(shared_new(&params, &b->s), ST_OK);
    assert_int_equal(delta_new(&b->d), ST_OK);
    for (uint32_t i = 0; i < n_items; i++) {
        intern(b, i);
    }
    for (uint32_t u = 0; u < USERS; u++) {
        assert_int_equal(user_new(2, "someone", 7, &b->users[u]), ST_OK);
    }
    b->log = calloc(2 * LINES, sizeof *b->log);
    b->a = calloc((size_t)ITEMS * ITEMS, sizeof *b->a);
    b->f = calloc((size_t)ITEMS * ITEMS, sizeof *b->f);
    b->sess = calloc((size_t)ITEMS * ITEMS, sizeof *b->sess);
    assert_true(b->log && b->a && b->f && b->sess);
    return b;
}

static void bench_free(struct bench *b) {
    shared_free(b->s);
    delta_free(b->d);
    for (uint32_t u = 0; u < USERS; u++) {
        user_free(b->users[u]);
    }
    free(b->log);
    free(b->a);
    free(b->f);
    free(b->sess);
    free(b);
}

static struct bench *full; /* made once: read-only for the tests */
static struct bench *rich; /* the same events, of items that have categories */

static int make_full(void **state) {
    (void)state;
    full = bench_new(ITEMS, false);
    fill(full, 42);
    rich = bench_new(ITEMS, true);
    fill(rich, 42);
    return 0;
}

static int free_full(void **state) {
    (void)state;
    bench_free(full);
    bench_free(rich);
    return 0;
}

/* ---- the truth ------------------------------------------------------------------------------ */

struct truth {
    double k1[ITEMS], k3[ITEMS], k4[ITEMS], kx[ITEMS], max_k1;
    double own[PAIRS_WINDOW][ITEMS]; /* parts of k1, without what the item's count makes of them */
    double c[POP_CLOCKS][ITEMS], sum[POP_CLOCKS];
    double count[ITEMS];
    int64_t first[ITEMS], last[ITEMS];
    double p[FACTORS];
    bool hidden[ITEMS], touched[ITEMS];
    uint32_t times[ITEMS]; /* of the user, in the repeat domain */
    double taken[ITEMS];   /* the same, half as much after 60 days */
    uint32_t n_order;      /* entries of the history that are the order under way */
    double rep[ITEMS], deal[ITEMS], all_reps, all_takes;
    int64_t deal_ms[ITEMS];
    double g_item[ITEMS];
    double g[CATEGORIES], g_sum, events[CATEGORIES], all_events, reps[CATEGORIES];
    double v[CATEGORIES], v_sum;
    int64_t v_ms[CATEGORIES];
    int64_t mine_first[ITEMS], mine_last[ITEMS];
    struct logged history[USER_HISTORY];
    uint32_t n_history;
};

/* How much of 1 is left after the time between: nothing is lost before. */
static double left(int64_t then, int64_t now, double days) {
    return now > then ? exp2(-(double)(now - then) / (days * (double)DAY_MS)) : 1.0;
}

/* The newest events, joined by gaps of at most two hours; what was used up in them is hidden. */
static void truth_order(struct truth *t, int64_t now) {
    int64_t next = now;
    while (t->n_order < t->n_history && next - t->history[t->n_order].ts <= DAY_MS / 12) {
        const struct logged *e = &t->history[t->n_order++];
        t->hidden[e->item] = t->hidden[e->item] || e->consumes;
        next = e->ts;
    }
}

/* Sums over the log, of everybody and of the user, per category and item; at `now`. */
static void truth_categories(const struct bench *b, uint32_t user, int64_t now, struct truth *t) {
    for (uint32_t k = 0; k < b->n; k++) {
        const struct logged *e = &b->log[k];
        const uint32_t c = category_of(b, e->item);
        const double g = exp2((double)(e->ts - now) / (30.0 * (double)DAY_MS));
        if (e->history) {
            t->all_takes += 1.0;
            t->all_reps += e->repeated;
            t->rep[e->item] += e->repeated;
            t->g_item[e->item] += g;
        }
        if (e->history && e->full_price > 0.0F) {
            t->deal[e->item] = 1.0 - 1.0 / (double)e->full_price;
            t->deal_ms[e->item] = e->ts;
        }
        if (e->history && c != CATEGORY_NONE) {
            t->g[c] += g;
            t->g_sum += g;
            t->events[c] += 1.0;
            t->all_events += 1.0;
            t->reps[c] += e->repeated;
        }
        if (e->user == user && c != CATEGORY_NONE) {
            t->v_ms[c] = t->v[c] > 0.0 ? t->v_ms[c] : e->ts;
            t->v[c] = t->v[c] * left(t->v_ms[c], e->ts, 60.0) + left(e->ts, t->v_ms[c], 60.0);
            t->v_ms[c] = e->ts > t->v_ms[c] ? e->ts : t->v_ms[c];
        }
        if (e->user == user && e->consumes && e->history) {
            t->taken[e->item] += exp2((double)(e->ts - now) / (60.0 * (double)DAY_MS));
        }
    }
    int64_t newest = INT64_MIN;
    for (uint32_t k = 0; k < b->n; k++) {
        newest = b->log[k].user == user ? b->log[k].ts : newest;
    }
    for (uint32_t c = 0; c < CATEGORIES; c++) {
        t->v_sum += t->v[c] * left(t->v_ms[c], now > newest ? now : newest, 60.0);
        t->v[c] *= left(t->v_ms[c], now, 60.0);
    }
}

static void truth_counts(const struct bench *b, uint32_t user, uint8_t domain, struct truth *t) {
    const int64_t end = b->log[b->n - 1].ts;
    for (uint32_t k = 0; k < b->n; k++) {
        const struct logged *e = &b->log[k];
        if (e->user == user && e->consumes) {
            t->hidden[e->item] = t->hidden[e->item] || domain == NO_REPEATS || !e->history;
            if (e->history) {
                t->mine_first[e->item] = t->times[e->item] ? t->mine_first[e->item] : e->ts;
                t->mine_last[e->item] = e->ts;
                t->times[e->item]++;
            }
        }
        if (!e->history) {
            continue;
        }
        t->first[e->item] = t->count[e->item] > 0.0 ? t->first[e->item] : e->ts;
        t->last[e->item] = e->ts;
        t->count[e->item] += 1.0;
        for (int c = 0; c < POP_CLOCKS; c++) {
            const double w = exp2((double)(e->ts - end) / (double)popularity_half_life_ms[c]);
            t->c[c][e->item] += w;
            t->sum[c] += domain_of(e->item) == domain ? w : 0.0;
        }
    }
}

static void truth_pairs(const struct bench *b, uint8_t domain, int64_t now, struct truth *t) {
    for (uint32_t r = 0; r < t->n_history && r < PAIRS_WINDOW; r++) {
        const struct logged *h = &t->history[r];
        for (uint32_t i = 0; i < ITEMS; i++) {
            const size_t at = (size_t)h->item * ITEMS + i;
            if (domain_of(i) != domain || b->a[at] <= 0.0) {
                continue;
            }
            const double own = pow(.85, r) * b->a[at] * pow(t->count[h->item] + 5.0, -.6);
            t->touched[i] = true;
            t->own[r][i] = own;
            t->k1[i] += own * pow(t->count[i] + 5.0, -.4);
            t->kx[i] += domain_of(h->item) != domain ? own : 0.0;
            t->k3[i] += pow(.5, r) * b->f[at] / (t->count[h->item] + 2.0);
            t->k4[i] += exp2(-(double)(now - h->ts) / (double)DAY_MS) * b->sess[at] /
                        (b->sess_sum[h->item] + 2.0);
        }
    }
    t->max_k1 = 1e-9;
    for (uint32_t i = 0; i < ITEMS; i++) {
        t->max_k1 = !t->hidden[i] && t->k1[i] > t->max_k1 ? t->k1[i] : t->max_k1;
    }
}

/* p = A^-1 x by Gaussian elimination, A = .05 sum q q' + sum .85^r q q' + 2 I. */
static void truth_vector(const struct bench *b, struct truth *t) {
    static double m[FACTORS][FACTORS + 1];
    const float *q = factors_q(b->s->factors);
    memset(m, 0, sizeof m);
    const uint32_t n = t->n_history < FACTORS_HISTORY ? t->n_history : FACTORS_HISTORY;
    for (uint32_t i = 0; i < items_n(b->s->items) + n; i++) {
        const bool prior = i < items_n(b->s->items);
        const uint32_t r = prior ? 0 : i - items_n(b->s->items);
        const float *v = q + (size_t)(prior ? i : t->history[r].item) * FACTORS;
        const double w = prior ? .05 : pow(.85, r);
        for (int x = 0; x < FACTORS; x++) {
            for (int y = 0; y < FACTORS; y++) {
                m[x][y] += w * (double)v[x] * (double)v[y];
            }
            m[x][FACTORS] += prior ? 0.0 : w * (double)v[x];
        }
    }
    for (int x = 0; x < FACTORS; x++) {
        m[x][x] += 2.0;
    }
    for (int k = 0; k < FACTORS; k++) {
        for (int x = 0; x < FACTORS; x++) {
            const double g = x == k ? 0.0 : m[x][k] / m[k][k];
            for (int y = k; y <= FACTORS; y++) {
                m[x][y] -= g * m[k][y];
            }
        }
    }
    double norm = 0.0;
    for (int x = 0; x < FACTORS; x++) {
        t->p[x] = m[x][FACTORS] / m[x][x];
        norm += t->p[x] * t->p[x];
    }
    for (int x = 0; x < FACTORS; x++) {
        t->p[x] = norm > 0.0 ? t->p[x] / sqrt(norm) : 0.0;
    }
}

static struct truth *truth_of(const struct bench *b, uint32_t user, uint8_t domain, int64_t now) {
    struct truth *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->n_history = naive_history(b, user, now, t->history);
    truth_counts(b, user, domain, t);
    truth_order(t, now);
    truth_categories(b, user, now, t);
    truth_pairs(b, domain, now, t);
    truth_vector(b, t);
    return t;
}

static double hours(int64_t now, int64_t then) {
    return now > then ? (double)(now - then) / HOUR_MS : 0.0;
}

static void truth_affinity(const struct bench *b, const struct truth *t, uint32_t c, int64_t now,
                           double x[RANKER_X]) {
    bool in[CATEGORIES] = {false};
    double lines = 0.0;
    double goes = 0.0;
    double m = 0.0;
    for (uint32_t r = 0; r < t->n_order; r++) {
        const uint32_t other = category_of(b, t->history[r].item);
        lines += other == c;
        if (other != CATEGORY_NONE && !in[other]) {
            in[other] = true;
            m += 1.0;
            goes += b->together[other][c] / (t->events[other] + 5.0);
        }
    }
    const double share = fmin(1.0, (t->g[c] + .001) / t->g_sum);
    x[X_LIFT] = .25 * log2(((t->v[c] + 10.0 * share) / (t->v_sum + 10.0) + 1e-6) / share);
    x[X_GAP] = t->v[c] > 0.0
                   ? 3.0 - .25 * log2(1.0 + (now > t->v_ms[c] ? (double)(now - t->v_ms[c]) / HOUR_MS
                                                              : 0.0))
                   : 0.0;
    x[X_IN] = .7 * log2(1.0 + lines);
    if (m > 0.0) {
        x[X_GOES] = .25 * log2(goes * (t->all_events + 1.0) / (m * (t->events[c] + 1.0)) + .03);
    }
}

static double n_bits(uint32_t set) {
    double n = 0.0;
    for (; set; set &= set - 1) {
        n++;
    }
    return n;
}

static double truth_like(const struct bench *b, const struct truth *t, uint32_t i) {
    const double mine = n_bits(attributes_of(b, i));
    double sum = 0.0;
    double w = .5;
    for (uint32_t r = 0; r < t->n_history; r++) {
        const uint32_t other = t->history[r].item;
        if (category_of(b, other) == category_of(b, i)) {
            sum += pow(.96, r) * n_bits(attributes_of(b, i) & attributes_of(b, other));
            w += pow(.96, r);
        }
    }
    return mine > 0.0 ? sum / (mine * w) : 0.0;
}

/* Is it one of the 150 of the user's own that the search knows? */
static bool is_own(const struct truth *t, uint32_t i) {
    uint32_t before = 0;
    for (uint32_t j = 0; j < ITEMS; j++) {
        before += domain_of(j) == REPEATS && t->times[j] > 0 && t->taken[j] > t->taken[i];
    }
    return domain_of(i) == REPEATS && t->times[i] > 0 && before < CANDIDATES_OWN;
}

/* How often the user took of a category what he had taken before. */
static double truth_again(const struct bench *b, const struct truth *t, uint32_t c) {
    double lines = 0.0;
    double again = 0.0;
    for (uint32_t i = 0; i < ITEMS; i++) {
        if (category_of(b, i) == c && is_own(t, i)) {
            lines += t->times[i];
            again += t->times[i] - 1.0;
        }
    }
    return 2.0 * again / (lines + 1.0);
}

static void truth_content(const struct bench *b, const struct truth *t, uint8_t domain, int64_t now,
                          uint32_t i, double x[RANKER_X]) {
    const uint32_t c = category_of(b, i);
    const double rho = t->all_takes > 0.0 ? t->all_reps / t->all_takes : .5;
    double rho_c = rho;
    if (c != CATEGORY_NONE) {
        truth_affinity(b, t, c, now, x);
        x[X_LIKE] = truth_like(b, t, i);
        if (t->g[c] > 0.0) {
            x[X_PART] = 1.0 + .25 * log2(fmin(1.0, t->g_item[i] / t->g[c]) + 1e-4);
        }
        x[X_AGAIN] = domain == REPEATS ? truth_again(b, t, c) : 0.0;
        rho_c = (t->reps[c] + 20.0 * rho) / (t->events[c] + 20.0);
    }
    x[X_DEAL] = 3.0 * t->deal[i] * left(t->deal_ms[i], now, 7.0);
    if (domain == REPEATS) {
        x[X_REPEATED] = 3.0 * (t->rep[i] + 10.0 * rho_c) / (t->count[i] + 10.0) - 1.0;
    }
}

static void truth_features(const struct bench *b, const struct truth *t, uint32_t user,
                           uint8_t domain, int64_t now, uint32_t i, double x[RANKER_X]) {
    const struct pop_hot *hot = &popularity_hot(b->s->popularity)[i];
    const float *q = factors_q(b->s->factors) + (size_t)i * FACTORS;
    double l[POP_CLOCKS];
    double dot = 0.0;
    double qq = 0.0;
    memset(x, 0, RANKER_X * sizeof *x);
    for (int c = 0; c < POP_CLOCKS; c++) {
        l[c] = t->c[c][i] > 0.0 ? fmax(-16.0, log2(t->c[c][i]) - log2(t->sum[c])) : -16.0;
        x[X_POP_1D + c] = (l[c] + 9.0) / 4.0;
    }
    for (int k = 0; k < FACTORS; k++) {
        dot += t->p[k] * (double)q[k];
        qq += (double)q[k] * (double)q[k];
    }
    const double age = log2(1.0 + (t->count[i] > 0.0 ? hours(now, t->first[i]) : 0.0));
    const double scale = exp2((double)b->s->n_events / 20000.0);
    x[X_RECENT] = .2 * log2(1.0 + (t->count[i] > 0.0 ? hours(now, t->last[i]) : 0.0)) - 1.0;
    x[X_AGE] = .25 * age - 2.5;
    x[X_COUNT] = .25 * log2(1.0 + t->count[i]) - 1.0;
    x[X_K1_REL] = sqrt(fmin(1.0, t->k1[i] / t->max_k1)); /* what is hidden may have more */
    x[X_K1] = .25 * log2(t->k1[i] + 1e-4) + 2.0;
    x[X_K3] = .25 * log2(t->k3[i] + 1e-4) + 2.0;
    x[X_K4] = .25 * log2(t->k4[i] + 1e-4) + 2.0;
    x[X_KX] = .25 * log2(t->kx[i] + 1e-4) + 2.0;
    x[X_DOT] = 3.0 * dot;
    x[X_COS] = 2.0 * dot / sqrt(qq);
    x[X_MPOP] = fabs(l[2] - (double)user_mpop(b->users[user])) / 4.0;
    x[X_MAGE] = .2 * fabs(age - (double)user_mage(b->users[user]));
    x[X_OBS_EXP] = .5 * log2(((double)hot->obs / scale + 2.0) / ((double)hot->exp / scale + 2.0));
    truth_content(b, t, domain, now, i, x);
    if (domain == REPEATS && t->times[i] > 0) {
        const double n = t->times[i];
        const double since = hours(now, t->mine_last[i]);
        const double span = hours(t->mine_last[i], t->mine_first[i]);
        x[X_TIMES] = .7 * log2(1.0 + n);
        x[X_SINCE] = 3.0 - .25 * log2(1.0 + since);
        if (n > 1.0 && span > 0.0) {
            const double late = .5 * log2((since + 1.0) / (span / (n - 1.0) + 1.0));
            x[X_INTERVAL] = fmin(fmax(late, -2.0), 2.0) + 2.5;
        }
    }
}

#endif
