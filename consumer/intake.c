/* SPDX-License-Identifier: Apache-2.0
 * intake.c -- see intake.h. */
#include "intake.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "mapping.h"
#include "schemas.h"
#include "wire.h"

static const struct {
    const char *code, *text;
} reasons[INTAKE_REASONS] = {
    [INTAKE_OK] = {"ok", "fine"},
    [INTAKE_EMPTY] = {"empty", "the record has no value"},
    [INTAKE_OVERSIZED] = {"oversized", "the record is over 1 MiB, or has more lines than 512"},
    [INTAKE_WRONG_PARTITION] = {"wrong-partition", "the key does not hash to this partition"},
    [INTAKE_WIRE] = {"wire-header", "the value does not begin with 0 and a schema id"},
    [INTAKE_SCHEMA_UNKNOWN] = {"schema-unknown", "no schema is known by this id"},
    [INTAKE_SCHEMA_READER] = {"schema-mismatch", "the schema cannot be read as the topic's"},
    [INTAKE_DECODE] = {"decode", "the bytes do not follow their schema"},
    [INTAKE_MISSING] = {"missing", "null in a field that is needed"},
    [INTAKE_USER] = {"user-id", "the user id is missing or longer than 255 bytes"},
    [INTAKE_EVENT_ID] = {"event-id", "the event id is missing or longer than 255 bytes"},
    [INTAKE_ITEM] = {"item-id", "an item id is missing or longer than 255 bytes"},
    [INTAKE_LINES] = {"no-lines", "the event has no lines"},
    [INTAKE_ACTION] = {"action", "the action is none that is known or mapped"},
    [INTAKE_DOMAIN] = {"domain", "the domain is none of the configured ones"},
    [INTAKE_TIME] = {"time-text", "the event time is no time"},
    [INTAKE_TIME_PAST] = {"time-past", "the event time is before the year 2000"},
    [INTAKE_TIME_FUTURE] = {"time-future", "the event time is over ten minutes ahead"},
    [INTAKE_NUMBER] = {"number", "a quantity or money is negative, not a number, or above 10^12"},
};

const char *intake_reason_code(enum intake_reason r) {
    return reasons[r].code;
}

const char *intake_reason_text(enum intake_reason r) {
    return reasons[r].text;
}

struct intake {
    const struct config *cfg;
    const struct config_topic *topics;
    uint32_t n_topics;
    struct mapping *mappings[CONFIG_TOPICS_MAX];
    struct schemas *schemas;
    struct tape tape;
    struct decoded_line decoded[EVENT_LINES_MAX];
    struct decoded event;
    struct event_line lines[EVENT_LINES_MAX];
    struct decoded_item item;
    struct decoded_rule rule;
    uint64_t attributes[CONTENT_ATTRIBUTES];
};

enum status intake_new(const struct intake_spec *spec, struct intake **out, char *err) {
    struct intake *in = calloc(1, sizeof *in);
    if (!in) {
        return ST_NOMEM;
    }
    in->cfg = spec->cfg;
    in->topics = spec->topics;
    enum status st = ST_OK;
    for (uint32_t t = 0; !st && t < spec->n_topics; t++) {
        st = mapping_new(spec->cfg, &spec->topics[t], &in->mappings[t], err);
        in->n_topics = st ? t : t + 1;
    }
    if (!st) {
        st = schemas_new(spec->cfg->schemas_dir, (const struct mapping *const *)in->mappings,
                         in->n_topics, spec->lookup, &in->schemas, err, CONFIG_ERROR_MAX);
    }
    if (st) {
        intake_free(in);
        return st;
    }
    *out = in;
    return ST_OK;
}

void intake_free(struct intake *in) {
    if (!in) {
        return;
    }
    schemas_free(in->schemas);
    for (uint32_t t = 0; t < in->n_topics; t++) {
        mapping_free(in->mappings[t]);
    }
    free(in);
}

/* ---- checks ---------------------------------------------------------------------------- */

static bool id_ok(size_t len) {
    return len >= 1 && len <= ID_LEN_MAX;
}

/* As many bytes of a text as its hash is of. */
static size_t cut(size_t len) {
    return len < ID_LEN_MAX ? len : ID_LEN_MAX;
}

/* Written so that a NaN fails. */
static bool number_ok(double x) {
    return x >= 0.0 && x <= 1e12;
}

