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
    HEAD_MAX = 384, /* a list's value without its items                                  */
    ITEM_MAX = 192, /* an item without its ids: names, score, reason, because, propensity */
    SCHEMA = 1,     /* of the values, see docs/redis.md                                  */
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
    return (size_t)2 * CONFIG_NAME_MAX + ID_LEN_MAX + PUT_NUMBER_MAX +
           sizeof ":published:" + sizeof ":triggers:";
}

size_t rec_value_max(const struct config *cfg) {
    size_t list = (size_t)cfg->list_n * (ITEM_MAX + 2 * PUT_ESCAPE_MAX * ID_LEN_MAX);
    size_t info = (size_t)SEGMENTS_MAX * PUT_NUMBER_MAX;
    size_t published =
        (size_t)cfg->n_topics * (PUT_ESCAPE_MAX * CONFIG_NAME_MAX + PUT_NUMBER_MAX + 4);
    return HEAD_MAX + max(list, max(info, published));
}

/* ---- keys --------------------------------------------------------------------------- */

size_t rec_key(const struct config *cfg, const struct rec *r, char *buf) {
    char *p = put_text(buf, cfg->redis_prefix);
    if (r->kind == REC_PUBLISHED || r->kind == REC_TAKEOVER) {
        p = put_text(p, ":published:");
        return (size_t)(put_i64(p, r->task) - buf);
    }
    *p++ = ':';
    p = put_text(p, cfg->domains[r->target].name);
    if (r->kind == REC_FALLBACK) {
        p = put_text(p, ":fallback");
    } else if (r->kind == REC_INFO) {
        p = put_text(p, ":info");
    } else if (r->kind == REC_TRIGGER || r->kind == REC_STREAM) {
        p = put_i64(put_text(p, ":triggers:"), r->task);
    } else {
        p = put_text(p, ":rec:");
        p = put_bytes(p, r->user_id, at_most_id(r->user_id_len));
    }
    return (size_t)(p - buf);
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

static char *put_item(char *p, const struct rec_item *item) {
    p = put_text(p, "{\"id\":");
    p = put_string(p, item->id, at_most_id(item->id_len));
    p = put_text(p, ",\"score\":");
    p = put_number(p, (double)item->score);
    p = put_text(p, ",\"reason\":\"");
    p = put_text(p, reason_str((enum reason)item->reason));
    *p++ = '"';
    p = put_because(p, &item->because);
    if (item->propensity > 0) {
        p = put_text(p, ",\"propensity\":");
        p = put_number(p, (double)item->propensity);
    }
    *p++ = '}';
    return p;
}

static char *put_list(char *p, const struct config *cfg, const struct rec *r) {
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
    p = put_text(p, r->kind == REC_FALLBACK ? "popular" : r->personalised ? "net" : "twin");
    p = put_text(p, "\",\"segment\":");
    p = r->segment < 0 ? put_text(p, "null") : put_i64(p, r->segment);
    p = put_text(p, ",\"arm\":null,\"items\":[");
    for (uint16_t i = 0; i < r->n && i < cfg->list_n; i++) {
        if (i > 0) {
            *p++ = ',';
        }
        p = put_item(p, &r->items[i]);
    }
    return put_text(p, "]}");
}

static char *put_info(char *p, const struct config *cfg, const struct rec *r) {
    p = put_text(p, "\"schema\":");
    p = put_u64(p, SCHEMA);
    p = put_text(p, ",\"n\":");
    p = put_i64(p, cfg->list_n);
    p = put_text(p, ",\"ttl\":");
    p = put_i64(p, cfg->publish_ttl_ms / 1000);
    p = put_text(p, ",\"partitions\":");
    p = put_u64(p, r->partitions);
    p = put_text(p, ",\"segments\":[");
    for (int32_t i = 0; i < r->segment && i < SEGMENTS_MAX; i++) {
        if (i > 0) {
            *p++ = ',';
        }
        p = put_i64(p, i);
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
    return put_text(p, "}");
}

size_t rec_value(const struct config *cfg, const struct rec *r, char *buf) {
    switch ((enum rec_kind)r->kind) {
    case REC_LIST:
    case REC_FALLBACK: return (size_t)(put_list(put_version(buf, r), cfg, r) - buf);
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
