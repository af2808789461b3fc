/* SPDX-License-Identifier: Apache-2.0
 * state_command.c -- crossrec state: what the changelog, or a checkpoint of it, has. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "hash.h"
#include "log.h"
#include "progress.h"
#include "state_print.h"
#include "state_source.h"
#include "state_table.h"
#include "state_verify.h"

static const struct flag flags[] = {
    {"--checkpoint", "DIR", "read the checkpoints in this folder instead of the topic"},
    {"--task", "P", "of this task only: partition P of all input topics"},
    {"--user", "ID", "dump: this user only"},
    {"--json", NULL, "dump: a line of JSON each, which is the only format"},
};

/* ---- dump -------------------------------------------------------------------------------- */

struct dump {
    const struct config *cfg;
    const char *user; /* NULL: all */
    uint64_t hash;    /* of it */
    struct items *items;
    struct content *content;
    struct state_table table; /* of a topic */
    struct state_look look;
    uint64_t bad, users;
};

static enum status print_one(struct dump *d, const struct state_row *r,
                             const struct state_key *key) {
    const struct user_words words = {d->items, d->content};
    const char *why = "";
    enum status st =
        state_look(&d->look, key, r->value, r->value_len, d->cfg->n_domains, &words, &why);
    if (st == ST_NOMEM) {
        return st;
    }
    if (st) {
        char place[STATE_PLACE_MAX];
        fprintf(stderr, "crossrec: %s: %s\n", state_place(r, d->cfg->state_topic, place), why);
        d->bad++;
    } else if (d->look.kind == STATE_USER) {
        d->users++;
        state_print_user(stdout, d->cfg, d->items, r->task, d->look.user);
    } else {
        state_print_task(stdout, r->task, &d->look.task, d->look.taken_ms);
    }
    return ferror(stdout) ? ST_IO : ST_OK;
}

/* Of a topic: kept until the newest are known; of a checkpoint: printed. */
static enum status take(void *ctx, const struct state_row *r) {
    struct dump *d = ctx;
    struct state_key key;
    if (state_key_parse(r->key, r->key_len, &key)) {
        char place[STATE_PLACE_MAX];
        fprintf(stderr, "crossrec: %s: a key of no user and no task\n",
                state_place(r, d->cfg->state_topic, place));
        d->bad++;
        return ST_OK;
    }
    if (d->user && (key.kind != STATE_USER || key.user != d->hash)) {
        return ST_OK;
    }
    return r->offset < 0
               ? print_one(d, r, &key)
               : state_table_put(&d->table, r->task, &key, r->offset, r->value, r->value_len);
}

static enum status print_table(struct dump *d) {
    enum status st = ST_OK;
    state_table_sort(&d->table);
    for (size_t k = 0; !st && k < d->table.n; k++) {
        const struct state_entry *e = &d->table.entries[k];
        const struct state_row r = {
            .task = e->task, .offset = e->offset, .value = e->value, .value_len = e->len};
        st = print_one(d, &r, &e->key);
    }
    return st;
}

static enum status dump_all(struct dump *d, const char *dir, int32_t task, char *err) {
    const struct state_sink sink = {.record = take, .ctx = d};
    enum status st = items_new(d->cfg->n_domains, &d->items);
    st = st ? st : content_new(&d->content);
    if (!st) {
        st = dir ? state_source_checkpoint(dir, task, &sink, err)
                 : state_source_topic(d->cfg, task, &sink, err);
    }
    return st ? st : print_table(d);
}

static int dump(const struct cli *cli, int32_t task) {
    char err[CONFIG_ERROR_MAX] = "";
    struct dump *d = calloc(1, sizeof *d); /* large: it has a task */
    if (!d) {
        fprintf(stderr, "crossrec: %s\n", status_str(ST_NOMEM));
        return CLI_FAILED;
    }
    d->cfg = &cli->cfg;
    d->user = cli_flag(cli, "--user");
    d->hash = d->user ? hash_id(d->user, strlen(d->user)) : 0;
    enum status st = dump_all(d, cli_flag(cli, "--checkpoint"), task, err);
    const uint64_t bad = d->bad;
    const bool missing = !st && d->user && d->users == 0 && bad == 0;
    if (st) {
        fprintf(stderr, "crossrec: %s\n", err[0] ? err : status_str(st));
    } else if (missing) {
        fprintf(stderr, "crossrec: there is no user %s\n", d->user);
    } else if (bad > 0) {
        fprintf(stderr,
                "crossrec: %" PRIu64 " record%s could not be read; type crossrec state verify\n",
                bad, bad == 1 ? "" : "s");
    }
    state_look_free(&d->look);
    state_table_free(&d->table);
    items_free(d->items);
    content_free(d->content);
    free(d);
    return st || missing || bad > 0 ? CLI_FAILED : CLI_OK;
}

/* ---- the command ------------------------------------------------------------------------- */

/* CLI_OK if the words go together. */
static int check_words(const struct cli *cli) {
    static const char *const KNOWN[] = {"dump", "verify"};
    const char *action = cli->args[0];
    if (strcmp(action, KNOWN[0]) != 0 && strcmp(action, KNOWN[1]) != 0) {
        const char *nearest = config_nearest(action, KNOWN, 2);
        fprintf(stderr, "crossrec: state has no `%s`; %s%s%s\n", action,
                nearest ? "did you mean `" : "it has dump and verify", nearest ? nearest : "",
                nearest ? "`?" : "");
        return CLI_USAGE;
    }
    const bool verify = strcmp(action, "verify") == 0;
    if (verify && (cli_flag(cli, "--user") || cli_flag(cli, "--json"))) {
        fprintf(stderr, "crossrec: --user and --json go with dump, not with verify\n");
        return CLI_USAGE;
    }
    return CLI_OK;
}

static int state(const struct cli *cli) {
    int64_t task = STATE_TASK_ALL;
    if (check_words(cli) || !cli_number(cli, "--task", 0, INT32_MAX, STATE_TASK_ALL, &task)) {
        return CLI_USAGE;
    }
    log_set_level(cli->cfg.log_level == LOG_LEVEL_DEBUG ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN);
    if (strcmp(cli->args[0], "dump") == 0) {
        return dump(cli, (int32_t)task);
    }
    return state_verify(&cli->cfg, cli_flag(cli, "--checkpoint"), (int32_t)task, stdout)
               ? CLI_FAILED
               : CLI_OK;
}

const struct command command_state = {
    .name = "state",
    .args = "dump | verify",
    .summary = "print the durable state of users and tasks, or say whether it is whole",
    .text =
        "dump    a line of JSON a task, then one a user of it, by task and hash of the user:\n"
        "        what crossrec-state (state.topic) has now. Items are hashes: their names are in\n"
        "        the model log.\n"
        "verify  opens every record; counts records, users and bytes; names what is damaged\n"
        "        with partition and offset; compares each task's positions with the offsets\n"
        "        that the group has committed. Exits 1 if something is wrong.\n"
        "\n"
        "Of the topic, both keep the newest record of each key in memory, about 1 GB a million\n"
        "users. A checkpoint that a running crossrec has open cannot be read. Changes nothing.",
    .flags = flags,
    .n_flags = sizeof flags / sizeof *flags,
    .min_args = 1,
    .max_args = 1,
    .config = true,
    .run = state,
};
