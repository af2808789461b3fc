/* SPDX-License-Identifier: Apache-2.0
 *
 * encode.h -- events to Avro bytes in the shipped schemas (avro-c): replay, demo, tests.
 *
 * Ownership: struct encoder owns its schema values. Threads: one an encoder.
 */
#ifndef ENCODE_H
#define ENCODE_H

#include <stddef.h>
#include <stdint.h>

#include "decode.h"
#include "status.h"

struct encoder; /* opaque */

MUST_CHECK enum status encoder_new(enum reader reader, uint32_t schema_id, struct encoder **out);
void encoder_free(struct encoder *e);

/**
 * Writes wire header and body of one event. A CourseView takes one line.
 * @param buf   destination of `len` bytes
 * @param used  receives the bytes written
 * @return ST_OK, ST_RANGE (buffer too small), ST_INVALID (no line, too many lines)
 */
MUST_CHECK enum status encode(struct encoder *e, const struct decoded *event, uint8_t *buf,
                              size_t len, size_t *used);

#endif
