/* SPDX-License-Identifier: Apache-2.0
 *
 * mapping_check.c -- see mapping_plan.h: can what stands at the end of a path be what a field
 * needs, and how is it read then.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "mapping_plan.h"

/* ---- what a field needs -------------------------------------------------------------- */

#define BIT(type) (1U << (type))

enum {
    WHOLE = BIT(SCHEMA_INT) | BIT(SCHEMA_LONG),
    NUMBER = WHOLE | BIT(SCHEMA_FLOAT) | BIT(SCHEMA_DOUBLE),
    DECIMAL = BIT(SCHEMA_BYTES) | BIT(SCHEMA_FIXED), /* with its logical type */
    TEXT = BIT(SCHEMA_STRING) | BIT(SCHEMA_ENUM),
};

struct need {
    unsigned types;
    const char *text;
};

static const struct need ID = {BIT(SCHEMA_STRING) | WHOLE, "a string, an int or a long"};
static const struct need WORD = {TEXT, "an enum or a string"};
static const struct need AMOUNT = {NUMBER | DECIMAL, "a number or a decimal"};
static const struct need AGE = {WHOLE, "an int or a long"};
static const struct need FLAG = {BIT(SCHEMA_BOOLEAN) | WHOLE, "a boolean, an int or a long"};
static const struct need CONSENT = {BIT(SCHEMA_BOOLEAN) | TEXT, "a boolean, an enum or a string"};
static const struct need TIME = {WHOLE | BIT(SCHEMA_STRING), "a long, an int or a string"};
static const struct need TEXTS = {TEXT, "a map of strings, written name{}, or an array of strings, "
                                        "written name[]"};

static const struct need *need_of(enum map_field f) {
    switch (f) {
    case FIELD_TS:
    case FIELD_FROM:
    case FIELD_UNTIL: return &TIME;
    case FIELD_QUANTITY:
    case FIELD_AMOUNT:
    case FIELD_DISCOUNT:
    case FIELD_FACTOR:
    case FIELD_PRICE: return &AMOUNT;
    case FIELD_AVAILABLE: return &FLAG;
    case FIELD_ATTRIBUTES: return &TEXTS;
    case FIELD_CONSENT: return &CONSENT;
    case FIELD_SEGMENT:
    case FIELD_POSITION:
    case FIELD_AGE: return &AGE;
    case FIELD_ACTION:
    case FIELD_CATEGORY:
    case FIELD_REC:
    case FIELD_NAME:
    case FIELD_COUNTRY:
    case FIELD_PARTNER_DOMAIN:
    case FIELD_TARGET:
    case FIELD_DOMAIN: return &WORD;
    default: return &ID;
    }
}

/* ---- branches: a node, or those of a union that are not null ------------------------- */

struct branches {
    const struct schema *s;
    const struct schema_node *u;
    uint32_t i;
};

static struct branches branches_of(const struct mapping *m, uint32_t node) {
    return (struct branches){.s = m->reader, .u = &m->reader->nodes[node]};
}

static const struct schema_node *next(struct branches *b) {
    if (b->u->type != SCHEMA_UNION) {
        return b->i++ == 0 && b->u->type != SCHEMA_NULL ? b->u : NULL;
    }
    while (b->i < b->u->n) {
        const struct schema_node *n = &b->s->nodes[b->u->fields[b->i++].node];
        if (n->type != SCHEMA_NULL) {
            return n;
        }
    }
    return NULL;
}

static const char *type_text(const struct schema_node *n, char *buf, size_t len) {
    static const char *const logical[] = {
        [LOGICAL_NONE] = "",
        [LOGICAL_DATE] = " (date)",
        [LOGICAL_TIME_MILLIS] = " (time-millis)",
        [LOGICAL_TIME_MICROS] = " (time-micros)",
        [LOGICAL_TIMESTAMP_MILLIS] = " (timestamp-millis)",
        [LOGICAL_TIMESTAMP_MICROS] = " (timestamp-micros)",
        [LOGICAL_DECIMAL] = " (decimal)",
        [LOGICAL_UUID] = " (uuid)",
    };
    const char *type = schema_type_str(n->type);
    snprintf(buf, len, "%s %s%s", strchr("aeiou", type[0]) ? "an" : "a", type, logical[n->logical]);
    return buf;
}

