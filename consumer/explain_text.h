/* SPDX-License-Identifier: Apache-2.0
 *
 * explain_text.h -- what stands behind a user's list, as JSON for operators (GET /explain).
 *
 *  {"user":"u17","target":"food","task":2,"ts":<ms used in ranking>,
 *   "segment":3|null,"lifecycle":"returning","social":1.3,"events":{"course":12,"food":0},
 *   "personalised":true,"served":"full"|"twin","lead":<nats>,"candidates":412,
 *   "items":[{"id":"f203","score":4.61,"reason":"together","category":"pasta",
 *             "because":{"item":"c17","domain":"course","category":"cooking"},
 *             "propensity":.0025,
 *             "parts":{"popular":-.2,"trending":.1,"together":3.1,...}},...],
 *   "similar":[{"user":"u9","cosine":.93},...]}
 *
 * `social`: how many other users he has to do with, the old and the slight ties counting less
 * (engagement.h); 0 also where nobody is known, as events do not say with whom.
 *
 * `because`, `category` and `propensity` are left out where there are none. Nothing is held back,
 * unlike in a list that a partner reads: of a history item the id is told whatever its domain.
 *
 * Pure. Threads: that of the learner.
 */
#ifndef EXPLAIN_TEXT_H
#define EXPLAIN_TEXT_H

#include <stdint.h>

#include "config.h"
#include "learner.h"

struct explained {
    const struct config *cfg;
    const struct learner *learner;
    uint32_t task, user; /* slot of a user that is there */
    uint8_t target;
    int64_t now_ms; /* that the list was ranked for */
    const struct explanation *why;
};

/** malloc'ed, terminated, with a line end; NULL if out of memory. */
char *explain_text(const struct explained *e);

#endif
