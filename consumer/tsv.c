/* SPDX-License-Identifier: Apache-2.0
 *
 * tsv.c -- see tsv.h.
 *
 * An event ends where the next one begins, so one line is read ahead; it stays in the
 * buffer of lines.c until it is taken. Texts of an event are copied: its lines may be
 * further apart than that buffer is long.
 */
#include "tsv.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "hash.h"
#include "lines.h"

enum {
    FIELDS_MIN = 4,
    FIELDS_MAX = 8,
    EVENT_ID_MAX = 34, /* two numbers in hexadecimal and a dash       */
    DIGITS_EXACT = 15, /* of a number that fits a double's mantissa   */
    NUMBER_MAX = 63,
    ROOM = (EVENT_LINES_MAX + 1) * ID_LEN_MAX, /* items and user of one event */
};

#define MS_FROM INT64_C(100000000000)    /* 1e11: from here on it is milliseconds */
#define MS_MAX  INT64_C(253402300799999) /* the end of the year 9999              */

/* One line, understood. Views into the buffer of lines.c. */
struct row {
    struct line line;
    struct field domain, user;
    struct decoded_line item;
    int64_t ts_ms;
    enum action action;
    bool has_action;
};

struct tsv {
    struct lines *lines;
    uint64_t bad;
    bool silent;
    bool ahead; /* `row` is the first line of the next event */
    struct row row;
    struct tsv_event out;
    struct decoded_line items[EVENT_LINES_MAX];
    char event_id[EVENT_ID_MAX];
    char text[ROOM];
    size_t used;
};

/* ---- fields ---------------------------------------------------------------------------- */

/* Names in the order of enum action. */
static const char *const ACTION_NAMES[ACTIONS_OF_EVENTS] = {
    "view", "enroll", "purchase", "order",   "complete",
    "rate", "like",   "share",    "comment", "report"};

