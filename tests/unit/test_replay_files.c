/* SPDX-License-Identifier: Apache-2.0
 *
 * test_replay_files.c -- the contract of replay_files.h, and what `crossrec replay` says
 * before it asks a broker.
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

#include "commands.h"
#include "replay_files.h"
#include "scratch.h"
#include "shipped.h"

static struct config *config_of(const char *const *sets, size_t n) {
    static struct config cfg;
    char err[CONFIG_ERROR_MAX];
    if (config_load(&cfg, NULL, NULL, sets, n, err)) {
        fail_msg("%s", err);
    }
    return &cfg;
}

/* Opens files of these texts; what is said on stderr is captured. */
static enum status open_texts(struct replay_files *r, const struct config *cfg,
                              const char *const *texts, size_t n, const char **said) {
    static char paths[CLI_ARGS_MAX][SCRATCH_PATH_MAX];
    const char *args[CLI_ARGS_MAX];
    for (size_t i = 0; i < n; i++) {
        scratch_text(paths[i], texts[i]);
        args[i] = paths[i];
    }
    scratch_capture(2);
    const enum status st = replay_files_open(r, cfg, args, n);
    *said = scratch_captured();
    for (size_t i = 0; i < n; i++) {
        unlink(paths[i]);
    }
    return st;
}

static void assert_next(struct replay_files *r, const char *user, const char *domain) {
    struct replay_event e;
    assert_int_equal(replay_files_next(r, &e), ST_OK);
    assert_int_equal(e.event->event.user_id_len, strlen(user));
    assert_memory_equal(e.event->event.user_id, user, strlen(user));
    assert_string_equal(r->cfg->domains[e.domain].name, domain);
}

static void several_files_are_merged_by_time_and_equal_times_by_their_order(void **state) {
    (void)state;
    static const char *const texts[] = {
        "1\tcourse\ta\ti\n3\tcourse\tc\ti\n5\tcourse\te\ti\n",
        "2\tfood\tb\ti\n3\tfood\td\ti\n3\tfood\td\tj\n9\tfood\tf\ti\n", ""};
    struct replay_files r;
    const char *said;
    assert_int_equal(open_texts(&r, config_of(NULL, 0), texts, 3, &said), ST_OK);
    assert_string_equal(said, "");
    assert_int_equal(replay_files_total(&r), 6);
    assert_true(replay_files_has(&r, 0) && replay_files_has(&r, 1));
    assert_next(&r, "a", "course");
    assert_next(&r, "b", "food");
    assert_next(&r, "c", "course");
    assert_next(&r, "d", "food");
    assert_next(&r, "e", "course");
    assert_next(&r, "f", "food");
    struct replay_event e;
    assert_int_equal(replay_files_next(&r, &e), ST_NOT_FOUND);
    assert_int_equal(replay_files_next(&r, &e), ST_NOT_FOUND);
    assert_int_equal(replay_files_lines(&r), 7);
    assert_int_equal(replay_files_bad(&r), 0);
    replay_files_close(&r);
}

static void a_file_that_is_not_sorted_stays_as_it_is(void **state) {
    (void)state;
    static const char *const texts[] = {"5\tcourse\ta\ti\n1\tcourse\tb\ti\n9\tcourse\td\ti\n",
                                        "6\tfood\tc\ti\n"};
    struct replay_files r;
    const char *said;
    assert_int_equal(open_texts(&r, config_of(NULL, 0), texts, 2, &said), ST_OK);
    assert_next(&r, "a", "course");
    assert_next(&r, "b", "course");
    assert_next(&r, "c", "food");
    assert_next(&r, "d", "course");
    replay_files_close(&r);
}

static void only_domains_of_the_files_are_in_them(void **state) {
    (void)state;
    static const char *const texts[] = {"5\tfood\ta\ti\n"};
    struct replay_files r;
    const char *said;
    assert_int_equal(open_texts(&r, config_of(NULL, 0), texts, 1, &said), ST_OK);
    assert_false(replay_files_has(&r, 0));
    assert_true(replay_files_has(&r, 1));
    replay_files_close(&r);
}

