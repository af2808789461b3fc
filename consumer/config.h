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
 * A name is `section.key`: [redis] address = ... is redis.address. Three sections are
 * named by the operator: [domain.NAME], [topic.NAME] and [trigger.NAME]. The two shipped domains
 * and topics (course, food; course-views, food-orders) stand unless the file names a section of
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
    CONFIG_SYMBOLS_MAX = 32,
    CONFIG_TRIGGERS_MAX = 16,
    DOMAIN_OF_RECORD = 0xff, /* the domain stands in the record: crossrec-events */
};

enum config_clock { CLOCK_WALL, CLOCK_STREAM };
enum config_state { STATE_MEMORY, STATE_KAFKA };
enum config_log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

struct config_domain {
    char name[CONFIG_NAME_MAX];
    bool repeats; /* domain.NAME.repeats: an item may be recommended again after it was taken */
    bool target;  /* domain.NAME.target: users get lists of this domain                       */
    int64_t n;    /* domain.NAME.n: items a list of it; 0: publish.n. See config_list_n()     */
};

/* Fields that a mapping can be given for; see mapping.h. Order = that of the table in option.c. */
enum map_field {
    FIELD_USER,
    FIELD_EVENT_ID,
    FIELD_TS,
    FIELD_ITEM,
    FIELD_ACTION,
    FIELD_QUANTITY,
    FIELD_AMOUNT,
    FIELD_DISCOUNT,
    FIELD_REC,
    FIELD_COUNTERPART,
    FIELD_AVAILABLE,
    FIELD_CATEGORY,
    FIELD_PRICE,
    FIELD_NAME,
    FIELD_ATTRIBUTES,
    FIELD_CONSENT,
    FIELD_AGE,
    FIELD_COUNTRY,
    FIELD_PARTNER_DOMAIN,
    FIELD_PARTNER_ID,
    FIELD_RULE,
    FIELD_TARGET,
    FIELD_SEGMENT,
    FIELD_FROM,
    FIELD_UNTIL,
    FIELD_FACTOR,
    FIELD_POSITION,
    FIELD_DOMAIN,
    MAP_FIELDS
};

enum config_intake { INTAKE_IS_DIRECT, INTAKE_IS_REPARTITION };
enum config_ts_unit { TS_UNIT_AUTO, TS_UNIT_S, TS_UNIT_MS, TS_UNIT_US, TS_UNIT_NS, TS_UNIT_DAY };

struct config_symbol { /* map.FIELD.SYMBOL = WORD */
    char symbol[64];   /* as the partner writes it                        */
    uint8_t field;     /* FIELD_ACTION or FIELD_CONSENT                   */
    uint8_t meaning;   /* enum action; enum privacy_request; enum rule_kind; MEANING_IGNORE of
                          mapping_field.h; 0 no, 1 yes, 2 unknown                       */
};

struct config_topic {
    char name[CONFIG_NAME_MAX];             /* topic.NAME: the Kafka topic                  */
    char schema[CONFIG_VALUE_MAX];          /* a shipped name, or a file .avsc              */
    int kind;                               /* enum topic_kind                              */
    int intake;                             /* enum config_intake                           */
    char path[MAP_FIELDS][CONFIG_NAME_MAX]; /* "" : as shipped; "quoted": a constant        */
    int ts_unit;                            /* topic.NAME.ts.unit                           */
    double amount_scale;                    /* topic.NAME.amount.scale, 1                   */
    char age_bands[CONFIG_NAME_MAX];        /* topic.NAME.age.bands: "18,25,35,50,65"       */
    struct config_symbol symbols[CONFIG_SYMBOLS_MAX];
    uint32_t n_symbols;
    double weight[ACTIONS]; /* topic.NAME.weight.ACTION, 1: how much an event teaches; 0: nothing,
                               but it still counts as taken                                    */
    uint8_t domain;         /* topic.NAME.domain, as an index; DOMAIN_OF_RECORD                */
};

enum trigger_kind {
    TRIGGER_FIRST_PURCHASE, /* of somebody known from another domain */
    TRIGGER_LIFECYCLE,      /* new, returning, resurrected, dormant: a change */
    TRIGGER_SEGMENT,        /* a change of the segment */
    TRIGGER_TOP_SCORE,      /* a list has another first item, with a high score */
    TRIGGER_KINDS
};

enum { TRIGGER_ANY = -1, TRIGGER_KIND_OPEN = -1 };

