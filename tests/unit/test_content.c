/* SPDX-License-Identifier: Apache-2.0
 * test_content.c -- contract tests of models/content.h. The truth is a plain array of the rows
 * that were set last, and a list of categories in order of first sight. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "content.h"
#include "failing_alloc.h"
#include "mix.h"

enum { ITEMS = 700, CATEGORIES = 300, ROOM = 3 * CONTENT_ATTRIBUTES };

/* ---- the truth -------------------------------------------------------------------------- */

struct truth {
    struct content_row row[ITEMS];
    uint64_t attributes[ITEMS][CONTENT_ATTRIBUTES]; /* sorted, each once */
    uint32_t n_attributes[ITEMS];
    bool exists[ITEMS];
    uint64_t category[ITEMS];
    char name[ITEMS][16]; /* of category k; empty: unknown */
    uint32_t n_categories;
};

static void truth_attributes(struct truth *t, uint32_t i, const struct content_row *row) {
    uint64_t *to = t->attributes[i];
    uint32_t n = 0;
    for (uint32_t k = 0; k < row->n_attributes && k < CONTENT_ATTRIBUTES; k++) {
        uint32_t at = 0;
        while (at < n && to[at] < row->attributes[k]) {
            at++;
        }
        if (at < n && to[at] == row->attributes[k]) {
            continue;
        }
        memmove(to + at + 1, to + at, (n - at) * sizeof *to);
        to[at] = row->attributes[k];
        n++;
    }
    t->n_attributes[i] = n;
}

static void truth_category(struct truth *t, const struct content_row *row) {
    const uint64_t hash = row->category;
    uint32_t k = 0;
    while (k < t->n_categories && t->category[k] != hash) {
        k++;
    }
    if (k == t->n_categories && hash != 0) {
        t->category[t->n_categories++] = hash;
    }
    if (hash != 0 && t->name[k][0] == '\0' && row->category_name_len > 0) {
        memcpy(t->name[k], row->category_name, row->category_name_len);
    }
}

static struct content_change truth_set(struct truth *t, uint32_t i, const struct content_row *row) {
    const struct content_row *old = &t->row[i];
    const bool was = !t->exists[i] || old->available;
    struct content_change change = {.item = i, .is_new = !t->exists[i]};
    if (t->exists[i] && old->ts_ms != 0 && row->ts_ms != 0 && row->ts_ms < old->ts_ms) {
        change.older = true;
        return change;
    }
    change.withdrawn = was && !row->available;
    change.returned = !was && row->available;
    t->row[i] = *row;
    t->exists[i] = true;
    truth_attributes(t, i, row);
    truth_category(t, row);
    return change;
}

static void assert_change(const struct content_change *a, const struct content_change *b) {
    assert_int_equal(a->item, b->item);
    assert_int_equal(a->is_new, b->is_new);
    assert_int_equal(a->withdrawn, b->withdrawn);
    assert_int_equal(a->returned, b->returned);
    assert_int_equal(a->older, b->older);
}

static void assert_item(const struct truth *t, const struct content *c, uint32_t i) {
    const bool exists = i < ITEMS && t->exists[i];
    uint32_t n = 77;
    const uint64_t *attributes = content_attributes(c, i, &n);
    if (!exists) {
        assert_true(content_available(c, i));
        assert_int_equal(content_category(c, i), CATEGORY_NONE);
        assert_true(isnan(content_price(c, i)));
        assert_int_equal(n, 0);
        assert_null(attributes);
        return;
    }
    assert_int_equal(content_available(c, i), t->row[i].available);
    const uint32_t category = content_category(c, i);
    if (t->row[i].category == 0) {
        assert_int_equal(category, CATEGORY_NONE);
    } else {
        assert_true(category < t->n_categories);
        assert_true(t->category[category] == t->row[i].category);
    }
    const float price = content_price(c, i);
    assert_memory_equal(&price, &t->row[i].price, sizeof price);
    assert_int_equal(n, t->n_attributes[i]);
    for (uint32_t k = 0; k < n; k++) {
        assert_true(attributes[k] == t->attributes[i][k]);
    }
    assert_int_equal(attributes == NULL, n == 0);
}

