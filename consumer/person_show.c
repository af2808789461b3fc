/* SPDX-License-Identifier: Apache-2.0
 * person_show.c -- see person_show.h. */
#include "person_show.h"

#include <string.h>

#include "answer.h"
#include "list_show.h"

enum {
    NUMBER_MAX = 32,
    LINE_MAX_BYTES = 1024,
    FEATURES_SHOWN = 4,
    EVENTS_SHOWN = 8,
    BAR = 10,
};

/* ---- who he is ----------------------------------------------------------------------------- */

static void show_state(const struct json *v, const struct show *s) {
    const char *consent = answer_text(v, "consent");
    const bool withdrawn = strcmp(consent, "withdrawn") == 0;
    const bool stopped = answer_flag(v, "stopped");
    const int64_t erased_ms = answer_whole(v, "erased_ms");
    char at[NUMBER_MAX];
    show_text(s, SHOW_BOLD, answer_text(v, "user"), SHOW_WIDTH / 2);
    show(s, ": %s, ", answer_text(v, "lifecycle"));
    if (strcmp(consent, "unknown") == 0) {
        show(s, "said nothing of consent");
    } else {
        show_text(s, withdrawn ? SHOW_BAD : SHOW_GOOD,
                  withdrawn ? "consent withdrawn" : "consent given", SHOW_WIDTH);
    }
    if (stopped) {
        show(s, ", ");
        show_text(s, SHOW_BAD, "asked to be left alone", SHOW_WIDTH);
    }
    if (erased_ms > 0) {
        show(s, ", erased up to %s", show_time(erased_ms, answer_whole(v, "ts"), at));
    }
    show(s, "\n");
}

static void show_engagement(const struct json *v, const struct show *s) {
    const struct json *e = json_get(v, "engagement");
    const double social = answer_number(v, "social");
    char share[NUMBER_MAX];
    char number[NUMBER_MAX];
    show(s, "Active on %lld of the last 28 days (%s)", (long long)answer_whole(e, "days_28"),
         show_percent(answer_number(e, "stickiness"), share));
    const struct json *overlaps = json_get(e, "overlaps");
    for (size_t k = 0; k < json_n(overlaps) && k < 3; k++) {
        const struct json *o = json_at(overlaps, k);
        const struct json *d = json_get(o, "domains");
        if (answer_whole(o, "days") > 0) {
            show(s, ", in both ");
            show_text(s, SHOW_PLAIN, json_text(json_at(d, 0), NULL), 16);
            show(s, " and ");
            show_text(s, SHOW_PLAIN, json_text(json_at(d, 1), NULL), 16);
            show(s, " on %lld", (long long)answer_whole(o, "days"));
        }
    }
    show(s, "\n");
    if (social > 0) {
        show(s, "Has to do with others: social %s\n", show_number(social, number));
    }
}

static void show_categories(const struct json *domain, const struct show *s) {
    const struct json *categories = json_get(domain, "categories");
    struct show_flow f = {.indent = 50, .at = 50};
    for (size_t k = 0; k < json_n(categories) && k < 2; k++) {
        const struct json *c = json_at(categories, k);
        char text[LINE_MAX_BYTES];
        char share[NUMBER_MAX];
        snprintf(text, sizeof text, "%.200s %s", answer_text(c, "category"),
                 show_percent(answer_number(c, "share"), share));
        show_piece(s, &f, SHOW_DIM, text);
    }
}

static void show_domains(const struct json *v, const struct show *s) {
    const struct json *domains = json_get(v, "domains");
    const struct json *d = NULL;
    const char *name = NULL;
    void *iter = NULL;
    while ((d = json_next(domains, &iter, &name))) {
        char number[NUMBER_MAX];
        char text[LINE_MAX_BYTES];
        const int64_t last_ms = answer_whole(d, "last_ms");
        show(s, "  ");
        show_cell(s, SHOW_PLAIN, name, 14);
        snprintf(text, sizeof text, "%s events", show_number(answer_number(d, "events"), number));
        if (last_ms <= 0) {
            show_text(s, SHOW_PLAIN, text, 14);
        } else {
            show_cell(s, SHOW_PLAIN, text, 14);
            snprintf(text, sizeof text, " last %s",
                     show_ago(last_ms, answer_whole(v, "ts"), number));
            show_cell(s, SHOW_PLAIN, text, 19);
            show_categories(d, s);
        }
        show(s, "\n");
    }
}

static void show_ids(const struct json *v, const struct show *s) {
    const struct json *ids = json_get(v, "ids");
    const struct json *id = NULL;
    const char *name = NULL;
    void *iter = NULL;
    struct show_flow f = {.indent = 4, .at = 6};
    show(s, "  is ");
    while ((id = json_next(ids, &iter, &name))) {
        char text[LINE_MAX_BYTES];
        const char *is = json_text(id, NULL);
        snprintf(text, sizeof text, "%.255s at %.127s", is ? is : "nobody", name);
        show_piece(s, &f, SHOW_PLAIN, text);
    }
    char partition[LINE_MAX_BYTES];
    snprintf(partition, sizeof partition, "in partition %lld of %lld",
             (long long)answer_whole(v, "task"), (long long)answer_whole(v, "partitions"));
    show_piece(s, &f, SHOW_PLAIN, partition);
    show(s, "\n");
}

