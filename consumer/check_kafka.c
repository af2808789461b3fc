/* SPDX-License-Identifier: Apache-2.0
 * check_kafka.c -- crossrec check, the steps that ask Kafka. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "check.h"
#include "clock.h"

enum {
    PARTITIONS_DEFAULT = 4, /* where there is no other topic to go by           */
    SAMPLE_PARTITIONS = 8,  /* of a topic                                       */
    SAMPLE_KEYS = 100,      /* of a partition                                   */
    ASK_MIN_MS = 100,       /* with less time left a question is not begun      */
};

/* The version of librdkafka that mended SCRAM against Kafka 4. */
static const long MENDED_SCRAM[3] = {2, 6, 1};

/* Of librdkafka's options, "" if not set. */
static const char *option(const struct check *c, const char *key) {
    for (uint32_t i = 0; i < c->cfg->n_kafka; i++) {
        if (strcmp(c->cfg->kafka[i].key, key) == 0) {
            return c->cfg->kafka[i].value;
        }
    }
    return "";
}

static const char *brokers(const struct check *c) {
    return option(c, "bootstrap.servers");
}

/* What Kafka's own tools need beside --bootstrap-server. */
static const char *tool_config(const struct check *c) {
    const char *protocol = option(c, "security.protocol");
    return protocol[0] && strcmp(protocol, "plaintext") != 0 ? " --command-config client.properties"
                                                             : "";
}

/* ---- reachable ------------------------------------------------------------------------- */

/* "2.0.2" is before 2.6.1; what is no version is not. */
static bool is_before(const char *version, const long than[3]) {
    for (int i = 0; i < 3; i++) {
        char *end = NULL;
        const long part = strtol(version, &end, 10);
        if (end == version || part > than[i]) {
            return false;
        }
        if (part < than[i]) {
            return true;
        }
        version = end + (*end == '.');
    }
    return false;
}

/* SCRAM of librdkafka before 2.6.1 repeats the client's nonce; Kafka 4 refuses that as
 * "invalid credentials" (librdkafka PR 4895). */
static bool has_old_scram(const struct check *c) {
    const char *mechanism = option(c, "sasl.mechanism");
    mechanism = mechanism[0] ? mechanism : option(c, "sasl.mechanisms");
    return strncmp(mechanism, "SCRAM", 5) == 0 && is_before(kafka_version(), MENDED_SCRAM);
}

void check_reachable(struct check *c) {
    const char *names[CHECK_TOPICS_MAX];
    size_t n = 0;
    char err[CONFIG_ERROR_MAX];
    for (uint32_t i = 0; i < c->cfg->n_topics; i++) {
        names[n++] = c->cfg->topics[i].name;
    }
    names[n++] = c->cfg->dead_letters;
    for (uint32_t i = 0; i < c->cfg->n_globals; i++) {
        names[n++] = c->cfg->globals[i].name;
    }
    for (uint32_t i = 0; i < c->cfg->n_raws; i++) {
        names[n++] = c->cfg->raws[i].name;
    }
    c->n_topics = n;
    if (has_old_scram(c)) {
        report_note(&c->report,
                    "kafka: SCRAM of librdkafka %s does not work with Kafka 4 (\"invalid "
                    "credentials\" with the right password): use librdkafka 2.6.1 or newer, "
                    "or SASL PLAIN or mTLS",
                    kafka_version());
    }
    if (kafka_topics_describe(c->cfg, names, n, CHECK_STEP_MS, c->topics, &c->brokers, err)) {
        report_problem(&c->report, "%s (kafka.bootstrap.servers is %s)", err, brokers(c));
        return;
    }
    c->kafka = true;
    report_ok(&c->report, "kafka: %s answers, %d broker%s; librdkafka %s", brokers(c), c->brokers,
              c->brokers == 1 ? "" : "s", kafka_version());
}

/* ---- topics ---------------------------------------------------------------------------- */

/* What the other input topics have, for those that are missing. */
static int32_t usual_partitions(const struct check *c) {
    for (uint32_t i = 0; i < c->cfg->n_topics; i++) {
        if (c->topics[i].partitions > 0) {
            return c->topics[i].partitions;
        }
    }
    return PARTITIONS_DEFAULT;
}

