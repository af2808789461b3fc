/* SPDX-License-Identifier: Apache-2.0
 *
 * test_rules.c -- docs/rules.md on real Kafka and Redis: what stands on the compacted topic `rules`
 * is what lists and fallback follow: block, pin, boost, tombstones, categories, windows, a restart.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <hiredis/hiredis.h>

#include "avro_bytes.h"
#include "rule_bytes.h"
#include "stand.h"

enum {
    USERS = 9,
    DISHES = 12,
    PARTITIONS = 2,
    LIST_N = 20, /* longer than the domain has items: lists are whole */
    NONE = -1,
};

static struct avro_bytes bytes;

/* By the wall, which ranking is timed by. */
static int64_t wall_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- records ------------------------------------------------------------------------------------
 */

static void send_order(struct stand *s, int user, int dish) {
    char text[32];
    char key[16];
    snprintf(key, sizeof key, "u%d", user);
    bytes.n = 0;
    avro_wire(&bytes, shipped_id(READER_FOOD_ORDER));
    snprintf(text, sizeof text, "order-%d-%d", user, dish);
    avro_text(&bytes, text);
    avro_text(&bytes, key);
    avro_long(&bytes, wall_ms() - 86400000 + user);
    avro_branch(&bytes, 0);
    avro_branch(&bytes, 0);
    avro_block(&bytes, 1);
    snprintf(text, sizeof text, "dish-%d", dish);
    avro_text(&bytes, text);
    avro_double(&bytes, 1.0);
    avro_double(&bytes, 9.5);
    avro_double(&bytes, 0.0);
    avro_end(&bytes);
    stand_produce(s, "food-orders", key, bytes.bytes, bytes.n);
}

static void send_dish(struct stand *s, int dish, const char *category) {
    char text[32];
    snprintf(text, sizeof text, "dish-%d", dish);
    bytes.n = 0;
    avro_wire(&bytes, shipped_id(READER_ITEM));
    avro_text(&bytes, text);
    avro_branch(&bytes, 0); /* ts */
    avro_boolean(&bytes, true);
    avro_branch(&bytes, 1), avro_text(&bytes, category);
    avro_branch(&bytes, 0); /* price */
    avro_branch(&bytes, 0); /* name */
    avro_end(&bytes);       /* attributes */
    stand_produce(s, "dishes", text, bytes.bytes, bytes.n);
}

static void send_rule(struct stand *s, const struct rule_record *r) {
    rule_bytes(&bytes, r);
    stand_produce(s, "rules", r->id, bytes.bytes, bytes.n);
    stand_flush(s);
}

static void take_back(struct stand *s, const char *id) {
    stand_produce(s, "rules", id, NULL, 0);
    stand_flush(s);
}

/* ---- lists --------------------------------------------------------------------------------------
 */

struct shown {
    int n;
    int dish[LIST_N];
    bool pinned[LIST_N];
};

/* False if there is no such list. */
static bool look(struct stand *s, int user, struct shown *out) {
    const char *v = user == NONE ? stand_get(s, "crossrec:food:fallback")
                                 : stand_get(s, "crossrec:food:rec:u%d", user);
    out->n = 0;
    for (const char *p = v; p && (p = strstr(p, "{\"id\":\"dish-")); p++) {
        const char *end = strchr(p, '}');
        const char *pinned = strstr(p, "\"reason\":\"pinned\"");
        assert_true(out->n < LIST_N);
        out->dish[out->n] = (int)strtol(p + strlen("{\"id\":\"dish-"), NULL, 10);
        out->pinned[out->n++] = pinned && end && pinned < end;
    }
    return v != NULL;
}

/* Place of a dish in a list, from 1; 0: it is not on it. */
static int place_of(struct stand *s, int user, int dish) {
    struct shown list;
    (void)look(s, user, &list);
    for (int k = 0; k < list.n; k++) {
        if (list.dish[k] == dish) {
            return k + 1;
        }
    }
    return 0;
}

/* Everybody's list, and the fallback, has (or not) the dish, and so many. */
static bool everywhere(struct stand *s, int dish, bool on, int n) {
    bool all = true;
    for (int user = NONE; user < USERS && all; user++) {
        struct shown list;
        all = look(s, user, &list) && list.n == n && (place_of(s, user, dish) > 0) == on;
    }
    return all;
}

static bool stands_at(struct stand *s, int dish, int place) {
    bool all = true;
    for (int user = NONE; user < USERS && all; user++) {
        struct shown list;
        all = look(s, user, &list) && list.n >= place && list.dish[place - 1] == dish &&
              list.pinned[place - 1];
    }
    return all;
}

/* ---- tests
 * ---------------------------------------------------------------------------------------- */

/* Everybody ordered a dish a day ago; three of four are soups or cakes. */
static void begin(struct stand *s, const char *name) {
    char text[16];
    stand_begin(s, name, NULL);
    stand_set(s, "topic.food-orders.schema", "FoodOrder");
    stand_set(s, "topic.food-orders.domain", "food");
    stand_set(s, "topic.dishes.schema", "Item");
    stand_set(s, "topic.dishes.domain", "food");
    stand_set(s, "topic.rules.schema", "Rule");
    snprintf(text, sizeof text, "%d", LIST_N);
    stand_set(s, "publish.n", text);
    stand_load(s);
    stand_create_all(s, PARTITIONS);
    for (int dish = 0; dish < DISHES; dish++) {
        static const char *const categories[] = {"soup", "cake", "cake", "pie"};
        send_dish(s, dish, categories[dish % 4]);
    }
    for (int user = 0; user < USERS; user++) {
        send_order(s, user, user);
    }
    stand_flush(s);
}

