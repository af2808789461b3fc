/* SPDX-License-Identifier: Apache-2.0
 *
 * eval_order.h -- which lines of a stream are one event, which events are tested before any of
 * them is learned, and the disturbances that show what a figure rests on.
 *
 * A moment is a run of neighbouring lines of equal time.
 *
 *     events    a line each; orders: the lines of a moment that have the same user, domain and
 *               action (at most EVENT_LINES_MAX, the rest is another event)
 *     batches   an event each; orders: the events of a user in a moment; days: the events of a
 *               run of neighbouring lines of the same day (UTC)
 *
 * All events of a batch are tested before any of them is learned.
 *
 * Threads: none assumed. Replay: a function of stream and seed.
 */
#ifndef EVAL_ORDER_H
#define EVAL_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "eval_stream.h"
#include "status.h"

/** Renames the users of every domain but the first, by a random permutation of the users that
 *  have lines in this domain: nothing links a user's histories any more, and all else stays.
 *  @return ST_OK, ST_NOMEM (some domains may be permuted) */
MUST_CHECK enum status eval_order_permute_links(struct eval_stream *s, uint64_t seed);

/** The lines of one user in one moment change places among themselves, at random.
 *  @return ST_OK, ST_NOMEM (some moments may be shuffled) */
MUST_CHECK enum status eval_order_shuffle(struct eval_stream *s, uint64_t seed);

/** Puts the lines of an order next to one another, at the place of its user's first line of the
 *  moment; needed before eval_order_event() and _batch() with `orders`.
 *  @return ST_OK, ST_NOMEM (some moments may be joined) */
MUST_CHECK enum status eval_order_join(struct eval_stream *s);

/** End of the event that begins at line `at`, below s->n. */
size_t eval_order_event(const struct eval_stream *s, size_t at, bool orders);
/** End of the batch that begins at line `at`: the end of an event, too. */
size_t eval_order_batch(const struct eval_stream *s, size_t at, bool orders, bool days);

#endif