static void assert_name(const struct content *c, uint32_t category, const char *name) {
    uint16_t len = 77;
    const char *got = content_category_name(c, category, &len);
    assert_int_equal(len, strlen(name));
    assert_int_equal(got == NULL, len == 0);
    if (got) {
        assert_memory_equal(got, name, len);
    }
}

static void assert_agrees(const struct truth *t, const struct content *c) {
    uint32_t withdrawn = 0;
    uint32_t end = 0;
    for (uint32_t i = 0; i < ITEMS; i++) {
        assert_item(t, c, i);
        withdrawn += t->exists[i] && !t->row[i].available;
        end = t->exists[i] ? i + 1 : end;
    }
    assert_item(t, c, ITEMS + 5000);
    assert_item(t, c, UINT32_MAX);
    assert_int_equal(content_n_categories(c), t->n_categories);
    for (uint32_t k = 0; k < t->n_categories; k++) {
        assert_name(c, k, t->name[k]);
    }
    assert_name(c, t->n_categories, "");
    assert_name(c, CATEGORY_NONE, "");
    assert_int_equal(content_n_withdrawn(c), withdrawn);
    assert_int_equal(content_n(c), end);
    for (uint32_t i = 0; i < end; i++) {
        assert_int_equal(content_withdrawn(c)[i], !content_available(c, i));
    }
}

/* ---- rows ------------------------------------------------------------------------------- */

static struct content *new_content(void) {
    struct content *c = NULL;
    assert_int_equal(content_new(&c), ST_OK);
    return c;
}

static struct content_row plain(bool available) {
    return (struct content_row){.available = available, .price = NAN};
}

static struct content_row random_row(struct rng *rng, uint64_t room[ROOM], char name[16]) {
    struct content_row row = plain(rng_below(rng, 3) > 0);
    row.ts_ms = rng_below(rng, 4) ? 1 + (int64_t)rng_below(rng, 20) : 0;
    row.price = rng_below(rng, 3) ? (float)rng_unit(rng) * 50.0F : NAN;
    row.category = rng_below(rng, 4) ? mix64(1 + rng_below(rng, CATEGORIES)) : 0;
    row.category_name_len = (uint16_t)(rng_below(rng, 2) ? rng_below(rng, 16) : 0);
    row.category_name = name;
    for (uint32_t k = 0; k < row.category_name_len; k++) {
        name[k] = (char)('a' + rng_below(rng, 26));
    }
    row.n_attributes = rng_below(rng, 3) ? rng_below(rng, 6) : rng_below(rng, ROOM + 1);
    for (uint32_t k = 0; k < row.n_attributes; k++) {
        room[k] = rng_below(rng, 2) ? rng_below(rng, 9) : rng_next(rng);
    }
    row.attributes = room;
    return row;
}

static void an_item_without_a_row_is_available_and_has_nothing(void **state) {
    (void)state;
    static const struct truth nothing;
    struct content *c = new_content();
    assert_agrees(&nothing, c);
    content_free(c);
    content_free(NULL);
}

static void agrees_with_a_plain_array_on_random_rows(void **state) {
    (void)state;
    print_message("seeds 1..20\n");
    for (uint64_t seed = 1; seed <= 20; seed++) {
        static struct truth t;
        memset(&t, 0, sizeof t);
        struct rng rng = {seed};
        struct content *c = new_content();
        const uint32_t items = 1 + rng_below(&rng, ITEMS);
        for (int k = 0; k < 3000; k++) {
            uint64_t room[ROOM];
            char name[16] = {0};
            const struct content_row row = random_row(&rng, room, name);
            const uint32_t i = rng_below(&rng, items);
            struct content_change change;
            memset(&change, 0xFF, sizeof change);
            assert_int_equal(content_set(c, i, &row, &change), ST_OK);
            const struct content_change expected = truth_set(&t, i, &row);
            assert_change(&change, &expected);
            memset(name, 'X', sizeof name);
            memset(room, 0xEE, sizeof room); /* the row's bytes are the caller's */
            assert_item(&t, c, i);
        }
        assert_agrees(&t, c);
        content_free(c);
    }
}

