/* SPDX-License-Identifier: Apache-2.0
 *
 * option.c -- see option.h.
 */
#include "option.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

/* ---- checks of strings ---------------------------------------------------------- */

static const char LOWER[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
static const char NAME[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

static bool made_of(const char *text, const char *allowed) {
    return *text && text[strspn(text, allowed)] == '\0';
}

const char *option_bad_domain(const char *name) {
    return made_of(name, LOWER) ? NULL : "must be made of a-z, 0-9, _ and -";
}

const char *option_bad_topic(const char *name) {
    bool dots = strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
    return made_of(name, NAME) && !dots ? NULL : "must be made of letters, digits, '.', _ and -";
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
    return made_of(text, NAME) ? NULL
                               : "must be made of letters, digits, '.', _ and -, without ':'";
}

static bool is_port(const char *text, long min) {
    if (!made_of(text, "0123456789") || strlen(text) > 5) {
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

static const char *bad_redis_address(const char *text) {
    bool path = strncmp(text, "unix:/", 6) == 0 && text[6];
    return path || is_host_port(text, 1) ? NULL : "must be host:port, [v6]:port or unix:/path";
}

static const char *bad_http_address(const char *text) {
    bool off = strcmp(text, "off") == 0;
    return off || is_host_port(text, 0) ? NULL : "must be host:port, [v6]:port or off";
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
#define OF_TOPIC(key, type, field, words, help)                                                    \
    {                                                                                              \
        SCOPE_TOPIC, "topic.NAME", key, type, FIELD(config_topic, field), "", 0, 0, words, help,   \
            NULL                                                                                   \
    }

/* clang-format off */
static const struct option OPTIONS[] = {
    TEXT("crossrec", "group", group, "crossrec", bad_group,
         "Consumer group; its instances share the work."),
    TEXT("crossrec", "instance.id", instance_id, "", bad_instance,
         "Name of this process, unlike any other of the group; empty: host name and pid."),
    WORD("crossrec", "clock", OPTION_ENUM, clock, "wall", "wall|stream",
         "What \"now\" is: the wall clock, or the largest event time taken (demo, replay)."),
    WORD("crossrec", "state", OPTION_ENUM, state, "memory", "memory",
         "Where the state of users lives."),
    WORD("crossrec", "log.level", OPTION_ENUM, log_level, "info", "debug|info|warn|error",
         "Lines below this level are not logged."),
    TEXT("crossrec", "schemas.dir", schemas_dir, "", NULL,
         "Folder with a writer schema per id; empty: the shipped ones, ids 1 and 2."),
    TEXT("crossrec", "dead.letters", dead_letters, "crossrec-dead-letters", option_bad_topic,
         "Topic for events that cannot be used, as they came, with the reason."),
    WORD("crossrec", "partitioner", OPTION_CHOICE, partitioner, "murmur2", "murmur2|consistent",
         "How producers choose the partition of a key: murmur2 (Java), consistent (librdkafka)."),
    TIME("crossrec", "late.max", late_max_ms, "1d", 0, 3650 * DAY,
         "Events later than this only count for features and for what was already taken."),
    TIME("merge", "max.wait", merge_max_wait_ms, "500ms", 0, 7 * DAY,
         "Longest wait for a topic that has records below its known end."),
    TIME("merge", "max.idle", merge_max_idle_ms, "0", 0, 7 * DAY,
         "Wait for a topic that stands at its end."),
    NUMBER("merge", "buffer", merge_buffer, "20000", 1, 10000000, "events a topic partition",
           "Events read ahead; above, reading pauses."),
    NUMBER("learn", "mini.batch", mini_batch, "256", 1, 65536, "events",
           "Events of a task that move the shared model together."),
    NUMBER("learn", "seed", seed, "1", 0, INT64_MAX, "",
           "Of everything drawn: the same seed and events give the same model."),
    NUMBER("segments", "k", segments_k, "8", 2, 16, "clusters",
           "Segments that users are divided into."),
    NUMBER("segments", "seed.users", segments_seed_users, "1000", 2, 10000000, "users",
           "Users seen before the segments are first placed."),
    REAL("segments", "half.life", segments_half_life, "20000", 1, INT64_C(1000000000), "votes",
         "Votes after which an older vote counts half."),
    NUMBER("prequential", "sample", prequential_sample, "16", 0, 1000000, "events",
           "One event in so many is tested before it is learned; 0: none."),
    NUMBER("publish", "n", list_n, "10", 1, CONFIG_LIST_MAX, "items a list",
           "Length of a list."),
    TIME("publish", "interval", publish_interval_ms, "100ms", 1, 10 * SECOND,
         "Users with news are ranked and published this often."),
    TIME("publish", "max.lag", publish_max_lag_ms, "30s", 100, 365 * DAY,
         "Further behind, it only learns; lists follow when it has caught up."),
    TIME("publish", "ttl", publish_ttl_ms, "7d", SECOND, 365 * DAY,
         "Life of a list in Redis."),
    TIME_AUTO("publish", "refresh", publish_refresh_ms, 100, 365 * DAY,
              "Lists of quiet users are ranked again this often; auto: 6h, at most ttl/4."),
    NUMBER("publish", "rate", publish_rate, "20000", 1, 10000000, "lists a second",
           "Limit while everything is published again."),
    TIME("commit", "interval", commit_interval_ms, "1s", 10, MINUTE,
         "Offsets are committed this often."),
    TEXT("redis", "address", redis_address, "127.0.0.1:6379", bad_redis_address,
         "host:port, [v6]:port or unix:/path."),
    TEXT("redis", "user", redis_user, "", NULL, "ACL user; empty: the default user."),
    SECRET("redis", "password", redis_password,
           "Better in the environment: CROSSREC_REDIS_PASSWORD."),
    TEXT("redis", "prefix", redis_prefix, "crossrec", bad_prefix,
         "Every key begins with it and a colon."),
    TIME("redis", "timeout", redis_timeout_ms, "2s", 10, MINUTE,
         "For connecting and for each reply."),
    TEXT("http", "address", http_address, "127.0.0.1:9464", bad_http_address,
         "Where /livez, /readyz and /metrics are served: host:port, [v6]:port or off."),
    OF_DOMAIN("repeats", repeats, "no",
              "An item may be recommended again after it was taken."),
    OF_DOMAIN("target", target, "yes", "Users get lists of this domain."),
    OF_TOPIC("domain", OPTION_DOMAIN, domain, "", "The domain of its events."),
    OF_TOPIC("schema", OPTION_CHOICE, schema, "CourseView|FoodOrder", "Reader schema."),
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
        if (OPTIONS[i].scope == scope && strcmp(name, known) == 0) {
            return &OPTIONS[i];
        }
    }
    return NULL;
}

/* ---- words ---------------------------------------------------------------------- */

/* Position of `word` among "a|b|c", or -1. */
static int word_index(const char *words, const char *word) {
    size_t n = strlen(word);
    int i = 0;
    for (const char *p = words; *p; i++) {
        size_t len = strcspn(p, "|");
        if (len == n && strncmp(p, word, n) == 0) {
            return i;
        }
        p += len + (p[len] == '|');
    }
    return -1;
}

/* "a|b|c" for people: "a, b or c". */
static void word_list(const char *words, char *buf, size_t len) {
    size_t n = 0;
    for (const char *p = words; *p && n + 1 < len;) {
        size_t word = strcspn(p, "|");
        const char *rest = p + word + (p[word] == '|');
        const char *glue = !*rest ? "" : strchr(rest, '|') ? ", " : " or ";
        int wrote = snprintf(buf + n, len - n, "%.*s%s", (int)word, p, glue);
        n += wrote > 0 ? (size_t)wrote : 0;
        p = rest;
    }
}

/* ---- numbers -------------------------------------------------------------------- */

static bool parse_int(const char *text, int64_t *out) {
    const char *digits = text + (text[0] == '-');
    if (!made_of(digits, "0123456789")) {
        return false; /* strtoll would take spaces and + */
    }
    errno = 0;
    *out = strtoll(text, NULL, 10);
    if (errno == ERANGE) {
        *out = text[0] == '-' ? INT64_MIN : INT64_MAX;
    }
    return true;
}

static bool parse_real(const char *text, double *out) {
    if (!made_of(text, "0123456789+-.eE")) {
        return false; /* neither hex nor nan nor inf */
    }
    char *end;
    *out = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*out);
}

static const struct {
    const char *suffix;
    int64_t ms;
} UNITS[] = {{"d", DAY}, {"h", HOUR}, {"m", MINUTE}, {"s", SECOND}, {"ms", 1}, {"", 1}};

static bool parse_duration(const char *text, int64_t *out) {
    size_t n = strspn(text, "0123456789");
    if (n == 0) {
        return false;
    }
    errno = 0;
    int64_t count = strtoll(text, NULL, 10);
    if (errno == ERANGE) {
        count = INT64_MAX;
    }
    for (size_t i = 0; i < sizeof UNITS / sizeof UNITS[0]; i++) {
        if (strcmp(text + n, UNITS[i].suffix) == 0) {
            *out = count > INT64_MAX / UNITS[i].ms ? INT64_MAX : count * UNITS[i].ms;
            return true;
        }
    }
    return false;
}

/* In the largest unit that divides it: the text that was written, mostly. */
static void format_duration(int64_t ms, char *buf, size_t len) {
    size_t i = 0;
    if (ms == OPTION_IS_AUTO) {
        snprintf(buf, len, "auto");
        return;
    }
    while (UNITS[i].ms > 1 && (ms == 0 || ms % UNITS[i].ms != 0)) {
        i++;
    }
    snprintf(buf, len, "%" PRId64 "%s", ms / UNITS[i].ms, ms == 0 ? "" : UNITS[i].suffix);
}

/* ---- values --------------------------------------------------------------------- */

void option_range(const struct option *o, char *buf, size_t len) {
    char low[32];
    char high[32];
    snprintf(buf, len, "%s", "");
    switch (o->type) {
    case OPTION_INT:
    case OPTION_REAL: snprintf(buf, len, "%" PRId64 "..%" PRId64, o->min, o->max); break;
    case OPTION_DURATION:
    case OPTION_AUTO:
        format_duration(o->min, low, sizeof low);
        format_duration(o->max, high, sizeof high);
        snprintf(buf, len, "%s..%s%s", low, high, o->type == OPTION_AUTO ? " or auto" : "");
        break;
    case OPTION_BOOL: snprintf(buf, len, "yes or no"); break;
    case OPTION_ENUM:
    case OPTION_CHOICE: word_list(o->unit, buf, len); break;
    case OPTION_STRING:
    case OPTION_SECRET:
    case OPTION_DOMAIN: break;
    }
}

/* "must be 1..100 (items a list)" */
static enum status out_of_range(const struct option *o, char *why, size_t why_len) {
    char range[256];
    option_range(o, range, sizeof range);
    bool unit = (o->type == OPTION_INT || o->type == OPTION_REAL) && *o->unit;
    snprintf(why, why_len, "must be %s%s%s%s", range, unit ? " (" : "", unit ? o->unit : "",
             unit ? ")" : "");
    return ST_INVALID;
}

static enum status set_string(const struct option *o, const char *text, char *at, char *why,
                              size_t why_len) {
    if (strlen(text) >= o->size) {
        snprintf(why, why_len, "longer than %zu bytes", o->size - 1);
        return ST_INVALID;
    }
    const char *bad = o->check ? o->check(text) : NULL;
    if (bad) {
        snprintf(why, why_len, "%s", bad);
        return ST_INVALID;
    }
    memset(at, 0, o->size);
    memcpy(at, text, strlen(text) + 1);
    return ST_OK;
}

static enum status set_integer(const struct option *o, const char *text, void *at, char *why,
                               size_t why_len) {
    bool time = o->type != OPTION_INT;
    int64_t v = OPTION_IS_AUTO;
    bool automatic = o->type == OPTION_AUTO && strcmp(text, "auto") == 0;
    if (!automatic && !(time ? parse_duration(text, &v) : parse_int(text, &v))) {
        snprintf(why, why_len, "%s",
                 time ? "not a duration; write 250ms, 2s, 5m, 6h or 7d" : "not a whole number");
        return ST_INVALID;
    }
    if (!automatic && (v < o->min || v > o->max)) {
        return out_of_range(o, why, why_len);
    }
    memcpy(at, &v, sizeof v);
    return ST_OK;
}

static enum status set_real(const struct option *o, const char *text, void *at, char *why,
                            size_t why_len) {
    double v;
    if (!parse_real(text, &v)) {
        snprintf(why, why_len, "not a number");
        return ST_INVALID;
    }
    if (!(v >= (double)o->min && v <= (double)o->max)) {
        return out_of_range(o, why, why_len);
    }
    memcpy(at, &v, sizeof v);
    return ST_OK;
}

static enum status set_word(const struct option *o, const char *text, void *at, char *why,
                            size_t why_len) {
    bool is_bool = o->type == OPTION_BOOL;
    int i = word_index(is_bool ? "no|yes|false|true|off|on" : o->unit, text);
    if (i < 0) {
        return out_of_range(o, why, why_len);
    }
    if (o->type == OPTION_CHOICE) {
        return set_string(o, text, at, why, why_len);
    }
    if (is_bool) {
        *(bool *)at = i % 2 == 1;
    } else {
        memcpy(at, &i, sizeof i);
    }
    return ST_OK;
}

enum status option_parse(const struct option *o, const char *text, void *base, char *why,
                         size_t why_len) {
    void *at = (char *)base + o->offset;
    switch (o->type) {
    case OPTION_STRING:
    case OPTION_SECRET: return set_string(o, text, at, why, why_len);
    case OPTION_INT:
    case OPTION_DURATION:
    case OPTION_AUTO: return set_integer(o, text, at, why, why_len);
    case OPTION_REAL: return set_real(o, text, at, why, why_len);
    case OPTION_BOOL:
    case OPTION_ENUM:
    case OPTION_CHOICE: return set_word(o, text, at, why, why_len);
    case OPTION_DOMAIN: break; /* config.c resolves it when all domains are known */
    }
    snprintf(why, why_len, "cannot be set here");
    return ST_INVALID;
}

static void format_word(const char *words, int index, char *buf, size_t len) {
    const char *p = words;
    for (; index > 0; index--) {
        p += strcspn(p, "|");
        p += *p == '|';
    }
    snprintf(buf, len, "%.*s", (int)strcspn(p, "|"), p);
}

void option_format(const struct option *o, const void *base, char *buf, size_t len) {
    const char *at = (const char *)base + o->offset;
    int64_t number = 0;
    double real = 0;
    int word = 0;
    switch (o->type) {
    case OPTION_STRING:
    case OPTION_CHOICE: snprintf(buf, len, "%s", at); break;
    case OPTION_SECRET: snprintf(buf, len, "%s", *at ? "***" : ""); break;
    case OPTION_INT:
        memcpy(&number, at, sizeof number);
        snprintf(buf, len, "%" PRId64, number);
        break;
    case OPTION_DURATION:
    case OPTION_AUTO:
        memcpy(&number, at, sizeof number);
        format_duration(number, buf, len);
        break;
    case OPTION_REAL:
        memcpy(&real, at, sizeof real);
        snprintf(buf, len, "%.15g", real);
        break;
    case OPTION_BOOL:
        snprintf(buf, len, "%s", *(const bool *)(const void *)at ? "yes" : "no");
        break;
    case OPTION_ENUM:
        memcpy(&word, at, sizeof word);
        format_word(o->unit, word, buf, len);
        break;
    case OPTION_DOMAIN: snprintf(buf, len, "%u", (unsigned)*(const uint8_t *)at); break;
    }
}
