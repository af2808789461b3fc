/* SPDX-License-Identifier: Apache-2.0
 *
 * test_cli.c -- the contract of cli.h, with commands of the test's own.
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

#include "cli.h"
#include "scratch.h"

enum { WORDS_MAX = 80, ROOM = 65536 };

/* What the command saw when it ran. */
static struct {
    bool ran;
    const char *name;
    const char *speed, *fast;
    const char *speeds[4]; /* one after the other; NULL behind the last */
    const char *config_path;
    size_t n_args;
    char args[CLI_ARGS_MAX][64];
    char group[CONFIG_NAME_MAX];
    int64_t list_n;
    bool number_ok;
    int64_t number;
} seen;

static int run(const struct cli *cli) {
    seen.ran = true;
    seen.name = cli->command->name;
    seen.speed = cli_flag(cli, "--speed");
    seen.fast = cli_flag(cli, "--fast");
    size_t at = 0;
    for (size_t i = 0; i < 4 && (seen.speeds[i] = cli_flag_next(cli, "--speed", &at)); i++) {
    }
    seen.config_path = cli->config_path;
    seen.n_args = cli->n_args;
    for (size_t i = 0; i < cli->n_args; i++) {
        snprintf(seen.args[i], sizeof seen.args[i], "%s", cli->args[i]);
    }
    if (cli->command->config) {
        snprintf(seen.group, sizeof seen.group, "%s", cli->cfg.group);
        seen.list_n = cli->cfg.list_n;
    }
    seen.number_ok = cli_number(cli, "--speed", -5, 10, 7, &seen.number);
    return 42;
}

static const struct flag FLAGS[] = {
    {"--speed", "X", "how fast"},
    {"--fast", NULL, "as fast as possible"},
};

static const struct command COMMANDS[] = {
    {.name = "play",
     .args = "FILE...",
     .summary = "plays files",
     .text = "More about playing.",
     .flags = FLAGS,
     .n_flags = 2,
     .min_args = 1,
     .max_args = 3,
     .config = true,
     .run = run},
    {.name = "version", .args = "", .summary = "print the version", .run = run},
};

static char out_text[ROOM];
static char err_text[ROOM];

/* Runs cli_main() on the words of a line, split at spaces. */
static int cli_env(const char *line, char **environ_) {
    char *argv[WORDS_MAX];
    static char copy[4096]; /* what the command saw points into it */
    char *rest = copy;
    snprintf(copy, sizeof copy, "%s", line);
    int argc = 0;
    for (char *w; (w = strtok_r(rest, " ", &rest));) {
        argv[argc++] = w;
    }
    memset(&seen, 0, sizeof seen);
    /* There is one capture at a time: stderr goes to a file. */
    scratch_capture(1);
    const int saved = dup(2);
    char path[SCRATCH_PATH_MAX];
    scratch_text(path, "");
    FILE *err = freopen(path, "w", stderr);
    const int rc = cli_main(COMMANDS, 2, argc, argv, environ_);
    fflush(err);
    dup2(saved, 2);
    close(saved);
    snprintf(out_text, sizeof out_text, "%s", scratch_captured());
    FILE *f = fopen(path, "r");
    err_text[fread(err_text, 1, sizeof err_text - 1, f)] = '\0';
    fclose(f);
    unlink(path);
    return rc;
}

static int cli(const char *line) {
    return cli_env(line, NULL);
}

static void assert_err(const char *part) {
    if (!strstr(err_text, part)) {
        fail_msg("`%s` does not say `%s`", err_text, part);
    }
}

static void assert_out(const char *part) {
    if (!strstr(out_text, part)) {
        fail_msg("`%s` does not say `%s`", out_text, part);
    }
}

/* ---- commands and their words ------------------------------------------------------------ */

