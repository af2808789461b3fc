/* SPDX-License-Identifier: Apache-2.0
 *
 * mapping_read.c -- see mapping.h: one pass over the tape of a record. Every event goes through
 * here: nothing is allocated, and a value is touched once.
 */
#include <math.h>
#include <string.h>

#include "mapping_plan.h"

/* ---- values -------------------------------------------------------------------------- */

static bool announces(const struct value *v) {
    return v->type >= VALUE_ITEM;
}

struct view {
    const char *text;
    size_t len;
};

/* Decimal text of a number, into `digits`. */
static struct view view_of_long(int64_t i, char digits[DECODED_DIGITS]) {
    char *p = digits + DECODED_DIGITS;
    uint64_t u = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
    do {
        *--p = (char)('0' + u % 10);
        u /= 10;
    } while (u);
    if (i < 0) {
        *--p = '-';
    }
    return (struct view){p, (size_t)(digits + DECODED_DIGITS - p)};
}

/* An id, or any text: empty if there is none. */
static struct view view_of(const struct value *v, char digits[DECODED_DIGITS]) {
    switch (v->type) {
    case VALUE_TEXT:
    case VALUE_SYMBOL: return (struct view){v->text, v->len};
    case VALUE_LONG: return view_of_long(v->i, digits);
    default: return (struct view){"", 0};
    }
}

/* Two's complement, big-endian (Avro specification, "Decimal"). */
static bool decimal(const struct value *v, double divisor, double *out) {
    const unsigned char *p = (const unsigned char *)v->text;
    if (v->len == 0 || !(divisor > 0.0)) {
        return false;
    }
    double x = (signed char)p[0];
    for (uint32_t i = 1; i < v->len; i++) {
        x = x * 256.0 + p[i];
    }
    *out = x / divisor;
    return isfinite(*out);
}

/* Null leaves *out alone. */
static enum mapping_error number(const struct value *v, double divisor, double *out) {
    switch (v->type) {
    case VALUE_NULL: return MAPPING_OK;
    case VALUE_LONG: *out = (double)v->i; return MAPPING_OK;
    case VALUE_DOUBLE: *out = v->d; return MAPPING_OK;
    case VALUE_TEXT: return decimal(v, divisor, out) ? MAPPING_OK : MAPPING_NUMBER;
    default: return MAPPING_NUMBER;
    }
}

static enum mapping_error scaled(const struct mapping *m, const struct value *v, double divisor,
                                 double *out) {
    double x = 0.0;
    const enum mapping_error e = number(v, divisor, &x);
    if (!e && v->type != VALUE_NULL) {
        *out = x * m->scale;
    }
    return e;
}

/* Of the field of the value. Null leaves *ms and *seen alone. */
static enum mapping_error time_of(const struct mapping *m, const struct value *v, int64_t *ms,
                                  bool *seen) {
    const int64_t mul = m->ts_mul[v->tag - 1];
    const int64_t div = m->ts_div[v->tag - 1];
    int64_t t;
    if (v->type == VALUE_NULL) {
        return MAPPING_OK;
    }
    if (v->type == VALUE_TEXT) {
        if (!mapping_time_parse(v->text, v->len, &t)) {
            return MAPPING_TIME;
        }
    } else {
        t = v->i;
        if (mul > 1 && (t > INT64_MAX / mul || t < INT64_MIN / mul)) {
            return MAPPING_TIME;
        }
        t *= mul;
        t = div > 1 ? t / div - (t % div < 0) : t;
    }
    *ms = t;
    *seen = true;
    return MAPPING_OK;
}

/* Null leaves *meaning alone. */
static enum mapping_error word(const struct mapping *m, const struct value *v, uint8_t *meaning) {
    if (v->type == VALUE_NULL) {
        return MAPPING_OK;
    }
    const uint16_t key = mapping_key(v->text, v->len);
    for (uint32_t i = 0; i < m->n_words; i++) {
        const struct mapping_word *w = &m->words[i];
        if (m->keys[i] == key && w->len == v->len && map_same_word(w->text, v->text, v->len)) {
            *meaning = w->meaning;
            return w->meaning == MEANING_IGNORE ? MAPPING_IGNORED : MAPPING_OK;
        }
    }
    return MAPPING_ACTION;
}

