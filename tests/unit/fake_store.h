/* SPDX-License-Identifier: Apache-2.0
 *
 * fake_store.h -- a struct store in memory that fences, forgets, refuses and breaks on command.
 *
 * A stream is a key whose epoch and seq are its last id, and whose value is its entries: "id " and
 * the first field of each.
 *
 * Every call takes its lock, so a test may look and change while the publisher runs.
 * Faults are set by the test; each is deterministic.
 */
#ifndef FAKE_STORE_H
#define FAKE_STORE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ports.h"

enum { FAKE_KEYS = 8192, FAKE_KEY_MAX = 96, FAKE_VALUE_MAX = 2048, FAKE_PIPELINE = 512 };

struct fake_key {
    char name[FAKE_KEY_MAX];
    char value[FAKE_VALUE_MAX]; /* cut to this size */
    size_t len;
    uint64_t epoch, seq;
    int64_t ttl_ms;
    int writes, touches; /* accepted; of a stream: entries */
    int order;           /* of the last accepted write, 1.. over all keys */
    int flush;           /* in which it came */
    int told;            /* writes that were told on a channel; which, and what of */
    char channel[FAKE_KEY_MAX], message[FAKE_KEY_MAX];
};

struct fake_store {
    pthread_mutex_t lock;
    struct fake_key *keys; /* (n_keys,) */
    int n_keys;
    struct fake_pending *pending;
    int n_pending;
    size_t pending_bytes;
    bool connected;

    /* What the test sets. */
    enum status connect_status; /* ST_OK, ST_AGAIN, ST_INVALID */
    bool fresh;                 /* of the next connection, then false */
    int break_after;            /* the next flush hands out so many replies, then breaks; -1 */
    bool lost_writes;           /* what a break leaves unanswered was not executed either */
    const char *error;          /* answer to every write whose key contains error_key */
    const char *error_key;
    enum status put_status; /* of a write whose key contains error_key */

    /* What it counts. */
    int connects, flushes, gets, writes;
    int max_pipeline;
    size_t max_bytes; /* of the values of a pipeline */
};

void fake_store_init(struct fake_store *f);
void fake_store_free(struct fake_store *f);
struct store fake_store(struct fake_store *f);

/** A copy of a key; all zero if there is none. */
struct fake_key fake_get(struct fake_store *f, const char *name);
/** Puts a key, past the fence. */
void fake_set(struct fake_store *f, const char *name, const char *value, uint64_t epoch,
              uint64_t seq);
/** FLUSHALL on the live connection. */
void fake_flushall(struct fake_store *f);
/** Breaks the connection, now. */
void fake_disconnect(struct fake_store *f);

#endif
