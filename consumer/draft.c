/* SPDX-License-Identifier: Apache-2.0
 *
 * draft.c -- see draft.h. The options themselves are the table in option.c.
 */
#include "draft.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "nearest.h"
#include "option.h"

enum { SHOWN_MAX = 80 }; /* bytes of a value that an error repeats */

/* ---- errors --------------------------------------------------------------------- */

enum status draft_complain(const struct draft *d, const struct place *p, const char *format, ...) {
    int n = snprintf(d->err, CONFIG_ERROR_MAX, "%.400s%.*s: ", p->where, DRAFT_NAME_MAX, p->name);
    va_list args;
    va_start(args, format);
    vsnprintf(d->err + n, (size_t)(CONFIG_ERROR_MAX - n), format, args);
    va_end(args);
    return ST_INVALID;
}

/* "WHERE NAME=VALUE: why" */
static enum status bad_value(const struct draft *d, const struct place *p, bool secret,
                             const char *why) {
    const char *shown = secret ? "***" : p->value;
    bool cut = strlen(shown) > SHOWN_MAX;
    snprintf(d->err, CONFIG_ERROR_MAX, "%.300s%.*s%s%.*s%s: %.340s", p->where, DRAFT_NAME_MAX,
             p->name, p->equal, SHOWN_MAX, shown, cut ? "..." : "", why);
    return ST_INVALID;
}

/* ---- the nearest name ----------------------------------------------------------- */

struct nearest {
    const char *word;
    size_t distance; /* of `name`; at first one more than what counts as near */
    char name[DRAFT_NAME_MAX];
};

static void nearest_init(struct nearest *n, const char *word) {
    *n = (struct nearest){.word = word, .distance = nearest_limit(word) + 1};
}

static void consider(struct nearest *n, const char *name) {
    size_t d = nearest_distance(n->word, name);
    if (d < n->distance) {
        n->distance = d;
        snprintf(n->name, sizeof n->name, "%s", name);
    }
}

/* REDIS_ADDRESS of redis.address */
void draft_environment_form(const char *name, char *out, size_t len) {
    size_t n = 0;
    for (; name[n] && n + 1 < len; n++) {
        out[n] = isalnum((unsigned char)name[n]) ? (char)toupper((unsigned char)name[n]) : '_';
    }
    out[n] = '\0';
}

static void consider_name(struct nearest *n, bool environment, const char *name) {
    char form[DRAFT_NAME_MAX];
    draft_environment_form(name, form, sizeof form);
    consider(n, environment ? form : name);
}

static void consider_all(const struct draft *d, struct nearest *n, bool environment) {
    const struct config *c = &d->config;
    const struct option *o;
    for (size_t i = 0; (o = option_at(i)); i++) {
        char name[DRAFT_NAME_MAX];
        if (o->scope == SCOPE_CONFIG) {
            option_name(o, name, sizeof name);
            consider_name(n, environment, name);
        }
        for (uint32_t k = 0; o->scope == SCOPE_DOMAIN && k < c->n_domains; k++) {
            snprintf(name, sizeof name, "domain.%s.%s", c->domains[k].name, o->key);
            consider_name(n, environment, name);
        }
        for (uint32_t k = 0; o->scope == SCOPE_TOPIC && k < c->n_topics; k++) {
            snprintf(name, sizeof name, "topic.%s.%s", c->topics[k].name, o->key);
            consider_name(n, environment, name);
        }
        for (uint32_t k = 0; o->scope == SCOPE_TRIGGER && k < c->n_triggers; k++) {
            snprintf(name, sizeof name, "trigger.%s.%s", c->triggers[k].name, o->key);
            consider_name(n, environment, name);
        }
    }
    for (uint32_t k = 0; k < c->n_domains; k++) {
        char name[DRAFT_NAME_MAX];
        snprintf(name, sizeof name, "privacy.key.%s", c->domains[k].name);
        consider_name(n, environment, name);
    }
    consider_name(n, environment, "kafka.bootstrap.servers");
}

/* Names that documents speak of and that this version does not have. */
static const struct {
    const char *name;
    const char *why;
} NOT_YET[] = {
    {"state.memory.max", "not in this version: the state lives in memory without a limit"},
};