/* What is to be ignored is no bad record, whatever else is wrong with it, and in whatever order its
 * fields are: the action is looked for behind what was wrong. */
static enum mapping_error unless_ignored(const struct mapping *m, const struct tape *t,
                                         enum mapping_error e) {
    uint8_t meaning;
    for (uint32_t i = 0; i < t->n; i++) {
        const struct value *v = &t->values[i];
        const bool action = !announces(v) && v->tag == MAPPING_TAG(FIELD_ACTION);
        if (action && word(m, v, &meaning) == MAPPING_IGNORED) {
            return MAPPING_IGNORED;
        }
    }
    return e;
}

static enum mapping_error domain_of(const struct mapping *m, const struct value *v,
                                    uint8_t *domain) {
    if (v->type == VALUE_NULL) {
        return MAPPING_NULL;
    }
    for (uint32_t i = 0; i < m->n_domains; i++) {
        const struct mapping_name *d = &m->domains[i];
        if (d->len == v->len && memcmp(d->text, v->text, v->len) == 0) {
            *domain = (uint8_t)i;
            return MAPPING_OK;
        }
    }
    return MAPPING_DOMAIN;
}

/* ---- events and feedback ------------------------------------------------------------- */

struct reading {
    const struct mapping *m;
    struct decoded *out;
    struct decoded_line *line;         /* the one that values are of */
    double quantity, amount, discount; /* of values outside of lines */
    bool timed;
    uint8_t action;
};

static struct decoded_line *new_line(struct reading *r) {
    struct decoded_line *line = &r->out->lines[r->out->n_lines++];
    line->item = "";
    line->item_len = 0;
    line->quantity = r->m->quantity;
    line->amount = r->m->amount;
    line->discount = r->m->discount;
    return line;
}

static enum mapping_error take_event_value(struct reading *r, const struct value *v) {
    const struct mapping *m = r->m;
    struct decoded *out = r->out;
    struct view t;
    switch (v->tag) {
    case MAPPING_TAG(FIELD_USER):
        t = view_of(v, out->user_digits);
        out->user_id = t.text;
        out->user_id_len = t.len;
        return MAPPING_OK;
    case MAPPING_TAG(FIELD_EVENT_ID):
        t = view_of(v, out->event_digits);
        out->event_id = t.text;
        out->event_id_len = t.len;
        return MAPPING_OK;
    case MAPPING_TAG(FIELD_TS): return time_of(m, v, &out->ts_ms, &r->timed);
    case MAPPING_TAG(FIELD_ITEM):
        t = view_of(v, r->line->digits);
        r->line->item = t.text;
        r->line->item_len = t.len;
        return MAPPING_OK;
    case MAPPING_TAG(FIELD_ACTION): return word(m, v, &r->action);
    case MAPPING_TAG(FIELD_QUANTITY):
        return number(v, m->divisor[FIELD_QUANTITY],
                      m->in_lines[FIELD_QUANTITY] ? &r->line->quantity : &r->quantity);
    case MAPPING_TAG(FIELD_AMOUNT):
        return scaled(m, v, m->divisor[FIELD_AMOUNT],
                      m->in_lines[FIELD_AMOUNT] ? &r->line->amount : &r->amount);
    case MAPPING_TAG(FIELD_DISCOUNT):
        return scaled(m, v, m->divisor[FIELD_DISCOUNT],
                      m->in_lines[FIELD_DISCOUNT] ? &r->line->discount : &r->discount);
    case MAPPING_TAG(FIELD_REC):
        t = view_of(v, out->event_digits); /* never a number */
        out->rec = t.text;
        out->rec_len = t.len;
        return MAPPING_OK;
    case MAPPING_TAG(FIELD_COUNTERPART):
        t = view_of(v, out->counterpart_digits);
        out->counterpart = t.text;
        out->counterpart_len = t.len;
        return MAPPING_OK;
    case MAPPING_TAG(FIELD_DOMAIN): return domain_of(m, v, &out->domain);
    default: return MAPPING_OK;
    }
}