/* ---- one field ----------------------------------------------------------------------- */

static enum status check_type(const struct mapping *m, enum map_field f, uint32_t node, char *err) {
    const struct need *need = need_of(f);
    struct branches b = branches_of(m, node);
    const struct schema_node *n;
    char text[64];
    bool any = false;
    while ((n = next(&b))) {
        const bool decimal = (BIT(n->type) & DECIMAL) && n->logical != LOGICAL_DECIMAL;
        if (!(need->types & BIT(n->type)) || decimal) {
            return mapping_complain(m, f, err, "%s; needs %s", type_text(n, text, sizeof text),
                                    need->text);
        }
        any = true;
    }
    return any ? ST_OK : mapping_complain(m, f, err, "always null; needs %s", need->text);
}

static enum status check_decimal(struct mapping *m, enum map_field f, char *err) {
    struct branches b = branches_of(m, m->node[f]);
    const struct schema_node *n;
    while ((n = next(&b))) {
        const double divisor = pow(10.0, n->scale);
        if (n->logical != LOGICAL_DECIMAL || !(BIT(n->type) & DECIMAL)) {
            continue;
        }
        if (m->divisor[f] > 0.0 && (m->divisor[f] < divisor || m->divisor[f] > divisor)) {
            return mapping_complain(m, f, err, "decimals of several scales");
        }
        m->divisor[f] = divisor;
    }
    return ST_OK;
}

/* ms for each unit: *mul times a number, divided by *div. */
static void unit_ratio(int unit, int64_t *mul, int64_t *div) {
    *mul = unit == TS_UNIT_S ? 1000 : unit == TS_UNIT_DAY ? 86400000 : 1;
    *div = unit == TS_UNIT_US ? 1000 : unit == TS_UNIT_NS ? 1000000 : 1;
}

/* TS_UNIT_AUTO: the schema does not say, and it cannot be told. */
static int unit_of(const struct schema_node *n) {
    switch (n->logical) {
    case LOGICAL_DATE: return TS_UNIT_DAY;
    case LOGICAL_TIMESTAMP_MILLIS: return TS_UNIT_MS;
    case LOGICAL_TIMESTAMP_MICROS: return TS_UNIT_US;
    default: return n->type == SCHEMA_LONG ? TS_UNIT_MS : TS_UNIT_AUTO;
    }
}

static enum status check_time(struct mapping *m, const struct config_topic *t, enum map_field f,
                              char *err) {
    struct branches b = branches_of(m, m->node[f]);
    const struct schema_node *n;
    int unit = t->ts_unit;
    bool number = false;
    while ((n = next(&b))) {
        if (n->logical == LOGICAL_TIME_MILLIS || n->logical == LOGICAL_TIME_MICROS) {
            return mapping_complain(m, f, err, "a time of the day, without the day");
        }
        if (n->type == SCHEMA_STRING) {
            continue;
        }
        const int own = t->ts_unit == TS_UNIT_AUTO ? unit_of(n) : t->ts_unit;
        if (own == TS_UNIT_AUTO || (number && own != unit)) {
            return mapping_complain(m, f, err, "%s; write topic.%s.ts.unit = s, or day",
                                    number ? "numbers of several units"
                                           : "an int, which cannot be milliseconds",
                                    m->topic);
        }
        unit = own;
        number = true;
    }
    if (!number && t->ts_unit != TS_UNIT_AUTO) {
        return mapping_complain(m, f, err,
                                "a string has no unit: it is 2026-03-01T12:30:00Z; remove "
                                "topic.%s.ts.unit",
                                m->topic);
    }
    unit_ratio(unit, &m->ts_mul[f], &m->ts_div[f]);
    return ST_OK;
}

