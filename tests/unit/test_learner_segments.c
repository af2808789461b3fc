/* SPDX-License-Identifier: Apache-2.0
 *
 * test_learner_segments.c -- learner_segments() of users whose habits were planted, and of random
 * ones beside what a log of the events says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "failing_alloc.h"
#include "learner_run.h"

enum { COURSE, FOOD, DOMAINS, TASKS = 3, CATEGORIES = 5, ITEMS = 40, USERS = 120, LOG_MAX = 20000 };

/* The longest: persona.h cuts it in the middle of a character unless it sees one byte more. */
static const char *const NAMES[DOMAINS][CATEGORIES] = {
    {"data", "baking", "", "history", "about forty bytes, and then umlauts: ++\xC3\xA4\xC3\xA4"},
    {"ramen", "sushi", "", "stew", "pies"}};
static const char *const DOMAIN_NAMES[DOMAINS] = {"course", "food"};

struct fixture {
    struct learner *l;
    uint64_t number;
    int64_t now_ms;
    uint32_t n_log;
    struct {
        uint32_t user, category;
        uint8_t domain;
        int64_t ts_ms;
    } log[LOG_MAX];
    struct segment_cards cards;
};

static uint64_t category_hash(uint8_t domain, uint32_t category) {
    return mix64(1000 * (domain + 1U) + category);
}

/* Category k is that of items k, k + CATEGORIES, ...; what has an empty name has none. */
static void describe_items(struct learner *l) {
    for (uint8_t d = 0; d < DOMAINS; d++) {
        for (uint32_t i = 0; i < ITEMS; i++) {
            char id[16];
            struct content_change change;
            const char *name = NAMES[d][i % CATEGORIES];
            const int len = snprintf(id, sizeof id, "%u", i);
            const struct content_row row = {.item = item_hash(d, i),
                                            .id = id,
                                            .id_len = (uint16_t)len,
                                            .domain = d,
                                            .available = true,
                                            .price = NAN,
                                            .category = category_hash(d, i % CATEGORIES),
                                            .category_name = name,
                                            .category_name_len = (uint16_t)strlen(name)};
            assert_int_equal(learner_item(l, &row, &change), ST_OK);
        }
    }
}

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    if (!f) {
        return -1;
    }
    struct learner_params params = params_of(DOMAINS);
    params.repeats[FOOD] = true;
    params.repeats[COURSE] = true;
    params.prequential_sample = 0;
    params.segments.k = 2;
    f->l = learner_of(params, TASKS);
    describe_items(f->l);
    f->now_ms = START;
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    learner_free(f->l);
    free(f);
    return 0;
}

static void take(struct fixture *f, uint32_t user, uint8_t domain, uint32_t item, int64_t ts_ms) {
    struct made m;
    make_one(&m, ++f->number, user, domain, domain == FOOD ? ACTION_ORDER : ACTION_ENROLL, ts_ms,
             item);
    (void)learn_in(f->l, user % TASKS, &m);
    assert_true(f->n_log < LOG_MAX);
    f->log[f->n_log].user = user;
    f->log[f->n_log].category = item % CATEGORIES;
    f->log[f->n_log].domain = domain;
    f->log[f->n_log++].ts_ms = ts_ms;
    f->now_ms = ts_ms > f->now_ms ? ts_ms : f->now_ms;
    if (f->number % 500 == 0) {
        for (uint32_t p = 0; p < TASKS; p++) {
            assert_int_equal(learner_seal(f->l, p), ST_OK);
            learner_committed(f->l, p);
        }
    }
}

static void tell(struct fixture *f) {
    assert_int_equal(learner_segments(f->l, f->now_ms, DOMAIN_NAMES, &f->cards), ST_OK);
}

static int segment_of(const struct fixture *f, uint32_t user) {
    const struct users *users = learner_users(f->l, user % TASKS);
    const uint32_t slot = users_find(users, user_hash(user));
    return slot == USER_NONE ? -1 : user_segment(users_get(users, slot));
}

/* ---- planted habits ------------------------------------------------------------------------ */

/* Even users order ramen (category 0) every evening and sushi every second one, and then take a
 * course too. Odd users take courses of data every day, one half of them one in the morning, the
 * other three in the afternoon, and every third day stew at night. */
