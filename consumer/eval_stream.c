/* SPDX-License-Identifier: Apache-2.0
 * eval_stream.c -- see eval_stream.h. */
#include "eval_stream.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "config.h"
#include "hash.h"
#include "mapping_time.h"

#define TS_END      (INT64_C(1) << 47) /* the learner's, in the year 6429 */
#define MS_FROM     INT64_C(100000000000)
#define LINES_BELOW INT64_C(100000000)
#define NUMBER_END  1e12 /* the intake's */

enum { LINES_MIN = 1 << 14 };

/* ---- marks ----------------------------------------------------------------------------- */

enum status eval_mark_parse(const char *text, struct eval_mark *out) {
    int64_t ms = 0;
    if (mapping_time_parse(text, strlen(text), &ms)) {
        *out = (struct eval_mark){EVAL_MARK_TIME, ms};
        return ST_OK;
    }
    char *end = NULL;
    errno = 0;
    const long long x = strtoll(text, &end, 10);
    if (errno || end == text || *end || x < 0) {
        return ST_INVALID;
    }
    if (x < LINES_BELOW) {
        *out = (struct eval_mark){EVAL_MARK_LINES, x};
    } else {
        *out = (struct eval_mark){EVAL_MARK_TIME, x < MS_FROM ? x * 1000 : x};
    }
    return ST_OK;
}

/* Is the line with this number, from 1, and time at or behind the mark? */
static bool is_reached(const struct eval_mark *m, uint64_t number, int64_t ts_ms) {
    switch (m->kind) {
    case EVAL_MARK_NONE: break;
    case EVAL_MARK_LINES: return number > (uint64_t)m->value;
    case EVAL_MARK_TIME: return ts_ms >= m->value;
    }
    return false;
}

/* ---- files ----------------------------------------------------------------------------- */

struct source {
    struct tsv *tsv;
    struct tsv_event *line; /* NULL: at its end */
};

struct reading {
    struct eval_stream *stream;
    const struct eval_stream_spec *spec;
    struct source sources[CLI_ARGS_MAX];
};

static const char *name_of(const char *path) {
    return strcmp(path, "-") == 0 ? "standard input" : path;
}

/* What the learner would not take, or NULL. */
static const char *check(const struct decoded *e) {
    if (e->ts_ms >= TS_END) {
        return "ts is beyond the year 6429";
    }
    const struct decoded_line *line = &e->lines[0];
    if (line->quantity > NUMBER_END || line->amount > NUMBER_END || line->discount > NUMBER_END) {
        return "quantity, amount and discount must be at most 10^12";
    }
    return NULL;
}

static enum status too_many_bad(const struct reading *r, const char *path) {
    fprintf(stderr,
            "crossrec: %s: more than %" PRIu64 " bad lines: is it `ts domain user item [action "
            "quantity amount discount]`, separated by tabs? To go on all the same, type "
            "--bad-lines N\n",
            name_of(path), r->spec->bad_max);
    return ST_INVALID;
}

/* Moves a file to its next good line. */
static enum status advance(struct reading *r, size_t k) {
    struct source *s = &r->sources[k];
    const uint64_t bad = tsv_bad(s->tsv);
    const char *why = NULL;
    do {
        if (!tsv_next_line(s->tsv, &s->line)) {
            s->line = NULL;
            why = NULL;
        } else {
            why = check(&s->line->event);
        }
        if (why) {
            tsv_refuse(s->tsv, why);
        }
    } while (why);
    r->stream->bad += tsv_bad(s->tsv) - bad;
    if (r->stream->bad > r->spec->bad_max) {
        return too_many_bad(r, r->spec->paths[k]);
    }
    return s->line ? ST_OK : tsv_status(s->tsv);
}

static enum status open_all(struct reading *r) {
    for (size_t k = 0; k < r->spec->n_paths; k++) {
        char err[CONFIG_ERROR_MAX];
        enum status st = tsv_open(r->spec->paths[k], &r->sources[k].tsv, err, sizeof err);
        if (st) {
            fprintf(stderr, "crossrec: %s\n", err);
            return st;
        }
        st = advance(r, k);
        if (st) {
            return st;
        }
    }
    return ST_OK;
}

/* Index of the file whose line is next; n_paths: all are at their end. */
static size_t earliest(const struct reading *r) {
    size_t best = r->spec->n_paths;
    for (size_t k = 0; k < r->spec->n_paths; k++) {
        const struct tsv_event *line = r->sources[k].line;
        if (line &&
            (best == r->spec->n_paths || line->event.ts_ms < r->sources[best].line->event.ts_ms)) {
            best = k;
        }
    }
    return best;
}

/* ---- lines ----------------------------------------------------------------------------- */

uint32_t eval_stream_domain(const struct eval_stream *s, const char *name) {
    uint32_t d = 0;
    while (d < s->n_domains && strcmp(s->domains[d], name) != 0) {
        d++;
    }
    return d;
}

static enum status reserve(struct eval_stream *s) {
    if (s->n < s->cap) {
        return ST_OK;
    }
    const size_t cap = s->cap ? s->cap * 2 : LINES_MIN;
    struct eval_line *lines = realloc(s->lines, cap * sizeof *lines);
    if (!lines) {
        return ST_NOMEM;
    }
    s->lines = lines;
    s->cap = cap;
    return ST_OK;
}

