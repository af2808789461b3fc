/* SPDX-License-Identifier: Apache-2.0
 *
 * wire.c -- see wire.h.
 */
#include "wire.h"

enum status wire_parse(const uint8_t *buf, size_t len, struct wire_msg *out) {
    if (len < WIRE_HEADER || buf[0] != 0) {
        return ST_INVALID;
    }
    uint32_t id = 0;
    for (size_t i = 1; i < WIRE_HEADER; i++) {
        id = id << 8 | buf[i];
    }
    out->schema_id = id;
    out->body = buf + WIRE_HEADER;
    out->body_len = len - WIRE_HEADER;
    return ST_OK;
}

void wire_put(uint8_t out[WIRE_HEADER], uint32_t schema_id) {
    out[0] = 0;
    for (size_t i = WIRE_HEADER - 1; i >= 1; i--) {
        out[i] = (uint8_t)(schema_id & 0xff);
        schema_id >>= 8;
    }
}
