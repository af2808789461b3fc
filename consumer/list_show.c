/* SPDX-License-Identifier: Apache-2.0
 * list_show.c -- see list_show.h. */
#include "list_show.h"

#include <string.h>

#include "answer.h"

enum {
    NUMBER_MAX = 32,
    LINE_MAX_BYTES = 1024,
    PARTS_SHOWN = 3,
    INPUTS_SHOWN = 5,
    PARTS_MAX = 64,
};

void list_show_reason(const struct json *item, char *out, size_t len) {
    static const struct {
        const char *reason, *alone, *with;
    } words[] = {
        {"popular", "many take it", NULL},
        {"trending", "many take it today", NULL},
        {"together", "goes with what he took", "goes with"},
        {"taste", "is to his taste", "to his taste, as"},
        {"again", "he takes it again", NULL},
        {"new", "new, and doing well", NULL},
        {"explore", "shown to find out", NULL},
        {"pinned", "put there by a rule", NULL},
    };
    const struct json *because = json_get(item, "because");
    const char *with = answer_text(because, "item");
    const char *category = answer_text(because, "category");
    const char *reason = answer_text(item, "reason");
    snprintf(out, len, "%.60s", reason);
    for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
        if (strcmp(words[k].reason, reason) != 0) {
            continue;
        }
        if (with[0] && words[k].with) {
            const char *domain = answer_text(because, "domain");
            snprintf(out, len, "%s %.255s (%.255s)", words[k].with, with,
                     category[0] ? category : domain);
        } else {
            snprintf(out, len, "%s", words[k].alone);
        }
    }
}

struct part {
    const char *name;
    double adds;
};

/* What adds most (sign 1) or takes most away (-1), largest first; "adds" of a table of tables. */
static size_t sort_parts(const struct json *parts, bool tables, double sign,
                         struct part out[PARTS_MAX]) {
    void *iter = NULL;
    const char *name = NULL;
    const struct json *v = NULL;
    size_t n = 0;
    while ((v = json_next(parts, &iter, &name))) {
        double adds = (double)NAN;
        (void)json_number(tables ? json_get(v, "adds") : v, &adds);
        if (!(sign * adds >= .005) || n == PARTS_MAX) {
            continue;
        }
        size_t at = n++;
        for (; at > 0 && sign * out[at - 1].adds < sign * adds; at--) {
            out[at] = out[at - 1];
        }
        out[at] = (struct part){name, adds};
    }
    return n;
}

static void show_parts(const struct json *parts, bool tables, size_t most, const char *label,
                       const struct show *s) {
    struct part up[PARTS_MAX];
    struct part down[PARTS_MAX];
    const size_t n_up = sort_parts(parts, tables, 1, up);
    const size_t n_down = sort_parts(parts, tables, -1, down);
    struct show_flow f = {.indent = 12, .at = 12};
    show(s, "    ");
    show_cell(s, SHOW_DIM, label, 8);
    for (size_t k = 0; k < n_up + n_down; k++) {
        const bool plus = k < n_up;
        const struct part *p = plus ? &up[k] : &down[k - n_up];
        char text[96];
        if ((plus ? k : k - n_up) < (plus ? most : 2)) {
            snprintf(text, sizeof text, "%.64s %+.2f", p->name, p->adds);
            show_piece(s, &f, plus ? SHOW_PLAIN : SHOW_DIM, text);
        }
    }
    show(s, n_up + n_down > 0 ? "\n" : "nothing of weight\n");
}

