/* SPDX-License-Identifier: Apache-2.0
 * test_lists_restored.c -- contract tests of learner_log.h: lists are a function of what is
 * durable.
 *
 * Worlds of several learners around one log (log_world.h), in which batches fail and tasks move.
 * When nothing is pending, a learner that was never there before reads the durable state: pieces of
 * a snapshot, the log, every task's users and record. It ranks everybody for everything, and every
 * list must be, bit for bit, the one of whoever has the task. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "learner_run.h"
#include "log_world.h"

enum { EVENTS = 1500, LISTED = 20, CATEGORIES = 200 };

static const struct chances ANYTHING = {
    .seal = 30, .commit = 20, .abort = 150, .move = 150, .hear = 20, .controls = 20, .sweep = 10};

struct scene {
    uint32_t items, users, tasks, learners;
    uint32_t rows; /* of a catalogue, a domain; 0: none */
    uint32_t max_lines;
    int64_t step_ms;
    bool repeats, snapshot, late, weighted;
    bool untimed; /* some rows do not say when the item came                     */
    bool swept;   /* everything is in the snapshot, nothing in the log           */
    bool coarse;  /* much happens in the same moment, at this and that discount  */
    bool hubs;    /* two items that everybody takes, and others that nobody else */
    float diversity, explore;
};

static struct learner_params params_of_scene(const struct scene *c) {
    struct learner_params p = params_of(2);
    p.repeats[1] = c->repeats;
    p.prequential_sample = 0;
    p.segments.seed_points = 40;
    p.diversity = c->diversity;
    p.explore = c->explore;
    return p;
}

static void tell_rows(struct learner *l, const struct scene *c, bool other_order) {
    for (uint32_t k = 0; k < 2 * c->rows; k++) {
        const uint32_t i = other_order ? 2 * c->rows - 1 - k : k;
        char id[16];
        struct content_change change;
        const uint8_t domain = (uint8_t)(i % 2);
        const uint64_t attributes[] = {1 + i % 3, 10 + i % 5};
        const int len = snprintf(id, sizeof id, "%u", i / 2);
        const struct content_row row = {
            .item = item_hash(domain, i / 2),
            .id = id,
            .id_len = (uint16_t)len,
            .domain = domain,
            .available = i % 19 != 0,
            .price = NAN,
            .ts_ms = c->untimed && i % 3 ? 0 : START + (int64_t)(i % 40) * DAY_MS,
            .attributes = attributes,
            .n_attributes = 2,
            .category = i % 7 ? mix64(1 + i % CATEGORIES) : 0};
        assert_int_equal(learner_item(l, &row, &change), ST_OK);
    }
}

/* Has all tasks, and knows what is durable only. */
static struct learner *restored(struct log_world *w, const struct scene *c) {
    struct learner *l = c->snapshot ? join(w) : log_learner(w);
    for (uint64_t k = 0; !c->snapshot && k < w->n_log;) {
        hear_one(w, l, &k);
    }
    tell_rows(l, c, true);
    for (uint32_t p = 0; p < w->n_tasks; p++) {
        const struct log_task *t = &w->tasks[p];
        assert_int_equal(learner_task_open(l, p), ST_OK);
        for (size_t k = 0; k < t->users.n; k++) {
            const struct stored *s = &t->users.list[k];
            assert_int_equal(learner_restore_user(l, p, s->key, s->blob.bytes, s->blob.len), ST_OK);
        }
        if (t->task.bytes) {
            assert_int_equal(learner_restore_task(l, p, t->task.bytes, t->task.len), ST_OK);
        }
    }
    return l;
}

/* ---- comparing ------------------------------------------------------------------------- */

/* Says what is not the same, and of which item. */
static bool differs(const struct learner *a, const struct explanation *x, const struct learner *b,
                    const struct explanation *y) {
    const char *what = x->n_candidates != y->n_candidates ? "how many candidates" : NULL;
    uint32_t k = 0;
    what = x->served != y->served || x->lead != y->lead ? "the net" : what;
    what = x->list.n != y->list.n ? "how many items" : what;
    what = memcmp(x->mean, y->mean, sizeof x->mean) != 0 ? "the mean candidate" : what;
    for (; !what && k < x->list.n; k++) {
        const struct list_item *i = &x->list.items[k];
        const struct list_item *j = &y->list.items[k];
        const bool same = items_hash(learner_shared(a)->items, i->item) ==
                          items_hash(learner_shared(b)->items, j->item);
        what = same ? NULL : "the item";
        for (int f = 0; !what && f < RANKER_X; f++) {
            what = x->items[k].value[f] != y->items[k].value[f] ? explain_input_str(f) : NULL;
        }
        what = !what && i->score != j->score ? "the score" : what;
        what = !what && i->reason != j->reason ? "the reason" : what;
        what = !what && i->propensity != j->propensity ? "the propensity" : what;
    }
    if (what) {
        print_message("place %u: %s\n", (unsigned)k, what);
    }
    return what || learner_list_digest(a, &x->list) != learner_list_digest(b, &y->list);
}

