/* SPDX-License-Identifier: Apache-2.0
 *
 * option_value.c -- see option.h: values of options from text and to text.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "option.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

/* ---- words ---------------------------------------------------------------------- */

/* Position of `word` among "a|b|c", or -1. */
static int word_index(const char *words, const char *word) {
    size_t n = strlen(word);
    int i = 0;
    for (const char *p = words; *p; i++) {
        size_t len = strcspn(p, "|");
        if (len == n && strncmp(p, word, n) == 0) {
            return i;
        }
        p += len + (p[len] == '|');
    }
    return -1;
}

/* "a|b|c" for people: "a, b or c". */
static void word_list(const char *words, char *buf, size_t len) {
    size_t n = 0;
    for (const char *p = words; *p && n + 1 < len;) {
        size_t word = strcspn(p, "|");
        const char *rest = p + word + (p[word] == '|');
        const char *glue = !*rest ? "" : strchr(rest, '|') ? ", " : " or ";
        int wrote = snprintf(buf + n, len - n, "%.*s%s", (int)word, p, glue);
        n += wrote > 0 ? (size_t)wrote : 0;
        p = rest;
    }
}

/* ---- numbers -------------------------------------------------------------------- */

static bool parse_int(const char *text, int64_t *out) {
    const char *digits = text + (text[0] == '-');
    if (!option_is_made_of(digits, "0123456789")) {
        return false; /* strtoll would take spaces and + */
    }
    errno = 0;
    *out = strtoll(text, NULL, 10);
    if (errno == ERANGE) {
        *out = text[0] == '-' ? INT64_MIN : INT64_MAX;
    }
    return true;
}

static bool parse_real(const char *text, double *out) {
    if (!option_is_made_of(text, "0123456789+-.eE")) {
        return false; /* neither hex nor nan nor inf */
    }
    char *end;
    *out = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*out);
}

static const struct {
    const char *suffix;
    int64_t ms;
} UNITS[] = {{"d", DAY}, {"h", HOUR}, {"m", MINUTE}, {"s", SECOND}, {"ms", 1}, {"", 1}};

static bool parse_duration(const char *text, int64_t *out) {
    size_t n = strspn(text, "0123456789");
    if (n == 0) {
        return false;
    }
    errno = 0;
    int64_t count = strtoll(text, NULL, 10);
    if (errno == ERANGE) {
        count = INT64_MAX;
    }
    for (size_t i = 0; i < sizeof UNITS / sizeof UNITS[0]; i++) {
        if (strcmp(text + n, UNITS[i].suffix) == 0) {
            *out = count > INT64_MAX / UNITS[i].ms ? INT64_MAX : count * UNITS[i].ms;
            return true;
        }
    }
    return false;
}

/* In the largest unit that divides it: the text that was written, mostly. */
static void format_duration(int64_t ms, char *buf, size_t len) {
    size_t i = 0;
    if (ms == OPTION_IS_AUTO) {
        snprintf(buf, len, "auto");
        return;
    }
    while (UNITS[i].ms > 1 && (ms == 0 || ms % UNITS[i].ms != 0)) {
        i++;
    }
    snprintf(buf, len, "%" PRId64 "%s", ms / UNITS[i].ms, ms == 0 ? "" : UNITS[i].suffix);
}

/* ---- values --------------------------------------------------------------------- */

void option_range(const struct option *o, char *buf, size_t len) {
    char low[32];
    char high[32];
    snprintf(buf, len, "%s", "");
    switch (o->type) {
    case OPTION_INT:
    case OPTION_REAL: snprintf(buf, len, "%" PRId64 "..%" PRId64, o->min, o->max); break;
    case OPTION_COUNT:
        snprintf(buf, len, "%" PRId64 "..%" PRId64 " or auto", o->min, o->max);
        break;
    case OPTION_DURATION:
    case OPTION_AUTO:
        format_duration(o->min, low, sizeof low);
        format_duration(o->max, high, sizeof high);
        snprintf(buf, len, "%s..%s%s", low, high, o->type == OPTION_AUTO ? " or auto" : "");
        break;
    case OPTION_BOOL: snprintf(buf, len, "yes or no"); break;
    case OPTION_ENUM:
    case OPTION_CHOICE: word_list(o->unit, buf, len); break;
    case OPTION_WEIGHT: snprintf(buf, len, "%" PRId64 "..%" PRId64, o->min, o->max); break;
    case OPTION_STRING:
    case OPTION_SECRET:
    case OPTION_SYMBOL:
    case OPTION_DOMAIN: break;
    }
}

/* "must be 1..100 (items a list)" */
static enum status out_of_range(const struct option *o, char *why, size_t why_len) {
    char range[256];
    option_range(o, range, sizeof range);
    bool unit = (o->type == OPTION_INT || o->type == OPTION_REAL) && *o->unit;
    snprintf(why, why_len, "must be %s%s%s%s", range, unit ? " (" : "", unit ? o->unit : "",
             unit ? ")" : "");
    return ST_INVALID;
}

static enum status set_string(const struct option *o, const char *text, char *at, char *why,
                              size_t why_len) {
    if (strlen(text) >= o->size) {
        snprintf(why, why_len, "longer than %zu bytes", o->size - 1);
        return ST_INVALID;
    }
    const char *bad = o->check ? o->check(text) : NULL;
    if (bad) {
        snprintf(why, why_len, "%s", bad);
        return ST_INVALID;
    }
    memset(at, 0, o->size);
    memcpy(at, text, strlen(text) + 1);
    return ST_OK;
}

