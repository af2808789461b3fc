/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_tsv.c -- what holds for every event file.
 *
 * The input is the file. The lines of its events are found in it by naive means; what is read
 * is printed in one form and read again, and that must give the same events. Bad lines go to
 * stderr: hunt with -close_fd_mask=2.
 */
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fuzz.h"
#include "tsv.h"

enum { SIZE_LIMIT = 60000, DOMAINS = 64, FIELDS = 8 };

/* 1e11 and the end of the year 9999, see tsv.h. */
static const int64_t ms_from = INT64_C(100000000000);
static const int64_t ms_max = INT64_C(253402300799999);

static const char *const actions[ACTIONS_OF_EVENTS] = {"view",     "enroll", "purchase", "order",
                                                       "complete", "rate",   "like",     "share",
                                                       "comment",  "report"};

struct figures {
    uint64_t events, items, lines, bad;
};

static bool is_packed(const uint8_t *data, size_t size) {
    return (size >= 2 && memcmp(data, "\x1f\x8b", 2) == 0) ||
           (size >= 5 && memcmp(data,
                                "\xfd"
                                "7zXZ",
                                5) == 0) ||
           (size >= 4 && memcmp(data, "\x28\xb5\x2f\xfd", 4) == 0);
}

/* ---- the file, read naively ---------------------------------------------------------------- */

struct source {
    char *text; /* (size,) a copy, terminated */
    size_t size, at;
};

struct span {
    const char *p;
    size_t len;
};

static struct source source_of(const void *bytes, size_t size) {
    struct source s = {.text = malloc(size + 1), .size = size};
    require(s.text != NULL);
    if (size > 0) {
        memcpy(s.text, bytes, size);
    }
    s.text[size] = '\0';
    return s;
}

static bool next_line(struct source *s, struct span *out) {
    if (s->at >= s->size) {
        return false;
    }
    size_t from = s->at;
    size_t to = from;
    while (to < s->size && s->text[to] != '\n') {
        to++;
    }
    s->at = to + 1;
    if (from == 0 && to >= 3 && memcmp(s->text, "\xef\xbb\xbf", 3) == 0) {
        from = 3;
    }
    to -= to > from && s->text[to - 1] == '\r';
    *out = (struct span){s->text + from, to - from};
    return true;
}

/* Missing fields are empty. */
static void fields_of(struct span line, struct span fields[FIELDS]) {
    const char *end = line.p + line.len;
    for (size_t i = 0; i < FIELDS; i++) {
        const char *tab = memchr(line.p, '\t', (size_t)(end - line.p));
        fields[i] = (struct span){line.p, (size_t)((tab ? tab : end) - line.p)};
        line.p = tab ? tab + 1 : end;
    }
}

/* Lines that are there, and those of them that are empty or a comment. */
static void count(struct source s, uint64_t *lines, uint64_t *skipped) {
    struct span line;
    *lines = *skipped = 0;
    for (s.at = 0; next_line(&s, &line);) {
        ++*lines;
        *skipped += line.len == 0 || line.p[0] == '#';
    }
}

static bool same(struct span a, const char *p, size_t len) {
    return a.len == len && memcmp(a.p, p, len) == 0;
}

static bool is_time(struct span text, int64_t ms) {
    const double value = strtod(text.p, NULL); /* a tab follows */
    const double off = value < (double)ms_from ? fabs(value * 1e3 - (double)ms) - 0.01
                                               : fabs(value - 0.5 - (double)ms);
    return off <= 0.5;
}

static bool is_number(struct span text, double otherwise, double x) {
    return (text.len > 0 ? strtod(text.p, NULL) : otherwise) == x;
}

/* Does line i of the event stand in this line of the file? */
static bool is_line(struct span line, const struct tsv_event *e, uint32_t i) {
    const struct decoded *d = &e->event;
    struct span f[FIELDS];
    fields_of(line, f);
    return is_time(f[0], d->ts_ms) && same(f[1], e->domain, strlen(e->domain)) &&
           same(f[2], d->user_id, d->user_id_len) &&
           same(f[3], d->lines[i].item, d->lines[i].item_len) && (f[4].len > 0) == e->has_action &&
           (!e->has_action || strncasecmp(f[4].p, actions[d->action], f[4].len) == 0) &&
           is_number(f[5], 1.0, d->lines[i].quantity) && is_number(f[6], 0.0, d->lines[i].amount) &&
           is_number(f[7], 0.0, d->lines[i].discount);
}

/* The lines of events are lines of the file, in their order. */
static void check_source(struct source *s, const struct tsv_event *e) {
    for (uint32_t i = 0; i < e->event.n_lines; i++) {
        struct span line;
        do {
            require(next_line(s, &line));
        } while (!is_line(line, e, i));
    }
}

/* ---- events ------------------------------------------------------------------------------ */

static void check_line(const struct decoded_line *l) {
    require(l->item_len >= 1 && l->item_len <= ID_LEN_MAX);
    require(!memchr(l->item, '\0', l->item_len) && !memchr(l->item, '\t', l->item_len));
    require(isfinite(l->quantity) && l->quantity >= 0 && !signbit(l->quantity));
    require(isfinite(l->amount) && l->amount >= 0 && !signbit(l->amount));
    require(isfinite(l->discount) && l->discount >= 0 && !signbit(l->discount));
}

