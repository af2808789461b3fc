/* SPDX-License-Identifier: Apache-2.0
 *
 * test_lines.c -- the contract of lines.h, against a splitter that sees all bytes at once.
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
#include <sys/stat.h>
#include <unistd.h>

#include "lines.h"
#include "scratch.h"

enum { ERR = 512 };

static struct lines *open_bytes(const void *bytes, size_t len) {
    char path[SCRATCH_PATH_MAX];
    char err[ERR] = "";
    struct lines *l = NULL;
    scratch_write(path, bytes, len);
    if (lines_open(path, &l, err, sizeof err)) {
        fail_msg("%s", err);
    }
    unlink(path);
    return l;
}

static struct lines *open_text(const char *text) {
    return open_bytes(text, strlen(text));
}

static void assert_line(struct lines *l, const char *text, uint64_t number, uint64_t offset) {
    struct line line;
    assert_true(lines_next(l, &line));
    assert_int_equal(line.len, strlen(text));
    assert_memory_equal(line.text, text, line.len);
    assert_int_equal(line.number, number);
    assert_int_equal(line.offset, offset);
    assert_false(line.cut);
}

static void assert_end(struct lines *l) {
    struct line line;
    assert_false(lines_next(l, &line));
    assert_false(lines_next(l, &line));
    assert_int_equal(lines_status(l), ST_OK);
    lines_close(l);
}

static void lines_end_in_either_way_and_the_last_needs_no_end(void **state) {
    (void)state;
    struct lines *l = open_text("one\ntwo\r\n\n\r\nfive");
    assert_int_equal(lines_size(l), 16);
    assert_line(l, "one", 1, 0);
    assert_line(l, "two", 2, 4);
    assert_line(l, "", 3, 9);
    assert_int_equal(lines_bytes(l), 10);
    assert_line(l, "", 4, 10);
    assert_line(l, "five", 5, 12);
    assert_int_equal(lines_bytes(l), 16);
    assert_int_equal(lines_count(l), 5);
    assert_end(l);
}

static void an_empty_file_has_no_line(void **state) {
    (void)state;
    assert_end(open_text(""));
}

static void a_byte_order_mark_is_left_out_in_front_only(void **state) {
    (void)state;
    struct lines *l = open_text("\xef\xbb\xbfone\n\xef\xbb\xbftwo\n");
    assert_line(l, "one", 1, 0);
    assert_line(l, "\xef\xbb\xbftwo", 2, 7);
    assert_end(l);
}

static void a_line_that_is_too_long_is_cut_and_the_next_one_is_whole(void **state) {
    (void)state;
    for (size_t len = LINES_LEN_MAX - 1; len < 6 * (LINES_LEN_MAX + 1); len += LINES_LEN_MAX / 3) {
        char *text = malloc(len + 6);
        assert_non_null(text);
        memset(text, 'x', len);
        memcpy(text + len, "\nnext\n", 6);
        struct lines *l = open_bytes(text, len + 6);
        struct line line;
        assert_true(lines_next(l, &line));
        assert_int_equal(line.cut, len > LINES_LEN_MAX);
        assert_int_equal(line.len, len > LINES_LEN_MAX ? LINES_LEN_MAX : len);
        assert_line(l, "next", 2, len + 1);
        assert_end(l);
        free(text);
    }
}

static void the_longest_line_is_not_cut(void **state) {
    (void)state;
    static char text[LINES_LEN_MAX + 1];
    memset(text, 'x', LINES_LEN_MAX);
    struct lines *l = open_text(text);
    assert_line(l, text, 1, 0);
    assert_end(l);
}

/* Lines of any length, also such that end at a border of the buffer. */
static void the_lines_of_any_file_are_those_between_its_newlines(void **state) {
    (void)state;
    enum { BYTES = 1500000 };
    const unsigned seed = 11;
    print_message("seed %u\n", seed);
    srand(seed);
    char *text = malloc(BYTES);
    assert_non_null(text);
    for (size_t i = 0; i < BYTES; i++) {
        const int every = i < BYTES / 2 ? 50 : 20000;
        const char letter = (char)('a' + rand() % 26);
        text[i] = '\n';
        if (rand() % every != 0) {
            text[i] = letter;
        }
    }
    text[BYTES - 1] = '\n';
    struct lines *l = open_bytes(text, BYTES);
    for (size_t at = 0; at < BYTES;) {
        struct line line;
        const size_t len = (size_t)((char *)memchr(text + at, '\n', BYTES - at) - text) - at;
        assert_true(lines_next(l, &line));
        assert_int_equal(line.offset, at);
        assert_int_equal(line.cut, len > LINES_LEN_MAX);
        if (!line.cut) {
            assert_int_equal(line.len, len);
            assert_memory_equal(line.text, text + at, len);
        }
        at += len + 1;
    }
    assert_end(l);
    free(text);
}

