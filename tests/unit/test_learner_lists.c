/* SPDX-License-Identifier: Apache-2.0
 * test_learner_lists.c -- contract tests of models/learner.h: lists, their order, the fallback,
 * replay, and the prequential test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "candidates.h"
#include "learner_run.h"

enum { DOMAINS = 5, USERS = 30, ITEMS = 3000 };

/* What a user may not be shown, noted by the test itself. */
struct hidden {
    bool repeats[DOMAINS];
    bool item[USERS][DOMAINS][ITEMS];
    bool took[USERS][DOMAINS][ITEMS]; /* where repeats are allowed */
    bool exists[DOMAINS][ITEMS];
};

static uint32_t number_of(const struct learner *l, uint32_t i) {
    size_t len = 0;
    return (uint32_t)strtoul(items_id(learner_shared(l)->items, i, &len), NULL, 10);
}

static void note(struct hidden *h, const struct made *m) {
    const bool consumes = m->e.action >= ACTION_ENROLL && m->e.action <= ACTION_RATE;
    for (uint32_t k = 0; k < m->e.n_lines; k++) {
        const uint32_t item = (uint32_t)strtoul(m->ids[k], NULL, 10);
        const uint32_t user = (uint32_t)strtoul(m->user_id + 1, NULL, 10);
        h->exists[m->e.domain][item] = true;
        if (m->e.action == ACTION_REPORT || (consumes && !h->repeats[m->e.domain])) {
            h->item[user][m->e.domain][item] = true;
        }
        if (consumes && h->repeats[m->e.domain]) {
            h->took[user][m->e.domain][item] = true;
        }
    }
}

/* ---- what comes back ------------------------------------------------------------------------ */

static bool may_be_listed(const struct hidden *h, uint32_t user, uint8_t domain, uint32_t item) {
    return h->exists[domain][item] && !h->item[user][domain][item];
}

/* What the order under way has is listed only if there is nothing else. */
static bool comes_last(const struct learner *l, uint32_t user, uint8_t domain, uint32_t item,
                       int64_t now_ms) {
    const struct users *us = learner_users(l, 0);
    return in_order(users_get(us, users_find(us, user_hash(user))), now_ms,
                    items_find(learner_shared(l)->items, item_hash(domain, item)));
}

static void assert_list(const struct learner *l, const struct hidden *h, uint32_t user,
                        uint8_t domain, int64_t now_ms, uint32_t n, const struct list *list) {
    uint32_t allowed = 0;
    uint32_t others = 0;
    uint32_t in_order = 0;
    for (uint32_t i = 0; i < ITEMS; i++) {
        if (may_be_listed(h, user, domain, i)) {
            allowed++;
            others += !comes_last(l, user, domain, i, now_ms);
        }
    }
    assert_int_equal(list->n, n < allowed ? n : allowed);
    bool seen[ITEMS] = {0};
    for (uint32_t k = 0; k < list->n; k++) {
        const uint32_t item = number_of(l, list->items[k].item);
        assert_int_equal(items_domain(learner_shared(l)->items, list->items[k].item), domain);
        assert_false(seen[item]);
        assert_true(may_be_listed(h, user, domain, item));
        in_order += comes_last(l, user, domain, item, now_ms);
        assert_true(list->items[k].reason < REASONS);
        /* a reason is true: nobody takes again what he never took */
        assert_true(list->items[k].reason != REASON_AGAIN || h->took[user][domain][item]);
        seen[item] = true;
    }
    assert_int_equal(in_order, list->n > others ? list->n - others : 0);
}

