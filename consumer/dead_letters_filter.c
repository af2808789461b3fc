/* SPDX-License-Identifier: Apache-2.0
 * dead_letters_filter.c -- see dead_letters_filter.h. */
#include "dead_letters_filter.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "intake.h"
#include "mapping_time.h"

#define DAY_MS       INT64_C(86400000)
#define YEAR_9999_MS INT64_C(253402300800000) /* its end */

_Static_assert((int)INTAKE_REASONS <= 64, "a filter has a bit for each");

/* ---- numbers ----------------------------------------------------------------------------- */

/* All of the text, with a sign only where one is allowed; false if it is none or too large. */
static bool parse_number(const char *text, size_t len, bool sign, int64_t max, int64_t *out) {
    const bool negative = sign && len > 1 && text[0] == '-';
    int64_t v = 0;
    if (len == 0) {
        return false;
    }
    for (size_t i = negative; i < len; i++) {
        const int digit = text[i] - '0';
        if (digit < 0 || digit > 9 || v > (max - digit) / 10) {
            return false;
        }
        v = 10 * v + digit;
    }
    *out = negative ? -v : v;
    return true;
}

enum status dead_place_parse(const char *text, size_t len, struct place *out) {
    const char *colon = len ? memchr(text, ':', len) : NULL;
    int64_t partition = 0;
    int64_t offset = 0;
    if (!colon || !parse_number(text, (size_t)(colon - text), false, INT32_MAX, &partition) ||
        !parse_number(colon + 1, len - (size_t)(colon - text) - 1, false, INT64_MAX, &offset)) {
        return ST_INVALID;
    }
    *out = (struct place){(int32_t)partition, offset};
    return ST_OK;
}

/* ---- headers ----------------------------------------------------------------------------- */

static const struct header *header_of(const struct header *headers, size_t n, const char *name) {
    while (n > 0) {
        if (strcmp(headers[--n].name, name) == 0) {
            return headers[n].value ? &headers[n] : NULL;
        }
    }
    return NULL;
}

static bool read_number(const struct header *headers, size_t n, const char *name, int64_t max,
                        int64_t *out) {
    const struct header *h = header_of(headers, n, name);
    return h && parse_number(h->value, h->len, true, max, out);
}

static bool read_topic(const struct header *h, struct dead_letter *out) {
    if (!h || h->len == 0 || h->len >= sizeof out->topic || memchr(h->value, '\0', h->len)) {
        return false;
    }
    memcpy(out->topic, h->value, h->len);
    out->topic[h->len] = '\0';
    return true;
}

enum dead_kind dead_letter_read(const struct header *headers, size_t n, struct dead_letter *out) {
    const struct header *mark = header_of(headers, n, "redriven");
    if (mark) {
        return dead_place_parse(mark->value, mark->len, &out->redriven) ? DEAD_FOREIGN : DEAD_MARK;
    }
    const struct header *reason = header_of(headers, n, "reason");
    const struct header *detail = header_of(headers, n, "detail");
    struct dead_letter letter = {.detail = ""};
    int64_t partition = 0;
    if (!reason || reason->len == 0 || !read_topic(header_of(headers, n, "topic"), &letter) ||
        !read_number(headers, n, "partition", INT32_MAX, &partition) || partition < 0 ||
        !read_number(headers, n, "offset", INT64_MAX, &letter.offset) || letter.offset < 0 ||
        !read_number(headers, n, "timestamp", INT64_MAX, &letter.timestamp_ms)) {
        return DEAD_FOREIGN;
    }
    letter.partition = (int32_t)partition;
    letter.reason = reason->value;
    letter.reason_len = reason->len;
    if (detail) {
        letter.detail = detail->value;
        letter.detail_len = detail->len;
    }
    letter.truncated = header_of(headers, n, "truncated-from") != NULL;
    *out = letter;
    return DEAD_LETTER;
}

/* ---- filter ------------------------------------------------------------------------------ */

struct dead_filter dead_filter_all(void) {
    return (struct dead_filter){.since_ms = INT64_MIN, .until_ms = INT64_MAX};
}

