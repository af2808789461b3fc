/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka.c -- see kafka.h. The only file that knows librdkafka (2.0.2 and newer).
 *
 * In order: what went wrong and what to type; handles; what consumer, reader and log share;
 * consumer; whole topics; a log; producer; transactions; topics; embedded broker.
 */
#include "kafka.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "log.h"

enum {
    FETCH_WAIT_LEAST_MS = 2,    /* what a fetch waits for more, by the publish interval:   */
    FETCH_WAIT_MOST_MS = 10,    /* see fetch_wait_ms()                                     */
    POLL_MAX = 512,             /* records lent out by one poll                            */
    COMMIT_WAIT_MS = 5000,      /* a commit not answered by then is ST_AGAIN               */
    COMMITTED_WAIT_MS = 10000,  /* ports.h says so                                         */
    CLOSE_WAIT_MS = 5000,       /* leaving the group; then without a goodbye               */
    CLOSE_LOOK_MS = 50,         /* librdkafka tells nobody that it is closed               */
    START_METADATA_MS = 2000,   /* wait for metadata at the start; later it comes by itself */
    ENDS_WAIT_MS = 1000,        /* one question for the ends of all partitions, ...        */
    ENDS_RETRY_MS = 5000,       /* ... again after this if a broker does not answer, ...   */
    ENDS_MOVED_MS = 20,         /* ... and after this if it is not the leader any more     */
    PROBE_EVERY_MS = 1000,      /* is the problem over? asked at most so often, ...        */
    PROBE_WAIT_MS = 200,        /* ... for at most so long                                 */
    NEW_TOPIC_WAIT_MS = 1000,   /* a producer asks once where a topic lives                */
    ADMIN_WAIT_MS = 30000,      /* creation of a topic                                     */
    RECOUNT_MS = 1000,          /* partitions are counted again at most so often           */
    READER_WAIT_MS = 10000,     /* kafka.h says so                                         */
    READER_NAP_MS = 20,         /* between two questions for what is not there yet         */
    BOUNDS_WAIT_MS = 2000,      /* ports.h says so                                         */
    ASK_NAP_MS = 10,            /* before a leader that moved is asked again               */
    REPLICATION_MAX = 3,        /* of a topic, where the brokers have no default           */
    TX_INIT_WAIT_MS = 10000,    /* as above; whoever waits longer asks again              */
    TX_ABORT_MIN_MS = 2000,     /* an abort has so long, when all other time is used up     */
    TX_STUCK_MS = 200,          /* a call this late is not waited for any longer           */
    TX_NAP_MS = 20,             /* before the same call again                              */
    TX_SERVE_MS = 100,          /* room in a full queue is waited for so long              */
    VISIBLE_WAIT_MS = 10000,    /* until created topics show in the metadata               */
    PRODUCER_TOPICS_MAX = 64,   /* topics one producer writes to                           */
    PRODUCER_SERVE_EVERY = 256, /* records between two looks at delivery reports           */
    NAMES_MAX = 512,            /* options librdkafka has, by all their names: about 170   */
    EMBEDDED_BROKERS = 1,
};

/* ---- what went wrong and what to type ---------------------------------------------- */

/* librdkafka asks on while a transaction of the group is open, and then says that time is over. */
#define UNSTABLE_FIX                                                                               \
    "wait for the brokers; if they answer and this goes on, a transaction hangs: see \"A "         \
    "transaction that hangs\" in docs/operations.md"
#define FENCED_FIX "another instance has the same instance id: give each its own and restart"

static const struct {
    rd_kafka_resp_err_t err;
    const char *fix;
} FIXES[] = {
    {RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN,
     "check kafka.bootstrap.servers, and that the brokers run and advertise reachable addresses"},
    {RD_KAFKA_RESP_ERR__TRANSPORT,
     "check kafka.bootstrap.servers, kafka.security.protocol, and that the broker runs"},
    {RD_KAFKA_RESP_ERR__RESOLVE, "check the host names in kafka.bootstrap.servers"},
    {RD_KAFKA_RESP_ERR__SSL,
     "check kafka.ssl.ca.location, kafka.ssl.certificate.location and kafka.ssl.key.location"},
    {RD_KAFKA_RESP_ERR__AUTHENTICATION,
     "check kafka.sasl.mechanism, kafka.sasl.username and kafka.sasl.password; SCRAM with "
     "Kafka 4 needs librdkafka 2.6.1 or newer"},
    {RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED,
     "check kafka.sasl.mechanism, kafka.sasl.username and kafka.sasl.password"},
    {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
     "create the topic, or correct its name in the configuration; it is looked for again"},
    {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, "create the topic, or correct its name"},
    {RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, "check the partition number"},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
     "grant this user the right: kafka-acls.sh --add --allow-principal User:NAME --operation "
     "Read (input) or Write (dead letters) --topic TOPIC"},
    {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
     "grant this user the right: kafka-acls.sh --add --allow-principal User:NAME --operation "
     "Read --group GROUP"},
    {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
     "grant this user the right: kafka-acls.sh --add --allow-principal User:NAME --operation "
     "IdempotentWrite --cluster"},
    {RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
     "grant this user the right: kafka-acls.sh --add --allow-principal User:NAME --operation "
     "Write --transactional-id ID"},
    {RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT,
     "set kafka.transaction.timeout.ms to at most transaction.max.timeout.ms of the brokers"},
    {RD_KAFKA_RESP_ERR__FENCED, FENCED_FIX},
    {RD_KAFKA_RESP_ERR_PRODUCER_FENCED, FENCED_FIX},
    {RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, FENCED_FIX},
    {RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET,
     "the position is not in the topic any more (retention passed, or the topic was created "
     "anew): stop crossrec, type kafka-consumer-groups.sh --group GROUP --topic TOPIC "
     "--reset-offsets --to-earliest --execute, start it again"},
    {RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED,
     "the learner stood still for longer than kafka.max.poll.interval.ms; the tasks went to "
     "others and come back with the next poll"},
    {RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, FENCED_FIX},
    {RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL,
     "the group has members that are not crossrec or not `range`: choose another group"},
    {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
     "raise kafka.message.max.bytes here and max.message.bytes of the topic"},
};

/* What to type, or "". */
static const char *fix_of(rd_kafka_resp_err_t err) {
    for (size_t i = 0; i < sizeof FIXES / sizeof FIXES[0]; i++) {
        if (FIXES[i].err == err) {
            return FIXES[i].fix;
        }
    }
    return "";
}

/* Is it about reaching and being let in by the brokers, so that any answer ends it? */
static bool is_broker_err(rd_kafka_resp_err_t err) {
    switch (err) {
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__SSL:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR__TIMED_OUT: return true;
    default: return false;
    }
}

enum { TOPIC_NONE = -1 };

struct problem {
    rd_kafka_resp_err_t err; /* none: no problem */
    bool fatal;              /* of the handle: never ends */
    char text[CONFIG_ERROR_MAX];
};

/* The problems that nothing has resolved since: one of the brokers and the group, and one
 * a topic, so that none hides another. Any thread. */
struct problems {
    pthread_mutex_t lock;
    _Atomic int stand; /* how many; so that the hot path need not lock */
    int64_t probed_ms;
    struct problem of[1 + CONFIG_TOPICS_MAX]; /* [1 + topic] */
};

/* Notes a problem of a topic or of TOPIC_NONE; true if it is news, to be logged. */
static bool problem_set(struct problems *ps, int topic, rd_kafka_resp_err_t err, bool fatal,
                        const char *what) {
    pthread_mutex_lock(&ps->lock);
    struct problem *p = &ps->of[1 + topic];
    /* These follow each refused login and each retry: the first reason says more. */
    bool vague = err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || err == RD_KAFKA_RESP_ERR__TRANSPORT;
    bool news = p->err != err && !p->fatal && !(vague && is_broker_err(p->err));
    if (news) {
        atomic_fetch_add(&ps->stand, !p->err);
        p->err = err;
        p->fatal = fatal;
        const char *fix = fix_of(err);
        snprintf(p->text, sizeof p->text, "%s%s%s", what, fix[0] ? "; " : "", fix);
    }
    pthread_mutex_unlock(&ps->lock);
    return news;
}

enum ended { BY_ANSWER, BY_RECORD, BY_REVOCATION }; /* what was seen to work, weakest first */

/* A broker's answer ends what kept it from answering, a record also what kept records
 * from coming; one partition that waits at a lost position waits for its assignment. */
static void problem_end(struct problems *ps, int topic, enum ended by) {
    if (atomic_load_explicit(&ps->stand, memory_order_relaxed) == 0) {
        return;
    }
    pthread_mutex_lock(&ps->lock);
    struct problem *p = &ps->of[1 + topic];
    bool stuck = p->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET;
    bool over =
        is_broker_err(p->err) || (by == BY_RECORD && !stuck) || (by == BY_REVOCATION && stuck);
    if (p->err && !p->fatal && over) {
        LOG_INFO("kafka problem is over", LOG_STR("was", p->text));
        p->err = RD_KAFKA_RESP_ERR_NO_ERROR;
        atomic_fetch_sub(&ps->stand, 1);
    }
    pthread_mutex_unlock(&ps->lock);
}

/* The text of the first one; false if there is none. */
static bool problem_first(struct problems *ps, char *buf, size_t len) {
    bool found = false;
    pthread_mutex_lock(&ps->lock);
    for (size_t i = 0; !found && i < sizeof ps->of / sizeof ps->of[0]; i++) {
        found = ps->of[i].err != RD_KAFKA_RESP_ERR_NO_ERROR;
        if (found) {
            snprintf(buf, len, "%s", ps->of[i].text);
        }
    }
    pthread_mutex_unlock(&ps->lock);
    return found;
}

/* ---- handles ------------------------------------------------------------------------- */

struct setting {
    const char *name, *value; /* name NULL ends a table */
};

/* Defaults come before what the operator passes through, fixed settings after it. */
static const struct setting COMMON[] = {
    {"socket.nagle.disable", "true"},
    {"socket.timeout.ms", "10000"},
    {"socket.connection.setup.timeout.ms", "5000"},
    {"reconnect.backoff.ms", "50"},
    {"reconnect.backoff.max.ms", "1000"},
    {"topic.metadata.refresh.interval.ms", "10000"}, /* topics that come later, new partitions */
    {"topic.metadata.refresh.fast.interval.ms", "100"},
    {"log.connection.close", "false"},
    {NULL, NULL},
};

/* A fetch of what came in some milliseconds costs as much as one of a single record. */
static const struct setting CONSUMER_DEFAULTS[] = {
    {"fetch.wait.max.ms", "5"},
    {"fetch.min.bytes", "32768"},
    {"fetch.error.backoff.ms", "50"},
    {"heartbeat.interval.ms", "1000"}, /* a rebalance is noticed by a heartbeat */
    {"session.timeout.ms", "20000"},
    {"queued.max.messages.kbytes", "65536"},
#if RD_KAFKA_VERSION >= 0x020200ff
    {"fetch.queue.backoff.ms", "20"},
#else
    {"queued.min.messages", "10000000"}, /* a full queue sleeps for 1 s, hard-coded */
#endif
    {NULL, NULL},
};

/* Behind the consumer's: a log is read as it is written, and whole partitions of it at once. */
static const struct setting LOG_DEFAULTS[] = {
    {"fetch.wait.max.ms", "40"}, /* how long the news of an end may take, not of records */
    {"fetch.min.bytes", "1"},
    {"fetch.message.max.bytes", "2097152"},   /* a larger record comes alone */
    {"queued.max.messages.kbytes", "524288"}, /* or a restore runs dry in the sleep */
    {NULL, NULL},
};

static const struct setting NO_DEFAULTS[] = {{NULL, NULL}};

static const struct setting CONSUMER_FIXED[] = {
    {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"},
    {"enable.partition.eof", "true"},
    {"auto.offset.reset", "error"},
    {"check.crcs", "true"},
    {"isolation.level", "read_committed"},
    {"partition.assignment.strategy", "range"},
    {NULL, NULL},
};

/* librdkafka's own limit, 1000000 with all overhead, would refuse the largest letters for ever.
 * This one is just below the brokers' default for a batch. */
#define MESSAGE_MAX "1048576"

static const struct setting PRODUCER_DEFAULTS[] = {
    {"linger.ms", "5"},
    {"message.max.bytes", MESSAGE_MAX},
    {"queue.buffering.max.messages", "1000000"},
    {"queue.buffering.max.kbytes", "262144"},
    {NULL, NULL},
};

/* One record of the model's log with all overhead; the topic's max.message.bytes is the limit.
 * Batches of small records stay at batch.size, below the brokers' default. */
#define TX_MESSAGE_MAX "17825792"

/* The coordinator gives up a transaction that is open for longer, and its id is fenced: above what
 * one request may take. */
static const struct setting TX_DEFAULTS[] = {
    {"linger.ms", "5"},
    {"message.max.bytes", TX_MESSAGE_MAX},
    {"queue.buffering.max.messages", "1000000"},
    {"queue.buffering.max.kbytes", "262144"},
    {"transaction.timeout.ms", "12000"},
    {"request.timeout.ms", "10000"},
    {NULL, NULL},
};

static const struct setting PRODUCER_FIXED[] = {
    {"acks", "all"},
    {"enable.idempotence", "true"},
    {NULL, NULL},
};

/* For questions of a few records: `check` must not fetch 64 MiB to look at ten keys. */
static const struct setting CLIENT_DEFAULTS[] = {
    {"queued.min.messages", "1000"},
    {"fetch.wait.max.ms", "20"},
    {"fetch.message.max.bytes", "262144"},
    {NULL, NULL},
};

static void log_line(const rd_kafka_t *rk, int level, const char *fac, const char *buf) {
    (void)rk;
    /* FAIL arrives through error_cb as well; CONFWARN says that an option of consumers
     * does nothing in a producer, which is how kafka.* is meant. */
    if (level >= 7 || strcmp(fac, "FAIL") == 0 || strcmp(fac, "CONFWARN") == 0) {
        LOG_DEBUG("librdkafka", LOG_STR("facility", fac), LOG_STR("text", buf));
    } else if (level <= 3) {
        LOG_ERROR("librdkafka", LOG_STR("facility", fac), LOG_STR("text", buf));
    } else if (level == 4) {
        LOG_WARN("librdkafka", LOG_STR("facility", fac), LOG_STR("text", buf));
    } else {
        LOG_INFO("librdkafka", LOG_STR("facility", fac), LOG_STR("text", buf));
    }
}

/* Names of the table that librdkafka prints of its options: a line each, the name before the first
 * bar. rd_kafka_conf_dump() would leave out second names (bootstrap.servers, linger.ms) and what is
 * not set (sasl.username). */
static size_t option_names(char *table, const char **names, size_t max) {
    size_t n = 0;
    char *rest = NULL;
    for (char *line = strtok_r(table, "\n", &rest); line && n < max;
         line = strtok_r(NULL, "\n", &rest)) {
        const size_t len = strspn(line, "abcdefghijklmnopqrstuvwxyz0123456789_.");
        if (len > 0 && line[len + strspn(line + len, " ")] == '|') {
            line[len] = '\0';
            names[n++] = line;
        }
    }
    return n;
}

/* The name librdkafka has that is nearest to `word`, copied to `out`. */
static bool nearest_option(const char *word, char *out, size_t len) {
    const char *names[NAMES_MAX];
    char *table = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&table, &size);
    if (!f) {
        return false;
    }
    rd_kafka_conf_properties_show(f);
    const bool printed = fclose(f) == 0;
    const char *found =
        printed ? config_nearest(word, names, option_names(table, names, NAMES_MAX)) : NULL;
    if (found) {
        snprintf(out, len, "%s", found);
    }
    free(table);
    return found != NULL;
}

