/* SPDX-License-Identifier: Apache-2.0
 *
 * test_letter.c -- contract tests of consumer/letter.h, with a letterbox that writes down what
 * it is given and answers from a script.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failing_alloc.h"
#include "letter.h"
#include "mix.h"

enum { CALLS_MAX = 4096, TEXT_MAX = 64, HEADERS_MAX = 8 };

/* ---- letterbox ----------------------------------------------------------------------- */

struct sent {
    bool flush; /* else a record */
    char topic[TEXT_MAX];
    bool has_key, has_value;
    size_t key_len, value_len;
    uint64_t digest; /* of key and value */
    int64_t timestamp_ms;
    size_t n_headers;
    char names[HEADERS_MAX][TEXT_MAX], values[HEADERS_MAX][TEXT_MAX];
};

struct box {
    struct sent calls[CALLS_MAX];
    size_t n;
    const enum status *script; /* of the calls in order; ST_OK when it is over */
    size_t n_script;
};

static uint64_t digest_of(const void *p, size_t len) {
    uint64_t h = len;
    for (size_t i = 0; i < len; i++) {
        h = mix64(h ^ ((const uint8_t *)p)[i]);
    }
    return h;
}

static enum status answer(struct box *b) {
    const size_t at = b->n++;
    return at < b->n_script ? b->script[at] : ST_OK;
}

static enum status box_send(void *ctx, const char *topic, const void *key, size_t key_len,
                            const void *value, size_t value_len, int64_t timestamp_ms,
                            const struct header *headers, size_t n_headers) {
    struct box *b = ctx;
    assert_true(b->n < CALLS_MAX && n_headers <= HEADERS_MAX);
    struct sent *s = &b->calls[b->n];
    *s = (struct sent){.has_key = key != NULL,
                       .has_value = value != NULL,
                       .key_len = key_len,
                       .value_len = value_len,
                       .digest = digest_of(key, key_len) ^ mix64(digest_of(value, value_len)),
                       .timestamp_ms = timestamp_ms,
                       .n_headers = n_headers};
    snprintf(s->topic, TEXT_MAX, "%s", topic);
    for (size_t k = 0; k < n_headers; k++) {
        assert_true(headers[k].len < TEXT_MAX);
        snprintf(s->names[k], TEXT_MAX, "%s", headers[k].name);
        memcpy(s->values[k], headers[k].value, headers[k].len); /* not terminated there */
    }
    return answer(b);
}

static enum status box_flush(void *ctx, int timeout_ms) {
    struct box *b = ctx;
    assert_true(b->n < CALLS_MAX);
    assert_true(timeout_ms > 0);
    b->calls[b->n] = (struct sent){.flush = true};
    return answer(b);
}

static struct box box;
static const char *const TOPICS[] = {"course-views", "food-orders"};

static enum status send_all(struct letters *l, const enum status *script, size_t n_script) {
    static struct config cfg;
    memset(&box, 0, sizeof box);
    box.script = script;
    box.n_script = n_script;
    snprintf(cfg.dead_letters, CONFIG_NAME_MAX, "dead-ones");
    const struct letterbox table = {.send = box_send, .flush = box_flush, .ctx = &box};
    return letters_send(l, &cfg, &table);
}

/* ---- letters --------------------------------------------------------------------------- */

static const uint8_t VALUE[] = {0, 0, 1, 0x86, 0xa0, 'b', 0, 'd'}; /* schema 100000 */

static struct record record_of(const void *key, size_t key_len, const void *value,
                               size_t value_len) {
    return (struct record){.offset = INT64_C(9007199254740993),
                           .timestamp_ms = INT64_C(1790000000123),
                           .key = key,
                           .key_len = key_len,
                           .value = value,
                           .value_len = value_len,
                           .partition = 17,
                           .topic = 1};
}

/* Through a block of exactly letter_size() bytes, so that a sanitizer sees one byte too many. */
static void add(struct letters *l, const struct record *r, enum intake_reason reason,
                const char *detail) {
    const size_t len = letter_size(r);
    char *block = malloc(len);
    assert_non_null(block);
    memset(block, 0x5a, len);
    letter_write(block, TOPICS[r->topic], r, reason, detail);
    assert_int_equal(letters_append(l, block, len), ST_OK);
    free(block);
}

