/* SPDX-License-Identifier: Apache-2.0
 *
 * test_encode.c -- the contract of encode.h, against bytes written by hand from the Avro
 * specification and against the decoder.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "encode.h"
#include "schemas.h"
#include "wire.h"

static const struct decoded_line one_line = {"py", 2, 1, 2.5};

static struct decoded course(struct decoded_line *line) {
    *line = one_line;
    return (struct decoded){.event_id = "e1",
                            .event_id_len = 2,
                            .user_id = "u",
                            .user_id_len = 1,
                            .ts_ms = -65, /* zigzag 129: two bytes */
                            .action = ACTION_COMPLETE,
                            .n_lines = 1,
                            .lines = line};
}

static void a_course_view_is_these_bytes(void **state) {
    (void)state;
    /* clang-format off */
    const uint8_t hand[] = {
        0, 0, 0, 0, 9,                 /* wire header, id 9     */
        4, 'e', '1', 2, 'u', 0x81, 1,  /* event_id, user_id, ts */
        4, 'p', 'y', 8,                /* course_id, COMPLETE   */
        2, 0, 0, 0, 0, 0, 0, 4, 0x40,  /* price: branch 1, 2.5  */
        0,                             /* source: null          */
    };
    /* clang-format on */
    struct encoder *e = NULL;
    struct decoded_line line;
    struct decoded d = course(&line);
    uint8_t buf[64];
    size_t used = 0;
    assert_int_equal(encoder_new(READER_COURSE_VIEW, 9, &e), ST_OK);
    assert_int_equal(encode(e, &d, buf, sizeof buf, &used), ST_OK);
    assert_int_equal(used, sizeof hand);
    assert_memory_equal(buf, hand, sizeof hand);
    line.amount = 0; /* no money: null */
    assert_int_equal(encode(e, &d, buf, sizeof buf, &used), ST_OK);
    assert_int_equal(used, sizeof hand - 8);
    assert_int_equal(buf[16], 0);
    encoder_free(e);
}

static void a_food_order_is_these_bytes(void **state) {
    (void)state;
    /* clang-format off */
    const uint8_t hand[] = {
        0, 0, 0, 1, 0,                         /* wire header, id 256  */
        2, 'e', 2, 'u', 2, 0, 0,               /* ids, ts 1, two nulls */
        4,                                     /* a block of two lines */
        2, 'a', 0, 0, 0, 0, 0, 0, 0xf0, 0x3f,  /* dish a, quantity 1   */
        0, 0, 0, 0, 0, 0, 0, 0x40,             /* amount 2             */
        0, 0, 0, 0, 0, 0, 0, 0, 0,             /* empty id, quantity 0 */
        0, 0, 0, 0, 0, 0, 0, 0,                /* amount 0             */
        0,                                     /* no more blocks       */
    };
    /* clang-format on */
    struct decoded_line lines[] = {{"a", 1, 1, 2}, {"", 0, 0, 0}};
    struct decoded d = {.event_id = "e",
                        .event_id_len = 1,
                        .user_id = "u",
                        .user_id_len = 1,
                        .ts_ms = 1,
                        .n_lines = 2,
                        .lines = lines};
    struct encoder *e = NULL;
    uint8_t buf[64];
    size_t used = 0;
    assert_int_equal(encoder_new(READER_FOOD_ORDER, 256, &e), ST_OK);
    assert_int_equal(encode(e, &d, buf, sizeof buf, &used), ST_OK);
    assert_int_equal(used, sizeof hand);
    assert_memory_equal(buf, hand, sizeof hand);
    encoder_free(e);
}

static void too_small_a_buffer_is_refused_at_every_size(void **state) {
    (void)state;
    struct encoder *e = NULL;
    struct decoded_line line;
    struct decoded d = course(&line);
    uint8_t whole[64];
    size_t full = 0;
    assert_int_equal(encoder_new(READER_COURSE_VIEW, 1, &e), ST_OK);
    assert_int_equal(encode(e, &d, whole, sizeof whole, &full), ST_OK);
    for (size_t len = 0; len <= full; len++) {
        uint8_t *exact = malloc(len ? len : 1); /* ASan sees a byte beyond */
        size_t used = 77;
        assert_non_null(exact);
        enum status st = encode(e, &d, exact, len, &used);
        if (len < full) {
            assert_int_equal(st, ST_RANGE);
            assert_int_equal(used, 77);
        } else { /* and the encoder still works */
            assert_int_equal(st, ST_OK);
            assert_int_equal(used, full);
            assert_memory_equal(exact, whole, full);
        }
        free(exact);
    }
    encoder_free(e);
}

