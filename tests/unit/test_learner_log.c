/* SPDX-License-Identifier: Apache-2.0
 * test_learner_log.c -- contract tests of models/learner_log.h: worlds of several learners around
 * one log (log_world.h).
 *
 * The truth is, for the bits, another learner that read the same log in one go and has no tasks;
 * for the counts, a learner without a log that has all tasks and saw no batch fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "learner_run.h"
#include "log_world.h"

enum { EVENTS = 1000 };

static struct stream stream_of(uint64_t seed, uint32_t n_tasks) {
    return (struct stream){.rng = {seed},
                           .now_ms = START,
                           .step_ms = HOUR_MS,
                           .users = 60,
                           .items = 50,
                           .n_domains = 2,
                           .n_tasks = n_tasks,
                           .max_lines = 3};
}

static struct learner_params params_of_log(void) {
    struct learner_params p = params_of(2);
    p.repeats[1] = true;
    p.prequential_sample = 0;
    p.segments.seed_points = 40;
    return p;
}

static const struct chances ANYTHING = {
    .seal = 30, .commit = 20, .abort = 150, .move = 150, .hear = 20, .controls = 20, .sweep = 10};

/* Reads all of the log at once; knows the items' categories as `like` does. */
static struct learner *reader_of(struct log_world *w, uint64_t end) {
    struct learner *l = log_learner(w);
    uint64_t applied = 0;
    while (applied < end) {
        hear_one(w, l, &applied);
    }
    return l;
}

/* A learner without a log that learned every event of every task. */
static struct learner *loop_of(const struct log_world *w) {
    struct learner *l = learner_of(w->params, w->n_tasks);
    for (uint32_t k = 0; k < w->n_events; k++) {
        (void)learn(l, &w->events[k]);
    }
    return l;
}

/* Takings of a category go by rows of the catalogue: everybody gets the same. */
static void tell_rows(const struct log_world *w, uint32_t n_items, uint32_t n_categories) {
    for (uint32_t k = 0; k < w->n_learners; k++) {
        for (uint32_t i = 0; i < 2 * n_items; i++) {
            char id[16];
            struct content_change change;
            const uint8_t domain = (uint8_t)(i % 2);
            const int len = snprintf(id, sizeof id, "%u", i / 2);
            const struct content_row row = {.item = item_hash(domain, i / 2),
                                            .id = id,
                                            .id_len = (uint16_t)len,
                                            .domain = domain,
                                            .available = true,
                                            .price = NAN,
                                            .category = i % 7 ? mix64(1 + i % n_categories) : 0};
            assert_int_equal(learner_item(w->learners[k], &row, &change), ST_OK);
        }
    }
}

static void assert_all_alike(struct log_world *w) {
    struct learner *reader = reader_of(w, w->n_log);
    for (uint32_t k = 0; k < w->n_learners; k++) {
        assert_same_model(w->learners[k], reader, w->n_tasks);
        assert_same_vectors(w->learners[k], reader);
    }
    learner_free(reader);
}

/* ---- the same bits --------------------------------------------------------------------- */

static void learners_at_the_same_log_end_hold_the_same_bits(void **state) {
    (void)state;
    uint64_t aborts = 0;
    uint64_t moves = 0;
    uint64_t early = 0;
    uint64_t behind = 0;
    for (uint64_t seed = 1; seed <= 9; seed++) {
        struct stream s = stream_of(seed, 1 + (uint32_t)seed % 5);
        s.late_one_in = seed % 3 ? 0 : 9;
        s.weighted = seed % 4 == 0;
        print_message("seed %u\n", (unsigned)seed);
        struct log_world *w = world_of(seed, params_of_log(), &s, 1 + (uint32_t)seed % 3, EVENTS);
        tell_rows(w, seed % 2 ? 50 : 20, 8);
        run_world(w, &ANYTHING);
        assert_all_alike(w);
        assert_true(segments_ready(learner_shared(w->learners[0])->segments));
        aborts += w->n_aborts;
        moves += w->n_moves;
        early += w->n_early;
        behind += w->n_behind;
        world_done(w);
    }
    assert_true(aborts > 25 && moves > 25 && early > 50 && behind > 10);
}

