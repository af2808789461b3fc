/* SPDX-License-Identifier: Apache-2.0
 *
 * cli.h -- commands and their flags, as tables: they parse, and they print --help.
 *
 *     crossrec COMMAND [FLAGS] [ARGUMENTS]
 *
 * Every command that needs the configuration also takes --config FILE and --set KEY=VALUE
 * (repeatable). A flag's value is the next word or follows `=`. An unknown command or flag
 * gets an error that names the nearest one and exit status 2.
 *
 * Ownership: struct cli is the caller's; values point into argv. Threads: one.
 */
#ifndef CLI_H
#define CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "status.h"

enum { CLI_FLAGS_MAX = 24, CLI_SETS_MAX = 64, CLI_ARGS_MAX = 8, CLI_GIVEN_MAX = 64 };

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 }; /* exit statuses */

struct flag {
    const char *name; /* "--speed"                                 */
    const char *arg;  /* "X": takes a value, shown so; NULL: none  */
    const char *text;
};

struct cli;

struct command {
    const char *name, *args, *summary; /* "replay", "FILE.tsv", one line */
    const char *text;                  /* more for --help, may be NULL   */
    const struct flag *flags;
    size_t n_flags;
    size_t min_args, max_args;
    bool config;                       /* loads the configuration before it runs */
    int (*run)(const struct cli *cli); /* exit status */
};

struct cli {
    const struct command *command;
    struct config cfg;                 /* valid if command->config */
    const char *config_path;           /* of --config, or NULL */
    const char *values[CLI_FLAGS_MAX]; /* by flag: NULL not given; "" given without a value */
    const char *args[CLI_ARGS_MAX];
    size_t n_args;
    struct cli_given { /* every flag of the command in its order, repeated ones too */
        const char *name, *value;
    } given[CLI_GIVEN_MAX];
    size_t n_given;
};

/** Parses argv and runs the command. Without one, or with --help, prints the help.
 *  @return the exit status */
int cli_main(const struct command *commands, size_t n, int argc, char **argv, char **environ_);

/** Value of a flag of the command, or NULL; of one that was repeated, the last. */
const char *cli_flag(const struct cli *cli, const char *name);
/** Its values one after the other: *at begins at 0; NULL behind the last. */
const char *cli_flag_next(const struct cli *cli, const char *name, size_t *at);
/** Whole number of a flag in [min, max], or `otherwise` if not given. On a bad value prints
 *  what is allowed and returns false. */
MUST_CHECK bool cli_number(const struct cli *cli, const char *name, int64_t min, int64_t max,
                           int64_t otherwise, int64_t *out);

#endif
