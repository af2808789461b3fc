/* SPDX-License-Identifier: Apache-2.0
 *
 * test_instance_cards.c -- the keys beside lists, in a fake Redis: that they are there, what they
 * say beside what the learner knows or the test did, when they are written, and when they go.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "card_world.h"
#include "hash.h"
#include "instance_state.h"
#include "item_similar.h"
#include "metrics.h"

enum { TASKS = 2, USERS = 30, EACH = 12 };

static const char *const DOMAINS_OF[] = {"course", "food"};

__attribute__((format(printf, 2, 3))) static struct fake_key key_of(struct running *r,
                                                                    const char *format, ...) {
    char key[FAKE_KEY_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(key, sizeof key, format, args);
    va_end(args);
    return fake_get(&r->store, key);
}

static json_t *json_of(const struct fake_key *k) {
    json_t *v = k->writes ? json_loads(k->value, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (k->writes && !v) {
        fail_msg("no JSON: %s", k->value);
    }
    return v;
}

static size_t n_items_of(const struct fake_key *k) {
    json_t *v = json_of(k);
    const size_t n = json_array_size(json_object_get(v, "items"));
    json_decref(v);
    return n;
}

static const char *text_at(const json_t *v, const char *name) {
    const char *text = json_string_value(json_object_get(v, name));
    return text ? text : "";
}

static int teardown(void **state) {
    running_free(*state);
    *state = NULL;
    return 0;
}

static struct running *start(void **state, struct running *r, int32_t n_tasks) {
    *state = r;
    running_start(r);
    assert_true(fake_assign(&r->kafka, n_tasks, n_tasks));
    AWAIT(running_published(r, n_tasks));
    return r;
}

/* ---- a world that stands still ------------------------------------------------------------- */

static void fill_still(struct running *r) {
    card_world_item(FOOD, 4, false);
    card_world_fill(r, TASKS, USERS, EACH);
    for (int user = 0; user < 3; user++) { /* segments of other sizes */
        (void)running_event(r, FOOD, 0, 50 + user, user);
    }
}

static int setup_still(void **state) {
    struct running *r = card_world_new(TASKS, NULL);
    fill_still(r);
    (void)start(state, r, TASKS);
    card_world_settle(r, TASKS);
    assert_int_equal(running_stop(r), ST_OK);
    return 0;
}

static uint32_t members_of(const struct running *r, int segment) {
    uint32_t n = 0;
    for (uint32_t p = 0; p < TASKS; p++) {
        const struct users *users = learner_users(r->instance->learner, p);
        for (uint32_t slot = 0; slot < users_n(users); slot++) {
            n += user_segment(users_get(users, slot)) == segment;
        }
    }
    return n;
}

static void info_names_the_segments_that_have_a_key_and_no_other(void **state) {
    struct running *r = *state;
    const uint32_t k = segments_k(learner_shared(r->instance->learner)->segments);
    assert_int_equal(k, 2);
    for (int d = 0; d < 2; d++) {
        const struct fake_key info = key_of(r, "crossrec:%s:info", DOMAINS_OF[d]);
        json_t *v = json_of(&info);
        json_t *named = json_object_get(v, "segments");
        size_t at = 0;
        for (uint32_t s = 0; s < SEGMENTS_MAX; s++) {
            const struct fake_key key = key_of(r, "crossrec:%s:segment:%u", DOMAINS_OF[d], s);
            const bool enough = s < k && members_of(r, (int)s) >= 5;
            assert_int_equal(key.writes > 0, s < k);
            assert_int_equal(n_items_of(&key) > 0, enough);
            if (enough) {
                assert_int_equal(json_integer_value(json_array_get(named, at++)), s);
            }
        }
        assert_int_equal(json_array_size(named), at);
        assert_true(at > 0);
        json_decref(v);
    }
}

