/* SPDX-License-Identifier: Apache-2.0
 *
 * test_intake.c -- contract tests of consumer/intake.h, with real Avro bytes: written by
 * avro-c (encode.h), and by hand where it refuses to write what must be refused here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "decode.h"
#include "encode.h"
#include "failing_alloc.h"
#include "hash.h"
#include "intake.h"
#include "mapping.h"
#include "mapping_field.h"

enum { COURSE_VIEWS, FOOD_ORDERS, BYTES_MAX = 1 << 20 };

static const int64_t NOW_MS = INT64_C(1790000000000);

struct fixture {
    struct config cfg;
    struct intake *in;
    struct encoder *encoders[READERS];
};

static int setup(void **state) {
    static struct fixture f;
    char err[CONFIG_ERROR_MAX] = "";
    memset(&f, 0, sizeof f);
    config_defaults(&f.cfg);
    snprintf(f.cfg.domains[0].name, CONFIG_NAME_MAX, "food"); /* the other way round */
    snprintf(f.cfg.domains[1].name, CONFIG_NAME_MAX, "course");
    f.cfg.topics[COURSE_VIEWS].domain = 1;
    f.cfg.topics[FOOD_ORDERS].domain = 0;
    const struct intake_spec spec = {
        .cfg = &f.cfg, .topics = f.cfg.topics, .n_topics = f.cfg.n_topics};
    assert_int_equal(intake_new(&spec, &f.in, err), ST_OK);
    for (int r = 0; r <= READER_FOOD_ORDER; r++) {
        const uint32_t id = shipped_id((enum reader)r);
        assert_int_equal(encoder_new((enum reader)r, id, &f.encoders[r]), ST_OK);
    }
    *state = &f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    for (int r = 0; r <= READER_FOOD_ORDER; r++) {
        encoder_free(f->encoders[r]);
    }
    intake_free(f->in);
    return 0;
}

/* ---- records --------------------------------------------------------------------------- */

static struct decoded_line good_lines[EVENT_LINES_MAX + 1];

static struct decoded good(uint32_t n_lines) {
    for (uint32_t k = 0; k < n_lines; k++) {
        good_lines[k] = (struct decoded_line){
            .item = "item-0", .item_len = 6, .quantity = 1, .amount = 0.5 * k};
    }
    return (struct decoded){.event_id = "event-1",
                            .event_id_len = 7,
                            .user_id = "user-1",
                            .user_id_len = 6,
                            .ts_ms = NOW_MS,
                            .action = ACTION_ORDER,
                            .n_lines = n_lines,
                            .lines = good_lines};
}

static uint8_t bytes[BYTES_MAX];
static struct event event;
static const char *detail;

static struct record record_of(uint16_t topic, const void *value, size_t len) {
    return (struct record){.offset = 77,
                           .timestamp_ms = NOW_MS,
                           .value = value,
                           .value_len = len,
                           .partition = 3,
                           .topic = topic};
}

/* What the intake says of these bytes. `event` is set to a pattern before. */
static enum intake_reason take(struct fixture *f, uint16_t topic, const void *value, size_t len,
                               int64_t now_ms) {
    const struct record r = record_of(topic, value, len);
    memset(&event, 0x5a, sizeof event);
    detail = NULL;
    const enum intake_reason reason = intake_event(f->in, &r, now_ms, &event, &detail);
    assert_non_null(detail);
    assert_int_equal(detail[0] != '\0', reason == INTAKE_DECODE || reason == INTAKE_OVERSIZED ||
                                            reason == INTAKE_SCHEMA_READER ||
                                            reason == INTAKE_IGNORED);
    return reason;
}

static size_t encode_order(struct fixture *f, const struct decoded *d) {
    size_t used = 0;
    enum status st = encode(f->encoders[READER_FOOD_ORDER], d, bytes, sizeof bytes, &used);
    assert_int_equal(st, ST_OK);
    return used;
}

static enum intake_reason take_order(struct fixture *f, const struct decoded *d) {
    return take(f, FOOD_ORDERS, bytes, encode_order(f, d), NOW_MS);
}

