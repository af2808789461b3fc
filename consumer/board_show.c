/* SPDX-License-Identifier: Apache-2.0
 * board_show.c -- see board_show.h. */
#include "board_show.h"

#include <string.h>

#include "answer.h"
#include "person_text.h"

enum { NUMBER_MAX = 32, LINE_MAX_BYTES = 1024, CLOCKS = 3, TRAITS = 3 };

/* ---- similar ------------------------------------------------------------------------------- */

static void show_alike(const struct json *item, size_t place, double best, const struct show *s) {
    const bool together = strcmp(answer_text(item, "reason"), "together") == 0;
    char number[NUMBER_MAX];
    show(s, " %2zu ", place);
    show_cell(s, SHOW_BOLD, answer_text(item, "id"), 20);
    show(s, " ");
    show_bar_cell(s, answer_number(item, "score") / best, 10);
    show_right(s, SHOW_PLAIN,
               together ? show_number(answer_number(item, "together"), number) : "never", 10);
    show_right(s, SHOW_PLAIN, together ? show_number(answer_number(item, "follows"), number) : "-",
               8);
    show_right(s, SHOW_PLAIN, show_number(answer_number(item, "cosine"), number), 7);
    const char *category = answer_text(item, "category");
    show(s, category[0] ? "  " : "");
    show_text(s, SHOW_DIM, category, 17);
    show(s, "\n");
}

static void show_alikes(const struct json *list, const struct show *s) {
    const struct json *items = json_get(list, "items");
    char heading[LINE_MAX_BYTES];
    snprintf(heading, sizeof heading, "In %.127s%s", answer_text(list, "target"),
             json_n(items) > 0 ? "" : ": nothing is known to go with it");
    show_heading(s, heading);
    if (json_n(items) > 0) {
        show_text(s, SHOW_DIM,
                  "    goes with it                      together   after   near  category",
                  SHOW_WIDTH);
        show(s, "\n");
    }
    for (size_t k = 0; k < json_n(items); k++) {
        show_alike(json_at(items, k), k + 1, answer_number(json_at(items, 0), "score"), s);
    }
}

enum status board_show_similar(const struct json *v, const struct show *s) {
    const struct json *lists = json_get(v, "lists");
    const char *category = answer_text(v, "category");
    char number[NUMBER_MAX];
    if (json_kind(lists) != JSON_LIST || !json_text(json_get(v, "item"), NULL)) {
        return ST_INVALID;
    }
    show_text(s, SHOW_BOLD, answer_text(v, "item"), 30);
    show(s, ": ");
    show_text(s, SHOW_PLAIN, answer_text(v, "domain"), 16);
    show(s, category[0] ? ", " : "");
    show_text(s, SHOW_PLAIN, category, 20);
    show(s, "; taken %s times", show_number(answer_number(v, "takes"), number));
    if (answer_whole(v, "last_ms") > 0) {
        show(s, ", last %s", show_ago(answer_whole(v, "last_ms"), answer_whole(v, "ts"), number));
    }
    show(s, "\n");
    if (!answer_flag(v, "available")) {
        show_text(s, SHOW_BAD, "withdrawn: on no list", SHOW_WIDTH);
        show(s, "\n");
    }
    for (size_t k = 0; k < json_n(lists); k++) {
        show_alikes(json_at(lists, k), s);
    }
    show(s, "\n");
    show_text(s, SHOW_DIM,
              "together: taken by the same users, the nearer in time the more; after: in that",
              SHOW_WIDTH);
    show(s, "\n");
    show_text(s, SHOW_DIM, "order; near: the cosine of what the model knows of both", SHOW_WIDTH);
    show(s, "\n");
    return ST_OK;
}

/* ---- top ----------------------------------------------------------------------------------- */

static const struct json *top_at(const struct json *v, int clock, size_t k) {
    static const char *const clocks[CLOCKS] = {"1d", "7d", "30d"};
    return json_at(json_get(json_get(v, "top"), clocks[clock]), k);
}

/* Two columns; item NULL: empty ones. */
static void show_top_cell(const struct json *item, const struct show *s) {
    char number[NUMBER_MAX];
    const bool there = answer_flag(item, "available");
    show_cell(s, there ? SHOW_BOLD : SHOW_BAD, answer_text(item, "id"), 14);
    show_right(s, SHOW_PLAIN, item ? show_number(answer_number(item, "per_day"), number) : "", 8);
}