static void check_topic(struct check *c, size_t i) {
    const struct kafka_topic_info *t = &c->topics[i];
    const bool letters = i == c->cfg->n_topics;
    const bool global = i > c->cfg->n_topics && i <= c->cfg->n_topics + c->cfg->n_globals;
    const bool input = i < c->cfg->n_topics;
    const char *what = letters  ? "dead-letter topic"
                       : global ? "global topic"
                       : input  ? "topic"
                                : "topic to be repartitioned";
    if (t->partitions > 0) {
        report_ok(&c->report, "%s %s: %" PRId32 " partition%s", what, t->name, t->partitions,
                  t->partitions == 1 ? "" : "s");
    } else if (strcmp(t->error, "does not exist") == 0) {
        report_problem(&c->report,
                       "%s %s does not exist; type kafka-topics.sh --bootstrap-server %s%s "
                       "--create --topic %s --partitions %" PRId32 "%s",
                       what, t->name, brokers(c), tool_config(c), t->name,
                       input ? usual_partitions(c) : 1,
                       global ? " --config cleanup.policy=compact" : "");
    } else if (strstr(t->error, "authorization")) {
        report_problem(&c->report,
                       "%s %s: %s; type kafka-acls.sh --bootstrap-server %s%s --add "
                       "--allow-principal User:NAME --operation Describe --operation %s --topic %s",
                       what, t->name, t->error, brokers(c), tool_config(c),
                       letters ? "Write" : "Read", t->name);
    } else {
        report_problem(&c->report,
                       "%s %s: %s; type kafka-topics.sh --bootstrap-server %s%s --describe "
                       "--topic %s",
                       what, t->name, t->error, brokers(c), tool_config(c), t->name);
    }
}

/* Task p is partition p of every input topic. */
static void check_equal_counts(struct check *c) {
    char counts[512];
    size_t n = 0;
    size_t known = 0;
    int32_t most = 0;
    bool equal = true;
    for (uint32_t i = 0; i < c->cfg->n_topics; i++) {
        const struct kafka_topic_info *t = &c->topics[i];
        if (t->partitions == 0) {
            continue;
        }
        equal = equal && (most == 0 || t->partitions == most);
        most = t->partitions > most ? t->partitions : most;
        known++;
        if (n < sizeof counts) {
            n += (size_t)snprintf(counts + n, sizeof counts - n, "%s%.100s %" PRId32, n ? ", " : "",
                                  t->name, t->partitions);
        }
    }
    if (known > 1 && equal) {
        report_ok(&c->report, "partition counts of the input topics are equal");
    } else if (known > 1) {
        report_problem(&c->report,
                       "input topics have different partition counts (%s), and crossrec takes "
                       "partition p of all of them together; create them anew with equal counts, "
                       "or, while a topic is empty, type kafka-topics.sh --bootstrap-server %s%s "
                       "--alter --topic NAME --partitions %" PRId32,
                       counts, brokers(c), tool_config(c), most);
    }
}

void check_topics(struct check *c) {
    for (size_t i = 0; c->kafka && i < c->n_topics; i++) {
        check_topic(c, i);
    }
    if (c->kafka) {
        check_equal_counts(c);
    }
}

/* ---- partitioner ----------------------------------------------------------------------- */

struct sample {
    size_t n, murmur2, consistent; /* keys; those that lie where it would put them */
    bool partly;                   /* not every partition that was asked answered  */
    char err[CONFIG_ERROR_MAX];
};

static void sample_topic(const struct check *c, const struct kafka_topic_info *t,
                         int64_t deadline_ms, struct sample *s) {
    for (int32_t p = 0; p < t->partitions && p < SAMPLE_PARTITIONS; p++) {
        size_t n = 0;
        size_t murmur2 = 0;
        size_t consistent = 0;
        const int64_t left = deadline_ms - clock_mono_ms();
        if (left < ASK_MIN_MS) {
            s->partly = true;
            return;
        }
        if (kafka_sample_partitioner(c->cfg, t->name, p, t->partitions, SAMPLE_KEYS, (int)left, &n,
                                     &murmur2, &consistent, s->err)) {
            s->partly = true;
            continue;
        }
        s->n += n;
        s->murmur2 += murmur2;
        s->consistent += consistent;
    }
}

static void judge(struct check *c, const char *topic, const struct sample *s) {
    const char *mine = c->cfg->partitioner;
    if (strcmp(mine, "any") == 0) {
        report_note(&c->report,
                    "partitioner: %s: any; whether all events of a user lie in one partition is "
                    "not looked at",
                    topic);
        return;
    }
    const bool murmur2 = strcmp(mine, "murmur2") == 0;
    const char *other = murmur2 ? "consistent" : "murmur2";
    if (s->n == 0) {
        report_note(&c->report, "partitioner: %s has no keyed records to judge by%s%s", topic,
                    s->partly ? ": " : "", s->partly ? s->err : "");
    } else if ((murmur2 ? s->murmur2 : s->consistent) == s->n) {
        report_ok(&c->report, "partitioner: %zu keys of %s lie where %s puts them", s->n, topic,
                  mine);
    } else if ((murmur2 ? s->consistent : s->murmur2) == s->n) {
        report_problem(&c->report,
                       "partitioner: %zu keys of %s lie where %s puts them, not %s; if the "
                       "producers of all input topics use it, type --set partitioner=%s",
                       s->n, topic, other, mine, other);
    } else {
        report_problem(&c->report,
                       "partitioner: of %zu keys of %s, %zu lie where murmur2 (Java) puts them "
                       "and %zu where consistent (librdkafka) does; give all producers of it "
                       "one partitioner (librdkafka: partitioner=murmur2_random), the user id as "
                       "key, and create the topic anew if partitions were added to it",
                       s->n, topic, s->murmur2, s->consistent);
    }
}