/* What stands outside of the lines holds for each of them. */
static void spread(const struct reading *r) {
    const struct mapping *m = r->m;
    const bool quantity = !m->in_lines[FIELD_QUANTITY];
    const bool amount = !m->in_lines[FIELD_AMOUNT];
    const bool discount = !m->in_lines[FIELD_DISCOUNT];
    for (uint32_t i = 0; i < r->out->n_lines; i++) {
        struct decoded_line *line = &r->out->lines[i];
        line->quantity = quantity ? r->quantity : line->quantity;
        line->amount = amount ? r->amount : line->amount;
        line->discount = discount ? r->discount : line->discount;
    }
}

static void begin_event(struct reading *r) {
    struct decoded *out = r->out;
    out->event_id = out->user_id = out->rec = out->counterpart = "";
    out->event_id_len = out->user_id_len = out->rec_len = out->counterpart_len = 0;
    out->ts_ms = 0;
    out->n_lines = 0;
    out->domain = r->m->domain;
    if (!r->m->in_lines[FIELD_ITEM]) {
        r->line = new_line(r);
    }
}

static enum mapping_error read_event(const struct mapping *m, const struct tape *t,
                                     struct decoded *out) {
    struct reading r = {.m = m,
                        .out = out,
                        .line = out->lines,
                        .quantity = m->quantity,
                        .amount = m->amount,
                        .discount = m->discount,
                        .action = m->action};
    begin_event(&r);
    const struct value *end = t->values + t->n;
    for (const struct value *v = t->values; v < end; v++) {
        if (announces(v)) {
            if (v->type == VALUE_ITEM && out->n_lines == EVENT_LINES_MAX) {
                return MAPPING_LINES;
            }
            r.line = v->type == VALUE_ITEM ? new_line(&r) : r.line;
            continue;
        }
        const enum mapping_error e = take_event_value(&r, v);
        if (e) {
            return e;
        }
    }
    if (!r.timed || r.action == ACTION_OF_RECORD) {
        return MAPPING_NULL;
    }
    if (out->domain == DOMAIN_OF_RECORD) {
        return MAPPING_DOMAIN;
    }
    out->action = (enum action)r.action;
    if (!m->in_lines[FIELD_QUANTITY] || !m->in_lines[FIELD_AMOUNT] ||
        !m->in_lines[FIELD_DISCOUNT]) {
        spread(&r);
    }
    return MAPPING_OK;
}

enum mapping_error mapping_read_event(const struct mapping *m, const struct tape *t,
                                      struct decoded *out) {
    if (m->kind > KIND_FEEDBACK) {
        return MAPPING_NULL;
    }
    const enum mapping_error e = read_event(m, t, out);
    return e ? unless_ignored(m, t, e) : e;
}

/* ---- items --------------------------------------------------------------------------- */

/* Keys and values, or values alone; a null value is none. */
static void take_attribute(struct decoded_item *out, const struct value *v, struct view *key) {
    if (v->type == VALUE_KEY) {
        *key = (struct view){v->text, v->len};
        return;
    }
    const bool text = v->type == VALUE_TEXT || v->type == VALUE_SYMBOL;
    if (!text || out->n_attributes == DECODED_ATTRIBUTES) {
        return;
    }
    out->attributes[out->n_attributes++] = (struct decoded_attribute){
        .key = key->text, .key_len = key->len, .value = v->text, .value_len = v->len};
}

