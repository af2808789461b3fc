/* SPDX-License-Identifier: Apache-2.0
 * test_learner_item.c -- contract tests of models/learner.h: what the catalogue says of items.
 * The truth is a twin learner without a catalogue, and what the test itself noted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "failing_alloc.h"
#include "learner_run.h"

enum { DOMAINS = 3, USERS = 40, ITEMS = 300, EVENTS = 1200 };

static struct stream stream_of(uint64_t seed) {
    return (struct stream){.rng = {seed},
                           .now_ms = START,
                           .step_ms = HOUR_MS / 2,
                           .users = USERS,
                           .items = ITEMS,
                           .n_domains = DOMAINS,
                           .max_lines = 3};
}

static struct learner *new_learner(void) {
    struct learner_params p = params_of(DOMAINS);
    p.repeats[1] = true;
    return learner_of(p, 1);
}

static void feed(struct learner *l, struct stream *s, uint32_t n) {
    for (uint32_t k = 0; k < n; k++) {
        struct made m;
        next_event(s, &m);
        (void)learn(l, &m);
    }
}

static enum status set_row(struct learner *l, uint8_t domain, uint32_t item, uint64_t category,
                           bool available, struct content_change *change) {
    char id[16];
    const int len = snprintf(id, sizeof id, "%u", item);
    const struct content_row row = {.item = item_hash(domain, item),
                                    .id = id,
                                    .id_len = (uint16_t)len,
                                    .domain = domain,
                                    .available = available,
                                    .price = (float)item,
                                    .category = category};
    return learner_item(l, &row, change);
}

/* Without a category: that would say something of the item. */
static void say(struct learner *l, uint8_t domain, uint32_t item, bool available) {
    struct content_change change;
    assert_int_equal(set_row(l, domain, item, 0, available, &change), ST_OK);
    assert_int_equal(change.item, items_find(learner_shared(l)->items, item_hash(domain, item)));
}

static uint32_t number_of(const struct learner *l, uint32_t i) {
    size_t len = 0;
    return (uint32_t)strtoul(items_id(learner_shared(l)->items, i, &len), NULL, 10);
}

/* Lists of everybody, and the fallbacks. */
static uint32_t lists_of(struct learner *l, int64_t now_ms, struct list *out) {
    uint32_t n = 0;
    for (uint8_t d = 0; d < DOMAINS; d++) {
        learner_fallback(l, d, LIST_MAX, &out[n++]);
        for (uint32_t slot = 0; slot < users_n(learner_users(l, 0)); slot++) {
            assert_int_equal(learner_rank(l, 0, slot, d, now_ms, 30, &out[n++]), ST_OK);
        }
    }
    return n;
}

/* ---- withdrawn ------------------------------------------------------------------------------ */

struct gone {
    bool item[DOMAINS][ITEMS];
};

static void assert_none_gone(const struct learner *l, const struct gone *g,
                             const struct list *list) {
    for (uint32_t k = 0; k < list->n; k++) {
        const uint32_t i = list->items[k].item;
        assert_false(g->item[items_domain(learner_shared(l)->items, i)][number_of(l, i)]);
    }
}

/* As many as there are, and no more: items that are known, not withdrawn, not consumed. */
static void assert_full(const struct learner *l, const struct gone *g, uint32_t slot, uint8_t d,
                        const struct list *list) {
    const struct items *items = learner_shared(l)->items;
    const struct user *u = users_get(learner_users(l, 0), slot);
    uint32_t allowed = 0;
    for (uint32_t k = 0; k < items_n_of(items, d); k++) {
        const uint32_t i = items_of(items, d, k);
        allowed += !g->item[d][number_of(l, i)] && !user_consumed(u, d, i, items_hashes(items));
    }
    assert_int_equal(list->n, allowed < 30 ? allowed : 30);
}

