/* SPDX-License-Identifier: Apache-2.0
 *
 * test_rec.c -- contract tests of consumer/rec.h, in the order of that header. jansson, a strict
 * parser that this code does not use here, is the truth about JSON.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rec.h"

static struct config config; /* filled by setup, read by all */

static int setup(void **state) {
    (void)state;
    config = (struct config){.n_domains = 2, .n_topics = 2, .list_n = 10, .segments_k = 8};
    config.publish_ttl_ms = INT64_C(7) * 24 * 3600 * 1000;
    strcpy(config.redis_prefix, "crossrec");
    strcpy(config.domains[0].name, "course");
    strcpy(config.domains[1].name, "food");
    strcpy(config.topics[0].name, "course-views");
    strcpy(config.topics[1].name, "food-orders");
    return 0;
}

static struct rec *new_rec(enum rec_kind kind) {
    struct rec *r = calloc(1, rec_bytes(CONFIG_LIST_MAX));
    assert_non_null(r);
    r->kind = (uint8_t)kind;
    r->epoch = 1764000000;
    r->seq = 42;
    r->task = 3;
    r->ts_ms = 1764087654321;
    r->segment = -1;
    r->target = 1;
    strcpy(r->user_id, "u1");
    r->user_id_len = 2;
    return r;
}

static void set_item(struct rec *r, uint16_t i, const char *id, float score, enum reason reason) {
    r->items[i] = (struct rec_item){
        .id = id, .id_len = (uint16_t)strlen(id), .score = score, .reason = (uint8_t)reason};
    r->n = (uint16_t)(i + 1);
}

/* Value in a buffer of exactly the promised size, so that a sanitizer sees any overrun. */
static char *value_of(const struct rec *r) {
    char *buf = malloc(rec_value_max(&config));
    assert_non_null(buf);
    size_t n = rec_value(&config, r, buf);
    assert_true(n < rec_value_max(&config));
    buf[n] = '\0';
    return buf;
}

static void assert_value(const struct rec *r, const char *expected) {
    char *value = value_of(r);
    assert_string_equal(value, expected);
    free(value);
}

static void assert_key(const struct rec *r, const char *expected) {
    char *buf = malloc(rec_key_max(&config));
    assert_non_null(buf);
    size_t n = rec_key(&config, r, buf);
    assert_int_equal(n, strlen(expected));
    assert_memory_equal(buf, expected, n);
    free(buf);
}

/* ---- rec_bytes ------------------------------------------------------------------------ */

static void a_rec_has_room_for_its_items(void **state) {
    (void)state;
    for (uint32_t n = 0; n <= CONFIG_LIST_MAX; n++) {
        assert_true(rec_bytes(n) >= offsetof(struct rec, items) + n * sizeof(struct rec_item));
    }
}

/* ---- rec_key -------------------------------------------------------------------------- */

static void keys_are_those_of_docs_redis(void **state) {
    (void)state;
    static const struct {
        enum rec_kind kind;
        const char *key;
    } KEYS[] = {
        {REC_LIST, "crossrec:food:rec:u1"},
        {REC_TOUCH, "crossrec:food:rec:u1"},
        {REC_FALLBACK, "crossrec:food:fallback"},
        {REC_INFO, "crossrec:food:info"},
        {REC_PUBLISHED, "crossrec:published:3"},
        {REC_TAKEOVER, "crossrec:published:3"},
        {REC_USER, "crossrec:food:user:u1"},
        {REC_SEGMENT, "crossrec:food:segment:-1"},
        {REC_SIMILAR, "crossrec:food:similar:course/u1"},
    };
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++) {
        struct rec *r = new_rec(KEYS[i].kind);
        assert_key(r, KEYS[i].key);
        free(r);
    }
}