static enum mapping_error take_item_value(const struct mapping *m, const struct value *v,
                                          struct decoded_item *out) {
    enum mapping_error e;
    bool timed;
    struct view t;
    switch (v->tag) {
    case MAPPING_TAG(FIELD_ITEM):
        t = view_of(v, out->digits);
        out->item = t.text;
        out->item_len = t.len;
        return MAPPING_OK;
    case MAPPING_TAG(FIELD_TS): return time_of(m, v, &out->ts_ms, &timed);
    case MAPPING_TAG(FIELD_AVAILABLE):
        out->available = v->type == VALUE_NULL || v->i != 0;
        return MAPPING_OK;
    case MAPPING_TAG(FIELD_CATEGORY):
        t = view_of(v, out->digits); /* never a number */
        out->category = t.text;
        out->category_len = t.len;
        return MAPPING_OK;
    case MAPPING_TAG(FIELD_PRICE):
        e = scaled(m, v, m->divisor[FIELD_PRICE], &out->price);
        /* one that is written as no number is not the same as none */
        return !e && v->type != VALUE_NULL && isnan(out->price) ? MAPPING_NUMBER : e;
    case MAPPING_TAG(FIELD_NAME):
        t = view_of(v, out->digits);
        out->name = t.text;
        out->name_len = t.len;
        return MAPPING_OK;
    default: return MAPPING_OK;
    }
}

enum mapping_error mapping_read_item(const struct mapping *m, const struct tape *t,
                                     struct decoded_item *out) {
    struct view key = {"", 0};
    if (m->kind != KIND_ITEM) {
        return MAPPING_NULL;
    }
    out->item = out->name = "";
    out->item_len = out->name_len = 0;
    out->category = m->category.text;
    out->category_len = m->category.len;
    out->ts_ms = 0;
    out->price = (double)NAN;
    out->available = true;
    out->n_attributes = 0;
    for (uint32_t i = 0; i < t->n; i++) {
        const struct value *v = &t->values[i];
        if (v->tag == MAPPING_TAG(FIELD_ATTRIBUTES)) {
            take_attribute(out, v, &key);
            continue;
        }
        const enum mapping_error e = announces(v) ? MAPPING_OK : take_item_value(m, v, out);
        if (e) {
            return e;
        }
    }
    return MAPPING_OK;
}

/* ---- profiles ------------------------------------------------------------------------ */

static void take_country(const struct value *v, char country[2]) {
    const bool text = v->type == VALUE_TEXT || v->type == VALUE_SYMBOL;
    char c[2] = {0, 0};
    for (int i = 0; i < 2 && text && v->len == 2; i++) {
        const char x = v->text[i];
        c[i] = x >= 'a' && x <= 'z' ? (char)(x - 'a' + 'A') : x >= 'A' && x <= 'Z' ? x : '\0';
    }
    const bool both = c[0] && c[1];
    country[0] = both ? c[0] : '\0';
    country[1] = both ? c[1] : '\0';
}

static enum mapping_error take_consent(const struct mapping *m, const struct value *v,
                                       enum consent *out) {
    uint8_t said = 0; /* no, yes, unknown */
    if (v->type == VALUE_NULL) {
        return MAPPING_OK;
    }
    if (v->type == VALUE_BOOLEAN) {
        said = v->i != 0;
    } else {
        const enum mapping_error e = word(m, v, &said);
        if (e) {
            return e;
        }
    }
    static const enum consent of[] = {CONSENT_WITHDRAWN, CONSENT_GIVEN, CONSENT_UNKNOWN};
    *out = of[said];
    return MAPPING_OK;
}

/* Of years, a year of birth, or its date; 0 of what cannot be. Nothing finer leaves this file. */
static uint8_t band_of(const struct mapping *m, int64_t age, int64_t ts_ms) {
    const int64_t year = ts_ms ? mapping_time_year(ts_ms) : m->year;
    if (m->birth_date) {
        age = age > -100000 && age < 100000 ? year - mapping_time_year(age * 86400000) : -1;
    } else if (age > 1900) {
        age = year - age;
    }
    if (age < 0 || age > 150 || !m->n_bands) {
        return 0;
    }
    uint8_t band = 1;
    for (uint32_t i = 0; i < m->n_bands && age >= m->bands[i]; i++) {
        band++;
    }
    return band;
}

