/* SPDX-License-Identifier: Apache-2.0
 * test_learner.c -- contract tests of models/learner.h: what an event teaches, and what not.
 * What one line
 * teaches is in test_learner_line.c, lists are in test_learner_lists.c, undo in
 * test_learner_undo.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "learner_run.h"

static struct stream stream_of(uint64_t seed) {
    return (struct stream){.rng = {seed},
                           .now_ms = START,
                           .step_ms = HOUR_MS,
                           .users = 40,
                           .items = 60,
                           .n_domains = 2,
                           .n_tasks = 1,
                           .max_lines = 3};
}

static void feed(struct learner *l, struct stream *s, uint32_t n) {
    struct made m;
    for (uint32_t k = 0; k < n; k++) {
        next_event(s, &m);
        (void)learn(l, &m);
    }
}

static const struct user *user_of(const struct learner *l, uint32_t user) {
    const uint32_t slot = users_find(learner_users(l, 0), user_hash(user));
    return slot == USER_NONE ? NULL : users_get(learner_users(l, 0), slot);
}

static uint32_t index_of(const struct learner *l, uint8_t domain, uint32_t item) {
    return items_find(learner_shared(l)->items, item_hash(domain, item));
}

static uint32_t count_of(const struct learner *l, uint8_t domain, uint32_t item) {
    const uint32_t i = index_of(l, domain, item);
    return i == ITEM_NONE ? 0 : popularity_hot(learner_shared(l)->popularity)[i].count;
}

/* All shared counts of items 0..n-1 in one number: does an event change any of them? */
static uint64_t shared_digest(const struct learner *l, uint32_t n) {
    const struct shared *s = learner_shared(l);
    uint64_t h = 0;
    for (uint32_t i = 0; i < n; i++) {
        h = mixed(h, &popularity_hot(s->popularity)[i], sizeof(struct pop_hot));
        h = mixed(h, factors_b(s->factors, i), FACTORS * sizeof(int64_t));
        const struct pair_list list = pairs_list(s->pairs, i);
        for (uint32_t k = 0; k < list.n; k++) {
            const struct pair_entry e = pair_list_entry(&list, k);
            MIX(h, e);
        }
        MIX(h, list.s_sum);
    }
    return h;
}

/* ---- life cycle, tasks -------------------------------------------------------------------- */

static void rejects_each_bad_parameter(void **state) {
    (void)state;
    struct learner_params bad[8];
    for (size_t k = 0; k < 8; k++) {
        bad[k] = params_of(2);
    }
    bad[0].n_domains = 0;
    bad[1].n_domains = DOMAINS_MAX + 1;
    bad[2].mini_batch = 0;
    bad[3].late_max_ms = -1;
    bad[4].prequential_window = 0;
    bad[5].prequential_window = 2000000;
    bad[6].segments.k = 0;
    bad[7].segments.seed_points = 1;
    for (size_t k = 0; k < 8; k++) {
        struct learner *l = NULL;
        assert_int_equal(learner_new(&bad[k], &l), ST_INVALID);
        assert_null(l);
    }
    learner_free(NULL);
}

static void a_task_is_open_between_open_and_close(void **state) {
    (void)state;
    struct learner *l = learner_of(params_of(1), 0);
    struct learner_effect effect;
    struct made m;
    make_one(&m, 1, 1, 0, ACTION_ORDER, START, 1);
    assert_int_equal(learner_task_open(l, LEARNER_TASKS_MAX), ST_RANGE);
    assert_null(learner_users(l, 3));
    assert_null(learner_ranker(l, 3));
    assert_null(learner_users(l, LEARNER_TASKS_MAX));
    assert_int_equal(learner_learn(l, 3, &m.e, &effect), ST_INVALID);
    assert_int_equal(learner_learn(l, LEARNER_TASKS_MAX, &m.e, &effect), ST_INVALID);
    assert_int_equal(learner_stream_ms(l), INT64_MIN);

    assert_int_equal(learner_task_open(l, 3), ST_OK);
    (void)learn_in(l, 3, &m);
    assert_int_equal(learner_task_open(l, 3), ST_OK); /* does nothing */
    assert_int_equal(learner_n_users(l), 1);
    assert_int_equal(learner_stream_ms(l), START);

    learner_task_close(l, 3);
    learner_task_close(l, 3);
    learner_task_close(l, LEARNER_TASKS_MAX);
    assert_null(learner_users(l, 3));
    assert_int_equal(learner_n_users(l), 0);
    assert_int_equal(count_of(l, 0, 1), 1); /* the shared model keeps its counts */
    assert_int_equal(learner_task_open(l, 3), ST_OK);
    assert_false(learn_in(l, 3, &m).duplicate); /* it forgot */
    learner_free(l);
}