static enum status conf_set(rd_kafka_conf_t *conf, const char *name, const char *value, char *err) {
    char text[512] = "";
    rd_kafka_conf_res_t res = rd_kafka_conf_set(conf, name, value, text, sizeof text);
    if (res == RD_KAFKA_CONF_OK) {
        return ST_OK;
    }
    char nearest[CONFIG_NAME_MAX];
    if (res == RD_KAFKA_CONF_UNKNOWN && nearest_option(name, nearest, sizeof nearest)) {
        snprintf(err, CONFIG_ERROR_MAX,
                 "kafka.%s: librdkafka %s has no such option; did you mean "
                 "kafka.%s?",
                 name, rd_kafka_version_str(), nearest);
    } else {
        snprintf(err, CONFIG_ERROR_MAX, "kafka.%s: %s", name, text);
    }
    return ST_INVALID;
}

static enum status conf_set_all(rd_kafka_conf_t *conf, const struct setting *s, char *err) {
    enum status st = ST_OK;
    for (; !st && s->name; s++) {
        st = conf_set(conf, s->name, s->value, err);
    }
    return st;
}

/* `more` comes behind the defaults. */
static enum status conf_new(const struct config *cfg, const struct setting *defaults,
                            const struct setting *more, const struct setting *fixed,
                            rd_kafka_conf_t **out, char *err) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, log_line);
    bool has_brokers = false;
    enum status st = conf_set_all(conf, COMMON, err);
    if (!st && cfg->instance_id[0]) {
        st = conf_set(conf, "client.id", cfg->instance_id, err);
    }
    if (!st) {
        st = conf_set_all(conf, defaults, err);
    }
    if (!st) {
        st = conf_set_all(conf, more, err);
    }
    for (uint32_t i = 0; !st && i < cfg->n_kafka; i++) {
        has_brokers = has_brokers || strcmp(cfg->kafka[i].key, "bootstrap.servers") == 0;
        st = conf_set(conf, cfg->kafka[i].key, cfg->kafka[i].value, err);
    }
    if (!st) {
        st = conf_set_all(conf, fixed, err);
    }
    if (!st && !has_brokers) {
        snprintf(err, CONFIG_ERROR_MAX, "kafka.bootstrap.servers is missing: host:port,host:port");
        st = ST_INVALID;
    }
    if (st) {
        rd_kafka_conf_destroy(conf);
        return st;
    }
    *out = conf;
    return ST_OK;
}

/* Takes conf, also on failure. */
static enum status handle_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, rd_kafka_t **out,
                              char *err) {
    char text[512] = "";
    rd_kafka_t *rk = rd_kafka_new(type, conf, text, sizeof text);
    if (!rk) {
        rd_kafka_conf_destroy(conf);
        snprintf(err, CONFIG_ERROR_MAX, "kafka: %s", text);
        return ST_INVALID;
    }
    *out = rk;
    return ST_OK;
}

/* ---- what consumer, reader and log share ------------------------------------------------ */

struct part {
    int64_t end;   /* known end since the assignment, -1 unknown */
    int64_t next;  /* of a reader or log: the position */
    uint64_t seen; /* poll at which the cached watermark was last looked at */
    bool assigned, paused;
    bool fetched; /* of a consumer: something came of it since the assignment */
    bool later;   /* of a consumer: assigned, not read yet         */
    bool gone;    /* of a log: retention has passed the position   */
};

struct input {
    const char *name;      /* rkt's */
    rd_kafka_topic_t *rkt; /* kept, so that records are told apart by its address */
    struct part *parts;    /* (n_parts,) */
    int32_t n_parts;
    int32_t n_of_topic; /* partitions that the topic has, 0 unknown; as last asked */
};

/* A handle that reads, the topics it reads, and the records lent out until the next poll. The
 * first member of its owner, so that librdkafka's opaque is a pointer to either. */
struct fetcher {
    rd_kafka_t *rk;
    struct input inputs[CONFIG_TOPICS_MAX];
    uint32_t n_inputs;
    rd_kafka_message_t *held[POLL_MAX];
    size_t n_held;
    bool ends_asked; /* of a reader, of this assignment */
    int64_t ask_ends_ms;
    struct problems problems;
};

static int input_named(const struct fetcher *f, const char *name) {
    for (uint32_t i = 0; i < f->n_inputs; i++) {
        if (strcmp(f->inputs[i].name, name) == 0) {
            return (int)i;
        }
    }
    return TOPIC_NONE;
}

/* The address almost always tells it; the name is for a library that makes handles anew. */
static int input_of(const struct fetcher *f, const rd_kafka_topic_t *rkt) {
    for (uint32_t i = 0; i < f->n_inputs; i++) {
        if (f->inputs[i].rkt == rkt) {
            return (int)i;
        }
    }
    return rkt ? input_named(f, rd_kafka_topic_name(rkt)) : TOPIC_NONE;
}

/* Makes a topic known to the handle: one that librdkafka meets later waits for its tick of
 * one second. */
static enum status input_add(struct fetcher *f, const char *name, char *err) {
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(f->rk, name, NULL);
    if (!rkt) {
        snprintf(err, CONFIG_ERROR_MAX, "%.500s: no name of a topic", name);
        return ST_INVALID;
    }
    f->inputs[f->n_inputs++] = (struct input){.name = rd_kafka_topic_name(rkt), .rkt = rkt};
    return ST_OK;
}

static struct part *part_of(struct fetcher *f, uint16_t topic, int32_t partition) {
    if (topic >= f->n_inputs || partition < 0 || partition >= f->inputs[topic].n_parts) {
        return NULL;
    }
    return &f->inputs[topic].parts[partition];
}

/* Room for a partition; false if out of memory. */
static bool part_grow(struct input *in, int32_t partition) {
    if (partition < in->n_parts) {
        return true;
    }
    size_t n = (size_t)partition + 1;
    struct part *parts = realloc(in->parts, n * sizeof *parts);
    if (!parts) {
        return false;
    }
    for (size_t i = (size_t)in->n_parts; i < n; i++) {
        parts[i] = (struct part){.end = -1};
    }
    in->parts = parts;
    in->n_parts = partition + 1;
    return true;
}

/* The assigned partitions, each at `offset`. */
static rd_kafka_topic_partition_list_t *assigned_list(const struct fetcher *f, int64_t offset) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);
    for (uint32_t t = 0; t < f->n_inputs; t++) {
        for (int32_t p = 0; p < f->inputs[t].n_parts; p++) {
            if (f->inputs[t].parts[p].assigned) {
                rd_kafka_topic_partition_list_add(list, f->inputs[t].name, p)->offset = offset;
            }
        }
    }
    return list;
}

/* The first error of a list, or none. */
static rd_kafka_resp_err_t list_err(const rd_kafka_topic_partition_list_t *list) {
    for (int i = 0; list && i < list->cnt; i++) {
        if (list->elems[i].err) {
            return list->elems[i].err;
        }
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void on_fetcher_error(rd_kafka_t *rk, int code, const char *reason, void *opaque) {
    struct fetcher *f = opaque;
    rd_kafka_resp_err_t err = (rd_kafka_resp_err_t)code;
    char text[512];
    bool fatal = err == RD_KAFKA_RESP_ERR__FATAL;
    snprintf(text, sizeof text, "%s", reason);
    if (fatal) {
        err = rd_kafka_fatal_error(rk, text, sizeof text);
    }
    if (problem_set(&f->problems, TOPIC_NONE, err, fatal, text)) {
        LOG_WARN("kafka problem; trying again", LOG_STR("error", text),
                 LOG_STR("fix", fix_of(err)));
    }
}

/* An error that came in place of a record. */
static void fetch_error(struct fetcher *f, const rd_kafka_message_t *m) {
    int topic = input_of(f, m->rkt);
    const char *name = topic == TOPIC_NONE ? "" : f->inputs[topic].name;
    char text[512];
    snprintf(text, sizeof text, "%s%s%s", name, name[0] ? ": " : "", rd_kafka_message_errstr(m));
    if (m->err == RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED) {
        LOG_WARN("tasks lost", LOG_STR("error", text), LOG_STR("cause", fix_of(m->err)));
        return; /* the next poll joins again: nothing for an operator to resolve */
    }
    if (problem_set(&f->problems, topic, m->err, false, text)) {
        LOG_ERROR("kafka problem", LOG_STR("topic", name), LOG_INT("partition", m->partition),
                  LOG_INT("offset", m->offset), LOG_STR("error", rd_kafka_message_errstr(m)),
                  LOG_STR("fix", fix_of(m->err)));
    }
}

static void release_held(struct fetcher *f) {
    for (size_t i = 0; i < f->n_held; i++) {
        rd_kafka_message_destroy(f->held[i]);
    }
    f->n_held = 0;
}

/* Takes m until the next poll. */
static void lend(struct fetcher *f, rd_kafka_message_t *m, int topic, struct record *out) {
    *out = (struct record){.offset = m->offset,
                           .timestamp_ms = rd_kafka_message_timestamp(m, NULL),
                           .key = m->key,
                           .value = m->payload,
                           .key_len = m->key_len,
                           .value_len = m->len,
                           .partition = m->partition,
                           .topic = (uint16_t)topic};
    f->held[f->n_held++] = m;
}

/* What a message is about; NULL, and m is destroyed, if it is an error or not ours. */
static struct part *sort_out(struct fetcher *f, rd_kafka_message_t *m, int *topic) {
    struct part *p = NULL;
    if (m->err && m->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        fetch_error(f, m);
    } else {
        *topic = input_of(f, m->rkt);
        p = *topic == TOPIC_NONE ? NULL : part_of(f, (uint16_t)*topic, m->partition);
    }
    if (!p || !p->assigned) {
        rd_kafka_message_destroy(m);
        return NULL;
    }
    problem_end(&f->problems, TOPIC_NONE, BY_RECORD);
    problem_end(&f->problems, *topic, BY_RECORD);
    return p;
}

/* One request a broker, through `rk`, for the ends of all assigned partitions; not again before
 * it may help. librdkafka's cached watermarks know nothing before the first fetch, and old things
 * after a rebalance. */
static void ask_ends(struct fetcher *f, rd_kafka_t *rk) {
    const int64_t start = clock_mono_ms();
    /* As a timestamp: the protocol's "latest". */
    rd_kafka_topic_partition_list_t *list = assigned_list(f, RD_KAFKA_OFFSET_END);
    rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (list->cnt > 0) {
        err = rd_kafka_offsets_for_times(rk, list, ENDS_WAIT_MS);
    }
    f->ends_asked = !err;
    for (int i = 0; !err && i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *e = &list->elems[i];
        struct part *p = part_of(f, (uint16_t)input_named(f, e->topic), e->partition);
        if (e->err || e->offset < 0) {
            f->ends_asked = false;
        } else if (p && e->offset > p->end) {
            p->end = e->offset;
        }
    }
    /* A leader that just moved is asked again at once, one that does not answer later. */
    int64_t now = clock_mono_ms();
    f->ask_ends_ms = now + (now - start > ENDS_WAIT_MS / 2 ? ENDS_RETRY_MS : ENDS_MOVED_MS);
    rd_kafka_topic_partition_list_destroy(list);
}

/* Will it be the same however often it is asked? */
static bool is_final(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
           code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
           code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
}

static rd_kafka_resp_err_t ask_offset_once(rd_kafka_t *rk, rd_kafka_topic_t *rkt, int32_t partition,
                                           int64_t which, int timeout_ms, int64_t *offset) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, rd_kafka_topic_name(rkt), partition)->offset = which;
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(rk, list, timeout_ms);
    code = code ? code : list_err(list);
    if (!code && list->elems[0].offset < 0) {
        code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    }
    *offset = list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    return code;
}

/* The first or the last offset (RD_KAFKA_OFFSET_BEGINNING, _END: timestamps of the protocol); the
 * last as far as isolation.level of the handle lets it see. A leader that moved, and a topic of
 * which a young handle has not heard yet, is looked for and asked until the deadline: a handle that
 * reads nothing does not notice. Not by the call for watermarks, which waits without end for a
 * broker that went away (2.0.2). */
static rd_kafka_resp_err_t ask_offset(rd_kafka_t *rk, rd_kafka_topic_t *rkt, int32_t partition,
                                      int64_t which, int64_t deadline, int64_t *offset) {
    const struct timespec nap = {.tv_nsec = ASK_NAP_MS * 1000000L};
    for (;;) {
        int64_t left = deadline - clock_mono_ms();
        rd_kafka_resp_err_t code =
            ask_offset_once(rk, rkt, partition, which, left > 1 ? (int)left : 1, offset);
        left = deadline - clock_mono_ms();
        if (!code || code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED || left <= 0) {
            return code;
        }
        const struct rd_kafka_metadata *md = NULL;
        if (!rd_kafka_metadata(rk, 0, rkt, &md, (int)left)) {
            rd_kafka_metadata_destroy(md);
        }
        nanosleep(&nap, NULL);
    }
}

static const rd_kafka_metadata_topic_t *topic_in(const struct rd_kafka_metadata *md,
                                                 const char *name) {
    for (int i = 0; i < md->topic_cnt; i++) {
        if (strcmp(md->topics[i].topic, name) == 0) {
            return &md->topics[i];
        }
    }
    return NULL;
}

/* How many partitions each topic has, by one question for all. */
static bool ask_counts(struct fetcher *f, int timeout_ms) {
    const struct rd_kafka_metadata *md = NULL;
    if (rd_kafka_metadata(f->rk, 0, NULL, &md, timeout_ms)) {
        return false;
    }
    for (uint32_t i = 0; i < f->n_inputs; i++) {
        const rd_kafka_metadata_topic_t *t = topic_in(md, f->inputs[i].name);
        if (t && !t->err) {
            f->inputs[i].n_of_topic = t->partition_cnt;
        }
    }
    rd_kafka_metadata_destroy(md);
    return true;
}

static rd_kafka_resp_err_t problem_of(struct problems *ps, int topic) {
    pthread_mutex_lock(&ps->lock);
    rd_kafka_resp_err_t err = ps->of[1 + topic].err;
    pthread_mutex_unlock(&ps->lock);
    return err;
}

/* librdkafka says when a broker goes, not when it comes back: ask. An idle topic sends
 * nothing that would show it. */
static void probe(struct fetcher *f) {
    const struct rd_kafka_metadata *md = NULL;
    if (rd_kafka_metadata(f->rk, 0, NULL, &md, PROBE_WAIT_MS)) {
        return;
    }
    problem_end(&f->problems, TOPIC_NONE, BY_ANSWER);
    for (int i = 0; i < (int)f->n_inputs; i++) {
        const rd_kafka_metadata_topic_t *t = topic_in(md, f->inputs[i].name);
        if (t && !t->err &&
            problem_of(&f->problems, i) == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
            problem_end(&f->problems, i, BY_RECORD);
        }
    }
    rd_kafka_metadata_destroy(md);
}

static bool fetcher_problem(struct fetcher *f, char *buf, size_t len) {
    struct problems *ps = &f->problems;
    if (atomic_load(&ps->stand) == 0) {
        return false;
    }
    pthread_mutex_lock(&ps->lock);
    bool due = clock_mono_ms() >= ps->probed_ms + PROBE_EVERY_MS;
    if (due) {
        ps->probed_ms = clock_mono_ms();
    }
    pthread_mutex_unlock(&ps->lock);
    if (due) {
        probe(f);
    }
    return problem_first(ps, buf, len);
}

/* Where lists are made in long rounds, nobody sees the difference of some milliseconds. */
static int fetch_wait_ms(const struct config *cfg) {
    const int64_t ms = cfg->publish_interval_ms / 5;
    return (int)(ms < FETCH_WAIT_LEAST_MS  ? FETCH_WAIT_LEAST_MS
                 : ms > FETCH_WAIT_MOST_MS ? FETCH_WAIT_MOST_MS
                                           : ms);
}