static bool parse_action(struct field f, enum action *out) {
    for (unsigned a = 0; a < ACTIONS_OF_EVENTS; a++) {
        if (strlen(ACTION_NAMES[a]) == f.len && strncasecmp(ACTION_NAMES[a], f.p, f.len) == 0) {
            *out = (enum action)a;
            return true;
        }
    }
    return false;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* What is wrong with a time, or NULL. */
static const char *parse_ts(struct field f, int64_t *out) {
    static const char FORM[] = "ts must be seconds or milliseconds since 1970";
    int64_t whole = 0;
    size_t i = 0;
    for (; i < f.len && is_digit(f.p[i]); i++) {
        whole = whole * 10 + (f.p[i] - '0');
        if (whole > MS_MAX) {
            return "ts is beyond the year 9999";
        }
    }
    if (i == 0) {
        return FORM;
    }
    int64_t tenths[4] = {0}; /* of a second, ..., and a digit to round by */
    if (i < f.len && f.p[i] == '.') {
        const size_t first = ++i;
        for (; i < f.len && is_digit(f.p[i]); i++) {
            if (i - first < 4) {
                tenths[i - first] = f.p[i] - '0';
            }
        }
    }
    if (i < f.len) {
        return FORM;
    }
    if (whole >= MS_FROM) {
        *out = whole; /* a fraction of a millisecond is of no interest */
    } else {
        *out = whole * 1000 + tenths[0] * 100 + tenths[1] * 10 + tenths[2] + (tenths[3] >= 5);
    }
    return NULL;
}

/* 123, 1.5, .5: at most 15 digits and no exponent, so that one division gives the nearest
 * double (Clinger, PLDI 1990). strtod() takes ten times as long. */
static bool parse_short(struct field f, double *out) {
    static const double TENS[DIGITS_EXACT + 1] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                  1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    int64_t mantissa = 0;
    size_t digits = 0;
    size_t fraction = 0;
    bool point = false;
    for (size_t i = 0; i < f.len; i++) {
        if (f.p[i] == '.' && !point) {
            point = true;
        } else if (is_digit(f.p[i]) && digits < DIGITS_EXACT) {
            mantissa = mantissa * 10 + (f.p[i] - '0');
            digits++;
            fraction += point;
        } else {
            return false;
        }
    }
    if (digits == 0) {
        return false;
    }
    *out = (double)mantissa / TENS[fraction];
    return true;
}

/* A number >= 0, finite. Hexadecimal, nan and inf, which strtod() reads, are none. */
static bool parse_number(struct field f, double *out) {
    if (parse_short(f, out)) {
        return true;
    }
    char text[NUMBER_MAX + 1];
    if (f.len > NUMBER_MAX) {
        return false;
    }
    memcpy(text, f.p, f.len);
    text[f.len] = '\0';
    if (f.len == 0 || strspn(text, "0123456789.eE+-") != f.len) {
        return false;
    }
    char *end = NULL;
    const double x = strtod(text, &end);
    if (*end || !(x >= 0.0 && isfinite(x))) {
        return false;
    }
    *out = x == 0.0 ? 0.0 : x; /* no -0 */
    return true;
}

/* ---- one line -------------------------------------------------------------------------- */

static bool has_length(struct field f, size_t max) {
    return f.len >= 1 && f.len <= max;
}

/* What is wrong with the fields that may be missing, or NULL. */
static const char *parse_rest(const struct field *f, size_t n, struct row *row) {
    row->has_action = n > 4 && f[4].len > 0;
    row->action = ACTION_VIEW;
    if (row->has_action && !parse_action(f[4], &row->action)) {
        return "there is no such action: view, enroll, purchase, order, complete, rate, like, "
               "share, comment, report";
    }
    row->item.quantity = 1.0;
    if (n > 5 && f[5].len > 0 && !parse_number(f[5], &row->item.quantity)) {
        return "quantity must be a number >= 0";
    }
    row->item.amount = 0.0;
    if (n > 6 && f[6].len > 0 && !parse_number(f[6], &row->item.amount)) {
        return "amount must be a number >= 0";
    }
    row->item.discount = 0.0;
    if (n > 7 && f[7].len > 0 && !parse_number(f[7], &row->item.discount)) {
        return "discount must be a number >= 0";
    }
    return NULL;
}

/* What is wrong with a line, or NULL. */
static const char *parse(struct row *row) {
    struct field f[FIELDS_MAX];
    if (row->line.cut) {
        return "the line is too long";
    }
    const size_t n = lines_split(&row->line, f, FIELDS_MAX);
    if (n < FIELDS_MIN) {
        return "fewer than four fields; ts domain user item, separated by tabs";
    }
    if (n > FIELDS_MAX) {
        return "more than eight fields; ts domain user item action quantity amount discount";
    }
    if (memchr(row->line.text, '\0', row->line.len)) {
        return "a zero byte";
    }
    const char *why = parse_ts(f[0], &row->ts_ms);
    if (why) {
        return why;
    }
    if (!has_length(f[1], TSV_DOMAIN_MAX - 1)) {
        return "domain must have 1 to 63 bytes";
    }
    if (!has_length(f[2], ID_LEN_MAX) || !has_length(f[3], ID_LEN_MAX)) {
        return "user and item must have 1 to 255 bytes";
    }
    row->domain = f[1];
    row->user = f[2];
    row->item.item = f[3].p;
    row->item.item_len = f[3].len;
    return parse_rest(f, n, row);
}

static void complain(struct tsv *t, const char *why) {
    t->bad++;
    if (t->silent || t->bad > TSV_BAD_SHOWN) {
        return;
    }
    const char *name = lines_name(t->lines);
    fprintf(stderr, "%s:%" PRIu64 ": %s\n", name, t->row.line.number, why);
    if (t->bad == TSV_BAD_SHOWN) {
        fprintf(stderr, "%s: further bad lines are counted only\n", name);
    }
}

/* The next good line goes to t->row. */
static bool next_row(struct tsv *t) {
    while (lines_next(t->lines, &t->row.line)) {
        const struct line *line = &t->row.line;
        if (line->len == 0 || line->text[0] == '#') {
            continue;
        }
        const char *why = parse(&t->row);
        if (!why) {
            return true;
        }
        complain(t, why);
    }
    return false;
}

/* ---- events ---------------------------------------------------------------------------- */

static const char *keep(struct tsv *t, const char *p, size_t len) {
    char *copy = t->text + t->used;
    memcpy(copy, p, len);
    t->used += len;
    return copy;
}

static size_t put_hex(char *out, uint64_t x) {
    char digits[16];
    size_t n = 0;
    do {
        digits[n++] = "0123456789abcdef"[x & 15];
        x >>= 4;
    } while (x);
    for (size_t i = 0; i < n; i++) {
        out[i] = digits[n - 1 - i];
    }
    return n;
}

/* Position alone would give two files the same ids, and the second would count as repeated. */
static size_t make_id(char *out, const struct line *line) {
    size_t n = put_hex(out, line->offset);
    out[n++] = '-';
    return n + put_hex(out + n, hash_id(line->text, line->len));
}

static void add_line(struct tsv *t) {
    struct decoded_line item = t->row.item;
    item.item = keep(t, item.item, item.item_len);
    t->items[t->out.event.n_lines++] = item;
}

static void begin_event(struct tsv *t) {
    const struct row *row = &t->row;
    t->used = 0;
    t->out.event = (struct decoded){.event_id = t->event_id,
                                    .event_id_len = make_id(t->event_id, &row->line),
                                    .user_id = keep(t, row->user.p, row->user.len),
                                    .user_id_len = row->user.len,
                                    .ts_ms = row->ts_ms,
                                    .action = row->action,
                                    .lines = t->items};
    t->out.has_action = row->has_action;
    memcpy(t->out.domain, row->domain.p, row->domain.len);
    t->out.domain[row->domain.len] = '\0';
    add_line(t);
}

/* Does t->row go on with the event? */
static bool goes_on(const struct tsv *t) {
    const struct row *row = &t->row;
    const struct decoded *e = &t->out.event;
    return row->ts_ms == e->ts_ms && row->user.len == e->user_id_len &&
           memcmp(row->user.p, e->user_id, e->user_id_len) == 0 &&
           row->has_action == t->out.has_action && row->action == e->action &&
           strncmp(t->out.domain, row->domain.p, row->domain.len) == 0 &&
           t->out.domain[row->domain.len] == '\0' && e->n_lines < EVENT_LINES_MAX;
}

bool tsv_next(struct tsv *t, struct tsv_event **out) {
    if (!t->ahead && !next_row(t)) {
        return false;
    }
    begin_event(t);
    while ((t->ahead = next_row(t)) && goes_on(t)) {
        add_line(t);
    }
    *out = &t->out;
    return true;
}

bool tsv_next_line(struct tsv *t, struct tsv_event **out) {
    if (!next_row(t)) {
        return false;
    }
    begin_event(t);
    *out = &t->out;
    return true;
}

void tsv_refuse(struct tsv *t, const char *why) {
    complain(t, why);
}

/* ---- life cycle and figures ------------------------------------------------------------- */

enum status tsv_open(const char *path, struct tsv **out, char *err, size_t err_len) {
    struct tsv *t = malloc(sizeof *t);
    if (!t) {
        snprintf(err, err_len, "%s: out of memory", path);
        return ST_NOMEM;
    }
    t->bad = 0;
    t->silent = t->ahead = false;
    t->lines = NULL;
    enum status st = lines_open(path, &t->lines, err, err_len);
    if (st) {
        tsv_close(t);
        return st;
    }
    *out = t;
    return ST_OK;
}

void tsv_close(struct tsv *t) {
    if (!t) {
        return;
    }
    lines_close(t->lines);
    free(t);
}

enum status tsv_status(const struct tsv *t) {
    return lines_status(t->lines);
}

uint64_t tsv_lines(const struct tsv *t) {
    return lines_count(t->lines);
}

uint64_t tsv_bad(const struct tsv *t) {
    return t->bad;
}

uint64_t tsv_bytes(const struct tsv *t) {
    return lines_bytes(t->lines);
}

uint64_t tsv_size(const struct tsv *t) {
    return lines_size(t->lines);
}

/* ---- scan ------------------------------------------------------------------------------ */

struct scan {
    char (*domains)[TSV_DOMAIN_MAX];
    size_t max, n, last;
    uint64_t events;
};

/* False if there is no room for another domain. */
static bool note_domain(struct scan *s, const char *domain) {
    if (s->n > 0 && strcmp(s->domains[s->last], domain) == 0) {
        return true;
    }
    for (s->last = 0; s->last < s->n; s->last++) {
        if (strcmp(s->domains[s->last], domain) == 0) {
            return true;
        }
    }
    if (s->n == s->max) {
        return false;
    }
    snprintf(s->domains[s->n++], TSV_DOMAIN_MAX, "%s", domain);
    return true;
}

static enum status scan_events(struct tsv *t, struct scan *s, char *err, size_t err_len) {
    struct tsv_event *e;
    while (tsv_next(t, &e)) {
        s->events++;
        if (!note_domain(s, e->domain)) {
            s->last = 0;
            snprintf(err, err_len, "%s: more than %zu domains: is the second field the domain?",
                     lines_name(t->lines), s->max);
            return ST_RANGE;
        }
    }
    if (tsv_status(t)) {
        snprintf(err, err_len, "%s: cannot be read to its end", lines_name(t->lines));
    }
    return tsv_status(t);
}

enum status tsv_scan(const char *path, char (*domains)[TSV_DOMAIN_MAX], size_t max,
                     size_t *n_domains, uint64_t *n_events, uint64_t *n_lines, char *err,
                     size_t err_len) {
    if (strcmp(path, "-") == 0) {
        snprintf(err, err_len, "standard input cannot be read twice");
        return ST_IO;
    }
    struct tsv *t = NULL;
    enum status st = tsv_open(path, &t, err, err_len);
    if (st) {
        return st;
    }
    t->silent = true;
    struct scan s = {.domains = domains, .max = max};
    st = scan_events(t, &s, err, err_len);
    if (!st) {
        *n_domains = s.n;
        *n_events = s.events;
        *n_lines = tsv_lines(t);
    }
    tsv_close(t);
    return st;
}
