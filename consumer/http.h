/* SPDX-License-Identifier: Apache-2.0
 *
 * http.h -- the admin endpoint (libmicrohttpd): /livez, /readyz, /metrics, /explain, /segments,
 * /model.
 *
 *     GET /livez    200 "ok" while the process runs and `live` says so, else 503 + why
 *     GET /readyz   200 "ok", or 503 with the reason in a line
 *     GET /metrics  text/plain; version=0.0.4
 *     GET /explain?user=ID&target=DOMAIN[&n=10]   JSON, or 400, 404, 503 and why; 403 to anybody
 *                   but this machine: it tells what people took
 *     GET /segments JSON, or as above: a segment may be one user
 *     GET /model[?items=50]   JSON, or as above
 *     GET /         a line per route; anything else 404; other methods 405
 *
 * Loopback by default. Runs on threads of libmicrohttpd's own, one a connection, at most 32; sees
 * published counters and copies only. HEAD is answered like GET without a body.
 */
#ifndef HTTP_H
#define HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

/* Arguments of GET /explain, unescaped; NULL where one is not given. */
struct http_explain {
    const char *user; /* (user_len,), terminated */
    size_t user_len;
    const char *target, *n;
};

/* What the endpoint may ask. Called on its threads, several at a time. */
struct http_ops {
    /** True if ready; else writes a reason of at most len bytes into why. */
    bool (*ready)(void *ctx, char *why, size_t len);
    bool (*live)(void *ctx, char *why, size_t len);
    /** May take some seconds. *text: malloc'ed, JSON of ST_OK, else why not in a line; NULL: out of
     *  memory. ST_INVALID is answered with 400, ST_NOT_FOUND with 404, all others with 503. NULL:
     *  there is no such page. */
    enum status (*explain)(void *ctx, const struct http_explain *q, char **text);
    /** Likewise, without arguments. */
    enum status (*segments)(void *ctx, char **text);
    /** Likewise; items: a number as it was given, NULL if it was not. */
    enum status (*model)(void *ctx, const char *items, char **text);
    void *ctx;
};

struct http; /* opaque */

/**
 * @param address  "host:port" (port 0: any free one), "[v6]:port"
 * @param err      out, `err_len` bytes: what is wrong and what to type
 * @return ST_OK, ST_INVALID (address), ST_IO (in use, ...), ST_NOMEM
 */
MUST_CHECK enum status http_start(const char *address, const struct http_ops *ops,
                                  struct http **out, char *err, size_t err_len);
/** The port it listens on. */
uint16_t http_port(const struct http *h);
/** Stops and frees. NULL is allowed. */
void http_stop(struct http *h);

#endif
