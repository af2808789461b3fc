/* SPDX-License-Identifier: Apache-2.0
 *
 * test_tsv.c -- the contract of tsv.h, against values written by hand and, for numbers and
 * random files, against strtod() and the lists that the files were printed from.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scratch.h"
#include "tsv.h"

enum { ERR = 512 };

static struct tsv *open_path(const char *path) {
    char err[ERR] = "";
    struct tsv *t = NULL;
    if (tsv_open(path, &t, err, sizeof err)) {
        fail_msg("%s", err);
    }
    return t;
}

static struct tsv *open_text(const char *text) {
    char path[SCRATCH_PATH_MAX];
    scratch_text(path, text);
    struct tsv *t = open_path(path);
    unlink(path);
    return t;
}

static struct tsv_event *next(struct tsv *t) {
    struct tsv_event *e = NULL;
    assert_true(tsv_next(t, &e));
    return e;
}

/* Closes it. */
static void assert_end(struct tsv *t) {
    struct tsv_event *e = NULL;
    assert_false(tsv_next(t, &e));
    assert_false(tsv_next(t, &e));
    assert_null(e);
    assert_int_equal(tsv_status(t), ST_OK);
    tsv_close(t);
}

static void assert_text(const char *p, size_t len, const char *expected) {
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(p, expected, len);
}

static void assert_same(double a, double b) {
    assert_memory_equal(&a, &b, sizeof a);
}

/* ---- one line ------------------------------------------------------------------------ */

static void all_eight_fields_arrive(void **state) {
    (void)state;
    struct tsv *t = open_text("1600000000\tfood\tu-1\tpizza\torder\t2\t19.5\t0.5\n");
    const struct tsv_event *e = next(t);
    assert_string_equal(e->domain, "food");
    assert_text(e->event.user_id, e->event.user_id_len, "u-1");
    assert_int_equal(e->event.ts_ms, INT64_C(1600000000000));
    assert_true(e->has_action);
    assert_int_equal(e->event.action, ACTION_ORDER);
    assert_int_equal(e->event.n_lines, 1);
    assert_text(e->event.lines[0].item, e->event.lines[0].item_len, "pizza");
    assert_same(e->event.lines[0].quantity, 2.0);
    assert_same(e->event.lines[0].amount, 19.5);
    assert_same(e->event.lines[0].discount, 0.5);
    assert_end(t);
}

static void what_is_missing_or_empty_has_its_default(void **state) {
    (void)state;
    struct tsv *t = open_text("1\td\ta\ti\n1\td\tb\ti\t\n1\td\tc\ti\t\t\t\t\n1\td\te\ti\t\t3\n"
                              "1\td\tf\ti\t\t\t\t2\n");
    for (int i = 0; i < 5; i++) {
        const struct tsv_event *e = next(t);
        assert_false(e->has_action);
        assert_int_equal(e->event.action, ACTION_VIEW);
        assert_same(e->event.lines[0].quantity, i == 3 ? 3.0 : 1.0);
        assert_same(e->event.lines[0].amount, 0.0);
        assert_same(e->event.lines[0].discount, i == 4 ? 2.0 : 0.0);
    }
    assert_int_equal(tsv_bad(t), 0);
    assert_end(t);
}

static void times_are_seconds_or_milliseconds(void **state) {
    (void)state;
    const struct {
        const char *text;
        int64_t ms;
    } cases[] = {{"0", 0},
                 {"1600000000", INT64_C(1600000000000)},
                 {"1600000000.", INT64_C(1600000000000)},
                 {"1600000000.5", INT64_C(1600000000500)},
                 {"1600000000.0625", INT64_C(1600000000063)},
                 {"1600000000.1234999", INT64_C(1600000000123)},
                 {"1600000000.9996", INT64_C(1600000001000)},
                 {"99999999999", INT64_C(99999999999000)},
                 {"100000000000", INT64_C(100000000000)},
                 {"1600000000123", INT64_C(1600000000123)},
                 {"1600000000123.9", INT64_C(1600000000123)},
                 {"00001", 1000},
                 {"253402300799999", INT64_C(253402300799999)}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char line[64];
        snprintf(line, sizeof line, "%s\td\tu\ti\n", cases[i].text);
        struct tsv *t = open_text(line);
        assert_int_equal(next(t)->event.ts_ms, cases[i].ms);
        assert_end(t);
    }
}

