/* SPDX-License-Identifier: Apache-2.0
 *
 * queue.h -- a bounded queue between two threads, of fixed-size elements in place.
 *
 * Single producer, single consumer, lock-free (Lamport 1983; indices on cache lines of
 * their own). The producer fills the element where it lies, so nothing is copied:
 *
 *     struct rec *r = queue_reserve(q);   NULL: full
 *     ... fill *r ...
 *     queue_push(q);
 *
 *     struct rec *r = queue_front(q);     NULL: empty
 *     ... use *r ...
 *     queue_pop(q);
 *
 * Ownership: owns its ring. Threads: exactly one producer and one consumer. queue_wait()
 * sleeps on a futex-free condition (a mutex and condition variable touched only when the
 * consumer sleeps).
 */
#ifndef QUEUE_H
#define QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "status.h"

struct queue; /* opaque */

/** @param n  elements, rounded up to a power of two, 1..2^20
 *  @param element_size  bytes, rounded up to a multiple of 16
 *  @return ST_OK, ST_INVALID, ST_NOMEM */
MUST_CHECK enum status queue_new(size_t n, size_t element_size, struct queue **out);
void queue_free(struct queue *q);

/* Producer */
void *queue_reserve(struct queue *q);
void queue_push(struct queue *q);
/** Free places as the producer sees them. */
size_t queue_room(const struct queue *q);

/* Consumer */
void *queue_front(struct queue *q);
void *queue_at(struct queue *q, size_t k); /* k-th from the front, NULL beyond the end */
void queue_pop(struct queue *q);
/** Waits until there is an element, at most timeout_ms; true if there is one. */
bool queue_wait(struct queue *q, int timeout_ms);
/** Wakes a waiting consumer; any thread. */
void queue_wake(struct queue *q);

#endif
