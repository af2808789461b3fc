/* SPDX-License-Identifier: Apache-2.0
 *
 * test_checkpoint_file.c -- the contract of checkpoint_file.h: files that LMDB wrote, with one
 * thing made wrong on purpose. Damage at random: test_checkpoint.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checkpoint.h"
#include "checkpoint_file.h"
#include "mix.h"

enum { PATH = 64, PAGE = 4096, VALUE = 300, WHY = 128 };

/* Places in LMDB's pages; see checkpoint_file.c. */
enum { HEAD = 16, FREE_TREE = HEAD + 24, RECORDS_TREE = FREE_TREE + 48, ENTRIES = 32, ROOT = 40 };
enum { TXN = RECORDS_TREE + 48 + 8, FLAGS = 10, LOWER = 12, LEAF = 2, OVERFLOW = 4 };

struct fixture {
    uint8_t *bytes; /* (len,) */
    size_t len;
    uint8_t *meta; /* the newest */
    char dir[PATH];
};

static uint64_t u64_at(const uint8_t *p) {
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static uint16_t u16_at(const uint8_t *p) {
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static void put_u16(uint8_t *p, uint16_t v) {
    memcpy(p, &v, sizeof v);
}

static void write_some(struct checkpoint *c, uint64_t from, uint64_t to, size_t len) {
    static uint8_t value[20000];
    const struct checkpoint_mark m = {.format = CHECKPOINT_FORMAT};
    assert_int_equal(checkpoint_begin(c), ST_OK);
    for (uint64_t k = from; k < to; k++) {
        const uint64_t key = mix64(k);
        assert_int_equal(checkpoint_put(c, &key, sizeof key, value, len), ST_OK);
    }
    assert_int_equal(checkpoint_commit(c, &m), ST_OK);
}

static void load(struct fixture *f) {
    char path[PATH + 16];
    snprintf(path, sizeof path, "%s/0/data.mdb", f->dir);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    f->bytes = malloc(1 << 22);
    f->len = fread(f->bytes, 1, 1 << 22, file);
    assert_true(f->len > 10 * (size_t)PAGE && f->len < 1 << 22);
    fclose(file);
    f->meta = f->bytes + (u64_at(f->bytes + PAGE + TXN) > u64_at(f->bytes + TXN) ? PAGE : 0);
}

/* Two commits of records of a leaf each and of some pages each, so that there are free pages. */
static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    struct checkpoint *c = NULL;
    char err[CONFIG_ERROR_MAX];
    *state = f;
    snprintf(f->dir, sizeof f->dir, "/tmp/crossrec-test-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    assert_int_equal(checkpoint_open(f->dir, 0, 0, &c, err), ST_OK);
    write_some(c, 0, 400, VALUE);
    write_some(c, 100, 200, VALUE + 2);
    write_some(c, 400, 402, 20000); /* the last pages of the file */
    checkpoint_close(c);
    load(f);
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    char err[CONFIG_ERROR_MAX];
    assert_int_equal(checkpoint_wipe(f->dir, 0, err), ST_OK);
    assert_int_equal(rmdir(f->dir), 0);
    free(f->bytes);
    free(f);
    return 0;
}

static enum status look_at(const struct fixture *f, size_t len, char *why) {
    struct checkpoint_file out = {.entries = 12345};
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(fwrite(f->bytes, 1, len, file), len);
    assert_int_equal(fflush(file), 0);
    why[0] = '\0';
    enum status st = checkpoint_file_look(fileno(file), &out, why, WHY);
    fclose(file);
    assert_true(st ? why[0] && out.entries == 12345 : out.entries != 12345);
    return st;
}

static void assert_refused(const struct fixture *f, const char *text) {
    char why[WHY];
    assert_int_equal(look_at(f, f->len, why), ST_INVALID);
    if (!strstr(why, text)) {
        fail_msg("\"%s\" where \"%s\" was expected", why, text);
    }
}

/* A page of the records' tree that is a leaf with several nodes: of its first branch. */
static uint8_t *a_leaf(struct fixture *f) {
    const uint8_t *root = f->bytes + PAGE * u64_at(f->meta + RECORDS_TREE + ROOT);
    const uint8_t *node = root + u16_at(root + HEAD + 2);
    uint8_t *leaf = f->bytes + PAGE * (u16_at(node) | (size_t)u16_at(node + 2) << 16);
    assert_int_equal(u16_at(leaf + FLAGS), LEAF);
    assert_true(u16_at(leaf + LOWER) >= HEAD + 2 * 3);
    return leaf;
}

static void what_lmdb_wrote_is_whole_and_counted(void **state) {
    struct fixture *f = *state;
    struct checkpoint_file out;
    char why[WHY];
    char path[PATH + 16];
    snprintf(path, sizeof path, "%s/0/data.mdb", f->dir);
    const int fd = open(path, O_RDONLY);
    assert_int_equal(checkpoint_file_look(fd, &out, why, sizeof why), ST_OK);
    close(fd);
    assert_int_equal(out.entries, 403); /* and the mark */
    assert_int_equal(out.page, PAGE);
    assert_int_equal(out.bytes, f->len);
    assert_int_equal(look_at(f, 0, why), ST_OK);
}

/* The pages of a value of several: the last such in the file, which is in use. */
static size_t a_big_value(const struct fixture *f, size_t *n_pages) {
    for (size_t page = f->len / PAGE; page-- > 2;) {
        const uint8_t *p = f->bytes + page * PAGE;
        if (u64_at(p) == page && u16_at(p + FLAGS) == OVERFLOW && u16_at(p + LOWER) > 1) {
            *n_pages = u16_at(p + LOWER);
            return page;
        }
    }
    fail_msg("there is none");
    return 0;
}

static void a_value_of_which_a_page_was_cut_is_noticed(void **state) {
    struct fixture *f = *state;
    char why[WHY];
    size_t n = 0;
    const size_t page = a_big_value(f, &n);
    assert_int_equal(n, 5);
    for (size_t k = 0; k < n; k++) {
        assert_int_equal(look_at(f, (page + k) * PAGE, why), ST_INVALID);
        assert_non_null(strstr(why, "was cut off"));
        assert_int_equal(look_at(f, (page + k) * PAGE + PAGE - 1, why), ST_INVALID);
    }
    f->bytes[page * PAGE + LOWER] = 4; /* the number of its pages */
    assert_refused(f, "does not begin the value");
}

static void two_keys_in_the_wrong_order_are_noticed(void **state) {
    struct fixture *f = *state;
    uint8_t *leaf = a_leaf(f);
    const uint16_t first = u16_at(leaf + HEAD);
    put_u16(leaf + HEAD, u16_at(leaf + HEAD + 2));
    put_u16(leaf + HEAD + 2, first);
    assert_refused(f, "out of order");
}

static void a_key_outside_of_what_its_parent_says_is_noticed(void **state) {
    struct fixture *f = *state;
    uint8_t *leaf = a_leaf(f);
    const int n = (u16_at(leaf + LOWER) - HEAD) / 2;
    uint8_t *first = leaf + u16_at(leaf + HEAD) + 8;
    uint8_t *last = leaf + u16_at(leaf + HEAD + 2 * (n - 1)) + 8;
    const uint64_t was = u64_at(last);
    memset(last, 0xff, 8);
    assert_refused(f, "out of order");
    memcpy(last, &was, 8);
    memset(first, 0, 8);
    assert_refused(f, "out of order");
}

static void a_value_that_is_said_to_be_shorter_or_longer_is_noticed(void **state) {
    struct fixture *f = *state;
    uint8_t *leaf = a_leaf(f);
    uint8_t *node = leaf + u16_at(leaf + HEAD);
    const uint16_t len = u16_at(node);
    const int wrong[] = {-2, 2, 4096, -200};
    for (size_t k = 0; k < 4; k++) {
        put_u16(node, (uint16_t)(len + wrong[k]));
        assert_refused(f, "damaged lengths");
    }
    put_u16(node, len);
    put_u16(node + 2, 1); /* 64 KiB more */
    assert_refused(f, "damaged lengths");
    put_u16(node + 2, 0);
    for (int k = 1; k < (u16_at(leaf + LOWER) - HEAD) / 2; k++) {
        uint8_t *other = leaf + u16_at(leaf + HEAD + 2 * k);
        node = other > node ? other : node;
    }
    put_u16(node, (uint16_t)(u16_at(node) - 2)); /* the last in the page */
    assert_refused(f, "damaged lengths");
}

static void a_count_of_records_that_is_not_theirs_is_noticed(void **state) {
    struct fixture *f = *state;
    f->meta[RECORDS_TREE + ENTRIES] ^= 1;
    assert_refused(f, "records where it says");
}

/* One of the free pages is one that has records. */
static void a_free_page_that_is_in_use_is_noticed(void **state) {
    struct fixture *f = *state;
    uint8_t *page = f->bytes + PAGE * u64_at(f->meta + FREE_TREE + ROOT);
    assert_int_equal(u16_at(page + FLAGS), LEAF);
    const uint64_t used = u64_at(a_leaf(f));
    int tried = 0;
    for (int k = 0; k < (u16_at(page + LOWER) - HEAD) / 2; k++) {
        uint8_t *list = page + u16_at(page + HEAD + 2 * k) + 8 + 8;
        for (uint64_t i = 1; i <= u64_at(list); i++) {
            const uint64_t was = u64_at(list + 8 * i);
            const uint64_t above = i > 1 ? u64_at(list + 8 * (i - 1)) : UINT64_MAX;
            const uint64_t below = i < u64_at(list) ? u64_at(list + 8 * (i + 1)) : 0;
            if (used < above && used > below) { /* stays in order */
                memcpy(list + 8 * i, &used, 8);
                assert_refused(f, "is in two places");
                memcpy(list + 8 * i, &was, 8);
                tried++;
            }
        }
    }
    assert_true(tried > 0);
}

static void another_format_of_lmdb_is_told_from_damage(void **state) {
    struct fixture *f = *state;
    char why[WHY];
    f->bytes[HEAD + 4] = 2;
    assert_int_equal(look_at(f, f->len, why), ST_RANGE);
    assert_non_null(strstr(why, "format"));
}

/* LMDB overwrites in place what the same commit has put already, and does so with its own lists. */
static void a_value_with_more_pages_than_it_needs_is_whole(void **state) {
    struct fixture *f = *state;
    static uint8_t value[20000];
    const struct checkpoint_mark m = {.format = CHECKPOINT_FORMAT};
    struct checkpoint *c = NULL;
    char err[CONFIG_ERROR_MAX];
    assert_int_equal(checkpoint_open(f->dir, 0, 0, &c, err), ST_OK);
    assert_int_equal(checkpoint_begin(c), ST_OK);
    assert_int_equal(checkpoint_put(c, "T", 1, value, sizeof value), ST_OK);
    assert_int_equal(checkpoint_put(c, "T", 1, value, sizeof value / 2), ST_OK);
    assert_int_equal(checkpoint_commit(c, &m), ST_OK);
    checkpoint_close(c);
    if (checkpoint_open(f->dir, 0, 0, &c, err)) {
        fail_msg("%s", err);
    }
    checkpoint_close(c);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    if (sysconf(_SC_PAGESIZE) != PAGE) {
        return 77; /* LMDB's pages are the system's */
    }
    const struct CMUnitTest tests[] = {
        CASE(what_lmdb_wrote_is_whole_and_counted),
        CASE(a_value_of_which_a_page_was_cut_is_noticed),
        CASE(two_keys_in_the_wrong_order_are_noticed),
        CASE(a_key_outside_of_what_its_parent_says_is_noticed),
        CASE(a_value_that_is_said_to_be_shorter_or_longer_is_noticed),
        CASE(a_count_of_records_that_is_not_theirs_is_noticed),
        CASE(a_value_with_more_pages_than_it_needs_is_whole),
        CASE(a_free_page_that_is_in_use_is_noticed),
        CASE(another_format_of_lmdb_is_told_from_damage),
    };
    return cmocka_run_group_tests_name("checkpoint_file", tests, NULL, NULL);
}