static void impossible_events_are_refused(void **state) {
    (void)state;
    struct encoder *course_encoder = NULL;
    struct encoder *order_encoder = NULL;
    struct decoded_line line;
    static struct decoded_line many[EVENT_LINES_MAX + 1];
    static uint8_t buf[1 << 16];
    struct decoded d = course(&line);
    size_t used = 77;
    assert_int_equal(encoder_new(READER_COURSE_VIEW, 1, &course_encoder), ST_OK);
    assert_int_equal(encoder_new(READER_FOOD_ORDER, 2, &order_encoder), ST_OK);
    assert_int_equal(encoder_new(READERS, 2, &order_encoder), ST_INVALID);
    d.action = ACTIONS;
    assert_int_equal(encode(course_encoder, &d, buf, sizeof buf, &used), ST_INVALID);
    d.action = ACTION_VIEW;
    d.n_lines = 0;
    assert_int_equal(encode(course_encoder, &d, buf, sizeof buf, &used), ST_INVALID);
    assert_int_equal(encode(order_encoder, &d, buf, sizeof buf, &used), ST_INVALID);
    for (size_t i = 0; i <= EVENT_LINES_MAX; i++) {
        many[i] = one_line;
    }
    d.lines = many;
    d.n_lines = 2;
    assert_int_equal(encode(course_encoder, &d, buf, sizeof buf, &used), ST_INVALID);
    d.n_lines = EVENT_LINES_MAX + 1;
    assert_int_equal(encode(order_encoder, &d, buf, sizeof buf, &used), ST_INVALID);
    assert_int_equal(used, 77);
    d.n_lines = EVENT_LINES_MAX;
    assert_int_equal(encode(order_encoder, &d, buf, sizeof buf, &used), ST_OK);
    encoder_free(course_encoder);
    encoder_free(order_encoder);
    encoder_free(NULL);
}

/* ---- what is encoded is what is decoded ------------------------------------------------ */

static uint64_t rnd(uint64_t *state) {
    *state = *state * 6364136223846793005U + 1442695040888963407U;
    return *state >> 33;
}

/* An exact allocation without a terminator, to be freed. */
static const char *random_text(uint64_t *rng, size_t *len) {
    *len = (size_t)(rnd(rng) % 300);
    char *text = malloc(*len ? *len : 1);
    assert_non_null(text);
    for (size_t i = 0; i < *len; i++) {
        text[i] = (char)('a' + rnd(rng) % 26);
    }
    return text;
}

static void same_text(const char *a, size_t a_len, const char *b, size_t b_len) {
    assert_int_equal(a_len, b_len);
    assert_memory_equal(a, b, a_len);
}

static void free_text(const char *text) {
    free((void *)(uintptr_t)text);
}

static void round_trip(struct encoder *e, const struct decoder *decoder, enum reader reader,
                       uint64_t *rng) {
    static struct decoded_line lines[EVENT_LINES_MAX];
    static struct decoded_line back[EVENT_LINES_MAX];
    static uint8_t buf[1 << 18];
    struct decoded d = {.lines = lines, .action = ACTION_ORDER};
    struct decoded got = {.lines = back};
    d.event_id = random_text(rng, &d.event_id_len);
    d.user_id = random_text(rng, &d.user_id_len);
    d.ts_ms = (int64_t)(rnd(rng) << 33 ^ rnd(rng) << 2 ^ rnd(rng));
    d.n_lines = reader == READER_COURSE_VIEW ? 1 : 1 + (uint32_t)(rnd(rng) % 40);
    if (reader == READER_COURSE_VIEW) {
        d.action = (enum action)(rnd(rng) % ACTIONS);
    }
    for (uint32_t i = 0; i < d.n_lines; i++) {
        lines[i].item = random_text(rng, &lines[i].item_len);
        lines[i].quantity = reader == READER_COURSE_VIEW ? 1 : (double)(rnd(rng) % 90) / 8;
        lines[i].amount = rnd(rng) % 3 ? (double)rnd(rng) / 128 : 0;
    }
    size_t used = 0;
    assert_int_equal(encode(e, &d, buf, sizeof buf, &used), ST_OK);
    assert_int_equal(decode(decoder, buf + WIRE_HEADER, used - WIRE_HEADER, &got), DECODE_OK);
    same_text(d.event_id, d.event_id_len, got.event_id, got.event_id_len);
    same_text(d.user_id, d.user_id_len, got.user_id, got.user_id_len);
    assert_true(d.ts_ms == got.ts_ms && d.action == got.action && d.n_lines == got.n_lines);
    for (uint32_t i = 0; i < d.n_lines; i++) {
        same_text(lines[i].item, lines[i].item_len, back[i].item, back[i].item_len);
        assert_true(lines[i].quantity == back[i].quantity && lines[i].amount == back[i].amount);
        free_text(lines[i].item);
    }
    free_text(d.event_id);
    free_text(d.user_id);
}

static void what_is_encoded_is_what_is_decoded(void **state) {
    (void)state;
    struct schemas *s = NULL;
    char err[128];
    uint64_t rng = 20260101;
    print_message("seed %llu\n", (unsigned long long)rng);
    assert_int_equal(schemas_load("", &s, err, sizeof err), ST_OK);
    for (int reader = 0; reader < READERS; reader++) {
        struct encoder *e = NULL;
        const uint32_t id = schemas_shipped_id((enum reader)reader);
        int known = 0;
        assert_int_equal(encoder_new((enum reader)reader, id, &e), ST_OK);
        for (int i = 0; i < 2000; i++) {
            round_trip(e, schemas_decoder(s, id, (enum reader)reader, &known), (enum reader)reader,
                       &rng);
        }
        encoder_free(e);
    }
    schemas_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_course_view_is_these_bytes),
        cmocka_unit_test(a_food_order_is_these_bytes),
        cmocka_unit_test(too_small_a_buffer_is_refused_at_every_size),
        cmocka_unit_test(impossible_events_are_refused),
        cmocka_unit_test(what_is_encoded_is_what_is_decoded),
    };
    return cmocka_run_group_tests_name("encode", tests, NULL, NULL);
}