enum status draft_unknown(const struct draft *d, const struct place *p, const char *word) {
    for (size_t i = 0; i < sizeof NOT_YET / sizeof NOT_YET[0]; i++) {
        char form[DRAFT_NAME_MAX];
        draft_environment_form(NOT_YET[i].name, form, sizeof form);
        if (strcmp(word, p->environment ? form : NOT_YET[i].name) == 0) {
            return draft_complain(d, p, "%s", NOT_YET[i].why);
        }
    }
    struct nearest n;
    nearest_init(&n, word);
    consider_all(d, &n, p->environment);
    if (!n.name[0]) {
        return draft_complain(d, p, "unknown option; `crossrec help options` lists them");
    }
    return draft_complain(d, p, "unknown option; did you mean %s%s?",
                          p->environment ? "CROSSREC_" : "", n.name);
}

/* ---- what is shipped -------------------------------------------------------------- */

static void set_defaults(void *base, enum option_scope scope) {
    const struct option *o;
    for (size_t i = 0; (o = option_at(i)); i++) {
        char why[64];
        if (o->scope == scope && option_parse(o, o->text, base, why, sizeof why)) {
            continue; /* a test loads every default: the table has no bad one */
        }
    }
}

static struct config_domain *new_domain(struct config *c, const char *name) {
    struct config_domain *domain = &c->domains[c->n_domains++];
    memset(domain, 0, sizeof *domain);
    set_defaults(domain, SCOPE_DOMAIN);
    snprintf(domain->name, sizeof domain->name, "%s", name);
    return domain;
}

void draft_default_topic(struct config_topic *t, const char *name) {
    memset(t, 0, sizeof *t);
    set_defaults(t, SCOPE_TOPIC);
    t->kind = DRAFT_KIND_OPEN;
    snprintf(t->name, sizeof t->name, "%s", name);
}

static struct config_trigger *new_trigger(struct config *c, const char *name) {
    struct config_trigger *t = &c->triggers[c->n_triggers++];
    memset(t, 0, sizeof *t);
    set_defaults(t, SCOPE_TRIGGER);
    t->kind = TRIGGER_KIND_OPEN;
    snprintf(t->name, sizeof t->name, "%s", name);
    return t;
}

static struct config_topic *new_topic(struct draft *d, const char *name) {
    uint32_t t = d->config.n_topics++;
    d->topic_domain[t][0] = '\0';
    draft_default_topic(&d->config.topics[t], name);
    return &d->config.topics[t];
}

static void ship_topic(struct draft *d, const char *name, const char *schema, const char *domain) {
    uint32_t t = d->config.n_topics;
    snprintf(new_topic(d, name)->schema, CONFIG_NAME_MAX, "%s", schema);
    snprintf(d->topic_domain[t], CONFIG_NAME_MAX, "%s", domain);
}

void draft_init(struct draft *d, char *err) {
    memset(d, 0, sizeof *d);
    d->err = err;
    struct config *c = &d->config;
    set_defaults(c, SCOPE_CONFIG);
    new_domain(c, "course");
    new_domain(c, "food")->repeats = true;
    ship_topic(d, "course-views", "CourseView", "course");
    ship_topic(d, "food-orders", "FoodOrder", "food");
    c->kafka[0] = (struct config_pair){.key = "bootstrap.servers", .value = "127.0.0.1:9092"};
    c->n_kafka = 1;
}

/* ---- domains and topics --------------------------------------------------------- */

static struct config_domain *find_domain(struct config *c, const char *name) {
    for (uint32_t i = 0; i < c->n_domains; i++) {
        if (strcmp(c->domains[i].name, name) == 0) {
            return &c->domains[i];
        }
    }
    return NULL;
}

/* CONFIG_TOPICS_MAX if there is none. */
static uint32_t find_topic(const struct config *c, const char *name) {
    for (uint32_t i = 0; i < c->n_topics; i++) {
        if (strcmp(c->topics[i].name, name) == 0) {
            return i;
        }
    }
    return CONFIG_TOPICS_MAX;
}

