/* SPDX-License-Identifier: Apache-2.0
 * test_rules.c -- contract tests of models/rules.h. The truth is a list of rules that is looked
 * through for every item: the definition at the head of rules.h, word for word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "failing_alloc.h"
#include "mix.h"
#include "rules.h"

enum { DOMAINS = 3, ITEMS = 60, CATEGORIES = 8, IDS = 40, SOURCES = 2, SEGMENTS = 4 };

/* What the test knows, by numbers; the hash of nothing is 0. */
struct truth {
    bool has[IDS][SOURCES];
    struct rule rule[IDS][SOURCES];
    char id[IDS][8];
    uint32_t n_items; /* of all domains */
    uint8_t domain[ITEMS];
    uint32_t category[ITEMS]; /* 0: none */
};

static uint64_t item_hash(uint8_t domain, uint32_t item) {
    return mix64(1000U * domain + item + 1);
}

static uint64_t category_hash(uint8_t domain, uint32_t category) {
    return category ? mix64(0x5000000U + 1000U * domain + category) : 0;
}

struct bench {
    struct truth t;
    struct items *items;
    struct content *content;
    struct rules *rules;
    struct rng rng;
};

static void begin(struct bench *b, uint64_t seed) {
    memset(b, 0, sizeof *b);
    b->rng = (struct rng){seed};
    assert_int_equal(items_new(DOMAINS, &b->items), ST_OK);
    assert_int_equal(content_new(&b->content), ST_OK);
    assert_int_equal(rules_new(DOMAINS, &b->rules), ST_OK);
    for (int k = 0; k < IDS; k++) { /* a, aa, ab, ...: prefixes of one another */
        snprintf(b->t.id[k], sizeof b->t.id[k], "%.*s%c", k % 3, "aa", 'a' + k / 3);
    }
}

static void end(struct bench *b) {
    rules_free(b->rules);
    content_free(b->content);
    items_free(b->items);
}

static void say_row(struct bench *b, uint32_t i, uint32_t category) {
    const uint8_t d = b->t.domain[i];
    char name[8];
    const struct content_row row = {
        .available = true,
        .domain = d,
        .price = 1.0F,
        .category = category_hash(d, category),
        .category_name = name,
        .category_name_len = (uint16_t)snprintf(name, sizeof name, "c%u", (unsigned)category)};
    struct content_change change;
    assert_int_equal(content_set(b->content, i, &row, &change), ST_OK);
    b->t.category[i] = category;
    rules_item_changed(b->rules, b->items, b->content, i);
}

static void new_item(struct bench *b) {
    const uint32_t item = b->t.n_items;
    if (item == ITEMS) {
        return;
    }
    const uint8_t d = (uint8_t)rng_below(&b->rng, DOMAINS);
    uint32_t i = ITEM_NONE;
    char id[8];
    const int len = snprintf(id, sizeof id, "%u", (unsigned)item);
    if (rng_below(&b->rng, 4) == 0) {
        assert_int_equal(items_intern_nameless(b->items, item_hash(d, item), d, &i), ST_OK);
    } else {
        assert_int_equal(items_intern(b->items, item_hash(d, item), d, id, (size_t)len, &i), ST_OK);
    }
    assert_int_equal(i, item);
    b->t.domain[i] = d;
    b->t.n_items++;
    if (rng_below(&b->rng, 3)) {
        say_row(b, i, rng_below(&b->rng, CATEGORIES));
    }
}

