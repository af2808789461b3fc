/* SPDX-License-Identifier: Apache-2.0
 * dead_letters.c -- crossrec dead-letters: what could not be read, and putting it back. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "commands.h"
#include "dead_letters_print.h"
#include "dead_letters_read.h"
#include "dead_letters_redrive.h"
#include "log.h"
#include "progress.h"

/* ---- flags ------------------------------------------------------------------------------- */

static const struct flag flags[] = {
    {"--reason", "CODE[,CODE...]", "letters of these reasons"},
    {"--topic", "NAME", "letters that came from this topic"},
    {"--since", "TIME", "letters written since: 2026-05-01T12:00:00Z, or 15m, 2h, 7d ago"},
    {"--until", "TIME", "letters written before"},
    {"--limit", "N", "N letters at most"},
    {"--dry-run", NULL, "redrive: say which ones, change nothing"},
    {"--again", NULL, "redrive: those too that were redriven before"},
};

static bool read_time(const struct cli *cli, const char *flag, int64_t *out) {
    struct timespec now;
    const char *text = cli_flag(cli, flag);
    clock_gettime(CLOCK_REALTIME, &now);
    if (text && dead_time_parse(text, (int64_t)now.tv_sec * 1000, out)) {
        fprintf(stderr,
                "crossrec: %s %s: must be a time such as 2026-05-01T12:00:00Z or 2026-05-01, or "
                "so long ago: 30s, 15m, 2h, 7d\n",
                flag, text);
        return false;
    }
    return true;
}

