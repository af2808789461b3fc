/* SPDX-License-Identifier: Apache-2.0
 *
 * prequential.h -- test, then learn: hits of two models on the same events.
 *
 * Gama, Sebastiao, Rodrigues: On evaluating stream learning algorithms, ML 2013.
 * A tested line adds one to n and one to the hits of each model that had the item
 * among its top ten; a window of the last `window` lines gives the rolling recall.
 *
 * Plain counters a domain. Ownership: owns its window. Threads: one.
 */
#ifndef PREQUENTIAL_H
#define PREQUENTIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "event.h"
#include "status.h"

struct prequential_counts {
    uint64_t n;                         /* lines tested                       */
    uint64_t model;                     /* hits of the model                  */
    uint64_t baseline;                  /* hits of decayed popularity (7 d)   */
    uint64_t only_model, only_baseline; /* discordant pairs, for McNemar */
};

struct prequential; /* opaque */

/** @param n_domains  1..DOMAINS_MAX
 *  @param window  lines of the rolling window, 1..1e6. @return ST_OK, ST_INVALID, ST_NOMEM */
MUST_CHECK enum status prequential_new(uint32_t n_domains, uint32_t window,
                                       struct prequential **out);
void prequential_free(struct prequential *p);

/** One tested line. A domain that does not exist is not counted. */
void prequential_add(struct prequential *p, uint8_t domain, bool model, bool baseline);

/** Whole stream, and the rolling window; `domain` DOMAINS_MAX means all domains. */
struct prequential_counts prequential_total(const struct prequential *p, uint32_t domain);
struct prequential_counts prequential_rolling(const struct prequential *p, uint32_t domain);

/** McNemar's chi-squared with continuity correction, (|b-c|-1)^2/(b+c); 0 if b+c = 0. */
double prequential_mcnemar(const struct prequential_counts *c);

#endif
