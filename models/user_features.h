/* SPDX-License-Identifier: Apache-2.0
 *
 * user_features.h -- a user as a vector for segmentation: FEATURES_PER_DOMAIN numbers a domain.
 *
 *     recency    lg(1 + hours since the user's last event in the domain); 16 if none
 *     frequency  ln(1 + rate),  rate  = decayed events, half-life 30 d
 *     money      ln(1 + money), money = decayed amount, half-life 30 d
 *     L7, L28    active days of the last 7 and 28, divided by 7 and 28
 *
 * One event moves recency and L7 a lot and says little. A user's typical vector is the mean over
 * his active UTC days, older ones counting less; segments look at that:
 *     m <- m + (x - m)/n      x at the day's first event, that event taken
 *     n = active days so far, this one included, at most FEATURES_DAYS
 *
 * and the lifecycle by event time, one formula; days are UTC days ending with that of
 * now_ms, of all domains together; the first line that holds counts:
 *     new          no event at all, or the first one among the last 7 days (or later)
 *     dormant      no event in the last 28 days
 *     resurrected  active in the last 7 days, none in the 21 days before them (the first
 *                  event is then earlier than that)
 *     returning    every other active user
 *
 * Pure functions of a user block and a time. Threads: any.
 */
#ifndef USER_FEATURES_H
#define USER_FEATURES_H

#include <stdbool.h>
#include <stdint.h>

#include "user.h"

enum {
    FEATURES_MAX = FEATURES_PER_DOMAIN * DOMAINS_MAX,
    FEATURES_DAYS = 30,
};

enum lifecycle { LIFECYCLE_NEW, LIFECYCLE_RETURNING, LIFECYCLE_RESURRECTED, LIFECYCLE_DORMANT };

/** x, (FEATURES_PER_DOMAIN * n_domains,), domain-major; every value finite. Hours and
 *  decay since an event later than now_ms are 0. */
void features_of(const struct user *u, uint32_t n_domains, int64_t now_ms, float *x);

/** Takes the vector x (dims,) of a new day into the typical vector m (dims,); `days` is what the
 *  last call returned, 0 at first: then m need not hold anything. Returns the days that m stands
 *  for, at most FEATURES_DAYS. */
uint32_t features_typical(float *m, const float *x, uint32_t dims, uint32_t days);

/** The stored form of a feature: units of 2^-10, ties away from zero, saturating at +-32767. */
int16_t features_pack(float x);
float features_unpack(int16_t v);

/** Keeps a user's typical vector up: on the first event of a UTC day, at the time of his newest
 *  event. False if there was nothing to do. */
bool features_keep_typical(struct user *u, uint32_t n_domains);
/** The typical vector, as x of features_of(). Zeros before the first features_keep_typical(). */
void features_typical_of(const struct user *u, uint32_t n_domains, float *x);

/** The user's lifecycle at now_ms; a user without events is new. */
enum lifecycle features_lifecycle(const struct user *u, uint32_t n_domains, int64_t now_ms);

/** "recency", "frequency", "money", "l7", "l28": feature k < FEATURES_PER_DOMAIN of a domain. */
const char *feature_str(uint32_t k);

/** "new", "returning", "resurrected", "dormant". */
const char *lifecycle_str(enum lifecycle l);

#endif
