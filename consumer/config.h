/* SPDX-License-Identifier: Apache-2.0
 *
 * config.h -- what the operator decided, checked and typed.
 *
 * One table (config.c) has every option: name, type, default, range, unit, text.
 * It parses, it prints `crossrec help options`, and it makes docs and the comments of
 * deploy/crossrec.ini checkable. Values are taken from, each over the one before:
 *
 *     defaults < file (ini) < environment (CROSSREC_REDIS_ADDRESS=) < --set key=value
 *
 * A name is `section.key`: [redis] address = ... is redis.address. Two sections are
 * named by the operator: [domain.NAME] and [topic.NAME]. The two shipped domains and
 * topics (course, food; course-views, food-orders) stand unless the file names a section of
 * that kind; environment and --set adjust or add. [kafka] passes through to librdkafka, except a
 * deny list with reasons. Environment: CROSSREC_ + the name in upper case with every other
 * character as `_`; for [kafka], `_` becomes `.`.
 *
 * An unknown name, a bad value or a wrong combination stops the start. The error says
 * where (file and line, environment variable, or --set), what is allowed, and the
 * nearest name that exists.
 *
 * Plain value: struct config is filled once and read by everyone afterwards.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "event.h"
#include "status.h"

enum {
    CONFIG_TOPICS_MAX = 32,
    CONFIG_NAME_MAX = 128,
    CONFIG_VALUE_MAX = 512,
    CONFIG_KAFKA_MAX = 64,
    CONFIG_ERROR_MAX = 1024,
    CONFIG_LIST_MAX = 100, /* largest N of a list */
};

enum config_clock { CLOCK_WALL, CLOCK_STREAM };
enum config_log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

struct config_domain {
    char name[CONFIG_NAME_MAX];
    bool repeats; /* domain.NAME.repeats: an item may be recommended again after it was taken */
    bool target;  /* domain.NAME.target: users get lists of this domain                       */
};

struct config_topic {
    char name[CONFIG_NAME_MAX];   /* topic.NAME: the Kafka topic              */
    char schema[CONFIG_NAME_MAX]; /* topic.NAME.schema: CourseView, FoodOrder */
    uint8_t domain;               /* topic.NAME.domain, as an index           */
};

struct config_pair {
    char key[CONFIG_NAME_MAX];
    char value[CONFIG_VALUE_MAX];
};

struct config {
    struct config_domain domains[DOMAINS_MAX];
    uint32_t n_domains;
    struct config_topic topics[CONFIG_TOPICS_MAX]; /* order = topic index of the merge */
    uint32_t n_topics;
    struct config_pair kafka[CONFIG_KAFKA_MAX]; /* passed through, without "kafka." */
    uint32_t n_kafka;

    /* [crossrec] */
    char group[CONFIG_NAME_MAX];        /* consumer group, default crossrec             */
    char instance_id[CONFIG_NAME_MAX];  /* default: host name and pid                   */
    int clock;                          /* enum config_clock: wall | stream             */
    int state;                          /* memory (0) is what there is so far           */
    int log_level;                      /* enum config_log_level                        */
    char schemas_dir[CONFIG_VALUE_MAX]; /* "" : the shipped schemas, ids 1, 2          */
    char dead_letters[CONFIG_NAME_MAX]; /* topic, default crossrec-dead-letters        */
    char partitioner[CONFIG_NAME_MAX];  /* murmur2 (Java) | consistent (librdkafka): what producers
                                           use */

    /* [merge], [learn] */
    int64_t merge_max_wait_ms;   /* merge.max.wait, 500 ms                               */
    int64_t merge_max_idle_ms;   /* merge.max.idle, 0                                    */
    int64_t merge_buffer;        /* merge.buffer: events buffered a topic partition, 20000 */
    int64_t late_max_ms;         /* learn.late.max, 1 d                                  */
    int64_t mini_batch;          /* learn.mini.batch: events, 256                        */
    int64_t seed;                /* learn.seed                                           */
    int64_t segments_k;          /* segments.k, 8                                        */
    int64_t segments_seed_users; /* segments.seed.users, 1000                          */
    double segments_half_life;   /* segments.half.life, votes, 20000                     */
    int64_t prequential_sample;  /* prequential.sample: 1 event in N is tested, 16; 0 none */

    /* [publish], [commit] */
    int64_t list_n;              /* publish.n: items a list, 10                        */
    int64_t publish_interval_ms; /* publish.interval, 100 ms                           */
    int64_t publish_max_lag_ms;  /* publish.max.lag, 30 s                              */
    int64_t publish_refresh_ms;  /* publish.refresh, default min(6 h, ttl/4)           */
    int64_t publish_ttl_ms;      /* publish.ttl, 7 d                                   */
    int64_t publish_rate;        /* publish.rate: lists a second in a full republication, 20000 */
    int64_t commit_interval_ms;  /* commit.interval, 1 s                               */

    /* [redis], [http] */
    char redis_address[CONFIG_VALUE_MAX]; /* host:port, [v6]:port, unix:/path; default
                                             127.0.0.1:6379 */
    char redis_user[CONFIG_NAME_MAX];
    char redis_password[CONFIG_VALUE_MAX]; /* never logged                             */
    char redis_prefix[CONFIG_NAME_MAX];    /* redis.prefix, default crossrec           */
    int64_t redis_timeout_ms;              /* 2 s                                      */
    char http_address[CONFIG_VALUE_MAX];   /* 127.0.0.1:9464; "off"                    */
};

/** Every option at its default, two shipped domains and topics. */
void config_defaults(struct config *c);

/**
 * Fills *c from defaults, file, environment and settings, and checks combinations.
 *
 * @param path      ini file, or NULL for none
 * @param environ_  NULL-terminated "NAME=value" strings, or NULL
 * @param sets      (n_sets,) "key=value" strings of --set
 * @param err       out, CONFIG_ERROR_MAX bytes: what is wrong and what to type
 * @return ST_OK; ST_INVALID with `err` set and *c untouched; ST_IO (file), likewise
 */
MUST_CHECK enum status config_load(struct config *c, const char *path, char *const *environ_,
                                   const char *const *sets, size_t n_sets, char *err);

/** Prints all options as a table: name, default, range, unit, text. */
void config_help(FILE *out);

/** Prints a commented ini file with every option at its default (deploy/crossrec.ini
 *  is this, a test compares them). */
void config_print_ini(FILE *out);

/** The name among `names` (n,) nearest to `word` by edit distance, or NULL if none
 *  is near (distance > 1/2 of the length). Also used for commands and flags. */
const char *config_nearest(const char *word, const char *const *names, size_t n);

/** The option value as text, for `crossrec check` and logs; secrets as "***".
 *  @return ST_OK or ST_NOT_FOUND */
MUST_CHECK enum status config_get(const struct config *c, const char *name, char *buf, size_t len);

#endif
