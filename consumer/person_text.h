/* SPDX-License-Identifier: Apache-2.0
 *
 * person_text.h -- what is known of a user, as JSON for operators: GET /get and GET /explain but
 * for the lists (explain_text.h).
 *
 *  {"user":"u17","task":2,"partitions":4,"ts":<ms of ranking>,
 *   "ids":{"course":"u17","food":"9f2c..."|null},   as the partner finds him in Redis
 *   "consent":"given"|"withdrawn"|"unknown","stopped":false,"erased_ms":null,
 *   "lifecycle":"returning","social":1.3,
 *   "engagement":{"days_7":3,"days_28":12,"stickiness":.43,
 *                 "overlaps":[{"domains":["course","food"],"days":2}]},
 *   "events":{"course":12,"food":0},
 *   "domains":{"course":{"events":12,"last_ms":<ms>|null,"days_7":1,"days_28":4,
 *                        "rate":7.1,"money":120.5,
 *                        "categories":[{"category":"python","share":.4},...]},...},
 *   "segment":3|null,
 *   "place":{"nearest":3,"title":"frequent evening diners","share":.23,
 *            "other":5,"other_title":"quiet users",
 *            "features":[{"domain":"food","feature":"frequency","z":1.8,"segment_z":1.6,
 *                         "pull":2.2,"words":"does far more in food than most"},...]},
 *   "history":[{"ts":<ms>,"action":"order","item":"f203","domain":"food","category":"pasta"},...],
 *   "lists":[...],"similar":[...]}
 *
 * `social`: how many other users he has to do with, the old and the slight ties counting less
 * (engagement.h). `rate` and `money`: decayed sums, half-life 30 d. `features`: all of them, the
 * one that pulls most first: by how much each brings him nearer to his segment than to `other`, of
 * the squared distance in standard deviations; titles are left out while nobody has counted the
 * segments, `place` before there are any. `history`: the newest PERSON_HISTORY, newest first.
 *
 * Pure. Threads: that of the learner.
 */
#ifndef PERSON_TEXT_H
#define PERSON_TEXT_H

#include <stdint.h>

#include "config.h"
#include "learner.h"
#include "page.h"
#include "people.h"

enum { PERSON_HISTORY = 20, PERSON_CATEGORIES = 5 };

struct person_known {
    const struct config *cfg;
    const struct learner *learner;
    uint32_t task, user; /* slot of a user that is there */
    uint32_t partitions; /* of each input topic          */
    int64_t now_ms;
    struct person said;
    const struct segment_cards *cards; /* NULL: nobody has counted */
    bool has_id[DOMAINS_MAX];          /* else he has none at that partner */
    uint16_t id_len[DOMAINS_MAX];
    char id[DOMAINS_MAX][ID_LEN_MAX]; /* as the partner finds him in Redis */
};

/** Opens the object and writes everything up to "history"; whoever writes on closes it. */
void person_text(struct page *p, const struct person_known *k);

/** "does far more in food than most": z-score z of a feature (user_features.h). Terminated. */
void person_words(const char *domain, uint32_t feature, float z, char *out, size_t len);

/** "unknown", "given", "withdrawn". */
const char *person_consent_str(uint8_t consent);

#endif
