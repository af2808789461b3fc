/* SPDX-License-Identifier: Apache-2.0
 * eval_report.c -- the table of eval_report.h; eval_json.c and eval_csv.c have the others. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "eval_report.h"
#include "progress.h"

static const double CHI_1_PERMILLE = 10.83; /* one degree of freedom: p < .001, .05 */
static const double CHI_5_PERCENT = 3.84;

uint32_t eval_report_domains(const struct eval_report *r, uint32_t domains[DOMAINS_MAX + 1]) {
    uint32_t n = 0;
    if (r->stream->n_domains > 1) {
        domains[n++] = EVAL_DOMAINS;
    }
    for (uint32_t d = 0; d < r->stream->n_domains; d++) {
        domains[n++] = d;
    }
    return n;
}

const char *eval_report_domain(const struct eval_report *r, uint32_t domain) {
    return domain < r->stream->n_domains ? r->stream->domains[domain] : "*";
}

/* ---- cells ------------------------------------------------------------------------------- */

static void print_ratio(FILE *out, int width, double x) {
    if (isnan(x)) {
        fprintf(out, "%*s", width, "-");
    } else {
        fprintf(out, "%*.4f", width, x);
    }
}

static void print_number(FILE *out, int width, uint64_t n) {
    char text[PROGRESS_NUMBER_MAX];
    fprintf(out, "%*s", width, progress_number(n, text));
}

/* Recall with its sampling error. */
static void print_recall(FILE *out, const struct eval_count *c) {
    print_ratio(out, 8, eval_recall(c));
    fprintf(out, " +-");
    print_ratio(out, 5, eval_error(c));
}

/* For people, who read a terminal: no bytes that a terminal acts on. */
static const char *title(const struct eval_report *r, uint32_t domain, char text[TSV_DOMAIN_MAX]) {
    snprintf(text, TSV_DOMAIN_MAX, "%.18s",
             domain == EVAL_DOMAINS ? "all domains" : eval_report_domain(r, domain));
    for (char *p = text; *p; p++) {
        *p = (unsigned char)*p < ' ' || *p == 0x7f ? '?' : *p;
    }
    return text;
}

/* ---- head -------------------------------------------------------------------------------- */

static void print_pair(FILE *out, uint64_t n, const char *what, const char *after) {
    char text[PROGRESS_NUMBER_MAX];
    fprintf(out, "%s %s%s", progress_number(n, text), what, after);
}

static void print_disturbances(const struct eval_report *r, FILE *out) {
    const struct eval_options *o = r->options;
    if (o->from_text || o->to_text) {
        fprintf(out, "only a part:%s%s%s%s\n", o->from_text ? " scored from " : "",
                o->from_text ? o->from_text : "", o->to_text ? " read to " : "",
                o->to_text ? o->to_text : "");
    }
    if (o->shuffle_seed >= 0) {
        fprintf(out, "lines of equal user and ts shuffled, seed %" PRId64 "\n", o->shuffle_seed);
    }
    if (o->permute_seed >= 0) {
        fprintf(out, "users of all domains but %s renamed at random, seed %" PRId64 "\n",
                r->stream->domains[0], o->permute_seed);
    }
    if (o->days) {
        fprintf(out, "every day was tested whole before it was learned\n");
    }
}

/* What makes the figures something else than the stream's. */
static void print_notes(const struct eval_report *r, FILE *out) {
    const struct eval_run *run = r->run;
    if (run->stopped) {
        fprintf(out, "INTERRUPTED after ");
        print_pair(out, run->lines, "of ", "");
        print_pair(out, r->stream->n, "lines", ": this is what was measured so far\n");
    }
    print_disturbances(r, out);
    if (r->stream->left_out) {
        print_pair(out, r->stream->left_out, "lines of other domains", " were left out\n");
    }
    if (run->too_late) {
        print_pair(out, run->too_late, "events",
                   " were too late to teach: the files are not in order of time;\n"
                   "  type sort -n -s -k 1,1, or --set learn.late.max=30d\n");
    }
    if (run->flooded) {
        print_pair(out, run->flooded, "events",
                   " were over learn.user.rate and taught nothing; "
                   "type --orders, or --set learn.user.rate=0\n");
    }
}

static void print_head(const struct eval_report *r, FILE *out) {
    const struct eval_run *run = r->run;
    const struct eval_score *score = run->score;
    print_pair(out, run->lines, "lines", ", ");
    print_pair(out, run->events, "events", ", ");
    print_pair(out, r->stream->users.n, "users", ", ");
    print_pair(out, r->stream->items.n, "items", ", ");
    print_pair(out, r->stream->bad, "bad lines", "\n");
    if (r->catalogue) {
        print_pair(out, r->catalogue->rows, "rows of the catalogue", ", ");
        print_pair(out, r->catalogue->left_out, "of other domains", ", ");
        print_pair(out, r->catalogue->bad, "bad", "\n");
    }
    print_pair(out, score->lines, "lines tested", ", ");
    print_pair(out, score->untested, "not", ": users without a history, or taken before\n");
    print_notes(r, out);
}

