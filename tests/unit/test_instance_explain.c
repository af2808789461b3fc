/* SPDX-License-Identifier: Apache-2.0
 *
 * test_instance_explain.c -- questions to a running instance on a fake Kafka and a fake Redis: who
 * is answered, what, and why not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "instance_state.h"
#include "running.h"

enum { TASKS = 3 };

struct fixture {
    struct running *r;
    char *text; /* of the last answer */
};

static int setup(void **state) {
    static struct fixture f;
    f = (struct fixture){.r = running_new(TASKS)};
    *state = &f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    running_free(f->r);
    free(f->text);
    return 0;
}

static void start(struct fixture *f, int tasks) {
    running_fill(f->r, tasks, 40);
    running_start(f->r);
    assert_true(fake_assign(&f->r->kafka, tasks, tasks));
    AWAIT(running_published(f->r, tasks));
    AWAIT(instance_settled(f->r->instance));
}

static enum status ask(struct fixture *f, const char *user, const char *target, const char *n) {
    const struct query q = {
        .user = user, .user_len = user ? strlen(user) : 0, .target = target, .n = n};
    free(f->text);
    f->text = NULL;
    const enum status st = instance_explain(f->r->instance, &q, &f->text);
    if (f->text) { /* always one line, for people and for machines */
        assert_ptr_equal(strchr(f->text, '\n'), f->text + strlen(f->text) - 1);
    }
    return st;
}

