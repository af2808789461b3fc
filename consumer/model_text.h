/* SPDX-License-Identifier: Apache-2.0
 *
 * model_text.h -- how far an instance has the shared model, as JSON for operators (GET /model).
 *
 *  {"ready":true,"progress":1,"lag_ms":0,"tasks":2,"position":48213,"pending":0,"pending_bytes":0,
 *   "events":40000,"items":1180,
 *   "landmarks":[1767225600000,...],                                     1, 7, 30 and 180 days
 *   "digests":{"all":"5b1f...","popularity":"09ac...","pairs":"...",...},
 *   "domains":{"food":{"events":20113,"top":[{"item":"f203","takes":88,
 *                                              "counts":["0000000002c1f000",...]},...]},...}}
 *
 * position: offset of the last record of the model's log that is in it, plus 1. Instances at the
 * same position have the same digests: of the log alone, without what is pending (learner_digest.h,
 * which names the parts); 16 hex digits each. While it is not ready there are none, and no domains.
 *
 * top: the items taken most, as this instance sees them (pending deltas too), most takings first,
 * then by id; counts: exact, at each landmark in 2^-27, 2^-24, 2^-22 and 2^-20 (popularity_bits),
 * two's complement in 16 hex digits.
 *
 * Pure. Threads: that of the learner.
 */
#ifndef MODEL_TEXT_H
#define MODEL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "learner.h"
#include "learner_digest.h"

enum { MODEL_TOP_MAX = 1000 };

struct model_state {
    const struct config *cfg;
    const struct shared *shared;
    bool ready;
    double progress;
    int64_t lag_ms;
    uint32_t tasks; /* that run here */
    uint32_t top;   /* items a domain that are shown, at most MODEL_TOP_MAX */
    size_t pending_bytes;
    struct learner_digest digest; /* if it is ready; else only position and pending */
};

/** malloc'ed, terminated, with a line end; NULL if out of memory. */
char *model_text(const struct model_state *state);

#endif
