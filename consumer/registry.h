/* SPDX-License-Identifier: Apache-2.0
 *
 * registry.h -- a Confluent-compatible schema registry.
 *
 * For the pipeline: schemas by id through struct lookup. A thread makes the requests, one at a
 * time and so one an id; the caller is answered from memory at once. What was read goes to
 * registry.cache (a file <id>.avsc in a folder named after the first url; written whole, then
 * renamed) and is read from there first: a restart with the registry away goes on.
 *
 *     answer               state of the id
 *     200                  READY, for good: an id means one schema for ever
 *     404 (code 40403)     WAITING: asked again every 2 s for registry.grace, as a producer may be
 *                          ahead of its registration; then UNKNOWN, and while somebody still asks
 *                          the registry is asked again once a minute
 *     none, or any other   WAITING, with a problem text; the next url at once, then again with
 *     (5xx, 429, 401, a    backoff (100 ms doubling to 5 s, a fifth of it at random). An id that is
 *     404 without a code)  UNKNOWN already stays so
 *
 * A schema with references to other subjects, or that is not Avro, is UNKNOWN with a problem text
 * that says so as long as somebody asks. An id that nobody asks for any more is not asked for.
 *
 * For the commands (`crossrec schemas`): synchronous calls on the caller's thread.
 *
 * The parts: registry_answer (what an answer says), registry_ids (the table above), registry_cache
 * (files), registry_http (libcurl), registry.c (the thread).
 *
 * Ownership: owns texts and thread. Threads: any may look up.
 */
#ifndef REGISTRY_H
#define REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "ports.h"
#include "status.h"

struct registry; /* opaque */

/* Periods that nobody configures. Tests shorten them. */
struct registry_periods {
    int64_t again_ms;                   /* an unknown id within its grace     */
    int64_t negative_ms;                /* an unknown id after it             */
    int64_t backoff_ms, backoff_max_ms; /* nobody answered                    */
    int64_t idle_ms;                    /* not asked for so long: given up    */
};
extern const struct registry_periods registry_periods; /* as told above */

/** Starts the thread; connects to nothing yet. @param err out, CONFIG_ERROR_MAX bytes
 *  @return ST_OK, ST_INVALID (a url that is none, a ca file that cannot be read), ST_IO (the cache
 *          folder cannot be made), ST_NOMEM */
MUST_CHECK enum status registry_start(const struct config *cfg, struct registry **out, char *err);
MUST_CHECK enum status registry_start_with(const struct config *cfg,
                                           const struct registry_periods *periods,
                                           struct registry **out, char *err);
/** Ends the thread and the request that it is at. NULL is allowed. */
void registry_stop(struct registry *r);
struct lookup registry_lookup(struct registry *r);

/* ---- for commands: ask and wait, at most registry.timeout for each url ------------------- */

struct registry_answer {
    long status;   /* of HTTP; 0: no answer              */
    uint32_t id;   /* schema id, 0 if there is none      */
    int version;   /* of the subject, 0 if there is none */
    char *schema;  /* malloc'ed, NULL if there is none   */
    char why[512]; /* what went wrong, for people: with the url and what to type */
};
void registry_answer_free(struct registry_answer *a);

/** The newest version of a subject. @return ST_OK, ST_NOT_FOUND (no such subject), ST_INVALID (it
 *  is no Avro schema that stands alone; a->why), ST_IO (a->why) */
MUST_CHECK enum status registry_latest(const struct config *cfg, const char *subject,
                                       struct registry_answer *a);
/** A schema by id, past the cache. @return as above */
MUST_CHECK enum status registry_by_id(const struct config *cfg, uint32_t id,
                                      struct registry_answer *a);
/** Registers (the same text again: the same id) and asks which version that is. @return ST_OK,
 *  ST_INVALID (409: incompatible with the former version, 422: no schema to them; a->why), ST_IO */
MUST_CHECK enum status registry_register(const struct config *cfg, const char *subject,
                                         const char *schema, struct registry_answer *a);

#endif
