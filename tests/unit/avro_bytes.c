/* SPDX-License-Identifier: Apache-2.0 */
#include "avro_bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void avro_raw(struct avro_bytes *b, const void *data, size_t len) {
    if (len > sizeof b->bytes - b->n) {
        fprintf(stderr, "avro_bytes: more than %d bytes\n", AVRO_BYTES_MAX);
        abort();
    }
    if (len > 0) {
        memcpy(b->bytes + b->n, data, len);
        b->n += len;
    }
}

static void put(struct avro_bytes *b, uint64_t v, int n_bytes, bool big_endian) {
    uint8_t out[8];
    for (int i = 0; i < n_bytes; i++) {
        out[i] = (uint8_t)(v >> 8 * (big_endian ? n_bytes - 1 - i : i));
    }
    avro_raw(b, out, (size_t)n_bytes);
}

void avro_wire(struct avro_bytes *b, uint32_t schema_id) {
    put(b, 0, 1, true);
    put(b, schema_id, 4, true);
}

void avro_boolean(struct avro_bytes *b, bool v) {
    put(b, v, 1, false);
}

/* Zigzag, then seven bits a byte, the lowest first. */
void avro_long(struct avro_bytes *b, int64_t v) {
    uint64_t rest = (uint64_t)v << 1 ^ (v < 0 ? UINT64_MAX : 0);
    while (rest >= 0x80) {
        put(b, (rest & 0x7F) | 0x80, 1, false);
        rest >>= 7;
    }
    put(b, rest, 1, false);
}

void avro_float(struct avro_bytes *b, float v) {
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    put(b, bits, 4, false);
}

void avro_double(struct avro_bytes *b, double v) {
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    put(b, bits, 8, false);
}

void avro_data(struct avro_bytes *b, const void *data, size_t len) {
    avro_long(b, (int64_t)len);
    avro_raw(b, data, len);
}

void avro_text(struct avro_bytes *b, const char *text) {
    avro_data(b, text, strlen(text));
}

void avro_branch(struct avro_bytes *b, int64_t branch) {
    avro_long(b, branch);
}

void avro_block(struct avro_bytes *b, int64_t n) {
    avro_long(b, n);
}

void avro_sized_block(struct avro_bytes *b, int64_t n, int64_t size) {
    avro_long(b, -n);
    avro_long(b, size);
}

void avro_end(struct avro_bytes *b) {
    avro_long(b, 0);
}
