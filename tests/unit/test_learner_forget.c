/* SPDX-License-Identifier: Apache-2.0
 * test_learner_forget.c -- contract tests of models/learner.h: users who are forgotten, and
 * replay of everything that a learner can be told. The truth is a twin learner. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "learner_run.h"

enum { DOMAINS = 2, USERS = 40, ITEMS = 60, EVENTS = 500 };

static struct stream stream_of(uint64_t seed) {
    return (struct stream){.rng = {seed},
                           .now_ms = START,
                           .step_ms = HOUR_MS / 2, /* EVENTS of them: no landmark moves */
                           .users = USERS,
                           .items = ITEMS,
                           .n_domains = DOMAINS,
                           .max_lines = 3,
                           .weighted = true};
}

static struct learner *new_learner(uint32_t n_tasks) {
    struct learner_params p = params_of(DOMAINS);
    p.repeats[1] = true;
    p.mini_batch = 37;
    p.user_rate = 3;
    return learner_of(p, n_tasks);
}

static uint32_t slot_of(const struct learner *l, uint32_t user) {
    return users_find(learner_users(l, 0), user_hash(user));
}

static void order(struct learner *l, uint64_t number, uint32_t user, uint32_t item) {
    struct made m;
    make_one(&m, number, user, 0, ACTION_ORDER, START + (int64_t)number * 60000, item);
    (void)learn(l, &m);
}

/* ---- forgetting ----------------------------------------------------------------------------- */

static void a_forgotten_user_is_gone_and_begins_anew(void **state) {
    (void)state;
    struct learner *l = new_learner(1);
    struct list list;
    for (uint32_t k = 0; k < 10; k++) {
        order(l, k + 1, k % 2, k);
    }
    const uint32_t slot = slot_of(l, 1);
    assert_int_equal(learner_rank(l, 0, slot, 0, START + HOUR_MS, 20, &list), ST_OK);
    assert_int_equal(list.n, 5);
    assert_false(learner_forget(l, user_hash(4711)));
    assert_true(learner_forget(l, user_hash(1)));
    assert_int_equal(slot_of(l, 1), USER_NONE);
    assert_null(users_get(learner_users(l, 0), slot));
    assert_int_equal(learner_n_users(l), 1);
    assert_int_equal(learner_rank(l, 0, slot, 0, START + HOUR_MS, 20, &list), ST_NOT_FOUND);
    assert_false(learner_forget(l, user_hash(1)));

    order(l, 10, 1, 30); /* an event id he had before */
    const struct user *u = users_get(learner_users(l, 0), slot_of(l, 1));
    assert_int_equal(user_n(u), 1);
    assert_int_equal(user_first_ms(u), START + 600000);
    assert_int_equal(user_active_days(u, 0, START + DAY_MS, 32), 1);
    assert_int_equal(learner_rank(l, 0, slot_of(l, 1), 0, START + HOUR_MS, 20, &list), ST_OK);
    assert_int_equal(list.n, 10); /* what he consumed before may be shown again */
    assert_int_equal(learner_n_users(l), 2);
    learner_free(l);
}

static void what_he_taught_stays(void **state) {
    (void)state;
    struct learner *a = new_learner(1);
    struct learner *b = new_learner(1);
    struct stream s = stream_of(1);
    for (uint32_t k = 0; k < EVENTS; k++) {
        struct made m;
        next_event(&s, &m);
        (void)learn(a, &m);
        (void)learn(b, &m);
    }
    assert_true(learner_forget(a, user_hash(3)));
    assert_same_counts(a, b);
    assert_near_factors(a, b, 0, 0.0F);
    assert_memory_equal(learner_ranker(a, 0), learner_ranker(b, 0), sizeof(struct ranker));
    for (uint32_t user = 0; user < USERS; user++) {
        if (user != 3) {
            assert_true(user_digest(a, users_get(learner_users(a, 0), slot_of(a, user))) ==
                        user_digest(b, users_get(learner_users(b, 0), slot_of(b, user))));
        }
    }
    learner_free(a);
    learner_free(b);
}

