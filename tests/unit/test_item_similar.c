/* SPDX-License-Identifier: Apache-2.0
 *
 * test_item_similar.c -- contract tests of models/item_similar.h: lists beside a brute force over
 * the whole catalogue in double, on random streams, and on pairs that were planted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "item_similar.h"
#include "learner_run.h"

enum { DOMAINS = 3, ITEMS = 80, USERS = 200, SEEDS = 3 };

static struct learner *learned(uint64_t seed, uint32_t events) {
    struct learner_params params = params_of(DOMAINS);
    params.prequential_sample = 0;
    params.repeats[1] = true;
    struct learner *l = learner_of(params, 1);
    struct stream s = {.rng = {seed},
                       .now_ms = START,
                       .step_ms = HOUR_MS,
                       .users = USERS,
                       .items = ITEMS,
                       .n_domains = DOMAINS,
                       .n_tasks = 1,
                       .max_lines = 3};
    for (uint32_t n = 0; n < events; n++) {
        struct made m;
        next_event(&s, &m);
        (void)learn(l, &m);
        if (n % 500 == 499) {
            assert_int_equal(learner_seal(l, 0), ST_OK);
            learner_committed(l, 0);
        }
    }
    return l;
}

static void withdraw(struct learner *l, uint32_t i) {
    const struct items *items = learner_shared(l)->items;
    size_t len = 0;
    const char *id = items_id(items, i, &len);
    const struct content_row row = {.item = items_hash(items, i),
                                    .id = id,
                                    .id_len = (uint16_t)len,
                                    .domain = items_domain(items, i),
                                    .price = NAN};
    struct content_change change;
    assert_int_equal(learner_item(l, &row, &change), ST_OK);
}

/* ---- brute force ------------------------------------------------------------------------------
 */

static double takes_of(const struct shared *s, uint32_t i) {
    struct popularity_sum sum;
    popularity_item(s->popularity, i, &sum);
    return ldexp((double)sum.weight, -20);
}

static double true_score(const struct shared *s, uint32_t i, uint32_t j) {
    int64_t a = 0;
    int64_t f = 0;
    int64_t e = 0;
    double dot = 0.0;
    double qi = 0.0;
    double qj = 0.0;
    if (!pairs_get(s->pairs, i, j, &a, &f, &e)) {
        a = 0;
    }
    for (size_t k = 0; k < FACTORS; k++) {
        const double x = (double)factors_q(s->factors)[i * FACTORS + k];
        const double y = (double)factors_q(s->factors)[j * FACTORS + k];
        dot += x * y;
        qi += x * x;
        qj += y * y;
    }
    const double c = ldexp(
        fmin((double)factors_count(s->factors, i), (double)factors_count(s->factors, j)), -20);
    const double together =
        ldexp((double)a, -20) / sqrt((takes_of(s, i) + 5.0) * (takes_of(s, j) + 5.0));
    const double near = c > 0.0 ? c / (c + 20.0) * fmax(0.0, dot / sqrt(qi * qj)) : 0.0;
    return together + near / 2.0;
}

static bool is_neighbour(const struct shared *s, uint32_t i, uint32_t j) {
    const struct pair_list list = pairs_list(s->pairs, i);
    for (uint32_t k = 0; k < list.n; k++) {
        if (pair_list_item(&list, k) == j) {
            return true;
        }
    }
    return false;
}

/* How many neighbours of i have more in common with it than h. */
static uint32_t stronger(const struct shared *s, uint32_t i, uint32_t h) {
    const struct pair_list list = pairs_list(s->pairs, i);
    float a = 0.0F;
    uint32_t n = 0;
    for (uint32_t k = 0; k < list.n; k++) {
        a = pair_list_item(&list, k) == h ? pair_list_entry(&list, k).a : a;
    }
    for (uint32_t k = 0; k < list.n; k++) {
        n += pair_list_entry(&list, k).a > a ||
             (pair_list_entry(&list, k).a >= a && pair_list_item(&list, k) != h &&
              items_hash(s->items, pair_list_item(&list, k)) < items_hash(s->items, h));
    }
    return n;
}

static bool blocked[DOMAINS * ITEMS]; /* by index, as block_some() did it */

static bool may_be_listed(const struct shared *s, uint32_t i, uint32_t j, uint8_t target,
                          bool hubs) {
    if (j == i || items_domain(s->items, j) != target || !content_available(s->content, j) ||
        blocked[j]) {
        return false;
    }
    bool met = is_neighbour(s, i, j);
    for (uint32_t h = 0; hubs && !met && h < s->n_items; h++) {
        met = is_neighbour(s, i, h) && stronger(s, i, h) < 10 && is_neighbour(s, h, j);
    }
    return met;
}