/* Every list of whoever has the task, and the other's. */
static uint32_t count_differences(struct log_world *w, struct learner *other, int64_t now_ms) {
    static struct explanation x;
    static struct explanation y;
    uint32_t n = 0;
    for (uint32_t p = 0; p < w->n_tasks; p++) {
        struct learner *l = w->learners[w->tasks[p].owner];
        const struct users *us = learner_users(l, p);
        for (uint32_t slot = 0; slot < users_n(us); slot++) {
            for (uint8_t d = 0; users_get(us, slot) && d < 2; d++) {
                const uint32_t there = users_find(learner_users(other, p), users_hash(us, slot));
                assert_int_equal(learner_explain(l, p, slot, d, now_ms, LISTED, &x), ST_OK);
                assert_int_equal(learner_explain(other, p, there, d, now_ms, LISTED, &y), ST_OK);
                n += differs(l, &x, other, &y);
            }
        }
    }
    return n;
}

/* Is the newest event one that the log tells of? */
static bool newest_is_told(const struct log_world *w) {
    int64_t ts_ms = INT64_MIN;
    bool told = false;
    for (uint32_t k = 0; k < w->n_events; k++) {
        const struct event *e = &w->events[k].e;
        if (e->ts_ms >= ts_ms) {
            const bool tells = e->action != ACTION_REPORT && e->weight > 1e-6F;
            told = tells || (e->ts_ms == ts_ms && told);
            ts_ms = e->ts_ms;
        }
    }
    return told;
}

static void make_coarse(struct made *m) {
    m->e.ts_ms -= m->e.ts_ms % (12 * HOUR_MS);
    for (uint32_t k = 0; k < m->e.n_lines; k++) {
        m->lines[k].discount = (float)(m->e.id >> k & 7U);
    }
}

/* A hub, an item of one's own, the other hub, items of one's own. */
static void make_hubs(struct made *m, uint32_t number, uint32_t *n_of_user) {
    const uint32_t user = (uint32_t)strtoul(m->user_id + 1, NULL, 10);
    const uint32_t n = n_of_user[user]++;
    m->e.n_lines = 0;
    m->e.domain = 0;
    m->e.action = ACTION_PURCHASE;
    add_line(m, n == 0 || n == 2 ? (user + n / 2) % 2 : 2 + number, 1.0F);
}

static void rewrite(struct log_world *w, const struct scene *c) {
    uint32_t n_of_user[USERS_MAX] = {0};
    for (uint32_t k = 0; k < w->n_events; k++) {
        if (c->coarse) {
            make_coarse(&w->events[k]);
        }
        if (c->hubs) {
            make_hubs(&w->events[k], k, n_of_user);
        }
    }
}

/* Returns how many worlds' clocks were compared. */
static uint32_t play(uint64_t seed, const struct scene *c) {
    struct stream s = {.rng = {seed},
                       .now_ms = START,
                       .step_ms = c->step_ms,
                       .users = c->users,
                       .items = c->items,
                       .n_domains = 2,
                       .n_tasks = c->tasks,
                       .late_one_in = c->late ? 9 : 0,
                       .weighted = c->weighted,
                       .max_lines = c->max_lines};
    struct log_world *w = world_of(seed, params_of_scene(c), &s, c->learners, EVENTS);
    rewrite(w, c);
    for (uint32_t k = 0; k < w->n_learners; k++) {
        tell_rows(w->learners[k], c, false);
    }
    run_world(w, &ANYTHING);
    for (const uint32_t end = w->sweeps + 2; c->swept && w->sweeps < end;) {
        sweep(w, 100);
    }
    struct learner *other = restored(w, c);
    const bool told = newest_is_told(w);
    learner_derive(other);
    for (uint32_t k = 0; k < w->n_learners; k++) {
        learner_derive(w->learners[k]);
        assert_true(!told || learner_stream_ms(w->learners[k]) == learner_stream_ms(other));
    }
    if (c->swept) { /* the clock of who has no task, too */
        struct learner *third = join(w);
        assert_true(!told || learner_stream_ms(third) == learner_stream_ms(other));
        learner_free(third);
    }
    assert_int_equal(count_differences(w, other, learner_stream_ms(other)), 0);
    learner_free(other);
    world_done(w);
    return told;
}

static uint32_t play_all(uint64_t seed, const struct scene *c) {
    uint32_t n = 0;
    for (uint64_t k = 0; k < 2; k++) {
        print_message("seed %u\n", (unsigned)(seed + k));
        n += play(seed + k, c);
    }
    return n;
}

/* ---- scenes ---------------------------------------------------------------------------- */

