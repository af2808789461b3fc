/* SPDX-License-Identifier: Apache-2.0
 *
 * fault_proof.h -- what must be true when all is over, whatever was hurt.
 *
 * Everything that can be seen from outside is written into the round's folder, and check.py
 * compares it with what reference.py says must have come out:
 *
 *     sent.tsv      what was sent (fault_input.h)
 *     input.tsv     seq, incarnation, topic index, partition, offset: what Kafka has
 *     ends.tsv      topic, partition, end
 *     letters.tsv   topic, partition, offset, reason, value in hex, "-" none
 *     redis.tsv     key, value of every string under the prefix
 *     second.tsv    the same of an instance that began with nothing but the durable state
 *     state.jsonl   crossrec state dump; absent with crossrec.state = memory
 *     outbox.tsv, streams.tsv, relayed.tsv   triggers (fault_triggers.h)
 *     facts.json    what else the checker has to know
 *
 * Threads: the main thread.
 */
#ifndef FAULT_PROOF_H
#define FAULT_PROOF_H

#include <stdbool.h>
#include <stdint.h>

#include "fault_round.h"

struct proof_ends {
    int64_t end[INPUT_TOPICS][ROUND_PARTITIONS];
};

bool proof_ends_of(const struct round *r, struct proof_ends *out);
/** Does `published` of every task, under a prefix of Redis, say these ends? */
bool proof_published(const struct round *r, const char *prefix, const struct proof_ends *ends);
/** Does it say of every task that everybody was ranked again since then (wall clock)? */
bool proof_refreshed(const struct round *r, const char *prefix, int64_t since_ms);
/** Every string under a prefix into a file. */
bool proof_read_redis(const struct round *r, const char *prefix, const char *name);

/** Appends what the input topics hold to input.tsv as an incarnation (1, 2, ...): before a topic is
 *  deleted. `topic` -1: all. */
bool proof_read_input(struct round *r, int incarnation, int topic);

/** Writes the files, runs the checker, and fills in lost, doubled and errors of the round; fails
 * the round if anything is wrong. */
void proof_check(struct round *r);

#endif
