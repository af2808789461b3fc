/* SPDX-License-Identifier: Apache-2.0
 *
 * test_eval_stream.c -- the contracts of eval_stream.h, eval_names.h and tsv_next_line().
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "eval_stream.h"
#include "failing_alloc.h"
#include "hash.h"
#include "mix.h"
#include "scratch.h"

static char paths[CLI_ARGS_MAX][SCRATCH_PATH_MAX];
static const char *said;

/* Reads files of these texts; what is said on stderr is captured. */
static enum status read_texts(struct eval_stream *s, struct eval_stream_spec spec,
                              const char *const *texts, size_t n) {
    const char *args[CLI_ARGS_MAX];
    for (size_t i = 0; i < n; i++) {
        scratch_text(paths[i], texts[i]);
        args[i] = paths[i];
    }
    spec.paths = args;
    spec.n_paths = n;
    *s = (struct eval_stream){0};
    scratch_capture(2);
    const enum status st = eval_stream_read(s, &spec);
    said = scratch_captured();
    for (size_t i = 0; i < n; i++) {
        unlink(paths[i]);
    }
    return st;
}

static enum status read_text(struct eval_stream *s, struct eval_stream_spec spec,
                             const char *text) {
    return read_texts(s, spec, &text, 1);
}

static const struct eval_stream_spec PLAIN = {.bad_max = 1000};

static void assert_name(const struct eval_names *t, uint32_t i, const char *expected) {
    assert_int_equal(t->entries[i].len, strlen(expected));
    assert_memory_equal(eval_names_text(t, i), expected, strlen(expected));
}

/* "u1 i1" of each line, separated by commas. */
static const char *pairs_of(const struct eval_stream *s) {
    static char text[4096];
    size_t at = 0;
    text[0] = '\0';
    for (size_t i = 0; i < s->n; i++) {
        const uint32_t u = s->lines[i].user;
        const uint32_t k = s->lines[i].item;
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%.*s %.*s", i ? "," : "",
                               (int)s->users.entries[u].len, eval_names_text(&s->users, u),
                               (int)s->items.entries[k].len, eval_names_text(&s->items, k));
    }
    return text;
}

/* ---- lines ----------------------------------------------------------------------------- */

static void every_line_is_a_line_with_the_daemons_hashes(void **state) {
    (void)state;
    struct eval_stream s;
    assert_int_equal(read_text(&s, PLAIN,
                               "#ts\tdomain\tuser\titem\n"
                               "1500000000\tfood\tann\tsoup\torder\t2\t7.5\t1.5\n"
                               "1500000000\tfood\tann\trice\torder\n"
                               "\n"
                               "1500000000500\tcourse\tann\tsoup\n"),
                     ST_OK);
    assert_int_equal(s.n, 3);
    assert_string_equal(pairs_of(&s), "ann soup,ann rice,ann soup");
    assert_int_equal(s.n_domains, 2);
    assert_string_equal(s.domains[0], "food");
    assert_string_equal(s.domains[1], "course");
    assert_int_equal(s.lines[1].ts_ms, 1500000000000);
    assert_int_equal(s.lines[2].ts_ms, 1500000000500);
    assert_int_equal(s.lines[0].action, ACTION_ORDER);
    assert_int_equal(s.lines[2].action, ACTION_PURCHASE);
    assert_true(s.lines[0].quantity == 2.0F && s.lines[0].amount == 7.5F);
    assert_true(s.lines[1].quantity == 1.0F && s.lines[1].amount == 0.0F);
    assert_true(s.lines[0].discount == 1.5F && s.lines[1].discount == 0.0F);
    assert_true(s.users.entries[0].hash == hash_id("ann", 3));
    assert_true(s.items.entries[s.lines[0].item].hash == hash_item("food", "soup", 4));
    assert_true(s.items.entries[s.lines[2].item].hash == hash_item("course", "soup", 4));
    assert_int_not_equal(s.lines[0].item, s.lines[2].item);
    assert_int_equal(s.from, 0);
    assert_int_equal(s.bad, 0);
    eval_stream_free(&s);
}

