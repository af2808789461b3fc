/* SPDX-License-Identifier: Apache-2.0
 *
 * test_segments_text.c -- the JSON of segments_text.h, read back with jansson. The cards are made
 * up here.
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

#include "segments_text.h"

enum { COURSE, FOOD };

struct fixture {
    struct config cfg;
    struct content *content;
    struct segment_cards cards;
    json_t *json;
};

/* Category k is the k-th that is described. */
static void describe(struct fixture *f, uint8_t domain, const char *category, size_t len) {
    const uint32_t k = content_n_categories(f->content);
    struct content_change change;
    const struct content_row row = {.item = k + 1,
                                    .id = "x",
                                    .id_len = 1,
                                    .domain = domain,
                                    .available = true,
                                    .price = NAN,
                                    .category = k + 1,
                                    .category_name = category,
                                    .category_name_len = (uint16_t)len};
    assert_int_equal(content_set(f->content, k, &row, &change), ST_OK);
}

static int setup(void **state) {
    static struct fixture f;
    memset(&f, 0, sizeof f);
    config_defaults(&f.cfg);
    assert_int_equal(f.cfg.n_domains, 2);
    assert_int_equal(content_new(&f.content), ST_OK);
    describe(&f, COURSE, "da\"ta", 5);
    describe(&f, FOOD, "ramen", 5);
    describe(&f, FOOD, "sushi", 5);
    f.cards.n_users = 5000000000;
    f.cards.board.users = 40000;
    f.cards.n = 2;
    struct segment_card *c = &f.cards.cards[1];
    *c = (struct segment_card){.users = 9000};
    snprintf(c->persona.title, sizeof c->persona.title, "frequent \"diners\"");
    snprintf(c->persona.detail, sizeof c->persona.detail, "22.5 %% of users; food: ramen 31 %%");
    c->persona.share = 0.225F;
    c->persona.habit[COURSE] = PERSONA_LAPSED;
    for (int k = 0; k < 2 * FEATURES_PER_DOMAIN; k++) {
        c->z[k] = (float)k / 4.0F - 1.0F;
    }
    c->n_top[FOOD] = 2;
    c->top[FOOD][0] = (struct segment_category){1, 0.31F};
    c->top[FOOD][1] = (struct segment_category){2, 0.25F};
    *state = &f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    json_decref(f->json);
    content_free(f->content);
    return 0;
}

