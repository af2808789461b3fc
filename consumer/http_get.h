/* SPDX-License-Identifier: Apache-2.0
 *
 * http_get.h -- asks the admin endpoint of a running crossrec (http.h) for one page.
 *
 * HTTP/1.0 over a socket of its own: the endpoint closes after each answer, so its end is the end
 * of the connection. Nothing else is meant to be asked.
 */
#ifndef HTTP_GET_H
#define HTTP_GET_H

#include <stddef.h>

#include "status.h"

struct http_page {
    int code;   /* 200, 404, ... */
    char *body; /* (len,), malloc'ed, terminated */
    size_t len;
};

/**
 * @param address  "host:port", "[v6]:port"
 * @param path     with its arguments, escaped: http_get_escape()
 * @param token    a bearer token; NULL or "": none
 * @param err      out, err_len bytes: why there is no answer
 * @return ST_OK (any code), ST_IO (nobody there, no answer in time, no HTTP), ST_NOMEM
 */
MUST_CHECK enum status http_get(const char *address, const char *path, const char *token,
                                struct http_page *out, char *err, size_t err_len);

/** Percent-escapes all but letters, digits and -._~; out has 3 strlen(text) + 1 bytes. */
void http_get_escape(const char *text, char *out);

#endif
