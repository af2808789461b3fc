/* SPDX-License-Identifier: Apache-2.0
 * questions.c -- crossrec get, explain, similar, segments, top: what a running crossrec knows. */
#include <stdio.h>
#include <string.h>

#include "ask.h"
#include "board_show.h"
#include "commands.h"
#include "person_show.h"

/* A domain of the configuration, as the daemon most likely has it too: said here, so that a typo
 * costs no question. NULL is one. */
static bool is_domain(const struct cli *cli, const char *what, const char *name) {
    const char *names[DOMAINS_MAX];
    for (uint32_t d = 0; d < cli->cfg.n_domains; d++) {
        names[d] = cli->cfg.domains[d].name;
        if (!name || strcmp(name, names[d]) == 0) {
            return true;
        }
    }
    const char *nearest = config_nearest(name ? name : "", names, cli->cfg.n_domains);
    fprintf(stderr, "crossrec: there is no %s `%.100s`%s%s%s; there are:", what, name ? name : "",
            nearest ? "; did you mean `" : "", nearest ? nearest : "", nearest ? "`?" : "");
    for (uint32_t d = 0; d < cli->cfg.n_domains; d++) {
        fprintf(stderr, "%s %s", d > 0 ? "," : "", names[d]);
    }
    fputs("\n", stderr);
    return false;
}

/* The flags --target and --n, and the page. */
static int ask_with(const struct cli *cli, struct ask_path *path, const char *argument,
                    const char *value, ask_show shown) {
    const char *target = cli_flag(cli, "--target");
    const char *n = cli_flag(cli, "--n");
    int64_t number = 0;
    if (!cli_number(cli, "--n", 1, CONFIG_LIST_MAX, 1, &number) ||
        !is_domain(cli, "target", target) || !ask_argument(path, argument, value) ||
        !ask_argument(path, "target", target) || !ask_argument(path, "n", n)) {
        return CLI_USAGE;
    }
    return ask(cli, path->text, shown);
}

static int get(const struct cli *cli) {
    struct ask_path path;
    ask_begin(&path, "/get");
    return ask_with(cli, &path, "user", cli->args[0], person_show);
}

static int explain(const struct cli *cli) {
    struct ask_path path;
    ask_begin(&path, "/explain");
    return ask_with(cli, &path, "user", cli->args[0], person_show);
}

static int similar(const struct cli *cli) {
    struct ask_path path;
    const char *domain = cli_flag(cli, "--domain");
    ask_begin(&path, "/similar");
    if (!is_domain(cli, "domain", domain) || !ask_argument(&path, "domain", domain)) {
        return CLI_USAGE;
    }
    return ask_with(cli, &path, "item", cli->args[0], board_show_similar);
}

static int segments(const struct cli *cli) {
    return ask(cli, "/segments", board_show_segments);
}

static int top(const struct cli *cli) {
    struct ask_path path;
    ask_begin(&path, "/top");
    if (!is_domain(cli, "domain", cli->args[0])) {
        return CLI_USAGE;
    }
    return ask_with(cli, &path, "domain", cli->args[0], board_show_top);
}

static const struct flag list_flags[] = {
    {"--target", "DOMAIN", "the list of that domain alone; else all"},
    {"--n", "N", "how many items; else as in Redis"},
    ASK_FLAGS,
};

static const struct flag similar_flags[] = {
    {"--domain", "DOMAIN", "where the item is, if several have one of that id"},
    {"--target", "DOMAIN", "what goes with it there alone; else in all"},
    {"--n", "N", "how many items; else 10"},
    ASK_FLAGS,
};

static const struct flag segments_flags[] = {ASK_FLAGS};

static const struct flag top_flags[] = {
    {"--n", "N", "how many items a list; else 10"},
    ASK_FLAGS,
};

enum { N_LIST = sizeof list_flags / sizeof *list_flags };

const struct command command_get = {
    .name = "get",
    .args = "USER",
    .summary = "what is known of a user, and his lists, asked of a running crossrec",
    .text = "USER as in the events, or as a partner calls him. Who he is to each partner, his "
            "consent,\n"
            "what he did, his segment and what puts him there, and every list with its reasons.\n"
            "Several instances each know the users of their own partitions only.\n\n" ASK_TEXT,
    .flags = list_flags,
    .n_flags = N_LIST,
    .min_args = 1,
    .max_args = 1,
    .config = true,
    .run = get,
};

const struct command command_explain = {
    .name = "explain",
    .args = "USER",
    .summary = "the same, and why he sees what he sees",
    .text =
        "As get, and of each item: what each group of inputs and each input adds to its score,\n"
        "compared with the mean candidate, and its place by other models: the personal net "
        "(full),\n"
        "its twin that knows nothing of the user, the linear part alone, co-occurrence "
        "(together),\n"
        "7-day popularity; then users like him.\n\n" ASK_TEXT,
    .flags = list_flags,
    .n_flags = N_LIST,
    .min_args = 1,
    .max_args = 1,
    .config = true,
    .run = explain,
};

const struct command command_similar = {
    .name = "similar",
    .args = "ITEM",
    .summary = "what goes with an item, at home and across domains, and why",
    .text = ASK_TEXT,
    .flags = similar_flags,
    .n_flags = sizeof similar_flags / sizeof *similar_flags,
    .min_args = 1,
    .max_args = 1,
    .config = true,
    .run = similar,
};

const struct command command_segments = {
    .name = "segments",
    .args = "",
    .summary = "the segments of users in words and numbers, and who is active",
    .text = "Of several instances each tells of the users of its own partitions.\n\n" ASK_TEXT,
    .flags = segments_flags,
    .n_flags = sizeof segments_flags / sizeof *segments_flags,
    .config = true,
    .run = segments,
};

const struct command command_top = {
    .name = "top",
    .args = "DOMAIN",
    .summary = "what is taken most, what is trending, what is new in a domain",
    .text = ASK_TEXT,
    .flags = top_flags,
    .n_flags = sizeof top_flags / sizeof *top_flags,
    .min_args = 1,
    .max_args = 1,
    .config = true,
    .run = top,
};
