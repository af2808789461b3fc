/* SPDX-License-Identifier: Apache-2.0
 * test_pseudonym.c -- pseudonyms against the test vectors of RFC 4231, and key files that are none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hash.h"
#include "pseudonym.h"

struct fixture {
    struct config cfg;
    char file[64];
    struct pseudonyms *p;
    char err[CONFIG_ERROR_MAX];
};

static int begin(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    config_defaults(&f->cfg);
    snprintf(f->file, sizeof f->file, "/tmp/crossrec-pseudonym-XXXXXX");
    close(mkstemp(f->file));
    *state = f;
    return 0;
}

static int end(void **state) {
    struct fixture *f = *state;
    pseudonyms_free(f->p);
    unlink(f->file);
    free(f);
    return 0;
}

static enum status open_with(struct fixture *f, const void *key, size_t len) {
    FILE *out = fopen(f->file, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(key, 1, len, out), len);
    fclose(out);
    f->cfg.n_keys = 1;
    snprintf(f->cfg.keys[0].key, sizeof f->cfg.keys[0].key, "%s", f->cfg.domains[1].name);
    snprintf(f->cfg.keys[0].value, sizeof f->cfg.keys[0].value, "%s", f->file);
    pseudonyms_free(f->p);
    f->p = NULL;
    return pseudonyms_open(&f->cfg, &f->p, f->err);
}

static void assert_named(struct fixture *f, const void *id, size_t len, const char *want) {
    const char *name = pseudonym_of(f->p, 1, id, &len);
    assert_int_equal(len, PSEUDONYM_LEN);
    assert_memory_equal(name, want, PSEUDONYM_LEN);
}

/* RFC 4231, section 4: the first 16 bytes of HMAC-SHA-256, for keys that a file may have. */
static void a_pseudonym_is_what_rfc_4231_says(void **state) {
    struct fixture *f = *state;
    uint8_t key[131];
    uint8_t data[50];
    memset(key, 0x0b, 20);
    assert_int_equal(open_with(f, key, 20), ST_OK);
    assert_named(f, "Hi There", 8, "b0344c61d8db38535ca8afceaf0bf12b"); /* 4.2 */
    memset(key, 0xaa, sizeof key);
    memset(data, 0xdd, sizeof data);
    assert_int_equal(open_with(f, key, 20), ST_OK);
    assert_named(f, data, 50, "773ea91e36800e46854db8ebd09181a7"); /* 4.4 */
    static const char LARGER[] = "Test Using Larger Than Block-Size Key - Hash Key First";
    assert_int_equal(open_with(f, key, 131), ST_OK);
    assert_named(f, LARGER, sizeof LARGER - 1, "60e431591ee0b67f0d8a26aacbf5b77f"); /* 4.7 */
}

static void a_key_ends_before_the_line_end_of_its_file(void **state) {
    struct fixture *f = *state;
    static const char *const ENDS[] = {"", "\n", "\r\n"};
    char first[PSEUDONYM_LEN];
    for (size_t k = 0; k < 3; k++) {
        char key[64];
        size_t len = 1;
        const int n = snprintf(key, sizeof key, "0123456789abcdef%s", ENDS[k]);
        assert_int_equal(open_with(f, key, (size_t)n), ST_OK);
        const char *name = pseudonym_of(f->p, 1, "u", &len);
        memcpy(k == 0 ? first : key, name, PSEUDONYM_LEN);
        assert_true(k == 0 || memcmp(first, key, PSEUDONYM_LEN) == 0);
    }
}

static void a_target_without_a_key_has_plain_ids(void **state) {
    struct fixture *f = *state;
    size_t len = 4;
    assert_int_equal(open_with(f, "0123456789abcdef", 16), ST_OK);
    const char *id = "u690";
    assert_ptr_equal(pseudonym_of(f->p, 0, id, &len), id);
    assert_int_equal(len, 4);
    assert_ptr_not_equal(pseudonym_of(f->p, 1, id, &len), id);
}

static void a_key_that_is_none_says_what_to_type(void **state) {
    struct fixture *f = *state;
    char long_key[PSEUDONYM_KEY_MAX + 1];
    memset(long_key, 'k', sizeof long_key);
    assert_int_equal(open_with(f, "", 0), ST_INVALID);
    assert_int_equal(open_with(f, "fifteen bytes..\n", 16), ST_INVALID);
    assert_non_null(strstr(f->err, "openssl rand -hex 32"));
    assert_non_null(strstr(f->err, f->file));
    assert_int_equal(open_with(f, long_key, sizeof long_key), ST_INVALID);
    assert_int_equal(open_with(f, long_key, sizeof long_key - 1), ST_OK);
    snprintf(f->cfg.keys[0].value, sizeof f->cfg.keys[0].value, "/nowhere/food.key");
    pseudonyms_free(f->p);
    f->p = NULL;
    assert_int_equal(pseudonyms_open(&f->cfg, &f->p, f->err), ST_IO);
    assert_non_null(strstr(f->err, "/nowhere/food.key"));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_pseudonym_is_what_rfc_4231_says),
        TEST(a_key_ends_before_the_line_end_of_its_file),
        TEST(a_target_without_a_key_has_plain_ids),
        TEST(a_key_that_is_none_says_what_to_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
