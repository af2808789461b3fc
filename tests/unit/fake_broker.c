/* SPDX-License-Identifier: Apache-2.0
 * fake_broker.c -- see fake_broker.h. */
#include "fake_broker.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WAIT_MS = 20000, HANGING_POLLS = 60, FULL_TIMES = 3 };

struct broker_lent { /* a record that a poll has lent */
    struct broker_lent *next;
    char bytes[];
};

static void nap_ms(int ms) {
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000L};
    nanosleep(&t, NULL);
}

static void lock(struct fake_broker *b) {
    pthread_mutex_lock(&b->lock);
}

static void unlock(struct fake_broker *b) {
    pthread_mutex_unlock(&b->lock);
}

__attribute__((format(printf, 2, 3))) static void wrong(struct fake_broker *b, const char *format,
                                                        ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(b->wrong, sizeof b->wrong, format, args);
    va_end(args);
    b->wrongs++;
}

/* NULL stays NULL; an empty text does not. */
static void *copy_of(const void *p, size_t len) {
    char *copy = p ? malloc(len + 1) : NULL;
    if (p && !copy) {
        abort();
    }
    if (p) {
        memcpy(copy, p, len);
    }
    return copy;
}

static struct broker_part *part_of(struct fake_broker *b, uint16_t topic, int32_t partition) {
    if (topic >= BROKER_TOPICS || partition < 0 || partition >= BROKER_EACH) {
        abort();
    }
    return &b->parts[topic * BROKER_EACH + partition];
}

/* ---- life cycle --------------------------------------------------------------------------- */

void broker_init(struct fake_broker *b, const char *const *raws, uint64_t seed) {
    memset(b, 0, sizeof *b);
    pthread_mutex_init(&b->lock, NULL);
    b->raws = raws;
    b->rng.state = seed;
    for (int i = 0; i < BROKER_PARTS; i++) {
        b->parts[i].committed = b->parts[i].position = -1;
    }
}

static void message_free(struct broker_message *m) {
    free(m->key);
    free(m->value);
    *m = (struct broker_message){0};
}

static void drop_pending(struct fake_broker *b) {
    for (size_t i = 0; i < b->n_pending; i++) {
        message_free(&b->pending[i]);
    }
    b->n_pending = b->n_offsets = 0;
    b->hanging = false;
}

static void free_lent(struct fake_broker *b) {
    while (b->lent) {
        struct broker_lent *next = b->lent->next;
        free(b->lent);
        b->lent = next;
    }
}

void broker_free(struct fake_broker *b) {
    drop_pending(b);
    free(b->pending);
    free_lent(b);
    for (int i = 0; i < BROKER_PARTS; i++) {
        for (int64_t k = 0; k < b->parts[i].n; k++) {
            free(b->parts[i].records[k].key);
            free(b->parts[i].records[k].value);
            message_free(&b->parts[i].records[k].is);
        }
        free(b->parts[i].records);
    }
    pthread_mutex_destroy(&b->lock);
}

int64_t broker_append(struct fake_broker *b, uint16_t topic, int32_t partition, const void *key,
                      size_t key_len, const void *value, size_t len, int64_t timestamp_ms,
                      bool wanted) {
    lock(b);
    struct broker_part *p = part_of(b, topic, partition);
    if (p->n == p->cap) {
        p->cap = p->cap ? 2 * p->cap : 64;
        p->records = realloc(p->records, (size_t)p->cap * sizeof *p->records);
        if (!p->records) {
            abort();
        }
    }
    p->records[p->n] = (struct broker_record){.key = copy_of(key, key_len),
                                              .value = copy_of(value, len),
                                              .key_len = key_len,
                                              .value_len = len,
                                              .timestamp_ms = timestamp_ms,
                                              .wanted = wanted};
    const int64_t offset = p->n++;
    p->told_end = false;
    unlock(b);
    return offset;
}

