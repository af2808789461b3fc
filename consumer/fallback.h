/* SPDX-License-Identifier: Apache-2.0
 *
 * fallback.h -- defaults of the reader's fields as constants of a plan.
 *
 * Threads: one a plan.
 */
#ifndef FALLBACK_H
#define FALLBACK_H

#include <stdint.h>

#include "plan.h"

/** Appends to the constants what is wanted at `at` of the default of reader field `f`. Failures
 *  stay in the plan. */
void fallback_field(struct plan *p, uint32_t at, const struct schema_field *f);

#endif
