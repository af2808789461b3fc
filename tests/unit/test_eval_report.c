/* SPDX-License-Identifier: Apache-2.0
 *
 * test_eval_report.c -- the contracts of eval_report.h, eval_plot.h and eval_options.h: what is
 * written of counts by hand, read back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "eval_plot.h"
#include "eval_report.h"
#include "json.h"
#include "scratch.h"

enum { ROOM = 1 << 19 };

static const char *const FILES[] = {"a \"b\".tsv", "bad\xff.tsv"};
static struct eval_options options = {.files = FILES,
                                      .n_files = 2,
                                      .category = "category",
                                      .repeats_in = {"food"},
                                      .n_repeats_in = 1,
                                      .from_text = "100",
                                      .shuffle_seed = 7,
                                      .permute_seed = -1,
                                      .tasks = 1,
                                      .factors_every = 16};
static struct eval_stream stream = {.n = 1000,
                                    .domains = {"course", "food, `\"x"},
                                    .n_domains = 2,
                                    .users = {.n = 30},
                                    .items = {.n = 40},
                                    .bad = 3};
static struct eval_score score = {.events = 1234, .lines = 1234567, .untested = 4};
static struct eval_window points[] = {
    {.line = 5000, .ts_ms = INT64_C(1500000000250), .domain = EVAL_DOMAINS},
    {.line = 5001, .ts_ms = INT64_C(1500000001000), .domain = 1},
};
static struct eval_windows windows = {.windows = points, .n = 2};
static struct eval_run run_of_it = {.score = &score,
                                    .windows = &windows,
                                    .events = 500,
                                    .lines = 1000,
                                    .learn_ns = 5000000,
                                    .rank_ns = 90000,
                                    .n_rank = 3};
static struct eval_report report = {
    .options = &options, .stream = &stream, .run = &run_of_it, .items = {20, 10}};
static char text[ROOM];

static int make_counts(void **state) {
    (void)state;
    for (uint32_t d = 0; d < 2; d++) {
        for (unsigned slice = 0; slice < 3; slice++) {
            for (unsigned m = 0; m < TRIAL_MODELS; m++) {
                if (m == TRIAL_SHOWN || m == TRIAL_FACTORS || (d == 1 && slice == 2)) {
                    continue; /* it did not run; a slice without lines */
                }
                struct eval_count *c = &score.counts[d][slice][m];
                *c = (struct eval_count){.n = 1000 / (slice + 1),
                                         .hits = 400 / (slice + 1) - m + (m > TRIAL_SHOWN),
                                         .hits_20 = 500 / (slice + 1),
                                         .ndcg = 250.0,
                                         .mrr = 125.0,
                                         .only_ranker = 30,
                                         .only_model = 10};
                score.counts[EVAL_DOMAINS][slice][m] = *c;
            }
        }
        score.counts[d][EVAL_FIRSTS][TRIAL_RANKER] = score.counts[d][EVAL_ALL][TRIAL_RANKER];
        score.covered[d][TRIAL_RANKER] = 5;
    }
    points[0].hits.n[TRIAL_RANKER] = 5000;
    points[0].hits.hits[TRIAL_RANKER] = 1250;
    points[1].hits.n[TRIAL_RANKER] = points[1].hits.n[TRIAL_TWIN] = 3;
    points[1].hits.hits[TRIAL_TWIN] = 1;
    report.items[EVAL_DOMAINS] = 30;
    return 0;
}