static void an_item_of_another_domain_has_its_name_before_its_id(void **state) {
    (void)state;
    struct rec *r = new_rec(REC_SIMILAR);
    r->domain = 1;
    assert_key(r, "crossrec:food:similar:u1");
    static const struct {
        const char *id, *key;
    } KEYS[] = {{"course/1", "crossrec:food:similar:food/course/1"},
                {"food/1", "crossrec:food:similar:food/food/1"},
                {"course", "crossrec:food:similar:course"},
                {"/course", "crossrec:food:similar:/course"},
                {"courses/1", "crossrec:food:similar:courses/1"}};
    for (size_t k = 0; k < sizeof KEYS / sizeof *KEYS; k++) {
        strcpy(r->user_id, KEYS[k].id);
        r->user_id_len = (uint16_t)strlen(KEYS[k].id);
        assert_key(r, KEYS[k].key);
    }
    r->domain = 0;
    strcpy(r->user_id, "course/1");
    r->user_id_len = 8;
    assert_key(r, "crossrec:food:similar:course/course/1");
    free(r);
}

static void a_touch_is_of_the_key_that_it_names(void **state) {
    (void)state;
    struct rec *r = new_rec(REC_TOUCH);
    assert_key(r, "crossrec:food:rec:u1");
    r->touched = REC_USER;
    assert_key(r, "crossrec:food:user:u1");
    r->touched = REC_SIMILAR;
    r->domain = 1;
    assert_key(r, "crossrec:food:similar:u1");
    r->touched = REC_SEGMENT;
    r->segment = 7;
    assert_key(r, "crossrec:food:segment:7");
    free(r);
}

static void writes_are_told_on_a_channel_of_the_target(void **state) {
    (void)state;
    char buf[512];
    assert_true(rec_channel(&config, 0, buf) == strlen("crossrec:course:changed"));
    assert_memory_equal(buf, "crossrec:course:changed", strlen("crossrec:course:changed"));
}

static void a_key_holds_every_byte_of_the_user_id(void **state) {
    (void)state;
    struct rec *r = new_rec(REC_LIST);
    for (int i = 0; i < ID_LEN_MAX; i++) {
        r->user_id[i] = (char)i; /* also 0, CR, LF, quotes */
    }
    r->user_id_len = ID_LEN_MAX;
    memset(config.redis_prefix, 'p', CONFIG_NAME_MAX - 1);
    memset(config.domains[1].name, 'd', CONFIG_NAME_MAX - 1);
    char *buf = malloc(rec_key_max(&config));
    assert_non_null(buf);
    size_t n = rec_key(&config, r, buf);
    assert_int_equal(n, 2 * (CONFIG_NAME_MAX - 1) + 1 + strlen(":rec:") + ID_LEN_MAX);
    assert_memory_equal(buf + n - ID_LEN_MAX, r->user_id, ID_LEN_MAX);
    free(buf);
    free(r);
}

/* ---- rec_value ------------------------------------------------------------------------ */

static void a_list_is_the_documented_json(void **state) {
    (void)state;
    struct rec *r = new_rec(REC_LIST);
    r->personalised = true;
    r->segment = 0;
    set_item(r, 0, "d1", 1.25F, REASON_TOGETHER);
    set_item(r, 1, "d2", -0.5F, REASON_NEW);
    assert_value(r, "{\"version\":[1764000000,42],\"schema\":1,\"rec\":\"3-1764000000-42\","
                    "\"ts\":1764087654321,\"personalised\":true,\"model\":\"net\","
                    "\"segment\":0,\"arm\":null,\"items\":["
                    "{\"id\":\"d1\",\"score\":1.25,\"reason\":\"together\"},"
                    "{\"id\":\"d2\",\"score\":-0.5,\"reason\":\"new\"}]}");
    free(r);
}