/* ---- refused events ------------------------------------------------------------------------ */

static void a_refused_event_changes_nothing(void **state) {
    (void)state;
    struct learner *l = learner_of(params_of(2), 1);
    struct stream s = stream_of(1);
    feed(l, &s, 200);
    const uint64_t shared = shared_digest(l, items_n(learner_shared(l)->items));
    const uint64_t users = learner_n_users(l);
    const uint64_t user = user_digest(l, user_of(l, 1));
    const int64_t stream_ms = learner_stream_ms(l);
    struct made bad[18];
    for (size_t k = 0; k < 18; k++) {
        make(&bad[k], 100000 + k, k < 7 ? 1 : 7777, 0, ACTION_ORDER, s.now_ms + HOUR_MS);
        add_line(&bad[k], 3, 1.0F);
        add_line(&bad[k], 5, 1.0F);
    }
    bad[0].e.domain = 2;
    bad[1].e.action = ACTIONS_OF_EVENTS;
    bad[2].e.n_lines = 0;
    bad[3].e.n_lines = EVENT_LINES_MAX + 1;
    bad[4].e.user_id_len = 0;
    bad[5].e.user_id_len = ID_LEN_MAX + 1;
    bad[6].e.ts_ms = INT64_C(1) << 47;
    bad[7].e.ts_ms = -(INT64_C(1) << 47);
    bad[8].lines[1].id_len = 0;
    bad[9].lines[1].id_len = ID_LEN_MAX + 1;
    bad[10].lines[1].amount = NAN;
    bad[11].lines[1].amount = -1.0F;
    bad[12].lines[1].quantity = INFINITY;
    bad[13].lines[1].item = item_hash(1, 0); /* known in the other domain */
    bad[14].e.weight = -0.001F;
    bad[15].e.weight = 100.01F;
    bad[16].e.weight = NAN;
    bad[17].e.weight = INFINITY;
    assert_true(index_of(l, 1, 0) != ITEM_NONE);
    for (size_t k = 0; k < 18; k++) {
        struct learner_effect effect;
        bad[k].e.lines = bad[k].lines;
        const uint32_t items = items_n(learner_shared(l)->items);
        if (learner_learn(l, 0, &bad[k].e, &effect) != ST_INVALID) {
            fail_msg("bad event %zu was taken", k);
        }
        assert_int_equal(items_n(learner_shared(l)->items), items);
        assert_true(shared_digest(l, items_n(learner_shared(l)->items)) == shared);
        assert_int_equal(learner_n_users(l), users);
        assert_true(user_digest(l, user_of(l, 1)) == user);
        assert_int_equal(learner_stream_ms(l), stream_ms);
    }
    learner_free(l);
}

/* ---- duplicates ------------------------------------------------------------------------------ */

static void a_known_event_id_learns_nothing(void **state) {
    (void)state;
    struct learner *l = learner_of(params_of(2), 1);
    struct stream s = stream_of(2);
    feed(l, &s, 300);
    struct made m[USER_EVENT_IDS];
    for (uint32_t k = 0; k < USER_EVENT_IDS; k++) {
        make_one(&m[k], 90000 + k, 3, 0, ACTION_ORDER, s.now_ms + k, k);
        assert_false(learn(l, &m[k]).duplicate);
    }
    const uint64_t shared = shared_digest(l, items_n(learner_shared(l)->items));
    const uint64_t events = learner_shared(l)->n_events;
    const uint64_t user = user_digest(l, user_of(l, 3));
    const struct ranker ranker = *learner_ranker(l, 0);
    const struct prequential_counts tested = prequential_total(learner_prequential(l), DOMAINS_MAX);
    for (uint32_t k = 0; k < USER_EVENT_IDS; k++) {
        struct made again = m[k];
        again.e.ts_ms += 7 * DAY_MS; /* whatever else it says */
        again.e.lines = again.lines;
        const struct learner_effect effect = learn(l, &again);
        assert_true(effect.duplicate);
        assert_false(effect.late || effect.too_late);
        assert_int_equal(effect.user, users_find(learner_users(l, 0), user_hash(3)));
    }
    assert_true(shared_digest(l, items_n(learner_shared(l)->items)) == shared);
    assert_int_equal(learner_shared(l)->n_events, events);
    assert_true(user_digest(l, user_of(l, 3)) == user);
    assert_memory_equal(learner_ranker(l, 0), &ranker, sizeof ranker);
    assert_int_equal(prequential_total(learner_prequential(l), DOMAINS_MAX).n, tested.n);
    assert_int_equal(learner_stream_ms(l), s.now_ms + USER_EVENT_IDS - 1);

    make_one(&m[0], 90000, 4, 0, ACTION_ORDER, s.now_ms + 100, 1); /* another user's is new */
    assert_false(learn(l, &m[0]).duplicate);
    learner_free(l);
}

