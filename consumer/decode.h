/* SPDX-License-Identifier: Apache-2.0
 *
 * decode.h -- Avro bytes to one event, by a flat plan compiled once a writer schema.
 *
 * The plan walks the writer's schema in the order of the bytes (Avro 1.11 specification,
 * "Binary Encoding"): what the reader wants goes to its place in struct decoded, the rest
 * is skipped. Bounds, depth and counts are limited: whatever the bytes, the cost is
 * O(length) and nothing outside [body, body+len) is read. No allocation, no recursion on
 * input depth, strings are views into the body.
 *
 * Readers here: the shipped CourseView and FoodOrder, matched by field name. A writer may
 * add fields of any type, leave out optional ones (quantity, amount, action), reorder
 * them, and wrap them in a union with null. int widens to long, int/long/float to double.
 * The full resolution rules (aliases, defaults of every type, promotion of strings and
 * bytes, mapping by path) are the input issue's.
 *
 * Ownership: struct decoder owns its plan; struct decoded is the caller's. Threads: a
 * decoder is immutable, any number of threads may run it.
 */
#ifndef DECODE_H
#define DECODE_H

#include <stddef.h>
#include <stdint.h>

#include "event.h"
#include "schema.h"
#include "status.h"

/* What a topic's records are read as. */
enum reader {
    READER_COURSE_VIEW, /* event_id, user_id, ts, course_id, action?, quantity? amount? */
    READER_FOOD_ORDER,  /* event_id, user_id, ts, lines[]: dish_id, quantity?, amount?  */
    READERS
};

struct decoded_line {
    const char *item;
    size_t item_len;
    double quantity; /* 1 if the writer has none   */
    double amount;   /* 0 if the writer has none   */
};

struct decoded {
    const char *event_id, *user_id; /* views into the body, not terminated; any length */
    size_t event_id_len, user_id_len;
    int64_t ts_ms;
    enum action action; /* the reader's default if the writer has none: ENROLL, ORDER */
    uint32_t n_lines;
    struct decoded_line *lines; /* the caller's, (EVENT_LINES_MAX,) */
};

/* Why bytes were refused. */
enum decode_error {
    DECODE_OK = 0,
    DECODE_SHORT,    /* the bytes end inside a value                    */
    DECODE_VARINT,   /* longer than 10 bytes, or beyond the type        */
    DECODE_LENGTH,   /* a negative or impossible length or count        */
    DECODE_BRANCH,   /* union branch or enum index that does not exist  */
    DECODE_DEPTH,    /* nested deeper than DECODE_DEPTH_MAX             */
    DECODE_LINES,    /* more than EVENT_LINES_MAX lines                 */
    DECODE_NULL,     /* null where the reader needs a value             */
    DECODE_TRAILING, /* bytes left after the record                     */
    DECODE_ERRORS
};
enum { DECODE_DEPTH_MAX = 32 };

struct decoder; /* opaque plan */

/** "CourseView" -> READER_COURSE_VIEW, ...; ST_NOT_FOUND */
MUST_CHECK enum status reader_of(const char *name, enum reader *out);
const char *reader_name(enum reader r);

/**
 * Compiles the plan for a writer schema.
 * @param err  out: which field and why, e.g. "user_id: missing", "ts: string, needs long"
 * @return ST_OK, ST_INVALID (this writer cannot be read as `reader`), ST_NOMEM
 */
MUST_CHECK enum status decoder_new(const struct schema *writer, enum reader reader,
                                   struct decoder **out, char *err, size_t err_len);
void decoder_free(struct decoder *d);

/** Decodes one body. Allocates nothing; `out->lines` must be set by the caller. On error
 *  *out has unspecified contents (but lines stays). */
enum decode_error decode(const struct decoder *d, const uint8_t *body, size_t len,
                         struct decoded *out);

/** Short text of an error: "bytes end inside a value". */
const char *decode_error_str(enum decode_error e);

#endif
