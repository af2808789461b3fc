/* SPDX-License-Identifier: Apache-2.0
 *
 * test_instance_input.c -- records whose schema is not known yet, too many bad ones, and what
 * global topics say: the pipeline on a fake Kafka, a fake Redis and fakes of the registry and
 * of the global topics.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "avro_bytes.h"
#include "instance_state.h"
#include "mapping_field.h"
#include "metrics.h"
#include "running.h"

enum { TASKS = 4, ROWS_MAX = 64, IDS = 11 /* of shipped schemas: below */ };

/* ---- fakes ------------------------------------------------------------------------------ */

static struct {
    _Atomic int state[IDS]; /* enum lookup_state, by id */
    _Atomic int asked;
} registry;

static enum lookup_state get(void *ctx, uint32_t id, const char **json, size_t *len) {
    (void)ctx;
    atomic_fetch_add(&registry.asked, 1);
    int r = 0;
    while (r < READER_EVENT && shipped_id((enum reader)r) != id) {
        r++;
    }
    if (r == READER_EVENT) {
        return LOOKUP_UNKNOWN;
    }
    *json = shipped_json((enum reader)r);
    *len = strlen(*json);
    return (enum lookup_state)atomic_load(&registry.state[id]);
}

static bool problem(void *ctx, char *buf, size_t len) {
    (void)ctx;
    snprintf(buf, len, "nobody answers at http://registry");
    return true;
}

static struct {
    pthread_mutex_t lock;
    struct avro_bytes rows[ROWS_MAX];
    char keys[ROWS_MAX][32];
    uint16_t topics[ROWS_MAX];
    size_t n, at;
    bool open; /* false: not at the end yet */
    int restarts;
} global = {.lock = PTHREAD_MUTEX_INITIALIZER};

static size_t poll_rows(void *ctx, struct record *out, size_t max) {
    (void)ctx;
    size_t n = 0;
    pthread_mutex_lock(&global.lock);
    for (; n < max && global.at < global.n; n++, global.at++) {
        const struct avro_bytes *b = &global.rows[global.at];
        out[n] = (struct record){.offset = (int64_t)global.at,
                                 .key = global.keys[global.at],
                                 .key_len = strlen(global.keys[global.at]),
                                 .value = b->n ? b->bytes : NULL,
                                 .value_len = b->n,
                                 .topic = global.topics[global.at]};
    }
    pthread_mutex_unlock(&global.lock);
    return n;
}

static bool complete(void *ctx) {
    (void)ctx;
    pthread_mutex_lock(&global.lock);
    const bool yes = global.open && global.at == global.n;
    pthread_mutex_unlock(&global.lock);
    return yes;
}

static void restart(void *ctx) {
    (void)ctx;
    pthread_mutex_lock(&global.lock);
    global.at = 0;
    global.restarts++;
    pthread_mutex_unlock(&global.lock);
}

enum { ITEMS_TOPIC, PRIVACY_TOPIC, PROFILES_TOPIC };

static void publish_row(uint16_t topic, const char *key, const struct avro_bytes *row) {
    pthread_mutex_lock(&global.lock);
    assert_true(global.n < ROWS_MAX);
    global.rows[global.n] = *row;
    global.topics[global.n] = topic;
    snprintf(global.keys[global.n], sizeof global.keys[0], "%s", key);
    global.n++;
    pthread_mutex_unlock(&global.lock);
}

static void item_row(const char *item, bool available) {
    static struct avro_bytes b;
    b.n = 0;
    avro_wire(&b, shipped_id(READER_ITEM));
    avro_text(&b, item);
    avro_branch(&b, 0); /* ts */
    avro_boolean(&b, available);
    avro_branch(&b, 0); /* category */
    avro_branch(&b, 0); /* price */
    avro_branch(&b, 0); /* name */
    avro_end(&b);       /* attributes */
    publish_row(ITEMS_TOPIC, item, &b);
}

