/* SPDX-License-Identifier: Apache-2.0
 * eval_catalogue.c -- see eval_catalogue.h. */
#include "eval_catalogue.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "hash.h"
#include "lines.h"

enum { COLUMNS_MAX = 48, COLUMN_NAME_MAX = 64, NUMBER_MAX = 63, NO_COLUMN = COLUMNS_MAX };

struct columns {
    char names[COLUMNS_MAX][COLUMN_NAME_MAX];
    size_t n;
    size_t domain, item, name, category, price; /* NO_COLUMN: there is none */
};

struct reading {
    const struct eval_stream *stream;
    struct learner *learner;
    struct eval_catalogue *out;
    struct lines *lines;
    struct line line;
    struct columns columns;
    const char *category; /* as asked for */
};

/* ---- columns ----------------------------------------------------------------------------- */

static size_t find_column(const struct columns *c, const char *name) {
    for (size_t k = 0; k < c->n; k++) {
        if (strcmp(c->names[k], name) == 0) {
            return k;
        }
    }
    return NO_COLUMN;
}

static void default_columns(struct columns *c) {
    static const char *const names[] = {"domain", "item", "name", "category"};
    c->n = sizeof names / sizeof *names;
    for (size_t k = 0; k < c->n; k++) {
        snprintf(c->names[k], sizeof c->names[k], "%s", names[k]);
    }
}

/* Of the first line; false if it has no names. */
static bool read_names(struct columns *c, const struct line *line) {
    struct field f[COLUMNS_MAX];
    if (line->len < 2 || line->text[0] != '#' || !memchr(line->text, '\t', line->len)) {
        return false;
    }
    const size_t n = lines_split(line, f, COLUMNS_MAX);
    c->n = n < COLUMNS_MAX ? n : COLUMNS_MAX;
    f[0].p++;
    f[0].len--;
    for (size_t k = 0; k < c->n; k++) {
        while (f[k].len && *f[k].p == ' ') { /* "# domain" */
            f[k].p++;
            f[k].len--;
        }
        const size_t len = f[k].len < COLUMN_NAME_MAX ? f[k].len : COLUMN_NAME_MAX - 1;
        memcpy(c->names[k], f[k].p, len);
        c->names[k][len] = '\0';
    }
    return true;
}

static enum status no_column(const struct reading *r, const char *name, bool asked_for) {
    const struct columns *c = &r->columns;
    fprintf(stderr, "crossrec: %s has no column %s; it has:", lines_name(r->lines), name);
    for (size_t k = 0; k < c->n; k++) {
        fprintf(stderr, "%s %s", k ? "," : "", c->names[k]);
    }
    fprintf(stderr, asked_for ? "; type --category NAME\n"
                              : "; its first line must be like: #domain item name category, "
                                "separated by tabs\n");
    return ST_INVALID;
}

static enum status settle_columns(struct reading *r) {
    struct columns *c = &r->columns;
    c->domain = find_column(c, "domain");
    c->item = find_column(c, "item");
    c->name = find_column(c, "name");
    c->price = find_column(c, "price");
    c->category = find_column(c, r->category);
    if (c->domain == NO_COLUMN || c->item == NO_COLUMN) {
        return no_column(r, c->domain == NO_COLUMN ? "domain" : "item", false);
    }
    return c->category == NO_COLUMN ? no_column(r, r->category, true) : ST_OK;
}

/* ---- rows -------------------------------------------------------------------------------- */

static bool read_price(struct field f, float *out) {
    char text[NUMBER_MAX + 1];
    char *end = NULL;
    *out = NAN;
    if (f.len == 0) {
        return true;
    }
    if (f.len > NUMBER_MAX) {
        return false;
    }
    memcpy(text, f.p, f.len);
    text[f.len] = '\0';
    const double x = strtod(text, &end);
    *out = (float)x;
    return end != text && !*end && x >= 0.0 && x <= 1e12;
}

