/* SPDX-License-Identifier: Apache-2.0
 *
 * user_features.c -- see user_features.h.
 */
#include "user_features.h"

#include <math.h>

#define DAY_MS  INT64_C(86400000)
#define HOUR_MS 3600000.0

enum { DAYS_NEW = 7, DAYS_ACTIVE = 28 };

static const float RECENCY_NONE = 16.0F;

static float recency(const struct user *u, uint8_t domain, int64_t now_ms) {
    if (user_n_of(u, domain) == 0) {
        return RECENCY_NONE;
    }
    double hours = ((double)now_ms - (double)user_last_ms_of(u, domain)) / HOUR_MS;
    return (float)log2(1.0 + (hours > 0.0 ? hours : 0.0));
}

void features_of(const struct user *u, uint32_t n_domains, int64_t now_ms, float *x) {
    for (uint32_t i = 0; i < n_domains; i++) {
        uint8_t domain = (uint8_t)i;
        x[0] = recency(u, domain, now_ms);
        x[1] = (float)log1p(user_rate(u, domain, now_ms));
        x[2] = (float)log1p(user_money(u, domain, now_ms));
        x[3] = (float)user_active_days(u, domain, now_ms, DAYS_NEW) / (float)DAYS_NEW;
        x[4] = (float)user_active_days(u, domain, now_ms, DAYS_ACTIVE) / (float)DAYS_ACTIVE;
        x += FEATURES_PER_DOMAIN;
    }
}

uint32_t features_typical(float *m, const float *x, uint32_t dims, uint32_t days) {
    const uint32_t n = days < FEATURES_DAYS ? days + 1 : FEATURES_DAYS;
    for (uint32_t d = 0; d < dims; d++) {
        m[d] = n > 1 ? m[d] + (x[d] - m[d]) / (float)n : x[d];
    }
    return n;
}

int16_t features_pack(float x) {
    const float y = x * 1024.0F + (x < 0.0F ? -0.5F : 0.5F);
    if (!(y < 32767.0F)) {
        return 32767;
    }
    return (int16_t)(y > -32767.0F ? y : -32767.0F);
}

float features_unpack(int16_t v) {
    return (float)v / 1024.0F;
}

static int64_t day_of(int64_t ts_ms) {
    return ts_ms / DAY_MS - (ts_ms % DAY_MS < 0 ? 1 : 0);
}

enum lifecycle features_lifecycle(const struct user *u, uint32_t n_domains, int64_t now_ms) {
    if (user_n(u) == 0 || day_of(now_ms) - day_of(user_first_ms(u)) < DAYS_NEW) {
        return LIFECYCLE_NEW;
    }
    uint32_t recent = 0;
    uint32_t active = 0;
    for (uint32_t i = 0; i < n_domains; i++) {
        recent += user_active_days(u, (uint8_t)i, now_ms, DAYS_NEW);
        active += user_active_days(u, (uint8_t)i, now_ms, DAYS_ACTIVE);
    }
    if (active == 0) {
        return LIFECYCLE_DORMANT;
    }
    return active == recent ? LIFECYCLE_RESURRECTED : LIFECYCLE_RETURNING;
}

const char *lifecycle_str(enum lifecycle l) {
    switch (l) {
    case LIFECYCLE_NEW: return "new";
    case LIFECYCLE_RETURNING: return "returning";
    case LIFECYCLE_RESURRECTED: return "resurrected";
    case LIFECYCLE_DORMANT: return "dormant";
    }
    return "unknown";
}

/* ---- kept in the block --------------------------------------------------------------------- */

void features_typical_of(const struct user *u, uint32_t n_domains, float *x) {
    for (uint32_t d = 0; d < n_domains; d++) {
        const int16_t *packed = user_typical(u, (uint8_t)d);
        for (uint32_t k = 0; k < FEATURES_PER_DOMAIN; k++) {
            x[d * FEATURES_PER_DOMAIN + k] = features_unpack(packed[k]);
        }
    }
}

bool features_keep_typical(struct user *u, uint32_t n_domains) {
    int32_t kept_day = 0;
    const uint32_t days = user_typical_days(u, &kept_day);
    const int64_t now_ms = user_last_ms(u);
    const int32_t day = (int32_t)day_of(now_ms);
    if (days > 0 && day <= kept_day) {
        return false;
    }
    float x[FEATURES_MAX];
    float m[FEATURES_MAX];
    features_of(u, n_domains, now_ms, x);
    features_typical_of(u, n_domains, m);
    const uint32_t now_days = features_typical(m, x, FEATURES_PER_DOMAIN * n_domains, days);
    for (uint32_t d = 0; d < n_domains; d++) {
        int16_t *packed = user_typical(u, (uint8_t)d);
        for (uint32_t k = 0; k < FEATURES_PER_DOMAIN; k++) {
            packed[k] = features_pack(m[d * FEATURES_PER_DOMAIN + k]);
        }
    }
    user_set_typical_days(u, now_days, day);
    return true;
}

const char *feature_str(uint32_t k) {
    static const char *const words[FEATURES_PER_DOMAIN] = {"recency", "frequency", "money", "l7",
                                                           "l28"};
    return k < FEATURES_PER_DOMAIN ? words[k] : "unknown";
}