/* What to do where a position is not in the topic: `reset`, as auto.offset.reset has it. */
static enum status fetcher_open(struct fetcher *f, const struct config *cfg,
                                const struct setting *more, const char *group, const char *reset,
                                void (*rebalance)(rd_kafka_t *, rd_kafka_resp_err_t,
                                                  rd_kafka_topic_partition_list_t *, void *),
                                char *err) {
    rd_kafka_conf_t *conf = NULL;
    enum status st = conf_new(cfg, CONSUMER_DEFAULTS, more, CONSUMER_FIXED, &conf, err);
    if (st) {
        return st;
    }
    rd_kafka_conf_set_opaque(conf, f);
    rd_kafka_conf_set_error_cb(conf, on_fetcher_error);
    if (rebalance) {
        rd_kafka_conf_set_rebalance_cb(conf, rebalance);
    }
    st = conf_set(conf, "group.id", group, err);
    if (!st) {
        st = conf_set(conf, "auto.offset.reset", reset, err);
    }
    if (st) {
        rd_kafka_conf_destroy(conf);
        return st;
    }
    return handle_new(RD_KAFKA_CONSUMER, conf, &f->rk, err);
}

/* Takes also what was never opened. */
static void fetcher_close(struct fetcher *f) {
    release_held(f);
    for (uint32_t i = 0; i < f->n_inputs; i++) {
        rd_kafka_topic_destroy(f->inputs[i].rkt);
        free(f->inputs[i].parts);
    }
    if (f->rk) {
        rd_kafka_destroy_flags(f->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    }
    pthread_mutex_destroy(&f->problems.lock);
}

/* ---- consumer -------------------------------------------------------------------------- */

struct kafka_consumer {
    struct fetcher f; /* first: librdkafka's opaque */
    struct rebalance_ops ops;
    char partitioner[CONFIG_NAME_MAX]; /* of the keys; "": they may lie anywhere */

    /* the learner's */
    size_t n_out; /* records of the poll that is running */
    uint64_t polls;
    int assignments;   /* counts them: the generations */
    bool joins_later;  /* by source.join */
    bool goes_on;      /* -1 stands for where the group stands, not for the earliest */
    bool rebalancing;  /* inside the callback */
    bool counts_asked; /* of this assignment */
    int64_t recount_ms;

    /* Held by a commit while it runs and by the end of an assignment: a commit that is
     * under way reaches the broker before this member can join again, hence with the
     * generation it was meant for. */
    pthread_mutex_t commit_lock;
    rd_kafka_queue_t *answers; /* to commits; under the lock */
    bool unanswered;           /* one commit is still out */
    void *member;              /* (member_len,) the group metadata captured at the assignment */
    size_t member_len;
    _Atomic int generation; /* current, 0 none */
};

static rd_kafka_topic_partition_list_t *list_of(const struct kafka_consumer *c,
                                                const struct position *parts, size_t n) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);
    for (size_t i = 0; i < n; i++) {
        if (parts[i].topic < c->f.n_inputs) {
            rd_kafka_topic_partition_list_add(list, c->f.inputs[parts[i].topic].name,
                                              parts[i].partition)
                ->offset = parts[i].offset;
        }
    }
    return list;
}

/* The same with tags, as the metadata of offsets; librdkafka frees them. False: out of memory. */
static bool list_tag(const struct kafka_consumer *c, rd_kafka_topic_partition_list_t *list,
                     const struct position *parts, size_t n) {
    for (size_t i = 0; i < n; i++) {
        rd_kafka_topic_partition_t *e =
            parts[i].topic >= c->f.n_inputs || !parts[i].tag[0]
                ? NULL
                : rd_kafka_topic_partition_list_find(list, c->f.inputs[parts[i].topic].name,
                                                     parts[i].partition);
        if (e && !e->metadata) {
            e->metadata = strdup(parts[i].tag);
            e->metadata_size = strlen(parts[i].tag);
            if (!e->metadata) {
                return false;
            }
        }
    }
    return true;
}

/* Somebody else's, too long to be a tag, is none. */
static void tag_of(const rd_kafka_topic_partition_t *e, char tag[POSITION_TAG_MAX]) {
    memset(tag, 0, POSITION_TAG_MAX);
    if (e && e->offset >= 0 && e->metadata && e->metadata_size < POSITION_TAG_MAX) {
        memcpy(tag, e->metadata, e->metadata_size);
    }
}

/* The partitions of `list` that are ours, as (n,) positions from the earliest on. */
static struct position *positions_of(struct kafka_consumer *c,
                                     const rd_kafka_topic_partition_list_t *list, size_t *n) {
    struct position *parts = calloc((size_t)list->cnt + 1, sizeof *parts);
    if (!parts) {
        return NULL;
    }
    size_t k = 0;
    for (int i = 0; i < list->cnt; i++) {
        int topic = input_named(&c->f, list->elems[i].topic);
        if (topic == TOPIC_NONE) {
            continue;
        }
        if (!part_grow(&c->f.inputs[topic], list->elems[i].partition)) {
            free(parts);
            return NULL;
        }
        parts[k++] = (struct position){
            .offset = -1, .partition = list->elems[i].partition, .topic = (uint16_t)topic};
    }
    *n = k;
    return parts;
}

/* Member id and generation as the broker knows them, serialised; NULL if there are none: a
 * group that is empty would take a commit of nobody. */
static void *member_now(struct kafka_consumer *c, size_t *len) {
    char *id = rd_kafka_memberid(c->f.rk);
    rd_kafka_consumer_group_metadata_t *md =
        id && id[0] ? rd_kafka_consumer_group_metadata(c->f.rk) : NULL;
    void *bytes = NULL;
    rd_kafka_mem_free(c->f.rk, id);
    if (md) {
        rd_kafka_error_destroy(rd_kafka_consumer_group_metadata_write(md, &bytes, len));
        rd_kafka_consumer_group_metadata_destroy(md);
    }
    return bytes;
}

/* What a commit of this assignment must find unchanged. */
static void capture_member(struct kafka_consumer *c) {
    pthread_mutex_lock(&c->commit_lock);
    rd_kafka_mem_free(c->f.rk, c->member);
    c->member = member_now(c, &c->member_len);
    pthread_mutex_unlock(&c->commit_lock);
}

/* Of none of them nothing is read, which librdkafka must be told all the same. */
static void read_from(struct kafka_consumer *c, const struct position *parts, size_t n) {
    rd_kafka_topic_partition_list_t *from = list_of(c, parts, n);
    for (int i = 0; i < from->cnt; i++) {
        if (from->elems[i].offset < 0) {
            from->elems[i].offset = c->goes_on ? RD_KAFKA_OFFSET_STORED : RD_KAFKA_OFFSET_BEGINNING;
        }
    }
    rd_kafka_resp_err_t err = rd_kafka_assign(c->f.rk, from);
    if (err) {
        LOG_ERROR("assignment refused", LOG_STR("error", rd_kafka_err2str(err)));
    }
    rd_kafka_topic_partition_list_destroy(from);
}

static void on_assigned(struct kafka_consumer *c, const rd_kafka_topic_partition_list_t *list) {
    size_t n = 0;
    struct position *parts = positions_of(c, list, &n);
    if (!parts) {
        LOG_ERROR("out of memory at an assignment: taking no tasks", LOG_INT("parts", list->cnt));
        rd_kafka_assign(c->f.rk, NULL);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        *part_of(&c->f, parts[i].topic, parts[i].partition) =
            (struct part){.end = -1, .assigned = true};
    }
    c->counts_asked = false;
    capture_member(c);
    atomic_store(&c->generation, ++c->assignments);
    c->ops.assigned(c->ops.ctx, parts, n, c->assignments);

    bool later = false;
    for (size_t i = 0; i < n; i++) {
        later = later || parts[i].offset == POSITION_LATER;
    }
    for (size_t i = 0; i < n; i++) {
        part_of(&c->f, parts[i].topic, parts[i].partition)->later = later;
    }
    read_from(c, parts, later ? 0 : n);
    free(parts);
}

/* librdkafka forgets its own pauses at a rebalance, not the application's. */
static void forget_parts(struct kafka_consumer *c) {
    rd_kafka_topic_partition_list_t *paused = rd_kafka_topic_partition_list_new(1);
    for (uint32_t t = 0; t < c->f.n_inputs; t++) {
        for (int32_t p = 0; p < c->f.inputs[t].n_parts; p++) {
            if (c->f.inputs[t].parts[p].paused) {
                rd_kafka_topic_partition_list_add(paused, c->f.inputs[t].name, p);
            }
            c->f.inputs[t].parts[p] = (struct part){.end = -1};
        }
        problem_end(&c->f.problems, (int)t, BY_REVOCATION);
    }
    if (paused->cnt > 0) {
        rd_kafka_resume_partitions(c->f.rk, paused);
    }
    rd_kafka_topic_partition_list_destroy(paused);
}

static void on_revoked(struct kafka_consumer *c, const rd_kafka_topic_partition_list_t *list,
                       bool lost) {
    if (lost) {
        atomic_store(&c->generation, 0); /* before anybody thinks of a commit */
    }
    size_t n = 0;
    struct position *parts = positions_of(c, list, &n);
    if (parts) {
        c->ops.revoked(c->ops.ctx, parts, n, lost);
        free(parts);
    } else {
        LOG_ERROR("out of memory at a revocation: the pipeline was not told");
    }
    if (!lost) {
        pthread_mutex_lock(&c->commit_lock);
        atomic_store(&c->generation, 0);
        pthread_mutex_unlock(&c->commit_lock);
    }
    forget_parts(c);
    rd_kafka_assign(c->f.rk, NULL);
}

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t err,
                         rd_kafka_topic_partition_list_t *list, void *opaque) {
    struct kafka_consumer *c = opaque;
    c->rebalancing = true;
    c->n_out = 0; /* records of this poll belong to the assignment that ends here */
    if (err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        on_assigned(c, list);
    } else {
        if (err != RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS) {
            LOG_ERROR("rebalance failed", LOG_STR("error", rd_kafka_err2str(err)));
        }
        on_revoked(c, list,
                   err != RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS || rd_kafka_assignment_lost(rk));
    }
    c->rebalancing = false;
    rd_kafka_yield(rk); /* back to the learner, who has things to do now */
}

/* Producers with another partitioner tear a user's events apart. Before that is said of them the
 * partitions are counted again, at most once a second: whoever gave the topic more tells them
 * first. */
static bool is_misplaced(struct kafka_consumer *c, const struct input *in,
                         const rd_kafka_message_t *m) {
    if (!c->partitioner[0] || m->key_len == 0) {
        return false;
    }
    for (bool again = false;; again = true) {
        if (in->n_of_topic > 0 && kafka_partition_of(c->partitioner, m->key, m->key_len,
                                                     in->n_of_topic) == m->partition) {
            return false;
        }
        if (again || clock_mono_ms() < c->recount_ms) {
            return in->n_of_topic > 0;
        }
        c->recount_ms = clock_mono_ms() + RECOUNT_MS;
        (void)ask_counts(&c->f, PROBE_WAIT_MS);
    }
}

/* Takes m: a record is lent, anything else destroyed. */
static void take(struct kafka_consumer *c, rd_kafka_message_t *m, struct record *out) {
    int topic = TOPIC_NONE;
    struct part *p = sort_out(&c->f, m, &topic);
    if (!p) {
        return;
    }
    p->fetched = true;
    struct record *r = &out[c->n_out++];
    if (!m->err) {
        lend(&c->f, m, topic, r);
        r->misplaced = is_misplaced(c, &c->f.inputs[topic], m);
        return;
    }
    *r = (struct record){.offset = m->offset,
                         .timestamp_ms = -1,
                         .partition = m->partition,
                         .topic = (uint16_t)topic,
                         .end = true};
    p->end = p->end > m->offset ? p->end : m->offset;
    rd_kafka_message_destroy(m);
}

static size_t source_poll(void *ctx, struct record *out, size_t max, int timeout_ms) {
    struct kafka_consumer *c = ctx;
    release_held(&c->f);
    c->n_out = 0;
    c->polls++;
    while (c->n_out < max && c->f.n_held < POLL_MAX) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(c->f.rk, timeout_ms);
        if (!m) {
            break;
        }
        take(c, m, out);
        timeout_ms = 0;
    }
    return c->n_out;
}

/* As the last fetch said, and nobody is asked: a broker that is away would keep the learner. Before
 * the first fetch since the assignment librdkafka remembers what an earlier one said. */
static int64_t source_end(void *ctx, uint16_t topic, int32_t partition) {
    struct kafka_consumer *c = ctx;
    struct part *p = part_of(&c->f, topic, partition);
    if (!p || !p->assigned) {
        return -1;
    }
    if (p->fetched && p->seen != c->polls) {
        p->seen = c->polls;
        int64_t low = 0;
        int64_t high = -1;
        if (!rd_kafka_get_watermark_offsets(c->f.rk, c->f.inputs[topic].name, partition, &low,
                                            &high) &&
            high > p->end) {
            p->end = high;
        }
    }
    return p->end;
}

/* Resuming what is not paused fetches everything again: so only true changes. */
static void set_paused(struct kafka_consumer *c, uint16_t topic, int32_t partition, bool paused) {
    struct part *p = part_of(&c->f, topic, partition);
    if (!p || !p->assigned || p->paused == paused) {
        return;
    }
    p->paused = paused;
    if (p->later) {
        return; /* then it begins so */
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, c->f.inputs[topic].name, partition);
    rd_kafka_resp_err_t err = paused ? rd_kafka_pause_partitions(c->f.rk, list)
                                     : rd_kafka_resume_partitions(c->f.rk, list);
    if (err) {
        LOG_WARN("pause or resume refused", LOG_STR("topic", c->f.inputs[topic].name),
                 LOG_INT("partition", partition), LOG_STR("error", rd_kafka_err2str(err)));
    }
    rd_kafka_topic_partition_list_destroy(list);
}

static void source_pause(void *ctx, uint16_t topic, int32_t partition) {
    set_paused(ctx, topic, partition, true);
}

static void source_resume(void *ctx, uint16_t topic, int32_t partition) {
    set_paused(ctx, topic, partition, false);
}

static void source_start(void *ctx, const struct position *parts, size_t n) {
    struct kafka_consumer *c = ctx;
    struct position *mine = calloc(n + 1, sizeof *mine); /* the others were revoked, or are read */
    size_t k = 0;
    for (size_t i = 0; mine && i < n; i++) {
        const struct part *p = part_of(&c->f, parts[i].topic, parts[i].partition);
        if (p && p->assigned && p->later) {
            mine[k++] = parts[i];
        }
    }
    if (!mine) {
        LOG_ERROR("out of memory: partitions are not read", LOG_INT("partitions", n));
    }
    if (k > 0) {
        read_from(c, mine, k);
    }
    for (size_t i = 0; i < k; i++) {
        struct part *p = part_of(&c->f, mine[i].topic, mine[i].partition);
        const bool paused = p->paused;
        p->later = p->paused = false;
        set_paused(c, mine[i].topic, mine[i].partition, paused);
    }
    free(mine);
}

static enum status source_bounds(void *ctx, uint16_t topic, int32_t partition, int64_t *low,
                                 int64_t *high) {
    const struct kafka_consumer *c = ctx;
    const int64_t deadline = clock_mono_ms() + BOUNDS_WAIT_MS;
    int64_t first = 0;
    int64_t end = 0;
    if (topic >= c->f.n_inputs) {
        return ST_AGAIN;
    }
    rd_kafka_topic_t *rkt = c->f.inputs[topic].rkt;
    rd_kafka_resp_err_t code =
        ask_offset(c->f.rk, rkt, partition, RD_KAFKA_OFFSET_BEGINNING, deadline, &first);
    if (!code) {
        code = ask_offset(c->f.rk, rkt, partition, RD_KAFKA_OFFSET_END, deadline, &end);
    }
    if (code) {
        LOG_WARN("ends of a topic not known; asking again",
                 LOG_STR("topic", c->f.inputs[topic].name), LOG_INT("partition", partition),
                 LOG_STR("error", rd_kafka_err2str(code)), LOG_STR("fix", fix_of(code)));
        return ST_AGAIN;
    }
    *low = first;
    *high = end;
    return ST_OK;
}

/* What an error of the group means for the caller. REBALANCE_IN_PROGRESS while the
 * generation stands is no loss: either the revocation follows, or the next try works. */