/* ---- models ------------------------------------------------------------------------------- */

static void print_models(const struct eval_report *r, uint32_t domain, FILE *out) {
    char text[TSV_DOMAIN_MAX];
    const struct eval_score *s = r->run->score;
    fprintf(out, "\n%-20s%10s%16s%10s%8s%7s%9s\n", title(r, domain, text), "n", "recall@10",
            "recall@20", "nDCG@10", "MRR", "coverage");
    for (unsigned m = 0; m < TRIAL_MODELS; m++) {
        const struct eval_count *c = &s->counts[domain][EVAL_ALL][m];
        if (c->n == 0) {
            continue;
        }
        const uint64_t covered = eval_score_covered(s, domain, (enum trial_model)m);
        fprintf(out, "  %-18s", trial_model_str((enum trial_model)m));
        print_number(out, 10, c->n);
        print_recall(out, c);
        print_ratio(out, 10, eval_recall_20(c));
        print_ratio(out, 8, eval_ndcg(c));
        print_ratio(out, 7, eval_mrr(c));
        print_ratio(out, 9,
                    r->items[domain] ? (double)covered / (double)r->items[domain] : (double)NAN);
        fprintf(out, "\n");
    }
}

static const char *verdict(double chi2) {
    return chi2 > CHI_1_PERMILLE ? "p < .001" : chi2 > CHI_5_PERCENT ? "p < .05" : "may be chance";
}

static void print_mcnemar(const struct eval_report *r, uint32_t domain, FILE *out) {
    const enum trial_model best = eval_score_best(r->run->score, domain);
    const struct eval_count *c = &r->run->score->counts[domain][EVAL_ALL][best];
    const double chi2 = eval_mcnemar(c);
    char ranker[PROGRESS_NUMBER_MAX];
    char other[PROGRESS_NUMBER_MAX];
    fprintf(out, "  hits of one only: ranker %s, %s (the best baseline) %s; chi2 %.1f, %s\n",
            progress_number(c->only_ranker, ranker), trial_model_str(best),
            progress_number(c->only_model, other), chi2, verdict(chi2));
}

/* ---- slices ------------------------------------------------------------------------------- */

static void print_slice(const struct eval_report *r, uint32_t domain, enum eval_slice slice,
                        enum trial_model best, FILE *out) {
    const struct eval_score *s = r->run->score;
    const struct eval_count *of = s->counts[domain][slice];
    const uint64_t all = s->counts[domain][EVAL_ALL][TRIAL_RANKER].n;
    const uint64_t n = of[TRIAL_RANKER].n;
    if (n == 0 || (slice == EVAL_FIRSTS && n == all)) {
        return;
    }
    fprintf(out, "  %-18s", eval_slice_str(slice));
    print_number(out, 10, n);
    print_ratio(out, 7, (double)n / (double)all);
    print_recall(out, &of[TRIAL_RANKER]);
    print_ratio(out, 7, eval_recall(&of[TRIAL_TWIN]));
    print_ratio(out, 11, eval_recall(&of[best]));
    fprintf(out, "%9.1f\n", eval_mcnemar(&of[best]));
}

static void print_slices(const struct eval_report *r, uint32_t domain, FILE *out) {
    const enum trial_model best = eval_score_best(r->run->score, domain);
    fprintf(out, "  %-18s%10s%7s%16s%7s%11s%9s\n", "recall@10 of", "n", "share", "ranker", "twin",
            trial_model_str(best), "chi2");
    for (unsigned slice = EVAL_ALL + 1; slice < EVAL_SLICES; slice++) {
        print_slice(r, domain, (enum eval_slice)slice, best, out);
    }
}

/* ---- the table ---------------------------------------------------------------------------- */

static double mean_us(uint64_t ns, uint64_t n) {
    return n > 0 ? (double)ns / (double)n / 1000.0 : 0.0;
}

void eval_report_table(const struct eval_report *r, FILE *out) {
    uint32_t domains[DOMAINS_MAX + 1];
    const uint32_t n = eval_report_domains(r, domains);
    const struct eval_run *run = r->run;
    print_head(r, out);
    for (uint32_t k = 0; k < n; k++) {
        if (run->score->counts[domains[k]][EVAL_ALL][TRIAL_RANKER].n > 0) {
            print_models(r, domains[k], out);
            print_mcnemar(r, domains[k], out);
            print_slices(r, domains[k], out);
        }
    }
    if (run->score->lines == 0) {
        fprintf(out, "\nnothing was tested: no line that counts is of a user with a history\n");
    }
    fprintf(out, "\n%.1f us to learn an event, %.1f us to rank a list of ten (mean of ",
            mean_us(run->learn_ns, run->events), mean_us(run->rank_ns, run->n_rank));
    print_pair(out, run->n_rank, "lists", ")\n");
}