static void a_withdrawn_item_leaves_every_list_at_once_and_comes_back_as_it_was(void **state) {
    (void)state;
    static struct list before[DOMAINS * (USERS + 1)];
    static struct list now[DOMAINS * (USERS + 1)];
    print_message("seeds 1..12\n");
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct rng rng = {seed};
        struct learner *l = new_learner();
        struct stream s = stream_of(seed);
        static struct gone g;
        memset(&g, 0, sizeof g);
        s.items = seed % 3 ? ITEMS : 60; /* few: filling up runs short */
        feed(l, &s, EVENTS);
        const uint32_t n = lists_of(l, s.now_ms, before);
        for (uint8_t d = 0; d < DOMAINS; d++) {
            for (uint32_t item = 0; item < s.items; item++) {
                const uint32_t i = items_find(learner_shared(l)->items, item_hash(d, item));
                g.item[d][item] =
                    i != ITEM_NONE && rng_below(&rng, 10) < seed; /* from few to all */
                if (g.item[d][item]) {
                    say(l, d, item, false);
                }
            }
        }
        assert_int_equal(lists_of(l, s.now_ms, now), n);
        for (uint32_t k = 0; k < n; k++) {
            assert_none_gone(l, &g, &now[k]);
            const uint32_t slot = k % (n / DOMAINS);
            const uint8_t d = (uint8_t)(k / (n / DOMAINS));
            if (slot > 0) {
                assert_full(l, &g, slot - 1, d, &now[k]);
            }
        }
        for (uint8_t d = 0; d < DOMAINS; d++) {
            for (uint32_t item = 0; item < s.items; item++) {
                if (g.item[d][item]) {
                    say(l, d, item, true);
                }
            }
        }
        (void)lists_of(l, s.now_ms, now);
        for (uint32_t k = 0; k < n; k++) {
            assert_same_list(l, &before[k], l, &now[k]);
        }
        learner_free(l);
    }
}

static void the_fallback_without_the_withdrawn_is_the_fallback_of_the_others(void **state) {
    (void)state;
    struct learner *l = new_learner();
    struct stream s = stream_of(50);
    struct list all;
    struct list rest;
    feed(l, &s, EVENTS);
    learner_fallback(l, 0, LIST_MAX, &all);
    assert_int_equal(all.n, LIST_MAX);
    for (uint32_t k = 0; k < LIST_MAX; k += 3) {
        say(l, 0, number_of(l, all.items[k].item), false);
    }
    learner_fallback(l, 0, 50, &rest);
    assert_int_equal(rest.n, 50);
    for (uint32_t k = 0, at = 0; k < 50; k++, at++) {
        at += at % 3 == 0;
        assert_int_equal(rest.items[k].item, all.items[at].item);
        assert_true(rest.items[k].score == all.items[at].score);
    }
    learner_free(l);
}

/* ---- learning ------------------------------------------------------------------------------- */

/* Rows of available items, of which everybody knew, and that tell no category, are no part of what
 * is learned. */
static void rows_that_tell_no_category_of_available_items_change_no_bit(void **state) {
    (void)state;
    struct learner *a = new_learner();
    struct learner *b = new_learner();
    struct stream s = stream_of(3);
    struct stream t = stream_of(3);
    struct rng rng = {9};
    for (uint32_t k = 0; k < EVENTS; k++) {
        struct made m;
        next_event(&s, &m);
        (void)learn(a, &m);
        next_event(&t, &m);
        (void)learn(b, &m);
        const uint32_t i = rng_below(&rng, items_n(learner_shared(a)->items));
        say(a, items_domain(learner_shared(a)->items, i), number_of(a, i), true);
        if (rng_below(&rng, 20) == 0) { /* here and gone between two events */
            say(a, items_domain(learner_shared(a)->items, i), number_of(a, i), false);
            say(a, items_domain(learner_shared(a)->items, i), number_of(a, i), true);
        }
    }
    assert_same_users(a, b, 1, user_digest);
    assert_same_counts(a, b);
    assert_near_factors(a, b, 0, 0.0F);
    assert_memory_equal(learner_ranker(a, 0), learner_ranker(b, 0), sizeof(struct ranker));
    assert_same_lists(a, b, 1, s.now_ms);
    const struct prequential_counts x = prequential_total(learner_prequential(a), DOMAINS_MAX);
    const struct prequential_counts y = prequential_total(learner_prequential(b), DOMAINS_MAX);
    assert_memory_equal(&x, &y, sizeof x);
    learner_free(a);
    learner_free(b);
}

