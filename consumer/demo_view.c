/* SPDX-License-Identifier: Apache-2.0
 * demo_view.c -- see demo_view.h. */
#include "demo_view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "demo_text.h"

/* ---- panes ------------------------------------------------------------------------------ */

/* The line above a pane, with its title in it, and on the right what else there is to say. */
static void draw_head(struct demo_canvas *c, const struct area *a, const char *title,
                      const char *more) {
    char text[VIEW_TEXT + 4];
    snprintf(text, sizeof text, " %s ", title);
    demo_canvas_hline(c, a->x, a->y - 1, a->w);
    const int used = demo_canvas_put(c, a->x + 1, a->y - 1, a->w - 2, LOOK_TITLE, text);
    snprintf(text, sizeof text, " %s ", more);
    if (more[0] && used + demo_canvas_columns(c, text) <= a->w - 4) {
        demo_canvas_put_right(c, a->x + 1, a->y - 1, a->w - 2, LOOK_DIM, text);
    }
}

enum { LABEL = 10, NUMBER = 8 };

/* "p50        45 ms _.-=" */
static void draw_measure(struct demo_canvas *c, const struct area *a, const char *label,
                         const char *number, const struct view_series *s, enum demo_look look) {
    demo_canvas_put(c, a->x + 1, a->y, LABEL, LOOK_DIM, label);
    demo_canvas_put_right(c, a->x + 1 + LABEL, a->y, NUMBER, LOOK_BOLD, number);
    const int left = LABEL + NUMBER + 3;
    const struct area chart = {a->x + left, a->y, a->w - left - 1, a->h};
    view_series_draw(s, c, &chart, view_series_max(s), look);
}

static void draw_throughput(const struct view *v, struct demo_canvas *c, const struct area *a) {
    char text[VIEW_TEXT];
    char one[DEMO_TEXT_MAX];
    char two[DEMO_TEXT_MAX];
    char three[DEMO_TEXT_MAX];
    draw_head(c, a, "throughput, latency", v->kafka ? v->kafka : "");
    const int low = (a->h - 1) / 3;
    const int high = a->h - 1 - 2 * low;
    const double rate = view_series_last(&v->rate);
    struct area row = {a->x, a->y, a->w, high};
    draw_measure(c, &row, "events/s", rate < 0.0 ? "-" : demo_text_short(rate, one), &v->rate,
                 LOOK_RATE);
    row = (struct area){a->x, a->y + high, a->w, low};
    draw_measure(c, &row, "to Redis", demo_text_time(view_series_last(&v->p50_s), one), &v->p50_s,
                 LOOK_MODEL);
    row.y += low;
    draw_measure(c, &row, "99 % under", demo_text_time(view_series_last(&v->p99_s), one), &v->p99_s,
                 LOOK_OTHER);
    snprintf(text, sizeof text, "%s events  %s users  %s items",
             demo_text_short((double)v->events, one), demo_text_short((double)v->users, two),
             demo_text_short((double)v->items, three));
    const int used = demo_canvas_put(c, a->x + 1, a->y + a->h - 1, a->w - 2, LOOK_DIM, text);
    snprintf(text, sizeof text, "lag %s", demo_text_short((double)v->lag, one));
    if (used + demo_canvas_columns(c, text) + 2 <= a->w - 2) {
        demo_canvas_put_right(c, a->x + 1, a->y + a->h - 1, a->w - 2, LOOK_DIM, text);
    }
}

enum { NAME = 9, SHARE = 5 };

