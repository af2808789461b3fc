/* SPDX-License-Identifier: Apache-2.0
 *
 * test_feed.c -- the contract of feed.h. The producer is a fake that keeps what it is given;
 * the records are read with the decoder.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "feed.h"
#include "intake.h"
#include "wire.h"

/* ---- a producer that keeps what it is given -------------------------------------------- */

enum { KEPT_MAX = 600, VALUE_MAX = 300000 };

struct kept {
    char topic[CONFIG_NAME_MAX];
    char key[ID_LEN_MAX + 1];
    uint8_t *value;
    size_t len;
    int64_t timestamp_ms;
};

struct kafka_producer {
    struct kept kept[KEPT_MAX];
    size_t n;
    int full; /* so many polls until there is room; then room for `room` records */
    int room; /* -1: no limit */
    size_t polls;
    bool broken;
};

enum status kafka_produce(struct kafka_producer *p, const char *topic, const void *key,
                          size_t key_len, const void *value, size_t value_len,
                          int64_t timestamp_ms) {
    if (p->broken) {
        return ST_IO;
    }
    if (p->full > 0 || p->room == 0) {
        return ST_AGAIN;
    }
    assert_true(p->n < KEPT_MAX);
    struct kept *k = &p->kept[p->n++];
    snprintf(k->topic, sizeof k->topic, "%s", topic);
    snprintf(k->key, sizeof k->key, "%.*s", (int)key_len, (const char *)key);
    k->value = malloc(value_len);
    assert_non_null(k->value);
    memcpy(k->value, value, value_len);
    k->len = value_len;
    k->timestamp_ms = timestamp_ms;
    p->room -= p->room > 0;
    return ST_OK;
}

void kafka_producer_poll(struct kafka_producer *p, int timeout_ms) {
    assert_in_range(timeout_ms, 1, 1000); /* it must not burn the processor */
    p->polls++;
    p->full -= p->full > 0;
    p->room = p->room == 0 ? 1 : p->room;
}

/* ---- the bench ----------------------------------------------------------------------- */

struct bench {
    struct config cfg;
    struct kafka_producer producer;
    struct feed *feed;
    struct intake *intake;
    struct decoded_line lines[EVENT_LINES_MAX];
};

static void load(struct bench *b, const char *const *sets, size_t n) {
    char err[CONFIG_ERROR_MAX];
    if (config_load(&b->cfg, NULL, NULL, sets, n, err)) {
        fail_msg("%s", err);
    }
}

static int setup(void **state) {
    static const char *const sets[] = {"domain.lonely.repeats=no", /* no topic has it */
                                       "topic.more-courses.domain=course",
                                       "topic.more-courses.schema=FoodOrder"};
    struct bench *b = calloc(1, sizeof *b);
    char err[CONFIG_ERROR_MAX];
    assert_non_null(b);
    b->producer.room = -1;
    load(b, sets, 3);
    const struct intake_spec spec = {
        .cfg = &b->cfg, .topics = b->cfg.topics, .n_topics = b->cfg.n_topics};
    assert_int_equal(intake_new(&spec, &b->intake, err), ST_OK);
    assert_int_equal(feed_new(&b->cfg, &b->producer, NULL, &b->feed), ST_OK);
    *state = b;
    return 0;
}

static int teardown(void **state) {
    struct bench *b = *state;
    for (size_t i = 0; i < b->producer.n; i++) {
        free(b->producer.kept[i].value);
    }
    feed_free(b->feed);
    intake_free(b->intake);
    free(b);
    return 0;
}

static uint32_t domain(const struct bench *b, const char *name) {
    uint32_t d = 0;
    while (strcmp(b->cfg.domains[d].name, name) != 0) {
        d++;
        assert_true(d < b->cfg.n_domains);
    }
    return d;
}