static void actions_have_the_names_of_the_schema_in_any_case(void **state) {
    (void)state;
    /* the symbols of schemas/CourseView.avsc, in their order */
    static const char *const names[ACTIONS_OF_EVENTS] = {"VIEW",     "Enroll", "purchase", "oRDER",
                                                         "complete", "RATE",   "like",     "Share",
                                                         "comment",  "REPORT"};
    for (unsigned a = 0; a < ACTIONS_OF_EVENTS; a++) {
        char line[64];
        snprintf(line, sizeof line, "1\td\tu\ti\t%s\n", names[a]);
        struct tsv *t = open_text(line);
        const struct tsv_event *e = next(t);
        assert_true(e->has_action);
        assert_int_equal(e->event.action, a);
        assert_end(t);
    }
}

static void numbers_are_those_of_strtod(void **state) {
    (void)state;
    const unsigned seed = 5;
    print_message("seed %u\n", seed);
    srand(seed);
    static const char *const fixed[] = {"0",
                                        "1",
                                        "1.",
                                        ".5",
                                        "0.1",
                                        "1e3",
                                        "1E-3",
                                        "-0",
                                        "+2",
                                        "007",
                                        "1e308",
                                        "1e-320",
                                        "123456789012345678901234567890",
                                        "0.000000000000000000000000000001"};
    const size_t n_fixed = sizeof fixed / sizeof fixed[0];
    for (size_t i = 0; i < 3000; i++) {
        char number[64];
        char line[128];
        if (i < n_fixed) {
            snprintf(number, sizeof number, "%s", fixed[i]);
        } else {
            snprintf(number, sizeof number, "%.*f", rand() % 12,
                     (double)rand() / (double)(1 + rand() % 1000));
        }
        snprintf(line, sizeof line, "1\td\tu\ti\tview\t%s\n", number);
        struct tsv *t = open_text(line);
        const double expected = strtod(number, NULL);
        const struct tsv_event *e = next(t);
        assert_same(e->event.lines[0].quantity, expected == 0.0 ? 0.0 : expected);
        assert_end(t);
    }
}

/* ---- bad lines ----------------------------------------------------------------------- */

static void a_bad_line_is_counted_and_named_and_the_rest_is_read(void **state) {
    (void)state;
    static char long_id[300];
    memset(long_id, 'x', 256);
    const struct {
        const char *line, *why;
    } cases[] = {{"1\td\tu", "fewer than four fields"},
                 {"1 d u i", "fewer than four fields"},
                 {"1\td\tu\ti\tview\t1\t1\t1\t1", "more than eight fields"},
                 {"x\td\tu\ti", "ts must be"},
                 {"\td\tu\ti", "ts must be"},
                 {"-1\td\tu\ti", "ts must be"},
                 {"1e9\td\tu\ti", "ts must be"},
                 {"1.5.5\td\tu\ti", "ts must be"},
                 {".5\td\tu\ti", "ts must be"},
                 {" 1\td\tu\ti", "ts must be"},
                 {"253402300800000\td\tu\ti", "beyond the year 9999"},
                 {"99999999999999999999999999\td\tu\ti", "beyond the year 9999"},
                 {"1\t\tu\ti", "domain must have"},
                 {"1\td\t\ti", "user and item must have"},
                 {"1\td\tu\t", "user and item must have"},
                 {"1\td\tu\ti\tjump", "no such action"},
                 {"1\td\tu\ti\tvie", "no such action"},
                 {"1\td\tu\ti\tviews", "no such action"},
                 {"1\td\tu\ti\tview\t-1", "quantity must be"},
                 {"1\td\tu\ti\tview\tnan", "quantity must be"},
                 {"1\td\tu\ti\tview\t0x10", "quantity must be"},
                 {"1\td\tu\ti\tview\t1e999", "quantity must be"},
                 {"1\td\tu\ti\tview\t.", "quantity must be"},
                 {"1\td\tu\ti\tview\t1 ", "quantity must be"},
                 {"1\td\tu\ti\tview\t1\tinf", "amount must be"},
                 {"1\td\tu\ti\tview\t1\t1e", "amount must be"},
                 {"1\td\tu\ti\tview\t1\t1\t-0.5", "discount must be"},
                 {"1\td\tu\ti\tview\t1\t1\tnan", "discount must be"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, "# one\n%s\n2\td\tgood\ti\n", cases[i].line);
        struct tsv *t = open_text(text);
        scratch_capture(2);
        const struct tsv_event *e = next(t);
        const char *said = scratch_captured();
        if (!strstr(said, ":2: ") || !strstr(said, cases[i].why)) {
            fail_msg("`%s`: %s", cases[i].line, said);
        }
        assert_text(e->event.user_id, e->event.user_id_len, "good");
        assert_int_equal(tsv_bad(t), 1);
        assert_end(t);
    }
}

