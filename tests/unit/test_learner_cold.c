/* SPDX-License-Identifier: Apache-2.0
 *
 * test_learner_cold.c -- items that are new, and what their category does for them.
 *
 * A domain of ten categories. Each user takes of two of them only, so that his categories tell
 * all that can be known of an item that hardly anybody took.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "learner_run.h"

enum {
    USERS = 500,
    CATEGORIES = 10,
    ITEMS = 40 /* of a category */,
    ROUNDS = 20,
    TOP = 20,
    SEEDS = 12
};

static bool likes(uint32_t user, uint32_t category) {
    return category == user % CATEGORIES || category == (user * 7 + 3) % CATEGORIES;
}

static void teach_item(struct learner *l, uint32_t item, uint32_t category, int64_t ts_ms) {
    char id[16];
    const int len = snprintf(id, sizeof id, "%u", item);
    const struct content_row row = {.item = item_hash(0, item),
                                    .id = id,
                                    .id_len = (uint16_t)len,
                                    .available = true,
                                    .ts_ms = ts_ms,
                                    .price = NAN,
                                    .category = category == UINT32_MAX ? 0 : 1000 + category};
    struct content_change change;
    assert_int_equal(learner_item(l, &row, &change), ST_OK);
}

static void take(struct learner *l, uint32_t user, uint32_t item, int64_t ts_ms) {
    static uint64_t number;
    struct made m;
    struct learner_effect effect;
    make(&m, ++number, user, 0, ACTION_PURCHASE, ts_ms);
    add_line(&m, item, 1.0F);
    assert_int_equal(learner_learn(l, 0, &m.e, &effect), ST_OK);
}

/* Users who have taken ROUNDS items of their categories; at the end of `now`. A net of one seed
 * may give hardly anybody the item: what is claimed is claimed of the mean of SEEDS. */
static struct learner *world(uint64_t seed, bool with_categories, int64_t *now) {
    const struct learner_params params = {
        .n_domains = 1,
        .mini_batch = 256,
        .late_max_ms = DAY_MS,
        .prequential_window = 100,
        .seed = seed,
        .segments = {.k = 3, .seed_points = 100, .half_life = 1e4}};
    struct learner *l = NULL;
    struct rng rng = {4};
    assert_int_equal(learner_new(&params, &l), ST_OK);
    assert_int_equal(learner_task_open(l, 0), ST_OK);
    for (uint32_t i = 0; i < CATEGORIES * ITEMS; i++) {
        teach_item(l, i, with_categories ? i % CATEGORIES : UINT32_MAX, START);
    }
    *now = START;
    for (uint32_t n = 0; n < USERS * ROUNDS; n++) {
        const uint32_t user = rng_below(&rng, USERS);
        const uint32_t category =
            rng_below(&rng, 2) ? user % CATEGORIES : (user * 7 + 3) % CATEGORIES;
        *now += HOUR_MS / 10;
        take(l, user, rng_below(&rng, ITEMS) * CATEGORIES + category, *now);
        if (n % 2000 == 0) {
            assert_int_equal(learner_seal(l, 0), ST_OK);
            learner_committed(l, 0);
        }
    }
    return l;
}

/* Share of the users who do (or do not) like the category that have the item among their TOP. */
static double shown(struct learner *l, uint32_t item, uint32_t category, bool who_like,
                    int64_t now_ms) {
    const uint32_t index = items_find(learner_shared(l)->items, item_hash(0, item));
    uint32_t users = 0;
    uint32_t have = 0;
    for (uint32_t u = 0; u < USERS; u++) {
        const uint32_t slot = users_find(learner_users(l, 0), user_hash(u));
        struct list list;
        if (slot == USER_NONE || likes(u, category) != who_like) {
            continue;
        }
        assert_int_equal(learner_rank(l, 0, slot, 0, now_ms, TOP, &list), ST_OK);
        users++;
        for (uint32_t k = 0; k < list.n; k++) {
            have += list.items[k].item == index;
        }
    }
    return (double)have / (double)users;
}

/* Three users who like its category take a new item. */
static void launch(struct learner *l, uint32_t item, uint32_t category, int64_t *now) {
    uint32_t n = 0;
    for (uint32_t u = 100; n < 3; u++) {
        if (likes(u, category)) {
            *now += HOUR_MS / 10;
            take(l, u, item, *now);
            n++;
        }
    }
}

static void a_new_item_finds_the_users_of_its_category_within_its_first_events(void **state) {
    (void)state;
    const uint32_t item = CATEGORIES * ITEMS;
    double untouched = 0.0;
    double right = 0.0;
    double wrong = 0.0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        int64_t now = 0;
        struct learner *l = world(seed, true, &now);
        teach_item(l, item, 2, now);
        untouched += shown(l, item, 2, true, now) / SEEDS;
        launch(l, item, 2, &now);
        right += shown(l, item, 2, true, now) / SEEDS;
        wrong += shown(l, item, 2, false, now) / SEEDS;
        learner_free(l);
    }
    print_message("untouched %.2f; after 3 events: who like the category %.2f, others %.2f\n",
                  untouched, right, wrong);
    assert_true(right > .5);
    assert_true(wrong < .1);
}

/* How much more often those have an item that nobody took yet who like its category. */
static double gap(uint64_t seed, bool with_category) {
    const uint32_t item = CATEGORIES * ITEMS;
    int64_t now = 0;
    struct learner *l = world(seed, with_category, &now);
    teach_item(l, item, with_category ? 2 : UINT32_MAX, now);
    const double more = shown(l, item, 2, true, now) - shown(l, item, 2, false, now);
    learner_free(l);
    return more;
}

static void without_a_category_nobody_gets_it_before_its_first_events(void **state) {
    (void)state;
    double with = 0.0;
    double without = 0.0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        with += gap(seed, true) / SEEDS;
        without += gap(seed, false) / SEEDS;
    }
    print_message("more often to whom it is for: with category %.2f, without %.2f\n", with,
                  without);
    assert_true(with > without + .1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_item_finds_the_users_of_its_category_within_its_first_events),
        cmocka_unit_test(without_a_category_nobody_gets_it_before_its_first_events),
    };
    return cmocka_run_group_tests_name("learner_cold", tests, NULL, NULL);
}
