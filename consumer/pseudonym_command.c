/* SPDX-License-Identifier: Apache-2.0
 * pseudonym_command.c -- crossrec pseudonym: what a partner finds a user under. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "event.h"
#include "pseudonym.h"

static int no_such_target(const struct cli *cli) {
    const struct config *cfg = &cli->cfg;
    fprintf(stderr, "crossrec: there is no target %s; there are:", cli->args[0]);
    for (uint32_t d = 0; d < cfg->n_domains; d++) {
        if (cfg->domains[d].target) {
            fprintf(stderr, " %s", cfg->domains[d].name);
        }
    }
    fputc('\n', stderr);
    return CLI_USAGE;
}

static void print_one(const struct config *cfg, struct pseudonyms *p, uint32_t target,
                      const char *id) {
    size_t len = strlen(id);
    const char *name = pseudonym_of(p, target, id, &len);
    printf("%s:%s:rec:%.*s\n", cfg->redis_prefix, cfg->domains[target].name, (int)len, name);
}

static int pseudonym(const struct cli *cli) {
    const struct config *cfg = &cli->cfg;
    char err[CONFIG_ERROR_MAX] = "out of memory";
    struct pseudonyms *p = NULL;
    uint32_t target = 0;
    while (target < cfg->n_domains &&
           (strcmp(cfg->domains[target].name, cli->args[0]) != 0 || !cfg->domains[target].target)) {
        target++;
    }
    if (target == cfg->n_domains) {
        return no_such_target(cli);
    }
    for (size_t k = 1; k < cli->n_args; k++) {
        const size_t len = strlen(cli->args[k]);
        if (len < 1 || len > ID_LEN_MAX) {
            fprintf(stderr, "crossrec: an id has 1 to %d bytes\n", (int)ID_LEN_MAX);
            return CLI_USAGE;
        }
    }
    if (pseudonyms_open(cfg, &p, err)) {
        fprintf(stderr, "crossrec: %s\n", err);
        return CLI_USAGE;
    }
    for (size_t k = 1; k < cli->n_args; k++) {
        print_one(cfg, p, target, cli->args[k]);
    }
    pseudonyms_free(p);
    return CLI_OK;
}

const struct command command_pseudonym = {
    .name = "pseudonym",
    .args = "TARGET ID...",
    .summary = "the key in Redis under which a target's partner finds a user",
    .text =
        "ID is the user's id at that partner. With privacy.key.TARGET the last part of the key\n"
        "is a pseudonym, which the partner's app computes itself: docs/pseudonyms.md.",
    .min_args = 2,
    .max_args = CLI_ARGS_MAX,
    .config = true,
    .run = pseudonym,
};
