/* SPDX-License-Identifier: Apache-2.0
 *
 * segment_scan.h -- a look at the users of each segment, in slices: who they are, and what they
 * take.
 *
 * Users are those of all open tasks of one learner, by the label that they have when they are come
 * to; where there are more than LEARNER_SEGMENTS_SCAN, one in n, evenly. Users without a label are
 * counted, but in no segment.
 *
 * A segment's top items of a domain are what its members take there, smoothed by what everybody
 * takes, so that a few members are no noise:
 *
 *     t_si   = sum over counted members of 2^(-(now - t)/30 d)   t: the member's newest event with
 *                                    item i among his history (user.h), so each counts at most once
 *     p_i    = item i's share of the domain by 30-day popularity
 *     score  = (t_si + 100 p_i)/(T_s + 100)                      T_s = sum of t_si over the domain
 *
 * which is a share: an item that nobody of the segment took has what everybody takes of it, as long
 * as the segment took little. Only items that are available, have a name, and that no rule
 * (rules.h) blocks for the segment when they are come to; those that nobody took yet come last,
 * with a score of 0. So n of them are there wherever n exist. Reason: taste where the score is at
 * least 1.25 p_i (the segment takes it more than others do), else popular. Where a group has
 * several instances, this one's users are a sample of all, drawn by the hash of the user id.
 *
 * Ownership: owns its sums: n_segments floats an item and doubles a category; it keeps nothing of
 * the learner. Threads: that of the learner. A learner that changes between slices is no error: the
 * look is at different users at slightly different times.
 */
#ifndef SEGMENT_SCAN_H
#define SEGMENT_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "learner.h"
#include "list.h"

#define SEGMENT_SCAN_HALF_LIFE_MS (INT64_C(30) * 86400000)
#define SEGMENT_SCAN_PRIOR        100.0
#define SEGMENT_SCAN_LIFT         1.25

struct segment_scan; /* opaque */

/** Begins one at now_ms. @param with_items  also what they take. @return ST_OK, ST_NOMEM */
MUST_CHECK enum status segment_scan_new(const struct learner *l, int64_t now_ms, bool with_items,
                                        struct segment_scan **out);
void segment_scan_free(struct segment_scan *s);

/** Looks at up to n more users, or so many times 16 items. @return true while there are more */
bool segment_scan_step(struct segment_scan *s, const struct learner *l, uint32_t n);

/** Are the segments those that it began with? If not, what it says is of segments that are gone. */
bool segment_scan_stands(const struct segment_scan *s, const struct learner *l);

/** After the last step: what the segments are.
 *  @param domain_names  (n_domains,) terminated, for the words; not kept */
void segment_scan_cards(const struct segment_scan *s, const struct learner *l,
                        const char *const *domain_names, struct segment_cards *out);

/** After the last step, with items: the best n (at most LIST_MAX) of a domain, not personalised;
 *  empty for a segment or domain that there is not. */
void segment_scan_top(const struct segment_scan *s, uint32_t segment, uint8_t domain, uint32_t n,
                      struct list *out);

#endif
