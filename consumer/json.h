/* SPDX-License-Identifier: Apache-2.0
 *
 * json.h -- JSON read, and quoted (jansson; json.c).
 *
 * A document is parsed at once into values that are only read. Limits hold before jansson
 * sees the text: JSON_BYTES_MAX bytes, JSON_DEPTH_MAX levels, JSON_NESTS_MAX lists and objects
 * (each costs some 300 bytes), no zero byte. Duplicate keys of an object are refused; numbers are
 * int64 or finite doubles, all others are refused.
 *
 * Ownership: the caller owns the root and frees it with json_free(); every other value and
 * text is borrowed from it. Threads: a document is immutable; one thread frees it.
 */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

enum { JSON_BYTES_MAX = 1 << 20, JSON_DEPTH_MAX = 128, JSON_NESTS_MAX = 1 << 16 };

enum json_kind {
    JSON_NONE, /* no value: what json_get() of a missing member is */
    JSON_NULL_VALUE,
    JSON_BOOLEAN,
    JSON_WHOLE, /* a number without point and exponent that fits int64 */
    JSON_NUMBER,
    JSON_TEXT,
    JSON_LIST,
    JSON_TABLE, /* an object */
};

struct json; /* opaque value; NULL is JSON_NONE to every function here */

/** @param err  out, why not: with line and column. @return ST_OK, ST_INVALID, ST_NOMEM */
MUST_CHECK enum status json_parse(const char *text, size_t len, struct json **out, char *err,
                                  size_t err_len);
void json_free(struct json *root);

enum json_kind json_kind(const struct json *v);
/** Elements of a list, members of a table; else 0. */
size_t json_n(const struct json *v);
const struct json *json_at(const struct json *list, size_t i);
const struct json *json_get(const struct json *table, const char *key);
/** Members in the order of the text: *key is set and the value returned; NULL at the end.
 *  *iter starts as NULL. */
const struct json *json_next(const struct json *table, void **iter, const char **key);

/** UTF-8, terminated. NULL if `v` is no text. An escape \u0000 is a zero byte in it: *len
 *  counts it; whoever passes no `len` gets NULL for such a text. */
const char *json_text(const struct json *v, size_t *len);
/** False, and *out untouched, if `v` is no such thing (json_number takes both numbers). */
bool json_whole(const struct json *v, int64_t *out);
bool json_number(const struct json *v, double *out);
bool json_flag(const struct json *v, bool *out);

/** "text" with quotes and escapes, malloc'ed; NULL if out of memory or not UTF-8. */
char *json_quote(const char *text, size_t len);
/** The value as compact text, keys in their order, malloc'ed; NULL if out of memory. */
char *json_print(const struct json *v);
/** For messages with parts of a document in them: what is not printable ASCII becomes "?". */
void json_printable(char *text, size_t size);

#endif
