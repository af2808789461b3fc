/* SPDX-License-Identifier: Apache-2.0
 *
 * demo_rows.h -- rows of the catalogue into the topics of the configuration (kind = item), each
 * when its item is born.
 *
 * Ownership: owns its encoder; the rest is borrowed. Threads: that of demo_events_next().
 */
#ifndef DEMO_ROWS_H
#define DEMO_ROWS_H

#include <stdint.h>

#include "config.h"
#include "demo_events.h"
#include "kafka.h"
#include "status.h"

struct demo_rows; /* opaque */

MUST_CHECK enum status demo_rows_new(const struct config *cfg, struct demo_events *events,
                                     struct kafka_producer *producer, struct demo_rows **out);
void demo_rows_free(struct demo_rows *r);
/** Produces all rows up to this time. @return ST_OK, ST_IO, or as encode_item() */
MUST_CHECK enum status demo_rows_send(struct demo_rows *r, int64_t until_ms);

#endif
