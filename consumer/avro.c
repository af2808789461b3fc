/* SPDX-License-Identifier: Apache-2.0
 *
 * avro.c -- see encode.h. The only file that knows avro-c.
 *
 * Records are encoded through avro-c's generic values, which are filled in place.
 */
#include <avro.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "encode.h"
#include "shipped.h"
#include "wire.h"

struct encoder {
    enum reader reader;
    uint32_t schema_id;
    avro_schema_t schema;
    avro_value_iface_t *class;
    avro_value_t value;
    avro_writer_t writer;
    const char *domains[DOMAINS_MAX]; /* (n_domains,) borrowed */
    uint32_t n_domains;
};

enum status encoder_new(enum reader reader, uint32_t schema_id, struct encoder **out) {
    const char *json = reader < READERS ? shipped_json(reader) : NULL;
    if (!json) {
        return ST_INVALID;
    }
    struct encoder *e = calloc(1, sizeof *e);
    if (!e) {
        return ST_NOMEM;
    }
    e->reader = reader;
    e->schema_id = schema_id;
    if (avro_schema_from_json_length(json, strlen(json), &e->schema)) {
        e->schema = NULL;
        goto fail;
    }
    e->class = avro_generic_class_from_schema(e->schema);
    e->writer = avro_writer_memory("", 0);
    if (!e->class || !e->writer || avro_generic_value_new(e->class, &e->value)) {
        goto fail;
    }
    *out = e;
    return ST_OK;
fail:
    encoder_free(e);
    return ST_NOMEM;
}

void encoder_free(struct encoder *e) {
    if (!e) {
        return;
    }
    if (e->value.self) {
        avro_value_decref(&e->value);
    }
    if (e->class) {
        avro_value_iface_decref(e->class);
    }
    if (e->writer) {
        avro_writer_free(e->writer);
    }
    avro_schema_decref(e->schema);
    free(e);
}

void encoder_domains(struct encoder *e, const char *const *names, uint32_t n) {
    e->n_domains = n < DOMAINS_MAX ? n : DOMAINS_MAX;
    memcpy(e->domains, names, e->n_domains * sizeof e->domains[0]);
}

/* ---- fields: they return 0, or avro-c's error ------------------------------------------ */

/* Lends the bytes to the value: no copy, and unlike avro_value_set_string_len() no need of
 * a terminator, which avro-c counts but never reads when it writes. */
static int lend(avro_value_t *value, const char *text, size_t len) {
    avro_wrapped_buffer_t lent = {.buf = text, .size = len + 1};
    return avro_value_give_string_len(value, &lent);
}

static int put_string(avro_value_t *record, const char *name, const char *text, size_t len) {
    avro_value_t field;
    int rc = avro_value_get_by_name(record, name, &field, NULL);
    return rc ? rc : lend(&field, text, len);
}

static int put_double(avro_value_t *record, const char *name, double x) {
    avro_value_t field;
    int rc = avro_value_get_by_name(record, name, &field, NULL);
    return rc ? rc : avro_value_set_double(&field, x);
}

static int put_long(avro_value_t *record, const char *name, int64_t x) {
    avro_value_t field;
    int rc = avro_value_get_by_name(record, name, &field, NULL);
    return rc ? rc : avro_value_set_long(&field, x);
}

static int put_enum(avro_value_t *record, const char *name, int symbol) {
    avro_value_t field;
    int rc = avro_value_get_by_name(record, name, &field, NULL);
    return rc ? rc : avro_value_set_enum(&field, symbol);
}

/* Branch 0 is null and 1 the value, in all unions of the shipped schemas. */
static int set_branch(avro_value_t *record, const char *name, bool some, avro_value_t *branch) {
    avro_value_t field;
    int rc = avro_value_get_by_name(record, name, &field, NULL);
    rc = rc ? rc : avro_value_set_branch(&field, some, branch);
    return rc || some ? rc : avro_value_set_null(branch);
}

