/* SPDX-License-Identifier: Apache-2.0
 *
 * test_eval_run.c -- the contracts of eval_run.h and eval_catalogue.h, with the real learner:
 * beside a driver of its own that makes events of a synthetic world, and on small files by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "eval_catalogue.h"
#include "eval_order.h"
#include "eval_run.h"
#include "hash.h"
#include "scratch.h"
#include "world.h"

enum { WORLD_TEXT = 1 << 20, FACTORS_EVERY = 4 };

static const struct learner_params PARAMS = {
    .n_domains = 2,
    .mini_batch = 256,
    .late_max_ms = INT64_C(86400000),
    .user_rate = 600,
    .prequential_window = 1000,
    .seed = 1,
    .segments = {.k = 4, .seed_points = 100, .half_life = 1000.0, .seed = 1}};

/* Everything a run needs and gives. */
struct bench {
    struct eval_stream stream;
    struct eval_score *score;
    struct eval_windows windows;
    struct learner *learner;
    struct eval_run run;
};

static void setup(struct bench *b, const char *text, struct eval_mark from) {
    char path[SCRATCH_PATH_MAX];
    scratch_text(path, text);
    const char *const paths[] = {path};
    const struct eval_stream_spec spec = {.paths = paths, .n_paths = 1, .from = from};
    *b = (struct bench){.score = calloc(1, sizeof *b->score)};
    assert_non_null(b->score);
    assert_int_equal(eval_stream_read(&b->stream, &spec), ST_OK);
    unlink(path);
    assert_int_equal(learner_new(&PARAMS, &b->learner), ST_OK);
}

static enum status run(struct bench *b, struct eval_run_params params) {
    b->run = (struct eval_run){.params = params,
                               .stream = &b->stream,
                               .learner = b->learner,
                               .score = b->score,
                               .windows = &b->windows,
                               .stop = b->run.stop};
    if (params.orders) {
        assert_int_equal(eval_order_join(&b->stream), ST_OK);
    }
    return eval_run(&b->run);
}

static void teardown(struct bench *b) {
    learner_free(b->learner);
    eval_windows_free(&b->windows);
    eval_score_free(b->score);
    free(b->score);
    eval_stream_free(&b->stream);
}

/* Runs a text and returns the lines tested. */
static uint64_t tested(const char *text, struct eval_run_params params) {
    struct bench b;
    setup(&b, text, (struct eval_mark){EVAL_MARK_NONE, 0});
    assert_int_equal(run(&b, params), ST_OK);
    const uint64_t n = b.score->lines;
    assert_int_equal(n + b.score->untested, b.stream.n);
    assert_int_equal(b.run.lines, b.stream.n);
    teardown(&b);
    return n;
}

/* ---- beside a driver of its own -------------------------------------------------------------- */

static char world_text[WORLD_TEXT];
static struct world *world;

static const struct world_params WORLD = {.users = 250,
                                          .items = 60,
                                          .rho = 0.8,
                                          .days = 60.0,
                                          .start_ms = INT64_C(1767571200000),
                                          .seed = 5};
static const char *const DOMAINS[] = {"course", "food"};

static int make_world(void **state) {
    (void)state;
    struct world_event e;
    size_t at = 0;
    assert_int_equal(world_new(&WORLD, &world), ST_OK);
    while (world_next(world, &e)) {
        at += (size_t)snprintf(world_text + at, sizeof world_text - at,
                               "%lld\t%s\tu%u\t%s\tpurchase\t1\t%u\t%u\n", (long long)e.ts_ms,
                               DOMAINS[e.domain], e.user, world_item_id(world, e.domain, e.item[0]),
                               1 + e.user % 7, e.user % 3);
        assert_true(at < sizeof world_text);
    }
    world_free(world);
    return 0;
}

struct tally {
    uint64_t n, hits[TRIAL_MODELS], n_factors, learned;
};

