/* SPDX-License-Identifier: Apache-2.0
 * fake_kafka.c -- see fake_kafka.h. */
#include "fake_kafka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { POLL_BYTES = 8 << 20 }; /* as much as one fetch brings */

struct fake_message {
    char *key; /* of its own: a record is lent while the array grows */
    const void *value;
    size_t len;
    int64_t timestamp_ms;
    bool owned, bad;
};

static void nap_ms(int ms) {
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000L};
    nanosleep(&t, NULL);
}

static void lock(struct fake_kafka *k) {
    pthread_mutex_lock(&k->lock);
}

static void unlock(struct fake_kafka *k) {
    pthread_mutex_unlock(&k->lock);
}

static void wrong(struct fake_kafka *k, const char *what) {
    k->wrongs++;
    snprintf(k->wrong, sizeof k->wrong, "%s", what);
}

static struct fake_part *part_of(struct fake_kafka *k, int topic, int32_t partition) {
    if (topic < 0 || topic >= FAKE_TOPICS || partition < 0 || partition >= k->n_parts) {
        abort();
    }
    return &k->parts[(int32_t)topic * k->n_parts + partition];
}

void fake_kafka_init(struct fake_kafka *k, int32_t n_parts, const char *const *topics) {
    memset(k, 0, sizeof *k);
    pthread_mutex_init(&k->lock, NULL);
    k->n_parts = n_parts;
    k->names = topics;
    k->parts = calloc((size_t)(FAKE_TOPICS * n_parts), sizeof *k->parts);
    if (!k->parts) {
        abort();
    }
    for (int32_t i = 0; i < FAKE_TOPICS * n_parts; i++) {
        k->parts[i].committed = k->parts[i].known_end = -1;
    }
}

void fake_kafka_free(struct fake_kafka *k) {
    for (int32_t i = 0; i < FAKE_TOPICS * k->n_parts; i++) {
        for (int64_t m = 0; m < k->parts[i].n; m++) {
            union {
                const void *in;
                void *out;
            } value = {.in = k->parts[i].messages[m].value};
            free(k->parts[i].messages[m].key);
            if (k->parts[i].messages[m].owned) {
                free(value.out);
            }
        }
        free(k->parts[i].messages);
    }
    free(k->parts);
    pthread_mutex_destroy(&k->lock);
}

/* ---- rebalances --------------------------------------------------------------------- */

static size_t positions(const struct fake_kafka *k, const int32_t n[FAKE_TOPICS],
                        struct position *out) {
    size_t n_out = 0;
    (void)k;
    for (int t = 0; t < FAKE_TOPICS; t++) {
        for (int32_t p = 0; p < n[t]; p++) {
            out[n_out++] = (struct position){.offset = -1, .partition = p, .topic = (uint16_t)t};
        }
    }
    return n_out;
}

static void serve_assign(struct fake_kafka *k, const struct fake_ask *ask) {
    struct position *parts = calloc((size_t)(FAKE_TOPICS * k->n_parts), sizeof *parts);
    const size_t n = positions(k, ask->n, parts);
    lock(k);
    k->generation = ++k->assignments;
    const int generation = k->generation;
    unlock(k);
    k->ops.assigned(k->ops.ctx, parts, n, generation);
    lock(k);
    for (size_t i = 0; i < n; i++) {
        struct fake_part *p = part_of(k, parts[i].topic, parts[i].partition);
        p->position = parts[i].offset < 0 ? 0 : parts[i].offset;
        p->assigned = true;
        p->paused = p->told_end = false;
    }
    unlock(k);
    free(parts);
}

