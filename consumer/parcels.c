/* SPDX-License-Identifier: Apache-2.0
 * parcels.c -- see parcels.h. */
#include "parcels.h"

#include <stdlib.h>
#include <string.h>

enum { ROOM_FIRST = 4096 };

struct head {
    size_t key_len, value_len;
    int32_t partition;
    uint8_t kind;
    bool has_key, has_value;
};

static enum status reserve(struct parcels *p, size_t more) {
    if (p->cap - p->len >= more) {
        return ST_OK;
    }
    size_t cap = p->cap ? 2 * p->cap : ROOM_FIRST;
    while (cap - p->len < more) {
        cap *= 2;
    }
    char *bytes = realloc(p->bytes, cap);
    if (!bytes) {
        return ST_NOMEM;
    }
    p->bytes = bytes;
    p->cap = cap;
    return ST_OK;
}

static void append(struct parcels *p, const void *data, size_t len) {
    if (data && len > 0) {
        memcpy(p->bytes + p->len, data, len);
        p->len += len;
    }
}

enum status parcels_add(struct parcels *p, const struct parcel *parcel) {
    const struct head h = {.key_len = parcel->key_len,
                           .value_len = parcel->value_len,
                           .partition = parcel->partition,
                           .kind = (uint8_t)parcel->kind,
                           .has_key = parcel->key != NULL,
                           .has_value = parcel->value != NULL};
    enum status st = reserve(p, sizeof h + h.key_len + h.value_len);
    if (st) {
        return st;
    }
    append(p, &h, sizeof h);
    append(p, parcel->key, h.key_len);
    append(p, parcel->value, h.value_len);
    p->n++;
    p->n_of[parcel->kind]++;
    return ST_OK;
}

bool parcels_next(const struct parcels *p, size_t *at, struct parcel *out) {
    if (*at >= p->len) {
        return false;
    }
    struct head h;
    const char *b = p->bytes + *at;
    memcpy(&h, b, sizeof h);
    b += sizeof h;
    *out = (struct parcel){.key = h.has_key ? b : NULL,
                           .value = h.has_value ? b + h.key_len : NULL,
                           .key_len = h.key_len,
                           .value_len = h.value_len,
                           .partition = h.partition,
                           .kind = (enum parcel_kind)h.kind};
    *at += sizeof h + h.key_len + h.value_len;
    return true;
}

void parcels_clear(struct parcels *p) {
    *p = (struct parcels){.bytes = p->bytes, .cap = p->cap};
}

void parcels_free(struct parcels *p) {
    free(p->bytes);
    *p = (struct parcels){0};
}