static enum intake_reason take_view(struct fixture *f, const struct decoded *d) {
    size_t used = 0;
    enum status st = encode(f->encoders[READER_COURSE_VIEW], d, bytes, sizeof bytes, &used);
    assert_int_equal(st, ST_OK);
    return take(f, COURSE_VIEWS, bytes, used, NOW_MS);
}

/* ---- good events --------------------------------------------------------------------- */

static void assert_view_into_the_bytes(const char *view, size_t len) {
    assert_true((const uint8_t *)view >= bytes && (const uint8_t *)view + len <= bytes + BYTES_MAX);
}

static void an_order_becomes_an_event_with_all_its_lines(void **state) {
    struct fixture *f = *state;
    struct decoded d = good(3);
    d.lines[1] = (struct decoded_line){
        .item = "d\0sh", .item_len = 4, .quantity = 2, .amount = 9, .discount = 1.5};
    assert_int_equal(take_order(f, &d), INTAKE_OK);
    assert_true(event.id == hash_id("event-1", 7));
    assert_true(event.user == hash_id("user-1", 6));
    assert_true(event.ts_ms == NOW_MS && event.offset == 77);
    assert_int_equal(event.user_id_len, 6);
    assert_memory_equal(event.user_id, "user-1", 6);
    assert_view_into_the_bytes(event.user_id, 6);
    assert_int_equal(event.domain, 0);
    assert_int_equal(event.topic, FOOD_ORDERS);
    assert_int_equal(event.action, ACTION_ORDER);
    assert_int_equal(event.n_lines, 3);
    assert_true(event.lines[0].item == hash_item("food", "item-0", 6));
    assert_true(event.lines[1].item == hash_item("food", "d\0sh", 4));
    assert_int_equal(event.lines[1].id_len, 4);
    assert_memory_equal(event.lines[1].id, "d\0sh", 4);
    assert_view_into_the_bytes(event.lines[1].id, 4);
    assert_true(event.lines[1].quantity == 2.0F && event.lines[1].amount == 9.0F);
    assert_true(event.lines[1].discount == 1.5F && event.lines[2].discount == 0.0F);
    assert_true(event.lines[2].quantity == 1.0F && event.lines[2].amount == 1.0F);
}

static void a_view_becomes_an_event_of_one_line_in_the_domain_of_its_topic(void **state) {
    struct fixture *f = *state;
    for (int a = 0; a < ACTIONS_OF_EVENTS; a++) {
        struct decoded d = good(1);
        d.action = (enum action)a;
        d.lines[0].amount = a == 0 ? 0 : 12.5; /* 0: written as null */
        assert_int_equal(take_view(f, &d), INTAKE_OK);
        assert_int_equal(event.domain, 1);
        assert_int_equal(event.topic, COURSE_VIEWS);
        assert_int_equal(event.action, a);
        assert_int_equal(event.n_lines, 1);
        assert_true(event.lines[0].item == hash_item("course", "item-0", 6));
        assert_true(event.lines[0].quantity == 1.0F && event.lines[0].discount == 0.0F);
        assert_true(event.lines[0].amount == (a == 0 ? 0.0F : 12.5F));
    }
}

static void as_many_lines_as_there_may_be_are_taken(void **state) {
    struct fixture *f = *state;
    const struct decoded d = good(EVENT_LINES_MAX);
    assert_int_equal(take_order(f, &d), INTAKE_OK);
    assert_int_equal(event.n_lines, EVENT_LINES_MAX);
    assert_true(event.lines[EVENT_LINES_MAX - 1].amount == 0.5F * (EVENT_LINES_MAX - 1));
}

/* ---- ids ------------------------------------------------------------------------------- */

static const struct {
    size_t len;
    bool ok;
} id_lens[] = {{0, false},   {1, true},      {2, true},     {254, true}, {255, true},
               {256, false}, {65536, false}, {65537, false}}; /* the last two: 0 and 1 in 16 bits */