static const char *written(void (*write_it)(const struct eval_report *r, FILE *out)) {
    FILE *f = tmpfile();
    assert_non_null(f);
    write_it(&report, f);
    rewind(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    (void)fclose(f);
    return text;
}

/* ---- JSON ---------------------------------------------------------------------------------- */

/* Walks along keys; fails where there is none. */
static const struct json *at(const struct json *v, const char *const *keys) {
    for (; *keys; keys++) {
        v = json_get(v, *keys);
        if (!v) {
            fail_msg("no %s", *keys);
        }
    }
    return v;
}

#define AT(root, ...) at(root, (const char *const[]){__VA_ARGS__, NULL})

static void assert_number(const struct json *v, double expected) {
    double x = (double)NAN;
    assert_true(json_number(v, &x));
    if (!(fabs(x - expected) < 1e-6)) {
        fail_msg("%f, expected %f", x, expected);
    }
}

static void json_has_every_figure_under_its_full_name(void **state) {
    (void)state;
    char err[256];
    struct json *root = NULL;
    const char *json = written(eval_report_json);
    if (json_parse(json, strlen(json), &root, err, sizeof err)) {
        fail_msg("%s in %s", err, json);
    }
    const struct json *ranker = AT(root, "domains", "food, `\"x", "models", "ranker");
    assert_number(AT(ranker, "n"), 1000);
    assert_number(AT(ranker, "recall@10"), 0.4);
    assert_number(AT(ranker, "error"), sqrt(0.4 * 0.6 / 1000));
    assert_number(AT(ranker, "recall@20"), 0.5);
    assert_number(AT(ranker, "ndcg@10"), 0.25);
    assert_number(AT(ranker, "mrr"), 0.125);
    assert_number(AT(ranker, "coverage"), 0.5);
    assert_number(AT(root, "all", "models", "ranker", "coverage"), 1.0 / 3.0);
    assert_number(AT(root, "all", "models", "popular-7d", "chi2"), 361.0 / 40.0);
    assert_number(AT(root, "all", "models", "popular-7d", "only_ranker"), 30);
    assert_number(AT(root, "all", "models", "popular-7d", "only_this"), 10);
    assert_null(json_get(AT(root, "all", "models"), "factors"));
    assert_string_equal(json_text(AT(root, "all", "best_baseline"), NULL), "linear");
    assert_number(AT(root, "all", "slices", "cold target", "share"), 0.5);
    assert_number(AT(root, "all", "slices", "cold target", "models", "twin", "recall@10"), 0.396);
    assert_int_equal(json_n(AT(root, "domains", "food, `\"x", "slices", "repeat orders", "models")),
                     0);
    assert_number(AT(root, "stream", "bad_lines"), 3);
    assert_number(AT(root, "stream", "lines_tested"), 1234567);
    assert_number(AT(root, "microseconds", "learn_event"), 10.0);
    assert_number(AT(root, "microseconds", "rank_list"), 30.0);
    assert_number(AT(root, "settings", "shuffle_orders"), 7);
    assert_int_equal(json_kind(AT(root, "settings", "permute_links")), JSON_NULL_VALUE);
    assert_string_equal(json_text(AT(root, "settings", "from"), NULL), "100");
    assert_string_equal(json_text(json_at(AT(root, "settings", "files"), 0), NULL), FILES[0]);
    assert_string_equal(json_text(json_at(AT(root, "settings", "files"), 1), NULL), "bad?.tsv");
    json_free(root);
}

static void json_of_nothing_is_json_too(void **state) {
    (void)state;
    char err[256];
    struct json *root = NULL;
    static struct eval_score none;
    run_of_it.score = &none;
    const char *json = written(eval_report_json);
    run_of_it.score = &score;
    if (json_parse(json, strlen(json), &root, err, sizeof err)) {
        fail_msg("%s in %s", err, json);
    }
    assert_int_equal(json_kind(AT(root, "all", "best_baseline")), JSON_NULL_VALUE);
    assert_int_equal(json_kind(AT(root, "all", "slices", "warm", "share")), JSON_NULL_VALUE);
    json_free(root);
}

/* ---- CSV ----------------------------------------------------------------------------------- */

static void csv_has_a_row_a_window_and_model_that_ran(void **state) {
    (void)state;
    assert_string_equal(written(eval_report_csv),
                        "line,ts,domain,model,n,recall@10\n"
                        "5000,2017-07-14T02:40:00.250Z,*,ranker,5000,0.250000\n"
                        "5001,2017-07-14T02:40:01.000Z,\"food, `\"\"x\",ranker,3,0.000000\n"
                        "5001,2017-07-14T02:40:01.000Z,\"food, `\"\"x\",twin,3,0.333333\n");
}

/* ---- the table ------------------------------------------------------------------------------ */

static void assert_has(const char *part) {
    if (!strstr(text, part)) {
        fail_msg("`%s` is not in\n%s", part, text);
    }
}

static void the_table_has_models_slices_and_what_limits_them(void **state) {
    (void)state;
    (void)written(eval_report_table);
    assert_has("1,000 lines, 500 events, 30 users, 40 items, 3 bad lines\n");
    assert_has("1,234,567 lines tested, 4 not:");
    assert_has("scored from 100");
    assert_has("shuffled, seed 7");
    assert_has("\nall domains ");
    assert_has("\ncourse ");
    assert_has("\nfood, `\"x ");
    assert_has(
        "  ranker                 1,000  0.4000 +-0.0155    0.5000  0.2500 0.1250   0.3333\n");
    assert_has("ranker 30, linear (the best baseline) 10; chi2 9.0, p < .05\n");
    assert_has(
        "  cold target              500 0.5000  0.4000 +-0.0219 0.3960     0.3940      9.0\n");
    assert_has("10.0 us to learn an event, 30.0 us to rank a list of ten (mean of 3 lists)\n");
    assert_null(strstr(text, "factors"));
    assert_null(strstr(text, "repeat orders"));
    assert_null(strstr(text, "new pairs")); /* all of them are: the row would say nothing */
    assert_null(strstr(text, "INTERRUPTED"));
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
        assert_true(strcspn(line, "\n") <= 100);
    }
}

