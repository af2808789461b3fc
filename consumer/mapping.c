/* SPDX-License-Identifier: Apache-2.0
 *
 * mapping.c -- see mapping.h: a mapping from its configuration. What may stand at the end of a path
 * is mapping_check.c, the pass over a record mapping_read.c.
 */
#include "mapping.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mapping_plan.h"
#include "schema_file.h"

/* ---- errors -------------------------------------------------------------------------------- */

enum status mapping_complain(const struct mapping *m, enum map_field f, char *err,
                             const char *format, ...) {
    int n = snprintf(err, CONFIG_ERROR_MAX, "topic.%s.%s = %s: ", m->topic, map_field_name(f),
                     m->path[f]);
    va_list args;
    va_start(args, format);
    vsnprintf(err + n, (size_t)(CONFIG_ERROR_MAX - n), format, args);
    va_end(args);
    return ST_INVALID;
}

const char *mapping_error_str(enum mapping_error e) {
    static const char *const texts[MAPPING_ERRORS] = {
        [MAPPING_OK] = "ok",
        [MAPPING_ACTION] = "a word that is no action, and that no map.action names",
        [MAPPING_TIME] = "a time that is none",
        [MAPPING_NULL] = "null where a value is needed",
        [MAPPING_LINES] = "too many lines",
        [MAPPING_NUMBER] = "a number that is none",
        [MAPPING_DOMAIN] = "the name of no domain",
        [MAPPING_IGNORED] = "a word that map.action says to ignore",
    };
    return e < MAPPING_ERRORS ? texts[e] : "unknown";
}

/* ---- the schema ------------------------------------------------------------------------------ */

static enum status load_schema(struct mapping *m, const struct config_topic *t, char *err) {
    enum reader r;
    char *text = NULL;
    size_t len = 0;
    char why[512];
    const bool shipped = !reader_of(t->schema, &r);
    enum status st = shipped ? ST_OK : schema_file_read(t->schema, &text, &len);
    if (st == ST_IO) {
        snprintf(why, sizeof why, "%s", strerror(errno));
    }
    const char *json = shipped ? shipped_json(r) : text;
    if (!st) {
        st = schema_parse(json, shipped ? strlen(json) : len, &m->reader, why, sizeof why);
    }
    if (st) {
        snprintf(err, CONFIG_ERROR_MAX, "topic.%s.schema = %s: %.340s", t->name, t->schema,
                 st == ST_NOMEM ? "out of memory" : why);
    }
    free(text);
    return st;
}

/* ---- paths --------------------------------------------------------------------------- */

/* Those of the shipped schemas. */
static const char *const SHIPPED_PATHS[READERS][MAP_FIELDS] = {
    [READER_COURSE_VIEW] = {[FIELD_USER] = "user_id",
                            [FIELD_EVENT_ID] = "event_id",
                            [FIELD_TS] = "ts",
                            [FIELD_ITEM] = "course_id",
                            [FIELD_ACTION] = "action",
                            [FIELD_AMOUNT] = "price"},
    [READER_FOOD_ORDER] = {[FIELD_USER] = "user_id",
                           [FIELD_EVENT_ID] = "event_id",
                           [FIELD_TS] = "ts",
                           [FIELD_ITEM] = "lines[].dish_id",
                           [FIELD_ACTION] = "\"order\"",
                           [FIELD_QUANTITY] = "lines[].quantity",
                           [FIELD_AMOUNT] = "lines[].amount",
                           [FIELD_DISCOUNT] = "lines[].discount"},
    [READER_SOCIAL_INTERACTION] = {[FIELD_USER] = "user_id",
                                   [FIELD_EVENT_ID] = "event_id",
                                   [FIELD_TS] = "ts",
                                   [FIELD_ITEM] = "item_id",
                                   [FIELD_ACTION] = "action",
                                   [FIELD_COUNTERPART] = "counterpart_id"},
    [READER_FEEDBACK] = {[FIELD_USER] = "user_id",
                         [FIELD_EVENT_ID] = "event_id",
                         [FIELD_TS] = "ts",
                         [FIELD_ITEM] = "item_id",
                         [FIELD_ACTION] = "action",
                         [FIELD_REC] = "rec"},
    [READER_ITEM] = {[FIELD_TS] = "ts",
                     [FIELD_ITEM] = "item_id",
                     [FIELD_AVAILABLE] = "available",
                     [FIELD_CATEGORY] = "category",
                     [FIELD_PRICE] = "price",
                     [FIELD_NAME] = "name",
                     [FIELD_ATTRIBUTES] = "attributes{}"},
    [READER_USER_PROFILE] = {[FIELD_USER] = "user_id",
                             [FIELD_TS] = "ts",
                             [FIELD_CONSENT] = "consent",
                             [FIELD_AGE] = "age",
                             [FIELD_COUNTRY] = "country"},
    [READER_PRIVACY_REQUEST] = {[FIELD_USER] = "user_id",
                                [FIELD_EVENT_ID] = "event_id",
                                [FIELD_TS] = "ts",
                                [FIELD_ACTION] = "request"},
    [READER_IDENTITY] = {[FIELD_USER] = "user_id",
                         [FIELD_PARTNER_DOMAIN] = "partner_domain",
                         [FIELD_PARTNER_ID] = "partner_id"},
    [READER_RULE] = {[FIELD_RULE] = "rule_id",
                     [FIELD_ACTION] = "kind",
                     [FIELD_TARGET] = "target",
                     [FIELD_ITEM] = "item",
                     [FIELD_CATEGORY] = "category",
                     [FIELD_SEGMENT] = "segment",
                     [FIELD_FROM] = "from",
                     [FIELD_UNTIL] = "until",
                     [FIELD_FACTOR] = "factor",
                     [FIELD_POSITION] = "position"},
    [READER_EVENT] = {[FIELD_USER] = "user_id",
                      [FIELD_EVENT_ID] = "event_id",
                      [FIELD_TS] = "ts",
                      [FIELD_ITEM] = "lines[].item_id",
                      [FIELD_ACTION] = "action",
                      [FIELD_QUANTITY] = "lines[].quantity",
                      [FIELD_AMOUNT] = "lines[].amount",
                      [FIELD_DISCOUNT] = "lines[].discount",
                      [FIELD_REC] = "rec",
                      [FIELD_COUNTERPART] = "counterpart_id",
                      [FIELD_DOMAIN] = "domain"},
};

