/* SPDX-License-Identifier: Apache-2.0
 *
 * test_resp.c -- contract tests of consumer/resp.h; hiredis' formatter is the truth.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "failing_alloc.h"
#include "resp.h"

enum { ARGS = 12, ARG_MAX_LEN = 3000 };

static char bytes[ARG_MAX_LEN];

static uint32_t next_random(uint64_t *seed) {
    *seed = *seed * 6364136223846793005U + 1442695040888963407U; /* Knuth's MMIX */
    return (uint32_t)(*seed >> 33);
}

static void assert_as_hiredis(struct span got, const struct span *args, size_t n) {
    const char *argv[ARGS];
    size_t lens[ARGS];
    char *expected = NULL;
    for (size_t i = 0; i < n; i++) {
        argv[i] = args[i].s;
        lens[i] = args[i].len;
    }
    const long long len = redisFormatCommandArgv(&expected, (int)n, argv, lens);
    assert_int_equal(got.len, len);
    assert_memory_equal(got.s, expected, got.len);
    free(expected);
}

static void assert_arguments(const struct resp *r, size_t c, const struct span *args, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const struct span got = resp_argument(r, c, i);
        assert_int_equal(got.len, args[i].len);
        assert_memory_equal(got.s, args[i].s, got.len);
    }
    assert_int_equal(resp_argument(r, c, n).len, 0);
}

static void asking_is_what_hiredis_would_send(void **state) {
    (void)state;
    const struct span asking[] = {resp_text("ASKING")};
    assert_as_hiredis(resp_asking(), asking, 1);
}

static void every_command_is_what_hiredis_would_send(void **state) {
    (void)state;
    struct resp r = {0};
    struct span args[ARGS];
    uint64_t seed = 5;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (char)next_random(&seed);
    }
    for (int round = 0; round < 3; round++) {
        uint64_t at_start = seed;
        for (int pass = 0; pass < 2; pass++) { /* append all, then look at all */
            seed = at_start;
            for (size_t c = 0; c < 600; c++) {
                size_t n = 1 + next_random(&seed) % (ARGS - 1);
                for (size_t i = 0; i < n; i++) {
                    args[i].s = bytes + next_random(&seed) % 100;
                    args[i].len = next_random(&seed) % (i % 2 ? 12 : 2900);
                }
                if (pass == 0) {
                    assert_int_equal(resp_append(&r, args, n), ST_OK);
                } else {
                    assert_as_hiredis(resp_command(&r, c), args, n);
                    assert_arguments(&r, c, args, n);
                }
            }
        }
        assert_int_equal(r.n, 600);
        resp_clear(&r);
        assert_int_equal(r.n, 0);
        assert_int_equal(r.len, 0);
    }
    resp_free(&r);
    assert_null(r.buf);
}

static void numbers_are_written_in_decimal(void **state) {
    (void)state;
    static const struct {
        uint64_t v;
        const char *text;
    } CASES[] = {{0, "0"}, {9, "9"}, {10, "10"}, {UINT64_MAX, "18446744073709551615"}};
    for (size_t i = 0; i < 4; i++) {
        char buf[RESP_NUMBER_MAX];
        struct span s = resp_number(CASES[i].v, buf);
        assert_int_equal(s.len, strlen(CASES[i].text));
        assert_memory_equal(s.s, CASES[i].text, s.len);
    }
    assert_int_equal(resp_text("GET").len, 3);
}

static void without_memory_nothing_is_appended(void **state) {
    (void)state;
    if (!CAN_FAIL) {
        skip();
    }
    struct resp r = {0};
    const struct span args[] = {{"PING", 4}};
    for (int n = 0; n < 2; n++) {
        fail_after(n);
        enum status st = resp_append(&r, args, 1);
        fail_after(-1);
        assert_int_equal(st, ST_NOMEM);
        assert_int_equal(r.n, 0);
        assert_int_equal(r.len, 0);
    }
    assert_int_equal(resp_append(&r, args, 1), ST_OK);
    assert_as_hiredis(resp_command(&r, 0), args, 1);
    resp_free(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_is_what_hiredis_would_send),
        cmocka_unit_test(asking_is_what_hiredis_would_send),
        cmocka_unit_test(numbers_are_written_in_decimal),
        cmocka_unit_test(without_memory_nothing_is_appended),
    };
    return cmocka_run_group_tests_name("resp", tests, NULL, NULL);
}
