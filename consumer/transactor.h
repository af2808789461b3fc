/* SPDX-License-Identifier: Apache-2.0
 *
 * transactor.h -- a transactional producer beside a consumer whose offsets it commits, as the
 * pipeline sees it (struct transactions): made anew when nobody knows what became of a commit.
 *
 * Threads: one, transactor_new() and transactor_free() apart.
 */
#ifndef TRANSACTOR_H
#define TRANSACTOR_H

#include "config.h"
#include "kafka.h"
#include "ports.h"
#include "status.h"

struct transactor; /* opaque */

/** @param id  transactional id, copied; whoever takes it later fences this one
 *  @return as kafka_tx_new() */
MUST_CHECK enum status transactor_new(const struct config *cfg, const char *id,
                                      struct transactor **out, char *err);
/** Gives an open transaction up. NULL is allowed. */
void transactor_free(struct transactor *t);
/** Whose offsets are committed; before the first begin. Borrowed. */
void transactor_join(struct transactor *t, struct kafka_consumer *consumer);
struct transactions transactor_port(struct transactor *t);

#endif