void check_partitioner(struct check *c) {
    const int64_t deadline_ms = clock_mono_ms() + CHECK_STEP_MS;
    for (uint32_t i = 0; c->kafka && i < c->cfg->n_topics; i++) {
        const struct kafka_topic_info *t = &c->topics[i];
        struct sample s = {.err = "time is up"};
        if (t->partitions == 1) {
            report_ok(&c->report, "partitioner: %s has one partition, any will do", t->name);
        } else if (t->partitions > 1) {
            sample_topic(c, t, deadline_ms, &s);
            judge(c, t->name, &s);
        }
    }
}

/* ---- positions of the group ------------------------------------------------------------- */

struct group {
    int32_t asked, committed; /* partitions                                  */
    int64_t behind;           /* records from the position, or the first, on */
    int64_t gone;             /* removed before they were passed             */
    int32_t beyond;           /* partition whose position is beyond its end  */
};

/* False if a question failed, which was reported. */
static bool add_partition(struct check *c, const char *topic, int32_t p, int timeout_ms,
                          struct group *g) {
    int64_t committed = -1;
    int64_t low = 0;
    int64_t high = 0;
    char err[CONFIG_ERROR_MAX];
    if (kafka_positions(c->cfg, topic, p, timeout_ms, &committed, &low, &high, err)) {
        report_problem(&c->report, "group %s: %s%s", c->cfg->group, err,
                       strstr(err, "; ") ? "" : "; type crossrec check again");
        return false;
    }
    g->asked++;
    g->committed += committed >= 0;
    g->behind += committed > low ? (committed < high ? high - committed : 0) : high - low;
    g->gone += committed >= 0 && committed < low ? low - committed : 0;
    g->beyond = committed > high ? p : g->beyond;
    return true;
}

static void report_group(struct check *c, const struct kafka_topic_info *t, const struct group *g) {
    const char *name = c->cfg->group;
    char of[64] = "";
    if (g->asked < t->partitions) {
        snprintf(of, sizeof of, " (first %" PRId32 " partitions)", g->asked);
    }
    if (g->beyond >= 0) {
        report_problem(&c->report,
                       "group %s: its position in %s [%" PRId32 "] is beyond the end: the topic "
                       "was created anew; type kafka-consumer-groups.sh --bootstrap-server %s%s "
                       "--group %s --topic %s --reset-offsets --to-earliest --execute",
                       name, t->name, g->beyond, brokers(c), tool_config(c), name, t->name);
    } else if (g->committed == 0) {
        report_ok(&c->report, "group %s: %s: nothing committed yet, %" PRId64 " records%s", name,
                  t->name, g->behind, of);
    } else {
        report_ok(&c->report,
                  "group %s: %s: positions in %" PRId32 " of %" PRId32 " partitions, %" PRId64
                  " records after them%s",
                  name, t->name, g->committed, g->asked, g->behind, of);
    }
    if (g->gone > 0) {
        report_note(&c->report,
                    "group %s: %s: %" PRId64 " records were removed (retention) before they were "
                    "passed",
                    name, t->name, g->gone);
    }
}

void check_positions(struct check *c) {
    const int64_t deadline_ms = clock_mono_ms() + CHECK_STEP_MS;
    for (uint32_t i = 0; c->kafka && i < c->cfg->n_topics; i++) {
        const struct kafka_topic_info *t = &c->topics[i];
        struct group g = {.beyond = -1};
        int64_t left = deadline_ms - clock_mono_ms();
        for (int32_t p = 0; p < t->partitions && left >= ASK_MIN_MS; p++) {
            if (!add_partition(c, t->name, p, (int)left, &g)) {
                return; /* the next one would say the same */
            }
            left = deadline_ms - clock_mono_ms();
        }
        if (g.asked > 0) {
            report_group(c, t, &g);
        } else if (t->partitions > 0) {
            report_note(&c->report, "group %s: %s: no time left to ask", c->cfg->group, t->name);
        }
    }
}
