/* SPDX-License-Identifier: Apache-2.0
 * explain.c -- crossrec explain: asks a running crossrec why a user sees what he sees. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "event.h"
#include "explain_print.h"
#include "http_get.h"

enum { PATH_MAX_BYTES = 3 * (ID_LEN_MAX + CONFIG_NAME_MAX) + 64 };

/* What must be known before anybody is asked; 0: all of it. */
static int check(const struct cli *cli, const char *target) {
    const struct config *cfg = &cli->cfg;
    if (!target) {
        fprintf(stderr, "crossrec: of which list? Type crossrec explain %s --target %s\n",
                cli->args[0], cfg->n_domains > 0 ? cfg->domains[0].name : "DOMAIN");
        return CLI_USAGE;
    }
    if (strlen(cli->args[0]) > ID_LEN_MAX || strlen(target) >= CONFIG_NAME_MAX) {
        fprintf(stderr,
                "crossrec: no user has an id of more than %d bytes, no domain a name of "
                "more than %d\n",
                (int)ID_LEN_MAX, CONFIG_NAME_MAX - 1);
        return CLI_USAGE;
    }
    if (strcmp(cfg->http_address, "off") == 0) {
        fprintf(stderr, "crossrec: http.address is off: there is nobody to ask; set it, here and "
                        "where crossrec runs\n");
        return CLI_USAGE;
    }
    return CLI_OK;
}

static int show(const struct cli *cli, const struct http_page *page) {
    if (page->code != 200) {
        fprintf(stderr, "crossrec: %s", page->len > 0 ? page->body : "no answer\n");
        return CLI_FAILED;
    }
    if (cli_flag(cli, "--json")) {
        fputs(page->body, stdout);
        return CLI_OK;
    }
    if (explain_print(page->body, page->len, stdout)) {
        fprintf(stderr, "crossrec: the answer cannot be read; try --json. Is it a crossrec of "
                        "another version?\n");
        return CLI_FAILED;
    }
    return CLI_OK;
}

static int explain(const struct cli *cli) {
    char path[PATH_MAX_BYTES];
    char user[3 * ID_LEN_MAX + 1];
    char domain[3 * CONFIG_NAME_MAX + 1];
    char err[512];
    struct http_page page = {0};
    int64_t n = 0;
    const char *target = cli_flag(cli, "--target");
    if (!cli_number(cli, "--n", 1, CONFIG_LIST_MAX, cli->cfg.list_n, &n)) {
        return CLI_USAGE;
    }
    int rc = check(cli, target);
    if (rc) {
        return rc;
    }
    http_get_escape(cli->args[0], user);
    http_get_escape(target, domain);
    snprintf(path, sizeof path, "/explain?user=%s&target=%s&n=%" PRId64, user, domain, n);
    if (http_get(cli->cfg.http_address, path, &page, err, sizeof err)) {
        fprintf(stderr, "crossrec: %s; is crossrec running there (http.address)?\n", err);
        return CLI_FAILED;
    }
    rc = show(cli, &page);
    free(page.body);
    return rc;
}

static const struct flag flags[] = {
    {"--target", "DOMAIN", "the list of which domain"},
    {"--n", "N", "how many items; else publish.n"},
    {"--json", NULL, "print the answer as it came"},
};

const struct command command_explain = {
    .name = "explain",
    .args = "USER",
    .summary = "why a user sees what he sees, asked of a running crossrec",
    .text =
        "Asks the crossrec that runs on this machine at http.address. Each item with its score,\n"
        "its reason, the item of the user's history that speaks most for it, and what adds\n"
        "most to its score, compared with the mean candidate; then similar users. Several\n"
        "instances each know the users of their own partitions only.",
    .flags = flags,
    .n_flags = sizeof flags / sizeof *flags,
    .min_args = 1,
    .max_args = 1,
    .config = true,
    .run = explain,
};
