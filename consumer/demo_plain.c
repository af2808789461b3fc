/* SPDX-License-Identifier: Apache-2.0
 * demo_plain.c -- see demo_plain.h. */
#include "demo_plain.h"

#include <inttypes.h>
#include <string.h>

#include "demo_text.h"
#include "metrics.h"

enum {
    WORDS = 400,
    SHOWN = 3,
    ROW_MS = 1000,
    SLACK_MS = 50,
    LISTS_MS = 4000, /* no more often than this */
    FIRE_MS = 1000,
};

static void put_time(FILE *out, int64_t elapsed_ms) {
    fprintf(out, "at=%.1f", (double)elapsed_ms * 1e-3);
}

/* name="text", quotes and backslashes escaped, control characters as spaces. */
static void put_quoted(FILE *out, const char *name, const char *text) {
    fprintf(out, " %s=\"", name);
    for (const char *p = text; *p; p++) {
        if (*p == '"' || *p == '\\') {
            fputc('\\', out);
        }
        fputc((unsigned char)*p < ' ' || *p == 0x7f ? ' ' : *p, out);
    }
    fputc('"', out);
}

void demo_plain_row(FILE *out, int64_t elapsed_ms, const struct demo_reading *r, uint64_t n_fired) {
    char day[DEMO_TEXT_MAX];
    put_time(out, elapsed_ms);
    fprintf(out, " events=%" PRIu64, r->events);
    if (r->rate >= 0.0) {
        fprintf(out, " events_per_s=%.0f", r->rate);
    }
    fprintf(out, " lag=%" PRIu64, r->lag);
    if (r->p50_s >= 0.0) {
        fprintf(out, " p50_ms=%.0f p99_ms=%.0f", r->p50_s * 1e3, r->p99_s * 1e3);
    }
    fprintf(out, " users=%" PRIu64 " items=%" PRIu64, r->users, r->items);
    if (r->model_all >= 0.0) {
        fprintf(out, " recall10=%.3f popular10=%.3f", r->model_all, r->popular_all);
    }
    fprintf(out, " triggers=%" PRIu64, n_fired);
    if (r->stream_ms > 0) {
        fprintf(out, " day=%s", demo_text_day(r->stream_ms, day));
    }
    fputc('\n', out);
}

/* The first of the new items; "" if there are none. */
static void news_of(const struct demo_follow *f, const struct demo_followed *l, int64_t now_ms,
                    char *buf, size_t len) {
    size_t used = 0;
    int shown = 0;
    buf[0] = '\0';
    for (uint32_t k = 0; k < l->now.n && shown < SHOWN && used < len; k++) {
        if (demo_follow_fresh(l, k, now_ms)) {
            const int n = snprintf(buf + used, len - used, "%s%.80s", shown++ ? ", " : "",
                                   demo_events_name(f->events, l->domain, l->now.items[k].id));
            used += n > 0 ? (size_t)n : 0;
        }
    }
}

static void print_lists(FILE *out, int64_t elapsed_ms, const struct demo_follow *f,
                        int64_t now_ms) {
    char words[WORDS];
    put_time(out, elapsed_ms);
    put_quoted(out, "user", f->sight.user);
    if (f->sight.n_events > 0) {
        demo_follow_words(f->events, &f->sight.events[0], words, sizeof words);
        put_quoted(out, "did", words);
    }
    for (uint32_t k = 0; k < f->n; k++) {
        news_of(f, &f->lists[k], now_ms, words, sizeof words);
        if (words[0]) {
            put_quoted(out, demo_events_domain(f->events, f->lists[k].domain), words);
        }
    }
    fputc('\n', out);
}

static void print_fire(FILE *out, int64_t elapsed_ms, const struct demo_fire *fire) {
    put_time(out, elapsed_ms);
    fprintf(out, " trigger=%s", fire->name);
    put_quoted(out, "user", fire->user);
    if (fire->what[0]) {
        put_quoted(out, "what", fire->what);
    }
    fputc('\n', out);
}

/* ---- what is due ------------------------------------------------------------------------ */

void demo_plain_init(struct demo_plain *p, struct demo_stage *stage, int64_t now_ms) {
    *p = (struct demo_plain){.stage = stage, .start_ms = now_ms, .row_ms = now_ms};
    p->follow.store = stage->store;
    p->follow.events = stage->events;
    p->follow.prefix = stage->cfg.redis_prefix;
}

/* The newest one that its stream has. */
static void show_fire(struct demo_plain *p, int64_t now_ms) {
    const struct demo_fire *fire = NULL;
    demo_fires_look(p->stage->fires, p->follow.sight.user, now_ms);
    for (uint32_t k = 0; (fire = demo_fires_at(p->stage->fires, k)) != NULL; k++) {
        if (fire->relayed) {
            break;
        }
    }
    if (fire && entry_id_compare(fire->id, p->fire) != 0 && now_ms - p->fire_ms >= FIRE_MS) {
        print_fire(stdout, now_ms - p->start_ms, fire);
        p->fire = fire->id;
        p->fire_ms = now_ms;
    }
}

void demo_plain_tick(struct demo_plain *p, int64_t now_ms, bool last) {
    const uint64_t sample = p->follow.sample;
    p->news = demo_follow_look(&p->follow, p->stage->feeder, now_ms) ||
              (p->news && sample == p->follow.sample);
    if (p->news && now_ms - p->lists_ms >= LISTS_MS) {
        print_lists(stdout, now_ms - p->start_ms, &p->follow, now_ms);
        p->lists_ms = now_ms;
        p->news = false;
    }
    show_fire(p, now_ms);
    if (last || now_ms - p->row_ms >= ROW_MS - SLACK_MS) {
        struct demo_reading r;
        demo_gauge_read(&p->gauge, &p->stage->cfg, now_ms, &r);
        demo_plain_row(stdout, now_ms - p->start_ms, &r, (uint64_t)metric_sum(M_TRIGGERS));
        p->row_ms = now_ms;
    }
    fflush(stdout);
}
