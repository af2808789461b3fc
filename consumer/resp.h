/* SPDX-License-Identifier: Apache-2.0
 *
 * resp.h -- a pipeline of commands in Redis' wire format, one behind the other.
 *
 *     *2\r\n $3\r\nGET\r\n $1\r\nk\r\n        (without the blanks)
 *
 * https://redis.io/docs/reference/protocol-spec/: an array of bulk strings, so every kind of
 * byte may stand in an argument. The buffer remembers where each command ends, so that any
 * of them can be sent once more, and keeps its memory when it is cleared.
 *
 * Ownership: owns its buffer; arguments are copied. Threads: one.
 */
#ifndef RESP_H
#define RESP_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

enum { RESP_NUMBER_MAX = 20 }; /* digits of 64 bits */

/** Some bytes; owns nothing. */
struct span {
    const char *s;
    size_t len;
};

/** Zero-initialised: empty. */
struct resp {
    char *buf;
    size_t len, size;
    size_t *ends; /* (n,) where command i ends; it begins where i - 1 ends */
    size_t n, n_size;
};

/** Appends one command. @return ST_OK, or ST_NOMEM (nothing was appended) */
MUST_CHECK enum status resp_append(struct resp *r, const struct span *args, size_t n);

/** The bytes of command i, i < n; valid until the next append. */
struct span resp_command(const struct resp *r, size_t i);

/** Argument k of command i, the name being argument 0; empty if it has no such one. Valid likewise.
 */
struct span resp_argument(const struct resp *r, size_t i, size_t k);

/** The command ASKING, as it is sent. */
struct span resp_asking(void);

/** Forgets the commands, keeps the memory. */
void resp_clear(struct resp *r);

/** Releases the memory; `r` is empty and usable afterwards. */
void resp_free(struct resp *r);

/** A terminated string, and a number written into buf, as arguments. */
struct span resp_text(const char *s);
struct span resp_number(uint64_t v, char buf[RESP_NUMBER_MAX]);

#endif
