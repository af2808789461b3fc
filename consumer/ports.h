/* SPDX-License-Identifier: Apache-2.0
 *
 * ports.h -- what the pipeline needs of the world, as small tables of functions.
 *
 * The pipeline (intake, merge, task, instance, committer, publisher) includes this and no
 * adapter. kafka.c and redis.c fill the tables; tests may fill them with anything.
 */
#ifndef PORTS_H
#define PORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

/* ---- source: where records come from (the learner's thread) ---------------------- */

/** A Kafka record. Bytes are borrowed until the next poll. */
struct record {
    int64_t offset;
    int64_t timestamp_ms; /* the record's, wall clock of its producer or broker; -1 unknown */
    const void *key;      /* NULL: no key */
    const void *value;    /* NULL: a tombstone, or the end of the partition (see `end`) */
    size_t key_len, value_len;
    int32_t partition;
    uint16_t topic; /* index into the configured topics */
    bool end;       /* no record: the position reached the end; offset is the position */
    bool misplaced; /* the key does not hash to this partition                         */
};

struct position {   /* of one topic partition */
    int64_t offset; /* next to read; -1: earliest retained, where a rebalance asks for it */
    int32_t partition;
    uint16_t topic;
};

/** Served inside poll. */
struct rebalance_ops {
    /** Partitions were assigned: set each offset from which to read. `generation` names
     *  this assignment for commits. */
    void (*assigned)(void *ctx, struct position *parts, size_t n, int generation);
    /** They are being taken away. lost: they are gone already, nothing may be committed. */
    void (*revoked)(void *ctx, const struct position *parts, size_t n, bool lost);
    void *ctx;
};

struct source {
    /** Up to `max` records, waiting at most timeout_ms for the first. */
    size_t (*poll)(void *ctx, struct record *out, size_t max, int timeout_ms);
    /** Known end of a partition (offset after its last record), -1 if not known yet. */
    int64_t (*end)(void *ctx, uint16_t topic, int32_t partition);
    /** Partitions that a topic has, whoever holds them; 0 if not known. Seldom asked: may ask
     *  the brokers, once an assignment, for at most 200 ms. Never inside `assigned`. */
    int32_t (*partitions)(void *ctx, uint16_t topic);
    void (*pause)(void *ctx, uint16_t topic, int32_t partition);
    void (*resume)(void *ctx, uint16_t topic, int32_t partition);
    /** Offsets the group committed, -1 where none. Blocks up to 10 s: never inside
     *  `assigned`. @return ST_OK, ST_AGAIN, ST_LOST */
    enum status (*committed)(void *ctx, struct position *parts, size_t n);
    /** Commits next-to-read offsets, synchronously; from the committer's thread.
     *  @return ST_OK, ST_LOST (the generation is over), ST_AGAIN (brokers away: retry) */
    enum status (*commit)(void *ctx, const struct position *parts, size_t n, int generation);
    void *ctx;
};

/* ---- globals: topics that every instance reads whole (the learner's thread) ------- */

struct globals {
    /** Up to `max` records without waiting; topic = index into config.globals. Records with
     *  `end` set never come. */
    size_t (*poll)(void *ctx, struct record *out, size_t max);
    /** True once every partition has been read to the end that stood when reading began. */
    bool (*complete)(void *ctx);
    /** Reads everything again from the start. */
    void (*restart)(void *ctx);
    void *ctx;
};

/* ---- writer schemas by id: where they come from (the learner's thread) -------------- */

enum lookup_state {
    LOOKUP_READY,   /* *json is the schema                                             */
    LOOKUP_WAITING, /* being asked for, or nobody answers: ask again later             */
    LOOKUP_UNKNOWN, /* whoever knows does not know it, and the grace is over           */
};

struct lookup {
    /** Never blocks. *json is borrowed until the adapter is freed. */
    enum lookup_state (*get)(void *ctx, uint32_t id, const char **json, size_t *len);
    /** What keeps it from answering, false if nothing. Any thread. */
    bool (*problem)(void *ctx, char *buf, size_t len);
    void *ctx;
};

