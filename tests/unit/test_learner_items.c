/* SPDX-License-Identifier: Apache-2.0
 *
 * test_learner_items.c -- what goes with an item and what is going on in a domain, against counts
 * kept here in double precision.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "learner_run.h"

enum { ITEMS = 30, EVENTS = 3000, TEN_DAYS = 10 };

struct fixture {
    struct learner *l;
    uint64_t n;
    int64_t now;
    double count[2][ITEMS][POP_LISTS]; /* decayed to `now` by 1, 7, 30 days */
};

static const double DAYS[POP_LISTS] = {1, 7, 30};

static int setup(void **state) {
    static struct fixture f;
    f = (struct fixture){.now = START};
    const struct learner_params params = {
        .n_domains = 2,
        .repeats = {true, true},
        .mini_batch = 64,
        .late_max_ms = DAY_MS,
        .prequential_window = 100,
        .seed = 3,
        .segments = {.k = 3, .seed_points = 5000, .half_life = 1e4}};
    assert_int_equal(learner_new(&params, &f.l), ST_OK);
    assert_int_equal(learner_task_open(f.l, 0), ST_OK);
    *state = &f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    learner_free(f->l);
    return 0;
}

static void take(struct fixture *f, uint32_t user, uint8_t domain, uint32_t item, int64_t by_ms) {
    struct made m;
    for (int d = 0; d < 2; d++) {
        for (int i = 0; i < ITEMS; i++) {
            for (int c = 0; c < POP_LISTS; c++) {
                f->count[d][i][c] *= exp2(-(double)by_ms / (double)DAY_MS / DAYS[c]);
            }
        }
    }
    f->now += by_ms;
    make_one(&m, ++f->n, user, domain, ACTION_ORDER, f->now, item);
    (void)learn_in(f->l, 0, &m);
    for (int c = 0; c < POP_LISTS; c++) {
        f->count[domain][item][c] += 1;
    }
}

static uint32_t index_of(const struct fixture *f, uint8_t domain, uint32_t item) {
    return items_find(learner_shared(f->l)->items, item_hash(domain, item));
}

static uint32_t number_of(const struct fixture *f, uint32_t index) {
    size_t len = 0;
    return (uint32_t)strtoul(items_id(learner_shared(f->l)->items, index, &len), NULL, 10);
}

static void withdraw(struct fixture *f, uint8_t domain, uint32_t item) {
    char id[16];
    struct content_change change;
    const int len = snprintf(id, sizeof id, "%u", item);
    const struct content_row row = {.item = item_hash(domain, item),
                                    .id = id,
                                    .id_len = (uint16_t)len,
                                    .domain = domain,
                                    .price = NAN};
    assert_int_equal(learner_item(f->l, &row, &change), ST_OK);
}

/* Every item is taken, the smaller numbers more often; in the last day item 7 is the fashion. */
static void fill(struct fixture *f) {
    struct rng rng = {4};
    for (uint32_t k = 0; k < EVENTS; k++) {
        const uint32_t low = rng_below(&rng, ITEMS);
        const uint32_t other = rng_below(&rng, ITEMS);
        uint32_t item = low < other ? low : other;
        const bool last_day = k > EVENTS * (TEN_DAYS - 1) / TEN_DAYS;
        item = last_day && rng_below(&rng, 4) == 0 ? 7 : item;
        take(f, rng_below(&rng, 200), rng_below(&rng, 3) == 0, item, TEN_DAYS * DAY_MS / EVENTS);
    }
}

static bool near(double a, double b) {
    return fabs(a - b) <= 1e-3 * (fabs(a) + fabs(b)) + 1e-6;
}

static void the_most_taken_are_told_by_share_and_by_rate_a_day(void **state) {
    struct fixture *f = *state;
    static struct item_board b;
    fill(f);
    for (uint8_t d = 0; d < 2; d++) {
        learner_board(f->l, d, f->now + DAY_MS / 2, 10, &b);
        assert_int_equal(b.items, ITEMS);
        assert_int_equal(b.withdrawn, 0);
        assert_int_equal(b.events, popularity_events(learner_shared(f->l)->popularity, d));
        for (int c = 0; c < POP_LISTS; c++) {
            double sum = 0;
            for (int i = 0; i < ITEMS; i++) {
                sum += f->count[d][i][c];
            }
            assert_int_equal(b.n_top[c], 10);
            for (uint32_t k = 0; k < 10; k++) {
                const struct board_item *x = &b.top[c][k];
                const double count = f->count[d][number_of(f, x->item)][c];
                uint32_t above = 0;
                for (int i = 0; i < ITEMS; i++) {
                    above += f->count[d][i][c] > count * (1 + 1e-6);
                }
                assert_true(above <= k); /* it is among the k + 1 best */
                assert_true(near((double)x->share, count / sum));
                /* half a day later; r a day for ever would be a count of r h/ln 2 */
                const double later = count * exp2(-.5 / DAYS[c]);
                assert_true(near((double)x->per_day, later * log(2) / DAYS[c]));
            }
        }
    }
}

