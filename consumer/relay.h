/* SPDX-License-Identifier: Apache-2.0
 *
 * relay.h -- a repartitioning with its adapters: consumer, transactional producer, identities.
 *
 * Part of the daemon when cfg->n_raws > 0.
 *
 * Ownership: owns all of them. `cfg` must outlive it. Threads: relay_ready() any; the rest one.
 */
#ifndef RELAY_H
#define RELAY_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"
#include "status.h"

struct relay; /* opaque */

/** Opens everything and starts the thread.
 *  @param failed  called once, from the thread, when it cannot go on
 *  @param err  out, CONFIG_ERROR_MAX bytes. @return ST_OK, ST_INVALID, ST_IO, ST_NOMEM */
MUST_CHECK enum status relay_start(const struct config *cfg, void (*failed)(void *ctx), void *ctx,
                                   struct relay **out, char *err);
/** Commits what is under way, leaves the group, frees. NULL is allowed. */
void relay_stop(struct relay *r);
/** True if nothing is wrong; else the reason. */
bool relay_ready(struct relay *r, char *why, size_t len);
/** Ends the thread, committing what is under way. True if it could not go on before; `why` then
 * says what to do. */
bool relay_end(struct relay *r, char *why, size_t len);

#endif