static void check_event(const struct tsv_event *e) {
    const struct decoded *d = &e->event;
    require(d->event_id_len >= 3 && d->event_id_len <= ID_LEN_MAX);
    require(d->user_id_len >= 1 && d->user_id_len <= ID_LEN_MAX);
    require(!memchr(d->user_id, '\0', d->user_id_len));
    require(d->ts_ms >= 0 && d->ts_ms <= ms_max);
    require((unsigned)d->action < ACTIONS_OF_EVENTS && (e->has_action || d->action == ACTION_VIEW));
    require(memchr(e->domain, '\0', sizeof e->domain) && e->domain[0]);
    require(d->n_lines >= 1 && d->n_lines <= EVENT_LINES_MAX);
    for (uint32_t i = 0; i < d->n_lines; i++) {
        check_line(&d->lines[i]);
    }
}

static void print_ts(FILE *out, int64_t ms) {
    if (ms < ms_from) { /* as seconds: so little would be read as those anyway */
        fprintf(out, "%" PRId64 ".%03d", ms / 1000, (int)(ms % 1000));
    } else {
        fprintf(out, "%" PRId64, ms);
    }
}

/* Where an event begins stands in a comment: what is an event shows in the text. */
static void print_event(FILE *out, const struct tsv_event *e) {
    const struct decoded *d = &e->event;
    fputs("# event\n", out);
    for (uint32_t i = 0; i < d->n_lines; i++) {
        const struct decoded_line *l = &d->lines[i];
        print_ts(out, d->ts_ms);
        fprintf(out, "\t%s\t", e->domain);
        fwrite(d->user_id, 1, d->user_id_len, out);
        fputc('\t', out);
        fwrite(l->item, 1, l->item_len, out);
        fprintf(out, "\t%s\t%.17g\t%.17g\t%.17g\n", e->has_action ? actions[d->action] : "",
                l->quantity, l->amount, l->discount);
    }
}

/* Reads what tsv_open() opened, to its end, and prints it. */
static struct figures read_all(struct tsv *t, struct source *source, FILE *out) {
    struct figures f = {0};
    struct tsv_event *e = NULL;
    char last[ID_LEN_MAX] = "";
    size_t last_len = 0;
    while (tsv_next(t, &e)) {
        check_event(e);
        check_source(source, e);
        require(e->event.event_id_len != last_len ||
                memcmp(e->event.event_id, last, last_len) != 0);
        last_len = e->event.event_id_len;
        memcpy(last, e->event.event_id, last_len);
        print_event(out, e);
        f.events++;
        f.items += e->event.n_lines;
    }
    require(!tsv_next(t, &e));
    require(tsv_status(t) == ST_OK);
    f.lines = tsv_lines(t);
    f.bad = tsv_bad(t);
    require(tsv_bytes(t) == tsv_size(t));
    return f;
}

static struct figures read_file(const void *bytes, size_t len, char **text, size_t *text_len) {
    struct tsv *t = NULL;
    char err[256] = "";
    FILE *out = open_memstream(text, text_len);
    require(out && tsv_open(fuzz_file(bytes, len), &t, err, sizeof err) == ST_OK);
    struct source source = source_of(bytes, len);
    const struct figures f = read_all(t, &source, out);
    uint64_t lines = 0;
    uint64_t skipped = 0;
    count(source, &lines, &skipped);
    require(f.lines == lines && f.items + f.bad + skipped == lines);
    require(tsv_size(t) == len);
    free(source.text);
    tsv_close(t);
    fclose(out);
    return f;
}

/* ---- scan -------------------------------------------------------------------------------- */

static void check_scan(const uint8_t *data, size_t size, struct figures f) {
    static char domains[DOMAINS][TSV_DOMAIN_MAX];
    size_t n_domains = 0;
    uint64_t events = 0;
    uint64_t lines = 0;
    char err[256] = "";
    const enum status st = tsv_scan(fuzz_file(data, size), domains, DOMAINS, &n_domains, &events,
                                    &lines, err, sizeof err);
    if (st) {
        require(st == ST_RANGE && err[0]);
        return;
    }
    require(events == f.events && lines == f.lines && n_domains <= DOMAINS);
    for (size_t i = 0; i < n_domains; i++) {
        for (size_t k = 0; k < i; k++) {
            require(strcmp(domains[i], domains[k]) != 0);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > SIZE_LIMIT) {
        return 0;
    }
    if (is_packed(data, size)) {
        struct tsv *t = NULL;
        char err[256] = "";
        require(tsv_open(fuzz_file(data, size), &t, err, sizeof err) == ST_IO && !t && err[0]);
        return 0;
    }
    char *text = NULL;
    size_t text_len = 0;
    const struct figures f = read_file(data, size, &text, &text_len);
    check_scan(data, size, f);

    char *again = NULL;
    size_t again_len = 0;
    const struct figures g = read_file(text, text_len, &again, &again_len);
    require(g.bad == 0 && g.events == f.events && g.items == f.items);
    require(again_len == text_len && memcmp(again, text, text_len) == 0);
    free(again);
    free(text);
    return 0;
}
