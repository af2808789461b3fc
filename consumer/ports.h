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

enum { POSITION_TAG_MAX = 48 };

/* Where a rebalance asks from where to read: the earliest retained; not yet: see source.start. */
enum { POSITION_EARLIEST = -1, POSITION_LATER = -2 };

struct position {   /* of one topic partition */
    int64_t offset; /* next to read, or one of the above */
    int32_t partition;
    uint16_t topic;
    char tag[POSITION_TAG_MAX]; /* text kept beside a committed offset, "" none: what the
                                   transaction was, where its offset alone does not tell */
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
    /** Joins the group, once; nothing is assigned before. NULL: it has joined. @return ST_OK,
     *  ST_INVALID (it never will; the log says why) */
    enum status (*join)(void *ctx);
    /** Up to `max` records, waiting at most timeout_ms for the first. */
    size_t (*poll)(void *ctx, struct record *out, size_t max, int timeout_ms);
    /** Begins to read, where `assigned` said POSITION_LATER: all partitions of the assignment at
     *  once. Never inside poll. */
    void (*start)(void *ctx, const struct position *parts, size_t n);
    /** First retained offset and end of a partition. Asks the brokers, for at most 2 s.
     *  @return ST_OK, ST_AGAIN */
    enum status (*bounds)(void *ctx, uint16_t topic, int32_t partition, int64_t *low,
                          int64_t *high);
    /** Known end of a partition (offset after its last record), -1 if not known yet. Never asks:
     *  it is what came with the last records, or with the news that there are none. */
    int64_t (*end)(void *ctx, uint16_t topic, int32_t partition);
    /** Partitions that a topic has, whoever holds them; 0 if not known. Seldom asked: may ask
     *  the brokers, once an assignment, for at most 200 ms. Never inside `assigned`. */
    int32_t (*partitions)(void *ctx, uint16_t topic);
    void (*pause)(void *ctx, uint16_t topic, int32_t partition);
    void (*resume)(void *ctx, uint16_t topic, int32_t partition);
    /** Offsets the group committed, with their tags; -1 and "" where none. They are stable: those
     *  of a transaction that is still open are waited for, then ST_AGAIN. Blocks up to 10 s: never
     *  inside `assigned`. @return ST_OK, ST_AGAIN, ST_LOST */
    enum status (*committed)(void *ctx, struct position *parts, size_t n);
    /** Commits next-to-read offsets, without tags, synchronously; from the committer's thread.
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
    /** @return ST_OK, ST_AGAIN (renew), ST_FENCED (another has our name, for good) */
    enum status (*begin)(void *ctx);
    /** Inside a transaction; partition -1: by key; `headers` as in struct letterbox. @return ST_OK,
     * ST_AGAIN (full: it was served, try again), ST_IO (abort) */
    enum status (*send)(void *ctx, const char *topic, int32_t partition, const void *key,
                        size_t key_len, const void *value, size_t value_len, int64_t timestamp_ms,
                        const struct header *headers, size_t n_headers);
    /** With the offsets and tags of an assignment. @return ST_OK; ST_LOST (aborted); ST_AGAIN
     *  (nobody knows: renew, then compare the committed offsets or tags); ST_FENCED */
    enum status (*commit)(void *ctx, const struct position *parts, size_t n, int generation);
    /** @return ST_OK, ST_AGAIN (renew), ST_FENCED */
    enum status (*abort)(void *ctx);
    /** Is that the assignment that stands? False: nothing can be committed under it any more. */
    bool (*stands)(void *ctx, int generation);
    /** Begins anew with the same name; what was open is aborted or was committed.
     *  @return ST_OK, ST_AGAIN (brokers away), ST_INVALID (it will never work: no right),
     * ST_FENCED */
    enum status (*renew)(void *ctx);
    void *ctx;
};

/* ---- log: named partitions of one topic, from named positions (one thread) ---------- */