static void lists_follow_the_rules_topic(void **state) {
    struct stand *s = *state;
    begin(s, "rules");
    send_rule(s, &(struct rule_record){.id = "early", .kind = RULE_BLOCK, .item = "dish-11"});
    stand_start(s);
    STAND_AWAIT(s, everywhere(s, 11, false, DISHES - 1)); /* it was there before the first list */

    send_rule(s, &(struct rule_record){.id = "b", .kind = RULE_BLOCK, .item = "dish-3"});
    STAND_AWAIT(s, everywhere(s, 3, false, DISHES - 2));
    send_rule(s, &(struct rule_record){.id = "p",
                                       .kind = RULE_PIN,
                                       .target = "food",
                                       .item = "dish-9",
                                       .position = &(int){2}});
    STAND_AWAIT(s, stands_at(s, 9, 2));
    send_rule(s, &(struct rule_record){.id = "c", .kind = RULE_BLOCK, .item = "dish-9"});
    STAND_AWAIT(s, everywhere(s, 9, false, DISHES - 3)); /* block beats pin */
    take_back(s, "c");
    STAND_AWAIT(s, stands_at(s, 9, 2));
    take_back(s, "b");
    STAND_AWAIT(s, everywhere(s, 3, true, DISHES - 1));
    STAND_EXPECT(s, stands_at(s, 9, 2));

    send_rule(s, &(struct rule_record){.id = "soups", .kind = RULE_BLOCK, .category = "soup"});
    STAND_AWAIT(s, everywhere(s, 4, false, DISHES - 4));
    STAND_EXPECT(s, everywhere(s, 0, false, DISHES - 4) && everywhere(s, 8, false, DISHES - 4));
    take_back(s, "soups");
    STAND_AWAIT(s, everywhere(s, 4, true, DISHES - 1));

    send_rule(s, &(struct rule_record){.id = "p", .kind = RULE_PIN, .item = "dish-9"}); /* moves */
    STAND_AWAIT(s, stands_at(s, 9, 1));
    send_rule(s, &(struct rule_record){
                     .id = "up", .kind = RULE_BOOST, .item = "dish-10", .factor = &(double){1e6}});
    STAND_AWAIT(s, place_of(s, 0, 10) == 2 && place_of(s, 4, 10) == 2);
    STAND_EXPECT(s, stand_metric(s, "crossrec_rules", "kind=\"block\"") == 1.0 &&
                        stand_metric(s, "crossrec_rules", "kind=\"pin\"") == 1.0 &&
                        stand_metric(s, "crossrec_rules", "kind=\"boost\"") == 1.0);

    /* what is no rule takes back the one that stood under its key */
    send_rule(s, &(struct rule_record){.id = "early", .kind = RULE_PIN, .position = &(int){0}});
    STAND_AWAIT(s, everywhere(s, 11, true, DISHES));
    STAND_EXPECT(s, stand_metric(s, "crossrec_global_bad_rows_total", "reason=\"missing\"") == 1.0);

    stand_term(s);
    freeReplyObject(redisCommand(s->client, "FLUSHALL"));
    stand_start(s);
    STAND_AWAIT(s, everywhere(s, 11, true, DISHES));
    STAND_EXPECT(s, stands_at(s, 9, 1) && place_of(s, 0, 10) == 2);
    take_back(s, "p");
    take_back(s, "up");
    stand_term(s);
}

static void a_window_opens_and_closes_by_itself(void **state) {
    struct stand *s = *state;
    begin(s, "windows");
    stand_start(s);
    STAND_AWAIT(s, everywhere(s, 5, true, DISHES));
    const int64_t from_ms = wall_ms() + 3000;
    const int64_t until_ms = from_ms + 4000;
    send_rule(s, &(struct rule_record){.id = "w",
                                       .kind = RULE_BLOCK,
                                       .item = "dish-5",
                                       .from_ms = &from_ms,
                                       .until_ms = &until_ms});
    STAND_AWAIT(s, stand_metric(s, "crossrec_rules", NULL) == 1.0);
    while (wall_ms() < from_ms - 500) {
        STAND_EXPECT(s, everywhere(s, 5, true, DISHES));
        stand_nap_ms(100);
    }
    STAND_AWAIT(s, everywhere(s, 5, false, DISHES - 1));
    STAND_EXPECT(s, wall_ms() >= from_ms);
    STAND_AWAIT(s, everywhere(s, 5, true, DISHES));
    STAND_EXPECT(s, wall_ms() >= until_ms);
    stand_term(s);
}

int main(void) {
    const int missing = stand_missing();
    if (missing) {
        return missing;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_follow_the_rules_topic),
        cmocka_unit_test(a_window_opens_and_closes_by_itself),
    };
    return cmocka_run_group_tests(tests, stand_setup, stand_teardown);
}
