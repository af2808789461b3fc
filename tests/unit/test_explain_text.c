/* SPDX-License-Identifier: Apache-2.0
 *
 * test_explain_text.c -- the JSON of explain_text.h and person_text.h, read back with jansson. The
 * explanation is made up here; whose it is, and what the items are, is a real learner's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explain_text.h"
#include "hash.h"
#include "person_text.h"

enum { COURSE, FOOD };

static const int64_t DAY_MS = 86400000;
static const int64_t START_MS = INT64_C(1700000000000);

struct fixture {
    struct config cfg;
    struct learner *learner;
    struct explanation why;
    struct explained e;
    struct person_known k;
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
                             .target = FOOD,
                             .id = "pseudo",
                             .id_len = 6,
                             .list = &f.why.list,
                             .why = &f.why};
    f.k = (struct person_known){.cfg = &f.cfg,
                                .learner = f.learner,
                                .task = 1,
                                .partitions = 4,
                                .now_ms = START_MS + DAY_MS};
    f.k.user = users_find(learner_users(f.learner, 1), hash_id("u1", 2));
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

static const json_t *read_back(struct fixture *f, struct page *p) {
    char *text = page_take(p);
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

/* Of the list alone. */
static const json_t *text_of(struct fixture *f) {
    struct page p = {0};
    explain_text(&p, &f->e);
    return read_back(f, &p);
}

static const json_t *similar_of(struct fixture *f) {
    struct page p = {0};
    page_open(&p, NULL, '{');
    explain_text_similar(&p, f->learner, &f->why);
    page_close(&p, '}');
    return json_object_get(read_back(f, &p), "similar");
}

static const json_t *person_of(struct fixture *f) {
    struct page p = {0};
    person_text(&p, &f->k);
    page_close(&p, '}');
    return read_back(f, &p);
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
    const json_t *v = person_of(f);
    assert_text(v, "user", "u1");
    assert_number(v, "task", 1);
    assert_number(v, "partitions", 4);
    assert_true(json_integer_value(json_object_get(v, "ts")) == START_MS + DAY_MS);
    assert_true(json_is_null(json_object_get(v, "segment"))); /* there are none yet */
    assert_null(json_object_get(v, "place"));
    assert_text(v, "lifecycle", "new");
    assert_number(v, "social", 0);
    assert_number(json_object_get(v, "events"), "course", 2);
    assert_number(json_object_get(v, "events"), "food", 1);
}

static void it_says_what_he_is_called_and_what_he_said(void **state) {
    struct fixture *f = *state;
    f->k.has_id[COURSE] = true;
    memcpy(f->k.id[COURSE], "c-7", 3);
    f->k.id_len[COURSE] = 3;
    const json_t *v = person_of(f);
    assert_text(json_object_get(v, "ids"), "course", "c-7");
    assert_true(json_is_null(json_object_get(json_object_get(v, "ids"), "food")));
    assert_text(v, "consent", "unknown");
    assert_true(json_is_false(json_object_get(v, "stopped")));
    assert_true(json_is_null(json_object_get(v, "erased_ms")));
    f->k.said = (struct person){.consent = CONSENT_GIVEN, .stopped = true, .erased_ms = 77};
    v = person_of(f);
    assert_text(v, "consent", "given");
    assert_true(json_is_true(json_object_get(v, "stopped")));
    assert_number(v, "erased_ms", 77);
    f->k.said.consent = CONSENT_WITHDRAWN;
    assert_text(person_of(f), "consent", "withdrawn");
}