static void the_item_or_the_category_behind_an_item_is_told(void **state) {
    (void)state;
    struct rec *r = new_rec(REC_LIST);
    set_item(r, 0, "d1", 1, REASON_AGAIN);
    set_item(r, 1, "d2", 1, REASON_TASTE);
    set_item(r, 2, "d3", 1, REASON_POPULAR);
    r->items[0].because = (struct because){.text = "d\"1", .len = 3, .kind = BECAUSE_ITEM};
    r->items[1].because = (struct because){.text = "pythons", .len = 6, .kind = BECAUSE_CATEGORY};
    char *value = value_of(r);
    assert_non_null(strstr(value, "\"items\":["
                                  "{\"id\":\"d1\",\"score\":1,\"reason\":\"again\","
                                  "\"because\":{\"item\":\"d\\\"1\"}},"
                                  "{\"id\":\"d2\",\"score\":1,\"reason\":\"taste\","
                                  "\"because\":{\"category\":\"python\"}},"
                                  "{\"id\":\"d3\",\"score\":1,\"reason\":\"popular\"}]}"));
    free(value);
    free(r);
}

static void only_slots_that_were_drawn_have_a_propensity(void **state) {
    (void)state;
    struct rec *r = new_rec(REC_LIST);
    set_item(r, 0, "d1", 1, REASON_POPULAR);
    set_item(r, 1, "d2", 1, REASON_EXPLORE);
    r->items[1].propensity = 0.0025F;
    char *value = value_of(r);
    assert_non_null(strstr(value, "[{\"id\":\"d1\",\"score\":1,\"reason\":\"popular\"},"
                                  "{\"id\":\"d2\",\"score\":1,\"reason\":\"explore\","
                                  "\"propensity\":0.0025}]}"));
    free(value);
    free(r);
}

static void an_empty_list_without_a_segment_is_a_tombstone(void **state) {
    (void)state;
    struct rec *r = new_rec(REC_LIST);
    r->epoch = 0;
    r->seq = UINT64_MAX;
    assert_value(r, "{\"version\":[0,18446744073709551615],\"schema\":1,"
                    "\"rec\":\"3-0-18446744073709551615\",\"ts\":1764087654321,"
                    "\"personalised\":false,\"model\":\"twin\",\"segment\":null,\"arm\":null,"
                    "\"items\":[]}");
    free(r);
}

static void a_fallback_has_the_shape_of_a_list(void **state) {
    (void)state;
    struct rec *list = new_rec(REC_LIST);
    struct rec *fallback = new_rec(REC_FALLBACK);
    set_item(list, 0, "d1", 2.0F, REASON_POPULAR);
    set_item(fallback, 0, "d1", 2.0F, REASON_POPULAR);
    char *value = value_of(list);
    char *model = strstr(value, "\"model\":\"twin\"");
    assert_non_null(model);
    char expected[1024];
    snprintf(expected, sizeof expected, "%.*s\"model\":\"popular\"%s", (int)(model - value), value,
             model + strlen("\"model\":\"twin\""));
    assert_value(fallback, expected);
    free(value);
    free(list);
    free(fallback);
}

static void info_tells_n_ttl_in_seconds_partitions_and_segments(void **state) {
    (void)state;
    struct rec *r = new_rec(REC_INFO);
    r->partitions = 4;
    r->segments = 7;
    assert_value(r, "{\"version\":[1764000000,42],\"schema\":1,\"n\":10,\"ttl\":604800,"
                    "\"partitions\":4,\"segments\":[0,1,2]}");
    r->segments = 0;
    assert_value(r, "{\"version\":[1764000000,42],\"schema\":1,\"n\":10,\"ttl\":604800,"
                    "\"partitions\":4,\"segments\":[]}");
    config.segments_k = 0; /* auto: as many as there are */
    r->segments = 1 << 15 | 1 << 4 | 1;
    assert_value(r, "{\"version\":[1764000000,42],\"schema\":1,\"n\":10,\"ttl\":604800,"
                    "\"partitions\":4,\"segments\":[0,4,15]}");
    free(r);
}