static void plant(struct fixture *f, uint32_t days, bool all_in_the_evening) {
    for (uint32_t day = 0; day < days; day++) {
        const int64_t ms = START + day * DAY_MS + (all_in_the_evening ? 18 * HOUR_MS : 0);
        const int64_t hour = all_in_the_evening ? HOUR_MS / 5 : HOUR_MS;
        for (uint32_t u = 1; u < USERS; u += 2) {
            for (uint32_t k = 0; k < (u % 4 == 3 ? 3 : 1); k++) {
                take(f, u, COURSE, 0, ms + (u % 4 == 3 ? 13 + k : 8) * hour);
            }
            if ((day + u / 2) % 3 == 0) {
                take(f, u, FOOD, 3, ms + 2 * hour);
            }
        }
        for (uint32_t u = 0; u < USERS; u += 2) {
            take(f, u, FOOD, 0, ms + 19 * hour);
            if ((day + u / 2) % 2 == 0) {
                take(f, u, FOOD, 1, ms + 20 * hour);
                take(f, u, COURSE, 1, ms + 21 * hour);
            }
        }
    }
}

static void titles_name_the_habits_that_were_planted(void **state) {
    struct fixture *f = *state;
    plant(f, 40, false);
    tell(f);
    assert_int_equal(f->cards.n, 2);
    assert_true(segment_of(f, 0) >= 0 && segment_of(f, 1) >= 0);
    const struct segment_card *diners = &f->cards.cards[segment_of(f, 0)];
    const struct segment_card *learners = &f->cards.cards[segment_of(f, 1)];
    assert_ptr_not_equal(diners, learners);
    assert_string_equal(diners->persona.title, "frequent evening diners");
    assert_string_equal(learners->persona.title, "frequent afternoon learners");
    assert_int_equal(diners->persona.habit[COURSE], PERSONA_NONE);
    assert_non_null(strstr(diners->persona.detail, "50 % of users; food: ramen 6"));
    assert_non_null(strstr(learners->persona.detail, "course: data 100 %"));
    assert_int_equal(diners->users, USERS / 2);
    assert_int_equal(learners->users, USERS / 2);
    const size_t frequency = FEATURES_PER_DOMAIN * (size_t)FOOD + 1;
    assert_true(diners->z[frequency] > 0.5F && learners->z[frequency] < -0.5F);
    assert_int_equal(diners->n_top[FOOD], 2);
    const struct content *content = learner_content(f->l);
    uint16_t len = 0;
    const char *name = content_category_name(content, diners->top[FOOD][0].category, &len);
    assert_true(len == 5 && memcmp(name, "ramen", 5) == 0);
}

static void a_part_of_the_day_that_is_everybodys_is_not_named(void **state) {
    struct fixture *f = *state;
    plant(f, 40, true);
    tell(f);
    assert_string_equal(f->cards.cards[segment_of(f, 0)].persona.title, "frequent diners");
    assert_string_equal(f->cards.cards[segment_of(f, 1)].persona.title, "frequent learners");
}

/* ---- beside a log -------------------------------------------------------------------------- */

/* Most keep to one domain and to categories of their own; times are of whole days back and forth.
 */
static void fill(struct fixture *f, uint64_t seed, uint32_t n) {
    struct rng rng = {seed};
    int64_t now_ms = START;
    for (uint32_t k = 0; k < n; k++) {
        const uint32_t user = rng_below(&rng, USERS);
        const uint8_t domain = (uint8_t)(rng_below(&rng, 5) ? user % 2 : rng_below(&rng, 2));
        const uint32_t x = rng_below(&rng, CATEGORIES);
        const uint32_t category = x * rng_below(&rng, x + 1) / CATEGORIES;
        now_ms += (int64_t)(rng_unit(&rng) * 0.05 * (double)DAY_MS);
        if (user % 10 != 9 || k < n / 2) { /* some come no more */
            take(f, user, domain, category, now_ms);
        }
    }
}

/* Decayed takings of a segment in a category; of all categories if it is CATEGORIES. */
static double taken(const struct fixture *f, int segment, uint8_t domain, uint32_t category) {
    double sum = 0.0;
    for (uint32_t k = 0; k < f->n_log; k++) {
        if (f->log[k].domain == domain && segment_of(f, f->log[k].user) == segment &&
            (category == CATEGORIES || f->log[k].category == category)) {
            sum += exp2((double)(f->log[k].ts_ms - f->now_ms) / (60.0 * (double)DAY_MS));
        }
    }
    return sum;
}