static void privacy_row(const char *user, int request, int64_t ts_ms) {
    static struct avro_bytes b;
    b.n = 0;
    avro_wire(&b, shipped_id(READER_PRIVACY_REQUEST));
    avro_branch(&b, 0); /* event_id */
    avro_text(&b, user);
    avro_long(&b, ts_ms);
    avro_long(&b, request);
    publish_row(PRIVACY_TOPIC, user, &b);
}

/* ---- fixture ----------------------------------------------------------------------------- */

static struct running *make(void **state, bool asks, bool globals) {
    struct running *r = running_new(TASKS);
    *state = r;
    for (int id = 0; id < IDS; id++) {
        atomic_store(&registry.state[id], LOOKUP_READY);
    }
    if (asks) {
        r->lookup = (struct lookup){.get = get, .problem = problem};
    }
    global.n = global.at = 0;
    global.open = true;
    global.restarts = 0;
    if (globals) {
        static const char *const sets[] = {"topic.items.schema=Item", "topic.items.domain=food",
                                           "topic.privacy.schema=PrivacyRequest",
                                           "topic.profiles.schema=UserProfile"};
        char err[CONFIG_ERROR_MAX] = "";
        struct config cfg;
        if (config_load(&cfg, NULL, NULL, sets, sizeof sets / sizeof *sets, err)) {
            fail_msg("%s", err);
        }
        memcpy(r->cfg.globals, cfg.globals, sizeof cfg.globals);
        r->cfg.n_globals = cfg.n_globals;
        assert_int_equal(cfg.n_globals, 3);
        r->globals = (struct globals){.poll = poll_rows, .complete = complete, .restart = restart};
    }
    return r;
}

static int teardown(void **state) {
    running_free(*state);
    *state = NULL;
    return 0;
}

static void stop_and_check(struct running *r, int learned) {
    assert_int_equal(running_stop(r), ST_OK);
    assert_int_equal(learner_shared(r->instance->learner)->n_events, learned);
    assert_true(fake_all_committed(&r->kafka));
    if (r->kafka.wrongs) {
        fail_msg("%d wrongs, the last: %s", r->kafka.wrongs, r->kafka.wrong);
    }
}

static bool is_paused(struct running *r, int topic) {
    for (int32_t p = 0; p < TASKS; p++) {
        if (!fake_part(&r->kafka, topic, p).paused) {
            return false;
        }
    }
    return true;
}

/* ---- schemas that are asked for ------------------------------------------------------------ */

static void
only_the_partitions_that_need_a_schema_wait_for_it_and_go_on_by_themselves(void **state) {
    struct running *r = make(state, true, false);
    atomic_store(&registry.state[shipped_id(READER_COURSE_VIEW)], LOOKUP_WAITING);
    r->cfg.merge_max_wait_ms = r->cfg.merge_max_start_ms = 50;
    running_fill(r, TASKS, 30);
    running_start(r);
    assert_true(fake_assign(&r->kafka, TASKS, TASKS));
    AWAIT((int)metric_value(M_EVENTS, 1) == TASKS * 30); /* food goes on */
    AWAIT(is_paused(r, COURSE));
    assert_true(metric_value(M_EVENTS, 0) == 0.0);
    char why[WHY_MAX];
    AWAIT(!instance_ready(r->instance, why, sizeof why) && strstr(why, "waiting for a schema"));
    assert_non_null(strstr(why, "nobody answers at http://registry"));
    atomic_store(&registry.state[shipped_id(READER_COURSE_VIEW)], LOOKUP_READY);
    AWAIT((int)metric_value(M_EVENTS, 0) == TASKS * 30);
    AWAIT(running_published(r, TASKS));
    AWAIT(instance_ready(r->instance, why, sizeof why));
    assert_int_equal(fake_letters_acked(&r->kafka), 0);
    stop_and_check(r, r->n_events);
}

