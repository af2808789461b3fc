/* SPDX-License-Identifier: Apache-2.0
 * test_learner_digest.c -- contract tests of models/learner_digest.h.
 *
 * That two models are equal is known from how they came about: by the same log. That they are not,
 * from one record with one number in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixed.h"
#include "learner_digest.h"
#include "learner_run.h"
#include "log_world.h"
#include "segments_state.h"

enum { EVENTS = 900, ITEMS = 4, CATEGORIES = 3, BASE_TASKS = 3 };

static struct stream stream_of(uint64_t seed, uint32_t n_tasks) {
    return (struct stream){.rng = {seed},
                           .now_ms = START,
                           .step_ms = 12 * HOUR_MS,
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

/* Half of the items have a category. */
static void tell_rows(struct learner *l) {
    for (uint32_t i = 0; i < 100; i++) {
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
                                        .category = i % 4 < 2 ? mix64(1 + i % 7) : 0};
        assert_int_equal(learner_item(l, &row, &change), ST_OK);
    }
}

static struct learner_digest digest_of(struct learner *l) {
    struct learner_digest d;
    assert_int_equal(learner_digest(l, &d), ST_OK);
    return d;
}

static void assert_same(const struct learner_digest *a, const struct learner_digest *b) {
    for (int part = 0; part < DIGEST_PARTS; part++) {
        if (a->parts[part] != b->parts[part]) {
            fail_msg("%s differs", learner_part_str((enum learner_part)part));
        }
    }
    assert_true(a->position == b->position && a->events == b->events && a->items == b->items);
    assert_true(a->all == b->all);
}

static const struct chances ANYTHING = {
    .seal = 30, .commit = 20, .abort = 150, .move = 150, .hear = 20, .controls = 20, .sweep = 5};

/* ---- equal -------------------------------------------------------------------------------- */

static struct learner *reader_of(struct log_world *w, uint64_t end) {
    struct learner *l = log_learner(w);
    uint64_t applied = 0;
    while (applied < end) {
        hear_one(w, l, &applied);
    }
    return l;
}

static void
learners_at_the_same_log_end_have_the_same_digests_whatever_their_indices(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        print_message("seed %u\n", (unsigned)seed);
        struct stream s = stream_of(seed, 3);
        struct log_world *w = world_of(seed, params_of_log(), &s, 3, EVENTS);
        for (uint32_t k = 0; k < w->n_learners; k++) {
            tell_rows(w->learners[k]);
        }
        run_world(w, &ANYTHING);
        const struct learner_digest first = digest_of(w->learners[0]);
        struct learner *others[] = {reader_of(w, w->n_log), join(w)};
        assert_int_equal(first.pending, 0);
        assert_int_equal(first.position, learner_log_position(w->learners[0]));
        assert_int_equal(first.events, learner_shared(w->learners[0])->n_events);
        for (uint32_t k = 0; k < w->n_learners; k++) {
            const struct learner_digest d = digest_of(w->learners[k]);
            assert_same(&first, &d);
        }
        for (int k = 0; k < 2; k++) {
            const struct learner_digest d = digest_of(others[k]);
            const uint32_t i = item_in(others[k], 0, w->learners[0]);
            print_message("item 0 of the other is item %u here\n", (unsigned)i);
            assert_same(&first, &d);
            learner_free(others[k]);
        }
        world_done(w);
    }
}

/* Items that a learner knows from its own events, or from a catalogue, count nothing. */
static void what_the_log_does_not_know_does_not_count(void **state) {
    (void)state;
    struct stream s = stream_of(11, 2);
    struct log_world *w = world_of(11, params_of_log(), &s, 2, EVENTS);
    run_world(w, &ANYTHING);
    const struct learner_digest before = digest_of(w->learners[0]);
    tell_rows(w->learners[0]);
    const struct learner_digest with_rows = digest_of(w->learners[0]);
    assert_same(&before, &with_rows);
    world_done(w);
}

