/* SPDX-License-Identifier: Apache-2.0
 *
 * engagement.c -- see engagement.h.
 */
#include "engagement.h"

#include <math.h>

#define HALF_LIFE_MS (30.0 * 86400000.0)
#define SOCIAL_CAP   1.0F
#define PRIOR        10.0F /* events of everybody's taste that a user begins with */

static const uint32_t DAYS_MASK = (UINT32_C(1) << ENGAGEMENT_DAYS) - 1U;

static uint32_t popcount(uint32_t x) {
    uint32_t n = 0;
    for (; x; x &= x - 1U) {
        n++;
    }
    return n;
}

/* ---- of a user ----------------------------------------------------------------------- */

uint32_t engagement_days(const struct user *u, uint8_t domain, int64_t now_ms) {
    uint32_t days = 0;
    uint32_t before = 0;
    for (uint32_t d = 0; d < ENGAGEMENT_DAYS; d++) {
        const uint32_t n = user_active_days(u, domain, now_ms, d + 1);
        days |= n > before ? UINT32_C(1) << d : 0U;
        before = n;
    }
    return days;
}

uint32_t engagement_days_any(const struct user *u, uint32_t n_domains, int64_t now_ms) {
    uint32_t days = 0;
    for (uint32_t d = 0; d < n_domains; d++) {
        days |= engagement_days(u, (uint8_t)d, now_ms);
    }
    return days;
}

float engagement_stickiness(uint32_t days) {
    return (float)popcount(days & DAYS_MASK) / (float)ENGAGEMENT_DAYS;
}

uint32_t engagement_overlap(uint32_t a, uint32_t b) {
    return popcount(a & b & DAYS_MASK);
}

float engagement_interest(float v, float all, float share) {
    return (v + PRIOR * share) / (all + PRIOR);
}

/* ---- board ------------------------------------------------------------------------- */

void engagement_count(struct engagement_board *b, const uint32_t *days, uint32_t n_domains) {
    uint32_t any = 0;
    for (uint32_t i = 0; i < n_domains; i++) {
        any |= days[i] & DAYS_MASK;
        for (uint32_t j = 0; j < n_domains; j++) {
            b->dau[i][j] += days[i] & days[j] & 1U;
            b->mau[i][j] += (days[i] & DAYS_MASK) && (days[j] & DAYS_MASK) ? 1U : 0U;
        }
    }
    b->users++;
    b->dau_any += any & 1U;
    b->mau_any += any ? 1U : 0U;
}

void engagement_merge(struct engagement_board *b, const struct engagement_board *other) {
    b->users += other->users;
    b->dau_any += other->dau_any;
    b->mau_any += other->mau_any;
    for (uint32_t i = 0; i < DOMAINS_MAX; i++) {
        for (uint32_t j = 0; j < DOMAINS_MAX; j++) {
            b->dau[i][j] += other->dau[i][j];
            b->mau[i][j] += other->mau[i][j];
        }
    }
}

float engagement_ratio(uint32_t dau, uint32_t mau) {
    return mau > 0 ? (float)dau / (float)mau : 0.0F;
}

/* ---- social interaction ---------------------------------------------------------------- */

float engagement_social_weight(enum action action) {
    switch (action) {
    case ACTION_COMMENT:
    case ACTION_SHARE: return 0.5F;
    case ACTION_LIKE:
    case ACTION_RATE: return 0.25F;
    default: return 0.0F;
    }
}

static double decay(int64_t from_ms, int64_t to_ms) {
    const double ms = (double)to_ms - (double)from_ms;
    return ms > 0.0 ? exp2(-ms / HALF_LIFE_MS) : 1.0;
}

/* The counterpart's place; else a free one; else that of the weakest, made free. */
static uint32_t place_of(struct engagement_social *s, uint32_t who) {
    uint32_t weakest = 0;
    for (uint32_t i = 0; i < SOCIAL_MAX; i++) {
        if (s->who[i] == who && s->sum[i] > 0.0F) {
            return i;
        }
        weakest = s->sum[i] < s->sum[weakest] ? i : weakest;
    }
    s->who[weakest] = who;
    s->sum[weakest] = 0.0F;
    return weakest;
}

void engagement_social_take(struct engagement_social *s, uint32_t who, float w, int64_t ts_ms) {
    if (!(w > 0.0F)) {
        return;
    }
    float any = 0.0F;
    for (uint32_t i = 0; i < SOCIAL_MAX; i++) {
        any += s->sum[i];
    }
    if (!(any > 0.0F)) {
        s->last_ms = ts_ms;
    }
    if (ts_ms > s->last_ms) {
        const float g = (float)decay(s->last_ms, ts_ms);
        for (uint32_t i = 0; i < SOCIAL_MAX; i++) {
            s->sum[i] *= g;
        }
        s->last_ms = ts_ms;
    }
    s->sum[place_of(s, who)] += w * (float)decay(ts_ms, s->last_ms);
}

float engagement_social(const struct engagement_social *s, int64_t now_ms) {
    const float g = (float)decay(s->last_ms, now_ms);
    float sum = 0.0F;
    for (uint32_t i = 0; i < SOCIAL_MAX; i++) {
        const float now = s->sum[i] * g;
        sum += now < SOCIAL_CAP ? now : SOCIAL_CAP;
    }
    return sum;
}