static void serve_revoke(struct fake_kafka *k, bool lost) {
    struct position *parts = calloc((size_t)(FAKE_TOPICS * k->n_parts), sizeof *parts);
    size_t n = 0;
    lock(k);
    k->generation = lost ? 0 : k->generation;
    for (int t = 0; t < FAKE_TOPICS; t++) {
        for (int32_t p = 0; p < k->n_parts; p++) {
            if (part_of(k, t, p)->assigned) {
                parts[n++] = (struct position){.offset = -1, .partition = p, .topic = (uint16_t)t};
            }
        }
    }
    unlock(k);
    if (n > 0) {
        k->ops.revoked(k->ops.ctx, parts, n, lost);
    }
    lock(k);
    k->generation = 0;
    for (size_t i = 0; i < n; i++) {
        part_of(k, parts[i].topic, parts[i].partition)->assigned = false;
    }
    unlock(k);
    free(parts);
}

static void serve(struct fake_kafka *k) {
    lock(k);
    const struct fake_ask ask = k->ask;
    unlock(k);
    if (ask.kind == ASK_NOTHING) {
        return;
    }
    if (ask.kind != ASK_BREAK) {
        serve_revoke(k, ask.kind == ASK_LOSE);
    }
    if (ask.kind == ASK_ASSIGN || ask.kind == ASK_BREAK) {
        serve_assign(k, &ask);
    }
    lock(k);
    k->ask.kind = ASK_NOTHING;
    unlock(k);
}

static bool ask(struct fake_kafka *k, struct fake_ask what) {
    lock(k);
    k->ask = what;
    unlock(k);
    for (int ms = 0; ms < 2 * FAKE_WAIT_MS; ms++) {
        lock(k);
        const bool served = k->ask.kind == ASK_NOTHING;
        unlock(k);
        if (served) {
            return true;
        }
        nap_ms(1);
    }
    return false;
}

bool fake_assign(struct fake_kafka *k, int32_t n_first, int32_t n_second) {
    return ask(k, (struct fake_ask){.kind = ASK_ASSIGN, .n = {n_first, n_second}});
}

bool fake_revoke(struct fake_kafka *k, bool lost) {
    return ask(k, (struct fake_ask){.kind = lost ? ASK_LOSE : ASK_REVOKE});
}

bool fake_break(struct fake_kafka *k) {
    return ask(k, (struct fake_ask){.kind = ASK_BREAK, .n = {1, 0}});
}

void fake_close(struct fake_kafka *k) {
    serve_revoke(k, false);
    lock(k);
    k->closed = true;
    unlock(k);
}

/* ---- source ------------------------------------------------------------------------- */

static void check_open(struct fake_kafka *k) {
    if (k->closed) {
        wrong(k, "the source was used after it was closed");
    }
}

/* The next record of a partition, or its end. */
static bool next_of(struct fake_kafka *k, int topic, int32_t partition, struct record *out) {
    struct fake_part *p = part_of(k, topic, partition);
    if (!p->assigned || p->paused || p->silent || (p->position == p->n && p->told_end)) {
        return false;
    }
    *out = (struct record){.offset = p->position, .partition = partition, .topic = (uint16_t)topic};
    p->told_end = p->position == p->n;
    if (p->told_end) {
        out->end = true;
        out->timestamp_ms = -1;
        return true;
    }
    const struct fake_message *m = &p->messages[p->position++];
    out->key = m->key;
    out->key_len = strlen(m->key);
    out->value = m->value;
    out->value_len = m->len;
    out->timestamp_ms = m->timestamp_ms;
    return true;
}

static size_t poll(void *ctx, struct record *out, size_t max, int timeout_ms) {
    struct fake_kafka *k = ctx;
    serve(k);
    size_t n = 0;
    size_t bytes = 0;
    lock(k);
    check_open(k);
    k->polls++;
    bool more = true;
    while (more && n < max && bytes < POLL_BYTES) {
        more = false;
        for (int t = 0; t < FAKE_TOPICS; t++) {
            for (int32_t p = 0; p < k->n_parts && n < max; p++) {
                if (next_of(k, t, p, &out[n])) {
                    more = true;
                    bytes += out[n++].value_len;
                }
            }
        }
    }
    unlock(k);
    if (n == 0 && timeout_ms > 0) {
        nap_ms(1);
    }
    return n;
}