static void what_is_pending_is_not_in_it(void **state) {
    (void)state;
    uint64_t looked = 0;
    uint64_t pending = 0;
    for (uint64_t seed = 21; seed <= 26; seed++) {
        print_message("seed %u\n", (unsigned)seed);
        struct stream s = stream_of(seed, 4);
        struct log_world *w = world_of(seed, params_of_log(), &s, 2, EVENTS);
        for (uint32_t k = 0; k < w->n_learners; k++) {
            tell_rows(w->learners[k]);
        }
        for (uint32_t n = 0; n < 3 * EVENTS; n++) {
            step(w, &ANYTHING);
            if (rng_below(&w->rng, 100)) {
                continue;
            }
            const uint32_t k = rng_below(&w->rng, w->n_learners);
            struct learner *reader = reader_of(w, w->applied[k]);
            const struct learner_digest there = digest_of(w->learners[k]);
            const struct learner_digest again = digest_of(w->learners[k]);
            const struct learner_digest here = digest_of(reader);
            size_t bytes = 0;
            assert_same(&there, &here);
            assert_same(&there, &again);
            assert_int_equal(there.pending, learner_log_pending(w->learners[k], &bytes));
            looked++;
            pending += there.pending > 0;
            learner_free(reader);
        }
        run_world(w, &ANYTHING);
        world_done(w);
    }
    assert_true(looked > 50 && pending > 20);
}

static void whoever_looks_finds_the_view_as_it_was(void **state) {
    (void)state;
    struct stream s = stream_of(31, 2);
    struct log_world *w = world_of(31, params_of_log(), &s, 1, EVENTS);
    struct stream t = stream_of(31, 2);
    struct log_world *v = world_of(31, params_of_log(), &t, 1, EVENTS);
    const struct chances c = {.seal = 30, .commit = 60, .hear = 60, .controls = 20};
    size_t bytes = 0;
    for (uint32_t n = 0; n < EVENTS / 2 || learner_log_pending(w->learners[0], &bytes) == 0; n++) {
        step(w, &c);
        step(v, &c);
    }
    (void)digest_of(w->learners[0]);
    assert_same_counts(w->learners[0], v->learners[0]);
    assert_near_factors(w->learners[0], v->learners[0], 0, 0.0F);
    const struct shared *x = learner_shared(w->learners[0]);
    const struct shared *y = learner_shared(v->learners[0]);
    for (uint8_t d = 0; d < 2; d++) {
        for (int clock = 0; clock < POP_LISTS; clock++) {
            const uint32_t *items[2];
            assert_int_equal(popularity_top(x->popularity, d, clock, &items[0]),
                             popularity_top(y->popularity, d, clock, &items[1]));
        }
    }
    world_done(w);
    world_done(v);
}

/* ---- different ----------------------------------------------------------------------------- */

static struct log_item items[ITEMS];
static uint64_t categories[CATEGORIES];
static const int64_t WEIGHTS[POP_CLOCKS] = {1000, 2000, 3000, 4000};
static struct log_take takes[ITEMS];
static struct pair_sum pairs[2], category_pairs[2];
static struct log_context contexts[ITEMS];
static struct delta_obs obs[ITEMS];
static struct category_take_sum category_takes[2];

/* A record in which everything occurs, of a learner that knows nothing yet. */
static struct log_record everything(const struct learner *l) {
    static const char *const ids[ITEMS] = {"0", "1", "2", "3"};
    const struct shared *s = learner_shared(l);
    struct log_record r = {.kind = LOG_DELTA,
                           .name = {.task = 1, .epoch = 7, .batch = 1},
                           .n_events = 5,
                           .items = items,
                           .n_items = ITEMS,
                           .categories = categories,
                           .n_categories = CATEGORIES,
                           .takes = takes,
                           .n_takes = ITEMS,
                           .pairs = pairs,
                           .n_pairs = 2,
                           .contexts = contexts,
                           .n_contexts = ITEMS,
                           .obs = obs,
                           .n_obs = ITEMS,
                           .category_takes = category_takes,
                           .n_category_takes = 2,
                           .category_pairs = category_pairs,
                           .n_category_pairs = 2,
                           .has_sums = true,
                           .has_nets = true,
                           .n_trained = 5};
    for (int clock = 0; clock < POP_CLOCKS; clock++) {
        r.landmarks[clock] = popularity_landmark(s->popularity, clock);
    }
    r.category_landmark = categories_landmark(s->categories);
    r.sums.factors.n = 3 * FIXED_ONE;
    r.sums.factors.pp[0] = FIXED_ONE;
    r.sums.factors.n_users = 2;
    r.sums.n_events = r.sums.n_trained = 5;
    for (uint32_t i = 0; i < ITEMS; i++) {
        items[i] = (struct log_item){
            .hash = item_hash((uint8_t)(i % 2), i), .id = ids[i], .id_len = 1, .domain = i % 2};
        takes[i] = (struct log_take){.weight = FIXED_ONE,
                                     .first_ms = START,
                                     .last_ms = START + 1000 - i,
                                     .count = 1,
                                     .item = i};
        memcpy(takes[i].w, WEIGHTS, sizeof WEIGHTS);
        contexts[i] = (struct log_context){.b = {[3] = 77}, .weight = FIXED_ONE, .item = i};
        obs[i] = (struct delta_obs){.obs = FIXED_ONE, .exp = 99, .item = i};
    }
    for (uint32_t k = 0; k < 2; k++) {
        pairs[k] = (struct pair_sum){.a = 900, .f = 800, .s = 700, .from = 0, .to = 1 + k};
        category_pairs[k] = (struct pair_sum){.a = 500, .from = 0, .to = 1 + k};
        category_takes[k] = (struct category_take_sum){
            .g = 600, .weight = FIXED_ONE, .repeated = 5, .category = k, .item = k};
    }
    for (uint32_t k = 0; k < CATEGORIES; k++) {
        categories[k] = mix64(1000 + k);
    }
    return r;
}

