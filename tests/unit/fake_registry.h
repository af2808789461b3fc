/* SPDX-License-Identifier: Apache-2.0
 *
 * fake_registry.h -- an HTTP server that answers as a schema registry would, or as badly as it is
 * told to.
 *
 * It listens on a port of its own on 127.0.0.1, takes one connection after the other and closes
 * each after its answer. What was put for a request is answered; any other gets a 404 with the
 * code of an unknown schema.
 *
 * Threads: start, stop and the rest on the test's thread. Failures abort the test.
 */
#ifndef FAKE_REGISTRY_H
#define FAKE_REGISTRY_H

#include <stddef.h>

enum fake_registry_mood {
    FAKE_ANSWERS,
    FAKE_CLOSES,  /* the connection, without a byte         */
    FAKE_GARBAGE, /* bytes that are no HTTP                 */
    FAKE_HALF,    /* fewer bytes than announced, then closes */
    FAKE_HUGE,    /* a body of 2 MiB                        */
    FAKE_SLEEPS,  /* nothing, until the client goes away    */
};

struct fake_registry;

struct fake_registry *fake_registry_start(void);
/** NULL is allowed. */
void fake_registry_stop(struct fake_registry *f);

/** "http://127.0.0.1:40001" */
const char *fake_registry_url(const struct fake_registry *f);

/** Nobody listens any more; again on the same port. */
void fake_registry_close(struct fake_registry *f);
void fake_registry_open(struct fake_registry *f);

void fake_registry_set_mood(struct fake_registry *f, enum fake_registry_mood mood);

/** From now on "GET /schemas/ids/7" is answered so. Copied. */
void fake_registry_put(struct fake_registry *f, const char *request, int status, const char *body);
/** The answer to "GET /schemas/ids/<id>" is this schema. */
void fake_registry_put_schema(struct fake_registry *f, unsigned id, const char *schema);

/** Times that a request came, in any mood; NULL: all requests. */
size_t fake_registry_count(struct fake_registry *f, const char *request);
/** Head and body of the last one. Valid until the next call. */
const char *fake_registry_last(struct fake_registry *f);

#endif
