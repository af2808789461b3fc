/* SPDX-License-Identifier: Apache-2.0
 *
 * config_topics.c -- see draft.h: what fits together in the topics of a configuration.
 *
 * Checked here is what needs no schema: the rest is the mapping's. Every error says what to type.
 */
#include <stdio.h>
#include <string.h>

#include "draft.h"
#include "mapping_field.h"
#include "shipped.h"

/* One topic while it is checked. */
struct check {
    struct draft *draft;
    uint32_t i;
    struct config_topic *topic;
    struct place at; /* "topic.NAME" */
    bool shipped;
    enum reader reader; /* if shipped */
    enum topic_kind kind;
};

/* ---- schema and kind ---------------------------------------------------------------------- */

static bool is_events(const struct check *k) {
    return strcmp(k->topic->name, k->draft->config.events) == 0;
}

static enum status find_schema(struct check *k) {
    struct config_topic *t = k->topic;
    if (!*t->schema && is_events(k)) {
        snprintf(t->schema, sizeof t->schema, "%s", reader_name(READER_EVENT));
    }
    if (!*t->schema) {
        return draft_complain(k->draft, &k->at,
                              "has no schema; write topic.%s.schema = CourseView, or FoodOrder, or "
                              "a file of yours, NAME.avsc",
                              t->name);
    }
    k->shipped = !reader_of(t->schema, &k->reader);
    k->kind = k->shipped ? reader_kind(k->reader)
                         : (t->kind == DRAFT_KIND_OPEN ? KIND_EVENT : (enum topic_kind)t->kind);
    if (t->kind != DRAFT_KIND_OPEN && t->kind != (int)k->kind) {
        return draft_complain(k->draft, &k->at,
                              "kind = %s, but records of %s are %s; remove kind, or write a schema "
                              "file of your own",
                              topic_kind_name((enum topic_kind)t->kind), t->schema,
                              topic_kind_name(k->kind));
    }
    t->kind = (int)k->kind;
    return ST_OK;
}

/* gym.avsc of deploy/crossrec.ini is deploy/gym.avsc. */
static enum status place_file(struct check *k, const char *ini_path) {
    char *schema = k->topic->schema;
    const char *slash = ini_path ? strrchr(ini_path, '/') : NULL;
    if (k->shipped || !slash || schema[0] == '/') {
        return ST_OK;
    }
    char joined[2 * CONFIG_VALUE_MAX];
    const int n =
        snprintf(joined, sizeof joined, "%.*s/%s", (int)(slash - ini_path), ini_path, schema);
    if (n < 0 || n >= CONFIG_VALUE_MAX) {
        return draft_complain(k->draft, &k->at, "the path of its schema is longer than %d bytes",
                              CONFIG_VALUE_MAX - 1);
    }
    memcpy(schema, joined, (size_t)n + 1);
    return ST_OK;
}

/* ---- domain ------------------------------------------------------------------------------- */

/* Index of the domain called `name`, or n_domains. */
static uint32_t domain_index(const struct config *c, const char *name) {
    uint32_t i = 0;
    while (i < c->n_domains && strcmp(c->domains[i].name, name) != 0) {
        i++;
    }
    return i;
}

static enum status no_such_domain(const struct check *k, const char *domain) {
    const struct config *c = &k->draft->config;
    const char *names[DOMAINS_MAX];
    for (uint32_t i = 0; i < c->n_domains; i++) {
        names[i] = c->domains[i].name;
    }
    const char *near = config_nearest(domain, names, c->n_domains);
    return draft_complain(k->draft, &k->at, "there is no domain %s; %s%s%s", domain,
                          near ? "did you mean " : "name it by [domain.", near ? near : domain,
                          near ? "?" : "], or name your topics by [topic.NAME]");
}

static bool needs_domain(const struct check *k) {
    switch (k->kind) {
    case KIND_EVENT:
    case KIND_FEEDBACK:
    case KIND_ITEM: return !k->shipped || k->reader != READER_EVENT;
    case KIND_IDENTITY: return !k->shipped && !*k->topic->path[FIELD_PARTNER_DOMAIN];
    default: return false; /* a rule may be of all domains */
    }
}

/* Users are those of all domains, and partners name themselves: a domain would be ignored. */
static bool has_no_domain(const struct check *k) {
    return k->kind == KIND_PROFILE || k->kind == KIND_PRIVACY ||
           (k->kind == KIND_IDENTITY && !needs_domain(k));
}