static void a_file_that_is_given_twice_has_other_event_ids(void **state) {
    (void)state;
    static const char *const texts[] = {"5\ta\tu\ti\n6\ta\tu\tj\n", "5\ta\tu\ti\n6\ta\tu\tj\n"};
    struct eval_stream s;
    assert_int_equal(read_texts(&s, PLAIN, texts, 2), ST_OK);
    assert_int_equal(s.n, 4);
    for (size_t i = 0; i < 4; i++) {
        for (size_t k = 0; k < i; k++) {
            assert_true(s.lines[i].id != s.lines[k].id);
        }
    }
    eval_stream_free(&s);
}

static void files_are_merged_by_time_and_keep_their_own_order(void **state) {
    (void)state;
    static const char *const texts[] = {"10\ta\tu\t1\n30\ta\tu\t2\n20\ta\tu\t3\n40\ta\tu\t4\n",
                                        "10\ta\tv\t5\n25\ta\tv\t6\n30\ta\tv\t7\n"};
    struct eval_stream s;
    assert_int_equal(read_texts(&s, PLAIN, texts, 2), ST_OK);
    assert_string_equal(pairs_of(&s), "u 1,v 5,v 6,u 2,u 3,v 7,u 4");
    eval_stream_free(&s);
}

/* ---- parts of a stream -------------------------------------------------------------------- */

static const char SIX[] = "86400\ta\tu\t1\n86400\tb\tu\t2\n172800\ta\tu\t3\n"
                          "# a comment\nbad\n"
                          "172801\tb\tu\t4\n259200\ta\tu\t5\n259201\tb\tu\t6\n";

static void assert_part(const char *from, const char *to, size_t first, size_t n) {
    struct eval_stream_spec spec = PLAIN;
    struct eval_stream s;
    if (from) {
        assert_int_equal(eval_mark_parse(from, &spec.from), ST_OK);
    }
    if (to) {
        assert_int_equal(eval_mark_parse(to, &spec.to), ST_OK);
    }
    assert_int_equal(read_text(&s, spec, SIX), ST_OK);
    assert_int_equal(s.from, first);
    assert_int_equal(s.n, n);
    eval_stream_free(&s);
}

static void from_and_to_take_lines_days_and_times(void **state) {
    (void)state;
    assert_part(NULL, NULL, 0, 6);
    assert_part("0", NULL, 0, 6);
    assert_part("2", NULL, 2, 6);
    assert_part("2", "4", 2, 4);
    assert_part("1970-01-03", NULL, 2, 6);
    assert_part("1970-01-03", "1970-01-04", 2, 4);
    assert_part("1970-01-03T00:00:01", NULL, 3, 6);
    assert_part(NULL, "1970-01-03T00:00:01Z", 0, 3);
}

static void marks_are_lines_below_a_hundred_million_and_times_above(void **state) {
    (void)state;
    struct eval_mark m;
    assert_int_equal(eval_mark_parse("99999999", &m), ST_OK);
    assert_int_equal(m.kind, EVAL_MARK_LINES);
    assert_int_equal(m.value, 99999999);
    assert_int_equal(eval_mark_parse("100000000", &m), ST_OK);
    assert_int_equal(m.kind, EVAL_MARK_TIME);
    assert_int_equal(m.value, 100000000000);
    assert_int_equal(eval_mark_parse("1377099401000", &m), ST_OK);
    assert_int_equal(m.value, 1377099401000);
    assert_int_equal(eval_mark_parse("2013-08-21", &m), ST_OK);
    assert_int_equal(m.kind, EVAL_MARK_TIME);
    assert_int_equal(m.value, 1377043200000);
    static const char *const bad[] = {"", "x", "-1", "12x", "2013-13-01", "99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(eval_mark_parse(bad[i], &m), ST_INVALID);
        assert_int_equal(m.value, 1377043200000);
    }
}