static void show_rules(const struct json *v, const char *label, const struct show *s) {
    const struct json *rules = json_get(v, "rules");
    struct show_flow f = {.indent = 12, .at = 12};
    if (json_n(rules) == 0) {
        return;
    }
    show(s, "    ");
    show_cell(s, SHOW_DIM, label, 8);
    for (size_t k = 0; k < json_n(rules); k++) {
        const struct json *r = json_at(rules, k);
        const char *kind = answer_text(r, "kind");
        char number[NUMBER_MAX] = "";
        char text[LINE_MAX_BYTES];
        if (json_get(r, "factor")) {
            show_number(answer_number(r, "factor"), number);
        } else if (json_get(r, "place")) {
            show_number(answer_number(r, "place"), number);
        }
        snprintf(text, sizeof text, "%.20s %.255s%s%s", kind, answer_text(r, "id"),
                 json_get(r, "factor")  ? " x "
                 : json_get(r, "place") ? " at "
                                        : "",
                 number);
        show_piece(s, &f, SHOW_PLAIN, text);
    }
    show(s, "\n");
}

static void show_ranks(const struct json *ranks, double candidates, const struct show *s) {
    void *iter = NULL;
    const char *name = NULL;
    const struct json *rank = NULL;
    struct show_flow f = {.indent = 12, .at = 12};
    char number[NUMBER_MAX];
    show(s, "    ");
    show_cell(s, SHOW_DIM, "place", 8);
    while ((rank = json_next(ranks, &iter, &name))) {
        char text[96];
        int64_t place = 0;
        (void)json_whole(rank, &place);
        snprintf(text, sizeof text, "%.64s %lld", name, (long long)place);
        show_piece(s, &f, SHOW_PLAIN, text);
    }
    show(s, " of %s\n", show_number(candidates, number));
}

static void show_item(const struct json *item, size_t place, double best, double candidates,
                      const struct show *s) {
    char reason[LINE_MAX_BYTES];
    char number[NUMBER_MAX];
    const double score = answer_number(item, "score");
    list_show_reason(item, reason, sizeof reason);
    show(s, " %2zu ", place);
    show_cell(s, SHOW_BOLD, answer_text(item, "id"), 20);
    snprintf(number, sizeof number, "%.2f", score);
    show_right(s, SHOW_DIM, score > -1e6 && score < 1e6 ? number : "-", 7);
    show(s, " ");
    show_bar_cell(s, exp(score - best), 6);
    show(s, " ");
    show_text(s, SHOW_PLAIN, reason, 41);
    show(s, "\n");
    show_rules(item, "rules", s);
    if (json_get(item, "parts")) {
        show_parts(json_get(item, "parts"), false, PARTS_SHOWN, "adds", s);
    }
    if (json_get(item, "inputs")) {
        show_parts(json_get(item, "inputs"), true, INPUTS_SHOWN, "inputs", s);
    }
    if (json_get(item, "ranks")) {
        show_ranks(json_get(item, "ranks"), candidates, s);
    }
}

void list_show(const struct json *list, const struct show *s) {
    const struct json *items = json_get(list, "items");
    const char *key = answer_text(list, "key");
    char heading[LINE_MAX_BYTES];
    snprintf(heading, sizeof heading, "%.127s: %s", answer_text(list, "target"),
             json_n(items) == 0 ? "there is nothing to offer"
             : strcmp(answer_text(list, "of"), "segment") == 0
                 ? "what he is offered, as his segment is"
             : answer_flag(list, "personalised") ? "what he is offered"
                                                 : "what he is offered, as everybody is");
    show_heading(s, heading);
    if (json_get(list, "lead")) {
        show(s, "  the %s net is served; the personal one leads by %.2f nats\n",
             strcmp(answer_text(list, "served"), "twin") == 0 ? "impersonal" : "personal",
             answer_number(list, "lead"));
        show_rules(list, "rules", s);
    }
    for (size_t k = 0; k < json_n(items); k++) {
        show_item(json_at(items, k), k + 1, answer_number(json_at(items, 0), "score"),
                  answer_number(list, "candidates"), s);
    }
    show(s, "  ");
    show_text(s, SHOW_DIM, key[0] ? "in Redis: " : "not in Redis: he has no id there", SHOW_WIDTH);
    show_text(s, SHOW_DIM, key, SHOW_WIDTH - 12);
    show(s, "\n");
}
