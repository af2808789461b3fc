/* SPDX-License-Identifier: Apache-2.0
 *
 * schema_json.h -- the JSON text of a schema, measured and read in place.
 *
 * avro-c builds trees by recursion and forgets logicalType. So the text is measured before
 * avro-c sees it, and read beside avro-c's tree afterwards. This is no JSON validator: on
 * text that is not JSON it answers something, but never reads outside the text.
 *
 * Ownership: views into the caller's text; nothing is allocated. Threads: pure functions.
 */
#ifndef SCHEMA_JSON_H
#define SCHEMA_JSON_H

#include <stdbool.h>
#include <stddef.h>

/** A value in the text: [p, end). p is NULL if there is no such value. */
struct json_view {
    const char *p;
    const char *end;
};

/** What a text would cost a parser. */
struct json_size {
    size_t depth;   /* deepest nesting of [ and {  */
    size_t objects; /* number of {                 */
    size_t string;  /* bytes of the longest string */
};

/** Measures a text. Cost: one pass. */
struct json_size json_measure(const char *text, size_t len);

/** The first value of a text, without the space around it. */
struct json_view json_root(const char *text, size_t len);

/** The value of a member. Of equal keys the last one counts, as in jansson. Keys are
 *  compared as written: one with escapes is not found. p is NULL if `object` is none. */
struct json_view json_member(struct json_view object, const char *key);

/** The element after `prev`; the first one if prev.p is NULL. p is NULL at the end and if
 *  `array` is none. */
struct json_view json_element(struct json_view array, struct json_view prev);

/** Takes the quotes off. False, and *text untouched, if it is no string or has escapes. */
bool json_string(struct json_view value, struct json_view *text);

#endif