static void it_says_what_he_did_newest_first(void **state) {
    struct fixture *f = *state;
    const json_t *v = person_of(f);
    const json_t *history = json_object_get(v, "history");
    static const struct {
        const char *item, *domain;
        int64_t ts_ms;
    } want[] = {{"f1", "food", 2}, {"c2", "course", 1}, {"c1", "course", 0}};
    assert_int_equal(json_array_size(history), 3);
    for (size_t k = 0; k < 3; k++) {
        const json_t *e = json_array_get(history, k);
        assert_text(e, "item", want[k].item);
        assert_text(e, "domain", want[k].domain);
        assert_text(e, "action", "order");
        assert_true(json_integer_value(json_object_get(e, "ts")) == START_MS + want[k].ts_ms);
    }
    assert_text(json_array_get(history, 2), "category", "python");
    const json_t *course = json_object_get(json_object_get(v, "domains"), "course");
    assert_number(course, "events", 2);
    assert_true(json_integer_value(json_object_get(course, "last_ms")) == START_MS + 1);
    assert_number(course, "days_28", 1);
    assert_number(course, "rate", 2 * exp2(-1.0 / 30));
    const json_t *engagement = json_object_get(v, "engagement");
    assert_number(engagement, "days_28", 1);
    assert_number(engagement, "stickiness", 1.0 / 28);
    const json_t *both = json_array_get(json_object_get(engagement, "overlaps"), 0);
    assert_number(both, "days", 1);
    for (int64_t k = 0; k < 30; k++) { /* of many the newest */
        learn(f, "u1", FOOD, "f1", START_MS + DAY_MS + k);
    }
    history = json_object_get(person_of(f), "history");
    assert_int_equal(json_array_size(history), PERSON_HISTORY);
    assert_true(json_integer_value(json_object_get(json_array_get(history, 0), "ts")) ==
                START_MS + DAY_MS + 29);
}

