/* SPDX-License-Identifier: Apache-2.0
 *
 * user.h -- everything remembered of one user: one packed block of memory.
 *
 *     header | id | per domain: counts, times, bitmap, decayed sums, consumed set or
 *     repeat table | interests | history | recent event-id hashes
 *
 * The block has no pointers, so a copy is one memcpy (the pre-image of undo) and
 * its size is what a user costs: about 310 bytes for one event, median at most
 * 1 KiB, hard cap USER_BYTES_MAX. Items are dense indices (items.h): this is the
 * form in memory (layout: user_block.h); the durable form names items by hash
 * (user_record.h).
 *
 * Event ids: "the same id counts once" holds among the newest USER_EVENT_IDS events of the
 * user; at the cap among fewer, never fewer than USER_EVENT_IDS_LEAST.
 *
 * At the cap event ids beyond USER_EVENT_IDS_LEAST give way first, the oldest of them, so that
 * recommendations do not suffer from them; there are more again when there is room. Then the
 * largest set or table of the user gives way, again and again until the block fits: a table
 * its least recently taken eighth; the interests their weakest quarter; an exact set becomes a
 * filter of its present size (nothing forgotten yet); a filter its older half; a filter of one
 * half begins anew. One large set or table alone never reaches the cap; interests and full
 * tables of two domains leave those some 170 items each.
 *
 * History: the newest USER_HISTORY entries by ts (ties: later taken is newer).
 * Per domain, by its policy:
 *   no repeats  consumed set: exact to USER_EXACT items, beyond that a Bloom filter
 *               of about 1 % false positives (a false positive hides one candidate):
 *               at most .9 % to 1,638 items, 1.8 % to 3,276, and never more: from
 *               then on every 1,638 new items push the oldest 1,638 out
 *   repeats     repeat table: (item, count, first, last), up to USER_REPEATS items,
 *               the least recently taken evicted (ties: the smaller item index)
 * The filter is keyed by the items' durable hashes, so that its bits can be stored:
 * whoever asks or adds passes items_hashes(). NULL means that indices are durable
 * (tests); it must then be NULL for all calls with that user.
 *
 * Interests: per category of items, of all domains together, how much the user took of it
 * under decay, v, and when last. Up to USER_INTERESTS categories; when there are more, the
 * one with the smallest v at one time (ties: the larger category) gives way to the new one,
 * however strong it is: so the newest is always known. Their sum V counts every category
 * ever taken, also those that gave way.
 *
 * Decayed sums use forward decay (Cormode et al., ICDE 2009) with the newest event's
 * time as landmark: S <- S 2^(-(t-L)/H) + x for t >= L, S <- S + x 2^(-(L-t)/H) for a
 * late one: the order of arrival does not matter beyond rounding.
 *   rate    H = 30 d, x = 1 a line       money   H = 30 d, x = amount
 *   v, V    H = 60 d, x = 1 a line with a category; v's landmark: its category's newest event
 * Activity: one uint32 bitmap a domain, bit d = active d days before the day of the
 * newest event (UTC days): L7 and L28 are popcounts.
 *
 * Social interaction: engagement.h has the formula; 136 bytes, for whoever has any, which never
 * give way and make nothing else do so.
 *
 * Firings: when each trigger fired last for the user, and what it was about; 16 bytes each, up to
 * USER_FIRED of them, which never give way and make nothing else do so, either. Of one more trigger
 * than that, the firing that is longest ago is forgotten.
 *
 * Ownership: the caller owns the block and frees it with user_free(). Calls that may
 * grow it take struct user ** and move it. Threads: one.
 */
#ifndef USER_H
#define USER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event.h"
#include "status.h"

#define USER_INTEREST_HALF_LIFE_MS (INT64_C(60) * 86400000) /* of interests and repeats */

enum {
    USER_HISTORY = 50,
    USER_EXACT = 512,
    USER_REPEATS = 256,
    USER_INTERESTS = 128,      /* categories */
    USER_EVENT_IDS = 128,      /* newest event-id hashes kept for dedupe */
    USER_EVENT_IDS_LEAST = 16, /* ... of which so many whatever else there is */
    USER_FIRED = 16,           /* triggers whose last firing is kept */
    USER_PARTS = 4,            /* of the day, UTC: from 0, 6, 12, 18 o'clock */
    FEATURES_PER_DOMAIN = 5,   /* see user_features.h */
    /* 8 KiB cost .001 of recall where households buy 500 kinds of things; and 136 of social, and
       the firings */
    USER_BYTES_MAX = 12288 + 136 + USER_FIRED * 16,
    USER_BLOCK_UNIT = 64, /* a block has room for a multiple of it, so that it seldom moves */
};

