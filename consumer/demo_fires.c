/* SPDX-License-Identifier: Apache-2.0
 * demo_fires.c -- see demo_fires.h. */
#include "demo_fires.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kafka.h"

enum { RECORDS = 128, POLLS = 16 };

struct demo_fires {
    const struct config *cfg;
    const struct store *store;
    struct kafka_log *log;
    int64_t kept_ms; /* when one of others was kept last */
    uint64_t n;      /* ever kept */
    struct demo_fire fires[DEMO_FIRES];
};

enum status demo_fires_new(const struct config *cfg, int32_t partitions, const struct store *store,
                           struct demo_fires **out, char *err) {
    if (cfg->n_triggers == 0 || cfg->state != STATE_KAFKA) {
        *out = NULL;
        return ST_OK;
    }
    struct demo_fires *f = calloc(1, sizeof *f);
    if (!f) {
        return ST_NOMEM;
    }
    f->cfg = cfg;
    f->store = store;
    enum status st = kafka_log_new(cfg, cfg->outbox_topic, &f->log, err);
    for (int32_t p = 0; p < partitions && !st; p++) {
        st = kafka_log_add(f->log, p, -1);
        if (st) {
            snprintf(err, CONFIG_ERROR_MAX, "partition %d of %s cannot be read: %s", (int)p,
                     cfg->outbox_topic, status_str(st));
            st = ST_IO;
        }
    }
    if (st) {
        demo_fires_free(f);
        return st;
    }
    *out = f;
    return ST_OK;
}

void demo_fires_free(struct demo_fires *f) {
    if (f) {
        kafka_log_free(f->log);
        free(f);
    }
}

/* ---- one trigger ------------------------------------------------------------------------ */

static void put_text(char *out, size_t room, struct trigger_text text) {
    const size_t len = text.len < room - 1 ? text.len : room - 1;
    out[0] = '\0';
    if (text.s) {
        memcpy(out, text.s, len);
        out[len] = '\0';
    }
}

/* A change, or what was taken or is recommended: its category, or only where. */
static void tell_what(const struct trigger *t, struct demo_fire *out) {
    char from[DEMO_FIRE_WHAT / 3];
    char to[DEMO_FIRE_WHAT / 3];
    if (!t->to.s) {
        put_text(out->what, sizeof out->what, t->category.s ? t->category : t->domain);
        return;
    }
    put_text(from, sizeof from, t->from);
    put_text(to, sizeof to, t->to);
    snprintf(out->what, sizeof out->what, "%s%s%s%s", t->kind == TRIGGER_SEGMENT ? "segment " : "",
             from, from[0] ? " > " : "", to);
}

static uint8_t target_of(const struct demo_fires *f, struct trigger_text name) {
    uint8_t d = 0;
    while (d + 1U < f->cfg->n_domains && (strlen(f->cfg->domains[d].name) != name.len ||
                                          memcmp(f->cfg->domains[d].name, name.s, name.len) != 0)) {
        d++;
    }
    return d;
}

static bool is_user(const struct trigger *t, const char *user) {
    return strlen(user) == t->user.len && memcmp(user, t->user.s, t->user.len) == 0;
}

static void take(struct demo_fires *f, const struct record *r, const char *favourite,
                 int64_t now_ms) {
    struct trigger t;
    if (r->end || !r->value || trigger_read(r->value, r->value_len, &t)) {
        return;
    }
    if (!is_user(&t, favourite)) {
        if (now_ms - f->kept_ms < DEMO_FIRES_GAP_MS) {
            return;
        }
        f->kept_ms = now_ms;
    }
    struct demo_fire *to = &f->fires[f->n++ % DEMO_FIRES];
    *to =
        (struct demo_fire){.id = t.id, .partition = t.partition, .target = target_of(f, t.target)};
    put_text(to->name, sizeof to->name, t.name);
    put_text(to->user, sizeof to->user, t.user);
    tell_what(&t, to);
}

/* ---- streams ---------------------------------------------------------------------------- */

/* One question a stream, for the newest one that is not known to be there; those before it are
 * there if it is. */
static void ask(struct demo_fires *f, const struct demo_fire *newest) {
    char key[2 * CONFIG_NAME_MAX + 32];
    char why[128];
    bool fresh = false;
    struct entry_id last = {0};
    const struct store *s = f->store;
    snprintf(key, sizeof key, "%s:%s:triggers:%d", f->cfg->redis_prefix,
             f->cfg->domains[newest->target].name, (int)newest->partition);
    if (s->connect(s->ctx, &fresh, why, sizeof why) ||
        s->last_id(s->ctx, key, &last.ms, &last.seq)) {
        return;
    }
    for (uint32_t k = 0; k < f->n && k < DEMO_FIRES; k++) {
        struct demo_fire *at = &f->fires[k];
        if (at->target == newest->target && at->partition == newest->partition) {
            at->relayed = entry_id_compare(at->id, last) <= 0;
        }
    }
}

static bool is_newest(const struct demo_fires *f, const struct demo_fire *one) {
    for (uint32_t k = 0; k < f->n && k < DEMO_FIRES; k++) {
        const struct demo_fire *at = &f->fires[k];
        if (at->target == one->target && at->partition == one->partition &&
            entry_id_compare(at->id, one->id) > 0) {
            return false;
        }
    }
    return true;
}

void demo_fires_look(struct demo_fires *f, const char *favourite, int64_t now_ms) {
    struct record records[RECORDS];
    size_t n = RECORDS;
    for (int k = 0; f && k < POLLS && n == RECORDS; k++) {
        n = kafka_log_poll(f->log, records, RECORDS, 0);
        for (size_t i = 0; i < n; i++) {
            take(f, &records[i], favourite, now_ms);
        }
    }
    for (uint32_t k = 0; f && k < f->n && k < DEMO_FIRES; k++) {
        if (!f->fires[k].relayed && is_newest(f, &f->fires[k])) {
            ask(f, &f->fires[k]);
        }
    }
}

const struct demo_fire *demo_fires_at(const struct demo_fires *f, uint32_t k) {
    return f && k < f->n && k < DEMO_FIRES ? &f->fires[(f->n - 1 - k) % DEMO_FIRES] : NULL;
}