static void he_is_forgotten_in_every_task(void **state) {
    (void)state;
    struct learner *l = new_learner(3);
    struct made m;
    make_one(&m, 1, 1, 0, ACTION_ORDER, START, 1);
    (void)learn_in(l, 0, &m);
    (void)learn_in(l, 2, &m);
    learner_task_close(l, 1);
    assert_true(learner_forget(l, user_hash(1)));
    assert_int_equal(learner_n_users(l), 0);
    learner_free(l);
}

/* ---- forgetting, then undo ------------------------------------------------------------------ */

/* Where the user is when he is forgotten: born and touched in a committed, a sealed or the open
 * batch, and whether he comes back before undo. */
static void no_undo_brings_him_back_and_counts_are_taken_back(void **state) {
    (void)state;
    for (uint32_t in = 1; in < 8; in++) { /* bit 0: committed, 1: sealed, 2: open */
        for (int back = 0; back < 2; back++) {
            struct learner *a = new_learner(1);
            struct learner *b = new_learner(1);
            order(a, 1, 7, 1); /* somebody else */
            order(b, 1, 7, 1);
            if (in & 1) {
                order(a, 2, 1, 1);
                order(b, 2, 1, 1);
            }
            assert_int_equal(learner_seal(a, 0), ST_OK);
            learner_committed(a, 0);
            for (uint32_t z = 1; z <= 2; z++) {
                order(a, 10 + z, 7, 10 + z);
                if (in >> z & 1) {
                    order(a, 20 + z, 1, 20 + z);
                }
                if (z == 1) {
                    assert_int_equal(learner_seal(a, 0), ST_OK);
                }
            }
            assert_true(learner_forget(a, user_hash(1)));
            if (back) {
                order(a, 30, 1, 30);
                assert_int_equal(user_n(users_get(learner_users(a, 0), slot_of(a, 1))), 1);
            }
            learner_undo(a, 0);
            assert_int_equal(slot_of(a, 1), USER_NONE);
            (void)learner_forget(b, user_hash(1));
            assert_same_users(a, b, 1, user_digest);
            assert_same_counts(a, b);
            assert_near_factors(a, b, 0, 0.0F);
            order(a, 40, 1, 1); /* and he may come again */
            order(b, 40, 1, 1);
            assert_same_users(a, b, 1, user_facts);
            assert_same_counts(a, b);
            learner_free(a);
            learner_free(b);
        }
    }
}

/* Anybody is forgotten at any time, between seals and commits; nothing from `keep` on is ever
 * committed. The twin has the first `keep` events, and forgets whom the other one forgot. */
static void forgetting_anybody_at_any_time_leaves_what_undo_promises(void **state) {
    (void)state;
    print_message("seeds 1..30\n");
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct rng rng = {seed};
        struct stream s = stream_of(seed);
        struct learner *a = new_learner(1);
        struct learner *b = new_learner(1);
        const uint32_t keep = rng_below(&rng, EVENTS);
        bool forgotten[USERS] = {false};
        for (uint32_t k = 0; k < EVENTS; k++) {
            struct made m;
            if (k == keep) {
                learner_committed(a, 0);
                learner_committed(a, 0);
                assert_int_equal(learner_seal(a, 0), ST_OK);
                learner_committed(a, 0);
            }
            next_event(&s, &m);
            (void)learn(a, &m);
            if (k < keep) {
                (void)learn(b, &m);
            }
            if (rng_below(&rng, 20) == 0) {
                const uint32_t user = rng_below(&rng, USERS);
                const bool known = learner_forget(a, user_hash(user));
                assert_true(k >= keep || known == learner_forget(b, user_hash(user)));
                forgotten[user] = forgotten[user] || k >= keep;
            }
            if (rng_below(&rng, 30) == 0 && learner_seal(a, 0) == ST_AGAIN && k < keep) {
                learner_committed(a, 0);
            }
        }
        learner_undo(a, 0);
        for (uint32_t user = 0; user < USERS; user++) {
            if (forgotten[user]) {
                assert_int_equal(slot_of(a, user), USER_NONE);
                (void)learner_forget(b, user_hash(user));
            }
        }
        assert_same_users(a, b, 1, user_digest);
        assert_same_counts(a, b);
        assert_near_factors(a, b, 0, 0.0F);
        assert_memory_equal(learner_ranker(a, 0), learner_ranker(b, 0), sizeof(struct ranker));
        learner_free(a);
        learner_free(b);
    }
}