/* An event of n lines, items "i0", "i1", ... */
static struct decoded event_of(uint32_t n, struct decoded_line *lines, char (*items)[8]) {
    for (uint32_t i = 0; i < n; i++) {
        const int len = snprintf(items[i], 8, "i%u", (unsigned)i);
        lines[i] = (struct decoded_line){.item = items[i],
                                         .item_len = (size_t)len,
                                         .quantity = i + 1.0,
                                         .amount = i + 0.5,
                                         .discount = i + 0.25};
    }
    return (struct decoded){.event_id = "event",
                            .event_id_len = 5,
                            .user_id = "user",
                            .user_id_len = 4,
                            .ts_ms = INT64_C(1600000000123),
                            .action = ACTION_COMPLETE,
                            .n_lines = n,
                            .lines = lines};
}

/* Decodes a record that was produced. */
static struct decoded read_back(struct bench *b, size_t i, enum reader reader) {
    struct wire_msg msg;
    struct event e;
    const char *detail = "";
    assert_true(i < b->producer.n);
    const struct kept *k = &b->producer.kept[i];
    assert_int_equal(wire_parse(k->value, k->len, &msg), ST_OK);
    assert_int_equal(msg.schema_id, shipped_id(reader));
    struct record r = {.value = k->value, .value_len = k->len};
    while (strcmp(b->cfg.topics[r.topic].schema, reader_name(reader)) != 0) {
        r.topic++;
    }
    (void)intake_event(b->intake, &r, INT64_MAX, &e, &detail); /* numbers may be beyond limits */
    struct decoded out = *intake_decoded(b->intake);
    memcpy(b->lines, out.lines, out.n_lines * sizeof *out.lines);
    out.lines = b->lines;
    return out;
}

static void assert_text(const char *p, size_t len, const char *expected) {
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(p, expected, len);
}

static void assert_same(double a, double b) {
    assert_memory_equal(&a, &b, sizeof a);
}

/* ---- tests --------------------------------------------------------------------------- */

static void an_event_goes_to_the_first_topic_of_its_domain_keyed_by_user(void **state) {
    struct bench *b = *state;
    struct decoded_line lines[2];
    char items[2][8];
    const struct decoded e = event_of(1, lines, items);
    assert_int_equal(feed_send(b->feed, domain(b, "course"), &e), ST_OK);
    assert_int_equal(feed_send(b->feed, domain(b, "food"), &e), ST_OK);
    assert_string_equal(b->producer.kept[0].topic, "course-views");
    assert_string_equal(b->producer.kept[1].topic, "food-orders");
    assert_string_equal(b->producer.kept[0].key, "user");
    assert_string_equal(b->producer.kept[1].key, "user");
    assert_int_equal(b->producer.kept[0].timestamp_ms, 0); /* now */
    assert_int_equal(feed_records(b->feed), 2);
    assert_int_equal(feed_topic(b->feed, domain(b, "course")), 0);
    assert_int_equal(feed_topic(b->feed, domain(b, "lonely")), b->cfg.n_topics);
}

static void a_course_view_keeps_item_action_and_amount(void **state) {
    struct bench *b = *state;
    struct decoded_line lines[1];
    char items[1][8];
    const struct decoded e = event_of(1, lines, items);
    assert_int_equal(feed_send(b->feed, domain(b, "course"), &e), ST_OK);
    const struct decoded out = read_back(b, 0, READER_COURSE_VIEW);
    assert_text(out.event_id, out.event_id_len, "event");
    assert_text(out.user_id, out.user_id_len, "user");
    assert_int_equal(out.ts_ms, e.ts_ms);
    assert_int_equal(out.action, ACTION_COMPLETE);
    assert_int_equal(out.n_lines, 1);
    assert_text(out.lines[0].item, out.lines[0].item_len, "i0");
    assert_same(out.lines[0].amount, 0.5);
    assert_same(out.lines[0].discount, 0.0); /* it has no place for one */
}

static void an_order_keeps_all_its_lines_in_one_record(void **state) {
    struct bench *b = *state;
    struct decoded_line lines[EVENT_LINES_MAX];
    char items[EVENT_LINES_MAX][8];
    const struct decoded e = event_of(EVENT_LINES_MAX, lines, items);
    assert_int_equal(feed_send(b->feed, domain(b, "food"), &e), ST_OK);
    assert_int_equal(feed_records(b->feed), 1);
    const struct decoded out = read_back(b, 0, READER_FOOD_ORDER);
    assert_int_equal(out.n_lines, EVENT_LINES_MAX);
    for (uint32_t i = 0; i < out.n_lines; i++) {
        assert_text(out.lines[i].item, out.lines[i].item_len, items[i]);
        assert_same(out.lines[i].quantity, i + 1.0);
        assert_same(out.lines[i].amount, i + 0.5);
        assert_same(out.lines[i].discount, i + 0.25);
    }
}