static void a_segment_says_how_many_users_it_has_and_what_they_take(void **state) {
    struct running *r = *state;
    const struct shared *model = learner_shared(r->instance->learner);
    struct segment_scan *scan = NULL;
    assert_int_equal(segment_scan_new(r->instance->learner, learner_stream_ms(r->instance->learner),
                                      true, &scan),
                     ST_OK);
    while (segment_scan_step(scan, r->instance->learner, 1000)) {
    }
    for (uint32_t s = 0; s < 2; s++) {
        for (uint8_t d = 0; d < 2; d++) {
            const struct fake_key key = key_of(r, "crossrec:%s:segment:%u", DOMAINS_OF[d], s);
            struct list top;
            segment_scan_top(scan, s, d, 10, &top);
            json_t *v = json_of(&key);
            json_t *items = json_object_get(v, "items");
            assert_int_equal(json_integer_value(json_object_get(v, "users")),
                             members_of(r, (int)s));
            assert_int_equal(json_integer_value(json_object_get(v, "counted")),
                             members_of(r, (int)s));
            assert_true(strlen(text_at(v, "persona")) > 0);
            assert_int_equal(json_array_size(items), top.n);
            assert_int_equal(top.n, 10);
            for (uint32_t k = 0; k < top.n; k++) {
                size_t len = 0;
                json_t *item = json_array_get(items, k);
                assert_string_equal(text_at(item, "id"),
                                    items_id(model->items, top.items[k].item, &len));
                assert_string_not_equal(text_at(item, "id"), "f4");
                assert_string_equal(text_at(item, "reason"), reason_str(top.items[k].reason));
            }
            size_t at = 0;
            json_t *elsewhere = NULL;
            json_array_foreach(json_object_get(v, "elsewhere"), at, elsewhere) {
                assert_non_null(strstr(json_string_value(elsewhere), DOMAINS_OF[1 - d]));
            }
            assert_true(at > 0);
            assert_int_equal(key.ttl_ms, r->cfg.publish_ttl_ms);
            json_decref(v);
        }
    }
    segment_scan_free(scan);
}

static void what_goes_with_an_item_is_what_the_model_says(void **state) {
    struct running *r = *state;
    const struct shared *model = learner_shared(r->instance->learner);
    int across = 0;
    for (uint32_t i = 0; i < model->n_items; i++) {
        size_t len = 0;
        const char *id = items_id(model->items, i, &len);
        const uint8_t domain = items_domain(model->items, i);
        for (uint8_t d = 0; d < 2; d++) {
            struct item_similar want[10];
            const bool taken = popularity_hot(model->popularity)[i].count >= 5 &&
                               content_available(model->content, i);
            const uint32_t n = taken ? item_similar_find(model, NULL, i, d, 10, want) : 0;
            const struct fake_key key =
                domain == d
                    ? key_of(r, "crossrec:%s:similar:%s", DOMAINS_OF[d], id)
                    : key_of(r, "crossrec:%s:similar:%s/%s", DOMAINS_OF[d], DOMAINS_OF[domain], id);
            assert_int_equal(n_items_of(&key), n);
            json_t *v = json_of(&key);
            for (uint32_t k = 0; k < n; k++) {
                json_t *item = json_array_get(json_object_get(v, "items"), k);
                assert_string_equal(text_at(item, "id"),
                                    items_id(model->items, want[k].item, &len));
                across += domain != d;
            }
            if (!content_available(model->content, i)) { /* whoever was before us may have one */
                assert_true(key.writes > 0);
            }
            if (n > 0) {
                assert_string_equal(text_at(v, "item"), id);
                assert_string_equal(text_at(v, "domain"), DOMAINS_OF[domain]);
                assert_int_equal(key.ttl_ms, r->cfg.publish_ttl_ms);
            }
            json_decref(v);
        }
    }
    assert_true(across > 20);
}

/* One member fewer than a card takes: no card. Two segments of other sizes: the same events again.
 */
static void a_segment_of_one_member_too_few_has_no_card(void **state) {
    struct running *r = *state;
    const uint32_t a = members_of(r, 0);
    const uint32_t b = members_of(r, 1);
    const int small = a < b ? 0 : 1;
    print_message("segments of %u and %u\n", a, b);
    assert_true(a != b);
    void *other = NULL;
    r = card_world_new(TASKS, NULL);
    r->cfg.segments_users_min = (a < b ? a : b) + 1;
    fill_still(r);
    (void)start(&other, r, TASKS);
    card_world_settle(r, TASKS);
    assert_int_equal(running_stop(r), ST_OK);
    char named[32];
    snprintf(named, sizeof named, "\"segments\":[%d]", 1 - small);
    for (int d = 0; d < 2; d++) {
        const struct fake_key few = key_of(r, "crossrec:%s:segment:%d", DOMAINS_OF[d], small);
        const struct fake_key enough =
            key_of(r, "crossrec:%s:segment:%d", DOMAINS_OF[d], 1 - small);
        assert_int_equal(n_items_of(&few), 0);
        assert_null(strstr(few.value, "persona"));
        assert_true(few.ttl_ms > 0);
        assert_true(n_items_of(&enough) > 0);
        assert_non_null(strstr(key_of(r, "crossrec:%s:info", DOMAINS_OF[d]).value, named));
    }
    (void)teardown(&other);
}