static json_t *answer(struct fixture *f) {
    json_t *v = json_loads(f->text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(v);
    return v;
}

static void the_answer_is_the_list_that_stands_in_redis(void **state) {
    struct fixture *f = *state;
    start(f, TASKS);
    for (int32_t task = 0; task < TASKS; task++) {
        for (int target = 0; target < 2; target++) {
            char user[32];
            snprintf(user, sizeof user, "u%d-%d", task, 3);
            assert_int_equal(ask(f, user, target == COURSE ? "course" : "food", NULL), ST_OK);
            json_t *v = answer(f);
            assert_string_equal(json_string_value(json_object_get(v, "user")), user);
            assert_int_equal(json_integer_value(json_object_get(v, "task")), task);
            const struct fake_key key = running_list(f->r, target, task, 3);
            json_t *list = json_loads(key.value, 0, NULL);
            assert_non_null(list);
            const json_t *want = json_object_get(list, "items");
            const json_t *one = json_array_get(json_object_get(v, "lists"), 0);
            assert_string_equal(json_string_value(json_object_get(one, "key")), key.name);
            const json_t *got = json_object_get(one, "items");
            assert_int_equal(json_array_size(got), json_array_size(want));
            for (size_t k = 0; k < json_array_size(want); k++) {
                const json_t *a = json_array_get(want, k);
                const json_t *b = json_array_get(got, k);
                assert_true(json_equal(json_object_get(a, "id"), json_object_get(b, "id")));
                assert_true(json_equal(json_object_get(a, "reason"), json_object_get(b, "reason")));
            }
            assert_true(json_array_size(want) > 0);
            json_decref(list);
            json_decref(v);
        }
    }
}

static void as_many_items_as_were_asked_for(void **state) {
    struct fixture *f = *state;
    start(f, 1);
    assert_int_equal(ask(f, "u0-1", "food", "2"), ST_OK);
    json_t *v = answer(f);
    const json_t *one = json_array_get(json_object_get(v, "lists"), 0);
    assert_int_equal(json_array_size(json_object_get(one, "items")), 2);
    json_decref(v);
    static const char *const bad[] = {"",   "0",  "101", "-1",
                                      "+5", " 5", "5x",  "99999999999999999999"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        assert_int_equal(ask(f, "u0-1", "food", bad[k]), ST_INVALID);
        assert_string_equal(f->text, "n must be a whole number from 1 to 100\n");
    }
}

static void nobody_and_nowhere_are_told_what_there_is(void **state) {
    struct fixture *f = *state;
    start(f, 2); /* of three partitions */
    assert_int_equal(ask(f, "nobody", "food", NULL), ST_NOT_FOUND);
    assert_non_null(strstr(f->text, "no such user in the partitions of this instance, 0-1: "));
    assert_int_equal(ask(f, "u2-1", "food", NULL), ST_NOT_FOUND);
    assert_int_equal(ask(f, "u0-1", "drinks", NULL), ST_NOT_FOUND);
    assert_string_equal(f->text, "there is no target drinks here; there are: course, food\n");
}

static void what_is_missing_is_said_with_what_to_type(void **state) {
    struct fixture *f = *state;
    char longest[ID_LEN_MAX + 2];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    start(f, 1);
    static const char want[] = "which user (1 to 255 bytes)? Type /explain?user=ID\n";
    assert_int_equal(ask(f, NULL, "food", NULL), ST_INVALID);
    assert_string_equal(f->text, want);
    assert_int_equal(ask(f, "", "food", NULL), ST_INVALID);
    assert_int_equal(ask(f, longest, "food", NULL), ST_INVALID);
    assert_string_equal(f->text, want);
    longest[ID_LEN_MAX] = '\0'; /* may be somebody */
    assert_int_equal(ask(f, longest, "food", NULL), ST_NOT_FOUND);
}

static void a_domain_without_lists_is_no_target(void **state) {
    struct fixture *f = *state;
    f->r->cfg.domains[COURSE].target = false;
    start(f, 1);
    assert_int_equal(ask(f, "u0-1", "course", NULL), ST_NOT_FOUND);
    assert_string_equal(f->text, "there is no target course here; there are: food\n");
}

static void whoever_is_gone_is_nobody(void **state) {
    struct fixture *f = *state;
    start(f, 2);
    assert_true(fake_revoke(&f->r->kafka, false));
    assert_int_equal(ask(f, "u0-1", "food", NULL), ST_AGAIN);
    assert_non_null(strstr(f->text, "/readyz"));
    assert_true(fake_assign(&f->r->kafka, 1, 1));
    AWAIT(ask(f, "u0-1", "food", NULL) == ST_OK);
    assert_int_equal(ask(f, "u1-1", "food", NULL), ST_NOT_FOUND); /* parked here */
}

/* Neither before the loop nor behind its end does anybody wait for long. */
static void a_stopped_instance_sends_askers_away(void **state) {
    struct fixture *f = *state;
    start(f, 1);
    assert_int_equal(running_stop(f->r), ST_OK);
    const int64_t before_ms = running_wall_ms();
    assert_int_equal(ask(f, "u0-1", "food", NULL), ST_LOST);
    assert_true(running_wall_ms() - before_ms < 1000);
    assert_non_null(strstr(f->text, "see /readyz"));
}

/* ---- what is known of a user ----------------------------------------------------------- */

static void what_is_known_of_a_user_is_told_with_every_list(void **state) {
    struct fixture *f = *state;
    start(f, TASKS);
    const struct query q = {.user = "u1-3", .user_len = 4};
    assert_int_equal(instance_get(f->r->instance, &q, &f->text), ST_OK);
    json_t *v = answer(f);
    assert_int_equal(json_integer_value(json_object_get(v, "task")), 1);
    assert_int_equal(json_integer_value(json_object_get(v, "partitions")), TASKS);
    assert_string_equal(json_string_value(json_object_get(v, "consent")), "unknown");
    const json_t *ids = json_object_get(v, "ids");
    assert_string_equal(json_string_value(json_object_get(ids, "food")), "u1-3");
    const json_t *events = json_object_get(v, "events");
    const json_t *history = json_object_get(v, "history");
    assert_int_equal(json_integer_value(json_object_get(events, "course")) +
                         json_integer_value(json_object_get(events, "food")),
                     json_array_size(history));
    const json_t *lists = json_object_get(v, "lists");
    assert_int_equal(json_array_size(lists), 2);
    for (size_t target = 0; target < 2; target++) {
        const json_t *got = json_array_get(lists, target);
        const struct fake_key key = running_list(f->r, (int)target, 1, 3);
        json_t *list = json_loads(key.value, 0, NULL);
        assert_string_equal(json_string_value(json_object_get(got, "key")), key.name);
        const json_t *want = json_object_get(list, "items");
        assert_int_equal(json_array_size(json_object_get(got, "items")), json_array_size(want));
        for (size_t k = 0; k < json_array_size(want); k++) {
            const json_t *a = json_array_get(want, k);
            const json_t *b = json_array_get(json_object_get(got, "items"), k);
            assert_true(json_equal(json_object_get(a, "id"), json_object_get(b, "id")));
            assert_true(json_equal(json_object_get(a, "reason"), json_object_get(b, "reason")));
            assert_null(json_object_get(b, "parts"));
        }
        json_decref(list);
    }
    assert_null(json_object_get(v, "similar"));
    json_decref(v);
}

static void without_a_target_every_list_is_explained(void **state) {
    struct fixture *f = *state;
    start(f, 1);
    assert_int_equal(ask(f, "u0-1", NULL, "3"), ST_OK);
    json_t *v = answer(f);
    const json_t *lists = json_object_get(v, "lists");
    assert_int_equal(json_array_size(lists), 2);
    for (size_t t = 0; t < 2; t++) {
        const json_t *items = json_object_get(json_array_get(lists, t), "items");
        assert_int_equal(json_array_size(items), 3);
        assert_non_null(json_object_get(json_array_get(items, 0), "parts"));
        assert_non_null(json_object_get(json_array_get(items, 0), "ranks"));
    }
    assert_true(json_is_array(json_object_get(v, "similar")));
    json_decref(v);
}

static int32_t sixth(const struct config *cfg, const char *id, size_t len, int32_t n) {
    (void)cfg;
    return len == 6 && memcmp(id, "nobody", 6) == 0 ? n - 1 : -1;
}

static void nobody_is_told_the_partition_that_he_would_be_in(void **state) {
    struct fixture *f = *state;
    start(f, 2); /* of three */
    f->r->instance->ports.partition_of = sixth;
    assert_int_equal(ask(f, "nobody", "food", NULL), ST_NOT_FOUND);
    assert_non_null(
        strstr(f->text,
               "; by his id he would be in partition 2 of 3, which is not here: ask the instance"));
    assert_int_equal(ask(f, "anybody", "food", NULL), ST_NOT_FOUND);
    assert_null(strstr(f->text, "by his id"));
}

/* ---- items and domains --------------------------------------------------------------- */

static void what_goes_with_an_item_is_told(void **state) {
    struct fixture *f = *state;
    start(f, TASKS);
    struct query q = {.user = "u1-3", .user_len = 4};
    assert_int_equal(instance_get(f->r->instance, &q, &f->text), ST_OK);
    json_t *v = answer(f);
    const json_t *first = json_array_get(json_object_get(v, "history"), 0);
    char item[64];
    char domain[64];
    snprintf(item, sizeof item, "%s", json_string_value(json_object_get(first, "item")));
    snprintf(domain, sizeof domain, "%s", json_string_value(json_object_get(first, "domain")));
    json_decref(v);
    free(f->text);
    q = (struct query){.item = item, .item_len = strlen(item), .n = "4"};
    assert_int_equal(instance_similar(f->r->instance, &q, &f->text), ST_OK);
    v = answer(f);
    assert_string_equal(json_string_value(json_object_get(v, "item")), item);
    assert_string_equal(json_string_value(json_object_get(v, "domain")), domain);
    assert_true(json_integer_value(json_object_get(v, "takes")) > 0);
    const json_t *lists = json_object_get(v, "lists");
    assert_int_equal(json_array_size(lists), 2);
    const json_t *items = json_object_get(json_array_get(lists, 0), "items");
    assert_true(json_array_size(items) > 0 && json_array_size(items) <= 4);
    json_decref(v);
    free(f->text);
    q.target = "food";
    q.domain = domain;
    assert_int_equal(instance_similar(f->r->instance, &q, &f->text), ST_OK);
    v = answer(f);
    assert_int_equal(json_array_size(json_object_get(v, "lists")), 1);
    json_decref(v);
}

static void an_item_or_domain_that_is_none_is_not_found(void **state) {
    struct fixture *f = *state;
    start(f, 1);
    static const struct {
        struct query q;
        enum status st;
        const char *said;
        bool top;
    } cases[] = {
        {{.item = "x", .item_len = 1}, ST_NOT_FOUND, "no such item: ids are exact", false},
        {{.item = "x", .item_len = 1, .domain = "food"},
         ST_NOT_FOUND,
         "no such item in food",
         false},
        {{.item = "x", .item_len = 1, .domain = "drinks"},
         ST_NOT_FOUND,
         "there is no domain drinks here; there are: course, food",
         false},
        {{.item = NULL}, ST_INVALID, "which item (1 to 255 bytes)? Type /similar?item=ID", false},
        {{.item = "", .item_len = 0}, ST_INVALID, "which item", false},
        {{.item = "x", .item_len = 1, .n = "0"}, ST_INVALID, "n must be", false},
        {{.domain = NULL}, ST_INVALID, "of which domain? Type /top?domain=course", true},
        {{.domain = "drinks"}, ST_NOT_FOUND, "there are: course, food", true},
        {{.domain = "food", .n = "101"}, ST_INVALID, "n must be", true},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        free(f->text);
        f->text = NULL;
        const enum status st = cases[k].top
                                   ? instance_top(f->r->instance, &cases[k].q, &f->text)
                                   : instance_similar(f->r->instance, &cases[k].q, &f->text);
        assert_int_equal(st, cases[k].st);
        assert_non_null(strstr(f->text, cases[k].said));
    }
}

static void what_is_going_on_in_a_domain_is_told(void **state) {
    struct fixture *f = *state;
    start(f, TASKS);
    const struct query q = {.domain = "food", .n = "3"};
    assert_int_equal(instance_top(f->r->instance, &q, &f->text), ST_OK);
    json_t *v = answer(f);
    assert_int_equal(json_integer_value(json_object_get(v, "events")), f->r->n_events / 2);
    static const char *const clocks[] = {"1d", "7d", "30d"};
    for (size_t k = 0; k < 3; k++) {
        const json_t *top = json_object_get(json_object_get(v, "top"), clocks[k]);
        assert_int_equal(json_array_size(top), 3);
        const json_t *first = json_array_get(top, 0);
        assert_true(json_number_value(json_object_get(first, "share")) > 0);
        assert_true(json_number_value(json_object_get(first, "share")) <= 1);
    }
    assert_int_equal(json_array_size(json_object_get(v, "newest")), 3);
    json_decref(v);
}

/* ---- segments --------------------------------------------------------------------------- */

static void segments_of_the_tasks_that_run_here_are_told(void **state) {
    struct fixture *f = *state;
    f->r->cfg.segments_k = 0; /* auto */
    f->r->cfg.segments_seed_users = 48;
    f->r->cfg.mini_batch = 20;
    start(f, 2); /* of three */
    assert_int_equal(instance_segments(f->r->instance, &f->text), ST_OK);
    json_t *v = answer(f);
    assert_int_equal(json_integer_value(json_object_get(v, "users")), 16);
    assert_int_equal(json_integer_value(json_object_get(v, "counted")), 16);
    const json_t *segments = json_object_get(v, "segments");
    assert_int_equal(json_array_size(segments),
                     segments_k(learner_shared(f->r->instance->learner)->segments));
    const json_t *engagement = json_object_get(v, "engagement");
    assert_int_equal(json_integer_value(json_object_get(engagement, "mau")), 16);
    assert_non_null(json_object_get(json_object_get(engagement, "domains"), "food"));
    json_decref(v);
}

static void segments_are_told_with_words(void **state) {
    struct fixture *f = *state;
    f->r->cfg.segments_k = 2;
    f->r->cfg.segments_seed_users = 8;
    f->r->cfg.mini_batch = 20;
    start(f, 2);
    assert_int_equal(instance_segments(f->r->instance, &f->text), ST_OK);
    json_t *v = answer(f);
    const json_t *segments = json_object_get(v, "segments");
    assert_int_equal(json_array_size(segments), 2);
    json_int_t users = 0;
    for (size_t k = 0; k < 2; k++) {
        const json_t *card = json_array_get(segments, k);
        assert_true(json_string_length(json_object_get(card, "title")) > 0);
        assert_int_equal(json_integer_value(json_object_get(card, "segment")), k);
        users += json_integer_value(json_object_get(card, "users"));
    }
    assert_true(users > 0 && users <= 16);
    json_decref(v);
}

static void without_a_task_or_a_loop_there_are_no_segments(void **state) {
    struct fixture *f = *state;
    start(f, 1);
    assert_true(fake_revoke(&f->r->kafka, false));
    assert_int_equal(instance_segments(f->r->instance, &f->text), ST_AGAIN);
    assert_non_null(strstr(f->text, "/readyz"));
    free(f->text);
    assert_int_equal(running_stop(f->r), ST_OK);
    assert_int_equal(instance_segments(f->r->instance, &f->text), ST_LOST);
    assert_non_null(strstr(f->text, "see /readyz"));
}

/* ---- the model -------------------------------------------------------------------------- */

static void without_a_log_nobody_shares_the_model(void **state) {
    struct fixture *f = *state;
    start(f, 1);
    assert_int_equal(instance_model(f->r->instance, NULL, &f->text), ST_NOT_FOUND);
    assert_string_equal(f->text,
                        "state = memory: the model is this instance's own, nobody shares it\n");
}

/* ---- several at once ------------------------------------------------------------------ */

struct asker {
    struct fixture *f;
    int answered, sent_away, wrong;
};

static void *ask_often(void *arg) {
    struct asker *a = arg;
    for (int k = 0; k < 100; k++) {
        char *text = NULL;
        const struct query q = {.user = "u0-1", .user_len = 4, .target = "food"};
        const enum status st = k % 3 ? instance_explain(a->f->r->instance, &q, &text)
                                     : instance_segments(a->f->r->instance, &text);
        a->wrong += st == ST_OK && strncmp(text, k % 3 ? "{\"user\"" : "{\"ts\"", 5) != 0;
        a->answered += st == ST_OK;
        a->sent_away += st == ST_AGAIN;
        a->wrong += st != ST_OK && st != ST_AGAIN;
        free(text);
    }
    return NULL;
}

static void many_may_ask_while_events_are_learned(void **state) {
    struct fixture *f = *state;
    struct asker askers[3] = {{.f = f}, {.f = f}, {.f = f}};
    pthread_t threads[3];
    start(f, TASKS);
    for (int k = 0; k < 3; k++) {
        assert_int_equal(pthread_create(&threads[k], NULL, ask_often, &askers[k]), 0);
    }
    running_fill(f->r, TASKS, 200);
    for (int k = 0; k < 3; k++) {
        pthread_join(threads[k], NULL);
        assert_int_equal(askers[k].wrong, 0);
    }
    assert_true(askers[0].answered + askers[1].answered + askers[2].answered > 0);
    AWAIT(running_published(f->r, TASKS));
    assert_int_equal(running_stop(f->r), ST_OK);
    assert_int_equal(learner_shared(f->r->instance->learner)->n_events, f->r->n_events);
}

/* ---- because ---------------------------------------------------------------------------- */

/* Of courses nobody may name a dish, nor the reverse; of the same domain both name items. */
static void a_list_names_no_item_of_another_partner(void **state) {
    struct fixture *f = *state;
    start(f, TASKS);
    int told = 0;
    for (int at = 0; at < 2 * TASKS * 8; at++) {
        const int target = at % 2;
        const struct fake_key key = running_list(f->r, target, at / 2 % TASKS, at / 2 / TASKS);
        json_t *list = json_loads(key.value, 0, NULL);
        size_t k = 0;
        json_t *item = NULL;
        json_array_foreach(json_object_get(list, "items"), k, item) {
            const json_t *because = json_object_get(item, "because");
            const char *named = json_string_value(json_object_get(because, "item"));
            told += named != NULL;
            assert_true(!named || *named == (target == COURSE ? 'c' : 'f'));
            assert_null(json_object_get(because, "category")); /* no catalogue */
        }
        json_decref(list);
    }
    assert_true(told > 0);
    for (int target = 0; target < 2; target++) { /* it is of nobody's history */
        const struct fake_key fallback = fake_get(
            &f->r->store, target == COURSE ? "crossrec:course:fallback" : "crossrec:food:fallback");
        assert_non_null(strstr(fallback.value, "\"items\":[{"));
        assert_null(strstr(fallback.value, "because"));
    }
}

/* ---- tasks in all ------------------------------------------------------------------------ */

/* One of three tasks is here: its mini-batches have a third of the events. */
static void a_mini_batch_is_shared_by_all_tasks_wherever_they_are(void **state) {
    struct fixture *f = *state;
    f->r->cfg.mini_batch = 64 * TASKS;
    start(f, 1);
    assert_int_equal(running_stop(f->r), ST_OK);
    assert_int_equal(f->r->n_events, 80);
    assert_int_equal(learner_n_mini_batches(f->r->instance->learner), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(the_answer_is_the_list_that_stands_in_redis),
        TEST(as_many_items_as_were_asked_for),
        TEST(nobody_and_nowhere_are_told_what_there_is),
        TEST(what_is_missing_is_said_with_what_to_type),
        TEST(a_domain_without_lists_is_no_target),
        TEST(whoever_is_gone_is_nobody),
        TEST(a_stopped_instance_sends_askers_away),
        TEST(what_is_known_of_a_user_is_told_with_every_list),
        TEST(without_a_target_every_list_is_explained),
        TEST(nobody_is_told_the_partition_that_he_would_be_in),
        TEST(what_goes_with_an_item_is_told),
        TEST(an_item_or_domain_that_is_none_is_not_found),
        TEST(what_is_going_on_in_a_domain_is_told),
        TEST(segments_of_the_tasks_that_run_here_are_told),
        TEST(segments_are_told_with_words),
        TEST(without_a_task_or_a_loop_there_are_no_segments),
        TEST(without_a_log_nobody_shares_the_model),
        TEST(many_may_ask_while_events_are_learned),
        TEST(a_list_names_no_item_of_another_partner),
        TEST(a_mini_batch_is_shared_by_all_tasks_wherever_they_are),
#undef TEST
    };
    return cmocka_run_group_tests_name("instance_explain", tests, NULL, NULL);
}