/* INTAKE_OK if there is no such code. */
static enum intake_reason reason_of(const char *code, size_t len) {
    for (int k = INTAKE_OK + 1; k < INTAKE_REASONS; k++) {
        const char *known = intake_reason_code((enum intake_reason)k);
        if (strlen(known) == len && memcmp(known, code, len) == 0) {
            return (enum intake_reason)k;
        }
    }
    return INTAKE_OK;
}

static void tell_unknown(const char *code, size_t len, char *err, size_t err_len) {
    const char *names[INTAKE_REASONS];
    size_t n = 0;
    for (int k = INTAKE_OK + 1; k < INTAKE_REASONS; k++) {
        names[n++] = intake_reason_code((enum intake_reason)k);
    }
    char word[64];
    snprintf(word, sizeof word, "%.*s", (int)(len < sizeof word ? len : sizeof word), code);
    const char *nearest = config_nearest(word, names, n);
    if (nearest) {
        snprintf(err, err_len, "there is no reason `%s`; did you mean `%s`?", word, nearest);
        return;
    }
    int at = snprintf(err, err_len, "there is no reason `%s`; there are", word);
    for (size_t k = 0; k < n && at > 0 && (size_t)at < err_len; k++) {
        at += snprintf(err + at, err_len - (size_t)at, "%s %s", k ? "," : "", names[k]);
    }
}

enum status dead_filter_reasons(struct dead_filter *f, const char *codes, char *err,
                                size_t err_len) {
    uint64_t reasons = f->reasons;
    for (const char *p = codes;; p++) {
        const size_t len = strcspn(p, ",");
        const enum intake_reason reason = reason_of(p, len);
        if (reason == INTAKE_OK) {
            tell_unknown(p, len, err, err_len);
            return ST_INVALID;
        }
        reasons |= UINT64_C(1) << reason;
        p += len;
        if (!*p) {
            break;
        }
    }
    f->reasons = reasons;
    return ST_OK;
}

bool dead_filter_takes(const struct dead_filter *f, const struct dead_letter *letter,
                       int64_t when_ms) {
    if (when_ms < f->since_ms || when_ms >= f->until_ms ||
        (f->topic && strcmp(f->topic, letter->topic) != 0)) {
        return false;
    }
    return f->reasons == 0 ||
           (f->reasons >> reason_of(letter->reason, letter->reason_len) & 1) != 0;
}

/* ---- times ------------------------------------------------------------------------------- */

static bool parse_ago(const char *text, int64_t *ms) {
    static const struct {
        char unit;
        int64_t ms;
    } UNITS[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', DAY_MS}};
    const size_t len = strlen(text);
    for (size_t k = 0; len > 1 && k < sizeof UNITS / sizeof UNITS[0]; k++) {
        if (text[len - 1] == UNITS[k].unit &&
            parse_number(text, len - 1, false, YEAR_9999_MS / UNITS[k].ms, ms)) {
            *ms *= UNITS[k].ms;
            return true;
        }
    }
    return false;
}

enum status dead_time_parse(const char *text, int64_t now_ms, int64_t *out) {
    int64_t ms = 0;
    if (parse_ago(text, &ms)) {
        *out = now_ms - ms;
        return ST_OK;
    }
    if (!mapping_time_parse(text, strlen(text), &ms)) {
        return ST_INVALID;
    }
    *out = ms;
    return ST_OK;
}

const char *dead_time_text(int64_t ms, char *buf) {
    const time_t seconds = (time_t)(ms / 1000);
    struct tm t;
    if (ms < 0 || ms >= YEAR_9999_MS || !gmtime_r(&seconds, &t)) {
        snprintf(buf, DEAD_TIME_MAX, "unknown");
        return buf;
    }
    const size_t n = strftime(buf, DEAD_TIME_MAX, "%Y-%m-%dT%H:%M:%S", &t);
    snprintf(buf + n, DEAD_TIME_MAX - n, ".%03dZ", (int)(ms % 1000));
    return buf;
}
