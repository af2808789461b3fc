/* SPDX-License-Identifier: Apache-2.0
 * fake_group.c -- see fake_group.h. */
#include "fake_group.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WAIT_MS = 20000, PATIENCE = 5 };

static void nap_ms(int ms) {
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000L};
    nanosleep(&t, NULL);
}

static void lock(struct fake_group *g) {
    pthread_mutex_lock(&g->lock);
}

static void unlock(struct fake_group *g) {
    pthread_mutex_unlock(&g->lock);
}

__attribute__((format(printf, 2, 3))) static void wrong(struct fake_group *g, const char *format,
                                                        ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(g->wrong, sizeof g->wrong, format, args);
    va_end(args);
    g->wrongs++;
}

void group_init(struct fake_group *g, struct fake_logs *logs, int32_t n_tasks,
                const char *const *inputs, const char *dead_letters, uint64_t seed) {
    memset(g, 0, sizeof *g);
    pthread_mutex_init(&g->lock, NULL);
    g->logs = logs;
    g->inputs = inputs;
    g->dead_letters = dead_letters;
    g->n_tasks = n_tasks;
    g->rng.state = seed;
    for (int t = 0; t < GROUP_TOPICS; t++) {
        fake_logs_make(logs, inputs[t], n_tasks);
        for (int p = 0; p < GROUP_TASKS; p++) {
            g->committed[t][p] =
                (struct position){.offset = -1, .partition = p, .topic = (uint16_t)t};
        }
    }
    fake_logs_make(logs, dead_letters, 1);
    for (int m = 0; m < GROUP_MEMBERS; m++) {
        g->members[m].group = g;
    }
}

void group_free(struct fake_group *g) {
    pthread_mutex_destroy(&g->lock);
}

/* ---- transactions --------------------------------------------------------------------------- */

/* Under the lock: all of it, or nothing. */
static void end_tx(struct fake_member *m, bool commit) {
    struct fake_group *g = m->group;
    if (m->tx == 0) {
        return;
    }
    fake_logs_end(g->logs, m->tx, commit);
    for (size_t k = 0; commit && k < m->n_offsets; k++) {
        struct position *at = &g->committed[m->offsets[k].topic][m->offsets[k].partition];
        if (m->offsets[k].offset < at->offset) {
            wrong(g, "%s/%d: %lld committed over %lld", g->inputs[at->topic], (int)at->partition,
                  (long long)m->offsets[k].offset, (long long)at->offset);
        }
        *at = m->offsets[k];
    }
    m->commits += commit;
    m->aborts += !commit;
    m->tx = 0;
    m->n_offsets = 0;
    m->hangs = false;
}

void group_begin(struct fake_group *g, int member) {
    struct fake_member *m = &g->members[member];
    lock(g);
    end_tx(m, m->hangs && m->fate);
    const struct rebalance_ops ops = m->ops;
    *m = (struct fake_member){.group = g, .ops = ops};
    unlock(g);
}

static enum status leave(struct fake_member *m, enum status st) {
    unlock(m->group);
    return st;
}

static enum status on_begin(void *ctx) {
    struct fake_member *m = ctx;
    lock(m->group);
    if (!m->dead && m->state == GROUP_BROKEN) {
        return leave(m, ST_AGAIN);
    }
    if (m->dead || m->state == GROUP_GONE) { /* the dead have nothing to wait for */
        return leave(m, ST_FENCED);
    }
    if (m->state == GROUP_TX) {
        wrong(m->group, "begin inside a transaction");
    }
    m->fault = GROUP_NO_FAULT;
    if (m->next_times > 0) {
        m->next_times--;
        m->fault = m->next;
    } else if (m->chance > 0 && rng_below(&m->group->rng, m->chance) == 0) {
        m->fault = (enum group_fault)(1 + rng_below(&m->group->rng, GROUP_FAULTS - 1));
    }
    m->state = GROUP_TX;
    m->tx = fake_logs_begin(m->group->logs);
    return leave(m, ST_OK);
}

static void note_letter(struct fake_record *r, const struct header *h, size_t n) {
    const struct header *parts[3] = {NULL, NULL, NULL};
    static const char *const names[3] = {"topic", "partition", "offset"};
    for (size_t k = 0; k < n; k++) {
        for (int i = 0; i < 3; i++) {
            parts[i] = strcmp(h[k].name, names[i]) == 0 ? &h[k] : parts[i];
        }
    }
    if (parts[0] && parts[1] && parts[2]) {
        snprintf(r->note, sizeof r->note, "%.*s/%.*s/%.*s", (int)parts[0]->len,
                 (const char *)parts[0]->value, (int)parts[1]->len, (const char *)parts[1]->value,
                 (int)parts[2]->len, (const char *)parts[2]->value);
    }
}