/* Counts, pairs and factors know nothing of the catalogue; obs and exp of the item rest. */
static void events_of_a_withdrawn_item_are_learned(void **state) {
    (void)state;
    struct learner *a = new_learner();
    struct learner *b = new_learner();
    struct stream s = stream_of(4);
    struct stream t = stream_of(4);
    feed(a, &s, EVENTS / 2);
    feed(b, &t, EVENTS / 2);
    float obs[ITEMS];
    float exp[ITEMS];
    for (uint32_t item = 0; item < ITEMS; item += 2) {
        const uint32_t i = items_find(learner_shared(a)->items, item_hash(0, item));
        if (i != ITEM_NONE) {
            say(a, 0, item, false);
            obs[item] = popularity_hot(learner_shared(a)->popularity)[i].obs;
            exp[item] = popularity_hot(learner_shared(a)->popularity)[i].exp;
        }
    }
    feed(a, &s, EVENTS / 2);
    feed(b, &t, EVENTS / 2);
    assert_same_users(a, b, 1, user_digest);
    assert_same_counts(a, b);
    assert_near_factors(a, b, 0, 1e9F);
    uint32_t seen = 0;
    for (uint32_t item = 0; item < ITEMS; item += 2) {
        const uint32_t i = items_find(learner_shared(a)->items, item_hash(0, item));
        if (i != ITEM_NONE && !content_available(learner_content(a), i)) {
            const struct pop_hot *x = &popularity_hot(learner_shared(a)->popularity)[i];
            const struct pop_hot *y = &popularity_hot(learner_shared(b)->popularity)[i];
            assert_true(x->obs == obs[item] && x->exp == exp[item]);
            seen += y->obs > obs[item];
        }
    }
    assert_true(seen > 10);
    learner_free(a);
    learner_free(b);
}

/* Thirteen items, the smaller number the more popular; somebody who saw none looks at it: is it
 * among the ten most popular that could be shown? */
static bool baseline_hits(struct learner *l, uint64_t number, uint32_t item, bool *tested) {
    struct made m;
    const struct prequential_counts none = prequential_total(learner_prequential(l), 0);
    make_one(&m, number, 6000 + (uint32_t)number, 0, ACTION_VIEW, START, 100 + (uint32_t)number);
    (void)learn(l, &m);
    const struct prequential_counts before = prequential_total(learner_prequential(l), 0);
    assert_int_equal(before.n, none.n); /* without a history nothing is tested */
    make_one(&m, number + 1, 6000 + (uint32_t)number, 0, ACTION_VIEW, START + 1, item);
    (void)learn(l, &m);
    const struct prequential_counts after = prequential_total(learner_prequential(l), 0);
    *tested = after.n > before.n;
    return after.baseline > before.baseline;
}

static void the_baseline_leaves_withdrawn_items_out(void **state) {
    (void)state;
    enum { N = 13 };
    struct learner *l = learner_of(params_of(1), 1);
    struct made m;
    bool gone[N] = {false};
    uint64_t number = 0;
    for (uint32_t item = 0; item < N; item++) {
        for (uint32_t k = 0; k < 40 - item; k++) {
            number++;
            make_one(&m, number, 1000 + (uint32_t)number, 0, ACTION_PURCHASE, START, item);
            (void)learn(l, &m);
        }
    }
    static const uint32_t withdrawn[] = {2, 0, 11, 7};
    for (size_t round = 0; round <= 4; round++) {
        uint32_t before = 0;
        for (uint32_t item = 0; item < N; item++, number += 2) {
            bool tested = false;
            const bool hit = baseline_hits(l, number + 1, item, &tested);
            assert_int_equal(tested, !gone[item]);
            assert_int_equal(hit, !gone[item] && before < 10);
            before += !gone[item];
        }
        if (round < 4) {
            gone[withdrawn[round]] = true;
            say(l, 0, withdrawn[round], false);
        }
    }
    learner_free(l);
}

/* ---- rows ----------------------------------------------------------------------------------- */

