/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka.h -- Kafka as crossrec needs it (librdkafka): a consumer of whole tasks, a producer
 * that knows when its records are safe, topics, and the embedded broker.
 *
 * The pipeline does not see this file but ports.h; kafka.c fills those tables.
 *
 * Consumer: `range` assignor, offsets never committed by librdkafka itself, partition EOF
 * on, metadata of every topic asked once at start, queued.min.messages and .kbytes set
 * so that 2.0.2's one-second pause of a full queue is not met. A record's bytes are
 * borrowed until the next poll. Rebalances are served inside poll.
 *
 * Threads: poll, pause, resume, seek, end: the learner. commit: the committer. A producer:
 * one thread. Errors of brokers, TLS and authentication arrive through error_cb, become a
 * log line with the fix and kafka_consumer_problem() (readiness).
 */
#ifndef KAFKA_H
#define KAFKA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "ports.h"
#include "status.h"

/* ---- consumer ----------------------------------------------------------------- */

struct kafka_consumer; /* opaque */

/** Which topics for which group: the tasks' topics for cfg->group, the raw ones for
 *  <group>-intake. record.topic is an index into the array. Raw topics may have any partition
 *  counts and be keyed as their partners please: record.misplaced is never set. */
enum kafka_role {
    KAFKA_TASKS,
    KAFKA_TASKS_LATER, /* the same, which joins the group by source.join */
    KAFKA_INTAKE, /* a position of -1 is where the group stands; without one, or where retention
                     has passed it, the earliest retained */
};

/**
 * Creates the consumer and subscribes to the topics of its role (or will, see there).
 * @param rebalance  called inside poll; see ports.h
 * @param err        out, CONFIG_ERROR_MAX bytes
 * @return ST_OK, ST_INVALID (a kafka.* option librdkafka refuses, named in err), ST_NOMEM
 */
MUST_CHECK enum status kafka_consumer_new(const struct config *cfg, enum kafka_role role,
                                          const struct rebalance_ops *rebalance,
                                          struct kafka_consumer **out, char *err);
/** Leaves the group (revocation is served) and frees. NULL is allowed. */
void kafka_consumer_free(struct kafka_consumer *c);
/** The consumer as the pipeline sees it. */
struct source kafka_source(struct kafka_consumer *c);
/** The last unresolved problem (brokers down, authentication), false if none. */
bool kafka_consumer_problem(struct kafka_consumer *c, char *buf, size_t len);
/** Is that the assignment that stands? False: nothing can be committed under it any more. Waits
 *  for a commit that is under way. Any thread. */
bool kafka_consumer_stands(struct kafka_consumer *c, int generation);
/** True for good once another has joined with the same group.instance.id (which is static
 *  membership, if cfg->kafka has it): this one never gets a task again. Any thread. */
bool kafka_consumer_fenced(struct kafka_consumer *c);

/* ---- whole topics, outside of any group -------------------------------------------- */

/* Reads all partitions of some topics from the earliest retained offset by assign(): global
 * topics, dead letters. Partitions that a topic gets later are not read. Commits nothing. */
struct kafka_reader; /* opaque */

/** @param names  (n,) topics; record.topic is the index into it
 *  @return ST_OK, ST_INVALID (an option), ST_IO (a topic does not exist, or no broker answers
 * within 10 s; err says which and what to type), ST_NOMEM */
MUST_CHECK enum status kafka_reader_new(const struct config *cfg, const char *const *names,
                                        size_t n, struct kafka_reader **out, char *err);
void kafka_reader_free(struct kafka_reader *r);
/** Up to `max` records, waiting at most timeout_ms for the first; bytes are borrowed until the
 *  next poll. Aborted transactions are not seen. */
size_t kafka_reader_poll(struct kafka_reader *r, struct record *out, size_t max, int timeout_ms);
/** Headers of the k-th record of the last poll, at most `max`; returns how many. Borrowed alike. */
size_t kafka_reader_headers(struct kafka_reader *r, size_t k, struct header *out, size_t max);
/** True once every partition was read to the end that stood when reading began. Judged by
 *  position and EOF, never by the last record: commit markers occupy offsets. What is committed
 *  behind a transaction that is still open is waited for, until its transaction.timeout.ms at
 *  most. */