/* ---- letterbox: where dead letters go (the committer's thread) ------------------- */

struct header {
    const char *name;
    const void *value;
    size_t len;
};

struct letterbox {
    /** Queues one record with headers. @return ST_OK, ST_AGAIN (full: flush first), ST_IO */
    enum status (*send)(void *ctx, const char *topic, const void *key, size_t key_len,
                        const void *value, size_t value_len, int64_t timestamp_ms,
                        const struct header *headers, size_t n_headers);
    /** Waits until all that was sent is acknowledged. @return ST_OK, ST_AGAIN, ST_IO */
    enum status (*flush)(void *ctx, int timeout_ms);
    void *ctx;
};

/* ---- transactions: consume, transform, produce exactly once (one thread) ----------- */

struct transactions {
    enum status (*begin)(void *ctx);
    /** Inside a transaction; `headers` as in struct letterbox. @return ST_OK, ST_AGAIN (full: it
     * was served, try again), ST_IO (abort) */
    enum status (*send)(void *ctx, const char *topic, const void *key, size_t key_len,
                        const void *value, size_t value_len, int64_t timestamp_ms,
                        const struct header *headers, size_t n_headers);
    /** With the offsets of an assignment. @return ST_OK; ST_LOST (aborted); ST_AGAIN (nobody knows:
     *  renew, then compare the committed offsets); ST_INVALID (fenced: another has our name) */
    enum status (*commit)(void *ctx, const struct position *parts, size_t n, int generation);
    /** @return ST_OK, ST_AGAIN (renew), ST_INVALID */
    enum status (*abort)(void *ctx);
    /** Begins anew with the same name; what was open is aborted or was committed.
     *  @return ST_OK, ST_AGAIN (brokers away), ST_INVALID */
    enum status (*renew)(void *ctx);
    void *ctx;
};

/* ---- store: where recommendations go (the publisher's thread) --------------------- */

/* One fenced write: see redis.h for what the fence does. Views, copied by `put`. */
struct store_write {
    const char *key;
    size_t key_len;
    const char *value; /* begins with {"version":[epoch,seq], */
    size_t value_len;
    int64_t ttl_ms; /* 0: no expiry */
    uint64_t epoch, seq;
    bool want_previous; /* the reply tells the value that stood there */
};

enum store_result {
    STORE_WRITTEN,
    STORE_FENCED, /* a newer version stands there: epoch and seq say which   */
    STORE_ERROR,  /* the server refused (OOM, READONLY, ...): text in `why`  */
};

struct store_reply {
    enum store_result result;
    uint64_t epoch, seq;  /* STORE_FENCED                                     */
    const char *previous; /* want_previous: borrowed until the next call; NULL if none */
    size_t previous_len;
    const char *why; /* STORE_ERROR */
};

struct store {
    /** Connects if not connected. *fresh is set when the server may have lost what was
     *  written: first connection, other run id, other replication id.
     *  @return ST_OK, ST_AGAIN (away; `why` says how), ST_INVALID (will never work:
     *  wrong password, no rights, evicting policy; why says what to type) */
    enum status (*connect)(void *ctx, bool *fresh, char *why, size_t len);
    /** Appends one write, or an expiry only, to the pipeline. */
    enum status (*put)(void *ctx, const struct store_write *w);
    enum status (*expire)(void *ctx, const char *key, size_t key_len, int64_t ttl_ms);
    /** Sends what was appended and hands each reply, in order, to `each` with its index.
     *  @return ST_OK (every reply came, whatever it said), ST_LOST (the connection broke:
     *  replies after the last one handed out are unknown) */
    enum status (*flush)(void *ctx, void (*each)(void *arg, size_t i, const struct store_reply *r),
                         void *arg);
    /** One GET. *value is borrowed until the next call, NULL if there is no key. */
    enum status (*get)(void *ctx, const char *key, const char **value, size_t *len);
    void *ctx;
};

#endif