struct user; /* opaque block */

struct user_entry { /* one entry of the history, unpacked */
    int64_t ts_ms;
    uint32_t item;
    uint8_t domain;
    uint8_t action;
};

struct user_repeat {
    uint32_t item;
    uint32_t count; /* times taken, >= 1     */
    int64_t first_ms, last_ms;
};

struct user_interest { /* what the user has with a category */
    int64_t last_ms;   /* when last taken: the largest event time */
    uint32_t category;
    float v; /* takings, decayed to the time that was asked for */
};

struct user_firing {
    int64_t at_ms; /* when a trigger fired last        */
    uint32_t what; /* what about, as its owner says    */
};

/** What user_take() needs to know of one line. */
struct user_line {
    uint32_t item;
    uint32_t category;      /* dense, an interest; CATEGORY_NONE: none          */
    int64_t ts_ms;          /* |ts_ms| < 2^47, about 4,459 years                */
    const uint64_t *hashes; /* durable hash of item i at [i], or NULL: see above */
    float amount;           /* >= 0, finite                                     */
    uint8_t domain;
    uint8_t action;
    bool consumes; /* enters the consumed set or the repeat table               */
    bool repeats;  /* the domain allows repeats: table instead of set           */
    bool history;  /* false: too late for the history (features, sets only)     */
};

/** Creates a user without events. @return ST_OK, ST_INVALID (n_domains not in
 *  1..DOMAINS_MAX, id_len not in 1..ID_LEN_MAX), ST_NOMEM */
MUST_CHECK enum status user_new(uint32_t n_domains, const char *id, size_t id_len,
                                struct user **out);
void user_free(struct user *u);
/** A copy of the block. @return ST_OK, ST_NOMEM */
MUST_CHECK enum status user_copy(const struct user *u, struct user **out);
/** Bytes of the block, and those that it has room for. */
size_t user_bytes(const struct user *u);
size_t user_room(const struct user *u);
const char *user_id(const struct user *u, size_t *len);

/** True if this event id is among the newest USER_EVENT_IDS (at the cap: fewer, see above). */
bool user_knows_event(const struct user *u, uint64_t event_id);
/** Remembers it as the newest. @return ST_OK, ST_NOMEM (nothing changed) */
MUST_CHECK enum status user_remember_event(struct user **u, uint64_t event_id);

/** Counts an event at ts_ms in the user's current minute (UTC) of event time, and returns how many
 *  that minute has now, this one included. A later minute begins at 1; an event of an earlier
 *  minute is not counted: 0. Saturates at 65535. */
uint32_t user_count_minute(struct user *u, int64_t ts_ms);

/** Takes one line: history by ts, sets, interests, counts, sums, bitmap.
 *  @return ST_OK, ST_INVALID (domain, ts_ms or amount), ST_NOMEM; on failure nothing
 *  changed */
MUST_CHECK enum status user_take(struct user **u, const struct user_line *line);

/** Entries with ts <= up_to_ms, newest first, at most `max`; returns how many.
 *  Pass INT64_MAX for all. */
uint32_t user_history(const struct user *u, int64_t up_to_ms, struct user_entry *out, uint32_t max);
/** Time of the oldest kept entry if the history is full, else INT64_MIN. */
int64_t user_history_floor(const struct user *u);

/** True if a no-repeat domain's set has the item (or its filter says so). */
bool user_consumed(const struct user *u, uint8_t domain, uint32_t item, const uint64_t *hashes);
/** What user_consumed() says yes to, sorted, (*n,), borrowed until the block moves. NULL: a filter
 *  says so, nobody can list it. */
const uint32_t *user_consumed_items(const struct user *u, uint8_t domain, uint32_t *n);
/** Looks an item up in a repeat table; `out` may be NULL. */
bool user_repeat(const struct user *u, uint8_t domain, uint32_t item, struct user_repeat *out);
/** Items of the repeat table, most recently taken first (ties: smaller item index), at
 *  most `max`; returns how many. */
uint32_t user_repeats(const struct user *u, uint8_t domain, struct user_repeat *out, uint32_t max);
/** The count of a repeat decayed to now_ms (half-life USER_INTEREST_HALF_LIFE_MS), as if its
 *  takings lay evenly between first and last: sum over k < count of 2^(-(age + k gap)/H). A time
 *  before the last taking counts as that of the last taking. */
float user_repeat_decayed(const struct user_repeat *r, int64_t now_ms);
/** Items of the repeat table, largest decayed count at now_ms first (ties: smaller item index), at
 *  most `max`; returns how many. */