/* Letters may be older than the configuration: a topic it does not know is no error. */
static void look_at_topic(const struct config *cfg, const char *topic) {
    const char *names[2 * CONFIG_TOPICS_MAX + 1];
    size_t n = 0;
    for (uint32_t k = 0; k < cfg->n_topics; k++) {
        names[n++] = cfg->topics[k].name;
    }
    for (uint32_t k = 0; k < cfg->n_raws; k++) {
        names[n++] = cfg->raws[k].name;
    }
    names[n++] = cfg->events;
    for (size_t k = 0; k < n; k++) {
        if (strcmp(names[k], topic) == 0) {
            return;
        }
    }
    const char *nearest = config_nearest(topic, names, n);
    fprintf(stderr, "note: topic %s is not configured%s%s%s\n", topic,
            nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
}

static bool read_flags(const struct cli *cli, struct redrive_options *o) {
    char err[CONFIG_ERROR_MAX];
    const char *reasons = cli_flag(cli, "--reason");
    *o = (struct redrive_options){.filter = dead_filter_all(),
                                  .dry_run = cli_flag(cli, "--dry-run") != NULL,
                                  .again = cli_flag(cli, "--again") != NULL};
    if (reasons && dead_filter_reasons(&o->filter, reasons, err, sizeof err)) {
        fprintf(stderr, "crossrec: --reason %s: %s\n", reasons, err);
        return false;
    }
    o->filter.topic = cli_flag(cli, "--topic");
    if (o->filter.topic) {
        look_at_topic(&cli->cfg, o->filter.topic);
    }
    return read_time(cli, "--since", &o->filter.since_ms) &&
           read_time(cli, "--until", &o->filter.until_ms) &&
           cli_number(cli, "--limit", 1, INT64_MAX, INT64_MAX, &o->limit);
}

/* ---- list -------------------------------------------------------------------------------- */

struct list {
    const struct redrive_options *options;
    struct tally tally;
    int64_t shown;
    uint64_t letters;
};

static bool list_one(void *ctx, const struct dead_record *r) {
    struct list *l = ctx;
    if (r->kind != DEAD_LETTER ||
        !dead_filter_takes(&l->options->filter, &r->letter, r->record->timestamp_ms)) {
        return true;
    }
    l->letters++;
    tally_add(&l->tally, r);
    if (l->shown < l->options->limit) {
        l->shown++;
        dead_print_line(stdout, r);
    }
    return true;
}

static void list_end(struct list *l, const struct dead_letters *d) {
    char shown[PROGRESS_NUMBER_MAX];
    char letters[PROGRESS_NUMBER_MAX];
    char all[PROGRESS_NUMBER_MAX];
    printf("%s%s of %s letters shown; topic %s has %s\n", l->shown ? "\n" : "",
           progress_number((uint64_t)l->shown, shown), progress_number(l->letters, letters),
           d->cfg->dead_letters, progress_number(d->letters, all));
    tally_print(&l->tally, stdout);
    if (d->foreign > 0) {
        printf("%10" PRIu64 " records are no letters of crossrec\n", d->foreign);
    }
}

static enum status list(struct dead_letters *d, const struct redrive_options *o, char *err) {
    struct list *l = calloc(1, sizeof *l);
    if (!l) {
        return ST_NOMEM;
    }
    l->options = o;
    enum status st = dead_letters_each(d, list_one, l, err);
    if (!st) {
        list_end(l, d);
    }
    free(l);
    return st;
}

/* ---- show -------------------------------------------------------------------------------- */

struct wanted {
    struct place place;
    bool found;
};

static bool show_one(void *ctx, const struct dead_record *r) {
    struct wanted *w = ctx;
    if (r->place.partition != w->place.partition || r->place.offset != w->place.offset) {
        return true;
    }
    w->found = true;
    dead_print_letter(stdout, r);
    return false;
}

static enum status show(struct dead_letters *d, const char *text, char *err) {
    struct wanted w = {.found = false};
    if (dead_place_parse(text, strlen(text), &w.place)) {
        snprintf(err, CONFIG_ERROR_MAX,
                 "show %s: must be PARTITION:OFFSET, the first word of a line of crossrec "
                 "dead-letters list",
                 text);
        return ST_INVALID;
    }
    enum status st = dead_letters_each(d, show_one, &w, err);
    if (!st && !w.found) {
        snprintf(err, CONFIG_ERROR_MAX,
                 "topic %s has no letter %s; type crossrec dead-letters list", d->cfg->dead_letters,
                 text);
        return ST_NOT_FOUND;
    }
    return st;
}

/* ---- the command ------------------------------------------------------------------------- */

static int read_letters(const struct cli *cli, const struct redrive_options *o) {
    char err[CONFIG_ERROR_MAX] = "";
    const bool one = strcmp(cli->args[0], "show") == 0;
    struct dead_letters d;
    enum status st = dead_letters_open(&d, &cli->cfg, &o->filter, err);
    if (!st) {
        st = one ? show(&d, cli->args[1], err) : list(&d, o, err);
    }
    dead_letters_close(&d);
    if (st) {
        fprintf(stderr, "crossrec: %s\n", err[0] ? err : status_str(st));
        return CLI_FAILED;
    }
    return CLI_OK;
}

/* CLI_OK if the words go together. */
static int check_words(const struct cli *cli) {
    static const char *const ACTIONS_KNOWN[] = {"list", "show", "redrive"};
    const char *action = cli->args[0];
    bool known = false;
    for (size_t k = 0; k < sizeof ACTIONS_KNOWN / sizeof ACTIONS_KNOWN[0]; k++) {
        known = known || strcmp(action, ACTIONS_KNOWN[k]) == 0;
    }
    if (!known) {
        const char *nearest = config_nearest(action, ACTIONS_KNOWN, 3);
        fprintf(stderr, "crossrec: dead-letters has no `%s`; %s%s%s\n", action,
                nearest ? "did you mean `" : "it has list, show and redrive",
                nearest ? nearest : "", nearest ? "`?" : "");
        return CLI_USAGE;
    }
    const bool one = strcmp(action, "show") == 0;
    if (cli->n_args != (one ? 2U : 1U)) {
        fprintf(stderr, "crossrec: dead-letters %s takes %s\n", action,
                one ? "PARTITION:OFFSET" : "no further word, but flags");
        return CLI_USAGE;
    }
    if (strcmp(action, "redrive") != 0 &&
        (cli_flag(cli, "--dry-run") || cli_flag(cli, "--again"))) {
        fprintf(stderr, "crossrec: --dry-run and --again go with redrive, not with %s\n", action);
        return CLI_USAGE;
    }
    return CLI_OK;
}

static int dead_letters(const struct cli *cli) {
    struct redrive_options options;
    const int rc = check_words(cli);
    if (rc || !read_flags(cli, &options)) {
        return CLI_USAGE;
    }
    log_set_level(cli->cfg.log_level == LOG_LEVEL_DEBUG ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN);
    return strcmp(cli->args[0], "redrive") == 0 ? dead_letters_redrive(&cli->cfg, &options)
                                                : read_letters(cli, &options);
}

const struct command command_dead_letters = {
    .name = "dead-letters",
    .args = "list | show PARTITION:OFFSET | redrive",
    .summary = "list, show and put back the records that could not be read",
    .text =
        "list     a line a letter: its PARTITION:OFFSET in the dead-letter topic, when it was\n"
        "         written, topic/partition/offset of the record, reason, whether redriven,\n"
        "         detail; then how many there are by topic and reason\n"
        "show     headers, key and value of one letter, as hex and text\n"
        "redrive  puts letters back into their topics, with the original key, value and time,\n"
        "         and marks them, so that a second redrive leaves them out. A letter that is\n"
        "         still bad becomes a dead letter once more. A crash between putting back and\n"
        "         marking may put up to 256 letters back twice: their event ids make them count\n"
        "         once. A letter whose value was truncated cannot be redriven. Exits 1 if any\n"
        "         letter that was asked for could not be put back.",
    .flags = flags,
    .n_flags = sizeof flags / sizeof *flags,
    .min_args = 1,
    .max_args = 2,
    .config = true,
    .run = dead_letters,
};