static void who_has_a_history_or_a_list_of_his_own_keeps_it(void **state) {
    struct running *r = *state;
    const struct instance *in = r->instance;
    const struct user *u = users_get(learner_users(in->learner, 0), 0);
    const int64_t now_ms = learner_stream_ms(in->learner);
    struct list list = {.segment = user_segment(u), .n = 10};
    assert_true(list.segment >= 0);
    assert_false(instance_segment_list(in, u, 0, now_ms, &list));
    assert_true(instance_segment_list(in, u, 0, -(INT64_C(1) << 40), &list)); /* before his first */
    list.personalised = true;
    assert_false(instance_segment_list(in, u, 0, -(INT64_C(1) << 40), &list));
    list = (struct list){.segment = -1, .n = 10};
    assert_false(instance_segment_list(in, u, 0, -(INT64_C(1) << 40), &list));
}

/* As people rule: what is blocked is on no segment's list, and pins of his own list stay. */
static void blocks_and_pins_hold_for_the_segments_list(void **state) {
    struct running *r = *state;
    struct instance *in = r->instance;
    const struct shared *model = learner_shared(in->learner);
    const struct user *u = users_get(learner_users(in->learner, 0), 0);
    const int64_t before_ms = -(INT64_C(1) << 40);
    struct list list = {.segment = user_segment(u), .n = 5};
    for (uint32_t k = 0; k < 5; k++) { /* what he would get: five others, one of them pinned */
        list.items[k] = (struct list_item){.item = items_of(model->items, FOOD, k)};
    }
    list.items[3].reason = REASON_PINNED;
    const uint32_t kept = list.items[3].item;
    struct list first = list;
    assert_true(instance_segment_list(in, u, FOOD, before_ms, &first));
    assert_int_equal(first.n, 5);
    assert_int_equal(first.items[3].item, kept);
    const struct rule block = {.id = "b",
                               .id_len = 1,
                               .target = FOOD,
                               .kind = RULE_BLOCK,
                               .segment = -1,
                               .item = {[FOOD] = items_hash(model->items, first.items[0].item)},
                               .from_ms = INT64_MIN,
                               .until_ms = INT64_MAX,
                               .factor = 1,
                               .place = 1};
    assert_int_equal(learner_rule(in->learner, &block), ST_OK);
    learner_rules_at(in->learner, learner_stream_ms(in->learner));
    struct list second = list;
    assert_true(instance_segment_list(in, u, FOOD, before_ms, &second));
    assert_int_equal(second.items[3].item, kept);
    for (uint32_t k = 0; k < second.n; k++) {
        assert_int_not_equal(second.items[k].item, first.items[0].item);
        for (uint32_t i = 0; i < k; i++) {
            assert_int_not_equal(second.items[k].item, second.items[i].item);
        }
    }
    assert_true(learner_rule_remove(in->learner, "b", 1, 0));
}

/* Takes of a user as card_world_fill() made them. */
static int takes_of(int user, int domain) {
    int n = 0;
    for (int k = 0; k < EACH; k++) {
        const bool learns = user < USERS / 2;
        n += ((k % 4 == 3) == learns ? FOOD : COURSE) == domain;
    }
    return n;
}

static void a_users_card_counts_what_he_did_there(void **state) {
    struct running *r = *state;
    for (int32_t task = 0; task < TASKS; task++) {
        for (int user = 0; user < USERS; user++) {
            for (int d = 0; d < 2; d++) {
                const struct fake_key key =
                    key_of(r, "crossrec:%s:user:u%d-%d", DOMAINS_OF[d], task, user);
                json_t *v = json_of(&key);
                json_t *counts = json_object_get(v, "counts");
                assert_int_equal(json_integer_value(json_object_get(counts, "takes")),
                                 takes_of(user, d));
                assert_int_equal(json_integer_value(json_object_get(counts, "days")), 1);
                assert_true(json_number_value(json_object_get(counts, "money")) >
                            1.9 * takes_of(user, d));
                assert_string_equal(text_at(v, "lifecycle"), "new");
                const struct users *users = learner_users(r->instance->learner, (uint32_t)task);
                uint32_t slot = 0;
                size_t len = 0;
                char id[32];
                snprintf(id, sizeof id, "u%d-%d", task, user);
                while (strncmp(user_id(users_get(users, slot), &len), id, strlen(id)) != 0 ||
                       len != strlen(id)) {
                    slot++;
                }
                assert_int_equal(json_integer_value(json_object_get(v, "segment")),
                                 user_segment(users_get(users, slot)));
                assert_int_equal(key.ttl_ms, r->cfg.publish_ttl_ms);
                json_decref(v);
            }
        }
    }
}