static enum status group_status(struct kafka_consumer *c, rd_kafka_resp_err_t err, const char *what,
                                const char *timed_out_fix) {
    const char *fix = err == RD_KAFKA_RESP_ERR__TIMED_OUT ? timed_out_fix : fix_of(err);
    switch (err) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        problem_end(&c->f.problems, TOPIC_NONE, BY_RECORD);
        return ST_OK;
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
    case RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST:
    case RD_KAFKA_RESP_ERR__FENCED:
    case RD_KAFKA_RESP_ERR__FATAL: return ST_LOST;
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        problem_set(&c->f.problems, TOPIC_NONE, err, false, rd_kafka_err2str(err));
        break;
    default: break;
    }
    LOG_WARN(what, LOG_STR("error", rd_kafka_err2str(err)), LOG_STR("fix", fix));
    return ST_AGAIN;
}

static enum status source_committed(void *ctx, struct position *parts, size_t n) {
    struct kafka_consumer *c = ctx;
    if (n == 0) {
        return ST_OK;
    }
    rd_kafka_topic_partition_list_t *list = list_of(c, parts, n);
    rd_kafka_resp_err_t err = rd_kafka_committed(c->f.rk, list, COMMITTED_WAIT_MS);
    if (!err) {
        err = list_err(list);
    }
    enum status st =
        group_status(c, err, "committed offsets not known; asking again", UNSTABLE_FIX);
    for (size_t i = 0; !st && i < n; i++) {
        const rd_kafka_topic_partition_t *e =
            parts[i].topic >= c->f.n_inputs
                ? NULL
                : rd_kafka_topic_partition_list_find(list, c->f.inputs[parts[i].topic].name,
                                                     parts[i].partition);
        parts[i].offset = e && e->offset >= 0 ? e->offset : -1;
        tag_of(e, parts[i].tag);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return st;
}

/* Is no broker known to answer? Asks again before it says so. */
static bool brokers_away(struct kafka_consumer *c) {
    if (atomic_load(&c->f.problems.stand) == 0) {
        return false;
    }
    probe(&c->f);
    return is_broker_err(problem_of(&c->f.problems, TOPIC_NONE));
}

static rd_kafka_resp_err_t commit_answer(struct kafka_consumer *c) {
    rd_kafka_event_t *ev = rd_kafka_queue_poll(c->answers, COMMIT_WAIT_MS);
    c->unanswered = ev == NULL;
    if (!ev) {
        return RD_KAFKA_RESP_ERR__TIMED_OUT;
    }
    rd_kafka_resp_err_t err = rd_kafka_event_error(ev);
    if (!err) {
        err = list_err(rd_kafka_event_topic_partition_list(ev));
    }
    rd_kafka_event_destroy(ev);
    return err;
}

/* rd_kafka_commit() waits for a coordinator that is away without end, hence the queue. A
 * commit that was not answered in time stays in librdkafka (and keeps the consumer from
 * being closed for up to session.timeout.ms): none is sent to brokers that are known to be
 * away, and no second one beside it. */
static rd_kafka_resp_err_t commit_list(struct kafka_consumer *c,
                                       const rd_kafka_topic_partition_list_t *list) {
    if (brokers_away(c)) {
        return RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
    }
    if (c->unanswered) {
        rd_kafka_resp_err_t before = commit_answer(c);
        if (c->unanswered) {
            return before;
        }
    }
    rd_kafka_resp_err_t err = rd_kafka_commit_queue(c->f.rk, list, c->answers, NULL, NULL);
    return err ? err : commit_answer(c);
}

/* Lost is known to librdkafka before the next poll tells us. In between it would send the
 * commit without member and generation, and a group that is empty by now would take it: so
 * they must be those that the partitions were assigned to. Under the commit lock. */
static bool is_current(struct kafka_consumer *c, int generation) {
    if (generation == 0 || generation != atomic_load(&c->generation) ||
        rd_kafka_assignment_lost(c->f.rk)) {
        return false;
    }
    size_t len = 0;
    void *member = member_now(c, &len);
    bool same = member && c->member && len == c->member_len && memcmp(member, c->member, len) == 0;
    rd_kafka_mem_free(c->f.rk, member);
    return same;
}

bool kafka_consumer_stands(struct kafka_consumer *c, int generation) {
    pthread_mutex_lock(&c->commit_lock);
    const bool yes = is_current(c, generation);
    pthread_mutex_unlock(&c->commit_lock);
    return yes;
}

static enum status source_commit(void *ctx, const struct position *parts, size_t n,
                                 int generation) {
    struct kafka_consumer *c = ctx;
    enum status st = ST_LOST;
    pthread_mutex_lock(&c->commit_lock);
    if (is_current(c, generation)) {
        st = ST_OK;
        if (n > 0) {
            rd_kafka_topic_partition_list_t *list = list_of(c, parts, n);
            st = group_status(c, commit_list(c, list), "offsets not committed; trying again", "");
            rd_kafka_topic_partition_list_destroy(list);
        }
        if (!is_current(c, generation)) {
            st = ST_LOST;
        }
    }
    pthread_mutex_unlock(&c->commit_lock);
    return st;
}

static int32_t source_partitions(void *ctx, uint16_t topic) {
    struct kafka_consumer *c = ctx;
    if (topic >= c->f.n_inputs) {
        return 0;
    }
    if (!c->counts_asked && !c->rebalancing) {
        c->counts_asked = ask_counts(&c->f, PROBE_WAIT_MS);
    }
    return c->f.inputs[topic].n_of_topic;
}

static enum status source_join(void *ctx) {
    struct kafka_consumer *c = ctx;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)c->f.n_inputs);
    for (uint32_t i = 0; i < c->f.n_inputs; i++) {
        rd_kafka_topic_partition_list_add(list, c->f.inputs[i].name, RD_KAFKA_PARTITION_UA);
    }
    const rd_kafka_resp_err_t code = rd_kafka_subscribe(c->f.rk, list);
    if (code) {
        LOG_ERROR("subscription refused", LOG_STR("error", rd_kafka_err2str(code)));
    }
    rd_kafka_topic_partition_list_destroy(list);
    return code ? ST_INVALID : ST_OK;
}

struct source kafka_source(struct kafka_consumer *c) {
    return (struct source){.join = c->joins_later ? source_join : NULL,
                           .poll = source_poll,
                           .start = source_start,
                           .bounds = source_bounds,
                           .end = source_end,
                           .partitions = source_partitions,
                           .pause = source_pause,
                           .resume = source_resume,
                           .committed = source_committed,
                           .commit = source_commit,
                           .ctx = c};
}

/* Asks for the topics of its role once, before librdkafka does by its tick. */
static enum status add_topics(struct kafka_consumer *c, const struct config_topic *topics,
                              uint32_t n, char *err) {
    enum status st = ST_OK;
    for (uint32_t i = 0; !st && i < n; i++) {
        st = input_add(&c->f, topics[i].name, err);
    }
    if (!st) {
        (void)ask_counts(&c->f, START_METADATA_MS);
    }
    return st;
}

enum status kafka_consumer_new(const struct config *cfg, enum kafka_role role,
                               const struct rebalance_ops *rebalance, struct kafka_consumer **out,
                               char *err) {
    const bool intake = role == KAFKA_INTAKE;
    char group[CONFIG_NAME_MAX + 8];
    struct kafka_consumer *c = calloc(1, sizeof *c);
    if (!c) {
        return ST_NOMEM;
    }
    c->ops = *rebalance;
    c->goes_on = intake;
    pthread_mutex_init(&c->commit_lock, NULL);
    pthread_mutex_init(&c->f.problems.lock, NULL);
    snprintf(group, sizeof group, "%s%s", cfg->group, intake ? "-intake" : "");
    /* raw topics are keyed as their partners please */
    if (!intake && strcmp(cfg->partitioner, "any") != 0) {
        snprintf(c->partitioner, sizeof c->partitioner, "%s", cfg->partitioner);
    }
    char wait[16];
    snprintf(wait, sizeof wait, "%d", fetch_wait_ms(cfg));
    const bool named = !intake && cfg->static_members;
    const struct setting own[] = {{"fetch.wait.max.ms", wait},
                                  {named ? "group.instance.id" : NULL, cfg->instance_id},
                                  {NULL, NULL}};
    enum status st =
        fetcher_open(&c->f, cfg, own, group, intake ? "earliest" : "error", on_rebalance, err);
    if (st) {
        goto fail;
    }
    rd_kafka_poll_set_consumer(c->f.rk);
    c->answers = rd_kafka_queue_new(c->f.rk);
    st = add_topics(c, intake ? cfg->raws : cfg->topics, intake ? cfg->n_raws : cfg->n_topics, err);
    if (st) {
        goto fail;
    }
    c->joins_later = role == KAFKA_TASKS_LATER;
    if (!c->joins_later) {
        (void)source_join(c); /* the log says it */
    }
    *out = c;
    return ST_OK;

fail:
    kafka_consumer_free(c);
    return st;
}

/* Leaves the group, with the revocation served. Without brokers librdkafka waits for a commit
 * that is still out, for half a minute and more: after CLOSE_WAIT_MS it is left behind. */
static void consumer_close(struct kafka_consumer *c) {
    rd_kafka_queue_t *events = rd_kafka_queue_get_consumer(c->f.rk);
    rd_kafka_error_t *err = rd_kafka_consumer_close_queue(c->f.rk, events);
    const int64_t deadline = clock_mono_ms() + CLOSE_WAIT_MS;
    while (!err && !rd_kafka_consumer_closed(c->f.rk) && clock_mono_ms() < deadline) {
        rd_kafka_message_t *m = rd_kafka_consume_queue(events, CLOSE_LOOK_MS);
        if (m) {
            rd_kafka_message_destroy(m);
        }
    }
    rd_kafka_error_destroy(err); /* NULL is allowed */
    rd_kafka_queue_destroy(events);
}

void kafka_consumer_free(struct kafka_consumer *c) {
    if (!c) {
        return;
    }
    release_held(&c->f);
    if (c->f.rk) {
        consumer_close(c);
        rd_kafka_mem_free(c->f.rk, c->member);
        rd_kafka_queue_destroy(c->answers);
    }
    fetcher_close(&c->f);
    pthread_mutex_destroy(&c->commit_lock);
    free(c);
}

bool kafka_consumer_problem(struct kafka_consumer *c, char *buf, size_t len) {
    return fetcher_problem(&c->f, buf, len);
}

bool kafka_consumer_fenced(struct kafka_consumer *c) {
    return rd_kafka_fatal_error(c->f.rk, NULL, 0) == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;
}

/* ---- whole topics, outside of any group --------------------------------------------------- */

struct kafka_reader {
    struct fetcher f; /* first: librdkafka's opaque */
};

/* Ends as they stand, uncommitted transactions included: what was committed behind one that is
 * still open must be waited for. A handle that reads committed records is told less. */
static void reader_ask_ends(struct kafka_reader *r) {
    char err[CONFIG_ERROR_MAX];
    if (clock_mono_ms() < r->f.ask_ends_ms) {
        return;
    }
    rd_kafka_t *rk = NULL;
    rd_kafka_conf_t *conf = rd_kafka_conf_dup(rd_kafka_conf(r->f.rk));
    enum status st = conf_set(conf, "isolation.level", "read_uncommitted", err);
    if (st) {
        rd_kafka_conf_destroy(conf);
    } else {
        st = handle_new(RD_KAFKA_CONSUMER, conf, &rk, err);
    }
    if (st) {
        LOG_ERROR("ends of topics cannot be asked for", LOG_STR("error", err));
        r->f.ask_ends_ms = clock_mono_ms() + ENDS_RETRY_MS;
        return;
    }
    ask_ends(&r->f, rk);
    rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

/* From the beginning on; what was fetched for an assignment before is dropped. */
static rd_kafka_resp_err_t reader_assign(struct kafka_reader *r) {
    struct fetcher *f = &r->f;
    for (uint32_t t = 0; t < f->n_inputs; t++) {
        for (int32_t p = 0; p < f->inputs[t].n_parts; p++) {
            f->inputs[t].parts[p] = (struct part){.end = -1, .assigned = true};
        }
    }
    f->ends_asked = false;
    f->ask_ends_ms = 0;
    rd_kafka_topic_partition_list_t *list = assigned_list(f, RD_KAFKA_OFFSET_BEGINNING);
    rd_kafka_resp_err_t code = rd_kafka_assign(f->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code;
}

/* Room for the partitions of one topic as the metadata has it.
 * @return ST_OK, ST_AGAIN (its leaders are being chosen), ST_IO, ST_NOMEM */
static enum status input_size(struct input *in, const rd_kafka_metadata_topic_t *t, char *err) {
    rd_kafka_resp_err_t code = t ? t->err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
        code = RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
    }
    if (code) {
        const char *fix = fix_of(code);
        const bool missing = code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
        snprintf(err, CONFIG_ERROR_MAX, "%s: %s%s%s", in->name,
                 missing ? "the topic does not exist" : rd_kafka_err2str(code), fix[0] ? "; " : "",
                 fix);
        return code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE ? ST_AGAIN : ST_IO;
    }
    in->n_of_topic = t->partition_cnt;
    return part_grow(in, t->partition_cnt - 1) ? ST_OK : ST_NOMEM;
}

/* What there is to read. The first question also keeps the fetch from waiting for a tick. */
static enum status fetcher_look(struct fetcher *f, int timeout_ms, char *err) {
    const struct rd_kafka_metadata *md = NULL;
    rd_kafka_resp_err_t code = rd_kafka_metadata(f->rk, 0, NULL, &md, timeout_ms);
    if (code) {
        char why[CONFIG_ERROR_MAX - 64];
        rd_kafka_poll(f->rk, 0); /* error_cb knows more than the code does */
        bool more = problem_first(&f->problems, why, sizeof why);
        snprintf(err, CONFIG_ERROR_MAX, "kafka does not answer: %s",
                 more ? why : rd_kafka_err2str(code));
        return ST_IO;
    }
    enum status st = ST_OK;
    for (uint32_t i = 0; !st && i < f->n_inputs; i++) {
        st = input_size(&f->inputs[i], topic_in(md, f->inputs[i].name), err);
    }
    rd_kafka_metadata_destroy(md);
    return st;
}

/* The same, until the topics have leaders. */
static enum status fetcher_find(struct fetcher *f, int64_t deadline, char *err) {
    const struct timespec nap = {.tv_nsec = READER_NAP_MS * 1000000L};
    enum status st = fetcher_look(f, READER_WAIT_MS, err);
    for (int64_t left = 1; st == ST_AGAIN && left > 0; left = deadline - clock_mono_ms()) {
        nanosleep(&nap, NULL);
        st = fetcher_look(f, (int)left, err);
    }
    return st == ST_AGAIN ? ST_IO : st;
}

static enum status reader_begin(struct kafka_reader *r, char *err) {
    const struct timespec nap = {.tv_nsec = READER_NAP_MS * 1000000L};
    const int64_t deadline = clock_mono_ms() + READER_WAIT_MS;
    enum status st = fetcher_find(&r->f, deadline, err);
    if (st) {
        return st;
    }
    rd_kafka_resp_err_t code = reader_assign(r);
    reader_ask_ends(r);
    while (!code && !r->f.ends_asked && clock_mono_ms() < deadline) {
        nanosleep(&nap, NULL);
        reader_ask_ends(r);
    }
    if (code || !r->f.ends_asked) {
        snprintf(err, CONFIG_ERROR_MAX, "the ends of the topics are not known: %s",
                 rd_kafka_err2str(code ? code : RD_KAFKA_RESP_ERR__TIMED_OUT));
        return ST_IO;
    }
    return ST_OK;
}

enum status kafka_reader_new(const struct config *cfg, const char *const *names, size_t n,
                             struct kafka_reader **out, char *err) {
    if (n > CONFIG_TOPICS_MAX) {
        snprintf(err, CONFIG_ERROR_MAX, "more than %d topics", CONFIG_TOPICS_MAX);
        return ST_INVALID;
    }
    struct kafka_reader *r = calloc(1, sizeof *r);
    if (!r) {
        return ST_NOMEM;
    }
    pthread_mutex_init(&r->f.problems.lock, NULL);
    /* What retention took away while it was read is not there to be read. */
    enum status st = fetcher_open(&r->f, cfg, NO_DEFAULTS, cfg->group, "earliest", NULL, err);
    if (st) {
        goto fail;
    }
    for (size_t i = 0; !st && i < n; i++) {
        st = input_add(&r->f, names[i], err);
    }
    if (!st) {
        st = reader_begin(r, err);
    }
    if (st) {
        goto fail;
    }
    rd_kafka_poll_set_consumer(r->f.rk);
    *out = r;
    return ST_OK;

fail:
    kafka_reader_free(r);
    return st;
}

void kafka_reader_free(struct kafka_reader *r) {
    if (r) {
        fetcher_close(&r->f);
        free(r);
    }
}

/* Takes m; true if it became a record. */
static bool reader_take(struct kafka_reader *r, rd_kafka_message_t *m, struct record *out) {
    int topic = TOPIC_NONE;
    struct part *p = sort_out(&r->f, m, &topic);
    if (!p) {
        return false;
    }
    if (!m->err) {
        p->next = m->offset + 1;
        lend(&r->f, m, topic, out);
        return true;
    }
    /* The position after commit markers and aborted records, which nobody sees. */
    p->next = m->offset > p->next ? m->offset : p->next;
    if (p->next < p->end) {
        LOG_WARN("records wait for a transaction that is still open",
                 LOG_STR("topic", r->f.inputs[topic].name), LOG_INT("partition", m->partition),
                 LOG_INT("offset", m->offset));
    }
    rd_kafka_message_destroy(m);
    return false;
}

size_t kafka_reader_poll(struct kafka_reader *r, struct record *out, size_t max, int timeout_ms) {
    release_held(&r->f);
    /* After a restart. Brokers that are known to be away would only be waited for. */
    if (!r->f.ends_asked && !is_broker_err(problem_of(&r->f.problems, TOPIC_NONE))) {
        reader_ask_ends(r);
    }
    size_t n = 0;
    while (n < max && n < POLL_MAX) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(r->f.rk, timeout_ms);
        if (!m) {
            break;
        }
        n += reader_take(r, m, &out[n]);
        timeout_ms = 0;
    }
    return n;
}