static void an_older_row_changes_nothing_and_a_row_of_the_same_time_replaces(void **state) {
    (void)state;
    struct content *c = new_content();
    struct content_change change;
    struct content_row row = plain(true);
    row.ts_ms = 1000;
    row.price = 5.0F;
    assert_int_equal(content_set(c, 3, &row, &change), ST_OK);
    row = plain(false);
    row.ts_ms = 999;
    row.category = 77;
    assert_int_equal(content_set(c, 3, &row, &change), ST_OK);
    assert_true(change.older && !change.withdrawn && !change.is_new && !change.returned);
    assert_true(content_available(c, 3));
    assert_true(content_price(c, 3) == 5.0F);
    assert_int_equal(content_n_categories(c), 0); /* not even seen */
    row.ts_ms = 1000;
    assert_int_equal(content_set(c, 3, &row, &change), ST_OK);
    assert_true(change.withdrawn && !change.older);
    assert_true(isnan(content_price(c, 3)));
    assert_int_equal(content_category(c, 3), 0);
    content_free(c);
}

static void without_a_time_on_both_sides_the_later_call_wins(void **state) {
    (void)state;
    struct content *c = new_content();
    struct content_change change;
    static const int64_t times[] = {0, 1000, 0, 5, 4, 0, -3, -4};
    static const bool taken[] = {true, true, true, true, false, true, true, false};
    for (size_t k = 0; k < sizeof times / sizeof *times; k++) {
        struct content_row row = plain(true);
        row.ts_ms = times[k];
        row.price = (float)k;
        assert_int_equal(content_set(c, 0, &row, &change), ST_OK);
        assert_int_equal(change.older, !taken[k]);
        assert_int_equal(content_price(c, 0) == (float)k, taken[k]);
    }
    content_free(c);
}

static void a_change_says_what_became_of_the_item(void **state) {
    (void)state;
    struct content *c = new_content();
    struct content_change change;
    /* available: of a first row, then of the next ones */
    static const bool rows[] = {false, false, true, true, false, true};
    static const char *const says[] = {"nw", "", "r", "", "w", "r"};
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        const struct content_row row = plain(rows[k]);
        assert_int_equal(content_set(c, 9, &row, &change), ST_OK);
        assert_int_equal(change.is_new, strchr(says[k], 'n') != NULL);
        assert_int_equal(change.withdrawn, strchr(says[k], 'w') != NULL);
        assert_int_equal(change.returned, strchr(says[k], 'r') != NULL);
        assert_int_equal(content_n_withdrawn(c), rows[k] ? 0 : 1);
    }
    content_free(c);
}

static void categories_are_numbered_in_order_of_first_sight(void **state) {
    (void)state;
    struct content *c = new_content();
    struct content_change change;
    for (uint32_t k = 0; k < 2000; k++) {
        struct content_row row = plain(true);
        row.category = mix64(k / 2 + 1);
        assert_int_equal(content_set(c, 1999 - k, &row, &change), ST_OK);
        assert_int_equal(content_category(c, 1999 - k), k / 2);
        assert_int_equal(content_n_categories(c), k / 2 + 1);
    }
    const struct content_row row = plain(true); /* nobody has it any more: its number stays */
    assert_int_equal(content_set(c, 1999, &row, &change), ST_OK);
    assert_int_equal(content_set(c, 1998, &row, &change), ST_OK);
    assert_int_equal(content_category(c, 1998), CATEGORY_NONE);
    assert_int_equal(content_category(c, 1997), 1);
    assert_int_equal(content_n_categories(c), 1000);
    content_free(c);
}

static void the_first_name_of_a_category_stays_its_name(void **state) {
    (void)state;
    struct content *c = new_content();
    struct content_change change;
    static const char *const names[] = {"", "dairy", "milk", "", "x"};
    static const char *const known[] = {"", "dairy", "dairy", "dairy", "dairy"};
    size_t unnamed = 0;
    for (uint32_t k = 0; k < 5; k++) {
        struct content_row row = plain(true);
        row.ts_ms = 100 + k;
        row.category = 9;
        row.category_name = names[k];
        row.category_name_len = (uint16_t)strlen(names[k]);
        assert_int_equal(content_set(c, k % 2, &row, &change), ST_OK);
        assert_name(c, 0, known[k]);
        unnamed = k == 0 ? content_bytes(c) : unnamed;
        assert_int_equal(content_bytes(c), unnamed + strlen(known[k]));
    }
    struct content_row row = plain(true);
    row.category_name = "of no category";
    row.category_name_len = 14;
    assert_int_equal(content_set(c, 5, &row, &change), ST_OK);
    assert_int_equal(content_n_categories(c), 1);
    row.category = 10;
    row.ts_ms = 5; /* older than item 1's: its category is not even seen */
    assert_int_equal(content_set(c, 1, &row, &change), ST_OK);
    assert_int_equal(content_n_categories(c), 1);
    static char longest[UINT16_MAX];
    memset(longest, 'l', sizeof longest);
    row.ts_ms = 0;
    row.category_name = longest;
    row.category_name_len = UINT16_MAX;
    assert_int_equal(content_set(c, 1, &row, &change), ST_OK);
    uint16_t len = 0;
    assert_memory_equal(content_category_name(c, 1, &len), longest, sizeof longest);
    assert_int_equal(len, UINT16_MAX);
    content_free(c);
}