static void the_channel_of_the_target_hears_of_every_list_that_is_written(void **state) {
    struct running *r = *state;
    for (int user = 0; user < USERS; user++) {
        const struct fake_key list = running_list(r, COURSE, 1, user);
        char id[32];
        snprintf(id, sizeof id, "u1-%d", user);
        assert_int_equal(list.told, list.writes);
        assert_string_equal(list.channel, "crossrec:course:changed");
        assert_string_equal(list.message, id);
    }
    assert_int_equal(key_of(r, "crossrec:course:fallback").told, 0);
    assert_int_equal(key_of(r, "crossrec:course:user:u1-1").told, 0);
    assert_int_equal(key_of(r, "crossrec:course:segment:0").told, 0);
}

/* ---- users' cards -------------------------------------------------------------------------- */

static struct fake_key card(struct running *r, int user) {
    return key_of(r, "crossrec:food:user:u0-%d", user);
}

static void a_card_waits_for_its_interval_and_comes_then(void **state) {
    struct running *r = card_world_new(1, NULL);
    r->cfg.user_interval_ms = 1500;
    (void)running_event(r, FOOD, 0, 0, 0);
    (void)start(state, r, 1);
    AWAIT(card(r, 0).writes == 1);
    const int64_t start_ms = running_wall_ms();
    for (int k = 1; k <= 20; k++) {
        (void)running_event(r, FOOD, 0, 0, k % 12);
        AWAIT((int)metric_sum(M_EVENTS) == r->n_events);
        AWAIT(running_published(r, 1));
    }
    if (running_wall_ms() - start_ms < 1000) { /* else this machine was busy */
        assert_int_equal(card(r, 0).writes, 1);
    }
    AWAIT(strstr(card(r, 0).value, "\"takes\":21,"));
    assert_true(running_wall_ms() - start_ms >= 1300);
    assert_true(card(r, 0).writes <= 2 + (running_wall_ms() - start_ms) / 1500);
    assert_int_equal(running_stop(r), ST_OK);
}

static void another_lifecycle_is_told_at_once(void **state) {
    struct running *r = card_world_new(1, NULL);
    r->cfg.user_interval_ms = 3600000;
    r->step_ms = INT64_C(10) * 86400000;
    (void)running_event(r, FOOD, 0, 0, 0);
    (void)start(state, r, 1);
    AWAIT(strstr(card(r, 0).value, "\"lifecycle\":\"new\""));
    (void)running_event(r, FOOD, 0, 0, 1); /* ten days later */
    AWAIT(strstr(card(r, 0).value, "\"lifecycle\":\"returning\""));
    assert_non_null(strstr(card(r, 0).value, "\"takes\":2,"));
    r->n_events += 5;
    (void)running_event(r, FOOD, 0, 0, 1);
    AWAIT(strstr(card(r, 0).value, "\"lifecycle\":\"resurrected\""));
    assert_int_equal(running_stop(r), ST_OK);
}

static void without_publish_user_there_are_no_cards(void **state) {
    struct running *r = card_world_new(1, NULL);
    r->cfg.publish_user = r->cfg.publish_changed = r->cfg.similar = false;
    card_world_fill(r, 1, 8, 4);
    (void)start(state, r, 1);
    AWAIT(instance_settled(r->instance));
    assert_int_equal(card(r, 0).writes, 0);
    assert_int_equal(running_list(r, FOOD, 0, 0).told, 0);
    assert_true(running_list(r, FOOD, 0, 0).writes > 0);
    assert_int_equal(key_of(r, "crossrec:food:similar:f0").writes, 0);
    assert_int_equal(running_stop(r), ST_OK);
}

static void an_erased_user_has_no_card_and_no_list(void **state) {
    struct running *r = card_world_new(1, NULL);
    card_world_fill(r, 1, 8, 4);
    (void)start(state, r, 1);
    AWAIT(card(r, 3).writes > 0);
    card_world_erase("u0-3", INT64_C(1900000000000));
    AWAIT(strstr(card(r, 3).value, "\"lifecycle\":null"));
    assert_non_null(strstr(card(r, 3).value,
                           "\"segment\":null,\"lifecycle\":null,\"engagement\":null,"
                           "\"counts\":null,\"categories\":[],\"elsewhere\":[]}"));
    assert_int_equal(card(r, 3).ttl_ms, r->cfg.publish_ttl_ms);
    AWAIT(strstr(running_list(r, FOOD, 0, 3).value, "\"items\":[]"));
    AWAIT(strstr(key_of(r, "crossrec:course:user:u0-3").value, "\"counts\":null"));
    assert_non_null(strstr(card(r, 2).value, "\"lifecycle\":\"new\""));
    assert_int_equal(running_stop(r), ST_OK);
}

/* ---- loss and owners ------------------------------------------------------------------------ */

