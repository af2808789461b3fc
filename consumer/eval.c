/* SPDX-License-Identifier: Apache-2.0
 * eval.c -- crossrec eval: the live learner and its baselines over event files. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "eval_order.h"
#include "eval_plot.h"
#include "instance.h"
#include "interrupt.h"

struct job {
    const struct config *cfg;
    struct eval_options options;
    char gnuplot[EVAL_PLOT_PATH_MAX];
    FILE *json, *csv, *plot; /* NULL: not asked for */
    struct eval_stream stream;
    struct eval_catalogue catalogue;
    struct eval_score score;
    struct eval_windows windows;
    struct learner *learner;
    struct eval_run run;
};

/* ---- before: what can go wrong does so before the long run ---------------------------------- */

static bool open_output(const char *flag, const char *path, FILE **out) {
    if (!path) {
        return true;
    }
    *out = strcmp(path, "-") == 0 ? stdout : fopen(path, "w");
    if (!*out) {
        fprintf(stderr, "crossrec: %s %s: %s\n", flag, path, strerror(errno));
    }
    return *out != NULL;
}

static bool open_outputs(struct job *j) {
    const struct eval_options *o = &j->options;
    if (o->plot && eval_plot_find(j->gnuplot)) {
        return false;
    }
    return open_output("--json", o->json, &j->json) && open_output("--csv", o->csv, &j->csv) &&
           open_output("--plot", o->plot, &j->plot);
}

/* Permutes, shuffles and joins as asked for. */
static enum status arrange(struct job *j) {
    const struct eval_options *o = &j->options;
    enum status st = ST_OK;
    if (o->permute_seed >= 0) {
        st = eval_order_permute_links(&j->stream, (uint64_t)o->permute_seed);
    }
    if (!st && o->shuffle_seed >= 0) {
        st = eval_order_shuffle(&j->stream, (uint64_t)o->shuffle_seed);
    }
    return !st && o->orders ? eval_order_join(&j->stream) : st;
}

static bool check_repeats(const struct job *j) {
    const struct eval_options *o = &j->options;
    for (uint32_t k = 0; k < o->n_repeats_in; k++) {
        if (eval_stream_domain(&j->stream, o->repeats_in[k]) == j->stream.n_domains) {
            fprintf(stderr,
                    "crossrec: --repeats-in: there is no domain %s; there is:", o->repeats_in[k]);
            for (uint32_t d = 0; d < j->stream.n_domains; d++) {
                fprintf(stderr, "%s %s", d ? "," : "", j->stream.domains[d]);
            }
            fprintf(stderr, "\n");
            return false;
        }
    }
    return true;
}

static bool read_stream(struct job *j) {
    const struct eval_options *o = &j->options;
    const struct eval_stream_spec spec = {.paths = o->files,
                                          .n_paths = o->n_files,
                                          .domains = (const char(*)[TSV_DOMAIN_MAX])o->domains,
                                          .n_domains = o->n_domains,
                                          .from = o->from,
                                          .to = o->to,
                                          .bad_max = (uint64_t)o->bad_lines};
    if (eval_stream_read(&j->stream, &spec) || !check_repeats(j)) {
        return false;
    }
    if (o->permute_seed >= 0 && j->stream.n_domains < 2) {
        fprintf(stderr, "crossrec: --permute-links needs two domains, the stream has %s only\n",
                j->stream.domains[0]);
        return false;
    }
    if (arrange(j)) {
        fprintf(stderr, "crossrec: out of memory\n");
        return false;
    }
    return true;
}

/* The live learner's parameters, for the domains of the stream. */
static enum status make_learner(struct job *j) {
    struct config *cfg = malloc(sizeof *cfg);
    if (!cfg) {
        return ST_NOMEM;
    }
    *cfg = *j->cfg;
    cfg->n_domains = j->stream.n_domains;
    cfg->prequential_sample = 0; /* learner_try() tests */
    for (uint32_t d = 0; d < cfg->n_domains; d++) {
        cfg->domains[d] = (struct config_domain){
            .repeats = eval_options_repeats(&j->options, j->stream.domains[d]), .target = true};
        snprintf(cfg->domains[d].name, sizeof cfg->domains[d].name, "%s", j->stream.domains[d]);
    }
    struct learner_params params = instance_learner_params(cfg);
    params.log = false; /* one learner, alone with its files */
    free(cfg);
    return learner_new(&params, &j->learner);
}

static bool prepare(struct job *j) {
    const struct eval_options *o = &j->options;
    if (!read_stream(j)) {
        return false;
    }
    enum status st = make_learner(j);
    if (st) {
        fprintf(stderr, "crossrec: the learner cannot be made: %s\n", status_str(st));
        return false;
    }
    return !o->catalogue || !eval_catalogue_teach(o->catalogue, o->category, (uint64_t)o->bad_lines,
                                                  &j->stream, j->learner, &j->catalogue);
}

/* ---- after ---------------------------------------------------------------------------------- */

/* False, and said, if not everything could be written. */
static bool finish(FILE *f, const char *flag, const char *path) {
    errno = 0;
    const bool good = fflush(f) == 0 && !ferror(f);
    if (!good) {
        fprintf(stderr, "crossrec: %s %s: %s\n", flag, path,
                errno ? strerror(errno) : "cannot be written");
    }
    return good;
}