static void draw_quality_row(const struct view_quality *q, struct demo_canvas *c,
                             const struct area *a) {
    char text[DEMO_TEXT_MAX];
    const double max = fmax(view_series_max(&q->model), view_series_max(&q->popular));
    const int chart = (a->w - 2 - NAME - 2 * (SHARE + 1) - 1) / 2;
    int x = a->x + 1;
    demo_canvas_put(c, x, a->y, NAME - 1, LOOK_DIM, q->name);
    x += NAME;
    for (int k = 0; k < 2; k++) {
        const struct view_series *s = k == 0 ? &q->model : &q->popular;
        const enum demo_look look = k == 0 ? LOOK_MODEL : LOOK_OTHER;
        demo_canvas_put_right(c, x, a->y, SHARE, LOOK_BOLD,
                              demo_text_share(view_series_last(s), text));
        const struct area at = {x + SHARE + 1, a->y, chart, a->h};
        view_series_draw(s, c, &at, max, look);
        x += SHARE + 1 + chart + 1;
    }
}

/* Of many domains the first ones, and all. */
static void draw_quality(const struct view *v, struct demo_canvas *c, const struct area *a) {
    const int chart = (a->w - 2 - NAME - 2 * (SHARE + 1) - 1) / 2;
    const int shown = v->n_quality < a->h - 1 ? v->n_quality : a->h - 1;
    const int x = a->x + 1 + NAME;
    draw_head(c, a, "recall@10, last 15 s", "tested, then learned");
    demo_canvas_put(c, x, a->y, SHARE + chart, LOOK_MODEL, "model");
    demo_canvas_put(c, x + SHARE + chart + 2, a->y, SHARE + 1 + chart, LOOK_OTHER, "7-day popular");
    for (int k = 0; k < shown; k++) {
        const int h = (a->h - 1) / shown;
        const struct area row = {a->x, a->y + 1 + k * h, a->w, h};
        draw_quality_row(&v->quality[k + 1 < shown ? k : v->n_quality - 1], c, &row);
    }
}

enum { SHARE_BAR = 8, DETAIL_INDENT = 21 };

static void draw_segment(const struct view *v, const struct view_segment *s, struct demo_canvas *c,
                         const struct area *a, double largest) {
    char text[DEMO_TEXT_MAX];
    const bool his = v->user[0] && s->id == v->segment;
    snprintf(text, sizeof text, "%2d", s->id);
    demo_canvas_put(c, a->x + 1, a->y, 2, his ? LOOK_NEW : LOOK_DIM, text);
    demo_canvas_bar(c, a->x + 4, a->y, SHARE_BAR, s->share / largest, LOOK_RATE);
    snprintf(text, sizeof text, "%.0f %%", s->share * 100.0);
    demo_canvas_put_right(c, a->x + 5 + SHARE_BAR, a->y, 5, LOOK_BOLD, text);
    const int x = a->x + SHARE_BAR + 11;
    demo_canvas_put(c, x, a->y, a->x + a->w - 1 - x, his ? LOOK_NEW : LOOK_PLAIN, s->title);
    if (a->h > 1) {
        demo_canvas_put(c, x, a->y + 1, a->x + a->w - 1 - x, LOOK_DIM, s->detail);
    }
}

static void draw_segments(const struct view *v, struct demo_canvas *c, const struct area *a) {
    char more[VIEW_TEXT] = "";
    const int h = v->n_segments > 0 && a->h >= 2 * v->n_segments ? 2 : 1;
    const int shown = v->n_segments < a->h / h ? v->n_segments : a->h / h;
    if (shown < v->n_segments) {
        snprintf(more, sizeof more, "%d of %d", shown, v->n_segments);
    }
    draw_head(c, a, "segments", more);
    if (v->n_segments == 0) {
        snprintf(more, sizeof more, "found once %llu users are known: %llu so far",
                 (unsigned long long)v->seed_users, (unsigned long long)v->users);
        demo_canvas_put(c, a->x + 1, a->y, a->w - 2, LOOK_DIM, more);
        return;
    }
    const double largest = fmax(v->segments[0].share, 1e-9);
    for (int k = 0; k < shown; k++) {
        const struct area row = {a->x, a->y + k * h, a->w, h};
        draw_segment(v, &v->segments[k], c, &row, largest);
    }
}

enum { USER = 8, TRIGGER = 14 };

