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
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "decode.h"
#include "encode.h"
#include "mapping.h"
#include "wire.h"

static const struct decoded_line one_line = {
    .item = "py", .item_len = 2, .quantity = 1, .amount = 2.5, .discount = 0.5};
static const char *const DOMAINS[] = {"course", "food"}; /* those of config_defaults() */

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
        0, 0, 0, 0, 0, 0, 0xe0, 0x3f,          /* discount 0.5         */
        0, 0, 0, 0, 0, 0, 0, 0, 0,             /* empty id, quantity 0 */
        0, 0, 0, 0, 0, 0, 0, 0,                /* amount 0             */
        0, 0, 0, 0, 0, 0, 0, 0,                /* discount 0           */
        0,                                     /* no more blocks       */
    };
    /* clang-format on */
    struct decoded_line lines[] = {
        {.item = "a", .item_len = 1, .quantity = 1, .amount = 2, .discount = 0.5}, {.item = ""}};
    struct decoded d = {.event_id = "e",
                        .event_id_len = 1,
                        .user_id = "u",
                        .user_id_len = 1,
                        .ts_ms = 1,
                        .n_lines = 2,
                        .lines = lines};
    struct encoder *e = NULL;
    uint8_t buf[128];
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

static void an_event_is_these_bytes(void **state) {
    (void)state;
    /* clang-format off */
    const uint8_t hand[] = {
        0, 0x77, 0x35, 0x94, 0x0b,             /* wire header, id 2000000011  */
        2, 'e', 2, 'u', 8, 'f', 'o', 'o', 'd', /* event_id, user_id, domain   */
        2, 22, 2, 4, 'r', '1',                 /* ts 1, CLICK, rec: branch 1  */
        2, 2, 'o',                             /* counterpart: branch 1       */
        2, 2, 'a', 0, 0, 0, 0, 0, 0, 0, 0x40,  /* one line: a, quantity 2     */
        0, 0, 0, 0, 0, 0, 0, 0,                /* amount 0                    */
        0, 0, 0, 0, 0, 0, 8, 0x40, 0,          /* discount 3; no more blocks  */
    };
    /* clang-format on */
    struct decoded_line line = {.item = "a", .item_len = 1, .quantity = 2, .discount = 3};
    struct decoded d = {.event_id = "e",
                        .event_id_len = 1,
                        .user_id = "u",
                        .user_id_len = 1,
                        .ts_ms = 1,
                        .action = ACTION_CLICK,
                        .rec = "r1",
                        .rec_len = 2,
                        .counterpart = "o",
                        .counterpart_len = 1,
                        .domain = 1,
                        .n_lines = 1,
                        .lines = &line};
    struct encoder *e = NULL;
    uint8_t buf[64];
    size_t used = 77;
    assert_int_equal(encoder_new(READER_EVENT, shipped_id(READER_EVENT), &e), ST_OK);
    assert_int_equal(encode(e, &d, buf, sizeof buf, &used), ST_INVALID); /* a domain: which? */
    assert_int_equal(used, 77);
    encoder_domains(e, DOMAINS, 2);
    assert_int_equal(encode(e, &d, buf, sizeof buf, &used), ST_OK);
    assert_int_equal(used, sizeof hand);
    assert_memory_equal(buf, hand, sizeof hand);
    d.domain = 2;
    assert_int_equal(encode(e, &d, buf, sizeof buf, &used), ST_INVALID);
    encoder_free(e);
}

