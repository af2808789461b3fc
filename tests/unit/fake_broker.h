/* SPDX-License-Identifier: Apache-2.0
 *
 * fake_broker.h -- a struct source and a struct transactions in memory: raw topics, a group whose
 * partitions a test hands out and takes away, and transactions that are applied whole or not at
 * all.
 *
 * Each committed transaction is compared with the raw records when it is applied: of those between
 * the offset that stood and the new one each has become one message, nothing else was sent, no
 * offset goes back. Whatever breaks this, and every call that must not be made, is counted
 * (`wrongs`) with the last one in words.
 *
 * A transaction of unknown outcome may hang: its offsets are not decided, whoever is assigned these
 * partitions waits, until it is renewed or some polls have passed.
 *
 * Rebalances are served inside poll: the test asks and waits. Every call takes the lock; records
 * are lent in blocks of their own, which are freed by the next poll.
 */
#ifndef FAKE_BROKER_H
#define FAKE_BROKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mix.h"
#include "ports.h"

enum { BROKER_TOPICS = 2, BROKER_EACH = 3, BROKER_PARTS = BROKER_TOPICS * BROKER_EACH };

struct broker_place {
    uint16_t topic;
    int32_t partition;
    int64_t offset;
};

struct broker_message { /* owned copies */
    char topic[64], reason[32];
    void *key, *value;
    size_t key_len, value_len;
    int64_t timestamp_ms;
    bool has_key;
    struct broker_place from;
    uint64_t seq; /* order of sending */
};

struct broker_record { /* a raw one */
    void *key, *value;
    size_t key_len, value_len;
    int64_t timestamp_ms;
    bool wanted;              /* it must become a message */
    int outputs;              /* committed messages of it */
    bool by_other;            /* ... by the other member */
    struct broker_message is; /* the committed one */
};

struct broker_part {
    struct broker_record *records; /* (n,) */
    int64_t n, cap, committed;     /* committed -1: nothing */
    int64_t position;              /* -1: not known yet */
    bool assigned, paused, told_end;
    uint32_t slack; /* records that still come after a pause: fetched before it */
};

enum broker_fault { /* of one transaction */
                    FAULT_NONE,
                    FAULT_BEGIN, /* begin: ST_AGAIN, until renewed                               */
                    FAULT_FULL,  /* send: ST_AGAIN three times, then it goes on                  */
                    FAULT_SEND,  /* send: ST_IO                                                  */
                    FAULT_ABORT, /* send: ST_IO, and abort: ST_AGAIN                             */
                    FAULT_LOST,  /* commit: ST_LOST, aborted                                     */
                    FAULT_DONE,  /* commit: ST_AGAIN, but it was applied                         */
                    FAULT_LATE_DONE, /* the same, applied later */
                    FAULT_NOT_DONE,  /* commit: ST_AGAIN, hangs and is aborted  */
                    FAULT_FENCED, /* commit: ST_INVALID, for ever                                 */
                    FAULTS
};

struct fake_broker {
    pthread_mutex_t lock;
    struct rebalance_ops ops;
    struct broker_part parts[BROKER_PARTS]; /* topic * BROKER_EACH + partition */
    int generation, assignments;            /* generation 0: nothing is assigned */
    bool losing;                            /* inside a revocation of what is lost */
    /* Which record an event was made of; false: none. */
    bool (*origin)(void *ctx, const struct broker_message *m, struct broker_place *out);
    void *origin_ctx;
    const char *const *raws; /* (BROKER_TOPICS,) names */

    struct broker_ask {
        enum { BROKER_NOTHING, BROKER_ASSIGN, BROKER_REVOKE, BROKER_LOSE } kind;
        unsigned parts; /* bits */
    } ask;
    struct broker_lent *lent;

    /* The transaction. */
    enum { TX_READY, TX_OPEN, TX_REFUSED, TX_BROKEN, TX_FENCED } tx;
    enum broker_fault fault;
    int full;
    struct broker_message *pending; /* (n_pending,) */
    size_t n_pending, cap_pending;
    struct position offsets[BROKER_PARTS];
    size_t n_offsets;
    bool hanging, fate; /* fate: it will be applied */
    int hanging_polls;
    uint64_t seq;

    /* What the test sets. */
    enum broker_fault next; /* of the next `next_times` transactions; -1: of all */
    int next_times;
    uint32_t chance; /* of one in so many a random fault, 0: none */
    struct rng rng;
    int renew_refusals, committed_refusals; /* ST_AGAIN so often; -1: always */
    bool closed;                            /* nothing may be called any more */

    /* What it counts. */
    int begun, applied, faults[FAULTS];
    int renewed, polls;
    int wrongs;
    char wrong[160];
};

void broker_init(struct fake_broker *b, const char *const *raws, uint64_t seed);
void broker_free(struct fake_broker *b);
struct source broker_source(struct fake_broker *b);
struct transactions broker_transactions(struct fake_broker *b);

/** Appends a raw record, copied; key NULL: none. Returns its offset. */
int64_t broker_append(struct fake_broker *b, uint16_t topic, int32_t partition, const void *key,
                      size_t key_len, const void *value, size_t len, int64_t timestamp_ms,
                      bool wanted);
/** The next `times` transactions have this fault. */
void broker_fail(struct fake_broker *b, enum broker_fault fault, int times);
/** Asks for an assignment of these partitions (bits), all that was assigned being revoked before;
 *  and waits until the thread has come by, at most 20 s. False: it did not. */
bool broker_assign(struct fake_broker *b, unsigned parts);
bool broker_revoke(struct fake_broker *b, bool lost);
/** Another member takes the records of a partition up to `offset`, if it is not assigned here and
 *  nothing hangs. */
void broker_other_takes(struct fake_broker *b, int part, int64_t offset);
/** Leaves the group, in the caller's thread: revokes, then every call is wrong. */
void broker_close(struct fake_broker *b);

/** A copy of a partition, for its numbers. */
struct broker_part broker_part(struct fake_broker *b, uint16_t topic, int32_t partition);
/** A copy of a record; its bytes stay until broker_free(). */
struct broker_record broker_record(struct fake_broker *b, uint16_t topic, int32_t partition,
                                   int64_t offset);
/** Every offset committed to the end. */
bool broker_all_committed(struct fake_broker *b);
/** A counter of the struct, under the lock. */
int broker_count(struct fake_broker *b, const int *counter);

#endif