/* The plain protocol, said once more: each event tested, then learned. */
static struct tally drive(uint32_t tasks, uint64_t from) {
    static struct trial trial;
    static struct trial_baselines baselines;
    struct tally tally = {0};
    struct learner *l = NULL;
    struct world_event w;
    memset(&baselines, 0, sizeof baselines);
    trial_baselines_init(&baselines);
    assert_int_equal(world_new(&WORLD, &world), ST_OK);
    assert_int_equal(learner_new(&PARAMS, &l), ST_OK);
    learner_set_n_tasks(l, tasks);
    for (uint32_t t = 0; t < tasks; t++) {
        assert_int_equal(learner_task_open(l, t), ST_OK);
    }
    uint64_t scored = 0;
    for (uint64_t number = 0; world_next(world, &w); number++) {
        char user[16];
        const char *item = world_item_id(world, w.domain, w.item[0]);
        const int len = snprintf(user, sizeof user, "u%u", w.user);
        struct event_line line = {.item = hash_item(DOMAINS[w.domain], item, strlen(item)),
                                  .id = item,
                                  .id_len = (uint16_t)strlen(item),
                                  .quantity = 1.0F,
                                  .amount = (float)(1 + w.user % 7),
                                  .discount = (float)(w.user % 3)};
        struct event e = {.id = number,
                          .user = hash_id(user, (size_t)len),
                          .ts_ms = w.ts_ms,
                          .offset = (int64_t)number,
                          .user_id = user,
                          .user_id_len = (uint16_t)len,
                          .domain = w.domain,
                          .topic = w.domain,
                          .action = ACTION_PURCHASE,
                          .weight = 1.0F,
                          .n_lines = 1,
                          .lines = &line};
        const uint32_t task = (uint32_t)(e.user % tasks);
        const bool factors = number >= from && scored % FACTORS_EVERY == 0;
        struct learner_effect effect;
        assert_int_equal(learner_try(l, task, &e, factors, &baselines, &trial), ST_OK);
        if (number >= from && trial.tested) {
            scored++;
            tally.n += trial.lines[0].tested;
            tally.n_factors += trial.lines[0].tested && trial.ran[TRIAL_FACTORS];
            for (unsigned m = 0; m < TRIAL_MODELS; m++) {
                tally.hits[m] +=
                    trial.lines[0].tested && trial.ran[m] && trial.lines[0].rank[m] < 10;
            }
        }
        assert_int_equal(learner_learn(l, task, &e, &effect), ST_OK);
        tally.learned++;
    }
    learner_free(l);
    world_free(world);
    return tally;
}

static void assert_same_as_driven(uint32_t tasks, int64_t from) {
    struct bench b;
    const struct tally expected = drive(tasks, (uint64_t)from);
    setup(&b, world_text, (struct eval_mark){EVAL_MARK_LINES, from});
    if (b.stream.domains[0][0] == 'f') { /* the driver has courses first */
        fail_msg("the world begins with food: choose another seed");
    }
    assert_int_equal(
        run(&b, (struct eval_run_params){.tasks = tasks, .factors_every = FACTORS_EVERY}), ST_OK);
    const struct eval_count *counts = b.score->counts[EVAL_DOMAINS][EVAL_ALL];
    assert_true(expected.n > 500);
    assert_int_equal(b.score->lines, expected.n);
    assert_int_equal(b.run.events, expected.learned);
    assert_int_equal(counts[TRIAL_FACTORS].n, expected.n_factors);
    for (unsigned m = 0; m < TRIAL_MODELS; m++) {
        assert_int_equal(counts[m].hits, expected.hits[m]);
    }
    assert_true(counts[TRIAL_RANKER].hits > 0);
    teardown(&b);
}

static void figures_are_those_of_a_loop_that_tests_and_learns(void **state) {
    (void)state;
    assert_same_as_driven(1, 0);
}

static void before_from_everything_is_learned_and_nothing_scored(void **state) {
    (void)state;
    assert_same_as_driven(1, 1000);
}

static void tasks_have_the_users_whose_hash_they_are(void **state) {
    (void)state;
    assert_same_as_driven(3, 0);
}