static bool all_there(struct running *r, uint64_t epoch_above) {
    static const char *const KEYS[] = {"info",      "fallback",    "segment:0",
                                       "segment:1", "similar:own", "user:u0-0",
                                       "user:u0-7", "rec:u0-7",    "similar:across"};
    for (int d = 0; d < 2; d++) {
        for (size_t k = 0; k < sizeof KEYS / sizeof *KEYS; k++) {
            char name[64];
            if (strcmp(KEYS[k], "similar:across") == 0) {
                snprintf(name, sizeof name, "similar:%s/%c1", DOMAINS_OF[1 - d], d ? 'c' : 'f');
            } else if (strcmp(KEYS[k], "similar:own") == 0) {
                snprintf(name, sizeof name, "similar:%c1", d ? 'f' : 'c');
            } else {
                snprintf(name, sizeof name, "%s", KEYS[k]);
            }
            const struct fake_key key = key_of(r, "crossrec:%s:%s", DOMAINS_OF[d], name);
            if (key.writes == 0 || key.epoch <= epoch_above) {
                return false;
            }
        }
    }
    return true;
}

static struct running *start_full(void **state) {
    struct running *r = card_world_new(1, NULL);
    r->cfg.segments_users_min = 1;
    card_world_fill(r, 1, 48, 8);
    (void)start(state, r, 1);
    AWAIT(all_there(r, 0));
    return r;
}

static void every_key_comes_back_after_a_loss(void **state) {
    struct running *r = start_full(state);
    AWAIT(instance_settled(r->instance));
    fake_flushall(&r->store);
    AWAIT(metric_value(M_REPUBLISH, 0) >= 1.0);
    AWAIT(all_there(r, 0));
    assert_int_equal(running_stop(r), ST_OK);
}

static void every_key_is_of_the_newer_epoch_after_another_owner(void **state) {
    struct running *r = start_full(state);
    const uint64_t ahead = key_of(r, "crossrec:food:info").epoch + 1000;
    char value[64];
    snprintf(value, sizeof value, "{\"version\":[%llu,7],\"by\":\"another\"}",
             (unsigned long long)ahead);
    static const char *const KEYS[] = {"user:u0-7", "segment:0", "similar:f1", "info", "rec:u0-7"};
    for (size_t k = 0; k < sizeof KEYS / sizeof *KEYS; k++) {
        char name[FAKE_KEY_MAX];
        snprintf(name, sizeof name, "crossrec:food:%s", KEYS[k]);
        fake_set(&r->store, name, value, ahead, 7);
    }
    (void)running_event(r, FOOD, 0, 7, 11); /* his card, at least, is refused */
    AWAIT(all_there(r, ahead));
    assert_true(metric_value(M_REFUSED, 0) >= 1.0);
    assert_int_equal(running_stop(r), ST_OK);
}

static void what_did_not_change_is_not_written_again(void **state) {
    struct running *r = start_full(state);
    card_world_settle(r, 1);
    const double before = metric_sum(M_CARDS);
    const uint64_t sweeps = instance_sweeps(r->instance);
    instance_refresh(r->instance); /* everybody is looked at */
    AWAIT(instance_sweeps(r->instance) > sweeps);
    running_nap_ms(500); /* and five turns over all items */
    assert_true(metric_sum(M_CARDS) <= before);
    assert_int_equal(running_stop(r), ST_OK);
}

/* ---- items ------------------------------------------------------------------------------------
 */

static bool names(struct running *r, const char *key, const char *id) {
    char text[32];
    snprintf(text, sizeof text, "{\"id\":\"%s\"", id);
    return strstr(key_of(r, "%s", key).value, text) != NULL;
}

static void a_withdrawn_item_loses_its_key_and_is_on_no_other(void **state) {
    struct running *r = card_world_new(1, NULL);
    r->cfg.similar_interval_ms = 3600000;
    card_world_fill(r, 1, 48, 8);
    (void)start(state, r, 1);
    AWAIT(names(r, "crossrec:food:similar:f1", "f3"));
    AWAIT(key_of(r, "crossrec:course:similar:food/f3").writes > 0);
    card_world_item(FOOD, 3, false);
    AWAIT(!names(r, "crossrec:food:similar:f1", "f3"));
    AWAIT(strstr(key_of(r, "crossrec:food:similar:f3").value, "\"items\":[]"));
    AWAIT(strstr(key_of(r, "crossrec:course:similar:food/f3").value, "\"items\":[]"));
    AWAIT(!names(r, "crossrec:food:segment:0", "f3") && !names(r, "crossrec:food:segment:1", "f3"));
    const int writes = key_of(r, "crossrec:food:similar:f3").writes;
    card_world_item(FOOD, 3, true);
    AWAIT(names(r, "crossrec:food:similar:f1", "f3"));
    AWAIT(key_of(r, "crossrec:food:similar:f3").writes == writes + 1);
    assert_int_equal(running_stop(r), ST_OK);
}