static void a_command_runs_and_its_status_is_the_exit_status(void **state) {
    (void)state;
    assert_int_equal(cli("crossrec play a.tsv"), 42);
    assert_true(seen.ran);
    assert_string_equal(seen.name, "play");
    assert_int_equal(seen.n_args, 1);
    assert_string_equal(seen.args[0], "a.tsv");
    assert_null(seen.speed);
    assert_null(seen.fast);
    assert_null(seen.config_path);
    assert_string_equal(err_text, "");
}

static void a_value_is_the_next_word_or_follows_the_equal_sign(void **state) {
    (void)state;
    assert_int_equal(cli("crossrec play --speed 3 a"), 42);
    assert_string_equal(seen.speed, "3");
    assert_int_equal(seen.n_args, 1);
    assert_int_equal(cli("crossrec play a --speed=4"), 42);
    assert_string_equal(seen.speed, "4");
    assert_int_equal(cli("crossrec play a --speed="), 42);
    assert_string_equal(seen.speed, "");
    assert_int_equal(cli("crossrec play a --speed=1=2"), 42);
    assert_string_equal(seen.speed, "1=2");
}

static void a_flag_without_a_value_takes_none(void **state) {
    (void)state;
    assert_int_equal(cli("crossrec play --fast a"), 42);
    assert_string_equal(seen.fast, "");
    assert_string_equal(seen.args[0], "a");
    assert_int_equal(cli("crossrec play a --fast=yes"), CLI_USAGE);
    assert_err("--fast takes no value");
    assert_false(seen.ran);
}

static void a_value_that_is_missing_is_told(void **state) {
    (void)state;
    assert_int_equal(cli("crossrec play a --speed"), CLI_USAGE);
    assert_err("--speed needs a value");
    assert_int_equal(cli("crossrec play a --set"), CLI_USAGE);
    assert_err("--set needs a value");
    assert_int_equal(cli("crossrec play a --config"), CLI_USAGE);
    assert_err("--config needs a value");
    assert_false(seen.ran);
}

static void a_dash_is_an_argument(void **state) {
    (void)state;
    assert_int_equal(cli("crossrec play - b"), 42);
    assert_string_equal(seen.args[0], "-");
    assert_string_equal(seen.args[1], "b");
}

static void too_few_and_too_many_arguments_are_refused(void **state) {
    (void)state;
    assert_int_equal(cli("crossrec play"), CLI_USAGE);
    assert_err("play needs FILE...");
    assert_int_equal(cli("crossrec play a b c"), 42);
    assert_int_equal(cli("crossrec play a b c d"), CLI_USAGE);
    assert_err("`d` is one argument too many");
    assert_int_equal(cli("crossrec version x"), CLI_USAGE);
    assert_false(seen.ran);
}

static void an_unknown_command_or_flag_gets_the_nearest_one(void **state) {
    (void)state;
    assert_int_equal(cli("crossrec paly a"), CLI_USAGE);
    assert_err("there is no command `paly`; did you mean `play`?");
    assert_int_equal(cli("crossrec xyz"), CLI_USAGE);
    assert_err("there is no command `xyz`; try crossrec help");
    assert_int_equal(cli("crossrec play a --sped 3"), CLI_USAGE);
    assert_err("play has no flag --sped; did you mean --speed;");
    assert_int_equal(cli("crossrec play a --spede=300000000000x"), CLI_USAGE);
    assert_err("did you mean --speed;");
    assert_int_equal(cli("crossrec play a --confg=x"), CLI_USAGE);
    assert_err("did you mean --config;");
    assert_int_equal(cli("crossrec version --set a=b"), CLI_USAGE); /* no configuration */
    assert_err("version has no flag --set");
    assert_int_equal(cli("crossrec play a --speedy"), CLI_USAGE); /* a name is not a prefix */
    assert_int_equal(cli("crossrec play a --spee=3"), CLI_USAGE);
    assert_false(seen.ran);
}

/* ---- configuration ----------------------------------------------------------------------- */

