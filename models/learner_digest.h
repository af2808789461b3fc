/* SPDX-License-Identifier: Apache-2.0
 *
 * learner_digest.h -- the shared model as a few numbers, so that instances can be compared.
 *
 * Of what the log says alone: what is pending is taken out first and put back (learner_log.h), and
 * nothing depends on dense indices. So learners at the same position have the same digests; where
 * two differ, they do not share one model. Of each part:
 *
 *     popularity   landmarks; per domain the events; per item the counts of all clocks, takes, n_i
 *     pairs        per neighbour of each list a, f and s, exactly; S_i
 *     categories   landmark; per item and per category g, n, repeats; T_bc
 *     contexts     per item n_i and b_i
 *     obs          landmark; per item obs and exp
 *     factors      S, its weight, n_U
 *     segments     scale of the votes, generation, centroids, spreads, weights
 *     nets         what each task published last, and the mean it moved to
 *
 * Left out, because undo does not take them back: first and last times, deals, recent lists;
 * because they are somebody's own: the votes and reviews of whoever writes the seeds; because they
 * are derived: top lists, vectors of items (learner_solve_all()).
 *
 * A digest of sums adds up a mixed 64-bit hash of each item (category, pair) that is not all 0: the
 * sum does not depend on the order. pairs is a function of the events alone, whatever the number of
 * instances and tasks, while no list was pruned and each user's events came in the same order.
 *
 * Costs one look at every pair of the model. Threads: the learner's.
 */
#ifndef LEARNER_DIGEST_H
#define LEARNER_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "learner.h"
#include "status.h"

enum learner_part {
    DIGEST_POPULARITY,
    DIGEST_PAIRS,
    DIGEST_CATEGORIES,
    DIGEST_CONTEXTS,
    DIGEST_OBS,
    DIGEST_FACTORS,
    DIGEST_SEGMENTS,
    DIGEST_NETS,
    DIGEST_PARTS
};

struct learner_digest {
    uint64_t parts[DIGEST_PARTS];
    uint64_t all;      /* of all parts, position, events and items   */
    uint64_t position; /* learner_log_position()                     */
    uint64_t events;   /* of all records                             */
    uint64_t items;    /* that the log has named                     */
    size_t pending;    /* deltas that were taken out: committed ones */
};

/** Name of a part: "popularity", ... */
const char *learner_part_str(enum learner_part part);

/** Of a learner with params.log that awaits no piece of a snapshot.
 *  @return ST_OK; ST_INVALID (it is not: nothing changed); ST_NOMEM (begin anew) */
MUST_CHECK enum status learner_digest(struct learner *l, struct learner_digest *out);

#endif