static const json_t *text_of(struct fixture *f) {
    json_error_t error;
    char *text = segments_text(&f->cfg, f->content, &f->cards, INT64_C(1764087654321));
    assert_non_null(text);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
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

static void it_says_of_how_many_users(void **state) {
    struct fixture *f = *state;
    const json_t *v = text_of(f);
    assert_true(json_integer_value(json_object_get(v, "ts")) == INT64_C(1764087654321));
    assert_true(json_integer_value(json_object_get(v, "users")) == 5000000000);
    assert_number(v, "counted", 40000);
}

static void each_segment_has_its_words_and_its_numbers(void **state) {
    struct fixture *f = *state;
    static const char *const features[] = {"recency", "frequency", "money", "l7", "l28"};
    const json_t *segments = json_object_get(text_of(f), "segments");
    assert_int_equal(json_array_size(segments), 2);
    assert_number(json_array_get(segments, 0), "segment", 0);
    const json_t *v = json_array_get(segments, 1);
    assert_number(v, "segment", 1);
    assert_number(v, "users", 9000);
    assert_number(v, "share", 0.225);
    assert_text(v, "title", "frequent \"diners\"");
    assert_text(v, "detail", "22.5 % of users; food: ramen 31 %");
    const json_t *course = json_object_get(json_object_get(v, "domains"), "course");
    const json_t *food = json_object_get(json_object_get(v, "domains"), "food");
    assert_text(course, "habit", "lapsed");
    assert_text(food, "habit", "frequent");
    assert_int_equal(json_object_size(json_object_get(food, "z")), FEATURES_PER_DOMAIN);
    for (int k = 0; k < FEATURES_PER_DOMAIN; k++) {
        assert_number(json_object_get(course, "z"), features[k], k / 4.0 - 1.0);
        assert_number(json_object_get(food, "z"), features[k], k / 4.0 + 0.25);
    }
    assert_int_equal(json_array_size(json_object_get(course, "categories")), 0);
    const json_t *categories = json_object_get(food, "categories");
    assert_int_equal(json_array_size(categories), 2);
    assert_text(json_array_get(categories, 0), "category", "ramen");
    assert_number(json_array_get(categories, 0), "share", 0.31);
    assert_text(json_array_get(categories, 1), "category", "sushi");
    assert_number(json_array_get(categories, 1), "share", 0.25);
}

static void engagement_is_told_of_all_of_each_and_of_each_two_domains(void **state) {
    struct fixture *f = *state;
    struct engagement_board *b = &f->cards.board;
    b->dau_any = 100;
    b->mau_any = 400;
    b->dau[COURSE][COURSE] = 30;
    b->mau[COURSE][COURSE] = 300;
    b->dau[FOOD][FOOD] = 80;
    b->mau[FOOD][FOOD] = 160;
    b->dau[COURSE][FOOD] = b->dau[FOOD][COURSE] = 10;
    b->mau[COURSE][FOOD] = b->mau[FOOD][COURSE] = 50;
    const json_t *v = json_object_get(text_of(f), "engagement");
    assert_number(v, "dau", 100);
    assert_number(v, "mau", 400);
    assert_number(v, "stickiness", 0.25);
    const json_t *course = json_object_get(json_object_get(v, "domains"), "course");
    assert_number(course, "dau", 30);
    assert_number(course, "mau", 300);
    assert_number(course, "stickiness", 0.1);
    assert_number(json_object_get(json_object_get(v, "domains"), "food"), "stickiness", 0.5);
    const json_t *overlaps = json_object_get(v, "overlaps");
    assert_int_equal(json_array_size(overlaps), 1);
    const json_t *both = json_array_get(overlaps, 0);
    assert_string_equal(json_string_value(json_array_get(json_object_get(both, "domains"), 0)),
                        "course");
    assert_string_equal(json_string_value(json_array_get(json_object_get(both, "domains"), 1)),
                        "food");
    assert_number(both, "dau", 10);
    assert_number(both, "mau", 50);
    assert_number(both, "stickiness", 0.2);
}

static void before_seeding_there_are_none(void **state) {
    struct fixture *f = *state;
    f->cards.n = 0;
    assert_int_equal(json_array_size(json_object_get(text_of(f), "segments")), 0);
    f->cfg.n_domains = 1;
    const json_t *engagement = json_object_get(text_of(f), "engagement");
    assert_int_equal(json_array_size(json_object_get(engagement, "overlaps")), 0);
    assert_number(engagement, "stickiness", 0);
}

/* A sanitizer sees whether it fits. */
static void the_largest_text_fits(void **state) {
    struct fixture *f = *state;
    char longest[UINT16_MAX];
    memset(longest, 1, sizeof longest); /* six bytes each; not terminated */
    const uint32_t category = content_n_categories(f->content);
    describe(f, FOOD, longest, sizeof longest);
    f->cfg.n_domains = DOMAINS_MAX;
    for (uint32_t d = 0; d < DOMAINS_MAX; d++) {
        memset(f->cfg.domains[d].name, 1, CONFIG_NAME_MAX - 1);
        f->cfg.domains[d].name[0] = (char)('a' + d);
    }
    f->cards.n_users = INT64_MAX; /* jansson reads no more */
    memset(&f->cards.board, 0xFF, sizeof f->cards.board);
    f->cards.n = SEGMENTS_MAX;
    for (uint32_t k = 0; k < SEGMENTS_MAX; k++) {
        struct segment_card *c = &f->cards.cards[k];
        memset(c->persona.title, 1, sizeof c->persona.title - 1);
        memset(c->persona.detail, 1, sizeof c->persona.detail - 1);
        c->users = UINT32_MAX;
        c->persona.share = -1.23456e-38F;
        for (uint32_t d = 0; d < DOMAINS_MAX; d++) {
            c->persona.habit[d] = PERSONA_OCCASIONAL;
            c->n_top[d] = PERSONA_TOP;
            for (uint32_t i = 0; i < PERSONA_TOP; i++) {
                c->top[d][i] = (struct segment_category){category, -1.23456e-38F};
            }
            for (size_t i = 0; i < FEATURES_MAX; i++) {
                c->z[i] = i % 2 ? NAN : -1.23456e-38F;
            }
        }
    }
    const json_t *v = text_of(f);
    assert_int_equal(json_array_size(json_object_get(v, "segments")), SEGMENTS_MAX);
    assert_int_equal(json_array_size(json_object_get(json_object_get(v, "engagement"), "overlaps")),
                     DOMAINS_MAX * (DOMAINS_MAX - 1) / 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(it_says_of_how_many_users),
        TEST(each_segment_has_its_words_and_its_numbers),
        TEST(engagement_is_told_of_all_of_each_and_of_each_two_domains),
        TEST(before_seeding_there_are_none),
        TEST(the_largest_text_fits),
#undef TEST
    };
    return cmocka_run_group_tests_name("segments_text", tests, NULL, NULL);
}