struct config_trigger {
    char name[CONFIG_NAME_MAX]; /* trigger.NAME                                         */
    int kind;                   /* enum trigger_kind                                    */
    char target_of[CONFIG_NAME_MAX], domain_of[CONFIG_NAME_MAX]; /* as they were written  */
    char from_of[CONFIG_NAME_MAX], to_of[CONFIG_NAME_MAX];
    uint8_t target;      /* trigger.NAME.target: whose stream, as a domain's index    */
    int domain;          /* trigger.NAME.domain: where it is bought; TRIGGER_ANY      */
    int from, to;        /* enum lifecycle, or a segment; TRIGGER_ANY                 */
    double score;        /* trigger.NAME.score: more than this                        */
    int64_t events_min;  /* trigger.NAME.events.min: in other domains, before         */
    int64_t cooldown_ms; /* trigger.NAME.cooldown: of one user                        */
    int64_t expires_ms;  /* trigger.NAME.expires: after its event                     */
};

struct config_pair {
    char key[CONFIG_NAME_MAX];
    char value[CONFIG_VALUE_MAX];
};

struct config {
    struct config_domain domains[DOMAINS_MAX];
    uint32_t n_domains;
    struct config_topic topics[CONFIG_TOPICS_MAX]; /* of the tasks; order = index of the merge */
    uint32_t n_topics;
    struct config_topic globals[CONFIG_TOPICS_MAX]; /* read whole by every instance */
    uint32_t n_globals;
    struct config_topic raws[CONFIG_TOPICS_MAX]; /* intake = repartition: they become `events` */
    uint32_t n_raws;
    struct config_trigger triggers[CONFIG_TRIGGERS_MAX];
    uint32_t n_triggers;
    struct config_pair kafka[CONFIG_KAFKA_MAX]; /* passed through, without "kafka." */
    uint32_t n_kafka;
    struct config_pair keys[DOMAINS_MAX]; /* privacy.key.TARGET = FILE: see pseudonym.h */
    uint32_t n_keys;

    /* [crossrec] */
    char group[CONFIG_NAME_MAX];       /* consumer group, default crossrec             */
    char instance_id[CONFIG_NAME_MAX]; /* default: host name and pid                   */
    bool static_members;               /* static.members: instance.id is a static member's name */
    int clock;                         /* enum config_clock: wall | stream             */
    int state;                         /* enum config_state: memory | kafka            */
    bool embedded_broker; /* no option: the demo's broker, whose topics are there and cannot be
                             asked about */
    int log_level;        /* enum config_log_level                        */
    char schemas_dir[CONFIG_VALUE_MAX]; /* "" : the shipped schemas, ids 1, 2          */
    char dead_letters[CONFIG_NAME_MAX]; /* topic, default crossrec-dead-letters        */
    char events[CONFIG_NAME_MAX];       /* topic of repartitioned events, crossrec-events */
    char partitioner[CONFIG_NAME_MAX];  /* murmur2 (Java) | consistent (librdkafka) | any: what
                                           producers  use */

    /* [state], [model], [outbox]: with state = kafka */
    char state_topic[CONFIG_NAME_MAX];  /* state.topic, crossrec-state                  */
    char state_dir[CONFIG_VALUE_MAX];   /* state.dir, "": no checkpoints                */
    int64_t checkpoint_ms;              /* state.checkpoint.interval, 15 s              */
    char model_topic[CONFIG_NAME_MAX];  /* model.topic, crossrec-model                  */
    char items_topic[CONFIG_NAME_MAX];  /* model.items.topic, crossrec-model-items      */
    char outbox_topic[CONFIG_NAME_MAX]; /* outbox.topic, crossrec-triggers              */
    int64_t trigger_max_age_ms;         /* trigger.max.age: older events make none, 1 d */
    int64_t trigger_maxlen;             /* trigger.maxlen: entries a stream, 100000     */

    /* [merge], [learn] */
    int64_t merge_max_wait_ms;   /* merge.max.wait, 500 ms                               */
    int64_t merge_max_start_ms;  /* merge.max.start, 30 s                                */
    int64_t merge_max_idle_ms;   /* merge.max.idle, 0                                    */
    int64_t merge_buffer;        /* merge.buffer: events buffered a topic partition, 20000 */
    int64_t late_max_ms;         /* learn.late.max, 1 d                                  */
    int64_t mini_batch;          /* learn.mini.batch: events, 256                        */
    int64_t seed;                /* learn.seed                                           */
    int64_t segments_k;          /* segments.k, 8; 0: auto                               */
    int64_t segments_seed_users; /* segments.seed.users, 1000                          */
    double segments_half_life;   /* segments.half.life, votes, 20000                     */
    int64_t prequential_sample;  /* prequential.sample: 1 event in N is tested, 16; 0 none */

