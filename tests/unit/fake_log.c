/* SPDX-License-Identifier: Apache-2.0
 * fake_log.c -- see fake_log.h. */
#include "fake_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void *need(void *p) {
    if (!p) {
        abort();
    }
    return p;
}

static void nap_ms(int ms) {
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000L};
    nanosleep(&t, NULL);
}

static void lock(struct fake_logs *l) {
    pthread_mutex_lock(&l->lock);
}

static void unlock(struct fake_logs *l) {
    pthread_mutex_unlock(&l->lock);
}

/* NULL stays NULL; an empty text does not. */
static char *copy_of(const char *p, size_t len) {
    char *copy = p ? need(malloc(len + 1)) : NULL;
    if (p) {
        memcpy(copy, p, len);
    }
    return copy;
}

/* ---- topics --------------------------------------------------------------------------------- */

void fake_logs_init(struct fake_logs *l, uint64_t seed) {
    memset(l, 0, sizeof *l);
    pthread_mutex_init(&l->lock, NULL);
    l->rng.state = seed;
}

static void bury(struct fake_logs *l, char *bytes) {
    if (l->n_buried == l->cap_buried) {
        l->cap_buried = l->cap_buried ? 2 * l->cap_buried : 256;
        l->buried = need(realloc(l->buried, l->cap_buried * sizeof *l->buried));
    }
    l->buried[l->n_buried++] = bytes;
}

static void empty(struct fake_logs *l, struct fake_log_part *p) {
    for (int64_t k = 0; k < p->n; k++) {
        bury(l, p->records[k].key);
        bury(l, p->records[k].value);
    }
    free(p->records);
    *p = (struct fake_log_part){0};
}

void fake_logs_free(struct fake_logs *l) {
    for (int t = 0; t < l->n_topics; t++) {
        for (int p = 0; p < FAKE_LOG_PARTS; p++) {
            empty(l, &l->topics[t].parts[p]);
        }
    }
    for (size_t k = 0; k < l->n_buried; k++) {
        free(l->buried[k]);
    }
    free(l->buried);
    pthread_mutex_destroy(&l->lock);
}

static struct fake_topic *find(struct fake_logs *l, const char *name) {
    for (int t = 0; t < l->n_topics; t++) {
        if (strcmp(l->topics[t].name, name) == 0) {
            return &l->topics[t];
        }
    }
    return NULL;
}

void fake_logs_make(struct fake_logs *l, const char *topic, int32_t n_parts) {
    lock(l);
    struct fake_topic *t = find(l, topic);
    if (!t) {
        if (l->n_topics == FAKE_LOG_TOPICS || n_parts > FAKE_LOG_PARTS) {
            abort();
        }
        t = &l->topics[l->n_topics++];
        snprintf(t->name, sizeof t->name, "%s", topic);
    }
    for (int p = 0; p < FAKE_LOG_PARTS; p++) {
        empty(l, &t->parts[p]);
    }
    t->n_parts = n_parts;
    t->life++;
    unlock(l);
}

static struct fake_log_part *part_of(struct fake_logs *l, const char *topic, int32_t partition) {
    struct fake_topic *t = need(find(l, topic));
    if (partition < 0 || partition >= t->n_parts) {
        abort();
    }
    return &t->parts[partition];
}

static int64_t push(struct fake_log_part *p, const struct fake_record *r) {
    if (p->n == p->cap) {
        p->cap = p->cap ? 2 * p->cap : 64;
        p->records = need(realloc(p->records, (size_t)p->cap * sizeof *p->records));
    }
    p->records[p->n] = *r;
    return p->n++;
}

int64_t fake_logs_append(struct fake_logs *l, const char *topic, int32_t partition,
                         const struct fake_record *r) {
    struct fake_record copy = *r;
    copy.key = copy_of(r->key, r->key_len);
    copy.value = copy_of(r->value, r->value_len);
    copy.state = r->tx ? FAKE_OPEN : FAKE_COMMITTED;
    lock(l);
    const int64_t offset = push(part_of(l, topic, partition), &copy);
    unlock(l);
    return offset;
}

