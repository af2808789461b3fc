/* SPDX-License-Identifier: Apache-2.0
 * intake.c -- see intake.h. */
#include "intake.h"

#include <stdlib.h>

#include "hash.h"
#include "wire.h"

static const struct {
    const char *code, *text;
} reasons[INTAKE_REASONS] = {
    [INTAKE_OK] = {"ok", "fine"},
    [INTAKE_EMPTY] = {"empty", "the record has no value"},
    [INTAKE_WIRE] = {"wire-header", "the value does not begin with 0 and a schema id"},
    [INTAKE_SCHEMA_UNKNOWN] = {"schema-unknown", "no schema is known by this id"},
    [INTAKE_SCHEMA_READER] = {"schema-mismatch", "the schema cannot be read as the topic's"},
    [INTAKE_DECODE] = {"decode", "the bytes do not follow their schema"},
    [INTAKE_USER] = {"user-id", "the user id is missing or longer than 255 bytes"},
    [INTAKE_EVENT_ID] = {"event-id", "the event id is missing or longer than 255 bytes"},
    [INTAKE_ITEM] = {"item-id", "an item id is missing or longer than 255 bytes"},
    [INTAKE_LINES] = {"no-lines", "the event has no lines"},
    [INTAKE_TIME_PAST] = {"time-past", "the event time is before the year 2000"},
    [INTAKE_TIME_FUTURE] = {"time-future", "the event time is over ten minutes ahead"},
    [INTAKE_NUMBER] = {"number", "a quantity or amount is negative, not a number, or above 10^12"},
};

const char *intake_reason_code(enum intake_reason r) {
    return reasons[r].code;
}

const char *intake_reason_text(enum intake_reason r) {
    return reasons[r].text;
}

struct intake {
    const struct config *cfg;
    const struct schemas *schemas;
    enum reader readers[CONFIG_TOPICS_MAX];
    struct decoded_line decoded[EVENT_LINES_MAX];
    struct event_line lines[EVENT_LINES_MAX];
};

enum status intake_new(const struct config *cfg, const struct schemas *schemas,
                       struct intake **out) {
    struct intake *in = calloc(1, sizeof *in);
    if (!in) {
        return ST_NOMEM;
    }
    in->cfg = cfg;
    in->schemas = schemas;
    for (uint32_t t = 0; t < cfg->n_topics; t++) {
        enum status st = reader_of(cfg->topics[t].schema, &in->readers[t]);
        if (st) {
            intake_free(in);
            return st;
        }
    }
    *out = in;
    return ST_OK;
}

void intake_free(struct intake *in) {
    free(in);
}

static bool id_ok(size_t len) {
    return len >= 1 && len <= ID_LEN_MAX;
}

/* Written so that a NaN fails. */
static bool number_ok(double x) {
    return x >= 0.0 && x <= 1e12;
}

static enum intake_reason check(const struct decoded *d, int64_t now_ms) {
    if (!id_ok(d->user_id_len)) {
        return INTAKE_USER;
    }
    if (!id_ok(d->event_id_len)) {
        return INTAKE_EVENT_ID;
    }
    if (d->n_lines == 0) {
        return INTAKE_LINES;
    }
    if (d->ts_ms < INTAKE_EPOCH_2000_MS) {
        return INTAKE_TIME_PAST;
    }
    /* whatever the clock: one event of the far future would move the landmarks for good */
    if (d->ts_ms - INTAKE_FUTURE_MS > now_ms || d->ts_ms >= INTAKE_EPOCH_2100_MS) {
        return INTAKE_TIME_FUTURE;
    }
    for (uint32_t k = 0; k < d->n_lines; k++) {
        if (!id_ok(d->lines[k].item_len)) {
            return INTAKE_ITEM;
        }
        if (!number_ok(d->lines[k].quantity) || !number_ok(d->lines[k].amount)) {
            return INTAKE_NUMBER;
        }
    }
    return INTAKE_OK;
}

static void fill_event(struct intake *in, const struct record *r, const struct decoded *d,
                       struct event *out) {
    const uint8_t domain = in->cfg->topics[r->topic].domain;
    for (uint32_t k = 0; k < d->n_lines; k++) {
        const struct decoded_line *from = &d->lines[k];
        in->lines[k] = (struct event_line){
            .item = hash_item(in->cfg->domains[domain].name, from->item, from->item_len),
            .id = from->item,
            .id_len = (uint16_t)from->item_len,
            .quantity = (float)from->quantity,
            .amount = (float)from->amount};
    }
    *out = (struct event){.id = hash_id(d->event_id, d->event_id_len),
                          .user = hash_id(d->user_id, d->user_id_len),
                          .ts_ms = d->ts_ms,
                          .offset = r->offset,
                          .user_id = d->user_id,
                          .user_id_len = (uint16_t)d->user_id_len,
                          .domain = domain,
                          .topic = (uint8_t)r->topic,
                          .action = (uint8_t)d->action,
                          .n_lines = (uint16_t)d->n_lines,
                          .lines = in->lines};
}

enum intake_reason intake_event(struct intake *in, const struct record *r, int64_t now_ms,
                                struct event *out, const char **detail) {
    *detail = "";
    if (!r->value) {
        return INTAKE_EMPTY;
    }
    struct wire_msg msg;
    if (wire_parse(r->value, r->value_len, &msg)) {
        return INTAKE_WIRE;
    }
    int known = 0;
    const struct decoder *decoder =
        schemas_decoder(in->schemas, msg.schema_id, in->readers[r->topic], &known);
    if (!decoder) {
        return known ? INTAKE_SCHEMA_READER : INTAKE_SCHEMA_UNKNOWN;
    }
    struct decoded d = {.lines = in->decoded};
    enum decode_error e = decode(decoder, msg.body, msg.body_len, &d);
    if (e) {
        *detail = decode_error_str(e);
        return INTAKE_DECODE;
    }
    enum intake_reason bad = check(&d, now_ms);
    if (!bad) {
        fill_event(in, r, &d, out);
    }
    return bad;
}