enum status draft_add_domain(struct draft *d, const struct place *p, const char *name) {
    struct config *c = &d->config;
    const char *bad = option_bad_domain(name);
    if (bad || strlen(name) >= CONFIG_NAME_MAX) {
        return draft_complain(d, p, "the name of a domain %s, at most %d bytes",
                              bad ? bad : "is too long", CONFIG_NAME_MAX - 1);
    }
    if (find_domain(c, name)) {
        return ST_OK;
    }
    if (c->n_domains == DOMAINS_MAX) {
        return draft_complain(d, p, "more than %d domains", DOMAINS_MAX);
    }
    new_domain(c, name);
    return ST_OK;
}

enum status draft_add_topic(struct draft *d, const struct place *p, const char *name) {
    struct config *c = &d->config;
    const char *bad = option_bad_topic(name);
    if (bad || strlen(name) >= CONFIG_NAME_MAX) {
        return draft_complain(d, p, "the name of a topic %s, at most %d bytes",
                              bad ? bad : "is too long", CONFIG_NAME_MAX - 1);
    }
    if (find_topic(c, name) < CONFIG_TOPICS_MAX) {
        return ST_OK;
    }
    if (c->n_topics == CONFIG_TOPICS_MAX) {
        return draft_complain(d, p, "more than %d topics", CONFIG_TOPICS_MAX);
    }
    new_topic(d, name);
    return ST_OK;
}

static struct config_trigger *find_trigger(struct config *c, const char *name) {
    for (uint32_t i = 0; i < c->n_triggers; i++) {
        if (strcmp(c->triggers[i].name, name) == 0) {
            return &c->triggers[i];
        }
    }
    return NULL;
}

enum status draft_add_trigger(struct draft *d, const struct place *p, const char *name) {
    struct config *c = &d->config;
    const char *bad = option_bad_domain(name);
    if (bad || strlen(name) >= CONFIG_NAME_MAX) {
        return draft_complain(d, p, "the name of a trigger %s, at most %d bytes",
                              bad ? bad : "is too long", CONFIG_NAME_MAX - 1);
    }
    if (find_trigger(c, name)) {
        return ST_OK;
    }
    if (c->n_triggers == CONFIG_TRIGGERS_MAX) {
        return draft_complain(d, p, "more than %d triggers", CONFIG_TRIGGERS_MAX);
    }
    new_trigger(c, name);
    return ST_OK;
}

/* ---- kafka.* -------------------------------------------------------------------- */

/* Options of librdkafka that crossrec decides, and why. */
static const struct {
    const char *key;
    const char *why;
} DENIED[] = {
    {"enable.auto.commit", "offsets are committed with their effect, never by a timer"},
    {"auto.commit.enable", "offsets are committed with their effect, never by a timer"},
    {"auto.commit.interval.ms", "use commit.interval"},
    {"enable.auto.offset.store", "an offset counts once its event has been learned"},
    {"auto.offset.reset", "a lost position must be seen, not skipped"},
    {"isolation.level", "only committed records are events: read_committed is fixed"},
    {"transactional.id", "it follows from group and instance.id"},
    {"enable.idempotence", "always on: dead letters must be neither lost nor doubled"},
    {"acks", "always all: an offset may only pass a dead letter that is safe"},
    {"request.required.acks", "always all: an offset may only pass a dead letter that is safe"},
    {"partition.assignment.strategy", "only range keeps partition p of all topics together"},
    {"group.protocol", "only the classic protocol has the range assignor"},
    {"group.remote.assignor", "only range keeps partition p of all topics together"},
    {"enable.partition.eof", "always on: the merge must know the end of a topic"},
    {"group.id", "use group, in [crossrec]"},
    {"group.instance.id", "use instance.id and static.members = yes, in [crossrec]"},
    {"partitioner", "use partitioner, in [crossrec]"},
    {"metadata.broker.list", "use kafka.bootstrap.servers"},
    {"check.crcs", "always on"},
    {"test.mock.num.brokers", "the embedded broker belongs to `crossrec demo`"},
};

bool draft_is_secret(const char *kafka_key) {
    static const char *const marks[] = {"password", "secret", ".pem", "jaas", "oauthbearer.config"};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        if (strstr(kafka_key, marks[i])) {
            return true;
        }
    }
    return false;
}