/* The category of a domain's row; the fixture's number, not the content's. */
static uint32_t number_of(const struct fixture *f, uint8_t domain, uint32_t category) {
    const struct items *items = learner_shared(f->l)->items;
    for (uint32_t i = 0; i < CATEGORIES; i++) {
        const uint32_t item = items_find(items, item_hash(domain, i));
        if (content_category(learner_content(f->l), item) == category) {
            return i;
        }
    }
    fail_msg("category %u is none of domain %u", (unsigned)category, (unsigned)domain);
    return 0;
}

static void categories_are_those_of_the_log(void **state) {
    struct fixture *f = *state;
    fill(f, 20261125, 6000);
    tell(f);
    assert_int_equal(f->cards.n, 2);
    for (uint32_t s = 0; s < f->cards.n; s++) {
        for (uint8_t d = 0; d < DOMAINS; d++) {
            const struct segment_card *card = &f->cards.cards[s];
            const double all = taken(f, (int)s, d, CATEGORIES);
            double least = (double)INFINITY;
            bool seen[CATEGORIES] = {false};
            assert_int_equal(card->n_top[d], PERSONA_TOP);
            for (uint32_t k = 0; k < PERSONA_TOP; k++) {
                const uint32_t c = number_of(f, d, card->top[d][k].category);
                const double want = taken(f, (int)s, d, c) / all;
                assert_true(fabs((double)card->top[d][k].share - want) < 1e-4 * want);
                assert_true(want <= least && *NAMES[d][c]);
                least = want;
                seen[c] = true;
            }
            for (uint32_t c = 0; c < CATEGORIES; c++) { /* what is left out has less, or no name */
                assert_true(seen[c] || !*NAMES[d][c] || taken(f, (int)s, d, c) / all <= least);
            }
        }
    }
}

static bool came(const struct fixture *f, uint32_t user, uint8_t domain, int64_t days) {
    const int64_t today = f->now_ms / DAY_MS;
    for (uint32_t k = 0; k < f->n_log; k++) {
        if (f->log[k].user == user && f->log[k].domain == domain &&
            f->log[k].ts_ms / DAY_MS > today - days) {
            return true;
        }
    }
    return false;
}

static void the_board_counts_who_came_today_and_in_28_days(void **state) {
    struct fixture *f = *state;
    fill(f, 4, 5000);
    f->now_ms += 20 * HOUR_MS;
    for (uint32_t u = 0; u < 7; u++) {
        take(f, u, u % 3 ? FOOD : COURSE, u, f->now_ms);
        take(f, 6, u % 3 ? FOOD : COURSE, u, f->now_ms);
    }
    tell(f);
    const struct engagement_board *b = &f->cards.board;
    assert_int_equal(b->users, USERS);
    assert_int_equal(f->cards.n_users, USERS);
    for (uint8_t i = 0; i < DOMAINS; i++) {
        for (uint8_t j = 0; j < DOMAINS; j++) {
            uint32_t dau = 0;
            uint32_t mau = 0;
            for (uint32_t u = 0; u < USERS; u++) {
                dau += came(f, u, i, 1) && came(f, u, j, 1);
                mau += came(f, u, i, 28) && came(f, u, j, 28);
            }
            assert_int_equal(b->dau[i][j], dau);
            assert_int_equal(b->mau[i][j], mau);
            assert_true(dau > 0 && mau > dau && mau < USERS);
        }
    }
}

static void users_are_counted_by_the_label_that_they_have_now(void **state) {
    struct fixture *f = *state;
    fill(f, 5, 3000);
    assert_true(learner_forget(f->l, user_hash(3)));
    tell(f);
    uint32_t users[2] = {0};
    for (uint32_t u = 0; u < USERS; u++) {
        const int s = segment_of(f, u);
        users[s < 0 ? 0 : s] += s >= 0;
    }
    assert_int_equal(f->cards.n_users, USERS - 1);
    assert_int_equal(f->cards.board.users, USERS - 1);
    for (uint32_t s = 0; s < 2; s++) {
        const struct segment_card *card = &f->cards.cards[s];
        float z[FEATURES_MAX] = {0};
        assert_int_equal(card->users, users[s]);
        assert_true(users[s] > 0);
        assert_true(fabs((double)card->persona.share - users[s] / (USERS - 1.0)) < 1e-6);
        segments_z(learner_shared(f->l)->segments, s, z);
        assert_memory_equal(card->z, z, sizeof z);
    }
}