/* ---- what a transaction does ---------------------------------------------------------------- */

static void apply_message(struct fake_broker *b, struct broker_message *m) {
    const struct broker_place at = m->from;
    struct broker_part *p = part_of(b, at.topic, at.partition);
    struct broker_record *r = &p->records[at.offset];
    if (!r->wanted || ++r->outputs > 1) {
        wrong(b, "%s/%d/%lld became %s", b->raws[at.topic], (int)at.partition, (long long)at.offset,
              r->wanted ? "several messages" : "a message");
    }
    message_free(&r->is);
    r->is = *m;
    *m = (struct broker_message){0};
}

static void apply_offset(struct fake_broker *b, const struct position *to) {
    struct broker_part *p = part_of(b, to->topic, to->partition);
    if (to->offset <= p->committed || to->offset > p->n) {
        wrong(b, "%s/%d: %lld committed over %lld", b->raws[to->topic], (int)to->partition,
              (long long)to->offset, (long long)p->committed);
        return;
    }
    for (int64_t k = p->committed < 0 ? 0 : p->committed; k < to->offset; k++) {
        if (p->records[k].wanted && p->records[k].outputs != 1) {
            wrong(b, "%s/%d: %lld committed, but %lld became nothing", b->raws[to->topic],
                  (int)to->partition, (long long)to->offset, (long long)k);
        }
    }
    p->committed = to->offset;
}

static void apply(struct fake_broker *b) {
    for (size_t i = 0; i < b->n_pending; i++) {
        apply_message(b, &b->pending[i]);
    }
    for (size_t i = 0; i < b->n_offsets; i++) {
        apply_offset(b, &b->offsets[i]);
    }
    for (int i = 0; i < BROKER_PARTS; i++) { /* nothing may be ahead of its offset */
        const struct broker_part *p = &b->parts[i];
        for (int64_t k = p->committed < 0 ? 0 : p->committed; k < p->n; k++) {
            if (p->records[k].outputs > 0) {
                wrong(b, "%s: %lld became a message, but %lld is committed",
                      b->raws[i / BROKER_EACH], (long long)k, (long long)p->committed);
            }
        }
    }
    b->applied++;
    drop_pending(b);
}

static void decide(struct fake_broker *b) {
    if (b->hanging && b->fate) {
        apply(b);
    }
    drop_pending(b);
}

static void hang(struct fake_broker *b, bool fate) {
    b->tx = TX_BROKEN;
    b->hanging = true;
    b->fate = fate;
    b->hanging_polls = HANGING_POLLS;
}

/* ---- transactions --------------------------------------------------------------------------- */

static bool enter(struct fake_broker *b, const char *what) {
    lock(b);
    if (b->closed) {
        wrong(b, "%s after the end", what);
    }
    return b->tx != TX_FENCED;
}

static enum status leave(struct fake_broker *b, enum status st) {
    unlock(b);
    return st;
}

static enum broker_fault draw_fault(struct fake_broker *b) {
    if (b->next_times != 0) {
        b->next_times -= b->next_times > 0;
        return b->next;
    }
    const bool any = b->chance > 0 && rng_below(&b->rng, b->chance) == 0;
    return any ? (enum broker_fault)(1 + rng_below(&b->rng, FAULT_FENCED - 1)) : FAULT_NONE;
}

static enum status tx_begin(void *ctx) {
    struct fake_broker *b = ctx;
    if (!enter(b, "begin")) {
        return leave(b, ST_FENCED);
    }
    if (b->tx != TX_READY) {
        if (b->tx != TX_BROKEN) {
            wrong(b, "begin inside a transaction");
        }
        return leave(b, ST_AGAIN);
    }
    if (b->losing) {
        wrong(b, "begin when the partitions are lost");
    }
    b->fault = draw_fault(b);
    b->faults[b->fault]++;
    b->begun++;
    b->full = b->fault == FAULT_FULL ? FULL_TIMES : 0;
    if (b->fault == FAULT_BEGIN) {
        b->tx = TX_BROKEN;
        return leave(b, ST_AGAIN);
    }
    b->tx = TX_OPEN;
    return leave(b, ST_OK);
}