static void an_item_with_few_takes_has_no_key(void **state) {
    struct running *r = card_world_new(1, NULL);
    r->cfg.similar_takes_min = 5;
    for (int user = 0; user < 4; user++) {
        (void)running_event(r, FOOD, 0, user, 1);
        (void)running_event(r, FOOD, 0, user, 2);
    }
    (void)running_event(r, FOOD, 0, 5, 1);
    (void)start(state, r, 1);
    AWAIT(key_of(r, "crossrec:food:similar:f1").writes > 0);
    running_nap_ms(300);
    assert_int_equal(key_of(r, "crossrec:food:similar:f2").writes, 0);
    assert_int_equal(running_stop(r), ST_OK);
}

/* ---- what may not be shown --------------------------------------------------------------------
 */

enum { MANY = 172 }; /* dishes: 115 have a category, so 57 are left */

static bool is_of_a_category(const char *id) {
    return atoi(id + 1) % CARD_CATEGORIES != 2;
}

/* The ids on the list of a segment, best first; how many. */
static size_t ids_of(struct running *r, int segment, char ids[10][16]) {
    const struct fake_key key = key_of(r, "crossrec:food:segment:%d", segment);
    json_t *v = json_of(&key);
    json_t *item = NULL;
    size_t k = 0;
    json_array_foreach(json_object_get(v, "items"), k, item) {
        assert_true(k < 10);
        snprintf(ids[k], 16, "%s", text_at(item, "id"));
    }
    k = json_array_size(json_object_get(v, "items"));
    json_decref(v);
    return k;
}

/* Are both full, and of what is allowed? */
static bool full_and_allowed(struct running *r) {
    bool ok = true;
    for (int s = 0; s < 2; s++) {
        char ids[10][16];
        const size_t n = ids_of(r, s, ids);
        ok = ok && n == 10;
        for (size_t k = 0; k < n; k++) {
            ok = ok && !is_of_a_category(ids[k]);
        }
    }
    return ok;
}

static bool first_is(struct running *r, const char *const first[2]) {
    bool ok = true;
    for (int s = 0; s < 2; s++) {
        char ids[10][16];
        ok = ids_of(r, s, ids) == 10 && strcmp(ids[0], first[s]) == 0 && ok;
    }
    return ok;
}

static struct running *start_many(void **state) {
    struct running *r = card_world_new(1, NULL);
    r->cfg.segments_users_min = 1;
    for (int k = CARD_ITEMS; k < MANY; k++) {
        card_world_item(FOOD, k, true);
    }
    card_world_fill(r, 1, 48, 8);
    for (int k = 0; k < MANY; k++) { /* all that has a category is taken more than what has none */
        for (int user = 0; user < 48 && k % CARD_CATEGORIES != 2; user += 6) {
            (void)running_event(r, FOOD, 0, (user + k) % 48, k);
        }
    }
    (void)start(state, r, 1);
    AWAIT(all_there(r, 0));
    card_world_settle(r, 1);
    return r;
}

static void a_segments_list_is_full_whatever_is_blocked_of_its_best(void **state) {
    struct running *r = start_many(state);
    char before[2][10][16];
    for (int s = 0; s < 2; s++) {
        assert_int_equal(ids_of(r, s, before[s]), 10);
        assert_true(is_of_a_category(before[s][0]));
    }
    card_world_block(FOOD, 0, false);
    card_world_block(FOOD, 1, false);
    AWAIT(full_and_allowed(r));
    card_world_block(FOOD, 0, true);
    card_world_block(FOOD, 1, true);
    AWAIT(first_is(r, (const char *const[]){before[0][0], before[1][0]}));
    assert_int_equal(running_stop(r), ST_OK);
}

static void take_block(struct instance *in, int category, bool *changed) {
    char name[16];
    struct intake_row row = {.rule.rule = {.id = name,
                                           .target = FOOD,
                                           .kind = RULE_BLOCK,
                                           .segment = -1,
                                           .from_ms = INT64_MIN,
                                           .until_ms = INT64_MAX}};
    row.rule.rule.id_len = (uint16_t)snprintf(name, sizeof name, "food %d", category);
    row.rule.rule.category[FOOD] = hash_category("food", name, strlen(name));
    assert_int_equal(instance_take_rule(in, &row, changed), ST_OK);
}

