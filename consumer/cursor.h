/* SPDX-License-Identifier: Apache-2.0
 *
 * cursor.h -- Avro's primitive values, read from bytes one after the other (Avro 1.11
 * specification, "Binary Encoding").
 *
 * Every length is compared with what remains before the cursor moves. On an error *out has
 * unspecified contents and the cursor may stand anywhere in its bytes.
 *
 * All is inlined, so that a cursor on the stack lives in registers: whoever hands its address
 * to a function that is not pays for it.
 *
 * Ownership: plain values; texts are views into the bytes, of which there are UINT32_MAX at most.
 */
#ifndef CURSOR_H
#define CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "decode.h"

#define CURSOR_INLINE static inline __attribute__((always_inline))

struct cursor {
    const uint8_t *p;
    const uint8_t *end;
};

CURSOR_INLINE size_t cursor_remaining(const struct cursor *c) {
    return (size_t)(c->end - c->p);
}

/* The lowest byte first, as float and double are written. No loops: gcc -O2 makes one load of an
 * expression, not of a loop. */
CURSOR_INLINE uint32_t cursor_little_32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

CURSOR_INLINE uint64_t cursor_little_64(const uint8_t *p) {
    return (uint64_t)cursor_little_32(p) | (uint64_t)cursor_little_32(p + 4) << 32;
}

/* A varint of up to 8 bytes, of 8 that are there. False: it is longer. */
CURSOR_INLINE bool cursor_short_varint(const uint8_t **at, uint64_t *out) {
    uint64_t x = cursor_little_64(*at);
    const uint64_t last = ~x & 0x8080808080808080; /* the lowest bit set: in the last byte */
    if (!last) {
        return false;
    }
    *at += __builtin_ctzll(last) / 8 + 1;
    x &= (last ^ (last - 1)) & 0x7f7f7f7f7f7f7f7f;
    /* eight groups of 7 bits into four of 14, two of 28, one */
    x = (x & 0x007f007f007f007f) | (x & 0x7f007f007f007f00) >> 1;
    x = (x & 0x00003fff00003fff) | (x & 0x3fff00003fff0000) >> 2;
    *out = (x & 0x000000000fffffff) | (x & 0x0fffffff00000000) >> 4;
    return true;
}

/* Any varint; not inlined. */
static enum decode_error cursor_long_varint(const uint8_t **at, const uint8_t *end, uint64_t *out) {
    const uint8_t *p = *at;
    uint64_t x = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (p == end) {
            return DECODE_SHORT;
        }
        const uint8_t byte = *p++;
        if (shift == 63 && byte > 1) {
            return DECODE_VARINT; /* a tenth byte has room for one bit */
        }
        x |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *at = p;
            *out = x;
            return DECODE_OK;
        }
    }
    return DECODE_VARINT;
}

CURSOR_INLINE enum decode_error cursor_long(struct cursor *c, int64_t *out) {
    uint64_t x = 0;
    if (c->p < c->end && *c->p < 0x80) { /* most lengths, branches and small numbers */
        x = *c->p++;
    } else if (cursor_remaining(c) < 8 || !cursor_short_varint(&c->p, &x)) {
        const uint8_t *p = c->p;
        enum decode_error e = cursor_long_varint(&p, c->end, &x);
        if (e) {
            return e;
        }
        c->p = p;
    }
    *out = (int64_t)(x >> 1) ^ -(int64_t)(x & 1); /* zigzag */
    return DECODE_OK;
}

CURSOR_INLINE enum decode_error cursor_int(struct cursor *c, int64_t *out) {
    int64_t x = 0;
    enum decode_error e = cursor_long(c, &x);
    if (e) {
        return e;
    }
    if (x < INT32_MIN || x > INT32_MAX) {
        return DECODE_VARINT;
    }
    *out = x;
    return DECODE_OK;
}

/* An enum's symbol or a union's branch. */
CURSOR_INLINE enum decode_error cursor_index(struct cursor *c, uint32_t n, uint32_t *out) {
    int64_t i = 0;
    enum decode_error e = cursor_int(c, &i);
    if (e) {
        return e;
    }
    if (i < 0 || i >= n) {
        return DECODE_BRANCH;
    }
    *out = (uint32_t)i;
    return DECODE_OK;
}

CURSOR_INLINE enum decode_error cursor_skip(struct cursor *c, size_t n) {
    if (n > cursor_remaining(c)) {
        return DECODE_SHORT;
    }
    c->p += n;
    return DECODE_OK;
}

CURSOR_INLINE enum decode_error cursor_text(struct cursor *c, const char **text, uint32_t *len) {
    int64_t n = 0;
    enum decode_error e = cursor_long(c, &n);
    if (e) {
        return e;
    }
    if (n < 0) {
        return DECODE_LENGTH;
    }
    if ((uint64_t)n > cursor_remaining(c)) {
        return DECODE_SHORT;
    }
    *text = (const char *)c->p;
    *len = (uint32_t)n;
    c->p += n;
    return DECODE_OK;
}

CURSOR_INLINE enum decode_error cursor_double(struct cursor *c, double *out) {
    if (cursor_remaining(c) < 8) {
        return DECODE_SHORT;
    }
    const uint64_t bits = cursor_little_64(c->p);
    memcpy(out, &bits, sizeof *out);
    c->p += 8;
    return DECODE_OK;
}

CURSOR_INLINE enum decode_error cursor_float(struct cursor *c, double *out) {
    if (cursor_remaining(c) < 4) {
        return DECODE_SHORT;
    }
    const uint32_t bits = cursor_little_32(c->p);
    float f;
    memcpy(&f, &bits, sizeof f);
    *out = (double)f;
    c->p += 4;
    return DECODE_OK;
}

CURSOR_INLINE enum decode_error cursor_boolean(struct cursor *c, int64_t *out) {
    if (c->p == c->end) {
        return DECODE_SHORT;
    }
    if (*c->p > 1) {
        return DECODE_BOOLEAN;
    }
    *out = *c->p++;
    return DECODE_OK;
}

#endif