static const struct header *header_of(const struct header *h, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++) {
        if (strcmp(h[i].name, name) == 0) {
            return &h[i];
        }
    }
    return NULL;
}

static long long number_of(const struct header *h) {
    char text[32] = "-1";
    if (h && h->len < sizeof text) {
        memcpy(text, h->value, h->len);
        text[h->len] = '\0';
    }
    return strtoll(text, NULL, 10);
}

/* Of a letter, by its headers. */
static bool letter_origin(const struct fake_broker *b, const struct header *h, size_t n,
                          struct broker_message *m) {
    const struct header *topic = header_of(h, n, "topic");
    const struct header *reason = header_of(h, n, "reason");
    for (uint16_t t = 0; topic && reason && t < BROKER_TOPICS; t++) {
        if (strlen(b->raws[t]) == topic->len && memcmp(b->raws[t], topic->value, topic->len) == 0) {
            m->from =
                (struct broker_place){.topic = t,
                                      .partition = (int32_t)number_of(header_of(h, n, "partition")),
                                      .offset = number_of(header_of(h, n, "offset"))};
            snprintf(m->reason, sizeof m->reason, "%.*s", (int)reason->len,
                     (const char *)reason->value);
            return true;
        }
    }
    return false;
}

static bool exists(struct fake_broker *b, const struct broker_place *at) {
    return at->topic < BROKER_TOPICS && at->partition >= 0 && at->partition < BROKER_EACH &&
           at->offset >= 0 && at->offset < part_of(b, at->topic, at->partition)->n;
}

static void push_pending(struct fake_broker *b, struct broker_message m, const struct header *h,
                         size_t n_headers) {
    if (b->n_pending == b->cap_pending) {
        b->cap_pending = b->cap_pending ? 2 * b->cap_pending : 64;
        b->pending = realloc(b->pending, b->cap_pending * sizeof *b->pending);
        if (!b->pending) {
            abort();
        }
    }
    m.seq = ++b->seq;
    const bool known =
        n_headers > 0 ? letter_origin(b, h, n_headers, &m) : b->origin(b->origin_ctx, &m, &m.from);
    if (!known || !exists(b, &m.from)) {
        wrong(b, "a message to %s that no record became", m.topic);
        message_free(&m);
        return;
    }
    b->pending[b->n_pending++] = m;
}

static enum status tx_send(void *ctx, const char *topic, int32_t partition, const void *key,
                           size_t key_len, const void *value, size_t value_len,
                           int64_t timestamp_ms, const struct header *headers, size_t n_headers) {
    struct fake_broker *b = ctx;
    if (partition != -1) {
        wrong(b, "a message to partition %d, not by its key", (int)partition);
    }
    if (!enter(b, "send") || b->tx != TX_OPEN) {
        wrong(b, "send outside of a transaction");
        return leave(b, ST_IO);
    }
    if (b->full > 0) {
        b->full--;
        return leave(b, ST_AGAIN);
    }
    if (b->fault == FAULT_SEND || b->fault == FAULT_ABORT) {
        b->tx = TX_REFUSED;
        return leave(b, ST_IO);
    }
    struct broker_message m = {.key = copy_of(key, key_len),
                               .value = copy_of(value, value_len),
                               .key_len = key_len,
                               .value_len = value_len,
                               .timestamp_ms = timestamp_ms,
                               .has_key = key != NULL};
    snprintf(m.topic, sizeof m.topic, "%s", topic);
    push_pending(b, m, headers, n_headers);
    return leave(b, ST_OK);
}