size_t kafka_reader_headers(struct kafka_reader *r, size_t k, struct header *out, size_t max) {
    rd_kafka_headers_t *headers = NULL; /* the message's */
    if (k >= r->f.n_held || rd_kafka_message_headers(r->f.held[k], &headers)) {
        return 0;
    }
    size_t n = 0;
    while (n < max &&
           !rd_kafka_header_get_all(headers, n, &out[n].name, &out[n].value, &out[n].len)) {
        n++;
    }
    return n;
}

bool kafka_reader_complete(const struct kafka_reader *r) {
    for (uint32_t t = 0; t < r->f.n_inputs; t++) {
        for (int32_t p = 0; p < r->f.inputs[t].n_parts; p++) {
            const struct part *part = &r->f.inputs[t].parts[p];
            if (part->end < 0 || part->next < part->end) {
                return false;
            }
        }
    }
    return true;
}

void kafka_reader_restart(struct kafka_reader *r) {
    release_held(&r->f);
    rd_kafka_resp_err_t code = reader_assign(r);
    if (code) {
        LOG_ERROR("assignment refused", LOG_STR("error", rd_kafka_err2str(code)));
    }
}

bool kafka_reader_problem(struct kafka_reader *r, char *buf, size_t len) {
    return fetcher_problem(&r->f, buf, len);
}

static size_t globals_poll(void *ctx, struct record *out, size_t max) {
    return kafka_reader_poll(ctx, out, max, 0);
}

static bool globals_complete(void *ctx) {
    return kafka_reader_complete(ctx);
}

static void globals_restart(void *ctx) {
    kafka_reader_restart(ctx);
}

struct globals kafka_globals(struct kafka_reader *r) {
    return (struct globals){
        .poll = globals_poll, .complete = globals_complete, .restart = globals_restart, .ctx = r};
}

/* ---- a log: named partitions from named positions ------------------------------------------ */

struct kafka_log {
    struct fetcher f; /* first: librdkafka's opaque */
    rd_kafka_t *ends; /* reads nothing: it is told ends with open transactions, f.rk is not */
    rd_kafka_topic_t *ends_rkt;
};

enum status kafka_log_bounds(struct kafka_log *l, int32_t partition, struct log_bounds *out,
                             int timeout_ms) {
    const int64_t deadline = clock_mono_ms() + timeout_ms;
    struct log_bounds b;
    if (partition < 0 || partition >= l->f.inputs[0].n_of_topic) {
        return ST_INVALID;
    }
    rd_kafka_poll(l->ends, 0); /* its errors */
    /* In this order: whatever is written meanwhile, none of them stands above the next. */
    rd_kafka_resp_err_t code =
        ask_offset(l->ends, l->ends_rkt, partition, RD_KAFKA_OFFSET_BEGINNING, deadline, &b.low);
    if (!code) {
        code = ask_offset(l->f.rk, l->f.inputs[0].rkt, partition, RD_KAFKA_OFFSET_END, deadline,
                          &b.stable);
    }
    if (!code) {
        code = ask_offset(l->ends, l->ends_rkt, partition, RD_KAFKA_OFFSET_END, deadline, &b.high);
    }
    if (code) {
        LOG_WARN("ends of a log not known", LOG_STR("topic", l->f.inputs[0].name),
                 LOG_INT("partition", partition), LOG_STR("error", rd_kafka_err2str(code)),
                 LOG_STR("fix", fix_of(code)));
        return is_final(code) ? ST_INVALID : ST_AGAIN;
    }
    problem_end(&l->f.problems, TOPIC_NONE, BY_ANSWER);
    *out = b;
    return ST_OK;
}

/* One partition more or less in the assignment. */
static rd_kafka_resp_err_t
log_change(struct kafka_log *l, int32_t partition, int64_t from,
           rd_kafka_error_t *(*change)(rd_kafka_t *, const rd_kafka_topic_partition_list_t *)) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, l->f.inputs[0].name, partition)->offset = from;
    rd_kafka_error_t *err = change(l->f.rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    const rd_kafka_resp_err_t code = rd_kafka_error_code(err); /* none of NULL */
    if (code) {
        LOG_ERROR("assignment refused", LOG_STR("topic", l->f.inputs[0].name),
                  LOG_INT("partition", partition), LOG_STR("error", rd_kafka_error_string(err)));
    }
    rd_kafka_error_destroy(err);
    return code;
}

void kafka_log_remove(struct kafka_log *l, int32_t partition) {
    struct part *p = part_of(&l->f, 0, partition);
    if (p && p->assigned) {
        *p = (struct part){.end = -1};
        (void)log_change(l, partition, RD_KAFKA_OFFSET_INVALID, rd_kafka_incremental_unassign);
    }
}

enum status kafka_log_add(struct kafka_log *l, int32_t partition, int64_t from) {
    struct log_bounds b;
    kafka_log_remove(l, partition);
    enum status st = kafka_log_bounds(l, partition, &b, BOUNDS_WAIT_MS);
    if (st) {
        return st;
    }
    if (from >= 0 && (from < b.low || from > b.high)) {
        return ST_RANGE;
    }
    if (!part_grow(&l->f.inputs[0], partition)) {
        return ST_NOMEM;
    }
    rd_kafka_resp_err_t code = log_change(l, partition, from < 0 ? RD_KAFKA_OFFSET_BEGINNING : from,
                                          rd_kafka_incremental_assign);
    if (code) {
        return ST_AGAIN;
    }
    *part_of(&l->f, 0, partition) =
        (struct part){.end = -1, .next = from < 0 ? b.low : from, .assigned = true};
    return ST_OK;
}

/* An error in place of a record; a position that is gone is the owner's to deal with. */
static void log_error(struct kafka_log *l, const rd_kafka_message_t *m) {
    struct part *p = part_of(&l->f, 0, m->partition);
    if (m->err != RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET || !p) {
        fetch_error(&l->f, m);
        return;
    }
    if (p->assigned && !p->gone) {
        LOG_WARN("a position is not in the log any more", LOG_STR("topic", l->f.inputs[0].name),
                 LOG_INT("partition", m->partition), LOG_INT("offset", p->next));
        p->gone = true;
    }
}

/* Takes m; true if it became a record. */
static bool log_take(struct kafka_log *l, rd_kafka_message_t *m, struct record *out) {
    int topic = TOPIC_NONE;
    if (m->err && m->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        log_error(l, m);
        rd_kafka_message_destroy(m);
        return false;
    }
    struct part *p = sort_out(&l->f, m, &topic);
    if (!p) {
        return false;
    }
    if (!m->err) {
        p->next = m->offset + 1;
        lend(&l->f, m, topic, out);
        return true;
    }
    p->next = m->offset > p->next ? m->offset : p->next; /* commit markers are passed */
    *out = (struct record){
        .offset = p->next, .timestamp_ms = -1, .partition = m->partition, .end = true};
    rd_kafka_message_destroy(m);
    return true;
}

size_t kafka_log_poll(struct kafka_log *l, struct record *out, size_t max, int timeout_ms) {
    release_held(&l->f);
    size_t n = 0;
    while (n < max && n < POLL_MAX) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(l->f.rk, timeout_ms);
        if (!m) {
            break;
        }
        n += log_take(l, m, &out[n]);
        timeout_ms = 0;
    }
    return n;
}

static const struct part *log_part(const struct kafka_log *l, int32_t partition) {
    const struct input *in = &l->f.inputs[0];
    const bool known = partition >= 0 && partition < in->n_parts;
    return known && in->parts[partition].assigned ? &in->parts[partition] : NULL;
}

int64_t kafka_log_position(const struct kafka_log *l, int32_t partition) {
    const struct part *p = log_part(l, partition);
    return p ? p->next : -1;
}

enum status kafka_log_look(const struct kafka_log *l, int32_t partition) {
    const struct part *p = log_part(l, partition);
    return !p ? ST_NOT_FOUND : p->gone ? ST_RANGE : ST_OK;
}

int32_t kafka_log_partitions(const struct kafka_log *l) {
    return l->f.inputs[0].n_of_topic;
}

bool kafka_log_problem(struct kafka_log *l, char *buf, size_t len) {
    return fetcher_problem(&l->f, buf, len);
}

/* As the handle that reads, but told of what is not committed. */
static enum status log_open_ends(struct kafka_log *l, char *err) {
    rd_kafka_conf_t *conf = rd_kafka_conf_dup(rd_kafka_conf(l->f.rk));
    enum status st = conf_set(conf, "isolation.level", "read_uncommitted", err);
    if (st) {
        rd_kafka_conf_destroy(conf);
        return st;
    }
    st = handle_new(RD_KAFKA_CONSUMER, conf, &l->ends, err);
    if (!st) {
        l->ends_rkt = rd_kafka_topic_new(l->ends, l->f.inputs[0].name, NULL);
    }
    return st || l->ends_rkt ? st : ST_NOMEM;
}

enum status kafka_log_new(const struct config *cfg, const char *topic, struct kafka_log **out,
                          char *err) {
    struct kafka_log *l = calloc(1, sizeof *l);
    if (!l) {
        return ST_NOMEM;
    }
    pthread_mutex_init(&l->f.problems.lock, NULL);
    enum status st = fetcher_open(&l->f, cfg, LOG_DEFAULTS, cfg->group, "error", NULL, err);
    st = st ? st : input_add(&l->f, topic, err);
    st = st ? st : fetcher_find(&l->f, clock_mono_ms() + READER_WAIT_MS, err);
    st = st ? st : log_open_ends(l, err);
    if (st) {
        kafka_log_free(l);
        return st;
    }
    rd_kafka_poll_set_consumer(l->f.rk);
    *out = l;
    return ST_OK;
}

void kafka_log_free(struct kafka_log *l) {
    if (!l) {
        return;
    }
    if (l->ends_rkt) {
        rd_kafka_topic_destroy(l->ends_rkt);
    }
    if (l->ends) {
        rd_kafka_destroy_flags(l->ends, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    }
    fetcher_close(&l->f);
    free(l);
}

static enum status port_add(void *ctx, int32_t partition, int64_t from) {
    return kafka_log_add(ctx, partition, from);
}

static void port_remove(void *ctx, int32_t partition) {
    kafka_log_remove(ctx, partition);
}

static size_t port_poll(void *ctx, struct record *out, size_t max, int timeout_ms) {
    return kafka_log_poll(ctx, out, max, timeout_ms);
}

static int64_t port_position(void *ctx, int32_t partition) {
    return kafka_log_position(ctx, partition);
}

static enum status port_look(void *ctx, int32_t partition) {
    return kafka_log_look(ctx, partition);
}

static enum status port_bounds(void *ctx, int32_t partition, struct log_bounds *out) {
    return kafka_log_bounds(ctx, partition, out, BOUNDS_WAIT_MS);
}

struct log_port kafka_log_port(struct kafka_log *l) {
    return (struct log_port){.add = port_add,
                             .remove = port_remove,
                             .poll = port_poll,
                             .position = port_position,
                             .look = port_look,
                             .bounds = port_bounds,
                             .ctx = l};
}

/* ---- producer -------------------------------------------------------------------------- */

struct output {
    char name[CONFIG_NAME_MAX];
    rd_kafka_topic_t *rkt;
};

struct kafka_producer {
    rd_kafka_t *rk;
    struct output outputs[PRODUCER_TOPICS_MAX];
    size_t n_outputs;
    uint64_t produced;
    _Atomic uint64_t acked;
    uint64_t failed;                 /* since the last flush */
    char why[CONFIG_ERROR_MAX - 64]; /* of the first of these */
    struct problems problems;
};

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque) {
    (void)rk;
    struct kafka_producer *p = opaque;
    if (!m->err) {
        atomic_fetch_add(&p->acked, 1);
        problem_end(&p->problems, TOPIC_NONE, BY_RECORD);
        return;
    }
    if (p->failed++ == 0) {
        const char *fix = fix_of(m->err);
        snprintf(p->why, sizeof p->why, "%s: %s%s%s", rd_kafka_topic_name(m->rkt),
                 rd_kafka_err2str(m->err), fix[0] ? "; " : "", fix);
    }
}

static void on_producer_error(rd_kafka_t *rk, int code, const char *reason, void *opaque) {
    struct kafka_producer *p = opaque;
    rd_kafka_resp_err_t err = (rd_kafka_resp_err_t)code;
    char text[512];
    snprintf(text, sizeof text, "%s", reason);
    if (err == RD_KAFKA_RESP_ERR__FATAL) {
        err = rd_kafka_fatal_error(rk, text, sizeof text);
    }
    if (problem_set(&p->problems, TOPIC_NONE, err, false, text)) {
        LOG_WARN("kafka producer problem; trying again", LOG_STR("error", text),
                 LOG_STR("fix", fix_of(err)));
    }
}

/* transactional_id NULL: none. */
static enum status producer_open(struct kafka_producer *p, const struct config *cfg,
                                 const struct setting *defaults, const char *transactional_id,
                                 char *err) {
    pthread_mutex_init(&p->problems.lock, NULL);
    const char *partitioner =
        strcmp(cfg->partitioner, "consistent") == 0 ? "consistent_random" : "murmur2_random";
    rd_kafka_conf_t *conf = NULL;
    enum status st = conf_new(cfg, defaults, NO_DEFAULTS, PRODUCER_FIXED, &conf, err);
    if (st) {
        return st;
    }
    rd_kafka_conf_set_opaque(conf, p);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_error_cb(conf, on_producer_error);
    st = conf_set(conf, "partitioner", partitioner, err);
    if (!st && transactional_id) {
        st = conf_set(conf, "transactional.id", transactional_id, err);
    }
    if (st) {
        rd_kafka_conf_destroy(conf);
        return st;
    }
    return handle_new(RD_KAFKA_PRODUCER, conf, &p->rk, err);
}