static void show_most(const struct json *v, const struct show *s) {
    show_heading(s, "Most taken, and how often a day");
    show_text(s, SHOW_DIM, "    1 day                    7 days                   30 days",
              SHOW_WIDTH);
    show(s, "\n");
    for (size_t k = 0; top_at(v, 0, k) || top_at(v, 1, k) || top_at(v, 2, k); k++) {
        show(s, " %2zu ", k + 1);
        int last = CLOCKS - 1;
        while (last > 0 && !top_at(v, last, k)) {
            last--;
        }
        for (int clock = 0; clock <= last; clock++) {
            show(s, clock > 0 ? "   " : "");
            show_top_cell(top_at(v, clock, k), s);
        }
        show(s, "\n");
    }
}

static void show_line(const struct json *item, size_t place, bool lift, const struct show *s) {
    char number[NUMBER_MAX];
    char text[LINE_MAX_BYTES];
    const bool there = answer_flag(item, "available");
    show(s, " %2zu ", place);
    show_cell(s, there ? SHOW_BOLD : SHOW_BAD, answer_text(item, "id"), 24);
    show_right(s, SHOW_PLAIN, show_number(answer_number(item, "per_day"), number), 9);
    show(s, " a day  ");
    if (lift) {
        snprintf(text, sizeof text, "x %s", show_number(answer_number(item, "lift"), number));
    } else {
        snprintf(text, sizeof text, "%s in all", show_number(answer_number(item, "takes"), number));
    }
    const char *more = there ? answer_text(item, "category") : "withdrawn";
    if (more[0]) {
        show_cell(s, lift ? SHOW_GOOD : SHOW_PLAIN, text, 14);
        show(s, " ");
        show_text(s, there ? SHOW_DIM : SHOW_BAD, more, 18);
    } else {
        show_text(s, lift ? SHOW_GOOD : SHOW_PLAIN, text, 14);
    }
    show(s, "\n");
}

static void show_lines(const struct json *items, const char *heading, bool lift,
                       const struct show *s) {
    if (json_n(items) == 0) {
        return;
    }
    show_heading(s, heading);
    for (size_t k = 0; k < json_n(items); k++) {
        show_line(json_at(items, k), k + 1, lift, s);
    }
}

enum status board_show_top(const struct json *v, const struct show *s) {
    char events[NUMBER_MAX];
    char items[NUMBER_MAX];
    char withdrawn[NUMBER_MAX];
    if (json_kind(json_get(v, "top")) != JSON_TABLE) {
        return ST_INVALID;
    }
    show_text(s, SHOW_BOLD, answer_text(v, "domain"), 30);
    show(s, ": %s taken; %s items, %s of them withdrawn\n",
         show_number(answer_number(v, "events"), events),
         show_number(answer_number(v, "items"), items),
         show_number(answer_number(v, "withdrawn"), withdrawn));
    show_most(v, s);
    show_lines(json_get(v, "trending"), "Trending: share of today's taking against the week's",
               true, s);
    show_lines(json_get(v, "newest"), "Newest", false, s);
    return ST_OK;
}

/* ---- segments ------------------------------------------------------------------------------ */

static void show_active(const struct json *v, const char *name, const struct show *s) {
    char dau[NUMBER_MAX];
    char mau[NUMBER_MAX];
    char share[NUMBER_MAX];
    show(s, "  ");
    show_cell(s, SHOW_PLAIN, name, 26);
    show_right(s, SHOW_PLAIN, show_number(answer_number(v, "dau"), dau), 10);
    show_right(s, SHOW_PLAIN, show_number(answer_number(v, "mau"), mau), 14);
    show_right(s, SHOW_PLAIN, show_percent(answer_number(v, "stickiness"), share), 12);
    show(s, " ");
    show_bar(s, answer_number(v, "stickiness"), 10);
    show(s, "\n");
}

static void show_engaged(const struct json *engagement, const struct show *s) {
    const struct json *v = NULL;
    const char *name = NULL;
    void *iter = NULL;
    show_heading(s, "Who is active");
    show_text(s, SHOW_DIM, "                                 today  in 28 days  stickiness",
              SHOW_WIDTH);
    show(s, "\n");
    show_active(engagement, "anywhere", s);
    while ((v = json_next(json_get(engagement, "domains"), &iter, &name))) {
        show_active(v, name, s);
    }
    for (size_t k = 0; k < json_n(json_get(engagement, "overlaps")); k++) {
        const struct json *o = json_at(json_get(engagement, "overlaps"), k);
        const struct json *d = json_get(o, "domains");
        const char *a = json_text(json_at(d, 0), NULL);
        const char *b = json_text(json_at(d, 1), NULL);
        char both[LINE_MAX_BYTES];
        snprintf(both, sizeof both, "%.127s and %.127s", a ? a : "", b ? b : "");
        show_active(o, both, s);
    }
}