static void set_goes_over_environment_over_file_over_defaults(void **state) {
    (void)state;
    char path[SCRATCH_PATH_MAX];
    char line[256];
    char group[] = "CROSSREC_GROUP=of-environment";
    char n[] = "CROSSREC_PUBLISH_N=22";
    char *both[] = {group, n, NULL};
    scratch_text(path, "[crossrec]\ngroup = of-file\n[publish]\nn = 11\n");
    assert_int_equal(cli("crossrec play a"), 42);
    assert_string_equal(seen.group, "crossrec");
    snprintf(line, sizeof line, "crossrec play a --config %s", path);
    assert_int_equal(cli(line), 42);
    assert_string_equal(seen.group, "of-file");
    assert_int_equal(seen.list_n, 11);
    assert_int_equal(cli_env(line, both), 42);
    assert_string_equal(seen.group, "of-environment");
    snprintf(line, sizeof line, "crossrec play --set=group=of-set a --config=%s --set publish.n=33",
             path);
    assert_int_equal(cli_env(line, both), 42);
    assert_string_equal(seen.group, "of-set");
    assert_int_equal(seen.list_n, 33);
    unlink(path);
}

static void a_configuration_that_is_wrong_is_status_2_and_the_command_does_not_run(void **state) {
    (void)state;
    assert_int_equal(cli("crossrec play a --set publish.n=0"), CLI_USAGE);
    assert_err("crossrec: --set publish.n=0: must be 1..100");
    assert_int_equal(cli("crossrec play a --config /no/such/file"), CLI_USAGE);
    assert_err("/no/such/file");
    assert_false(seen.ran);
}

static void more_settings_than_fit_are_told(void **state) {
    (void)state;
    char line[4096] = "crossrec play a";
    for (int i = 0; i < CLI_SETS_MAX / 2; i++) {
        strcat(line, " --set=group=g");
    }
    assert_int_equal(cli(line), 42);
    char *argv[2 * CLI_SETS_MAX + 8];
    int argc = 0;
    char words[4][16] = {"crossrec", "play", "a", "--set=group=g"};
    argv[argc++] = words[0];
    argv[argc++] = words[1];
    argv[argc++] = words[2];
    for (int i = 0; i < CLI_SETS_MAX; i++) {
        argv[argc++] = words[3];
    }
    assert_int_equal(cli_main(COMMANDS, 2, argc, argv, NULL), 42);
    argv[argc++] = words[3];
    seen.ran = false;
    scratch_capture(2);
    const int rc = cli_main(COMMANDS, 2, argc, argv, NULL);
    assert_non_null(strstr(scratch_captured(), "more than 64"));
    assert_int_equal(rc, CLI_USAGE);
    assert_false(seen.ran);
}

/* ---- help -------------------------------------------------------------------------------- */

static void without_a_command_or_with_help_the_commands_are_listed(void **state) {
    (void)state;
    assert_int_equal(cli("crossrec"), CLI_USAGE);
    assert_out("plays files");
    const char *const words[] = {"crossrec help", "crossrec --help", "crossrec -h"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(cli(words[i]), CLI_OK);
        assert_out("play FILE...");
        assert_out("print the version");
    }
}

static void help_of_a_command_has_its_text_and_every_flag(void **state) {
    (void)state;
    const char *const words[] = {"crossrec play --help", "crossrec help play", "crossrec play -h",
                                 "crossrec play --speed 3 --help"};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(cli(words[i]), CLI_OK);
        assert_out("crossrec play [FLAGS] FILE...: plays files");
        assert_out("More about playing.");
        assert_out("--speed X");
        assert_out("as fast as possible");
        assert_out("--config FILE");
        assert_out("--set KEY=VALUE");
        assert_out("--help");
        assert_false(seen.ran);
    }
    assert_int_equal(cli("crossrec version --help"), CLI_OK);
    assert_null(strstr(out_text, "--set"));
    assert_int_equal(cli("crossrec help nothing"), CLI_USAGE);
}