static void apply(struct learner *l, const struct log_record *r, uint64_t offset) {
    struct pack p = {0};
    log_record_write(&p, r);
    assert_int_equal(learner_log_apply(l, p.bytes, p.len, offset), ST_OK);
    free(p.bytes);
}

static struct learner *fresh(void) {
    struct learner_params params = params_of_log();
    params.log = true;
    struct learner *l = NULL;
    assert_int_equal(learner_new(&params, &l), ST_OK);
    return l;
}

/* Digest of a learner that read one record, changed by `change`. */
static struct learner_digest after(void (*change)(struct log_record *r)) {
    struct learner *l = fresh();
    struct log_record r = everything(l);
    if (change) {
        change(&r);
    }
    apply(l, &r, 0);
    const struct learner_digest d = digest_of(l);
    learner_free(l);
    return d;
}

#define CHANGE(name, what)                                                                         \
    static void name(struct log_record *r) {                                                       \
        what;                                                                                      \
    }
CHANGE(a_count, r->takes[1].w[2]++)
CHANGE(two_counts_the_other_way_round, r->takes[1].w[0] = WEIGHTS[1]; r->takes[1].w[1] = WEIGHTS[0])
CHANGE(counts_of_another_item, r->takes[1].weight++; r->takes[0].weight--)
CHANGE(a_take, r->takes[1].count++)
CHANGE(a_weight, r->takes[3].weight++)
CHANGE(a_pair, r->pairs[1].a++)
CHANGE(a_directed_pair, r->pairs[0].f--)
CHANGE(a_session, r->pairs[0].s++)
CHANGE(pairs_the_other_way_round, r->pairs[1].from = r->pairs[1].to; r->pairs[1].to = 0)
CHANGE(a_pair_with_another, r->pairs[1].to = 3)
CHANGE(a_statistic, r->contexts[2].b[3]++)
CHANGE(another_statistic, r->contexts[2].b[3]--; r->contexts[2].b[4]++)
CHANGE(the_weight_of_contexts, r->contexts[2].weight++)
CHANGE(obs_of_an_item, r->obs[1].obs++)
CHANGE(exp_of_an_item, r->obs[1].exp--)
CHANGE(a_taking, r->category_takes[1].g++)
CHANGE(a_repeat, r->category_takes[1].repeated--)
CHANGE(another_category, r->category_takes[1].category = 2)
CHANGE(another_item_of_the_category, r->category_takes[1].item = 2)
CHANGE(no_category, r->category_takes[1].category = CATEGORY_NONE)
CHANGE(a_pair_of_categories, r->category_pairs[1].a++)
CHANGE(the_covariance, r->sums.factors.pp[5]++)
CHANGE(users_with_contexts, r->sums.factors.n_users++)
CHANGE(votes, r->sums.segments.n_all = 3; r->sums.segments.all_x[1] = FIXED_ONE)
CHANGE(a_net, r->nets[RANKER_TWIN].weights[17] = 0x1p-149F)
CHANGE(the_sign_of_zero, r->nets[RANKER_FULL].weights[17] = -0.0F)
CHANGE(steps, r->n_trained++)
CHANGE(another_task, r->name.task = 2)
CHANGE(another_batch, r->name.batch++)
CHANGE(events, r->n_events++)
CHANGE(an_item_without_counts, r->n_items--; r->n_takes--; r->n_contexts--; r->n_obs--)