static uint32_t assert_list_is_the_true_one(const struct learner *l, uint32_t i, uint8_t target,
                                            uint32_t n) {
    const struct shared *s = learner_shared(l);
    struct item_similar list[ITEM_SIMILAR_MAX];
    const uint32_t got = learner_similar(l, i, target, n, list);
    uint32_t direct = 0;
    uint32_t possible = 0;
    for (uint32_t j = 0; j < s->n_items; j++) {
        direct += may_be_listed(s, i, j, target, false);
    }
    for (uint32_t j = 0; j < s->n_items; j++) {
        const double score = true_score(s, i, j);
        uint32_t at = 0;
        while (at < got && list[at].item != j) {
            at++;
        }
        if (!may_be_listed(s, i, j, target, direct < 2 * n) || !(score > 0.0)) {
            assert_int_equal(at, got);
            continue;
        }
        possible++;
        if (at < got) {
            assert_true(fabs((double)list[at].score - score) < 1e-4 * score);
            assert_true(item_similar_score(s, i, j) == list[at].score);
        } else {
            assert_int_equal(got, n);
            assert_true(score <= (double)list[got - 1].score * (1.0 + 1e-4));
        }
    }
    for (uint32_t k = 1; k < got; k++) {
        assert_true(list[k].score <= list[k - 1].score);
    }
    assert_int_equal(got, possible < n ? possible : n);
    return got;
}

/* ---- tests ------------------------------------------------------------------------------------
 */

static void lists_are_those_of_brute_force(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        print_message("seed %llu\n", (unsigned long long)seed);
        struct learner *l = learned(seed, 300 * (uint32_t)(seed * seed * seed));
        const struct shared *s = learner_shared(l);
        uint32_t listed = 0;
        for (uint32_t i = 0; i < s->n_items; i += 7) {
            withdraw(l, i);
        }
        for (uint32_t i = 0; i < s->n_items; i += 3) {
            for (uint8_t target = 0; target < DOMAINS; target++) {
                listed += assert_list_is_the_true_one(l, i, target, 1);
                listed += assert_list_is_the_true_one(l, i, target, 10);
                listed += assert_list_is_the_true_one(l, i, target, 60);
            }
        }
        assert_true(listed > 100);
        learner_free(l);
    }
}

static struct rule rule_of(const struct learner *l, uint32_t i, char id[8]) {
    const struct items *items = learner_shared(l)->items;
    struct rule r = {.id = id,
                     .id_len = (uint16_t)snprintf(id, 8, "i%u", i),
                     .target = items_domain(items, i),
                     .segment = -1,
                     .from_ms = INT64_MIN,
                     .until_ms = INT64_MAX,
                     .factor = 1.0F};
    r.item[r.target] = items_hash(items, i);
    return r;
}

/* All but one in `left` items, at random; some only for a segment, which this is not about. */
static void block_some(struct learner *l, struct rng *rng, uint32_t left) {
    memset(blocked, 0, sizeof blocked);
    for (uint32_t i = 0; i < learner_shared(l)->n_items; i++) {
        char id[8];
        struct rule r = rule_of(l, i, id);
        blocked[i] = rng_below(rng, left) > 0;
        r.segment = blocked[i] ? -1 : (int)rng_below(rng, 3);
        if (blocked[i] || rng_below(rng, 2)) {
            assert_int_equal(learner_rule(l, &r), ST_OK);
        }
    }
    learner_rules_at(l, START);
}

static void n_come_back_when_n_that_are_not_blocked_go_with_an_item(void **state) {
    (void)state;
    for (uint64_t seed = 10; seed < 13; seed++) {
        print_message("seed %llu\n", (unsigned long long)seed);
        struct rng rng = {seed};
        struct learner *l = learned(seed, 3000);
        uint32_t full = 0;
        block_some(l, &rng, 2 + (uint32_t)(seed - 10) * 3);
        for (uint32_t i = 0; i < learner_shared(l)->n_items; i += 5) {
            for (uint8_t target = 0; target < DOMAINS; target++) {
                const uint32_t n = 1 + rng_below(&rng, 20);
                full += assert_list_is_the_true_one(l, i, target, n) == n;
                (void)assert_list_is_the_true_one(l, i, target, 100);
            }
        }
        assert_true(full > 20);
        learner_free(l);
    }
    memset(blocked, 0, sizeof blocked);
}