static enum status set_kafka(struct draft *d, const struct place *p, const char *key) {
    struct config *c = &d->config;
    for (size_t i = 0; i < sizeof DENIED / sizeof DENIED[0]; i++) {
        if (strcmp(key, DENIED[i].key) == 0) {
            return draft_complain(d, p, "cannot be set: %s", DENIED[i].why);
        }
    }
    if (!*key || strlen(key) >= CONFIG_NAME_MAX) {
        return draft_complain(d, p, "no option of librdkafka has such a name");
    }
    if (strlen(p->value) >= CONFIG_VALUE_MAX) {
        char why[64];
        snprintf(why, sizeof why, "longer than %d bytes", CONFIG_VALUE_MAX - 1);
        return bad_value(d, p, draft_is_secret(key), why);
    }
    uint32_t i = 0;
    while (i < c->n_kafka && strcmp(c->kafka[i].key, key) != 0) {
        i++;
    }
    if (i == CONFIG_KAFKA_MAX) {
        return draft_complain(d, p, "more than %d options of librdkafka", CONFIG_KAFKA_MAX);
    }
    c->n_kafka = i == c->n_kafka ? i + 1 : c->n_kafka;
    snprintf(c->kafka[i].key, sizeof c->kafka[i].key, "%s", key);
    snprintf(c->kafka[i].value, sizeof c->kafka[i].value, "%s", p->value);
    return ST_OK;
}

/* ---- privacy.key.* ---------------------------------------------------------------- */

/* Which domains there are is known at the end: draft_check_keys(). */
static enum status set_key(struct draft *d, const struct place *p, const char *target) {
    struct config *c = &d->config;
    uint32_t i = 0;
    if (option_bad_domain(target) || strlen(target) >= CONFIG_NAME_MAX) {
        return draft_complain(d, p, "no domain has such a name");
    }
    if (!*p->value || strlen(p->value) >= CONFIG_VALUE_MAX) {
        return bad_value(d, p, false, "must be the name of a file");
    }
    while (i < c->n_keys && strcmp(c->keys[i].key, target) != 0) {
        i++;
    }
    if (i == DOMAINS_MAX) {
        return draft_complain(d, p, "more than %d domains", DOMAINS_MAX);
    }
    c->n_keys = i == c->n_keys ? i + 1 : c->n_keys;
    snprintf(c->keys[i].key, sizeof c->keys[i].key, "%s", target);
    snprintf(c->keys[i].value, sizeof c->keys[i].value, "%s", p->value);
    return ST_OK;
}