static void ids_have_at_most_255_bytes_and_domains_63(void **state) {
    (void)state;
    char id[ID_LEN_MAX + 2];
    memset(id, 'x', sizeof id);
    id[sizeof id - 1] = '\0';
    for (int field = 0; field < 3; field++) {
        for (int over = 0; over < 2; over++) {
            char text[1024];
            const int max = field == 0 ? TSV_DOMAIN_MAX - 1 : ID_LEN_MAX;
            const int len = max + over;
            snprintf(text, sizeof text, "1\t%.*s\t%.*s\t%.*s\n", field == 0 ? len : 1, id,
                     field == 1 ? len : 1, id, field == 2 ? len : 1, id);
            struct tsv *t = open_text(text);
            scratch_capture(2);
            struct tsv_event *e = NULL;
            const bool good = tsv_next(t, &e);
            (void)scratch_captured();
            assert_int_equal(good, !over);
            assert_int_equal(tsv_bad(t), over);
            tsv_close(t);
        }
    }
}

static void a_zero_byte_and_an_endless_line_are_bad(void **state) {
    (void)state;
    enum { LONG = 200000 };
    char path[SCRATCH_PATH_MAX];
    char *text = malloc(LONG);
    assert_non_null(text);
    memset(text, 'x', LONG);
    memcpy(text, "1\td\tu\0u\ti\n1\td\tu\t", 17);
    memcpy(text + LONG - 11, "\n1\td\tgood\ti", 11);
    scratch_write(path, text, LONG);
    struct tsv *t = open_path(path);
    scratch_capture(2);
    const struct tsv_event *e = next(t);
    const char *said = scratch_captured();
    assert_non_null(strstr(said, ":1: a zero byte"));
    assert_non_null(strstr(said, ":2: the line is too long"));
    assert_text(e->event.user_id, e->event.user_id_len, "good");
    assert_int_equal(tsv_bad(t), 2);
    assert_int_equal(tsv_lines(t), 3);
    assert_end(t);
    unlink(path);
    free(text);
}

static size_t count_of(const char *text, const char *word) {
    size_t n = 0;
    for (const char *p = text; (p = strstr(p, word)); p += strlen(word)) {
        n++;
    }
    return n;
}

static void only_the_first_bad_lines_are_shown(void **state) {
    (void)state;
    char text[1000] = "";
    for (int i = 0; i < 50; i++) {
        strcat(text, "bad\n");
    }
    struct tsv *t = open_text(text);
    struct tsv_event *e = NULL;
    scratch_capture(2);
    assert_false(tsv_next(t, &e));
    const char *said = scratch_captured();
    assert_int_equal(count_of(said, "fewer than four"), TSV_BAD_SHOWN);
    assert_int_equal(count_of(said, "further bad lines"), 1);
    assert_int_equal(tsv_bad(t), 50);
    assert_int_equal(tsv_lines(t), 50);
    tsv_close(t);
}

/* ---- orders -------------------------------------------------------------------------- */

