/* SPDX-License-Identifier: Apache-2.0
 * cli.c -- see cli.h. */
#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metrics.h"

static const struct flag config_flags[] = {
    {"--config", "FILE", "read options from an ini file"},
    {"--set", "KEY=VALUE", "set one option, over file and environment; may be repeated"},
};

static const struct flag help_flag = {"--help", NULL, "print this"};

/* ---- help -------------------------------------------------------------------------------- */

static void print_flag(const struct flag *f) {
    char left[64];
    snprintf(left, sizeof left, "%s%s%s", f->name, f->arg ? " " : "", f->arg ? f->arg : "");
    printf("  %-26s %s\n", left, f->text);
}

static void print_command(const struct command *c) {
    printf("crossrec %s%s%s%s: %s\n", c->name, c->n_flags || c->config ? " [FLAGS]" : "",
           c->args[0] ? " " : "", c->args, c->summary);
    if (c->text) {
        printf("\n%s\n", c->text);
    }
    printf("\nFlags:\n");
    for (size_t k = 0; k < c->n_flags; k++) {
        print_flag(&c->flags[k]);
    }
    for (size_t k = 0; c->config && k < sizeof config_flags / sizeof *config_flags; k++) {
        print_flag(&config_flags[k]);
    }
    print_flag(&help_flag);
}

static void print_commands(const struct command *commands, size_t n) {
    printf("crossrec: cross-recommendations between partner platforms, from Kafka to Redis,\n"
           "learned with every event.\n\n"
           "Usage: crossrec COMMAND [FLAGS] [ARGUMENTS]\n\nCommands:\n");
    for (size_t k = 0; k < n; k++) {
        char left[64];
        snprintf(left, sizeof left, "%s %s", commands[k].name, commands[k].args);
        printf("  %-26s %s\n", left, commands[k].summary);
    }
    printf("\ncrossrec COMMAND --help says more; crossrec help options lists every option,\n"
           "crossrec help ini prints a commented configuration file.\n");
}

/* ---- parsing ------------------------------------------------------------------------------- */

static const struct command *find_command(const struct command *commands, size_t n,
                                          const char *name) {
    for (size_t k = 0; k < n; k++) {
        if (strcmp(commands[k].name, name) == 0) {
            return &commands[k];
        }
    }
    const char *names[CLI_FLAGS_MAX];
    size_t n_names = 0;
    for (size_t k = 0; k < n && n_names < CLI_FLAGS_MAX; k++) {
        names[n_names++] = commands[k].name;
    }
    const char *nearest = config_nearest(name, names, n_names);
    fprintf(stderr, "crossrec: there is no command `%s`%s%s%s; try crossrec help\n", name,
            nearest ? "; did you mean `" : "", nearest ? nearest : "", nearest ? "`?" : "");
    return NULL;
}

struct words { /* what is left of argv */
    char **argv;
    int argc, at;
};

struct sets {
    const char *values[CLI_SETS_MAX];
    size_t n;
};

/* Splits --name=value or takes the next word; NULL if a value is missing or too many. */
static const char *value_of(struct words *w, const char *word, size_t name_len, bool wanted) {
    if (word[name_len] == '=' && !wanted) {
        fprintf(stderr, "crossrec: %.*s takes no value\n", (int)name_len, word);
        return NULL;
    }
    if (word[name_len] == '=') {
        return word + name_len + 1;
    }
    if (!wanted) {
        return "";
    }
    if (w->at < w->argc) {
        return w->argv[w->at++];
    }
    fprintf(stderr, "crossrec: %s needs a value\n", word);
    return NULL;
}

static bool same_flag(const char *word, size_t len, const char *name) {
    return strlen(name) == len && strncmp(word, name, len) == 0;
}

static int unknown_flag(const struct command *c, const char *word) {
    const char *names[CLI_FLAGS_MAX + 3];
    size_t n = 0;
    for (size_t k = 0; k < c->n_flags; k++) {
        names[n++] = c->flags[k].name;
    }
    for (size_t k = 0; c->config && k < sizeof config_flags / sizeof *config_flags; k++) {
        names[n++] = config_flags[k].name;
    }
    names[n++] = help_flag.name;
    char name[64]; /* a long value would make every name far */
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
    const char *nearest = config_nearest(name, names, n);
    fprintf(stderr, "crossrec: %s has no flag %s%s%s; try crossrec %s --help\n", c->name, name,
            nearest ? "; did you mean " : "", nearest ? nearest : "", c->name);
    return CLI_USAGE;
}

/* value NULL: what was wrong with it is said. */
static int note_flag(struct cli *cli, size_t k, const char *value) {
    if (value && cli->n_given == CLI_GIVEN_MAX) {
        fprintf(stderr, "crossrec: more than %d flags\n", CLI_GIVEN_MAX);
        return CLI_USAGE;
    }
    if (!value) {
        return CLI_USAGE;
    }
    cli->values[k] = value;
    cli->given[cli->n_given++] = (struct cli_given){cli->command->flags[k].name, value};
    return CLI_OK;
}

