/* SPDX-License-Identifier: Apache-2.0
 *
 * user_block.h -- the layout of a user's block. Internal to user*.c; everybody else uses
 * user.h.
 *
 *     struct user | struct user_domain [n] | struct user_area [3 + 2 n] | id, padded to 8
 *     | struct engagement_social, if there is any | struct fired, as many as there are
 *     | event ids | history | interests
 *     | domain 0: set, table | domain 1: set, table | ...
 *
 * An area is an array that grows in place: what lies behind it moves. Sizes of areas
 * are multiples of 8 bytes, so that every area stays aligned.
 *
 * Ownership: the caller owns the block. Threads: one.
 */
#ifndef USER_BLOCK_H
#define USER_BLOCK_H

#include <stdint.h>

#include "engagement.h"
#include "user.h"

enum {
    AREA_EVENTS = 0,    /* uint64_t, oldest first                              */
    AREA_HISTORY = 1,   /* struct past, oldest first                           */
    AREA_INTERESTS = 2, /* struct interest, sorted by category                 */
    AREA_FIRST = 3,     /* then two a domain: set and table                    */
    AREAS_PER_DOMAIN = 2,
};

enum {
    USER_HAS_CONTEXT = 1,
    USER_HAS_SOCIAL = 2,
    USER_SOCIAL_BYTES = sizeof(struct engagement_social),
    /* The most that one user_take() may leave behind when it finds no memory: two history entries
     * and the largest steps of the interests and of a repeat table. */
    USER_GROWTH_MAX = 24 + 12 * 16 + 16 * 20,
    USER_FIRED_BYTES = 16, /* of one */
    /* What user_take() leaves, social interaction and firings not counted. Beside it there is room
     * for what may come before the next one: those, and the event ids that never give way. */
    USER_BYTES_LIMIT = USER_BYTES_MAX - USER_GROWTH_MAX - USER_SOCIAL_BYTES -
                       USER_FIRED * USER_FIRED_BYTES - USER_EVENT_IDS_LEAST * 8,
};

struct user_area {
    uint16_t at;     /* offset from the start of the block                      */
    uint16_t n;      /* entries; of a filter: items in the half being filled    */
    uint16_t cap;    /* entries there is room for; of a filter: 32-bit words    */
    uint16_t halves; /* sets only: 0 exact, else the halves of the filter, 1..2 */
};

struct user_domain {
    double rate, money; /* decayed sums with landmark last_ms                  */
    int64_t last_ms;
    uint32_t n;
    uint32_t days; /* bit d: active d days before the day of last_ms           */
    int16_t typical[FEATURES_PER_DOMAIN]; /* the typical vector (user_features.h), packed */
    uint8_t part[USER_PARTS];             /* lines by part of the day; halved at the limit */
};

struct user {
    int64_t first_ms, last_ms;
    uint32_t bytes;
    uint32_t n;
    float mpop, mage;
    int8_t segment, pending;
    uint8_t n_domains;
    uint8_t id_len;
    uint8_t flags;
    uint8_t n_fired;      /* triggers that fired                               */
    uint8_t typical_days; /* active days that the typical vector stands for    */
    int32_t typical_day;  /* the last of them, days since the epoch            */
    uint16_t in_minute;   /* events counted in `minute`                          */
    uint16_t bought;      /* bit d: something of domain d                        */
    int64_t minute;       /* the newest with a counted event; INT64_MIN: none    */
    double interests;     /* V, a decayed sum with landmark last_ms              */
};

/* Times are kept in 48 bits: +-4,459 years around 1970. */
#define USER_TS_LIMIT (INT64_C(1) << 47)

struct past { /* an entry of the history, packed */
    uint32_t ts_low;
    int16_t ts_high;
    uint8_t domain;
    uint8_t action;
    uint32_t item;
};

struct interest { /* a category, packed; sorted by category */
    uint32_t category;
    float v; /* decayed to its last time, so never below 1 */
    uint32_t last_low;
    int16_t last_high;
    uint16_t unused;
};

struct fired { /* the last firing of a trigger, packed */
    uint32_t trigger;
    uint32_t what;
    uint32_t at_low;
    int16_t at_high;
    uint16_t unused;
};

struct taken { /* an entry of a repeat table, packed; sorted by item */
    uint32_t item;
    uint32_t count;
    uint32_t first_low, last_low;
    int16_t first_high, last_high;
};

static inline int64_t ts_join(int16_t high, uint32_t low) {
    return (int64_t)high * (INT64_C(1) << 32) + low;
}

static inline uint32_t ts_low(int64_t ts) {
    return (uint32_t)((uint64_t)ts & UINT32_MAX);
}

static inline int16_t ts_high(int64_t ts) {
    return (int16_t)((ts - (int64_t)ts_low(ts)) / (INT64_C(1) << 32));
}

static inline uint32_t area_of_set(uint8_t domain) {
    return AREA_FIRST + AREAS_PER_DOMAIN * (uint32_t)domain;
}

static inline uint32_t area_of_table(uint8_t domain) {
    return area_of_set(domain) + 1;
}

/** Bytes of an entry of an area. */
uint32_t user_block_entry_bytes(uint32_t area);

/** What a block of so many bytes is allocated with. */
size_t user_block_room(size_t bytes);

/** Bytes of a block whose areas are empty. */
uint32_t user_block_fixed_bytes(uint32_t n_domains, size_t id_len);

/** Makes a block without events of user_block_fixed_bytes(), all of it valid arguments. */
void user_block_init(struct user *u, uint32_t n_domains, const char *id, size_t id_len);

/* Places in the block, valid until it moves. Const in, mutable out, as strchr():
 * only holders of a mutable user write. */
struct user_domain *user_block_domain(const struct user *u, uint8_t domain);
struct user_area *user_block_area(const struct user *u, uint32_t area);
void *user_block_entries(const struct user *u, uint32_t area);
char *user_block_id(const struct user *u);

/** NULL: there is none. */
struct engagement_social *user_block_social(const struct user *u);

/** Bytes that USER_BYTES_LIMIT is for: without social interaction and firings. */
uint32_t user_block_counted(const struct user *u);
/** Of these, what cannot be had by dropping event ids beyond USER_EVENT_IDS_LEAST. */
uint32_t user_block_pressing(const struct user *u);

/** Grows an area to `cap` entries; new ones are zero. user_take() may go beyond USER_BYTES_MAX
 *  until it ends. @return ST_OK, or ST_NOMEM (nothing changed) */
MUST_CHECK enum status user_block_grow(struct user **u, uint32_t area, uint32_t cap);
/** The same in place: there is room behind the block. */
void user_block_extend(struct user *u, uint32_t area, uint32_t cap);

/** Makes place for social interaction, all zero, where there is none. @return ST_OK, or ST_NOMEM
 *  (nothing changed) */
MUST_CHECK enum status user_block_add_social(struct user **u);
/** The same in place: there is room behind the block. */
void user_block_extend_social(struct user *u);

/** The last firings, (n_fired,). */
struct fired *user_block_fired(const struct user *u);
/** Makes place for one more, all zero, behind the others. @return ST_OK, or ST_NOMEM (nothing
 *  changed) */
MUST_CHECK enum status user_block_add_fired(struct user **u);
/** The same in place: there is room behind the block. */
void user_block_extend_fired(struct user *u);

/** Shrinks an area in place to `cap` entries; gives no memory back. */
void user_block_shrink(struct user *u, uint32_t area, uint32_t cap);

#endif
