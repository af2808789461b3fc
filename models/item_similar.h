/* SPDX-License-Identifier: Apache-2.0
 *
 * item_similar.h -- items of one domain that go with an item, of the same domain or of another.
 *
 * For an item i and a target domain, of every j of that domain that is among the neighbours of i
 * (pairs.h); while those are fewer than 2 n, also of the neighbours of i's ITEM_SIMILAR_HUBS
 * strongest neighbours (by a, ties by hash), whatever domain these are of:
 *
 *     together = a_ij / sqrt((n_i + 5)(n_j + 5))         n: takes (popularity.h)
 *     near     = c/(c + 20) max(0, cos(q_i, q_j))        c = min of their contexts (factors.h)
 *     score    = together + near/2
 *
 * The first says that the same users take both, one soon after the other, more than the popularity
 * of either explains; the second that the users who take the one are like those who take the
 * other, also where nobody took both yet, and counts little while either was taken little.
 * Only items that are available, have a name, are not blocked and have a score above 0; never i
 * itself.
 *
 * Linden, Smith, York: Amazon.com Recommendations, IEEE Internet Computing 2003, has the first with
 * sets for sequences.
 *
 * Pure: reads the shared model. Threads: the learner's.
 */
#ifndef ITEM_SIMILAR_H
#define ITEM_SIMILAR_H

#include <stdbool.h>
#include <stdint.h>

#include "rules.h"
#include "shared.h"

enum {
    ITEM_SIMILAR_MAX = 100,
    ITEM_SIMILAR_HUBS = 10,
    ITEM_SIMILAR_POOL = 4096, /* items looked at, at most */
};

struct item_similar {
    uint32_t item;
    float score;
};

/** The score of j beside i, two items of the model; 0 where nothing is known. Says nothing of
 *  availability and names. */
float item_similar_score(const struct shared *s, uint32_t i, uint32_t j);

/** The best n (at most ITEM_SIMILAR_MAX) for an item, best first, ties by hash; returns how many.
 *  0 for an item or domain that there is not.
 *  @param rules  of the target: what they block is passed over, boosts do nothing. NULL: none */
uint32_t item_similar_find(const struct shared *s, const struct rules_lens *rules, uint32_t item,
                           uint8_t target, uint32_t n, struct item_similar *out);

#endif