static void lines_count_over_files_also_where_domains_are_left_out(void **state) {
    (void)state;
    struct eval_stream_spec spec = PLAIN;
    static const char domains[][TSV_DOMAIN_MAX] = {"b"};
    struct eval_stream s;
    spec.domains = domains;
    spec.n_domains = 1;
    assert_int_equal(eval_mark_parse("3", &spec.from), ST_OK);
    assert_int_equal(eval_mark_parse("5", &spec.to), ST_OK);
    assert_int_equal(read_text(&s, spec, SIX), ST_OK);
    assert_string_equal(pairs_of(&s), "u 2,u 4");
    assert_int_equal(s.from, 1);
    assert_int_equal(s.left_out, 3);
    assert_int_equal(s.n_domains, 1);
    eval_stream_free(&s);
}

static void wanted_domains_come_in_the_order_they_are_wanted_in(void **state) {
    (void)state;
    struct eval_stream_spec spec = PLAIN;
    static const char domains[][TSV_DOMAIN_MAX] = {"b", "a"};
    struct eval_stream s;
    spec.domains = domains;
    spec.n_domains = 2;
    assert_int_equal(read_text(&s, spec, SIX), ST_OK);
    assert_string_equal(s.domains[0], "b");
    assert_int_equal(s.lines[0].domain, 1);
    assert_int_equal(eval_stream_domain(&s, "a"), 1);
    assert_int_equal(eval_stream_domain(&s, "c"), 2);
    eval_stream_free(&s);
}

/* ---- what is wrong ------------------------------------------------------------------------- */

static void bad_lines_are_named_counted_and_skipped(void **state) {
    (void)state;
    struct eval_stream s;
    char second[128];
    assert_int_equal(read_text(&s, PLAIN,
                               "1\ta\tu\t1\nnonsense\n2\ta\tu\n"
                               "200000000000000\ta\tu\t9\n"
                               "3\ta\tu\t2\tbuy\n4\ta\tu\t3\tview\t1e13\n5\ta\tu\t4\n"
                               "6\ta\tu\t5\tview\t1\t1\t1e13\n"),
                     ST_OK);
    assert_string_equal(pairs_of(&s), "u 1,u 4");
    assert_int_equal(s.bad, 6);
    snprintf(second, sizeof second, "%s:2: fewer than four fields", paths[0]);
    assert_non_null(strstr(said, second));
    snprintf(second, sizeof second, "%s:4: ts is beyond the year 6429", paths[0]);
    assert_non_null(strstr(said, second));
    snprintf(second, sizeof second, "%s:6: quantity, amount and discount must be", paths[0]);
    assert_non_null(strstr(said, second));
    eval_stream_free(&s);
}

static void more_bad_lines_than_allowed_end_it_and_say_how_to_go_on(void **state) {
    (void)state;
    struct eval_stream_spec spec = {.bad_max = 1};
    struct eval_stream s;
    assert_int_equal(read_text(&s, spec, "1\ta\tu\t1\nx\n2\ta\tu\t2\n"), ST_OK);
    eval_stream_free(&s);
    assert_int_equal(read_text(&s, spec, "1\ta\tu\t1\nx\n2\ta\tu\t2\nx\n3\ta\tu\t2\n"), ST_INVALID);
    assert_non_null(strstr(said, "more than 1 bad lines"));
    assert_non_null(strstr(said, "--bad-lines N"));
    eval_stream_free(&s);
}

static void a_wanted_domain_without_lines_is_said(void **state) {
    (void)state;
    struct eval_stream_spec spec = PLAIN;
    static const char domains[][TSV_DOMAIN_MAX] = {"a", "bb"};
    struct eval_stream s;
    spec.domains = domains;
    spec.n_domains = 2;
    assert_int_equal(read_text(&s, spec, SIX), ST_INVALID);
    assert_non_null(strstr(said, "no line of domain bb"));
    eval_stream_free(&s);
}

static void nothing_to_score_is_said_before_the_run(void **state) {
    (void)state;
    struct eval_stream_spec spec = PLAIN;
    struct eval_stream s;
    assert_int_equal(eval_mark_parse("6", &spec.from), ST_OK);
    assert_int_equal(read_text(&s, spec, SIX), ST_INVALID);
    assert_non_null(strstr(said, "--from lies behind the last line (6 are read)"));
    eval_stream_free(&s);
    assert_int_equal(read_text(&s, PLAIN, "# nothing\n"), ST_INVALID);
    assert_non_null(strstr(said, "no events were read"));
    eval_stream_free(&s);
}

