/* SPDX-License-Identifier: Apache-2.0
 *
 * test_restore_progress.c -- the contract of restore_progress.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "restore_progress.h"

static const char USERS[] = "users and tasks";
static const char MODEL[] = "the shared model";

/* ---- the line ------------------------------------------------------------------------------- */

static void assert_shows(double share, uint64_t records, int64_t elapsed_ms, const char *expected) {
    char line[RESTORE_LINE_MAX];
    restore_progress_line("users", share, records, elapsed_ms, line, sizeof line);
    assert_string_equal(line, expected);
}

static void a_line_tells_share_records_rate_and_time_left(void **state) {
    (void)state;
    assert_shows(0.0, 0, 0, "[....................]   0 %  users: 0 records  0/s");
    assert_shows(0.25, 500000, 4000,
                 "[#####...............]  25 %  users: 500,000 records  125,000/s  12 s left");
    assert_shows(1.0, 2000, 1000,
                 "[####################] 100 %  users: 2,000 records  2,000/s  0 s left");
}

static void shares_outside_of_0_to_1_are_brought_there(void **state) {
    (void)state;
    assert_shows(-1.0, 0, 1000, "[....................]   0 %  users: 0 records  0/s");
    assert_shows((double)NAN, 0, 1000, "[....................]   0 %  users: 0 records  0/s");
    assert_shows(7.0, 10, 1000, "[####################] 100 %  users: 10 records  10/s  0 s left");
}

static void a_line_is_cut_where_the_buffer_ends(void **state) {
    (void)state;
    char line[16];
    restore_progress_line("users", 0.5, 10, 1000, line, sizeof line);
    assert_int_equal(strlen(line), sizeof line - 1);
}

static void time_left_follows_the_share(void **state) {
    (void)state;
    assert_int_equal(restore_progress_left_s(0.0, 5000), -1);
    assert_int_equal(restore_progress_left_s(0.5, 0), -1);
    assert_int_equal(restore_progress_left_s(0.5, 7000), 7);
    assert_int_equal(restore_progress_left_s(0.9, 9000), 1);
    assert_int_equal(restore_progress_left_s(1e-300, 9000), -1);
}

/* ---- what comes out ------------------------------------------------------------------------- */

struct caught { /* stderr, in a file */
    FILE *file;
    int saved;
    char text[4096];
};

static void catch_stderr(struct caught *c) {
    fflush(stderr);
    c->file = tmpfile();
    assert_non_null(c->file);
    c->saved = dup(STDERR_FILENO);
    assert_true(dup2(fileno(c->file), STDERR_FILENO) >= 0);
}

static const char *caught(struct caught *c) {
    fflush(stderr);
    assert_true(dup2(c->saved, STDERR_FILENO) >= 0);
    close(c->saved);
    rewind(c->file);
    const size_t n = fread(c->text, 1, sizeof c->text - 1, c->file);
    c->text[n] = '\0';
    fclose(c->file);
    return c->text;
}

static size_t count(const char *text, const char *what) {
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at += strlen(what)) {
        n++;
    }
    return n;
}

static void elsewhere_a_line_is_logged_every_five_seconds(void **state) {
    (void)state;
    struct restore_meter m = {0};
    struct caught c;
    catch_stderr(&c);
    for (int64_t t = 0; t <= 12000; t += 250) {
        restore_progress_show(&m, 100000 + t, USERS, (double)t / 20000.0, 50 + (uint64_t)t);
    }
    restore_progress_show(&m, 112250, NULL, 1.0, 12050);
    const char *text = caught(&c);
    assert_int_equal(count(text, "reading state"), 2);
    assert_non_null(strstr(text, "what=\"users and tasks\" percent=25 records=5000 "
                                 "records_per_s=1000 seconds_left=15"));
    assert_non_null(strstr(text, "percent=50 records=10000 records_per_s=1000 seconds_left=10"));
    assert_null(strchr(text, '\r'));
}

static void a_start_of_less_than_a_second_shows_nothing(void **state) {
    (void)state;
    for (int terminal = 0; terminal < 2; terminal++) {
        struct restore_meter m = {.terminal = terminal == 1};
        struct caught c;
        catch_stderr(&c);
        for (int64_t t = 0; t < 1000; t += 100) {
            restore_progress_show(&m, t, USERS, (double)t / 1000.0, (uint64_t)t);
        }
        restore_progress_show(&m, 1000, NULL, 1.0, 1000);
        assert_string_equal(caught(&c), "");
    }
}

static void a_bar_is_redrawn_and_ended_with_a_full_one(void **state) {
    (void)state;
    struct restore_meter m = {.terminal = true};
    struct caught c;
    catch_stderr(&c);
    for (int64_t t = 0; t <= 2000; t += 50) {
        restore_progress_show(&m, t, USERS, (double)t / 4000.0, (uint64_t)t);
    }
    restore_progress_show(&m, 4000, NULL, 0.5, 4000);
    restore_progress_show(&m, 4250, NULL, 0.5, 4000);
    const char *text = caught(&c);
    assert_int_equal(count(text, "\r["), 6); /* at 1, 1.25, 1.5, 1.75, 2 s, and the end */
    assert_int_equal(count(text, "\n"), 1);
    assert_non_null(strstr(text, "[####################] 100 %  users and tasks: 4,000 records"));
    assert_int_equal(text[strlen(text) - 1], '\n');
}

static void what_comes_next_begins_a_bar_of_its_own(void **state) {
    (void)state;
    struct restore_meter m = {.terminal = true};
    struct caught c;
    catch_stderr(&c);
    restore_progress_show(&m, 0, MODEL, 0.0, 0);
    restore_progress_show(&m, 1500, MODEL, 0.5, 300);
    restore_progress_show(&m, 2000, USERS, 0.0, 600);
    restore_progress_show(&m, 4000, USERS, 0.5, 1600);
    restore_progress_show(&m, 4250, NULL, 1.0, 2600);
    const char *text = caught(&c);
    assert_int_equal(count(text, "\n"), 2);
    assert_non_null(strstr(text, "100 %  the shared model: 600 records"));
    assert_non_null(strstr(text, "50 %  users and tasks: 1,000 records  500/s  2 s left"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_tells_share_records_rate_and_time_left),
        cmocka_unit_test(shares_outside_of_0_to_1_are_brought_there),
        cmocka_unit_test(a_line_is_cut_where_the_buffer_ends),
        cmocka_unit_test(time_left_follows_the_share),
        cmocka_unit_test(elsewhere_a_line_is_logged_every_five_seconds),
        cmocka_unit_test(a_start_of_less_than_a_second_shows_nothing),
        cmocka_unit_test(a_bar_is_redrawn_and_ended_with_a_full_one),
        cmocka_unit_test(what_comes_next_begins_a_bar_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