static enum status set_integer(const struct option *o, const char *text, void *at, char *why,
                               size_t why_len) {
    bool count = o->type == OPTION_COUNT;
    bool time = o->type != OPTION_INT && !count;
    int64_t v = count ? OPTION_COUNT_AUTO : OPTION_IS_AUTO;
    bool automatic = (count || o->type == OPTION_AUTO) && strcmp(text, "auto") == 0;
    if (!automatic && !(time ? parse_duration(text, &v) : parse_int(text, &v))) {
        snprintf(why, why_len, "%s",
                 time ? "not a duration; write 250ms, 2s, 5m, 6h or 7d" : "not a whole number");
        return ST_INVALID;
    }
    if (!automatic && (v < o->min || v > o->max)) {
        return out_of_range(o, why, why_len);
    }
    memcpy(at, &v, sizeof v);
    return ST_OK;
}

static enum status set_real(const struct option *o, const char *text, void *at, char *why,
                            size_t why_len) {
    double v;
    if (!parse_real(text, &v)) {
        snprintf(why, why_len, "not a number");
        return ST_INVALID;
    }
    if (!(v >= (double)o->min && v <= (double)o->max)) {
        return out_of_range(o, why, why_len);
    }
    memcpy(at, &v, sizeof v);
    return ST_OK;
}

static enum status set_word(const struct option *o, const char *text, void *at, char *why,
                            size_t why_len) {
    bool is_bool = o->type == OPTION_BOOL;
    int i = word_index(is_bool ? "no|yes|false|true|off|on" : o->unit, text);
    if (i < 0) {
        return out_of_range(o, why, why_len);
    }
    if (o->type == OPTION_CHOICE) {
        return set_string(o, text, at, why, why_len);
    }
    if (is_bool) {
        *(bool *)at = i % 2 == 1;
    } else {
        memcpy(at, &i, sizeof i);
    }
    return ST_OK;
}

/* All of them alike: the default. */
static enum status set_weights(const struct option *o, const char *text, char *at, char *why,
                               size_t why_len) {
    for (size_t i = 0; i < o->size / sizeof(double); i++) {
        enum status st = set_real(o, text, at + i * sizeof(double), why, why_len);
        if (st) {
            return st;
        }
    }
    return ST_OK;
}

enum status option_parse(const struct option *o, const char *text, void *base, char *why,
                         size_t why_len) {
    void *at = (char *)base + o->offset;
    switch (o->type) {
    case OPTION_STRING:
    case OPTION_SECRET: return set_string(o, text, at, why, why_len);
    case OPTION_INT:
    case OPTION_COUNT:
    case OPTION_DURATION:
    case OPTION_AUTO: return set_integer(o, text, at, why, why_len);
    case OPTION_REAL: return set_real(o, text, at, why, why_len);
    case OPTION_BOOL:
    case OPTION_ENUM:
    case OPTION_CHOICE: return set_word(o, text, at, why, why_len);
    case OPTION_WEIGHT: return set_weights(o, text, at, why, why_len);
    case OPTION_SYMBOL:
    case OPTION_DOMAIN: break; /* config_topics.c resolves it when all domains are known */
    }
    snprintf(why, why_len, "cannot be set here");
    return ST_INVALID;
}

/* "" of an index below 0: not decided. */
static void format_word(const char *words, int index, char *buf, size_t len) {
    const char *p = index < 0 ? "" : words;
    for (; index > 0; index--) {
        p += strcspn(p, "|");
        p += *p == '|';
    }
    snprintf(buf, len, "%.*s", (int)strcspn(p, "|"), p);
}

void option_format(const struct option *o, const void *base, char *buf, size_t len) {
    const char *at = (const char *)base + o->offset;
    int64_t number = 0;
    double real = 0;
    int word = 0;
    switch (o->type) {
    case OPTION_STRING:
    case OPTION_CHOICE: snprintf(buf, len, "%s", at); break;
    case OPTION_SECRET: snprintf(buf, len, "%s", *at ? "***" : ""); break;
    case OPTION_INT:
    case OPTION_COUNT:
        memcpy(&number, at, sizeof number);
        if (o->type == OPTION_COUNT && number == OPTION_COUNT_AUTO) {
            snprintf(buf, len, "auto");
        } else {
            snprintf(buf, len, "%" PRId64, number);
        }
        break;
    case OPTION_DURATION:
    case OPTION_AUTO:
        memcpy(&number, at, sizeof number);
        format_duration(number, buf, len);
        break;
    case OPTION_REAL:
        memcpy(&real, at, sizeof real);
        snprintf(buf, len, "%.15g", real);
        break;
    case OPTION_BOOL:
        snprintf(buf, len, "%s", *(const bool *)(const void *)at ? "yes" : "no");
        break;
    case OPTION_ENUM:
        memcpy(&word, at, sizeof word);
        format_word(o->unit, word, buf, len);
        break;
    case OPTION_DOMAIN: snprintf(buf, len, "%u", (unsigned)*(const uint8_t *)at); break;
    case OPTION_SYMBOL:
    case OPTION_WEIGHT: snprintf(buf, len, "%s", o->text); break;
    }
}