/* ---- late events --------------------------------------------------------------------- */

static bool paired(const struct learner *l, uint32_t from, uint32_t to, double *a, double *f) {
    int64_t v[3];
    const uint32_t i = index_of(l, 0, from);
    const uint32_t j = index_of(l, 0, to);
    if (i == ITEM_NONE || j == ITEM_NONE ||
        !pairs_get(learner_shared(l)->pairs, i, j, &v[0], &v[1], &v[2])) {
        return false;
    }
    *a = (double)v[0] * 0x1p-20;
    *f = (double)v[1] * 0x1p-20;
    return true;
}

static void a_late_event_pairs_with_what_came_before_it_only(void **state) {
    (void)state;
    struct learner *l = learner_of(params_of(1), 1);
    struct made m;
    double a = 0.0;
    double f = 0.0;
    for (uint32_t k = 0; k < 6; k++) { /* items 0..5, an hour apart */
        make_one(&m, k + 1, 1, 0, ACTION_ORDER, START + k * HOUR_MS, k);
        assert_false(learn(l, &m).late);
    }
    make_one(&m, 50, 1, 0, ACTION_ORDER, START + 2 * HOUR_MS + 1, 9);
    const struct learner_effect effect = learn(l, &m);
    assert_true(effect.late);
    assert_false(effect.too_late);
    for (uint32_t k = 0; k < 3; k++) {
        assert_true(paired(l, k, 9, &a, &f));
        assert_float_equal((float)a, powf(.8F, (float)(2 - k)), 1e-5F);
        assert_float_equal((float)f, powf(.5F, (float)(2 - k)), 1e-5F);
        assert_true(paired(l, 9, k, &a, &f));
        assert_true(f == 0.0);
    }
    for (uint32_t k = 3; k < 6; k++) {
        assert_false(paired(l, k, 9, &a, &f));
        assert_false(paired(l, 9, k, &a, &f));
    }
    struct user_entry past[USER_HISTORY]; /* it stands in the history by its time */
    assert_int_equal(user_history(user_of(l, 1), INT64_MAX, past, USER_HISTORY), 7);
    assert_int_equal(past[3].item, index_of(l, 0, 9));
    assert_int_equal(learner_stream_ms(l), START + 5 * HOUR_MS);
    learner_free(l);
}

