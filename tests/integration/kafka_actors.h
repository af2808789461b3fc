/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka_actors.h -- who plays with a broker in the tests of logs, tags and clusters: a group's only
 * member, a transactional producer that keeps book by tags, and whoever counts what is committed.
 *
 * Each fails the test (cmocka) where it cannot do what it is to do.
 */
#ifndef KAFKA_ACTORS_H
#define KAFKA_ACTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kafka.h"
#include "kafka_fixture.h"

enum { ACTORS_DEADLINE_MS = 30000, ACTORS_TX_MS = 5000, ACTORS_BATCH = 512 };

int64_t actors_now_ms(void);
void actors_sleep(int ms);

#define UNTIL(condition, ...)                                                                      \
    do {                                                                                           \
        const int64_t until_ = actors_now_ms() + ACTORS_DEADLINE_MS;                               \
        while (!(condition)) {                                                                     \
            if (actors_now_ms() > until_) {                                                        \
                fail_msg("not within %d ms: %s", ACTORS_DEADLINE_MS, #condition);                  \
            }                                                                                      \
            __VA_ARGS__;                                                                           \
        }                                                                                          \
    } while (0)

/** Group NAME, topic NAME-in (2 partitions, not made yet), events NAME-out. For free(). */
struct config *actors_config(const struct kafka_fixture *f, const char *name);
void actors_set(struct config *c, const char *key, const char *value);
/** A topic with settings: name, value, name, value, ..., NULL. */
void actors_topic(const struct config *c, const char *name, int32_t partitions,
                  const char *const *settings);

/* A member of the group that keeps nothing of what it reads. */
struct actor {
    const struct config *cfg;
    struct kafka_consumer *kafka;
    struct source source;
    size_t n_mine;
    int generation, assigned, revoked;
};

struct actor *actor_join(const struct config *cfg);
/** The same, once it has `n` partitions. */
struct actor *actor_join_all(const struct config *cfg, size_t n);
void actor_leave(struct actor *a);
void actor_step(struct actor *a);
/** What is committed of a partition, once it is known. */
struct position actor_committed(struct actor *a, int32_t partition);

struct kafka_tx *actor_tx(const struct config *cfg, const char *id);
enum status actor_send(struct kafka_tx *tx, const char *topic, int32_t partition, const char *text);
/** Offset and tag of partition 0. */
enum status actor_commit(struct actor *a, struct kafka_tx *tx, int64_t offset, const char *tag,
                         int timeout_ms);

/** Gives the open transaction up; where that came before it had begun at the coordinator, which is
 * still at the one before, librdkafka 2.0 makes an end of the producer: then it is made anew. */
void actor_abort(const struct config *cfg, const char *id, struct kafka_tx **tx);

/* Transactions of ACTORS_RECORDS records to each of `n` partitions of a topic, their value the
 * transaction's number, and the tag "1:number" beside an offset that never changes: the tag alone
 * tells what became of one. */
enum { ACTORS_RECORDS = 3 };
struct bookkeeper {
    struct actor *a;
    struct kafka_tx *tx;
    const char *topic;
    int32_t n;
    int64_t done; /* transactions that are known to be committed */
    size_t unknown, unknown_done, lost;
};

/** One try of the next transaction, without looking into what became of it. */
enum status bookkeeper_try(struct bookkeeper *b, int timeout_ms);
/** What the status means: after an unknown outcome begins anew and compares tags. */
void bookkeeper_settle(struct bookkeeper *b, enum status st);
void bookkeeper_until(struct bookkeeper *b, int64_t done);
/** Every number, in order, ACTORS_RECORDS times in each partition, and the tag of the last. */
void bookkeeper_check(struct bookkeeper *b);

#endif