/* ---- his segment --------------------------------------------------------------------------- */

static void show_features(const struct json *features, const struct show *s) {
    size_t told = 0;
    for (size_t k = 0; k < json_n(features) && told < FEATURES_SHOWN; k++) {
        const struct json *f = json_at(features, k);
        char number[NUMBER_MAX];
        const double pull = answer_number(f, "pull");
        if (!(pull > .05)) {
            break; /* they come in order */
        }
        show(s, "  ");
        show_cell(s, SHOW_PLAIN, answer_text(f, "words"), 58);
        snprintf(number, sizeof number, "%+.1f", answer_number(f, "z"));
        show_right(s, SHOW_DIM, number, 6);
        show(s, " ");
        show_bar(s, pull / answer_number(json_at(features, 0), "pull"), BAR);
        show(s, "\n");
        told++;
    }
}

static void show_segment(const struct json *v, const struct show *s) {
    const struct json *place = json_get(v, "place");
    char heading[LINE_MAX_BYTES];
    char share[NUMBER_MAX];
    if (!place) {
        show_heading(s, "No segment yet");
        return;
    }
    const char *title = answer_text(place, "title");
    snprintf(heading, sizeof heading, "Segment %lld%s%.200s", (long long)answer_whole(v, "segment"),
             title[0] ? ": " : "", title);
    show_heading(s, heading);
    if (title[0]) {
        show(s, "  %s of users. ", show_percent(answer_number(place, "share"), share));
    } else {
        show(s, "  ");
    }
    show(s, "What puts him there, in standard deviations from the mean:\n");
    show_features(json_get(place, "features"), s);
    if (json_get(place, "other")) {
        const char *other = answer_text(place, "other_title");
        show(s, "  Else he would be in %lld", (long long)answer_whole(place, "other"));
        show(s, other[0] ? ": " : "");
        show_text(s, SHOW_DIM, other, 50);
        show(s, "\n");
    }
    if (answer_whole(place, "nearest") != answer_whole(v, "segment")) {
        show(s, "  By now he is nearer to %lld; he moves when he stays so.\n",
             (long long)answer_whole(place, "nearest"));
    }
}

/* ---- what he did --------------------------------------------------------------------------- */

static void show_history(const struct json *v, const struct show *s) {
    const struct json *history = json_get(v, "history");
    char at[NUMBER_MAX];
    show_heading(s, json_n(history) > 0 ? "Last events" : "No events are kept");
    for (size_t k = 0; k < json_n(history) && k < EVENTS_SHOWN; k++) {
        const struct json *e = json_at(history, k);
        const char *category = answer_text(e, "category");
        show(s, "  ");
        show_cell(s, SHOW_DIM, show_time(answer_whole(e, "ts"), answer_whole(v, "ts"), at), 12);
        show(s, "  ");
        show_cell(s, SHOW_PLAIN, answer_text(e, "action"), 9);
        show(s, " ");
        show_cell(s, SHOW_BOLD, answer_text(e, "item"), 20);
        show(s, " ");
        show_text(s, SHOW_DIM, answer_text(e, "domain"), 12);
        show_text(s, SHOW_DIM, category[0] ? ", " : "", 2);
        show_text(s, SHOW_DIM, category, 18);
        show(s, "\n");
    }
}

/* ---- users like him -------------------------------------------------------------------------- */

static void show_similar(const struct json *similar, const struct show *s) {
    struct show_flow f = {.indent = 2, .at = 2};
    if (json_n(similar) == 0) {
        return;
    }
    show_heading(s, "Users like him, by the cosine");
    show(s, "  ");
    for (size_t k = 0; k < json_n(similar); k++) {
        const struct json *u = json_at(similar, k);
        char text[LINE_MAX_BYTES];
        snprintf(text, sizeof text, "%.255s %.2f", answer_text(u, "user"),
                 answer_number(u, "cosine"));
        show_piece(s, &f, SHOW_PLAIN, text);
    }
    show(s, "\n");
}

/* ---- the whole ----------------------------------------------------------------------------- */

enum status person_show(const struct json *v, const struct show *s) {
    const struct json *lists = json_get(v, "lists");
    if (json_kind(lists) != JSON_LIST || !json_text(json_get(v, "user"), NULL)) {
        return ST_INVALID;
    }
    show_state(v, s);
    show_ids(v, s);
    show_engagement(v, s);
    show_domains(v, s);
    show_segment(v, s);
    show_history(v, s);
    for (size_t k = 0; k < json_n(lists); k++) {
        list_show(json_at(lists, k), s);
    }
    show_similar(json_get(v, "similar"), s);
    return ST_OK;
}
