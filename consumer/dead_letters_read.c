/* SPDX-License-Identifier: Apache-2.0
 * dead_letters_read.c -- see dead_letters_read.h. */
#include "dead_letters_read.h"
#include "clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BATCH = 256, WAIT_MS = 200, SILENCE_MS = 60000 };

static enum status tell_silence(struct dead_letters *d, char *err) {
    char why[CONFIG_VALUE_MAX] = "a transaction is open, or brokers are away; type crossrec check";
    (void)kafka_reader_problem(d->reader, why, sizeof why); /* knows more, or leaves it */
    snprintf(err, CONFIG_ERROR_MAX, "topic %s: nothing came for %d s before its end: %s",
             d->cfg->dead_letters, SILENCE_MS / 1000, why);
    return ST_IO;
}

/* Calls `take` with each record until the end, an error, or ST_NOT_FOUND: enough. */
static enum status read_all(struct dead_letters *d,
                            enum status (*take)(struct dead_letters *d, struct dead_record *r,
                                                void *ctx),
                            void *ctx, char *err) {
    struct record records[BATCH];
    struct header headers[DEAD_HEADERS_MAX];
    int64_t since_ms = clock_mono_ms();
    do {
        const size_t n = kafka_reader_poll(d->reader, records, BATCH, WAIT_MS);
        for (size_t k = 0; k < n; k++) {
            struct dead_record r = {.record = &records[k], .headers = headers};
            r.place = (struct place){records[k].partition, records[k].offset};
            r.n_headers = kafka_reader_headers(d->reader, k, headers, DEAD_HEADERS_MAX);
            r.kind = dead_letter_read(headers, r.n_headers, &r.letter);
            enum status st = take(d, &r, ctx);
            if (st) {
                return st == ST_NOT_FOUND ? ST_OK : st;
            }
        }
        since_ms = n ? clock_mono_ms() : since_ms;
        if (clock_mono_ms() - since_ms > SILENCE_MS) {
            return tell_silence(d, err);
        }
    } while (!kafka_reader_complete(d->reader));
    return ST_OK;
}

/* ---- the first reading ------------------------------------------------------------------- */

static enum status set_end(struct dead_letters *d, struct place place) {
    const size_t p = (size_t)place.partition;
    if (p >= d->n_ends) {
        int64_t *ends = realloc(d->ends, (p + 1) * sizeof *ends);
        if (!ends) {
            return ST_NOMEM;
        }
        d->ends = ends;
        while (d->n_ends <= p) {
            d->ends[d->n_ends++] = 0;
        }
    }
    d->ends[p] = place.offset + 1;
    return ST_OK;
}

static enum status take_mark(struct dead_letters *d, struct dead_record *r, void *ctx) {
    const struct dead_filter *filter = ctx;
    enum status st = set_end(d, r->place);
    d->letters += r->kind == DEAD_LETTER;
    d->foreign += r->kind == DEAD_FOREIGN;
    d->marks += r->kind == DEAD_MARK;
    d->taken +=
        r->kind == DEAD_LETTER && dead_filter_takes(filter, &r->letter, r->record->timestamp_ms);
    return !st && r->kind == DEAD_MARK ? places_add(&d->redriven, r->letter.redriven) : st;
}

enum status dead_letters_open(struct dead_letters *d, const struct config *cfg,
                              const struct dead_filter *filter, char *err) {
    const char *name = cfg->dead_letters;
    struct dead_filter own = *filter;
    *d = (struct dead_letters){.cfg = cfg};
    enum status st = kafka_reader_new(cfg, &name, 1, &d->reader, err);
    return st ? st : read_all(d, take_mark, &own, err);
}

void dead_letters_close(struct dead_letters *d) {
    kafka_reader_free(d->reader);
    places_free(&d->redriven);
    free(d->ends);
    *d = (struct dead_letters){0};
}

/* ---- the second -------------------------------------------------------------------------- */

struct hand {
    bool (*each)(void *ctx, const struct dead_record *r);
    void *ctx;
};

static enum status take_letter(struct dead_letters *d, struct dead_record *r, void *ctx) {
    const struct hand *hand = ctx;
    const size_t p = (size_t)r->place.partition;
    if (r->kind == DEAD_MARK || p >= d->n_ends || r->place.offset >= d->ends[p]) {
        return ST_OK;
    }
    r->redriven = places_has(&d->redriven, r->place);
    return hand->each(hand->ctx, r) ? ST_OK : ST_NOT_FOUND;
}

enum status dead_letters_each(struct dead_letters *d,
                              bool (*each)(void *ctx, const struct dead_record *r), void *ctx,
                              char *err) {
    struct hand hand = {each, ctx};
    if (d->letters + d->foreign == 0) {
        return ST_OK;
    }
    kafka_reader_restart(d->reader);
    return read_all(d, take_letter, &hand, err);
}
