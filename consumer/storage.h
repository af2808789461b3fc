/* SPDX-License-Identifier: Apache-2.0
 *
 * storage.h -- crossrec's own topics, with what reads and writes them: what state = kafka needs of
 * the world.
 *
 *     crossrec-state        compacted, as many partitions as the input topics
 *     crossrec-model        one partition, kept until a snapshot holds it
 *     crossrec-model-items  one partition, compacted
 *     crossrec-triggers     as many partitions as the input topics, seven days
 *
 * Topics that do not exist are made; of those that do, what would lose state (a changelog that is
 * not compacted, another number of partitions) stops the start.
 *
 * Ownership: owns its handles. Threads: see the ports.
 */
#ifndef STORAGE_H
#define STORAGE_H

#include "config.h"
#include "instance.h"
#include "kafka.h"
#include "status.h"

struct storage; /* opaque */

/** @param err  out, CONFIG_ERROR_MAX bytes: what is wrong and what to type
 *  @return ST_OK, ST_INVALID, ST_IO, ST_AGAIN (brokers away), ST_NOMEM */
MUST_CHECK enum status storage_open(const struct config *cfg, struct storage **out, char *err);
void storage_close(struct storage *s);
/** Fills in what an instance needs of it; offsets of `consumer` are committed. */
void storage_ports(struct storage *s, struct kafka_consumer *consumer,
                   struct instance_ports *ports);
/** What keeps it from reading or writing, false if nothing. Any thread. */
bool storage_problem(struct storage *s, char *buf, size_t len);

#endif