    int64_t ranker_rate; /* learn.ranker.rate: examples a second of a task, 100; 0: any */
    int64_t user_rate;   /* learn.user.rate: events a minute of one user, 600; 0: any */

    /* [breaker]: intake stops when too many events are bad */
    double breaker_share;     /* breaker.share of dead letters, .5; 1: never             */
    int64_t breaker_window;   /* breaker.window: records looked back at, 1000            */
    int64_t breaker_retry_ms; /* breaker.retry: tried again after this, 30 s             */

    /* [registry] */
    char registry_url[CONFIG_VALUE_MAX]; /* "": none; several by commas, tried in order     */
    char registry_user[CONFIG_NAME_MAX], registry_password[CONFIG_VALUE_MAX];
    char registry_ca[CONFIG_VALUE_MAX];    /* file of the authority, "" : the system's        */
    char registry_cache[CONFIG_VALUE_MAX]; /* folder, "" : none                               */
    int64_t registry_timeout_ms;           /* of one request, 2 s                             */
    int64_t registry_grace_ms;             /* an unknown id is waited for, 30 s               */

    /* [rank] */
    double rank_diversity; /* rank.diversity, 0..1: dial of the category mix, 0        */
    double rank_explore;   /* rank.explore, 0..1: share of the slots for finding out, 0 */

    /* [publish], [commit] */
    int64_t list_n;              /* publish.n: items a list, 10; see config_list_n()   */
    int64_t publish_interval_ms; /* publish.interval, 100 ms                           */
    int64_t publish_max_lag_ms;  /* publish.max.lag, 30 s                              */
    int64_t publish_refresh_ms;  /* publish.refresh, default min(6 h, ttl/4)           */
    int64_t publish_ttl_ms;      /* publish.ttl, 7 d                                   */
    int64_t publish_rate;        /* publish.rate: lists a second in a full republication, 20000 */
    bool publish_user;           /* publish.user: cards of users, yes                  */
    bool publish_changed;        /* publish.changed: the channel, yes                  */
    int64_t user_interval_ms;    /* user.interval: of a user's card, 1 min             */
    bool similar;                /* similar: lists of items that go with an item, yes  */
    int64_t similar_interval_ms; /* similar.interval: a whole turn, 1 h                */
    int64_t similar_takes_min;   /* similar.takes.min, 5                               */
    int64_t segments_users_min;  /* segments.users.min, 20                             */
    int64_t commit_interval_ms;  /* commit.interval, 1 s                               */
    int64_t commit_history_ms;   /* commit.history, 6 h                                */

    /* [redis], [http] */
    char redis_address[CONFIG_VALUE_MAX]; /* host:port, [v6]:port, unix:/path, or several nodes
                                             of one cluster by commas; default 127.0.0.1:6379 */
    char redis_user[CONFIG_NAME_MAX];
    char redis_password[CONFIG_VALUE_MAX];  /* never logged                             */
    char redis_prefix[CONFIG_NAME_MAX];     /* redis.prefix, default crossrec           */
    int64_t redis_timeout_ms;               /* 2 s                                      */
    char http_address[CONFIG_VALUE_MAX];    /* 127.0.0.1:9464; "off"                    */
    char http_token_file[CONFIG_VALUE_MAX]; /* http.token.file, "": none; see token.h   */
};

/** Every option at its default, two shipped domains and topics. */
void config_defaults(struct config *c);

/** A topic without a name, every option at its default. */
void config_topic_defaults(struct config_topic *topic);

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

/** Items in a list of a domain, and in the longest list of any. */
uint32_t config_list_n(const struct config *c, uint32_t domain);
uint32_t config_list_max(const struct config *c);

/** The name among `names` (n,) nearest to `word` by edit distance, or NULL if none
 *  is near (distance > 1/2 of the length). Also used for commands and flags. */
const char *config_nearest(const char *word, const char *const *names, size_t n);

/** The option value as text, for `crossrec check` and logs; secrets as "***".
 *  @return ST_OK or ST_NOT_FOUND */
MUST_CHECK enum status config_get(const struct config *c, const char *name, char *buf, size_t len);

#endif