static void an_item_of_the_catalogue_is_known_before_its_first_event(void **state) {
    (void)state;
    struct learner *l = new_learner();
    struct content_change change;
    struct list list;
    assert_int_equal(set_row(l, 2, 7, 3, true, &change), ST_OK);
    assert_true(change.is_new && !change.withdrawn && !change.returned && !change.older);
    assert_int_equal(change.item, 0);
    assert_int_equal(items_n(learner_shared(l)->items), 1);
    assert_true(content_price(learner_content(l), 0) == 7.0F);
    assert_int_equal(content_category(learner_content(l), 0), 0);
    learner_fallback(l, 2, 10, &list);
    assert_int_equal(list.n, 1);
    struct made m;
    make_one(&m, 1, 1, 2, ACTION_ORDER, START, 8);
    const struct learner_effect effect = learn(l, &m);
    assert_int_equal(learner_rank(l, 0, effect.user, 2, START, 10, &list), ST_OK);
    assert_int_equal(list.n, 1);
    assert_int_equal(list.items[0].item, 0);
    assert_int_equal(set_row(l, 2, 8, 4, false, &change), ST_OK); /* known by its event */
    assert_true(!change.is_new && change.withdrawn);
    assert_int_equal(set_row(l, 2, 8, 4, true, &change), ST_OK);
    assert_true(!change.is_new && change.returned);
    learner_free(l);
}

static void a_refused_row_changes_nothing(void **state) {
    (void)state;
    struct learner *l = new_learner();
    struct stream s = stream_of(6);
    feed(l, &s, 100);
    const struct content_row good = {
        .item = item_hash(0, 99999), .id = "99999", .id_len = 5, .price = NAN};
    struct content_row bad[4] = {good, good, good, good};
    bad[0].domain = DOMAINS;
    bad[1].id_len = 0;
    bad[2].id_len = ID_LEN_MAX + 1;
    bad[3].item = items_hash(learner_shared(l)->items, items_of(learner_shared(l)->items, 1, 0));
    const uint32_t items = items_n(learner_shared(l)->items);
    for (size_t k = 0; k < 4; k++) {
        struct content_change change = {.item = 4711};
        assert_int_equal(learner_item(l, &bad[k], &change), ST_INVALID);
        assert_int_equal(change.item, 4711);
        assert_int_equal(items_n(learner_shared(l)->items), items);
        assert_int_equal(content_n(learner_content(l)), 0);
    }
    learner_free(l);
}

static void undo_leaves_the_catalogue(void **state) {
    (void)state;
    struct learner *l = new_learner();
    struct stream s = stream_of(7);
    feed(l, &s, 100);
    say(l, 0, 3, false);
    learner_undo(l, 0);
    assert_int_equal(content_n_withdrawn(learner_content(l)), 1);
    learner_task_close(l, 0);
    assert_int_equal(content_n_withdrawn(learner_content(l)), 1);
    learner_free(l);
}

static void a_row_that_found_no_memory_is_not_taken(void **state) {
    (void)state;
    if (!CAN_FAIL) {
        skip();
    }
    struct learner *l = new_learner();
    struct list list;
    uint32_t failures = 0;
    for (uint32_t item = 0; item < 300; item++) {
        struct content_change change = {.item = 4711};
        enum status st = ST_NOMEM;
        for (int n = 0; st && n < 60; n++) {
            fail_after(n);
            st = set_row(l, 0, item, 1 + item % 5, false, &change);
            fail_after(-1);
            if (st) {
                failures++;
                assert_int_equal(st, ST_NOMEM);
                assert_int_equal(change.item, 4711);
                assert_int_equal(content_n_withdrawn(learner_content(l)), item);
            }
        }
        assert_int_equal(st, ST_OK);
        assert_int_equal(content_n_withdrawn(learner_content(l)), item + 1);
    }
    assert_true(failures > 10);
    learner_fallback(l, 0, LIST_MAX, &list);
    assert_int_equal(list.n, 0);
    learner_free(l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_withdrawn_item_leaves_every_list_at_once_and_comes_back_as_it_was),
        cmocka_unit_test(the_fallback_without_the_withdrawn_is_the_fallback_of_the_others),
        cmocka_unit_test(rows_that_tell_no_category_of_available_items_change_no_bit),
        cmocka_unit_test(events_of_a_withdrawn_item_are_learned),
        cmocka_unit_test(the_baseline_leaves_withdrawn_items_out),
        cmocka_unit_test(an_item_of_the_catalogue_is_known_before_its_first_event),
        cmocka_unit_test(a_refused_row_changes_nothing),
        cmocka_unit_test(undo_leaves_the_catalogue),
        cmocka_unit_test(a_row_that_found_no_memory_is_not_taken),
    };
    return cmocka_run_group_tests_name("learner items", tests, NULL, NULL);
}
