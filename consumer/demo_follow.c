/* SPDX-License-Identifier: Apache-2.0
 * demo_follow.c -- see demo_follow.h. */
#include "demo_follow.h"

#include <stdio.h>
#include <string.h>

#include "demo_text.h"

enum { FRESH_MS = 6000, LINE_NAME = 80 };

/* No key, no server, no such JSON: an empty list. */
static void read_list(struct demo_follow *f, uint32_t domain, struct demo_list *out) {
    char key[2 * CONFIG_NAME_MAX + ID_LEN_MAX + 16];
    char why[128];
    bool fresh = false;
    const char *value = NULL;
    size_t len = 0;
    snprintf(key, sizeof key, "%s:%s:rec:%s", f->prefix, demo_events_domain(f->events, domain),
             f->sight.user);
    if (f->store.connect(f->store.ctx, &fresh, why, sizeof why) ||
        f->store.get(f->store.ctx, key, &value, &len) || !value ||
        demo_list_read(value, len, out)) {
        *out = (struct demo_list){.segment = -1};
    }
}

static int at(const struct demo_list *l, const char *id) {
    for (uint32_t k = 0; k < l->n; k++) {
        if (strcmp(l->items[k].id, id) == 0) {
            return (int)k;
        }
    }
    return -1;
}

/* What stands in Redis takes the place of what was shown. */
static bool renew(struct demo_follow *f, struct demo_followed *l, int64_t now_ms) {
    struct demo_list next;
    int64_t fresh_ms[CONFIG_LIST_MAX] = {0};
    bool news = false;
    read_list(f, l->domain, &next);
    if (next.n == l->now.n && demo_list_same(&next, &l->now)) {
        return false;
    }
    for (uint32_t k = 0; k < next.n; k++) {
        const int before = at(&l->now, next.items[k].id);
        fresh_ms[k] = before >= 0 ? l->fresh_ms[before] : now_ms;
        news = news || before < 0;
    }
    l->now = next;
    memcpy(l->fresh_ms, fresh_ms, sizeof l->fresh_ms);
    return news;
}

/* Lowest domain first; a user of one domain gets lists of others, too. */
static void choose_lists(struct demo_follow *f) {
    const struct demo_sight *s = &f->sight;
    uint32_t other = s->other;
    for (uint32_t d = 0; other == s->domain && d < demo_events_n_domains(f->events); d++) {
        other = d;
    }
    const uint32_t low = s->domain < other ? s->domain : other;
    const uint32_t high = s->domain < other ? other : s->domain;
    f->n = low == high ? 1 : DEMO_LISTS;
    f->lists[0].domain = low;
    f->lists[1].domain = high;
}

bool demo_follow_look(struct demo_follow *f, struct demo_feeder *feeder, int64_t now_ms) {
    (void)demo_feeder_sight(feeder, &f->sight);
    if (f->sight.number == 0) {
        return false;
    }
    const uint32_t shown[DEMO_LISTS] = {f->lists[0].domain, f->lists[1].domain};
    const bool other_user = f->sample != f->sight.sample;
    f->sample = f->sight.sample;
    choose_lists(f);
    bool news = false;
    for (uint32_t k = 0; k < f->n && k < DEMO_LISTS; k++) {
        struct demo_followed *l = &f->lists[k];
        const bool other_list = other_user || shown[k] != l->domain;
        if (other_list) {
            l->now = (struct demo_list){.segment = -1};
        }
        const bool changed = renew(f, l, now_ms);
        if (other_list) {
            memset(l->fresh_ms, 0, sizeof l->fresh_ms); /* what stands there is not news */
        }
        news = news || (changed && !other_list);
    }
    return news;
}

bool demo_follow_fresh(const struct demo_followed *l, uint32_t k, int64_t now_ms) {
    return l->fresh_ms[k] > 0 && now_ms - l->fresh_ms[k] < FRESH_MS;
}

void demo_follow_words(const struct demo_events *events, const struct demo_happening *h, char *buf,
                       size_t len) {
    size_t used = 0;
    int n = snprintf(buf, len, "%s", demo_text_verb(h->action));
    for (uint32_t k = 0; n > 0 && k < h->n_lines && k < DEMO_SIGHT_LINES; k++) {
        used += (size_t)n;
        n = used < len ? snprintf(buf + used, len - used, "%s%.*s", k ? ", " : " ", LINE_NAME,
                                  demo_events_name(events, h->domain, h->items[k]))
                       : -1;
    }
    used += n > 0 ? (size_t)n : 0;
    if (h->n_lines > DEMO_SIGHT_LINES && used < len) {
        snprintf(buf + used, len - used, " and %u more", (unsigned)(h->n_lines - DEMO_SIGHT_LINES));
    }
}