/* Whoever came only before seeding has no label. */
static void users_without_a_label_are_in_no_segment(void **state) {
    struct fixture *f = *state;
    for (uint32_t u = 0; u < 10; u++) {
        take(f, USERS + u, FOOD, 0, START);
    }
    tell(f);
    assert_int_equal(f->cards.n, 0);
    assert_int_equal(f->cards.board.users, 10);
    assert_int_equal(f->cards.board.dau[FOOD][FOOD], 10);
    fill(f, 6, 3000);
    tell(f);
    assert_int_equal(f->cards.n, 2);
    assert_int_equal(f->cards.board.users, USERS + 10);
    assert_int_equal(segment_of(f, USERS), -1);
    assert_int_equal(f->cards.cards[0].users + f->cards.cards[1].users, USERS);
}

static void a_long_name_is_cut_between_characters(void **state) {
    struct fixture *f = *state;
    for (uint32_t k = 0; k < 3000; k++) {
        take(f, k % USERS, k % 2 ? COURSE : FOOD, 4, START + k * HOUR_MS / 10);
    }
    tell(f);
    const char *detail = f->cards.cards[segment_of(f, 1)].persona.detail;
    assert_non_null(strstr(detail, "about forty bytes, and then umlauts: ++ 100 %"));
}

static void nothing_is_known_of_nobody(void **state) {
    struct fixture *f = *state;
    memset(&f->cards, 1, sizeof f->cards);
    tell(f);
    assert_int_equal(f->cards.n, 0);
    assert_int_equal(f->cards.n_users, 0);
    assert_int_equal(f->cards.board.users, 0);
    assert_int_equal(f->cards.board.mau_any, 0);
    for (uint32_t p = 0; p < TASKS; p++) {
        learner_task_close(f->l, p);
    }
    tell(f);
    assert_int_equal(f->cards.n_users, 0);
}

static void out_of_memory_is_told_and_nothing_is_written(void **state) {
    struct fixture *f = *state;
    fill(f, 7, 1000);
    if (!CAN_FAIL) {
        skip();
    }
    struct segment_cards *before = malloc(sizeof *before);
    assert_non_null(before);
    memset(&f->cards, 0xA5, sizeof f->cards);
    memcpy(before, &f->cards, sizeof *before);
    fail_after(0);
    const enum status st = learner_segments(f->l, f->now_ms, DOMAIN_NAMES, &f->cards);
    fail_after(-1);
    assert_int_equal(st, ST_NOMEM);
    assert_memory_equal(before, &f->cards, sizeof *before);
    free(before);
}

/* ---- many ---------------------------------------------------------------------------------- */

/* Twice as many as are counted and one: of three one is; over the borders of tasks too. */
static void of_many_users_one_in_n_is_counted(void **state) {
    struct fixture *f = *state;
    const uint32_t many = 2 * LEARNER_SEGMENTS_SCAN + 1;
    struct learner_params params = params_of(DOMAINS);
    params.mini_batch = 5000;
    params.prequential_sample = 0;
    struct learner *l = learner_of(params, TASKS);
    for (uint32_t u = 0; u < many; u++) {
        struct made m;
        make_one(&m, u + 1, u, FOOD, ACTION_VIEW, START + (u % 3 ? 0 : DAY_MS), 0);
        m.e.weight = 0.0F; /* quick: only the user is made */
        (void)learn_in(l, u < 50000 ? 0 : 2, &m);
        if (u % 10000 == 0) {
            assert_int_equal(learner_seal(l, u < 50000 ? 0 : 2), ST_OK);
            learner_committed(l, u < 50000 ? 0 : 2);
        }
    }
    assert_int_equal(learner_segments(l, START + DAY_MS, DOMAIN_NAMES, &f->cards), ST_OK);
    assert_int_equal(f->cards.n_users, many);
    assert_int_equal(f->cards.board.users, (many + 2) / 3);
    assert_int_equal(f->cards.board.dau_any, (many + 2) / 3); /* those that 3 divides */
    learner_free(l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(titles_name_the_habits_that_were_planted),
        TEST(a_part_of_the_day_that_is_everybodys_is_not_named),
        TEST(categories_are_those_of_the_log),
        TEST(the_board_counts_who_came_today_and_in_28_days),
        TEST(users_are_counted_by_the_label_that_they_have_now),
        TEST(users_without_a_label_are_in_no_segment),
        TEST(a_long_name_is_cut_between_characters),
        TEST(nothing_is_known_of_nobody),
        TEST(out_of_memory_is_told_and_nothing_is_written),
        TEST(of_many_users_one_in_n_is_counted),
#undef TEST
    };
    return cmocka_run_group_tests_name("learner_segments", tests, NULL, NULL);
}