static int64_t end(void *ctx, uint16_t topic, int32_t partition) {
    struct fake_kafka *k = ctx;
    lock(k);
    check_open(k);
    const struct fake_part *p = part_of(k, topic, partition);
    const bool known = p->assigned && p->known_end != FAKE_UNKNOWN;
    const int64_t e = !known ? -1 : p->known_end >= 0 ? p->known_end : p->n;
    unlock(k);
    return e;
}

static void set_paused(struct fake_kafka *k, uint16_t topic, int32_t partition, bool paused) {
    lock(k);
    struct fake_part *p = part_of(k, topic, partition);
    if (!p->assigned || p->paused == paused) {
        wrong(k, "paused or resumed twice, or what is not assigned");
    }
    p->paused = paused;
    p->pauses += paused;
    unlock(k);
}

static void pause_part(void *ctx, uint16_t topic, int32_t partition) {
    set_paused(ctx, topic, partition, true);
}

static void resume_part(void *ctx, uint16_t topic, int32_t partition) {
    set_paused(ctx, topic, partition, false);
}

static enum status committed(void *ctx, struct position *parts, size_t n) {
    struct fake_kafka *k = ctx;
    lock(k);
    check_open(k);
    enum status st = ST_OK;
    if (k->committed_refusals > 0) {
        k->committed_refusals--;
        st = ST_AGAIN;
    }
    for (size_t i = 0; !st && i < n; i++) {
        parts[i].offset = part_of(k, parts[i].topic, parts[i].partition)->committed;
    }
    unlock(k);
    return st;
}

static bool has_letter(const struct fake_kafka *k, int topic, int32_t partition, int64_t offset) {
    for (size_t i = 0; i < k->n_letters; i++) {
        const struct fake_letter *l = &k->letters[i];
        if (l->acked && l->topic == topic && l->partition == partition && l->offset == offset) {
            return true;
        }
    }
    return false;
}

static void commit_one(struct fake_kafka *k, const struct position *at) {
    struct fake_part *p = part_of(k, at->topic, at->partition);
    if (at->offset < p->committed || at->offset > p->n) {
        wrong(k, "an offset was committed backwards or beyond the end");
        return;
    }
    for (int64_t m = p->committed < 0 ? 0 : p->committed; m < at->offset; m++) {
        if (p->messages[m].bad && !has_letter(k, at->topic, at->partition, m)) {
            wrong(k, "an offset was committed before its dead letter");
        }
    }
    p->committed = at->offset;
}

static enum status commit(void *ctx, const struct position *parts, size_t n, int generation) {
    struct fake_kafka *k = ctx;
    lock(k);
    check_open(k);
    const int takes_ms = k->commit_ms;
    k->begun++;
    unlock(k);
    nap_ms(takes_ms);
    lock(k);
    k->attempts++;
    enum status st = generation == 0 || generation != k->generation ? ST_LOST : ST_OK;
    if (!st && k->commit_refusals != 0) {
        k->commit_refusals -= k->commit_refusals > 0;
        st = k->commit_status;
    }
    for (size_t i = 0; !st && i < n; i++) {
        commit_one(k, &parts[i]);
    }
    k->commits += !st;
    unlock(k);
    return st;
}

static int32_t partitions(void *ctx, uint16_t topic) {
    const struct fake_kafka *k = ctx;
    (void)topic;
    return k->n_parts;
}

struct source fake_source(struct fake_kafka *k) {
    return (struct source){.poll = poll,
                           .partitions = partitions,
                           .end = end,
                           .pause = pause_part,
                           .resume = resume_part,
                           .committed = committed,
                           .commit = commit,
                           .ctx = k};
}

/* ---- letterbox ---------------------------------------------------------------------- */

static const char *header(const struct header *headers, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++) {
        if (strcmp(headers[i].name, name) == 0) {
            return headers[i].value;
        }
    }
    return "-1";
}