/* One word that begins with `--`. */
static int parse_flag(struct cli *cli, struct words *w, struct sets *sets, const char *word) {
    const struct command *c = cli->command;
    const size_t len = strcspn(word, "=");
    for (size_t k = 0; k < c->n_flags; k++) {
        if (same_flag(word, len, c->flags[k].name)) {
            return note_flag(cli, k, value_of(w, word, len, c->flags[k].arg != NULL));
        }
    }
    if (c->config && same_flag(word, len, "--config")) {
        cli->config_path = value_of(w, word, len, true);
        return cli->config_path ? CLI_OK : CLI_USAGE;
    }
    if (c->config && same_flag(word, len, "--set")) {
        const char *value = value_of(w, word, len, true);
        if (value && sets->n == CLI_SETS_MAX) {
            fprintf(stderr, "crossrec: more than %d --set; use --config FILE\n", CLI_SETS_MAX);
            return CLI_USAGE;
        }
        if (!value) {
            return CLI_USAGE;
        }
        sets->values[sets->n++] = value;
        return CLI_OK;
    }
    return unknown_flag(c, word);
}

static int parse_words(struct cli *cli, struct words *w, struct sets *sets) {
    const struct command *c = cli->command;
    while (w->at < w->argc) {
        const char *word = w->argv[w->at++];
        if (strncmp(word, "--", 2) == 0) {
            int rc = parse_flag(cli, w, sets, word);
            if (rc) {
                return rc;
            }
        } else if (cli->n_args == c->max_args || cli->n_args == CLI_ARGS_MAX) {
            fprintf(stderr, "crossrec: %s: `%s` is one argument too many; try crossrec %s --help\n",
                    c->name, word, c->name);
            return CLI_USAGE;
        } else {
            cli->args[cli->n_args++] = word;
        }
    }
    if (cli->n_args < c->min_args) {
        fprintf(stderr, "crossrec: %s needs %s; try crossrec %s --help\n", c->name, c->args,
                c->name);
        return CLI_USAGE;
    }
    return CLI_OK;
}

static bool wants_help(int argc, char **argv) {
    for (int k = 2; k < argc; k++) {
        if (strcmp(argv[k], "--help") == 0 || strcmp(argv[k], "-h") == 0) {
            return true;
        }
    }
    return false;
}

/* crossrec, crossrec help, crossrec --help, crossrec help COMMAND */
static int general_help(const struct command *commands, size_t n, int argc, char **argv) {
    if (argc < 3) {
        print_commands(commands, n);
        return argc < 2 ? CLI_USAGE : CLI_OK;
    }
    if (strcmp(argv[2], "options") == 0) {
        config_help(stdout);
        return CLI_OK;
    }
    if (strcmp(argv[2], "ini") == 0) {
        config_print_ini(stdout);
        return CLI_OK;
    }
    if (strcmp(argv[2], "metrics") == 0) {
        metrics_print_doc(stdout);
        return CLI_OK;
    }
    const struct command *c = find_command(commands, n, argv[2]);
    if (!c) {
        return CLI_USAGE;
    }
    print_command(c);
    return CLI_OK;
}

int cli_main(const struct command *commands, size_t n, int argc, char **argv, char **environ_) {
    if (argc < 2 || strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 ||
        strcmp(argv[1], "-h") == 0) {
        return general_help(commands, n, argc, argv);
    }
    const char *name = strcmp(argv[1], "--version") == 0 ? "version" : argv[1];
    static struct cli cli; /* large: holds the configuration */
    cli = (struct cli){.command = find_command(commands, n, name)};
    if (!cli.command) {
        return CLI_USAGE;
    }
    if (wants_help(argc, argv)) {
        print_command(cli.command);
        return CLI_OK;
    }
    struct words words = {argv, argc, 2};
    struct sets sets = {.n = 0};
    int rc = parse_words(&cli, &words, &sets);
    if (rc) {
        return rc;
    }
    if (cli.command->config) {
        char err[CONFIG_ERROR_MAX];
        if (config_load(&cli.cfg, cli.config_path, environ_, sets.values, sets.n, err)) {
            fprintf(stderr, "crossrec: %s\n", err);
            return CLI_USAGE;
        }
    }
    return cli.command->run(&cli);
}

/* ---- reading --------------------------------------------------------------------------------- */

const char *cli_flag(const struct cli *cli, const char *name) {
    for (size_t k = 0; k < cli->command->n_flags; k++) {
        if (strcmp(cli->command->flags[k].name, name) == 0) {
            return cli->values[k];
        }
    }
    return NULL;
}

const char *cli_flag_next(const struct cli *cli, const char *name, size_t *at) {
    while (*at < cli->n_given) {
        const struct cli_given *g = &cli->given[(*at)++];
        if (strcmp(g->name, name) == 0) {
            return g->value;
        }
    }
    return NULL;
}

bool cli_number(const struct cli *cli, const char *name, int64_t min, int64_t max,
                int64_t otherwise, int64_t *out) {
    const char *text = cli_flag(cli, name);
    if (!text) {
        *out = otherwise;
        return true;
    }
    char *end = NULL;
    errno = 0;
    const long long v = strtoll(text, &end, 10);
    if (errno || end == text || *end || v < min || v > max) {
        fprintf(stderr, "crossrec: %s %s: must be a whole number from %lld to %lld\n", name, text,
                (long long)min, (long long)max);
        return false;
    }
    *out = v;
    return true;
}