enum status kafka_producer_new(const struct config *cfg, struct kafka_producer **out, char *err) {
    struct kafka_producer *p = calloc(1, sizeof *p);
    if (!p) {
        return ST_NOMEM;
    }
    enum status st = producer_open(p, cfg, PRODUCER_DEFAULTS, NULL, err);
    if (st) {
        kafka_producer_free(p);
        return st;
    }
    *out = p;
    return ST_OK;
}

/* Fails what is still queued and closes the handle. */
static void producer_close(struct kafka_producer *p) {
    if (!p->rk) {
        return;
    }
    rd_kafka_purge(p->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_poll(p->rk, 0);
    for (size_t i = 0; i < p->n_outputs; i++) {
        rd_kafka_topic_destroy(p->outputs[i].rkt);
    }
    p->n_outputs = 0;
    rd_kafka_destroy(p->rk);
    p->rk = NULL;
}

void kafka_producer_free(struct kafka_producer *p) {
    if (!p) {
        return;
    }
    producer_close(p);
    pthread_mutex_destroy(&p->problems.lock);
    free(p);
}

/* An idempotent producer that met a fatal error never sends again: make a new one. What
 * it had queued counts as failed, so the next flush tells. */
static enum status producer_renew(struct kafka_producer *p) {
    char err[CONFIG_ERROR_MAX];
    char text[512] = "";
    rd_kafka_fatal_error(p->rk, text, sizeof text);
    rd_kafka_t *rk = NULL;
    if (handle_new(RD_KAFKA_PRODUCER, rd_kafka_conf_dup(rd_kafka_conf(p->rk)), &rk, err)) {
        LOG_ERROR("producer cannot be renewed", LOG_STR("error", err));
        return ST_IO;
    }
    LOG_WARN("producer renewed after a fatal error", LOG_STR("error", text));
    producer_close(p);
    p->rk = rk;
    return ST_AGAIN;
}

static rd_kafka_topic_t *output_of(struct kafka_producer *p, const char *topic) {
    for (size_t i = 0; i < p->n_outputs; i++) {
        if (strcmp(p->outputs[i].name, topic) == 0) {
            return p->outputs[i].rkt;
        }
    }
    if (p->n_outputs == PRODUCER_TOPICS_MAX || strlen(topic) >= CONFIG_NAME_MAX) {
        return NULL;
    }
    struct output *o = &p->outputs[p->n_outputs];
    o->rkt = rd_kafka_topic_new(p->rk, topic, NULL);
    if (!o->rkt) {
        return NULL;
    }
    p->n_outputs++;
    snprintf(o->name, sizeof o->name, "%s", topic);
    const struct rd_kafka_metadata *md = NULL; /* or the first record waits for 1 s */
    if (!rd_kafka_metadata(p->rk, 0, o->rkt, &md, NEW_TOPIC_WAIT_MS)) {
        rd_kafka_metadata_destroy(md);
    }
    return o->rkt;
}

/* librdkafka's tables are not const; it copies (RD_KAFKA_MSG_F_COPY). */
static void *unconst(const void *p) {
    const union {
        const void *in;
        void *out;
    } u = {.in = p};
    return u.out;
}

static rd_kafka_headers_t *headers_of(const struct header *headers, size_t n) {
    rd_kafka_headers_t *out = rd_kafka_headers_new(n);
    for (size_t i = 0; i < n; i++) {
        rd_kafka_header_add(out, headers[i].name, -1, headers[i].value, (ssize_t)headers[i].len);
    }
    return out;
}

/* Takes err. */
static enum status produce_status(struct kafka_producer *p, const char *topic,
                                  rd_kafka_error_t *err) {
    rd_kafka_resp_err_t code = rd_kafka_error_code(err);
    enum status st = ST_IO;
    if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        st = ST_AGAIN;
    } else if (rd_kafka_fatal_error(p->rk, NULL, 0)) {
        st = producer_renew(p);
    } else {
        LOG_ERROR("record refused", LOG_STR("topic", topic),
                  LOG_STR("error", rd_kafka_error_string(err)), LOG_STR("fix", fix_of(code)));
    }
    rd_kafka_error_destroy(err);
    return st;
}

struct outgoing {
    const char *topic;
    int32_t partition; /* -1: by key */
    const void *key, *value;
    size_t key_len, value_len;
    int64_t timestamp_ms;
    const struct header *headers;
    size_t n_headers;
};

/* Queues one record. @return NULL, or why not, for the caller to destroy */
static rd_kafka_error_t *put(struct kafka_producer *p, const struct outgoing *o) {
    rd_kafka_topic_t *rkt = output_of(p, o->topic);
    if (!rkt) {
        return rd_kafka_error_new(RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, "no topic to be written to");
    }
    rd_kafka_vu_t v[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = rkt},
        {.vtype = RD_KAFKA_VTYPE_PARTITION,
         .u.i32 = o->partition < 0 ? RD_KAFKA_PARTITION_UA : o->partition},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {.ptr = unconst(o->key), .size = o->key_len}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {.ptr = unconst(o->value), .size = o->value_len}},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = o->timestamp_ms},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = NULL},
    };
    size_t n = sizeof v / sizeof v[0] - 1;
    if (o->n_headers > 0) {
        v[n++].u.headers = headers_of(o->headers, o->n_headers);
    }
    rd_kafka_error_t *err = rd_kafka_produceva(p->rk, v, n);
    if (err && o->n_headers > 0) {
        rd_kafka_headers_destroy(v[n - 1].u.headers); /* taken only on success */
    }
    if (!err && ++p->produced % PRODUCER_SERVE_EVERY == 0) {
        rd_kafka_poll(p->rk, 0);
    }
    return err;
}

enum status kafka_produce_to(struct kafka_producer *p, const char *topic, int32_t partition,
                             const void *key, size_t key_len, const void *value, size_t value_len,
                             int64_t timestamp_ms, const struct header *headers, size_t n_headers) {
    const struct outgoing o = {.topic = topic,
                               .partition = partition,
                               .key = key,
                               .key_len = key_len,
                               .value = value,
                               .value_len = value_len,
                               .timestamp_ms = timestamp_ms,
                               .headers = headers,
                               .n_headers = n_headers};
    rd_kafka_error_t *err = put(p, &o);
    return err ? produce_status(p, topic, err) : ST_OK;
}

enum status kafka_produce(struct kafka_producer *p, const char *topic, const void *key,
                          size_t key_len, const void *value, size_t value_len,
                          int64_t timestamp_ms) {
    return kafka_produce_to(p, topic, -1, key, key_len, value, value_len, timestamp_ms, NULL, 0);
}

void kafka_producer_poll(struct kafka_producer *p, int timeout_ms) {
    rd_kafka_poll(p->rk, timeout_ms);
}

enum status kafka_producer_flush(struct kafka_producer *p, int timeout_ms, char *why, size_t len) {
    if (rd_kafka_flush(p->rk, timeout_ms) && rd_kafka_outq_len(p->rk) > 0) {
        if (!problem_first(&p->problems, why, len)) {
            snprintf(why, len, "time is up");
        }
        return ST_AGAIN;
    }
    if (p->failed > 0) {
        snprintf(why, len, "%llu records not written: %s", (unsigned long long)p->failed, p->why);
        p->failed = 0;
        return ST_IO;
    }
    return ST_OK;
}

size_t kafka_producer_queued(struct kafka_producer *p) {
    return (size_t)rd_kafka_outq_len(p->rk);
}

uint64_t kafka_producer_acked(struct kafka_producer *p) {
    return atomic_load(&p->acked);
}

static enum status letterbox_send(void *ctx, const char *topic, const void *key, size_t key_len,
                                  const void *value, size_t value_len, int64_t timestamp_ms,
                                  const struct header *headers, size_t n_headers) {
    return kafka_produce_to(ctx, topic, -1, key, key_len, value, value_len, timestamp_ms, headers,
                            n_headers);
}

static enum status letterbox_flush(void *ctx, int timeout_ms) {
    char why[CONFIG_ERROR_MAX];
    enum status st = kafka_producer_flush(ctx, timeout_ms, why, sizeof why);
    if (st) {
        LOG_WARN("dead letters not written; no offset passes them", LOG_STR("error", why));
    }
    return st;
}

struct letterbox kafka_letterbox(struct kafka_producer *p) {
    return (struct letterbox){.send = letterbox_send, .flush = letterbox_flush, .ctx = p};
}

/* ---- transactions: consume, transform, produce exactly once -------------------------------- */

struct kafka_tx {
    struct kafka_producer p;
    bool open;          /* a transaction is, as far as is known */
    int64_t begun_ms;   /* it, by tx_clock_ms() */
    int64_t timeout_ms; /* kafka.transaction.timeout.ms */

    /* The call for offsets, in a thread of its own: call_offsets() says why. */
    rd_kafka_topic_partition_list_t *list;
    rd_kafka_consumer_group_metadata_t *member;
    int call_ms;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t returned;                                        /* monotonic */
    enum { CALL_NONE, CALL_RUNS, CALL_RETURNED, CALL_ORPHAN } call; /* under the lock */
    rd_kafka_error_t *answer;
    bool stuck; /* it did not return in time: nothing else can be done with the handle */
};

/* Goes on while the machine sleeps, as the coordinator does elsewhere. */
static int64_t tx_clock_ms(void) {
    return clock_read_us(CLOCK_BOOTTIME) / 1000;
}

/* What became of one call. */
enum verdict {
    TX_DONE,
    TX_AGAIN,   /* not yet: the same call again                               */
    TX_ABORT,   /* nothing of this transaction can be committed any more      */
    TX_UNKNOWN, /* this handle is of no use; what it did is for the broker to say */
    TX_FENCED,  /* the id has another owner                                    */
};

/* The coordinator fences whose transaction was open for too long just as it fences whose id has
 * another owner: then it is not for us to say which. */
static bool is_fenced(const struct kafka_tx *tx, rd_kafka_resp_err_t err) {
    const bool overdue = tx->open && tx_clock_ms() - tx->begun_ms > tx->timeout_ms;
    return !overdue &&
           (err == RD_KAFKA_RESP_ERR__FENCED || err == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
            err == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH);
}

/* Takes err; NULL is done. *code and `text` (CONFIG_ERROR_MAX bytes) tell why not. */
static enum verdict verdict_of(struct kafka_tx *tx, rd_kafka_error_t *err, char *text,
                               rd_kafka_resp_err_t *code) {
    *code = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (!err) {
        return TX_DONE;
    }
    *code = rd_kafka_error_code(err);
    snprintf(text, CONFIG_ERROR_MAX, "%s", rd_kafka_error_string(err));
    const bool again = rd_kafka_error_is_retriable(err);
    const bool fatal = rd_kafka_error_is_fatal(err) || *code == RD_KAFKA_RESP_ERR__FATAL;
    rd_kafka_error_destroy(err);
    if (fatal) {
        const rd_kafka_resp_err_t cause = rd_kafka_fatal_error(tx->p.rk, text, CONFIG_ERROR_MAX);
        *code = cause ? cause : *code;
    }
    if (is_fenced(tx, *code)) {
        return TX_FENCED;
    }
    return fatal || tx->stuck ? TX_UNKNOWN : again ? TX_AGAIN : TX_ABORT;
}

/* One of librdkafka's calls. They resume what they began when they are called again. */
typedef rd_kafka_error_t *tx_call(struct kafka_tx *tx, int timeout_ms);

static rd_kafka_error_t *call_init(struct kafka_tx *tx, int timeout_ms) {
    return rd_kafka_init_transactions(tx->p.rk, timeout_ms);
}

static void offsets_free(struct kafka_tx *tx) {
    if (tx->list) {
        rd_kafka_topic_partition_list_destroy(tx->list);
        tx->list = NULL;
    }
    if (tx->member) {
        rd_kafka_consumer_group_metadata_destroy(tx->member);
        tx->member = NULL;
    }
}

/* Nobody else has it any more. */
static void tx_destroy(struct kafka_tx *tx) {
    offsets_free(tx);
    rd_kafka_error_destroy(tx->answer);
    producer_close(&tx->p);
    pthread_mutex_destroy(&tx->p.problems.lock);
    pthread_mutex_destroy(&tx->lock);
    pthread_cond_destroy(&tx->returned);
    free(tx);
}

static void *run_offsets(void *arg) {
    struct kafka_tx *tx = arg;
    rd_kafka_error_t *answer =
        rd_kafka_send_offsets_to_transaction(tx->p.rk, tx->list, tx->member, tx->call_ms);
    pthread_mutex_lock(&tx->lock);
    const bool orphan = tx->call == CALL_ORPHAN;
    tx->answer = answer;
    tx->call = CALL_RETURNED;
    pthread_cond_signal(&tx->returned);
    pthread_mutex_unlock(&tx->lock);
    if (orphan) {
        tx_destroy(tx);
    }
    return NULL;
}

static struct timespec in_ms(int ms) {
    const int64_t at = clock_mono_ms() + ms;
    return (struct timespec){.tv_sec = (time_t)(at / 1000),
                             .tv_nsec = (long)(at % 1000) * 1000000L};
}

/* librdkafka waits without end for a group coordinator that is away, whatever timeout it was
 * given (its issue 5456; 2.0 to 2.14 at least). So a thread makes the call; one that does not come
 * back is left behind with the handle, and frees it when the coordinator is back. */
static rd_kafka_error_t *call_offsets(struct kafka_tx *tx, int timeout_ms) {
    tx->call_ms = timeout_ms;
    tx->call = CALL_RUNS;
    if (pthread_create(&tx->thread, NULL, run_offsets, tx)) {
        tx->call = CALL_NONE;
        return rd_kafka_error_new(RD_KAFKA_RESP_ERR__FAIL, "no thread to send offsets");
    }
    const struct timespec until = in_ms(timeout_ms + TX_STUCK_MS);
    int late = 0;
    pthread_mutex_lock(&tx->lock);
    while (tx->call == CALL_RUNS && !late) {
        late = pthread_cond_timedwait(&tx->returned, &tx->lock, &until);
    }
    tx->stuck = tx->call == CALL_RUNS;
    pthread_mutex_unlock(&tx->lock);
    if (tx->stuck) {
        return rd_kafka_error_new(RD_KAFKA_RESP_ERR__TIMED_OUT, "the group does not answer");
    }
    pthread_join(tx->thread, NULL);
    tx->call = CALL_NONE;
    rd_kafka_error_t *answer = tx->answer;
    tx->answer = NULL;
    return answer;
}

static rd_kafka_error_t *call_commit(struct kafka_tx *tx, int timeout_ms) {
    return rd_kafka_commit_transaction(tx->p.rk, timeout_ms);
}

static rd_kafka_error_t *call_abort(struct kafka_tx *tx, int timeout_ms) {
    return rd_kafka_abort_transaction(tx->p.rk, timeout_ms);
}

/* Calls at least once, and again until there is a verdict or the time is up. `text` and *code tell
 * what the last error was. */
static enum verdict tx_try(struct kafka_tx *tx, tx_call *call, int64_t deadline, char *text,
                           rd_kafka_resp_err_t *code) {
    const struct timespec nap = {.tv_nsec = TX_NAP_MS * 1000000L};
    for (;;) {
        const int64_t left = deadline - clock_mono_ms();
        enum verdict v = verdict_of(tx, call(tx, left > 1 ? (int)left : 1), text, code);
        if (v != TX_AGAIN || clock_mono_ms() >= deadline) {
            return v;
        }
        nanosleep(&nap, NULL);
    }
}

static void tx_log(const char *what, const char *text, rd_kafka_resp_err_t code) {
    LOG_WARN(what, LOG_STR("error", text), LOG_STR("fix", fix_of(code)));
}