static enum status tx_commit(void *ctx, const struct position *parts, size_t n, int generation) {
    struct fake_broker *b = ctx;
    if (!enter(b, "commit") || b->tx != TX_OPEN || n == 0 || n > BROKER_PARTS) {
        wrong(b, "commit outside of a transaction, or of %zu offsets", n);
        return leave(b, ST_LOST);
    }
    memcpy(b->offsets, parts, n * sizeof *parts);
    b->n_offsets = n;
    if (b->fault == FAULT_FENCED) {
        drop_pending(b);
        b->tx = TX_FENCED;
        return leave(b, ST_FENCED);
    }
    b->tx = TX_READY;
    if (b->fault == FAULT_LOST || generation == 0 || generation != b->generation) {
        drop_pending(b);
        return leave(b, ST_LOST);
    }
    if (b->fault == FAULT_LATE_DONE || b->fault == FAULT_NOT_DONE) {
        hang(b, b->fault == FAULT_LATE_DONE);
        return leave(b, ST_AGAIN);
    }
    apply(b);
    if (b->fault == FAULT_DONE) {
        b->tx = TX_BROKEN;
        return leave(b, ST_AGAIN);
    }
    return leave(b, ST_OK);
}

static enum status tx_abort(void *ctx) {
    struct fake_broker *b = ctx;
    if (!enter(b, "abort")) {
        return leave(b, ST_FENCED);
    }
    if (b->tx != TX_OPEN && b->tx != TX_REFUSED) {
        wrong(b, "abort of no transaction");
    }
    if (b->fault == FAULT_ABORT) {
        hang(b, false);
        return leave(b, ST_AGAIN);
    }
    drop_pending(b);
    b->tx = TX_READY;
    return leave(b, ST_OK);
}

static bool refuses(int *refusals) {
    const bool yes = *refusals != 0;
    *refusals -= *refusals > 0;
    return yes;
}

static enum status tx_renew(void *ctx) {
    struct fake_broker *b = ctx;
    if (!enter(b, "renew")) {
        return leave(b, ST_FENCED);
    }
    if (refuses(&b->renew_refusals)) {
        b->tx = TX_BROKEN;
        return leave(b, ST_AGAIN);
    }
    decide(b);
    b->tx = TX_READY;
    b->renewed++;
    return leave(b, ST_OK);
}

struct transactions broker_transactions(struct fake_broker *b) {
    return (struct transactions){.begin = tx_begin,
                                 .send = tx_send,
                                 .commit = tx_commit,
                                 .abort = tx_abort,
                                 .renew = tx_renew,
                                 .ctx = b};
}

/* ---- rebalances ----------------------------------------------------------------------------- */

static size_t positions_of(const struct fake_broker *b, unsigned parts, struct position *out) {
    size_t n = 0;
    for (int i = 0; i < BROKER_PARTS; i++) {
        if (parts >> i & 1U) {
            out[n++] = (struct position){.offset = b->parts[i].committed,
                                         .partition = i % BROKER_EACH,
                                         .topic = (uint16_t)(i / BROKER_EACH)};
        }
    }
    return n;
}

static unsigned assigned_of(const struct fake_broker *b) {
    unsigned parts = 0;
    for (unsigned i = 0; i < BROKER_PARTS; i++) {
        parts |= (unsigned)b->parts[i].assigned << i;
    }
    return parts;
}

static void serve_revoke(struct fake_broker *b, bool lost) {
    struct position parts[BROKER_PARTS];
    lock(b);
    const size_t n = positions_of(b, assigned_of(b), parts);
    b->generation = lost ? 0 : b->generation;
    b->losing = lost;
    unlock(b);
    if (n > 0) {
        b->ops.revoked(b->ops.ctx, parts, n, lost);
    }
    lock(b);
    b->generation = 0;
    b->losing = false;
    for (int i = 0; i < BROKER_PARTS; i++) {
        b->parts[i].assigned = b->parts[i].paused = false;
        b->parts[i].slack = 0;
    }
    unlock(b);
}

