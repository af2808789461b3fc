/* SPDX-License-Identifier: Apache-2.0
 * show.c -- see show.h. */
#include "show.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

/* ---- the environment --------------------------------------------------------------------- */

static bool says_utf8(void) {
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        const char *v = getenv(names[k]);
        if (v && v[0]) {
            const char *set = strrchr(v, '.');
            return set && (strncasecmp(set, ".utf-8", 6) == 0 || strncasecmp(set, ".utf8", 5) == 0);
        }
    }
    return false;
}

struct show show_to(FILE *out) {
    const char *term = getenv("TERM");
    const char *plain = getenv("NO_COLOR");
    const int fd = fileno(out);
    return (struct show){.out = out,
                         .colour = fd >= 0 && isatty(fd) && term && strcmp(term, "dumb") != 0 &&
                                   !(plain && plain[0]),
                         .utf8 = says_utf8()};
}

/* ---- letters ------------------------------------------------------------------------------- */

/* Changes the direction or the width of what follows, or ends a line. */
static bool is_control(int32_t v) {
    return (v >= 0x80 && v < 0xA0) || (v >= 0x200B && v <= 0x200F) ||
           (v >= 0x2028 && v <= 0x202E) || (v >= 0x2066 && v <= 0x2069) || v == 0xFEFF;
}

/* The letter at `text`: its bytes (1 if it is none) and its number, -1 if it is none. */
static size_t letter_at(const char *text, int32_t *number) {
    const unsigned char *s = (const unsigned char *)text;
    static const int32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const size_t n = s[0] < 0x80 ? 1 : s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : 2;
    *number = -1;
    if (s[0] < 0x80) {
        *number = s[0] >= 0x20 && s[0] != 0x7f ? s[0] : -1;
        return 1;
    }
    if (s[0] < 0xC2 || s[0] > 0xF4) {
        return 1;
    }
    int32_t v = s[0] & (0xFF >> (n + 1));
    for (size_t k = 1; k < n; k++) {
        if ((s[k] & 0xC0) != 0x80) {
            return 1;
        }
        v = (v << 6) | (s[k] & 0x3F);
    }
    const bool surrogate = v >= 0xD800 && v <= 0xDFFF;
    if (v >= least[n] && v <= 0x10FFFF && !surrogate && !is_control(v)) {
        *number = v;
    }
    return n;
}

static uint32_t columns_of(int32_t v) {
    static const struct {
        int32_t first, last;
    } wide[] = {{0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0xA4CF},  {0xAC00, 0xD7A3},
                {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},  {0xFFE0, 0xFFE6},
                {0x1F300, 0x1F64F}, {0x1F680, 0x1FAFF}, {0x20000, 0x3FFFD}};
    if ((v >= 0x300 && v <= 0x36F) || (v >= 0xFE00 && v <= 0xFE0F) ||
        (v >= 0x20D0 && v <= 0x20FF)) {
        return 0;
    }
    for (size_t k = 0; k < sizeof wide / sizeof *wide; k++) {
        if (v >= wide[k].first && v <= wide[k].last) {
            return 2;
        }
    }
    return 1;
}

/* The letter as it is shown: its text of *bytes, in so many columns. */
static uint32_t shown(const struct show *s, const char *text, size_t *taken, const char **as,
                      size_t *bytes) {
    int32_t v = 0;
    *taken = letter_at(text, &v);
    if (v < 0 || (v >= 0x80 && !s->utf8)) {
        *as = "?";
        *bytes = 1;
        return 1;
    }
    *as = text;
    *bytes = *taken;
    return columns_of(v);
}

uint32_t show_columns(const struct show *s, const char *text) {
    uint32_t columns = 0;
    while (*text) {
        size_t taken = 0;
        size_t bytes = 0;
        const char *as = NULL;
        columns += shown(s, text, &taken, &as, &bytes);
        text += taken;
    }
    return columns;
}

/* ---- pieces -------------------------------------------------------------------------------- */

static void style_on(const struct show *s, enum show_style style) {
    static const char *const codes[] = {"",         "\033[1m",  "\033[2m",
                                        "\033[36m", "\033[32m", "\033[31m"};
    if (s->colour) {
        fputs(codes[style], s->out);
    }
}

static void style_off(const struct show *s, enum show_style style) {
    if (s->colour && style != SHOW_PLAIN) {
        fputs("\033[0m", s->out);
    }
}

static void spaces(const struct show *s, uint32_t n) {
    fprintf(s->out, "%*s", (int)n, "");
}

void show(const struct show *s, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vfprintf(s->out, format, args);
    va_end(args);
}

/* Returns the columns it took. */
static uint32_t put_text(const struct show *s, const char *text, uint32_t most) {
    const bool cut = show_columns(s, text) > most;
    const uint32_t room = cut && most > 0 ? most - 1 : most;
    uint32_t at = 0;
    while (*text) {
        size_t taken = 0;
        size_t bytes = 0;
        const char *as = NULL;
        const uint32_t wide = shown(s, text, &taken, &as, &bytes);
        if (at + wide > room) {
            break;
        }
        fwrite(as, 1, bytes, s->out);
        at += wide;
        text += taken;
    }
    if (cut && most > 0) {
        fputs(s->utf8 ? "\u2026" : "~", s->out);
        at++;
    }
    return at;
}

