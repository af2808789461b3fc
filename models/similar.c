/* SPDX-License-Identifier: Apache-2.0
 *
 * similar.c -- see similar.h.
 */
#include "similar.h"

#include <stdlib.h>
#include <string.h>

enum {
    KEPT_ONE = 127,    /* 1 in a vector that is kept                                      */
    ASKED_ONE = 32767, /* 1 in the one asked for: as cheap in 16 bits, and half the error */
    DOT_ONE = KEPT_ONE * ASKED_ONE,
    BLOCK = 64, /* slots whose products are computed before any is looked at       */
};

struct row {
    int8_t x[FACTORS]; /* all 0: not set, which no rounded unit vector is */
};

struct similar {
    struct row *rows; /* (cap,), of which n have been written */
    size_t n, cap;
};

struct best { /* the largest products so far, largest first */
    uint32_t n, max;
    int32_t dot[SIMILAR_MAX];
    uint32_t slot[SIMILAR_MAX];
};

enum status similar_new(struct similar **out) {
    struct similar *s = calloc(1, sizeof *s);
    if (!s) {
        return ST_NOMEM;
    }
    *out = s;
    return ST_OK;
}

void similar_free(struct similar *s) {
    if (!s) {
        return;
    }
    free(s->rows);
    free(s);
}

/* one * x, rounded, ties away from zero; within +-one, whatever x is. */
static int32_t rounded(float x, int one) {
    const float y = x * (float)one;
    if (!(y < (float)one)) {
        return y >= (float)one ? one : 0;
    }
    return y > -(float)one ? (int32_t)(y < 0.0F ? y - 0.5F : y + 0.5F) : -one;
}

/* Rows 0..n-1 exist; what is new is not set. */
static enum status grow(struct similar *s, size_t n) {
    if (n > s->cap) {
        const size_t cap = n > 2 * s->cap ? n : 2 * s->cap;
        struct row *rows = realloc(s->rows, cap * sizeof *rows);
        if (!rows) {
            return ST_NOMEM;
        }
        s->rows = rows;
        s->cap = cap;
    }
    if (n > s->n) {
        memset(s->rows + s->n, 0, (n - s->n) * sizeof *s->rows);
        s->n = n;
    }
    return ST_OK;
}

enum status similar_set(struct similar *s, uint32_t slot, const float p[FACTORS]) {
    enum status st = grow(s, (size_t)slot + 1);
    if (st) {
        return st;
    }
    for (int k = 0; k < FACTORS; k++) {
        s->rows[slot].x[k] = (int8_t)rounded(p[k], KEPT_ONE);
    }
    return ST_OK;
}

void similar_unset(struct similar *s, uint32_t slot) {
    if (slot < s->n) {
        memset(&s->rows[slot], 0, sizeof s->rows[slot]);
    }
}

/* Products of rows with q. No overflow: 32 of at most 2^7 2^15. */
static void products(const struct row *rows, size_t n, const int16_t q[FACTORS], int32_t *dot) {
    for (size_t i = 0; i < n; i++) {
        int32_t sum = 0;
        for (int k = 0; k < FACTORS; k++) {
            sum += (int16_t)rows[i].x[k] * q[k];
        }
        dot[i] = sum;
    }
}

/* Slots come in ascending order: an equal one stays behind those that are there. */
static void keep(struct best *b, int32_t dot, uint32_t slot) {
    uint32_t k = b->n < b->max ? b->n++ : b->max - 1;
    for (; k > 0 && b->dot[k - 1] < dot; k--) {
        b->dot[k] = b->dot[k - 1];
        b->slot[k] = b->slot[k - 1];
    }
    b->dot[k] = dot;
    b->slot[k] = slot;
}

/* Keeps those of n slots from `from` on that belong to the best. Most do not: one comparison. */
static void look(struct best *b, const int32_t *dot, size_t n, size_t from, uint32_t except) {
    int32_t least = b->n == b->max ? b->dot[b->max - 1] : 0;
    for (size_t i = 0; i < n; i++) {
        if (dot[i] > least && from + i != except) {
            keep(b, dot[i] < DOT_ONE ? dot[i] : DOT_ONE, (uint32_t)(from + i));
            least = b->n == b->max ? b->dot[b->max - 1] : 0;
        }
    }
}

uint32_t similar_find(const struct similar *s, const float p[FACTORS], uint32_t except, uint32_t n,
                      struct similar_user *out) {
    struct best b = {.max = n < SIMILAR_MAX ? n : SIMILAR_MAX};
    int16_t q[FACTORS];
    for (int k = 0; k < FACTORS; k++) {
        q[k] = (int16_t)rounded(p[k], ASKED_ONE);
    }
    for (size_t from = 0; b.max > 0 && from < s->n; from += BLOCK) {
        int32_t dot[BLOCK];
        const size_t here = s->n - from < BLOCK ? s->n - from : BLOCK;
        products(s->rows + from, here, q, dot);
        look(&b, dot, here, from, except);
    }
    for (uint32_t k = 0; k < b.n; k++) {
        out[k] = (struct similar_user){b.slot[k], (float)b.dot[k] / (float)DOT_ONE};
    }
    return b.n;
}

size_t similar_bytes(const struct similar *s) {
    return sizeof *s + s->cap * sizeof *s->rows;
}
