/* SPDX-License-Identifier: Apache-2.0
 * test_learner_undo.c -- contract tests of models/learner.h: batches and undo.
 *
 * The truth is another learner that never had the events. What is promised, and compared:
 *   at once, one task       users in every bit, ranker, popularity, pairs, n_i, b_i, obs, exp
 *   with other tasks        all users' facts (history, sets, sums), popularity, pairs, n_i:
 *                           what the others learned meanwhile saw the undone counts, so their
 *                           traits, contexts and rankers may differ
 *   the events once more    the same facts and counts; users in every bit and b_i within
 *                           rounding where no mini-batch was closed in between
 * Not promised: S, centroids, averages, first and last seen, the recent items; hence not the
 * bits of the ranker and of lists after the events came again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "failing_alloc.h"
#include "learner_run.h"

enum { EVENTS = 400 };

static struct stream stream_of(uint64_t seed, uint32_t n_tasks) {
    return (struct stream){.rng = {seed},
                           .now_ms = START,
                           .step_ms = HOUR_MS * 3 / 4, /* EVENTS of them: no landmark moves */
                           .users = 40,
                           .items = 60,
                           .n_domains = 2,
                           .n_tasks = n_tasks,
                           .max_lines = 3};
}

static struct learner *new_learner(uint32_t mini_batch, uint32_t n_tasks) {
    struct learner_params p = params_of(2);
    p.repeats[1] = true;
    p.mini_batch = mini_batch;
    return learner_of(p, n_tasks);
}

static void commit_all(struct learner *l, uint32_t task) {
    for (int k = 1; k < LEARNER_BATCHES; k++) {
        learner_committed(l, task);
    }
    assert_int_equal(learner_seal(l, task), ST_OK);
    learner_committed(l, task);
}

/* Learns events[0..n) in a; seals somewhere, and commits as far as `keep` events allow.
 * Nothing from `keep` on is ever committed. */
static void learn_and_seal(struct learner *a, const struct made *events, uint32_t n, uint32_t keep,
                           struct rng *rng) {
    for (uint32_t k = 0; k < n; k++) {
        if (k == keep) {
            commit_all(a, 0);
        }
        (void)learn(a, &events[k]);
        if (rng_below(rng, 30) == 0) {
            const enum status st = learner_seal(a, 0);
            assert_true(st == ST_OK || st == ST_AGAIN);
            if (k < keep && st == ST_AGAIN) {
                learner_committed(a, 0);
            }
        }
    }
}

static struct made *make_events(struct stream *s, uint32_t n) {
    struct made *events = calloc(n, sizeof *events);
    assert_non_null(events);
    for (uint32_t k = 0; k < n; k++) {
        next_event(s, &events[k]);
    }
    return events;
}

/* ---- batches ------------------------------------------------------------------------------- */

static void two_sealed_batches_may_wait(void **state) {
    (void)state;
    struct learner *l = new_learner(50, 1);
    struct stream s = stream_of(1, 1);
    struct made m;
    const size_t empty = learner_batch_bytes(l, 0);
    learner_committed(l, 0); /* nothing waits: nothing happens */
    for (int round = 0; round < 20; round++) {
        assert_int_equal(learner_batch_users(l, 0), 0);
        assert_int_equal(learner_batch_bytes(l, 0), empty);
        next_event(&s, &m);
        (void)learn(l, &m);
        next_event(&s, &m);
        (void)learn(l, &m);
        assert_in_range(learner_batch_users(l, 0), 1, 2);
        assert_true(learner_batch_bytes(l, 0) > empty);
        assert_int_equal(learner_seal(l, 0), ST_OK);
        if (round > 0) {
            assert_int_equal(learner_seal(l, 0), ST_AGAIN);
            learner_committed(l, 0);
        }
    }
    learner_free(l);
}

static void a_batch_counts_a_user_once(void **state) {
    (void)state;
    struct learner *l = new_learner(50, 1);
    struct made m;
    for (uint32_t k = 0; k < 30; k++) {
        make_one(&m, k + 1, k % 3, 0, ACTION_VIEW, START + k, k);
        (void)learn(l, &m);
    }
    assert_int_equal(learner_batch_users(l, 0), 3);
    assert_int_equal(learner_seal(l, 0), ST_OK);
    (void)learn(l, &m); /* a duplicate touches nobody */
    assert_int_equal(learner_batch_users(l, 0), 0);
    learner_free(l);
}