static void time_goes_on_and_landmarks_move_while_deltas_are_pending(void **state) {
    (void)state;
    for (uint64_t seed = 21; seed <= 26; seed++) {
        struct stream s = stream_of(seed, 3);
        s.step_ms = 20 * HOUR_MS; /* 20 moves of the fastest clock */
        print_message("seed %u\n", (unsigned)seed);
        struct log_world *w = world_of(seed, params_of_log(), &s, 3, EVENTS);
        tell_rows(w, 50, 8);
        run_world(w, &ANYTHING);
        assert_true(w->n_landmarks > 20);
        assert_all_alike(w);
        world_done(w);
    }
}

/* Everything is taken after the first item: its list outgrows the limit again and again. */
static void busy_event(struct made *m, uint64_t number, struct rng *rng, uint32_t n_tasks) {
    const uint32_t user = rng_below(rng, 300);
    make(m, number, user, (uint8_t)(user % 2), ACTION_PURCHASE,
         START + (int64_t)number * HOUR_MS / 40);
    m->task = user % n_tasks;
    add_line(m, 1, 1.0F);
    for (int k = 0; k < 6; k++) {
        add_line(m, 2 + rng_below(rng, 700), 2.0F);
    }
}

static void lists_are_pruned_by_what_the_log_says(void **state) {
    (void)state;
    for (uint64_t seed = 31; seed <= 34; seed++) {
        struct stream s = stream_of(seed, 3);
        struct rng rng = {seed};
        print_message("seed %u\n", (unsigned)seed);
        struct log_world *w = world_of(seed, params_of_log(), &s, 3, EVENTS);
        for (uint32_t p = 0; p < w->n_tasks; p++) {
            w->tasks[p].n = 0;
        }
        for (uint32_t k = 0; k < EVENTS; k++) {
            busy_event(&w->events[k], k + 1, &rng, w->n_tasks);
            struct log_task *t = &w->tasks[w->events[k].task];
            t->events[t->n++] = &w->events[k];
        }
        tell_rows(w, 702, 599);
        const struct chances slow = {
            .seal = 60, .commit = 60, .abort = 300, .move = 300, .hear = 60, .sweep = 4};
        run_world(w, &slow);
        const struct shared *model = learner_shared(w->learners[0]);
        const uint32_t hub = items_find(model->items, item_hash(0, 1));
        const uint32_t category = content_category(model->content, hub);
        /* of 700 that were taken with it: it waits for its turn with what came since */
        assert_in_range(pairs_list(model->pairs, hub).n, PAIRS_KEEP, PAIRS_NEIGHBOURS + 400);
        assert_in_range(categories_neighbours(model->categories, category).n, CATEGORIES_KEEP,
                        CATEGORIES_NEIGHBOURS);
        assert_all_alike(w);
        assert_true(w->sweeps > 0);
        struct learner *late = join(w);
        assert_same_model(late, w->learners[0], w->n_tasks);
        learner_free(late);
        world_done(w);
    }
}

/* ---- the same counts ------------------------------------------------------------------- */

static void counts_are_those_of_one_learner_without_a_log(void **state) {
    (void)state;
    for (uint64_t seed = 41; seed <= 46; seed++) {
        struct stream s = stream_of(seed, 4);
        s.step_ms = HOUR_MS / 8; /* within one landmark */
        print_message("seed %u\n", (unsigned)seed);
        struct log_world *w = world_of(seed, params_of_log(), &s, 3, EVENTS);
        run_world(w, &ANYTHING);
        struct learner *loop = loop_of(w);
        for (uint32_t k = 0; k < 3; k++) {
            const struct shared *a = learner_shared(w->learners[k]);
            const struct shared *b = learner_shared(loop);
            assert_int_equal(a->n_events, b->n_events);
            for (uint32_t i = 0; i < b->n_items; i++) {
                const uint32_t j = item_in(loop, i, w->learners[k]);
                assert_true(j != ITEM_NONE && items_named(a->items, j));
                assert_same_pairs(loop, i, w->learners[k], j);
                for (int c = 0; c < POP_CLOCKS; c++) {
                    assert_int_equal(popularity_count(a->popularity, j, c),
                                     popularity_count(b->popularity, i, c));
                }
            }
        }
        for (uint32_t p = 0; p < w->n_tasks; p++) { /* users know the same, wherever they were */
            const struct learner *owner = w->learners[w->tasks[p].owner];
            const struct users *us = learner_users(loop, p);
            assert_int_equal(users_n_alive(us), users_n_alive(learner_users(owner, p)));
            for (uint32_t slot = 0; slot < users_n(us); slot++) {
                const uint32_t other = users_find(learner_users(owner, p), users_hash(us, slot));
                assert_true(other != USER_NONE);
                assert_true(user_facts(loop, users_get(us, slot)) ==
                            user_facts(owner, users_get(learner_users(owner, p), other)));
            }
        }
        learner_free(loop);
        world_done(w);
    }
}