bool kafka_reader_complete(const struct kafka_reader *r);
/** Begins again at the earliest offsets; the ends are asked for with the next poll, which that
 *  may keep for 1 s, and as long as no broker answers it is not complete. */
void kafka_reader_restart(struct kafka_reader *r);
/** What keeps it from reading on, false if nothing (readiness). Any thread. */
bool kafka_reader_problem(struct kafka_reader *r, char *buf, size_t len);
/** The reader as the pipeline sees it. */
struct globals kafka_globals(struct kafka_reader *r);

/* ---- a log: named partitions from named positions, outside of any group ------------------ */

/* struct log_port (ports.h) says what the functions do. One topic; partitions are added and removed
 * while others are read. Committed records only; a position that is gone is never silently reset.
 * Commits nothing. One thread, kafka_log_problem() any. */
struct kafka_log; /* opaque */

/** No partitions at first.
 *  @return ST_OK, ST_INVALID (an option), ST_IO (the topic does not exist, or no broker answers
 * within 10 s; err says which and what to type), ST_NOMEM */
MUST_CHECK enum status kafka_log_new(const struct config *cfg, const char *topic,
                                     struct kafka_log **out, char *err);
void kafka_log_free(struct kafka_log *l);
MUST_CHECK enum status kafka_log_add(struct kafka_log *l, int32_t partition, int64_t from);
void kafka_log_remove(struct kafka_log *l, int32_t partition);
/** record.topic is 0. Bytes are borrowed until the next poll. */
size_t kafka_log_poll(struct kafka_log *l, struct record *out, size_t max, int timeout_ms);
int64_t kafka_log_position(const struct kafka_log *l, int32_t partition);
MUST_CHECK enum status kafka_log_look(const struct kafka_log *l, int32_t partition);
MUST_CHECK enum status kafka_log_bounds(struct kafka_log *l, int32_t partition,
                                        struct log_bounds *out, int timeout_ms);
/** Partitions of the topic when it was opened. */
int32_t kafka_log_partitions(const struct kafka_log *l);
bool kafka_log_problem(struct kafka_log *l, char *buf, size_t len);
/** The log as the pipeline sees it. */
struct log_port kafka_log_port(struct kafka_log *l);

/* ---- transactions: consume, transform, produce exactly once ------------------------- */

/* A transactional producer. One thread. Its id fences: whoever initialises the same id later wins.
 * The coordinator gives a transaction up after kafka.transaction.timeout.ms (12 s): begin it when
 * its records are at hand. */
struct kafka_tx; /* opaque */

/** Initialises transactions; ends what a former owner of the id left open.
 *  @return ST_OK, ST_INVALID (an option; no right), ST_AGAIN (no broker answered within 10 s),
 * ST_FENCED (another takes the same id at the same time), ST_NOMEM */
MUST_CHECK enum status kafka_tx_new(const struct config *cfg, const char *transactional_id,
                                    struct kafka_tx **out, char *err);
/** Gives an open transaction up, within 2 s. NULL is allowed. */
void kafka_tx_free(struct kafka_tx *tx);
/** Frees *tx (NULL is allowed) and makes it anew; NULL where that fails. @return as kafka_tx_new()
 */
MUST_CHECK enum status kafka_tx_renew(const struct config *cfg, const char *transactional_id,
                                      struct kafka_tx **tx);
/** @return ST_OK, ST_AGAIN, ST_FENCED as kafka_tx_commit() */
MUST_CHECK enum status kafka_tx_begin(struct kafka_tx *tx);
/** As kafka_produce_to(), inside the transaction. A record may have 16 MiB, if max.message.bytes of
 * its topic allows that. @return ST_OK, ST_AGAIN (queue full: it was served; try again), ST_IO (the
 * transaction must be aborted) */
MUST_CHECK enum status kafka_tx_send(struct kafka_tx *tx, const char *topic, int32_t partition,
                                     const void *key, size_t key_len, const void *value,
                                     size_t value_len, int64_t timestamp_ms,
                                     const struct header *headers, size_t n_headers);
