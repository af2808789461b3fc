/* SPDX-License-Identifier: Apache-2.0
 *
 * engagement.h -- how engaged users are, one formula each. Days are UTC days, "the last 28" end
 * with the day of now_ms; bitmaps have bit d set when the user was active d days before it.
 *
 *     stickiness of a user        J = L28/28, L28 = active days of the last 28, any domain
 *     overlap of two domains      days of the last 28 active in both; exact, from the bitmaps
 *     DAU, MAU                    users active today, users active in the last 28 days; of a
 * domain, of two (today: in both today; month: in both in the month), of any stickiness of a board
 * DAU/MAU; 0 where nobody was active interest in a category      (v_c + 10 g_c)/(V + 10): v_c the
 * user's decayed events of the category, V of all of the domain, g_c the category's share of
 *                                 everybody's; those of a domain sum to 1 if the g_c do
 *     social interaction          I = sum over counterparts j of min(1, s_j),
 *                                 s_j = sum of w 2^(-(t - t_i)/30 d) over what went on with j;
 *                                 w: comment, share .5, like, rating .25, everything else 0.
 *                                 So I counts distinct counterparts, each at most once, the
 *                                 old and the slight ones less. The strongest SOCIAL_MAX are kept:
 *                                 a new one beyond takes the place of the weakest.
 *
 * Pure functions and plain values. Threads: any.
 */
#ifndef ENGAGEMENT_H
#define ENGAGEMENT_H

#include <stdint.h>

#include "event.h"
#include "user.h"

enum { ENGAGEMENT_DAYS = 28, SOCIAL_MAX = 16 };

/** Bitmap of one domain at now_ms; of all domains 0..n_domains-1 together. */
uint32_t engagement_days(const struct user *u, uint8_t domain, int64_t now_ms);
uint32_t engagement_days_any(const struct user *u, uint32_t n_domains, int64_t now_ms);

/** J of a bitmap, in [0, 1]. */
float engagement_stickiness(uint32_t days);
/** Days of the last 28 that both bitmaps have, 0..28. */
uint32_t engagement_overlap(uint32_t a, uint32_t b);

/** 0 <= v <= all, 0 <= share <= 1. */
float engagement_interest(float v, float all, float share);

/* ---- board ------------------------------------------------------------------------- */

/* Users counted at one time. All zero: nobody. */
struct engagement_board {
    uint32_t users; /* added, active or not                                          */
    uint32_t dau_any, mau_any;
    uint32_t dau[DOMAINS_MAX][DOMAINS_MAX]; /* [a][b]: active in both; [a][a]: in a  */
    uint32_t mau[DOMAINS_MAX][DOMAINS_MAX];
};

/** Adds a user, by the bitmaps (n_domains,) of all of his domains. */
void engagement_count(struct engagement_board *b, const uint32_t *days, uint32_t n_domains);
/** Adds the users of another board, counted at the same time. */
void engagement_merge(struct engagement_board *b, const struct engagement_board *other);
/** DAU/MAU in [0, 1] of what both counts say. */
float engagement_ratio(uint32_t dau, uint32_t mau);

/* ---- social interaction ---------------------------------------------------------------- */

struct engagement_social {    /* of a user; all zero: none. 136 bytes */
    int64_t last_ms;          /* landmark of the sums: newest event */
    uint32_t who[SOCIAL_MAX]; /* hash of a counterpart, any 32 bits of it */
    float sum[SOCIAL_MAX];    /* s at last_ms, > 0; 0: free */
};

/** w of an action. */
float engagement_social_weight(enum action action);
/** Something of weight w >= 0 went on with `who` at ts_ms; late events count as if they had
 *  come in time. */
void engagement_social_take(struct engagement_social *s, uint32_t who, float w, int64_t ts_ms);
/** I at now_ms; a time before the newest event counts as that. */
float engagement_social(const struct engagement_social *s, int64_t now_ms);

#endif