static enum status on_send(void *ctx, const char *topic, int32_t partition, const void *key,
                           size_t key_len, const void *value, size_t value_len,
                           int64_t timestamp_ms, const struct header *headers, size_t n_headers) {
    struct fake_member *m = ctx;
    union {
        const void *in;
        char *out;
    } k = {.in = key}, v = {.in = value};
    struct fake_record r = {.key = k.out,
                            .value = v.out,
                            .key_len = key_len,
                            .value_len = value_len,
                            .timestamp_ms = timestamp_ms};
    lock(m->group);
    r.tx = m->tx;
    if (m->state != GROUP_TX) {
        wrong(m->group, "send outside of a transaction");
        return leave(m, ST_IO);
    }
    if (m->dead || m->fault == GROUP_REFUSED) {
        return leave(m, ST_IO);
    }
    note_letter(&r, headers, n_headers);
    (void)fake_logs_append(m->group->logs, topic, partition < 0 ? 0 : partition, &r);
    return leave(m, ST_OK);
}

static enum status on_commit(void *ctx, const struct position *parts, size_t n, int generation) {
    struct fake_member *m = ctx;
    nap_ms(m->slow_ms);
    lock(m->group);
    if (m->state != GROUP_TX || n == 0 || n > GROUP_TOPICS * GROUP_TASKS) {
        wrong(m->group, "commit outside of a transaction, or of %zu offsets", n);
        return leave(m, ST_LOST);
    }
    m->state = GROUP_READY;
    if (m->dead) {
        end_tx(m, false);
        return leave(m, ST_FENCED);
    }
    if (generation != m->generation || generation == 0 || m->fault == GROUP_ABORTED) {
        end_tx(m, false);
        return leave(m, ST_LOST);
    }
    memcpy(m->offsets, parts, n * sizeof *parts);
    m->n_offsets = n;
    if (m->fault == GROUP_FENCED) {
        end_tx(m, false);
        m->state = GROUP_GONE;
        return leave(m, ST_FENCED);
    }
    if (m->fault == GROUP_LATE_DONE || m->fault == GROUP_NOT_DONE) {
        m->hangs = true;
        m->fate = m->fault == GROUP_LATE_DONE;
        m->patience = PATIENCE;
    } else {
        end_tx(m, true);
    }
    if (m->fault == GROUP_NO_FAULT || m->fault == GROUP_REFUSED) {
        return leave(m, ST_OK);
    }
    m->state = GROUP_BROKEN;
    return leave(m, ST_AGAIN);
}

static enum status on_abort(void *ctx) {
    struct fake_member *m = ctx;
    lock(m->group);
    if (m->state != GROUP_TX) {
        wrong(m->group, "abort of no transaction");
    }
    end_tx(m, false);
    m->state = GROUP_READY;
    return leave(m, ST_OK);
}

static bool on_stands(void *ctx, int generation) {
    struct fake_member *m = ctx;
    lock(m->group);
    const bool yes = !m->dead && generation != 0 && generation == m->known;
    unlock(m->group);
    return yes;
}

static enum status on_renew(void *ctx) {
    struct fake_member *m = ctx;
    lock(m->group);
    if (m->dead) {
        return leave(m, ST_FENCED);
    }
    end_tx(m, m->hangs && m->fate);
    m->state = GROUP_READY;
    return leave(m, ST_OK);
}

struct transactions group_transactions(struct fake_group *g, int member) {
    return (struct transactions){.begin = on_begin,
                                 .send = on_send,
                                 .commit = on_commit,
                                 .abort = on_abort,
                                 .stands = on_stands,
                                 .renew = on_renew,
                                 .ctx = &g->members[member]};
}

/* ---- rebalances ----------------------------------------------------------------------------- */

static size_t positions_of(const struct fake_member *m, unsigned tasks, struct position *out) {
    size_t n = 0;
    for (int t = 0; t < GROUP_TOPICS; t++) {
        for (int32_t p = 0; p < m->group->n_tasks; p++) {
            if (tasks >> p & 1U) {
                out[n++] = (struct position){.offset = -1, .partition = p, .topic = (uint16_t)t};
            }
        }
    }
    return n;
}

static void serve_revoke(struct fake_member *m, bool lost) {
    struct position parts[GROUP_TOPICS * GROUP_TASKS];
    unsigned tasks = 0;
    lock(m->group);
    for (unsigned p = 0; p < GROUP_TASKS; p++) {
        tasks |= (unsigned)m->has[p] << p;
    }
    if (lost) {
        m->generation = m->known = 0;
    }
    unlock(m->group);
    const size_t n = positions_of(m, tasks, parts);
    if (n > 0) {
        m->ops.revoked(m->ops.ctx, parts, n, lost);
    }
    lock(m->group);
    m->generation = m->known = 0;
    memset(m->has, 0, sizeof m->has);
    memset(m->reads, 0, sizeof m->reads);
    memset(m->paused, 0, sizeof m->paused);
    unlock(m->group);
}