enum mapping_error mapping_read_profile(const struct mapping *m, const struct tape *t,
                                        struct decoded_profile *out) {
    int64_t age = -1;
    bool timed = false;
    bool aged = false;
    if (m->kind != KIND_PROFILE) {
        return MAPPING_NULL;
    }
    *out = (struct decoded_profile){.user_id = "", .consent = CONSENT_UNKNOWN};
    memcpy(out->country, m->country, sizeof out->country);
    for (uint32_t i = 0; i < t->n; i++) {
        const struct value *v = &t->values[i];
        enum mapping_error e = MAPPING_OK;
        struct view text;
        switch (announces(v) ? 0 : v->tag) {
        case MAPPING_TAG(FIELD_USER):
            text = view_of(v, out->digits);
            out->user_id = text.text;
            out->user_id_len = text.len;
            break;
        case MAPPING_TAG(FIELD_TS): e = time_of(m, v, &out->ts_ms, &timed); break;
        case MAPPING_TAG(FIELD_CONSENT): e = take_consent(m, v, &out->consent); break;
        case MAPPING_TAG(FIELD_AGE):
            aged = v->type == VALUE_LONG;
            age = aged ? v->i : age;
            break;
        case MAPPING_TAG(FIELD_COUNTRY): take_country(v, out->country); break;
        default: break;
        }
        if (e) {
            return e;
        }
    }
    out->age_band = aged ? band_of(m, age, out->ts_ms) : 0;
    return MAPPING_OK;
}

/* ---- requests and identities --------------------------------------------------------- */

enum mapping_error mapping_read_privacy(const struct mapping *m, const struct tape *t,
                                        struct decoded_privacy *out) {
    uint8_t request = m->action;
    bool timed = false;
    if (m->kind != KIND_PRIVACY) {
        return MAPPING_NULL;
    }
    *out = (struct decoded_privacy){.user_id = ""};
    for (uint32_t i = 0; i < t->n; i++) {
        const struct value *v = &t->values[i];
        enum mapping_error e = MAPPING_OK;
        struct view text;
        switch (announces(v) ? 0 : v->tag) {
        case MAPPING_TAG(FIELD_USER):
            text = view_of(v, out->digits);
            out->user_id = text.text;
            out->user_id_len = text.len;
            break;
        case MAPPING_TAG(FIELD_TS): e = time_of(m, v, &out->ts_ms, &timed); break;
        case MAPPING_TAG(FIELD_ACTION): e = word(m, v, &request); break;
        default: break;
        }
        if (e) {
            return unless_ignored(m, t, e);
        }
    }
    if (!timed || request == ACTION_OF_RECORD) {
        return MAPPING_NULL;
    }
    out->request = (enum privacy_request)request;
    return MAPPING_OK;
}

enum mapping_error mapping_read_identity(const struct mapping *m, const struct tape *t,
                                         struct decoded_identity *out) {
    if (m->kind != KIND_IDENTITY) {
        return MAPPING_NULL;
    }
    *out = (struct decoded_identity){.user_id = "", .partner_id = "", .domain = m->domain};
    for (uint32_t i = 0; i < t->n; i++) {
        const struct value *v = &t->values[i];
        enum mapping_error e = MAPPING_OK;
        struct view text;
        switch (announces(v) ? 0 : v->tag) {
        case MAPPING_TAG(FIELD_USER):
            text = view_of(v, out->user_digits);
            out->user_id = text.text;
            out->user_id_len = text.len;
            break;
        case MAPPING_TAG(FIELD_PARTNER_ID):
            text = view_of(v, out->partner_digits);
            out->partner_id = text.text;
            out->partner_id_len = text.len;
            break;
        case MAPPING_TAG(FIELD_PARTNER_DOMAIN): e = domain_of(m, v, &out->domain); break;
        default: break;
        }
        if (e) {
            return e;
        }
    }
    return out->domain == DOMAIN_OF_RECORD ? MAPPING_DOMAIN : MAPPING_OK;
}