static void random_catalogue(uint64_t seed, struct hidden *h) {
    static const uint32_t sizes[] = {1, 2, 5, 12, 40, 130, 400, 1200, 3000};
    struct rng rng = {seed};
    struct learner_params p = params_of(1 + rng_below(&rng, DOMAINS));
    memset(h, 0, sizeof *h);
    for (uint32_t d = 0; d < p.n_domains; d++) {
        h->repeats[d] = p.repeats[d] = rng_below(&rng, 3) == 0;
    }
    struct learner *l = learner_of(p, 1);
    struct stream s = {.rng = {mix64(seed)},
                       .now_ms = START,
                       .step_ms = DAY_MS,
                       .users = USERS,
                       .items = sizes[rng_below(&rng, 9)],
                       .n_domains = p.n_domains};
    s.max_lines = s.items < 100 ? 3 : s.items / 20;
    s.late_one_in = rng_below(&rng, 2) * 8;
    const uint32_t n = 1 + rng_below(&rng, 150);
    for (uint32_t k = 0; k < n; k++) {
        struct made m;
        next_event(&s, &m);
        note(h, &m);
        (void)learn(l, &m);
    }
    const struct users *us = learner_users(l, 0);
    for (uint32_t slot = 0; slot < users_n(us); slot++) {
        size_t len = 0;
        const char *id = user_id(users_get(us, slot), &len);
        const uint32_t user = (uint32_t)strtoul(id + 1, NULL, 10);
        for (uint8_t d = 0; d < p.n_domains; d++) {
            struct list list;
            const uint32_t want = rng_below(&rng, 3) ? 1 + rng_below(&rng, LIST_MAX) : LIST_MAX;
            const int64_t now = s.now_ms + (int64_t)rng_below(&rng, 1000000000) - 300000000;
            assert_int_equal(learner_rank(l, 0, slot, d, now, want, &list), ST_OK);
            assert_list(l, h, user, d, now, want, &list);
        }
    }
    learner_free(l);
}

static void as_many_come_back_as_exist_and_none_that_was_consumed(void **state) {
    (void)state;
    struct hidden *h = calloc(1, sizeof *h);
    assert_non_null(h);
    for (uint64_t seed = 1; seed <= 60; seed++) {
        printf("\rseed %llu ", (unsigned long long)seed); /* the last one is the one that failed */
        random_catalogue(seed, h);
    }
    printf("\n");
    free(h);
}

static void nobody_is_ranked_who_does_not_exist(void **state) {
    (void)state;
    struct learner *l = learner_of(params_of(2), 1);
    struct list list = {.n = 77};
    struct made m;
    make_one(&m, 1, 1, 0, ACTION_ORDER, START, 1);
    assert_int_equal(learner_rank(l, 0, 0, 0, START, 10, &list), ST_NOT_FOUND);
    (void)learn(l, &m);
    assert_int_equal(learner_rank(l, 0, 1, 0, START, 10, &list), ST_NOT_FOUND);
    assert_int_equal(learner_rank(l, 0, USER_NONE, 0, START, 10, &list), ST_NOT_FOUND);
    assert_int_equal(learner_rank(l, 1, 0, 0, START, 10, &list), ST_NOT_FOUND);
    assert_int_equal(learner_rank(l, LEARNER_TASKS_MAX, 0, 0, START, 10, &list), ST_NOT_FOUND);
    assert_int_equal(learner_rank(l, 0, 0, 2, START, 10, &list), ST_NOT_FOUND);
    assert_int_equal(list.n, 77);
    assert_int_equal(learner_rank(l, 0, 0, 1, START, 10, &list), ST_OK); /* nothing there yet */
    assert_int_equal(list.n, 0);
    assert_true(list.personalised);
    assert_int_equal(learner_rank(l, 0, 0, 0, START - 1, 10, &list), ST_OK);
    assert_false(list.personalised); /* before his first event */
    learner_undo(l, 0);
    assert_int_equal(learner_rank(l, 0, 0, 0, START, 10, &list), ST_NOT_FOUND);
    learner_free(l);
}

/* ---- order --------------------------------------------------------------------------- */

struct scored {
    float score;
    uint64_t hash;
    uint32_t item;
};

static int best_first(const void *a, const void *b) {
    const struct scored *x = a;
    const struct scored *y = b;
    if (x->score < y->score || x->score > y->score) {
        return x->score > y->score ? -1 : 1;
    }
    return x->hash < y->hash ? -1 : x->hash > y->hash;
}

static struct learner *trained(struct stream *s, struct learner_params p, uint32_t n) {
    struct learner *l = learner_of(p, s->n_tasks);
    for (uint32_t k = 0; k < n; k++) {
        struct made m;
        next_event(s, &m);
        (void)learn(l, &m);
    }
    return l;
}

static struct stream small_stream(uint64_t seed) {
    return (struct stream){.rng = {seed},
                           .now_ms = START,
                           .step_ms = HOUR_MS,
                           .users = USERS,
                           .items = 400,
                           .n_domains = 2,
                           .n_tasks = 1,
                           .max_lines = 4,
                           .late_one_in = 20};
}

