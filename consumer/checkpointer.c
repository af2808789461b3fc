/* SPDX-License-Identifier: Apache-2.0
 * checkpointer.c -- see checkpointer.h. */
#include "checkpointer.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "learner.h"
#include "log.h"
#include "metrics.h"
#include "mix.h"
#include "state_record.h"

enum { BYTES_MAX = 64 << 20, TABLE_FIRST = 1024, RETRY_MS = 60000, KEY_MAX = STATE_KEY_USER_LEN };

struct entry { /* newest record of a key */
    uint8_t key[KEY_MAX];
    uint8_t key_len; /* 0: an empty slot */
    uint8_t *value;  /* NULL: a tombstone */
    size_t value_len;
};

struct gathered {                  /* of a task */
    struct checkpoint *checkpoint; /* NULL: not open */
    struct entry *entries;         /* open addressing, (cap,) */
    size_t n, cap, bytes;
    int64_t since_ms, retry_ms, written_ms;
    uint8_t uuid[16];
    int generation;
    _Atomic(struct checkpoint *) adopted; /* on its way to the committer's thread */
    atomic_bool release;
};

struct checkpointer {
    const struct config *cfg;
    struct log_port changelog;
    struct transactions transactions;
    struct gathered *tasks; /* (LEARNER_TASKS_MAX,) */
    uint32_t n_tasks;       /* tasks are below this */
};