static void ids_have_1_to_255_bytes(void **state) {
    struct fixture *f = *state;
    static char id[65537];
    memset(id, 'x', sizeof id);
    for (size_t k = 0; k < sizeof id_lens / sizeof id_lens[0]; k++) {
        const size_t len = id_lens[k].len;
        struct decoded d = good(2);
        d.user_id = id;
        d.user_id_len = len;
        assert_int_equal(take_order(f, &d), id_lens[k].ok ? INTAKE_OK : INTAKE_USER);
        assert_true(!id_lens[k].ok || event.user_id_len == len);
        d = good(2);
        d.event_id = id;
        d.event_id_len = len;
        assert_int_equal(take_order(f, &d), id_lens[k].ok ? INTAKE_OK : INTAKE_EVENT_ID);
        d = good(2);
        d.lines[1].item = id; /* not the first one */
        d.lines[1].item_len = len;
        assert_int_equal(take_order(f, &d), id_lens[k].ok ? INTAKE_OK : INTAKE_ITEM);
        d = good(1);
        d.lines[0].item = id;
        d.lines[0].item_len = len;
        assert_int_equal(take_view(f, &d), id_lens[k].ok ? INTAKE_OK : INTAKE_ITEM);
        assert_true(!id_lens[k].ok || event.lines[0].id_len == len);
    }
}

/* ---- whom it was with ------------------------------------------------------------------ */

/* What is kept of `with` when `user` likes something of his. */
static uint32_t counterpart(struct fixture *f, const char *user, const char *with, size_t len) {
    static struct config cfg;
    struct intake *in = NULL;
    struct encoder *e = NULL;
    char err[CONFIG_ERROR_MAX] = "";
    struct decoded d = good(1);
    size_t used = 0;
    cfg = f->cfg;
    snprintf(cfg.topics[0].schema, sizeof cfg.topics[0].schema, "SocialInteraction");
    const uint32_t id = shipped_id(READER_SOCIAL_INTERACTION);
    const struct intake_spec spec = {.cfg = &cfg, .topics = cfg.topics, .n_topics = 1};
    assert_int_equal(intake_new(&spec, &in, err), ST_OK);
    assert_int_equal(encoder_new(READER_SOCIAL_INTERACTION, id, &e), ST_OK);
    d.action = ACTION_LIKE;
    d.user_id = user;
    d.user_id_len = strlen(user);
    d.counterpart = with;
    d.counterpart_len = len;
    assert_int_equal(encode(e, &d, bytes, sizeof bytes, &used), ST_OK);
    const struct record r = record_of(0, bytes, used);
    memset(&event, 0x5a, sizeof event);
    assert_int_equal(intake_event(in, &r, NOW_MS, &event, &detail), INTAKE_OK);
    assert_int_equal(event.action, ACTION_LIKE);
    encoder_free(e);
    intake_free(in);
    return event.counterpart;
}

static void of_the_other_user_32_bits_of_a_hash_are_kept(void **state) {
    struct fixture *f = *state;
    assert_true(counterpart(f, "me", "you", 3) == (uint32_t)hash_id("you", 3));
    assert_true(counterpart(f, "me", "y\0u", 3) == (uint32_t)hash_id("y\0u", 3));
    assert_int_equal(counterpart(f, "me", "", 0), 0);
    const struct decoded d = good(1); /* a schema that has none */
    assert_int_equal(take_order(f, &d), INTAKE_OK);
    assert_int_equal(event.counterpart, 0);
}

static void nobody_has_to_do_with_himself(void **state) {
    struct fixture *f = *state;
    assert_int_equal(counterpart(f, "me", "me", 2), 0);
    assert_int_not_equal(counterpart(f, "me", "mee", 3), 0);
    assert_int_not_equal(counterpart(f, "me", "m", 1), 0);
    assert_int_not_equal(counterpart(f, "me", "ME", 2), 0);
}

/* 0 is nobody, and he is somebody: this id was found by trying. */
static void whose_32_bits_are_0_is_1(void **state) {
    struct fixture *f = *state;
    assert_int_equal((uint32_t)hash_id("9a66d9141", 9), 0);
    assert_int_equal(counterpart(f, "me", "9a66d9141", 9), 1);
}

/* The event counts all the same. */
static void an_id_that_no_user_can_have_is_nobodys(void **state) {
    struct fixture *f = *state;
    static char id[65537];
    memset(id, 'x', sizeof id);
    for (size_t k = 0; k < sizeof id_lens / sizeof id_lens[0]; k++) {
        const uint32_t who = counterpart(f, "me", id, id_lens[k].len);
        assert_int_equal(who != 0, id_lens[k].ok);
    }
}