static void too_late_events_touch_features_and_sets_only(void **state) {
    (void)state;
    for (int how = 0; how < 2; how++) { /* older than late_max; older than what is kept */
        struct learner *l = learner_of(params_of(1), 1);
        struct made m;
        const uint32_t n = how ? USER_HISTORY : 3;
        for (uint32_t k = 0; k < n; k++) {
            make_one(&m, k + 1, 1, 0, ACTION_ORDER, START + 2 * DAY_MS + k, k);
            (void)learn(l, &m);
        }
        make_one(&m, 98, 2, 0, ACTION_VIEW, START, 1); /* item 1 is known otherwise */
        (void)learn(l, &m);
        const uint32_t known = items_n(learner_shared(l)->items);
        const uint64_t shared = shared_digest(l, known);
        const struct ranker ranker = *learner_ranker(l, 0);
        const uint64_t tested = prequential_total(learner_prequential(l), 0).n;
        const uint64_t events = popularity_events(learner_shared(l)->popularity, 0);
        const int64_t ts = how ? START + 2 * DAY_MS - 1 : START + DAY_MS + n - 2;
        make_one(&m, 99, 1, 0, ACTION_ORDER, ts, 30 + n);
        const struct learner_effect effect = learn(l, &m);
        assert_true(effect.late && effect.too_late);
        const struct user *u = user_of(l, 1);
        const uint32_t i = index_of(l, 0, 30 + n);
        assert_true(i != ITEM_NONE);
        assert_no_counts(learner_shared(l), i);
        assert_int_equal(popularity_events(learner_shared(l)->popularity, 0), events);
        assert_memory_equal(learner_ranker(l, 0), &ranker, sizeof ranker);
        assert_int_equal(prequential_total(learner_prequential(l), 0).n, tested);
        assert_true(user_consumed(u, 0, i, items_hashes(learner_shared(l)->items)));
        assert_int_equal(user_n(u), n + 1);
        assert_int_equal(user_first_ms(u), ts);
        struct user_entry past[USER_HISTORY];
        assert_int_equal(user_history(u, INT64_MAX, past, USER_HISTORY), n);
        assert_true(shared_digest(l, known) == shared);
        learner_free(l);
    }
}

static void late_max_is_the_last_moment_that_is_learned(void **state) {
    (void)state;
    struct learner *l = learner_of(params_of(1), 1);
    struct made m;
    make_one(&m, 1, 1, 0, ACTION_ORDER, START, 1);
    (void)learn(l, &m);
    make_one(&m, 2, 2, 0, ACTION_ORDER, START, 1);
    assert_false(learn(l, &m).late); /* a tie is not late */
    make_one(&m, 3, 3, 0, ACTION_ORDER, START - DAY_MS, 1);
    assert_false(learn(l, &m).too_late);
    make_one(&m, 4, 4, 0, ACTION_ORDER, START - DAY_MS - 1, 1);
    assert_true(learn(l, &m).too_late);
    assert_int_equal(count_of(l, 0, 1), 3);
    learner_free(l);

    struct learner_params p = params_of(1);
    p.late_max_ms = INT64_MAX; /* never too late, whatever the times */
    l = learner_of(p, 1);
    make_one(&m, 1, 1, 0, ACTION_ORDER, -(INT64_C(1) << 46), 1);
    (void)learn(l, &m);
    make_one(&m, 2, 2, 0, ACTION_ORDER, -(INT64_C(1) << 46) - 1, 1);
    assert_false(learn(l, &m).too_late);
    learner_free(l);
}

/* ---- actions ------------------------------------------------------------------------- */

static bool on_list(struct learner *l, uint32_t user, uint8_t domain, uint32_t item) {
    struct list list;
    const uint32_t slot = users_find(learner_users(l, 0), user_hash(user));
    assert_int_equal(learner_rank(l, 0, slot, domain, learner_stream_ms(l), LIST_MAX, &list),
                     ST_OK);
    for (uint32_t k = 0; k < list.n; k++) {
        if (list.items[k].item == index_of(l, domain, item)) {
            return true;
        }
    }
    return false;
}

/* Domain 1 allows repeats: there, too, what was reported is not shown again. */
static void a_report_teaches_no_counts_and_hides_the_item(void **state) {
    (void)state;
    struct learner_params p = params_of(2);
    p.repeats[1] = true;
    struct learner *l = learner_of(p, 1);
    struct stream s = stream_of(3);
    feed(l, &s, 300);
    for (uint8_t d = 0; d < 2; d++) {
        struct made m;
        make_one(&m, 80000 + d, 500, 0, ACTION_VIEW, s.now_ms, 1);
        (void)learn(l, &m);
        assert_true(on_list(l, 500, d, 0));
        const uint64_t shared = shared_digest(l, items_n(learner_shared(l)->items));
        const struct ranker ranker = *learner_ranker(l, 0);
        const uint64_t tested = prequential_total(learner_prequential(l), DOMAINS_MAX).n;
        make_one(&m, 80010 + d, 500, d, ACTION_REPORT, s.now_ms + d, 0);
        (void)learn(l, &m);
        assert_false(on_list(l, 500, d, 0));
        assert_true(on_list(l, 3, d, 0) || user_took(user_of(l, 3), d, index_of(l, d, 0),
                                                     items_hashes(learner_shared(l)->items)));
        assert_true(shared_digest(l, items_n(learner_shared(l)->items)) == shared);
        assert_memory_equal(learner_ranker(l, 0), &ranker, sizeof ranker);
        assert_int_equal(prequential_total(learner_prequential(l), DOMAINS_MAX).n, tested);
        assert_false(user_repeat(user_of(l, 500), d, index_of(l, d, 0), NULL));
        struct user_entry past[USER_HISTORY];
        const uint32_t n = user_history(user_of(l, 500), INT64_MAX, past, USER_HISTORY);
        assert_int_equal(n, d + 1U);
    }
    learner_free(l);
}

