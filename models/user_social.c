/* SPDX-License-Identifier: Apache-2.0
 *
 * user_social.c -- social interaction inside a user's block; engagement.c does the arithmetic.
 */
#include "engagement.h"
#include "user_block.h"

enum status user_social_take(struct user **u, uint32_t who, float w, int64_t ts_ms) {
    const bool w_ok = w >= 0.0F && w <= (float)EVENT_WEIGHT_MAX;
    if (!w_ok || ts_ms < -USER_TS_LIMIT || ts_ms >= USER_TS_LIMIT) {
        return ST_INVALID;
    }
    if (!(w > 0.0F)) {
        return ST_OK;
    }
    if (!user_block_social(*u)) {
        enum status st = user_block_add_social(u);
        if (st) {
            return st;
        }
    }
    engagement_social_take(user_block_social(*u), who, w, ts_ms);
    return ST_OK;
}

float user_social(const struct user *u, int64_t now_ms) {
    const struct engagement_social *s = user_block_social(u);
    return s ? engagement_social(s, now_ms) : 0.0F;
}