static bool report(struct job *j) {
    const struct eval_options *o = &j->options;
    const struct items *items = learner_shared(j->learner)->items;
    struct eval_report r = {.options = o,
                            .stream = &j->stream,
                            .run = &j->run,
                            .catalogue = o->catalogue ? &j->catalogue : NULL};
    for (uint32_t d = 0; d < j->stream.n_domains; d++) {
        r.items[d] = items_n_of(items, (uint8_t)d);
    }
    r.items[EVAL_DOMAINS] = items_n(items);
    const bool taken = j->json == stdout || j->csv == stdout; /* stdout is for a program then */
    eval_report_table(&r, taken ? stderr : stdout);
    bool good = finish(stdout, "standard output", "");
    if (j->json) {
        eval_report_json(&r, j->json);
        good = finish(j->json, "--json", o->json) && good;
    }
    if (j->csv) {
        eval_report_csv(&r, j->csv);
        good = finish(j->csv, "--csv", o->csv) && good;
    }
    if (j->plot && j->windows.n > 0) {
        good = !eval_plot(j->gnuplot, &r, j->plot) && good;
    } else if (j->plot) {
        fprintf(stderr, "crossrec: --plot %s: nothing was tested, there is nothing to draw\n",
                o->plot);
        good = false;
    }
    return good;
}

/* ---- the command ---------------------------------------------------------------------------- */

static bool run(struct job *j) {
    const struct eval_options *o = &j->options;
    j->run = (struct eval_run){
        .params = {.orders = o->orders,
                   .days = o->days,
                   .tasks = (uint32_t)o->tasks,
                   .factors_every = (uint32_t)o->factors_every},
        .stream = &j->stream,
        .learner = j->learner,
        .score = &j->score,
        .windows = &j->windows,
        .stop = interrupt_catch(
            "\ncrossrec: reporting what was measured so far; once more ends at once\n"),
        .progress = true};
    const enum status st = eval_run(&j->run);
    if (st) {
        fprintf(stderr, "crossrec: event %llu cannot be taken: %s\n",
                (unsigned long long)j->run.events + 1, status_str(st));
    }
    return !st;
}

static void close_output(FILE *f) {
    if (f && f != stdout) {
        (void)fclose(f); /* finish() has looked */
    }
}

static int eval(const struct cli *cli) {
    struct job *j = calloc(1, sizeof *j);
    if (!j) {
        fprintf(stderr, "crossrec: out of memory\n");
        return CLI_FAILED;
    }
    j->cfg = &cli->cfg;
    int rc = eval_options_read(cli, &j->options) ? CLI_OK : CLI_USAGE;
    if (!rc) {
        const bool good = open_outputs(j) && prepare(j) && run(j) && report(j);
        rc = good && !j->run.stopped ? CLI_OK : CLI_FAILED;
    }
    close_output(j->json);
    close_output(j->csv);
    close_output(j->plot);
    learner_free(j->learner);
    eval_windows_free(&j->windows);
    eval_score_free(&j->score);
    eval_stream_free(&j->stream);
    free(j);
    return rc;
}

const struct command command_eval = {
    .name = "eval",
    .args = "FILE.tsv...",
    .summary = "what the recommendations are worth on your events, beside simple baselines",
    .text =
        "Runs the live learner over event files, in the order of the files: every line is\n"
        "first tested (at which place would its item have been recommended to this user?),\n"
        "then learned. Lines are `ts domain user item [action quantity amount discount]`,\n"
        "separated by tabs; ts in seconds or milliseconds since 1970; several files are merged\n"
        "by time; - is standard input. A line without action is a purchase. Needs no Kafka and\n"
        "no Redis. What was taken is not recommended again, unless --repeats.\n"
        "\n"
        "The table has, per domain:\n"
        "  recall@10  share of the tested lines whose item was among the first ten, with its\n"
        "             sampling error; recall@20, nDCG@10 and MRR likewise (items never seen\n"
        "             before are misses)\n"
        "  coverage   share of the domain's items that anyone's top ten had\n"
        "  models     ranker: what is served; full and twin: with and without the personal\n"
        "             inputs, whatever the gate says; then the baselines: the linear blend,\n"
        "             bought together, factors alone, popularity of 1 d, 7 d and of all time\n"
        "  chi2       McNemar's, of the ranker against the best baseline; above 10.83 the\n"
        "             difference is no chance (p < .001)\n"
        "\n"
        "To see whether a gain is an artefact of the order of the file: --orders,\n"
        "--shuffle-orders, --day-batches. Whether one domain helps another: the row `cold\n"
        "target`, and the same with --permute-links. Ctrl-C ends early with a report.\n"
        "\n"
        "  crossrec eval events.tsv\n"
        "  crossrec eval --repeats --orders --catalogue items.tsv --json out.json events.tsv\n"
        "  crossrec eval --from 2017-06-01 --csv - events.tsv >recall.csv\n"
        "\n"
        "Exits 0 if all is well, 1 if it was interrupted or files cannot be read or written,\n"
        "2 if the command is not understood.",
    .flags = eval_flags,
    .n_flags = EVAL_FLAGS,
    .min_args = 1,
    .max_args = CLI_ARGS_MAX,
    .config = true,
    .run = eval,
};