/* The --set words of a message; returns how many. */
static size_t sets_of(const char *said, char (*sets)[128], const char **out, size_t max) {
    size_t n = 0;
    for (const char *p = said; (p = strstr(p, "--set ")) && n < max; n++) {
        p += 6;
        snprintf(sets[n], 128, "%.*s", (int)strcspn(p, " \n"), p);
        out[n] = sets[n];
    }
    return n;
}

static void who_types_what_the_error_says_has_configured_the_domain(void **state) {
    (void)state;
    static const char *const texts[] = {"1\tfood\ta\ti\n2\tnonfood\ta\ti\n3\ttravel\ta\ti\n"};
    struct replay_files r;
    const char *said;
    assert_int_equal(open_texts(&r, config_of(NULL, 0), texts, 1, &said), ST_INVALID);
    replay_files_close(&r);
    assert_non_null(strstr(said, "domain nonfood is not configured"));
    assert_non_null(strstr(said, "domain travel is not configured"));
    assert_null(strstr(said, "domain food is not"));
    assert_non_null(strstr(said, "configured domains: course, food"));
    assert_non_null(strstr(said, "did the file mean food?"));
    char sets[8][128];
    const char *args[8];
    const size_t n = sets_of(said, sets, args, 8);
    assert_int_equal(n, 6);
    assert_int_equal(open_texts(&r, config_of(args, n), texts, 1, &said), ST_OK);
    assert_string_equal(said, "");
    assert_next(&r, "a", "food");
    assert_next(&r, "a", "nonfood");
    assert_next(&r, "a", "travel");
    replay_files_close(&r);
}

static void a_domain_without_a_topic_is_told_before_anything_is_sent(void **state) {
    (void)state;
    static const char *const texts[] = {"1\tlonely\ta\ti\n"};
    static const char *const sets[] = {"domain.lonely.repeats=no"};
    struct replay_files r;
    const char *said;
    assert_int_equal(open_texts(&r, config_of(sets, 1), texts, 1, &said), ST_INVALID);
    assert_non_null(strstr(said, "no topic is configured for domain lonely"));
    assert_non_null(strstr(said, "--set topic.lonely-events.domain=lonely"));
    replay_files_close(&r);
}

static void standard_input_is_checked_as_it_comes(void **state) {
    (void)state;
    static const char text[] = "1\tfood\ta\ti\n2\tnonfood\ta\ti\n";
    static const char *const args[] = {"-"};
    int fds[2];
    struct replay_files r;
    struct replay_event e;
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], text, sizeof text - 1), sizeof text - 1);
    close(fds[1]);
    const int saved = dup(STDIN_FILENO);
    dup2(fds[0], STDIN_FILENO);
    assert_int_equal(replay_files_open(&r, config_of(NULL, 0), args, 1), ST_OK);
    assert_int_equal(replay_files_total(&r), 0);
    assert_true(replay_files_has(&r, 0) && replay_files_has(&r, 1));
    assert_next(&r, "a", "food");
    scratch_capture(2);
    const enum status st = replay_files_next(&r, &e);
    assert_non_null(strstr(scratch_captured(), "standard input: domain nonfood is not configured"));
    assert_int_equal(st, ST_INVALID);
    replay_files_close(&r);
    dup2(saved, STDIN_FILENO);
    close(saved);
    close(fds[0]);
}

static void a_file_that_is_not_there_stops_all(void **state) {
    (void)state;
    static const char *const args[] = {"/no/such/file"};
    struct replay_files r;
    scratch_capture(2);
    const enum status st = replay_files_open(&r, config_of(NULL, 0), args, 1);
    assert_non_null(strstr(scratch_captured(), "/no/such/file: No such file"));
    assert_int_equal(st, ST_IO);
    replay_files_close(&r);
}

