/* SPDX-License-Identifier: Apache-2.0
 * explain_print.c -- see explain_print.h. */
#include "explain_print.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "json.h"

enum { WORD_MAX = 48, BECAUSE_MAX = 2 * WORD_MAX, PARTS_SHOWN = 3 };

struct word { /* as it can be shown */
    char text[WORD_MAX];
};

static struct word word_of(const struct json *v) {
    struct word w;
    const char *text = json_text(v, NULL);
    snprintf(w.text, sizeof w.text, "%s", text ? text : "");
    json_printable(w.text, sizeof w.text);
    return w;
}

/* To four digits, "-" if it is no number. */
static struct word score_of(const struct json *v) {
    struct word w = {"-"};
    double x = 0;
    if (json_number(v, &x)) {
        snprintf(w.text, sizeof w.text, "%.4f", x);
    }
    return w;
}

static double number_of(const struct json *v) {
    double x = (double)NAN;
    (void)json_number(v, &x);
    return x;
}

/* ---- items ------------------------------------------------------------------------------- */

static void name_because(const struct json *because, char out[BECAUSE_MAX]) {
    const struct word item = word_of(json_get(because, "item"));
    const struct word domain = word_of(json_get(because, "domain"));
    const struct word category = word_of(json_get(because, "category"));
    out[0] = '\0';
    if (item.text[0]) {
        snprintf(out, BECAUSE_MAX, "%.30s (%.20s%s%.30s)", item.text, domain.text,
                 category.text[0] ? ", " : "", category.text);
    }
}

/* The largest that is left, by what it adds; false: none adds anything. */
static bool next_part(const struct json *parts, double below, const char **name, double *value) {
    void *iter = NULL;
    const char *key = NULL;
    const struct json *v = NULL;
    *value = 0;
    while ((v = json_next(parts, &iter, &key))) {
        const double x = number_of(v);
        if (x > *value && x < below) {
            *value = x;
            *name = key;
        }
    }
    return *value > 0;
}

static void print_parts(const struct json *parts, FILE *out) {
    const char *name = NULL;
    double value = 0;
    double below = (double)INFINITY;
    for (int k = 0; k < PARTS_SHOWN && next_part(parts, below, &name, &value); k++) {
        fprintf(out, "%s%s +%.2f", k > 0 ? ", " : "", name, value);
        below = value;
    }
    fputc('\n', out);
}

static void print_items(const struct json *items, FILE *out) {
    fprintf(out, "%3s  %-24s %8s  %-9s  %-32s  %s\n", "", "item", "score", "reason", "because",
            "what adds most");
    for (size_t k = 0; k < json_n(items); k++) {
        const struct json *item = json_at(items, k);
        char because[BECAUSE_MAX];
        name_because(json_get(item, "because"), because);
        fprintf(out, "%3zu  %-24s %8s  %-9s  %-32s  ", k + 1, word_of(json_get(item, "id")).text,
                score_of(json_get(item, "score")).text, word_of(json_get(item, "reason")).text,
                because);
        print_parts(json_get(item, "parts"), out);
    }
}

/* ---- the rest ------------------------------------------------------------------------------ */

static void print_events(const struct json *events, FILE *out) {
    void *iter = NULL;
    const char *domain = NULL;
    const struct json *n = NULL;
    for (bool first = true; (n = json_next(events, &iter, &domain)); first = false) {
        fprintf(out, "%s%s %.0f", first ? " " : ", ", domain, number_of(n));
    }
}

static void print_head(const struct json *v, FILE *out) {
    bool personal = false;
    const double segment = number_of(json_get(v, "segment"));
    (void)json_flag(json_get(v, "personalised"), &personal);
    fprintf(out, "%s, target %s: task %.0f, ", word_of(json_get(v, "user")).text,
            word_of(json_get(v, "target")).text, number_of(json_get(v, "task")));
    if (isnan(segment)) {
        fprintf(out, "no segment yet");
    } else {
        fprintf(out, "segment %.0f", segment);
    }
    fprintf(out, ", %s; took", word_of(json_get(v, "lifecycle")).text);
    print_events(json_get(v, "events"), out);
    const double social = number_of(json_get(v, "social"));
    if (social > 0) {
        fprintf(out, "; social %.2f", social);
    }
    fprintf(out, "\n%s: personalising leads by %.3f nats; %.0f candidates\n",
            personal ? "personal" : "not personal", number_of(json_get(v, "lead")),
            number_of(json_get(v, "candidates")));
}

static void print_similar(const struct json *similar, FILE *out) {
    for (size_t k = 0; k < json_n(similar); k++) {
        fprintf(out, "%s%s %.2f", k > 0 ? ", " : "similar users: ",
                word_of(json_get(json_at(similar, k), "user")).text,
                number_of(json_get(json_at(similar, k), "cosine")));
    }
    fputs(json_n(similar) > 0 ? "\n" : "", out);
}

enum status explain_print(const char *json, size_t len, FILE *out) {
    char err[128];
    struct json *v = NULL;
    enum status st = json_parse(json, len, &v, err, sizeof err);
    if (!st && json_kind(json_get(v, "items")) != JSON_LIST) {
        st = ST_INVALID;
    }
    if (!st) {
        print_head(v, out);
        print_items(json_get(v, "items"), out);
        print_similar(json_get(v, "similar"), out);
    }
    json_free(v);
    return st;
}