/* The score of one row by itself, by the net that is served: without a history, the twin. */
static float score_of(const struct learner *l, const struct candidates_view *v,
                      const struct features_block *b, uint32_t at) {
    const struct ranker *r = learner_ranker(l, 0);
    enum ranker_kind kind = ranker_served(r, v->domain, user_n_of(v->user, v->domain) > 0);
    float x[RANKER_X][16] = {{0}};
    float scores[16];
    for (size_t k = 0; k < RANKER_X; k++) {
        x[k][0] = features_at(b, k, at);
    }
    const struct ranker_rows rows = {.x = x[0], .stride = 16, .n = 1, .c = b->c};
    ranker_scores(r, v->n_history == 0 ? RANKER_TWIN : kind, &rows, scores);
    return scores[0];
}

/* The list is what sorting all candidates by score_of() and hash gives. */
static void assert_sorted(struct learner *l, struct candidates *c, uint32_t slot, uint8_t domain,
                          bool repeats, int64_t now_ms, uint32_t n) {
    static struct scored all[RANKER_LIST_MAX];
    const struct shared *shared = learner_shared(l);
    struct candidates_view v;
    struct list list;
    candidates_view(c, shared, users_get(learner_users(l, 0), slot), domain, repeats, now_ms, &v);
    assert_int_equal(candidates_find(c, shared, &v, n), ST_OK);
    const struct features_block *b = candidates_features(c, shared, &v);
    for (uint32_t k = 0; k < b->n; k++) {
        all[k] = (struct scored){score_of(l, &v, b, k), items_hash(shared->items, b->item[k]),
                                 b->item[k]};
    }
    qsort(all, b->n, sizeof *all, best_first);
    assert_int_equal(learner_rank(l, 0, slot, domain, now_ms, n, &list), ST_OK);
    assert_int_equal(list.n, n);
    for (uint32_t k = 0; k < n; k++) {
        assert_int_equal(list.items[k].item, all[k].item);
        assert_memory_equal(&list.items[k].score, &all[k].score, sizeof(float));
    }
}

static void lists_are_the_best_candidates_by_score_then_hash(void **state) {
    (void)state;
    struct learner_params p = params_of(2);
    p.repeats[1] = true;
    struct stream s = small_stream(3);
    struct learner *l = trained(&s, p, 1500);
    struct candidates *c = NULL;
    assert_int_equal(candidates_new(&c), ST_OK);
    for (uint32_t slot = 0; slot < USERS; slot++) {
        for (uint8_t d = 0; d < 2; d++) {
            assert_sorted(l, c, slot, d, p.repeats[d], s.now_ms, 1 + slot * 13 % LIST_MAX);
        }
    }
    candidates_free(c);
    learner_free(l);
}

/* 400 items of a new domain, each taken once by somebody, `step_ms` apart, as who has no
 * history sees them: equal but for that. 0: all tie. More: closer than floats that are added
 * in 16 lanes can tell, as newer is better in one feature and worse in another. */
static void items_that_tie_or_nearly_tie_are_in_order_too(void **state) {
    (void)state;
    enum { NEW = 2, NOBODY = 5000 };
    struct stream s = small_stream(6);
    struct learner *l = trained(&s, params_of(3), 600);
    struct candidates *c = NULL;
    struct made m;
    uint64_t number = 100000;
    assert_int_equal(candidates_new(&c), ST_OK);
    make_one(&m, number++, NOBODY, NEW, ACTION_REPORT, s.now_ms, 5000);
    const uint32_t nobody = learn(l, &m).user;
    for (int64_t step_ms = 0; step_ms < 3000; step_ms += 1 + step_ms / 3) {
        assert_int_equal(learner_seal(l, 0), ST_OK);
        learner_committed(l, 0);
        for (uint32_t k = 0; k < 400; k++) {
            make_one(&m, number++, NOBODY + 1 + k, NEW, ACTION_ORDER, s.now_ms + k * step_ms,
                     k * 7919 % 400);
            (void)learn(l, &m);
        }
        const int64_t now_ms = s.now_ms + 400 * step_ms;
        for (uint32_t n = 1; n <= LIST_MAX; n += 9) {
            for (int64_t hours = 0; hours < 100; hours += 7) {
                assert_sorted(l, c, nobody, NEW, false, now_ms + hours * HOUR_MS, n);
            }
        }
        learner_undo(l, 0);
    }
    candidates_free(c);
    learner_free(l);
}

