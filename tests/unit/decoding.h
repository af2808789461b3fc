/* SPDX-License-Identifier: Apache-2.0
 *
 * decoding.h -- the decoder as a function from texts to a text, for tests.
 *
 * Schemas are written with ' for ". Paths stand apart by spaces and have the tags 1, 2, ...; a
 * path that is only "." is the empty one. The tape as text, values apart by spaces:
 *
 *     1:null 1:true 1:-5 1:2.5d 1:"text" 1:SYMBOL 4:[ (ITEM) 4:{key (KEY) 4:] (END)
 *
 * bytes outside of printable ASCII are \xNN. If there is no tape: "refused: " and why, of
 * decoder_new(), or "error: " and decode_error_str().
 *
 * Every body is decoded from a block of just its size. Of one that is decoded, every shorter piece
 * must be too short, and none is that of an unreadable writer: that is checked each time.
 * Threads: one.
 */
#ifndef DECODING_H
#define DECODING_H

#include <stddef.h>

#define BYTES(literal) literal, sizeof(literal) - 1

/** Both schemas, what is wanted, and a body. The result is valid until the next call. */
const char *decoding(const char *writer, const char *reader, const char *paths, const void *body,
                     size_t len);
/** The same with any_root. */
const char *decoding_any_root(const char *writer, const char *reader, const char *paths,
                              const void *body, size_t len);
/** decoder_unreadable(), "" if it is NULL. */
const char *decoding_unreadable(const char *writer, const char *reader, const char *paths);
/** Writer and reader alike. */
const char *decoding_same(const char *schema, const char *paths, const void *body, size_t len);

#endif
