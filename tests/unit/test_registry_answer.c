/* SPDX-License-Identifier: Apache-2.0
 *
 * test_registry_answer.c -- the contract of registry_answer.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "registry_answer.h"

static enum registry_verdict answer(long status, const char *body, unsigned wants,
                                    struct registry_answer *a) {
    return registry_answer_read(status, body, strlen(body), wants, a);
}

/* As Confluent's and Apicurio's documentation and answers have them. */
static const struct row {
    long status;
    unsigned wants;
    enum registry_verdict verdict;
    const char *body;
    const char *why; /* a part of it, "" : anything */
} ROWS[] = {
    {200, WANT_SCHEMA, REGISTRY_OK, "{\"schema\":\"\\\"int\\\"\"}", ""},
    {200, WANT_SCHEMA, REGISTRY_OK, "{\"schema\":\"x\",\"schemaType\":\"AVRO\",\"references\":[]}",
     ""},
    {200, WANT_SCHEMA, REGISTRY_OK, "{\"schema\":\"x\",\"references\":null,\"new\":{\"a\":1}}", ""},
    {200, WANT_ID, REGISTRY_OK, "{\"id\":0}", ""},
    {200, WANT_ID, REGISTRY_OK, "{\"id\":4294967295}", ""},
    {200, WANT_ID | WANT_VERSION, REGISTRY_OK, "{\"id\":7,\"version\":2147483647}", ""},

    {200, WANT_SCHEMA, REGISTRY_UNUSABLE,
     "{\"schema\":\"x\",\"references\":[{\"name\":\"a\",\"subject\":\"b\",\"version\":1}]}",
     "references"},
    {200, WANT_SCHEMA, REGISTRY_UNUSABLE, "{\"schema\":\"x\",\"schemaType\":\"PROTOBUF\"}",
     "PROTOBUF"},

    {404, WANT_SCHEMA, REGISTRY_UNKNOWN,
     "{\"error_code\":40403,\"message\":\"Schema 9 not found\"}", "Schema 9 not found"},
    {404, WANT_SCHEMA, REGISTRY_UNKNOWN, "{\"error_code\":40401,\"message\":\"No subject\"}", ""},
    {404, WANT_SCHEMA, REGISTRY_UNKNOWN, "{\"error_code\":40402}", ""},
    {404, WANT_SCHEMA, REGISTRY_AWAY, "{\"error_code\":404,\"message\":\"HTTP 404 Not Found\"}",
     "registry.url"},
    {404, WANT_SCHEMA, REGISTRY_AWAY, "<html>404 Not Found</html>", "/apis/ccompat/v7"},
    {404, WANT_SCHEMA, REGISTRY_AWAY, "", "answers 404"},
    {500, WANT_SCHEMA, REGISTRY_AWAY, "{\"error_code\":40403,\"message\":\"no\"}", "answers 500"},

    {409, WANT_ID, REGISTRY_REFUSED, "{\"error_code\":409,\"message\":\"READER_FIELD_MISSING\"}",
     "READER_FIELD_MISSING"},
    {409, WANT_ID, REGISTRY_REFUSED, "", "incompatible"},
    {422, WANT_ID, REGISTRY_REFUSED, "{\"error_code\":42201,\"message\":\"Invalid\"}", "Invalid"},

    {401, WANT_SCHEMA, REGISTRY_AWAY, "{\"error_code\":401,\"message\":\"Unauthorized\"}",
     "registry.user"},
    {403, WANT_SCHEMA, REGISTRY_AWAY, "", "registry.user"},
    {429, WANT_SCHEMA, REGISTRY_AWAY, "slow down", "answers 429"},
    {302, WANT_SCHEMA, REGISTRY_AWAY, "", "registry.url"},
    {503, WANT_SCHEMA, REGISTRY_AWAY, "<html>", "answers 503"},

    {200, WANT_SCHEMA, REGISTRY_AWAY, "", "no schema registry"},
    {200, WANT_SCHEMA, REGISTRY_AWAY, "<html>login</html>", "no schema registry"},
    {200, WANT_SCHEMA, REGISTRY_AWAY, "{\"schema\":\"x\"", "no schema registry"},
    {200, WANT_SCHEMA, REGISTRY_AWAY, "[]", "no schema"},
    {200, WANT_SCHEMA, REGISTRY_AWAY, "\"schema\"", "no schema"},
    {200, WANT_SCHEMA, REGISTRY_AWAY, "{\"schema\":7}", "no schema"},
    {200, WANT_SCHEMA, REGISTRY_AWAY, "{\"schema\":\"\"}", "no schema"},
    {200, WANT_SCHEMA, REGISTRY_AWAY, "{\"schema\":\"a\\u0000b\"}", ""},
    {200, WANT_SCHEMA, REGISTRY_AWAY, "{\"schema\":{\"type\":\"int\"}}", "no schema"},
    {200, WANT_ID, REGISTRY_AWAY, "{}", "no id"},
    {200, WANT_ID, REGISTRY_AWAY, "{\"id\":-1}", "no id"},
    {200, WANT_ID, REGISTRY_AWAY, "{\"id\":4294967296}", "no id"},
    {200, WANT_ID, REGISTRY_AWAY, "{\"id\":1.5}", "no id"},
    {200, WANT_ID, REGISTRY_AWAY, "{\"id\":\"1\"}", "no id"},
    {200, WANT_VERSION, REGISTRY_AWAY, "{\"version\":0}", "no version"},
    {200, WANT_VERSION, REGISTRY_AWAY, "{\"version\":2147483648}", "no version"},
};