static void two_runs_give_the_same(void **state) {
    (void)state;
    uint64_t hits[2];
    for (int k = 0; k < 2; k++) {
        struct bench b;
        setup(&b, world_text, (struct eval_mark){EVAL_MARK_NONE, 0});
        assert_int_equal(run(&b, (struct eval_run_params){.tasks = 2, .orders = true}), ST_OK);
        hits[k] = b.score->counts[EVAL_DOMAINS][EVAL_ALL][TRIAL_RANKER].hits;
        assert_int_equal(b.score->counts[0][EVAL_ALL][TRIAL_FACTORS].n, 0);
        assert_true(b.run.n_rank > 10 && b.run.rank_ns > 0 && b.run.learn_ns > 0);
        assert_int_equal(b.run.n_rank, b.score->events / 64);
        teardown(&b);
    }
    assert_int_equal(hits[0], hits[1]);
}

static void undo_does_not_grow_with_the_stream(void **state) {
    (void)state;
    enum { LINES = 12000 };
    char *text = malloc((size_t)LINES * 32);
    assert_non_null(text);
    for (size_t i = 0, at = 0; i < LINES; i++) {
        at +=
            (size_t)snprintf(text + at, 32, "%zu\ta\tu%zu\ti%zu\n", 1000 + i * 60, i % 50, i % 777);
    }
    struct bench b;
    setup(&b, text, (struct eval_mark){EVAL_MARK_NONE, 0});
    assert_int_equal(run(&b, (struct eval_run_params){.tasks = 1}), ST_OK);
    assert_int_equal(b.run.events, LINES);
    assert_true(learner_batch_users(b.learner, 0) <= 50);
    assert_int_equal(learner_seal(b.learner, 0), ST_OK); /* two were not waiting */
    assert_int_equal(learner_seal(b.learner, 0), ST_OK);
    teardown(&b);
    free(text);
}

/* ---- what is tested before what is learned -------------------------------------------------- */

static void without_flags_every_line_knows_the_lines_before(void **state) {
    (void)state;
    /* u: the 2nd and 3rd; v: the 2nd */
    static const char text[] = "86400\ta\tu\t1\n86400\ta\tu\t2\n86400\ta\tu\t3\n"
                               "86401\ta\tv\t1\n86402\ta\tv\t2\n";
    assert_int_equal(tested(text, (struct eval_run_params){.tasks = 1}), 3);
    assert_int_equal(tested(text, (struct eval_run_params){.tasks = 5}), 3);
}

static void lines_of_an_order_do_not_know_one_another(void **state) {
    (void)state;
    static const char text[] = "86400\ta\tu\t1\n86400\tb\tu\t2\n86400\ta\tu\t3\n"
                               "86401\ta\tu\t2\n86401\tb\tu\t4\n86401\tb\tu\t5\n";
    assert_int_equal(tested(text, (struct eval_run_params){.tasks = 1, .orders = true}), 3);
    struct bench b;
    setup(&b, text, (struct eval_mark){EVAL_MARK_NONE, 0});
    assert_int_equal(run(&b, (struct eval_run_params){.tasks = 1, .orders = true}), ST_OK);
    assert_int_equal(b.run.events, 4); /* an event a domain */
    /* also the second event of the second order has two lines of each domain behind it: had
     * item 2 of domain a been learned first, there would be four */
    assert_int_equal(b.score->events, 2);
    assert_int_equal(b.score->counts[EVAL_DOMAINS][EVAL_NEWCOMERS][TRIAL_RANKER].n, 3);
    teardown(&b);
}

static void lines_of_a_day_do_not_know_one_another(void **state) {
    (void)state;
    static const char text[] = "86400\ta\tu\t1\n90000\ta\tu\t2\n172799\ta\tu\t3\n"
                               "172800\ta\tu\t4\n172801\ta\tu\t5\n";
    assert_int_equal(tested(text, (struct eval_run_params){.tasks = 1}), 4);
    assert_int_equal(tested(text, (struct eval_run_params){.tasks = 1, .days = true}), 2);
    assert_int_equal(
        tested(text, (struct eval_run_params){.tasks = 1, .days = true, .orders = true}), 2);
}

