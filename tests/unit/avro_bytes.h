/* SPDX-License-Identifier: Apache-2.0
 *
 * avro_bytes.h -- Avro bytes written by hand, value after value, for tests.
 *
 *     struct avro_bytes b = {0};
 *     avro_wire(&b, 7);                  // 00 00 00 00 07: what Kafka carries; or none: a body
 *     avro_text(&b, "u-17");             // string, bytes
 *     avro_double(&b, 9.5);
 *     avro_branch(&b, 1);                // the second branch of a union; then its value
 *     avro_long(&b, 1700000000000);      // int, long
 *     avro_block(&b, 2);                 // two items of an array or entries of a map follow
 *     avro_text(&b, "a"), avro_text(&b, "b");
 *     avro_end(&b);                      // the array or map ends
 *     decode(d, b.bytes, b.n, &tape);
 *
 * Nothing is checked against a schema: a record is its fields in order, null is no bytes, an
 * enum is the index of its symbol, and wrong bytes are written as easily as right ones. Floats
 * are little-endian whatever the machine.
 *
 * Failures (no room left) abort the test program. Ownership: plain data. Threads: none.
 */
#ifndef AVRO_BYTES_H
#define AVRO_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { AVRO_BYTES_MAX = 65536 };

/** All zero is empty; n = 0 empties it again. */
struct avro_bytes {
    size_t n;
    uint8_t bytes[AVRO_BYTES_MAX];
};

/** The header of the wire format: zero, then the schema's id in big-endian. */
void avro_wire(struct avro_bytes *b, uint32_t schema_id);

void avro_boolean(struct avro_bytes *b, bool v);
/** int, long; also the index of an enum's symbol. */
void avro_long(struct avro_bytes *b, int64_t v);
void avro_float(struct avro_bytes *b, float v);
void avro_double(struct avro_bytes *b, double v);
/** string or bytes of a terminated text. */
void avro_text(struct avro_bytes *b, const char *text);
/** bytes or string of (len,) bytes, which may hold zeros. */
void avro_data(struct avro_bytes *b, const void *data, size_t len);
/** fixed; or any bytes as they are, without a length. */
void avro_raw(struct avro_bytes *b, const void *data, size_t len);

/** The branch of a union; its value follows. */
void avro_branch(struct avro_bytes *b, int64_t branch);
/** A block of n >= 1 items or entries; more blocks may follow. */
void avro_block(struct avro_bytes *b, int64_t n);
/** The same with the size of the block in bytes: written as -n, size. */
void avro_sized_block(struct avro_bytes *b, int64_t n, int64_t size);
/** Ends an array or a map; alone it is an empty one. */
void avro_end(struct avro_bytes *b);

#endif