static void the_fallback_is_ordered_by_seven_day_counts_then_hash(void **state) {
    (void)state;
    struct stream s = small_stream(4);
    s.items = 700;
    struct learner *l = trained(&s, params_of(2), 900);
    const struct shared *shared = learner_shared(l);
    struct list list;
    for (uint8_t d = 0; d < 2; d++) {
        for (uint32_t n = 0; n <= 2 * LIST_MAX; n += 7) {
            learner_fallback(l, d, n, &list);
            assert_int_equal(list.n, n < LIST_MAX ? n : LIST_MAX);
            assert_false(list.personalised);
            assert_int_equal(list.segment, -1);
            for (uint32_t k = 0; k < list.n; k++) {
                const uint32_t i = list.items[k].item;
                uint32_t before = 0;
                for (uint32_t j = 0; j < items_n(shared->items); j++) {
                    const int64_t x = popularity_count(shared->popularity, j, 1);
                    const int64_t y = popularity_count(shared->popularity, i, 1);
                    before += items_domain(shared->items, j) == d &&
                              (x > y || (x == y && items_hash(shared->items, j) <
                                                       items_hash(shared->items, i)));
                }
                assert_int_equal(before, k);
            }
        }
    }
    learner_fallback(l, 2, 10, &list); /* no such domain */
    assert_int_equal(list.n, 0);
    learner_free(l);
    l = learner_of(params_of(1), 1);
    learner_fallback(l, 0, 10, &list);
    assert_int_equal(list.n, 0);
    learner_free(l);
}

static void the_digest_sees_what_readers_see(void **state) {
    (void)state;
    struct stream s = small_stream(5);
    struct learner *l = trained(&s, params_of(2), 200);
    struct list list;
    assert_int_equal(learner_rank(l, 0, 0, 0, s.now_ms, 5, &list), ST_OK);
    const uint64_t digest = learner_list_digest(l, &list);
    struct list other = list;
    other.items[2].score += 1.0F; /* not seen */
    assert_true(learner_list_digest(l, &other) == digest);
    other = list;
    other.items[3] = list.items[2];
    other.items[2] = list.items[3];
    assert_true(learner_list_digest(l, &other) != digest);
    other = list;
    other.items[4].reason = (enum reason)((list.items[4].reason + 1) % REASONS);
    assert_true(learner_list_digest(l, &other) != digest);
    other = list;
    other.segment++;
    assert_true(learner_list_digest(l, &other) != digest);
    other = list;
    other.personalised = !list.personalised;
    assert_true(learner_list_digest(l, &other) != digest);
    other = list;
    other.n--;
    assert_true(learner_list_digest(l, &other) != digest);
    learner_free(l);
}

/* ---- replay -------------------------------------------------------------------------- */

static void seal_or_commit_somewhere(struct learner *l, struct rng *rng, uint32_t n_tasks) {
    const uint32_t task = rng_below(rng, n_tasks);
    const enum status st = rng_below(rng, 6) == 0 ? learner_seal(l, task) : ST_OK;
    assert_true(st == ST_OK || st == ST_AGAIN);
    if (st == ST_AGAIN || rng_below(rng, 20) == 0) {
        learner_committed(l, task);
    }
}

/* ... wherever batches are sealed and committed, whoever is ranked in between, and whether
 * events are tested or not. */
static void the_same_events_give_the_same_lists_bit_for_bit(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct learner_params p = params_of(2);
        const uint32_t n_tasks = 1 + (uint32_t)seed % 3;
        p.repeats[1] = true;
        p.mini_batch = 37;
        struct learner *a = learner_of(p, n_tasks);
        p.prequential_sample = 0;
        struct learner *b = learner_of(p, n_tasks);
        struct stream s = small_stream(seed);
        struct rng rng = {seed};
        s.n_tasks = n_tasks;
        s.step_ms = seed % 2 ? DAY_MS : HOUR_MS; /* with landmark moves */
        for (uint32_t k = 0; k < 700; k++) {
            struct made m;
            next_event(&s, &m);
            const struct learner_effect x = learn(a, &m);
            const struct learner_effect y = learn(b, &m);
            assert_int_equal(x.late, y.late);
            assert_int_equal(x.too_late, y.too_late);
            seal_or_commit_somewhere(b, &rng, n_tasks);
            if (k % 100 == 99) {
                assert_same_lists(a, b, n_tasks, s.now_ms);
            } else if (k % 10 == 0) {
                static struct list list;
                assert_int_equal(learner_rank(b, m.task, y.user, 0, s.now_ms, 7, &list), ST_OK);
            }
        }
        assert_same_users(a, b, n_tasks, user_digest);
        assert_same_counts(a, b);
        assert_near_factors(a, b, 0, 0.0F);
        for (uint32_t t = 0; t < n_tasks; t++) {
            assert_memory_equal(learner_ranker(a, t), learner_ranker(b, t), sizeof(struct ranker));
        }
        assert_int_equal(learner_n_mini_batches(a), learner_n_mini_batches(b));
        assert_int_equal(prequential_total(learner_prequential(b), DOMAINS_MAX).n, 0);
        learner_free(a);
        learner_free(b);
    }
}