static void a_course_view_of_several_lines_becomes_several_with_ids_of_their_own(void **state) {
    struct bench *b = *state;
    enum { N = 3 };
    static const char *const ids[N] = {"event", "event-1", "event-2"};
    struct decoded_line lines[N];
    char items[N][8];
    const struct decoded e = event_of(N, lines, items);
    assert_int_equal(feed_send(b->feed, domain(b, "course"), &e), ST_OK);
    assert_int_equal(feed_records(b->feed), N);
    for (uint32_t i = 0; i < N; i++) {
        const struct decoded out = read_back(b, i, READER_COURSE_VIEW);
        assert_text(out.event_id, out.event_id_len, ids[i]);
        assert_text(out.lines[0].item, out.lines[0].item_len, items[i]);
        assert_int_equal(out.ts_ms, e.ts_ms);
    }
}

static void the_longest_order_of_the_longest_ids_fits(void **state) {
    struct bench *b = *state;
    static char id[ID_LEN_MAX];
    static struct decoded_line lines[EVENT_LINES_MAX];
    memset(id, 'x', sizeof id);
    for (uint32_t i = 0; i < EVENT_LINES_MAX; i++) {
        lines[i] = (struct decoded_line){.item = id,
                                         .item_len = sizeof id,
                                         .quantity = 1e300,
                                         .amount = 1e300,
                                         .discount = 1e300};
    }
    struct decoded e = {.event_id = id,
                        .event_id_len = sizeof id,
                        .user_id = id,
                        .user_id_len = sizeof id,
                        .ts_ms = INT64_MAX,
                        .n_lines = EVENT_LINES_MAX,
                        .lines = lines};
    assert_int_equal(feed_send(b->feed, domain(b, "food"), &e), ST_OK);
    assert_int_equal(read_back(b, 0, READER_FOOD_ORDER).n_lines, EVENT_LINES_MAX);
    e.event_id_len = ID_LEN_MAX - 4; /* and room for "-511" */
    assert_int_equal(feed_send(b->feed, domain(b, "course"), &e), ST_OK);
    assert_int_equal(b->producer.n, 1 + EVENT_LINES_MAX);
    const struct decoded last = read_back(b, EVENT_LINES_MAX, READER_COURSE_VIEW);
    assert_int_equal(last.event_id_len, ID_LEN_MAX);
    assert_memory_equal(last.event_id + ID_LEN_MAX - 4, "-511", 4);
}

static void what_cannot_be_encoded_is_refused_and_nothing_is_produced(void **state) {
    struct bench *b = *state;
    struct decoded_line lines[2];
    char items[2][8];
    struct decoded e = event_of(0, lines, items);
    assert_int_equal(feed_send(b->feed, domain(b, "course"), &e), ST_INVALID);
    assert_int_equal(feed_send(b->feed, domain(b, "food"), &e), ST_INVALID);
    e.n_lines = EVENT_LINES_MAX + 1;
    assert_int_equal(feed_send(b->feed, domain(b, "course"), &e), ST_INVALID);
    assert_int_equal(feed_send(b->feed, domain(b, "food"), &e), ST_INVALID);
    e = event_of(2, lines, items);
    e.action = ACTIONS;
    assert_int_equal(feed_send(b->feed, domain(b, "course"), &e), ST_INVALID);
    static char long_id[ID_LEN_MAX];
    memset(long_id, 'x', sizeof long_id);
    e = event_of(2, lines, items); /* no room to tell its lines apart */
    e.event_id = long_id;
    e.event_id_len = sizeof long_id - 3;
    assert_int_equal(feed_send(b->feed, domain(b, "course"), &e), ST_INVALID);
    assert_int_equal(b->producer.n, 0);
    assert_int_equal(feed_records(b->feed), 0);
}