static void published_leaves_out_topics_without_an_offset(void **state) {
    (void)state;
    struct rec *r = new_rec(REC_PUBLISHED);
    r->offsets[0] = 123;
    r->offsets[1] = 0;
    assert_value(r, "{\"version\":[1764000000,42],\"offsets\":{\"course-views\":123,"
                    "\"food-orders\":0},\"ts\":1764087654321}");
    r->offsets[0] = -1;
    assert_value(r, "{\"version\":[1764000000,42],\"offsets\":{\"food-orders\":0},"
                    "\"ts\":1764087654321}");
    r->refreshed_ms = 1764000000123;
    assert_value(r, "{\"version\":[1764000000,42],\"offsets\":{\"food-orders\":0},"
                    "\"ts\":1764087654321,\"refreshed\":1764000000123}");
    r->refreshed_ms = 0;
    r->offsets[1] = -1;
    r->ts_ms = INT64_MIN;
    assert_value(r, "{\"version\":[1764000000,42],\"offsets\":{},\"ts\":-9223372036854775808}");
    free(r);
}

static void cards_and_their_tombstones_are_the_documented_json(void **state) {
    (void)state;
    char body[] = "\"users\":3";
    struct rec *r = new_rec(REC_SEGMENT);
    r->segment = 5;
    assert_value(r, "{\"version\":[1764000000,42],\"schema\":1,\"ts\":1764087654321,"
                    "\"segment\":5,\"items\":[]}");
    r->body = body;
    r->body_len = strlen(body);
    set_item(r, 0, "d1", 0.02F, REASON_TASTE);
    assert_value(r, "{\"version\":[1764000000,42],\"schema\":1,\"ts\":1764087654321,"
                    "\"segment\":5,\"users\":3,"
                    "\"items\":[{\"id\":\"d1\",\"score\":0.02,\"reason\":\"taste\"}]}");
    r->kind = REC_USER;
    assert_value(r, "{\"version\":[1764000000,42],\"schema\":1,\"ts\":1764087654321,"
                    "\"users\":3}");
    r->body = NULL;
    assert_value(r, "{\"version\":[1764000000,42],\"schema\":1,\"ts\":1764087654321,"
                    "\"segment\":null,\"lifecycle\":null,\"engagement\":null,\"counts\":null,"
                    "\"categories\":[],\"elsewhere\":[]}");
    r->kind = REC_SIMILAR;
    set_item(r, 1, "d2", 0.012345F, REASON_TASTE);
    assert_value(r, "{\"version\":[1764000000,42],\"schema\":1,\"ts\":1764087654321,"
                    "\"item\":\"u1\",\"domain\":\"course\",\"items\":["
                    "{\"id\":\"d1\",\"score\":0.02},{\"id\":\"d2\",\"score\":0.01235}]}");
    r->n = 0;
    assert_value(r, "{\"version\":[1764000000,42],\"schema\":1,\"ts\":1764087654321,"
                    "\"item\":\"u1\",\"domain\":\"course\",\"items\":[]}");
    free(r);
}

static void a_list_of_the_segment_says_so(void **state) {
    (void)state;
    struct rec *r = new_rec(REC_LIST);
    r->by_segment = true;
    r->segment = 2;
    char *value = value_of(r);
    assert_non_null(strstr(value, "\"personalised\":false,\"model\":\"segment\",\"segment\":2"));
    free(value);
    free(r);
}

/* Ten ids of `len` bytes, each behind another, all becauses; returns the value's length. */
static size_t length_of_ten(size_t len, enum because_kind kind, int *becauses) {
    char ids[10][ID_LEN_MAX + 1];
    struct rec *r = new_rec(REC_LIST);
    r->personalised = true;
    r->segment = 15;
    r->task = 127;
    r->seq = 12345678;
    for (uint16_t i = 0; i < 10; i++) {
        memset(ids[i], 'a' + i, len);
        ids[i][len] = '\0';
        set_item(r, i, ids[i], -1.23456F, REASON_TRENDING);
        r->items[i].because = (struct because){ids[i], (uint16_t)len, (uint8_t)kind};
        r->items[i].propensity = i >= 3 && kind == BECAUSE_CATEGORY ? 0.0123456F : 0.0F;
    }
    char *value = value_of(r);
    const size_t n = strlen(value);
    *becauses = 0;
    for (const char *p = value; (p = strstr(p, "because")); p++) {
        ++*becauses;
    }
    free(value);
    free(r);
    return n;
}