static void a_feature_is_told_in_words(void **state) {
    (void)state;
    static const struct {
        uint32_t feature;
        float z;
        const char *words;
    } cases[] = {
        {0, -2.0F, "was in food far more recently than most"},
        {0, -.5F, "was in food more recently than most"},
        {0, .1F, "was in food about as recently as others"},
        {0, 1.5F, "was in food far longer ago than most"},
        {1, 1.0F, "does more in food than most"},
        {1, .24F, "does about as much in food as others"},
        {2, -1.0F, "spends less in food than most"},
        {3, 3.0F, "is in food on far more days of the week than most"},
        {4, -.3F, "is in food on fewer days of the month than most"},
        {4, 0.0F, "is in food on about as many days of the month as others"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        char words[128];
        person_words("food", cases[k].feature, cases[k].z, words, sizeof words);
        assert_string_equal(words, cases[k].words);
    }
}

/* 120 users of two kinds, of whom the first ones order often: their segment says so, titles come
 * with the cards. */
static void it_says_what_puts_him_into_his_segment(void **state) {
    struct fixture *f = *state;
    static struct segment_cards cards;
    static const char *const names[] = {"course", "food"};
    for (int64_t day = 0; day < 20; day++) {
        for (int u = 0; u < 120; u++) {
            char user[16];
            snprintf(user, sizeof user, "s%d", u);
            if (u < 60 || day % 10 == 0) {
                learn(f, user, u < 60 ? FOOD : COURSE, u < 60 ? "f1" : "c1",
                      START_MS + (2 + day) * DAY_MS + u);
            }
        }
    }
    f->k.now_ms = START_MS + 23 * DAY_MS;
    f->k.user = users_find(learner_users(f->learner, 1), hash_id("s3", 2));
    const json_t *v = person_of(f);
    const json_t *place = json_object_get(v, "place");
    const json_int_t segment = json_integer_value(json_object_get(v, "segment"));
    assert_true(json_is_integer(json_object_get(v, "segment")));
    assert_number(place, "nearest", (double)segment);
    assert_true(json_integer_value(json_object_get(place, "other")) != segment);
    assert_null(json_object_get(place, "title"));
    const json_t *features = json_object_get(place, "features");
    assert_int_equal(json_array_size(features), 2 * FEATURES_PER_DOMAIN);
    double sum = 0;
    for (size_t k = 0; k < json_array_size(features); k++) {
        const double pull = json_number_value(json_object_get(json_array_get(features, k), "pull"));
        const json_t *before = json_array_get(features, k > 0 ? k - 1 : 0);
        assert_true(pull <= json_number_value(json_object_get(before, "pull")));
        sum += pull;
    }
    assert_true(sum > 0); /* he is nearer to his own than to the other */
    const json_t *first = json_array_get(features, 0);
    assert_true(fabs(json_number_value(json_object_get(first, "z"))) > .25);
    assert_non_null(strstr(json_string_value(json_object_get(first, "words")), "than most"));
    assert_int_equal(learner_segments(f->learner, f->k.now_ms, names, &cards), ST_OK);
    f->k.cards = &cards;
    place = json_object_get(person_of(f), "place");
    assert_text(place, "title", cards.cards[segment].persona.title);
    assert_number(place, "share", (double)cards.cards[segment].persona.share);
    assert_non_null(json_object_get(place, "other_title"));
}

/* "u\"2" likes something of one, comments on something of another 30 days later, and 30 days later
 * it is asked: .25 / 4 and .5 / 2. */
static void it_says_how_much_the_user_has_to_do_with_others(void **state) {
    struct fixture *f = *state;
    const char *user = "u\"2";
    const int64_t then_ms = START_MS + DAY_MS + 1;
    say(f, user, ACTION_LIKE, 7, then_ms);
    say(f, user, ACTION_COMMENT, 8, then_ms + 30 * DAY_MS);
    f->k.user = users_find(learner_users(f->learner, 1), hash_id(user, 3));
    f->k.now_ms = then_ms + 60 * DAY_MS;
    assert_number(person_of(f), "social", 0.3125);
    f->k.user = users_find(learner_users(f->learner, 1), hash_id("u1", 2));
    assert_number(person_of(f), "social", 0); /* what is done to him is not his doing */
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
        f->why.items[0].parts[k] = (float)k - 0.5F;
    }
    f->why.items[1].parts[REASON_NEW] = NAN;
    memset(f->why.items[1].rank, 0xff, sizeof f->why.items[1].rank);
    f->why.items[0].rank[EXPLAIN_TWIN] = 41;
    f->why.items[0].adds[X_K1] = 0.75F;
    f->why.items[0].value[X_K1] = 1.5F;
    f->why.mean[X_K1] = 0.25F;
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
    assert_number(json_object_get(first, "ranks"), "full", 1);
    assert_number(json_object_get(first, "ranks"), "twin", 42);
    assert_int_equal(json_object_size(json_object_get(first, "ranks")), EXPLAIN_RANKS);
    const json_t *inputs = json_object_get(first, "inputs"); /* those that add something */
    assert_int_equal(json_object_size(inputs), 1);
    assert_number(json_object_get(inputs, explain_input_str(X_K1)), "value", 1.5);
    assert_number(json_object_get(inputs, explain_input_str(X_K1)), "mean", 0.25);
    assert_number(json_object_get(inputs, explain_input_str(X_K1)), "adds", 0.75);
    const json_t *second = json_array_get(items, 1);
    assert_null(json_object_get(second, "ranks"));
    assert_null(json_object_get(second, "inputs"));
    assert_text(second, "reason", "explore");
    assert_number(second, "propensity", 0.0025);
    assert_null(json_object_get(second, "because"));
    assert_null(json_object_get(second, "category"));
    assert_true(json_is_null(json_object_get(json_object_get(second, "parts"), "new")));
    because = json_object_get(json_array_get(items, 2), "because");
    assert_text(because, "item", "c2");
    assert_null(json_object_get(because, "category"));
}

static void a_list_says_where_it_stands_in_redis(void **state) {
    struct fixture *f = *state;
    assert_text(text_of(f), "key", "crossrec:food:rec:pseudo");
    assert_text(text_of(f), "target", "food");
    f->e.id = NULL;
    assert_true(json_is_null(json_object_get(text_of(f), "key")));
}

static void a_list_alone_has_reasons_and_no_numbers(void **state) {
    struct fixture *f = *state;
    f->why.list.n = 1;
    f->why.list.items[0] = (struct list_item){.item = item_of(f, FOOD, "f1"),
                                              .reason = REASON_TASTE,
                                              .because = item_of(f, COURSE, "c1")};
    f->e.why = NULL;
    const json_t *v = text_of(f);
    const json_t *item = json_array_get(json_object_get(v, "items"), 0);
    assert_text(item, "reason", "taste");
    assert_text(json_object_get(item, "because"), "item", "c1");
    static const char *const none[] = {"parts", "ranks", "inputs"};
    for (size_t k = 0; k < 3; k++) {
        assert_null(json_object_get(item, none[k]));
    }
    assert_null(json_object_get(v, "lead"));
    assert_null(json_object_get(v, "candidates"));
}

