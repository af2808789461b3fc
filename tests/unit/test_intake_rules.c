/* SPDX-License-Identifier: Apache-2.0
 *
 * test_intake_rules.c -- the contract of intake_row() in intake.h for topics of kind rule: what a
 * rule says of which hashes, what is none, and what a tombstone or a bad record takes back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "hash.h"
#include "intake.h"
#include "rule_bytes.h"

enum { RULES, FOOD_RULES, TOPICS };

struct fixture {
    struct config cfg;
    struct intake *in;
};

static struct avro_bytes bytes;
static struct intake_row row;
static const char *detail;

static int setup(void **state) {
    static struct fixture f;
    static const char *const sets[] = {"topic.rules.schema=Rule", "topic.food-rules.schema=Rule",
                                       "topic.food-rules.domain=food"};
    char err[CONFIG_ERROR_MAX] = "";
    memset(&f, 0, sizeof f);
    if (config_load(&f.cfg, NULL, NULL, (const char *const *)sets, 3, err)) {
        fail_msg("%s", err);
    }
    assert_int_equal(f.cfg.n_globals, TOPICS);
    const struct intake_spec spec = {
        .cfg = &f.cfg, .topics = f.cfg.globals, .n_topics = f.cfg.n_globals};
    if (intake_new(&spec, &f.in, err)) {
        fail_msg("%s", err);
    }
    *state = &f;
    return 0;
}

static int teardown(void **state) {
    intake_free(((struct fixture *)*state)->in);
    return 0;
}

static enum intake_reason take(struct fixture *f, uint16_t topic, const char *key, bool value) {
    const struct record r = {.timestamp_ms = 1,
                             .key = key,
                             .key_len = key ? strlen(key) : 0,
                             .value = value ? bytes.bytes : NULL,
                             .value_len = value ? bytes.n : 0,
                             .topic = topic};
    memset(&row, 0x5a, sizeof row);
    detail = NULL;
    const enum intake_reason reason = intake_row(f->in, &r, &row, &detail);
    assert_non_null(detail);
    assert_int_equal(row.kind, KIND_RULE);
    return reason;
}

static enum intake_reason take_rule(struct fixture *f, uint16_t topic,
                                    const struct rule_record *r) {
    rule_bytes(&bytes, r);
    return take(f, topic, r->id, true);
}

static void assert_gone(const char *id, uint16_t source) {
    assert_true(row.rule.gone);
    assert_int_equal(row.rule.rule.id_len, strlen(id));
    assert_memory_equal(row.rule.rule.id, id, strlen(id));
    assert_int_equal(row.rule.rule.source, source);
}

static void a_rule_of_all_domains_names_its_item_and_category_in_each(void **state) {
    const struct rule_record r = {.id = "r1", .kind = RULE_BLOCK, .item = "a", .category = "soup"};
    assert_int_equal(take_rule(*state, RULES, &r), INTAKE_OK);
    const struct rule *rule = &row.rule.rule;
    assert_false(row.rule.gone);
    assert_int_equal(rule->target, RULES_EVERY_DOMAIN);
    assert_int_equal(rule->segment, -1);
    assert_int_equal(rule->kind, RULE_BLOCK);
    assert_true(rule->from_ms == INT64_MIN && rule->until_ms == INT64_MAX);
    assert_true(rule->item[0] == hash_item("course", "a", 1));
    assert_true(rule->item[1] == hash_item("food", "a", 1));
    assert_true(rule->category[0] == hash_category("course", "soup", 4));
    assert_true(rule->category[1] == hash_category("food", "soup", 4));
    assert_true(rule->item[2] == 0 && rule->category[2] == 0);
}

static void a_rule_of_one_domain_is_of_no_other(void **state) {
    const struct rule_record r = {.id = "r2",
                                  .kind = RULE_BOOST,
                                  .target = "food",
                                  .category = "soup",
                                  .segment = &(int){3},
                                  .from_ms = &(int64_t){1700000000000},
                                  .until_ms = &(int64_t){1700000000001},
                                  .factor = &(double){2.5}};
    assert_int_equal(take_rule(*state, RULES, &r), INTAKE_OK);
    const struct rule *rule = &row.rule.rule;
    assert_int_equal(rule->target, 1);
    assert_int_equal(rule->segment, 3);
    assert_true(rule->factor == 2.5F);
    assert_true(rule->from_ms == 1700000000000 && rule->until_ms == 1700000000001);
    assert_true(rule->category[0] == 0 && rule->item[1] == 0);
    assert_true(rule->category[1] == hash_category("food", "soup", 4));
}

/* A partner who writes to a topic of its own domain says nothing about another's lists. */
static void rules_of_a_topic_with_a_domain_are_of_that_one(void **state) {
    struct rule_record r = {.id = "r", .kind = RULE_BLOCK, .item = "a"};
    assert_int_equal(take_rule(*state, FOOD_RULES, &r), INTAKE_OK);
    assert_int_equal(row.rule.rule.target, 1);
    assert_int_equal(row.rule.rule.source, FOOD_RULES);
    assert_true(row.rule.rule.item[0] == 0);
    r.target = "food";
    assert_int_equal(take_rule(*state, FOOD_RULES, &r), INTAKE_OK);
    r.target = "course";
    assert_int_equal(take_rule(*state, FOOD_RULES, &r), INTAKE_DOMAIN);
}

static void a_pin_stands_at_the_top_unless_it_says_where(void **state) {
    struct rule_record r = {.id = "r", .kind = RULE_PIN, .item = "a"};
    assert_int_equal(take_rule(*state, RULES, &r), INTAKE_OK);
    assert_int_equal(row.rule.rule.place, 1);
    r.position = &(int){100};
    assert_int_equal(take_rule(*state, RULES, &r), INTAKE_OK);
    assert_int_equal(row.rule.rule.place, 100);
}