static void popularity_is_that_within_rounding_where_landmarks_moved(void **state) {
    (void)state;
    struct stream s = stream_of(51, 3);
    s.step_ms = 10 * HOUR_MS;
    struct log_world *w = world_of(51, params_of_log(), &s, 2, EVENTS);
    run_world(w, &ANYTHING);
    struct learner *loop = loop_of(w);
    const struct popularity *p = learner_shared(w->learners[0])->popularity;
    const struct popularity *q = learner_shared(loop)->popularity;
    for (uint32_t i = 0; i < learner_shared(loop)->n_items; i++) {
        const uint32_t j = item_in(loop, i, w->learners[0]);
        for (int c = 0; c < POP_CLOCKS; c++) {
            /* each event is rounded once, the sum once a move: half a unit each, at most */
            const double late = (double)(popularity_landmark(q, c) - popularity_landmark(p, c)) /
                                (double)popularity_half_life_ms[c];
            const double there = (double)popularity_count(p, j, c) * exp2(-late);
            const double units =
                1.0 + (double)popularity_hot(q)[i].count * (0.5 + exp2(-late)) + 20.0;
            assert_true(fabs(there - (double)popularity_count(q, i, c)) <= units);
        }
    }
    learner_free(loop);
    world_done(w);
}

/* Different users in each run of `mini` events of a task that is complete, and the runs. */
static uint64_t votes_of(const struct log_task *t, uint32_t mini, uint64_t *runs) {
    uint64_t votes = 0;
    for (uint32_t from = 0; from + mini <= t->n; from += mini) {
        ++*runs;
        for (uint32_t k = from; k < from + mini; k++) {
            uint32_t before = from;
            while (t->events[before]->e.user != t->events[k]->e.user) {
                before++;
            }
            votes += before == k;
        }
    }
    return votes;
}

static void every_vote_of_every_mini_batch_reaches_the_log_once(void **state) {
    (void)state;
    for (uint64_t seed = 55; seed <= 57; seed++) {
        struct stream s = stream_of(seed, 2);
        s.users = 20;
        struct learner_params params = params_of_log();
        params.segments.seed_points = 4096; /* without a label a user votes whenever he may */
        struct log_world *w = world_of(seed, params, &s, 2, EVENTS);
        struct chances c = ANYTHING;
        c.seal = 80; /* several mini-batches in one batch, too */
        c.move = 40;
        run_world(w, &c);
        uint64_t votes = 0;
        uint64_t events = 0;
        uint64_t runs = 0;
        uint64_t expected = 0;
        struct log_record r = {.kind = LOG_DELTA};
        for (uint64_t k = 0; k < w->n_log; k++) {
            assert_int_equal(log_record_read(w->log[k].bytes, w->log[k].len, &r), ST_OK);
            if (r.kind == LOG_DELTA && r.has_sums) {
                votes += r.sums.segments.n_all;
                events += r.sums.n_events;
            }
        }
        for (uint32_t p = 0; p < w->n_tasks; p++) {
            expected += votes_of(&w->tasks[p], 25, &runs);
        }
        assert_int_equal(events, 25 * runs);
        assert_int_equal(votes, expected);
        log_record_free(&r);
        world_done(w);
    }
}

/* ---- abort ----------------------------------------------------------------------------- */

