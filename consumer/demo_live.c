/* SPDX-License-Identifier: Apache-2.0
 * demo_live.c -- see demo_live.h. */
#include "demo_live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "demo_clock.h"
#include "demo_fires.h"
#include "demo_follow.h"
#include "demo_gauge.h"
#include "demo_personas.h"
#include "demo_term.h"
#include "instance.h"
#include "metrics.h"

enum {
    READ_MS = 500,
    LOOK_MS = 200,
    SEGMENTS_MS = 2000,
    MESSAGE_MS = 5000,
};

struct demo_live {
    struct demo_stage *stage;
    struct view view;
    struct demo_canvas *shown, *next; /* shown NULL: nothing yet */
    struct demo_gauge gauge;
    struct demo_follow follow;
    int64_t read_ms, look_ms, segments_ms; /* of the last time */
    int64_t served_ms, message_ms;
    int64_t elapsed_ms;
    int stderr_fd; /* what stderr was: nothing is printed into the view */
    bool paused, typing;
    char typed[ID_LEN_MAX + 1];
    uint32_t n_orders;
};

/* ---- what is shown ---------------------------------------------------------------------- */

static void name_domains(struct demo_live *l) {
    const struct demo_events *e = l->stage->events;
    struct view *v = &l->view;
    size_t used = 0;
    const uint32_t n = demo_events_n_domains(e);
    for (uint32_t d = 0; d < n && used < sizeof v->what; d++) {
        used += (size_t)snprintf(v->what + used, sizeof v->what - used, "%s%s", d ? " + " : "",
                                 demo_events_domain(e, d));
        snprintf(v->quality[d].name, sizeof v->quality[d].name, "%s", demo_events_domain(e, d));
    }
    snprintf(v->quality[n].name, sizeof v->quality[n].name, "all");
    v->n_quality = (int)(n > 1 ? n + 1 : 1);
}

static void read_metrics(struct demo_live *l, int64_t now_ms) {
    struct demo_reading r;
    struct view *v = &l->view;
    const uint32_t n = demo_events_n_domains(l->stage->events);
    demo_gauge_read(&l->gauge, &l->stage->cfg, now_ms, &r);
    v->events = r.events;
    v->lag = r.lag;
    v->users = r.users;
    v->items = r.items;
    v->stream_ms = r.stream_ms;
    v->n_fired = (uint64_t)metric_sum(M_TRIGGERS);
    if (r.events == 0 || v->phase != VIEW_PLAYING) {
        return; /* series are of playing */
    }
    const uint64_t total = demo_events_total(l->stage->events);
    v->done = total > 0 ? (double)r.events / (double)total : -1.0;
    view_series_add(&v->rate, r.rate);
    view_series_add(&v->p50_s, r.p50_s);
    view_series_add(&v->p99_s, r.p99_s);
    for (uint32_t d = 0; d < n; d++) {
        view_series_add(&v->quality[d].model, r.model[d]);
        view_series_add(&v->quality[d].popular, r.popular[d]);
    }
    if (n > 1) {
        view_series_add(&v->quality[n].model, r.model_all);
        view_series_add(&v->quality[n].popular, r.popular_all);
    }
}

static void show_list(struct demo_live *l, uint32_t k, int64_t now_ms) {
    const struct demo_followed *from = &l->follow.lists[k];
    const struct demo_events *e = l->stage->events;
    struct view_list *to = &l->view.lists[k];
    snprintf(to->domain, sizeof to->domain, "%s", demo_events_domain(e, from->domain));
    to->n = 0;
    for (uint32_t i = 0; i < from->now.n && i < VIEW_ITEMS; i++) {
        struct view_item *item = &to->items[to->n++];
        snprintf(item->name, sizeof item->name, "%.*s", VIEW_TEXT - 1,
                 demo_events_name(e, from->domain, from->now.items[i].id));
        snprintf(item->reason, sizeof item->reason, "%s", from->now.items[i].reason);
        item->fresh = demo_follow_fresh(from, i, now_ms);
    }
    if (from->now.segment >= 0) {
        l->view.segment = from->now.segment;
    }
}

static void show_user(struct demo_live *l, int64_t now_ms) {
    const struct demo_sight *s = &l->follow.sight;
    struct view *v = &l->view;
    if (s->number == 0) {
        return;
    }
    snprintf(v->user, sizeof v->user, "%.*s", VIEW_TEXT - 1, s->user);
    v->held = s->held;
    v->n_happened = 0;
    for (uint32_t k = 0; k < s->n_events && k < VIEW_EVENTS; k++) {
        struct view_event *to = &v->happened[v->n_happened++];
        *to = (struct view_event){.ts_ms = s->events[k].ts_ms, .injected = s->events[k].injected};
        demo_follow_words(l->stage->events, &s->events[k], to->text, sizeof to->text);
    }
    v->segment = -1;
    v->n_lists = (int)l->follow.n;
    for (uint32_t k = 0; k < l->follow.n; k++) {
        show_list(l, k, now_ms);
    }
}