static enum status find_domain(struct check *k) {
    const struct config *c = &k->draft->config;
    const char *domain = k->draft->topic_domain[k->i];
    k->topic->domain = DOMAIN_OF_RECORD;
    if (!*domain) {
        return needs_domain(k)
                   ? draft_complain(k->draft, &k->at, "has no domain; write topic.%s.domain = NAME",
                                    k->topic->name)
                   : ST_OK;
    }
    if (has_no_domain(k)) {
        return draft_complain(k->draft, &k->at,
                              "a topic of kind %s is of no domain of its own; remove "
                              "topic.%s.domain",
                              topic_kind_name(k->kind), k->topic->name);
    }
    const uint32_t i = domain_index(c, domain);
    if (i == c->n_domains) {
        return no_such_domain(k, domain);
    }
    k->topic->domain = (uint8_t)i;
    return ST_OK;
}

/* ---- fields --------------------------------------------------------------------------------- */

static enum status check_field(const struct check *k, enum map_field f) {
    const struct config_topic *t = k->topic;
    const char *name = map_field_name(f);
    char list[256];
    if (!*t->path[f]) {
        return ST_OK;
    }
    if (!map_field_is_of(f, k->kind)) {
        map_field_list(k->kind, list, sizeof list);
        return draft_complain(k->draft, &k->at,
                              "a topic of kind %s needs no %s; it has %s; remove topic.%s.%s",
                              topic_kind_name(k->kind), name, list, t->name, name);
    }
    if (map_is_constant(t->path[f]) && !map_field_may_be_constant(f)) {
        return draft_complain(k->draft, &k->at,
                              "%s cannot be a constant; write a path of its schema without quotes",
                              name);
    }
    return ST_OK;
}

static enum status check_missing(const struct check *k) {
    const struct config_topic *t = k->topic;
    char missing[256] = "";
    const char *first = NULL;
    for (int f = 0; f < MAP_FIELDS && !k->shipped; f++) {
        if (map_field_is_needed((enum map_field)f, k->kind) && !*t->path[f]) {
            const char *name = map_field_name((enum map_field)f);
            const size_t n = strlen(missing);
            snprintf(missing + n, sizeof missing - n, "%s%s", first ? ", " : "", name);
            first = first ? first : name;
        }
    }
    return first ? draft_complain(k->draft, &k->at,
                                  "does not say where in %s its %s %s; write topic.%s.%s = PATH, "
                                  "such as payload.id or lines[].sku",
                                  t->schema, missing, strchr(missing, ',') ? "are" : "is", t->name,
                                  first)
                 : ST_OK;
}

static enum status check_symbols(const struct check *k) {
    struct config_topic *t = k->topic;
    for (uint32_t i = 0; i < t->n_symbols; i++) {
        struct config_symbol *s = &t->symbols[i];
        const bool consent = s->field == FIELD_CONSENT;
        if (!map_field_is_of((enum map_field)s->field, k->kind)) {
            return draft_complain(
                k->draft, &k->at, "a topic of kind %s has no map.%s.%s; remove it",
                topic_kind_name(k->kind), consent ? "consent" : "action", s->symbol);
        }
        if (!consent && !map_word_maps(s->meaning, k->kind)) {
            char advice[256];
            map_word_map_advice("", k->kind, advice, sizeof advice);
            return draft_complain(k->draft, &k->at, "map.action.%s = %s: %s in a topic of kind %s",
                                  s->symbol, map_word_name(s->meaning), advice,
                                  topic_kind_name(k->kind));
        }
    }
    for (uint32_t i = 0; i < t->n_symbols; i++) {
        t->symbols[i].meaning &= (uint8_t)~MEANING_BITS;
    }
    return ST_OK;
}

static enum status check_fields(const struct check *k) {
    for (int f = 0; f < MAP_FIELDS; f++) {
        enum status st = check_field(k, (enum map_field)f);
        if (st) {
            return st;
        }
    }
    enum status st = check_missing(k);
    return st ? st : check_symbols(k);
}

/* ---- intake ------------------------------------------------------------------------------- */

static bool there_is(const struct config *c, enum topic_kind kind) {
    for (uint32_t i = 0; i < c->n_topics; i++) {
        enum reader r;
        const struct config_topic *t = &c->topics[i];
        if (t->kind == (int)kind || (!reader_of(t->schema, &r) && reader_kind(r) == kind)) {
            return true;
        }
    }
    return false;
}

/* What is repartitioned is learned from `events`: weights are of that topic. */
static bool has_weights(const struct config_topic *t) {
    bool any = false;
    for (size_t a = 0; a < ACTIONS; a++) {
        any = any || t->weight[a] < 1.0 || t->weight[a] > 1.0;
    }
    return any;
}