static enum intake_reason check_time(int64_t ts_ms, int64_t now_ms) {
    if (ts_ms < INTAKE_EPOCH_2000_MS) {
        return INTAKE_TIME_PAST;
    }
    /* whatever the clock: one event of the far future would move the landmarks for good */
    if (ts_ms - INTAKE_FUTURE_MS > now_ms || ts_ms >= INTAKE_EPOCH_2100_MS) {
        return INTAKE_TIME_FUTURE;
    }
    return INTAKE_OK;
}

static enum intake_reason check_lines(const struct decoded *d) {
    for (uint32_t k = 0; k < d->n_lines; k++) {
        if (!id_ok(d->lines[k].item_len)) {
            return INTAKE_ITEM;
        }
        if (!number_ok(d->lines[k].quantity) || !number_ok(d->lines[k].amount) ||
            !number_ok(d->lines[k].discount)) {
            return INTAKE_NUMBER;
        }
    }
    return d->n_lines > 0 ? INTAKE_OK : INTAKE_LINES;
}

static enum intake_reason check_event(const struct decoded *d, bool named, int64_t now_ms) {
    if (!id_ok(d->user_id_len)) {
        return INTAKE_USER;
    }
    if (named && !id_ok(d->event_id_len)) {
        return INTAKE_EVENT_ID;
    }
    const enum intake_reason bad = check_time(d->ts_ms, now_ms);
    return bad ? bad : check_lines(d);
}

/* ---- records to tapes ------------------------------------------------------------------- */

static enum intake_reason of_decode(enum decode_error e) {
    return e == DECODE_VALUES ? INTAKE_OVERSIZED : e ? INTAKE_DECODE : INTAKE_OK;
}

static enum intake_reason of_mapping(enum mapping_error e) {
    switch (e) {
    case MAPPING_OK: return INTAKE_OK;
    case MAPPING_ACTION: return INTAKE_ACTION;
    case MAPPING_TIME: return INTAKE_TIME;
    case MAPPING_LINES: return INTAKE_OVERSIZED;
    case MAPPING_NUMBER: return INTAKE_NUMBER;
    case MAPPING_DOMAIN: return INTAKE_DOMAIN;
    case MAPPING_IGNORED: return INTAKE_IGNORED;
    case MAPPING_NULL:
    case MAPPING_ERRORS: break;
    }
    return INTAKE_MISSING;
}

/* The values of a record that has one onto the tape. */
static enum intake_reason read_tape(struct intake *in, const struct record *r,
                                    const char **detail) {
    struct wire_msg msg;
    if (r->misplaced) {
        return INTAKE_WRONG_PARTITION;
    }
    if (r->value_len > INTAKE_BYTES_MAX) {
        return INTAKE_OVERSIZED;
    }
    if (wire_parse(r->value, r->value_len, &msg)) {
        return INTAKE_WIRE;
    }
    const struct decoder *decoder = NULL;
    switch (schemas_decoder(in->schemas, msg.schema_id, r->topic, &decoder, detail)) {
    case SCHEMAS_WAITING: return INTAKE_WAIT;
    case SCHEMAS_UNKNOWN: return INTAKE_SCHEMA_UNKNOWN;
    case SCHEMAS_MISMATCH: return INTAKE_SCHEMA_READER;
    case SCHEMAS_READY: break;
    }
    const enum decode_error e = decode(decoder, msg.body, msg.body_len, &in->tape);
    *detail = e ? decode_error_str(e) : "";
    return of_decode(e);
}

/* ---- events ------------------------------------------------------------------------------ */

/* A source without event ids: the place of the record names the event. */
static uint64_t place_id(const struct intake *in, const struct record *r) {
    char text[CONFIG_NAME_MAX + 48];
    const int len = snprintf(text, sizeof text, "%s/%d/%lld", in->topics[r->topic].name,
                             (int)r->partition, (long long)r->offset);
    return hash_id(text, (size_t)len);
}

/* Of the text nothing but 32 bits of a hash goes on; 0: nobody, or the user himself. An id that no
 * user can have is nobody's. */
static uint32_t counterpart_of(const struct decoded *d) {
    if (!id_ok(d->counterpart_len) || (d->counterpart_len == d->user_id_len &&
                                       memcmp(d->counterpart, d->user_id, d->user_id_len) == 0)) {
        return 0;
    }
    const uint32_t who = (uint32_t)hash_id(d->counterpart, d->counterpart_len);
    return who ? who : 1;
}

