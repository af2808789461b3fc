/* SPDX-License-Identifier: Apache-2.0
 *
 * card_text.h -- cards of users and of segments of users for a partner: what they say, when it is
 * something else to a reader, and the members of their JSON values (rec.h has the rest).
 *
 *  user     "segment":3|null,"lifecycle":"returning",
 *           "engagement":{"level":"medium","score":.214},
 *           "counts":{"takes":12,"days":6,"last":<ms>|null,"money":31.5},
 *           "categories":[{"category":"ramen","share":.41},...],"elsewhere":["data",...]
 *  segment  "users":412,"counted":206,"share":.12,"persona":"frequent evening diners",
 *           "traits":[{"domain":"food","feature":"l7","z":1.1,"words":"more days a week"},...],
 *           "categories":[...],"elsewhere":[...]
 *
 * Counts, money and engagement are of the target's domain alone; of other domains there are names
 * of categories, no shares, no counts, no items. Segment, persona, traits and lifecycle are of all
 * domains together.
 *   engagement: score = active days of the last 28, divided by 28 (engagement.h: J of the domain);
 *       level none 0 days, low 1 to 3, medium 4 to 11, high from 12 on
 *   money: what was spent, decayed with a half-life of 30 days (user.h); left out where there is
 * none categories: those with a name that are strongest (user.h: v), share of all takings of the
 *       domain with a category; at most CARD_OWN. elsewhere: at most CARD_ELSEWHERE
 *   traits: z-scores of the segment's centroid, those of at least .5 either way, the largest first,
 *       at most CARD_TRAITS
 *
 * Digests leave out what changes all the time and says little: scores, shares, money, z, and of
 * users and counted all but two digits. `counts` of a user are in his.
 *
 * Pure. Names are borrowed of the content. Threads: the learner's.
 */
#ifndef CARD_TEXT_H
#define CARD_TEXT_H

#include <stdint.h>

#include "config.h"
#include "learner.h"
#include "user_features.h"

enum { CARD_OWN = 5, CARD_ELSEWHERE = 8, CARD_TRAITS = 8 };

struct card_category {
    const char *name; /* (len,) */
    uint16_t len;
    float share;
};

struct user_card {
    int segment; /* -1: none */
    enum lifecycle lifecycle;
    uint32_t takes, days; /* lines; active days of the last 28 */
    int64_t last_ms;      /* 0: never */
    float score;
    double money;
    uint32_t n_own, n_elsewhere;
    struct card_category own[CARD_OWN];
    struct card_category elsewhere[CARD_ELSEWHERE]; /* without shares */
};

/** The card of a user for the partner whose domain `target` is. */
void user_card_of(const struct user *u, const struct content *content, uint32_t n_domains,
                  uint8_t target, int64_t now_ms, struct user_card *out);
uint32_t user_card_digest(const struct user_card *card);
/** malloc'ed, *len bytes, at most REC_BODY_MAX; NULL: out of memory. */
char *user_card_text(const struct user_card *card, size_t *len);

/* A segment for a partner. */
struct segment_view {
    const struct config *cfg;
    const struct content *content;
    const struct segment_card *card; /* of the learner */
    uint64_t users;                  /* as far as is known, of all instances */
    uint8_t target;
};

uint64_t segment_card_digest(const struct segment_view *v);
char *segment_card_text(const struct segment_view *v, size_t *len);

#endif