uint32_t fake_logs_begin(struct fake_logs *l) {
    lock(l);
    const uint32_t tx = ++l->last_tx;
    unlock(l);
    return tx;
}

static void end_in(struct fake_log_part *p, uint32_t tx, bool commit) {
    bool wrote = false;
    for (int64_t k = p->n; k-- > p->low;) {
        if (p->records[k].tx == tx && p->records[k].state == FAKE_OPEN) {
            p->records[k].state = commit ? FAKE_COMMITTED : FAKE_ABORTED;
            wrote = true;
        }
    }
    if (wrote) {
        (void)push(p, &(struct fake_record){.state = FAKE_MARKER, .tx = tx});
    }
}

void fake_logs_end(struct fake_logs *l, uint32_t tx, bool commit) {
    lock(l);
    for (int t = 0; t < l->n_topics; t++) {
        for (int p = 0; p < l->topics[t].n_parts; p++) {
            end_in(&l->topics[t].parts[p], tx, commit);
        }
    }
    unlock(l);
}

void fake_logs_trim(struct fake_logs *l, const char *topic, int32_t partition, int64_t below) {
    lock(l);
    struct fake_log_part *p = part_of(l, topic, partition);
    const int64_t to = below < 0 || below > p->n ? p->n : below;
    p->low = to > p->low ? to : p->low;
    unlock(l);
}

static bool same_key(const struct fake_record *a, const struct fake_record *b) {
    return a->key && b->key && a->key_len == b->key_len && memcmp(a->key, b->key, a->key_len) == 0;
}

void fake_logs_compact(struct fake_logs *l, const char *topic, int32_t partition, bool tombstones) {
    lock(l);
    struct fake_log_part *p = part_of(l, topic, partition);
    for (int64_t k = p->low; k + 1 < p->n; k++) {
        struct fake_record *r = &p->records[k];
        bool goes =
            r->state == FAKE_ABORTED || (r->state == FAKE_COMMITTED && !r->value && tombstones);
        for (int64_t m = k + 1; m < p->n && r->state == FAKE_COMMITTED && !goes; m++) {
            goes = p->records[m].state == FAKE_COMMITTED && same_key(r, &p->records[m]);
        }
        if (goes || r->state == FAKE_MARKER) {
            r->state = FAKE_REMOVED;
        }
    }
    unlock(l);
}

struct fake_log_part *fake_logs_part(struct fake_logs *l, const char *topic, int32_t partition) {
    lock(l);
    struct fake_log_part *p = part_of(l, topic, partition);
    unlock(l);
    return p;
}

int64_t fake_logs_high(struct fake_logs *l, const char *topic, int32_t partition) {
    lock(l);
    const int64_t n = part_of(l, topic, partition)->n;
    unlock(l);
    return n;
}

bool fake_logs_at(struct fake_logs *l, const char *topic, int32_t partition, int64_t offset,
                  struct fake_record *out, int64_t *low) {
    lock(l);
    const struct fake_log_part *p = part_of(l, topic, partition);
    const bool there = offset >= p->low && offset < p->n;
    *low = p->low;
    if (there) {
        *out = p->records[offset];
    }
    unlock(l);
    return there;
}

/* ---- reading -------------------------------------------------------------------------------- */

void fake_reader_init(struct fake_reader *r, struct fake_logs *l, const char *topic) {
    memset(r, 0, sizeof *r);
    r->logs = l;
    snprintf(r->topic, sizeof r->topic, "%s", topic);
    for (int p = 0; p < FAKE_LOG_PARTS; p++) {
        r->position[p] = -1;
    }
}

/* Under the lock: the partition; NULL: none, or nobody answers. */
static struct fake_log_part *ask(struct fake_reader *r, int32_t partition, enum status *st) {
    struct fake_logs *l = r->logs;
    struct fake_topic *t = find(l, r->topic);
    if (l->away || (l->chance > 0 && rng_below(&l->rng, l->chance) == 0)) {
        *st = ST_AGAIN;
        return NULL;
    }
    if (!t || partition < 0 || partition >= t->n_parts) {
        *st = ST_INVALID;
        return NULL;
    }
    *st = ST_OK;
    return &t->parts[partition];
}