/* Teaches what the fields say, of a domain of the stream. */
static enum status teach(struct reading *r, const struct field *f, uint32_t domain, float price) {
    const struct columns *c = &r->columns;
    const char *name = r->stream->domains[domain];
    uint64_t attributes[CONTENT_ATTRIBUTES];
    uint32_t n = 0;
    for (size_t k = 0; k < c->n && n < CONTENT_ATTRIBUTES; k++) {
        const bool other =
            k != c->domain && k != c->item && k != c->name && k != c->price && k != c->category;
        if (other && f[k].len) {
            attributes[n++] =
                hash_attribute(name, c->names[k], strlen(c->names[k]), f[k].p, f[k].len);
        }
    }
    const struct field id = f[c->item];
    const struct field category = f[c->category];
    const size_t shown = category.len < ID_LEN_MAX ? category.len : ID_LEN_MAX;
    const struct content_row row = {
        .item = hash_item(name, id.p, id.len),
        .id = id.p,
        .id_len = (uint16_t)id.len,
        .domain = (uint8_t)domain,
        .available = true,
        .price = price,
        .category = category.len ? hash_category(name, category.p, category.len) : 0,
        .category_name = category.p,
        .category_name_len = (uint16_t)shown,
        .attributes = attributes,
        .n_attributes = n};
    struct content_change change;
    return learner_item(r->learner, &row, &change);
}

static enum status complain(struct reading *r, const char *why) {
    if (++r->out->bad <= TSV_BAD_SHOWN) {
        fprintf(stderr, "%s:%" PRIu64 ": %s\n", lines_name(r->lines), r->line.number, why);
    }
    if (r->out->bad == TSV_BAD_SHOWN) {
        fprintf(stderr, "%s: further bad lines are counted only\n", lines_name(r->lines));
    }
    return ST_OK;
}

static enum status take_row(struct reading *r) {
    const struct columns *c = &r->columns;
    struct field f[COLUMNS_MAX] = {{0}};
    char domain[TSV_DOMAIN_MAX] = "";
    float price = NAN;
    const size_t n = lines_split(&r->line, f, COLUMNS_MAX);
    if (r->line.cut || n > c->n) {
        return complain(r, r->line.cut ? "the line is too long" : "more fields than columns");
    }
    for (size_t k = n; k < c->n; k++) { /* what is missing at the end is empty */
        f[k] = (struct field){"", 0};
    }
    const struct field of = f[c->domain];
    const struct field id = f[c->item];
    if (of.len < 1 || of.len >= TSV_DOMAIN_MAX || id.len < 1 || id.len > ID_LEN_MAX) {
        return complain(r, "domain must have 1 to 63 bytes, item 1 to 255");
    }
    if (c->price != NO_COLUMN && !read_price(f[c->price], &price)) {
        return complain(r, "price must be a number from 0 to 10^12");
    }
    memcpy(domain, of.p, of.len);
    const uint32_t d = eval_stream_domain(r->stream, domain);
    if (d == r->stream->n_domains) {
        r->out->left_out++;
        return ST_OK;
    }
    r->out->rows++;
    return teach(r, f, d, price);
}

static enum status too_many_bad(const struct reading *r, uint64_t bad_max) {
    fprintf(stderr,
            "crossrec: %s: more than %" PRIu64 " bad lines; to go on all the same, type "
            "--bad-lines N\n",
            lines_name(r->lines), bad_max);
    return ST_INVALID;
}

static enum status read_rows(struct reading *r, uint64_t bad_max) {
    enum status st = ST_OK;
    bool first = true;
    while (!st && lines_next(r->lines, &r->line)) {
        if (first) {
            first = false;
            const bool names = read_names(&r->columns, &r->line);
            if (!names) {
                default_columns(&r->columns);
            }
            st = settle_columns(r);
        }
        if (!st && r->line.len > 0 && r->line.text[0] != '#') {
            st = take_row(r);
        }
        if (!st && r->out->bad > bad_max) {
            st = too_many_bad(r, bad_max);
        }
    }
    return st ? st : lines_status(r->lines);
}

enum status eval_catalogue_teach(const char *path, const char *category, uint64_t bad_max,
                                 const struct eval_stream *stream, struct learner *learner,
                                 struct eval_catalogue *out) {
    struct reading r = {.stream = stream, .learner = learner, .out = out, .category = category};
    char err[CONFIG_ERROR_MAX];
    *out = (struct eval_catalogue){0};
    enum status st = lines_open(path, &r.lines, err, sizeof err);
    if (st) {
        fprintf(stderr, "crossrec: %s\n", err);
        return st;
    }
    st = read_rows(&r, bad_max);
    lines_close(r.lines);
    if (st == ST_NOMEM) {
        fprintf(stderr, "crossrec: %s: out of memory\n", path);
    }
    return st;
}
