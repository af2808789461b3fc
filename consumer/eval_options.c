/* SPDX-License-Identifier: Apache-2.0
 * eval_options.c -- see eval_options.h. */
#include "eval_options.h"

#include <stdio.h>
#include <string.h>

#include "learner.h"

enum { FACTORS_EVERY = 16, BAD_LINES = 1000 };

const struct flag eval_flags[EVAL_FLAGS] = {
    {"--repeats", NULL, "items may be recommended again in every domain"},
    {"--repeats-in", "A,B", "... in these domains only"},
    {"--domains", "A,B", "only the lines of these domains"},
    {"--catalogue", "FILE.tsv", "items: #domain item name category ..., taught first"},
    {"--category", "COLUMN", "of the catalogue that holds the category (category)"},
    {"--from", "WHERE",
     "what is before teaches, but is not scored: a number of lines,\n"
     "                             a date 2017-06-01 (UTC), or a ts as in the files"},
    {"--to", "WHERE", "stop reading there"},
    {"--orders", NULL, "lines of equal user and ts are one event"},
    {"--shuffle-orders", "SEED", "lines of equal user and ts in a random order"},
    {"--day-batches", NULL, "all events of a day (UTC) are tested before any is learned"},
    {"--permute-links", "SEED",
     "users of all domains but the first are renamed at random:\n"
     "                             what transfer is left is an artefact"},
    {"--tasks", "P", "users hashed to P tasks, each with its ranker (1)"},
    {"--factors-every", "N", "factors alone rank 1 event in N: a scan of all items; 0: none (16)"},
    {"--json", "FILE", "everything, as JSON; - is standard output"},
    {"--csv", "FILE", "recall@10 over time: windows of 5,000 tested lines, every 1,000"},
    {"--plot", "FILE.svg", "the same as a picture (needs gnuplot)"},
    {"--bad-lines", "N", "stop after so many bad lines (1000)"},
};

/* "a,b" into names. */
static bool read_names(const char *flag, const char *text, char (*names)[TSV_DOMAIN_MAX],
                       uint32_t *n) {
    *n = 0;
    while (text) {
        const size_t len = strcspn(text, ",");
        if (len < 1 || len >= TSV_DOMAIN_MAX || *n == DOMAINS_MAX) {
            fprintf(stderr, "crossrec: %s: must be 1 to %d names of domains, separated by commas\n",
                    flag, DOMAINS_MAX);
            return false;
        }
        memcpy(names[*n], text, len);
        names[*n][len] = '\0';
        for (uint32_t k = 0; k < *n; k++) {
            if (strcmp(names[k], names[*n]) == 0) {
                fprintf(stderr, "crossrec: %s names %s twice\n", flag, names[k]);
                return false;
            }
        }
        ++*n;
        text = text[len] ? text + len + 1 : NULL;
    }
    return true;
}

static bool read_mark(const char *flag, const char *text, struct eval_mark *out) {
    *out = (struct eval_mark){.kind = EVAL_MARK_NONE};
    if (text && eval_mark_parse(text, out)) {
        fprintf(stderr,
                "crossrec: %s %s: must be a number of lines below 10^8, a date like 2017-06-01 or "
                "2017-06-01T12:00, or a ts in seconds or milliseconds since 1970\n",
                flag, text);
        return false;
    }
    return true;
}

static bool numbers(const struct cli *cli, struct eval_options *o) {
    return cli_number(cli, "--shuffle-orders", 0, INT64_MAX, -1, &o->shuffle_seed) &&
           cli_number(cli, "--permute-links", 0, INT64_MAX, -1, &o->permute_seed) &&
           cli_number(cli, "--tasks", 1, LEARNER_TASKS_MAX, 1, &o->tasks) &&
           cli_number(cli, "--factors-every", 0, 1000000, FACTORS_EVERY, &o->factors_every) &&
           cli_number(cli, "--bad-lines", 0, INT64_MAX, BAD_LINES, &o->bad_lines);
}

static bool lists(const struct cli *cli, struct eval_options *o) {
    const char *domains = cli_flag(cli, "--domains");
    const char *repeats = cli_flag(cli, "--repeats-in");
    return read_names("--domains", domains, o->domains, &o->n_domains) &&
           read_names("--repeats-in", repeats, o->repeats_in, &o->n_repeats_in) &&
           read_mark("--from", o->from_text, &o->from) && read_mark("--to", o->to_text, &o->to);
}

static bool is_stdout(const char *path) {
    return path && strcmp(path, "-") == 0;
}

static bool are_sensible(const struct eval_options *o, bool category) {
    if (category && !o->catalogue) {
        fprintf(stderr, "crossrec: --category names a column of --catalogue FILE.tsv\n");
        return false;
    }
    if (o->repeats && o->n_repeats_in) {
        fprintf(stderr, "crossrec: --repeats is for every domain, --repeats-in for some: give "
                        "one of them\n");
        return false;
    }
    if (is_stdout(o->json) && is_stdout(o->csv)) {
        fprintf(stderr,
                "crossrec: --json - and --csv -: only one of them can be standard output\n");
        return false;
    }
    for (size_t k = 0, n = 0; k < o->n_files; k++) {
        n += is_stdout(o->files[k]);
        if (n > 1) {
            fprintf(stderr, "crossrec: - is given twice: standard input cannot be read twice\n");
            return false;
        }
    }
    return true;
}

bool eval_options_read(const struct cli *cli, struct eval_options *out) {
    const char *category = cli_flag(cli, "--category");
    struct eval_options o = {.files = cli->args,
                             .n_files = cli->n_args,
                             .json = cli_flag(cli, "--json"),
                             .csv = cli_flag(cli, "--csv"),
                             .plot = cli_flag(cli, "--plot"),
                             .catalogue = cli_flag(cli, "--catalogue"),
                             .category = category ? category : "category",
                             .repeats = cli_flag(cli, "--repeats") != NULL,
                             .from_text = cli_flag(cli, "--from"),
                             .to_text = cli_flag(cli, "--to"),
                             .orders = cli_flag(cli, "--orders") != NULL,
                             .days = cli_flag(cli, "--day-batches") != NULL};
    if (!numbers(cli, &o) || !lists(cli, &o) || !are_sensible(&o, category != NULL)) {
        return false;
    }
    *out = o;
    return true;
}

bool eval_options_repeats(const struct eval_options *o, const char *domain) {
    bool repeats = o->repeats;
    for (uint32_t k = 0; k < o->n_repeats_in; k++) {
        repeats = repeats || strcmp(o->repeats_in[k], domain) == 0;
    }
    return repeats;
}