static void draw_triggers(const struct view *v, struct demo_canvas *c, const struct area *a) {
    char more[VIEW_TEXT] = "";
    char n[DEMO_TEXT_MAX];
    if (v->n_fired > 0) {
        snprintf(more, sizeof more, "%s fired, some are shown",
                 demo_text_short((double)v->n_fired, n));
    }
    draw_head(c, a, "triggers", more);
    if (v->n_triggers == 0) {
        demo_canvas_put(c, a->x + 1, a->y, a->w - 2, LOOK_DIM,
                        v->no_triggers ? v->no_triggers : "none yet");
        return;
    }
    for (int k = 0; k < v->n_triggers && k < a->h; k++) {
        const struct view_trigger *t = &v->triggers[k];
        const int y = a->y + k;
        const enum demo_look look = strcmp(t->user, v->user) == 0 ? LOOK_NEW : LOOK_PLAIN;
        int x = a->x + 1;
        demo_canvas_put(c, x, y, USER - 1, look, t->user);
        demo_canvas_put(c, x + USER, y, TRIGGER - 1, LOOK_OTHER, t->name);
        x += USER + TRIGGER;
        demo_canvas_put(c, x, y, a->x + a->w - 3 - x, look, t->what);
        demo_canvas_put(c, a->x + a->w - 2, y, 1, LOOK_MODEL,
                        !t->relayed ? "."
                        : c->utf8   ? "\xe2\x9c\x93"
                                    : "*");
    }
}

/* ---- the followed user ------------------------------------------------------------------ */

static void draw_happened(const struct view *v, struct demo_canvas *c, const struct area *a) {
    char text[DEMO_TEXT_MAX];
    if (v->n_happened == 0) {
        demo_canvas_put(c, a->x + 1, a->y, a->w - 2, LOOK_DIM, "no event of this user lately");
    }
    for (int k = 0; k < v->n_happened && k < a->h; k++) {
        const struct view_event *e = &v->happened[k];
        const int y = a->y + k;
        demo_canvas_put(c, a->x + 1, y, 11, LOOK_DIM, demo_text_minute(e->ts_ms, text));
        demo_canvas_put(c, a->x + 13, y, a->w - 14,
                        e->injected ? LOOK_NEW
                        : k == 0    ? LOOK_BOLD
                                    : LOOK_PLAIN,
                        e->text);
    }
}

enum { REASON = 9 };

static void draw_list(const struct view_list *l, struct demo_canvas *c, const struct area *a) {
    char text[CONFIG_NAME_MAX + 32];
    snprintf(text, sizeof text, "%s list", l->domain);
    demo_canvas_put(c, a->x + 1, a->y, a->w - 2, LOOK_BOLD, text);
    if (l->n == 0) {
        demo_canvas_put(c, a->x + 1, a->y + 1, a->w - 2, LOOK_DIM, "no list yet");
    }
    for (int k = 0; k < l->n && k + 1 < a->h; k++) {
        const struct view_item *item = &l->items[k];
        const int y = a->y + 1 + k;
        snprintf(text, sizeof text, "%2d", k + 1);
        demo_canvas_put(c, a->x + 1, y, 2, LOOK_DIM, text);
        demo_canvas_put(c, a->x + 4, y, 1, LOOK_NEW, item->fresh ? "+" : " ");
        demo_canvas_put(c, a->x + 6, y, a->w - 8 - REASON, item->fresh ? LOOK_NEW : LOOK_PLAIN,
                        item->name);
        demo_canvas_put(c, a->x + a->w - 1 - REASON, y, REASON, LOOK_DIM, item->reason);
    }
}

static const char *title_of_segment(const struct view *v) {
    for (int k = 0; k < v->n_segments; k++) {
        if (v->segments[k].id == v->segment) {
            return v->segments[k].title;
        }
    }
    return "";
}