static void show_triggers(struct demo_live *l) {
    struct view *v = &l->view;
    const struct demo_fire *from = NULL;
    v->n_triggers = 0;
    for (uint32_t k = 0; k < VIEW_TRIGGERS; k++) {
        from = demo_fires_at(l->stage->fires, k);
        if (!from) {
            break;
        }
        struct view_trigger *to = &v->triggers[v->n_triggers++];
        snprintf(to->user, sizeof to->user, "%.*s", VIEW_TEXT - 1, from->user);
        snprintf(to->name, sizeof to->name, "%s", from->name);
        snprintf(to->what, sizeof to->what, "%s", from->what);
        to->relayed = from->relayed;
    }
}

static void ask_segments(struct demo_live *l) {
    char *text = NULL;
    if (instance_segments(daemon_instance(l->stage->daemon), &text) == ST_OK && text) {
        (void)demo_personas_read(text, &l->view);
    }
    free(text);
}

static void collect(struct demo_live *l, int64_t now_ms) {
    if (now_ms - l->read_ms >= READ_MS) {
        l->read_ms = now_ms;
        read_metrics(l, now_ms);
    }
    if (l->stage->feeder && now_ms - l->look_ms >= LOOK_MS) {
        l->look_ms = now_ms;
        (void)demo_follow_look(&l->follow, l->stage->feeder, now_ms);
        demo_fires_look(l->stage->fires, l->follow.sight.user, now_ms);
        show_user(l, now_ms);
        show_triggers(l);
    }
    if (l->view.events > 0 && now_ms - l->segments_ms >= SEGMENTS_MS) {
        l->segments_ms = now_ms;
        ask_segments(l);
    }
    if (now_ms - l->message_ms > MESSAGE_MS) {
        l->view.message[0] = '\0';
    }
}

/* ---- drawing ---------------------------------------------------------------------------- */

/* A canvas of the terminal's size; NULL: none can be made. */
static struct demo_canvas *canvas(const struct demo_live *l) {
    struct demo_canvas *c = NULL;
    int w = 0;
    int h = 0;
    demo_term_size(&w, &h);
    w = w < CANVAS_W_MAX ? w : CANVAS_W_MAX;
    h = h < CANVAS_H_MAX ? h : CANVAS_H_MAX;
    if (l->next && l->next->w == w && l->next->h == h) {
        return l->next;
    }
    return demo_canvas_new(w, h, demo_term_utf8(), demo_term_colour(), &c) ? NULL : c;
}

static void draw(struct demo_live *l) {
    if (demo_term_resized()) {
        demo_canvas_free(l->shown); /* who knows what it shows now */
        l->shown = NULL;
    }
    struct demo_canvas *c = canvas(l);
    if (!c) {
        return;
    }
    if (c != l->next) {
        demo_canvas_free(l->next);
        l->next = c;
    }
    demo_view_draw(&l->view, c);
    size_t len = 0;
    char *bytes = demo_canvas_frame(c, l->shown, &len);
    if (!bytes) {
        return;
    }
    if (len > 0) {
        demo_term_write(bytes, len);
    }
    free(bytes);
    l->next = l->shown;
    l->shown = c;
}

/* ---- keys ------------------------------------------------------------------------------- */

static void say(struct demo_live *l, const char *text) {
    snprintf(l->view.message, sizeof l->view.message, "%s", text);
    l->message_ms = demo_now_ms();
}

/* The first item of his last list, or, when that is what he ordered last, the next one. */
static void order(struct demo_live *l) {
    const struct demo_followed *list = NULL;
    char text[VIEW_TEXT];
    for (uint32_t k = 0; k < l->follow.n; k++) {
        list = l->follow.lists[k].now.n > 0 ? &l->follow.lists[k] : list;
    }
    if (!list) {
        say(l, "nobody with a list is followed yet");
        return;
    }
    const char *id = list->now.items[0].id;
    const struct demo_sight *s = &l->follow.sight;
    const struct demo_happening *last = s->n_events > 0 ? &s->events[0] : NULL;
    if (last && last->injected && strcmp(last->items[0], id) == 0 && list->now.n > 1) {
        id = list->now.items[++l->n_orders % list->now.n].id;
    }
    const enum status st = demo_feeder_order(l->stage->feeder, list->domain, s->user, id);
    if (st) {
        say(l, "not now");
        return;
    }
    snprintf(text, sizeof text, "%.60s takes %.80s: through Kafka, and his lists change", s->user,
             demo_events_name(l->stage->events, list->domain, id));
    say(l, text);
}