/* ---- numbers --------------------------------------------------------------------------- */

static void quantities_and_money_are_finite_and_from_0_to_a_million_millions(void **state) {
    struct fixture *f = *state;
    const struct {
        double x;
        bool ok;
    } cases[] = {{0, true},
                 {-0.0, true},
                 {5e-324, true},
                 {1e12, true},
                 {nextafter(1e12, 2e12), false},
                 {1e39, false}, /* infinite as a float */
                 {1e308, false},
                 {-5e-324, false},
                 {-1, false},
                 {-1e308, false},
                 {(double)INFINITY, false},
                 {-(double)INFINITY, false},
                 {(double)NAN, false},
                 {-(double)NAN, false}};
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        const enum intake_reason expected = cases[k].ok ? INTAKE_OK : INTAKE_NUMBER;
        struct decoded d = good(3);
        d.lines[2].quantity = cases[k].x;
        assert_int_equal(take_order(f, &d), expected);
        assert_true(!cases[k].ok || event.lines[2].quantity == (float)cases[k].x);
        d = good(3);
        d.lines[2].amount = cases[k].x;
        assert_int_equal(take_order(f, &d), expected);
        assert_true(!cases[k].ok || event.lines[2].amount == (float)cases[k].x);
        d = good(3);
        d.lines[2].discount = cases[k].x;
        assert_int_equal(take_order(f, &d), expected);
        assert_true(!cases[k].ok || event.lines[2].discount == (float)cases[k].x);
        d = good(1);
        d.lines[0].amount = cases[k].x;
        assert_int_equal(take_view(f, &d), expected);
        assert_true(!cases[k].ok || event.lines[0].amount == (float)cases[k].x);
    }
}

/* ---- time ------------------------------------------------------------------------------ */

static enum intake_reason take_at(struct fixture *f, int64_t ts_ms, int64_t now_ms) {
    struct decoded d = good(1);
    d.ts_ms = ts_ms;
    return take(f, FOOD_ORDERS, bytes, encode_order(f, &d), now_ms);
}

static void times_before_the_year_2000_are_refused_to_the_millisecond(void **state) {
    struct fixture *f = *state;
    const int64_t first = INT64_C(946684800) * 1000; /* date -u -d 2000-01-01 +%s */
    assert_int_equal(take_at(f, first, NOW_MS), INTAKE_OK);
    assert_int_equal(take_at(f, first - 1, NOW_MS), INTAKE_TIME_PAST);
    assert_int_equal(take_at(f, 0, NOW_MS), INTAKE_TIME_PAST);
    assert_int_equal(take_at(f, -1, NOW_MS), INTAKE_TIME_PAST);
    assert_int_equal(take_at(f, INT64_MIN, NOW_MS), INTAKE_TIME_PAST);
    assert_int_equal(take_at(f, NOW_MS / 1000, NOW_MS), INTAKE_TIME_PAST); /* sent as seconds */
    assert_int_equal(take_at(f, first - 1, INT64_MAX), INTAKE_TIME_PAST);  /* no clock either */
}

static void times_over_ten_minutes_ahead_are_refused_to_the_millisecond(void **state) {
    struct fixture *f = *state;
    assert_int_equal(take_at(f, NOW_MS + 600000, NOW_MS), INTAKE_OK);
    assert_int_equal(take_at(f, NOW_MS + 600001, NOW_MS), INTAKE_TIME_FUTURE);
    assert_int_equal(take_at(f, INT64_MAX, NOW_MS), INTAKE_TIME_FUTURE);
    assert_int_equal(take_at(f, NOW_MS * 1000, NOW_MS), INTAKE_TIME_FUTURE); /* microseconds */
}

static void without_a_clock_times_up_to_2100_are_taken(void **state) {
    struct fixture *f = *state;
    const int64_t end = INT64_C(4102444800) * 1000; /* date -u -d 2100-01-01 +%s */
    assert_int_equal(take_at(f, NOW_MS + 600001, INT64_MAX), INTAKE_OK);
    assert_int_equal(take_at(f, end - 1, INT64_MAX), INTAKE_OK);
    assert_true(event.ts_ms == end - 1);
    assert_int_equal(take_at(f, end, INT64_MAX), INTAKE_TIME_FUTURE);
    assert_int_equal(take_at(f, INT64_MAX, INT64_MAX), INTAKE_TIME_FUTURE);
}