static int put_null(avro_value_t *record, const char *name) {
    avro_value_t branch;
    return set_branch(record, name, false, &branch);
}

/* Empty is null. */
static int put_text(avro_value_t *record, const char *name, const char *text, size_t len) {
    avro_value_t branch;
    int rc = set_branch(record, name, len > 0, &branch);
    return rc || !len ? rc : lend(&branch, text, len);
}

/* 0 is null. */
static int put_time(avro_value_t *record, const char *name, int64_t ms) {
    avro_value_t branch;
    int rc = set_branch(record, name, ms != 0, &branch);
    return rc || !ms ? rc : avro_value_set_long(&branch, ms);
}

static int put_optional(avro_value_t *record, const char *name, bool some, double x) {
    avro_value_t branch;
    int rc = set_branch(record, name, some, &branch);
    return rc || !some ? rc : avro_value_set_double(&branch, x);
}

/* ---- records ----------------------------------------------------------------------------- */

static int put_head(avro_value_t *record, const struct decoded *event) {
    int rc = put_string(record, "event_id", event->event_id, event->event_id_len);
    rc = rc ? rc : put_string(record, "user_id", event->user_id, event->user_id_len);
    return rc ? rc : put_long(record, "ts", event->ts_ms);
}

static int put_course_view(avro_value_t *record, const struct decoded *event) {
    const struct decoded_line *line = &event->lines[0];
    int rc = put_string(record, "course_id", line->item, line->item_len);
    rc = rc ? rc : put_enum(record, "action", (int)event->action);
    rc = rc ? rc : put_null(record, "source");
    return rc ? rc : put_optional(record, "price", line->amount != 0.0, line->amount);
}

/* Of orders and events; `id` is what their items are called. */
static int put_lines(avro_value_t *record, const struct decoded *event, const char *id) {
    avro_value_t lines;
    int rc = avro_value_get_by_name(record, "lines", &lines, NULL);
    for (uint32_t i = 0; !rc && i < event->n_lines; i++) {
        const struct decoded_line *line = &event->lines[i];
        avro_value_t item;
        rc = avro_value_append(&lines, &item, NULL);
        rc = rc ? rc : put_string(&item, id, line->item, line->item_len);
        rc = rc ? rc : put_double(&item, "quantity", line->quantity);
        rc = rc ? rc : put_double(&item, "amount", line->amount);
        rc = rc ? rc : put_double(&item, "discount", line->discount);
    }
    return rc;
}

static int put_food_order(avro_value_t *record, const struct decoded *event) {
    int rc = put_null(record, "restaurant_id");
    rc = rc ? rc : put_null(record, "currency");
    return rc ? rc : put_lines(record, event, "dish_id");
}

/* The symbol of an action in the enum of this reader, or -1. */
static int symbol_of(enum reader reader, enum action action) {
    static const enum action social[] = {ACTION_LIKE, ACTION_SHARE, ACTION_COMMENT, ACTION_RATE,
                                         ACTION_REPORT};
    switch (reader) {
    case READER_COURSE_VIEW: return action < ACTIONS_OF_EVENTS ? (int)action : -1;
    case READER_FOOD_ORDER: return 0; /* it has no action */
    case READER_EVENT: return (int)action;
    case READER_FEEDBACK:
        return action >= ACTION_IMPRESSION ? (int)action - (int)ACTION_IMPRESSION : -1;
    case READER_SOCIAL_INTERACTION:
        for (int i = 0; i < (int)(sizeof social / sizeof social[0]); i++) {
            if (social[i] == action) {
                return i;
            }
        }
        return -1;
    default: return -1;
    }
}

static int put_about_item(avro_value_t *record, const struct decoded *event, int symbol) {
    int rc = put_string(record, "item_id", event->lines[0].item, event->lines[0].item_len);
    return rc ? rc : put_enum(record, "action", symbol);
}

