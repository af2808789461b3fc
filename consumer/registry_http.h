/* SPDX-License-Identifier: Apache-2.0
 *
 * registry_http.h -- requests to a schema registry that has several addresses (libcurl).
 *
 * The address that answered last is asked first, the others after it. Basic auth and the
 * authority of TLS as configured; redirections are not followed, nor does a password go where
 * registry.url does not say. The usual proxy variables of the environment hold.
 *
 * Ownership: owns what it copies from the configuration, and connections. Threads: one at a time,
 * but for registry_http_abort().
 */
#ifndef REGISTRY_HTTP_H
#define REGISTRY_HTTP_H

#include "config.h"
#include "registry_answer.h"
#include "status.h"

struct registry_http; /* opaque */

/** Connects to nothing. @param err  out, CONFIG_ERROR_MAX bytes
 *  @return ST_OK, ST_INVALID (no url, or one that is none; a ca file that cannot be read),
 *          ST_NOMEM */
MUST_CHECK enum status registry_http_new(const struct config *cfg, struct registry_http **out,
                                         char *err);
/** NULL is allowed. */
void registry_http_free(struct registry_http *h);

/** The first one, without a slash at its end. */
const char *registry_http_url(const struct registry_http *h);

/** Asks one address after the other until one answers.
 *  @param path   "/schemas/ids/7"
 *  @param post   body of a POST, NULL for a GET
 *  @param wants  WANT_*
 *  @param out    as of registry_answer_read(); `why` names the urls */
enum registry_verdict registry_http_ask(struct registry_http *h, const char *path, const char *post,
                                        unsigned wants, struct registry_answer *out);

/** Ends the request that runs, and lets none begin. Any thread. */
void registry_http_abort(struct registry_http *h);

#endif