static void what_consumes_hides_the_item_and_what_does_not_leaves_it(void **state) {
    (void)state;
    static const bool consumes[ACTIONS_OF_EVENTS] = {
        [ACTION_ENROLL] = true,   [ACTION_PURCHASE] = true, [ACTION_ORDER] = true,
        [ACTION_COMPLETE] = true, [ACTION_RATE] = true,     [ACTION_REPORT] = true};
    struct learner *l = learner_of(params_of(2), 1);
    struct stream s = stream_of(4);
    feed(l, &s, 300);
    for (uint32_t action = 0; action < ACTIONS_OF_EVENTS; action++) {
        struct made m;
        const uint32_t before = count_of(l, 0, 0);
        make_one(&m, 70000 + action, 600 + action, 0, (enum action)action, s.now_ms, 0);
        (void)learn(l, &m);
        assert_int_equal(on_list(l, 600 + action, 0, 0), !consumes[action]);
        assert_int_equal(count_of(l, 0, 0), before + (action == ACTION_REPORT ? 0 : 1));
    }
    learner_free(l);
}

/* ---- averaging of the rankers --------------------------------------------------------------- */

enum { TASKS = 3, MINI = 20 };

/* What a task's last record said, and when the task moved last. */
struct shared_ranker {
    struct ranker_net net[RANKER_NETS];
    uint64_t trained, at, moved, steps;
};

/* Moves `net` to the mean; returns the pace, or 0 where nothing is to be averaged. */
static double naive_mean(const struct shared_ranker *r, uint32_t task, struct ranker_net *net) {
    static double sum[RANKER_NETS][RANKER_WEIGHTS];
    double total = 0.0;
    double squares = 0.0;
    uint32_t n = 0;
    memset(sum, 0, sizeof sum);
    for (uint32_t p = 0; p < TASKS; p++) {
        if (r[p].at <= r[task].moved) {
            continue;
        }
        n++;
        total += (double)r[p].trained;
        squares += (double)r[p].trained * (double)r[p].trained;
        for (size_t k = 0; k < RANKER_NETS * RANKER_WEIGHTS; k++) {
            const size_t kind = k / RANKER_WEIGHTS;
            const size_t w = k % RANKER_WEIGHTS;
            sum[kind][w] += (double)r[p].trained * (double)r[p].net[kind].weights[w];
        }
    }
    if (n < 2 || !(total > 0.0)) {
        return 0.0;
    }
    for (size_t k = 0; k < RANKER_NETS * RANKER_WEIGHTS; k++) {
        const size_t kind = k / RANKER_WEIGHTS;
        net[kind].weights[k % RANKER_WEIGHTS] = (float)(sum[kind][k % RANKER_WEIGHTS] / total);
    }
    return fmin(total * total / squares, 4.0);
}

/* A report closes each mini-batch: it trains nothing, so that the weights before it are
 * those that the task shares. Task 2 falls quiet half-way: it only reports. */