static void a_domain_without_a_topic_is_not_found(void **state) {
    struct bench *b = *state;
    struct decoded_line lines[1];
    char items[1][8];
    const struct decoded e = event_of(1, lines, items);
    assert_int_equal(feed_send(b->feed, domain(b, "lonely"), &e), ST_NOT_FOUND);
    assert_int_equal(feed_send(b->feed, b->cfg.n_domains, &e), ST_NOT_FOUND);
    assert_int_equal(feed_send(b->feed, UINT32_MAX, &e), ST_NOT_FOUND);
    assert_int_equal(b->producer.n, 0);
}

static void a_full_queue_is_waited_for_and_no_record_is_doubled(void **state) {
    struct bench *b = *state;
    struct decoded_line lines[3];
    char items[3][8];
    const struct decoded e = event_of(3, lines, items);
    b->producer.full = 5;
    b->producer.room = 1;
    assert_int_equal(feed_send(b->feed, domain(b, "course"), &e), ST_OK);
    assert_true(b->producer.polls >= 7);
    assert_int_equal(b->producer.n, 3);
    for (uint32_t i = 0; i < 3; i++) {
        const struct decoded out = read_back(b, i, READER_COURSE_VIEW);
        assert_text(out.lines[0].item, out.lines[0].item_len, items[i]);
    }
}

static void a_producer_that_refuses_is_an_error(void **state) {
    struct bench *b = *state;
    struct decoded_line lines[1];
    char items[1][8];
    const struct decoded e = event_of(1, lines, items);
    b->producer.broken = true;
    assert_int_equal(feed_send(b->feed, domain(b, "food"), &e), ST_IO);
    assert_int_equal(feed_records(b->feed), 0);
}

static void default_actions_are_those_of_the_readers(void **state) {
    struct bench *b = *state;
    assert_int_equal(feed_action(b->feed, domain(b, "course")), ACTION_ENROLL);
    assert_int_equal(feed_action(b->feed, domain(b, "food")), ACTION_ORDER);
    assert_true(feed_has_action(b->feed, domain(b, "course")));
    assert_false(feed_has_action(b->feed, domain(b, "food")));
}

static void a_topic_that_cannot_be_written_is_passed_over(void **state) {
    struct bench *b = *state;
    enum reader reader;
    const uint32_t before = feed_topic_of(&b->cfg, domain(b, "course"), &reader);
    assert_int_equal(reader, READER_COURSE_VIEW);
    snprintf(b->cfg.topics[before].schema, CONFIG_NAME_MAX, "partner/own.avsc");
    const uint32_t after = feed_topic_of(&b->cfg, domain(b, "course"), &reader);
    assert_true(after > before && after < b->cfg.n_topics);
    assert_string_equal(b->cfg.topics[after].name, "more-courses");
    assert_int_equal(reader, READER_FOOD_ORDER);
    snprintf(b->cfg.topics[after].schema, CONFIG_NAME_MAX, "Item");
    assert_int_equal(feed_topic_of(&b->cfg, domain(b, "course"), &reader), b->cfg.n_topics);
    feed_free(NULL);
}

#define WITH_BENCH(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_BENCH(an_event_goes_to_the_first_topic_of_its_domain_keyed_by_user),
        WITH_BENCH(a_course_view_keeps_item_action_and_amount),
        WITH_BENCH(an_order_keeps_all_its_lines_in_one_record),
        WITH_BENCH(a_course_view_of_several_lines_becomes_several_with_ids_of_their_own),
        WITH_BENCH(the_longest_order_of_the_longest_ids_fits),
        WITH_BENCH(what_cannot_be_encoded_is_refused_and_nothing_is_produced),
        WITH_BENCH(a_domain_without_a_topic_is_not_found),
        WITH_BENCH(a_full_queue_is_waited_for_and_no_record_is_doubled),
        WITH_BENCH(a_producer_that_refuses_is_an_error),
        WITH_BENCH(default_actions_are_those_of_the_readers),
        WITH_BENCH(a_topic_that_cannot_be_written_is_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