enum status draft_check_keys(const struct draft *d, const struct place *p) {
    const struct config *c = &d->config;
    for (uint32_t i = 0; i < c->n_keys; i++) {
        char name[DRAFT_NAME_MAX];
        struct place of_key = *p;
        const char *names[DOMAINS_MAX];
        uint32_t k = 0;
        snprintf(name, sizeof name, "privacy.key.%s", c->keys[i].key);
        of_key.name = name;
        while (k < c->n_domains && strcmp(c->domains[k].name, c->keys[i].key) != 0) {
            names[k] = c->domains[k].name;
            k++;
        }
        if (k == c->n_domains) {
            const char *near = config_nearest(c->keys[i].key, names, k);
            return draft_complain(d, &of_key, "there is no domain %s%s%s%s", c->keys[i].key,
                                  near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
        }
        if (!c->domains[k].target) {
            return draft_complain(d, &of_key, "%s is no target: nothing is written for its partner",
                                  c->keys[i].key);
        }
    }
    return ST_OK;
}

/* ---- one setting ---------------------------------------------------------------- */

static enum status set_option(struct draft *d, const struct place *p, const struct option *o,
                              void *base) {
    char why[400];
    if (option_parse(o, p->value, base, why, sizeof why)) {
        return bad_value(d, p, o->type == OPTION_SECRET, why);
    }
    return ST_OK;
}

/* `key` is what follows the topic's name. */
static enum status set_topic(struct draft *d, const struct place *p, const struct option *o,
                             const char *name, const char *key) {
    enum status st = draft_add_topic(d, p, name);
    if (st) {
        return st;
    }
    uint32_t t = find_topic(&d->config, name);
    if (option_has_members(o)) {
        char why[400];
        st = option_member_parse(o, option_member(o, key), p->value, &d->config.topics[t], why,
                                 sizeof why);
        return st ? bad_value(d, p, false, why) : ST_OK;
    }
    if (o->type != OPTION_DOMAIN) {
        return set_option(d, p, o, &d->config.topics[t]);
    }
    if (option_bad_domain(p->value) || strlen(p->value) >= CONFIG_NAME_MAX) {
        return bad_value(d, p, false, "must be the name of a domain");
    }
    snprintf(d->topic_domain[t], sizeof d->topic_domain[t], "%s", p->value);
    return ST_OK;
}

static const char *known_name(const struct config *c, enum option_scope scope, uint32_t i) {
    switch (scope) {
    case SCOPE_DOMAIN: return i < c->n_domains ? c->domains[i].name : NULL;
    case SCOPE_TOPIC: return i < c->n_topics ? c->topics[i].name : NULL;
    case SCOPE_TRIGGER: return i < c->n_triggers ? c->triggers[i].name : NULL;
    case SCOPE_CONFIG: break;
    }
    return NULL;
}

enum status draft_find_named(const struct draft *d, enum option_scope scope, const char *rest,
                             const struct option **o, size_t *name) {
    const char *known;
    size_t best = 0;
    for (uint32_t i = 0; (known = known_name(&d->config, scope, i)); i++) {
        const size_t n = strlen(known);
        const bool it = n > best && strncmp(rest, known, n) == 0 && rest[n] == '.';
        best = it && option_find(scope, rest + n + 1) ? n : best;
    }
    const char *dot = rest;
    while (!best && (dot = strchr(dot + 1, '.'))) {
        best = option_find(scope, dot + 1) ? (size_t)(dot - rest) : 0;
    }
    if (!best) {
        return ST_NOT_FOUND;
    }
    *name = best;
    *o = option_find(scope, rest + best + 1);
    return ST_OK;
}

/* domain.NAME.key, topic.NAME.key and trigger.NAME.key; `rest` is what follows the first dot. */
static enum status set_named(struct draft *d, const struct place *p, enum option_scope scope,
                             const char *name, const char *rest) {
    size_t n = p->named;
    const struct option *o = n ? option_find(scope, rest + n + 1) : NULL;
    if (!*rest || (!o && (n || draft_find_named(d, scope, rest, &o, &n)))) {
        return draft_unknown(d, p, name);
    }
    if (n >= DRAFT_NAME_MAX) {
        return draft_complain(d, p, "the name is too long");
    }
    char which[DRAFT_NAME_MAX];
    snprintf(which, sizeof which, "%.*s", (int)n, rest);
    if (scope == SCOPE_TOPIC) {
        return set_topic(d, p, o, which, rest + n + 1);
    }
    if (scope == SCOPE_TRIGGER) {
        enum status st = draft_add_trigger(d, p, which);
        return st ? st : set_option(d, p, o, find_trigger(&d->config, which));
    }
    enum status st = draft_add_domain(d, p, which);
    return st ? st : set_option(d, p, o, find_domain(&d->config, which));
}

enum status draft_set(struct draft *d, const struct place *p, const char *name) {
    if (strncmp(name, "crossrec.", 9) == 0) {
        name += 9;
    }
    if (strncmp(name, "kafka.", 6) == 0) {
        return set_kafka(d, p, name + 6);
    }
    if (strncmp(name, "privacy.key.", 12) == 0) {
        return set_key(d, p, name + 12);
    }
    if (strncmp(name, "domain.", 7) == 0) {
        return set_named(d, p, SCOPE_DOMAIN, name, name + 7);
    }
    if (strncmp(name, "topic.", 6) == 0) {
        return set_named(d, p, SCOPE_TOPIC, name, name + 6);
    }
    const struct option *o = option_find(SCOPE_CONFIG, name);
    if (!o && strncmp(name, "trigger.", 8) == 0) { /* trigger.max.age is of all of them */
        return set_named(d, p, SCOPE_TRIGGER, name, name + 8);
    }
    return o ? set_option(d, p, o, &d->config) : draft_unknown(d, p, name);
}