static void an_abort_leaves_what_the_log_says_and_nothing_else(void **state) {
    (void)state;
    for (uint64_t seed = 61; seed <= 66; seed++) {
        struct stream s = stream_of(seed, 3);
        s.step_ms = seed % 2 ? HOUR_MS : 15 * HOUR_MS;
        print_message("seed %u\n", (unsigned)seed);
        struct log_world *w = world_of(seed, params_of_log(), &s, 2, EVENTS);
        tell_rows(w, 50, 8);
        int compared = 0;
        for (uint32_t n = 0; n < 4 * EVENTS; n++) {
            step(w, &ANYTHING);
            const uint32_t k = rng_below(&w->rng, w->n_learners);
            size_t bytes = 0;
            if (rng_below(&w->rng, 100) || learner_log_pending(w->learners[k], &bytes) > 0) {
                continue;
            }
            for (uint32_t p = 0; p < w->n_tasks; p++) {
                if (w->tasks[p].owner == k) {
                    abort_task(w, p);
                }
            }
            struct learner *reader = reader_of(w, w->applied[k]);
            if (w->applied[k] > 0) {
                assert_same_model(w->learners[k], reader, w->n_tasks);
                assert_same_vectors(w->learners[k], reader);
                compared++;
            }
            learner_free(reader);
        }
        assert_true(compared > 3);
        world_done(w);
    }
}

static void a_closed_task_leaves_nothing_that_was_not_committed(void **state) {
    (void)state;
    struct stream s = stream_of(71, 2);
    struct log_world *w = world_of(71, params_of_log(), &s, 1, 300);
    const struct chances quiet = {.seal = 20, .commit = 20, .hear = 10, .controls = 10};
    for (int n = 0; n < 200; n++) {
        step(w, &quiet);
    }
    settle(w);
    for (int n = 0; n < 40; n++) {
        learn_one(w, &w->tasks[n % 2]);
        if (n == 20) {
            (void)seal_one(w, 0);
        }
    }
    learner_task_close(w->learners[0], 0);
    learner_task_close(w->learners[0], 1);
    struct learner *reader = reader_of(w, w->n_log);
    assert_same_model(w->learners[0], reader, 2);
    learner_free(reader);
    world_done(w);
}

static void what_is_committed_and_not_seen_stays_pending_when_its_task_is_closed(void **state) {
    (void)state;
    struct stream s = stream_of(72, 1);
    struct log_world *w = world_of(72, params_of_log(), &s, 1, 60);
    size_t bytes = 0;
    for (int n = 0; n < 50; n++) {
        learn_one(w, &w->tasks[0]);
    }
    (void)seal_one(w, 0);
    commit_one(w, 0, false);
    assert_int_equal(learner_log_pending(w->learners[0], &bytes), 1);
    assert_true(bytes > 0);
    const uint64_t events = learner_shared(w->learners[0])->n_events;
    learner_task_close(w->learners[0], 0);
    assert_int_equal(learner_shared(w->learners[0])->n_events, events);
    hear(w, 0, w->n_log);
    assert_int_equal(learner_log_pending(w->learners[0], &bytes), 0);
    assert_int_equal(learner_shared(w->learners[0])->n_events, events);
    assert_all_alike(w);
    world_done(w);
}

/* ---- joining --------------------------------------------------------------------------- */

static void whoever_joins_by_a_snapshot_equals_those_that_read_all(void **state) {
    (void)state;
    for (uint64_t seed = 81; seed <= 88; seed++) {
        struct stream s = stream_of(seed, 3);
        s.step_ms = seed % 2 ? HOUR_MS : 20 * HOUR_MS;
        print_message("seed %u\n", (unsigned)seed);
        struct log_world *w = world_of(seed, params_of_log(), &s, 2, EVENTS);
        tell_rows(w, 30, 8);
        struct chances c = ANYTHING;
        c.sweep = 4;
        int joined = 0;
        for (uint32_t n = 0; n < 3 * EVENTS; n++) {
            step(w, &c);
            if (w->sweeps == 0 || rng_below(&w->rng, 500)) {
                continue;
            }
            struct learner *late = join(w);
            struct learner *reader = reader_of(w, w->n_log);
            assert_same_model(late, reader, w->n_tasks);
            assert_same_vectors(late, reader);
            learner_free(late);
            learner_free(reader);
            joined++;
        }
        assert_true(joined > 0 && w->sweeps > 1);
        /* it goes on as the others do */
        w->learners[2] = join(w);
        w->applied[2] = w->n_log;
        w->n_learners = 3;
        run_world(w, &ANYTHING);
        assert_all_alike(w);
        world_done(w);
    }
}

