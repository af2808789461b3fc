/* SPDX-License-Identifier: Apache-2.0
 *
 * rec.c -- see rec.h.
 *
 * rec_value_max() bounds the sum of what is put, so nobody checks for room. Counts and lengths
 * that come with a rec are cut to the limits for the same reason.
 */
#include "rec.h"

#include <string.h>

#include "put.h"
#include "segments.h"

enum {
    HEAD_MAX = 384,     /* a value without its items and body                                */
    ITEM_MAX = 192,     /* an item without its ids: names, score, reason, because, propensity */
    SCHEMA = 1,         /* of the values, see docs/redis.md                                  */
    ITEM_LEAST = 40,    /* an item without its id, its reason, because and propensity     */
    BECAUSE_LEAST = 26, /* because without its text                                       */
    PROPENSITY_LEAST = 24,
    ITEM_BYTES = 100, /* what is allowed for each item behind the tenth                    */
    TEN = 10,
    SHORT_ID = 16, /* ids up to which REC_LIST_BYTES is a promise                          */
};

static const char VERSION[] = "{\"version\":[";

/* ---- sizes -------------------------------------------------------------------------- */

static size_t at_most_id(size_t len) {
    return len < ID_LEN_MAX ? len : ID_LEN_MAX;
}

static size_t max(size_t a, size_t b) {
    return a > b ? a : b;
}

size_t rec_bytes(uint32_t n) {
    return sizeof(struct rec) + n * sizeof(struct rec_item);
}

size_t rec_key_max(const struct config *cfg) {
    (void)cfg; /* its names are bounded by their arrays */
    return (size_t)3 * CONFIG_NAME_MAX + ID_LEN_MAX + PUT_NUMBER_MAX +
           sizeof ":published:" + sizeof ":triggers:";
}

size_t rec_value_max(const struct config *cfg) {
    size_t list = (size_t)config_list_max(cfg) * (ITEM_MAX + 2 * PUT_ESCAPE_MAX * ID_LEN_MAX);
    size_t info = (size_t)SEGMENTS_MAX * PUT_NUMBER_MAX;
    size_t published =
        (size_t)cfg->n_topics * (PUT_ESCAPE_MAX * CONFIG_NAME_MAX + PUT_NUMBER_MAX + 4);
    size_t similar = (size_t)PUT_ESCAPE_MAX * (ID_LEN_MAX + CONFIG_NAME_MAX);
    return HEAD_MAX + max(list + max(similar, REC_BODY_MAX), max(info, published));
}

/* ---- keys --------------------------------------------------------------------------- */

/* Does an id of the target look like that of an item of another domain? */
static bool looks_qualified(const struct config *cfg, const char *id, size_t len) {
    for (uint32_t d = 0; d < cfg->n_domains; d++) {
        const size_t n = strlen(cfg->domains[d].name);
        if (n < len && id[n] == '/' && memcmp(id, cfg->domains[d].name, n) == 0) {
            return true;
        }
    }
    return false;
}

static char *put_item_name(char *p, const struct config *cfg, const struct rec *r) {
    const size_t len = at_most_id(r->user_id_len);
    if (r->domain != r->target || looks_qualified(cfg, r->user_id, len)) {
        p = put_text(p, cfg->domains[r->domain].name);
        *p++ = '/';
    }
    return put_bytes(p, r->user_id, len);
}

size_t rec_key(const struct config *cfg, const struct rec *r, char *buf) {
    char *p = put_text(buf, cfg->redis_prefix);
    if (r->kind == REC_PUBLISHED || r->kind == REC_TAKEOVER) {
        p = put_text(p, ":published:");
        return (size_t)(put_i64(p, r->task) - buf);
    }
    *p++ = ':';
    p = put_text(p, cfg->domains[r->target].name);
    const size_t id_len = at_most_id(r->user_id_len);
    switch (r->kind == REC_TOUCH ? r->touched : r->kind) {
    case REC_FALLBACK: p = put_text(p, ":fallback"); break;
    case REC_INFO: p = put_text(p, ":info"); break;
    case REC_TRIGGER:
    case REC_STREAM: p = put_i64(put_text(p, ":triggers:"), r->task); break;
    case REC_SEGMENT: p = put_i64(put_text(p, ":segment:"), r->segment); break;
    case REC_SIMILAR: p = put_item_name(put_text(p, ":similar:"), cfg, r); break;
    case REC_USER: p = put_bytes(put_text(p, ":user:"), r->user_id, id_len); break;
    default: p = put_bytes(put_text(p, ":rec:"), r->user_id, id_len); break;
    }
    return (size_t)(p - buf);
}

size_t rec_channel(const struct config *cfg, uint8_t target, char *buf) {
    char *p = put_text(buf, cfg->redis_prefix);
    *p++ = ':';
    p = put_text(p, cfg->domains[target].name);
    return (size_t)(put_text(p, ":changed") - buf);
}

/* ---- values ------------------------------------------------------------------------- */