static enum status check_age(struct mapping *m, char *err) {
    struct branches b = branches_of(m, m->node[FIELD_AGE]);
    const struct schema_node *n;
    bool years = false;
    while ((n = next(&b))) {
        if (n->logical != LOGICAL_NONE && n->logical != LOGICAL_DATE) {
            return mapping_complain(m, FIELD_AGE, err, "neither years, nor a year, nor a date");
        }
        m->birth_date = m->birth_date || n->logical == LOGICAL_DATE;
        years = years || n->logical == LOGICAL_NONE;
    }
    return m->birth_date && years
               ? mapping_complain(m, FIELD_AGE, err, "years and dates cannot be told apart")
               : ST_OK;
}

/* Only the lines of an event, and attributes, have several values. */
static enum status check_items(struct mapping *m, enum map_field f, uint32_t items, char *err) {
    const bool number = f == FIELD_QUANTITY || f == FIELD_AMOUNT || f == FIELD_DISCOUNT;
    const bool line = m->kind <= KIND_FEEDBACK && (f == FIELD_ITEM || number);
    const bool map = strstr(m->path[f], "{}") != NULL;
    if (f == FIELD_ATTRIBUTES) {
        return items == 1 ? ST_OK : mapping_complain(m, f, err, "needs %s, once", need_of(f)->text);
    }
    if (items > 1 || (items == 1 && (!line || map))) {
        return mapping_complain(m, f, err,
                                line ? "one [] at most, and no {}: its items are the lines"
                                     : "several values, needs one");
    }
    m->in_lines[f] = items == 1;
    return ST_OK;
}

enum status mapping_check(struct mapping *m, const struct config_topic *t, enum map_field f,
                          char *err) {
    char why[512];
    uint32_t items = 0;
    uint32_t node = 0;
    if (schema_path(m->reader, m->path[f], &node, &items, why, sizeof why)) {
        return mapping_complain(m, f, err, "%s", why);
    }
    enum status st = check_items(m, f, items, err);
    if (st) {
        return st;
    }
    const struct schema_node *n = &m->reader->nodes[node];
    if (n->type == SCHEMA_ARRAY || n->type == SCHEMA_MAP) {
        node = n->fields[0].node; /* lines[] of scalars, attributes{} */
    }
    m->node[f] = node;
    st = check_type(m, f, node, err);
    if (st) {
        return st;
    }
    switch (f) {
    case FIELD_TS:
    case FIELD_FROM:
    case FIELD_UNTIL: return check_time(m, t, f, err);
    case FIELD_AGE: return check_age(m, err);
    case FIELD_QUANTITY:
    case FIELD_AMOUNT:
    case FIELD_DISCOUNT:
    case FIELD_FACTOR:
    case FIELD_PRICE: return check_decimal(m, f, err);
    default: return ST_OK;
    }
}

/* ---- all fields ---------------------------------------------------------------------- */

/* Length of the path up to the array. */
static size_t array_len(const struct mapping *m, enum map_field f) {
    return (size_t)(strstr(m->path[f], "[]") - m->path[f]);
}

static enum status check_lines(const struct mapping *m, char *err) {
    static const enum map_field of_lines[] = {FIELD_QUANTITY, FIELD_AMOUNT, FIELD_DISCOUNT};
    for (size_t i = 0; i < sizeof of_lines / sizeof *of_lines; i++) {
        const enum map_field f = of_lines[i];
        if (!m->in_lines[f]) {
            continue;
        }
        const size_t n = array_len(m, f);
        if (!m->in_lines[FIELD_ITEM] || array_len(m, FIELD_ITEM) != n ||
            strncmp(m->path[f], m->path[FIELD_ITEM], n) != 0) {
            return mapping_complain(m, f, err, "must be in the same array as item, which is %s",
                                    m->path[FIELD_ITEM]);
        }
    }
    return ST_OK;
}

/* The enum at the end of a path, NULL if there is something else as well. */
static const struct schema_node *only_enum(const struct mapping *m, enum map_field f) {
    struct branches b = branches_of(m, m->node[f]);
    const struct schema_node *n = next(&b);
    return n && n->type == SCHEMA_ENUM && !next(&b) ? n : NULL;
}

