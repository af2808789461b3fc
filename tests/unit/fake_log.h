/* SPDX-License-Identifier: Apache-2.0
 *
 * fake_log.h -- topics in memory, with transactions, and struct log_port to read them.
 *
 * A record belongs to a transaction or to none. It can be read when its transaction was committed;
 * a reader stops before one that is open, and passes those that were aborted. The end of a
 * transaction is a marker that takes an offset in each partition it wrote to, as in Kafka. Topics
 * can be trimmed, compacted, recreated and damaged; brokers can be away.
 *
 * Every call takes the lock. Bytes that were lent stay until fake_logs_free().
 */
#ifndef FAKE_LOG_H
#define FAKE_LOG_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mix.h"
#include "ports.h"

enum { FAKE_LOG_TOPICS = 8, FAKE_LOG_PARTS = 8, FAKE_NOTE_MAX = 80 };

enum fake_state { FAKE_OPEN, FAKE_COMMITTED, FAKE_ABORTED, FAKE_MARKER, FAKE_REMOVED };

struct fake_record {
    char *key, *value; /* NULL: none, a tombstone */
    size_t key_len, value_len;
    int64_t timestamp_ms;
    uint32_t tx; /* 0: none */
    enum fake_state state;
    char note[FAKE_NOTE_MAX]; /* of a dead letter: topic/partition/offset */
};

struct fake_log_part {
    struct fake_record *records; /* (n,) */
    int64_t n, cap, low;
};

struct fake_topic {
    char name[64];
    int32_t n_parts;
    int life; /* counts how often it was recreated */
    struct fake_log_part parts[FAKE_LOG_PARTS];
};

struct fake_logs {
    pthread_mutex_t lock;
    struct fake_topic topics[FAKE_LOG_TOPICS];
    int n_topics;
    uint32_t last_tx;
    char **buried; /* (n_buried,) bytes of topics that were recreated */
    size_t n_buried, cap_buried;
    struct rng rng;
    /* What the test sets. */
    uint32_t chance;  /* a call to the brokers is ST_AGAIN once in so many; 0: never */
    bool away;        /* all of them are, and nothing is delivered */
    uint32_t at_most; /* records of a poll, 0: any number */
};

void fake_logs_init(struct fake_logs *l, uint64_t seed);
void fake_logs_free(struct fake_logs *l);
/** Makes a topic, or empties the one of this name: it begins at offset 0 again. */
void fake_logs_make(struct fake_logs *l, const char *topic, int32_t n_parts);

/** Appends a copy; tx 0: it can be read at once. Returns its offset. */
int64_t fake_logs_append(struct fake_logs *l, const char *topic, int32_t partition,
                         const struct fake_record *r);
uint32_t fake_logs_begin(struct fake_logs *l);
/** Ends a transaction: its records are committed or aborted, with a marker in each partition. */
void fake_logs_end(struct fake_logs *l, uint32_t tx, bool commit);

/** Records below an offset go; -1: all. */
void fake_logs_trim(struct fake_logs *l, const char *topic, int32_t partition, int64_t below);
/** Of each key only the newest committed record stays; tombstones go, too, if so said. The last
 *  record of all stays. */
void fake_logs_compact(struct fake_logs *l, const char *topic, int32_t partition, bool tombstones);

/** For looking, while nobody writes. */
struct fake_log_part *fake_logs_part(struct fake_logs *l, const char *topic, int32_t partition);
int64_t fake_logs_high(struct fake_logs *l, const char *topic, int32_t partition);
/** The record at an offset, whatever its state; its bytes stay. False: there is none. *low: the
 *  first that is retained. */
bool fake_logs_at(struct fake_logs *l, const char *topic, int32_t partition, int64_t offset,
                  struct fake_record *out, int64_t *low);

/* ---- reading ----------------------------------------------------------------------------- */

struct fake_reader {
    struct fake_logs *logs;
    char topic[64];
    int64_t position[FAKE_LOG_PARTS]; /* -1: it is not read */
    int life[FAKE_LOG_PARTS];
    bool told_end[FAKE_LOG_PARTS];
    int bounds_asked, added;
    atomic_bool silent; /* cut off: delivers nothing, and notices nothing */
};

void fake_reader_init(struct fake_reader *r, struct fake_logs *l, const char *topic);
struct log_port fake_reader_port(struct fake_reader *r);

#endif
