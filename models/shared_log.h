/* SPDX-License-Identifier: Apache-2.0
 *
 * shared_log.h -- what a record of the model log (log_record.h) adds to the shared model.
 *
 *     shared_log_check()    can it be applied at all?                   nothing changed
 *     shared_log_resolve()  its items and categories get dense indices
 *     shared_log_add()      its increments, brought to the present landmarks, enter the view
 *
 * What is not a sum (S, centroids, landmarks, pruning, nets) is done by whoever applies the log
 * (learner_log.h). Increments of what is awaited (shared.h) are left out.
 *
 * Pure. Threads: one.
 */
#ifndef SHARED_LOG_H
#define SHARED_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "log_record.h"
#include "shared.h"
#include "status.h"

/** @return ST_OK; ST_INVALID: a domain that is not configured, an item that another domain has, or
 *  landmarks that are no whole number of half-lives before the present ones */
MUST_CHECK enum status shared_log_check(const struct shared *s, const struct log_record *r);

/** True if its landmarks are the present ones. */
bool shared_log_is_present(const struct shared *s, const struct log_record *r);

/** Indices of its items and categories, made where they are new; items get their names.
 *  @param items       out, (n_items,)
 *  @param categories  out, (n_categories,)
 *  @return ST_OK, ST_INVALID, ST_RANGE, ST_NOMEM */
MUST_CHECK enum status shared_log_resolve(struct shared *s, const struct log_record *r,
                                          uint32_t *items, uint32_t *categories);

/** Adds the parts PART_* of its increments. With PART_TAKES the recent lists are reminded, unless
 *  `known`: they have these takes. With PART_CONTEXTS the items' vectors are solved.
 *  @return ST_OK, ST_NOMEM (added in part) */
MUST_CHECK enum status shared_log_add(struct shared *s, const struct log_record *r,
                                      const uint32_t *items, const uint32_t *categories,
                                      unsigned parts, bool known);

#endif
