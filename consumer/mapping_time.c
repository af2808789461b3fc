/* SPDX-License-Identifier: Apache-2.0
 *
 * mapping_time.c -- see mapping_time.h.
 *
 * Days and dates: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
 */
#include "mapping_time.h"

enum { MS_A_MINUTE = 60000, MS_A_DAY = 86400000 };

struct text { /* what is left */
    const char *at;
    size_t len;
};

/* Days since 1970-01-01; the year is counted from March. */
static int64_t days_of(int64_t year, int64_t month, int64_t day) {
    year -= month <= 2;
    const int64_t era = (year >= 0 ? year : year - 399) / 400;
    const int64_t of_era = year - era * 400;
    const int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int64_t floor_div(int64_t a, int64_t b) {
    return a / b - (a % b < 0);
}

int64_t mapping_time_year(int64_t ms) {
    const int64_t days = floor_div(ms, MS_A_DAY) + 719468;
    const int64_t era = floor_div(days, 146097);
    const int64_t d = days - era * 146097;
    const int64_t y = (d - d / 1460 + d / 36524 - d / 146096) / 365;
    const int64_t of_year = d - (365 * y + y / 4 - y / 100); /* from March 1 */
    return y + era * 400 + (of_year >= 306);
}

/* Exactly n digits. */
static bool digits(struct text *t, size_t n, int64_t *out) {
    int64_t x = 0;
    if (t->len < n) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (t->at[i] < '0' || t->at[i] > '9') {
            return false;
        }
        x = 10 * x + (t->at[i] - '0');
    }
    t->at += n;
    t->len -= n;
    *out = x;
    return true;
}

static bool one_of(struct text *t, char a, char b) {
    if (!t->len || (t->at[0] != a && t->at[0] != b)) {
        return false;
    }
    t->at++;
    t->len--;
    return true;
}

static bool date(struct text *t, int64_t *days) {
    static const uint8_t lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t y;
    int64_t m;
    int64_t d;
    if (!digits(t, 4, &y) || !one_of(t, '-', '-') || !digits(t, 2, &m) || !one_of(t, '-', '-') ||
        !digits(t, 2, &d) || m < 1 || m > 12 || d < 1 || d > lengths[m - 1]) {
        return false;
    }
    const bool leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
    *days = days_of(y, m, d);
    return m != 2 || d < 29 || leap;
}

/* Three digits count, the others need only be digits. */
static bool fraction(struct text *t, int64_t *ms) {
    size_t n = 0;
    int64_t digit;
    *ms = 0;
    for (; digits(t, 1, &digit); n++) {
        *ms = n < 3 ? 10 * *ms + digit : *ms;
    }
    for (size_t i = n; i < 3; i++) {
        *ms *= 10;
    }
    return n > 0;
}

/* 12:30, 12:30:00, 12:30:00.25; a second 60 is the next minute's first. */
static bool time_of_day(struct text *t, int64_t *ms) {
    int64_t h;
    int64_t m;
    int64_t s = 0;
    int64_t part = 0;
    if (!digits(t, 2, &h) || !one_of(t, ':', ':') || !digits(t, 2, &m)) {
        return false;
    }
    if (one_of(t, ':', ':') &&
        (!digits(t, 2, &s) || (one_of(t, '.', ',') && !fraction(t, &part)))) {
        return false;
    }
    *ms = ((h * 60 + m) * 60 + s) * 1000 + part;
    return h < 24 && m < 60 && s <= 60;
}

/* Nothing, Z, +01:00, +0100, +01 */
static bool offset(struct text *t, int64_t *ms) {
    int64_t h;
    int64_t m = 0;
    *ms = 0;
    if (!t->len || one_of(t, 'Z', 'z')) {
        return true;
    }
    const bool west = t->at[0] == '-';
    if (!one_of(t, '+', '-') || !digits(t, 2, &h)) {
        return false;
    }
    const bool colon = one_of(t, ':', ':');
    if ((colon || t->len) && !digits(t, 2, &m)) {
        return false;
    }
    *ms = (h * 60 + m) * MS_A_MINUTE * (west ? -1 : 1);
    return h < 24 && m < 60;
}

bool mapping_time_parse(const char *text, size_t len, int64_t *ms) {
    struct text t = {text, len};
    int64_t days;
    int64_t of_day = 0;
    int64_t east = 0;
    if (!date(&t, &days)) {
        return false;
    }
    if (t.len) {
        const bool space = t.at[0] == ' ';
        if ((!space && t.at[0] != 'T' && t.at[0] != 't') || !one_of(&t, t.at[0], t.at[0]) ||
            !time_of_day(&t, &of_day) || !offset(&t, &east)) {
            return false;
        }
    }
    if (t.len) {
        return false;
    }
    *ms = days * MS_A_DAY + of_day - east;
    return true;
}