static int64_t clock_ms(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- gathering ------------------------------------------------------------------------------ */

static uint64_t hash_of(const uint8_t *key, size_t len) {
    uint64_t h = len;
    for (size_t k = 0; k < len; k++) {
        h = h << 8 ^ h >> 56 ^ key[k];
    }
    return mix64(h);
}

static struct entry *slot_of(const struct gathered *g, const uint8_t *key, size_t len) {
    size_t i = (size_t)hash_of(key, len) & (g->cap - 1);
    while (g->entries[i].key_len &&
           (g->entries[i].key_len != len || memcmp(g->entries[i].key, key, len) != 0)) {
        i = (i + 1) & (g->cap - 1);
    }
    return &g->entries[i];
}

static enum status grow(struct gathered *g) {
    if (2 * (g->n + 1) <= g->cap) {
        return ST_OK;
    }
    struct gathered larger = *g;
    larger.cap = g->cap ? 2 * g->cap : (size_t)TABLE_FIRST;
    larger.entries = calloc(larger.cap, sizeof *larger.entries);
    if (!larger.entries) {
        return ST_NOMEM;
    }
    for (size_t k = 0; k < g->cap; k++) {
        if (g->entries[k].key_len) {
            *slot_of(&larger, g->entries[k].key, g->entries[k].key_len) = g->entries[k];
        }
    }
    free(g->entries);
    g->entries = larger.entries;
    g->cap = larger.cap;
    return ST_OK;
}

static void forget_all(struct gathered *g) {
    for (size_t k = 0; k < g->cap; k++) {
        free(g->entries[k].value);
    }
    free(g->entries);
    g->entries = NULL;
    g->n = g->cap = g->bytes = 0;
}

static enum status gather(struct gathered *g, const struct parcel *p) {
    uint8_t *copy = p->value ? malloc(p->value_len) : NULL;
    enum status st = p->key_len < 1 || p->key_len > KEY_MAX ? ST_INVALID : grow(g);
    if (st || (p->value && !copy)) {
        free(copy);
        return st ? st : ST_NOMEM;
    }
    struct entry *e = slot_of(g, p->key, p->key_len);
    g->n += e->key_len == 0;
    g->bytes += p->value_len - e->value_len;
    free(e->value);
    memcpy(e->key, p->key, p->key_len);
    e->key_len = (uint8_t)p->key_len;
    e->value = copy;
    e->value_len = p->value_len;
    if (copy) {
        memcpy(copy, p->value, p->value_len);
    }
    return ST_OK;
}

/* The task's own record names the changelog. */
static void note_uuid(struct gathered *g, const struct parcel *p) {
    enum state_kind kind;
    const uint8_t *body = NULL;
    size_t len = 0;
    struct state_task t;
    if (p->value && p->key_len == STATE_KEY_TASK_LEN &&
        state_record_open(p->value, p->value_len, &kind, &body, &len) == ST_OK &&
        state_task_read(body, len, &t) == ST_OK) {
        memcpy(g->uuid, t.uuid, sizeof g->uuid);
    }
}

static void close_one(struct gathered *g) {
    checkpoint_close(g->checkpoint);
    g->checkpoint = NULL;
    forget_all(g);
    g->written_ms = 0;
}

/* It was given away; it came back with a restore. */
static void take_orders(struct gathered *g) {
    if (atomic_exchange(&g->release, false)) {
        close_one(g);
    }
    struct checkpoint *k = atomic_exchange(&g->adopted, NULL);
    if (k) {
        close_one(g);
        g->checkpoint = k;
        g->written_ms = clock_ms(CLOCK_MONOTONIC);
    }
}

static void on_committed(void *ctx, const struct sealed *batch) {
    struct checkpointer *c = ctx;
    struct gathered *g = &c->tasks[batch->task];
    struct parcel p;
    size_t at = 0;
    c->n_tasks = batch->task >= c->n_tasks ? batch->task + 1 : c->n_tasks;
    take_orders(g);
    if (!g->checkpoint) {
        return;
    }
    if (g->n == 0) {
        g->since_ms = clock_ms(CLOCK_MONOTONIC);
    }
    g->generation = batch->generation;
    while (parcels_next(&batch->parcels, &at, &p)) {
        if (p.kind != PARCEL_STATE) {
            continue;
        }
        note_uuid(g, &p);
        if (gather(g, &p)) {
            LOG_WARN("out of memory for a checkpoint: its task's next restore reads the changelog",
                     LOG_INT("task", batch->task));
            close_one(g);
            return;
        }
    }
}

/* ---- writing -------------------------------------------------------------------------------- */

static int by_key(const void *a, const void *b) {
    const struct entry *p = a;
    const struct entry *q = b;
    if (!p->key_len != !q->key_len) {
        return p->key_len ? -1 : 1; /* empty slots go behind */
    }
    const size_t len = p->key_len < q->key_len ? p->key_len : q->key_len;
    const int order = memcmp(p->key, q->key, len);
    return order ? order : (int)p->key_len - (int)q->key_len;
}

static enum status put_all(struct gathered *g, const struct checkpoint_mark *mark) {
    enum status st = checkpoint_begin(g->checkpoint);
    for (size_t k = 0; k < g->n && !st; k++) {
        const struct entry *e = &g->entries[k];
        st = e->value ? checkpoint_put(g->checkpoint, e->key, e->key_len, e->value, e->value_len)
                      : checkpoint_del(g->checkpoint, e->key, e->key_len);
    }
    return st ? st : checkpoint_commit(g->checkpoint, mark);
}

static void write_one(struct checkpointer *c, struct gathered *g, uint32_t task) {
    char err[CONFIG_ERROR_MAX] = "";
    struct log_bounds b;
    const int64_t now = clock_ms(CLOCK_MONOTONIC);
    g->retry_ms = now + RETRY_MS;
    if (c->changelog.bounds(c->changelog.ctx, (int32_t)task, &b) ||
        !c->transactions.stands(c->transactions.ctx, g->generation)) {
        return;
    }
    struct checkpoint_mark mark = {
        .offset = b.high, .wall_ms = clock_ms(CLOCK_REALTIME), .format = CHECKPOINT_FORMAT};
    memcpy(mark.uuid, g->uuid, sizeof mark.uuid);
    qsort(g->entries, g->cap, sizeof *g->entries, by_key);
    if (put_all(g, &mark)) {
        snprintf(err, sizeof err, "%s", checkpoint_problem(g->checkpoint));
        LOG_WARN("checkpoint not written: its task's next restore reads more of the changelog",
                 LOG_INT("task", task), LOG_STR("error", err));
        close_one(g);
        (void)checkpoint_wipe(c->cfg->state_dir, task, err); /* it would have a hole */
        return;
    }
    forget_all(g);
    g->written_ms = now;
    g->retry_ms = 0;
}

static bool is_due(const struct checkpointer *c, const struct gathered *g, bool last) {
    const int64_t now = clock_ms(CLOCK_MONOTONIC);
    return g->n > 0 &&
           (last || (now >= g->retry_ms &&
                     (now - g->since_ms >= c->cfg->checkpoint_ms || g->bytes >= BYTES_MAX)));
}

static void gauge(const struct checkpointer *c) {
    double bytes = 0.0;
    int64_t oldest = 0;
    const int64_t now = clock_ms(CLOCK_MONOTONIC);
    for (uint32_t p = 0; p < c->n_tasks; p++) {
        const struct gathered *g = &c->tasks[p];
        if (g->checkpoint) {
            bytes += (double)checkpoint_bytes(g->checkpoint);
            oldest = now - g->written_ms > oldest ? now - g->written_ms : oldest;
        }
    }
    metric_set(M_CHECKPOINT_BYTES, 0, bytes);
    metric_set(M_CHECKPOINT_AGE, 0, 1e-3 * (double)oldest);
}

static void on_idle(void *ctx, bool last) {
    struct checkpointer *c = ctx;
    for (uint32_t p = 0; p < c->n_tasks; p++) {
        struct gathered *g = &c->tasks[p];
        take_orders(g);
        if (is_due(c, g, last)) {
            write_one(c, g, p);
        }
    }
    gauge(c);
}

/* ---- life cycle ----------------------------------------------------------------------------- */

enum status checkpointer_new(const struct config *cfg, const struct log_port *changelog,
                             const struct transactions *transactions, struct checkpointer **out) {
    struct checkpointer *c = calloc(1, sizeof *c);
    if (!c) {
        return ST_NOMEM;
    }
    c->cfg = cfg;
    c->changelog = *changelog;
    c->transactions = *transactions;
    c->tasks = calloc(LEARNER_TASKS_MAX, sizeof *c->tasks);
    if (!c->tasks) {
        free(c);
        return ST_NOMEM;
    }
    *out = c;
    return ST_OK;
}

void checkpointer_free(struct checkpointer *c) {
    if (!c) {
        return;
    }
    for (uint32_t p = 0; p < LEARNER_TASKS_MAX; p++) {
        checkpoint_close(atomic_exchange(&c->tasks[p].adopted, NULL));
        close_one(&c->tasks[p]);
    }
    free(c->tasks);
    free(c);
}

struct commit_watch checkpointer_watch(struct checkpointer *c) {
    return (struct commit_watch){.committed = on_committed, .idle = on_idle, .ctx = c};
}

void checkpointer_adopt(struct checkpointer *c, uint32_t task, struct checkpoint *k) {
    checkpoint_close(atomic_exchange(&c->tasks[task].adopted, k));
}

void checkpointer_release(struct checkpointer *c, uint32_t task) {
    atomic_store(&c->tasks[task].release, true);
}
