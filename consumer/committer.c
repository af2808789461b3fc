/* SPDX-License-Identifier: Apache-2.0
 * committer.c -- see committer.h. */
#include "committer.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "metrics.h"
#include "queue.h"

enum {
    QUEUE = 1024,
    TOGETHER = 256,
    IDLE_MS = 200,
    BACKOFF_MIN_MS = 100,
    BACKOFF_MAX_MS = 2000,
    SLICE_MS = 50,
    SPARE_MAX = 8 << 20, /* more is not kept */
};
enum { COMMIT_OK_LABEL, COMMIT_LOST_LABEL, COMMIT_RETRY_LABEL };

struct committer {
    const struct config *cfg;
    struct committer_ports ports;
    bool unknown; /* nobody knows what became of the last transaction */
    bool fenced;
    struct queue *in;  /* struct sealed   */
    struct queue *out; /* struct answered */
    pthread_t thread;
    bool started;
    atomic_bool stopping;
    size_t pending;       /* learner's side ... */
    struct parcels spare; /* ... likewise       */
};

struct answered {
    struct sealed_answer answer;
    struct parcels room; /* of the batch, empty */
};

static void nap(int ms) {
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000L};
    nanosleep(&t, NULL);
}

/* In slices, so that a stop need not wait for the longest of them. */
static void back_off(const struct committer *c, int ms) {
    for (; ms > 0 && !atomic_load(&c->stopping); ms -= SLICE_MS) {
        nap(ms < SLICE_MS ? ms : SLICE_MS);
    }
}

static double seconds_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* One attempt: letters first, then offsets. `*sent` remembers that the letters are safe, so
 * that a commit which is tried again does not send them twice. */
static enum status attempt(struct committer *c, struct sealed *b, bool *sent) {
    if (!*sent) {
        enum status st = letters_send(&b->letters, c->cfg, c->ports.letterbox);
        if (st) {
            return st == ST_LOST ? ST_LOST : ST_AGAIN;
        }
        *sent = true;
    }
    const struct source *source = c->ports.source;
    return source->commit(source->ctx, b->positions, b->n_positions, b->generation);
}

static enum status finish(struct committer *c, struct sealed *b) {
    int backoff = BACKOFF_MIN_MS;
    bool sent = false;
    const double start = seconds_now();
    enum status st = attempt(c, b, &sent);
    while (st == ST_AGAIN && !atomic_load(&c->stopping)) {
        metric_add(M_COMMITS, COMMIT_RETRY_LABEL, 1);
        LOG_WARN("commit has to wait: trying again", LOG_INT("task", b->task),
                 LOG_INT("backoff_ms", backoff), LOG_INT("letters", b->letters.n));
        back_off(c, backoff);
        backoff = backoff * 2 < BACKOFF_MAX_MS ? backoff * 2 : BACKOFF_MAX_MS;
        if (!atomic_load(&c->stopping)) { /* an attempt may take 10 s */
            st = attempt(c, b, &sent);
        }
    }
    if (st == ST_OK) {
        metric_add(M_COMMITS, COMMIT_OK_LABEL, 1);
        metric_observe(M_COMMIT_SECONDS, 0, seconds_now() - start);
        return ST_OK;
    }
    metric_add(M_COMMITS, COMMIT_LOST_LABEL, 1);
    LOG_WARN("batch not committed: it will be taken back", LOG_INT("task", b->task),
             LOG_STR("reason", status_str(st)));
    return ST_LOST;
}

/* ---- transactions ------------------------------------------------------------------------ */

static const char *topic_of(const struct config *cfg, enum parcel_kind kind) {
    switch (kind) {
    case PARCEL_STATE: return cfg->state_topic;
    case PARCEL_MODEL: return cfg->model_topic;
    case PARCEL_ITEMS: return cfg->items_topic;
    default: return cfg->outbox_topic;
    }
}

/* The producer's queue is full now and then: it was served meanwhile. */
static enum status send_parcel(struct committer *c, const struct parcel *p) {
    const struct transactions *tx = c->ports.transactions;
    enum status st;
    do {
        st = tx->send(tx->ctx, topic_of(c->cfg, p->kind), p->partition, p->key, p->key_len,
                      p->value, p->value_len, 0, NULL, 0);
    } while (st == ST_AGAIN && !atomic_load(&c->stopping));
    return st;
}

static enum status send_batch(struct committer *c, struct sealed *b) {
    struct parcel parcel;
    size_t at = 0;
    enum status st = ST_OK;
    while (!st && parcels_next(&b->parcels, &at, &parcel)) {
        st = send_parcel(c, &parcel);
    }
    const struct letterbox box = letterbox_in(c->ports.transactions);
    b->letters.queued = 0; /* what an aborted transaction held goes again */
    do {
        st = st ? st : letters_send(&b->letters, c->cfg, &box);
    } while (st == ST_AGAIN && !atomic_load(&c->stopping));
    return st;
}