static void the_table_says_what_went_wrong_and_what_to_type(void **state) {
    (void)state;
    const struct eval_run before = run_of_it;
    run_of_it.stopped = true;
    run_of_it.too_late = 12;
    run_of_it.flooded = 13;
    stream.left_out = 14;
    (void)written(eval_report_table);
    run_of_it = before;
    stream.left_out = 0;
    assert_has("INTERRUPTED after 1,000 of 1,000 lines: this is what was measured so far\n");
    assert_has("12 events were too late to teach");
    assert_has("--set learn.late.max=30d");
    assert_has("13 events were over learn.user.rate and taught nothing");
    assert_has("--set learn.user.rate=0");
    assert_has("14 lines of other domains were left out\n");
}

static void a_stream_of_one_domain_has_no_table_of_all(void **state) {
    (void)state;
    uint32_t domains[DOMAINS_MAX + 1];
    assert_int_equal(eval_report_domains(&report, domains), 3);
    assert_int_equal(domains[0], EVAL_DOMAINS);
    stream.n_domains = 1;
    assert_int_equal(eval_report_domains(&report, domains), 1);
    (void)written(eval_report_table);
    stream.n_domains = 2;
    assert_int_equal(domains[0], 0);
    assert_null(strstr(text, "all domains "));
}

/* ---- the picture ---------------------------------------------------------------------------- */

static void the_script_has_no_text_of_the_stream_that_gnuplot_would_run(void **state) {
    (void)state;
    (void)written(eval_plot_script);
    assert_null(strchr(text, '`'));
    assert_has("set title 'food_ __x'");
    assert_has("1500000000 0.250000\n");
    assert_has("1500000001 0.333333\n");
    assert_null(strstr(text, "course")); /* it has no window: an empty plot is an error */
}