enum {
    POPULARITY = 1 << DIGEST_POPULARITY,
    PAIRS = 1 << DIGEST_PAIRS,
    CATEGORY = 1 << DIGEST_CATEGORIES,
    CONTEXTS = 1 << DIGEST_CONTEXTS,
    OBS = 1 << DIGEST_OBS,
    FACTOR = 1 << DIGEST_FACTORS,
    SEGMENTS = 1 << DIGEST_SEGMENTS,
    NETS = 1 << DIGEST_NETS,
};

static unsigned parts_that_differ(const struct learner_digest *a, const struct learner_digest *b) {
    unsigned parts = 0;
    for (int part = 0; part < DIGEST_PARTS; part++) {
        parts |= a->parts[part] != b->parts[part] ? 1U << part : 0;
    }
    return parts;
}

static void whatever_differs_shows_in_its_part_and_no_other(void **state) {
    (void)state;
#define CASE(change, parts)                                                                        \
    { #change, change, parts }
    static const struct {
        const char *name;
        void (*change)(struct log_record *r);
        unsigned parts;
    } cases[] = {
        CASE(a_count, POPULARITY),
        CASE(two_counts_the_other_way_round, POPULARITY),
        CASE(counts_of_another_item, POPULARITY),
        CASE(a_take, POPULARITY),
        CASE(a_weight, POPULARITY),
        CASE(a_pair, PAIRS),
        CASE(a_directed_pair, PAIRS),
        CASE(a_session, PAIRS),
        CASE(pairs_the_other_way_round, PAIRS),
        CASE(a_pair_with_another, PAIRS),
        CASE(a_statistic, CONTEXTS),
        CASE(another_statistic, CONTEXTS),
        CASE(the_weight_of_contexts, CONTEXTS),
        CASE(obs_of_an_item, OBS),
        CASE(exp_of_an_item, OBS),
        CASE(a_taking, CATEGORY),
        CASE(a_repeat, CATEGORY),
        CASE(another_category, CATEGORY),
        CASE(another_item_of_the_category, CATEGORY),
        CASE(no_category, CATEGORY),
        CASE(a_pair_of_categories, CATEGORY),
        CASE(the_covariance, FACTOR),
        CASE(users_with_contexts, FACTOR),
        CASE(votes, SEGMENTS),
        CASE(a_net, NETS),
        CASE(the_sign_of_zero, NETS),
        CASE(steps, NETS),
        CASE(another_task, NETS),
        CASE(another_batch, NETS),
        CASE(events, 0),
        CASE(an_item_without_counts, POPULARITY | CONTEXTS | OBS),
    };
#undef CASE
    const struct learner_digest plain = after(NULL);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const struct learner_digest d = after(cases[k].change);
        const unsigned parts = parts_that_differ(&plain, &d);
        if (parts != cases[k].parts || d.all == plain.all) {
            fail_msg("%s: parts %x instead of %x", cases[k].name, parts, cases[k].parts);
        }
    }
    const struct learner_digest again = after(NULL);
    assert_same(&plain, &again);
    assert_int_equal(plain.events, 5);
    assert_int_equal(plain.items, ITEMS);
    assert_int_equal(plain.position, 1);
}

static void landmarks_and_seeds_show(void **state) {
    (void)state;
    struct learner *l = fresh();
    const struct log_record r = everything(l);
    apply(l, &r, 0);
    const struct learner_digest before = digest_of(l);
    struct pack p = {0};
    const int64_t first = popularity_landmark(learner_shared(l)->popularity, 0);
    log_record_write_landmark(&p, first + 9 * DAY_MS); /* the fastest clock alone */
    assert_int_equal(learner_log_apply(l, p.bytes, p.len, 1), ST_OK);
    const struct learner_digest moved = digest_of(l);
    assert_int_equal(parts_that_differ(&before, &moved), POPULARITY);

    struct segments_seeds seeds = {.generation = 1, .k = 2, .w = 40.0};
    for (uint32_t k = 0; k < 2; k++) {
        seeds.clusters[k].w = 20.0;
        seeds.clusters[k].centre[k] = 1.0;
    }
    for (uint32_t d = 0; d < FEATURES_PER_DOMAIN * 2; d++) {
        seeds.mean[d] = .5;
        seeds.square[d] = 1.0;
    }
    p.len = 0;
    log_record_write_seeds(&p, &seeds);
    assert_int_equal(learner_log_apply(l, p.bytes, p.len, 2), ST_OK);
    const struct learner_digest seeded = digest_of(l);
    assert_int_equal(parts_that_differ(&moved, &seeded), SEGMENTS);
    assert_true(seeded.all != moved.all);
    free(p.bytes);
    learner_free(l);
}

