/* SPDX-License-Identifier: Apache-2.0
 * restore_window.c -- see restore_window.h. */
#include "restore_window.h"

#include <stdlib.h>
#include <string.h>

#include "learner_log.h"
#include "pack.h"
#include "ports.h"
#include "user_record.h"

enum { CHUNK = 128, CHUNKS = WINDOW_RECORDS / CHUNK, ALIGN = 8 };

struct window {
    const struct learner *learner;
    struct hands *crew;
    size_t n;
    struct opened records[WINDOW_RECORDS];
    struct pack blocks[CHUNKS]; /* users of a chunk, one behind the other */
    struct pack copies;         /* keys, each with its value behind it    */
};

enum status window_new(const struct learner *learner, struct hands *crew, struct window **out) {
    struct window *w = calloc(1, sizeof *w);
    if (!w) {
        return ST_NOMEM;
    }
    w->learner = learner;
    w->crew = crew;
    *out = w;
    return ST_OK;
}

void window_free(struct window *w) {
    if (!w) {
        return;
    }
    for (size_t k = 0; k < CHUNKS; k++) {
        free(w->blocks[k].bytes);
    }
    free(w->copies.bytes);
    free(w);
}

struct opened *window_add(struct window *w) {
    if (w->n == WINDOW_RECORDS) {
        return NULL;
    }
    struct opened *o = &w->records[w->n++];
    *o = (struct opened){.offset = -1};
    return o;
}

struct opened *window_add_copy(struct window *w, const struct record *rec) {
    if (w->n == WINDOW_RECORDS || !pack_reserve(&w->copies, rec->key_len + rec->value_len + 1)) {
        w->copies.failed = false;
        return NULL;
    }
    struct opened *o = window_add(w);
    o->key_len = rec->key_len;
    o->value_len = rec->value_len;
    o->offset = rec->offset;
    o->partition = rec->partition;
    o->copied = true;
    o->tombstone = !rec->value;
    uint8_t *to = w->copies.bytes + w->copies.len;
    if (rec->key_len > 0) {
        memcpy(to, rec->key, rec->key_len);
    }
    if (rec->value) {
        memcpy(to + rec->key_len, rec->value, rec->value_len);
    }
    w->copies.len += rec->key_len + rec->value_len;
    return o;
}

/* Where the copies are, now that they move no more. */
static void point_at_copies(struct window *w) {
    const uint8_t *at = w->copies.bytes;
    for (size_t k = 0; k < w->n; k++) {
        struct opened *o = &w->records[k];
        if (o->copied) {
            o->key = at;
            o->value = o->tombstone ? NULL : at + o->key_len;
            at += o->key_len + o->value_len;
        }
    }
}

/* Key and envelope. */
static enum status open_one(struct opened *o) {
    enum state_kind kind = STATE_USER;
    enum status st = state_key_parse(o->key, o->key_len, &o->what);
    if (st || !o->value) {
        return st;
    }
    st = state_record_open(o->value, o->value_len, &kind, &o->body, &o->body_len);
    return st ? st : kind == o->what.kind ? ST_OK : ST_INVALID;
}

/* Puts the user behind the others; *at: where. */
static enum status decode_one(const struct window *w, struct opened *o, struct pack *blocks,
                              size_t *at) {
    if (!pack_reserve(blocks, user_record_room())) {
        blocks->failed = false;
        return ST_NOMEM;
    }
    void *room = blocks->bytes + blocks->len;
    enum status st =
        learner_read_user(w->learner, o->what.user, o->body, o->body_len, room, &o->voted_in);
    *at = blocks->len;
    if (!st) {
        blocks->len += (user_bytes(room) + ALIGN - 1) / ALIGN * ALIGN;
    }
    return st;
}

static void open_chunk(void *ctx, size_t chunk) {
    struct window *w = ctx;
    struct pack *blocks = &w->blocks[chunk];
    size_t at[CHUNK];
    const size_t first = chunk * CHUNK;
    const size_t n = w->n - first < CHUNK ? w->n - first : (size_t)CHUNK;
    for (size_t k = 0; k < n; k++) {
        struct opened *o = &w->records[first + k];
        at[k] = SIZE_MAX;
        o->status = open_one(o);
        if (!o->status && o->body && o->what.kind == STATE_USER) {
            o->status = decode_one(w, o, blocks, &at[k]);
            at[k] = o->status ? SIZE_MAX : at[k];
        }
    }
    for (size_t k = 0; k < n; k++) { /* now that they move no more */
        w->records[first + k].user = at[k] == SIZE_MAX ? NULL : (void *)(blocks->bytes + at[k]);
    }
}

void window_open(struct window *w) {
    point_at_copies(w);
    hands_start(w->crew, open_chunk, w, (w->n + CHUNK - 1) / CHUNK);
}

size_t window_n(const struct window *w) {
    return w->n;
}

const struct opened *window_at(const struct window *w, size_t k) {
    return &w->records[k];
}

void window_clear(struct window *w) {
    for (size_t k = 0; k < CHUNKS; k++) {
        w->blocks[k].len = 0;
    }
    w->copies.len = 0;
    w->n = 0;
}