/* ---- obs ------------------------------------------------------------------------------- */

/* Somebody else's record of many events. */
static void say_events(struct log_world *w, uint64_t n) {
    struct learner *l = w->learners[0];
    hear(w, 0, w->n_log);
    struct log_record r = {
        .kind = LOG_DELTA, .name = {.task = 99, .epoch = 1, .batch = w->n_log}, .n_events = n};
    for (int c = 0; c < POP_CLOCKS; c++) {
        r.landmarks[c] = popularity_landmark(learner_shared(l)->popularity, c);
    }
    r.category_landmark = categories_landmark(learner_shared(l)->categories);
    r.obs_landmark = popularity_obs_landmark(learner_shared(l)->popularity);
    struct pack p = {0};
    log_record_write(&p, &r);
    say(w, blob_taken(&p));
}

static void the_landmark_of_obs_moves_by_the_logs_own_events(void **state) {
    (void)state;
    for (uint64_t seed = 91; seed <= 94; seed++) {
        struct stream s = stream_of(seed, 3);
        print_message("seed %u\n", (unsigned)seed);
        struct log_world *w = world_of(seed, params_of_log(), &s, 2, EVENTS);
        struct chances c = ANYTHING;
        c.sweep = 4;
        if (seed % 2) {
            say_events(w, 8 * 20000 - 300); /* pending events reach it before the log does */
        }
        for (uint32_t n = 0; n < 2 * EVENTS; n++) {
            step(w, &c);
            if (seed % 2 == 0 && rng_below(&w->rng, 100) == 0) {
                say_events(w, 20000);
            }
            if (w->sweeps && rng_below(&w->rng, 1000) == 0) {
                struct learner *late = join(w);
                struct learner *reader = reader_of(w, w->n_log);
                assert_same_model(late, reader, w->n_tasks);
                learner_free(late);
                learner_free(reader);
            }
        }
        run_world(w, &c);
        assert_true(popularity_obs_landmark(learner_shared(w->learners[0])->popularity) > 0);
        assert_all_alike(w);
        world_done(w);
    }
}

/* ---- nets ------------------------------------------------------------------------------ */

static void nets_are_published_every_256_events_and_move_to_the_mean_once(void **state) {
    (void)state;
    struct stream s = stream_of(101, 2);
    struct log_world *w = world_of(101, params_of_log(), &s, 1, 1400);
    struct learner *l = w->learners[0];
    struct log_record r = {.kind = LOG_DELTA};
    uint32_t since[2] = {0};
    uint32_t published[2] = {0};
    uint64_t steps[2] = {0};
    for (uint32_t n = 0; n < 1400; n++) {
        const uint32_t task = w->events[n].task;
        learn_one(w, &w->tasks[task]);
        since[task]++;
        if (n % 50 != 49) {
            continue;
        }
        for (uint32_t p = 0; p < 2; p++) {
            (void)seal_one(w, p);
            const struct blob *b = &w->tasks[p].flights[0].record;
            assert_int_equal(log_record_read(b->bytes, b->len, &r), ST_OK);
            assert_int_equal(r.has_nets, since[p] >= 256);
            const struct ranker before = *learner_ranker(l, p);
            if (r.has_nets) {
                assert_memory_equal(r.nets, before.net, sizeof r.nets);
                assert_int_equal(r.n_trained, before.steps - steps[p]);
                steps[p] = before.steps;
                since[p] = 0;
                published[p]++;
            }
            commit_one(w, p, false);
            hear(w, 0, w->n_log);
            const struct ranker *after = learner_ranker(l, p);
            const bool both = published[0] > 0 && published[1] > 0;
            const bool moved = memcmp(before.net, after->net, sizeof before.net) != 0;
            assert_int_equal(moved, r.has_nets && both);
            if (moved) {
                assert_true(after->pace > 1.0F);
            }
        }
    }
    assert_true(published[0] > 1 && published[1] > 1);
    log_record_free(&r);
    world_done(w);
}

