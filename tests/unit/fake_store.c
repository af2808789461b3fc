/* SPDX-License-Identifier: Apache-2.0
 *
 * fake_store.c -- see fake_store.h.
 */
#include "fake_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fake_pending {
    char key[FAKE_KEY_MAX];
    char value[FAKE_VALUE_MAX];
    size_t len;
    int64_t ttl_ms;
    uint64_t epoch, seq;
    bool want_previous, touch, entry;
    char channel[FAKE_KEY_MAX], message[FAKE_KEY_MAX]; /* "": none */
    uint64_t after_ms, after_seq;
};

static void lock(struct fake_store *f) {
    pthread_mutex_lock(&f->lock);
}

static void unlock(struct fake_store *f) {
    pthread_mutex_unlock(&f->lock);
}

void fake_store_init(struct fake_store *f) {
    *f = (struct fake_store){.break_after = -1};
    pthread_mutex_init(&f->lock, NULL);
    f->keys = calloc(FAKE_KEYS, sizeof *f->keys);
    f->pending = calloc(FAKE_PIPELINE, sizeof *f->pending);
    if (!f->keys || !f->pending) {
        abort();
    }
}

void fake_store_free(struct fake_store *f) {
    free(f->keys);
    free(f->pending);
    pthread_mutex_destroy(&f->lock);
}

static struct fake_key *find(struct fake_store *f, const char *name) {
    for (int i = 0; i < f->n_keys; i++) {
        if (strcmp(f->keys[i].name, name) == 0) {
            return &f->keys[i];
        }
    }
    return NULL;
}

static struct fake_key *make(struct fake_store *f, const char *name) {
    struct fake_key *k = find(f, name);
    if (!k) {
        if (f->n_keys == FAKE_KEYS) {
            abort();
        }
        k = &f->keys[f->n_keys++];
        *k = (struct fake_key){0};
        snprintf(k->name, sizeof k->name, "%s", name);
    }
    return k;
}

/* ---- the store ---------------------------------------------------------------------- */

static enum status fake_connect(void *ctx, bool *fresh, char *why, size_t len) {
    struct fake_store *f = ctx;
    lock(f);
    enum status st = ST_OK;
    *fresh = false;
    if (!f->connected) {
        f->connects++;
        st = f->connect_status;
        if (st == ST_OK) {
            f->connected = true;
            f->n_pending = 0;
            f->pending_bytes = 0;
            *fresh = f->fresh || f->connects == 1;
            f->fresh = false;
        } else {
            snprintf(why, len, "%s", st == ST_AGAIN ? "nobody listens" : "wrong password");
        }
    }
    unlock(f);
    return st;
}

static enum status fake_append(struct fake_store *f, struct fake_pending *p, const char *key,
                               size_t key_len) {
    lock(f);
    memcpy(p->key, key, key_len);
    bool chosen = f->error_key && strstr(p->key, f->error_key);
    enum status st = chosen ? f->put_status : ST_OK;
    if (!f->connected) {
        st = ST_LOST;
    } else if (st == ST_OK) {
        f->pending[f->n_pending++] = *p;
        f->pending_bytes += p->len;
    }
    unlock(f);
    return st;
}

static enum status fake_put(void *ctx, const struct store_write *w) {
    struct fake_pending p = {.len = w->value_len,
                             .ttl_ms = w->ttl_ms,
                             .epoch = w->epoch,
                             .seq = w->seq,
                             .want_previous = w->want_previous};
    memcpy(p.value, w->value, w->value_len < FAKE_VALUE_MAX ? w->value_len : FAKE_VALUE_MAX - 1);
    if (w->channel) {
        memcpy(p.channel, w->channel, w->channel_len);
        memcpy(p.message, w->message, w->message_len);
    }
    return fake_append(ctx, &p, w->key, w->key_len);
}

static enum status fake_expire(void *ctx, const char *key, size_t key_len, int64_t ttl_ms) {
    struct fake_pending p = {.ttl_ms = ttl_ms, .touch = true};
    return fake_append(ctx, &p, key, key_len);
}

static enum status fake_append_entry(void *ctx, const struct store_entry *e) {
    struct fake_pending p = {.epoch = e->ms,
                             .seq = e->seq,
                             .entry = true,
                             .after_ms = e->after_ms,
                             .after_seq = e->after_seq};
    p.len = (size_t)snprintf(p.value, sizeof p.value, "%llu-%llu %.*s;", (unsigned long long)e->ms,
                             (unsigned long long)e->seq, (int)e->fields[0].len, e->fields[0].value);
    return fake_append(ctx, &p, e->key, e->key_len);
}

static bool is_before(uint64_t ms, uint64_t seq, uint64_t other_ms, uint64_t other_seq) {
    return ms < other_ms || (ms == other_ms && seq < other_seq);
}

static struct store_reply execute_entry(struct fake_store *f, const struct fake_pending *p) {
    struct fake_key *k = make(f, p->key);
    if (is_before(k->epoch, k->seq, p->after_ms, p->after_seq)) {
        return (struct store_reply){.result = STORE_GAP, .epoch = k->epoch, .seq = k->seq};
    }
    if (!is_before(k->epoch, k->seq, p->epoch, p->seq)) {
        return (struct store_reply){.result = STORE_WRITTEN, .number = -1};
    }
    snprintf(k->value + k->len, sizeof k->value - k->len, "%s", p->value);
    k->len = strlen(k->value);
    k->epoch = p->epoch;
    k->seq = p->seq;
    k->writes++;
    k->order = ++f->writes;
    k->flush = f->flushes;
    return (struct store_reply){.result = STORE_WRITTEN};
}