static char *put_version(char *p, const struct rec *r) {
    p = put_text(p, VERSION);
    p = put_u64(p, r->epoch);
    *p++ = ',';
    p = put_u64(p, r->seq);
    return put_text(p, "],");
}

static char *put_because(char *p, const struct because *why) {
    if (why->kind == BECAUSE_NOTHING) {
        return p;
    }
    p = put_text(p, ",\"because\":{\"");
    p = put_text(p, why->kind == BECAUSE_ITEM ? "item" : "category");
    p = put_text(p, "\":");
    p = put_string(p, why->text, at_most_id(why->len));
    *p++ = '}';
    return p;
}

/* Scores are for ordering: four digits, rounded, are enough. */
static char *put_short(char *p, float score) {
    return put_rounded(p, score, 4);
}

static char *put_item(char *p, const struct rec_item *item, bool because) {
    p = put_text(p, "{\"id\":");
    p = put_string(p, item->id, at_most_id(item->id_len));
    p = put_text(p, ",\"score\":");
    p = put_short(p, item->score);
    p = put_text(p, ",\"reason\":\"");
    p = put_text(p, reason_str((enum reason)item->reason));
    *p++ = '"';
    if (because) {
        p = put_because(p, &item->because);
    }
    if (item->propensity > 0) {
        p = put_text(p, ",\"propensity\":");
        p = put_short(p, item->propensity);
    }
    *p++ = '}';
    return p;
}

static uint16_t n_items(const struct config *cfg, const struct rec *r) {
    const uint32_t most = config_list_max(cfg);
    return r->n < most ? r->n : (uint16_t)most;
}

/* What is left for becauses behind a head of so many bytes, below 0: nothing. */
static long room_for_because(const struct config *cfg, const struct rec *r, size_t head) {
    const uint16_t n = n_items(cfg, r);
    long room = REC_LIST_BYTES - (long)head;
    for (uint16_t i = 0; i < n; i++) {
        const long id = (long)at_most_id(r->items[i].id_len);
        room += i < TEN ? 0 : ITEM_BYTES;
        room += id > SHORT_ID ? 3 * (id - SHORT_ID) : 0;
        room -= ITEM_LEAST + id + (long)strlen(reason_str((enum reason)r->items[i].reason));
        room -= r->items[i].propensity > 0 ? PROPENSITY_LEAST : 0;
    }
    return room;
}

static char *put_items(char *p, const struct config *cfg, const struct rec *r, long room) {
    const uint16_t n = n_items(cfg, r);
    p = put_text(p, "\"items\":[");
    for (uint16_t i = 0; i < n; i++) {
        const long because = BECAUSE_LEAST + (long)r->items[i].because.len;
        const bool fits = r->items[i].because.kind != BECAUSE_NOTHING && because <= room;
        room -= fits ? because : 0;
        if (i > 0) {
            *p++ = ',';
        }
        p = put_item(p, &r->items[i], fits);
    }
    return put_text(p, "]}");
}

static const char *model_str(const struct rec *r) {
    if (r->kind == REC_FALLBACK) {
        return "popular";
    }
    return r->personalised ? "net" : r->by_segment ? "segment" : "twin";
}

static char *put_list(char *buf, const struct config *cfg, const struct rec *r) {
    char *p = put_version(buf, r);
    p = put_text(p, "\"schema\":");
    p = put_u64(p, SCHEMA);
    p = put_text(p, ",\"rec\":\"");
    p = put_i64(p, r->task);
    *p++ = '-';
    p = put_u64(p, r->epoch);
    *p++ = '-';
    p = put_u64(p, r->seq);
    p = put_text(p, "\",\"ts\":");
    p = put_i64(p, r->ts_ms);
    p = put_text(p, ",\"personalised\":");
    p = put_text(p, r->personalised ? "true" : "false");
    p = put_text(p, ",\"model\":\"");
    p = put_text(p, model_str(r));
    p = put_text(p, "\",\"segment\":");
    p = r->segment < 0 ? put_text(p, "null") : put_i64(p, r->segment);
    p = put_text(p, ",\"arm\":null,");
    return put_items(p, cfg, r, room_for_because(cfg, r, (size_t)(p - buf)));
}

static char *put_schema_ts(char *p, const struct rec *r) {
    p = put_version(p, r);
    p = put_text(p, "\"schema\":");
    p = put_u64(p, SCHEMA);
    p = put_text(p, ",\"ts\":");
    return put_i64(p, r->ts_ms);
}

static char *put_segment(char *p, const struct config *cfg, const struct rec *r) {
    p = put_i64(put_text(put_schema_ts(p, r), ",\"segment\":"), r->segment);
    *p++ = ',';
    if (r->body) {
        p = put_bytes(p, r->body, r->body_len);
        *p++ = ',';
    }
    return put_items(p, cfg, r, 0);
}

