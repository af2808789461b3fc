/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon.h -- an instance with its adapters: what `crossrec run` is, and what the demo runs.
 *
 * daemon_new() makes consumer, producer, Redis client, schemas, admin endpoint and instance
 * from the configuration; daemon_run() is the learner's loop on the calling thread.
 *
 * Ownership: owns all of them. `cfg` must outlive it.
 */
#ifndef DAEMON_H
#define DAEMON_H

#include <stdint.h>

#include "config.h"
#include "instance.h"
#include "status.h"

struct daemon; /* opaque */

/** @param err  out, CONFIG_ERROR_MAX bytes: what is wrong and what to type */
MUST_CHECK enum status daemon_new(const struct config *cfg, struct daemon **out, char *err);
/** Runs until daemon_stop() or a fatal error, then closes the consumer (leaves the group).
 *  @return as instance_run(); of ST_LOST free it, and make and run a new one */
MUST_CHECK enum status daemon_run(struct daemon *d, char *err);
/** Any thread and signal handlers. */
void daemon_stop(struct daemon *d);
struct instance *daemon_instance(struct daemon *d);
/** Port of the admin endpoint, 0 if off. */
uint16_t daemon_http_port(const struct daemon *d);
void daemon_free(struct daemon *d);

/** Registers label values of the metrics (domains, topics, reasons, states). */
MUST_CHECK enum status daemon_label_metrics(const struct config *cfg);

#endif
