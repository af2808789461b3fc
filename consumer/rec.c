/* SPDX-License-Identifier: Apache-2.0
 *
 * rec.c -- see rec.h.
 *
 * Every writer takes the place to write at and returns the place behind what it wrote;
 * rec_value_max() bounds the sum, so no writer checks for room. Counts that come with a rec
 * are cut to the configured limits for the same reason.
 */
#include "rec.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    ESCAPE_MAX = 6,  /* bytes of JSON a byte of a string can become: \u0001            */
    NUMBER_MAX = 24, /* digits and sign of 64 bits, with its comma                      */
    HEAD_MAX = 384,  /* a list's value without its items                                */
    ITEM_MAX = 96,   /* an item without its id: names, score, reason                    */
    SCORE_MAX = 64,  /* "%.6g", also where the decimal point is several bytes           */
    SCHEMA = 1,      /* of the values, see docs/redis.md                                */
};

static const char VERSION[] = "{\"version\":[";

/* ---- writers ------------------------------------------------------------------------ */

static char *put(char *p, const char *s, size_t n) {
    memcpy(p, s, n);
    return p + n;
}

static char *put_text(char *p, const char *s) {
    return put(p, s, strlen(s));
}

static char *put_u64(char *p, uint64_t v) {
    char digits[NUMBER_MAX];
    size_t n = 0;
    do {
        digits[sizeof digits - ++n] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    return put(p, digits + sizeof digits - n, n);
}

static char *put_i64(char *p, int64_t v) {
    if (v < 0) {
        *p++ = '-';
        return put_u64(p, 0 - (uint64_t)v); /* also right for INT64_MIN */
    }
    return put_u64(p, (uint64_t)v);
}

/* The C library prints the decimal point of the process's locale, which may be any bytes:
 * whatever is no part of a number is the point. JSON has no infinity and no NaN. */
static char *put_score(char *p, float score) {
    if (!isfinite(score)) {
        return put_text(p, "null");
    }
    char text[SCORE_MAX];
    snprintf(text, sizeof text, "%.6g", (double)score);
    bool point = false;
    for (const char *s = text; *s; s++) {
        if (strchr("0123456789+-e", *s)) {
            *p++ = *s;
        } else if (!point) {
            *p++ = '.';
            point = true;
        }
    }
    return p;
}

/* Length of the character at s, or, with *valid false, of the longest beginning of one: what
 * one U+FFFD stands for (Unicode 15, section 3.9, table 3-7 and "maximal subpart"). */
static size_t utf8_len(const unsigned char *s, size_t n, bool *valid) {
    unsigned char low = 0x80;
    unsigned char high = 0xBF;
    size_t more = 0;
    *valid = false;
    if (s[0] >= 0xC2 && s[0] <= 0xDF) {
        more = 1;
    } else if (s[0] >= 0xE0 && s[0] <= 0xEF) {
        more = 2;
        low = s[0] == 0xE0 ? 0xA0 : low;   /* no overlong forms     */
        high = s[0] == 0xED ? 0x9F : high; /* no surrogates         */
    } else if (s[0] >= 0xF0 && s[0] <= 0xF4) {
        more = 3;
        low = s[0] == 0xF0 ? 0x90 : low;
        high = s[0] == 0xF4 ? 0x8F : high; /* nothing above U+10FFFF */
    } else {
        return 1;
    }
    for (size_t k = 1; k <= more; k++) {
        if (k >= n || s[k] < low || s[k] > high) {
            return k;
        }
        low = 0x80;
        high = 0xBF;
    }
    *valid = true;
    return more + 1;
}

static char *put_escape(char *p, unsigned char c) {
    static const char HEX[] = "0123456789abcdef";
    *p++ = '\\';
    if (c == '"' || c == '\\') {
        *p++ = (char)c;
        return p;
    }
    p = put(p, "u00", 3);
    *p++ = HEX[c >> 4];
    *p++ = HEX[c & 15];
    return p;
}

static char *put_string(char *p, const char *text, size_t n) {
    const unsigned char *s = (const unsigned char *)text;
    *p++ = '"';
    for (size_t i = 0; i < n;) {
        if (s[i] < 0x20 || s[i] == '"' || s[i] == '\\') {
            p = put_escape(p, s[i++]);
        } else if (s[i] < 0x80) {
            *p++ = (char)s[i++];
        } else {
            bool valid = false;
            size_t len = utf8_len(s + i, n - i, &valid);
            p = valid ? put(p, text + i, len) : put(p, "\xEF\xBF\xBD", 3);
            i += len;
        }
    }
    *p++ = '"';
    return p;
}

/* ---- sizes -------------------------------------------------------------------------- */

static size_t max(size_t a, size_t b) {
    return a > b ? a : b;
}

size_t rec_bytes(uint32_t n) {
    return sizeof(struct rec) + n * sizeof(struct rec_item);
}

size_t rec_key_max(const struct config *cfg) {
    (void)cfg; /* its names are bounded by their arrays */
    return (size_t)2 * CONFIG_NAME_MAX + ID_LEN_MAX + NUMBER_MAX + sizeof ":published:";
}

size_t rec_value_max(const struct config *cfg) {
    size_t list = (size_t)cfg->list_n * (ITEM_MAX + ESCAPE_MAX * ID_LEN_MAX);
    size_t info = (size_t)cfg->segments_k * NUMBER_MAX;
    size_t published = (size_t)cfg->n_topics * (ESCAPE_MAX * CONFIG_NAME_MAX + NUMBER_MAX + 4);
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
    } else {
        p = put_text(p, ":rec:");
        p = put(p, r->user_id, r->user_id_len <= ID_LEN_MAX ? r->user_id_len : ID_LEN_MAX);
    }
    return (size_t)(p - buf);
}

/* ---- values ------------------------------------------------------------------------- */

static char *put_version(char *p, const struct rec *r) {
    p = put(p, VERSION, sizeof VERSION - 1);
    p = put_u64(p, r->epoch);
    *p++ = ',';
    p = put_u64(p, r->seq);
    return put_text(p, "],");
}

static char *put_item(char *p, const struct rec_item *item) {
    p = put_text(p, "{\"id\":");
    p = put_string(p, item->id, item->id_len <= ID_LEN_MAX ? item->id_len : ID_LEN_MAX);
    p = put_text(p, ",\"score\":");
    p = put_score(p, item->score);
    p = put_text(p, ",\"reason\":\"");
    p = put_text(p, reason_str((enum reason)item->reason));
    return put_text(p, "\"}");
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
    p = put_text(p, ",\"model\":\"linear\",\"segment\":");
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
    for (int32_t i = 0; i < r->segment && i < cfg->segments_k; i++) {
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
    case REC_TAKEOVER: break;
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