static void an_id_that_nobody_knows_makes_dead_letters_of_what_waited(void **state) {
    struct running *r = make(state, true, false);
    r->cfg.merge_max_wait_ms = r->cfg.merge_max_start_ms = 50;
    atomic_store(&registry.state[shipped_id(READER_COURSE_VIEW)], LOOKUP_WAITING);
    running_fill(r, TASKS, 10);
    running_start(r);
    assert_true(fake_assign(&r->kafka, TASKS, TASKS));
    AWAIT(is_paused(r, COURSE));
    atomic_store(&registry.state[shipped_id(READER_COURSE_VIEW)], LOOKUP_UNKNOWN);
    AWAIT(fake_letters_acked(&r->kafka) == (size_t)TASKS * 10);
    AWAIT(metric_value(M_DEAD_LETTERS, INTAKE_SCHEMA_UNKNOWN) == (double)TASKS * 10);
    for (int64_t k = 0; k < 10; k++) {
        assert_int_equal(fake_letters_of(&r->kafka, COURSE, 2, k), 1);
    }
    AWAIT(running_published(r, TASKS));
    stop_and_check(r, TASKS * 10);
}

static void what_waited_when_its_task_was_taken_away_is_read_again(void **state) {
    struct running *r = make(state, true, false);
    atomic_store(&registry.state[shipped_id(READER_COURSE_VIEW)], LOOKUP_WAITING);
    r->cfg.merge_max_wait_ms = r->cfg.merge_max_start_ms = 50;
    running_fill(r, TASKS, 20);
    running_start(r);
    assert_true(fake_assign(&r->kafka, TASKS, TASKS));
    AWAIT(is_paused(r, COURSE));
    for (int lost = 0; lost < 2; lost++) {
        assert_true(fake_revoke(&r->kafka, lost));
        assert_true(fake_assign(&r->kafka, TASKS, TASKS));
    }
    atomic_store(&registry.state[shipped_id(READER_COURSE_VIEW)], LOOKUP_READY);
    AWAIT(running_published(r, TASKS));
    stop_and_check(r, r->n_events);
}

/* ---- too many bad ones --------------------------------------------------------------- */

static void the_breaker_stops_reading_says_why_and_tries_again(void **state) {
    struct running *r = make(state, false, false);
    r->cfg.breaker_share = 0.5;
    r->cfg.breaker_window = 100;
    r->cfg.breaker_retry_ms = 300;
    running_fill(r, TASKS, 5);
    running_start(r);
    assert_true(fake_assign(&r->kafka, TASKS, TASKS));
    AWAIT(running_published(r, TASKS));
    for (int k = 0; k < 2000; k++) {
        (void)running_bad(r, COURSE, k % TASKS);
    }
    char why[WHY_MAX];
    AWAIT(!instance_ready(r->instance, why, sizeof why) && strstr(why, "too many bad events"));
    assert_non_null(strstr(why, "wire-header in course-views"));
    AWAIT(metric_value(M_BREAKER, 0) == 1.0);
    AWAIT(is_paused(r, COURSE) && is_paused(r, FOOD));
    running_fill(r, TASKS,
                 5); /* behind the bad ones: goes on in the end, whatever the breaker did */
    AWAIT((int)metric_sum(M_EVENTS) == r->n_events);
    AWAIT(fake_letters_acked(&r->kafka) == 2000); /* none is lost, none doubled */
    stop_and_check(r, r->n_events);
}

static void one_bad_in_ten_stops_nothing(void **state) {
    struct running *r = make(state, false, false);
    r->cfg.breaker_share = 0.5;
    r->cfg.breaker_window = 100;
    running_start(r);
    assert_true(fake_assign(&r->kafka, TASKS, TASKS));
    for (int k = 0; k < 40; k++) {
        running_fill(r, TASKS, 9);
        for (int32_t p = 0; p < TASKS; p++) {
            (void)running_bad(r, COURSE, p);
            (void)running_bad(r, FOOD, p);
        }
    }
    AWAIT((int)metric_sum(M_EVENTS) == r->n_events);
    AWAIT(running_published(r, TASKS));
    assert_true(r->instance->breaker.opened == 0);
    stop_and_check(r, r->n_events);
}

/* ---- global topics ------------------------------------------------------------------- */