/* A review that finds nothing to change is remembered by whoever made it. */
static void what_reviews_remember_is_nobody_elses(void **state) {
    (void)state;
    struct learner *l = fresh();
    const struct log_record r = everything(l);
    apply(l, &r, 0);
    const struct learner_digest before = digest_of(l);
    struct segments *segments = learner_shared(l)->segments;
    segments->seeds++;
    segments->since += 100;
    segments->doubted = true;
    const struct learner_digest reviewed = digest_of(l);
    assert_same(&before, &reviewed);
    learner_free(l);
}

static void the_position_shows_in_the_whole_alone(void **state) {
    (void)state;
    struct learner *l = fresh();
    struct log_record r = everything(l);
    apply(l, &r, 0);
    const struct learner_digest before = digest_of(l);
    const struct log_record nothing = {.kind = LOG_DELTA,
                                       .name = {.task = 1, .epoch = 7, .batch = 2},
                                       .category_landmark = r.category_landmark};
    struct log_record empty = nothing;
    memcpy(empty.landmarks, r.landmarks, sizeof empty.landmarks);
    apply(l, &empty, 5);
    const struct learner_digest after_it = digest_of(l);
    assert_int_equal(parts_that_differ(&before, &after_it), 0);
    assert_int_equal(after_it.position, 6);
    assert_true(before.all != after_it.all);
    learner_free(l);
}

/* ---- refused ------------------------------------------------------------------------------- */

static void a_learner_without_a_log_or_with_pieces_to_come_has_none(void **state) {
    (void)state;
    struct learner_digest d = {.position = 123};
    struct learner *alone = learner_of(params_of_log(), 1);
    assert_int_equal(learner_digest(alone, &d), ST_INVALID);
    learner_free(alone);
    static const struct snapshot_head heads[] = {
        {.kind = SNAPSHOT_ITEM, .key = 99, .position = 3, .domain = 1},
        {.kind = SNAPSHOT_CATEGORY, .key = 98, .position = 3},
        {.kind = SNAPSHOT_GLOBALS, .position = 3},
        {.kind = SNAPSHOT_NETS, .key = 1, .position = 3},
    };
    for (size_t k = 0; k < sizeof heads / sizeof *heads; k++) {
        struct learner *l = fresh();
        assert_int_equal(learner_snapshot_await(l, &heads[k]), ST_OK);
        assert_int_equal(learner_digest(l, &d), ST_INVALID);
        learner_free(l);
    }
    assert_int_equal(d.position, 123);
}

static void every_part_has_a_name_of_its_own(void **state) {
    (void)state;
    for (int a = 0; a < DIGEST_PARTS; a++) {
        assert_true(strlen(learner_part_str((enum learner_part)a)) > 0);
        for (int b = 0; b < a; b++) {
            assert_string_not_equal(learner_part_str((enum learner_part)a),
                                    learner_part_str((enum learner_part)b));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learners_at_the_same_log_end_have_the_same_digests_whatever_their_indices),
        cmocka_unit_test(what_the_log_does_not_know_does_not_count),
        cmocka_unit_test(what_is_pending_is_not_in_it),
        cmocka_unit_test(whoever_looks_finds_the_view_as_it_was),
        cmocka_unit_test(whatever_differs_shows_in_its_part_and_no_other),
        cmocka_unit_test(landmarks_and_seeds_show),
        cmocka_unit_test(what_reviews_remember_is_nobody_elses),
        cmocka_unit_test(the_position_shows_in_the_whole_alone),
        cmocka_unit_test(a_learner_without_a_log_or_with_pieces_to_come_has_none),
        cmocka_unit_test(every_part_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests_name("learner_digest", tests, NULL, NULL);
}