/* What Redis would do with one command; *previous points into `old`. */
static struct store_reply execute(struct fake_store *f, const struct fake_pending *p,
                                  struct fake_key *old) {
    if (f->error && (!f->error_key || strstr(p->key, f->error_key))) {
        return (struct store_reply){.result = STORE_ERROR, .why = f->error};
    }
    if (p->entry) {
        return execute_entry(f, p);
    }
    const struct fake_key *there = find(f, p->key);
    *old = there ? *there : (struct fake_key){0};
    if (p->touch) {
        make(f, p->key)->touches++;
        make(f, p->key)->ttl_ms = p->ttl_ms;
        return (struct store_reply){.result = STORE_WRITTEN};
    }
    if (old->epoch > p->epoch || (old->epoch == p->epoch && old->seq > p->seq)) {
        return (struct store_reply){.result = STORE_FENCED, .epoch = old->epoch, .seq = old->seq};
    }
    struct fake_key *k = make(f, p->key);
    memcpy(k->value, p->value, sizeof k->value);
    k->len = p->len;
    k->epoch = p->epoch;
    k->seq = p->seq;
    k->ttl_ms = p->ttl_ms;
    k->told += p->channel[0] != '\0';
    memcpy(k->channel, p->channel, sizeof k->channel);
    memcpy(k->message, p->message, sizeof k->message);
    k->writes++;
    k->order = ++f->writes;
    k->flush = f->flushes;
    bool previous = p->want_previous && there;
    return (struct store_reply){.result = STORE_WRITTEN,
                                .previous = previous ? old->value : NULL,
                                .previous_len = previous ? old->len : 0};
}

static enum status fake_flush(void *ctx, void (*each)(void *, size_t, const struct store_reply *),
                              void *arg) {
    struct fake_store *f = ctx;
    lock(f);
    f->flushes++;
    f->max_pipeline = f->n_pending > f->max_pipeline ? f->n_pending : f->max_pipeline;
    f->max_bytes = f->pending_bytes > f->max_bytes ? f->pending_bytes : f->max_bytes;
    const int n = f->n_pending;
    const bool breaks = !f->connected || (f->break_after >= 0 && f->break_after <= n);
    const int answered = !f->connected ? 0 : breaks ? f->break_after : n;
    for (int i = 0; i < n && f->connected && (i < answered || !f->lost_writes); i++) {
        struct fake_key old;
        struct store_reply r = execute(f, &f->pending[i], &old);
        if (i < answered) {
            each(arg, (size_t)i, &r);
        }
    }
    if (breaks) {
        f->connected = false;
        f->break_after = -1;
    }
    f->n_pending = 0;
    f->pending_bytes = 0;
    unlock(f);
    return breaks ? ST_LOST : ST_OK;
}

static enum status fake_get_value(void *ctx, const char *key, const char **value, size_t *len) {
    static _Thread_local struct fake_key lent;
    struct fake_store *f = ctx;
    lock(f);
    f->gets++;
    enum status st = f->connected ? ST_OK : ST_LOST;
    const struct fake_key *k = find(f, key);
    if (st == ST_OK) {
        lent = k ? *k : (struct fake_key){0};
        *value = k ? lent.value : NULL;
        *len = k ? lent.len : 0;
    }
    unlock(f);
    return st;
}

static enum status fake_last_id(void *ctx, const char *key, uint64_t *ms, uint64_t *seq) {
    struct fake_store *f = ctx;
    lock(f);
    enum status st = f->connected ? ST_OK : ST_LOST;
    const struct fake_key *k = find(f, key);
    if (st == ST_OK) {
        *ms = k ? k->epoch : 0;
        *seq = k ? k->seq : 0;
    }
    unlock(f);
    return st;
}

struct store fake_store(struct fake_store *f) {
    return (struct store){.connect = fake_connect,
                          .put = fake_put,
                          .expire = fake_expire,
                          .append = fake_append_entry,
                          .last_id = fake_last_id,
                          .flush = fake_flush,
                          .get = fake_get_value,
                          .ctx = f};
}

/* ---- the test's side ---------------------------------------------------------------- */

struct fake_key fake_get(struct fake_store *f, const char *name) {
    lock(f);
    const struct fake_key *k = find(f, name);
    struct fake_key copy = k ? *k : (struct fake_key){0};
    unlock(f);
    return copy;
}

void fake_set(struct fake_store *f, const char *name, const char *value, uint64_t epoch,
              uint64_t seq) {
    lock(f);
    struct fake_key *k = make(f, name);
    snprintf(k->value, sizeof k->value, "%s", value);
    k->len = strlen(value);
    k->epoch = epoch;
    k->seq = seq;
    unlock(f);
}

void fake_flushall(struct fake_store *f) {
    lock(f);
    f->n_keys = 0;
    unlock(f);
}

void fake_disconnect(struct fake_store *f) {
    lock(f);
    f->connected = false;
    unlock(f);
}