/* After one large batch the small ones are small again. */
static void the_bytes_of_a_batch_do_not_remember_earlier_ones(void **state) {
    (void)state;
    struct learner *l = new_learner(50, 1);
    struct stream s = stream_of(2, 1);
    const size_t empty = learner_batch_bytes(l, 0);
    size_t most = 0;
    for (uint32_t k = 0; k < 6000; k++) {
        struct made m;
        next_event(&s, &m);
        (void)learn(l, &m);
        const size_t bytes = learner_batch_bytes(l, 0);
        if (k < 2000 ? k == 1999 : k % 50 == 0) {
            most = k >= 2000 && bytes > most ? bytes : most;
            commit_all(l, 0);
            assert_int_equal(learner_batch_bytes(l, 0), empty);
        }
    }
    assert_true(most < 60 * 3 * 3000);
    learner_free(l);
}

/* ---- undo ---------------------------------------------------------------------------- */

static void undo_leaves_what_a_learner_has_that_never_had_the_events(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct rng rng = {seed};
        struct stream s = stream_of(seed, 1);
        s.late_one_in = seed % 2 ? 10 : 0;
        s.weighted = seed % 5 < 3;
        struct learner *a = new_learner(seed % 3 ? 37 : 1000000, 1);
        struct learner *b = new_learner(seed % 3 ? 37 : 1000000, 1);
        const uint32_t keep = 1 + rng_below(&rng, EVENTS - 1);
        struct made *events = make_events(&s, EVENTS);
        learn_and_seal(a, events, EVENTS, keep, &rng);
        learner_undo(a, 0);
        for (uint32_t k = 0; k < keep; k++) {
            (void)learn(b, &events[k]);
        }
        print_message("seed %u\n", (unsigned)seed);
        assert_same_users(a, b, 1, user_digest);
        assert_same_counts(a, b);
        assert_near_factors(a, b, 0, 0.0F);
        assert_memory_equal(learner_ranker(a, 0), learner_ranker(b, 0), sizeof(struct ranker));
        assert_int_equal(learner_batch_users(a, 0), 0);
        learner_undo(a, 0); /* nothing more to undo */
        assert_same_users(a, b, 1, user_digest);
        assert_same_counts(a, b);
        free(events);
        learner_free(a);
        learner_free(b);
    }
}

/* A batch may span more time than late_max: what was taken and undone makes nothing late. */
static void undone_events_are_learned_again_as_if_for_the_first_time(void **state) {
    (void)state;
    uint32_t strict = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct rng rng = {seed};
        struct stream s = stream_of(seed, 1);
        s.late_one_in = seed % 2 ? 10 : 0;
        s.step_ms = seed % 4 < 2 ? s.step_ms : 6 * HOUR_MS;
        const bool one_mini = seed % 3 == 0;
        s.items = one_mini ? 16 : s.items; /* all are known before */
        struct learner *a = new_learner(one_mini ? 1000000 : 37, 1);
        struct learner *b = new_learner(one_mini ? 1000000 : 37, 1);
        const uint32_t keep = EVENTS / 2 + rng_below(&rng, EVENTS / 4);
        struct made *events = make_events(&s, EVENTS);
        learn_and_seal(a, events, EVENTS, keep, &rng);
        learner_undo(a, 0);
        bool news = false; /* items that only the undone events had: they are in G_V */
        for (uint32_t k = 0; k < EVENTS; k++) {
            news = k == keep ? items_n(learner_shared(a)->items) > items_n(learner_shared(b)->items)
                             : news;
            const struct learner_effect y = learn(b, &events[k]);
            if (k >= keep) {
                const struct learner_effect x = learn(a, &events[k]);
                assert_int_equal(x.late, y.late);
                assert_int_equal(x.too_late, y.too_late);
                assert_int_equal(x.duplicate, y.duplicate);
            }
        }
        print_message("seed %u\n", (unsigned)seed);
        const bool moved = popularity_landmark(learner_shared(a)->popularity, 0) != START;
        assert_same_users(a, b, 1, one_mini && !s.late_one_in && !moved ? user_digest : user_facts);
        if (!moved) {
            assert_same_counts(a, b);
        }
        if (one_mini && !news) {
            strict++;
            assert_near_factors(a, b, 4 * (EVENTS - keep), 1e9F);
        }
        free(events);
        learner_free(a);
        learner_free(b);
    }
    assert_true(strict > 1);
}