static void lines_of_equal_user_ts_domain_and_action_are_one_event(void **state) {
    (void)state;
    struct tsv *t = open_text("5\tfood\tu\ta\torder\t2\t1\t7\n"
                              "# a comment, an empty line and other forms of the same\n\n"
                              "5.0\tfood\tu\tb\tORDER\t3\t4\n"
                              "5\tfood\tu\ta\torder\n"
                              "5\tfood\tv\ta\torder\n"     /* user   */
                              "5\tfoo\tv\ta\torder\n"      /* domain */
                              "5\tfood\tv\ta\torder\n"     /* domain */
                              "5.001\tfood\tv\ta\torder\n" /* ts     */
                              "5.001\tfood\tv\ta\tview\n"  /* action */
                              "5.001\tfood\tv\ta\n"        /* action */
                              "5\tfood\tu\ta\torder\n");
    const struct tsv_event *e = next(t);
    assert_int_equal(e->event.n_lines, 3);
    assert_text(e->event.lines[0].item, e->event.lines[0].item_len, "a");
    assert_text(e->event.lines[1].item, e->event.lines[1].item_len, "b");
    assert_text(e->event.lines[2].item, e->event.lines[2].item_len, "a");
    assert_same(e->event.lines[1].quantity, 3.0);
    assert_same(e->event.lines[1].amount, 4.0);
    assert_same(e->event.lines[0].discount, 7.0);
    assert_same(e->event.lines[1].discount, 0.0); /* each line has its own */
    for (int i = 0; i < 7; i++) {
        assert_int_equal(next(t)->event.n_lines, 1);
    }
    assert_end(t);
}

static void a_bad_line_does_not_split_an_order(void **state) {
    (void)state;
    struct tsv *t = open_text("5\tfood\tu\ta\nbad\n5\tfood\tu\tb\n");
    scratch_capture(2);
    assert_int_equal(next(t)->event.n_lines, 2);
    (void)scratch_captured();
    assert_end(t);
}

static void an_order_of_more_lines_than_fit_goes_on_in_another_event(void **state) {
    (void)state;
    enum { LINES = 2 * EVENT_LINES_MAX + 3 };
    char *text = malloc(LINES * 300);
    char item[ID_LEN_MAX + 1];
    assert_non_null(text);
    size_t n = 0;
    for (int i = 0; i < LINES; i++) {
        snprintf(item, sizeof item, "%0255d", i);
        n += (size_t)sprintf(text + n, "5\tfood\tu\t%s\n", item);
    }
    struct tsv *t = open_text(text);
    int seen = 0;
    const uint32_t sizes[] = {EVENT_LINES_MAX, EVENT_LINES_MAX, 3};
    char first_id[64] = "";
    for (int k = 0; k < 3; k++) {
        const struct tsv_event *e = next(t);
        assert_int_equal(e->event.n_lines, sizes[k]);
        for (uint32_t i = 0; i < e->event.n_lines; i++, seen++) {
            snprintf(item, sizeof item, "%0255d", seen);
            assert_text(e->event.lines[i].item, e->event.lines[i].item_len, item);
        }
        assert_text(e->event.user_id, e->event.user_id_len, "u");
        char id[64];
        snprintf(id, sizeof id, "%.*s", (int)e->event.event_id_len, e->event.event_id);
        assert_string_not_equal(id, first_id); /* nor are they one and the same event */
        memcpy(first_id, id, sizeof id);
    }
    assert_int_equal(seen, LINES);
    assert_end(t);
    free(text);
}

