/* SPDX-License-Identifier: Apache-2.0
 *
 * queue.c -- see queue.h.
 *
 * Positions grow for ever; an element lies at position & mask. Each side keeps the last
 * position it saw of the other, so that the other's cache line is read only when the
 * queue looks full (or empty).
 *
 * No wake-up is lost: the producer stores `tail` and then loads `sleeping`, the consumer
 * stores `sleeping` and then loads `tail`, all four sequentially consistent. So at least
 * one of them sees the other's store. A producer that saw it signals under the mutex,
 * and the consumer holds the mutex from its store until it sleeps.
 */
#include "queue.h"

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

enum { CACHE_LINE = 64, ELEMENTS_MAX = 1 << 20, ALIGNMENT = 16 };

struct queue {
    size_t mask;
    size_t size; /* of an element */
    char *ring;

    alignas(CACHE_LINE) _Atomic size_t tail; /* next to fill: written by the producer */
    size_t head_seen;                        /* by the producer                       */

    alignas(CACHE_LINE) _Atomic size_t head; /* next to take: written by the consumer */
    size_t tail_seen;                        /* by the consumer                       */

    alignas(CACHE_LINE) _Atomic bool sleeping; /* the consumer is in queue_wait()     */
    bool woken;                                /* by queue_wake(); under the mutex    */
    pthread_mutex_t mutex;
    pthread_cond_t cond;
};

/* ---- life ------------------------------------------------------------------------- */

static bool init_locks(struct queue *q) {
    pthread_condattr_t attr;
    if (pthread_condattr_init(&attr)) {
        return false;
    }
    /* monotonic: a clock that is set back must not lengthen a wait */
    bool ok = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 &&
              pthread_cond_init(&q->cond, &attr) == 0;
    pthread_condattr_destroy(&attr);
    if (ok && pthread_mutex_init(&q->mutex, NULL)) {
        pthread_cond_destroy(&q->cond);
        ok = false;
    }
    return ok;
}

enum status queue_new(size_t n, size_t element_size, struct queue **out) {
    if (n < 1 || n > ELEMENTS_MAX || element_size < 1 || element_size > SIZE_MAX / 2) {
        return ST_INVALID;
    }
    size_t places = 1;
    while (places < n) {
        places *= 2;
    }
    size_t size = (element_size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (size > (SIZE_MAX - CACHE_LINE) / places) {
        return ST_INVALID;
    }
    struct queue *q = aligned_alloc(CACHE_LINE, sizeof *q); /* a multiple, by its alignment */
    if (!q) {
        return ST_NOMEM;
    }
    *q = (struct queue){.mask = places - 1, .size = size};
    size_t bytes = (places * size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    q->ring = aligned_alloc(CACHE_LINE, bytes);
    if (!q->ring || !init_locks(q)) {
        free(q->ring);
        free(q);
        return ST_NOMEM;
    }
    *out = q;
    return ST_OK;
}

void queue_free(struct queue *q) {
    if (!q) {
        return;
    }
    pthread_cond_destroy(&q->cond);
    pthread_mutex_destroy(&q->mutex);
    free(q->ring);
    free(q);
}

static void *element(const struct queue *q, size_t position) {
    return q->ring + (position & q->mask) * q->size;
}

/* ---- producer --------------------------------------------------------------------- */

void *queue_reserve(struct queue *q) {
    size_t tail = atomic_load_explicit(&q->tail, memory_order_relaxed);
    if (tail - q->head_seen > q->mask) {
        q->head_seen = atomic_load_explicit(&q->head, memory_order_acquire);
        if (tail - q->head_seen > q->mask) {
            return NULL;
        }
    }
    return element(q, tail);
}

void queue_push(struct queue *q) {
    size_t tail = atomic_load_explicit(&q->tail, memory_order_relaxed);
    atomic_store(&q->tail, tail + 1);
    if (atomic_load(&q->sleeping)) {
        pthread_mutex_lock(&q->mutex);
        pthread_cond_signal(&q->cond);
        pthread_mutex_unlock(&q->mutex);
    }
}

size_t queue_room(const struct queue *q) {
    size_t tail = atomic_load_explicit(&q->tail, memory_order_relaxed);
    return q->mask + 1 - (tail - atomic_load_explicit(&q->head, memory_order_acquire));
}

/* ---- consumer --------------------------------------------------------------------- */

void *queue_at(struct queue *q, size_t k) {
    size_t head = atomic_load_explicit(&q->head, memory_order_relaxed);
    if (k >= q->tail_seen - head) {
        q->tail_seen = atomic_load_explicit(&q->tail, memory_order_acquire);
        if (k >= q->tail_seen - head) {
            return NULL;
        }
    }
    return element(q, head + k);
}

void *queue_front(struct queue *q) {
    return queue_at(q, 0);
}

void queue_pop(struct queue *q) {
    size_t head = atomic_load_explicit(&q->head, memory_order_relaxed);
    atomic_store_explicit(&q->head, head + 1, memory_order_release);
}

static struct timespec deadline_in(int ms) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += (long)(ms % 1000) * 1000000L;
    if (t.tv_nsec >= 1000000000L) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000L;
    }
    return t;
}

static bool has_element(struct queue *q) {
    return atomic_load(&q->tail) != atomic_load_explicit(&q->head, memory_order_relaxed);
}

bool queue_wait(struct queue *q, int timeout_ms) {
    if (queue_front(q)) {
        return true;
    }
    const struct timespec deadline = deadline_in(timeout_ms > 0 ? timeout_ms : 0);
    pthread_mutex_lock(&q->mutex);
    atomic_store(&q->sleeping, true);
    int late = timeout_ms <= 0;
    while (!has_element(q) && !q->woken && !late) {
        late = pthread_cond_timedwait(&q->cond, &q->mutex, &deadline);
    }
    atomic_store(&q->sleeping, false);
    q->woken = false;
    pthread_mutex_unlock(&q->mutex);
    return has_element(q);
}

/* It stays in force until the next wait: whoever wakes need not know who sleeps. */
void queue_wake(struct queue *q) {
    pthread_mutex_lock(&q->mutex);
    q->woken = true;
    pthread_cond_signal(&q->cond);
    pthread_mutex_unlock(&q->mutex);
}