static void serve_assign(struct fake_broker *b, unsigned which) {
    struct position parts[BROKER_PARTS];
    lock(b);
    const size_t n = positions_of(b, which, parts);
    const int generation = b->generation = ++b->assignments;
    unlock(b);
    b->ops.assigned(b->ops.ctx, parts, n, generation);
    lock(b);
    for (size_t i = 0; i < n; i++) {
        struct broker_part *p = part_of(b, parts[i].topic, parts[i].partition);
        if (parts[i].offset >= 0) {
            wrong(b, "an assignment from %lld, not from where the group stands",
                  (long long)parts[i].offset);
        }
        p->assigned = true;
        p->told_end = false;
        p->position = -1;
    }
    unlock(b);
}

static void serve(struct fake_broker *b) {
    lock(b);
    const struct broker_ask ask = b->ask;
    unlock(b);
    if (ask.kind == BROKER_NOTHING) {
        return;
    }
    serve_revoke(b, ask.kind == BROKER_LOSE);
    if (ask.kind == BROKER_ASSIGN) {
        serve_assign(b, ask.parts);
    }
    lock(b);
    b->ask.kind = BROKER_NOTHING;
    unlock(b);
}

static bool ask(struct fake_broker *b, struct broker_ask what) {
    lock(b);
    b->ask = what;
    unlock(b);
    for (int ms = 0; ms < WAIT_MS; ms++) {
        lock(b);
        const bool served = b->ask.kind == BROKER_NOTHING;
        unlock(b);
        if (served) {
            return true;
        }
        nap_ms(1);
    }
    return false;
}

bool broker_assign(struct fake_broker *b, unsigned parts) {
    return ask(b, (struct broker_ask){.kind = BROKER_ASSIGN, .parts = parts});
}

bool broker_revoke(struct fake_broker *b, bool lost) {
    return ask(b, (struct broker_ask){.kind = lost ? BROKER_LOSE : BROKER_REVOKE});
}

void broker_close(struct fake_broker *b) {
    serve_revoke(b, false);
    lock(b);
    b->closed = true;
    unlock(b);
}

void broker_other_takes(struct fake_broker *b, int part, int64_t offset) {
    lock(b);
    struct broker_part *p = &b->parts[part];
    if (!p->assigned && !b->hanging) {
        for (int64_t k = p->committed < 0 ? 0 : p->committed; k < offset && k < p->n; k++) {
            p->records[k].outputs += p->records[k].wanted;
            p->records[k].by_other = true;
            p->committed = k + 1;
        }
    }
    unlock(b);
}

/* ---- source -------------------------------------------------------------------------- */

static void lend(struct fake_broker *b, int i, struct record *out) {
    struct broker_part *p = &b->parts[i];
    *out = (struct record){.offset = p->position,
                           .timestamp_ms = -1,
                           .partition = i % BROKER_EACH,
                           .topic = (uint16_t)(i / BROKER_EACH)};
    if (p->position == p->n) {
        out->end = p->told_end = true;
        return;
    }
    const struct broker_record *r = &p->records[p->position++];
    struct broker_lent *lent = malloc(sizeof *lent + r->key_len + r->value_len);
    if (!lent) {
        abort();
    }
    lent->next = b->lent;
    b->lent = lent;
    memcpy(lent->bytes, r->key ? r->key : "", r->key_len);
    memcpy(lent->bytes + r->key_len, r->value ? r->value : "", r->value_len);
    out->timestamp_ms = r->timestamp_ms;
    out->key = r->key ? lent->bytes : NULL;
    out->value = r->value ? lent->bytes + r->key_len : NULL;
    out->key_len = r->key_len;
    out->value_len = r->value_len;
    out->misplaced = true; /* partners' partitioners are their own */
}

static bool may_lend(const struct broker_part *p) {
    return p->assigned && (!p->paused || p->slack > 0) && p->position >= 0 &&
           (p->position < p->n || !p->told_end);
}