/* Not only in time: the next look may be far away where there are many users. */
static void segments_are_looked_at_again_when_rules_change_or_a_list_is_short(void **state) {
    struct running *r = start_many(state);
    assert_int_equal(running_stop(r), ST_OK);
    struct instance *in = r->instance;
    struct cards *c = in->cards;
    bool changed = false;
    c->scan_again = false;
    instance_cards_publish(in, instance_place(in, 0));
    assert_false(c->scan_again);
    take_block(in, 0, &changed);
    take_block(in, 1, &changed);
    assert_true(changed && c->scan_again);
    c->scan_again = false;
    learner_rules_at(in->learner, instance_clock_ms(in));
    instance_cards_publish(in, instance_place(in, 0));
    assert_true(c->scan_again);
    in->places[0].task.state = TASK_RUNNING; /* as it was before the stop */
    c->scan_next_ms = INT64_MAX;
    do {
        c->scan_resume_ms = 0;
        instance_cards_step(in);
    } while (c->scan);
    assert_false(c->scan_again);
    instance_cards_publish(in, instance_place(in, 0));
    assert_false(c->scan_again);
    c->scan_next_ms = INT64_MAX;
    instance_cards_step(in);
    assert_null(c->scan); /* it is due at its time again */
}

static bool has_item(const struct list *list, uint32_t item) {
    for (uint32_t k = 0; k < list->n; k++) {
        if (list->items[k].item == item) {
            return true;
        }
    }
    return false;
}

static bool may_see(const struct instance *in, const struct user *u, uint8_t d, uint32_t i) {
    const struct shared *s = learner_shared(in->learner);
    return items_domain(s->items, i) == d && content_available(s->content, i) &&
           learner_rules_allow(in->learner, d, user_segment(u), i) &&
           !user_consumed(u, d, i, items_hashes(s->items));
}

/* What a ranking would give: some that he may see, a few of them pinned. */
static struct list some_list(const struct instance *in, const struct user *u, uint8_t d,
                             unsigned *seed) {
    const struct items *items = learner_shared(in->learner)->items;
    struct list list = {.segment = user_segment(u)};
    const uint32_t n = 1 + (uint32_t)rand_r(seed) % 40;
    for (int k = 0; k < 500 && list.n < n; k++) {
        const uint32_t i = (uint32_t)rand_r(seed) % items_n(items);
        if (may_see(in, u, d, i) && !has_item(&list, i)) {
            list.items[list.n++] = (struct list_item){
                .item = i, .reason = rand_r(seed) % 6 ? REASON_NEW : REASON_PINNED};
        }
    }
    return list;
}

/* Pins in their places, between them the segment's best that somebody took, then what was there. */
static void assert_is_the_segments(const struct instance *in, const struct user *u, uint8_t d,
                                   const struct list *was, const struct list *list) {
    const struct list *top = &in->cards->tops[(uint32_t)was->segment * in->n_targets + d];
    struct list pins = {.n = 0};
    uint32_t next = 0;
    for (uint32_t k = 0; k < was->n; k++) {
        pins.items[pins.n] = was->items[k];
        pins.n += was->items[k].reason == REASON_PINNED;
    }
    assert_int_equal(list->n, was->n);
    for (uint32_t k = 0; k < was->n; k++) {
        const uint32_t item = list->items[k].item;
        const bool pinned = was->items[k].reason == REASON_PINNED;
        while (!pinned && next < top->n &&
               (!(top->items[next].score > 0.0F) || has_item(&pins, top->items[next].item) ||
                !may_see(in, u, d, top->items[next].item))) {
            next++;
        }
        if (pinned) {
            assert_int_equal(item, was->items[k].item);
        } else if (next < top->n) {
            assert_int_equal(item, top->items[next++].item);
        } else {
            assert_true(has_item(was, item));
        }
        assert_true(may_see(in, u, d, item));
        for (uint32_t x = 0; x < k; x++) {
            assert_int_not_equal(list->items[x].item, item);
        }
    }
}

static void a_new_users_list_is_full_whatever_is_blocked_and_whatever_he_took(void **state) {
    struct running *r = start_many(state);
    assert_int_equal(running_stop(r), ST_OK);
    struct instance *in = r->instance;
    unsigned seed = 20261126;
    bool changed = false;
    for (int round = 0; round < 3; round++) { /* nothing, one and both categories are blocked */
        learner_rules_at(in->learner, instance_clock_ms(in));
        for (uint32_t k = 0; k < 300; k++) {
            const struct user *u = users_get(learner_users(in->learner, 0), k % 48);
            const uint8_t d = k / 48 % 2 ? FOOD : COURSE;
            const struct list was = some_list(in, u, d, &seed);
            struct list list = was;
            if (was.n > 0 && instance_segment_list(in, u, d, -(INT64_C(1) << 40), &list)) {
                assert_is_the_segments(in, u, d, &was, &list);
            } else {
                assert_true(was.n == 0);
            }
        }
        take_block(in, round, &changed);
    }
}