static double decayed(const struct shared *s, uint32_t i, int clock, int64_t now_ms) {
    const double half_lives = (double)(now_ms - popularity_landmark(s->popularity, clock)) /
                              (double)popularity_half_life_ms[clock];
    return (double)popularity_count(s->popularity, i, clock) * exp2(-half_lives);
}

/* The undone events span a hundred days: landmarks moved, and stay. */
static void across_landmark_moves_counts_are_back_within_rounding(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct rng rng = {seed};
        const uint32_t task = (uint32_t)seed % 2;
        struct stream s = stream_of(seed, 1);
        s.weighted = seed % 3 == 0;
        struct learner *a = new_learner(37, 2);
        struct learner *b = new_learner(37, 2);
        struct made *events = make_events(&s, EVENTS / 2);
        for (uint32_t k = 0; k < EVENTS / 2; k++) {
            (void)learn_in(a, task, &events[k]);
            (void)learn_in(b, task, &events[k]);
        }
        commit_all(a, task);
        s.step_ms = DAY_MS;
        struct made *more = make_events(&s, EVENTS / 2);
        for (uint32_t k = 0; k < EVENTS / 2; k++) {
            (void)learn_in(a, task, &more[k]);
            const enum status st = rng_below(&rng, 30) ? ST_OK : learner_seal(a, task);
            assert_true(st == ST_OK || st == ST_AGAIN);
        }
        assert_true(popularity_landmark(learner_shared(a)->popularity, 0) >
                    popularity_landmark(learner_shared(b)->popularity, 0) + 50 * DAY_MS);
        learner_undo(a, task);
        const struct shared *x = learner_shared(a);
        const struct shared *y = learner_shared(b);
        for (uint32_t i = 0; i < items_n(y->items); i++) {
            assert_int_equal(popularity_hot(x->popularity)[i].count,
                             popularity_hot(y->popularity)[i].count);
            for (int c = 0; c < POP_CLOCKS; c++) {
                const int64_t at = popularity_landmark(x->popularity, c);
                const double moves =
                    2.0 + (double)(at - START) / 8.0 / (double)popularity_half_life_ms[c];
                const double bound = moves * (1.0 + EVENTS);
                assert_true(fabs(decayed(x, i, c, at) - decayed(y, i, c, at)) <= bound);
            }
            assert_same_pairs(a, i, b, i);
        }
        assert_same_users(a, b, 2, user_digest);
        free(events);
        free(more);
        learner_free(a);
        learner_free(b);
    }
}

static void other_tasks_keep_what_they_learned_meanwhile(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct rng rng = {seed};
        struct stream s = stream_of(seed, 3);
        s.weighted = seed % 2;
        struct learner *a = new_learner(37, 3);
        struct learner *b = new_learner(37, 3);
        const uint32_t keep = rng_below(&rng, EVENTS);
        struct made *events = make_events(&s, EVENTS);
        learn_and_seal(a, events, EVENTS, keep, &rng); /* seals task 0 */
        learner_undo(a, 0);
        for (uint32_t k = 0; k < EVENTS; k++) {
            if (k < keep || events[k].task != 0) {
                (void)learn(b, &events[k]);
            }
        }
        print_message("seed %u keep %u\n", (unsigned)seed, keep);
        assert_same_users(a, b, 3, user_facts);
        assert_same_counts(a, b);
        for (uint32_t k = keep; k < EVENTS; k++) { /* and they come again */
            if (events[k].task == 0) {
                assert_int_equal(learn(a, &events[k]).too_late, learn(b, &events[k]).too_late);
            }
        }
        assert_same_users(a, b, 3, user_facts);
        assert_same_counts(a, b);
        free(events);
        learner_free(a);
        learner_free(b);
    }
}

