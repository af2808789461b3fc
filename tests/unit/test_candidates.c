/* SPDX-License-Identifier: Apache-2.0
 * test_candidates.c -- contract tests of models/candidates.h. The truth is a raw log of a
 * small random stream, from which everything is computed anew in double, by the formulas of
 * that header, pairs.h and factors.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "candidates.h"
#include "failing_alloc.h"
#include "fixed.h"
#include "list.h"
#include "mix.h"

enum { ITEMS = 640, USERS = 24, LINES = 5000, NO_REPEATS = 0, REPEATS = 1 };

#define DAY_MS  INT64_C(86400000)
#define HOUR_MS 3600000.0
#define START   (INT64_C(20000) * DAY_MS)

/* ---- the raw log ------------------------------------------------------------------------- */

struct logged {
    int64_t ts;
    uint32_t user, item;
    bool consumes, history;
};

struct bench {
    struct shared *s;
    struct delta *d;
    struct user *users[USERS];
    struct logged *log;
    uint32_t n;
    uint32_t of[USERS][2 * LINES]; /* lines of the log that are in a user's history */
    uint32_t n_of[USERS];
    double *a, *f, *sess; /* (ITEMS, ITEMS) [from][to], of all pairs in the log */
    double sess_sum[ITEMS];
};

/* Items of domain 0 are even; the last 40 are never taken. */
static uint8_t domain_of(uint32_t item) {
    return (uint8_t)(item % 2);
}