static void rankers_move_to_the_mean_of_all_tasks_weighted_by_their_steps(void **state) {
    (void)state;
    struct learner_params params = params_of(2);
    params.mini_batch = MINI;
    struct learner *l = learner_of(params, TASKS);
    struct shared_ranker shared[TASKS] = {0};
    struct stream s = stream_of(6);
    s.users = 30;
    s.n_tasks = TASKS;
    uint32_t n_of[TASKS] = {0};
    uint32_t moves = 0;
    uint32_t quiet = 0;
    for (uint64_t n = 1; n < 4000; n++) {
        struct made m;
        next_event(&s, &m);
        const uint32_t t = m.task;
        if (n_of[t] == MINI - 1 || (t == 2 && n > 2000)) {
            m.e.action = ACTION_REPORT;
        }
        const struct ranker before = *learner_ranker(l, t);
        const uint64_t minis = learner_n_mini_batches(l);
        (void)learn(l, &m);
        n_of[t]++;
        assert_int_equal(learner_n_mini_batches(l), minis + (n_of[t] == MINI));
        if (n_of[t] < MINI) {
            continue;
        }
        n_of[t] = 0;
        memcpy(shared[t].net, before.net, sizeof before.net);
        shared[t].trained = before.steps - shared[t].steps;
        shared[t].steps = before.steps;
        shared[t].at = n;
        struct ranker_net net[RANKER_NETS];
        memcpy(net, before.net, sizeof net);
        const double pace = naive_mean(shared, t, net);
        shared[t].moved = n;
        const struct ranker *after = learner_ranker(l, t);
        for (size_t k = 0; k < RANKER_NETS * RANKER_WEIGHTS; k++) {
            const float want = net[k / RANKER_WEIGHTS].weights[k % RANKER_WEIGHTS];
            const float got = after->net[k / RANKER_WEIGHTS].weights[k % RANKER_WEIGHTS];
            assert_true(fabsf(got - want) <= 1e-6F * fmaxf(1.0F, fabsf(want)));
        }
        assert_true(fabs((double)after->pace - (pace > 0.0 ? pace : (double)before.pace)) < 1e-6);
        assert_memory_equal(after->m, before.m, sizeof before.m); /* moments, gates stay */
        assert_memory_equal(after->s, before.s, sizeof before.s);
        assert_memory_equal(after->gate, before.gate, sizeof before.gate);
        moves += memcmp(after->net, before.net, sizeof before.net) != 0;
        quiet += t == 2 && shared[t].trained == 0;
    }
    assert_true(moves > 100 && quiet > 10);
    learner_free(l);
}

/* ---- strange times ------------------------------------------------------------------- */

static void assert_finite(struct learner *l, int64_t now_ms) {
    const struct users *us = learner_users(l, 0);
    struct list list;
    for (uint8_t d = 0; d < 2; d++) {
        learner_fallback(l, d, LIST_MAX, &list);
        for (uint32_t k = 0; k < list.n; k++) {
            assert_true(isfinite(list.items[k].score) && list.items[k].score >= -16.0F);
        }
        for (uint32_t slot = 0; slot < users_n(us); slot++) {
            if (!users_get(us, slot)) {
                continue; /* undone */
            }
            assert_int_equal(learner_rank(l, 0, slot, d, now_ms, 30, &list), ST_OK);
            for (uint32_t k = 0; k < list.n; k++) {
                assert_true(isfinite(list.items[k].score));
                assert_true(fabsf(list.items[k].score) < 1e4F);
            }
            const struct user *u = users_get(us, slot);
            assert_true(isfinite(user_mpop(u)) && user_mpop(u) >= -16.0F);
            assert_true(user_mpop(u) <= 1.0F && isfinite(user_mage(u)));
        }
    }
    for (size_t k = 0; k < RANKER_NETS * RANKER_WEIGHTS; k++) {
        const struct ranker *r = learner_ranker(l, 0);
        assert_true(isfinite(r->net[k / RANKER_WEIGHTS].weights[k % RANKER_WEIGHTS]));
    }
    const struct shared *s = learner_shared(l);
    for (size_t k = 0; k < (size_t)items_n(s->items) * FACTORS; k++) {
        assert_true(isfinite(factors_q(s->factors)[k]));
    }
    for (uint32_t k = 0; segments_ready(s->segments) && k < 3; k++) {
        for (uint32_t d = 0; d < FEATURES_PER_DOMAIN * s->n_domains; d++) {
            assert_true(isfinite(segments_centroid(s->segments, k)[d]));
        }
    }
}