static int put_counterpart(avro_value_t *record, const struct decoded *event) {
    return put_text(record, "counterpart_id", event->counterpart, event->counterpart_len);
}

static int put_event(const struct encoder *e, avro_value_t *record, const struct decoded *event,
                     int symbol) {
    const char *domain = e->domains[event->domain];
    int rc = put_string(record, "domain", domain, strlen(domain));
    rc = rc ? rc : put_enum(record, "action", symbol);
    rc = rc ? rc : put_text(record, "rec", event->rec, event->rec_len);
    rc = rc ? rc : put_counterpart(record, event);
    return rc ? rc : put_lines(record, event, "item_id");
}

static int put_body(struct encoder *e, const struct decoded *event, int symbol) {
    avro_value_t *record = &e->value;
    int rc;
    switch (e->reader) {
    case READER_COURSE_VIEW: return put_course_view(record, event);
    case READER_FOOD_ORDER: return put_food_order(record, event);
    case READER_FEEDBACK:
        rc = put_text(record, "rec", event->rec, event->rec_len);
        return rc ? rc : put_about_item(record, event, symbol);
    case READER_SOCIAL_INTERACTION:
        rc = put_about_item(record, event, symbol);
        return rc ? rc : put_counterpart(record, event);
    default: return put_event(e, record, event, symbol);
    }
}

static int put_attributes(avro_value_t *record, const struct decoded_item *item) {
    avro_value_t map;
    int rc = avro_value_get_by_name(record, "attributes", &map, NULL);
    for (uint32_t i = 0; !rc && i < item->n_attributes; i++) {
        const struct decoded_attribute *a = &item->attributes[i];
        char key[ID_LEN_MAX + 1]; /* avro-c wants a terminated one */
        avro_value_t value;
        memcpy(key, a->key, a->key_len);
        key[a->key_len] = '\0';
        rc = avro_value_add(&map, key, &value, NULL, NULL);
        rc = rc ? rc : lend(&value, a->value, a->value_len);
    }
    return rc;
}

static int put_item(avro_value_t *record, const struct decoded_item *item) {
    avro_value_t available;
    int rc = put_string(record, "item_id", item->item, item->item_len);
    rc = rc ? rc : put_time(record, "ts", item->ts_ms);
    rc = rc ? rc : avro_value_get_by_name(record, "available", &available, NULL);
    rc = rc ? rc : avro_value_set_boolean(&available, item->available);
    rc = rc ? rc : put_text(record, "category", item->category, item->category_len);
    rc = rc ? rc : put_optional(record, "price", !isnan(item->price), item->price);
    rc = rc ? rc : put_text(record, "name", item->name, item->name_len);
    return rc ? rc : put_attributes(record, item);
}

static int put_profile(avro_value_t *record, const struct decoded_profile *p, int age) {
    const size_t country = p->country[0] ? sizeof p->country : 0;
    const bool asked = p->consent != CONSENT_UNKNOWN;
    avro_value_t branch;
    int rc = put_string(record, "user_id", p->user_id, p->user_id_len);
    rc = rc ? rc : put_time(record, "ts", p->ts_ms);
    rc = rc ? rc : set_branch(record, "consent", asked, &branch);
    rc = rc || !asked ? rc : avro_value_set_boolean(&branch, p->consent == CONSENT_GIVEN);
    rc = rc ? rc : set_branch(record, "age", age >= 0, &branch);
    rc = rc || age < 0 ? rc : avro_value_set_int(&branch, age);
    return rc ? rc : put_text(record, "country", p->country, country);
}

/* ---- to bytes ------------------------------------------------------------------------------ */

static enum status begin(struct encoder *e, size_t len) {
    if (len < WIRE_HEADER) {
        return ST_RANGE;
    }
    return avro_value_reset(&e->value) ? ST_NOMEM : ST_OK;
}

