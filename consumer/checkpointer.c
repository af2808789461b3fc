/* SPDX-License-Identifier: Apache-2.0
 * checkpointer.c -- see checkpointer.h. */
#include "checkpointer.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
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
    int generation; /* of what was gathered last, and where its batch stands */
    struct position positions[CONFIG_TOPICS_MAX];
    uint32_t n_positions;
    int64_t end; /* of the changelog, when it is about to be written; -1: it is not */
    /* on its way to the committer's thread */
    _Atomic(struct checkpoint *) adopted;
    atomic_int adopted_generation;
    atomic_bool release;
};

struct checkpointer {
    const struct config *cfg;
    struct log_port changelog;
    struct transactions transactions;
    struct gathered *tasks;     /* (LEARNER_TASKS_MAX,) */
    struct position *positions; /* scratch (cap_positions,) */
    size_t cap_positions;
    uint32_t n_tasks; /* tasks are below this */
};

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
        g->generation = atomic_load(&g->adopted_generation);
        g->written_ms = clock_mono_ms();
    }
}

static void note_batch(struct gathered *g, const struct sealed *batch) {
    if (g->n == 0) {
        g->since_ms = clock_mono_ms();
    }
    g->generation = batch->generation;
    g->n_positions = batch->n_positions;
    memcpy(g->positions, batch->positions, sizeof g->positions);
    for (uint32_t k = 0; k < g->n_positions; k++) {
        committer_tag(batch, g->positions[k].tag);
    }
}

static void on_committed(void *ctx, const struct sealed *batch) {
    struct checkpointer *c = ctx;
    struct gathered *g = &c->tasks[batch->task];
    struct parcel p;
    size_t at = 0;
    c->n_tasks = batch->task >= c->n_tasks ? batch->task + 1 : c->n_tasks;
    take_orders(g);
    if (!g->checkpoint || batch->generation < g->generation) {
        return;
    }
    note_batch(g, batch);
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
    struct checkpoint_mark mark = {
        .offset = g->end, .wall_ms = clock_wall_ms(), .format = CHECKPOINT_FORMAT};
    memcpy(mark.uuid, g->uuid, sizeof mark.uuid);
    qsort(g->entries, g->cap, sizeof *g->entries, by_key);
    if (put_all(g, &mark)) {
        snprintf(err, sizeof err, "%s", checkpoint_problem(g->checkpoint));
        LOG_WARN("checkpoint not written: its task's next restore reads more of the changelog",
                 LOG_INT("task", task), LOG_STR("error", err));
        close_one(g);
        if (checkpoint_wipe(c->cfg->state_dir, task, err)) { /* it would have a hole */
            LOG_WARN("and cannot be removed: remove the folder", LOG_STR("error", err));
        }
        return;
    }
    forget_all(g);
    g->written_ms = clock_mono_ms();
    g->retry_ms = 0;
}

static bool is_due(const struct checkpointer *c, const struct gathered *g, bool last) {
    const int64_t now = clock_mono_ms();
    return g->n > 0 &&
           (last || (now >= g->retry_ms &&
                     (now - g->since_ms >= c->cfg->checkpoint_ms || g->bytes >= BYTES_MAX)));
}

/* Room for the positions of all tasks. */
static bool reserve_positions(struct checkpointer *c) {
    const size_t n = (size_t)c->n_tasks * CONFIG_TOPICS_MAX;
    struct position *positions =
        n > c->cap_positions ? realloc(c->positions, n * sizeof *positions) : c->positions;
    if (!positions) {
        return false;
    }
    c->positions = positions;
    c->cap_positions = n > c->cap_positions ? n : c->cap_positions;
    return true;
}

/* The ends of the changelog for all that is due under one assignment, the latest. Returns it; -1:
 * nothing is to be written. Brokers that are away are asked once. */
static int ask_ends(struct checkpointer *c, bool last, size_t *n_positions) {
    int generation = -1;
    bool away = !reserve_positions(c);
    *n_positions = 0;
    for (uint32_t p = 0; p < c->n_tasks; p++) {
        c->tasks[p].end = -1;
        generation = is_due(c, &c->tasks[p], last) && c->tasks[p].generation > generation
                         ? c->tasks[p].generation
                         : generation;
    }
    for (uint32_t p = 0; p < c->n_tasks; p++) {
        struct gathered *g = &c->tasks[p];
        struct log_bounds b;
        if (!is_due(c, g, last)) {
            continue;
        }
        g->retry_ms = clock_mono_ms() + RETRY_MS;
        if (g->generation != generation || away) {
            continue;
        }
        away = c->changelog.bounds(c->changelog.ctx, (int32_t)p, &b) != ST_OK;
        if (!away) {
            g->end = b.high;
            memcpy(c->positions + *n_positions, g->positions,
                   g->n_positions * sizeof *g->positions);
            *n_positions += g->n_positions;
        }
    }
    return *n_positions > 0 ? generation : -1;
}

/* Were they ours when their ends were asked? Nobody else could write there before it was ours no
 * more, and then this would not go through. */
static bool were_ours(const struct checkpointer *c, size_t n_positions, int generation) {
    const struct transactions *tx = &c->transactions;
    return tx->stands(tx->ctx, generation) && tx->begin(tx->ctx) == ST_OK &&
           tx->commit(tx->ctx, c->positions, n_positions, generation) == ST_OK;
}

static void write_due(struct checkpointer *c, bool last) {
    size_t n_positions = 0;
    const int generation = ask_ends(c, last, &n_positions);
    if (generation < 0 || !were_ours(c, n_positions, generation)) {
        return;
    }
    for (uint32_t p = 0; p < c->n_tasks; p++) {
        if (c->tasks[p].end >= 0 && c->tasks[p].checkpoint) {
            write_one(c, &c->tasks[p], p);
        }
    }
}

static void gauge(const struct checkpointer *c) {
    double bytes = 0.0;
    int64_t oldest = 0;
    const int64_t now = clock_mono_ms();
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
    bool due = false;
    for (uint32_t p = 0; p < c->n_tasks; p++) {
        struct gathered *g = &c->tasks[p];
        take_orders(g);
        due = due || is_due(c, g, last);
    }
    if (due) {
        write_due(c, last);
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
    free(c->positions);
    free(c->tasks);
    free(c);
}

struct commit_watch checkpointer_watch(struct checkpointer *c) {
    return (struct commit_watch){.committed = on_committed, .idle = on_idle, .ctx = c};
}

void checkpointer_adopt(struct checkpointer *c, uint32_t task, int generation,
                        struct checkpoint *k) {
    if (!k) {
        checkpointer_release(c, task);
        return;
    }
    atomic_store(&c->tasks[task].release, false); /* whoever takes this one closes the other */
    atomic_store(&c->tasks[task].adopted_generation, generation);
    checkpoint_close(atomic_exchange(&c->tasks[task].adopted, k));
}

void checkpointer_release(struct checkpointer *c, uint32_t task) {
    checkpoint_close(atomic_exchange(&c->tasks[task].adopted, NULL));
    atomic_store(&c->tasks[task].release, true);
}