static size_t lend_some(struct fake_broker *b, struct record *out, size_t max) {
    size_t n = 0;
    const uint32_t first = rng_below(&b->rng, BROKER_PARTS);
    for (uint32_t k = 0; k < BROKER_PARTS; k++) {
        const int i = (int)((first + k) % BROKER_PARTS);
        struct broker_part *p = &b->parts[i];
        if (p->position < 0 && !b->hanging) {
            p->position = p->committed < 0 ? 0 : p->committed;
        }
        const uint32_t most = 1 + rng_below(&b->rng, 60);
        for (uint32_t m = 0; m < most && n < max && may_lend(p); m++) {
            p->slack -= p->paused;
            lend(b, i, &out[n++]);
        }
    }
    return n;
}

static size_t source_poll(void *ctx, struct record *out, size_t max, int timeout_ms) {
    struct fake_broker *b = ctx;
    serve(b);
    lock(b);
    free_lent(b);
    b->polls++;
    if (b->hanging && --b->hanging_polls <= 0) {
        decide(b);
    }
    if (b->closed) {
        wrong(b, "poll after the end");
    }
    const size_t n = lend_some(b, out, max);
    unlock(b);
    if (n == 0 && timeout_ms > 0) {
        nap_ms(1);
    }
    return n;
}

static void set_paused(struct fake_broker *b, uint16_t topic, int32_t partition, bool paused) {
    lock(b);
    struct broker_part *p = part_of(b, topic, partition);
    if (!p->assigned || p->paused == paused) {
        wrong(b, "%s of what is not %s", paused ? "pause" : "resume",
              p->assigned ? "going the other way" : "assigned");
    }
    p->paused = paused;
    p->slack = paused ? rng_below(&b->rng, 4) : 0;
    unlock(b);
}

static void source_pause(void *ctx, uint16_t topic, int32_t partition) {
    set_paused(ctx, topic, partition, true);
}

static void source_resume(void *ctx, uint16_t topic, int32_t partition) {
    set_paused(ctx, topic, partition, false);
}

static enum status source_committed(void *ctx, struct position *parts, size_t n) {
    struct fake_broker *b = ctx;
    (void)enter(b, "committed");
    if (refuses(&b->committed_refusals) || b->hanging) {
        return leave(b, ST_AGAIN);
    }
    for (size_t i = 0; i < n; i++) {
        parts[i].offset = part_of(b, parts[i].topic, parts[i].partition)->committed;
    }
    return leave(b, ST_OK);
}

struct source broker_source(struct fake_broker *b) {
    return (struct source){.poll = source_poll,
                           .pause = source_pause,
                           .resume = source_resume,
                           .committed = source_committed,
                           .ctx = b};
}

/* ---- looking ------------------------------------------------------------------------- */

void broker_fail(struct fake_broker *b, enum broker_fault fault, int times) {
    lock(b);
    b->next = fault;
    b->next_times = times;
    unlock(b);
}

struct broker_part broker_part(struct fake_broker *b, uint16_t topic, int32_t partition) {
    lock(b);
    const struct broker_part p = *part_of(b, topic, partition);
    unlock(b);
    return p;
}

struct broker_record broker_record(struct fake_broker *b, uint16_t topic, int32_t partition,
                                   int64_t offset) {
    lock(b);
    const struct broker_record r = part_of(b, topic, partition)->records[offset];
    unlock(b);
    return r;
}

bool broker_all_committed(struct fake_broker *b) {
    bool all = true;
    lock(b);
    for (int i = 0; i < BROKER_PARTS; i++) {
        all = all && (b->parts[i].n == 0 || b->parts[i].committed == b->parts[i].n);
    }
    unlock(b);
    return all;
}

int broker_count(struct fake_broker *b, const int *counter) {
    lock(b);
    const int n = *counter;
    unlock(b);
    return n;
}