static void ten_items_with_short_ids_fit_into_what_was_promised(void **state) {
    (void)state;
    int becauses = 0;
    for (size_t len = 1; len <= 16; len++) {
        assert_true(length_of_ten(len, BECAUSE_ITEM, &becauses) <= REC_LIST_BYTES);
        assert_true(becauses >= 4);
        assert_true(length_of_ten(len, BECAUSE_CATEGORY, &becauses) <= REC_LIST_BYTES);
    }
    (void)length_of_ten(8, BECAUSE_ITEM, &becauses);
    assert_true(becauses >= 8);
    (void)length_of_ten(36, BECAUSE_ITEM, &becauses); /* UUIDs: no promise, but reasons */
    assert_true(becauses >= 8);
}

static void touch_and_takeover_have_no_value(void **state) {
    (void)state;
    struct rec *r = new_rec(REC_TOUCH);
    char byte = 'x';
    assert_int_equal(rec_value(&config, r, &byte), 0);
    r->kind = REC_TAKEOVER;
    assert_int_equal(rec_value(&config, r, &byte), 0);
    assert_int_equal(byte, 'x');
    free(r);
}

static void the_largest_values_fit(void **state) {
    (void)state;
    char id[ID_LEN_MAX + 1];
    memset(id, 1, ID_LEN_MAX); /* \u0001: six bytes each */
    id[ID_LEN_MAX] = '\0';
    config.list_n = CONFIG_LIST_MAX;
    config.n_topics = CONFIG_TOPICS_MAX;
    struct rec *r = new_rec(REC_LIST);
    r->epoch = r->seq = UINT64_MAX;
    r->task = r->segment = INT32_MAX;
    r->ts_ms = INT64_MIN;
    for (uint16_t i = 0; i < CONFIG_LIST_MAX; i++) {
        set_item(r, i, id, -1.23456e-38F, REASON_TRENDING);
        r->items[i].because = (struct because){id, UINT16_MAX, BECAUSE_CATEGORY}; /* is cut */
        r->items[i].propensity = 1.23456e-38F;
    }
    free(value_of(r)); /* value_of() checks the length; a sanitizer checks the bytes */
    for (size_t t = 0; t < CONFIG_TOPICS_MAX; t++) {
        memset(config.topics[t].name, 1, CONFIG_NAME_MAX - 1);
        r->offsets[t] = INT64_MAX;
    }
    r->kind = REC_PUBLISHED;
    free(value_of(r));
    r->kind = REC_INFO;
    r->segments = UINT32_MAX;
    free(value_of(r));
    r->body_len = REC_BODY_MAX;
    r->body = calloc(1, REC_BODY_MAX);
    assert_non_null(r->body);
    memset(r->user_id, 1, ID_LEN_MAX);
    r->user_id_len = ID_LEN_MAX;
    memset(config.domains[0].name, 1, CONFIG_NAME_MAX - 1);
    static const enum rec_kind CARDS[] = {REC_SEGMENT, REC_SIMILAR, REC_USER};
    for (size_t k = 0; k < 3; k++) {
        r->kind = (uint8_t)CARDS[k];
        char *exact = malloc(rec_value_max(&config));
        assert_non_null(exact);
        assert_true(rec_value(&config, r, exact) < rec_value_max(&config));
        free(exact);
    }
    free(r->body);
    free(r);
}

static void counts_beyond_what_there_may_be_are_cut(void **state) {
    (void)state;
    struct rec *r = new_rec(REC_INFO);
    r->segments = UINT32_MAX;
    char *value = value_of(r);
    assert_non_null(strstr(value, "\"segments\":[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]}"));
    free(value);
    r->kind = REC_LIST;
    for (uint16_t i = 0; i < CONFIG_LIST_MAX; i++) {
        set_item(r, i, "d", 1.0F, REASON_AGAIN);
    }
    value = value_of(r);
    json_t *json = json_loads(value, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(json, "items")), config.list_n);
    json_decref(json);
    free(value);
    free(r);
}

/* ---- strings -------------------------------------------------------------------------- */