static void nothing_is_learned_before_the_global_topics_are_read_to_their_end(void **state) {
    struct running *r = make(state, false, true);
    char why[WHY_MAX];
    global.open = false;
    item_row("f1", true);
    running_fill(r, TASKS, 10);
    running_start(r);
    assert_true(fake_assign(&r->kafka, TASKS, TASKS));
    AWAIT(!instance_ready(r->instance, why, sizeof why) && strstr(why, "global topics"));
    running_nap_ms(100);
    assert_true(metric_sum(M_EVENTS) == 0.0);
    pthread_mutex_lock(&global.lock);
    global.open = true;
    pthread_mutex_unlock(&global.lock);
    AWAIT(running_published(r, TASKS));
    stop_and_check(r, r->n_events);
}

static bool on_a_list(struct running *r, const char *item) {
    char quoted[40];
    snprintf(quoted, sizeof quoted, "\"id\":\"%s\"", item);
    for (int32_t task = 0; task < TASKS; task++) {
        for (int user = 0; user < 8; user++) {
            const struct fake_key k = running_list(r, FOOD, task, user);
            if (strstr(k.value, quoted)) {
                return true;
            }
        }
    }
    const struct fake_key k = fake_get(&r->store, "crossrec:food:fallback");
    return strstr(k.value, quoted) != NULL;
}

static void an_item_that_is_switched_off_leaves_all_lists_and_comes_back(void **state) {
    struct running *r = make(state, false, true);
    item_row("f3", true);
    running_fill(r, TASKS, 60);
    running_start(r);
    assert_true(fake_assign(&r->kafka, TASKS, TASKS));
    AWAIT(running_published(r, TASKS));
    AWAIT(on_a_list(r, "f3"));
    item_row("f3", false);
    AWAIT(!on_a_list(r, "f3"));
    AWAIT(metric_value(M_WITHDRAWN, 0) == 1.0);
    static const struct avro_bytes tombstone;
    publish_row(ITEMS_TOPIC, "f5", &tombstone); /* a row that is deleted withdraws its item */
    AWAIT(!on_a_list(r, "f5"));
    item_row("f3", true);
    AWAIT(on_a_list(r, "f3"));
    stop_and_check(r, r->n_events);
}

static void a_bad_row_is_counted_and_the_next_ones_are_taken(void **state) {
    struct running *r = make(state, false, true);
    static struct avro_bytes bad = {.n = 3, .bytes = "abc"};
    publish_row(ITEMS_TOPIC, "f1", &bad);
    item_row("f3", false);
    running_fill(r, TASKS, 20);
    running_start(r);
    assert_true(fake_assign(&r->kafka, TASKS, TASKS));
    AWAIT(running_published(r, TASKS));
    assert_true(metric_value(M_BAD_ROWS, INTAKE_WIRE) == 1.0);
    AWAIT(metric_value(M_WITHDRAWN, 0) == 1.0);
    assert_false(on_a_list(r, "f3"));
    stop_and_check(r, r->n_events);
}

static void ignore(struct config_topic *t, const char *symbol) {
    struct config_symbol *s = &t->symbols[t->n_symbols++];
    snprintf(s->symbol, sizeof s->symbol, "%s", symbol);
    s->field = FIELD_ACTION;
    s->meaning = MEANING_IGNORE;
}

/* The breaker would open if they were bad. */
static void what_is_ignored_is_counted_and_its_offset_is_passed(void **state) {
    struct running *r = make(state, false, true);
    ignore(&r->cfg.topics[COURSE], "enroll");
    ignore(&r->cfg.globals[PRIVACY_TOPIC], "stop");
    r->cfg.breaker_share = 0.3;
    r->cfg.breaker_window = 10;
    privacy_row("u2-1", PRIVACY_STOP, INT64_C(1700000000000));
    running_fill(r, TASKS, 30);
    running_start(r);
    assert_true(fake_assign(&r->kafka, TASKS, TASKS));
    AWAIT(running_published(r, TASKS));
    AWAIT(fake_all_committed(&r->kafka));
    assert_true(metric_value(M_IGNORED, COURSE) == TASKS * 30);
    assert_true(metric_value(M_IGNORED, FOOD) == 0.0);
    assert_true(metric_value(M_IGNORED, r->cfg.n_topics + PRIVACY_TOPIC) == 1.0);
    assert_true(metric_value(M_RECORDS, COURSE) == TASKS * 30);
    assert_true(metric_value(M_EVENTS, COURSE) == 0.0);
    assert_true(metric_sum(M_BAD_ROWS) == 0.0 && metric_sum(M_NOT_ALLOWED) == 0.0);
    assert_int_equal(fake_letters_acked(&r->kafka), 0);
    stop_and_check(r, TASKS * 30);
}