void committer_tag(const struct sealed *batch, char tag[POSITION_TAG_MAX]) {
    snprintf(tag, POSITION_TAG_MAX, "%" PRIu64 ":%" PRIu64, batch->epoch, batch->batch);
}

/* Offsets of all batches; of two of one task the later one's. Returns how many. */
static size_t gather(struct committer *c, size_t n, struct position *out) {
    size_t total = 0;
    for (size_t k = 0; k < n; k++) {
        const struct sealed *b = queue_at(c->in, k);
        for (uint32_t i = 0; i < b->n_positions; i++) {
            size_t at = 0;
            while (at < total && (out[at].topic != b->positions[i].topic ||
                                  out[at].partition != b->positions[i].partition)) {
                at++;
            }
            total += at == total;
            out[at] = b->positions[i];
            committer_tag(b, out[at].tag);
        }
    }
    return total;
}

/* After a commit that nobody answered. ST_OK, ST_LOST (it did not happen); else nobody knows yet.
 */
static enum status resolve(struct committer *c, const struct position *sent, size_t n) {
    const struct transactions *tx = c->ports.transactions;
    enum status st = tx->renew(tx->ctx);
    struct position *stand = calloc(n, sizeof *stand);
    if (!st && !stand) {
        st = ST_AGAIN;
    }
    if (!st) {
        memcpy(stand, sent, n * sizeof *stand);
        st = c->ports.source->committed(c->ports.source->ctx, stand, n);
    }
    for (size_t k = 0; !st && k < n; k++) { /* all of them, or none */
        st = strcmp(stand[k].tag, sent[k].tag) == 0 ? ST_OK : ST_LOST;
    }
    free(stand);
    return st;
}

static enum status transact(struct committer *c, size_t n, const struct position *parts,
                            size_t n_parts, int generation) {
    const struct transactions *tx = c->ports.transactions;
    if (c->unknown) {
        const enum status st = resolve(c, parts, n_parts);
        c->unknown = st != ST_OK && st != ST_LOST;
        LOG_WARN("a transaction without an answer was looked up",
                 LOG_STR("outcome", st == ST_OK     ? "committed"
                                    : st == ST_LOST ? "not committed"
                                                    : "not known yet"));
        if (st != ST_LOST) {
            return st;
        }
    }
    enum status st = tx->begin(tx->ctx);
    enum status sent = st;
    for (size_t k = 0; !sent && k < n; k++) {
        sent = send_batch(c, queue_at(c->in, k));
    }
    if (!st && sent) {
        st = tx->abort(tx->ctx);
        st = st ? st : ST_LOST;
    } else if (!st) {
        st = tx->commit(tx->ctx, parts, n_parts, generation);
    }
    c->unknown = st == ST_AGAIN;
    return st;
}

/* ST_OK, ST_LOST, ST_FENCED; ST_AGAIN: stopping. */
static enum status finish_together(struct committer *c, size_t n, struct position *parts) {
    const struct sealed *first = queue_front(c->in);
    const struct transactions *tx = c->ports.transactions;
    const size_t n_parts = gather(c, n, parts);
    const double start = seconds_now();
    int backoff = BACKOFF_MIN_MS;
    for (;;) {
        enum status st = transact(c, n, parts, n_parts, first->generation);
        if (st == ST_OK) {
            metric_add(M_COMMITS, COMMIT_OK_LABEL, n);
            metric_observe(M_COMMIT_SECONDS, 0, seconds_now() - start);
            return ST_OK;
        }
        if (st == ST_INVALID || st == ST_FENCED) {
            return ST_FENCED;
        }
        if (st == ST_LOST && !tx->stands(tx->ctx, first->generation)) {
            metric_add(M_COMMITS, COMMIT_LOST_LABEL, n);
            LOG_WARN("batch not committed: it will be taken back", LOG_INT("task", first->task),
                     LOG_INT("batches", n), LOG_STR("reason", "the assignment is over"));
            return ST_LOST;
        }
        if (atomic_load(&c->stopping)) {
            return ST_AGAIN;
        }
        metric_add(M_COMMITS, COMMIT_RETRY_LABEL, n);
        LOG_WARN("a transaction did not go through: trying again", LOG_INT("task", first->task),
                 LOG_INT("batches", n), LOG_INT("backoff_ms", backoff),
                 LOG_STR("status", status_str(st)));
        back_off(c, backoff);
        backoff = backoff * 2 < BACKOFF_MAX_MS ? backoff * 2 : BACKOFF_MAX_MS;
    }
}

/* Batches that can share a transaction: those of one assignment. */
static size_t together(const struct committer *c) {
    const struct sealed *first = queue_front(c->in);
    size_t n = 1;
    const struct sealed *b;
    while (n < TOGETHER && (b = queue_at(c->in, n)) != NULL && b->generation == first->generation) {
        n++;
    }
    return n;
}