static enum status on_add(void *ctx, int32_t partition, int64_t from) {
    struct fake_reader *r = ctx;
    enum status st = ST_OK;
    lock(r->logs);
    const struct fake_log_part *p = ask(r, partition, &st);
    if (p && from >= 0 && (from < p->low || from > p->n)) {
        st = ST_RANGE;
    } else if (p) {
        r->position[partition] = from < 0 ? p->low : from;
        r->life[partition] = find(r->logs, r->topic)->life;
        r->told_end[partition] = false;
        r->added++;
    }
    unlock(r->logs);
    return st;
}

static void on_remove(void *ctx, int32_t partition) {
    struct fake_reader *r = ctx;
    r->position[partition] = -1;
}

/* Retention has passed the position, or the topic is another one. */
static bool is_cut(const struct fake_reader *r, int32_t partition) {
    const struct fake_topic *t = find(r->logs, r->topic);
    return t->life != r->life[partition] || r->position[partition] < t->parts[partition].low;
}

static bool next_of(struct fake_reader *r, int32_t partition, struct record *out) {
    const struct fake_log_part *p = part_of(r->logs, r->topic, partition);
    int64_t *at = &r->position[partition];
    while (*at < p->n && p->records[*at].state != FAKE_OPEN &&
           p->records[*at].state != FAKE_COMMITTED) {
        ++*at;
    }
    *out = (struct record){.offset = *at, .partition = partition, .timestamp_ms = -1};
    if (*at < p->n && p->records[*at].state == FAKE_COMMITTED) {
        const struct fake_record *record = &p->records[(*at)++];
        out->key = record->key;
        out->key_len = record->key_len;
        out->value = record->value;
        out->value_len = record->value_len;
        out->timestamp_ms = record->timestamp_ms;
        r->told_end[partition] = false;
        return true;
    }
    const bool tell = !r->told_end[partition];
    r->told_end[partition] = out->end = true;
    return tell;
}

static size_t on_poll(void *ctx, struct record *out, size_t max, int timeout_ms) {
    struct fake_reader *r = ctx;
    size_t n = 0;
    lock(r->logs);
    const size_t most = r->logs->at_most > 0 ? 1 + rng_below(&r->logs->rng, r->logs->at_most) : max;
    const int32_t n_parts = find(r->logs, r->topic)->n_parts;
    for (int32_t p = 0; p < n_parts && !r->logs->away && !atomic_load(&r->silent); p++) {
        while (n < max && n < most && r->position[p] >= 0 && !is_cut(r, p) &&
               next_of(r, p, &out[n])) {
            n++;
        }
    }
    unlock(r->logs);
    if (n == 0 && timeout_ms > 0) {
        nap_ms(1);
    }
    return n;
}

static int64_t on_position(void *ctx, int32_t partition) {
    const struct fake_reader *r = ctx;
    return r->position[partition];
}

static enum status on_look(void *ctx, int32_t partition) {
    struct fake_reader *r = ctx;
    if (r->position[partition] < 0) {
        return ST_NOT_FOUND;
    }
    lock(r->logs);
    const bool cut = is_cut(r, partition) && !atomic_load(&r->silent);
    unlock(r->logs);
    return cut ? ST_RANGE : ST_OK;
}

static enum status on_bounds(void *ctx, int32_t partition, struct log_bounds *out) {
    struct fake_reader *r = ctx;
    enum status st = ST_OK;
    lock(r->logs);
    r->bounds_asked++;
    const struct fake_log_part *p = ask(r, partition, &st);
    if (p) {
        *out = (struct log_bounds){.low = p->low, .stable = p->low, .high = p->n};
        while (out->stable < p->n && p->records[out->stable].state != FAKE_OPEN) {
            out->stable++;
        }
    }
    unlock(r->logs);
    return st;
}

struct log_port fake_reader_port(struct fake_reader *r) {
    return (struct log_port){.add = on_add,
                             .remove = on_remove,
                             .poll = on_poll,
                             .position = on_position,
                             .look = on_look,
                             .bounds = on_bounds,
                             .ctx = r};
}