static void intern(struct shared *s, uint32_t item) {
    char id[16];
    uint32_t out = ITEM_NONE;
    const int len = snprintf(id, sizeof id, "i%u", item);
    assert_int_equal(shared_intern(s, mix64(item + 100), domain_of(item), id, (size_t)len, &out),
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

static void add(struct bench *b, struct rng *rng, struct logged e) {
    int64_t w[POP_CLOCKS];
    assert_int_equal(delta_reserve_line(b->d), ST_OK);
    if (e.history) {
        add_pairs(b, &e);
        add_context(b, rng, e.item);
        if (shared_landmark_needed(b->s, e.ts)) {
            (void)shared_move_landmarks(b->s, e.ts);
        }
        assert_int_equal(popularity_weigh(b->s->popularity, e.ts, w), ST_OK);
        shared_add_take(b->s, b->d, e.item, domain_of(e.item), e.ts, w, FIXED_ONE);
        shared_add_obs(b->s, b->d, e.item, rng_below(rng, 1 << 21), rng_below(rng, 1 << 21));
        b->s->n_events++;
    }
    const struct user_line line = {.item = e.item,
                                   .ts_ms = e.ts,
                                   .hashes = items_hashes(b->s->items),
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
                                 .history = true};
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

static struct bench *bench_new(uint32_t n_items) {
    struct bench *b = calloc(1, sizeof *b);
    const struct shared_params params = {
        .n_domains = 2, .seed = 5, .segments = {.k = 2, .seed_points = 8, .half_life = 100.0}};
    assert_non_null(b);
    assert_int_equal(shared_new(&params, &b->s), ST_OK);
    assert_int_equal(delta_new(&b->d), ST_OK);
    for (uint32_t i = 0; i < n_items; i++) {
        intern(b->s, i);
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

static int make_full(void **state) {
    (void)state;
    full = bench_new(ITEMS);
    fill(full, 42);
    return 0;
}

static int free_full(void **state) {
    (void)state;
    bench_free(full);
    return 0;
}

/* ---- the truth ------------------------------------------------------------------------------ */

struct truth {
    double k1[ITEMS], k3[ITEMS], k4[ITEMS], kx[ITEMS], max_k1;
    double c[POP_CLOCKS][ITEMS], sum[POP_CLOCKS];
    double count[ITEMS];
    int64_t first[ITEMS], last[ITEMS];
    double p[FACTORS];
    bool hidden[ITEMS], touched[ITEMS];
    uint32_t times[ITEMS]; /* of the user, in the repeat domain */
    int64_t mine_first[ITEMS], mine_last[ITEMS];
    struct logged history[USER_HISTORY];
    uint32_t n_history;
};

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
    for (uint32_t i = 0; i < items_n(b->s->items) + t->n_history; i++) {
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
    truth_pairs(b, domain, now, t);
    truth_vector(b, t);
    return t;
}

static double hours(int64_t now, int64_t then) {
    return now > then ? (double)(now - then) / HOUR_MS : 0.0;
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
    x[X_K1_REL] = sqrt(t->k1[i] / t->max_k1);
    x[X_K1] = .25 * log2(t->k1[i] + 1e-4) + 2.0;
    x[X_K3] = .25 * log2(t->k3[i] + 1e-4) + 2.0;
    x[X_K4] = .25 * log2(t->k4[i] + 1e-4) + 2.0;
    x[X_KX] = .25 * log2(t->kx[i] + 1e-4) + 2.0;
    x[X_DOT] = 3.0 * dot;
    x[X_COS] = 2.0 * dot / sqrt(qq);
    x[X_MPOP] = fabs(l[2] - (double)user_mpop(b->users[user])) / 4.0;
    x[X_MAGE] = .2 * fabs(age - (double)user_mage(b->users[user]));
    x[X_OBS_EXP] = .5 * log2(((double)hot->obs / scale + 2.0) / ((double)hot->exp / scale + 2.0));
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

/* ---- comparing ------------------------------------------------------------------------------- */

static void assert_features(const struct bench *b, const struct truth *t, uint32_t user,
                            uint8_t domain, int64_t now, const struct features_block *block) {
    for (uint32_t at = 0; at < block->n; at++) {
        double x[RANKER_X];
        truth_features(b, t, user, domain, now, block->item[at], x);
        for (size_t k = 0; k < RANKER_X; k++) {
            const double got = (double)block->x[k * block->stride + at];
            if (!(fabs(got - x[k]) <= 2e-4 * fmax(1.0, fabs(x[k])))) {
                fail_msg("user %u domain %u item %u feature %zu is %g, expected %g", user, domain,
                         block->item[at], k, got, x[k]);
            }
        }
    }
}

/* Marks the items whose value is surely (2) or perhaps (1) among the `n` largest allowed. */
static void mark_largest(const double *value, const bool *in, const bool *hidden, uint32_t n,
                         bool hide_first, uint8_t *mark) {
    for (uint32_t i = 0; i < ITEMS; i++) {
        uint32_t above = 0;
        uint32_t near = 0;
        if (!in[i] || hidden[i]) {
            continue;
        }
        for (uint32_t j = 0; j < ITEMS && above < n; j++) {
            if (in[j] && (!hide_first || !hidden[j])) {
                above += value[j] > value[i] * (1.0 + 1e-5);
                near += value[j] >= value[i] * (1.0 - 1e-5);
            }
        }
        const uint8_t sure = above >= n ? 0 : near <= n ? 2 : 1;
        mark[i] = sure > mark[i] ? sure : mark[i];
    }
}

static void mark_recent(const struct bench *b, const struct truth *t, uint8_t domain,
                        uint8_t *mark) {
    uint32_t seen = 0;
    for (uint32_t k = b->n; k-- > 0 && seen < POP_RECENT;) {
        if (b->log[k].history && domain_of(b->log[k].item) == domain) {
            seen++;
            mark[b->log[k].item] = t->hidden[b->log[k].item] ? mark[b->log[k].item] : 2;
        }
    }
}

static void mark_own(const struct truth *t, uint8_t *mark) {
    for (uint32_t i = 0; i < ITEMS; i++) {
        uint32_t newer = 0;
        for (uint32_t j = 0; j < ITEMS && t->times[i]; j++) {
            newer += domain_of(j) == REPEATS && t->times[j] > 0 &&
                     (t->mine_last[j] > t->mine_last[i] ||
                      (t->mine_last[j] == t->mine_last[i] && j < i));
        }
        if (domain_of(i) == REPEATS && t->times[i] && newer < CANDIDATES_OWN && !t->hidden[i]) {
            mark[i] = 2;
        }
    }
}

static uint32_t assert_set(const struct bench *b, const struct truth *t, uint8_t domain,
                           const struct candidates *c) {
    uint8_t mark[ITEMS] = {0};
    bool counted[ITEMS];
    for (uint32_t i = 0; i < ITEMS; i++) {
        counted[i] = domain_of(i) == domain && t->count[i] > 0.0;
    }
    mark_largest(t->k1, t->touched, t->hidden, CANDIDATES_NEIGHBOURS, true, mark);
    for (int clock = 0; clock < POP_LISTS; clock++) { /* the list first, then what is hidden */
        mark_largest(t->c[clock], counted, t->hidden, POP_TOP, false, mark);
    }
    mark_recent(b, t, domain, mark);
    if (domain == REPEATS) {
        mark_own(t, mark);
    }
    uint32_t undecided = 0;
    bool got[ITEMS] = {0};
    for (uint32_t k = 0; k < candidates_n(c); k++) {
        const uint32_t i = candidates_items(c)[k];
        assert_false(got[i]);
        got[i] = true;
        assert_int_equal(candidates_position(c, i), k);
    }
    for (uint32_t i = 0; i < ITEMS; i++) {
        undecided += mark[i] == 1;
        if ((mark[i] == 2 && !got[i]) || (mark[i] == 0 && got[i])) {
            fail_msg("domain %u item %u: %s", domain, i, got[i] ? "too much" : "missing");
        }
        if (!got[i]) {
            assert_int_equal(candidates_position(c, i), UINT32_MAX);
        }
    }
    return undecided;
}

static void view_of(const struct bench *b, uint32_t user, uint8_t domain, int64_t now,
                    struct candidates_view *v) {
    candidates_view(b->s, b->users[user], domain, domain == REPEATS, now, v);
}

/* ---- tests --------------------------------------------------------------------------- */

static void candidates_and_features_are_those_of_the_raw_log(void **state) {
    (void)state;
    struct candidates *c = NULL;
    struct candidates_view v;
    uint32_t undecided = 0;
    uint32_t most = 0;
    assert_int_equal(candidates_new(&c), ST_OK);
    const int64_t now = full->log[full->n - 1].ts + 5 * DAY_MS / 2;
    for (uint32_t user = 0; user < USERS; user++) {
        for (uint8_t domain = 0; domain < 2; domain++) {
            struct truth *t = truth_of(full, user, domain, now);
            view_of(full, user, domain, now, &v);
            assert_int_equal(v.n_history, t->n_history);
            assert_int_equal(v.has_p, t->n_history > 0);
            assert_int_equal(candidates_find(c, full->s, &v, 0), ST_OK);
            undecided += assert_set(full, t, domain, c);
            uint32_t neighbours = 0;
            for (uint32_t i = 0; i < ITEMS; i++) {
                neighbours += t->touched[i] && !t->hidden[i];
            }
            most = neighbours > most ? neighbours : most;
            assert_features(full, t, user, domain, now, candidates_features(c, full->s, &v));
            free(t);
        }
    }
    assert_true(undecided < 10);               /* the comparison is one of sets, but for rounding */
    assert_true(most > CANDIDATES_NEIGHBOURS); /* or the best were all of them */
    candidates_free(c);
}

/* Items that are not candidates have their features all the same: consumed, untouched, of
 * no history; the relative k1 of a consumed item may exceed 1. */
static void features_of_chosen_items_are_those_of_the_raw_log(void **state) {
    (void)state;
    struct candidates *c = NULL;
    struct candidates_view v;
    static float x[RANKER_X * RANKER_LIST_MAX];
    static uint32_t item[RANKER_LIST_MAX];
    assert_int_equal(candidates_new(&c), ST_OK);
    const int64_t now = full->log[full->n - 1].ts;
    for (uint32_t user = 0; user < USERS; user += 5) {
        for (uint8_t domain = 0; domain < 2; domain++) {
            struct features_block block = {.stride = RANKER_LIST_MAX, .item = item, .x = x};
            for (uint32_t i = domain; i < ITEMS; i += 2) {
                item[block.n++] = i;
            }
            memset(x, 0x7f, sizeof x); /* nothing of an earlier call may shine through */
            struct truth *t = truth_of(full, user, domain, now);
            view_of(full, user, domain, now, &v);
            assert_int_equal(candidates_find(c, full->s, &v, 0), ST_OK);
            candidates_features_of(c, full->s, &v, &block);
            assert_features(full, t, user, domain, now, &block);
            free(t);
        }
    }
    candidates_free(c);
}

/* now_ms before the user's newest entries: only what came before counts, and every "since"
 * is clamped at 0. */
static void a_ranking_in_the_past_sees_only_the_earlier_history(void **state) {
    (void)state;
    struct candidates *c = NULL;
    struct candidates_view v;
    assert_int_equal(candidates_new(&c), ST_OK);
    bool shortened = false;
    for (uint32_t user = 1; user < USERS; user += 3) {
        for (uint8_t domain = 0; domain < 2; domain++) {
            const int64_t now = full->log[full->n - 200].ts;
            struct truth *t = truth_of(full, user, domain, now);
            view_of(full, user, domain, now, &v);
            assert_int_equal(v.n_history, t->n_history);
            shortened = shortened || (t->n_history > 0 && t->n_history < USER_HISTORY);
            assert_int_equal(candidates_find(c, full->s, &v, 0), ST_OK);
            assert_set(full, t, domain, c);
            assert_features(full, t, user, domain, now, candidates_features(c, full->s, &v));
            free(t);
            view_of(full, user, domain, START - 1, &v); /* before everything */
            assert_int_equal(v.n_history, 0);
            assert_false(v.has_p);
            assert_int_equal(candidates_find(c, full->s, &v, 0), ST_OK);
            const struct features_block *b = candidates_features(c, full->s, &v);
            for (uint32_t k = 0; k < b->n; k++) {
                assert_true(b->x[X_RECENT * b->stride + k] == -1.0F);
                assert_true(b->x[X_AGE * b->stride + k] == -2.5F);
                assert_true(b->x[X_DOT * b->stride + k] == 0.0F);
            }
        }
    }
    assert_true(shortened);
    candidates_free(c);
}

static void the_interval_is_clipped_and_absent_where_taken_once(void **state) {
    (void)state;
    struct bench *b = bench_new(10);
    struct candidates *c = NULL;
    struct candidates_view v;
    struct rng rng = {1};
    assert_int_equal(candidates_new(&c), ST_OK);
    const int64_t year = 365 * DAY_MS;
    add(b, &rng, (struct logged){START, 0, 1, true, true}); /* years apart, taken just now */
    add(b, &rng, (struct logged){START + 4 * year, 0, 1, true, true});
    add(b, &rng, (struct logged){START + 4 * year, 0, 3, true, true}); /* once */
    add(b, &rng, (struct logged){START + 4 * year, 0, 5, true, true}); /* twice at once */
    add(b, &rng, (struct logged){START + 4 * year, 0, 5, true, true});
    add(b, &rng, (struct logged){START + 4 * year, 1, 7, true, true}); /* in a minute, long ago */
    add(b, &rng, (struct logged){START + 4 * year + 60000, 1, 7, true, true});
    view_of(b, 0, REPEATS, START + 4 * year, &v);
    assert_int_equal(candidates_find(c, b->s, &v, 0), ST_OK);
    const struct features_block *x = candidates_features(c, b->s, &v);
    const float *interval = x->x + X_INTERVAL * x->stride;
    assert_true(interval[candidates_position(c, 1)] == 0.5F);
    assert_true(interval[candidates_position(c, 3)] == 0.0F);
    assert_true(interval[candidates_position(c, 5)] == 0.0F);
    assert_true(x->x[X_SINCE * x->stride + candidates_position(c, 3)] == 3.0F);
    assert_float_equal(x->x[X_TIMES * x->stride + candidates_position(c, 5)], 0.7F * log2f(3.0F),
                       1e-5F);
    view_of(b, 1, REPEATS, START + 20 * year, &v);
    assert_int_equal(candidates_find(c, b->s, &v, 0), ST_OK);
    x = candidates_features(c, b->s, &v);
    assert_true(x->x[X_INTERVAL * x->stride + candidates_position(c, 7)] == 4.5F);
    candidates_free(c);
    bench_free(b);
}

static uint32_t allowed_of(const struct bench *b, const struct candidates_view *v) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < items_n(b->s->items); i++) {
        n += domain_of(i) == v->domain && !user_consumed(v->user, v->domain, i, v->hashes);
    }
    return n;
}

/* A domain of items that hardly anybody took, and a user who had nearly everything. */
static void too_few_candidates_are_filled_up_by_thirty_day_counts(void **state) {
    (void)state;
    struct bench *b = bench_new(500);
    struct candidates *c = NULL;
    struct candidates_view v;
    struct rng rng = {3};
    assert_int_equal(candidates_new(&c), ST_OK);
    for (uint32_t i = 0; i < 500; i += 2) { /* 250 items, most often the middle ones */
        for (uint32_t n = 0; n < 1 + (i > 200 && i < 300 ? i / 50 : 0); n++) {
            add(b, &rng, (struct logged){START + (int64_t)i * 1000, 2, i, false, true});
        }
    }
    for (uint32_t i = 0; i < 440; i += 2) { /* user 0 took 220 of them */
        add(b, &rng, (struct logged){START + DAY_MS, 0, i, true, false});
    }
    for (uint32_t at_least = 0; at_least <= LIST_MAX; at_least += 5) {
        for (uint32_t user = 0; user < 2; user++) {
            view_of(b, user, NO_REPEATS, START + 2 * DAY_MS, &v);
            assert_int_equal(candidates_find(c, b->s, &v, at_least), ST_OK);
            const uint32_t n = allowed_of(b, &v);
            assert_true(candidates_n(c) >= (at_least < n ? at_least : n));
            for (uint32_t k = 0; k < candidates_n(c); k++) {
                const uint32_t i = candidates_items(c)[k];
                assert_int_equal(domain_of(i), NO_REPEATS);
                assert_false(user_consumed(v.user, NO_REPEATS, i, v.hashes));
            }
        }
    }
    candidates_free(c);
    bench_free(b);
}

/* Nobody has a history, so that beside the popular and recent ones only filling up adds:
 * the counts of those left out are not above any that filled up. */
static void filling_up_prefers_higher_counts(void **state) {
    (void)state;
    struct bench *b = bench_new(600);
    struct candidates *c = NULL;
    struct candidates_view v;
    struct rng rng = {4};
    assert_int_equal(candidates_new(&c), ST_OK);
    for (uint32_t i = 0; i < 600; i += 2) { /* all counts differ, by less than a float shows */
        const int64_t ts = START + (int64_t)(i * 7919 % 600) * 1000;
        for (int n = 0; n < 18; n++) {
            add(b, &rng, (struct logged){ts, 2, i, false, true});
        }
    }
    struct {
        int64_t count;
        uint32_t item;
    } order[300];
    uint32_t n = 0;
    for (uint32_t i = 0; i < 600; i += 2) {
        const int64_t count = popularity_count(b->s->popularity, i, 2);
        uint32_t at = n++;
        for (; at > 0 && order[at - 1].count < count; at--) {
            order[at] = order[at - 1];
        }
        order[at].count = count;
        order[at].item = i;
    }
    for (uint32_t k = 0; k < 160; k++) { /* the best 160 are his; 30 of the rest are wanted */
        add(b, &rng, (struct logged){START, 0, order[k].item, true, false});
    }
    view_of(b, 0, NO_REPEATS, START + DAY_MS, &v);
    assert_int_equal(candidates_find(c, b->s, &v, 0), ST_OK);
    const uint32_t found = candidates_n(c);
    assert_true(found < 30); /* recent ones */
    assert_int_equal(candidates_find(c, b->s, &v, 60), ST_OK);
    assert_int_equal(candidates_n(c), 60);
    uint32_t missing = 60 - found;
    for (uint32_t k = 160; k < n && missing > 0; k++) {
        const uint32_t at = candidates_position(c, order[k].item);
        assert_true(at != UINT32_MAX);
        missing -= at >= found;
    }
    assert_int_equal(missing, 0);
    candidates_free(c);
    bench_free(b);
}

static void the_workspace_grows_with_the_catalogue_and_shows_no_trace_of_it(void **state) {
    (void)state;
    struct bench *b = bench_new(ITEMS);
    struct candidates *old = NULL;
    struct candidates_view v;
    fill(b, 7);
    const int64_t now = b->log[b->n - 1].ts;
    assert_int_equal(candidates_new(&old), ST_OK);
    assert_int_equal(candidates_position(old, 0), UINT32_MAX); /* nothing was found yet */
    uint32_t items = ITEMS;
    for (int round = 0; round < 4; round++) {
        for (uint32_t user = 0; user < USERS; user++) {
            struct candidates *fresh = NULL;
            assert_int_equal(candidates_new(&fresh), ST_OK);
            view_of(b, user, NO_REPEATS, now, &v);
            assert_int_equal(candidates_find(old, b->s, &v, LIST_MAX), ST_OK);
            assert_int_equal(candidates_find(fresh, b->s, &v, LIST_MAX), ST_OK);
            assert_int_equal(candidates_n(old), candidates_n(fresh));
            assert_memory_equal(candidates_items(old), candidates_items(fresh),
                                candidates_n(old) * sizeof(uint32_t));
            const struct features_block *x = candidates_features(old, b->s, &v);
            const struct features_block *y = candidates_features(fresh, b->s, &v);
            for (size_t k = 0; k < RANKER_X; k++) {
                assert_memory_equal(x->x + k * x->stride, y->x + k * y->stride,
                                    x->n * sizeof(float));
            }
            candidates_free(fresh);
        }
        const uint32_t more = 900U << round; /* beyond 1024, 2048, 4096 */
        for (uint32_t k = 0; k < more; k++) {
            intern(b->s, items++);
        }
        assert_int_equal(candidates_position(old, items - 1), UINT32_MAX);
        if (CAN_FAIL) { /* a search that finds no memory leaves the workspace usable */
            view_of(b, 9, NO_REPEATS, now, &v);
            for (int n = 0; n < 3; n++) {
                fail_after(n);
                const enum status st = candidates_find(old, b->s, &v, 1);
                fail_after(-1);
                if (st) {
                    assert_int_equal(st, ST_NOMEM);
                }
            }
        }
    }
    candidates_free(old);
    bench_free(b);
}

/* Features may be asked for before any search, and of a domain where nothing was taken. */
static void nothing_known_gives_finite_features(void **state) {
    (void)state;
    struct bench *b = bench_new(20);
    struct candidates *c = NULL;
    struct candidates_view v;
    static float x[RANKER_X * 16];
    uint32_t item[] = {0, 2, 4};
    struct features_block block = {.n = 3, .stride = 16, .item = item, .x = x};
    assert_int_equal(candidates_new(&c), ST_OK);
    view_of(b, 0, NO_REPEATS, START, &v);
    candidates_features_of(c, b->s, &v, &block);
    for (size_t k = 0; k < RANKER_X; k++) {
        for (uint32_t at = 0; at < 3; at++) {
            assert_true(isfinite(x[k * 16 + at]) && fabsf(x[k * 16 + at]) < 10.0F);
        }
    }
    for (int clock = 0; clock < POP_CLOCKS; clock++) {
        assert_true(x[(size_t)(X_POP_1D + clock) * 16] == -1.75F); /* (-16 + 9)/4 */
    }
    candidates_free(c);
    bench_free(b);
}

static void free_accepts_null_and_a_failed_new_leaves_nothing(void **state) {
    (void)state;
    candidates_free(NULL);
    if (CAN_FAIL) {
        struct candidates *c = NULL;
        fail_after(0);
        const enum status st = candidates_new(&c);
        fail_after(-1);
        assert_int_equal(st, ST_NOMEM);
        assert_null(c);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(candidates_and_features_are_those_of_the_raw_log),
        cmocka_unit_test(features_of_chosen_items_are_those_of_the_raw_log),
        cmocka_unit_test(a_ranking_in_the_past_sees_only_the_earlier_history),
        cmocka_unit_test(the_interval_is_clipped_and_absent_where_taken_once),
        cmocka_unit_test(too_few_candidates_are_filled_up_by_thirty_day_counts),
        cmocka_unit_test(filling_up_prefers_higher_counts),
        cmocka_unit_test(the_workspace_grows_with_the_catalogue_and_shows_no_trace_of_it),
        cmocka_unit_test(nothing_known_gives_finite_features),
        cmocka_unit_test(free_accepts_null_and_a_failed_new_leaves_nothing),
    };
    return cmocka_run_group_tests_name("candidates", tests, make_full, free_full);
}
