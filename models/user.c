/* SPDX-License-Identifier: Apache-2.0
 *
 * user.c -- see user.h; the layout of the block is in user_block.h.
 *
 * user_take() reserves first, which may fail and shows to nobody, and changes
 * afterwards, which cannot fail. It leaves the block small enough for whatever comes
 * next (USER_BYTES_LIMIT), so that the cap never gets in the way of either.
 */
#include "user.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "user_block.h"
#include "user_interests.h"
#include "user_set.h"
#include "user_squeeze.h"
#include "user_table.h"

#define DAY_MS       INT64_C(86400000)
#define MINUTE_MS    INT64_C(60000)
#define HALF_LIFE_MS (30.0 * 86400000.0)

/* ---- life cycle ------------------------------------------------------------ */

enum status user_new(uint32_t n_domains, const char *id, size_t id_len, struct user **out) {
    if (n_domains < 1 || n_domains > DOMAINS_MAX || id_len < 1 || id_len > ID_LEN_MAX) {
        return ST_INVALID;
    }
    struct user *u = malloc(user_block_room(user_block_fixed_bytes(n_domains, id_len)));
    if (!u) {
        return ST_NOMEM;
    }
    user_block_init(u, n_domains, id, id_len);
    *out = u;
    return ST_OK;
}

void user_free(struct user *u) {
    free(u);
}

enum status user_copy(const struct user *u, struct user **out) {
    struct user *copy = malloc(user_block_room(u->bytes));
    if (!copy) {
        return ST_NOMEM;
    }
    memcpy(copy, u, u->bytes);
    *out = copy;
    return ST_OK;
}

size_t user_bytes(const struct user *u) {
    return u->bytes;
}

size_t user_room(const struct user *u) {
    return user_block_room(u->bytes);
}

const char *user_id(const struct user *u, size_t *len) {
    *len = u->id_len;
    return user_block_id(u);
}

/* ---- events of a minute ----------------------------------------------------- */

uint32_t user_count_minute(struct user *u, int64_t ts_ms) {
    const int64_t minute = ts_ms / MINUTE_MS - (ts_ms % MINUTE_MS < 0 ? 1 : 0);
    if (minute < u->minute) {
        return 0;
    }
    if (minute > u->minute) {
        u->minute = minute;
        u->in_minute = 0;
    }
    u->in_minute = (uint16_t)(u->in_minute + (u->in_minute < UINT16_MAX ? 1 : 0));
    return u->in_minute;
}

/* ---- taking a line --------------------------------------------------------- */

static bool line_ok(const struct user *u, const struct user_line *line) {
    return line->domain < u->n_domains && line->ts_ms >= -USER_TS_LIMIT &&
           line->ts_ms < USER_TS_LIMIT && line->amount >= 0.0F && isfinite(line->amount);
}

static enum status reserve(struct user **u, const struct user_line *line) {
    const struct user_area *a = user_block_area(*u, AREA_HISTORY);
    if (line->history && a->n == a->cap && a->cap < USER_HISTORY) {
        enum status st = user_block_grow(u, AREA_HISTORY, a->cap + 2U);
        if (st) {
            return st;
        }
    }
    enum status st = user_interests_reserve(u, line->category);
    if (st || !line->consumes) {
        return st;
    }
    return line->repeats ? user_table_reserve(u, line->domain, line->item)
                         : user_set_reserve(u, line->domain, line->item, line->hashes);
}

static int64_t day_of(int64_t ts_ms) {
    return ts_ms / DAY_MS - (ts_ms % DAY_MS < 0 ? 1 : 0);
}

/* 2^(-(to - from)/H); from <= to. Any int64 is a time that may be asked for. */
static double decay(int64_t from_ms, int64_t to_ms) {
    return exp2(((double)from_ms - (double)to_ms) / HALF_LIFE_MS);
}

static void take_newer(struct user_domain *d, const struct user_line *line) {
    int64_t days = day_of(line->ts_ms) - day_of(d->last_ms);
    double g = decay(d->last_ms, line->ts_ms);
    d->days = (days < 32 ? d->days << days : 0) | 1U;
    d->rate = d->rate * g + 1.0;
    d->money = d->money * g + (double)line->amount;
    d->last_ms = line->ts_ms;
}

static void take_late(struct user_domain *d, const struct user_line *line) {
    int64_t days = day_of(d->last_ms) - day_of(line->ts_ms);
    double g = decay(line->ts_ms, d->last_ms);
    d->days |= days < 32 ? 1U << days : 0;
    d->rate += g;
    d->money += g * (double)line->amount;
}