static void serve_assign(struct fake_member *m, unsigned tasks) {
    struct position parts[GROUP_TOPICS * GROUP_TASKS];
    const size_t n = positions_of(m, tasks, parts);
    lock(m->group);
    const int generation = m->generation = m->known = ++m->group->last_generation;
    unlock(m->group);
    m->ops.assigned(m->ops.ctx, parts, n, generation);
    lock(m->group);
    for (size_t k = 0; k < n; k++) {
        if (parts[k].offset != POSITION_LATER) {
            wrong(m->group, "an assignment is read from %lld at once", (long long)parts[k].offset);
        }
        m->has[parts[k].partition] = true;
    }
    unlock(m->group);
}

static void serve(struct fake_member *m) {
    lock(m->group);
    const enum group_ask kind = m->ask.kind;
    const unsigned tasks = m->ask.tasks;
    const bool joined = m->joined;
    unlock(m->group);
    if (kind == GROUP_NOTHING || !joined) {
        return;
    }
    serve_revoke(m, kind == GROUP_LOSE);
    if (kind == GROUP_ASSIGN) {
        serve_assign(m, tasks);
    }
    lock(m->group);
    m->ask.kind = GROUP_NOTHING;
    unlock(m->group);
}

static bool served(struct fake_member *m, enum group_ask kind, unsigned tasks) {
    lock(m->group);
    m->ask.tasks = tasks;
    m->ask.kind = kind;
    unlock(m->group);
    for (int ms = 0; ms < WAIT_MS; ms++) {
        lock(m->group);
        const bool yes = m->ask.kind == GROUP_NOTHING;
        unlock(m->group);
        if (yes) {
            return true;
        }
        nap_ms(1);
    }
    return false;
}

bool group_joined(struct fake_group *g, int member) {
    lock(g);
    const bool joined = g->members[member].joined;
    unlock(g);
    return joined;
}

bool group_assign(struct fake_group *g, int member, unsigned tasks) {
    return served(&g->members[member], GROUP_ASSIGN, tasks);
}

bool group_revoke(struct fake_group *g, int member) {
    return served(&g->members[member], GROUP_REVOKE, 0);
}

bool group_lose(struct fake_group *g, int member) {
    return served(&g->members[member], GROUP_LOSE, 0);
}

void group_throw(struct fake_group *g, int member) {
    lock(g);
    g->members[member].generation = 0;
    unlock(g);
}

bool group_in_transaction(struct fake_group *g, int member) {
    lock(g);
    const bool is = g->members[member].state == GROUP_TX;
    unlock(g);
    return is;
}

void group_kill(struct fake_group *g, int member) {
    struct fake_member *m = &g->members[member];
    lock(g);
    m->dead = true;
    m->generation = m->known = 0;
    unlock(g);
}

void group_leave(struct fake_group *g, int member) {
    struct fake_member *m = &g->members[member];
    serve_revoke(m, m->dead);
}

/* ---- source ------------------------------------------------------------------------------- */

static bool next_of(struct fake_member *m, int t, int32_t p, struct record *out) {
    struct fake_record r;
    int64_t *at = &m->position[t][p];
    int64_t low = 0;
    if (!m->has[p] || !m->reads[t][p] || m->paused[t][p]) {
        return false;
    }
    *out = (struct record){.offset = *at, .timestamp_ms = -1, .partition = p, .topic = (uint16_t)t};
    if (!fake_logs_at(m->group->logs, m->group->inputs[t], p, *at, &r, &low)) {
        const bool tell = !m->told_end[t][p] && *at >= low;
        m->told_end[t][p] = out->end = true;
        return tell;
    }
    ++*at;
    m->told_end[t][p] = false;
    out->key = r.key;
    out->key_len = r.key_len;
    out->value = r.value;
    out->value_len = r.value_len;
    out->timestamp_ms = r.timestamp_ms;
    return true;
}

static size_t on_poll(void *ctx, struct record *out, size_t max, int timeout_ms) {
    struct fake_member *m = ctx;
    size_t n = 0;
    serve(m);
    lock(m->group);
    for (int t = 0; t < GROUP_TOPICS && !m->dead; t++) {
        for (int32_t p = 0; p < m->group->n_tasks; p++) {
            const uint32_t most = 1 + rng_below(&m->group->rng, 40);
            for (uint32_t k = 0; k < most && n < max && next_of(m, t, p, &out[n]); k++) {
                n++;
            }
        }
    }
    unlock(m->group);
    if (n == 0 && timeout_ms > 0) {
        nap_ms(1);
    }
    return n;
}