static void assert_sent_is(const struct sent *s, const struct record *r) {
    assert_false(s->flush);
    assert_string_equal(s->topic, "dead-ones");
    assert_int_equal(s->has_key, r->key != NULL);
    assert_int_equal(s->has_value, r->value != NULL);
    assert_int_equal(s->key_len, r->key_len);
    assert_int_equal(s->value_len, r->value_len);
    assert_true(s->digest ==
                (digest_of(r->key, r->key_len) ^ mix64(digest_of(r->value, r->value_len))));
}

static void assert_header(const struct sent *s, size_t k, const char *name, const char *value) {
    assert_true(k < s->n_headers);
    assert_string_equal(s->names[k], name);
    assert_string_equal(s->values[k], value);
}

static void a_letter_carries_key_value_and_the_headers(void **state) {
    (void)state;
    struct letters l = {0};
    const struct record r = record_of("k\0y", 3, VALUE, sizeof VALUE);
    add(&l, &r, INTAKE_DECODE, "bytes end inside a value");
    assert_int_equal(l.n, 1);
    assert_int_equal(send_all(&l, NULL, 0), ST_OK);
    assert_int_equal(box.n, 2);
    const struct sent *s = &box.calls[0];
    assert_sent_is(s, &r);
    assert_int_equal(s->n_headers, 7);
    assert_header(s, 0, "topic", "food-orders");
    assert_header(s, 1, "partition", "17");
    assert_header(s, 2, "offset", "9007199254740993");
    assert_header(s, 3, "timestamp", "1790000000123");
    assert_header(s, 4, "reason", "decode");
    assert_header(s, 5, "detail", "bytes end inside a value");
    assert_header(s, 6, "schema-id", "100000");
    assert_true(s->timestamp_ms == 0); /* now, by the producer */
    assert_true(box.calls[1].flush);
    letters_free(&l);
}

static void without_a_detail_it_is_the_text_of_the_reason(void **state) {
    (void)state;
    struct letters l = {0};
    const struct record r = record_of(NULL, 0, VALUE, sizeof VALUE);
    for (int reason = 1; reason < INTAKE_REASONS; reason++) {
        add(&l, &r, (enum intake_reason)reason, "");
    }
    assert_int_equal(send_all(&l, NULL, 0), ST_OK);
    for (int reason = 1; reason < INTAKE_REASONS; reason++) {
        const struct sent *s = &box.calls[reason - 1];
        assert_header(s, 4, "reason", intake_reason_code((enum intake_reason)reason));
        assert_header(s, 5, "detail", intake_reason_text((enum intake_reason)reason));
    }
    letters_free(&l);
}

static void only_a_wire_header_gives_a_schema_id(void **state) {
    (void)state;
    static const uint8_t largest[5] = {0, 0xff, 0xff, 0xff, 0xff};
    const struct record records[] = {
        record_of("k", 1, NULL, 0), record_of("k", 1, "", 0), record_of("k", 1, "\0\0\0\0", 4),
        record_of("k", 1, "{\"user\":1}", 10), record_of("k", 1, largest, 5)};
    struct letters l = {0};
    for (size_t k = 0; k < 5; k++) {
        add(&l, &records[k], INTAKE_WIRE, "");
    }
    assert_int_equal(send_all(&l, NULL, 0), ST_OK);
    for (size_t k = 0; k < 4; k++) {
        assert_int_equal(box.calls[k].n_headers, 6);
        assert_sent_is(&box.calls[k], &records[k]);
    }
    assert_header(&box.calls[4], 6, "schema-id", "4294967295");
    letters_free(&l);
}

static void schema_id_0_is_an_id_too(void **state) {
    (void)state;
    struct letters l = {0};
    const struct record r = record_of(NULL, 0, "\0\0\0\0\0", 5);
    add(&l, &r, INTAKE_SCHEMA_UNKNOWN, "");
    assert_int_equal(send_all(&l, NULL, 0), ST_OK);
    assert_header(&box.calls[0], 6, "schema-id", "0");
    letters_free(&l);
}