/* A rule of what is there, what is not there yet, and what never is. */
static struct rule random_rule(struct bench *b) {
    struct rng *rng = &b->rng;
    struct rule r = {.kind = (enum rule_kind)rng_below(rng, RULE_KINDS),
                     .target = rng_below(rng, 3) ? (uint8_t)rng_below(rng, DOMAINS)
                                                 : (uint8_t)RULES_EVERY_DOMAIN,
                     .segment = rng_below(rng, 2) ? -1 : (int)rng_below(rng, SEGMENTS),
                     .from_ms = rng_below(rng, 2) ? INT64_MIN : (int64_t)rng_below(rng, 100),
                     .until_ms = rng_below(rng, 2) ? INT64_MAX : 100 + (int64_t)rng_below(rng, 100),
                     .factor = rng_below(rng, 5) ? .1F + 9.0F * (float)rng_unit(rng) : 1e6F,
                     .place = 1 + rng_below(rng, 10)};
    const bool item = rng_below(rng, 3) > 0;
    const bool category = (r.kind == RULE_PIN && !item) || rng_below(rng, 3) == 0;
    const uint32_t which = rng_below(rng, ITEMS + 5);
    const uint32_t of = 1 + rng_below(rng, CATEGORIES);
    for (uint8_t d = 0; d < DOMAINS; d++) {
        if (r.target == RULES_EVERY_DOMAIN || r.target == d) {
            r.item[d] = item ? item_hash(d, which) : 0;
            r.category[d] = category ? category_hash(d, of) : 0;
        }
    }
    return r;
}

static void change_rule(struct bench *b) {
    const uint32_t k = rng_below(&b->rng, IDS);
    const uint32_t source = rng_below(&b->rng, SOURCES);
    const size_t len = strlen(b->t.id[k]);
    if (rng_below(&b->rng, 3) == 0) {
        assert_int_equal(rules_remove(b->rules, b->t.id[k], len, source), b->t.has[k][source]);
        b->t.has[k][source] = false;
        return;
    }
    char scratch[8]; /* the id is copied */
    struct rule rule = random_rule(b);
    memcpy(scratch, b->t.id[k], sizeof scratch);
    rule.id = scratch;
    rule.id_len = (uint16_t)len;
    rule.source = source;
    assert_int_equal(rules_set(b->rules, &rule), ST_OK);
    memset(scratch, '?', sizeof scratch);
    rule.id = b->t.id[k];
    b->t.rule[k][source] = rule;
    b->t.has[k][source] = true;
}

/* ---- the truth ----------------------------------------------------------------------------------
 */

static bool in_force(const struct rule *r, uint8_t d, int segment, int64_t now_ms) {
    return (r->target == RULES_EVERY_DOMAIN || r->target == d) &&
           (r->segment == -1 || r->segment == segment) && r->from_ms <= now_ms &&
           now_ms < r->until_ms;
}

static bool is_about(const struct truth *t, const struct rule *r, uint32_t i) {
    const uint8_t d = t->domain[i];
    return (!r->item[d] || r->item[d] == item_hash(d, i)) &&
           (!r->category[d] ||
            (t->category[i] && r->category[d] == category_hash(d, t->category[i])));
}

/* 0, -INFINITY, or the clipped sum. */
static double effect_of(const struct truth *t, uint32_t i, int segment, int64_t now_ms) {
    double sum = 0.0;
    bool blocked = false;
    for (int k = 0; k < IDS; k++) {
        for (int s = 0; s < SOURCES; s++) {
            const struct rule *r = &t->rule[k][s];
            if (!t->has[k][s] || !in_force(r, t->domain[i], segment, now_ms) ||
                !is_about(t, r, i)) {
                continue;
            }
            blocked = blocked || r->kind == RULE_BLOCK;
            sum += r->kind == RULE_BOOST ? log((double)r->factor) : 0.0;
        }
    }
    sum = sum > 20.0 ? 20.0 : sum < -20.0 ? -20.0 : sum;
    return blocked ? -(double)INFINITY : sum;
}

static void assert_effects(struct bench *b, int64_t now_ms) {
    for (uint8_t d = 0; d < DOMAINS; d++) {
        for (int segment = -1; segment < SEGMENTS; segment++) {
            struct rules_lens lens;
            const bool acts = rules_lens(b->rules, d, segment, &lens);
            for (uint32_t i = 0; i < b->t.n_items; i++) {
                if (b->t.domain[i] != d) {
                    continue;
                }
                const double want = effect_of(&b->t, i, segment, now_ms);
                const double got = acts ? (double)rules_effect(&lens, i) : 0.0;
                assert_true(isinf(want) ? isinf(got) && got < 0.0 : fabs(want - got) < 1e-4);
                assert_int_equal(acts && rules_blocks(&lens, i), isinf(want) != 0);
                assert_true(isinf(want) || want == 0.0 || lens.boosts);
            }
        }
    }
}

