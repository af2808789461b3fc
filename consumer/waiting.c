/* SPDX-License-Identifier: Apache-2.0
 * waiting.c -- see waiting.h. */
#include "waiting.h"

#include <stdlib.h>
#include <string.h>

/* A record, its key, its value; the next one is aligned. */
static size_t size_of(const struct record *r) {
    return (sizeof *r + r->key_len + r->value_len + 15) / 16 * 16;
}

static enum status make_room(struct waiting *w, size_t size) {
    if (size <= w->cap - w->len) {
        return ST_OK;
    }
    size_t cap = w->cap ? w->cap : 4096;
    while (size > cap - w->len) {
        cap *= 2;
    }
    char *bytes = realloc(w->bytes, cap);
    if (!bytes) {
        return ST_NOMEM;
    }
    w->bytes = bytes;
    w->cap = cap;
    return ST_OK;
}

enum status waiting_push(struct waiting *w, const struct record *r) {
    const size_t size = size_of(r);
    enum status st = make_room(w, size);
    if (st) {
        return st;
    }
    char *p = w->bytes + w->len;
    memcpy(p, r, sizeof *r); /* its pointers are set when it is read */
    if (r->key) {
        memcpy(p + sizeof *r, r->key, r->key_len);
    }
    if (r->value) {
        memcpy(p + sizeof *r + r->key_len, r->value, r->value_len);
    }
    w->len += size;
    w->n++;
    return ST_OK;
}

bool waiting_first(const struct waiting *w, struct record *out) {
    if (w->n == 0) {
        return false;
    }
    const char *p = w->bytes + w->at;
    memcpy(out, p, sizeof *out);
    out->key = out->key ? p + sizeof *out : NULL;
    out->value = out->value ? p + sizeof *out + out->key_len : NULL;
    return true;
}

void waiting_pop(struct waiting *w) {
    struct record r;
    if (!waiting_first(w, &r)) {
        return;
    }
    w->at += size_of(&r);
    if (--w->n == 0) {
        w->at = w->len = 0;
    }
}

void waiting_free(struct waiting *w) {
    free(w->bytes);
    *w = (struct waiting){0};
}
