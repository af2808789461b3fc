/* SPDX-License-Identifier: Apache-2.0
 *
 * test_explain_text.c -- the JSON of explain_text.h, read back with jansson. The explanation is
 * made up here; whose it is, and what the items are, is a real learner's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "explain_text.h"
#include "hash.h"

enum { COURSE, FOOD };

static const int64_t DAY_MS = 86400000;
static const int64_t START_MS = INT64_C(1700000000000);

struct fixture {
    struct config cfg;
    struct learner *learner;
    struct explanation why;
    struct explained e;
    json_t *json;
};

static void learn(struct fixture *f, const char *user, uint8_t domain, const char *item,
                  int64_t ts_ms) {
    static uint64_t number;
    struct event_line line = {.item = hash_item(f->cfg.domains[domain].name, item, strlen(item)),
                              .id = item,
                              .id_len = (uint16_t)strlen(item),
                              .quantity = 1,
                              .amount = 1};
    struct event e = {.id = ++number,
                      .user = hash_id(user, strlen(user)),
                      .user_id = user,
                      .user_id_len = (uint16_t)strlen(user),
                      .ts_ms = ts_ms,
                      .weight = 1.0F,
                      .domain = domain,
                      .action = ACTION_ORDER,
                      .n_lines = 1,
                      .lines = &line};
    struct learner_effect effect;
    assert_int_equal(learner_learn(f->learner, 1, &e, &effect), ST_OK);
}

/* Something of a course, with somebody. */
static void say(struct fixture *f, const char *user, enum action action, uint32_t with,
                int64_t ts_ms) {
    static uint64_t number = 1000;
    struct event_line line = {
        .item = hash_item("course", "c1", 2), .id = "c1", .id_len = 2, .quantity = 1};
    struct event e = {.id = ++number,
                      .user = hash_id(user, strlen(user)),
                      .user_id = user,
                      .user_id_len = (uint16_t)strlen(user),
                      .ts_ms = ts_ms,
                      .weight = 1.0F,
                      .counterpart = with,
                      .domain = COURSE,
                      .action = (uint8_t)action,
                      .n_lines = 1,
                      .lines = &line};
    struct learner_effect effect;
    assert_int_equal(learner_learn(f->learner, 1, &e, &effect), ST_OK);
}

static void describe(struct fixture *f, uint8_t domain, const char *item, const char *category) {
    const char *name = f->cfg.domains[domain].name;
    struct content_change change;
    const struct content_row row = {.item = hash_item(name, item, strlen(item)),
                                    .id = item,
                                    .id_len = (uint16_t)strlen(item),
                                    .domain = domain,
                                    .available = true,
                                    .price = NAN,
                                    .category = hash_id(category, strlen(category)),
                                    .category_name = category,
                                    .category_name_len = (uint16_t)strlen(category)};
    assert_int_equal(learner_item(f->learner, &row, &change), ST_OK);
}

static uint32_t item_of(const struct fixture *f, uint8_t domain, const char *item) {
    const char *name = f->cfg.domains[domain].name;
    return items_find(learner_shared(f->learner)->items, hash_item(name, item, strlen(item)));
}

/* u1 took c1, c2 and f1, "u\"2" took f1 a day later: both in task 1. */
static int setup(void **state) {
    static struct fixture f;
    memset(&f, 0, sizeof f);
    config_defaults(&f.cfg);
    const struct learner_params params = {
        .n_domains = f.cfg.n_domains,
        .mini_batch = 64,
        .prequential_window = 100,
        .segments = {.k = 2, .seed_points = 100, .half_life = 99}};
    assert_int_equal(learner_new(&params, &f.learner), ST_OK);
    assert_int_equal(learner_task_open(f.learner, 1), ST_OK);
    learn(&f, "u1", COURSE, "c1", START_MS);
    learn(&f, "u1", COURSE, "c2", START_MS + 1);
    learn(&f, "u1", FOOD, "f1", START_MS + 2);
    learn(&f, "u\"2", FOOD, "f1", START_MS + DAY_MS);
    describe(&f, COURSE, "c1", "python");
    describe(&f, FOOD, "f1", "pas\"ta");
    f.e = (struct explained){.cfg = &f.cfg,
                             .learner = f.learner,
                             .task = 1,
                             .target = FOOD,
                             .now_ms = START_MS + DAY_MS,
                             .why = &f.why};
    f.e.user = users_find(learner_users(f.learner, 1), hash_id("u1", 2));
    f.why.list.segment = -1;
    *state = &f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    json_decref(f->json);
    learner_free(f->learner);
    return 0;
}