static void copy_paths(struct mapping *m, const struct config_topic *t) {
    enum reader r;
    const bool shipped = !reader_of(t->schema, &r);
    for (int f = 0; f < MAP_FIELDS; f++) {
        const char *own = t->path[f];
        const char *path = shipped && SHIPPED_PATHS[r][f] ? SHIPPED_PATHS[r][f] : "";
        snprintf(m->path[f], sizeof m->path[f], "%s", *own ? own : path);
    }
    if (t->domain != DOMAIN_OF_RECORD) {
        m->path[FIELD_DOMAIN][0] = '\0'; /* the topic says it */
    }
}

/* ---- constants ----------------------------------------------------------------------- */

/* The text between the quotes. */
static void unquote(const struct mapping *m, enum map_field f, struct mapping_name *out) {
    const size_t n = strlen(m->path[f]);
    out->len = n < 2 ? 0 : n - 2;
    memcpy(out->text, m->path[f] + 1, out->len);
    out->text[out->len] = '\0';
}

static enum status constant_action(struct mapping *m, const char *word, char *err) {
    uint8_t meaning;
    if (map_word(word, strlen(word), &meaning) || !map_word_is_of(meaning, m->kind)) {
        char advice[256];
        map_word_advice(word, m->kind, advice, sizeof advice);
        return mapping_complain(m, FIELD_ACTION, err, "%s", advice);
    }
    m->action = meaning & (uint8_t)~MEANING_BITS;
    return ST_OK;
}

static enum status constant_number(const struct mapping *m, enum map_field f, const char *text,
                                   double *out, char *err) {
    char *end;
    const double x = strtod(text, &end);
    if (end == text || *end || !(x >= 0.0) || !isfinite(x)) {
        return mapping_complain(m, f, err, "must be a number that is not negative");
    }
    *out = x;
    return ST_OK;
}

