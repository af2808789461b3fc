/* SPDX-License-Identifier: Apache-2.0
 *
 * fault_producer.h -- a producer that sends each record once, or not at all.
 *
 * What crossrec itself produces with is idempotent, and gives up all that waits when
 * librdkafka 2.0.2 takes the death of a leader for an error of its own ("rewound sequence number");
 * nobody knows then what is in Kafka. Here a record whose fate is unknown is never sent again:
 * Kafka may lack some that were under way to a broker that was killed, and has none twice. What it
 * has is read afterwards.
 *
 * Threads: one.
 */
#ifndef FAULT_PRODUCER_H
#define FAULT_PRODUCER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct once; /* opaque */

struct once *once_new(const char *brokers);
void once_free(struct once *p);
/** Copies key, value (NULL: none) and the header `seq`; waits while the queue is full. */
void once_send(struct once *p, const char *topic, int32_t partition, const char *key,
               const void *value, size_t len, uint64_t seq);
void once_poll(struct once *p);
/** Waits until the fate of all is known. False: it is not after timeout_ms. */
bool once_flush(struct once *p, int timeout_ms);
/** Records that may have got lost. */
uint64_t once_failed(const struct once *p);

#endif