static void a_user_born_in_an_undone_batch_is_gone_and_can_be_born_again(void **state) {
    (void)state;
    struct learner *l = new_learner(50, 1);
    struct made m;
    make_one(&m, 1, 1, 0, ACTION_ORDER, START, 1);
    (void)learn(l, &m);
    assert_int_equal(learner_seal(l, 0), ST_OK); /* born in a sealed batch, touched later */
    make_one(&m, 2, 1, 0, ACTION_ORDER, START, 2);
    (void)learn(l, &m);
    learner_undo(l, 0);
    assert_int_equal(learner_n_users(l), 0);
    assert_int_equal(users_find(learner_users(l, 0), user_hash(1)), USER_NONE);
    const struct learner_effect effect = learn(l, &m);
    assert_false(effect.duplicate);
    assert_int_equal(learner_n_users(l), 1);
    assert_int_equal(user_n(users_get(learner_users(l, 0), effect.user)), 1);
    learner_free(l);
}

/* A vote is undone with its event, and counts once when it comes again: where no mini-batch
 * closed in between, the centroids move as if nothing had happened. */
static void votes_count_once_after_undo(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct stream s = stream_of(seed, 1);
        struct learner *a = new_learner(100, 1);
        struct learner *b = new_learner(100, 1);
        struct made *events = make_events(&s, EVENTS);
        for (uint32_t k = 0; k < EVENTS; k++) {
            (void)learn(b, &events[k]);
            (void)learn(a, &events[k]);
            if (k == 210) {
                commit_all(a, 0);
            } else if (k == 250 || k == 260) {
                assert_int_equal(learner_seal(a, 0), ST_OK);
            } else if (k == 270) {
                assert_true(segments_ready(learner_shared(a)->segments));
                learner_undo(a, 0);
                for (uint32_t z = 211; z <= 270; z++) {
                    (void)learn(a, &events[z]);
                }
            }
        }
        const struct shared *x = learner_shared(a);
        const struct shared *y = learner_shared(b);
        assert_int_equal(learner_n_mini_batches(a), learner_n_mini_batches(b));
        for (uint32_t k = 0; k < 3; k++) {
            assert_true(segments_weight(x->segments, k) == segments_weight(y->segments, k));
            assert_memory_equal(segments_centroid(x->segments, k),
                                segments_centroid(y->segments, k),
                                FEATURES_PER_DOMAIN * x->n_domains * sizeof(float));
        }
        assert_same_users(a, b, 1, user_digest);
        free(events);
        learner_free(a);
        learner_free(b);
    }
}

static void the_stream_clock_never_steps_back(void **state) {
    (void)state;
    struct learner *l = new_learner(50, 2);
    struct made m;
    make_one(&m, 1, 1, 0, ACTION_ORDER, START, 1);
    (void)learn_in(l, 0, &m);
    make_one(&m, 2, 2, 0, ACTION_ORDER, START + 9 * DAY_MS, 1);
    (void)learn_in(l, 1, &m);
    learner_undo(l, 1);
    assert_int_equal(learner_stream_ms(l), START + 9 * DAY_MS);
    make_one(&m, 3, 1, 0, ACTION_ORDER, START + DAY_MS, 2);
    assert_false(learn_in(l, 0, &m).late); /* nobody holds what came after it */
    (void)learn_in(l, 1, &m);
    learner_task_close(l, 1); /* lateness is a task's own */
    make_one(&m, 4, 1, 0, ACTION_ORDER, START + DAY_MS - 1, 3);
    assert_true(learn_in(l, 0, &m).late);
    learner_undo(l, 0);
    assert_false(learn_in(l, 0, &m).late); /* what it came after was taken back */
    learner_free(l);
}

/* A task that was elsewhere, or is read again, is behind the others: its events are in order. */
static void a_task_that_lags_behind_the_others_is_not_late(void **state) {
    (void)state;
    struct learner *l = new_learner(50, 2);
    struct made m;
    make_one(&m, 1, 1, 0, ACTION_ORDER, START + 99 * DAY_MS, 1);
    (void)learn_in(l, 0, &m);
    make_one(&m, 2, 2, 0, ACTION_ORDER, START, 2);
    const struct learner_effect e = learn_in(l, 1, &m);
    assert_false(e.late);
    assert_false(e.too_late);
    struct user_entry history[1];
    assert_int_equal(user_history(users_get(learner_users(l, 1), e.user), INT64_MAX, history, 1),
                     1);
    learner_free(l);
}