/* The id of a list's only item as jansson reads it; free() it. */
static char *id_read_back(const char *id, size_t len) {
    struct rec *r = new_rec(REC_LIST);
    r->items[0] = (struct rec_item){.id = id, .id_len = (uint16_t)len, .score = 1.0F};
    r->n = 1;
    char *value = value_of(r);
    json_error_t error;
    json_t *json = json_loads(value, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
    if (!json) {
        fail_msg("%s in %s", error.text, value);
    }
    json_t *got = json_object_get(json_array_get(json_object_get(json, "items"), 0), "id");
    size_t n = json_string_length(got);
    char *copy = malloc(n + 1);
    assert_non_null(copy);
    memcpy(copy, json_string_value(got), n);
    copy[n] = '\0';
    json_decref(json);
    free(value);
    free(r);
    return copy;
}

static void quotes_controls_and_every_plane_of_unicode_come_back(void **state) {
    (void)state;
    static const char *const IDS[] = {
        "\"",
        "\\",
        "a\"b\\c/d",
        "\b\f\n\r\t\x01\x1f\x7f",
        "gr\xC3\xBC\xC3\x9F",
        "\xE2\x82\xAC",
        "\xEF\xBF\xBF",
        "\xED\x9F\xBF",
        "\xF0\x9F\x8D\x95",
        "\xF4\x8F\xBF\xBF",
        "\xE2\x80\xA8",
        "</script>",
    };
    for (size_t i = 0; i < sizeof IDS / sizeof *IDS; i++) {
        char *back = id_read_back(IDS[i], strlen(IDS[i]));
        assert_string_equal(back, IDS[i]);
        free(back);
    }
}

/* Tables 3-8 to 3-11 of The Unicode Standard 15.0, section 3.9. */
static void invalid_utf8_becomes_the_replacement_characters_of_the_unicode_standard(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        const char *text; /* ? stands for U+FFFD */
    } TABLES[] = {
        {"\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41", "????????A"},
        {"\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41", "????????A"},
        {"\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42", "?????A??B"},
        {"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", "????A"},
        {"\xE2\x82", "?"}, /* ends in the middle */
        {"A\xF0\x9F\x8D", "A?"},
    };
    for (size_t i = 0; i < sizeof TABLES / sizeof *TABLES; i++) {
        char expected[64] = "";
        for (const char *t = TABLES[i].text; *t; t++) {
            char one[2] = {*t, '\0'};
            strcat(expected, *t == '?' ? "\xEF\xBF\xBD" : one);
        }
        char *back = id_read_back(TABLES[i].bytes, strlen(TABLES[i].bytes));
        assert_string_equal(back, expected);
        free(back);
    }
}

static uint32_t next_random(uint64_t *seed) {
    *seed = *seed * 6364136223846793005U + 1442695040888963407U; /* Knuth's MMIX */
    return (uint32_t)(*seed >> 33);
}

/* Bytes that jansson itself takes as a string come back as they are; all others parse. */
static void random_ids_are_always_json(void **state) {
    (void)state;
    uint64_t seed = 20261125;
    print_message("seed %llu\n", (unsigned long long)seed);
    static const unsigned char DENSE[] = {0xC0, 0xC3, 0xE0, 0xE2, 0xED, 0xF0, 0xF4, 0xF5, 0x80,
                                          0x8F, 0x9F, 0xA0, 0xBF, '"',  '\\', 0,    0x1F, 'a'};
    int valid = 0;
    for (int round = 0; round < 20000; round++) {
        char id[ID_LEN_MAX];
        size_t n = 1 + next_random(&seed) % (round % 8 ? 6 : ID_LEN_MAX);
        for (size_t i = 0; i < n; i++) {
            uint32_t x = next_random(&seed);
            id[i] = (char)(round % 2 ? DENSE[x % sizeof DENSE] : x & 0xFF);
        }
        char *back = id_read_back(id, n); /* fails the test if it is no JSON */
        json_t *truth = json_stringn(id, n);
        if (truth) {
            valid++;
            assert_memory_equal(back, id, n);
        } else if (!memchr(id, 0, n)) {
            assert_non_null(strstr(back, "\xEF\xBF\xBD"));
        }
        json_decref(truth);
        free(back);
    }
    assert_true(valid > 1000);
}