static void prompt(struct demo_live *l) {
    if (l->typing) {
        snprintf(l->view.prompt, sizeof l->view.prompt,
                 "follow whom? Enter: the next lively one, Esc: nobody else: %.80s_", l->typed);
    } else {
        l->view.prompt[0] = '\0';
    }
}

static void type(struct demo_live *l, int key) {
    const size_t len = strlen(l->typed);
    if (key == KEY_ENTER) {
        demo_feeder_follow(l->stage->feeder, l->typed);
        l->typing = false;
    } else if (key == KEY_ESCAPE) {
        l->typing = false;
    } else if (key == KEY_BACKSPACE && len > 0) {
        l->typed[len - 1] = '\0';
    } else if (key > ' ' && key < 127 && len < sizeof l->typed - 1) {
        l->typed[len] = (char)key;
        l->typed[len + 1] = '\0';
    }
    prompt(l);
}

static void pause_or_go_on(struct demo_live *l) {
    l->paused = !l->paused;
    demo_feeder_pause(l->stage->feeder, l->paused);
}

/* True: q. */
static bool press(struct demo_live *l, int key) {
    if (l->view.help) {
        l->view.help = false;
        return key == 'q';
    }
    if (l->typing) {
        type(l, key);
        return false;
    }
    const bool fed = l->stage->feeder != NULL;
    switch (key) {
    case 'q': return true;
    case '?':
    case 'h': l->view.help = true; break;
    case ' ':
    case 'p':
        if (fed) {
            pause_or_go_on(l);
        }
        break;
    case 'o':
        if (fed) {
            order(l);
        }
        break;
    case 'f':
        l->typing = fed;
        l->typed[0] = '\0';
        prompt(l);
        break;
    case 'l' & 0x1f: /* ^L */
        demo_canvas_free(l->shown);
        l->shown = NULL;
        break;
    default: break;
    }
    return false;
}

/* ---- life cycle ------------------------------------------------------------------------- */

enum status demo_live_open(struct demo_stage *stage, struct demo_live **out) {
    struct demo_live *l = calloc(1, sizeof *l);
    if (!l) {
        return ST_NOMEM;
    }
    l->stage = stage;
    l->stderr_fd = -1;
    l->follow = (struct demo_follow){
        .store = stage->store, .events = stage->events, .prefix = stage->cfg.redis_prefix};
    l->view.done = -1.0;
    l->view.segment = -1;
    l->view.seconds = stage->options.seconds;
    l->view.seed_users = (uint64_t)stage->cfg.segments_seed_users;
    l->view.kafka = stage->broker                     ? "embedded Kafka"
                    : stage->cfg.state == STATE_KAFKA ? "exactly once"
                                                      : "Kafka";
    l->view.no_triggers = stage->fires ? NULL : "off: they need state = kafka";
    name_domains(l);
    const enum status st = demo_term_open();
    if (st) {
        demo_live_close(l);
        return st;
    }
    l->stderr_fd = dup(STDERR_FILENO);
    (void)dup2(stage->log_fd, STDERR_FILENO);
    l->served_ms = demo_now_ms();
    *out = l;
    return ST_OK;
}

void demo_live_close(struct demo_live *l) {
    demo_term_close();
    if (l && l->stderr_fd >= 0) {
        (void)dup2(l->stderr_fd, STDERR_FILENO);
        close(l->stderr_fd);
    }
    if (l) {
        demo_canvas_free(l->shown);
        demo_canvas_free(l->next);
        free(l);
    }
}

bool demo_live_serve(struct demo_live *l, enum view_phase phase, int64_t timeout_ms) {
    const int64_t end_ms = demo_now_ms() + timeout_ms;
    bool quit = false;
    int64_t now_ms = demo_now_ms();
    do {
        if (phase == VIEW_PLAYING && !l->paused) {
            l->elapsed_ms += now_ms - l->served_ms;
        }
        l->served_ms = now_ms;
        l->view.phase = phase == VIEW_PLAYING && l->paused ? VIEW_PAUSED : phase;
        l->view.elapsed_ms = l->elapsed_ms;
        collect(l, now_ms);
        draw(l);
        now_ms = demo_now_ms();
        const int key = demo_term_key(end_ms > now_ms ? (int)(end_ms - now_ms) : 0);
        if (key != KEY_NONE) {
            quit = key == KEY_GONE || press(l, key) || quit;
        }
        now_ms = demo_now_ms();
    } while (now_ms < end_ms && !quit);
    return quit;
}

int64_t demo_live_elapsed(const struct demo_live *l) {
    return l->elapsed_ms;
}
