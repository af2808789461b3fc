/* SPDX-License-Identifier: Apache-2.0
 *
 * test_because.c -- what may be told of a history: an item where it was taken, elsewhere only its
 * category.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "because.h"

enum { COURSE, FOOD, DOMAINS, ITEMS = 4 };

struct fixture {
    struct items *items;
    struct content *content;
    uint32_t course, nameless, bare, dish;
};

static uint32_t add(struct fixture *f, uint64_t hash, uint8_t domain, const char *id,
                    uint64_t category, const char *name) {
    uint32_t i = 0;
    struct content_change change;
    const struct content_row row = {.item = hash,
                                    .domain = domain,
                                    .available = true,
                                    .price = NAN,
                                    .category = category,
                                    .category_name = name,
                                    .category_name_len = (uint16_t)strlen(name)};
    assert_int_equal(items_intern(f->items, hash, domain, id, strlen(id), &i), ST_OK);
    assert_int_equal(content_set(f->content, i, &row, &change), ST_OK);
    return i;
}

static int setup(void **state) {
    static struct fixture f;
    f = (struct fixture){0};
    assert_int_equal(items_new(DOMAINS, &f.items), ST_OK);
    assert_int_equal(content_new(&f.content), ST_OK);
    f.course = add(&f, 1, COURSE, "c17", 11, "python");
    f.nameless = add(&f, 2, COURSE, "c18", 12, "");
    f.bare = add(&f, 3, COURSE, "c19", 0, "");
    f.dish = add(&f, 4, FOOD, "f203", 13, "pasta");
    *state = &f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    items_free(f->items);
    content_free(f->content);
    return 0;
}

static void assert_because(struct because got, enum because_kind kind, const char *text) {
    assert_int_equal(got.kind, kind);
    assert_int_equal(got.len, strlen(text));
    if (got.len > 0) {
        assert_memory_equal(got.text, text, got.len);
    }
}

static void an_item_of_the_partner_himself_is_named(void **state) {
    const struct fixture *f = *state;
    assert_because(because_of(f->items, f->content, f->course, COURSE), BECAUSE_ITEM, "c17");
    assert_because(because_of(f->items, f->content, f->bare, COURSE), BECAUSE_ITEM, "c19");
    assert_because(because_of(f->items, f->content, f->dish, FOOD), BECAUSE_ITEM, "f203");
}

static void of_another_partners_only_the_category_is_told(void **state) {
    const struct fixture *f = *state;
    assert_because(because_of(f->items, f->content, f->course, FOOD), BECAUSE_CATEGORY, "python");
    assert_because(because_of(f->items, f->content, f->dish, COURSE), BECAUSE_CATEGORY, "pasta");
}

static void without_a_name_of_the_category_nothing_is_told(void **state) {
    const struct fixture *f = *state;
    assert_because(because_of(f->items, f->content, f->nameless, FOOD), BECAUSE_NOTHING, "");
    assert_because(because_of(f->items, f->content, f->bare, FOOD), BECAUSE_NOTHING, "");
}

static void nothing_is_told_of_no_item(void **state) {
    const struct fixture *f = *state;
    assert_because(because_of(f->items, f->content, ITEM_NONE, FOOD), BECAUSE_NOTHING, "");
    assert_because(because_of(f->items, f->content, ITEMS, FOOD), BECAUSE_NOTHING, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(an_item_of_the_partner_himself_is_named),
        TEST(of_another_partners_only_the_category_is_told),
        TEST(without_a_name_of_the_category_nothing_is_told),
        TEST(nothing_is_told_of_no_item),
#undef TEST
    };
    return cmocka_run_group_tests_name("because", tests, NULL, NULL);
}