/* 1970, 2100, years forth and back, the ends of what a time may be. */
static void no_time_makes_anything_infinite(void **state) {
    (void)state;
    const int64_t year = 365 * DAY_MS;
    const int64_t end = (INT64_C(1) << 47) - 1;
    const int64_t jumps[] = {0,
                             START,
                             START + 74 * year,
                             START,
                             -end,
                             START + 3 * year,
                             1,
                             START + 12 * DAY_MS,
                             START - 30 * year,
                             end,
                             START,
                             -1};
    for (int late = 0; late < 2; late++) {
        struct learner_params p = params_of(2);
        p.repeats[1] = true;
        p.late_max_ms = late ? INT64_MAX : DAY_MS;
        struct learner *l = learner_of(p, 1);
        struct stream s = stream_of(7);
        for (size_t j = 0; j < sizeof jumps / sizeof *jumps; j++) {
            for (int k = 0; k < 60; k++) {
                struct made m;
                next_event(&s, &m);
                m.e.ts_ms = jumps[j] + (jumps[j] > 0 && jumps[j] < end ? k * HOUR_MS : 0);
                (void)learn(l, &m);
            }
            assert_finite(l, jumps[j]);
            assert_finite(l, jumps[j] < end - year ? jumps[j] + year : end);
            assert_finite(l, 0);
            if (j % 3 == 2) {
                learner_undo(l, 0);
            }
            assert_finite(l, jumps[j]);
            assert_int_equal(learner_seal(l, 0), ST_OK);
            learner_committed(l, 0);
        }
        learner_free(l);
    }
}

/* ---- asked early ----------------------------------------------------------------------- */

static void asking_early_changes_nothing_whatever_is_asked_for(void **state) {
    (void)state;
    struct learner *asked = learner_of(params_of(2), 1);
    struct learner *other = learner_of(params_of(2), 1);
    struct stream s = stream_of(12);
    struct made m;
    for (uint32_t n = 0; n < 800; n++) {
        next_event(&s, &m); /* new users, new items, one line and several */
        learner_learn_soon_user(asked, n % 7 ? 0 : LEARNER_TASKS_MAX, m.e.user + n % 3);
        learner_learn_soon(asked, n % 7 ? 0 : 1, &m.e);
        (void)learn(asked, &m);
        (void)learn(other, &m);
    }
    m.e.n_lines = 0;
    learner_learn_soon(asked, 0, &m.e);
    assert_true(shared_digest(asked, 120) == shared_digest(other, 120));
    assert_same_lists(asked, other, 1, s.now_ms);
    learner_free(asked);
    learner_free(other);
}

/* ---- memory -------------------------------------------------------------------------- */

static void a_known_catalogue_needs_no_more_memory_however_long_it_is_learned(void **state) {
    (void)state;
    struct learner *l = learner_of(params_of(2), 1);
    struct stream s = stream_of(8);
    s.step_ms = 4 * HOUR_MS;
    size_t bytes = 0;
    for (uint32_t n = 0; n < 60; n++) { /* by then sums have the width that they need */
        feed(l, &s, 400);
        assert_int_equal(learner_seal(l, 0), ST_OK);
        learner_committed(l, 0);
        bytes = n == 39 ? shared_bytes(learner_shared(l)) : bytes;
    }
    assert_int_equal(items_n(learner_shared(l)->items), 120);
    assert_int_equal(shared_bytes(learner_shared(l)), bytes);
    for (uint32_t k = 0; k < users_n(learner_users(l, 0)); k++) {
        assert_true(user_bytes(users_get(learner_users(l, 0), k)) <= USER_BYTES_MAX);
    }
    learner_free(l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rejects_each_bad_parameter),
        cmocka_unit_test(a_task_is_open_between_open_and_close),
        cmocka_unit_test(a_refused_event_changes_nothing),
        cmocka_unit_test(a_known_event_id_learns_nothing),
        cmocka_unit_test(a_late_event_pairs_with_what_came_before_it_only),
        cmocka_unit_test(too_late_events_touch_features_and_sets_only),
        cmocka_unit_test(late_max_is_the_last_moment_that_is_learned),
        cmocka_unit_test(a_report_teaches_no_counts_and_hides_the_item),
        cmocka_unit_test(what_consumes_hides_the_item_and_what_does_not_leaves_it),
        cmocka_unit_test(rankers_move_to_the_mean_of_all_tasks_weighted_by_their_steps),
        cmocka_unit_test(no_time_makes_anything_infinite),
        cmocka_unit_test(asking_early_changes_nothing_whatever_is_asked_for),
        cmocka_unit_test(a_known_catalogue_needs_no_more_memory_however_long_it_is_learned),
    };
    return cmocka_run_group_tests_name("learner", tests, NULL, NULL);
}