/* ---- bytes ----------------------------------------------------------------------------- */

static void a_record_without_a_value_is_empty(void **state) {
    struct fixture *f = *state;
    assert_int_equal(take(f, FOOD_ORDERS, NULL, 0, NOW_MS), INTAKE_EMPTY);
}

static void a_value_without_magic_and_schema_id_has_no_wire_header(void **state) {
    struct fixture *f = *state;
    assert_int_equal(take(f, FOOD_ORDERS, "", 0, NOW_MS), INTAKE_WIRE);
    assert_int_equal(take(f, FOOD_ORDERS, "\0\0\0\0", 4, NOW_MS), INTAKE_WIRE);
    assert_int_equal(take(f, FOOD_ORDERS, "{\"user\":1}", 10, NOW_MS), INTAKE_WIRE);
    const struct decoded d = good(1);
    const size_t used = encode_order(f, &d);
    bytes[0] = 1;
    assert_int_equal(take(f, FOOD_ORDERS, bytes, used, NOW_MS), INTAKE_WIRE);
}

static void an_id_that_no_schema_has_is_unknown(void **state) {
    struct fixture *f = *state;
    static const uint32_t ids[] = {0, 99, 0x100, 0x01000000, 0x02000000, UINT32_MAX};
    const struct decoded d = good(1);
    const size_t used = encode_order(f, &d);
    for (size_t k = 0; k < sizeof ids / sizeof ids[0]; k++) {
        for (size_t i = 0; i < 4; i++) {
            bytes[1 + i] = (uint8_t)(ids[k] >> (24 - 8 * i));
        }
        assert_int_equal(take(f, FOOD_ORDERS, bytes, used, NOW_MS), INTAKE_SCHEMA_UNKNOWN);
    }
}

static void a_schema_of_another_topic_is_known_but_cannot_be_read(void **state) {
    struct fixture *f = *state;
    const struct decoded d = good(1);
    const size_t used = encode_order(f, &d);
    assert_int_equal(take(f, COURSE_VIEWS, bytes, used, NOW_MS), INTAKE_SCHEMA_READER);
}

static void every_prefix_and_one_byte_more_do_not_follow_the_schema(void **state) {
    struct fixture *f = *state;
    const struct decoded d = good(3);
    const size_t used = encode_order(f, &d);
    for (size_t len = 5; len < used; len++) {
        assert_int_equal(take(f, FOOD_ORDERS, bytes, len, NOW_MS), INTAKE_DECODE);
        assert_true(strlen(detail) > 3);
    }
    bytes[used] = 0;
    assert_int_equal(take(f, FOOD_ORDERS, bytes, used + 1, NOW_MS), INTAKE_DECODE);
    assert_string_equal(detail, decode_error_str(DECODE_TRAILING));
}

/* Avro by hand: event_id "e", user_id "u", ts, restaurant_id null, currency null. */
static size_t order_head(uint8_t *p) {
    static const uint8_t head[] = {0, 0, 0, 0, 9, 2, 'e', 2, 'u'};
    memcpy(p, head, sizeof head);
    size_t n = sizeof head;
    uint64_t x = (uint64_t)NOW_MS << 1; /* zigzag of a positive number */
    for (; x >= 0x80; x >>= 7) {
        p[n++] = (uint8_t)(x & 0x7f) | 0x80;
    }
    p[n++] = (uint8_t)x;
    p[n++] = 0;
    p[n++] = 0;
    return n;
}

static void an_order_without_lines_is_refused(void **state) {
    struct fixture *f = *state;
    size_t n = order_head(bytes);
    bytes[n++] = 0; /* an array of no blocks */
    assert_int_equal(take(f, FOOD_ORDERS, bytes, n, NOW_MS), INTAKE_LINES);
}