static void more_domains_than_can_be_are_refused(void **state) {
    (void)state;
    char text[1024] = "";
    for (size_t d = 0, at = 0; d <= DOMAINS_MAX; d++) {
        at += (size_t)snprintf(text + at, sizeof text - at, "1\td%zu\tu\ti\n", d);
    }
    struct eval_stream s;
    assert_int_equal(read_text(&s, PLAIN, text), ST_RANGE);
    assert_non_null(strstr(said, "--domains A,B"));
    eval_stream_free(&s);
}

static void a_file_that_is_not_there_is_named(void **state) {
    (void)state;
    static const char *const nowhere[] = {"/nowhere/events.tsv"};
    struct eval_stream s = {0};
    struct eval_stream_spec spec = {.paths = nowhere, .n_paths = 1};
    scratch_capture(2);
    const enum status st = eval_stream_read(&s, &spec);
    said = scratch_captured();
    assert_int_equal(st, ST_IO);
    assert_non_null(strstr(said, "/nowhere/events.tsv"));
    eval_stream_free(&s);
}

static void without_memory_it_says_so_and_leaks_nothing(void **state) {
    (void)state;
    if (!CAN_FAIL) {
        skip();
    }
    int n = 0;
    enum status st = ST_NOMEM;
    for (; st == ST_NOMEM && n < 100; n++) {
        struct eval_stream s;
        static char path[SCRATCH_PATH_MAX];
        scratch_text(path, SIX);
        const char *const args[] = {path};
        struct eval_stream_spec spec = {.paths = args, .n_paths = 1, .bad_max = 9};
        s = (struct eval_stream){0};
        scratch_capture(2);
        fail_after(n);
        st = eval_stream_read(&s, &spec);
        fail_after(-1);
        (void)scratch_captured();
        unlink(path);
        eval_stream_free(&s);
    }
    assert_int_equal(st, ST_OK);
    assert_true(n > 5);
}

/* ---- names --------------------------------------------------------------------------------- */

static void names_keep_their_index_and_text_while_the_table_grows(void **state) {
    (void)state;
    enum { N = 20000 };
    struct eval_names t = {0};
    char text[32];
    for (uint32_t k = 0; k < 2 * N; k++) { /* all of them twice */
        uint32_t i = UINT32_MAX;
        const int len = snprintf(text, sizeof text, "name-%u", k % N);
        assert_int_equal(eval_names_add(&t, mix64(k % N), text, (size_t)len, &i), ST_OK);
        assert_int_equal(i, k % N);
    }
    assert_int_equal(t.n, N);
    for (uint32_t k = 0; k < N; k += 7) {
        snprintf(text, sizeof text, "name-%u", k);
        assert_name(&t, k, text);
        assert_true(t.entries[k].hash == mix64(k));
    }
    eval_names_free(&t);
    assert_int_equal(t.n, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_is_a_line_with_the_daemons_hashes),
        cmocka_unit_test(a_file_that_is_given_twice_has_other_event_ids),
        cmocka_unit_test(files_are_merged_by_time_and_keep_their_own_order),
        cmocka_unit_test(from_and_to_take_lines_days_and_times),
        cmocka_unit_test(marks_are_lines_below_a_hundred_million_and_times_above),
        cmocka_unit_test(lines_count_over_files_also_where_domains_are_left_out),
        cmocka_unit_test(wanted_domains_come_in_the_order_they_are_wanted_in),
        cmocka_unit_test(bad_lines_are_named_counted_and_skipped),
        cmocka_unit_test(more_bad_lines_than_allowed_end_it_and_say_how_to_go_on),
        cmocka_unit_test(a_wanted_domain_without_lines_is_said),
        cmocka_unit_test(nothing_to_score_is_said_before_the_run),
        cmocka_unit_test(more_domains_than_can_be_are_refused),
        cmocka_unit_test(a_file_that_is_not_there_is_named),
        cmocka_unit_test(without_memory_it_says_so_and_leaks_nothing),
        cmocka_unit_test(names_keep_their_index_and_text_while_the_table_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
