/* SPDX-License-Identifier: Apache-2.0
 *
 * wire.h -- the five-byte header in front of every Avro message.
 *
 *     byte 0      magic, always 0
 *     bytes 1-4   schema id, big-endian
 *     bytes 5..   Avro binary body
 *
 * The wire format of the Confluent Schema Registry serialisers. Input is untrusted: any
 * byte string is answered with a status, never a crash.
 */
#ifndef WIRE_H
#define WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

enum { WIRE_HEADER = 5 };

/** A view into the caller's buffer: it owns nothing. */
struct wire_msg {
    uint32_t schema_id;
    const uint8_t *body; /* (body_len,), inside the buffer that was parsed */
    size_t body_len;
};

/** Splits a Kafka payload into schema id and body, copying nothing.
 *  @return ST_OK, or ST_INVALID (shorter than a header, or wrong magic) */
MUST_CHECK enum status wire_parse(const uint8_t *buf, size_t len, struct wire_msg *out);

/** Writes the header for a schema id. */
void wire_put(uint8_t out[WIRE_HEADER], uint32_t schema_id);

#endif
