/* SPDX-License-Identifier: Apache-2.0
 *
 * test_catalogue.c -- the contract of catalogue.h.
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

#include "catalogue.h"
#include "scratch.h"

enum { ERR = 512 };

static struct catalogue *open_bytes(const char *bytes, size_t len) {
    char path[SCRATCH_PATH_MAX];
    char err[ERR] = "";
    struct catalogue *c = NULL;
    scratch_write(path, bytes, len);
    if (catalogue_open(path, &c, err, sizeof err)) {
        fail_msg("%s", err);
    }
    unlink(path);
    return c;
}

static struct catalogue *open_text(const char *text) {
    return open_bytes(text, strlen(text));
}

static void names_are_found_by_domain_and_item(void **state) {
    (void)state;
    struct catalogue *c = open_text("# domain item name\n"
                                    "food\t1\tPizza Margherita\tItalian\tmore\n"
                                    "course\t1\tIntroduction to C\r\n"
                                    "food\t2\tS\xc3\xbc\xc3\x9f\n");
    assert_string_equal(catalogue_name(c, "food", "1"), "Pizza Margherita");
    assert_string_equal(catalogue_name(c, "course", "1"), "Introduction to C");
    assert_string_equal(catalogue_name(c, "food", "2"), "S\xc3\xbc\xc3\x9f");
    assert_null(catalogue_name(c, "course", "2"));
    assert_null(catalogue_name(c, "foo", "d1"));
    assert_null(catalogue_name(c, "food", ""));
    assert_int_equal(catalogue_items(c), 3);
    catalogue_free(c);
}

static void lines_without_a_name_are_skipped_and_the_last_of_equal_items_counts(void **state) {
    (void)state;
    struct catalogue *c = open_text("food\t1\told\n\nfood\t1\nfood\t2\t\n\t3\tx\nfood\t\tx\n"
                                    "food\t1\tnew\n");
    assert_string_equal(catalogue_name(c, "food", "1"), "new");
    assert_null(catalogue_name(c, "food", "2"));
    assert_int_equal(catalogue_items(c), 1);
    catalogue_free(c);
}

/* It would end the domain: "food\0x" would name an item of food. */
static void a_line_with_a_zero_byte_is_skipped(void **state) {
    (void)state;
    static const char text[] = "food\t1\tPizza\nfood\0x\t1\tother\nfood\t1\0\tother\n"
                               "food\t1\t\0other\n";
    struct catalogue *c = open_bytes(text, sizeof text - 1);
    assert_string_equal(catalogue_name(c, "food", "1"), "Pizza");
    assert_int_equal(catalogue_items(c), 1);
    catalogue_free(c);
}

static void a_large_catalogue_keeps_every_name(void **state) {
    (void)state;
    enum { ITEMS = 100000, ROOM = 4 << 20 };
    char *text = malloc(ROOM);
    assert_non_null(text);
    size_t n = 0;
    for (int i = 0; i < ITEMS; i++) {
        n += (size_t)snprintf(text + n, ROOM - n, "d%d\t%d\tname %d\n", i % 3, i / 3, i);
    }
    struct catalogue *c = open_text(text);
    assert_int_equal(catalogue_items(c), ITEMS);
    for (int i = 0; i < ITEMS; i++) {
        char domain[8];
        char item[16];
        char name[32];
        snprintf(domain, sizeof domain, "d%d", i % 3);
        snprintf(item, sizeof item, "%d", i / 3);
        snprintf(name, sizeof name, "name %d", i);
        assert_string_equal(catalogue_name(c, domain, item), name);
    }
    catalogue_free(c);
    free(text);
}

static void a_file_that_cannot_be_read_is_named(void **state) {
    (void)state;
    char err[ERR];
    struct catalogue *c = NULL;
    assert_int_equal(catalogue_open("/no/such/file", &c, err, sizeof err), ST_IO);
    assert_non_null(strstr(err, "/no/such/file"));
    assert_null(c);
    catalogue_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found_by_domain_and_item),
        cmocka_unit_test(lines_without_a_name_are_skipped_and_the_last_of_equal_items_counts),
        cmocka_unit_test(a_line_with_a_zero_byte_is_skipped),
        cmocka_unit_test(a_large_catalogue_keeps_every_name),
        cmocka_unit_test(a_file_that_cannot_be_read_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
