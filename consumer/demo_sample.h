/* SPDX-License-Identifier: Apache-2.0
 *
 * demo_sample.h -- whom the demo follows: one user who is active in both domains.
 *
 * Looks at every event and keeps, in a table of fixed size, who has been seen in which
 * domains. The sample is the first user with an event in a second domain after a few in
 * all; when he has been quiet for a while, the next such user takes his place.
 * Two users who share a place in the table push each other out: a candidate is missed.
 *
 * Ownership: owns its table. Threads: one.
 */
#ifndef DEMO_SAMPLE_H
#define DEMO_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event.h"
#include "status.h"

struct demo_sample; /* opaque */

/** @param min_domains  how many domains make a user a sample: 2, or 1 where there is one
 *  @param quiet_ms     after this long without an event he is given up */
MUST_CHECK enum status demo_sample_new(uint32_t min_domains, int64_t quiet_ms,
                                       struct demo_sample **out);
void demo_sample_free(struct demo_sample *s);

enum demo_sample_sight {
    SAMPLE_OTHER,  /* an event of somebody else                         */
    SAMPLE_CHOSEN, /* its user is the sample from now on                */
    SAMPLE_EVENT,  /* an event of the sample, after he was chosen       */
};

/** Sees one event of `user` at the monotonic time now_ms. */
enum demo_sample_sight demo_sample_see(struct demo_sample *s, const char *user, size_t len,
                                       uint32_t domain, int64_t now_ms);
/** Is he known as a sample must be: in enough domains, with a few events? */
bool demo_sample_lively(const struct demo_sample *s, const char *user, size_t len);
/** Makes him the sample, whoever he is. held: he is not given up when he is quiet. */
void demo_sample_choose(struct demo_sample *s, const char *user, size_t len, bool held,
                        int64_t now_ms);
/** The domain he was seen in besides `domain`, lowest index first; `domain` if none. */
uint32_t demo_sample_other(const struct demo_sample *s, uint32_t domain);

#endif
