/* SPDX-License-Identifier: Apache-2.0
 *
 * people.h -- what users said about themselves: consent, requests, coarse bands.
 *
 * From the global topics of profiles and privacy requests, by 64-bit hash of the user id. No id, no
 * exact age and no place is kept. The newest statement by its time counts (ties: the later taken);
 * without a time, the later taken. Times before 1970 count as 1 ms after it began, those after 6429
 * as its last.
 *
 * An erasure also takes the bands of profiles up to its time, whichever is read first, and of those
 * without a time; consent stays: a withdrawal must not be forgotten.
 *
 * Ownership: owns its table. Threads: one.
 */
#ifndef PEOPLE_H
#define PEOPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoded.h"
#include "status.h"

struct people; /* opaque: open addressing, 32 bytes a user that said something */

struct person {        /* zero: nothing is known */
    int64_t erased_ms; /* events up to this time are never learned again; 0: none */
    uint8_t consent;   /* enum consent        */
    bool stopped;      /* asked to be left alone: nothing is learned, nothing is shown */
    uint8_t age_band;
    char country[2];
};

MUST_CHECK enum status people_new(struct people **out);
void people_free(struct people *p);
/** @return ST_OK, ST_NOMEM */
MUST_CHECK enum status people_profile(struct people *p, uint64_t user,
                                      const struct decoded_profile *profile);
/** ERASE: erased_ms is the request's time (the latest one's); without a time it says nothing, so
 * the caller puts the record's. STOP, RESUME: stopped. @return ST_OK, ST_NOMEM */
MUST_CHECK enum status people_request(struct people *p, uint64_t user,
                                      const struct decoded_privacy *request);
struct person people_get(const struct people *p, uint64_t user);
/** May an event of this user at this time be learned? No after withdrawal or stop, and none up to
 * the erasure. */
bool people_may_learn(const struct people *p, uint64_t user, int64_t ts_ms);
/** May lists of this user be made? */
bool people_may_show(const struct people *p, uint64_t user);
size_t people_n(const struct people *p);

#endif