/* ---- the command ------------------------------------------------------------------------- */

static int run(const char *said_contains, int argc, const char *const *words) {
    char *argv[10];
    for (int i = 0; i < argc; i++) {
        argv[i] = strdup(words[i]);
    }
    scratch_capture(2);
    const int rc = cli_main(&command_replay, 1, argc, argv, NULL);
    const char *said = scratch_captured();
    if (!strstr(said, said_contains)) {
        fail_msg("`%s` does not say `%s`", said, said_contains);
    }
    for (int i = 0; i < argc; i++) {
        free(argv[i]);
    }
    return rc;
}

static void bad_flags_are_refused_with_what_is_allowed(void **state) {
    (void)state;
    static const struct {
        const char *flag, *says;
    } cases[] = {{"--speed=fast", "--speed fast: must be a number above 0, such as 3600x"},
                 {"--speed=0", "must be a number above 0"},
                 {"--rate=0", "--rate 0: must be a whole number from 1"},
                 {"--limit=x", "--limit x: must be a whole number"},
                 {"--create=0", "--create 0: must be a whole number from 1 to 10000"},
                 {"--spede=3", "did you mean --speed;"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *const words[] = {"crossrec", "replay", "/no/such/file", cases[i].flag};
        assert_int_equal(run(cases[i].says, 4, words), CLI_USAGE);
    }
    const char *const no_file[] = {"crossrec", "replay"};
    assert_int_equal(run("replay needs FILE.tsv", 2, no_file), CLI_USAGE);
}

static void a_domain_that_is_not_configured_ends_replay_before_it_connects(void **state) {
    (void)state;
    char path[SCRATCH_PATH_MAX];
    scratch_text(path, "1\tnonfood\ta\ti\n");
    const char *const words[] = {"crossrec", "replay", path};
    assert_int_equal(run("domain nonfood is not configured", 3, words), CLI_FAILED);
    unlink(path);
}

static void schemas_that_lack_the_shipped_ids_end_replay_before_it_connects(void **state) {
    (void)state;
    char dir[] = "/tmp/crossrec-test-XXXXXX";
    char file[64];
    char set[128];
    char path[SCRATCH_PATH_MAX];
    assert_non_null(mkdtemp(dir));
    snprintf(file, sizeof file, "%s/9.avsc", dir); /* as FoodOrder it cannot be read */
    snprintf(set, sizeof set, "--set=schemas.dir=%s", dir);
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    fputs(shipped_json(READER_COURSE_VIEW), f);
    fclose(f);
    scratch_text(path, "1\tfood\ta\ti\n2\tcourse\ta\ti\n");
    const char *const words[] = {"crossrec", "replay", path, set};
    assert_int_equal(run("copy schemas/CourseView.avsc there as 1.avsc", 4, words), CLI_FAILED);
    assert_int_equal(run("copy schemas/FoodOrder.avsc there as 9.avsc", 4, words), CLI_FAILED);
    unlink(path);
    unlink(file);
    rmdir(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_files_are_merged_by_time_and_equal_times_by_their_order),
        cmocka_unit_test(a_file_that_is_not_sorted_stays_as_it_is),
        cmocka_unit_test(only_domains_of_the_files_are_in_them),
        cmocka_unit_test(who_types_what_the_error_says_has_configured_the_domain),
        cmocka_unit_test(a_domain_without_a_topic_is_told_before_anything_is_sent),
        cmocka_unit_test(standard_input_is_checked_as_it_comes),
        cmocka_unit_test(a_file_that_is_not_there_stops_all),
        cmocka_unit_test(bad_flags_are_refused_with_what_is_allowed),
        cmocka_unit_test(a_domain_that_is_not_configured_ends_replay_before_it_connects),
        cmocka_unit_test(schemas_that_lack_the_shipped_ids_end_replay_before_it_connects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