/* ---- prequential --------------------------------------------------------------------- */

/* Is the item among the ten of the domain with the largest 7-day counts that are not hidden? */
static bool naive_popular(const struct learner *l, const struct hidden *h, uint32_t user,
                          uint8_t domain, uint32_t i) {
    const struct shared *s = learner_shared(l);
    const int64_t count = popularity_count(s->popularity, i, 1);
    uint32_t before = 0;
    for (uint32_t j = 0; j < items_n(s->items); j++) {
        const int64_t c = popularity_count(s->popularity, j, 1);
        if (items_domain(s->items, j) == domain && !h->item[user][domain][number_of(l, j)]) {
            before +=
                c > count || (c == count && items_hash(s->items, j) < items_hash(s->items, i));
        }
    }
    return count > 0 && before < 10;
}

/* Adds what the test of an event should count: everything is looked up before it is learned. */
static void naive_test(struct learner *l, const struct hidden *h, const struct made *m,
                       struct prequential_counts *c) {
    const struct shared *s = learner_shared(l);
    const uint32_t slot = users_find(learner_users(l, 0), m->e.user);
    const uint32_t user = (uint32_t)strtoul(m->user_id + 1, NULL, 10);
    struct user_entry past[USER_HISTORY];
    struct list list;
    if (slot == USER_NONE || popularity_events(s->popularity, m->e.domain) == 0 ||
        user_history(users_get(learner_users(l, 0), slot), m->e.ts_ms, past, USER_HISTORY) == 0) {
        return;
    }
    assert_int_equal(learner_rank(l, 0, slot, m->e.domain, m->e.ts_ms, 10, &list), ST_OK);
    for (uint32_t k = 0; k < m->e.n_lines; k++) {
        const uint32_t i = items_find(s->items, m->lines[k].item);
        if (i != ITEM_NONE && h->item[user][m->e.domain][number_of(l, i)]) {
            continue;
        }
        const bool known = i != ITEM_NONE && popularity_hot(s->popularity)[i].count > 0;
        bool model = false;
        for (uint32_t z = 0; known && z < list.n; z++) {
            model = model || list.items[z].item == i;
        }
        const bool popular = known && naive_popular(l, h, user, m->e.domain, i);
        c->n++;
        c->model += model;
        c->baseline += popular;
        c->only_model += model && !popular;
        c->only_baseline += popular && !model;
    }
}

static void assert_counts(const struct prequential_counts *x, const struct prequential_counts *y) {
    assert_int_equal(x->n, y->n);
    assert_int_equal(x->model, y->model);
    assert_int_equal(x->baseline, y->baseline);
    assert_int_equal(x->only_model, y->only_model);
    assert_int_equal(x->only_baseline, y->only_baseline);
}

/* Domain 1 allows repeats. User 0 takes the most popular items one after the other: his ten
 * lie beyond the top list in the end. */
