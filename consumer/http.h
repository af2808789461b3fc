/* SPDX-License-Identifier: Apache-2.0
 *
 * http.h -- the admin endpoint (libmicrohttpd): health, metrics, and questions about what it knows.
 *
 *     GET /livez    200 "ok" while the process runs and `live` says so, else 503 + why
 *     GET /readyz   200 "ok", or 503 with the reason in a line
 *     GET /metrics  text/plain; version=0.0.4
 *     GET /get?user=ID[&target=DOMAIN][&n=10]      what is known of a user, and his lists
 *     GET /explain?user=ID[&target=DOMAIN][&n=10]  the same, and why he sees what he sees
 *     GET /similar?item=ID[&domain=DOMAIN][&target=DOMAIN][&n=10]  what goes with an item
 *     GET /segments
 *     GET /top?domain=DOMAIN[&n=10]                what is taken most, what is new
 *     GET /model[?items=50]
 *     GET /         a line per route; anything else 404; other methods 405
 *
 * All from /get to /model: JSON, or 400, 404, 503 and why in a line.
 *
 * Who may ask: they tell what people took (a segment may be one user), so without a token they are
 * answered to this machine only, 403 to anybody else. With one, every page but /livez, /readyz and
 * /metrics wants it, from wherever it is asked: `Authorization: Bearer TOKEN`, else 401. It is
 * compared in constant time and written nowhere.
 *
 * Loopback by default. Runs on threads of libmicrohttpd's own, one a connection, at most 32; sees
 * published counters and copies only. HEAD is answered like GET without a body.
 */
#ifndef HTTP_H
#define HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "query.h"
#include "status.h"

enum { HTTP_TOKEN_MAX = 256 };

/* What the endpoint may ask. Called on its threads, several at a time. */
struct http_ops {
    /** True if ready; else writes a reason of at most len bytes into why. */
    bool (*ready)(void *ctx, char *why, size_t len);
    bool (*live)(void *ctx, char *why, size_t len);
    /** May take some seconds. *text: malloc'ed, JSON of ST_OK, else why not in a line; NULL: out of
     *  memory. ST_INVALID is answered with 400, ST_NOT_FOUND with 404, all others with 503. NULL:
     *  there is no such page. */
    enum status (*get)(void *ctx, const struct query *q, char **text);
    enum status (*explain)(void *ctx, const struct query *q, char **text);
    enum status (*similar)(void *ctx, const struct query *q, char **text);
    enum status (*top)(void *ctx, const struct query *q, char **text);
    /** Likewise, without arguments. */
    enum status (*segments)(void *ctx, char **text);
    /** Likewise; items: a number as it was given, NULL if it was not. */
    enum status (*model)(void *ctx, const char *items, char **text);
    const char *token; /* at most HTTP_TOKEN_MAX bytes, copied; NULL: none */
    void *ctx;
};

struct http; /* opaque */

/**
 * @param address  "host:port" (port 0: any free one), "[v6]:port"
 * @param err      out, `err_len` bytes: what is wrong and what to type
 * @return ST_OK, ST_INVALID (address, token), ST_IO (in use, ...), ST_NOMEM
 */
MUST_CHECK enum status http_start(const char *address, const struct http_ops *ops,
                                  struct http **out, char *err, size_t err_len);
/** The port it listens on. */
uint16_t http_port(const struct http *h);
/** Stops and frees. NULL is allowed. */
void http_stop(struct http *h);

#endif
