/* SPDX-License-Identifier: Apache-2.0
 *
 * decode.h -- Avro bytes to the values that are wanted of them, by a flat plan compiled once
 * for each pair of writer and reader schema.
 *
 * The plan walks the writer's schema in the order of the bytes (Avro 1.11 specification,
 * "Binary Encoding"); what is wanted of the reader's schema is resolved ("Schema
 * Resolution") and put on a tape, one value after the other; the rest is skipped. Bounds,
 * depth and counts are limited: whatever the bytes, the cost is O(length) and nothing outside
 * [body, body+len) is read. No allocation, no recursion on input depth; texts are views into the
 * body, the reader schema (defaults, symbols) or the decoder (defaults of bytes).
 *
 * What is wanted is a path in the reader's schema:
 *
 *     user_id   payload.customer.id   lines[].dish_id   attributes{}   tags[]   payload.Order.id
 *
 * A name steps into a field of a record, into the one value of that key of a map, or, in a
 * union of several records, into the record of that name (full or unqualified; where the union
 * has one record its name may be left out). [] stands for every item of an array, {} for every
 * entry of a map. A union is stepped through: of `["null", Record]` the fields of the record are
 * reached as if it stood there. A path ends at a scalar (null, boolean, number, text, fixed, enum),
 * at a union of scalars, or at an array or map itself, `lines[]`, `attributes{}`, where its items
 * are announced; items that are scalars, or unions of them, follow, with the same tag. The
 * empty path is a root that is a scalar. Two paths may end at one value, not at one array or map.
 * A name that could be a record of the union or a field of its only record is the record.
 *
 * On the tape each wanted scalar is one value. Nothing is there for what lies in a branch of a
 * union that is not taken, or in an entry that a map has not.
 *
 * Resolution: only of what is wanted. Fields are matched by name, then by the reader's aliases; a
 * field that the writer lacks takes the reader's default, or the writer cannot be read. Named
 * types match by unqualified name or by an alias of the reader's (the root too, unless `any_root`).
 * int, long, float promote to the right; string and bytes into one another; enum symbols by name,
 * an unknown one is the reader's default or an error of the event; a fixed needs name and size. A
 * writer's union is resolved branch by branch: one that cannot be read is an error of the event
 * that uses it. Of a reader's union the first branch that matches at all is taken, be it by
 * promotion or by the unqualified name, whatever its fields and whatever comes after it: of
 * [double, long] a long is the double, even if the writer has the same union. A field of the writer
 * that has a name of its own in the reader's record is not taken by another one's alias.
 *
 * Values whose reader is a float are rounded to float. Numbers of logical types are left as they
 * are.
 *
 * Ownership: a decoder owns its plan and borrows the reader schema (defaults, symbols), which
 * must outlive it; the writer schema need not. A tape is the caller's. Threads: a decoder is
 * immutable, any number of threads may run it.
 */
#ifndef DECODE_H
#define DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema.h"
#include "status.h"

enum value_type {
    VALUE_NULL,
    VALUE_BOOLEAN, /* i                                          */
    VALUE_LONG,    /* i; also int                                */
    VALUE_DOUBLE,  /* d; also float                              */
    VALUE_TEXT,    /* text, len: string, bytes, fixed            */
    VALUE_SYMBOL,  /* text, len: of the reader's enum            */
    VALUE_ITEM,    /* an item of the array begins                */
    VALUE_KEY,     /* an entry of the map begins: text, len: key */
    VALUE_END,     /* the array or map ends                      */
};

struct value {
    uint16_t tag; /* of the path that wants it                                          */
    uint8_t type; /* enum value_type                                                    */
    uint32_t len;
    union {
        int64_t i;
        double d;
        const char *text; /* not terminated */
    };
};

enum { TAPE_VALUES_MAX = 8192 };

/* Values in the order of the bytes; defaults at the end of their record. ITEM, KEY and END stand
 * for every array and map that lies on a wanted path, with the tag of the path that ends
 * there, 0 if none does. Of a map of which only some keys are wanted, only those. */
struct tape {
    uint32_t n;
    struct value values[TAPE_VALUES_MAX];
};

struct want {
    const char *path;
    uint16_t tag; /* 1.. */
};

/* Why bytes were refused. */
enum decode_error {
    DECODE_OK = 0,
    DECODE_SHORT,    /* the bytes end inside a value                    */
    DECODE_VARINT,   /* longer than 10 bytes, or beyond the type        */
    DECODE_LENGTH,   /* a negative or impossible length or count        */
    DECODE_BOOLEAN,  /* neither 0 nor 1                                 */
    DECODE_BRANCH,   /* union branch or enum index that does not exist  */
    DECODE_SYMBOL,   /* a symbol that the reader has not, nor a default */
    DECODE_TYPE,     /* a branch that cannot be read as the reader's    */
    DECODE_DEPTH,    /* nested deeper than DECODE_DEPTH_MAX             */
    DECODE_VALUES,   /* more wanted values than a tape holds            */
    DECODE_TRAILING, /* bytes left after the record                     */
    DECODE_ERRORS
};
enum { DECODE_DEPTH_MAX = 32 };

struct decoder; /* opaque plan */

struct decoder_spec {
    const struct schema *writer, *reader;
    const struct want *wants; /* (n_wants,), copied */
    size_t n_wants;
    bool any_root; /* the names of the two root records need not match */
};

/**
 * Compiles a plan.
 * @param err  out: which path and why, e.g. "user_id: not in the writer's schema, and the reader's
 *             has no default", "ts: string, needs long", "lines[].dish: OrderLine has no such
 *             field; it has dish_id, quantity, amount"
 * @return ST_OK, ST_INVALID (this writer cannot be read so, or a path is none), ST_NOMEM
 */
MUST_CHECK enum status decoder_new(const struct decoder_spec *spec, struct decoder **out, char *err,
                                   size_t err_len);
void decoder_free(struct decoder *d);

/** Why every event of this writer is refused although its plan was made: of a union that each of
 *  them has no branch can be read. The text is as decoder_new()'s, of the first branch that is not
 *  null, and lives as long as the decoder. NULL: some events can be read. */
const char *decoder_unreadable(const struct decoder *d);

/** Decodes one body onto the tape, from its start. Allocates nothing. On error the tape has
 *  unspecified contents. */
enum decode_error decode(const struct decoder *d, const uint8_t *body, size_t len,
                         struct tape *out);

/** Short text of an error: "bytes end inside a value". Static. */
const char *decode_error_str(enum decode_error e);

/**
 * Where a path leads in a schema: the check of a configuration, without any writer.
 * @param node   out: the node at its end (a scalar, a union, an array or a map)
 * @param items  out: arrays and maps stepped through by [] and {}, the last included
 * @param err    out: the type in which the path breaks off, and what it has
 * @return ST_OK, ST_INVALID
 */
MUST_CHECK enum status schema_path(const struct schema *s, const char *path, uint32_t *node,
                                   uint32_t *items, char *err, size_t err_len);

#endif