static void one_line_more_than_there_may_be_is_refused(void **state) {
    struct fixture *f = *state;
    size_t n = order_head(bytes);
    const unsigned count = 2 * (EVENT_LINES_MAX + 1); /* zigzag */
    bytes[n++] = (uint8_t)((count & 0x7f) | 0x80);
    bytes[n++] = (uint8_t)(count >> 7);
    for (int k = 0; k < EVENT_LINES_MAX + 1; k++) {
        bytes[n++] = 2;
        bytes[n++] = 'd';
        memset(bytes + n, 0, 24); /* quantity 0, amount 0, discount 0 */
        n += 24;
    }
    bytes[n++] = 0;
    assert_int_equal(take(f, FOOD_ORDERS, bytes, n, NOW_MS), INTAKE_OVERSIZED);
    assert_string_equal(detail, mapping_error_str(MAPPING_LINES));
}

static void a_refused_record_leaves_the_event_untouched(void **state) {
    struct fixture *f = *state;
    struct event untouched;
    memset(&untouched, 0x5a, sizeof untouched);
    struct decoded d = good(2);
    d.lines[1].amount = -1;
    assert_int_equal(take_order(f, &d), INTAKE_NUMBER);
    assert_memory_equal(&event, &untouched, sizeof event);
    assert_int_equal(take(f, FOOD_ORDERS, bytes, 9, NOW_MS), INTAKE_DECODE);
    assert_memory_equal(&event, &untouched, sizeof event);
    d = good(1);
    assert_int_equal(take_order(f, &d), INTAKE_OK); /* and the next one is taken */
}

static void what_map_action_says_to_ignore_is_no_event_and_no_dead_letter(void **state) {
    struct fixture *f = *state;
    static struct config cfg;
    char err[CONFIG_ERROR_MAX] = "";
    struct intake *in = NULL;
    cfg = f->cfg;
    struct config_topic *t = &cfg.topics[COURSE_VIEWS];
    t->symbols[t->n_symbols++] =
        (struct config_symbol){.symbol = "rate", .field = FIELD_ACTION, .meaning = MEANING_IGNORE};
    const struct intake_spec spec = {.cfg = &cfg, .topics = cfg.topics, .n_topics = cfg.n_topics};
    assert_int_equal(intake_new(&spec, &in, err), ST_OK);
    struct intake *before = f->in;
    struct event untouched;
    memset(&untouched, 0x5a, sizeof untouched);
    struct decoded d = good(1);
    f->in = in;
    d.action = ACTION_RATE;
    assert_int_equal(take_view(f, &d), INTAKE_IGNORED);
    assert_string_equal(detail, mapping_error_str(MAPPING_IGNORED));
    assert_memory_equal(&event, &untouched, sizeof event);
    d.user_id_len = 0; /* nothing else is looked at */
    d.ts_ms = 0;
    assert_int_equal(take_view(f, &d), INTAKE_IGNORED);
    d.action = ACTION_VIEW;
    assert_int_equal(take_view(f, &d), INTAKE_USER);
    d = good(1);
    d.action = ACTION_VIEW;
    assert_int_equal(take_view(f, &d), INTAKE_OK);
    assert_true((int)INTAKE_IGNORED >= (int)INTAKE_REASONS && INTAKE_IGNORED != INTAKE_WAIT);
    f->in = before;
    intake_free(in);
}

/* ---- reasons --------------------------------------------------------------------------- */

static void codes_are_these_for_ever(void **state) {
    (void)state;
    static const char *const codes[] = {
        [INTAKE_OK] = "ok",
        [INTAKE_EMPTY] = "empty",
        [INTAKE_OVERSIZED] = "oversized",
        [INTAKE_WRONG_PARTITION] = "wrong-partition",
        [INTAKE_WIRE] = "wire-header",
        [INTAKE_SCHEMA_UNKNOWN] = "schema-unknown",
        [INTAKE_SCHEMA_READER] = "schema-mismatch",
        [INTAKE_DECODE] = "decode",
        [INTAKE_MISSING] = "missing",
        [INTAKE_USER] = "user-id",
        [INTAKE_EVENT_ID] = "event-id",
        [INTAKE_ITEM] = "item-id",
        [INTAKE_LINES] = "no-lines",
        [INTAKE_ACTION] = "action",
        [INTAKE_DOMAIN] = "domain",
        [INTAKE_TIME] = "time-text",
        [INTAKE_TIME_PAST] = "time-past",
        [INTAKE_TIME_FUTURE] = "time-future",
        [INTAKE_NUMBER] = "number",
    };
    assert_int_equal(INTAKE_REASONS, sizeof codes / sizeof codes[0]);
    for (int r = 0; r < INTAKE_REASONS; r++) {
        const char *code = intake_reason_code((enum intake_reason)r);
        assert_string_equal(code, codes[r]);
        assert_int_equal(strspn(code, "abcdefghijklmnopqrstuvwxyz-"), strlen(code));
        assert_true(strlen(intake_reason_text((enum intake_reason)r)) > 3);
        for (int other = 0; other < r; other++) {
            assert_string_not_equal(code, intake_reason_code((enum intake_reason)other));
            assert_string_not_equal(intake_reason_text((enum intake_reason)r),
                                    intake_reason_text((enum intake_reason)other));
        }
    }
}

