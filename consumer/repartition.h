/* SPDX-License-Identifier: Apache-2.0
 *
 * repartition.h -- intake = repartition: partners' topics, whatever their partition counts,
 * partitioners and user ids, become one topic of events keyed by user.
 *
 *     raw topics -> decode, map, check -> identity: {domain, id} -> user -> crossrec-events
 *                                     \-> dead letters
 *
 * A thread of its own, in the group <group>-intake, with transactions of its own: events, dead
 * letters and offsets of a batch are committed together, so that each raw record becomes one event
 * however often anything is killed. Partitions of raw topics are shared out among the instances one
 * by one: order matters within a raw partition only, and the tasks merge by time.
 *
 * The identity topic is read to its end before the first batch; a row whose schema is being asked
 * for is waited for. Whoever is not linked (yet) is the user `domain/id` (identity.h). An event
 * keeps its id with the domain before it, so that two partners may use the same ids; one without an
 * id is named by its place in the raw topic.
 *
 * Records of a batch are kept until it is known to be committed: an abort sends them again, unless
 * the assignment is over. A record whose schema is being asked for pauses its partition. What
 * map.action says to ignore becomes nothing; its offset is passed with the others.
 *
 * Threads: repartition_start() makes its thread; it alone uses the ports.
 */
#ifndef REPARTITION_H
#define REPARTITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "ports.h"
#include "status.h"

struct repartition; /* opaque */

struct repartition_ports {
    struct source source; /* of cfg->raws, in the intake's group; -1 is "where the group stands" */
    struct transactions transactions;
    struct globals identities; /* topic = index into cfg->globals; poll NULL: there are none */
    void (*failed)(void *ctx); /* it cannot go on (fenced, out of memory): called once */
    void *failed_ctx;
};

/** @param lookup  writer schemas by id, NULL: see intake.h; it and `cfg` must outlive it
 *  @param err  out, CONFIG_ERROR_MAX bytes
 *  @return ST_OK, ST_INVALID (a mapping or schema), ST_IO, ST_NOMEM */
MUST_CHECK enum status repartition_new(const struct config *cfg, const struct lookup *lookup,
                                       struct repartition **out, char *err);
/** To be given to the source before it is polled. */
struct rebalance_ops repartition_rebalance(struct repartition *r);
/** Starts the thread; the ports must outlive it. @return ST_OK, ST_IO (no thread) */
MUST_CHECK enum status repartition_start(struct repartition *r,
                                         const struct repartition_ports *ports);
/** Commits what is under way, trying again for at most 5 s beside the calls under way, and ends the
 *  thread. NULL is allowed. */
void repartition_stop(struct repartition *r);
/** NULL is allowed. The source must have been closed. */
void repartition_free(struct repartition *r);
/** True if it runs and nothing is wrong; else the reason. Any thread. */
bool repartition_ready(struct repartition *r, char *why, size_t len);
/** It cannot go on. After its end. */
bool repartition_failed(const struct repartition *r);

#endif
