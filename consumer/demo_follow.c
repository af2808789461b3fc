/* SPDX-License-Identifier: Apache-2.0
 * demo_follow.c -- see demo_follow.h. */
#include "demo_follow.h"

#include <stdio.h>
#include <string.h>

enum {
    PATIENCE_MS = 2000, /* after an event, for a list that may never change */
    SETTLE_MS = 100,    /* between the first list that changed and the other */
};

/* No key, no server, no such JSON: an empty list. */
static void read_list(struct demo_follow *f, const char *user, uint32_t domain,
                      struct demo_list *out) {
    char key[2 * CONFIG_NAME_MAX + ID_LEN_MAX + 16];
    char why[128];
    bool fresh = false;
    const char *value = NULL;
    size_t len = 0;
    snprintf(key, sizeof key, "%s:%s:rec:%s", f->prefix, demo_events_domain(f->events, domain),
             user);
    if (f->store.connect(f->store.ctx, &fresh, why, sizeof why) ||
        f->store.get(f->store.ctx, key, &value, &len) || !value ||
        demo_list_read(value, len, out)) {
        *out = (struct demo_list){.n = 0};
    }
}

static void read_lists(struct demo_follow *f, const char *user, struct demo_list *out) {
    for (uint32_t k = 0; k < f->lists.n; k++) {
        read_list(f, user, f->lists.domains[k], &out[k]);
    }
}

/* Another user: what stands there now is what his next event is compared with. */
static void follow(struct demo_follow *f, const struct demo_sight *s) {
    const uint32_t low = s->domain < s->other ? s->domain : s->other;
    const uint32_t high = s->domain < s->other ? s->other : s->domain;
    f->lists = (struct demo_lists){.n = low == high ? 1 : 2, .domains = {low, high}};
    for (uint32_t k = 0; k < DEMO_LISTS; k++) {
        f->lists.now[k] = &f->now[k];
        f->lists.before[k] = &f->before[k];
    }
    read_lists(f, s->user, f->before);
    f->sample = s->sample;
    f->waiting_ms = 0;
}

static bool something_new(const struct demo_follow *f) {
    for (uint32_t k = 0; k < f->lists.n; k++) {
        const struct demo_list *now = &f->now[k];
        if (now->ts_ms < f->sight.ts_ms || demo_list_same(now, &f->before[k])) {
            continue;
        }
        for (uint32_t i = 0; i < now->n && i < DEMO_TOP; i++) {
            if (!demo_list_has(&f->before[k], now->items[i].id)) {
                return true;
            }
        }
    }
    return false;
}

static void show_when_changed(struct demo_follow *f, int64_t now_ms, struct demo_screen *screen) {
    if (now_ms - f->waiting_ms > PATIENCE_MS) {
        f->waiting_ms = 0;
        return;
    }
    read_lists(f, f->sight.user, f->now);
    if (!something_new(f)) {
        return;
    }
    if (f->changed_ms == 0) {
        f->changed_ms = now_ms;
    }
    if (now_ms - f->changed_ms < SETTLE_MS) {
        return;
    }
    demo_screen_lists(screen, f->events, &f->sight, &f->lists);
    memcpy(f->before, f->now, sizeof f->before);
    f->shown_ms = now_ms;
    f->waiting_ms = 0;
}

void demo_follow_look(struct demo_follow *f, const struct demo_sight *sight, int64_t now_ms,
                      struct demo_screen *screen) {
    if (sight->number == 0) {
        return;
    }
    if (sight->sample != f->sample) {
        follow(f, sight);
    }
    if (sight->number != f->number && !sight->chosen) {
        f->sight = *sight;
        f->waiting_ms = now_ms;
        f->changed_ms = 0;
    }
    f->number = sight->number;
    if (f->waiting_ms == 0) {
        return;
    }
    if (f->shown_ms > 0 && now_ms - f->shown_ms < f->every_ms) {
        f->waiting_ms = now_ms; /* too soon: the waiting has not begun */
        return;
    }
    show_when_changed(f, now_ms, screen);
}