/* ---- numbers -------------------------------------------------------------------------- */

static void assert_score(float score, const char *text) {
    char expected[64];
    snprintf(expected, sizeof expected, "\"score\":%s,", text);
    struct rec *r = new_rec(REC_LIST);
    set_item(r, 0, "d", score, REASON_TASTE);
    char *value = value_of(r);
    if (!strstr(value, expected)) {
        fail_msg("no %s in %s", expected, value);
    }
    setlocale(LC_NUMERIC, "C"); /* jansson needs the point of the locale */
    json_t *json = json_loads(value, 0, NULL);
    assert_non_null(json);
    json_decref(json);
    free(value);
    free(r);
}

static void scores_have_four_digits_and_are_json(void **state) {
    (void)state;
    assert_score(0.0F, "0");
    assert_score(-0.0F, "-0");
    assert_score(1.0F / 3.0F, "0.3333");
    assert_score(-9.99961F, "-10");
    assert_score(99.996F, "100");
    assert_score(4.61437F, "4.614");
    assert_score(123456.7F, "123500");
    assert_score(1e-40F, "1e-40");
    assert_score(3e38F, "3e+38");
    assert_score(1e9F, "1e+09");
    assert_score(-1.5e-7F, "-1.5e-07");
    assert_score(INFINITY, "null");
    assert_score(-INFINITY, "null");
    assert_score(NAN, "null");
}

/* A locale with a decimal comma; built here if the machine has none. */
static bool enter_comma_locale(void) {
    static const char *const NAMES[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "ps_AF.UTF-8"};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        if (setlocale(LC_NUMERIC, NAMES[i])) {
            return true;
        }
    }
    char dir[] = "/tmp/test-rec-XXXXXX";
    char command[256];
    if (!mkdtemp(dir)) {
        return false;
    }
    snprintf(command, sizeof command, "localedef -i ps_AF -f UTF-8 %s/ps_AF >/dev/null 2>&1", dir);
    (void)!system(command);
    setenv("LOCPATH", dir, 1);
    bool ok = setlocale(LC_NUMERIC, "ps_AF") != NULL;
    snprintf(command, sizeof command, "rm -rf %s", dir);
    (void)!system(command);
    return ok;
}

static void the_decimal_point_does_not_depend_on_the_locale(void **state) {
    (void)state;
    if (!enter_comma_locale()) {
        print_message("no locale with another decimal point on this machine\n");
        skip();
    }
    char text[32];
    snprintf(text, sizeof text, "%.1f", 1.5);
    assert_string_not_equal(text, "1.5"); /* the locale is in force */
    assert_score(-1.25e-7F, "-1.25e-07"); /* sets the locale back */
}

/* ---- rec_version ---------------------------------------------------------------------- */

static void every_value_begins_with_its_version(void **state) {
    (void)state;
    static const enum rec_kind KINDS[] = {REC_LIST,    REC_FALLBACK, REC_INFO, REC_PUBLISHED,
                                          REC_SEGMENT, REC_SIMILAR,  REC_USER};
    static const uint64_t VERSIONS[] = {0, 9, 10, 1764000000, (uint64_t)1 << 53, UINT64_MAX};
    for (size_t k = 0; k < sizeof KINDS / sizeof *KINDS; k++) {
        for (size_t v = 0; v < 6; v++) {
            struct rec *r = new_rec(KINDS[k]);
            r->epoch = VERSIONS[v];
            r->seq = VERSIONS[5 - v];
            char *value = value_of(r);
            uint64_t epoch = 1;
            uint64_t seq = 1;
            assert_int_equal(rec_version(value, strlen(value), &epoch, &seq), ST_OK);
            assert_true(epoch == VERSIONS[v] && seq == VERSIONS[5 - v]);
            free(value);
            free(r);
        }
    }
}