uint32_t user_repeats_best(const struct user *u, uint8_t domain, int64_t now_ms,
                           struct user_repeat *out, uint32_t max);
/** True if the user consumed the item as far as is remembered: in the set or in the
 *  table of the domain, whichever has it. */
bool user_took(const struct user *u, uint8_t domain, uint32_t item, const uint64_t *hashes);

/* Interests, all decayed to now_ms; a time before an interest's newest taking counts as that. */

/** v and time of a category; outputs may be NULL. False, and nothing written: never taken, or it
 *  gave way. A binary search. */
bool user_interest(const struct user *u, uint32_t category, int64_t now_ms, float *v,
                   int64_t *last_ms);
/** V: the sum over all categories ever taken; 0 if none was. */
float user_interests_sum(const struct user *u, int64_t now_ms);
/** Interests, strongest first (ties: smaller category), at most `max`; returns how many. */
uint32_t user_interests(const struct user *u, int64_t now_ms, struct user_interest *out,
                        uint32_t max);
/** The same interests sorted by category: for whoever looks up many. */
uint32_t user_interests_by_category(const struct user *u, int64_t now_ms, struct user_interest *out,
                                    uint32_t max);

/* Counts and times. Times are min / max of event time; 0 where there was none. */
uint32_t user_n(const struct user *u); /* lines of all domains */
uint32_t user_n_of(const struct user *u, uint8_t domain);
int64_t user_first_ms(const struct user *u);
int64_t user_last_ms(const struct user *u);
int64_t user_last_ms_of(const struct user *u, uint8_t domain);

/** Traits (MODELS: mpop, mage): running means kept for the ranker. */
float user_mpop(const struct user *u);
float user_mage(const struct user *u);
void user_set_traits(struct user *u, float mpop, float mage);

/** True once the user had a context in the factor model; set once. */
bool user_has_context(const struct user *u);
void user_set_context(struct user *u);

/** Something of weight w in [0, EVENT_WEIGHT_MAX] went on with a counterpart, of which `who` is a
 *  hash, any 32 bits of it. w = 0 changes nothing. @return ST_OK, ST_INVALID (w; |ts_ms| not below
 *  2^47), ST_NOMEM; on failure nothing changed */
MUST_CHECK enum status user_social_take(struct user **u, uint32_t who, float w, int64_t ts_ms);
/** I at now_ms; 0 if there was none. A time before the newest interaction counts as that. */
float user_social(const struct user *u, int64_t now_ms);

/** A trigger, named by any 32 bits, fired at at_ms: its last firing is this one.
 *  @return ST_OK, ST_INVALID (|at_ms| not below 2^47), ST_NOMEM; on failure nothing changed */
MUST_CHECK enum status user_fire(struct user **u, uint32_t trigger, uint32_t what, int64_t at_ms);
/** Its last firing; false, and nothing written: none is known. */
bool user_fired(const struct user *u, uint32_t trigger, struct user_firing *out);
/** True once the user enrolled, purchased or ordered something of the domain. */
bool user_bought(const struct user *u, uint8_t domain);

/** Segment: -1 none; `pending` is the candidate seen last (hysteresis). */
int user_segment(const struct user *u);
int user_segment_pending(const struct user *u);
void user_set_segment(struct user *u, int segment, int pending);

/** Raw decayed sums of a domain at time now_ms (>= 0); a time before the domain's newest
 *  event counts as that of the newest event. */
double user_rate(const struct user *u, uint8_t domain, int64_t now_ms);
double user_money(const struct user *u, uint8_t domain, int64_t now_ms);
/** Shares of the user's lines in a domain by part of the day (USER_PARTS,), of about the last 255
 *  and less of what was before; all 0 if there are none. */
void user_parts(const struct user *u, uint8_t domain, float out[USER_PARTS]);

/** The typical vector (user_features.h), packed, (FEATURES_PER_DOMAIN,) a domain: to be written by
 *  whoever keeps it up. Valid until the block moves. */
int16_t *user_typical(const struct user *u, uint8_t domain);
/** How many active days it stands for, and the UTC day of the last of them. */
uint32_t user_typical_days(const struct user *u, int32_t *day);
void user_set_typical_days(struct user *u, uint32_t days, int32_t day);

/** Days active among the last n (1..32) UTC days ending with the day of now_ms. Days
 *  earlier than 31 days before the domain's newest event are forgotten. */
uint32_t user_active_days(const struct user *u, uint8_t domain, int64_t now_ms, uint32_t n);

#endif