static void a_batch_holds_nothing_of_him_any_more(void **state) {
    (void)state;
    struct learner *l = new_learner(1);
    for (uint32_t k = 0; k < 300; k++) {
        order(l, k + 1, 1, k % 50);
    }
    assert_int_equal(learner_seal(l, 0), ST_OK);
    learner_committed(l, 0);
    order(l, 1000, 1, 1);
    const size_t with = learner_batch_bytes(l, 0);
    assert_true(learner_forget(l, user_hash(1)));
    assert_true(learner_batch_bytes(l, 0) <= with - 700);
    learner_free(l);
}

/* Who was forgotten and comes back does not vote twice in a mini-batch: the votes that seeding
 * waits for are those of so many users. */
static void he_votes_once_a_mini_batch_all_the_same(void **state) {
    (void)state;
    struct learner_params p = params_of(1);
    p.mini_batch = 1000;
    struct learner *l = learner_of(p, 1);
    const struct segments *segments = learner_shared(l)->segments;
    uint64_t number = 1;
    for (uint32_t user = 1; user < p.segments.seed_points; user++) {
        order(l, number++, user, user);
        assert_true(learner_forget(l, user_hash(user)));
        order(l, number++, user, user + 1);
        assert_false(segments_due(segments));
    }
    order(l, number, p.segments.seed_points, 1);
    assert_true(segments_due(segments));
    learner_free(l);
}

/* ---- replay --------------------------------------------------------------------------------- */

/* Events of any weight, floods, rows and requests to forget: told twice, sealed differently. */
static void the_same_stream_gives_the_same_bits(void **state) {
    (void)state;
    print_message("seeds 1..6\n");
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct learner *l[2] = {new_learner(2), new_learner(2)};
        for (uint64_t z = 0; z < 2; z++) {
            struct rng rng = {seed + 1000};
            struct rng seals = {seed + z};
            struct stream s = stream_of(seed);
            s.n_tasks = 2;
            s.step_ms = seed % 2 ? 3 * HOUR_MS : 3000; /* landmarks move; users flood */
            for (uint32_t k = 0; k < 2 * EVENTS; k++) {
                struct made m;
                next_event(&s, &m);
                (void)learn(l[z], &m);
                if (rng_below(&rng, 10) == 0) {
                    const struct content_row row = {.item = m.lines[0].item,
                                                    .id = m.lines[0].id,
                                                    .id_len = m.lines[0].id_len,
                                                    .domain = m.e.domain,
                                                    .available = rng_below(&rng, 2),
                                                    .price = 1.0F};
                    struct content_change change;
                    assert_int_equal(learner_item(l[z], &row, &change), ST_OK);
                }
                if (rng_below(&rng, 50) == 0) {
                    (void)learner_forget(l[z], user_hash(rng_below(&rng, USERS)));
                }
                for (uint32_t p = 0; p < 2; p++) {
                    if (rng_below(&seals, 10) == 0 && learner_seal(l[z], p) == ST_AGAIN) {
                        learner_committed(l[z], p);
                    }
                }
            }
        }
        assert_same_users(l[0], l[1], 2, user_digest);
        assert_same_counts(l[0], l[1]);
        assert_near_factors(l[0], l[1], 0, 0.0F);
        assert_same_lists(l[0], l[1], 2, learner_stream_ms(l[0]));
        for (uint32_t p = 0; p < 2; p++) {
            assert_memory_equal(learner_ranker(l[0], p), learner_ranker(l[1], p),
                                sizeof(struct ranker));
        }
        learner_free(l[0]);
        learner_free(l[1]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_forgotten_user_is_gone_and_begins_anew),
        cmocka_unit_test(what_he_taught_stays),
        cmocka_unit_test(he_is_forgotten_in_every_task),
        cmocka_unit_test(no_undo_brings_him_back_and_counts_are_taken_back),
        cmocka_unit_test(forgetting_anybody_at_any_time_leaves_what_undo_promises),
        cmocka_unit_test(a_batch_holds_nothing_of_him_any_more),
        cmocka_unit_test(he_votes_once_a_mini_batch_all_the_same),
        cmocka_unit_test(the_same_stream_gives_the_same_bits),
    };
    return cmocka_run_group_tests_name("learner forgets", tests, NULL, NULL);
}