enum status kafka_tx_new(const struct config *cfg, const char *transactional_id,
                         struct kafka_tx **out, char *err) {
    struct kafka_tx *tx = calloc(1, sizeof *tx);
    if (!tx) {
        return ST_NOMEM;
    }
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&tx->returned, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&tx->lock, NULL);
    enum status st = producer_open(&tx->p, cfg, TX_DEFAULTS, transactional_id, err);
    if (st) {
        kafka_tx_free(tx);
        return st;
    }
    char value[32] = "";
    size_t len = sizeof value;
    (void)rd_kafka_conf_get(rd_kafka_conf(tx->p.rk), "transaction.timeout.ms", value, &len);
    tx->timeout_ms = strtol(value, NULL, 10);
    const int64_t deadline = clock_mono_ms() + TX_INIT_WAIT_MS;
    const struct rd_kafka_metadata *md = NULL; /* or the coordinator is looked for by a tick */
    if (!rd_kafka_metadata(tx->p.rk, 0, NULL, &md, TX_INIT_WAIT_MS / 2)) {
        rd_kafka_metadata_destroy(md);
    }
    char text[CONFIG_ERROR_MAX];
    rd_kafka_resp_err_t code;
    enum verdict v = tx_try(tx, call_init, deadline, text, &code);
    if (v == TX_DONE) {
        *out = tx;
        return ST_OK;
    }
    rd_kafka_poll(tx->p.rk, 0); /* error_cb knows more than the code does */
    char why[CONFIG_ERROR_MAX - 512];
    bool more = is_broker_err(code) && problem_first(&tx->p.problems, why, sizeof why);
    const char *fix = more ? "" : fix_of(code);
    snprintf(err, CONFIG_ERROR_MAX, "transactional id %.120s: %.500s%s%.300s", transactional_id,
             more ? why : text, fix[0] ? "; " : "", fix);
    kafka_tx_free(tx);
    return v == TX_AGAIN ? ST_AGAIN : v == TX_FENCED ? ST_FENCED : ST_INVALID;
}

enum status kafka_tx_renew(const struct config *cfg, const char *transactional_id,
                           struct kafka_tx **tx) {
    char err[CONFIG_ERROR_MAX] = "";
    kafka_tx_free(*tx);
    *tx = NULL;
    const enum status st = kafka_tx_new(cfg, transactional_id, tx, err);
    if (st) {
        LOG_WARN("transactions cannot begin anew", LOG_STR("id", transactional_id),
                 LOG_STR("error", err));
    }
    return st;
}

void kafka_tx_free(struct kafka_tx *tx) {
    if (!tx) {
        return;
    }
    if (tx->open && kafka_tx_abort(tx, TX_ABORT_MIN_MS)) {
        LOG_WARN("a transaction was left open: others wait until it times out");
    }
    if (tx->stuck) {
        pthread_mutex_lock(&tx->lock);
        const bool runs = tx->call == CALL_RUNS;
        if (runs) {
            pthread_detach(tx->thread);
            tx->call = CALL_ORPHAN; /* the thread's from here on */
        }
        pthread_mutex_unlock(&tx->lock);
        if (runs) {
            return;
        }
        pthread_join(tx->thread, NULL);
    }
    tx_destroy(tx);
}

enum status kafka_tx_begin(struct kafka_tx *tx) {
    char text[CONFIG_ERROR_MAX];
    rd_kafka_resp_err_t code;
    enum verdict v = verdict_of(tx, rd_kafka_begin_transaction(tx->p.rk), text, &code);
    if (v == TX_DONE) {
        tx->open = true;
        tx->begun_ms = tx_clock_ms();
        return ST_OK;
    }
    tx_log("no transaction can begin", text, code);
    return v == TX_FENCED ? ST_FENCED : ST_AGAIN;
}

enum status kafka_tx_send(struct kafka_tx *tx, const char *topic, int32_t partition,
                          const void *key, size_t key_len, const void *value, size_t value_len,
                          int64_t timestamp_ms, const struct header *headers, size_t n_headers) {
    const struct outgoing o = {.topic = topic,
                               .partition = partition,
                               .key = key,
                               .key_len = key_len,
                               .value = value,
                               .value_len = value_len,
                               .timestamp_ms = timestamp_ms,
                               .headers = headers,
                               .n_headers = n_headers};
    rd_kafka_error_t *err = put(&tx->p, &o);
    if (!err) {
        return ST_OK;
    }
    rd_kafka_resp_err_t code = rd_kafka_error_code(err);
    enum status st = ST_IO;
    if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        rd_kafka_poll(tx->p.rk, TX_SERVE_MS);
        st = ST_AGAIN;
    } else {
        LOG_ERROR("record refused: its transaction is given up", LOG_STR("topic", topic),
                  LOG_STR("error", rd_kafka_error_string(err)), LOG_STR("fix", fix_of(code)));
    }
    rd_kafka_error_destroy(err);
    return st;
}

enum status kafka_tx_abort(struct kafka_tx *tx, int timeout_ms) {
    char text[CONFIG_ERROR_MAX];
    rd_kafka_resp_err_t code;
    if (!tx->open) {
        return ST_OK;
    }
    enum verdict v = tx_try(tx, call_abort, clock_mono_ms() + timeout_ms, text, &code);
    tx->open = false;
    if (v != TX_DONE) {
        tx_log("a transaction cannot be given up", text, code);
    }
    return v == TX_DONE ? ST_OK : v == TX_FENCED ? ST_FENCED : ST_AGAIN;
}

/* The metadata that an assignment was captured with, NULL if it is over. The broker compares
 * them too: with what it knows by then. */
static rd_kafka_consumer_group_metadata_t *member_of(struct kafka_consumer *c, int generation) {
    rd_kafka_consumer_group_metadata_t *member = NULL;
    pthread_mutex_lock(&c->commit_lock);
#ifdef CROSSREC_SEED_METADATA_LATE
    if (generation != 0) {
        rd_kafka_mem_free(c->f.rk, c->member);
        c->member = member_now(c, &c->member_len);
#else
    if (is_current(c, generation)) {
#endif
        rd_kafka_error_destroy(
            rd_kafka_consumer_group_metadata_read(&member, c->member, c->member_len));
    }
    pthread_mutex_unlock(&c->commit_lock);
    return member;
}

/* Offsets, then everything. Offsets are the fence: librdkafka drops those that are none, and a
 * transaction without any would be committed by whoever lost the partitions. */
static enum verdict tx_finish(struct kafka_tx *tx, int64_t deadline) {
    char text[CONFIG_ERROR_MAX] = "the assignment is over";
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    bool sound = tx->member && tx->list->cnt > 0;
    for (int i = 0; i < tx->list->cnt; i++) {
        sound = sound && tx->list->elems[i].offset >= 0;
    }
    enum verdict v = sound ? tx_try(tx, call_offsets, deadline, text, &code) : TX_ABORT;
#ifdef CROSSREC_SEED_FENCE_DROPPED
    v = TX_DONE;
#endif
    if (v == TX_AGAIN) {
        v = TX_ABORT; /* time is up, and no commit was asked for */
    } else if (v == TX_DONE) {
        v = tx_try(tx, call_commit, deadline, text, &code);
    }
    if (v != TX_DONE) {
        tx_log("transaction not committed", text, code);
    }
    return v;
}

enum status kafka_tx_commit(struct kafka_tx *tx, struct kafka_consumer *c,
                            const struct position *parts, size_t n, int generation,
                            int timeout_ms) {
    const int64_t deadline = clock_mono_ms() + timeout_ms;
    if (!tx->open) {
        return ST_LOST;
    }
    tx->member = member_of(c, generation);
    tx->list = list_of(c, parts, n);
    enum verdict v = list_tag(c, tx->list, parts, n) ? tx_finish(tx, deadline) : TX_ABORT;
    if (!tx->stuck) {
        offsets_free(tx);
    }
    if (v == TX_ABORT) {
        const int64_t left = deadline - clock_mono_ms();
        enum status st = kafka_tx_abort(tx, left > TX_ABORT_MIN_MS ? (int)left : TX_ABORT_MIN_MS);
        return st ? st : ST_LOST;
    }
    tx->open = false;
    return v == TX_DONE ? ST_OK : v == TX_FENCED ? ST_FENCED : ST_AGAIN;
}

/* ---- topics ---------------------------------------------------------------------------- */

/* A handle for a few questions. It joins no group and commits nothing. */
struct client {
    rd_kafka_t *rk;
    rd_kafka_resp_err_t err; /* the most telling error so far */
    char why[CONFIG_ERROR_MAX];
};

static void on_client_error(rd_kafka_t *rk, int code, const char *reason, void *opaque) {
    (void)rk;
    struct client *cl = opaque;
    if (cl->err && code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        return;
    }
    cl->err = (rd_kafka_resp_err_t)code;
    snprintf(cl->why, sizeof cl->why, "%s", reason);
}

static enum status client_open(struct client *cl, const struct config *cfg, char *err) {
    *cl = (struct client){0};
    rd_kafka_conf_t *conf = NULL;
    enum status st = conf_new(cfg, CLIENT_DEFAULTS, NO_DEFAULTS, CONSUMER_FIXED, &conf, err);
    if (st) {
        return st;
    }
    rd_kafka_conf_set_opaque(conf, cl);
    rd_kafka_conf_set_error_cb(conf, on_client_error);
    if (cfg->group[0]) {
        st = conf_set(conf, "group.id", cfg->group, err);
    }
    if (st) {
        rd_kafka_conf_destroy(conf);
        return st;
    }
    return handle_new(RD_KAFKA_CONSUMER, conf, &cl->rk, err);
}

static void client_close(struct client *cl) {
    rd_kafka_destroy_flags(cl->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

/* Writes what failed and why, as well as is known, and what to type. */
static enum status client_fail(struct client *cl, const char *what, rd_kafka_resp_err_t code,
                               char *err) {
    rd_kafka_poll(cl->rk, 0); /* error_cb knows more than the code does */
    bool more = cl->err && (is_broker_err(code) || !code);
    const char *fix = fix_of(more ? cl->err : code);
    snprintf(err, CONFIG_ERROR_MAX, "%s: %.500s%s%.400s", what,
             more ? cl->why : rd_kafka_err2str(code), fix[0] ? "; " : "", fix);
    return ST_IO;
}

static const char MISSING[] = "does not exist";

static void describe_one(const char *name, const struct rd_kafka_metadata *md,
                         struct kafka_topic_info *out) {
    *out = (struct kafka_topic_info){.partitions = 0};
    snprintf(out->name, sizeof out->name, "%s", name);
    const rd_kafka_metadata_topic_t *t = topic_in(md, name);
    if (t && !t->err) {
        out->partitions = t->partition_cnt;
        return;
    }
    const bool missing = !t || t->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    snprintf(out->error, sizeof out->error, "%s", missing ? MISSING : rd_kafka_err2str(t->err));
}

enum status kafka_topics_describe(const struct config *cfg, const char *const *names, size_t n,
                                  int timeout_ms, struct kafka_topic_info *out, int *brokers,
                                  char *err) {
    struct client cl;
    enum status st = client_open(&cl, cfg, err);
    if (st) {
        return st;
    }
    for (size_t i = 0; i < n; i++) { /* one request asks for all topics the handle knows */
        rd_kafka_topic_t *rkt = rd_kafka_topic_new(cl.rk, names[i], NULL);
        if (rkt) {
            rd_kafka_topic_destroy(rkt); /* ours; the handle keeps its own */
        }
    }
    const struct rd_kafka_metadata *md = NULL;
    rd_kafka_resp_err_t code = rd_kafka_metadata(cl.rk, 0, NULL, &md, timeout_ms);
    if (code) {
        st = client_fail(&cl, "kafka does not answer", code, err);
    } else {
        for (size_t i = 0; i < n; i++) {
            describe_one(names[i], md, &out[i]);
        }
        if (brokers) {
            *brokers = md->broker_cnt;
        }
        rd_kafka_metadata_destroy(md);
    }
    client_close(&cl);
    return st;
}

/* Waits for the one answer of an admin request. @return ST_OK, ST_IO; *ev may be NULL */
static enum status admin_answer(struct client *cl, rd_kafka_queue_t *answers, const char *what,
                                rd_kafka_event_t **ev, char *err) {
    *ev = rd_kafka_queue_poll(answers, ADMIN_WAIT_MS);
    rd_kafka_resp_err_t code = *ev ? rd_kafka_event_error(*ev) : RD_KAFKA_RESP_ERR__TIMED_OUT;
    return code ? client_fail(cl, what, code, err) : ST_OK;
}

/* What one CreateTopics request said of its topic; *code none: it is created. */
static enum status create_ask(struct client *cl, rd_kafka_NewTopic_t *topic, const char *name,
                              rd_kafka_resp_err_t *code, char *err) {
    rd_kafka_queue_t *answers = rd_kafka_queue_new(cl->rk);
    rd_kafka_event_t *ev = NULL;
    size_t n = 0;
    rd_kafka_CreateTopics(cl->rk, &topic, 1, NULL, answers);
    enum status st = admin_answer(cl, answers, name, &ev, err);
    if (!st) {
        const rd_kafka_topic_result_t **results =
            rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(ev), &n);
        *code = n > 0 ? rd_kafka_topic_result_error(results[0]) : RD_KAFKA_RESP_ERR_NO_ERROR;
        const char *text = n > 0 ? rd_kafka_topic_result_error_string(results[0]) : NULL;
        const char *fix = fix_of(*code);
        snprintf(err, CONFIG_ERROR_MAX, "topic %s not created: %.500s%s%.300s", name,
                 text ? text : rd_kafka_err2str(*code), fix[0] ? "; " : "", fix);
    }
    rd_kafka_event_destroy(ev); /* NULL is allowed */
    rd_kafka_queue_destroy(answers);
    return st;
}

/* @return ST_OK, with *code what the brokers said (and err, if that is something), ST_IO */
static enum status create_with(struct client *cl, const struct kafka_topic_spec *spec,
                               int16_t replication, rd_kafka_resp_err_t *code, char *err) {
    char text[256] = "";
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(spec->name, spec->partitions, replication, text, sizeof text);
    if (!topic) {
        snprintf(err, CONFIG_ERROR_MAX, "topic %s: %s", spec->name, text);
        return ST_IO;
    }
    enum status st = ST_OK;
    for (size_t i = 0; !st && i < spec->n_settings; i++) {
        const struct kafka_topic_setting *s = &spec->settings[i];
        if (rd_kafka_NewTopic_set_config(topic, s->name, s->value)) {
            snprintf(err, CONFIG_ERROR_MAX, "topic %s: bad setting %s", spec->name, s->name);
            st = ST_IO;
        }
    }
    st = st ? st : create_ask(cl, topic, spec->name, code, err);
    rd_kafka_NewTopic_destroy(topic);
    return st;
}

static int16_t replication_of(struct client *cl) {
    const struct rd_kafka_metadata *md = NULL;
    int n = 1;
    if (!rd_kafka_metadata(cl->rk, 0, NULL, &md, ADMIN_WAIT_MS)) {
        n = md->broker_cnt;
        rd_kafka_metadata_destroy(md);
    }
    return (int16_t)(n > REPLICATION_MAX ? REPLICATION_MAX : n);
}

/* Is the brokers' default unknown to them (before 2.4), or more than there are brokers? */
static bool refuses_default(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR ||
           code == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE ||
           code == RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION;
}

/* A topic that exists already is fine. While a broker goes, another becomes the controller, and the
 * number of brokers is told as it was. */
static enum status create_one(struct client *cl, const struct kafka_topic_spec *spec, bool *created,
                              char *err) {
    const struct timespec nap = {.tv_nsec = READER_NAP_MS * 1000000L};
    const int64_t deadline = clock_mono_ms() + VISIBLE_WAIT_MS;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    enum status st = create_with(cl, spec, spec->replication, &code, err);
    while (!st && clock_mono_ms() < deadline) {
        const bool fewer = spec->replication < 0 && refuses_default(code);
        if (!fewer && code != RD_KAFKA_RESP_ERR_NOT_CONTROLLER &&
            code != RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT) {
            break;
        }
        nanosleep(&nap, NULL);
        st = create_with(cl, spec, fewer ? replication_of(cl) : spec->replication, &code, err);
    }
    if (st) {
        return st;
    }
    *created = !code;
    return !code || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS ? ST_OK : ST_IO;
}

/* The controller answers before the brokers know: wait until the metadata has them. */
static enum status wait_visible(const struct config *cfg, const char *name, char *err) {
    const struct timespec nap = {.tv_nsec = 20 * 1000000L};
    const int64_t deadline = clock_mono_ms() + VISIBLE_WAIT_MS;
    struct kafka_topic_info info = {0};
    do {
        enum status st = kafka_topics_describe(cfg, &name, 1, VISIBLE_WAIT_MS, &info, NULL, err);
        if (st || info.partitions > 0) {
            return st;
        }
        nanosleep(&nap, NULL);
    } while (clock_mono_ms() < deadline);
    snprintf(err, CONFIG_ERROR_MAX, "topic %s was created and does not appear", name);
    return ST_IO;
}

enum status kafka_topics_create(const struct config *cfg, const char *const *names, size_t n,
                                int32_t partitions, int16_t replication, char *err) {
    struct client cl;
    enum status st = client_open(&cl, cfg, err);
    if (st) {
        return st;
    }
    for (size_t i = 0; !st && i < n; i++) {
        const struct kafka_topic_spec spec = {
            .name = names[i], .partitions = partitions, .replication = replication};
        bool created;
        st = create_one(&cl, &spec, &created, err);
    }
    client_close(&cl);
    for (size_t i = 0; !st && i < n; i++) {
        st = wait_visible(cfg, names[i], err);
    }
    return st;
}

enum status kafka_topic_create(const struct config *cfg, const struct kafka_topic_spec *spec,
                               bool *created, char *err) {
    struct client cl;
    bool is_new = false;
    enum status st = client_open(&cl, cfg, err);
    if (st) {
        return st;
    }
    st = create_one(&cl, spec, &is_new, err);
    client_close(&cl);
    st = st ? st : wait_visible(cfg, spec->name, err);
    if (!st && created) {
        *created = is_new;
    }
    return st;
}

enum status kafka_topic_partitions(const struct config *cfg, const char *topic, int timeout_ms,
                                   int32_t *partitions, char *err) {
    struct kafka_topic_info info = {0};
    enum status st = kafka_topics_describe(cfg, &topic, 1, timeout_ms, &info, NULL, err);
    if (st) {
        return st;
    }
    if (info.partitions > 0) {
        *partitions = info.partitions;
        return ST_OK;
    }
    snprintf(err, CONFIG_ERROR_MAX, "%s: %s", topic, info.error);
    return strcmp(info.error, MISSING) == 0 ? ST_NOT_FOUND : ST_IO;
}

/* The setting among all that were described, copied. */
static enum status config_copy(const rd_kafka_ConfigResource_t *res, const char *setting, char *buf,
                               size_t len, char *err) {
    size_t n = 0;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(res, &n);
    for (size_t i = 0; i < n; i++) {
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);
        if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), setting) != 0 || !value) {
            continue;
        }
        if (strlen(value) >= len) {
            snprintf(err, CONFIG_ERROR_MAX, "%s of %s is longer than %zu bytes", setting,
                     rd_kafka_ConfigResource_name(res), len - 1);
            return ST_RANGE;
        }
        snprintf(buf, len, "%s", value);
        return ST_OK;
    }
    snprintf(err, CONFIG_ERROR_MAX, "%s: the brokers know no %s", rd_kafka_ConfigResource_name(res),
             setting);
    return ST_NOT_FOUND;
}

