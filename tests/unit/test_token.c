/* SPDX-License-Identifier: Apache-2.0
 *
 * test_token.c -- which files hold a token; what is wrong with the others is said without it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "token.h"

static char path[64];
static char out[TOKEN_MAX + 1];
static char err[1024];

static int setup(void **state) {
    (void)state;
    snprintf(path, sizeof path, "/tmp/crossrec-token-XXXXXX");
    const int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state) {
    (void)state;
    return unlink(path);
}

static enum status read_of(const char *text, size_t len) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
    memset(out, 'x', sizeof out);
    err[0] = '\0';
    return token_read(path, out, err, sizeof err);
}

static void the_line_end_is_no_part_of_it(void **state) {
    (void)state;
    static const char *const files[] = {"0123456789abcdef", "0123456789abcdef\n",
                                        "0123456789abcdef\r\n"};
    for (size_t k = 0; k < 3; k++) {
        assert_int_equal(read_of(files[k], strlen(files[k])), ST_OK);
        assert_string_equal(out, "0123456789abcdef");
    }
}

static void it_has_16_to_256_letters_and_no_spaces(void **state) {
    (void)state;
    char text[300];
    memset(text, 's', sizeof text);
    assert_int_equal(read_of(text, 15), ST_INVALID);
    assert_int_equal(read_of(text, 16), ST_OK);
    assert_int_equal(read_of(text, 256), ST_OK);
    assert_int_equal(strlen(out), 256);
    assert_int_equal(read_of(text, 257), ST_INVALID);
    assert_int_equal(read_of(text, 300), ST_INVALID);
    static const char bad[] = {' ', '\t', '\n', '\0', '\x7f', '\x80'};
    for (size_t k = 0; k < sizeof bad; k++) {
        text[7] = bad[k];
        assert_int_equal(read_of(text, 20), ST_INVALID);
        assert_string_equal(out, "");
        assert_non_null(strstr(err, path));
        assert_non_null(strstr(err, "openssl rand -hex 32"));
        assert_null(strstr(err, "sssss"));
    }
    assert_int_equal(read_of("", 0), ST_INVALID);
}

static void without_a_file_there_is_none(void **state) {
    (void)state;
    assert_int_equal(token_read("", out, err, sizeof err), ST_OK);
    assert_string_equal(out, "");
    assert_int_equal(token_read("/nowhere/token", out, err, sizeof err), ST_IO);
    assert_non_null(strstr(err, "http.token.file = /nowhere/token: No such file"));
    assert_string_equal(out, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_line_end_is_no_part_of_it, setup, teardown),
        cmocka_unit_test_setup_teardown(it_has_16_to_256_letters_and_no_spaces, setup, teardown),
        cmocka_unit_test(without_a_file_there_is_none),
    };
    return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