static void show_category_shares(const struct json *domains, const struct show *s) {
    const struct json *d = NULL;
    const char *name = NULL;
    void *iter = NULL;
    while ((d = json_next(domains, &iter, &name))) {
        const struct json *categories = json_get(d, "categories");
        struct show_flow f = {.indent = 20, .at = 20};
        if (json_n(categories) == 0 || strcmp(answer_text(d, "habit"), "none") == 0) {
            continue;
        }
        show(s, "    ");
        show_cell(s, SHOW_DIM, name, 16);
        for (size_t k = 0; k < json_n(categories); k++) {
            const struct json *c = json_at(categories, k);
            char text[LINE_MAX_BYTES];
            char share[NUMBER_MAX];
            snprintf(text, sizeof text, "%.255s %s", answer_text(c, "category"),
                     show_percent(answer_number(c, "share"), share));
            show_piece(s, &f, SHOW_PLAIN, text);
        }
        show(s, "\n");
    }
}

struct trait {
    const char *domain;
    uint32_t feature;
    double z;
};

/* The features that are farthest from everybody's, one a domain and kind of it. */
static uint32_t find_traits(const struct json *domains, struct trait out[TRAITS]) {
    const struct json *d = NULL;
    const char *name = NULL;
    void *iter = NULL;
    uint32_t n = 0;
    while ((d = json_next(domains, &iter, &name))) {
        for (uint32_t f = 0; f < FEATURES_PER_DOMAIN; f++) {
            const double z = answer_number(json_get(d, "z"), feature_str(f));
            uint32_t at = n;
            if (!(fabs(z) >= .5)) {
                continue;
            }
            for (; at > 0 && fabs(out[at - 1].z) < fabs(z); at--) {
                if (at < TRAITS) {
                    out[at] = out[at - 1];
                }
            }
            if (at < TRAITS) {
                out[at] = (struct trait){name, f, z};
                n += n < TRAITS;
            }
        }
    }
    return n;
}

static void show_traits(const struct json *domains, const struct show *s) {
    struct trait traits[TRAITS];
    const uint32_t n = find_traits(domains, traits);
    for (uint32_t k = 0; k < n; k++) {
        char words[LINE_MAX_BYTES];
        char z[NUMBER_MAX];
        person_words(traits[k].domain, traits[k].feature, (float)traits[k].z, words, sizeof words);
        snprintf(z, sizeof z, "%+.1f", traits[k].z);
        show(s, "    ");
        show_cell(s, SHOW_DIM, words, 66);
        show_right(s, SHOW_DIM, z, 8);
        show(s, "\n");
    }
}

static void show_segment(const struct json *card, double most, const struct show *s) {
    char share[NUMBER_MAX];
    char users[NUMBER_MAX];
    show(s, "\n%2lld  ", (long long)answer_whole(card, "segment"));
    show_cell(s, SHOW_BOLD, answer_text(card, "title"), 52);
    show_right(s, SHOW_PLAIN, show_number(answer_number(card, "users"), users), 8);
    show_right(s, SHOW_PLAIN, show_percent(answer_number(card, "share"), share), 6);
    show(s, " ");
    show_bar(s, answer_number(card, "users") / most, 8);
    show(s, "\n");
    show_category_shares(json_get(card, "domains"), s);
    show_traits(json_get(card, "domains"), s);
}

enum status board_show_segments(const struct json *v, const struct show *s) {
    const struct json *segments = json_get(v, "segments");
    char users[NUMBER_MAX];
    char counted[NUMBER_MAX];
    double most = 1;
    if (json_kind(segments) != JSON_LIST) {
        return ST_INVALID;
    }
    show(s, "%s users", show_number(answer_number(v, "users"), users));
    if (answer_whole(v, "counted") != answer_whole(v, "users")) {
        show(s, ", of whom %s were counted", show_number(answer_number(v, "counted"), counted));
    }
    show(s, json_n(segments) > 0 ? "\n" : "; there are no segments yet: they need more users\n");
    for (size_t k = 0; k < json_n(segments); k++) {
        const double n = answer_number(json_at(segments, k), "users");
        most = n > most ? n : most;
    }
    show_engaged(json_get(v, "engagement"), s);
    for (size_t k = 0; k < json_n(segments); k++) {
        show_segment(json_at(segments, k), most, s);
    }
    return ST_OK;
}
