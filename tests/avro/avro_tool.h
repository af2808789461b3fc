/* SPDX-License-Identifier: Apache-2.0
 *
 * avro_tool.h -- the two implementations that avro_tool lets speak JSON.
 *
 * Texts of string, bytes and fixed are JSON texts of the characters U+0000..U+00FF, one for
 * each byte. NaN and infinities are the texts "NaN", "Infinity", "-Infinity".
 *
 * Each function returns a new reference to an object, the answer:
 *     {"value": ...}                              decoded
 *     {"hex": "..."}                              encoded
 *     {"error": "schema" | "data", "text": ...}   refused; why
 *     {"error": "broken", "text": ...}            what must never happen
 */
#ifndef AVRO_TOOL_H
#define AVRO_TOOL_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct request {
    const char *writer, *reader; /* schema JSON; reader NULL: that of the writer */
    const uint8_t *bytes;        /* (n_bytes,), to decode                        */
    size_t n_bytes;
    const json_t *value; /* to encode: a union as [branch, value] */
};

/** {"error": kind, "text": the formatted text} */
__attribute__((format(printf, 2, 3))) json_t *refusal(const char *kind, const char *format, ...);
/** Bytes as a JSON text; a number that JSON may lack. */
json_t *text_json(const void *bytes, size_t len);
json_t *number_json(double v);

/** Decodes by consumer/decode.c: every path of the reader's schema is wanted, but for records
 *  inside themselves; the value is put together from the tape. A union is the value of its
 *  branch. What left no trace on the tape is not in its record. */
json_t *crossrec_decode(const struct request *r);

/** Decodes and encodes by avro-c; a union is [branch, value]. May crash on bad bytes. */
json_t *avroc_decode(const struct request *r);
json_t *avroc_encode(const struct request *r);

#endif
