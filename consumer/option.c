/* SPDX-License-Identifier: Apache-2.0
 *
 * option.c -- see option.h: the table, and what its strings must look like. How values are read
 * and written is option_value.c and, of the options with a name in their name, option_member.c.
 */
#include "option.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mapping_field.h"
#include "shipped.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

/* ---- checks of strings ---------------------------------------------------------- */

static const char LOWER[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
static const char NAME[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

bool option_is_made_of(const char *text, const char *allowed) {
    return *text && text[strspn(text, allowed)] == '\0';
}

const char *option_bad_domain(const char *name) {
    return option_is_made_of(name, LOWER) ? NULL : "must be made of a-z, 0-9, _ and -";
}

const char *option_bad_topic(const char *name) {
    bool dots = strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
    return option_is_made_of(name, NAME) && !dots ? NULL
                                                  : "must be made of letters, digits, '.', _ and -";
}

static const char *bad_group(const char *text) {
    for (const char *p = text; *p; p++) {
        if ((unsigned char)*p <= ' ' || *p == 0x7f) {
            return "must not have spaces";
        }
    }
    return *text ? NULL : "must not be empty";
}

static const char *bad_instance(const char *text) {
    return *text ? option_bad_topic(text) : NULL;
}

/* ':' separates the parts of a key, braces are hash tags of a cluster, and *?[ would widen
 * the patterns of an ACL. */
static const char *bad_prefix(const char *text) {
    return option_is_made_of(text, NAME)
               ? NULL
               : "must be made of letters, digits, '.', _ and -, without ':'";
}

static bool is_port(const char *text, long min) {
    if (!option_is_made_of(text, "0123456789") || strlen(text) > 5) {
        return false;
    }
    long port = strtol(text, NULL, 10);
    return port >= min && port <= 65535;
}

static bool is_host_port(const char *text, long min_port) {
    const char *colon = strrchr(text, ':');
    if (!colon || colon == text || !is_port(colon + 1, min_port)) {
        return false;
    }
    size_t n = (size_t)(colon - text);
    if (text[0] == '[') {
        return n > 2 && text[n - 1] == ']' &&
               strspn(text + 1, "0123456789abcdefABCDEF:.%") == n - 2;
    }
    return strcspn(text, ": \t[]/") == n;
}

static const char REDIS_ADDRESS[] = "must be host:port, [v6]:port or unix:/path, or host:port of "
                                    "several nodes of one cluster by commas";

static const char *bad_redis_address(const char *text) {
    bool path = strncmp(text, "unix:/", 6) == 0 && text[6];
    char one[CONFIG_VALUE_MAX];
    const char *p = text;
    for (size_t n = strcspn(p, ","); !path && p[n] == ','; n = strcspn(p, ",")) {
        snprintf(one, sizeof one, "%.*s", (int)n, p);
        if (!is_host_port(one, 1)) {
            return REDIS_ADDRESS;
        }
        p += n + 1;
    }
    return path || is_host_port(p, 1) ? NULL : REDIS_ADDRESS;
}

static const char *bad_http_address(const char *text) {
    bool off = strcmp(text, "off") == 0;
    return off || is_host_port(text, 0) ? NULL : "must be host:port, [v6]:port or off";
}

/* One or several, by commas. */
static const char *bad_registry_url(const char *text) {
    for (const char *p = text; *p;) {
        const size_t n = strcspn(p, ",");
        const size_t scheme = strncmp(p, "https://", 8) == 0  ? 8
                              : strncmp(p, "http://", 7) == 0 ? 7
                                                              : 0;
        const size_t plain = strcspn(p, "@ \t\"<>");
        if (!scheme || n == scheme || plain < n) {
            return "must be http://host:port or https://..., several by commas, without user and "
                   "password: those are registry.user and registry.password";
        }
        p += n;
        if (*p == ',' && !*++p) {
            return "must not end with a comma";
        }
    }
    return NULL;
}

static const char *bad_schema(const char *text) {
    enum reader reader;
    const size_t n = strlen(text);
    const bool file = n > 5 && strcmp(text + n - 5, ".avsc") == 0;
    return !n || file || !reader_of(text, &reader)
               ? NULL
               : "must be CourseView, FoodOrder, SocialInteraction, Feedback, Item, UserProfile, "
                 "PrivacyRequest, Identity, Event or a file NAME.avsc";
}

/* A path in a schema, or a constant. Which names there are, only the schema knows. */
static const char *bad_path(const char *text) {
    static const char bad[] = "must be a path such as user_id, lines[].dish_id or attributes{}, or "
                              "a constant in double quotes";
    if (*text == '"') {
        const char *end = strchr(text + 1, '"');
        return end && end > text + 1 && !end[1] ? NULL : bad;
    }
    for (const char *p = text; *p;) {
        const size_t name = strcspn(p, ".[]{}\" \t");
        p += name;
        const bool several = strncmp(p, "[]", 2) == 0 || strncmp(p, "{}", 2) == 0;
        p += several ? 2 : 0;
        if (!name || (*p && *p != '.') || (*p == '.' && !p[1])) {
            return bad;
        }
        p += *p == '.';
    }
    return NULL;
}

/* "18,25,35": the ages at which bands begin. */
static const char *bad_bands(const char *text) {
    long before = 0;
    for (const char *p = text; *p;) {
        const size_t n = strspn(p, "0123456789");
        const long age = n && n < 4 ? strtol(p, NULL, 10) : 0;
        p += n;
        if (age <= before || age > 150 || (*p && (*p != ',' || !*++p))) {
            return "must be ascending ages by commas, such as 18,25,35,50,65";
        }
        before = age;
    }
    return NULL;
}

/* ---- the table ------------------------------------------------------------------ */

#define FIELD(type, field) offsetof(struct type, field), sizeof(((struct type *)0)->field)
#define TEXT(sec, key, field, def, check, help)                                                    \
    { SCOPE_CONFIG, sec, key, OPTION_STRING, FIELD(config, field), def, 0, 0, "", help, check }
#define SECRET(sec, key, field, help)                                                              \
    { SCOPE_CONFIG, sec, key, OPTION_SECRET, FIELD(config, field), "", 0, 0, "", help, NULL }
#define WORD(sec, key, type, field, def, words, help)                                              \
    { SCOPE_CONFIG, sec, key, type, FIELD(config, field), def, 0, 0, words, help, NULL }
#define NUMBER(sec, key, field, def, min, max, unit, help)                                         \
    { SCOPE_CONFIG, sec, key, OPTION_INT, FIELD(config, field), def, min, max, unit, help, NULL }
#define COUNT(sec, key, field, def, min, max, help)                                                \
    { SCOPE_CONFIG, sec, key, OPTION_COUNT, FIELD(config, field), def, min, max, "", help, NULL }
#define REAL(sec, key, field, def, min, max, unit, help)                                           \
    { SCOPE_CONFIG, sec, key, OPTION_REAL, FIELD(config, field), def, min, max, unit, help, NULL }
#define TIME(sec, key, field, def, min, max, help)                                                 \
    { SCOPE_CONFIG, sec, key, OPTION_DURATION, FIELD(config, field), def, min, max, "", help, NULL }
#define TIME_AUTO(sec, key, field, min, max, help)                                                 \
    { SCOPE_CONFIG, sec, key, OPTION_AUTO, FIELD(config, field), "auto", min, max, "", help, NULL }
#define OF_DOMAIN(key, field, def, help)                                                           \
    {                                                                                              \
        SCOPE_DOMAIN, "domain.NAME", key, OPTION_BOOL, FIELD(config_domain, field), def, 0, 0, "", \
            help, NULL                                                                             \
    }
#define OF_DOMAIN_NUMBER(key, field, def, min, max, unit, help)                                    \
    {                                                                                              \
        SCOPE_DOMAIN, "domain.NAME", key, OPTION_INT, FIELD(config_domain, field), def, min, max,  \
            unit, help, NULL                                                                       \
    }
#define OF_TOPIC(key, type, field, def, words, help, check)                                        \
    {                                                                                              \
        SCOPE_TOPIC, "topic.NAME", key, type, FIELD(config_topic, field), def, 0, 0, words, help,  \
            check                                                                                  \
    }
#define PATH(key, field, help)                                                                     \
    {                                                                                              \
        SCOPE_TOPIC, "topic.NAME", key, OPTION_STRING, offsetof(struct config_topic, path[field]), \
            CONFIG_NAME_MAX, "", 0, 0, "", help, bad_path                                          \
    }
#define OF_TOPIC_NUMBER(key, type, field, def, min, max, unit, help)                               \
    {                                                                                              \
        SCOPE_TOPIC, "topic.NAME", key, type, FIELD(config_topic, field), def, min, max, unit,     \
            help, NULL                                                                             \
    }
#define OF_TRIGGER(key, field, def, help)                                                          \
    {                                                                                              \
        SCOPE_TRIGGER, "trigger.NAME", key, OPTION_STRING, FIELD(config_trigger, field), def, 0,   \
            0, "", help, NULL                                                                      \
    }
#define OF_TRIGGER_NUMBER(key, type, field, def, min, max, unit, help)                             \
    {                                                                                              \
        SCOPE_TRIGGER, "trigger.NAME", key, type, FIELD(config_trigger, field), def, min, max,     \
            unit, help, NULL                                                                       \
    }
#define SYMBOL(key, field, help)                                                                   \
    {                                                                                              \
        SCOPE_TOPIC, "topic.NAME", key, OPTION_SYMBOL, FIELD(config_topic, symbols), "", field,    \
            field, "", help, NULL                                                                  \
    }

/* clang-format off */
static const struct option OPTIONS[] = {
    TEXT("crossrec", "group", group, "crossrec", bad_group,
         "Consumer group; its instances share the work."),
    TEXT("crossrec", "instance.id", instance_id, "", bad_instance,
         "Name of this process, unlike any other of the group; empty: host name and pid."),
    WORD("crossrec", "static.members", OPTION_BOOL, static_members, "no", "",
         "instance.id is also the name of a static member: a restart within session.timeout.ms moves "
         "no task; after a stop for good the tasks wait so long."),
    WORD("crossrec", "clock", OPTION_ENUM, clock, "wall", "wall|stream",
         "What \"now\" is: the wall clock, or the largest event time taken (demo, replay)."),
    WORD("crossrec", "state", OPTION_ENUM, state, "kafka", "memory|kafka",
         "Where the state of users and the shared model live: kafka (changelog topics, in "
         "transactions), or memory (everything is read again at each start)."),
    WORD("crossrec", "similar", OPTION_BOOL, similar, "yes", "",
         "Also write which items go with each item."),
    TEXT("state", "topic", state_topic, "crossrec-state", option_bad_topic,
         "Compacted topic of users and tasks; made when it does not exist."),
    TEXT("state", "dir", state_dir, "", NULL,
         "Folder of the checkpoints, which make a restart fast; empty: none, the changelog is read."),
    TIME("state", "checkpoint.interval", checkpoint_ms, "15s", 1000, DAY,
         "How often the checkpoints are written."),
    TEXT("model", "topic", model_topic, "crossrec-model", option_bad_topic,
         "Topic, of one partition, of what the instances tell each other; made when it does not "
         "exist."),
    TEXT("model", "items.topic", items_topic, "crossrec-model-items", option_bad_topic,
         "Compacted topic of the shared model, for instances that join."),
    TEXT("outbox", "topic", outbox_topic, "crossrec-triggers", option_bad_topic,
         "Topic of triggers on their way to Redis."),
    TIME("trigger", "max.age", trigger_max_age_ms, "1d", SECOND, 7 * DAY,
         "Events older than this make no triggers."),
    NUMBER("trigger", "maxlen", trigger_maxlen, "100000", 100, 1000000000, "entries a stream",
           "Above (roughly), the oldest entries of a stream are dropped, read or not."),
    WORD("crossrec", "log.level", OPTION_ENUM, log_level, "info", "debug|info|warn|error",
         "Lines below this level are not logged."),
    TEXT("crossrec", "schemas.dir", schemas_dir, "", NULL,
         "Folder with a writer schema per id; empty: the shipped ones, ids 1 to 12."),
    TEXT("crossrec", "dead.letters", dead_letters, "crossrec-dead-letters", option_bad_topic,
         "Topic for events that cannot be used, as they came, with the reason."),
    TEXT("crossrec", "events", events, "crossrec-events", option_bad_topic,
         "Topic that intake = repartition writes to, keyed by user."),
    WORD("crossrec", "partitioner", OPTION_CHOICE, partitioner, "murmur2", "murmur2|consistent|any",
         "How producers choose the partition of a key: murmur2 (Java), consistent (librdkafka); "
         "any: not checked."),
    TIME("crossrec", "late.max", late_max_ms, "1d", 0, 3650 * DAY,
         "Events later than this only count for features and for what was already taken."),
    TIME("merge", "max.wait", merge_max_wait_ms, "500ms", 0, 7 * DAY,
         "Longest wait for a topic that has records below its known end."),
    TIME("merge", "max.start", merge_max_start_ms, "30s", 0, 7 * DAY,
         "The same of a task that was just assigned, until its topics have come to where they ended."),
    TIME("merge", "max.idle", merge_max_idle_ms, "0", 0, 7 * DAY,
         "Wait for a topic that stands at its end."),
    NUMBER("merge", "buffer", merge_buffer, "20000", 1, 10000000, "events a topic partition",
           "Events read ahead; above, reading pauses."),
    NUMBER("learn", "mini.batch", mini_batch, "256", 1, 65536, "events",
           "Events of a task that move the shared model together."),
    NUMBER("learn", "seed", seed, "1", 0, INT64_MAX, "",
           "Of everything drawn: the same seed and events give the same model."),
    NUMBER("learn", "ranker.rate", ranker_rate, "100", 0, 1000000, "events a second",
           "A task's ranker learns from so many of them, by their time; 0: from every one."),
    NUMBER("learn", "user.rate", user_rate, "600", 0, 1000000000, "events a minute",
           "More of one user than this are counted and not learned; 0: any number."),
    COUNT("segments", "k", segments_k, "8", 2, 16,
          "Segments that users are divided into; auto: 6 to 12, as the first users suggest."),
    NUMBER("segments", "seed.users", segments_seed_users, "1000", 2, 10000000, "users",
           "Users seen before the segments are first placed."),
    NUMBER("segments", "users.min", segments_users_min, "20", 1, 1000000000, "users",
           "A segment of fewer has no key in Redis: members that the owner of task 0 counted."),
    REAL("segments", "half.life", segments_half_life, "20000", 1, INT64_C(1000000000), "votes",
         "Votes after which an older vote counts half."),
    NUMBER("prequential", "sample", prequential_sample, "16", 0, 1000000, "events",
           "One event in so many is tested before it is learned; 0: none."),
    REAL("rank", "diversity", rank_diversity, "0", 0, 1, "",
         "0: lists by score alone; 1: by how well their categories fit the user's own mix alone."),
    REAL("rank", "explore", rank_explore, "0", 0, 1, "of the slots",
         "Share of the slots behind the third that show something else, to find out."),
    NUMBER("publish", "n", list_n, "10", 1, CONFIG_LIST_MAX, "items a list",
           "Length of a list."),
    TIME("publish", "interval", publish_interval_ms, "100ms", 1, 10 * SECOND,
         "Lists follow a user's news by so much; at once where those like him hardly do more."),
    TIME("publish", "max.lag", publish_max_lag_ms, "30s", 100, 365 * DAY,
         "Further behind, it only learns; lists follow when it has caught up."),
    TIME("publish", "ttl", publish_ttl_ms, "7d", SECOND, 365 * DAY,
         "Life of a list in Redis."),
    TIME_AUTO("publish", "refresh", publish_refresh_ms, 100, 365 * DAY,
              "Lists of quiet users are ranked again this often; auto: 6h, at most ttl/4."),
    NUMBER("publish", "rate", publish_rate, "20000", 1, 10000000, "lists a second",
           "Limit while everything is published again."),
    WORD("publish", "user", OPTION_BOOL, publish_user, "yes", "",
         "Also write a user's card: segment, lifecycle, engagement, counts, categories."),
    WORD("publish", "changed", OPTION_BOOL, publish_changed, "yes", "",
         "Also send the user of each list that is written to the channel TARGET:changed."),
    TIME("user", "interval", user_interval_ms, "1m", 0, DAY,
         "A user's card is written at most this often, but for another segment or lifecycle."),
    TIME("similar", "interval", similar_interval_ms, "1h", 100, 365 * DAY,
         "Every item's similar items are looked at once in this time."),
    NUMBER("similar", "takes.min", similar_takes_min, "5", 1, 1000000000, "takes",
           "An item that was taken less has no similar items."),
    TIME("commit", "interval", commit_interval_ms, "1s", 10, MINUTE,
         "Offsets are committed this often."),
    TIME("commit", "history", commit_history_ms, "6h", 0, 365 * DAY,
         "Beside other instances also whenever the events learned span this time: history that is "
         "read fast is not learned without what the others have counted; 0: never."),
    REAL("breaker", "share", breaker_share, "0.5", 0, 1, "of the records",
         "Intake stops when more than this share of the last records was bad; 1: never."),
    NUMBER("breaker", "window", breaker_window, "1000", 10, 65536, "records",
           "Records looked back at."),
    TIME("breaker", "retry", breaker_retry_ms, "30s", 100, DAY,
         "Intake is tried again after this."),
    TEXT("registry", "url", registry_url, "", bad_registry_url,
         "Schema registry (Confluent's API), several by commas, tried in order; empty: none."),
    TEXT("registry", "user", registry_user, "", NULL, "For basic authentication; empty: none."),
    SECRET("registry", "password", registry_password,
           "Better in the environment: CROSSREC_REGISTRY_PASSWORD."),
    TEXT("registry", "ca", registry_ca, "", NULL,
         "File with the certificates of its authority; empty: the system's."),
    TEXT("registry", "cache", registry_cache, "", NULL,
         "Folder where schemas are kept, for a start without the registry; empty: none."),
    TIME("registry", "timeout", registry_timeout_ms, "2s", 10, MINUTE, "Of one request."),
    TIME("registry", "grace", registry_grace_ms, "30s", 0, DAY,
         "A record whose schema id the registry does not know waits so long."),
    TEXT("redis", "address", redis_address, "127.0.0.1:6379", bad_redis_address,
         "host:port, [v6]:port or unix:/path; of a Redis Cluster some of its nodes, by commas."),
    TEXT("redis", "user", redis_user, "", NULL, "ACL user; empty: the default user."),
    SECRET("redis", "password", redis_password,
           "Better in the environment: CROSSREC_REDIS_PASSWORD."),
    TEXT("redis", "prefix", redis_prefix, "crossrec", bad_prefix,
         "Every key begins with it and a colon."),
    TIME("redis", "timeout", redis_timeout_ms, "2s", 10, MINUTE,
         "For connecting and for each reply."),
    TEXT("http", "address", http_address, "127.0.0.1:9464", bad_http_address,
         "Where /livez, /readyz, /metrics and questions are answered: host:port, [v6]:port or off."),
    TEXT("http", "token.file", http_token_file, "", NULL,
         "File with a bearer token, which whoever asks must have, from any machine; empty: this "
         "machine only."),
    OF_DOMAIN("repeats", repeats, "no",
              "An item may be recommended again after it was taken."),
    OF_DOMAIN("target", target, "yes", "Users get lists of this domain."),
    OF_DOMAIN_NUMBER("n", n, "0", 0, CONFIG_LIST_MAX, "items a list",
                     "Length of its lists; 0: publish.n."),
    OF_TOPIC("domain", OPTION_DOMAIN, domain, "", "",
             "The domain of its records; profiles, requests and identities need none.", NULL),
    OF_TOPIC("schema", OPTION_STRING, schema, "", "",
             "Reader schema: a shipped one by name, or a file of yours, NAME.avsc.", bad_schema),
    OF_TOPIC("kind", OPTION_ENUM, kind, "", "event|feedback|item|profile|privacy|identity|rule",
             "What its records are; known of a shipped schema, else event.", NULL),
    OF_TOPIC("intake", OPTION_ENUM, intake, "direct", "direct|repartition",
             "direct: keyed and partitioned alike; repartition: written anew to events.", NULL),
    PATH("user", FIELD_USER, "Path of the user's id."),
    PATH("event.id", FIELD_EVENT_ID,
         "Path of the event's id; empty: its topic, partition and offset are."),
    PATH("ts", FIELD_TS, "Path of the time."),
    PATH("item", FIELD_ITEM, "Path of the item's id, lines[].sku where a record has several."),
    PATH("action", FIELD_ACTION, "Path of the action, or the action, e.g. \"purchase\"."),
    PATH("quantity", FIELD_QUANTITY, "Path of the number taken, or the number; empty: 1."),
    PATH("amount", FIELD_AMOUNT, "Path of the money of a line; empty: none."),
    PATH("discount", FIELD_DISCOUNT,
         "Path of what a line would have cost more without a reduction; empty: none."),
    PATH("rec", FIELD_REC, "Path of the rec that a feedback is about."),
    PATH("counterpart", FIELD_COUNTERPART,
         "Path of the other user that it was with, whose post was liked; empty: nobody's."),
    PATH("available", FIELD_AVAILABLE, "Path of a boolean, or a number that is not 0."),
    PATH("category", FIELD_CATEGORY, "Path of an item's category."),
    PATH("price", FIELD_PRICE, "Path of an item's price."),
    PATH("name", FIELD_NAME, "Path of an item's name."),
    PATH("attributes", FIELD_ATTRIBUTES,
         "Path of a map, attributes{}, or of a list of words, tags[]."),
    PATH("consent", FIELD_CONSENT, "Path of a boolean, or of a word for map.consent.SYMBOL."),
    PATH("age", FIELD_AGE, "Path of the age, or of the year or the date of birth."),
    PATH("country", FIELD_COUNTRY, "Path of a country, two letters."),
    PATH("partner.domain", FIELD_PARTNER_DOMAIN,
         "Path of the domain's name, or the name; empty: the domain of the topic."),
    PATH("partner.id", FIELD_PARTNER_ID, "Path of the user's id at the partner."),
    PATH("rule", FIELD_RULE, "Path of a rule's id, which is the key of its records too."),
    PATH("target", FIELD_TARGET,
         "Path of the domain's name whose lists a rule is about, or the name; empty: of all."),
    PATH("segment", FIELD_SEGMENT, "Path of a segment's number; empty: for everybody."),
    PATH("from", FIELD_FROM, "Path of the time from which on a rule is in force; empty: at once."),
    PATH("until", FIELD_UNTIL, "Path of the time before which it is in force; empty: for ever."),
    PATH("factor", FIELD_FACTOR, "Path of a boost's factor, or the factor: \"2\"."),
    PATH("position", FIELD_POSITION, "Path of a pin's place, 1 the top; empty: 1."),
    OF_TOPIC("ts.unit", OPTION_ENUM, ts_unit, "auto", "auto|s|ms|us|ns|day",
             "Of a time that is a number; auto: as the schema says, else ms.", NULL),
    OF_TOPIC_NUMBER("amount.scale", OPTION_REAL, amount_scale, "1", 0, 1000000000, "",
                    "Amounts, discounts, prices are multiplied by it: 0.01 if in cents."),
    OF_TOPIC("age.bands", OPTION_STRING, age_bands, "18,25,35,50,65", "",
             "Ages at which a band begins; no finer age is kept.", bad_bands),
    SYMBOL("map.action.SYMBOL", FIELD_ACTION,
           "The action, the request (erase, stop, resume), the rule's kind (block, pin, boost), or ignore: what a word of theirs means."),
    SYMBOL("map.consent.SYMBOL", FIELD_CONSENT,
           "yes, no or unknown: what a word of theirs says of the consent."),
    OF_TOPIC_NUMBER("weight.ACTION", OPTION_WEIGHT, weight, "1", 0, 100, "",
                    "How much such an event teaches; 0: it only counts as taken."),
    OF_TRIGGER_NUMBER("kind", OPTION_ENUM, kind, "first_purchase", 0, 0,
                      "first_purchase|lifecycle|segment|top_score", "What has to happen."),
    OF_TRIGGER("target", target_of, "",
               "The domain whose partner is told; of top_score, also whose list it is."),
    OF_TRIGGER("domain", domain_of, "any",
               "first_purchase: the domain that it is the first one in; any."),
    OF_TRIGGER_NUMBER("events.min", OPTION_INT, events_min, "1", 0, 1000000000, "lines",
                      "first_purchase: what the user must have done in other domains before."),
    OF_TRIGGER("from", from_of, "any",
               "lifecycle: new, returning, resurrected, dormant or any; segment: its number or any."),
    OF_TRIGGER("to", to_of, "any", "Likewise: what it becomes."),
    OF_TRIGGER_NUMBER("score", OPTION_REAL, score, "0", -1000000, 1000000, "",
                      "top_score: the list's first item is another one, with a score above this."),
    OF_TRIGGER_NUMBER("cooldown", OPTION_DURATION, cooldown_ms, "1d", 0, 365 * DAY, "",
                      "The same trigger, for the same user, not again within this."),
    OF_TRIGGER_NUMBER("expires", OPTION_DURATION, expires_ms, "1d", SECOND, 7 * DAY, "",
                      "Of no use so long after its event: expires_at; not delivered after it."),
};
/* clang-format on */

enum { N_OPTIONS = sizeof OPTIONS / sizeof OPTIONS[0] };

/* Other names under which options are known. */
static const struct {
    const char *alias;
    const char *name;
} ALIASES[] = {{"learn.late.max", "late.max"}};

const struct option *option_at(size_t i) {
    return i < N_OPTIONS ? &OPTIONS[i] : NULL;
}

void option_name(const struct option *o, char *buf, size_t len) {
    bool top = strcmp(o->section, "crossrec") == 0;
    snprintf(buf, len, "%s%s%s", top ? "" : o->section, top ? "" : ".", o->key);
}

const struct option *option_find(enum option_scope scope, const char *name) {
    if (scope == SCOPE_CONFIG && strncmp(name, "crossrec.", 9) == 0) {
        name += 9;
    }
    for (size_t i = 0; i < sizeof ALIASES / sizeof ALIASES[0]; i++) {
        if (scope == SCOPE_CONFIG && strcmp(name, ALIASES[i].alias) == 0) {
            name = ALIASES[i].name;
        }
    }
    for (size_t i = 0; i < N_OPTIONS; i++) {
        char full[CONFIG_NAME_MAX];
        option_name(&OPTIONS[i], full, sizeof full);
        const char *known = scope == SCOPE_CONFIG ? full : OPTIONS[i].key;
        const bool it = option_has_members(&OPTIONS[i]) ? option_member(&OPTIONS[i], name) != NULL
                                                        : strcmp(name, known) == 0;
        if (OPTIONS[i].scope == scope && it) {
            return &OPTIONS[i];
        }
    }
    return NULL;
}
