/* SPDX-License-Identifier: Apache-2.0
 *
 * segments_text.h -- what the segments of users are, as JSON for operators (GET /segments).
 *
 *  {"ts":<ms>,"users":81234,"counted":40617,
 *   "segments":[{"segment":0,"users":9412,"share":.23,
 *                "title":"frequent evening diners, beginners in data courses",
 *                "detail":"23.2 % of users; food: ramen 31 %, sushi 12 %; course: data 40 %",
 *                "domains":{"food":{"habit":"frequent",
 *                                   "z":{"recency":-.7,"frequency":1.1,"money":.9,"l7":1,"l28":1.2},
 *                                   "categories":[{"category":"ramen","share":.31},...]},...}},...],
 *   "engagement":{"dau":1210,"mau":20044,"stickiness":.06,
 *                 "domains":{"food":{"dau":902,"mau":15100,"stickiness":.06},...},
 *                 "overlaps":[{"domains":["course","food"],"dau":31,"mau":2800,"stickiness":.01}]}}
 *
 * Numbers of users are of those that were `counted` among the `users` of this instance: all of
 * them, or one in so many (learner.h). Formulas: persona.h, engagement.h. No segments before
 * seeding.
 *
 * Pure. Threads: that of the learner.
 */
#ifndef SEGMENTS_TEXT_H
#define SEGMENTS_TEXT_H

#include <stdint.h>

#include "config.h"
#include "learner.h"

/** Of cards that learner_segments() told for `now_ms`; `content` is that learner's. malloc'ed,
 *  terminated, with a line end; NULL if out of memory. */
char *segments_text(const struct config *cfg, const struct content *content,
                    const struct segment_cards *cards, int64_t now_ms);

#endif