/* Without any rule: when a catalogue closes most of it. */
static void a_segments_list_is_full_whatever_is_withdrawn_of_its_best(void **state) {
    struct running *r = start_many(state);
    for (int k = 0; k < MANY; k++) {
        if (k % CARD_CATEGORIES != 2) {
            card_world_item(FOOD, k, false);
        }
    }
    AWAIT(full_and_allowed(r));
    assert_int_equal(running_stop(r), ST_OK);
}

/* ---- the segment's list ------------------------------------------------------------------------
 */

/* His events are all too old for the history: features and consumed sets know them alone. */
static void who_has_a_segment_and_no_history_gets_the_segments_list(void **state) {
    struct running *r = card_world_new(1, NULL);
    r->cfg.late_max_ms = 1000;
    r->cfg.segments_users_min = 1;
    card_world_fill(r, 1, 48, 8);
    (void)start(state, r, 1);
    AWAIT(all_there(r, 0));
    card_world_settle(r, 1);
    const struct fake_key some = key_of(r, "crossrec:course:segment:0");
    json_t *card = json_of(&some);
    char taken[16]; /* the best that there is */
    snprintf(taken, sizeof taken, "%s",
             text_at(json_array_get(json_object_get(card, "items"), 0), "id"));
    json_decref(card);
    assert_int_equal(taken[0], 'c');
    r->n_events -= 300; /* five minutes ago */
    for (int k = 0; k < 12; k++) {
        (void)running_event(r, COURSE, 0, 60, atoi(taken + 1));
    }
    r->n_events += 300 - 12;
    AWAIT(strstr(running_list(r, COURSE, 0, 60).value, "\"model\":\"segment\""));
    const struct fake_key list = running_list(r, COURSE, 0, 60);
    json_t *v = json_of(&list);
    const int segment = (int)json_integer_value(json_object_get(v, "segment"));
    assert_true(json_is_false(json_object_get(v, "personalised")));
    const struct fake_key of = key_of(r, "crossrec:course:segment:%d", segment);
    json_t *w = json_of(&of);
    size_t k = 0;
    json_t *item = NULL;
    size_t at = 0; /* the same but for what he took, in the same order */
    json_array_foreach(json_object_get(w, "items"), k, item) {
        const char *id = text_at(item, "id");
        if (strcmp(id, taken) != 0) {
            assert_string_equal(text_at(json_array_get(json_object_get(v, "items"), at++), "id"),
                                id);
        }
    }
    assert_true(at >= 3); /* and then what he would get without it */
    assert_true(json_array_size(json_object_get(v, "items")) > at);
    json_array_foreach(json_object_get(v, "items"), k, item) {
        assert_string_not_equal(text_at(item, "id"), taken); /* courses are not taken twice */
    }
    json_decref(v);
    json_decref(w);
    assert_int_equal(running_stop(r), ST_OK);
}

static int run_still(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(info_names_the_segments_that_have_a_key_and_no_other),
        cmocka_unit_test(a_segment_says_how_many_users_it_has_and_what_they_take),
        cmocka_unit_test(what_goes_with_an_item_is_what_the_model_says),
        cmocka_unit_test(a_segment_of_one_member_too_few_has_no_card),
        cmocka_unit_test(who_has_a_history_or_a_list_of_his_own_keeps_it),
        cmocka_unit_test(blocks_and_pins_hold_for_the_segments_list),
        cmocka_unit_test(a_users_card_counts_what_he_did_there),
        cmocka_unit_test(the_channel_of_the_target_hears_of_every_list_that_is_written),
    };
    return cmocka_run_group_tests_name("instance_cards_still", tests, setup_still, teardown);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_teardown(name, teardown)
        TEST(a_card_waits_for_its_interval_and_comes_then),
        TEST(another_lifecycle_is_told_at_once),
        TEST(without_publish_user_there_are_no_cards),
        TEST(an_erased_user_has_no_card_and_no_list),
        TEST(every_key_comes_back_after_a_loss),
        TEST(every_key_is_of_the_newer_epoch_after_another_owner),
        TEST(what_did_not_change_is_not_written_again),
        TEST(a_withdrawn_item_loses_its_key_and_is_on_no_other),
        TEST(an_item_with_few_takes_has_no_key),
        TEST(a_segments_list_is_full_whatever_is_blocked_of_its_best),
        TEST(a_segments_list_is_full_whatever_is_withdrawn_of_its_best),
        TEST(a_new_users_list_is_full_whatever_is_blocked_and_whatever_he_took),
        TEST(segments_are_looked_at_again_when_rules_change_or_a_list_is_short),
        TEST(who_has_a_segment_and_no_history_gets_the_segments_list),
#undef TEST
    };
    return run_still() + cmocka_run_group_tests_name("instance_cards", tests, NULL, NULL);
}