/** Offsets, with their tags, of a consumer's assignment as of `generation` (ports.h), then the
 *  commit. No offsets, or none of that assignment, is ST_LOST: they are the fence. Returns 2 s
 * after timeout_ms at the latest, though librdkafka would wait for the group; timeout_ms belongs
 * below kafka.transaction.timeout.ms.
 *  @return ST_OK; ST_LOST (aborted: the assignment is over, or an error that an abort ends; of a
 *          record that a broker refused, the next transaction may be lost too);
 *          ST_AGAIN (outcome unknown, or open for longer than kafka.transaction.timeout.ms: free
 *          this one, make a new one of the same id, read committed offsets and compare them or
 *          their tags);
 *          ST_FENCED (another has the id; stop) */
MUST_CHECK enum status kafka_tx_commit(struct kafka_tx *tx, struct kafka_consumer *c,
                                       const struct position *parts, size_t n, int generation,
                                       int timeout_ms);
/** Gives the open transaction up. @return ST_OK, ST_AGAIN, ST_FENCED as above */
MUST_CHECK enum status kafka_tx_abort(struct kafka_tx *tx, int timeout_ms);

/* ---- producer ----------------------------------------------------------------- */

struct kafka_producer; /* opaque */

/** acks=all, idempotent on a real broker; partitioner by cfg->partitioner; kafka.* options
 *  that producers know are passed through. */
MUST_CHECK enum status kafka_producer_new(const struct config *cfg, struct kafka_producer **out,
                                          char *err);
void kafka_producer_free(struct kafka_producer *p);
/** As the committer sees it (dead letters). */
struct letterbox kafka_letterbox(struct kafka_producer *p);

/** Queues one record (bytes copied), partition by key; timestamp_ms 0: now.
 *  @return ST_OK, ST_AGAIN (local queue full: call kafka_producer_poll), ST_IO */
MUST_CHECK enum status kafka_produce(struct kafka_producer *p, const char *topic, const void *key,
                                     size_t key_len, const void *value, size_t value_len,
                                     int64_t timestamp_ms);
/** As above, to a named partition (-1: by key), with headers (values of any bytes). */
MUST_CHECK enum status kafka_produce_to(struct kafka_producer *p, const char *topic,
                                        int32_t partition, const void *key, size_t key_len,
                                        const void *value, size_t value_len, int64_t timestamp_ms,
                                        const struct header *headers, size_t n_headers);
/** Serves delivery reports for at most timeout_ms. */
void kafka_producer_poll(struct kafka_producer *p, int timeout_ms);
/** Waits until everything queued is acknowledged.
 *  @return ST_OK, ST_AGAIN (time is up), ST_IO (records failed since the last flush; *why) */
MUST_CHECK enum status kafka_producer_flush(struct kafka_producer *p, int timeout_ms, char *why,
                                            size_t len);
/** Records queued and not yet acknowledged; acknowledged in all. */
size_t kafka_producer_queued(struct kafka_producer *p);
uint64_t kafka_producer_acked(struct kafka_producer *p);

/* ---- topics ------------------------------------------------------------------- */

struct kafka_topic_info {
    char name[CONFIG_NAME_MAX];
    int32_t partitions;          /* 0: does not exist              */
    char error[CONFIG_NAME_MAX]; /* "" or why it cannot be read */
};

/** Partition counts of the named topics as the cluster has them; one metadata request.
 *  @param brokers  out, number of brokers (may be NULL)
 *  @return ST_OK, ST_IO (no broker answered within timeout_ms; err says which and why) */
MUST_CHECK enum status kafka_topics_describe(const struct config *cfg, const char *const *names,
                                             size_t n, int timeout_ms, struct kafka_topic_info *out,
                                             int *brokers, char *err);
/** Creates topics (existing ones are left alone). @return ST_OK, ST_IO (err) */
MUST_CHECK enum status kafka_topics_create(const struct config *cfg, const char *const *names,
                                           size_t n, int32_t partitions, int16_t replication,
                                           char *err);

