/* SPDX-License-Identifier: Apache-2.0
 *
 * test_schemas.c -- the contract of schemas.h, over directories made for each test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "schemas.h"

struct fixture {
    char dir[64];
    char err[512];
    struct schemas *s;
};

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    if (!f) {
        return -1;
    }
    strcpy(f->dir, "/tmp/test-schemas-XXXXXX");
    *state = f;
    return mkdtemp(f->dir) ? 0 : -1;
}

static void put(const struct fixture *f, const char *name, const char *text) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", f->dir, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int teardown(void **state) {
    struct fixture *f = *state;
    DIR *d = opendir(f->dir);
    for (struct dirent *e; d && (e = readdir(d)) != NULL;) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", f->dir, e->d_name);
        remove(path); /* fails for . and .. */
    }
    if (d) {
        closedir(d);
    }
    rmdir(f->dir);
    schemas_free(f->s);
    free(f);
    return 0;
}

static enum status load(struct fixture *f) {
    return schemas_load(f->dir, &f->s, f->err, sizeof f->err);
}

static int readable(const struct fixture *f, uint32_t id, enum reader reader, int *known) {
    return schemas_decoder(f->s, id, reader, known) != NULL;
}

static void without_a_directory_the_shipped_schemas_are_1_and_2(void **state) {
    struct fixture *f = *state;
    int known = -1;
    assert_int_equal(schemas_load("", &f->s, f->err, sizeof f->err), ST_OK);
    assert_int_equal(schemas_shipped_id(READER_COURSE_VIEW), 1);
    assert_int_equal(schemas_shipped_id(READER_FOOD_ORDER), 2);
    assert_true(readable(f, 1, READER_COURSE_VIEW, &known));
    assert_int_equal(known, 1);
    assert_true(readable(f, 2, READER_FOOD_ORDER, &known));
    assert_int_equal(known, 1);
    assert_false(readable(f, 1, READER_FOOD_ORDER, &known));
    assert_int_equal(known, 1); /* known, but not to be read as an order */
    assert_false(readable(f, 3, READER_COURSE_VIEW, &known));
    assert_int_equal(known, 0);
    assert_false(readable(f, 0, READER_COURSE_VIEW, &known));
    assert_int_equal(known, 0);
}

static void a_directory_gives_an_id_a_file(void **state) {
    struct fixture *f = *state;
    static const char *const ids[] = {"900.avsc", "4294967295.avsc", "17.avsc", "0.avsc", "3.avsc"};
    for (size_t i = 0; i < 5; i++) {
        put(f, ids[i], schemas_shipped_json(i % 2 ? READER_FOOD_ORDER : READER_COURSE_VIEW));
    }
    for (int i = 100; i < 140; i++) {
        char name[32];
        snprintf(name, sizeof name, "%d.avsc", i);
        put(f, name, "\"string\""); /* a schema that no reader reads */
    }
    put(f, "README.md", "not a schema");
    put(f, ".5.avsc", "an editor's file");
    assert_int_equal(load(f), ST_OK);
    int known = 0;
    assert_true(readable(f, 900, READER_COURSE_VIEW, &known));
    assert_true(readable(f, UINT32_MAX, READER_FOOD_ORDER, &known));
    assert_true(readable(f, 17, READER_COURSE_VIEW, &known));
    assert_true(readable(f, 0, READER_FOOD_ORDER, &known));
    assert_true(readable(f, 3, READER_COURSE_VIEW, &known));
    assert_false(readable(f, 120, READER_COURSE_VIEW, &known));
    assert_int_equal(known, 1);
    assert_false(readable(f, 1, READER_COURSE_VIEW, &known)); /* not the shipped one */
    assert_int_equal(known, 0);
}

static void the_message_names_the_file_and_the_reason(void **state) {
    struct fixture *f = *state;
    put(f, "7.avsc", "{\"type\":\"array\"}");
    assert_int_equal(load(f), ST_INVALID);
    assert_non_null(strstr(f->err, "/7.avsc: "));
    assert_non_null(strstr(f->err, "items"));
    assert_null(f->s);
}

static void a_schema_file_without_an_id_is_refused(void **state) {
    struct fixture *f = *state;
    static const char *const names[] = {"CourseView.avsc", "07.avsc", "4294967296.avsc",
                                        "-1.avsc",         "1x.avsc", "1 .avsc"};
    for (size_t i = 0; i < 6; i++) {
        put(f, names[i], schemas_shipped_json(READER_COURSE_VIEW));
        assert_int_equal(load(f), ST_INVALID);
        assert_non_null(strstr(f->err, names[i]));
        assert_null(f->s);
        char path[256];
        snprintf(path, sizeof path, "%s/%s", f->dir, names[i]);
        assert_int_equal(remove(path), 0);
    }
}

static void nothing_to_load_is_an_error(void **state) {
    struct fixture *f = *state;
    assert_int_equal(load(f), ST_INVALID); /* an empty directory */
    assert_non_null(strstr(f->err, f->dir));
    char err[512] = "";
    assert_int_equal(schemas_load("/nonexistent/dir", &f->s, err, sizeof err), ST_IO);
    assert_non_null(strstr(err, "/nonexistent/dir: "));
    char path[128];
    snprintf(path, sizeof path, "%s/9.avsc", f->dir);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(load(f), ST_IO); /* a directory in place of a file */
    assert_non_null(strstr(f->err, "/9.avsc: "));
    assert_null(f->s);
    schemas_free(NULL);
}

static void a_file_beyond_the_limit_is_refused(void **state) {
    struct fixture *f = *state;
    char *text = malloc(SCHEMA_JSON_MAX + 100);
    assert_non_null(text);
    memset(text, ' ', SCHEMA_JSON_MAX + 99);
    memcpy(text, "\"int\"", 5);
    text[SCHEMA_JSON_MAX + 99] = '\0';
    put(f, "1.avsc", text);
    free(text);
    assert_int_equal(load(f), ST_INVALID);
    assert_non_null(strstr(f->err, "longer than 1 MiB"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_a_directory_the_shipped_schemas_are_1_and_2, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_directory_gives_an_id_a_file, setup, teardown),
        cmocka_unit_test_setup_teardown(the_message_names_the_file_and_the_reason, setup, teardown),
        cmocka_unit_test_setup_teardown(a_schema_file_without_an_id_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_to_load_is_an_error, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_beyond_the_limit_is_refused, setup, teardown),
    };
    return cmocka_run_group_tests_name("schemas", tests, NULL, NULL);
}