static void hits_are_those_of_lists_made_before_the_event_is_learned(void **state) {
    (void)state;
    struct hidden *h = calloc(1, sizeof *h);
    struct learner_params p = params_of(2);
    struct prequential_counts expected[2] = {{0}};
    assert_non_null(h);
    h->repeats[1] = p.repeats[1] = true;
    struct learner *l = learner_of(p, 1);
    struct stream s = small_stream(8);
    s.items = 300;
    s.max_lines = 3;
    for (uint32_t n = 0; n < 1800; n++) {
        struct made m;
        next_event(&s, &m);
        if (n > 900 && n % 4 == 0) {
            struct list top;
            uint32_t item = 0;
            learner_fallback(l, 0, LIST_MAX, &top);
            for (uint32_t k = top.n; k-- > 0;) {
                const uint32_t i = number_of(l, top.items[k].item);
                item = h->item[0][0][i] ? item : i;
            }
            make_one(&m, s.number, 0, 0, ACTION_ORDER, s.now_ms, item);
        }
        const uint8_t d = m.e.domain;
        struct prequential_counts tested = expected[d];
        if (m.e.action != ACTION_REPORT) {
            naive_test(l, h, &m, &tested);
        }
        if (!learn(l, &m).too_late) {
            expected[d] = tested;
        }
        note(h, &m);
        const struct prequential_counts got = prequential_total(learner_prequential(l), d);
        assert_counts(&got, &expected[d]);
    }
    assert_true(expected[0].n > 500 && expected[1].n > 500);
    assert_true(expected[0].model > 20 && expected[0].baseline > 20);
    uint32_t of_user_0 = 0;
    for (uint32_t i = 0; i < ITEMS; i++) {
        of_user_0 += h->item[0][0][i];
    }
    assert_true(of_user_0 > 150);
    learner_free(l);
    free(h);
}

static void an_item_never_seen_is_a_miss_also_twice_in_one_event(void **state) {
    (void)state;
    struct stream s = small_stream(9);
    struct learner *l = trained(&s, params_of(2), 100);
    const struct prequential_counts before = prequential_total(learner_prequential(l), 0);
    struct made m;
    make(&m, 90001, 1, 0, ACTION_ORDER, s.now_ms);
    for (int k = 0; k < 5; k++) {
        add_line(&m, 5000, (float)k);
    }
    (void)learn(l, &m);
    const struct prequential_counts after = prequential_total(learner_prequential(l), 0);
    assert_int_equal(after.n, before.n + 5);
    assert_int_equal(after.model, before.model);
    assert_int_equal(after.baseline, before.baseline);
    (void)learn(l, &m);                                      /* a duplicate */
    make_one(&m, 90002, 1, 0, ACTION_ORDER, s.now_ms, 5000); /* consumed meanwhile */
    (void)learn(l, &m);
    make_one(&m, 90003, 4711, 0, ACTION_ORDER, s.now_ms, 5000); /* nobody's history */
    (void)learn(l, &m);
    assert_int_equal(prequential_total(learner_prequential(l), 0).n, before.n + 5);
    learner_free(l);
}

static void one_event_in_n_is_tested(void **state) {
    (void)state;
    static const uint32_t every[] = {0, 1, 4, 16};
    double n[4];
    for (int k = 0; k < 4; k++) {
        struct learner_params p = params_of(1);
        struct stream s = small_stream(10);
        s.n_domains = 1;
        s.items = 1000;
        s.max_lines = 1;
        p.prequential_sample = every[k];
        struct learner *l = trained(&s, p, 4000);
        n[k] = (double)prequential_total(learner_prequential(l), 0).n;
        learner_free(l);
    }
    assert_true(n[0] <= 0.0);
    assert_true(n[1] > 2000.0);
    assert_true(fabs(n[2] - n[1] / 4.0) < 4.0 * sqrt(n[1] / 4.0)); /* 4.6 sigma */
    assert_true(fabs(n[3] - n[1] / 16.0) < 4.0 * sqrt(n[1] / 16.0));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_come_back_as_exist_and_none_that_was_consumed),
        cmocka_unit_test(nobody_is_ranked_who_does_not_exist),
        cmocka_unit_test(lists_are_the_best_candidates_by_score_then_hash),
        cmocka_unit_test(items_that_tie_or_nearly_tie_are_in_order_too),
        cmocka_unit_test(the_fallback_is_ordered_by_seven_day_counts_then_hash),
        cmocka_unit_test(the_digest_sees_what_readers_see),
        cmocka_unit_test(the_same_events_give_the_same_lists_bit_for_bit),
        cmocka_unit_test(hits_are_those_of_lists_made_before_the_event_is_learned),
        cmocka_unit_test(an_item_never_seen_is_a_miss_also_twice_in_one_event),
        cmocka_unit_test(one_event_in_n_is_tested),
    };
    return cmocka_run_group_tests_name("learner lists", tests, NULL, NULL);
}