/* Writes the value, unless filling it failed with `rc`. */
static enum status finish(struct encoder *e, int rc, uint8_t *buf, size_t len, size_t *used) {
    enum status st = rc ? ST_NOMEM : ST_OK;
    if (!st) {
        avro_writer_memory_set_dest(e->writer, (const char *)buf + WIRE_HEADER,
                                    (int64_t)(len - WIRE_HEADER));
        st = avro_value_write(e->writer, &e->value) ? ST_RANGE : ST_OK;
    }
    (void)avro_value_reset(&e->value); /* the lent strings go back */
    if (!st) {
        wire_put(buf, e->schema_id);
        *used = WIRE_HEADER + (size_t)avro_writer_tell(e->writer);
    }
    return st;
}

enum status encode(struct encoder *e, const struct decoded *event, uint8_t *buf, size_t len,
                   size_t *used) {
    const bool several = e->reader == READER_FOOD_ORDER || e->reader == READER_EVENT;
    const uint32_t most = several ? EVENT_LINES_MAX : 1;
    const bool known = (unsigned)event->action < ACTIONS;
    const int symbol = known ? symbol_of(e->reader, event->action) : -1;
    if (event->n_lines < 1 || event->n_lines > most || symbol < 0 ||
        (e->reader == READER_EVENT && event->domain >= e->n_domains)) {
        return ST_INVALID;
    }
    enum status st = begin(e, len);
    if (st) {
        return st;
    }
    int rc = put_head(&e->value, event);
    rc = rc ? rc : put_body(e, event, symbol);
    return finish(e, rc, buf, len, used);
}

enum status encode_item(struct encoder *e, const struct decoded_item *item, uint8_t *buf,
                        size_t len, size_t *used) {
    bool good = e->reader == READER_ITEM && item->n_attributes <= DECODED_ATTRIBUTES;
    for (uint32_t i = 0; good && i < item->n_attributes; i++) {
        const size_t key_len = item->attributes[i].key_len;
        good = key_len >= 1 && key_len <= ID_LEN_MAX;
    }
    enum status st = good ? begin(e, len) : ST_INVALID;
    return st ? st : finish(e, put_item(&e->value, item), buf, len, used);
}

enum status encode_profile(struct encoder *e, const struct decoded_profile *profile, int age,
                           uint8_t *buf, size_t len, size_t *used) {
    enum status st = e->reader == READER_USER_PROFILE ? begin(e, len) : ST_INVALID;
    return st ? st : finish(e, put_profile(&e->value, profile, age), buf, len, used);
}

enum status encode_privacy(struct encoder *e, const struct decoded_privacy *request, uint8_t *buf,
                           size_t len, size_t *used) {
    const bool good =
        e->reader == READER_PRIVACY_REQUEST && (unsigned)request->request <= PRIVACY_RESUME;
    enum status st = good ? begin(e, len) : ST_INVALID;
    if (st) {
        return st;
    }
    avro_value_t *record = &e->value;
    int rc = put_null(record, "event_id");
    rc = rc ? rc : put_string(record, "user_id", request->user_id, request->user_id_len);
    rc = rc ? rc : put_long(record, "ts", request->ts_ms);
    rc = rc ? rc : put_enum(record, "request", (int)request->request);
    return finish(e, rc, buf, len, used);
}

enum status encode_identity(struct encoder *e, const struct decoded_identity *identity,
                            uint8_t *buf, size_t len, size_t *used) {
    const bool good = e->reader == READER_IDENTITY && identity->domain < e->n_domains;
    enum status st = good ? begin(e, len) : ST_INVALID;
    if (st) {
        return st;
    }
    const char *domain = e->domains[identity->domain];
    avro_value_t *record = &e->value;
    int rc = put_string(record, "partner_domain", domain, strlen(domain));
    rc = rc ? rc : put_string(record, "partner_id", identity->partner_id, identity->partner_id_len);
    rc = rc ? rc : put_text(record, "user_id", identity->user_id, identity->user_id_len);
    return finish(e, rc, buf, len, used);
}