static void whoever_takes_a_task_over_makes_the_move_that_was_due(void **state) {
    (void)state;
    struct stream s = stream_of(102, 2);
    struct log_world *w = world_of(102, params_of_log(), &s, 3, 1200); /* task 0 at 0, 1 at 1 */
    for (uint32_t p = 0; p < 2; p++) {
        for (int n = 0; n < 300; n++) {
            learn_one(w, &w->tasks[p]);
        }
        (void)seal_one(w, p);
        hear(w, p, w->n_log);
        if (p == 1) {
            break;
        }
        commit_one(w, p, false);
        hear(w, 0, w->n_log);
    }
    /* as of the seal: the one that has it moves when the log says so, the other one afterwards */
    struct pack p = {0};
    learner_sealed_task(w->learners[1], 1, &p);
    struct blob task = blob_taken(&p);
    commit_one(w, 1, false);
    hear(w, 1, w->n_log);
    hear(w, 2, w->n_log);
    assert_int_equal(learner_task_open(w->learners[2], 1), ST_OK);
    assert_int_equal(learner_restore_task(w->learners[2], 1, task.bytes, task.len), ST_OK);
    assert_memory_equal(learner_ranker(w->learners[1], 1), learner_ranker(w->learners[2], 1),
                        sizeof(struct ranker));
    /* before the log has it: then when it has */
    assert_int_equal(learner_task_open(w->learners[0], 1), ST_OK);
    assert_int_equal(learner_restore_task(w->learners[0], 1, task.bytes, task.len), ST_OK);
    assert_memory_not_equal(learner_ranker(w->learners[1], 1), learner_ranker(w->learners[0], 1),
                            sizeof(struct ranker));
    hear(w, 0, w->n_log);
    assert_memory_equal(learner_ranker(w->learners[1], 1), learner_ranker(w->learners[0], 1),
                        sizeof(struct ranker));
    /* an undo makes it again */
    const struct ranker moved = *learner_ranker(w->learners[1], 1);
    learn_one(w, &w->tasks[1]);
    abort_task(w, 1);
    assert_memory_equal(learner_ranker(w->learners[1], 1), &moved, sizeof moved);
    assert_true(learner_ranker(w->learners[1], 1)->pace > 1.0F);
    blob_free(&task);
    world_done(w);
}

/* ---- landmarks, names, refusals -------------------------------------------------------- */

static void an_event_that_cannot_be_weighed_waits_for_a_landmark_and_changes_nothing(void **state) {
    (void)state;
    struct learner_params params = params_of_log();
    params.log = true;
    struct learner *l = learner_of(params, 1);
    static struct made m;
    make(&m, 1, 7, 0, ACTION_PURCHASE, START);
    add_line(&m, 1, 1.0F);
    add_line(&m, 2, 1.0F);
    struct learner_effect effect = {0};
    int64_t at_ms = 0;
    assert_false(learner_landmark_wanted(l, &at_ms));
    for (int n = 0; n < 2; n++) {
        assert_int_equal(learner_learn(l, 0, &m.e, &effect), ST_AGAIN);
        assert_int_equal(items_n(learner_shared(l)->items), 0);
        assert_int_equal(learner_n_users(l), 0);
        assert_int_equal(learner_batch_users(l, 0), 0);
        assert_true(learner_stream_ms(l) == INT64_MIN);
        assert_true(learner_landmark_wanted(l, &at_ms));
        assert_int_equal(at_ms, START);
    }
    struct pack p = {0};
    log_record_write_landmark(&p, at_ms);
    for (uint64_t n = 0; n < 2; n++) { /* twice is once */
        assert_int_equal(learner_log_apply(l, p.bytes, p.len, n), ST_OK);
        assert_false(learner_landmark_wanted(l, &at_ms));
    }
    assert_int_equal(learner_learn(l, 0, &m.e, &effect), ST_OK);
    m.e.weight = 0.0F; /* teaches nobody: no landmark is needed */
    m.e.ts_ms = START + 1000 * DAY_MS;
    m.e.id++;
    assert_int_equal(learner_learn(l, 0, &m.e, &effect), ST_OK);
    free(p.bytes);
    learner_free(l);
}