/* Offsets of a partition. low <= stable <= high. */
struct log_bounds {
    int64_t low;    /* first that is retained                                            */
    int64_t stable; /* first of a transaction that is still open, or high: a reader of
                       committed records comes so far now                                */
    int64_t high;   /* behind everything written, open transactions included: whoever has
                       read up to here has seen all that was committed before it was asked.
                       A commit is marked in each partition at a time of its own: so a
                       restore reads up to high, never up to stable                      */
};

struct log_port {
    /** Begins to read a partition at `from`, -1: the earliest retained. One that is read already
     *  goes on from there. Blocks up to 2 s.
     *  @return ST_OK; ST_RANGE (no such position: passed by retention, or above the end);
     * ST_INVALID (no such partition); ST_AGAIN (no broker answers); ST_NOMEM. Unless ST_OK, it is
     * not read */
    enum status (*add)(void *ctx, int32_t partition, int64_t from);
    /** Stops reading it; no record of it comes after this. */
    void (*remove)(void *ctx, int32_t partition);
    /** Committed records, at most `max`, waiting at most timeout_ms for the first; record.end at
     *  the end of a partition or before a transaction that is still open, each time it is come to.
     */
    size_t (*poll)(void *ctx, struct record *out, size_t max, int timeout_ms);
    /** Next to read, aborted records and commit markers passed; -1: it is not being read. */
    int64_t (*position)(void *ctx, int32_t partition);
    /** Does it go on? ST_OK; ST_RANGE (retention has passed the position: nothing more comes, and
     * it must be removed); ST_NOT_FOUND (it is not being read). Never blocks. */
    enum status (*look)(void *ctx, int32_t partition);
    /** Asks the brokers, for at most 2 s. @return ST_OK, ST_AGAIN, ST_INVALID (no such partition)
     */
    enum status (*bounds)(void *ctx, int32_t partition, struct log_bounds *out);
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
    bool want_previous;  /* the reply tells the value that stood there */
    const char *channel; /* told of the write, in the same step, if it was not fenced; NULL: none */
    size_t channel_len;
    const char *message;
    size_t message_len;
};

/* One entry of a stream, behind one that must be there. Views, copied by `append`. */
struct store_field {
    const char *name; /* terminated */
    const char *value;
    size_t len;
};

struct store_entry {
    const char *key;
    size_t key_len;
    uint64_t after_ms, after_seq; /* the stream had an entry with this id, or 0-0: it need not */
    uint64_t ms, seq;
    uint64_t maxlen; /* about so many entries are kept */
    const struct store_field *fields;
    size_t n_fields;
};

enum store_result {
    STORE_WRITTEN,
    STORE_FENCED, /* a newer version stands there: epoch and seq say which   */
    STORE_GAP,    /* append: the entry before it is not there; epoch-seq: the last one's id */
    STORE_ERROR,  /* the server refused (OOM, READONLY, ...): text in `why`  */
};

struct store_reply {
    enum store_result result;
    uint64_t epoch, seq;  /* STORE_FENCED, STORE_GAP                          */
    int64_t number;       /* append, STORE_WRITTEN: entries that were dropped at the stream's other
                             end; -1: an entry with this id, or a larger one, was there */
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
    enum status (*append)(void *ctx, const struct store_entry *e);
    /** Sends what was appended and hands each reply, in order, to `each` with its index.
     *  @return ST_OK (every reply came, whatever it said), ST_LOST (the connection broke:
     *  replies after the last one handed out are unknown) */
    enum status (*flush)(void *ctx, void (*each)(void *arg, size_t i, const struct store_reply *r),
                         void *arg);
    /** One GET. *value is borrowed until the next call, NULL if there is no key. */
    enum status (*get)(void *ctx, const char *key, const char **value, size_t *len);
    /** The last id that a stream ever had; 0-0: none, or no stream. */
    enum status (*last_id)(void *ctx, const char *key, uint64_t *ms, uint64_t *seq);
    void *ctx;
};

#endif