static void whoever_asks_to_be_erased_has_empty_lists_and_begins_anew(void **state) {
    struct running *r = make(state, false, true);
    running_fill(r, TASKS, 40);
    running_start(r);
    assert_true(fake_assign(&r->kafka, TASKS, TASKS));
    AWAIT(running_published(r, TASKS));
    AWAIT(running_list(r, FOOD, 1, 0).writes > 0);
    const int64_t now_ms = INT64_C(1700000000000) + r->n_events * INT64_C(1000);
    privacy_row("u1-0", PRIVACY_ERASE, now_ms);
    AWAIT(strstr(running_list(r, FOOD, 1, 0).value, "\"items\":[]") != NULL);
    AWAIT(strstr(running_list(r, COURSE, 1, 0).value, "\"items\":[]") != NULL);
    const int before = r->n_events;
    for (int k = 0; k < 3; k++) {
        (void)running_event(r, FOOD, 1, 0, 2); /* the first is no later than the request */
    }
    AWAIT(metric_value(M_NOT_ALLOWED, 1) == 1.0);
    AWAIT((int)metric_sum(M_EVENTS) == before + 2);
    AWAIT(strstr(running_list(r, FOOD, 1, 0).value, "\"items\":[{") != NULL);
    stop_and_check(r, before + 2);
}

static void whoever_stops_is_neither_learned_nor_shown_until_he_resumes(void **state) {
    struct running *r = make(state, false, true);
    privacy_row("u2-1", PRIVACY_STOP, INT64_C(1700000000000));
    running_fill(r, TASKS, 40);
    running_start(r);
    assert_true(fake_assign(&r->kafka, TASKS, TASKS));
    AWAIT(running_published(r, TASKS));
    const double refused = metric_value(M_NOT_ALLOWED, 0) + metric_value(M_NOT_ALLOWED, 1);
    assert_true(refused > 0.0);
    assert_int_equal(running_list(r, FOOD, 2, 1).writes, 0);
    const int learned = r->n_events - (int)refused;
    AWAIT((int)metric_sum(M_EVENTS) == learned);
    privacy_row("u2-1", PRIVACY_RESUME, INT64_C(1700000000000) + r->n_events * INT64_C(1000));
    running_nap_ms(50);
    (void)running_event(r, FOOD, 2, 1, 2);
    AWAIT(running_list(r, COURSE, 2, 1).writes > 0);
    stop_and_check(r, learned + 1);
}

#define TEST(f) cmocka_unit_test_teardown(f, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(only_the_partitions_that_need_a_schema_wait_for_it_and_go_on_by_themselves),
        TEST(an_id_that_nobody_knows_makes_dead_letters_of_what_waited),
        TEST(what_waited_when_its_task_was_taken_away_is_read_again),
        TEST(the_breaker_stops_reading_says_why_and_tries_again),
        TEST(one_bad_in_ten_stops_nothing),
        TEST(nothing_is_learned_before_the_global_topics_are_read_to_their_end),
        TEST(an_item_that_is_switched_off_leaves_all_lists_and_comes_back),
        TEST(a_bad_row_is_counted_and_the_next_ones_are_taken),
        TEST(what_is_ignored_is_counted_and_its_offset_is_passed),
        TEST(whoever_asks_to_be_erased_has_empty_lists_and_begins_anew),
        TEST(whoever_stops_is_neither_learned_nor_shown_until_he_resumes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
