/* SPDX-License-Identifier: Apache-2.0
 * demo_text.c -- see demo_text.h. */
#include "demo_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

static const char *none(char *buf) {
    buf[0] = '-';
    buf[1] = '\0';
    return buf;
}

const char *demo_text_time(double s, char *buf) {
    if (!(s >= 0.0)) {
        return none(buf);
    }
    if (s < 0.00995) {
        snprintf(buf, DEMO_TEXT_MAX, "%.1f ms", s * 1e3);
    } else if (s < 0.9995) {
        snprintf(buf, DEMO_TEXT_MAX, "%.0f ms", s * 1e3);
    } else {
        snprintf(buf, DEMO_TEXT_MAX, s < 99.95 ? "%.1f s" : "%.0f s", s);
    }
    return buf;
}

const char *demo_text_share(double share, char *buf) {
    if (!(share >= 0.0)) {
        return none(buf);
    }
    snprintf(buf, DEMO_TEXT_MAX, "%.3f", share);
    return buf;
}

const char *demo_text_short(double n, char *buf) {
    static const char units[] = "kMGT";
    if (!(n >= 0.0)) {
        return none(buf);
    }
    if (n < 999.5) {
        snprintf(buf, DEMO_TEXT_MAX, "%.0f", n);
        return buf;
    }
    if (n < 99999.5) {
        const long whole = lround(n);
        snprintf(buf, DEMO_TEXT_MAX, "%ld,%03ld", whole / 1000, whole % 1000);
        return buf;
    }
    size_t unit = 0;
    for (n /= 1e3; n >= 999.5 && unit + 2 < sizeof units; unit++) {
        n /= 1e3;
    }
    snprintf(buf, DEMO_TEXT_MAX,
             n < 9.995   ? "%.2f%c"
             : n < 99.95 ? "%.1f%c"
                         : "%.0f%c",
             n, units[unit]);
    return buf;
}

/* False before 1970, where there is no event. */
static bool split(int64_t ms, struct tm *out) {
    const time_t t = (time_t)(ms / 1000);
    return ms > 0 && gmtime_r(&t, out);
}

const char *demo_text_day(int64_t ms, char *buf) {
    struct tm tm;
    return split(ms, &tm) && strftime(buf, DEMO_TEXT_MAX, "%Y-%m-%d", &tm) > 0 ? buf : none(buf);
}

const char *demo_text_minute(int64_t ms, char *buf) {
    struct tm tm;
    return split(ms, &tm) && strftime(buf, DEMO_TEXT_MAX, "%m-%d %H:%M", &tm) > 0 ? buf : none(buf);
}

const char *demo_text_clock(int64_t ms, char *buf) {
    const int64_t s = ms > 0 ? ms / 1000 : 0;
    if (s < 3600) {
        snprintf(buf, DEMO_TEXT_MAX, "%" PRId64 ":%02d", s / 60, (int)(s % 60));
    } else {
        snprintf(buf, DEMO_TEXT_MAX, "%" PRId64 ":%02d:%02d", s / 3600, (int)(s / 60 % 60),
                 (int)(s % 60));
    }
    return buf;
}

const char *demo_text_verb(enum action a) {
    switch (a) {
    case ACTION_VIEW: return "viewed";
    case ACTION_ENROLL: return "enrolled in";
    case ACTION_PURCHASE: return "bought";
    case ACTION_ORDER: return "ordered";
    case ACTION_COMPLETE: return "completed";
    case ACTION_RATE: return "rated";
    case ACTION_LIKE: return "liked";
    case ACTION_SHARE: return "shared";
    case ACTION_COMMENT: return "commented on";
    case ACTION_REPORT: return "reported";
    case ACTION_IMPRESSION: return "was shown";
    case ACTION_CLICK: return "clicked";
    case ACTION_CONVERSION: return "took";
    case ACTIONS: break;
    }
    return "took";
}