/* By place, then by id, then by source. */
static void assert_pins(const struct bench *b, int64_t now_ms) {
    for (uint8_t d = 0; d < DOMAINS; d++) {
        uint32_t k = 0;
        const struct rule *last = NULL;
        const struct rule *r;
        while ((r = rules_pin(b->rules, d, k))) {
            assert_int_equal(r->kind, RULE_PIN);
            assert_true(r->from_ms <= now_ms && now_ms < r->until_ms);
            if (last) {
                char x[16];
                char y[16];
                snprintf(x, sizeof x, "%.*s", last->id_len, last->id);
                snprintf(y, sizeof y, "%.*s", r->id_len, r->id);
                const int by_id = strcmp(x, y);
                assert_true(last->place < r->place ||
                            (last->place == r->place &&
                             (by_id < 0 || (by_id == 0 && last->source < r->source))));
            }
            last = r;
            k++;
        }
        uint32_t want = 0;
        for (int id = 0; id < IDS * SOURCES; id++) {
            const struct rule *one = &b->t.rule[id / SOURCES][id % SOURCES];
            want += b->t.has[id / SOURCES][id % SOURCES] && one->kind == RULE_PIN &&
                    in_force(one, d, one->segment, now_ms);
        }
        assert_int_equal(k, want);
    }
}

/* ---- tests
 * ---------------------------------------------------------------------------------------- */

static void every_item_has_the_effects_that_looking_through_all_rules_finds(void **state) {
    (void)state;
    static struct bench b;
    print_message("seeds 1..60\n");
    for (uint64_t seed = 1; seed <= 60; seed++) {
        begin(&b, seed);
        int64_t now_ms = 0;
        for (int step = 0; step < 120; step++) {
            switch (rng_below(&b.rng, 5)) {
            case 0: new_item(&b); break;
            case 1:
                if (b.t.n_items > 0) {
                    say_row(&b, rng_below(&b.rng, b.t.n_items), rng_below(&b.rng, CATEGORIES));
                }
                break;
            case 2: now_ms = (int64_t)rng_below(&b.rng, 220) - 5; break;
            default: change_rule(&b); break;
            }
            if (step < 4 || rng_below(&b.rng, 3) == 0) {
                assert_int_equal(rules_see(b.rules, b.items, b.content, now_ms), ST_OK);
                assert_int_equal(rules_now(b.rules), now_ms);
                assert_effects(&b, now_ms);
                assert_pins(&b, now_ms);
            }
        }
        end(&b);
    }
}

static void the_next_change_is_the_next_edge_of_a_window(void **state) {
    (void)state;
    static struct bench b;
    begin(&b, 7);
    assert_true(rules_next_ms(b.rules, 5) == INT64_MAX);
    for (int step = 0; step < 200; step++) {
        change_rule(&b);
        const int64_t now_ms = (int64_t)rng_below(&b.rng, 220) - 5;
        int64_t want = INT64_MAX;
        for (int k = 0; k < IDS * SOURCES; k++) {
            const struct rule *r = &b.t.rule[k / SOURCES][k % SOURCES];
            if (b.t.has[k / SOURCES][k % SOURCES]) {
                want = r->from_ms > now_ms && r->from_ms < want ? r->from_ms : want;
                want = r->until_ms > now_ms && r->until_ms < want ? r->until_ms : want;
            }
        }
        assert_true(rules_next_ms(b.rules, now_ms) == want);
    }
    end(&b);
}

static void a_window_holds_from_its_first_millisecond_and_not_at_its_last(void **state) {
    (void)state;
    static struct bench b;
    struct rules_lens lens;
    begin(&b, 1);
    const struct rule rule = {.id = "r",
                              .id_len = 1,
                              .kind = RULE_BLOCK,
                              .target = 0,
                              .segment = -1,
                              .from_ms = 10,
                              .until_ms = 20};
    assert_int_equal(rules_set(b.rules, &rule), ST_OK);
    for (int64_t now_ms = 0; now_ms < 30; now_ms++) {
        assert_int_equal(rules_see(b.rules, b.items, b.content, now_ms), ST_OK);
        assert_int_equal(rules_lens(b.rules, 0, -1, &lens), now_ms >= 10 && now_ms < 20);
        assert_int_equal(rule_in_force(&rule, 0, 3, now_ms), now_ms >= 10 && now_ms < 20);
    }
    end(&b);
}