static void each_answer_has_its_verdict(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        const struct row *r = &ROWS[i];
        struct registry_answer a;
        memset(&a, 0x5a, sizeof a);
        const enum registry_verdict verdict = answer(r->status, r->body, r->wants, &a);
        if (verdict != r->verdict || !strstr(a.why, r->why) || a.status != r->status ||
            (a.schema != NULL) != (verdict == REGISTRY_OK && (r->wants & WANT_SCHEMA)) ||
            (a.why[0] == '\0') != (verdict == REGISTRY_OK)) {
            fail_msg("%ld %s: verdict %d, %s", r->status, r->body, (int)verdict, a.why);
        }
        registry_answer_free(&a);
    }
}

static void an_answer_is_read_to_its_values(void **state) {
    (void)state;
    struct registry_answer a;
    const char *body = "{\"subject\":\"s-value\",\"version\":3,\"id\":17,"
                       "\"schema\":\"{\\\"type\\\":\\\"string\\\",\\\"doc\\\":\\\"\\u00e9\\\"}\"}";
    assert_int_equal(answer(200, body, WANT_SCHEMA | WANT_ID | WANT_VERSION, &a), REGISTRY_OK);
    assert_int_equal(a.id, 17);
    assert_int_equal(a.version, 3);
    assert_string_equal(a.schema, "{\"type\":\"string\",\"doc\":\"\xc3\xa9\"}");
    registry_answer_free(&a);
    assert_null(a.schema);
    registry_answer_free(&a);
}

static void a_body_is_not_read_beyond_its_length(void **state) {
    (void)state;
    struct registry_answer a;
    char *body = malloc(8);
    assert_non_null(body);
    memcpy(body, "{\"id\":1}", 8); /* not terminated */
    assert_int_equal(registry_answer_read(200, body, 8, WANT_ID, &a), REGISTRY_OK);
    assert_int_equal(registry_answer_read(200, body, 7, WANT_ID, &a), REGISTRY_AWAY);
    free(body);
}

static void a_long_or_ugly_message_becomes_one_short_line(void **state) {
    (void)state;
    struct registry_answer a;
    char body[4096];
    char message[3000];
    memset(message, 'm', sizeof message - 1);
    message[sizeof message - 1] = '\0';
    snprintf(body, sizeof body, "{\"error_code\":50001,\"message\":\"a\\nb\\u007f%s\"}", message);
    assert_int_equal(answer(500, body, WANT_SCHEMA, &a), REGISTRY_AWAY);
    assert_null(strchr(a.why, '\n'));
    assert_non_null(strstr(a.why, "a b "));
    assert_true(strlen(a.why) < 300);
}

static void a_message_is_cut_between_characters(void **state) {
    (void)state;
    struct registry_answer a;
    char body[1024] = "{\"message\":\"x";
    for (int i = 0; i < 150; i++) {
        strcat(body, "\xc3\xa9");
    }
    strcat(body, "\"}");
    assert_int_equal(answer(500, body, WANT_SCHEMA, &a), REGISTRY_AWAY);
    size_t n = strlen(a.why);
    assert_memory_equal(a.why + n - 2, "\xc3\xa9", 2); /* the 200th byte is the first of two */
    assert_int_equal(n, strlen("answers 500: ") + 199);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_answer_has_its_verdict),
        cmocka_unit_test(an_answer_is_read_to_its_values),
        cmocka_unit_test(a_body_is_not_read_beyond_its_length),
        cmocka_unit_test(a_message_is_cut_between_characters),
        cmocka_unit_test(a_long_or_ugly_message_becomes_one_short_line),
    };
    return cmocka_run_group_tests_name("registry_answer", tests, NULL, NULL);
}