static enum status config_result(struct client *cl, rd_kafka_event_t *ev, const char *topic,
                                 const char *setting, char *buf, size_t len, char *err) {
    size_t n = 0;
    const rd_kafka_ConfigResource_t **res =
        rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(ev), &n);
    rd_kafka_resp_err_t code =
        n > 0 ? rd_kafka_ConfigResource_error(res[0]) : RD_KAFKA_RESP_ERR__BAD_MSG;
    if (!code) {
        return config_copy(res[0], setting, buf, len, err);
    }
    (void)client_fail(cl, topic, code, err);
    return code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ? ST_NOT_FOUND : ST_IO;
}

enum status kafka_topic_config(const struct config *cfg, const char *topic, const char *setting,
                               char *buf, size_t len, char *err) {
    struct client cl;
    enum status st = client_open(&cl, cfg, err);
    if (st) {
        return st;
    }
    rd_kafka_queue_t *answers = rd_kafka_queue_new(cl.rk);
    rd_kafka_ConfigResource_t *asked = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    rd_kafka_event_t *ev = NULL;
    rd_kafka_DescribeConfigs(cl.rk, &asked, 1, NULL, answers);
    st = admin_answer(&cl, answers, topic, &ev, err);
    st = st ? st : config_result(&cl, ev, topic, setting, buf, len, err);
    rd_kafka_event_destroy(ev);
    rd_kafka_ConfigResource_destroy(asked);
    rd_kafka_queue_destroy(answers);
    client_close(&cl);
    return st;
}

enum status kafka_topic_delete_records(const struct config *cfg, const char *topic,
                                       int32_t partition, int64_t below, char *err) {
    struct client cl;
    enum status st = client_open(&cl, cfg, err);
    if (st) {
        return st;
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset =
        below < 0 ? RD_KAFKA_OFFSET_END : below;
    rd_kafka_DeleteRecords_t *asked = rd_kafka_DeleteRecords_new(list);
    rd_kafka_queue_t *answers = rd_kafka_queue_new(cl.rk);
    rd_kafka_event_t *ev = NULL;
    rd_kafka_DeleteRecords(cl.rk, &asked, 1, NULL, answers);
    st = admin_answer(&cl, answers, topic, &ev, err);
    if (!st) {
        rd_kafka_resp_err_t code = list_err(
            rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(ev)));
        st = code ? client_fail(&cl, topic, code, err) : ST_OK;
        st = code == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE ? ST_RANGE : st;
    }
    rd_kafka_event_destroy(ev);
    rd_kafka_queue_destroy(answers);
    rd_kafka_DeleteRecords_destroy(asked);
    rd_kafka_topic_partition_list_destroy(list);
    client_close(&cl);
    return st;
}

enum status kafka_topic_delete(const struct config *cfg, const char *topic, char *err) {
    struct client cl;
    enum status st = client_open(&cl, cfg, err);
    if (st) {
        return st;
    }
    rd_kafka_DeleteTopic_t *asked = rd_kafka_DeleteTopic_new(topic);
    rd_kafka_queue_t *answers = rd_kafka_queue_new(cl.rk);
    rd_kafka_event_t *ev = NULL;
    rd_kafka_DeleteTopics(cl.rk, &asked, 1, NULL, answers);
    st = admin_answer(&cl, answers, topic, &ev, err);
    if (!st) {
        size_t n = 0;
        const rd_kafka_topic_result_t **results =
            rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(ev), &n);
        const rd_kafka_resp_err_t code =
            n ? rd_kafka_topic_result_error(results[0]) : RD_KAFKA_RESP_ERR__BAD_MSG;
        st = code ? client_fail(&cl, topic, code, err) : ST_OK;
        st = code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ? ST_NOT_FOUND : st;
    }
    rd_kafka_event_destroy(ev);
    rd_kafka_queue_destroy(answers);
    rd_kafka_DeleteTopic_destroy(asked);
    client_close(&cl);
    return st;
}

enum status kafka_group_delete(const struct config *cfg, char *err) {
    struct client cl;
    enum status st = client_open(&cl, cfg, err);
    if (st) {
        return st;
    }
    rd_kafka_DeleteGroup_t *asked = rd_kafka_DeleteGroup_new(cfg->group);
    rd_kafka_queue_t *answers = rd_kafka_queue_new(cl.rk);
    rd_kafka_event_t *ev = NULL;
    rd_kafka_DeleteGroups(cl.rk, &asked, 1, NULL, answers);
    st = admin_answer(&cl, answers, cfg->group, &ev, err);
    if (!st) {
        size_t n = 0;
        const rd_kafka_group_result_t **results =
            rd_kafka_DeleteGroups_result_groups(rd_kafka_event_DeleteGroups_result(ev), &n);
        const rd_kafka_error_t *e = n ? rd_kafka_group_result_error(results[0]) : NULL;
        const rd_kafka_resp_err_t code = e ? rd_kafka_error_code(e) : RD_KAFKA_RESP_ERR_NO_ERROR;
        st = code ? client_fail(&cl, cfg->group, code, err) : ST_OK;
        st = code == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND ? ST_NOT_FOUND : st;
    }
    rd_kafka_event_destroy(ev);
    rd_kafka_queue_destroy(answers);
    rd_kafka_DeleteGroup_destroy(asked);
    client_close(&cl);
    return st;
}

enum status kafka_group_members(const struct config *cfg, int *members, char *err) {
    struct client cl;
    enum status st = client_open(&cl, cfg, err);
    if (st) {
        return st;
    }
    const struct rd_kafka_group_list *list = NULL;
    const rd_kafka_resp_err_t code = rd_kafka_list_groups(cl.rk, cfg->group, &list, ADMIN_WAIT_MS);
    if (code) {
        st = client_fail(&cl, cfg->group, code, err);
    } else {
        const struct rd_kafka_group_info *group = list->group_cnt > 0 ? &list->groups[0] : NULL;
        if (group && group->err) { /* its coordinator is on the way: nobody knows */
            st = client_fail(&cl, cfg->group, group->err, err);
        } else {
            *members = group ? group->member_cnt : 0;
        }
        rd_kafka_group_list_destroy(list);
    }
    client_close(&cl);
    return st;
}

enum status kafka_positions(const struct config *cfg, const char *topic, int32_t partition,
                            int timeout_ms, int64_t *committed, int64_t *low, int64_t *high,
                            char *err) {
    struct client cl;
    enum status st = client_open(&cl, cfg, err);
    if (st) {
        return st;
    }
    const int64_t deadline = clock_mono_ms() + timeout_ms;
    int64_t lo = -1;
    int64_t hi = -1;
    rd_kafka_resp_err_t code =
        rd_kafka_query_watermark_offsets(cl.rk, topic, partition, &lo, &hi, timeout_ms);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *e = rd_kafka_topic_partition_list_add(list, topic, partition);
    if (!code) {
        int64_t left = deadline - clock_mono_ms();
        code = rd_kafka_committed(cl.rk, list, left > 0 ? (int)left : 1);
    }
    if (!code) {
        code = list_err(list);
    }
    if (code) {
        st = client_fail(&cl, topic, code, err);
    } else {
        *committed = e->offset >= 0 ? e->offset : -1;
        *low = lo;
        *high = hi;
    }
    rd_kafka_topic_partition_list_destroy(list);
    client_close(&cl);
    return st;
}

int32_t kafka_partition_of(const char *partitioner, const void *key, size_t key_len,
                           int32_t n_partitions) {
    if (strcmp(partitioner, "consistent") == 0) {
        return rd_kafka_msg_partitioner_consistent(NULL, key, key_len, n_partitions, NULL, NULL);
    }
    return rd_kafka_msg_partitioner_murmur2(NULL, key, key_len, n_partitions, NULL, NULL);
}

struct sample {
    size_t n, murmur2, consistent;
    bool end;
};

static void sample_one(struct sample *s, const rd_kafka_message_t *m, int32_t n_partitions) {
    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        s->end = true;
        return;
    }
    if (!m->key || m->key_len == 0) {
        return;
    }
    s->n++;
    s->murmur2 += kafka_partition_of("murmur2", m->key, m->key_len, n_partitions) == m->partition;
    s->consistent +=
        kafka_partition_of("consistent", m->key, m->key_len, n_partitions) == m->partition;
}

/* Reads until there are `max` keys, the end, an error or the deadline. */
static rd_kafka_resp_err_t sample_read(rd_kafka_t *rk, int32_t n_partitions, size_t max,
                                       int64_t deadline, struct sample *s) {
    while (s->n < max && !s->end) {
        int64_t left = deadline - clock_mono_ms();
        if (left <= 0) {
            return s->n > 0 ? RD_KAFKA_RESP_ERR_NO_ERROR : RD_KAFKA_RESP_ERR__TIMED_OUT;
        }
        rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, (int)left);
        if (!m) {
            continue;
        }
        rd_kafka_resp_err_t code = m->err;
        if (code && code != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            rd_kafka_message_destroy(m);
            return code;
        }
        sample_one(s, m, n_partitions);
        rd_kafka_message_destroy(m);
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

enum status kafka_sample_partitioner(const struct config *cfg, const char *topic, int32_t partition,
                                     int32_t n_partitions, size_t max, int timeout_ms,
                                     size_t *sampled, size_t *murmur2, size_t *consistent,
                                     char *err) {
    if (n_partitions < 1) {
        snprintf(err, CONFIG_ERROR_MAX, "%s: no partitions", topic);
        return ST_IO;
    }
    struct client cl;
    enum status st = client_open(&cl, cfg, err);
    if (st) {
        return st;
    }
    const int64_t deadline = clock_mono_ms() + timeout_ms;
    struct sample s = {0};
    int64_t low = 0;
    int64_t high = 0;
    /* Asks for the metadata on the way, so that the fetch need not wait for a tick. */
    rd_kafka_resp_err_t code =
        rd_kafka_query_watermark_offsets(cl.rk, topic, partition, &low, &high, timeout_ms);
    if (!code) {
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(list, topic, partition)->offset = low;
        code = rd_kafka_assign(cl.rk, list);
        rd_kafka_topic_partition_list_destroy(list);
    }
    if (!code) {
        code = sample_read(cl.rk, n_partitions, max, deadline, &s);
    }
    if (code) {
        st = client_fail(&cl, topic, code, err);
    } else {
        *sampled = s.n;
        *murmur2 = s.murmur2;
        *consistent = s.consistent;
    }
    client_close(&cl);
    return st;
}

const char *kafka_version(void) {
    return rd_kafka_version_str();
}

/* ---- embedded broker --------------------------------------------------------------------- */

struct kafka_embedded {
    rd_kafka_t *rk; /* the mock cluster's helper; itself connected to nothing */
    rd_kafka_mock_cluster_t *cluster;
};

enum status kafka_embedded_start(const char *const *topics, size_t n, int32_t partitions,
                                 struct kafka_embedded **out, char *err) {
    struct kafka_embedded *e = calloc(1, sizeof *e);
    if (!e) {
        return ST_NOMEM;
    }
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, log_line);
    enum status st = handle_new(RD_KAFKA_PRODUCER, conf, &e->rk, err);
    if (st) {
        goto fail;
    }
    e->cluster = rd_kafka_mock_cluster_new(e->rk, EMBEDDED_BROKERS);
    if (!e->cluster) {
        snprintf(err, CONFIG_ERROR_MAX, "the embedded broker cannot listen on 127.0.0.1");
        st = ST_IO;
        goto fail;
    }
#if RD_KAFKA_VERSION >= 0x020600ff
    rd_kafka_mock_group_initial_rebalance_delay_ms(e->cluster, 0); /* before: 3 s */
#endif
    for (size_t i = 0; i < n; i++) {
        rd_kafka_resp_err_t code =
            rd_kafka_mock_topic_create(e->cluster, topics[i], partitions, EMBEDDED_BROKERS);
        if (code) {
            snprintf(err, CONFIG_ERROR_MAX, "topic %s: %s", topics[i], rd_kafka_err2str(code));
            st = ST_IO;
            goto fail;
        }
    }
    *out = e;
    return ST_OK;

fail:
    kafka_embedded_stop(e);
    return st;
}

const char *kafka_embedded_brokers(const struct kafka_embedded *e) {
    return rd_kafka_mock_cluster_bootstraps(e->cluster);
}

void kafka_embedded_stop(struct kafka_embedded *e) {
    if (!e) {
        return;
    }
    if (e->cluster) {
        rd_kafka_mock_cluster_destroy(e->cluster);
    }
    if (e->rk) {
        rd_kafka_destroy(e->rk);
    }
    free(e);
}
