/* SPDX-License-Identifier: Apache-2.0
 *
 * publisher.h -- the thread that writes recs to Redis, in order, until each is answered.
 *
 * The learner fills the rec queue; the publisher sends up to PUBLISHER_PIPELINE of them in one
 * round trip and pops each only when Redis has answered. So a broken connection loses nothing:
 * what is unanswered is sent again (absolute values under (epoch, seq): idempotent). While
 * Redis is away or refuses (OOM, READONLY, LOADING, slow) the queue stays full, the learner goes
 * on learning, and dirty users coalesce. Backoff 50 ms doubling to 2 s; a line and
 * a metric say why. A write that can never work (WRONGTYPE) is skipped and counted.
 * A rec of kind PUBLISHED is sent when all before it has been answered, and not earlier.
 *
 * Loss: when a connection finds another server (run id, replication id), or `published` is
 * gone or older than what was written or read last (FLUSHALL; seen at its next write, and
 * within a second, as it is read once a second), losses grows by one: the learner then
 * publishes everything again.
 *
 * Triggers (REC_TRIGGER) are entries of streams, in the order of the queue, each behind one that
 * was written before (redis.h). Where that one is missing nothing is written: ACK_GAP, and whoever
 * has the triggers begins anew from what the stream's last id is (REC_STREAM).
 *
 * Threads: publisher_start() makes its thread; the rest is called by the learner.
 */
#ifndef PUBLISHER_H
#define PUBLISHER_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "ports.h"
#include "published.h"
#include "rec.h"
#include "status.h"

enum { PUBLISHER_PIPELINE = 256, PUBLISHER_QUEUE = 4096 };

enum publisher_ack_kind {
    ACK_EPOCH,  /* answer to REC_TAKEOVER: epoch of `published`, 0 if there is none, and all that
                   it says */
    ACK_FENCED, /* writes of this task are refused: epoch is the newer one; told once
                   for each newer epoch, until the next takeover of the task       */
    ACK_STREAM, /* answer to REC_STREAM: (epoch, seq) is the stream's last id, 0-0 if none */
    ACK_GAP,    /* a trigger was not written: the one before it is not in the stream */
};

struct publisher_ack {
    uint64_t epoch, seq;
    int32_t task;
    uint32_t generation; /* STREAM, GAP: of the rec */
    uint8_t target;      /* likewise                */
    enum publisher_ack_kind kind;
    struct published published; /* EPOCH */
};

struct publisher; /* opaque */

/** Starts the thread. `store` must outlive it. @return ST_OK, ST_NOMEM, ST_IO (no thread) */
MUST_CHECK enum status publisher_start(const struct config *cfg, const struct store *store,
                                       struct publisher **out);

/** A place for the next rec, NULL while the queue is full; then publisher_push(). The
 *  element has room for config_list_max() items. The `trigger` of a REC_TRIGGER and the `body` of a
 *  REC_SEGMENT or REC_USER are the publisher's from publisher_push() on. */
struct rec *publisher_reserve(struct publisher *p);
void publisher_push(struct publisher *p);
size_t publisher_room(const struct publisher *p);
/** True when everything pushed has been answered. */
bool publisher_idle(const struct publisher *p);

/** The next acknowledgement; false if there is none. */
bool publisher_ack_next(struct publisher *p, struct publisher_ack *out);

/** Grows by one whenever Redis was found to have lost what was written. Starts at 0;
 *  the first connection is no loss. */
uint64_t publisher_losses(const struct publisher *p);

/** True while connected and Redis takes what is sent; else why not (for readiness). */
bool publisher_connected(const struct publisher *p, char *why, size_t len);

/** Lets the queue drain for at most drain_ms (and one timeout of the store, if it hangs),
 *  then stops the thread and frees. Returns true if everything was answered. NULL is
 *  allowed (true). */
bool publisher_stop(struct publisher *p, int64_t drain_ms);

#endif