/* What random orders were printed must come back, whatever the buffers do meanwhile. */
static void a_file_of_random_orders_comes_back_as_it_was_printed(void **state) {
    (void)state;
    enum { ORDERS = 20000, ROOM = 8 << 20 };
    const unsigned seed = 17;
    print_message("seed %u\n", seed);
    char *text = malloc(ROOM);
    assert_non_null(text);
    size_t n = 0;
    srand(seed);
    for (int i = 0; i < ORDERS; i++) {
        const int lines = 1 + rand() % 6;
        for (int k = 0; k < lines; k++) {
            n += (size_t)snprintf(text + n, ROOM - n,
                                  "%d.%03d\tdomain-%d\tuser-%d\titem-%d\torder\t%d\n", i, i % 1000,
                                  i % 3, i, rand() % 100000, k);
        }
    }
    struct tsv *t = open_text(text);
    srand(seed);
    uint64_t lines_seen = 0;
    for (int i = 0; i < ORDERS; i++) {
        const struct tsv_event *e = next(t);
        char expected[32];
        const uint32_t lines = 1 + (uint32_t)(rand() % 6);
        assert_int_equal(e->event.n_lines, lines);
        assert_int_equal(e->event.ts_ms, (int64_t)i * 1000 + i % 1000);
        snprintf(expected, sizeof expected, "user-%d", i);
        assert_text(e->event.user_id, e->event.user_id_len, expected);
        snprintf(expected, sizeof expected, "domain-%d", i % 3);
        assert_string_equal(e->domain, expected);
        for (uint32_t k = 0; k < lines; k++) {
            snprintf(expected, sizeof expected, "item-%d", rand() % 100000);
            assert_text(e->event.lines[k].item, e->event.lines[k].item_len, expected);
            assert_same(e->event.lines[k].quantity, (double)k);
        }
        lines_seen += lines;
    }
    assert_int_equal(tsv_lines(t), lines_seen);
    assert_int_equal(tsv_bytes(t), n);
    assert_int_equal(tsv_size(t), n);
    assert_end(t);
    free(text);
}

/* ---- ids of events ------------------------------------------------------------------- */

static int by_text(const void *a, const void *b) {
    return strcmp(a, b);
}

/* Reads at most `max` ids of a file; returns how many there are. */
static size_t ids_of(const char *text, char (*ids)[64], size_t max) {
    struct tsv *t = open_text(text);
    struct tsv_event *e = NULL;
    size_t n = 0;
    while (tsv_next(t, &e)) {
        assert_in_range(e->event.event_id_len, 1, 40);
        assert_true(n < max);
        snprintf(ids[n++], 64, "%.*s", (int)e->event.event_id_len, e->event.event_id);
    }
    tsv_close(t);
    return n;
}

static void the_same_file_has_the_same_ids_and_no_two_events_share_one(void **state) {
    (void)state;
    enum { EVENTS = 1000 };
    static char a[EVENTS][64];
    static char b[EVENTS][64];
    static char text[EVENTS * 16];
    size_t n = 0;
    for (int i = 0; i < EVENTS; i++) { /* every second one is the same event once more */
        n += (size_t)sprintf(text + n, "%d\td\tu\t%d\n", i % 2, i % 3);
    }
    assert_int_equal(ids_of(text, a, EVENTS), EVENTS);
    assert_int_equal(ids_of(text, b, EVENTS), EVENTS);
    assert_memory_equal(a, b, sizeof a);
    qsort(a, EVENTS, sizeof a[0], by_text);
    for (int i = 1; i < EVENTS; i++) {
        assert_string_not_equal(a[i - 1], a[i]);
    }
}

static void events_at_the_same_place_of_other_files_have_other_ids(void **state) {
    (void)state;
    char a[1][64];
    char b[1][64];
    assert_int_equal(ids_of("1\td\tu\ti\n", a, 1), 1);
    assert_int_equal(ids_of("1\td\tu\tj\n", b, 1), 1);
    assert_string_not_equal(a[0], b[0]);
    assert_int_equal(ids_of("\n1\td\tu\ti\n", b, 1), 1);
    assert_string_not_equal(a[0], b[0]);
}

/* ---- scan ---------------------------------------------------------------------------- */

static void a_scan_tells_domains_events_and_lines_and_is_silent(void **state) {
    (void)state;
    char path[SCRATCH_PATH_MAX];
    char err[ERR];
    char domains[3][TSV_DOMAIN_MAX];
    size_t n = 0;
    uint64_t events = 0;
    uint64_t lines = 0;
    scratch_text(path, "1\tb\tu\ti\n1\tb\tu\tj\n\nbad\n2\ta\tu\ti\n3\tb\tu\ti\n3\tc\tu\ti");
    scratch_capture(2);
    assert_int_equal(tsv_scan(path, domains, 3, &n, &events, &lines, err, sizeof err), ST_OK);
    assert_string_equal(scratch_captured(), "");
    assert_int_equal(n, 3);
    assert_string_equal(domains[0], "b");
    assert_string_equal(domains[1], "a");
    assert_string_equal(domains[2], "c");
    assert_int_equal(events, 4);
    assert_int_equal(lines, 7);
    unlink(path);
}