/* Counts the part of the day; at the limit of a byte all are halved. */
static void take_part(struct user_domain *d, int64_t ts_ms) {
    uint8_t *part = &d->part[(ts_ms - day_of(ts_ms) * DAY_MS) / (DAY_MS / USER_PARTS)];
    if (*part == UINT8_MAX) {
        for (int k = 0; k < USER_PARTS; k++) {
            d->part[k] /= 2;
        }
    }
    (*part)++;
}

static void take_sums(struct user *u, const struct user_line *line) {
    struct user_domain *d = user_block_domain(u, line->domain);
    if (d->n == 0) {
        d->last_ms = line->ts_ms;
    }
    if (line->ts_ms >= d->last_ms) {
        take_newer(d, line);
    } else {
        take_late(d, line);
    }
    d->n += d->n < UINT32_MAX ? 1 : 0;
    take_part(d, line->ts_ms);

    u->first_ms = u->n == 0 || line->ts_ms < u->first_ms ? line->ts_ms : u->first_ms;
    u->last_ms = u->n == 0 || line->ts_ms > u->last_ms ? line->ts_ms : u->last_ms;
    u->n += u->n < UINT32_MAX ? 1 : 0;
}

static int64_t past_ts(const struct past *p) {
    return ts_join(p->ts_high, p->ts_low);
}

static void take_history(struct user *u, const struct user_line *line) {
    struct user_area *a = user_block_area(u, AREA_HISTORY);
    struct past *past = user_block_entries(u, AREA_HISTORY);
    uint32_t at = a->n; /* behind everything that is not newer */
    while (at > 0 && past_ts(&past[at - 1]) > line->ts_ms) {
        at--;
    }
    if (a->n == USER_HISTORY) {
        if (at == 0) {
            return; /* older than everything kept */
        }
        at--;
        memmove(past, past + 1, at * sizeof *past);
    } else {
        memmove(past + at + 1, past + at, (a->n - at) * sizeof *past);
        a->n++;
    }
    past[at] = (struct past){.ts_low = ts_low(line->ts_ms),
                             .ts_high = ts_high(line->ts_ms),
                             .domain = line->domain,
                             .action = line->action,
                             .item = line->item};
}

/* Gives back what user_squeeze() has made free. */
static void fit(struct user **u, const uint64_t *hashes) {
    if (!user_squeeze(*u, hashes)) {
        return;
    }
    struct user *smaller = realloc(*u, user_block_room((*u)->bytes));
    if (smaller) { /* else the block stays larger than it says: harmless */
        *u = smaller;
    }
}

static bool is_purchase(uint8_t action) {
    return action == ACTION_ENROLL || action == ACTION_PURCHASE || action == ACTION_ORDER;
}

enum status user_take(struct user **u, const struct user_line *line) {
    if (!line_ok(*u, line)) {
        return ST_INVALID;
    }
    enum status st = reserve(u, line);
    if (st) {
        return st;
    }
    user_interests_take(*u, line->category, line->ts_ms);
    take_sums(*u, line);
    if (line->history) {
        take_history(*u, line);
    }
    if (line->consumes && line->repeats) {
        user_table_take(*u, line->domain, line->item, line->ts_ms);
    } else if (line->consumes) {
        user_set_add(*u, line->domain, line->item, line->hashes);
    }
    if (is_purchase(line->action)) {
        (*u)->bought = (uint16_t)((*u)->bought | 1U << line->domain);
    }
    fit(u, line->hashes);
    return ST_OK;
}

/* ---- history and sets ------------------------------------------------------ */

uint32_t user_history(const struct user *u, int64_t up_to_ms, struct user_entry *out,
                      uint32_t max) {
    const struct past *past = user_block_entries(u, AREA_HISTORY);
    uint32_t n = 0;
    for (uint32_t i = user_block_area(u, AREA_HISTORY)->n; i > 0 && n < max; i--) {
        int64_t ts = past_ts(&past[i - 1]);
        if (ts <= up_to_ms) {
            out[n++] = (struct user_entry){.ts_ms = ts,
                                           .item = past[i - 1].item,
                                           .domain = past[i - 1].domain,
                                           .action = past[i - 1].action};
        }
    }
    return n;
}

int64_t user_history_floor(const struct user *u) {
    const struct past *past = user_block_entries(u, AREA_HISTORY);
    return user_block_area(u, AREA_HISTORY)->n == USER_HISTORY ? past_ts(past) : INT64_MIN;
}

bool user_consumed(const struct user *u, uint8_t domain, uint32_t item, const uint64_t *hashes) {
    return domain < u->n_domains && user_set_has(u, domain, item, hashes);
}

const uint32_t *user_consumed_items(const struct user *u, uint8_t domain, uint32_t *n) {
    static const uint32_t none = 0;
    *n = 0;
    if (domain >= u->n_domains) {
        return &none;
    }
    const struct user_area *a = user_block_area(u, area_of_set(domain));
    *n = a->halves ? 0 : a->n;
    return a->halves ? NULL : user_block_entries(u, area_of_set(domain));
}