static void the_first_32_attributes_are_kept_sorted_and_each_once(void **state) {
    (void)state;
    struct content *c = new_content();
    struct content_change change;
    uint64_t given[CONTENT_ATTRIBUTES + 1];
    for (uint32_t k = 0; k <= CONTENT_ATTRIBUTES; k++) {
        given[k] = 1000 - k; /* the last one would be the first */
    }
    given[7] = given[3];
    struct content_row row = plain(true);
    row.attributes = given;
    row.n_attributes = CONTENT_ATTRIBUTES + 1;
    assert_int_equal(content_set(c, 0, &row, &change), ST_OK);
    uint32_t n = 0;
    const uint64_t *kept = content_attributes(c, 0, &n);
    assert_int_equal(n, CONTENT_ATTRIBUTES - 1);
    assert_true(kept[0] == 1000 - (CONTENT_ATTRIBUTES - 1));
    assert_true(kept[n - 1] == 1000);
    for (uint32_t k = 1; k < n; k++) {
        assert_true(kept[k - 1] < kept[k]);
    }
    row = plain(true);
    assert_int_equal(content_set(c, 0, &row, &change), ST_OK);
    assert_null(content_attributes(c, 0, &n));
    assert_int_equal(n, 0);
    content_free(c);
}

static void bytes_follow_what_is_held(void **state) {
    (void)state;
    struct content *c = new_content();
    struct content_change change;
    const size_t empty = content_bytes(c);
    uint64_t attributes[] = {3, 2, 1};
    struct content_row row = plain(true);
    assert_int_equal(content_set(c, 999, &row, &change), ST_OK);
    const size_t rows = content_bytes(c);
    assert_true(rows >= empty + 1000 * (sizeof(float) + sizeof(uint32_t) + sizeof(int64_t)));
    row.attributes = attributes;
    row.n_attributes = 3;
    assert_int_equal(content_set(c, 999, &row, &change), ST_OK);
    assert_int_equal(content_bytes(c), rows + sizeof attributes);
    row.n_attributes = 0;
    assert_int_equal(content_set(c, 999, &row, &change), ST_OK);
    assert_int_equal(content_bytes(c), rows);
    content_free(c);
}

static void a_row_that_found_no_memory_changes_nothing(void **state) {
    (void)state;
    if (!CAN_FAIL) {
        skip();
    }
    static struct truth t;
    memset(&t, 0, sizeof t);
    struct rng rng = {77};
    struct content *c = NULL;
    fail_after(0);
    enum status st = content_new(&c);
    fail_after(-1);
    assert_int_equal(st, ST_NOMEM);
    assert_null(c);
    c = new_content();
    uint32_t failures = 0;
    for (uint32_t k = 0; k < 600; k++) {
        uint64_t room[ROOM];
        char name[16] = {0};
        const struct content_row row = random_row(&rng, room, name);
        const uint32_t i = rng_below(&rng, 1 + k < ITEMS ? 1 + k : ITEMS);
        struct content_change change = {.item = 4711};
        for (int n = 0; n < 10; n++) {
            fail_after(n);
            st = content_set(c, i, &row, &change);
            fail_after(-1);
            if (!st) {
                break;
            }
            failures++;
            assert_int_equal(st, ST_NOMEM);
            assert_int_equal(change.item, 4711);
            assert_item(&t, c, i);
            assert_int_equal(content_n_categories(c), t.n_categories);
        }
        assert_int_equal(st, ST_OK);
        const struct content_change expected = truth_set(&t, i, &row);
        assert_change(&change, &expected);
    }
    assert_true(failures > 300);
    assert_agrees(&t, c);
    content_free(c);
}