static void rules_are_counted_by_kind(void **state) {
    (void)state;
    static struct bench b;
    begin(&b, 9);
    for (int step = 0; step < 300; step++) {
        uint32_t n[RULE_KINDS] = {0};
        change_rule(&b);
        for (int k = 0; k < IDS * SOURCES; k++) {
            n[b.t.rule[k / SOURCES][k % SOURCES].kind] += b.t.has[k / SOURCES][k % SOURCES];
        }
        for (int kind = 0; kind < RULE_KINDS; kind++) {
            assert_int_equal(rules_n(b.rules, (enum rule_kind)kind), n[kind]);
        }
    }
    end(&b);
}

static void what_is_no_rule_is_refused_and_changes_nothing(void **state) {
    (void)state;
    struct rules *rules = NULL;
    assert_int_equal(rules_new(0, &rules), ST_INVALID);
    assert_int_equal(rules_new(DOMAINS_MAX + 1, &rules), ST_INVALID);
    assert_int_equal(rules_new(DOMAINS, &rules), ST_OK);
    const struct rule good = {.id = "r",
                              .id_len = 1,
                              .kind = RULE_PIN,
                              .target = 1,
                              .segment = -1,
                              .item = {0, 5, 0},
                              .from_ms = INT64_MIN,
                              .until_ms = INT64_MAX,
                              .factor = 2.0F,
                              .place = 1};
    assert_int_equal(rules_set(rules, &good), ST_OK);
    struct rule bad[12];
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        bad[k] = good;
    }
    bad[0].id_len = 0;
    bad[1].id_len = ID_LEN_MAX + 1;
    bad[2].target = DOMAINS;
    bad[3].segment = -2;
    bad[4].segment = SEGMENTS_MAX;
    bad[5].from_ms = bad[5].until_ms = 7;
    bad[6].place = 0;
    bad[7].place = LIST_MAX + 1;
    bad[8].item[1] = 0; /* a pin of nothing */
    bad[9].kind = bad[10].kind = bad[11].kind = RULE_BOOST;
    bad[9].factor = 0.0F;
    bad[10].factor = NAN;
    bad[11].factor = 1.1e6F;
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        assert_int_equal(rules_set(rules, &bad[k]), ST_INVALID);
        assert_int_equal(rules_n(rules, RULE_PIN), 1);
        assert_memory_equal(&rules_at(rules, 0)->item, &good.item, sizeof good.item);
    }
    assert_null(rules_at(rules, 1));
    assert_false(rules_remove(rules, "q", 1, 0));
    assert_false(rules_remove(rules, "r", 1, 1)); /* of another source */
    assert_true(rules_remove(rules, "r", 1, 0));
    rules_free(rules);
    rules_free(NULL);
}

static void pins_take_the_first_slot_from_their_place_on(void **state) {
    (void)state;
    struct rules_placed pins[] = {{1, 1}, {2, 1}, {3, 2}, {4, 7}, {5, 9}, {6, 9}, {7, 9}};
    static const uint32_t slots[] = {0, 1, 2, 6, 8, 9};
    assert_int_equal(rules_place(pins, 7, 10),
                     6); /* the third of place 9 has none in a list of 10 */
    for (uint32_t k = 0; k < 6; k++) {
        assert_int_equal(pins[k].item, k + 1);
        assert_int_equal(pins[k].place, slots[k]);
    }
    assert_int_equal(rules_place(pins, 0, 10), 0);
}

static struct list list_of(uint32_t n) {
    struct list list = {.n = n};
    for (uint32_t k = 0; k < n; k++) {
        list.items[k] =
            (struct list_item){.item = 100 + k, .score = 10.0F - (float)k, .because = ITEM_NONE};
    }
    return list;
}