struct kafka_topic_setting { /* cleanup.policy, retention.ms, ... as Kafka names and writes it */
    const char *name, *value;
};

struct kafka_topic_spec {
    const char *name;
    int32_t partitions;
    int16_t replication; /* -1: the brokers' default, or min(3, brokers) where they refuse to say */
    const struct kafka_topic_setting *settings; /* (n_settings,) */
    size_t n_settings;
};

/** Creates one topic unless it exists, and waits until it shows; what exists is left alone.
 *  @param created  out, may be NULL: it did not exist
 *  @return ST_OK, ST_IO (err says why and what to type) */
MUST_CHECK enum status kafka_topic_create(const struct config *cfg,
                                          const struct kafka_topic_spec *spec, bool *created,
                                          char *err);
/** How many partitions. @return ST_OK, ST_NOT_FOUND (no such topic), ST_IO (err) */
MUST_CHECK enum status kafka_topic_partitions(const struct config *cfg, const char *topic,
                                              int timeout_ms, int32_t *partitions, char *err);
/** One setting of a topic, as it applies. @return ST_OK, ST_NOT_FOUND (no such topic or setting),
 *  ST_RANGE (longer than len), ST_IO (err) */
MUST_CHECK enum status kafka_topic_config(const struct config *cfg, const char *topic,
                                          const char *setting, char *buf, size_t len, char *err);
/** Removes all records of a partition below an offset (-1: all). None of them comes back.
 *  @return ST_OK, ST_RANGE (above its end), ST_IO (err) */
MUST_CHECK enum status kafka_topic_delete_records(const struct config *cfg, const char *topic,
                                                  int32_t partition, int64_t below, char *err);
/** Deletes a topic. @return ST_OK, ST_NOT_FOUND, ST_IO (err) */
MUST_CHECK enum status kafka_topic_delete(const struct config *cfg, const char *topic, char *err);
/** Members of the group cfg->group, 0 if there is no such group; a member that was killed counts
 *  until its session has ended. @return ST_OK, ST_IO (err) */
MUST_CHECK enum status kafka_group_members(const struct config *cfg, int *members, char *err);
/** Forgets the group cfg->group and its offsets; it must have no members.
 *  @return ST_OK, ST_NOT_FOUND, ST_IO (err) */
MUST_CHECK enum status kafka_group_delete(const struct config *cfg, char *err);
/** Offsets committed by the group cfg->group, and low/high watermarks of a partition.
 *  committed is -1 where nothing was committed. */
MUST_CHECK enum status kafka_positions(const struct config *cfg, const char *topic,
                                       int32_t partition, int timeout_ms, int64_t *committed,
                                       int64_t *low, int64_t *high, char *err);
/** Reads up to `max` keyed records from the start of a partition and counts those whose
 *  key hashes to it (murmur2 and consistent = CRC32), for `check`. */
MUST_CHECK enum status kafka_sample_partitioner(const struct config *cfg, const char *topic,
                                                int32_t partition, int32_t n_partitions, size_t max,
                                                int timeout_ms, size_t *sampled, size_t *murmur2,
                                                size_t *consistent, char *err);
/** The partition that a partitioner ("murmur2" | "consistent") gives a key. */
int32_t kafka_partition_of(const char *partitioner, const void *key, size_t key_len,
                           int32_t n_partitions);

/** librdkafka's version, "2.0.2". */
const char *kafka_version(void);

/* ---- embedded broker ------------------------------------------------------------ */

/* librdkafka's in-process mock cluster: real sockets, groups and offset commits, kept in
 * memory (at most 5 MiB a partition: a fast feeder waits for the consumer). Its
 * transactions are not real; it is the demo's default and for fast tests. */
struct kafka_embedded; /* opaque */

MUST_CHECK enum status kafka_embedded_start(const char *const *topics, size_t n, int32_t partitions,
                                            struct kafka_embedded **out, char *err);
/** host:port of its broker, for kafka.bootstrap.servers. */
const char *kafka_embedded_brokers(const struct kafka_embedded *e);
void kafka_embedded_stop(struct kafka_embedded *e);

#endif