static void a_batch_that_says_nothing_needs_no_record(void **state) {
    (void)state;
    struct learner_params params = params_of_log();
    params.log = true;
    struct learner *l = learner_of(params, 1);
    struct pack p = {0};
    size_t bytes = 0;
    learner_log_write(l, 0, &p); /* nothing is sealed */
    assert_int_equal(p.len, 0);
    learner_name_batches(l, 0, 5, 1);
    assert_int_equal(learner_seal(l, 0), ST_OK);
    learner_log_write(l, 0, &p);
    assert_int_equal(p.len, 0);
    learner_committed(l, 0);
    assert_int_equal(learner_log_pending(l, &bytes), 0);
    learner_free(l);
}

static void items_are_named_once_the_log_has_not_named_them_before(void **state) {
    (void)state;
    struct stream s = stream_of(111, 1);
    struct log_world *w = world_of(111, params_of_log(), &s, 2, 50);
    static struct made m;
    struct log_record r = {.kind = LOG_DELTA};
    /* item 1 is only looked at by somebody who teaches nobody: it gets its name all the same */
    for (uint32_t round = 0; round < 3; round++) {
        make_one(&m, 1000 + round, 1, 0, ACTION_PURCHASE, START, round == 1 ? 2 : 1);
        m.e.weight = 0.0F;
        (void)learn(w->learners[0], &m);
        (void)seal_one(w, 0);
        const struct blob *b = &w->tasks[0].flights[0].record;
        if (round == 2) {
            assert_int_equal(b->len, 0);
            break;
        }
        assert_int_equal(log_record_read(b->bytes, b->len, &r), ST_OK);
        assert_int_equal(r.n_items, 1);
        assert_int_equal(r.n_events, 0);
        assert_true(r.items[0].id_len == 1 && r.items[0].id[0] == (round ? '2' : '1'));
        commit_one(w, 0, false);
        hear(w, 0, w->n_log);
    }
    hear(w, 1, w->n_log);
    const struct items *items = learner_shared(w->learners[1])->items;
    assert_true(items_named(items, items_find(items, item_hash(0, 1))));
    log_record_free(&r);
    world_done(w);
}

static void a_record_that_cannot_be_read_changes_nothing(void **state) {
    (void)state;
    struct stream s = stream_of(112, 2);
    struct log_world *w = world_of(112, params_of_log(), &s, 1, 300);
    const struct chances quiet = {.seal = 20, .commit = 20, .hear = 10, .controls = 10};
    run_world(w, &quiet);
    struct learner *l = w->learners[0];
    struct learner *reader = reader_of(w, w->n_log);
    const uint64_t next = offset_of(w->n_log);
    const struct blob *b = &w->log[w->n_log - 1];
    for (size_t len = 0; len < b->len; len += 7) {
        struct blob cut = blob_of(b->bytes, len);
        assert_int_equal(learner_log_apply(l, cut.bytes, cut.len, next), ST_INVALID);
        blob_free(&cut);
    }
    struct blob later = blob_of(b->bytes, b->len);
    later.bytes[0]++;
    assert_int_equal(learner_log_apply(l, later.bytes, later.len, next), ST_RANGE);
    blob_free(&later);
    /* landmarks that nobody moved to, an item of two domains */
    struct log_record r = {.kind = LOG_DELTA};
    for (int k = 0; k < 4; k++) {
        struct pack p = {0};
        assert_int_equal(log_record_read(b->bytes, b->len, &r), ST_OK);
        assert_true(r.n_items > 0);
        r.landmarks[1] += k == 0 ? popularity_half_life_ms[1] : k == 1 ? -1 : 0;
        r.obs_landmark += k == 2 ? 20000 : 0;
        r.items[0].domain = (uint8_t)(k == 3 ? 1 - r.items[0].domain : r.items[0].domain);
        log_record_write(&p, &r);
        assert_int_equal(learner_log_apply(l, p.bytes, p.len, next), ST_INVALID);
        free(p.bytes);
    }
    assert_int_equal(learner_log_apply(l, b->bytes, b->len, next - 2), ST_OK); /* it was applied */
    assert_same_model(l, reader, 2);
    log_record_free(&r);
    learner_free(reader);
    world_done(w);
}

