/* SPDX-License-Identifier: Apache-2.0
 *
 * demo_fires.h -- triggers as they fire: read, committed ones only, from their Kafka topic, as
 * anybody may; whether a stream in Redis has them already says the stream's last id.
 *
 * Many may fire in a second: of those of others one is kept every DEMO_FIRES_GAP_MS; of the
 * favourite all are.
 *
 * Ownership: owns its reader; configuration and store are borrowed. Threads: one.
 */
#ifndef DEMO_FIRES_H
#define DEMO_FIRES_H

#include <stdint.h>

#include "config.h"
#include "ports.h"
#include "status.h"
#include "trigger.h"

enum { DEMO_FIRES = 32, DEMO_FIRE_WHAT = 96, DEMO_FIRES_GAP_MS = 500 };

struct demo_fire {
    struct entry_id id;
    int32_t partition;
    uint8_t target; /* index of a domain */
    bool relayed;   /* its stream has it */
    char name[CONFIG_NAME_MAX], user[ID_LEN_MAX + 1];
    char what[DEMO_FIRE_WHAT]; /* "noodles", "returning > dormant", ... */
};

struct demo_fires; /* opaque */

/** Of cfg->n_triggers 0, or of state = memory, there is nothing to be read: *out is NULL. Blocks
 * some seconds at most. @return ST_OK, ST_NOMEM, ST_IO with why in `err` (CONFIG_ERROR_MAX bytes)
 */
MUST_CHECK enum status demo_fires_new(const struct config *cfg, int32_t partitions,
                                      const struct store *store, struct demo_fires **out,
                                      char *err);
void demo_fires_free(struct demo_fires *f);
/** Takes what is there. `f` NULL is allowed. @param favourite  a user's id */
void demo_fires_look(struct demo_fires *f, const char *favourite, int64_t now_ms);
/** The k-th newest, at most DEMO_FIRES; NULL: there is none. */
const struct demo_fire *demo_fires_at(const struct demo_fires *f, uint32_t k);

#endif