static void fill_event(struct intake *in, const struct record *r, bool named, struct event *out) {
    const struct decoded *d = &in->event;
    const struct config_topic *topic = &in->topics[r->topic];
    for (uint32_t k = 0; k < d->n_lines; k++) {
        const struct decoded_line *from = &d->lines[k];
        in->lines[k] = (struct event_line){
            .item = hash_item(in->cfg->domains[d->domain].name, from->item, from->item_len),
            .id = from->item,
            .id_len = (uint16_t)from->item_len,
            .quantity = (float)from->quantity,
            .amount = (float)from->amount,
            .discount = (float)from->discount};
    }
    *out = (struct event){.id = named ? hash_id(d->event_id, d->event_id_len) : place_id(in, r),
                          .user = hash_id(d->user_id, d->user_id_len),
                          .ts_ms = d->ts_ms,
                          .offset = r->offset,
                          .user_id = d->user_id,
                          .user_id_len = (uint16_t)d->user_id_len,
                          .domain = d->domain,
                          .topic = (uint8_t)r->topic,
                          .action = (uint8_t)d->action,
                          .weight = (float)topic->weight[d->action],
                          .counterpart = counterpart_of(d),
                          .n_lines = (uint16_t)d->n_lines,
                          .lines = in->lines};
}

enum intake_reason intake_event(struct intake *in, const struct record *r, int64_t now_ms,
                                struct event *out, const char **detail) {
    *detail = "";
    if (!r->value) {
        return INTAKE_EMPTY;
    }
    enum intake_reason bad = read_tape(in, r, detail);
    if (bad) {
        return bad;
    }
    const struct mapping *m = in->mappings[r->topic];
    in->event.lines = in->decoded;
    const enum mapping_error e = mapping_read_event(m, &in->tape, &in->event);
    if (e) {
        *detail = mapping_error_str(e);
        return of_mapping(e);
    }
    const bool named = mapping_has(m, FIELD_EVENT_ID);
    bad = check_event(&in->event, named, now_ms);
    if (!bad) {
        fill_event(in, r, named, out);
    }
    return bad;
}

const struct decoded *intake_decoded(const struct intake *in) {
    return &in->event;
}

/* ---- rows of global topics ---------------------------------------------------------------- */

static void name_user(struct intake_row *row, const char *id, size_t len) {
    row->user_id = id;
    row->user_id_len = len;
    row->user = hash_id(id, len);
}

static enum intake_reason read_item(struct intake *in, const struct record *r,
                                    struct intake_row *out) {
    struct decoded_item *d = &in->item;
    const char *domain = in->cfg->domains[in->topics[r->topic].domain].name;
    if (!id_ok(d->item_len)) {
        return INTAKE_ITEM;
    }
    if (!isnan(d->price) && !number_ok(d->price)) {
        return INTAKE_NUMBER;
    }
    if (d->ts_ms != 0 && check_time(d->ts_ms, INT64_MAX)) {
        return check_time(d->ts_ms, INT64_MAX);
    }
    uint32_t n = 0;
    for (; n < d->n_attributes && n < CONTENT_ATTRIBUTES; n++) {
        const struct decoded_attribute *a = &d->attributes[n];
        in->attributes[n] = hash_attribute(domain, a->key, a->key_len, a->value, a->value_len);
    }
    out->item = (struct content_row){
        .item = hash_item(domain, d->item, d->item_len),
        .id = d->item,
        .id_len = (uint16_t)d->item_len,
        .domain = in->topics[r->topic].domain,
        .available = d->available,
        .ts_ms = d->ts_ms,
        .price = (float)d->price,
        .category = d->category_len ? hash_category(domain, d->category, d->category_len) : 0,
        .category_name = d->category,
        .category_name_len = (uint16_t)cut(d->category_len),
        .attributes = in->attributes,
        .n_attributes = n};
    return INTAKE_OK;
}

static enum intake_reason bad_rule(enum intake_reason reason, const char *why,
                                   const char **detail) {
    *detail = why;
    return reason;
}

