/* SPDX-License-Identifier: Apache-2.0
 * eval_json.c -- the JSON of eval_report.h, written as it goes. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval_report.h"
#include "json.h"

struct writer {
    FILE *out;
    int depth;
    bool begun; /* the open object or list has something already */
};

/* ---- writing ------------------------------------------------------------------------------ */

/* Bytes that are no UTF-8 become "?", as everywhere for people. */
static void put_quoted(FILE *out, const char *text) {
    char printable[512];
    char *quoted = json_quote(text, strlen(text));
    if (!quoted) {
        snprintf(printable, sizeof printable, "%s", text);
        json_printable(printable, sizeof printable);
        quoted = json_quote(printable, strlen(printable));
    }
    fputs(quoted ? quoted : "null", out);
    free(quoted);
}

/* What comes before a value: comma, new line, and the key in an object. */
static void begin(struct writer *w, const char *key) {
    fprintf(w->out, "%s\n%*s", w->begun ? "," : "", 2 * w->depth, "");
    if (key) {
        put_quoted(w->out, key);
        fputs(": ", w->out);
    }
    w->begun = true;
}

static void open_with(struct writer *w, const char *key, char bracket) {
    begin(w, key);
    fputc(bracket, w->out);
    w->depth++;
    w->begun = false;
}

static void close_with(struct writer *w, char bracket) {
    w->depth--;
    if (w->begun) {
        fprintf(w->out, "\n%*s", 2 * w->depth, "");
    }
    fputc(bracket, w->out);
    w->begun = true;
}

static void whole(struct writer *w, const char *key, uint64_t n) {
    begin(w, key);
    fprintf(w->out, "%" PRIu64, n);
}

static void number(struct writer *w, const char *key, double x) {
    begin(w, key);
    if (isfinite(x)) {
        fprintf(w->out, "%.6f", x);
    } else {
        fputs("null", w->out);
    }
}

static void flag(struct writer *w, const char *key, bool x) {
    begin(w, key);
    fputs(x ? "true" : "false", w->out);
}

static void text(struct writer *w, const char *key, const char *x) {
    begin(w, key);
    if (x) {
        put_quoted(w->out, x);
    } else {
        fputs("null", w->out);
    }
}

static void seed(struct writer *w, const char *key, int64_t x) {
    if (x >= 0) {
        whole(w, key, (uint64_t)x);
    } else {
        text(w, key, NULL);
    }
}

static double ratio(uint64_t a, uint64_t b) {
    return b > 0 ? (double)a / (double)b : (double)NAN;
}

/* ---- parts -------------------------------------------------------------------------------- */

static void write_settings(struct writer *w, const struct eval_report *r) {
    const struct eval_options *o = r->options;
    open_with(w, "settings", '{');
    open_with(w, "files", '[');
    for (size_t k = 0; k < o->n_files; k++) {
        text(w, NULL, o->files[k]);
    }
    close_with(w, ']');
    open_with(w, "repeats_in", '[');
    for (uint32_t d = 0; d < r->stream->n_domains; d++) {
        if (eval_options_repeats(o, r->stream->domains[d])) {
            text(w, NULL, r->stream->domains[d]);
        }
    }
    close_with(w, ']');
    text(w, "catalogue", o->catalogue);
    text(w, "category", o->catalogue ? o->category : NULL);
    text(w, "from", o->from_text);
    text(w, "to", o->to_text);
    flag(w, "orders", o->orders);
    flag(w, "day_batches", o->days);
    seed(w, "shuffle_orders", o->shuffle_seed);
    seed(w, "permute_links", o->permute_seed);
    whole(w, "tasks", (uint64_t)o->tasks);
    whole(w, "factors_every", (uint64_t)o->factors_every);
    close_with(w, '}');
}

