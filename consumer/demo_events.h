/* SPDX-License-Identifier: Apache-2.0
 *
 * demo_events.h -- what the demo streams: the synthetic world, or somebody's event file.
 *
 * Ownership: owns the world or the file and the names. Threads: demo_events_next(),
 * _next_row(), _bad() and _status() one; the rest any, after demo_events_open().
 */
#ifndef DEMO_EVENTS_H
#define DEMO_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "decoded.h"
#include "status.h"
#include "world.h"

struct demo_events; /* opaque */

struct demo_events_params {
    const char *file;          /* event file (tsv.h), or NULL: the world           */
    const char *catalogue;     /* names of the file's items, or NULL               */
    struct world_params world; /* used if there is no file                         */
    const char *run;           /* event ids begin with it: unique over several runs */
};

/** A file is read once to find its domains and its length.
 *  @return ST_OK, or why not in `err` (CONFIG_ERROR_MAX bytes) */
MUST_CHECK enum status demo_events_open(const struct demo_events_params *params,
                                        struct demo_events **out, char *err);
void demo_events_free(struct demo_events *e);

/** Borrowed until the next call. @return false at the end */
bool demo_events_next(struct demo_events *e, struct decoded *out, uint32_t *domain);
/** The next row of the catalogue whose item is born by that time, in the order of births; borrowed
 *  as events are. A file has none. @return false: none up to then */
bool demo_events_next_row(struct demo_events *e, int64_t until_ms, struct decoded_item *out,
                          uint32_t *domain);
/** Lines of the file that could not be read, so far. */
uint64_t demo_events_bad(const struct demo_events *e);

/** ST_IO if the file could not be read to its end (stderr says why), else ST_OK. */
enum status demo_events_status(const struct demo_events *e);

uint32_t demo_events_n_domains(const struct demo_events *e);
const char *demo_events_domain(const struct demo_events *e, uint32_t domain);
/** Number of events in all, as far as is known before. */
uint64_t demo_events_total(const struct demo_events *e);
/** The world that is streamed, or NULL for a file. */
const struct world_params *demo_events_world(const struct demo_events *e);
/** Some user who comes early. */
const char *demo_events_some_user(const struct demo_events *e);
/** The name of an item, or its id where it has none. */
const char *demo_events_name(const struct demo_events *e, uint32_t domain, const char *id);

#endif
