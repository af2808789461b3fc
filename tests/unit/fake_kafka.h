/* SPDX-License-Identifier: Apache-2.0
 *
 * fake_kafka.h -- a struct source and a struct letterbox in memory: two topics, partitions,
 * one group with one member, whose rebalances, refusals and silences a test decides.
 *
 * Rebalances are served inside poll, as librdkafka does: fake_assign() and fake_revoke() wait
 * until the instance's thread has come by. Every call takes the lock. What an instance must
 * never do is counted (`wrongs`), with the last one in words.
 */
#ifndef FAKE_KAFKA_H
#define FAKE_KAFKA_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ports.h"

enum { FAKE_TOPICS = 2, FAKE_LETTERS = 8192, FAKE_WAIT_MS = 10000, FAKE_UNKNOWN = -2 };

struct fake_part {
    struct fake_message *messages; /* (n,) */
    int64_t n, cap, position, committed;
    int64_t known_end;             /* said by end(); -1: n; FAKE_UNKNOWN: it is not known */
    bool assigned, paused, silent; /* silent: delivers nothing, as a broker that is away */
    bool told_end;
    int pauses;
};

struct fake_letter { /* as its headers say */
    int topic, partition;
    int64_t offset;
    bool acked;
};

struct fake_kafka {
    pthread_mutex_t lock;
    struct rebalance_ops ops;
    int32_t n_parts;
    struct fake_part *parts; /* (FAKE_TOPICS, n_parts) */
    const char *const *names;
    int generation, assignments; /* generation 0: nothing is assigned */

    struct fake_ask {
        enum fake_ask_kind { ASK_NOTHING, ASK_ASSIGN, ASK_REVOKE, ASK_LOSE, ASK_BREAK } kind;
        int32_t n[FAKE_TOPICS]; /* partitions 0..n-1 */
    } ask;

    /* What the test sets. */
    enum status commit_status; /* of the next commit_refusals commits; -1: of all */
    int commit_refusals;
    int commit_ms;            /* a commit takes so long */
    int committed_refusals;   /* committed() is ST_AGAIN so often */
    enum status flush_status; /* of the next flush_refusals flushes; -1: of all */
    int flush_refusals;
    bool closed; /* nothing may be called any more */

    /* What it counts. */
    int begun, commits, attempts, polls;
    struct fake_letter letters[FAKE_LETTERS];
    size_t n_letters;
    int wrongs;
    char wrong[128];
};

/** @param topics  (FAKE_TOPICS,) their names, borrowed */
void fake_kafka_init(struct fake_kafka *k, int32_t n_parts, const char *const *topics);
void fake_kafka_free(struct fake_kafka *k);
struct source fake_source(struct fake_kafka *k);
struct letterbox fake_letterbox(struct fake_kafka *k);

/** Appends a record. The value is borrowed if `copy` is false. `bad`: it must become a letter
 *  before its offset is committed. Returns its offset. */
int64_t fake_append(struct fake_kafka *k, int topic, int32_t partition, const char *key,
                    const void *value, size_t len, bool copy, bool bad, int64_t timestamp_ms);

/** Assigns partitions 0..n-1 of each topic, all of what was assigned before being revoked.
 *  False if the instance's thread did not come by. */
bool fake_assign(struct fake_kafka *k, int32_t n_first, int32_t n_second);
bool fake_revoke(struct fake_kafka *k, bool lost);
/** Hands out one partition alone, past everything assigned: nobody can work with that. */
bool fake_break(struct fake_kafka *k);
/** Leaves the group, in the caller's thread, and is gone: revokes, then every call is wrong. */
void fake_close(struct fake_kafka *k);

/** A copy of a partition, for its numbers. */
struct fake_part fake_part(struct fake_kafka *k, int topic, int32_t partition);
/** Letters that were acknowledged, of one record and in all. */
int fake_letters_of(struct fake_kafka *k, int topic, int32_t partition, int64_t offset);
size_t fake_letters_acked(struct fake_kafka *k);
/** Commits that were refused so far. */
int fake_refused(struct fake_kafka *k);
/** Everything committed to the end, and no offset before its letter. */
bool fake_all_committed(struct fake_kafka *k);

#endif
