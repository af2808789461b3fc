/* SPDX-License-Identifier: Apache-2.0
 * dead_letters_print.c -- see dead_letters_print.h. */
#include "dead_letters_print.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { HEX_BYTES = 16 };

/* ---- tally ------------------------------------------------------------------------------- */

static struct tally_row *row_of(struct tally *t, const char *topic, const char *reason) {
    for (size_t k = 0; k < t->n; k++) {
        if (strcmp(t->rows[k].topic, topic) == 0 && strcmp(t->rows[k].reason, reason) == 0) {
            return &t->rows[k];
        }
    }
    if (t->n == TALLY_ROWS) {
        return NULL;
    }
    struct tally_row *row = &t->rows[t->n++];
    *row = (struct tally_row){.letters = 0};
    snprintf(row->topic, sizeof row->topic, "%s", topic);
    snprintf(row->reason, sizeof row->reason, "%s", reason);
    return row;
}

void tally_add(struct tally *t, const struct dead_record *r) {
    char reason[TALLY_REASON_MAX];
    const size_t len = r->letter.reason_len;
    snprintf(reason, sizeof reason, "%.*s", (int)(len < sizeof reason ? len : sizeof reason - 1),
             r->letter.reason);
    struct tally_row *row = row_of(t, r->letter.topic, reason);
    if (!row) {
        t->others++;
        return;
    }
    row->letters++;
    row->redriven += r->redriven;
}

static int by_letters(const void *a, const void *b) {
    const struct tally_row *x = a;
    const struct tally_row *y = b;
    if (x->letters != y->letters) {
        return x->letters < y->letters ? 1 : -1;
    }
    const int order = strcmp(x->topic, y->topic);
    return order ? order : strcmp(x->reason, y->reason);
}

void tally_print(struct tally *t, FILE *out) {
    qsort(t->rows, t->n, sizeof t->rows[0], by_letters);
    for (size_t k = 0; k < t->n; k++) {
        const struct tally_row *row = &t->rows[k];
        fprintf(out, "%10" PRIu64 " letters  %10" PRIu64 " redriven  ", row->letters,
                row->redriven);
        dead_print_text(out, row->topic, strlen(row->topic));
        fputs("  ", out);
        dead_print_text(out, row->reason, strlen(row->reason));
        fputc('\n', out);
    }
    if (t->others > 0) {
        fprintf(out, "%10" PRIu64 " letters of other topics and reasons\n", t->others);
    }
}

/* ---- letters ----------------------------------------------------------------------------- */

static int printable(unsigned char c) {
    return c >= 0x20 && c < 0x7f;
}

void dead_print_text(FILE *out, const char *text, size_t len) {
    for (size_t k = 0; k < len; k++) {
        fputc(printable((unsigned char)text[k]) ? text[k] : '?', out);
    }
}

static const char *state_of(const struct dead_record *r) {
    if (r->redriven) {
        return "redriven";
    }
    return r->letter.truncated ? "truncated" : "-";
}

void dead_print_line(FILE *out, const struct dead_record *r) {
    char when[DEAD_TIME_MAX];
    const struct dead_letter *l = &r->letter;
    fprintf(out, "%" PRId32 ":%" PRId64 "\t%s\t", r->place.partition, r->place.offset,
            dead_time_text(r->record->timestamp_ms, when));
    dead_print_text(out, l->topic, strlen(l->topic));
    fprintf(out, "/%" PRId32 "/%" PRId64 "\t", l->partition, l->offset);
    dead_print_text(out, l->reason, l->reason_len);
    fprintf(out, "\t%s\t", state_of(r));
    dead_print_text(out, l->detail, l->detail_len);
    fputc('\n', out);
}

static void print_hex(FILE *out, const unsigned char *bytes, size_t len) {
    for (size_t at = 0; at < len; at += HEX_BYTES) {
        const size_t n = len - at < HEX_BYTES ? len - at : HEX_BYTES;
        fprintf(out, "  %06zx ", at);
        for (size_t k = 0; k < HEX_BYTES; k++) {
            fprintf(out, k == HEX_BYTES / 2 ? "  " : " ");
            if (k < n) {
                fprintf(out, "%02x", bytes[at + k]);
            } else {
                fputs("  ", out);
            }
        }
        fputs("  ", out);
        for (size_t k = 0; k < n; k++) {
            fputc(printable(bytes[at + k]) ? bytes[at + k] : '.', out);
        }
        fputc('\n', out);
    }
}

static void print_bytes(FILE *out, const char *what, const void *bytes, size_t len) {
    if (!bytes) {
        fprintf(out, "%s: none\n", what);
        return;
    }
    fprintf(out, "%s: %zu bytes\n", what, len);
    print_hex(out, bytes, len);
}

void dead_print_letter(FILE *out, const struct dead_record *r) {
    char when[DEAD_TIME_MAX];
    fprintf(out, "letter: %" PRId32 ":%" PRId64 "%s\n", r->place.partition, r->place.offset,
            r->kind == DEAD_LETTER ? "" : " (no letter of crossrec)");
    fprintf(out, "written: %s\n", dead_time_text(r->record->timestamp_ms, when));
    fprintf(out, "redriven: %s\n", r->redriven ? "yes" : "no");
    if (r->kind == DEAD_LETTER) {
        fprintf(out, "record of: %s\n", dead_time_text(r->letter.timestamp_ms, when));
    }
    for (size_t k = 0; k < r->n_headers; k++) {
        fputs("header ", out);
        dead_print_text(out, r->headers[k].name, strlen(r->headers[k].name));
        fputs(": ", out);
        dead_print_text(out, r->headers[k].value, r->headers[k].value ? r->headers[k].len : 0);
        fputc('\n', out);
    }
    print_bytes(out, "key", r->record->key, r->record->key_len);
    print_bytes(out, "value", r->record->value, r->record->value_len);
}