static void a_social_interaction_is_these_bytes(void **state) {
    (void)state;
    /* clang-format off */
    const uint8_t hand[] = {
        0, 0, 0, 0, 10,                /* wire header, id 10       */
        2, 'e', 2, 'u', 2, 2, 'a', 4,  /* ids, ts 1, item, COMMENT */
        2, 4, 'm', 'e',                /* counterpart: branch 1    */
    };
    /* clang-format on */
    struct decoded_line line = {.item = "a", .item_len = 1, .quantity = 1};
    struct decoded d = {.event_id = "e",
                        .event_id_len = 1,
                        .user_id = "u",
                        .user_id_len = 1,
                        .ts_ms = 1,
                        .action = ACTION_COMMENT,
                        .counterpart = "me",
                        .counterpart_len = 2,
                        .n_lines = 1,
                        .lines = &line};
    struct encoder *e = NULL;
    uint8_t buf[64];
    size_t used = 0;
    assert_int_equal(
        encoder_new(READER_SOCIAL_INTERACTION, shipped_id(READER_SOCIAL_INTERACTION), &e), ST_OK);
    assert_int_equal(encode(e, &d, buf, sizeof buf, &used), ST_OK);
    assert_int_equal(used, sizeof hand);
    assert_memory_equal(buf, hand, sizeof hand);
    d.counterpart = NULL; /* nobody: null */
    d.counterpart_len = 0;
    assert_int_equal(encode(e, &d, buf, sizeof buf, &used), ST_OK);
    assert_int_equal(used, sizeof hand - 3);
    assert_int_equal(buf[used - 1], 0);
    encoder_free(e);
}