/* ---- memory that runs out ------------------------------------------------------------ */

/* An item may exist that found no room in some part of the model: nobody is shown it. */
static void assert_only_usable_items(struct learner *l, uint8_t domain) {
    struct list list;
    learner_fallback(l, domain, LIST_MAX, &list);
    for (uint32_t k = 0; k < list.n; k++) {
        assert_true(list.items[k].item < learner_shared(l)->n_items);
    }
    const struct users *us = learner_users(l, 0);
    if (users_n(us) > 0 && users_get(us, 0)) {
        assert_int_equal(learner_rank(l, 0, 0, domain, START, LIST_MAX, &list), ST_OK);
        for (uint32_t k = 0; k < list.n; k++) {
            assert_true(list.items[k].item < learner_shared(l)->n_items);
        }
    }
}

/* Every allocation of an event refuses once; undo brings back what was. */
static void an_event_that_found_no_memory_is_undone_without_a_trace(void **state) {
    (void)state;
    if (!CAN_FAIL) {
        skip();
    }
    struct learner *a = new_learner(5, 1);
    struct learner *b = new_learner(5, 1);
    struct stream s = stream_of(5, 1);
    s.items = 2000; /* new items, new users */
    s.users = 3000;
    uint32_t failures = 0;
    for (uint32_t k = 0; k < 150; k++) {
        struct made m;
        next_event(&s, &m);
        commit_all(a, 0);
        for (int n = 0; n < 1000; n++) {
            struct learner_effect effect;
            struct event e = m.e;
            struct event_line lines[MADE_LINES];
            memcpy(lines, m.lines, sizeof lines);
            e.lines = lines;
            fail_after(n);
            const enum status st = learner_learn(a, 0, &e, &effect);
            fail_after(-1);
            if (!st) {
                break;
            }
            failures++;
            assert_int_equal(st, ST_NOMEM);
            learner_undo(a, 0);
            assert_int_equal(learner_n_users(a), learner_n_users(b));
            assert_only_usable_items(a, m.e.domain);
            if (n % 5 == 0) {
                assert_same_users(a, b, 1, user_facts);
                assert_same_counts(a, b);
            }
        }
        (void)learn(b, &m);
        assert_same_counts(a, b);
    }
    assert_true(failures > 300);
    assert_same_users(a, b, 1, user_facts);
    learner_free(a);
    learner_free(b);
}

static void a_learner_or_task_that_finds_no_memory_leaves_nothing(void **state) {
    (void)state;
    const struct learner_params p = params_of(2);
    bool made = !CAN_FAIL;
    for (int n = 0; !made && n < 200; n++) {
        struct learner *l = NULL;
        fail_after(n);
        enum status st = learner_new(&p, &l);
        if (!st) {
            st = learner_task_open(l, 0);
            made = !st;
        }
        fail_after(-1);
        assert_true(st == ST_OK || st == ST_NOMEM);
        if (l) {
            assert_int_equal(learner_users(l, 0) != NULL, made);
        }
        learner_free(l);
    }
    assert_true(made);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_sealed_batches_may_wait),
        cmocka_unit_test(a_batch_counts_a_user_once),
        cmocka_unit_test(the_bytes_of_a_batch_do_not_remember_earlier_ones),
        cmocka_unit_test(undo_leaves_what_a_learner_has_that_never_had_the_events),
        cmocka_unit_test(undone_events_are_learned_again_as_if_for_the_first_time),
        cmocka_unit_test(across_landmark_moves_counts_are_back_within_rounding),
        cmocka_unit_test(other_tasks_keep_what_they_learned_meanwhile),
        cmocka_unit_test(a_user_born_in_an_undone_batch_is_gone_and_can_be_born_again),
        cmocka_unit_test(votes_count_once_after_undo),
        cmocka_unit_test(the_stream_clock_never_steps_back),
        cmocka_unit_test(a_task_that_lags_behind_the_others_is_not_late),
        cmocka_unit_test(an_event_that_found_no_memory_is_undone_without_a_trace),
        cmocka_unit_test(a_learner_or_task_that_finds_no_memory_leaves_nothing),
    };
    return cmocka_run_group_tests_name("learner undo", tests, NULL, NULL);
}