static enum status send_letter(void *ctx, const char *topic, const void *key, size_t key_len,
                               const void *value, size_t value_len, int64_t timestamp_ms,
                               const struct header *headers, size_t n_headers) {
    struct fake_kafka *k = ctx;
    (void)topic;
    (void)key;
    (void)key_len;
    (void)value;
    (void)value_len;
    (void)timestamp_ms;
    lock(k);
    if (k->n_letters == FAKE_LETTERS) {
        abort();
    }
    struct fake_letter *l = &k->letters[k->n_letters++];
    *l = (struct fake_letter){.partition = atoi(header(headers, n_headers, "partition")),
                              .offset = atoll(header(headers, n_headers, "offset"))};
    l->topic = strcmp(k->names[0], header(headers, n_headers, "topic")) == 0 ? 0 : 1;
    unlock(k);
    return ST_OK;
}

static enum status flush_letters(void *ctx, int timeout_ms) {
    struct fake_kafka *k = ctx;
    enum status st = ST_OK;
    lock(k);
    if (k->flush_refusals != 0) {
        k->flush_refusals -= k->flush_refusals > 0;
        st = k->flush_status;
    }
    for (size_t i = 0; !st && i < k->n_letters; i++) {
        k->letters[i].acked = true;
    }
    unlock(k);
    if (st) {
        nap_ms(timeout_ms < 20 ? timeout_ms : 20);
    }
    return st;
}

struct letterbox fake_letterbox(struct fake_kafka *k) {
    return (struct letterbox){.send = send_letter, .flush = flush_letters, .ctx = k};
}

/* ---- the test's side ---------------------------------------------------------------- */

static void grow(struct fake_part *p) {
    p->cap = p->cap ? 2 * p->cap : 64;
    p->messages = realloc(p->messages, (size_t)p->cap * sizeof *p->messages);
    if (!p->messages) {
        abort();
    }
}

int64_t fake_append(struct fake_kafka *k, int topic, int32_t partition, const char *key,
                    const void *value, size_t len, bool copy, bool bad, int64_t timestamp_ms) {
    lock(k);
    struct fake_part *p = part_of(k, topic, partition);
    if (p->n == p->cap) {
        grow(p);
    }
    const int64_t offset = p->n++;
    struct fake_message *m = &p->messages[offset];
    *m = (struct fake_message){
        .value = value, .len = len, .timestamp_ms = timestamp_ms, .owned = copy, .bad = bad};
    m->key = strdup(key);
    if (copy) {
        void *mine = malloc(len ? len : 1);
        if (!mine) {
            abort();
        }
        memcpy(mine, value, len);
        m->value = mine;
    }
    p->told_end = false;
    unlock(k);
    return offset;
}

struct fake_part fake_part(struct fake_kafka *k, int topic, int32_t partition) {
    lock(k);
    const struct fake_part copy = *part_of(k, topic, partition);
    unlock(k);
    return copy;
}

int fake_letters_of(struct fake_kafka *k, int topic, int32_t partition, int64_t offset) {
    int n = 0;
    lock(k);
    for (size_t i = 0; i < k->n_letters; i++) {
        const struct fake_letter *l = &k->letters[i];
        n += l->acked && l->topic == topic && l->partition == partition && l->offset == offset;
    }
    unlock(k);
    return n;
}

size_t fake_letters_acked(struct fake_kafka *k) {
    size_t n = 0;
    lock(k);
    for (size_t i = 0; i < k->n_letters; i++) {
        n += k->letters[i].acked;
    }
    unlock(k);
    return n;
}

int fake_refused(struct fake_kafka *k) {
    lock(k);
    const int n = k->attempts - k->commits;
    unlock(k);
    return n;
}

bool fake_all_committed(struct fake_kafka *k) {
    bool all = true;
    lock(k);
    for (int32_t i = 0; i < FAKE_TOPICS * k->n_parts; i++) {
        all = all && (k->parts[i].n == 0 || k->parts[i].committed == k->parts[i].n);
    }
    unlock(k);
    return all;
}