static enum status check_repartition(const struct check *k) {
    const struct config *c = &k->draft->config;
    const struct config_topic *t = k->topic;
    if (topic_kind_is_global(k->kind)) {
        return draft_complain(k->draft, &k->at,
                              "a topic of kind %s is read whole by every instance; remove intake",
                              topic_kind_name(k->kind));
    }
    if (!there_is(c, KIND_IDENTITY)) {
        return draft_complain(k->draft, &k->at,
                              "intake = repartition needs a topic of kind identity, who is whom; "
                              "write [topic.NAME] with schema = Identity");
    }
    if (has_weights(t)) {
        return draft_complain(k->draft, &k->at,
                              "weights of what is repartitioned are those of topic %s; write "
                              "topic.%s.weight.ACTION",
                              c->events, c->events);
    }
    return ST_OK;
}

static enum status check_events(const struct check *k) {
    const struct config_topic *t = k->topic;
    if (!k->shipped || k->reader != READER_EVENT) {
        return draft_complain(k->draft, &k->at, "is the topic of events: its schema must be Event");
    }
    if (t->intake == INTAKE_IS_REPARTITION || t->domain != DOMAIN_OF_RECORD) {
        return draft_complain(k->draft, &k->at,
                              "is the topic of events: its records have their domain and user; "
                              "remove topic.%s.%s",
                              t->name, t->domain == DOMAIN_OF_RECORD ? "intake" : "domain");
    }
    return ST_OK;
}

static enum status check_intake(const struct check *k) {
    const struct config_topic *t = k->topic;
    if (strcmp(t->name, k->draft->config.dead_letters) == 0) {
        return draft_complain(k->draft, &k->at,
                              "is dead.letters too: bad events would come in again");
    }
    if (is_events(k)) {
        return check_events(k);
    }
    return t->intake == INTAKE_IS_REPARTITION ? check_repartition(k) : ST_OK;
}

/* ---- all topics ----------------------------------------------------------------------------- */

static enum status check_topic(struct draft *d, const struct place *p, uint32_t i,
                               const char *ini_path) {
    char name[CONFIG_NAME_MAX + 8];
    struct check k = {.draft = d, .i = i, .topic = &d->config.topics[i], .at = *p};
    snprintf(name, sizeof name, "topic.%s", k.topic->name);
    k.at.name = name;
    enum status st = find_schema(&k);
    st = st ? st : find_domain(&k);
    st = st ? st : check_fields(&k);
    st = st ? st : check_intake(&k);
    return st ? st : place_file(&k, ini_path);
}

/* Is there anything for tasks: a topic of theirs, or one that becomes `events`? Since such a one
 * needs a topic of identities, there is always room for `events`. */
static bool has_work(const struct config *c) {
    for (uint32_t i = 0; i < c->n_topics; i++) {
        if (!topic_kind_is_global((enum topic_kind)c->topics[i].kind)) {
            return true;
        }
    }
    return false;
}

enum status draft_check_topics(struct draft *d, const struct place *p, const char *ini_path) {
    struct config *c = &d->config;
    for (uint32_t i = 0; i < c->n_topics; i++) {
        enum status st = check_topic(d, p, i, ini_path);
        if (st) {
            return st;
        }
    }
    if (!has_work(c)) {
        return draft_complain(d, p, "there must be at least one [topic.NAME] of kind event");
    }
    return strcmp(c->events, c->dead_letters) == 0
               ? draft_complain(d, p, "events and dead.letters are both %s", c->events)
               : ST_OK;
}

/* `events`, unless the configuration names it itself. */
static void add_events(struct config *c) {
    for (uint32_t i = 0; i < c->n_topics; i++) {
        if (strcmp(c->topics[i].name, c->events) == 0) {
            return;
        }
    }
    struct config_topic *t = &c->topics[c->n_topics++];
    draft_default_topic(t, c->events);
    t->kind = KIND_EVENT;
    t->domain = DOMAIN_OF_RECORD;
    snprintf(t->schema, sizeof t->schema, "%s", reader_name(READER_EVENT));
}

void draft_split_topics(struct draft *d) {
    struct config *c = &d->config;
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->n_topics; i++) {
        const struct config_topic *t = &c->topics[i];
        if (topic_kind_is_global((enum topic_kind)t->kind)) {
            c->globals[c->n_globals++] = *t;
        } else if (t->intake == INTAKE_IS_REPARTITION) {
            c->raws[c->n_raws++] = *t;
        } else {
            memmove(&c->topics[n++], t, sizeof *t);
        }
    }
    c->n_topics = n;
    memset(&c->topics[n], 0, (CONFIG_TOPICS_MAX - n) * sizeof c->topics[0]);
    if (c->n_raws > 0) {
        add_events(c);
    }
}