/* Each with its reason; what stood under the key before is gone: after a restart nothing would be
 * left of it. */
static void what_is_no_rule_is_refused_and_takes_back_the_one_before(void **state) {
    static char long_id[ID_LEN_MAX + 2];
    memset(long_id, 'x', sizeof long_id - 1);
    const struct rule_record good = {
        .id = "r", .kind = RULE_PIN, .item = "a", .position = &(int){1}};
    struct {
        struct rule_record r;
        enum intake_reason reason;
    } rows[16];
    for (size_t k = 0; k < 16; k++) {
        rows[k].r = good;
    }
    size_t n = 0;
    rows[n].r.target = "foot", rows[n++].reason = INTAKE_DOMAIN;
    rows[n].r.kind = (enum rule_kind)7, rows[n++].reason = INTAKE_DECODE;
    rows[n].r.item = "", rows[n++].reason = INTAKE_ITEM;
    rows[n].r.item = long_id, rows[n++].reason = INTAKE_ITEM;
    rows[n].r.item = NULL, rows[n++].reason = INTAKE_MISSING;
    rows[n].r.category = "", rows[n++].reason = INTAKE_MISSING;
    rows[n].r.segment = &(int){-1}, rows[n++].reason = INTAKE_NUMBER;
    rows[n].r.segment = &(int){SEGMENTS_MAX}, rows[n++].reason = INTAKE_NUMBER;
    rows[n].r.position = &(int){0}, rows[n++].reason = INTAKE_NUMBER;
    rows[n].r.position = &(int){101}, rows[n++].reason = INTAKE_NUMBER;
    rows[n].r.from_ms = &(int64_t){9};
    rows[n].r.until_ms = &(int64_t){9}, rows[n++].reason = INTAKE_TIME;
    rows[n].r.kind = RULE_BOOST, rows[n++].reason = INTAKE_MISSING;
    for (size_t k = 0; k < 4; k++) {
        static const double factors[] = {0.0, -1.0, 1.1e6, HUGE_VAL};
        rows[n].r.kind = RULE_BOOST;
        rows[n].r.factor = &factors[k], rows[n++].reason = INTAKE_NUMBER;
    }
    assert_int_equal(n, 16);
    for (size_t k = 0; k < n; k++) {
        assert_int_equal(take_rule(*state, RULES, &rows[k].r), rows[k].reason);
        assert_gone("r", RULES);
    }
    rule_bytes(&bytes, &good);
    assert_int_equal(take(*state, RULES, NULL, true), INTAKE_OK); /* the key is not needed */
    bytes.n--;
    assert_int_equal(take(*state, RULES, NULL, true), INTAKE_DECODE);
    assert_false(row.rule.gone); /* of which rule it was is not known */
    assert_int_equal(take(*state, RULES, "r", true), INTAKE_DECODE);
    assert_gone("r", RULES);
}

static void what_a_kind_does_not_need_is_not_looked_at(void **state) {
    const struct rule_record r = {
        .id = "r", .kind = RULE_BLOCK, .factor = &(double){-5.0}, .position = &(int){-5}};
    assert_int_equal(take_rule(*state, RULES, &r), INTAKE_OK);
}

static void a_tombstone_takes_a_rule_back(void **state) {
    static char long_id[ID_LEN_MAX + 2];
    memset(long_id, 'x', sizeof long_id - 1);
    assert_int_equal(take(*state, FOOD_RULES, "r1", false), INTAKE_OK);
    assert_gone("r1", FOOD_RULES);
    assert_int_equal(take(*state, RULES, "", false), INTAKE_EMPTY);
    assert_int_equal(take(*state, RULES, NULL, false), INTAKE_EMPTY);
    assert_int_equal(take(*state, RULES, long_id, false), INTAKE_MISSING);
    assert_false(row.rule.gone);
}

/* What the intake lets through the table takes. */
static void every_rule_of_the_intake_is_one_of_the_table(void **state) {
    struct rules *rules = NULL;
    static const double factors[] = {1e-6, .1, 1.0, 1e6};
    assert_int_equal(rules_new(2, &rules), ST_OK);
    for (int k = 0; k < 48; k++) {
        const struct rule_record r = {.id = "r",
                                      .kind = (enum rule_kind)(k % 3),
                                      .target = k % 2 ? "food" : NULL,
                                      .item = k % 5 ? "a" : NULL,
                                      .category = k % 5 && k % 7 ? NULL : "c",
                                      .segment = k % 4 ? NULL : &(int){15},
                                      .factor = &factors[k % 4],
                                      .position = &(int){100}};
        assert_int_equal(take_rule(*state, RULES, &r), INTAKE_OK);
        assert_int_equal(rules_set(rules, &row.rule.rule), ST_OK);
    }
    rules_free(rules);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_of_all_domains_names_its_item_and_category_in_each),
        cmocka_unit_test(a_rule_of_one_domain_is_of_no_other),
        cmocka_unit_test(rules_of_a_topic_with_a_domain_are_of_that_one),
        cmocka_unit_test(a_pin_stands_at_the_top_unless_it_says_where),
        cmocka_unit_test(what_is_no_rule_is_refused_and_takes_back_the_one_before),
        cmocka_unit_test(what_a_kind_does_not_need_is_not_looked_at),
        cmocka_unit_test(a_tombstone_takes_a_rule_back),
        cmocka_unit_test(every_rule_of_the_intake_is_one_of_the_table),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