static void boosts_move_what_is_not_blocked(void **state) {
    (void)state;
    struct rng rng = {20};
    struct learner *l = learned(20, 3000);
    uint32_t seen = 0;
    block_some(l, &rng, 3);
    for (uint32_t i = 0; i < learner_shared(l)->n_items; i++) {
        struct item_similar before[ITEM_SIMILAR_MAX];
        struct item_similar after[ITEM_SIMILAR_MAX];
        char id[8];
        const uint32_t n = learner_similar(l, i, 0, 20, before);
        if (n < 12) {
            continue;
        }
        struct rule r = rule_of(l, before[n - 1].item, id); /* the last comes up */
        r.id = "up";
        r.id_len = 2;
        r.kind = RULE_BOOST;
        r.factor = 1e6F;
        assert_int_equal(learner_rule(l, &r), ST_OK);
        learner_rules_at(l, START);
        assert_int_equal(learner_similar(l, i, 0, 10, after), 10);
        assert_int_equal(after[0].item, before[n - 1].item);
        for (uint32_t k = 1; k < 10; k++) {
            assert_int_equal(after[k].item, before[k - 1].item);
        }
        assert_true(learner_rule_remove(l, r.id, r.id_len, 0));
        learner_rules_at(l, START);
        seen++;
    }
    assert_true(seen > 20);
    memset(blocked, 0, sizeof blocked);
    learner_free(l);
}

/* Items 1 and 2, and 3 of the other domain, are always taken together; everybody takes 0. */
static void what_is_taken_together_comes_before_what_everybody_takes(void **state) {
    (void)state;
    struct learner_params params = params_of(2);
    struct learner *l = learner_of(params, 1);
    uint64_t number = 0;
    struct made m;
    for (uint32_t u = 0; u < 120; u++) {
        const int64_t at = START + u * HOUR_MS;
        const uint32_t other = 10 + u % 4;
        make_one(&m, ++number, u, 0, ACTION_ENROLL, at, 0);
        (void)learn(l, &m);
        make_one(&m, ++number, u, 0, ACTION_ENROLL, at + 1000, u % 4 ? other : 1);
        (void)learn(l, &m);
        if (u % 4 == 0) {
            make_one(&m, ++number, u, 0, ACTION_ENROLL, at + 2000, 2);
            (void)learn(l, &m);
            make_one(&m, ++number, u, 1, ACTION_ORDER, at + 3000, 3);
            (void)learn(l, &m);
        } else {
            make_one(&m, ++number, u, 1, ACTION_ORDER, at + 3000, 4);
            (void)learn(l, &m);
        }
        assert_int_equal(learner_seal(l, 0), ST_OK);
        learner_committed(l, 0);
    }
    const struct shared *s = learner_shared(l);
    struct item_similar list[10];
    assert_true(item_similar_find(s, NULL, items_find(s->items, item_hash(0, 1)), 0, 10, list) >=
                2);
    assert_int_equal(list[0].item, items_find(s->items, item_hash(0, 2)));
    assert_true(item_similar_find(s, NULL, items_find(s->items, item_hash(0, 1)), 1, 10, list) >=
                1);
    assert_int_equal(list[0].item, items_find(s->items, item_hash(1, 3)));
    assert_true(item_similar_find(s, NULL, items_find(s->items, item_hash(1, 3)), 0, 1, list) == 1);
    assert_true(list[0].item == items_find(s->items, item_hash(0, 1)) ||
                list[0].item == items_find(s->items, item_hash(0, 2)));
    learner_free(l);
}

static void nothing_goes_with_what_there_is_not(void **state) {
    (void)state;
    struct learner *l = learned(9, 500);
    const struct shared *s = learner_shared(l);
    struct item_similar list[10];
    assert_int_equal(item_similar_find(s, NULL, s->n_items, 0, 10, list), 0);
    assert_int_equal(item_similar_find(s, NULL, UINT32_MAX, 0, 10, list), 0);
    assert_int_equal(item_similar_find(s, NULL, 0, DOMAINS, 10, list), 0);
    assert_int_equal(item_similar_find(s, NULL, 0, 0, 0, list), 0);
    learner_free(l);
    l = learner_of(params_of(1), 1);
    struct made m;
    make_one(&m, 1, 1, 0, ACTION_ENROLL, START, 1);
    (void)learn(l, &m); /* alone */
    assert_int_equal(item_similar_find(learner_shared(l), NULL, 0, 0, 10, list), 0);
    learner_free(l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_those_of_brute_force),
        cmocka_unit_test(n_come_back_when_n_that_are_not_blocked_go_with_an_item),
        cmocka_unit_test(boosts_move_what_is_not_blocked),
        cmocka_unit_test(what_is_taken_together_comes_before_what_everybody_takes),
        cmocka_unit_test(nothing_goes_with_what_there_is_not),
    };
    return cmocka_run_group_tests_name("item_similar", tests, NULL, NULL);
}