bool user_repeat(const struct user *u, uint8_t domain, uint32_t item, struct user_repeat *out) {
    return domain < u->n_domains && user_table_get(u, domain, item, out);
}

uint32_t user_repeats(const struct user *u, uint8_t domain, struct user_repeat *out, uint32_t max) {
    return domain < u->n_domains ? user_table_list(u, domain, out, max) : 0;
}

uint32_t user_repeats_best(const struct user *u, uint8_t domain, int64_t now_ms,
                           struct user_repeat *out, uint32_t max) {
    return domain < u->n_domains ? user_table_best(u, domain, now_ms, out, max) : 0;
}

bool user_took(const struct user *u, uint8_t domain, uint32_t item, const uint64_t *hashes) {
    return user_consumed(u, domain, item, hashes) || user_repeat(u, domain, item, NULL);
}

/* ---- counts, times, sums --------------------------------------------------- */

uint32_t user_n(const struct user *u) {
    return u->n;
}

uint32_t user_n_of(const struct user *u, uint8_t domain) {
    return domain < u->n_domains ? user_block_domain(u, domain)->n : 0;
}

int64_t user_first_ms(const struct user *u) {
    return u->first_ms;
}

int64_t user_last_ms(const struct user *u) {
    return u->last_ms;
}

int64_t user_last_ms_of(const struct user *u, uint8_t domain) {
    return domain < u->n_domains ? user_block_domain(u, domain)->last_ms : 0;
}

static double at_time(const struct user_domain *d, double sum, int64_t now_ms) {
    return now_ms > d->last_ms ? sum * decay(d->last_ms, now_ms) : sum;
}

double user_rate(const struct user *u, uint8_t domain, int64_t now_ms) {
    if (user_n_of(u, domain) == 0) {
        return 0.0;
    }
    const struct user_domain *d = user_block_domain(u, domain);
    return at_time(d, d->rate, now_ms);
}

double user_money(const struct user *u, uint8_t domain, int64_t now_ms) {
    if (user_n_of(u, domain) == 0) {
        return 0.0;
    }
    const struct user_domain *d = user_block_domain(u, domain);
    return at_time(d, d->money, now_ms);
}

void user_parts(const struct user *u, uint8_t domain, float out[USER_PARTS]) {
    float sum = 0.0F;
    for (int k = 0; k < USER_PARTS; k++) {
        out[k] = domain < u->n_domains ? (float)user_block_domain(u, domain)->part[k] : 0.0F;
        sum += out[k];
    }
    for (int k = 0; k < USER_PARTS; k++) {
        out[k] = sum > 0.0F ? out[k] / sum : 0.0F;
    }
}

int16_t *user_typical(const struct user *u, uint8_t domain) {
    return user_block_domain(u, domain)->typical;
}

uint32_t user_typical_days(const struct user *u, int32_t *day) {
    *day = u->typical_day;
    return u->typical_days;
}

void user_set_typical_days(struct user *u, uint32_t days, int32_t day) {
    u->typical_days = (uint8_t)days;
    u->typical_day = day;
}

static uint32_t popcount(uint32_t x) {
    uint32_t n = 0;
    for (; x; x &= x - 1) {
        n++;
    }
    return n;
}

uint32_t user_active_days(const struct user *u, uint8_t domain, int64_t now_ms, uint32_t n) {
    if (user_n_of(u, domain) == 0 || n == 0) {
        return 0;
    }
    const struct user_domain *d = user_block_domain(u, domain);
    int64_t since = day_of(now_ms) - day_of(d->last_ms);
    if (since >= 32 || since <= -32) {
        return 0;
    }
    uint32_t days = since >= 0 ? d->days << since : d->days >> -since;
    return popcount(n < 32 ? days & ((1U << n) - 1U) : days);
}

/* ---- what others keep with a user ------------------------------------------ */

float user_mpop(const struct user *u) {
    return u->mpop;
}

float user_mage(const struct user *u) {
    return u->mage;
}

void user_set_traits(struct user *u, float mpop, float mage) {
    u->mpop = mpop;
    u->mage = mage;
}

bool user_has_context(const struct user *u) {
    return (u->flags & USER_HAS_CONTEXT) != 0;
}

void user_set_context(struct user *u) {
    u->flags |= USER_HAS_CONTEXT;
}

int user_segment(const struct user *u) {
    return u->segment;
}

int user_segment_pending(const struct user *u) {
    return u->pending;
}

void user_set_segment(struct user *u, int segment, int pending) {
    u->segment = (int8_t)segment;
    u->pending = (int8_t)pending;
}