static char *put_similar(char *p, const struct config *cfg, const struct rec *r) {
    p = put_text(put_schema_ts(p, r), ",\"item\":");
    p = put_string(p, r->user_id, at_most_id(r->user_id_len));
    p = put_text(p, ",\"domain\":");
    p = put_string(p, cfg->domains[r->domain].name, strlen(cfg->domains[r->domain].name));
    p = put_text(p, ",\"items\":[");
    for (uint16_t i = 0; i < n_items(cfg, r); i++) {
        p = put_text(p, i > 0 ? ",{\"id\":" : "{\"id\":");
        p = put_string(p, r->items[i].id, at_most_id(r->items[i].id_len));
        p = put_short(put_text(p, ",\"score\":"), r->items[i].score);
        *p++ = '}';
    }
    return put_text(p, "]}");
}

static const char NO_USER[] = "\"segment\":null,\"lifecycle\":null,\"engagement\":null,"
                              "\"counts\":null,\"categories\":[],\"elsewhere\":[]";

static char *put_user(char *p, const struct rec *r) {
    p = put_schema_ts(p, r);
    *p++ = ',';
    p = r->body ? put_bytes(p, r->body, r->body_len) : put_text(p, NO_USER);
    *p++ = '}';
    return p;
}

static char *put_info(char *p, const struct config *cfg, const struct rec *r) {
    p = put_text(p, "\"schema\":");
    p = put_u64(p, SCHEMA);
    p = put_text(p, ",\"n\":");
    p = put_i64(p, config_list_n(cfg, r->target));
    p = put_text(p, ",\"ttl\":");
    p = put_i64(p, cfg->publish_ttl_ms / 1000);
    p = put_text(p, ",\"partitions\":");
    p = put_u64(p, r->partitions);
    p = put_text(p, ",\"segments\":[");
    bool first = true;
    for (uint32_t i = 0; i < SEGMENTS_MAX; i++) {
        if (r->segments >> i & 1) {
            p = put_u64(put_text(p, first ? "" : ","), i);
            first = false;
        }
    }
    return put_text(p, "]}");
}

static char *put_published(char *p, const struct config *cfg, const struct rec *r) {
    p = put_text(p, "\"offsets\":{");
    bool first = true;
    for (uint32_t t = 0; t < cfg->n_topics; t++) {
        if (r->offsets[t] < 0) {
            continue;
        }
        if (!first) {
            *p++ = ',';
        }
        first = false;
        p = put_string(p, cfg->topics[t].name, strlen(cfg->topics[t].name));
        *p++ = ':';
        p = put_i64(p, r->offsets[t]);
    }
    p = put_text(p, "},\"ts\":");
    p = put_i64(p, r->ts_ms);
    if (r->refreshed_ms > 0) {
        p = put_text(p, ",\"refreshed\":");
        p = put_i64(p, r->refreshed_ms);
    }
    return put_text(p, "}");
}

size_t rec_value(const struct config *cfg, const struct rec *r, char *buf) {
    switch ((enum rec_kind)r->kind) {
    case REC_LIST:
    case REC_FALLBACK: return (size_t)(put_list(buf, cfg, r) - buf);
    case REC_SEGMENT: return (size_t)(put_segment(buf, cfg, r) - buf);
    case REC_SIMILAR: return (size_t)(put_similar(buf, cfg, r) - buf);
    case REC_USER: return (size_t)(put_user(buf, r) - buf);
    case REC_INFO: return (size_t)(put_info(put_version(buf, r), cfg, r) - buf);
    case REC_PUBLISHED: return (size_t)(put_published(put_version(buf, r), cfg, r) - buf);
    case REC_TOUCH:
    case REC_TAKEOVER:
    case REC_TRIGGER:
    case REC_STREAM: break;
    }
    return 0;
}

/* ---- version ------------------------------------------------------------------------ */

/* Reads digits up to `end`, then the text `after`; moves *p behind both. */
static bool read_number(const char **p, const char *end, const char *after, uint64_t *out) {
    uint64_t v = 0;
    const char *s = *p;
    while (s < end && *s >= '0' && *s <= '9') {
        uint64_t digit = (uint64_t)(*s - '0');
        if (v > (UINT64_MAX - digit) / 10) {
            return false;
        }
        v = v * 10 + digit;
        s++;
    }
    size_t n = strlen(after);
    if (s == *p || (size_t)(end - s) < n || memcmp(s, after, n) != 0) {
        return false;
    }
    *p = s + n;
    *out = v;
    return true;
}

enum status rec_version(const char *value, size_t len, uint64_t *epoch, uint64_t *seq) {
    if (!value || len < sizeof VERSION - 1 || memcmp(value, VERSION, sizeof VERSION - 1) != 0) {
        return ST_INVALID;
    }
    const char *p = value + sizeof VERSION - 1;
    const char *end = value + len;
    uint64_t e = 0;
    uint64_t s = 0;
    if (!read_number(&p, end, ",", &e) || !read_number(&p, end, "],", &s)) {
        return ST_INVALID;
    }
    *epoch = e;
    *seq = s;
    return ST_OK;
}