/* ---- the thread ---------------------------------------------------------------------- */

static void free_batch(struct sealed *b) {
    letters_free(&b->letters);
    parcels_free(&b->parcels);
}

/* The front batch is answered. */
static bool answer(struct committer *c, enum status st) {
    struct sealed *b = queue_front(c->in);
    struct answered *a = queue_reserve(c->out);
    while (!a && !atomic_load(&c->stopping)) {
        nap(1); /* `out` is as long as `in`: only a learner that never reads fills it */
        a = queue_reserve(c->out);
    }
    if (!a) {
        c->unknown = true; /* to the watch, too */
        return false;
    }
    a->answer = (struct sealed_answer){
        .task = b->task, .generation = b->generation, .batch = b->batch, .status = st};
    const struct commit_watch *watch = c->ports.watch;
    if (watch && st == ST_OK) {
        watch->committed(watch->ctx, b);
    }
    parcels_clear(&b->parcels);
    a->room = b->parcels;
    b->parcels = (struct parcels){0};
    free_batch(b);
    queue_pop(c->in);
    queue_push(c->out);
    return true;
}

static void commit_front(struct committer *c) {
    if (!c->ports.transactions) {
        (void)answer(c, finish(c, queue_front(c->in)));
        return;
    }
    const size_t n = together(c);
    struct position *parts = calloc(n * CONFIG_TOPICS_MAX, sizeof *parts);
    enum status st = c->fenced ? ST_FENCED : ST_AGAIN;
    if (parts && !c->fenced) {
        st = finish_together(c, n, parts);
    }
    free(parts);
    c->fenced = st == ST_FENCED;
    bool answered = st != ST_AGAIN;
    for (size_t k = 0; answered && k < n; k++) {
        answered = answer(c, st);
    }
}

static void *run(void *arg) {
    struct committer *c = arg;
    const struct commit_watch *watch = c->ports.watch;
    while (!atomic_load(&c->stopping)) {
        if (queue_wait(c->in, IDLE_MS)) {
            commit_front(c);
        }
        if (watch && !c->fenced) {
            watch->idle(watch->ctx, false);
        }
    }
    if (watch && !c->fenced && !c->unknown) {
        watch->idle(watch->ctx, true);
    }
    return NULL;
}

enum status committer_start(const struct config *cfg, const struct committer_ports *ports,
                            struct committer **out) {
    struct committer *c = calloc(1, sizeof *c);
    if (!c) {
        return ST_NOMEM;
    }
    c->cfg = cfg;
    c->ports = *ports;
    enum status st = queue_new(QUEUE, sizeof(struct sealed), &c->in);
    if (!st) {
        st = queue_new((size_t)2 * QUEUE, sizeof(struct answered), &c->out);
    }
    if (!st) {
        st = pthread_create(&c->thread, NULL, run, c) ? ST_IO : ST_OK;
        c->started = st == ST_OK;
    }
    if (st) {
        committer_stop(c);
        return st;
    }
    *out = c;
    return ST_OK;
}

enum status committer_submit(struct committer *c, struct sealed *batch) {
    struct sealed *b = queue_reserve(c->in);
    if (!b) {
        return ST_AGAIN;
    }
    *b = *batch;
    batch->letters = (struct letters){0};
    batch->parcels = (struct parcels){0};
    queue_push(c->in);
    c->pending++;
    return ST_OK;
}

struct parcels committer_spare(struct committer *c) {
    const struct parcels spare = c->spare;
    c->spare = (struct parcels){0};
    return spare;
}

size_t committer_room(const struct committer *c) {
    return queue_room(c->in);
}

bool committer_answer(struct committer *c, struct sealed_answer *out) {
    struct answered *a = queue_front(c->out);
    if (!a) {
        return false;
    }
    *out = a->answer;
    struct parcels *unused = a->room.cap > SPARE_MAX ? &a->room : &c->spare;
    parcels_free(unused);
    if (unused == &c->spare) {
        c->spare = a->room;
    }
    queue_pop(c->out);
    c->pending--;
    return true;
}

bool committer_wait(struct committer *c, int timeout_ms, struct sealed_answer *out) {
    return queue_wait(c->out, timeout_ms) && committer_answer(c, out);
}

size_t committer_pending(const struct committer *c) {
    return c->pending;
}

void committer_stop(struct committer *c) {
    if (!c) {
        return;
    }
    atomic_store(&c->stopping, true);
    if (c->started) {
        queue_wake(c->in);
        pthread_join(c->thread, NULL);
    }
    struct sealed *b = NULL;
    while (c->in && (b = queue_front(c->in)) != NULL) {
        free_batch(b);
        queue_pop(c->in);
    }
    struct sealed_answer unread;
    while (c->out && committer_answer(c, &unread)) {
    }
    parcels_free(&c->spare);
    queue_free(c->in);
    queue_free(c->out);
    free(c);
}
