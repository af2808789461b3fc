/* SPDX-License-Identifier: Apache-2.0
 * restore_tail.c -- see restore_tail.h. */
#include "restore_tail.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "pack.h"

enum { GONE = UINT32_MAX >> 1 };

struct head { /* in front of key and value */
    uint32_t key_len;
    uint32_t value_len; /* GONE: a tombstone */
};

struct tail {
    struct pack bytes; /* head, key, value, ... */
    size_t n;
};

struct view {
    const uint8_t *key, *value; /* value NULL: a tombstone */
    size_t key_len, value_len;
};

enum status tail_new(struct tail **out) {
    *out = calloc(1, sizeof **out);
    return *out ? ST_OK : ST_NOMEM;
}

void tail_free(struct tail *t) {
    if (t) {
        free(t->bytes.bytes);
        free(t);
    }
}

enum status tail_put(struct tail *t, const void *key, size_t key_len, const void *value,
                     size_t value_len) {
    const size_t size = sizeof(struct head) + key_len + value_len;
    if (size > TAIL_MAX || t->bytes.len > TAIL_MAX - size) {
        return ST_RANGE;
    }
    const struct head head = {(uint32_t)key_len, value ? (uint32_t)value_len : (uint32_t)GONE};
    pack_raw(&t->bytes, &head, sizeof head);
    pack_raw(&t->bytes, key, key_len);
    pack_raw(&t->bytes, value, value ? value_len : 0);
    t->n++;
    return t->bytes.failed ? ST_NOMEM : ST_OK;
}

static struct view view_of(const uint8_t *at) {
    struct head head;
    memcpy(&head, at, sizeof head);
    const uint8_t *key = at + sizeof head;
    const bool gone = head.value_len == GONE;
    return (struct view){.key = key,
                         .key_len = head.key_len,
                         .value = gone ? NULL : key + head.key_len,
                         .value_len = gone ? 0 : head.value_len};
}

static int by_key(struct view a, struct view b) {
    const int order = memcmp(a.key, b.key, a.key_len < b.key_len ? a.key_len : b.key_len);
    return order ? order : (a.key_len > b.key_len) - (a.key_len < b.key_len);
}

/* By key, then as they came: where one lies says when it came. */
static int compare(const void *a, const void *b) {
    const uint8_t *const *x = a;
    const uint8_t *const *y = b;
    const int order = by_key(view_of(*x), view_of(*y));
    return order ? order : (*x > *y) - (*x < *y);
}

static const uint8_t **sorted(const struct tail *t) {
    const uint8_t **at = calloc(t->n + 1, sizeof *at);
    const uint8_t *next = t->bytes.bytes;
    for (size_t k = 0; at && k < t->n; k++) {
        const struct view v = view_of(next);
        at[k] = next;
        next = v.key + v.key_len + v.value_len;
    }
    if (at && t->n > 0) {
        qsort(at, t->n, sizeof *at, compare);
    }
    return at;
}

enum status tail_write(const struct tail *t, struct checkpoint *k,
                       const struct checkpoint_mark *mark) {
    const uint8_t **at = sorted(t);
    enum status st = at ? checkpoint_begin(k) : ST_NOMEM;
    for (size_t i = 0; i < t->n && !st; i++) {
        const struct view v = view_of(at[i]);
        if (i + 1 < t->n && by_key(v, view_of(at[i + 1])) == 0) {
            continue; /* a newer one comes */
        }
        st = v.value ? checkpoint_put(k, v.key, v.key_len, v.value, v.value_len)
                     : checkpoint_del(k, v.key, v.key_len);
    }
    st = st ? st : checkpoint_commit(k, mark);
    free(at);
    return st;
}