void show_text(const struct show *s, enum show_style style, const char *text, uint32_t most) {
    style_on(s, style);
    (void)put_text(s, text, most);
    style_off(s, style);
}

void show_cell(const struct show *s, enum show_style style, const char *text, uint32_t width) {
    style_on(s, style);
    const uint32_t at = put_text(s, text, width);
    style_off(s, style);
    spaces(s, width - at);
}

void show_right(const struct show *s, enum show_style style, const char *text, uint32_t width) {
    const uint32_t columns = show_columns(s, text);
    spaces(s, columns < width ? width - columns : 0);
    show_text(s, style, text, width);
}

uint32_t show_bar(const struct show *s, double share, uint32_t width) {
    static const char *const eighths[] = {"",       "\u258f", "\u258e", "\u258d",
                                          "\u258c", "\u258b", "\u258a", "\u2589"};
    const double of = share > 0.0 ? share < 1.0 ? share : 1.0 : 0.0; /* a NaN is nothing */
    uint32_t n = (uint32_t)(of * 8.0 * (double)width + .5);
    n = n == 0 && of > 0.0 ? 1 : n;
    style_on(s, SHOW_ACCENT);
    uint32_t at = 0;
    for (; at < n / 8; at++) {
        fputs(s->utf8 ? "\u2588" : "#", s->out);
    }
    if (n % 8 > 0) {
        const bool half = n % 8 >= 4 || n < 8;
        fputs(s->utf8 ? eighths[n % 8] : half ? "#" : "", s->out);
        at += s->utf8 || half;
    }
    style_off(s, SHOW_ACCENT);
    return at;
}

void show_bar_cell(const struct show *s, double share, uint32_t width) {
    spaces(s, width - show_bar(s, share, width));
}

void show_heading(const struct show *s, const char *text) {
    fputc('\n', s->out);
    show_text(s, SHOW_BOLD, text, SHOW_WIDTH);
    fputc('\n', s->out);
}

void show_piece(const struct show *s, struct show_flow *f, enum show_style style,
                const char *text) {
    const uint32_t columns = show_columns(s, text);
    if (f->begun && f->at + 2 + columns + 1 > SHOW_WIDTH) {
        fputs(",\n", s->out);
        spaces(s, f->indent);
        f->at = f->indent;
        f->begun = false;
    }
    if (f->begun) {
        fputs(", ", s->out);
        f->at += 2;
    }
    const uint32_t left = f->at + 1 < SHOW_WIDTH ? SHOW_WIDTH - 1 - f->at : 0; /* a comma fits */
    show_text(s, style, text, left);
    f->at += columns < left ? columns : left;
    f->begun = true;
}

/* ---- numbers and times --------------------------------------------------------------------- */

const char *show_number(double x, char out[32]) {
    char digits[32];
    if (!isfinite(x) || fabs(x) >= 1e15) {
        snprintf(out, 32, "%s", isfinite(x) ? "many" : "-");
        return out;
    }
    if (fabs(x) < 99.95) {
        const bool whole = fabs(x - round(x)) < 1e-9;
        snprintf(out, 32, "%.*f", whole ? 0 : fabs(x) < 9.995 ? 2 : 1, x);
        return out;
    }
    const int n = snprintf(digits, sizeof digits, "%.0f", fabs(x));
    char *to = out;
    if (x < 0) {
        *to++ = '-';
    }
    for (int k = 0; k < n; k++) {
        if (k > 0 && (n - k) % 3 == 0) {
            *to++ = ',';
        }
        *to++ = digits[k];
    }
    *to = '\0';
    return out;
}

const char *show_percent(double share, char out[32]) {
    if (!(share >= 0.0 && share <= 1e6)) {
        snprintf(out, 32, "-");
    } else if (share > 0.0 && share < .005) {
        snprintf(out, 32, "<1 %%");
    } else {
        snprintf(out, 32, "%.0f %%", 100.0 * share);
    }
    return out;
}

const char *show_ago(int64_t then_ms, int64_t now_ms, char out[32]) {
    const int64_t by_s = (now_ms - then_ms) / 1000;
    const int64_t s = by_s < 0 ? -by_s : by_s;
    const char *unit = s < 120 ? "s" : s < 7200 ? "min" : s < 172800 ? "h" : "d";
    const int64_t n = s < 120 ? s : s < 7200 ? s / 60 : s < 172800 ? s / 3600 : s / 86400;
    snprintf(out, 32, "%s%lld %s%s", by_s < 0 ? "in " : "", (long long)n, unit,
             by_s < 0 ? "" : " ago");
    return out;
}

const char *show_time(int64_t ms, int64_t now_ms, char out[32]) {
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const time_t then = (time_t)(ms / 1000);
    const time_t now = (time_t)(now_ms / 1000);
    struct tm t;
    struct tm n;
    if (!gmtime_r(&then, &t) || !gmtime_r(&now, &n) || t.tm_mon < 0 || t.tm_mon > 11) {
        snprintf(out, 32, "-");
    } else if (t.tm_year == n.tm_year) {
        snprintf(out, 32, "%2d %s %02d:%02d", t.tm_mday, months[t.tm_mon], t.tm_hour, t.tm_min);
    } else {
        snprintf(out, 32, "%2d %s  %4d", t.tm_mday, months[t.tm_mon], t.tm_year + 1900);
    }
    return out;
}