static enum status too_many_domains(const char *path) {
    fprintf(stderr,
            "crossrec: %s: more than %d domains: is the second field the domain? If it is, type "
            "--domains A,B\n",
            name_of(path), DOMAINS_MAX);
    return ST_RANGE;
}

static enum status store(struct eval_stream *s, size_t file, const struct decoded *e,
                         uint8_t domain, bool has_action) {
    const struct decoded_line *from = &e->lines[0];
    struct eval_line line = {.ts_ms = e->ts_ms,
                             .id = hash_id(e->event_id, e->event_id_len) + file,
                             .quantity = (float)from->quantity,
                             .amount = (float)from->amount,
                             .discount = (float)from->discount,
                             .domain = domain,
                             .action = (uint8_t)(has_action ? e->action : ACTION_PURCHASE)};
    enum status st = eval_names_add(&s->users, hash_id(e->user_id, e->user_id_len), e->user_id,
                                    e->user_id_len, &line.user);
    st = st ? st
            : eval_names_add(&s->items, hash_item(s->domains[domain], from->item, from->item_len),
                             from->item, from->item_len, &line.item);
    st = st ? st : reserve(s);
    if (!st) {
        s->lines[s->n++] = line;
    }
    return st;
}

/* Adds the line that file k is at. */
static enum status add(struct reading *r, size_t k) {
    struct eval_stream *s = r->stream;
    const struct tsv_event *line = r->sources[k].line;
    const uint32_t d = eval_stream_domain(s, line->domain);
    if (d == s->n_domains) {
        if (r->spec->n_domains > 0) {
            s->left_out++;
            return ST_OK;
        }
        if (d == DOMAINS_MAX) {
            return too_many_domains(r->spec->paths[k]);
        }
        snprintf(s->domains[s->n_domains++], TSV_DOMAIN_MAX, "%s", line->domain);
    }
    return store(s, k, &line->event, (uint8_t)d, line->has_action);
}

static enum status read_lines(struct reading *r) {
    const struct eval_stream_spec *spec = r->spec;
    bool scored = spec->from.kind == EVAL_MARK_NONE;
    for (uint64_t number = 1;; number++) {
        const size_t k = earliest(r);
        const struct tsv_event *line = k < spec->n_paths ? r->sources[k].line : NULL;
        if (!line || is_reached(&spec->to, number, line->event.ts_ms)) {
            break;
        }
        if (!scored && is_reached(&spec->from, number, line->event.ts_ms)) {
            scored = true;
            r->stream->from = r->stream->n;
        }
        enum status st = add(r, k);
        st = st ? st : advance(r, k);
        if (st) {
            return st;
        }
    }
    if (!scored) {
        r->stream->from = r->stream->n;
    }
    return ST_OK;
}

/* ---- what was read ------------------------------------------------------------------------ */

/* A wanted domain that no line has is a slip. */
static enum status check_domains(const struct eval_stream *s) {
    bool found[DOMAINS_MAX] = {false};
    for (size_t i = 0; i < s->n; i++) {
        found[s->lines[i].domain] = true;
    }
    for (uint32_t d = 0; d < s->n_domains; d++) {
        if (!found[d]) {
            fprintf(stderr,
                    "crossrec: --domains: the files have no line of domain %s; to see which "
                    "domains they have, type: cut -f 2 FILE.tsv | sort | uniq -c\n",
                    s->domains[d]);
            return ST_INVALID;
        }
    }
    return ST_OK;
}

static enum status check_stream(const struct eval_stream *s) {
    if (s->n == 0 && s->n_domains == 0) {
        fprintf(stderr, "crossrec: no events were read: every line is empty, a comment, bad, or "
                        "behind --to\n");
        return ST_INVALID;
    }
    enum status st = check_domains(s);
    if (!st && s->from == s->n) {
        fprintf(stderr,
                "crossrec: --from lies behind the last line (%zu are read): nothing would "
                "be scored\n",
                s->n);
        st = ST_INVALID;
    }
    return st;
}

enum status eval_stream_read(struct eval_stream *s, const struct eval_stream_spec *spec) {
    struct reading r = {.stream = s, .spec = spec};
    if (spec->n_paths > CLI_ARGS_MAX || spec->n_domains > DOMAINS_MAX) {
        return ST_RANGE;
    }
    for (uint32_t d = 0; d < spec->n_domains; d++) {
        memcpy(s->domains[d], spec->domains[d], TSV_DOMAIN_MAX);
    }
    s->n_domains = spec->n_domains;
    enum status st = open_all(&r);
    st = st ? st : read_lines(&r);
    for (size_t k = 0; k < spec->n_paths; k++) {
        tsv_close(r.sources[k].tsv);
    }
    if (st == ST_NOMEM) {
        fprintf(stderr, "crossrec: out of memory after %zu lines; --to N takes fewer\n", s->n);
    }
    return st ? st : check_stream(s);
}

void eval_stream_free(struct eval_stream *s) {
    eval_names_free(&s->users);
    eval_names_free(&s->items);
    free(s->lines);
    *s = (struct eval_stream){0};
}