static enum status constant_domain(struct mapping *m, enum map_field f,
                                   const struct mapping_name *name, char *err) {
    const char *names[DOMAINS_MAX];
    for (uint32_t i = 0; i < m->n_domains; i++) {
        names[i] = m->domains[i].text;
        if (strcmp(names[i], name->text) == 0) {
            if (f == FIELD_TARGET && m->domain != DOMAIN_OF_RECORD && m->domain != i) {
                return mapping_complain(m, f, err, "the topic is of domain %s",
                                        m->domains[m->domain].text);
            }
            m->domain = (uint8_t)i;
            return ST_OK;
        }
    }
    const char *near = config_nearest(name->text, names, m->n_domains);
    return mapping_complain(m, f, err, "there is no such domain%s%s%s",
                            near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

/* The constant of field f; config.c has seen that it may be one. */
static enum status take_constant(struct mapping *m, enum map_field f, char *err) {
    struct mapping_name text;
    unquote(m, f, &text);
    switch (f) {
    case FIELD_ACTION: return constant_action(m, text.text, err);
    case FIELD_QUANTITY: return constant_number(m, f, text.text, &m->quantity, err);
    case FIELD_AMOUNT: return constant_number(m, f, text.text, &m->amount, err);
    case FIELD_DISCOUNT: return constant_number(m, f, text.text, &m->discount, err);
    case FIELD_CATEGORY: m->category = text; return ST_OK;
    case FIELD_FACTOR: return constant_number(m, f, text.text, &m->factor, err);
    case FIELD_TARGET:
    case FIELD_PARTNER_DOMAIN: return constant_domain(m, f, &text, err);
    case FIELD_COUNTRY:
        if (text.len != 2) {
            return mapping_complain(m, f, err, "must be two letters");
        }
        memcpy(m->country, text.text, 2);
        return ST_OK;
    default: return mapping_complain(m, f, err, "cannot be a constant");
    }
}

/* ---- words, bands, domains ----------------------------------------------------------- */

static void add_word(struct mapping *m, const char *text, uint8_t field, uint8_t meaning) {
    m->keys[m->n_words] = mapping_key(text, strlen(text));
    struct mapping_word *w = &m->words[m->n_words++];
    w->len = (uint8_t)snprintf(w->text, sizeof w->text, "%s", text);
    w->field = field;
    w->meaning = meaning;
}

/* Those of the configuration first, then the names of the meanings themselves. */
static void add_words(struct mapping *m, const struct config_topic *t) {
    for (uint32_t i = 0; i < t->n_symbols; i++) {
        add_word(m, t->symbols[i].symbol, t->symbols[i].field, t->symbols[i].meaning);
    }
    for (int i = 0; i < 0x100; i++) {
        const uint8_t meaning = (uint8_t)i;
        uint8_t same;
        const char *name = map_word_name(meaning);
        if (map_word_is_of(meaning, m->kind) && !map_word(name, strlen(name), &same) &&
            same == meaning) {
            add_word(m, name, FIELD_ACTION, meaning & (uint8_t)~MEANING_BITS);
        }
    }
}

static void add_bands(struct mapping *m, const char *bands) {
    for (const char *p = bands; *p && m->n_bands < MAPPING_BANDS;) {
        char *end;
        m->bands[m->n_bands++] = (uint8_t)strtol(p, &end, 10);
        p = *end ? end + 1 : end;
    }
}

static void add_domains(struct mapping *m, const struct config *cfg) {
    m->n_domains = cfg->n_domains;
    for (uint32_t i = 0; i < cfg->n_domains; i++) {
        struct mapping_name *d = &m->domains[i];
        d->len = (size_t)snprintf(d->text, sizeof d->text, "%s", cfg->domains[i].name);
    }
}

/* ---- all of it ----------------------------------------------------------------------- */

static enum status map_fields(struct mapping *m, const struct config_topic *t, char *err) {
    for (int i = 0; i < MAP_FIELDS; i++) {
        const enum map_field f = (enum map_field)i;
        if (!m->path[f][0]) {
            continue;
        }
        enum status st;
        if (map_is_constant(m->path[f])) {
            st = take_constant(m, f, err);
        } else {
            m->wants[m->n_wants++] = (struct want){.path = m->path[f], .tag = MAPPING_TAG(f)};
            st = mapping_check(m, t, f, err);
        }
        if (st) {
            return st;
        }
    }
    return ST_OK;
}

static int this_year(void) {
    return (int)mapping_time_year((int64_t)time(NULL) * 1000);
}

enum status mapping_new(const struct config *cfg, const struct config_topic *topic,
                        struct mapping **out, char *err) {
    struct mapping *m = calloc(1, sizeof *m);
    if (!m) {
        snprintf(err, CONFIG_ERROR_MAX, "topic.%s: out of memory", topic->name);
        return ST_NOMEM;
    }
    m->kind = (enum topic_kind)topic->kind;
    m->domain = topic->domain;
    m->action = ACTION_OF_RECORD;
    m->scale = topic->amount_scale;
    m->quantity = 1.0;
    m->factor = (double)NAN;
    m->year = this_year();
    snprintf(m->topic, sizeof m->topic, "%s", topic->name);
    add_domains(m, cfg);
    add_words(m, topic);
    add_bands(m, topic->age_bands);
    copy_paths(m, topic);
    enum status st = load_schema(m, topic, err);
    st = st ? st : map_fields(m, topic, err);
    st = st ? st : mapping_check_all(m, topic, err);
    if (st) {
        mapping_free(m);
        return st;
    }
    m->amount *= m->scale;
    m->discount *= m->scale;
    *out = m;
    return ST_OK;
}

void mapping_free(struct mapping *m) {
    if (m) {
        schema_free(m->reader);
        free(m);
    }
}

enum topic_kind mapping_kind(const struct mapping *m) {
    return m->kind;
}

bool mapping_has(const struct mapping *m, enum map_field f) {
    return m->path[f][0] != '\0';
}

uint8_t mapping_domain(const struct mapping *m) {
    return m->domain;
}

const struct schema *mapping_schema(const struct mapping *m) {
    return m->reader;
}

enum status mapping_decoder(const struct mapping *m, const struct schema *writer,
                            struct decoder **out, char *err, size_t err_len) {
    /* Whatever the partner calls its record: what counts is what is in it. */
    const struct decoder_spec spec = {.writer = writer,
                                      .reader = m->reader,
                                      .wants = m->wants,
                                      .n_wants = m->n_wants,
                                      .any_root = true};
    return decoder_new(&spec, out, err, err_len);
}