static void gnuplot_draws_the_script(void **state) {
    (void)state;
    char path[EVAL_PLOT_PATH_MAX];
    scratch_capture(2);
    const enum status st = eval_plot_find(path);
    (void)scratch_captured();
    if (st) {
        skip(); /* gnuplot is not installed */
    }
    FILE *f = tmpfile();
    assert_non_null(f);
    assert_int_equal(eval_plot(path, &report, f), ST_OK);
    rewind(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    (void)fclose(f);
    assert_has("<svg");
    assert_has("</svg>");
    assert_has("food_ __x");
    assert_has("ranker");
}

static void without_gnuplot_it_says_what_to_type(void **state) {
    (void)state;
    char path[EVAL_PLOT_PATH_MAX];
    const char *old = getenv("PATH");
    char *kept = strdup(old ? old : "");
    assert_non_null(kept);
    setenv("PATH", "/nowhere::/nor/here", 1);
    scratch_capture(2);
    const enum status st = eval_plot_find(path);
    const char *said = scratch_captured();
    setenv("PATH", kept, 1);
    free(kept);
    assert_int_equal(st, ST_NOT_FOUND);
    assert_non_null(strstr(said, "apt-get install gnuplot-nox"));
}

static void a_gnuplot_that_fails_is_an_error(void **state) {
    (void)state;
    FILE *f = tmpfile();
    assert_non_null(f);
    scratch_capture(2);
    const enum status failed = eval_plot("/bin/false", &report, f);
    const enum status missing = eval_plot("/nowhere/gnuplot", &report, f);
    const char *said = scratch_captured();
    (void)fclose(f);
    assert_int_equal(failed, ST_IO);
    assert_int_equal(missing, ST_IO);
    assert_non_null(strstr(said, "/nowhere/gnuplot"));
}

/* ---- flags ----------------------------------------------------------------------------------- */

static int seen;
static struct eval_options read_options;

static int look(const struct cli *cli) {
    seen = eval_options_read(cli, &read_options) ? 1 : -1;
    return seen == 1 ? CLI_OK : CLI_USAGE;
}

/* What the flags come to, through the real parser; NULL if they are taken, else what is said. */
static const char *refusal(const char *a, const char *b, const char *c, const char *d) {
    char *argv[] = {(char[]){"crossrec"}, (char[]){"eval"}, NULL, NULL, NULL, NULL, NULL};
    const char *const words[] = {a, b, c, d};
    int argc = 2;
    for (size_t k = 0; k < 4 && words[k]; k++) {
        argv[argc] = strdup(words[k]);
        assert_non_null(argv[argc++]);
    }
    struct command command = command_eval;
    command.run = look;
    seen = 0;
    char *none[] = {NULL};
    scratch_capture(2);
    const int rc = cli_main(&command, 1, argc, argv, none);
    const char *said = scratch_captured();
    for (int k = 2; k < argc; k++) {
        free(argv[k]);
    }
    assert_int_equal(rc, seen == 1 ? CLI_OK : CLI_USAGE);
    return seen == 1 ? NULL : said;
}

static void flags_are_read_and_have_defaults(void **state) {
    (void)state;
    assert_null(refusal("f.tsv", NULL, NULL, NULL));
    assert_int_equal(read_options.tasks, 1);
    assert_int_equal(read_options.factors_every, 16);
    assert_int_equal(read_options.bad_lines, 1000);
    assert_int_equal(read_options.shuffle_seed, -1);
    assert_int_equal(read_options.permute_seed, -1);
    assert_false(read_options.orders || read_options.days || read_options.repeats);
    assert_false(eval_options_repeats(&read_options, "food"));
    assert_null(refusal("--repeats-in=food,drinks", "--domains", "drinks,food", "f.tsv"));
    assert_true(eval_options_repeats(&read_options, "drinks"));
    assert_false(eval_options_repeats(&read_options, "foo"));
    assert_int_equal(read_options.n_domains, 2);
    assert_string_equal(read_options.domains[0], "drinks");
    assert_null(refusal("--repeats", "--shuffle-orders=0", "--from=2017-01-01", "f.tsv"));
    assert_true(eval_options_repeats(&read_options, "anything"));
    assert_int_equal(read_options.shuffle_seed, 0);
    assert_int_equal(read_options.from.kind, EVAL_MARK_TIME);
}

static void flags_that_make_no_sense_are_refused_with_what_is_allowed(void **state) {
    (void)state;
    static const struct {
        const char *a, *b, *said;
    } cases[] = {
        {"--tasks=0", NULL, "from 1 to 1024"},
        {"--from=later", NULL, "a date like 2017-06-01"},
        {"--to=-3", NULL, "--to -3"},
        {"--domains=a,,b", NULL, "names of domains, separated by commas"},
        {"--domains=a,b,a", NULL, "names a twice"},
        {"--category=x", NULL, "--catalogue FILE.tsv"},
        {"--repeats", "--repeats-in=a", "give one of them"},
        {"--json=-", "--csv=-", "only one of them"},
        {"-", "-", "standard input cannot be read twice"},
        {"--shuffle-orders=-1", NULL, "from 0 to"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const char *b = cases[k].b ? cases[k].b : "f.tsv";
        const char *said = refusal(cases[k].a, b, cases[k].b ? "f.tsv" : NULL, NULL);
        if (!said || !strstr(said, cases[k].said)) {
            fail_msg("%s %s: %s", cases[k].a, b, said ? said : "taken");
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_has_every_figure_under_its_full_name),
        cmocka_unit_test(json_of_nothing_is_json_too),
        cmocka_unit_test(csv_has_a_row_a_window_and_model_that_ran),
        cmocka_unit_test(the_table_has_models_slices_and_what_limits_them),
        cmocka_unit_test(the_table_says_what_went_wrong_and_what_to_type),
        cmocka_unit_test(a_stream_of_one_domain_has_no_table_of_all),
        cmocka_unit_test(the_script_has_no_text_of_the_stream_that_gnuplot_would_run),
        cmocka_unit_test(gnuplot_draws_the_script),
        cmocka_unit_test(without_gnuplot_it_says_what_to_type),
        cmocka_unit_test(a_gnuplot_that_fails_is_an_error),
        cmocka_unit_test(flags_are_read_and_have_defaults),
        cmocka_unit_test(flags_that_make_no_sense_are_refused_with_what_is_allowed),
    };
    return cmocka_run_group_tests(tests, make_counts, NULL);
}
