/* SPDX-License-Identifier: Apache-2.0
 *
 * put.h -- JSON put into memory that is known to be large enough.
 *
 * Each function writes at p and returns the place behind what it wrote. Nothing checks for room
 * and nothing is terminated: the caller adds up the bounds below. Pure. Threads: any.
 */
#ifndef PUT_H
#define PUT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
    PUT_ESCAPE_MAX = 6,  /* bytes of JSON that a byte of a string can become: \u0001 */
    PUT_NUMBER_MAX = 24, /* a number, with a comma                                   */
};

static inline char *put_bytes(char *p, const char *s, size_t n) {
    memcpy(p, s, n);
    return p + n;
}

/* Here, so that a constant's length is known where it is put. */
static inline char *put_text(char *p, const char *s) {
    return put_bytes(p, s, strlen(s));
}

char *put_u64(char *p, uint64_t v);
char *put_i64(char *p, int64_t v);
/** Shortest "%.6g", whatever the locale; null for what is no number of JSON: infinity, NaN. */
char *put_number(char *p, double x);
/** x rounded to so many digits, 1 to 5, halves away from 0, then as put_number(). */
char *put_rounded(char *p, float x, int n_digits);
/** A string: quotes and controls escaped, what is no UTF-8 replaced by U+FFFD.
 *  At most PUT_ESCAPE_MAX n + 2 bytes. */
char *put_string(char *p, const char *text, size_t n);

#endif