static void a_pipe_is_read_to_its_end_and_has_no_size(void **state) {
    (void)state;
    int fds[2];
    char err[ERR];
    struct lines *l = NULL;
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], "a\nb", 3), 3);
    close(fds[1]);
    const int saved = dup(STDIN_FILENO);
    assert_int_equal(dup2(fds[0], STDIN_FILENO), STDIN_FILENO);
    assert_int_equal(lines_open("-", &l, err, sizeof err), ST_OK);
    assert_string_equal(lines_name(l), "standard input");
    assert_int_equal(lines_size(l), 0);
    assert_line(l, "a", 1, 0);
    assert_line(l, "b", 2, 2);
    assert_end(l);
    assert_int_equal(fcntl(STDIN_FILENO, F_GETFD), 0); /* not ours to close */
    dup2(saved, STDIN_FILENO);
    close(saved);
    close(fds[0]);
}

static void what_is_no_text_file_is_refused_with_what_to_type(void **state) {
    (void)state;
    char err[ERR];
    char path[SCRATCH_PATH_MAX];
    struct lines *l = NULL;
    assert_int_equal(lines_open("/no/such/file", &l, err, sizeof err), ST_IO);
    assert_string_equal(err, "/no/such/file: No such file or directory");
    assert_int_equal(lines_open("/tmp", &l, err, sizeof err), ST_IO);
    assert_non_null(strstr(err, "is a directory"));
    const struct {
        const char *bytes, *tool;
    } packed[] = {{"\x1f\x8b\x08\x01\x01", "gzip -dc"},
                  {"\xfd\x37\x7a\x58\x5a\x01", "xz -dc"},
                  {"\x28\xb5\x2f\xfd\x01", "zstd -dc"}};
    for (size_t i = 0; i < 3; i++) {
        scratch_text(path, packed[i].bytes);
        assert_int_equal(lines_open(path, &l, err, sizeof err), ST_IO);
        assert_non_null(strstr(err, packed[i].tool));
        unlink(path);
    }
    assert_null(l);
}

static void a_read_error_is_no_end(void **state) {
    (void)state;
    char err[ERR];
    struct line line;
    struct lines *l = NULL;
    /* A process may open its memory, and not read address 0. */
    scratch_capture(2);
    const enum status st = lines_open("/proc/self/mem", &l, err, sizeof err);
    const bool more = !st && lines_next(l, &line);
    assert_non_null(strstr(scratch_captured(), "/proc/self/mem: "));
    assert_int_equal(st, ST_OK);
    assert_false(more);
    assert_int_equal(lines_status(l), ST_IO);
    lines_close(l);
}

static void fields_are_what_stands_between_tabs(void **state) {
    (void)state;
    struct field f[3];
    const char text[] = "a\t\tbcd\t";
    const struct line line = {.text = text, .len = sizeof text - 1};
    assert_int_equal(lines_split(&line, f, 3), 4);
    assert_int_equal(f[0].len, 1);
    assert_int_equal(f[1].len, 0);
    assert_int_equal(f[2].len, 3);
    assert_ptr_equal(f[2].p, text + 3);
    const struct line empty = {.text = text, .len = 0};
    assert_int_equal(lines_split(&empty, f, 3), 1);
    assert_int_equal(f[0].len, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_end_in_either_way_and_the_last_needs_no_end),
        cmocka_unit_test(an_empty_file_has_no_line),
        cmocka_unit_test(a_byte_order_mark_is_left_out_in_front_only),
        cmocka_unit_test(a_line_that_is_too_long_is_cut_and_the_next_one_is_whole),
        cmocka_unit_test(the_longest_line_is_not_cut),
        cmocka_unit_test(the_lines_of_any_file_are_those_between_its_newlines),
        cmocka_unit_test(a_pipe_is_read_to_its_end_and_has_no_size),
        cmocka_unit_test(what_is_no_text_file_is_refused_with_what_to_type),
        cmocka_unit_test(a_read_error_is_no_end),
        cmocka_unit_test(fields_are_what_stands_between_tabs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
