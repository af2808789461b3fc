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

/**
 * Creates the consumer and subscribes to the configured topics.
 * @param rebalance  called inside poll; see ports.h
 * @param err        out, CONFIG_ERROR_MAX bytes
 * @return ST_OK, ST_INVALID (a kafka.* option librdkafka refuses, named in err), ST_NOMEM
 */
MUST_CHECK enum status kafka_consumer_new(const struct config *cfg,
                                          const struct rebalance_ops *rebalance,
                                          struct kafka_consumer **out, char *err);
/** Leaves the group (revocation is served) and frees. NULL is allowed. */
void kafka_consumer_free(struct kafka_consumer *c);
/** The consumer as the pipeline sees it. */
struct source kafka_source(struct kafka_consumer *c);
/** The last unresolved problem (brokers down, authentication), false if none. */
bool kafka_consumer_problem(struct kafka_consumer *c, char *buf, size_t len);

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