/* Written so that a NaN fails. */
static enum intake_reason check_rule(const struct decoded_rule *d, const char **detail) {
    if (!id_ok(d->id_len)) {
        return bad_rule(INTAKE_MISSING, "the id of a rule has 1 to 255 bytes", detail);
    }
    if (d->has_item && !id_ok(d->item_len)) {
        return INTAKE_ITEM;
    }
    if (d->has_category && d->category_len == 0) {
        return bad_rule(INTAKE_MISSING, "a category without a name", detail);
    }
    if (d->has_segment && !(d->segment >= 0 && d->segment < SEGMENTS_MAX)) {
        return bad_rule(INTAKE_NUMBER, "segments are 0 to 15", detail);
    }
    if (d->from_ms >= d->until_ms) {
        return bad_rule(INTAKE_TIME, "it would end before it begins", detail);
    }
    if (d->kind == RULE_PIN && !d->has_item && !d->has_category) {
        return bad_rule(INTAKE_MISSING, "a pin needs an item or a category", detail);
    }
    if (d->kind == RULE_PIN && !(d->position >= 1 && d->position <= LIST_MAX)) {
        return bad_rule(INTAKE_NUMBER, "positions are 1 to 100", detail);
    }
    if (d->kind == RULE_BOOST && isnan(d->factor)) {
        return bad_rule(INTAKE_MISSING, "a boost needs a factor", detail);
    }
    if (d->kind == RULE_BOOST && !(d->factor >= 1e-6 && d->factor <= 1e6)) {
        return bad_rule(INTAKE_NUMBER, "factors are 0.000001 to 1000000", detail);
    }
    return INTAKE_OK;
}

static enum intake_reason read_rule(struct intake *in, const struct record *r,
                                    struct intake_row *out, const char **detail) {
    const struct decoded_rule *d = &in->rule;
    const enum intake_reason bad = check_rule(d, detail);
    if (bad) {
        return bad;
    }
    const bool pin = d->kind == RULE_PIN;
    struct rule rule = {.id = d->id,
                        .id_len = (uint16_t)d->id_len,
                        .source = r->topic,
                        .kind = d->kind,
                        .target =
                            d->domain == DOMAIN_OF_RECORD ? (uint8_t)RULES_EVERY_DOMAIN : d->domain,
                        .segment = d->has_segment ? (int)d->segment : -1,
                        .from_ms = d->from_ms,
                        .until_ms = d->until_ms,
                        .factor = d->kind == RULE_BOOST ? (float)d->factor : 1.0F,
                        .place = pin ? (uint32_t)d->position : 1};
    for (uint32_t k = 0; k < in->cfg->n_domains; k++) {
        const char *domain = in->cfg->domains[k].name;
        if (rule.target == RULES_EVERY_DOMAIN || rule.target == k) {
            rule.item[k] = d->has_item ? hash_item(domain, d->item, d->item_len) : 0;
            rule.category[k] =
                d->has_category ? hash_category(domain, d->category, d->category_len) : 0;
        }
    }
    out->rule.rule = rule;
    out->rule.gone = false;
    return INTAKE_OK;
}

/* What its key says is gone. False without a key. */
static bool take_back(const struct record *r, struct intake_row *out) {
    const bool named = r->key && id_ok(r->key_len);
    out->rule.gone = named;
    if (named) {
        out->rule.rule =
            (struct rule){.id = r->key, .id_len = (uint16_t)r->key_len, .source = r->topic};
    }
    return named;
}

static enum intake_reason check_user(const struct intake_row *row) {
    return id_ok(row->user_id_len) ? INTAKE_OK : INTAKE_USER;
}

static enum intake_reason read_row(struct intake *in, const struct record *r,
                                   struct intake_row *out, const char **detail) {
    const struct mapping *m = in->mappings[r->topic];
    enum mapping_error e = MAPPING_NULL;
    switch (out->kind) {
    case KIND_ITEM: e = mapping_read_item(m, &in->tape, &in->item); break;
    case KIND_PROFILE: e = mapping_read_profile(m, &in->tape, &out->profile); break;
    case KIND_PRIVACY: e = mapping_read_privacy(m, &in->tape, &out->privacy); break;
    case KIND_IDENTITY: e = mapping_read_identity(m, &in->tape, &out->identity); break;
    case KIND_RULE: e = mapping_read_rule(m, &in->tape, &in->rule); break;
    case KIND_EVENT:
    case KIND_FEEDBACK:
    case KINDS: break;
    }
    *detail = e ? mapping_error_str(e) : "";
    return of_mapping(e);
}

/* Of the newest statement the time decides: it cannot be later than its record. */
static int64_t said_ms(const struct intake *in, const struct record *r, int64_t ts_ms) {
    const bool late = in->cfg->clock != CLOCK_STREAM && r->timestamp_ms >= INTAKE_EPOCH_2000_MS &&
                      ts_ms > r->timestamp_ms + INTAKE_FUTURE_MS;
    return late ? r->timestamp_ms : ts_ms;
}