static void on_start(void *ctx, const struct position *parts, size_t n) {
    struct fake_member *m = ctx;
    lock(m->group);
    for (size_t k = 0; k < n; k++) {
        const int32_t p = parts[k].partition;
        const int t = parts[k].topic;
        if (!m->has[p] || m->reads[t][p]) {
            wrong(m->group, "start of what is not assigned, or runs: %d/%d", t, (int)p);
        }
        struct fake_record r;
        int64_t low = 0;
        (void)fake_logs_at(m->group->logs, m->group->inputs[t], p, 0, &r, &low);
        m->position[t][p] = parts[k].offset < 0 ? low : parts[k].offset;
        m->reads[t][p] = true;
        m->told_end[t][p] = false;
    }
    unlock(m->group);
}

static enum status on_bounds(void *ctx, uint16_t topic, int32_t partition, int64_t *low,
                             int64_t *high) {
    struct fake_member *m = ctx;
    lock(m->group);
    struct fake_record r;
    (void)fake_logs_at(m->group->logs, m->group->inputs[topic], partition, 0, &r, low);
    *high = fake_logs_high(m->group->logs, m->group->inputs[topic], partition);
    return leave(m, m->dead || m->group->logs->away ? ST_AGAIN : ST_OK);
}

static int64_t on_end(void *ctx, uint16_t topic, int32_t partition) {
    struct fake_member *m = ctx;
    return fake_logs_high(m->group->logs, m->group->inputs[topic], partition);
}

static int32_t on_partitions(void *ctx, uint16_t topic) {
    const struct fake_member *m = ctx;
    (void)topic;
    return m->group->n_tasks;
}

static void set_paused(struct fake_member *m, uint16_t topic, int32_t partition, bool paused) {
    lock(m->group);
    if (!m->has[partition] || m->paused[topic][partition] == paused) {
        wrong(m->group, "paused or resumed twice, or what is not assigned");
    }
    m->paused[topic][partition] = paused;
    unlock(m->group);
}

static void on_pause(void *ctx, uint16_t topic, int32_t partition) {
    set_paused(ctx, topic, partition, true);
}

static void on_resume(void *ctx, uint16_t topic, int32_t partition) {
    set_paused(ctx, topic, partition, false);
}

/* Stable: what is open in any transaction is waited for. */
static enum status on_committed(void *ctx, struct position *parts, size_t n) {
    struct fake_member *m = ctx;
    struct fake_group *g = m->group;
    bool open = false;
    lock(g);
    for (int k = 0; k < GROUP_MEMBERS; k++) {
        struct fake_member *other = &g->members[k];
        if (other->hangs && --other->patience <= 0) {
            end_tx(other, other->fate);
        }
        open |= other->hangs;
    }
    for (size_t k = 0; !open && k < n; k++) {
        parts[k] = g->committed[parts[k].topic][parts[k].partition];
    }
    return leave(m, open || m->dead || g->logs->away ? ST_AGAIN : ST_OK);
}

static enum status on_plain_commit(void *ctx, const struct position *parts, size_t n,
                                   int generation) {
    struct fake_member *m = ctx;
    (void)parts, (void)n, (void)generation;
    lock(m->group);
    wrong(m->group, "a commit without a transaction");
    return leave(m, ST_LOST);
}

static enum status on_join(void *ctx) {
    struct fake_member *m = ctx;
    lock(m->group);
    if (m->joined) {
        wrong(m->group, "the group is joined twice");
    }
    m->joined = true;
    return leave(m, ST_OK);
}

struct source group_source(struct fake_group *g, int member) {
    return (struct source){.join = on_join,
                           .poll = on_poll,
                           .start = on_start,
                           .bounds = on_bounds,
                           .end = on_end,
                           .partitions = on_partitions,
                           .pause = on_pause,
                           .resume = on_resume,
                           .committed = on_committed,
                           .commit = on_plain_commit,
                           .ctx = &g->members[member]};
}

/* ---- looking ------------------------------------------------------------------------- */

void group_fail(struct fake_group *g, int member, enum group_fault fault, int times) {
    lock(g);
    g->members[member].next = fault;
    g->members[member].next_times = times;
    unlock(g);
}

bool group_all_committed(struct fake_group *g) {
    bool all = true;
    lock(g);
    for (int t = 0; t < GROUP_TOPICS; t++) {
        for (int32_t p = 0; p < g->n_tasks; p++) {
            const int64_t n = fake_logs_high(g->logs, g->inputs[t], p);
            all = all && (n == 0 || g->committed[t][p].offset == n);
        }
    }
    unlock(g);
    return all;
}

int group_committed(struct fake_group *g) {
    int64_t n = 0;
    lock(g);
    for (int t = 0; t < GROUP_TOPICS; t++) {
        for (int32_t p = 0; p < g->n_tasks; p++) {
            n += g->committed[t][p].offset > 0 ? g->committed[t][p].offset : 0;
        }
    }
    unlock(g);
    return (int)n;
}
