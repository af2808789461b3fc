/* SPDX-License-Identifier: Apache-2.0
 * test_candidates.c -- contract tests of models/candidates.h. The truth is a raw log of a
 * small random stream, from which everything is computed anew in double, by the formulas of
 * that header, pairs.h and factors.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "candidates_naive.h"
#include "failing_alloc.h"
#include "list.h"

/* ---- comparing ------------------------------------------------------------------------------- */

static void assert_features(const struct bench *b, const struct truth *t, uint32_t user,
                            uint8_t domain, int64_t now, const struct features_block *block) {
    for (uint32_t at = 0; at < block->n; at++) {
        double x[RANKER_X];
        truth_features(b, t, user, domain, now, block->item[at], x);
        for (size_t k = 0; k < RANKER_X; k++) {
            const double got = (double)features_at(block, k, at);
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
    for (uint32_t k = b->n; k-- > 0 && seen < CANDIDATES_RECENT;) {
        if (b->log[k].history && domain_of(b->log[k].item) == domain) {
            seen++;
            mark[b->log[k].item] = t->hidden[b->log[k].item] ? mark[b->log[k].item] : 2;
        }
    }
}

static void mark_own(const struct truth *t, uint8_t *mark) {
    bool own[ITEMS];
    for (uint32_t i = 0; i < ITEMS; i++) {
        own[i] = domain_of(i) == REPEATS && t->times[i] > 0;
    }
    mark_largest(t->taken, own, t->hidden, CANDIDATES_OWN, false, mark);
}

/* The three most taken items of every category that the user ever took of, in this domain. */
static void mark_categories(const struct bench *b, const struct truth *t, uint8_t domain,
                            uint8_t *mark) {
    for (uint32_t c = 0; c < CATEGORIES; c++) {
        bool in[ITEMS];
        uint8_t best[ITEMS] = {0};
        for (uint32_t i = 0; i < ITEMS; i++) {
            in[i] = category_of(b, i) == c && t->g_item[i] > 0.0;
        }
        mark_largest(t->g_item, in, t->hidden, CATEGORY_TOP, false, best);
        for (uint32_t i = domain; t->v[c] > 0.0 && i < ITEMS; i += 2) {
            mark[i] = best[i] > mark[i] ? best[i] : mark[i];
        }
    }
}

/* Of the domain's newest 50 items those that are new by the catalogue and hardly anybody took, if
 * he knows their category. */
static void mark_fresh(const struct bench *b, const struct truth *t, uint8_t domain, int64_t now,
                       uint8_t *mark) {
    for (uint32_t i = ITEMS - 100 + domain; i < ITEMS; i += 2) {
        const uint32_t c = category_of(b, i);
        const bool is_new = row_ts(i) > 0 && row_ts(i) <= now && now - row_ts(i) <= 30 * DAY_MS;
        if (is_new && c != CATEGORY_NONE && t->v[c] > 0.0 && t->count[i] < 5.0 && !t->hidden[i]) {
            mark[i] = 2;
        }
    }
}

static uint32_t assert_set(const struct bench *b, const struct truth *t, uint8_t domain,
                           int64_t now, const struct candidates *c) {
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
    mark_categories(b, t, domain, mark);
    mark_fresh(b, t, domain, now, mark);
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
    struct candidates *c = NULL;
    assert_int_equal(candidates_new(&c), ST_OK);
    candidates_view(c, b->s, b->users[user], domain, domain == REPEATS, now, v);
    candidates_free(c);
}

/* Which place of the history speaks most for an item, of equal ones the newest. Returns how many
 * items have one. */
static uint32_t assert_together(const struct truth *t, const struct candidates *c) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < ITEMS; i++) {
        const uint32_t place = candidates_together(c, i);
        double most = 0.0;
        uint32_t newest = UINT32_MAX;
        for (uint32_t r = PAIRS_WINDOW; r-- > 0;) {
            most = fmax(most, t->own[r][i]);
        }
        for (uint32_t r = PAIRS_WINDOW; r-- > 0;) {
            newest = most > 0.0 && t->own[r][i] >= most * (1.0 - 1e-7) ? r : newest;
        }
        if (place == UINT32_MAX || newest == UINT32_MAX) {
            assert_int_equal(place, newest);
            continue;
        }
        assert_true(place < t->n_history && place < PAIRS_WINDOW);
        assert_true(t->own[place][i] >= most * (1.0 - 1e-5)); /* 19 bits, and a float's rounding */
        assert_true(place <= newest);
        n++;
    }
    assert_int_equal(candidates_together(c, UINT32_MAX), UINT32_MAX);
    return n;
}