static void what_is_taken_more_today_than_in_the_week_is_trending(void **state) {
    struct fixture *f = *state;
    static struct item_board b;
    fill(f);
    learner_board(f->l, 0, f->now, LIST_MAX, &b);
    assert_true(b.n_trending > 0);
    assert_int_equal(number_of(f, b.trending[0].item), 7);
    for (uint32_t k = 0; k < b.n_trending; k++) {
        assert_true(b.trending[k].lift > 1 && b.trending[k].per_day >= LEARNER_TRENDING_RATE);
        assert_true(k == 0 || b.trending[k].lift <= b.trending[k - 1].lift);
    }
    learner_board(f->l, 0, f->now + 30 * DAY_MS, LIST_MAX, &b); /* nobody takes anything */
    assert_int_equal(b.n_trending, 0);
    learner_board(f->l, 0, f->now, 1, &b);
    assert_int_equal(b.n_trending, 1);
}

static void the_newest_are_those_seen_last(void **state) {
    struct fixture *f = *state;
    static struct item_board b;
    for (uint32_t k = 0; k < 12; k++) {
        take(f, k, 0, k, 1000);
        take(f, k, 1, 20 - k, 1000);
    }
    learner_board(f->l, 0, f->now, 5, &b);
    assert_int_equal(b.n_newest, 5);
    for (uint32_t k = 0; k < 5; k++) {
        assert_int_equal(number_of(f, b.newest[k].item), 11 - k);
    }
}

static void withdrawn_items_are_counted_and_not_trending(void **state) {
    struct fixture *f = *state;
    static struct item_board b;
    fill(f);
    withdraw(f, 0, 7);
    withdraw(f, 0, 29);
    withdraw(f, 1, 3);
    learner_board(f->l, 0, f->now, LIST_MAX, &b);
    assert_int_equal(b.withdrawn, 2);
    for (uint32_t k = 0; k < b.n_trending; k++) {
        assert_true(number_of(f, b.trending[k].item) != 7);
    }
    learner_board(f->l, 1, f->now, LIST_MAX, &b);
    assert_int_equal(b.withdrawn, 1);
}

static void a_domain_that_is_none_or_empty_has_an_empty_board(void **state) {
    struct fixture *f = *state;
    static struct item_board b;
    memset(&b, 1, sizeof b);
    learner_board(f->l, 0, START, 10, &b);
    assert_int_equal(b.n_top[0] + b.n_trending + b.n_newest + b.items, 0);
    memset(&b, 1, sizeof b);
    learner_board(f->l, 2, START, 10, &b);
    assert_int_equal(b.n_top[0] + b.n_trending + b.n_newest + b.items, 0);
}

/* Users take course k and then dish k: what goes with it is what was taken with it, as often as
 * it was. */
static void what_goes_with_an_item_is_told_with_why(void **state) {
    struct fixture *f = *state;
    struct alike_item out[LIST_MAX];
    for (uint32_t u = 0; u < 60; u++) {
        take(f, u, 0, u % 5, HOUR_MS);
        take(f, u, 1, u % 5, HOUR_MS);
    }
    for (uint32_t item = 0; item < 5; item++) {
        const uint32_t n = learner_alike(f->l, index_of(f, 0, item), 1, 10, out);
        assert_true(n > 0);
        assert_int_equal(number_of(f, out[0].item), item);
        int64_t a = 0;
        int64_t fo = 0;
        int64_t s = 0;
        assert_true(
            pairs_get(learner_shared(f->l)->pairs, index_of(f, 0, item), out[0].item, &a, &fo, &s));
        assert_true(near((double)out[0].together, (double)a * 0x1p-20));
        assert_true(near((double)out[0].follows, 12)); /* each of 12 users, at once */
        assert_true(near((double)out[0].together, 12));
        for (uint32_t k = 0; k < n; k++) {
            assert_true(items_domain(learner_shared(f->l)->items, out[k].item) == 1);
            assert_true(out[k].cosine >= -1.001F && out[k].cosine <= 1.001F);
            assert_true(k == 0 || out[k].score <= out[k - 1].score);
        }
    }
    /* the other way round, dishes do not come first */
    assert_true(learner_alike(f->l, index_of(f, 1, 2), 0, 10, out) > 0);
    assert_int_equal(number_of(f, out[0].item), 2);
    assert_true(near((double)out[0].together, 12) && out[0].follows < 1);
    assert_int_equal(learner_alike(f->l, index_of(f, 0, 2), 1, 1, out), 1);
    assert_int_equal(learner_alike(f->l, index_of(f, 0, 2), 2, 10, out), 0);
    assert_int_equal(learner_alike(f->l, index_of(f, 0, 2), 1, 0, out), 0);
    assert_int_equal(learner_alike(f->l, ITEM_NONE, 1, 10, out), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(the_most_taken_are_told_by_share_and_by_rate_a_day),
        TEST(what_is_taken_more_today_than_in_the_week_is_trending),
        TEST(the_newest_are_those_seen_last),
        TEST(withdrawn_items_are_counted_and_not_trending),
        TEST(a_domain_that_is_none_or_empty_has_an_empty_board),
        TEST(what_goes_with_an_item_is_told_with_why),
#undef TEST
    };
    return cmocka_run_group_tests_name("learner_items", tests, NULL, NULL);
}
