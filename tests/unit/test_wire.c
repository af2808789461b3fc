/* SPDX-License-Identifier: Apache-2.0
 *
 * test_wire.c -- the contract of wire.h, against bytes written by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire.h"

static void the_id_is_big_endian_and_the_body_is_what_follows(void **state) {
    (void)state;
    const uint8_t buf[] = {0, 0x12, 0x34, 0x56, 0x78, 'a', 'b'};
    struct wire_msg m = {0};
    assert_int_equal(wire_parse(buf, sizeof buf, &m), ST_OK);
    assert_int_equal(m.schema_id, 0x12345678);
    assert_ptr_equal(m.body, buf + 5);
    assert_int_equal(m.body_len, 2);
}

static void an_empty_body_is_a_message(void **state) {
    (void)state;
    const uint8_t buf[] = {0, 0xff, 0xff, 0xff, 0xff};
    struct wire_msg m = {0};
    assert_int_equal(wire_parse(buf, sizeof buf, &m), ST_OK);
    assert_int_equal(m.schema_id, UINT32_MAX);
    assert_int_equal(m.body_len, 0);
}

static void short_or_foreign_bytes_are_refused_and_out_stays(void **state) {
    (void)state;
    const uint8_t buf[] = {0, 0, 0, 0, 1, 7};
    struct wire_msg m = {.schema_id = 42, .body = buf, .body_len = 3};
    for (size_t len = 0; len < 5; len++) {
        assert_int_equal(wire_parse(buf, len, &m), ST_INVALID);
    }
    const uint8_t foreign[] = {1, 0, 0, 0, 1, 7};
    assert_int_equal(wire_parse(foreign, sizeof foreign, &m), ST_INVALID);
    assert_int_equal(m.schema_id, 42);
    assert_ptr_equal(m.body, buf);
    assert_int_equal(m.body_len, 3);
}

static void what_is_put_is_what_is_parsed(void **state) {
    (void)state;
    const uint8_t hand[] = {0, 0xde, 0xad, 0xbe, 0xef};
    uint8_t buf[WIRE_HEADER + 1] = {9, 9, 9, 9, 9, 9};
    wire_put(buf, 0xdeadbeef);
    assert_memory_equal(buf, hand, sizeof hand);
    assert_int_equal(buf[WIRE_HEADER], 9);
    struct wire_msg m = {0};
    assert_int_equal(wire_parse(buf, sizeof buf, &m), ST_OK);
    assert_int_equal(m.schema_id, 0xdeadbeef);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_id_is_big_endian_and_the_body_is_what_follows),
        cmocka_unit_test(an_empty_body_is_a_message),
        cmocka_unit_test(short_or_foreign_bytes_are_refused_and_out_stays),
        cmocka_unit_test(what_is_put_is_what_is_parsed),
    };
    return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