static void no_key_and_an_empty_key_are_two_things_and_so_are_values(void **state) {
    (void)state;
    const struct record records[] = {record_of(NULL, 0, NULL, 0), record_of("", 0, NULL, 0),
                                     record_of(NULL, 0, "", 0),   record_of("", 0, "", 0),
                                     record_of("k", 1, NULL, 0),  record_of(NULL, 0, "v", 1)};
    struct letters l = {0};
    for (size_t k = 0; k < 6; k++) {
        add(&l, &records[k], INTAKE_EMPTY, "");
    }
    assert_int_equal(send_all(&l, NULL, 0), ST_OK);
    for (size_t k = 0; k < 6; k++) {
        assert_sent_is(&box.calls[k], &records[k]);
    }
    letters_free(&l);
}

static void numbers_of_any_size_are_written_whole(void **state) {
    (void)state;
    struct record r = record_of(NULL, 0, NULL, 0);
    r.offset = INT64_MAX;
    r.timestamp_ms = -1; /* unknown */
    r.partition = INT32_MAX;
    r.topic = 0;
    struct letters l = {0};
    add(&l, &r, INTAKE_EMPTY, "");
    r.timestamp_ms = INT64_MIN;
    add(&l, &r, INTAKE_EMPTY, "");
    assert_int_equal(send_all(&l, NULL, 0), ST_OK);
    assert_header(&box.calls[0], 0, "topic", "course-views");
    assert_header(&box.calls[0], 1, "partition", "2147483647");
    assert_header(&box.calls[0], 2, "offset", "9223372036854775807");
    assert_header(&box.calls[0], 3, "timestamp", "-1");
    assert_header(&box.calls[1], 3, "timestamp", "-9223372036854775808");
    letters_free(&l);
}

/* Blocks of all sizes lie one behind the other; the bytes belong to the letters. */
static void many_letters_are_sent_in_the_order_they_were_appended(void **state) {
    (void)state;
    enum { N = 2000, LEN_MAX = 300 };
    static char text[N + LEN_MAX];
    static struct record records[N];
    struct letters l = {0};
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (char)mix64(i);
    }
    for (size_t k = 0; k < N; k++) {
        records[k] = record_of(text + k, mix64(k) % 40, text + k, mix64(k + N) % LEN_MAX);
        records[k].offset = (int64_t)k;
        add(&l, &records[k], INTAKE_DECODE, "");
    }
    assert_int_equal(l.n, N);
    assert_int_equal(send_all(&l, NULL, 0), ST_OK);
    assert_int_equal(box.n, N + 1);
    for (size_t k = 0; k < N; k++) {
        char offset[TEXT_MAX];
        snprintf(offset, sizeof offset, "%u", (unsigned)k);
        assert_sent_is(&box.calls[k], &records[k]);
        assert_header(&box.calls[k], 2, "offset", offset);
    }
    letters_clear(&l);
    assert_int_equal(l.n, 0);
    add(&l, &records[7], INTAKE_DECODE, "");
    assert_int_equal(send_all(&l, NULL, 0), ST_OK);
    assert_int_equal(box.n, 2); /* the cleared ones are gone, the new one is sent */
    letters_free(&l);
    letters_free(&l);
    assert_null(l.bytes);
}

static void a_letter_as_large_as_a_record_may_be_is_sent_whole(void **state) {
    (void)state;
    enum { LEN = LETTER_BYTES_MAX - 1 };
    char *value = malloc(LEN);
    assert_non_null(value);
    memset(value, 7, LEN);
    struct letters l = {0};
    const struct record r = record_of("k", 1, value, LEN);
    add(&l, &r, INTAKE_WIRE, "");
    assert_int_equal(send_all(&l, NULL, 0), ST_OK);
    assert_sent_is(&box.calls[0], &r);
    letters_free(&l);
    free(value);
}