static void draw_lists(const struct view *v, struct demo_canvas *c, const struct area *a) {
    const int w = v->n_lists > 0 ? a->w / v->n_lists : a->w;
    for (int k = 0; k < v->n_lists; k++) {
        const struct area list = {a->x + k * w, a->y, k + 1 < v->n_lists ? w : a->w - k * w, a->h};
        draw_list(&v->lists[k], c, &list);
    }
}

static void draw_tour(struct demo_canvas *c, const struct area *a) {
    static const char *const lines[] = {
        "Events of the partners' users go through Kafka; crossrec learns each at once,",
        "and milliseconds later the user's lists for every partner stand in Redis.",
        "Followed here will be the first user with a few events in both domains.",
    };
    for (int k = 0; k < (int)(sizeof lines / sizeof *lines) && k < a->h; k++) {
        demo_canvas_put(c, a->x + 1, a->y + k, a->w - 2, LOOK_DIM, lines[k]);
    }
}

enum { WIDE = 120, EVENTS_FEW = 2, LIST_ROWS = VIEW_ITEMS + 1 };

static void draw_user(const struct view *v, struct demo_canvas *c, const struct area *a) {
    char title[2 * VIEW_TEXT];
    char more[VIEW_TEXT + 16] = "";
    snprintf(title, sizeof title, "%s%s", v->user[0] ? v->user : "nobody is followed yet",
             v->held ? " (held)" : "");
    if (v->user[0] && title_of_segment(v)[0]) {
        snprintf(more, sizeof more, "%d: %s", v->segment, title_of_segment(v));
    }
    draw_head(c, a, title, more);
    if (!v->user[0]) {
        draw_tour(c, a);
        return;
    }
    if (a->w >= WIDE) {
        const int w = a->w / 3;
        const struct area events = {a->x, a->y, w, a->h};
        const struct area lists = {a->x + w + 1, a->y, a->w - w - 1, a->h};
        draw_happened(v, c, &events);
        demo_canvas_vline(c, a->x + w, a->y, a->h);
        draw_lists(v, c, &lists);
        return;
    }
    const int spare = a->h - LIST_ROWS;
    const int n = spare > EVENTS_FEW ? spare : a->h > 6 ? EVENTS_FEW : 1;
    const struct area events = {a->x, a->y, a->w, n};
    const struct area lists = {a->x, a->y + n, a->w, a->h - n};
    draw_happened(v, c, &events);
    draw_lists(v, c, &lists);
}

/* ---- the first and the last row --------------------------------------------------------- */

static const char *const PHASES[] = {
    [VIEW_WAITING] = "waiting for the consumer group",
    [VIEW_PLAYING] = "playing",
    [VIEW_PAUSED] = "PAUSED",
    [VIEW_FINISHING] = "finishing",
    [VIEW_DONE] = "done",
};

static void draw_title(const struct view *v, struct demo_canvas *c) {
    char text[VIEW_TEXT];
    char at[DEMO_TEXT_MAX];
    char end[DEMO_TEXT_MAX];
    char day[DEMO_TEXT_MAX];
    demo_canvas_fill(c, 0, 0, c->w, LOOK_BAR);
    snprintf(text, sizeof text, "crossrec: %.60s", v->what);
    const int used = demo_canvas_put(c, 1, 0, c->w / 2, LOOK_BAR, text);
    char how_far[DEMO_TEXT_MAX + 8] = "";
    if (v->seconds > 0) {
        snprintf(how_far, sizeof how_far, " of %s", demo_text_clock(v->seconds * 1000, end));
    } else if (v->done >= 0.0) {
        snprintf(how_far, sizeof how_far, "  %.0f %%", 100.0 * v->done);
    }
    snprintf(text, sizeof text, "%s  %s%s  %s", demo_text_day(v->stream_ms, day),
             demo_text_clock(v->elapsed_ms, at), how_far, PHASES[v->phase]);
    demo_canvas_put_right(c, used + 2, 0, c->w - used - 3, LOOK_BAR, text);
}