static void pins_are_put_in_and_what_is_last_goes(void **state) {
    (void)state;
    static const struct rules_placed pins[] = {{1, 0}, {2, 2}};
    static const uint32_t want[] = {1, 100, 2, 101, 102};
    struct list list = list_of(4);
    rules_insert(pins, 2, 5, &list);
    assert_int_equal(list.n, 5);
    for (uint32_t k = 0; k < 5; k++) {
        assert_int_equal(list.items[k].item, want[k]);
        assert_int_equal(list.items[k].reason == REASON_PINNED, want[k] < 100);
        assert_true(k == 0 || list.items[k].score <= list.items[k - 1].score);
    }
    assert_true(list.items[0].score == 10.0F);
}

static void a_list_that_is_shorter_than_a_slot_ends_with_the_pin(void **state) {
    (void)state;
    static const struct rules_placed pins[] = {{1, 4}, {2, 9}};
    struct list list = list_of(2);
    rules_insert(pins, 2, 10, &list);
    static const uint32_t want[] = {100, 101, 1, 2};
    assert_int_equal(list.n, 4);
    for (uint32_t k = 0; k < 4; k++) {
        assert_int_equal(list.items[k].item, want[k]);
    }
    struct list empty = {0};
    rules_insert(pins, 2, 10, &empty);
    assert_int_equal(empty.n, 2);
    assert_true(empty.items[0].score == 0.0F);
}

static void the_scale_is_the_standard_deviation_whatever_the_scores(void **state) {
    (void)state;
    struct rng rng = {3};
    for (int round = 0; round < 50; round++) {
        float scores[600];
        struct rules_spread spread = {0};
        const uint32_t n = 1 + rng_below(&rng, 600);
        const double by = pow(10.0, (double)rng_below(&rng, 6) - 3.0);
        double sum = 0.0;
        double squares = 0.0;
        for (uint32_t k = 0; k < n; k++) {
            scores[k] = (float)(by * (rng_unit(&rng) - .2) + 5.0);
            sum += (double)scores[k];
            rules_spread_add(&spread, scores[k]);
        }
        for (uint32_t k = 0; k < n; k++) {
            squares += pow((double)scores[k] - sum / n, 2.0);
        }
        const double want = fmax(sqrt(squares / n), .001);
        assert_true(fabs((double)rules_scale(scores, n) / want - 1.0) < 1e-5);
        assert_true(fabs((double)rules_spread_scale(&spread) / want - 1.0) < 1e-5);
    }
    assert_true(rules_scale(NULL, 0) == .001F);
}

static void without_memory_it_is_tried_again(void **state) {
    (void)state;
    static struct bench b;
    if (!CAN_FAIL) {
        skip();
    }
    for (int left = 0; left < 40; left++) {
        begin(&b, 5);
        for (int k = 0; k < 30; k++) {
            new_item(&b);
            change_rule(&b);
        }
        struct rule rule = random_rule(&b);
        rule.id = "zz";
        rule.id_len = 2;
        const uint32_t n = rules_n(b.rules, rule.kind);
        fail_after(left);
        const enum status set = rules_set(b.rules, &rule);
        const enum status seen = rules_see(b.rules, b.items, b.content, 50);
        fail_after(-1);
        assert_true(set == ST_OK || set == ST_NOMEM);
        assert_true(seen == ST_OK || seen == ST_NOMEM);
        assert_int_equal(rules_n(b.rules, rule.kind), n + (set == ST_OK));
        if (set == ST_OK) {
            assert_true(rules_remove(b.rules, "zz", 2, 0));
        }
        assert_int_equal(rules_see(b.rules, b.items, b.content, 50), ST_OK);
        assert_effects(&b, 50);
        assert_pins(&b, 50);
        end(&b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_item_has_the_effects_that_looking_through_all_rules_finds),
        cmocka_unit_test(the_next_change_is_the_next_edge_of_a_window),
        cmocka_unit_test(a_window_holds_from_its_first_millisecond_and_not_at_its_last),
        cmocka_unit_test(rules_are_counted_by_kind),
        cmocka_unit_test(what_is_no_rule_is_refused_and_changes_nothing),
        cmocka_unit_test(pins_take_the_first_slot_from_their_place_on),
        cmocka_unit_test(pins_are_put_in_and_what_is_last_goes),
        cmocka_unit_test(a_list_that_is_shorter_than_a_slot_ends_with_the_pin),
        cmocka_unit_test(the_scale_is_the_standard_deviation_whatever_the_scores),
        cmocka_unit_test(without_memory_it_is_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
