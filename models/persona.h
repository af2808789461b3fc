/* SPDX-License-Identifier: Apache-2.0
 *
 * persona.h -- a segment in words: "frequent evening diners, beginners in data courses".
 *
 * Words follow from numbers. Of each domain the z-scores of the segment's centroid: r recency
 * (more is longer ago), f frequency, m money; the first line that holds gives the habit:
 *     none         r >= .5 and f <= -.25        the segment is not to be found there
 *     lapsed       r >= .5                      was, and came long ago
 *     frequent     f >= .5                      "very frequent" from 1.5 on
 *     beginner     r <= -.25 and f <= .25       came just now, and not often
 *     occasional   everything else
 * Money, unless none or beginner, beside frequency: m - f >= .5 "high-spending", m - f <= -.5
 * "thrifty"; m = 0 says that the domain has no money. Part of the day: the one with the largest
 * share if that is >= .4 and >= 1.2 times everybody's, unless none or beginner. Category, of
 * beginners: the first if its share is >= .25.
 *
 * The title has a phrase a domain, at most PERSONA_PHRASES: frequent ones first, then beginners,
 * occasional, lapsed; within a habit larger f first, then the smaller index:
 *     [very] frequent|occasional|lapsed [high-spending|thrifty] [evening] DOERS
 *     beginners in [CATEGORY] THINGS
 * DOERS and THINGS are chosen by the name of the domain (persona.c has the table): food diners,
 * course learners and courses; else "NAME users". Where all habits are none: "quiet users".
 *
 * Names are UTF-8 from outside: cut between characters, not escaped. Pure functions of their
 * arguments. Threads: any.
 */
#ifndef PERSONA_H
#define PERSONA_H

#include <stdint.h>

#include "event.h"
#include "user_features.h"

enum {
    PERSONA_PARTS = 4, /* of the day: from 0, 6, 12, 18 o'clock              */
    PERSONA_PHRASES = 3,
    PERSONA_TOP = 3,       /* categories shown a domain                     */
    PERSONA_NAME_MAX = 40, /* bytes of a name that are shown                 */
};

enum persona_habit {
    PERSONA_FREQUENT,
    PERSONA_BEGINNER,
    PERSONA_OCCASIONAL,
    PERSONA_LAPSED,
    PERSONA_NONE,
};

struct persona_category {
    const char *name; /* borrowed, terminated */
    float share;      /* of the segment's events in the domain, in [0, 1] */
};

struct persona_domain {
    const char *name;                   /* of the domain, borrowed, terminated                    */
    float z[FEATURES_PER_DOMAIN];       /* as user_features.h orders them                         */
    float part[PERSONA_PARTS];          /* shares of the segment's events; all 0: unknown         */
    float part_all[PERSONA_PARTS];      /* the same of everybody                                  */
    const struct persona_category *top; /* (n_top,) borrowed, largest share first            */
    uint32_t n_top;
};

struct persona {
    char title[160];
    char detail[480]; /* "12 % of users; food: ramen 31 %, sushi 12 %; course: data 40 %" */
    enum persona_habit habit[DOMAINS_MAX];
    float share; /* of all users, in [0, 1] */
};

/** Describes a segment of `size` among `all` users (all 0: share 0). Domains without named
 *  categories and those with habit none are not in `detail`; what does not fit is left out as
 *  a whole. n_domains is 1..DOMAINS_MAX. A NaN in z counts as 0. */
void persona_describe(const struct persona_domain *domains, uint32_t n_domains, double size,
                      double all, struct persona *out);

/** "frequent", "beginner", "occasional", "lapsed", "none". */
const char *persona_habit_str(enum persona_habit habit);

#endif