static void a_scan_that_fails_leaves_its_outputs_alone(void **state) {
    (void)state;
    char path[SCRATCH_PATH_MAX];
    char err[ERR] = "";
    char domains[2][TSV_DOMAIN_MAX];
    size_t n = 77;
    uint64_t events = 77;
    uint64_t lines = 77;
    scratch_text(path, "1\ta\tu\ti\n1\tb\tu\ti\n1\tc\tu\ti\n1\ta\tu\ti\n");
    assert_int_equal(tsv_scan(path, domains, 2, &n, &events, &lines, err, sizeof err), ST_RANGE);
    assert_non_null(strstr(err, "more than 2 domains"));
    unlink(path);
    assert_int_equal(tsv_scan(path, domains, 2, &n, &events, &lines, err, sizeof err), ST_IO);
    assert_non_null(strstr(err, "No such file"));
    assert_int_equal(tsv_scan("-", domains, 2, &n, &events, &lines, err, sizeof err), ST_IO);
    assert_non_null(strstr(err, "standard input"));
    assert_true(n == 77 && events == 77 && lines == 77);
}

static void bytes_of_any_kind_are_events_or_bad_lines_and_nothing_else(void **state) {
    (void)state;
    enum { FILES = 300, BYTES = 2000 };
    static const char alphabet[] = "0123456789.eE+-\t\t\t\t\n\n#abvieworder \r\xff\0";
    const unsigned seed = 23;
    print_message("seed %u\n", seed);
    srand(seed);
    uint64_t good = 0;
    scratch_capture(2);
    for (int f = 0; f < FILES; f++) {
        char bytes[BYTES];
        char path[SCRATCH_PATH_MAX];
        size_t n = 0;
        while (n + 40 < BYTES) { /* half of the lines begin well */
            if (rand() % 12 == 0) {
                n += (size_t)sprintf(bytes + n, "\n%d\td\tu\ti\t", rand() % 1000);
            }
            bytes[n++] = alphabet[(size_t)rand() % (sizeof alphabet - 1)];
        }
        scratch_write(path, bytes, n);
        struct tsv *t = open_path(path);
        struct tsv_event *e = NULL;
        while (tsv_next(t, &e)) {
            good++;
            assert_in_range(e->event.n_lines, 1, EVENT_LINES_MAX);
            assert_true(e->event.lines[0].quantity >= 0.0 && e->event.lines[0].amount >= 0.0);
        }
        assert_int_equal(tsv_bytes(t), n);
        assert_end(t);
        unlink(path);
    }
    (void)scratch_captured();
    assert_true(good > 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_eight_fields_arrive),
        cmocka_unit_test(what_is_missing_or_empty_has_its_default),
        cmocka_unit_test(times_are_seconds_or_milliseconds),
        cmocka_unit_test(actions_have_the_names_of_the_schema_in_any_case),
        cmocka_unit_test(numbers_are_those_of_strtod),
        cmocka_unit_test(a_bad_line_is_counted_and_named_and_the_rest_is_read),
        cmocka_unit_test(ids_have_at_most_255_bytes_and_domains_63),
        cmocka_unit_test(a_zero_byte_and_an_endless_line_are_bad),
        cmocka_unit_test(only_the_first_bad_lines_are_shown),
        cmocka_unit_test(lines_of_equal_user_ts_domain_and_action_are_one_event),
        cmocka_unit_test(a_bad_line_does_not_split_an_order),
        cmocka_unit_test(an_order_of_more_lines_than_fit_goes_on_in_another_event),
        cmocka_unit_test(a_file_of_random_orders_comes_back_as_it_was_printed),
        cmocka_unit_test(the_same_file_has_the_same_ids_and_no_two_events_share_one),
        cmocka_unit_test(events_at_the_same_place_of_other_files_have_other_ids),
        cmocka_unit_test(a_scan_tells_domains_events_and_lines_and_is_silent),
        cmocka_unit_test(a_scan_that_fails_leaves_its_outputs_alone),
        cmocka_unit_test(bytes_of_any_kind_are_events_or_bad_lines_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