static void help_lists_the_options_and_prints_the_ini_file(void **state) {
    (void)state;
    assert_int_equal(cli("crossrec help options"), CLI_OK);
    assert_out("redis.address");
    assert_int_equal(cli("crossrec help ini"), CLI_OK); /* deploy/crossrec.ini says so */
    assert_out("[redis]");
    assert_out("# crossrec.ini");
}

static void version_is_a_flag_too(void **state) {
    (void)state;
    assert_int_equal(cli("crossrec --version"), 42);
    assert_string_equal(seen.name, "version");
}

/* ---- numbers ------------------------------------------------------------------------------ */

static void a_number_is_whole_and_in_its_range_or_the_default(void **state) {
    (void)state;
    const struct {
        const char *text;
        bool ok;
        int64_t number;
    } cases[] = {{"-5", true, -5}, {"10", true, 10}, {"0", true, 0},
                 {"-6", false, 0}, {"11", false, 0}, {"1.5", false, 0},
                 {"1x", false, 0}, {"x", false, 0},  {"99999999999999999999", false, 0},
                 {"0x1", false, 0}};
    assert_int_equal(cli("crossrec play a"), 42);
    assert_true(seen.number_ok);
    assert_int_equal(seen.number, 7);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char line[128];
        snprintf(line, sizeof line, "crossrec play a --speed=%s", cases[i].text);
        assert_int_equal(cli(line), 42);
        assert_int_equal(seen.number_ok, cases[i].ok);
        assert_int_equal(seen.number, cases[i].number);
        if (!cases[i].ok) {
            assert_err("must be a whole number from -5 to 10");
        }
    }
    assert_int_equal(cli("crossrec play a --speed="), 42);
    assert_false(seen.number_ok);
}

static void a_flag_that_is_repeated_has_every_value_and_the_last_one(void **state) {
    (void)state;
    assert_int_equal(cli("crossrec play a --speed 1 --fast --speed=2 --speed 3"), 42);
    assert_string_equal(seen.speed, "3");
    assert_string_equal(seen.speeds[0], "1");
    assert_string_equal(seen.speeds[1], "2");
    assert_string_equal(seen.speeds[2], "3");
    assert_null(seen.speeds[3]);
    assert_int_equal(cli("crossrec play a"), 42);
    assert_null(seen.speeds[0]);
    char line[2048] = "crossrec play a";
    for (int k = 0; k < CLI_GIVEN_MAX / 2 + 1; k++) { /* as many words as a test can have */
        strcat(line, " --fast");
    }
    assert_int_equal(cli(line), 42);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_runs_and_its_status_is_the_exit_status),
        cmocka_unit_test(a_value_is_the_next_word_or_follows_the_equal_sign),
        cmocka_unit_test(a_flag_without_a_value_takes_none),
        cmocka_unit_test(a_value_that_is_missing_is_told),
        cmocka_unit_test(a_dash_is_an_argument),
        cmocka_unit_test(too_few_and_too_many_arguments_are_refused),
        cmocka_unit_test(an_unknown_command_or_flag_gets_the_nearest_one),
        cmocka_unit_test(set_goes_over_environment_over_file_over_defaults),
        cmocka_unit_test(a_configuration_that_is_wrong_is_status_2_and_the_command_does_not_run),
        cmocka_unit_test(more_settings_than_fit_are_told),
        cmocka_unit_test(without_a_command_or_with_help_the_commands_are_listed),
        cmocka_unit_test(help_of_a_command_has_its_text_and_every_flag),
        cmocka_unit_test(help_lists_the_options_and_prints_the_ini_file),
        cmocka_unit_test(version_is_a_flag_too),
        cmocka_unit_test(a_flag_that_is_repeated_has_every_value_and_the_last_one),
        cmocka_unit_test(a_number_is_whole_and_in_its_range_or_the_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
