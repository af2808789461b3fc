/* SPDX-License-Identifier: Apache-2.0
 *
 * resp.c -- see resp.h.
 */
#include "resp.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIRST_COMMANDS = 256,
    LENGTH_MAX = 1 + RESP_NUMBER_MAX + 2, /* "$<length>\r\n" */
};

struct span resp_text(const char *s) {
    return (struct span){s, strlen(s)};
}

/* By hand: snprintf would take a third of the publisher's time. */
struct span resp_number(uint64_t v, char buf[RESP_NUMBER_MAX]) {
    char *p = buf + RESP_NUMBER_MAX;
    do {
        *--p = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    return (struct span){p, (size_t)(buf + RESP_NUMBER_MAX - p)};
}

static char *put(char *p, struct span bytes) {
    memcpy(p, bytes.s, bytes.len);
    return p + bytes.len;
}

static char *put_length(char *p, char mark, size_t len) {
    char digits[RESP_NUMBER_MAX];
    *p++ = mark;
    p = put(p, resp_number(len, digits));
    return put(p, (struct span){"\r\n", 2});
}

static bool reserve_command(struct resp *r) {
    if (r->n < r->n_size) {
        return true;
    }
    size_t size = r->n_size ? 2 * r->n_size : FIRST_COMMANDS;
    size_t *ends = realloc(r->ends, size * sizeof *ends);
    if (!ends) {
        return false;
    }
    r->ends = ends;
    r->n_size = size;
    return true;
}

static bool reserve_bytes(struct resp *r, size_t bytes) {
    if (bytes <= r->size - r->len) {
        return true;
    }
    size_t size = r->len + bytes > 2 * r->size ? r->len + bytes : 2 * r->size;
    char *buf = realloc(r->buf, size);
    if (!buf) {
        return false;
    }
    r->buf = buf;
    r->size = size;
    return true;
}

enum status resp_append(struct resp *r, const struct span *args, size_t n) {
    size_t bytes = LENGTH_MAX;
    for (size_t i = 0; i < n; i++) {
        bytes += LENGTH_MAX + args[i].len + 2;
    }
    if (!reserve_command(r) || !reserve_bytes(r, bytes)) {
        return ST_NOMEM;
    }
    char *p = put_length(r->buf + r->len, '*', n);
    for (size_t i = 0; i < n; i++) {
        p = put_length(p, '$', args[i].len);
        p = put(p, args[i]);
        p = put(p, (struct span){"\r\n", 2});
    }
    r->len = (size_t)(p - r->buf);
    r->ends[r->n++] = r->len;
    return ST_OK;
}

struct span resp_command(const struct resp *r, size_t i) {
    size_t begin = i > 0 ? r->ends[i - 1] : 0;
    return (struct span){r->buf + begin, r->ends[i] - begin};
}

/* It was written here, so that nothing in it needs to be checked. */
struct span resp_argument(const struct resp *r, size_t i, size_t k) {
    const struct span command = resp_command(r, i);
    char *p = NULL;
    const unsigned long n = strtoul(command.s + 1, &p, 10);
    for (size_t at = 0; at < n; at++) {
        const size_t len = strtoul(p + 3, &p, 10); /* \r\n$ */
        if (at == k) {
            return (struct span){p + 2, len};
        }
        p += 2 + len;
    }
    return (struct span){"", 0};
}

struct span resp_asking(void) {
    return (struct span){"*1\r\n$6\r\nASKING\r\n", 16};
}

void resp_clear(struct resp *r) {
    r->len = 0;
    r->n = 0;
}

void resp_free(struct resp *r) {
    free(r->buf);
    free(r->ends);
    *r = (struct resp){0};
}
