/* SPDX-License-Identifier: Apache-2.0
 *
 * feed.h -- events into the configured topics: Avro, Confluent wire format, keyed by user.
 *
 * Used by `crossrec replay`, by the demo and by tests as load generator. An event goes to
 * the first configured topic of its domain whose schema is CourseView, FoodOrder or
 * SocialInteraction, encoded in it. A CourseView or a SocialInteraction
 * carries one line: an event of several lines becomes several, with ids `id`, `id-1`, `id-2`,
 * ...; it has no quantity and no discount. A FoodOrder has no action. The record timestamp is now.
 *
 * Ownership: owns its encoders; the producer and the configuration are borrowed. Threads: one.
 */
#ifndef FEED_H
#define FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "decoded.h"
#include "kafka.h"
#include "shipped.h"
#include "status.h"

struct feed; /* opaque */

/** @param ids  (READERS,) schema ids to write; NULL: the shipped ones
 *  @return ST_OK, ST_NOMEM */
MUST_CHECK enum status feed_new(const struct config *cfg, struct kafka_producer *producer,
                                const uint32_t *ids, struct feed **out);
void feed_free(struct feed *f);

/**
 * Produces one event. Waits (serving the producer) while the local queue is full.
 * @param domain  index into cfg->domains
 * @return ST_OK, ST_NOT_FOUND (no topic of this domain), ST_INVALID (cannot be encoded),
 *         ST_NOMEM, ST_IO (refused by the producer, which has logged why)
 */
MUST_CHECK enum status feed_send(struct feed *f, uint32_t domain, const struct decoded *event);

/** The topic (index) that events of a domain go to; cfg->n_topics if there is none. */
uint32_t feed_topic(const struct feed *f, uint32_t domain);
/** The same before there is a feed; `reader` receives the schema that it is written in, if any. */
uint32_t feed_topic_of(const struct config *cfg, uint32_t domain, enum reader *reader);
/** The action of an event of this domain that names none: the reader's default. */
enum action feed_action(const struct feed *f, uint32_t domain);
/** False where the topic's schema has no action, so that every event is the default one. */
bool feed_has_action(const struct feed *f, uint32_t domain);

/** Records produced so far. */
uint64_t feed_records(const struct feed *f);

#endif