/* ---- categories that are known before any row brings them --------------------------------------
 */

static void a_category_known_by_hash_gets_domain_and_name_from_its_rows(void **state) {
    (void)state;
    struct content *c = NULL;
    assert_int_equal(content_new(&c), ST_OK);
    uint32_t k = 77;
    assert_int_equal(content_category_intern(c, 0, &k), ST_INVALID);
    assert_int_equal(k, 77);
    assert_int_equal(content_category_intern(c, 500, &k), ST_OK);
    assert_int_equal(k, 0);
    assert_int_equal(content_category_intern(c, 600, &k), ST_OK);
    assert_int_equal(k, 1);
    assert_int_equal(content_category_intern(c, 500, &k), ST_OK);
    assert_int_equal(k, 0);
    assert_int_equal(content_n_categories(c), 2);
    assert_true(content_category_hash(c, 0) == 500 && content_category_hash(c, 1) == 600);
    assert_true(content_category_hash(c, 2) == 0);
    assert_int_equal(content_category_domain(c, 0), DOMAINS_MAX);
    assert_name(c, 0, "");

    struct content_change change;
    struct content_row row = {.category = 500, .domain = 3, .available = true};
    assert_int_equal(content_set(c, 7, &row, &change), ST_OK);
    assert_int_equal(content_category(c, 7), 0);
    assert_int_equal(content_category_domain(c, 0), 3);
    assert_name(c, 0, "");
    row.category_name = "shoes";
    row.category_name_len = 5;
    row.domain = 4; /* that of the first row stays */
    assert_int_equal(content_set(c, 8, &row, &change), ST_OK);
    assert_int_equal(content_category_domain(c, 0), 3);
    assert_name(c, 0, "shoes");
    assert_int_equal(content_category_intern(c, 500, &k), ST_OK);
    assert_int_equal(content_category_domain(c, 0), 3);
    assert_int_equal(content_category_domain(c, 1), DOMAINS_MAX);
    assert_int_equal(content_n_categories(c), 2);
    content_free(c);
}

static void many_categories_are_found_by_their_hashes(void **state) {
    (void)state;
    struct content *c = NULL;
    assert_int_equal(content_new(&c), ST_OK);
    uint32_t k = 0;
    for (uint32_t x = 0; x < 5000; x++) {
        enum status st = ST_NOMEM;
        for (int left = 0; st; left++) {
            k = 77777;
            fail_after(CAN_FAIL ? left : -1);
            st = content_category_intern(c, mix64(x), &k);
            fail_after(-1);
            assert_true(st == ST_OK || (st == ST_NOMEM && k == 77777));
            assert_int_equal(content_n_categories(c), x + (st ? 0 : 1));
        }
        assert_int_equal(k, x);
    }
    for (uint32_t x = 0; x < 5000; x++) {
        assert_true(content_category_hash(c, x) == mix64(x));
        assert_int_equal(content_category_intern(c, mix64(x), &k), ST_OK);
        assert_int_equal(k, x);
    }
    content_free(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_item_without_a_row_is_available_and_has_nothing),
        cmocka_unit_test(agrees_with_a_plain_array_on_random_rows),
        cmocka_unit_test(an_older_row_changes_nothing_and_a_row_of_the_same_time_replaces),
        cmocka_unit_test(without_a_time_on_both_sides_the_later_call_wins),
        cmocka_unit_test(a_change_says_what_became_of_the_item),
        cmocka_unit_test(categories_are_numbered_in_order_of_first_sight),
        cmocka_unit_test(the_first_name_of_a_category_stays_its_name),
        cmocka_unit_test(the_first_32_attributes_are_kept_sorted_and_each_once),
        cmocka_unit_test(a_category_known_by_hash_gets_domain_and_name_from_its_rows),
        cmocka_unit_test(many_categories_are_found_by_their_hashes),
        cmocka_unit_test(bytes_follow_what_is_held),
        cmocka_unit_test(a_row_that_found_no_memory_changes_nothing),
    };
    return cmocka_run_group_tests_name("content", tests, NULL, NULL);
}