/* Which actions each schema can say. */
static void actions_without_a_symbol_are_refused(void **state) {
    (void)state;
    static const struct {
        enum reader reader;
        unsigned actions; /* bits */
    } rows[] = {
        {READER_COURSE_VIEW, (1U << ACTIONS_OF_EVENTS) - 1},
        {READER_FOOD_ORDER, (1U << ACTIONS) - 1},
        {READER_SOCIAL_INTERACTION, 1U << ACTION_LIKE | 1U << ACTION_SHARE | 1U << ACTION_COMMENT |
                                        1U << ACTION_RATE | 1U << ACTION_REPORT},
        {READER_FEEDBACK, 1U << ACTION_IMPRESSION | 1U << ACTION_CLICK | 1U << ACTION_CONVERSION},
        {READER_EVENT, (1U << ACTIONS) - 1},
        {READER_ITEM, 0},
        {READER_USER_PROFILE, 0},
        {READER_PRIVACY_REQUEST, 0},
        {READER_IDENTITY, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct encoder *e = NULL;
        assert_int_equal(encoder_new(rows[i].reader, 1, &e), ST_OK);
        encoder_domains(e, DOMAINS, 2);
        for (unsigned a = 0; a < ACTIONS; a++) {
            struct decoded_line line;
            struct decoded d = course(&line);
            uint8_t buf[128];
            size_t used;
            d.action = (enum action)a;
            d.rec = "";
            assert_int_equal(encode(e, &d, buf, sizeof buf, &used),
                             rows[i].actions & 1U << a ? ST_OK : ST_INVALID);
        }
        encoder_free(e);
    }
}

static void an_encoder_of_another_kind_is_refused(void **state) {
    (void)state;
    struct encoder *e = NULL;
    uint8_t buf[64];
    size_t used = 77;
    assert_int_equal(encoder_new(READER_COURSE_VIEW, 1, &e), ST_OK);
    encoder_domains(e, DOMAINS, 2);
    assert_int_equal(encode_item(e, &(struct decoded_item){.item = ""}, buf, 64, &used),
                     ST_INVALID);
    assert_int_equal(encode_profile(e, &(struct decoded_profile){.user_id = ""}, 1, buf, 64, &used),
                     ST_INVALID);
    assert_int_equal(encode_privacy(e, &(struct decoded_privacy){.user_id = ""}, buf, 64, &used),
                     ST_INVALID);
    assert_int_equal(encode_identity(e, &(struct decoded_identity){.user_id = ""}, buf, 64, &used),
                     ST_INVALID);
    assert_int_equal(used, 77);
    encoder_free(e);
}

/* ---- what is encoded is what is decoded ------------------------------------------------ */

/* Bytes to values of one shipped schema, as an instance would read them. */
struct way_back {
    struct encoder *encoder;
    struct mapping *mapping;
    struct schema *writer;
    struct decoder *decoder;
    struct tape *tape;
};

static struct way_back open_way(enum reader reader) {
    struct way_back w = {.tape = malloc(sizeof *w.tape)};
    static struct config cfg;
    char err[CONFIG_ERROR_MAX] = "";
    const char *json = shipped_json(reader);
    struct config_topic topic = {.name = "t",
                                 .kind = (int)reader_kind(reader),
                                 .amount_scale = 1,
                                 .age_bands = "18,25,35,50,65",
                                 .domain = DOMAIN_OF_RECORD};
    config_defaults(&cfg);
    snprintf(topic.schema, sizeof topic.schema, "%s", reader_name(reader));
    if (reader <= READER_FEEDBACK || reader == READER_ITEM) {
        topic.domain = 1; /* the others name it, or have none */
    }
    assert_non_null(w.tape);
    assert_int_equal(encoder_new(reader, shipped_id(reader), &w.encoder), ST_OK);
    encoder_domains(w.encoder, DOMAINS, 2);
    assert_int_equal(mapping_new(&cfg, &topic, &w.mapping, err), ST_OK);
    assert_int_equal(mapping_kind(w.mapping), reader_kind(reader));
    assert_int_equal(schema_parse(json, strlen(json), &w.writer, err, sizeof err), ST_OK);
    assert_int_equal(mapping_decoder(w.mapping, w.writer, &w.decoder, err, sizeof err), ST_OK);
    return w;
}

static void close_way(struct way_back *w) {
    encoder_free(w->encoder);
    decoder_free(w->decoder);
    mapping_free(w->mapping);
    schema_free(w->writer);
    free(w->tape);
}

static void decodes(struct way_back *w, const uint8_t *buf, size_t used) {
    assert_int_equal(decode(w->decoder, buf + WIRE_HEADER, used - WIRE_HEADER, w->tape), DECODE_OK);
}

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

static enum action random_action(enum reader reader, uint64_t *rng) {
    static const enum action social[] = {ACTION_RATE, ACTION_LIKE, ACTION_SHARE, ACTION_COMMENT,
                                         ACTION_REPORT};
    switch (reader) {
    case READER_COURSE_VIEW: return (enum action)(rnd(rng) % ACTIONS_OF_EVENTS);
    case READER_SOCIAL_INTERACTION: return social[rnd(rng) % 5];
    case READER_FEEDBACK: return (enum action)(ACTION_IMPRESSION + rnd(rng) % 3);
    case READER_EVENT: return (enum action)(rnd(rng) % ACTIONS);
    default: return ACTION_ORDER;
    }
}

static void round_trip(struct way_back *w, enum reader reader, uint64_t *rng) {
    static struct decoded_line lines[EVENT_LINES_MAX];
    static struct decoded_line back[EVENT_LINES_MAX];
    static uint8_t buf[1 << 18];
    const bool several = reader == READER_FOOD_ORDER || reader == READER_EVENT;
    const bool says_rec = reader == READER_FEEDBACK || reader == READER_EVENT;
    const bool says_whom = reader == READER_SOCIAL_INTERACTION || reader == READER_EVENT;
    struct decoded d = {.lines = lines, .action = random_action(reader, rng), .domain = 1};
    struct decoded got = {.lines = back};
    d.event_id = random_text(rng, &d.event_id_len);
    d.user_id = random_text(rng, &d.user_id_len);
    d.rec = random_text(rng, &d.rec_len);
    d.rec_len = says_rec ? d.rec_len : 0;
    d.counterpart = random_text(rng, &d.counterpart_len);
    d.counterpart_len = says_whom && rnd(rng) % 3 ? d.counterpart_len : 0;
    d.ts_ms = (int64_t)(rnd(rng) << 33 ^ rnd(rng) << 2 ^ rnd(rng));
    d.domain = reader == READER_EVENT ? (uint8_t)(rnd(rng) % 2) : 1;
    d.n_lines = several ? 1 + (uint32_t)(rnd(rng) % 40) : 1;
    for (uint32_t i = 0; i < d.n_lines; i++) {
        lines[i].item = random_text(rng, &lines[i].item_len);
        lines[i].quantity = several ? (double)(rnd(rng) % 90) / 8 : 1;
        lines[i].amount =
            rnd(rng) % 3 && (several || reader == READER_COURSE_VIEW) ? (double)rnd(rng) / 128 : 0;
        lines[i].discount = rnd(rng) % 3 && several ? (double)rnd(rng) / 64 : 0;
    }
    size_t used = 0;
    assert_int_equal(encode(w->encoder, &d, buf, sizeof buf, &used), ST_OK);
    decodes(w, buf, used);
    assert_int_equal(mapping_read_event(w->mapping, w->tape, &got), MAPPING_OK);
    same_text(d.event_id, d.event_id_len, got.event_id, got.event_id_len);
    same_text(d.user_id, d.user_id_len, got.user_id, got.user_id_len);
    same_text(d.rec, d.rec_len, got.rec, got.rec_len);
    same_text(d.counterpart, d.counterpart_len, got.counterpart, got.counterpart_len);
    assert_true(d.ts_ms == got.ts_ms && d.action == got.action && d.n_lines == got.n_lines);
    assert_int_equal(d.domain, got.domain);
    for (uint32_t i = 0; i < d.n_lines; i++) {
        same_text(lines[i].item, lines[i].item_len, back[i].item, back[i].item_len);
        assert_true(lines[i].quantity == back[i].quantity && lines[i].amount == back[i].amount);
        assert_true(lines[i].discount == back[i].discount);
        free_text(lines[i].item);
    }
    free_text(d.event_id);
    free_text(d.user_id);
    free_text(d.rec);
    free_text(d.counterpart);
}

static void what_is_encoded_is_what_is_decoded(void **state) {
    (void)state;
    static const enum reader of_events[] = {READER_COURSE_VIEW, READER_FOOD_ORDER,
                                            READER_SOCIAL_INTERACTION, READER_FEEDBACK,
                                            READER_EVENT};
    uint64_t rng = 20260101;
    print_message("seed %llu\n", (unsigned long long)rng);
    for (size_t r = 0; r < sizeof of_events / sizeof of_events[0]; r++) {
        struct way_back w = open_way(of_events[r]);
        for (int i = 0; i < 1000; i++) {
            round_trip(&w, of_events[r], &rng);
        }
        close_way(&w);
    }
}

static void items_come_back(void **state) {
    (void)state;
    struct way_back w = open_way(READER_ITEM);
    struct decoded_item item = {.item = "py",
                                .item_len = 2,
                                .category = "code",
                                .category_len = 4,
                                .ts_ms = -5,
                                .price = 12.5,
                                .n_attributes = 2,
                                .attributes = {{"level", "easy", 5, 4}, {"lang", "", 4, 0}}};
    struct decoded_item got;
    uint8_t buf[128];
    size_t used;
    assert_int_equal(encode_item(w.encoder, &item, buf, sizeof buf, &used), ST_OK);
    decodes(&w, buf, used);
    assert_int_equal(mapping_read_item(w.mapping, w.tape, &got), MAPPING_OK);
    same_text("py", 2, got.item, got.item_len);
    same_text("code", 4, got.category, got.category_len);
    assert_int_equal(got.name_len, 0);
    assert_true(got.ts_ms == -5 && got.price == 12.5 && !got.available);
    assert_int_equal(got.n_attributes, 2);
    same_text("level", 5, got.attributes[0].key, got.attributes[0].key_len);
    same_text("easy", 4, got.attributes[0].value, got.attributes[0].value_len);
    same_text("lang", 4, got.attributes[1].key, got.attributes[1].key_len);
    assert_int_equal(got.attributes[1].value_len, 0);

    item =
        (struct decoded_item){.item = "x", .item_len = 1, .available = true, .price = (double)NAN};
    assert_int_equal(encode_item(w.encoder, &item, buf, sizeof buf, &used), ST_OK);
    decodes(&w, buf, used);
    assert_int_equal(mapping_read_item(w.mapping, w.tape, &got), MAPPING_OK);
    assert_true(got.ts_ms == 0 && isnan(got.price) && got.available && got.n_attributes == 0);
    item.n_attributes = 1; /* without a key */
    item.attributes[0] = (struct decoded_attribute){"", "a", 0, 1};
    assert_int_equal(encode_item(w.encoder, &item, buf, sizeof buf, &used), ST_INVALID);
    close_way(&w);
}

static void profiles_come_back(void **state) {
    (void)state;
    struct way_back w = open_way(READER_USER_PROFILE);
    static const struct {
        enum consent consent;
        int age;
        uint8_t band;
        char country[3];
    } rows[] = {{CONSENT_GIVEN, 17, 1, "AT"},   {CONSENT_WITHDRAWN, 18, 2, ""},
                {CONSENT_UNKNOWN, -1, 0, "US"}, {CONSENT_GIVEN, 64, 5, ""},
                {CONSENT_GIVEN, 65, 6, ""},     {CONSENT_GIVEN, 151, 0, ""},
                {CONSENT_GIVEN, 2000, 3, ""}, /* born: 26 in 2026 */
                {CONSENT_GIVEN, 0, 1, ""}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct decoded_profile p = {.user_id = "u",
                                    .user_id_len = 1,
                                    .ts_ms = INT64_C(1767225600000), /* 2026-01-01 */
                                    .consent = rows[i].consent};
        struct decoded_profile got;
        uint8_t buf[128];
        size_t used;
        memcpy(p.country, rows[i].country, 2);
        assert_int_equal(encode_profile(w.encoder, &p, rows[i].age, buf, sizeof buf, &used), ST_OK);
        decodes(&w, buf, used);
        assert_int_equal(mapping_read_profile(w.mapping, w.tape, &got), MAPPING_OK);
        same_text("u", 1, got.user_id, got.user_id_len);
        assert_true(got.ts_ms == p.ts_ms);
        assert_int_equal(got.consent, rows[i].consent);
        assert_int_equal(got.age_band, rows[i].band);
        assert_memory_equal(got.country, rows[i].country, 2);
    }
    close_way(&w);
}

static void requests_and_identities_come_back(void **state) {
    (void)state;
    struct way_back w = open_way(READER_PRIVACY_REQUEST);
    uint8_t buf[128];
    size_t used;
    for (int r = PRIVACY_ERASE; r <= PRIVACY_RESUME; r++) {
        struct decoded_privacy p = {
            .user_id = "u", .user_id_len = 1, .ts_ms = 7, .request = (enum privacy_request)r};
        struct decoded_privacy got;
        assert_int_equal(encode_privacy(w.encoder, &p, buf, sizeof buf, &used), ST_OK);
        decodes(&w, buf, used);
        assert_int_equal(mapping_read_privacy(w.mapping, w.tape, &got), MAPPING_OK);
        same_text("u", 1, got.user_id, got.user_id_len);
        assert_true(got.ts_ms == 7 && got.request == p.request);
    }
    close_way(&w);
    w = open_way(READER_IDENTITY);
    for (int linked = 0; linked < 2; linked++) {
        struct decoded_identity id = {.user_id = "u",
                                      .user_id_len = linked ? 1 : 0,
                                      .partner_id = "p9",
                                      .partner_id_len = 2,
                                      .domain = (uint8_t)linked};
        struct decoded_identity got;
        assert_int_equal(encode_identity(w.encoder, &id, buf, sizeof buf, &used), ST_OK);
        decodes(&w, buf, used);
        assert_int_equal(mapping_read_identity(w.mapping, w.tape, &got), MAPPING_OK);
        same_text("u", (size_t)linked, got.user_id, got.user_id_len);
        same_text("p9", 2, got.partner_id, got.partner_id_len);
        assert_int_equal(got.domain, linked);
    }
    close_way(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_course_view_is_these_bytes),
        cmocka_unit_test(a_food_order_is_these_bytes),
        cmocka_unit_test(an_event_is_these_bytes),
        cmocka_unit_test(a_social_interaction_is_these_bytes),
        cmocka_unit_test(too_small_a_buffer_is_refused_at_every_size),
        cmocka_unit_test(impossible_events_are_refused),
        cmocka_unit_test(actions_without_a_symbol_are_refused),
        cmocka_unit_test(an_encoder_of_another_kind_is_refused),
        cmocka_unit_test(what_is_encoded_is_what_is_decoded),
        cmocka_unit_test(items_come_back),
        cmocka_unit_test(profiles_come_back),
        cmocka_unit_test(requests_and_identities_come_back),
    };
    return cmocka_run_group_tests_name("encode", tests, NULL, NULL);
}