static void write_stream(struct writer *w, const struct eval_report *r) {
    const struct eval_run *run = r->run;
    flag(w, "interrupted", run->stopped);
    open_with(w, "stream", '{');
    whole(w, "lines", run->lines);
    whole(w, "events", run->events);
    whole(w, "users", r->stream->users.n);
    whole(w, "items", r->stream->items.n);
    whole(w, "bad_lines", r->stream->bad);
    whole(w, "lines_left_out", r->stream->left_out);
    whole(w, "catalogue_rows", r->catalogue ? r->catalogue->rows : 0);
    whole(w, "catalogue_rows_left_out", r->catalogue ? r->catalogue->left_out : 0);
    whole(w, "catalogue_bad_lines", r->catalogue ? r->catalogue->bad : 0);
    whole(w, "events_late", run->late);
    whole(w, "events_too_late", run->too_late);
    whole(w, "events_over_user_rate", run->flooded);
    whole(w, "events_tested", run->score->events);
    whole(w, "lines_tested", run->score->lines);
    whole(w, "lines_not_tested", run->score->untested);
    close_with(w, '}');
    open_with(w, "microseconds", '{');
    number(w, "learn_event", ratio(run->learn_ns, run->events) / 1000.0);
    number(w, "rank_list", ratio(run->rank_ns, run->n_rank) / 1000.0);
    whole(w, "lists", run->n_rank);
    close_with(w, '}');
}

static void write_count(struct writer *w, const char *key, const struct eval_count *c) {
    open_with(w, key, '{');
    whole(w, "n", c->n);
    number(w, "recall@10", eval_recall(c));
    number(w, "error", eval_error(c));
    number(w, "recall@20", eval_recall_20(c));
    number(w, "ndcg@10", eval_ndcg(c));
    number(w, "mrr", eval_mrr(c));
    whole(w, "only_ranker", c->only_ranker);
    whole(w, "only_this", c->only_model);
    number(w, "chi2", eval_mcnemar(c));
}

static void write_models(struct writer *w, const struct eval_report *r, uint32_t domain,
                         enum eval_slice slice) {
    const struct eval_score *s = r->run->score;
    open_with(w, "models", '{');
    for (unsigned m = 0; m < TRIAL_MODELS; m++) {
        const struct eval_count *c = &s->counts[domain][slice][m];
        if (c->n == 0) {
            continue;
        }
        write_count(w, trial_model_str((enum trial_model)m), c);
        if (slice == EVAL_ALL) {
            number(w, "coverage",
                   ratio(eval_score_covered(s, domain, (enum trial_model)m), r->items[domain]));
        }
        close_with(w, '}');
    }
    close_with(w, '}');
}

static void write_domain(struct writer *w, const struct eval_report *r, uint32_t domain,
                         const char *key) {
    const struct eval_score *s = r->run->score;
    const uint64_t n = s->counts[domain][EVAL_ALL][TRIAL_RANKER].n;
    open_with(w, key, '{');
    whole(w, "items", r->items[domain]);
    whole(w, "lines_tested", n);
    text(w, "best_baseline", n ? trial_model_str(eval_score_best(s, domain)) : NULL);
    write_models(w, r, domain, EVAL_ALL);
    open_with(w, "slices", '{');
    for (unsigned slice = EVAL_ALL + 1; slice < EVAL_SLICES; slice++) {
        open_with(w, eval_slice_str((enum eval_slice)slice), '{');
        number(w, "share", ratio(s->counts[domain][slice][TRIAL_RANKER].n, n));
        write_models(w, r, domain, (enum eval_slice)slice);
        close_with(w, '}');
    }
    close_with(w, '}');
    close_with(w, '}');
}

void eval_report_json(const struct eval_report *r, FILE *out) {
    struct writer w = {.out = out, .depth = 1};
    fputc('{', out);
    write_settings(&w, r);
    write_stream(&w, r);
    write_domain(&w, r, EVAL_DOMAINS, "all");
    open_with(&w, "domains", '{');
    for (uint32_t d = 0; d < r->stream->n_domains; d++) {
        write_domain(&w, r, d, r->stream->domains[d]);
    }
    close_with(&w, '}');
    fputs("\n}\n", out);
}