static void lists_of_one_instance_are_those_of_whoever_reads_what_is_durable(void **state) {
    (void)state;
    const struct scene c = {
        .items = 60, .users = 60, .tasks = 2, .learners = 1, .max_lines = 3, .step_ms = HOUR_MS};
    assert_true(play_all(1, &c) > 0);
}

static void lists_of_several_are_too(void **state) {
    (void)state;
    const struct scene c = {.items = 700,
                            .users = 60,
                            .tasks = 3,
                            .learners = 3,
                            .max_lines = 3,
                            .step_ms = HOUR_MS / 4,
                            .weighted = true};
    (void)play_all(11, &c);
}

static void lists_with_a_catalogue_and_repeats_are_too_from_a_snapshot_on(void **state) {
    (void)state;
    const struct scene c = {.items = 700,
                            .users = 60,
                            .tasks = 3,
                            .learners = 3,
                            .rows = 800,
                            .max_lines = 3,
                            .step_ms = HOUR_MS / 4,
                            .repeats = true,
                            .snapshot = true};
    (void)play_all(21, &c);
}

static void lists_are_too_after_landmarks_moved_and_with_late_events(void **state) {
    (void)state;
    const struct scene c = {.items = 400,
                            .users = 60,
                            .tasks = 4,
                            .learners = 2,
                            .rows = 500,
                            .max_lines = 3,
                            .step_ms = 20 * HOUR_MS,
                            .repeats = true,
                            .snapshot = true,
                            .late = true};
    (void)play_all(31, &c);
}

static void lists_are_too_where_nothing_but_a_snapshot_is_left(void **state) {
    (void)state;
    const struct scene c = {.items = 100,
                            .users = 60,
                            .tasks = 2,
                            .learners = 2,
                            .max_lines = 3,
                            .step_ms = HOUR_MS,
                            .snapshot = true,
                            .swept = true};
    assert_true(play_all(61, &c) > 0);
}

static void lists_are_too_where_much_happens_in_one_moment(void **state) {
    (void)state;
    const struct scene c = {.items = 60,
                            .users = 60,
                            .tasks = 3,
                            .learners = 3,
                            .rows = 60,
                            .max_lines = 4,
                            .step_ms = HOUR_MS / 2,
                            .repeats = true,
                            .coarse = true};
    (void)play_all(71, &c);
}

static void lists_are_too_where_neighbours_are_alike(void **state) {
    (void)state;
    const struct scene c = {.items = 60,
                            .users = 390,
                            .tasks = 2,
                            .learners = 2,
                            .max_lines = 1,
                            .step_ms = HOUR_MS,
                            .hubs = true};
    (void)play_all(81, &c);
}

static void lists_are_too_where_what_nobody_took_fills_up(void **state) {
    (void)state;
    const struct scene c = {.items = 4,
                            .users = 60,
                            .tasks = 2,
                            .learners = 2,
                            .rows = 60,
                            .max_lines = 2,
                            .step_ms = HOUR_MS,
                            .untimed = true};
    (void)play_all(91, &c);
}

/* Many things of one moment: cuts go through equal ones. */
static void lists_are_too_where_much_is_equal(void **state) {
    (void)state;
    const struct scene c = {.items = 1500,
                            .users = 6,
                            .tasks = 2,
                            .learners = 2,
                            .rows = 1500,
                            .max_lines = 12,
                            .step_ms = HOUR_MS,
                            .diversity = .3F,
                            .repeats = true};
    (void)play_all(41, &c);
}

static void lists_are_too_with_a_mix_of_categories_and_slots_for_finding_out(void **state) {
    (void)state;
    const struct scene c = {.items = 700,
                            .users = 60,
                            .tasks = 4,
                            .learners = 2,
                            .rows = 900,
                            .max_lines = 3,
                            .step_ms = HOUR_MS,
                            .diversity = .3F,
                            .explore = .1F,
                            .repeats = true};
    (void)play_all(51, &c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_of_one_instance_are_those_of_whoever_reads_what_is_durable),
        cmocka_unit_test(lists_of_several_are_too),
        cmocka_unit_test(lists_with_a_catalogue_and_repeats_are_too_from_a_snapshot_on),
        cmocka_unit_test(lists_are_too_after_landmarks_moved_and_with_late_events),
        cmocka_unit_test(lists_are_too_where_nothing_but_a_snapshot_is_left),
        cmocka_unit_test(lists_are_too_where_much_happens_in_one_moment),
        cmocka_unit_test(lists_are_too_where_neighbours_are_alike),
        cmocka_unit_test(lists_are_too_where_what_nobody_took_fills_up),
        cmocka_unit_test(lists_are_too_where_much_is_equal),
        cmocka_unit_test(lists_are_too_with_a_mix_of_categories_and_slots_for_finding_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