static void it_stops_when_it_is_told_to(void **state) {
    (void)state;
    static const volatile sig_atomic_t stop = 1;
    struct bench b;
    setup(&b, "1\ta\tu\t1\n2\ta\tu\t2\n", (struct eval_mark){EVAL_MARK_NONE, 0});
    b.run.stop = &stop;
    assert_int_equal(run(&b, (struct eval_run_params){.tasks = 1}), ST_OK);
    assert_true(b.run.stopped);
    assert_int_equal(b.run.events, 0);
    teardown(&b);
}

static void a_number_of_tasks_that_cannot_be_is_refused(void **state) {
    (void)state;
    struct bench b;
    setup(&b, "1\ta\tu\t1\n", (struct eval_mark){EVAL_MARK_NONE, 0});
    assert_int_equal(run(&b, (struct eval_run_params){.tasks = 0}), ST_INVALID);
    assert_int_equal(run(&b, (struct eval_run_params){.tasks = LEARNER_TASKS_MAX + 1}), ST_INVALID);
    teardown(&b);
}

/* ---- catalogue ------------------------------------------------------------------------------ */

static const char *said;

static enum status teach(struct bench *b, const char *text, const char *category, uint64_t bad_max,
                         struct eval_catalogue *out) {
    char path[SCRATCH_PATH_MAX];
    scratch_text(path, text);
    scratch_capture(2);
    const enum status st =
        eval_catalogue_teach(path, category, bad_max, &b->stream, b->learner, out);
    said = scratch_captured();
    unlink(path);
    return st;
}

static const char STREAM[] = "1\tfood\tu\tsoup\n2\tcourse\tu\tlogic\n";

static uint32_t item_of(const struct bench *b, const char *domain, const char *id) {
    return items_find(learner_shared(b->learner)->items, hash_item(domain, id, strlen(id)));
}

/* As the intake makes it of a live catalogue: of domain \0 key \0 value. */
static bool has_attribute(const struct bench *b, uint32_t item, const char *bytes, size_t len) {
    uint32_t n = 0;
    const uint64_t *attributes = content_attributes(learner_content(b->learner), item, &n);
    for (uint32_t k = 0; k < n; k++) {
        if (attributes[k] == hash_id(bytes, len)) {
            return true;
        }
    }
    return false;
}

static void a_catalogue_is_taught_by_the_names_of_its_columns(void **state) {
    (void)state;
    struct bench b;
    struct eval_catalogue c;
    setup(&b, STREAM, (struct eval_mark){EVAL_MARK_NONE, 0});
    assert_int_equal(teach(&b,
                           "#item\tdomain\tname\ttype\tprice\tbrand\tcategory\n"
                           "soup\tfood\tA soup\thot\t2.5\tMine\tsoups\n"
                           "rice\tfood\tRice\thot\t\t\tgrains\n"
                           "\n# more\n"
                           "logic\tcourse\tLogic\thot\n"
                           "shoe\tshop\tA shoe\n",
                           "type", 0, &c),
                     ST_OK);
    assert_int_equal(c.rows, 3);
    assert_int_equal(c.left_out, 1);
    assert_int_equal(c.bad, 0);
    const struct content *content = learner_content(b.learner);
    const uint32_t soup = item_of(&b, "food", "soup");
    const uint32_t rice = item_of(&b, "food", "rice");
    const uint32_t logic = item_of(&b, "course", "logic");
    assert_true(soup != ITEM_NONE && rice != ITEM_NONE && logic != ITEM_NONE);
    assert_int_equal(content_category(content, soup), content_category(content, rice));
    assert_int_not_equal(content_category(content, soup), content_category(content, logic));
    assert_true(content_price(content, soup) == 2.5F && isnan(content_price(content, rice)));
    assert_true(content_available(content, soup));
    assert_true(has_attribute(&b, soup, "food\0brand\0Mine", 15));
    assert_true(has_attribute(&b, soup, "food\0category\0soups", 19));
    assert_false(has_attribute(&b, soup, "food\0name\0A soup", 16));
    assert_false(has_attribute(&b, soup, "food\0type\0hot", 13));
    assert_false(has_attribute(&b, rice, "food\0brand\0", 11));
    teardown(&b);
}