static void draw_keys(const struct view *v, struct demo_canvas *c) {
    const char *text = v->prompt[0]    ? v->prompt
                       : v->message[0] ? v->message
                       : v->phase == VIEW_PAUSED
                           ? "space goes on  f follow another  o order for him  ? help  q quit"
                           : "space pauses  f follow another  o order for him  ? help  q quit";
    demo_canvas_fill(c, 0, c->h - 1, c->w, LOOK_BAR);
    (void)demo_canvas_put(c, 1, c->h - 1, c->w - 2, LOOK_BAR, text);
}

static void draw_help(struct demo_canvas *c) {
    static const char *const lines[] = {
        "space, p  pause: no events are fed; the model stands still",
        "f         follow another user: the next lively one, or type an id",
        "o         the followed user takes the first item of his list:",
        "          a real event, through Kafka; watch his lists change",
        "q         end: what was sent is still learned; then the summary",
        "",
        "recall@10: of the lines tested before they are learned, those",
        "in the ten of the model; beside it: in the ten of 7-day popularity",
        "to Redis: from the Kafka record to the reply of Redis",
        "triggers: a tick where the stream in Redis has it",
        "+  was not in the list before          any key: back",
    };
    enum { N = sizeof lines / sizeof *lines, W = 70 };
    const int w = c->w < W ? c->w : W;
    const struct area a = {(c->w - w) / 2, (c->h - N - 2) / 2 + 1, w, N};
    for (int y = a.y - 1; y <= a.y + a.h; y++) {
        demo_canvas_fill(c, a.x, y, a.w, LOOK_PLAIN);
    }
    draw_head(c, &a, "help", "");
    for (int k = 0; k < N; k++) {
        (void)demo_canvas_put(c, a.x + 2, a.y + k, a.w - 4, LOOK_PLAIN, lines[k]);
    }
    demo_canvas_hline(c, a.x, a.y + a.h, a.w);
}

/* ---- all of it -------------------------------------------------------------------------- */

static void draw_panes(const struct view *v, struct demo_canvas *c) {
    const int rows = c->h - 2 - 3; /* the bars, the heads of three bands */
    const int top = rows >= 40 ? 10 : rows >= 25 ? 7 : 4;
    const int user = rows >= 40 ? rows * 2 / 5 : rows / 2;
    const int middle = rows - top - user;
    const int left = c->w / 2;
    const struct area areas[] = {
        {0, 2, left, top},
        {left + 1, 2, c->w - left - 1, top},
        {0, 3 + top, left, middle},
        {left + 1, 3 + top, c->w - left - 1, middle},
        {0, 4 + top + middle, c->w, user},
    };
    draw_throughput(v, c, &areas[0]);
    draw_quality(v, c, &areas[1]);
    draw_segments(v, c, &areas[2]);
    draw_triggers(v, c, &areas[3]);
    draw_user(v, c, &areas[4]);
    for (size_t k = 0; k < 4; k += 2) { /* the corner first, then what goes down from it */
        demo_canvas_hline(c, left, areas[k].y - 1, 1);
    }
    for (size_t k = 0; k < 4; k += 2) {
        demo_canvas_vline(c, left, areas[k].y, areas[k].h);
    }
}

void demo_view_draw(const struct view *v, struct demo_canvas *c) {
    demo_canvas_clear(c);
    if (c->w < VIEW_W_MIN || c->h < VIEW_H_MIN) {
        char text[64];
        snprintf(text, sizeof text, "needs %d x %d", VIEW_W_MIN, VIEW_H_MIN);
        (void)demo_canvas_put(c, 0, 0, c->w, LOOK_PLAIN, text);
        (void)demo_canvas_put(c, 0, 1, c->w, LOOK_DIM, "q quits");
        return;
    }
    draw_title(v, c);
    draw_panes(v, c);
    draw_keys(v, c);
    if (v->help) {
        draw_help(c);
    }
}