/* ---- rules ----------------------------------------------------------------------------- */

static void take_text(const struct value *v, char digits[DECODED_DIGITS], const char **text,
                      size_t *len) {
    const struct view t = view_of(v, digits);
    *text = t.text;
    *len = t.len;
}

static void take_whole(const struct value *v, int64_t *out) {
    *out = v->type == VALUE_LONG ? v->i : *out;
}

/* The rules of a topic with a domain are of that one. */
static enum mapping_error take_target(const struct mapping *m, const struct value *v,
                                      uint8_t *domain) {
    uint8_t named = *domain;
    const enum mapping_error e = v->type == VALUE_NULL ? MAPPING_OK : domain_of(m, v, &named);
    if (!e && m->domain != DOMAIN_OF_RECORD && named != m->domain) {
        return MAPPING_DOMAIN;
    }
    *domain = e ? *domain : named;
    return e;
}

static enum mapping_error take_rule_value(const struct mapping *m, const struct value *v,
                                          struct decoded_rule *out, uint8_t *kind) {
    bool timed;
    switch (v->tag) {
    case MAPPING_TAG(FIELD_RULE): take_text(v, out->digits, &out->id, &out->id_len); break;
    case MAPPING_TAG(FIELD_ITEM):
        take_text(v, out->item_digits, &out->item, &out->item_len);
        out->has_item = v->type != VALUE_NULL;
        break;
    case MAPPING_TAG(FIELD_CATEGORY):
        take_text(v, out->item_digits, &out->category, &out->category_len); /* never a number */
        out->has_category = v->type != VALUE_NULL;
        break;
    case MAPPING_TAG(FIELD_SEGMENT):
        out->has_segment = v->type != VALUE_NULL;
        take_whole(v, &out->segment);
        break;
    case MAPPING_TAG(FIELD_POSITION): take_whole(v, &out->position); break;
    case MAPPING_TAG(FIELD_ACTION): return word(m, v, kind);
    case MAPPING_TAG(FIELD_TARGET): return take_target(m, v, &out->domain);
    case MAPPING_TAG(FIELD_FROM): return time_of(m, v, &out->from_ms, &timed);
    case MAPPING_TAG(FIELD_UNTIL): return time_of(m, v, &out->until_ms, &timed);
    case MAPPING_TAG(FIELD_FACTOR): return number(v, m->divisor[FIELD_FACTOR], &out->factor);
    default: break;
    }
    return MAPPING_OK;
}

enum mapping_error mapping_read_rule(const struct mapping *m, const struct tape *t,
                                     struct decoded_rule *out) {
    uint8_t kind = m->action;
    if (m->kind != KIND_RULE) {
        return MAPPING_NULL;
    }
    *out = (struct decoded_rule){.id = "",
                                 .item = "",
                                 .category = m->category.text,
                                 .category_len = m->category.len,
                                 .has_category = m->category.len > 0,
                                 .domain = m->domain,
                                 .from_ms = INT64_MIN,
                                 .until_ms = INT64_MAX,
                                 .factor = m->factor,
                                 .position = 1};
    for (uint32_t i = 0; i < t->n; i++) {
        const struct value *v = &t->values[i];
        const enum mapping_error e = announces(v) ? MAPPING_OK : take_rule_value(m, v, out, &kind);
        if (e) {
            return unless_ignored(m, t, e);
        }
    }
    if (kind == ACTION_OF_RECORD) {
        return MAPPING_NULL;
    }
    out->kind = (enum rule_kind)kind;
    return MAPPING_OK;
}