/* Each is larger than the double of what there is room for, or nearly. */
static void what_would_not_fit_beside_its_headers_is_cut_and_says_so(void **state) {
    (void)state;
    enum { LEN = LETTER_BYTES_MAX };
    char *value = calloc(1, LEN);
    assert_non_null(value);
    struct letters l = {0};
    const struct record r = record_of("key", 3, value, LEN);
    add(&l, &r, INTAKE_WIRE, "");
    assert_int_equal(send_all(&l, NULL, 0), ST_OK);
    const struct sent *s = &box.calls[0];
    assert_int_equal(s->key_len + s->value_len, LETTER_BYTES_MAX);
    assert_header(s, s->n_headers - 1, "truncated-from", "1000000");
    letters_free(&l);
    free(value);
}

static void letters_grow_by_any_step(void **state) {
    (void)state;
    static char text[40000];
    for (size_t first = 0; first < 5000; first += 90) {
        struct letters l = {0};
        const struct record records[] = {
            record_of(NULL, 0, text, first), record_of(NULL, 0, text, 2 * first),
            record_of(NULL, 0, text, 12000 - first), record_of(NULL, 0, text, 8 * first)};
        for (size_t k = 0; k < 4; k++) {
            memset(text, (int)k, sizeof text);
            add(&l, &records[k], INTAKE_DECODE, "");
        }
        assert_int_equal(send_all(&l, NULL, 0), ST_OK);
        for (size_t k = 0; k < 4; k++) {
            memset(text, (int)k, sizeof text);
            assert_sent_is(&box.calls[k], &records[k]);
        }
        letters_free(&l);
    }
}

/* ---- sending --------------------------------------------------------------------------- */

static void add_some(struct letters *l, int n) {
    for (int k = 0; k < n; k++) {
        struct record r = record_of(NULL, 0, VALUE, sizeof VALUE);
        r.offset = k;
        add(l, &r, INTAKE_DECODE, "");
    }
}

/* "0 1 f": which calls there were: the offset of a letter, or f for a flush. */
static void assert_calls(const char *expected) {
    char calls[256] = "";
    size_t n = 0;
    for (size_t k = 0; k < box.n; k++) {
        const char *what = box.calls[k].flush ? "f" : box.calls[k].values[2];
        n += (size_t)snprintf(calls + n, sizeof calls - n, "%s%s", k ? " " : "", what);
    }
    assert_string_equal(calls, expected);
}

static void no_letters_need_no_letterbox(void **state) {
    (void)state;
    struct letters l = {0};
    assert_int_equal(send_all(&l, NULL, 0), ST_OK);
    assert_calls("");
}

static void a_full_letterbox_is_flushed_and_the_letter_sent_again(void **state) {
    (void)state;
    static const enum status script[] = {ST_OK, ST_AGAIN, ST_OK, ST_OK, ST_AGAIN};
    struct letters l = {0};
    add_some(&l, 3);
    assert_int_equal(send_all(&l, script, 5), ST_OK);
    assert_calls("0 1 f 1 2 f 2 f");
    letters_free(&l);
}

static void a_letterbox_that_stays_full_is_left_for_later(void **state) {
    (void)state;
    static const enum status script[] = {ST_OK, ST_AGAIN, ST_OK, ST_AGAIN};
    struct letters l = {0};
    add_some(&l, 2);
    assert_int_equal(send_all(&l, script, 4), ST_AGAIN);
    assert_calls("0 1 f 1");
    assert_int_equal(send_all(&l, NULL, 0), ST_OK);
    assert_calls("1 f");
    letters_free(&l);
}

static void what_the_letterbox_has_is_not_sent_again_while_brokers_are_away(void **state) {
    (void)state;
    static const enum status away[] = {ST_OK, ST_OK, ST_AGAIN};
    static const enum status still_away[] = {ST_AGAIN};
    struct letters l = {0};
    add_some(&l, 2);
    assert_int_equal(send_all(&l, away, 3), ST_AGAIN);
    assert_calls("0 1 f");
    for (int k = 0; k < 100; k++) {
        assert_int_equal(send_all(&l, still_away, 1), ST_AGAIN);
        assert_calls("f");
    }
    assert_int_equal(send_all(&l, NULL, 0), ST_OK);
    assert_calls("f");
    letters_free(&l);
}