static bool means_something(const struct mapping *m, enum map_field f, const char *symbol) {
    const size_t len = strlen(symbol);
    for (uint32_t i = 0; i < m->n_words; i++) {
        const struct mapping_word *w = &m->words[i];
        if (w->field == f && w->len == len && map_same_word(w->text, symbol, len)) {
            return w->meaning != MEANING_IGNORE;
        }
    }
    return false;
}

static void symbol_list(const struct schema_node *n, char *buf, size_t len) {
    size_t at = 0;
    snprintf(buf, len, "%s", "");
    for (uint32_t i = 0; i < n->n && at < len; i++) {
        const int wrote = snprintf(buf + at, len - at, "%s%s", i ? ", " : "", n->fields[i].name);
        at += wrote > 0 ? (size_t)wrote : 0;
    }
}

static bool has_symbol(const struct schema_node *n, const char *symbol) {
    const size_t len = strlen(symbol);
    for (uint32_t i = 0; i < n->n; i++) {
        const char *name = n->fields[i].name;
        if (strlen(name) == len && map_same_word(name, symbol, len)) {
            return true;
        }
    }
    return false;
}

/* Words for an enum: those that are mapped must be there, and one must mean something. */
static enum status check_enum(const struct mapping *m, const struct config_topic *t,
                              enum map_field f, const struct schema_node *n, char *err) {
    char list[512];
    symbol_list(n, list, sizeof list);
    for (uint32_t i = 0; i < t->n_symbols; i++) {
        if (t->symbols[i].field == f && !has_symbol(n, t->symbols[i].symbol)) {
            return mapping_complain(m, f, err, "map.%s.%s: there is no such symbol; it has %s",
                                    map_field_name(f), t->symbols[i].symbol, list);
        }
    }
    bool any = false;
    for (uint32_t i = 0; i < n->n; i++) {
        any = any || means_something(m, f, n->fields[i].name);
    }
    return any ? ST_OK
               : mapping_complain(m, f, err,
                                  "what its symbols mean is not said; write "
                                  "topic.%s.map.%s.SYMBOL = %s; it has %s",
                                  m->topic, map_field_name(f),
                                  f == FIELD_CONSENT ? "yes, no or unknown" : "WORD", list);
}

/* Words of what no path leads to would never be looked at, and whoever wrote them never know. */
static enum status check_unused(const struct mapping *m, const struct config_topic *t,
                                enum map_field f, char *err) {
    for (uint32_t i = 0; i < t->n_symbols; i++) {
        if (t->symbols[i].field == f) {
            return mapping_complain(m, f, err, "%s, so map.%s.%s is never looked at; remove it",
                                    m->path[f][0] ? "a constant" : "not mapped", map_field_name(f),
                                    t->symbols[i].symbol);
        }
    }
    return ST_OK;
}

static enum status check_words(const struct mapping *m, const struct config_topic *t,
                               enum map_field f, char *err) {
    if (!m->path[f][0] || map_is_constant(m->path[f])) {
        return check_unused(m, t, f, err);
    }
    const struct schema_node *n = only_enum(m, f);
    if (n) {
        return check_enum(m, t, f, n, err);
    }
    struct branches b = branches_of(m, m->node[f]);
    bool text = false;
    while ((n = next(&b))) {
        text = text || n->type != SCHEMA_BOOLEAN;
    }
    bool any = f != FIELD_CONSENT || !text;
    for (uint32_t i = 0; i < m->n_words; i++) {
        any = any || m->words[i].field == f;
    }
    return any ? ST_OK
               : mapping_complain(
                     m, f, err,
                     "a string; write topic.%s.map.consent.WORD = yes, no or unknown for each "
                     "of its words",
                     m->topic);
}

enum status mapping_check_all(const struct mapping *m, const struct config_topic *t, char *err) {
    enum status st = check_lines(m, err);
    st = st ? st : check_words(m, t, FIELD_ACTION, err);
    return st ? st : check_words(m, t, FIELD_CONSENT, err);
}
