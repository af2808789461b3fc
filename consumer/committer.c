/* SPDX-License-Identifier: Apache-2.0
 * committer.c -- see committer.h. */
#include "committer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "log.h"
#include "metrics.h"
#include "queue.h"

enum { QUEUE = 1024, IDLE_MS = 200, BACKOFF_MIN_MS = 100, BACKOFF_MAX_MS = 2000, SLICE_MS = 50 };
enum { COMMIT_OK_LABEL, COMMIT_LOST_LABEL, COMMIT_RETRY_LABEL };

struct committer {
    const struct config *cfg;
    const struct source *source;
    const struct letterbox *box;
    struct queue *in;  /* struct sealed        */
    struct queue *out; /* struct sealed_answer */
    pthread_t thread;
    bool started;
    atomic_bool stopping;
    size_t pending; /* learner's side */
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
        enum status st = letters_send(&b->letters, c->cfg, c->box);
        if (st) {
            return st == ST_LOST ? ST_LOST : ST_AGAIN;
        }
        *sent = true;
    }
    return c->source->commit(c->source->ctx, b->positions, b->n_positions, b->generation);
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

static void *run(void *arg) {
    struct committer *c = arg;
    while (!atomic_load(&c->stopping)) {
        if (!queue_wait(c->in, IDLE_MS)) {
            continue;
        }
        struct sealed *b = queue_front(c->in);
        struct sealed_answer *a = queue_reserve(c->out);
        if (!b || !a) {
            nap(1); /* `out` is as long as `in`: only a learner that never reads fills it */
            continue;
        }
        *a = (struct sealed_answer){
            .task = b->task, .generation = b->generation, .status = finish(c, b)};
        letters_free(&b->letters);
        queue_pop(c->in);
        queue_push(c->out);
    }
    return NULL;
}

enum status committer_start(const struct config *cfg, const struct source *source,
                            const struct letterbox *box, struct committer **out) {
    struct committer *c = calloc(1, sizeof *c);
    if (!c) {
        return ST_NOMEM;
    }
    c->cfg = cfg;
    c->source = source;
    c->box = box;
    enum status st = queue_new(QUEUE, sizeof(struct sealed), &c->in);
    if (!st) {
        st = queue_new((size_t)2 * QUEUE, sizeof(struct sealed_answer), &c->out);
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
    queue_push(c->in);
    c->pending++;
    return ST_OK;
}

bool committer_answer(struct committer *c, struct sealed_answer *out) {
    struct sealed_answer *a = queue_front(c->out);
    if (!a) {
        return false;
    }
    *out = *a;
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
        letters_free(&b->letters);
        queue_pop(c->in);
    }
    queue_free(c->in);
    queue_free(c->out);
    free(c);
}