static void a_user_whose_id_is_somebody_elses_is_not_restored(void **state) {
    (void)state;
    struct stream s = stream_of(113, 1);
    struct log_world *w = world_of(113, params_of_log(), &s, 1, 60);
    for (int n = 0; n < 50; n++) {
        learn_one(w, &w->tasks[0]);
    }
    (void)seal_one(w, 0);
    commit_one(w, 0, false);
    struct learner *l = log_learner(w);
    assert_int_equal(learner_task_open(l, 0), ST_OK);
    const struct stored *u = &w->tasks[0].users.list[0];
    assert_int_equal(learner_restore_user(l, 0, u->key + 1, u->blob.bytes, u->blob.len),
                     ST_INVALID);
    assert_int_equal(learner_restore_user(l, 0, u->key, u->blob.bytes, u->blob.len - 1),
                     ST_INVALID);
    assert_int_equal(learner_n_users(l), 0);
    assert_int_equal(learner_restore_user(l, 0, u->key, u->blob.bytes, u->blob.len), ST_OK);
    assert_int_equal(learner_restore_user(l, 0, u->key, u->blob.bytes, u->blob.len), ST_OK);
    assert_int_equal(learner_n_users(l), 1);
    assert_int_equal(learner_restore_user(l, 0, u->key, NULL, 0), ST_OK);
    assert_int_equal(learner_restore_user(l, 0, u->key + 1, NULL, 0), ST_OK);
    assert_int_equal(learner_n_users(l), 0);
    assert_int_equal(learner_restore_task(l, 0, w->tasks[0].task.bytes, w->tasks[0].task.len),
                     ST_OK);
    assert_int_equal(learner_stream_ms(l), learner_stream_ms(w->learners[0]));
    learner_free(l);
    world_done(w);
}

static void somebody_who_was_forgotten_is_a_tombstone(void **state) {
    (void)state;
    struct stream s = stream_of(114, 1);
    struct log_world *w = world_of(114, params_of_log(), &s, 1, 60);
    struct learner *l = w->learners[0];
    for (int n = 0; n < 50; n++) {
        learn_one(w, &w->tasks[0]);
    }
    const uint64_t gone = w->tasks[0].events[0]->e.user;
    assert_true(learner_forget(l, gone));
    assert_int_equal(learner_seal(l, 0), ST_OK);
    int tombstones = 0;
    for (size_t k = 0; k < learner_sealed_users(l, 0); k++) {
        struct pack p = {0};
        uint64_t user = 0;
        const bool there = learner_sealed_user(l, 0, k, &user, &p);
        assert_int_equal(there, user != gone);
        assert_int_equal(there, p.len > 0);
        tombstones += !there;
        free(p.bytes);
    }
    assert_int_equal(tombstones, 1);
    world_done(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learners_at_the_same_log_end_hold_the_same_bits),
        cmocka_unit_test(time_goes_on_and_landmarks_move_while_deltas_are_pending),
        cmocka_unit_test(lists_are_pruned_by_what_the_log_says),
        cmocka_unit_test(counts_are_those_of_one_learner_without_a_log),
        cmocka_unit_test(every_vote_of_every_mini_batch_reaches_the_log_once),
        cmocka_unit_test(popularity_is_that_within_rounding_where_landmarks_moved),
        cmocka_unit_test(an_abort_leaves_what_the_log_says_and_nothing_else),
        cmocka_unit_test(a_closed_task_leaves_nothing_that_was_not_committed),
        cmocka_unit_test(what_is_committed_and_not_seen_stays_pending_when_its_task_is_closed),
        cmocka_unit_test(whoever_joins_by_a_snapshot_equals_those_that_read_all),
        cmocka_unit_test(the_landmark_of_obs_moves_by_the_logs_own_events),
        cmocka_unit_test(nets_are_published_every_256_events_and_move_to_the_mean_once),
        cmocka_unit_test(whoever_takes_a_task_over_makes_the_move_that_was_due),
        cmocka_unit_test(an_event_that_cannot_be_weighed_waits_for_a_landmark_and_changes_nothing),
        cmocka_unit_test(a_batch_that_says_nothing_needs_no_record),
        cmocka_unit_test(items_are_named_once_the_log_has_not_named_them_before),
        cmocka_unit_test(a_record_that_cannot_be_read_changes_nothing),
        cmocka_unit_test(a_user_whose_id_is_somebody_elses_is_not_restored),
        cmocka_unit_test(somebody_who_was_forgotten_is_a_tombstone),
    };
    return cmocka_run_group_tests_name("learner_log", tests, NULL, NULL);
}