static enum intake_reason finish_row(struct intake *in, const struct record *r,
                                     struct intake_row *out, const char **detail) {
    switch (out->kind) {
    case KIND_ITEM: return read_item(in, r, out);
    case KIND_RULE: return read_rule(in, r, out, detail);
    case KIND_PROFILE:
        name_user(out, out->profile.user_id, out->profile.user_id_len);
        out->profile.ts_ms = said_ms(in, r, out->profile.ts_ms);
        return check_user(out);
    case KIND_PRIVACY:
        name_user(out, out->privacy.user_id, out->privacy.user_id_len);
        if (out->privacy.ts_ms == 0) {
            out->privacy.ts_ms = r->timestamp_ms; /* a schema without a time */
        }
        out->privacy.ts_ms = said_ms(in, r, out->privacy.ts_ms);
        return out->privacy.ts_ms < INTAKE_EPOCH_2000_MS ? INTAKE_TIME_PAST : check_user(out);
    default: break;
    }
    name_user(out, out->identity.user_id, out->identity.user_id_len);
    if (!id_ok(out->identity.partner_id_len)) {
        return INTAKE_MISSING;
    }
    return out->user_id_len <= ID_LEN_MAX ? INTAKE_OK : INTAKE_USER;
}

/* The index of a domain by its name, n_domains if there is none. */
static uint32_t domain_named(const struct config *cfg, const char *name, size_t len) {
    uint32_t d = 0;
    while (d < cfg->n_domains &&
           (strlen(cfg->domains[d].name) != len || memcmp(cfg->domains[d].name, name, len) != 0)) {
        d++;
    }
    return d;
}

/* `domain/id`, or the id alone where the topic is of one domain. */
static enum intake_reason read_unlink(struct intake *in, const struct record *r,
                                      struct decoded_identity *out) {
    const char *key = r->key;
    const char *slash = memchr(key, '/', r->key_len);
    const size_t len = slash ? (size_t)(slash - key) : r->key_len;
    const uint8_t own = mapping_domain(in->mappings[r->topic]);
    const uint32_t named = slash ? domain_named(in->cfg, key, len) : in->cfg->n_domains;
    *out = (struct decoded_identity){.user_id = ""};
    if (own != DOMAIN_OF_RECORD && named != own) {
        out->domain = own;
        out->partner_id = key;
        out->partner_id_len = r->key_len;
        return INTAKE_OK;
    }
    if (named == in->cfg->n_domains) {
        return INTAKE_DOMAIN;
    }
    out->domain = (uint8_t)named;
    out->partner_id = slash + 1;
    out->partner_id_len = r->key_len - len - 1;
    return INTAKE_OK;
}

/* What a tombstone takes away. */
static enum intake_reason read_tombstone(struct intake *in, const struct record *r,
                                         struct intake_row *out) {
    enum intake_reason bad = INTAKE_OK;
    const char *detail = NULL;
    if (!r->key || r->key_len == 0 || out->kind == KIND_PRIVACY) {
        return INTAKE_EMPTY;
    }
    if (out->kind == KIND_RULE) {
        return take_back(r, out) ? INTAKE_OK : INTAKE_MISSING;
    }
    if (out->kind == KIND_ITEM) {
        in->item =
            (struct decoded_item){.item = r->key, .item_len = r->key_len, .price = (double)NAN};
    } else if (out->kind == KIND_PROFILE) {
        out->profile = (struct decoded_profile){.user_id = r->key, .user_id_len = r->key_len};
    } else {
        bad = read_unlink(in, r, &out->identity);
    }
    return bad ? bad : finish_row(in, r, out, &detail);
}

enum intake_reason intake_row(struct intake *in, const struct record *r, struct intake_row *out,
                              const char **detail) {
    *detail = "";
    out->kind = mapping_kind(in->mappings[r->topic]);
    if (!r->value) {
        return read_tombstone(in, r, out);
    }
    enum intake_reason bad = read_tape(in, r, detail);
    bad = bad ? bad : read_row(in, r, out, detail);
    bad = bad ? bad : finish_row(in, r, out, detail);
    if (bad && out->kind == KIND_RULE) {
        out->rule.gone = bad != INTAKE_WAIT && take_back(r, out);
    }
    return bad;
}