static void rules_that_act_are_named(void **state) {
    struct fixture *f = *state;
    struct rule boost = {.id = "sale",
                         .id_len = 4,
                         .target = FOOD,
                         .kind = RULE_BOOST,
                         .segment = -1,
                         .from_ms = INT64_MIN,
                         .until_ms = INT64_MAX,
                         .factor = 2.0F};
    struct rule pin = boost;
    boost.item[FOOD] = hash_item("food", "f1", 2);
    pin.id = "first";
    pin.id_len = 5;
    pin.kind = RULE_PIN;
    pin.place = 1;
    pin.factor = 1.0F;
    pin.item[FOOD] = hash_item("food", "f9", 2);
    f->why.list.n = 1;
    f->why.list.items[0] = (struct list_item){.item = item_of(f, FOOD, "f1"), .because = ITEM_NONE};
    assert_null(json_object_get(text_of(f), "rules"));
    assert_int_equal(learner_rule(f->learner, &boost), ST_OK);
    assert_int_equal(learner_rule(f->learner, &pin), ST_OK);
    learner_rules_at(f->learner, START_MS + DAY_MS);
    f->why.items[0].shift = .5F;
    const json_t *v = text_of(f);
    assert_int_equal(json_array_size(json_object_get(v, "rules")), 2); /* of the list */
    const json_t *item = json_array_get(json_object_get(v, "items"), 0);
    const json_t *rules = json_object_get(item, "rules");
    assert_int_equal(json_array_size(rules), 1);
    assert_text(json_array_get(rules, 0), "id", "sale");
    assert_text(json_array_get(rules, 0), "kind", "boost");
    assert_number(json_array_get(rules, 0), "factor", 2);
    assert_number(item, "shift", .5);
}

static void similar_users_are_named(void **state) {
    struct fixture *f = *state;
    assert_int_equal(json_array_size(similar_of(f)), 0);
    f->why.n_similar = 1;
    f->why.similar[0].task = 1;
    f->why.similar[0].user = users_find(learner_users(f->learner, 1), hash_id("u\"2", 3));
    f->why.similar[0].cosine = 0.5F;
    const json_t *similar = similar_of(f);
    assert_int_equal(json_array_size(similar), 1);
    assert_text(json_array_get(similar, 0), "user", "u\"2");
    assert_number(json_array_get(similar, 0), "cosine", 0.5);
}

/* Of the longest names, all of them of bytes that become six. */
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
    f->k.user = users_find(learner_users(f->learner, 1), hash_id(id, ID_LEN_MAX));
    f->why.list.n = LIST_MAX;
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
            f->why.items[k].parts[g] = -1.23456e-38F;
        }
    }
    for (uint32_t k = 0; k < EXPLAIN_SIMILAR; k++) {
        f->why.similar[k].task = 1;
        f->why.similar[k].user = f->k.user;
        f->why.similar[k].cosine = -1.23456e-38F;
    }
    assert_int_equal(json_array_size(json_object_get(text_of(f), "items")), LIST_MAX);
    assert_int_equal(json_array_size(similar_of(f)), EXPLAIN_SIMILAR);
    assert_int_equal(json_array_size(json_object_get(person_of(f), "history")), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(it_says_who_the_user_is),
        TEST(it_says_what_he_is_called_and_what_he_said),
        TEST(it_says_what_he_did_newest_first),
        TEST(a_feature_is_told_in_words),
        TEST(it_says_what_puts_him_into_his_segment),
        TEST(it_says_how_much_the_user_has_to_do_with_others),
        TEST(it_says_which_net_is_served_and_by_how_much),
        TEST(each_item_has_its_reason_in_numbers_and_what_is_behind_it),
        TEST(a_list_says_where_it_stands_in_redis),
        TEST(a_list_alone_has_reasons_and_no_numbers),
        TEST(rules_that_act_are_named),
        TEST(similar_users_are_named),
        TEST(the_largest_text_fits),
#undef TEST
    };
    return cmocka_run_group_tests_name("explain_text", tests, NULL, NULL);
}
