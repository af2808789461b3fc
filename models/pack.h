/* SPDX-License-Identifier: Apache-2.0
 *
 * pack.h -- numbers and texts to bytes and back, for everything that is stored or sent to other
 * instances.
 *
 * Integers are varints of 7 bits a byte, lowest first (as Protocol Buffers has them), signed ones
 * zigzag; fixed 32 and 64 bits, float and double are little-endian. The same values are the same
 * bytes on every machine.
 *
 *     struct pack p = {0};
 *     pack_uint(&p, n);                 ... grows; what fails is remembered
 *     if (p.failed) ...                 asked once, at the end
 *     free(p.bytes);
 *
 * A reader checks every length against what remains. What is wrong is remembered: from then on
 * all values are 0 and nothing is read, so that it too is asked once, at the end. Counts that
 * will be allocated for are asked with unpack_count(), which knows how few bytes remain.
 *
 * Ownership: pack_* own `bytes` until the caller takes them; a reader borrows. Threads: any.
 */
#ifndef PACK_H
#define PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { PACK_VARINT_MAX = 10 };

struct pack {
    uint8_t *bytes; /* (len,), malloc'ed */
    size_t len, cap;
    bool failed; /* out of memory: what was packed since is lost */
};

struct unpack {
    const uint8_t *at, *end;
    bool failed; /* it was shorter than it said, or a number longer than it may be */
};

/** Room for `more` bytes; false: failed. */
static inline bool pack_reserve(struct pack *p, size_t more) {
    if (p->failed) {
        return false;
    }
    if (p->cap - p->len >= more) {
        return true;
    }
    size_t cap = p->cap ? 2 * p->cap : 256;
    while (cap - p->len < more) {
        cap *= 2;
    }
    uint8_t *bytes = realloc(p->bytes, cap);
    if (!bytes) {
        p->failed = true;
        return false;
    }
    p->bytes = bytes;
    p->cap = cap;
    return true;
}

static inline void pack_uint(struct pack *p, uint64_t v) {
    if (!pack_reserve(p, PACK_VARINT_MAX)) {
        return;
    }
    while (v >= 0x80) {
        p->bytes[p->len++] = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    p->bytes[p->len++] = (uint8_t)v;
}

static inline void pack_int(struct pack *p, int64_t v) {
    pack_uint(p, ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0));
}

static inline void pack_raw(struct pack *p, const void *data, size_t len) {
    if (len > 0 && pack_reserve(p, len)) {
        memcpy(p->bytes + p->len, data, len);
        p->len += len;
    }
}

static inline void pack_u8(struct pack *p, uint8_t v) {
    pack_raw(p, &v, 1);
}

static inline void pack_u32(struct pack *p, uint32_t v) {
    const uint8_t b[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
    pack_raw(p, b, sizeof b);
}

static inline void pack_u64(struct pack *p, uint64_t v) {
    pack_u32(p, (uint32_t)(v & UINT32_MAX));
    pack_u32(p, (uint32_t)(v >> 32));
}

static inline void pack_float(struct pack *p, float v) {
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    pack_u32(p, bits);
}

static inline void pack_double(struct pack *p, double v) {
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    pack_u64(p, bits);
}

/** Length and bytes. */
static inline void pack_text(struct pack *p, const void *text, size_t len) {
    pack_uint(p, len);
    pack_raw(p, text, len);
}

static inline size_t unpack_left(const struct unpack *u) {
    return (size_t)(u->end - u->at);
}

/** What was read does not make sense. */
static inline void unpack_fail(struct unpack *u) {
    u->failed = true;
    u->at = u->end;
}

/** The next len bytes, borrowed; NULL: failed. */
static inline const uint8_t *unpack_raw(struct unpack *u, size_t len) {
    if (u->failed || len > unpack_left(u)) {
        unpack_fail(u);
        return NULL;
    }
    const uint8_t *at = u->at;
    u->at += len;
    return at;
}

static inline uint64_t unpack_uint(struct unpack *u) {
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        const uint8_t *b = unpack_raw(u, 1);
        if (!b) {
            return 0;
        }
        if (shift == 63 && *b > 1) {
            break; /* a tenth byte has room for one bit */
        }
        v |= (uint64_t)(*b & 0x7f) << shift;
        if (*b < 0x80) {
            return v;
        }
    }
    unpack_fail(u);
    return 0;
}

static inline int64_t unpack_int(struct unpack *u) {
    const uint64_t v = unpack_uint(u);
    return (int64_t)((v >> 1) ^ (v & 1 ? UINT64_MAX : 0));
}

/** An unsigned integer of at most `max`. */
static inline uint64_t unpack_at_most(struct unpack *u, uint64_t max) {
    const uint64_t v = unpack_uint(u);
    if (v > max) {
        unpack_fail(u);
        return 0;
    }
    return v;
}

/** A count of things that take at least `each` (>= 1) bytes: more than can be there is refused. */
static inline size_t unpack_count(struct unpack *u, size_t each) {
    return (size_t)unpack_at_most(u, unpack_left(u) / each);
}

static inline uint8_t unpack_u8(struct unpack *u) {
    const uint8_t *b = unpack_raw(u, 1);
    return b ? *b : 0;
}

static inline uint32_t unpack_u32(struct unpack *u) {
    const uint8_t *b = unpack_raw(u, 4);
    return b ? (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24
             : 0;
}

static inline uint64_t unpack_u64(struct unpack *u) {
    const uint64_t low = unpack_u32(u);
    return low | (uint64_t)unpack_u32(u) << 32;
}

static inline float unpack_float(struct unpack *u) {
    const uint32_t bits = unpack_u32(u);
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static inline double unpack_double(struct unpack *u) {
    const uint64_t bits = unpack_u64(u);
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/** A text, borrowed; *len = 0 and NULL: failed. */
static inline const char *unpack_text(struct unpack *u, size_t *len) {
    *len = (size_t)unpack_at_most(u, unpack_left(u));
    const char *text = (const char *)unpack_raw(u, *len);
    *len = text ? *len : 0;
    return text;
}

#endif