static const json_t *text_of(struct fixture *f) {
    char *text = explain_text(&f->e);
    assert_non_null(text);
    assert_int_equal(text[strlen(text) - 1], '\n');
    json_error_t error;
    json_decref(f->json);
    f->json = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!f->json) {
        fail_msg("%s in %s", error.text, text);
    }
    free(text);
    return f->json;
}

static void assert_text(const json_t *v, const char *key, const char *want) {
    assert_non_null(json_object_get(v, key));
    assert_string_equal(json_string_value(json_object_get(v, key)), want);
}

static void assert_number(const json_t *v, const char *key, double want) {
    const json_t *number = json_object_get(v, key);
    assert_true(json_is_number(number));
    assert_true(fabs(json_number_value(number) - want) <= 1e-5 * fabs(want));
}

static void it_says_who_the_user_is(void **state) {
    struct fixture *f = *state;
    const json_t *v = text_of(f);
    assert_text(v, "user", "u1");
    assert_text(v, "target", "food");
    assert_number(v, "task", 1);
    assert_true(json_integer_value(json_object_get(v, "ts")) == START_MS + DAY_MS);
    assert_true(json_is_null(json_object_get(v, "segment")));
    assert_text(v, "lifecycle", "new");
    assert_number(v, "social", 0);
    assert_number(json_object_get(v, "events"), "course", 2);
    assert_number(json_object_get(v, "events"), "food", 1);
    f->why.list.segment = 3;
    assert_number(text_of(f), "segment", 3);
}

/* "u\"2" likes something of one, comments on something of another 30 days later, and 30 days later
 * it is asked: .25 / 4 and .5 / 2. */
static void it_says_how_much_the_user_has_to_do_with_others(void **state) {
    struct fixture *f = *state;
    const char *user = "u\"2";
    const int64_t then_ms = START_MS + DAY_MS + 1;
    say(f, user, ACTION_LIKE, 7, then_ms);
    say(f, user, ACTION_COMMENT, 8, then_ms + 30 * DAY_MS);
    f->e.user = users_find(learner_users(f->learner, 1), hash_id(user, 3));
    f->e.now_ms = then_ms + 60 * DAY_MS;
    assert_number(text_of(f), "social", 0.3125);
    f->e.user = users_find(learner_users(f->learner, 1), hash_id("u1", 2));
    assert_number(text_of(f), "social", 0); /* what is done to him is not his doing */
}

static void it_says_which_net_is_served_and_by_how_much(void **state) {
    struct fixture *f = *state;
    f->why.lead = -2.5F;
    f->why.served = RANKER_TWIN;
    f->why.n_candidates = 412;
    const json_t *v = text_of(f);
    assert_text(v, "served", "twin");
    assert_number(v, "lead", -2.5);
    assert_number(v, "candidates", 412);
    assert_true(json_is_false(json_object_get(v, "personalised")));
    f->why.served = RANKER_FULL;
    f->why.list.personalised = true;
    v = text_of(f);
    assert_text(v, "served", "full");
    assert_true(json_is_true(json_object_get(v, "personalised")));
}