static void what_is_no_version_is_refused_and_changes_nothing(void **state) {
    (void)state;
    static const char *const BAD[] = {
        "",
        "{",
        "x",
        "{\"version\":[",
        "{\"version\":[]}",
        "{\"version\":[1]}",
        "{\"version\":[1,2",
        "{\"version\":[1,2]",
        "{\"version\":[1,2]}",
        "{\"version\":[-1,2],",
        "{\"version\":[1, 2],",
        "{\"version\":[1,],",
        "{\"version\":[,2],",
        "{\"version\":[18446744073709551616,2],",
        "{\"version\":[1,99999999999999999999],",
        "{\"Version\":[1,2],",
        " {\"version\":[1,2],",
        "{\"version\":[1.0,2],",
    };
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        uint64_t epoch = 7;
        uint64_t seq = 8;
        size_t n = strlen(BAD[i]);
        char *exact = malloc(n + 1); /* no byte behind it for a sanitizer to miss */
        assert_non_null(exact);
        memcpy(exact, BAD[i], n);
        assert_int_equal(rec_version(exact, n, &epoch, &seq), ST_INVALID);
        assert_true(epoch == 7 && seq == 8);
        free(exact);
    }
    uint64_t epoch = 7;
    uint64_t seq = 8;
    assert_int_equal(rec_version(NULL, 0, &epoch, &seq), ST_INVALID);
    assert_int_equal(rec_version("{\"version\":[1,2],", 17, &epoch, &seq), ST_OK);
    assert_int_equal(rec_version("{\"version\":[1,2],", 16, &epoch, &seq), ST_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_rec_has_room_for_its_items, setup),
        cmocka_unit_test_setup(keys_are_those_of_docs_redis, setup),
        cmocka_unit_test_setup(an_item_of_another_domain_has_its_name_before_its_id, setup),
        cmocka_unit_test_setup(a_touch_is_of_the_key_that_it_names, setup),
        cmocka_unit_test_setup(writes_are_told_on_a_channel_of_the_target, setup),
        cmocka_unit_test_setup(a_key_holds_every_byte_of_the_user_id, setup),
        cmocka_unit_test_setup(a_list_is_the_documented_json, setup),
        cmocka_unit_test_setup(the_item_or_the_category_behind_an_item_is_told, setup),
        cmocka_unit_test_setup(only_slots_that_were_drawn_have_a_propensity, setup),
        cmocka_unit_test_setup(an_empty_list_without_a_segment_is_a_tombstone, setup),
        cmocka_unit_test_setup(a_fallback_has_the_shape_of_a_list, setup),
        cmocka_unit_test_setup(info_tells_n_ttl_in_seconds_partitions_and_segments, setup),
        cmocka_unit_test_setup(published_leaves_out_topics_without_an_offset, setup),
        cmocka_unit_test_setup(cards_and_their_tombstones_are_the_documented_json, setup),
        cmocka_unit_test_setup(a_list_of_the_segment_says_so, setup),
        cmocka_unit_test_setup(ten_items_with_short_ids_fit_into_what_was_promised, setup),
        cmocka_unit_test_setup(touch_and_takeover_have_no_value, setup),
        cmocka_unit_test_setup(the_largest_values_fit, setup),
        cmocka_unit_test_setup(counts_beyond_what_there_may_be_are_cut, setup),
        cmocka_unit_test_setup(quotes_controls_and_every_plane_of_unicode_come_back, setup),
        cmocka_unit_test_setup(
            invalid_utf8_becomes_the_replacement_characters_of_the_unicode_standard, setup),
        cmocka_unit_test_setup(random_ids_are_always_json, setup),
        cmocka_unit_test_setup(scores_have_four_digits_and_are_json, setup),
        cmocka_unit_test_setup(the_decimal_point_does_not_depend_on_the_locale, setup),
        cmocka_unit_test_setup(every_value_begins_with_its_version, setup),
        cmocka_unit_test_setup(what_is_no_version_is_refused_and_changes_nothing, setup),
    };
    return cmocka_run_group_tests_name("rec", tests, NULL, NULL);
}