/* ---- tests --------------------------------------------------------------------------- */

static void candidates_and_features_are_those_of_the_raw_log(void **state) {
    (void)state;
    struct candidates *c = NULL;
    struct candidates_view v;
    uint32_t undecided = 0;
    uint32_t most = 0;
    uint32_t together = 0;
    assert_int_equal(candidates_new(&c), ST_OK);
    const int64_t now = full->log[full->n - 1].ts + 5 * DAY_MS / 2;
    for (uint32_t user = 0; user < USERS; user++) {
        for (uint8_t domain = 0; domain < 2; domain++) {
            struct truth *t = truth_of(full, user, domain, now);
            view_of(full, user, domain, now, &v);
            assert_int_equal(v.n_history, t->n_history);
            assert_int_equal(v.has_p, t->n_history > 0);
            assert_int_equal(candidates_find(c, full->s, &v, 0), ST_OK);
            undecided += assert_set(full, t, domain, now, c);
            together += assert_together(t, c);
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
    assert_true(together > USERS * CANDIDATES_NEIGHBOURS);
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

/* Categories, sales, repeats, and an order under way: user by user at the moment of an event of
 * his, when there is one. */
static void with_content_too_candidates_and_features_are_those_of_the_raw_log(void **state) {
    (void)state;
    struct candidates *c = NULL;
    struct candidates_view v;
    static float x[RANKER_X * RANKER_LIST_MAX];
    static uint32_t item[RANKER_LIST_MAX];
    uint32_t orders = 0;
    uint32_t undecided = 0;
    assert_int_equal(candidates_new(&c), ST_OK);
    for (uint32_t user = 0; user < USERS; user++) {
        const uint32_t n = rich->n_of[user];
        const int64_t end = rich->log[rich->n - 1].ts;
        const int64_t last = n > 0 ? rich->log[rich->of[user][n - 1]].ts : end;
        const int64_t times[] = {last, last + DAY_MS / 13, end, end + 40 * DAY_MS};
        for (uint32_t z = 0; z < 8; z++) {
            const uint8_t domain = (uint8_t)(z % 2);
            const int64_t now = times[z / 2];
            struct features_block block = {.stride = RANKER_LIST_MAX, .item = item, .x = x};
            for (uint32_t i = domain; i < ITEMS; i += 2) {
                item[block.n++] = i;
            }
            struct truth *t = truth_of(rich, user, domain, now);
            view_of(rich, user, domain, now, &v);
            assert_int_equal(candidates_find(c, rich->s, &v, 0), ST_OK);
            undecided += assert_set(rich, t, domain, now, c);
            candidates_features_of(c, rich->s, &v, &block);
            assert_features(rich, t, user, domain, now, &block);
            orders += t->n_order > 1;
            for (uint32_t i = 0; i < ITEMS; i++) {
                assert_true(!t->hidden[i] || candidates_position(c, i) == UINT32_MAX);
            }
            free(t);
        }
    }
    assert_true(orders > 10 && undecided < 40);
    candidates_free(c);
}

/* A user with somebody's history who consumed nothing of it, but so much else that a filter keeps
 * what he consumed. */
static struct user *filtered_user(const struct bench *b, uint32_t of) {
    struct user *u = NULL;
    assert_int_equal(user_new(2, "someone", 7, &u), ST_OK);
    for (uint32_t k = 0; k < b->n_of[of]; k++) {
        const struct logged *e = &b->log[b->of[of][k]];
        const struct user_line line = {.item = e->item,
                                       .ts_ms = e->ts,
                                       .category = CATEGORY_NONE,
                                       .action = ACTION_VIEW,
                                       .domain = domain_of(e->item),
                                       .history = true};
        assert_int_equal(user_take(&u, &line), ST_OK);
    }
    for (uint32_t k = 0; k < USER_EXACT + 50; k++) {
        const struct user_line line = {.item = 1000000 + k,
                                       .ts_ms = START,
                                       .category = CATEGORY_NONE,
                                       .domain = NO_REPEATS,
                                       .consumes = true};
        assert_int_equal(user_take(&u, &line), ST_OK);
    }
    uint32_t n = 0;
    assert_null(user_consumed_items(u, NO_REPEATS, &n));
    return u;
}

static void consume(const struct bench *b, uint32_t item, struct user **u) {
    const struct user_line line = {.item = item,
                                   .ts_ms = START,
                                   .hashes = items_hashes(b->s->items),
                                   .category = CATEGORY_NONE,
                                   .domain = NO_REPEATS,
                                   .consumes = true};
    assert_int_equal(user_take(u, &line), ST_OK);
}

/* He consumes the best n of his neighbours. */
static void consume_best(const struct bench *b, const struct truth *t, uint32_t n,
                         struct user **u) {
    bool done[ITEMS] = {0};
    for (uint32_t k = 0; k < n; k++) {
        uint32_t best = ITEM_NONE;
        for (uint32_t i = 0; i < ITEMS; i++) {
            if (t->touched[i] && !done[i] && (best == ITEM_NONE || t->k1[i] > t->k1[best])) {
                best = i;
            }
        }
        if (best == ITEM_NONE) {
            return;
        }
        done[best] = true;
        consume(b, best, u);
    }
}

/* None, some, most and all of the best neighbours; and things that are no neighbours of his. */
static void what_a_filter_has_gives_way_to_the_next_best(void **state) {
    (void)state;
    static const uint32_t n_consumed[] = {0, 40, 150, 200, ITEMS};
    struct candidates *c = NULL;
    struct candidates_view v;
    const int64_t now = full->log[full->n - 1].ts;
    uint32_t most_touched = 0;
    assert_int_equal(candidates_new(&c), ST_OK);
    for (uint32_t user = 2; user < USERS; user += 3) {
        for (size_t z = 0; z < sizeof n_consumed / sizeof *n_consumed; z++) {
            struct truth *t = truth_of(full, user, NO_REPEATS, now);
            struct user *u = filtered_user(full, user);
            consume_best(full, t, n_consumed[z], &u);
            for (uint32_t i = 0; z > 0 && i < ITEMS; i += 6) {
                consume(full, i, &u);
            }
            uint32_t touched = 0;
            for (uint32_t i = 0; i < ITEMS; i++) {
                t->hidden[i] = user_consumed(u, NO_REPEATS, i, items_hashes(full->s->items));
                touched += t->touched[i];
            }
            most_touched = touched > most_touched ? touched : most_touched;
            candidates_view(c, full->s, u, NO_REPEATS, false, now, &v);
            assert_int_equal(candidates_find(c, full->s, &v, 0), ST_OK);
            assert_set(full, t, NO_REPEATS, now, c);
            float max_k1 = 1e-9F;
            for (uint32_t i = 0; i < ITEMS; i++) {
                const bool counts = t->touched[i] && !t->hidden[i] && (float)t->k1[i] > max_k1;
                max_k1 = counts ? (float)t->k1[i] : max_k1;
            }
            const struct features_block *b = candidates_features(c, full->s, &v);
            assert_float_equal(b->c[C_MAX_K1], 0.25F * log2f(max_k1 + 1e-4F) + 2.0F, 1e-4F);
            user_free(u);
            free(t);
        }
    }
    assert_true(most_touched > 240); /* more than the filter is asked about at first */
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
            assert_set(full, t, domain, now, c);
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
    struct bench *b = bench_new(10, false);
    struct candidates *c = NULL;
    struct candidates_view v;
    struct rng rng = {1};
    assert_int_equal(candidates_new(&c), ST_OK);
    const int64_t year = 365 * DAY_MS;
    add(b, &rng,
        (struct logged){START, 0, 1, true, true, false, 0.0F}); /* years apart, taken just now */
    add(b, &rng, (struct logged){START + 4 * year, 0, 1, true, true, false, 0.0F});
    add(b, &rng, (struct logged){START + 4 * year, 0, 3, true, true, false, 0.0F}); /* once */
    add(b, &rng,
        (struct logged){START + 4 * year, 0, 5, true, true, false, 0.0F}); /* twice at once */
    add(b, &rng, (struct logged){START + 4 * year, 0, 5, true, true, false, 0.0F});
    add(b, &rng,
        (struct logged){START + 4 * year, 1, 7, true, true, false,
                        0.0F}); /* in a minute, long ago */
    add(b, &rng, (struct logged){START + 4 * year + 60000, 1, 7, true, true, false, 0.0F});
    view_of(b, 0, REPEATS, START + 4 * year + DAY_MS / 8, &v); /* three hours later */
    assert_int_equal(candidates_find(c, b->s, &v, 0), ST_OK);
    const struct features_block *x = candidates_features(c, b->s, &v);
    const float *interval = x->x + X_INTERVAL * x->stride;
    assert_true(interval[candidates_position(c, 1)] == 0.5F);
    assert_true(interval[candidates_position(c, 3)] == 0.0F);
    assert_true(interval[candidates_position(c, 5)] == 0.0F);
    assert_true(x->x[X_SINCE * x->stride + candidates_position(c, 3)] == 2.5F);
    assert_float_equal(x->x[X_TIMES * x->stride + candidates_position(c, 5)], 0.7F * log2f(3.0F),
                       1e-5F);
    view_of(b, 1, REPEATS, START + 20 * year, &v);
    assert_int_equal(candidates_find(c, b->s, &v, 0), ST_OK);
    x = candidates_features(c, b->s, &v);
    assert_true(x->x[X_INTERVAL * x->stride + candidates_position(c, 7)] == 4.5F);
    candidates_free(c);
    bench_free(b);
}

/* Items taken at one moment are equal, and more of them than candidates: those with the smaller
 * hashes are ones. What the table says of the others is known all the same. */
static void of_equal_own_items_the_smaller_hashes_are_candidates(void **state) {
    (void)state;
    enum { OWN = USER_REPEATS - 6 };
    struct bench *b = bench_new(ITEMS, false);
    struct candidates *c = NULL;
    struct candidates_view v;
    static float x[RANKER_X * RANKER_LIST_MAX];
    static uint32_t item[RANKER_LIST_MAX];
    struct features_block block = {.n = OWN, .stride = RANKER_LIST_MAX, .item = item, .x = x};
    const uint64_t *hashes = items_hashes(b->s->items);
    assert_int_equal(candidates_new(&c), ST_OK);
    for (uint32_t k = 0; k < OWN; k++) {
        item[k] = 2 * k + 1;
        const struct user_line line = {.item = item[k],
                                       .ts_ms = START,
                                       .category = CATEGORY_NONE,
                                       .domain = REPEATS,
                                       .consumes = true,
                                       .repeats = true};
        assert_int_equal(user_take(&b->users[0], &line), ST_OK);
        if (k % 2) { /* stronger ones */
            assert_int_equal(user_take(&b->users[0], &line), ST_OK);
        }
    }
    view_of(b, 0, REPEATS, START + DAY_MS, &v);
    assert_int_equal(candidates_find(c, b->s, &v, 0), ST_OK);
    assert_int_equal(candidates_n(c), CANDIDATES_OWN);
    candidates_features_of(c, b->s, &v, &block);
    for (uint32_t k = 0; k < OWN; k++) {
        uint32_t ahead = k % 2 ? 0 : OWN / 2;
        for (uint32_t j = k % 2; j < OWN; j += 2) {
            ahead += hashes[item[j]] < hashes[item[k]];
        }
        const bool listed = candidates_position(c, item[k]) != UINT32_MAX;
        assert_int_equal(listed, k % 2 == 1 || ahead < CANDIDATES_OWN);
        assert_float_equal(x[X_TIMES * RANKER_LIST_MAX + k], 0.7F * log2f(k % 2 ? 3.0F : 2.0F),
                           1e-5F);
    }
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
    struct bench *b = bench_new(500, false);
    struct candidates *c = NULL;
    struct candidates_view v;
    struct rng rng = {3};
    assert_int_equal(candidates_new(&c), ST_OK);
    for (uint32_t i = 0; i < 500; i += 2) { /* 250 items, most often the middle ones */
        for (uint32_t n = 0; n < 1 + (i > 200 && i < 300 ? i / 50 : 0); n++) {
            add(b, &rng,
                (struct logged){START + (int64_t)i * 1000, 2, i, false, true, false, 0.0F});
        }
    }
    for (uint32_t i = 0; i < 440; i += 2) { /* user 0 took 220 of them */
        add(b, &rng, (struct logged){START + DAY_MS, 0, i, true, false, false, 0.0F});
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

/* An order a moment ago of the 50 most popular of 130 items, where repeats are allowed, and which
 * only each other say anything of: they come last, whatever their counts, and are not said to be
 * likelier than the likeliest of the others. */
static void the_order_under_way_fills_up_last(void **state) {
    (void)state;
    enum { ORDERED = 50, OTHERS = 80, ALL = ORDERED + OTHERS };
    struct bench *b = bench_new(2 * ALL, false);
    struct candidates *c = NULL;
    struct candidates_view v;
    struct rng rng = {5};
    assert_int_equal(candidates_new(&c), ST_OK);
    for (uint32_t k = 0; k < ALL; k++) {
        const uint32_t user = k < ORDERED ? 1 + k % 10 : 11 + k % 10;
        add(b, &rng, (struct logged){START, user, 2 * k + 1, true, true, false, 0.0F});
    }
    for (uint32_t k = 0; k < ORDERED; k++) {
        add(b, &rng, (struct logged){START + DAY_MS, 0, 2 * k + 1, true, true, false, 0.0F});
    }
    for (uint32_t at_least = 0; at_least <= LIST_MAX; at_least++) {
        view_of(b, 0, REPEATS, START + DAY_MS + 60000, &v);
        assert_int_equal(candidates_find(c, b->s, &v, at_least), ST_OK);
        const uint32_t n = candidates_n(c);
        assert_true(n == at_least || (n > at_least && n < OTHERS));
        const struct features_block *x = candidates_features(c, b->s, &v);
        for (uint32_t k = 0; k < n; k++) {
            assert_true((x->item[k] < 2 * ORDERED) == (k >= OTHERS));
            assert_true(x->x[X_K1_REL * x->stride + k] <= 1.0F);
        }
    }
    for (uint32_t k = 0; k < ALL; k++) {
        assert_true(candidates_allowed(c, &v, 2 * k + 1) == (k >= ORDERED));
    }
    view_of(b, 0, REPEATS, START + 2 * DAY_MS, &v); /* it is over */
    assert_int_equal(candidates_find(c, b->s, &v, LIST_MAX), ST_OK);
    for (uint32_t k = 0; k < ALL; k++) {
        assert_true(candidates_allowed(c, &v, 2 * k + 1));
    }
    candidates_free(c);
    bench_free(b);
}

enum { HUBS = 2, ALIKE = CANDIDATES_NEIGHBOURS * 3 / 4 * HUBS };

static uint64_t alike_hash(uint32_t k) {
    return mix64(UINT64_C(0x616c696b) + k);
}

/* A model in which nobody has taken anything, and a user who takes the hubs of its pairs. */
struct lone {
    struct shared *s;
    struct candidates *c;
    struct user *u;
};

static void lone_new(uint32_t n_domains, struct lone *w) {
    const struct shared_params params = {
        .n_domains = n_domains, .segments = {.k = 2, .seed_points = 8, .half_life = 100.0}};
    assert_int_equal(shared_new(&params, &w->s), ST_OK);
    assert_int_equal(candidates_new(&w->c), ST_OK);
    assert_int_equal(user_new(1, "u", 1, &w->u), ST_OK);
}

static void lone_takes(struct lone *w, uint32_t item, int64_t ts_ms) {
    const struct user_line line = {.item = item,
                                   .ts_ms = ts_ms,
                                   .hashes = items_hashes(w->s->items),
                                   .category = CATEGORY_NONE,
                                   .action = ACTION_VIEW,
                                   .history = true};
    assert_int_equal(user_take(&w->u, &line), ST_OK);
}

static void lone_finds(struct lone *w, uint8_t domain, struct candidates_view *v) {
    candidates_view(w->c, w->s, w->u, domain, false, START + DAY_MS, v);
    assert_int_equal(candidates_find(w->c, w->s, v, 0), ST_OK);
}

static void lone_free(struct lone *w) {
    user_free(w->u);
    candidates_free(w->c);
    shared_free(w->s);
}

/* Two hubs, each with half of the items as neighbours, all alike; marks those that are found. */
static void find_alike(bool turned, bool found[ALIKE]) {
    struct lone w;
    struct candidates_view v;
    uint32_t index[ALIKE + HUBS];
    lone_new(1, &w);
    for (uint32_t k = 0; k < ALIKE + HUBS; k++) {
        const uint32_t number = turned ? ALIKE + HUBS - 1 - k : k;
        assert_int_equal(shared_intern(w.s, alike_hash(number), 0, "i", 1, &index[number]), ST_OK);
    }
    for (uint32_t k = 0; k < ALIKE; k++) {
        const struct pair_sum sum = {
            .from = index[ALIKE + k % HUBS], .to = index[k], .a = FIXED_ONE, .f = FIXED_ONE};
        assert_int_equal(shared_add_pair_sum(w.s, &sum, PAIR_FROM), ST_OK);
    }
    for (uint32_t hub = 0; hub < HUBS; hub++) {
        lone_takes(&w, index[ALIKE + hub], START + hub);
    }
    lone_finds(&w, 0, &v);
    assert_int_equal(candidates_n(w.c), CANDIDATES_NEIGHBOURS);
    for (uint32_t k = 0; k < ALIKE; k++) {
        found[k] = candidates_position(w.c, index[k]) != UINT32_MAX;
    }
    /* nothing was taken: 1 by 5^-.6 of the newer hub, by 5^-.4 of its neighbour */
    assert_float_equal(candidates_features(w.c, w.s, &v)->c[C_MAX_K1],
                       .25F * log2f(.2F + 1e-4F) + 2.0F, 1e-4F);
    lone_free(&w);
}

static void a_cut_through_equal_neighbours_does_not_depend_on_indices(void **state) {
    (void)state;
    bool found[2][ALIKE];
    uint32_t n_of[HUBS] = {0};
    find_alike(false, found[0]);
    find_alike(true, found[1]);
    for (uint32_t k = 0; k < ALIKE; k++) {
        assert_int_equal(found[0][k], found[1][k]);
        n_of[k % HUBS] += found[0][k];
    }
    assert_int_equal(n_of[1], ALIKE / 2); /* of the newer one all */
    assert_int_equal(n_of[0], CANDIDATES_NEIGHBOURS - ALIKE / 2);
}

/* A hub whose list was pruned, and to which more neighbours of a domain came than it may have, all
 * stronger than those who were kept: a search sees them when it is pruned again. */
static void find_late(uint8_t domain) {
    enum { LATE = PAIRS_NEIGHBOURS - PAIRS_KEEP + 1, ALL = PAIRS_NEIGHBOURS + 1 + LATE };
    struct lone w;
    struct candidates_view v;
    uint32_t hub = 0;
    uint32_t index[ALL];
    lone_new(2, &w);
    assert_int_equal(shared_intern(w.s, alike_hash(ALL), 0, "hub", 3, &hub), ST_OK);
    for (uint32_t k = 0; k < ALL; k++) {
        const bool late = k > PAIRS_NEIGHBOURS;
        assert_int_equal(shared_intern(w.s, alike_hash(k), domain, "i", 1, &index[k]), ST_OK);
        const struct pair_sum sum = {
            .from = hub, .to = index[k], .a = (int64_t)FIXED_ONE * (1 + late)};
        assert_int_equal(shared_add_pair_sum(w.s, &sum, PAIR_FROM), ST_OK);
        if (k == PAIRS_NEIGHBOURS) {
            pairs_prune_hashed(w.s->pairs, hub, items_hashes(w.s->items));
        }
    }
    lone_takes(&w, hub, START);
    lone_finds(&w, domain, &v);
    assert_int_equal(candidates_n(w.c), CANDIDATES_NEIGHBOURS);
    for (uint32_t k = ALL - LATE; k < ALL; k++) {
        assert_int_equal(candidates_position(w.c, index[k]), UINT32_MAX);
    }
    pairs_prune_hashed(w.s->pairs, hub, items_hashes(w.s->items));
    lone_finds(&w, domain, &v);
    assert_int_equal(candidates_n(w.c), CANDIDATES_NEIGHBOURS);
    for (uint32_t k = ALL - LATE; k < ALL; k++) {
        assert_int_not_equal(candidates_position(w.c, index[k]), UINT32_MAX);
    }
    lone_free(&w);
}

static void late_neighbours_of_a_long_list_are_seen_when_it_is_pruned(void **state) {
    (void)state;
    find_late(0);
    find_late(1);
}

/* Nobody has a history, so that beside the popular and recent ones only filling up adds:
 * the counts of those left out are not above any that filled up; of equal ones smaller hashes. */
static void filling_up_prefers_higher_counts(void **state) {
    (void)state;
    struct bench *b = bench_new(600, false);
    struct candidates *c = NULL;
    struct candidates_view v;
    struct rng rng = {4};
    assert_int_equal(candidates_new(&c), ST_OK);
    for (uint32_t i = 0; i < 600; i += 2) { /* counts differ by less than a float shows, or not */
        const int64_t ts = START + (int64_t)(i * 7919 % 600) * 1000;
        for (int n = 0; n < 18; n++) {
            add(b, &rng, (struct logged){ts, 2, i, false, true, false, 0.0F});
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
        const uint64_t hash = items_hash(b->s->items, i);
        for (; at > 0 && (order[at - 1].count < count ||
                          (order[at - 1].count == count &&
                           items_hash(b->s->items, order[at - 1].item) > hash));
             at--) {
            order[at] = order[at - 1];
        }
        order[at].count = count;
        order[at].item = i;
    }
    for (uint32_t k = 0; k < 160; k++) { /* the best 160 are his; 30 of the rest are wanted */
        add(b, &rng, (struct logged){START, 0, order[k].item, true, false, false, 0.0F});
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

/* What a search found. */
struct found {
    uint32_t n, item[RANKER_LIST_MAX];
    size_t n_x;
    float x[RANKER_X * RANKER_LIST_MAX];
};

static void search(struct candidates *c, const struct bench *b, const struct candidates_view *v,
                   struct found *out) {
    memset(out, 0, sizeof *out);
    assert_int_equal(candidates_find(c, b->s, v, LIST_MAX), ST_OK);
    const struct features_block *x = candidates_features(c, b->s, v);
    out->n = x->n;
    out->n_x = x->n_x;
    memcpy(out->item, candidates_items(c), x->n * sizeof *out->item);
    for (size_t k = 0; k < x->n_x; k++) {
        memcpy(out->x + k * x->n, x->x + k * x->stride, x->n * sizeof(float));
    }
}

static void a_workspace_shows_no_trace_of_other_searches_and_smaller_catalogues(void **state) {
    (void)state;
    static struct found here;
    static struct found there;
    struct bench *b = bench_new(ITEMS, false);
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
            search(old, b, &v, &here);
            search(fresh, b, &v, &there);
            assert_true(here.n > 0);
            assert_memory_equal(&here, &there, sizeof here);
            candidates_free(fresh);
        }
        const uint32_t more = 900U << round; /* beyond 1024, 2048, 4096 */
        for (uint32_t k = 0; k < more; k++) {
            intern(b, items++);
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

/* Lists that nothing pruned yet, of more neighbours than the workspace has cells for. */
static void of_more_neighbours_than_it_has_room_for_a_search_looks_at_the_first(void **state) {
    (void)state;
    enum { EACH = 8800, FIRST = 2 * PAIRS_WINDOW };
    struct bench *b = bench_new(FIRST + 2 * PAIRS_WINDOW * EACH, false);
    struct candidates *c = NULL;
    struct candidates_view v;
    assert_int_equal(candidates_new(&c), ST_OK);
    for (uint32_t r = 0; r < PAIRS_WINDOW; r++) {
        const struct user_line line = {.item = 2 * r,
                                       .ts_ms = START - (int64_t)r,
                                       .category = CATEGORY_NONE,
                                       .domain = NO_REPEATS,
                                       .consumes = true,
                                       .history = true};
        assert_int_equal(user_take(&b->users[0], &line), ST_OK);
        for (uint32_t k = 0; k < EACH; k++) { /* the first are the strongest */
            const struct pair_sum sum = {.a = (int64_t)(EACH - k) << 20,
                                         .s = 1 << 20,
                                         .from = 2 * r,
                                         .to = FIRST + 2 * (r * EACH + k)};
            assert_int_equal(pairs_add_sum(b->s->pairs, &sum, PAIR_FROM), ST_OK);
        }
    }
    for (int twice = 0; twice < 2; twice++) {
        view_of(b, 0, NO_REPEATS, START, &v);
        assert_int_equal(candidates_find(c, b->s, &v, 10), ST_OK);
        assert_int_equal(candidates_n(c), CANDIDATES_NEIGHBOURS);
        assert_int_not_equal(candidates_position(c, FIRST), UINT32_MAX);
        assert_int_equal(candidates_together(c, FIRST), 0);
        (void)candidates_features(c, b->s, &v);
    }
    candidates_free(c);
    bench_free(b);
}

/* Features may be asked for before any search, and of a domain where nothing was taken. */
static void nothing_known_gives_finite_features(void **state) {
    (void)state;
    struct bench *b = bench_new(20, false);
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
        cmocka_unit_test(with_content_too_candidates_and_features_are_those_of_the_raw_log),
        cmocka_unit_test(what_a_filter_has_gives_way_to_the_next_best),
        cmocka_unit_test(a_ranking_in_the_past_sees_only_the_earlier_history),
        cmocka_unit_test(the_interval_is_clipped_and_absent_where_taken_once),
        cmocka_unit_test(of_equal_own_items_the_smaller_hashes_are_candidates),
        cmocka_unit_test(too_few_candidates_are_filled_up_by_thirty_day_counts),
        cmocka_unit_test(the_order_under_way_fills_up_last),
        cmocka_unit_test(a_cut_through_equal_neighbours_does_not_depend_on_indices),
        cmocka_unit_test(late_neighbours_of_a_long_list_are_seen_when_it_is_pruned),
        cmocka_unit_test(filling_up_prefers_higher_counts),
        cmocka_unit_test(a_workspace_shows_no_trace_of_other_searches_and_smaller_catalogues),
        cmocka_unit_test(of_more_neighbours_than_it_has_room_for_a_search_looks_at_the_first),
        cmocka_unit_test(nothing_known_gives_finite_features),
        cmocka_unit_test(free_accepts_null_and_a_failed_new_leaves_nothing),
    };
    return cmocka_run_group_tests_name("candidates", tests, make_full, free_full);
}