static void each_item_has_its_reason_in_numbers_and_what_is_behind_it(void **state) {
    struct fixture *f = *state;
    f->why.list.n = 3;
    f->why.list.items[0] = (struct list_item){.item = item_of(f, FOOD, "f1"),
                                              .score = 1.25F,
                                              .reason = REASON_TOGETHER,
                                              .because = item_of(f, COURSE, "c1")};
    f->why.list.items[1] = (struct list_item){.item = item_of(f, COURSE, "c2"),
                                              .reason = REASON_EXPLORE,
                                              .because = ITEM_NONE,
                                              .propensity = 0.0025F};
    f->why.list.items[2] =
        (struct list_item){.item = item_of(f, COURSE, "c2"), .because = item_of(f, COURSE, "c2")};
    for (int k = 0; k < REASONS; k++) {
        f->why.parts[0][k] = (float)k - 0.5F;
    }
    f->why.parts[1][REASON_NEW] = NAN;
    const json_t *items = json_object_get(text_of(f), "items");
    assert_int_equal(json_array_size(items), 3);
    const json_t *first = json_array_get(items, 0);
    assert_text(first, "id", "f1");
    assert_number(first, "score", 1.25);
    assert_text(first, "reason", "together");
    assert_text(first, "category", "pas\"ta");
    assert_null(json_object_get(first, "propensity"));
    const json_t *because = json_object_get(first, "because"); /* of another domain, yet named */
    assert_text(because, "item", "c1");
    assert_text(because, "domain", "course");
    assert_text(because, "category", "python");
    for (int k = 0; k < REASONS; k++) {
        assert_number(json_object_get(first, "parts"), reason_str((enum reason)k), k - 0.5);
    }
    assert_int_equal(json_object_size(json_object_get(first, "parts")), REASONS);
    const json_t *second = json_array_get(items, 1);
    assert_text(second, "reason", "explore");
    assert_number(second, "propensity", 0.0025);
    assert_null(json_object_get(second, "because"));
    assert_null(json_object_get(second, "category"));
    assert_true(json_is_null(json_object_get(json_object_get(second, "parts"), "new")));
    because = json_object_get(json_array_get(items, 2), "because");
    assert_text(because, "item", "c2");
    assert_null(json_object_get(because, "category"));
}

static void similar_users_are_named(void **state) {
    struct fixture *f = *state;
    assert_int_equal(json_array_size(json_object_get(text_of(f), "similar")), 0);
    f->why.n_similar = 1;
    f->why.similar[0].task = 1;
    f->why.similar[0].user = users_find(learner_users(f->learner, 1), hash_id("u\"2", 3));
    f->why.similar[0].cosine = 0.5F;
    const json_t *similar = json_object_get(text_of(f), "similar");
    assert_int_equal(json_array_size(similar), 1);
    assert_text(json_array_get(similar, 0), "user", "u\"2");
    assert_number(json_array_get(similar, 0), "cosine", 0.5);
}

/* A sanitizer sees whether it fits. */
static void the_largest_text_fits(void **state) {
    struct fixture *f = *state;
    char id[ID_LEN_MAX + 1];
    char longest[4 * ID_LEN_MAX];
    memset(id, 1, ID_LEN_MAX); /* six bytes each */
    id[ID_LEN_MAX] = '\0';
    memset(longest, 1, sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    f->cfg.n_domains = 2;
    learn(f, id, FOOD, id, START_MS + DAY_MS);
    describe(f, FOOD, id, longest);
    for (uint32_t d = 0; d < f->cfg.n_domains; d++) {
        memset(f->cfg.domains[d].name, 'a' + (int)d, CONFIG_NAME_MAX - 1);
    }
    f->e.user = users_find(learner_users(f->learner, 1), hash_id(id, ID_LEN_MAX));
    f->why.list.n = LIST_MAX;
    f->why.list.segment = 15;
    f->why.lead = -1.23456e-38F;
    f->why.n_candidates = UINT32_MAX;
    f->why.n_similar = EXPLAIN_SIMILAR;
    const uint32_t item =
        items_find(learner_shared(f->learner)->items, hash_item("food", id, ID_LEN_MAX));
    assert_true(item != ITEM_NONE);
    for (uint32_t k = 0; k < LIST_MAX; k++) {
        f->why.list.items[k] =
            (struct list_item){item, -1.23456e-38F, REASON_TOGETHER, item, 1e-38F};
        for (int g = 0; g < REASONS; g++) {
            f->why.parts[k][g] = -1.23456e-38F;
        }
    }
    for (uint32_t k = 0; k < EXPLAIN_SIMILAR; k++) {
        f->why.similar[k].task = 1;
        f->why.similar[k].user = f->e.user;
        f->why.similar[k].cosine = -1.23456e-38F;
    }
    assert_int_equal(json_array_size(json_object_get(text_of(f), "items")), LIST_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(it_says_who_the_user_is),
        TEST(it_says_how_much_the_user_has_to_do_with_others),
        TEST(it_says_which_net_is_served_and_by_how_much),
        TEST(each_item_has_its_reason_in_numbers_and_what_is_behind_it),
        TEST(similar_users_are_named),
        TEST(the_largest_text_fits),
#undef TEST
    };
    return cmocka_run_group_tests_name("explain_text", tests, NULL, NULL);
}