static struct intake_spec spec_of(const struct config *cfg) {
    return (struct intake_spec){.cfg = cfg, .topics = cfg->topics, .n_topics = cfg->n_topics};
}

static void a_topic_whose_mapping_is_wrong_stops_the_start_and_says_why(void **state) {
    struct fixture *f = *state;
    static struct config cfg;
    char err[CONFIG_ERROR_MAX] = "";
    struct intake *in = NULL;
    cfg = f->cfg;
    snprintf(cfg.topics[1].path[FIELD_ITEM], CONFIG_NAME_MAX, "lines[].dish");
    const struct intake_spec spec = spec_of(&cfg);
    assert_int_equal(intake_new(&spec, &in, err), ST_INVALID);
    assert_null(in);
    assert_non_null(strstr(err, "topic.food-orders.item"));
    assert_non_null(strstr(err, "dish_id"));
}

static void without_memory_there_is_no_intake(void **state) {
    struct fixture *f = *state;
    struct intake *in = NULL;
    if (!CAN_FAIL) {
        skip();
    }
    const struct intake_spec spec = spec_of(&f->cfg);
    char err[CONFIG_ERROR_MAX] = "";
    fail_after(0);
    const enum status st = intake_new(&spec, &in, err);
    fail_after(-1);
    assert_int_equal(st, ST_NOMEM);
    assert_null(in);
    intake_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_order_becomes_an_event_with_all_its_lines),
        cmocka_unit_test(a_view_becomes_an_event_of_one_line_in_the_domain_of_its_topic),
        cmocka_unit_test(as_many_lines_as_there_may_be_are_taken),
        cmocka_unit_test(ids_have_1_to_255_bytes),
        cmocka_unit_test(of_the_other_user_32_bits_of_a_hash_are_kept),
        cmocka_unit_test(nobody_has_to_do_with_himself),
        cmocka_unit_test(whose_32_bits_are_0_is_1),
        cmocka_unit_test(an_id_that_no_user_can_have_is_nobodys),
        cmocka_unit_test(quantities_and_money_are_finite_and_from_0_to_a_million_millions),
        cmocka_unit_test(times_before_the_year_2000_are_refused_to_the_millisecond),
        cmocka_unit_test(times_over_ten_minutes_ahead_are_refused_to_the_millisecond),
        cmocka_unit_test(without_a_clock_times_up_to_2100_are_taken),
        cmocka_unit_test(a_record_without_a_value_is_empty),
        cmocka_unit_test(a_value_without_magic_and_schema_id_has_no_wire_header),
        cmocka_unit_test(an_id_that_no_schema_has_is_unknown),
        cmocka_unit_test(a_schema_of_another_topic_is_known_but_cannot_be_read),
        cmocka_unit_test(every_prefix_and_one_byte_more_do_not_follow_the_schema),
        cmocka_unit_test(an_order_without_lines_is_refused),
        cmocka_unit_test(one_line_more_than_there_may_be_is_refused),
        cmocka_unit_test(a_refused_record_leaves_the_event_untouched),
        cmocka_unit_test(what_map_action_says_to_ignore_is_no_event_and_no_dead_letter),
        cmocka_unit_test(codes_are_these_for_ever),
        cmocka_unit_test(a_topic_whose_mapping_is_wrong_stops_the_start_and_says_why),
        cmocka_unit_test(without_memory_there_is_no_intake),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