static void a_flush_in_the_middle_that_has_to_wait_goes_on_where_it_was(void **state) {
    (void)state;
    static const enum status script[] = {ST_OK, ST_AGAIN, ST_AGAIN};
    struct letters l = {0};
    add_some(&l, 3);
    assert_int_equal(send_all(&l, script, 3), ST_AGAIN);
    assert_calls("0 1 f");
    assert_int_equal(send_all(&l, NULL, 0), ST_OK);
    assert_calls("1 2 f");
    letters_free(&l);
}

static void after_a_refused_flush_all_are_sent_again(void **state) {
    (void)state;
    static const enum status at_the_end[] = {ST_OK, ST_OK, ST_IO};
    static const enum status in_the_middle[] = {ST_OK, ST_AGAIN, ST_IO};
    struct letters l = {0};
    add_some(&l, 2);
    assert_int_equal(send_all(&l, at_the_end, 3), ST_IO);
    assert_int_equal(send_all(&l, in_the_middle, 3), ST_IO);
    assert_calls("0 1 f");
    assert_int_equal(send_all(&l, NULL, 0), ST_OK);
    assert_calls("0 1 f");
    letters_free(&l);
}

static void a_refused_letter_stops_there_and_is_tried_again(void **state) {
    (void)state;
    static const enum status script[] = {ST_OK, ST_IO};
    struct letters l = {0};
    add_some(&l, 3);
    assert_int_equal(send_all(&l, script, 2), ST_IO);
    assert_calls("0 1"); /* the third one must not pass the second */
    assert_int_equal(send_all(&l, NULL, 0), ST_OK);
    assert_calls("1 2 f");
    letters_free(&l);
}

static void without_memory_the_letters_are_as_before(void **state) {
    (void)state;
    if (!CAN_FAIL) {
        skip();
    }
    static char block[1 << 20];
    struct letters l = {0};
    fail_after(0);
    enum status st = letters_append(&l, block, 100);
    fail_after(-1);
    assert_int_equal(st, ST_NOMEM);
    add_some(&l, 2);
    fail_after(0);
    st = letters_append(&l, block, sizeof block);
    fail_after(-1);
    assert_int_equal(st, ST_NOMEM);
    assert_int_equal(send_all(&l, NULL, 0), ST_OK);
    assert_calls("0 1 f");
    letters_free(&l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_letter_carries_key_value_and_the_headers),
        cmocka_unit_test(without_a_detail_it_is_the_text_of_the_reason),
        cmocka_unit_test(only_a_wire_header_gives_a_schema_id),
        cmocka_unit_test(schema_id_0_is_an_id_too),
        cmocka_unit_test(no_key_and_an_empty_key_are_two_things_and_so_are_values),
        cmocka_unit_test(numbers_of_any_size_are_written_whole),
        cmocka_unit_test(many_letters_are_sent_in_the_order_they_were_appended),
        cmocka_unit_test(a_letter_as_large_as_a_record_may_be_is_sent_whole),
        cmocka_unit_test(what_would_not_fit_beside_its_headers_is_cut_and_says_so),
        cmocka_unit_test(letters_grow_by_any_step),
        cmocka_unit_test(no_letters_need_no_letterbox),
        cmocka_unit_test(a_full_letterbox_is_flushed_and_the_letter_sent_again),
        cmocka_unit_test(a_letterbox_that_stays_full_is_left_for_later),
        cmocka_unit_test(what_the_letterbox_has_is_not_sent_again_while_brokers_are_away),
        cmocka_unit_test(a_flush_in_the_middle_that_has_to_wait_goes_on_where_it_was),
        cmocka_unit_test(after_a_refused_flush_all_are_sent_again),
        cmocka_unit_test(a_refused_letter_stops_there_and_is_tried_again),
        cmocka_unit_test(without_memory_the_letters_are_as_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