static void without_names_the_fourth_column_is_the_category(void **state) {
    (void)state;
    struct bench b;
    struct eval_catalogue c;
    setup(&b, STREAM, (struct eval_mark){EVAL_MARK_NONE, 0});
    assert_int_equal(teach(&b, "food\tsoup\tA soup\tsoups\nfood\trice\tRice\n", "category", 0, &c),
                     ST_OK);
    assert_int_equal(c.rows, 2);
    const struct content *content = learner_content(b.learner);
    assert_int_not_equal(content_category(content, item_of(&b, "food", "soup")), CATEGORY_NONE);
    assert_int_equal(content_category(content, item_of(&b, "food", "rice")), CATEGORY_NONE);
    teardown(&b);
}

static void a_column_that_is_missing_is_said_with_those_that_are_there(void **state) {
    (void)state;
    struct bench b;
    struct eval_catalogue c;
    setup(&b, STREAM, (struct eval_mark){EVAL_MARK_NONE, 0});
    assert_int_equal(teach(&b, "#domain\titem\tkind\nfood\tsoup\tx\n", "typ", 0, &c), ST_INVALID);
    assert_non_null(strstr(said, "no column typ; it has: domain, item, kind; type --category"));
    assert_int_equal(teach(&b, "#domain\tid\tkind\nfood\tsoup\tx\n", "kind", 0, &c), ST_INVALID);
    assert_non_null(strstr(said, "no column item"));
    assert_int_equal(eval_catalogue_teach("/nowhere.tsv", "x", 0, &b.stream, b.learner, &c), ST_IO);
    teardown(&b);
}

static void bad_rows_are_named_and_counted_up_to_a_limit(void **state) {
    (void)state;
    static const char text[] = "#domain\titem\tname\tcategory\tprice\n"
                               "food\t\tNo id\tx\n"
                               "food\tsoup\tA\tb\tcheap\n"
                               "food\tsoup\tA\tb\t1\tmore\n"
                               "food\tsoup\tA\tb\t1\n";
    struct bench b;
    struct eval_catalogue c;
    setup(&b, STREAM, (struct eval_mark){EVAL_MARK_NONE, 0});
    assert_int_equal(teach(&b, text, "category", 3, &c), ST_OK);
    assert_int_equal(c.bad, 3);
    assert_int_equal(c.rows, 1);
    assert_non_null(strstr(said, ":2: domain must have"));
    assert_non_null(strstr(said, ":3: price must be"));
    assert_non_null(strstr(said, ":4: more fields than columns"));
    assert_int_equal(teach(&b, text, "category", 2, &c), ST_INVALID);
    assert_non_null(strstr(said, "more than 2 bad lines"));
    teardown(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_those_of_a_loop_that_tests_and_learns),
        cmocka_unit_test(before_from_everything_is_learned_and_nothing_scored),
        cmocka_unit_test(tasks_have_the_users_whose_hash_they_are),
        cmocka_unit_test(two_runs_give_the_same),
        cmocka_unit_test(undo_does_not_grow_with_the_stream),
        cmocka_unit_test(without_flags_every_line_knows_the_lines_before),
        cmocka_unit_test(lines_of_an_order_do_not_know_one_another),
        cmocka_unit_test(lines_of_a_day_do_not_know_one_another),
        cmocka_unit_test(it_stops_when_it_is_told_to),
        cmocka_unit_test(a_number_of_tasks_that_cannot_be_is_refused),
        cmocka_unit_test(a_catalogue_is_taught_by_the_names_of_its_columns),
        cmocka_unit_test(without_names_the_fourth_column_is_the_category),
        cmocka_unit_test(a_column_that_is_missing_is_said_with_those_that_are_there),
        cmocka_unit_test(bad_rows_are_named_and_counted_up_to_a_limit),
    };
    return cmocka_run_group_tests(tests, make_world, NULL);
}
